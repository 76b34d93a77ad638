//===- Evaluator.cpp - from a file to its outputs -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "lpu/Verify/Model.h"
#include "onnx-ml.pb.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <fstream>
#include <map>
#include <set>

using namespace lpu;
using namespace lpu::verify;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

const onnx::AttributeProto *Node::attribute(llvm::StringRef name) const {
  for (const onnx::AttributeProto &a : proto.attribute())
    if (name == a.name())
      return &a;
  return nullptr;
}
int64_t Node::integer(llvm::StringRef name, int64_t otherwise) const {
  const onnx::AttributeProto *a = attribute(name);
  return a ? a->i() : otherwise;
}
float Node::number(llvm::StringRef name, float otherwise) const {
  const onnx::AttributeProto *a = attribute(name);
  return a ? a->f() : otherwise;
}
std::string Node::text(llvm::StringRef name, const char *otherwise) const {
  const onnx::AttributeProto *a = attribute(name);
  return a ? a->s() : otherwise;
}
std::optional<std::vector<int64_t>> Node::integers(llvm::StringRef name) const {
  if (const onnx::AttributeProto *a = attribute(name))
    return std::vector<int64_t>(a->ints().begin(), a->ints().end());
  return std::nullopt;
}
std::optional<std::vector<int64_t>> Node::integers(llvm::StringRef name,
                                                   size_t i) const {
  if (has(i) && !in(i).isFloat())
    return *in(i).integers;
  return integers(name);
}
int64_t Node::axis(int64_t axis, int64_t rank) {
  int64_t result = axis < 0 ? axis + rank : axis;
  if (result >= 0 && result < rank)
    return result;
  refuse("axis " + std::to_string(axis) + " of " + std::to_string(rank) +
         " dims");
  return 0;
}

//===----------------------------------------------------------------------===//
// Tensors of the file
//===----------------------------------------------------------------------===//

/// The bytes of a tensor in a file of its own.
static std::string readExternal(const onnx::TensorProto &proto,
                                llvm::StringRef directory, std::string &bytes) {
  std::string location;
  uint64_t offset = 0, length = 0;
  for (const auto &entry : proto.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      llvm::StringRef(entry.value()).getAsInteger(10, offset);
    else if (entry.key() == "length")
      llvm::StringRef(entry.value()).getAsInteger(10, length);
  }
  llvm::SmallVector<llvm::StringRef, 4> parts;
  llvm::StringRef(location).split(parts, '/');
  if (location.empty() || llvm::sys::path::is_absolute(location) ||
      llvm::is_contained(parts, ".."))
    return "its data lies outside of the model's folder";
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, location);
  auto all = llvm::MemoryBuffer::getFileSlice(path, length, offset);
  if (!all || (*all)->getBufferSize() != length)
    return "its data cannot be read from '" + path.str().str() + "'";
  bytes = (*all)->getBuffer().str();
  return "";
}

std::string lpu::verify::readTensor(const onnx::TensorProto &proto,
                                    llvm::StringRef directory, Tensor &result) {
  std::string own;
  const std::string *raw = &proto.raw_data();
  if (proto.data_location() == onnx::TensorProto::EXTERNAL) {
    std::string error = readExternal(proto, directory, own);
    if (!error.empty())
      return error;
    raw = &own;
  }
  Dims dims(proto.dims().begin(), proto.dims().end());
  int64_t count = 1;
  for (int64_t dim : dims)
    if (dim < 0 || llvm::MulOverflow(count, dim, count))
      return "its shape is impossible";
  int type = proto.data_type();
  unsigned width = type == typeFloat || type == typeInt32    ? 4
                   : type == typeInt64 || type == typeDouble ? 8
                   : type == typeHalf                        ? 2
                                                             : 1;
  bool known = isFloatType(type) || type == typeInt32 || type == typeInt64 ||
               type == typeBool || type == 2 || type == 3;
  if (!known)
    return "its element type " + std::to_string(type) + " is not known here";
  bool isRaw = !raw->empty() || count == 0;
  if (isRaw && raw->size() != uint64_t(count) * width)
    return "it has not the bytes that its shape needs";
  auto at = [&](int64_t i, void *into) {
    std::memcpy(into, raw->data() + size_t(i) * width, width);
  };
  auto lacks = [&](int size) { return !isRaw && size != count; };
  if (isFloatType(type)) {
    if (type == typeFloat    ? lacks(proto.float_data_size())
        : type == typeDouble ? lacks(proto.double_data_size())
                             : lacks(proto.int32_data_size()))
      return "it has not the elements that its shape needs";
    std::vector<float> values(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      float &value = values[size_t(i)];
      double wide = 0;
      uint16_t half = 0;
      if (type == typeFloat && isRaw) {
        at(i, &value);
      } else if (type == typeFloat) {
        value = proto.float_data(int(i));
      } else if (type == typeDouble) {
        isRaw ? at(i, &wide) : void(wide = proto.double_data(int(i)));
        value = float(wide);
      } else {
        isRaw ? at(i, &half) : void(half = uint16_t(proto.int32_data(int(i))));
        value = llvm::bit_cast<float>(modular::fromHalf(half));
      }
    }
    result = Tensor::ofConstants(dims, std::move(values));
    result.scale = scaleOf(*result.constants);
    return "";
  }
  if (type == typeInt64 ? lacks(proto.int64_data_size())
                        : lacks(proto.int32_data_size()))
    return "it has not the elements that its shape needs";
  std::vector<int64_t> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    int64_t &value = values[size_t(i)];
    if (!isRaw) {
      value = type == typeInt64 ? proto.int64_data(int(i))
                                : proto.int32_data(int(i));
    } else if (width == 4) {
      int32_t part;
      at(i, &part);
      value = part;
    } else if (width == 1) {
      uint8_t part;
      at(i, &part);
      value = type == 3 ? int8_t(part) : part;
    } else {
      at(i, &value);
    }
  }
  result = Tensor::ofIntegers(type, dims, std::move(values), true);
  return "";
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

static void constant(Node &n, llvm::StringRef directory) {
  if (const onnx::AttributeProto *value = n.attribute("value")) {
    Tensor result;
    std::string error = readTensor(value->t(), directory, result);
    if (!error.empty())
      return n.refuse(error);
    return n.set(result);
  }
  if (n.attribute("value_int"))
    return n.set(
        Tensor::ofIntegers(typeInt64, {}, {n.integer("value_int", 0)}, true));
  if (n.attribute("value_float"))
    return n.set(Tensor::ofConstants({}, {n.number("value_float", 0)}));
  if (auto list = n.integers("value_ints"))
    return n.set(
        Tensor::ofIntegers(typeInt64, {int64_t(list->size())}, *list, true));
  n.refuse("the form of its value is not known here");
}

static void constantOfShape(Node &n, llvm::StringRef directory) {
  Tensor value = Tensor::ofConstants({}, {0});
  if (const onnx::AttributeProto *given = n.attribute("value")) {
    std::string error = readTensor(given->t(), directory, value);
    if (!error.empty())
      return n.refuse(error);
  }
  if (n.in(0).isFloat() || value.count() != 1)
    return n.refuse("its shape or its value is none");
  Dims dims(n.in(0).integers->begin(), n.in(0).integers->end());
  n.set(value.take(dims, std::vector<int64_t>(size_t(countOf(dims)), 0)));
}

static std::string sizesOf(const Node &n) {
  std::string text;
  for (const Tensor *t : n.inputs) {
    text += text.empty() ? "" : ", ";
    if (!t)
      continue;
    text += "[";
    for (size_t d = 0; d < t->dims.size(); ++d)
      text += (d ? "," : "") + std::to_string(t->dims[d]);
    text += "]";
  }
  return text;
}

/// Values that outputs get by mere movement: a table whose rows are among them
/// has the numbers of the file for everybody (docs/numerics.md).
static std::set<std::string> findHandedOn(const onnx::GraphProto &graph) {
  std::set<std::string> handedOn;
  for (const onnx::ValueInfoProto &info : graph.output())
    handedOn.insert(info.name());
  for (int i = graph.node_size(); i-- > 0;) {
    const onnx::NodeProto &node = graph.node(i);
    bool isMovement =
        llvm::StringSwitch<bool>(node.op_type())
            .Cases({"Identity", "Dropout", "Reshape", "Flatten", "Squeeze"},
                   true)
            .Cases({"Unsqueeze", "Transpose", "Slice", "Split", "Concat"}, true)
            .Cases({"Expand", "Tile", "Pad", "Where", "Gather"}, true)
            .Cases({"GatherElements", "GatherND"}, true)
            .Cases({"ScatterElements", "ScatterND"}, true)
            .Cases({"Max", "Min"}, llvm::all_equal(node.input()))
            .Default(false);
    if (isMovement && llvm::any_of(node.output(), [&](const auto &name) {
          return handedOn.count(name);
        }))
      handedOn.insert(node.input().begin(), node.input().end());
  }
  return handedOn;
}

/// One pass over the graph; \p identical gets what its nodes have found.
static llvm::Expected<ModelOutputs>
evaluate(llvm::StringRef path, const onnx::ModelProto &model,
         const Field &field, llvm::ArrayRef<ModelArray> inputs,
         std::vector<std::pair<uint32_t, uint32_t>> &identical) {
  auto fail = [&](const llvm::Twine &text) {
    return llvm::createStringError(path + ": " + text);
  };
  std::string directory = llvm::sys::path::parent_path(path).str();
  int64_t opset = 0;
  for (const auto &import : model.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx")
      opset = import.version();

  ModelOutputs outputs;
  std::map<std::string, Tensor> values;
  const onnx::GraphProto &graph = model.graph();
  for (const onnx::TensorProto &proto : graph.initializer()) {
    Tensor value;
    std::string error = readTensor(proto, directory, value);
    if (!error.empty())
      return fail("cannot judge initializer '" + proto.name() + "': " + error);
    values[proto.name()] = std::move(value);
  }
  for (const ModelArray &input : inputs) {
    Tensor value = input.isFloat ? Tensor::ofElements(input.shape, input.floats)
                                 : Tensor::ofIntegers(typeInt64, input.shape,
                                                      input.integers, false);
    for (const onnx::ValueInfoProto &info : graph.input())
      if (info.name() == input.name && info.type().has_tensor_type())
        value.type = info.type().tensor_type().elem_type();
    values[input.name] = std::move(value);
  }
  for (const onnx::ValueInfoProto &info : graph.input())
    if (!values.count(info.name()))
      return fail("the package has no input '" + info.name() + "'");

  // Values are dropped behind their last reader.
  std::map<std::string, int> lastUse;
  for (int i = 0; i < graph.node_size(); ++i)
    for (const std::string &name : graph.node(i).input())
      lastUse[name] = i;
  for (const onnx::ValueInfoProto &info : graph.output())
    lastUse[info.name()] = graph.node_size();
  std::set<std::string> handedOn = findHandedOn(graph);
  for (int number = 0; number < graph.node_size(); ++number) {
    const onnx::NodeProto &proto = graph.node(number);
    Node node(proto, field, opset);
    node.isHandedOn = proto.output_size() && handedOn.count(proto.output(0));
    auto refused = [&](const llvm::Twine &reason) {
      return fail("cannot judge node '" + proto.name() + "' (" +
                  (proto.domain().empty() ? "" : proto.domain() + "::") +
                  proto.op_type() + "; " + sizesOf(node) + "): " + reason);
    };
    for (const std::string &name : proto.input()) {
      auto found = values.find(name);
      if (!name.empty() && found == values.end())
        return refused("nothing defines '" + name + "' before it");
      node.inputs.push_back(name.empty() ? nullptr : &found->second);
    }
    llvm::StringRef name = proto.op_type();
    Operator op = nullptr;
    if (proto.domain().empty() || proto.domain() == "ai.onnx")
      for (Operator found :
           {findMath(name), findReduction(name), findShape(name), findNN(name),
            findExpanded(name), findNormalisation(name), findQuantised(name)})
        op = op ? op : found;
    else if (proto.domain() == "com.microsoft")
      op = findFused(name) ? findFused(name) : findFusedQuantised(name);
    if (name == "Constant")
      constant(node, directory);
    else if (name == "ConstantOfShape")
      constantOfShape(node, directory);
    else if (op)
      op(node);
    else
      node.refuse("the operator is not known here");
    if (!node.error.empty())
      return refused(node.error);
    llvm::append_range(identical, node.identical);
    outputs.hasRounded |= node.hasRounded;
    for (int i = 0; i < proto.output_size(); ++i) {
      if (proto.output(i).empty())
        continue;
      if (size_t(i) >= node.outputs.size())
        return refused("it has more results than the operator is known for");
      values[proto.output(i)] = std::move(node.outputs[size_t(i)]);
    }
    for (const std::string &name : proto.input())
      if (lastUse[name] == number)
        values.erase(name);
  }

  for (const onnx::ValueInfoProto &info : graph.output()) {
    auto found = values.find(info.name());
    if (found == values.end())
      return fail("nothing defines output '" + info.name() + "'");
    const Tensor &value = found->second;
    ModelArray &output = outputs.arrays.emplace_back();
    output.name = info.name();
    output.shape.assign(value.dims.begin(), value.dims.end());
    output.isFloat = value.isFloat();
    for (int64_t i = 0; i < value.count(); ++i)
      if (value.isFloat())
        output.floats.push_back(value.moved(i));
      else
        output.integers.push_back(value.integer(i));
  }
  return outputs;
}

llvm::Expected<ModelOutputs>
lpu::verify::evaluateModel(llvm::StringRef path, Field &field,
                           llvm::ArrayRef<ModelArray> inputs) {
  onnx::ModelProto model;
  std::ifstream stream(path.str(), std::ios::binary);
  if (!stream || !model.ParseFromIstream(&stream))
    return llvm::createStringError(
        path + ": it cannot be read as an ONNX model of less than 2 GB");
  std::vector<std::pair<uint32_t, uint32_t>> identical;
  auto result = evaluate(path, model, field, inputs, identical);
  if (!result || identical.empty())
    return result;
  // Nodes in front of those that have found them compute with them, too.
  for (auto [bits, residue] : identical)
    (void)field.identify(bits, residue);
  return evaluate(path, model, field, inputs, identical);
}
