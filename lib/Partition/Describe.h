//===- Describe.h - a plan for people ---------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_DESCRIBE_H
#define LPU_LIB_PARTITION_DESCRIBE_H

#include "Model.h"
#include "lpu/Partition/Partition.h"

namespace lpu::partition {

std::string mebibytes(double bytes);

/// "4 stages of 2 chips", "stages of 32, 8, 8 chips", "one chip".
std::string shape(const Plan &plan);

/// Writes the text of a report: the plan, the runner-up and why it lost.
void describe(const Model &model, const Machine &machine,
              const PartitionOptions &options, PartitionReport &report);

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_DESCRIBE_H
