//===- System.cpp - where the time of a system goes -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Report/System.h"
#include "Text.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>

using namespace lpu;
using namespace lpu::pictures;

/// A class is looked at cycle by cycle, with a byte for each.
static constexpr uint64_t mostCycles = 200000000, mostInstructions = 50000000;

const char *lpu::causeName(Cause cause) {
  static const char *const names[] = {"planes", "vector unit", "weights",
                                      "links",  "moves",       "dependence",
                                      "waiting"};
  return names[unsigned(cause)];
}

namespace {
struct Issue {
  const QueueText *queue;
  const isa::Instruction *inst;
  uint64_t first;
};
} // namespace

static std::optional<Cause> causeOf(Unit unit) {
  switch (unit) {
  case Unit::Pass:
    return Cause::Planes;
  case Unit::Alu:
    return Cause::VectorUnit;
  case Unit::Weights:
    return Cause::Weights;
  case Unit::LinkSend:
  case Unit::LinkRecv:
    return Cause::Links;
  case Unit::Mem:
  case Unit::Drain:
  case Unit::Shuffle:
  case Unit::Transpose:
    return Cause::Moves;
  case Unit::Control:
    break;
  }
  return std::nullopt;
}

/// Cycles for which an issue takes its unit.
static uint64_t holdOf(const isa::Instruction &inst, Unit unit,
                       const Machine &machine) {
  if (unit == Unit::LinkSend)
    return machine.linkInterval;
  if (unit == Unit::Pass && inst.opcode == isa::Opcode::pass_run &&
      inst.get(isa::field::pass_run::fp16))
    return machine.fp16Interval;
  return 1;
}

static llvm::Expected<ClassActivity> classActivity(const Package &package,
                                                   unsigned number) {
  const Machine &machine = package.machine;
  ClassActivity result;
  auto queues = readClass(package, number);
  if (!queues)
    return queues.takeError();
  std::vector<Issue> issues;
  uint64_t begin = UINT64_MAX, budget = mostInstructions;
  for (const QueueText &queue : *queues) {
    auto error = execute(queue, budget, [&](uint64_t cycle, unsigned index) {
      begin = std::min(begin, cycle);
      const isa::Instruction &inst = queue.text[index];
      if (!inst.info().unit)
        return; // the sequencer's own: no effect
      issues.push_back({&queue, &inst, cycle});
      uint64_t delay = queue.unit == Unit::Alu ? isa::streamDelay(inst, machine)
                                               : isa::delay(inst, machine);
      result.cycles = std::max(
          result.cycles,
          cycle + uint64_t(inst.count - 1) * inst.interval + delay + 1);
    });
    if (error)
      return std::move(error);
  }
  if (result.cycles > mostCycles)
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "class " + llvm::Twine(number) + " takes " +
            llvm::Twine(result.cycles) + " cycles, more than " +
            llvm::Twine(mostCycles) + " are not looked at one by one");

  result.sent.resize(machine.numUnits(Unit::LinkSend));
  result.received.resize(machine.numUnits(Unit::LinkRecv));
  result.receives.resize(result.received.size());
  std::vector<uint8_t> masks(result.cycles); // of causes
  uint64_t flight = machine.linkLatency + machine.linkMargin;
  for (const Issue &issue : issues) {
    Unit unit = issue.queue->unit;
    std::optional<Cause> cause = causeOf(unit);
    if (!cause)
      continue;
    const isa::Instruction &inst = *issue.inst;
    uint64_t before = 0;
    if (unit == Unit::LinkSend) {
      result.sent[issue.queue->index] += inst.count;
    } else if (unit == Unit::LinkRecv) {
      before = flight;
      result.received[issue.queue->index] += inst.count;
      result.receives[issue.queue->index].push_back(
          {issue.first, inst.count, inst.interval});
    }
    uint64_t hold = holdOf(inst, unit, machine), marked = 0;
    for (uint64_t i = 0; i < inst.count; ++i) {
      uint64_t at = issue.first + i * inst.interval,
               end = std::min(at + hold, result.cycles);
      for (uint64_t t = std::max(at - std::min(at, before), marked); t < end;
           ++t)
        masks[t] |= uint8_t(1u << unsigned(*cause));
      marked = std::max(marked, end);
    }
  }
  result.causeOf.reserve(result.cycles);
  for (uint64_t t = 0; t < result.cycles; ++t) {
    unsigned mask = masks[t], first = 0;
    if (mask == 0)
      first = unsigned(t < begin ? Cause::Waiting : Cause::Dependence);
    else
      while (!(mask >> first & 1))
        ++first;
    result.causeOf.push_back(Cause(first));
    ++result.causes[first];
    result.matrixBusy += mask >> unsigned(Cause::Planes) & 1;
    result.vectorBusy += mask >> unsigned(Cause::VectorUnit) & 1;
  }
  return result;
}

/// The link number of the chip's text that stands for a port.
static unsigned linkOf(const Chip &chip, unsigned port) {
  for (unsigned link = 0; link < chip.links.size(); ++link)
    if (chip.links[link] == port)
      return link;
  return port;
}

/// The last receive before cycle `before`; nullopt if there is none.
static std::optional<uint64_t>
lastBefore(const std::vector<ClassActivity::Run> &runs, uint64_t before) {
  auto run = std::lower_bound(
      runs.begin(), runs.end(), before,
      [](const ClassActivity::Run &r, uint64_t b) { return r.first < b; });
  if (run == runs.begin())
    return std::nullopt;
  --run;
  uint64_t most = run->interval ? (before - 1 - run->first) / run->interval : 0;
  return run->first + std::min(run->count - 1, most) * run->interval;
}

/// Strongly connected parts of a graph: the part of every node (Tarjan's
/// algorithm, with a stack of its own since chips may be many).
static std::vector<unsigned>
partsOf(const std::vector<std::vector<unsigned>> &next) {
  constexpr unsigned none = ~0u;
  struct Visit {
    unsigned node;
    size_t edge;
  };
  std::vector<unsigned> part(next.size(), none), index(next.size(), none),
      low(next.size()), open;
  std::vector<Visit> work;
  unsigned counter = 0, parts = 0;
  for (unsigned root = 0; root < next.size(); ++root) {
    if (index[root] == none)
      work.push_back({root, 0});
    while (!work.empty()) {
      auto &[node, edge] = work.back();
      if (edge == 0) {
        index[node] = low[node] = counter++;
        open.push_back(node);
      }
      if (edge < next[node].size()) {
        unsigned to = next[node][edge++];
        if (index[to] == none)
          work.push_back({to, 0});
        else if (part[to] == none)
          low[node] = std::min(low[node], index[to]);
        continue;
      }
      unsigned done = node;
      work.pop_back();
      if (!work.empty())
        low[work.back().node] = std::min(low[work.back().node], low[done]);
      if (low[done] != index[done])
        continue;
      for (unsigned member = none; member != done; open.pop_back()) {
        member = open.back();
        part[member] = parts;
      }
      ++parts;
    }
  }
  return part;
}

namespace {
class PathFinder {
public:
  PathFinder(const Package &package, SystemActivity &activity)
      : package(package), activity(activity), wiresTo(package.chips.size()) {}
  void run();

private:
  void leg(unsigned chip, bool isFlight, uint64_t from, uint64_t to);

  const Package &package;
  SystemActivity &activity;
  std::vector<std::vector<unsigned>> wiresTo; // by chip: used ones
};
} // namespace

void PathFinder::leg(unsigned chip, bool isFlight, uint64_t from, uint64_t to) {
  if (from == to)
    return;
  activity.path.push_back({chip, isFlight, from, to});
  if (isFlight) {
    activity.causes[unsigned(Cause::Links)] += to - from;
    return;
  }
  const ClassActivity &own = activity.classes[package.chips[chip].chipClass];
  uint64_t start = package.chips[chip].start;
  for (uint64_t t = from; t < to; ++t) {
    Cause cause = t < start                ? Cause::Waiting
                  : t - start < own.cycles ? own.causeOf[t - start]
                                           : Cause::Dependence;
    ++activity.causes[unsigned(cause)];
  }
}

void PathFinder::run() {
  const std::vector<Chip> &chips = package.chips;
  // Chips that start together and send to each other, directly or around a
  // ring, are in step; one direction is enough where other chips start at other
  // times, since then starts are those of stages.
  bool isTimed = llvm::any_of(chips, [&](const Chip &chip) {
    return chip.start != chips.front().start;
  });
  std::vector<std::vector<unsigned>> together(chips.size()), members;
  for (auto [number, wire] : llvm::enumerate(package.wires)) {
    if (activity.vectors[number] == 0 || wire.fromChip == wire.toChip)
      continue;
    wiresTo[wire.toChip].push_back(unsigned(number));
    if (chips[wire.fromChip].start == chips[wire.toChip].start)
      together[wire.fromChip].push_back(wire.toChip);
    if (isTimed && chips[wire.fromChip].start == chips[wire.toChip].start)
      together[wire.toChip].push_back(wire.fromChip);
  }
  std::vector<unsigned> groups = partsOf(together);
  members.resize(chips.size());
  for (unsigned c = 0; c < chips.size(); ++c)
    members[groups[c]].push_back(c);
  unsigned chip = 0;
  uint64_t end = 0;
  for (unsigned c = 0; c < chips.size(); ++c) {
    uint64_t own = activity.classes[chips[c].chipClass].cycles;
    if (own && chips[c].start + own > end) {
      chip = c;
      end = chips[c].start + own;
    }
  }
  uint64_t flight = package.machine.linkLatency + package.machine.linkMargin;
  while (true) {
    std::optional<uint64_t> arrival;
    unsigned sender = 0;
    for (unsigned member : members[groups[chip]])
      for (unsigned number : wiresTo[member]) {
        const LinkWire &wire = package.wires[number];
        const Chip &to = chips[member];
        if (groups[wire.fromChip] == groups[member] || end <= to.start)
          continue;
        auto last = lastBefore(
            activity.classes[to.chipClass].receives[linkOf(to, wire.toLink)],
            end - to.start);
        if (last && to.start + *last >= flight &&
            (!arrival || to.start + *last > *arrival)) {
          arrival = to.start + *last;
          sender = wire.fromChip;
        }
      }
    leg(chip, false, arrival.value_or(0), end);
    if (!arrival)
      break;
    leg(chip, true, *arrival - flight, *arrival);
    end = *arrival - flight;
    chip = sender;
  }
  std::reverse(activity.path.begin(), activity.path.end());
}

llvm::Expected<SystemActivity> lpu::systemActivity(const Package &package) {
  SystemActivity activity;
  for (unsigned c = 0; c < package.classes.size(); ++c) {
    auto own = classActivity(package, c);
    if (!own)
      return own.takeError();
    activity.classes.push_back(std::move(*own));
  }
  for (const LinkWire &wire : package.wires) {
    const Chip &from = package.chips[wire.fromChip];
    activity.vectors.push_back(
        activity.classes[from.chipClass].sent[linkOf(from, wire.fromLink)]);
  }
  PathFinder(package, activity).run();
  return activity;
}
