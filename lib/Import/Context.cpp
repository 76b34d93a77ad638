// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// OpContext, and the table of records.

#include "Reader.h"

#include "onnx-ml.pb.h"

#include "lpu/Support/Check.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

namespace lpu::importer {

llvm::ArrayRef<OpFamily> opFamilies() {
  static const OpFamily families[] = {
      {"Element-wise and reductions", "", mathOps()},
      {"Shapes", "", shapeOps()},
      {"Indexing", "", indexOps()},
      {"Sequences", "", sequenceOps()},
      {"Networks", "", nnOps()},
      {"Written in other operators", "", expandedOps()},
      {"Quantisation", "", quantOps()},
      {"ONNX Runtime", "com.microsoft", contribOps()},
      {"ONNX Runtime, quantised", "com.microsoft", contribQuantOps()},
  };
  return families;
}

const OpRecord *findOp(llvm::StringRef domain, llvm::StringRef name) {
  for (const OpFamily &family : opFamilies())
    if (domain == family.domain)
      for (const OpRecord &record : family.records)
        if (name == record.name)
          return &record;
  return nullptr;
}

std::optional<int64_t> sinceVersion(const OpRecord &record, int64_t opset) {
  llvm::SmallVector<llvm::StringRef, 12> versions;
  llvm::StringRef(record.since).split(versions, ' ');
  std::optional<int64_t> found;
  for (llvm::StringRef text : versions) {
    int64_t version = 0;
    LPU_CHECK(!text.getAsInteger(10, version), "versions are numbers");
    if (version <= opset)
      found = version;
  }
  return found;
}

OpContext::OpContext(Reader &reader, Builder &b, const onnx::NodeProto &node,
                     int64_t opset, std::vector<Value *> inputs,
                     std::vector<const onnx::AttributeProto *> attributes)
    : reader(reader), b(b), node(node), opset(opset), inputs(std::move(inputs)),
      attributes(std::move(attributes)),
      outputs(std::max<size_t>(1, node.output_size())) {}

size_t OpContext::outputCount() const { return node.output_size(); }

bool OpContext::wants(size_t output) const {
  return output < outputCount() && !node.output(output).empty();
}

void OpContext::result(size_t i, Value *value) {
  if (i < outputs.size())
    outputs[i] = value;
}

const onnx::AttributeProto *OpContext::find(llvm::StringRef name, int kind,
                                            const char *kindName) {
  read.insert(name.str());
  for (const onnx::AttributeProto *a : attributes) {
    if (name != a->name())
      continue;
    // Old exporters leave the kind out; then the value that is set decides.
    if (a->type() != onnx::AttributeProto::UNDEFINED && a->type() != kind) {
      fail("attribute '" + name + "' must be " + kindName);
      return nullptr;
    }
    return a;
  }
  return nullptr;
}

bool OpContext::hasAttr(llvm::StringRef name) {
  read.insert(name.str());
  for (const onnx::AttributeProto *a : attributes)
    if (name == a->name())
      return true;
  return false;
}

int64_t OpContext::integer(llvm::StringRef name, int64_t otherwise) {
  auto *a = find(name, onnx::AttributeProto::INT, "an integer");
  return a ? a->i() : otherwise;
}

int64_t OpContext::integer(llvm::StringRef name, int64_t otherwise, int64_t low,
                           int64_t high) {
  int64_t value = integer(name, otherwise);
  if (value >= low && value <= high)
    return value;
  fail("attribute '" + name + "' = " + llvm::Twine(value) +
       " is out of range, must be " + llvm::Twine(low) + " to " +
       llvm::Twine(high));
  return low;
}

float OpContext::number(llvm::StringRef name, float otherwise) {
  auto *a = find(name, onnx::AttributeProto::FLOAT, "a float");
  return a ? a->f() : otherwise;
}

std::string OpContext::text(llvm::StringRef name, llvm::StringRef otherwise) {
  auto *a = find(name, onnx::AttributeProto::STRING, "a string");
  return a ? a->s() : otherwise.str();
}

std::optional<std::vector<int64_t>> OpContext::integers(llvm::StringRef name) {
  auto *a = find(name, onnx::AttributeProto::INTS, "a list of integers");
  if (!a)
    return std::nullopt;
  return std::vector<int64_t>(a->ints().begin(), a->ints().end());
}

std::optional<std::vector<float>> OpContext::numbers(llvm::StringRef name) {
  auto *a = find(name, onnx::AttributeProto::FLOATS, "a list of floats");
  if (!a)
    return std::nullopt;
  return std::vector<float>(a->floats().begin(), a->floats().end());
}

Value *OpContext::tensor(llvm::StringRef name) {
  auto *a = find(name, onnx::AttributeProto::TENSOR, "a tensor");
  return a ? reader.tensorValue(a->t(), ("attribute '" + name + "'").str())
           : nullptr;
}

std::optional<int64_t> OpContext::axis(llvm::StringRef name, int64_t otherwise,
                                       int64_t rank) {
  int64_t given = integer(name, otherwise);
  std::optional<int64_t> axis = normalizeAxis(given, rank);
  if (!axis && !hasAttr(name) && given == std::numeric_limits<int64_t>::max())
    fail("attribute '" + name + "' is missing");
  else if (!axis)
    fail("attribute '" + name + "' = " + llvm::Twine(given) +
         " is out of range for a tensor of rank " + llvm::Twine(rank));
  return axis;
}

std::optional<std::vector<int64_t>> OpContext::parameter(llvm::StringRef name,
                                                         size_t input) {
  if (std::optional<std::vector<int64_t>> list = integers(name))
    return list;
  if (!has(input))
    return std::nullopt;
  std::optional<std::vector<int64_t>> list = b.knownInts(in(input));
  if (!list)
    fail("its " + name +
         " are computed from data, so the shape of the result is not "
         "known when compiling");
  return list;
}

void OpContext::finish() {
  for (const onnx::AttributeProto *a : attributes)
    if (!read.count(a->name()))
      fail("attribute '" + a->name() + "' is not known for this operator");
}

} // namespace lpu::importer
