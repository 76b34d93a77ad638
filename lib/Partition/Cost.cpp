//===- Cost.cpp - what a plan costs in the model --------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cost.h"

#include "Body.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

static double ceilDiv(double a, double b) { return std::ceil(a / b); }

CostModel::CostModel(const Model &model, const Machine &machine,
                     const Topology &topology, const Placement &placement,
                     bool halfLinks, bool relays)
    : model(model), machine(machine), topology(topology), placement(placement),
      halfLinks(halfLinks), relays(relays), walkers(model.axes.size()) {
  for (unsigned i = 0; i < model.heavy.size(); ++i) {
    for (int axis : model.nodes[model.heavy[i]].loopAxis)
      walkers[axis].push_back(i);
    whole.push_back(op(i, {}));
  }
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

int64_t CostModel::size(const Node &node, int loop, Cutting cutting) const {
  if (cutting.axis == none || node.loopAxis[loop] != cutting.axis)
    return node.loopSizes[loop];
  int64_t units = model.axes[cutting.axis].units;
  // The first part is the largest.
  auto [low, high] = share(units, cutting.width, 0);
  return node.loopSizes[loop] / units * (high - low);
}

/// Rows of lanes that hold a tensor of these dimensions, the last one on lanes.
static double rowsOf(ArrayRef<int64_t> sizes, unsigned lanes) {
  double rows = 1;
  int64_t last = 1;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (d + 1 == sizes.size())
      last = sizes[d];
    else
      rows *= sizes[d];
  }
  return rows * ceilDiv(last, lanes);
}

/// Bytes of an element as the chip stores it: floats of products and tables in
/// half precision.
static double storedBytes(mlir::Value v) {
  Type element = cast<RankedTensorType>(v.getType()).getElementType();
  if (isa<FloatType>(element))
    return 2;
  return std::min<int64_t>(4, elementBytes(v));
}

/// Bytes of an element on links.
static int64_t crossingBytesOf(mlir::Value v, bool halfLinks) {
  return halfLinks && crossesInHalf(v.getType())
             ? 2
             : std::min<int64_t>(4, elementBytes(v));
}

double CostModel::linkBytes(mlir::Value v) const {
  return double(elementCount(v) * crossingBytesOf(v, halfLinks));
}

double CostModel::crossingBytes(mlir::Value v) const {
  return rowsOf(shapeOf(v), machine.lanes) * machine.lanes *
         double(crossingBytesOf(v, halfLinks));
}

/// Slices of a half that hold data, and their banks: those of text with one
/// each, and only where there are few others.
static std::pair<unsigned, unsigned> dataSlices(const Machine &machine,
                                                bool east) {
  constexpr unsigned enough = 20; // beside those of text
  unsigned text = llvm::count_if(machine.textSlices, [&](unsigned slice) {
    return (slice >= machine.slicesPerHalf) == east;
  });
  unsigned others = machine.slicesPerHalf - text;
  unsigned both = others < enough ? std::min(text, enough - others) : 0;
  return {others + both, 2 * others + both};
}

double CostModel::dataBytes() const {
  double banks =
      dataSlices(machine, false).second + dataSlices(machine, true).second;
  return banks * machine.rows * machine.lanes;
}

double CostModel::tableBytes() const {
  // The text slices are the outer ones.
  double banks = 0;
  for (bool east : {false, true}) {
    auto [slices, all] = dataSlices(machine, east);
    unsigned others = all - slices,
             inner = slices - std::min(slices - 1, std::max(4u, slices / 8));
    banks += inner + std::min(inner, others);
  }
  return banks * machine.rows * machine.lanes;
}

double CostModel::valueBytes(unsigned i, Cutting cutting,
                             bool asOperand) const {
  const Node &node = model.nodes[model.heavy[i]];
  mlir::Value v = node.result();
  double bytes =
      asOperand ? storedBytes(v) : std::min<int64_t>(4, elementBytes(v));
  bytes *= rowsOf(shapeOf(v), machine.lanes) * machine.lanes;
  int loop = cutting.axis == none ? none : node.loopOf(cutting.axis);
  if (loop != none && node.loops[loop] == LoopKind::Parallel &&
      llvm::is_contained(node.resultDims, loop))
    bytes *= double(size(node, loop, cutting)) / node.loopSizes[loop];
  return bytes;
}

double CostModel::weightBytes(const Node &node, Cutting cutting) const {
  double bytes = 0;
  for (auto [v, dims] : llvm::zip(node.reads, node.readDims)) {
    if (!model.isFree(v) || elementCount(v) == 1)
      continue;
    llvm::SmallVector<int64_t> sizes(shapeOf(v));
    for (auto [d, loop] : llvm::enumerate(dims))
      if (loop != none && sizes[d] > 1)
        sizes[d] = size(node, loop, cutting);
    // The scheduler cuts a table into as few equal panels as banks hold, as
    // many in each half, each with a row of zeros. A bank holds as many as it
    // can; the rest of it is of no use to tables.
    if (node.isGather && v == node.reads[1]) {
      int64_t most = std::max<int64_t>(1, int64_t(machine.rows) - 1),
              panels = std::max<int64_t>(1, (sizes[0] + most - 1) / most);
      panels += sizes[0] > 1 ? panels % 2 : 0;
      int64_t each = (sizes[0] + panels - 1) / panels + 1;
      sizes[0] = panels * machine.rows /
                 std::max<int64_t>(1, int64_t(machine.rows) / each);
    }
    bool isMatrix = node.isContraction || node.isGather;
    bytes +=
        rowsOf(sizes, machine.lanes) * machine.lanes *
        (isMatrix ? storedBytes(v) : std::min<int64_t>(4, elementBytes(v)));
  }
  return bytes;
}

/// Bytes of an instruction. How many an operation takes was fitted to schedules
/// of stages on chips of 32 lanes, which most stages meet within a fifth.
static constexpr double instruction = 16;

OpCost CostModel::contraction(const Node &node, Cutting cutting) const {
  OpCost cost;
  double batch = 1, m = 1, n = 1, k = 1;
  auto walks = [&](unsigned read, int loop) {
    return llvm::is_contained(node.readDims[read], loop);
  };
  for (int l = 0; l < int(node.loops.size()); ++l) {
    double s = size(node, l, cutting);
    if (node.loops[l] != LoopKind::Parallel)
      k *= s;
    else if (walks(0, l) && walks(1, l))
      batch *= s;
    else
      (walks(0, l) ? m : n) *= s;
  }
  bool isFloat = isa<FloatType>(
      cast<RankedTensorType>(node.result().getType()).getElementType());
  double planes = machine.numPlanes(), lanes = machine.lanes;
  double kTile = isFloat ? machine.planeRows / 2 : machine.planeRows;
  double tiles = batch * ceilDiv(k, kTile) * ceilDiv(n, lanes);
  double passes = tiles * m * (isFloat ? machine.fp16Interval : 1) / planes;
  double installed = batch * ceilDiv(n, lanes) * k * (isFloat ? 2 : 1);
  double install = installed / (machine.installRows * planes);
  cost.matrix = std::max(passes, install);
  cost.macs = batch * m * n * k;
  cost.fill = 2.0 * machine.lastPosition() + machine.matrixDelay(isFloat) +
              machine.delaySramRead + machine.delaySramWrite +
              double(machine.planeRows) / machine.installRows;
  cost.text = instruction * (128 + 3 * tiles);
  return cost;
}

OpCost CostModel::op(unsigned i, Cutting cutting) const {
  const Node &node = model.nodes[model.heavy[i]];
  OpCost cost;
  int axis = cutting.axis;
  if (!node.isMovement)
    cost.weights = weightBytes(node, cutting);
  llvm::SmallVector<int64_t> loops;
  for (int l = 0; l < int(node.loops.size()); ++l)
    if (node.loops[l] != LoopKind::Rows)
      loops.push_back(size(node, l, cutting));
  double rows = rowsOf(loops, machine.lanes);
  if (node.isContraction) {
    OpCost product = contraction(node, cutting);
    product.weights = cost.weights;
    cost = product;
    cost.allMacs =
        axis == none ? cost.macs * cutting.width : contraction(node, {}).macs;
  } else if (node.isGather) {
    // A lookup in every panel of the table; a panel is at most a bank.
    double panels = ceilDiv(cost.weights, double(machine.rows) * machine.lanes);
    cost.reduction = rows * std::max(1.0, panels / 8);
    cost.fill = 2.0 * machine.lastPosition();
    cost.tables = cost.weights;
    cost.text = instruction * 350;
  } else if (auto generic = dyn_cast<linalg::GenericOp>(node.op)) {
    if (generic.getNumReductionLoops()) {
      cost.reduction = rows / std::max(1u, machine.reduceAlus);
      cost.fill = machine.reduceDelay(15) + 2.0 * machine.halfHops() / 2 +
                  machine.delaySramRead + machine.delaySramWrite +
                  4.0 * machine.delayAlu;
      cost.text = instruction * 90;
    } else {
      double alus = 0;
      for (Operation &scalar : generic.getBody()->without_terminator()) {
        if (isa<arith::ConstantOp>(scalar))
          continue;
        alus += isa<math::MathDialect>(scalar.getDialect())
                    ? double(machine.alus) /
                          std::max(1u, machine.transcendentalAlus)
                    : 1;
      }
      cost.vector = rows * alus / machine.alus;
      cost.text = instruction * 56;
    }
  } else if (isa<tensor::ConcatOp, tensor::PadOp>(node.op)) {
    cost.vector = rows;
    cost.text = instruction * 90;
  }
  if (axis == none || cutting.width == 1)
    return cost;
  // Links inside of the stage.
  if (node.loops[node.loopOf(axis)] != LoopKind::Parallel) {
    cost.collectives = allReduce(linkBytes(node.result()), cutting.width);
    cost.text += instruction * 600;
    return cost;
  }
  for (Operation *user : node.op->getUsers()) {
    auto it = model.numberOf.find(user);
    if (it == model.numberOf.end() ||
        model.nodes[it->second].loopOf(axis) == none) {
      cost.collectives = allGather(linkBytes(node.result()), cutting.width);
      break;
    }
  }
  return cost;
}

//===----------------------------------------------------------------------===//
// Links
//===----------------------------------------------------------------------===//

double CostModel::vectors(double bytes) const {
  return ceilDiv(bytes, machine.lanes) * machine.linkInterval;
}

double CostModel::transfer(double bytes) const {
  double enter = 2.0 * machine.lastPosition() / 2;
  return vectors(bytes) + machine.linkLatency + enter;
}

/// Every member has a part for every other one.
double CostModel::allGather(double bytes, unsigned width) const {
  if (width < 2)
    return 0;
  double part = vectors(ceilDiv(bytes, width)),
         latency = machine.linkLatency + machine.lastPosition();
  // Neighbours round a ring, or all to all at once where links are.
  double ring = (width - 1) * (part + latency), direct = ring;
  bool isNodes = topology.hasNodes();
  if (isNodes) {
    double ports = width <= topology.chipsPerNode
                       ? width - 1
                       : std::min(width - 1, topology.linksPerChip);
    double hops = width <= topology.chipsPerNode ? 1 : 3;
    direct = ceilDiv((width - 1) * hops, std::max(1.0, ports)) * part +
             hops * latency;
  }
  return std::min(ring, direct);
}

double CostModel::allReduce(double bytes, unsigned width) const {
  return 2 * allGather(bytes, width);
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

std::vector<int> CostModel::axes(unsigned width, bool onlyFaster) const {
  struct Candidate {
    int axis;
    bool isTable;
    double ratio;
  };
  std::vector<Candidate> candidates;
  if (width < 2)
    return {};
  for (int axis = 0; axis < int(model.axes.size()); ++axis) {
    const AxisInfo &info = model.axes[axis];
    if (info.isBad || info.units < 2 || walkers[axis].empty())
      continue;
    double saved = 0, links = 0, weights = 0;
    bool isTable = false, isExact = true;
    for (unsigned i : walkers[axis]) {
      const Node &node = model.nodes[model.heavy[i]];
      const OpCost &a = whole[i];
      OpCost b = op(i, {axis, width});
      saved += a.compute() - b.compute();
      links += b.collectives;
      // Weights that are divided, without the padding of rows. Of a table only
      // its rows: a feature for each chip is no way to store it.
      int loop = node.loopOf(axis);
      if (node.isContraction || node.loops[loop] == LoopKind::Rows)
        for (auto [v, dims] : llvm::zip(node.reads, node.readDims))
          if (model.isFree(v) && llvm::is_contained(dims, loop))
            weights += elementCount(v) * storedBytes(v);
      LoopKind kind = node.loops[loop];
      isTable |= kind == LoopKind::Rows;
      // Sums of floats in another order: other bits.
      if (kind == LoopKind::Sum)
        isExact &= !isa<FloatType>(
            cast<RankedTensorType>(node.result().getType()).getElementType());
    }
    if (model.isInteger && !isExact)
      continue;
    if (onlyFaster ? saved <= links
                   : weights < (isTable ? machine.sramBytes() / 64.0 : 64.0))
      continue;
    // Links per unit of work that is divided.
    candidates.push_back(
        {axis, isTable, links / std::max(1.0, onlyFaster ? saved : weights)});
  }
  llvm::stable_sort(candidates, [](const Candidate &a, const Candidate &b) {
    if (a.isTable != b.isTable)
      return a.isTable;
    return a.ratio < b.ratio;
  });
  std::vector<int> chosen;
  std::vector<bool> taken(model.heavy.size(), false);
  for (const Candidate &c : candidates) {
    bool isFree = true;
    for (unsigned i : walkers[c.axis])
      isFree &= !taken[i];
    if (!isFree)
      continue;
    for (unsigned i : walkers[c.axis])
      taken[i] = true;
    chosen.push_back(c.axis);
  }
  llvm::sort(chosen);
  return chosen;
}

std::vector<int> CostModel::cuts(ArrayRef<int> axes) const {
  std::vector<int> result(model.heavy.size(), none);
  for (int axis : axes)
    for (unsigned i : walkers[axis])
      result[i] = axis;
  return result;
}
