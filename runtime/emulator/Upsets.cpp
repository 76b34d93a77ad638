//===- Upsets.cpp - bits that flip while a program runs -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Emulator/Upsets.h"
#include "lpu/Emulator/Ecc.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>
#include <random>
#include <set>
#include <tuple>

using namespace lpu;
using namespace lpu::emulator;

static bool parseUpset(llvm::StringRef text, Upset &upset) {
  llvm::SmallVector<llvm::StringRef> fields;
  text.split(fields, ':');
  auto number = [&](size_t field, auto &value) {
    return !fields[field].getAsInteger(10, value);
  };
  if (fields[0] == "sram" && fields.size() == 7) {
    upset.place = Upset::Place::Sram;
    return number(1, upset.chip) && number(2, upset.cycle) &&
           number(3, upset.slice) && number(4, upset.bank) &&
           number(5, upset.row) && number(6, upset.bit);
  }
  if (fields[0] == "stream" && fields.size() == 7) {
    upset.place = Upset::Place::Stream;
    upset.west = fields[3] == "west";
    return (upset.west || fields[3] == "east") && number(1, upset.chip) &&
           number(2, upset.cycle) && number(4, upset.stream) &&
           number(5, upset.position) && number(6, upset.bit);
  }
  if (fields[0] == "link" && fields.size() == 5) {
    upset.place = Upset::Place::Link;
    return number(1, upset.chip) && number(2, upset.link) &&
           number(3, upset.number) && number(4, upset.bit);
  }
  return false;
}

llvm::Expected<std::vector<Upset>>
lpu::emulator::parseUpsets(llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> items;
  text.split(items, ',');
  std::vector<Upset> upsets;
  for (llvm::StringRef item : items)
    if (!parseUpset(item, upsets.emplace_back()))
      return llvm::createStringError(
          "'" + item +
          "' is none of sram:CHIP:CYCLE:SLICE:BANK:ROW:BIT, "
          "stream:CHIP:CYCLE:east|west:STREAM:POSITION:BIT and "
          "link:CHIP:LINK:NUMBER:BIT");
  return upsets;
}

/// The coded word that an upset hits, whenever it does.
using Word = std::tuple<Upset::Place, unsigned, int64_t, int64_t, unsigned>;
static Word wordOf(const Upset &u) {
  unsigned number = u.bit / ecc::codeBits;
  switch (u.place) {
  case Upset::Place::Sram:
    return {u.place, u.chip, 2 * u.slice + u.bank, u.row, number};
  case Upset::Place::Stream: // a value keeps its slot (section 2)
    return {u.place, u.chip, 2 * u.stream + u.west,
            u.west ? int64_t(u.cycle) + u.position
                   : int64_t(u.cycle) - u.position,
            number};
  case Upset::Place::Link:
    return {u.place, u.chip, u.link, int64_t(u.number), number};
  }
  llvm_unreachable("all places handled");
}

std::vector<Upset> lpu::emulator::randomUpsets(const Package &package,
                                               uint64_t seed, unsigned count,
                                               unsigned bits) {
  LPU_CHECK(bits == 1 || bits == 2, "one bit of a word, or two");
  const Machine &m = package.machine;
  std::mt19937_64 random(seed);
  auto below = [&](uint64_t n) { return n == 0 ? 0 : random() % n; };
  std::vector<Upset> upsets;
  std::set<Word> hit;
  // A word that is hit already is left out: flips of a call do not add up.
  for (unsigned i = 0; i < count; ++i) {
    Upset upset;
    upset.place = Upset::Place(below(package.wires.empty() ? 2 : 3));
    upset.chip = unsigned(below(package.chips.size()));
    upset.cycle = below(package.cycles);
    const Chip &chip = package.chips[upset.chip];
    if (upset.place == Upset::Place::Sram && !chip.image.empty()) {
      const ImageSegment &segment = chip.image[below(chip.image.size())];
      upset.slice = segment.slice;
      upset.bank = segment.bank;
      upset.row = segment.row + unsigned(below(segment.rows));
    }
    upset.west = below(2) != 0;
    upset.stream = unsigned(below(m.streams));
    upset.position = unsigned(below(m.lastPosition() + 1));
    if (upset.place == Upset::Place::Link) {
      const LinkWire &wire = package.wires[below(package.wires.size())];
      upset.chip = wire.fromChip;
      while (package.chips[wire.fromChip].port(upset.link) != wire.fromLink)
        ++upset.link;
      upset.number = below(16);
    }
    unsigned word = unsigned(below(m.lanes / ecc::wordBytes)) * ecc::codeBits;
    unsigned first = unsigned(below(ecc::codeBits));
    upset.bit = word + first;
    if (!hit.insert(wordOf(upset)).second)
      continue;
    upsets.push_back(upset);
    if (bits == 2) { // another bit of the word
      upset.bit = word + unsigned((first + 1 + below(ecc::codeBits - 1)) %
                                  ecc::codeBits);
      upsets.push_back(upset);
    }
  }
  return upsets;
}

std::vector<std::string>
lpu::emulator::checkUpsets(llvm::ArrayRef<Upset> upsets,
                           const Package &package) {
  const Machine &m = package.machine;
  std::vector<std::string> errors;
  std::map<Word, unsigned> words; // how many bits
  for (const Upset &u : upsets) {
    auto below = [&](const char *what, uint64_t value, uint64_t limit) {
      if (value >= limit)
        errors.push_back(llvm::formatv("a flip names {0} {1}, outside 0 .. {2}",
                                       what, value, int64_t(limit) - 1));
      return value < limit;
    };
    bool good = below("chip", u.chip, package.chips.size()) &&
                below("bit", u.bit, m.lanes / ecc::wordBytes * ecc::codeBits);
    switch (u.place) {
    case Upset::Place::Sram:
      good &= below("slice", u.slice, m.numSlices()) &&
              below("bank", u.bank, 2) && below("row", u.row, m.rows);
      break;
    case Upset::Place::Stream:
      good &= below("stream", u.stream, m.streams) &&
              below("position", u.position, m.lastPosition() + 1);
      break;
    case Upset::Place::Link:
      good &= below("link", u.link, m.links);
      break;
    }
    if (good && ++words[wordOf(u)] == 3)
      errors.push_back(llvm::formatv(
          "three flips of one word of chip {0}: its code detects two at most "
          "(docs/isa.md, section 13)",
          u.chip));
  }
  return errors;
}
