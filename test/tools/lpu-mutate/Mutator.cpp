//===- Mutator.cpp - seeded single faults in a package --------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutator.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::test;
using isa::Instruction;
using isa::Opcode;
using isa::Word;

Mutator::Mutator(const Package &package) : package(package) {
  std::vector<bool> seen(package.classes.size());
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    unsigned number = package.chips[chip].chipClass;
    if (seen[number])
      continue;
    seen[number] = true;
    for (const TextSegment &segment : package.classes[number].text) {
      llvm::Expected<std::vector<Instruction>> text =
          package.decodeText(chip, segment);
      if (!text) {
        llvm::consumeError(text.takeError());
        continue;
      }
      for (uint32_t i = 0; i < text->size(); ++i)
        places.push_back({chip, &segment, i, (*text)[i]});
    }
  }
}

namespace {

/// Uniform in [0, n).
uint64_t below(std::mt19937_64 &random, uint64_t n) { return random() % n; }

/// A small step up or down, sometimes a large one.
int64_t step(std::mt19937_64 &random) {
  int64_t size =
      below(random, 8) ? 1 + below(random, 3) : 1 + below(random, 64);
  return below(random, 2) ? size : -size;
}

template <typename T>
bool add(T &value, int64_t delta, int64_t least, int64_t most) {
  int64_t changed = int64_t(value) + delta;
  if (changed < least || changed > most)
    return false;
  value = T(changed);
  return true;
}

bool contains(llvm::StringRef name, std::initializer_list<const char *> parts) {
  return llvm::any_of(parts, [&](const char *p) { return name.contains(p); });
}

} // namespace

/// Changes one thing of an instruction. False if that is impossible here.
bool Mutator::change(Instruction &in, std::mt19937_64 &random,
                     std::string &kind) const {
  switch (below(random, 8)) {
  case 0:
    kind = "wait";
    return add(in.wait, step(random), 0, 65535);
  case 1:
    kind = "count";
    if (!in.info().repeat || !add(in.count, step(random), 1, 65535))
      return false;
    if (in.count == 1)
      in.interval = 1;
    return true;
  case 2:
    kind = "interval";
    return in.count > 1 && add(in.interval, step(random), 1, 255);
  default:
    break;
  }
  llvm::ArrayRef<isa::FieldInfo> fields = in.info().fields;
  if (fields.empty())
    return false;
  unsigned number = below(random, fields.size());
  const isa::FieldInfo &field = fields[number];
  int64_t &value = in.fields[number];
  llvm::StringRef name = field.name;
  kind = name.str();

  if (field.kind == isa::FieldKind::Operand) {
    isa::Operand operand = in.operand(number);
    if (operand.kind == isa::Operand::Stream) {
      switch (below(random, 3)) {
      case 0:
        kind = "last";
        operand.stream.last = !operand.stream.last;
        break;
      case 1:
        kind = "stream";
        operand.stream.stream = below(random, package.machine.streams) &
                                -byteWidth(operand.stream.type);
        break;
      default:
        kind = "direction";
        operand.stream.west = !operand.stream.west;
      }
    } else if (operand.kind == isa::Operand::History) {
      kind = "history";
      if (below(random, 2)) {
        operand.alu = below(random, package.machine.alus);
      } else if (!add(operand.age, step(random), 0,
                      package.machine.history - 1)) {
        return false;
      }
    } else if (operand.kind == isa::Operand::Constant) {
      kind = "constant";
      operand = isa::Operand();
      operand.kind = isa::Operand::Lane;
    } else {
      kind = "constant";
      operand = isa::Operand();
      operand.kind = isa::Operand::Constant;
    }
    if (uint16_t(value) == operand.encode())
      return false;
    value = operand.encode();
    return true;
  }
  if (field.kind == isa::FieldKind::Dest) {
    isa::Dest dest = in.dest(number);
    kind = "destination";
    if (!dest.present || below(random, 4) == 0) {
      dest = dest.present ? isa::Dest() : dest;
      if (!dest.present && uint16_t(value) == dest.encode()) {
        dest.present = true;
        dest.stream = below(random, package.machine.streams / 4) * 4;
      }
    } else if (below(random, 2)) {
      dest.stream =
          below(random, package.machine.streams) & -byteWidth(dest.type);
    } else {
      dest.west = !dest.west;
    }
    if (uint16_t(value) == dest.encode())
      return false;
    value = dest.encode();
    return true;
  }
  int64_t least = 0, most = 0;
  if (field.width >= 32) { // maps, immediates, nop: a step is enough
    most = UINT32_MAX;
  } else if (field.kind == isa::FieldKind::Signed) {
    most = (INT64_C(1) << (field.width - 1)) - 1;
    least = -most - 1;
  } else {
    most = (INT64_C(1) << field.width) - 1;
  }
  if (field.width == 1) {
    value ^= 1;
    return true;
  }
  if (contains(name, {"stream"})) {
    // Keep the alignment mostly: misaligned streams are illegal encodings.
    int64_t width = (value & 15) == 0 && below(random, 2) ? 4
                    : (value & 1) == 0                    ? 2
                                                          : 1;
    int64_t changed = below(random, package.machine.streams) &
                      -(below(random, 8) ? width : 1);
    if (changed == value)
      return false;
    value = changed;
    return true;
  }
  if (contains(name, {"iterations", "rows"})) // keep the work bounded
    return add(value, below(random, 2) ? 1 : -1, least, most);
  return add(value, step(random), least, most);
}

Package Mutator::withText(const Place &place, llvm::ArrayRef<Word> text) const {
  Package mutant = package;
  const unsigned lanes = package.machine.lanes;
  // All chips of the class hold the same text.
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    if (package.chips[chip].chipClass != package.chips[place.chip].chipClass)
      continue;
    const TextSegment &segment = *place.segment;
    for (ImageSegment &image : mutant.chips[chip].image) {
      if (image.slice != segment.slice || image.bank != segment.bank ||
          segment.row < image.row ||
          segment.row + segment.rows > image.row + image.rows)
        continue;
      auto bytes = std::make_shared<std::vector<uint8_t>>(image.bytes.begin(),
                                                          image.bytes.end());
      size_t at = size_t(segment.row - image.row) * lanes;
      size_t room = size_t(segment.rows) * lanes;
      LPU_CHECK(text.size() * sizeof(Word) <= room, "a text fits its segment");
      std::memcpy(bytes->data() + at, text.data(), text.size() * sizeof(Word));
      image.bytes = *bytes;
      mutant.storage.push_back(bytes);
    }
  }
  return mutant;
}

std::optional<Mutant> Mutator::mutate(uint64_t seed) const {
  std::mt19937_64 random(seed * 0x9e3779b97f4a7c15 + 1);
  if (places.empty())
    return std::nullopt;
  Mutant mutant;
  if (!package.wires.empty() && below(random, 50) == 0) {
    size_t i = below(random, package.wires.size());
    mutant.package = package;
    mutant.package.wires.erase(mutant.package.wires.begin() + i);
    mutant.kind = "wire";
    mutant.description = "wire " + std::to_string(i) + " removed";
    return mutant;
  }

  // Not every queue has as many instructions as every other: half of the
  // mutants pick the queue first.
  size_t number = below(random, places.size());
  if (below(random, 2)) {
    std::vector<size_t> heads;
    for (size_t i = 0; i < places.size(); ++i)
      if (places[i].index == 0)
        heads.push_back(i);
    size_t head = below(random, heads.size());
    size_t end = head + 1 < heads.size() ? heads[head + 1] : places.size();
    number = heads[head] + below(random, end - heads[head]);
  }
  const Place &place = places[number];
  llvm::Expected<std::vector<Instruction>> decoded =
      package.decodeText(place.chip, *place.segment);
  LPU_CHECK(bool(decoded), "the text was decoded before");
  std::vector<Word> text;
  for (const Instruction &instruction : *decoded)
    text.push_back(isa::encode(instruction));

  Instruction changed = place.instruction;
  switch (below(random, 12)) {
  case 0: { // the others keep their time
    mutant.kind = "drop";
    if (changed.info().unit == std::nullopt)
      return std::nullopt;
    Instruction nop;
    nop.wait = changed.wait;
    nop.fields[isa::field::nop::cycles] =
        int64_t(changed.count - 1) * changed.interval;
    text[place.index] = isa::encode(nop);
    changed = nop;
    break;
  }
  case 1: // the others move up
    mutant.kind = "delete";
    if (changed.opcode == Opcode::halt)
      return std::nullopt;
    text.erase(text.begin() + place.index);
    text.push_back(Word{});
    break;
  case 2: {
    mutant.kind = "swap";
    if (place.index + 1 >= text.size() ||
        text[place.index] == text[place.index + 1])
      return std::nullopt;
    std::swap(text[place.index], text[place.index + 1]);
    break;
  }
  case 3: {
    mutant.kind = "bit";
    unsigned bit = below(random, 128);
    text[place.index][bit / 8] ^= 1 << bit % 8;
    mutant.kind += " " + std::to_string(bit);
    break;
  }
  default:
    if (!change(changed, random, mutant.kind))
      return std::nullopt;
    text[place.index] = isa::encode(changed);
    break;
  }
  mutant.package = withText(place, text);
  auto [unit, index] = package.machine.queueUnit(place.segment->queue);
  mutant.description = "chip " + std::to_string(place.chip) + " " +
                       unitName(unit) + " " + std::to_string(index) + " [" +
                       std::to_string(place.index) + "] " + mutant.kind + ": " +
                       isa::toString(place.instruction) + "  ->  " +
                       isa::toString(changed);
  return mutant;
}

std::optional<Mutant> Mutator::relocate(uint64_t seed) const {
  std::mt19937_64 random(seed * 0x9e3779b97f4a7c15 + 2);
  Mutant mutant;
  mutant.package = package;
  Package &own = mutant.package;
  unsigned number = below(random, own.chips.size());
  Chip &chip = own.chips[number];
  const unsigned count = package.machine.links;
  auto move = [&](unsigned &row, unsigned rows) {
    return add(row, step(random), 0, int64_t(package.machine.rows) - rows);
  };
  bool isChanged = false;
  switch (below(random, 6)) {
  case 0:
    mutant.kind = "start";
    isChanged = add(chip.start, step(random), 0, INT64_MAX);
    break;
  case 1: { // two links at one end of the chip
    mutant.kind = "link";
    if (count < 3)
      break;
    if (chip.links.empty())
      for (unsigned link = 0; link < count; ++link)
        chip.links.push_back(link);
    unsigned a = below(random, count),
             b = (a + 2 * (1 + below(random, count))) % (count & ~1u);
    isChanged = a != b && a % 2 == b % 2;
    std::swap(chip.links[a], chip.links[b]);
    break;
  }
  case 2:
    mutant.kind = "register";
    if (!chip.registers.empty())
      isChanged =
          add(chip.registers[below(random, chip.registers.size())].value,
              step(random), 0, int64_t(package.machine.rows) - 1);
    break;
  case 3: {
    mutant.kind = "image";
    if (chip.image.empty())
      break;
    ImageSegment &segment = chip.image[below(random, chip.image.size())];
    isChanged = move(segment.row, segment.rows);
    break;
  }
  case 4: {
    mutant.kind = "input";
    std::vector<std::pair<Column *, unsigned>> columns; // and rows
    for (TensorBinding &tensor : own.inputs)
      for (Placement &placement : tensor.placements)
        for (Column &column : placement.columns)
          columns.push_back(
              {&column, (placement.tensorRows + placement.stripes - 1) /
                            placement.stripes});
    if (columns.empty())
      break;
    auto [column, rows] = columns[below(random, columns.size())];
    isChanged = move(column->row, rows);
    number = column->chip;
    break;
  }
  default: {
    mutant.kind = "wire";
    if (own.wires.empty())
      break;
    size_t i = below(random, own.wires.size());
    number = own.wires[i].fromChip;
    own.wires.erase(own.wires.begin() + ptrdiff_t(i));
    isChanged = true;
  }
  }
  if (!isChanged)
    return std::nullopt;
  mutant.description =
      "chip " + std::to_string(number) + ": another " + mutant.kind;
  return mutant;
}
