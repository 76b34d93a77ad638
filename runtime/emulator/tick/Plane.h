//===- Plane.h - one matrix plane -------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_PLANE_H
#define LPU_RUNTIME_EMULATOR_TICK_PLANE_H

#include "Streams.h"

namespace lpu::emulator::tick {

class Plane {
public:
  Plane(const Machine &machine, unsigned index, Streams &streams,
        FaultLog &log);

  /// Swaps and passes of this cycle complete.
  void startCycle(uint64_t now);
  void install(const IssuePtr &issue);
  void swap(const IssuePtr &issue);
  void pass(const IssuePtr &issue);
  void drain(const IssuePtr &issue);

private:
  enum class Format { None, Int8, Fp16 };
  /// Weights are kept as the 32-bit values that take part in the arithmetic:
  /// int32, or the fp32 value of an fp16 weight.
  struct Weights {
    Format format = Format::None;
    IssuePtr install; // the one that chose the format
    std::vector<Words> rows;
  };
  struct AccumulatorRow {
    Format format = Format::None; // None: never written
    IssuePtr pass;
    Words values;
  };
  struct Result {
    uint64_t completion;
    unsigned row;
    bool add;
    Format format;
    Words values;
    IssuePtr issue;
  };
  Weights emptyWeights() const;
  /// Is the swap of an earlier issue still under way?
  bool swapping(const IssuePtr &issue, const char *what);
  Words multiply(const Words &operand, unsigned weightRow, Format format) const;
  /// Reports row or column numbers first .. first + count - 1 outside
  /// 0 .. limit - 1.
  bool inRange(const char *what, int64_t first, int64_t count, int64_t limit,
               const IssuePtr &issue);
  const Bytes &read(unsigned stream, bool last, const IssuePtr &issue);

  const Machine &machine;
  const unsigned position;
  const bool outwardIsWest;
  Streams &streams;
  FaultLog &log;
  uint64_t now = 0;

  Weights active, shadow;
  IssuePtr pendingSwap;
  IssuePtr lastPass;
  std::vector<AccumulatorRow> accumulators;
  std::vector<Result> results; // not yet complete
};

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_PLANE_H
