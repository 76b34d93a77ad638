//===- Tensor.cpp - values of the evaluated graph -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tensor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace lpu;
using namespace lpu::verify;

int64_t lpu::verify::countOf(DimsRef dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

Dims lpu::verify::stridesOf(DimsRef dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t d = dims.size(); d-- > 0; stride *= dims[d])
    strides[d] = stride;
  return strides;
}

Element Tensor::moved(int64_t i) const {
  return kind == Elements
             ? (*elements)[size_t(i)]
             : Element::known(llvm::bit_cast<uint32_t>(constant(i)));
}

Element Tensor::element(int64_t i) const {
  Element e = moved(i);
  if (isTable && e.isKnown())
    e.value = modular::fromHalf(modular::toHalf(e.value));
  return e;
}

Tensor Tensor::ofIntegers(int type, DimsRef dims, std::vector<int64_t> values,
                          bool isConstant) {
  Tensor t;
  t.type = type;
  t.isConstant = isConstant;
  t.dims.assign(dims.begin(), dims.end());
  t.integers = std::make_shared<std::vector<int64_t>>(std::move(values));
  return t;
}

Tensor Tensor::ofElements(DimsRef dims, std::vector<Element> values) {
  Tensor t;
  t.kind = Elements;
  t.type = 1;
  t.dims.assign(dims.begin(), dims.end());
  t.elements = std::make_shared<std::vector<Element>>(std::move(values));
  return t;
}

Tensor Tensor::ofConstants(DimsRef dims, std::vector<float> values) {
  Tensor t;
  t.kind = Constants;
  t.type = 1;
  t.isConstant = true;
  t.dims.assign(dims.begin(), dims.end());
  t.constants = std::make_shared<std::vector<float>>(std::move(values));
  return t;
}

template <typename T>
static std::shared_ptr<std::vector<T>>
picked(const std::shared_ptr<std::vector<T>> &all,
       llvm::ArrayRef<int64_t> from) {
  if (!all)
    return nullptr;
  auto result = std::make_shared<std::vector<T>>();
  result->reserve(from.size());
  for (int64_t i : from)
    result->push_back((*all)[size_t(i)]);
  return result;
}

Tensor Tensor::take(DimsRef newDims, llvm::ArrayRef<int64_t> from) const {
  Tensor t = *this;
  t.dims.assign(newDims.begin(), newDims.end());
  t.integers = picked(integers, from);
  t.constants = picked(constants, from);
  t.elements = picked(elements, from);
  return t;
}

Tensor Tensor::reshaped(DimsRef newDims) const {
  Tensor t = *this;
  t.dims.assign(newDims.begin(), newDims.end());
  return t;
}

const float *Tensor::splat() const {
  if (kind != Constants || constants->empty() ||
      int64_t(constants->size()) * 4 > knownBytes)
    return nullptr;
  float first = constants->front();
  return llvm::all_of(*constants, [&](float f) { return f == first; })
             ? &constants->front()
             : nullptr;
}

bool lpu::verify::broadcast(DimsRef a, DimsRef b, Dims &result) {
  size_t rank = std::max(a.size(), b.size());
  Dims dims(rank);
  for (size_t i = 0; i < rank; ++i) { // from the back
    int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1,
            y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      return false;
    dims[rank - 1 - i] = x == 1 ? y : x;
  }
  result = dims;
  return true;
}

Dims lpu::verify::broadcastStrides(DimsRef dims, DimsRef to) {
  Dims strides = stridesOf(dims), result(to.size(), 0);
  size_t skip = to.size() - dims.size();
  for (size_t d = 0; d < dims.size(); ++d)
    if (dims[d] != 1)
      result[skip + d] = strides[d];
  return result;
}

void lpu::verify::forEach(
    DimsRef to, DimsRef a, DimsRef b,
    llvm::function_ref<void(int64_t, int64_t, int64_t)> body) {
  int64_t count = countOf(to), x = 0, y = 0;
  Dims index(to.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    body(i, x, y);
    for (size_t d = to.size(); d-- > 0;) {
      x += a[d];
      y += b[d];
      if (++index[d] < to[d])
        break;
      x -= a[d] * to[d];
      y -= b[d] * to[d];
      index[d] = 0;
    }
  }
}

int lpu::verify::scaleOf(llvm::ArrayRef<float> weights) {
  float most = 0;
  for (float w : weights)
    if (std::isfinite(w))
      most = std::max(most, std::fabs(w));
  if (most == 0 || (most >= 1.0f / 64 && most <= 65504))
    return 0;
  return std::ilogb(most) - (most > 1 ? 14 : 0);
}

bool lpu::verify::isHalfTable(const Tensor &table) {
  if (table.kind != Tensor::Constants || table.rank() < 2 ||
      table.dims.back() == 1)
    return false;
  float most = 0;
  for (float w : *table.constants)
    if (std::isfinite(w))
      most = std::max(most, std::fabs(w));
  return most <= 65504 && most >= 1.0f / 256;
}
