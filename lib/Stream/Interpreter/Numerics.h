//===- Numerics.h - scalar operations of the chip ---------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/isa.md, sections 10 and 11, on host floats: IEEE 754 single precision,
// round to nearest even, subnormals kept, no fused operations (the build says
// -ffp-contract=off).
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_STREAM_INTERPRETER_NUMERICS_H
#define LPU_LIB_STREAM_INTERPRETER_NUMERICS_H

#include "lpu/ISA/ISA.h"
#include <cmath>
#include <cstring>

namespace lpu::stream::numerics {

inline float asFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
inline uint32_t asBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

constexpr uint32_t kNaN = 0x7fc00000;
inline bool isNaN(uint32_t bits) { return (bits & 0x7fffffff) > 0x7f800000; }
/// Bits of an arithmetic result.
inline uint32_t result(float value) {
  uint32_t bits = asBits(value);
  return isNaN(bits) ? kNaN : bits;
}

uint16_t toHalf(uint32_t bits);
uint32_t fromHalf(uint16_t half);

int32_t floatToInt(uint32_t bits);

inline uint32_t maximum(uint32_t a, uint32_t b) {
  if (isNaN(a) || isNaN(b))
    return kNaN;
  float x = asFloat(a), y = asFloat(b);
  return x > y ? a : y > x ? b : a & b;
}
inline uint32_t minimum(uint32_t a, uint32_t b) {
  if (isNaN(a) || isNaN(b))
    return kNaN;
  float x = asFloat(a), y = asFloat(b);
  return x < y ? a : y < x ? b : a | b;
}

uint32_t exp2(uint32_t x);
uint32_t log2(uint32_t x);
uint32_t tanh(uint32_t x);
uint32_t erf(uint32_t x);

} // namespace lpu::stream::numerics

#endif // LPU_LIB_STREAM_INTERPRETER_NUMERICS_H
