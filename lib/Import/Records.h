// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One record per supported ONNX operator: its name, the opset versions in which
// it changed, how many inputs it takes, and the function that builds it from
// the core set. The importer and the support table both read these records.

#ifndef LPU_LIB_IMPORT_RECORDS_H
#define LPU_LIB_IMPORT_RECORDS_H

#include "Builder.h"

#include <set>

namespace onnx {
class AttributeProto;
class NodeProto;
class TensorProto;
} // namespace onnx

namespace lpu::importer {

class Reader;

/// The ONNX node at hand: its inputs, its attributes, its results. Attributes
/// are checked for their kind; one that no getter has asked for is an error, so
/// that nothing in a file is silently ignored.
class OpContext {
public:
  OpContext(Reader &reader, Builder &b, const onnx::NodeProto &node,
            int64_t opset, std::vector<Value *> inputs,
            std::vector<const onnx::AttributeProto *> attributes);

  Reader &reader;
  Builder &b;
  const onnx::NodeProto &node;
  const int64_t opset;

  size_t inputCount() const { return inputs.size(); }
  bool has(size_t i) const { return i < inputs.size() && inputs[i]; }
  /// Null if the input is absent.
  Value *in(size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  bool wants(size_t output) const;
  size_t outputCount() const;

  bool hasAttr(llvm::StringRef name);
  int64_t integer(llvm::StringRef name, int64_t otherwise);
  /// The integer must lie in [low, high].
  int64_t integer(llvm::StringRef name, int64_t otherwise, int64_t low,
                  int64_t high);
  float number(llvm::StringRef name, float otherwise);
  std::string text(llvm::StringRef name, llvm::StringRef otherwise);
  std::optional<std::vector<int64_t>> integers(llvm::StringRef name);
  std::optional<std::vector<float>> numbers(llvm::StringRef name);
  Value *tensor(llvm::StringRef name);
  /// Accepts an attribute that has no effect here.
  void ignore(llvm::StringRef name) { hasAttr(name); }
  /// An axis attribute within the rank, made positive; reports and returns
  /// nothing if it is out of range.
  std::optional<int64_t> axis(llvm::StringRef name, int64_t otherwise,
                              int64_t rank);
  /// A parameter that is an attribute in old opsets and an input in new ones.
  /// Nothing if absent; reports if its elements are not known.
  std::optional<std::vector<int64_t>> parameter(llvm::StringRef name,
                                                size_t input);

  Value *fail(const llvm::Twine &reason) { return b.fail(reason); }
  bool failed() const { return b.hasFailed(); }
  void result(Value *value) { result(0, value); }
  void result(size_t i, Value *value);
  const std::vector<Value *> &results() const { return outputs; }
  /// Reports attributes that nobody has read.
  void finish();

private:
  const onnx::AttributeProto *find(llvm::StringRef name, int kind,
                                   const char *kindName);

  std::vector<Value *> inputs;
  std::vector<const onnx::AttributeProto *> attributes;
  std::set<std::string> read;
  std::vector<Value *> outputs;
};

using ImportFunction = void (*)(OpContext &);

struct OpRecord {
  const char *name;
  /// Opset versions, ascending, separated by spaces.
  const char *since;
  unsigned minInputs, maxInputs, outputs;
  /// Null for what the reader does itself (If).
  ImportFunction import;
  /// For the support table: what it becomes, what is refused.
  const char *note = "";
  /// Whether its first input is a sequence.
  bool takesSequence = false;
};

struct OpFamily {
  const char *title;
  const char *domain; // "" is ai.onnx
  llvm::ArrayRef<OpRecord> records;
};

llvm::ArrayRef<OpFamily> opFamilies();
/// The record of an operator; null if it is not supported at all.
const OpRecord *findOp(llvm::StringRef domain, llvm::StringRef name);
/// The version of the operator in this opset; nothing if it did not exist.
std::optional<int64_t> sinceVersion(const OpRecord &record, int64_t opset);

// One per family file.
llvm::ArrayRef<OpRecord> mathOps();         // OpsMath.cpp
llvm::ArrayRef<OpRecord> shapeOps();        // OpsShape.cpp
llvm::ArrayRef<OpRecord> sequenceOps();     // OpsSequence.cpp
llvm::ArrayRef<OpRecord> indexOps();        // OpsIndex.cpp
llvm::ArrayRef<OpRecord> nnOps();           // OpsNN.cpp
llvm::ArrayRef<OpRecord> expandedOps();     // OpsExpanded.cpp
llvm::ArrayRef<OpRecord> quantOps();        // OpsQuant.cpp
llvm::ArrayRef<OpRecord> contribOps();      // OpsContrib.cpp
llvm::ArrayRef<OpRecord> contribQuantOps(); // OpsQuant.cpp

constexpr int64_t kMinOpset = 7, kMaxOpset = 24;
constexpr int kMaxIRVersion = 13;
constexpr unsigned kAnyNumber = ~0u;

// Shared by families.
Value *attentionCore(Builder &b, Value *q, Value *k, Value *v, Value *mask,
                     Value *bias, float scale, float softcap);
Value *gelu(Builder &b, Value *x, bool tanh);
Value *silu(Builder &b, Value *x, float alpha);

} // namespace lpu::importer

#endif
