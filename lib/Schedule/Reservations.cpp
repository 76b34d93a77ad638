//===- Reservations.cpp - who holds which resource when -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reservations.h"
#include "lpu/Support/Check.h"

using namespace lpu::schedule;

int64_t IntervalSet::nextFree(int64_t from, int64_t length) const {
  auto &[fullFrom, fullTo] = full[length];
  const int64_t begin = from;
  auto enter = [&] { // the intervals behind `from`, which none covers
    if (from >= fullFrom && from < fullTo)
      from = fullTo;
    auto it = intervals.upper_bound(from);
    if (it != intervals.begin())
      from = std::max(from, std::prev(it)->second + 1);
    return it;
  };
  auto it = enter();
  while (it != intervals.end() && it->first < from + length) {
    from = it->second + 1;
    ++it;
    if (from >= fullFrom && from < fullTo)
      it = enter();
  }
  if (begin >= fullFrom && begin <= fullTo)
    fullTo = from;
  else if ((begin < fullFrom && from >= fullFrom) ||
           from - begin > fullTo - fullFrom)
    full[length] = {begin, from};
  return from;
}

bool IntervalSet::isFree(int64_t from, int64_t length) const {
  auto it = intervals.upper_bound(from);
  if (it != intervals.end() && it->first < from + length)
    return false;
  return it == intervals.begin() || std::prev(it)->second < from;
}

void IntervalSet::insert(int64_t from, int64_t length) {
  LPU_CHECK(isFree(from, length), "double reservation");
  int64_t last = from + length - 1;
  // Merge with neighbours, so that back-to-back runs stay one entry.
  auto it = intervals.lower_bound(from);
  if (it != intervals.end() && it->first == last + 1) {
    last = it->second;
    it = intervals.erase(it);
  }
  if (it != intervals.begin()) {
    auto before = std::prev(it);
    if (before->second + 1 == from) {
      before->second = last;
      return;
    }
  }
  intervals[from] = last;
}

void StreamTable::clear() { buckets.assign(2 * streams, {}); }

bool StreamTable::isFree(bool west, unsigned stream,
                         const StreamRun &run) const {
  const auto &lane = buckets[(west ? streams : 0) + stream];
  int64_t first = (run.keyLow + bucketBias) / bucketSize,
          last = (run.keyHigh + bucketBias) / bucketSize;
  for (int64_t b = first; b <= last && b < int64_t(lane.size()); ++b)
    for (const StreamRun &other : lane[b])
      if (run.collides(other))
        return false;
  return true;
}

void StreamTable::insert(bool west, unsigned stream, const StreamRun &run) {
  auto &lane = buckets[(west ? streams : 0) + stream];
  int64_t first = (run.keyLow + bucketBias) / bucketSize,
          last = (run.keyHigh + bucketBias) / bucketSize;
  LPU_CHECK(first >= 0, "stream key out of the table");
  if (int64_t(lane.size()) <= last)
    lane.resize(last + 1);
  for (int64_t b = first; b <= last; ++b)
    lane[b].push_back(run);
}
