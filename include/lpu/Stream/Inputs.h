//===- Inputs.h - one type per input ----------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_STREAM_INPUTS_H
#define LPU_STREAM_INPUTS_H

#include "lpu/Stream/Program.h"

namespace lpu::stream {

/// The host writes every placement of an input in one element type. Where tiles
/// of one input differ in type, those of a narrower type become temporaries
/// that the program fills from a wide one.
void unifyInputTypes(Program &program);

} // namespace lpu::stream

#endif // LPU_STREAM_INPUTS_H
