//===- NamedValues.cpp - tensors of the model on one member ---------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyBuilder.h"
#include "lpu/Support/NodeName.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

/// Which operations make tensors of the model, or parts of them: not all that
/// come from the operation of the whole model, as some make terms of sums.
void BodyBuilder::nameValues() {
  for (Operation &op : *block)
    op.setLoc(withValueNames(op.getLoc(), {}));
  // Of the model, what this body has made, in the order of the model.
  func::FuncOp whole = model.function;
  std::vector<Operation *> ops;
  for (const auto &[form, local] : made)
    if (Operation *op = mlir::Value::getFromOpaquePointer(std::get<0>(form))
                            .getDefiningOp();
        op && op->getBlock() == &whole.getBody().front())
      ops.push_back(op);
  llvm::sort(ops,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  ops.erase(std::unique(ops.begin(), ops.end()), ops.end());
  for (Operation *op : ops) {
    std::string name = valueName(op->getLoc());
    if (name.empty() || op->getNumResults() != 1)
      continue;
    mlir::Value v = op->getResult(0);
    auto nameIt = [&](Cut cut) {
      auto it =
          made.find({v.getAsOpaquePointer(), cut.axis, cut ? cut.dim : 0u});
      Operation *local = it == made.end() || !it->second
                             ? nullptr
                             : it->second.getDefiningOp();
      if (local && valueName(local->getLoc()).empty())
        local->setLoc(withValueNames(
            local->getLoc(), {name},
            cut ? ValueCut{cut.dim, shapeOf(v)[cut.dim]} : ValueCut()));
    };
    nameIt({});
    if (auto standing = standsCut.find(v); standing != standsCut.end())
      nameIt(standing->second);
  }
}
