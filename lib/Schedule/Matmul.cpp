//===- Matmul.cpp - matmul jobs on the planes -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plane takes an fp16 row every fp16_interval cycles. So the planes of a half
// work as a gang: they hold the same weights (installed from the same streams)
// and take the rows in turn; their results interleave on one stream group, so
// that an epilogue serves the gang at full rate. int8 planes work alone.
//
// Per gang: install k+1 goes to the shadow buffer while pass k runs; a swap
// follows the last pass; the drain of a block follows its last pass at the
// pass's own rate, and the first (replacing) pass of the next block may not
// overtake it.
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include "lpu/Support/Check.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::schedule;
using stream::Job;
using stream::KTile;
using stream::Matmul;

void SchedulerImpl::makeGangs() {
  for (bool fp16 : {false, true}) {
    auto &list = gangs[fp16];
    list.clear();
    unsigned size =
        fp16 ? std::min(machine.fp16Interval, machine.planesPerHalf) : 1;
    for (unsigned first = 0; first + size <= machine.planesPerHalf;
         first += size)
      for (bool east : {false, true}) {
        Gang gang;
        gang.east = east;
        for (unsigned p = 0; p < size; ++p)
          gang.planes.push_back((east ? machine.planesPerHalf : 0) + first + p);
        list.push_back(gang);
      }
  }
}

std::vector<int64_t> lpu::schedule::installKey(const KTile &k, bool fp16,
                                               int byte) {
  return {byte,   fp16,        k.byColumns,  k.b,           k.bChunk,
          k.bRow, k.bLaneBase, k.columnBase, k.columnCount, k.laneCount};
}

static int along(bool west, int position) {
  return west ? -position : position;
}

unsigned SchedulerImpl::addWeightReads(
    Template &t, const Gang &gang, llvm::MutableArrayRef<PlacedColumn> columns,
    unsigned width, int byte, unsigned stored, int64_t row, int64_t count,
    int64_t interval, int64_t cycle) {
  int position = machine.unitPosition(Unit::Weights, gang.planes[0]);
  bool west = !gang.east; // outward
  unsigned n = unsigned(columns.size()) / stored * width;
  StreamGroup streams;
  streams.west = west;
  streams.width = n;
  // Blocks of full install width do not break up the streams that another
  // install needs.
  streams.align = machine.streams % n == 0 ? n : width;
  streams.start = homeStream(gang);
  streams.run.keyLow = west ? cycle + position : cycle - position;
  streams.run.keyHigh = streams.run.keyLow + (count - 1) * interval;
  streams.run.posHigh = along(west, position);
  streams.run.posLow = INT32_MAX;
  unsigned index = t.groups.size();
  for (unsigned j = 0; j < n; ++j) {
    PlacedColumn &column = columns[byte < 0 ? j : j * stored + unsigned(byte)];
    int from = machine.slicePosition(column.slice);
    QueueRun read;
    read.queue = machine.queueNumber(Unit::Mem, column.slice);
    read.offset = cycle - std::abs(position - from) - machine.delaySramRead;
    read.inst.opcode = isa::Opcode::mem_read;
    read.inst.count = uint16_t(count);
    read.inst.interval = count == 1 ? 1 : uint8_t(interval);
    setField(read.inst, "bank", column.bank);
    setField(read.inst, "reg", column.stepped ? 1 + column.bank : 0);
    setField(read.inst, "offset", column.row + row);
    setField(read.inst, "stride", count > 1 ? 1 : 0);
    setField(read.inst, "dir", west);
    read.streamFields.push_back(
        {fieldIndex(read.inst.opcode, "stream"), index, j});
    streams.run.posLow = std::min(streams.run.posLow, along(west, from));
    t.touch(&column, false, read.offset, read.offset + read.span() - 1);
    t.runs.push_back(read);
  }
  t.groups.push_back(streams);
  return index;
}

isa::Instruction SchedulerImpl::installOf(const KTile &k, bool fp16,
                                          unsigned stripes, int64_t row) {
  isa::Instruction inst;
  inst.opcode = isa::Opcode::weights_install;
  setField(inst, "fp16", fp16);
  setField(inst, "columns", k.byColumns);
  setField(inst, "n", stripes * (fp16 ? 2 : 1));
  setField(inst, "at", (k.byColumns ? k.columnBase : 0) + row);
  setField(inst, "lane_base", k.byColumns ? k.bLaneBase : k.columnBase);
  setField(inst, "lane_count", k.byColumns ? k.laneCount : k.columnCount);
  setField(inst, "last", 1);
  return inst;
}

bool SchedulerImpl::placeInstall(Gang &gang, const KTile &k, bool fp16,
                                 int64_t rows, const std::string &name,
                                 int byte) {
  unsigned width = fp16 ? 2 : 1;
  // Bytes of an element of B in memory; one of them may be wanted alone.
  unsigned stored = isa::byteWidth(program.tiles[k.b].type);
  unsigned stripes = layout->stripes(k.b);
  int64_t panelRows = layout->panelRows(k.b);
  // Rows of tile b to read, as installs of up to `stripes` rows.
  int64_t total = k.byColumns ? k.columnCount : k.laneCount;
  if (k.bRow % stripes) {
    return fail(llvm::formatv("kernel '{0}': weight rows start at {1}, which "
                              "is not a multiple of the "
                              "{2} rows installed per cycle",
                              name, k.bRow, stripes));
  }
  // Where passes are long, the planes of a half install one after the other
  // from one set of slices; where installs are the bottleneck, each has its
  // own.
  int64_t installCycles = (total + stripes - 1) / stripes;
  unsigned group = rows >= installCycles * machine.planesPerHalf
                       ? 0
                       : gang.planes[0] % machine.planesPerHalf /
                             std::max<unsigned>(1, gang.planes.size());
  Template t;
  t.name = name;
  int64_t cycle = 0; // install cycles so far
  for (int64_t row = 0; row < total;) {
    int64_t absolute = k.bRow + row, panel = absolute / panelRows;
    int64_t part = std::min(total - row, (panel + 1) * panelRows - absolute);
    int64_t cycles = (part + stripes - 1) / stripes;
    std::set<unsigned> used;
    auto columns =
        readColumns(k.b, unsigned(panel), k.bChunk, gang.east, used, group);
    if (columns.empty())
      return false;
    unsigned index = addWeightReads(t, gang, columns, width, byte, stored,
                                    (absolute - panel * panelRows) / stripes,
                                    cycles, 1, cycle);
    for (unsigned plane : gang.planes) {
      QueueRun install;
      install.queue = machine.queueNumber(Unit::Weights, plane);
      install.offset = cycle;
      install.inst = installOf(k, fp16, stripes, row);
      install.inst.count = uint16_t(cycles);
      setField(install.inst, "step", cycles > 1 ? stripes : 0);
      install.streamFields.push_back(
          {fieldIndex(install.inst.opcode, "stream"), index, 0});
      t.runs.push_back(install);
    }
    cycle += cycles;
    row += part;
  }
  auto anchor = place(t, gang.shadowFree);
  if (!anchor)
    return false;

  // Passes issued before swap + delay_swap still see the old weights.
  Template swap;
  swap.name = name;
  for (unsigned plane : gang.planes) {
    QueueRun run;
    run.queue = machine.queueNumber(Unit::Weights, plane);
    run.inst.opcode = isa::Opcode::weights_swap;
    swap.runs.push_back(run);
  }
  auto at = place(swap, std::max(*anchor + cycle,
                                 gang.passEnd - int64_t(machine.delaySwap)));
  if (!at)
    return false;
  gang.shadowFree = gang.active = *at + machine.delaySwap;
  gang.activeKey = installKey(k, fp16, byte);
  return true;
}

stream::Access lpu::schedule::rowsOf(stream::Access access, int64_t begin,
                                     int64_t end) {
  if (access.inner > 0 && begin / access.inner == (end - 1) / access.inner) {
    access.row = access.rowOf(begin);
    access.inner = 0;
  } else if (access.inner > 0) {
    LPU_CHECK(begin % access.inner == 0, "block cuts a nested access");
    access.row += begin / access.inner * access.stride2;
  } else {
    access.row += begin * access.stride;
  }
  return access;
}

bool SchedulerImpl::addOperandReads(Template &t, unsigned index,
                                    const stream::Access &access, int64_t n,
                                    int64_t interval, int64_t at, bool east,
                                    const std::set<unsigned> &avoid) {
  StreamGroup &streams = t.groups[index];
  int position = east ? streams.run.posHigh : -streams.run.posHigh;
  bool west = streams.west;
  std::map<unsigned, llvm::MutableArrayRef<PlacedColumn>> panels;
  for (const AccessPiece &piece :
       splitAccess(access, n, layout->panelRows(access.tile),
                   layout->stripes(access.tile))) {
    if (!panels.count(piece.panel)) {
      std::set<unsigned> used = avoid;
      auto columns =
          readColumns(access.tile, piece.panel, access.chunk, east, used);
      if (columns.empty())
        return false;
      panels[piece.panel] = columns;
    }
    for (unsigned byte = 0; byte < streams.width; ++byte) {
      PlacedColumn &column =
          panels[piece.panel][piece.stripe * streams.width + byte];
      int from = machine.slicePosition(column.slice);
      QueueRun read;
      read.queue = machine.queueNumber(Unit::Mem, column.slice);
      read.offset = at + piece.first * interval - std::abs(position - from) -
                    machine.delaySramRead;
      read.inst.opcode = isa::Opcode::mem_read;
      read.inst.count = uint16_t(piece.count);
      read.inst.interval =
          piece.count == 1 ? 1 : uint8_t(piece.step * interval);
      setField(read.inst, "bank", column.bank);
      setField(read.inst, "reg", column.stepped ? 1 + column.bank : 0);
      setField(read.inst, "offset", column.row + piece.address);
      if (piece.count > 1) {
        setField(read.inst, "stride", piece.stride);
        setField(read.inst, "inner", piece.inner);
        setField(read.inst, "stride2", piece.stride2);
      }
      setField(read.inst, "dir", west);
      read.streamFields.push_back(
          {fieldIndex(read.inst.opcode, "stream"), index, byte});
      streams.run.posLow = std::min(streams.run.posLow, along(west, from));
      t.touch(&column, false, read.offset, read.offset + read.span() - 1);
      t.runs.push_back(read);
    }
  }
  return true;
}

StreamGroup SchedulerImpl::operandStreams(const Gang &gang, bool fp16,
                                          int64_t at, int64_t last) const {
  int position = machine.unitPosition(Unit::Pass, gang.planes[0]);
  bool west = !gang.east; // outward
  StreamGroup streams;
  streams.west = west;
  streams.width = streams.align = fp16 ? 2 : 1;
  streams.start = homeStream(gang);
  streams.run.keyLow = west ? at + position : at - position;
  streams.run.keyHigh = streams.run.keyLow + last - at;
  streams.run.posHigh = along(west, position);
  streams.run.posLow = INT32_MAX;
  return streams;
}

isa::Instruction SchedulerImpl::passOf(const KTile &k, bool fp16, int64_t rows,
                                       int64_t interval, bool add) {
  isa::Instruction inst;
  inst.opcode = isa::Opcode::pass_run;
  inst.count = uint16_t(rows);
  inst.interval = rows == 1 ? 1 : uint8_t(interval);
  setField(inst, "fp16", fp16);
  setField(inst, "last", 1);
  setField(inst, "lane_base", k.laneBase);
  setField(inst, "lane_count", k.laneCount);
  setField(inst, "acc_stride", rows == 1 ? 0 : 1);
  setField(inst, "add", add);
  return inst;
}

std::optional<int64_t>
SchedulerImpl::placePasses(llvm::ArrayRef<PassWork> works, bool fp16,
                           int64_t rowBegin, int64_t rowEnd, bool add,
                           const std::string &name) {
  const KTile &k = *works[0].tile;
  Gang &lead = *works[0].gang;
  unsigned g = lead.planes.size();
  int64_t n = rowEnd - rowBegin;
  int64_t interval = fp16 ? (machine.fp16Interval + g - 1) / g : 1;
  Template t;
  t.name = name;
  t.groups.push_back(operandStreams(lead, fp16, 0, (n - 1) * interval));
  if (!addOperandReads(t, 0, rowsOf(k.a, rowBegin, rowEnd), n, interval, 0,
                       lead.east, {}))
    return std::nullopt;
  // Every gang of the half that wants these rows reads them from the same
  // streams.
  int64_t busy = 0, next = 0, bound = 0;
  for (const PassWork &work : works) {
    const KTile &own = *work.tile;
    for (unsigned p = 0; p < g; ++p) {
      int64_t rows = (n - int64_t(p) + g - 1) / g;
      if (rows <= 0)
        continue;
      QueueRun pass;
      pass.queue = machine.queueNumber(Unit::Pass, work.gang->planes[p]);
      pass.offset = p * interval;
      pass.inst = passOf(own, fp16, rows, interval * g, add);
      pass.streamFields.push_back(
          {fieldIndex(pass.inst.opcode, "stream"), 0, 0});
      t.runs.push_back(pass);
      busy = std::max(busy, pass.offset + pass.span());
      // An fp16 pass keeps its unit busy behind the last issue; plane p of the
      // next run starts p intervals after its anchor.
      next = std::max(next, pass.offset + pass.span() - 1 - p * interval +
                                (fp16 ? machine.fp16Interval : 1));
    }
    bound = std::max({bound, work.gang->active, work.gang->nextPass});
    if (!add)
      bound = std::max(bound, work.gang->drainBound);
  }
  auto anchor = place(t, bound);
  if (!anchor)
    return std::nullopt;
  for (const PassWork &work : works) {
    work.gang->passEnd = *anchor + busy;
    work.gang->nextPass = *anchor + next;
  }
  return anchor;
}

/// The planes change format: what the other gangs still do comes first.
void SchedulerImpl::useFormat(bool fp16) {
  if (gangFormatFp16 != fp16) {
    int64_t free = 0, end = 0, drain = -1;
    for (const Gang &gang : gangs[gangFormatFp16]) {
      free = std::max(free, gang.shadowFree);
      end = std::max(end, gang.passEnd);
      drain = std::max(drain, gang.drainBound);
    }
    for (Gang &gang : gangs[fp16]) {
      gang.shadowFree = std::max(gang.shadowFree, free);
      gang.passEnd = std::max(gang.passEnd, end);
      // Results of the other format complete first, and its drains, which may
      // run at another rate, are over.
      gang.nextPass = std::max(gang.nextPass, end + machine.matrixDelay(true));
      if (drain >= 0)
        gang.drainBound =
            std::max(gang.drainBound, drain + int64_t(machine.accumulatorRows) *
                                                  machine.fp16Interval);
    }
    gangFormatFp16 = fp16;
  }
  for (Gang &gang : gangs[fp16])
    gang.activeKey.clear();
}

/// True if two K tiles take the same operand rows from the same lanes of A.
static bool sameRows(const KTile &x, const KTile &y) {
  return x.a.tile == y.a.tile && x.a.chunk == y.a.chunk && x.a.row == y.a.row &&
         x.a.stride == y.a.stride && x.a.inner == y.a.inner &&
         x.a.stride2 == y.a.stride2;
}

bool SchedulerImpl::scheduleMatmul(const Matmul &matmul) {
  bool fp16 = matmul.fp16;
  useFormat(fp16);
  auto &list = gangs[fp16];
  unsigned g = list[0].planes.size();
  int64_t block = int64_t(machine.accumulatorRows) * g;
  int64_t interval = fp16 ? (machine.fp16Interval + g - 1) / g : 1;
  int64_t delay = machine.matrixDelay(fp16);

  // Jobs go round the gangs; of a wave of jobs the steps alternate, so that
  // they are placed roughly in the order of time.
  struct Work {
    const Job *job;
    int64_t begin, end;
  };
  std::vector<std::vector<Work>> queue(list.size());
  auto assign = [&](const Job &job, unsigned gang, int64_t from, int64_t to) {
    int64_t rows = block;
    // A nested access must not be cut inside a group of rows.
    for (const KTile &k : job.kTiles)
      if (k.a.inner > 0 && k.a.inner < job.rows)
        rows = k.a.inner <= block ? block / k.a.inner * k.a.inner
                                  : std::min(rows, k.a.inner);
    for (const stream::Node &node : job.epilogue.nodes)
      if (node.kind == stream::Node::Read && node.access.inner > 0 &&
          node.access.inner < job.rows && node.access.inner <= rows)
        rows = rows / node.access.inner * node.access.inner;
    for (int64_t row = from; row < to;) {
      int64_t end = std::min(to, row + rows);
      // Blocks of a nested access longer than a block end at its borders.
      // and no block spans panels, which may stand in different halves.
      auto clip = [&](const stream::Access &a) {
        bool isNested = a.inner > 0 && a.inner < job.rows;
        if (a.inner > rows && isNested)
          end = std::min(end, (row / a.inner + 1) * a.inner);
        if (a.stride == 1 && (!isNested || a.inner > rows) &&
            !layout->panelsKeepHalf()) {
          int64_t panel = layout->panelRows(a.tile);
          end = std::min(end, row + panel - a.rowOf(row) % panel);
        }
      };
      for (const KTile &k : job.kTiles)
        clip(k.a);
      for (const stream::Node &node : job.epilogue.nodes)
        if (node.kind == stream::Node::Read)
          clip(node.access);
      for (const stream::Write &write : job.epilogue.writes)
        clip(write.access);
      queue[gang].push_back({&job, row, end});
      row = end;
    }
  };
  // A job of several blocks stays on its gang (its weights are near it). Of the
  // jobs that are left over when every gang has as many, each is cut by rows
  // over several gangs while a part still hides its installs.
  size_t whole = matmul.jobs.size() / list.size() * list.size();
  size_t left = matmul.jobs.size() - whole;
  // Jobs of different length (heads that share a chunk, and the rest) would
  // leave gangs idle: then every job is cut.
  std::vector<int64_t> load(list.size());
  int64_t total = 0, slowInstall = 0;
  for (size_t j = 0; j < matmul.jobs.size(); ++j) {
    for (const KTile &k : matmul.jobs[j].kTiles) {
      load[j % list.size()] += matmul.jobs[j].rows;
      total += matmul.jobs[j].rows;
      int64_t stripes = layout->stripes(k.b);
      slowInstall =
          std::max(slowInstall,
                   ((k.byColumns ? k.columnCount : k.laneCount) + stripes - 1) /
                       stripes);
    }
  }
  int64_t longest = *std::max_element(load.begin(), load.end());
  bool uneven = left == 0 && longest * int64_t(list.size()) * 4 > total * 5;
  for (const Job &job : matmul.jobs)
    uneven &= job.rows * interval >= slowInstall * int64_t(list.size());
  if (uneven) {
    left = 1;
    whole = 0;
  }
  int64_t shortest =
      (machine.planeRows + machine.installRows - 1) / machine.installRows;
  for (size_t j = 0; j < matmul.jobs.size(); ++j) {
    const Job &job = matmul.jobs[j];
    bool nested = false;
    for (const KTile &k : job.kTiles)
      nested |= k.a.inner > 0 && k.a.inner < job.rows;
    for (const stream::Node &node : job.epilogue.nodes)
      nested |= (node.kind == stream::Node::Read && node.access.inner > 0 &&
                 node.access.inner < job.rows) ||
                node.period > 0;
    for (const stream::Write &write : job.epilogue.writes)
      nested |= write.access.inner > 0 && write.access.inner < job.rows;
    int64_t parts = left ? int64_t(list.size() / left) : 1;
    parts = std::min(parts, job.rows * interval / (2 * shortest));
    if (j < whole || parts < 2 || nested) {
      assign(job, j % list.size(), 0, job.rows);
      continue;
    }
    int64_t step = (job.rows + parts - 1) / parts;
    step = (step + g - 1) / g * g;
    for (int64_t p = 0; p * step < job.rows; ++p)
      assign(job,
             (uneven ? size_t(p) : j - whole + size_t(p) * left) % list.size(),
             p * step, std::min(job.rows, (p + 1) * step));
  }
  size_t waves = 0;
  for (const auto &q : queue)
    waves = std::max(waves, q.size());
  for (size_t wave = 0; wave < waves; ++wave) {
    size_t steps = 0;
    for (const auto &q : queue)
      if (wave < q.size())
        steps = std::max(steps, q[wave].job->kTiles.size());
    // A loop of tiles takes several steps of its gangs at once.
    std::vector<size_t> stepOf(list.size());
    for (size_t step = 0; step < steps; ++step) {
      std::vector<bool> done(list.size());
      for (unsigned i = 0; i < list.size(); ++i) {
        auto current = [&](unsigned j) -> const Work * {
          return wave < queue[j].size() && stepOf[j] == step &&
                         step < queue[j][wave].job->kTiles.size()
                     ? &queue[j][wave]
                     : nullptr;
        };
        const Work *work = current(i);
        if (done[i] || !work)
          continue;
        // The gangs of this half that take the same rows pass together, unless
        // installs are the bottleneck and each passes in the other's gaps.
        constexpr int64_t shortPass = 8;
        std::vector<PassWork> together;
        std::vector<const Work *> jobs;
        for (unsigned j = i; j < list.size(); ++j) {
          const Work *other = current(j);
          if (done[j] || !other || list[j].east != list[i].east ||
              (j != i && work->end - work->begin < shortPass) ||
              other->begin != work->begin || other->end != work->end ||
              !sameRows(other->job->kTiles[step], work->job->kTiles[step]))
            continue;
          done[j] = true;
          together.push_back({&list[j], &other->job->kTiles[step]});
          jobs.push_back(other);
        }
        // As many tiles as all of them have at a constant step.
        size_t tiles = tileRun(*work->job, step);
        for (const Work *other : jobs) {
          size_t own = std::min(tiles, tileRun(*other->job, step));
          for (tiles = 1; tiles < own; ++tiles)
            if (!sameRows(other->job->kTiles[step + tiles],
                          work->job->kTiles[step + tiles]) ||
                other->job->kTiles[step].laneCount !=
                    work->job->kTiles[step].laneCount)
              break;
        }
        besideInstall.clear();
        if (constantPlaces.spread)
          for (const Work *one : jobs) {
            const auto &operands = one->job->kTiles;
            for (size_t k = std::max<size_t>(step, 1) - 1;
                 k < std::min(step + tiles + 1, operands.size()); ++k)
              for (unsigned slice :
                   layout->slicesOf(operands[k].a.tile, operands[k].a.chunk))
                besideInstall.insert(slice);
            for (const stream::Write &write : one->job->epilogue.writes)
              for (unsigned slice :
                   layout->slicesOf(write.access.tile, write.access.chunk))
                besideInstall.insert(slice);
          }
        auto loop =
            planTileLoop(llvm::ArrayRef(&work->job->kTiles[step], tiles), fp16,
                         work->end - work->begin, interval, g);
        std::optional<int64_t> pass;
        if (loop)
          pass = placeTileLoop(together, *loop, fp16, work->begin, work->end,
                               step > 0, matmul.name);
        if (!errorText.empty())
          return false;
        if (!pass) {
          tiles = 1;
          for (const PassWork &one : together)
            if (one.gang->activeKey != installKey(*one.tile, fp16) &&
                !placeInstall(*one.gang, *one.tile, fp16,
                              work->end - work->begin, matmul.name))
              return false;
          pass = placePasses(together, fp16, work->begin, work->end, step > 0,
                             matmul.name);
        }
        if (!pass)
          return false;
        for (size_t j = 0; j < together.size(); ++j) {
          const Job &job = *jobs[j]->job;
          stepOf[together[j].gang - list.data()] += tiles;
          if (step + tiles != job.kTiles.size())
            continue;
          Gang &gang = *together[j].gang;
          ProductSource product;
          product.gang = &gang;
          FlowRequest epilogue(job.epilogue, work->begin, work->end);
          epilogue.interval = interval;
          epilogue.product = &product;
          epilogue.drainReady = *pass + delay;
          auto drained = placeFlow(epilogue);
          if (!drained)
            return false;
          // Row r of the next block completes at its pass + delay, and must not
          // come before the drain of row r has read it.
          gang.drainBound =
              drained->drainAt + 1 - delay +
              (work->end - work->begin - 1) * (drained->interval - interval);
        }
      }
    }
  }
  return true;
}
