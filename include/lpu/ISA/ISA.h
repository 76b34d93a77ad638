//===- ISA.h - the instruction table and words ------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// C++ view of dialects/ISA/instructions.toml. An Instruction is a decoded word:
// the opcode, the sequencer fields, and the operand fields by number. Field
// numbers and opcodes are generated (dialects/ISA/generate.py): for every
// instruction `mem.read` there is Opcode::mem_read, and for every field a
// constant such as field::mem_read::offset. ALU instructions are alu.add and
// so on: Opcode::alu_add, field::alu_add::a; their fields follow their shape,
// so all binary ones share the numbers of alu_add.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_ISA_ISA_H
#define LPU_ISA_ISA_H

#include "lpu/Target/Machine.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <array>
#include <cstdint>
#include <optional>

namespace lpu::isa {

enum class Opcode : uint8_t {
#define LPU_OPCODE(NAME, CODE) NAME = CODE,
#include "lpu/ISA/Opcodes.inc"
#undef LPU_OPCODE
};

enum class ElementType : uint8_t { i8, u8, i16, f16, i32, f32 };
inline unsigned byteWidth(ElementType type) {
  return type <= ElementType::u8 ? 1 : type <= ElementType::f16 ? 2 : 4;
}

enum class FieldKind : uint8_t { Unsigned, Signed, Operand, Dest, Imm };

struct FieldInfo {
  const char *name;
  FieldKind kind;
  uint8_t bit;   // first bit in the word
  uint8_t width; // bits
};

/// Which delay rule an instruction follows (docs/isa.md).
enum class DelayKind : uint8_t {
  None,
  SramRead,
  SramWrite,
  Alu,
  Transcendental,
  Reduce,
  One,
  Swap,
  Matrix,
  Drain,
  Shuffle,
  Transpose,
  Rest // of the links, behind a resynchronisation
};

struct InstructionInfo {
  Opcode opcode;
  const char *name;         // "mem.read"
  std::optional<Unit> unit; // nullopt: valid in every queue
  bool repeat;              // count may exceed 1
  DelayKind delay;
  llvm::ArrayRef<FieldInfo> fields;
  const char *summary;
};

/// All instructions, by opcode order.
llvm::ArrayRef<InstructionInfo> instructions();
/// nullptr if the opcode does not exist.
const InstructionInfo *lookup(uint8_t opcode);
const InstructionInfo *lookup(llvm::StringRef name);

/// A stream value as a source operand.
struct StreamOperand {
  bool west;
  uint8_t stream;
  ElementType type;
  bool last;
};

/// A decoded 14-bit operand of an ALU instruction.
struct Operand {
  enum Kind : uint8_t { Stream, History, Immediate, Lane, Constant, Absent };
  Kind kind = Absent;
  StreamOperand stream{};   // Stream
  uint8_t alu = 0, age = 0; // History

  uint16_t encode() const;
  /// nullopt for an illegal bit pattern.
  static std::optional<Operand> decode(uint16_t bits);
};

/// A decoded 12-bit destination.
struct Dest {
  bool present = false, west = false;
  uint8_t stream = 0;
  ElementType type = ElementType::f32;

  uint16_t encode() const;
  static std::optional<Dest> decode(uint16_t bits);
};

/// A decoded instruction. Field values are stored sign-extended in the order
/// of InstructionInfo::fields (operands and destinations as their raw bits).
struct Instruction {
  Opcode opcode = Opcode::nop;
  uint16_t wait = 0;
  uint16_t count = 1;
  uint8_t interval = 1;
  std::array<int64_t, 12> fields{};

  const InstructionInfo &info() const;
  int64_t get(unsigned field) const { return fields[field]; }
  Operand operand(unsigned field) const {
    return *Operand::decode(uint16_t(fields[field]));
  }
  Dest dest(unsigned field) const {
    return *Dest::decode(uint16_t(fields[field]));
  }
};

inline bool operator==(const Instruction &a, const Instruction &b) {
  return a.opcode == b.opcode && a.wait == b.wait && a.count == b.count &&
         a.interval == b.interval && a.fields == b.fields;
}

/// Field numbers, e.g. field::mem_read::offset.
namespace field {
#include "lpu/ISA/Fields.inc"
} // namespace field

using Word = std::array<uint8_t, 16>;

/// Encodes; the instruction must be legal (checkLegal).
Word encode(const Instruction &instruction);
/// Decodes; the error says which bits are illegal. Checks everything that does
/// not depend on a machine: known opcode, unused bits zero, field patterns.
llvm::Expected<Instruction> decode(const Word &word);
/// Checks an instruction against a machine and the queue it stands in:
/// stream numbers and alignment, ranges, unit abilities. Empty if legal.
std::string checkLegal(const Instruction &instruction, const Machine &machine,
                       Unit unit, unsigned index);

/// Functional delay in cycles from issue to effect (docs/isa.md): for an ALU
/// the cycle offset in which the result completes (without the output
/// conversion); 0 for control instructions.
unsigned delay(const Instruction &instruction, const Machine &machine);
/// For ALU instructions: cycles from issue to the destination stream.
unsigned streamDelay(const Instruction &instruction, const Machine &machine);

/// One line of assembly, e.g. "mem.read bank=0 reg=1 ... x64 every 2".
std::string toString(const Instruction &instruction);

} // namespace lpu::isa

#endif // LPU_ISA_ISA_H
