//===- Checksum.h - the checksum of a package file --------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_BINARY_CHECKSUM_H
#define LPU_LIB_BINARY_CHECKSUM_H

#include "llvm/ADT/ArrayRef.h"
#include <array>
#include <cstdint>
#include <vector>

namespace lpu::binary {

/// The checksum of a file: the 128-bit XXH3 of the XXH3 values of its pieces of
/// 1 MiB and of its length. It finds damage, not forgery.
class Checksum {
public:
  using Value = std::array<uint8_t, 16>;
  void add(llvm::ArrayRef<uint8_t> bytes);
  Value final();

private:
  std::vector<uint8_t> piece, values;
  uint64_t size = 0;
  void addPiece(llvm::ArrayRef<uint8_t> bytes);
};

} // namespace lpu::binary

#endif // LPU_LIB_BINARY_CHECKSUM_H
