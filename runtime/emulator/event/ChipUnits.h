//===- ChipUnits.h - what the units of a chip do ----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The units' part of ChipRun: checks and reservations of docs/isa.md, sections
// 4 to 8. Included by ChipControl.h only. `ok` says that all stream operands of
// the issue were live; if not, a fault is recorded already and no value is
// touched.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_CHIPUNITS_H
#define LPU_RUNTIME_EMULATOR_EVENT_CHIPUNITS_H

#include "ChipRun.h"

namespace lpu::emulator::event {

//===----------------------------------------------------------------------===//
// SRAM slices
//===----------------------------------------------------------------------===//

template <class A>
LLVM_ATTRIBUTE_NOINLINE void ChipRun<A>::bankConflict(unsigned number, Who me) {
  clash(FaultClass::BankConflict, me, banks[number].user,
        "slice " + std::to_string(number / 2) + " bank " +
            std::to_string(number % 2) + " is used twice");
}

template <class A>
LLVM_ATTRIBUTE_ALWAYS_INLINE void ChipRun<A>::useBank(unsigned number, Who me) {
  Bank &bank = banks[number];
  if (LLVM_UNLIKELY(bank.used == now))
    bankConflict(number, me);
  bank.used = now;
  bank.user = me;
}

template <class A>
LLVM_ATTRIBUTE_ALWAYS_INLINE void ChipRun<A>::memory(Queue &queue, const Op &op,
                                                     Who me, const Value *in,
                                                     bool ok) {
  const MemOp &mem = op.mem;
  switch (op.kind) {
  case Kind::SetRegister:
    queue.registers[mem.reg] = uint16_t(mem.value);
    return;
  case Kind::AddRegister:
    queue.registers[mem.reg] += uint16_t(mem.value);
    return;
  case Kind::LoadRegister:
    if constexpr (hasData)
      queue.registers[mem.reg] = ok ? uint16_t(arithmetic.address(in)) : 0;
    else
      queue.registers[mem.reg] = 0;
    return;
  default:
    break;
  }
  if (!ok)
    return;

  bool writes = op.kind == Kind::Write || op.kind == Kind::Scatter;
  int64_t row = int64_t(queue.registers[mem.reg]) + mem.offset;
  if (op.kind == Kind::Read || op.kind == Kind::Write) {
    int64_t i = queue.repeat;
    if (mem.inner > 0)
      row += i % mem.inner * mem.stride + i / mem.inner * mem.stride2;
    else
      row += i * mem.stride;
  } else if constexpr (hasData) {
    row += arithmetic.address(writes ? in + IsaArithmetic::maxInput : in);
  }
  if (LLVM_UNLIKELY(row < 0 || row >= int64_t(m.rows)))
    return coldFault(FaultClass::AddressOutOfRange, me, std::nullopt, [=] {
      return "row " + std::to_string(row) + ", outside 0 .. " +
             std::to_string(m.rows - 1);
    });

  unsigned bank = 2u * queue.index + mem.bank;
  size_t index = sram.index(bank, unsigned(row));
  useBank(bank, me);
  cycleSram += lanes;
  if (LLVM_UNLIKELY(writes && sram.textBanks[bank] &&
                    ChipMemory::test(sram.text, index)))
    return coldFault(FaultClass::UnspecifiedBehaviour, me, std::nullopt, [=] {
      return rowText(bank, row) + " holds program text";
    });
  // Writes of the last few cycles that are not visible yet. They come from
  // this queue: a slice has only one.
  PendingWrite *pending = &pendingWrites[size_t(bank) * writeRing];
  for (unsigned age = 1; age < m.delaySramWrite; ++age) {
    const PendingWrite &write = pending[(now - age) & (writeRing - 1)];
    if (LLVM_UNLIKELY(write.cycle == now - age && write.row == row))
      coldFault(FaultClass::UnspecifiedBehaviour, me,
                makeWho(write.cycle, queueOf(me)), [=] {
                  return rowText(bank, row) +
                         (writes ? " is written" : " is read") +
                         " before the write is visible, in cycle " +
                         std::to_string(write.cycle + m.delaySramWrite);
                });
  }
  if (writes) {
    pending[now & (writeRing - 1)] = {now, uint32_t(row)};
    ChipMemory::set(initialised, index);
    if constexpr (hasUpsets)
      upsets.rows.erase(index);
    state.counters.sramBytesWritten += lanes;
    if constexpr (hasData)
      arithmetic.storeRow(index, in[0]);
    return;
  }
  if (LLVM_UNLIKELY(!ChipMemory::test(initialised, index)))
    return coldFault(FaultClass::UninitialisedRead, me, std::nullopt, [=] {
      return rowText(bank, row) + " was never written nor loaded";
    });
  if constexpr (hasUpsets)
    checkRow(bank, unsigned(row), me);
  state.counters.sramBytesRead += lanes;
  if constexpr (hasData)
    write(queue, op, me, arithmetic.loadRow(index));
  else
    write(queue, op, me, 0);
}

//===----------------------------------------------------------------------===//
// Vector unit
//===----------------------------------------------------------------------===//

template <class A>
LLVM_ATTRIBUTE_ALWAYS_INLINE void
ChipRun<A>::alu(const Queue &queue, const Op &op, Who me,
                const Value (*in)[IsaArithmetic::maxInput], bool ok) {
  const AluOp &a = op.alu;
  Alu &unit = alus[queue.index];
  unsigned mask = unsigned(unit.results.size()) - 1;
  int64_t historyCycles[3] = {};
  for (unsigned i = 0; i < 3; ++i) {
    const Source &source = a.source[i];
    if (source.kind == Source::History) {
      int64_t cycle = historyCycles[i] = now - source.age;
      if (LLVM_UNLIKELY(cycle < 0 ||
                        alus[source.alu].results[size_t(cycle & mask)].first !=
                            cycle)) {
        coldFault(FaultClass::UninitialisedRead, me, std::nullopt, [=] {
          return "no result of ALU " + std::to_string(source.alu) +
                 " completed " + std::to_string(source.age) + " cycles ago";
        });
        ok = false;
      }
    } else if (source.kind == Source::Constant &&
               LLVM_UNLIKELY(!unit.constantSet)) {
      coldFault(FaultClass::UninitialisedRead, me, std::nullopt,
                [] { return "the lane constants of this ALU are not set"; });
      ok = false;
    }
  }

  bool start = false, output = op.hasOutput;
  if (a.kind == AluClass::Accumulate) {
    start = queue.repeat == 0 ? a.init != 0
                              : a.period > 0 && queue.repeat % a.period == 0;
    if (LLVM_UNLIKELY(!start && !unit.accumulating)) {
      coldFault(FaultClass::UninitialisedRead, me, std::nullopt, [] {
        return "this ALU's accumulator holds nothing to continue from";
      });
      start = true;
    } else if (LLVM_UNLIKELY(!start && unit.accumulateOp != a.kernel)) {
      coldFault(FaultClass::UnspecifiedBehaviour, me, unit.lastAccumulate,
                [] { return "continues what another operation started"; });
    }
    unit.accumulating = true;
    unit.accumulateOp = a.kernel;
    unit.lastAccumulate = me;
    output &= a.period == 0 ? queue.repeat + 1u == op.count
                            : queue.repeat % a.period == a.period - 1u;
  }

  int64_t completion = now + op.doneDelay;
  auto &result = unit.results[size_t(completion & mask)];
  if (LLVM_UNLIKELY(result.first == completion))
    addEffect(completion, {EffectKind::Clash, false, false, queue.index, 0, 0,
                           me, result.second});
  result = {completion, me};
  if (a.kind == AluClass::SetConstant)
    addEffect(completion,
              {EffectKind::Constant, false, false, queue.index, 0, 0, me, 0});
  state.counters.aluOps += lanes;
  if constexpr (hasData) {
    if (!ok)
      return;
    Value value = arithmetic.alu(op, queue.index, in, historyCycles, completion,
                                 start, output);
    if (output)
      write(queue, op, me, value);
  } else if (output) {
    write(queue, op, me, 0);
  }
}

//===----------------------------------------------------------------------===//
// Matrix planes
//===----------------------------------------------------------------------===//

template <class A>
void ChipRun<A>::install(Queue &queue, const Op &op, Who me) {
  const MatrixOp &x = op.matrix;
  Plane &plane = planes[queue.index];
  Format format = x.fp16 ? Format::Fp16 : Format::Int8;
  if (plane.pendingSwap)
    fault(FaultClass::UnitConflict, me, *plane.pendingSwap,
          "an install during a swap");
  if (plane.shadow == Format::None) {
    plane.shadow = format;
    plane.shadowInstall = me;
  } else if (plane.shadow != format) {
    fault(FaultClass::UnspecifiedBehaviour, me, plane.shadowInstall,
          "the shadow buffer holds weights of the other format");
  }
  int64_t at = x.at + int64_t(queue.repeat) * x.step;
  int64_t count = x.n / (x.fp16 ? 2 : 1), rows = weightRows(x.fp16);
  if (x.columns ? !inRange("columns", at, count, lanes, me) ||
                      !inRange("weight rows", x.row, x.laneCount, rows, me)
                : !inRange("weight rows", at, count, rows, me))
    return;
  Value in[64];
  bool ok = readStreams(queue, me, op.in[0], in);
  if constexpr (hasData)
    if (ok && state.faults.empty())
      arithmetic.install(op, queue.index, in, unsigned(at));
}

template <class A> void ChipRun<A>::swap(const Queue &queue, Who me) {
  Plane &plane = planes[queue.index];
  if (plane.pendingSwap)
    return fault(FaultClass::UnitConflict, me, *plane.pendingSwap,
                 "a swap during a swap");
  plane.pendingSwap = me;
  addEffect(now + m.delaySwap,
            {EffectKind::Swap, false, false, queue.index, 0, 0, me, 0});
}

template <class A>
bool ChipRun<A>::inRange(const char *what, int64_t first, int64_t count,
                         int64_t limit, Who me) {
  if (LLVM_LIKELY(first >= 0 && first + count <= limit))
    return true;
  fault(FaultClass::AddressOutOfRange, me, std::nullopt,
        std::string(what) + " " + std::to_string(first) + " .. " +
            std::to_string(first + count - 1) + ", outside 0 .. " +
            std::to_string(limit - 1));
  return false;
}

template <class A> void ChipRun<A>::pass(Queue &queue, const Op &op, Who me) {
  const MatrixOp &x = op.matrix;
  Plane &plane = planes[queue.index];
  Format format = x.fp16 ? Format::Fp16 : Format::Int8;
  uint64_t macs = uint64_t(x.laneCount) * lanes;
  (x.fp16 ? state.counters.macsFp16 : state.counters.macsInt8) += macs;
  cycleMacs += macs;

  if (plane.lastFp16 && plane.lastPass + m.fp16Interval > now)
    fault(FaultClass::UnitConflict, me, plane.lastPassWho,
          "an fp16 pass keeps the plane busy for " +
              std::to_string(m.fp16Interval) + " cycles");
  plane.lastFp16 = x.fp16;
  plane.lastPass = now;
  plane.lastPassWho = me;
  if (plane.active != Format::None && plane.active != format)
    fault(FaultClass::UnspecifiedBehaviour, me, plane.activeInstall,
          "the active weights are of the other format");
  int64_t row = x.acc + int64_t(queue.repeat) * x.step;
  if (!inRange("weight rows", x.row, x.laneCount, weightRows(x.fp16), me) ||
      !inRange("accumulator row", row, 1, m.accumulatorRows, me))
    return;
  Value in[2] = {};
  bool ok = readStreams(queue, me, op.in[0], in);

  int64_t completion = now + op.doneDelay;
  auto &done =
      plane.completions[size_t(completion) & (plane.completions.size() - 1)];
  if (done.first == completion)
    addEffect(completion, {EffectKind::Clash, false, true, queue.index, 0, 0,
                           me, done.second});
  done = {completion, me};
  uint32_t number = 0;
  if constexpr (hasData)
    if (ok && state.faults.empty())
      number = arithmetic.pass(op, queue.index, in, unsigned(row));
  addEffect(completion, {EffectKind::Pass, x.fp16 != 0, x.add != 0, queue.index,
                         uint16_t(row), number, me, 0});
}

template <class A>
void ChipRun<A>::drain(const Queue &queue, const Op &op, Who me) {
  int64_t row = op.matrix.acc + int64_t(queue.repeat) * op.matrix.step;
  if (!inRange("accumulator row", row, 1, m.accumulatorRows, me))
    return;
  if (planes[queue.index].rows[size_t(row)].format == Format::None)
    return fault(FaultClass::UninitialisedRead, me, std::nullopt,
                 "accumulator row " + std::to_string(row) +
                     " was never written");
  if constexpr (hasData)
    write(queue, op, me, arithmetic.drain(queue.index, unsigned(row)));
  else
    write(queue, op, me, 0);
}

template <class A> void ChipRun<A>::applyEffect(const Effect &e) {
  switch (e.kind) {
  case EffectKind::Pass: {
    auto &row = planes[e.unit].rows[e.row];
    Format format = e.fp16 ? Format::Fp16 : Format::Int8;
    if (e.add && row.format == Format::None)
      fault(FaultClass::UninitialisedRead, e.who, std::nullopt,
            "adds to accumulator row " + std::to_string(e.row) +
                ", which was never written");
    else if (e.add && row.format != format)
      fault(FaultClass::UnspecifiedBehaviour, e.who, row.pass,
            "adds to accumulator row " + std::to_string(e.row) +
                " of the other format");
    row = {format, e.who};
    if constexpr (hasData)
      if (state.faults.empty())
        arithmetic.completePass(e.unit, e.number);
    return;
  }
  case EffectKind::Swap: {
    Plane &plane = planes[e.unit];
    plane.active = plane.shadow;
    plane.activeInstall = plane.shadowInstall;
    plane.shadow = Format::None;
    plane.pendingSwap.reset();
    if constexpr (hasData)
      arithmetic.swap(e.unit);
    return;
  }
  case EffectKind::Constant:
    alus[e.unit].constantSet = true;
    if constexpr (hasData)
      if (state.faults.empty())
        arithmetic.setConstant(e.unit, now);
    return;
  case EffectKind::Map:
    mapLoaded[e.unit] = true;
    if constexpr (hasData)
      arithmetic.setMap(e.unit);
    return;
  case EffectKind::FetchRow:
    readTextRow(queues[e.unit], e.row, e.number, e.who);
    return;
  case EffectKind::Clash:
    clash(FaultClass::UnitConflict, e.who, e.other,
          e.add ? "two passes of one plane complete in the same cycle"
                : "two results of one ALU complete in the same cycle");
    return;
  }
}

//===----------------------------------------------------------------------===//
// Shuffle units
//===----------------------------------------------------------------------===//

template <class A>
void ChipRun<A>::shuffle(const Queue &queue, const Op &op, Who me) {
  Value in[16] = {};
  bool ok = readStreams(queue, me, op.in[0], in);
  if (op.kind == Kind::LoadMap) {
    if (!ok)
      return;
    addEffect(now + op.doneDelay,
              {EffectKind::Map, false, false, queue.index, 0, 0, me, 0});
    if constexpr (hasData)
      arithmetic.loadMap(queue.index, in);
    return;
  }
  if (op.kind == Kind::Shuffle && op.shuffle.kind == ShuffleKind::Permute &&
      !mapLoaded[queue.index]) {
    fault(FaultClass::UninitialisedRead, me, std::nullopt,
          "no permutation map was loaded");
    ok = false;
  }
  if (op.kind == Kind::Shuffle) {
    if constexpr (hasData) {
      if (ok)
        write(queue, op, me, arithmetic.shuffle(op, queue.index, in[0]));
    } else {
      write(queue, op, me, 0);
    }
    return;
  }
  Value out[16] = {};
  if constexpr (hasData)
    if (ok)
      arithmetic.transpose(in, out);
  for (unsigned i = 0; i < 16; ++i)
    writeStreams(queue, me, op.out.west, op.out.stream + i, 1,
                 now + op.streamDelay, out[i]);
}

//===----------------------------------------------------------------------===//
// Links
//===----------------------------------------------------------------------===//

template <class A> int64_t ChipRun<A>::drift() const {
  int64_t ppm = chip < options.driftPpm.size() ? options.driftPpm[chip] : 0;
  return ppm * (now - lastResync) / 1000000;
}

template <class A> void ChipRun<A>::resyncCheck(Who me) {
  if (now - lastResync > int64_t(m.resyncCycles))
    fault(FaultClass::Drift, me, lastResyncWho,
          std::to_string(now - lastResync) +
              " cycles after the last resync, at most " +
              std::to_string(m.resyncCycles) + " are allowed");
}

/// Is \p cycle no later than the rest behind the last resync of this run?
template <class A> bool ChipRun<A>::inRest(int64_t cycle) const {
  return lastResyncWho && cycle <= lastResync + int64_t(m.resyncRest());
}

template <class A>
void ChipRun<A>::send(const Queue &queue, const Op &op, Who me) {
  Value in[1] = {};
  bool ok = readStreams(queue, me, op.in[0], in);
  resyncCheck(me);
  if (inRest(now))
    fault(FaultClass::Drift, me, lastResyncWho,
          std::to_string(now - lastResync) +
              " cycles after a resync, the links rest for " +
              std::to_string(m.resyncRest()));
  ++state.counters.linkVectors;
  std::optional<Issue> &previous = state.lastSends[queue.index];
  if (previous && previous->cycle() + int64_t(m.linkInterval) > base + now) {
    fault(FaultClass::LinkOverrun, me, std::nullopt,
          "sends of one link are at least " + std::to_string(m.linkInterval) +
              " cycles apart");
    state.faults.back().other = previous;
  }
  previous = mine(me);
  if (links.recorded) {
    links.recorded->sends[queue.index].push_back(now);
    return;
  }
  Wire *wire = links.out[queue.index];
  if (!wire)
    return fault(FaultClass::LinkOverrun, me, std::nullopt,
                 "no wire leaves link " + std::to_string(queue.index));
  Message message;
  message.sender = mine(me);
  message.drift = drift();
  if constexpr (hasData) {
    message.bytes =
        std::make_unique<uint8_t[]>(size_t(lanes) * A::messageBytes);
    if (ok)
      arithmetic.leave(in[0], message.bytes.get());
  }
  if constexpr (hasUpsets) {
    uint64_t number = state.sent[queue.index]++;
    for (const Upset &u : options.upsets)
      if (u.place == Upset::Place::Link && u.chip == chip &&
          u.link == queue.index && u.number == number) {
        message.flips.flip(u.bit);
        ++state.upsets.met;
      }
  }
  wire->send(std::move(message));
}

template <class A>
void ChipRun<A>::receive(const Queue &queue, const Op &op, Who me) {
  resyncCheck(me);
  if (links.recorded) {
    links.recorded->receives[queue.index].push_back(
        {now, lastResyncWho
                  ? std::optional<int64_t>(lastResync + int64_t(m.resyncRest()))
                  : std::nullopt});
    return write(queue, op, me, 0);
  }
  Wire *wire = links.in[queue.index];
  std::optional<Message> message =
      wire ? wire->receive(base + now) : std::nullopt;
  if (!message) {
    // Which vector is under way is known when the sender got here, too: the
    // engine completes this fault.
    fault(FaultClass::LinkUnderrun, me, std::nullopt, "no vector is under way");
    state.faults.back().underrun = wire;
    return;
  }
  if constexpr (hasUpsets)
    check(message->flips, me, "the vector received");
  int64_t skew = message->drift - drift();
  int64_t arrives = message->sender.cycle() - base + int64_t(m.linkLatency) -
                    int64_t(m.linkMargin);
  if (inRest(arrives)) {
    fault(FaultClass::Drift, me, lastResyncWho,
          "the vector may arrive in cycle " + std::to_string(base + arrives) +
              ", the links rest up to cycle " +
              std::to_string(base + lastResync + int64_t(m.resyncRest())));
  } else if (std::abs(skew) > int64_t(m.linkMargin)) {
    fault(FaultClass::Drift, me, std::nullopt,
          "the clocks have drifted apart by " + std::to_string(skew) +
              " cycles, the margin is " + std::to_string(m.linkMargin));
    state.faults.back().other = message->sender;
    state.faults.back().otherChip = wire->fromChip;
  }
  if constexpr (hasData)
    write(queue, op, me, arithmetic.arrive(message->bytes.get()));
  else
    write(queue, op, me, 0);
}

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_CHIPUNITS_H
