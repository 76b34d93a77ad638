//===- Ecc.cpp - the code that protects vectors ---------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Emulator/Ecc.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <array>
#include <map>

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::ecc;

namespace {

/// Hamming positions: check bit k stands at 2^k, data bits fill the numbers
/// between, from 3 up. The ninth check bit makes the parity of a word even.
struct Positions {
  std::array<uint8_t, dataBits> ofData;
  std::array<int16_t, 256> dataAt; // -1: no data bit stands there
};
constexpr unsigned hammingBits = checkBits - 1;

} // namespace

static const Positions &positions() {
  static const Positions table = [] {
    Positions made;
    made.dataAt.fill(-1);
    unsigned position = 3;
    for (unsigned bit = 0; bit < dataBits; ++bit, ++position) {
      if (llvm::has_single_bit(position))
        ++position;
      made.ofData[bit] = uint8_t(position);
      made.dataAt[position] = int16_t(bit);
    }
    return made;
  }();
  return table;
}

uint16_t ecc::encode(const uint8_t *word) {
  unsigned checks = 0, parity = 0;
  for (unsigned byte = 0; byte < wordBytes; ++byte)
    for (unsigned bits = word[byte]; bits != 0; bits &= bits - 1) {
      checks ^= positions().ofData[8 * byte + llvm::countr_zero(bits)];
      parity ^= 1;
    }
  parity ^= unsigned(llvm::popcount(checks)) & 1;
  return uint16_t(checks | parity << hammingBits);
}

Outcome ecc::decode(uint8_t *word, uint16_t check) {
  unsigned wrong = encode(word) ^ check;
  unsigned syndrome = wrong & ((1u << hammingBits) - 1);
  // encode() made the parity even over the checks that it computed; the stored
  // ones may differ from those.
  bool odd = (wrong >> hammingBits & 1) ^ (llvm::popcount(syndrome) & 1);
  if (!odd)
    return syndrome == 0 ? Outcome::Clean : Outcome::Uncorrectable;
  if (syndrome == 0 || llvm::has_single_bit(syndrome))
    return Outcome::Corrected; // a check bit
  int bit = positions().dataAt[syndrome];
  if (bit < 0)
    return Outcome::Uncorrectable;
  word[bit / 8] ^= uint8_t(1u << bit % 8);
  return Outcome::Corrected;
}

static void count(Finding &finding, Outcome outcome) {
  finding.corrected += outcome == Outcome::Corrected;
  finding.uncorrectable |= outcome == Outcome::Uncorrectable;
}

void Flips::flip(unsigned bit) {
  if (auto found = llvm::find(bits, bit); found != bits.end())
    bits.erase(found);
  else
    bits.push_back(bit);
}

Finding Flips::judge() const {
  struct Pattern {
    std::array<uint8_t, wordBytes> data{};
    uint16_t check = 0;
  };
  std::map<unsigned, Pattern> words;
  for (unsigned bit : bits) {
    Pattern &word = words[bit / codeBits];
    if (unsigned b = bit % codeBits; b < dataBits)
      word.data[b / 8] ^= uint8_t(1u << b % 8);
    else
      word.check ^= uint16_t(1u << (b - dataBits));
  }
  Finding finding;
  for (auto &[number, word] : words)
    count(finding, decode(word.data.data(), word.check));
  return finding;
}

void Flips::apply(llvm::MutableArrayRef<uint8_t> bytes) const {
  for (unsigned bit : bits)
    if (unsigned b = bit % codeBits; b < dataBits)
      bytes[bit / codeBits * wordBytes + b / 8] ^= uint8_t(1u << b % 8);
}

CodedVector::CodedVector(llvm::ArrayRef<uint8_t> vector)
    : bytes(vector.begin(), vector.end()) {
  LPU_CHECK(vector.size() % wordBytes == 0, "lanes come in words of 16");
  for (size_t byte = 0; byte < bytes.size(); byte += wordBytes)
    checks.push_back(encode(bytes.data() + byte));
}

void CodedVector::flip(unsigned bit) {
  unsigned word = bit / codeBits, b = bit % codeBits;
  if (b < dataBits)
    bytes[word * wordBytes + b / 8] ^= uint8_t(1u << b % 8);
  else
    checks[word] ^= uint16_t(1u << (b - dataBits));
}

Finding CodedVector::correct() {
  Finding finding;
  for (size_t word = 0; word < checks.size(); ++word)
    count(finding, decode(bytes.data() + word * wordBytes, checks[word]));
  return finding;
}
