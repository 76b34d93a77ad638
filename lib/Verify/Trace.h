//===- Trace.h - what a chip executes, in runs ------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sequencers' view of a chip: for every queue the executed instructions
// with their issue cycles (a run: an instruction with its repeats). Timing
// never depends on data, so this is known from the text alone. Cycles count
// from the start of the chip, so chips of one class share a trace. Within one
// queue runs follow one another without overlap; the checks of single queues
// use that.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_VERIFY_TRACE_H
#define LPU_VERIFY_TRACE_H

#include "Progression.h"
#include "lpu/Verify/Verify.h"
#include <map>

namespace lpu::verify {

/// An executed instruction.
struct Run {
  int64_t first; // first issue
  uint32_t text; // index in the queue's text
  /// mem: the value of its base register. Negative: data supplied it; equal
  /// numbers stand for the same unknown value.
  int32_t base;
};

/// One `fetch` instruction at work: rows text rows, one every R cycles.
struct FetchRun {
  int64_t first;
  uint32_t text;
  uint32_t row, rows; // text rows
};

struct QueueTrace {
  unsigned queue = 0;
  Unit unit = Unit::Control;
  unsigned index = 0; // of the unit
  int64_t position = 0;
  TextSegment segment;
  std::vector<isa::Instruction> text;
  std::vector<Run> runs; // no nop, loop, endloop, fetch, halt
  std::vector<FetchRun> fetches;

  Progression issues(const Run &run) const {
    const isa::Instruction &instruction = text[run.text];
    return {run.first, instruction.interval, instruction.count};
  }
};

struct ChipTrace {
  unsigned chip = 0;              // the chip that stands for all with this text
  std::vector<QueueTrace> queues; // in the order of queue numbers
  int64_t lastEffect = -1;
  struct Halt {
    size_t queue; // index in `queues`
    uint32_t text;
    int64_t cycle;
  };
  std::optional<Halt> halt;    // the last one, of equals in the highest queue
  int64_t fetchEnd = 0;        // when the last fetch has read its rows
  int64_t stopped = INT64_MAX; // cycle in which a sequencer cannot go on

  const QueueTrace *find(unsigned queue) const;
};

/// One issue, as a party of a violation.
struct Issue {
  const QueueTrace *queue;
  uint32_t text;
  int64_t cycle;
};

/// Collects violations; keeps one per class and pair of instructions. Cycles
/// that come in count from the start of the chip that they are reported on.
class Reporter {
public:
  Reporter(const Package &package, const Options &options, Result &result)
      : package(package), options(options), result(result) {}

  const Machine &machine() const { return package.machine; }
  /// The chip that later violations name.
  void setChip(unsigned number) { chip = number; }
  void add(Fault fault, int64_t cycle, std::optional<Issue> offender,
           std::optional<Issue> other, const llvm::Twine &detail);
  /// As above, with the other party on another chip.
  void addAcross(Fault fault, int64_t cycle, unsigned onChip,
                 std::optional<Issue> offender, std::optional<Issue> other,
                 unsigned otherChip, const llvm::Twine &detail);
  uint64_t count() const { return result.violationCount; }

private:
  Party party(const Issue &issue, unsigned onChip) const;
  int64_t start(unsigned onChip) const {
    return int64_t(package.chips[onChip].start);
  }

  const Package &package;
  const Options &options;
  Result &result;
  unsigned chip = 0;
  /// Class, chip, offender, other, other's chip.
  using Key = std::array<uint64_t, 5>;
  std::map<Key, int64_t> seen; // earliest cycle
  std::vector<Key> keys;       // of result.violations
};

/// The base registers of a slice's queue, as its instructions find them.
class BaseRegisters {
public:
  void start(unsigned reg, unsigned value) { values[reg] = int32_t(value); }
  /// What the instruction's base register holds (see Run::base); then what the
  /// instruction leaves.
  int32_t apply(const isa::Instruction &instruction);

private:
  int32_t values[8] = {};
  int32_t unknowns = 0; // values that data supplied, numbered downwards
};

/// The runs of \p trace with the bases that another chip's registers give them.
void setBases(ChipTrace &trace, const Chip &chip);

/// Text to runs: sequencers, loops, instruction buffers (Sequencer.cpp). A
/// queue whose text cannot be executed to its end has the runs before that
/// point.
void traceChip(const Package &package, unsigned chip, ChipTrace &trace,
               Reporter &reporter, const Options &options, Result &result);
/// Fetch bandwidth of a chip.
void checkFetchBandwidth(const ChipTrace &trace, Reporter &reporter);

/// Liveness of every stream slot (Streams.cpp).
void checkStreams(const ChipTrace &trace, Reporter &reporter, Result &result);
/// ALU results, lane constants, accumulators; permutation maps (Vector.cpp).
void checkVector(const ChipTrace &trace, Reporter &reporter);
/// Matrix planes (Planes.cpp).
void checkPlanes(const ChipTrace &trace, Reporter &reporter);
/// Banks: ports, ranges, visibility, initialisation (Memory.cpp). \p chip may
/// be another chip with the same text.
void checkMemory(const Package &package, unsigned chip, const ChipTrace &trace,
                 Reporter &reporter, Result &result);
/// Send and receive across chips, drift (Links.cpp). traces[chip], which chips
/// of a class share unless \p options say otherwise.
void checkLinks(const Package &package,
                const std::vector<const ChipTrace *> &traces,
                const Options &options, Reporter &reporter, Result &result);

/// Cycles from the issue of a run's last repeat to its last effect.
int64_t effectDelay(const isa::Instruction &instruction,
                    const Machine &machine);

} // namespace lpu::verify

#endif // LPU_VERIFY_TRACE_H
