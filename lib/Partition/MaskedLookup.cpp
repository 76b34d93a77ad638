//===- MaskedLookup.cpp - a lookup in a part of a table -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskedLookup.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

std::optional<Lookup> partition::lookupOf(linalg::GenericOp op) {
  Lookup lookup{op, nullptr, nullptr};
  for (Operation &inner : *op.getBody())
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      if (lookup.extract)
        return std::nullopt;
      lookup.extract = extract;
    }
  if (!lookup.extract || op.getNumDpsInputs() != 1 ||
      lookup.extract.getIndices().empty())
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

TypedAttr partition::zeroOf(Type element, Builder &builder) {
  if (auto type = dyn_cast<FloatType>(element))
    return builder.getFloatAttr(
        type, APFloat::getZero(type.getFloatSemantics(), /*Negative=*/true));
  return builder.getIntegerAttr(element, 0);
}

mlir::Value partition::maskedLookup(OpBuilder &builder, const Lookup &lookup,
                                    mlir::Value index, mlir::Value table,
                                    mlir::Value rows, mlir::Value init,
                                    TypedAttr neutral,
                                    const IRMapping &outside) {
  linalg::GenericOp op = lookup.op;
  tensor::ExtractOp extract = lookup.extract;
  mlir::Value row = lookup.rowCast->getOperand(0);
  Location loc = op.getLoc();
  MLIRContext *context = builder.getContext();
  auto indexType = cast<RankedTensorType>(index.getType());
  Type integer = row.getType();
  unsigned rank = indexType.getRank();
  auto oneType = RankedTensorType::get({1}, integer);
  auto bound = [&](int64_t which) -> mlir::Value {
    SmallVector<OpFoldResult> at{builder.getIndexAttr(which)},
        one{builder.getIndexAttr(1)};
    return tensor::ExtractSliceOp::create(builder, loc, oneType, rows, at, one,
                                          one);
  };
  mlir::Value low = bound(0), high = bound(1);

  // The row, as the body of the lookup computes it from the index, minus the
  // first one; and whether it is here.
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank, context),
            scalar = AffineMap::get(rank, 0, {builder.getAffineConstantExpr(0)},
                                    context);
  SmallVector<utils::IteratorType> parallel(rank,
                                            utils::IteratorType::parallel);
  auto map = [&](Type element, bool wantsRow) -> mlir::Value {
    mlir::Value empty =
        tensor::EmptyOp::create(builder, loc, indexType.getShape(), element);
    IRMapping mapping = outside;
    auto made = linalg::GenericOp::create(
        builder, loc, empty.getType(), ValueRange{index, low, high}, empty,
        ArrayRef<AffineMap>{identity, scalar, scalar, identity}, parallel,
        [&](OpBuilder &b, Location l, ValueRange args) {
          mapping.map(op.getBody()->getArgument(0), args[0]);
          for (Operation &inner : op.getBody()->without_terminator()) {
            if (&inner == lookup.rowCast)
              break;
            if (!isa<linalg::IndexOp, tensor::ExtractOp>(inner))
              b.clone(inner, mapping);
          }
          mlir::Value number = mapping.lookupOrDefault(row);
          mlir::Value above = arith::CmpIOp::create(
              b, l, arith::CmpIPredicate::sge, number, args[1]);
          mlir::Value below = arith::CmpIOp::create(
              b, l, arith::CmpIPredicate::slt, number, args[2]);
          mlir::Value here = arith::AndIOp::create(b, l, above, below);
          if (wantsRow) {
            mlir::Value local = arith::SubIOp::create(b, l, number, args[1]);
            mlir::Value zero =
                arith::ConstantOp::create(b, l, b.getIntegerAttr(integer, 0));
            here = arith::SelectOp::create(b, l, here, local, zero);
          }
          linalg::YieldOp::create(b, l, here);
        });
    return made.getResult(0);
  };
  mlir::Value local = map(integer, true);
  mlir::Value isHere = map(builder.getI1Type(), false);

  unsigned loops = op.getNumLoops();
  SmallVector<utils::IteratorType> all(loops, utils::IteratorType::parallel);
  AffineMap leading = op.getIndexingMapsArray()[0],
            whole = AffineMap::getMultiDimIdentityMap(loops, context);
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
  return linalg::GenericOp::create(
             builder, loc, init.getType(),
             ValueRange{isHere, found.getResult(0)}, init,
             ArrayRef<AffineMap>{leading, whole, whole}, all,
             [&](OpBuilder &b, Location l, ValueRange args) {
               mlir::Value elsewhere = arith::ConstantOp::create(b, l, neutral);
               mlir::Value value =
                   arith::SelectOp::create(b, l, args[0], args[1], elsewhere);
               linalg::YieldOp::create(b, l, value);
             })
      .getResult(0);
}
