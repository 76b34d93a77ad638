//===- Normalise.cpp - normalisations -------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Means and deviations over some axes, in two passes, as docs/lowering.md has
// them.
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "onnx-ml.pb.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

using namespace lpu;
using namespace lpu::verify;
using modular::Function;

/// x / sqrt(mean(x^2) + epsilon) * scale + bias, of x without its mean.
Tensor lpu::verify::normalised(Node &n, const Tensor &given, DimsRef axes,
                               bool isCentred, float epsilon,
                               const Tensor *scale, const Tensor *bias) {
  const Field &f = n.field;
  auto add = [&](Element a, Element b) { return f.add(a, b); };
  auto mul = [&](Element a, Element b) { return f.mul(a, b); };
  Tensor x = given;
  if (isCentred)
    x = combine(n, x, mean(f, x, axes),
                [&](Element a, Element b) { return f.sub(a, b); });
  Tensor power =
      mean(f, change(x, [&](Element e) { return f.mul(e, e); }), axes);
  Tensor factor = change(power, [&](Element e) {
    Element sum = f.add(e, constantElement(epsilon));
    return f.recip(f.apply(Function::Sqrt, sum));
  });
  Tensor result = combine(n, x, factor, mul);
  if (scale)
    result = combine(n, result, *scale, mul);
  return bias ? combine(n, result, *bias, add) : result;
}

template <bool isCentred> static void lastAxes(Node &n) {
  const Tensor &x = n.in(0);
  int64_t first = n.axis(n.integer("axis", -1), x.rank());
  Dims axes;
  for (int64_t axis = first; axis < x.rank(); ++axis)
    axes.push_back(axis);
  if (!n.error.empty() || !x.isFloat())
    return n.refuse("its operand is no float");
  n.set(normalised(n, x, axes, isCentred, n.number("epsilon", 1e-5f), &n.in(1),
                   n.has(2) ? &n.in(2) : nullptr));
}

static void meanVariance(Node &n) {
  const Tensor &x = n.in(0);
  Dims axes;
  for (int64_t axis :
       n.integers("axes").value_or(std::vector<int64_t>{0, 2, 3}))
    axes.push_back(n.axis(axis, x.rank()));
  if (!n.error.empty() || !x.isFloat())
    return n.refuse("its operand is no float");
  n.set(normalised(n, x, axes, true, 1e-9f, nullptr, nullptr));
}

/// One number for each of `count` channels, which are dim 1 of `rank`.
static std::optional<Tensor> perChannel(Node &n, size_t i, int64_t count,
                                        size_t rank) {
  if (!n.has(i) || !n.in(i).isFloat() || n.in(i).count() != count || rank < 2) {
    n.refuse("its shapes do not fit");
    return std::nullopt;
  }
  Dims dims(rank, 1);
  dims[1] = count;
  return n.in(i).reshaped(dims);
}

/// Each group of channels of each image is normalised; scale and bias are of
/// groups, or of channels.
static void ofGroups(Node &n, int64_t groups, bool isScalePerGroup) {
  const Tensor &x = n.in(0);
  if (!x.isFloat() || x.rank() < 2 || groups < 1 || x.dims[1] % groups)
    return n.refuse("its shapes do not fit");
  int64_t channels = x.dims[1], scales = isScalePerGroup ? groups : channels,
          rest = countOf(DimsRef(x.dims).drop_front(2));
  auto scale = perChannel(n, 1, scales, 3), bias = perChannel(n, 2, scales, 3);
  if (!scale || !bias)
    return;
  Tensor y =
      normalised(n, x.reshaped({x.dims[0], groups, channels / groups * rest}),
                 {2}, true, n.number("epsilon", 1e-5f), nullptr, nullptr);
  y = y.reshaped({x.dims[0], scales, channels / scales * rest});
  y = combine(n, y, *scale,
              [&](Element a, Element b) { return n.field.mul(a, b); });
  y = combine(n, y, *bias,
              [&](Element a, Element b) { return n.field.add(a, b); });
  n.set(y.reshaped(x.dims));
}

static void group(Node &n) {
  ofGroups(n, n.integer("num_groups", 0), n.opset < 21);
}
static void instance(Node &n) {
  ofGroups(n, n.in(0).rank() < 2 ? 0 : n.in(0).dims[1], false);
}

/// (x - mean) * (scale / sqrt(variance + epsilon)) + bias with statistics of
/// the file. The factor of small ones is computed in floats.
static void batch(Node &n) {
  const Field &f = n.field;
  const Tensor &x = n.in(0);
  if (!x.isFloat() || x.rank() < 2 || n.integer("training_mode", 0) != 0)
    return n.refuse("it computes its statistics");
  float epsilon = n.number("epsilon", 1e-5f);
  std::optional<Tensor> given[4]; // scale, bias, mean, variance
  for (size_t i = 0; i < 4; ++i)
    if (!(given[i] = perChannel(n, i + 1, x.dims[1], x.dims.size())))
      return;
  const Tensor &scale = *given[0], &variance = *given[3];
  Tensor factor;
  if (scale.kind == Tensor::Constants && variance.kind == Tensor::Constants &&
      scale.count() * 4 <= knownBytes) {
    std::vector<float> floats;
    for (int64_t i = 0; i < scale.count(); ++i) {
      float sum = variance.constant(i) + epsilon,
            inverse = 1.0f / std::sqrt(sum);
      floats.push_back(scale.constant(i) * inverse);
    }
    factor = Tensor::ofConstants(scale.dims, std::move(floats));
  } else {
    factor = combine(n, scale, variance, [&](Element a, Element b) {
      Element sum = f.add(b, constantElement(epsilon));
      return f.mul(a, f.recip(f.apply(Function::Sqrt, sum)));
    });
  }
  Tensor y = combine(n, x, *given[2],
                     [&](Element a, Element b) { return f.sub(a, b); });
  y = combine(n, y, factor, [&](Element a, Element b) { return f.mul(a, b); });
  n.set(combine(n, y, *given[1],
                [&](Element a, Element b) { return f.add(a, b); }));
}

/// x over the sum of its sizes, or the root of the sum of its squares; 0 where
/// that is 0.
static void lp(Node &n) {
  const Field &f = n.field;
  const Tensor &x = n.in(0);
  int64_t axis = n.axis(n.integer("axis", -1), x.rank()), p = n.integer("p", 2);
  if (!n.error.empty() || !x.isFloat() || p < 1 || p > 2)
    return n.refuse("its operand is no float, or its norm is not known here");
  Tensor norm = reduced(
      change(x, [&](Element e) { return p == 1 ? f.abs(e) : f.mul(e, e); }),
      {axis}, [&](Element a, Element b) { return f.add(a, b); });
  Element zero = Element::known(0);
  n.set(combine(n, x, norm, [&](Element a, Element sum) {
    Element by = p == 1 ? sum : f.apply(Function::Sqrt, sum);
    return f.equal(by, zero) ? zero : f.mul(a, f.recip(by));
  }));
}

/// 1 at the first largest element of an axis, else 0.
static void hardmax(Node &n) {
  const Tensor &given = n.in(0);
  int64_t axis = n.axis(n.integer("axis", n.opset < 13 ? 1 : -1), given.rank());
  if (!n.error.empty() || !given.isFloat())
    return n.refuse("its operand is no float");
  Tensor x = given;
  if (n.opset < 13) { // all axes from this one on are one
    x = x.reshaped({countOf(DimsRef(given.dims).take_front(size_t(axis))),
                    countOf(DimsRef(given.dims).drop_front(size_t(axis)))});
    axis = 1;
  }
  int64_t size = x.dims[size_t(axis)], step = stridesOf(x.dims)[size_t(axis)];
  std::vector<Element> result(size_t(x.count()), Element::known(0));
  for (int64_t i = 0; i < x.count(); ++i) {
    if (i / step % size != 0)
      continue;
    int64_t best = i;
    for (int64_t j = i; j < i + size * step; j += step)
      if (n.field.less(x.element(best), x.element(j)))
        best = j;
    result[size_t(best)] = constantElement(1);
  }
  n.set(Tensor::ofElements(given.dims, std::move(result)));
}

Operator lpu::verify::findNormalisation(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Case("LayerNormalization", lastAxes<true>)
      .Case("RMSNormalization", lastAxes<false>)
      .Case("SimplifiedLayerNormalization", lastAxes<false>)
      .Case("MeanVarianceNormalization", meanVariance)
      .Case("GroupNormalization", group)
      .Case("InstanceNormalization", instance)
      .Case("BatchNormalization", batch)
      .Case("LpNormalization", lp)
      .Case("Hardmax", hardmax)
      .Default(nullptr);
}
