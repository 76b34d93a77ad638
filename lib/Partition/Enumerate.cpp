//===- Enumerate.cpp - all plans of the model, and the best one -----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Enumerate.h"

#include "Body.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include <limits>
#include <map>

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

static constexpr double infinite = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

/// Places in `heavy` of the heavy values that an operation reads.
static llvm::SmallVector<unsigned, 3>
heavyReads(const Model &model, unsigned i,
           const llvm::DenseMap<unsigned, unsigned> &placeOf) {
  llvm::SmallVector<unsigned, 3> places;
  // A light operand may not read anything heavy, so one level is enough.
  for (mlir::Value v : model.nodes[model.heavy[i]].reads)
    if (model.isHeavy(v))
      places.push_back(
          placeOf.lookup(model.numberOf.lookup(v.getDefiningOp())));
  return places;
}

static llvm::DenseMap<unsigned, unsigned> placesOf(const Model &model) {
  llvm::DenseMap<unsigned, unsigned> places;
  for (auto [i, n] : llvm::enumerate(model.heavy))
    places[n] = i;
  return places;
}

double Enumerator::bytesInto(unsigned begin, unsigned end) const {
  if (cost.relays)
    return alive[begin];
  auto placeOf = placesOf(cost.model);
  llvm::DenseSet<unsigned> seen;
  double bytes = 0;
  for (unsigned i = begin; i < end; ++i)
    for (unsigned j : heavyReads(cost.model, i, placeOf))
      if (j < begin && seen.insert(j).second)
        bytes += cost.linkBytes(cost.model.nodes[cost.model.heavy[j]].result());
  return bytes;
}

bool Enumerator::fits(const Stage &stage) const {
  double reserve = double(reserveBytes);
  // Addresses come from slices further out than the tables: a third of them.
  return stage.tableBytes <= cost.dataBytes() * 2 / 3 - reserve / 2 &&
         stage.dataBytes <= cost.dataBytes() - reserve &&
         stage.sramBytes <= double(cost.machine.sramBytes()) - reserve;
}

Enumerator::Option Enumerator::makeOption(unsigned width,
                                          bool onlyFaster) const {
  Option option;
  option.width = width;
  option.axes = cost.axes(width, onlyFaster);
  option.cuts = cost.cuts(option.axes);
  OpCost sum;
  option.sums.push_back(sum);
  option.divided.push_back(0);
  option.lacking.push_back(0);
  // Chips that run in step exchange what they have computed, not constants.
  option.mayLack = !cost.placement.skips();
  for (unsigned i = 0; i < cost.model.heavy.size(); ++i) {
    int axis = option.cuts[i];
    sum += cost.op(i, {axis, width});
    option.sums.push_back(sum);
    bool isShort = axis != none && cost.model.axes[axis].units < int64_t(width);
    option.divided.push_back(option.divided.back() +
                             (axis != none && !isShort));
    option.lacking.push_back(option.lacking.back() + isShort);
  }
  return option;
}

Stage Enumerator::stageOf(unsigned begin, unsigned end, const Option &option,
                          double received, double peak) const {
  Stage stage;
  stage.begin = begin;
  stage.end = end;
  stage.width = option.width;
  OpCost sum = option.sums[end] - option.sums[begin];
  stage.compute = sum.compute();
  stage.collectives = sum.collectives;
  stage.transfers = received > 0 ? cost.transfer(received) : 0;
  stage.latency = stage.compute + stage.collectives + stage.transfers;
  stage.interval = std::max(stage.compute + stage.collectives,
                            received > 0 ? cost.vectors(received) : 0);
  stage.weightBytes = sum.weights;
  stage.dataBytes = sum.weights + std::max(1.25 * peak, received);
  stage.sramBytes = stage.dataBytes + sum.text;
  stage.tableBytes = sum.tables;
  return stage;
}

/// Elementwise work runs between the planes and SRAM, so products and gathers
/// say what has to be stored. Movement renames elements and stores none.
void Enumerator::findLive() {
  const Model &model = cost.model;
  unsigned count = model.heavy.size();
  auto placeOf = placesOf(model);
  std::vector<unsigned> root(count), lastRead(count, 0);
  std::vector<llvm::SmallVector<unsigned, 4>> reads(count);
  for (unsigned i = 0; i < count; ++i) {
    for (unsigned j : heavyReads(model, i, placeOf))
      reads[i].push_back(root[j]);
    const Node &node = model.nodes[model.heavy[i]];
    root[i] = node.isMovement && reads[i].size() == 1 ? reads[i][0] : i;
    for (unsigned j : reads[i])
      if (root[i] == i)
        lastRead[j] = i;
  }
  operands.resize(count);
  live.resize(count);
  for (unsigned i = 0; i < count; ++i) {
    const Node &node = model.nodes[model.heavy[i]];
    if (!node.isContraction && !node.isGather)
      continue;
    operands[i] = reads[i];
    for (unsigned j = 0; j < i; ++j)
      if (root[j] == j && lastRead[j] > i)
        live[i].push_back(j);
  }
}

double Enumerator::peakOf(unsigned begin, unsigned end,
                          const Option &option) const {
  double peak = 0;
  for (unsigned i = begin; i < end; ++i) {
    if (operands[i].empty() && live[i].empty())
      continue;
    auto bytes = [&](unsigned j, bool asOperand) {
      return cost.valueBytes(j, {option.cuts[j], option.width}, asOperand);
    };
    double sum = bytes(i, false);
    for (unsigned j : operands[i])
      sum += bytes(j, true);
    for (unsigned j : live[i])
      sum += bytes(j, false);
    peak = std::max(peak, sum);
  }
  return peak;
}

void Enumerator::setAxes(Stage &stage, const Option &option) const {
  llvm::DenseSet<int> walked;
  for (unsigned i = stage.begin; i < stage.end; ++i)
    if (option.cuts[i] != none)
      walked.insert(option.cuts[i]);
  stage.axes.assign(walked.begin(), walked.end());
  llvm::sort(stage.axes);
}

Stage Enumerator::stage(unsigned first, unsigned last, unsigned number) const {
  const Option &option = options[number];
  unsigned begin = positions[first], end = positions[last];
  Stage stage = stageOf(begin, end, option, received[first][last],
                        peakOf(begin, end, option));
  setAxes(stage, option);
  return stage;
}

Enumerator::Enumerator(const CostModel &cost, uint64_t reserveBytes,
                       unsigned mostWidth, unsigned pinnedWidth, bool allCuts)
    : cost(cost), reserveBytes(reserveBytes) {
  const Model &model = cost.model;
  unsigned count = model.heavy.size();
  auto placeOf = placesOf(model);
  findLive();
  // Bytes alive at every place.
  std::vector<unsigned> lastRead(count, 0);
  alive.assign(count + 1, 0);
  std::vector<llvm::SmallVector<unsigned, 3>> reads(count);
  for (unsigned i = 0; i < count; ++i) {
    reads[i] = heavyReads(model, i, placeOf);
    for (unsigned j : reads[i])
      lastRead[j] = i;
  }
  for (unsigned j = 0; j < count; ++j)
    for (unsigned i = j + 1; i <= lastRead[j]; ++i)
      alive[i] += cost.linkBytes(model.nodes[model.heavy[j]].result());
  // Between two products one place is best; the later ones move work that waits
  // for the product to the chip that has it.
  positions.push_back(0);
  unsigned best = 0;
  for (unsigned i = 1; i < count; ++i) {
    const Node &before = model.nodes[model.heavy[i - 1]];
    if (allCuts) {
      positions.push_back(i);
      continue;
    }
    if (before.isContraction || before.isGather) {
      if (best)
        positions.push_back(best);
      best = i;
    } else if (best && alive[i] <= alive[best]) {
      best = i;
    }
  }
  if (best && !allCuts)
    positions.push_back(best);
  positions.push_back(count);
  positions.erase(std::unique(positions.begin(), positions.end()),
                  positions.end());

  std::vector<unsigned> widths;
  if (pinnedWidth) {
    widths.push_back(pinnedWidth);
  } else {
    for (unsigned w = 1; w <= mostWidth && w <= 512; w += w < 16    ? 1
                                                          : w < 64  ? 4
                                                          : w < 128 ? 16
                                                                    : 64)
      widths.push_back(w);
  }
  for (unsigned width : widths) {
    if (cost.placement.end(0, width) == 0)
      continue;
    options.push_back(makeOption(width, false));
    if (width == 1)
      continue;
    if (!options.back().uses(0, count)) {
      options.pop_back();
      continue;
    }
    Option faster = makeOption(width, true);
    if (faster.axes != options.back().axes && faster.uses(0, count))
      options.push_back(std::move(faster));
  }

  unsigned n = positions.size();
  received.assign(n, std::vector<double>(n, 0));
  choices.assign(n, std::vector<std::vector<Choice>>(n));
  for (unsigned a = 0; a + 1 < n; ++a) {
    llvm::DenseSet<unsigned> seen;
    double bytes = 0;
    std::vector<double> peaks(options.size(), 0);
    for (unsigned b = a + 1; b < n; ++b) {
      for (unsigned i = positions[b - 1]; i < positions[b]; ++i) {
        for (unsigned j : reads[i])
          if (j < positions[a] && seen.insert(j).second)
            bytes += cost.linkBytes(model.nodes[model.heavy[j]].result());
      }
      if (cost.relays)
        bytes = alive[positions[a]];
      received[a][b] = bytes;
      std::vector<Choice> &list = choices[a][b];
      for (auto [o, option] : llvm::enumerate(options)) {
        peaks[o] =
            std::max(peaks[o], peakOf(positions[b - 1], positions[b], option));
        Stage s = stageOf(positions[a], positions[b], option, bytes, peaks[o]);
        if (!fits(s) || !option.uses(positions[a], positions[b]))
          continue;
        // Widths rise: keep what is faster than everything narrower.
        bool isBetter = true;
        for (const Choice &c : list)
          isBetter &= s.latency < c.latency || s.interval < c.interval;
        if (isBetter)
          list.push_back({unsigned(o), option.width, s.latency, s.interval});
      }
    }
  }
}

uint64_t Enumerator::compared() const {
  uint64_t n = positions.size();
  return n * (n - 1) / 2 * options.size();
}

//===----------------------------------------------------------------------===//
// Paths
//===----------------------------------------------------------------------===//

namespace {
struct Step {
  double cost = infinite;
  unsigned from = 0, option = 0, chips = 0; // of the stage that ends here
  unsigned used = 0;                        // chips, up to here
  unsigned slot = 0, flag = 0;              // of the step before
};
} // namespace

std::optional<Plan> Enumerator::fastest(unsigned chips, Family family) const {
  unsigned n = positions.size();
  unsigned slots = std::min(cost.placement.slotsFor(chips), (n - 1) * 512);
  // By last position, slots taken, and whether the family is reached.
  std::vector<Step> steps(size_t(n) * (slots + 1) * 2);
  auto at = [&](unsigned j, unsigned c, unsigned flag) -> Step & {
    return steps[(size_t(j) * (slots + 1) + c) * 2 + flag];
  };
  at(0, 0, family == Any).cost = 0;
  // By width: where a stage ends that begins at a slot.
  std::map<unsigned, std::vector<unsigned>> ends;
  for (const Option &option : options) {
    std::vector<unsigned> &of = ends[option.width];
    for (unsigned c = 0; of.size() <= slots; ++c)
      of.push_back(cost.placement.end(c, option.width));
  }
  for (unsigned j = 1; j < n; ++j)
    for (unsigned i = 0; i < j; ++i) {
      if (family == OneChip && (i != 0 || j + 1 != n))
        continue;
      for (const Choice &choice : choices[i][j]) {
        bool reaches = family == Any || family == OneChip ||
                       (family == Tensor && choice.width > 1) ||
                       (family == Pipeline && i > 0);
        if ((family == OneChip || family == Pipeline) && choice.width > 1)
          continue;
        const std::vector<unsigned> &end = ends[choice.width];
        for (unsigned c = 0; c <= slots; ++c)
          for (unsigned flag = 0; flag < 2; ++flag) {
            const Step &before = at(i, c, flag);
            if (before.cost == infinite || end[c] == 0 || end[c] > slots ||
                before.used + choice.width > chips)
              continue;
            Step &step = at(j, end[c], flag | unsigned(reaches));
            if (before.cost + choice.latency < step.cost)
              step = {
                  before.cost + choice.latency, i, choice.option, choice.width,
                  before.used + choice.width,   c, flag};
          }
      }
    }
  unsigned best = 0;
  for (unsigned c = 1; c <= slots; ++c)
    if (at(n - 1, c, 1).cost < (best ? at(n - 1, best, 1).cost : infinite))
      best = c;
  if (!best)
    return std::nullopt;
  Plan plan;
  unsigned j = n - 1, c = best, flag = 1;
  while (j > 0) {
    const Step step = at(j, c, flag);
    plan.stages.insert(plan.stages.begin(), stage(step.from, j, step.option));
    j = step.from;
    c = step.slot;
    flag = step.flag;
  }
  return plan;
}

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

std::optional<Plan> Enumerator::pinned(unsigned stages, unsigned width,
                                       double weight) const {
  unsigned n = positions.size();
  unsigned last = cost.placement.end(0, width, stages);
  if (stages >= n || last == 0 || last > cost.placement.slots())
    return std::nullopt;
  std::vector<double> intervals;
  for (unsigned a = 0; a < n; ++a)
    for (unsigned b = a + 1; b < n; ++b)
      for (const Choice &c : choices[a][b])
        if (c.width == width)
          intervals.push_back(c.interval);
  // A bound below the mean cannot hold.
  std::optional<Plan> best;
  double bestScore = infinite;
  for (double bound : intervalBounds(intervals)) {
    if (weight * bound >= bestScore)
      break;
    std::vector<std::vector<Step>> steps(stages + 1, std::vector<Step>(n));
    steps[0][0].cost = 0;
    for (unsigned s = 1; s <= stages; ++s)
      for (unsigned j = s; j < n; ++j)
        for (unsigned i = s - 1; i < j; ++i) {
          if (steps[s - 1][i].cost == infinite)
            continue;
          for (const Choice &c : choices[i][j]) {
            double sum = steps[s - 1][i].cost + c.latency;
            if (c.width == width && c.interval <= bound &&
                sum < steps[s][j].cost) {
              steps[s][j].cost = sum;
              steps[s][j].from = i;
              steps[s][j].option = c.option;
            }
          }
        }
    double score = steps[stages][n - 1].cost + weight * bound;
    if (!(score < bestScore))
      continue;
    bestScore = score;
    best.emplace();
    unsigned j = n - 1;
    for (unsigned s = stages; s > 0; --s) {
      const Step &step = steps[s][j];
      best->stages.insert(best->stages.begin(),
                          stage(step.from, j, step.option));
      j = step.from;
    }
  }
  return best;
}

/// Fewest slots such that every stage keeps the bound.
static std::vector<Step>
fewest(unsigned n, double bound, const Placement &placement,
       llvm::function_ref<std::optional<Step>(unsigned, unsigned, double)>
           narrowest) {
  std::vector<Step> steps(n);
  steps[0].cost = 0;
  for (unsigned j = 1; j < n; ++j)
    for (unsigned i = 0; i < j; ++i)
      if (steps[i].cost < infinite)
        if (auto step = narrowest(i, j, bound))
          if (double sum = placement.end(unsigned(steps[i].cost), step->chips);
              sum > 0 && sum < steps[j].cost) {
            steps[j] = *step;
            steps[j].cost = sum;
          }
  return steps;
}

std::optional<Plan> Enumerator::busiest(unsigned chips) const {
  unsigned n = positions.size();
  auto narrowest = [&](unsigned i, unsigned j,
                       double bound) -> std::optional<Step> {
    for (const Choice &c : choices[i][j]) // in order of width
      if (c.interval <= bound)
        return Step{0, i, c.option, c.width};
    return std::nullopt;
  };
  std::vector<double> intervals;
  for (unsigned a = 0; a < n; ++a)
    for (unsigned b = a + 1; b < n; ++b)
      for (const Choice &c : choices[a][b])
        intervals.push_back(c.interval);
  std::optional<Plan> best;
  double bestRate = 0;
  for (double bound : intervalBounds(intervals)) {
    std::vector<Step> steps = fewest(n, bound, cost.placement, narrowest);
    if (steps[n - 1].cost > chips)
      continue;
    unsigned replicas = chips / unsigned(steps[n - 1].cost);
    Plan plan;
    plan.replicas = replicas;
    for (unsigned j = n - 1; j > 0; j = steps[j].from)
      plan.stages.insert(plan.stages.begin(),
                         stage(steps[j].from, j, steps[j].option));
    double rate = replicas / plan.interval();
    if (rate > bestRate) {
      bestRate = rate;
      best = std::move(plan);
    }
  }
  return best;
}

std::optional<Plan> Enumerator::smallest(unsigned limit) const {
  unsigned n = positions.size();
  auto narrowest = [&](unsigned i, unsigned j, double) -> std::optional<Step> {
    if (choices[i][j].empty())
      return std::nullopt;
    const Choice &c = choices[i][j].front();
    return Step{0, i, c.option, c.width};
  };
  std::vector<Step> steps = fewest(n, infinite, cost.placement, narrowest);
  if (steps[n - 1].cost == infinite)
    return std::nullopt;
  unsigned chips = unsigned(steps[n - 1].cost);
  if (chips <= limit)
    if (auto plan = fastest(chips, Any))
      return plan;
  Plan plan;
  for (unsigned j = n - 1; j > 0; j = steps[j].from)
    plan.stages.insert(plan.stages.begin(),
                       stage(steps[j].from, j, steps[j].option));
  return plan;
}

Plan Enumerator::explicitPlan(ArrayRef<unsigned> cuts,
                              ArrayRef<unsigned> widths) const {
  Plan plan;
  unsigned begin = 0;
  for (size_t s = 0; s <= cuts.size(); ++s) {
    unsigned end =
        s < cuts.size() ? cuts[s] : unsigned(cost.model.heavy.size());
    Option option = makeOption(widths[s], false);
    Stage stage = stageOf(begin, end, option, bytesInto(begin, end),
                          peakOf(begin, end, option));
    setAxes(stage, option);
    plan.stages.push_back(std::move(stage));
    begin = end;
  }
  return plan;
}
