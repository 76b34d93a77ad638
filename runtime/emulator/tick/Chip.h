//===- Chip.h - one chip ----------------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_CHIP_H
#define LPU_RUNTIME_EMULATOR_TICK_CHIP_H

#include "Links.h"
#include "Plane.h"
#include "Sequencer.h"
#include "Shuffle.h"
#include "Sram.h"
#include "Streams.h"
#include "VectorUnit.h"

namespace lpu::emulator::tick {

/// One run of one chip: what does not survive it. SRAM and links do.
class Chip {
public:
  /// \p start: the program cycle of the run's cycle 0.
  Chip(const Package &package, unsigned number, uint64_t start, Sram &sram,
       Links &links, const RunOptions &options, FaultLog &log);

  /// Runs one cycle.
  void tick(uint64_t now);
  /// A bit flips on a stream; false if nothing is live there.
  bool flip(StreamPlace place, unsigned bit) {
    return streams.flip(place, bit);
  }
  bool halted() const;
  /// Nothing is on a stream nor on the way to one, and no fetch reads.
  bool quiet() const;
  /// Every queue has halted, every effect has completed, no fetch reads: the
  /// host port and the next run may follow.
  bool over(uint64_t now) const;
  /// The last `halt`, in the same cycle that of the highest queue number;
  /// nullptr if there is none.
  IssuePtr lastHalt() const;
  uint64_t streamByteHops() const { return streams.byteHops; }

  Counters counters; // without streamByteHops
  CycleMaxima maxima;
  /// 1 + the last cycle in which an effect completes.
  uint64_t end = 0;

private:
  /// The base registers of a slice's queue.
  using Registers = std::array<uint16_t, 8>;

  void execute(const IssuePtr &issue);
  void executeMem(unsigned slice, const IssuePtr &issue);
  std::optional<unsigned> row(unsigned slice, const IssuePtr &issue);
  uint16_t addressFrom(unsigned slice, bool west, unsigned stream, bool last,
                       const IssuePtr &issue);
  void count(const IssuePtr &issue, Unit unit);
  void checkFetches();

  const Machine &machine;
  const RunOptions &options;
  Sram &sram;
  Links &links;
  FaultLog &log;
  uint64_t now = 0;

  Streams streams;
  VectorUnit vectorUnit;
  std::vector<Plane> planes;
  std::vector<Shuffle> shuffles;
  std::vector<Registers> registers;
  std::vector<Sequencer> sequencers;
  CycleMaxima cycle; // of the current cycle
};

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_CHIP_H
