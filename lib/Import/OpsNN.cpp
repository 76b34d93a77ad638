// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix products, softmax, normalisations, attention, rotary embeddings.

#include "Records.h"

#include <cmath>
#include <limits>

namespace lpu::importer {

static void matmul(OpContext &c) { c.result(c.b.matmul(c.in(0), c.in(1))); }

static void gemm(OpContext &c) {
  // alpha * A' B' + beta * C
  Value *a = c.in(0), *b = c.in(1);
  bool transA = c.integer("transA", 0, 0, 1),
       transB = c.integer("transB", 0, 0, 1);
  float alpha = c.number("alpha", 1), beta = c.number("beta", 1);
  if (a->dims.size() != 2 || b->dims.size() != 2) {
    c.fail("needs matrices, has " + dimsName(a->dims) + " and " +
           dimsName(b->dims));
    return;
  }
  Value *y = c.b.matmul(transA ? c.b.transpose(a, {1, 0}) : a,
                        transB ? c.b.transpose(b, {1, 0}) : b);
  y = c.b.binary(Op::Mul, y, c.b.scalarLike(y, alpha));
  if (y && c.has(2)) {
    auto joined = broadcast(y->dims, c.in(2)->dims);
    if (!joined || *joined != y->dims) {
      c.fail("C of shape " + dimsName(c.in(2)->dims) +
             " does not broadcast to " + dimsName(y->dims));
      return;
    }
    if (beta != 0) { // else C is not read, whatever it holds
      Value *scaled =
          c.b.binary(Op::Mul, c.in(2), c.b.scalarLike(c.in(2), beta));
      y = c.b.binary(Op::Add, y, scaled);
    }
  }
  c.result(y);
}

/// Applies a softmax-like function along its axis; up to opset 12 the input is
/// seen as a matrix split at the axis.
template <typename Fn> static void alongAxis(OpContext &c, Fn fn) {
  Value *x = c.in(0);
  int64_t rank = x->dims.size();
  auto axis = c.axis("axis", c.opset < 13 ? 1 : -1, rank);
  if (!axis)
    return;
  if (c.opset >= 13 || *axis == rank - 1) {
    c.result(fn(x, *axis));
    return;
  }
  Dims matrix = {*elementCount(DimsRef(x->dims).take_front(*axis)),
                 *elementCount(DimsRef(x->dims).drop_front(*axis))};
  c.result(c.b.reshape(fn(c.b.reshape(x, matrix), 1), x->dims));
}

static void softmax(OpContext &c) {
  alongAxis(c, [&](Value *x, int64_t axis) { return c.b.softmax(x, axis); });
}

static void logSoftmax(OpContext &c) {
  alongAxis(c, [&](Value *x, int64_t axis) {
    Value *shifted =
        c.b.binary(Op::Sub, x, c.b.reduce(Op::ReduceMax, x, {axis}, true));
    Value *sum =
        c.b.reduce(Op::ReduceSum, c.b.unary(Op::Exp, shifted), {axis}, true);
    return c.b.binary(Op::Sub, shifted, c.b.unary(Op::Log, sum));
  });
}

/// The checks that all normalisations share; the axis, or nothing.
static std::optional<int64_t> normAxis(OpContext &c,
                                       std::initializer_list<size_t> of) {
  Value *x = c.in(0);
  auto axis = c.axis("axis", -1, x->dims.size());
  int64_t stash = c.integer("stash_type", 1);
  if (!axis || c.failed())
    return std::nullopt;
  if (stash != 1) {
    c.fail("stash_type = " + llvm::Twine(stash) +
           " is not supported, only 1 (f32)");
    return std::nullopt;
  }
  if (!isFloat(x->type)) {
    c.fail("needs a float type, has " + typeName(x->type));
    return std::nullopt;
  }
  for (size_t i : of) {
    if (!c.has(i))
      continue;
    auto joined = broadcast(x->dims, c.in(i)->dims);
    if (!joined || *joined != x->dims || c.in(i)->type != x->type) {
      c.fail("the scale or bias " + shapeName(c.in(i)->type, c.in(i)->dims) +
             " does not fit " + shapeName(x->type, x->dims));
      return std::nullopt;
    }
  }
  return axis;
}

/// The other outputs of a normalisation: mean and 1 / deviation, in f32; of
/// one without mean only the latter.
static void statistics(OpContext &c, int64_t axis, float epsilon,
                       bool subtractsMean) {
  Value *x = c.b.cast(c.in(0), DType::F32);
  std::vector<int64_t> axes;
  for (int64_t i = axis; x && i < int64_t(x->dims.size()); ++i)
    axes.push_back(i);
  size_t output = 1;
  if (subtractsMean) {
    Value *mean = c.b.reduce(Op::ReduceMean, x, axes, true);
    x = c.b.binary(Op::Sub, x, mean);
    c.result(output++, mean);
  }
  Value *square =
      c.b.reduce(Op::ReduceMean, c.b.binary(Op::Mul, x, x), axes, true);
  Value *deviation = c.b.unary(
      Op::Sqrt, c.b.binary(Op::Add, square, c.b.scalarLike(square, epsilon)));
  c.result(output, c.b.unary(Op::Reciprocal, deviation));
}

static void layerNorm(OpContext &c) {
  float epsilon = c.number("epsilon", 1e-5f);
  auto axis = normAxis(c, {1, 2});
  if (!axis)
    return;
  c.result(c.b.layerNorm(c.in(0), c.in(1), c.in(2), *axis, epsilon));
  if (c.wants(1) || c.wants(2))
    statistics(c, *axis, epsilon, /*subtractsMean=*/true);
}

static void rmsNorm(OpContext &c) {
  float epsilon = c.number("epsilon", 1e-5f);
  auto axis = normAxis(c, {1});
  if (!axis)
    return;
  c.result(c.b.rmsNorm(c.in(0), c.in(1), *axis, epsilon));
  if (c.wants(1))
    statistics(c, *axis, epsilon, /*subtractsMean=*/false);
}

static void dropout(OpContext &c) {
  c.ignore("ratio");
  c.ignore("seed");
  if (c.has(2)) {
    auto training = c.b.knownScalar(c.in(2));
    if (!training || *training != 0) {
      c.fail(
          llvm::Twine(training ? "training_mode is true"
                               : "training_mode is computed from data") +
          ": the model was exported in training mode. Call eval() on the very "
          "module that is exported, just before the export (the TorchScript "
          "exporter resets the flag of a wrapper)");
      return;
    }
  }
  c.result(0, c.in(0));
  if (c.wants(1))
    c.result(1, c.b.expand(c.b.scalar(DType::Bool, 1), c.in(0)->dims));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// softmax(scale q k' + bias) v on [batch, heads, length, size]. A position
/// whose mask is false has probability 0, so a row with no true position gives
/// zeros, as ONNX demands; no infinity and no NaN occurs on the way.
Value *attentionCore(Builder &b, Value *q, Value *k, Value *v, Value *mask,
                     Value *bias, float scale, float softcap) {
  // One exact-looking multiplication of the smaller operand, as exporters do.
  Value *scores = b.matmul(b.binary(Op::Mul, q, b.scalarLike(q, scale)),
                           b.transpose(k, {0, 1, 3, 2}));
  if (softcap != 0) {
    Value *cap = b.scalarLike(scores, softcap);
    scores = b.binary(Op::Mul,
                      b.unary(Op::Tanh, b.binary(Op::Div, scores, cap)), cap);
  }
  if (bias)
    scores = b.binary(Op::Add, scores, bias);
  if (mask && scores) {
    double lowest =
        scores->type == DType::F16
            ? -65504.0
            : -static_cast<double>(std::numeric_limits<float>::max());
    scores = b.where(mask, scores, b.scalarLike(scores, lowest));
  }
  Value *p = scores ? b.softmax(scores, 3) : nullptr;
  if (mask)
    p = b.where(mask, p, b.scalarLike(p, 0));
  return b.matmul(p, v);
}

/// [batch, length, heads * size] -> [batch, heads, length, size]
static Value *splitHeads(OpContext &c, Value *x, int64_t heads) {
  if (x->dims.size() == 4)
    return x;
  if (x->dims.size() != 3 || heads < 1 || x->dims[2] % heads)
    return c.fail("an input of shape " + dimsName(x->dims) +
                  " does not split into " + llvm::Twine(heads) + " heads");
  Value *apart =
      c.b.reshape(x, {x->dims[0], x->dims[1], heads, x->dims[2] / heads});
  return c.b.transpose(apart, {0, 2, 1, 3});
}

static void attention(OpContext &c) {
  int64_t qHeads = c.integer("q_num_heads", 0),
          kvHeads = c.integer("kv_num_heads", 0);
  bool causal = c.integer("is_causal", 0, 0, 1);
  float softcap = c.number("softcap", 0);
  bool hasScale = c.hasAttr("scale");
  float scale = c.number("scale", 0);
  int64_t precision = c.integer("softmax_precision", 1);
  c.ignore("qk_matmul_output_mode");
  if (c.wants(3)) {
    c.fail("its output qk_matmul_output is not supported");
    return;
  }
  if (c.has(6)) {
    c.fail("its input nonpad_kv_seqlen is not supported");
    return;
  }
  if (precision != 1 && !(precision == 10 && c.in(0)->type == DType::F16)) {
    c.fail("softmax_precision = " + typeName(precision) + " is not supported");
    return;
  }
  if (c.has(4) != c.has(5)) {
    c.fail("past_key and past_value must be given together");
    return;
  }
  bool flat = c.in(0)->dims.size() == 3;
  Value *q = splitHeads(c, c.in(0), qHeads),
        *k = splitHeads(c, c.in(1), kvHeads),
        *v = splitHeads(c, c.in(2), kvHeads);
  int64_t past = 0;
  if (c.has(4)) {
    if (c.in(4)->dims.size() != 4) {
      c.fail("past_key must have rank 4");
      return;
    }
    past = c.in(4)->dims[2];
    k = c.b.concat({c.in(4), k}, 2);
    v = c.b.concat({c.in(5), v}, 2);
  }
  if (!q || !k || !v)
    return;
  std::string shapes =
      dimsName(q->dims) + ", " + dimsName(k->dims) + ", " + dimsName(v->dims);
  if (q->dims.size() != 4 || k->dims.size() != 4 || v->dims.size() != 4 ||
      q->dims[0] != k->dims[0] || k->dims[0] != v->dims[0] ||
      k->dims[1] != v->dims[1] || k->dims[2] != v->dims[2] ||
      q->dims[3] != k->dims[3] || k->dims[1] == 0 || q->dims[1] % k->dims[1]) {
    c.fail("the query, key and value " + shapes + " do not fit each other");
    return;
  }
  c.result(1, k); // present_key and present_value
  c.result(2, v);
  int64_t groups = q->dims[1] / k->dims[1];
  auto repeat = [&](Value *x) {
    const Dims &d = x->dims;
    Value *y = c.b.expand(c.b.reshape(x, {d[0], d[1], 1, d[2], d[3]}),
                          {d[0], d[1], groups, d[2], d[3]});
    return c.b.reshape(y, {d[0], d[1] * groups, d[2], d[3]});
  };
  if (groups > 1) {
    k = repeat(k);
    v = repeat(v);
  }
  int64_t queries = q->dims[2], keys = k->dims[2];
  Value *mask = nullptr, *bias = nullptr;
  if (c.has(3)) {
    (c.in(3)->type == DType::Bool ? mask : bias) = c.in(3);
    Dims scores = {q->dims[0], q->dims[1], queries, keys};
    auto joined = broadcast(c.in(3)->dims, scores);
    if (!joined || *joined != scores) {
      c.fail("the mask " + dimsName(c.in(3)->dims) + " does not broadcast to " +
             dimsName(scores));
      return;
    }
  }
  if (causal) {
    // Query i sees keys up to past + i.
    Tensor triangle(DType::Bool, {queries, keys});
    for (int64_t i = 0; i < triangle.size(); ++i)
      triangle.ints[i] = i % keys <= i / keys + past;
    Value *seen = c.b.constant(triangle);
    mask = mask ? c.b.binary(Op::And, mask, seen) : seen;
  }
  if (!hasScale)
    scale = 1 / std::sqrt(static_cast<float>(q->dims[3]));
  Value *y = attentionCore(c.b, q, k, v, mask, bias, scale, softcap);
  if (y && flat)
    y = c.b.reshape(c.b.transpose(y, {0, 2, 1, 3}),
                    {y->dims[0], queries, y->dims[1] * y->dims[3]});
  c.result(0, y);
}

static void rotary(OpContext &c) {
  Value *x = c.in(0), *cos = c.in(1), *sin = c.in(2);
  bool interleaved = c.integer("interleaved", 0, 0, 1);
  int64_t heads = c.integer("num_heads", 0);
  int64_t part = c.integer("rotary_embedding_dim", 0);
  bool flat = x->dims.size() == 3;
  Value *y = splitHeads(c, x, heads); // [batch, heads, length, size]
  if (!y)
    return;
  int64_t size = y->dims.size() == 4 ? y->dims[3] : 0, length = y->dims[2];
  if (part == 0)
    part = size;
  if (y->dims.size() != 4 || part < 2 || part > size || part % 2) {
    c.fail("rotary_embedding_dim = " + llvm::Twine(part) + " does not fit " +
           dimsName(x->dims));
    return;
  }
  if (c.has(3)) {
    cos = c.b.gather(cos, c.in(3), 0);
    sin = c.b.gather(sin, c.in(3), 0);
  }
  auto table = [&](Value *t) -> Value * {
    if (!t)
      return nullptr;
    Dims wanted = {y->dims[0], length, part / 2};
    auto joined =
        t->dims.size() == 3 ? broadcast(t->dims, wanted) : std::nullopt;
    if (!joined || *joined != wanted || t->type != x->type)
      return c.fail("a cos or sin table " + shapeName(t->type, t->dims) +
                    " does not fit " + shapeName(x->type, wanted));
    return c.b.reshape(t, {t->dims[0], 1, t->dims[1], t->dims[2]});
  };
  cos = table(cos);
  sin = table(sin);
  Value *a = c.b.slice1(y, 3, 0, part / 2, interleaved ? 2 : 1);
  Value *b = c.b.slice1(y, 3, interleaved ? 1 : part / 2, part / 2,
                        interleaved ? 2 : 1);
  auto mul = [&](Value *l, Value *r) { return c.b.binary(Op::Mul, l, r); };
  Value *real = c.b.binary(Op::Sub, mul(cos, a), mul(sin, b));
  Value *imaginary = c.b.binary(Op::Add, mul(sin, a), mul(cos, b));
  if (!real || !imaginary)
    return;
  Value *turned;
  if (interleaved) {
    Dims pair = real->dims, joined = real->dims;
    pair.push_back(1);
    joined[3] = part;
    turned = c.b.reshape(
        c.b.concat({c.b.reshape(real, pair), c.b.reshape(imaginary, pair)}, 4),
        joined);
  } else {
    turned = c.b.concat({real, imaginary}, 3);
  }
  if (part < size)
    turned = c.b.concat({turned, c.b.slice1(y, 3, part, size - part)}, 3);
  if (flat)
    turned = c.b.reshape(c.b.transpose(turned, {0, 2, 1, 3}), x->dims);
  c.result(turned);
}

static const OpRecord records[] = {
    {"Attention", "23 24", 3, 7, 4, attention,
     "MatMul and Softmax; no qk_matmul_output, no nonpad_kv_seqlen"},
    {"Dropout", "7 10 12 13 22", 1, 3, 2, dropout,
     "folds; training mode is refused"},
    {"Gemm", "7 9 11 13", 2, 3, 1, gemm, "MatMul, Mul, Add"},
    {"LayerNormalization", "1 17", 2, 3, 3, layerNorm,
     "also accepted below opset 17 (ONNX Runtime writes it)"},
    {"LogSoftmax", "1 11 13", 1, 1, 1, logSoftmax, "expanded"},
    {"MatMul", "1 9 13", 2, 2, 1, matmul, "integers: Mul and ReduceSum"},
    {"RMSNormalization", "23", 2, 2, 1, rmsNorm},
    {"RotaryEmbedding", "23", 3, 4, 1, rotary, "expanded"},
    {"SimplifiedLayerNormalization", "1", 2, 2, 2, rmsNorm,
     "RMSNormalization; not in ONNX, but ONNX Runtime writes it here"},
    {"Softmax", "1 11 13", 1, 1, 1, softmax},
};

llvm::ArrayRef<OpRecord> nnOps() { return records; }

} // namespace lpu::importer
