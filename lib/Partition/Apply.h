//===- Apply.h - the module of a plan ---------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_APPLY_H
#define LPU_LIB_PARTITION_APPLY_H

#include "Model.h"
#include "lpu/Partition/Plan.h"
#include "lpu/Partition/Topology.h"
#include "mlir/IR/OwningOpRef.h"

namespace lpu::partition {

/// The chip of each member of each stage of each replica, in order: usable
/// chips in rising order. A group that fits into a node is not spread over two
/// if there are chips to spare.
std::vector<unsigned> placeChips(const Plan &plan, const Topology &topology);

/// A module of the fabric layer (docs/fabric.md).
mlir::OwningOpRef<mlir::ModuleOp>
applyPlan(const Model &model, const Plan &plan, const Topology &topology);

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_APPLY_H
