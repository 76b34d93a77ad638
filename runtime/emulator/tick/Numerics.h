//===- Numerics.h - one lane of arithmetic, by llvm::APFloat ----*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/isa.md, section 10, literally. A value is its 32 bits. No host floating
// point takes part.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_NUMERICS_H
#define LPU_RUNTIME_EMULATOR_TICK_NUMERICS_H

#include <cstdint>

namespace lpu::emulator::tick {

constexpr uint32_t canonicalNaN = 0x7fc00000;

bool isNaN(uint32_t a);

// fp32; NaN results are canonical.
uint32_t add(uint32_t a, uint32_t b);
uint32_t sub(uint32_t a, uint32_t b);
uint32_t mul(uint32_t a, uint32_t b);
uint32_t recip(uint32_t a);
uint32_t squareRoot(uint32_t a);
uint32_t maximum(uint32_t a, uint32_t b);
uint32_t minimum(uint32_t a, uint32_t b);
uint32_t absolute(uint32_t a);
uint32_t negate(uint32_t a);
enum class Rounding { NearestEven, Down, TowardsZero };
uint32_t roundToInteger(uint32_t a, Rounding mode);
bool equal(uint32_t a, uint32_t b);
bool less(uint32_t a, uint32_t b);
bool lessOrEqual(uint32_t a, uint32_t b);

// Conversions.
int32_t toInt(uint32_t a);
uint32_t fromInt(int32_t a);
uint32_t fromHalf(uint16_t a);
uint16_t toHalf(uint32_t a);

// Transcendentals.cpp: docs/isa.md, section 11.
uint32_t exp2(uint32_t x);
uint32_t log2(uint32_t x);
uint32_t tanh(uint32_t x);
uint32_t erf(uint32_t x);

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_NUMERICS_H
