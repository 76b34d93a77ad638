//===- QueueFetcher.h - fetch the text of one queue -------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One queue is walked in the order of execution with a model of its buffer, as
// lpu/Schedule/InsertFetches.h explains. FetchPorts holds what queues share.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_SCHEDULE_QUEUEFETCHER_H
#define LPU_LIB_SCHEDULE_QUEUEFETCHER_H

#include "lpu/Schedule/QueueProgram.h"
#include "llvm/ADT/DenseMap.h"

namespace lpu {

/// A loop around a fetch.
struct Repetition {
  uint64_t iterations, period;
};

/// Bank ports and the fetch path, shared by all queues.
class FetchPorts {
public:
  explicit FetchPorts(const Machine &machine)
      : rowCycles(machine.fetchRowCycles()),
        pathWidth(machine.fetchBytesPerCycle / 16),
        // A queue has one active fetch at most.
        pathIsFree(pathWidth >= machine.numQueues()) {}

  /// Reserves a fetch of n rows from cycle t on, repeated by loops.
  bool claim(unsigned bank, uint64_t t, unsigned n,
             llvm::ArrayRef<Repetition> loops) {
    starts.assign(1, t);
    for (const Repetition &loop : loops) {
      size_t count = starts.size();
      if (count * loop.iterations * n > mostReads)
        return false;
      for (uint64_t k = 1; k < loop.iterations; ++k)
        for (size_t i = 0; i < count; ++i)
          starts.push_back(starts[i] + k * loop.period);
    }
    size_t mark = log.size();
    for (uint64_t start : starts) {
      bool good = true;
      for (unsigned i = 0; good && i < n; ++i)
        good = take(key(bank, start + uint64_t(i) * rowCycles), 1);
      if (!pathIsFree)
        for (uint64_t c = 0; good && c < uint64_t(n) * rowCycles; ++c)
          good = take(key(pathKey, start + c), pathWidth);
      if (!good) {
        rollback(mark);
        return false;
      }
    }
    return true;
  }

  size_t mark() const { return log.size(); }
  void rollback(size_t mark) {
    while (log.size() > mark) {
      auto found = used.find(log.back());
      if (--found->second == 0)
        used.erase(found);
      log.pop_back();
    }
  }

private:
  // Row reads of one queue over the whole run; beyond this the text is read so
  // often that something is wrong, and reservations would take too long.
  static constexpr uint64_t mostReads = uint64_t(1) << 22;
  static constexpr unsigned pathKey = 0x3fff;
  unsigned rowCycles, pathWidth;
  bool pathIsFree;
  llvm::DenseMap<uint64_t, unsigned> used;
  std::vector<uint64_t> log, starts;

  /// Cycles stay below 2^48 in practice; beyond that keys may meet, which
  /// refuses a claim but never allows a wrong one.
  static uint64_t key(unsigned bank, uint64_t cycle) {
    return uint64_t(bank) << 48 ^ cycle;
  }
  bool take(uint64_t key, unsigned limit) {
    unsigned &count = used[key];
    if (count >= limit)
      return false;
    ++count;
    log.push_back(key);
    return true;
  }
};

/// The first instruction that could not be taken, in the best attempt.
struct MissingText {
  bool any = false;
  uint64_t cycle = 0;
  size_t index = 0;
  unsigned row = 0;
  uint64_t declined = 0; // end of the last gap before it without a fetch
};

/// The items with the fetches of their text, which begins in the first row of
/// `bank`; items end in halt. nullopt if no search of at most `maxSteps` walked
/// instructions (and 16 per word) finds a way: `missing` says where.
std::optional<std::vector<QueueItem>>
fetchQueue(const std::vector<QueueItem> &items, const Machine &machine,
           FetchPorts &ports, unsigned bank, uint64_t maxSteps,
           MissingText &missing);

} // namespace lpu

#endif // LPU_LIB_SCHEDULE_QUEUEFETCHER_H
