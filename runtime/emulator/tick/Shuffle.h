//===- Shuffle.h - the shuffle and transpose units --------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_SHUFFLE_H
#define LPU_RUNTIME_EMULATOR_TICK_SHUFFLE_H

#include "Streams.h"
#include <deque>

namespace lpu::emulator::tick {

/// The shuffle unit of one half, and the transpose unit beside it.
class Shuffle {
public:
  Shuffle(const Machine &machine, unsigned half, Streams &streams,
          FaultLog &log);

  /// A permutation map completes.
  void startCycle(uint64_t now);
  void shuffle(const IssuePtr &issue);
  void transpose(const IssuePtr &issue);

private:
  using Map = std::vector<uint16_t>;
  Bytes shift(const Bytes &in, const isa::Instruction &inst) const;
  Bytes rotate(const Bytes &in, const isa::Instruction &inst) const;
  Bytes distribute(const Bytes &in, const isa::Instruction &inst) const;
  Bytes permute(const Bytes &in, const IssuePtr &issue) const;
  void loadMap(const IssuePtr &issue);

  const Machine &machine;
  const unsigned position;
  Streams &streams;
  FaultLog &log;
  uint64_t now = 0;
  Map map; // empty: never loaded
  std::deque<std::pair<uint64_t, Map>> coming;
};

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_SHUFFLE_H
