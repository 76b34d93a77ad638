//===- Upsets.h - bits that flip while a program runs -----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Injected hardware errors (docs/isa.md, section 13): a bit of an SRAM row, of
// a stream register or of a vector on a link. An upset meets a value or
// nothing; what it met is checked by whoever reads it next.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_EMULATOR_UPSETS_H
#define LPU_EMULATOR_UPSETS_H

#include "lpu/Binary/Package.h"

namespace lpu::emulator {

struct Upset {
  enum class Place : uint8_t { Sram, Stream, Link };
  Place place = Place::Sram;
  unsigned chip = 0;
  uint64_t cycle = 0; // program cycle, at whose beginning it happens; not Link
  unsigned slice = 0, bank = 0, row = 0; // Sram
  bool west = false;                     // Stream
  unsigned stream = 0, position = 0;     // Stream
  unsigned link = 0;                     // Link: of the sending chip's text ..
  uint64_t number = 0; // .. and which of its vectors, from 0 on, of all runs
  unsigned bit = 0;    // of the coded vector (Ecc.h)
};

/// What upsets did in a run without a fault.
struct UpsetCounts {
  uint64_t met = 0;       // values that were hit
  uint64_t corrected = 0; // words corrected, by every read of them
};

/// Reads `sram:CHIP:CYCLE:SLICE:BANK:ROW:BIT`,
/// `stream:CHIP:CYCLE:east|west:STREAM:POSITION:BIT` and
/// `link:CHIP:LINK:NUMBER:BIT`, separated by commas.
llvm::Expected<std::vector<Upset>> parseUpsets(llvm::StringRef text);

/// At most \p count places from \p seed, no word twice, in cycles of the
/// program, rows of the image and links that have a wire; each flips \p bits
/// bits of one word, 1 or 2.
std::vector<Upset> randomUpsets(const Package &package, uint64_t seed,
                                unsigned count, unsigned bits);

/// Every upset names a place of the package's machine, and no word more than
/// the two bits whose flipping the code detects; else what is wrong.
std::vector<std::string> checkUpsets(llvm::ArrayRef<Upset> upsets,
                                     const Package &package);

} // namespace lpu::emulator

#endif // LPU_EMULATOR_UPSETS_H
