//===- Timeline.h - resources taken by a random program ---------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TEST_TOOLS_TIMELINE_H
#define LPU_TEST_TOOLS_TIMELINE_H

#include "lpu/Binary/Package.h"
#include <functional>
#include <map>
#include <random>
#include <set>

namespace lpu::test {

/// One instruction of a plan; its cycle is relative to the plan's start.
struct PlannedIssue {
  unsigned chip, queue;
  int64_t cycle;
  isa::Instruction instruction; // `wait` is filled in when it is placed
  /// In a loop: how much later the last execution is; at the end of a loop: how
  /// much later the queue goes on.
  int64_t effectLater = 0, freeLater = 0;
};

/// A value on a byte stream, from its write to its last read.
struct PlannedValue {
  unsigned chip;
  bool west;
  unsigned stream;
  int64_t position, written, lastRead; // position and cycle of the write
};

struct PlannedRow {
  unsigned chip, slice, bank;
  int64_t row;
  int64_t cycle; // of the issue
  bool write;
};

/// A send or a receive. Behind a resync of its chip the links rest up to before
/// cycle `clear`: of the send, or of the vector's earliest arrival.
struct PlannedLinkUse {
  unsigned chip;
  int64_t cycle, clear;
};

/// Instructions with their repeats written out in `values`, `rows` and
/// `results`.
struct Plan {
  std::vector<PlannedIssue> issues; // of one queue: in order
  std::vector<PlannedValue> values;
  std::vector<PlannedRow> rows;
  struct Result {
    unsigned chip, alu;
    int64_t completion;
  };
  std::vector<Result> results;
  std::vector<PlannedLinkUse> linkUses;
  std::vector<std::pair<unsigned, int64_t>> resyncs; // chip, cycle
  bool ok = true; // false: the machine has no room for this dataflow
};

/// What is taken so far, by absolute cycles.
class Timeline {
public:
  Timeline(const Machine &machine, unsigned chips);

  /// The texts so far; every one is missing its halt.
  struct Queue {
    int64_t free = 0;
    std::vector<isa::Instruction> text;
    int64_t blockReady = 0; // when the next half of the buffer is usable
    bool full = false;      // cannot take more text
  };
  Queue &queue(unsigned chip, unsigned number) { return queues[chip][number]; }
  /// Room for \p count instructions in one buffer half; pads with nops.
  bool reserve(unsigned chip, unsigned number, unsigned count);
  /// Places the plan at the earliest cycle found, of those that \p fits takes;
  /// false if there is none.
  bool place(Plan &plan, std::mt19937_64 &random,
             const std::function<bool(int64_t start)> &fits = nullptr);
  /// After a successful place: the cycle of the plan's start.
  int64_t start() const { return placedAt; }
  int64_t end() const { return lastEffect + 1; }
  /// The same of one chip, and when it has nothing left to do.
  int64_t end(unsigned chip) const { return effects[chip] + 1; }
  int64_t over(unsigned chip) const;
  void append(unsigned chip, unsigned number, int64_t cycle,
              isa::Instruction instruction, int64_t effectLater = 0,
              int64_t freeLater = 0);

  /// Where the text of a queue stands: one bank of a text slice holds nothing
  /// but text.
  std::pair<unsigned, unsigned> textBank(unsigned number) const;
  bool isTextBank(unsigned slice, unsigned bank) const;
  /// The most rows that the text of one queue may have.
  unsigned textRows() const;

private:
  bool free(const Plan &plan, int64_t shift) const;
  void afterAppend(unsigned chip, unsigned number);
  unsigned blockSize() const;

  const Machine &m;
  std::vector<std::vector<Queue>> queues;
  using Interval = std::pair<int64_t, int64_t>;
  std::map<std::tuple<unsigned, bool, unsigned, int64_t>,
           std::vector<Interval>>
      slots; // (chip, west, stream, key)
  std::set<std::tuple<unsigned, unsigned, unsigned, int64_t>>
      fetchUse; // (chip, slice, bank, cycle)
  std::map<std::tuple<unsigned, unsigned, unsigned, int64_t>,
           std::vector<std::pair<int64_t, bool>>>
      rows; // (chip, slice, bank, row): uses
  std::set<std::tuple<unsigned, unsigned, int64_t>> results;
  std::vector<std::map<int64_t, unsigned>> fetching; // per chip and cycle
  int64_t placedAt = 0, lastEffect = -1;
  std::vector<int64_t> effects, fetchEnds; // per chip
};

} // namespace lpu::test

#endif // LPU_TEST_TOOLS_TIMELINE_H
