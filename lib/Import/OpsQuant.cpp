// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantised operators: 8-bit, per tensor or per axis.

#include "Records.h"

namespace lpu::importer {

static bool isByte(DType type) {
  return type == DType::I8 || type == DType::U8;
}

/// The axis of a vector of scales, 0 if the scale is a scalar; checks the
/// shapes of scale and zero point.
static std::optional<int64_t> scaleAxis(OpContext &c, Value *x,
                                        DType quantised) {
  Value *scale = c.in(1), *zero = c.in(2);
  int64_t rank = x->dims.size();
  int64_t given = c.integer("axis", 1);
  if (c.integer("block_size", 0) != 0) {
    c.fail("blocked quantisation is not supported");
    return std::nullopt;
  }
  if (!isFloat(scale->type)) {
    c.fail("the scale must be a float, is " + typeName(scale->type));
    return std::nullopt;
  }
  if (zero && (zero->type != quantised ||
               *elementCount(zero->dims) != *elementCount(scale->dims))) {
    c.fail("the zero point " + shapeName(zero->type, zero->dims) +
           " does not fit the scale " + dimsName(scale->dims) +
           " and the type " + typeName(quantised));
    return std::nullopt;
  }
  if (elementCount(scale->dims) == 1)
    return 0;
  auto axis = normalizeAxis(given, rank);
  if (!axis || scale->dims != Dims{x->dims[*axis]}) {
    c.fail("the scale " + dimsName(scale->dims) + " does not fit axis " +
           llvm::Twine(given) + " of " + dimsName(x->dims));
    return std::nullopt;
  }
  return axis;
}

/// A single element as a scalar.
static Value *flat(OpContext &c, Value *v) {
  return v && elementCount(v->dims) == 1 ? c.b.reshape(v, {}) : v;
}

static void quantize(OpContext &c) {
  Value *x = c.in(0);
  c.ignore("saturate");
  int64_t asked = c.integer("output_dtype", 0);
  int64_t precision = c.integer("precision", 0);
  DType type = c.has(2) ? c.in(2)->type
               : asked  ? static_cast<DType>(asked)
                        : DType::U8;
  if (!isByte(type) || (asked && asked != static_cast<int64_t>(type))) {
    c.fail("quantising to " + typeName(type) +
           " is not supported, only i8 and u8");
    return;
  }
  if (precision != 0 && precision != 1) {
    c.fail("precision = " + typeName(precision) + " is not supported");
    return;
  }
  if (!isFloat(x->type)) {
    c.fail("needs a float input, has " + typeName(x->type));
    return;
  }
  if (auto axis = scaleAxis(c, x, type))
    c.result(c.b.quantize(x, flat(c, c.in(1)), flat(c, c.in(2)), *axis, type));
}

static void dequantize(OpContext &c) {
  Value *x = c.in(0);
  int64_t asked = c.integer("output_dtype", 0);
  if (asked && asked != static_cast<int64_t>(c.in(1)->type)) {
    c.fail("output_dtype differs from the type of the scale");
    return;
  }
  if (!isByte(x->type) && x->type != DType::I32) {
    c.fail("dequantising " + typeName(x->type) +
           " is not supported, only i8, u8, i32");
    return;
  }
  if (auto axis = scaleAxis(c, x, x->type))
    c.result(c.b.dequantize(x, flat(c, c.in(1)), flat(c, c.in(2)), *axis));
}

struct Quantised {
  Value *y, *scale, *zero;
};

/// ONNX's DynamicQuantizeLinear: the range of the tensor, with 0 in it, over
/// 0..255.
static Quantised quantizeDynamically(OpContext &c, Value *x) {
  Builder &b = c.b;
  if (x->type != DType::F32) {
    c.fail("needs an f32 input, has " + typeName(x->type));
    return {};
  }
  std::vector<int64_t> all;
  for (size_t i = 0; i < x->dims.size(); ++i)
    all.push_back(i);
  Value *zero = b.scalar(DType::F32, 0);
  Value *high = b.binary(Op::Max, b.reduce(Op::ReduceMax, x, all, false), zero);
  Value *low = b.binary(Op::Min, b.reduce(Op::ReduceMin, x, all, false), zero);
  Value *scale = b.binary(Op::Div, b.binary(Op::Sub, high, low),
                          b.scalar(DType::F32, 255));
  // A tensor of zeros has scale 0 and 0 / 0 would follow; any scale is right
  // then.
  Value *safe =
      b.where(b.binary(Op::Equal, scale, zero), b.scalar(DType::F32, 1), scale);
  Value *point =
      b.unary(Op::Round, b.unary(Op::Neg, b.binary(Op::Div, low, safe)));
  point = b.binary(Op::Min, b.binary(Op::Max, point, zero),
                   b.scalar(DType::F32, 255));
  point = b.cast(point, DType::U8);
  return {b.quantize(x, safe, point, 0, DType::U8), scale, point};
}

static void dynamicQuantize(OpContext &c) {
  Quantised q = quantizeDynamically(c, c.in(0));
  c.result(0, q.y);
  c.result(1, q.scale);
  c.result(2, q.zero);
}

static void matmulInteger(OpContext &c) {
  c.result(
      c.b.matmulInteger(c.in(0), c.in(1), flat(c, c.in(2)), flat(c, c.in(3))));
}

/// cast(product) * aScale * bScale + bias
static Value *rescale(OpContext &c, Value *product, Value *aScale,
                      Value *bScale, Value *bias) {
  if (!product || !aScale || !bScale)
    return nullptr;
  Value *scale = c.b.binary(Op::Mul, flat(c, aScale), flat(c, bScale));
  Value *y = c.b.binary(Op::Mul, c.b.cast(product, aScale->type), scale);
  return bias ? c.b.binary(Op::Add, y, bias) : y;
}

/// com.microsoft: A, B, a_scale, b_scale, a_zero, b_zero, bias
static void matmulIntegerToFloat(OpContext &c) {
  Value *product =
      c.b.matmulInteger(c.in(0), c.in(1), flat(c, c.in(4)), flat(c, c.in(5)));
  c.result(rescale(c, product, c.in(2), c.in(3), c.in(6)));
}

/// com.microsoft: A (f32), B, b_scale, b_zero, bias
static void dynamicQuantizeMatMul(OpContext &c) {
  Quantised q = quantizeDynamically(c, c.in(0));
  Value *product = c.b.matmulInteger(q.y, c.in(1), q.zero, flat(c, c.in(3)));
  c.result(rescale(c, product, q.scale, c.in(2), c.in(4)));
}

static const OpRecord records[] = {
    {"DequantizeLinear", "10 13 19 21 23 24", 2, 3, 1, dequantize,
     "i8, u8, i32; not blocked"},
    {"DynamicQuantizeLinear", "11", 1, 1, 3, dynamicQuantize, "expanded"},
    {"MatMulInteger", "10", 2, 4, 1, matmulInteger,
     "zero point of A per tensor, of B per tensor or column"},
    {"QuantizeLinear", "10 13 19 21 23 24", 2, 3, 1, quantize,
     "i8, u8; not blocked"},
};

static const OpRecord contribRecords[] = {
    {"DynamicQuantizeMatMul", "1", 3, 5, 1, dynamicQuantizeMatMul, "expanded"},
    {"MatMulIntegerToFloat", "1", 4, 7, 1, matmulIntegerToFloat, "expanded"},
};

llvm::ArrayRef<OpRecord> quantOps() { return records; }
llvm::ArrayRef<OpRecord> contribQuantOps() { return contribRecords; }

} // namespace lpu::importer
