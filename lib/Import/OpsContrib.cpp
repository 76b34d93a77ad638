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

/// What an Attention adds to its scores: `filter` where the mask says that a
/// key is not seen. The mask is of three forms: one number per key ([batch,
/// length], seen if positive), or per query and key ([batch, length, length]);
/// the number of keys that are seen ([batch]); or that and the number of the
/// first seen one
/// ([2 * batch]: all ends, then all starts). Null if it is none of them.
static Value *addedMask(OpContext &c, Value *mask, int64_t batch,
                        int64_t length, DType type, float filter) {
  Builder &b = c.b;
  const Dims &dims = mask->dims;
  Value *none = b.scalar(DType::I32, 0), *isSeen = nullptr;
  auto as4 = [&](Value *v, int64_t first, int64_t third, int64_t last) {
    return b.reshape(v, {first, 1, third, last});
  };
  if (mask->type == DType::I32 && dims == Dims{batch, length}) {
    isSeen = as4(b.binary(Op::Greater, mask, none), batch, 1, length);
  } else if (mask->type == DType::I32 && dims == Dims{batch, length, length}) {
    isSeen = as4(b.binary(Op::Greater, mask, none), batch, length, length);
  } else if (mask->type == DType::I32 &&
             (dims == Dims{batch} || dims == Dims{2 * batch})) {
    Tensor numbers(DType::I32, {1, 1, 1, length});
    for (int64_t i = 0; i < length; ++i)
      numbers.ints[i] = i;
    Value *key = b.constant(numbers);
    Value *end = as4(b.slice1(mask, 0, 0, batch), batch, 1, 1);
    isSeen = b.binary(Op::Less, key, end);
    if (dims[0] == 2 * batch) {
      Value *start = as4(b.slice1(mask, 0, batch, batch), batch, 1, 1);
      isSeen =
          b.binary(Op::And, isSeen, b.binary(Op::GreaterOrEqual, key, start));
    }
  } else {
    c.fail("its mask_index " + shapeName(mask->type, mask->dims) +
           " is none of i32 [batch], [2 * batch], [batch, length] and [batch, "
           "length, length], with batch = " +
           llvm::Twine(batch) + " and length = " + llvm::Twine(length));
    return nullptr;
  }
  return b.where(isSeen, b.scalar(type, 0), b.scalar(type, filter));
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
    added = addedMask(c, mask, batch, length, x->type, filter);
    if (!added)
      return;
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
  Value *ids = c.in(0);
  if (ids->dims.size() != 2 || c.in(3)->dims.size() != 2) {
    c.fail("needs ids of rank 2 and a position table of rank 2");
    return;
  }
  if (c.has(7) && (c.in(7)->type != DType::I32 || c.in(7)->dims != ids->dims)) {
    c.fail("its mask " + shapeName(c.in(7)->type, c.in(7)->dims) +
           " does not fit the ids " + shapeName(ids->type, ids->dims) +
           "; an i32 per id is needed");
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
  // The number of ones of the mask, 0 without a mask.
  if (c.wants(1) && c.has(7))
    c.result(1, b.reduce(Op::ReduceSum,
                         b.cast(b.binary(Op::Equal, c.in(7),
                                         b.scalar(DType::I32, 1)),
                                DType::I32),
                         {1}, false));
  else if (c.wants(1))
    c.result(1, b.expand(b.scalar(DType::I32, 0), {ids->dims[0]}));
  c.result(2, sum);
}

static const OpRecord records[] = {
    {"Attention", "1", 2, 7, 2, attention,
     "MatMul and Softmax; BERT form, every mask_index but 4-D, no past"},
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
