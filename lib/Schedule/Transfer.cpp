//===- Transfer.cpp - programs of single chips, joined by links -----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Schedule/Transfer.h"
#include "Template.h"
#include "lpu/Schedule/Schedule.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

using namespace lpu;
using namespace lpu::schedule;
using isa::Opcode;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

namespace {

/// A chip while it is joined. Cycles are program cycles until its start is
/// known, and `queues` then holds items in cycles of the chip.
struct JoinedChip {
  ClassProgram *program = nullptr;
  uint64_t start = 0;
  bool isReady = false;
  /// By queue number: the first cycle in which the queue can issue.
  std::map<unsigned, uint64_t> free;
  std::map<unsigned, std::vector<QueueItem>> prologue; // program cycles
  std::vector<uint64_t> linkIssues;                    // program cycles
  /// Where the links stand still for a resynchronisation (program cycles): in
  /// these cycles and every resync_cycles behind them.
  std::optional<uint64_t> receivePause, sendPause;
  uint64_t programEnd = 0;  // all effects of the program itself are over
  uint64_t prologueEnd = 0; // all received values are visible
};

/// One column on its way from one slice to others.
struct Strip {
  Column source;
  std::vector<Column> targets; // in different slices
  unsigned rows = 0;
};

class Joiner {
public:
  Joiner(std::vector<ScheduledProgram> &parts, std::vector<Transfer> &transfers)
      : parts(parts), transfers(transfers), machine(parts[0].package.machine),
        chips(parts.size()) {}

  llvm::Expected<ScheduledProgram> run();

private:
  llvm::Error transfer(Transfer &t);
  llvm::Expected<std::vector<Strip>> columnsOf(const Transfer &t) const;
  void place(Transfer &t, const Strip &column);
  void placeRows(Transfer &t, const Strip &column, unsigned there,
                 unsigned here, uint64_t at, unsigned first, unsigned count);
  void finishPrologue(unsigned chip);
  void resync(JoinedChip &chip);
  llvm::Error bind(ScheduledProgram &joined);
  std::vector<QueueItem> &items(JoinedChip &chip, unsigned queue);
  bool isTransferred(unsigned chip, const std::string &name,
                     bool isInput) const;

  /// Cycles between the vectors of a link: no faster than it sends, and no
  /// faster than the receive buffer takes them, where a vector waits for at
  /// most 2 x margin + 1 cycles.
  uint64_t interval() const {
    uint64_t waiting = 2 * uint64_t(machine.linkMargin) + 1;
    uint64_t buffer = std::max(1u, machine.linkBuffer);
    return std::max<uint64_t>(machine.linkInterval,
                              (waiting + buffer - 1) / buffer);
  }
  unsigned distance(unsigned slice, Unit unit, unsigned link) const {
    return unsigned(std::abs(int(machine.slicePosition(slice)) -
                             int(machine.unitPosition(unit, link))));
  }
  /// From a send to its receive.
  uint64_t flight() const {
    return uint64_t(machine.linkLatency) + machine.linkMargin;
  }
  /// Cycles behind a resync of the receiver without a receive: what is received
  /// at once arrives up to twice the margin before.
  uint64_t receiverRest() const {
    return machine.resyncRest() + 2 * uint64_t(machine.linkMargin);
  }
  uint64_t pauseEnd(const JoinedChip &from, const JoinedChip &to,
                    uint64_t send) const;
  uint64_t nextPause(const JoinedChip &from, const JoinedChip &to,
                     uint64_t send) const;
  /// From the read of a column's row to its send.
  unsigned readLead(const Strip &column, unsigned port) const {
    return machine.delaySramRead +
           distance(column.source.slice, Unit::LinkSend, port);
  }
  /// Cycles in which a queue can fetch the text of what follows.
  uint64_t fetchGap() const {
    return 8 * uint64_t(machine.fetchRowCycles()) + machine.delayFetch + 2;
  }

  std::vector<ScheduledProgram> &parts;
  std::vector<Transfer> &transfers;
  const Machine &machine;
  std::vector<JoinedChip> chips;
};

/// Issues of one instruction, `interval` cycles apart.
void append(std::vector<QueueItem> &items, isa::Instruction inst, uint64_t at,
            uint64_t count, uint64_t interval) {
  LPU_CHECK(interval > 0 && interval < 256 && count > 0 && count < 65536,
            "a column that one instruction cannot move");
  inst.count = uint16_t(count);
  inst.interval = uint8_t(count > 1 ? interval : 1);
  items.push_back(QueueItem::instruction(at, inst));
}

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

} // namespace

std::vector<QueueItem> &Joiner::items(JoinedChip &chip, unsigned queue) {
  auto [unit, index] = machine.queueUnit(queue);
  for (QueueProgram &q : chip.program->queues)
    if (q.unit == unit && q.index == index)
      return q.items;
  QueueProgram fresh;
  fresh.unit = unit;
  fresh.index = index;
  chip.program->queues.push_back(std::move(fresh));
  return chip.program->queues.back().items;
}

bool Joiner::isTransferred(unsigned chip, const std::string &name,
                           bool isInput) const {
  return llvm::any_of(transfers, [&](const Transfer &t) {
    return isInput ? t.to == chip && t.input == name
                   : t.from == chip && t.output == name;
  });
}

llvm::Expected<std::vector<Strip>> Joiner::columnsOf(const Transfer &t) const {
  const TensorBinding *output = find(parts[t.from].package.outputs, t.output),
                      *input = find(parts[t.to].package.inputs, t.input);
  std::vector<Strip> result;
  if (!input) // nothing reads it
    return result;
  if (!output || output->placements.empty())
    return failure("'" + t.name + "' is sent and not made");
  const Placement &from = output->placements[0];
  if (output->chipType != input->chipType ||
      !llvm::all_of(input->placements,
                    [&](const Placement &to) { return sameShape(from, to); }))
    return failure("'" + t.name +
                   "' is made in one type or layout and read in another, which "
                   "cannot cross a link yet; choose another number of stages "
                   "(--pp)");
  unsigned bytes = isa::byteWidth(output->chipType);
  LPU_CHECK(from.columns.size() == size_t(from.chunks) * bytes,
            "columns of a placement");
  for (size_t c = 0; c < from.columns.size(); ++c) {
    // Copies in one slice cannot be written while one vector passes.
    std::vector<Strip> waves;
    for (const Placement &to : input->placements) {
      const Column &target = to.columns[c];
      auto wave = llvm::find_if(waves, [&](const Strip &other) {
        return llvm::none_of(other.targets, [&](const Column &o) {
          return o.slice == target.slice;
        });
      });
      if (wave == waves.end()) {
        waves.push_back({from.columns[c], {}, from.tensorRows});
        wave = waves.end() - 1;
      }
      wave->targets.push_back(target);
    }
    result.insert(result.end(), waves.begin(), waves.end());
  }
  return result;
}

/// The first cycle from \p send on in which neither chip rests behind a resync.
uint64_t Joiner::pauseEnd(const JoinedChip &from, const JoinedChip &to,
                          uint64_t send) const {
  auto since = [&](uint64_t pause, uint64_t cycle) -> uint64_t {
    return cycle > pause ? (cycle - pause - 1) % machine.resyncCycles
                         : UINT64_MAX;
  };
  while (true) {
    uint64_t there = since(*from.sendPause, send),
             here = since(*to.receivePause, send + flight());
    if (there < machine.resyncRest())
      send += machine.resyncRest() - there;
    else if (here < receiverRest())
      send += receiverRest() - here;
    else
      return send;
  }
}

/// The last cycle from \p send on before the next resync of either chip.
uint64_t Joiner::nextPause(const JoinedChip &from, const JoinedChip &to,
                           uint64_t send) const {
  auto next = [&](uint64_t pause, uint64_t cycle) {
    uint64_t period = machine.resyncCycles;
    return cycle <= pause
               ? pause
               : pause + (cycle - pause + period - 1) / period * period;
  };
  return std::min(next(*from.sendPause, send),
                  next(*to.receivePause, send + flight()) - flight());
}

/// Takes the link on which the column can be sent first, in the first cycle in
/// which all queues on its way are free. Where a chip resynchronises on the
/// way, the column pauses.
void Joiner::place(Transfer &t, const Strip &column) {
  JoinedChip &from = chips[t.from], &to = chips[t.to];
  uint64_t step = interval(), best = UINT64_MAX;
  std::pair<unsigned, unsigned> wire;
  auto freeAt = [](const JoinedChip &chip, unsigned queue, uint64_t otherwise) {
    auto it = chip.free.find(queue);
    return it == chip.free.end() ? otherwise : it->second;
  };
  bool isFirst = !to.receivePause;
  if (isFirst)
    to.receivePause = *from.sendPause + flight();
  for (auto [there, here] : t.wires) {
    // Program cycle of the first send.
    uint64_t at =
        from.start +
        freeAt(from, machine.queueNumber(Unit::Mem, column.source.slice),
               from.programEnd) +
        readLead(column, there);
    auto notBefore = [&](uint64_t free, uint64_t lag) {
      if (free > at + lag)
        at = free - lag;
    };
    notBefore(from.start + freeAt(from,
                                  machine.queueNumber(Unit::LinkSend, there),
                                  from.programEnd),
              0);
    notBefore(freeAt(to, machine.queueNumber(Unit::LinkRecv, here), to.start),
              flight());
    for (const Column &target : column.targets)
      notBefore(freeAt(to, machine.queueNumber(Unit::Mem, target.slice), 0),
                flight() + 1 + distance(target.slice, Unit::LinkRecv, here));
    at = pauseEnd(from, to, at);
    if (at < best) {
      best = at;
      wire = {there, here};
    }
  }
  if (isFirst) {
    to.start = best + flight();
    while (*to.receivePause < to.start)
      *to.receivePause += machine.resyncCycles;
  }
  for (unsigned row = 0; row < column.rows;) {
    best = pauseEnd(from, to, best);
    uint64_t count = std::min<uint64_t>(
        column.rows - row, (nextPause(from, to, best) - best) / step + 1);
    placeRows(t, column, wire.first, wire.second, best, row, unsigned(count));
    row += unsigned(count);
    best += count * step;
  }
}

/// Rows \p first .. of a column, sent from program cycle \p at on.
void Joiner::placeRows(Transfer &t, const Strip &column, unsigned there,
                       unsigned here, uint64_t at, unsigned first,
                       unsigned count) {
  JoinedChip &from = chips[t.from], &to = chips[t.to];
  uint64_t step = interval(), span = (count - 1) * step;
  bool leavesEast = machine.isEast(Unit::LinkSend, there),
       comesFromEast = machine.isEast(Unit::LinkRecv, here);

  // The sender, in its own cycles.
  uint64_t send = at - from.start, read = send - readLead(column, there);
  auto take = [&](JoinedChip &chip, unsigned queue, uint64_t last,
                  uint64_t gap) { chip.free[queue] = last + gap; };
  unsigned source = machine.queueNumber(Unit::Mem, column.source.slice);
  isa::Instruction inst;
  inst.opcode = Opcode::mem_read;
  setField(inst, "bank", column.source.bank);
  setField(inst, "offset", column.source.row + first);
  setField(inst, "stride", 1);
  setField(inst, "dir", !leavesEast);
  setField(inst, "stream", there);
  append(items(from, source), inst, read, count, step);
  take(from, source, read + span, fetchGap());

  unsigned sender = machine.queueNumber(Unit::LinkSend, there);
  inst = {};
  inst.opcode = Opcode::link_send_send;
  setField(inst, "stream", there);
  setField(inst, "last", 1);
  append(items(from, sender), inst, send, count, step);
  take(from, sender, send + span, step);

  // The receiver, in program cycles: finishPrologue makes them its own.
  uint64_t recv = at + flight();
  unsigned receiver = machine.queueNumber(Unit::LinkRecv, here);
  inst = {};
  inst.opcode = Opcode::link_recv_recv;
  setField(inst, "stream", here);
  append(to.prologue[receiver], inst, recv, count, step);
  take(to, receiver, recv + span, step);

  unsigned farthest = 0;
  for (const Column &target : column.targets)
    farthest = std::max(farthest, distance(target.slice, Unit::LinkRecv, here));
  for (const Column &target : column.targets) {
    unsigned queue = machine.queueNumber(Unit::Mem, target.slice);
    unsigned way = distance(target.slice, Unit::LinkRecv, here);
    inst = {};
    inst.opcode = Opcode::mem_write;
    setField(inst, "bank", target.bank);
    setField(inst, "offset", target.row + first);
    setField(inst, "stride", 1);
    setField(inst, "dir", comesFromEast);
    setField(inst, "stream", here);
    setField(inst, "last", way == farthest);
    append(to.prologue[queue], inst, recv + 1 + way, count, step);
    take(to, queue, recv + 1 + way + span, fetchGap());
    to.prologueEnd = std::max(to.prologueEnd,
                              recv + 1 + way + span + machine.delaySramWrite);
  }
  for (unsigned i = 0; i < count; ++i) {
    from.linkIssues.push_back(at + i * step);
    to.linkIssues.push_back(recv + i * step);
  }
  uint64_t begin = from.start + read;
  t.first = t.vectors == 0 ? begin : std::min(t.first, begin);
  t.end = std::max(t.end, recv + 1 + farthest + span + machine.delaySramWrite);
  t.vectors += count;
}

llvm::Error Joiner::transfer(Transfer &t) {
  if (t.wires.empty())
    return failure(llvm::formatv(
        "'{0}' goes from chip {1} to chip {2}, which no link of '{3}' joins; "
        "values are not handed on by chips between yet: use at most {4} chips",
        t.name, t.from, t.to, machine.name, machine.nodeChips));
  for (auto [there, here] : t.wires)
    if (std::max(there, here) >= machine.streams)
      return failure(llvm::formatv(
          "link {0} of '{1}' has no stream of its number: there are {2}",
          std::max(there, here), machine.name, machine.streams));
  if (interval() > 255)
    return failure(llvm::formatv(
        "the links of '{0}' take a vector every {1} cycles; transfers repeat "
        "an instruction at most every 255",
        machine.name, interval()));
  if (machine.resyncCycles <= machine.resyncRest() + receiverRest())
    return failure(llvm::formatv(
        "the links of '{0}' rest for {1} cycles behind every "
        "resynchronisation, which leaves too few of its resync_cycles ({2}); "
        "transfers need {3}",
        machine.name, machine.resyncRest(), machine.resyncCycles,
        machine.resyncRest() + receiverRest() + 1));
  auto columns = columnsOf(t);
  if (!columns)
    return columns.takeError();
  for (const Strip &column : *columns)
    place(t, column);
  return llvm::Error::success();
}

/// The chip's cycle 0 is its first receive; its program follows its last write.
void Joiner::finishPrologue(unsigned number) {
  JoinedChip &chip = chips[number];
  if (!chip.prologue.empty()) {
    uint64_t shift = chip.prologueEnd - chip.start + fetchGap();
    for (QueueProgram &queue : chip.program->queues)
      for (QueueItem &item : queue.items)
        item.at += shift;
    for (auto &[queue, received] : chip.prologue) {
      for (QueueItem &item : received)
        item.at -= chip.start;
      std::vector<QueueItem> &all = items(chip, queue);
      all.insert(all.begin(), received.begin(), received.end());
    }
  }
  // What follows is sent behind the last effect, and behind the last issue.
  chip.free.clear();
  chip.programEnd = uint64_t(programCycles(*chip.program, machine));
  for (const QueueProgram &queue : chip.program->queues)
    if (!queue.items.empty())
      chip.programEnd =
          std::max(chip.programEnd, queue.items.back().nextFree());
  chip.programEnd += fetchGap();
  // A resync in front of all sends, when nothing crosses a link, spares one
  // among them.
  uint64_t vectors = 0;
  for (const Transfer &t : transfers)
    if (t.from == number) {
      if (auto columns = columnsOf(t)) {
        for (const Strip &column : *columns)
          vectors += column.rows;
      } else { // transfer() reports it
        llvm::consumeError(columns.takeError());
      }
    }
  bool isShort = chip.programEnd + vectors * interval() <= machine.resyncCycles;
  chip.sendPause =
      chip.start + (isShort ? machine.resyncCycles : chip.programEnd);
  chip.isReady = true;
}

/// Sends and receives follow an alignment by at most resync_cycles; the start
/// is one. They keep clear of all pauses, so any of these may be one.
void Joiner::resync(JoinedChip &chip) {
  llvm::sort(chip.linkIssues);
  unsigned control = machine.queueNumber(Unit::Control, 0);
  uint64_t aligned = chip.start, period = machine.resyncCycles;
  isa::Instruction inst;
  inst.opcode = Opcode::control_resync;
  for (uint64_t issue : chip.linkIssues) {
    if (issue <= aligned + period)
      continue;
    // Everything is sent behind everything that is received.
    uint64_t first = issue > *chip.sendPause || !chip.receivePause
                         ? *chip.sendPause
                         : *chip.receivePause;
    aligned = first + (issue - first - 1) / period * period;
    items(chip, control)
        .push_back(QueueItem::instruction(aligned - chip.start, inst));
  }
}

llvm::Error Joiner::bind(ScheduledProgram &joined) {
  Package &package = joined.package;
  for (unsigned c = 0; c < parts.size(); ++c) {
    for (auto [isInput, own, all] :
         {std::make_tuple(true, &parts[c].package.inputs, &package.inputs),
          std::make_tuple(false, &parts[c].package.outputs,
                          &package.outputs)}) {
      for (TensorBinding &binding : *own) {
        if (isTransferred(c, binding.name, isInput))
          continue;
        for (Placement &placement : binding.placements)
          for (Column &column : placement.columns)
            column.chip = c;
        auto known = llvm::find_if(*all, [&](const TensorBinding &other) {
          return other.name == binding.name;
        });
        if (known == all->end()) {
          all->push_back(std::move(binding));
          continue;
        }
        if (!isInput) // the same on all chips
          continue;
        if (known->chipType != binding.chipType ||
            known->shape != binding.shape)
          return failure("the input '" + binding.name +
                         "' has different types on different chips");
        for (Placement &placement : binding.placements)
          known->placements.push_back(std::move(placement));
      }
    }
  }
  return llvm::Error::success();
}

llvm::Expected<ScheduledProgram> Joiner::run() {
  ScheduledProgram joined;
  for (unsigned c = 0; c < parts.size(); ++c) {
    LPU_CHECK(parts[c].classes.size() == 1 &&
                  parts[c].package.chips.size() == 1,
              "parts are programs of one chip");
    joined.classes.push_back(std::move(parts[c].classes[0]));
  }
  for (unsigned c = 0; c < parts.size(); ++c)
    chips[c].program = &joined.classes[c];

  // A chip is ready when all that it gets has been sent.
  for (unsigned done = 0; done < chips.size(); ++done) {
    unsigned next = 0;
    auto waits = [&](unsigned chip) {
      return llvm::any_of(transfers, [&](const Transfer &t) {
        return t.to == chip && !chips[t.from].isReady;
      });
    };
    while (next < chips.size() && (chips[next].isReady || waits(next)))
      ++next;
    if (next == chips.size())
      return failure("chips wait for one another in a circle, which needs "
                     "transfers inside of their programs");
    // What is made first is received first.
    std::vector<Transfer *> incoming;
    for (Transfer &t : transfers)
      if (t.to == next)
        incoming.push_back(&t);
    llvm::stable_sort(incoming, [&](Transfer *a, Transfer *b) {
      return chips[a->from].start + chips[a->from].programEnd <
             chips[b->from].start + chips[b->from].programEnd;
    });
    for (Transfer *t : incoming)
      if (llvm::Error error = transfer(*t))
        return std::move(error);
    finishPrologue(next);
  }

  Package &package = joined.package;
  package.machine = machine;
  package.programName = parts[0].package.programName;
  for (unsigned c = 0; c < parts.size(); ++c) {
    resync(chips[c]);
    Chip chip = std::move(parts[c].package.chips[0]);
    chip.chipClass = c;
    chip.start = chips[c].start;
    package.chips.push_back(std::move(chip));
    package.cycles = std::max(
        package.cycles,
        chips[c].start + uint64_t(programCycles(joined.classes[c], machine)));
  }
  std::set<std::tuple<unsigned, unsigned, unsigned, unsigned>> wires;
  for (const Transfer &t : transfers)
    for (auto [there, here] : t.wires)
      if (wires.insert({t.from, there, t.to, here}).second)
        package.wires.push_back({t.from, there, t.to, here});
  if (llvm::Error error = bind(joined))
    return std::move(error);
  return joined;
}

llvm::Expected<ScheduledProgram>
lpu::schedule::joinChips(std::vector<ScheduledProgram> parts,
                         std::vector<Transfer> &transfers) {
  LPU_CHECK(!parts.empty(), "no chips");
  return Joiner(parts, transfers).run();
}
