//===- Timeline.cpp - resources taken by a random program -----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Timeline.h"
#include "lpu/Support/Check.h"

using namespace lpu;
using namespace lpu::test;
using isa::Opcode;

Timeline::Timeline(const Machine &machine, unsigned chips) : m(machine) {
  queues.resize(chips);
  for (auto &chip : queues)
    chip.resize(m.numQueues());
  fetching.resize(chips);
  effects.assign(chips, -1);
  fetchEnds.assign(chips, 0);
}

int64_t Timeline::over(unsigned chip) const {
  int64_t last = std::max(effects[chip] + 1, fetchEnds[chip]);
  for (const Queue &queue : queues[chip]) // behind the halt
    if (!queue.text.empty())
      last = std::max(last, queue.free);
  return last;
}

std::pair<unsigned, unsigned> Timeline::textBank(unsigned number) const {
  return {m.textSlices[number % m.textSlices.size()], 1};
}
bool Timeline::isTextBank(unsigned slice, unsigned bank) const {
  return bank == 1 && std::find(m.textSlices.begin(), m.textSlices.end(),
                                slice) != m.textSlices.end();
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// Instructions in half a buffer. Blocks 0 and 1 are loaded before cycle 0;
/// block k >= 1 starts with a fetch of block k + 1 into the place of k - 1 and
/// ends with a nop that waits for it.
unsigned Timeline::blockSize() const {
  return m.bufferRows / 2 * m.instructionsPerRow();
}

unsigned Timeline::textRows() const {
  unsigned perBank = (m.numQueues() + unsigned(m.textSlices.size()) - 1) /
                     unsigned(m.textSlices.size());
  return m.rows / perBank;
}

bool Timeline::reserve(unsigned chip, unsigned number, unsigned count) {
  Queue &queue = queues[chip][number];
  unsigned block = blockSize();
  if (block < 6) { // no room for fetch and nop: use the buffer, keep a halt
    unsigned limit =
        std::min(m.bufferRows, textRows()) * m.instructionsPerRow() - 1;
    queue.full |= queue.text.size() + count > limit;
    return !queue.full;
  }
  if (count > block - 2)
    return false;
  while (queue.text.size() % block + count > block - 1) {
    isa::Instruction nop;
    nop.opcode = Opcode::nop;
    append(chip, number, queue.free, nop);
    if (queue.full)
      return false;
  }
  return !queue.full;
}

void Timeline::append(unsigned chip, unsigned number, int64_t cycle,
                      isa::Instruction inst, int64_t effectLater,
                      int64_t freeLater) {
  Queue &queue = queues[chip][number];
  int64_t wait = cycle - queue.free;
  LPU_CHECK(wait >= 0, "text is appended in time order");
  if (inst.opcode == Opcode::nop)
    inst.fields[0] = wait;
  else {
    LPU_CHECK(wait < 65536, "waits fit their field");
    inst.wait = uint16_t(wait);
  }
  queue.free = cycle + int64_t(inst.count - 1) * inst.interval + 1;
  queue.text.push_back(inst);
  if (inst.info().unit) {
    int64_t last =
        queue.free - 1 + effectLater + int64_t(isa::streamDelay(inst, m));
    lastEffect = std::max(lastEffect, last);
    effects[chip] = std::max(effects[chip], last);
  }
  queue.free += freeLater;
  afterAppend(chip, number);
}

void Timeline::afterAppend(unsigned chip, unsigned number) {
  Queue &queue = queues[chip][number];
  unsigned block = blockSize();
  if (block < 6)
    return;
  uint64_t size = queue.text.size(), index = size / block;
  auto [slice, bank] = textBank(number);
  unsigned rows = m.bufferRows / 2;
  if (size % block == block - 1 && index >= 1) {
    isa::Instruction nop;
    nop.opcode = Opcode::nop;
    int64_t at = std::max(queue.free, queue.blockReady - 1);
    nop.fields[0] = at - queue.free;
    queue.free = at + 1;
    queue.text.push_back(nop);
    ++size;
    index = size / block;
  }
  if (size % block != 0 || index < 1)
    return;
  // The segment must hold the block that is fetched.
  if ((index + 2) * rows > textRows() || rows > 255) {
    queue.full = true;
    return;
  }
  int64_t cyclesPerRow = m.fetchRowCycles();
  for (int64_t at = queue.free;; ++at) {
    bool fits = at - queue.free < 60000;
    LPU_CHECK(fits, "a fetch finds a place");
    for (int64_t i = 0; i < rows * cyclesPerRow && fits; ++i) {
      auto active = fetching[chip].find(at + i);
      fits &= active == fetching[chip].end() ||
              (active->second + 1) * 16 <= m.fetchBytesPerCycle;
      if (i % cyclesPerRow == 0)
        fits &= !fetchUse.count({chip, slice, bank, at + i});
    }
    if (!fits)
      continue;
    for (int64_t i = 0; i < rows * cyclesPerRow; ++i) {
      ++fetching[chip][at + i];
      if (i % cyclesPerRow == 0)
        fetchUse.insert({chip, slice, bank, at + i});
    }
    isa::Instruction fetch;
    fetch.opcode = Opcode::fetch;
    fetch.fields[isa::field::fetch::row] = int64_t((index + 1) * rows);
    fetch.fields[isa::field::fetch::rows] = rows;
    fetch.wait = uint16_t(at - queue.free);
    queue.free = at + 1;
    queue.text.push_back(fetch);
    queue.blockReady = at + rows * cyclesPerRow + m.delayFetch;
    fetchEnds[chip] = std::max(fetchEnds[chip], at + rows * cyclesPerRow);
    return;
  }
}

//===----------------------------------------------------------------------===//
// Placing
//===----------------------------------------------------------------------===//

bool Timeline::free(const Plan &plan, int64_t shift) const {
  std::map<std::pair<unsigned, unsigned>, int64_t> next;
  for (const PlannedIssue &issue : plan.issues) {
    auto [it, fresh] = next.insert({{issue.chip, issue.queue}, 0});
    if (fresh)
      it->second = queues[issue.chip][issue.queue].free;
    int64_t cycle = issue.cycle + shift;
    if (cycle < it->second || cycle - it->second > 60000)
      return false;
    it->second =
        cycle +
        int64_t(issue.instruction.count - 1) * issue.instruction.interval + 1 +
        issue.freeLater;
  }
  // Two values of the plan itself may meet, too.
  auto overlap = [](Interval a, Interval b) {
    return !(a.first >= b.second || b.first >= a.second);
  };
  std::map<std::tuple<unsigned, bool, unsigned, int64_t>, std::vector<Interval>>
      own;
  for (const PlannedValue &v : plan.values) {
    int64_t written = v.written + shift;
    int64_t key = v.west ? written + v.position : written - v.position;
    Interval life{written, v.lastRead + shift};
    auto place = std::make_tuple(v.chip, v.west, v.stream, key);
    if (auto taken = slots.find(place); taken != slots.end())
      for (Interval other : taken->second)
        if (overlap(life, other))
          return false;
    for (Interval other : own[place])
      if (overlap(life, other))
        return false;
    own[place].push_back(life);
  }
  int64_t visible = m.delaySramWrite;
  std::map<std::tuple<unsigned, unsigned, unsigned, int64_t>,
           std::vector<std::pair<int64_t, bool>>>
      ownRows;
  for (const PlannedRow &use : plan.rows) {
    int64_t cycle = use.cycle + shift;
    if (isTextBank(use.slice, use.bank))
      return false;
    auto place = std::make_tuple(use.chip, use.slice, use.bank, use.row);
    auto meets = [&](std::pair<int64_t, bool> other) {
      // A write and any later use within its delay.
      return (use.write && other.first >= cycle &&
              other.first < cycle + visible) ||
             (other.second && cycle >= other.first &&
              cycle < other.first + visible);
    };
    if (auto taken = rows.find(place); taken != rows.end())
      for (auto other : taken->second)
        if (meets(other))
          return false;
    for (auto other : ownRows[place])
      if (meets(other))
        return false;
    ownRows[place].push_back({cycle, use.write});
  }
  for (const Plan::Result &r : plan.results)
    if (results.count({r.chip, r.alu, r.completion + shift}))
      return false;
  return true;
}

bool Timeline::place(Plan &plan, std::mt19937_64 &random,
                     const std::function<bool(int64_t)> &fits) {
  std::map<std::pair<unsigned, unsigned>, unsigned> counts;
  for (const PlannedIssue &issue : plan.issues)
    ++counts[{issue.chip, issue.queue}];
  for (auto [queue, count] : counts)
    if (!reserve(queue.first, queue.second, count))
      return false;
  int64_t first = 0;
  for (const PlannedIssue &issue : plan.issues)
    first = std::max(first, queues[issue.chip][issue.queue].free - issue.cycle);
  first += int64_t(random() % 4);
  for (int64_t shift = first; shift < first + 48; ++shift) {
    if (!free(plan, shift) || (fits && !fits(shift)))
      continue;
    placedAt = shift;
    for (const PlannedIssue &issue : plan.issues)
      append(issue.chip, issue.queue, issue.cycle + shift, issue.instruction,
             issue.effectLater, issue.freeLater);
    for (const PlannedValue &v : plan.values) {
      int64_t written = v.written + shift;
      int64_t key = v.west ? written + v.position : written - v.position;
      slots[{v.chip, v.west, v.stream, key}].push_back(
          {written, v.lastRead + shift});
    }
    for (const PlannedRow &use : plan.rows)
      rows[{use.chip, use.slice, use.bank, use.row}].push_back(
          {use.cycle + shift, use.write});
    for (const Plan::Result &r : plan.results)
      results.insert({r.chip, r.alu, r.completion + shift});
    return true;
  }
  return false;
}
