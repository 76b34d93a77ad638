//===- Gather.cpp - a table spread over chips -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every member looks up the rows that it has (MaskedLookup.h); members with
// shares of one size are one class.
//
//===----------------------------------------------------------------------===//

#include "BodyBuilder.h"
#include "MaskedLookup.h"

#include "dialects/Fabric/Fabric.h"
#include "lpu/Support/Check.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

static TypedAttr neutralOf(Type element, LoopKind kind, Builder &b) {
  if (kind != LoopKind::Max && kind != LoopKind::Min)
    return zeroOf(element, b);
  if (auto type = dyn_cast<FloatType>(element))
    return b.getFloatAttr(
        type, APFloat::getInf(type.getFloatSemantics(), kind == LoopKind::Max));
  unsigned bits = element.getIntOrFloatBitWidth();
  return b.getIntegerAttr(element, kind == LoopKind::Max
                                       ? APInt::getSignedMinValue(bits)
                                       : APInt::getSignedMaxValue(bits));
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
  std::optional<Lookup> lookup = lookupOf(op);
  LPU_CHECK(lookup, "a gather whose row is no cast of an integer");
  Type integer = cast<RankedTensorType>(reads[0].getType()).getElementType();

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

  IRMapping outside;
  captureInto(op->getRegion(0), outside);
  mlir::Value init = freeValue(op.getDpsInits()[0], {});
  TypedAttr zero =
      zeroOf(cast<RankedTensorType>(init.getType()).getElementType(), builder);
  return maskedLookup(builder, *lookup, reads[0], reads[1], pair, init, zero,
                      outside);
}
