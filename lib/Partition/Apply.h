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

/// A module of the fabric layer (docs/fabric.md). `chips` are those of each
/// member of each stage of each replica, in order.
mlir::OwningOpRef<mlir::ModuleOp> applyPlan(const Model &model,
                                            const Plan &plan,
                                            const Topology &topology,
                                            std::vector<unsigned> chips);

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_APPLY_H
