//===- TileLoop.cpp - the K tiles of a job as one loop --------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Narrow chips cut a product into very many K tiles, and an instruction takes
// as much SRAM as a row of weights: unrolled, the text of a matmul is as long
// as its weights, and the queues cannot fetch it in time. Consecutive tiles
// that differ by a constant address step are therefore one template with a
// constant period P per tile:
//
//   weights queue  loop { install x c every d; swap }      P = c * d
//   pass queue     loop { pass x rows } (one pass per lane window of a chunk)
//   weight slices  one read, repeated for all tiles
//   operand slices one read per chunk
//
// Installs spread over the whole period; tile k + 1 enters the shadow buffer
// while tile k passes.
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include "lpu/Support/Check.h"

using namespace lpu;
using namespace lpu::schedule;
using stream::Job;
using stream::KTile;

/// Fewer tiles are not worth a loop.
static constexpr size_t fewestTiles = 4;

bool SchedulerImpl::loopsTiles() const {
  // Where a row of text holds many instructions, fetching is no limit.
  return shortRows && mayLoop();
}

/// True if tile k + 1 follows tile k at a constant step in B.
static bool continues(const KTile &first, const KTile &k, const KTile &next) {
  return !k.byColumns && !next.byColumns && next.b == k.b &&
         next.bChunk == k.bChunk && next.bRow == k.bRow + first.laneCount &&
         next.laneCount == first.laneCount &&
         next.columnBase == first.columnBase &&
         next.columnCount == first.columnCount;
}

size_t SchedulerImpl::tileRun(const Job &job, size_t step) const {
  if (!loopsTiles())
    return 1;
  const KTile &first = job.kTiles[step];
  int64_t stripes = layout->stripes(first.b),
          panelRows = layout->panelRows(first.b);
  if (first.byColumns || first.laneCount % stripes || first.bRow % stripes)
    return 1;
  // All in one panel of B.
  int64_t panelEnd = (first.bRow / panelRows + 1) * panelRows;
  size_t end = step + 1;
  while (end < job.kTiles.size() &&
         continues(first, job.kTiles[end - 1], job.kTiles[end]) &&
         job.kTiles[end].bRow + int64_t(first.laneCount) <= panelEnd)
    ++end;
  return end - step;
}

/// Lane windows repeat with this period, or `tiles` if they do not.
static size_t windowPeriod(llvm::ArrayRef<KTile> tiles) {
  size_t period = 1;
  for (size_t i = 1; i < tiles.size(); ++i)
    if (tiles[i].laneBase != tiles[i % period].laneBase)
      period = i + 1;
  return period;
}

/// Two tiles take the same rows of the same chunk.
static bool sameAccess(const KTile &x, const KTile &y) {
  return x.a.tile == y.a.tile && x.a.chunk == y.a.chunk && x.a.row == y.a.row;
}

std::optional<SchedulerImpl::TileLoop>
SchedulerImpl::planTileLoop(llvm::ArrayRef<KTile> tiles, bool fp16, int64_t n,
                            int64_t interval, unsigned planes) const {
  if (tiles.size() < fewestTiles)
    return std::nullopt;
  TileLoop plan;
  plan.tiles = tiles.size();
  plan.window = windowPeriod(tiles);
  plan.installs = tiles[0].laneCount / layout->stripes(tiles[0].b);
  int64_t rows = (n + planes - 1) / planes; // of the first plane
  // The pass unit takes a row every interval x planes cycles, and the queue
  // needs a cycle for `endloop`.
  int64_t passes = std::max((rows - 1) * interval * planes + 2,
                            rows * interval * int64_t(planes));
  // install, swap, endloop; the next install finds an empty shadow.
  int64_t spacing = std::max<int64_t>(3, 1 + machine.delaySwap);
  spacing =
      std::max(spacing, (passes + plan.installs - 1) / int64_t(plan.installs));
  constexpr int64_t maxInterval = 255, maxCount = 65535;
  if (spacing > maxInterval || int64_t(plan.tiles) * plan.installs > maxCount)
    return std::nullopt;
  plan.spacing = spacing;
  plan.period = spacing * plan.installs;
  return plan;
}

/// A loop over `units` copies of `unit`, whose cycle 0 is at `at`.
static QueueRun loopOf(unsigned queue, int64_t at, size_t units, int64_t period,
                       std::vector<QueueRun> unit) {
  QueueRun run;
  run.queue = queue;
  run.offset = at - 1;
  run.iterations = uint32_t(units);
  run.period = period;
  run.body = std::move(unit);
  return run;
}

std::optional<int64_t> SchedulerImpl::placeTileLoop(
    llvm::ArrayRef<PassWork> works, const TileLoop &plan, bool fp16,
    int64_t rowBegin, int64_t rowEnd, bool add, const std::string &name) {
  Gang &lead = *works[0].gang;
  unsigned g = lead.planes.size(), width = fp16 ? 2 : 1;
  int64_t n = rowEnd - rowBegin;
  int64_t interval = fp16 ? (machine.fp16Interval + g - 1) / g : 1;
  int64_t count = int64_t(plan.tiles);
  // Times relative to the first install.
  int64_t swap = (plan.installs - 1) * plan.spacing + 1;
  int64_t pass = swap + machine.delaySwap;

  Template t;
  t.name = name;
  std::set<unsigned> used;
  for (const PassWork &work : works) {
    const KTile &k = *work.tile;
    Gang &gang = *work.gang;
    int64_t panelRows = layout->panelRows(k.b);
    unsigned stripes = layout->stripes(k.b);
    unsigned group = gang.planes[0] % machine.planesPerHalf / g;
    auto columns = readColumns(k.b, unsigned(k.bRow / panelRows), k.bChunk,
                               gang.east, used, group);
    if (columns.empty())
      return std::nullopt;
    unsigned index = addWeightReads(t, gang, columns, width, -1, width,
                                    k.bRow % panelRows / stripes,
                                    count * plan.installs, plan.spacing, 0);
    for (unsigned plane : gang.planes) {
      QueueRun install;
      install.inst = installOf(k, fp16, stripes, 0);
      install.inst.count = uint16_t(plan.installs);
      if (plan.installs > 1) {
        install.inst.interval = uint8_t(plan.spacing);
        setField(install.inst, "step", stripes);
      }
      install.streamFields.push_back(
          {fieldIndex(install.inst.opcode, "stream"), index, 0});
      QueueRun swapRun;
      swapRun.offset = swap;
      swapRun.inst.opcode = isa::Opcode::weights_swap;
      t.runs.push_back(loopOf(machine.queueNumber(Unit::Weights, plane), 0,
                              plan.tiles, plan.period, {install, swapRun}));
    }
  }

  // Operand rows: the windows of a chunk read it again, in one instruction
  // where they follow each other without a gap.
  unsigned operands = t.groups.size();
  t.groups.push_back(operandStreams(
      lead, fp16, pass, pass + (count - 1) * plan.period + (n - 1) * interval));
  llvm::ArrayRef<KTile> tiles(works[0].tile, plan.tiles);
  for (size_t i = 0; i < tiles.size();) {
    size_t same = 1;
    stream::Access access = rowsOf(tiles[i].a, rowBegin, rowEnd);
    constexpr int64_t maxInner = 4095;
    if (plan.period == n * interval && access.inner == 0 && n <= maxInner)
      while (i + same < tiles.size() && sameAccess(tiles[i], tiles[i + same]))
        ++same;
    if (same > 1)
      access.inner = n;
    if (!addOperandReads(t, operands, access, n * int64_t(same), interval,
                         pass + int64_t(i) * plan.period, lead.east, used))
      return std::nullopt;
    i += same;
  }

  int64_t busy = 0, next = 0;
  for (const PassWork &work : works)
    for (unsigned p = 0; p < g; ++p) {
      int64_t rows = (n - int64_t(p) + g - 1) / g;
      if (rows <= 0)
        continue;
      unsigned queue = machine.queueNumber(Unit::Pass, work.gang->planes[p]);
      int64_t begin = pass + p * interval;
      auto passRun = [&](size_t tile, int64_t at, bool adds) {
        QueueRun run;
        run.queue = queue;
        run.offset = at;
        run.inst = passOf(work.tile[tile], fp16, rows, interval * g, adds);
        run.streamFields.push_back(
            {fieldIndex(run.inst.opcode, "stream"), operands, 0});
        return run;
      };
      // The first unit replaces what the accumulators hold.
      size_t unit = plan.window, tile = 0;
      for (; !add && tile < std::min(unit, plan.tiles); ++tile)
        t.runs.push_back(
            passRun(tile, begin + int64_t(tile) * plan.period, tile > 0));
      if (size_t units = (plan.tiles - tile) / unit; units > 1) {
        std::vector<QueueRun> body;
        for (size_t i = 0; i < unit; ++i)
          body.push_back(passRun(tile + i, int64_t(i) * plan.period, true));
        t.runs.push_back(loopOf(queue, begin + int64_t(tile) * plan.period,
                                units, int64_t(unit) * plan.period,
                                std::move(body)));
        tile += units * unit;
      }
      for (; tile < plan.tiles; ++tile)
        t.runs.push_back(
            passRun(tile, begin + int64_t(tile) * plan.period, true));
      int64_t span = (rows - 1) * interval * g + 1;
      busy = std::max(busy, p * interval + span);
      next = std::max(next, span - 1 + (fp16 ? machine.fp16Interval : 1));
    }

  // Weights are read without a gap for operands of the same slice, or of the
  // same streams.
  if (!crowdedQueues(t).empty() || !tryStreams(t, 0, /*alone=*/true))
    return std::nullopt;
  int64_t bound = 0;
  for (const PassWork &work : works) {
    const Gang &gang = *work.gang;
    bound = std::max({bound, gang.shadowFree, gang.nextPass - pass,
                      gang.passEnd - int64_t(machine.delaySwap) - swap});
    if (!add)
      bound = std::max(bound, gang.drainBound - pass);
  }
  auto anchor = place(t, bound);
  if (!anchor)
    return std::nullopt;
  int64_t last = (count - 1) * plan.period;
  for (const PassWork &work : works) {
    work.gang->shadowFree = work.gang->active =
        *anchor + last + swap + machine.delaySwap;
    work.gang->passEnd = *anchor + pass + last + busy;
    work.gang->nextPass = *anchor + pass + last + next;
    work.gang->activeKey = installKey(work.tile[plan.tiles - 1], fp16);
  }
  return *anchor + pass + last;
}
