// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Data movement: shapes, the rules that keep an Expand outermost, and the
// recognition of gathers that are views.

#include "Builder.h"

#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"

#include <numeric>

namespace lpu::importer {

static std::vector<int64_t> list(DimsRef dims) {
  return std::vector<int64_t>(dims.begin(), dims.end());
}

static Dims ones(size_t rank) { return Dims(rank, 1); }

/// The dims without those of length one.
static Dims dense(DimsRef dims) {
  Dims result;
  llvm::copy_if(dims, std::back_inserter(result),
                [](int64_t d) { return d != 1; });
  return result;
}

/// What an Expand repeats, as a shape of the Expand's own rank; an operand that
/// is no Expand is its own inner value.
static std::pair<Value *, Dims> inner(Value *x) {
  Value *v = x;
  while (v->node->op == Op::Expand)
    v = v->node->operands[0];
  Dims dims = ones(x->dims.size() - v->dims.size());
  dims.append(v->dims.begin(), v->dims.end());
  return {v, dims};
}

//===----------------------------------------------------------------------===//
// Reshape, Transpose, Expand
//===----------------------------------------------------------------------===//

Value *Builder::reshape(Value *x, DimsRef dims) {
  if (!x || DimsRef(x->dims) == dims)
    return x;
  LPU_CHECK(elementCount(x->dims) == elementCount(dims),
            "a reshape keeps the number of elements");
  Node *node = x->node;
  if (node->op == Op::Reshape)
    return reshape(node->operands[0], dims);
  if (node->op == Op::Expand) {
    auto [v, small] = inner(x);
    if (elementCount(v->dims) == 1)
      return expand(reshape(v, ones(dims.size())), dims);
    if (dense(x->dims) == dense(dims)) {
      // Only dims of length one come and go; the others keep what is repeated.
      Dims target;
      size_t next = 0;
      for (int64_t d : dims) {
        if (d == 1) {
          target.push_back(1);
          continue;
        }
        while (x->dims[next] == 1)
          ++next;
        target.push_back(small[next++]);
      }
      return expand(reshape(v, target), dims);
    }
  }
  return make(Op::Reshape, {x}, {}, x->type, dims);
}

Value *Builder::transpose(Value *x, DimsRef perm) {
  if (!x)
    return nullptr;
  Dims dims;
  std::vector<int64_t>
      moved; // the dims that are not of length one, in new order
  for (int64_t p : perm) {
    dims.push_back(x->dims[p]);
    if (x->dims[p] != 1)
      moved.push_back(p);
  }
  if (llvm::is_sorted(moved))
    return reshape(x, dims);
  if (x->node->op == Op::Transpose) {
    DimsRef before = x->node->dimsAttr("perm");
    Dims both;
    for (int64_t p : perm)
      both.push_back(before[p]);
    return transpose(x->node->operands[0], both);
  }
  if (x->node->op == Op::Expand) {
    auto [v, small] = inner(x);
    return expand(transpose(reshape(v, small), perm), dims);
  }
  return make(Op::Transpose, {x}, {{"perm", list(perm)}}, x->type, dims);
}

Value *Builder::expand(Value *x, DimsRef dims) {
  if (!x || DimsRef(x->dims) == dims)
    return x;
  std::optional<Dims> joined = broadcast(x->dims, dims);
  if (!joined || DimsRef(*joined) != dims)
    return fail("the shape " + dimsName(x->dims) + " does not expand to " +
                dimsName(dims));
  if (x->node->op == Op::Expand)
    return expand(x->node->operands[0], dims);
  if (elementCount(x->dims) == elementCount(dims))
    return reshape(x, dims);
  return make(Op::Expand, {x}, {}, x->type, dims);
}

//===----------------------------------------------------------------------===//
// Slice, Concat, Pad
//===----------------------------------------------------------------------===//

Value *Builder::slice(Value *x, DimsRef starts, DimsRef sizes, DimsRef steps) {
  if (!x)
    return nullptr;
  // The whole of every dim, and none reversed.
  if (DimsRef(x->dims) == sizes &&
      llvm::all_of(steps, [](int64_t s) { return s > 0; }))
    return x;
  Dims first(starts.begin(), starts.end()), step(steps.begin(), steps.end());
  for (size_t d = 0; d < first.size(); ++d)
    if (sizes[d] <= 1)
      step[d] = 1; // one form for what is the same
  if (x->node->op == Op::Expand) {
    auto [v, small] = inner(x);
    Dims innerSizes(sizes.begin(), sizes.end());
    for (size_t d = 0; d < first.size(); ++d)
      if (small[d] == 1 && sizes[d] > 0) {
        first[d] = 0;
        step[d] = innerSizes[d] = 1;
      }
    return expand(slice(reshape(v, small), first, innerSizes, step), sizes);
  }
  if (x->node->op == Op::Slice) {
    DimsRef outerStarts = x->node->dimsAttr("starts");
    DimsRef outerSteps = x->node->dimsAttr("steps");
    for (size_t d = 0; d < first.size(); ++d) {
      first[d] = outerStarts[d] + first[d] * outerSteps[d];
      step[d] *= outerSteps[d];
    }
    return slice(x->node->operands[0], first, sizes, step);
  }
  return make(Op::Slice, {x}, {{"starts", list(first)}, {"steps", list(step)}},
              x->type, sizes);
}

Value *Builder::slice1(Value *x, int64_t axis, int64_t start, int64_t size,
                       int64_t step) {
  if (!x)
    return nullptr;
  Dims starts(x->dims.size(), 0), sizes = x->dims, steps = ones(x->dims.size());
  starts[axis] = start;
  sizes[axis] = size;
  steps[axis] = step;
  return slice(x, starts, sizes, steps);
}

Value *Builder::concat(llvm::ArrayRef<Value *> values, int64_t axis) {
  if (llvm::is_contained(values, nullptr))
    return nullptr;
  Value *model = values[0];
  Dims dims = model->dims;
  dims[axis] = 0;
  std::vector<Value *> parts;
  for (Value *v : values) {
    if (v->type != model->type)
      return fail("the element types of its inputs differ: " +
                  typeName(model->type) + " and " + typeName(v->type));
    bool same = v->dims.size() == dims.size();
    for (size_t d = 0; same && d < dims.size(); ++d)
      same = static_cast<int64_t>(d) == axis || v->dims[d] == dims[d];
    if (!same)
      return fail("the shapes " + dimsName(model->dims) + " and " +
                  dimsName(v->dims) + " cannot be joined along axis " +
                  llvm::Twine(axis));
    dims[axis] += v->dims[axis];
    if (v->dims[axis] != 0)
      parts.push_back(v);
  }
  if (parts.empty())
    return model;
  if (parts.size() == 1)
    return parts[0];
  // Join what is repeated alike before it is repeated.
  Dims small = ones(dims.size());
  for (Value *v : parts) {
    Dims repeated = inner(v).second;
    for (size_t d = 0; d < dims.size(); ++d)
      small[d] = std::max(small[d], repeated[d]);
  }
  small[axis] = dims[axis];
  if (small != dims) {
    std::vector<Value *> smallParts;
    for (Value *v : parts) {
      auto [value, repeated] = inner(v);
      Dims target = small;
      target[axis] = v->dims[axis];
      smallParts.push_back(expand(reshape(value, repeated), target));
    }
    return expand(concat(smallParts, axis), dims);
  }
  return make(Op::Concat, parts, {{"axis", axis}}, model->type, dims);
}

Value *Builder::pad(Value *x, Value *scalar, DimsRef pads) {
  if (!x || !scalar)
    return nullptr;
  if (llvm::all_of(pads, [](int64_t p) { return p == 0; }))
    return x;
  Dims dims = x->dims;
  size_t rank = dims.size();
  for (size_t d = 0; d < rank; ++d)
    dims[d] += pads[d] + pads[rank + d];
  return make(Op::Pad, {x, scalar}, {{"pads", list(pads)}}, x->type, dims);
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

/// Indices that are affine in the coordinates i of the result,
///     index(i) = base + c1 i1 + c2 i2 + ...,
/// with coefficients that divide each other, read a rectangle of the axis seen
/// as a mixed-radix number: axis -> [N/c1, c1/c2, ..., cm]. Exporters write
/// views this way (`mask.flatten()[b * seq + j]`). The gather is then
///     Reshape (split the axis), Slice, Transpose (into the order of the
///     coordinates), Reshape, Expand (coordinates with coefficient 0),
/// most of which usually vanish. Null if the indices are not of this form.
Value *Builder::affineGather(Value *x, const Tensor &indices, int64_t axis) {
  const Dims &shape = indices.dims;
  int64_t length = x->dims[axis];
  if (indices.size() == 0)
    return nullptr;
  int64_t base = indices.ints[0];
  Dims strides = stridesOf(shape);
  struct Term {
    int64_t dim, factor, count;
  };
  std::vector<Term> terms;
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] > 1)
      if (int64_t factor = indices.ints[strides[d]] - base)
        terms.push_back({static_cast<int64_t>(d), factor, shape[d]});
  Dims index(shape.size(), 0);
  for (int64_t i = 0; i < indices.size(); ++i, nextIndex(index, shape)) {
    int64_t expected = base;
    for (const Term &t : terms)
      expected += t.factor * index[t.dim];
    if (indices.ints[i] != expected)
      return nullptr;
  }

  DimsRef dims(x->dims);
  Dims before(dims.take_front(axis)), after(dims.drop_front(axis + 1));
  auto around = [&](DimsRef middle) {
    Dims all = before;
    all.append(middle.begin(), middle.end());
    all.append(after);
    return all;
  };
  auto zeros = [&](DimsRef middle) {
    Dims all(before.size(), 0);
    all.append(middle.begin(), middle.end());
    all.append(after.size(), 0);
    return all;
  };
  Dims kept(shape.size(), 1); // the result before it is expanded
  for (const Term &t : terms)
    kept[t.dim] = t.count;

  if (terms.size() <= 1) {
    int64_t count = terms.empty() ? 1 : terms[0].count;
    int64_t step = terms.empty() ? 1 : terms[0].factor;
    Value *part = slice1(x, axis, base, count, step);
    return expand(reshape(part, around(kept)), around(shape));
  }

  llvm::sort(terms,
             [](const Term &a, const Term &b) { return a.factor > b.factor; });
  if (terms.back().factor < 0 || length % terms.front().factor)
    return nullptr;
  Dims radices, starts, sizes;
  int64_t rest = base;
  for (size_t t = 0; t < terms.size(); ++t) {
    int64_t span = t ? terms[t - 1].factor : length;
    if (span % terms[t].factor)
      return nullptr;
    radices.push_back(span / terms[t].factor);
    starts.push_back(rest / terms[t].factor);
    sizes.push_back(terms[t].count);
    rest %= terms[t].factor;
    if (starts.back() + sizes.back() > radices.back())
      return nullptr;
  }
  radices.push_back(terms.back().factor);
  starts.push_back(rest);
  sizes.push_back(1);
  Value *y = reshape(x, around(radices));
  y = slice(y, zeros(starts), around(sizes), ones(around(sizes).size()));
  // Digit t becomes the coordinate terms[t].dim; the last digit has one value.
  std::vector<size_t> order(terms.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order,
             [&](size_t a, size_t b) { return terms[a].dim < terms[b].dim; });
  Dims perm;
  for (size_t d = 0; d < before.size(); ++d)
    perm.push_back(d);
  for (size_t t : order)
    perm.push_back(before.size() + t);
  for (size_t d = before.size() + terms.size(); d < around(sizes).size(); ++d)
    perm.push_back(d);
  return expand(reshape(transpose(y, perm), around(kept)), around(shape));
}

Value *Builder::gather(Value *x, Value *indices, int64_t axis) {
  if (!x || !indices)
    return nullptr;
  DimsRef dims(x->dims);
  Dims result(dims.take_front(axis));
  result.append(indices->dims.begin(), indices->dims.end());
  result.append(dims.begin() + axis + 1, dims.end());
  int64_t length = dims[axis];

  if (indices->node->op == Op::Expand) {
    auto [v, small] = inner(indices);
    return expand(gather(x, reshape(v, small), axis), result);
  }
  if (std::shared_ptr<const Tensor> constantIndices = known(indices)) {
    Tensor positive = *constantIndices;
    for (int64_t i = 0; i < positive.size(); ++i) {
      int64_t index = positive.ints[i];
      if (index < -length || index >= length)
        return fail("the index " + llvm::Twine(index) +
                    " is out of range for axis " + llvm::Twine(axis) + " of " +
                    dimsName(dims));
      positive.ints[i] = index < 0 ? index + length : index;
    }
    if (!known(x))
      if (Value *view = affineGather(x, positive, axis))
        return view;
    indices = constant(positive);
  }
  if (x->node->op == Op::Expand) {
    auto [v, small] = inner(x);
    // All rows alike: it does not matter which one is chosen.
    if (small[axis] == 1 && length > 1) {
      Dims target(DimsRef(small).take_front(axis));
      target.append(indices->dims.size(), 1);
      target.append(small.begin() + axis + 1, small.end());
      return expand(reshape(v, target), result);
    }
    return expand(gather(reshape(v, small), indices, axis), result);
  }
  return make(Op::Gather, {x, indices}, {{"axis", axis}}, x->type, result);
}

Value *Builder::gatherElements(Value *x, Value *indices, int64_t axis) {
  if (!x || !indices)
    return nullptr;
  if (indices->dims.size() != x->dims.size())
    return fail("its inputs have ranks " + llvm::Twine(x->dims.size()) +
                " and " + llvm::Twine(indices->dims.size()));
  for (size_t d = 0; d < x->dims.size(); ++d)
    if (static_cast<int64_t>(d) != axis && indices->dims[d] > x->dims[d])
      return fail("the indices " + dimsName(indices->dims) +
                  " reach outside the data " + dimsName(x->dims));
  auto [v, small] = inner(x);
  if (elementCount(v->dims) == 1)
    return expand(reshape(v, ones(x->dims.size())), indices->dims);
  // The same row everywhere: a plain gather of that row.
  bool onlyAxis = true;
  for (size_t d = 0; d < small.size(); ++d)
    onlyAxis &= static_cast<int64_t>(d) == axis || small[d] == 1;
  if (onlyAxis)
    return gather(reshape(v, {small[axis]}), indices, 0);
  return make(Op::GatherElements, {x, indices}, {{"axis", axis}}, x->type,
              indices->dims);
}

Value *Builder::gatherND(Value *x, Value *indices, int64_t batch) {
  if (!x || !indices)
    return nullptr;
  DimsRef xd(x->dims), id(indices->dims);
  if (id.empty() || batch >= static_cast<int64_t>(id.size()))
    return fail("the indices " + dimsName(id) + " have too few dims");
  int64_t width = id.back(), leading = batch + width;
  if (width < 1 || leading > static_cast<int64_t>(xd.size()) ||
      xd.take_front(batch) != id.take_front(batch))
    return fail("the indices " + dimsName(id) + " do not fit the data " +
                dimsName(xd));
  Dims result(id.drop_back());
  result.append(xd.begin() + leading, xd.end());

  auto [v, small] = inner(indices);
  bool repeated =
      batch == 0 && indices->node->op == Op::Expand && small.back() == width;
  if (repeated)
    return expand(gatherND(x, reshape(v, small), batch), result);

  // One number instead of a tuple: the row of x with its leading dims joined.
  Dims flat = {*elementCount(xd.take_front(leading))};
  flat.append(xd.begin() + leading, xd.end());
  if (std::shared_ptr<const Tensor> tuples = known(indices)) {
    Dims strides = stridesOf(xd.take_front(leading));
    Tensor rows(DType::I64, id.drop_back());
    Dims index(id.size() - 1, 0);
    for (int64_t i = 0; i < rows.size(); ++i, nextIndex(index, rows.dims)) {
      int64_t row = 0;
      for (int64_t d = 0; d < leading; ++d) {
        int64_t at = d < batch ? index[d] : tuples->ints[i * width + d - batch];
        if (at < -xd[d] || at >= xd[d])
          return fail("the index " + llvm::Twine(at) +
                      " is out of range for axis " + llvm::Twine(d) + " of " +
                      dimsName(xd));
        row += strides[d] * (at < 0 ? at + xd[d] : at);
      }
      rows.ints[i] = row;
    }
    return gather(reshape(x, flat), constant(rows), 0);
  }
  if (leading == 1)
    return gather(x, reshape(indices, id.drop_back()), 0);
  return make(Op::GatherND, {x, indices}, {{"batch_dims", batch}}, x->type,
              result);
}

Value *Builder::scatterND(Value *x, Value *indices, Value *updates,
                          const std::string &reduction) {
  if (!x || !indices || !updates)
    return nullptr;
  return make(Op::ScatterND, {x, indices, updates}, {{"reduction", reduction}},
              x->type, x->dims);
}

Value *Builder::scatterElements(Value *x, Value *indices, Value *updates,
                                int64_t axis, const std::string &reduction) {
  if (!x || !indices || !updates)
    return nullptr;
  return make(Op::ScatterElements, {x, indices, updates},
              {{"axis", axis}, {"reduction", reduction}}, x->type, x->dims);
}

//===----------------------------------------------------------------------===//
// Quantisation
//===----------------------------------------------------------------------===//

Value *Builder::quantize(Value *x, Value *scale, Value *zeroOrNull,
                         int64_t axis, DType type) {
  if (!x || !scale)
    return nullptr;
  return make(Op::QuantizeLinear, {x, scale, zeroOrNull}, {{"axis", axis}},
              type, x->dims);
}

Value *Builder::dequantize(Value *x, Value *scale, Value *zeroOrNull,
                           int64_t axis) {
  if (!x || !scale)
    return nullptr;
  return make(Op::DequantizeLinear, {x, scale, zeroOrNull}, {{"axis", axis}},
              scale->type, x->dims);
}

} // namespace lpu::importer
