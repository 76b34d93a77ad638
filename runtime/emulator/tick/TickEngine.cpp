//===- TickEngine.cpp - one cycle at a time -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chip.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/StringExtras.h"

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
    const Bytes *found = sram(chip, slice, bank, row).peek({slice, bank, row});
    if (found)
      std::copy(found->begin(), found->end(), bytes.begin());
    else
      std::fill(bytes.begin(), bytes.end(), 0);
    return found != nullptr;
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

RunResult TickEngine::run(const RunOptions &options) {
  FaultLog log;
  Links links(package, options, log);
  std::vector<std::unique_ptr<tick::Chip>> chips;
  for (unsigned number = 0; number < srams.size(); ++number) {
    srams[number].startRun();
    chips.push_back(std::make_unique<tick::Chip>(package, number, srams[number],
                                                 links, options, log));
  }

  RunResult result;
  uint64_t now = 0;
  auto finished = [&] {
    return links.arrived(now) && llvm::all_of(chips, [&](const auto &chip) {
             return chip->halted() && chip->quiet() && now >= chip->end;
           });
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
    for (auto &chip : chips)
      chip->tick(now);
  }
  if (!log.any() && !result.ranOut)
    links.reportUnreceived();

  for (auto &chip : chips) {
    result.cycles = std::max(result.cycles, chip->end);
    Counters &sum = result.counters;
    const Counters &c = chip->counters;
    sum.issues += c.issues;
    sum.macsInt8 += c.macsInt8;
    sum.macsFp16 += c.macsFp16;
    sum.aluOps += c.aluOps;
    sum.sramBytesRead += c.sramBytesRead;
    sum.sramBytesWritten += c.sramBytesWritten;
    sum.streamByteHops += chip->streamByteHops();
    sum.fetchBytes += c.fetchBytes;
    sum.linkVectors += c.linkVectors;
    CycleMaxima &most = result.maxima;
    most.macs = std::max(most.macs, chip->maxima.macs);
    most.sramBytes = std::max(most.sramBytes, chip->maxima.sramBytes);
    most.fetchBytes = std::max(most.fetchBytes, chip->maxima.fetchBytes);
  }
  if (log.any()) {
    result.fault = log.first();
    result.cycles = result.fault->cycle;
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
