// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Emit.h"

#include "dialects/ONNX/ONNX.h"
#include "lpu/Import/Import.h"
#include "lpu/Support/NodeName.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace lpu::importer {

namespace {

class Emitter {
public:
  Emitter(MLIRContext &context, const Graph &graph, const ImportReport &report)
      : context(context), graph(graph), report(report), builder(&context) {}

  OwningOpRef<ModuleOp> run();

private:
  Location locationOf(const Origin *origin);
  RankedTensorType typeOf(const Value *value);
  DenseElementsAttr elementsOf(const Tensor &tensor, RankedTensorType type);
  Attribute attributeOf(const Attr &attr);
  void emitNode(const Node &node);
  mlir::Value noValue(Location loc);

  MLIRContext &context;
  const Graph &graph;
  const ImportReport &report;
  OpBuilder builder;
  llvm::DenseMap<const importer::Value *, mlir::Value> values;
  llvm::DenseMap<const Origin *, LocationAttr> locations;
  mlir::Value absent;
};

} // namespace

/// The ONNX node's name; its operator and the exporter's metadata ride along.
Location Emitter::locationOf(const Origin *origin) {
  if (!origin)
    return UnknownLoc::get(&context);
  LocationAttr &location = locations[origin];
  if (location)
    return location;
  SmallVector<NamedAttribute> metadata;
  if (!origin->op.empty())
    metadata.push_back(builder.getNamedAttr(
        "onnx.op", builder.getStringAttr(
                       (origin->domain.empty() ? "" : origin->domain + "::") +
                       origin->op)));
  for (auto &[key, value] : origin->metadata)
    metadata.push_back(builder.getNamedAttr(key, builder.getStringAttr(value)));
  Location child = UnknownLoc::get(&context);
  if (!metadata.empty())
    child =
        FusedLoc::get(&context, {child}, builder.getDictionaryAttr(metadata));
  location = NameLoc::get(builder.getStringAttr(origin->name), child);
  return location;
}

/// The host's arrays keep the model's types, whatever the chip computes in.
static const char *numpyName(DType type) {
  switch (type) {
  case DType::F32:
    return "float32";
  case DType::F16:
    return "float16";
  case DType::I64:
    return "int64";
  case DType::I32:
    return "int32";
  case DType::I8:
    return "int8";
  case DType::U8:
    return "uint8";
  case DType::Bool:
    return "bool";
  default:
    llvm_unreachable("Reader::checkResult has refused other types");
  }
}

RankedTensorType Emitter::typeOf(const Value *value) {
  Type element;
  switch (value->type) {
  case DType::F32:
    element = builder.getF32Type();
    break;
  case DType::F16:
    element = builder.getF16Type();
    break;
  case DType::I64:
    element = builder.getI64Type();
    break;
  case DType::I32:
    element = builder.getI32Type();
    break;
  case DType::I8:
    element = builder.getI8Type();
    break;
  case DType::U8:
    element = builder.getIntegerType(8, /*isSigned=*/false);
    break;
  case DType::Bool:
    element = builder.getI1Type();
    break;
  default:
    llvm_unreachable("Reader::checkResult has refused other types");
  }
  return RankedTensorType::get(value->dims, element);
}

DenseElementsAttr Emitter::elementsOf(const Tensor &tensor,
                                      RankedTensorType type) {
  if (tensor.type == DType::Bool) {
    SmallVector<bool> bits(tensor.ints.begin(), tensor.ints.end());
    return DenseElementsAttr::get(type, ArrayRef<bool>(bits));
  }
  std::vector<char> bytes = tensor.bytes();
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

Attribute Emitter::attributeOf(const Attr &attr) {
  if (auto *i = std::get_if<int64_t>(&attr.value))
    return builder.getI64IntegerAttr(*i);
  if (auto *f = std::get_if<float>(&attr.value))
    return builder.getF32FloatAttr(*f);
  if (auto *s = std::get_if<std::string>(&attr.value))
    return builder.getStringAttr(*s);
  return builder.getDenseI64ArrayAttr(
      std::get<std::vector<int64_t>>(attr.value));
}

mlir::Value Emitter::noValue(Location loc) {
  if (!absent)
    absent = onnx::NoValueOp::create(builder, loc, builder.getNoneType());
  return absent;
}

void Emitter::emitNode(const Node &node) {
  Location loc = locationOf(node.origin);
  const Value *result = node.results[0];
  if (node.op == Op::Constant) {
    RankedTensorType type = typeOf(result);
    values[result] = onnx::ConstantOp::create(builder, loc, type,
                                              elementsOf(*node.data, type));
    return;
  }
  if (node.op == Op::Initializer) {
    values[result] = onnx::InitializerOp::create(
        builder, loc, typeOf(result), node.weight.name, node.weight.file,
        node.weight.offset, node.weight.length);
    return;
  }
  // A splat is cheap in the IR: say it as the constant that it is.
  if (node.op == Op::Expand && node.operands[0]->node->op == Op::Constant &&
      node.operands[0]->node->data->size() == 1) {
    RankedTensorType type = typeOf(result);
    DenseElementsAttr splat =
        elementsOf(*node.operands[0]->node->data,
                   RankedTensorType::get({1}, type.getElementType()));
    values[result] = onnx::ConstantOp::create(
        builder, loc, type,
        DenseElementsAttr::get(type, *splat.getValues<Attribute>().begin()));
    return;
  }
  SmallVector<llvm::StringRef> names;
  for (const Value *r : node.results)
    names.push_back(r->name);
  loc = withValueNames(loc, names);
  OperationState state(loc, std::string("onnx.") + opName(node.op));
  for (const Value *operand : node.operands)
    state.addOperands(operand ? values.lookup(operand) : noValue(loc));
  for (const Attr &attr : node.attrs)
    state.addAttribute(attr.name, attributeOf(attr));
  for (const Value *r : node.results)
    state.addTypes(typeOf(r));
  Operation *op = builder.create(state);
  for (auto [r, value] : llvm::zip(node.results, op->getResults()))
    values[r] = value;
}

OwningOpRef<ModuleOp> Emitter::run() {
  context.loadDialect<onnx::ONNXDialect, func::FuncDialect>();
  Location loc = NameLoc::get(builder.getStringAttr(report.path));
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  (*module)->setAttr("onnx.opset", builder.getI64IntegerAttr(report.opset));
  (*module)->setAttr("onnx.producer", builder.getStringAttr(report.producer));
  SmallVector<Type> inputs, outputs;
  for (const Value *v : graph.inputs)
    inputs.push_back(typeOf(v));
  for (auto &[name, v] : graph.outputs)
    outputs.push_back(typeOf(v));
  builder.setInsertionPointToStart(module->getBody());
  auto main = func::FuncOp::create(builder, loc, "main",
                                   builder.getFunctionType(inputs, outputs));
  Block *entry = main.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  for (auto [i, v] : llvm::enumerate(graph.inputs)) {
    main.setArgAttr(i, "onnx.name", builder.getStringAttr(v->node->name));
    main.setArgAttr(i, "onnx.type", builder.getStringAttr(numpyName(v->type)));
    values[v] = entry->getArgument(i);
  }
  for (const Node *node : liveNodes(graph))
    if (node->op != Op::Input)
      emitNode(*node);
  SmallVector<mlir::Value> results;
  for (auto [i, output] : llvm::enumerate(graph.outputs)) {
    main.setResultAttr(i, "onnx.name", builder.getStringAttr(output.first));
    main.setResultAttr(i, "onnx.type",
                       builder.getStringAttr(numpyName(output.second->type)));
    results.push_back(values.lookup(output.second));
  }
  func::ReturnOp::create(builder, loc, results);
  // The constants under a splat have no users now.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*entry)))
    if (isa<onnx::ConstantOp>(op) && op.use_empty())
      op.erase();
  return module;
}

OwningOpRef<ModuleOp> emit(MLIRContext &context, const Graph &graph,
                           const ImportReport &report) {
  return Emitter(context, graph, report).run();
}

} // namespace lpu::importer
