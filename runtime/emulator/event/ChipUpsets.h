//===- ChipUpsets.h - flipped bits of one chip ------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The members of ChipRun that runs with upsets need (Upsets.h).
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_CHIPUPSETS_H
#define LPU_RUNTIME_EMULATOR_EVENT_CHIPUPSETS_H

#include "ChipRun.h"

namespace lpu::emulator::event {

/// The upsets up to this cycle, before anything else of it.
template <class A> void ChipRun<A>::flipDue() {
  if constexpr (hasUpsets)
    while (upsets.next < upsets.coming.size() &&
           int64_t(upsets.coming[upsets.next].cycle) <= base + now)
      state.upsets.met += flip(upsets.coming[upsets.next++]);
}

/// The probes up to this program cycle. Cycles in which nothing moves are
/// skipped, and nothing is written in them.
template <class A> void ChipRun<A>::probeUpTo(uint64_t cycle) {
  if constexpr (hasUpsets)
    while (upsets.nextProbe < upsets.probes.size() &&
           upsets.probes[upsets.nextProbe].first <= cycle)
      options.probe(upsets.probes[upsets.nextProbe++].second);
}

/// False if there is nothing to meet.
template <class A> bool ChipRun<A>::flip(const Upset &u) {
  if constexpr (hasUpsets) {
    int64_t cycle = int64_t(u.cycle) - base;
    if (running == 0 && cycle >= over())
      return false; // behind the run
    if (u.place == Upset::Place::Sram) {
      size_t index = sram.index(2 * u.slice + u.bank, u.row);
      if (!ChipMemory::test(initialised, index))
        return false;
      upsets.rows[index].flip(u.bit);
      return true;
    }
    if (cycle != now)
      return false; // a cycle that was skipped, as nothing was live in it
    int64_t position = u.position;
    unsigned slot = slotOf(u.west, u.west ? now + position : now - position);
    if (!(live[slot] >> u.stream & 1))
      return false;
    upsets.streams[size_t(slot) * m.streams + u.stream].flip(u.bit);
    return true;
  }
  return false;
}

template <class A>
void ChipRun<A>::check(const ecc::Flips &flips, Who reader,
                       const std::string &place) {
  ecc::Finding finding = flips.judge();
  state.upsets.corrected += finding.corrected;
  if (finding.uncorrectable)
    fault(FaultClass::UncorrectableError, reader, std::nullopt,
          place + " has a word with two flipped bits");
}

template <class A>
void ChipRun<A>::checkRow(unsigned bank, unsigned row, Who reader) {
  if constexpr (hasUpsets)
    if (auto found = upsets.rows.find(sram.index(bank, row));
        found != upsets.rows.end())
      check(found->second, reader, rowText(bank, row));
}

template <class A>
void ChipRun<A>::checkStreams(const StreamRef &ref, unsigned slot, Who reader) {
  if constexpr (hasUpsets) {
    if (upsets.streams.empty())
      return;
    for (unsigned stream = ref.stream; stream < ref.stream + ref.width;
         ++stream)
      if (auto found = upsets.streams.find(size_t(slot) * m.streams + stream);
          found != upsets.streams.end() && (live[slot] >> stream & 1))
        check(found->second, reader,
              "stream " + std::string(ref.west ? "west " : "east ") +
                  std::to_string(stream));
  }
}

/// The text rows in the buffer at cycle 0 are read like all others. What an
/// earlier run left flipped in them is a fault of the queue's first
/// instruction.
template <class A>
void ChipRun<A>::loadFirstRows(unsigned number, Queue &queue,
                               const TextSegment &segment) {
  if constexpr (hasUpsets)
    for (unsigned row = 0; row < std::min(m.bufferRows, segment.rows); ++row) {
      auto found = upsets.rows.find(
          sram.index(2 * segment.slice + segment.bank, segment.row + row));
      if (found == upsets.rows.end())
        continue;
      ecc::Finding finding = found->second.judge();
      state.upsets.corrected += finding.corrected;
      if (!finding.uncorrectable)
        continue;
      queue.faulty = true;
      queue.takeFault = FaultClass::UncorrectableError;
      queue.takeDetail = "text row " + std::to_string(row) +
                         ", loaded before cycle 0, has a word with two "
                         "flipped bits";
    }
  if (queue.faulty)
    schedule(number, 0);
}

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_CHIPUPSETS_H
