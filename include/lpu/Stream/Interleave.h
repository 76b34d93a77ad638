//===- Interleave.h - large temporaries block by block ----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_STREAM_INTERLEAVE_H
#define LPU_STREAM_INTERLEAVE_H

#include "lpu/Stream/Program.h"

namespace lpu::stream {

/// Attention, kernel by kernel, keeps the scores of all sequences and heads at
/// once. Where the tiles that live at the same time need more than `share`
/// eighths of a machine's SRAM, this cuts runs of kernels into blocks of rows
/// that do not depend on one another and puts everything of a block before the
/// next, so that what the tiles of a block took is free for those of the next.
/// Results keep their bits; programs that fit are left alone.
void interleaveBlocks(Program &program, const Machine &machine, unsigned share);

/// Most SRAM rows that tiles take at the same time while segment `segment`
/// runs, and the kernel at which they do.
struct Peak {
  int64_t rows = 0;
  size_t kernel = 0;
};
Peak peakRows(const Program &program, size_t segment);

} // namespace lpu::stream

#endif // LPU_STREAM_INTERLEAVE_H
