//===- Search.cpp - the best schedule for one chip ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Search.h"
#include "dialects/Stream/Translate.h"
#include "lpu/Schedule/Group.h"
#include "lpu/Schedule/InsertFetches.h"
#include "lpu/Schedule/RollLoops.h"
#include "lpu/Stream/Passes.h"
#include "lpu/Support/NodeName.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

using namespace lpu;
using namespace lpu::pipelines;

void pipelines::printDiagnostic(mlir::Diagnostic &diagnostic,
                                llvm::raw_ostream &os) {
  std::string node = nodeName(diagnostic.getLocation());
  bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
  os << (isError ? "error: " : "warning: ");
  std::string text = diagnostic.str();
  if (!node.empty() && text.find(node) == std::string::npos)
    os << "node '" << node << "': ";
  os << text << "\n";
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    os << "note: " << note.str() << "\n";
}

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

mlir::LogicalResult
pipelines::lowerToStream(mlir::ModuleOp module, const Machine &machine,
                         const LinalgToStreamOptions &options) {
  mlir::PassManager passes(module.getContext());
  passes.enableVerifier(false); // verify-stream applies the same rules
  passes.addPass(createConvertLinalgToStreamPass(machine, options));
  return passes.run(module);
}

mlir::LogicalResult pipelines::verifyStream(mlir::ModuleOp module,
                                            const Machine &machine) {
  mlir::PassManager passes(module.getContext());
  passes.enableVerifier(false);
  passes.addPass(createVerifyStreamPass(machine));
  return passes.run(module);
}

/// The program as the scheduler takes it, checked.
static llvm::Expected<stream::Program>
checkedProgram(stream::Program given, mlir::MLIRContext *context,
               const Machine &machine) {
  if (stream::check(given, &machine).empty())
    return std::move(given);
  // What is wrong is said of operations, at their places in the model.
  context->loadDialect<stream::StreamDialect>();
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(context));
  module->push_back(stream::toIR(given, context).release());
  std::string text;
  {
    mlir::ScopedDiagnosticHandler handler(context,
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
  return std::move(*program);
}

llvm::Expected<stream::Program>
pipelines::streamProgram(mlir::ModuleOp linalg, const Machine &machine,
                         const LinalgToStreamOptions &options) {
  auto program = convertLinalgToStream(linalg, machine, options);
  if (mlir::failed(program))
    return failure("");
  return checkedProgram(std::move(*program), linalg.getContext(), machine);
}

/// How errors of insertFetches begin.
static constexpr llvm::StringRef textError = "program text cannot be placed";

/// Whether the text of the queues would fill more than all text banks.
static bool isTooLong(const schedule::ScheduleResult &one,
                      const Machine &machine) {
  size_t rows = 0, room = 0;
  for (const ClassProgram &each : one.program.classes)
    for (const QueueProgram &queue : each.queues)
      rows += textRows(flatten(queue).size(), machine);
  for (unsigned c = 0; c < one.program.classes.size(); ++c)
    for (const TextBank &bank : freeTextBanks(one.program, c))
      room += bank.rows;
  return rows > room;
}

/// Fetches the text of a schedule, with `roll` after what repeats has been
/// rolled into loops that half of a buffer holds, first in the queues that have
/// idle cycles for it, then in all. `plain` are the queues without their
/// fetches; `tooLong` if text banks have no room for them.
static llvm::Error fetchText(schedule::ScheduleResult &one,
                             const Machine &machine, bool roll,
                             std::vector<ClassProgram> &plain, bool &tooLong) {
  plain = one.program.classes;
  tooLong = isTooLong(one, machine);
  if (!roll)
    return insertFetches(one.program);
  const std::vector<ClassProgram> given = plain;
  std::string message = textError.str();
  for (bool slices : {false, true}) {
    plain = given;
    for (ClassProgram &each : plain)
      rollLoops(each, machine,
                machine.bufferRows * machine.instructionsPerRow() / 2, slices);
    one.program.classes = plain;
    tooLong = isTooLong(one, machine);
    if (tooLong)
      continue;
    // A step of a base register may be what happens last.
    one.cycles = 0;
    for (const ClassProgram &each : plain)
      one.cycles = std::max(one.cycles, schedule::programCycles(each, machine));
    one.program.package.cycles = one.cycles;
    llvm::Error error = insertFetches(one.program);
    if (!error)
      return error;
    message = llvm::toString(std::move(error));
  }
  return llvm::createStringError(message);
}

namespace {
struct Kernels {
  stream::Program program;
  KernelForms forms;
};
} // namespace

/// Of the segments that exchange rows with other chips: iterations, exchanges.
static std::vector<std::pair<int64_t, int64_t>>
exchangesOf(const stream::Program &program) {
  std::vector<std::pair<int64_t, int64_t>> result;
  for (const stream::Segment &segment : program.segments)
    if (int64_t count =
            llvm::count_if(segment.kernels, [](const stream::Kernel &kernel) {
              return std::holds_alternative<stream::Exchange>(kernel);
            }))
      result.push_back({segment.iterations, count});
  return result;
}

/// The chips of a group have loops around the same exchanges, or none: what
/// repeats on one need not on another that has another share.
static std::vector<stream::Program>
arrangeAlike(llvm::ArrayRef<Kernels> kernels, const Machine &machine,
             LinalgToStreamOptions options) {
  std::vector<stream::Program> programs;
  for (const Kernels &given : kernels) {
    programs.push_back(given.program);
    arrangeKernels(programs.back(), machine, options, given.forms);
    if (!options.outlineRepeats ||
        exchangesOf(programs.back()) == exchangesOf(programs.front()))
      continue;
    options.outlineRepeats = false;
    return arrangeAlike(kernels, machine, options);
  }
  return programs;
}

/// Stream programs, schedules and text for one way to arrange kernels; with the
/// first of `gaps` (ScheduleOptions::fetchGap) with which the text can be
/// fetched. What is wrong is in the error, one line each.
static llvm::Expected<Candidate>
trySchedule(llvm::ArrayRef<Kernels> kernels, mlir::MLIRContext *context,
            const Machine &machine, const LinalgToStreamOptions &toStream,
            schedule::ScheduleOptions options, llvm::ArrayRef<int64_t> gaps,
            bool roll = false) {
  std::vector<stream::Program> programs;
  for (stream::Program &arranged : arrangeAlike(kernels, machine, toStream)) {
    auto program = checkedProgram(std::move(arranged), context, machine);
    if (!program)
      return program.takeError();
    programs.push_back(std::move(*program));
  }
  std::vector<const stream::Program *> kinds;
  for (const stream::Program &program : programs)
    kinds.push_back(&program);
  std::string message;
  bool allTooLong = false;
  for (int64_t gap : gaps) {
    if (allTooLong) // more cycles to fetch make no difference
      break;
    allTooLong = true;
    for (bool keep : {false, true}) {
      if (keep && !schedule::usesTextSlices(machine))
        continue;
      options.fetchGap = gap;
      options.keepTextSlices = keep;
      auto scheduled = schedule::scheduleGroup(kinds, machine, options);
      if (!scheduled && !keep)
        return scheduled.takeError();
      if (!scheduled) { // the data needs these slices
        llvm::consumeError(scheduled.takeError());
        continue;
      }
      Candidate candidate{toStream, {}};
      message.clear();
      for (auto [program, one] : llvm::zip(programs, *scheduled)) {
        std::vector<ClassProgram> plain;
        bool tooLong = false;
        llvm::Error error = fetchText(one, machine, roll, plain, tooLong);
        allTooLong &= tooLong;
        if (error) {
          message = llvm::toString(std::move(error));
          break;
        }
        candidate.classes.push_back(
            {program, std::move(one), std::move(plain)});
      }
      if (message.empty())
        return candidate;
    }
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
  for (const ClassSchedule &each : candidate.classes)
    for (const ClassProgram &one : each.scheduled.program.classes)
      for (const QueueProgram &queue : one.queues)
        count += flatten(queue).size();
  return count;
}

llvm::Expected<Candidate>
pipelines::searchSchedule(llvm::ArrayRef<mlir::ModuleOp> linalg,
                          const Machine &machine,
                          schedule::ScheduleOptions options, Enter enter) {
  enter("kernels");
  // Equal layers run as one loop, and kernels overlap within an iteration only:
  // where the loop begins decides which kernels can. There is no rule for the
  // best place that beats trying them; a schedule of short text takes a few
  // hundredths of a second, and of long text fewer are tried.
  constexpr size_t mostTries = 16, mostInstructions = 200000;
  const int64_t gaps[] = {0, 2, 8};
  // Which bytes go into the image is decided by none of them.
  const bool withoutWeights = options.withoutWeights;
  options.withoutWeights = true;
  // Blocks cost cycles (lpu/Stream/Interleave.h): the fewer come first.
  LinalgToStreamOptions plain;
  plain.scales = std::make_shared<WeightScales>();
  LinalgToStreamOptions fewBlocks = plain;
  fewBlocks.memoryShare = plain.memoryShare + 1;
  std::vector<Kernels> kernels; // of each module
  for (mlir::ModuleOp module : linalg) {
    auto program = convertToKernels(module, machine, plain);
    if (mlir::failed(program))
      return failure("");
    kernels.push_back({std::move(*program), {}});
    kernels.back().forms = kernelForms(kernels.back().program);
  }
  enter("schedule");
  mlir::MLIRContext *context = mlir::ModuleOp(linalg.front()).getContext();
  llvm::Expected<Candidate> best =
      trySchedule(kernels, context, machine, fewBlocks, options, gaps);
  bool hasFewBlocks = bool(best);
  if (!best) {
    llvm::consumeError(best.takeError());
    best = trySchedule(kernels, context, machine, plain, options, gaps);
  }
  std::string firstError;
  if (!best)
    firstError = llvm::toString(best.takeError());
  // Where the text is too long for its banks or for the idle cycles, what
  // repeats in a queue is rolled into loops.
  bool isRolled = false;
  if (!best && llvm::StringRef(firstError).starts_with(textError)) {
    auto other = trySchedule(kernels, context, machine, plain, options, gaps,
                             /*roll=*/true);
    isRolled = bool(other);
    if (isRolled)
      best = std::move(other);
    else
      llvm::consumeError(other.takeError());
  }
  // Where that fails too, a second place and straight-line text are tried.
  size_t phases = isRolled ? 1 : 2;
  if (best && !isRolled)
    phases =
        std::min({size_t(loopBody(best->classes.front().program)), mostTries,
                  mostInstructions / (1 + instructions(*best)) + 1});
  for (size_t phase = 1; phase <= phases; ++phase) {
    LinalgToStreamOptions toStream = hasFewBlocks ? fewBlocks : plain;
    // The last try is straight-line: for models whose loop cannot be fetched.
    toStream.loopPhase = unsigned(phase);
    toStream.outlineRepeats = phase < phases;
    if (phase == phases && best)
      break;
    auto other = trySchedule(kernels, context, machine, toStream, options,
                             best ? llvm::ArrayRef(gaps).take_front()
                                  : llvm::ArrayRef(gaps));
    if (!other)
      llvm::consumeError(other.takeError());
    else if (!best || other->cycles() < best->cycles())
      best = std::move(other);
  }
  if (!best)
    return failure(firstError);
  for (ClassSchedule &each : best->classes)
    each.scheduled.image.withoutBytes = withoutWeights;
  return best;
}

llvm::Error pipelines::loadImage(ClassSchedule &only) {
  Package &package = only.scheduled.program.package;
  schedule::SourceFiles files;
  auto image = schedule::makeImage(only.scheduled.image, only.program,
                                   package.machine, files);
  if (!image)
    return image.takeError();
  package.chips.front().image = std::move(image->segments);
  return llvm::Error::success();
}
