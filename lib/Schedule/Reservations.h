//===- Reservations.h - who holds which resource when -----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scheduler's reservation tables. A stream value keeps the key t - x (t + x
// westward) for life, so a run of n values written every d cycles is the key
// interval [k, k + (n-1)d] on its stream, alive between the position of its
// writer (exclusive: reads come before writes) and that of its last reader
// (inclusive). Two runs on one stream collide if both their key and position
// intervals overlap. Queues and ALU result slots are plain intervals of cycles.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_SCHEDULE_RESERVATIONS_H
#define LPU_LIB_SCHEDULE_RESERVATIONS_H

#include "lpu/Target/Machine.h"
#include <cstdint>
#include <map>
#include <vector>

namespace lpu::schedule {

/// Disjoint inclusive intervals of cycles.
class IntervalSet {
public:
  /// Earliest s >= from such that [s, s + length - 1] is free.
  int64_t nextFree(int64_t from, int64_t length) const;
  bool isFree(int64_t from, int64_t length) const;
  void insert(int64_t from, int64_t length);
  void clear() {
    intervals.clear();
    full.clear();
  }

private:
  std::map<int64_t, int64_t> intervals; // first -> last
  /// By length: no run of that length begins in first .. second-1. As nothing
  /// is ever given back, that stays true; without it a resource with many small
  /// gaps is searched from its beginning for every run.
  mutable std::map<int64_t, std::pair<int64_t, int64_t>> full;
};

/// The life of a run of values on one stream.
struct StreamRun {
  int64_t keyLow = 0, keyHigh = 0;
  /// Positions in the direction of travel: writer < p <= last reader
  /// (coordinates negated for westward streams).
  int posLow = 0, posHigh = 0;
  /// Cycles between values: others with the same step may stand between them.
  int64_t step = 1;

  bool collides(const StreamRun &other) const {
    return keyLow <= other.keyHigh && other.keyLow <= keyHigh &&
           posLow < other.posHigh && other.posLow < posHigh &&
           !(step > 1 && step == other.step &&
             (keyLow - other.keyLow) % step != 0);
  }
};

/// All streams of one chip.
class StreamTable {
public:
  explicit StreamTable(unsigned streams) : streams(streams) { clear(); }
  void clear();
  bool isFree(bool west, unsigned stream, const StreamRun &run) const;
  void insert(bool west, unsigned stream, const StreamRun &run);

private:
  static constexpr int64_t bucketSize = 256;
  static constexpr int64_t bucketBias = 4096; // keys may be slightly negative
  unsigned streams;
  /// [direction * streams + stream][bucket of keys]
  std::vector<std::vector<std::vector<StreamRun>>> buckets;
};

/// Everything that can be taken on one chip.
struct Reservations {
  explicit Reservations(const Machine &machine)
      : queues(machine.numQueues()), results(machine.alus),
        streams(machine.streams) {}
  std::vector<IntervalSet> queues;  // issue cycles, by queue number
  std::vector<IntervalSet> results; // completion cycles, by ALU
  StreamTable streams;

  void clear() {
    for (auto &q : queues)
      q.clear();
    for (auto &r : results)
      r.clear();
    streams.clear();
  }
};

} // namespace lpu::schedule

#endif // LPU_LIB_SCHEDULE_RESERVATIONS_H
