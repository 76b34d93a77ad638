// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that build, read or change shapes. Those that compute with shapes
// fold.

#include "Records.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lpu::importer {

static void identity(OpContext &c) { c.result(c.in(0)); }

static std::optional<DType> typeOfAttr(OpContext &c, int64_t number) {
  DType type = static_cast<DType>(number);
  if (number < 1 || number > 255 || !byteWidth(type)) {
    c.fail("to = " + typeName(number) + " is not supported");
    return std::nullopt;
  }
  return type;
}

static void cast(OpContext &c) {
  c.ignore("saturate"); // only says something about 8-bit floats
  c.ignore("round_mode");
  if (auto type = typeOfAttr(c, c.integer("to", 0)))
    c.result(c.b.cast(c.in(0), *type));
}

static void castLike(OpContext &c) {
  c.ignore("saturate");
  c.ignore("round_mode");
  c.result(c.b.cast(c.in(0), c.in(1)->type));
}

static void constant(OpContext &c) {
  if (c.hasAttr("sparse_value")) {
    c.fail("a sparse value is not supported; store it dense");
    return;
  }
  if (c.hasAttr("value_string") || c.hasAttr("value_strings")) {
    c.fail("strings are not supported");
    return;
  }
  if (c.hasAttr("value")) {
    c.result(c.tensor("value"));
  } else if (c.hasAttr("value_int")) {
    c.result(c.b.constant(
        Tensor::ofInts(DType::I64, {}, {c.integer("value_int", 0)})));
  } else if (c.hasAttr("value_float")) {
    c.result(c.b.scalar(DType::F32, c.number("value_float", 0)));
  } else if (auto ints = c.integers("value_ints")) {
    c.result(c.b.ints(*ints));
  } else if (auto floats = c.numbers("value_floats")) {
    Tensor t(DType::F32, {static_cast<int64_t>(floats->size())});
    std::copy(floats->begin(), floats->end(), t.floats.begin());
    c.result(c.b.constant(t));
  } else {
    c.fail("it has no value");
  }
}

/// A list of dims given as an input, all known and none negative.
static std::optional<std::vector<int64_t>> knownShape(OpContext &c, size_t i,
                                                      const char *what) {
  auto dims = c.b.knownInts(c.in(i));
  if (!dims) {
    c.fail(llvm::Twine(what) +
           " is computed from data, so the shape of the result "
           "is not known when compiling");
    return std::nullopt;
  }
  for (int64_t d : *dims)
    if (d < 0) {
      c.fail(llvm::Twine(what) + " holds the negative number " +
             llvm::Twine(d));
      return std::nullopt;
    }
  if (!elementCount(*dims)) {
    c.fail(llvm::Twine(what) + " " + dimsName(*dims) + " is too large");
    return std::nullopt;
  }
  return dims;
}

static void constantOfShape(OpContext &c) {
  Value *value =
      c.hasAttr("value") ? c.tensor("value") : c.b.scalar(DType::F32, 0);
  auto dims = knownShape(c, 0, "the shape");
  if (!dims || !value)
    return;
  if (elementCount(value->dims) != 1) {
    c.fail("value must have one element, has shape " + dimsName(value->dims));
    return;
  }
  c.result(c.b.expand(c.b.reshape(value, {}), *dims));
}

static void shape(OpContext &c) {
  const Dims &dims = c.in(0)->dims;
  int64_t rank = dims.size();
  auto bound = [&](const char *name, int64_t otherwise) {
    int64_t at = c.integer(name, otherwise);
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t start = bound("start", 0), end = bound("end", rank);
  c.result(
      c.b.ints(DimsRef(dims).slice(start, std::max<int64_t>(0, end - start))));
}

static void size(OpContext &c) {
  c.result(c.b.constant(
      Tensor::ofInts(DType::I64, {}, {*elementCount(c.in(0)->dims)})));
}

static void range(OpContext &c) {
  std::shared_ptr<const Tensor> part[3];
  for (size_t i = 0; i < 3; ++i) {
    part[i] = c.b.known(c.in(i));
    if (!part[i] || part[i]->size() != 1) {
      c.fail("its bounds are computed from data, so the shape of the result is "
             "not "
             "known when compiling");
      return;
    }
    if (part[i]->type != part[0]->type) {
      c.fail("the element types of its inputs differ");
      return;
    }
  }
  DType type = part[0]->type;
  double start = part[0]->number(0), limit = part[1]->number(0),
         delta = part[2]->number(0);
  double count = std::max(0.0, std::ceil((limit - start) / delta));
  if (delta == 0 || !(count <= double(1 << 26))) {
    c.fail("the range has no end or more than 2^26 elements");
    return;
  }
  Tensor t(type, {static_cast<int64_t>(count)});
  for (int64_t i = 0; i < t.size(); ++i) {
    if (isFloat(type))
      t.setFloat(i, start + i * delta);
    else
      t.setInt(i, part[0]->ints[0] + i * part[2]->ints[0]);
  }
  c.result(c.b.constant(t));
}

static void reshape(OpContext &c) {
  Value *x = c.in(0);
  bool allowZero = c.integer("allowzero", 0, 0, 1);
  auto wanted = c.b.knownInts(c.in(1));
  if (!wanted) {
    c.fail("its shape is computed from data, so the shape of the result is not "
           "known "
           "when compiling");
    return;
  }
  Dims dims;
  int64_t unknown = -1, rest = 1;
  for (size_t i = 0; i < wanted->size(); ++i) {
    int64_t d = (*wanted)[i];
    if (d == 0 && !allowZero) {
      if (i >= x->dims.size()) {
        c.fail("dim " + llvm::Twine(i) + " is to be copied, but the input " +
               dimsName(x->dims) + " has no such dim");
        return;
      }
      d = x->dims[i];
    }
    if (d < -1 || (d == -1 && unknown >= 0)) {
      c.fail("the shape " + dimsName(*wanted) +
             (d < -1 ? " holds a negative dim" : " has more than one -1"));
      return;
    }
    if (d == -1)
      unknown = i;
    else if (llvm::MulOverflow(rest, d, rest)) {
      c.fail("the shape " + dimsName(*wanted) + " is too large");
      return;
    }
    dims.push_back(d);
  }
  int64_t count = *elementCount(x->dims);
  if (unknown >= 0)
    dims[unknown] = rest ? count / rest : 0;
  if (elementCount(dims) != count) {
    c.fail("the input " + dimsName(x->dims) + " has " + llvm::Twine(count) +
           " elements and cannot take the shape " + dimsName(*wanted));
    return;
  }
  c.result(c.b.reshape(x, dims));
}

static void flatten(OpContext &c) {
  const Dims &dims = c.in(0)->dims;
  int64_t rank = dims.size(), axis = c.integer("axis", 1, -rank, rank);
  if (c.failed())
    return;
  axis = axis < 0 ? axis + rank : axis;
  c.result(
      c.b.reshape(c.in(0), {*elementCount(DimsRef(dims).take_front(axis)),
                            *elementCount(DimsRef(dims).drop_front(axis))}));
}

static void squeeze(OpContext &c) {
  const Dims &dims = c.in(0)->dims;
  auto axes = c.parameter("axes", 1);
  if (c.failed())
    return;
  std::vector<bool> removed(dims.size());
  if (!axes)
    for (size_t i = 0; i < dims.size(); ++i)
      removed[i] = dims[i] == 1;
  else
    for (int64_t a : *axes) {
      auto axis = normalizeAxis(a, dims.size());
      if (!axis || dims[*axis] != 1) {
        c.fail("axis " + llvm::Twine(a) + " of " + dimsName(dims) +
               (axis ? " is not of length 1" : " does not exist"));
        return;
      }
      removed[*axis] = true;
    }
  Dims kept;
  for (size_t i = 0; i < dims.size(); ++i)
    if (!removed[i])
      kept.push_back(dims[i]);
  c.result(c.b.reshape(c.in(0), kept));
}

static void unsqueeze(OpContext &c) {
  const Dims &dims = c.in(0)->dims;
  auto axes = c.parameter("axes", 1);
  if (c.failed())
    return;
  if (!axes) {
    c.fail("it has no axes");
    return;
  }
  int64_t rank = dims.size() + axes->size();
  std::vector<bool> added(rank);
  for (int64_t a : *axes) {
    auto axis = normalizeAxis(a, rank);
    if (!axis || added[*axis]) {
      c.fail("axis " + llvm::Twine(a) +
             (axis ? " is given twice" : " is out of range"));
      return;
    }
    added[*axis] = true;
  }
  Dims result;
  for (int64_t i = 0, next = 0; i < rank; ++i)
    result.push_back(added[i] ? 1 : dims[next++]);
  c.result(c.b.reshape(c.in(0), result));
}

static void transpose(OpContext &c) {
  size_t rank = c.in(0)->dims.size();
  auto perm = c.integers("perm");
  Dims order;
  for (size_t i = 0; i < rank; ++i)
    order.push_back(perm ? 0 : rank - 1 - i);
  if (perm) {
    std::vector<bool> seen(rank);
    bool good = perm->size() == rank;
    for (size_t i = 0; good && i < rank; ++i) {
      int64_t p = (*perm)[i];
      good = p >= 0 && p < static_cast<int64_t>(rank) && !seen[p];
      if (good)
        seen[order[i] = p] = true;
    }
    if (!good) {
      c.fail("perm " + dimsName(*perm) + " is not a permutation of the " +
             llvm::Twine(rank) + " dims of its input");
      return;
    }
  }
  c.result(c.b.transpose(c.in(0), order));
}

static void expand(OpContext &c) {
  auto dims = knownShape(c, 1, "the shape");
  if (!dims)
    return;
  auto joined = broadcast(c.in(0)->dims, *dims);
  if (!joined) {
    c.fail("the shape " + dimsName(c.in(0)->dims) + " does not expand to " +
           dimsName(*dims));
    return;
  }
  c.result(c.b.expand(c.in(0), *joined));
}

static void tile(OpContext &c) {
  // [a, b] -> [1, a, 1, b] -> [r, a, s, b] -> [r a, s b]
  const Dims &dims = c.in(0)->dims;
  auto repeats = knownShape(c, 1, "the repeats");
  if (!repeats)
    return;
  if (repeats->size() != dims.size()) {
    c.fail("has " + llvm::Twine(repeats->size()) + " repeats for " +
           llvm::Twine(dims.size()) + " dims");
    return;
  }
  Dims apart, repeated, result;
  for (size_t i = 0; i < dims.size(); ++i) {
    apart.append({1, dims[i]});
    repeated.append({(*repeats)[i], dims[i]});
    int64_t product;
    if (llvm::MulOverflow((*repeats)[i], dims[i], product)) {
      c.fail("the result is too large");
      return;
    }
    result.push_back(product);
  }
  if (!elementCount(result)) {
    c.fail("the result is too large");
    return;
  }
  c.result(
      c.b.reshape(c.b.expand(c.b.reshape(c.in(0), apart), repeated), result));
}

static void concat(OpContext &c) {
  auto axis =
      c.axis("axis", std::numeric_limits<int64_t>::max(), c.in(0)->dims.size());
  if (!axis)
    return;
  std::vector<Value *> values;
  for (size_t i = 0; i < c.inputCount(); ++i)
    values.push_back(c.in(i));
  c.result(c.b.concat(values, *axis));
}

static void split(OpContext &c) {
  const Dims &dims = c.in(0)->dims;
  auto axis = c.axis("axis", 0, dims.size());
  auto sizes = c.parameter("split", 1);
  int64_t count = c.outputCount();
  int64_t asked = c.integer("num_outputs", count, 1, 1 << 20);
  if (!axis || c.failed())
    return;
  int64_t length = dims[*axis];
  if (!sizes) {
    // Equal parts; from opset 18 the last may be smaller.
    int64_t part = (length + count - 1) / count;
    if (c.opset < 18 && length % count) {
      c.fail("an axis of length " + llvm::Twine(length) +
             " does not split into " + llvm::Twine(count) + " equal parts");
      return;
    }
    sizes.emplace();
    for (int64_t i = 0; i < count; ++i)
      sizes->push_back(std::clamp<int64_t>(length - i * part, 0, part));
  }
  int64_t sum = 0;
  for (int64_t s : *sizes)
    sum = s < 0 || sum < 0 || s > length ? -1 : sum + s;
  if (static_cast<int64_t>(sizes->size()) != count || asked != count ||
      sum != length) {
    c.fail("the parts " + dimsName(*sizes) + " do not match " +
           llvm::Twine(count) + " outputs and an axis of length " +
           llvm::Twine(length));
    return;
  }
  int64_t start = 0;
  for (int64_t i = 0; i < count; ++i) {
    c.result(i, c.b.slice1(c.in(0), *axis, start, (*sizes)[i]));
    start += (*sizes)[i];
  }
}

static void slice(OpContext &c) {
  const Dims &dims = c.in(0)->dims;
  std::optional<std::vector<int64_t>> part[4]; // starts, ends, axes, steps
  for (size_t i = 0; i < 4; ++i) {
    if (!c.has(i + 1))
      continue;
    part[i] = c.b.knownInts(c.in(i + 1));
    if (!part[i]) {
      c.fail("its bounds are computed from data, so the shape of the result is "
             "not "
             "known when compiling");
      return;
    }
    if (part[0]->size() != part[i]->size()) {
      c.fail("starts, ends, axes and steps have different lengths");
      return;
    }
  }
  if (!part[0] || !part[1]) {
    c.fail("it has no starts or ends");
    return;
  }
  Dims starts(dims.size(), 0), sizes = dims, steps(dims.size(), 1);
  std::vector<bool> seen(dims.size());
  for (size_t i = 0; i < part[0]->size(); ++i) {
    int64_t given = part[2] ? (*part[2])[i] : i;
    auto axis = normalizeAxis(given, dims.size());
    int64_t step = part[3] ? (*part[3])[i] : 1;
    if (!axis || seen[*axis] || step == 0) {
      c.fail(step == 0 ? llvm::Twine("a step is 0")
                       : "axis " + llvm::Twine(given) +
                             (axis ? " is given twice" : " is out of range"));
      return;
    }
    seen[*axis] = true;
    int64_t length = dims[*axis];
    // The rules of NumPy; INT64_MAX and INT64_MIN are common as ends.
    auto bound = [&](int64_t at) {
      if (at < 0)
        at = at < -length ? -1 : at + length;
      return step > 0 ? std::clamp<int64_t>(at, 0, length)
                      : std::clamp<int64_t>(at, -1, length - 1);
    };
    int64_t start = bound((*part[0])[i]), end = bound((*part[1])[i]);
    int64_t magnitude = step > 0 ? step
                        : step == std::numeric_limits<int64_t>::min()
                            ? std::numeric_limits<int64_t>::max()
                            : -step;
    int64_t distance = step > 0 ? end - start : start - end;
    int64_t count = distance <= 0 ? 0 : (distance - 1) / magnitude + 1;
    starts[*axis] = count ? start : 0;
    sizes[*axis] = count;
    steps[*axis] = step;
  }
  c.result(c.b.slice(c.in(0), starts, sizes, steps));
}

/// Pads with elements of the tensor itself.
static Value *padWithOwn(OpContext &c, Value *x, DimsRef pads,
                         llvm::StringRef mode) {
  int64_t rank = x->dims.size();
  for (int64_t axis = 0; axis < rank && x; ++axis) {
    int64_t before = pads[axis], after = pads[rank + axis], n = x->dims[axis];
    if (before == 0 && after == 0)
      continue;
    if (n == 0 || (mode == "reflect" && std::max(before, after) >= n))
      return c.fail("axis " + llvm::Twine(axis) + " of " + dimsName(x->dims) +
                    " is too short for pads of " + llvm::Twine(before) +
                    " and " + llvm::Twine(after));
    std::vector<int64_t> from;
    for (int64_t i = -before; i < n + after; ++i) {
      if (mode == "edge")
        from.push_back(std::clamp<int64_t>(i, 0, n - 1));
      else if (mode == "reflect")
        from.push_back(i < 0 ? -i : i < n ? i : 2 * (n - 1) - i);
      else
        from.push_back((i % n + n) % n);
    }
    x = c.b.gather(x, c.b.ints(from), axis);
  }
  return x;
}

static void pad(OpContext &c) {
  Value *x = c.in(0);
  size_t rank = x->dims.size();
  std::string mode = c.text("mode", "constant");
  auto given = c.b.knownInts(c.in(1));
  auto axes = c.has(3) ? c.b.knownInts(c.in(3)) : std::nullopt;
  if (mode != "constant" && mode != "edge" && mode != "reflect" &&
      mode != "wrap") {
    c.fail("mode \"" + mode + "\" is not known");
    return;
  }
  if (!given || (c.has(3) && !axes)) {
    c.fail("its pads or axes are computed from data");
    return;
  }
  if (!axes) {
    axes.emplace();
    for (size_t i = 0; i < rank; ++i)
      axes->push_back(i);
  }
  if (given->size() != 2 * axes->size()) {
    c.fail("has " + llvm::Twine(given->size()) + " pads for " +
           llvm::Twine(axes->size()) + " axes");
    return;
  }
  Dims pads(2 * rank, 0);
  for (size_t i = 0; i < axes->size(); ++i) {
    auto axis = normalizeAxis((*axes)[i], rank);
    for (size_t side : {0, 1}) {
      int64_t amount = (*given)[side * axes->size() + i];
      constexpr int64_t most = int64_t(1) << 31;
      if (!axis || amount < -most || amount > most) {
        c.fail(axis ? "the pad " + llvm::Twine(amount) + " is out of range"
                    : "axis " + llvm::Twine((*axes)[i]) + " is out of range");
        return;
      }
      pads[side * rank + *axis] = amount;
    }
  }
  // A negative pad cuts.
  Dims starts(rank, 0), sizes(x->dims), steps(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    for (size_t side : {0, 1}) {
      int64_t &amount = pads[side * rank + i];
      int64_t cut = std::max<int64_t>(0, -amount);
      starts[i] += side ? 0 : cut;
      sizes[i] -= cut;
      amount += cut;
    }
    if (sizes[i] < 0) {
      c.fail("its pads cut more than axis " + llvm::Twine(i) + " of " +
             dimsName(x->dims) + " has");
      return;
    }
  }
  x = c.b.slice(x, starts, sizes, steps);
  if (!x)
    return;
  if (mode != "constant") {
    c.result(padWithOwn(c, x, pads, mode));
    return;
  }
  Value *value = c.has(2) ? c.b.reshape(c.in(2), {}) : c.b.scalarLike(x, 0);
  if (value->type != x->type) {
    c.fail("the element types of its inputs differ");
    return;
  }
  c.result(c.b.pad(x, value, pads));
}

static const OpRecord records[] = {
    {"Cast", "6 9 13 19 21 23 24", 1, 1, 1, cast},
    {"CastLike", "15 19 21 23 24", 2, 2, 1, castLike, "Cast"},
    {"Concat", "4 11 13", 1, kAnyNumber, 1, concat},
    {"Constant", "1 9 11 12 13 19 21 23 24", 0, 0, 1, constant,
     "no strings, no sparse values"},
    {"ConstantOfShape", "9 20 21 23 24", 1, 1, 1, constantOfShape, "folds"},
    {"Expand", "8 13", 2, 2, 1, expand, "constant shape"},
    {"Flatten", "1 9 11 13 21 23 24", 1, 1, 1, flatten, "Reshape"},
    {"Identity", "1 13 14 16 19 21 23 24", 1, 1, 1, identity, "folds"},
    {"If", "1 11 13 16 19 21 23 24", 1, 1, kAnyNumber, nullptr,
     "constant condition: the branch taken is inlined"},
    {"Pad", "11 13 18 19 21 23 24", 2, 4, 1, pad, "constant pads"},
    {"Range", "11", 3, 3, 1, range, "folds"},
    {"Reshape", "5 13 14 19 21 23 24", 2, 2, 1, reshape, "constant shape"},
    {"Shape", "1 13 15 19 21 23 24", 1, 1, 1, shape, "folds"},
    {"Size", "1 13 19 21 23 24", 1, 1, 1, size, "folds"},
    {"Slice", "10 11 13", 3, 5, 1, slice, "constant bounds"},
    {"Split", "2 11 13 18", 1, 2, kAnyNumber, split, "Slice"},
    {"Squeeze", "1 11 13 21 23 24", 1, 2, 1, squeeze, "Reshape"},
    {"Tile", "6 13", 2, 2, 1, tile, "Reshape and Expand"},
    {"Transpose", "1 13 21 23 24", 1, 1, 1, transpose},
    {"Unsqueeze", "1 11 13 21 23 24", 1, 2, 1, unsqueeze, "Reshape"},
};

llvm::ArrayRef<OpRecord> shapeOps() { return records; }

} // namespace lpu::importer
