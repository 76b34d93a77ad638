//===- Placement.h - which chips a group may stand on -----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The usable chips of a system are **slots**, in rising order; stages take them
// one after the other. Where the chips of a stage must be joined directly, a
// stage skips the slots at which it would straddle a node, so a plan needs more
// slots than chips, and the planner counts both.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_PLACEMENT_H
#define LPU_LIB_PARTITION_PLACEMENT_H

#include "lpu/Partition/Plan.h"
#include "lpu/Partition/Topology.h"

namespace lpu::partition {

class Placement {
public:
  /// `isDirect`: chips of a stage are joined directly.
  Placement(const Topology &topology, bool isDirect);

  unsigned slots() const { return unsigned(usable.size()); }
  /// Slots that a plan of at most `chips` chips may take: those that there are,
  /// or as many as are asked for.
  unsigned slotsFor(unsigned chips) const {
    return isDirect ? std::max(chips, slots()) : chips;
  }
  /// Slots that a plan takes, on this system or one that goes on like it.
  unsigned slotsOf(const Plan &plan) const;
  bool skips() const { return isDirect; }
  /// One past the slots of a stage of `width` chips that begins at `slot` or
  /// behind it. Behind the last slot the system goes on as nodes, so that a
  /// plan which needs more chips than there are has a size. 0: there is no such
  /// place in any system of this kind.
  unsigned end(unsigned slot, unsigned width) const;
  /// The same of `stages` stages, one behind the other.
  unsigned end(unsigned slot, unsigned width, unsigned stages) const;
  /// The widest stage that can be placed, at most `limit`.
  unsigned widest(unsigned limit) const;
  /// The chip of each member of each stage of each replica, in order; empty if
  /// there are too few.
  std::vector<unsigned> place(const Plan &plan) const;

private:
  bool canBegin(unsigned slot, unsigned width) const;

  const Topology &topology;
  bool isDirect;
  std::vector<unsigned> usable;
  /// By width: the first slot at or behind each one where a stage can begin;
  /// made when a width is asked for.
  mutable std::map<unsigned, std::vector<unsigned>> begins;
};

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_PLACEMENT_H
