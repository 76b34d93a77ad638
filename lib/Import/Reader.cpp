// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Reader.h"
#include "Ranges.h"
#include "Wire.h"

#include "onnx-ml.pb.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace lpu::importer {

std::string domainOf(const std::string &domain) {
  return domain == "ai.onnx" ? "" : domain;
}

Reader::Reader(std::string path, const ImportOptions &options,
               ImportReport &report)
    : path(path), options(options), report(report),
      dataFiles(path, options.allowLinks),
      builder(graph, options.limits.foldBytes,
              [this](const Origin &origin, const std::string &reason) {
                ImportProblem p;
                p.node = origin.name;
                p.op = origin.op;
                p.domain = origin.domain;
                p.opset = origin.opset;
                for (Value *v : currentInputs)
                  p.inputs += (p.inputs.empty() ? "" : ", ") +
                              (!v              ? "-"
                               : v->isSequence ? "sequence"
                                               : shapeName(v->type, v->dims));
                p.reason = reason + dimsBehind(reason + " " + p.inputs);
                this->report.problems.push_back(p);
              }) {}

Reader::~Reader() = default;

std::string Reader::dimsBehind(llvm::StringRef text) const {
  std::string flags;
  for (const auto &[name, size] : options.dims) {
    std::string digits = std::to_string(size);
    // A 1 comes from anywhere.
    for (size_t at = text.find(digits); size > 1 && at != llvm::StringRef::npos;
         at = text.find(digits, at + 1)) {
      bool begins = at == 0 || !llvm::isDigit(text[at - 1]);
      size_t end = at + digits.size();
      if (begins && (end == text.size() || !llvm::isDigit(text[end]))) {
        flags += (flags.empty() ? "; " : ", ") + digits + " is --dim " + name;
        break;
      }
    }
  }
  return flags;
}

void Reader::problem(const std::string &reason, const std::string &node) {
  ImportProblem p;
  p.node = node;
  p.reason = reason;
  report.problems.push_back(p);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

std::optional<Value *> Reader::find(const Scope &scope,
                                    const std::string &name) {
  for (const Scope *s = &scope; s; s = s->parent) {
    auto found = s->values.find(name);
    if (found != s->values.end())
      return found->second;
  }
  return std::nullopt;
}

void Reader::define(Scope &scope, const std::string &name, Value *value,
                    const std::string &writer) {
  auto [entry, isNew] = scope.writers.emplace(name, writer);
  if (!isNew)
    problem("two values have the name '" + name + "': " + entry->second +
            " and " + writer + " both define it");
  else
    scope.values[name] = value;
  if (value && !scope.parent && scope.path.empty() && value->name.empty())
    value->name = name;
}

const Origin *Reader::makeOrigin(const onnx::NodeProto &node,
                                 const Scope &scope) {
  graph.origins.emplace_back();
  Origin &origin = graph.origins.back();
  // A node without a name is known by its first output.
  origin.name = scope.path + (!node.name().empty()     ? node.name()
                              : node.output_size() > 0 ? node.output(0)
                                                       : node.op_type());
  origin.op = node.op_type();
  origin.domain = domainOf(node.domain());
  auto opset = scope.opsets.find(origin.domain);
  origin.opset = opset == scope.opsets.end() ? 0 : opset->second;
  for (const onnx::StringStringEntryProto &entry : node.metadata_props())
    if (entry.key() == "namespace" ||
        entry.key() == "pkg.torch.onnx.class_hierarchy")
      origin.metadata.push_back({entry.key(), entry.value()});
  return &origin;
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

bool Reader::checkModel(const onnx::ModelProto &model, Scope &scope) {
  size_t before = report.problems.size();
  if (!model.has_graph() || !model.has_ir_version())
    problem("this is not an ONNX model: it has no graph or no ir_version");
  else if (model.ir_version() < 3 || model.ir_version() > kMaxIRVersion)
    problem("IR version " + std::to_string(model.ir_version()) +
            " is not known; versions 3 to " + std::to_string(kMaxIRVersion) +
            " are");
  addOpsets(model.opset_import(), scope);
  auto opset = scope.opsets.find("");
  if (opset == scope.opsets.end())
    problem("the model does not say which opset of ai.onnx it uses");
  else if (opset->second > kMaxOpset)
    problem("opset " + std::to_string(opset->second) +
            " of ai.onnx is newer than the newest known, " +
            std::to_string(kMaxOpset) + "; export with opset_version=23");
  else if (opset->second < kMinOpset)
    problem("opset " + std::to_string(opset->second) +
            " of ai.onnx is older than the oldest known, " +
            std::to_string(kMinOpset) + "; export with opset_version=17");
  else
    report.opset = opset->second;
  report.producer = model.producer_name() + " " + model.producer_version();
  if (model.graph().sparse_initializer_size())
    for (const onnx::SparseTensorProto &sparse :
         model.graph().sparse_initializer())
      problem("initializer '" + sparse.values().name() +
              "' is sparse, which is not supported; store it dense");
  for (const onnx::FunctionProto &function : model.functions()) {
    std::string key = domainOf(function.domain()) + "::" + function.name() +
                      "::" + function.overload();
    if (!functions.emplace(key, &function).second)
      problem("two local functions have the name '" + key + "'");
  }
  return report.problems.size() == before;
}

const onnx::FunctionProto *
Reader::findFunction(const onnx::NodeProto &node) const {
  auto found = functions.find(domainOf(node.domain()) + "::" + node.op_type() +
                              "::" + node.overload());
  return found == functions.end() ? nullptr : found->second;
}

void Reader::read() {
  report.path = path;
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer) {
    problem("cannot be read: " + buffer.getError().message());
    return;
  }
  file = std::move(*buffer);
  if (file->getBufferSize() == 0) {
    problem("the file is empty");
    return;
  }
  std::string reason;
  std::optional<std::string> skeleton =
      makeSkeleton(file->getBuffer(), options.limits.messageDepth, reason);
  if (!skeleton) {
    problem(reason);
    return;
  }
  onnx::ModelProto model;
  if (skeleton->size() > INT32_MAX || !model.ParseFromString(*skeleton)) {
    problem("this is not an ONNX model, or it is damaged: protobuf does not "
            "accept it");
    return;
  }
  skeleton.reset();
  Scope scope;
  if (!checkModel(model, scope))
    return;
  declareInitializers(model.graph(), scope);
  declareInputs(model.graph(), scope);
  reportDims();
  Nodes nodes;
  for (const onnx::NodeProto &node : model.graph().node())
    nodes.push_back(&node);
  skipUnused(model.graph(), nodes);
  readNodes(nodes, scope);
  declareOutputs(model.graph(), scope);
  report.files = {path};
  for (std::string &file : dataFiles.paths())
    report.files.push_back(std::move(file));
  if (report.ok())
    checkResult();
  if (report.ok())
    checkRanges();
}

void Reader::declareInitializers(const onnx::GraphProto &graphProto,
                                 Scope &scope) {
  for (const onnx::TensorProto &tensor : graphProto.initializer()) {
    std::string what = "initializer '" + tensor.name() + "'";
    graph.origins.emplace_back();
    graph.origins.back().name = tensor.name();
    builder.setOrigin(&graph.origins.back());
    define(scope, tensor.name(), tensorValue(tensor, what), what);
  }
}

//===----------------------------------------------------------------------===//
// Inputs, outputs, dims
//===----------------------------------------------------------------------===//

/// The shape that the user's --dim flags give to an input; free dims that have
/// no size are collected for reportDims().
std::optional<Dims> Reader::bindDims(const onnx::ValueInfoProto &info) {
  Dims dims;
  bool complete = true;
  int axis = 0;
  for (const auto &dim : info.type().tensor_type().shape().dim()) {
    std::string place = info.name() + "." + std::to_string(axis++);
    std::string name = dim.dim_param().empty() ? place : dim.dim_param();
    int64_t size;
    if (dim.has_dim_value() && dim.dim_value() >= 0) {
      dims.push_back(dim.dim_value());
      continue;
    }
    // Some exporters write a fixed size as a name: "16".
    if (!llvm::StringRef(name).getAsInteger(10, size) && size >= 0) {
      dims.push_back(size);
      continue;
    }
    freeDims[name].push_back(place);
    auto bound = options.dims.find(name);
    if (bound == options.dims.end())
      bound = options.dims.find(place);
    if (bound == options.dims.end()) {
      unboundDims[name].push_back(place);
      complete = false;
      continue;
    }
    usedDims.insert(bound->first);
    dims.push_back(bound->second);
  }
  if (!complete)
    return std::nullopt;
  return dims;
}

void Reader::reportDims() {
  for (const auto &[name, places] : unboundDims)
    problem("dim '" + name + "' is free (" + llvm::join(places, ", ") +
            "); give it a size with --dim " + name + "=<n>");
  std::vector<std::string> known;
  for (const auto &entry : freeDims)
    known.push_back(entry.first);
  for (const auto &[name, size] : options.dims) {
    if (!usedDims.count(name))
      problem("--dim " + name + ": no input has a free dim of this name; " +
              (known.empty() ? "all dims are fixed"
                             : "the free dims are " + llvm::join(known, ", ")));
    else if (size < 0)
      problem("--dim " + name + "=" + std::to_string(size) +
              ": a dim cannot be negative");
  }
}

/// "name: type[dims]" as in the file.
static std::string declaration(const onnx::ValueInfoProto &info) {
  std::vector<std::string> dims;
  for (const auto &dim : info.type().tensor_type().shape().dim())
    dims.push_back(dim.has_dim_value()       ? std::to_string(dim.dim_value())
                   : dim.dim_param().empty() ? "?"
                                             : dim.dim_param());
  return info.name() + ": " + typeName(info.type().tensor_type().elem_type()) +
         "[" + llvm::join(dims, ",") + "]";
}

void Reader::declareInputs(const onnx::GraphProto &graphProto, Scope &scope) {
  for (const onnx::ValueInfoProto &info : graphProto.input()) {
    std::string what = "input '" + info.name() + "'";
    // Old files list initializers as inputs too: they are defaults, not
    // arguments.
    auto writer = scope.writers.find(info.name());
    if (writer != scope.writers.end() &&
        llvm::StringRef(writer->second).starts_with("initializer"))
      continue;
    report.inputs.push_back(declaration(info));
    const auto &tensor = info.type().tensor_type();
    DType type = static_cast<DType>(tensor.elem_type());
    Value *value = nullptr;
    if (!info.type().has_tensor_type())
      problem(what +
              " is no tensor; sequences, maps and optionals are not supported");
    else if (tensor.elem_type() < 1 || tensor.elem_type() > 255 ||
             !isDeviceType(type))
      problem(what + " has the element type " + typeName(tensor.elem_type()) +
              ", which is not supported");
    else if (!tensor.has_shape())
      problem(what + " has no shape; not even its rank is known");
    else if (std::optional<Dims> dims = bindDims(info)) {
      if (!elementCount(*dims))
        problem(what + " has the impossible shape " + dimsName(*dims));
      else if (*elementCount(*dims) == 0)
        problem(what + " has no elements: its shape is " + dimsName(*dims) +
                "; give every dim a size of at least 1");
      else
        value = builder.input(info.name(), type, *dims);
    }
    define(scope, info.name(), value, what);
  }
}

/// "node 'split' (Split)".
static std::string producerOf(const Value &value) {
  const Origin *origin = value.node->origin;
  if (!origin)
    return "the graph";
  return "node '" + origin->name + "'" +
         (origin->op.empty() ? "" : " (" + origin->op + ")");
}

void Reader::declareOutputs(const onnx::GraphProto &graphProto, Scope &scope) {
  if (graphProto.output_size() == 0)
    problem("the graph has no outputs");
  std::set<std::string> seen;
  for (const onnx::ValueInfoProto &info : graphProto.output()) {
    report.outputs.push_back(declaration(info));
    std::string what = "output '" + info.name() + "'";
    std::optional<Value *> value = find(scope, info.name());
    if (!value && nodesRead <= options.limits.nodes)
      problem(what + " is not computed by any node");
    if (!seen.insert(info.name()).second)
      problem(what + " is listed twice");
    if (!value || !*value)
      continue;
    if ((*value)->isSequence) {
      problem(what + " is a sequence, which is not supported");
      continue;
    }
    const auto &tensor = info.type().tensor_type();
    DimsRef dims((*value)->dims);
    if (llvm::is_contained(dims, 0))
      problem(what + " has no elements: " + producerOf(**value) +
              " computes the shape " + dimsName(dims) +
              "; leave the output out of the export");
    bool fits = tensor.elem_type() == 0 ||
                tensor.elem_type() == static_cast<int>((*value)->type);
    if (tensor.has_shape()) {
      fits &= tensor.shape().dim_size() == static_cast<int>(dims.size());
      for (size_t i = 0; fits && i < dims.size(); ++i) {
        const auto &dim = tensor.shape().dim(i);
        fits = !dim.has_dim_value() || dim.dim_value() == dims[i];
      }
    }
    if (!fits)
      problem(what + " is declared as " +
              declaration(info).substr(info.name().size() + 2) +
              " but the graph computes " + shapeName((*value)->type, dims));
    graph.outputs.push_back({info.name(), *value});
  }
}

/// The types of what is left.
void Reader::checkResult() {
  std::set<const Origin *> told;
  for (const Node *node : liveNodes(graph))
    for (Value *v : node->results)
      if (!isDeviceType(v->type) && node->origin &&
          told.insert(node->origin).second) {
        currentInputs = node->operands;
        builder.setOrigin(node->origin);
        builder.fail(
            "its result " + shapeName(v->type, v->dims) +
            " depends on data and has an element type that is not supported");
      }
}

/// Indices that no table has: of the model itself here, of inputs at the
/// session.
void Reader::checkRanges() {
  Ranges ranges;
  for (const Node *node : liveNodes(graph)) {
    for (Value *v : node->results)
      ranges.of(v);
    if (node->op != Op::Gather)
      continue;
    Value *table = node->operands[0], *index = node->operands[1];
    int64_t length = table->dims[size_t(node->intAttr("axis"))];
    if (const Ranges::Interval *values = ranges.of(index)) {
      if (values->low >= double(-length) && values->high < double(length))
        continue;
      currentInputs = node->operands;
      builder.setOrigin(node->origin);
      builder.fail("its indices, which the model computes, can be " +
                   llvm::Twine(int64_t(values->low)) + " to " +
                   llvm::Twine(int64_t(values->high)) + "; the table '" +
                   tableName(table) + "' has " + llvm::Twine(length) + " rows");
      continue;
    }
    std::optional<Ranges::Limit> limit = ranges.limit(index, double(length));
    if (!limit)
      continue;
    auto [entry, isNew] = report.ranges.try_emplace(limit->input->node->name);
    InputRange &range = entry->second;
    int64_t low = int64_t(limit->minimum), high = int64_t(limit->maximum);
    if (isNew || high < range.maximum)
      range.table = tableName(table);
    range.minimum = isNew ? low : std::max(range.minimum, low);
    range.maximum = isNew ? high : std::min(range.maximum, high);
  }
}

} // namespace lpu::importer
