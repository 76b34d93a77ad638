//===- Balance.h - short jobs over all planes -------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_STREAM_BALANCE_H
#define LPU_STREAM_BALANCE_H

#include "lpu/Stream/Program.h"

namespace lpu::stream {

/// Matmuls of few rows are bound by installs, and with 13 jobs on 4 planes one
/// plane would install alone at the end. Cuts the jobs that are left over along
/// K, as many parts as there are planes for them, and adds the partial
/// products in a flow behind the matmul. Part of the stream layer, not of the
/// schedule, since it fixes the order of the sum.
void balanceShortJobs(Program &program, const Machine &machine);

} // namespace lpu::stream

#endif // LPU_STREAM_BALANCE_H
