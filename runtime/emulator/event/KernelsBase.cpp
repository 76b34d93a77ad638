//===- KernelsBase.cpp - lane loops ---------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define LPU_KERNEL_SPACE base
#define LPU_KERNEL_NAME "base"
#define LPU_KERNEL_TABLE baseKernels
#define LPU_VECTOR_BYTES 16
#include "Kernels.inc"
