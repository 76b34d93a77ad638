//===- Checksum.cpp - the checksum of a package file ----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checksum.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

using namespace lpu;
using namespace lpu::binary;

static constexpr size_t pieceBytes = 1 << 20;

static Checksum::Value hash(llvm::ArrayRef<uint8_t> bytes) {
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(bytes);
  Checksum::Value value;
  llvm::support::endian::write64le(value.data(), hash.low64);
  llvm::support::endian::write64le(value.data() + 8, hash.high64);
  return value;
}

void Checksum::addPiece(llvm::ArrayRef<uint8_t> bytes) {
  Value value = hash(bytes);
  values.insert(values.end(), value.begin(), value.end());
}

void Checksum::add(llvm::ArrayRef<uint8_t> bytes) {
  size += bytes.size();
  while (!bytes.empty()) {
    if (piece.empty() && bytes.size() >= pieceBytes) {
      addPiece(bytes.take_front(pieceBytes)); // without a copy
      bytes = bytes.drop_front(pieceBytes);
      continue;
    }
    size_t count = std::min(bytes.size(), pieceBytes - piece.size());
    piece.insert(piece.end(), bytes.begin(), bytes.begin() + count);
    bytes = bytes.drop_front(count);
    if (piece.size() == pieceBytes) {
      addPiece(piece);
      piece.clear();
    }
  }
}

Checksum::Value Checksum::final() {
  if (!piece.empty())
    addPiece(piece);
  piece.clear();
  uint8_t length[8];
  llvm::support::endian::write64le(length, size);
  values.insert(values.end(), length, length + sizeof(length));
  return hash(values);
}
