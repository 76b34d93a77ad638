//===- TickEngine.cpp - one cycle at a time -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chip.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::tick;

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

static Party party(const IssuePtr &issue) {
  return {issue->chip, issue->queue, issue->cycle, issue->textIndex,
          issue->word.empty() ? isa::toString(issue->instruction)
                              : issue->word};
}

void FaultLog::report(FaultClass kind, const IssuePtr &offender,
                      const IssuePtr &other, std::string detail) {
  Fault fault;
  fault.kind = kind;
  fault.cycle = now;
  fault.chip = offender->chip;
  fault.offender = party(offender);
  if (other)
    fault.other = party(other);
  fault.detail = std::move(detail);
  faults.push_back(std::move(fault));
}

void FaultLog::check(const ecc::Finding &finding, const IssuePtr &reader,
                     const std::string &place) {
  upsets.corrected += finding.corrected;
  if (finding.uncorrectable)
    report(FaultClass::UncorrectableError, reader, nullptr,
           place + " has a word with two flipped bits");
}

Fault FaultLog::first() const {
  auto key = [](const Fault &f) {
    return std::make_tuple(f.chip, f.kind, f.offender.queue);
  };
  return *std::min_element(
      faults.begin(), faults.end(),
      [&](const Fault &a, const Fault &b) { return key(a) < key(b); });
}

//===----------------------------------------------------------------------===//
// Engine
//===----------------------------------------------------------------------===//

namespace {

class TickEngine final : public Engine {
public:
  explicit TickEngine(const Package &package);

  void writeRow(unsigned chip, unsigned slice, unsigned bank, unsigned row,
                llvm::ArrayRef<uint8_t> bytes) override {
    LPU_CHECK(bytes.size() == package.machine.lanes, "a row has `lanes` bytes");
    sram(chip, slice, bank, row).load({slice, bank, row}, bytes);
  }
  bool readRow(unsigned chip, unsigned slice, unsigned bank, unsigned row,
               llvm::MutableArrayRef<uint8_t> bytes) override {
    LPU_CHECK(bytes.size() == package.machine.lanes, "a row has `lanes` bytes");
    const Sram &memory = sram(chip, slice, bank, row);
    const bool found = memory.peek({slice, bank, row}) != nullptr;
    if (found)
      llvm::copy(memory.inspect({slice, bank, row}).first, bytes.begin());
    else
      std::fill(bytes.begin(), bytes.end(), 0);
    return found;
  }
  bool spoiled(unsigned chip, unsigned slice, unsigned bank,
               unsigned row) override {
    const Sram &memory = sram(chip, slice, bank, row);
    return memory.peek({slice, bank, row}) &&
           memory.inspect({slice, bank, row}).second.uncorrectable;
  }
  RunResult run(const RunOptions &options) override;

private:
  Sram &sram(unsigned chip, unsigned slice, unsigned bank, unsigned row) {
    LPU_CHECK(chip < srams.size() && slice < package.machine.numSlices() &&
                  bank < 2 && row < package.machine.rows,
              "an SRAM row of the machine");
    return srams[chip];
  }

  const Package &package;
  std::vector<Sram> srams;
};

} // namespace

TickEngine::TickEngine(const Package &package) : package(package) {
  for (const lpu::Chip &chip : package.chips) {
    Sram &memory = srams.emplace_back(package.machine);
    const unsigned lanes = package.machine.lanes;
    const Bytes zeros(lanes); // of a segment without bytes
    for (const ImageSegment &segment : chip.image)
      for (unsigned row = 0; row < segment.rows; ++row)
        memory.load({segment.slice, segment.bank, segment.row + row},
                    segment.bytes.empty()
                        ? llvm::ArrayRef<uint8_t>(zeros)
                        : segment.bytes.slice(size_t(row) * lanes, lanes));
    for (const TextSegment &segment : package.classes[chip.chipClass].text)
      for (unsigned row = 0; row < segment.rows; ++row)
        memory.protect({segment.slice, segment.bank, segment.row + row});
  }
}

namespace {

/// The runs of one chip: the one under way, and those before it whose last
/// values still move to the edge.
class ChipRuns {
public:
  ChipRuns(const Package &package, unsigned number, const HostPortCycles &port,
           Sram &sram, Links &links, const RunOptions &options, FaultLog &log)
      : package(package), number(number),
        allowed(package.interval - port.inputs - port.outputs -
                restartCycles(package, package.chips[number].chipClass)),
        sram(sram), links(links), options(options), log(log),
        start(package.chips[number].start) {}

  bool finished() const { return run == options.runs && chips.empty(); }

  void tick(uint64_t now, RunResult &result) {
    if (running && chips.back()->over(now))
      endRun(now, result);
    if (!running && run < options.runs && now == start)
      startRun(now);
    if (running && !chips.back()->over(now)) // a run may take no cycle
      flip(now);
    for (size_t i = 0; i < options.probes.size(); ++i)
      if (options.probes[i].chip == number && options.probes[i].cycle == now)
        options.probe(i);
    for (auto &chip : chips)
      chip->tick(now);
    // A run that is over may still have values on its streams.
    while (!chips.empty() && (chips.size() > 1 || !running) &&
           chips.front()->quiet()) {
      count(*chips.front(), result);
      chips.erase(chips.begin());
    }
  }

  /// What a fault or the limit of cycles cuts off counts, too.
  void countRest(RunResult &result) {
    for (auto &chip : chips)
      count(*chip, result);
  }

private:
  void startRun(uint64_t now) {
    if (options.beforeRun)
      options.beforeRun(number, run);
    sram.startRun();
    links.startRun(number, now);
    chips.push_back(std::make_unique<tick::Chip>(package, number, now, sram,
                                                 links, options, log));
    running = true;
  }

  /// Bits flip before anything else of a cycle of a run.
  void flip(uint64_t now) {
    for (const Upset &u : options.upsets) {
      if (u.chip != number || u.cycle != now)
        continue;
      if (u.place == Upset::Place::Sram)
        log.upsets.met += sram.flip({u.slice, u.bank, u.row}, u.bit);
      else if (u.place == Upset::Place::Stream)
        log.upsets.met +=
            chips.back()->flip({u.position, u.west, u.stream}, u.bit);
    }
  }

  void endRun(uint64_t now, RunResult &result) {
    if (package.interval != 0 && now > start + allowed)
      return log.report(FaultClass::RunOverlap, chips.back()->lastHalt(),
                        nullptr,
                        llvm::formatv("the run takes {0} cycles, the interval "
                                      "leaves {1}",
                                      now - start, allowed));
    running = false;
    uint64_t &end = result.ends[run];
    end = std::max(end, chips.back()->end);
    if (options.afterRun)
      options.afterRun(number, run);
    ++run;
    start += package.interval;
  }

  static void count(const tick::Chip &chip, RunResult &result) {
    Counters &sum = result.counters;
    const Counters &c = chip.counters;
    sum.issues += c.issues;
    sum.macsInt8 += c.macsInt8;
    sum.macsFp16 += c.macsFp16;
    sum.aluOps += c.aluOps;
    sum.sramBytesRead += c.sramBytesRead;
    sum.sramBytesWritten += c.sramBytesWritten;
    sum.streamByteHops += chip.streamByteHops();
    sum.fetchBytes += c.fetchBytes;
    sum.linkVectors += c.linkVectors;
    CycleMaxima &most = result.maxima;
    most.macs = std::max(most.macs, chip.maxima.macs);
    most.sramBytes = std::max(most.sramBytes, chip.maxima.sramBytes);
    most.fetchBytes = std::max(most.fetchBytes, chip.maxima.fetchBytes);
  }

  const Package &package;
  const unsigned number;
  const uint64_t allowed; // cycles of a run, if there is an interval
  Sram &sram;
  Links &links;
  const RunOptions &options;
  FaultLog &log;
  std::vector<std::unique_ptr<tick::Chip>> chips;
  bool running = false;
  unsigned run = 0;
  uint64_t start; // of the run under way, or of the next
};

} // namespace

RunResult TickEngine::run(const RunOptions &options) {
  LPU_CHECK(options.runs == 1 || package.interval != 0,
            "several runs need an initiation interval");
  LPU_CHECK(checkUpsets(options.upsets, package).empty(), "upsets in range");
  LPU_CHECK(options.probes.empty() || options.runs == 1, "probes of one run");
  FaultLog log;
  Links links(package, options, log);
  RunResult result;
  result.ends.assign(options.runs, 0);
  std::vector<HostPortCycles> ports = hostPortCycles(package);
  std::vector<ChipRuns> chips;
  for (unsigned number = 0; number < srams.size(); ++number)
    chips.emplace_back(package, number, ports[number], srams[number], links,
                       options, log);

  uint64_t now = 0;
  auto finished = [&] {
    return llvm::all_of(chips,
                        [](const ChipRuns &chip) { return chip.finished(); }) &&
           links.arrived(now);
  };
  // Behind the last halt effects complete, the streams move until they are
  // empty, and vectors arrive.
  for (; !finished() && !log.any(); ++now) {
    if (now > options.maxCycles) {
      result.ranOut = true;
      break;
    }
    log.startCycle(now);
    links.startCycle(now);
    for (ChipRuns &chip : chips)
      chip.tick(now, result);
  }
  if (!log.any() && !result.ranOut)
    links.reportUnreceived();
  for (size_t i = 0; i < options.probes.size(); ++i)
    if (options.probes[i].cycle >= now)
      options.probe(i);

  for (ChipRuns &chip : chips)
    chip.countRest(result);
  result.cycles = result.ends.back();
  result.upsets = log.upsets;
  if (log.any()) {
    result.fault = log.first();
    result.cycles = result.fault->cycle;
    result.ends.clear();
  } else {
    checkLimits(result.maxima, package.machine);
  }
  return result;
}

llvm::Expected<std::unique_ptr<Engine>>
lpu::emulator::createTickEngine(const Package &package) {
  if (auto errors = checkPackage(package); !errors.empty())
    return llvm::createStringError("the package is not consistent:\n  " +
                                   llvm::join(errors, "\n  "));
  for (const lpu::Chip &chip : package.chips)
    for (const ImageSegment &segment : chip.image)
      if (segment.source)
        return llvm::createStringError(
            "the package still has image sources; write it to a file first");
  return std::make_unique<TickEngine>(package);
}
