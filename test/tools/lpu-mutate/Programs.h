//===- Programs.h - programs to mutate --------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small legal programs that together use every unit, with seeded sizes, stream
// numbers, intervals and rows: copies with nested strides, vector unit chains
// through history, running reductions, lane constants, a matrix tile of two
// passes, shuffles, gather and scatter, text longer than the buffer, a ring of
// two chips. They need neither the isa dialect nor a compiler.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TEST_PROGRAMS_H
#define LPU_TEST_PROGRAMS_H

#include "lpu/Binary/Package.h"

namespace lpu::test {

unsigned programKinds();
const char *programName(unsigned kind);
/// One program of this kind; legal on every machine like nano.
Package buildProgram(const Machine &machine, unsigned kind, uint64_t seed);

} // namespace lpu::test

#endif // LPU_TEST_PROGRAMS_H
