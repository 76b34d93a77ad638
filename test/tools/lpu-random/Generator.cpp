//===- Generator.cpp - pieces of random plans, and simple ones ------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Generator.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::test;

isa::Instruction lpu::test::makeInstruction(
    llvm::StringRef name,
    llvm::ArrayRef<std::pair<const char *, int64_t>> fields) {
  const isa::InstructionInfo *info = isa::lookup(name);
  LPU_CHECK(info, "a known instruction");
  isa::Instruction inst;
  inst.opcode = info->opcode;
  for (unsigned i = 0; i < info->fields.size(); ++i)
    if (info->fields[i].kind == isa::FieldKind::Operand)
      inst.fields[i] = isa::Operand().encode();
  for (const auto &field : fields) {
    auto found = llvm::find_if(info->fields, [&](const isa::FieldInfo &f) {
      return llvm::StringRef(f.name) == field.first;
    });
    LPU_CHECK(found != info->fields.end(), "a known field");
    inst.fields[size_t(found - info->fields.begin())] = field.second;
  }
  return inst;
}

Generator::Generator(const Machine &machine, unsigned chips, uint64_t seed,
                     bool messages)
    : m(machine), chips(chips), relocated(!messages), random(seed),
      timeline(machine, chips), linkUses(chips), resyncs(chips) {
  for (unsigned i = 0; i < 4; ++i)
    addresses.push_back(pick(0, loadedRows - 1));
  firstFreeRow = loadedRows + 2 * unsigned(addresses.size());
  accumulated.assign(chips, std::vector<bool>(m.alus));
  if (chips == 2 && messages) {
    wires.push_back({0, pick(0, m.links - 1), 1, pick(0, m.links - 1)});
    wires.push_back({1, pick(0, m.links - 1), 0, pick(0, m.links - 1)});
  }
  // A port that is looped back, if it is free.
  if (messages && random() % 2) {
    unsigned chip = pick(0, chips - 1), link = pick(0, m.links - 1);
    if (llvm::none_of(wires, [&](const LinkWire &wire) {
          return (wire.fromChip == chip && wire.fromLink == link) ||
                 (wire.toChip == chip && wire.toLink == link);
        }))
      wires.push_back({chip, link, chip, link});
  }
}

void Generator::step() {
  Plan plan;
  pendingAccumulate.clear();
  switch (pick(0, 15)) {
  case 0:
  case 1:
    copy(plan);
    break;
  case 2:
  case 3:
  case 4:
    vectorChain(plan);
    break;
  case 5:
    accumulate(plan);
    break;
  case 6:
    constants(plan);
    break;
  case 7:
  case 8:
    matrix(plan);
    break;
  case 9:
    shuffle(plan);
    break;
  case 10:
    transpose(plan);
    break;
  case 11:
    gather(plan);
    break;
  case 12:
    scatter(plan);
    break;
  case 13:
    registers(plan);
    break;
  case 14:
    loops(plan);
    break;
  default:
    if (!wires.empty() && chance(70))
      message(plan);
    else
      resync(plan);
    break;
  }
  if (!plan.ok || !place(plan))
    return;
  for (unsigned number : pendingAccumulate)
    accumulated[number / m.alus][number % m.alus] = true;
}

bool Generator::place(Plan &plan,
                      const std::function<bool(int64_t start)> &fits) {
  auto aligned = [&](int64_t start) {
    std::vector<PlannedLinkUse> uses;
    std::vector<std::vector<int64_t>> all = resyncs;
    for (auto [chip, cycle] : plan.resyncs)
      all[chip].push_back(start + cycle);
    for (PlannedLinkUse use : plan.linkUses)
      uses.push_back({use.chip, start + use.cycle, start + use.clear});
    // Of the links used so far, a new resync can only disturb their rest.
    if (!plan.resyncs.empty())
      for (const auto &placed : linkUses)
        uses.insert(uses.end(), placed.begin(), placed.end());
    return llvm::all_of(uses, [&](const PlannedLinkUse &use) {
      int64_t last = 0;
      for (int64_t resync : all[use.chip]) {
        if (resync >= use.cycle)
          continue;
        if (use.clear <= resync + int64_t(m.resyncRest()))
          return false;
        last = std::max(last, resync);
      }
      return use.cycle - last <= int64_t(m.resyncCycles);
    });
  };
  bool isFree = plan.linkUses.empty() && plan.resyncs.empty();
  if (!timeline.place(plan, random, [&](int64_t start) {
        return (isFree || aligned(start)) && (!fits || fits(start));
      }))
    return false;
  for (auto [chip, cycle] : plan.resyncs)
    resyncs[chip].push_back(timeline.start() + cycle);
  for (PlannedLinkUse use : plan.linkUses)
    linkUses[use.chip].push_back(
        {use.chip, timeline.start() + use.cycle, timeline.start() + use.clear});
  return true;
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

void Generator::issue(Plan &plan, unsigned chip, Unit unit, unsigned index,
                      int64_t at, isa::Instruction inst, Repeat repeat) {
  inst.count = uint16_t(repeat.count);
  inst.interval = uint8_t(repeat.count > 1 ? repeat.interval : 1);
  plan.issues.push_back({chip, m.queueNumber(unit, index), at, inst, 0, 0});
}

void Generator::value(Plan &plan, unsigned chip, bool west, unsigned stream,
                      unsigned width, int64_t position, int64_t written,
                      int64_t lastRead, const Offsets &offsets) {
  for (int64_t offset : offsets)
    for (unsigned i = 0; i < width; ++i)
      plan.values.push_back({chip, west, stream + i, position, written + offset,
                             lastRead + offset});
}

std::vector<unsigned> Generator::slices(const Plan &plan, unsigned chip,
                                        bool west, int64_t position,
                                        bool upstream) const {
  std::vector<unsigned> result;
  for (unsigned slice = 0; slice < m.numSlices(); ++slice) {
    int64_t x = m.slicePosition(slice);
    bool east = upstream == west; // the slice lies east of the position
    if (east ? x <= position : x >= position)
      continue;
    unsigned queue = m.queueNumber(Unit::Mem, slice);
    if (llvm::none_of(plan.issues, [&](const PlannedIssue &issue) {
          return issue.chip == chip && issue.queue == queue;
        }))
      result.push_back(slice);
  }
  return result;
}

static int64_t distance(int64_t a, int64_t b) { return a < b ? b - a : a - b; }

void Generator::supply(Plan &plan, unsigned chip, bool west, unsigned stream,
                       unsigned width, int64_t position, int64_t at,
                       Repeat repeat, int64_t addressPair) {
  for (unsigned byte = 0; byte < width; ++byte) {
    std::vector<unsigned> from = slices(plan, chip, west, position, true);
    if (from.empty()) {
      plan.ok = false;
      return;
    }
    unsigned slice = from[random() % from.size()];
    int64_t x = m.slicePosition(slice);
    int64_t written = at - distance(x, position);
    int64_t issued = written - m.delaySramRead;
    unsigned bank = timeline.isTextBank(slice, 1) ? 0 : pick(0, 1);
    int64_t offset, stride, inner = 0, stride2 = 0;
    if (addressPair >= 0) {
      offset = loadedRows + 2 * addressPair + byte;
      stride = 2;
    } else {
      stride = int64_t(pick(0, 2)) - 1;
      if (chance(30) && repeat.count > 2) {
        inner = pick(1, repeat.count - 1);
        stride2 = int64_t(pick(0, 4)) - 2;
      }
      int64_t span = 3 * repeat.count;
      offset = span < loadedRows - span
                   ? pick(unsigned(span), unsigned(loadedRows - 1 - span))
                   : 0;
      if (span >= loadedRows - span)
        stride = inner = stride2 = 0;
    }
    issue(plan, chip, Unit::Mem, slice, issued,
          makeInstruction("mem.read", {{"bank", bank},
                                       {"offset", offset},
                                       {"stride", stride},
                                       {"inner", inner},
                                       {"stride2", stride2},
                                       {"dir", west},
                                       {"stream", stream + byte}}),
          repeat);
    for (unsigned i = 0; i < repeat.count; ++i) {
      int64_t row =
          offset +
          (inner > 0 ? i % inner * stride + i / inner * stride2 : i * stride);
      plan.rows.push_back({chip, slice, bank, row,
                           issued + int64_t(i) * repeat.interval, false});
    }
    value(plan, chip, west, stream + byte, 1, x, written, at, repeat.offsets());
  }
}

void Generator::consume(Plan &plan, unsigned chip, bool west, unsigned stream,
                        unsigned width, int64_t position, int64_t at,
                        Repeat repeat) {
  for (unsigned byte = 0; byte < width; ++byte) {
    std::vector<unsigned> to = slices(plan, chip, west, position, false);
    if (to.empty()) {
      plan.ok = false;
      return;
    }
    // Sometimes a second slice reads the value on its way.
    unsigned readers = to.size() > 1 && chance(15) ? 2 : 1;
    std::vector<unsigned> chosen;
    while (chosen.size() < readers) {
      unsigned slice = to[random() % to.size()];
      if (!llvm::is_contained(chosen, slice))
        chosen.push_back(slice);
    }
    int64_t lastRead = 0;
    for (unsigned slice : chosen)
      lastRead =
          std::max(lastRead, at + distance(m.slicePosition(slice), position));
    bool lastSet = false;
    for (unsigned slice : chosen) {
      int64_t read = at + distance(m.slicePosition(slice), position);
      bool last = read == lastRead && !lastSet;
      lastSet |= last;
      unsigned bank = timeline.isTextBank(slice, 1) ? 0 : pick(0, 1);
      // Into the image's rows, or rows that nothing has defined yet.
      int64_t limit = chance(50) ? loadedRows : m.rows;
      int64_t low = limit == loadedRows ? 0 : firstFreeRow;
      int64_t offset =
          low + int64_t(random() % uint64_t(limit - low - repeat.count));
      issue(plan, chip, Unit::Mem, slice, read,
            makeInstruction("mem.write", {{"bank", bank},
                                          {"offset", offset},
                                          {"stride", 1},
                                          {"dir", west},
                                          {"stream", stream + byte},
                                          {"last", last}}),
            repeat);
      for (unsigned i = 0; i < repeat.count; ++i)
        plan.rows.push_back({chip, slice, bank, offset + i,
                             read + int64_t(i) * repeat.interval, true});
    }
    value(plan, chip, west, stream + byte, 1, position, at, lastRead,
          repeat.offsets());
  }
}

void Generator::hold(Plan &plan, unsigned chip, Unit unit, unsigned index,
                     int64_t at) {
  isa::Instruction nop;
  nop.opcode = isa::Opcode::nop;
  issue(plan, chip, unit, index, at, nop);
}

//===----------------------------------------------------------------------===//
// Plans of the slices
//===----------------------------------------------------------------------===//

/// Rows from slices to slices.
void Generator::copy(Plan &plan) {
  unsigned chip = pick(0, chips - 1), slice = pick(0, m.numSlices() - 1);
  bool west = chance(50);
  Repeat repeat{pick(1, 6), pick(1, 3)};
  unsigned s = stream(1);
  int64_t x = m.slicePosition(slice), at = 60;
  // The slice reads and leaves the value; the same value goes on.
  std::vector<unsigned> to = slices(plan, chip, west, x, false);
  if (to.empty()) {
    plan.ok = false;
    return;
  }
  unsigned target = to[random() % to.size()];
  supply(plan, chip, west, s, 1, m.slicePosition(target), at, repeat);
  unsigned bank = timeline.isTextBank(target, 1) ? 0 : pick(0, 1);
  if (!plan.ok || llvm::any_of(plan.issues, [&](const PlannedIssue &i) {
        return i.queue == m.queueNumber(Unit::Mem, target);
      })) {
    plan.ok = false;
    return;
  }
  int64_t offset = firstFreeRow + int64_t(pick(0, 100));
  issue(plan, chip, Unit::Mem, target, at,
        makeInstruction("mem.write", {{"bank", bank},
                                      {"offset", offset},
                                      {"stride", 1},
                                      {"dir", west},
                                      {"stream", s},
                                      {"last", 1}}),
        repeat);
  for (unsigned i = 0; i < repeat.count; ++i)
    plan.rows.push_back({chip, target, bank, offset + i,
                         at + int64_t(i) * repeat.interval, true});
}

/// Rows at addresses that rows supply.
void Generator::gather(Plan &plan) {
  unsigned chip = pick(0, chips - 1), slice = pick(0, m.numSlices() - 1);
  int64_t x = m.slicePosition(slice), at = 60;
  Repeat repeat{pick(1, 3), pick(1, 2)};
  unsigned pair = pick(0, unsigned(addresses.size()) - repeat.count);
  bool west = chance(50), out = chance(50);
  unsigned as = stream(2), s = stream(1);
  unsigned bank = timeline.isTextBank(slice, 1) ? 0 : pick(0, 1);
  unsigned most = 0;
  for (unsigned i = 0; i < repeat.count; ++i)
    most = std::max(most, addresses[pair + i]);
  int64_t offset = pick(0, loadedRows - 1 - most);
  issue(plan, chip, Unit::Mem, slice, at,
        makeInstruction("mem.gather", {{"bank", bank},
                                       {"offset", offset},
                                       {"adir", west},
                                       {"astream", as},
                                       {"alast", 1},
                                       {"dir", out},
                                       {"stream", s}}),
        repeat);
  for (unsigned i = 0; i < repeat.count; ++i)
    plan.rows.push_back({chip, slice, bank, offset + addresses[pair + i],
                         at + int64_t(i) * repeat.interval, false});
  supply(plan, chip, west, as, 2, x, at, repeat, pair);
  consume(plan, chip, out, s, 1, x, at + m.delaySramRead, repeat);
}

void Generator::scatter(Plan &plan) {
  unsigned chip = pick(0, chips - 1), slice = pick(0, m.numSlices() - 1);
  int64_t x = m.slicePosition(slice), at = 60;
  Repeat repeat{pick(1, 3), pick(m.delaySramWrite, m.delaySramWrite + 2)};
  unsigned pair = pick(0, unsigned(addresses.size()) - repeat.count);
  bool west = chance(50), in = chance(50);
  unsigned as = stream(2), s = stream(1);
  unsigned bank = timeline.isTextBank(slice, 1) ? 0 : pick(0, 1);
  int64_t offset = firstFreeRow + int64_t(pick(0, 50));
  issue(plan, chip, Unit::Mem, slice, at,
        makeInstruction("mem.scatter", {{"bank", bank},
                                        {"offset", offset},
                                        {"adir", west},
                                        {"astream", as},
                                        {"alast", 1},
                                        {"dir", in},
                                        {"stream", s},
                                        {"last", 1}}),
        repeat);
  for (unsigned i = 0; i < repeat.count; ++i)
    plan.rows.push_back({chip, slice, bank, offset + addresses[pair + i],
                         at + int64_t(i) * repeat.interval, true});
  supply(plan, chip, west, as, 2, x, at, repeat, pair);
  supply(plan, chip, in, s, 1, x, at, repeat);
}

/// A base register set, added to or loaded, then used.
void Generator::registers(Plan &plan) {
  unsigned chip = pick(0, chips - 1), slice = pick(0, m.numSlices() - 1);
  int64_t x = m.slicePosition(slice), at = 60;
  unsigned reg = pick(1, 6), base;
  if (relocated && chance(50)) {
    // Where the row is, every chip of the class knows for itself.
    unsigned bank = timeline.isTextBank(slice, 1) ? 0 : pick(0, 1);
    int64_t offset = pick(0, loadedRows - relocatedValues);
    bool out = chance(50);
    unsigned s = stream(1);
    issue(plan, chip, Unit::Mem, slice, at,
          makeInstruction("mem.read", {{"bank", bank},
                                       {"reg", 7},
                                       {"offset", offset},
                                       {"dir", out},
                                       {"stream", s}}));
    for (unsigned i = 0; i < relocatedValues; ++i)
      plan.rows.push_back({chip, slice, bank, offset + i, at, false});
    return consume(plan, chip, out, s, 1, x, at + m.delaySramRead, Repeat());
  }
  if (chance(50)) {
    base = pick(0, 30);
    issue(plan, chip, Unit::Mem, slice, at,
          makeInstruction("mem.setreg", {{"reg", reg}, {"value", base}}));
  } else {
    bool west = chance(50);
    unsigned as = stream(2), pair = pick(0, unsigned(addresses.size()) - 1);
    base = addresses[pair];
    issue(plan, chip, Unit::Mem, slice, at,
          makeInstruction(
              "mem.loadreg",
              {{"reg", reg}, {"dir", west}, {"stream", as}, {"last", 1}}));
    supply(plan, chip, west, as, 2, x, at, Repeat(), pair);
  }
  int64_t next = at + 1 + pick(0, 2);
  if (chance(50)) {
    int64_t change = int64_t(pick(0, 20)) - 10;
    if (int64_t(base) + change >= 0) {
      base = unsigned(int64_t(base) + change);
      issue(plan, chip, Unit::Mem, slice, next,
            makeInstruction("mem.addreg", {{"reg", reg}, {"value", change}}));
      ++next;
    }
  }
  if (base >= loadedRows) {
    plan.ok = false;
    return;
  }
  unsigned bank = timeline.isTextBank(slice, 1) ? 0 : pick(0, 1);
  int64_t offset = pick(0, loadedRows - 1 - base);
  bool out = chance(50);
  unsigned s = stream(1);
  issue(plan, chip, Unit::Mem, slice, next,
        makeInstruction("mem.read", {{"bank", bank},
                                     {"reg", reg},
                                     {"offset", offset},
                                     {"dir", out},
                                     {"stream", s}}));
  plan.rows.push_back({chip, slice, bank, int64_t(base) + offset, next, false});
  consume(plan, chip, out, s, 1, x, next + m.delaySramRead, Repeat());
}

/// Two nested loops in two or three queues: rows are read through a register
/// that steps, pass an ALU or not, and are written.
void Generator::loops(Plan &plan) {
  unsigned chip = pick(0, chips - 1);
  unsigned n1 = m.loopDepth > 1 && chance(60) ? pick(1, 3) : 1, n2 = pick(1, 4);
  bool nested = n1 > 1;
  Repeat repeat{pick(1, 3), pick(1, 2)};
  int64_t run = int64_t(repeat.count) * repeat.interval;
  int64_t period = run + pick(2, 5); // of the inner loop, with its endloop
  int64_t outerPeriod = period * n2 + 2;
  Offsets iterations;
  for (unsigned i = 0; i < n1; ++i)
    for (unsigned j = 0; j < n2; ++j)
      iterations.push_back(i * outerPeriod + j * period);
  int64_t last = iterations.back();
  Offsets offsets;
  for (int64_t iteration : iterations)
    for (int64_t offset : repeat.offsets())
      offsets.push_back(iteration + offset);

  using Timed = std::pair<int64_t, isa::Instruction>;
  // body: cycles relative to the body's begin, which is one behind the loop.
  auto loop = [&](Unit unit, unsigned index, int64_t begin,
                  std::vector<Timed> body, std::vector<Repeat> repeats) {
    if (nested)
      issue(plan, chip, unit, index, begin - 2,
            makeInstruction("loop", {{"iterations", n1}}));
    issue(plan, chip, unit, index, begin - 1,
          makeInstruction("loop", {{"iterations", n2}}));
    for (size_t i = 0; i < body.size(); ++i) {
      issue(plan, chip, unit, index, begin + body[i].first, body[i].second,
            repeats[i]);
      plan.issues.back().effectLater = last;
    }
    issue(plan, chip, unit, index, begin + period - 1,
          makeInstruction("endloop", {{"body", int64_t(body.size())}}));
    plan.issues.back().freeLater = int64_t(n2 - 1) * period;
    if (nested) {
      issue(plan, chip, unit, index, begin + int64_t(n2) * period,
            makeInstruction("endloop", {{"body", int64_t(body.size()) + 2}}));
      plan.issues.back().freeLater = int64_t(n1 - 1) * outerPeriod;
    }
  };

  bool west = chance(50), alu = chance(50);
  unsigned s = stream(1), reg = pick(1, 6);
  int64_t v = m.vectorPosition(), at = 80;
  std::vector<unsigned> from = slices(plan, chip, west, v, true);
  unsigned source = from[random() % from.size()];
  int64_t x = m.slicePosition(source);
  unsigned bank = timeline.isTextBank(source, 1) ? 0 : pick(0, 1);
  int64_t written = at - distance(x, v), read = written - m.delaySramRead;
  // The register starts at 0 for this plan, and steps.
  issue(plan, chip, Unit::Mem, source, read - 4,
        makeInstruction("mem.setreg", {{"reg", reg}, {"value", 0}}));
  loop(Unit::Mem, source, read,
       {{0, makeInstruction("mem.read", {{"bank", bank},
                                         {"reg", reg},
                                         {"stride", 1},
                                         {"dir", west},
                                         {"stream", s}})},
        {run, makeInstruction("mem.addreg", {{"reg", reg}, {"value", 1}})}},
       {repeat, Repeat()});
  for (size_t k = 0; k < iterations.size(); ++k)
    for (unsigned i = 0; i < repeat.count; ++i)
      plan.rows.push_back({chip, source, bank, int64_t(k + i),
                           read + iterations[k] + int64_t(i) * repeat.interval,
                           false});

  bool outWest = west;
  unsigned outStream = s;
  int64_t outPosition = x, outWritten = written;
  if (alu) {
    unsigned number = pick(0, m.alus - 1);
    isa::Operand operand;
    operand.kind = isa::Operand::Stream;
    operand.stream = {west, uint8_t(s), isa::ElementType::i8, true};
    isa::Dest dest;
    dest.present = true;
    dest.west = outWest = chance(50);
    dest.stream = uint8_t(outStream = stream(1));
    dest.type = isa::ElementType::i8;
    isa::Operand immediate;
    immediate.kind = isa::Operand::Immediate;
    isa::Instruction add =
        makeInstruction("alu.iadd", {{"a", operand.encode()},
                                     {"b", immediate.encode()},
                                     {"imm", int64_t(pick(0, 100))},
                                     {"dst", dest.encode()}});
    loop(Unit::Alu, number, at, {{0, add}}, {repeat});
    value(plan, chip, west, s, 1, x, written, at, offsets);
    for (int64_t offset : offsets)
      plan.results.push_back(
          {chip, number, at + offset + int64_t(isa::delay(add, m))});
    outPosition = v;
    outWritten = at + isa::streamDelay(add, m);
  }
  std::vector<unsigned> to = slices(plan, chip, outWest, outPosition, false);
  if (to.empty()) {
    plan.ok = false;
    return;
  }
  unsigned target = to[random() % to.size()];
  int64_t reached = outWritten + distance(m.slicePosition(target), outPosition);
  unsigned targetBank = timeline.isTextBank(target, 1) ? 0 : pick(0, 1);
  int64_t row = firstFreeRow + int64_t(pick(0, 100));
  issue(plan, chip, Unit::Mem, target, reached - 3,
        makeInstruction("mem.setreg", {{"reg", reg}, {"value", row}}));
  loop(Unit::Mem, target, reached,
       {{0, makeInstruction("mem.write", {{"bank", targetBank},
                                          {"reg", reg},
                                          {"stride", 1},
                                          {"dir", outWest},
                                          {"stream", outStream},
                                          {"last", 1}})},
        {run, makeInstruction("mem.addreg",
                              {{"reg", reg}, {"value", repeat.count}})}},
       {repeat, Repeat()});
  for (size_t k = 0; k < iterations.size(); ++k)
    for (unsigned i = 0; i < repeat.count; ++i)
      plan.rows.push_back(
          {chip, target, targetBank, row + int64_t(k * repeat.count + i),
           reached + iterations[k] + int64_t(i) * repeat.interval, true});
  value(plan, chip, outWest, outStream, 1, outPosition, outWritten, reached,
        offsets);
}
