//===- Energy.cpp - joules of a run ---------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Target/Energy.h"

using namespace lpu;

double lpu::joules(const EnergyEvents &events, const Machine &m,
                   uint64_t cycles, unsigned chips) {
  const EnergyConstants &e = m.energy;
  double pico = e.sramByte * double(events.sramBytes) +
                e.hopByte * double(events.hopBytes) +
                e.macInt8 * double(events.macsInt8) +
                e.macFp16 * double(events.macsFp16) +
                e.aluOp * double(events.aluOps) +
                e.fetchByte * double(events.fetchBytes) +
                e.linkByte * double(events.linkBytes);
  return pico * 1e-12 +
         e.idleWatts * chips * double(cycles) / (m.clockMHz * 1e6);
}
