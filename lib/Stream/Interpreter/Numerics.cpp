//===- Numerics.cpp - conversions and transcendental sequences ------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numerics.h"
#include <iterator>

using namespace lpu::stream;

uint16_t numerics::toHalf(uint32_t bits) {
  uint16_t sign = (bits >> 16) & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return 0x7e00;
  if (magnitude >= 0x47800000) // 65536 and above, infinity
    return sign | 0x7c00;
  if (magnitude < 0x38800000) { // subnormal or zero in half precision
    if (magnitude < 0x33000000) // below half of the smallest subnormal
      return sign;
    unsigned exponent = magnitude >> 23;
    uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
    unsigned shift = 126 - exponent; // mantissa in units of 2^-24
    uint32_t value = mantissa >> shift, rest = mantissa & ((1u << shift) - 1);
    uint32_t half = 1u << (shift - 1);
    value += rest > half || (rest == half && (value & 1));
    return sign | value;
  }
  uint32_t value = (magnitude - 0x38000000) >> 13, rest = magnitude & 0x1fff;
  value += rest > 0x1000 || (rest == 0x1000 && (value & 1));
  return sign | value; // a carry into the exponent is right, also to infinity
}

uint32_t numerics::fromHalf(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 0x1f, mantissa = half & 0x3ff;
  if (exponent == 0x1f)
    return mantissa ? kNaN : sign | 0x7f800000;
  if (exponent == 0)
    return sign | asBits(float(mantissa) * 0x1p-24f);
  return sign | (exponent + 112) << 23 | mantissa << 13;
}

int32_t numerics::floatToInt(uint32_t bits) {
  float value = asFloat(bits);
  if (isNaN(bits))
    return 0;
  if (value >= 0x1p31f)
    return INT32_MAX;
  if (value <= -0x1p31f)
    return INT32_MIN;
  return int32_t(std::nearbyint(value));
}

//===----------------------------------------------------------------------===//
// Section 11
//===----------------------------------------------------------------------===//

namespace {
#define LPU_CONSTANT(NAME, BITS) constexpr uint32_t k##NAME = BITS;
#include "lpu/ISA/Transcendentals.def"

enum class Poly { Exp2, Log2, Tanh, ErfSmall, ErfLarge };
struct Coefficient {
  Poly poly;
  unsigned index;
  uint32_t bits;
};
constexpr Coefficient coefficients[] = {
#define LPU_POLY(NAME, INDEX, BITS) {Poly::NAME, INDEX, BITS},
#include "lpu/ISA/Transcendentals.def"
};

/// Horner's rule over the coefficients of one polynomial.
template <Poly which> float poly(float z) {
  float p = 0;
  bool isFirst = true;
  for (unsigned i = std::size(coefficients); i-- > 0;) {
    if (coefficients[i].poly != which)
      continue;
    float c = numerics::asFloat(coefficients[i].bits);
    p = isFirst ? c : (p * z) + c;
    isFirst = false;
  }
  return p;
}

uint32_t withSign(float magnitude, uint32_t sign) {
  return (numerics::asBits(magnitude) & 0x7fffffff) | (sign & 0x80000000);
}
} // namespace

uint32_t numerics::exp2(uint32_t bits) {
  if (isNaN(bits))
    return kNaN;
  float x = asFloat(bits), low = asFloat(kExp2Low), high = asFloat(kExp2High);
  float y = x < low ? low : x;
  y = y > high ? high : y;
  float r = std::nearbyint(y), f = y - r;
  int32_t n = int32_t(r);
  float p = 1.0f + (f * poly<Poly::Exp2>(f));
  int32_t h = n >> 1, l = n - h;
  return result((p * asFloat(uint32_t(h + 127) << 23)) *
                asFloat(uint32_t(l + 127) << 23));
}

uint32_t numerics::log2(uint32_t bits) {
  if (isNaN(bits))
    return kNaN;
  float x = asFloat(bits);
  if (x == 0)
    return 0xff800000;
  if (x < 0)
    return kNaN;
  if (bits == 0x7f800000)
    return bits;
  bool isSmall = x < asFloat(kSmallestNormal);
  float y = isSmall ? x * asFloat(kTwoTo23) : x;
  int32_t i = int32_t(asBits(y) - kSqrtHalfBits);
  int32_t e = i >> 23;
  float m = asFloat((uint32_t(i) & 0x7fffff) + kSqrtHalfBits);
  float f = m - 1.0f;
  return result(float(isSmall ? e - 23 : e) + (f * poly<Poly::Log2>(f)));
}

uint32_t numerics::tanh(uint32_t bits) {
  if (isNaN(bits))
    return kNaN;
  float a = asFloat(bits & 0x7fffffff), s = a * a;
  float u = a + (a * (s * poly<Poly::Tanh>(s)));
  float c = a < asFloat(kTanhClamp) ? a : asFloat(kTanhClamp);
  float e = asFloat(exp2(asBits(c * asFloat(kTwoLog2E))));
  float v = 1.0f - (2.0f * (1.0f / (e + 1.0f)));
  return withSign(a < asFloat(kTanhSplit) ? u : v, bits);
}

uint32_t numerics::erf(uint32_t bits) {
  if (isNaN(bits))
    return kNaN;
  float a = asFloat(bits & 0x7fffffff), s = a * a;
  float u = a + (a * poly<Poly::ErfSmall>(s));
  float c = a < asFloat(kErfClamp) ? a : asFloat(kErfClamp);
  float v = 1.0f - asFloat(exp2(asBits(c * poly<Poly::ErfLarge>(c))));
  return withSign(a < asFloat(kErfSplit) ? u : v, bits);
}
