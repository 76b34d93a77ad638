//===- ChipControl.h - the clock and the sequencers of a chip ---*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of ChipRun that is not in ChipUnits.h. Included where ChipRun is
// instantiated: once for each arithmetic, or a few of them.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_CHIPCONTROL_H
#define LPU_RUNTIME_EMULATOR_EVENT_CHIPCONTROL_H

#include "ChipRun.h"
#include "ChipUnits.h"
#include "ChipUpsets.h"
#include "lpu/Support/Check.h"

namespace lpu::emulator::event {

template <class A>
ChipRun<A>::ChipRun(const RunContext &context, const RunOptions &options,
                    unsigned chip, int64_t base, ChipMemory &memory,
                    const std::vector<QueueText> &texts,
                    llvm::ArrayRef<BaseRegister> registers,
                    const ChipLinks &links, Progress *progress,
                    ChipState &state)
    : m(context.machine), options(options), chip(chip), base(base),
      sram(memory),
      initialisedCopy(hasData ? std::vector<uint64_t>() : memory.initialised),
      initialised(hasData ? memory.initialised : initialisedCopy), links(links),
      progress(progress), state(state), arithmetic(context, memory),
      upsets(options, chip, base, memory.flips, hasData),
      edgePosition(int(m.lastPosition())), lanes(m.lanes),
      perRow(m.instructionsPerRow()) {
  unsigned longest = longestDelay(m);
  ring = std::max(ringSize(longest + m.fetchRowCycles() + 1), 256u);
  ringMask = ring - 1;
  words = (m.numQueues() + 63) / 64;
  starts.assign(size_t(ring) * words, 0);
  landings.assign(ring, 0);
  landingLists.resize(ring + 1);
  for (unsigned i = 1; i <= ring; ++i)
    spareLists.push_back(uint16_t(i));
  effects.resize(ring);

  keyRing = ringSize(m.lastPosition() + 2);
  live.assign(size_t(2) * keyRing, 0);
  writers.assign(live.size() * m.streams, 0);
  lastReaders.assign(writers.size(), nobody);
  if (hasData)
    values.assign(writers.size(), 0);

  banks.resize(m.numSlices() * 2);
  writeRing = ringSize(m.delaySramWrite);
  pendingWrites.resize(banks.size() * writeRing);
  planes.resize(m.numPlanes());
  for (Plane &plane : planes) {
    plane.rows.resize(m.accumulatorRows);
    plane.completions.assign(ringSize(longest + 1), {-1, 0});
  }
  alus.resize(m.alus);
  for (Alu &alu : alus)
    alu.results.assign(ringSize(m.history + longest + 1), {-1, 0});
  mapLoaded.assign(2, false);
  state.lastSends.resize(m.links);
  state.sent.resize(m.links);
  for (Wire *wire : links.in)
    receives |= wire != nullptr;
  firstReceiver = m.links ? m.queueNumber(Unit::LinkRecv, 0) : 0;

  queues.resize(m.numQueues());
  for (const BaseRegister &base : registers)
    queues[m.queueNumber(Unit::Mem, base.slice)].registers[base.reg] =
        uint16_t(base.value);
  deaths.resize(size_t(3) * m.numQueues()); // each issues once a cycle
  for (const QueueText &text : texts) {
    unsigned number = text.segment.queue;
    Queue &queue = queues[number];
    auto [unit, index] = m.queueUnit(number);
    queue.text = &text;
    queue.ops = text.ops.data();
    queue.size = uint32_t(text.ops.size());
    queue.position = int(m.unitPosition(unit, index));
    queue.index = uint16_t(index);
    queue.buffer.resize(m.bufferRows);
    unsigned bank = 2 * text.segment.slice + text.segment.bank;
    for (unsigned row = 0; row < std::min(m.bufferRows, text.segment.rows);
         ++row)
      if (ChipMemory::test(initialised,
                           sram.index(bank, text.segment.row + row)))
        queue.buffer[row].row = row;
    ++running;
    if constexpr (hasUpsets)
      loadFirstRows(number, queue, text.segment);
    if (!queue.faulty)
      take(number, queue, 0);
  }
}

//===----------------------------------------------------------------------===//
// The clock
//===----------------------------------------------------------------------===//

template <class A>
LLVM_ATTRIBUTE_ALWAYS_INLINE void ChipRun<A>::schedule(unsigned queue,
                                                       int64_t when) {
  if (LLVM_LIKELY(when - now < int64_t(ring))) {
    starts[size_t(when & ringMask) * words + queue / 64] |= UINT64_C(1)
                                                            << (queue % 64);
    ++startCount;
  } else {
    far.push({when, queue});
  }
}

template <class A> Pause ChipRun<A>::resume(const std::atomic<int64_t> &limit) {
  while (true) {
    if (base + now >= limit.load(std::memory_order_relaxed))
      return Pause::Limit;
    wakeFar();
    if (receives && mustWait())
      return Pause::Waiting;
    runCycle();
    if (LLVM_UNLIKELY(!state.faults.empty()))
      return Pause::Faulted;
    ++now;
    if (startCount != 0 || now <= quietAfter)
      continue;
    // Nothing moves: go on where the next queue wakes up.
    if (!far.empty()) {
      // Keys that have entered meanwhile have no history either.
      int64_t skipped = std::max(now, far.top().first) - now;
      for (int64_t i = 0; i < std::min<int64_t>(skipped, keyRing); ++i, ++now)
        forgetKeys();
      now = std::max(now, far.top().first);
    } else if (running == 0) {
      if constexpr (hasUpsets) { // that meet rows up to the end of the run
        now = std::max(now, over() - 1);
        flipDue();
        probeUpTo(UINT64_MAX);
      }
      return Pause::Finished;
    }
  }
}

/// Queues whose issue has come within reach of the calendar.
template <class A> void ChipRun<A>::wakeFar() {
  while (!far.empty() && far.top().first - now < int64_t(ring)) {
    auto [when, queue] = far.top();
    far.pop();
    schedule(queue, when);
  }
}

/// Does a receive of this cycle not know yet what it finds?
template <class A> bool ChipRun<A>::mustWait() {
  const uint64_t *bucket = &starts[size_t(now & ringMask) * words];
  for (unsigned link = 0; link < m.links; ++link) {
    unsigned number = firstReceiver + link;
    Wire *wire = links.in[link];
    if (LLVM_LIKELY(!wire || !(bucket[number / 64] >> (number % 64) & 1)))
      continue;
    const Queue &queue = queues[number];
    if (queue.faulty || queue.ops[queue.pc].kind != Kind::Receive ||
        wire->known(base + now))
      continue;
    // Others may wait for this chip to get here.
    progress->publish(chip, base + now);
    if (!wire->known(base + now))
      return true;
  }
  return false;
}

/// Keys that enter the chip now have no history.
template <class A> LLVM_ATTRIBUTE_ALWAYS_INLINE void ChipRun<A>::forgetKeys() {
  for (unsigned slot : {slotOf(false, now), slotOf(true, now + edgePosition)})
    std::fill_n(lastReaders.begin() + ptrdiff_t(slot * m.streams), m.streams,
                nobody);
}

template <class A> void ChipRun<A>::runCycle() {
  if constexpr (hasUpsets) {
    flipDue();
    probeUpTo(uint64_t(base + now));
  }
  if constexpr (hasData)
    arithmetic.startCycle(now);
  forgetKeys();
  if (std::vector<Effect> &due = effects[size_t(now & ringMask)];
      !due.empty()) {
    for (const Effect &effect : due)
      applyEffect(effect);
    due.clear();
  }

  uint64_t *bucket = &starts[size_t(now & ringMask) * words];
  for (unsigned word = 0; word < words; ++word) {
    uint64_t bits = bucket[word];
    bucket[word] = 0;
    for (; bits != 0; bits &= bits - 1) {
      --startCount;
      issue(word * 64 + unsigned(__builtin_ctzll(bits)));
    }
  }
  if (fetchIssued)
    fetchLoad();
  CycleMaxima &maxima = state.maxima;
  maxima.macs = std::max(maxima.macs, cycleMacs);
  maxima.sramBytes = std::max(maxima.sramBytes, cycleSram);
  cycleMacs = cycleSram = 0;

  for (unsigned i = 0; i < deathCount; ++i) {
    const Death &death = deaths[i];
    state.streamHops +=
        uint64_t(now) * uint64_t(llvm::popcount(live[death.slot] & death.mask));
    live[death.slot] &= ~death.mask;
    for (uint64_t bits = death.mask; bits != 0; bits &= bits - 1)
      lastReaders[death.slot * m.streams + unsigned(__builtin_ctzll(bits))] =
          shorten(death.reader);
  }
  deathCount = 0;
  land();
  edge();
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

template <class A>
LLVM_ATTRIBUTE_NOINLINE void ChipRun<A>::emptyRead(const Queue &queue, Who me,
                                                   const StreamRef &ref,
                                                   unsigned slot) {
  for (unsigned i = 0; i < ref.width; ++i) {
    unsigned stream = ref.stream + i;
    if (live[slot] >> stream & 1)
      continue;
    std::optional<Who> reader;
    if (RecentWho last = lastReaders[slot * m.streams + stream]; last != nobody)
      reader = lengthen(last, now);
    fault(FaultClass::EmptyRead, me, reader,
          "stream " + std::string(ref.west ? "west " : "east ") +
              std::to_string(stream) + " at position " +
              std::to_string(queue.position) + " holds no live value");
  }
}

/// Reads the byte streams of an operand; false after a fault.
template <class A>
LLVM_ATTRIBUTE_ALWAYS_INLINE bool
ChipRun<A>::readStreams(const Queue &queue, Who me, const StreamRef &ref,
                        Value *into) {
  int64_t key = ref.west ? now + queue.position : now - queue.position;
  unsigned slot = slotOf(ref.west, key);
  uint64_t mask = ref.mask(), present = live[slot] & mask;
  if (ref.last)
    deaths[deathCount++] = {slot, present, me};
  if constexpr (hasData)
    for (unsigned i = 0; i < ref.width; ++i)
      into[i] = values[slot * m.streams + ref.stream + i];
  if constexpr (hasUpsets)
    checkStreams(ref, slot, me);
  if (LLVM_LIKELY(present == mask))
    return true;
  emptyRead(queue, me, ref, slot);
  return false;
}

/// Puts a value of `width` bytes on streams in cycle \p when.
template <class A>
LLVM_ATTRIBUTE_ALWAYS_INLINE void
ChipRun<A>::writeStreams(const Queue &queue, Who me, bool west, unsigned stream,
                         unsigned width, int64_t when, Value value) {
  int64_t key = west ? when + queue.position : when - queue.position;
  uint16_t &list = landings[size_t(when & ringMask)];
  if (list == 0) {
    list = spareLists.back();
    spareLists.pop_back();
  }
  // Field by field: a copy of 24 fresh bytes would stall on their stores.
  Landing &landing = landingLists[list].next();
  landing.writer = me;
  landing.slot = uint16_t(slotOf(west, key));
  landing.stream = uint8_t(stream);
  landing.width = uint8_t(width);
  if constexpr (hasData)
    landing.value = value;
  quietAfter = std::max(quietAfter, when + edgePosition);
}

template <class A> void ChipRun<A>::land() {
  uint16_t &list = landings[size_t(now & ringMask)];
  if (list == 0)
    return;
  LandingList &due = landingLists[list];
  for (const Landing &landing : due) {
    uint64_t mask = ((UINT64_C(1) << landing.width) - 1) << landing.stream;
    size_t first = landing.slot * m.streams + landing.stream;
    if (LLVM_UNLIKELY(live[landing.slot] & mask)) {
      for (unsigned i = 0; i < landing.width; ++i) {
        if (!(live[landing.slot] >> (landing.stream + i) & 1))
          continue;
        Who writer = lengthen(writers[first + i], now);
        std::string detail =
            "stream " +
            std::string(landing.slot >= keyRing ? "west " : "east ") +
            std::to_string(landing.stream + i) + " is live";
        if (llvm::any_of(due, [&](const Landing &other) {
              return other.writer == writer && other.slot == landing.slot;
            })) // two writers meet
          clash(FaultClass::StreamOverwrite, landing.writer, writer, detail);
        else
          fault(FaultClass::StreamOverwrite, landing.writer, writer, detail);
      }
    }
    live[landing.slot] |= mask;
    for (unsigned i = 0; i < landing.width; ++i) {
      writers[first + i] = shorten(landing.writer);
      if constexpr (hasUpsets)
        upsets.streams.erase(first + i);
      if constexpr (hasData)
        values[first + i] = landing.value + i * valueByteStep;
    }
    state.streamHops -= uint64_t(now) * landing.width;
  }
  due.clear();
  spareLists.push_back(list);
  list = 0;
}

/// What is still live at its last position is lost.
template <class A> void ChipRun<A>::edge() {
  unsigned slots[2] = {slotOf(false, now - edgePosition), slotOf(true, now)};
  if (LLVM_LIKELY((live[slots[0]] | live[slots[1]]) == 0))
    return;
  for (unsigned west = 0; west < 2; ++west) {
    unsigned slot = slots[west];
    for (uint64_t bits = live[slot]; bits != 0; bits &= bits - 1) {
      unsigned stream = unsigned(__builtin_ctzll(bits));
      fault(FaultClass::LiveValueLost,
            lengthen(writers[slot * m.streams + stream], now), std::nullopt,
            "stream " + std::string(west ? "west " : "east ") +
                std::to_string(stream) + " at position " +
                std::to_string(west ? 0 : edgePosition) +
                " was not read for the last time");
    }
    live[slot] = 0;
  }
}

//===----------------------------------------------------------------------===//
// Sequencers
//===----------------------------------------------------------------------===//

/// Is text row \p row executable in cycle \p when? Only fetches of the queue
/// itself matter, and those before \p when are all known.
template <class A>
bool ChipRun<A>::inBuffer(Queue &queue, uint32_t row, int64_t when) {
  unsigned size = unsigned(queue.buffer.size());
  while (queue.fetchApplied < queue.fetchRows) {
    int64_t start =
        queue.fetchStart + int64_t(queue.fetchApplied) * m.fetchRowCycles();
    if (start > when)
      break;
    uint32_t fetched = queue.fetchRow + queue.fetchApplied++;
    queue.buffer[fetched % size] = {int64_t(fetched),
                                    start + m.fetchRowCycles() + m.delayFetch,
                                    queue.fetch};
  }
  const auto &slot = queue.buffer[row % size];
  if (LLVM_LIKELY(slot.row == int64_t(row) && slot.usable <= when))
    return true;
  queue.takeOther = slot.fetch;
  queue.takeDetail = slot.row == int64_t(row)
                         ? "text row " + std::to_string(row) +
                               " is usable from cycle " +
                               std::to_string(slot.usable)
                         : "text row " + std::to_string(row) +
                               " is not in the instruction buffer";
  return false;
}

/// The instruction at `pc` is taken in cycle \p when, and issues later.
template <class A>
LLVM_ATTRIBUTE_ALWAYS_INLINE void ChipRun<A>::take(unsigned number,
                                                   Queue &queue, int64_t when) {
  uint32_t pc = queue.pc;
  auto cannot = [&](FaultClass kind) {
    queue.faulty = true;
    queue.takeFault = kind;
    schedule(number, when);
  };
  // A row that was executable stays so while no fetch is under way.
  if (LLVM_UNLIKELY(pc - queue.rowBegin >= perRow ||
                    queue.fetchApplied < queue.fetchRows)) {
    if (pc >= queue.size) {
      queue.takeDetail = "the text ends without halt";
      return cannot(FaultClass::FetchStarvation);
    }
    uint32_t row = pc / perRow;
    if (!inBuffer(queue, row, when))
      return cannot(FaultClass::FetchStarvation);
    queue.rowBegin = row * perRow;
  }
  const Op &op = queue.ops[pc];
  int64_t start = when + op.wait;
  if (op.kind <= Kind::Nop) {
    if (op.kind == Kind::Illegal) {
      for (auto &[index, reason] : queue.text->reasons)
        if (index == pc)
          queue.takeDetail = reason;
      return cannot(FaultClass::IllegalEncoding);
    }
    start += op.control.cycles;
  }
  schedule(number, start);
}

template <class A> void ChipRun<A>::issue(unsigned number) {
  Queue &queue = queues[number];
  Who me = makeWho(now, number);
  if (LLVM_UNLIKELY(queue.faulty)) {
    fault(queue.takeFault, me, queue.takeOther, queue.takeDetail);
    return;
  }
  const Op &op = queue.ops[queue.pc];
  if (LLVM_UNLIKELY(options.trace != nullptr))
    options.trace({chip, number, uint64_t(base + now), queue.pc, queue.repeat});
  if (op.kind <= Kind::Halt) {
    if (control(queue, op, me))
      take(number, queue, now + 1);
    return;
  }

  ++state.counters.issues;
  lastEffect = std::max(lastEffect, now + int64_t(op.effectDelay));
  switch (op.kind) {
  case Kind::Read:
    memory(queue, op, me, nullptr, true);
    break;
  case Kind::Write: {
    Value in[1];
    bool ok = readStreams(queue, me, op.in[0], in);
    memory(queue, op, me, in, ok);
    break;
  }
  case Kind::Gather:
  case Kind::Scatter:
  case Kind::SetRegister:
  case Kind::AddRegister:
  case Kind::LoadRegister:
  case Kind::Alu: {
    Value in[3][IsaArithmetic::maxInput];
    bool ok = true;
    for (unsigned i = 0; i < op.inputs; ++i)
      ok &= readStreams(queue, me, op.in[i], in[i]);
    if (op.kind == Kind::Alu)
      alu(queue, op, me, in, ok);
    else
      memory(queue, op, me, in[0], ok);
    break;
  }
  case Kind::Install:
    install(queue, op, me);
    break;
  case Kind::Swap:
    swap(queue, me);
    break;
  case Kind::Pass:
    pass(queue, op, me);
    break;
  case Kind::Drain:
    drain(queue, op, me);
    break;
  case Kind::Shuffle:
  case Kind::LoadMap:
  case Kind::Transpose:
    shuffle(queue, op, me);
    break;
  case Kind::Send:
    send(queue, op, me);
    break;
  case Kind::Receive:
    receive(queue, op, me);
    break;
  default: // Resync
    lastResync = now;
    lastResyncWho = me;
    break;
  }
  if (++queue.repeat < op.count) {
    schedule(number, now + op.interval);
  } else {
    queue.repeat = 0;
    ++queue.pc;
    take(number, queue, now + 1);
  }
}

/// A control instruction; false if the queue has ended.
template <class A>
bool ChipRun<A>::control(Queue &queue, const Op &op, Who me) {
  uint32_t pc = queue.pc++;
  switch (op.kind) {
  case Kind::Halt:
    --running;
    lastHalt = lastHalt ? std::max(*lastHalt, me) : me;
    return false;
  case Kind::Loop:
    if (queue.loops.size() == m.loopDepth)
      fault(FaultClass::IllegalEncoding, me, std::nullopt,
            "loops are nested deeper than " + std::to_string(m.loopDepth));
    queue.loops.push_back({op.control.cycles, queue.pc});
    break;
  case Kind::EndLoop: {
    if (queue.loops.empty()) {
      fault(FaultClass::IllegalEncoding, me, std::nullopt,
            "endloop without loop");
      break;
    }
    auto &level = queue.loops.back();
    if (pc - level.start != op.control.cycles)
      fault(FaultClass::IllegalEncoding, me, std::nullopt,
            "the body of the loop has " + std::to_string(pc - level.start) +
                " instructions");
    if (--level.remaining > 0)
      queue.pc = level.start;
    else
      queue.loops.pop_back();
    break;
  }
  case Kind::Fetch:
    fetch(queue, op, me);
    break;
  default: // Nop
    break;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Fetching
//===----------------------------------------------------------------------===//

template <class A> void ChipRun<A>::fetch(Queue &queue, const Op &op, Who me) {
  const TextSegment &segment = queue.text->segment;
  unsigned row = op.control.row, rows = op.control.rows;
  if (row + rows > segment.rows)
    return fault(FaultClass::AddressOutOfRange, me, std::nullopt,
                 "text rows " + std::to_string(row) + " .. " +
                     std::to_string(row + rows - 1) + " of a segment of " +
                     std::to_string(segment.rows));
  if (queue.fetchEnd > now)
    fault(FaultClass::UnitConflict, me, queue.fetch,
          "the previous fetch of this queue still reads");
  // Bring the buffer up to date before the new fetch takes the record.
  inBuffer(queue, 0, now - 1);
  queue.takeOther.reset();
  queue.takeDetail.clear();
  queue.fetch = me;
  queue.fetchStart = now;
  queue.fetchRow = row;
  queue.fetchRows = rows;
  queue.fetchApplied = 0;
  queue.rowBegin = UINT32_MAX;
  queue.fetchEnd = now + int64_t(rows) * m.fetchRowCycles();
  lastFetchEnd = std::max(lastFetchEnd, queue.fetchEnd);
  state.counters.fetchBytes += uint64_t(rows) * lanes;
  activeFetches.push_back({queue.fetchEnd, me});
  fetchIssued = true;
  readTextRow(queue, row, rows, me);
}

/// Uses the bank; the rows that are left follow at their times.
template <class A>
void ChipRun<A>::readTextRow(Queue &queue, unsigned row, unsigned left,
                             Who me) {
  const TextSegment &segment = queue.text->segment;
  unsigned bank = 2 * segment.slice + segment.bank;
  useBank(bank, me);
  if (!ChipMemory::test(initialised, sram.index(bank, segment.row + row)))
    fault(FaultClass::UninitialisedRead, me, std::nullopt,
          rowText(bank, segment.row + row) + " was never written nor loaded");
  if constexpr (hasUpsets)
    checkRow(bank, segment.row + row, me);
  if (left > 1)
    addEffect(now + m.fetchRowCycles(),
              {EffectKind::FetchRow, false, false, uint16_t(queueOf(me)),
               uint16_t(row + 1), left - 1, me, 0});
}

/// The fetch path carries 16 bytes per active fetch and cycle. The load grows
/// only in cycles in which a fetch is issued.
template <class A> void ChipRun<A>::fetchLoad() {
  fetchIssued = false;
  llvm::erase_if(activeFetches,
                 [&](const ActiveFetch &f) { return f.end <= now; });
  uint64_t bytes = 16 * activeFetches.size();
  state.maxima.fetchBytes = std::max(state.maxima.fetchBytes, bytes);
  if (bytes <= m.fetchBytesPerCycle)
    return;
  std::vector<Who> who;
  for (const ActiveFetch &f : activeFetches)
    who.push_back(f.who);
  llvm::sort(who, std::greater<>());
  fault(FaultClass::FetchOverload, who[0],
        who.size() > 1 ? std::optional<Who>(who[1]) : std::nullopt,
        std::to_string(bytes) + " bytes of text in one cycle, at most " +
            std::to_string(m.fetchBytesPerCycle));
}

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_CHIPCONTROL_H
