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
#include <numeric>

using namespace lpu;
using namespace lpu::schedule;
using stream::Flow;
using stream::Node;

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
  bool loops = n > fewRows && mayLoop();
  for (unsigned queue : crowded) {
    auto runs = runsOf(t, queue);
    auto steps = loopRegisters(runs);
    if (!steps || !loops || runs[0]->inst.count != n) {
      for (const QueueRun *run : runs)
        unroll(*run, run->inst.interval, result);
      continue;
    }
    // Addresses of a gather may stand in one slice and issue together: sources
    // and results that would are kept apart, these are not.
    for (size_t i = 1; i < runs.size(); ++i)
      if (runs[i]->offset == runs[i - 1]->offset)
        return false;
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

/// Whether operation `i` can take turns with others on one ALU.
bool SchedulerImpl::mayShare(const Template &t, unsigned i,
                             llvm::ArrayRef<unsigned> group, int64_t n,
                             int64_t interval) const {
  const AluRun &run = t.alus[i];
  for (unsigned other : group) {
    const AluRun &with = t.alus[other];
    if ((with.offset - run.offset) % interval == 0 ||
        (with.done - run.done) % interval == 0)
      return false;
    // One lane constant, and one accumulator, of an ALU; a loop has neither.
    if (t.unrolledAlus ? (run.hasConstant && with.hasConstant) ||
                             (isRunning(run.op) && isRunning(with.op))
                       : run.hasConstant || with.hasConstant ||
                             isRunning(run.op) || isRunning(with.op))
      return false;
  }
  // A loop takes all of an iteration before any of the next one: the first
  // operation to the last, and endloop.
  return n == 1 || t.unrolledAlus ||
         run.offset - t.alus[group[0]].offset + 2 <= interval;
}

/// Operations that share an ALU take turns. False if that takes more than
/// `interval` cycles.
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
      if ((kind == Simple || kinds[g] == kind) &&
          mayShare(t, i, t.aluGroups[g], n, interval)) {
        t.aluGroups[g].push_back(i);
        found = true;
      }
    if (!found)
      return false;
  }
  return true;
}

/// The most streams of one direction that the runs of a template hold at once.
std::string SchedulerImpl::streamNeed(const Template &t) const {
  unsigned most = 0;
  bool west = false;
  for (const StreamGroup &group : t.groups) {
    unsigned sum = 0;
    for (const StreamGroup &other : t.groups)
      if (other.west == group.west &&
          (&other == &group || group.run.collides(other.run)))
        sum += other.width;
    if (sum > most) {
      most = sum;
      west = group.west;
    }
  }
  return llvm::formatv("up to {0} streams going {1} are in use with one of "
                       "them, the machine has {2}; use a machine with more "
                       "streams",
                       most, west ? "west" : "east", machine.streams);
}

/// Where streams are too few for all sources and results of a row at once, the
/// sources of a row are sampled one after the other, and rows follow at an
/// interval that leaves the streams to the others in between.
bool SchedulerImpl::spreadSources(const FlowRequest &request, Template &t,
                                  int64_t &drain, int64_t &interval,
                                  Sharing &sharing) {
  constexpr int64_t mostCycles = 64;
  const auto &nodes = request.flow.nodes;
  sharing.interleaves = true;
  sharing.stagger.clear();
  for (unsigned i = 0; i < nodes.size(); ++i)
    if (nodes[i].kind != stream::Node::Alu) {
      int64_t cycle = int64_t(sharing.stagger.size());
      sharing.stagger[i] = cycle;
    }
  interval = std::max<int64_t>(interval, int64_t(sharing.stagger.size()));
  for (int64_t end = interval + mostCycles; interval < end; ++interval) {
    t = Template();
    if (!buildFlow(t, drain, request, interval, sharing))
      return false;
    if (tryStreams(t, 0, /*alone=*/true))
      return true;
  }
  return fail(llvm::formatv("kernel '{0}': {1}", t.name, streamNeed(t)));
}

/// The row where a loop is cut so that its first part touches one panel of
/// every tile; nullopt if it does already, or must stay whole.
std::optional<int64_t> SchedulerImpl::cutOf(const FlowRequest &request) const {
  const stream::Flow &flow = request.flow;
  int64_t whole = request.product ? request.product->gang->planes.size() : 1;
  int64_t period = 1; // rows of a result
  for (const stream::Node &node : flow.nodes)
    if (node.kind == stream::Node::Alu && node.period)
      period = node.period;
  for (const stream::Node &node : flow.nodes)
    if (node.kind == stream::Node::Alu && !node.period && isRunning(node.op))
      return std::nullopt;
  int64_t end = request.rowEnd;
  // Nested accesses, and rows of the flow for one of theirs.
  std::vector<std::pair<int64_t, int64_t>> nests;
  auto clip = [&](const stream::Access &access, int64_t step) {
    if (access.inner > 0)
      nests.push_back({access.inner, step});
    int64_t panel = layout->panelRows(access.tile);
    int64_t row = request.rowBegin / step;
    int64_t first = access.rowOf(row) / panel;
    if (access.inner > 0 && row % access.inner)
      end = std::min(end, (row / access.inner + 1) * access.inner * step);
    for (; row * step < end; ++row)
      if (access.rowOf(row) / panel != first)
        end = row * step;
  };
  for (const stream::Node &node : flow.nodes)
    if (node.kind == stream::Node::Read)
      clip(node.access, 1);
  for (const stream::Write &write : flow.writes)
    clip(write.access, period);
  if (request.gathers)
    for (const auto &source : *request.gathers)
      for (const stream::Access &address : source.second.address)
        clip(address, 1);
  whole = std::lcm(whole, period);
  end = request.rowBegin + (end - request.rowBegin) / whole * whole;
  // What follows begins with a nest, or ends in the one that it begins in.
  auto cutsNest = [&](int64_t at) {
    return llvm::any_of(nests, [&](auto nest) {
      auto [inner, step] = nest;
      int64_t first = at / step, last = (request.rowEnd - 1) / step;
      return first % inner != 0 && first / inner != last / inner;
    });
  };
  while (end > request.rowBegin && cutsNest(end))
    end -= whole;
  if (end == request.rowBegin || end == request.rowEnd)
    return std::nullopt;
  return end;
}

std::optional<SchedulerImpl::PlacedFlow>
SchedulerImpl::placeFlow(const FlowRequest &request) {
  scattered.clear();
  std::optional<PlacedFlow> placed = placeWhole(request);
  if (placed || scattered.empty() || !errorText.empty())
    return placed;
  std::optional<int64_t> cut = cutOf(request);
  if (!cut) {
    fail(scattered);
    return std::nullopt;
  }
  FlowRequest first = request, rest = request;
  first.rowEnd = rest.rowBegin = *cut;
  int64_t rows = *cut - request.rowBegin, total = request.rowEnd - *cut;
  ProductSource product;
  if (request.product) {
    product = *request.product;
    product.firstAcc += rows / int64_t(product.gang->planes.size());
    rest.product = &product;
    rest.drainReady += rows * request.interval;
  }
  auto head = placeFlow(first);
  if (!head)
    return std::nullopt;
  auto tail = placeFlow(rest);
  if (!tail)
    return std::nullopt;
  // As one run at the interval of the request that is nowhere earlier.
  auto bound = [&](const PlacedFlow &part, int64_t row, int64_t n) {
    return part.drainAt - row * request.interval +
           std::max<int64_t>(0, n - 1) * (part.interval - request.interval);
  };
  return PlacedFlow{std::max(bound(*head, 0, rows), bound(*tail, rows, total)),
                    request.interval};
}

std::optional<SchedulerImpl::PlacedFlow>
SchedulerImpl::placeWhole(const FlowRequest &request) {
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
  if (!tryStreams(t, 0, /*alone=*/true)) {
    if (!spreadSources(request, t, drain, interval, sharing))
      return std::nullopt;
    crowded = crowdedQueues(t);
  }
  // Rows follow as closely as queues and ALUs can take turns: in loops if the
  // machine has one to spare and its period is long enough, else one by one.
  constexpr int64_t maxInterval = 255;
  const int64_t least = interval;
  bool unrolled = !mayLoop();
  unsigned planes = request.product ? request.product->gang->planes.size() : 1;
  while (true) {
    t.unrolledAlus = unrolled;
    int64_t wanted = n > 1 && !crowded.empty() ? sharedInterval(t, crowded) : 1;
    if (wanted <= interval && groupAlus(t, n, n == 1 ? INT32_MAX : interval) &&
        (!sharing.interleaves || tryStreams(t, 0, /*alone=*/true)))
      break;
    interval = std::max(interval + 1, wanted);
    if (interval * planes > maxInterval || n == 1) {
      if (!unrolled) {
        unrolled = true;
        interval = least;
      } else {
        fail(llvm::formatv(
            "kernel '{0}': the accesses of one pipelined loop meet in {1} "
            "slices, and its {2} operations in {3} ALUs ({4} transcendental, "
            "{5} reducing); the machine has too few of them",
            t.name, crowded.size(), t.alus.size(), machine.alus,
            machine.transcendentalAlus, machine.reduceAlus));
        return std::nullopt;
      }
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
  if (writeCopy < 0)
    for (const stream::Write &write : request.flow.writes) {
      int64_t step = 1; // a running reduction gives a row per period
      if (const stream::Node &node = request.flow.nodes[write.node];
          node.kind == stream::Node::Alu && isRunning(node.op))
        step = node.period ? node.period : n;
      for (int64_t i = request.rowBegin / step; i < request.rowEnd / step; ++i)
        markWritten(write.access.tile, write.access.chunk,
                    write.access.rowOf(i));
    }
  return PlacedFlow{drain + *anchor, interval};
}

bool SchedulerImpl::scheduleFlow(const Flow &flow) {
  // Long flows are cut at the panels of what they touch: a part then needs
  // slices for one panel only, and the next kernel may start on its rows. Short
  // inner patterns and periods of running reductions stay whole.
  constexpr int64_t shortInner = 32, longest = 4096;
  // Accesses, and the iterations between two rows of them.
  std::vector<std::pair<const stream::Access *, int64_t>> accesses;
  int64_t whole = 1;
  for (const Node &node : flow.nodes) {
    if (node.kind == Node::Alu && isRunning(node.op))
      whole = std::lcm(whole, node.period ? node.period : flow.iterations);
    if (node.kind == Node::Read)
      accesses.push_back({&node.access, 1});
  }
  const int64_t period = whole;
  for (const stream::Write &write : flow.writes)
    accesses.push_back({&write.access, period});
  auto isNested = [&](const stream::Access &access, int64_t step) {
    return access.inner > 0 && access.inner * step < flow.iterations;
  };
  for (auto [access, step] : accesses)
    if (isNested(*access, step) && access->inner < shortInner)
      whole = std::lcm(whole, access->inner * step);
  for (int64_t row = 0; row < flow.iterations;) {
    int64_t end = std::min(flow.iterations, row + longest);
    for (auto [access, step] : accesses) {
      if (isNested(*access, step) && access->inner >= shortInner)
        end = std::min(end,
                       (row / step / access->inner + 1) * access->inner * step);
      if (access->stride == 1 && step == 1) {
        int64_t rows = layout->panelRows(access->tile);
        end = std::min(end, row + rows - access->rowOf(row) % rows);
      }
    }
    end = std::min(flow.iterations,
                   row + (end - row + whole - 1) / whole * whole);
    // A part begins with an inner group or ends in the one it begins in.
    for (auto [access, step] : accesses)
      if (isNested(*access, step) && row / step % access->inner)
        end = std::min(end,
                       (row / step / access->inner + 1) * access->inner * step);
    if ((end - row) % period)
      return fail(llvm::formatv("kernel '{0}': a running reduction over {1} "
                                "rows reads them in groups "
                                "that do not divide it",
                                flow.name, period));
    if (!placeFlow(FlowRequest(flow, row, end)))
      return false;
    row = end;
  }
  return true;
}
