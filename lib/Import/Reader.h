// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the messages of an ONNX file to the core graph: names and scopes,
// tensors, dims, local functions, and the order of nodes.

#ifndef LPU_LIB_IMPORT_READER_H
#define LPU_LIB_IMPORT_READER_H

#include "DataFiles.h"
#include "Records.h"

#include "lpu/Import/Import.h"

#include <map>
#include <set>

namespace onnx {
class FunctionProto;
class GraphProto;
class ModelProto;
class ValueInfoProto;
} // namespace onnx

namespace lpu::importer {

/// The domain as the records call it: "" for ai.onnx.
std::string domainOf(const std::string &domain);

class Reader {
public:
  Reader(std::string path, const ImportOptions &options, ImportReport &report);
  ~Reader();

  /// Reads the file; the graph is complete if the report has no problem.
  void read();
  Graph graph;

  /// The value of a tensor in the file: a constant or, for a large one, a
  /// weight. Reports under `what` ("initializer 'w'") and returns null if it is
  /// damaged.
  Value *tensorValue(const onnx::TensorProto &tensor, const std::string &what);

private:
  /// The names visible to a node. A name bound to null belongs to something
  /// that has already been reported; its users are skipped without a word.
  struct Scope {
    Scope *parent = nullptr;
    std::map<std::string, Value *> values;
    /// Who wrote each name, to refuse a second writer.
    std::map<std::string, std::string> writers;
    /// Attributes of the call, inside a function body.
    const std::map<std::string, const onnx::AttributeProto *> *attributes =
        nullptr;
    /// Opset by domain.
    std::map<std::string, int64_t> opsets;
    /// Prefix of node names in diagnostics ("call/").
    std::string path;
    unsigned depth = 0;
  };
  using Nodes = std::vector<const onnx::NodeProto *>;
  template <typename Imports>
  static void addOpsets(const Imports &imports, Scope &scope) {
    for (const auto &import : imports)
      scope.opsets[domainOf(import.domain())] = import.version();
  }

  void problem(const std::string &reason, const std::string &object = "");
  bool checkModel(const onnx::ModelProto &model, Scope &scope);
  const OpRecord *checkNode(const onnx::NodeProto &node, const Scope &scope,
                            int64_t &opset);
  void declareInputs(const onnx::GraphProto &graph, Scope &scope);
  void declareInitializers(const onnx::GraphProto &graph, Scope &scope);
  std::optional<Dims> bindDims(const onnx::ValueInfoProto &info);
  void reportDims();
  Nodes order(const Nodes &nodes, Scope &scope);
  void reportCycle(const Nodes &nodes, const std::vector<bool> &done,
                   const std::map<std::string, size_t> &producer);
  void readNodes(const Nodes &nodes, Scope &scope);
  void readNode(const onnx::NodeProto &node, Scope &scope);
  void readIf(const onnx::NodeProto &node, Scope &scope, Value *condition,
              const std::vector<const onnx::AttributeProto *> &attributes);
  void
  inlineFunction(const onnx::FunctionProto &function,
                 const onnx::NodeProto &node, Scope &scope,
                 const std::vector<Value *> &inputs,
                 const std::vector<const onnx::AttributeProto *> &attributes);
  void declareOutputs(const onnx::GraphProto &graph, Scope &scope);
  void checkResult();
  void checkRanges();
  /// Names what nodes of the main graph that no output needs define, where the
  /// importer does not know their operator; they are left out.
  void skipUnused(const onnx::GraphProto &graph, Nodes &nodes);
  /// Which --dim flags gave the sizes that a message mentions.
  std::string dimsBehind(llvm::StringRef text) const;
  void bindResults(const onnx::NodeProto &node, Scope &scope,
                   const std::vector<Value *> &values);

  const onnx::FunctionProto *findFunction(const onnx::NodeProto &node) const;
  /// The value bound to a name, here or in an outer scope; nothing if unbound.
  static std::optional<Value *> find(const Scope &scope,
                                     const std::string &name);
  void define(Scope &scope, const std::string &name, Value *value,
              const std::string &writer);
  const Origin *makeOrigin(const onnx::NodeProto &node, const Scope &scope);
  Value *fileTensor(const onnx::TensorProto &tensor, DType type, DimsRef dims,
                    const std::string &file, llvm::StringRef bytes,
                    uint64_t offset);

  std::string path;
  const ImportOptions &options;
  ImportReport &report;
  std::unique_ptr<llvm::MemoryBuffer> file;
  DataFiles dataFiles;
  Builder builder;
  std::vector<Value *> currentInputs; // of the node being read
  std::map<std::string, const onnx::FunctionProto *> functions;
  std::vector<const onnx::FunctionProto *>
      calls; // being inlined, outermost first
  std::set<std::string> usedDims, refusedLocations;
  std::map<std::string, std::vector<std::string>> freeDims; // where each occurs
  std::map<std::string, std::vector<std::string>> unboundDims;
  /// Attributes of function calls under the names they have in the body.
  std::vector<std::unique_ptr<onnx::AttributeProto>> ownedAttributes;
  uint64_t nodesRead = 0;
};

} // namespace lpu::importer

#endif
