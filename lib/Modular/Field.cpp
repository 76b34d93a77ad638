//===- Field.cpp - numbers modulo a prime ---------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Modular/Field.h"
#include "llvm/ADT/bit.h"
#include <algorithm>
#include <cmath>

using namespace lpu::modular;

/// A mixer of 64 bits (splitmix64).
static uint64_t mix(uint64_t x) {
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static bool isPrime(uint32_t n) {
  if (n % 2 == 0)
    return n == 2;
  for (uint32_t d = 3; uint64_t(d) * d <= n; d += 2)
    if (n % d == 0)
      return false;
  return n > 1;
}

/// Exponents of the smallest and of the largest power in the table: those of
/// fp32 with some room.
static constexpr int firstPower = -400, lastPower = 400;

Field::Field(uint64_t seed) {
  key = mix(seed);
  p = (UINT32_C(1) << 28) + uint32_t(mix(key) & ((1u << 28) - 1));
  p |= 1;
  while (!isPrime(p)) // from there on, upwards: 2^29 - 3 is prime
    p += 2;
  reciprocal = ~UINT64_C(0) / p;
  half = (p + 1) / 2;
  powers.resize(lastPower - firstPower + 1);
  powers[-firstPower] = 1;
  for (int e = 1; e <= lastPower; ++e)
    powers[size_t(e - firstPower)] = mul(powers[size_t(e - 1 - firstPower)], 2);
  for (int e = -1; e >= firstPower; --e)
    powers[size_t(e - firstPower)] =
        mul(powers[size_t(e + 1 - firstPower)], half);
  halves.resize(65536);
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
    int mantissa = exponent ? fraction | 0x400 : fraction;
    halves[bits] = exponent == 31 // as of a float
                       ? random(Function::Torn, fromHalf(uint16_t(bits)))
                       : ofDyadic(bits >> 15 ? -mantissa : mantissa,
                                  std::max(exponent, 1) - 25);
  }
}

uint32_t Field::power(uint32_t base, uint64_t exponent) const {
  uint32_t result = 1;
  for (; exponent; exponent >>= 1, base = mul(base, base))
    if (exponent & 1)
      result = mul(result, base);
  return result;
}

uint32_t Field::inverse(uint32_t a) const { return power(a, p - 2); }

uint32_t Field::ofInteger(int64_t value) const {
  uint32_t size = uint32_t(uint64_t(value < 0 ? -value : value) % p);
  return value < 0 ? negate(size) : size;
}

uint32_t Field::ofDyadic(int64_t mantissa, int exponent) const {
  return mul(ofInteger(mantissa), powers[size_t(exponent - firstPower)]);
}

bool Field::identify(uint32_t bits, uint32_t residue) {
  identified.try_emplace(bits ^ 0x80000000, negate(residue));
  return identified.try_emplace(bits, residue).first->second == residue;
}

uint32_t Field::ofFloat(uint32_t bits) const {
  if (LLVM_UNLIKELY(!identified.empty()))
    if (auto known = identified.find(bits); known != identified.end())
      return known->second;
  uint32_t size = bits & 0x7fffffff;
  // Most weights are normal fp16 numbers.
  if (size >= 0x38800000 && size < 0x477ff000 && (bits & 0x1fff) == 0)
    return halves[(bits >> 16 & 0x8000) | (size - 0x38000000) >> 13];
  uint32_t exponent = bits >> 23 & 255, fraction = bits & 0x7fffff;
  if (exponent == 255) // no number: whatever is computed from it is noise
    return random(Function::Torn, bits);
  int64_t mantissa = exponent ? fraction | 0x800000 : fraction;
  return ofDyadic(bits >> 31 ? -mantissa : mantissa,
                  int(exponent ? exponent : 1) - 150);
}

uint32_t Field::random(Function function, uint64_t x) const {
  return uint32_t(mix(mix(key + uint64_t(function)) ^ x) % p);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

uint16_t lpu::modular::toHalf(uint32_t bits) {
  uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000)
    return 0x7e00;
  if (size >= 0x477ff000) // 65520: half way to the next power of two
    return uint16_t(sign | 0x7c00);
  if (size < 0x33000001) // at most 2^-25
    return uint16_t(sign);
  int exponent = int(size >> 23) - 127;
  uint32_t mantissa = (size & 0x7fffff) | 0x800000;
  // Bits that fp16 does not have: 13, and more below 2^-14.
  int drop = 13 + std::max(0, -14 - exponent);
  uint32_t kept = mantissa >> drop, rest = mantissa & ((1u << drop) - 1),
           tie = 1u << (drop - 1);
  kept += rest > tie || (rest == tie && (kept & 1));
  // A carry moves into the exponent by itself.
  uint32_t base = exponent < -14 ? 0 : uint32_t(exponent + 14) << 10;
  return uint16_t(sign | (base + kept));
}

uint32_t lpu::modular::fromHalf(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31,
           fraction = bits & 0x3ff;
  if (exponent == 31)
    return fraction ? 0x7fc00000 : sign | 0x7f800000;
  if (exponent)
    return sign | (exponent + 112) << 23 | fraction << 13;
  constexpr float step = 1.0f / (1 << 24);
  return sign | llvm::bit_cast<uint32_t>(float(fraction) * step);
}

static float asFloat(Element a) { return llvm::bit_cast<float>(a.value); }
static Element knownFloat(float value) {
  return Element::known(std::isnan(value) ? 0x7fc00000
                                          : llvm::bit_cast<uint32_t>(value));
}
static bool isFinite(Element a) {
  return !a.isKnown() || (a.value & 0x7f800000) != 0x7f800000;
}
static bool isNaN(Element a) { return a.isKnown() && std::isnan(asFloat(a)); }

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Element Field::add(Element a, Element b) const {
  if (LLVM_LIKELY(a.isNumber() && b.isNumber()))
    return Element::number(add(a.value, b.value));
  if (!isFinite(a) || !isFinite(b)) {
    if (a.isKnown() && b.isKnown())
      return knownFloat(asFloat(a) + asFloat(b));
    return isFinite(a) ? b : a; // a number does not move an infinity
  }
  // Zero first: a tail of zeros stays known.
  if (a.isKnown() && asFloat(a) == 0)
    return b;
  if (b.isKnown() && asFloat(b) == 0)
    return a;
  if (a.isKnown() && b.isKnown()) {
    float x = asFloat(a), y = asFloat(b), sum = x + y;
    // The error of a sum is a float (two-sum).
    float back = sum - x, error = (x - (sum - back)) + (y - back);
    uint32_t both = add(residue(a), residue(b));
    if (std::isfinite(sum) && error == 0 && residue(knownFloat(sum)) == both)
      return knownFloat(sum);
  }
  return Element::number(add(residue(a), residue(b)));
}

Element Field::mul(Element a, Element b) const {
  if (LLVM_LIKELY(a.isNumber() && b.isNumber()))
    return Element::number(mul(a.value, b.value));
  if (a.isKnown() && b.isKnown()) {
    float product = asFloat(a) * asFloat(b);
    if (!isFinite(a) || !isFinite(b))
      return knownFloat(product);
    bool isSame = double(product) == double(asFloat(a)) * double(asFloat(b));
    uint32_t both = mul(residue(a), residue(b));
    if (isSame && residue(knownFloat(product)) == both)
      return knownFloat(product);
  }
  if (!isFinite(a) || !isFinite(b))
    return Element::known(0x7fc00000); // the sign of a residue is not known
  if ((a.isKnown() && asFloat(a) == 0) || (b.isKnown() && asFloat(b) == 0))
    return Element::known(0);
  return Element::number(mul(residue(a), residue(b)));
}

Element Field::negate(Element a) const {
  if (a.isKnown())
    return knownFloat(-asFloat(a));
  return Element::number(negate(residue(a)));
}

Element Field::recip(Element a) const {
  if (a.isKnown()) {
    float value = asFloat(a), inverse = 1 / value;
    int exponent;
    bool isPower = std::fabs(std::frexp(value, &exponent)) == 0.5f;
    if (!std::isfinite(value) || value == 0 ||
        (isPower && std::isfinite(inverse)))
      return knownFloat(inverse);
  }
  return Element::number(inverse(residue(a)));
}

Element Field::abs(Element a) const {
  if (a.isKnown())
    return knownFloat(std::fabs(asFloat(a)));
  uint32_t x = residue(a);
  return Element::number(isPositive(x) ? x : negate(x));
}

Element Field::apply(Function function, Element a) const {
  using F = Function;
  if (a.isKnown()) {
    float x = asFloat(a);
    if (std::isnan(x))
      return knownFloat(x);
    switch (function) {
    case F::Floor:
      return knownFloat(std::floor(x));
    case F::Trunc:
      return knownFloat(std::trunc(x));
    case F::Rint:
      return knownFloat(std::nearbyint(x));
    case F::Exp2:
      if (x == 0 || std::isinf(x))
        return knownFloat(x == 0 ? 1 : x < 0 ? 0 : x);
      break;
    case F::Tanh:
    case F::Erf:
      if (x == 0 || std::isinf(x))
        return knownFloat(x == 0 ? x : x < 0 ? -1 : 1);
      break;
    case F::Sqrt:
      if (x == 0 || (std::isinf(x) && x > 0))
        return a;
      break;
    case F::Log2:
      if (x == 0 || std::isinf(x))
        return knownFloat(std::log2(x));
      break;
    default:
      break;
    }
  }
  uint32_t x = residue(a);
  switch (function) {
  case F::Exp2: // of 0, whether it is known or has cancelled
    return x == 0 ? Element::known(0x3f800000)
                  : Element::number(random(function, x));
  case F::Tanh:
  case F::Erf: // odd
    return Element::number(
        sub(random(function, x), random(function, negate(x))));
  case F::Floor:
  case F::Trunc:
  case F::Rint: {
    // Whole numbers stay what they are, known or not.
    uint32_t size = std::min(x, p - x);
    if (size < 1 << 16)
      return knownFloat(size == x ? float(size) : -float(size));
    uint32_t places = largestRounded - smallestRounded + 1;
    return knownFloat(float(int(random(function, x) % places)) +
                      smallestRounded);
  }
  default:
    return Element::number(random(function, x));
  }
}

bool Field::less(Element a, Element b) const {
  if (isNaN(a) || isNaN(b))
    return false;
  if (a.isKnown() && b.isKnown())
    return asFloat(a) < asFloat(b);
  if (!isFinite(a))
    return asFloat(a) < 0;
  if (!isFinite(b))
    return asFloat(b) > 0;
  return before(residue(a), residue(b));
}

bool Field::equal(Element a, Element b) const {
  if (isNaN(a) || isNaN(b))
    return false;
  if (a.isKnown() && b.isKnown())
    return asFloat(a) == asFloat(b);
  return isFinite(a) && isFinite(b) && residue(a) == residue(b);
}

bool Field::same(Element a, Element b) const {
  return equal(a, b) || (isNaN(a) && isNaN(b));
}
