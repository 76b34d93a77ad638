//===- InstructionOps.cpp - syntax of the instruction ops -----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/ISA/ISAOps.h"
#include "lpu/ISA/Text.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/SmallString.h"

using namespace lpu;
using namespace lpu::isa;

//===----------------------------------------------------------------------===//
// The property
//===----------------------------------------------------------------------===//

/// Absent operands, zero everywhere else.
static Instruction emptyInstruction(Opcode opcode) {
  Instruction instruction;
  instruction.opcode = opcode;
  llvm::ArrayRef<FieldInfo> fields = instruction.info().fields;
  for (unsigned i = 0; i < fields.size(); ++i)
    if (fields[i].kind == FieldKind::Operand)
      instruction.fields[i] = Operand().encode();
  return instruction;
}

llvm::hash_code isa::hashInstruction(const Instruction &instruction) {
  return llvm::hash_combine(instruction.opcode, instruction.count,
                            instruction.interval,
                            llvm::hash_combine_range(instruction.fields.begin(),
                                                     instruction.fields.end()));
}

mlir::Attribute isa::convertToAttribute(mlir::MLIRContext *context,
                                        const Instruction &instruction) {
  mlir::Builder builder(context);
  llvm::SmallVector<mlir::NamedAttribute> entries;
  const InstructionInfo &info = instruction.info();
  entries.push_back(
      builder.getNamedAttr("opcode", builder.getStringAttr(info.name)));
  entries.push_back(builder.getNamedAttr(
      "count", builder.getI64IntegerAttr(instruction.count)));
  entries.push_back(builder.getNamedAttr(
      "interval", builder.getI64IntegerAttr(instruction.interval)));
  for (unsigned i = 0; i < info.fields.size(); ++i)
    entries.push_back(builder.getNamedAttr(
        info.fields[i].name, builder.getI64IntegerAttr(instruction.get(i))));
  return builder.getDictionaryAttr(entries);
}

llvm::LogicalResult isa::convertFromAttribute(
    Instruction &instruction, mlir::Attribute attribute,
    llvm::function_ref<mlir::InFlightDiagnostic()> emitError) {
  auto dictionary = llvm::dyn_cast_or_null<mlir::DictionaryAttr>(attribute);
  auto name = dictionary ? dictionary.getAs<mlir::StringAttr>("opcode")
                         : mlir::StringAttr();
  const InstructionInfo *info = name ? lookup(name.getValue()) : nullptr;
  if (!info)
    return emitError() << "expected a dictionary with a known opcode";
  instruction = emptyInstruction(info->opcode);
  for (mlir::NamedAttribute entry : dictionary) {
    llvm::StringRef key = entry.getName();
    if (key == "opcode")
      continue;
    auto value = llvm::dyn_cast<mlir::IntegerAttr>(entry.getValue());
    if (!value || value.getValue().getBitWidth() > 64)
      return emitError() << "expected an integer for '" << key << "'";
    int64_t number = value.getValue().getSExtValue();
    if (key == "count" || key == "interval") {
      if (number < 1 || number > (key == "count" ? 65535 : 255))
        return emitError() << key << " = " << number << " is out of range";
      if (key == "count")
        instruction.count = uint16_t(number);
      else
        instruction.interval = uint8_t(number);
      continue;
    }
    auto *field = llvm::find_if(
        info->fields, [&](const FieldInfo &f) { return key == f.name; });
    if (field == info->fields.end())
      return emitError() << info->name << " has no field '" << key << "'";
    instruction.fields[field - info->fields.begin()] = number;
    // Operands are decoded by accessors that trust them.
    if ((field->kind == FieldKind::Operand &&
         (uint64_t(number) >> 14 || !Operand::decode(uint16_t(number)))) ||
        (field->kind == FieldKind::Dest &&
         (uint64_t(number) >> 12 || !Dest::decode(uint16_t(number)))))
      return emitError() << "field '" << key << "' is no operand";
  }
  return mlir::success();
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

namespace {

class FieldParser {
public:
  FieldParser(mlir::OpAsmParser &parser, Instruction &instruction)
      : parser(parser), instruction(instruction), info(instruction.info()) {}

  mlir::ParseResult parse() {
    llvm::SmallVector<llvm::StringRef> names;
    for (const FieldInfo &field : info.fields)
      names.push_back(field.name);
    llvm::StringRef name;
    if (names.empty() || parser.parseOptionalKeyword(&name, names).failed())
      return mlir::success();
    do {
      location = parser.getCurrentLocation();
      if (name.empty() && parser.parseKeyword(&name))
        return mlir::failure();
      if (parseField(name))
        return mlir::failure();
      name = {};
    } while (parser.parseOptionalComma().succeeded());
    return mlir::success();
  }

private:
  mlir::OpAsmParser &parser;
  Instruction &instruction;
  const InstructionInfo &info;
  unsigned seen = 0;

  llvm::SMLoc location; // of the field or operand being read

  mlir::ParseResult error(const llvm::Twine &what) {
    return parser.emitError(location, what);
  }

  mlir::ParseResult parseField(llvm::StringRef name) {
    auto *field = llvm::find_if(
        info.fields, [&](const FieldInfo &f) { return name == f.name; });
    if (field == info.fields.end())
      return error(llvm::Twine(info.name) + " has no field '" + name + "'");
    unsigned number = field - info.fields.begin();
    if (seen >> number & 1)
      return error("field '" + name + "' is given twice");
    seen |= 1u << number;
    int64_t &value = instruction.fields[number];
    FieldStyle style = fieldStyle(*field);
    if (style == FieldStyle::Flag) {
      value = 1;
      return mlir::success();
    }
    if (parser.parseEqual())
      return mlir::failure();
    switch (style) {
    case FieldStyle::Flag:
      llvm_unreachable("handled above");
    case FieldStyle::Number:
      return parseNumber(*field, value);
    case FieldStyle::Hex:
      if (parser.parseOptionalKeyword("f32").succeeded())
        return parseFloat(value);
      return parseNumber(*field, value);
    case FieldStyle::Direction:
      return parseDirection(value);
    case FieldStyle::Group:
      return parseGroup(value);
    case FieldStyle::Operand:
      return parseOperand(value);
    case FieldStyle::Dest:
      return parseDest(value);
    }
    llvm_unreachable("all styles handled");
  }

  mlir::ParseResult parseNumber(const FieldInfo &field, int64_t &value) {
    llvm::APInt number;
    mlir::OptionalParseResult result = parser.parseOptionalInteger(number);
    if (!result.has_value())
      return error("expected an integer");
    if (*result)
      return mlir::failure();
    // The literal's own sign bit is in front; negative literals of unsigned
    // fields are their two's complement.
    bool isSigned = field.kind == FieldKind::Signed;
    bool fits =
        number.getSignificantBits() <=
            unsigned(field.width) + (isSigned ? 0 : 1) &&
        (isSigned || field.kind == FieldKind::Imm || !number.isNegative());
    if (!fits)
      return error(llvm::Twine(field.name) + " does not fit " +
                   llvm::Twine(unsigned(field.width)) +
                   (isSigned ? " signed bits" : " bits"));
    llvm::APInt bits = number.sextOrTrunc(64);
    value = isSigned ? bits.getSExtValue()
                     : int64_t(bits.getZExtValue() &
                               llvm::maskTrailingOnes<uint64_t>(field.width));
    return mlir::success();
  }

  mlir::ParseResult parseFloat(int64_t &value) {
    double number;
    if (parser.parseFloat(number))
      return mlir::failure();
    value = llvm::bit_cast<uint32_t>(float(number));
    return mlir::success();
  }

  template <typename T> mlir::ParseResult parseDirection(T &west) {
    llvm::StringRef word;
    if (parser.parseOptionalKeyword(&word, {"east", "west"}).failed())
      return error("expected 'east' or 'west'");
    west = word == "west";
    return mlir::success();
  }

  mlir::ParseResult parseGroup(int64_t &value) {
    if (parser.parseOptionalKeyword("all").succeeded()) {
      value = 15;
      return mlir::success();
    }
    int64_t lanes;
    if (parser.parseInteger(lanes))
      return mlir::failure();
    for (value = 0; value < 15; ++value)
      if (lanes == int64_t(16) << value)
        return mlir::success();
    return error("a group has 16, 32, 64, ... lanes or is 'all'");
  }

  mlir::ParseResult parseSmall(uint8_t &value, const char *what) {
    uint64_t number;
    if (parser.parseInteger(number))
      return mlir::failure();
    if (number > 63)
      return error(llvm::Twine(what) + " " + llvm::Twine(number) +
                   " does not fit 6 bits");
    value = uint8_t(number);
    return mlir::success();
  }

  mlir::ParseResult parseType(ElementType &type) {
    llvm::StringRef word;
    if (parser.parseKeyword(&word))
      return mlir::failure();
    std::optional<ElementType> found = elementTypeFromName(word);
    if (!found)
      return error("unknown element type '" + word +
                   "'; known: i8, u8, i16, f16, i32, f32");
    type = *found;
    return mlir::success();
  }

  mlir::ParseResult parseOperand(int64_t &value) {
    Operand operand;
    llvm::StringRef word;
    if (parser.parseLess() || parser.parseKeyword(&word))
      return mlir::failure();
    if (word == "east" || word == "west") {
      operand.kind = Operand::Stream;
      operand.stream.west = word == "west";
      if (parseSmall(operand.stream.stream, "stream") ||
          parseType(operand.stream.type))
        return mlir::failure();
      operand.stream.last = parser.parseOptionalKeyword("last").succeeded();
    } else if (word == "alu") {
      operand.kind = Operand::History;
      if (parseSmall(operand.alu, "ALU") || parser.parseKeyword("age") ||
          parseSmall(operand.age, "age"))
        return mlir::failure();
      if (operand.alu > 31)
        return error("an ALU number has 5 bits");
    } else if (word == "imm") {
      operand.kind = Operand::Immediate;
    } else if (word == "lane") {
      operand.kind = Operand::Lane;
    } else if (word == "const") {
      operand.kind = Operand::Constant;
    } else if (word != "none") {
      return error("expected an operand: <east|west stream type [last]>, "
                   "<alu n age a>, <imm>, <lane>, <const> or <none>");
    }
    value = operand.encode();
    return parser.parseGreater();
  }

  mlir::ParseResult parseDest(int64_t &value) {
    Dest dest;
    dest.present = true;
    if (parser.parseLess() || parseDirection(dest.west) ||
        parseSmall(dest.stream, "stream") || parseType(dest.type))
      return mlir::failure();
    value = dest.encode();
    return parser.parseGreater();
  }
};

} // namespace

mlir::ParseResult isa::parseInstruction(mlir::OpAsmParser &parser,
                                        mlir::OperationState &result,
                                        Opcode opcode, uint64_t &at,
                                        Instruction &instruction) {
  instruction = emptyInstruction(opcode);
  if (parser.parseKeyword("at") || parser.parseInteger(at))
    return mlir::failure();
  if (parser.parseOptionalKeyword("repeat").succeeded()) {
    uint64_t count, interval;
    llvm::SMLoc location = parser.getCurrentLocation();
    if (parser.parseInteger(count) || parser.parseKeyword("every") ||
        parser.parseInteger(interval))
      return mlir::failure();
    if (count < 2 || count > 65535 || interval < 1 || interval > 255)
      return parser.emitError(location, "repeat 2 .. 65535 every 1 .. 255; "
                                        "given ")
             << count << " every " << interval;
    instruction.count = uint16_t(count);
    instruction.interval = uint8_t(interval);
  }
  if (FieldParser(parser, instruction).parse())
    return mlir::failure();
  return parser.parseOptionalAttrDict(result.attributes);
}

void isa::printInstruction(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                           uint64_t at, const Instruction &instruction) {
  printer << " at " << at;
  if (instruction.count != 1)
    printer << " repeat " << instruction.count << " every "
            << unsigned(instruction.interval);
  llvm::SmallString<128> fields;
  llvm::raw_svector_ostream os(fields);
  printFields(instruction, os);
  if (!fields.empty())
    printer << ' ' << fields;
  printer.printOptionalAttrDict(op->getDiscardableAttrDictionary().getValue());
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

template <typename OpT>
static mlir::Operation *create(mlir::OpBuilder &builder,
                               mlir::Location location, uint64_t at,
                               const Instruction &instruction) {
  return OpT::create(builder, location, at, instruction).getOperation();
}

mlir::Operation *isa::createInstruction(mlir::OpBuilder &builder,
                                        mlir::Location location, uint64_t at,
                                        const Instruction &instruction) {
  using Create = decltype(&create<HaltOp>);
  static const auto creators = [] {
    std::array<Create, 256> table{};
#define LPU_INSTRUCTION_OP(OP) table[uint8_t(OP::opcode)] = &create<OP>;
#include "lpu/ISA/InstructionOps.inc"
#undef LPU_INSTRUCTION_OP
    return table;
  }();
  Instruction stored = instruction;
  stored.wait = 0; // not part of the op
  return creators[uint8_t(instruction.opcode)](builder, location, at, stored);
}
