//===- LastReads.h - the ends of stream values ------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Several units at one position may read a slot in the cycle in which it dies,
// each with the `last` bit (docs/isa.md, section 2): two planes that install
// the same weights do. The value ends once. So last reads are collected as
// arithmetic progressions of cycles per place and stream, and where
// progressions of one place overlap in time their cycles are counted as a set.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_REPORT_LASTREADS_H
#define LPU_LIB_REPORT_LASTREADS_H

#include "lpu/Target/Machine.h"
#include <map>
#include <tuple>
#include <vector>

namespace lpu {

/// Stops between the edge that a direction comes from and a position.
uint64_t along(const Machine &machine, bool west, unsigned position);

class LastReads {
public:
  /// `width` streams from `stream` on, at one position.
  struct Place {
    uint16_t position;
    bool west;
    uint8_t stream, width;
  };
  /// Cycles first, first + interval, .. (count of them).
  struct Cycles {
    int64_t first;
    uint32_t count, interval;
    bool operator<(const Cycles &o) const {
      return std::tie(first, count, interval) <
             std::tie(o.first, o.count, o.interval);
    }
    bool operator==(const Cycles &o) const {
      return first == o.first && count == o.count && interval == o.interval;
    }
    int64_t last() const { return first + int64_t(count - 1) * interval; }
  };

  void add(Place place, Cycles cycles) {
    for (unsigned i = 0; i < place.width; ++i)
      runs[{place.position, place.west, place.stream + i}].push_back(cycles);
  }
  /// Sum over all values that end of `along` at their end.
  uint64_t hops(const Machine &machine);

private:
  std::map<std::tuple<unsigned, bool, unsigned>, std::vector<Cycles>> runs;
};

} // namespace lpu

#endif // LPU_LIB_REPORT_LASTREADS_H
