// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types, shapes, and tensors whose elements are known at import time.

#ifndef LPU_LIB_IMPORT_TENSOR_H
#define LPU_LIB_IMPORT_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lpu::importer {

/// The numbers are those of onnx::TensorProto::DataType.
enum class DType : uint8_t {
  Undefined = 0,
  F32 = 1,
  U8 = 2,
  I8 = 3,
  U16 = 4,
  I16 = 5,
  I32 = 6,
  I64 = 7,
  String = 8,
  Bool = 9,
  F16 = 10,
  F64 = 11,
  U32 = 12,
  U64 = 13,
};

/// The type as a person reads it, also for the types that are not supported.
std::string typeName(int onnxType);
inline std::string typeName(DType type) {
  return typeName(static_cast<int>(type));
}
/// Bytes of one element; 0 if the importer does not know the type.
unsigned byteWidth(DType type);
inline bool isFloat(DType type) {
  return type == DType::F32 || type == DType::F16 || type == DType::F64;
}
/// Types that may stand in the graph after import.
bool isDeviceType(DType type);

using Dims = llvm::SmallVector<int64_t, 4>;
using DimsRef = llvm::ArrayRef<int64_t>;

/// Product of the dims; nothing if one is negative or the product overflows.
std::optional<int64_t> elementCount(DimsRef dims);
/// The shape that both broadcast to, by NumPy's rule; nothing if none exists.
std::optional<Dims> broadcast(DimsRef a, DimsRef b);
/// "f32[2,3]"
std::string shapeName(DType type, DimsRef dims);
std::string dimsName(DimsRef dims);
/// Row-major strides in elements.
Dims stridesOf(DimsRef dims);
/// Makes an axis counted from the end positive; nothing if out of range.
std::optional<int64_t> normalizeAxis(int64_t axis, int64_t rank);

/// A tensor with known elements, widened to int64 or double. Integer types
/// wider than their storage never occur: every write wraps to the element type,
/// and a float is rounded to it, so `double` holds exactly the f32 or f16
/// value.
struct Tensor {
  DType type = DType::Undefined;
  Dims dims;
  std::vector<int64_t> ints;  // integer types and bool
  std::vector<double> floats; // float types

  Tensor() = default;
  Tensor(DType type, DimsRef dims);
  static Tensor ofInts(DType type, DimsRef dims,
                       llvm::ArrayRef<int64_t> values);
  static Tensor scalar(DType type, double value);

  int64_t size() const { return isFloat(type) ? floats.size() : ints.size(); }
  double number(int64_t i) const {
    return isFloat(type) ? floats[i] : static_cast<double>(ints[i]);
  }
  /// Writes element i, rounded or wrapped to the element type.
  void setFloat(int64_t i, double value);
  void setInt(int64_t i, int64_t value);
  void copyElement(int64_t to, const Tensor &from, int64_t i) {
    if (isFloat(type))
      floats[to] = from.floats[i];
    else
      ints[to] = from.ints[i];
  }
  bool sameElement(int64_t i, int64_t j) const;

  /// Little-endian bytes in the element type, and back.
  std::vector<char> bytes() const;
  static Tensor fromBytes(DType type, DimsRef dims, const char *data);
};

/// Rounds to nearest even into the type, and gives the value back as a double.
double roundTo(DType type, double value);
int64_t wrapTo(DType type, int64_t value);
uint16_t halfBits(double value);
double halfValue(uint16_t bits);

/// Steps an index tuple in row-major order; false when it wraps to all zero.
bool nextIndex(llvm::MutableArrayRef<int64_t> index, DimsRef dims);

} // namespace lpu::importer

#endif
