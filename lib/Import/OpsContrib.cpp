// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators of the domain com.microsoft that ONNX Runtime's fusions write. All
// are compositions of core ops.

#include "Records.h"

#include <cmath>

namespace lpu::importer {

static void geluErf(OpContext &c) { c.result(gelu(c.b, c.in(0), false)); }

static void biasGelu(OpContext &c) {
  c.result(gelu(c.b, c.b.binary(Op::Add, c.in(0), c.in(1)), false));
}

static void fastGelu(OpContext &c) {
  Value *x = c.has(1) ? c.b.binary(Op::Add, c.in(0), c.in(1)) : c.in(0);
  c.result(gelu(c.b, x, true));
}

static void quickGelu(OpContext &c) {
  c.result(silu(c.b, c.in(0), c.number("alpha", 1.702f)));
}

/// input + skip (+ bias), normalised; output 3 is the sum itself.
template <bool simplified> static void skipNorm(OpContext &c) {
  float epsilon = c.number("epsilon", simplified ? 1e-5f : 1e-12f);
  size_t biasAt = simplified ? 3 : 4;
  if (c.wants(1) || c.wants(2)) {
    c.fail("its statistics outputs are not supported");
    return;
  }
  Value *sum = c.b.binary(Op::Add, c.in(0), c.in(1));
  if (c.has(biasAt))
    sum = c.b.binary(Op::Add, sum, c.in(biasAt));
  if (!sum)
    return;
  for (size_t i : {size_t(2), size_t(3)})
    if (c.has(i) && c.in(i)->dims != Dims{sum->dims.back()}) {
      c.fail("a scale or bias of shape " + dimsName(c.in(i)->dims) +
             " does not fit " + dimsName(sum->dims));
      return;
    }
  int64_t axis = sum->dims.size() - 1;
  c.result(0, simplified ? c.b.rmsNorm(sum, c.in(2), axis, epsilon)
                         : c.b.layerNorm(sum, c.in(2), c.in(3), axis, epsilon));
  c.result(3, sum);
}

static Value *lastTwoSwapped(Builder &b, Value *x) {
  Dims perm;
  for (size_t i = 0; i < x->dims.size(); ++i)
    perm.push_back(i);
  if (perm.size() >= 2)
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return b.transpose(x, perm);
}

static void fusedMatMul(OpContext &c) {
  float alpha = c.number("alpha", 1);
  bool transA = c.integer("transA", 0, 0, 1),
       transB = c.integer("transB", 0, 0, 1);
  if (c.integer("transBatchA", 0) || c.integer("transBatchB", 0)) {
    c.fail("transBatchA and transBatchB are not supported");
    return;
  }
  Value *y = c.b.matmul(transA ? lastTwoSwapped(c.b, c.in(0)) : c.in(0),
                        transB ? lastTwoSwapped(c.b, c.in(1)) : c.in(1));
  c.result(c.b.binary(Op::Mul, y, c.b.scalarLike(y, alpha)));
}

/// The fused attention of BERT: one weight matrix for query, key and value.
static void attention(OpContext &c) {
  Value *x = c.in(0), *weight = c.in(1), *bias = c.in(2), *mask = c.in(3);
  Builder &b = c.b;
  int64_t heads = c.integer("num_heads", 0, 1, 1 << 16);
  bool causal = c.integer("unidirectional", 0, 0, 1);
  float filter = c.number("mask_filter_value", -10000.0f);
  float scale = c.number("scale", 0);
  if (c.failed())
    return;
  for (size_t i = 4; i < c.inputCount(); ++i)
    if (c.has(i)) {
      c.fail("its input " + llvm::Twine(i) +
             " (past or attention bias) is not supported");
      return;
    }
  if (c.hasAttr("qkv_hidden_sizes") || c.integer("do_rotary", 0) ||
      c.wants(1)) {
    c.fail(
        "qkv_hidden_sizes, do_rotary and the present output are not supported");
    return;
  }
  if (x->dims.size() != 3 || weight->dims.size() != 2 ||
      weight->dims[1] % (3 * heads)) {
    c.fail("an input " + dimsName(x->dims) + " and a weight " +
           dimsName(weight->dims) + " do not split into " + llvm::Twine(heads) +
           " heads");
    return;
  }
  int64_t batch = x->dims[0], length = x->dims[1], hidden = weight->dims[1] / 3;
  Value *all = b.matmul(x, weight);
  if (bias)
    all = b.binary(Op::Add, all, bias);
  if (!all)
    return;
  Value *part[3];
  for (int64_t i = 0; i < 3; ++i)
    part[i] = b.transpose(b.reshape(b.slice1(all, 2, i * hidden, hidden),
                                    {batch, length, heads, hidden / heads}),
                          {0, 2, 1, 3});
  Value *added = nullptr, *seen = nullptr;
  if (mask) {
    if (mask->type != DType::I32 || mask->dims != Dims{batch, length}) {
      c.fail("only a mask_index of type i32 and shape [batch, length] is "
             "supported");
      return;
    }
    Value *one = b.scalar(x->type, 1);
    added = b.binary(Op::Mul, b.binary(Op::Sub, one, b.cast(mask, x->type)),
                     b.scalar(x->type, filter));
    added = b.reshape(added, {batch, 1, 1, length});
  }
  if (causal) {
    Tensor triangle(DType::Bool, {length, length});
    for (int64_t i = 0; i < triangle.size(); ++i)
      triangle.ints[i] = i % length <= i / length;
    seen = b.constant(triangle);
  }
  if (scale == 0)
    scale = 1 / std::sqrt(static_cast<float>(hidden / heads));
  Value *y = attentionCore(b, part[0], part[1], part[2], seen, added, scale, 0);
  c.result(b.reshape(b.transpose(y, {0, 2, 1, 3}), {batch, length, hidden}));
}

/// Word, position and segment embedding, then a layer norm.
static void embedLayerNorm(OpContext &c) {
  // ids, segments?, word, position, segment?, gamma, beta, mask?, position_ids?
  Builder &b = c.b;
  float epsilon = c.number("epsilon", 1e-12f);
  c.ignore("mask_index_type");
  if (c.wants(1) && c.has(7)) {
    c.fail("its output mask_index is not supported");
    return;
  }
  Value *ids = c.in(0);
  if (ids->dims.size() != 2 || c.in(3)->dims.size() != 2) {
    c.fail("needs ids of rank 2 and a position table of rank 2");
    return;
  }
  int64_t length = ids->dims[1];
  if (length > c.in(3)->dims[0]) {
    c.fail("a length of " + llvm::Twine(length) + " is more than the " +
           llvm::Twine(c.in(3)->dims[0]) + " rows of the position table");
    return;
  }
  Value *position = c.has(8) ? b.gather(c.in(3), c.in(8), 0)
                             : b.slice1(c.in(3), 0, 0, length);
  Value *sum = b.binary(Op::Add, b.gather(c.in(2), ids, 0), position);
  if (c.has(1) && c.has(4))
    sum = b.binary(Op::Add, sum, b.gather(c.in(4), c.in(1), 0));
  if (!sum)
    return;
  c.result(0, b.layerNorm(sum, c.in(5), c.in(6), 2, epsilon));
  if (c.wants(1))
    c.result(1, b.expand(b.scalar(DType::I32, 0), {ids->dims[0]}));
  c.result(2, sum);
}

static const OpRecord records[] = {
    {"Attention", "1", 2, 7, 2, attention,
     "MatMul and Softmax; BERT form: mask_index [batch, length], no past"},
    {"BiasGelu", "1", 2, 2, 1, biasGelu, "Add and Gelu"},
    {"EmbedLayerNormalization", "1", 7, 9, 3, embedLayerNorm, "expanded"},
    {"FastGelu", "1", 1, 2, 1, fastGelu, "Add and Gelu (tanh)"},
    {"FusedMatMul", "1", 2, 2, 1, fusedMatMul, "Transpose, MatMul, Mul"},
    {"Gelu", "1", 1, 1, 1, geluErf},
    {"QuickGelu", "1", 1, 1, 1, quickGelu, "expanded"},
    {"SkipLayerNormalization", "1", 3, 5, 4, skipNorm<false>,
     "Add and LayerNormalization"},
    {"SkipSimplifiedLayerNormalization", "1", 3, 4, 4, skipNorm<true>,
     "Add and RMSNormalization"},
};

llvm::ArrayRef<OpRecord> contribOps() { return records; }

} // namespace lpu::importer
