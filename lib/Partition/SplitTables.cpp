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

#include "lpu/Partition/Partition.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lpu;

namespace {
/// result[i.., f..] = table[row(index[i..]), f..], with the row a cast of an
/// integer that the body computes.
struct Lookup {
  linalg::GenericOp op;
  tensor::ExtractOp extract;
  Operation *rowCast = nullptr;
};
} // namespace

static std::optional<Lookup> lookupOf(linalg::GenericOp op) {
  Lookup lookup{op, nullptr, nullptr};
  for (Operation &inner : *op.getBody())
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      if (lookup.extract)
        return std::nullopt;
      lookup.extract = extract;
    }
  if (!lookup.extract || op.getNumDpsInputs() != 1 ||
      lookup.extract.getIndices().empty() ||
      !isa<FloatType>(lookup.extract.getType()))
    return std::nullopt;
  Operation *table = lookup.extract.getTensor().getDefiningOp();
  if (!table || table->getName().getStringRef() != "onnx.Initializer")
    return std::nullopt;
  lookup.rowCast = lookup.extract.getIndices()[0].getDefiningOp();
  if (!isa_and_nonnull<arith::IndexCastOp>(lookup.rowCast) ||
      !isa<linalg::YieldOp>(*lookup.extract->user_begin()))
    return std::nullopt;
  for (mlir::Value at : lookup.extract.getIndices().drop_front())
    if (!at.getDefiningOp<linalg::IndexOp>())
      return std::nullopt;
  return lookup;
}

/// The lookup in rows [low, high) of the table, -0 elsewhere.
static mlir::Value partOf(OpBuilder &builder, const Lookup &lookup, int64_t low,
                          int64_t high) {
  linalg::GenericOp op = lookup.op;
  tensor::ExtractOp extract = lookup.extract;
  Operation *rowCast = lookup.rowCast;
  Location loc = op.getLoc();
  auto tableType = cast<RankedTensorType>(extract.getTensor().getType());
  SmallVector<int64_t> shape(tableType.getShape());
  shape[0] = high - low;
  SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)),
      strides(shape.size(), builder.getIndexAttr(1)), sizes;
  offsets[0] = builder.getIndexAttr(low);
  for (int64_t size : shape)
    sizes.push_back(builder.getIndexAttr(size));
  mlir::Value table = tensor::ExtractSliceOp::create(
      builder, loc, RankedTensorType::get(shape, tableType.getElementType()),
      extract.getTensor(), offsets, sizes, strides);

  // The row in the part, and whether it is there.
  mlir::Value index = op.getDpsInputs()[0], init = op.getDpsInits()[0];
  auto indexType = cast<RankedTensorType>(index.getType());
  Type integer = rowCast->getOperand(0).getType();
  AffineMap identity = builder.getMultiDimIdentityMap(indexType.getRank());
  SmallVector<utils::IteratorType> parallel(indexType.getRank(),
                                            utils::IteratorType::parallel);
  auto map = [&](Type element, bool wantsRow) -> mlir::Value {
    mlir::Value empty =
        tensor::EmptyOp::create(builder, loc, indexType.getShape(), element);
    return linalg::GenericOp::create(
               builder, loc, empty.getType(), index, empty,
               ArrayRef<AffineMap>{identity, identity}, parallel,
               [&](OpBuilder &b, Location l, ValueRange args) {
                 IRMapping mapping;
                 mapping.map(op.getBody()->getArgument(0), args[0]);
                 for (Operation &inner : *op.getBody()) {
                   if (&inner == rowCast)
                     break;
                   if (!isa<linalg::IndexOp>(inner))
                     b.clone(inner, mapping);
                 }
                 mlir::Value row =
                     mapping.lookupOrDefault(rowCast->getOperand(0));
                 auto number = [&](int64_t value) -> mlir::Value {
                   return arith::ConstantOp::create(
                       b, l, b.getIntegerAttr(integer, value));
                 };
                 mlir::Value above = arith::CmpIOp::create(
                     b, l, arith::CmpIPredicate::sge, row, number(low));
                 mlir::Value below = arith::CmpIOp::create(
                     b, l, arith::CmpIPredicate::slt, row, number(high));
                 mlir::Value result = arith::AndIOp::create(b, l, above, below);
                 if (wantsRow) {
                   mlir::Value local =
                       arith::SubIOp::create(b, l, row, number(low));
                   result =
                       arith::SelectOp::create(b, l, result, local, number(0));
                 }
                 linalg::YieldOp::create(b, l, result);
               })
        .getResult(0);
  };
  mlir::Value local = map(integer, true),
              isHere = map(builder.getI1Type(), false);

  unsigned loops = op.getNumLoops();
  SmallVector<utils::IteratorType> all(loops, utils::IteratorType::parallel);
  AffineMap leading = op.getIndexingMapsArray()[0],
            whole = builder.getMultiDimIdentityMap(loops);
  auto found = linalg::GenericOp::create(
      builder, loc, init.getType(), local, init,
      ArrayRef<AffineMap>{leading, whole}, all,
      [&](OpBuilder &b, Location l, ValueRange args) {
        SmallVector<mlir::Value> at{
            arith::IndexCastOp::create(b, l, b.getIndexType(), args[0])};
        for (mlir::Value v : extract.getIndices().drop_front())
          at.push_back(linalg::IndexOp::create(
              b, l, v.getDefiningOp<linalg::IndexOp>().getDim()));
        mlir::Value element = tensor::ExtractOp::create(b, l, table, at);
        linalg::YieldOp::create(b, l, element);
      });
  auto type = cast<FloatType>(tableType.getElementType());
  FloatAttr zero = builder.getFloatAttr(
      type, APFloat::getZero(type.getFloatSemantics(), /*Negative=*/true));
  return linalg::GenericOp::create(
             builder, loc, init.getType(),
             ValueRange{isHere, found.getResult(0)}, init,
             ArrayRef<AffineMap>{leading, whole, whole}, all,
             [&](OpBuilder &b, Location l, ValueRange args) {
               mlir::Value elsewhere = arith::ConstantOp::create(b, l, zero);
               mlir::Value value =
                   arith::SelectOp::create(b, l, args[0], args[1], elsewhere);
               linalg::YieldOp::create(b, l, value);
             })
      .getResult(0);
}

void lpu::splitTables(ModuleOp module, uint64_t mostBytes) {
  SmallVector<Lookup> lookups;
  module.walk([&](linalg::GenericOp op) {
    if (std::optional<Lookup> lookup = lookupOf(op))
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
    for (int64_t p = 0; p < parts; ++p) {
      mlir::Value part =
          partOf(builder, lookup, rows * p / parts, rows * (p + 1) / parts);
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
  }
}
