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
#include "lpu/Schedule/Group.h"
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

static cl::list<std::string> memberNames(
    "members", cl::CommaSeparated, cl::cat(category),
    cl::value_desc("program,..."),
    cl::desc("Programs of the chips of a group, in order (default: as many "
             "chips as the group of the only program has)"));

static cl::list<unsigned>
    memberLinks("links", cl::CommaSeparated, cl::cat(category),
                cl::value_desc("number,..."),
                cl::desc("Link number that leads to each member of the group "
                         "(default: 0, 1, ...)"));

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

namespace {
/// The chips that run together: one, or the members of a group.
struct Chips {
  std::vector<const lpu::stream::Program *> programs; // by chip
  std::vector<unsigned> kinds;                        // by chip
};
} // namespace

static Error schedule(const Chips &chips, const lpu::Machine &machine) {
  std::vector<const lpu::stream::Program *> kinds;
  std::vector<lpu::schedule::GroupMember> members;
  for (size_t i = 0; i < chips.programs.size(); ++i) {
    if (chips.kinds[i] == kinds.size())
      kinds.push_back(chips.programs[i]);
    members.push_back({chips.kinds[i], chips.programs[i]});
  }
  std::vector<unsigned> links(memberLinks.begin(), memberLinks.end());
  if (links.empty() && !kinds[0]->groups.empty())
    for (unsigned i = 0; i < chips.programs.size(); ++i)
      links.push_back(i);
  if (links.size() != (kinds[0]->groups.empty() ? 0 : chips.programs.size()))
    return createStringError("--links takes a number for each member");
  lpu::schedule::ScheduleOptions options;
  options.groupLinks.assign(kinds[0]->groups.size(), links);
  auto scheduled = lpu::schedule::scheduleGroup(kinds, machine, options);
  if (!scheduled)
    return scheduled.takeError();
  std::vector<const lpu::schedule::ScheduleResult *> results;
  lpu::ScheduledProgram joined;
  for (const lpu::schedule::ScheduleResult &result : *scheduled) {
    results.push_back(&result);
    joined.classes.push_back(result.program.classes[0]);
  }
  lpu::schedule::SourceFiles files;
  auto group = lpu::schedule::joinGroup(results, members,
                                        lpu::schedule::meshWires(links), files);
  if (!group)
    return group.takeError();
  joined.package = std::move(*group);
  if (Error error = lpu::insertFetches(joined))
    return error;
  auto assembled = lpu::assemble(std::move(joined));
  if (!assembled)
    return assembled.takeError();
  std::vector<lpu::TensorPlace> tensors;
  for (size_t i = 0; i < chips.kinds.size(); ++i)
    for (lpu::TensorPlace place : (*scheduled)[chips.kinds[i]].tensors) {
      place.chip = unsigned(i);
      tensors.push_back(std::move(place));
    }
  if (!tensors.empty())
    assembled->debug.emplace_back(lpu::tensorSectionName,
                                  lpu::writeTensorSection(tensors));
  return lpu::writePackage(*assembled, package);
}

static Error interpret(const Chips &chips, const lpu::Machine &machine) {
  auto arrays = lpu::readNpz(inputs);
  if (!arrays)
    return arrays.takeError();
  auto results = lpu::stream::interpretGroup(chips.programs, machine, *arrays);
  if (!results)
    return results.takeError();
  // Each output from the first chip that has it, as in a package.
  std::vector<lpu::NpyArray> first;
  for (std::vector<lpu::NpyArray> &arrays : *results)
    for (lpu::NpyArray &array : arrays)
      if (llvm::none_of(first, [&](const lpu::NpyArray &other) {
            return other.name == array.name;
          }))
        first.push_back(std::move(array));
  return outputs.empty() ? Error::success() : lpu::writeNpz(outputs, first);
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
  if (memberNames.empty() && !llvm::hasSingleElement(programs)) {
    errs() << "error: " << inputFile << " does not hold one stream program; "
           << "name those of the chips of a group (--members)\n";
    return 1;
  }
  std::vector<std::string> names(memberNames.begin(), memberNames.end());
  std::map<std::string, lpu::stream::Program> byName;
  std::map<std::string, unsigned> kindOf; // by text
  std::map<std::string, std::string> texts;
  for (lpu::stream::ProgramOp op : programs) {
    mlir::FailureOr<lpu::stream::Program> program = lpu::stream::fromIR(op);
    if (mlir::failed(program))
      return 1;
    if (summary)
      printSummary(*program);
    if (names.empty())
      names.assign(program->groups.empty() ? 1 : program->groups[0],
                   program->name);
    texts[program->name] = lpu::stream::formOf(*program, &context);
    byName[program->name] = std::move(*program);
  }
  Chips chips;
  for (const std::string &name : names) {
    auto found = byName.find(name);
    if (found == byName.end()) {
      errs() << "error: " << inputFile << " has no program @" << name << "\n";
      return 1;
    }
    chips.programs.push_back(&found->second);
    chips.kinds.push_back(
        kindOf.try_emplace(texts[name], unsigned(kindOf.size())).first->second);
  }
  for (const lpu::stream::Program *program : chips.programs)
    for (unsigned size : program->groups)
      if (size != chips.programs.size()) {
        errs() << "error: @" << program->name << " is of a group of " << size
               << " chips; " << chips.programs.size() << " are named\n";
        return 1;
      }
  if (!inputs.empty())
    if (Error error = interpret(chips, *machine))
      return fail(std::move(error));
  if (!package.empty())
    if (Error error = schedule(chips, *machine))
      return fail(std::move(error));
  return 0;
}
