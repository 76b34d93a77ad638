//===- Lowering.cpp - the walk over nodes, operands and constants ---------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "lpu/Support/Check.h"
#include "lpu/Support/NodeName.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::onnx_to_linalg;

Type onnx_to_linalg::convertElement(Type element, bool narrowInt64) {
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer)
    return element;
  unsigned width = integer.getWidth();
  return IntegerType::get(element.getContext(),
                          width == 64 && narrowInt64 ? 32 : width);
}

static Type convertType(Type type, bool narrowInt64) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return type;
  return tensor.clone(convertElement(tensor.getElementType(), narrowInt64));
}

static std::string typeText(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static bool isOnnx(Operation *op) {
  return isa_and_nonnull<onnx::ONNXDialect>(op->getDialect());
}

//===----------------------------------------------------------------------===//
// The node
//===----------------------------------------------------------------------===//

bool Lowering::has(unsigned i) const {
  return i < node->getNumOperands() &&
         !isa<NoneType>(node->getOperand(i).getType());
}

Value Lowering::operand(unsigned i) {
  LPU_CHECK(has(i), "a rule reads an absent operand");
  return lowered(node->getOperand(i));
}

SmallVector<Value> Lowering::operands() {
  SmallVector<Value> all;
  for (unsigned i = 0; i < node->getNumOperands(); ++i)
    all.push_back(operand(i));
  return all;
}

Type Lowering::elementIn(unsigned i) const {
  Value v = node->getOperand(i);
  auto argument = argumentTypes.find(v);
  Type type = argument == argumentTypes.end() ? v.getType() : argument->second;
  return cast<RankedTensorType>(type).getElementType();
}

Type Lowering::elementOut(unsigned i) const {
  return cast<RankedTensorType>(node->getResult(i).getType()).getElementType();
}

Type Lowering::resultElement(unsigned i) const {
  return convertElement(elementOut(i), narrow());
}

ArrayRef<int64_t> Lowering::resultShape(unsigned i) const {
  return shapeOf(node->getResult(i));
}

DenseElementsAttr Lowering::constant(unsigned i) const {
  if (!has(i))
    return {};
  auto op = node->getOperand(i).getDefiningOp<onnx::ConstantOp>();
  return op ? dyn_cast<DenseElementsAttr>(op.getValue()) : DenseElementsAttr();
}

std::optional<double> Lowering::splat(unsigned i) const {
  DenseElementsAttr dense = constant(i);
  if (!dense || !dense.isSplat())
    return std::nullopt;
  if (isa<FloatType>(dense.getElementType())) {
    APFloat value = dense.getSplatValue<APFloat>();
    bool loses;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
    return value.convertToDouble();
  }
  APInt value = dense.getSplatValue<APInt>();
  bool isSigned = !dense.getElementType().isUnsignedInteger() &&
                  !dense.getElementType().isInteger(1);
  return value.roundToDouble(isSigned);
}

void Lowering::set(unsigned i, Value value) {
  Type wanted = convertType(node->getResult(i).getType(), narrow());
  if (value.getType() == wanted) {
    values[node->getResult(i)] = value;
    // What is known by two names keeps the first.
    Operation *made = value.getDefiningOp();
    if (std::string name = valueName(node->getLoc(), i);
        made && !name.empty() && valueName(made->getLoc()).empty())
      made->setLoc(withValueNames(made->getLoc(), {name}));
  } else // only in hand-written IR: the importer infers types
    unsupported("its operands and attributes give " +
                typeText(value.getType()));
}

/// Attributes that name dims, which the dialect itself does not check.
bool Lowering::checkAxes() {
  auto type = dyn_cast<RankedTensorType>(
      node->getNumOperands() ? node->getOperand(0).getType() : Type());
  SmallVector<int64_t> axes;
  if (auto axis = node->getAttrOfType<IntegerAttr>("axis"))
    axes.push_back(axis.getInt());
  if (auto many = node->getAttrOfType<DenseI64ArrayAttr>("axes"))
    llvm::append_range(axes, many.asArrayRef());
  // A scale that is one number for the whole tensor ignores its axis.
  bool mayIgnore = isa<onnx::QuantizeLinearOp, onnx::DequantizeLinearOp>(node);
  SmallVector<int64_t> sorted(axes);
  llvm::sort(sorted);
  bool isGood =
      std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  for (int64_t axis : axes)
    isGood &= mayIgnore || (type && axis >= 0 && axis < type.getRank());
  if (!isGood)
    unsupported("an axis is repeated or outside the operand's rank");
  return isGood;
}

void Lowering::unsupported(const Twine &reason) {
  failed = true;
  InFlightDiagnostic error = emitError(node->getLoc(), "ONNX node ");
  std::string name = nodeName(node->getLoc());
  if (!name.empty())
    error << "\"" << name << "\" ";
  error << "(" << node->getName().stripDialect()
        << ") cannot be lowered: " << reason;
  for (Value result : node->getResults())
    error << "; result " << result.getType();
}

//===----------------------------------------------------------------------===//
// Constants and weights
//===----------------------------------------------------------------------===//

Value Lowering::lowered(Value v) {
  auto known = values.find(v);
  if (known != values.end())
    return known->second;
  if (auto constant = v.getDefiningOp<onnx::ConstantOp>())
    return lowerConstant(constant);
  LPU_CHECK(isa<BlockArgument>(v), "an operand comes before its definition");
  return v;
}

DenseElementsAttr Lowering::convertConstant(Operation *at,
                                            DenseElementsAttr value) {
  Type from = value.getElementType();
  Type to = convertElement(from, narrow());
  if (from == to)
    return value;
  if (from.getIntOrFloatBitWidth() == to.getIntOrFloatBitWidth())
    return value.bitcast(to); // only the sign is dropped
  std::optional<int64_t> tooLarge;
  auto narrowed = value.mapValues(to, [&](const APInt &wide) -> APInt {
    int64_t number = wide.getSExtValue();
    // The ends of the 64-bit range mean "no limit".
    if (number == std::numeric_limits<int64_t>::max())
      return APInt::getSignedMaxValue(32);
    if (number == std::numeric_limits<int64_t>::min())
      return APInt::getSignedMinValue(32);
    if (!wide.isSignedIntN(32))
      tooLarge = number;
    return wide.trunc(32);
  });
  if (tooLarge) {
    failed = true;
    emitError(at->getLoc(), "constant \"")
        << nodeName(at->getLoc()) << "\" holds " << *tooLarge
        << ", outside the 32-bit integers of the chip; export the model with "
           "32-bit indices";
  }
  return cast<DenseElementsAttr>(narrowed);
}

Value Lowering::lowerConstant(Operation *op) {
  // At the first use: constants that only told a shape never appear.
  auto value =
      dyn_cast<DenseElementsAttr>(cast<onnx::ConstantOp>(op).getValue());
  if (!value) {
    unsupported("its constant operand is not a dense tensor");
    auto type = cast<RankedTensorType>(
        convertType(op->getResult(0).getType(), narrow()));
    return values[op->getResult(0)] =
               empty(type.getShape(), type.getElementType());
  }
  OpBuilder::InsertionGuard guard(b);
  Location here = b.getLoc();
  b.setLoc(op->getLoc());
  Value result = arith::ConstantOp::create(b, convertConstant(op, value));
  b.setLoc(here);
  return values[op->getResult(0)] = result;
}

/// A weight stays what it is in its file. Only its type loses the sign; an i64
/// weight gets an explicit conversion that the weight's transform chain takes.
void Lowering::lowerInitializer(Operation *op) {
  Value weight = op->getResult(0);
  Type from = cast<RankedTensorType>(weight.getType()).getElementType();
  auto stored = cast<RankedTensorType>(convertType(weight.getType(), false));
  argumentTypes[weight] = weight.getType();
  weight.setType(stored);
  Value result = weight;
  if (from.isInteger(64) && narrow())
    result = elementwise(weight, b.getI32Type(), [](Scalars &s, ValueRange v) {
      Value low = s.constant(v[0].getType(), -2147483648.0);
      Value high = s.constant(v[0].getType(), 2147483647.0);
      return arith::TruncIOp::create(s.b, s.b.getI32Type(),
                                     s.min(s.max(v[0], low), high))
          .getResult();
    });
  values[weight] = result;
}

Value Lowering::scalar(Type element, double value) {
  return arith::ConstantOp::create(
      b,
      SplatElementsAttr::get(RankedTensorType::get({}, element),
                             isa<FloatType>(element)
                                 ? Attribute(b.getFloatAttr(element, value))
                                 : Attribute(b.getIntegerAttr(
                                       element, static_cast<int64_t>(value)))));
}

Value Lowering::integers(ArrayRef<int64_t> numbers, ArrayRef<int64_t> shape,
                         Type element) {
  SmallVector<APInt> bits;
  for (int64_t number : numbers)
    bits.emplace_back(element.getIntOrFloatBitWidth(), number,
                      /*isSigned=*/true);
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(RankedTensorType::get(shape, element), bits));
}

Value Lowering::iota(int64_t size, Type element) {
  SmallVector<int64_t> numbers;
  for (int64_t i = 0; i < size; ++i)
    numbers.push_back(i);
  return integers(numbers, {size}, element);
}

Value Lowering::empty(ArrayRef<int64_t> shape, Type element) {
  return tensor::EmptyOp::create(b, shape, element);
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

static const llvm::StringMap<Rule> &rules() {
  static const llvm::StringMap<Rule> table = [] {
    llvm::StringMap<Rule> all;
    for (ArrayRef<NamedRule> family :
         {mathRules(), shapeRules(), nnRules(), quantRules()})
      for (const NamedRule &entry : family) {
        bool isNew = all.try_emplace(entry.op, entry.lower).second;
        LPU_CHECK(isNew, "two rules for one operator");
      }
    return all;
  }();
  return table;
}

LogicalResult Lowering::run(Operation *op) {
  auto function = cast<func::FuncOp>(op);
  if (function.isExternal())
    return success();
  if (!function.getBody().hasOneBlock()) {
    emitError(function.getLoc(), "function '")
        << function.getName() << "' has several blocks; an ONNX graph has one";
    return failure();
  }
  Block &body = function.getBody().front();
  for (BlockArgument argument : body.getArguments()) {
    argumentTypes[argument] = argument.getType();
    argument.setType(convertType(argument.getType(), narrow()));
  }

  SmallVector<Operation *> nodes;
  for (Operation &each : body)
    nodes.push_back(&each);
  for (Operation *each : nodes) {
    node = each;
    b.setInsertionPoint(each);
    b.setLoc(withValueNames(each->getLoc(), {})); // only results have them
    if (!isOnnx(each)) {
      for (OpOperand &use : each->getOpOperands())
        use.set(lowered(use.get()));
      continue;
    }
    if (isa<onnx::ConstantOp, onnx::NoValueOp>(each))
      continue;
    if (isa<onnx::InitializerOp>(each)) {
      b.setInsertionPointAfter(each);
      lowerInitializer(each);
      continue;
    }
    auto isEmpty = [](Value v) {
      auto type = dyn_cast<RankedTensorType>(v.getType());
      return type && type.getNumElements() == 0;
    };
    auto found = rules().find(each->getName().getStringRef());
    if (llvm::all_of(each->getResults(), isEmpty)) {
      // Nothing to compute; a first decoding step has such cache tensors.
      for (auto [i, result] : llvm::enumerate(each->getResults()))
        set(i, empty(resultShape(i), resultElement(i)));
    } else if (llvm::any_of(each->getOperands(), isEmpty) &&
               !isa<onnx::ConcatOp>(each)) {
      unsupported("it computes from an operand without elements");
    } else if (found == rules().end())
      unsupported("no lowering for this operator");
    else if (checkAxes())
      found->second(*this);
    // A stand-in for what could not be lowered, so that the rest is checked.
    for (Value result : each->getResults())
      if (!values.count(result)) {
        LPU_CHECK(failed, "a rule neither sets its result nor reports it");
        auto type =
            cast<RankedTensorType>(convertType(result.getType(), narrow()));
        values[result] = empty(type.getShape(), type.getElementType());
      }
  }
  if (failed)
    return failure();

  for (Operation *each : llvm::reverse(nodes))
    if (isOnnx(each) && (!isa<onnx::InitializerOp>(each) || each->use_empty()))
      each->erase();
  // Views that every reader looked through, constants that became scalars.
  for (Operation &each : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&each))
      each.erase();

  SmallVector<Type> results;
  for (Value v : body.getTerminator()->getOperands())
    results.push_back(v.getType());
  function.setFunctionType(
      FunctionType::get(b.getContext(), body.getArgumentTypes(), results));
  return success();
}
