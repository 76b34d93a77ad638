//===- RandomProgram.h - seeded legal programs ------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packages that are legal by construction, on random small machines, without a
// compiler. A program is a list of *plans*: small dataflows (rows are read,
// computed with, written) with the relative cycles that the timing equation of
// docs/isa.md gives. A plan is shifted in time until no resource it needs is
// taken, then its instructions are appended to the texts of their queues. Text
// that does not fit the instruction buffer is fetched half a buffer at a time.
//
// The bookkeeping is this file's own: it shares nothing with the scheduler, the
// verifier or the emulator, so each of them can be tested against it.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TEST_TOOLS_RANDOMPROGRAM_H
#define LPU_TEST_TOOLS_RANDOMPROGRAM_H

#include "lpu/Binary/Package.h"

namespace lpu::test {

struct RandomOptions {
  uint64_t seed = 0;
  unsigned plans = 24; // tries; those that find no place are dropped
};

/// A legal package; its `cycles` are what the construction says.
Package makeRandomProgram(const RandomOptions &options);

/// A legal package of up to \p chips chips (at least 4) of few classes: rings,
/// meshes, chains and stages, with starts, link ports, shared image segments,
/// buffered receives, and often an initiation interval as short as it can be.
Package makeRandomSystem(uint64_t seed, unsigned chips);

/// The machine of a seed, as makeRandomProgram uses it.
Machine makeRandomMachine(uint64_t seed);

/// A copy with one relocation changed: a start, a link port, a wire, the
/// interval.
Package mutateRelocation(const Package &package, uint64_t seed,
                         std::string &what);

/// A copy with one thing changed in one instruction that can be reached: a
/// field, the wait, the count, or a bit. \p what says which.
Package mutate(const Package &package, uint64_t seed, std::string &what);

} // namespace lpu::test

#endif // LPU_TEST_TOOLS_RANDOMPROGRAM_H
