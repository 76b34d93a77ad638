//===- Arithmetic.h - values modulo a prime ---------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic of the modular run for the event engine (event/Arithmetic.h
// says what an arithmetic is). Instructions mean what docs/isa.md says, with
// three differences: numbers are elements of a field (lpu/Modular/Field.h),
// conversions between float types are the identity, and a byte of a stream or
// of a row is not eight bits but says which byte of which number it is. Bytes
// of the image are bits; they become numbers where an instruction takes them
// for a number. Bytes that do not belong together make noise, a random number,
// where they are put together: that is how swapped byte planes show.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_MODULAR_ARITHMETIC_H
#define LPU_RUNTIME_EMULATOR_MODULAR_ARITHMETIC_H

#include "../event/Arithmetic.h"
#include "lpu/Emulator/Modular.h"

namespace lpu::emulator::event {

// Handles (event/Memory.h) have a kind here, in bits 54 and 55: bytes of the
// image or of the host; elements, of which the handle names a byte; bytes of
// any elements, one by one.
enum class ValueKind : uint8_t { Raw, Elements, Bytes };
inline ValueKind valueKind(Value v) { return ValueKind(v >> 54 & 3); }
inline Value makeValue(const void *data, unsigned widthLog, ValueKind kind) {
  return makeValue(static_cast<const uint8_t *>(data), widthLog, true) |
         uint64_t(kind) << 54;
}
/// A pool of buffers of `lanes` elements or bytes gives out buffers of this
/// width of 2 x lanes.
constexpr unsigned modularWidthLog = 2;

class ModularArithmetic : public ValueControl {
public:
  static constexpr bool hasData = true;
  static constexpr unsigned messageBytes = sizeof(ModularByte);
  static constexpr unsigned maxInput = IsaArithmetic::maxInput;

  ModularArithmetic(const RunContext &context, ChipMemory &memory);

  unsigned address(const Value *bytes) const;
  Value alu(const Op &op, unsigned alu, const Value (*inputs)[maxInput],
            const int64_t *historyCycles, int64_t completion, bool start,
            bool output);
  void setConstant(unsigned alu, int64_t cycle);
  void install(const Op &op, unsigned plane, const Value *streams, unsigned at);
  void swap(unsigned plane);
  unsigned pass(const Op &op, unsigned plane, const Value *streams,
                unsigned accumulator) {
    return planes[plane].issue(op.matrix, streams, accumulator);
  }
  void completePass(unsigned plane, unsigned number);
  Value drain(unsigned plane, unsigned accumulator);
  Value shuffle(const Op &op, unsigned unit, Value in);
  void loadMap(unsigned unit, const Value *bytes);
  void setMap(unsigned unit) { shuffles[unit].set(); }
  void transpose(const Value *in, Value *out);
  void leave(Value value, uint8_t *bytes) const;
  Value arrive(const uint8_t *bytes);

private:
  using Element = modular::Element;
  struct Weights {
    std::vector<uint32_t> residues; // [row][lane]; fp16
    std::vector<Element> elements;  // [row][lane]; int8
    std::vector<uint8_t> defined;   // rows; others count as zero
    unsigned columns = 0;           // behind the last that any install reached
    bool fp16 = false;
  };
  struct Plane : PassRing {
    Weights weights[2];
    unsigned active = 0;
    std::vector<Element> results, accumulators;
  };
  struct Alu {
    std::vector<const Element *> history;
    std::vector<Element> constant, value;
    std::vector<uint32_t> index;
    uint32_t count = 0;
  };

  /// A new buffer of `lanes` elements or bytes.
  void *fresh() { return ValueControl::fresh(modularWidthLog); }
  Element *freshElements() { return static_cast<Element *>(fresh()); }
  const Element *elements(const Value *bytes, isa::ElementType type,
                          Element *scratch) const;
  const uint32_t *halves(const Value *bytes);
  void computePasses(Plane &plane);
  void multiply(Plane &plane, llvm::ArrayRef<unsigned> batch);
  void multiplyBytes(Plane &plane, llvm::ArrayRef<unsigned> batch);
  void define(Weights &weights, unsigned first, unsigned count) const;
  void lanewise(const AluOp &op, const Element *const *sources,
                Element *out) const;
  void reduce(ReduceKernel kind, const Element *in, Element *out,
              unsigned group) const;
  void accumulate(const AluOp &op, Alu &alu, const Element *in, Element *out,
                  bool start) const;
  Element unary(AluKernel kernel, Element a) const;
  Element integer(AluKernel kernel, Element a, Element b) const;
  Element noise(unsigned kernel, Element a, Element b) const;
  void narrow(isa::ElementType type, const Element *in, Element *out) const;
  uint32_t residueOfInteger(Element a) const;

  ModularContext &context;
  const modular::Field &field;

  std::vector<Plane> planes;
  std::vector<Alu> alus;
  unsigned historyMask;
  std::vector<PermutationMaps> shuffles;
  std::vector<Element> laneNumbers, operands[3], scratch;
  std::vector<uint32_t> residues, factors, products;
};

/// Byte of \p lane of one stream.
ModularByte modularByte(Value value, unsigned lane);

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_MODULAR_ARITHMETIC_H
