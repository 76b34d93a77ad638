//===- Repeat.cpp - plans that cut equal layers alike ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stages of equal content share one text. A model of equal layers is found as
// the longest stretch of operations that repeats with some period; a plan then
// is a way to divide one period, taken as often as it repeats, between free
// ways to divide what stands before and behind. The period may begin anywhere
// in a layer. Each part is a shortest path, as in Enumerate.cpp.
//
//===----------------------------------------------------------------------===//

#include "Enumerate.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

static constexpr double infinite = std::numeric_limits<double>::infinity();

namespace {
/// Operations [begin, end) are equal to those `length` later, as far as those
/// are in the range too.
struct Period {
  unsigned begin = 0, end = 0, length = 0;
};

/// One stage of a path: first and last position, and the option.
struct Leg {
  unsigned first = 0, last = 0, option = 0, width = 0;
};

/// Least latency by position and budget, and how it is reached.
class Paths {
public:
  Paths(unsigned first, unsigned last, unsigned budget)
      : first(first), budget(budget),
        cells(size_t(last - first + 1) * (budget + 1)) {}
  struct Cell {
    double cost = infinite;
    Leg leg;
    unsigned before = 0; // budget
  };
  Cell &at(unsigned position, unsigned spent) {
    return cells[size_t(position - first) * (budget + 1) + spent];
  }
  void relax(unsigned position, unsigned spent, double cost, Leg leg,
             unsigned before) {
    Cell &cell = at(position, spent);
    if (cost < cell.cost)
      cell = {cost, leg, before};
  }
  const unsigned first, budget;

private:
  std::vector<Cell> cells;
};

/// A plan that repeats, by its parts.
struct Candidate {
  double score = infinite, bound = infinite;
  unsigned start = 0, count = 0, end = 0;    // positions, periods between
  unsigned before = 0, each = 0, behind = 0; // budgets
  bool joinsFirst = false, joinsLast = false;
};
} // namespace

static std::vector<uint64_t> signatures(const Model &model) {
  std::vector<uint64_t> result;
  llvm::DenseMap<unsigned, unsigned> placeOf;
  for (auto [i, n] : llvm::enumerate(model.heavy))
    placeOf[n] = i;
  for (auto [i, n] : llvm::enumerate(model.heavy)) {
    const Node &node = model.nodes[n];
    llvm::hash_code code = llvm::hash_combine(
        node.op->getName().getAsOpaquePointer(),
        node.result().getType().getAsOpaquePointer(),
        llvm::hash_combine_range(node.loopSizes.begin(), node.loopSizes.end()));
    for (LoopKind kind : node.loops)
      code = llvm::hash_combine(code, unsigned(kind));
    for (mlir::Value read : node.reads) {
      code = llvm::hash_combine(code, read.getType().getAsOpaquePointer());
      if (model.isHeavy(read))
        code = llvm::hash_combine(
            code,
            i - placeOf.lookup(model.numberOf.lookup(read.getDefiningOp())));
    }
    for (Region &region : node.op->getRegions())
      region.walk([&](Operation *inner) {
        code = llvm::hash_combine(code, inner->getName().getAsOpaquePointer());
      });
    result.push_back(size_t(code));
  }
  return result;
}

/// The stretch that covers most operations; of equal ones the shortest period.
static std::optional<Period> findPeriod(const Model &model) {
  std::vector<uint64_t> codes = signatures(model);
  unsigned count = codes.size();
  Period best;
  for (unsigned length = 1; length <= count / 2; ++length) {
    auto repeats = [&](unsigned i) {
      return i + length < count && codes[i] == codes[i + length];
    };
    // A run of at least `length` has one of these places.
    for (unsigned i = 0; i + length < count; i += length) {
      // Some periods of the best stretch are no longer stretch.
      bool isKnown = best.length && length % best.length == 0 &&
                     i >= best.begin && i + length < best.end;
      if (isKnown || !repeats(i))
        continue;
      unsigned first = i, last = i + 1;
      while (first > 0 && repeats(first - 1))
        --first;
      while (repeats(last))
        ++last;
      if (last - first >= length &&
          last - first + length > best.end - best.begin)
        best = {first, last + length, length};
      i = (last - 1) / length * length;
    }
  }
  if (best.length == 0)
    return std::nullopt;
  return best;
}

unsigned Enumerator::equalLayers() const {
  std::optional<Period> period = findPeriod(cost.model);
  // The first and the last may lack an operation that another one has.
  return period ? llvm::divideCeil(period->end - period->begin, period->length)
                : 0;
}

std::optional<Plan> Enumerator::repeating(unsigned chips, unsigned stages,
                                          double weight) const {
  std::optional<Period> period = findPeriod(cost.model);
  if (!period)
    return std::nullopt;
  unsigned n = positions.size();
  llvm::DenseMap<unsigned, unsigned> indexOf;
  for (auto [i, position] : llvm::enumerate(positions))
    indexOf[position] = i;
  // With a number of stages the budget is stages, otherwise slots.
  unsigned slots = std::min(cost.placement.slotsFor(chips), (n - 1) * 512);
  unsigned budget = stages ? stages : slots;
  auto spend = [&](unsigned spent, unsigned width) -> unsigned {
    if (stages)
      return spent + 1;
    unsigned end = cost.placement.end(spent, width);
    return end ? end : budget + 1;
  };
  auto forward = [&](Paths &paths, unsigned first, unsigned last,
                     double bound) {
    paths.at(first, 0).cost = 0;
    for (unsigned i = first; i < last; ++i)
      for (unsigned j = i + 1; j <= std::min(last, reach(i)); ++j)
        for (const Choice &c : choices(i, j))
          if (c.interval <= bound)
            for (unsigned b = 0; b < paths.budget; ++b)
              if (double sum = paths.at(i, b).cost; sum < infinite)
                if (unsigned end = spend(b, c.width); end <= paths.budget)
                  paths.relax(j, end, sum + c.latency,
                              {i, j, c.option, c.width}, b);
  };
  auto backward = [&](Paths &paths, unsigned first, double bound) {
    paths.at(n - 1, 0).cost = 0;
    for (unsigned i = n - 1; i-- > first;)
      for (unsigned j = i + 1; j <= reach(i); ++j)
        for (const Choice &c : choices(i, j))
          if (c.interval <= bound)
            for (unsigned b = 0; b < paths.budget; ++b)
              if (double sum = paths.at(j, b).cost; sum < infinite)
                if (unsigned end = b + (stages ? 1 : c.width);
                    end <= paths.budget)
                  paths.relax(i, end, sum + c.latency,
                              {i, j, c.option, c.width}, b);
  };

  // Where the periods of each rotation begin.
  struct Rotation {
    unsigned start = 0, first = 0, last = 0, end = 0, count = 0;
  };
  std::vector<Rotation> rotations;
  for (unsigned p = 0;
       p + 1 < n && positions[p] < period->begin + period->length; ++p) {
    if (positions[p] < period->begin)
      continue;
    Rotation r;
    r.count = (period->end - positions[p]) / period->length;
    bool isWhole = r.count > 1;
    for (unsigned k = 0; k <= r.count; ++k)
      isWhole &= indexOf.count(positions[p] + k * period->length) > 0;
    if (!isWhole)
      continue;
    unsigned typical = r.count > 2 ? 1 : 0;
    auto index = [&](unsigned k) {
      return indexOf.lookup(positions[p] + k * period->length);
    };
    r.start = p;
    r.first = index(typical);
    r.last = index(typical + 1);
    r.end = index(r.count);
    rotations.push_back(r);
  }
  if (rotations.empty())
    return std::nullopt;

  std::vector<double> limits = {infinite};
  if (stages) {
    std::vector<double> intervals;
    for (const Rotation &r : rotations)
      for (unsigned a = r.first; a < r.last; ++a)
        for (unsigned b = a + 1; b <= r.last; ++b)
          for (const Choice &c : choices(a, b))
            intervals.push_back(c.interval);
    limits = intervalBounds(std::move(intervals));
  }
  unsigned furthest = rotations.back().start, nearest = n - 1;
  for (const Rotation &r : rotations)
    nearest = std::min(nearest, r.end);
  std::vector<Candidate> candidates;
  auto collect = [&](double bound, std::vector<Leg> *legs,
                     const Candidate *wanted) {
    Paths before(0, furthest, budget), behind(nearest, n - 1, budget);
    forward(before, 0, furthest, bound);
    backward(behind, nearest, bound);
    for (const Rotation &r : rotations) {
      if (wanted && wanted->start != r.start)
        continue;
      unsigned most = budget / r.count;
      if (most == 0)
        continue;
      Paths each(r.first, r.last, most);
      forward(each, r.first, r.last, bound);
      if (wanted) {
        for (unsigned p = r.start, b = wanted->before; p > 0;) {
          const Paths::Cell &cell = before.at(p, b);
          legs->insert(legs->begin(), cell.leg);
          p = cell.leg.first, b = cell.before;
        }
        std::vector<Leg> one;
        for (unsigned p = r.last, b = wanted->each; p > r.first;) {
          const Paths::Cell &cell = each.at(p, b);
          one.insert(one.begin(), cell.leg);
          p = cell.leg.first, b = cell.before;
        }
        for (unsigned k = 0; k < r.count; ++k)
          for (const Leg &leg : one) {
            auto shifted = [&](unsigned p) {
              unsigned at = positions[p] - positions[r.first] +
                            positions[r.start] + k * period->length;
              auto it = indexOf.find(at);
              return it == indexOf.end() ? n : it->second;
            };
            legs->push_back(
                {shifted(leg.first), shifted(leg.last), leg.option, leg.width});
          }
        for (unsigned p = r.end, b = wanted->behind; p + 1 < n;) {
          const Paths::Cell &cell = behind.at(p, b);
          legs->push_back(cell.leg);
          p = cell.leg.last, b = cell.before;
        }
        return;
      }
      double best = infinite;
      for (unsigned b = 1; b <= most; ++b) {
        double middle = each.at(r.last, b).cost;
        // More chips that are no faster lose.
        if (middle == infinite || (!stages && middle >= best))
          continue;
        best = middle;
        middle *= r.count;
        for (unsigned joins = 0; joins < 4; ++joins) {
          bool first = joins & 1, last = joins & 2;
          if ((first && r.start == 0) || (last && r.end == n - 1))
            continue;
          // A stage that is joined to its neighbour is none of its own.
          unsigned rest = budget + (stages ? first + last : 0) - b * r.count;
          Candidate own;
          own.bound = bound;
          own.start = r.start, own.count = r.count, own.end = r.end;
          own.each = b, own.joinsFirst = first, own.joinsLast = last;
          // Least behind a period, by budget.
          std::vector<std::pair<double, unsigned>> tail;
          for (unsigned q = 0; q <= std::min(rest, budget); ++q) {
            tail.push_back({behind.at(r.end, q).cost, q});
            if (!stages && q > 0 && tail[q - 1].first <= tail[q].first)
              tail[q] = tail[q - 1];
          }
          for (unsigned p = 0; p <= std::min(rest, budget); ++p) {
            double head = before.at(r.start, p).cost;
            if (head == infinite || rest - p >= tail.size())
              continue;
            double sum = head + middle + tail[rest - p].first;
            if (stages)
              sum += weight * bound;
            if (sum < own.score) {
              own.score = sum;
              own.before = p, own.behind = tail[rest - p].second;
            }
          }
          if (own.score < infinite)
            candidates.push_back(own);
        }
      }
    }
  };
  for (double bound : limits)
    collect(bound, nullptr, nullptr);
  llvm::stable_sort(candidates, [](const Candidate &a, const Candidate &b) {
    return a.score < b.score;
  });
  // What was assumed of places and of joined stages is checked on whole plans.
  constexpr size_t mostTries = 24;
  std::optional<Plan> best;
  double bestScore = infinite;
  for (const Candidate &own :
       llvm::ArrayRef(candidates).take_front(mostTries)) {
    std::vector<Leg> legs;
    collect(own.bound, &legs, &own);
    unsigned each = 0; // stages of a period
    for (const Leg &leg : legs)
      each += leg.first >= own.start && leg.last <= own.end;
    each /= own.count;
    auto join = [&](size_t a, bool keepsFirst) {
      Leg &kept = legs[keepsFirst ? a : a + 1];
      kept.first = legs[a].first;
      kept.last = legs[a + 1].last;
      legs.erase(legs.begin() + (keepsFirst ? a + 1 : a));
    };
    size_t head = 0;
    while (head < legs.size() && legs[head].first < own.start)
      ++head;
    size_t tail = legs.size();
    while (tail > 0 && legs[tail - 1].last > own.end)
      --tail;
    if (own.joinsLast)
      join(tail - 1, true);
    if (own.joinsFirst)
      join(head - 1, false);
    Plan plan;
    bool isLegal = true;
    for (const Leg &leg : legs) {
      if (leg.first >= n || leg.last >= n || leg.first >= leg.last) {
        isLegal = false;
        break;
      }
      plan.stages.push_back(stage(leg.first, leg.last, leg.option));
      const Option &option = options[leg.option];
      isLegal &= fits(plan.stages.back()) &&
                 option.uses(positions[leg.first], positions[leg.last]);
    }
    unsigned taken = isLegal ? cost.placement.slotsOf(plan) : 0;
    if (!isLegal || taken == 0 || taken > cost.placement.slotsFor(chips) ||
        plan.chipsPerReplica() > chips)
      continue;
    plan.repeats = own.count;
    plan.stagesOfRepeat = each;
    double score = plan.latency() + (stages ? weight * plan.interval() : 0.0);
    if (score < bestScore) {
      bestScore = score;
      best = std::move(plan);
    }
  }
  return best;
}
