//===- LastReads.cpp - the ends of stream values --------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LastReads.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;

uint64_t lpu::along(const Machine &machine, bool west, unsigned position) {
  return west ? machine.lastPosition() - position : position;
}

/// Number of different cycles in progressions that overlap in time.
static uint64_t countDistinct(llvm::ArrayRef<LastReads::Cycles> runs) {
  if (llvm::all_equal(runs))
    return runs[0].count;
  std::vector<int64_t> cycles;
  for (const LastReads::Cycles &run : runs)
    for (int64_t i = 0; i < run.count; ++i)
      cycles.push_back(run.first + i * run.interval);
  llvm::sort(cycles);
  return uint64_t(std::unique(cycles.begin(), cycles.end()) - cycles.begin());
}

uint64_t LastReads::hops(const Machine &machine) {
  uint64_t sum = 0;
  for (auto &[place, list] : runs) {
    llvm::sort(list);
    uint64_t ends = 0;
    for (size_t begin = 0, end; begin < list.size(); begin = end) {
      int64_t last = list[begin].last();
      for (end = begin + 1; end < list.size() && list[end].first <= last; ++end)
        last = std::max(last, list[end].last());
      ends += countDistinct(llvm::ArrayRef(list).slice(begin, end - begin));
    }
    sum += along(machine, std::get<1>(place), std::get<0>(place)) * ends;
  }
  return sum;
}
