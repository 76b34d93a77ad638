//===- GeneratorUnits.cpp - random plans of the other units ---------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Generator.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::test;
using isa::ElementType;

static isa::Operand streamOperand(bool west, unsigned stream,
                                  ElementType type) {
  isa::Operand operand;
  operand.kind = isa::Operand::Stream;
  operand.stream = {west, uint8_t(stream), type, true};
  return operand;
}

static isa::Dest destination(bool west, unsigned stream, ElementType type) {
  isa::Dest dest;
  dest.present = true;
  dest.west = west;
  dest.stream = uint8_t(stream);
  dest.type = type;
  return dest;
}

//===----------------------------------------------------------------------===//
// Vector unit
//===----------------------------------------------------------------------===//

/// An operation that the ALU can execute, with operands that are supplied.
/// `history`: (ALU, completion of its result) of the plan.
isa::Instruction Generator::vectorOperation(
    Plan &plan, unsigned alu, int64_t at, Repeat repeat,
    llvm::ArrayRef<std::pair<unsigned, int64_t>> history) {
  std::vector<const isa::InstructionInfo *> names;
  for (const isa::InstructionInfo &info : isa::instructions()) {
    if (info.unit != Unit::Alu)
      continue;
    llvm::StringRef name = info.name;
    if (name.contains("acc_") || name == "alu.setconst")
      continue;
    if (info.delay == isa::DelayKind::Transcendental &&
        alu >= m.transcendentalAlus)
      continue;
    bool reduces = alu >= m.transcendentalAlus &&
                   alu < m.transcendentalAlus + m.reduceAlus;
    if (info.delay == isa::DelayKind::Reduce && !reduces)
      continue;
    // Every second choice shows what is special about the ALU.
    unsigned weight = info.delay == isa::DelayKind::Alu ? 1 : 4;
    names.insert(names.end(), weight, &info);
  }
  const isa::InstructionInfo &info = *names[random() % names.size()];
  isa::Instruction inst;
  inst.opcode = info.opcode;
  bool hasImmediate = llvm::any_of(info.fields, [](const isa::FieldInfo &f) {
    return f.kind == isa::FieldKind::Imm;
  });
  bool usesImmediate = false;
  for (unsigned i = 0; i < info.fields.size(); ++i) {
    const isa::FieldInfo &field = info.fields[i];
    if (llvm::StringRef(field.name) == "group") {
      unsigned most = 0;
      while ((32u << most) <= m.lanes)
        ++most;
      inst.fields[i] = chance(30) ? 15 : pick(0, most);
    }
    if (field.kind != isa::FieldKind::Operand)
      continue;
    isa::Operand operand;
    operand.kind = isa::Operand::Lane;
    unsigned kind = pick(0, 9);
    if (kind < 3 && !history.empty()) {
      auto [from, completion] = history[random() % history.size()];
      int64_t age = at - completion;
      if (age >= 0 && age < int64_t(m.history)) {
        operand.kind = isa::Operand::History;
        operand.alu = uint8_t(from);
        operand.age = uint8_t(age);
      }
    } else if (kind < 4 && hasImmediate) {
      operand.kind = isa::Operand::Immediate;
      usesImmediate = true;
    } else if (kind < 9) {
      auto type = ElementType(pick(0, 5));
      unsigned width = isa::byteWidth(type);
      bool west = chance(50);
      unsigned s = stream(width);
      operand = streamOperand(west, s, type);
      supply(plan, 0, west, s, width, m.vectorPosition(), at, repeat);
    }
    inst.fields[i] = operand.encode();
  }
  if (usesImmediate)
    for (unsigned i = 0; i < info.fields.size(); ++i)
      if (info.fields[i].kind == isa::FieldKind::Imm)
        inst.fields[i] = int64_t(uint32_t(random()));
  return inst;
}

/// Up to four operations; later ones use the results of earlier ones.
void Generator::vectorChain(Plan &plan) {
  Repeat repeat{pick(1, 4), pick(1, 3)};
  unsigned operations = pick(1, 4);
  int64_t at = 100, v = m.vectorPosition();
  std::vector<std::pair<unsigned, int64_t>> history;
  std::vector<unsigned> used;
  for (unsigned i = 0; i < operations; ++i) {
    unsigned alu = pick(0, m.alus - 1);
    if (llvm::is_contained(used, alu))
      continue;
    used.push_back(alu);
    isa::Instruction inst = vectorOperation(plan, alu, at, repeat, history);
    if (!plan.ok)
      return;
    if (chance(60)) {
      auto type = ElementType(pick(0, 5));
      unsigned width = isa::byteWidth(type);
      bool west = chance(50);
      unsigned s = stream(width);
      const isa::InstructionInfo &info = inst.info();
      for (unsigned f = 0; f < info.fields.size(); ++f)
        if (info.fields[f].kind == isa::FieldKind::Dest)
          inst.fields[f] = destination(west, s, type).encode();
      consume(plan, 0, west, s, width, v, at + isa::streamDelay(inst, m),
              repeat);
      if (!plan.ok)
        return;
    }
    issue(plan, 0, Unit::Alu, alu, at, inst, repeat);
    int64_t completion = at + isa::delay(inst, m);
    history.push_back({alu, completion});
    for (int64_t offset : repeat.offsets())
      plan.results.push_back({0, alu, completion + offset});
    at = completion + int64_t(pick(0, 3));
  }
}

/// A running reduction, over periods or over the whole run.
void Generator::accumulate(Plan &plan) {
  unsigned chip = pick(0, chips - 1), alu = pick(0, m.alus - 1);
  static const char *const names[] = {"alu.acc_sum", "alu.acc_max",
                                      "alu.acc_min", "alu.acc_argmax"};
  // One kind for each ALU, so that a run may continue an earlier one.
  const char *name = names[alu % 4];
  unsigned period = chance(50) ? pick(1, 3) : 0;
  Repeat repeat{period ? period * pick(1, 3) : pick(1, 5), pick(1, 2)};
  bool init = !accumulated[chip][alu] || chance(60);
  int64_t at = 100, v = m.vectorPosition();
  auto type = chance(50) ? ElementType::f16 : ElementType::f32;
  unsigned width = isa::byteWidth(type), s = stream(width);
  bool west = chance(50), out = chance(50);
  supply(plan, chip, west, s, width, v, at, repeat);
  auto outType = ElementType(pick(0, 5));
  unsigned outWidth = isa::byteWidth(outType), os = stream(outWidth);
  isa::Instruction inst =
      makeInstruction(name, {{"a", streamOperand(west, s, type).encode()},
                             {"dst", destination(out, os, outType).encode()},
                             {"period", period},
                             {"init", init}});
  issue(plan, chip, Unit::Alu, alu, at, inst, repeat);
  for (int64_t offset : repeat.offsets())
    plan.results.push_back({chip, alu, at + isa::delay(inst, m) + offset});
  // Only the last repeat of a period reaches the stream.
  unsigned every = period ? period : repeat.count;
  Repeat results{repeat.count / every, repeat.interval * every};
  int64_t first = int64_t(every - 1) * repeat.interval;
  consume(plan, chip, out, os, outWidth, v,
          at + isa::streamDelay(inst, m) + first, results);
  pendingAccumulate.push_back(chip * m.alus + alu);
}

/// Lane constants, set and used.
void Generator::constants(Plan &plan) {
  unsigned chip = pick(0, chips - 1), alu = pick(0, m.alus - 1);
  int64_t at = 100, v = m.vectorPosition();
  auto type = ElementType(pick(0, 5));
  unsigned width = isa::byteWidth(type), s = stream(width);
  bool west = chance(50), out = chance(50);
  supply(plan, chip, west, s, width, v, at, Repeat());
  isa::Instruction set = makeInstruction(
      "alu.setconst", {{"a", streamOperand(west, s, type).encode()}});
  issue(plan, chip, Unit::Alu, alu, at, set);
  int64_t ready = at + isa::delay(set, m);
  plan.results.push_back({chip, alu, ready});
  isa::Operand constant, lane;
  constant.kind = isa::Operand::Constant;
  lane.kind = isa::Operand::Lane;
  int64_t use = ready + int64_t(pick(0, 3));
  unsigned os = stream(4);
  isa::Instruction select = makeInstruction(
      "alu.select", {{"a", lane.encode()},
                     {"b", constant.encode()},
                     {"c", lane.encode()},
                     {"dst", destination(out, os, ElementType::i32).encode()}});
  Repeat repeat{pick(1, 3), pick(1, 2)};
  issue(plan, chip, Unit::Alu, alu, use, select, repeat);
  for (int64_t offset : repeat.offsets())
    plan.results.push_back({chip, alu, use + isa::delay(select, m) + offset});
  consume(plan, chip, out, os, 4, v, use + isa::streamDelay(select, m), repeat);
}

//===----------------------------------------------------------------------===//
// Matrix planes
//===----------------------------------------------------------------------===//

/// Weights are installed and swapped in, rows pass, sums are drained.
void Generator::matrix(Plan &plan) {
  unsigned chip = pick(0, chips - 1), plane = pick(0, m.numPlanes() - 1);
  bool fp16 = chance(50), columns = chance(40);
  bool outWest = !m.isEast(Unit::Pass, plane);
  int64_t x = m.unitPosition(Unit::Pass, plane), at = 100;
  unsigned width = fp16 ? 2 : 1, weightRows = m.planeRows / width;

  unsigned laneBase = pick(0, m.lanes - 1);
  unsigned laneCount = pick(1, m.lanes - laneBase);
  unsigned count = pick(1, std::min(m.installRows / width, 2u));
  Repeat repeat{pick(1, 3), pick(1, 2)};
  unsigned limit = columns ? m.lanes : weightRows;
  if (count * repeat.count > limit)
    repeat.count = 1;
  unsigned first = pick(0, limit - count * repeat.count), row = 0;
  if (columns) {
    laneCount = std::min(laneCount, weightRows);
    row = pick(0, weightRows - laneCount);
  }
  unsigned streams = count * width;
  unsigned s = pick(0, (m.streams - streams) / 2) * 2;
  // Each stream from a slice of its own.
  for (unsigned i = 0; i < streams; ++i)
    supply(plan, chip, outWest, s + i, 1, x, at, repeat);
  issue(plan, chip, Unit::Weights, plane, at,
        makeInstruction("weights.install", {{"fp16", fp16},
                                            {"columns", columns},
                                            {"stream", s},
                                            {"n", streams},
                                            {"at", first},
                                            {"step", count},
                                            {"row", row},
                                            {"lane_base", laneBase},
                                            {"lane_count", laneCount},
                                            {"last", 1}}),
        repeat);
  at += int64_t(repeat.count) * repeat.interval + pick(0, 2);
  issue(plan, chip, Unit::Weights, plane, at,
        makeInstruction("weights.swap", {}));
  at += m.delaySwap + pick(0, 2);

  unsigned interval = std::max(fp16 ? m.fp16Interval : 1, 1u);
  Repeat passes{pick(1, std::min(m.accumulatorRows, 3u)),
                interval + pick(0, 1)};
  unsigned acc = pick(0, m.accumulatorRows - passes.count);
  unsigned base = pick(0, m.lanes - 1);
  unsigned depth = std::min(pick(0, m.lanes - base), weightRows);
  unsigned weightRow = pick(0, weightRows - depth);
  unsigned rounds = pick(1, 2); // replace, then add
  int64_t passDelay = m.matrixDelay(fp16), lastPass = at;
  for (unsigned round = 0; round < rounds; ++round) {
    unsigned in = stream(width);
    supply(plan, chip, outWest, in, width, x, at, passes);
    issue(plan, chip, Unit::Pass, plane, at,
          makeInstruction("pass.run", {{"fp16", fp16},
                                       {"stream", in},
                                       {"last", 1},
                                       {"lane_base", base},
                                       {"lane_count", depth},
                                       {"weight_row", weightRow},
                                       {"acc", acc},
                                       {"acc_stride", 1},
                                       {"add", round > 0}}),
          passes);
    lastPass = at;
    at += int64_t(passes.count) * passes.interval + pick(0, 3);
  }
  int64_t drained = lastPass + passDelay + int64_t(pick(0, 3));
  unsigned os = stream(4);
  issue(plan, chip, Unit::Drain, plane, drained,
        makeInstruction("drain.row",
                        {{"acc", acc}, {"acc_stride", 1}, {"stream", os}}),
        passes);
  consume(plan, chip, !outWest, os, 4, x, drained + m.delayDrain, passes);
  // The next plan of this plane must not meet these passes in the pipeline, and
  // may change weights only behind them.
  hold(plan, chip, Unit::Pass, plane, at + passDelay);
  hold(plan, chip, Unit::Weights, plane, at + m.delaySwap);
}

//===----------------------------------------------------------------------===//
// Shuffle units
//===----------------------------------------------------------------------===//

void Generator::shuffle(Plan &plan) {
  unsigned chip = pick(0, chips - 1), half = pick(0, 1);
  bool outward = half == 0; // west half: outward is west
  int64_t x = m.unitPosition(Unit::Shuffle, half), at = 60;
  Repeat repeat{pick(1, 4), pick(1, 2)};
  unsigned s = stream(1), os = stream(1), kind = pick(0, 3);
  if (kind == 3) {
    unsigned map = stream(2);
    supply(plan, chip, outward, map, 2, x, at, Repeat());
    issue(plan, chip, Unit::Shuffle, half, at,
          makeInstruction("shuffle.loadmap",
                          {{"dir", outward}, {"stream", map}, {"last", 1}}));
    at += m.delayShuffle + pick(0, 2);
  }
  static const char *const names[] = {"shuffle.shift", "shuffle.rotate",
                                      "shuffle.distribute", "shuffle.permute"};
  isa::Instruction inst = makeInstruction(names[kind], {{"dir", outward},
                                                        {"stream", s},
                                                        {"last", 1},
                                                        {"odir", !outward},
                                                        {"ostream", os}});
  namespace f = isa::field;
  if (kind == 0)
    inst.fields[f::shuffle_shift::amount] =
        int64_t(pick(0, 2 * m.lanes)) - int64_t(m.lanes);
  else if (kind == 1)
    inst.fields[f::shuffle_rotate::amount] = pick(0, 15);
  else if (kind == 2)
    inst.fields[f::shuffle_distribute::map] = int64_t(random());
  supply(plan, chip, outward, s, 1, x, at, repeat);
  issue(plan, chip, Unit::Shuffle, half, at, inst, repeat);
  consume(plan, chip, !outward, os, 1, x, at + m.delayShuffle, repeat);
}

void Generator::transpose(Plan &plan) {
  if (m.streams < 16 || m.numSlices() < 16) {
    plan.ok = false;
    return;
  }
  unsigned chip = pick(0, chips - 1), half = pick(0, 1);
  bool outward = half == 0;
  int64_t x = m.unitPosition(Unit::Transpose, half), at = 100;
  unsigned s = stream(16), os = stream(16);
  // All slices send; they are free again when the result comes by.
  supply(plan, chip, outward, s, 16, x, at, Repeat());
  if (!plan.ok)
    return;
  issue(plan, chip, Unit::Transpose, half, at,
        makeInstruction("transpose.t16", {{"dir", outward},
                                          {"stream", s},
                                          {"last", 1},
                                          {"odir", !outward},
                                          {"ostream", os}}));
  int64_t written = at + m.delayTranspose;
  std::vector<unsigned> to(m.numSlices());
  for (unsigned i = 0; i < to.size(); ++i)
    to[i] = i;
  std::shuffle(to.begin(), to.end(), random);
  for (unsigned i = 0; i < 16; ++i) {
    int64_t distance = std::abs(int64_t(m.slicePosition(to[i])) - x);
    int64_t read = written + distance;
    unsigned bank = timeline.isTextBank(to[i], 1) ? 0 : pick(0, 1);
    int64_t row = firstFreeRow + int64_t(pick(0, 100));
    issue(plan, chip, Unit::Mem, to[i], read,
          makeInstruction("mem.write", {{"bank", bank},
                                        {"offset", row},
                                        {"dir", !outward},
                                        {"stream", os + i},
                                        {"last", 1}}));
    plan.rows.push_back({chip, to[i], bank, row, read, true});
    value(plan, chip, !outward, os + i, 1, x, written, read, {0});
  }
}

//===----------------------------------------------------------------------===//
// Links
//===----------------------------------------------------------------------===//

void Generator::resync(Plan &plan) {
  unsigned chip = pick(0, chips - 1);
  issue(plan, chip, Unit::Control, 0, 0, makeInstruction("control.resync", {}));
  plan.resyncs.push_back({chip, 0});
}

void Generator::align() {
  Plan plan;
  resync(plan);
  place(plan);
}

void Generator::useLinks(Plan &plan, unsigned chip, int64_t at, Repeat repeat,
                         int64_t clearBefore) {
  for (int64_t offset : repeat.offsets())
    plan.linkUses.push_back({chip, at + offset, at + offset - clearBefore});
}

/// Vectors from one chip to the other.
void Generator::message(Plan &plan) {
  const LinkWire &wire = wires[random() % wires.size()];
  unsigned interval = m.linkInterval, slack = pick(0, 2);
  if ((2 * m.linkMargin + 2) / interval + 1 > m.linkBuffer) {
    plan.ok = false;
    return;
  }
  Repeat repeat{pick(1, 3), interval + pick(0, 2)};
  int64_t at = 60;
  bool outWest = !m.isEast(Unit::LinkSend, wire.fromLink);
  unsigned s = stream(1), os = stream(1);
  int64_t from = m.unitPosition(Unit::LinkSend, wire.fromLink);
  supply(plan, wire.fromChip, outWest, s, 1, from, at, repeat);
  issue(plan, wire.fromChip, Unit::LinkSend, wire.fromLink, at,
        makeInstruction("link_send.send", {{"stream", s}, {"last", 1}}),
        repeat);
  hold(plan, wire.fromChip, Unit::LinkSend, wire.fromLink,
       at + int64_t(repeat.count) * repeat.interval);
  useLinks(plan, wire.fromChip, at, repeat);
  int64_t received = at + m.linkLatency + m.linkMargin + slack;
  bool inWest = m.isEast(Unit::LinkRecv, wire.toLink);
  issue(plan, wire.toChip, Unit::LinkRecv, wire.toLink, received,
        makeInstruction("link_recv.recv", {{"stream", os}}), repeat);
  useLinks(plan, wire.toChip, received, repeat, 2 * m.linkMargin + slack);
  consume(plan, wire.toChip, inWest, os, 1,
          m.unitPosition(Unit::LinkRecv, wire.toLink), received + 1, repeat);
}
