//===- Math.cpp - element-wise operators, reductions, scans ---------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace lpu;
using namespace lpu::onnx_to_linalg;

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

/// One body over all operands.
static void elementwise(Lowering &l, Lowering::Body body) {
  l.set(
      l.elementwise(l.operands(), l.resultElement(), body, l.isUnsignedIn(0)));
}

/// A body of one `Scalars` method.
template <Value (Scalars::*method)(Value, Value)>
static void binary(Lowering &l) {
  elementwise(l,
              [](Scalars &s, ValueRange v) { return (s.*method)(v[0], v[1]); });
}

/// A body of one upstream op of one float operand.
template <typename Op> static void unary(Lowering &l) {
  elementwise(l, [](Scalars &s, ValueRange v) {
    return Op::create(s.b, v[0]).getResult();
  });
}

/// A body of one upstream op of two integer operands.
template <typename Op> static void bitwise(Lowering &l) {
  elementwise(l, [](Scalars &s, ValueRange v) {
    return Op::create(s.b, v[0], v[1]).getResult();
  });
}

/// Rounding does nothing to integers.
template <typename Op> static void rounding(Lowering &l) {
  if (!isa<FloatType>(l.resultElement()))
    return l.set(l.operand(0));
  unary<Op>(l);
}

template <arith::CmpFPredicate ofFloats, arith::CmpIPredicate ofSigned,
          arith::CmpIPredicate ofUnsigned>
static void compare(Lowering &l) {
  elementwise(l, [](Scalars &s, ValueRange v) -> Value {
    if (isa<FloatType>(v[0].getType()))
      return arith::CmpFOp::create(s.b, ofFloats, v[0], v[1]);
    bool isUnsigned = s.isUnsigned || v[0].getType().isInteger(1);
    return arith::CmpIOp::create(s.b, isUnsigned ? ofUnsigned : ofSigned, v[0],
                                 v[1]);
  });
}

static void lowerAbs(Lowering &l) {
  if (l.isUnsignedIn(0))
    return l.set(l.operand(0));
  elementwise(l, [](Scalars &s, ValueRange v) -> Value {
    if (isa<FloatType>(v[0].getType()))
      return math::AbsFOp::create(s.b, v[0]);
    return math::AbsIOp::create(s.b, v[0]);
  });
}

static void lowerSign(Lowering &l) {
  elementwise(l, [](Scalars &s, ValueRange v) {
    Value zero = s.constant(v[0].getType(), 0);
    Value one = s.constant(v[0].getType(), 1);
    // NaN is neither: the last choice returns it unchanged.
    Value rest = isa<FloatType>(v[0].getType()) ? v[0] : zero;
    if (!s.isUnsigned)
      rest = s.select(s.less(v[0], zero), s.neg(one), rest);
    return s.select(s.less(zero, v[0]), one, rest);
  });
}

static void lowerMod(Lowering &l) {
  bool truncated = cast<onnx::ModOp>(l.node).getFmod() != 0;
  if (isa<FloatType>(l.resultElement()) && !truncated)
    return l.unsupported("Mod of floats needs fmod = 1");
  elementwise(l, [truncated](Scalars &s, ValueRange v) -> Value {
    if (isa<FloatType>(v[0].getType()))
      return arith::RemFOp::create(s.b, v[0], v[1]);
    if (s.isUnsigned)
      return arith::RemUIOp::create(s.b, v[0], v[1]);
    Value rest = arith::RemSIOp::create(s.b, v[0], v[1]);
    if (truncated)
      return rest;
    // The result takes the divisor's sign.
    Value zero = s.constant(rest.getType(), 0);
    Value signs = arith::XOrIOp::create(s.b, rest, v[1]);
    Value differ = s.less(signs, zero);
    Value nonZero =
        arith::CmpIOp::create(s.b, arith::CmpIPredicate::ne, rest, zero);
    Value fix = arith::AndIOp::create(s.b, differ, nonZero);
    return s.select(fix, s.add(rest, v[1]), rest);
  });
}

/// x^n for n >= 1 by squaring.
static Value integerPower(Scalars &s, Value x, int64_t n) {
  Value result;
  for (Value square = x;; square = s.mul(square, square)) {
    if (n & 1)
      result = result ? s.mul(result, square) : square;
    n >>= 1;
    if (n == 0)
      return result;
  }
}

/// x^y = e^(y log |x|), negative if x is and y is odd, NaN for a root of a
/// negative number.
static void powerOf(Lowering &l, Type element) {
  Value x = l.operand(0), y = l.operand(1);
  if (elementOf(y) != element)
    y = l.convert(y, l.elementIn(1), element);
  l.set(l.elementwise({x, y}, element, [&](Scalars &s, ValueRange v) {
    Value zero = s.constant(element, 0), one = s.constant(element, 1);
    auto half = [&](Value of) {
      return math::FloorOp::create(s.b, s.mul(of, s.constant(element, 0.5)))
          .getResult();
    };
    Value size = math::AbsFOp::create(s.b, v[0]);
    Value power = s.exp(s.mul(v[1], math::LogOp::create(s.b, size)));
    Value isWhole = s.equal(math::FloorOp::create(s.b, v[1]), v[1]);
    Value isEven = s.equal(s.mul(half(v[1]), s.constant(element, 2)), v[1]);
    Value turned = s.select(isEven, power, s.neg(power));
    Value nan = s.constant(element, std::nan(""));
    Value below = s.select(isWhole, turned, nan);
    Value result = s.select(s.less(v[0], zero), below, power);
    Value isOne = s.equal(v[0], one);
    result = s.select(isOne, one, result);
    return s.select(s.equal(v[1], zero), one, result);
  }));
}

static void lowerPow(Lowering &l) {
  Type element = l.resultElement();
  bool isFloat = isa<FloatType>(element);
  std::optional<double> exponent = l.splat(1), base = l.splat(0);
  auto overBase = [&](Lowering::Body body) {
    Value x = l.broadcast(l.operand(0), l.resultShape());
    l.set(l.elementwise(x, element, body));
  };
  constexpr double largest = 64; // six squarings
  if (exponent && *exponent == std::floor(*exponent) &&
      std::fabs(*exponent) <= largest && (isFloat || *exponent >= 0)) {
    int64_t n = std::llabs(static_cast<int64_t>(*exponent));
    bool isInverse = *exponent < 0;
    return overBase([&](Scalars &s, ValueRange v) {
      Value one = s.constant(element, 1);
      Value power = n == 0 ? one : integerPower(s, v[0], n);
      return isInverse ? s.div(one, power) : power;
    });
  }
  if (!isFloat)
    return l.unsupported("the exponent of an integer Pow must be a constant "
                         "from 0 to 64");
  if (exponent && *exponent == 0.5)
    return overBase([](Scalars &s, ValueRange v) {
      return math::SqrtOp::create(s.b, v[0]).getResult();
    });
  if (exponent && *exponent == -0.5)
    return overBase([](Scalars &s, ValueRange v) { return s.rsqrt(v[0]); });
  // For a fraction, x^y = e^(y log x) also where Pow gives NaN (x < 0).
  if (exponent && *exponent != std::floor(*exponent))
    return overBase([&](Scalars &s, ValueRange v) {
      Value log = math::LogOp::create(s.b, v[0]);
      return s.exp(s.mul(log, s.constant(element, *exponent)));
    });
  if (base && *base > 0 && elementOf(l.operand(1)) == element) {
    Value y = l.broadcast(l.operand(1), l.resultShape());
    return l.set(l.elementwise(y, element, [&](Scalars &s, ValueRange v) {
      return s.exp(s.mul(v[0], s.constant(element, std::log(*base))));
    }));
  }
  powerOf(l, element);
}

static void lowerSigmoid(Lowering &l) {
  elementwise(l, [](Scalars &s, ValueRange v) {
    Value one = s.constant(v[0].getType(), 1);
    return s.div(one, s.add(one, s.exp(s.neg(v[0]))));
  });
}

static void lowerGelu(Lowering &l) {
  StringRef form = cast<onnx::GeluOp>(l.node).getApproximate();
  if (form != "none" && form != "tanh")
    return l.unsupported("approximate is \"" + form +
                         "\", not \"none\" or \"tanh\"");
  elementwise(l, [form](Scalars &s, ValueRange v) {
    Value x = v[0];
    auto number = [&](double value) { return s.constant(x.getType(), value); };
    Value gate;
    if (form == "none") {
      gate = math::ErfOp::create(s.b, s.mul(x, number(0.7071067811865476)));
    } else {
      Value cube = s.mul(s.mul(x, x), s.mul(x, number(0.044715)));
      gate = math::TanhOp::create(
          s.b, s.mul(s.add(x, cube), number(0.7978845608028654)));
    }
    return s.mul(s.mul(x, number(0.5)), s.add(gate, number(1)));
  });
}

static void lowerCast(Lowering &l) {
  l.set(l.convert(l.operand(0), l.elementIn(0), l.elementOut()));
}

Value Lowering::convert(Value v, Type from, Type to) {
  Type source = convertElement(from, narrow());
  Type target = convertElement(to, narrow());
  if (from == to || (source == target && isa<FloatType>(source)))
    return v;
  bool fromBool = source.isInteger(1), toBool = target.isInteger(1);
  // Between integers of one width only the sign changes, and i64 may be i32.
  if (source == target)
    return v;
  bool fromUnsigned = from.isUnsignedInteger() || fromBool;
  bool toUnsigned = to.isUnsignedInteger();
  bool fromFloat = isa<FloatType>(source), toFloat = isa<FloatType>(target);
  unsigned fromWidth = source.getIntOrFloatBitWidth();
  unsigned toWidth = target.getIntOrFloatBitWidth();
  return elementwise(v, target, [&](Scalars &s, ValueRange in) -> Value {
    Value x = in[0];
    Value zero = toBool ? s.constant(source, 0) : Value();
    if (fromFloat && toBool) // NaN is true, as in NumPy
      return arith::CmpFOp::create(s.b, arith::CmpFPredicate::UNE, x, zero);
    if (toBool)
      return arith::CmpIOp::create(s.b, arith::CmpIPredicate::ne, x, zero);
    if (fromFloat && toFloat)
      return toWidth > fromWidth
                 ? arith::ExtFOp::create(s.b, target, x).getResult()
                 : arith::TruncFOp::create(s.b, target, x).getResult();
    if (fromFloat)
      return toUnsigned ? arith::FPToUIOp::create(s.b, target, x).getResult()
                        : arith::FPToSIOp::create(s.b, target, x).getResult();
    if (toFloat)
      return fromUnsigned ? arith::UIToFPOp::create(s.b, target, x).getResult()
                          : arith::SIToFPOp::create(s.b, target, x).getResult();
    if (toWidth < fromWidth)
      return arith::TruncIOp::create(s.b, target, x);
    return fromUnsigned ? arith::ExtUIOp::create(s.b, target, x).getResult()
                        : arith::ExtSIOp::create(s.b, target, x).getResult();
  });
}

Value Lowering::convertFloat(Value v, Type to) {
  return convert(v, elementOf(v), to);
}

//===----------------------------------------------------------------------===//
// Reductions and scans
//===----------------------------------------------------------------------===//

Type Lowering::accumulatorOf(Type element) {
  bool isHalf = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
  return isHalf ? b.getF32Type() : element;
}

Value Lowering::mean(Value v, ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= shapeOf(v)[dim];
  Value sum = reduce(Reduction::Sum, v, dims);
  return elementwise(sum, [&](Scalars &s, ValueRange in) {
    Type type = in[0].getType();
    if (!isa<FloatType>(type))
      return s.div(in[0], s.constant(type, count));
    return s.mul(in[0], s.constant(type, 1.0 / count));
  });
}

template <typename Op> static void setReduced(Lowering &l, Value reduced) {
  auto op = cast<Op>(l.node);
  if (op.getKeepdims())
    reduced = l.keepDims(reduced, op.getAxes());
  l.set(reduced);
}

template <typename Op, Reduction kind> static void extreme(Lowering &l) {
  setReduced<Op>(l, l.reduce(kind, l.operand(0), cast<Op>(l.node).getAxes(),
                             l.isUnsignedIn(0)));
}

template <typename Op, bool isMean> static void summed(Lowering &l) {
  ArrayRef<int64_t> axes = cast<Op>(l.node).getAxes();
  Type element = l.resultElement();
  Type accumulator = l.accumulatorOf(element);
  Value x = l.operand(0);
  if (accumulator != element)
    x = l.convertFloat(x, accumulator);
  x = isMean ? l.mean(x, axes) : l.reduce(Reduction::Sum, x, axes);
  if (accumulator != element)
    x = l.convertFloat(x, element);
  setReduced<Op>(l, x);
}

/// The chip has no product over time or lanes, so halves of a dim are
/// multiplied until one is left: a logarithm of steps.
static void lowerReduceProd(Lowering &l) {
  auto op = cast<onnx::ReduceProdOp>(l.node);
  Value x = l.operand(0);
  for (int64_t dim : op.getAxes())
    while (shapeOf(x)[dim] > 1) {
      int64_t size = shapeOf(x)[dim], half = size / 2;
      Value product = l.elementwise(
          {l.sliceDim(x, dim, 0, half), l.sliceDim(x, dim, half, half)},
          [](Scalars &s, ValueRange v) { return s.mul(v[0], v[1]); });
      if (size % 2)
        product = l.concat({product, l.sliceDim(x, dim, size - 1, 1)}, dim);
      x = product;
    }
  l.set(l.reshape(x, l.resultShape()));
}

/// The positions 0, 1, ... of one dim, shaped to broadcast against `x`.
static Value positionsAlong(Lowering &l, Value x, int64_t axis) {
  SmallVector<int64_t> along(rankOf(x), 1);
  along[axis] = shapeOf(x)[axis];
  return l.reshape(l.iota(along[axis], l.indexElement()), along);
}

/// The largest value first, then the first (last) index that holds it. A row
/// with a NaN holds no value equal to its maximum and gives its last index (the
/// first for select_last_index): ONNX does not define that case.
static void lowerArgMax(Lowering &l) {
  auto op = cast<onnx::ArgMaxOp>(l.node);
  int64_t axis = op.getAxis();
  bool takeLast = op.getSelectLastIndex() != 0;
  Value x = l.operand(0);
  int64_t size = shapeOf(x)[axis];
  Value largest = l.keepDims(
      l.reduce(Reduction::Max, x, {axis}, l.isUnsignedIn(0)), {axis});
  Type index = l.indexElement();
  Value candidates =
      l.elementwise({x, largest, positionsAlong(l, x, axis)}, index,
                    [&](Scalars &s, ValueRange v) {
                      Value none = s.constant(index, takeLast ? 0 : size - 1);
                      return s.select(s.equal(v[0], v[1]), v[2], none);
                    });
  Value found =
      l.reduce(takeLast ? Reduction::Max : Reduction::Min, candidates, {axis});
  l.set(op.getKeepdims() ? l.keepDims(found, {axis}) : found);
}

/// One maximum after the other, each taken out before the next: right for the
/// few experts of a router. Elements that are taken keep a mark of their own,
/// so that a row of -inf still gives different indices.
static void lowerTopK(Lowering &l) {
  constexpr int64_t most = 32;
  auto op = cast<onnx::TopKOp>(l.node);
  int64_t axis = op.getAxis(), k = l.resultShape(0)[axis];
  if (k > most)
    return l.unsupported("k is " + Twine(k) + "; at most " + Twine(most) +
                         " are taken, one after the other");
  Value x = l.operand(0);
  bool isUnsigned = l.isUnsignedIn(0);
  Reduction best = op.getLargest() ? Reduction::Max : Reduction::Min;
  int64_t size = shapeOf(x)[axis];
  Type element = elementOf(x), index = l.indexElement();
  TypedAttr worst = identityOf(best, element, isUnsigned);
  Value positions = positionsAlong(l, x, axis), taken;
  SmallVector<Value> values, indices;
  for (int64_t i = 0; i < k; ++i) {
    Value value = l.keepDims(l.reduce(best, x, {axis}, isUnsigned), {axis});
    SmallVector<Value> ins{x, value, positions};
    if (taken)
      ins.push_back(taken);
    Value candidates = l.elementwise(ins, index, [&](Scalars &s, ValueRange v) {
      Value none = s.constant(index, size - 1);
      Value first = s.select(s.equal(v[0], v[1]), v[2], none);
      return v.size() == 4 ? s.select(v[3], none, first) : first;
    });
    Value found =
        l.keepDims(l.reduce(Reduction::Min, candidates, {axis}), {axis});
    values.push_back(value);
    indices.push_back(found);
    if (i + 1 == k)
      break;
    Type truth = l.b.getI1Type();
    Value now =
        l.elementwise({positions, found}, truth, [](Scalars &s, ValueRange v) {
          return s.equal(v[0], v[1]);
        });
    taken = taken
                ? l.elementwise({taken, now}, truth,
                                [](Scalars &s, ValueRange v) -> Value {
                                  return arith::OrIOp::create(s.b, v[0], v[1]);
                                })
                : now;
    x = l.elementwise({now, x}, element,
                      [&](Scalars &s, ValueRange v) -> Value {
                        Value gone = arith::ConstantOp::create(s.b, worst);
                        return s.select(v[0], gone, v[1]);
                      });
  }
  l.set(0, l.concat(values, axis));
  l.set(1, l.concat(indices, axis));
}

/// A running sum of truth values, which number the positions of a padded text,
/// is a product with a triangle of ones in int8: one pass of a matrix plane,
/// and exact. Other numbers need 32 bits and are summed over doubling
/// distances.
static void lowerCumSum(Lowering &l) {
  auto op = cast<onnx::CumSumOp>(l.node);
  bool exclusive = op.getExclusive() != 0, reverse = op.getReverse() != 0;
  Value x = l.operand(0);
  Type element = l.resultElement();
  int64_t axis = op.getAxis(), rank = rankOf(x), size = shapeOf(x)[axis];

  auto source = op.getX().getDefiningOp<onnx::CastOp>();
  bool isTruth = source && isa<RankedTensorType>(source.getX().getType()) &&
                 cast<RankedTensorType>(source.getX().getType())
                     .getElementType()
                     .isInteger(1);
  if (isTruth) {
    Type accumulator = l.b.getI32Type(), narrow = l.b.getI8Type();
    SmallVector<int64_t> order;
    for (int64_t i = 0; i < rank; ++i)
      if (i != axis)
        order.push_back(i);
    order.push_back(axis);
    SmallVector<int64_t> inverse(rank);
    for (int64_t i = 0; i < rank; ++i)
      inverse[order[i]] = i;
    SmallVector<Attribute> ones;
    for (int64_t k = 0; k < size; ++k)
      for (int64_t n = 0; n < size; ++n) {
        bool counts = reverse ? (exclusive ? k > n : k >= n)
                              : (exclusive ? k < n : k <= n);
        ones.push_back(l.b.getIntegerAttr(narrow, counts));
      }
    Value triangle = arith::ConstantOp::create(
        l.b, DenseElementsAttr::get(RankedTensorType::get({size, size}, narrow),
                                    ones));
    Value rows = l.convert(l.transpose(x, order), element, narrow);
    SmallVector<int64_t> shape(shapeOf(rows));
    if (rank == 1)
      rows = l.reshape(rows, {1, size});
    Value sums = l.reshape(l.contract(rows, triangle, accumulator), shape);
    return l.set(l.transpose(l.convert(sums, accumulator, element), inverse));
  }

  // `shift` moves x by `by` towards larger indices (smaller if reverse).
  bool isFloat = isa<FloatType>(element);
  Type wide = isFloat ? l.accumulatorOf(element) : element;
  x = l.convert(x, element, wide);
  TypedAttr zero = isFloat ? TypedAttr(l.b.getFloatAttr(wide, 0))
                           : TypedAttr(l.b.getIntegerAttr(wide, 0));
  auto shift = [&](Value v, int64_t by) {
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    (reverse ? high : low)[axis] = by;
    return l.pad(l.sliceDim(v, axis, reverse ? by : 0, size - by), low, high,
                 zero);
  };
  if (exclusive)
    x = size == 1 ? l.broadcast(l.scalar(wide, 0), shapeOf(x)) : shift(x, 1);
  for (int64_t by = 1; by < size; by *= 2)
    x = l.elementwise({x, shift(x, by)}, [](Scalars &s, ValueRange v) {
      return s.add(v[0], v[1]);
    });
  l.set(l.convert(x, wide, element));
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

ArrayRef<NamedRule> onnx_to_linalg::mathRules() {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  static const NamedRule rules[] = {
      rule<onnx::AddOp>(binary<&Scalars::add>),
      rule<onnx::SubOp>(binary<&Scalars::sub>),
      rule<onnx::MulOp>(binary<&Scalars::mul>),
      rule<onnx::DivOp>(binary<&Scalars::div>),
      rule<onnx::MinOp>(binary<&Scalars::min>),
      rule<onnx::MaxOp>(binary<&Scalars::max>),
      rule<onnx::ModOp>(lowerMod),
      rule<onnx::PowOp>(lowerPow),
      rule<onnx::AndOp>(bitwise<arith::AndIOp>),
      rule<onnx::OrOp>(bitwise<arith::OrIOp>),
      rule<onnx::XorOp>(bitwise<arith::XOrIOp>),
      rule<onnx::EqualOp>(compare<F::OEQ, I::eq, I::eq>),
      rule<onnx::LessOp>(compare<F::OLT, I::slt, I::ult>),
      rule<onnx::LessOrEqualOp>(compare<F::OLE, I::sle, I::ule>),
      rule<onnx::GreaterOp>(compare<F::OGT, I::sgt, I::ugt>),
      rule<onnx::GreaterOrEqualOp>(compare<F::OGE, I::sge, I::uge>),
      rule<onnx::WhereOp>([](Lowering &l) {
        elementwise(l, [](Scalars &s, ValueRange v) {
          return s.select(v[0], v[1], v[2]);
        });
      }),
      rule<onnx::NotOp>([](Lowering &l) {
        elementwise(l, [](Scalars &s, ValueRange v) -> Value {
          return arith::XOrIOp::create(s.b, v[0],
                                       s.constant(v[0].getType(), 1));
        });
      }),
      rule<onnx::NegOp>([](Lowering &l) {
        elementwise(l, [](Scalars &s, ValueRange v) { return s.neg(v[0]); });
      }),
      rule<onnx::AbsOp>(lowerAbs),
      rule<onnx::SignOp>(lowerSign),
      rule<onnx::FloorOp>(rounding<math::FloorOp>),
      rule<onnx::CeilOp>(rounding<math::CeilOp>),
      rule<onnx::RoundOp>(rounding<math::RoundEvenOp>),
      rule<onnx::SqrtOp>(unary<math::SqrtOp>),
      rule<onnx::ReciprocalOp>([](Lowering &l) {
        elementwise(l, [](Scalars &s, ValueRange v) {
          return s.div(s.constant(v[0].getType(), 1), v[0]);
        });
      }),
      rule<onnx::ExpOp>(unary<math::ExpOp>),
      rule<onnx::LogOp>(unary<math::LogOp>),
      rule<onnx::SinOp>(unary<math::SinOp>),
      rule<onnx::CosOp>(unary<math::CosOp>),
      rule<onnx::TanhOp>(unary<math::TanhOp>),
      rule<onnx::ErfOp>(unary<math::ErfOp>),
      rule<onnx::SigmoidOp>(lowerSigmoid),
      rule<onnx::ReluOp>([](Lowering &l) {
        elementwise(l, [](Scalars &s, ValueRange v) {
          return s.max(v[0], s.constant(v[0].getType(), 0));
        });
      }),
      rule<onnx::GeluOp>(lowerGelu),
      rule<onnx::IsNaNOp>([](Lowering &l) {
        elementwise(l, [](Scalars &s, ValueRange v) -> Value {
          return arith::CmpFOp::create(s.b, F::UNO, v[0], v[0]);
        });
      }),
      rule<onnx::CastOp>(lowerCast),
      rule<onnx::ReduceSumOp>(summed<onnx::ReduceSumOp, false>),
      rule<onnx::ReduceMeanOp>(summed<onnx::ReduceMeanOp, true>),
      rule<onnx::ReduceMaxOp>(extreme<onnx::ReduceMaxOp, Reduction::Max>),
      rule<onnx::ReduceMinOp>(extreme<onnx::ReduceMinOp, Reduction::Min>),
      rule<onnx::ReduceProdOp>(lowerReduceProd),
      rule<onnx::ArgMaxOp>(lowerArgMax),
      rule<onnx::TopKOp>(lowerTopK),
      rule<onnx::CumSumOp>(lowerCumSum),
  };
  return rules;
}
