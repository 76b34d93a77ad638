//===- Sharing.cpp - flows whose accesses share slices
//---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A slice has one queue, so a flow at full rate needs a slice for every byte of
// every source and result. Where a chip has too few, accesses share one: rows
// then follow at an interval in which the queue can do all of them in turn, as
// a loop that steps base registers. Sources of one slice are sampled one cycle
// apart, through moves; results of one slice that would leave together are
// delayed by moves.
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include "lpu/Support/Check.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::schedule;

std::set<unsigned> lpu::schedule::crowdedQueues(const Template &t) {
  std::map<unsigned, std::vector<const QueueRun *>> queues;
  for (const QueueRun &run : t.runs)
    queues[run.queue].push_back(&run);
  std::set<unsigned> crowded;
  for (auto &[queue, runs] : queues) {
    llvm::sort(runs, [](const QueueRun *a, const QueueRun *b) {
      return a->offset < b->offset;
    });
    for (size_t i = 1; i < runs.size(); ++i)
      if (runs[i]->offset < runs[i - 1]->offset + runs[i - 1]->span())
        crowded.insert(queue);
  }
  return crowded;
}

/// Base registers that loops step; 1 and 2 belong to segments.
static constexpr unsigned firstRegister = 3, registers = 8;

static int64_t fieldOf(const QueueRun &run, const char *name) {
  return run.inst.fields[fieldIndex(run.inst.opcode, name)];
}
static bool hasStride(const QueueRun &run) {
  return run.inst.opcode == isa::Opcode::mem_read ||
         run.inst.opcode == isa::Opcode::mem_write;
}

void lpu::schedule::unroll(const QueueRun &run, int64_t interval,
                           std::vector<QueueRun> &out) {
  for (int64_t i = 0; i < run.inst.count; ++i) {
    QueueRun one = run;
    one.offset += i * interval;
    one.inst.count = 1;
    one.inst.interval = 1;
    if (hasStride(run)) {
      int64_t inner = fieldOf(run, "inner");
      setField(one.inst, "offset",
               fieldOf(run, "offset") +
                   (inner ? i % inner : i) * fieldOf(run, "stride") +
                   (inner ? i / inner : 0) * fieldOf(run, "stride2"));
      for (const char *name : {"stride", "inner", "stride2"})
        setField(one.inst, name, 0);
    }
    out.push_back(std::move(one));
  }
}

/// Strides of the runs of a queue, if a loop can do them: nullopt otherwise.
static std::optional<std::map<int64_t, unsigned>>
loopRegisters(llvm::ArrayRef<const QueueRun *> runs) {
  std::map<int64_t, unsigned> result;
  for (const QueueRun *run : runs) {
    if (run->inst.count != runs[0]->inst.count || run->iterations)
      return std::nullopt;
    if (!hasStride(*run))
      continue;
    int64_t stride = fieldOf(*run, "stride");
    if (fieldOf(*run, "inner") || (stride && fieldOf(*run, "reg")))
      return std::nullopt;
    if (stride)
      result.try_emplace(stride, firstRegister + unsigned(result.size()));
  }
  if (result.size() > registers - firstRegister)
    return std::nullopt;
  return result;
}

static std::vector<const QueueRun *> runsOf(const Template &t, unsigned queue) {
  std::vector<const QueueRun *> runs;
  for (const QueueRun &run : t.runs)
    if (run.queue == queue)
      runs.push_back(&run);
  llvm::stable_sort(runs, [](const QueueRun *a, const QueueRun *b) {
    return a->offset < b->offset;
  });
  return runs;
}

int64_t SchedulerImpl::sharedInterval(const Template &t,
                                      const std::set<unsigned> &crowded) const {
  int64_t interval = 1;
  for (unsigned queue : crowded) {
    auto runs = runsOf(t, queue);
    auto steps = loopRegisters(runs);
    int64_t span = runs.back()->offset - runs.front()->offset + 1;
    // Behind the accesses: steps of registers, and endloop.
    interval =
        std::max(interval, span + int64_t(steps ? steps->size() : 0) + 1);
  }
  return interval;
}

bool SchedulerImpl::shareQueues(Template &t, const std::set<unsigned> &crowded,
                                int64_t n, int64_t interval) {
  std::vector<QueueRun> result;
  for (const QueueRun &run : t.runs)
    if (!crowded.count(run.queue))
      result.push_back(run);
  constexpr int64_t fewRows = 3; // not worth a loop
  bool mayLoop = n > fewRows && machine.loopDepth > (segmentLoops ? 1u : 0u);
  for (unsigned queue : crowded) {
    auto runs = runsOf(t, queue);
    auto steps = loopRegisters(runs);
    if (!steps || !mayLoop || runs[0]->inst.count != n) {
      for (const QueueRun *run : runs)
        unroll(*run, run->inst.interval, result);
      continue;
    }
    int64_t first = runs.front()->offset;
    QueueRun loop;
    loop.queue = queue;
    loop.offset = first - 1;
    loop.iterations = uint32_t(n);
    loop.period = interval;
    for (const QueueRun *run : runs) {
      QueueRun one = *run;
      one.offset -= first;
      one.inst.count = 1;
      one.inst.interval = 1;
      if (hasStride(one))
        if (int64_t stride = fieldOf(one, "stride")) {
          setField(one.inst, "reg", steps->at(stride));
          setField(one.inst, "stride", 0);
        }
      loop.body.push_back(std::move(one));
    }
    int64_t behind = loop.body.back().offset + 1;
    int64_t before = loop.offset;
    for (auto [stride, reg] : *steps) {
      QueueRun step;
      step.queue = queue;
      step.inst.opcode = isa::Opcode::mem_setreg;
      setField(step.inst, "reg", reg);
      step.offset = --before;
      result.push_back(step);
      step.inst = {};
      step.inst.opcode = isa::Opcode::mem_addreg;
      setField(step.inst, "reg", reg);
      setField(step.inst, "value", stride);
      step.offset = behind++;
      loop.body.push_back(std::move(step));
    }
    result.push_back(std::move(loop));
  }
  t.runs = std::move(result);
  return crowdedQueues(t).empty();
}

/// Operations that share an ALU take turns, and all of an iteration before any
/// of the next one. False if that takes more than `interval` cycles.
bool SchedulerImpl::groupAlus(Template &t, int64_t n, int64_t interval) const {
  t.aluGroups.clear();
  enum Kind { Simple, Transcendental, Reducing };
  auto kindOf = [&](unsigned i) {
    isa::DelayKind kind = isa::lookup(uint8_t(t.alus[i].op))->delay;
    return kind == isa::DelayKind::Transcendental ? Transcendental
           : kind == isa::DelayKind::Reduce       ? Reducing
                                                  : Simple;
  };
  // ALUs still to be had: special ones stay for special operations.
  unsigned left[3] = {0, 0, 0};
  unsigned wanted[3] = {0, 0, 0};
  for (unsigned i = 0; i < t.alus.size(); ++i)
    ++wanted[kindOf(i)];
  left[Transcendental] =
      std::min(wanted[Transcendental], machine.transcendentalAlus);
  left[Reducing] = std::min(wanted[Reducing], machine.reduceAlus);
  left[Simple] = machine.alus - left[Transcendental] - left[Reducing];
  std::vector<Kind> kinds; // of the groups
  std::vector<unsigned> order(t.alus.size());
  for (unsigned i = 0; i < order.size(); ++i)
    order[i] = i;
  llvm::stable_sort(order, [&](unsigned a, unsigned b) {
    return t.alus[a].offset < t.alus[b].offset;
  });
  auto stepsAlone = [&](unsigned i) { // keeps state from repeat to repeat
    const AluRun &run = t.alus[i];
    return run.hasConstant || run.op == isa::Opcode::alu_acc_sum ||
           run.op == isa::Opcode::alu_acc_max ||
           run.op == isa::Opcode::alu_acc_min ||
           run.op == isa::Opcode::alu_acc_argmax;
  };
  auto joins = [&](unsigned i, const std::vector<unsigned> &group) {
    const AluRun &run = t.alus[i];
    if (stepsAlone(i) || stepsAlone(group[0]))
      return false;
    for (unsigned other : group)
      if ((t.alus[other].offset - run.offset) % interval == 0 ||
          (t.alus[other].done - run.done) % interval == 0)
        return false;
    // loop: the first operation to the last, and endloop
    return n == 1 || run.offset - t.alus[group[0]].offset + 2 <= interval;
  };
  for (unsigned i : order) {
    Kind kind = kindOf(i);
    if (left[kind] > 0) {
      --left[kind];
      kinds.push_back(kind);
      t.aluGroups.push_back({i});
      continue;
    }
    bool found = false;
    for (size_t g = 0; g < kinds.size() && !found; ++g)
      if ((kind == Simple || kinds[g] == kind) && joins(i, t.aluGroups[g])) {
        t.aluGroups[g].push_back(i);
        found = true;
      }
    if (!found)
      return false;
  }
  return true;
}

std::optional<SchedulerImpl::PlacedFlow>
SchedulerImpl::placeFlow(const FlowRequest &request) {
  Template t;
  Sharing sharing;
  int64_t drain = 0, interval = request.interval;
  auto build = [&] {
    t = Template();
    return buildFlow(t, drain, request, interval, sharing);
  };
  if (!build())
    return std::nullopt;
  std::set<unsigned> crowded = crowdedQueues(t);
  int64_t n = request.rowEnd - request.rowBegin;
  if (!crowded.empty()) {
    std::set<unsigned> meeting;
    for (unsigned queue : crowded) {
      std::set<unsigned> sources;
      for (const QueueRun *run : runsOf(t, queue))
        if (run->origin >= 0)
          sources.insert(unsigned(run->origin));
      if (sources.size() > 1)
        meeting.insert(sources.begin(), sources.end());
    }
    for (unsigned node : meeting) {
      int64_t cycle = int64_t(sharing.stagger.size());
      sharing.stagger[node] = cycle;
    }
    // Results that would leave for one slice together.
    constexpr unsigned mostDelays = 8;
    for (unsigned tries = 0;; ++tries) {
      if (!build())
        return std::nullopt;
      crowded = crowdedQueues(t);
      bool meet = false;
      for (unsigned queue : crowded) {
        auto runs = runsOf(t, queue);
        for (size_t i = 1; i < runs.size(); ++i)
          if (runs[i]->offset == runs[i - 1]->offset && runs[i]->origin < 0) {
            ++sharing.delays[-1 - runs[i]->origin];
            meet = true;
          }
      }
      if (!meet || tries == mostDelays)
        break;
    }
  }
  // Rows follow as closely as queues and ALUs can take turns.
  constexpr int64_t maxInterval = 255;
  unsigned planes = request.product ? request.product->gang->planes.size() : 1;
  while (true) {
    int64_t wanted = n > 1 && !crowded.empty() ? sharedInterval(t, crowded) : 1;
    if (wanted <= interval && groupAlus(t, n, n == 1 ? INT32_MAX : interval))
      break;
    interval = std::max(interval + 1, wanted);
    if (interval * planes > maxInterval || n == 1) {
      fail(
          llvm::formatv("kernel '{0}': the accesses of one pipelined loop meet "
                        "in {1} slices, and its {2} operations in {3} ALUs; "
                        "the machine has too few of them",
                        t.name, crowded.size(), t.alus.size(), machine.alus));
      return std::nullopt;
    }
    if (!build())
      return std::nullopt;
    crowded = crowdedQueues(t);
  }
  if (!crowded.empty() && !shareQueues(t, crowded, n, interval)) {
    fail(llvm::formatv("kernel '{0}': the accesses of one pipelined loop meet "
                       "in {1} slices; the machine has too few of them",
                       t.name, crowded.size()));
    return std::nullopt;
  }
  auto anchor = place(t, request.product ? request.drainReady - drain : 0);
  if (!anchor)
    return std::nullopt;
  return PlacedFlow{drain + *anchor, interval};
}
