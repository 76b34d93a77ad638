// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The graph that the importer builds: the core set of operators on values with
// static shapes. It is plain data, so that folding needs no MLIR context;
// Emit.cpp turns what is reachable from the outputs into the `onnx` dialect.

#ifndef LPU_LIB_IMPORT_GRAPH_H
#define LPU_LIB_IMPORT_GRAPH_H

#include "Tensor.h"

#include "llvm/ADT/StringRef.h"

#include <deque>
#include <memory>
#include <utility>
#include <variant>

namespace lpu::importer {

enum class Op : uint8_t {
  Input,
#define LPU_CORE(name, kind) name,
#include "Core.def"
};
enum class Kind : uint8_t {
  Leaf,
  Unary,
  Binary,
  Compare,
  Ternary,
  Reduce,
  Other
};
const char *opName(Op op);
Kind opKind(Op op);

struct Attr {
  std::string name;
  std::variant<int64_t, float, std::vector<int64_t>, std::string> value;
};
using Attrs = std::vector<Attr>;

/// The ONNX node that a core op comes from.
struct Origin {
  std::string name, op, domain;
  int64_t opset = 0;
  /// Exporter metadata that helps a person find the layer.
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Where the bytes of a weight are.
struct WeightRef {
  std::string name, file;
  uint64_t offset = 0, length = 0;
};

struct Node;

struct Value {
  Node *node = nullptr;
  unsigned result = 0;
  DType type = DType::Undefined;
  Dims dims;
  unsigned id = 0;
  /// What the main graph calls it; of several names the first.
  std::string name;
  /// A sequence has elements and nothing else; no core op takes one.
  bool isSequence = false;
  std::vector<Value *> elements;
};

struct Node {
  Op op = Op::Input;
  /// A null operand is an absent optional one.
  std::vector<Value *> operands;
  Attrs attrs;
  std::vector<Value *> results;
  std::shared_ptr<const Tensor> data; // Constant; a small Initializer, too
  WeightRef weight;                   // Initializer
  std::string name;                   // Input
  const Origin *origin = nullptr;

  template <typename T> const T *attr(llvm::StringRef key) const {
    for (const Attr &a : attrs)
      if (key == a.name)
        return std::get_if<T>(&a.value);
    return nullptr;
  }
  int64_t intAttr(llvm::StringRef key) const { return *attr<int64_t>(key); }
  DimsRef dimsAttr(llvm::StringRef key) const {
    return *attr<std::vector<int64_t>>(key);
  }
};

struct Graph {
  std::deque<Node> nodes; // in topological order
  std::deque<Value> values;
  std::deque<Origin> origins;
  std::vector<Value *> inputs;
  std::vector<std::pair<std::string, Value *>> outputs;
};

/// The nodes that the outputs need, in topological order.
std::vector<const Node *> liveNodes(const Graph &graph);

} // namespace lpu::importer

#endif
