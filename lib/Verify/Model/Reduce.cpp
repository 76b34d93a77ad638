//===- Reduce.cpp - steps of operators, and reductions --------------------===//
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

Element lpu::verify::constantElement(float value) {
  return Element::known(llvm::bit_cast<uint32_t>(value));
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Tensor lpu::verify::combine(Node &node, const Tensor &a, const Tensor &b,
                            Combine body) {
  Dims dims;
  if (!a.isFloat() || !b.isFloat() || !broadcast(a.dims, b.dims, dims)) {
    node.refuse("its operands are no floats, or their shapes do not fit");
    return a;
  }
  std::vector<Element> result(size_t(countOf(dims)));
  forEach(dims, broadcastStrides(a.dims, dims), broadcastStrides(b.dims, dims),
          [&](int64_t i, int64_t x, int64_t y) {
            result[size_t(i)] = body(a.element(x), b.element(y));
          });
  return Tensor::ofElements(dims, std::move(result));
}

Tensor lpu::verify::change(const Tensor &a, Change body) {
  std::vector<Element> result(size_t(a.count()));
  for (int64_t i = 0; i < a.count(); ++i)
    result[size_t(i)] = body(a.element(i));
  return Tensor::ofElements(a.dims, std::move(result));
}

/// Calls body(result, element) in order; results keep reduced dims as 1.
static Dims
overAxes(const Tensor &a, DimsRef axes,
         llvm::function_ref<void(int64_t result, int64_t element)> body) {
  Dims dims = a.dims;
  for (int64_t axis : axes)
    dims[size_t(axis)] = 1;
  Dims own = stridesOf(a.dims), to = broadcastStrides(dims, a.dims);
  forEach(a.dims, own, to, [&](int64_t, int64_t x, int64_t y) { body(y, x); });
  return dims;
}

Tensor lpu::verify::reduced(const Tensor &a, DimsRef axes, Combine body) {
  std::vector<Element> result;
  std::vector<char> begun;
  int64_t count = a.count();
  for (int64_t axis : axes)
    count /= std::max<int64_t>(a.dims[size_t(axis)], 1);
  result.resize(size_t(count));
  begun.resize(size_t(count));
  Dims dims = overAxes(a, axes, [&](int64_t to, int64_t from) {
    Element e = a.element(from);
    result[size_t(to)] = begun[size_t(to)] ? body(result[size_t(to)], e) : e;
    begun[size_t(to)] = 1;
  });
  return Tensor::ofElements(dims, std::move(result));
}

Tensor lpu::verify::mean(const Field &field, const Tensor &a, DimsRef axes) {
  int64_t count = 1;
  for (int64_t axis : axes)
    count *= a.dims[size_t(axis)];
  Tensor sum =
      reduced(a, axes, [&](Element x, Element y) { return field.add(x, y); });
  Element factor = constantElement(float(1.0 / double(count)));
  Tensor result = change(sum, [&](Element x) { return field.mul(x, factor); });
  result.factors = {llvm::bit_cast<float>(factor.value)};
  return result;
}

/// All floats that the product of constants may be, by the pairs that are
/// multiplied first.
static std::vector<float> productsOf(llvm::ArrayRef<float> factors) {
  if (factors.size() == 1)
    return {factors[0]};
  std::vector<float> result;
  for (size_t i = 1; i < factors.size(); ++i)
    for (float left : productsOf(factors.take_front(i)))
      for (float right : productsOf(factors.drop_front(i)))
        result.push_back(left * right);
  return result;
}

Tensor lpu::verify::scaled(Node &node, const Tensor &a, float factor) {
  constexpr size_t most = 4;
  const Field &field = node.field;
  Element by = constantElement(factor);
  Tensor result = change(a, [&](Element x) { return field.mul(x, by); });
  result.factors = a.factors;
  result.factors.push_back(factor);
  llvm::ArrayRef<float> all = result.factors;
  all = all.take_back(most);
  uint32_t number = field.residue(by);
  for (size_t i = 2; i <= all.size(); ++i) {
    number =
        field.mul(number, field.residue(constantElement(all[all.size() - i])));
    for (float product : productsOf(all.take_back(i))) {
      uint32_t bits = llvm::bit_cast<uint32_t>(product);
      // (A factor stays itself: ln 2 * (1.7 * log2 e) is 1.7, as a float.)
      if (std::isfinite(product) && field.ofFloat(bits) != number &&
          !llvm::is_contained(all, product))
        node.identical.push_back({bits, number});
    }
  }
  return result;
}

/// By a known constant: times its inverse, as a float. Else times the inverse
/// of the field.
Tensor lpu::verify::divided(Node &node, const Tensor &a, const Tensor &b) {
  const Field &field = node.field;
  if (const float *by = b.splat()) {
    // A tensor of one number may be a tensor to the compiler: then its inverse
    // is computed.
    Element factor = constantElement(1.0f / *by);
    if (b.count() > 1 && *by != 0 && std::isfinite(1.0f / *by)) {
      uint32_t inverse = field.residue(field.recip(constantElement(*by)));
      if (field.residue(factor) != inverse)
        node.identical.push_back({factor.value, inverse});
    }
    Dims dims;
    if (broadcast(a.dims, b.dims, dims) && dims == a.dims && !a.isConstant)
      return scaled(node, a, 1.0f / *by);
    return combine(node, a, b,
                   [&](Element x, Element) { return field.mul(x, factor); });
  }
  Element last = Element::known(0), inverse = field.recip(last);
  return combine(node, a, b, [&](Element x, Element y) {
    if (!(y == last))
      inverse = field.recip(y);
    last = y;
    return field.mul(x, inverse);
  });
}

Tensor lpu::verify::exponential(Node &node, const Tensor &a) {
  return change(scaled(node, a, 1.4426950408889634f),
                [&](Element x) { return node.field.apply(Function::Exp2, x); });
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

enum class Reduction {
  Sum,
  Mean,
  Max,
  Min,
  L1,
  L2,
  SumSquare,
  Product,
  LogSum,
  LogSumExp
};

template <Reduction kind> static void reduceOp(Node &n) {
  const Tensor &a = n.in(0);
  const Field &f = n.field;
  Dims axes;
  if (auto given = n.integers("axes", 1))
    for (int64_t axis : *given)
      axes.push_back(n.axis(axis, a.rank()));
  if (axes.empty() && !n.integer("noop_with_empty_axes", 0))
    for (int64_t axis = 0; axis < a.rank(); ++axis)
      axes.push_back(axis);
  if (!n.error.empty())
    return;
  Tensor result;
  if (!a.isFloat()) {
    if (kind != Reduction::Sum && kind != Reduction::Max &&
        kind != Reduction::Min && kind != Reduction::Product)
      return n.refuse("it reduces integers");
    int64_t count = a.count();
    for (int64_t axis : axes)
      count /= std::max<int64_t>(a.dims[size_t(axis)], 1);
    std::vector<int64_t> values(size_t(count), kind == Reduction::Sum       ? 0
                                               : kind == Reduction::Product ? 1
                                               : kind == Reduction::Max
                                                   ? INT64_MIN
                                                   : INT64_MAX);
    Dims dims = overAxes(a, axes, [&](int64_t to, int64_t from) {
      int64_t &v = values[size_t(to)], e = a.integer(from);
      v = kind == Reduction::Sum       ? v + e
          : kind == Reduction::Product ? int64_t(uint64_t(v) * uint64_t(e))
          : kind == Reduction::Max     ? std::max(v, e)
                                       : std::min(v, e);
    });
    result = Tensor::ofIntegers(a.type, dims, std::move(values), a.isConstant);
  } else if (kind == Reduction::Mean) {
    result = mean(f, a, axes);
  } else if (kind == Reduction::Max) {
    result =
        reduced(a, axes, [&](Element x, Element y) { return f.max(x, y); });
  } else if (kind == Reduction::Min) {
    result =
        reduced(a, axes, [&](Element x, Element y) { return f.min(x, y); });
  } else if (kind == Reduction::Product) {
    result =
        reduced(a, axes, [&](Element x, Element y) { return f.mul(x, y); });
  } else if (kind == Reduction::LogSum || kind == Reduction::LogSumExp) {
    Element factor = constantElement(0.6931471805599453f);
    Tensor terms = a, largest;
    if (kind == Reduction::LogSumExp) { // the largest is taken away first
      largest =
          reduced(a, axes, [&](Element x, Element y) { return f.max(x, y); });
      terms = exponential(n, combine(n, a, largest, [&](Element x, Element y) {
                            return f.sub(x, y);
                          }));
    }
    result =
        reduced(terms, axes, [&](Element x, Element y) { return f.add(x, y); });
    result = change(result, [&](Element x) {
      return f.mul(f.apply(Function::Log2, x), factor);
    });
    if (kind == Reduction::LogSumExp)
      result = combine(n, result, largest,
                       [&](Element x, Element y) { return f.add(x, y); });
  } else {
    bool areSquares = kind == Reduction::L2 || kind == Reduction::SumSquare;
    Tensor terms =
        areSquares ? change(a, [&](Element x) { return f.mul(x, x); })
        : kind == Reduction::L1 ? change(a, [&](Element x) { return f.abs(x); })
                                : a;
    result =
        reduced(terms, axes, [&](Element x, Element y) { return f.add(x, y); });
    if (kind == Reduction::L2)
      result =
          change(result, [&](Element x) { return f.apply(Function::Sqrt, x); });
  }
  if (!n.integer("keepdims", 1)) {
    Dims dims;
    for (int64_t d = 0; d < a.rank(); ++d)
      if (!llvm::is_contained(axes, d))
        dims.push_back(a.dims[size_t(d)]);
    result = result.reshaped(dims);
  }
  n.set(result);
}

template <bool isMax> static void argExtreme(Node &n) {
  const Tensor &a = n.in(0);
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  if (!n.error.empty())
    return;
  bool takesLast = n.integer("select_last_index", 0) != 0;
  int64_t step = stridesOf(a.dims)[size_t(axis)], size = a.dims[size_t(axis)];
  std::vector<int64_t> best(size_t(a.count() / std::max<int64_t>(size, 1)), 0);
  std::vector<int64_t> at(best.size(), -1); // of the best element
  Dims dims = overAxes(a, {axis}, [&](int64_t to, int64_t from) {
    int64_t &old = at[size_t(to)];
    auto less = [&](int64_t x, int64_t y) {
      return a.isFloat() ? n.field.less(a.element(x), a.element(y))
                         : a.integer(x) < a.integer(y);
    };
    bool isBetter = old < 0 || (isMax ? less(old, from) : less(from, old));
    bool isWorse = old >= 0 && (isMax ? less(from, old) : less(old, from));
    if (!isBetter && (isWorse || !takesLast))
      return;
    old = from;
    best[size_t(to)] = from / step % size;
  });
  if (!n.integer("keepdims", 1))
    dims.erase(dims.begin() + axis);
  n.set(Tensor::ofIntegers(typeInt64, dims, std::move(best), a.isConstant));
}

Operator lpu::verify::findReduction(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Case("ReduceSum", reduceOp<Reduction::Sum>)
      .Case("ReduceMean", reduceOp<Reduction::Mean>)
      .Case("ReduceMax", reduceOp<Reduction::Max>)
      .Case("ReduceMin", reduceOp<Reduction::Min>)
      .Case("ReduceL1", reduceOp<Reduction::L1>)
      .Case("ReduceProd", reduceOp<Reduction::Product>)
      .Case("ReduceLogSum", reduceOp<Reduction::LogSum>)
      .Case("ReduceLogSumExp", reduceOp<Reduction::LogSumExp>)
      .Case("ReduceL2", reduceOp<Reduction::L2>)
      .Case("ReduceSumSquare", reduceOp<Reduction::SumSquare>)
      .Case("ArgMax", argExtreme<true>)
      .Case("ArgMin", argExtreme<false>)
      .Default(nullptr);
}
