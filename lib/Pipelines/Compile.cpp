//===- Compile.cpp - ONNX file to package ---------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Pipelines/Compile.h"
#include "dialects/ONNX/ONNX.h"
#include "lpu/Conversion/LinalgToStream.h"
#include "lpu/Conversion/ONNXToLinalg.h"
#include "lpu/Schedule/InsertFetches.h"
#include "lpu/Stream/Balance.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include <chrono>

using namespace lpu;

/// "error: node 'x': what" for diagnostics of passes: the ONNX node is the
/// location's name.
static void printDiagnostic(mlir::Diagnostic &diagnostic,
                            llvm::raw_ostream &os) {
  std::string node;
  diagnostic.getLocation()->walk([&](mlir::Location inner) {
    if (auto name = llvm::dyn_cast<mlir::NameLoc>(inner)) {
      node = name.getName().str();
      return mlir::WalkResult::interrupt();
    }
    return mlir::WalkResult::advance();
  });
  os << "error: ";
  std::string text = diagnostic.str();
  if (!node.empty() && text.find(node) == std::string::npos)
    os << "node '" << node << "': ";
  os << text << "\n";
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    os << "note: " << note.str() << "\n";
}

/// numpy's name of an element type of the model.
static std::string hostTypeName(mlir::Type type) {
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(type)) {
    if (integer.getWidth() == 1)
      return "bool";
    return (integer.isUnsigned() ? "uint" : "int") +
           std::to_string(integer.getWidth());
  }
  return "float" + std::to_string(type.getIntOrFloatBitWidth());
}

/// Types of the model's inputs and outputs as the file declares them.
static std::map<std::string, std::string> hostTypes(mlir::ModuleOp module) {
  std::map<std::string, std::string> types;
  module.walk([&](mlir::func::FuncOp function) {
    auto record = [&](mlir::DictionaryAttr attributes, mlir::Type type) {
      auto name = attributes
                      ? attributes.getAs<mlir::StringAttr>("onnx.name")
                      : mlir::StringAttr();
      if (auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type))
        if (name)
          types[name.str()] = hostTypeName(tensor.getElementType());
    };
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      record(function.getArgAttrDict(i), function.getArgumentTypes()[i]);
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      record(function.getResultAttrDict(i), function.getResultTypes()[i]);
  });
  return types;
}

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
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
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
  if (options.emit == "onnx") {
    module->print(*options.dump);
    return result;
  }

  // The chip narrows 64-bit integers; the user's arrays keep their type.
  std::map<std::string, std::string> userTypes = hostTypes(*module);

  enter("linalg");
  mlir::PassManager passes(&context);
  // The chip computes with 32-bit integers, so 64-bit ones are narrowed here, where the
  // sentinels of ONNX are still known.
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

  enter("stream");
  // All columns that a flow reads or writes stand in different slices, some of
  // them twice (tiles in both halves): flows must be small where slices are few.
  LinalgToStreamOptions toStream;
  unsigned slices = machine.numSlices() - unsigned(machine.textSlices.size());
  toStream.flowStreams =
      std::max(14u, std::min(machine.streams, slices * 2 / 5));
  auto program = convertLinalgToStream(*module, machine, toStream);
  if (mlir::failed(program))
    return std::nullopt;
  stream::balanceShortJobs(*program, machine);
  result.program = std::move(*program);
  for (stream::Tile &tile : result.program.tiles)
    if (auto it = userTypes.find(tile.binding.name); it != userTypes.end())
      tile.binding.hostType = it->second;
  if (options.emit == "stream")
    *options.dump << stream::toString(result.program);
  std::vector<std::string> problems = stream::verify(result.program, machine);
  for (const std::string &problem : problems)
    errors << "error: " << problem << "\n";
  if (!problems.empty())
    return std::nullopt;
  if (options.emit == "stream")
    return result;

  enter("schedule");
  schedule::ScheduleOptions scheduleOptions;
  scheduleOptions.withoutWeights = options.withoutWeights;
  auto scheduled = schedule::schedule(result.program, machine, scheduleOptions);
  if (!scheduled) {
    errors << "error: " << llvm::toString(scheduled.takeError()) << "\n";
    return std::nullopt;
  }
  result.kernels = std::move(scheduled->kernels);
  result.constantRows = scheduled->constantRows;
  result.temporaryRows = scheduled->temporaryRows;

  enter("text");
  if (auto error = insertFetches(scheduled->program)) {
    errors << "error: " << llvm::toString(std::move(error)) << "\n";
    return std::nullopt;
  }
  result.classes = scheduled->program.classes;
  for (const QueueProgram &queue : result.classes[0].queues)
    result.textRows += textRows(flatten(queue).size(), machine);
  auto package = assemble(std::move(scheduled->program));
  if (!package) {
    errors << "error: " << llvm::toString(package.takeError()) << "\n";
    return std::nullopt;
  }
  result.package = std::move(*package);

  if (options.verify) {
    enter("verify");
    result.verdict = verify::verify(result.package);
    if (!result.verdict.accepted()) {
      errors << "error: the verifier refuses the schedule; this is a bug of the "
                "compiler\n";
      for (const verify::Violation &v : result.verdict.violations)
        errors << v.str(machine) << "\n";
      if (result.verdict.cyclesDiffer)
        errors << "the schedule states " << result.package.cycles
               << " cycles, the verifier finds " << result.verdict.cycles << "\n";
      return std::nullopt;
    }
  }
  enter("");
  result.complete = true;
  return result;
}
