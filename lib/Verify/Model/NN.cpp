//===- NN.cpp - products, softmax, attention ------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "onnx-ml.pb.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <limits>
#include <set>

using namespace lpu;
using namespace lpu::verify;
using modular::Function;

std::vector<uint32_t> lpu::verify::residuesOf(const Field &field,
                                              const Tensor &t, bool isExact) {
  std::vector<uint32_t> result(size_t(t.count()));
  if (t.kind == Tensor::Elements || isExact) {
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = field.residue(t.element(int64_t(i)));
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

void lpu::verify::identifyWeights(Node &node, const Tensor &t, float factor) {
  constexpr size_t few = size_t(knownBytes) / 4;
  std::set<uint32_t> different; // of what is known, beside what is computed
  for (int64_t i = 0; i < t.count(); ++i)
    if (Element e = t.element(i); e.isKnown() &&
                                  different.insert(e.value).second &&
                                  different.size() > few)
      return;
  std::vector<float> numbers;
  for (uint32_t bits : different)
    numbers.push_back(llvm::bit_cast<float>(bits));
  Tensor all = Tensor::ofConstants({int64_t(numbers.size())}, numbers);
  all.scale = t.scale;
  std::vector<uint32_t> halves = residuesOf(node.field, all, false);
  for (auto [number, half] : llvm::zip(numbers, halves))
    if (uint32_t bits = llvm::bit_cast<uint32_t>(number);
        std::fabs(number) <= 65504) {
      if (node.field.ofFloat(bits) != half)
        node.identical.push_back({bits, half});
      uint32_t scaled = llvm::bit_cast<uint32_t>(number * factor);
      uint32_t product =
          node.field.mul(half, node.field.residue(constantElement(factor)));
      if (factor != 1 && node.field.ofFloat(scaled) != product)
        node.identical.push_back({scaled, product});
    }
}

/// Does each line of an operand along k repeat one element?
static bool repeats(const Tensor &t, size_t axis) {
  int64_t step = stridesOf(t.dims)[axis], size = t.dims[axis];
  if (t.kind != Tensor::Elements || size < 2)
    return false;
  for (int64_t i = 0; i < t.count(); ++i)
    if (i / step % size != 0 && !(t.element(i) == t.element(i - step)))
      return false;
  return true;
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
  float factor = node.proto.op_type() == "Gemm" ? node.number("alpha", 1) : 1;
  identifyWeights(node, a, factor);
  identifyWeights(node, b, factor);
  bool isSum =
      repeats(a, size_t(a.rank() - 1)) || repeats(b, size_t(b.rank() - 2));
  std::vector<uint32_t> x = residuesOf(node.field, a, isSum),
                        y = residuesOf(node.field, b, isSum);
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
  if (n.has(2) && n.number("beta", 1) != 0) // else it is not read
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
      exponential(node, combine(node, a, largest, [&](Element x, Element y) {
                    return f.sub(x, y);
                  }));
  Tensor sum = reduced(powers, {axis},
                       [&](Element x, Element y) { return f.add(x, y); });
  return divided(node, powers, sum);
}

std::optional<Tensor> lpu::verify::splitHeads(Node &n, const Tensor &x,
                                              int64_t heads) {
  if (x.rank() == 4)
    return x;
  if (x.rank() != 3 || heads < 1 || x.dims[2] % heads) {
    n.refuse("an input does not split into heads");
    return std::nullopt;
  }
  return transposed(
      x.reshaped({x.dims[0], x.dims[1], heads, x.dims[2] / heads}),
      {0, 2, 1, 3});
}

/// `chosen` where the mask is not 0, else `other`.
static Tensor where(Node &n, const Tensor &mask, const Tensor &chosen,
                    Element other) {
  std::vector<Element> result(size_t(chosen.count()));
  Dims dims;
  if (!broadcast(mask.dims, chosen.dims, dims) || dims != chosen.dims) {
    n.refuse("its mask does not fit its scores");
    return chosen;
  }
  forEach(dims, broadcastStrides(mask.dims, dims), stridesOf(dims),
          [&](int64_t i, int64_t x, int64_t y) {
            result[size_t(i)] = mask.integer(x) ? chosen.element(y) : other;
          });
  return Tensor::ofElements(dims, std::move(result));
}

Tensor lpu::verify::joinHeads(const Tensor &x) {
  return transposed(x, {0, 2, 1, 3})
      .reshaped({x.dims[0], x.dims[2], x.dims[1] * x.dims[3]});
}

std::optional<Tensor> lpu::verify::attentionOf(Node &n, const Tensor &q,
                                               const Tensor &k, const Tensor &v,
                                               float scale, const Tensor *bias,
                                               const Tensor *seen,
                                               bool isCausal) {
  const Field &f = n.field;
  if (q.dims[1] != k.dims[1] || k.dims[1] != v.dims[1]) {
    n.refuse("with fewer heads of keys than of queries");
    return std::nullopt;
  }
  auto times = [&](Element e) { return f.mul(e, constantElement(scale)); };
  std::optional<Tensor> scores =
      product(n, change(q, times), transposed(k, {0, 1, 3, 2}));
  if (!scores)
    return std::nullopt;
  if (bias)
    scores = combine(n, *scores, *bias,
                     [&](Element x, Element y) { return f.add(x, y); });
  Tensor causal;
  if (isCausal) {
    int64_t queries = q.dims[2], keys = k.dims[2];
    Dims dims = seen ? seen->dims : Dims{1, 1};
    if (!broadcast(dims, {queries, keys}, dims)) {
      n.refuse("its mask does not fit its scores");
      return std::nullopt;
    }
    std::vector<int64_t> values(size_t(countOf(dims)));
    Dims from = broadcastStrides(seen ? DimsRef(seen->dims) : DimsRef(), dims);
    forEach(dims, from, from, [&](int64_t i, int64_t x, int64_t) {
      values[size_t(i)] =
          i % keys <= i / keys % queries && (!seen || seen->integer(x));
    });
    causal = Tensor::ofIntegers(typeBool, dims, std::move(values), false);
    seen = &causal;
  }
  if (seen)
    scores = where(n, *seen, *scores,
                   constantElement(-std::numeric_limits<float>::max()));
  Tensor weights = softmax(n, *scores, 3);
  if (seen)
    weights = where(n, *seen, weights, Element::known(0));
  return product(n, weights, v);
}

static void attention(Node &n) {
  bool isPlain = n.number("softcap", 0) == 0 && !n.has(4) && !n.has(5) &&
                 !n.has(6) && n.proto.output_size() == 1;
  if (!isPlain)
    return n.refuse("with a cache, a soft cap or several results");
  auto q = splitHeads(n, n.in(0), n.integer("q_num_heads", 0)),
       k = splitHeads(n, n.in(1), n.integer("kv_num_heads", 0)),
       v = splitHeads(n, n.in(2), n.integer("kv_num_heads", 0));
  if (!q || !k || !v)
    return;
  const Tensor *mask = n.has(3) ? &n.in(3) : nullptr;
  bool isBias = mask && mask->isFloat();
  float scale =
      n.number("scale", 1 / std::sqrt(static_cast<float>(q->dims[3])));
  std::optional<Tensor> result =
      attentionOf(n, *q, *k, *v, scale, isBias ? mask : nullptr,
                  isBias ? nullptr : mask, n.integer("is_causal", 0) != 0);
  if (result)
    n.set(n.in(0).rank() == 3 ? joinHeads(*result) : *result);
}

static void softmaxOp(Node &n) {
  if (n.opset < 13)
    return n.refuse("Softmax before opset 13 flattens its operand");
  int64_t axis = n.axis(n.integer("axis", -1), n.in(0).rank());
  if (n.error.empty())
    n.set(softmax(n, n.in(0), axis));
}

Operator lpu::verify::findNN(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Case("MatMul", matmul)
      .Case("Gemm", gemm)
      .Case("Softmax", softmaxOp)
      .Case("Attention", attention)
      .Default(nullptr);
}
