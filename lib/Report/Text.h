//===- Text.h - what a queue executes ---------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/isa.md, section 3, for pictures: text to issue cycles, and which streams
// an instruction touches. Own code: a picture that shared it with the scheduler
// would show the scheduler's mistakes as if they were right.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_REPORT_TEXT_H
#define LPU_LIB_REPORT_TEXT_H

#include "lpu/Binary/Package.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace lpu::pictures {

/// The text of a queue of a class.
struct QueueText {
  Unit unit = Unit::Control;
  unsigned index = 0;
  std::vector<isa::Instruction> text;
};

/// The queues of a class in the order of queue numbers, from the image of its
/// first chip. Errors name class and queue.
llvm::Expected<std::vector<QueueText>> readClass(const Package &package,
                                                 unsigned chipClass);

/// The first chip of every class (chips.size() if it has none).
std::vector<unsigned> firstChips(const Package &package);

/// Visits the executed instructions with the cycle of their first issue, loops
/// unrolled, repeats not, up to halt. \p budget falls by one per instruction.
/// Errors: loops that do not match, no halt, budget used up.
llvm::Error
execute(const QueueText &queue, uint64_t &budget,
        llvm::function_ref<void(uint64_t cycle, unsigned index)> visit);

/// Neighbouring byte streams that an instruction reads in its issue cycle or
/// writes after its stream delay.
struct StreamUse {
  enum Kind : uint8_t { Read, LastRead, Write, WriteAtPeriodEnd };
  bool west = false;
  unsigned stream = 0, width = 1;
  Kind kind = Read;
};
llvm::SmallVector<StreamUse, 4> streamUses(const isa::Instruction &instruction,
                                           const QueueText &queue,
                                           const Machine &machine);

} // namespace lpu::pictures

#endif // LPU_LIB_REPORT_TEXT_H
