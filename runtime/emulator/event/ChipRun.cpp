//===- ChipRun.cpp - one chip, event by event -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChipControl.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::event;

template class lpu::emulator::event::ChipRun<NoData>;
template class lpu::emulator::event::ChipRun<IsaArithmetic>;
template class lpu::emulator::event::ChipRun<WithUpsets<NoData>>;
template class lpu::emulator::event::ChipRun<WithUpsets<IsaArithmetic>>;

//===----------------------------------------------------------------------===//
// Parties
//===----------------------------------------------------------------------===//

/// Control depends on nothing but the text, so a queue alone can be run again.
uint32_t lpu::emulator::event::findIssue(const QueueText &text, int64_t cycle) {
  struct Level {
    uint32_t remaining, start;
  };
  std::vector<Level> loops;
  int64_t free = 0;
  uint32_t pc = 0;
  while (pc < text.ops.size()) {
    const Op &op = text.ops[pc];
    int64_t start = free + op.wait;
    if (op.kind == Kind::Nop)
      start += op.control.cycles;
    int64_t last = start + int64_t(op.count - 1) * op.interval;
    if (cycle <= last || op.kind == Kind::Illegal || op.kind == Kind::Halt)
      return pc;
    free = last + 1;
    ++pc;
    if (op.kind == Kind::Loop)
      loops.push_back({op.control.cycles, pc});
    if (op.kind == Kind::EndLoop && !loops.empty()) {
      if (--loops.back().remaining > 0)
        pc = loops.back().start;
      else
        loops.pop_back();
    }
  }
  return pc;
}
