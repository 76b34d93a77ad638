//===- Cost.h - what a plan costs in the model ------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The analytic model of a stage, in cycles and bytes, from the numbers of the
// machine file only; docs/fabric.md states the formulas. It ranks plans; cycles
// come from the scheduler.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_COST_H
#define LPU_LIB_PARTITION_COST_H

#include "Model.h"
#include "Placement.h"
#include "lpu/Partition/Plan.h"
#include "lpu/Partition/Topology.h"
#include "lpu/Target/Machine.h"
#include <cmath>

namespace lpu::partition {

/// Of one heavy operation on one chip; sums over a stage are its cost.
struct OpCost {
  double matrix = 0;    // cycles of the planes
  double vector = 0;    // cycles of the vector unit, overlapped with planes
  double reduction = 0; // cycles of lane reductions and lookups: not overlapped
  double fill = 0;      // cycles until the first result is there
  double collectives = 0; // cycles of links inside of the stage
  double weights = 0;     // bytes, padded to lanes
  double tables = 0;      // bytes of those that are looked up in
  double text = 0;        // bytes
  double macs = 0;        // multiply-adds; and those of all members
  double allMacs = 0;

  OpCost &operator+=(const OpCost &o) {
    matrix += o.matrix, vector += o.vector, reduction += o.reduction;
    fill += o.fill, collectives += o.collectives, weights += o.weights;
    text += o.text, tables += o.tables;
    macs += o.macs, allMacs += o.allMacs;
    return *this;
  }
  OpCost operator-(const OpCost &o) const {
    OpCost r = *this;
    r.matrix -= o.matrix, r.vector -= o.vector, r.reduction -= o.reduction;
    r.fill -= o.fill, r.collectives -= o.collectives, r.weights -= o.weights;
    r.text -= o.text, r.tables -= o.tables;
    r.macs -= o.macs, r.allMacs -= o.allMacs;
    return r;
  }
  /// To 64ths of a cycle: so sums are exact, and equal operations cost the same
  /// wherever they stand.
  OpCost rounded() const {
    OpCost r = *this;
    for (double *part : {&r.matrix, &r.vector, &r.reduction, &r.fill,
                         &r.collectives, &r.weights, &r.tables, &r.text})
      *part = std::round(*part * 64) / 64;
    return r;
  }
  double compute() const {
    return matrix + reduction + fill + (vector > matrix ? vector - matrix : 0);
  }
};

/// How an operation is cut: along one axis, over `width` chips.
struct Cutting {
  int axis = none;
  unsigned width = 1;
};

class CostModel {
public:
  CostModel(const Model &model, const Machine &machine,
            const Topology &topology, const Placement &placement,
            bool halfLinks, bool relays);

  /// Of heavy operation `i` on the fullest chip.
  OpCost op(unsigned i, Cutting cutting) const;
  /// Axes that `width` chips can divide without conflict: those that save
  /// `time`, or all that divide weights.
  std::vector<int> axes(unsigned width, bool onlyFaster) const;
  /// The axis of `axes` that each heavy operation walks, or none.
  std::vector<int> cuts(ArrayRef<int> axes) const;

  /// Cycles to move vectors of a tensor of this size.
  double vectors(double bytes) const;
  double transfer(double bytes) const;
  double allReduce(double bytes, unsigned width) const;
  double allGather(double bytes, unsigned width) const;
  /// SRAM of a chip for data: where there are slices enough, data keeps out of
  /// those that hold text, otherwise out of one of their banks.
  double dataBytes() const;
  double textBytes() const { return double(machine.sramBytes()) - dataBytes(); }
  /// Bytes of the slices that tables may stand in: the addresses of lookups
  /// come from the outer ones.
  double tableBytes() const;
  /// Bytes of a value on links: of its elements, and of the vectors in which it
  /// crosses from stage to stage, by rows of its last dimension.
  double linkBytes(mlir::Value v) const;
  double crossingBytes(mlir::Value v) const;
  /// A value as the vector unit keeps it, or (`asOperand`) in the half
  /// precision that products take, on the fullest chip.
  double valueBytes(unsigned i, Cutting cutting, bool asOperand) const;

  const Model &model;
  const Machine &machine;
  const Topology &topology;
  const Placement &placement;
  const bool halfLinks, relays;

private:
  int64_t size(const Node &node, int loop, Cutting cutting) const;
  OpCost contraction(const Node &node, Cutting cutting) const;
  double weightBytes(const Node &node, Cutting cutting) const;

  std::vector<std::vector<unsigned>> walkers; // heavy operations by axis
  std::vector<OpCost> whole;                  // costs on one chip
};

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_COST_H
