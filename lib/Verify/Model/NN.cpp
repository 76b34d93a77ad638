//===- NN.cpp - products, softmax, normalisations -------------------------===//
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

/// The residues of an operand of a product. A weight has the precision of
/// fp16, under its scale.
static std::vector<uint32_t> residuesOf(const Field &field, const Tensor &t) {
  std::vector<uint32_t> result(size_t(t.count()));
  if (t.kind == Tensor::Elements) {
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = field.residue((*t.elements)[i]);
    return result;
  }
  if (t.scale == 0) {
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = field.ofHalf(
          modular::toHalf(llvm::bit_cast<uint32_t>((*t.constants)[i])));
    return result;
  }
  uint32_t scale = field.residue(constantElement(std::ldexp(1.0f, t.scale)));
  for (size_t i = 0; i < result.size(); ++i) {
    float scaled = std::ldexp((*t.constants)[i], -t.scale);
    uint16_t half = modular::toHalf(llvm::bit_cast<uint32_t>(scaled));
    result[i] = field.mul(field.ofHalf(half), scale);
  }
  return result;
}

std::optional<Tensor> lpu::verify::product(Node &node, const Tensor &left,
                                           const Tensor &right) {
  Tensor a = left, b = right;
  if (!a.isFloat() || !b.isFloat() || a.rank() == 0 || b.rank() == 0) {
    node.refuse("its operands are no tensors of floats");
    return std::nullopt;
  }
  bool isRow = a.rank() == 1, isColumn = b.rank() == 1;
  if (isRow)
    a.dims.insert(a.dims.begin(), 1);
  if (isColumn)
    b.dims.push_back(1);
  int64_t m = a.dims[size_t(a.rank() - 2)], k = a.dims.back(),
          n = b.dims.back();
  DimsRef batchA = DimsRef(a.dims).drop_back(2),
          batchB = DimsRef(b.dims).drop_back(2);
  Dims batch;
  if (b.dims[size_t(b.rank() - 2)] != k || !broadcast(batchA, batchB, batch)) {
    node.refuse("its shapes do not fit");
    return std::nullopt;
  }
  std::vector<uint32_t> x = residuesOf(node.field, a),
                        y = residuesOf(node.field, b);
  std::vector<uint32_t> result(size_t(countOf(batch) * m * n));
  std::vector<const uint32_t *> rows(size_t(m), nullptr);
  forEach(batch, broadcastStrides(batchA, batch),
          broadcastStrides(batchB, batch),
          [&](int64_t i, int64_t from, int64_t with) {
            for (int64_t r = 0; r < m; ++r)
              rows[size_t(r)] = &x[size_t((from * m + r) * k)];
            node.field.multiply(
                rows.data(), unsigned(m), unsigned(k), &y[size_t(with * k * n)],
                size_t(n), unsigned(n), &result[size_t(i * m * n)], size_t(n));
          });
  std::vector<Element> elements;
  elements.reserve(result.size());
  for (uint32_t residue : result)
    elements.push_back(Element::number(residue));
  Dims dims = batch;
  if (!isRow)
    dims.push_back(m);
  if (!isColumn)
    dims.push_back(n);
  return Tensor::ofElements(dims, std::move(elements));
}

static void matmul(Node &n) {
  if (std::optional<Tensor> result = product(n, n.in(0), n.in(1)))
    n.set(*result);
}

static void gemm(Node &n) {
  Tensor a = n.in(0), b = n.in(1);
  if (n.integer("transA", 0))
    a = transposed(a, {1, 0});
  if (n.integer("transB", 0))
    b = transposed(b, {1, 0});
  std::optional<Tensor> result = product(n, a, b);
  if (!result)
    return;
  auto scaled = [&](const Tensor &t, float factor) {
    return factor == 1 ? t : change(t, [&](Element e) {
      return n.field.mul(e, constantElement(factor));
    });
  };
  *result = scaled(*result, n.number("alpha", 1));
  if (n.has(2))
    *result = combine(n, *result, scaled(n.in(2), n.number("beta", 1)),
                      [&](Element x, Element y) { return n.field.add(x, y); });
  n.set(*result);
}

/// The largest element is taken away first, as the chip does: exp2 is a random
/// function here, and does not know that it would cancel.
Tensor lpu::verify::softmax(Node &node, const Tensor &a, int64_t axis) {
  const Field &f = node.field;
  Tensor largest =
      reduced(a, {axis}, [&](Element x, Element y) { return f.max(x, y); });
  Tensor powers =
      exponential(f, combine(node, a, largest, [&](Element x, Element y) {
                    return f.sub(x, y);
                  }));
  Tensor sum = reduced(powers, {axis},
                       [&](Element x, Element y) { return f.add(x, y); });
  return divided(node, powers, sum);
}

static void softmaxOp(Node &n) {
  if (n.opset < 13)
    return n.refuse("Softmax before opset 13 flattens its operand");
  int64_t axis = n.axis(n.integer("axis", -1), n.in(0).rank());
  if (n.error.empty())
    n.set(softmax(n, n.in(0), axis));
}

/// x / sqrt(mean(x^2) + epsilon).
static Tensor normalised(Node &n, const Tensor &x, DimsRef axes) {
  const Field &f = n.field;
  Tensor power =
      mean(f, change(x, [&](Element e) { return f.mul(e, e); }), axes);
  Element epsilon = constantElement(n.number("epsilon", 1e-5f));
  Tensor factor = change(power, [&](Element e) {
    return f.recip(f.apply(Function::Sqrt, f.add(e, epsilon)));
  });
  return combine(n, x, factor,
                 [&](Element a, Element b) { return f.mul(a, b); });
}

template <bool isCentred> static void normalisation(Node &n) {
  const Field &f = n.field;
  const Tensor &x = n.in(0);
  int64_t first = n.axis(n.integer("axis", -1), x.rank());
  Dims axes;
  for (int64_t axis = first; axis < x.rank(); ++axis)
    axes.push_back(axis);
  if (!n.error.empty() || !x.isFloat())
    return n.refuse("its operand is no float");
  Tensor centred = x;
  if (isCentred)
    centred = combine(n, x, mean(f, x, axes),
                      [&](Element a, Element b) { return f.sub(a, b); });
  Tensor result = combine(n, normalised(n, centred, axes), n.in(1),
                          [&](Element a, Element b) { return f.mul(a, b); });
  if (n.has(2))
    result = combine(n, result, n.in(2),
                     [&](Element a, Element b) { return f.add(a, b); });
  n.set(result);
}

Operator lpu::verify::findNN(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Case("MatMul", matmul)
      .Case("Gemm", gemm)
      .Case("Softmax", softmaxOp)
      .Case("LayerNormalization", normalisation<true>)
      .Case("RMSNormalization", normalisation<false>)
      .Default(nullptr);
}
