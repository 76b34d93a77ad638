// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The nodes of an ONNX graph: their order, their attributes and inputs, local
// functions and branches.

#include "Reader.h"

#include "onnx-ml.pb.h"

#include "llvm/ADT/STLExtras.h"

#include <queue>

namespace lpu::importer {

/// Bound to the inputs of a local function that the call leaves out.
static Value absentValue;

/// What a node reads, the names that its subgraphs capture included.
static void collectUses(const onnx::NodeProto &node,
                        std::set<std::string> &uses) {
  for (const std::string &name : node.input())
    if (!name.empty())
      uses.insert(name);
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (!attribute.has_g())
      continue;
    std::set<std::string> inside, own;
    for (const onnx::TensorProto &tensor : attribute.g().initializer())
      own.insert(tensor.name());
    for (const onnx::ValueInfoProto &input : attribute.g().input())
      own.insert(input.name()); // of a Loop's body
    for (const onnx::NodeProto &inner : attribute.g().node()) {
      collectUses(inner, inside);
      own.insert(inner.output().begin(), inner.output().end());
    }
    for (const onnx::ValueInfoProto &output : attribute.g().output())
      inside.insert(output.name());
    for (const std::string &name : inside)
      if (!own.count(name))
        uses.insert(name);
  }
}

static std::string nodeLabel(const onnx::NodeProto &node) {
  return "node '" +
         (!node.name().empty() ? node.name()
          : node.output_size() ? node.output(0)
                               : std::string()) +
         "' (" + node.op_type() + ")";
}

/// The nodes in an order in which each comes after what it reads; the file's
/// own order where it is one, as ONNX demands. Reports names that nothing
/// defines, and cycles; what depends on a cycle is left out.
Reader::Nodes Reader::order(const Nodes &nodes, Scope &scope) {
  std::map<std::string, size_t> producer;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const std::string &name : nodes[i]->output())
      if (!name.empty())
        producer.emplace(name, i);
  std::vector<std::vector<size_t>> users(nodes.size());
  std::vector<size_t> waiting(nodes.size(), 0);
  for (size_t i = 0; i < nodes.size(); ++i) {
    std::set<std::string> uses;
    collectUses(*nodes[i], uses);
    for (const std::string &name : uses) {
      auto made = producer.find(name);
      if (made != producer.end()) {
        users[made->second].push_back(i);
        ++waiting[i];
      } else if (!find(scope, name)) {
        problem("input '" + name + "' of " + nodeLabel(*nodes[i]) +
                " is not computed by any node and is no input or initializer");
        scope.values[name] = nullptr; // told once
      }
    }
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<size_t>> ready;
  for (size_t i = 0; i < nodes.size(); ++i)
    if (!waiting[i])
      ready.push(i);
  Nodes ordered;
  std::vector<bool> done(nodes.size());
  while (!ready.empty()) {
    size_t i = ready.top();
    ready.pop();
    done[i] = true;
    ordered.push_back(nodes[i]);
    for (size_t user : users[i])
      if (--waiting[user] == 0)
        ready.push(user);
  }
  if (ordered.size() < nodes.size())
    reportCycle(nodes, done, producer);
  for (size_t i = 0; i < nodes.size(); ++i)
    if (!done[i])
      for (const std::string &name : nodes[i]->output())
        scope.values[name] = nullptr;
  return ordered;
}

void Reader::reportCycle(const Nodes &nodes, const std::vector<bool> &done,
                         const std::map<std::string, size_t> &producer) {
  // Going back from a node that never became ready must come round.
  size_t at = llvm::find(done, false) - done.begin();
  std::vector<size_t> path;
  while (!llvm::is_contained(path, at)) {
    path.push_back(at);
    std::set<std::string> uses;
    collectUses(*nodes[at], uses);
    for (const std::string &name : uses) {
      auto made = producer.find(name);
      if (made != producer.end() && !done[made->second]) {
        at = made->second;
        break;
      }
    }
  }
  std::string names;
  for (auto it = llvm::find(path, at); it != path.end(); ++it)
    names += nodeLabel(*nodes[*it]) + " reads ";
  problem("the graph has a cycle: " + names + nodeLabel(*nodes[at]));
}

void Reader::skipUnused(const onnx::GraphProto &graphProto, Nodes &nodes) {
  std::map<std::string, size_t> producer;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const std::string &name : nodes[i]->output())
      if (!name.empty())
        producer.emplace(name, i);
  std::vector<bool> used(nodes.size());
  std::vector<std::string> work;
  for (const onnx::ValueInfoProto &output : graphProto.output())
    work.push_back(output.name());
  while (!work.empty()) {
    auto found = producer.find(work.back());
    work.pop_back();
    if (found == producer.end() || used[found->second])
      continue;
    used[found->second] = true;
    std::set<std::string> uses;
    collectUses(*nodes[found->second], uses);
    work.insert(work.end(), uses.begin(), uses.end());
  }
  // What reads the result of such a node is unused as well, and goes with it.
  std::set<std::string> gone;
  auto isSkipped = [&](const onnx::NodeProto &node) {
    std::set<std::string> uses;
    collectUses(node, uses);
    return (!findOp(domainOf(node.domain()), node.op_type()) &&
            !findFunction(node)) ||
           llvm::any_of(uses, [&](const std::string &name) {
             return gone.count(name) != 0;
           });
  };
  Nodes kept;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (used[i] || !isSkipped(*nodes[i])) {
      kept.push_back(nodes[i]);
      continue;
    }
    gone.insert(nodes[i]->output().begin(), nodes[i]->output().end());
    report.remarks.push_back(nodeLabel(*nodes[i]) +
                             " is left out: no output needs it");
  }
  nodes = std::move(kept);
}

void Reader::readNodes(const Nodes &nodes, Scope &scope) {
  for (const onnx::NodeProto *node : order(nodes, scope)) {
    if (++nodesRead > options.limits.nodes) {
      if (nodesRead == options.limits.nodes + 1)
        problem("the model has more than " +
                std::to_string(options.limits.nodes) +
                " nodes after inlining local functions");
      return;
    }
    readNode(*node, scope);
  }
}

/// The record of the node's operator, or null after a report.
const OpRecord *Reader::checkNode(const onnx::NodeProto &node,
                                  const Scope &scope, int64_t &opset) {
  std::string domain = domainOf(node.domain());
  const OpRecord *record = findOp(domain, node.op_type());
  if (!record) {
    builder.fail(
        domain == "com.microsoft.nchwc"
            ? "the operator is not supported: ONNX Runtime has laid the file "
              "out for one CPU; save it with a lower optimisation level"
            : "the operator is not supported");
    return nullptr;
  }
  auto found = scope.opsets.find(domain);
  if (found == scope.opsets.end() && domain.empty()) {
    builder.fail("no opset of ai.onnx is imported here");
    return nullptr;
  }
  opset = found == scope.opsets.end() ? 1 : found->second;
  if (domain.empty() && (opset < kMinOpset || opset > kMaxOpset)) {
    builder.fail("the local function uses opset " + llvm::Twine(opset) +
                 "; opsets " + llvm::Twine(kMinOpset) + " to " +
                 llvm::Twine(kMaxOpset) + " are known");
    return nullptr;
  }
  if (!sinceVersion(*record, opset)) {
    builder.fail("the operator does not exist in opset " + llvm::Twine(opset));
    return nullptr;
  }
  unsigned inputs = node.input_size();
  while (inputs && node.input(inputs - 1).empty())
    --inputs;
  bool missing = inputs < record->minInputs;
  for (unsigned i = 0; i < inputs; ++i)
    missing |= node.input(i).empty() &&
               (i < record->minInputs || record->maxInputs == kAnyNumber);
  if (missing || inputs > record->maxInputs ||
      static_cast<unsigned>(node.output_size()) > record->outputs) {
    std::string takes = std::to_string(record->minInputs);
    if (record->maxInputs == kAnyNumber)
      takes += " or more";
    else if (record->maxInputs != record->minInputs)
      takes += " to " + std::to_string(record->maxInputs);
    builder.fail(
        missing || inputs > record->maxInputs
            ? "the operator takes " + takes + " inputs, this node gives " +
                  std::to_string(inputs) + (missing ? ", or an empty one" : "")
            : "the operator has at most " + std::to_string(record->outputs) +
                  " outputs, this node names " +
                  std::to_string(node.output_size()));
    return nullptr;
  }
  return record;
}

void Reader::bindResults(const onnx::NodeProto &node, Scope &scope,
                         const std::vector<Value *> &values) {
  for (int i = 0; i < node.output_size(); ++i)
    if (!node.output(i).empty())
      define(scope, node.output(i),
             static_cast<size_t>(i) < values.size() ? values[i] : nullptr,
             nodeLabel(node));
}

void Reader::readNode(const onnx::NodeProto &node, Scope &scope) {
  const Origin *origin = makeOrigin(node, scope);
  builder.setOrigin(origin);
  currentInputs.clear();
  ++report.nodes;
  ++report.fileOps[(origin->domain.empty() ? "" : origin->domain + "::") +
                   origin->op];

  std::vector<const onnx::AttributeProto *> attributes;
  std::set<std::string> names;
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (!names.insert(attribute.name()).second) {
      builder.fail("attribute '" + attribute.name() + "' is given twice");
      return bindResults(node, scope, {});
    }
    if (attribute.ref_attr_name().empty()) {
      attributes.push_back(&attribute);
      continue;
    }
    // A reference takes the caller's attribute, under the name that it has
    // here; if the call does not give it, the node does not have it either.
    if (!scope.attributes)
      builder.fail("attribute '" + attribute.name() +
                   "' refers to a function's attribute outside of a function");
    else if (auto found = scope.attributes->find(attribute.ref_attr_name());
             found != scope.attributes->end()) {
      auto renamed = std::make_unique<onnx::AttributeProto>(*found->second);
      renamed->set_name(attribute.name());
      attributes.push_back(renamed.get());
      ownedAttributes.push_back(std::move(renamed));
    }
  }

  bool poisoned = builder.hasFailed();
  std::vector<Value *> inputs;
  for (const std::string &name : node.input()) {
    std::optional<Value *> value =
        name.empty() ? &absentValue : find(scope, name);
    poisoned |= !value || !*value;
    inputs.push_back(value.value_or(nullptr) == &absentValue
                         ? nullptr
                         : value.value_or(nullptr));
  }
  currentInputs = inputs;

  if (const onnx::FunctionProto *function = findFunction(node))
    return inlineFunction(*function, node, scope, inputs, attributes);
  int64_t opset = 0;
  const OpRecord *record = checkNode(node, scope, opset);
  if (!record || poisoned)
    return bindResults(node, scope, {});
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i] && inputs[i]->isSequence &&
        !(record->takesSequence && i == 0)) {
      builder.fail("its input " + llvm::Twine(i) +
                   " is a sequence; only operators on sequences take one");
      return bindResults(node, scope, {});
    }
  if (!record->import)
    return readIf(node, scope, inputs[0], attributes);
  // In a function, a required input may be absent at the call.
  for (unsigned i = 0; i < record->minInputs; ++i)
    if (!inputs[i]) {
      builder.fail("its input " + llvm::Twine(i) + " is absent at the call");
      return bindResults(node, scope, {});
    }
  OpContext context(*this, builder, node, opset, inputs, attributes);
  record->import(context);
  context.finish();
  for (int i = 0; i < node.output_size(); ++i)
    if (!builder.hasFailed() && context.wants(i) && !context.results()[i])
      builder.fail("its output " + llvm::Twine(i) + " is not supported");
  bindResults(node, scope,
              builder.hasFailed() ? std::vector<Value *>() : context.results());
}

void Reader::inlineFunction(
    const onnx::FunctionProto &function, const onnx::NodeProto &node,
    Scope &scope, const std::vector<Value *> &inputs,
    const std::vector<const onnx::AttributeProto *> &given) {
  if (llvm::is_contained(calls, &function)) {
    builder.fail("the local function '" + function.name() + "' calls itself");
    return bindResults(node, scope, {});
  }
  if (scope.depth + 1 > options.limits.callDepth) {
    builder.fail("local functions call each other more than " +
                 llvm::Twine(options.limits.callDepth) + " deep");
    return bindResults(node, scope, {});
  }
  if (node.input_size() > function.input_size() ||
      node.output_size() > function.output_size()) {
    builder.fail("the local function '" + function.name() + "' has " +
                 llvm::Twine(function.input_size()) + " inputs and " +
                 llvm::Twine(function.output_size()) +
                 " outputs, fewer than the call");
    return bindResults(node, scope, {});
  }
  std::map<std::string, const onnx::AttributeProto *> attributes;
  for (const onnx::AttributeProto &attribute : function.attribute_proto())
    attributes[attribute.name()] = &attribute; // a default
  for (const onnx::AttributeProto *attribute : given)
    attributes[attribute->name()] = attribute;

  Scope body;
  body.attributes = &attributes;
  body.opsets = scope.opsets;
  addOpsets(function.opset_import(), body);
  body.path = builder.origin()->name + "/";
  body.depth = scope.depth + 1;
  for (int i = 0; i < function.input_size(); ++i) {
    bool here = i < node.input_size() && !node.input(i).empty();
    define(body, function.input(i), here ? inputs[i] : &absentValue,
           "an input of function '" + function.name() + "'");
  }
  Nodes nodes;
  for (const onnx::NodeProto &inner : function.node())
    nodes.push_back(&inner);
  calls.push_back(&function);
  readNodes(nodes, body);
  calls.pop_back();
  std::vector<Value *> results;
  for (int i = 0; i < node.output_size(); ++i) {
    std::optional<Value *> value = find(body, function.output(i));
    if (!value && nodesRead <= options.limits.nodes)
      problem("output '" + function.output(i) + "' of function '" +
              function.name() + "' is not computed");
    results.push_back(value.value_or(nullptr) == &absentValue
                          ? nullptr
                          : value.value_or(nullptr));
  }
  bindResults(node, scope, results);
}

/// An If whose condition is known: its branch is read in place.
void Reader::readIf(
    const onnx::NodeProto &node, Scope &scope, Value *condition,
    const std::vector<const onnx::AttributeProto *> &attributes) {
  std::optional<double> known = builder.knownScalar(condition);
  if (!known) {
    builder.fail(
        "its condition is computed from data; control flow is not supported");
    return bindResults(node, scope, {});
  }
  const onnx::GraphProto *branch = nullptr;
  for (const onnx::AttributeProto *attribute : attributes)
    if (attribute->name() == (*known != 0 ? "then_branch" : "else_branch") &&
        attribute->has_g())
      branch = &attribute->g();
  if (!branch || branch->output_size() != node.output_size() ||
      scope.depth + 1 > options.limits.callDepth) {
    builder.fail(
        branch && branch->output_size() == node.output_size()
            ? "branches are nested too deep"
            : "its branch is missing or has another number of outputs");
    return bindResults(node, scope, {});
  }
  Scope body;
  body.parent = &scope;
  body.attributes = scope.attributes;
  body.opsets = scope.opsets;
  body.path = builder.origin()->name + "/";
  body.depth = scope.depth + 1;
  declareInitializers(*branch, body);
  Nodes nodes;
  for (const onnx::NodeProto &inner : branch->node())
    nodes.push_back(&inner);
  readNodes(nodes, body);
  std::vector<Value *> results;
  for (const onnx::ValueInfoProto &output : branch->output()) {
    std::optional<Value *> value = find(body, output.name());
    if (!value && nodesRead <= options.limits.nodes)
      problem("output '" + output.name() + "' of a branch of " +
              nodeLabel(node) + " is not computed");
    results.push_back(value.value_or(nullptr));
  }
  bindResults(node, scope, results);
}

} // namespace lpu::importer
