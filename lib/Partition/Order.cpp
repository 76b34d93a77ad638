//===- Order.cpp - operations where cuts like them ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stages are consecutive operations, so the order of a file decides which cuts
// there are. Files give queries, keys and values one after the other; but the
// product of values is not wanted before the attention's weights are there, and
// its operand, which the residual sum reads too, is there anyway. Standing just
// before its first reader it can belong to either side of a cut between the
// two, and its result never crosses one for nothing.
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "lpu/Partition/Partition.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

/// What an operation reads, within its region too.
static llvm::SetVector<mlir::Value> readsOf(Operation *op) {
  llvm::SetVector<mlir::Value> reads(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), reads);
  return reads;
}

void lpu::moveToReaders(ModuleOp module) {
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (!function.getBody().hasOneBlock())
      continue;
    Block &block = function.getBody().front();
    auto userOf = [&](OpOperand &use) {
      return block.findAncestorOpInBlock(*use.getOwner());
    };
    // Constants, and what is computed of nothing else, cross no cut.
    llvm::DenseSet<mlir::Value> isFree;
    for (Operation &op : block)
      if (llvm::all_of(readsOf(&op),
                       [&](mlir::Value v) { return isFree.contains(v); }))
        isFree.insert(op.result_begin(), op.result_end());
    llvm::SmallVector<Operation *> order;
    for (Operation &op : block.without_terminator())
      order.push_back(&op);
    // What one operation reads stays in its order.
    llvm::DenseMap<Operation *, Operation *> firstOfReader;
    for (Operation *op : llvm::reverse(order)) {
      Operation *reader = nullptr;
      for (OpOperand &use : op->getUses())
        if (Operation *user = userOf(use);
            !reader || user->isBeforeInBlock(reader))
          reader = user;
      if (!reader || op->getNumResults() != 1 ||
          !isa<RankedTensorType>(op->getResult(0).getType()))
        continue;
      auto [place, isNew] = firstOfReader.try_emplace(reader, reader);
      int64_t keptLonger = 0;
      for (mlir::Value v : readsOf(op))
        if (isa<RankedTensorType>(v.getType()) && !isFree.contains(v) &&
            !isa<BlockArgument>(v) &&
            llvm::none_of(v.getUses(), [&](OpOperand &use) {
              Operation *user = userOf(use);
              return user != op && !user->isBeforeInBlock(place->second);
            }))
          keptLonger += elementCount(v);
      if (keptLonger > elementCount(op->getResult(0)))
        continue;
      op->moveBefore(place->second);
      place->second = op;
    }
  }
}
