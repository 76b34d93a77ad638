//===- Field.h - numbers modulo a prime -------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic of the modular run (docs/verification.md). A finite float is
// a dyadic rational m * 2^e, and m * 2^e mod p keeps sums and products: two
// programs that add and multiply the same numbers in any order agree exactly,
// where floats would round. Two that do not agree as rationals differ modulo a
// random prime but for a chance of about 2^-25 per compared element. Functions
// that no ring knows (exp2, erf, sqrt, ...) are random functions of the
// residue, an order is a random order of the residues, and a quotient is the
// inverse of the field. Prime and random functions are drawn from a seed.
// Rounding is a random function, too, whose values are small whole numbers:
// what comes of them (a cast, steps of a quantised tensor, products of bytes)
// is computed as the chip computes integers, and needs no laws.
//
// An Element is a number of one of the two sides that are compared, the
// emulated chip and the evaluated graph. It is *known*, 32 bits of an integer
// or float as the chip would have them, or it is a residue. Integers are
// known, because addresses, masks and comparisons depend on them. A float
// stays known as long as it is exact; the residue is a function of the value,
// so it never matters whether a side still knows it, except in comparisons.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_MODULAR_FIELD_H
#define LPU_MODULAR_FIELD_H

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace lpu::modular {

struct Element {
  enum Tag : uint16_t {
    Known,  // value: 32 bits
    Number, // value: a residue
    Part,   // value: a residue, of whose word some bytes are here; see `bytes`
    HalfPart, // the same of a number in half precision, which has two bytes
  };
  uint32_t value = 0;
  Tag tag = Known;
  /// Of a Part: bit i says that byte i of the number is here, moved up by
  /// `shift` places of a byte. What moves values byte by byte through integer
  /// instructions (shift, mask, or) ends with a number again if nothing got
  /// lost or mixed up.
  uint8_t bytes = 0;
  int8_t shift = 0;

  static Element known(uint32_t bits) { return {bits, Known, 0, 0}; }
  static Element number(uint32_t residue) { return {residue, Number, 0, 0}; }
  /// A number if all bytes are in place; of one that comes from fp16 the lowest
  /// byte is zero and need not be there. Bytes of a half never make a float of
  /// 32 bits.
  static Element part(Tag kind, uint32_t residue, unsigned bytes, int shift) {
    if (kind == Part && shift == 0 && bytes >= 14)
      return number(residue);
    return {residue, kind, uint8_t(bytes), int8_t(shift)};
  }
  bool isPart() const { return tag == Part || tag == HalfPart; }
  bool isKnown() const { return tag == Known; }
  bool isNumber() const { return tag == Number; }
  bool isKnown(uint32_t bits) const { return isKnown() && value == bits; }
  bool operator==(const Element &other) const {
    return value == other.value && tag == other.tag && bytes == other.bytes &&
           shift == other.shift;
  }
};
static_assert(sizeof(Element) == 8, "two to a vector register of 16 bytes");

enum class Function : uint8_t {
  Exp2,
  Log2,
  Tanh,
  Erf,
  Sqrt,
  Floor,
  Trunc,
  Rint,
  Order,
  Torn,
  Input
};

class Field {
public:
  /// Draws a prime between 2^28 and 2^29, and the random functions.
  explicit Field(uint64_t seed);

  uint32_t prime() const { return p; }

  uint32_t add(uint32_t a, uint32_t b) const {
    uint32_t sum = a + b;
    return sum >= p ? sum - p : sum;
  }
  uint32_t negate(uint32_t a) const { return a == 0 ? 0 : p - a; }
  uint32_t sub(uint32_t a, uint32_t b) const { return add(a, negate(b)); }
  uint32_t mul(uint32_t a, uint32_t b) const { return reduce(uint64_t(a) * b); }
  /// 0 for 0.
  uint32_t inverse(uint32_t a) const;
  uint32_t reduce(uint64_t x) const {
    auto quotient = uint64_t((__uint128_t(x) * reciprocal) >> 64);
    uint64_t rest = x - quotient * p;
    return uint32_t(rest >= p ? rest - p : rest);
  }

  /// out[r * outPitch + c] = sum over k < depth of a[r][k] * b[k * pitch + c].
  void multiply(const uint32_t *const *a, unsigned rows, unsigned depth,
                const uint32_t *b, size_t pitch, unsigned columns,
                uint32_t *out, size_t outPitch) const;

  /// Takes a float for the number of this residue. A constant may be computed
  /// with as the file has it or as products store it: it is one number then,
  /// and so is its negation. Exact sums and products of it are no known floats.
  /// False if the float stands for another number already.
  bool identify(uint32_t bits, uint32_t residue);

  /// The residue of a float; noise for infinities and NaN.
  uint32_t ofFloat(uint32_t bits) const;
  uint32_t ofHalf(uint16_t bits) const { return halves[bits]; }
  uint32_t ofInteger(int64_t value) const;

  /// A random function; 0 only with the probability 1/p.
  uint32_t random(Function function, uint64_t x) const;
  /// A random order of the residues in which -b is before -a if a is before
  /// b, so that maxima of negated numbers are negated minima.
  bool before(uint32_t a, uint32_t b) const {
    int64_t left = place(a), right = place(b);
    return left != right ? left < right : a < b;
  }
  /// Is it one of the numbers behind 0?
  bool isPositive(uint32_t a) const { return place(a) > 0; }

  // Functions of the vector unit (docs/isa.md, section 10) on elements.
  uint32_t residue(Element a) const {
    return a.tag == Element::Number  ? a.value
           : a.tag == Element::Known ? ofFloat(a.value)
                                     : ofPart(a);
  }
  Element add(Element a, Element b) const;
  Element sub(Element a, Element b) const { return add(a, negate(b)); }
  Element mul(Element a, Element b) const;
  Element negate(Element a) const;
  Element recip(Element a) const;
  Element abs(Element a) const;
  Element max(Element a, Element b) const { return less(a, b) ? b : a; }
  Element min(Element a, Element b) const { return less(b, a) ? b : a; }
  /// Exp2, Log2, Tanh, Erf, Sqrt, Floor, Trunc, Rint. The last three know their
  /// result: of what is not known, it is a whole number from smallestRounded to
  /// largestRounded, which few limits of a quantisation cut off: -128 to 127, 0
  /// to 255, and these less a zero point.
  static constexpr int smallestRounded = -8, largestRounded = 135;
  Element apply(Function function, Element a) const;
  /// Comparisons of floats; known ones compare as floats, others by residue.
  bool less(Element a, Element b) const;
  bool equal(Element a, Element b) const;

  /// Is it the same number? A known float and a residue may be.
  bool same(Element a, Element b) const;

private:
  /// In the order; place(-a) = -place(a).
  int64_t place(uint32_t a) const {
    uint32_t size = a < p - a ? a : p - a;
    if (a == 0)
      return 0;
    uint32_t hash = random(Function::Order, size);
    int64_t distance = int64_t(hash / 2) + 1;
    return (hash % 2 == 0) == (a == size) ? distance : -distance;
  }
  /// Noise: bytes of a number are none.
  uint32_t ofPart(Element a) const {
    return random(Function::Torn, uint64_t(a.value) << 16 |
                                      unsigned(a.bytes) << 8 |
                                      uint8_t(a.shift)) ^
           unsigned(a.tag == Element::HalfPart);
  }
  uint32_t power(uint32_t base, uint64_t exponent) const;
  uint32_t ofDyadic(int64_t mantissa, int exponent) const;

  uint32_t p = 0;
  uint64_t reciprocal = 0; // 2^64 / p
  uint64_t key = 0;
  uint32_t half = 0; // the inverse of 2
  std::vector<uint32_t> halves;
  std::vector<uint32_t> powers; // of 2, from 2^-400 on
  std::unordered_map<uint32_t, uint32_t> identified;
};

/// To nearest even, as `alu` converts at its edge.
uint16_t toHalf(uint32_t bits);
uint32_t fromHalf(uint16_t bits);

} // namespace lpu::modular

#endif // LPU_MODULAR_FIELD_H
