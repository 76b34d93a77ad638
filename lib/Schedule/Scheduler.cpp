//===- Scheduler.cpp - segments, loops, the whole program -----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include "lpu/Support/Check.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <numeric>

using namespace lpu;
using namespace lpu::schedule;
using stream::Flow;
using stream::Segment;

SchedulerImpl::SchedulerImpl(const stream::Program &source,
                             const Machine &machine,
                             const ScheduleOptions &options,
                             ConstantPlaces &constantPlaces)
    : program(source), givenTiles(source.tiles.size()), machine(machine),
      options(options), constantPlaces(constantPlaces), res(machine),
      wantedHalf(source.tiles.size(), -1),
      zones(source.tiles.size(), Zone::Any), queueItems(machine.numQueues()) {
  // Long rows bring many instructions per fetch; short ones need a fetch, and a
  // free cycle for it, every few instructions.
  shortRows = machine.instructionsPerRow() < longRow;
  fetchGap = std::max<int64_t>(options.fetchGap, shortRows);
}

/// What stands together in one flow must stand in different slices; and how
/// long every chunk will keep its slices busy.
void SchedulerImpl::collectPartners(const Segment &segment) {
  std::map<std::pair<unsigned, unsigned>, int64_t> usage;
  auto add = [&](const Flow &flow,
                 const std::map<unsigned, GatherSource> *sources) {
    std::set<std::pair<unsigned, unsigned>> together;
    for (const stream::Node &node : flow.nodes)
      if (node.kind == stream::Node::Read)
        together.insert({node.access.tile, node.access.chunk});
    for (const stream::Write &write : flow.writes)
      together.insert({write.access.tile, write.access.chunk});
    if (sources)
      for (const auto &entry : *sources)
        for (const stream::Access &a : entry.second.address)
          together.insert({a.tile, a.chunk});
    for (auto one : together)
      usage[one] += flow.iterations;
    for (auto one : together)
      for (auto other : together)
        if (one != other)
          partners[one].insert(other);
  };
  for (const stream::Kernel &kernel : segment.kernels) {
    if (const auto *flow = std::get_if<Flow>(&kernel))
      add(*flow, nullptr);
    else if (const auto *matmul = std::get_if<stream::Matmul>(&kernel)) {
      for (const stream::Job &job : matmul->jobs) {
        add(job.epilogue, nullptr);
        for (const stream::KTile &k : job.kTiles) {
          usage[{k.a.tile, k.a.chunk}] += job.rows;
          // Rows of the next block are read while results of this one are
          // written.
          if (job.rows > int64_t(machine.accumulatorRows))
            for (const stream::Write &write : job.epilogue.writes) {
              std::pair<unsigned, unsigned> operand{k.a.tile, k.a.chunk},
                  result{write.access.tile, write.access.chunk};
              if (operand != result) {
                partners[operand].insert(result);
                partners[result].insert(operand);
              }
            }
          usage[{k.b, k.bChunk}] += k.byColumns ? k.columnCount : k.laneCount;
        }
      }
    } else if (const auto *gather = std::get_if<stream::Gather>(&kernel)) {
      for (const GatherStep &step : gathers[gather])
        add(step.flow, &step.sources);
    } else if (const auto *move = std::get_if<stream::TransposeTile>(&kernel)) {
      for (const Flow &flow : transposes[move].perByte)
        add(flow, nullptr);
      add(transposes[move].combine, nullptr);
    } else if (const auto *exchange = std::get_if<stream::Exchange>(&kernel)) {
      // The slices of both work from the first row to the last.
      int64_t cycles = exchange->rows * machine.linkInterval;
      for (unsigned c = 0; c < program.tiles[exchange->src].chunks(); ++c) {
        std::pair<unsigned, unsigned> from{exchange->src, c},
            to{exchange->dst, c};
        usage[from] += cycles;
        usage[to] += cycles;
        partners[from].insert(to);
        partners[to].insert(from);
      }
    }
  }
  layout->setUsage(std::move(usage));
  // An exchange keeps its slices for long, so it stays away from what stands
  // there, and others from it.
  if (hasExchange(segment))
    layout->loadPlaced();
}

void SchedulerImpl::forEachAccess(
    const stream::Kernel &kernel,
    llvm::function_ref<void(unsigned, bool)> visit) {
  auto flow = [&](const Flow &f) {
    for (const stream::Node &node : f.nodes)
      if (node.kind == stream::Node::Read)
        visit(node.access.tile, false);
    for (const stream::Write &write : f.writes)
      visit(write.access.tile, true);
  };
  if (const auto *f = std::get_if<Flow>(&kernel)) {
    flow(*f);
  } else if (const auto *matmul = std::get_if<stream::Matmul>(&kernel)) {
    for (const stream::Job &job : matmul->jobs) {
      for (const stream::KTile &k : job.kTiles) {
        visit(k.a.tile, false);
        visit(k.b, false);
      }
      flow(job.epilogue);
    }
  } else if (const auto *gather = std::get_if<stream::Gather>(&kernel)) {
    for (const GatherStep &step : gathers[gather]) {
      for (const auto &source : step.sources)
        for (const stream::Access &a : source.second.address)
          visit(a.tile, false);
      flow(step.flow);
    }
  } else if (const auto *move = std::get_if<stream::TransposeTile>(&kernel)) {
    visit(move->src, false);
    for (const Flow &f : transposes[move].perByte)
      flow(f);
    flow(transposes[move].combine);
  } else {
    const auto &exchange = std::get<stream::Exchange>(kernel);
    visit(exchange.src, false);
    visit(exchange.dst, true);
  }
}

void SchedulerImpl::findLastUses() {
  struct Use {
    const Segment *segment = nullptr;
    const stream::Kernel *kernel = nullptr;
    unsigned segments = 0;
    bool writtenFirst = false;
  };
  std::vector<Use> uses(program.tiles.size());
  for (const Segment &segment : program.segments)
    for (const stream::Kernel &kernel : segment.kernels)
      forEachAccess(kernel, [&](unsigned tile, bool write) {
        Use &use = uses[tile];
        if (!use.segment)
          use.writtenFirst = write;
        if (use.segment != &segment)
          ++use.segments;
        use.segment = &segment;
        use.kernel = &kernel;
      });
  for (unsigned tile = 0; tile < uses.size(); ++tile) {
    const Use &use = uses[tile];
    if (!use.segment || program.tiles[tile].kind != stream::Tile::Temporary)
      continue;
    // What an iteration hands to the next, or gets from outside, lives to the
    // end of the loop.
    bool inside =
        use.segment->iterations == 1 || (use.segments == 1 && use.writtenFirst);
    if (inside)
      deadAfter[use.kernel].push_back(tile);
    else
      deadAfterSegment[use.segment].push_back(tile);
  }
}

/// Cycles that the planes need at least for a matmul, by whole tiles
/// (docs/bounds.md, grid bound).
static int64_t gridBound(const stream::Matmul &matmul, const Machine &m) {
  int64_t rows = 0, installs = 0;
  for (const stream::Job &job : matmul.jobs)
    for (const stream::KTile &k : job.kTiles) {
      rows += job.rows;
      installs += (matmul.fp16 ? 2 : 1) *
                  int64_t(k.byColumns ? k.columnCount : k.laneCount);
    }
  int64_t planes = m.numPlanes();
  int64_t pass =
      (rows * (matmul.fp16 ? m.fp16Interval : 1) + planes - 1) / planes;
  int64_t perCycle = int64_t(m.installRows) * planes;
  return std::max(pass, (installs + perCycle - 1) / perCycle);
}

bool SchedulerImpl::scheduleSegment(const Segment &segment, unsigned number) {
  res.clear();
  issues.clear();
  horizon = 0;
  makeGangs();
  segmentLoops = segment.iterations > 1;
  beginExchanges(segment);
  layout->beginSegment(segment.iterations);
  collectPartners(segment);
  auto matmulReport = [&](const stream::Matmul &matmul) {
    KernelReport report;
    report.segment = number;
    report.iterations = segment.iterations;
    report.name = matmul.name;
    report.kind = matmul.fp16 ? "matmul fp16" : "matmul int8";
    report.gridBound = gridBound(matmul, machine);
    for (const stream::Job &job : matmul.jobs)
      for (const stream::KTile &k : job.kTiles)
        report.macs += job.rows * int64_t(k.laneCount) * k.columnCount;
    return report;
  };
  for (size_t n = 0; n < segment.kernels.size(); ++n) {
    const stream::Kernel &kernel = segment.kernels[n];
    if (auto steps = feedSteps(segment, n)) {
      KernelReport reports[2];
      for (unsigned k : {0u, 1u})
        reports[k] =
            matmulReport(std::get<stream::Matmul>(segment.kernels[n + k]));
      if (!scheduleFed(*steps, reports[0], reports[1]))
        return false;
      for (unsigned k : {0u, 1u}) {
        kernels.push_back(std::move(reports[k]));
        for (unsigned tile : deadAfter[&segment.kernels[n + k]])
          release(tile, number);
      }
      ++n;
      continue;
    }
    kernelFirst = INT64_MAX;
    kernelLast = 0;
    KernelReport report;
    report.segment = number;
    report.iterations = segment.iterations;
    bool ok = true;
    if (const auto *flow = std::get_if<Flow>(&kernel)) {
      report.name = flow->name;
      report.kind = "vector";
      ok = scheduleFlow(*flow);
    } else if (const auto *matmul = std::get_if<stream::Matmul>(&kernel)) {
      report = matmulReport(*matmul);
      ok = scheduleMatmul(*matmul);
    } else if (const auto *gather = std::get_if<stream::Gather>(&kernel)) {
      report.name = gather->name;
      report.kind = "gather";
      for (const GatherStep &step : gathers[gather]) {
        FlowRequest lookup(step.flow, 0, step.flow.iterations);
        lookup.gathers = &step.sources;
        ok = ok && placeFlow(lookup);
      }
    } else if (const auto *move = std::get_if<stream::TransposeTile>(&kernel)) {
      report.name = move->name;
      report.kind = "transpose";
      ok = scheduleTranspose(*move);
    } else {
      const auto &exchange = std::get<stream::Exchange>(kernel);
      report.name = exchange.name;
      report.kind = "exchange";
      ok = scheduleExchange(exchange);
    }
    if (!ok || !errorText.empty())
      return false;
    report.first = kernelFirst == INT64_MAX ? 0 : kernelFirst;
    report.last = kernelLast;
    kernels.push_back(std::move(report));
    for (unsigned tile : deadAfter[&kernel])
      release(tile, number);
  }
  for (size_t v = 0; v < program.values.size(); ++v)
    if (program.values[v].segment == number && !placedValues.count(v))
      recordValue(v);
  emitSegment(segment);
  layout->endSegment();
  for (unsigned tile : deadAfterSegment[&segment])
    layout->release(tile);
  return true;
}

void SchedulerImpl::emitSegment(const Segment &segment) {
  // Every install is swapped in its own segment, so that the planes' shadows
  // are empty at its end and an iteration finds what the first one found.
  std::stable_sort(issues.begin(), issues.end(),
                   [](const IssueRecord &a, const IssueRecord &b) {
                     return std::tie(a.queue, a.item.at) <
                            std::tie(b.queue, b.item.at);
                   });
  if (segment.iterations == 1) {
    finishValues(time, 0);
    for (IssueRecord &issue : issues) {
      issue.item.at += time;
      queueItems[issue.queue].push_back(std::move(issue.item));
    }
    endExchanges(segment, time, 0);
    time += horizon + segmentGap();
    return;
  }

  // A loop in every queue that works in this segment: all of the same period,
  // so that they stay in step. The base registers step behind the last effect.
  int64_t start = time + (looped ? 2 : 0);
  // Where text is short of cycles, the next iteration's first is fetched behind
  // this one.
  int64_t period = std::max(
      exchangePeriod(), horizon + 3 + (options.fetchGap ? segmentGap() : 0));
  endExchanges(segment, start + 1, period);
  finishValues(start + 1, period);
  std::vector<std::vector<QueueItem>> bodies(machine.numQueues());
  for (IssueRecord &issue : issues)
    bodies[issue.queue].push_back(std::move(issue.item));
  for (unsigned slice = 0; slice < machine.numSlices(); ++slice) {
    unsigned queue = machine.queueNumber(Unit::Mem, slice);
    bool any = false;
    for (unsigned bank = 0; bank < 2; ++bank)
      any |= layout->blockRows(slice, bank) > 0;
    if (!any)
      continue;
    for (unsigned bank = 0; bank < 2; ++bank) {
      isa::Instruction inst;
      if (looped) {
        inst.opcode = isa::Opcode::mem_setreg;
        setField(inst, "reg", 1 + bank);
        queueItems[queue].push_back(QueueItem::instruction(time + bank, inst));
        inst = {};
      }
      if (layout->blockRows(slice, bank) == 0)
        continue;
      inst.opcode = isa::Opcode::mem_addreg;
      setField(inst, "reg", 1 + bank);
      setField(inst, "value", layout->blockRows(slice, bank));
      bodies[queue].push_back(QueueItem::instruction(horizon + bank, inst));
    }
  }
  for (unsigned q = 0; q < bodies.size(); ++q)
    if (!bodies[q].empty())
      queueItems[q].push_back(QueueItem::loop(
          start, uint32_t(segment.iterations), period, std::move(bodies[q])));
  looped = true;
  time = start + 1 + segment.iterations * period + segmentGap();
}

int64_t lpu::schedule::lastEffect(const QueueItem &item, int64_t base,
                                  const Machine &machine) {
  base += int64_t(item.at);
  int64_t last = -1;
  if (item.isLoop()) {
    base += 1 + int64_t(item.iterations - 1) * int64_t(item.period);
    for (const QueueItem &inner : item.body)
      last = std::max(last, lastEffect(inner, base, machine));
  } else if (item.inst.info().unit) { // control instructions have no effect
    last = base + int64_t(item.inst.count - 1) * item.inst.interval +
           int64_t(isa::streamDelay(item.inst, machine));
  }
  return last;
}

int64_t lpu::schedule::programCycles(const ClassProgram &classProgram,
                                     const Machine &machine) {
  int64_t last = -1;
  for (const QueueProgram &queue : classProgram.queues)
    for (const QueueItem &item : queue.items)
      last = std::max(last, lastEffect(item, 0, machine));
  return last + 1;
}

/// SRAM rows of a constant, of all iterations.
static int64_t constantRows(const stream::Tile &tile) {
  return tile.kind != stream::Tile::Constant
             ? 0
             : tile.rows * tile.chunks() * isa::byteWidth(tile.type) *
                   int64_t(std::max<size_t>(1, tile.sources.size()));
}

/// Constants alone must fit; what else is missing shows when it is placed.
bool SchedulerImpl::checkCapacity() {
  std::vector<bool> used(program.tiles.size());
  for (const Segment &segment : program.segments)
    for (const stream::Kernel &kernel : segment.kernels)
      forEachAccess(kernel, [&](unsigned tile, bool) { used[tile] = true; });
  int64_t rows = 0;
  for (size_t t = 0; t < program.tiles.size(); ++t)
    if (used[t])
      rows += constantRows(program.tiles[t]);
  int64_t capacity = int64_t(machine.numSlices()) * 2 * machine.rows;
  if (rows <= capacity)
    return true;
  double mib = machine.lanes / 1048576.0;
  return fail(llvm::formatv(
      "the model does not fit: its constants take {0:f1} MiB of SRAM, a chip "
      "of "
      "'{1}' has {2:f1} MiB; use a machine with more slices or rows",
      double(rows) * mib, machine.name, double(capacity) * mib));
}

std::vector<int64_t> SchedulerImpl::stripeLimits() const {
  std::vector<int64_t> limits(program.tiles.size());
  for (const Segment &segment : program.segments)
    for (const stream::Kernel &kernel : segment.kernels) {
      if (const auto *matmul = std::get_if<stream::Matmul>(&kernel)) {
        for (const stream::Job &job : matmul->jobs)
          for (const stream::KTile &k : job.kTiles)
            limits[k.b] =
                std::gcd(std::gcd(limits[k.b], k.bRow),
                         int64_t(k.byColumns ? k.columnCount : k.laneCount));
      } else if (const auto *move =
                     std::get_if<stream::TransposeTile>(&kernel)) {
        limits[move->src] = std::gcd(std::gcd(limits[move->src], move->srcRow),
                                     int64_t(move->rows));
      }
    }
  return limits;
}

/// In a loop of tiles an install may take as long as the shortest pass over the
/// weights, at a third of its rate (TileLoop.cpp).
std::vector<int64_t> SchedulerImpl::installCycles() const {
  std::vector<int64_t> cycles(program.tiles.size());
  if (!shortRows)
    return cycles;
  for (const Segment &segment : program.segments)
    for (const stream::Kernel &kernel : segment.kernels)
      if (const auto *matmul = std::get_if<stream::Matmul>(&kernel))
        for (const stream::Job &job : matmul->jobs) {
          int64_t rows =
              std::min(job.rows, int64_t(machine.accumulatorRows) *
                                     std::min(machine.fp16Interval,
                                              machine.planesPerHalf));
          for (const stream::KTile &k : job.kTiles) {
            int64_t &own = cycles[k.b];
            int64_t third = std::max<int64_t>(1, rows / 3);
            own = own ? std::min(own, third) : third;
          }
        }
  return cycles;
}

/// The host writes inputs before cycle 0, so their rows may not be ones that
/// another tile has had: they are placed before everything else.
bool SchedulerImpl::placeInputs() {
  // What meets in any segment keeps apart in all.
  for (const Segment &segment : program.segments)
    collectPartners(segment);
  for (const Segment &segment : program.segments) {
    std::set<unsigned> read;
    for (const stream::Kernel &kernel : segment.kernels)
      forEachAccess(kernel, [&](unsigned tile, bool) {
        if (program.tiles[tile].kind == stream::Tile::Input)
          read.insert(tile);
      });
    for (unsigned tile : read) {
      const stream::Tile &info = program.tiles[tile];
      int64_t rows = layout->panelRows(tile);
      for (unsigned chunk = 0; chunk < info.chunks(); ++chunk)
        for (unsigned copy = 0; copy < layout->copies(tile); ++copy)
          for (int64_t panel = 0; panel * rows < info.rows; ++panel) {
            int half = info.bothHalves ? int(copy) : wantedHalf[tile];
            if (layout
                    ->columns(tile, unsigned(panel), chunk, copy, half,
                              conflicts(tile, unsigned(panel), chunk))
                    .empty() &&
                layout->columns(tile, unsigned(panel), chunk, copy, half, {})
                    .empty())
              return fail(layout->error());
          }
    }
  }
  return true;
}

llvm::Expected<ScheduleResult> SchedulerImpl::run() {
  for (const Segment &segment : program.segments)
    for (const stream::Kernel &kernel : segment.kernels)
      if (const auto *gather = std::get_if<stream::Gather>(&kernel))
        gathers[gather] = expandGather(*gather);
      else if (const auto *move = std::get_if<stream::TransposeTile>(&kernel))
        transposes[move] = planTranspose(*move);
  if (!checkCapacity())
    return llvm::createStringError(llvm::inconvertibleErrorCode(), errorText);
  findLastUses();
  std::set<unsigned> tables;
  for (const auto &gather : gathers)
    for (const GatherStep &step : gather.second)
      for (const auto &source : step.sources)
        tables.insert(step.flow.nodes[source.first].access.tile);
  std::map<unsigned, int64_t> blockRows = exchangedTiles(tables);
  layout.emplace(program, machine, stripeLimits(), installCycles(), tables,
                 blockRows, zones, constantPlaces, options.keepTextSlices);
  makeGangs();
  rotateFed();
  if (!placeInputs())
    return llvm::createStringError(llvm::inconvertibleErrorCode(), errorText);
  unsigned number = 0;
  for (const Segment &segment : program.segments)
    if (!errorText.empty() || !scheduleSegment(segment, number++))
      return llvm::createStringError(llvm::inconvertibleErrorCode(), errorText);

  ScheduleResult result;
  result.kernels = std::move(kernels);
  result.alignment = std::move(alignment);
  result.image = imagePlan();
  result.tensors = std::move(tensors);
  ClassProgram classProgram;
  for (unsigned q = 0; q < queueItems.size(); ++q) {
    if (queueItems[q].empty())
      continue;
    QueueProgram queue;
    std::tie(queue.unit, queue.index) = machine.queueUnit(q);
    queue.items = std::move(queueItems[q]);
    classProgram.queues.push_back(std::move(queue));
  }
  result.cycles = programCycles(classProgram, machine);
  result.program.classes.push_back(std::move(classProgram));
  makePackage(result.program.package);
  if (!errorText.empty())
    return llvm::createStringError(llvm::inconvertibleErrorCode(), errorText);
  result.program.package.cycles = result.cycles;
  for (const ConstantColumn &c : layout->constants())
    result.constantRows += c.rows * c.instances;
  for (unsigned slice = 0; slice < machine.numSlices(); ++slice)
    for (unsigned bank = 0; bank < 2; ++bank)
      result.temporaryRows +=
          machine.rows - layout->freeRows(slice, bank).second;
  return result;
}

bool lpu::schedule::usesTextSlices(const Machine &machine) {
  unsigned text[2] = {0, 0};
  for (unsigned slice : machine.textSlices)
    ++text[slice >= machine.slicesPerHalf];
  for (unsigned count : text)
    if (count && machine.slicesPerHalf - count < Layout::slicesBesideText)
      return true;
  return false;
}

llvm::Expected<ScheduleResult>
lpu::schedule::schedule(const stream::Program &program, const Machine &machine,
                        const ScheduleOptions &options) {
  // Weights that take most of a chip are spread from the start. Loops of tiles
  // (TileLoop.cpp) need the outer slices for weights alone.
  bool maySpread = machine.instructionsPerRow() >= longRow;
  int64_t rows = 0;
  for (const stream::Tile &tile : program.tiles)
    rows += constantRows(tile);
  bool isFull = rows > int64_t(machine.numSlices()) * machine.rows;
  std::string message;
  for (unsigned attempt = 0; attempt < (maySpread || isFull ? 2 : 1);
       ++attempt) {
    ConstantPlaces places;
    places.isFull = isFull;
    places.spread = (maySpread && isFull) != (attempt > 0);
    auto result = SchedulerImpl(program, machine, options, places).run();
    if (result)
      return result;
    std::string own = llvm::toString(result.takeError());
    if (message.empty())
      message = std::move(own);
    // Temporaries may have taken rows that constants need later: learn where
    // those would stand if they had not, and keep the rows free.
    places.learning = true;
    auto learned = SchedulerImpl(program, machine, options, places).run();
    places.learning = false;
    if (!learned) {
      llvm::consumeError(learned.takeError());
      continue;
    }
    result = SchedulerImpl(program, machine, options, places).run();
    if (result)
      return result;
    message = llvm::toString(result.takeError());
  }
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}
