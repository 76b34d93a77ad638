//===- Energy.h - joules of a run -------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one formula for energy: the compiler's report counts events in the
// schedule, the emulator in the run, and both multiply them with the machine's
// constants here.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TARGET_ENERGY_H
#define LPU_TARGET_ENERGY_H

#include "lpu/Target/Machine.h"

namespace lpu {

/// What costs energy, summed over all chips.
struct EnergyEvents {
  uint64_t sramBytes = 0; // read and written, without text
  uint64_t hopBytes = 0;  // bytes times positions passed
  uint64_t macsInt8 = 0, macsFp16 = 0, aluOps = 0;
  uint64_t linkBytes = 0;  // sent
  uint64_t fetchBytes = 0; // of text
};

/// Events times their constants, plus idle power of \p chips chips for
/// \p cycles.
double joules(const EnergyEvents &events, const Machine &machine,
              uint64_t cycles, unsigned chips);

} // namespace lpu

#endif // LPU_TARGET_ENERGY_H
