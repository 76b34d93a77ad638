// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that choose elements: gathers, scatters, one-hot, top-k, triangles.

#include "Records.h"

namespace lpu::importer {

static bool indexType(OpContext &c, Value *indices) {
  if (indices->type == DType::I64 || indices->type == DType::I32)
    return true;
  c.fail("the indices must be i32 or i64, are " + typeName(indices->type));
  return false;
}

static void gather(OpContext &c) {
  auto axis = c.axis("axis", 0, c.in(0)->dims.size());
  if (axis && indexType(c, c.in(1)))
    c.result(c.b.gather(c.in(0), c.in(1), *axis));
}

static void gatherElements(OpContext &c) {
  auto axis = c.axis("axis", 0, c.in(0)->dims.size());
  if (axis && indexType(c, c.in(1)))
    c.result(c.b.gatherElements(c.in(0), c.in(1), *axis));
}

static void gatherND(OpContext &c) {
  int64_t rank = c.in(0)->dims.size();
  int64_t batch = c.integer("batch_dims", 0, 0, rank);
  if (!c.failed() && indexType(c, c.in(1)))
    c.result(c.b.gatherND(c.in(0), c.in(1), batch));
}

static std::optional<std::string> reduction(OpContext &c) {
  std::string how = c.text("reduction", "none");
  for (const char *known : {"none", "add", "mul", "min", "max"})
    if (how == known)
      return how;
  c.fail("reduction \"" + how + "\" is not known");
  return std::nullopt;
}

static void scatterND(OpContext &c) {
  auto how = reduction(c);
  Value *x = c.in(0), *indices = c.in(1), *updates = c.in(2);
  if (!how || !indexType(c, indices))
    return;
  DimsRef xd(x->dims), id(indices->dims);
  int64_t width = id.empty() ? -1 : id.back();
  if (width < 0 || width > static_cast<int64_t>(xd.size())) {
    c.fail("the indices " + dimsName(id) + " do not fit the data " +
           dimsName(xd));
    return;
  }
  Dims wanted(id.drop_back());
  wanted.append(xd.begin() + width, xd.end());
  if (updates->dims != wanted || updates->type != x->type) {
    c.fail("the updates must be " + shapeName(x->type, wanted) + ", are " +
           shapeName(updates->type, updates->dims));
    return;
  }
  c.result(c.b.scatterND(x, indices, updates, *how));
}

static void scatterElements(OpContext &c) {
  auto how = reduction(c);
  Value *x = c.in(0), *indices = c.in(1), *updates = c.in(2);
  auto axis = c.axis("axis", 0, x->dims.size());
  if (!how || !axis || !indexType(c, indices))
    return;
  if (updates->dims != indices->dims || updates->type != x->type ||
      indices->dims.size() != x->dims.size()) {
    c.fail("the data " + shapeName(x->type, x->dims) + ", indices " +
           dimsName(indices->dims) + " and updates " +
           shapeName(updates->type, updates->dims) + " do not fit");
    return;
  }
  c.result(c.b.scatterElements(x, indices, updates, *axis, *how));
}

static void oneHot(OpContext &c) {
  // Equal(indices along a new axis, 0 .. depth - 1) chooses between off and on.
  Value *indices = c.in(0), *values = c.in(2);
  auto depth = c.b.knownScalar(c.in(1));
  auto axis = c.axis("axis", -1, indices->dims.size() + 1);
  if (!axis || !depth || *depth < 1 || *depth > double(1 << 26)) {
    c.fail("its depth is not a constant of 1 or more");
    return;
  }
  if (values->dims != Dims{2}) {
    c.fail("values must have two elements, has shape " +
           dimsName(values->dims));
    return;
  }
  int64_t n = static_cast<int64_t>(*depth);
  Value *index = c.b.cast(indices, DType::I64);
  Value *count = c.b.scalar(DType::I64, n);
  Value *negative = c.b.binary(Op::Less, index, c.b.scalar(DType::I64, 0));
  index = c.b.where(negative, c.b.binary(Op::Add, index, count), index);
  Dims with = indices->dims, row(with.size() + 1, 1);
  with.insert(with.begin() + *axis, 1);
  row[*axis] = n;
  Tensor numbers(DType::I64, row);
  for (int64_t i = 0; i < n; ++i)
    numbers.ints[i] = i;
  Value *hit =
      c.b.binary(Op::Equal, c.b.reshape(index, with), c.b.constant(numbers));
  Value *off = c.b.reshape(c.b.slice1(values, 0, 0, 1), {});
  Value *on = c.b.reshape(c.b.slice1(values, 0, 1, 1), {});
  c.result(c.b.where(hit, on, off));
}

static void topK(OpContext &c) {
  Value *x = c.in(0);
  auto axis = c.axis("axis", -1, x->dims.size());
  bool largest = c.integer("largest", 1, 0, 1),
       sorted = c.integer("sorted", 1, 0, 1);
  auto k = c.b.knownInts(c.in(1));
  if (!axis)
    return;
  if (!k || k->size() != 1) {
    c.fail(
        "k is computed from data, so the shape of the result is not known when "
        "compiling");
    return;
  }
  if ((*k)[0] < 0 || (*k)[0] > x->dims[*axis]) {
    c.fail("k = " + llvm::Twine((*k)[0]) + " does not fit an axis of length " +
           llvm::Twine(x->dims[*axis]));
    return;
  }
  auto [values, indices] = c.b.topK(x, (*k)[0], *axis, largest, sorted);
  c.result(0, values);
  c.result(1, indices);
}

static void trilu(OpContext &c) {
  Value *x = c.in(0);
  bool upper = c.integer("upper", 1, 0, 1);
  auto k = c.has(1) ? c.b.knownScalar(c.in(1)) : std::optional<double>(0);
  if (!k || x->dims.size() < 2) {
    c.fail(k ? "needs an input of rank 2 or more" : "k is not a constant");
    return;
  }
  int64_t rows = x->dims[x->dims.size() - 2], columns = x->dims.back();
  Tensor mask(DType::Bool, {rows, columns});
  for (int64_t i = 0; i < mask.size(); ++i) {
    double diagonal = double(i % columns) - double(i / columns);
    mask.ints[i] = upper ? diagonal >= *k : diagonal <= *k;
  }
  Value *zero = x->type == DType::Bool ? c.b.scalar(DType::Bool, 0)
                                       : c.b.scalarLike(x, 0);
  c.result(c.b.where(c.b.constant(mask), x, zero));
}

static void nonZero(OpContext &c) {
  std::shared_ptr<const Tensor> x = c.b.known(c.in(0));
  if (!x) {
    c.fail("the shape of its result depends on data");
    return;
  }
  int64_t rank = x->dims.size();
  std::vector<Dims> found;
  Dims index(rank, 0);
  for (int64_t i = 0; i < x->size(); ++i, nextIndex(index, x->dims))
    if (x->number(i) != 0)
      found.push_back(index);
  Tensor result(DType::I64, {rank, static_cast<int64_t>(found.size())});
  for (size_t i = 0; i < found.size(); ++i)
    for (int64_t d = 0; d < rank; ++d)
      result.ints[d * found.size() + i] = found[i][d];
  c.result(c.b.constant(result));
}

static const OpRecord records[] = {
    {"Gather", "1 11 13", 2, 2, 1, gather},
    {"GatherElements", "11 13", 2, 2, 1, gatherElements},
    {"GatherND", "11 12 13", 2, 2, 1, gatherND},
    {"NonZero", "9 13", 1, 1, 1, nonZero, "constant input only"},
    {"OneHot", "9 11", 3, 3, 1, oneHot, "Equal and Where; constant depth"},
    {"ScatterElements", "11 13 16 18", 3, 3, 1, scatterElements},
    {"ScatterND", "11 13 16 18", 3, 3, 1, scatterND},
    {"TopK", "10 11 24", 2, 2, 2, topK, "constant k"},
    {"Trilu", "14", 1, 2, 1, trilu, "Where with a constant mask"},
};

llvm::ArrayRef<OpRecord> indexOps() { return records; }

} // namespace lpu::importer
