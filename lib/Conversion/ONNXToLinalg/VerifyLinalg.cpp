//===- VerifyLinalg.cpp - closes the linalg layer -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the IR only: it shares no code with the lowering that it judges. The
// forms (a) to (e) are those of docs/lowering.md.
//
//===----------------------------------------------------------------------===//

#include "lpu/Conversion/ONNXToLinalg.h"

#include "dialects/ONNX/ONNX.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace {

/// Why an op is outside the layer; empty if it is inside.
using Reason = std::string;

bool isElement(Type type) {
  return type.isF32() || type.isF16() || type.isSignlessInteger(64) ||
         type.isSignlessInteger(32) || type.isSignlessInteger(8) ||
         type.isSignlessInteger(1);
}

Reason checkType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return isElement(type) ? "" : "a value that is no tensor";
  if (!tensor.hasStaticShape())
    return "a shape that is not static";
  if (tensor.getEncoding())
    return "a tensor with an encoding";
  if (!isElement(tensor.getElementType()))
    return "an element type other than f32, f16, i64, i32, i8, i1";
  return "";
}

/// Dims in rising order, each at most once, and 0 for a dim of size 1.
Reason checkBroadcastMap(AffineMap map, ArrayRef<int64_t> shape) {
  int64_t last = -1;
  for (auto [result, size] : llvm::zip(map.getResults(), shape)) {
    if (auto dim = dyn_cast<AffineDimExpr>(result)) {
      if (static_cast<int64_t>(dim.getPosition()) <= last)
        return "an input map that permutes or repeats dims";
      last = dim.getPosition();
      continue;
    }
    auto constant = dyn_cast<AffineConstantExpr>(result);
    if (!constant || constant.getValue() != 0 || size != 1)
      return "an input map that is no broadcast";
  }
  return "";
}

/// Only scalar arithmetic in the body, no value from outside but constants.
Reason checkBody(linalg::GenericOp op) {
  bool gathers = false;
  for (Operation &inner : op.getBody()->without_terminator())
    gathers |= isa<tensor::ExtractOp>(inner);
  for (Operation &inner : op.getBody()->without_terminator()) {
    bool forGather =
        gathers &&
        isa<tensor::ExtractOp, linalg::IndexOp, arith::IndexCastOp>(inner);
    if (!forGather &&
        (!isa<arith::ArithDialect, math::MathDialect>(inner.getDialect()) ||
         !isMemoryEffectFree(&inner)))
      return ("'" + inner.getName().getStringRef() + "' in its body").str();
    for (Value used : inner.getOperands()) {
      bool isInside = used.getParentBlock() == op.getBody();
      bool isTable = forGather && isa<RankedTensorType>(used.getType());
      Operation *source = used.getDefiningOp();
      if (!isInside && !isTable && !(source && isa<arith::ConstantOp>(source)))
        return "a body that reads a run-time value of its surroundings";
    }
  }
  return "";
}

/// The output starts as the identity of `combiner`: 0, an infinity, or an end
/// of the integer range.
bool startsFromIdentity(Value init, Operation *combiner) {
  auto fill = init.getDefiningOp<linalg::FillOp>();
  Attribute value;
  if (!fill || !matchPattern(fill.getInputs()[0], m_Constant(&value)))
    return false;
  if (auto number = dyn_cast<FloatAttr>(value)) {
    APFloat start = number.getValue();
    if (isa<arith::AddFOp>(combiner))
      return start.isZero();
    return start.isInfinity() &&
           start.isNegative() == isa<arith::MaximumFOp>(combiner);
  }
  APInt start = cast<IntegerAttr>(value).getValue();
  return isa<arith::AddIOp, arith::MaxUIOp>(combiner) ? start.isZero()
         : isa<arith::MaxSIOp>(combiner)              ? start.isMinSignedValue()
         : isa<arith::MinSIOp>(combiner)              ? start.isMaxSignedValue()
                                                      : start.isAllOnes();
}

Reason checkElementwise(linalg::GenericOp op) {
  if (!op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return "an output map that is not the identity";
  for (OpOperand *input : op.getDpsInputOperands()) {
    auto type = dyn_cast<RankedTensorType>(input->get().getType());
    if (!type)
      return "an input that is no tensor";
    Reason reason =
        checkBroadcastMap(op.getMatchingIndexingMap(input), type.getShape());
    if (!reason.empty())
      return reason;
  }
  if (!op.getBody()->getArguments().back().use_empty())
    return "an elementwise body that reads its output";
  return "";
}

/// The body combines accumulator and input with one op.
Reason checkReduction(linalg::GenericOp op) {
  OpOperand *input = op.getDpsInputOperand(0);
  if (!op.getMatchingIndexingMap(input).isIdentity())
    return "a reduction whose input map is not the identity";
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  if (out.getNumResults() != parallel.size())
    return "a reduction whose output map is not the parallel dims";
  for (auto [result, dim] : llvm::zip(out.getResults(), parallel))
    if (!isa<AffineDimExpr>(result) ||
        cast<AffineDimExpr>(result).getPosition() != dim)
      return "a reduction whose output map is not the parallel dims";
  Block *body = op.getBody();
  auto inner = body->without_terminator();
  Operation *combiner =
      llvm::hasSingleElement(inner) ? &*inner.begin() : nullptr;
  if (!combiner ||
      !isa<arith::AddFOp, arith::AddIOp, arith::MaximumFOp, arith::MinimumFOp,
           arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp>(
          combiner) ||
      combiner->getOperand(0) != body->getArgument(1) ||
      combiner->getOperand(1) != body->getArgument(0) ||
      body->getTerminator()->getOperand(0) != combiner->getResult(0))
    return "a reduction that is not one sum, maximum or minimum";
  if (!startsFromIdentity(op.getDpsInitOperand(0)->get(), combiner))
    return "a reduction that does not start from the identity of its op";
  return "";
}

/// Strips the extensions of a narrow operand.
Value stripExtension(Value v) {
  Operation *op = v.getDefiningOp();
  return op && isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp>(op)
             ? op->getOperand(0)
             : v;
}

Reason checkContraction(linalg::GenericOp op) {
  unsigned rank = op.getNumLoops(), batch = rank - 3;
  if (rank < 3)
    return "a contraction without rows and columns";
  auto dims = [&](AffineMap map, unsigned row, unsigned column, Value v) {
    unsigned own = map.getNumResults();
    if (own < 2 || own - 2 > batch)
      return false;
    for (unsigned i = 0; i < own; ++i) {
      unsigned want =
          i + 2 < own ? batch - (own - 2) + i : (i + 2 == own ? row : column);
      auto dim = dyn_cast<AffineDimExpr>(map.getResult(i));
      if (dim && dim.getPosition() == want)
        continue;
      auto zero = dyn_cast<AffineConstantExpr>(map.getResult(i));
      if (!zero || zero.getValue() != 0 || i + 2 >= own ||
          cast<RankedTensorType>(v.getType()).getDimSize(i) != 1)
        return false;
    }
    return true;
  };
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!dims(maps[0], batch, batch + 2, op->getOperand(0)) ||
      !dims(maps[1], batch + 2, batch + 1, op->getOperand(1)) ||
      !dims(maps[2], batch, batch + 1, op->getOperand(2)) ||
      maps[2].getNumResults() != rank - 1)
    return "a contraction whose maps are not (batch, m, n, k)";
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  Operation *sum = yield.getOperand(0).getDefiningOp();
  Operation *product = sum && isa<arith::AddFOp, arith::AddIOp>(sum)
                           ? sum->getOperand(1).getDefiningOp()
                           : nullptr;
  Block *body = op.getBody();
  if (!product || !isa<arith::MulFOp, arith::MulIOp>(product) ||
      sum->getOperand(0) != body->getArgument(2) ||
      stripExtension(product->getOperand(0)) != body->getArgument(0) ||
      stripExtension(product->getOperand(1)) != body->getArgument(1))
    return "a contraction whose body is not one product and one sum";
  if (!startsFromIdentity(op->getOperand(2), sum))
    return "a contraction that does not start from 0";
  return "";
}

/// An indirect read of rows: only the first coordinate may come from data.
Reason checkGather(linalg::GenericOp op, tensor::ExtractOp extract) {
  if (op.getNumDpsInputs() != 1)
    return "a gather with other inputs than its indices";
  int64_t features = extract.getIndices().size() - 1;
  int64_t indexRank = op.getNumLoops() - features;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  bool isLeading = static_cast<int64_t>(map.getNumResults()) == indexRank;
  for (auto [i, result] : llvm::enumerate(map.getResults()))
    isLeading &= result == getAffineDimExpr(i, op.getContext());
  if (!isLeading)
    return "a gather whose indices are not its leading dims";
  for (auto [i, index] : llvm::enumerate(extract.getIndices().drop_front())) {
    auto dim = index.getDefiningOp<linalg::IndexOp>();
    if (!dim || static_cast<int64_t>(dim.getDim()) !=
                    indexRank + static_cast<int64_t>(i))
      return "a gather whose data chooses more than the row";
  }
  if (cast<linalg::YieldOp>(op.getBody()->getTerminator()).getOperand(0) !=
      extract.getResult())
    return "a gather that also computes";
  return "";
}

Reason checkGeneric(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || !op.hasPureTensorSemantics())
    return "several results, or buffers";
  Reason reason = checkBody(op);
  if (!reason.empty())
    return reason;
  auto extracts = op.getBody()->getOps<tensor::ExtractOp>();
  if (!extracts.empty()) {
    if (!llvm::hasSingleElement(extracts) ||
        op.getNumParallelLoops() != op.getNumLoops())
      return "a gather with several reads, or a reduction";
    return checkGather(op, *extracts.begin());
  }
  if (op.getNumParallelLoops() == op.getNumLoops())
    return checkElementwise(op);
  if (op.getNumDpsInputs() == 1)
    return checkReduction(op);
  if (op.getNumDpsInputs() == 2 && op.getNumReductionLoops() == 1)
    return checkContraction(op);
  return "a reduction over several operands";
}

Reason checkOp(Operation *op) {
  for (Type type : op->getResultTypes()) {
    Reason reason = checkType(type);
    if (!reason.empty())
      return reason;
  }
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return checkGeneric(generic);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    bool isStatic = slice.getSizes().empty() && slice.getOffsets().empty() &&
                    slice.getStrides().empty();
    bool keepsRank =
        slice.getType().getRank() == slice.getSourceType().getRank();
    return isStatic && keepsRank ? ""
                                 : "a slice with run-time bounds, or that "
                                   "drops dims";
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Value value = pad.getConstantPaddingValue();
    return pad.hasZeroLowPad() || pad.getLow().empty()
               ? (value && matchPattern(value, m_Constant())
                      ? ""
                      : "a pad whose value is not one constant")
               : "a pad with run-time sizes";
  }
  if (isa<lpu::onnx::InitializerOp, linalg::FillOp, linalg::TransposeOp,
          arith::ConstantOp, tensor::EmptyOp, tensor::ExpandShapeOp,
          tensor::CollapseShapeOp, tensor::ConcatOp, func::ReturnOp>(op))
    return "";
  return "no form of this layer";
}

struct VerifyLinalg : PassWrapper<VerifyLinalg, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VerifyLinalg)
  StringRef getArgument() const final { return "verify-linalg"; }
  StringRef getDescription() const final {
    return "Check that only the forms of docs/lowering.md are left";
  }

  void runOnOperation() final {
    bool failed = false;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      for (Type type : function.getArgumentTypes())
        if (Reason reason = checkType(type); !reason.empty()) {
          emitError(function.getLoc(), "argument of type ")
              << type << " has " << reason;
          failed = true;
        }
      if (function.isExternal())
        continue;
      for (Operation &op : function.getBody().front())
        if (Reason reason = checkOp(&op); !reason.empty()) {
          emitError(op.getLoc(), "'")
              << op.getName()
              << "' is not part of the linalg layer: " << reason;
          failed = true;
        }
    }
    if (failed)
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> lpu::createVerifyLinalgPass() {
  return std::make_unique<VerifyLinalg>();
}
