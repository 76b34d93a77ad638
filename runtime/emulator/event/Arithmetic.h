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

#include "ValueControl.h"

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

class IsaArithmetic : public ValueControl {
public:
  static constexpr bool hasData = true;
  static constexpr unsigned messageBytes = 1; // of a byte on a link
  IsaArithmetic(const RunContext &context, ChipMemory &memory);
  ~IsaArithmetic();

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
                unsigned accumulator) {
    return planes[plane].issue(op.matrix, streams, accumulator);
  }
  void completePass(unsigned plane, unsigned number);
  Value drain(unsigned plane, unsigned accumulator);

  Value shuffle(const Op &op, unsigned unit, Value in);
  /// The permutation map is sampled now and used from setMap on.
  void loadMap(unsigned unit, const Value *bytes);
  void setMap(unsigned unit) { shuffles[unit].set(); }
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
  struct Plane : PassRing {
    Weights weights[2];
    unsigned active = 0;
    uint32_t *results = nullptr, *accumulators = nullptr;
  };
  struct Alu {
    std::vector<const uint32_t *> history;
    uint32_t *constant = nullptr, *value = nullptr, *index = nullptr;
    uint32_t count = 0;
  };

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

  const Kernels &k;
  WorkerPool *workers;

  std::vector<Plane> planes;
  std::vector<Alu> alus;
  unsigned historyMask;
  std::vector<PermutationMaps> shuffles;
  std::vector<uint8_t *> allocations; // freed at the end
  uint32_t *laneNumbers;
  uint32_t *operandScratch[3];
  uint8_t *byteScratch;    // 4 planes
  uint8_t *elementScratch; // elements of 4 bytes
  std::vector<float *> fp16Operands;
  std::vector<int16_t *> int8Operands;
};

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_ARITHMETIC_H
