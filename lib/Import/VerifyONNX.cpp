// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lpu/Import/VerifyONNX.h"

#include "dialects/ONNX/ONNX.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Traits.h"
#include "mlir/Pass/Pass.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lpu::onnx;

namespace {

using Shape = SmallVector<int64_t>;
/// What is wrong; empty if nothing is.
using Fault = std::string;

RankedTensorType tensor(Value value) {
  return cast<RankedTensorType>(value.getType());
}
ArrayRef<int64_t> shape(Value value) { return tensor(value).getShape(); }

Fault expectShape(Operation *op, ArrayRef<int64_t> wanted,
                  unsigned result = 0) {
  if (shape(op->getResult(result)) == wanted)
    return "";
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "the operands give the shape [";
  llvm::interleaveComma(wanted, os);
  os << "], the result is " << op->getResult(result).getType();
  return text;
}

/// An axis attribute must lie in [0, rank).
Fault axisFault(int64_t axis, int64_t rank) {
  return axis >= 0 && axis < rank
             ? ""
             : "axis " + std::to_string(axis) + " is out of range for rank " +
                   std::to_string(rank);
}

template <typename Reduce> Fault checkReduce(Reduce op) {
  int64_t rank = shape(op.getX()).size(), last = -1;
  SmallVector<bool> reduced(rank);
  for (int64_t axis : op.getAxes()) {
    if (Fault fault = axisFault(axis, rank); !fault.empty())
      return fault;
    if (axis <= last)
      return "the axes are not ascending";
    reduced[last = axis] = true;
  }
  Shape wanted;
  for (auto [dim, gone] : llvm::zip(shape(op.getX()), reduced)) {
    if (!gone)
      wanted.push_back(dim);
    else if (op.getKeepdims())
      wanted.push_back(1);
  }
  return expectShape(op, wanted);
}

Fault checkConcat(ConcatOp op) {
  Shape wanted(shape(op.getInputs()[0]));
  int64_t axis = op.getAxis();
  if (Fault fault = axisFault(axis, wanted.size()); !fault.empty())
    return fault;
  wanted[axis] = 0;
  for (Value input : op.getInputs()) {
    if (shape(input).size() != wanted.size())
      return "the operands differ in rank";
    wanted[axis] += shape(input)[axis];
    Shape rest(shape(input)), first(shape(op.getInputs()[0]));
    rest[axis] = first[axis] = 0;
    if (rest != first)
      return "the operands differ outside of the axis";
  }
  return expectShape(op, wanted);
}

Fault checkGather(GatherOp op) {
  ArrayRef<int64_t> x = shape(op.getX()), indices = shape(op.getIndices());
  int64_t axis = op.getAxis();
  if (Fault fault = axisFault(axis, x.size()); !fault.empty())
    return fault;
  Shape wanted(x.take_front(axis));
  wanted.append(indices.begin(), indices.end());
  wanted.append(x.begin() + axis + 1, x.end());
  return expectShape(op, wanted);
}

Fault checkGatherND(GatherNDOp op) {
  ArrayRef<int64_t> x = shape(op.getX()), indices = shape(op.getIndices());
  int64_t batch = op.getBatchDims();
  if (indices.empty() || batch < 0 ||
      batch >= static_cast<int64_t>(indices.size()))
    return "batch_dims is out of range";
  int64_t leading = batch + indices.back();
  if (indices.back() < 1 || leading > static_cast<int64_t>(x.size()))
    return "the index tuples do not fit the data";
  Shape wanted(indices.drop_back());
  wanted.append(x.begin() + leading, x.end());
  return expectShape(op, wanted);
}

Fault checkPad(PadOp op) {
  Shape wanted(shape(op.getX()));
  ArrayRef<int64_t> pads = op.getPads();
  if (pads.size() != 2 * wanted.size() ||
      llvm::any_of(pads, [](int64_t p) { return p < 0; }))
    return "pads must be two counts per dim";
  if (tensor(op.getValue()).getRank() != 0)
    return "the value must be a scalar";
  for (auto [i, dim] : llvm::enumerate(wanted))
    dim += pads[i] + pads[i + wanted.size()];
  return expectShape(op, wanted);
}

Fault checkExpand(ExpandOp op) {
  ArrayRef<int64_t> from = shape(op.getX()), to = shape(op.getResult());
  if (from.size() > to.size())
    return "the result has a smaller rank";
  for (auto [a, b] : llvm::zip(from, to.take_back(from.size())))
    if (a != b && a != 1)
      return "the operand does not broadcast to the result";
  return "";
}

/// The last dims, from `axis` on, may be scaled by a tensor that broadcasts.
Fault checkNorm(Value x, Value scale, int64_t axis, Operation *op) {
  if (Fault fault = axisFault(axis, shape(x).size()); !fault.empty())
    return fault;
  Shape joined;
  if (!OpTrait::util::getBroadcastedShape(shape(x), shape(scale), joined) ||
      ArrayRef<int64_t>(joined) != shape(x))
    return "the scale does not broadcast to the operand";
  return expectShape(op, shape(x));
}

template <typename Product> Fault checkProduct(Product op) {
  ArrayRef<int64_t> a = shape(op.getA()), b = shape(op.getB());
  if (a.size() < 2 || b.size() < 2 || a.back() != b[b.size() - 2])
    return "the operands cannot be multiplied";
  Shape wanted;
  if (!OpTrait::util::getBroadcastedShape(a.drop_back(2), b.drop_back(2),
                                          wanted))
    return "the leading dims do not broadcast";
  wanted.append({a[a.size() - 2], b.back()});
  return expectShape(op, wanted);
}

Fault checkArgMax(ArgMaxOp op) {
  Shape wanted(shape(op.getX()));
  int64_t axis = op.getAxis();
  if (Fault fault = axisFault(axis, wanted.size()); !fault.empty())
    return fault;
  if (op.getKeepdims())
    wanted[axis] = 1;
  else
    wanted.erase(wanted.begin() + axis);
  return expectShape(op, wanted);
}

Fault checkTopK(TopKOp op) {
  Shape wanted(shape(op.getX()));
  int64_t axis = op.getAxis();
  if (Fault fault = axisFault(axis, wanted.size()); !fault.empty())
    return fault;
  int64_t k = shape(op.getValues()).size() == wanted.size()
                  ? shape(op.getValues())[axis]
                  : -1;
  if (k < 0 || k > wanted[axis])
    return "k does not fit the axis";
  wanted[axis] = k;
  Fault fault = expectShape(op, wanted);
  return fault.empty() ? expectShape(op, wanted, 1) : fault;
}

template <typename Quant> Fault checkQuant(Quant op) {
  ArrayRef<int64_t> scale = shape(op.getScale()), x = shape(op.getX());
  bool vector = scale.size() == 1 && op.getAxis() >= 0 &&
                op.getAxis() < x.size() && scale[0] == x[op.getAxis()];
  if (!scale.empty() && !vector)
    return "the scale is neither a scalar nor a vector along the axis";
  if (auto zero = dyn_cast<RankedTensorType>(op.getZeroPoint().getType()))
    if (zero.getShape() != scale)
      return "scale and zero point differ in shape";
  return expectShape(op, x);
}

template <typename Along> Fault checkAlong(Along op) {
  return axisFault(op.getAxis(), shape(op.getX()).size());
}

Fault checkOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, Fault>(op)
      .Case<ReduceSumOp, ReduceMeanOp, ReduceMaxOp, ReduceMinOp, ReduceProdOp>(
          [](auto reduce) { return checkReduce(reduce); })
      .Case<MatMulOp, MatMulIntegerOp>(
          [](auto product) { return checkProduct(product); })
      .Case<QuantizeLinearOp, DequantizeLinearOp>(
          [](auto quant) { return checkQuant(quant); })
      .Case<SoftmaxOp, CumSumOp>([](auto along) { return checkAlong(along); })
      .Case([](ConcatOp concat) { return checkConcat(concat); })
      .Case([](GatherOp gather) { return checkGather(gather); })
      .Case([](GatherNDOp gather) { return checkGatherND(gather); })
      .Case([](GatherElementsOp gather) {
        Fault fault = axisFault(gather.getAxis(), shape(gather.getX()).size());
        return fault.empty() ? expectShape(gather, shape(gather.getIndices()))
                             : fault;
      })
      .Case<ScatterNDOp, ScatterElementsOp>([](auto scatter) {
        return expectShape(scatter, shape(scatter.getX()));
      })
      .Case([](PadOp pad) { return checkPad(pad); })
      .Case([](ExpandOp expand) { return checkExpand(expand); })
      .Case([](LayerNormalizationOp norm) {
        return checkNorm(norm.getX(), norm.getScale(), norm.getAxis(), norm);
      })
      .Case([](RMSNormalizationOp norm) {
        return checkNorm(norm.getX(), norm.getScale(), norm.getAxis(), norm);
      })
      .Case([](ArgMaxOp arg) { return checkArgMax(arg); })
      .Case([](TopKOp top) { return checkTopK(top); })
      .Case([](lpu::onnx::ConstantOp constant) {
        return constant.getValue().getType() == constant.getType()
                   ? Fault()
                   : Fault("the value has another type than the result");
      })
      .Case([](func::ReturnOp) { return Fault(); })
      .Default([](Operation *other) {
        return isa_and_nonnull<ONNXDialect>(other->getDialect())
                   ? Fault() // element-wise, or checked by its own verifier
                   : Fault("only ops of the onnx dialect stand in this layer");
      });
}

struct VerifyONNX : PassWrapper<VerifyONNX, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VerifyONNX)
  StringRef getArgument() const final { return "verify-onnx"; }
  StringRef getDescription() const final {
    return "Check the shape rules of the onnx layer and that nothing else is "
           "left";
  }
  void runOnOperation() final {
    if (!lpu::verifyONNX(getOperation()))
      signalPassFailure();
  }
};

} // namespace

bool lpu::verifyONNX(ModuleOp module) {
  bool good = true;
  for (Operation &top : *module.getBody()) {
    auto function = dyn_cast<func::FuncOp>(top);
    if (!function || function.getName() != "main" || function.isExternal()) {
      top.emitError() << "the onnx layer is one function @main with a body";
      good = false;
      continue;
    }
    for (Operation &op : function.getBody().front()) {
      Fault fault = checkOp(&op);
      if (fault.empty())
        continue;
      emitError(op.getLoc()) << "'" << op.getName() << "': " << fault;
      good = false;
    }
  }
  return good;
}

std::unique_ptr<Pass> lpu::createVerifyONNXPass() {
  return std::make_unique<VerifyONNX>();
}

void lpu::registerVerifyONNXPass() { PassRegistration<VerifyONNX>(); }
