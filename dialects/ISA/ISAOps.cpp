//===- ISAOps.cpp - the isa dialect: structure and verification -----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/ISA/ISAOps.h"
#include "dialects/ISA/Translate.h"
#include "lpu/ISA/Text.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/StringExtras.h"

using namespace lpu;
using namespace lpu::isa;

//===----------------------------------------------------------------------===//
// Custom pieces of the declarative formats
//===----------------------------------------------------------------------===//

static mlir::ParseResult parseUnit(mlir::OpAsmParser &parser, uint32_t &unit) {
  llvm::StringRef word;
  llvm::SMLoc location = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return mlir::failure();
  for (unit = 0; unit < numUnitKinds; ++unit)
    if (word == unitName(Unit(unit)))
      return mlir::success();
  auto diagnostic = parser.emitError(location, "unknown unit '")
                    << word << "'; known:";
  for (unsigned kind = 0; kind < numUnitKinds; ++kind)
    diagnostic << ' ' << unitName(Unit(kind));
  return diagnostic;
}

static void printUnit(mlir::OpAsmPrinter &printer, mlir::Operation *,
                      uint32_t unit) {
  // Unverified IR is printed too.
  printer << (unit < numUnitKinds ? unitName(Unit(unit)) : "invalid");
}

static mlir::ParseResult parseChipType(mlir::OpAsmParser &parser,
                                       uint32_t &type) {
  llvm::StringRef word;
  llvm::SMLoc location = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return mlir::failure();
  std::optional<ElementType> found = elementTypeFromName(word);
  if (!found)
    return parser.emitError(location, "unknown element type '") << word << "'";
  type = uint32_t(*found);
  return mlir::success();
}

static void printChipType(mlir::OpAsmPrinter &printer, mlir::Operation *,
                          uint32_t type) {
  printer << (type <= uint32_t(ElementType::f32)
                  ? elementTypeName(ElementType(type))
                  : "invalid");
}

/// ["0102", "ff"], one string per row and line.
static mlir::ParseResult parseHexRows(mlir::OpAsmParser &parser,
                                      mlir::ArrayAttr &rows) {
  llvm::SmallVector<mlir::Attribute> strings;
  auto parseRow = [&]() -> mlir::ParseResult {
    std::string row;
    llvm::SMLoc location = parser.getCurrentLocation();
    if (parser.parseString(&row))
      return mlir::failure();
    if (row.size() % 2 != 0 || !llvm::all_of(row, llvm::isHexDigit))
      return parser.emitError(location, "expected pairs of hex digits");
    strings.push_back(parser.getBuilder().getStringAttr(row));
    return mlir::success();
  };
  if (parser.parseCommaSeparatedList(mlir::AsmParser::Delimiter::Square,
                                     parseRow))
    return mlir::failure();
  rows = parser.getBuilder().getArrayAttr(strings);
  return mlir::success();
}

static void printHexRows(mlir::OpAsmPrinter &printer, mlir::Operation *,
                         mlir::ArrayAttr rows) {
  printer << '[';
  printer.increaseIndent();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows.size() > 1) {
      printer << (i ? "," : "");
      printer.printNewline();
    }
    printer << rows[i];
  }
  printer.decreaseIndent();
  printer << ']';
}

/// (chip slice bank row) (chip slice bank row) ...
static mlir::ParseResult parseColumns(mlir::OpAsmParser &parser,
                                      mlir::DenseI64ArrayAttr &columns) {
  llvm::SmallVector<int64_t> numbers;
  while (parser.parseOptionalLParen().succeeded()) {
    for (unsigned i = 0; i < 4; ++i)
      if (parser.parseInteger(numbers.emplace_back()))
        return mlir::failure();
    if (parser.parseRParen())
      return mlir::failure();
  }
  columns = parser.getBuilder().getDenseI64ArrayAttr(numbers);
  return mlir::success();
}

static void printColumns(mlir::OpAsmPrinter &printer, mlir::Operation *,
                         mlir::DenseI64ArrayAttr columns) {
  llvm::ArrayRef<int64_t> numbers = columns;
  for (size_t i = 0; i + 4 <= numbers.size(); i += 4)
    printer << (i ? " (" : "(") << numbers[i] << ' ' << numbers[i + 1] << ' '
            << numbers[i + 2] << ' ' << numbers[i + 3] << ')';
}

//===----------------------------------------------------------------------===//
// Generated definitions
//===----------------------------------------------------------------------===//

#include "dialects/ISA/ISADialect.cpp.inc"
#include "dialects/ISA/ISAInterfaces.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/ISA/ISAOps.cpp.inc"

void ISADialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/ISA/ISAOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

mlir::LogicalResult QueueOp::verify() {
  if (getUnit() >= numUnitKinds)
    return emitOpError() << "unit " << getUnit() << " does not exist";
  if (std::optional<llvm::ArrayRef<int64_t>> text = getText())
    if (text->size() != 3 || llvm::any_of(*text, [](int64_t value) {
          return value < 0 || value > 65535;
        }))
      return emitOpError() << "text is [slice, bank, row]";
  return mlir::success();
}

mlir::LogicalResult ImageOp::verify() {
  unsigned contents = getHex().has_value() + getSplat().has_value() +
                      getRandom().has_value() + getFile().has_value();
  if (contents > 1)
    return emitOpError() << "has more than one of hex, splat, random, file";
  if (std::optional<mlir::ArrayAttr> hex = getHex())
    if (hex->size() != getRows())
      return emitOpError() << "has " << getRows() << " rows, but "
                           << hex->size() << " strings";
  if (getSplat() && (*getSplat() < 0 || *getSplat() > 255))
    return emitOpError() << "splat is one byte, 0 .. 255; given "
                         << *getSplat();
  if (getFile().has_value() != getOffset().has_value() ||
      (getOffset() && *getOffset() < 0))
    return emitOpError() << "file and offset (>= 0) belong together";
  return mlir::success();
}

/// Ops of one kind are numbered from 0 in order.
template <typename OpT> static mlir::LogicalResult verifyNumbers(ProgramOp op) {
  unsigned expected = 0;
  for (OpT numbered : op.getOps<OpT>())
    if (numbered.getNumber() != expected++)
      return numbered.emitOpError() << "has number " << numbered.getNumber()
                                    << "; the next is " << expected - 1;
  return mlir::success();
}

static mlir::LogicalResult verifyQueues(ChipClassOp chipClass,
                                        const Machine &machine) {
  llvm::DenseMap<const QueueItem *, mlir::Operation *> operations;
  // Kept alive for the pointers in the map.
  std::vector<QueueProgram> queues = readQueues(chipClass, &operations);
  bool failed = false;
  // The generic syntax spells the opcode twice.
  chipClass.walk([&](InstructionOpInterface op) {
    if (op->getName().stripDialect() == op.getInstruction().info().name)
      return;
    op->emitOpError() << "holds an instruction "
                      << op.getInstruction().info().name;
    failed = true;
  });
  llvm::DenseMap<std::pair<unsigned, unsigned>, mlir::Operation *> seen;
  size_t number = 0;
  for (QueueOp queue : chipClass.getOps<QueueOp>()) {
    auto [entry, inserted] =
        seen.try_emplace({queue.getUnit(), queue.getIndex()}, queue);
    if (!inserted) {
      queue.emitOpError() << "is given twice";
      failed = true;
    }
    const QueueProgram &program = queues[number++];
    checkQueue(program, machine,
               [&](const QueueItem *item, const std::string &what) {
                 mlir::Operation *op =
                     item ? operations.lookup(item) : queue.getOperation();
                 op->emitOpError() << what;
                 failed = true;
               });
    if (program.items.empty() || program.items.back().isLoop() ||
        program.items.back().inst.opcode != Opcode::halt) {
      queue.emitOpError() << "does not end in isa.halt";
      failed = true;
    }
  }
  return mlir::failure(failed);
}

mlir::LogicalResult ProgramOp::verifyRegions() {
  llvm::Expected<Machine> machine = programMachine(getMachine());
  if (!machine)
    return emitOpError() << toString(machine.takeError());
  if (failed(verifyNumbers<ChipClassOp>(*this)) ||
      failed(verifyNumbers<ChipOp>(*this)))
    return mlir::failure();
  bool allGood = true;
  for (ChipClassOp chipClass : getOps<ChipClassOp>())
    allGood &= succeeded(verifyQueues(chipClass, *machine));
  // Chips, wires and bindings are judged by the encoder (assemble), which
  // knows the text rows as well.
  return mlir::success(allGood);
}
