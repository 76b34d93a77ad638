//===- Joiner.h - chips while they are joined by links ----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What lpu/Schedule/Transfer.h describes, in two halves: columns on their way
// (Transfer.cpp), and the texts and classes that come of it (Join.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_SCHEDULE_JOINER_H
#define LPU_LIB_SCHEDULE_JOINER_H

#include "Pauses.h"
#include "lpu/Schedule/Transfer.h"
#include <cstdlib>
#include <map>
#include <optional>

namespace lpu::schedule {

/// Issues by queue number, each list in the order of its cycles.
using Issues = std::map<unsigned, std::vector<QueueItem>>;

/// A program of a kind, and what is asked about it again and again.
struct Kind {
  const ClassProgram *program = nullptr;
  uint64_t end = 0; // of effects and issues
  bool hasExchanges = false;
};

/// A chip while it is joined. Cycles are program cycles until its start is
/// known, and cycles of the chip from then on.
struct JoinedChip {
  unsigned part = 0, local = 0; // its number there
  const Kind *kind = nullptr;
  uint64_t start = 0;
  bool isReady = false;
  /// By queue number: the first program cycle in which the queue can issue; by
  /// number of a stream (Joiner::streamNumber): in which the stream's next slot
  /// can be at the edge.
  std::map<unsigned, uint64_t> free;
  /// What it does in front of its program (program cycles until the chip is
  /// ready), and behind it.
  Issues prologue, epilogue;
  /// Runs of sends and receives: first program cycle, count.
  std::vector<std::pair<uint64_t, uint64_t>> linkIssues;
  std::vector<QueueItem> resyncs;
  /// Where the links stand still for a resynchronisation (program cycles): in
  /// these cycles and every resync_cycles behind them.
  std::optional<uint64_t> receivePause, sendPause;
  /// Cycles between its first receive and its program; whether a resync stands
  /// in front of the program, and where.
  uint64_t shift = 0;
  std::optional<uint64_t> aligned;
  uint64_t programEnd = 0;  // all effects of the program itself are over
  uint64_t prologueEnd = 0; // all received values are visible
  bool hasReceived = false;
};

/// One column on its way from a source to slices of other chips.
struct Strip {
  unsigned number = 0; // among the columns of the placement
  struct Target {
    unsigned chip;
    Column column;
  };
  std::vector<Target> targets; // of one chip in different slices
  unsigned rows = 0;
};

/// What one instruction does on the way of a column's rows; or, without one
/// (nop), the slots of a stream that they take.
struct Step {
  unsigned chip = 0, queue = 0;
  int64_t later = 0; // than the first send
  uint64_t gap = 1;  // from its last issue to the next of its queue
  isa::Instruction inst;
};

/// The steps of a column along one tree.
struct Way {
  std::vector<Step> steps;
  /// The pauses of chips that it is the first to reach.
  std::map<unsigned, uint64_t> pauses;
  int64_t last = 0; // write, later than the first send
};

class Joiner {
public:
  Joiner(std::vector<Part> &parts, std::vector<Transfer> &transfers);

  llvm::Expected<ScheduledProgram> run();

private:
  // Transfer.cpp
  llvm::Error transfer(Transfer &t);
  llvm::Error checkTrees(const Transfer &t) const;
  llvm::Expected<std::vector<Strip>> columnsOf(const Transfer &t) const;
  const Placement *placementOf(const Transfer::End &source) const;
  Way wayOf(const Transfer &t, const Strip &column,
            llvm::ArrayRef<LinkHop> tree) const;
  const Transfer::End &sourceOf(const Transfer &t,
                                llvm::ArrayRef<LinkHop> tree) const;
  Pauses pausesOf(const Way &way) const;
  void place(Transfer &t, const Strip &column);
  void placeRows(Transfer &t, const Way &way, uint64_t at, unsigned first,
                 unsigned count);
  uint64_t vectorsSent(unsigned chip) const;

  // Join.cpp
  void finishPrologue(unsigned part);
  void finishProgram(unsigned chip);
  void resync(JoinedChip &chip);
  std::vector<unsigned> classify();
  bool sameText(const JoinedChip &a, const JoinedChip &b) const;
  uint64_t hashOf(const JoinedChip &chip) const;
  ClassProgram textOf(const JoinedChip &chip) const;
  llvm::Error bind(ScheduledProgram &joined);
  bool isReady(unsigned part) const;

  /// Cycles between the vectors of a link: no faster than it sends, and no
  /// faster than the receive buffer takes them, where a vector waits for at
  /// most 2 x margin + 1 cycles.
  uint64_t interval() const {
    uint64_t waiting = 2 * uint64_t(machine.linkMargin) + 1;
    uint64_t buffer = std::max(1u, machine.linkBuffer);
    return std::max<uint64_t>(machine.linkInterval,
                              (waiting + buffer - 1) / buffer);
  }
  /// A stream as a number behind those of the queues. Two values of a stream
  /// meet if and only if they would reach its edge in the same cycle.
  unsigned streamNumber(unsigned stream, bool west) const {
    return 2 * stream + west + (1u << 16);
  }
  unsigned distance(unsigned slice, Unit unit, unsigned link) const {
    return unsigned(std::abs(int(machine.slicePosition(slice)) -
                             int(machine.unitPosition(unit, link))));
  }
  /// From a send to its receive.
  uint64_t flight() const {
    return uint64_t(machine.linkLatency) + machine.linkMargin;
  }
  /// Cycles behind a resync of the receiver without a receive: what is received
  /// at once arrives up to twice the margin before.
  uint64_t receiverRest() const {
    return machine.resyncRest() + 2 * uint64_t(machine.linkMargin);
  }
  /// Cycles in which a queue can fetch the text of what follows.
  uint64_t fetchGap() const {
    return 8 * uint64_t(machine.fetchRowCycles()) + machine.delayFetch + 2;
  }

  std::vector<Part> &parts;
  std::vector<Transfer> &transfers;
  const Machine &machine;
  std::map<const ClassProgram *, Kind> kinds;
  std::vector<JoinedChip> chips;
  std::vector<unsigned> firstChip;             // by part
  std::vector<std::vector<unsigned>> incoming; // by part: its transfers
  std::vector<std::vector<unsigned>> outgoing; // by chip: those it may send
  mutable std::vector<std::optional<uint64_t>> vectorsOf; // by transfer
};

} // namespace lpu::schedule

#endif // LPU_LIB_SCHEDULE_JOINER_H
