//===- Paths.cpp - the best plan as a shortest path -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cut points are nodes, ways to run what lies between two of them are edges.
// What else a search counts (chips taken, stages) multiplies the nodes; each
// search keeps of them only those that may still become the best plan.
//
//===----------------------------------------------------------------------===//

#include "Enumerate.h"

#include "llvm/ADT/STLExtras.h"
#include <limits>
#include <map>

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

static constexpr double infinite = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Least latency
//===----------------------------------------------------------------------===//

namespace {
/// The operations before a position on some chips.
struct Prefix {
  double cost = infinite;
  unsigned slot = 0, used = 0; // one past the last slot; chips
  // The stage that ends here, and the prefix before it.
  unsigned from = 0, option = 0, before = 0;
};

/// By position: prefixes in the order of slots, each cheaper than those that
/// take fewer, or of fewer chips.
using Prefixes = std::vector<std::vector<Prefix>>;

/// Collects the prefixes that end at one position: the cheapest by slot.
class Front {
public:
  explicit Front(unsigned slots) : bySlot(slots + 1) {}
  void add(const Prefix &prefix) {
    Prefix &own = bySlot[prefix.slot];
    if (prefix.cost >= own.cost)
      return;
    if (own.cost == infinite)
      taken.push_back(prefix.slot);
    own = prefix;
  }
  /// Empties itself.
  std::vector<Prefix> take() {
    llvm::sort(taken);
    std::vector<Prefix> kept;
    std::map<unsigned, double> best; // by chips, cost falls
    for (unsigned slot : taken) {
      const Prefix own = std::exchange(bySlot[slot], Prefix());
      auto next = best.upper_bound(own.used);
      if (next != best.begin() && std::prev(next)->second <= own.cost)
        continue;
      auto same = best.insert_or_assign(own.used, own.cost).first;
      for (auto it = std::next(same);
           it != best.end() && it->second >= own.cost;)
        it = best.erase(it);
      kept.push_back(own);
    }
    taken.clear();
    return kept;
  }

private:
  std::vector<Prefix> bySlot;
  std::vector<unsigned> taken;
};
} // namespace

std::optional<Plan> Enumerator::fastest(unsigned chips, Family family) const {
  unsigned n = positions.size();
  unsigned slots = std::min(cost.placement.slotsFor(chips), (n - 1) * 512);
  auto isOfFamily = [&](unsigned from, unsigned to, unsigned width) {
    if (family == OneChip)
      return width == 1 && from == 0 && to == n - 1;
    return family != Pipeline || (width == 1 && to - from < n - 1);
  };
  // By width: where a stage ends that begins at a slot.
  std::map<unsigned, std::vector<unsigned>> ends;
  for (const Option &option : options) {
    std::vector<unsigned> &of = ends[option.width];
    for (unsigned c = 0; of.size() <= slots; ++c)
      of.push_back(cost.placement.end(c, option.width));
  }
  // [1]: with a stage of several chips, where the family wants one.
  std::array<Prefixes, 2> prefixes;
  prefixes.fill(Prefixes(n));
  bool isWide = family != Tensor;
  Prefix none;
  none.cost = 0;
  prefixes[isWide][0].push_back(none);
  // The edges into a position come from those at which it is in reach.
  Front narrow(slots), wide(slots);
  unsigned lowest = 0;
  for (unsigned j = 1; j < n; ++j) {
    while (reach(lowest) < j && lowest + 1 < j)
      ++lowest;
    for (unsigned i = lowest; i < j; ++i)
      for (const Choice &choice : choices(i, j)) {
        if (!isOfFamily(i, j, choice.width))
          continue;
        const std::vector<unsigned> &end = ends[choice.width];
        for (unsigned flag = 0; flag < 2; ++flag)
          for (auto [p, before] : llvm::enumerate(prefixes[flag][i])) {
            unsigned slot = end[before.slot];
            if (slot == 0 || slot > slots || before.used + choice.width > chips)
              continue;
            Front &front = flag || choice.width > 1 ? wide : narrow;
            front.add({before.cost + choice.latency, slot,
                       before.used + choice.width, i, choice.option,
                       2 * unsigned(p) + flag});
          }
      }
    prefixes[0][j] = narrow.take();
    prefixes[1][j] = wide.take();
  }
  const std::vector<Prefix> &all = prefixes[1][n - 1];
  if (all.empty())
    return std::nullopt;
  // Of equal ones the first, which takes the fewest slots.
  const Prefix *step = &*llvm::min_element(
      all, [](const Prefix &a, const Prefix &b) { return a.cost < b.cost; });
  Plan plan;
  for (unsigned j = n - 1; j > 0;) {
    plan.stages.push_back(stage(step->from, j, step->option));
    j = step->from;
    step = &prefixes[step->before % 2][j][step->before / 2];
  }
  std::reverse(plan.stages.begin(), plan.stages.end());
  return plan;
}

//===----------------------------------------------------------------------===//
// A number of stages
//===----------------------------------------------------------------------===//

/// Candidate bounds of the interval: every stage below must keep it.
std::vector<double> partition::intervalBounds(std::vector<double> values) {
  llvm::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  constexpr size_t most = 96;
  if (values.size() <= most)
    return values;
  std::vector<double> picked;
  for (size_t i = 0; i < most; ++i)
    picked.push_back(values[i * (values.size() - 1) / (most - 1)]);
  return picked;
}

namespace {
struct Edge {
  unsigned from = 0, option = 0;
  double latency = 0;
};

/// The fastest way to run each range within a bound of the interval, by last
/// position.
class Edges {
public:
  explicit Edges(unsigned positions) : into(positions) {}
  std::vector<std::vector<Edge>> into;

  /// Whether paths of fewer and of more stages exist.
  bool mayHave(unsigned stages) const {
    constexpr unsigned never = ~0u;
    std::vector<unsigned> fewest(into.size(), never), most(into.size(), 0);
    fewest[0] = 0;
    for (unsigned j = 1; j < into.size(); ++j)
      for (const Edge &edge : into[j])
        if (fewest[edge.from] != never) {
          fewest[j] = std::min(fewest[j], fewest[edge.from] + 1);
          most[j] = std::max(most[j], most[edge.from] + 1);
        }
    return fewest.back() <= stages && stages <= most.back();
  }

  /// A latency that no path of so many stages is below: the least one if each
  /// stage costs `price` more, less that price, for the best of a few prices.
  double leastLatency(unsigned stages) const {
    double low = 0, high = 0, bound = -infinite;
    for (const std::vector<Edge> &edges : into)
      for (const Edge &edge : edges)
        high = std::max(high, edge.latency);
    low = -high;
    for (unsigned step = 0; step < 24; ++step) {
      double price = (low + high) / 2;
      std::vector<std::pair<double, unsigned>> best(into.size(), {infinite, 0});
      best[0] = {0, 0};
      for (unsigned j = 1; j < into.size(); ++j)
        for (const Edge &edge : into[j])
          best[j] =
              std::min(best[j], {best[edge.from].first + edge.latency + price,
                                 best[edge.from].second + 1});
      bound = std::max(bound, best.back().first - price * stages);
      (best.back().second > stages ? low : high) = price;
    }
    return bound;
  }

  /// The fastest path of exactly `stages` stages: first position and option of
  /// each.
  std::optional<std::pair<double, std::vector<Edge>>>
  path(unsigned stages) const {
    unsigned last = unsigned(into.size()) - 1, spare = last - stages;
    std::vector<double> before(into.size(), infinite), own;
    before[0] = 0;
    // By stage and position less stage: the edge.
    std::vector<std::vector<unsigned>> taken(stages + 1);
    for (unsigned s = 1; s <= stages; ++s) {
      own.assign(into.size(), infinite);
      taken[s].assign(spare + 1, 0);
      for (unsigned j = s; j <= s + spare; ++j)
        for (auto [e, edge] : llvm::enumerate(into[j]))
          if (double sum = before[edge.from] + edge.latency; sum < own[j]) {
            own[j] = sum;
            taken[s][j - s] = unsigned(e);
          }
      std::swap(before, own);
    }
    if (before[last] == infinite)
      return std::nullopt;
    std::vector<Edge> edges(stages);
    for (unsigned s = stages, j = last; s > 0; --s) {
      edges[s - 1] = into[j][taken[s][j - s]];
      j = edges[s - 1].from;
    }
    return std::make_pair(before[last], std::move(edges));
  }
};
} // namespace

std::optional<Plan> Enumerator::pinned(unsigned stages, unsigned width,
                                       double weight) const {
  unsigned n = positions.size();
  unsigned last = cost.placement.end(0, width, stages);
  if (stages >= n || last == 0 || last > cost.placement.slots())
    return std::nullopt;
  auto edgesWithin = [&](double bound) {
    Edges edges(n);
    for (unsigned a = 0; a + 1 < n; ++a)
      for (unsigned b = a + 1; b <= reach(a); ++b) {
        const Choice *best = nullptr;
        for (const Choice &c : choices(a, b))
          if (c.width == width && c.interval <= bound &&
              (!best || c.latency < best->latency))
            best = &c;
        if (best)
          edges.into[b].push_back({a, best->option, best->latency});
      }
    return edges;
  };
  std::vector<double> intervals;
  for (const Ranges &own : ranges)
    for (const Choice &c : own.choices)
      if (c.width == width)
        intervals.push_back(c.interval);
  double least = edgesWithin(infinite).leastLatency(stages);
  std::optional<Plan> best;
  double bestScore = infinite;
  for (double bound : intervalBounds(intervals)) {
    if (least + weight * bound >= bestScore)
      break;
    Edges edges = edgesWithin(bound);
    if (!edges.mayHave(stages))
      continue;
    auto path = edges.path(stages);
    if (!path || path->first + weight * bound >= bestScore)
      continue;
    bestScore = path->first + weight * bound;
    best.emplace();
    for (unsigned s = 0; s < stages; ++s)
      best->stages.push_back(
          stage(path->second[s].from,
                s + 1 < stages ? path->second[s + 1].from : n - 1,
                path->second[s].option));
  }
  return best;
}

std::optional<double> Enumerator::leastMacs(unsigned stages,
                                            unsigned width) const {
  unsigned n = positions.size();
  std::vector<double> before(n, infinite), own;
  before[0] = 0;
  for (unsigned s = 0; s < stages; ++s) {
    own.assign(n, infinite);
    for (unsigned a = s; a + 1 < n; ++a)
      if (before[a] < infinite)
        for (unsigned b = a + 1; b <= reach(a); ++b)
          for (const Choice &c : choices(a, b))
            if (c.width == width) {
              const std::vector<OpCost> &sums = options[c.option].sums;
              own[b] = std::min(
                  own[b], std::max(before[a], sums[positions[b]].macs -
                                                  sums[positions[a]].macs));
            }
    std::swap(before, own);
  }
  return before[n - 1] < infinite ? std::optional(before[n - 1]) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Fewest slots
//===----------------------------------------------------------------------===//

namespace {
struct Step {
  double cost = infinite;        // slots, up to here
  unsigned from = 0, option = 0; // of the stage that ends here
};
} // namespace

/// Fewest slots such that every stage keeps the bound, each as narrow as it can
/// be.
Plan Enumerator::fewest(double bound) const {
  unsigned n = positions.size();
  std::vector<Step> steps(n);
  steps[0].cost = 0;
  for (unsigned i = 0; i + 1 < n; ++i) {
    if (steps[i].cost == infinite)
      continue;
    for (unsigned j = i + 1; j <= reach(i); ++j) {
      llvm::ArrayRef<Choice> own = choices(i, j); // in the order of width
      auto choice = llvm::find_if(
          own, [&](const Choice &c) { return c.interval <= bound; });
      if (choice == own.end())
        continue;
      double sum = cost.placement.end(unsigned(steps[i].cost), choice->width);
      if (sum > 0 && sum < steps[j].cost)
        steps[j] = {sum, i, choice->option};
    }
  }
  Plan plan;
  if (steps[n - 1].cost == infinite)
    return plan;
  for (unsigned j = n - 1; j > 0; j = steps[j].from)
    plan.stages.push_back(stage(steps[j].from, j, steps[j].option));
  std::reverse(plan.stages.begin(), plan.stages.end());
  return plan;
}

std::optional<Plan> Enumerator::busiest(unsigned chips) const {
  std::vector<double> intervals;
  for (const Ranges &own : ranges)
    for (const Choice &c : own.choices)
      intervals.push_back(c.interval);
  std::optional<Plan> best;
  double bestRate = 0;
  for (double bound : intervalBounds(std::move(intervals))) {
    Plan plan = fewest(bound);
    unsigned slots = cost.placement.slotsOf(plan);
    if (plan.stages.empty() || slots > chips)
      continue;
    plan.replicas = chips / slots;
    double rate = plan.replicas / plan.interval();
    if (rate > bestRate) {
      bestRate = rate;
      best = std::move(plan);
    }
  }
  return best;
}

std::optional<Plan> Enumerator::smallest(unsigned limit) const {
  Plan plan = fewest(infinite);
  if (plan.stages.empty())
    return std::nullopt;
  unsigned chips = cost.placement.slotsOf(plan);
  if (chips <= limit)
    if (auto faster = fastest(chips, Any))
      return faster;
  return plan;
}
