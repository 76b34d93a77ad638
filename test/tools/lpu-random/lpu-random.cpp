//===- lpu-random.cpp - seeded programs for both engines ------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   lpu-random write SEED file.lpu          one legal package
//   lpu-random compare FIRST COUNT          both engines, every set of host
//                                           instructions: bits, cycles,
//                                           counters
//   lpu-random faults FIRST COUNT           one mutation each: the same fault,
//                                           or the same result
//   lpu-random system SEED CHIPS file.lpu   a package of many chips
//   lpu-random systems FIRST COUNT CHIPS    as compare, of up to CHIPS chips,
//                                           with 1, 2 and 8 threads, without
//                                           values, and by the verifier; then
//                                           mutations, as faults
//   lpu-random upsets FIRST COUNT           the code; then programs and systems
//                                           with flipped bits: one of a word
//                                           changes nothing, two are a fault
//                                           or met nothing that is read
//
//===----------------------------------------------------------------------===//

#include "RandomProgram.h"
#include "lpu/Emulator/Ecc.h"
#include "lpu/Emulator/Emulator.h"
#include "lpu/Verify/Verify.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <random>

using namespace lpu;
using namespace lpu::test;
using namespace lpu::emulator;

namespace {

struct Outcome {
  std::string error; // the engine refuses the package
  RunResult result;
  std::unique_ptr<Engine> engine;
};

Outcome execute(const Package &package, bool event, RunOptions options) {
  Outcome outcome;
  options.maxCycles = 200000;
  auto engine = event ? createEventEngine(package) : createTickEngine(package);
  if (!engine) {
    outcome.error = llvm::toString(engine.takeError());
    return outcome;
  }
  outcome.engine = std::move(*engine);
  outcome.result = outcome.engine->run(options);
  return outcome;
}

bool sameParty(const Party &a, const Party &b) {
  return a.chip == b.chip && a.queue == b.queue && a.cycle == b.cycle &&
         a.textIndex == b.textIndex;
}

/// What differs; empty if nothing does.
std::string difference(const Package &package, Outcome &a, Outcome &b,
                       bool data) {
  if (a.error != b.error)
    return "refused: '" + a.error + "' and '" + b.error + "'";
  if (!a.error.empty())
    return "";
  const RunResult &x = a.result, &y = b.result;
  if (x.fault.has_value() != y.fault.has_value())
    return "only one faults";
  if (x.ranOut != y.ranOut)
    return "only one runs out of cycles";
  if (x.ends != y.ends)
    return "the runs end in other cycles";
  if (x.cycles != y.cycles)
    return "cycles " + std::to_string(x.cycles) + " and " +
           std::to_string(y.cycles);
  if (x.fault) {
    const Fault &f = *x.fault, &g = *y.fault;
    bool other = f.other.has_value() == g.other.has_value() &&
                 (!f.other || sameParty(*f.other, *g.other));
    if (f.kind != g.kind || f.chip != g.chip || f.cycle != g.cycle ||
        !sameParty(f.offender, g.offender) || !other)
      return "the faults differ";
    return "";
  }
  auto counters = [](const RunResult &r) {
    const Counters &c = r.counters;
    return std::vector<uint64_t>{
        c.issues,         c.macsInt8,         c.macsFp16,
        c.aluOps,         c.sramBytesRead,    c.sramBytesWritten,
        c.streamByteHops, c.fetchBytes,       c.linkVectors,
        r.maxima.macs,    r.maxima.sramBytes, r.maxima.fetchBytes};
  };
  std::vector<uint64_t> cx = counters(x), cy = counters(y);
  for (size_t i = 0; i < cx.size(); ++i)
    if (cx[i] != cy[i])
      return "counter " + std::to_string(i) + ": " + std::to_string(cx[i]) +
             " and " + std::to_string(cy[i]);
  if (!data)
    return "";
  const Machine &m = package.machine;
  std::vector<uint8_t> p(m.lanes), q(m.lanes);
  for (unsigned chip = 0; chip < package.chips.size(); ++chip)
    for (unsigned slice = 0; slice < m.numSlices(); ++slice)
      for (unsigned bank = 0; bank < 2; ++bank)
        for (unsigned row = 0; row < m.rows; ++row) {
          bool inP = a.engine->readRow(chip, slice, bank, row, p);
          bool inQ = b.engine->readRow(chip, slice, bank, row, q);
          if (inP != inQ || p != q)
            return "chip " + std::to_string(chip) + " slice " +
                   std::to_string(slice) + " bank " + std::to_string(bank) +
                   " row " + std::to_string(row) + " differs";
        }
  return "";
}

std::string describe(const Package &package, const Outcome &outcome) {
  if (!outcome.error.empty())
    return "refused: " + outcome.error + "\n";
  if (outcome.result.fault)
    return outcome.result.fault->str(package.machine);
  return "no fault, " + std::to_string(outcome.result.cycles) + " cycles\n";
}

/// The no-macro-instruction limits of the machine.
bool withinLimits(const Machine &m, const CycleMaxima &maxima) {
  return maxima.macs <= uint64_t(m.numPlanes()) * m.planeRows * m.lanes &&
         maxima.sramBytes <= uint64_t(2) * m.numSlices() * m.lanes &&
         maxima.fetchBytes <= m.fetchBytesPerCycle;
}

unsigned compare(uint64_t first, uint64_t count) {
  unsigned failures = 0;
  uint64_t cycles = 0, issues = 0;
  std::map<std::string, uint64_t> opcodes;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Package package = makeRandomProgram({seed, 24});
    auto report = [&](const llvm::Twine &what) {
      ++failures;
      llvm::errs() << "seed " << seed << ": " << what << "\n";
    };
    RunOptions options;
    options.trace = [&](const IssueEvent &event) {
      auto &texts = package.classes[package.chips[event.chip].chipClass].text;
      for (const TextSegment &text : texts)
        if (text.queue == event.queue) {
          auto row = package.imageRow(
              event.chip, text.slice, text.bank,
              text.row +
                  event.textIndex / package.machine.instructionsPerRow());
          uint8_t code =
              row[event.textIndex % package.machine.instructionsPerRow() * 16];
          ++opcodes[isa::lookup(code)->name];
        }
    };
    Outcome tick = execute(package, false, options);
    if (!tick.error.empty() || tick.result.fault || tick.result.ranOut) {
      report("the program is not legal: " + describe(package, tick));
      continue;
    }
    if (tick.result.cycles != package.cycles)
      report("constructed for " + llvm::Twine(package.cycles) +
             " cycles, measured " + llvm::Twine(tick.result.cycles));
    if (!withinLimits(package.machine, tick.result.maxima))
      report("more in a cycle than the machine can do");
    cycles += tick.result.cycles;
    issues += tick.result.counters.issues;
    for (Simd simd : {Simd::Base, Simd::Avx2, Simd::Avx512}) {
      if (!isSupported(simd))
        continue;
      RunOptions event;
      event.simd = simd;
      event.threads = seed % 2 ? 2 : 1;
      Outcome other = execute(package, true, event);
      std::string what = difference(package, tick, other, true);
      if (!what.empty())
        report("event engine: " + what + "\n" + describe(package, other));
    }
    RunOptions free;
    free.dataFree = true;
    Outcome other = execute(package, true, free);
    // Data-supplied addresses are zero there: legal rows in these programs,
    // but perhaps not initialised or in flight, so only the timing is compared.
    if (!other.result.fault && other.result.cycles != tick.result.cycles)
      report("without data: other cycles");
  }
  llvm::outs() << count << " programs, " << cycles << " cycles, " << issues
               << " issues: " << failures << " failures\n";
  std::string missing;
  for (const isa::InstructionInfo &info : isa::instructions())
    if (!opcodes.count(info.name))
      missing += std::string(" ") + info.name;
  llvm::outs() << "instructions never issued:"
               << (missing.empty() ? " none" : missing) << "\n";
  return failures;
}

unsigned faults(uint64_t first, uint64_t count) {
  unsigned failures = 0;
  std::map<std::string, unsigned> classes;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    std::string what;
    Package package = mutate(makeRandomProgram({seed / 4, 16}), seed, what);
    Outcome tick = execute(package, false, RunOptions());
    Outcome event = execute(package, true, RunOptions());
    ++classes[!tick.error.empty()  ? "refused"
              : tick.result.fault  ? faultName(tick.result.fault->kind)
              : tick.result.ranOut ? "runs on"
                                   : "no fault"];
    std::string how = difference(package, tick, event, true);
    if (how.empty())
      continue;
    ++failures;
    llvm::errs() << "seed " << seed << ": " << what << ": " << how
                 << "\ntick: " << describe(package, tick)
                 << "event: " << describe(package, event);
  }
  llvm::outs() << count << " mutations: " << failures << " failures\n";
  for (auto &[name, number] : classes)
    llvm::outs() << "  " << name << ": " << number << "\n";
  return failures;
}

/// What the verifier says, and whether it says the same chip by chip.
verify::Result judge(const Package &package, std::string &problem) {
  verify::Result byClass = verify::verify(package);
  verify::Options options;
  options.chipWise = true;
  verify::Result byChip = verify::verify(package, options);
  auto first = [&](const verify::Result &result) {
    return result.violations.empty()
               ? std::to_string(result.cycles) + " cycles\n"
               : result.violations.front().str(package.machine);
  };
  if (first(byClass) != first(byChip))
    problem = "by class the verifier says\n" + first(byClass) +
              "chip by chip\n" + first(byChip);
  return byClass;
}

unsigned systems(uint64_t from, uint64_t count, unsigned chips) {
  unsigned failures = 0, pipelined = 0, refused = 0, mutants = 0, drifted = 0;
  uint64_t cycles = 0, vectors = 0, allChips = 0, allClasses = 0;
  for (uint64_t seed = from; seed < from + count; ++seed) {
    Package package = makeRandomSystem(seed, chips);
    auto report = [&](const llvm::Twine &what) {
      ++failures;
      llvm::errs() << "seed " << seed << ": " << what << "\n";
    };
    RunOptions options;
    // Enough for all vectors that may be under way at the same time.
    options.runs = package.interval ? 6 : 1;
    allChips += package.chips.size();
    allClasses += package.classes.size();
    pipelined += package.interval != 0;
    Outcome tick = execute(package, false, options);
    if (!tick.error.empty() || tick.result.fault || tick.result.ranOut) {
      report("the program is not legal: " + describe(package, tick));
      continue;
    }
    for (unsigned run = 0; run < options.runs; ++run)
      if (tick.result.ends[run] != package.cycles + run * package.interval)
        report("run " + llvm::Twine(run) + " ends in cycle " +
               llvm::Twine(tick.result.ends[run]));
    cycles += tick.result.cycles;
    vectors += tick.result.counters.linkVectors;
    for (unsigned threads : {1, 2, 8}) {
      options.threads = threads;
      Outcome event = execute(package, true, options);
      std::string what = difference(package, tick, event, true);
      if (!what.empty())
        report("event engine, " + llvm::Twine(threads) + " threads: " + what +
               "\n" + describe(package, event));
    }
    options.dataFree = true;
    Outcome free = execute(package, true, options);
    if (!free.result.fault &&
        (free.result.ends != tick.result.ends ||
         free.result.counters.issues != tick.result.counters.issues))
      report("without data: other cycles or issues");
    options.dataFree = false;
    std::string problem;
    verify::Result verdict = judge(package, problem);
    if (!verdict.accepted())
      report("refused: " +
             (verdict.violations.empty()
                  ? "other cycles"
                  : verdict.violations.front().str(package.machine)));
    // Clocks that are off by as much as the verifier allows change nothing. Ten
    // times as much may be a fault: the same in both engines.
    for (int64_t times : {1, 10}) {
      std::mt19937_64 random(seed * 2 + uint64_t(times));
      int64_t most =
          times * int64_t(std::min(verdict.clockPpm.value_or(0), 1e5));
      RunOptions drifting = options;
      for (unsigned chip = 0; chip < package.chips.size(); ++chip)
        drifting.driftPpm.push_back(int64_t(random() % (2 * most + 1)) - most);
      Outcome a = execute(package, false, drifting);
      drifting.threads = 2;
      Outcome b = execute(package, true, drifting);
      std::string what = difference(package, a, b, true);
      if (what.empty() && times == 1)
        what = difference(package, tick, a, true);
      if (!what.empty())
        report("clocks off by up to " + llvm::Twine(most) + " ppm: " + what +
               "\ntick: " + describe(package, a) +
               "event: " + describe(package, b));
      drifted += a.result.fault.has_value();
    }
    for (unsigned i = 0; i < 4; ++i) {
      std::string change;
      Package mutant = i % 2 ? mutate(package, seed * 4 + i, change)
                             : mutateRelocation(package, seed * 4 + i, change);
      ++mutants;
      options.threads = i < 2 ? 1 : 2;
      Outcome a = execute(mutant, false, options),
              b = execute(mutant, true, options);
      if (std::string what = difference(mutant, a, b, true); !what.empty())
        report(change + ": " + what + "\ntick: " + describe(mutant, a) +
               "event: " + describe(mutant, b));
      if (!a.error.empty() || a.result.ranOut)
        continue;
      problem.clear();
      verdict = judge(mutant, problem);
      if (!problem.empty())
        report(change + ": " + problem);
      refused += !verdict.violations.empty();
      // Rows at addresses from data are judged by the emulator alone.
      if (verdict.violations.empty() == a.result.fault.has_value() &&
          !(a.result.fault && verdict.dataSupplied))
        report(change + ": the verifier says " +
               (verdict.violations.empty()
                    ? "nothing"
                    : verdict.violations.front().str(mutant.machine)) +
               "\ntick: " + describe(mutant, a));
    }
  }
  llvm::outs() << count << " systems, " << allChips << " chips of "
               << allClasses << " classes, " << pipelined << " pipelined, "
               << vectors << " vectors, " << cycles << " cycles, " << mutants
               << " mutations, " << refused << " refused, " << drifted
               << " with clocks too far off: " << failures << " failures\n";
  return failures;
}

/// Every single flip of a coded word is corrected, every double one found.
unsigned testCode() {
  std::mt19937_64 random(1);
  std::vector<uint8_t> data(ecc::wordBytes);
  for (uint8_t &byte : data)
    byte = uint8_t(random());
  unsigned corrected = 0, found = 0;
  for (unsigned a = 0; a < ecc::codeBits; ++a)
    for (unsigned b = a; b < ecc::codeBits; ++b) {
      ecc::CodedVector vector(data);
      ecc::Flips flips;
      vector.flip(a);
      flips.flip(a);
      if (b != a) {
        vector.flip(b);
        flips.flip(b);
      }
      ecc::Finding real = vector.correct(), judged = flips.judge();
      if (real.corrected != judged.corrected ||
          real.uncorrectable != judged.uncorrectable)
        continue;
      corrected += a == b && real.corrected == 1 && vector.bytes == data;
      found += a != b && real.uncorrectable;
    }
  llvm::outs() << "code: " << corrected << " of 137 single flips corrected, "
               << found << " of 9316 double flips found\n";
  return corrected != 137 || found != 9316;
}

unsigned upsets(uint64_t first, uint64_t count) {
  unsigned failures = testCode();
  uint64_t corrected = 0, met = 0, faulted = 0, unread = 0, spoiled = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Package package =
        seed % 2 ? makeRandomSystem(seed, 8) : makeRandomProgram({seed, 24});
    auto report = [&](const llvm::Twine &what) {
      ++failures;
      llvm::errs() << "seed " << seed << ": " << what << "\n";
    };
    RunOptions options;
    options.runs = package.interval ? 3 : 1;
    Outcome clean = execute(package, false, options);
    for (unsigned bits : {1, 2}) {
      options.threads = 1;
      options.upsets = randomUpsets(package, seed, bits == 1 ? 400 : 12, bits);
      Outcome tick = execute(package, false, options);
      options.threads = 1 + seed % 3;
      Outcome event = execute(package, true, options);
      std::string what = difference(package, tick, event, true);
      if (what.empty() && !tick.result.fault &&
          (tick.result.upsets.met != event.result.upsets.met ||
           tick.result.upsets.corrected != event.result.upsets.corrected))
        what = "flips met or words corrected differ";
      if (!what.empty())
        report(llvm::Twine(bits) + " bits: " + what + "\ntick: " +
               describe(package, tick) + "event: " + describe(package, event));
      if (bits == 1) {
        what = difference(package, clean, tick, true);
        if (!what.empty())
          report("not corrected: " + what + "\n" + describe(package, tick));
        met += tick.result.upsets.met;
        corrected += tick.result.upsets.corrected;
        continue;
      }
      if (tick.result.fault) {
        ++faulted;
        if (tick.result.fault->kind != FaultClass::UncorrectableError)
          report("another fault: " + describe(package, tick));
        continue;
      }
      ++unread;
      // Nobody read them: what is not spoiled is as it should be.
      const Machine &m = package.machine;
      std::vector<uint8_t> p(m.lanes), q(m.lanes);
      for (unsigned chip = 0; chip < package.chips.size(); ++chip)
        for (unsigned slice = 0; slice < m.numSlices(); ++slice)
          for (unsigned bank = 0; bank < 2; ++bank)
            for (unsigned row = 0; row < m.rows; ++row) {
              bool bad = tick.engine->spoiled(chip, slice, bank, row);
              if (bad != event.engine->spoiled(chip, slice, bank, row))
                report("only one engine knows a row as spoiled");
              tick.engine->readRow(chip, slice, bank, row, p);
              clean.engine->readRow(chip, slice, bank, row, q);
              spoiled += bad;
              if (!bad && p != q)
                report("a wrong row");
            }
    }
  }
  llvm::outs() << count << " programs and systems: " << met
               << " flips met a value, " << corrected << " words corrected; "
               << faulted << " runs ended by double flips, " << unread
               << " not, with " << spoiled << " rows spoiled: " << failures
               << " failures\n";
  return failures;
}

} // namespace

int main(int argc, char **argv) {
  llvm::StringRef mode = argc > 1 ? argv[1] : "";
  uint64_t first = 0, count = 0;
  if (argc == 4 && mode == "write" &&
      !llvm::StringRef(argv[2]).getAsInteger(10, first)) {
    Package package = makeRandomProgram({first, 24});
    if (llvm::Error error = writePackage(package, argv[3])) {
      llvm::errs() << llvm::toString(std::move(error)) << "\n";
      return 1;
    }
    return 0;
  }
  unsigned chips = 0;
  if (argc == 5 && mode == "system" &&
      !llvm::StringRef(argv[2]).getAsInteger(10, first) &&
      !llvm::StringRef(argv[3]).getAsInteger(10, chips)) {
    if (llvm::Error error =
            writePackage(makeRandomSystem(first, chips), argv[4])) {
      llvm::errs() << llvm::toString(std::move(error)) << "\n";
      return 1;
    }
    return 0;
  }
  if (argc == 5 && mode == "systems" &&
      !llvm::StringRef(argv[2]).getAsInteger(10, first) &&
      !llvm::StringRef(argv[3]).getAsInteger(10, count) &&
      !llvm::StringRef(argv[4]).getAsInteger(10, chips))
    return systems(first, count, chips) != 0;
  if (argc == 4 && !llvm::StringRef(argv[2]).getAsInteger(10, first) &&
      !llvm::StringRef(argv[3]).getAsInteger(10, count)) {
    if (mode == "compare")
      return compare(first, count) != 0;
    if (mode == "faults")
      return faults(first, count) != 0;
    if (mode == "upsets")
      return upsets(first, count) != 0;
  }
  llvm::errs() << "usage: lpu-random write SEED FILE | compare FIRST COUNT | "
                  "faults FIRST COUNT | upsets FIRST COUNT | system SEED CHIPS "
                  "FILE | systems "
                  "FIRST COUNT CHIPS\n";
  return 2;
}
