//===- Math.cpp - element by element --------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace lpu;
using namespace lpu::verify;
using modular::Function;

//===----------------------------------------------------------------------===//
// Operators of two operands
//===----------------------------------------------------------------------===//

static bool areKnown(const Node &node) {
  return llvm::all_of(node.inputs, [](const Tensor *t) {
    return t->kind == Tensor::Constants && t->isConstant &&
           t->count() * 4 <= knownBytes;
  });
}

template <typename OfIntegers, typename OfFloats, typename OfElements>
static void binary(Node &node, OfIntegers ofIntegers, OfFloats ofFloats,
                   OfElements ofElements) {
  const Tensor &a = node.in(0), &b = node.in(1);
  Dims dims;
  if (!broadcast(a.dims, b.dims, dims))
    return node.refuse("its shapes do not fit");
  Dims left = broadcastStrides(a.dims, dims),
       right = broadcastStrides(b.dims, dims);
  size_t count = size_t(countOf(dims));
  if (!a.isFloat() && !b.isFloat()) {
    std::vector<int64_t> result(count);
    forEach(dims, left, right, [&](int64_t i, int64_t x, int64_t y) {
      result[size_t(i)] =
          wrapped(ofIntegers(a.integer(x), b.integer(y)), a.type);
    });
    return node.set(Tensor::ofIntegers(a.type, dims, std::move(result),
                                       a.isConstant && b.isConstant));
  }
  if (areKnown(node) && count * 4 <= size_t(knownBytes)) {
    std::vector<float> result(count);
    forEach(dims, left, right, [&](int64_t i, int64_t x, int64_t y) {
      result[size_t(i)] =
          float(ofFloats(double(a.constant(x)), double(b.constant(y))));
    });
    return node.set(Tensor::ofConstants(dims, std::move(result)));
  }
  node.set(combine(node, a, b, ofElements));
}

static void add(Node &n) {
  binary(
      n,
      [](int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); },
      [](double a, double b) { return a + b; },
      [&](Element a, Element b) { return n.field.add(a, b); });
}
static void sub(Node &n) {
  binary(
      n,
      [](int64_t a, int64_t b) { return int64_t(uint64_t(a) - uint64_t(b)); },
      [](double a, double b) { return a - b; },
      [&](Element a, Element b) { return n.field.sub(a, b); });
}
static void mul(Node &n) {
  for (size_t i : {0, 1}) { // a constant factor
    const Tensor &a = n.in(i), &b = n.in(1 - i);
    Dims dims;
    if (const float *by = b.splat(); by && a.kind == Tensor::Elements &&
                                     broadcast(a.dims, b.dims, dims) &&
                                     dims == a.dims)
      return n.set(scaled(n, a, *by));
  }
  binary(
      n,
      [](int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); },
      [](double a, double b) { return a * b; },
      [&](Element a, Element b) { return n.field.mul(a, b); });
}
static void divide(Node &n) {
  bool isFloat = n.in(0).isFloat();
  if (isFloat && !areKnown(n))
    return n.set(divided(n, n.in(0), n.in(1)));
  binary(
      n, [](int64_t a, int64_t b) { return b ? a / b : 0; },
      [](double a, double b) { return a / b; },
      [&](Element a, Element) { return a; });
}
/// The remainder has the sign of the divisor, with `fmod` that of the dividend.
static void modulo(Node &n) {
  bool isTruncated = n.integer("fmod", 0) != 0;
  if ((n.in(0).isFloat() || n.in(1).isFloat()) && !areKnown(n))
    return n.refuse("a remainder of floats that are computed");
  binary(
      n,
      [&](int64_t a, int64_t b) {
        int64_t rest = b == 0 || b == -1 ? 0 : a % b;
        bool isOther = rest != 0 && (rest < 0) != (b < 0);
        return isOther && !isTruncated ? rest + b : rest;
      },
      [](double a, double b) { return std::fmod(a, b); },
      [](Element a, Element) { return a; });
}
template <bool isMax> static void extreme(Node &n) {
  std::vector<Tensor> keep;
  keep.reserve(n.inputs.size());
  if (llvm::all_equal(n.inputs)) // of itself
    return n.set(n.in(0));
  std::vector<const Tensor *> all = n.inputs;
  Tensor result = *all[0];
  for (size_t i = 1; i < all.size(); ++i) {
    keep.push_back(result);
    n.inputs = {&keep.back(), all[i]};
    n.outputs.clear();
    binary(
        n,
        [](int64_t a, int64_t b) {
          return isMax ? std::max(a, b) : std::min(a, b);
        },
        [](double a, double b) {
          return isMax ? std::max(a, b) : std::min(a, b);
        },
        [&](Element a, Element b) {
          return isMax ? n.field.max(a, b) : n.field.min(a, b);
        });
    if (n.outputs.empty())
      return;
    result = n.outputs[0];
  }
}

static Tensor logarithmOf(Node &n, const Tensor &x) {
  Tensor powers =
      change(x, [&](Element e) { return n.field.apply(Function::Log2, e); });
  return scaled(n, powers, 0.6931471805599453f);
}

/// x^n by squaring, the roots, and e^(n log x); nothing else has one meaning.
static void power(Node &n) {
  const Tensor &x = n.in(0), &y = n.in(1);
  std::optional<double> exponent;
  if (const float *splat = y.splat())
    exponent = *splat;
  else if (!y.isFloat() && y.isConstant && y.count() == 1)
    exponent = double(y.integer(0));
  if (!exponent || !x.isFloat())
    return n.refuse("the exponent is no constant, or the base no float");
  const Field &field = n.field;
  double size = std::fabs(*exponent);
  Tensor result;
  if (size == 0.5)
    result =
        change(x, [&](Element e) { return field.apply(Function::Sqrt, e); });
  else if (size == std::floor(size) && size <= 64)
    result = change(x, [&](Element e) {
      Element power = size == 0 ? constantElement(1) : e;
      for (int i = 1; i < int(size); ++i)
        power = field.mul(power, e);
      return power;
    });
  else if (size != std::floor(size))
    return n.set(exponential(n, scaled(n, logarithmOf(n, x), *exponent)));
  else
    return n.refuse("the exponent is a whole number above 64");
  if (*exponent < 0)
    result = change(result, [&](Element e) { return field.recip(e); });
  n.set(result);
}

template <typename OfNumbers, typename OfElements>
static void compared(Node &n, OfNumbers ofNumbers, OfElements ofElements) {
  const Tensor &a = n.in(0), &b = n.in(1);
  Dims dims;
  if (a.isFloat() != b.isFloat() || !broadcast(a.dims, b.dims, dims))
    return n.refuse("its operands do not fit");
  std::vector<int64_t> result(size_t(countOf(dims)));
  forEach(dims, broadcastStrides(a.dims, dims), broadcastStrides(b.dims, dims),
          [&](int64_t i, int64_t x, int64_t y) {
            result[size_t(i)] = a.isFloat()
                                    ? ofElements(a.element(x), b.element(y))
                                    : ofNumbers(a.integer(x), b.integer(y));
          });
  n.set(Tensor::ofIntegers(typeBool, dims, std::move(result),
                           a.isConstant && b.isConstant));
}
static void equal(Node &n) {
  compared(
      n, [](int64_t a, int64_t b) { return a == b; },
      [&](Element a, Element b) { return n.field.equal(a, b); });
}
static void less(Node &n) {
  compared(
      n, [](int64_t a, int64_t b) { return a < b; },
      [&](Element a, Element b) { return n.field.less(a, b); });
}
static void greater(Node &n) {
  compared(
      n, [](int64_t a, int64_t b) { return a > b; },
      [&](Element a, Element b) { return n.field.less(b, a); });
}
static void lessOrEqual(Node &n) {
  compared(
      n, [](int64_t a, int64_t b) { return a <= b; },
      [&](Element a, Element b) {
        return n.field.less(a, b) || n.field.equal(a, b);
      });
}
static void greaterOrEqual(Node &n) {
  compared(
      n, [](int64_t a, int64_t b) { return a >= b; },
      [&](Element a, Element b) {
        return n.field.less(b, a) || n.field.equal(a, b);
      });
}

template <int kind> static void logic(Node &n) {
  if (n.in(0).isFloat() || n.in(1).isFloat())
    return n.refuse("its operands are no truth values");
  binary(
      n,
      [](int64_t a, int64_t b) -> int64_t {
        return kind == 0 ? a && b : kind == 1 ? a || b : !a != !b;
      },
      [](double a, double) { return a; },
      [&](Element a, Element) { return a; });
}

//===----------------------------------------------------------------------===//
// Operators of one operand
//===----------------------------------------------------------------------===//

template <typename OfFloats, typename OfElements>
static void unary(Node &n, OfFloats ofFloats, OfElements ofElements) {
  const Tensor &a = n.in(0);
  if (!a.isFloat())
    return n.refuse("its operand is no float");
  if (areKnown(n)) {
    std::vector<float> result;
    for (int64_t i = 0; i < a.count(); ++i)
      result.push_back(float(ofFloats(double(a.constant(i)))));
    return n.set(Tensor::ofConstants(a.dims, std::move(result)));
  }
  n.set(change(a, ofElements));
}

template <Function function> static void apply(Node &n) {
  unary(
      n,
      [](double a) {
        return function == Function::Sqrt   ? std::sqrt(a)
               : function == Function::Tanh ? std::tanh(a)
                                            : std::erf(a);
      },
      [&](Element a) { return n.field.apply(function, a); });
}
template <Function function> static void rounding(Node &n) {
  unary(
      n,
      [](double a) {
        return function == Function::Floor ? std::floor(a) : std::nearbyint(a);
      },
      [&](Element a) { return rounded(n, function, a); });
}
static void exponent(Node &n) {
  if (!areKnown(n) && n.in(0).isFloat())
    return n.set(exponential(n, n.in(0)));
  unary(n, [](double a) { return std::exp(a); }, [](Element a) { return a; });
}
static void logarithm(Node &n) {
  if (!areKnown(n) && n.in(0).isFloat())
    return n.set(logarithmOf(n, n.in(0)));
  unary(n, [](double a) { return std::log(a); }, [](Element a) { return a; });
}
static void reciprocal(Node &n) {
  unary(
      n, [](double a) { return 1 / a; },
      [&](Element a) { return n.field.recip(a); });
}
static void negative(Node &n) {
  const Tensor &a = n.in(0);
  if (a.isFloat())
    return unary(
        n, [](double x) { return -x; },
        [&](Element x) { return n.field.negate(x); });
  std::vector<int64_t> result;
  for (int64_t i : *a.integers)
    result.push_back(-i);
  n.set(Tensor::ofIntegers(a.type, a.dims, std::move(result), a.isConstant));
}
/// Of integers, element by element.
static void integersOf(Node &n, llvm::function_ref<int64_t(int64_t)> body) {
  const Tensor &a = n.in(0);
  std::vector<int64_t> result;
  for (int64_t i : *a.integers)
    result.push_back(body(i));
  n.set(Tensor::ofIntegers(a.type, a.dims, std::move(result), a.isConstant));
}
static void absolute(Node &n) {
  if (!n.in(0).isFloat())
    return integersOf(n, [](int64_t i) { return i < 0 ? -i : i; });
  unary(
      n, [](double a) { return std::fabs(a); },
      [&](Element a) { return n.field.abs(a); });
}
static void sign(Node &n) {
  if (!n.in(0).isFloat())
    return integersOf(n, [](int64_t i) { return int64_t((i > 0) - (i < 0)); });
  Element zero = Element::known(0);
  unary(
      n, [](double a) { return a > 0   ? 1.0
                               : a < 0 ? -1.0
                                       : a; },
      [&](Element a) {
        return n.field.less(zero, a)   ? constantElement(1)
               : n.field.less(a, zero) ? constantElement(-1)
                                       : a;
      });
}
static void ceiling(Node &n) {
  unary(
      n, [](double a) { return std::ceil(a); },
      [&](Element a) {
        return n.field.negate(rounded(n, Function::Floor, n.field.negate(a)));
      });
}
static void relu(Node &n) {
  unary(
      n, [](double a) { return std::max(a, 0.0); },
      [&](Element a) { return n.field.max(a, Element::known(0)); });
}
static void sigmoid(Node &n) {
  Tensor powers = exponential(
      n, change(n.in(0), [&](Element e) { return n.field.negate(e); }));
  n.set(change(powers, [&](Element e) {
    return n.field.recip(n.field.add(constantElement(1), e));
  }));
}
Tensor lpu::verify::gelu(const Field &f, const Tensor &x, bool isTanh) {
  auto times = [&](Element e, double factor) {
    return f.mul(e, constantElement(float(factor)));
  };
  return change(x, [&](Element x) {
    Element gate;
    if (isTanh) {
      Element cube = times(f.mul(f.mul(x, x), x), 0.044715);
      gate = f.apply(Function::Tanh, times(f.add(x, cube), 0.7978845608028654));
    } else {
      gate = f.apply(Function::Erf, times(x, 0.7071067811865476));
    }
    return f.mul(times(x, 0.5), f.add(gate, constantElement(1)));
  });
}

static void geluOp(Node &n) {
  n.set(gelu(n.field, n.in(0), n.text("approximate", "none") == "tanh"));
}

// Pieces of lines, as the operators' specifications write them.
static void leaky(Node &n, const Tensor &below) {
  n.set(combine(n, n.in(0), below, [&](Element x, Element y) {
    return n.field.less(x, Element::known(0)) ? y : x;
  }));
}
static void leakyRelu(Node &n) {
  leaky(n, scaled(n, n.in(0), n.number("alpha", 0.01f)));
}
static void preluOp(Node &n) {
  if (const float *slope = n.in(1).splat())
    return leaky(n, scaled(n, n.in(0), *slope));
  leaky(n, combine(n, n.in(0), n.in(1), [&](Element x, Element slope) {
          return n.field.mul(x, slope);
        }));
}
template <bool isSwish> static void hardSigmoid(Node &n) {
  const Field &f = n.field;
  Element beta = constantElement(isSwish ? 0.5f : n.number("beta", 0.5f));
  Tensor line =
      scaled(n, n.in(0), isSwish ? 1.0f / 6.0f : n.number("alpha", 0.2f));
  line = change(line, [&](Element x) {
    return f.min(f.max(f.add(x, beta), Element::known(0)), constantElement(1));
  });
  if (isSwish)
    line = combine(n, n.in(0), line,
                   [&](Element x, Element y) { return f.mul(x, y); });
  n.set(line);
}
static void softsign(Node &n) {
  const Field &f = n.field;
  n.set(change(n.in(0), [&](Element x) {
    return f.mul(x, f.recip(f.add(f.abs(x), constantElement(1))));
  }));
}

template <int kind> static void bitwise(Node &n) {
  if (n.in(0).isFloat())
    return n.refuse("its operands are no integers");
  if (kind == 3) {
    std::vector<int64_t> result;
    for (int64_t i : *n.in(0).integers)
      result.push_back(wrapped(~i, n.in(0).type));
    return n.set(Tensor::ofIntegers(n.in(0).type, n.in(0).dims,
                                    std::move(result), n.in(0).isConstant));
  }
  binary(
      n,
      [](int64_t a, int64_t b) {
        return kind == 0 ? a & b : kind == 1 ? a | b : a ^ b;
      },
      [](double a, double) { return a; }, [](Element a, Element) { return a; });
}

static void isNaN(Node &n) {
  const Tensor &a = n.in(0);
  std::vector<int64_t> result;
  for (int64_t i = 0; i < a.count(); ++i) {
    Element e = a.element(i);
    result.push_back(!n.field.equal(e, e));
  }
  n.set(Tensor::ofIntegers(typeBool, a.dims, std::move(result), a.isConstant));
}
static void isInf(Node &n) {
  const Tensor &a = n.in(0);
  if (!a.isFloat())
    return n.refuse("its operand is no float");
  std::vector<int64_t> result;
  for (int64_t i = 0; i < a.count(); ++i) {
    Element e = a.element(i);
    result.push_back(
        (e.isKnown(0x7f800000) && n.integer("detect_positive", 1)) ||
        (e.isKnown(0xff800000) && n.integer("detect_negative", 1)));
  }
  n.set(Tensor::ofIntegers(typeBool, a.dims, std::move(result), a.isConstant));
}
static void logicalNot(Node &n) {
  const Tensor &a = n.in(0);
  if (a.isFloat())
    return n.refuse("its operand is no truth value");
  std::vector<int64_t> result;
  for (int64_t i : *a.integers)
    result.push_back(!i);
  n.set(Tensor::ofIntegers(typeBool, a.dims, std::move(result), a.isConstant));
}

static void where(Node &n) {
  const Tensor &c = n.in(0), &a = n.in(1), &b = n.in(2);
  Dims dims;
  if (c.isFloat() || a.isFloat() != b.isFloat() ||
      !broadcast(a.dims, b.dims, dims) || !broadcast(dims, c.dims, dims))
    return n.refuse("its operands do not fit");
  Dims from = broadcastStrides(c.dims, dims),
       left = broadcastStrides(a.dims, dims),
       right = broadcastStrides(b.dims, dims);
  std::vector<char> chosen(size_t(countOf(dims)));
  forEach(dims, from, from, [&](int64_t i, int64_t x, int64_t) {
    chosen[size_t(i)] = c.integer(x) != 0;
  });
  bool isConstant = c.isConstant && a.isConstant && b.isConstant;
  if (!a.isFloat()) {
    std::vector<int64_t> result(chosen.size());
    forEach(dims, left, right, [&](int64_t i, int64_t x, int64_t y) {
      result[size_t(i)] = chosen[size_t(i)] ? a.integer(x) : b.integer(y);
    });
    return n.set(
        Tensor::ofIntegers(a.type, dims, std::move(result), isConstant));
  }
  if (isConstant && a.kind == Tensor::Constants &&
      b.kind == Tensor::Constants) {
    std::vector<float> result(chosen.size());
    forEach(dims, left, right, [&](int64_t i, int64_t x, int64_t y) {
      result[size_t(i)] = chosen[size_t(i)] ? a.constant(x) : b.constant(y);
    });
    return n.set(Tensor::ofConstants(dims, std::move(result)));
  }
  std::vector<Element> result(chosen.size());
  forEach(dims, left, right, [&](int64_t i, int64_t x, int64_t y) {
    result[size_t(i)] = chosen[size_t(i)] ? a.element(x) : b.element(y);
  });
  n.set(Tensor::ofElements(dims, std::move(result)));
}

static void clip(Node &n) {
  const Field &f = n.field;
  if (!n.in(0).isFloat()) {
    std::vector<int64_t> result = *n.in(0).integers;
    for (size_t limit : {1, 2})
      if (n.has(limit) && (n.in(limit).isFloat() || n.in(limit).count() != 1))
        return n.refuse("its limits are no integers");
    for (int64_t &i : result) {
      i = n.has(1) ? std::max(i, n.in(1).integer(0)) : i;
      i = n.has(2) ? std::min(i, n.in(2).integer(0)) : i;
    }
    return n.set(Tensor::ofIntegers(n.in(0).type, n.in(0).dims,
                                    std::move(result), n.in(0).isConstant));
  }
  Tensor result = n.in(0);
  if (n.has(1))
    result = combine(n, result, n.in(1),
                     [&](Element a, Element b) { return f.max(a, b); });
  if (n.has(2))
    result = combine(n, result, n.in(2),
                     [&](Element a, Element b) { return f.min(a, b); });
  n.set(result);
}

Operator lpu::verify::findMath(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Case("Add", add)
      .Case("Sub", sub)
      .Case("Mul", mul)
      .Case("Div", divide)
      .Case("Mod", modulo)
      .Case("Max", extreme<true>)
      .Case("Min", extreme<false>)
      .Case("Pow", power)
      .Case("Equal", equal)
      .Case("Less", less)
      .Case("Greater", greater)
      .Case("LessOrEqual", lessOrEqual)
      .Case("GreaterOrEqual", greaterOrEqual)
      .Case("And", logic<0>)
      .Case("Or", logic<1>)
      .Case("Xor", logic<2>)
      .Case("Not", logicalNot)
      .Case("IsNaN", isNaN)
      .Case("IsInf", isInf)
      .Case("Sign", sign)
      .Case("Where", where)
      .Case("Clip", clip)
      .Case("Sqrt", apply<Function::Sqrt>)
      .Case("Tanh", apply<Function::Tanh>)
      .Case("Erf", apply<Function::Erf>)
      .Case("Floor", rounding<Function::Floor>)
      .Case("Round", rounding<Function::Rint>)
      .Case("Ceil", ceiling)
      .Case("Exp", exponent)
      .Case("Log", logarithm)
      .Case("Reciprocal", reciprocal)
      .Case("Neg", negative)
      .Case("Abs", absolute)
      .Case("Relu", relu)
      .Case("Sigmoid", sigmoid)
      .Case("Gelu", geluOp)
      .Case("LeakyRelu", leakyRelu)
      .Case("PRelu", preluOp)
      .Case("HardSigmoid", hardSigmoid<false>)
      .Case("HardSwish", hardSigmoid<true>)
      .Case("Softsign", softsign)
      .Case("BitwiseAnd", bitwise<0>)
      .Case("BitwiseOr", bitwise<1>)
      .Case("BitwiseXor", bitwise<2>)
      .Case("BitwiseNot", bitwise<3>)
      .Default(nullptr);
}
