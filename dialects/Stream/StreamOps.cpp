//===- StreamOps.cpp - the stream dialect: syntax -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Stream/StreamOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/StringExtras.h"

using namespace lpu;
using namespace lpu::stream;

//===----------------------------------------------------------------------===//
// The property of an access
//===----------------------------------------------------------------------===//

mlir::Attribute stream::convertToAttribute(mlir::MLIRContext *context,
                                           const RowPattern &rows) {
  return mlir::DenseI64ArrayAttr::get(
      context, {rows.chunk, rows.row, rows.stride, rows.inner, rows.stride2});
}

llvm::LogicalResult stream::convertFromAttribute(
    RowPattern &rows, mlir::Attribute attribute,
    llvm::function_ref<mlir::InFlightDiagnostic()> emitError) {
  auto numbers = llvm::dyn_cast_or_null<mlir::DenseI64ArrayAttr>(attribute);
  if (!numbers || numbers.size() != 5)
    return emitError() << "expected [chunk, row, stride, inner, stride2]";
  rows = {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]};
  return mlir::success();
}

llvm::hash_code stream::hashRows(const RowPattern &rows) {
  return llvm::hash_combine(rows.chunk, rows.row, rows.stride, rows.inner,
                            rows.stride2);
}

std::string stream::tileName(llvm::StringRef label) {
  std::string name;
  for (char c : label)
    if (llvm::isAlnum(c))
      name += c;
    else if (!name.empty() && name.back() != '_')
      name += '_';
  while (!name.empty() && name.back() == '_')
    name.pop_back();
  if (name.empty())
    return "tile";
  return llvm::isDigit(name.front()) ? "tile_" + name : name;
}

//===----------------------------------------------------------------------===//
// Custom pieces of the declarative formats
//===----------------------------------------------------------------------===//

static mlir::ParseResult parseChunk(mlir::OpAsmParser &parser, int64_t &chunk) {
  chunk = 0;
  if (parser.parseOptionalKeyword("chunk").succeeded())
    return parser.parseInteger(chunk);
  return mlir::success();
}

static void printChunk(mlir::OpAsmPrinter &printer, int64_t chunk) {
  if (chunk)
    printer << " chunk " << chunk;
}

/// [i] chunk 1
static mlir::ParseResult parseRows(mlir::OpAsmParser &parser,
                                   RowPattern &rows) {
  rows = RowPattern();
  if (parser.parseLSquare())
    return mlir::failure();
  mlir::OptionalParseResult first = parser.parseOptionalInteger(rows.row);
  if (first.has_value() && mlir::failed(*first))
    return mlir::failure();
  bool isConstant = first.has_value() && parser.parseOptionalPlus().failed();
  auto factor = [&](int64_t &stride) -> mlir::ParseResult {
    stride = 1;
    if (parser.parseOptionalStar().succeeded())
      return parser.parseInteger(stride);
    return mlir::success();
  };
  if (isConstant) {
    rows.stride = 0;
  } else {
    if (parser.parseKeyword("i"))
      return mlir::failure();
    if (parser.parseOptionalKeyword("mod").succeeded()) {
      int64_t again;
      llvm::SMLoc location = parser.getCurrentLocation();
      if (parser.parseInteger(rows.inner) || factor(rows.stride) ||
          parser.parsePlus() || parser.parseKeyword("i") ||
          parser.parseKeyword("div") || parser.parseInteger(again) ||
          factor(rows.stride2))
        return mlir::failure();
      if (rows.inner != again || rows.inner < 1)
        return parser.emitError(location, "mod and div take the same positive "
                                          "number of inner iterations");
    } else if (factor(rows.stride)) {
      return mlir::failure();
    }
  }
  return mlir::failure(parser.parseRSquare() || parseChunk(parser, rows.chunk));
}

static void printRows(mlir::OpAsmPrinter &printer, mlir::Operation *,
                      const RowPattern &rows) {
  auto factor = [&](int64_t stride) {
    if (stride != 1)
      printer << " * " << stride;
  };
  printer << '[';
  if (!rows.inner && !rows.stride) {
    printer << rows.row;
  } else {
    if (rows.row)
      printer << rows.row << " + ";
    printer << 'i';
    if (rows.inner)
      printer << " mod " << rows.inner;
    factor(rows.stride);
    if (rows.inner) {
      printer << " + i div " << rows.inner;
      factor(rows.stride2);
    }
  }
  printer << ']';
  printChunk(printer, rows.chunk);
}

/// [32] chunk 1
static mlir::ParseResult parseFirstRow(mlir::OpAsmParser &parser, int64_t &row,
                                       int64_t &chunk) {
  return mlir::failure(parser.parseLSquare() || parser.parseInteger(row) ||
                       parser.parseRSquare() || parseChunk(parser, chunk));
}

static void printFirstRow(mlir::OpAsmPrinter &printer, mlir::Operation *,
                          int64_t row, int64_t chunk) {
  printer << '[' << row << ']';
  printChunk(printer, chunk);
}

/// Number of lanes for a group code; `all` is the default and not written.
static mlir::ParseResult parseLaneGroup(mlir::OpAsmParser &parser,
                                        int64_t &group) {
  int64_t lanes;
  llvm::SMLoc location = parser.getCurrentLocation();
  if (parser.parseInteger(lanes))
    return mlir::failure();
  for (group = 0; group < 15; ++group)
    if (lanes == int64_t(16) << group)
      return mlir::success();
  return parser.emitError(location, "a group has 16, 32, 64, ... lanes");
}

static void printLaneGroup(mlir::OpAsmPrinter &printer, mlir::Operation *,
                           int64_t group) {
  printer << (int64_t(16) << (group & 15));
}

/// [#stream.source<...>, ...], one per line.
static mlir::ParseResult parseSources(mlir::OpAsmParser &parser,
                                      mlir::ArrayAttr &sources) {
  llvm::SmallVector<mlir::Attribute> list;
  auto parseSource = [&] { return parser.parseAttribute(list.emplace_back()); };
  if (parser.parseCommaSeparatedList(mlir::AsmParser::Delimiter::Square,
                                     parseSource))
    return mlir::failure();
  sources = parser.getBuilder().getArrayAttr(list);
  return mlir::success();
}

static void printSources(mlir::OpAsmPrinter &printer, mlir::Operation *,
                         mlir::ArrayAttr sources) {
  printer << '[';
  printer.increaseIndent();
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources.size() > 1) {
      printer << (i ? "," : "");
      printer.printNewline();
    }
    printer << sources[i];
  }
  printer.decreaseIndent();
  printer << ']';
}

/// (%product: !stream.vector<f32>) { ... }
static mlir::ParseResult parseEpilogue(mlir::OpAsmParser &parser,
                                       mlir::Region &region) {
  mlir::OpAsmParser::Argument product;
  if (parser.parseLParen() ||
      parser.parseArgument(product, /*allowType=*/true) ||
      parser.parseRParen() || parser.parseRegion(region, product))
    return mlir::failure();
  if (region.empty())
    region.emplaceBlock();
  return mlir::success();
}

static void printEpilogue(mlir::OpAsmPrinter &printer, mlir::Operation *,
                          mlir::Region &region) {
  printer << '(';
  llvm::interleaveComma(region.getArguments(), printer,
                        [&](mlir::BlockArgument argument) {
                          printer.printRegionArgument(argument);
                        });
  printer << ") ";
  printer.printRegion(region, /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
}

static mlir::ParseResult parseSplat(mlir::OpAsmParser &parser,
                                    mlir::TypedAttr &value,
                                    mlir::Type &result) {
  llvm::SMLoc location = parser.getCurrentLocation();
  if (parser.parseAttribute(value))
    return mlir::failure();
  result = VectorType::getChecked([&] { return parser.emitError(location); },
                                  parser.getContext(), value.getType());
  return mlir::failure(!result);
}

static void printSplat(mlir::OpAsmPrinter &printer, mlir::Operation *,
                       mlir::TypedAttr value, mlir::Type) {
  printer << value;
}

//===----------------------------------------------------------------------===//
// Generated definitions
//===----------------------------------------------------------------------===//

#include "dialects/Stream/StreamDialect.cpp.inc"
#include "dialects/Stream/StreamInterfaces.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Stream/StreamOps.cpp.inc"

void StreamDialect::initialize() {
  registerTypesAndAttributes();
  addOperations<
#define GET_OP_LIST
#include "dialects/Stream/StreamOps.cpp.inc"
      >();
}
