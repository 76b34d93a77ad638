//===- Passes.h - scheduling passes over the isa dialect --------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SCHEDULE_PASSES_H
#define LPU_SCHEDULE_PASSES_H

#include <memory>

namespace mlir {
class Pass;
} // namespace mlir

namespace lpu {

/// --isa-insert-fetches: places program text and fetches it in idle cycles
/// (include/lpu/Schedule/InsertFetches.h).
std::unique_ptr<mlir::Pass> createInsertFetchesPass();

void registerSchedulePasses();

} // namespace lpu

#endif // LPU_SCHEDULE_PASSES_H
