//===- lpu-mutate.cpp - both judges on seeded single faults ---------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the emulator and the verifier on mutants of a package and demands the
// same verdict: no mutant that the verifier accepts faults, none that it
// refuses runs through, and the cycles of accepted ones are equal. Only where
// data supplies an address may the emulator see more.
//
//===----------------------------------------------------------------------===//

#include "../lpu-random/RandomProgram.h"
#include "Mutator.h"
#include "Programs.h"
#include "lpu/Emulator/Emulator.h"
#include "lpu/Verify/Verify.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace llvm;
using namespace lpu;

static cl::list<std::string> paths(cl::Positional, cl::desc("<package>..."));
static cl::opt<unsigned>
    programs("programs", cl::desc("Besides packages: this many built-in "
                                  "programs of each kind"));
static cl::opt<unsigned>
    randoms("random", cl::desc("This many random programs on random machines"));
static cl::opt<unsigned>
    systems("systems", cl::desc("This many random programs of up to 8 chips"));
static cl::opt<std::string> machineName("machine", cl::init("nano"),
                                        cl::desc("Machine of these programs"));
static cl::opt<unsigned> seeds("seeds", cl::init(500),
                               cl::desc("Mutants per package (default 500)"));
static cl::opt<uint64_t> firstSeed("first-seed", cl::init(0),
                                   cl::desc("Number of the first mutant"));
static cl::opt<std::string> engine("engine", cl::init("event"),
                                   cl::desc("tick or event"));
static cl::opt<uint64_t> maxCycles("max-cycles", cl::init(1000000),
                                   cl::desc("Longer mutants are skipped"));
static cl::opt<bool> differences("differences",
                                 cl::desc("Print the reports of faulty mutants "
                                          "that name different first faults"));
static cl::opt<bool> dataFree("data-free",
                              cl::desc("Event engine: no values; "
                                       "addresses from data are 0"));
static cl::opt<bool>
    relocations("relocations",
                cl::desc("Mutants of what single chips have for their own, "
                         "instead of text"));
static cl::opt<bool>
    chipWise("chip-wise", cl::desc("Judge every chip on its own as well: the "
                                   "verifier must say the same"));
static cl::opt<bool> show("show", cl::desc("Print every mutant and verdict"));
static cl::opt<std::string>
    writeTo("write",
            cl::desc("Write the mutant of --first-seed here and stop"));

namespace {

struct Tally {
  unsigned mutants = 0, faulty = 0, legal = 0, skipped = 0, dataDependent = 0,
           sameFault = 0, wrong = 0;
  std::map<std::string, unsigned> classes; // of the emulator's faults
};

struct Run {
  emulator::RunResult result;
  bool outputMissing = false; // the host would read a row never written
};

/// Calls body(column, row of the column) for the rows that the host touches.
template <typename Body>
void forEachRow(const TensorBinding &tensor, Body body) {
  unsigned bytes = isa::byteWidth(tensor.chipType);
  for (const Placement &placement : tensor.placements)
    for (size_t c = 0; c < placement.columns.size(); ++c)
      for (unsigned r = c / bytes % placement.stripes; r < placement.tensorRows;
           r += placement.stripes)
        body(placement.columns[c],
             placement.columns[c].row + r / placement.stripes);
}

Expected<Run> emulate(const Package &package) {
  Expected<std::unique_ptr<emulator::Engine>> created =
      engine == "tick" ? emulator::createTickEngine(package)
                       : emulator::createEventEngine(package);
  if (!created)
    return created.takeError();
  // Zeros as inputs: the verdict must not depend on them.
  std::vector<uint8_t> bytes(package.machine.lanes);
  for (const TensorBinding &input : package.inputs)
    forEachRow(input, [&](const Column &column, unsigned row) {
      (*created)->writeRow(column.chip, column.slice, column.bank, row, bytes);
    });
  emulator::RunOptions options;
  options.maxCycles = maxCycles;
  options.dataFree = dataFree;
  options.runs = package.interval ? 6 : 1; // as many as may meet
  Run run;
  run.result = (*created)->run(options);
  if (dataFree) // what data-supplied addresses leave out says nothing
    return run;
  for (const TensorBinding &output : package.outputs)
    forEachRow(output, [&](const Column &column, unsigned row) {
      run.outputMissing |= !(*created)->readRow(column.chip, column.slice,
                                                column.bank, row, bytes);
    });
  return run;
}

/// A fault that data decides: an access whose row the verifier does not judge.
bool dependsOnData(const emulator::Fault &fault, const Machine &machine,
                   const verify::Result &verdict) {
  using emulator::FaultClass;
  return verdict.dataSupplied > 0 &&
         machine.queueUnit(fault.offender.queue).first == Unit::Mem &&
         (fault.kind == FaultClass::AddressOutOfRange ||
          fault.kind == FaultClass::UninitialisedRead ||
          fault.kind == FaultClass::UnspecifiedBehaviour);
}

bool sameParty(const verify::Party &a, const emulator::Party &b) {
  return a.chip == b.chip && a.queue == b.queue && a.textIndex == b.textIndex &&
         uint64_t(a.cycle) == b.cycle;
}

/// Class, cycle, chip and both parties.
bool sameReport(const verify::Violation &a, const emulator::Fault &b) {
  return unsigned(a.fault) == unsigned(b.kind) &&
         uint64_t(a.cycle) == b.cycle && a.chip == b.chip && a.offender &&
         sameParty(*a.offender, b.offender) &&
         a.other.has_value() == b.other.has_value() &&
         (!a.other || sameParty(*a.other, *b.other));
}

/// What every chip on its own is found to do, if it differs. A fault of a text
/// is reported on one chip of the class there, on all of them here: then the
/// first one counts.
std::string otherForm(const Package &package, const verify::Result &verdict) {
  verify::Options options;
  options.chipWise = true;
  verify::Result other = verify::verify(package, options);
  auto text = [&](const verify::Result &result) {
    std::string all;
    if (result.violations.empty())
      all = "accepted, " + std::to_string(result.cycles) + " cycles\n";
    else if (relocations)
      all = std::to_string(result.violationCount) + " violations\n";
    for (const verify::Violation &violation : result.violations) {
      all += violation.str(package.machine);
      if (!relocations)
        break;
    }
    return all;
  };
  if (text(verdict) == text(other) &&
      verdict.cyclesDiffer == other.cyclesDiffer)
    return "";
  return "class by class:\n" + text(verdict) + "chip by chip:\n" + text(other);
}

/// Judges one mutant, or a program as it was made; false if the judges
/// disagree.
bool judge(const Package &package, StringRef what, Tally &tally,
           bool original = false) {
  verify::Result verdict = verify::verify(package);
  Expected<Run> emulated = emulate(package);
  const emulator::RunResult *ran = emulated ? &emulated->result : nullptr;
  std::string problem;
  if (!ran) {
    // Refused as a whole: the verifier must refuse it, too.
    consumeError(emulated.takeError());
    ++tally.faulty;
    if (verdict.violations.empty())
      problem = "the emulator does not load it, the verifier accepts it";
  } else if (ran->ranOut) {
    ++tally.skipped;
  } else if (ran->fault) {
    ++tally.faulty;
    ++tally.classes[emulator::faultName(ran->fault->kind)];
    if (!verdict.violations.empty()) {
      const verify::Violation &first = verdict.violations.front();
      bool same = sameReport(first, *ran->fault);
      tally.sameFault += same;
      if (differences && !same)
        outs() << "different reports on " << what << "\n"
               << ran->fault->str(package.machine)
               << first.str(package.machine);
    } else if (dependsOnData(*ran->fault, package.machine, verdict)) {
      ++tally.dataDependent;
    } else {
      problem = "accepted, but it faults:\n" + ran->fault->str(package.machine);
    }
  } else if (emulated->outputMissing) {
    ++tally.faulty;
    if (verdict.violations.empty() && verdict.dataSupplied)
      ++tally.dataDependent;
    else if (verdict.violations.empty())
      problem = "accepted, but it leaves an output row unwritten\n";
  } else {
    ++tally.legal;
    if (!verdict.violations.empty())
      problem = "refused, but it runs:\n" +
                verdict.violations.front().str(package.machine);
    else if (verdict.cycles != ran->ends.front())
      problem = "the verifier computes " + std::to_string(verdict.cycles) +
                " cycles, the emulator measures " +
                std::to_string(ran->ends.front());
    else if (original && package.cycles != ran->ends.front())
      problem = "the package states " + std::to_string(package.cycles) +
                " cycles, the emulator measures " +
                std::to_string(ran->ends.front());
  }
  if (chipWise && problem.empty())
    problem = otherForm(package, verdict);
  if (show && ran)
    outs() << what << ": "
           << (verdict.violations.empty()
                   ? "accepted"
                   : verify::faultName(verdict.violations.front().fault))
           << ", "
           << (ran->fault ? emulator::faultName(ran->fault->kind) : "runs")
           << '\n';
  if (show && ran && ran->fault && !verdict.violations.empty())
    outs() << ran->fault->str(package.machine)
           << verdict.violations.front().str(package.machine);
  if (problem.empty())
    return true;
  ++tally.wrong;
  outs() << "disagreement on " << what << "\n" << problem;
  return false;
}

} // namespace

/// Judges the package and its mutants.
static void judgeMutants(const Package &package, StringRef name, Tally &total) {
  judge(package, (name + ", not mutated").str(), total, /*original=*/true);
  test::Mutator mutator(package);
  uint64_t seed = firstSeed;
  for (unsigned done = 0, tries = 0; done < seeds && tries < 20 * seeds;
       ++tries, ++seed) {
    std::optional<test::Mutant> mutant =
        relocations ? mutator.relocate(seed) : mutator.mutate(seed);
    if (!mutant)
      continue;
    ++done;
    ++total.mutants;
    judge(mutant->package,
          (name + ", seed " + Twine(seed) + ", " + mutant->description).str(),
          total);
  }
}

static int fail(Error error) {
  WithColor::error(errs(), "lpu-mutate") << toString(std::move(error)) << '\n';
  return 2;
}

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(
      argc, argv, "compares emulator and verifier on mutated packages\n");
  Tally total;
  for (const std::string &path : paths) {
    Expected<Package> package = readPackage(path);
    if (!package)
      return fail(package.takeError());
    if (writeTo.empty()) {
      judgeMutants(*package, path, total);
      continue;
    }
    test::Mutator mutator(*package);
    std::optional<test::Mutant> mutant =
        relocations ? mutator.relocate(firstSeed) : mutator.mutate(firstSeed);
    if (!mutant)
      return fail(createStringError("this seed changes nothing"));
    outs() << mutant->description << '\n';
    if (Error error = writePackage(mutant->package, writeTo))
      return fail(std::move(error));
    return 0;
  }
  if (programs) {
    Expected<Machine> machine = loadMachine(machineName);
    if (!machine)
      return fail(machine.takeError());
    for (unsigned kind = 0; kind < test::programKinds(); ++kind)
      for (unsigned i = 0; i < programs; ++i) {
        Package package = test::buildProgram(*machine, kind, i);
        verify::Result verdict = verify::verify(package);
        if (!verdict.violations.empty()) {
          outs() << "the program " << test::programName(kind) << ' ' << i
                 << " is not legal:\n"
                 << verdict.violations.front().str(*machine);
          ++total.wrong;
        }
        package.cycles = verdict.cycles;
        judgeMutants(package,
                     std::string(test::programName(kind)) + " " +
                         std::to_string(i),
                     total);
      }
  }
  auto judgeRandom = [&](const Package &package, const std::string &name) {
    verify::Result verdict = verify::verify(package);
    if (!verdict.accepted()) {
      outs() << name << " is not accepted:\n";
      for (const verify::Violation &violation : verdict.violations)
        outs() << violation.str(package.machine);
      if (verdict.cyclesDiffer)
        outs() << verdict.cycles << " cycles, not " << package.cycles << '\n';
      ++total.wrong;
    }
    judgeMutants(package, name, total);
  };
  for (unsigned i = 0; i < randoms; ++i) {
    test::RandomOptions options;
    options.seed = firstSeed + i;
    judgeRandom(test::makeRandomProgram(options),
                "random " + std::to_string(options.seed));
  }
  for (unsigned i = 0; i < systems; ++i)
    judgeRandom(test::makeRandomSystem(firstSeed + i, 8),
                "system " + std::to_string(firstSeed + i));
  for (auto &[name, count] : total.classes)
    outs() << "  " << name << ": " << count << '\n';
  outs() << "mutants: " << total.mutants << ", faulty: " << total.faulty
         << " (same report: " << total.sameFault << "), legal: " << total.legal
         << ", data-dependent: " << total.dataDependent
         << ", too long: " << total.skipped
         << ", disagreements: " << total.wrong << '\n';
  return total.wrong ? 1 : 0;
}
