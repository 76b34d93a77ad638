//===- Multiply.cpp - products of residues --------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Modular/Field.h"
#include <algorithm>

using namespace lpu::modular;

namespace {
/// Residues have at most 29 bits, so 63 products and a residue fit 64 bits.
constexpr unsigned mostSums = 63;
constexpr unsigned blockColumns = 16, blockRows = 4;
} // namespace

/// sums[r][c] += a[r][k] * b[k * pitch + c] for k in [begin, end).
template <unsigned rows>
static inline __attribute__((always_inline)) void
sumProducts(const uint32_t *const *a, unsigned begin, unsigned end,
            const uint32_t *b, size_t pitch, uint64_t (*sums)[blockColumns]) {
  uint64_t local[rows][blockColumns];
  for (unsigned r = 0; r < rows; ++r)
    for (unsigned c = 0; c < blockColumns; ++c)
      local[r][c] = sums[r][c];
  for (unsigned k = begin; k < end; ++k) {
    const uint32_t *row = b + k * pitch;
    for (unsigned r = 0; r < rows; ++r) {
      uint64_t factor = a[r][k];
      for (unsigned c = 0; c < blockColumns; ++c)
        local[r][c] += factor * row[c];
    }
  }
  for (unsigned r = 0; r < rows; ++r)
    for (unsigned c = 0; c < blockColumns; ++c)
      sums[r][c] = local[r][c];
}

__attribute__((target_clones("avx512f", "avx2", "default"))) static void
sumFour(const uint32_t *const *a, unsigned begin, unsigned end,
        const uint32_t *b, size_t pitch, uint64_t (*sums)[blockColumns]) {
  sumProducts<4>(a, begin, end, b, pitch, sums);
}

__attribute__((target_clones("avx512f", "avx2", "default"))) static void
sumOne(const uint32_t *const *a, unsigned begin, unsigned end,
       const uint32_t *b, size_t pitch, uint64_t (*sums)[blockColumns]) {
  sumProducts<1>(a, begin, end, b, pitch, sums);
}

void Field::multiply(const uint32_t *const *a, unsigned rows, unsigned depth,
                     const uint32_t *b, size_t pitch, unsigned columns,
                     uint32_t *out, size_t outPitch) const {
  for (unsigned c = 0; c < columns; c += blockColumns) {
    unsigned width = std::min(blockColumns, columns - c);
    for (unsigned r = 0; r < rows;) {
      unsigned height = rows - r >= blockRows ? blockRows : 1;
      uint64_t sums[blockRows][blockColumns] = {};
      for (unsigned k = 0; k < depth; k += mostSums) {
        unsigned end = std::min(depth, k + mostSums);
        if (width < blockColumns) {
          for (unsigned i = 0; i < height; ++i)
            for (unsigned at = k; at < end; ++at)
              for (unsigned j = 0; j < width; ++j)
                sums[i][j] += uint64_t(a[r + i][at]) * b[at * pitch + c + j];
        } else if (height == blockRows) {
          sumFour(a + r, k, end, b + c, pitch, sums);
        } else {
          sumOne(a + r, k, end, b + c, pitch, sums);
        }
        for (unsigned i = 0; i < height; ++i)
          for (uint64_t &sum : sums[i])
            sum = reduce(sum);
      }
      for (unsigned i = 0; i < height; ++i)
        for (unsigned j = 0; j < width; ++j)
          out[(r + i) * outPitch + c + j] = uint32_t(sums[i][j]);
      r += height;
    }
  }
}
