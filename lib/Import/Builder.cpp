// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Creation, sharing and folding of core ops; element-wise ops, contractions,
// reductions. Data movement is in Movement.cpp.

#include "Builder.h"

#include "lpu/Support/Check.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

namespace lpu::importer {

const char *opName(Op op) {
  static const char *const names[] = {"Input",
#define LPU_CORE(name, kind) #name,
#include "Core.def"
  };
  return names[static_cast<int>(op)];
}

Kind opKind(Op op) {
  static const Kind kinds[] = {Kind::Leaf,
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
  uint64_t hash = llvm::xxh3_64bits(
      llvm::ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
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
  return constant(Tensor::ofInts(DType::I64, {static_cast<int64_t>(values.size())},
                                 values));
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
  bool whole = !isFloat(v[0]->type);
  switch (op) {
  case Op::And:
    if (is(0, 0) || is(1, 0))
      return expand(scalar(DType::Bool, 0), dims);
    return is(0, 1) ? expand(v[1], dims) : is(1, 1) ? expand(v[0], dims) : nullptr;
  case Op::Or:
    if (is(0, 1) || is(1, 1))
      return expand(scalar(DType::Bool, 1), dims);
    return is(0, 0) ? expand(v[1], dims) : is(1, 0) ? expand(v[0], dims) : nullptr;
  case Op::Mul:
    return is(0, 1) ? expand(v[1], dims) : is(1, 1) ? expand(v[0], dims) : nullptr;
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
    if (operands.size() > 1 && v->node->op == Op::Constant && v->node->data->size() == 1)
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
  if (logical && a->type != DType::Bool)
    return fail("needs bool, has " + typeName(a->type));
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

//===----------------------------------------------------------------------===//
// Contractions and reductions
//===----------------------------------------------------------------------===//

Value *Builder::matmul(Value *a, Value *b) {
  if (!a || !b)
    return nullptr;
  if (a->type != b->type || !isFloat(a->type))
    return fail("needs two inputs of one float type, has " + typeName(a->type) +
                " and " + typeName(b->type));
  if (a->dims.empty() || b->dims.empty())
    return fail("needs inputs of rank 1 or more");
  bool rowVector = a->dims.size() == 1, columnVector = b->dims.size() == 1;
  std::string shapes = dimsName(a->dims) + " and " + dimsName(b->dims);
  if (rowVector)
    a = reshape(a, {1, a->dims[0]});
  if (columnVector)
    b = reshape(b, {b->dims[0], 1});
  DimsRef ad(a->dims), bd(b->dims);
  std::optional<Dims> batch = broadcast(ad.drop_back(2), bd.drop_back(2));
  if (!batch || ad.back() != bd[bd.size() - 2])
    return fail("the shapes " + shapes + " cannot be multiplied");
  int64_t m = ad[ad.size() - 2], n = bd.back();
  // Leading dims broadcast, so an Expand of them is not needed.
  auto strip = [](Value *v) {
    while (v->node->op == Op::Expand) {
      Value *inner = v->node->operands[0];
      if (inner->dims.size() < 2 ||
          DimsRef(inner->dims).take_back(2) != DimsRef(v->dims).take_back(2))
        break;
      v = inner;
    }
    return v;
  };
  a = strip(a);
  b = strip(b);
  Dims dims = *broadcast(DimsRef(a->dims).drop_back(2), DimsRef(b->dims).drop_back(2));
  dims.append({m, n});
  Value *product = make(Op::MatMul, {a, b}, {}, a->type, dims);
  Dims full = *batch;
  full.append({m, n});
  product = expand(product, full);
  if (rowVector)
    full.erase(full.end() - 2);
  if (columnVector)
    full.pop_back();
  return reshape(product, full);
}

Value *Builder::matmulInteger(Value *a, Value *b, Value *aZero, Value *bZero) {
  if (!a || !b)
    return nullptr;
  auto byte = [](Value *v) { return v->type == DType::I8 || v->type == DType::U8; };
  if (!byte(a) || !byte(b))
    return fail("needs i8 or u8 inputs, has " + typeName(a->type) + " and " +
                typeName(b->type));
  if (a->dims.size() < 2 || b->dims.size() < 2)
    return fail("needs inputs of rank 2 or more");
  DimsRef ad(a->dims), bd(b->dims);
  std::optional<Dims> dims = broadcast(ad.drop_back(2), bd.drop_back(2));
  if (!dims || ad.back() != bd[bd.size() - 2])
    return fail("the shapes " + dimsName(ad) + " and " + dimsName(bd) +
                " cannot be multiplied");
  dims->append({ad[ad.size() - 2], bd.back()});
  for (auto [zero, of] : {std::pair(aZero, a), std::pair(bZero, b)})
    if (zero && zero->type != of->type)
      return fail("a zero point of type " + typeName(zero->type) +
                  " does not fit a matrix of type " + typeName(of->type));
  if (aZero && elementCount(aZero->dims) != 1)
    return fail("a zero point per row is not supported");
  if (bZero && elementCount(bZero->dims) != 1 && bZero->dims != Dims{bd.back()})
    return fail("the zero points of shape " + dimsName(bZero->dims) +
                " fit neither the tensor nor its columns");
  auto dropZero = [&](Value *zero) { return knownScalar(zero) == 0.0 ? nullptr : zero; };
  return make(Op::MatMulInteger, {a, b, dropZero(aZero), dropZero(bZero)}, {},
              DType::I32, *dims);
}

Value *Builder::reduce(Op op, Value *x, llvm::ArrayRef<int64_t> axes,
                       bool keepdims) {
  if (!x)
    return nullptr;
  if (x->type == DType::Bool)
    return fail("needs numbers, has bool");
  int64_t rank = x->dims.size();
  std::vector<bool> reduced(rank);
  for (int64_t axis : axes) {
    std::optional<int64_t> a = normalizeAxis(axis, rank);
    if (!a)
      return fail("axis " + llvm::Twine(axis) + " is out of range for " +
                  shapeName(x->type, x->dims));
    if (reduced[*a])
      return fail("axis " + llvm::Twine(axis) + " is given twice");
    reduced[*a] = true;
  }
  std::vector<int64_t> sorted;
  Dims dims;
  bool nothing = true, empty = false;
  for (int64_t i = 0; i < rank; ++i) {
    if (!reduced[i]) {
      dims.push_back(x->dims[i]);
      continue;
    }
    sorted.push_back(i);
    nothing &= x->dims[i] == 1;
    empty |= x->dims[i] == 0;
    if (keepdims)
      dims.push_back(1);
  }
  if (nothing)
    return reshape(x, dims);
  if (empty && op != Op::ReduceSum && op != Op::ReduceProd)
    return fail("the axes " + dimsName(sorted) + " of " + dimsName(x->dims) +
                " have no elements to reduce");
  if (empty)
    return expand(scalarLike(x, op == Op::ReduceProd), dims);
  return make(op, {x}, {{"axes", sorted}, {"keepdims", int64_t(keepdims)}}, x->type,
              dims);
}

Value *Builder::softmax(Value *x, int64_t axis) {
  if (!x)
    return nullptr;
  if (!isFloat(x->type))
    return fail("needs a float type, has " + typeName(x->type));
  return make(Op::Softmax, {x}, {{"axis", axis}}, x->type, x->dims);
}

Value *Builder::argMax(Value *x, int64_t axis, bool keepdims, bool selectLast) {
  if (!x)
    return nullptr;
  Dims dims = x->dims;
  if (dims[axis] == 0)
    return fail("axis " + llvm::Twine(axis) + " has no elements");
  if (keepdims)
    dims[axis] = 1;
  else
    dims.erase(dims.begin() + axis);
  return make(Op::ArgMax, {x},
              {{"axis", axis},
               {"keepdims", int64_t(keepdims)},
               {"select_last_index", int64_t(selectLast)}},
              DType::I64, dims);
}

std::pair<Value *, Value *> Builder::topK(Value *x, int64_t k, int64_t axis,
                                          bool largest, bool sorted) {
  if (!x)
    return {nullptr, nullptr};
  Dims dims = x->dims;
  dims[axis] = k;
  Node *node = makeNode(Op::TopK, {x},
                        {{"axis", axis},
                         {"largest", int64_t(largest)},
                         {"sorted", int64_t(sorted)}},
                        {{x->type, dims}, {DType::I64, dims}});
  return {node->results[0], node->results[1]};
}

Value *Builder::cumSum(Value *x, int64_t axis, bool exclusive, bool reverse) {
  if (!x)
    return nullptr;
  if (x->type == DType::Bool)
    return fail("needs numbers, has bool");
  return make(Op::CumSum, {x},
              {{"axis", axis},
               {"exclusive", int64_t(exclusive)},
               {"reverse", int64_t(reverse)}},
              x->type, x->dims);
}

Value *Builder::layerNorm(Value *x, Value *scale, Value *biasOrNull, int64_t axis,
                          float epsilon) {
  if (!x || !scale)
    return nullptr;
  return make(Op::LayerNormalization, {x, scale, biasOrNull},
              {{"axis", axis}, {"epsilon", epsilon}}, x->type, x->dims);
}

Value *Builder::rmsNorm(Value *x, Value *scale, int64_t axis, float epsilon) {
  if (!x || !scale)
    return nullptr;
  return make(Op::RMSNormalization, {x, scale},
              {{"axis", axis}, {"epsilon", epsilon}}, x->type, x->dims);
}

} // namespace lpu::importer
