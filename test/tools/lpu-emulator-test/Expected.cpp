//===- Expected.cpp - independent numerics --------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expected.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

using namespace lpu::test;

static constexpr uint32_t nan32 = 0x7fc00000;

float lpu::test::toFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
uint32_t lpu::test::toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}
static uint32_t canonical(float value) {
  return value != value ? nan32 : toBits(value);
}

//===----------------------------------------------------------------------===//
// Half precision, by the value of every half
//===----------------------------------------------------------------------===//

static double halfValue(unsigned magnitude) { // 0 .. 0x7c00 (as 65536)
  unsigned exponent = magnitude >> 10, fraction = magnitude & 1023;
  return exponent == 0
             ? std::ldexp(double(fraction), -24)
             : std::ldexp(double(1024 + fraction), int(exponent) - 25);
}

uint32_t lpu::test::halfToSingle(uint16_t half) {
  unsigned magnitude = half & 0x7fff;
  uint32_t sign = uint32_t(half & 0x8000) << 16;
  if (magnitude > 0x7c00)
    return nan32;
  if (magnitude == 0x7c00)
    return sign | 0x7f800000;
  return sign | toBits(float(halfValue(magnitude)));
}

uint16_t lpu::test::singleToHalf(uint32_t bits) {
  float value = toFloat(bits);
  if (value != value)
    return 0x7e00;
  uint16_t sign = uint16_t(bits >> 16 & 0x8000);
  double magnitude = std::fabs(double(value));
  // The largest half not above the value; infinity stands for 65536.
  unsigned low = 0, high = 0x7c00;
  while (high - low > 1) {
    unsigned middle = (low + high) / 2;
    (halfValue(middle) <= magnitude ? low : high) = middle;
  }
  double below = magnitude - halfValue(low),
         above = halfValue(high) - magnitude;
  bool up = below > above || (below == above && (low & 1));
  return uint16_t(sign | (up ? high : low));
}

//===----------------------------------------------------------------------===//
// docs/isa.md, section 11
//===----------------------------------------------------------------------===//

namespace {
enum { Exp2, Log2, Tanh, ErfSmall, ErfLarge, numPolys };
struct Table {
  std::vector<float> c[numPolys];
  Table() {
#define LPU_POLY(NAME, INDEX, BITS) c[NAME].push_back(toFloat(BITS));
#include "lpu/ISA/Transcendentals.def"
  }
};
} // namespace

static float poly(int name, float z) {
  static const Table table;
  const std::vector<float> &c = table.c[name];
  float p = c.back();
  for (size_t i = c.size() - 1; i-- > 0;)
    p = p * z + c[i];
  return p;
}

static float exp2Sequence(float x) {
  if (x != x)
    return x;
  float y = x < -151.0f ? -151.0f : x;
  y = y > 129.0f ? 129.0f : y;
  float r = std::rint(y), f = y - r;
  int n = int(r), h = (n - (n & 1)) / 2, l = n - h;
  float p = 1.0f + f * poly(Exp2, f);
  return p * std::ldexp(1.0f, h) * std::ldexp(1.0f, l);
}

static float log2Sequence(float x) {
  if (x != x || x < 0)
    return std::numeric_limits<float>::quiet_NaN();
  if (x == 0)
    return -std::numeric_limits<float>::infinity();
  if (std::isinf(x))
    return x;
  // The mantissa in [0.70710677, 1.4142135), as frexp sees it.
  int e;
  float m = std::frexp(x, &e); // [0.5, 1)
  if (m < toFloat(0x3f3504f3)) {
    m = m * 2;
    --e;
  }
  float f = m - 1.0f;
  return float(e) + f * poly(Log2, f);
}

static float tanhSequence(float x) {
  float a = std::fabs(x), s = a * a;
  if (a < 0.625f)
    return std::copysign(a + a * (s * poly(Tanh, s)), x);
  float c = a < 9.5f ? a : 9.5f;
  float e = exp2Sequence(c * toFloat(0x4038aa3b));
  return std::copysign(1.0f - 2.0f * (1.0f / (e + 1.0f)), x);
}

static float erfSequence(float x) {
  float a = std::fabs(x), s = a * a;
  if (a < 0.9375f)
    return std::copysign(a + a * poly(ErfSmall, s), x);
  float c = a < 4.0f ? a : 4.0f;
  return std::copysign(1.0f - exp2Sequence(c * poly(ErfLarge, c)), x);
}

//===----------------------------------------------------------------------===//
// All operations
//===----------------------------------------------------------------------===//

uint32_t lpu::test::expected(const std::string &name, uint32_t a, uint32_t b,
                             uint32_t c) {
  const float x = toFloat(a), y = toFloat(b), z = toFloat(c);
  const int32_t i = int32_t(a), j = int32_t(b);
  const bool nan1 = x != x, nan2 = nan1 || y != y;
  if (name == "mov" || name == "setconst")
    return a;
  if (name == "abs")
    return canonical(std::fabs(x));
  if (name == "neg")
    return canonical(-x);
  if (name == "f2i") {
    if (nan1)
      return 0;
    if (x >= 2147483648.0f)
      return 0x7fffffff;
    if (x < -2147483648.0f)
      return 0x80000000;
    return uint32_t(int32_t(std::rint(x)));
  }
  if (name == "i2f")
    return toBits(float(i));
  if (name == "floor")
    return canonical(std::floor(x));
  if (name == "trunc")
    return canonical(std::trunc(x));
  if (name == "rint")
    return canonical(std::rint(x));
  if (name == "exp2")
    return canonical(exp2Sequence(x));
  if (name == "log2")
    return canonical(log2Sequence(x));
  if (name == "tanh")
    return nan1 ? nan32 : canonical(tanhSequence(x));
  if (name == "erf")
    return nan1 ? nan32 : canonical(erfSequence(x));
  if (name == "sqrt")
    return canonical(std::sqrt(x));
  if (name == "rsqrt")
    return canonical(1.0f / std::sqrt(x));
  if (name == "recip")
    return canonical(1.0f / x);
  if (name == "add")
    return canonical(x + y);
  if (name == "sub")
    return canonical(x - y);
  if (name == "mul")
    return canonical(x * y);
  if (name == "min")
    return nan2 ? nan32 : x == y ? (a | b) : x < y ? a : b;
  if (name == "max")
    return nan2 ? nan32 : x == y ? (a & b) : x > y ? a : b;
  if (name == "cmpeq")
    return x == y;
  if (name == "cmplt")
    return x < y;
  if (name == "cmple")
    return x <= y;
  if (name == "cmpuno")
    return nan2;
  if (name == "iadd")
    return a + b;
  if (name == "isub")
    return a - b;
  if (name == "imul")
    return uint32_t(int64_t(i) * int64_t(j));
  if (name == "imin")
    return i < j ? a : b;
  if (name == "imax")
    return i > j ? a : b;
  if (name == "icmpeq")
    return i == j;
  if (name == "icmplt")
    return i < j;
  if (name == "icmple")
    return i <= j;
  if (name == "and")
    return a & b;
  if (name == "or")
    return a | b;
  if (name == "xor")
    return a ^ b;
  if (name == "shl")
    return uint32_t(uint64_t(a) << (b % 32));
  if (name == "shr")
    return uint32_t(uint64_t(a) >> (b % 32));
  if (name == "sar")
    return uint32_t(int64_t(i) >> (b % 32));
  if (name == "muladd") {
    float product = x * y;
    return canonical(product + z);
  }
  if (name == "select")
    return a ? b : c;
  std::fprintf(stderr, "no expectation for '%s'\n", name.c_str());
  std::abort();
}
