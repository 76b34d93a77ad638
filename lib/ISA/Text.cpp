//===- Text.cpp - the textual form of instructions ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/ISA/Text.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"

using namespace lpu;
using namespace lpu::isa;

static const char *const typeNames[] = {"i8", "u8", "i16", "f16", "i32", "f32"};

const char *isa::elementTypeName(ElementType type) {
  return typeNames[unsigned(type)];
}

std::optional<ElementType> isa::elementTypeFromName(llvm::StringRef name) {
  for (unsigned i = 0; i < std::size(typeNames); ++i)
    if (name == typeNames[i])
      return ElementType(i);
  return std::nullopt;
}

FieldStyle isa::fieldStyle(const FieldInfo &field) {
  llvm::StringRef name = field.name;
  switch (field.kind) {
  case FieldKind::Operand:
    return FieldStyle::Operand;
  case FieldKind::Dest:
    return FieldStyle::Dest;
  case FieldKind::Imm:
    return FieldStyle::Hex;
  case FieldKind::Signed:
    return FieldStyle::Number;
  case FieldKind::Unsigned:
    break;
  }
  if (name.ends_with("dir"))
    return FieldStyle::Direction;
  if (name == "group")
    return FieldStyle::Group;
  if (field.width == 64)
    return FieldStyle::Hex;
  return field.width == 1 && name != "bank" ? FieldStyle::Flag
                                            : FieldStyle::Number;
}

bool isa::alwaysWritten(const FieldInfo &field) {
  if (fieldStyle(field) == FieldStyle::Direction)
    return true;
  return llvm::StringSwitch<bool>(field.name)
      .Cases({"bank", "offset", "stream", "astream", "ostream"}, true)
      .Cases({"amount", "group", "acc", "value", "at"}, true)
      .Default(false);
}

static void printOperand(const Operand &operand, llvm::raw_ostream &os) {
  switch (operand.kind) {
  case Operand::Stream:
    os << '<' << (operand.stream.west ? "west " : "east ")
       << unsigned(operand.stream.stream) << ' '
       << elementTypeName(operand.stream.type)
       << (operand.stream.last ? " last>" : ">");
    return;
  case Operand::History:
    os << "<alu " << unsigned(operand.alu) << " age " << unsigned(operand.age)
       << '>';
    return;
  case Operand::Immediate:
    os << "<imm>";
    return;
  case Operand::Lane:
    os << "<lane>";
    return;
  case Operand::Constant:
    os << "<const>";
    return;
  case Operand::Absent:
    os << "<none>";
    return;
  }
}

void isa::printFields(const Instruction &instruction, llvm::raw_ostream &os) {
  llvm::ArrayRef<FieldInfo> fields = instruction.info().fields;
  const char *separator = "";
  for (unsigned i = 0; i < fields.size(); ++i) {
    const FieldInfo &field = fields[i];
    int64_t value = instruction.get(i);
    FieldStyle style = fieldStyle(field);
    if (style == FieldStyle::Operand) {
      // Every instruction needs its operands: an absent one is shown.
      os << separator << field.name << " = ";
      printOperand(instruction.operand(i), os);
      separator = ", ";
      continue;
    }
    if (value == 0 && !alwaysWritten(field))
      continue;
    os << separator << field.name;
    separator = ", ";
    switch (style) {
    case FieldStyle::Flag:
      break;
    case FieldStyle::Number:
      os << " = " << value;
      break;
    case FieldStyle::Hex:
      os << " = 0x"
         << llvm::format_hex_no_prefix(uint64_t(value), field.width / 4);
      break;
    case FieldStyle::Direction:
      os << (value ? " = west" : " = east");
      break;
    case FieldStyle::Group:
      if (value == 15)
        os << " = all";
      else
        os << " = " << (16ull << value);
      break;
    case FieldStyle::Dest: {
      Dest dest = instruction.dest(i);
      os << " = <" << (dest.west ? "west " : "east ") << unsigned(dest.stream)
         << ' ' << elementTypeName(dest.type) << '>';
      break;
    }
    case FieldStyle::Operand:
      llvm_unreachable("handled above");
    }
  }
}

std::string isa::toString(const Instruction &instruction) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << instruction.info().name;
  if (instruction.count != 1)
    os << " repeat " << instruction.count << " every "
       << unsigned(instruction.interval);
  std::string fields;
  llvm::raw_string_ostream fieldStream(fields);
  printFields(instruction, fieldStream);
  if (!fields.empty())
    os << ' ' << fields;
  return text;
}
