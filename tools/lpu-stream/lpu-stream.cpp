//===- lpu-stream.cpp - stream programs of models -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Converts a model (.onnx, or MLIR of the onnx or linalg layer) to a stream
// program, verifies it, and prints it or runs it on the host with the chip's
// numerics, before any cycle is scheduled.
//
//===----------------------------------------------------------------------===//

#include "dialects/ONNX/ONNX.h"
#include "lpu/Conversion/LinalgToStream.h"
#include "lpu/Conversion/ONNXToLinalg.h"
#include "lpu/Import/Import.h"
#include "lpu/Stream/Interpreter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

using namespace llvm;

static cl::OptionCategory category("Options of lpu-stream");
static cl::opt<std::string> inputFile(cl::Positional, cl::Required,
                                      cl::desc("<model.onnx | model.mlir>"),
                                      cl::cat(category));
static cl::opt<std::string> target("target", cl::desc("Machine or YAML file"),
                                   cl::init("lpu1"), cl::cat(category));
static cl::list<std::string> dims("dim", cl::desc("Size of a free dim"),
                                  cl::value_desc("name=size"),
                                  cl::cat(category));
static cl::opt<bool> printProgram("print", cl::desc("Print the program"),
                                  cl::cat(category));
static cl::opt<bool> summary("summary", cl::desc("Print a summary"),
                             cl::cat(category));
static cl::opt<std::string> inputs("inputs", cl::desc("Arrays to run with"),
                                   cl::value_desc("in.npz"), cl::cat(category));
static cl::opt<std::string> outputs("outputs", cl::desc("Where results go"),
                                    cl::value_desc("out.npz"),
                                    cl::cat(category));
static cl::opt<bool> noOutline("no-outline-repeats",
                               cl::desc("Leave equal layers straight-line"),
                               cl::cat(category));
static cl::opt<unsigned> loopPhase("loop-phase",
                                   cl::desc("Kernel with which a layer begins"),
                                   cl::init(0), cl::cat(category));
static cl::opt<unsigned> epilogueAlus("epilogue-alus",
                                      cl::desc("Most ALUs of an epilogue"),
                                      cl::init(0), cl::cat(category));

static mlir::OwningOpRef<mlir::ModuleOp> load(mlir::MLIRContext &context) {
  if (!StringRef(inputFile).ends_with(".onnx"))
    return mlir::parseSourceFile<mlir::ModuleOp>(inputFile, &context);
  lpu::ImportOptions options;
  for (StringRef text : dims) {
    auto [name, size] = text.rsplit('=');
    int64_t value;
    if (name.empty() || size.getAsInteger(10, value)) {
      errs() << "error: --dim " << text << ": write it as name=size\n";
      return nullptr;
    }
    options.dims[name.str()] = value;
  }
  lpu::ImportReport report;
  auto module = lpu::importONNX(context, inputFile, options, report);
  report.printProblems(errs());
  return module;
}

static void printSummary(const lpu::stream::Program &program) {
  using namespace lpu::stream;
  for (const Segment &segment : program.segments) {
    size_t counts[4] = {}, jobs = 0, alus = 0, kTiles = 0;
    for (const Kernel &kernel : segment.kernels) {
      ++counts[kernel.index()];
      if (auto *flow = std::get_if<Flow>(&kernel))
        alus += flowDemand(*flow, program).alus;
      if (auto *matmul = std::get_if<Matmul>(&kernel)) {
        jobs += matmul->jobs.size();
        for (const Job &job : matmul->jobs)
          kTiles += job.kTiles.size();
      }
    }
    outs() << "segment x" << segment.iterations << ": " << counts[0]
           << " flows (" << alus << " ALUs), " << counts[1] << " matmuls ("
           << jobs << " jobs, " << kTiles << " K tiles), " << counts[2]
           << " gathers, " << counts[3] << " transposes\n";
  }
  outs() << program.tiles.size() << " tiles\n";
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "stream programs of models\n");
  auto fail = [](Error error) {
    errs() << "error: " << toString(std::move(error)) << "\n";
    return 1;
  };
  Expected<lpu::Machine> machine = lpu::loadMachine(target);
  if (!machine)
    return fail(machine.takeError());

  mlir::DialectRegistry registry;
  registry.insert<lpu::onnx::ONNXDialect, mlir::func::FuncDialect>();
  lpu::registerLinalgLayerDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::OwningOpRef<mlir::ModuleOp> module = load(context);
  if (!module)
    return 1;
  mlir::PassManager passes(&context);
  lpu::ONNXToLinalgOptions narrow;
  narrow.narrowInt64 = true;
  passes.addPass(lpu::createConvertONNXToLinalgPass(narrow));
  passes.addPass(mlir::createCSEPass());
  // A module of the linalg layer holds no onnx op but weights.
  bool isGraph = false;
  module->walk([&](mlir::Operation *op) {
    StringRef name = op->getName().getStringRef();
    isGraph |= name.starts_with("onnx.") && name != "onnx.Initializer";
  });
  if (isGraph && mlir::failed(passes.run(*module)))
    return 1;

  lpu::LinalgToStreamOptions options;
  options.outlineRepeats = !noOutline;
  options.epilogueAlus = epilogueAlus;
  options.loopPhase = loopPhase;
  mlir::FailureOr<lpu::stream::Program> program =
      lpu::convertLinalgToStream(*module, *machine, options);
  if (mlir::failed(program))
    return 1;
  if (printProgram)
    outs() << lpu::stream::toString(*program);
  if (summary)
    printSummary(*program);
  std::vector<std::string> violations = lpu::stream::verify(*program, *machine);
  for (const std::string &violation : violations)
    errs() << "error: " << violation << "\n";
  if (!violations.empty())
    return 1;
  if (inputs.empty())
    return 0;
  auto arrays = lpu::readNpz(inputs);
  if (!arrays)
    return fail(arrays.takeError());
  auto results = lpu::stream::interpret(*program, *machine, *arrays);
  if (!results)
    return fail(results.takeError());
  if (!outputs.empty())
    if (Error error = lpu::writeNpz(outputs, *results))
      return fail(std::move(error));
  return 0;
}
