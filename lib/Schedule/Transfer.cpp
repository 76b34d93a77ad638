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
  void finishPrologue(JoinedChip &chip);
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

/// Takes the link on which the column can be sent first, in the first cycle in
/// which all queues on its way are free.
void Joiner::place(Transfer &t, const Strip &column) {
  JoinedChip &from = chips[t.from], &to = chips[t.to];
  uint64_t step = interval(), span = (column.rows - 1) * step;
  uint64_t flight = uint64_t(machine.linkLatency) + machine.linkMargin;
  uint64_t best = UINT64_MAX;
  std::pair<unsigned, unsigned> wire;
  auto freeAt = [](const JoinedChip &chip, unsigned queue, uint64_t otherwise) {
    auto it = chip.free.find(queue);
    return it == chip.free.end() ? otherwise : it->second;
  };
  auto readLead = [&](unsigned port) {
    return machine.delaySramRead +
           distance(column.source.slice, Unit::LinkSend, port);
  };
  for (auto [there, here] : t.wires) {
    // Program cycle of the first send.
    uint64_t read =
        from.start + freeAt(from,
                            machine.queueNumber(Unit::Mem, column.source.slice),
                            from.programEnd);
    uint64_t at = read + readLead(there);
    at = std::max(at,
                  from.start +
                      freeAt(from, machine.queueNumber(Unit::LinkSend, there),
                             from.programEnd));
    auto notBefore = [&](uint64_t free, uint64_t lag) {
      if (free > at + lag)
        at = free - lag;
    };
    notBefore(freeAt(to, machine.queueNumber(Unit::LinkRecv, here), 0), flight);
    for (const Column &target : column.targets)
      notBefore(freeAt(to, machine.queueNumber(Unit::Mem, target.slice), 0),
                flight + 1 + distance(target.slice, Unit::LinkRecv, here));
    if (at < best) {
      best = at;
      wire = {there, here};
    }
  }
  auto [there, here] = wire;
  bool leavesEast = machine.isEast(Unit::LinkSend, there),
       comesFromEast = machine.isEast(Unit::LinkRecv, here);

  // The sender, in its own cycles.
  uint64_t send = best - from.start;
  auto take = [&](JoinedChip &chip, unsigned queue, uint64_t last,
                  uint64_t gap) { chip.free[queue] = last + gap; };
  unsigned source = machine.queueNumber(Unit::Mem, column.source.slice);
  isa::Instruction inst;
  inst.opcode = Opcode::mem_read;
  setField(inst, "bank", column.source.bank);
  setField(inst, "offset", column.source.row);
  setField(inst, "stride", 1);
  setField(inst, "dir", !leavesEast);
  setField(inst, "stream", there);
  append(items(from, source), inst, send - readLead(there), column.rows, step);
  take(from, source, send - readLead(there) + span, fetchGap());

  unsigned sender = machine.queueNumber(Unit::LinkSend, there);
  inst = {};
  inst.opcode = Opcode::link_send_send;
  setField(inst, "stream", there);
  setField(inst, "last", 1);
  append(items(from, sender), inst, send, column.rows, step);
  take(from, sender, send + span, step);

  // The receiver, in program cycles: its start is not known yet.
  uint64_t recv = best + flight;
  unsigned receiver = machine.queueNumber(Unit::LinkRecv, here);
  inst = {};
  inst.opcode = Opcode::link_recv_recv;
  setField(inst, "stream", here);
  append(to.prologue[receiver], inst, recv, column.rows, step);
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
    setField(inst, "offset", target.row);
    setField(inst, "stride", 1);
    setField(inst, "dir", comesFromEast);
    setField(inst, "stream", here);
    setField(inst, "last", way == farthest);
    append(to.prologue[queue], inst, recv + 1 + way, column.rows, step);
    take(to, queue, recv + 1 + way + span, fetchGap());
    to.prologueEnd = std::max(to.prologueEnd,
                              recv + 1 + way + span + machine.delaySramWrite);
  }
  for (unsigned i = 0; i < column.rows; ++i) {
    from.linkIssues.push_back(best + i * step);
    to.linkIssues.push_back(recv + i * step);
  }
  uint64_t begin = best - readLead(there);
  t.first = t.vectors == 0 ? begin : std::min(t.first, begin);
  t.end = std::max(t.end, recv + 1 + farthest + span + machine.delaySramWrite);
  t.vectors += column.rows;
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
  auto columns = columnsOf(t);
  if (!columns)
    return columns.takeError();
  for (const Strip &column : *columns)
    place(t, column);
  return llvm::Error::success();
}

/// The chip's cycle 0 is its first receive; its program follows its last write.
void Joiner::finishPrologue(JoinedChip &chip) {
  if (!chip.prologue.empty()) {
    chip.start = UINT64_MAX;
    for (const auto &entry : chip.prologue)
      chip.start = std::min(chip.start, entry.second.front().at);
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
  chip.isReady = true;
}

/// Sends and receives follow an alignment by at most resync_cycles; the start
/// is one.
void Joiner::resync(JoinedChip &chip) {
  llvm::sort(chip.linkIssues);
  unsigned control = machine.queueNumber(Unit::Control, 0);
  uint64_t aligned = 0;
  isa::Instruction inst;
  inst.opcode = Opcode::control_resync;
  for (uint64_t issue : chip.linkIssues) {
    uint64_t at = issue - chip.start;
    if (at <= aligned + machine.resyncCycles)
      continue;
    aligned = at - 1;
    items(chip, control).push_back(QueueItem::instruction(aligned, inst));
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
    finishPrologue(chips[next]);
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
