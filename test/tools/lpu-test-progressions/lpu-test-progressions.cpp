//===- lpu-test-progressions.cpp - the sweep against enumeration ----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// sweepCoincidences must show every set of progressions that share a point, and
// no set that does not, whatever the intervals. Compares it with looking at
// every point of random progressions.
//
//===----------------------------------------------------------------------===//

#include "lib/Verify/Progression.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <random>
#include <set>

using namespace lpu::verify;

namespace {

struct Item : Progression {
  unsigned number;
};

using Patterns = std::set<std::vector<unsigned>>;

Patterns byEnumeration(const std::vector<Item> &items) {
  std::map<int64_t, std::vector<unsigned>> points;
  for (const Item &item : items)
    for (int64_t i = 0; i < item.count; ++i)
      points[item.at(i)].push_back(item.number);
  Patterns result;
  for (auto &[point, numbers] : points) {
    std::sort(numbers.begin(), numbers.end());
    result.insert(numbers);
  }
  return result;
}

/// Also checks that each pattern is shown at a point where it holds.
Patterns bySweep(std::vector<Item> items, bool &honest) {
  Patterns result;
  sweepCoincidences(items,
                    [&](int64_t point, llvm::ArrayRef<const Item *> group) {
                      std::vector<unsigned> numbers;
                      for (const Item *item : group) {
                        honest &= item->contains(point);
                        numbers.push_back(item->number);
                      }
                      std::sort(numbers.begin(), numbers.end());
                      result.insert(numbers);
                    });
  return result;
}

/// Issues joined must cover exactly the issues given.
bool joinsExactly(std::mt19937 &random) {
  std::vector<Progression> given, joined;
  int64_t t = 0;
  Joiner joiner;
  for (unsigned i = 0, n = 1 + random() % 12; i < n; ++i) {
    Progression next{t, 1 + int64_t(random() % 4), 1 + int64_t(random() % 3)};
    if (next.count == 1)
      next.interval = 1;
    t = next.last() + 1 + random() % 4;
    given.push_back(next);
    if (!joiner.join(next)) {
      joined.push_back(joiner.get());
      joiner.restart(next);
    }
  }
  joined.push_back(joiner.get());
  auto points = [](const std::vector<Progression> &list) {
    std::vector<int64_t> result;
    for (const Progression &p : list)
      for (int64_t i = 0; i < p.count; ++i)
        result.push_back(p.at(i));
    return result;
  };
  return points(given) == points(joined);
}

} // namespace

int main() {
  std::mt19937 random(1);
  const int64_t intervals[] = {1, 1, 1, 2, 2, 3, 4, 6, 7, 10, 24, 255};
  for (unsigned round = 0; round < 20000; ++round) {
    std::vector<Item> items(1 + random() % 12);
    for (unsigned i = 0; i < items.size(); ++i) {
      items[i].first = int64_t(random() % 60) - 30;
      items[i].interval = intervals[random() % (round % 2 ? 12 : 5)];
      items[i].count = 1 + random() % (round % 3 ? 8 : 60);
      items[i].number = i;
    }
    bool honest = true;
    if (byEnumeration(items) != bySweep(items, honest) || !honest) {
      llvm::outs() << "round " << round << ": the sweep differs\n";
      for (const Item &item : items)
        llvm::outs() << "  " << item.first << " + i x " << item.interval
                     << ", i < " << item.count << '\n';
      return 1;
    }
    if (!joinsExactly(random)) {
      llvm::outs() << "round " << round << ": joining differs\n";
      return 1;
    }
  }
  llvm::outs() << "20000 rounds agree\n";
  return 0;
}
