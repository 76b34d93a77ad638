//===- Mutator.h - seeded single faults in a package ------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mutant is the package with one change: an instruction issued earlier or
// later, another stream or address, a missing instruction, a flipped `last`
// bit, another count, interval, lane window, a removed wire. A mutant need not
// be faulty; the two judges must agree on it.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TEST_MUTATOR_H
#define LPU_TEST_MUTATOR_H

#include "lpu/Binary/Package.h"
#include <optional>
#include <random>
#include <string>

namespace lpu::test {

struct Mutant {
  Package package;
  std::string description; // what was changed, for a person
  std::string kind;        // "wait", "stream", "drop", ...
};

class Mutator {
public:
  explicit Mutator(const Package &package);

  /// The mutant of this seed; nullopt if the change drawn does nothing.
  std::optional<Mutant> mutate(uint64_t seed) const;
  /// The same of what one chip of a class has for its own: its start, a link
  /// number, a base register, rows of its image, an input, a wire.
  std::optional<Mutant> relocate(uint64_t seed) const;

private:
  struct Place {
    unsigned chip;
    const TextSegment *segment;
    uint32_t index; // of the word in the segment's text
    isa::Instruction instruction;
  };
  bool change(isa::Instruction &instruction, std::mt19937_64 &random,
              std::string &kind) const;
  Package withText(const Place &place, llvm::ArrayRef<isa::Word> text) const;

  const Package &package;
  std::vector<Place> places; // every instruction of a representative per class
};

} // namespace lpu::test

#endif // LPU_TEST_MUTATOR_H
