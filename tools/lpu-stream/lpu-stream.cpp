//===- lpu-stream.cpp - stream programs of models -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads a model (.onnx, or MLIR of the onnx, linalg or stream layer), lowers it
// to a stream program, verifies it, and prints it, runs it on the host with the
// chip's numerics, or schedules it.
//
//===----------------------------------------------------------------------===//

#include "dialects/ONNX/ONNX.h"
#include "dialects/Stream/Translate.h"
#include "lpu/Conversion/LinalgToStream.h"
#include "lpu/Conversion/ONNXToLinalg.h"
#include "lpu/Import/Import.h"
#include "lpu/Schedule/InsertFetches.h"
#include "lpu/Schedule/Schedule.h"
#include "lpu/Stream/Interpreter.h"
#include "lpu/Stream/Passes.h"

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
                                      cl::desc("<model.onnx | program.mlir>"),
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
static cl::opt<std::string> package("o", cl::desc("Schedule; write a package"),
                                    cl::value_desc("file.lpu"),
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
    size_t counts[std::variant_size_v<Kernel>] = {}, jobs = 0, alus = 0,
           kTiles = 0;
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
           << " gathers, " << counts[3] << " transposes, " << counts[4]
           << " exchanges\n";
  }
  outs() << program.tiles.size() << " tiles\n";
}

/// Adds the passes that are between the module and the stream layer.
static void addLowering(mlir::ModuleOp module, const lpu::Machine &machine,
                        mlir::PassManager &passes) {
  bool isStream = !module.getOps<lpu::stream::ProgramOp>().empty();
  // A module of the linalg layer holds no onnx op but weights.
  bool isGraph = false;
  module->walk([&](mlir::Operation *op) {
    StringRef name = op->getName().getStringRef();
    isGraph |= name.starts_with("onnx.") && name != "onnx.Initializer";
  });
  if (isGraph) {
    lpu::ONNXToLinalgOptions narrow;
    narrow.narrowInt64 = true;
    passes.addPass(lpu::createConvertONNXToLinalgPass(narrow));
    passes.addPass(mlir::createCSEPass());
  }
  lpu::LinalgToStreamOptions options;
  options.outlineRepeats = !noOutline;
  options.epilogueAlus = epilogueAlus;
  options.loopPhase = loopPhase;
  if (!isStream)
    passes.addPass(lpu::createConvertLinalgToStreamPass(machine, options));
}

static Error schedule(const lpu::stream::Program &program,
                      const lpu::Machine &machine) {
  auto scheduled = lpu::schedule::schedule(program, machine, {});
  if (!scheduled)
    return scheduled.takeError();
  if (Error error = lpu::insertFetches(scheduled->program))
    return error;
  auto assembled = lpu::assemble(std::move(scheduled->program));
  if (!assembled)
    return assembled.takeError();
  return lpu::writePackage(*assembled, package);
}

static Error interpret(const lpu::stream::Program &program,
                       const lpu::Machine &machine) {
  auto arrays = lpu::readNpz(inputs);
  if (!arrays)
    return arrays.takeError();
  auto results = lpu::stream::interpret(program, machine, *arrays);
  if (!results)
    return results.takeError();
  return outputs.empty() ? Error::success() : lpu::writeNpz(outputs, *results);
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
  registry.insert<lpu::onnx::ONNXDialect, mlir::func::FuncDialect,
                  lpu::stream::StreamDialect>();
  lpu::registerLinalgLayerDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::OwningOpRef<mlir::ModuleOp> module = load(context);
  if (!module)
    return 1;
  mlir::PassManager lower(&context), verify(&context);
  addLowering(*module, *machine, lower);
  if (mlir::failed(lower.run(*module)))
    return 1;
  if (printProgram)
    outs() << *module << "\n";
  verify.addPass(lpu::createVerifyStreamPass(*machine));
  if (mlir::failed(verify.run(*module)))
    return 1;
  auto programs = module->getOps<lpu::stream::ProgramOp>();
  if (!llvm::hasSingleElement(programs)) {
    errs() << "error: " << inputFile << " does not hold one stream program\n";
    return 1;
  }
  mlir::FailureOr<lpu::stream::Program> program =
      lpu::stream::fromIR(*programs.begin());
  if (mlir::failed(program))
    return 1;
  if (summary)
    printSummary(*program);
  if (!inputs.empty())
    if (Error error = interpret(*program, *machine))
      return fail(std::move(error));
  if (!package.empty())
    if (Error error = schedule(*program, *machine))
      return fail(std::move(error));
  return 0;
}
