//===- Shape.cpp - what moves elements ------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "onnx-ml.pb.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace lpu;
using namespace lpu::verify;

using Positions = std::vector<int64_t>;

static Tensor scalars(llvm::ArrayRef<int64_t> values, DimsRef dims) {
  return Tensor::ofIntegers(typeInt64, dims,
                            Positions(values.begin(), values.end()), true);
}

/// The integers of an input; refuses floats.
static Positions listOf(Node &n, size_t i) {
  if (n.in(i).isFloat()) {
    n.refuse("a shape or a position is a float");
    return {};
  }
  return *n.in(i).integers;
}

Tensor lpu::verify::transposed(const Tensor &a, DimsRef order) {
  Dims own = stridesOf(a.dims), dims, strides;
  for (int64_t axis : order) {
    dims.push_back(a.dims[size_t(axis)]);
    strides.push_back(own[size_t(axis)]);
  }
  Positions from(size_t(a.count()));
  forEach(dims, strides, strides,
          [&](int64_t i, int64_t x, int64_t) { from[size_t(i)] = x; });
  return a.take(dims, from);
}

static void transpose(Node &n) {
  const Tensor &a = n.in(0);
  Dims order;
  if (auto given = n.integers("perm"))
    order.assign(given->begin(), given->end());
  else
    for (int64_t d = a.rank(); d-- > 0;)
      order.push_back(d);
  if (int64_t(order.size()) != a.rank())
    return n.refuse("its permutation does not fit");
  n.set(transposed(a, order));
}

static void reshapeTo(Node &n, const Tensor &a, Dims dims) {
  int64_t known = 1;
  for (int64_t d : dims)
    known *= d == -1 ? 1 : d;
  for (int64_t &d : dims)
    if (d == -1)
      d = known ? a.count() / known : 0;
  if (countOf(dims) != a.count())
    return n.refuse("its elements do not fit the shape");
  n.set(a.reshaped(dims));
}

static void reshape(Node &n) {
  Positions list = listOf(n, 1);
  Dims dims(list.begin(), list.end());
  for (size_t d = 0; d < dims.size() && !n.integer("allowzero", 0); ++d)
    if (dims[d] == 0 && d < n.in(0).dims.size())
      dims[d] = n.in(0).dims[d];
  reshapeTo(n, n.in(0), dims);
}

static void flatten(Node &n) {
  const Tensor &a = n.in(0);
  int64_t axis = n.integer("axis", 1);
  axis = axis < 0 ? axis + a.rank() : axis;
  n.set(a.reshaped({countOf(DimsRef(a.dims).take_front(size_t(axis))),
                    countOf(DimsRef(a.dims).drop_front(size_t(axis)))}));
}

static void unsqueeze(Node &n) {
  const Tensor &a = n.in(0);
  Positions axes = n.integers("axes", 1).value_or(Positions());
  int64_t rank = a.rank() + int64_t(axes.size());
  for (int64_t &axis : axes)
    axis = axis < 0 ? axis + rank : axis;
  Dims dims;
  size_t next = 0;
  for (int64_t d = 0; d < rank; ++d)
    dims.push_back(llvm::is_contained(axes, d) ? 1 : a.dims[next++]);
  n.set(a.reshaped(dims));
}

static void squeeze(Node &n) {
  const Tensor &a = n.in(0);
  auto axes = n.integers("axes", 1);
  Dims dims;
  for (int64_t d = 0; d < a.rank(); ++d) {
    bool goes = axes ? llvm::is_contained(*axes, d) ||
                           llvm::is_contained(*axes, d - a.rank())
                     : a.dims[size_t(d)] == 1;
    if (!goes)
      dims.push_back(a.dims[size_t(d)]);
  }
  n.set(a.reshaped(dims));
}

static void expandTo(Node &n, Dims dims) {
  const Tensor &a = n.in(0);
  if (!broadcast(a.dims, dims, dims))
    return n.refuse("its shapes do not fit");
  Positions from(size_t(countOf(dims)));
  Dims strides = broadcastStrides(a.dims, dims);
  forEach(dims, strides, strides,
          [&](int64_t i, int64_t x, int64_t) { from[size_t(i)] = x; });
  n.set(a.take(dims, from));
}
static void expand(Node &n) {
  Positions list = listOf(n, 1);
  expandTo(n, Dims(list.begin(), list.end()));
}

static void shape(Node &n) {
  const Dims &dims = n.in(0).dims;
  int64_t rank = n.in(0).rank(), start = n.integer("start", 0),
          end = n.integer("end", rank);
  start = std::clamp(start < 0 ? start + rank : start, int64_t(0), rank);
  end = std::clamp(end < 0 ? end + rank : end, start, rank);
  n.set(scalars(DimsRef(dims).slice(size_t(start), size_t(end - start)),
                {end - start}));
}
static void size(Node &n) { n.set(scalars({n.in(0).count()}, {})); }

Tensor lpu::verify::slicedAxis(const Tensor &a, int64_t axis, int64_t begin,
                               int64_t count, int64_t step) {
  Dims dims = a.dims, own = stridesOf(a.dims), strides = own;
  dims[size_t(axis)] = count;
  strides[size_t(axis)] *= step;
  Positions from(size_t(countOf(dims)));
  forEach(dims, strides, strides, [&](int64_t i, int64_t x, int64_t) {
    from[size_t(i)] = x + begin * own[size_t(axis)];
  });
  return a.take(dims, from);
}

static void slice(Node &n) {
  Tensor a = n.in(0);
  Positions starts = listOf(n, 1), ends = listOf(n, 2), axes, steps;
  if (n.has(3))
    axes = listOf(n, 3);
  if (n.has(4))
    steps = listOf(n, 4);
  for (size_t i = 0; i < starts.size() && n.error.empty(); ++i) {
    int64_t axis = n.axis(n.has(3) ? axes[i] : int64_t(i), a.rank());
    int64_t step = n.has(4) ? steps[i] : 1, size = a.dims[size_t(axis)];
    auto bounded = [&](int64_t at, int64_t low, int64_t high) {
      return std::clamp(at < 0 ? std::max(at, -size - 1) + size : at, low,
                        high);
    };
    if (step == 0)
      return n.refuse("a step is 0");
    int64_t begin = step > 0 ? bounded(starts[i], 0, size)
                             : bounded(starts[i], 0, size - 1);
    int64_t end =
        step > 0 ? bounded(ends[i], 0, size) : bounded(ends[i], -1, size - 1);
    int64_t count = step > 0 ? (end - begin + step - 1) / step
                             : (begin - end - step - 1) / -step;
    a = slicedAxis(a, axis, begin, std::max<int64_t>(count, 0), step);
  }
  n.set(a);
}

static void split(Node &n) {
  const Tensor &a = n.in(0);
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  if (!n.error.empty())
    return;
  int64_t size = a.dims[size_t(axis)];
  Positions parts;
  if (auto given = n.integers("split", 1)) {
    parts = *given;
  } else {
    int64_t count = n.integer("num_outputs", n.proto.output_size());
    if (count <= 0)
      return n.refuse("it does not say into how many parts");
    int64_t each = (size + count - 1) / count;
    for (int64_t at = 0; at < size; at += each)
      parts.push_back(std::min(each, size - at));
  }
  int64_t at = 0;
  for (int64_t part : parts) {
    n.set(slicedAxis(a, axis, at, part, 1));
    at += part;
  }
}

static void concat(Node &n) {
  const Tensor &first = n.in(0);
  int64_t axis = n.axis(n.integer("axis", 0), first.rank());
  if (!n.error.empty())
    return;
  bool constant = true, elements = false, floats = first.isFloat();
  Dims dims = first.dims;
  dims[size_t(axis)] = 0;
  for (const Tensor *t : n.inputs) {
    if (t->isFloat() != floats || t->rank() != first.rank())
      return n.refuse("its operands do not fit");
    constant &= t->isConstant;
    elements |= t->kind == Tensor::Elements;
    dims[size_t(axis)] += t->dims[size_t(axis)];
  }
  Dims own = stridesOf(dims);
  size_t count = size_t(countOf(dims));
  std::vector<int64_t> integers(floats ? 0 : count);
  std::vector<float> constants(floats && !elements ? count : 0);
  std::vector<Element> numbers(elements ? count : 0);
  int64_t base = 0;
  for (const Tensor *t : n.inputs) {
    forEach(t->dims, own, own, [&](int64_t i, int64_t x, int64_t) {
      size_t at = size_t(x + base);
      if (!floats)
        integers[at] = t->integer(i);
      else if (elements)
        numbers[at] = t->element(i);
      else
        constants[at] = t->constant(i);
    });
    base += t->dims[size_t(axis)] * own[size_t(axis)];
  }
  n.set(!floats    ? Tensor::ofIntegers(first.type, dims, std::move(integers),
                                        constant)
        : elements ? Tensor::ofElements(dims, std::move(numbers))
                   : Tensor::ofConstants(dims, std::move(constants)));
}

/// Whatever chooses an element of this, the element is known.
static bool isUniform(const Tensor &a) {
  return a.kind == Tensor::Integers && a.isConstant && a.count() > 0 &&
         llvm::all_equal(*a.integers);
}

Tensor lpu::verify::gathered(Node &n, const Tensor &a, const Tensor &indices,
                             int64_t axis) {
  int64_t size = a.dims[size_t(axis)];
  int64_t outer = countOf(DimsRef(a.dims).take_front(size_t(axis))),
          inner = countOf(DimsRef(a.dims).drop_front(size_t(axis) + 1));
  Dims dims(a.dims.begin(), a.dims.begin() + axis);
  dims.append(indices.dims.begin(), indices.dims.end());
  dims.append(a.dims.begin() + axis + 1, a.dims.end());
  Positions from;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t index : *indices.integers) {
      index = index < 0 ? index + size : index;
      if (index < 0 || index >= size) {
        n.refuse("an index is outside of its table");
        return a;
      }
      for (int64_t i = 0; i < inner; ++i)
        from.push_back((o * size + index) * inner + i);
    }
  if (a.kind != Tensor::Constants || indices.isConstant) {
    Tensor result = a.take(dims, from);
    result.isConstant &= indices.isConstant || isUniform(a);
    return result;
  }
  // Rows that data chooses are no constants that could be computed with.
  std::vector<Element> rows;
  for (int64_t i : from)
    rows.push_back(a.moved(i));
  Tensor result = Tensor::ofElements(dims, std::move(rows));
  result.isTable = isHalfTable(a);
  return result;
}

static void gather(Node &n) {
  int64_t axis = n.axis(n.integer("axis", 0), n.in(0).rank());
  listOf(n, 1);
  if (!n.error.empty())
    return;
  Tensor result = gathered(n, n.in(0), n.in(1), axis);
  result.isTable &= !n.isHandedOn;
  n.set(result);
}

static void gatherElements(Node &n) {
  const Tensor &a = n.in(0), &indices = n.in(1);
  int64_t axis = n.axis(n.integer("axis", 0), a.rank());
  Positions list = listOf(n, 1);
  if (!n.error.empty() || indices.rank() != a.rank())
    return n.refuse("its operands do not fit");
  Dims own = stridesOf(a.dims), strides = own;
  int64_t size = a.dims[size_t(axis)], step = own[size_t(axis)];
  strides[size_t(axis)] = 0;
  Positions from(list.size());
  forEach(indices.dims, strides, strides, [&](int64_t i, int64_t x, int64_t) {
    int64_t index = list[size_t(i)];
    index = index < 0 ? index + size : index;
    if (index < 0 || index >= size)
      return n.refuse("an index is outside of its table");
    from[size_t(i)] = x + index * step;
  });
  Tensor result = a.take(indices.dims, from);
  result.isConstant &= indices.isConstant || isUniform(a);
  n.set(result);
}

static void gatherND(Node &n) {
  const Tensor &a = n.in(0), &indices = n.in(1);
  Positions list = listOf(n, 1);
  int64_t batchDims = n.integer("batch_dims", 0);
  if (indices.rank() == 0 || indices.dims.back() == 0 || batchDims < 0 ||
      batchDims >= indices.rank() || batchDims + indices.dims.back() > a.rank())
    return n.refuse("the parts of its indices do not fit");
  size_t depth = size_t(indices.dims.back()), batch = size_t(batchDims);
  Dims own = stridesOf(a.dims);
  int64_t inner = countOf(DimsRef(a.dims).drop_front(batch + depth)),
          tables = countOf(DimsRef(a.dims).take_front(batch));
  if (DimsRef(a.dims).take_front(batch) !=
      DimsRef(indices.dims).take_front(batch))
    return n.refuse("its batch dims do not fit");
  Dims dims(indices.dims.begin(), indices.dims.end() - 1);
  dims.append(a.dims.begin() + ptrdiff_t(batch + depth), a.dims.end());
  Positions from;
  for (size_t at = 0; at < list.size(); at += depth) {
    // Each table has equally many of the indices.
    int64_t table = int64_t(at) * tables / int64_t(list.size()),
            base = table * (a.count() / std::max<int64_t>(tables, 1));
    for (size_t d = 0; d < depth; ++d) {
      int64_t index = list[at + d], size = a.dims[batch + d];
      index = index < 0 ? index + size : index;
      if (index < 0 || index >= size)
        return n.refuse("an index is outside of its table");
      base += index * own[batch + d];
    }
    for (int64_t i = 0; i < inner; ++i)
      from.push_back(base + i);
  }
  Tensor result = a.take(dims, from);
  result.isConstant &= indices.isConstant;
  n.set(result);
}

static void range(Node &n) {
  for (const Tensor *t : n.inputs)
    if (t->isFloat())
      return n.refuse("a range of floats");
  int64_t start = n.in(0).integer(0), end = n.in(1).integer(0),
          step = n.in(2).integer(0);
  Positions values;
  if (step == 0)
    return n.refuse("its step is 0");
  for (int64_t i = start; step > 0 ? i < end : i > end; i += step)
    values.push_back(i);
  Dims dims{int64_t(values.size())};
  n.set(Tensor::ofIntegers(n.in(0).type, dims, std::move(values),
                           n.in(0).isConstant && n.in(1).isConstant));
}

/// The elements where `stays` says so, 0 elsewhere.
static Tensor kept(const Tensor &a, llvm::function_ref<bool(int64_t)> stays) {
  Tensor result = a;
  auto clear = [&](auto &values, auto zero) {
    using Values = std::decay_t<decltype(*values)>;
    auto own = std::make_shared<Values>(*values);
    for (int64_t i = 0; i < a.count(); ++i)
      if (!stays(i))
        (*own)[size_t(i)] = zero;
    values = own;
  };
  if (a.kind == Tensor::Integers)
    clear(result.integers, int64_t(0));
  else if (a.kind == Tensor::Constants)
    clear(result.constants, 0.0f);
  else
    clear(result.elements, Element::known(0));
  return result;
}

static void trilu(Node &n) {
  const Tensor &a = n.in(0);
  bool upper = n.integer("upper", 1) != 0;
  int64_t k = n.has(1) ? n.in(1).integer(0) : 0;
  if (a.rank() < 2)
    return n.refuse("its operand is no matrix");
  int64_t rows = a.dims[size_t(a.rank() - 2)], columns = a.dims.back();
  n.set(kept(a, [&](int64_t i) {
    int64_t r = i / columns % rows, c = i % columns;
    return upper ? c - r >= k : c - r <= k;
  }));
}

static void cumSum(Node &n) {
  const Tensor &a = n.in(0);
  int64_t axis = n.axis(listOf(n, 1)[0], a.rank());
  if (!n.error.empty())
    return;
  bool isBackwards = n.integer("reverse", 0) != 0,
       isExclusive = n.integer("exclusive", 0) != 0;
  int64_t step = stridesOf(a.dims)[size_t(axis)], size = a.dims[size_t(axis)];
  std::vector<int64_t> integers(size_t(a.isFloat() ? 0 : a.count()));
  std::vector<Element> floats(size_t(a.isFloat() ? a.count() : 0));
  for (int64_t i = 0; i < a.count(); ++i) {
    if (i / step % size != 0)
      continue; // one line of the axis after the other
    int64_t sum = 0;
    Element total = Element::known(0);
    for (int64_t at = 0; at < size; ++at) {
      size_t here = size_t(i + (isBackwards ? size - 1 - at : at) * step);
      int64_t before = sum;
      Element less = total;
      if (a.isFloat()) {
        total = n.field.add(total, a.element(int64_t(here)));
        floats[here] = isExclusive ? less : total;
      } else {
        sum += a.integer(int64_t(here));
        integers[here] = isExclusive ? before : sum;
      }
    }
  }
  n.set(a.isFloat() ? Tensor::ofElements(a.dims, std::move(floats))
                    : Tensor::ofIntegers(a.type, a.dims, std::move(integers),
                                         a.isConstant));
}

static void tile(Node &n) {
  const Tensor &a = n.in(0);
  Positions repeats = listOf(n, 1);
  if (int64_t(repeats.size()) != a.rank())
    return n.refuse("its repeats do not fit");
  Dims dims = a.dims, own = stridesOf(a.dims);
  for (size_t d = 0; d < dims.size(); ++d)
    dims[d] *= repeats[d];
  Positions from;
  Dims to = stridesOf(dims);
  for (int64_t i = 0; i < countOf(dims); ++i) {
    int64_t at = 0;
    for (size_t d = 0; d < dims.size(); ++d)
      at += i / to[d] % dims[d] % a.dims[d] * own[d];
    from.push_back(at);
  }
  n.set(a.take(dims, from));
}

static void pad(Node &n) {
  const Tensor &a = n.in(0);
  std::string mode = n.text("mode", "constant");
  if (n.opset < 11 || (n.has(2) && n.in(2).count() != 1))
    return n.refuse("an older form, or a value that is no scalar");
  Positions given = listOf(n, 1), axes;
  if (n.has(3))
    axes = listOf(n, 3);
  else
    for (int64_t d = 0; d < a.rank(); ++d)
      axes.push_back(d);
  if (!n.error.empty() || given.size() != 2 * axes.size())
    return n.refuse("its sizes do not fit");
  Positions sizes(2 * a.dims.size(), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t d = n.axis(axes[i], a.rank());
    if (!n.error.empty())
      return;
    sizes[size_t(d)] = given[i];
    sizes[size_t(d) + a.dims.size()] = given[i + axes.size()];
  }
  // Where a position beyond an edge reads; outside if there is nothing.
  auto inside = [&](int64_t x, int64_t size) {
    if (mode == "edge")
      return std::clamp<int64_t>(x, 0, size - 1);
    if (mode == "wrap")
      return ((x % size) + size) % size;
    if (mode == "reflect" && size > 1) {
      int64_t period = 2 * (size - 1), turn = ((x % period) + period) % period;
      return turn < size ? turn : period - turn;
    }
    return x;
  };
  if (mode != "constant" && mode != "edge" && mode != "wrap" &&
      mode != "reflect")
    return n.refuse("its mode is not known here");
  Dims dims = a.dims, own = stridesOf(a.dims);
  for (size_t d = 0; d < dims.size(); ++d)
    dims[d] += sizes[d] + sizes[d + dims.size()];
  Dims to = stridesOf(dims);
  std::vector<int64_t> integers;
  std::vector<Element> floats;
  for (int64_t i = 0; i < countOf(dims); ++i) {
    int64_t at = 0;
    bool isInside = true;
    for (size_t d = 0; d < dims.size(); ++d) {
      int64_t x = inside(i / to[d] % dims[d] - sizes[d], a.dims[d]);
      isInside &= x >= 0 && x < a.dims[d];
      at += x * own[d];
    }
    if (a.isFloat())
      floats.push_back(isInside   ? a.element(at)
                       : n.has(2) ? n.in(2).element(0)
                                  : Element::known(0));
    else
      integers.push_back(isInside   ? a.integer(at)
                         : n.has(2) ? n.in(2).integer(0)
                                    : 0);
  }
  n.set(a.isFloat() ? Tensor::ofElements(dims, std::move(floats))
                    : Tensor::ofIntegers(a.type, dims, std::move(integers),
                                         a.isConstant));
}

static void identity(Node &n) { n.set(n.in(0)); }

Operator lpu::verify::findShape(llvm::StringRef name) {
  return llvm::StringSwitch<Operator>(name)
      .Cases({"Identity", "Dropout"}, identity)
      .Case("Transpose", transpose)
      .Case("Reshape", reshape)
      .Case("Flatten", flatten)
      .Case("Unsqueeze", unsqueeze)
      .Case("Squeeze", squeeze)
      .Case("Expand", expand)
      .Case("Shape", shape)
      .Case("Size", size)
      .Case("Slice", slice)
      .Case("Split", split)
      .Case("Concat", concat)
      .Case("Gather", gather)
      .Case("GatherElements", gatherElements)
      .Case("GatherND", gatherND)
      .Case("Range", range)
      .Case("Trilu", trilu)
      .Case("CumSum", cumSum)
      .Case("Tile", tile)
      .Case("Pad", pad)
      .Default(nullptr);
}
