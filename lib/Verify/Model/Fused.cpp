//===- Fused.cpp - operators of ONNX Runtime's fusions
//---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "onnx-ml.pb.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

using namespace lpu;
using namespace lpu::verify;

static Tensor sum(Node &n, const Tensor &a, const Tensor &b) {
  return combine(n, a, b,
                 [&](Element x, Element y) { return n.field.add(x, y); });
}

template <bool isTanh> static void biasGelu(Node &n) {
  n.set(gelu(n.field, n.has(1) ? sum(n, n.in(0), n.in(1)) : n.in(0), isTanh));
}

/// x / (1 + e^(-alpha x))
static void quickGelu(Node &n) {
  const Field &f = n.field;
  Tensor inner = scaled(n, n.in(0), n.number("alpha", 1.702f));
  Tensor powers =
      exponential(n, change(inner, [&](Element e) { return f.negate(e); }));
  n.set(combine(n, n.in(0), powers, [&](Element x, Element e) {
    return f.mul(x, f.recip(f.add(constantElement(1), e)));
  }));
}

/// alpha x A x B, of matrices that may be transposed.
static void fusedMatMul(Node &n) {
  if (n.integer("transBatchA", 0) || n.integer("transBatchB", 0))
    return n.refuse("its batch dims are transposed");
  Tensor operands[2];
  for (size_t i : {0, 1}) {
    operands[i] = n.in(i);
    Dims order;
    for (int64_t d = 0; d < n.in(i).rank(); ++d)
      order.push_back(d);
    if (n.integer(i ? "transB" : "transA", 0) && order.size() >= 2) {
      std::swap(order[order.size() - 1], order[order.size() - 2]);
      operands[i] = transposed(operands[i], order);
    }
  }
  if (std::optional<Tensor> result = product(n, operands[0], operands[1]))
    n.set(scaled(n, *result, n.number("alpha", 1)));
}

/// Outputs 1 and 2, statistics, must not be wanted.
static bool wantsStatistics(const Node &n) {
  return (n.proto.output_size() > 1 && !n.proto.output(1).empty()) ||
         (n.proto.output_size() > 2 && !n.proto.output(2).empty());
}

template <bool isCentred> static void skipNorm(Node &n) {
  size_t bias = isCentred ? 4 : 3;
  if (wantsStatistics(n))
    return n.refuse("its statistics are wanted");
  Tensor x = sum(n, n.in(0), n.in(1));
  if (n.has(bias))
    x = sum(n, x, n.in(bias));
  if (!n.error.empty())
    return;
  n.set(normalised(n, x, {x.rank() - 1}, isCentred,
                   n.number("epsilon", isCentred ? 1e-12f : 1e-5f), &n.in(2),
                   isCentred && n.has(3) ? &n.in(3) : nullptr));
  n.set(Tensor());
  n.set(Tensor());
  n.set(x);
}

static void embedLayerNorm(Node &n) {
  const Tensor &ids = n.in(0);
  if (ids.rank() != 2 || ids.isFloat() || n.in(3).rank() != 2)
    return n.refuse("its ids are no matrix");
  int64_t length = ids.dims[1];
  Tensor position = n.has(8) ? gathered(n, n.in(3), n.in(8), 0)
                             : slicedAxis(n.in(3), 0, 0, length, 1);
  Tensor x = sum(n, gathered(n, n.in(2), ids, 0), position);
  if (n.has(1) && n.has(4))
    x = sum(n, x, gathered(n, n.in(4), n.in(1), 0));
  if (!n.error.empty())
    return;
  n.set(normalised(n, x, {2}, true, n.number("epsilon", 1e-12f), &n.in(5),
                   n.has(6) ? &n.in(6) : nullptr));
  // The number of ones of the mask, 0 without a mask.
  std::vector<int64_t> ones(size_t(ids.dims[0]), 0);
  if (n.has(7))
    for (int64_t i = 0; i < n.in(7).count(); ++i)
      ones[size_t(i / length)] += n.in(7).integer(i) == 1;
  n.set(Tensor::ofIntegers(typeInt32, {ids.dims[0]}, std::move(ones), false));
  n.set(x);
}

/// What the mask of an Attention adds to its scores: `filter` where a key is
/// not seen. One number per key (seen if positive), or per query and key, or
/// the number of keys that are seen, or that and the first of them (all ends,
/// then all starts).
static std::optional<Tensor> addedMask(Node &n, const Tensor &mask,
                                       int64_t batch, int64_t length,
                                       float filter) {
  bool isPair = mask.rank() == 3;
  bool isKey = mask.rank() == 2, isEnd = mask.rank() == 1;
  int64_t wanted = isPair  ? batch * length * length
                   : isKey ? batch * length
                           : batch;
  if (mask.isFloat() || (!isPair && !isKey && !isEnd) ||
      (mask.count() != wanted && !(isEnd && mask.count() == 2 * batch))) {
    n.refuse("the form of its mask is not known here");
    return std::nullopt;
  }
  int64_t queries = isPair ? length : 1;
  std::vector<Element> added;
  for (int64_t i = 0; i < batch * queries * length; ++i) {
    int64_t b = i / length / queries, key = i % length;
    bool isSeen =
        isEnd ? key < mask.integer(b) &&
                    (mask.count() == batch || key >= mask.integer(batch + b))
              : mask.integer(i) > 0;
    added.push_back(constantElement(isSeen ? 0 : filter));
  }
  return Tensor::ofElements({batch, 1, queries, length}, std::move(added));
}

/// One weight matrix for query, key and value.
static void attention(Node &n) {
  const Tensor &x = n.in(0);
  int64_t heads = n.integer("num_heads", 0);
  bool isPlain = !n.has(4) && !n.has(5) && !n.attribute("qkv_hidden_sizes") &&
                 !n.integer("do_rotary", 0) && n.proto.output_size() == 1;
  if (!isPlain || x.rank() != 3 || n.in(1).rank() != 2 || heads < 1)
    return n.refuse("with a cache, rotary tables or several results");
  int64_t batch = x.dims[0], length = x.dims[1], hidden = n.in(1).dims[1] / 3;
  std::optional<Tensor> all = product(n, x, n.in(1));
  if (!all)
    return;
  if (n.has(2))
    all = sum(n, *all, n.in(2));
  std::optional<Tensor> parts[3];
  for (int64_t i = 0; i < 3; ++i) {
    parts[i] = splitHeads(n, slicedAxis(*all, 2, i * hidden, hidden, 1), heads);
    if (!parts[i])
      return;
  }
  std::optional<Tensor> added;
  if (n.has(3)) {
    added = addedMask(n, n.in(3), batch, length,
                      n.number("mask_filter_value", -10000.0f));
    if (!added)
      return;
  }
  float scale = n.number("scale", 0);
  if (scale == 0)
    scale = 1 / std::sqrt(static_cast<float>(hidden / heads));
  std::optional<Tensor> result = attentionOf(
      n, *parts[0], *parts[1], *parts[2], scale, added ? &*added : nullptr,
      nullptr, n.integer("unidirectional", 0) != 0);
  if (result)
    n.set(joinHeads(*result));
}

Operator lpu::verify::findFused(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Cases({"Gelu", "BiasGelu"}, biasGelu<false>)
      .Case("FastGelu", biasGelu<true>)
      .Case("QuickGelu", quickGelu)
      .Case("FusedMatMul", fusedMatMul)
      .Case("SkipLayerNormalization", skipNorm<true>)
      .Case("SkipSimplifiedLayerNormalization", skipNorm<false>)
      .Case("EmbedLayerNormalization", embedLayerNorm)
      .Case("Attention", attention)
      .Default(nullptr);
}
