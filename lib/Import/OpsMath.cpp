// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element-wise operators and reductions.

#include "Records.h"

#include <cmath>
#include <limits>

namespace lpu::importer {

template <Op op> static void unary(OpContext &c) {
  c.result(c.b.unary(op, c.in(0)));
}

template <Op op> static void binary(OpContext &c) {
  c.result(c.b.binary(op, c.in(0), c.in(1)));
}

template <Op op> static void logical(OpContext &c) {
  for (size_t i : {0, 1})
    if (c.in(i)->type != DType::Bool) {
      c.fail("needs bool, has " + typeName(c.in(i)->type));
      return;
    }
  binary<op>(c);
}

template <Op op> static void bitwise(OpContext &c) {
  if (isFloat(c.in(0)->type) || c.in(0)->type == DType::Bool) {
    c.fail("needs integers, has " + typeName(c.in(0)->type));
    return;
  }
  binary<op>(c);
}

static void bitwiseNot(OpContext &c) {
  Value *x = c.in(0);
  if (isFloat(x->type) || x->type == DType::Bool) {
    c.fail("needs integers, has " + typeName(x->type));
    return;
  }
  double ones = x->type == DType::U8 ? 255 : -1;
  c.result(c.b.binary(Op::Xor, x, c.b.scalarLike(x, ones)));
}

/// Max, Min, Sum, Mean take any number of inputs.
template <Op op> static Value *chain(OpContext &c) {
  Value *result = c.in(0);
  for (size_t i = 1; i < c.inputCount() && result; ++i)
    result = c.b.binary(op, result, c.in(i));
  return result;
}
template <Op op> static void variadic(OpContext &c) { c.result(chain<op>(c)); }

static void mean(OpContext &c) {
  Value *sum = chain<Op::Add>(c);
  c.result(c.b.binary(Op::Div, sum, c.b.scalarLike(sum, c.inputCount())));
}

static void mod(OpContext &c) {
  int64_t fmod = c.integer("fmod", 0, 0, 1);
  if (!fmod && isFloat(c.in(0)->type)) {
    c.fail("fmod = 0 is not allowed for floats");
    return;
  }
  c.result(c.b.binary(Op::Mod, c.in(0), c.in(1), {{"fmod", fmod}}));
}

static void clip(OpContext &c) {
  // min(max(x, low), high): the order that ONNX prescribes when low > high.
  Value *x = c.in(0);
  for (size_t i : {1, 2})
    if (c.has(i) && elementCount(c.in(i)->dims) != 1) {
      c.fail("a limit must be a scalar, has shape " + dimsName(c.in(i)->dims));
      return;
    }
  auto limit = [&](size_t i) { return c.b.reshape(c.in(i), {}); };
  if (c.has(1))
    x = c.b.binary(Op::Max, x, limit(1));
  if (c.has(2))
    x = c.b.binary(Op::Min, x, limit(2));
  c.result(x);
}

static void where(OpContext &c) {
  c.result(c.b.where(c.in(0), c.in(1), c.in(2)));
}

static void isInf(OpContext &c) {
  int64_t negative = c.integer("detect_negative", 1, 0, 1);
  int64_t positive = c.integer("detect_positive", 1, 0, 1);
  Value *x = c.in(0);
  if (!isFloat(x->type)) {
    c.fail("needs a float type, has " + typeName(x->type));
    return;
  }
  double inf = std::numeric_limits<double>::infinity();
  Value *result = c.b.expand(c.b.scalar(DType::Bool, 0), x->dims);
  if (positive)
    result = c.b.binary(Op::Equal, x, c.b.scalar(x->type, inf));
  if (negative)
    result = c.b.binary(Op::Or, result,
                        c.b.binary(Op::Equal, x, c.b.scalar(x->type, -inf)));
  c.result(result);
}

Value *gelu(Builder &b, Value *x, bool tanh) {
  return b.unary(Op::Gelu, x,
                 {{"approximate", std::string(tanh ? "tanh" : "none")}});
}

static void geluOp(OpContext &c) {
  std::string how = c.text("approximate", "none");
  if (how != "none" && how != "tanh") {
    c.fail("approximate = \"" + how + "\" is neither \"none\" nor \"tanh\"");
    return;
  }
  c.result(gelu(c.b, c.in(0), how == "tanh"));
}

Value *silu(Builder &b, Value *x, float alpha) {
  Value *scaled = b.binary(Op::Mul, x, b.scalarLike(x, alpha));
  return b.binary(Op::Mul, x, b.unary(Op::Sigmoid, scaled));
}

static void swish(OpContext &c) {
  c.result(silu(c.b, c.in(0), c.number("alpha", 1)));
}

static void leakyRelu(OpContext &c) {
  Value *x = c.in(0);
  Value *small =
      c.b.binary(Op::Mul, x, c.b.scalarLike(x, c.number("alpha", 0.01f)));
  c.result(c.b.where(c.b.binary(Op::Less, x, c.b.scalarLike(x, 0)), small, x));
}

static void elu(OpContext &c) {
  // alpha * (e^min(x, 0) - 1) for x < 0: the min keeps the unused side finite.
  Value *x = c.in(0), *zero = c.b.scalarLike(x, 0);
  Value *exp = c.b.unary(Op::Exp, c.b.binary(Op::Min, x, zero));
  Value *low =
      c.b.binary(Op::Mul, c.b.binary(Op::Sub, exp, c.b.scalarLike(x, 1)),
                 c.b.scalarLike(x, c.number("alpha", 1)));
  c.result(c.b.where(c.b.binary(Op::Less, x, zero), low, x));
}

static Value *hardSigmoid(Builder &b, Value *x, float alpha, float beta) {
  Value *line = b.binary(Op::Add, b.binary(Op::Mul, x, b.scalarLike(x, alpha)),
                         b.scalarLike(x, beta));
  return b.binary(Op::Min, b.binary(Op::Max, line, b.scalarLike(x, 0)),
                  b.scalarLike(x, 1));
}
static void hardSigmoidOp(OpContext &c) {
  c.result(hardSigmoid(c.b, c.in(0), c.number("alpha", 0.2f),
                       c.number("beta", 0.5f)));
}
static void hardSwish(OpContext &c) {
  c.result(c.b.binary(Op::Mul, c.in(0),
                      hardSigmoid(c.b, c.in(0), 1.0f / 6.0f, 0.5f)));
}

static Value *softplus(Builder &b, Value *x) {
  // log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which cannot overflow.
  Value *tail = b.unary(Op::Exp, b.unary(Op::Neg, b.unary(Op::Abs, x)));
  return b.binary(
      Op::Add, b.unary(Op::Relu, x),
      b.unary(Op::Log, b.binary(Op::Add, tail, b.scalarLike(x, 1))));
}
static void softplusOp(OpContext &c) { c.result(softplus(c.b, c.in(0))); }
static void mish(OpContext &c) {
  c.result(c.b.binary(Op::Mul, c.in(0),
                      c.b.unary(Op::Tanh, softplus(c.b, c.in(0)))));
}
static void softsign(OpContext &c) {
  Value *x = c.in(0);
  Value *below =
      c.b.binary(Op::Add, c.b.unary(Op::Abs, x), c.b.scalarLike(x, 1));
  c.result(c.b.binary(Op::Div, x, below));
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// The axes, an attribute up to opset 12 (sum) or 17 (others), then an input;
/// and their default: all, or none if noop_with_empty_axes.
static std::optional<std::vector<int64_t>> reduceAxes(OpContext &c) {
  std::optional<std::vector<int64_t>> axes = c.parameter("axes", 1);
  bool noop = c.integer("noop_with_empty_axes", 0, 0, 1);
  if (c.failed())
    return std::nullopt;
  if (axes && !axes->empty())
    return axes;
  std::vector<int64_t> all;
  if (!noop)
    for (size_t i = 0; i < c.in(0)->dims.size(); ++i)
      all.push_back(i);
  return all;
}

template <Op op> static void reduce(OpContext &c) {
  bool keepdims = c.integer("keepdims", 1, 0, 1);
  if (auto axes = reduceAxes(c))
    c.result(c.b.reduce(op, c.in(0), *axes, keepdims));
}

enum class Around { L1, L2, SumSquare, LogSum, LogSumExp };

/// Reductions that are a sum between two element-wise functions.
template <Around what> static void reduceAround(OpContext &c) {
  bool keepdims = c.integer("keepdims", 1, 0, 1);
  auto axes = reduceAxes(c);
  if (!axes)
    return;
  Value *x = c.in(0);
  Value *max = nullptr;
  switch (what) {
  case Around::L1:
    x = c.b.unary(Op::Abs, x);
    break;
  case Around::L2:
  case Around::SumSquare:
    x = c.b.binary(Op::Mul, x, x);
    break;
  case Around::LogSum:
    break;
  case Around::LogSumExp:
    max = c.b.reduce(Op::ReduceMax, x, *axes, true);
    x = c.b.unary(Op::Exp, c.b.binary(Op::Sub, x, max));
    break;
  }
  Value *sum = c.b.reduce(Op::ReduceSum, x, *axes, keepdims);
  if (what == Around::L2)
    sum = c.b.unary(Op::Sqrt, sum);
  if (what == Around::LogSum || what == Around::LogSumExp)
    sum = c.b.unary(Op::Log, sum);
  if (max && sum)
    sum = c.b.binary(Op::Add, sum, c.b.reshape(max, sum->dims));
  c.result(sum);
}

static void argMax(OpContext &c) {
  auto axis = c.axis("axis", 0, c.in(0)->dims.size());
  bool keepdims = c.integer("keepdims", 1, 0, 1);
  bool last = c.integer("select_last_index", 0, 0, 1);
  if (axis)
    c.result(c.b.argMax(c.in(0), *axis, keepdims, last));
}

static void cumSum(OpContext &c) {
  bool exclusive = c.integer("exclusive", 0, 0, 1);
  bool reverse = c.integer("reverse", 0, 0, 1);
  auto known = c.b.knownInts(c.in(1));
  if (!known || known->size() != 1) {
    c.fail("its axis is not a constant");
    return;
  }
  auto axis = normalizeAxis((*known)[0], c.in(0)->dims.size());
  if (!axis) {
    c.fail("axis " + llvm::Twine((*known)[0]) + " is out of range for " +
           dimsName(c.in(0)->dims));
    return;
  }
  c.result(c.b.cumSum(c.in(0), *axis, exclusive, reverse));
}

static const OpRecord records[] = {
    {"Abs", "6 13", 1, 1, 1, unary<Op::Abs>},
    {"Add", "7 13 14", 2, 2, 1, binary<Op::Add>},
    {"And", "7", 2, 2, 1, logical<Op::And>},
    {"ArgMax", "1 11 12 13", 1, 1, 1, argMax},
    {"BitwiseAnd", "18", 2, 2, 1, bitwise<Op::And>},
    {"BitwiseNot", "18", 1, 1, 1, bitwiseNot, "Xor"},
    {"BitwiseOr", "18", 2, 2, 1, bitwise<Op::Or>},
    {"BitwiseXor", "18", 2, 2, 1, bitwise<Op::Xor>},
    {"Ceil", "6 13", 1, 1, 1, unary<Op::Ceil>},
    {"Clip", "11 12 13", 1, 3, 1, clip, "Max and Min"},
    {"Cos", "7 22", 1, 1, 1, unary<Op::Cos>,
     "constant input only (rotary tables): the chip refuses it on data"},
    {"CumSum", "11 14", 2, 2, 1, cumSum, "constant axis"},
    {"Div", "7 13 14", 2, 2, 1, binary<Op::Div>,
     "of integers: constants only, the chip refuses it on data"},
    {"Elu", "6 22", 1, 1, 1, elu, "expanded"},
    {"Equal", "7 11 13 19", 2, 2, 1, binary<Op::Equal>},
    {"Erf", "9 13", 1, 1, 1, unary<Op::Erf>},
    {"Exp", "6 13", 1, 1, 1, unary<Op::Exp>},
    {"Floor", "6 13", 1, 1, 1, unary<Op::Floor>},
    {"Gelu", "20", 1, 1, 1, geluOp},
    {"Greater", "7 9 13", 2, 2, 1, binary<Op::Greater>},
    {"GreaterOrEqual", "12 16", 2, 2, 1, binary<Op::GreaterOrEqual>},
    {"HardSigmoid", "6 22", 1, 1, 1, hardSigmoidOp, "expanded"},
    {"HardSwish", "14 22", 1, 1, 1, hardSwish, "expanded"},
    {"IsInf", "10 20", 1, 1, 1, isInf, "Equal with the infinities"},
    {"IsNaN", "9 13 20", 1, 1, 1, unary<Op::IsNaN>},
    {"LeakyRelu", "6 16", 1, 1, 1, leakyRelu, "expanded"},
    {"Less", "7 9 13", 2, 2, 1, binary<Op::Less>},
    {"LessOrEqual", "12 16", 2, 2, 1, binary<Op::LessOrEqual>},
    {"Log", "6 13", 1, 1, 1, unary<Op::Log>},
    {"Max", "8 12 13", 1, kAnyNumber, 1, variadic<Op::Max>},
    {"Mean", "8 13", 1, kAnyNumber, 1, mean, "Add and Div"},
    {"Min", "8 12 13", 1, kAnyNumber, 1, variadic<Op::Min>},
    {"Mish", "18 22", 1, 1, 1, mish, "expanded"},
    {"Mod", "10 13", 2, 2, 1, mod,
     "constants only: the chip refuses it on data"},
    {"Mul", "7 13 14", 2, 2, 1, binary<Op::Mul>},
    {"Neg", "6 13", 1, 1, 1, unary<Op::Neg>},
    {"Not", "1", 1, 1, 1, unary<Op::Not>},
    {"Or", "7", 2, 2, 1, logical<Op::Or>},
    {"Pow", "7 12 13 15", 2, 2, 1, binary<Op::Pow>,
     "Mul or Sqrt for exponents 2, 3, 0.5"},
    {"Reciprocal", "6 13", 1, 1, 1, unary<Op::Reciprocal>},
    {"ReduceL1", "1 11 13 18", 1, 2, 1, reduceAround<Around::L1>, "expanded"},
    {"ReduceL2", "1 11 13 18", 1, 2, 1, reduceAround<Around::L2>, "expanded"},
    {"ReduceLogSum", "1 11 13 18", 1, 2, 1, reduceAround<Around::LogSum>,
     "expanded"},
    {"ReduceLogSumExp", "1 11 13 18", 1, 2, 1, reduceAround<Around::LogSumExp>,
     "expanded"},
    {"ReduceMax", "1 11 12 13 18 20", 1, 2, 1, reduce<Op::ReduceMax>,
     "constant axes"},
    {"ReduceMean", "1 11 13 18", 1, 2, 1, reduce<Op::ReduceMean>,
     "constant axes"},
    {"ReduceMin", "1 11 12 13 18 20", 1, 2, 1, reduce<Op::ReduceMin>,
     "constant axes"},
    {"ReduceProd", "1 11 13 18", 1, 2, 1, reduce<Op::ReduceProd>,
     "constant axes"},
    {"ReduceSum", "1 11 13", 1, 2, 1, reduce<Op::ReduceSum>, "constant axes"},
    {"ReduceSumSquare", "1 11 13 18", 1, 2, 1, reduceAround<Around::SumSquare>,
     "expanded"},
    {"Relu", "6 13 14", 1, 1, 1, unary<Op::Relu>},
    {"Round", "11 22", 1, 1, 1, unary<Op::Round>},
    {"Sigmoid", "6 13", 1, 1, 1, unary<Op::Sigmoid>},
    {"Sign", "9 13", 1, 1, 1, unary<Op::Sign>},
    {"Sin", "7 22", 1, 1, 1, unary<Op::Sin>,
     "constant input only (rotary tables): the chip refuses it on data"},
    {"Softplus", "1 22", 1, 1, 1, softplusOp, "expanded"},
    {"Softsign", "1 22", 1, 1, 1, softsign, "expanded"},
    {"Sqrt", "6 13", 1, 1, 1, unary<Op::Sqrt>},
    {"Sub", "7 13 14", 2, 2, 1, binary<Op::Sub>},
    {"Sum", "8 13", 1, kAnyNumber, 1, variadic<Op::Add>, "Add"},
    {"Swish", "24", 1, 1, 1, swish, "expanded"},
    {"Tanh", "6 13", 1, 1, 1, unary<Op::Tanh>},
    {"Where", "9 16", 3, 3, 1, where},
    {"Xor", "7", 2, 2, 1, logical<Op::Xor>},
};

llvm::ArrayRef<OpRecord> mathOps() { return records; }

} // namespace lpu::importer
