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
#include <numeric>

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

/// Places in `heavy` of the heavy values that each operation reads.
void Enumerator::findReads() {
  const Model &model = cost.model;
  llvm::DenseMap<unsigned, unsigned> placeOf;
  for (auto [i, n] : llvm::enumerate(model.heavy))
    placeOf[n] = i;
  unsigned count = model.heavy.size();
  reads.resize(count);
  std::vector<unsigned> lastRead(count, 0);
  for (unsigned i = 0; i < count; ++i)
    // A light operand may not read anything heavy, so one level is enough.
    for (mlir::Value v : model.nodes[model.heavy[i]].reads)
      if (model.isHeavy(v)) {
        unsigned j = placeOf.lookup(model.numberOf.lookup(v.getDefiningOp()));
        reads[i].push_back(j);
        lastRead[j] = i;
      }
  // Bytes are whole numbers: sums are exact in any order.
  std::vector<double> change(count + 2, 0);
  for (unsigned j = 0; j < count; ++j)
    if (lastRead[j] > j) {
      double bytes = cost.crossingBytes(model.nodes[model.heavy[j]].result());
      change[j + 1] += bytes;
      change[lastRead[j] + 1] -= bytes;
    }
  alive.assign(count + 1, 0);
  for (unsigned i = 1; i <= count; ++i)
    alive[i] = alive[i - 1] + change[i];
}

double Enumerator::bytesInto(unsigned begin, unsigned end) const {
  if (cost.relays)
    return alive[begin];
  llvm::DenseSet<unsigned> seen;
  double bytes = 0;
  for (unsigned i = begin; i < end; ++i)
    for (unsigned j : reads[i])
      if (j < begin && seen.insert(j).second)
        bytes +=
            cost.crossingBytes(cost.model.nodes[cost.model.heavy[j]].result());
  return bytes;
}

bool Enumerator::fits(const Stage &stage) const {
  // Transfers have text too, and banks of text are never full.
  constexpr double ownText = 0.75;
  double reserve = double(room.reserveBytes);
  return stage.macs <= mostMacs &&
         (room.isTight || stage.need.text <= ownText * cost.textBytes()) &&
         stage.tableBytes <= cost.tableBytes() - reserve / 2 &&
         stage.dataBytes <= cost.dataBytes() - reserve &&
         stage.sramBytes <= double(cost.machine.sramBytes()) - reserve &&
         llvm::none_of(room.refused, [&](const Need &need) {
           return stage.need.isAsLarge(need);
         });
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
  for (unsigned i = 0; i < cost.model.heavy.size(); ++i) {
    int axis = option.cuts[i];
    sum += cost.op(i, {axis, width}).rounded();
    option.sums.push_back(sum);
    bool isShort = axis != none && cost.model.axes[axis].units < int64_t(width);
    option.divided.push_back(option.divided.back() +
                             (axis != none && !isShort));
  }
  return option;
}

Stage Enumerator::stageOf(unsigned begin, unsigned end, const Option &option,
                          double received, double peak) const {
  // With relays what leaves is known: all that is read behind.
  double sent = cost.relays && end < cost.model.heavy.size() ? alive[end] : 0;
  Stage stage;
  stage.begin = begin;
  stage.end = end;
  stage.width = option.width;
  OpCost sum = option.sums[end] - option.sums[begin];
  stage.compute = sum.compute();
  stage.collectives = sum.collectives;
  stage.transfers = received > 0 ? cost.transfer(received) : 0;
  stage.latency = stage.compute + stage.collectives + stage.transfers;
  // A chip receives, computes and sends in turn.
  stage.interval = stage.compute + stage.collectives + cost.vectors(received) +
                   cost.vectors(sent);
  stage.weightBytes = sum.weights;
  // Rows are taken for longer than they are needed, and not all of them can be;
  // text is rolled into loops where it would be too long.
  auto data = [&](double activations) {
    return sum.weights + std::max(activations * peak, received);
  };
  stage.need = {data(2.25), sum.tables, sum.text};
  stage.dataBytes = room.isTight ? data(1.25) : stage.need.data;
  stage.sramBytes = stage.dataBytes + (room.isTight ? 0.6 : 1) * sum.text;
  stage.tableBytes = sum.tables;
  stage.macs = sum.macs;
  stage.allMacs = sum.allMacs;
  return stage;
}

/// Elementwise work runs between the planes and SRAM, so products and gathers
/// say what has to be stored. Movement renames elements and stores none.
void Enumerator::findLive() {
  const Model &model = cost.model;
  unsigned count = model.heavy.size();
  std::vector<unsigned> root(count), lastRead(count, 0);
  std::vector<llvm::SmallVector<unsigned, 4>> stored(count);
  for (unsigned i = 0; i < count; ++i) {
    for (unsigned j : reads[i])
      stored[i].push_back(root[j]);
    const Node &node = model.nodes[model.heavy[i]];
    root[i] = node.isMovement && stored[i].size() == 1 ? stored[i][0] : i;
    for (unsigned j : stored[i])
      if (root[i] == i)
        lastRead[j] = i;
  }
  operands.resize(count);
  live.resize(count);
  std::vector<unsigned> made; // that are read later
  for (unsigned i = 0; i < count; ++i) {
    const Node &node = model.nodes[model.heavy[i]];
    llvm::erase_if(made, [&](unsigned j) { return lastRead[j] <= i; });
    if (node.isContraction || node.isGather) {
      operands[i] = std::move(stored[i]);
      live[i].append(made.begin(), made.end());
    }
    if (root[i] == i)
      made.push_back(i);
  }
}

double Enumerator::peakAt(unsigned i, const Option &option) const {
  // A sum over the group is given and gathered, and between stands as the
  // blocks of all members too; in stages of tables there is little else.
  double sum = 0;
  const Cutting own{option.cuts[i], option.width};
  const Node &node = cost.model.nodes[cost.model.heavy[i]];
  if (own.axis != none && !node.isGather && cost.op(i, own).collectives > 0)
    sum += cost.linkBytes(node.result());
  if (operands[i].empty() && live[i].empty())
    return sum;
  auto bytes = [&](unsigned j, bool asOperand) {
    return cost.valueBytes(j, {option.cuts[j], option.width}, asOperand);
  };
  sum += bytes(i, false);
  for (unsigned j : operands[i])
    sum += bytes(j, true);
  for (unsigned j : live[i])
    sum += bytes(j, false);
  return sum;
}

double Enumerator::peakOf(unsigned begin, unsigned end,
                          const Option &option) const {
  double peak = 0;
  for (unsigned i = begin; i < end; ++i)
    peak = std::max(peak, peakAt(i, option));
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
  Stage stage = stageOf(begin, end, option, bytesInto(begin, end),
                        peakOf(begin, end, option));
  setAxes(stage, option);
  return stage;
}

/// Between two products one place is best; the later ones move work that waits
/// for the product to the chip that has it.
void Enumerator::findPositions(bool allCuts) {
  const Model &model = cost.model;
  unsigned count = model.heavy.size();
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
}

Enumerator::Enumerator(const CostModel &cost, Room given, unsigned mostWidth,
                       unsigned pinnedWidth, bool allCuts, double mostMacs)
    : cost(cost), room(std::move(given)), mostMacs(mostMacs) {
  unsigned count = cost.model.heavy.size();
  findReads();
  findLive();
  findPositions(allCuts);
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

  findRanges();
}

void Enumerator::findRanges() {
  const Model &model = cost.model;
  unsigned n = positions.size();
  // By option and operation.
  std::vector<std::vector<double>> peaks;
  for (const Option &option : options) {
    std::vector<double> &own = peaks.emplace_back(model.heavy.size());
    for (unsigned i = 0; i < own.size(); ++i)
      own[i] = peakAt(i, option);
  }
  ranges.resize(n);
  for (unsigned a = 0; a + 1 < n; ++a) {
    Ranges &own = ranges[a];
    llvm::SmallDenseSet<unsigned, 8> seen;
    double bytes = cost.relays ? alive[positions[a]] : 0;
    std::vector<double> peak(options.size(), 0);
    // What fits no more fits no longer range either.
    std::vector<unsigned> fitting(options.size());
    std::iota(fitting.begin(), fitting.end(), 0);
    for (unsigned b = a + 1; b < n && !fitting.empty(); ++b) {
      for (unsigned i = positions[b - 1]; i < positions[b] && !cost.relays; ++i)
        for (unsigned j : reads[i])
          if (j < positions[a] && seen.insert(j).second)
            bytes += cost.crossingBytes(model.nodes[model.heavy[j]].result());
      size_t begin = own.choices.size();
      llvm::erase_if(fitting, [&](unsigned o) {
        const Option &option = options[o];
        for (unsigned i = positions[b - 1]; i < positions[b]; ++i)
          peak[o] = std::max(peak[o], peaks[o][i]);
        Stage s = stageOf(positions[a], positions[b], option, bytes, peak[o]);
        if (!fits(s))
          return true;
        // Widths rise: keep what is faster than everything narrower.
        auto isWorse = [&](const Choice &c) {
          return s.latency >= c.latency && s.interval >= c.interval;
        };
        if (option.uses(positions[a], positions[b]) &&
            llvm::none_of(llvm::ArrayRef(own.choices).drop_front(begin),
                          isWorse))
          own.choices.push_back({o, option.width, s.latency, s.interval});
        return false;
      });
      own.ends.push_back(unsigned(own.choices.size()));
    }
  }
}

uint64_t Enumerator::compared() const {
  uint64_t n = positions.size();
  return n * (n - 1) / 2 * options.size();
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
