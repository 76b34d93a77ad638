//===- Exchange.cpp - rows between the chips of a group -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The members of a group start in one cycle and run in step, so what one of
// them sends in cycle t, all of them send in cycle t, and what arrives then
// arrives at all. An exchange is therefore scheduled like any other kernel: a
// template holds the reads, sends, receives and writes of one byte of one chunk
// of all members' rows.
//
// The text does not know which member it runs on. Member j is reached through
// the same link number on all of them, and the member's own number is a port
// that is looped back. So a vector may be sent to different members in
// different cycles, and received from different members in different cycles,
// but every receive must suit the latest of all sends: the others wait in the
// receive buffers for some cycles.
//
// A link takes a vector every `interval` cycles only. In between a slice reads
// the rows for all members one after the other, so that one column, one slice
// and one stream for each end of the chip serve them all:
//
//   slice   loop { read row for member 0; for member 1; ...; next row }
//   links   send every `interval` cycles, a cycle or so apart from each other
//   links   recv likewise, `link_latency` + `link_margin` behind the last send
//   slice   loop { write row of member 0; of member 1; ...; next row }
//
// Vectors of a link are received in the order in which they are sent, and the
// texts of unlike members must agree on it: exchanges never overtake one
// another. A resync rests the links, so it stands where nothing is under way.
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cstdlib>

using namespace lpu;
using namespace lpu::schedule;
using isa::Opcode;

/// The base register that loops over rows step.
static constexpr unsigned rowRegister = 3;

static constexpr int64_t longAgo = INT64_MIN / 4;

//===----------------------------------------------------------------------===//
// Segments
//===----------------------------------------------------------------------===//

bool SchedulerImpl::hasExchange(const stream::Segment &segment) {
  return llvm::any_of(segment.kernels, [](const stream::Kernel &kernel) {
    return std::holds_alternative<stream::Exchange>(kernel);
  });
}

/// A loop over rows takes all blocks of an exchange from one panel. Blocks that
/// come from different members are added up row by row, so they stand in
/// different slices; what is gathered is read row after row.
std::map<unsigned, int64_t>
SchedulerImpl::exchangedTiles(std::set<unsigned> &tables) const {
  std::map<unsigned, int64_t> blockRows;
  for (const stream::Segment &segment : program.segments)
    for (const stream::Kernel &kernel : segment.kernels) {
      const auto *e = std::get_if<stream::Exchange>(&kernel);
      if (!e)
        continue;
      tables.insert({e->src, e->dst});
      bool isGather = llvm::all_equal(e->send);
      if (!isGather && program.tiles[e->dst].kind == stream::Tile::Temporary)
        blockRows[e->dst] = e->rows;
    }
  // Blocks of another size, or no blocks.
  for (const stream::Segment &segment : program.segments)
    for (const stream::Kernel &kernel : segment.kernels)
      if (const auto *e = std::get_if<stream::Exchange>(&kernel)) {
        blockRows.erase(e->src);
        auto block = blockRows.find(e->dst);
        if (block != blockRows.end() &&
            (e->rows != block->second ||
             llvm::any_of(e->recv,
                          [&](int64_t row) { return row % e->rows != 0; })))
          blockRows.erase(block);
      }
  // Where constants leave each bank a few rows, whole blocks in short panels.
  const int64_t shortPanel = int64_t(machine.rows) / 4;
  for (const stream::Segment &segment : program.segments)
    for (const stream::Kernel &kernel : segment.kernels)
      if (const auto *e = std::get_if<stream::Exchange>(&kernel);
          e && constantPlaces.isFull)
        for (unsigned tile : {e->src, e->dst})
          if (program.tiles[tile].kind == stream::Tile::Temporary)
            blockRows.try_emplace(
                tile, std::max<int64_t>(1, shortPanel / e->rows) * e->rows);
  return blockRows;
}

const SegmentAlignment *SchedulerImpl::alignmentBound() const {
  size_t index = alignment.segments.size();
  return index < options.notBefore.segments.size()
             ? &options.notBefore.segments[index]
             : nullptr;
}

void SchedulerImpl::beginExchanges(const stream::Segment &segment) {
  steps.clear();
  if (!hasExchange(segment))
    return;
  int64_t lead = segment.iterations > 1 ? 1 + (looped ? 2 : 0) : 0;
  if (const SegmentAlignment *bound = alignmentBound())
    time = std::max(time, bound->start - lead);
  links = LinkState();
  // What went before has been received.
  int64_t flight = int64_t(machine.linkLatency) + machine.linkMargin;
  links.sent.assign(machine.links, -flight);
  links.received.assign(machine.links, -1);
  // An iteration of a loop does not know what the last one ended with.
  links.aligned = segment.iterations > 1 ? longAgo : alignedAt - time;
}

int64_t SchedulerImpl::exchangePeriod() const {
  const SegmentAlignment *bound = alignmentBound();
  return bound && !steps.empty() ? bound->period : 0;
}

void SchedulerImpl::endExchanges(const stream::Segment &segment, int64_t start,
                                 int64_t period) {
  if (steps.empty())
    return;
  if (links.aligned > longAgo)
    alignedAt = start + (segment.iterations - 1) * period + links.aligned;
  alignment.segments.push_back(
      {segment.iterations, start, period, std::move(steps)});
}

//===----------------------------------------------------------------------===//
// One block of rows
//===----------------------------------------------------------------------===//

namespace {
/// A row that is read, or written, at the same time in every period. Cycles are
/// relative to the first send.
struct Access {
  PlacedColumn *column;
  int64_t row;       // in the bank
  bool isWest;       // of the vector unit: the links it goes to or comes from
  int64_t cycle = 0; // of the read or write
  int64_t link = 0;  // of the send or recv
  std::vector<unsigned> members;
};

/// The template of a block of rows before it has a place.
struct BlockPlan {
  std::vector<Access> reads, writes;
  int64_t interval = 1;              // between rows
  int64_t spread = 0;                // the last send of a row, over all links
  int64_t lastRecv = 0;              // of the first row
  std::vector<int64_t> sends, recvs; // by member
};

/// Cycles of a slice between two rows when it works `accesses` times for each:
/// a loop needs an `addreg` and an `endloop`.
int64_t sliceInterval(size_t accesses) {
  return accesses > 1 ? int64_t(accesses) + 2 : 1;
}

/// The queue runs of a slice: a loop where it works several times for each row.
void addSliceRuns(Template &t, unsigned queue, std::vector<QueueRun> accesses,
                  int64_t rows, int64_t interval) {
  llvm::sort(accesses, [](const QueueRun &a, const QueueRun &b) {
    return a.offset < b.offset;
  });
  if (rows == 1 || accesses.size() == 1) {
    for (QueueRun &run : accesses) {
      run.queue = queue;
      run.inst.count = uint16_t(rows);
      run.inst.interval = uint8_t(rows > 1 ? interval : 1);
      setField(run.inst, "stride", rows > 1 ? 1 : 0);
      t.runs.push_back(std::move(run));
    }
    return;
  }
  QueueRun loop, reset, step;
  int64_t first = accesses.front().offset, last = accesses.back().offset;
  loop.queue = queue;
  loop.offset = first - 1;
  loop.iterations = uint32_t(rows);
  loop.period = interval;
  for (QueueRun &run : accesses) {
    run.offset -= first;
    setField(run.inst, "reg", rowRegister);
    loop.body.push_back(std::move(run));
  }
  step.offset = last + 1 - first;
  step.inst.opcode = Opcode::mem_addreg;
  setField(step.inst, "reg", rowRegister);
  setField(step.inst, "value", 1);
  loop.body.push_back(step);
  reset.queue = queue;
  reset.offset = loop.offset - 1;
  reset.inst.opcode = Opcode::mem_setreg;
  setField(reset.inst, "reg", rowRegister);
  t.runs.push_back(std::move(reset));
  t.runs.push_back(std::move(loop));
}
} // namespace

/// The accesses of each slice, in the order in which `before` wants them, one
/// cycle apart.
template <typename Before>
static std::map<unsigned, std::vector<Access *>>
bySlice(std::vector<Access> &accesses, Before before) {
  std::map<unsigned, std::vector<Access *>> slices;
  for (Access &access : accesses)
    slices[access.column->slice].push_back(&access);
  for (auto &entry : slices) {
    llvm::stable_sort(entry.second, before);
    for (size_t i = 0; i < entry.second.size(); ++i)
      entry.second[i]->cycle = int64_t(i);
  }
  return slices;
}

/// Moves the accesses of a slice so that the first of them is at its link in
/// cycle `at`; returns the link cycle of the last one.
static int64_t shiftTo(const std::vector<Access *> &accesses, int64_t at) {
  int64_t first = INT64_MAX, last = INT64_MIN;
  for (Access *access : accesses)
    first = std::min(first, access->link);
  for (Access *access : accesses) {
    access->cycle += at - first;
    access->link += at - first;
    last = std::max(last, access->link);
  }
  return last;
}

/// Cycles between the rows and where every member's vectors stand.
static void planCycles(BlockPlan &plan, const Machine &machine,
                       int64_t leastSpread, int64_t leastInterval) {
  auto distance = [&](const Access &a) {
    int end = a.isWest ? 0 : int(machine.lastPosition());
    return int64_t(std::abs(int(machine.slicePosition(a.column->slice)) - end));
  };
  plan.interval = std::max<int64_t>(leastInterval, machine.linkInterval);
  // What has the longest way is read first, and written last.
  auto reads = bySlice(plan.reads, [&](const Access *a, const Access *b) {
    return distance(*a) > distance(*b);
  });
  plan.spread = leastSpread;
  for (auto &entry : reads) {
    for (Access *a : entry.second)
      a->link = a->cycle + machine.delaySramRead + distance(*a);
    plan.spread = std::max(plan.spread, shiftTo(entry.second, 0));
    plan.interval = std::max(plan.interval, sliceInterval(entry.second.size()));
  }
  auto writes = bySlice(plan.writes, [&](const Access *a, const Access *b) {
    return distance(*a) < distance(*b);
  });
  int64_t flight = int64_t(machine.linkLatency) + machine.linkMargin;
  for (auto &entry : writes) {
    for (Access *a : entry.second)
      a->link = a->cycle - 1 - distance(*a);
    plan.lastRecv =
        std::max(plan.lastRecv, shiftTo(entry.second, plan.spread + flight));
    plan.interval = std::max(plan.interval, sliceInterval(entry.second.size()));
  }
  // A vector may arrive `link_margin` early, and waits for its recv.
  int64_t waiting =
      plan.lastRecv - int64_t(machine.linkLatency) + machine.linkMargin + 1;
  int64_t buffer = std::max(1u, machine.linkBuffer);
  plan.interval = std::max(plan.interval, (waiting + buffer - 1) / buffer);
  for (auto [accesses, cycles] :
       {std::make_pair(&plan.reads, &plan.sends), {&plan.writes, &plan.recvs}})
    for (const Access &a : *accesses)
      for (unsigned member : a.members) {
        cycles->resize(std::max<size_t>(cycles->size(), member + 1));
        (*cycles)[member] = a.link;
      }
}

/// Stream groups, queue runs and touches of `rows` rows.
static void buildBlock(Template &t, BlockPlan &plan, int64_t rows,
                       const std::vector<unsigned> &links,
                       const Machine &machine) {
  int64_t length = (rows - 1) * plan.interval;
  int east = int(machine.lastPosition());
  for (bool isRead : {true, false}) {
    std::map<unsigned, std::vector<QueueRun>> slices;
    std::map<std::pair<unsigned, bool>, unsigned> groups; // slice, end
    for (Access &a : isRead ? plan.reads : plan.writes) {
      int slice = int(machine.slicePosition(a.column->slice)),
          end = a.isWest ? 0 : east;
      bool west = isRead == a.isWest; // direction of travel
      auto along = [&](int position) { return west ? -position : position; };
      // The slot is read by the links at `end` in the cycle of the send, or
      // written there in the cycle behind the recv.
      int64_t at = a.link + (isRead ? 0 : 1);
      int64_t key = west ? at + end : at - end;
      auto [known, isNew] =
          groups.try_emplace({a.column->slice, a.isWest}, t.groups.size());
      if (isNew) {
        StreamGroup group;
        group.west = west;
        group.run.keyLow = key;
        group.run.keyHigh = key + length;
        group.run.posLow = along(isRead ? slice : end);
        group.run.posHigh = along(isRead ? end : slice);
        t.groups.push_back(group);
      }
      StreamRun &run = t.groups[known->second].run;
      run.keyLow = std::min(run.keyLow, key);
      run.keyHigh = std::max(run.keyHigh, key + length);

      QueueRun own;
      own.offset = a.cycle;
      own.inst.opcode = isRead ? Opcode::mem_read : Opcode::mem_write;
      setField(own.inst, "bank", a.column->bank);
      setField(own.inst, "offset", a.row);
      setField(own.inst, "dir", west);
      if (!isRead)
        setField(own.inst, "last", 1);
      own.streamFields.push_back(
          {fieldIndex(own.inst.opcode, "stream"), known->second, 0});
      slices[a.column->slice].push_back(own);
      t.touch(a.column, !isRead, a.cycle, a.cycle + length);

      bool isLast = true; // one of the links that take a slot is its last
      for (unsigned member : a.members) {
        QueueRun link;
        link.queue = machine.queueNumber(
            isRead ? Unit::LinkSend : Unit::LinkRecv, links[member]);
        link.offset = a.link;
        link.inst.opcode =
            isRead ? Opcode::link_send_send : Opcode::link_recv_recv;
        link.inst.count = uint16_t(rows);
        link.inst.interval = uint8_t(rows > 1 ? plan.interval : 1);
        if (isRead)
          setField(link.inst, "last", isLast);
        isLast = false;
        link.streamFields.push_back(
            {fieldIndex(link.inst.opcode, "stream"), known->second, 0});
        t.runs.push_back(std::move(link));
      }
    }
    for (auto &entry : slices)
      addSliceRuns(t, machine.queueNumber(Unit::Mem, entry.first),
                   std::move(entry.second), rows, plan.interval);
  }
}

//===----------------------------------------------------------------------===//
// Exchanges
//===----------------------------------------------------------------------===//

/// Most rows of a template: its sends and receives follow one alignment.
static int64_t mostRows(const Machine &machine, unsigned members,
                        int64_t rest) {
  int64_t ways = 2 * (int64_t(machine.lastPosition()) + members);
  int64_t flight = int64_t(machine.linkLatency) + machine.linkMargin;
  int64_t waiting = 2 * int64_t(machine.linkMargin) + 1 + ways;
  int64_t interval =
      std::max<int64_t>({int64_t(machine.linkInterval), int64_t(members) + 2,
                         waiting / std::max(1u, machine.linkBuffer) + 1});
  constexpr int64_t maxCount = 65535;
  return std::min(maxCount, (int64_t(machine.resyncCycles) -
                             2 * (rest + flight + ways) - interval) /
                                interval);
}

bool SchedulerImpl::placeExchange(Template &t, const ExchangePlaces &places) {
  // Behind what the links have sent and received.
  int64_t bound = std::max(places.bound, links.end + 1 - places.lastRecv);
  for (size_t j = 0; j < places.links.size(); ++j) {
    unsigned link = places.links[j];
    bound = std::max(bound, links.sent[link] +
                                std::max(links.interval, places.interval) -
                                places.sends[j]);
    bound = std::max(bound, links.received[link] + 1 - places.recvs[j]);
  }
  // Of two templates more vectors may wait at once than of either.
  int64_t buffer = std::max(1u, machine.linkBuffer);
  int64_t earliest = int64_t(machine.linkLatency) - machine.linkMargin;
  int64_t waiting = places.lastRecv - earliest + 1;
  if (std::max(waiting, links.waiting) >
      buffer * std::min(places.interval, links.interval))
    bound = std::max(bound, links.end + 1 - earliest);
  // In a rest nothing is under way. Later than `bound` there is room for one.
  int64_t rest = int64_t(machine.resyncRest()),
          behindRest = links.end + rest + 1;
  int64_t slack = places.lastRecv + rest + 1;
  auto tooLate = [&](int64_t first) {
    return first + places.length + places.lastRecv >
           links.aligned + int64_t(machine.resyncCycles);
  };
  if (tooLate(bound + slack))
    bound = std::max(bound, behindRest);
  auto first = place(t, bound);
  if (!first)
    return false;
  if (tooLate(*first)) {
    LPU_CHECK(*first >= behindRest, "no room for a resync");
    links.aligned = *first - rest - 1;
    isa::Instruction inst;
    inst.opcode = Opcode::control_resync;
    unsigned control = machine.queueNumber(Unit::Control, 0);
    res.queues[control].insert(links.aligned, 1);
    issues.push_back(
        {control, QueueItem::instruction(uint64_t(links.aligned), inst)});
  }
  for (size_t j = 0; j < places.links.size(); ++j) {
    unsigned link = places.links[j];
    links.sent[link] = *first + places.sends[j] + places.length;
    links.received[link] = *first + places.recvs[j] + places.length;
  }
  links.interval = places.interval;
  links.waiting = waiting;
  links.end = std::max(links.end, *first + places.length + places.lastRecv);
  steps.push_back({places.name, places.group, places.rows, *first,
                   places.spread, places.interval});
  return true;
}

bool SchedulerImpl::scheduleExchange(const stream::Exchange &e) {
  const stream::Tile dst = program.tiles[e.dst];
  unsigned members = unsigned(e.send.size());
  ExchangePlaces places;
  places.name = e.name;
  places.group = e.group;
  for (unsigned j = 0; j < members; ++j)
    places.links.push_back(e.group < options.groupLinks.size()
                               ? options.groupLinks[e.group][j]
                               : j);
  unsigned highest = *llvm::max_element(places.links);
  if (highest >= machine.links)
    return fail(llvm::formatv(
        "'{0}': a group of {1} chips needs link number {2} on each of them; "
        "chips of '{3}' have {4} links, so use groups of at most {4} (--tp)",
        e.name, members, highest, machine.name, machine.links));
  int64_t most = mostRows(machine, members, int64_t(machine.resyncRest()));
  constexpr int64_t maxInterval = 255;
  if (most < 1)
    return fail(llvm::formatv(
        "'{0}': the clocks of '{1}' run apart too fast for a group of {2} "
        "chips (resync_cycles is {3})",
        e.name, machine.name, members, machine.resyncCycles));

  int64_t srcRows = layout->panelRows(e.src),
          dstRows = layout->panelRows(e.dst);
  for (unsigned chunk = 0; chunk < dst.chunks(); ++chunk)
    for (int64_t row = 0, rows; row < e.rows; row += rows) {
      // Rows whose blocks stand in one panel each.
      rows = std::min(e.rows - row, most);
      for (unsigned j = 0; j < members; ++j) {
        rows = std::min(rows, srcRows - (e.send[j] + row) % srcRows);
        rows = std::min(rows, dstRows - (e.recv[j] + row) % dstRows);
      }
      std::map<int64_t, llvm::MutableArrayRef<PlacedColumn>> to, from;
      std::set<unsigned> written;
      for (int64_t first : e.recv) {
        for (int64_t i = first + row; i < first + row + rows; ++i)
          markWritten(e.dst, chunk, i);
        int64_t panel = (first + row) / dstRows;
        if (to.count(panel))
          continue;
        std::set<unsigned> used = layout->slicesOf(e.src, chunk);
        // Blocks stand apart while others find room too.
        std::set<unsigned> blocks = layout->slicesOf(e.dst, chunk);
        if (blocks.size() < machine.slicesPerHalf / 2)
          used.insert(blocks.begin(), blocks.end());
        to[panel] = writeColumns(e.dst, unsigned(panel), chunk, 0, used);
        if (to[panel].empty())
          return false;
        for (const PlacedColumn &column : to[panel])
          written.insert(column.slice);
      }
      for (int64_t first : e.send) {
        int64_t panel = (first + row) / srcRows;
        if (from.count(panel))
          continue;
        std::set<unsigned> used = written;
        from[panel] =
            readColumns(e.src, unsigned(panel), chunk, wantedHalf[e.src], used);
        if (from[panel].empty())
          return false;
      }
      for (unsigned byte = 0; byte < isa::byteWidth(dst.type); ++byte) {
        BlockPlan plan;
        for (unsigned j = 0; j < members; ++j) {
          bool isWest = !machine.isEast(Unit::LinkSend, places.links[j]);
          int64_t source = e.send[j] + row, target = e.recv[j] + row;
          PlacedColumn &read = from[source / srcRows][byte],
                       &write = to[target / dstRows][byte];
          int64_t at = read.row + source % srcRows;
          auto known = llvm::find_if(plan.reads, [&](const Access &a) {
            return a.column == &read && a.row == at && a.isWest == isWest;
          });
          if (known == plan.reads.end()) {
            plan.reads.push_back({&read, at, isWest, 0, 0, {}});
            known = plan.reads.end() - 1;
          }
          known->members.push_back(j);
          plan.writes.push_back(
              {&write, write.row + target % dstRows, isWest, 0, 0, {}});
          plan.writes.back().members.push_back(j);
        }
        const ExchangeStep *step = nullptr;
        if (const SegmentAlignment *bound = alignmentBound();
            bound && steps.size() < bound->steps.size())
          step = &bound->steps[steps.size()];
        planCycles(plan, machine, step ? step->spread : 0,
                   step ? step->interval : 1);
        if (plan.interval > maxInterval)
          return fail(llvm::formatv(
              "'{0}': a group of {1} chips gets a vector from each of them "
              "every {2} cycles at most; an instruction repeats every {3}",
              e.name, members, plan.interval, maxInterval));
        Template t;
        t.name = e.name;
        buildBlock(t, plan, rows, places.links, machine);
        places.rows = rows;
        places.bound = step ? step->first : 0;
        places.interval = plan.interval;
        places.spread = plan.spread;
        places.lastRecv = plan.lastRecv;
        places.length = (rows - 1) * plan.interval;
        places.sends = plan.sends;
        places.recvs = plan.recvs;
        if (!placeExchange(t, places))
          return false;
      }
    }
  return finishHalves(e);
}

/// What stands in both halves is exchanged once and copied.
bool SchedulerImpl::finishHalves(const stream::Exchange &e) {
  const stream::Tile tile = program.tiles[e.dst];
  if (!tile.bothHalves)
    return true;
  int64_t panelRows = layout->panelRows(e.dst);
  for (unsigned chunk = 0; chunk < tile.chunks(); ++chunk)
    for (int64_t first : e.recv)
      for (int64_t row = first, rows; row < first + e.rows; row += rows) {
        rows = std::min(first + e.rows - row, panelRows - row % panelRows);
        unsigned panel = unsigned(row / panelRows);
        if (layout
                ->columns(e.dst, panel, chunk, 1, 1,
                          layout->slicesOf(e.dst, chunk))
                .empty())
          return fail(layout->error());
        stream::Flow flow;
        flow.name = tile.name + " (copy)";
        flow.iterations = rows;
        unsigned read = flow.addRead({e.dst, chunk, row, 1});
        unsigned move =
            flow.addAlu(isa::Opcode::alu_mov, stream::Value::of(read));
        flow.writes = {{move, {e.dst, chunk, row, 1}}};
        writeCopy = 1;
        bool placed = placeFlow(FlowRequest(flow, 0, rows)).has_value();
        writeCopy = -1;
        if (!placed)
          return false;
      }
  return true;
}
