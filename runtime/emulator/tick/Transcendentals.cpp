//===- Transcendentals.cpp - docs/isa.md, section 11, step by step --------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numerics.h"

using namespace lpu::emulator;

namespace {

enum PolyName { Exp2, Log2, Tanh, ErfSmall, ErfLarge, numPolys };

/// Coefficients by name and power.
struct Coefficients {
  uint32_t value[numPolys][16] = {};
  int degree[numPolys] = {};
  Coefficients() {
#define LPU_POLY(NAME, INDEX, BITS)                                            \
  value[NAME][INDEX] = BITS;                                                   \
  degree[NAME] = INDEX;
#include "lpu/ISA/Transcendentals.def"
  }
};

enum Constant : uint32_t {
#define LPU_CONSTANT(NAME, BITS) NAME = BITS,
#include "lpu/ISA/Transcendentals.def"
  One = 0x3f800000,
  Two = 0x40000000,
  MinusInfinity = 0xff800000,
  PlusInfinity = 0x7f800000,
  SignBit = 0x80000000
};

} // namespace

static uint32_t poly(PolyName name, uint32_t z) {
  static const Coefficients coefficients;
  int i = coefficients.degree[name];
  uint32_t p = coefficients.value[name][i];
  while (--i >= 0)
    p = tick::add(tick::mul(p, z), coefficients.value[name][i]);
  return p;
}

static uint32_t shiftLeft(int32_t a, unsigned amount) {
  return uint32_t(a) << amount;
}

uint32_t tick::exp2(uint32_t x) {
  if (isNaN(x))
    return CanonicalNaN;
  uint32_t y = less(x, Exp2Low) ? uint32_t(Exp2Low) : x;
  y = less(Exp2High, y) ? uint32_t(Exp2High) : y;
  uint32_t r = roundToInteger(y, Rounding::NearestEven);
  uint32_t f = sub(y, r);
  int32_t n = toInt(r);
  uint32_t p = add(One, mul(f, poly(Exp2, f)));
  int32_t h = n >> 1, l = n - h;
  return mul(mul(p, shiftLeft(h + 127, 23)), shiftLeft(l + 127, 23));
}

uint32_t tick::log2(uint32_t x) {
  if (isNaN(x) || less(x, 0))
    return CanonicalNaN;
  if (equal(x, 0))
    return MinusInfinity;
  if (x == PlusInfinity)
    return PlusInfinity;
  bool small = less(x, SmallestNormal);
  uint32_t y = small ? mul(x, TwoTo23) : x;
  int32_t i = int32_t(y - SqrtHalfBits);
  int32_t e = i >> 23;
  uint32_t m = (uint32_t(i) & 0x7fffff) + SqrtHalfBits;
  uint32_t f = sub(m, One);
  return add(fromInt(small ? e - 23 : e), mul(f, poly(Log2, f)));
}

uint32_t tick::tanh(uint32_t x) {
  if (isNaN(x))
    return CanonicalNaN;
  uint32_t a = absolute(x), s = mul(a, a);
  uint32_t u = add(a, mul(a, mul(s, poly(Tanh, s))));
  uint32_t c = less(a, TanhClamp) ? a : uint32_t(TanhClamp);
  uint32_t e = exp2(mul(c, TwoLog2E));
  uint32_t v = sub(One, mul(Two, recip(add(e, One))));
  return (less(a, TanhSplit) ? u : v) | (x & SignBit);
}

uint32_t tick::erf(uint32_t x) {
  if (isNaN(x))
    return CanonicalNaN;
  uint32_t a = absolute(x), s = mul(a, a);
  uint32_t u = add(a, mul(a, poly(ErfSmall, s)));
  uint32_t c = less(a, ErfClamp) ? a : uint32_t(ErfClamp);
  uint32_t v = sub(One, exp2(mul(c, poly(ErfLarge, c))));
  return (less(a, ErfSplit) ? u : v) | (x & SignBit);
}
