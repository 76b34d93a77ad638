//===- Gather.cpp - a table spread over chips -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every member looks up the rows that it has. Elsewhere it gives the neutral
// element of the sum that follows, which for floats is -0: x + -0 is x for
// every x, so spreading a table changes no bit. The first and the last row of a
// share are data, never literals: members with shares of one size are one
// class.
//
//===----------------------------------------------------------------------===//

#include "BodyBuilder.h"

#include "dialects/Fabric/Fabric.h"
#include "lpu/Support/Check.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

static TypedAttr neutralOf(Type element, LoopKind kind, Builder &b) {
  if (auto type = dyn_cast<FloatType>(element)) {
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    if (kind == LoopKind::Max || kind == LoopKind::Min)
      return b.getFloatAttr(type,
                            APFloat::getInf(semantics, kind == LoopKind::Max));
    return b.getFloatAttr(type, APFloat::getZero(semantics, true));
  }
  unsigned bits = element.getIntOrFloatBitWidth();
  return b.getIntegerAttr(
      element, kind == LoopKind::Max   ? APInt::getSignedMinValue(bits)
               : kind == LoopKind::Min ? APInt::getSignedMaxValue(bits)
                                       : APInt::getZero(bits));
}

mlir::Value BodyBuilder::neutral(const Node &node) {
  auto type = cast<RankedTensorType>(node.result().getType());
  LoopKind kind = node.loops[node.loopOf(cutAxis(node, stage))];
  return arith::ConstantOp::create(
      builder, node.op->getLoc(), type,
      DenseElementsAttr::get(type,
                             neutralOf(type.getElementType(), kind, builder)));
}

mlir::Value BodyBuilder::maskedGather(const Node &node,
                                      ArrayRef<mlir::Value> reads, int axis) {
  auto op = cast<linalg::GenericOp>(node.op);
  Location loc = op.getLoc();
  MLIRContext *context = builder.getContext();
  mlir::Value index = reads[0], table = reads[1];
  auto indexType = cast<RankedTensorType>(index.getType());
  Type integer = indexType.getElementType();
  unsigned rank = indexType.getRank();

  // First and last row, as data.
  auto pairType = RankedTensorType::get({2}, integer);
  SmallVector<Attribute> placeholder{builder.getIntegerAttr(integer, 0),
                                     builder.getIntegerAttr(integer, 1)};
  auto pair = arith::ConstantOp::create(
      builder, loc, pairType, DenseElementsAttr::get(pairType, placeholder));
  pair->setAttr(fabric::parameterAttr,
                builder.getI64IntegerAttr(body.parameters.size()));
  ParameterRule rule;
  rule.op = pair;
  rule.type = pairType;
  rule.axis = axis;
  rule.perUnit = shapeOf(node.reads[1])[0] / model.axes[axis].units;
  body.parameters.push_back(rule);
  auto oneType = RankedTensorType::get({1}, integer);
  auto bound = [&](int64_t which) -> mlir::Value {
    SmallVector<OpFoldResult> at{builder.getIndexAttr(which)},
        one{builder.getIndexAttr(1)};
    return tensor::ExtractSliceOp::create(builder, loc, oneType, pair, at, one,
                                          one);
  };
  mlir::Value low = bound(0), high = bound(1);

  // The row, as the body of the gather computes it from the index, minus the
  // first one; and whether it is here.
  tensor::ExtractOp extract;
  for (Operation &inner : *op.getBody())
    if (auto found = dyn_cast<tensor::ExtractOp>(inner))
      extract = found;
  Operation *indexCast = extract.getIndices()[0].getDefiningOp();
  LPU_CHECK(isa_and_nonnull<arith::IndexCastOp>(indexCast),
            "a gather whose row is no cast of an integer");
  mlir::Value row = indexCast->getOperand(0);
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank, context),
            scalar = AffineMap::get(rank, 0, {builder.getAffineConstantExpr(0)},
                                    context);
  SmallVector<utils::IteratorType> parallel(rank,
                                            utils::IteratorType::parallel);
  auto map = [&](Type element, bool wantsRow) -> mlir::Value {
    mlir::Value init =
        tensor::EmptyOp::create(builder, loc, indexType.getShape(), element);
    IRMapping mapping;
    captureInto(op->getRegion(0), mapping);
    auto made = linalg::GenericOp::create(
        builder, loc, init.getType(), ValueRange{index, low, high}, init,
        ArrayRef<AffineMap>{identity, scalar, scalar, identity}, parallel,
        [&](OpBuilder &b, Location l, ValueRange args) {
          mapping.map(op.getBody()->getArgument(0), args[0]);
          for (Operation &inner : op.getBody()->without_terminator()) {
            if (&inner == indexCast)
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

  // The lookup in the share.
  mlir::Value init = freeValue(op.getDpsInits()[0], {});
  unsigned loops = op.getNumLoops();
  SmallVector<utils::IteratorType> all(loops, utils::IteratorType::parallel);
  AffineMap leading = op.getIndexingMapsArray()[0],
            whole = AffineMap::getMultiDimIdentityMap(loops, context);
  auto lookup = linalg::GenericOp::create(
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
  TypedAttr zero =
      neutralOf(cast<RankedTensorType>(init.getType()).getElementType(),
                LoopKind::Rows, builder);
  auto masked = linalg::GenericOp::create(
      builder, loc, init.getType(), ValueRange{isHere, lookup.getResult(0)},
      init, ArrayRef<AffineMap>{leading, whole, whole}, all,
      [&](OpBuilder &b, Location l, ValueRange args) {
        mlir::Value elsewhere = arith::ConstantOp::create(b, l, zero);
        linalg::YieldOp::create(b, l,
                                mlir::Value(arith::SelectOp::create(
                                    b, l, args[0], args[1], elsewhere)));
      });
  return masked.getResult(0);
}
