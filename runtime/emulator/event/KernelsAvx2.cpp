//===- KernelsAvx2.cpp - lane loops ---------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define LPU_KERNEL_SPACE avx2
#define LPU_KERNEL_NAME "avx2"
#define LPU_KERNEL_TABLE avx2Kernels
#define LPU_VECTOR_BYTES 32
#include "Kernels.inc"
