// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Tensor.h"

#include "lpu/Support/Check.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>

namespace lpu::importer {

std::string typeName(int onnxType) {
  static const char *const names[] = {
      "undefined",  "f32",    "u8",         "i8",         "u16",  "i16",
      "i32",        "i64",    "string",     "bool",       "f16",  "f64",
      "u32",        "u64",    "complex64",  "complex128", "bf16", "f8E4M3FN",
      "f8E4M3FNUZ", "f8E5M2", "f8E5M2FNUZ", "u4",         "i4",   "f4E2M1",
      "f8E8M0",     "u2",     "i2"};
  if (onnxType < 0 || onnxType >= static_cast<int>(std::size(names)))
    return std::to_string(onnxType);
  return names[onnxType];
}

unsigned byteWidth(DType type) {
  switch (type) {
  case DType::U8:
  case DType::I8:
  case DType::Bool:
    return 1;
  case DType::U16:
  case DType::I16:
  case DType::F16:
    return 2;
  case DType::F32:
  case DType::I32:
  case DType::U32:
    return 4;
  case DType::I64:
  case DType::U64:
  case DType::F64:
    return 8;
  default:
    return 0;
  }
}

bool isDeviceType(DType type) {
  switch (type) {
  case DType::F32:
  case DType::F16:
  case DType::I64:
  case DType::I32:
  case DType::I8:
  case DType::U8:
  case DType::Bool:
    return true;
  default:
    return false;
  }
}

std::optional<int64_t> elementCount(DimsRef dims) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t dim : dims) {
    if (dim < 0)
      return std::nullopt;
    if (dim == 0)
      empty = true;
    else if (llvm::MulOverflow(count, dim, count))
      return std::nullopt;
  }
  return empty ? 0 : count;
}

std::optional<Dims> broadcast(DimsRef a, DimsRef b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Dims result(a.begin(), a.end());
  size_t shift = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t &dim = result[shift + i];
    if (dim == 1)
      dim = b[i];
    else if (b[i] != 1 && b[i] != dim)
      return std::nullopt;
  }
  return result;
}

std::string dimsName(DimsRef dims) {
  return "[" +
         llvm::join(
             llvm::map_range(dims, [](int64_t d) { return std::to_string(d); }),
             ",") +
         "]";
}

std::string shapeName(DType type, DimsRef dims) {
  return typeName(type) + dimsName(dims);
}

Dims stridesOf(DimsRef dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;)
    strides[i - 1] = strides[i] * dims[i];
  return strides;
}

std::optional<int64_t> normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}

uint16_t halfBits(double value) {
  llvm::APFloat f(value);
  bool losesInfo;
  f.convert(llvm::APFloat::IEEEhalf(), llvm::APFloat::rmNearestTiesToEven,
            &losesInfo);
  return static_cast<uint16_t>(f.bitcastToAPInt().getZExtValue());
}

double halfValue(uint16_t bits) {
  llvm::APFloat f(llvm::APFloat::IEEEhalf(), llvm::APInt(16, bits));
  bool losesInfo;
  f.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
            &losesInfo);
  return f.convertToDouble();
}

double roundTo(DType type, double value) {
  if (type == DType::F32)
    return static_cast<float>(value);
  if (type == DType::F16)
    return halfValue(halfBits(value));
  return value;
}

int64_t wrapTo(DType type, int64_t value) {
  switch (type) {
  case DType::Bool:
    return value != 0;
  case DType::U8:
    return static_cast<uint8_t>(value);
  case DType::I8:
    return static_cast<int8_t>(value);
  case DType::U16:
    return static_cast<uint16_t>(value);
  case DType::I16:
    return static_cast<int16_t>(value);
  case DType::I32:
    return static_cast<int32_t>(value);
  case DType::U32:
    return static_cast<uint32_t>(value);
  default:
    return value;
  }
}

Tensor::Tensor(DType type, DimsRef dims)
    : type(type), dims(dims.begin(), dims.end()) {
  std::optional<int64_t> count = elementCount(dims);
  LPU_CHECK(count, "a known tensor has a checked shape");
  if (isFloat(type))
    floats.resize(*count);
  else
    ints.resize(*count);
}

Tensor Tensor::ofInts(DType type, DimsRef dims,
                      llvm::ArrayRef<int64_t> values) {
  Tensor t(type, dims);
  LPU_CHECK(t.size() == static_cast<int64_t>(values.size()),
            "as many values as elements");
  for (size_t i = 0; i < values.size(); ++i)
    t.setInt(i, values[i]);
  return t;
}

Tensor Tensor::scalar(DType type, double value) {
  Tensor t(type, {});
  if (isFloat(type))
    t.setFloat(0, value);
  else
    t.setInt(0, static_cast<int64_t>(value));
  return t;
}

void Tensor::setFloat(int64_t i, double value) {
  floats[i] = roundTo(type, value);
}
void Tensor::setInt(int64_t i, int64_t value) { ints[i] = wrapTo(type, value); }

bool Tensor::sameElement(int64_t i, int64_t j) const {
  // By bits: -0 and 0 differ, a NaN equals itself.
  if (isFloat(type))
    return std::memcmp(&floats[i], &floats[j], sizeof(double)) == 0;
  return ints[i] == ints[j];
}

template <typename T, typename From>
static void store(std::vector<char> &out, llvm::ArrayRef<From> values) {
  out.resize(values.size() * sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T v = static_cast<T>(values[i]);
    std::memcpy(out.data() + i * sizeof(T), &v, sizeof(T));
  }
}

std::vector<char> Tensor::bytes() const {
  std::vector<char> out;
  switch (type) {
  case DType::F32:
    store<float, double>(out, floats);
    break;
  case DType::F64:
    store<double, double>(out, floats);
    break;
  case DType::F16: {
    std::vector<int64_t> bits;
    for (double v : floats)
      bits.push_back(halfBits(v));
    store<uint16_t, int64_t>(out, bits);
    break;
  }
  default:
    switch (byteWidth(type)) {
    case 1:
      store<uint8_t, int64_t>(out, ints);
      break;
    case 2:
      store<uint16_t, int64_t>(out, ints);
      break;
    case 4:
      store<uint32_t, int64_t>(out, ints);
      break;
    default:
      store<int64_t, int64_t>(out, ints);
    }
  }
  return out;
}

template <typename T, typename To>
static void load(std::vector<To> &values, const char *data) {
  for (size_t i = 0; i < values.size(); ++i) {
    T v;
    std::memcpy(&v, data + i * sizeof(T), sizeof(T));
    values[i] = static_cast<To>(v);
  }
}

Tensor Tensor::fromBytes(DType type, DimsRef dims, const char *data) {
  Tensor t(type, dims);
  switch (type) {
  case DType::F32:
    load<float>(t.floats, data);
    break;
  case DType::F64:
    load<double>(t.floats, data);
    break;
  case DType::F16:
    for (size_t i = 0; i < t.floats.size(); ++i) {
      uint16_t bits;
      std::memcpy(&bits, data + 2 * i, 2);
      t.floats[i] = halfValue(bits);
    }
    break;
  case DType::Bool:
    load<uint8_t>(t.ints, data);
    for (int64_t &v : t.ints)
      v = v != 0;
    break;
  case DType::U8:
    load<uint8_t>(t.ints, data);
    break;
  case DType::I8:
    load<int8_t>(t.ints, data);
    break;
  case DType::U16:
    load<uint16_t>(t.ints, data);
    break;
  case DType::I16:
    load<int16_t>(t.ints, data);
    break;
  case DType::I32:
    load<int32_t>(t.ints, data);
    break;
  case DType::U32:
    load<uint32_t>(t.ints, data);
    break;
  default:
    load<int64_t>(t.ints, data);
  }
  return t;
}

bool nextIndex(llvm::MutableArrayRef<int64_t> index, DimsRef dims) {
  for (size_t d = dims.size(); d-- > 0;) {
    if (++index[d] < dims[d])
      return true;
    index[d] = 0;
  }
  return false;
}

} // namespace lpu::importer
