//===- Placement.cpp - which chips a group may stand on -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Placement.h"

#include "llvm/ADT/ArrayRef.h"

using namespace lpu;
using namespace lpu::partition;

Placement::Placement(const Topology &topology, bool isDirect)
    : topology(topology), isDirect(isDirect), usable(topology.usable()) {}

bool Placement::canBegin(unsigned slot, unsigned width) const {
  unsigned node = std::max(1u, topology.chipsPerNode);
  unsigned last = slot + width - 1;
  auto chip = [&](unsigned s) {
    return s < usable.size() ? usable[s]
                             : (usable.empty() ? 0 : usable.back() + 1) + s -
                                   unsigned(usable.size());
  };
  bool isNodes = topology.hasNodes();
  if (isNodes && chip(slot) / node != chip(last) / node)
    return false;
  if (last >= usable.size())
    return isNodes; // a system that is not there
  if (isNodes && topology.brokenLinks.empty())
    return true;
  return topology.groupPorts(llvm::ArrayRef(usable).slice(slot, width))
      .has_value();
}

unsigned Placement::end(unsigned slot, unsigned width) const {
  if (width <= 1 || !isDirect)
    return slot + width;
  auto [it, isNew] = begins.try_emplace(width);
  std::vector<unsigned> &first = it->second;
  constexpr unsigned nowhere = ~0u;
  // From behind, one node further than the system.
  if (isNew) {
    unsigned more = slots() + 2 * std::max(1u, topology.chipsPerNode);
    first.assign(more, nowhere);
    for (unsigned s = more; s-- > 0;)
      first[s] = canBegin(s, width) ? s : s + 1 < more ? first[s + 1] : nowhere;
  }
  // Far behind the system every node is like the next one.
  unsigned node = std::max(1u, topology.chipsPerNode), skipped = 0;
  while (slot >= slots() + node) {
    unsigned nodes = (slot - slots()) / node;
    skipped += nodes * node;
    slot -= nodes * node;
  }
  return first[slot] == nowhere ? 0 : skipped + first[slot] + width;
}

unsigned Placement::end(unsigned slot, unsigned width, unsigned stages) const {
  for (unsigned s = 0; s < stages; ++s) {
    slot = end(slot, width);
    if (slot == 0)
      return 0;
  }
  return slot;
}

unsigned Placement::slotsOf(const Plan &plan) const {
  unsigned slot = 0;
  for (unsigned r = 0; r < plan.replicas; ++r)
    for (const Stage &stage : plan.stages)
      slot = end(slot, stage.width);
  return slot;
}

unsigned Placement::widest(unsigned limit) const {
  for (unsigned width = std::min(limit, slots()); width > 1; --width) {
    unsigned last = end(0, width);
    if (last && last <= slots())
      return width;
  }
  return 1;
}

std::vector<unsigned> Placement::place(const Plan &plan) const {
  std::vector<unsigned> chips;
  unsigned slot = 0, node = std::max(1u, topology.chipsPerNode);
  size_t need = size_t(plan.chipsPerReplica()) * plan.replicas;
  if (need > usable.size())
    return {};
  size_t slack = usable.size() - need;
  for (unsigned r = 0; r < plan.replicas; ++r)
    for (const Stage &stage : plan.stages) {
      unsigned last = end(slot, stage.width);
      // Where it need not be, a group is in one node if there are chips to
      // spare.
      if (!isDirect && stage.width > 1 && stage.width <= node) {
        unsigned skip = 0;
        while (skip <= slack && last + skip <= usable.size() &&
               usable[slot + skip] / node != usable[last + skip - 1] / node)
          ++skip;
        if (skip <= slack && last + skip <= usable.size()) {
          slack -= skip;
          last += skip;
        }
      }
      if (last == 0 || last > usable.size())
        return {};
      for (unsigned s = last - stage.width; s < last; ++s)
        chips.push_back(usable[s]);
      slot = last;
    }
  return chips;
}
