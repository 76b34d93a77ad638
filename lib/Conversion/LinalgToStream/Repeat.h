//===- Repeat.h - equal layers ----------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_LINALGTOSTREAM_REPEAT_H
#define LPU_LIB_CONVERSION_LINALGTOSTREAM_REPEAT_H

#include "lpu/Conversion/LinalgToStream.h"
#include "llvm/ADT/ArrayRef.h"

namespace lpu::linalg_to_stream {

/// Finds kernels that repeat with other constants and makes them a segment with
/// iterations. The program computes the same bits. The largest loop begins
/// `phase` kernels behind the earliest place if it can. `forms` are those of
/// the kernels.
void outlineRepeats(stream::Program &program, unsigned phase,
                    llvm::ArrayRef<unsigned> forms);

} // namespace lpu::linalg_to_stream

#endif // LPU_LIB_CONVERSION_LINALGTOSTREAM_REPEAT_H
