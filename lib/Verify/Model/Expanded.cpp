//===- Expanded.cpp - activations, convolutions, Einsum, scatters ---------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators that are defined by a few others. Where a definition can be written
// in several ways that are equal for real numbers only (log(1 + e^x)), the one
// that cannot overflow is meant, as docs/onnx-support.md has it.
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "onnx-ml.pb.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <map>

using namespace lpu;
using namespace lpu::verify;
using modular::Function;

static const Element zero = Element::known(0);

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

static Element powerOfE(const Field &f, Element x) {
  return f.apply(Function::Exp2,
                 f.mul(x, constantElement(1.4426950408889634f)));
}
static Element logarithmOf(const Field &f, Element x) {
  return f.mul(f.apply(Function::Log2, x),
               constantElement(0.6931471805599453f));
}

/// max(x, 0) + log(1 + e^-|x|)
static Element softplusOf(const Field &f, Element x) {
  Element tail = powerOfE(f, f.negate(f.abs(x)));
  return f.add(f.max(x, zero), logarithmOf(f, f.add(tail, constantElement(1))));
}

static void each(Node &n, Change body) {
  if (!n.in(0).isFloat())
    return n.refuse("its operand is no float");
  n.set(change(n.in(0), body));
}

static void softplus(Node &n) {
  each(n, [&](Element x) { return softplusOf(n.field, x); });
}
static void mish(Node &n) {
  const Field &f = n.field;
  each(n, [&](Element x) {
    return f.mul(x, f.apply(Function::Tanh, softplusOf(f, x)));
  });
}
static void elu(Node &n) {
  const Field &f = n.field;
  Element alpha = constantElement(n.number("alpha", 1));
  each(n, [&](Element x) {
    Element low =
        f.mul(f.sub(powerOfE(f, f.min(x, zero)), constantElement(1)), alpha);
    return f.less(x, zero) ? low : x;
  });
}
/// gamma * (x, or a (e^(x / d) - 1) below 0)
static void expBelow(Node &n, float a, float d, float gamma) {
  const Field &f = n.field;
  Tensor low = change(n.in(0), [&](Element x) { return f.min(x, zero); });
  if (d != 1)
    low = scaled(n, low, 1 / d);
  low = change(exponential(n, low), [&](Element x) {
    return f.mul(f.sub(x, constantElement(1)), constantElement(a));
  });
  Tensor result = combine(n, n.in(0), low, [&](Element x, Element y) {
    return f.less(x, zero) ? y : x;
  });
  n.set(gamma == 1 ? result : scaled(n, result, gamma));
}
static void celu(Node &n) {
  float alpha = n.number("alpha", 1);
  expBelow(n, alpha, alpha, 1);
}
static void selu(Node &n) {
  expBelow(n, n.number("alpha", 1.67326319217681884765625f), 1,
           n.number("gamma", 1.05070102214813232421875f));
}
static void thresholdedRelu(Node &n) {
  Element alpha = constantElement(n.number("alpha", 1));
  each(n, [&](Element x) { return n.field.less(alpha, x) ? x : zero; });
}
static void shrink(Node &n) {
  const Field &f = n.field;
  float lambda = n.number("lambd", 0.5f);
  Element bias = constantElement(n.number("bias", 0));
  each(n, [&](Element x) {
    return f.less(x, constantElement(-lambda))  ? f.add(x, bias)
           : f.less(constantElement(lambda), x) ? f.sub(x, bias)
                                                : zero;
  });
}
static void swish(Node &n) {
  const Field &f = n.field;
  Tensor inner = scaled(n, n.in(0), n.number("alpha", 1));
  Tensor gate = change(inner, [&](Element x) {
    return f.recip(f.add(constantElement(1), powerOfE(f, f.negate(x))));
  });
  n.set(combine(n, n.in(0), gate,
                [&](Element x, Element y) { return f.mul(x, y); }));
}

static void logSoftmax(Node &n) {
  const Field &f = n.field;
  const Tensor &a = n.in(0);
  int64_t axis = n.axis(n.integer("axis", -1), a.rank());
  if (n.opset < 13 && axis != a.rank() - 1)
    n.refuse("it flattens its operand");
  if (!n.error.empty() || !a.isFloat())
    return n.refuse("its operand is no float");
  auto sub = [&](Element x, Element y) { return f.sub(x, y); };
  Tensor shifted = combine(
      n, a,
      reduced(a, {axis}, [&](Element x, Element y) { return f.max(x, y); }),
      sub);
  Tensor sum = reduced(exponential(n, shifted), {axis},
                       [&](Element x, Element y) { return f.add(x, y); });
  n.set(combine(n, shifted,
                change(sum, [&](Element x) { return logarithmOf(f, x); }),
                sub));
}

/// The sum of all operands, or their mean.
template <bool isMean> static void sum(Node &n) {
  Tensor result = n.in(0);
  for (size_t i = 0; i < n.inputs.size(); ++i) {
    if (!n.has(i) || !n.in(i).isFloat())
      return n.refuse("its operands are no floats");
    // Constants are added as floats, before anything runs.
    Dims dims;
    if (i > 0 && result.kind == Tensor::Constants &&
        n.in(i).kind == Tensor::Constants &&
        broadcast(result.dims, n.in(i).dims, dims) &&
        countOf(dims) * 4 <= knownBytes) {
      std::vector<float> floats(size_t(countOf(dims)));
      forEach(dims, broadcastStrides(result.dims, dims),
              broadcastStrides(n.in(i).dims, dims),
              [&](int64_t to, int64_t x, int64_t y) {
                floats[size_t(to)] = result.constant(x) + n.in(i).constant(y);
              });
      result = Tensor::ofConstants(dims, std::move(floats));
    } else if (i > 0)
      result = combine(n, result, n.in(i),
                       [&](Element x, Element y) { return n.field.add(x, y); });
  }
  n.set(isMean ? scaled(n, result, 1.0f / float(n.inputs.size())) : result);
}

/// The k largest (smallest) of every line, and their positions; of equal ones
/// the first.
static void topK(Node &n) {
  const Tensor &a = n.in(0);
  int64_t axis = n.axis(n.integer("axis", -1), a.rank());
  if (!n.error.empty() || !n.has(1) || n.in(1).isFloat() ||
      n.in(1).count() != 1)
    return n.refuse("its k is no number");
  int64_t k = n.in(1).integer(0), size = a.dims[size_t(axis)],
          step = stridesOf(a.dims)[size_t(axis)];
  bool isLargest = n.integer("largest", 1) != 0;
  if (k < 0 || k > size)
    return n.refuse("its k does not fit");
  Dims dims(a.dims.begin(), a.dims.end());
  dims[size_t(axis)] = k;
  std::vector<int64_t> from(size_t(countOf(dims))), positions(from.size());
  auto less = [&](int64_t x, int64_t y) {
    return a.isFloat() ? n.field.less(a.element(x), a.element(y))
                       : a.integer(x) < a.integer(y);
  };
  int64_t lines = size ? a.count() / size : 0;
  for (int64_t line = 0; line < lines; ++line) {
    int64_t first = line / step * step * size + line % step,
            put = line / step * step * k + line % step;
    std::vector<bool> isTaken(size_t(size), false);
    for (int64_t i = 0; i < k; ++i) {
      int64_t best = -1;
      for (int64_t j = 0; j < size; ++j)
        if (!isTaken[size_t(j)] &&
            (best < 0 ||
             (isLargest ? less(first + best * step, first + j * step)
                        : less(first + j * step, first + best * step))))
          best = j;
      isTaken[size_t(best)] = true;
      from[size_t(put + i * step)] = first + best * step;
      positions[size_t(put + i * step)] = best;
    }
  }
  n.set(a.take(dims, from));
  n.set(
      Tensor::ofIntegers(typeInt64, dims, std::move(positions), a.isConstant));
}

template <bool isMax> static void globalPool(Node &n) {
  const Tensor &a = n.in(0);
  if (!a.isFloat() || a.rank() < 3)
    return n.refuse("its operand is no tensor of channels");
  Dims axes;
  for (int64_t d = 2; d < a.rank(); ++d)
    axes.push_back(d);
  n.set(isMax ? reduced(a, axes,
                        [&](Element x, Element y) { return n.field.max(x, y); })
              : mean(n.field, a, axes));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Most products of residues that anybody waits for.
static constexpr int64_t mostProducts = int64_t(1) << 31;

static void conv(Node &n) {
  const Field &f = n.field;
  const Tensor &x = n.in(0), &w = n.in(1);
  size_t rank = x.dims.size() < 3 ? 0 : x.dims.size() - 2;
  int64_t groups = n.integer("group", 1);
  if (!rank || !x.isFloat() || !w.isFloat() || w.dims.size() != rank + 2 ||
      groups < 1 || x.dims[1] != w.dims[1] * groups || w.dims[0] % groups)
    return n.refuse("its shapes do not fit");
  auto numbers = [&](const char *name, size_t count, int64_t otherwise) {
    return n.integers(name).value_or(std::vector<int64_t>(count, otherwise));
  };
  std::vector<int64_t> strides = numbers("strides", rank, 1),
                       dilations = numbers("dilations", rank, 1),
                       pads = numbers("pads", 2 * rank, 0);
  std::string automatic = n.text("auto_pad", "NOTSET");
  if (strides.size() != rank || dilations.size() != rank ||
      pads.size() != 2 * rank)
    return n.refuse("its attributes do not fit");
  Dims out{x.dims[0], w.dims[0]};
  for (size_t i = 0; i < rank; ++i) {
    int64_t in = x.dims[i + 2], reach = (w.dims[i + 2] - 1) * dilations[i] + 1;
    if (strides[i] < 1 || dilations[i] < 1)
      return n.refuse("its attributes do not fit");
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      int64_t more = std::max<int64_t>(
          0,
          ((in + strides[i] - 1) / strides[i] - 1) * strides[i] + reach - in);
      pads[i] = automatic == "SAME_UPPER" ? more / 2 : more - more / 2;
      pads[rank + i] = more - pads[i];
    } else if (automatic == "VALID") {
      pads[i] = pads[rank + i] = 0;
    }
    out.push_back((in + pads[i] + pads[rank + i] - reach) / strides[i] + 1);
  }
  int64_t kernel = countOf(DimsRef(w.dims).drop_front(2)), channels = w.dims[1],
          makes = w.dims[0] / groups,
          places = countOf(DimsRef(out).drop_front(2)),
          inPlaces = countOf(DimsRef(x.dims).drop_front(2));
  if (countOf(out) * kernel * channels > mostProducts)
    return n.refuse("it takes too many products");
  identifyWeights(n, w, 1);
  // Windows of one element are a product; others are sums of the vector unit,
  // which has weights as the file does.
  bool isProduct = kernel == 1;
  std::vector<uint32_t> a = residuesOf(f, x, !isProduct),
                        b = residuesOf(f, w, !isProduct);
  // Where each kernel element of each output place reads; -1: padding.
  std::vector<int64_t> from(size_t(places * kernel));
  DimsRef spatial = DimsRef(x.dims).drop_front(2);
  for (int64_t p = 0; p < places; ++p)
    for (int64_t k = 0; k < kernel; ++k) {
      int64_t at = 0, stride = 1, place = p, element = k;
      for (size_t i = rank; i-- > 0;) {
        int64_t o = place % out[i + 2], e = element % w.dims[i + 2];
        place /= out[i + 2];
        element /= w.dims[i + 2];
        int64_t in = o * strides[i] + e * dilations[i] - pads[i];
        at = at < 0 || in < 0 || in >= spatial[i] ? -1 : at + in * stride;
        stride *= spatial[i];
      }
      from[size_t(p * kernel + k)] = at;
    }
  std::vector<Element> result;
  for (int64_t batch = 0; batch < out[0]; ++batch)
    for (int64_t m = 0; m < out[1]; ++m)
      for (int64_t p = 0; p < places; ++p) {
        uint32_t sum = 0;
        for (int64_t c = 0; c < channels; ++c) {
          const uint32_t *plane = &a[size_t(
              ((batch * groups + m / makes) * channels + c) * inPlaces)];
          const uint32_t *weights = &b[size_t((m * channels + c) * kernel)];
          for (int64_t k = 0; k < kernel; ++k)
            if (int64_t at = from[size_t(p * kernel + k)]; at >= 0)
              sum = f.add(sum, f.mul(plane[at], weights[k]));
        }
        result.push_back(Element::number(sum));
      }
  Tensor y = Tensor::ofElements(out, std::move(result));
  if (n.has(2)) {
    Dims dims(out.size(), 1);
    dims[1] = out[1];
    y = combine(n, y, n.in(2).reshaped(dims),
                [&](Element p, Element q) { return f.add(p, q); });
  }
  n.set(y);
}

/// Sums of products over letters. A weight of a sum is an operand of planes;
/// where nothing is summed, of the vector unit.
static void einsum(Node &n) {
  const Field &f = n.field;
  std::string equation;
  for (char letter : n.text("equation", ""))
    if (letter != ' ')
      equation += letter;
  auto [left, right] = llvm::StringRef(equation).split("->");
  llvm::SmallVector<llvm::StringRef, 4> terms;
  left.split(terms, ',');
  if (equation.find("->") == std::string::npos ||
      terms.size() != n.inputs.size() || terms.size() > 2)
    return n.refuse("its equation has another form than is known here");
  std::map<char, int64_t> sizes;
  for (size_t i = 0; i < terms.size(); ++i) {
    const Tensor &t = n.in(i);
    if (!t.isFloat() || terms[i].size() != t.dims.size())
      return n.refuse("its operands do not fit the equation");
    for (size_t d = 0; d < terms[i].size(); ++d) {
      auto [it, isNew] = sizes.try_emplace(terms[i][d], t.dims[d]);
      if (terms[i].count(terms[i][d]) > 1 || it->second != t.dims[d])
        return n.refuse("its operands do not fit the equation");
    }
  }
  std::string order = right.str(); // of the output, then what is summed
  bool isProduct = false;
  for (auto [letter, size] : sizes)
    if (!right.contains(letter)) {
      order += letter;
      isProduct |= terms.size() == 2 && terms[0].contains(letter) &&
                   terms[1].contains(letter);
      for (size_t i = 0; i < terms.size(); ++i)
        if (terms[i].count(letter) == left.count(letter) &&
            n.in(i).kind == Tensor::Constants)
          return n.refuse("it sums over a dimension of a weight alone");
    }
  Dims all;
  for (char letter : order) {
    if (!sizes.count(letter))
      return n.refuse("its operands do not fit the equation");
    all.push_back(sizes[letter]);
  }
  if (countOf(all) > mostProducts)
    return n.refuse("it takes too many products");
  std::vector<uint32_t> operands[2];
  Dims strides[2];
  for (size_t i = 0; i < 2; ++i) {
    strides[i].assign(all.size(), 0);
    if (i >= terms.size()) {
      operands[i] = {1};
      continue;
    }
    identifyWeights(n, n.in(i), 1);
    operands[i] = residuesOf(f, n.in(i), !isProduct);
    Dims own = stridesOf(n.in(i).dims);
    for (size_t d = 0; d < order.size(); ++d)
      if (size_t at = terms[i].find(order[d]); at != llvm::StringRef::npos)
        strides[i][d] = own[at];
  }
  DimsRef dims = DimsRef(all).take_front(right.size());
  int64_t summed = countOf(DimsRef(all).drop_front(right.size()));
  std::vector<uint32_t> sums(size_t(countOf(dims)), 0);
  forEach(all, strides[0], strides[1], [&](int64_t i, int64_t x, int64_t y) {
    uint32_t &sum = sums[size_t(i / summed)];
    sum = f.add(sum, f.mul(operands[0][size_t(x)], operands[1][size_t(y)]));
  });
  std::vector<Element> result;
  for (uint32_t sum : sums)
    result.push_back(Element::number(sum));
  n.set(Tensor::ofElements(dims, std::move(result)));
}

//===----------------------------------------------------------------------===//
// Scatters
//===----------------------------------------------------------------------===//

/// Puts update i to position to[i]; later ones win.
static void scatter(Node &n, llvm::ArrayRef<int64_t> to) {
  const Tensor &a = n.in(0), &updates = n.in(2);
  if (a.isFloat() != updates.isFloat())
    return n.refuse("its operands have different types");
  bool isConstant = a.isConstant && n.in(1).isConstant && updates.isConstant;
  if (!a.isFloat()) {
    std::vector<int64_t> result = *a.integers;
    for (size_t i = 0; i < to.size(); ++i)
      result[size_t(to[i])] = updates.integer(int64_t(i));
    return n.set(
        Tensor::ofIntegers(a.type, a.dims, std::move(result), isConstant));
  }
  std::vector<Element> result;
  for (int64_t i = 0; i < a.count(); ++i)
    result.push_back(a.moved(i));
  for (size_t i = 0; i < to.size(); ++i)
    result[size_t(to[i])] = updates.moved(int64_t(i));
  n.set(Tensor::ofElements(a.dims, std::move(result)));
}

static bool isPlain(Node &n) {
  if (n.text("reduction", "none") != "none" || n.inputs.size() != 3 ||
      n.in(1).isFloat())
    n.refuse("it reduces, or its indices are no integers");
  return n.error.empty();
}

static void scatterElements(Node &n) {
  const Tensor &a = n.in(0), &indices = n.in(1);
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  if (!isPlain(n) || indices.rank() != a.rank() || indices.dims != n.in(2).dims)
    return n.refuse("its operands do not fit");
  Dims own = stridesOf(a.dims), others = own;
  others[size_t(axis)] = 0;
  std::vector<int64_t> to(size_t(indices.count()));
  forEach(indices.dims, others, others, [&](int64_t i, int64_t at, int64_t) {
    int64_t index = indices.integer(i), size = a.dims[size_t(axis)];
    index = index < 0 ? index + size : index;
    if (index < 0 || index >= size)
      return n.refuse("an index is outside of its data");
    to[size_t(i)] = at + index * own[size_t(axis)];
  });
  if (n.error.empty())
    scatter(n, to);
}

static void scatterND(Node &n) {
  const Tensor &a = n.in(0), &indices = n.in(1);
  if (!isPlain(n) || indices.rank() == 0 || indices.dims.back() > a.rank())
    return n.refuse("its operands do not fit");
  size_t depth = size_t(indices.dims.back());
  Dims own = stridesOf(a.dims);
  int64_t inner = countOf(DimsRef(a.dims).drop_front(depth));
  std::vector<int64_t> to;
  for (int64_t at = 0; depth && at < indices.count(); at += int64_t(depth)) {
    int64_t base = 0;
    for (size_t d = 0; d < depth; ++d) {
      int64_t index = indices.integer(at + int64_t(d));
      index = index < 0 ? index + a.dims[d] : index;
      if (index < 0 || index >= a.dims[d])
        return n.refuse("an index is outside of its data");
      base += index * own[d];
    }
    for (int64_t i = 0; i < inner; ++i)
      to.push_back(base + i);
  }
  if (int64_t(to.size()) != n.in(2).count())
    return n.refuse("its operands do not fit");
  scatter(n, to);
}

/// Integers become rows of off and on; what is outside of the depth has no on.
static void oneHot(Node &n) {
  const Tensor &indices = n.in(0), &values = n.in(2);
  if (indices.isFloat() || n.in(1).isFloat() || n.in(1).count() != 1 ||
      values.count() != 2)
    return n.refuse("its operands are no integers");
  int64_t depth = n.in(1).integer(0),
          axis = n.axis(n.integer("axis", -1), indices.rank() + 1);
  if (!n.error.empty() || depth < 1)
    return n.refuse("its depth does not fit");
  Dims dims = indices.dims;
  dims.insert(dims.begin() + axis, depth);
  int64_t inner = countOf(DimsRef(indices.dims).drop_front(size_t(axis)));
  std::vector<int64_t> from;
  for (int64_t i = 0; i < countOf(dims); ++i) {
    int64_t index = indices.integer(i / (inner * depth) * inner + i % inner);
    index = index < 0 ? index + depth : index;
    from.push_back(index == i / inner % depth);
  }
  Tensor result = values.take(dims, from);
  if (!indices.isConstant && values.isFloat()) {
    std::vector<Element> elements;
    for (int64_t i : from)
      elements.push_back(values.element(i));
    result = Tensor::ofElements(dims, std::move(elements));
  }
  result.isConstant &= indices.isConstant;
  n.set(result);
}

Operator lpu::verify::findExpanded(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Case("Softplus", softplus)
      .Case("Mish", mish)
      .Case("Elu", elu)
      .Case("Celu", celu)
      .Case("Selu", selu)
      .Case("Sum", sum<false>)
      .Case("Mean", sum<true>)
      .Case("TopK", topK)
      .Case("ThresholdedRelu", thresholdedRelu)
      .Case("Shrink", shrink)
      .Case("Swish", swish)
      .Case("LogSoftmax", logSoftmax)
      .Case("GlobalAveragePool", globalPool<false>)
      .Case("GlobalMaxPool", globalPool<true>)
      .Case("Conv", conv)
      .Case("Einsum", einsum)
      .Case("ScatterElements", scatterElements)
      .Case("ScatterND", scatterND)
      .Case("OneHot", oneHot)
      .Default(nullptr);
}
