//===- Vector.cpp - the vector unit modulo a prime ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arithmetic.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace lpu;
using namespace lpu::emulator::event;
using isa::ElementType;
using modular::Element;
using modular::Function;

static Element truth(bool value) { return Element::known(value); }

/// What instructions make of bits that they take for something else: the same
/// of the same, and something else for every instruction.
Element ModularArithmetic::noise(unsigned kernel, Element a, Element b) const {
  uint64_t bits = uint64_t(residueOfInteger(a)) << 32 | residueOfInteger(b);
  return Element::number(
      field.random(Function::Torn, bits ^ UINT64_C(0x9e3779b97f4a7c15) *
                                              (uint64_t(kernel) + 1)));
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// Moves the bytes of a word by whole places.
static Element moved(Element a, int places) {
  unsigned bytes = a.isNumber() ? 15 : a.bytes;
  int shift = (a.isNumber() ? 0 : a.shift) + places;
  for (int i = 0; i < 4; ++i)
    if (i + shift < 0 || i + shift > 3)
      bytes &= ~(1u << i);
  Element::Tag kind = a.isNumber() ? Element::Part : a.tag;
  return bytes ? Element::part(kind, a.value, bytes, shift) : Element::known(0);
}

static Element integerOfBits(AluKernel kernel, int32_t x, int32_t y) {
  using K = AluKernel;
  uint32_t a = uint32_t(x), b = uint32_t(y);
  switch (kernel) {
  case K::iadd:
    return Element::known(a + b);
  case K::isub:
    return Element::known(a - b);
  case K::imul:
    return Element::known(a * b);
  case K::imin:
    return Element::known(uint32_t(std::min(x, y)));
  case K::imax:
    return Element::known(uint32_t(std::max(x, y)));
  case K::icmpeq:
    return truth(x == y);
  case K::icmplt:
    return truth(x < y);
  case K::icmple:
    return truth(x <= y);
  case K::and_:
    return Element::known(a & b);
  case K::or_:
    return Element::known(a | b);
  case K::xor_:
    return Element::known(a ^ b);
  case K::shl:
    return Element::known(a << (b & 31));
  case K::shr:
    return Element::known(a >> (b & 31));
  default: // sar
    return Element::known(uint32_t(x >> (b & 31)));
  }
}

Element ModularArithmetic::integer(AluKernel kernel, Element a,
                                   Element b) const {
  using K = AluKernel;
  if (a.isKnown() && b.isKnown())
    return integerOfBits(kernel, int32_t(a.value), int32_t(b.value));
  bool commutes = kernel == K::iadd || kernel == K::imul || kernel == K::and_ ||
                  kernel == K::or_ || kernel == K::xor_;
  if (commutes && a.isKnown())
    std::swap(a, b);
  switch (kernel) {
  case K::iadd:
  case K::isub:
  case K::or_:
  case K::xor_:
    if (b.isKnown(0))
      return a;
    break;
  case K::imul:
    if (b.isKnown(0) || b.isKnown(1))
      return b.value ? a : b;
    break;
  case K::and_:
    if (b.isKnown(0) || b.isKnown(UINT32_MAX))
      return b.value ? a : b;
    break;
  default:
    break;
  }
  // The bits of a number are not known, so nothing can be computed of them as
  // of an integer; but its bytes may be moved.
  switch (kernel) {
  case K::and_: // the lowest byte
    if (b.isKnown(0xff))
      return moved(moved(a, 3), -3);
    break;
  case K::or_: // bytes of one number
    if (a.isPart() && a.tag == b.tag && a.value == b.value &&
        a.shift == b.shift)
      return Element::part(a.tag, a.value, a.bytes | b.bytes, a.shift);
    break;
  case K::shl:
  case K::shr:
  case K::sar: // (of a sign nobody asks: it is cut off with the next byte)
    if (!a.isKnown() && b.isKnown() && b.value < 32 && b.value % 8 == 0)
      return moved(a, kernel == K::shl ? int(b.value / 8) : -int(b.value / 8));
    break;
  default:
    break;
  }
  return noise(unsigned(kernel), a, b);
}

//===----------------------------------------------------------------------===//
// One operand
//===----------------------------------------------------------------------===//

/// float to int32, nearest even, saturating.
static uint32_t toInteger(uint32_t bits) {
  float value = llvm::bit_cast<float>(bits);
  if (std::isnan(value))
    return 0;
  value = std::nearbyint(value);
  if (value >= 2147483648.0f)
    return INT32_MAX;
  if (value < -2147483648.0f)
    return uint32_t(INT32_MIN);
  return uint32_t(int32_t(value));
}

Element ModularArithmetic::unary(AluKernel kernel, Element a) const {
  using K = AluKernel;
  switch (kernel) {
  case K::abs:
    return field.abs(a);
  case K::neg:
    return field.negate(a);
  case K::floor:
    return field.apply(Function::Floor, a);
  case K::trunc:
    return field.apply(Function::Trunc, a);
  case K::rint:
    return field.apply(Function::Rint, a);
  case K::exp2:
    return field.apply(Function::Exp2, a);
  case K::log2:
    return field.apply(Function::Log2, a);
  case K::tanh:
    return field.apply(Function::Tanh, a);
  case K::erf:
    return field.apply(Function::Erf, a);
  case K::sqrt:
    return field.apply(Function::Sqrt, a);
  case K::rsqrt:
    return field.recip(field.apply(Function::Sqrt, a));
  case K::recip:
    return field.recip(a);
  case K::f2i: // rounds
    return Element::known(toInteger(field.apply(Function::Rint, a).value));
  // Integers are known: what is not known is no integer, and becomes none.
  case K::i2f: {
    if (!a.isKnown())
      return noise(unsigned(kernel), a, a);
    int32_t value = int32_t(a.value);
    if (std::abs(int64_t(value)) < 1 << 24)
      return Element::known(llvm::bit_cast<uint32_t>(float(value)));
    return Element::number(field.ofInteger(value));
  }
  default: // mov
    return a;
  }
}

/// Conversion at the edge of the vector unit.
void ModularArithmetic::narrow(ElementType type, const Element *in,
                               Element *out) const {
  for (unsigned lane = 0; lane < lanes; ++lane) {
    Element a = in[lane];
    if (type == ElementType::f16) {
      if (a.isKnown()) {
        uint16_t half = modular::toHalf(a.value);
        bool isSame = modular::fromHalf(half) == a.value;
        out[lane] = isSame ? Element::known(half)
                           : Element::number(field.ofFloat(a.value));
      } else {
        out[lane] = Element::number(field.residue(a));
      }
      continue;
    }
    int low = type == ElementType::i8   ? -128
              : type == ElementType::u8 ? 0
                                        : -32768;
    int high = type == ElementType::i8   ? 127
               : type == ElementType::u8 ? 255
                                         : 32767;
    // One byte of a number passes; several are no byte.
    bool isByte = a.isPart() && type != ElementType::i16 && a.shift <= 0 &&
                  a.bytes == 1u << -a.shift;
    // Both bytes of a half are one.
    if (a.tag == Element::HalfPart && type == ElementType::i16 &&
        a.shift == 0 && a.bytes == 3) {
      out[lane] = Element::number(a.value);
      continue;
    }
    out[lane] =
        a.isKnown()
            ? Element::known(uint32_t(std::clamp(int32_t(a.value), low, high)) &
                             (type == ElementType::i16 ? 0xffff : 0xff))
        : isByte ? a
                 : noise(256 + unsigned(type), a, a); // more than conversions
  }
}

//===----------------------------------------------------------------------===//
// Issues
//===----------------------------------------------------------------------===//

void ModularArithmetic::lanewise(const AluOp &op, const Element *const *sources,
                                 Element *out) const {
  using K = AluKernel;
  auto kernel = AluKernel(op.kernel);
  const Element *a = sources[0], *b = sources[1], *c = sources[2];
  auto forEach = [&](auto body) {
    for (unsigned lane = 0; lane < lanes; ++lane)
      out[lane] = body(lane);
  };
  auto le = [&](Element x, Element y) {
    return field.less(x, y) || field.equal(x, y);
  };
  switch (kernel) {
  case K::mov:
    return forEach([&](unsigned i) { return a[i]; });
  case K::add:
    return forEach([&](unsigned i) { return field.add(a[i], b[i]); });
  case K::sub:
    return forEach([&](unsigned i) { return field.sub(a[i], b[i]); });
  case K::mul:
    return forEach([&](unsigned i) { return field.mul(a[i], b[i]); });
  case K::muladd:
    return forEach(
        [&](unsigned i) { return field.add(field.mul(a[i], b[i]), c[i]); });
  case K::min:
    return forEach([&](unsigned i) { return field.min(a[i], b[i]); });
  case K::max:
    return forEach([&](unsigned i) { return field.max(a[i], b[i]); });
  case K::cmpeq:
    return forEach([&](unsigned i) { return truth(field.equal(a[i], b[i])); });
  case K::cmplt:
    return forEach([&](unsigned i) { return truth(field.less(a[i], b[i])); });
  case K::cmple:
    return forEach([&](unsigned i) { return truth(le(a[i], b[i])); });
  case K::cmpuno:
    return forEach(
        [&](unsigned i) { return truth(!le(a[i], b[i]) && !le(b[i], a[i])); });
  case K::select:
    return forEach([&](unsigned i) {
      if (a[i].isKnown())
        return a[i].value ? b[i] : c[i];
      return noise(unsigned(kernel), a[i], noise(unsigned(kernel), b[i], c[i]));
    });
  case K::iadd:
  case K::isub:
  case K::imul:
  case K::imin:
  case K::imax:
  case K::icmpeq:
  case K::icmplt:
  case K::icmple:
  case K::and_:
  case K::or_:
  case K::xor_:
  case K::shl:
  case K::shr:
  case K::sar:
    return forEach([&](unsigned i) { return integer(kernel, a[i], b[i]); });
  default:
    // What all lanes hold after a reduction is computed once.
    for (unsigned lane = 0; lane < lanes; ++lane)
      out[lane] = lane && a[lane] == a[lane - 1] ? out[lane - 1]
                                                 : unary(kernel, a[lane]);
    return;
  }
}

void ModularArithmetic::reduce(ReduceKernel kind, const Element *in,
                               Element *out, unsigned group) const {
  for (unsigned first = 0; first < lanes; first += group) {
    unsigned end = std::min(first + group, lanes), best = first;
    Element value = in[first];
    for (unsigned lane = first + 1; lane < end; ++lane) {
      switch (kind) {
      case ReduceKernel::sum:
        value = field.add(value, in[lane]);
        break;
      case ReduceKernel::max:
        value = field.max(value, in[lane]);
        break;
      case ReduceKernel::min:
        value = field.min(value, in[lane]);
        break;
      case ReduceKernel::argmax:
        if (field.less(in[best], in[lane]))
          best = lane;
        break;
      }
    }
    if (kind == ReduceKernel::argmax)
      value = Element::known(best - first);
    std::fill(out + first, out + end, value);
  }
}

void ModularArithmetic::accumulate(const AluOp &op, Alu &alu, const Element *in,
                                   Element *out, bool start) const {
  auto kind = ReduceKernel(op.kernel);
  alu.count = start ? 0 : alu.count + 1;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    Element &value = alu.value[lane];
    if (start) {
      value = in[lane];
      alu.index[lane] = 0;
    } else if (kind == ReduceKernel::sum) {
      value = field.add(value, in[lane]);
    } else if (kind == ReduceKernel::max) {
      value = field.max(value, in[lane]);
    } else if (kind == ReduceKernel::min) {
      value = field.min(value, in[lane]);
    } else if (field.less(value, in[lane])) {
      value = in[lane];
      alu.index[lane] = alu.count;
    }
    out[lane] =
        kind == ReduceKernel::argmax ? Element::known(alu.index[lane]) : value;
  }
}

Value ModularArithmetic::alu(const Op &op, unsigned number,
                             const Value (*inputs)[maxInput],
                             const int64_t *historyCycles, int64_t completion,
                             bool start, bool output) {
  Alu &alu = alus[number];
  const Element *sources[3];
  for (unsigned i = 0; i < 3; ++i) {
    const Source &source = op.alu.source[i];
    switch (source.kind) {
    case Source::Stream:
      sources[i] =
          elements(inputs[source.input], source.type, operands[i].data());
      break;
    case Source::History:
      sources[i] = alus[source.alu].history[historyCycles[i] & historyMask];
      break;
    case Source::Immediate:
      std::fill(operands[i].begin(), operands[i].end(),
                Element::known(op.alu.immediate));
      sources[i] = operands[i].data();
      break;
    case Source::Lane:
      sources[i] = laneNumbers.data();
      break;
    case Source::Constant:
      sources[i] = alu.constant.data();
      break;
    case Source::Absent:
      sources[i] = sources[0];
      break;
    }
  }
  Element *result = freshElements();
  switch (op.alu.kind) {
  case AluClass::Lanes:
  case AluClass::SetConstant:
    lanewise(op.alu, sources, result);
    break;
  case AluClass::Reduce:
    reduce(ReduceKernel(op.alu.kernel), sources[0], result, op.alu.group);
    break;
  case AluClass::Accumulate:
    accumulate(op.alu, alu, sources[0], result, start);
    break;
  }
  alu.history[completion & historyMask] = result;
  if (!output)
    return 0;
  unsigned width = isa::byteWidth(op.alu.type);
  if (width == 4)
    return makeValue(result, 2, ValueKind::Elements);
  Element *narrowed = freshElements();
  narrow(op.alu.type, result, narrowed);
  return makeValue(narrowed, width - 1, ValueKind::Elements);
}

void ModularArithmetic::setConstant(unsigned number, int64_t cycle) {
  Alu &alu = alus[number];
  std::copy_n(alu.history[cycle & historyMask], lanes, alu.constant.begin());
}
