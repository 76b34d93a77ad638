//===- FromLinalg.cpp - the graph of a linalg function --------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the forms of docs/lowering.md. Data movement becomes views; a tensor
// that repeats its elements along a dimension is stored without it.
//
//===----------------------------------------------------------------------===//

#include "Reader.h"
#include "dialects/Fabric/Fabric.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace lpu::linalg_to_stream;

void Reader::report(Operation &op, const Twine &reason) {
  failed = true;
  InFlightDiagnostic error = op.emitError();
  std::string name = nodeName(op.getLoc());
  // The node says what it is to the user; without one, the operation does.
  if (!name.empty())
    error << "ONNX node \"" << name << "\"";
  else
    error << op.getName();
  error << " cannot run on the chip: " << reason;
  for (mlir::Value result : op.getResults())
    error << "; result " << result.getType();
}

View Reader::splat(Operation &op, ArrayRef<int64_t> shape, StringRef element,
                   uint32_t bits) {
  Tensor &t = add(Tensor::Map, op);
  t.shape.assign(shape.size(), 1);
  t.element = element.str();
  t.result = {ScalarOperand::Immediate, bits};
  View view = wholeView(&t);
  view.sizes.assign(shape.begin(), shape.end());
  view.strides.assign(shape.size(), 0);
  return view;
}

View Reader::copied(const View &view, Operation &op) {
  Tensor &t = add(Tensor::Map, op);
  t.shape = view.sizes;
  t.element = view.source->element;
  t.operands.push_back(view);
  t.result = {ScalarOperand::Input, 0};
  return wholeView(&t);
}

/// Bits of a scalar constant as the vector unit holds them.
static std::optional<uint32_t> scalarBits(Attribute attr) {
  if (auto value = dyn_cast<FloatAttr>(attr)) {
    APFloat number = value.getValue();
    bool loses;
    number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &loses);
    return uint32_t(number.bitcastToAPInt().getZExtValue());
  }
  if (auto value = dyn_cast<IntegerAttr>(attr))
    return value.getType().isInteger(1)
               ? uint32_t(value.getValue().getZExtValue())
               : uint32_t(value.getValue().getSExtValue());
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

static void markParameter(Operation &op, Tensor &t) {
  if (auto number = op.getAttrOfType<IntegerAttr>("fabric.parameter"))
    t.constant.parameter = number.getInt();
}

void Reader::readConstant(Operation &op, DenseElementsAttr value) {
  Type type = value.getElementType();
  Sizes shape = shapeOf(op.getResult(0));
  if (value.isSplat()) {
    if (std::optional<uint32_t> bits =
            scalarBits(value.getSplatValue<Attribute>()))
      return setView(op.getResult(0),
                     splat(op, shape, elementName(type), *bits));
    return report(op, "a constant of a type that the chip does not have");
  }
  Tensor &t = add(Tensor::Constant, op);
  t.shape = shape;
  t.element = elementName(type);
  t.constant.elementType = t.element;
  t.constant.data = std::make_shared<std::vector<uint8_t>>();
  if (type.isInteger(1)) {
    for (bool bit : value.getValues<bool>())
      t.constant.data->push_back(bit);
  } else {
    ArrayRef<char> raw = value.getRawData();
    t.constant.data->assign(raw.begin(), raw.end());
  }
  markParameter(op, t);
  setView(op.getResult(0), wholeView(&t));
}

void Reader::readInitializer(Operation &op) {
  auto file = op.getAttrOfType<StringAttr>("file");
  auto offset = op.getAttrOfType<IntegerAttr>("offset");
  auto length = op.getAttrOfType<IntegerAttr>("length");
  if (!file || !offset || !length)
    return report(op, "an initializer without file, offset and length");
  Tensor &t = add(Tensor::Constant, op);
  t.shape = shapeOf(op.getResult(0));
  t.element = elementOf(op.getResult(0));
  t.constant.elementType = t.element;
  t.constant.file = file.str();
  t.constant.fileOffset = offset.getInt();
  t.constant.fileLength = length.getInt();
  if (auto name = op.getAttrOfType<StringAttr>("name"))
    t.name = name.str();
  markParameter(op, t);
  setView(op.getResult(0), wholeView(&t));
}

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

void Reader::readReshape(Operation &op) {
  View from = viewOf(op.getOperand(0));
  Sizes shape = shapeOf(op.getResult(0));
  std::optional<View> to = reshaped(from, shape);
  if (!to)
    to = reshaped(copied(from, op), shape);
  setView(op.getResult(0), *to);
}

void Reader::readJoin(Operation &op) {
  auto concat = cast<tensor::ConcatOp>(op);
  SmallVector<View, 2> operands;
  SmallVector<Sizes, 2> pieces;
  Sizes at(shapeOf(concat.getResult()).size(), 0);
  for (mlir::Value v : concat.getInputs()) {
    operands.push_back(viewOf(v));
    pieces.push_back(at);
    at[concat.getDim()] += shapeOf(v)[concat.getDim()];
  }
  Tensor &t = add(Tensor::Join, op);
  t.shape = shapeOf(concat.getResult());
  t.element = elementOf(concat.getResult());
  t.operands = operands;
  t.pieces = pieces;
  setView(concat.getResult(), wholeView(&t));
}

void Reader::readPad(tensor::PadOp op) {
  auto constant =
      op.getConstantPaddingValue()
          ? op.getConstantPaddingValue().getDefiningOp<arith::ConstantOp>()
          : arith::ConstantOp();
  std::optional<uint32_t> bits =
      constant ? scalarBits(constant.getValue()) : std::nullopt;
  if (!bits)
    return report(*op, "a padding value that is not constant");
  // One dimension after the other, so that no two pieces overlap.
  View inner = viewOf(op.getSource());
  for (unsigned d = 0; d < inner.rank(); ++d) {
    int64_t low = op.getStaticLow()[d], high = op.getStaticHigh()[d];
    if (low == 0 && high == 0)
      continue;
    Sizes shape = inner.sizes, at(inner.rank(), 0);
    int64_t size = shape[d];
    shape[d] = low + size + high;
    Tensor &t = add(Tensor::Join, *op);
    t.shape = shape;
    t.element = elementOf(op.getResult());
    auto piece = [&](const View &view) {
      t.operands.push_back(view);
      t.pieces.push_back(at);
      at[d] += view.sizes[d];
    };
    for (int64_t count : {low, int64_t(-1), high}) {
      if (count < 0) {
        piece(inner);
      } else if (count > 0) {
        shape[d] = count;
        piece(splat(*op, shape, t.element, *bits));
      }
    }
    inner = wholeView(&t);
  }
  setView(op.getResult(), inner);
}

void Reader::readExchange(Operation &op, unsigned members, bool scatters) {
  if (shapeOf(op.getOperand(0)).size() != 2)
    return report(op, "an exchange of what is not rows and features; "
                      "--fabric-decompose makes it so");
  // Every row crosses, also where all are one: a member without a part gives
  // constants.
  View given = viewOf(op.getOperand(0));
  bool isRepeated = false;
  for (unsigned d = 0; d < given.rank(); ++d)
    isRepeated |= given.strides[d] == 0 && given.sizes[d] > 1;
  if (isRepeated)
    given = copied(given, op);
  Tensor &t = add(Tensor::Exchange, op);
  t.shape = shapeOf(op.getResult(0));
  t.element = elementOf(op.getResult(0));
  t.operands.push_back(given);
  t.members = members;
  t.scatters = scatters;
  if (!graph.exchanges.empty())
    t.after = graph.exchanges.back();
  graph.exchanges.push_back(&t);
  setView(op.getResult(0), wholeView(&t));
}

void Reader::read(Operation &op) {
  if (llvm::isa<tensor::EmptyOp>(op)) // only the type of a result
    return;
  if (op.getNumResults() == 1)
    if (auto type = dyn_cast<RankedTensorType>(op.getResult(0).getType()))
      if (type.getNumElements() == 0)
        return report(op, "a tensor without elements");
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return readGeneric(generic);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()))
      readConstant(op, dense);
    return;
  }
  if (op.getName().getStringRef() == "onnx.Initializer")
    return readInitializer(op);
  if (auto fill = dyn_cast<linalg::FillOp>(op)) {
    auto constant = fill.getInputs()[0].getDefiningOp<arith::ConstantOp>();
    std::optional<uint32_t> bits =
        constant ? scalarBits(constant.getValue()) : std::nullopt;
    if (!bits)
      return report(op, "a fill with a value that is not constant");
    return setView(op.getResult(0), splat(op, shapeOf(op.getResult(0)),
                                          elementOf(op.getResult(0)), *bits));
  }
  if (llvm::isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return readReshape(op);
  if (auto transpose = dyn_cast<linalg::TransposeOp>(op)) {
    View from = viewOf(transpose.getInput()), to = from;
    for (auto [i, dim] : llvm::enumerate(transpose.getPermutation())) {
      to.sizes[i] = from.sizes[dim];
      to.strides[i] = from.strides[dim];
    }
    return setView(op.getResult(0), to);
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    View view = viewOf(slice.getSource());
    for (unsigned i = 0; i < view.rank(); ++i) {
      view.offset += slice.getStaticOffsets()[i] * view.strides[i];
      view.sizes[i] = slice.getStaticSizes()[i];
      view.strides[i] = view.sizes[i] == 1
                            ? 0
                            : view.strides[i] * slice.getStaticStrides()[i];
    }
    return setView(op.getResult(0), view);
  }
  if (llvm::isa<tensor::ConcatOp>(op))
    return readJoin(op);
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return readPad(pad);
  if (auto exchange = dyn_cast<lpu::fabric::AllToAllOp>(op))
    return readExchange(op, exchange.getMembers(), /*scatters=*/true);
  if (auto gather = dyn_cast<lpu::fabric::AllGatherOp>(op)) {
    ArrayRef<int64_t> offsets = gather.getOffsets();
    bool isEven = gather.getDim() == 0;
    for (size_t m = 0; m < offsets.size(); ++m)
      isEven &= offsets[m] == int64_t(m) * offsets[1];
    if (isEven)
      return readExchange(op, offsets.size() - 1, /*scatters=*/false);
  }
  if (lpu::fabric::isCollective(&op))
    return report(op, "not an exchange of equal blocks; --fabric-decompose "
                      "makes it one");
  report(op, "not a form of docs/lowering.md");
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

static std::string numpyName(StringRef element) {
  return llvm::StringSwitch<std::string>(element)
      .Case("f32", "float32")
      .Case("f16", "float16")
      .Case("f64", "float64")
      .Case("i64", "int64")
      .Case("i32", "int32")
      .Case("i8", "int8")
      .Cases({"u8", "ui8"}, "uint8")
      .Case("i1", "bool")
      .Default("");
}

/// What the importer noted about an argument or result, or a stand-in.
static std::string noted(DictionaryAttr attrs, StringRef key,
                         const Twine &otherwise) {
  if (attrs)
    if (auto text = attrs.getAs<StringAttr>(key))
      return text.str();
  return otherwise.str();
}

LogicalResult Reader::run(func::FuncOp function) {
  graph.name = function.getName().str();
  for (BlockArgument argument : function.getArguments()) {
    unsigned i = argument.getArgNumber();
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape()) {
      function.emitError("argument ") << i << " has no static shape";
      return failure();
    }
    Tensor &t = graph.add(Tensor::Input, argument.getLoc());
    t.shape = Sizes(type.getShape());
    t.element = elementName(type.getElementType());
    DictionaryAttr attrs = function.getArgAttrDict(i);
    t.name = noted(attrs, "onnx.name", "input" + Twine(i));
    t.hostType = noted(attrs, "onnx.type", numpyName(t.element));
    t.isPort = attrs && attrs.contains("fabric.port");
    t.isNatural = attrs && attrs.contains("fabric.natural");
    setView(argument, wholeView(&t));
  }
  for (Operation &op : function.getBody().front().without_terminator()) {
    read(op);
    std::string name = valueName(op.getLoc());
    if (name.empty() || op.getNumResults() != 1)
      continue;
    // What stands for no value (tensor.empty) has no view.
    if (auto view = views.find(op.getResult(0)); view != views.end())
      graph.values.push_back({name, view->second, valueCut(op.getLoc())});
  }
  Operation *end = function.getBody().front().getTerminator();
  for (auto [i, value] : llvm::enumerate(end->getOperands())) {
    DictionaryAttr attrs = function.getResultAttrDict(i);
    graph.outputs.push_back(
        {noted(attrs, "onnx.name", "output" + Twine(i)),
         noted(attrs, "onnx.type", numpyName(elementOf(value))), viewOf(value),
         value.getLoc(), attrs && attrs.contains("fabric.port"),
         attrs && attrs.contains("fabric.natural")});
  }
  return failure(failed);
}

FailureOr<std::unique_ptr<Graph>>
lpu::linalg_to_stream::buildGraph(ModuleOp module) {
  func::FuncOp only;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    if (only) {
      function.emitError("a second function; a program is made of one");
      return failure();
    }
    only = function;
  }
  if (!only || !only.getBody().hasOneBlock()) {
    module.emitError("has no function of one block");
    return failure();
  }
  auto graph = std::make_unique<Graph>();
  if (failed(Reader(*graph).run(only)))
    return failure();
  return graph;
}
