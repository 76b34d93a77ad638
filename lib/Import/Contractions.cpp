// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix products, reductions, softmax and normalisations of the core graph.

#include "Builder.h"

namespace lpu::importer {

Value *Builder::matmul(Value *a, Value *b) {
  if (!a || !b)
    return nullptr;
  bool isInteger = a->type == DType::I32 || a->type == DType::I64;
  if (a->type != b->type || !(isFloat(a->type) || isInteger))
    return fail("needs two inputs of one float type or of i32 or i64, has " +
                typeName(a->type) + " and " + typeName(b->type));
  if (a->dims.empty() || b->dims.empty())
    return fail("needs inputs of rank 1 or more");
  bool rowVector = a->dims.size() == 1, columnVector = b->dims.size() == 1;
  std::string shapes = dimsName(a->dims) + " and " + dimsName(b->dims);
  if (rowVector)
    a = reshape(a, {1, a->dims[0]});
  if (columnVector)
    b = reshape(b, {b->dims[0], 1});
  DimsRef ad(a->dims), bd(b->dims);
  std::optional<Dims> batch = broadcast(ad.drop_back(2), bd.drop_back(2));
  if (!batch || ad.back() != bd[bd.size() - 2])
    return fail("the shapes " + shapes + " cannot be multiplied");
  int64_t m = ad[ad.size() - 2], n = bd.back();
  // Leading dims broadcast, so an Expand of them is not needed.
  auto strip = [](Value *v) {
    while (v->node->op == Op::Expand) {
      Value *inner = v->node->operands[0];
      if (inner->dims.size() < 2 ||
          DimsRef(inner->dims).take_back(2) != DimsRef(v->dims).take_back(2))
        break;
      v = inner;
    }
    return v;
  };
  a = strip(a);
  b = strip(b);
  Dims dims =
      *broadcast(DimsRef(a->dims).drop_back(2), DimsRef(b->dims).drop_back(2));
  dims.append({m, n});
  Value *product = nullptr;
  if (ad.back() == 0) { // sums of nothing
    product = expand(scalarLike(a, 0), dims);
  } else if (isInteger) { // 32 bits do not go through the matrix planes
    Dims left(a->dims), right(b->dims);
    left.push_back(1);
    right.insert(right.end() - 2, 1);
    product = reduce(Op::ReduceSum,
                     binary(Op::Mul, reshape(a, left), reshape(b, right)),
                     {int64_t(dims.size()) - 1}, false);
  } else {
    product = make(Op::MatMul, {a, b}, {}, a->type, dims);
  }
  Dims full = *batch;
  full.append({m, n});
  product = expand(product, full);
  if (rowVector)
    full.erase(full.end() - 2);
  if (columnVector)
    full.pop_back();
  return reshape(product, full);
}

Value *Builder::matmulInteger(Value *a, Value *b, Value *aZero, Value *bZero) {
  if (!a || !b)
    return nullptr;
  auto byte = [](Value *v) {
    return v->type == DType::I8 || v->type == DType::U8;
  };
  if (!byte(a) || !byte(b))
    return fail("needs i8 or u8 inputs, has " + typeName(a->type) + " and " +
                typeName(b->type));
  if (a->dims.size() < 2 || b->dims.size() < 2)
    return fail("needs inputs of rank 2 or more");
  DimsRef ad(a->dims), bd(b->dims);
  std::optional<Dims> dims = broadcast(ad.drop_back(2), bd.drop_back(2));
  if (!dims || ad.back() != bd[bd.size() - 2])
    return fail("the shapes " + dimsName(ad) + " and " + dimsName(bd) +
                " cannot be multiplied");
  dims->append({ad[ad.size() - 2], bd.back()});
  for (auto [zero, of] : {std::pair(aZero, a), std::pair(bZero, b)})
    if (zero && zero->type != of->type)
      return fail("a zero point of type " + typeName(zero->type) +
                  " does not fit a matrix of type " + typeName(of->type));
  if (aZero && elementCount(aZero->dims) != 1)
    return fail("a zero point per row is not supported");
  if (bZero && elementCount(bZero->dims) != 1 && bZero->dims != Dims{bd.back()})
    return fail("the zero points of shape " + dimsName(bZero->dims) +
                " fit neither the tensor nor its columns");
  auto dropZero = [&](Value *zero) {
    return knownScalar(zero) == 0.0 ? nullptr : zero;
  };
  return make(Op::MatMulInteger, {a, b, dropZero(aZero), dropZero(bZero)}, {},
              DType::I32, *dims);
}

Value *Builder::reduce(Op op, Value *x, llvm::ArrayRef<int64_t> axes,
                       bool keepdims) {
  if (!x)
    return nullptr;
  if (x->type == DType::Bool)
    return fail("needs numbers, has bool");
  int64_t rank = x->dims.size();
  std::vector<bool> reduced(rank);
  for (int64_t axis : axes) {
    std::optional<int64_t> a = normalizeAxis(axis, rank);
    if (!a)
      return fail("axis " + llvm::Twine(axis) + " is out of range for " +
                  shapeName(x->type, x->dims));
    if (reduced[*a])
      return fail("axis " + llvm::Twine(axis) + " is given twice");
    reduced[*a] = true;
  }
  std::vector<int64_t> sorted;
  Dims dims;
  bool nothing = true, empty = false;
  for (int64_t i = 0; i < rank; ++i) {
    if (!reduced[i]) {
      dims.push_back(x->dims[i]);
      continue;
    }
    sorted.push_back(i);
    nothing &= x->dims[i] == 1;
    empty |= x->dims[i] == 0;
    if (keepdims)
      dims.push_back(1);
  }
  if (nothing)
    return reshape(x, dims);
  if (empty && op != Op::ReduceSum && op != Op::ReduceProd)
    return fail("the axes " + dimsName(sorted) + " of " + dimsName(x->dims) +
                " have no elements to reduce");
  if (empty)
    return expand(scalarLike(x, op == Op::ReduceProd), dims);
  return make(op, {x}, {{"axes", sorted}, {"keepdims", int64_t(keepdims)}},
              x->type, dims);
}

Value *Builder::softmax(Value *x, int64_t axis) {
  if (!x)
    return nullptr;
  if (!isFloat(x->type))
    return fail("needs a float type, has " + typeName(x->type));
  return make(Op::Softmax, {x}, {{"axis", axis}}, x->type, x->dims);
}

Value *Builder::argMax(Value *x, int64_t axis, bool keepdims, bool selectLast) {
  if (!x)
    return nullptr;
  Dims dims = x->dims;
  if (dims[axis] == 0)
    return fail("axis " + llvm::Twine(axis) + " has no elements");
  if (keepdims)
    dims[axis] = 1;
  else
    dims.erase(dims.begin() + axis);
  return make(Op::ArgMax, {x},
              {{"axis", axis},
               {"keepdims", int64_t(keepdims)},
               {"select_last_index", int64_t(selectLast)}},
              DType::I64, dims);
}

std::pair<Value *, Value *> Builder::topK(Value *x, int64_t k, int64_t axis,
                                          bool largest, bool sorted) {
  if (!x)
    return {nullptr, nullptr};
  Dims dims = x->dims;
  dims[axis] = k;
  Node *node = makeNode(Op::TopK, {x},
                        {{"axis", axis},
                         {"largest", int64_t(largest)},
                         {"sorted", int64_t(sorted)}},
                        {{x->type, dims}, {DType::I64, dims}});
  return {node->results[0], node->results[1]};
}

Value *Builder::cumSum(Value *x, int64_t axis, bool exclusive, bool reverse) {
  if (!x)
    return nullptr;
  if (x->type == DType::Bool)
    return fail("needs numbers, has bool");
  return make(Op::CumSum, {x},
              {{"axis", axis},
               {"exclusive", int64_t(exclusive)},
               {"reverse", int64_t(reverse)}},
              x->type, x->dims);
}

Value *Builder::layerNorm(Value *x, Value *scale, Value *biasOrNull,
                          int64_t axis, float epsilon) {
  if (!x || !scale)
    return nullptr;
  return make(Op::LayerNormalization, {x, scale, biasOrNull},
              {{"axis", axis}, {"epsilon", epsilon}}, x->type, x->dims);
}

Value *Builder::rmsNorm(Value *x, Value *scale, int64_t axis, float epsilon) {
  if (!x || !scale)
    return nullptr;
  return make(Op::RMSNormalization, {x, scale},
              {{"axis", axis}, {"epsilon", epsilon}}, x->type, x->dims);
}

} // namespace lpu::importer
