//===- Programs.cpp - programs to mutate ----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Programs.h"
#include "test/tools/lpu-emulator-test/ProgramBuilder.h"
#include <algorithm>
#include <random>
#include <set>

using namespace lpu;
using namespace lpu::test;
using isa::ElementType;

namespace {

constexpr bool east = false, west = true;

/// Positions, cycles and random choices of one program.
class Generator {
public:
  Generator(const Machine &machine, uint64_t seed)
      : b(machine), m(machine), random(seed * 7919 + 17) {}

  void copy();
  void nested();
  void chain();
  void running();
  void matrix();
  void shuffle();
  void indirect();
  void longText();
  void scalar();
  void passes();
  void ring();
  Package take(bool ringOfTwo = false);
  void spreadTexts(Package &package);

private:
  uint64_t pick(uint64_t low, uint64_t high) {
    return low + random() % (high - low + 1);
  }
  unsigned position(Unit unit, unsigned index) const {
    return m.unitPosition(unit, index);
  }
  static unsigned distance(unsigned x, unsigned y) {
    return x < y ? y - x : x - y;
  }
  void rows(unsigned slice, unsigned bank, unsigned first, unsigned count) {
    for (unsigned r = first; r < first + count; ++r) {
      std::vector<uint8_t> bytes(m.lanes);
      for (uint8_t &byte : bytes)
        byte = uint8_t(random());
      b.row(slice, bank, r, bytes);
    }
  }
  void at(uint64_t t, Unit unit, unsigned index, isa::Instruction inst) {
    b.at(t, unit, index, inst);
  }
  /// Reads rows so that the first is at position x in cycle t.
  void readTo(uint64_t t, unsigned x, unsigned slice, unsigned stream,
              unsigned row, unsigned count, unsigned interval) {
    unsigned p = position(Unit::Mem, slice);
    rows(slice, 0, row, count);
    at(t - distance(p, x) - m.delaySramRead, Unit::Mem, slice,
       make(
           "mem.read",
           {{"offset", row}, {"stride", 1}, {"dir", p > x}, {"stream", stream}},
           count, interval));
  }
  /// Writes what is put on the stream at position x in cycle t.
  void writeFrom(uint64_t t, unsigned x, unsigned slice, unsigned stream,
                 unsigned row, unsigned count, unsigned interval) {
    unsigned p = position(Unit::Mem, slice);
    at(t + distance(p, x), Unit::Mem, slice,
       make("mem.write",
            {{"bank", 1},
             {"offset", row},
             {"stride", 1},
             {"dir", p < x},
             {"stream", stream},
             {"last", 1}},
            count, interval));
  }

  ProgramBuilder b;
  const Machine &m;
  std::mt19937_64 random;
};

/// Several independent copies from west to east slices, some read twice.
void Generator::copy() {
  unsigned half = m.slicesPerHalf;
  for (unsigned i = 1; i < half; ++i) {
    unsigned source = i, target = half + pick(0, half - 2);
    unsigned n = pick(1, 12), d = n > 1 ? pick(1, 4) : 1, stream = 2 * i;
    unsigned from = position(Unit::Mem, source), v = m.vectorPosition();
    uint64_t start = 100 * (i - 1) + pick(0, 9);
    rows(source, 0, 3, n);
    at(start, Unit::Mem, source,
       make("mem.read", {{"offset", 3}, {"stride", 1}, {"stream", stream}}, n,
            d));
    uint64_t put = start + m.delaySramRead;
    // The vector unit looks at it on the way.
    if (pick(0, 1))
      at(put + v - from, Unit::Alu, i,
         make("alu.mov",
              {{"a", test::stream(east, stream, ElementType::u8, false)}}, n,
              d));
    writeFrom(put, from, target, stream, 20 * i, n, d);
  }
}

/// Row patterns of two levels, base registers, a loop around them.
void Generator::nested() {
  unsigned source = 1, target = m.slicesPerHalf;
  unsigned inner = pick(2, 4), outer = pick(2, 3), n = inner * outer;
  unsigned iterations = pick(1, 5), stream = pick(0, m.streams - 1);
  unsigned stride2 = pick(5, 20), d = pick(1, 3);
  rows(source, 0, 0, stride2 * outer + inner + iterations * 3);
  unsigned x = position(Unit::Mem, source), y = position(Unit::Mem, target);
  uint64_t lag = m.delaySramRead + distance(x, y), start = pick(2, 10);
  for (bool write : {false, true}) {
    unsigned slice = write ? target : source;
    uint64_t t = start + (write ? lag : 0);
    FieldValues fields = {{"reg", 1},           {"offset", 0},
                          {"stride", 1},        {"inner", inner},
                          {"stride2", stride2}, {"stream", stream}};
    if (write)
      fields.push_back({"last", 1});
    at(t - 2, Unit::Mem, slice, make("mem.setreg", {{"reg", 1}, {"value", 2}}));
    at(t - 1, Unit::Mem, slice, make("loop", {{"iterations", iterations}}));
    at(t, Unit::Mem, slice,
       make(write ? "mem.write" : "mem.read", fields, n, d));
    uint64_t next = t + (n - 1) * d + 1;
    at(next, Unit::Mem, slice, make("mem.addreg", {{"reg", 1}, {"value", 1}}));
    at(next + 1, Unit::Mem, slice, make("endloop", {{"body", 2}}));
  }
  // Afterwards the target reads back the row written last, as soon as it may.
  // (The builder counts one iteration of the loop.)
  uint64_t write = start + lag + (n - 1) * d;
  uint64_t others = (iterations - 1) * ((n - 1) * d + 3);
  uint64_t end = write + std::max<uint64_t>(m.delaySramWrite, 3) + pick(0, 1);
  unsigned row = 2 + iterations - 1 + (outer - 1) * stride2 + inner - 1;
  at(end, Unit::Mem, target,
     make("mem.read", {{"offset", row}, {"stream", 0}}));
  writeFrom(end + others + m.delaySramRead, y, target + 1, 0, 0, 1, 1);
}

/// Two operands, a multiplication, an addition of its history, fp16 out.
void Generator::chain() {
  unsigned n = pick(2, 20), d = pick(1, 3), v = m.vectorPosition();
  uint64_t t = 60;
  for (unsigned byte = 0; byte < 2; ++byte) {
    readTo(t, v, byte, 4 + byte, 0, n, d);
    readTo(t, v, 2 + byte, 6 + byte, 50, n, d);
  }
  auto f16 = [&](unsigned s) { return stream(east, s, ElementType::f16); };
  isa::Instruction mul = make("alu.mul", {{"a", f16(4)}, {"b", f16(6)}}, n, d);
  at(t, Unit::Alu, 2, mul);
  uint64_t c = t + isa::delay(mul, m);
  unsigned age = pick(0, 5);
  isa::Instruction constant =
      make("alu.setconst", {{"a", special(isa::Operand::Lane)}});
  at(10, Unit::Alu, 3, constant);
  isa::Instruction add = make("alu.add",
                              {{"a", history(2, age)},
                               {"b", special(isa::Operand::Constant)},
                               {"dst", dest(east, 8, ElementType::f16)}},
                              n, d);
  at(c + age, Unit::Alu, 3, add);
  uint64_t put = c + age + isa::streamDelay(add, m);
  for (unsigned byte = 0; byte < 2; ++byte)
    writeFrom(put, v, m.slicesPerHalf + byte, 8 + byte, 7, n, d);
}

/// Sums with periods, one that continues, a lane reduction.
void Generator::running() {
  unsigned period = pick(2, 5), groups = pick(1, 4), n = period * groups;
  unsigned v = m.vectorPosition(), s = m.slicesPerHalf;
  uint64_t t = 50;
  readTo(t, v, 0, 0, 0, n, 1);
  isa::Instruction sum = make("alu.acc_sum",
                              {{"a", stream(east, 0, ElementType::i8)},
                               {"dst", dest(east, 4, ElementType::f32)},
                               {"period", period},
                               {"init", 1}},
                              n, 1);
  at(t, Unit::Alu, 4, sum);
  uint64_t put = t + isa::streamDelay(sum, m) + period - 1;
  for (unsigned byte = 0; byte < 4 && byte + 1 <= m.slicesPerHalf; ++byte)
    writeFrom(put, v, s + byte, 4 + byte, 0, groups, groups > 1 ? period : 1);

  uint64_t u = 150;
  unsigned reducer = m.transcendentalAlus;
  readTo(u, v, 1, 1, 0, n, 1);
  isa::Instruction reduce = make("alu.reduce_max",
                                 {{"a", stream(east, 1, ElementType::u8)},
                                  {"dst", dest(east, 2, ElementType::i8)},
                                  {"group", 0}},
                                 n, 1);
  at(u, Unit::Alu, reducer, reduce);
  isa::Instruction more =
      make("alu.acc_sum", {{"a", history(reducer, 0)}, {"period", 0}}, n, 1);
  at(u + isa::delay(reduce, m), Unit::Alu, 4, more);
  writeFrom(u + isa::streamDelay(reduce, m), v, s, 2, 30, n, 1);
}

/// Weights by rows, a swap, passes that replace and add, drains.
void Generator::matrix() {
  bool fp16 = pick(0, 1);
  unsigned width = fp16 ? 2 : 1, step = m.installRows / width;
  unsigned weightRows = m.planeRows / width, installs = weightRows / step;
  unsigned interval = fp16 ? m.fp16Interval : 1;
  uint64_t t = 40;
  // West plane: outward is west. Slice j feeds stream j.
  for (unsigned j = 0; j < m.installRows; ++j)
    readTo(t, 0, j, j, 0, installs, 1);
  at(t, Unit::Weights, 0,
     make("weights.install",
          {{"fp16", fp16},
           {"stream", 0},
           {"n", m.installRows},
           {"step", step},
           {"lane_count", m.lanes},
           {"last", 1}},
          installs));
  uint64_t swap = t + installs + pick(0, 3);
  at(swap, Unit::Weights, 0, make("weights.swap", {}));
  unsigned n = pick(1, m.accumulatorRows);
  uint64_t p = 100;
  for (unsigned round = 0; round < 2; ++round, p += 40 + n * interval) {
    for (unsigned byte = 0; byte < width; ++byte)
      readTo(p, 0, byte, 4 + byte, 100 + 50 * round, n, n > 1 ? interval : 1);
    at(p, Unit::Pass, 0,
       make("pass.run",
            {{"fp16", fp16},
             {"stream", 4},
             {"last", 1},
             {"lane_base", 0},
             {"lane_count", pick(1, weightRows)},
             {"acc_stride", 1},
             {"add", round}},
            n, n > 1 ? interval : 1));
  }
  uint64_t drain = p + m.matrixDelay(fp16) + pick(0, 3);
  at(drain, Unit::Drain, 0,
     make("drain.row", {{"acc_stride", 1}, {"stream", 8}}, n));
  for (unsigned byte = 0; byte < 4; ++byte)
    writeFrom(drain + m.delayDrain, 0, m.slicesPerHalf + byte, 8 + byte, 60, n,
              1);
}

/// Shift, permute with a loaded map, transpose of 16 streams.
void Generator::shuffle() {
  unsigned n = pick(1, 8), x = position(Unit::Shuffle, 1);
  uint64_t t = 50;
  readTo(t, x, 1, 3, 0, n, 1);
  at(t, Unit::Shuffle, 1,
     make("shuffle.shift",
          {{"stream", 3},
           {"last", 1},
           {"odir", west},
           {"ostream", 5},
           {"amount", int64_t(pick(0, 6)) - 3}},
          n));
  writeFrom(t + m.delayShuffle, x, 2, 5, 10, n, 1);
  uint64_t u = 120;
  readTo(u, x, 0, 6, 100, 1, 1);
  readTo(u, x, 1, 7, 100, 1, 1);
  at(u, Unit::Shuffle, 1,
     make("shuffle.loadmap", {{"stream", 6}, {"last", 1}}));
  uint64_t w = u + m.delayShuffle + pick(0, 4);
  readTo(w, x, 3, 8, 100, n, 1);
  at(w, Unit::Shuffle, 1,
     make("shuffle.permute",
          {{"stream", 8}, {"last", 1}, {"odir", west}, {"ostream", 9}}, n));
  writeFrom(w + m.delayShuffle, x, 2, 9, 30, n, 1);
  if (m.streams < 16)
    return;
  // 16 rows at once: each slice gives two streams in two directions at most, so
  // one west slice after the other fills its streams with the vector unit's
  // help: here the ALUs put 16 constants onto the streams.
  uint64_t z = 220;
  unsigned v = m.vectorPosition();
  for (unsigned j = 0; j < 16; ++j) {
    isa::Instruction mov =
        make("alu.mov", {{"a", special(isa::Operand::Lane)},
                         {"dst", dest(east, j, ElementType::i8)}});
    if (m.alus >= 16) {
      at(z, Unit::Alu, j, mov);
    } else if (j % 4 == 0) { // four bytes each
      mov = make("alu.mov", {{"a", special(isa::Operand::Lane)},
                             {"dst", dest(east, j, ElementType::i32)}});
      at(z + m.delayConvert, Unit::Alu, j / 4, mov);
    }
  }
  uint64_t arrive = z + m.delayAlu + m.delayConvert + (x - v);
  at(arrive, Unit::Transpose, 1,
     make("transpose.t16",
          {{"stream", 0}, {"last", 1}, {"odir", west}, {"ostream", 0}}));
  for (unsigned j = 0; j < 16; ++j) {
    // Eight by the slices, the rest by ALUs.
    if (j < m.numSlices())
      writeFrom(arrive + m.delayTranspose, x, j, j, 70, 1, 1);
    else if (j - m.numSlices() < m.alus)
      at(arrive + m.delayTranspose + (x - v), Unit::Alu, j - m.numSlices(),
         make("alu.mov", {{"a", stream(west, j, ElementType::i8)}}));
  }
}

/// Addresses from a stream: gather, scatter, a loaded register.
void Generator::indirect() {
  unsigned n = pick(1, 6), target = m.slicesPerHalf;
  unsigned x = position(Unit::Mem, target);
  uint64_t t = 40;
  // Rows 0 .. 15 of the table; the addresses are rows with small numbers.
  rows(target, 0, 0, 16);
  std::vector<uint8_t> low(m.lanes), high(m.lanes);
  for (unsigned i = 0; i < n; ++i) {
    low[0] = uint8_t(pick(0, 15));
    b.row(0, 0, i, low);
    b.row(1, 0, i, high);
  }
  for (unsigned byte = 0; byte < 2; ++byte)
    at(t - distance(position(Unit::Mem, byte), x) - m.delaySramRead, Unit::Mem,
       byte, make("mem.read", {{"stride", 1}, {"stream", 2 + byte}}, n));
  at(t, Unit::Mem, target,
     make("mem.gather", {{"astream", 2}, {"alast", 1}, {"stream", 4}}, n));
  writeFrom(t + m.delaySramRead, x, target + 1, 4, 5, n, 1);

  uint64_t u = 100;
  unsigned y = position(Unit::Mem, target + 2);
  rows(2, 0, 0, 1);
  for (unsigned byte = 0; byte < 2; ++byte)
    at(u - distance(position(Unit::Mem, byte), y) - m.delaySramRead, Unit::Mem,
       byte, make("mem.read", {{"stream", 2 + byte}}));
  at(u, Unit::Mem, target + 2,
     make("mem.loadreg", {{"reg", 3}, {"stream", 2}, {"last", 1}}));
  rows(target + 2, 1, 0, 20);
  uint64_t w = u + pick(1, 5);
  at(w, Unit::Mem, target + 2,
     make("mem.read", {{"bank", 1}, {"reg", 3}, {"offset", 2}, {"stream", 6}}));
  writeFrom(w + m.delaySramRead, y, target + 3, 6, 9, 1, 1);

  uint64_t z = 160;
  for (unsigned byte = 0; byte < 2; ++byte)
    at(z - distance(position(Unit::Mem, byte), x) - m.delaySramRead, Unit::Mem,
       byte, make("mem.read", {{"stream", 2 + byte}}));
  at(z - distance(position(Unit::Mem, 2), x) - m.delaySramRead, Unit::Mem, 2,
     make("mem.read", {{"stream", 9}}));
  at(z, Unit::Mem, target,
     make("mem.scatter",
          {{"astream", 2}, {"alast", 1}, {"stream", 9}, {"last", 1}}));
  at(z + 10, Unit::Mem, target, make("mem.read", {{"stream", 1}}));
  writeFrom(z + 10 + m.delaySramRead, x, target + 1, 1, 40, 1, 1);
}

/// Straight text longer than the buffer in several queues, whose fetches share
/// the banks with the reads of a text slice.
void Generator::longText() {
  struct Event {
    uint64_t t;
    Unit unit;
    unsigned index;
    isa::Instruction inst;
  };
  std::vector<Event> events;
  unsigned v = m.vectorPosition(), perRow = m.instructionsPerRow(), turn = 0;
  auto read = [&](uint64_t t, unsigned slice, unsigned bank, unsigned stream) {
    events.push_back({t, Unit::Mem, slice,
                      make("mem.read", {{"bank", bank}, {"stream", stream}})});
    events.push_back(
        {t + m.delaySramRead + distance(position(Unit::Mem, slice), v),
         Unit::Alu, turn++ % m.alus,
         make("alu.mov",
              {{"a", test::stream(east, stream, ElementType::u8)}})});
  };
  uint64_t fetched = 0;
  rows(0, 1, 0, 1);
  for (unsigned slice = 1; slice <= 3 && slice < m.slicesPerHalf; ++slice) {
    unsigned rowsOfText = m.bufferRows + pick(1, 4);
    unsigned extra = rowsOfText - m.bufferRows, instructions = 0;
    uint64_t t = 5;
    rows(slice, 0, 0, 1);
    auto fill = [&](unsigned until) {
      for (; instructions < until; ++instructions, t += pick(1, 3))
        if (instructions % 7 == 3)
          read(t, slice, 0, slice);
        else
          events.push_back({t, Unit::Mem, slice, make("nop", {})});
    };
    // As many rows are behind as are fetched.
    fill(extra * perRow);
    t = std::max(t, fetched + pick(0, 1));
    events.push_back({t, Unit::Mem, slice,
                      make("fetch", {{"row", m.bufferRows}, {"rows", extra}})});
    ++instructions;
    fetched = t + extra * m.fetchRowCycles();
    read(fetched, 0, 1, 12 + slice % 2);
    ++fetched;
    t = fetched + m.delayFetch + pick(0, 5);
    fill(rowsOfText * perRow - 1);
  }
  std::sort(events.begin(), events.end(),
            [](const Event &x, const Event &y) { return x.t < y.t; });
  for (const Event &event : events)
    at(event.t, event.unit, event.index, event.inst);
}

/// ALUs without streams: history, constants, accumulators, differing delays.
void Generator::scalar() {
  struct State {
    std::set<uint64_t> results;
    uint64_t free = 0, constants = 0;
    std::string accumulates;
    unsigned count = 0;
  };
  std::vector<State> alus(m.alus);
  const unsigned most =
      std::min(30u, m.bufferRows * m.instructionsPerRow() - 1);
  for (uint64_t t = 0; t < 90; ++t)
    for (unsigned a = 0; a < m.alus; ++a) {
      State &alu = alus[a];
      if (alu.free > t || alu.count >= most || pick(0, 2) == 0)
        continue;
      auto operand = [&]() -> int64_t {
        State &other = alus[pick(0, m.alus - 1)];
        unsigned number = &other - alus.data();
        for (uint64_t age = pick(0, 4); age < m.history && age <= t; ++age)
          if (other.results.count(t - age))
            return history(number, age);
        if (alu.constants && alu.constants <= t)
          return special(isa::Operand::Constant);
        return special(isa::Operand::Lane);
      };
      isa::Instruction inst;
      bool transcendental = a < m.transcendentalAlus;
      bool reduces = !transcendental && a < m.transcendentalAlus + m.reduceAlus;
      unsigned choice = pick(0, 7);
      std::string sum = alu.accumulates;
      const char *sums[] = {"alu.acc_sum", "alu.acc_max"};
      if (choice == 0) {
        inst = make("alu.setconst", {{"a", operand()}});
      } else if (choice <= 2 && transcendental) {
        inst = make("alu.exp2", {{"a", operand()}});
      } else if (choice <= 2 && reduces) {
        inst = make("alu.reduce_max", {{"a", operand()}, {"group", 0}});
      } else if (choice == 3) {
        bool init = alu.accumulates.empty() || pick(0, 2) == 0;
        if (init)
          sum = sums[pick(0, 1)];
        inst = make(sum,
                    {{"a", operand()}, {"init", init}, {"period", pick(0, 3)}});
      } else {
        inst = make("alu.add", {{"a", operand()}, {"b", operand()}});
      }
      uint64_t completes = t + isa::delay(inst, m);
      if (alu.results.count(completes))
        continue;
      alu.results.insert(completes);
      alu.accumulates = sum;
      if (inst.opcode == isa::Opcode::alu_setconst && !alu.constants)
        alu.constants = completes;
      at(t, Unit::Alu, a, inst);
      alu.free = t + 1;
      ++alu.count;
    }
}

/// Passes of both formats over one operand that other planes end: here a change
/// meets the plane's own rules and no stream.
void Generator::passes() {
  if (m.planesPerHalf < 3)
    return matrix();
  const unsigned n = 30;
  bool fp16 = pick(0, 1);
  uint64_t t = 40, p = 90;
  auto install = [&](uint64_t when, bool half, unsigned row) {
    for (unsigned j = 0; j < m.installRows; ++j)
      readTo(when, 0, m.slicesPerHalf + j, j, row, 1, 1);
    at(when, Unit::Weights, 0,
       make("weights.install", {{"fp16", half},
                                {"stream", 0},
                                {"n", m.installRows},
                                {"lane_count", m.lanes},
                                {"last", 1}}));
  };
  install(t, fp16, 0);
  uint64_t swap = t + 1 + pick(0, 2), second = swap + m.delaySwap + pick(0, 1);
  at(swap, Unit::Weights, 0, make("weights.swap", {}));
  install(second, !fp16, 8);
  uint64_t change = p + 12;
  at(change, Unit::Weights, 0, make("weights.swap", {}));

  for (unsigned byte = 0; byte < 2; ++byte) {
    readTo(p, 0, byte, 4 + byte, 0, n, 1);
    at(p, Unit::Pass, 1 + byte,
       make("pass.run",
            {{"stream", 4 + byte}, {"last", 1}, {"lane_count", m.planeRows}},
            n));
  }
  std::set<uint64_t> completions;
  bool written[2] = {false, false};
  uint64_t end = 0;
  for (uint64_t q = p; q < p + n; q += pick(0, 2)) {
    bool half = q >= change + m.delaySwap ? !fp16 : fp16;
    uint64_t completes = q + m.matrixDelay(half);
    if (!completions.insert(completes).second) {
      ++q;
      continue;
    }
    unsigned format = half;
    at(q, Unit::Pass, 0,
       make("pass.run", {{"fp16", half},
                         {"stream", 4},
                         {"lane_count", 4},
                         {"acc", 4 * format},
                         {"add", written[format] && pick(0, 1)}}));
    // A row counts as written from its first completion.
    if (!written[format])
      written[format] = true;
    end = std::max(end, completes);
    q += half ? m.fp16Interval : 1;
  }
  uint64_t drain = end + pick(0, 2);
  at(drain, Unit::Drain, 0,
     make("drain.row", {{"acc", 4u * fp16}, {"stream", 8}}));
  for (unsigned byte = 0; byte < 4; ++byte)
    writeFrom(drain + m.delayDrain, 0, m.slicesPerHalf + byte, 8 + byte, 60, 1,
              1);
}

/// Both chips send to the other over link 0 and receive over link 1, align
/// their clocks while the links rest, or while a vector is on its way, and do
/// it again.
void Generator::ring() {
  uint64_t t = 30, last = 0;
  for (unsigned round = 0; round < 2; ++round) {
    unsigned n = pick(1, 3), d = n > 1 ? m.linkInterval + pick(0, 1) : 1;
    readTo(t, 0, 1, 2, 4 * round, n, d);
    at(t, Unit::LinkSend, 0,
       make("link_send.send", {{"stream", 2}, {"last", 1}}, n, d));
    uint64_t r = t + m.linkLatency + m.linkMargin + pick(0, 2);
    at(r, Unit::LinkRecv, 1, make("link_recv.recv", {{"stream", 3}}, n, d));
    writeFrom(r + 1, m.lastPosition(), m.slicesPerHalf, 3, 4 * round, n, d);
    last = r + (n - 1) * d;
    if (round == 1)
      return;
    // The last cycle from which on the vectors arrive behind the rest.
    uint64_t under = t + m.linkLatency - m.linkMargin - m.resyncRest() - 1;
    bool isUnder = n == 1 && under >= t && under < last && pick(0, 1);
    uint64_t resync =
        isUnder ? t + pick(0, unsigned(under - t)) : last + pick(0, 2);
    at(resync, Unit::Control, 0, make("control.resync", {}));
    t = std::max(resync + m.resyncRest(), last) + 1 + pick(0, 1);
  }
}

/// The builder puts all texts into one bank; here they take turns in all banks
/// of the text slices.
void Generator::spreadTexts(Package &package) {
  unsigned turn = pick(0, 3);
  for (TextSegment &text : package.classes[0].text) {
    unsigned slice = m.textSlices[turn / 2 % m.textSlices.size()];
    unsigned bank = turn++ % 2;
    for (ImageSegment &image : package.chips[0].image)
      if (image.slice == text.slice && image.bank == text.bank &&
          image.row == text.row) {
        image.slice = slice;
        image.bank = bank;
        break;
      }
    text.slice = slice;
    text.bank = bank;
  }
}

Package Generator::take(bool ringOfTwo) {
  Package package = b.build();
  spreadTexts(package);
  // The builder owns the bytes; the package outlives it.
  for (ImageSegment &segment : package.chips[0].image) {
    auto bytes = std::make_shared<std::vector<uint8_t>>(segment.bytes.begin(),
                                                        segment.bytes.end());
    segment.bytes = *bytes;
    package.storage.push_back(bytes);
  }
  if (ringOfTwo) {
    package.chips.push_back(package.chips[0]);
    package.wires = {{0, 0, 1, 1}, {1, 0, 0, 1}};
  }
  return package;
}

struct Kind {
  const char *name;
  void (Generator::*build)();
};
const Kind kinds[] = {
    {"copy", &Generator::copy},         {"nested", &Generator::nested},
    {"chain", &Generator::chain},       {"running", &Generator::running},
    {"matrix", &Generator::matrix},     {"shuffle", &Generator::shuffle},
    {"indirect", &Generator::indirect}, {"long-text", &Generator::longText},
    {"scalar", &Generator::scalar},     {"passes", &Generator::passes},
    {"ring", &Generator::ring}};

} // namespace

unsigned test::programKinds() { return std::size(kinds); }
const char *test::programName(unsigned kind) { return kinds[kind].name; }

Package test::buildProgram(const Machine &machine, unsigned kind,
                           uint64_t seed) {
  Generator generator(machine, seed);
  (generator.*kinds[kind].build)();
  return generator.take(llvm::StringRef(kinds[kind].name) == "ring");
}
