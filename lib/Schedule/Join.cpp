//===- Join.cpp - texts and classes of joined chips -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Joiner.h"
#include "lpu/Schedule/Schedule.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <set>

using namespace lpu;
using namespace lpu::schedule;
using isa::Opcode;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

static Kind kindOf(const ClassProgram &program, const Machine &machine) {
  Kind kind;
  kind.program = &program;
  kind.end = uint64_t(programCycles(program, machine));
  for (const QueueProgram &queue : program.queues) {
    if (queue.items.empty())
      continue;
    kind.end = std::max(kind.end, queue.items.back().nextFree());
    kind.hasExchanges |= queue.unit == Unit::LinkSend;
  }
  return kind;
}

Joiner::Joiner(std::vector<Part> &parts, std::vector<Transfer> &transfers)
    : parts(parts), transfers(transfers), machine(parts[0].package.machine) {
  for (unsigned p = 0; p < parts.size(); ++p) {
    firstChip.push_back(unsigned(chips.size()));
    for (const ClassProgram &program : *parts[p].kinds)
      if (!kinds.count(&program))
        kinds.emplace(&program, kindOf(program, machine));
    for (unsigned c = 0; c < parts[p].package.chips.size(); ++c) {
      JoinedChip &chip = chips.emplace_back();
      chip.part = p;
      chip.local = c;
      unsigned kind = parts[p].package.chips[c].chipClass;
      chip.kind = &kinds.at(&(*parts[p].kinds)[kind]);
    }
  }
  incoming.resize(parts.size());
  vectorsOf.resize(transfers.size());
  outgoing.resize(chips.size());
  for (unsigned t = 0; t < transfers.size(); ++t) {
    incoming[chips[transfers[t].targets.front().chip].part].push_back(t);
    for (const Transfer::End &source : transfers[t].sources)
      outgoing[source.chip].push_back(t);
  }
}

bool Joiner::isReady(unsigned part) const {
  return chips[firstChip[part]].isReady; // all or none
}

/// Cycle 0 of a part is its first receive; its programs follow the last write.
void Joiner::finishPrologue(unsigned part) {
  unsigned first = firstChip[part],
           last = first + unsigned(parts[part].package.chips.size());
  uint64_t start = UINT64_MAX, end = 0;
  bool hasExchanges = false;
  for (unsigned c = first; c < last; ++c) {
    const JoinedChip &chip = chips[c];
    hasExchanges |= chip.kind->hasExchanges;
    if (!chip.hasReceived)
      continue;
    start = std::min(start, chip.start);
    end = std::max(end, chip.prologueEnd);
  }
  for (unsigned c = first; c < last; ++c) {
    JoinedChip &chip = chips[c];
    if (start != UINT64_MAX) { // something is received
      chip.start = start;
      // Another chip may have received first, long before this one.
      if (chip.receivePause)
        chip.receivePause =
            start + (*chip.receivePause - start) % machine.resyncCycles;
      // The programs count on an alignment in their cycle 0.
      chip.shift = end - start + fetchGap();
      if (hasExchanges) {
        chip.aligned = chip.shift;
        chip.shift += machine.resyncRest() + 1;
      }
      for (auto &[queue, items] : chip.prologue)
        for (QueueItem &item : items)
          item.at -= start;
    }
    finishProgram(c);
  }
}

void Joiner::finishProgram(unsigned number) {
  JoinedChip &chip = chips[number];
  // What follows is sent behind the last effect, and behind the last issue.
  chip.free.clear();
  chip.programEnd = chip.shift + chip.kind->end + fetchGap();
  // A resync in front of all sends, when nothing crosses a link, spares one
  // among them. It stands in front of the first cycle in which one can issue.
  bool isShort = chip.programEnd + vectorsSent(number) * interval() <=
                 machine.resyncCycles;
  chip.sendPause =
      chip.start + (isShort ? machine.resyncCycles : chip.programEnd - 1);
  chip.isReady = true;
}

/// Sends and receives follow an alignment by at most resync_cycles; the start
/// is one. They keep clear of all pauses, so any of these may be one.
void Joiner::resync(JoinedChip &chip) {
  std::vector<uint64_t> issues;
  for (auto [first, count] : chip.linkIssues)
    for (uint64_t i = 0; i < count; ++i)
      issues.push_back(first + i * interval());
  llvm::sort(issues);
  uint64_t aligned = chip.start, period = machine.resyncCycles;
  isa::Instruction inst;
  inst.opcode = Opcode::control_resync;
  for (uint64_t issue : issues) {
    if (issue <= aligned + period)
      continue;
    // Everything behind the program follows everything in front of it.
    uint64_t first = issue > *chip.sendPause || !chip.receivePause
                         ? *chip.sendPause
                         : *chip.receivePause;
    aligned = first + (issue - first - 1) / period * period;
    chip.resyncs.push_back(QueueItem::instruction(aligned - chip.start, inst));
  }
  if (chip.aligned)
    chip.resyncs.push_back(QueueItem::instruction(*chip.aligned, inst));
  llvm::stable_sort(chip.resyncs, [](const QueueItem &a, const QueueItem &b) {
    return a.at < b.at;
  });
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

static bool sameItems(const std::vector<QueueItem> &a,
                      const std::vector<QueueItem> &b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           auto &[x, y] = pair;
           return x.at == y.at && x.inst == y.inst;
         });
}

static bool sameIssues(const Issues &a, const Issues &b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           auto &[x, y] = pair;
           return x.first == y.first && sameItems(x.second, y.second);
         });
}

/// What is in front of the program, behind it, and between: instructions only.
bool Joiner::sameText(const JoinedChip &a, const JoinedChip &b) const {
  return a.kind == b.kind && a.shift == b.shift &&
         sameItems(a.resyncs, b.resyncs) &&
         sameIssues(a.prologue, b.prologue) &&
         sameIssues(a.epilogue, b.epilogue);
}

uint64_t Joiner::hashOf(const JoinedChip &chip) const {
  llvm::hash_code hash = llvm::hash_combine(chip.kind, chip.shift);
  for (const Issues *issues : {&chip.prologue, &chip.epilogue})
    for (const auto &[queue, items] : *issues) {
      hash = llvm::hash_combine(hash, queue, items.size());
      for (const QueueItem &item : items)
        hash = llvm::hash_combine(
            hash, item.at, uint8_t(item.inst.opcode), item.inst.count,
            llvm::hash_combine_range(item.inst.fields.begin(),
                                     item.inst.fields.end()));
    }
  return uint64_t(size_t(hash));
}

/// The class of every chip: the number of the first chip with its text.
std::vector<unsigned> Joiner::classify() {
  std::map<uint64_t, std::vector<unsigned>> known; // by hash: first chips
  std::vector<unsigned> result;
  for (unsigned c = 0; c < chips.size(); ++c) {
    std::vector<unsigned> &firsts = known[hashOf(chips[c])];
    auto same = llvm::find_if(
        firsts, [&](unsigned f) { return sameText(chips[f], chips[c]); });
    if (same == firsts.end()) {
      firsts.push_back(c);
      result.push_back(c);
      continue;
    }
    result.push_back(*same);
    chips[c].prologue.clear();
    chips[c].epilogue.clear();
  }
  return result;
}

ClassProgram Joiner::textOf(const JoinedChip &chip) const {
  ClassProgram text = *chip.kind->program;
  std::map<unsigned, unsigned> places; // by queue number
  for (QueueProgram &queue : text.queues) {
    places.emplace(machine.queueNumber(queue.unit, queue.index),
                   unsigned(places.size()));
    for (QueueItem &item : queue.items)
      item.at += chip.shift;
  }
  auto itemsOf = [&](unsigned number) -> std::vector<QueueItem> & {
    auto [place, isNew] = places.try_emplace(number, unsigned(places.size()));
    if (isNew) {
      QueueProgram &queue = text.queues.emplace_back();
      std::tie(queue.unit, queue.index) = machine.queueUnit(number);
    }
    return text.queues[place->second].items;
  };
  for (const auto &[queue, items] : chip.prologue) {
    std::vector<QueueItem> &all = itemsOf(queue);
    all.insert(all.begin(), items.begin(), items.end());
  }
  for (const auto &[queue, items] : chip.epilogue)
    llvm::append_range(itemsOf(queue), items);
  if (!chip.resyncs.empty()) {
    // Those of the program itself stand between.
    auto &control = itemsOf(machine.queueNumber(Unit::Control, 0));
    llvm::append_range(control, chip.resyncs);
    llvm::stable_sort(control, [](const QueueItem &a, const QueueItem &b) {
      return a.at < b.at;
    });
  }
  return text;
}

//===----------------------------------------------------------------------===//
// The package
//===----------------------------------------------------------------------===//

llvm::Error Joiner::bind(ScheduledProgram &joined) {
  Package &package = joined.package;
  std::set<std::pair<unsigned, llvm::StringRef>> received, sent; // by part
  for (const Transfer &t : transfers) {
    for (const Transfer::End &end : t.targets)
      received.insert({chips[end.chip].part, end.binding});
    for (const Transfer::End &end : t.sources)
      sent.insert({chips[end.chip].part, end.binding});
  }
  llvm::StringMap<unsigned> knownInputs, knownOutputs;
  for (unsigned p = 0; p < parts.size(); ++p) {
    for (auto [isInput, own, all, known] :
         {std::make_tuple(true, &parts[p].package.inputs, &package.inputs,
                          &knownInputs),
          std::make_tuple(false, &parts[p].package.outputs, &package.outputs,
                          &knownOutputs)}) {
      for (TensorBinding &binding : *own) {
        if ((isInput ? received : sent).count({p, binding.name}))
          continue;
        for (Placement &placement : binding.placements)
          for (Column &column : placement.columns)
            column.chip += firstChip[p];
        auto [place, isNew] =
            known->try_emplace(binding.name, unsigned(all->size()));
        if (isNew) {
          all->push_back(std::move(binding));
          continue;
        }
        if (!isInput) // the same on all chips
          continue;
        TensorBinding &first = (*all)[place->second];
        if (first.chipType != binding.chipType || first.shape != binding.shape)
          return failure("the input '" + binding.name +
                         "' has different types on different chips");
        for (Placement &placement : binding.placements)
          first.placements.push_back(std::move(placement));
      }
    }
  }
  return llvm::Error::success();
}

llvm::Expected<ScheduledProgram> Joiner::run() {
  // A part is ready when all that its chips get has been sent.
  std::vector<unsigned> waiting(parts.size());
  std::vector<std::vector<unsigned>> readers(parts.size());
  for (unsigned p = 0; p < parts.size(); ++p) {
    std::set<unsigned> givers;
    for (unsigned t : incoming[p])
      for (const Transfer::End &source : transfers[t].sources)
        givers.insert(chips[source.chip].part);
    waiting[p] = unsigned(givers.size());
    for (unsigned giver : givers)
      readers[giver].push_back(p);
  }
  std::set<unsigned> open;
  for (unsigned p = 0; p < parts.size(); ++p)
    if (waiting[p] == 0)
      open.insert(p);
  for (unsigned done = 0; done < parts.size(); ++done) {
    if (open.empty())
      return failure("chips wait for one another in a circle, which needs "
                     "transfers inside of their programs");
    unsigned next = *open.begin();
    open.erase(open.begin());
    // What is made first is received first.
    std::vector<unsigned> order = incoming[next];
    auto madeIn = [&](unsigned t) {
      const JoinedChip &chip = chips[transfers[t].sources.front().chip];
      return chip.start + chip.programEnd;
    };
    llvm::stable_sort(
        order, [&](unsigned a, unsigned b) { return madeIn(a) < madeIn(b); });
    for (unsigned t : order)
      if (llvm::Error error = transfer(transfers[t]))
        return std::move(error);
    finishPrologue(next);
    for (unsigned reader : readers[next])
      if (--waiting[reader] == 0)
        open.insert(reader);
  }

  ScheduledProgram joined;
  Package &package = joined.package;
  package.machine = machine;
  package.programName = parts[0].package.programName;
  for (JoinedChip &chip : chips)
    resync(chip);
  std::vector<unsigned> firstOf = classify();
  std::map<unsigned, unsigned> classOf; // by first chip
  std::vector<uint64_t> cycles;         // by class
  std::set<std::tuple<unsigned, unsigned, unsigned, unsigned>> wires;
  uint32_t firstShare = 0, lastShare = 0; // of a part, and of all so far
  for (unsigned c = 0; c < chips.size(); ++c) {
    auto [number, isNew] =
        classOf.try_emplace(firstOf[c], unsigned(joined.classes.size()));
    if (isNew) {
      joined.classes.push_back(textOf(chips[c]));
      cycles.push_back(uint64_t(programCycles(joined.classes.back(), machine)));
    }
    if (chips[c].local == 0)
      firstShare = lastShare;
    Chip chip = std::move(parts[chips[c].part].package.chips[chips[c].local]);
    chip.chipClass = number->second;
    for (ImageSegment &segment : chip.image)
      if (segment.share) {
        segment.share += firstShare;
        lastShare = std::max(lastShare, segment.share);
      }
    chip.start = chips[c].start;
    package.cycles =
        std::max(package.cycles, chip.start + cycles[chip.chipClass]);
    package.chips.push_back(std::move(chip));
  }
  auto addWire = [&](LinkWire wire) {
    wire.fromLink = package.chips[wire.fromChip].port(wire.fromLink);
    wire.toLink = package.chips[wire.toChip].port(wire.toLink);
    if (wires.insert({wire.fromChip, wire.fromLink, wire.toChip, wire.toLink})
            .second)
      package.wires.push_back(wire);
  };
  for (unsigned p = 0; p < parts.size(); ++p)
    for (LinkWire wire : parts[p].package.wires) {
      wire.fromChip += firstChip[p];
      wire.toChip += firstChip[p];
      addWire(wire);
    }
  for (const Transfer &t : transfers)
    for (const std::vector<LinkHop> &tree : t.trees)
      for (const LinkHop &hop : tree)
        addWire({hop.from, hop.fromPort, hop.to, hop.toPort});
  if (llvm::Error error = bind(joined))
    return std::move(error);
  for (unsigned p = 0; p < parts.size(); ++p)
    for (TensorPlace &place : parts[p].tensors) {
      place.chip += firstChip[p];
      const JoinedChip &chip = chips[place.chip];
      place.complete += chip.start + chip.shift;
      place.until += chip.start + chip.shift;
      joined.tensors.push_back(std::move(place));
    }
  return joined;
}

llvm::Expected<ScheduledProgram>
lpu::schedule::joinChips(std::vector<Part> parts,
                         std::vector<Transfer> &transfers) {
  LPU_CHECK(!parts.empty(), "no chips");
  return Joiner(parts, transfers).run();
}
