//===- Quant.cpp - rounding, casts, quantised tensors ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A quantised tensor is one of integers, as every other: rounding makes whole
// numbers that are known (lpu/Modular/Field.h), so zero points, limits of bytes
// and products of bytes are what they are to any machine.
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "onnx-ml.pb.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace lpu;
using namespace lpu::verify;
using modular::Function;

static const Element zero = Element::known(0);

//===----------------------------------------------------------------------===//
// Rounding and casts
//===----------------------------------------------------------------------===//

int64_t lpu::verify::wrapped(int64_t value, int type) {
  return type == typeInt32        ? int32_t(value)
         : type == typeBool       ? value != 0
         : type == typeByte       ? uint8_t(value)
         : type == typeSignedByte ? int8_t(value)
                                  : value;
}

Element lpu::verify::rounded(Node &n, Function function, Element e) {
  n.hasRounded |= !e.isKnown();
  return n.field.apply(function, e);
}

Element lpu::verify::floatOf(const Field &field, int64_t value) {
  if (std::abs(value) < 1 << 24)
    return constantElement(float(value));
  return Element::number(field.ofInteger(value));
}

int64_t lpu::verify::integerOf(Element e) {
  float value = llvm::bit_cast<float>(e.value);
  if (std::isnan(value))
    return 0;
  return int64_t(
      std::clamp(double(value), double(INT32_MIN), double(INT32_MAX)));
}

static void castTo(Node &n, int to) {
  const Tensor &a = n.in(0);
  Tensor result = a;
  if (a.isFloat() && isFloatType(to)) {
    result.type = to;
    return n.set(result);
  }
  if (a.isFloat()) {
    std::vector<int64_t> values;
    for (int64_t i = 0; i < a.count(); ++i) {
      Element e = a.element(i);
      if (to == typeBool) {
        values.push_back(!n.field.equal(e, Element::known(0)));
        continue;
      }
      e = rounded(n, Function::Trunc, e);
      values.push_back(wrapped(integerOf(e), to));
    }
    return n.set(
        Tensor::ofIntegers(to, a.dims, std::move(values), a.isConstant));
  }
  if (!isFloatType(to)) {
    std::vector<int64_t> values;
    for (int64_t i : *a.integers)
      values.push_back(wrapped(i, to));
    return n.set(
        Tensor::ofIntegers(to, a.dims, std::move(values), a.isConstant));
  }
  if (a.isConstant) {
    std::vector<float> values(a.integers->begin(), a.integers->end());
    return n.set(Tensor::ofConstants(a.dims, std::move(values)));
  }
  std::vector<Element> values;
  for (int64_t i : *a.integers)
    values.push_back(floatOf(n.field, i));
  n.set(Tensor::ofElements(a.dims, std::move(values)));
}

static void cast(Node &n) { castTo(n, int(n.integer("to", typeFloat))); }
static void castLike(Node &n) { castTo(n, n.in(1).type); }

//===----------------------------------------------------------------------===//
// Quantised tensors
//===----------------------------------------------------------------------===//

/// A parameter of the whole tensor, or of each position of an axis, in a shape
/// that broadcasts against tensors of `like`.
static std::optional<Tensor> along(Node &n, const Tensor &parameter,
                                   int64_t axis, DimsRef like) {
  if (parameter.count() == 1)
    return parameter.reshaped({});
  Dims dims(like.size(), 1);
  axis = n.axis(axis, int64_t(like.size()));
  if (!n.error.empty() || parameter.rank() != 1 ||
      parameter.dims[0] != like[size_t(axis)] ||
      n.integer("block_size", 0) != 0) {
    n.refuse("its scales are neither of the tensor nor of an axis");
    return std::nullopt;
  }
  dims[size_t(axis)] = parameter.dims[0];
  return parameter.reshaped(dims);
}

/// round(x / scale) + zero point, within the limits of the type.
static std::optional<Tensor> quantised(Node &n, const Tensor &x,
                                       const Tensor &scale, const Tensor *point,
                                       int64_t axis, int type) {
  auto scales = along(n, scale, axis, x.dims);
  auto points = point ? along(n, *point, axis, x.dims)
                      : Tensor::ofIntegers(type, {}, {0}, true);
  if (!scales || !points)
    return std::nullopt;
  if (!x.isFloat() || !scales->isFloat() || points->isFloat() ||
      (type != typeByte && type != typeSignedByte)) {
    n.refuse("it quantises something else than floats to bytes");
    return std::nullopt;
  }
  Tensor steps = divided(n, x, *scales);
  int64_t low = type == typeByte ? 0 : -128, high = low + 255;
  std::vector<int64_t> result(size_t(x.count()));
  forEach(x.dims, stridesOf(x.dims), broadcastStrides(points->dims, x.dims),
          [&](int64_t i, int64_t at, int64_t of) {
            Element e = rounded(n, Function::Rint, steps.element(at));
            int64_t step = integerOf(e) + points->integer(of);
            result[size_t(i)] = std::min(std::max(step, low), high);
          });
  return Tensor::ofIntegers(type, x.dims, std::move(result), x.isConstant);
}

static void quantizeLinear(Node &n) {
  int type = n.has(2) ? n.in(2).type : int(n.integer("output_dtype", 0));
  auto result = quantised(n, n.in(0), n.in(1), n.has(2) ? &n.in(2) : nullptr,
                          n.integer("axis", 1), type == 0 ? typeByte : type);
  if (result)
    n.set(*result);
}

static void dequantizeLinear(Node &n) {
  const Tensor &x = n.in(0);
  int64_t axis = n.integer("axis", 1);
  auto scales = along(n, n.in(1), axis, x.dims);
  auto points = n.has(2) ? along(n, n.in(2), axis, x.dims)
                         : Tensor::ofIntegers(x.type, {}, {0}, true);
  if (!scales || !points)
    return;
  if (x.isFloat() || points->isFloat() || !scales->isFloat())
    return n.refuse("it dequantises something else than integers");
  std::vector<Element> steps(size_t(x.count()));
  forEach(x.dims, stridesOf(x.dims), broadcastStrides(points->dims, x.dims),
          [&](int64_t i, int64_t at, int64_t of) {
            steps[size_t(i)] =
                floatOf(n.field, x.integer(at) - points->integer(of));
          });
  Tensor result = Tensor::ofElements(x.dims, std::move(steps));
  if (const float *by = scales->splat())
    return n.set(scaled(n, result, *by));
  n.set(combine(n, result, *scales,
                [&](Element a, Element b) { return n.field.mul(a, b); }));
}

namespace {
struct Quantised {
  Tensor steps, scale, point;
};
} // namespace

/// The range of the tensor, with 0 in it, over 0 to 255. Of a tensor of zeros
/// every scale is right.
static std::optional<Quantised> quantisedByRange(Node &n, const Tensor &x) {
  const Field &f = n.field;
  if (!x.isFloat()) {
    n.refuse("its operand is no float");
    return std::nullopt;
  }
  Element high = zero, low = zero;
  for (int64_t i = 0; i < x.count(); ++i) {
    high = f.max(high, x.element(i));
    low = f.min(low, x.element(i));
  }
  Quantised result;
  result.scale = divided(n, Tensor::ofElements({}, {f.sub(high, low)}),
                         Tensor::ofConstants({}, {255}));
  Element scale = result.scale.element(0),
          safe = f.equal(scale, zero) ? constantElement(1) : scale;
  Element point =
      rounded(n, Function::Rint, f.negate(f.mul(low, f.recip(safe))));
  result.point = Tensor::ofIntegers(
      typeByte, {},
      {std::min<int64_t>(std::max<int64_t>(integerOf(point), 0), 255)}, false);
  auto steps = quantised(n, x, Tensor::ofElements({}, {safe}), &result.point, 0,
                         typeByte);
  if (!steps)
    return std::nullopt;
  result.steps = *steps;
  return result;
}

static void dynamicQuantizeLinear(Node &n) {
  if (auto result = quantisedByRange(n, n.in(0))) {
    n.set(result->steps);
    n.set(result->scale);
    n.set(result->point);
  }
}

/// The exact product of bytes less their zero points: of all of A or of each of
/// its rows, of all of B or of each of its columns.
static std::optional<Tensor> integerProduct(Node &n, const Tensor &a,
                                            const Tensor &b,
                                            const Tensor *pointA,
                                            const Tensor *pointB) {
  if (a.isFloat() || b.isFloat() || a.rank() < 2 || b.rank() < 2) {
    n.refuse("its operands are no matrices of bytes");
    return std::nullopt;
  }
  int64_t rows = a.dims[size_t(a.rank() - 2)], depth = a.dims.back(),
          columns = b.dims.back();
  DimsRef batchA = DimsRef(a.dims).drop_back(2),
          batchB = DimsRef(b.dims).drop_back(2);
  Dims batch;
  auto fits = [](const Tensor *point, int64_t count) {
    return !point || (!point->isFloat() &&
                      (point->count() == 1 ||
                       (point->rank() == 1 && point->count() == count)));
  };
  if (b.dims[size_t(b.rank() - 2)] != depth || !fits(pointA, rows) ||
      !fits(pointB, columns) || !broadcast(batchA, batchB, batch)) {
    n.refuse("its shapes do not fit");
    return std::nullopt;
  }
  auto less = [](const Tensor &t, int64_t i, const Tensor *point, int64_t of) {
    return t.integer(i) -
           (point ? point->integer(point->count() == 1 ? 0 : of) : 0);
  };
  std::vector<int64_t> left, right;
  for (int64_t i = 0; i < a.count(); ++i)
    left.push_back(less(a, i, pointA, i / depth % rows));
  for (int64_t i = 0; i < b.count(); ++i)
    right.push_back(less(b, i, pointB, i % columns));
  std::vector<int64_t> result(size_t(countOf(batch) * rows * columns), 0);
  forEach(batch, broadcastStrides(batchA, batch),
          broadcastStrides(batchB, batch),
          [&](int64_t i, int64_t x, int64_t y) {
            for (int64_t r = 0; r < rows; ++r)
              for (int64_t k = 0; k < depth; ++k) {
                int64_t factor = left[size_t((x * rows + r) * depth + k)];
                const int64_t *from = &right[size_t((y * depth + k) * columns)];
                int64_t *to = &result[size_t((i * rows + r) * columns)];
                for (int64_t c = 0; c < columns; ++c)
                  to[c] += factor * from[c];
              }
          });
  for (int64_t &sum : result)
    sum = wrapped(sum, typeInt32);
  Dims dims = batch;
  dims.append({rows, columns});
  return Tensor::ofIntegers(typeInt32, dims, std::move(result),
                            a.isConstant && b.isConstant);
}

static const Tensor *optional(const Node &n, size_t i) {
  return n.has(i) ? &n.in(i) : nullptr;
}

static void matMulInteger(Node &n) {
  if (auto result =
          integerProduct(n, n.in(0), n.in(1), optional(n, 2), optional(n, 3)))
    n.set(*result);
}

/// product * (scale of A * scale of B) + bias
static void rescale(Node &n, const Tensor &product, const Tensor &scaleA,
                    const Tensor &scaleB, const Tensor *bias) {
  const Field &f = n.field;
  std::vector<Element> floats;
  for (int64_t i : *product.integers)
    floats.push_back(floatOf(f, i));
  auto mul = [&](Element a, Element b) { return f.mul(a, b); };
  auto flat = [](const Tensor &t) {
    return t.count() == 1 ? t.reshaped({}) : t;
  };
  Tensor y = combine(n, Tensor::ofElements(product.dims, std::move(floats)),
                     combine(n, flat(scaleA), flat(scaleB), mul), mul);
  n.set(bias ? combine(n, y, *bias,
                       [&](Element a, Element b) { return f.add(a, b); })
             : y);
}

static void matMulIntegerToFloat(Node &n) {
  if (auto product =
          integerProduct(n, n.in(0), n.in(1), optional(n, 4), optional(n, 5)))
    rescale(n, *product, n.in(2), n.in(3), optional(n, 6));
}

static void dynamicQuantizeMatMul(Node &n) {
  auto a = quantisedByRange(n, n.in(0));
  if (!a)
    return;
  if (auto product =
          integerProduct(n, a->steps, n.in(1), &a->point, optional(n, 3)))
    rescale(n, *product, a->scale, n.in(2), optional(n, 4));
}

Operator lpu::verify::findQuantised(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Case("Cast", cast)
      .Case("CastLike", castLike)
      .Case("QuantizeLinear", quantizeLinear)
      .Case("DequantizeLinear", dequantizeLinear)
      .Case("DynamicQuantizeLinear", dynamicQuantizeLinear)
      .Case("MatMulInteger", matMulInteger)
      .Default(nullptr);
}

Operator lpu::verify::findFusedQuantised(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Case("MatMulIntegerToFloat", matMulIntegerToFloat)
      .Case("DynamicQuantizeMatMul", dynamicQuantizeMatMul)
      .Default(nullptr);
}
