//===- ProgramBuilder.h - packages for emulator tests -----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds a package instruction by instruction, with absolute issue cycles. Only
// for tests: it needs neither the isa dialect nor a compiler.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TEST_TOOLS_PROGRAMBUILDER_H
#define LPU_TEST_TOOLS_PROGRAMBUILDER_H

#include "lpu/Binary/Package.h"
#include "lpu/Support/Check.h"
#include <map>

namespace lpu::test {

using FieldValues = std::vector<std::pair<const char *, int64_t>>;

inline isa::Instruction make(llvm::StringRef name, const FieldValues &values,
                             unsigned count = 1, unsigned interval = 1) {
  const isa::InstructionInfo *info = isa::lookup(name);
  LPU_CHECK(info, "a known instruction");
  isa::Instruction inst;
  inst.opcode = info->opcode;
  inst.count = uint16_t(count);
  inst.interval = uint8_t(interval);
  for (unsigned i = 0; i < info->fields.size(); ++i)
    if (info->fields[i].kind == isa::FieldKind::Operand)
      inst.fields[i] = isa::Operand().encode(); // absent
  for (auto &[field, value] : values) {
    bool found = false;
    for (unsigned i = 0; i < info->fields.size(); ++i)
      if (llvm::StringRef(info->fields[i].name) == field) {
        inst.fields[i] = value;
        found = true;
      }
    LPU_CHECK(found, "a known field");
  }
  return inst;
}

inline int64_t stream(bool west, unsigned number, isa::ElementType type,
                      bool last = true) {
  isa::Operand operand;
  operand.kind = isa::Operand::Stream;
  operand.stream = {west, uint8_t(number), type, last};
  return operand.encode();
}
inline int64_t history(unsigned alu, unsigned age) {
  isa::Operand operand;
  operand.kind = isa::Operand::History;
  operand.alu = uint8_t(alu);
  operand.age = uint8_t(age);
  return operand.encode();
}
inline int64_t special(isa::Operand::Kind kind) {
  isa::Operand operand;
  operand.kind = kind;
  return operand.encode();
}
inline int64_t dest(bool west, unsigned number, isa::ElementType type) {
  isa::Dest d;
  d.present = true;
  d.west = west;
  d.stream = uint8_t(number);
  d.type = type;
  return d.encode();
}

class ProgramBuilder {
public:
  explicit ProgramBuilder(Machine m) { package.machine = std::move(m); }
  const Machine &machine() const { return package.machine; }

  /// Issues \p inst at \p cycle; calls for one queue in increasing order.
  void at(uint64_t cycle, Unit unit, unsigned index, isa::Instruction inst) {
    Queue &queue = queues[package.machine.queueNumber(unit, index)];
    LPU_CHECK(cycle >= queue.free && cycle - queue.free < 65536,
              "issue cycles of a queue increase, in steps a wait can hold");
    inst.wait = uint16_t(cycle - queue.free);
    queue.free = cycle + uint64_t(inst.count - 1) * inst.interval + 1;
    queue.text.push_back(inst);
  }
  /// The words of a queue as they are, legal or not; no halt is added.
  void text(Unit unit, unsigned index, const std::vector<isa::Word> &words) {
    queues[package.machine.queueNumber(unit, index)].words = words;
  }
  void row(unsigned slice, unsigned bank, unsigned number,
           llvm::ArrayRef<uint8_t> bytes) {
    image[{slice, bank, number}] = bytes.vec();
  }

  /// \p chips chips of one class; every queue gets its halt and a text segment
  /// in bank 1 of a text slice, from the highest row downwards.
  Package build(unsigned chips = 1) {
    const Machine &m = package.machine;
    ChipClass chipClass;
    unsigned top = m.rows;
    for (auto &[number, queue] : queues) {
      std::vector<isa::Word> words = queue.words;
      if (words.empty()) {
        queue.text.push_back(make("halt", {}));
        for (const isa::Instruction &inst : queue.text)
          words.push_back(isa::encode(inst));
      }
      const unsigned perRow = m.instructionsPerRow();
      const unsigned rows = unsigned(words.size() + perRow - 1) / perRow;
      top -= rows;
      const unsigned slice = m.textSlices.front();
      std::vector<uint8_t> bytes(size_t(rows) * m.lanes);
      for (size_t i = 0; i < words.size(); ++i)
        std::copy(words[i].begin(), words[i].end(), bytes.begin() + i * 16);
      image[{slice, 1, top}] = std::move(bytes);
      chipClass.text.push_back({number, slice, 1, top, rows});
    }
    package.classes.push_back(chipClass);
    Chip chip;
    auto kept = std::make_shared<decltype(image)>(std::move(image));
    package.storage.push_back(kept);
    for (auto &[place, bytes] : *kept) {
      auto [slice, bank, number] = place;
      const unsigned rows = unsigned(bytes.size() / package.machine.lanes);
      chip.image.push_back({slice, bank, number, rows, bytes});
    }
    package.chips.assign(chips, chip);
    return std::move(package);
  }

private:
  struct Queue {
    uint64_t free = 0;
    std::vector<isa::Instruction> text;
    std::vector<isa::Word> words; // instead of `text`, if there are any
  };
  Package package;
  std::map<unsigned, Queue> queues;
  std::map<std::tuple<unsigned, unsigned, unsigned>, std::vector<uint8_t>>
      image;
};

} // namespace lpu::test

#endif // LPU_TEST_TOOLS_PROGRAMBUILDER_H
