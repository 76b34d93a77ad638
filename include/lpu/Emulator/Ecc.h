//===- Ecc.h - the code that protects vectors -------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Single error correction, double error detection (docs/isa.md, section 13): an
// extended Hamming code of 9 check bits over words of 16 lanes. A vector's bits
// are numbered through its coded words: bit b is bit b mod 137 of word b / 137;
// bits 0-127 of a word are data (lane 16 w + bit / 8), 128-136 check bits.
//
// The code is linear, so what a decoder finds depends on which bits were
// flipped and not on the data: the tick engine flips and decodes real bytes,
// the event engine judges the flips alone.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_EMULATOR_ECC_H
#define LPU_EMULATOR_ECC_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace lpu::emulator::ecc {

constexpr unsigned wordBytes = 16, dataBits = 128, checkBits = 9;
constexpr unsigned codeBits = dataBits + checkBits;

/// The check bits of 16 bytes.
uint16_t encode(const uint8_t *word);

enum class Outcome : uint8_t { Clean, Corrected, Uncorrectable };
/// Corrects \p word (and forgets a wrong check bit), if it can.
Outcome decode(uint8_t *word, uint16_t check);

/// What the check of a vector found.
struct Finding {
  unsigned corrected = 0; // words
  bool uncorrectable = false;
};

/// The flipped bits of a vector that somebody will read. Flipping one twice
/// restores it.
class Flips {
public:
  void flip(unsigned bit);
  bool empty() const { return bits.empty(); }
  Finding judge() const;
  /// Flips the data bits among them in \p bytes, a byte a lane.
  void apply(llvm::MutableArrayRef<uint8_t> bytes) const;

private:
  std::vector<unsigned> bits;
};

/// A vector with its check bits.
class CodedVector {
public:
  explicit CodedVector(llvm::ArrayRef<uint8_t> bytes);
  void flip(unsigned bit);
  Finding correct();

  std::vector<uint8_t> bytes; // one a lane

private:
  std::vector<uint16_t> checks; // one a word
};

} // namespace lpu::emulator::ecc

#endif // LPU_EMULATOR_ECC_H
