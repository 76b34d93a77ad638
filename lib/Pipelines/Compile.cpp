//===- Compile.cpp - ONNX file to package ---------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Pipelines/Compile.h"
#include "Chips.h"
#include "Search.h"
#include "dialects/ONNX/ONNX.h"
#include "lpu/Conversion/LinalgToStream.h"
#include "lpu/Conversion/ONNXToLinalg.h"
#include "lpu/Support/NodeName.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SaveAndRestore.h"
#include <chrono>
#include <set>

using namespace lpu;
using namespace lpu::pipelines;

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
    for (unsigned i = 0; i < main.getNumArguments(); ++i) {
      inputs.push_back({nameOf(main.getArgAttrDict(i)),
                        main.getArgument(i).getType(),
                        {},
                        ""});
      if (auto type = main.getArgAttrOfType<mlir::StringAttr>(i, "onnx.type"))
        inputs.back().hostType = type.str();
    }
    mlir::Operation *end = main.getBody().front().getTerminator();
    for (unsigned i = 0; i < main.getNumResults(); ++i)
      outputs.push_back({nameOf(main.getResultAttrDict(i)),
                         end->getOperand(i).getType(),
                         nodesBehind(end->getOperand(i)), ""});
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

  /// Inputs that nothing reads are part of the model all the same: whoever runs
  /// it may give them. They have no place on the chip.
  void addUnread(Package &package) const {
    for (const Tensor &tensor : inputs) {
      if (llvm::any_of(package.inputs, [&](const TensorBinding &binding) {
            return binding.name == tensor.name;
          }))
        continue;
      TensorBinding binding;
      binding.name = tensor.name;
      binding.hostType = tensor.hostType;
      auto type = mlir::cast<mlir::ShapedType>(tensor.type);
      binding.shape.assign(type.getShape().begin(), type.getShape().end());
      binding.chipType = mlir::isa<mlir::FloatType>(type.getElementType())
                             ? isa::ElementType::f32
                             : isa::ElementType::i32;
      package.inputs.push_back(std::move(binding));
    }
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
    std::string hostType;
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
        names.insert(nodeName(op->getLoc()));
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
    if (stage == name)
      return;
    Clock::time_point now = Clock::now();
    double seconds = std::chrono::duration<double>(now - begin).count();
    // Stages may be entered again: plans that do not fit are made anew.
    auto known = llvm::find_if(
        result.times, [&](const auto &time) { return time.stage == stage; });
    if (known != result.times.end())
      known->seconds += seconds;
    else if (!stage.empty())
      result.times.push_back({stage, seconds});
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

  ChipsPlan plan;
  auto refuse = [&](llvm::Error error) {
    std::string text = llvm::toString(std::move(error));
    if (!text.empty())
      errors << "error: " << text << "\n";
    return std::nullopt;
  };
  if (options.chips / options.replicas > 1) {
    enter("partition");
    auto wouldDo = [&](unsigned chips) {
      return canSchedule(*module, machine, options, quiet, chips);
    };
    auto chosen = planChips(*module, machine, options, quiet, {}, wouldDo);
    if (!chosen)
      return refuse(chosen.takeError());
    plan = std::move(*chosen);
    result.plan = plan.text;
  }

  ScheduledProgram scheduled;
  schedule::ScheduleOptions single;
  single.withoutWeights = options.withoutWeights;
  auto useOneChip = [&](ClassSchedule &only) -> llvm::Error {
    if (llvm::Error error = loadImage(only))
      return error;
    result.stages.clear();
    result.kinds.clear();
    result.kinds.push_back({std::move(only.program),
                            std::move(only.scheduled.kernels),
                            firstCompute(only.withoutFetches.front())});
    result.constantRows = only.scheduled.constantRows;
    result.temporaryRows = only.scheduled.temporaryRows;
    scheduled = std::move(only.scheduled.program);
    scheduled.tensors = std::move(only.scheduled.tensors);
    return llvm::Error::success();
  };
  if (plan.module) {
    auto joined =
        scheduleOrReplan(*module, machine, options, quiet, plan, result, enter);
    result.plan = plan.text;
    // What the planner chooses by itself is never slower than one chip.
    std::optional<Candidate> alone;
    if (options.stages == 0 && options.tensorWidth == 0 &&
        !options.throughput) {
      llvm::SaveAndRestore silent(quiet, true);
      auto best = searchSchedule(*module, machine, single, enter);
      if (best)
        alone = std::move(*best);
      else
        llvm::consumeError(best.takeError());
    }
    if (alone &&
        (!joined || uint64_t(alone->cycles()) <= joined->package.cycles)) {
      result.plan += llvm::formatv(
          "one chip      {0} cycles, which is {1}: one chip is used\n",
          alone->cycles(),
          joined ? llvm::formatv("no more than the {0} of the plan",
                                 joined->package.cycles)
                       .str()
                 : std::string("what can be scheduled"));
      if (!joined)
        llvm::consumeError(joined.takeError());
      if (llvm::Error error = useOneChip(alone->classes.front()))
        return refuse(std::move(error));
      plan.module = nullptr;
    } else if (!joined) {
      (void)refuse(joined.takeError());
      if (plan.hasNoRoom)
        errors << "note: " << whatHasSchedule(*module, machine, options, quiet)
               << "\n";
      return std::nullopt;
    } else {
      scheduled = std::move(*joined);
    }
  } else {
    auto best = searchSchedule(*module, machine, single, enter);
    if (!best)
      return refuse(best.takeError());
    if (llvm::Error error = useOneChip(best->classes.front()))
      return refuse(std::move(error));
  }
  if (options.replicas > 1) {
    auto topology = systemOf(machine, options);
    if (!topology)
      return refuse(topology.takeError());
    if (llvm::Error error =
            replicate(scheduled, *topology, options.replicas, result))
      return refuse(std::move(error));
  }
  result.classes = scheduled.classes;
  result.tensors = std::move(scheduled.tensors);
  std::vector<size_t> rows; // by class
  for (const ClassProgram &each : result.classes) {
    rows.push_back(0);
    for (const QueueProgram &queue : each.queues)
      rows.back() += textRows(flatten(queue).size(), machine);
  }
  for (const Chip &chip : scheduled.package.chips)
    result.textRows += rows[chip.chipClass];
  enter("assemble");
  auto package = assemble(std::move(scheduled));
  if (!package) {
    errors << "error: " << llvm::toString(package.takeError()) << "\n";
    return std::nullopt;
  }
  result.package = std::move(*package);
  result.package.programName =
      llvm::json::fixUTF8(llvm::sys::path::stem(options.input));
  result.package.interval = initiationInterval(result.package, result.classes);
  interface.addUnread(result.package);
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
