//===- System.h - where the time of a system goes ---------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What each chip class does in every cycle, and the latency of many chips by
// cause. All of it is read from the text of a package, so it holds however the
// program was made.
//
// Latency belongs to one chip at a time, found backwards: the chip that ends
// last owns the time back to the last vector that it, or a chip in step with
// it, received from elsewhere; the vector's flight is before that, and then the
// chip that sent it owns the time back to what it received. These legs share no
// cycle and together are the program. In its legs a chip's cycles have the
// causes that docs/pictures.md defines.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_REPORT_SYSTEM_H
#define LPU_REPORT_SYSTEM_H

#include "lpu/Binary/Package.h"
#include <array>

namespace lpu {

/// Of a cycle: the first that applies (docs/pictures.md).
enum class Cause : uint8_t {
  Planes,
  VectorUnit,
  Weights,
  Links,
  Moves,
  Dependence,
  Waiting
};
constexpr unsigned numCauses = 7;
const char *causeName(Cause cause);
using CauseCycles = std::array<uint64_t, numCauses>;

struct ClassActivity {
  /// To the last effect.
  uint64_t cycles = 0;
  /// Cycles in which a plane multiplies; in which an ALU issues.
  uint64_t matrixBusy = 0, vectorBusy = 0;
  CauseCycles causes = {};
  std::vector<Cause> causeOf; // by cycle
  /// Vectors by link number of the text.
  std::vector<uint64_t> sent, received;
  struct Run {
    uint64_t first, count, interval;
  };
  std::vector<std::vector<Run>> receives; // by link, rising
};

/// A stretch of the latency: a chip's, or a vector's on its way to the chip.
struct Leg {
  unsigned chip = 0;
  bool isFlight = false;
  uint64_t from = 0, to = 0; // cycles of the program
};

struct SystemActivity {
  std::vector<ClassActivity> classes;
  std::vector<uint64_t> vectors; // by wire
  /// From cycle 0 to the end of the last chip, and the causes of all its
  /// cycles.
  std::vector<Leg> path;
  CauseCycles causes = {};
};

/// Errors: illegal text, or a class that takes more cycles than can be looked
/// at one by one.
llvm::Expected<SystemActivity> systemActivity(const Package &package);

} // namespace lpu

#endif // LPU_REPORT_SYSTEM_H
