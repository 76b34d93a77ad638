//===- StreamTypes.cpp - types and attributes of the stream dialect -------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Stream/StreamOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace lpu;
using namespace lpu::stream;
using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;

//===----------------------------------------------------------------------===//
// !stream.tile<32x384xf16, chunk 320>
//===----------------------------------------------------------------------===//

mlir::Type TileType::parse(mlir::AsmParser &parser) {
  llvm::SmallVector<int64_t> sizes;
  mlir::Type elementType;
  int64_t groupsPerChunk = 1, groupSize = 0;
  llvm::SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(sizes, /*allowDynamic=*/false) ||
      parser.parseType(elementType) || parser.parseComma() ||
      parser.parseKeyword("chunk") || parser.parseInteger(groupSize))
    return {};
  if (parser.parseOptionalKeyword("x").succeeded()) {
    groupsPerChunk = groupSize;
    if (parser.parseInteger(groupSize))
      return {};
  }
  if (parser.parseGreater())
    return {};
  if (sizes.size() != 2) {
    parser.emitError(location, "a tile has rows and features");
    return {};
  }
  return parser.getChecked<TileType>(location, parser.getContext(), sizes[0],
                                     sizes[1], elementType, groupSize,
                                     groupsPerChunk);
}

void TileType::print(mlir::AsmPrinter &printer) const {
  printer << '<' << getRows() << 'x' << getFeatures() << 'x' << getElementType()
          << ", chunk ";
  if (getGroupsPerChunk() != 1)
    printer << getGroupsPerChunk() << " x ";
  printer << getGroupSize() << '>';
}

mlir::LogicalResult TileType::verify(EmitError emitError, int64_t rows,
                                     int64_t features, mlir::Type elementType,
                                     int64_t groupSize,
                                     int64_t groupsPerChunk) {
  if (rows < 1 || features < 1 || groupSize < 1 || groupsPerChunk < 1)
    return emitError() << "a tile needs rows, features and a chunk of at least "
                          "one element";
  bool isStored = elementType.isSignlessInteger(8) ||
                  elementType.isUnsignedInteger(8) ||
                  elementType.isSignlessInteger(16) || elementType.isF16() ||
                  elementType.isSignlessInteger(32) || elementType.isF32();
  if (!isStored)
    return emitError() << "a chip stores i8, ui8, i16, f16, i32 and f32, not "
                       << elementType;
  return mlir::success();
}

VectorType TileType::getVectorType() {
  mlir::Builder builder(getContext());
  bool isFloat = llvm::isa<mlir::FloatType>(getElementType());
  return VectorType::get(getContext(), isFloat
                                           ? mlir::Type(builder.getF32Type())
                                           : builder.getI32Type());
}

mlir::LogicalResult VectorType::verify(EmitError emitError,
                                       mlir::Type elementType) {
  if (!elementType.isF32() && !elementType.isSignlessInteger(32))
    return emitError() << "lanes hold f32 or i32, not " << elementType;
  return mlir::success();
}

//===----------------------------------------------------------------------===//
// #stream.source<f32 from "file"[offset, length] rows [...] features [...]>
//===----------------------------------------------------------------------===//

/// [64 step 384, 2 step 1]
static mlir::ParseResult parseAxes(mlir::AsmParser &parser,
                                   llvm::SmallVectorImpl<int64_t> &axes) {
  return parser.parseCommaSeparatedList(
      mlir::AsmParser::Delimiter::Square, [&]() -> mlir::ParseResult {
        return mlir::failure(parser.parseInteger(axes.emplace_back()) ||
                             parser.parseKeyword("step") ||
                             parser.parseInteger(axes.emplace_back()));
      });
}

static void printAxes(mlir::AsmPrinter &printer, const char *name,
                      llvm::ArrayRef<int64_t> axes) {
  if (axes.empty())
    return;
  printer << name;
  for (size_t i = 0; i + 1 < axes.size(); i += 2)
    printer << (i ? ", " : "") << axes[i] << " step " << axes[i + 1];
  printer << ']';
}

mlir::Attribute SourceAttr::parse(mlir::AsmParser &parser, mlir::Type) {
  mlir::Type elementType;
  mlir::StringAttr file;
  uint64_t fileOffset = 0, fileLength = 0;
  mlir::DenseElementsAttr data;
  int64_t offset = 0, parameter = -1;
  llvm::SmallVector<int64_t> rows, features;
  llvm::SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseType(elementType) ||
      parser.parseKeyword("from"))
    return {};
  std::string path;
  if (parser.parseOptionalString(&path).succeeded()) {
    file = parser.getBuilder().getStringAttr(path);
    if (parser.parseLSquare() || parser.parseInteger(fileOffset) ||
        parser.parseComma() || parser.parseInteger(fileLength) ||
        parser.parseRSquare())
      return {};
  } else if (parser.parseAttribute(data)) {
    return {};
  }
  bool splat = parser.parseOptionalKeyword("splat").succeeded();
  bool offsetBinary = parser.parseOptionalKeyword("offset_binary").succeeded();
  if (parser.parseOptionalKeyword("offset").succeeded() &&
      parser.parseInteger(offset))
    return {};
  if (parser.parseOptionalKeyword("rows").succeeded() &&
      parseAxes(parser, rows))
    return {};
  if (parser.parseOptionalKeyword("features").succeeded() &&
      parseAxes(parser, features))
    return {};
  if (parser.parseOptionalKeyword("parameter").succeeded() &&
      parser.parseInteger(parameter))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<SourceAttr>(
      location, parser.getContext(), elementType, file, fileOffset, fileLength,
      data, splat, offsetBinary, offset, rows, features, parameter);
}

void SourceAttr::print(mlir::AsmPrinter &printer) const {
  printer << '<' << getElementType() << " from ";
  if (getFile())
    printer << getFile() << '[' << getFileOffset() << ", " << getFileLength()
            << ']';
  else
    printer << getData();
  printer << (getSplat() ? " splat" : "")
          << (getOffsetBinary() ? " offset_binary" : "");
  if (getOffset())
    printer << " offset " << getOffset();
  printAxes(printer, " rows [", getRowAxes());
  printAxes(printer, " features [", getFeatureAxes());
  if (getParameter() >= 0)
    printer << " parameter " << getParameter();
  printer << '>';
}

mlir::LogicalResult
SourceAttr::verify(EmitError emitError, mlir::Type elementType,
                   mlir::StringAttr file, uint64_t, uint64_t,
                   mlir::DenseElementsAttr data, bool, bool offsetBinary,
                   int64_t, llvm::ArrayRef<int64_t> rowAxes,
                   llvm::ArrayRef<int64_t> featureAxes, int64_t) {
  bool isKnown =
      elementType.isF16() || elementType.isF32() || elementType.isF64() ||
      elementType.isSignlessInteger(1) || elementType.isSignlessInteger(8) ||
      elementType.isUnsignedInteger(8) || elementType.isSignlessInteger(32) ||
      elementType.isSignlessInteger(64);
  if (!isKnown)
    return emitError() << "source elements are f16, f32, f64, i1, i8, ui8, i32 "
                          "or i64, not "
                       << elementType;
  if (offsetBinary && !elementType.isSignlessInteger(8))
    return emitError() << "offset binary is a form of i8, not of "
                       << elementType;
  if (bool(file) == bool(data))
    return emitError() << "a source is either in a file or given here";
  // Truth values are bytes.
  mlir::Type stored =
      elementType.isInteger(1)
          ? mlir::Type(mlir::IntegerType::get(elementType.getContext(), 8))
          : elementType;
  if (data &&
      (data.getElementType() != stored || data.getType().getRank() != 1))
    return emitError() << "the elements of this source are a tensor<Nx"
                       << stored << ">, not " << data.getType();
  for (llvm::ArrayRef<int64_t> axes : {rowAxes, featureAxes}) {
    if (axes.size() % 2)
      return emitError() << "axes are pairs of size and step";
    for (size_t i = 0; i < axes.size(); i += 2)
      if (axes[i] < 1)
        return emitError() << "an axis of " << axes[i] << " elements";
  }
  return mlir::success();
}

//===----------------------------------------------------------------------===//
// Generated definitions
//===----------------------------------------------------------------------===//

#define GET_TYPEDEF_CLASSES
#include "dialects/Stream/StreamTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Stream/StreamAttributes.cpp.inc"

void StreamDialect::registerTypesAndAttributes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Stream/StreamTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Stream/StreamAttributes.cpp.inc"
      >();
}
