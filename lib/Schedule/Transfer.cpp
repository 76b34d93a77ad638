//===- Transfer.cpp - programs of single chips, joined by links -----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Schedule/Transfer.h"
#include "Pauses.h"
#include "Template.h"
#include "lpu/Schedule/Schedule.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cstdlib>
#include <deque>
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
  unsigned part = 0, local = 0; // its number there
  ClassProgram *program = nullptr;
  uint64_t start = 0;
  bool isReady = false;
  /// By queue number: the first program cycle in which the queue can issue.
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

/// What one instruction does on the way of a column's rows.
struct Step {
  unsigned chip = 0, queue = 0;
  int64_t later = 0; // than the first send
  uint64_t gap = 1;  // from its last issue to the next of its queue
  isa::Instruction inst;
};

class Joiner {
public:
  Joiner(std::vector<ScheduledProgram> &parts, std::vector<Transfer> &transfers)
      : parts(parts), transfers(transfers), machine(parts[0].package.machine) {
    for (unsigned p = 0; p < parts.size(); ++p)
      for (unsigned c = 0; c < parts[p].package.chips.size(); ++c) {
        chips.emplace_back();
        chips.back().part = p;
        chips.back().local = c;
      }
  }

  llvm::Expected<ScheduledProgram> run();

private:
  llvm::Error transfer(Transfer &t);
  llvm::Expected<std::vector<Strip>> columnsOf(const Transfer &t) const;
  std::vector<Step> stepsOf(const Transfer &t, const Strip &column,
                            llvm::ArrayRef<LinkHop> route) const;
  Pauses pausesOf(const Transfer &t, llvm::ArrayRef<Step> steps) const;
  void place(Transfer &t, const Strip &column);
  void placeRows(Transfer &t, llvm::ArrayRef<Step> steps, uint64_t at,
                 unsigned first, unsigned count);
  void finishPrologue(unsigned part);
  void finishProgram(unsigned chip);
  void resync(JoinedChip &chip);
  llvm::Error bind(ScheduledProgram &joined);
  std::vector<QueueItem> &items(JoinedChip &chip, unsigned queue);
  bool isTransferred(unsigned part, const std::string &name,
                     bool isInput) const;
  bool isReady(unsigned part) const;

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

bool Joiner::isTransferred(unsigned part, const std::string &name,
                           bool isInput) const {
  return llvm::any_of(transfers, [&](const Transfer &t) {
    return isInput ? chips[t.to].part == part && t.input == name
                   : chips[t.from].part == part && t.output == name;
  });
}

/// The placements of a binding on one chip of its part.
static std::vector<const Placement *> placementsOn(const TensorBinding &binding,
                                                   unsigned chip) {
  std::vector<const Placement *> result;
  for (const Placement &placement : binding.placements)
    if (!placement.columns.empty() && placement.columns.front().chip == chip)
      result.push_back(&placement);
  return result;
}

llvm::Expected<std::vector<Strip>> Joiner::columnsOf(const Transfer &t) const {
  const JoinedChip &sender = chips[t.from], &receiver = chips[t.to];
  const TensorBinding *output =
                          find(parts[sender.part].package.outputs, t.output),
                      *input =
                          find(parts[receiver.part].package.inputs, t.input);
  std::vector<Strip> result;
  if (!input) // nothing reads it
    return result;
  std::vector<const Placement *> made, read;
  if (output)
    made = placementsOn(*output, sender.local);
  read = placementsOn(*input, receiver.local);
  if (made.empty())
    return failure("'" + t.name + "' is sent and not made");
  const Placement &from = *made.front();
  if (output->chipType != input->chipType ||
      !llvm::all_of(read,
                    [&](const Placement *to) { return sameShape(from, *to); }))
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
    for (const Placement *to : read) {
      const Column &target = to->columns[c];
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

/// The instructions that move one column: read, send, receive, for every chip
/// between across it and send again, at last the writes.
std::vector<Step> Joiner::stepsOf(const Transfer &t, const Strip &column,
                                  llvm::ArrayRef<LinkHop> route) const {
  std::vector<Step> steps;
  auto add = [&](unsigned chip, Unit unit, unsigned index, int64_t later,
                 uint64_t gap, Opcode opcode,
                 llvm::ArrayRef<std::pair<const char *, int64_t>> fields) {
    Step &step = steps.emplace_back();
    step = {chip, machine.queueNumber(unit, index), later, gap, {}};
    step.inst.opcode = opcode;
    for (auto [name, value] : fields)
      setField(step.inst, name, value);
  };
  auto row = [](const Column &place, bool west, unsigned stream) {
    return std::vector<std::pair<const char *, int64_t>>{{"bank", place.bank},
                                                         {"offset", place.row},
                                                         {"stride", 1},
                                                         {"dir", west},
                                                         {"stream", stream}};
  };
  unsigned port = route.front().fromPort;
  add(t.from, Unit::Mem, column.source.slice,
      -int64_t(machine.delaySramRead) -
          distance(column.source.slice, Unit::LinkSend, port),
      fetchGap(), Opcode::mem_read,
      row(column.source, !machine.isEast(Unit::LinkSend, port), port));
  int64_t now = 0;
  for (const LinkHop &hop : route) {
    port = hop.fromPort;
    add(hop.from, Unit::LinkSend, port, now, interval(), Opcode::link_send_send,
        {{"stream", port}, {"last", 1}});
    now += int64_t(flight());
    // Onto the stream of the next send, if that is reached straight on.
    bool isLast = &hop == &route.back();
    bool isEast = machine.isEast(Unit::LinkRecv, hop.toPort);
    unsigned next = isLast ? hop.toPort : (&hop + 1)->fromPort;
    bool turns = !isLast && machine.isEast(Unit::LinkSend, next) == isEast;
    unsigned stream = turns ? hop.toPort : next;
    add(hop.to, Unit::LinkRecv, hop.toPort, now, interval(),
        Opcode::link_recv_recv, {{"stream", stream}});
    ++now;
    unsigned half = isEast;
    if (turns) {
      unsigned way = unsigned(
          std::abs(int(machine.unitPosition(Unit::Shuffle, half)) -
                   int(machine.unitPosition(Unit::LinkRecv, hop.toPort))));
      add(hop.to, Unit::Shuffle, half, now + way, 1, Opcode::shuffle_rotate,
          {{"dir", isEast},
           {"stream", stream},
           {"last", 1},
           {"odir", !isEast},
           {"ostream", next}});
      now += 2 * way + machine.delayShuffle;
    } else if (!isLast) {
      now += machine.lastPosition();
    }
  }
  port = route.back().toPort;
  unsigned farthest = 0;
  for (const Column &target : column.targets)
    farthest = std::max(farthest, distance(target.slice, Unit::LinkRecv, port));
  for (const Column &target : column.targets) {
    unsigned way = distance(target.slice, Unit::LinkRecv, port);
    auto fields = row(target, machine.isEast(Unit::LinkRecv, port), port);
    fields.push_back({"last", way == farthest});
    add(t.to, Unit::Mem, target.slice, now + way, fetchGap(), Opcode::mem_write,
        fields);
  }
  return steps;
}

Pauses Joiner::pausesOf(const Transfer &t, llvm::ArrayRef<Step> steps) const {
  Pauses pauses(machine.resyncCycles);
  for (const Step &step : steps) {
    Opcode opcode = step.inst.opcode;
    if (opcode != Opcode::link_send_send && opcode != Opcode::link_recv_recv)
      continue;
    const JoinedChip &chip = chips[step.chip];
    pauses.add(step.chip == t.to ? *chip.receivePause : *chip.sendPause,
               uint64_t(step.later),
               opcode == Opcode::link_send_send ? machine.resyncRest()
                                                : receiverRest());
  }
  return pauses;
}

/// Takes the way on which the column can be sent first, in the first cycle in
/// which all queues on it are free. Where a chip resynchronises, the column
/// pauses.
void Joiner::place(Transfer &t, const Strip &column) {
  JoinedChip &to = chips[t.to];
  std::vector<Step> steps;
  Pauses pauses(machine.resyncCycles);
  uint64_t best = UINT64_MAX;
  bool isFirst = !to.receivePause;
  for (const std::vector<LinkHop> &route : t.routes) {
    std::vector<Step> way = stepsOf(t, column, route);
    uint64_t at = 0;
    for (const Step &step : way) {
      const JoinedChip &chip = chips[step.chip];
      auto known = chip.free.find(step.queue);
      uint64_t free = known != chip.free.end() ? known->second
                      : chip.isReady           ? chip.start + chip.programEnd
                                               : chip.start;
      at = uint64_t(std::max(int64_t(at), int64_t(free) - step.later));
    }
    if (isFirst)
      to.receivePause = *chips[t.from].sendPause + flight();
    Pauses rests = pausesOf(t, way);
    at = rests.end(at);
    if (at < best) {
      best = at;
      steps = std::move(way);
      pauses = std::move(rests);
    }
  }
  if (isFirst) {
    auto recv = llvm::find_if(steps, [&](const Step &step) {
      return step.chip == t.to && step.inst.opcode == Opcode::link_recv_recv;
    });
    to.start = best + uint64_t(recv->later);
    while (*to.receivePause < to.start)
      *to.receivePause += machine.resyncCycles;
  }
  for (unsigned row = 0; row < column.rows;) {
    best = pauses.end(best);
    uint64_t count = std::min<uint64_t>(
        column.rows - row, (pauses.next(best) - best) / interval() + 1);
    placeRows(t, steps, best, row, unsigned(count));
    row += unsigned(count);
    best += count * interval();
  }
}

/// Rows \p first .. of a column, sent from program cycle \p at on.
void Joiner::placeRows(Transfer &t, llvm::ArrayRef<Step> steps, uint64_t at,
                       unsigned first, unsigned count) {
  uint64_t span = (count - 1) * interval();
  for (const Step &step : steps) {
    JoinedChip &chip = chips[step.chip];
    uint64_t issue = at + uint64_t(step.later);
    isa::Instruction inst = step.inst;
    bool isLink = false;
    if (inst.opcode == Opcode::mem_read)
      setField(inst, "offset", inst.get(isa::field::mem_read::offset) + first);
    else if (inst.opcode == Opcode::mem_write)
      setField(inst, "offset", inst.get(isa::field::mem_write::offset) + first);
    else
      isLink = inst.opcode != Opcode::shuffle_rotate;
    // The start of the receiver is known when all is received.
    append(chip.isReady ? items(chip, step.queue) : chip.prologue[step.queue],
           inst, chip.isReady ? issue - chip.start : issue, count, interval());
    chip.free[step.queue] = issue + span + step.gap;
    for (unsigned i = 0; isLink && i < count; ++i)
      chip.linkIssues.push_back(issue + i * interval());
    if (inst.opcode == Opcode::mem_write) {
      uint64_t end = issue + span + machine.delaySramWrite;
      chip.prologueEnd = std::max(chip.prologueEnd, end);
      t.end = std::max(t.end, end);
    }
  }
  uint64_t begin = at + uint64_t(steps.front().later);
  t.first = t.vectors == 0 ? begin : std::min(t.first, begin);
  t.vectors += count;
}

llvm::Error Joiner::transfer(Transfer &t) {
  if (t.routes.empty())
    return failure(llvm::formatv(
        "'{0}' goes from chip {1} to chip {2}, which no link of '{3}' joins, "
        "nor do links by way of the chips before: use at most {4} chips",
        t.name, t.from, t.to, machine.name, machine.nodeChips));
  for (const std::vector<LinkHop> &route : t.routes) {
    uint64_t rests = 0;
    for (const LinkHop &hop : route) {
      LPU_CHECK(hop.to == t.to || chips[hop.to].isReady,
                "chips hand on vectors when their work is done");
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
  auto columns = columnsOf(t);
  if (!columns)
    return columns.takeError();
  for (const Strip &column : *columns)
    place(t, column);
  return llvm::Error::success();
}

bool Joiner::isReady(unsigned part) const {
  return llvm::all_of(chips, [&](const JoinedChip &chip) {
    return chip.part != part || chip.isReady;
  });
}

static bool usesLinks(const ClassProgram &program) {
  return llvm::any_of(program.queues, [](const QueueProgram &queue) {
    return queue.unit == Unit::LinkSend && !queue.items.empty();
  });
}

/// Cycle 0 of a part is its first receive; its programs follow the last write.
void Joiner::finishPrologue(unsigned part) {
  std::vector<unsigned> members;
  uint64_t start = UINT64_MAX, end = 0;
  bool hasExchanges = false;
  for (unsigned c = 0; c < chips.size(); ++c) {
    const JoinedChip &chip = chips[c];
    if (chip.part != part)
      continue;
    members.push_back(c);
    hasExchanges |= usesLinks(*chip.program);
    if (chip.prologue.empty())
      continue;
    start = std::min(start, chip.start);
    end = std::max(end, chip.prologueEnd);
  }
  for (unsigned c : members) {
    JoinedChip &chip = chips[c];
    if (start == UINT64_MAX) { // nothing is received
      finishProgram(c);
      continue;
    }
    chip.start = start;
    uint64_t shift = end - start + fetchGap();
    // The programs count on an alignment in their cycle 0.
    uint64_t aligned = shift;
    if (hasExchanges)
      shift += machine.resyncRest() + 1;
    for (QueueProgram &queue : chip.program->queues)
      for (QueueItem &item : queue.items)
        item.at += shift;
    if (hasExchanges) {
      isa::Instruction inst;
      inst.opcode = Opcode::control_resync;
      auto &control = items(chip, machine.queueNumber(Unit::Control, 0));
      control.insert(control.begin(), QueueItem::instruction(aligned, inst));
    }
    for (auto &[queue, received] : chip.prologue) {
      for (QueueItem &item : received)
        item.at -= chip.start;
      std::vector<QueueItem> &all = items(chip, queue);
      all.insert(all.begin(), received.begin(), received.end());
    }
    finishProgram(c);
  }
}

void Joiner::finishProgram(unsigned number) {
  JoinedChip &chip = chips[number];
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
  // Those of the program itself stand between.
  llvm::stable_sort(
      items(chip, control),
      [](const QueueItem &a, const QueueItem &b) { return a.at < b.at; });
}

llvm::Error Joiner::bind(ScheduledProgram &joined) {
  Package &package = joined.package;
  unsigned firstChip = 0;
  for (unsigned p = 0; p < parts.size(); ++p) {
    for (auto [isInput, own, all] :
         {std::make_tuple(true, &parts[p].package.inputs, &package.inputs),
          std::make_tuple(false, &parts[p].package.outputs,
                          &package.outputs)}) {
      for (TensorBinding &binding : *own) {
        if (isTransferred(p, binding.name, isInput))
          continue;
        for (Placement &placement : binding.placements)
          for (Column &column : placement.columns)
            column.chip += firstChip;
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
    firstChip += unsigned(parts[p].package.chips.size());
  }
  return llvm::Error::success();
}

static bool sameItems(const std::vector<QueueItem> &a,
                      const std::vector<QueueItem> &b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           auto &[x, y] = pair;
           return x.at == y.at && x.iterations == y.iterations &&
                  x.period == y.period &&
                  (x.isLoop() ? sameItems(x.body, y.body) : x.inst == y.inst);
         });
}

static bool sameText(const ClassProgram &a, const ClassProgram &b) {
  return a.queues.size() == b.queues.size() &&
         llvm::all_of(llvm::zip(a.queues, b.queues), [](auto pair) {
           auto &[x, y] = pair;
           return x.unit == y.unit && x.index == y.index &&
                  sameItems(x.items, y.items);
         });
}

llvm::Expected<ScheduledProgram> Joiner::run() {
  std::deque<ClassProgram> programs; // of every chip
  for (JoinedChip &chip : chips) {
    const ScheduledProgram &part = parts[chip.part];
    programs.push_back(part.classes[part.package.chips[chip.local].chipClass]);
    chip.program = &programs.back();
  }

  // A part is ready when all that its chips get has been sent.
  for (unsigned done = 0; done < parts.size(); ++done) {
    unsigned next = 0;
    auto waits = [&](unsigned part) {
      return llvm::any_of(transfers, [&](const Transfer &t) {
        return chips[t.to].part == part && !chips[t.from].isReady;
      });
    };
    while (next < parts.size() && (isReady(next) || waits(next)))
      ++next;
    if (next == parts.size())
      return failure("chips wait for one another in a circle, which needs "
                     "transfers inside of their programs");
    // What is made first is received first.
    std::vector<Transfer *> incoming;
    for (Transfer &t : transfers)
      if (chips[t.to].part == next)
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

  ScheduledProgram joined;
  Package &package = joined.package;
  package.machine = machine;
  package.programName = parts[0].package.programName;
  std::set<std::tuple<unsigned, unsigned, unsigned, unsigned>> wires;
  auto addWire = [&](const LinkWire &wire) {
    if (wires.insert({wire.fromChip, wire.fromLink, wire.toChip, wire.toLink})
            .second)
      package.wires.push_back(wire);
  };
  size_t firstClass = 0;
  uint32_t firstShare = 0, lastShare = 0; // of a part, and of all so far
  for (unsigned c = 0; c < chips.size(); ++c) {
    resync(chips[c]);
    ScheduledProgram &part = parts[chips[c].part];
    if (chips[c].local == 0) {
      firstClass = joined.classes.size();
      firstShare = lastShare;
      for (LinkWire wire : part.package.wires) {
        wire.fromChip += c;
        wire.toChip += c;
        addWire(wire);
      }
    }
    size_t number = firstClass;
    while (number < joined.classes.size() &&
           !sameText(joined.classes[number], *chips[c].program))
      ++number;
    if (number == joined.classes.size())
      joined.classes.push_back(*chips[c].program);
    Chip chip = std::move(part.package.chips[chips[c].local]);
    chip.chipClass = unsigned(number);
    for (ImageSegment &segment : chip.image)
      if (segment.share) {
        segment.share += firstShare;
        lastShare = std::max(lastShare, segment.share);
      }
    chip.start = chips[c].start;
    package.chips.push_back(std::move(chip));
    package.cycles = std::max(
        package.cycles,
        chips[c].start + uint64_t(programCycles(*chips[c].program, machine)));
  }
  for (const Transfer &t : transfers)
    for (const std::vector<LinkHop> &route : t.routes)
      for (const LinkHop &hop : route)
        addWire({hop.from, hop.fromPort, hop.to, hop.toPort});
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
