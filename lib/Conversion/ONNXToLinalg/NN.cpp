//===- NN.cpp - matrix products, softmax, normalisations ------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One step per generic: the next layer decides what runs as one chain.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::onnx_to_linalg;

static void lowerMatMul(Lowering &l) {
  Type element = l.resultElement();
  Type accumulator = l.accumulatorOf(element);
  Value product = l.contract(l.operand(0), l.operand(1), accumulator);
  l.set(l.convertFloat(product, element));
}

/// A row whose elements are all -inf gives NaN, as in ONNX Runtime.
static void lowerSoftmax(Lowering &l) {
  int64_t axis = cast<onnx::SoftmaxOp>(l.node).getAxis();
  Type element = l.resultElement();
  Value x = l.convertFloat(l.operand(0), l.accumulatorOf(element));
  Value largest = l.keepDims(l.reduce(Reduction::Max, x, {axis}), {axis});
  Value shifted = l.elementwise(
      {x, largest}, [](Scalars &s, ValueRange v) { return s.sub(v[0], v[1]); });
  Value powers = l.elementwise(
      shifted, [](Scalars &s, ValueRange v) { return s.exp(v[0]); });
  Value sum = l.keepDims(l.reduce(Reduction::Sum, powers, {axis}), {axis});
  Value result = l.elementwise({powers, sum}, [](Scalars &s, ValueRange v) {
    return s.div(v[0], v[1]);
  });
  l.set(l.convertFloat(result, element));
}

static SmallVector<int64_t> dimsFrom(int64_t axis, int64_t rank) {
  SmallVector<int64_t> dims;
  for (int64_t i = axis; i < rank; ++i)
    dims.push_back(i);
  return dims;
}

/// x / sqrt(mean(x^2) + epsilon).
static Value normalise(Lowering &l, Value x, ArrayRef<int64_t> dims,
                       double epsilon) {
  Value squares = l.elementwise(
      x, [](Scalars &s, ValueRange v) { return s.mul(v[0], v[0]); });
  Value power = l.mean(squares, dims);
  Value factor = l.elementwise(power, [&](Scalars &s, ValueRange v) {
    return s.rsqrt(s.add(v[0], s.constant(v[0].getType(), epsilon)));
  });
  return l.elementwise(
      {x, l.keepDims(factor, dims)},
      [](Scalars &s, ValueRange v) { return s.mul(v[0], v[1]); });
}

/// Scale and bias in the type of the model, the statistics in f32.
static Value scaleAndShift(Lowering &l, Value x, Value scale, Value bias) {
  Type type = elementOf(x);
  x = l.elementwise({x, l.convertFloat(scale, type)},
                    [](Scalars &s, ValueRange v) { return s.mul(v[0], v[1]); });
  if (!bias)
    return x;
  return l.elementwise(
      {x, l.convertFloat(bias, type)},
      [](Scalars &s, ValueRange v) { return s.add(v[0], v[1]); });
}

/// The mean is taken away before the squares are summed (two passes): the
/// difference of two large sums would lose the variance.
static void lowerLayerNormalization(Lowering &l) {
  auto op = cast<onnx::LayerNormalizationOp>(l.node);
  Type element = l.resultElement();
  Value x = l.convertFloat(l.operand(0), l.accumulatorOf(element));
  SmallVector<int64_t> dims = dimsFrom(op.getAxis(), rankOf(x));
  Value mean = l.keepDims(l.mean(x, dims), dims);
  Value centred = l.elementwise(
      {x, mean}, [](Scalars &s, ValueRange v) { return s.sub(v[0], v[1]); });
  Value result = normalise(l, centred, dims, op.getEpsilon().convertToFloat());
  result =
      scaleAndShift(l, result, l.operand(1), l.has(2) ? l.operand(2) : Value());
  l.set(l.convertFloat(result, element));
}

static void lowerRMSNormalization(Lowering &l) {
  auto op = cast<onnx::RMSNormalizationOp>(l.node);
  Type element = l.resultElement();
  Value x = l.convertFloat(l.operand(0), l.accumulatorOf(element));
  Value result = normalise(l, x, dimsFrom(op.getAxis(), rankOf(x)),
                           op.getEpsilon().convertToFloat());
  result = scaleAndShift(l, result, l.operand(1), Value());
  l.set(l.convertFloat(result, element));
}

ArrayRef<NamedRule> onnx_to_linalg::nnRules() {
  static const NamedRule rules[] = {
      rule<onnx::MatMulOp>(lowerMatMul),
      rule<onnx::SoftmaxOp>(lowerSoftmax),
      rule<onnx::LayerNormalizationOp>(lowerLayerNormalization),
      rule<onnx::RMSNormalizationOp>(lowerRMSNormalization),
  };
  return rules;
}
