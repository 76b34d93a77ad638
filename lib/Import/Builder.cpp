// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Creation, sharing and folding of core ops; element-wise ops. The others are
// in Contractions.cpp and Movement.cpp.

#include "Builder.h"

#include "lpu/Support/Check.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

namespace lpu::importer {

const char *opName(Op op) {
  static const char *const names[] = {
      "Input",
#define LPU_CORE(name, kind) #name,
#include "Core.def"
  };
  return names[static_cast<int>(op)];
}

Kind opKind(Op op) {
  static const Kind kinds[] = {
      Kind::Leaf,
#define LPU_CORE(name, kind) Kind::kind,
#include "Core.def"
  };
  return kinds[static_cast<int>(op)];
}

std::vector<const Node *> liveNodes(const Graph &graph) {
  llvm::DenseSet<const Node *> live;
  std::vector<const Node *> work;
  for (auto &[name, value] : graph.outputs)
    work.push_back(value->node);
  while (!work.empty()) {
    const Node *node = work.back();
    work.pop_back();
    if (!live.insert(node).second)
      continue;
    for (Value *operand : node->operands)
      if (operand)
        work.push_back(operand->node);
  }
  std::vector<const Node *> ordered;
  for (const Node &node : graph.nodes)
    if (live.contains(&node))
      ordered.push_back(&node);
  return ordered;
}

Value *Builder::fail(const llvm::Twine &reason) {
  if (!failed) {
    failed = true;
    LPU_CHECK(current, "a failure belongs to a node");
    report(*current, reason.str());
  }
  return nullptr;
}

bool Builder::fits(DType type, DimsRef dims) {
  std::optional<int64_t> count = elementCount(dims);
  return count && static_cast<uint64_t>(*count) <= foldBytes / byteWidth(type);
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

Node *Builder::makeNode(Op op, std::vector<Value *> operands, Attrs attrs,
                        llvm::ArrayRef<std::pair<DType, Dims>> results) {
  graph.nodes.emplace_back();
  Node *node = &graph.nodes.back();
  node->op = op;
  node->operands = std::move(operands);
  node->attrs = std::move(attrs);
  node->origin = current;
  for (auto &[type, dims] : results) {
    graph.values.emplace_back();
    Value *value = &graph.values.back();
    value->node = node;
    value->result = node->results.size();
    value->type = type;
    value->dims = dims;
    value->id = graph.values.size();
    node->results.push_back(value);
  }
  return node;
}

static std::string structureOf(Op op, llvm::ArrayRef<Value *> operands,
                               const Attrs &attrs, DType type, DimsRef dims) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << opName(op) << ' ' << shapeName(type, dims);
  for (Value *v : operands)
    os << " %" << (v ? v->id : 0);
  for (const Attr &a : attrs) {
    os << ' ' << a.name << '=';
    if (auto *i = std::get_if<int64_t>(&a.value))
      os << *i;
    else if (auto *f = std::get_if<float>(&a.value))
      os.write(reinterpret_cast<const char *>(f), sizeof(float));
    else if (auto *s = std::get_if<std::string>(&a.value))
      os << *s;
    else
      os << dimsName(std::get<std::vector<int64_t>>(a.value));
  }
  return key;
}

Value *Builder::make(Op op, std::vector<Value *> operands, Attrs attrs,
                     DType type, DimsRef dims) {
  if (!elementCount(dims))
    return fail("the shape " + dimsName(dims) + " of its result is too large");
  std::string key = structureOf(op, operands, attrs, type, dims);
  auto found = existing.find(key);
  if (found != existing.end())
    return found->second->results[0];

  // An Expand of something known stays an Expand: it costs nothing (see above).
  if (op != Op::Expand && fits(type, dims)) {
    std::vector<std::shared_ptr<const Tensor>> held;
    std::vector<const Tensor *> tensors;
    for (Value *v : operands) {
      held.push_back(v ? known(v) : nullptr);
      if (v && !held.back())
        break;
      tensors.push_back(held.back().get());
    }
    if (tensors.size() == operands.size()) {
      Node probe;
      probe.op = op;
      probe.operands = operands;
      probe.attrs = attrs;
      Tensor result(type, dims);
      if (evaluate(probe, tensors, result))
        return constant(result);
    }
  }
  Node *node = makeNode(op, std::move(operands), std::move(attrs),
                        {{type, Dims(dims.begin(), dims.end())}});
  existing[key] = node;
  return node->results[0];
}

Value *Builder::input(const std::string &name, DType type, DimsRef dims) {
  Node *node =
      makeNode(Op::Input, {}, {}, {{type, Dims(dims.begin(), dims.end())}});
  node->name = name;
  graph.inputs.push_back(node->results[0]);
  return node->results[0];
}

Value *Builder::weight(WeightRef ref, DType type, DimsRef dims,
                       std::shared_ptr<const Tensor> elements) {
  Node *node = makeNode(Op::Initializer, {}, {},
                        {{type, Dims(dims.begin(), dims.end())}});
  node->weight = std::move(ref);
  node->data = std::move(elements);
  return node->results[0];
}

/// Keeps one slice of each dim along which all slices are equal.
static Tensor shrink(const Tensor &tensor) {
  Dims kept = tensor.dims;
  Dims strides = stridesOf(tensor.dims);
  int64_t size = tensor.size();
  for (size_t d = 0; d < kept.size() && size; ++d) {
    if (kept[d] == 1)
      continue;
    int64_t block = strides[d] * kept[d];
    bool equal = true;
    for (int64_t i = 0; i < size && equal; ++i) {
      int64_t first = i - i % block + i % strides[d];
      equal = tensor.sameElement(i, first);
    }
    if (equal)
      kept[d] = 1;
  }
  if (kept == tensor.dims)
    return tensor;
  Tensor small(tensor.type, kept);
  Dims index(kept.size(), 0);
  for (int64_t i = 0; i < small.size(); ++i, nextIndex(index, kept)) {
    int64_t from = 0;
    for (size_t d = 0; d < kept.size(); ++d)
      from += index[d] * strides[d];
    small.copyElement(i, tensor, from);
  }
  return small;
}

Value *Builder::constant(const Tensor &tensor) {
  auto small = std::make_shared<const Tensor>(shrink(tensor));
  std::vector<char> bytes = small->bytes();
  uint64_t hash = llvm::xxh3_64bits(llvm::ArrayRef(
      reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
  std::string key = "Constant " + shapeName(small->type, small->dims) + " " +
                    std::to_string(hash);
  auto found = existing.find(key);
  Node *node = nullptr;
  if (found != existing.end() && found->second->data->bytes() == bytes)
    node = found->second;
  if (!node) {
    node = makeNode(Op::Constant, {}, {}, {{small->type, small->dims}});
    node->data = small;
    existing[key] = node;
  }
  return expand(node->results[0], tensor.dims);
}

Value *Builder::ints(llvm::ArrayRef<int64_t> values) {
  return constant(Tensor::ofInts(
      DType::I64, {static_cast<int64_t>(values.size())}, values));
}

Value *Builder::sequence(std::vector<Value *> elements) {
  if (llvm::is_contained(elements, nullptr))
    return nullptr;
  graph.values.emplace_back();
  Value *value = &graph.values.back();
  value->isSequence = true;
  value->elements = std::move(elements);
  return value;
}

std::shared_ptr<const Tensor> Builder::known(Value *value) {
  if (!value)
    return nullptr;
  Node *node = value->node;
  if (node->op == Op::Constant || node->op == Op::Initializer)
    return node->data;
  if (node->op != Op::Expand || !fits(value->type, value->dims))
    return nullptr;
  std::shared_ptr<const Tensor> small = known(node->operands[0]);
  if (!small)
    return nullptr;
  auto full = std::make_shared<Tensor>(value->type, value->dims);
  const Tensor *operand = small.get();
  Node probe;
  probe.op = Op::Expand;
  bool done = evaluate(probe, operand, *full);
  LPU_CHECK(done, "a broadcast can always be computed");
  return full;
}

std::optional<double> Builder::knownScalar(Value *value) {
  while (value && value->node->op == Op::Expand)
    value = value->node->operands[0];
  if (!value || !value->node->data || value->node->data->size() != 1)
    return std::nullopt;
  return value->node->data->number(0);
}

std::optional<std::vector<int64_t>> Builder::knownInts(Value *value) {
  std::shared_ptr<const Tensor> tensor = known(value);
  if (!tensor || isFloat(tensor->type))
    return std::nullopt;
  return tensor->ints;
}

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

/// Rewrites that hold for every value, NaN and -0 included.
Value *Builder::simplify(Op op, llvm::ArrayRef<Value *> v, DimsRef dims) {
  auto is = [&](size_t i, double number) {
    std::optional<double> known = knownScalar(v[i]);
    return known && *known == number;
  };
  bool whole = !isFloat(v[0]->type), isBool = v[0]->type == DType::Bool;
  switch (op) {
  case Op::And:
    if (!isBool)
      return nullptr;
    if (is(0, 0) || is(1, 0))
      return expand(scalar(DType::Bool, 0), dims);
    return is(0, 1)   ? expand(v[1], dims)
           : is(1, 1) ? expand(v[0], dims)
                      : nullptr;
  case Op::Or:
    if (!isBool)
      return nullptr;
    if (is(0, 1) || is(1, 1))
      return expand(scalar(DType::Bool, 1), dims);
    return is(0, 0)   ? expand(v[1], dims)
           : is(1, 0) ? expand(v[0], dims)
                      : nullptr;
  case Op::Mul:
    return is(0, 1)   ? expand(v[1], dims)
           : is(1, 1) ? expand(v[0], dims)
                      : nullptr;
  case Op::Div:
    return is(1, 1) ? expand(v[0], dims) : nullptr;
  case Op::Add:
    if (whole && is(0, 0))
      return expand(v[1], dims);
    return whole && is(1, 0) ? expand(v[0], dims) : nullptr;
  case Op::Sub:
    // x - (+0) is x for every float; x + 0 is not (x = -0).
    return whole && is(1, 0) ? expand(v[0], dims) : nullptr;
  case Op::Min:
  case Op::Max:
    return v[0] == v[1] ? v[0] : nullptr;
  case Op::Pow:
    if (whole)
      return nullptr;
    if (is(1, 1))
      return expand(v[0], dims);
    if (is(1, 2))
      return expand(binary(Op::Mul, v[0], v[0]), dims);
    if (is(1, 3))
      return expand(binary(Op::Mul, binary(Op::Mul, v[0], v[0]), v[0]), dims);
    return is(1, 0.5) ? expand(unary(Op::Sqrt, v[0]), dims) : nullptr;
  case Op::Where:
    if (is(0, 1))
      return expand(v[1], dims);
    return is(0, 0) || v[1] == v[2] ? expand(v[2], dims) : nullptr;
  case Op::Not:
    return v[0]->node->op == Op::Not ? v[0]->node->operands[0] : nullptr;
  default:
    return nullptr;
  }
}

Value *Builder::elementwise(Op op, llvm::ArrayRef<Value *> operands, DType type,
                            Attrs attrs) {
  Dims dims;
  for (Value *v : operands) {
    std::optional<Dims> joined = broadcast(dims, v->dims);
    if (!joined) {
      std::string shapes;
      for (Value *o : operands)
        shapes += (shapes.empty() ? "" : " and ") + dimsName(o->dims);
      return fail("the shapes " + shapes + " do not broadcast");
    }
    dims = *joined;
  }
  if (Value *simple = simplify(op, operands, dims))
    return simple;
  std::vector<Value *> small;
  Dims smallDims;
  for (Value *v : operands) {
    while (v->node->op == Op::Expand)
      v = v->node->operands[0];
    // One form for a single number, whatever rank the exporter gave it.
    if (operands.size() > 1 && v->node->op == Op::Constant &&
        v->node->data->size() == 1)
      v = reshape(v, {});
    small.push_back(v);
    smallDims = *broadcast(smallDims, v->dims);
  }
  return expand(make(op, std::move(small), std::move(attrs), type, smallDims),
                dims);
}

Value *Builder::unary(Op op, Value *x, Attrs attrs) {
  if (!x)
    return nullptr;
  switch (op) {
  case Op::Not:
    if (x->type != DType::Bool)
      return fail("needs bool, has " + typeName(x->type));
    break;
  case Op::Neg:
  case Op::Abs:
  case Op::Sign:
  case Op::Relu:
    if (x->type == DType::Bool)
      return fail("needs numbers, has bool");
    break;
  default:
    if (!isFloat(x->type))
      return fail("needs a float type, has " + typeName(x->type));
  }
  return elementwise(op, x, op == Op::IsNaN ? DType::Bool : x->type,
                     std::move(attrs));
}

Value *Builder::binary(Op op, Value *a, Value *b, Attrs attrs) {
  if (!a || !b)
    return nullptr;
  if (op == Op::Pow && a->type != b->type)
    b = cast(b, a->type);
  if (a->type != b->type)
    return fail("the element types of its inputs differ: " + typeName(a->type) +
                " and " + typeName(b->type));
  bool logical = op == Op::And || op == Op::Or || op == Op::Xor;
  if (logical && isFloat(a->type))
    return fail("needs integers, has " + typeName(a->type));
  if (!logical && op != Op::Equal && a->type == DType::Bool)
    return fail("needs numbers, has bool");
  return elementwise(op, {a, b},
                     opKind(op) == Kind::Compare ? DType::Bool : a->type,
                     std::move(attrs));
}

Value *Builder::where(Value *condition, Value *a, Value *b) {
  if (!condition || !a || !b)
    return nullptr;
  if (condition->type != DType::Bool)
    return fail("needs a bool condition, has " + typeName(condition->type));
  if (a->type != b->type)
    return fail("the element types of its inputs differ: " + typeName(a->type) +
                " and " + typeName(b->type));
  return elementwise(Op::Where, {condition, a, b}, a->type, {});
}

Value *Builder::cast(Value *x, DType type) {
  if (!x || x->type == type)
    return x;
  // bool -> number -> bool is the identity.
  if (type == DType::Bool && x->node->op == Op::Cast &&
      x->node->operands[0]->type == DType::Bool)
    return x->node->operands[0];
  return elementwise(Op::Cast, x, type, {});
}

} // namespace lpu::importer
