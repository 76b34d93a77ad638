//===- Compile.cpp - ONNX file to package ---------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Pipelines/Compile.h"
#include "dialects/ONNX/ONNX.h"
#include "dialects/Stream/Translate.h"
#include "lpu/Conversion/LinalgToStream.h"
#include "lpu/Conversion/ONNXToLinalg.h"
#include "lpu/Schedule/InsertFetches.h"
#include "lpu/Stream/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>
#include <set>

using namespace lpu;

/// The name of the ONNX node that an operation comes from.
static std::string nodeOf(mlir::Location location) {
  std::string node;
  location->walk([&](mlir::Location inner) {
    if (auto name = llvm::dyn_cast<mlir::NameLoc>(inner)) {
      node = name.getName().str();
      return mlir::WalkResult::interrupt();
    }
    return mlir::WalkResult::advance();
  });
  return node;
}

/// "error: node 'x': what" for diagnostics of passes: the ONNX node is the
/// location's name.
static void printDiagnostic(mlir::Diagnostic &diagnostic,
                            llvm::raw_ostream &os) {
  std::string node = nodeOf(diagnostic.getLocation());
  bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
  os << (isError ? "error: " : "warning: ");
  std::string text = diagnostic.str();
  if (!node.empty() && text.find(node) == std::string::npos)
    os << "node '" << node << "': ";
  os << text << "\n";
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    os << "note: " << note.str() << "\n";
}

namespace {
/// One way to schedule the model, ready to be assembled.
struct Candidate {
  stream::Program program;
  schedule::ScheduleResult scheduled;
};
} // namespace

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

/// Lowers a linalg module to a stream program; what is wrong goes to the
/// context's handler.
static mlir::LogicalResult lowerToStream(mlir::ModuleOp module,
                                         const Machine &machine,
                                         const LinalgToStreamOptions &options) {
  mlir::PassManager passes(module.getContext());
  passes.enableVerifier(false); // verify-stream applies the same rules
  passes.addPass(createConvertLinalgToStreamPass(machine, options));
  return passes.run(module);
}

static mlir::LogicalResult verifyStream(mlir::ModuleOp module,
                                        const Machine &machine) {
  mlir::PassManager passes(module.getContext());
  passes.enableVerifier(false);
  passes.addPass(createVerifyStreamPass(machine));
  return passes.run(module);
}

/// Stream program, schedule and text for one set of options; with the first of
/// `gaps` (ScheduleOptions::fetchGap) with which the text can be fetched.
/// Diagnostics of the conversion go to the context's handler; everything else
/// is in the error, one line each.
static llvm::Expected<Candidate>
trySchedule(mlir::ModuleOp linalg, const Machine &machine,
            const LinalgToStreamOptions &toStream, bool withoutWeights,
            llvm::ArrayRef<int64_t> gaps) {
  mlir::OwningOpRef<mlir::ModuleOp> module = linalg.clone();
  if (mlir::failed(lowerToStream(*module, machine, toStream)))
    return failure("");
  std::string text;
  {
    mlir::ScopedDiagnosticHandler handler(module->getContext(),
                                          [&](mlir::Diagnostic &diagnostic) {
                                            llvm::raw_string_ostream os(text);
                                            printDiagnostic(diagnostic, os);
                                            return mlir::success();
                                          });
    if (mlir::failed(verifyStream(*module, machine))) {
      llvm::StringRef lines = llvm::StringRef(text).rtrim();
      lines.consume_front("error: ");
      return failure(lines);
    }
  }
  auto program =
      stream::fromIR(*module->getBody()->getOps<stream::ProgramOp>().begin());
  if (mlir::failed(program))
    return failure("");
  schedule::ScheduleOptions options;
  options.withoutWeights = withoutWeights;
  std::string message;
  for (int64_t gap : gaps) {
    options.fetchGap = gap;
    auto scheduled = schedule::schedule(*program, machine, options);
    if (!scheduled)
      return scheduled.takeError();
    llvm::Error error = insertFetches(scheduled->program);
    if (!error)
      return Candidate{std::move(*program), std::move(*scheduled)};
    message = llvm::toString(std::move(error));
  }
  return failure(message);
}

/// Kernels of the longest loop body: the number of places where it can begin.
static unsigned loopBody(const stream::Program &program) {
  size_t kernels = 0;
  for (const stream::Segment &segment : program.segments)
    if (segment.iterations > 1)
      kernels = std::max(kernels, segment.kernels.size());
  return unsigned(kernels);
}

static size_t instructions(const Candidate &candidate) {
  size_t count = 0;
  for (const ClassProgram &one : candidate.scheduled.program.classes)
    for (const QueueProgram &queue : one.queues)
      count += flatten(queue).size();
  return count;
}

namespace {
/// What the model promises its user, and the ONNX nodes behind each output:
/// taken from the imported module, before anything is lowered.
class Interface {
public:
  explicit Interface(mlir::ModuleOp module) {
    auto main = *module.getOps<mlir::func::FuncOp>().begin();
    auto nameOf = [](mlir::DictionaryAttr attributes) {
      auto name = attributes.getAs<mlir::StringAttr>("onnx.name");
      return name ? name.str() : std::string();
    };
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      inputs.push_back(
          {nameOf(main.getArgAttrDict(i)), main.getArgument(i).getType(), {}});
    mlir::Operation *end = main.getBody().front().getTerminator();
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      outputs.push_back({nameOf(main.getResultAttrDict(i)),
                         end->getOperand(i).getType(),
                         nodesBehind(end->getOperand(i))});
  }

  /// Inputs, and outputs, are in SRAM together, each element with a byte at
  /// least. Whatever cannot fit by this is refused before any of its rows is
  /// looked at. Empty if it may fit.
  std::string misfit(const Machine &machine,
                     const ImportOptions &import) const {
    for (auto [what, tensors] : {std::make_pair("inputs", &inputs),
                                 std::make_pair("outputs", &outputs)}) {
      double bytes = 0;
      for (const Tensor &tensor : *tensors)
        bytes +=
            double(mlir::cast<mlir::ShapedType>(tensor.type).getNumElements());
      if (bytes <= double(machine.sramBytes()))
        continue;
      std::string flags;
      for (const auto &[name, size] : import.dims)
        flags += " --dim " + name + "=" + std::to_string(size);
      return llvm::formatv(
          "the model does not fit: its {0} take at least {1:F1} "
          "MiB of SRAM{2}{3}, a chip of '{4}' has {5:F1} MiB",
          what, bytes / (1 << 20), flags.empty() ? "" : " with", flags,
          machine.name, double(machine.sramBytes()) / (1 << 20));
    }
    return "";
  }

  /// The ONNX nodes that a host would have to execute around a package: those
  /// behind outputs that the package does not have, and all of them if it wants
  /// an input that the model does not have.
  unsigned hostNodes(const Package &package) const {
    auto has = [](const auto &bindings, const Tensor &tensor) {
      return llvm::any_of(bindings, [&](const TensorBinding &binding) {
        return binding.name == tensor.name &&
               llvm::equal(
                   binding.shape,
                   mlir::cast<mlir::ShapedType>(tensor.type).getShape());
      });
    };
    bool foreign = llvm::any_of(package.inputs, [&](const TensorBinding &b) {
      return llvm::none_of(inputs,
                           [&](const Tensor &t) { return t.name == b.name; });
    });
    std::set<std::string> nodes;
    for (const Tensor &output : outputs)
      if (foreign || !has(package.outputs, output))
        nodes.insert(output.nodes.begin(), output.nodes.end());
    return unsigned(nodes.size());
  }

private:
  struct Tensor {
    std::string name;
    mlir::Type type;
    std::set<std::string> nodes;
  };
  std::vector<Tensor> inputs, outputs;

  static std::set<std::string> nodesBehind(mlir::Value value) {
    std::set<std::string> names;
    llvm::DenseSet<mlir::Operation *> seen;
    llvm::SmallVector<mlir::Value> work{value};
    while (!work.empty()) {
      mlir::Operation *op = work.pop_back_val().getDefiningOp();
      if (!op || !seen.insert(op).second)
        continue;
      llvm::append_range(work, op->getOperands());
      if (op->getNumOperands() > 0) // constants and weights are no work
        names.insert(nodeOf(op->getLoc()));
    }
    return names;
  }
};
} // namespace

std::optional<CompileResult> lpu::compileModel(mlir::MLIRContext &context,
                                               const Machine &machine,
                                               const CompileOptions &options,
                                               llvm::raw_ostream &errors) {
  CompileResult result;
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  std::string stage;
  auto enter = [&](const char *name) {
    Clock::time_point now = Clock::now();
    if (!stage.empty())
      result.times.push_back(
          {stage, std::chrono::duration<double>(now - begin).count()});
    begin = now;
    stage = name;
    if (options.progress && *name)
      options.progress(name);
  };

  context.loadDialect<onnx::ONNXDialect, mlir::func::FuncDialect>();
  mlir::DialectRegistry registry;
  registerLinalgLayerDialects(registry);
  context.appendDialectRegistry(registry);
  context.printOpOnDiagnostic(false); // one line, in the user's terms
  bool quiet = false;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        auto severity = diagnostic.getSeverity();
        if (!quiet && (severity == mlir::DiagnosticSeverity::Error ||
                       severity == mlir::DiagnosticSeverity::Warning))
          printDiagnostic(diagnostic, errors);
        return mlir::success();
      });

  enter("import");
  ImportReport report;
  auto module = importONNX(context, options.input, options.import, report);
  if (!module) {
    report.printProblems(errors);
    return std::nullopt;
  }
  result.files = report.files;
  result.remarks = report.remarks;
  if (options.emit == "onnx") {
    module->print(*options.dump);
    return result;
  }

  Interface interface(*module);
  if (std::string misfit = interface.misfit(machine, options.import);
      !misfit.empty()) {
    errors << "error: " << misfit << "\n";
    return std::nullopt;
  }

  enter("linalg");
  mlir::PassManager passes(&context);
  // The chip computes with 32-bit integers, so 64-bit ones are narrowed here,
  // where the sentinels of ONNX are still known.
  ONNXToLinalgOptions toLinalg;
  toLinalg.narrowInt64 = true;
  passes.addPass(createConvertONNXToLinalgPass(toLinalg));
  // Equal subexpressions (masks built once per layer) become one.
  passes.addPass(mlir::createCSEPass());
  passes.addPass(createVerifyLinalgPass());
  if (mlir::failed(passes.run(*module)))
    return std::nullopt;
  if (options.emit == "linalg") {
    module->print(*options.dump);
    return result;
  }

  if (options.emit == "stream") {
    if (mlir::failed(lowerToStream(*module, machine, {})))
      return std::nullopt;
    module->print(*options.dump);
    (void)verifyStream(*module, machine); // printed even if it is illegal
    return result;
  }

  enter("schedule");
  // Equal layers run as one loop, and kernels overlap within an iteration only:
  // where the loop begins decides which kernels can. There is no rule for the
  // best place that beats trying them; a schedule of short text takes a few
  // hundredths of a second, and of long text fewer are tried.
  constexpr size_t mostTries = 16, mostInstructions = 200000;
  const int64_t gaps[] = {0, 2, 8};
  llvm::Expected<Candidate> best = trySchedule(
      *module, machine, LinalgToStreamOptions(), options.withoutWeights, gaps);
  std::string firstError;
  if (!best)
    firstError = llvm::toString(best.takeError());
  quiet = true;
  // Where the first place fails, a second one and straight-line text are tried.
  size_t phases = 2;
  if (best)
    phases = std::min({size_t(loopBody(best->program)), mostTries,
                       mostInstructions / (1 + instructions(*best)) + 1});
  for (size_t phase = 1; phase <= phases; ++phase) {
    LinalgToStreamOptions toStream;
    // The last try is straight-line: for models whose loop cannot be fetched.
    toStream.loopPhase = unsigned(phase);
    toStream.outlineRepeats = phase < phases;
    if (phase == phases && best)
      break;
    auto other = trySchedule(*module, machine, toStream, options.withoutWeights,
                             best ? llvm::ArrayRef(gaps).take_front()
                                  : llvm::ArrayRef(gaps));
    if (!other) {
      std::string text = llvm::toString(other.takeError());
      if (text.empty())
        break; // the model itself is refused
    } else if (!best || other->scheduled.cycles < best->scheduled.cycles) {
      best = std::move(other);
    }
  }
  quiet = false;
  if (!best) {
    if (!firstError.empty())
      errors << "error: " << firstError << "\n";
    return std::nullopt;
  }
  result.program = std::move(best->program);
  schedule::ScheduleResult *scheduled = &best->scheduled;
  result.kernels = std::move(scheduled->kernels);
  result.constantRows = scheduled->constantRows;
  result.temporaryRows = scheduled->temporaryRows;
  result.classes = scheduled->program.classes;
  for (const QueueProgram &queue : result.classes[0].queues)
    result.textRows += textRows(flatten(queue).size(), machine);
  enter("assemble");
  auto package = assemble(std::move(scheduled->program));
  if (!package) {
    errors << "error: " << llvm::toString(package.takeError()) << "\n";
    return std::nullopt;
  }
  result.package = std::move(*package);
  result.package.hostNodes = interface.hostNodes(result.package);
  for (TensorBinding &input : result.package.inputs)
    if (auto range = report.ranges.find(input.name);
        range != report.ranges.end() && input.chipType == isa::ElementType::i32)
      input.range = ValueRange{range->second.minimum, range->second.maximum,
                               range->second.table};

  if (options.verify) {
    enter("verify");
    result.verdict = verify::verify(result.package);
    if (!result.verdict.accepted()) {
      errors
          << "error: the verifier refuses the schedule; this is a bug of the "
             "compiler\n";
      for (const verify::Violation &v : result.verdict.violations)
        errors << v.str(machine) << "\n";
      if (result.verdict.cyclesDiffer)
        errors << "the schedule states " << result.package.cycles
               << " cycles, the verifier finds " << result.verdict.cycles
               << "\n";
      return std::nullopt;
    }
  }
  enter("");
  result.complete = true;
  return result;
}
