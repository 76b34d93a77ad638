//===- Sequencer.h - one in-order queue -------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/isa.md, section 3. A sequencer takes an instruction from its buffer in
// cycle T, issues it and its repeats, and executes control instructions itself.
// It also owns the queue's fetch path.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_SEQUENCER_H
#define LPU_RUNTIME_EMULATOR_TICK_SEQUENCER_H

#include "Sram.h"

namespace lpu::emulator::tick {

class Sequencer {
public:
  /// Loads the first rows of \p segment, as before cycle 0 of the chip, which
  /// is program cycle \p start.
  Sequencer(const Machine &machine, unsigned chip, const TextSegment &segment,
            uint64_t start, Sram &sram, FaultLog &log);

  /// An active fetch reads its next row.
  void startCycle(uint64_t now);
  /// What the unit has to execute in this cycle; nullptr if nothing. Control
  /// instructions are executed here, and returned too.
  IssuePtr step();
  bool isHalted() const { return halted; }
  /// The fetch that moves 16 bytes in this cycle, if any.
  IssuePtr fetching() const;
  /// The `halt` that ended the queue; nullptr while it runs.
  IssuePtr halt() const { return haltIssue; }
  /// When the last fetch has read its rows.
  uint64_t fetchEnd() const { return lastFetchEnd; }

  const unsigned queue;

private:
  struct Slot {
    bool valid = false;
    unsigned row = 0;
    uint64_t usable = 0;
    IssuePtr fetch; // nullptr: loaded before cycle 0
    Bytes bytes;
  };
  struct Frame {
    uint64_t remaining; // iterations, with the current one
    uint32_t body;      // text index behind the loop instruction
  };

  void take();
  void control(const IssuePtr &issue);
  void endLoop(const IssuePtr &issue);
  void startFetch(const IssuePtr &issue);
  void fetchRow();
  /// Reports at the instruction at `pc`, which cannot be taken, and halts.
  void cannotTake(FaultClass kind, const IssuePtr &other, std::string detail);

  const Machine &machine;
  const unsigned chip;
  const Unit unit;
  const unsigned unitIndex;
  const TextSegment segment;
  Sram &sram;
  FaultLog &log;

  uint64_t now = 0;
  uint64_t free; // T
  uint32_t pc = 0;
  bool halted = false;
  IssuePtr haltIssue;
  uint64_t lastFetchEnd = 0;
  std::optional<isa::Instruction> current;
  uint32_t currentIndex = 0;
  uint64_t nextIssue = 0;
  uint32_t repeat = 0;
  std::vector<Frame> loops;

  std::vector<Slot> buffer;
  /// A row that was loaded before cycle 0 and could not be corrected.
  std::optional<unsigned> unloadable;
  IssuePtr activeFetch;
};

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_SEQUENCER_H
