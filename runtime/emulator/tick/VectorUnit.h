//===- VectorUnit.h - the ALUs of a chip ------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_VECTORUNIT_H
#define LPU_RUNTIME_EMULATOR_TICK_VECTORUNIT_H

#include "Streams.h"
#include <deque>

namespace lpu::emulator::tick {

class VectorUnit {
public:
  VectorUnit(const Machine &machine, Streams &streams, FaultLog &log);

  /// Results of this cycle complete.
  void startCycle(uint64_t now);
  void execute(unsigned alu, const IssuePtr &issue);

private:
  struct Result {
    uint64_t completion;
    Words values;
    IssuePtr issue;
  };
  /// What a running reduction keeps per lane.
  struct Accumulator {
    Words values, numbers;
    uint32_t count = 0; // operands since the start
    IssuePtr last;      // nullptr: empty
  };
  struct Alu {
    /// Completed and coming results; older ones than `history` are dropped.
    std::deque<Result> results;
    Words constant; // empty: not set
    Accumulator accumulator;
  };

  Words fetch(unsigned alu, const isa::Operand &operand, uint32_t immediate,
              const IssuePtr &issue);
  Words fromStream(const isa::StreamOperand &operand, const IssuePtr &issue);
  void toStream(const isa::Dest &dest, const Words &values,
                const IssuePtr &issue);
  Words compute(unsigned alu, const IssuePtr &issue);
  Words accumulate(Alu &alu, const Words &operand, const IssuePtr &issue);
  Words reduce(const Words &operand, const isa::Instruction &instruction);

  const Machine &machine;
  Streams &streams;
  FaultLog &log;
  uint64_t now = 0;
  std::vector<Alu> alus;
};

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_VECTORUNIT_H
