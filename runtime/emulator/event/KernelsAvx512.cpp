//===- KernelsAvx512.cpp - lane loops -------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define LPU_KERNEL_SPACE avx512
#define LPU_KERNEL_NAME "avx512"
#define LPU_KERNEL_TABLE avx512Kernels
#define LPU_VECTOR_BYTES 64
#include "Kernels.inc"
