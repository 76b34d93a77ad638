//===- Quant.cpp - operators on quantised tensors -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The matrix planes multiply signed bytes. An unsigned operand u is fed as the
// signed byte u - 128 (its top bit flipped), its zero point z as z - 128, and
// the zero points leave the product by algebra, all exact in i32:
//
//   sum_k (a - za)(b - zb) = sum_k ab - za sum_k b - zb sum_k a + K za zb
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::onnx_to_linalg;

/// A parameter per tensor (one element) or per position of `axis`, shaped to
/// broadcast against a tensor of `rank` dims.
static Value alongAxis(Lowering &l, Value parameter, int64_t axis,
                       int64_t rank) {
  SmallVector<int64_t> shape(rank, 1);
  int64_t size = 1;
  for (int64_t dim : shapeOf(parameter))
    size *= dim;
  if (size == 1)
    return l.reshape(parameter, {});
  shape[axis] = size;
  return l.reshape(parameter, shape);
}

/// Scale and zero point are scalars or vectors along the axis.
static bool checkParameters(Lowering &l, int64_t axis) {
  ArrayRef<int64_t> data = shapeOf(l.node->getOperand(0));
  for (unsigned i = 1; i < 3; ++i) {
    if (!l.has(i))
      continue;
    ArrayRef<int64_t> shape = shapeOf(l.node->getOperand(i));
    bool isScalar = llvm::all_of(shape, [](int64_t size) { return size == 1; });
    bool isAxis = axis >= 0 && axis < static_cast<int64_t>(data.size());
    if (!isScalar && (!isAxis || shape.size() != 1 || shape[0] != data[axis])) {
      l.unsupported("scale and zero point per block; per tensor and per axis "
                    "are supported");
      return false;
    }
  }
  return true;
}

/// Integers with their top bits flipped: unsigned ones as signed ones that are
/// less by half of the range, or back. Twice is nothing.
static Value flipped(Lowering &l, Value x) {
  Type type = elementOf(x);
  int64_t top = int64_t(-1) << (type.getIntOrFloatBitWidth() - 1);
  auto map = x.getDefiningOp<linalg::GenericOp>();
  if (map && map.getInputs().size() == 1 &&
      map.getInputs()[0].getType() == x.getType() &&
      map.getIndexingMapsArray()[0].isIdentity())
    if (auto flip = map.getBody()
                        ->getTerminator()
                        ->getOperand(0)
                        .getDefiningOp<arith::XOrIOp>())
      if (flip.getLhs() == map.getBody()->getArgument(0) &&
          getConstantIntValue(flip.getRhs()) == top)
        return map.getInputs()[0];
  return l.elementwise(x, [&](Scalars &s, ValueRange v) -> Value {
    return arith::XOrIOp::create(s.b, v[0],
                                 s.constant(type, static_cast<double>(top)));
  });
}

static void lowerQuantizeLinear(Lowering &l) {
  int64_t axis = cast<onnx::QuantizeLinearOp>(l.node).getAxis();
  if (!checkParameters(l, axis))
    return;
  Type f32 = l.b.getF32Type(), i32 = l.b.getI32Type(), to = l.elementOut();
  Value x = l.convertFloat(l.operand(0), f32);
  int64_t rank = rankOf(x);
  SmallVector<Value> operands{
      x, alongAxis(l, l.convertFloat(l.operand(1), f32), axis, rank)};
  bool isUnsigned = to.isUnsignedInteger();
  unsigned bits = to.getIntOrFloatBitWidth();
  double low = -static_cast<double>(1LL << (bits - 1)), high = -low - 1;
  // Unsigned results as signed ones, less by `middle`: that is what planes
  // multiply, and what a byte holds without a wrap.
  double middle = isUnsigned ? -low : 0;
  bool hasZero = l.has(2) && l.splat(2) != 0.0;
  if (hasZero) {
    Value zero =
        l.convert(alongAxis(l, l.operand(2), axis, rank), l.elementIn(2), i32);
    if (middle != 0)
      zero = l.elementwise(zero, [&](Scalars &s, ValueRange v) {
        return s.sub(v[0], s.constant(i32, middle));
      });
    operands.push_back(zero);
  }
  Value steps = l.elementwise(
      operands, l.resultElement(), [&](Scalars &s, ValueRange v) -> Value {
        Value q = math::RoundEvenOp::create(s.b, s.div(v[0], v[1]));
        if (hasZero)
          q = s.add(q, arith::SIToFPOp::create(s.b, f32, v[2]));
        else if (middle != 0)
          q = s.sub(q, s.constant(f32, middle));
        q = s.min(s.max(q, s.constant(f32, low)), s.constant(f32, high));
        return arith::FPToSIOp::create(s.b, l.resultElement(), q);
      });
  l.set(isUnsigned ? flipped(l, steps) : steps);
}

static void lowerDequantizeLinear(Lowering &l) {
  int64_t axis = cast<onnx::DequantizeLinearOp>(l.node).getAxis();
  if (!checkParameters(l, axis))
    return;
  Type f32 = l.b.getF32Type(), i32 = l.b.getI32Type();
  Value x = l.convert(l.operand(0), l.elementIn(0), i32);
  int64_t rank = rankOf(x);
  if (l.has(2) && l.splat(2) != 0.0) {
    Value zero =
        l.convert(alongAxis(l, l.operand(2), axis, rank), l.elementIn(2), i32);
    x = l.elementwise(
        {x, zero}, [](Scalars &s, ValueRange v) { return s.sub(v[0], v[1]); });
  }
  Value scale = alongAxis(l, l.convertFloat(l.operand(1), f32), axis, rank);
  Value result =
      l.elementwise({l.convert(x, i32, f32), scale},
                    [](Scalars &s, ValueRange v) { return s.mul(v[0], v[1]); });
  l.set(l.convertFloat(result, l.resultElement()));
}

namespace {
/// One operand of an integer product: signed bytes, and their zero point in
/// i32, shaped to broadcast against the product; null if it is 0.
struct SignedBytes {
  Value bytes, zero;
};
} // namespace

static SignedBytes signedBytes(Lowering &l, unsigned i, bool perRow) {
  Value x = l.operand(i);
  Type i32 = l.b.getI32Type();
  bool isUnsigned = l.isUnsignedIn(i);
  SignedBytes result{x, Value()};
  if (isUnsigned)
    result.bytes = flipped(l, x);
  if (l.has(i + 2) && l.splat(i + 2) != (isUnsigned ? 128.0 : 0.0)) {
    Value zero = l.convert(l.operand(i + 2), l.elementIn(i + 2), i32);
    if (isUnsigned)
      zero = l.elementwise(zero, [](Scalars &s, ValueRange v) {
        return s.sub(v[0], s.constant(v[0].getType(), 128));
      });
    if (perRow && rankOf(zero) == 1 && shapeOf(zero)[0] > 1)
      zero = l.reshape(zero, {shapeOf(zero)[0], 1});
    result.zero = zero;
  } else if (!l.has(i + 2) && isUnsigned) {
    result.zero = l.scalar(i32, -128);
  }
  return result;
}

static Value multiply(Lowering &l, Value x, Value y) {
  return l.elementwise(
      {x, y}, [](Scalars &s, ValueRange v) { return s.mul(v[0], v[1]); });
}

static Value subtract(Lowering &l, Value x, Value y) {
  return l.elementwise(
      {x, y}, [](Scalars &s, ValueRange v) { return s.sub(v[0], v[1]); });
}

static void lowerMatMulInteger(Lowering &l) {
  Type i8 = l.b.getI8Type(), i32 = l.b.getI32Type();
  if (elementOf(l.operand(0)) != i8 || elementOf(l.operand(1)) != i8)
    return l.unsupported("operands other than 8-bit integers");
  if (rankOf(l.operand(0)) < 2 || rankOf(l.operand(1)) < 2)
    return l.unsupported("an operand of rank 1");
  SignedBytes a = signedBytes(l, 0, /*perRow=*/true);
  SignedBytes b = signedBytes(l, 1, /*perRow=*/false);
  Value result = l.contract(a.bytes, b.bytes, i32);
  auto sumOver = [&](Value bytes, int64_t dim) {
    Value wide = l.convert(bytes, i8, i32);
    return l.keepDims(l.reduce(Reduction::Sum, wide, {dim}), {dim});
  };
  int64_t inner = shapeOf(a.bytes).back();
  if (a.zero) {
    Value columns = sumOver(b.bytes, rankOf(b.bytes) - 2);
    result = subtract(l, result, multiply(l, a.zero, columns));
  }
  if (b.zero) {
    Value rows = sumOver(a.bytes, rankOf(a.bytes) - 1);
    // sum_k a - K za, so that one product removes both terms with zb.
    if (a.zero)
      rows = subtract(l, rows, multiply(l, a.zero, l.scalar(i32, inner)));
    result = subtract(l, result, multiply(l, rows, b.zero));
  }
  l.set(result);
}

ArrayRef<NamedRule> onnx_to_linalg::quantRules() {
  static const NamedRule rules[] = {
      rule<onnx::QuantizeLinearOp>(lowerQuantizeLinear),
      rule<onnx::DequantizeLinearOp>(lowerDequantizeLinear),
      rule<onnx::MatMulIntegerOp>(lowerMatMulInteger),
  };
  return rules;
}
