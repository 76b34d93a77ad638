//===- Progression.h - arithmetic progressions and where they meet -*- C++
//-*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Almost every rule of the machine has the form "of all things that touch point
// k, this must hold": k is a cycle (a bank, an ALU's results) or the key of a
// stream slot (docs/isa.md, section 2), and the things are issues of
// instructions, which come as arithmetic progressions.
//
// sweepCoincidences cuts the axis where a progression starts or ends. Between
// two cuts the same progressions are active, each touching the points of one
// residue class. If all of them have the same interval d, the points fall into
// at most as many different patterns as there are progressions, and each
// pattern is judged once, however long the piece is. Different intervals repeat
// their pattern after the least common multiple, so only that many points are
// looked at. The cost is the number of pieces times the progressions active at
// once, which is the number of units that share one diagonal.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_VERIFY_PROGRESSION_H
#define LPU_VERIFY_PROGRESSION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace lpu::verify {

/// first, first + interval, ..., count points; count >= 1, interval >= 1.
struct Progression {
  int64_t first = 0;
  int64_t interval = 1;
  int64_t count = 1;

  int64_t last() const { return first + (count - 1) * interval; }
  int64_t at(int64_t i) const { return first + i * interval; }
  bool contains(int64_t point) const {
    return point >= first && point <= last() && (point - first) % interval == 0;
  }
  /// Number of points < bound.
  int64_t countBelow(int64_t bound) const {
    if (bound <= first)
      return 0;
    return std::min(count, (bound - first + interval - 1) / interval);
  }
};

/// Joins issues of one instruction that continue one another (iterations of a
/// loop, single issues at a constant distance) to longer progressions.
class Joiner {
public:
  bool empty() const { return current.count == 0; }
  const Progression &get() const { return current; }

  /// True if \p next was joined; otherwise the caller takes get() and restarts.
  bool join(const Progression &next) {
    if (current.count == 0) {
      current = next;
      return true;
    }
    int64_t step = next.first - current.last();
    if (current.count > 1 && step != current.interval)
      return false;
    if (next.count > 1 && step != next.interval)
      return false;
    if (step <= 0)
      return false;
    current.interval = step;
    current.count += next.count;
    return true;
  }
  void restart(const Progression &next) { current = next; }

private:
  Progression current{0, 1, 0};
};

/// Calls check(point, group) for every pattern of items that share a point, at
/// least once for every distinct set of items sharing a point. Item derives
/// from Progression; group is an ArrayRef<const Item *> in no particular order.
template <typename Item, typename Check>
void sweepCoincidences(std::vector<Item> &items, Check check) {
  std::sort(items.begin(), items.end(),
            [](const Item &a, const Item &b) { return a.first < b.first; });
  struct Active {
    const Item *item;
    int64_t end; // last() + 1
  };
  llvm::SmallVector<Active, 32> active;
  llvm::SmallVector<const Item *, 32> group;
  std::vector<std::pair<int64_t, const Item *>> points;
  size_t next = 0;
  int64_t from = 0;
  while (next < items.size() || !active.empty()) {
    if (active.empty())
      from = items[next].first;
    while (next < items.size() && items[next].first == from) {
      active.push_back({&items[next], items[next].last() + 1});
      ++next;
    }
    int64_t to = next < items.size() ? items[next].first : INT64_MAX;
    int64_t interval = active.front().item->interval;
    bool sameInterval = true;
    for (const Active &a : active) {
      to = std::min(to, a.end);
      sameInterval &= a.item->interval == interval;
    }

    if (to - from == 1 || (sameInterval && interval == 1)) {
      group.clear();
      for (const Active &a : active)
        if (a.item->interval == 1 ||
            (from - a.item->first) % a.item->interval == 0)
          group.push_back(a.item);
      if (!group.empty())
        check(from, llvm::ArrayRef<const Item *>(group));
    } else {
      // Points of one period of the common pattern.
      int64_t window = to - from;
      int64_t period = 1;
      for (const Active &a : active) {
        int64_t factor = a.item->interval / std::gcd(period, a.item->interval);
        if (factor >= (window + period - 1) / period) {
          period = window;
          break;
        }
        period *= factor;
      }
      points.clear();
      for (const Active &a : active) {
        int64_t d = a.item->interval;
        int64_t behind = (from - a.item->first) % d;
        for (int64_t p = behind ? d - behind : 0; p < period; p += d)
          points.push_back({from + p, a.item});
      }
      std::sort(points.begin(), points.end(),
                [](const auto &a, const auto &b) { return a.first < b.first; });
      for (size_t i = 0; i < points.size();) {
        group.clear();
        int64_t point = points[i].first;
        for (; i < points.size() && points[i].first == point; ++i)
          group.push_back(points[i].second);
        check(point, llvm::ArrayRef<const Item *>(group));
      }
    }

    llvm::erase_if(active, [&](const Active &a) { return a.end <= to; });
    from = to;
  }
}

} // namespace lpu::verify

#endif // LPU_VERIFY_PROGRESSION_H
