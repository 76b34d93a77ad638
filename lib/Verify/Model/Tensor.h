//===- Tensor.h - values of the evaluated graph -----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor is of integers, of constants of the file, or of elements of the
// field. Constants stay the floats that the file has, so that a constant
// factor, an epsilon or a shape is computed as any compiler would compute it:
// in floats, before anything runs.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_VERIFY_MODEL_TENSOR_H
#define LPU_LIB_VERIFY_MODEL_TENSOR_H

#include "lpu/Modular/Field.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>
#include <vector>

namespace lpu::verify {

using modular::Element;
using modular::Field;
using Dims = llvm::SmallVector<int64_t, 6>;
using DimsRef = llvm::ArrayRef<int64_t>;

int64_t countOf(DimsRef dims);
Dims stridesOf(DimsRef dims);

struct Tensor {
  enum Kind { Integers, Constants, Elements };
  Kind kind = Integers;
  int type = 0; // of ONNX
  /// Depends on nothing but the file.
  bool isConstant = false;
  Dims dims;
  std::shared_ptr<std::vector<int64_t>> integers;
  std::shared_ptr<std::vector<float>> constants;
  std::shared_ptr<std::vector<Element>> elements;
  /// Constants that are a weight of the file, perhaps moved: the exponent by
  /// which products scale it (scaleOf).
  int scale = 0;
  /// Rows that data chose of a table. Whoever computes with them finds the
  /// precision of fp16; what only moves them, the floats of the file
  /// (docs/numerics.md).
  bool isTable = false;

  /// The last things that its elements were multiplied by were these constants,
  /// one behind the other; a compiler may multiply them, and the next one.
  llvm::SmallVector<float, 4> factors;

  int64_t count() const { return countOf(dims); }
  int64_t rank() const { return int64_t(dims.size()); }
  bool isFloat() const { return kind != Integers; }
  int64_t integer(int64_t i) const { return (*integers)[size_t(i)]; }
  float constant(int64_t i) const { return (*constants)[size_t(i)]; }
  /// As the vector unit reads it.
  Element element(int64_t i) const;
  /// As an output shows it.
  Element moved(int64_t i) const;

  static Tensor ofIntegers(int type, DimsRef dims, std::vector<int64_t> values,
                           bool isConstant);
  static Tensor ofElements(DimsRef dims, std::vector<Element> values);
  static Tensor ofConstants(DimsRef dims, std::vector<float> values);
  /// Element i of the result is element from[i] of this one.
  Tensor take(DimsRef dims, llvm::ArrayRef<int64_t> from) const;
  Tensor reshaped(DimsRef dims) const;
  /// If all elements of a small constant are equal.
  const float *splat() const;
};

/// Constants of up to so many bytes are computed with before anything runs.
constexpr int64_t knownBytes = 4096;

/// The shape that all broadcast to; empty pointer if there is none.
bool broadcast(DimsRef a, DimsRef b, Dims &result);
/// Strides of `dims` in a result of shape `to`: 0 where it repeats.
Dims broadcastStrides(DimsRef dims, DimsRef to);
/// body(i, a, b) for every element i of `to`, with the positions in operands of
/// the given strides.
void forEach(DimsRef to, DimsRef a, DimsRef b,
             llvm::function_ref<void(int64_t, int64_t, int64_t)> body);

/// Weights of products are fp16. If the largest of a tensor is out of its range
/// or below 2^-6, all are divided by 2^scale first (docs/numerics.md).
int scaleOf(llvm::ArrayRef<float> weights);
/// A table of vectors is stored in fp16 if its largest element is in range.
bool isHalfTable(const Tensor &table);

} // namespace lpu::verify

#endif // LPU_LIB_VERIFY_MODEL_TENSOR_H
