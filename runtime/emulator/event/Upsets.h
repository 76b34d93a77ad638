//===- Upsets.h - flipped bits in the event engine --------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A run with upsets, or with probes, is a ChipRun over another arithmetic type,
// so that a run without them has not even a branch for them. Values stay as
// they are: the places of flipped bits are noted beside them, and a read of
// such a place judges the flips (Ecc.h), which either leaves the value right or
// ends the run.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_UPSETS_H
#define LPU_RUNTIME_EMULATOR_EVENT_UPSETS_H

#include "lpu/Emulator/Ecc.h"
#include "lpu/Emulator/Emulator.h"
#include "llvm/ADT/STLExtras.h"
#include <map>
#include <type_traits>

namespace lpu::emulator::event {

/// The same arithmetic in a run with upsets.
template <class Base> struct WithUpsets : Base {
  using Base::Base;
};
template <class A> struct HasUpsets : std::false_type {};
template <class Base> struct HasUpsets<WithUpsets<Base>> : std::true_type {};

/// Flipped bits of rows, by ChipMemory::index.
using FlippedRows = std::map<size_t, ecc::Flips>;

/// What a run of a chip knows of its upsets.
struct ChipUpsets {
  /// In SRAM and on streams, from program cycle \p base on.
  ChipUpsets(const RunOptions &options, unsigned chip, int64_t base,
             FlippedRows &memory, bool keep)
      : rowsCopy(keep ? FlippedRows() : memory),
        rows(keep ? memory : rowsCopy) {
    for (auto [number, probe] : llvm::enumerate(options.probes))
      if (probe.chip == chip)
        probes.push_back({probe.cycle, number});
    llvm::sort(probes);
    for (const Upset &u : options.upsets)
      if (u.place != Upset::Place::Link && u.chip == chip &&
          int64_t(u.cycle) >= base)
        coming.push_back(u);
    llvm::sort(coming, [](const Upset &a, const Upset &b) {
      return a.cycle < b.cycle;
    });
  }

  std::vector<Upset> coming;
  size_t next = 0;
  std::vector<std::pair<uint64_t, size_t>> probes; // cycle and number
  size_t nextProbe = 0;
  FlippedRows rowsCopy; // of a run without values
  FlippedRows &rows;
  std::map<size_t, ecc::Flips> streams; // by slot x streams + stream
};
struct NoUpsets {
  NoUpsets(const RunOptions &, unsigned, int64_t, FlippedRows &, bool) {}
};

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_UPSETS_H
