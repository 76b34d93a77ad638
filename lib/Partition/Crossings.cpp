//===- Crossings.cpp - shares, and what passes between stages -------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Body.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

std::pair<int64_t, int64_t> partition::share(int64_t units, unsigned width,
                                             unsigned member) {
  int64_t block = 1;
  while (units % width != 0 && block < 32 && units % (2 * block) == 0 &&
         units / (2 * block) >= 8 * int64_t(width))
    block *= 2;
  int64_t blocks = units / block, each = blocks / width, more = blocks % width;
  auto at = [&](int64_t m) { return (m * each + std::min(m, more)) * block; };
  return {at(member), at(int64_t(member) + 1)};
}

int partition::cutAxis(const Node &node, const Stage &stage) {
  if (stage.width > 1)
    for (int axis : stage.axes)
      if (node.loopOf(axis) != none)
        return axis;
  return none;
}

int partition::resultAxis(const Node &node, const Stage &stage) {
  int axis = cutAxis(node, stage);
  if (axis == none || node.loops[node.loopOf(axis)] != LoopKind::Parallel)
    return none;
  return axis;
}

Crossings partition::findCrossings(const Model &model, const Plan &plan) {
  std::vector<unsigned> stageOf(model.nodes.size(), 0);
  for (auto [s, stage] : llvm::enumerate(plan.stages))
    for (unsigned i = stage.begin; i < stage.end; ++i)
      stageOf[model.heavy[i]] = s;
  Crossings crossings;
  crossings.into.resize(plan.stages.size());
  crossings.outOf.resize(plan.stages.size());
  for (unsigned n : model.heavy) {
    llvm::SmallVector<unsigned, 4> readers;
    for (Operation *user : model.nodes[n].result().getUsers()) {
      auto it = model.numberOf.find(user);
      // A gather's table is read from inside of the op's body.
      if (it == model.numberOf.end() && user->getParentOp())
        it = model.numberOf.find(user->getParentOp());
      if (it != model.numberOf.end() && stageOf[it->second] != stageOf[n])
        readers.push_back(stageOf[it->second]);
    }
    llvm::sort(readers);
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    unsigned from = stageOf[n];
    if (plan.relays && !readers.empty()) { // all stages up to the last
      unsigned last = readers.back();
      readers.clear();
      for (unsigned to = from + 1; to <= last; ++to)
        readers.push_back(to);
    }
    int standing = resultAxis(model.nodes[n], plan.stages[from]);
    for (unsigned to : readers) {
      const Stage &a = plan.stages[from], &b = plan.stages[to];
      int axis = standing;
      if (a.width != b.width || !llvm::is_contained(b.axes, axis))
        axis = none;
      crossings.into[to].push_back({n, from, to, axis});
      crossings.outOf[from].push_back({n, from, to, axis});
      if (plan.relays) {
        from = to;
        standing = axis;
      }
    }
  }
  return crossings;
}

std::vector<int64_t> partition::signature(const Model &model, const Plan &plan,
                                          const Crossings &crossings,
                                          unsigned number, unsigned member) {
  const Stage &stage = plan.stages[number];
  std::vector<int64_t> result;
  for (int axis : stage.axes) {
    auto [low, high] = share(model.axes[axis].units, stage.width, member);
    result.push_back(high - low);
  }
  for (const Crossing &c : crossings.outOf[number])
    if (c.axis == none) {
      int64_t to = plan.stages[c.to].width;
      result.push_back(to / stage.width + (member < to % stage.width));
    }
  return result;
}
