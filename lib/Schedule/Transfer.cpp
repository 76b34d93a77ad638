//===- Transfer.cpp - columns on their way over links ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Joiner.h"
#include "Template.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::schedule;
using isa::Opcode;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

namespace {

/// A placement whose columns are plain runs of rows, one per chunk and byte.
bool sameShape(const Placement &a, const Placement &b) {
  return a.rowStride == b.rowStride && a.featureStride == b.featureStride &&
         a.groupSize == b.groupSize && a.groupsPerChunk == b.groupsPerChunk &&
         a.chunks == b.chunks && a.stripes == b.stripes &&
         a.tensorRows == b.tensorRows && a.stripes == 1 &&
         a.columns.size() == b.columns.size();
}

const TensorBinding *find(const std::vector<TensorBinding> &bindings,
                          const std::string &name) {
  for (const TensorBinding &binding : bindings)
    if (binding.name == name)
      return &binding;
  return nullptr;
}

/// The placements of a binding on one chip of its part.
std::vector<const Placement *> placementsOn(const TensorBinding &binding,
                                            unsigned chip) {
  std::vector<const Placement *> result;
  for (const Placement &placement : binding.placements)
    if (!placement.columns.empty() && placement.columns.front().chip == chip)
      result.push_back(&placement);
  return result;
}

} // namespace

//===----------------------------------------------------------------------===//
// What is moved
//===----------------------------------------------------------------------===//

const Placement *Joiner::placementOf(const Transfer::End &source) const {
  const JoinedChip &chip = chips[source.chip];
  const TensorBinding *output =
      find(parts[chip.part].package.outputs, source.binding);
  if (!output)
    return nullptr;
  auto made = placementsOn(*output, chip.local);
  return made.empty() ? nullptr : made.front();
}

llvm::Expected<std::vector<Strip>> Joiner::columnsOf(const Transfer &t) const {
  const Transfer::End &source = t.sources.front();
  const TensorBinding *output =
      find(parts[chips[source.chip].part].package.outputs, source.binding);
  const Placement *from = placementOf(source);
  std::vector<Strip> result;
  for (const Transfer::End &target : t.targets) {
    const JoinedChip &receiver = chips[target.chip];
    const TensorBinding *input =
        find(parts[receiver.part].package.inputs, target.binding);
    if (!input) // nothing reads it
      continue;
    if (!from)
      return failure("'" + t.name + "' is sent and not made");
    std::vector<const Placement *> read = placementsOn(*input, receiver.local);
    if (output->chipType != input->chipType ||
        !llvm::all_of(
            read, [&](const Placement *to) { return sameShape(*from, *to); }))
      return failure("'" + t.name +
                     "' is made in one type or layout and read in another, "
                     "which cannot cross a link yet; choose another number of "
                     "stages (--pp)");
    LPU_CHECK(from->columns.size() ==
                  size_t(from->chunks) * isa::byteWidth(output->chipType),
              "columns of a placement");
    for (unsigned c = 0; c < from->columns.size(); ++c)
      for (const Placement *to : read) {
        // Copies in one slice cannot be written while one vector passes.
        const Column &column = to->columns[c];
        auto strip = llvm::find_if(result, [&](const Strip &other) {
          return other.number == c &&
                 llvm::none_of(other.targets, [&](const Strip::Target &o) {
                   return o.chip == target.chip &&
                          o.column.slice == column.slice;
                 });
        });
        if (strip == result.end()) {
          result.push_back({c, {}, from->tensorRows});
          strip = result.end() - 1;
        }
        strip->targets.push_back({target.chip, column});
      }
  }
  llvm::stable_sort(result, [](const Strip &a, const Strip &b) {
    return a.number < b.number;
  });
  return result;
}

/// An upper bound of the vectors that a chip sends of values of its own.
uint64_t Joiner::vectorsSent(unsigned chip) const {
  uint64_t vectors = 0;
  for (unsigned number : outgoing[chip]) {
    std::optional<uint64_t> &own = vectorsOf[number];
    if (!own) {
      own = 0;
      auto columns = columnsOf(transfers[number]);
      if (columns)
        for (const Strip &column : *columns)
          *own += column.rows;
      else // transfer() reports it
        llvm::consumeError(columns.takeError());
    }
    vectors += *own;
  }
  return vectors;
}

//===----------------------------------------------------------------------===//
// The way of a column
//===----------------------------------------------------------------------===//

const Transfer::End &Joiner::sourceOf(const Transfer &t,
                                      llvm::ArrayRef<LinkHop> tree) const {
  auto source = llvm::find_if(t.sources, [&](const Transfer::End &end) {
    return end.chip == tree.front().from;
  });
  LPU_CHECK(source != t.sources.end(), "a tree that begins at no source");
  return *source;
}

/// The hops of a tree that lie on the way to a target of the column.
static std::vector<LinkHop> pruned(llvm::ArrayRef<LinkHop> tree,
                                   const Strip &column) {
  std::vector<LinkHop> result;
  for (const LinkHop &hop : llvm::reverse(tree)) {
    auto leadsTo = [&](unsigned chip) { return hop.to == chip; };
    if (llvm::any_of(column.targets,
                     [&](const Strip::Target &t) { return leadsTo(t.chip); }) ||
        llvm::any_of(result, [&](const LinkHop &h) { return leadsTo(h.from); }))
      result.insert(result.begin(), hop);
  }
  return result;
}

/// The instructions that move one column: read, send, receive, on every chip
/// that hands it on across the chip and send again, and the writes.
Way Joiner::wayOf(const Transfer &t, const Strip &column,
                  llvm::ArrayRef<LinkHop> tree) const {
  std::vector<LinkHop> hops = pruned(tree, column);
  Way way;
  auto add = [&](unsigned chip, Unit unit, unsigned index, int64_t later,
                 uint64_t gap, Opcode opcode,
                 llvm::ArrayRef<std::pair<const char *, int64_t>> fields) {
    Step &step = way.steps.emplace_back();
    step = {chip, machine.queueNumber(unit, index), later, gap, {}};
    step.inst.opcode = opcode;
    for (auto [name, value] : fields)
      setField(step.inst, name, value);
  };
  // A value is on a stream at `position` in cycle `at`.
  auto claim = [&](unsigned chip, unsigned stream, bool west, unsigned position,
                   int64_t at) {
    unsigned left = west ? position : machine.lastPosition() - position;
    way.steps.push_back(
        {chip, streamNumber(stream, west), at + int64_t(left), 1, {}});
  };
  auto row = [](const Column &place, bool west, unsigned stream) {
    return std::vector<std::pair<const char *, int64_t>>{{"bank", place.bank},
                                                         {"offset", place.row},
                                                         {"stride", 1},
                                                         {"dir", west},
                                                         {"stream", stream}};
  };
  auto pauseOf = [&](unsigned chip) {
    if (chips[chip].isReady)
      return *chips[chip].sendPause;
    auto first = way.pauses.find(chip);
    return first != way.pauses.end() ? first->second
                                     : *chips[chip].receivePause;
  };

  // Sends of a chip, and the receives behind them: cycle of each receive.
  std::map<unsigned, int64_t> received; // by hop's index
  auto send = [&](unsigned chip, bool isEast, int64_t at, unsigned stream) {
    bool isFirst = true;
    for (auto [i, hop] : llvm::enumerate(hops)) {
      if (hop.from != chip ||
          machine.isEast(Unit::LinkSend, hop.fromPort) != isEast)
        continue;
      add(chip, Unit::LinkSend, hop.fromPort, at, interval(),
          Opcode::link_send_send, {{"stream", stream}, {"last", isFirst}});
      isFirst = false;
      received[unsigned(i)] = at + int64_t(flight());
      if (!chips[hop.to].isReady && !chips[hop.to].receivePause)
        way.pauses.emplace(hop.to, pauseOf(chip) + flight());
    }
  };
  auto sends = [&](unsigned chip, bool isEast) {
    return llvm::any_of(hops, [&](const LinkHop &hop) {
      return hop.from == chip &&
             machine.isEast(Unit::LinkSend, hop.fromPort) == isEast;
    });
  };

  unsigned port = hops.front().fromPort;
  const Transfer::End &source = sourceOf(t, tree);
  const Column &made = placementOf(source)->columns[column.number];
  bool isEast = machine.isEast(Unit::LinkSend, port);
  LPU_CHECK(!sends(source.chip, !isEast), "a source sends at one end");
  int64_t read = -int64_t(machine.delaySramRead) -
                 distance(made.slice, Unit::LinkSend, port);
  add(source.chip, Unit::Mem, made.slice, read, fetchGap(), Opcode::mem_read,
      row(made, !isEast, port));
  claim(source.chip, port, !isEast, machine.slicePosition(made.slice),
        read + machine.delaySramRead);
  send(source.chip, isEast, 0, port);

  for (unsigned i = 0; i < hops.size(); ++i) {
    unsigned chip = hops[i].to, stream = hops[i].toPort;
    bool fromEast = machine.isEast(Unit::LinkRecv, stream);
    int64_t now = received.at(i);
    add(chip, Unit::LinkRecv, stream, now, interval(), Opcode::link_recv_recv,
        {{"stream", stream}});
    ++now;
    unsigned begin = machine.unitPosition(Unit::LinkRecv, stream);
    claim(chip, stream, fromEast, begin, now);
    bool turns = sends(chip, fromEast), passes = sends(chip, !fromEast);
    unsigned farthest = 0;
    for (const Strip::Target &target : column.targets)
      if (target.chip == chip)
        farthest = std::max(
            farthest, distance(target.column.slice, Unit::LinkRecv, stream));
    if (turns) {
      unsigned half = fromEast;
      unsigned position = machine.unitPosition(Unit::Shuffle, half);
      unsigned stop = unsigned(std::abs(int(position) - int(begin)));
      add(chip, Unit::Shuffle, half, now + stop, 1, Opcode::shuffle_rotate,
          {{"dir", fromEast},
           {"stream", stream},
           {"last", farthest == 0 && !passes},
           {"odir", !fromEast},
           {"ostream", stream}});
      int64_t back = now + stop + machine.delayShuffle;
      claim(chip, stream, !fromEast, position, back);
      send(chip, fromEast, back + stop, stream);
    }
    if (passes)
      send(chip, !fromEast, now + machine.lastPosition(), stream);
    for (const Strip::Target &target : column.targets) {
      if (target.chip != chip)
        continue;
      unsigned stop = distance(target.column.slice, Unit::LinkRecv, stream);
      auto fields = row(target.column, fromEast, stream);
      fields.push_back({"last", stop == farthest && !passes});
      add(chip, Unit::Mem, target.column.slice, now + stop, fetchGap(),
          Opcode::mem_write, fields);
      way.last = std::max(way.last, now + int64_t(stop));
    }
  }
  return way;
}

Pauses Joiner::pausesOf(const Way &way) const {
  Pauses pauses(machine.resyncCycles);
  for (const Step &step : way.steps) {
    Opcode opcode = step.inst.opcode;
    if (opcode != Opcode::link_send_send && opcode != Opcode::link_recv_recv)
      continue;
    const JoinedChip &chip = chips[step.chip];
    auto first = way.pauses.find(step.chip);
    uint64_t pause = chip.isReady                ? *chip.sendPause
                     : first != way.pauses.end() ? first->second
                                                 : *chip.receivePause;
    pauses.add(pause, uint64_t(step.later),
               opcode == Opcode::link_send_send ? machine.resyncRest()
                                                : receiverRest());
  }
  return pauses;
}

//===----------------------------------------------------------------------===//
// Placement
//===----------------------------------------------------------------------===//

/// Takes the tree on which the column arrives first, in the first cycle in
/// which all queues on it are free. Where a chip resynchronises, the column
/// pauses.
void Joiner::place(Transfer &t, const Strip &column) {
  Way best;
  uint64_t at = UINT64_MAX;
  for (const std::vector<LinkHop> &tree : t.trees) {
    Way way = wayOf(t, column, tree);
    uint64_t first = 0;
    for (const Step &step : way.steps) {
      const JoinedChip &chip = chips[step.chip];
      auto known = chip.free.find(step.queue);
      uint64_t free = known != chip.free.end() ? known->second
                      : chip.isReady           ? chip.start + chip.programEnd
                                               : chip.start;
      first = uint64_t(std::max(int64_t(first), int64_t(free) - step.later));
    }
    first = pausesOf(way).end(first);
    if (at == UINT64_MAX ||
        int64_t(first) + way.last < int64_t(at) + best.last) {
      at = first;
      best = std::move(way);
    }
  }
  for (auto [number, pause] : best.pauses)
    chips[number].receivePause = pause;
  for (const Step &step : best.steps) {
    JoinedChip &chip = chips[step.chip];
    if (step.inst.opcode != Opcode::link_recv_recv || chip.isReady ||
        chip.hasReceived)
      continue;
    chip.hasReceived = true;
    chip.start = at + uint64_t(step.later);
    while (*chip.receivePause < chip.start)
      *chip.receivePause += machine.resyncCycles;
  }
  Pauses pauses = pausesOf(best);
  for (unsigned row = 0; row < column.rows;) {
    at = pauses.end(at);
    uint64_t count = std::min<uint64_t>(
        column.rows - row, (pauses.next(at) - at) / interval() + 1);
    placeRows(t, best, at, row, unsigned(count));
    row += unsigned(count);
    at += count * interval();
  }
}

/// Issues of one instruction, `interval` cycles apart.
static void append(std::vector<QueueItem> &items, isa::Instruction inst,
                   uint64_t at, uint64_t count, uint64_t interval) {
  LPU_CHECK(interval > 0 && interval < 256 && count > 0 && count < 65536,
            "a column that one instruction cannot move");
  inst.count = uint16_t(count);
  inst.interval = uint8_t(count > 1 ? interval : 1);
  items.push_back(QueueItem::instruction(at, inst));
}

/// Rows \p first .. of a column, sent from program cycle \p at on.
void Joiner::placeRows(Transfer &t, const Way &way, uint64_t at, unsigned first,
                       unsigned count) {
  uint64_t span = (count - 1) * interval();
  for (const Step &step : way.steps) {
    JoinedChip &chip = chips[step.chip];
    uint64_t issue = at + uint64_t(step.later);
    chip.free[step.queue] = issue + span + step.gap;
    isa::Instruction inst = step.inst;
    switch (inst.opcode) {
    case Opcode::nop: // slots of a stream
      continue;
    case Opcode::mem_read:
      setField(inst, "offset", inst.get(isa::field::mem_read::offset) + first);
      break;
    case Opcode::mem_write: {
      setField(inst, "offset", inst.get(isa::field::mem_write::offset) + first);
      uint64_t end = issue + span + machine.delaySramWrite;
      chip.prologueEnd = std::max(chip.prologueEnd, end);
      t.end = std::max(t.end, end);
      break;
    }
    case Opcode::link_send_send:
      // What hands vectors on ends before the chip's program begins.
      if (!chip.isReady)
        chip.prologueEnd = std::max(chip.prologueEnd, issue + span + 1);
      [[fallthrough]];
    case Opcode::link_recv_recv:
      chip.linkIssues.push_back({issue, count});
      break;
    default:
      break;
    }
    // The start of a receiver is known when all is received.
    if (chip.isReady)
      append(chip.epilogue[step.queue], inst, issue - chip.start, count,
             interval());
    else
      append(chip.prologue[step.queue], inst, issue, count, interval());
  }
  uint64_t begin = at + uint64_t(way.steps.front().later);
  t.first = t.vectors == 0 ? begin : std::min(t.first, begin);
  t.vectors += count;
}

llvm::Error Joiner::checkTrees(const Transfer &t) const {
  if (t.trees.empty())
    return failure(llvm::formatv(
        "'{0}' goes from chip {1} to chip {2}, which no links of '{3}' join",
        t.name, t.sources.front().chip, t.targets.front().chip, machine.name));
  for (const std::vector<LinkHop> &tree : t.trees) {
    uint64_t rests = 0;
    for (const LinkHop &hop : tree) {
      rests += machine.resyncRest() + receiverRest();
      if (std::max(hop.fromPort, hop.toPort) >= machine.streams)
        return failure(llvm::formatv(
            "link {0} of '{1}' has no stream of its number: there are {2}",
            std::max(hop.fromPort, hop.toPort), machine.name, machine.streams));
    }
    if (machine.resyncCycles <= rests)
      return failure(llvm::formatv(
          "the links of '{0}' rest for {1} cycles behind every "
          "resynchronisation, which leaves too few of its resync_cycles ({2}); "
          "transfers need {3}",
          machine.name, machine.resyncRest(), machine.resyncCycles, rests + 1));
  }
  if (interval() > 255)
    return failure(llvm::formatv(
        "the links of '{0}' take a vector every {1} cycles; transfers repeat "
        "an instruction at most every 255",
        machine.name, interval()));
  return llvm::Error::success();
}

llvm::Error Joiner::transfer(Transfer &t) {
  if (llvm::Error error = checkTrees(t))
    return error;
  auto columns = columnsOf(t);
  if (!columns)
    return columns.takeError();
  for (const Strip &column : *columns)
    place(t, column);
  return llvm::Error::success();
}
