//===- Alu.cpp - one ALU operation on all lanes ---------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Alu.h"
#include "Numerics.h"

#include "llvm/Support/ErrorHandling.h"

using namespace lpu;
using namespace lpu::stream;
using namespace lpu::stream::numerics;
using isa::Opcode;

template <typename F>
static void each(unsigned lanes, uint32_t *out, F operation) {
  for (unsigned l = 0; l < lanes; ++l)
    out[l] = operation(l);
}

void stream::runElementwise(Opcode op, unsigned lanes, const uint32_t *a,
                            const uint32_t *b, const uint32_t *c,
                            uint32_t *out) {
  auto f = [](uint32_t bits) { return asFloat(bits); };
  auto i = [](uint32_t bits) { return int32_t(bits); };
  switch (op) {
#define CASE(NAME, EXPRESSION)                                                 \
  case Opcode::alu_##NAME:                                                     \
    return each(lanes, out, [=](unsigned l) -> uint32_t { return EXPRESSION; });
    CASE(mov, a[l])
    CASE(abs, isNaN(a[l]) ? kNaN : a[l] & 0x7fffffff)
    CASE(neg, isNaN(a[l]) ? kNaN : a[l] ^ 0x80000000)
    CASE(f2i, uint32_t(floatToInt(a[l])))
    CASE(i2f, asBits(float(i(a[l]))))
    CASE(floor, result(std::floor(f(a[l]))))
    CASE(trunc, result(std::trunc(f(a[l]))))
    CASE(rint, result(std::nearbyint(f(a[l]))))
    CASE(exp2, numerics::exp2(a[l]))
    CASE(log2, numerics::log2(a[l]))
    CASE(tanh, numerics::tanh(a[l]))
    CASE(erf, numerics::erf(a[l]))
    CASE(rsqrt, result(1.0f / std::sqrt(f(a[l]))))
    CASE(sqrt, result(std::sqrt(f(a[l]))))
    CASE(recip, result(1.0f / f(a[l])))
    CASE(add, result(f(a[l]) + f(b[l])))
    CASE(sub, result(f(a[l]) - f(b[l])))
    CASE(mul, result(f(a[l]) * f(b[l])))
    CASE(min, minimum(a[l], b[l]))
    CASE(max, maximum(a[l], b[l]))
    CASE(cmpeq, f(a[l]) == f(b[l]))
    CASE(cmplt, f(a[l]) < f(b[l]))
    CASE(cmple, f(a[l]) <= f(b[l]))
    CASE(cmpuno, isNaN(a[l]) || isNaN(b[l]))
    CASE(iadd, a[l] + b[l])
    CASE(isub, a[l] - b[l])
    CASE(imul, a[l] * b[l])
    CASE(imin, i(a[l]) < i(b[l]) ? a[l] : b[l])
    CASE(imax, i(a[l]) > i(b[l]) ? a[l] : b[l])
    CASE(icmpeq, a[l] == b[l])
    CASE(icmplt, i(a[l]) < i(b[l]))
    CASE(icmple, i(a[l]) <= i(b[l]))
    CASE(and, a[l] & b[l])
    CASE(or, a[l] | b[l])
    CASE(xor, a[l] ^ b[l])
    CASE(shl, a[l] << (b[l] & 31))
    CASE(shr, a[l] >> (b[l] & 31))
    CASE(sar, uint32_t(i(a[l]) >> (b[l] & 31)))
    CASE(muladd, result(asFloat(result(f(a[l]) * f(b[l]))) + f(c[l])))
    CASE(select, a[l] ? b[l] : c[l])
#undef CASE
  default:
    llvm::report_fatal_error("not an elementwise operation");
  }
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

uint32_t stream::combine(Opcode op, uint32_t left, uint32_t right) {
  switch (op) {
  case Opcode::alu_reduce_sum:
  case Opcode::alu_acc_sum:
    return result(asFloat(left) + asFloat(right));
  case Opcode::alu_reduce_max:
  case Opcode::alu_acc_max:
    return maximum(left, right);
  case Opcode::alu_reduce_min:
  case Opcode::alu_acc_min:
    return minimum(left, right);
  default:
    llvm::report_fatal_error("not a reduction");
  }
}

bool stream::takesRight(uint32_t left, uint32_t right) {
  return asFloat(right) > asFloat(left) || (isNaN(right) && !isNaN(left));
}

void stream::runReduce(Opcode op, unsigned lanes, unsigned group,
                       const uint32_t *a, uint32_t *out) {
  uint32_t identity = op == Opcode::alu_reduce_sum   ? 0
                      : op == Opcode::alu_reduce_min ? 0x7f800000
                                                     : 0xff800000;
  std::vector<uint32_t> value, number;
  for (unsigned base = 0; base < lanes; base += group) {
    unsigned count = std::min(group, lanes - base), n = 1;
    while (n < count)
      n *= 2;
    value.assign(n, identity);
    number.assign(n, 0);
    for (unsigned l = 0; l < count; ++l) {
      // Also a group of one lane gives an arithmetic result.
      value[l] = isNaN(a[base + l]) ? kNaN : a[base + l];
      number[l] = base + l;
    }
    while (n > 1) {
      n /= 2;
      for (unsigned l = 0; l < n; ++l) {
        if (op != Opcode::alu_reduce_argmax) {
          value[l] = combine(op, value[l], value[l + n]);
        } else if (takesRight(value[l], value[l + n])) {
          value[l] = value[l + n];
          number[l] = number[l + n];
        }
      }
    }
    for (unsigned l = 0; l < count; ++l)
      out[base + l] = op == Opcode::alu_reduce_argmax ? number[0] : value[0];
  }
}
