//===- lpu-test-modular.cpp - the field of the modular run ----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The laws that both sides of the modular run count on, on many random
// numbers. Prints one line for each; any broken law is an error.
//
//===----------------------------------------------------------------------===//

#include "lpu/Emulator/Modular.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <random>

using namespace lpu;
using modular::Element;
using modular::Field;
using modular::Function;

static unsigned broken = 0;

static void law(const char *name, llvm::function_ref<bool()> holds,
                unsigned times = 20000) {
  unsigned failures = 0;
  for (unsigned i = 0; i < times; ++i)
    failures += !holds();
  broken += failures != 0;
  llvm::outs() << name << ": " << (failures ? "broken " : "holds")
               << (failures ? std::to_string(failures) : "") << '\n';
}

static Element known(float value) {
  return Element::known(llvm::bit_cast<uint32_t>(value));
}

int main() {
  std::mt19937_64 random(1);
  Field field(1);
  uint32_t p = field.prime();
  auto residue = [&] { return uint32_t(random() % p); };
  auto half = [&] {
    return modular::fromHalf(uint16_t(random() % 0x7c00 | random() % 2 << 15));
  };
  auto number = [&] { return Element::number(residue()); };

  law(
      "primes lie between 2^28 and 2^29 and change with the seed",
      [&] {
        Field other(random() % 1000 + 2);
        bool isPrime = true;
        for (uint32_t d = 2; d < 1000; ++d)
          isPrime &= other.prime() % d != 0;
        return isPrime && other.prime() != p && other.prime() >> 28 == 1;
      },
      300);
  law("every fp16 number comes back from fp32", [&] {
    uint16_t bits = uint16_t(random());
    uint32_t wide = modular::fromHalf(bits);
    bool isNaN = (bits & 0x7fff) > 0x7c00;
    return isNaN || modular::toHalf(wide) == bits;
  });
  law("fp32 rounds to the nearest fp16, ties to even", [&] {
    float value =
        std::ldexp(float(random() % 0xffffff) + 1, int(random() % 40) - 48);
    if (value >= 65520)
      return true;
    uint16_t bits = modular::toHalf(llvm::bit_cast<uint32_t>(value));
    auto distance = [&](int other) {
      float f = llvm::bit_cast<float>(modular::fromHalf(uint16_t(other)));
      return std::fabs(double(f) - double(value));
    };
    double here = distance(bits), up = distance(bits + 1),
           down = bits ? distance(bits - 1) : 1e9;
    return here <= up && here <= down &&
           ((here != up && here != down) || bits % 2 == 0);
  });
  law("residues of fp16 numbers and of the same fp32 numbers are equal", [&] {
    uint32_t bits = half();
    return field.ofFloat(bits) == field.ofHalf(modular::toHalf(bits));
  });
  law("known sums and products are those of the residues", [&] {
    Element a = Element::known(half()), b = Element::known(half());
    uint32_t x = field.residue(a), y = field.residue(b);
    return field.residue(field.add(a, b)) == field.add(x, y) &&
           field.residue(field.mul(a, b)) == field.mul(x, y) &&
           field.residue(field.sub(a, b)) == field.sub(x, y) &&
           field.residue(field.negate(a)) == field.negate(x);
  });
  law("an inverse is one", [&] {
    uint32_t a = residue();
    return a == 0 || field.mul(a, field.inverse(a)) == 1;
  });
  law("a product of residues is that of 128 bits", [&] {
    uint32_t a = residue(), b = residue();
    return field.mul(a, b) == uint64_t(a) * b % p;
  });
  law("the order is total and mirrored, and max and min choose by it", [&] {
    Element a = number(), b = number(), c = number();
    bool isTransitive =
        !(field.less(a, b) && field.less(b, c)) || field.less(a, c);
    bool isOne = field.less(a, b) + field.less(b, a) + field.equal(a, b) == 1;
    bool isMirrored =
        field.less(a, b) == field.less(field.negate(b), field.negate(a));
    return isTransitive && isOne && isMirrored &&
           field.max(a, b) == field.max(b, a) &&
           field.max(field.max(a, b), c) == field.max(a, field.max(b, c)) &&
           field.max(a, known(-INFINITY)) == a &&
           field.min(a, known(-INFINITY)) == known(-INFINITY);
  });
  law("abs, tanh and erf are even and odd", [&] {
    Element a = number(), b = field.negate(a);
    return field.abs(a) == field.abs(b) &&
           field.apply(Function::Tanh, b) ==
               field.negate(field.apply(Function::Tanh, a)) &&
           field.apply(Function::Erf, b) ==
               field.negate(field.apply(Function::Erf, a));
  });
  law("different numbers have different values of a function", [&] {
    Element a = number(), b = number();
    return a == b ||
           !(field.apply(Function::Exp2, a) == field.apply(Function::Exp2, b));
  });
  law("rounding makes whole numbers in range, and leaves whole numbers", [&] {
    Function function = random() % 3 == 0   ? Function::Floor
                        : random() % 2 == 0 ? Function::Trunc
                                            : Function::Rint;
    Element rounded = field.apply(function, number());
    float value = llvm::bit_cast<float>(rounded.value);
    int whole = int(random() % 200) - 100;
    return rounded.isKnown() && value == std::floor(value) &&
           std::fabs(value) < 65536 &&
           field.apply(function, rounded) == rounded &&
           field.apply(function, Element::number(field.ofInteger(whole))) ==
               known(float(whole));
  });
  law(
      "of numbers that differ, one pair in fifty or fewer is rounded to the "
      "same byte",
      [&] {
        unsigned same = 0;
        for (unsigned i = 0; i < 20000; ++i) {
          auto byte = [&](uint32_t zero, int low) {
            Element e = field.apply(Function::Rint, number());
            return std::min(
                std::max(int(llvm::bit_cast<float>(e.value)) + int(zero), low),
                low + 255);
          };
          same += i % 3 == 0   ? byte(0, -128) == byte(0, -128)
                  : i % 3 == 1 ? byte(128, 0) == byte(128, 0)
                               : byte(0, 0) == byte(0, 0);
        }
        return same * 50 < 20000;
      },
      1);
  law("products of matrices are sums of products", [&] {
    unsigned rows = unsigned(random() % 6 + 1),
             depth = unsigned(random() % 140),
             columns = unsigned(random() % 40 + 1);
    std::vector<uint32_t> a(rows * depth), b(depth * columns),
        out(rows * columns);
    for (auto *matrix : {&a, &b})
      for (uint32_t &x : *matrix)
        x = random() % 4 ? residue() : p - 1;
    std::vector<const uint32_t *> lines;
    for (unsigned r = 0; r < rows; ++r)
      lines.push_back(a.data() + r * depth);
    field.multiply(lines.data(), rows, depth, b.data(), columns, columns,
                   out.data(), columns);
    unsigned r = unsigned(random() % rows), c = unsigned(random() % columns);
    uint32_t sum = 0;
    for (unsigned k = 0; k < depth; ++k)
      sum = field.add(sum, field.mul(a[r * depth + k], b[k * columns + c]));
    return out[r * columns + c] == sum;
  });
  law("bytes of a number make it again, in their order only", [&] {
    uint32_t x = residue();
    emulator::ModularByte bytes[4];
    for (uint8_t i = 0; i < 4; ++i)
      bytes[i] = {x, 4, i, {}};
    auto joined = [&](isa::ElementType type) {
      return emulator::joinBytes(field, bytes, type);
    };
    if (!(joined(isa::ElementType::f32) == Element::number(x)))
      return false;
    std::swap(bytes[random() % 2], bytes[2 + random() % 2]);
    return !(joined(isa::ElementType::f32) == Element::number(x));
  });
  return broken != 0;
}
