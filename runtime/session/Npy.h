//===- Npy.h - one NumPy array ----------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The .npy format, versions 1.0 to 3.0: magic, header length, a Python
// dictionary literal with type, order and shape, then the elements
// (numpy/lib/format.py describes it).
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_SESSION_NPY_H
#define LPU_RUNTIME_SESSION_NPY_H

#include "lpu/Session/Npz.h"

namespace lpu {

/// Bytes of an array; none if a dimension is negative or the product overflows.
std::optional<uint64_t> npyBytes(NpyType type, llvm::ArrayRef<int64_t> shape);

/// The array of a whole .npy file, in C order. Errors do not name the array.
llvm::Expected<NpyArray> parseNpy(std::vector<uint8_t> file, unsigned maxRank);

/// Everything before the elements, in format version 1.0 where it fits.
std::string npyHeader(NpyType type, llvm::ArrayRef<int64_t> shape);

} // namespace lpu

#endif // LPU_RUNTIME_SESSION_NPY_H
