//===- Npz.h - NumPy archives -----------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and writes .npz files, the form in which a user hands tensors to a
// program and gets them back: what numpy.savez and numpy.savez_compressed
// write. An .npz is a zip archive with one .npy file per array. The file is
// input from outside, so nothing in it is trusted: every offset, size, shape
// and checksum is checked, memory is bounded before it is taken, and what is
// not read (structured types, big-endian data, encryption) is refused by name.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SESSION_NPZ_H
#define LPU_SESSION_NPZ_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lpu {

enum class NpyType : uint8_t {
  Bool,
  Int8,
  UInt8,
  Int16,
  UInt16,
  Int32,
  UInt32,
  Int64,
  UInt64,
  Float16,
  Float32,
  Float64
};

/// NumPy's name of the type: "float32", "int64", "bool", ...
llvm::StringRef npyTypeName(NpyType type);
/// Inverse of npyTypeName.
std::optional<NpyType> parseNpyTypeName(llvm::StringRef name);
/// Bytes of one element.
unsigned npyTypeBytes(NpyType type);

/// An array in C order (last dimension fastest), little-endian.
struct NpyArray {
  std::string name;
  NpyType type = NpyType::Float32;
  std::vector<int64_t> shape; // empty: a scalar
  std::vector<uint8_t> bytes;
};

/// "float32[1,128,384]", for messages.
std::string describeNpy(NpyType type, llvm::ArrayRef<int64_t> shape);

struct NpzLimits {
  /// Bytes of all arrays together, after decompression.
  uint64_t totalBytes = UINT64_C(8) << 30;
  uint64_t arrays = 4096;
  unsigned rank = 32;
};

/// All arrays of the file, in its order. Arrays in Fortran order are converted
/// to C order. The error names the file, the array and the reason.
llvm::Expected<std::vector<NpyArray>> readNpz(llvm::StringRef path,
                                              const NpzLimits &limits = {});

/// Writes as numpy.savez does (stored, not compressed). Equal arrays give equal
/// bytes. On an error no file is left, and an older one is kept. Errors: an
/// array whose bytes disagree with its type and shape, two arrays of one name,
/// 4 GiB or more in all.
llvm::Error writeNpz(llvm::StringRef path, llvm::ArrayRef<NpyArray> arrays);

} // namespace lpu

#endif // LPU_SESSION_NPZ_H
