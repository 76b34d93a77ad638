//===- Arithmetic.h - what an issue does to values --------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The event engine is a template over its arithmetic: ChipRun decides when
// things happen and what is a fault, an arithmetic decides what they do to
// values. IsaArithmetic computes the bits of docs/isa.md; NoData computes
// nothing (timing and faults only). A third one can be added without touching
// ChipRun; it has to provide the members of IsaArithmetic.
//
// Passes are computed late: those issued while an earlier one is still in its
// pipeline are multiplied together, block by block, when the first of them
// completes. Nothing can see the difference.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_ARITHMETIC_H
#define LPU_RUNTIME_EMULATOR_EVENT_ARITHMETIC_H

#include "Memory.h"
#include "Program.h"

namespace lpu::emulator {
struct ModularContext;
}

namespace lpu::emulator::event {

class WorkerPool;

/// What the chips of one run share.
struct RunContext {
  const Machine &machine;
  Pool &pool;
  const Kernels &kernels;
  WorkerPool *workers;               // nullptr: one thread
  ModularContext *modular = nullptr; // of modular runs
};

/// Timing and faults only. Data-supplied addresses read as zero.
class NoData {
public:
  static constexpr bool hasData = false;
  NoData(const RunContext &, ChipMemory &) {}
};

class IsaArithmetic {
public:
  static constexpr bool hasData = true;
  static constexpr unsigned messageBytes = 1; // of a byte on a link
  IsaArithmetic(const RunContext &context, ChipMemory &memory);
  ~IsaArithmetic();

  /// Before anything else of cycle \p now. Cycles may be skipped.
  void startCycle(int64_t now);

  Value loadRow(size_t index) const { return memory.row[index]; }
  void storeRow(size_t index, Value value);
  /// Lane 0 of two byte streams, low byte first.
  unsigned address(const Value *bytes) const;

  /// Computes; the result enters the history as completing in \p completion.
  /// \p inputs: the byte streams of Op::in, one after the other, at most
  /// maxInput each. `start`: a running reduction starts. Returns the value for
  /// the destination stream if \p output.
  static constexpr unsigned maxInput = 4;
  Value alu(const Op &op, unsigned alu, const Value (*inputs)[maxInput],
            const int64_t *historyCycles, int64_t completion, bool start,
            bool output);
  /// The result that completes in \p cycle becomes the ALU's lane constants.
  void setConstant(unsigned alu, int64_t cycle);

  void install(const Op &op, unsigned plane, const Value *streams, unsigned at);
  void swap(unsigned plane);
  /// Returns the number under which the pass completes.
  unsigned pass(const Op &op, unsigned plane, const Value *streams,
                unsigned accumulator);
  void completePass(unsigned plane, unsigned number);
  Value drain(unsigned plane, unsigned accumulator);

  Value shuffle(const Op &op, unsigned unit, Value in);
  /// The permutation map is sampled now and used from setMap on.
  void loadMap(unsigned unit, const Value *bytes);
  void setMap(unsigned unit);
  /// 16 streams to 16.
  void transpose(const Value *in, Value *out);

  /// A vector leaves for another chip, or arrives: `lanes` bytes.
  void leave(Value value, uint8_t *bytes);
  Value arrive(const uint8_t *bytes);

private:
  struct Weights {
    uint8_t *data = nullptr; // fp16: float[k][lane]; int8: int16[k/2][lane][2]
    std::vector<uint8_t> defined; // rows; others count as zero
    bool fp16 = false;
  };
  struct Pass {
    Value in[2];
    uint16_t laneBase, laneCount, weightRow, accumulator;
    bool fp16, add, computed;
  };
  struct Plane {
    Weights weights[2];
    unsigned active = 0;
    std::vector<Pass> passes; // a ring
    unsigned issued = 0, computed = 0;
    uint32_t *results = nullptr, *accumulators = nullptr;
  };
  struct Alu {
    std::vector<const uint32_t *> history;
    uint32_t *constant = nullptr, *value = nullptr, *index = nullptr;
    uint32_t count = 0;
  };
  struct ShuffleUnit {
    std::vector<uint16_t> map;
    std::vector<std::vector<uint16_t>> coming;
    unsigned first = 0, number = 0; // the part of `coming` in flight
  };

  uint8_t *fresh(unsigned widthLog);
  Value freshValue(const uint8_t *data, unsigned widthLog) const {
    return makeValue(data, widthLog, true);
  }
  const uint8_t *plane(Value value, uint8_t *scratch) const;
  const uint8_t *elements(const Value *bytes, unsigned width,
                          uint8_t *scratch) const;
  const uint32_t *words(const Value *bytes, isa::ElementType type,
                        unsigned operand);
  void accumulate(const AluOp &op, Alu &alu, const uint32_t *a, uint32_t *out,
                  bool start);
  void define(Weights &weights, unsigned first, unsigned count);
  void computePasses(Plane &plane);
  void multiply(Plane &plane, llvm::ArrayRef<unsigned> batch);
  uint32_t *lanesOf32();

  const Machine &machine;
  const unsigned lanes;
  Pool &pool;
  ChipMemory &memory;
  const Kernels &k;
  WorkerPool *workers;

  int64_t now = 0;
  int64_t lifetime; // cycles until a value can no longer be seen
  struct Retired {
    int64_t when;
    uint8_t *data;
  };
  std::vector<Retired> retired; // a queue from retiredHead on
  size_t retiredHead = 0;

  std::vector<Plane> planes;
  std::vector<Alu> alus;
  unsigned historyMask;
  std::vector<ShuffleUnit> shuffles;
  std::vector<uint8_t *> allocations; // freed at the end
  uint32_t *laneNumbers;
  uint32_t *operandScratch[3];
  uint8_t *byteScratch;    // 4 planes
  uint8_t *elementScratch; // elements of 4 bytes
  std::vector<float *> fp16Operands;
  std::vector<int16_t *> int8Operands;
};

/// A power of two above `n`.
inline unsigned ringSize(unsigned n) {
  unsigned size = 1;
  while (size <= n)
    size *= 2;
  return size;
}

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_ARITHMETIC_H
