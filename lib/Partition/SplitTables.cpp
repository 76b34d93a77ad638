//===- SplitTables.cpp - a table in parts that fit chips ------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A lookup in a table that no chip has room for becomes a chain of lookups in
// parts of its rows. A part gives -0 for the rows that it does not have, and x
// + -0 is x for every x, so the sum of all parts is the lookup, bit for bit.
// Stages may then be cut between the parts, like anywhere else.
//
//===----------------------------------------------------------------------===//

#include "MaskedLookup.h"
#include "lpu/Partition/Partition.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

/// The table of a lookup that can be split: a weight of floats.
static Operation *tableOf(const Lookup &lookup) {
  tensor::ExtractOp extract = lookup.extract;
  Operation *table = extract.getTensor().getDefiningOp();
  if (!isa<FloatType>(extract.getType()) || !table ||
      table->getName().getStringRef() != "onnx.Initializer")
    return nullptr;
  return table;
}

/// The lookup in rows [low, high) of the table, -0 elsewhere.
static mlir::Value partOf(OpBuilder &builder, const Lookup &lookup, int64_t low,
                          int64_t high) {
  linalg::GenericOp op = lookup.op;
  tensor::ExtractOp extract = lookup.extract;
  Location loc = op.getLoc();
  auto tableType = cast<RankedTensorType>(extract.getTensor().getType());
  SmallVector<int64_t> shape(tableType.getShape());
  shape[0] = high - low;
  SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)),
      strides(shape.size(), builder.getIndexAttr(1)), sizes;
  offsets[0] = builder.getIndexAttr(low);
  for (int64_t size : shape)
    sizes.push_back(builder.getIndexAttr(size));
  auto table = tensor::ExtractSliceOp::create(
      builder, loc, RankedTensorType::get(shape, tableType.getElementType()),
      extract.getTensor(), offsets, sizes, strides);
  table->setAttr(rowsAttr, builder.getUnitAttr());
  Type integer = lookup.rowCast->getOperand(0).getType();
  auto pairType = RankedTensorType::get({2}, integer);
  SmallVector<Attribute> pair{builder.getIntegerAttr(integer, low),
                              builder.getIntegerAttr(integer, high)};
  auto rows = arith::ConstantOp::create(builder, loc, pairType,
                                        DenseElementsAttr::get(pairType, pair));
  rows->setAttr(rowsAttr, builder.getUnitAttr());
  return maskedLookup(builder, lookup, op.getDpsInputs()[0], table, rows,
                      op.getDpsInits()[0],
                      zeroOf(tableType.getElementType(), builder), {});
}

/// Parts of a table: equal ones, of whole shares for most widths of a group,
/// and the rest.
static int64_t rowsOfParts(int64_t rows, int64_t parts) {
  constexpr int64_t whole = 48;
  int64_t each = (rows + parts - 1) / parts;
  // What rounding adds is small where there are many rows.
  return each >= 16 * whole ? (each + whole - 1) / whole * whole : each;
}

unsigned lpu::splitTables(ModuleOp module, uint64_t mostBytes) {
  unsigned split = 0;
  SmallVector<Lookup> lookups;
  module.walk([&](linalg::GenericOp op) {
    if (std::optional<Lookup> lookup = lookupOf(op); lookup && tableOf(*lookup))
      lookups.push_back(*lookup);
  });
  for (const Lookup &lookup : lookups) {
    auto type = cast<RankedTensorType>(
        tensor::ExtractOp(lookup.extract).getTensor().getType());
    // Tables are stored in half precision.
    uint64_t bytes = uint64_t(type.getNumElements()) * 2;
    int64_t rows = type.getDimSize(0),
            parts = int64_t((bytes + mostBytes - 1) / mostBytes);
    if (parts < 2 || parts > rows)
      continue;
    linalg::GenericOp op = lookup.op;
    OpBuilder builder(op);
    Location loc = op.getLoc();
    mlir::Value init = op.getDpsInits()[0], sum;
    SmallVector<AffineMap> maps(
        3, builder.getMultiDimIdentityMap(op.getNumLoops()));
    SmallVector<utils::IteratorType> loops(op.getNumLoops(),
                                           utils::IteratorType::parallel);
    for (int64_t low = 0, each = rowsOfParts(rows, parts); low < rows;
         low += each) {
      mlir::Value part =
          partOf(builder, lookup, low, std::min(rows, low + each));
      if (!sum) {
        sum = part;
        continue;
      }
      sum = linalg::GenericOp::create(
                builder, loc, init.getType(), ValueRange{sum, part}, init, maps,
                loops,
                [&](OpBuilder &b, Location l, ValueRange args) {
                  mlir::Value added =
                      arith::AddFOp::create(b, l, args[0], args[1]);
                  linalg::YieldOp::create(b, l, added);
                })
                .getResult(0);
    }
    op.getResult(0).replaceAllUsesWith(sum);
    op.erase();
    ++split;
  }
  return split;
}
