//===- Numerics.cpp - one lane of arithmetic, by llvm::APFloat ------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numerics.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APSInt.h"

using llvm::APFloat;
using llvm::APInt;
using namespace lpu::emulator;

static APFloat single(uint32_t bits) {
  return APFloat(APFloat::IEEEsingle(), APInt(32, bits));
}

static uint32_t bits(const APFloat &value) {
  return value.isNaN() ? tick::canonicalNaN
                       : uint32_t(value.bitcastToAPInt().getZExtValue());
}

static constexpr auto nearest = APFloat::rmNearestTiesToEven;

bool tick::isNaN(uint32_t a) { return (a & 0x7fffffff) > 0x7f800000; }

uint32_t tick::add(uint32_t a, uint32_t b) {
  APFloat result = single(a);
  result.add(single(b), nearest);
  return bits(result);
}

uint32_t tick::sub(uint32_t a, uint32_t b) {
  APFloat result = single(a);
  result.subtract(single(b), nearest);
  return bits(result);
}

uint32_t tick::mul(uint32_t a, uint32_t b) {
  APFloat result = single(a);
  result.multiply(single(b), nearest);
  return bits(result);
}

uint32_t tick::recip(uint32_t a) {
  APFloat result(1.0f);
  result.divide(single(a), nearest);
  return bits(result);
}

uint32_t tick::squareRoot(uint32_t a) {
  APFloat value = single(a);
  if (value.isNaN() || value.isZero())
    return bits(value); // sqrt(-0) = -0
  if (value.isNegative())
    return canonicalNaN;
  if (value.isInfinity())
    return a;
  // a = m 2^e with integer m and even e, m large enough for a root of 26 bits;
  // then root = floor(sqrt m), and the remainder decides the rounding.
  int exponent = llvm::ilogb(value);
  APFloat scaled = llvm::scalbn(value, -exponent + 52, nearest);
  int e = exponent - 52;
  llvm::APSInt m(64, /*isUnsigned=*/true);
  bool exact;
  scaled.convertToInteger(m, APFloat::rmTowardZero, &exact);
  uint64_t mantissa = m.getZExtValue();
  if (e & 1) {
    mantissa *= 2;
    --e;
  }
  uint64_t root = 0;
  for (int bit = 31; bit >= 0; --bit) {
    uint64_t next = root | uint64_t(1) << bit;
    if (next * next <= mantissa)
      root = next;
  }
  // A sticky bit below the root makes one rounding to fp32 right.
  uint64_t sticky = root * 2 + (root * root != mantissa);
  APFloat result(APFloat::IEEEsingle());
  result.convertFromAPInt(APInt(64, sticky), /*IsSigned=*/false, nearest);
  return bits(llvm::scalbn(result, e / 2 - 1, nearest));
}

uint32_t tick::maximum(uint32_t a, uint32_t b) {
  if (isNaN(a) || isNaN(b))
    return canonicalNaN;
  if (equal(a, b))
    return a & b;
  return less(a, b) ? b : a;
}

uint32_t tick::minimum(uint32_t a, uint32_t b) {
  if (isNaN(a) || isNaN(b))
    return canonicalNaN;
  if (equal(a, b))
    return a | b;
  return less(a, b) ? a : b;
}

uint32_t tick::absolute(uint32_t a) {
  return isNaN(a) ? canonicalNaN : a & 0x7fffffff;
}

uint32_t tick::negate(uint32_t a) {
  return isNaN(a) ? canonicalNaN : a ^ 0x80000000;
}

uint32_t tick::roundToInteger(uint32_t a, Rounding mode) {
  APFloat value = single(a);
  value.roundToIntegral(mode == Rounding::Down ? APFloat::rmTowardNegative
                        : mode == Rounding::TowardsZero ? APFloat::rmTowardZero
                                                        : nearest);
  return bits(value);
}

bool tick::equal(uint32_t a, uint32_t b) {
  return single(a).compare(single(b)) == APFloat::cmpEqual;
}

bool tick::less(uint32_t a, uint32_t b) {
  return single(a).compare(single(b)) == APFloat::cmpLessThan;
}

bool tick::lessOrEqual(uint32_t a, uint32_t b) {
  return less(a, b) || equal(a, b);
}

int32_t tick::toInt(uint32_t a) {
  if (isNaN(a))
    return 0;
  llvm::APSInt result(32, /*isUnsigned=*/false);
  bool exact;
  single(a).convertToInteger(result, nearest, &exact); // saturates
  return int32_t(result.getSExtValue());
}

uint32_t tick::fromInt(int32_t a) {
  APFloat result(APFloat::IEEEsingle());
  result.convertFromAPInt(APInt(32, uint32_t(a)), /*IsSigned=*/true, nearest);
  return bits(result);
}

uint32_t tick::fromHalf(uint16_t a) {
  APFloat value(APFloat::IEEEhalf(), APInt(16, a));
  bool lossy;
  value.convert(APFloat::IEEEsingle(), nearest, &lossy);
  return bits(value);
}

uint16_t tick::toHalf(uint32_t a) {
  if (isNaN(a))
    return 0x7e00;
  APFloat value = single(a);
  bool lossy;
  value.convert(APFloat::IEEEhalf(), nearest, &lossy);
  return uint16_t(value.bitcastToAPInt().getZExtValue());
}
