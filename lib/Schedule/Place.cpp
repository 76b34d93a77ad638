//===- Place.cpp - the earliest cycle of a template -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include "lpu/Support/Check.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>

using namespace lpu;
using namespace lpu::schedule;

/// Further than this from the bound means that no slot exists.
static constexpr int64_t searchWindow = 1 << 20;

/// ALUs that can execute an operation, the least special first.
static std::vector<unsigned> candidates(isa::Opcode op, const Machine &m) {
  isa::DelayKind kind = isa::lookup(uint8_t(op))->delay;
  std::vector<unsigned> result;
  if (kind == isa::DelayKind::Transcendental) {
    for (unsigned a = 0; a < m.transcendentalAlus; ++a)
      result.push_back(a);
  } else if (kind == isa::DelayKind::Reduce) {
    for (unsigned a = 0; a < m.reduceAlus; ++a)
      result.push_back(m.transcendentalAlus + a);
  } else {
    for (unsigned a = m.alus; a-- > 0;)
      result.push_back(a);
  }
  return result;
}

/// Cycles of a group of operations relative to the anchor.
namespace {
struct AluSpan {
  int64_t first, issues;   // queue cycles, with what stands in front
  int64_t done, completes; // completions
};
} // namespace

static AluSpan spanOf(const Template &t, llvm::ArrayRef<unsigned> group,
                      const Machine &machine) {
  int64_t first = INT64_MAX, last = INT64_MIN, done = INT64_MAX,
          lastDone = INT64_MIN;
  bool hasConstant = false;
  for (unsigned i : group) {
    const AluRun &run = t.alus[i];
    int64_t length = (run.count - 1) * run.interval;
    first = std::min(first, run.offset);
    last = std::max(last, run.offset + length);
    done = std::min(done, run.done);
    lastDone = std::max(lastDone, run.done + length);
    hasConstant |= run.hasConstant;
  }
  // A lane constant is set in front of all; its own completion precedes theirs.
  if (hasConstant) {
    done = first;
    first -= machine.delayAlu;
  }
  const AluRun &run = t.alus[group[0]];
  if (t.loopsAlus(group)) {
    --first;
    last = first + run.count * run.interval;
  }
  return {first, last - first + 1, done, lastDone - done + 1};
}

/// The most special operation of a group decides which ALUs can do it.
static isa::Opcode leadOf(const Template &t, llvm::ArrayRef<unsigned> group) {
  for (unsigned i : group) {
    isa::DelayKind kind = isa::lookup(uint8_t(t.alus[i].op))->delay;
    if (kind == isa::DelayKind::Transcendental ||
        kind == isa::DelayKind::Reduce)
      return t.alus[i].op;
  }
  return isa::Opcode::alu_mov;
}

int64_t SchedulerImpl::tryAlus(Template &t, int64_t anchor) {
  // The special operations choose first.
  std::vector<unsigned> order(t.aluGroups.size());
  for (unsigned i = 0; i < order.size(); ++i)
    order[i] = i;
  std::stable_partition(order.begin(), order.end(), [&](unsigned g) {
    return leadOf(t, t.aluGroups[g]) != isa::Opcode::alu_mov;
  });
  std::vector<bool> taken(machine.alus);
  for (unsigned g : order) {
    const std::vector<unsigned> &group = t.aluGroups[g];
    AluSpan span = spanOf(t, group, machine);
    int64_t gap = t.loopsAlus(group) ? gapBehindLoop(group.size()) : fetchGap;
    bool found = false;
    int64_t soonest = INT64_MAX; // cycles until a candidate is free
    for (unsigned alu : candidates(leadOf(t, group), machine)) {
      unsigned queue = machine.queueNumber(Unit::Alu, alu);
      int64_t from = anchor + span.first;
      int64_t wait = res.queues[queue].nextFree(from, span.issues + gap) - from;
      int64_t done = anchor + span.done;
      wait = std::max(wait,
                      res.results[alu].nextFree(done, span.completes) - done);
      if (wait > 0) {
        soonest = std::min(soonest, wait);
        continue;
      }
      if (taken[alu])
        continue;
      for (unsigned i : group)
        t.alus[i].alu = alu;
      taken[alu] = true;
      found = true;
      break;
    }
    // Free ALUs that other operations of the template took: later some more
    // may be free.
    if (!found)
      return soonest == INT64_MAX ? 1 : soonest;
  }
  return 0;
}

bool SchedulerImpl::tryStreams(Template &t, int64_t anchor, bool alone) {
  std::vector<std::vector<StreamRun>> mine(2 * machine.streams);
  for (StreamGroup &group : t.groups) {
    StreamRun run = group.run;
    run.keyLow += anchor;
    run.keyHigh += anchor;
    bool found = false;
    unsigned choices = (machine.streams - group.width) / group.align + 1;
    for (unsigned i = 0; i < choices && !found; ++i) {
      unsigned s = (group.start / group.align + i) % choices * group.align;
      bool free = true;
      for (unsigned k = s; k < s + group.width && free; ++k) {
        free = alone || res.streams.isFree(group.west, k, run);
        for (const StreamRun &other :
             mine[(group.west ? machine.streams : 0) + k])
          free = free && !run.collides(other);
      }
      if (free) {
        group.stream = s;
        found = true;
      }
    }
    if (!found)
      return false;
    for (unsigned k = 0; k < group.width; ++k)
      mine[(group.west ? machine.streams : 0) + group.stream + k].push_back(
          run);
  }
  return true;
}

static isa::Operand operandOf(const AluSource &source, const Template &t,
                              const AluRun &user) {
  isa::Operand operand;
  switch (source.kind) {
  case AluSource::None:
    break;
  case AluSource::Stream: {
    const StreamGroup &group = t.groups[source.index];
    operand.kind = isa::Operand::Stream;
    operand.stream = {group.west, uint8_t(group.stream), source.type, true};
    break;
  }
  case AluSource::Op: {
    const AluRun &producer = t.alus[source.index];
    operand.kind = isa::Operand::History;
    operand.alu = uint8_t(producer.alu);
    operand.age = uint8_t(user.offset - producer.done);
    break;
  }
  case AluSource::Immediate:
    operand.kind = isa::Operand::Immediate;
    break;
  case AluSource::Lane:
    operand.kind = isa::Operand::Lane;
    break;
  case AluSource::Constant:
    operand.kind = isa::Operand::Constant;
    break;
  }
  return operand;
}

static isa::Instruction instructionOf(const AluRun &run, const Template &t) {
  isa::Instruction inst;
  inst.opcode = run.op;
  inst.count = uint16_t(run.count);
  inst.interval = run.count == 1 ? 1 : uint8_t(run.interval);
  const isa::InstructionInfo &info = inst.info();
  auto has = [&](const char *name) {
    for (const isa::FieldInfo &f : info.fields)
      if (llvm::StringRef(f.name) == name)
        return true;
    return false;
  };
  setField(inst, "a", operandOf(run.a, t, run).encode());
  if (has("b"))
    setField(inst, "b", operandOf(run.b, t, run).encode());
  if (has("c"))
    setField(inst, "c", operandOf(run.c, t, run).encode());
  if (has("imm"))
    setField(inst, "imm", run.imm);
  if (has("group"))
    setField(inst, "group", run.reduceGroup);
  if (has("period")) {
    setField(inst, "period", run.period);
    setField(inst, "init", 1);
  }
  isa::Dest dest;
  if (run.hasDest) {
    const StreamGroup &group = t.groups[run.destGroup];
    dest.present = true;
    dest.west = group.west;
    dest.stream = uint8_t(group.stream);
    dest.type = run.destType;
  }
  setField(inst, "dst", dest.encode());
  return inst;
}

/// Repeat number k of a run as an instruction of its own.
static isa::Instruction oneOf(isa::Instruction inst, const AluRun &run,
                              int64_t k) {
  inst.count = 1;
  inst.interval = 1;
  if (isRunning(run.op)) {
    int64_t period = run.period ? run.period : run.count;
    setField(inst, "init", k % period == 0);
    setField(inst, "period", 0);
    if (k % period != period - 1)
      setField(inst, "dst", isa::Dest().encode());
  }
  return inst;
}

std::optional<int64_t> SchedulerImpl::place(Template &t, int64_t bound) {
  // Data: what is read must be there, what is overwritten must have been read.
  for (const Touch &touch : t.touches) {
    bound = std::max(bound, touch.column->ready - touch.first);
    if (touch.write)
      bound = std::max(bound, touch.column->lastRead + 1 - touch.first);
  }
  // Nothing issues before cycle 0.
  for (const QueueRun &run : t.runs)
    bound = std::max(bound, -run.offset);
  for (const std::vector<unsigned> &group : t.aluGroups)
    bound = std::max(bound, -spanOf(t, group, machine).first);

  // Runs of one template on one queue must not meet (they never could).
  if (auto crowded = crowdedQueues(t); !crowded.empty()) {
    fail(llvm::formatv("kernel '{0}': two accesses of one pipelined loop meet "
                       "in queue {1}; the machine has too few slices",
                       t.name, *crowded.begin()));
    return std::nullopt;
  }

  int64_t anchor = bound;
  while (true) {
    if (anchor > bound + searchWindow) {
      fail(llvm::formatv("kernel '{0}': no cycle found at which its {1} "
                         "accesses and {2} operations can start: {3}",
                         t.name, t.runs.size(), t.alus.size(), streamNeed(t)));
      return std::nullopt;
    }
    bool moved = false;
    for (const QueueRun &run : t.runs) {
      int64_t from = anchor + run.offset;
      int64_t next =
          res.queues[run.queue].nextFree(from, run.span() + gapBehind(run));
      if (next != from) {
        anchor += next - from;
        moved = true;
      }
    }
    if (moved)
      continue;
    if (int64_t wait = tryAlus(t, anchor)) {
      anchor += wait;
      continue;
    }
    if (tryStreams(t, anchor))
      break;
    ++anchor;
  }

  // Take it.
  for (StreamGroup &group : t.groups) {
    StreamRun run = group.run;
    run.keyLow += anchor;
    run.keyHigh += anchor;
    for (unsigned k = 0; k < group.width; ++k)
      res.streams.insert(group.west, group.stream + k, run);
  }
  auto issue = [&](unsigned queue, QueueItem item) {
    int64_t last = lastEffect(item, 0, machine);
    horizon = std::max(horizon, last + 1);
    // The queue of a loop is busy to the end of the last iteration, also
    // behind the last effect.
    if (item.isLoop())
      horizon = std::max(horizon, int64_t(item.nextFree()));
    kernelLast = std::max(kernelLast, last);
    issues.push_back({queue, std::move(item)});
  };
  for (const QueueRun &run : t.runs) {
    int64_t at = anchor + run.offset;
    res.queues[run.queue].insert(at, run.span());
    kernelFirst = std::min(kernelFirst, at);
    issue(run.queue, itemOf(run, t, anchor));
  }
  for (const std::vector<unsigned> &group : t.aluGroups) {
    const AluRun &lead = t.alus[group[0]];
    unsigned queue = machine.queueNumber(Unit::Alu, lead.alu);
    AluSpan span = spanOf(t, group, machine);
    res.queues[queue].insert(anchor + span.first,
                             span.issues + (t.loopsAlus(group)
                                                ? gapBehindLoop(group.size())
                                                : fetchGap));
    res.results[lead.alu].insert(anchor + span.done, span.completes);
    kernelFirst = std::min(kernelFirst, anchor + span.first);
    bool isLoop = t.loopsAlus(group), isUnrolled = t.unrollsAlus(group);
    int64_t start = anchor + span.first + 1; // of a loop's body
    std::vector<QueueItem> body;
    for (unsigned i : group) {
      const AluRun &run = t.alus[i];
      int64_t at = anchor + run.offset;
      isa::Instruction inst = instructionOf(run, t);
      if (isLoop) {
        inst.count = 1;
        inst.interval = 1;
        body.push_back(QueueItem::instruction(uint64_t(at - start), inst));
        continue;
      }
      if (run.hasConstant) {
        isa::Instruction set;
        set.opcode = isa::Opcode::alu_setconst;
        isa::Operand imm;
        imm.kind = isa::Operand::Immediate;
        setField(set, "a", imm.encode());
        setField(set, "dst", isa::Dest().encode());
        setField(set, "imm", run.constant);
        issue(queue,
              QueueItem::instruction(uint64_t(anchor + span.first), set));
      }
      if (isUnrolled) {
        for (int64_t k = 0; k < run.count; ++k)
          issue(queue, QueueItem::instruction(uint64_t(at + k * run.interval),
                                              oneOf(inst, run, k)));
        continue;
      }
      issue(queue, QueueItem::instruction(uint64_t(at), inst));
    }
    if (isLoop)
      issue(queue, QueueItem::loop(uint64_t(start - 1), uint32_t(lead.count),
                                   uint64_t(lead.interval), std::move(body)));
  }
  // Room to fetch, where nothing of this template follows at once.
  for (const QueueRun &run : t.runs) {
    int64_t behind = anchor + run.offset + run.span(), gap = gapBehind(run);
    if (gap && res.queues[run.queue].isFree(behind, gap))
      res.queues[run.queue].insert(behind, gap);
  }
  for (const Touch &touch : t.touches) {
    if (touch.write)
      touch.column->ready = std::max(
          touch.column->ready, anchor + touch.last + machine.delaySramWrite);
    else
      touch.column->lastRead =
          std::max(touch.column->lastRead, anchor + touch.last);
  }
  return anchor;
}
