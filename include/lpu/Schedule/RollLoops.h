//===- RollLoops.h - issues that repeat become loops ------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A scheduled queue often does the same again a fixed number of cycles later:
// it installs the next tile, drains the next block, computes the next chunk.
// Where program text is scarce, such stretches are rolled into loops behind the
// scheduler's back: nothing moves by a cycle, and `loop` and `endloop` take
// cycles in which the queue idles. Accesses of a slice may differ by a constant
// step of rows: a base register that the queue does not use otherwise steps
// with the iterations, which takes a cycle too.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SCHEDULE_ROLLLOOPS_H
#define LPU_SCHEDULE_ROLLLOOPS_H

#include "lpu/Schedule/QueueProgram.h"

namespace lpu {

/// Rolls what repeats in the queues of a class, before fetches are inserted. No
/// body has more than \p mostWords words: one that the buffer holds is fetched
/// once, a longer one in every iteration. Slices are the queues with least idle
/// cycles, which their fetches may need: they are rolled with \p slices only.
void rollLoops(ClassProgram &program, const Machine &machine,
               unsigned mostWords, bool slices);

} // namespace lpu

#endif // LPU_SCHEDULE_ROLLLOOPS_H
