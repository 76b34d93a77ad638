// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compile-time interpreter: one plain loop per core op that can stand in
// shape arithmetic, mask construction or position tables. Floats are computed
// in double and rounded once to the element type; for + - * / and sqrt that is
// the correctly rounded f32 result. An op that has no case here is left in the
// graph.

#include "Builder.h"

#include "lpu/Support/Check.h"

#include <cmath>
#include <limits>

namespace lpu::importer {

/// For each element of the result, the element of a broadcast operand.
class BroadcastReader {
public:
  BroadcastReader(const Tensor &tensor, DimsRef dims) : steps(dims.size(), 0) {
    Dims strides = stridesOf(tensor.dims);
    size_t shift = dims.size() - tensor.dims.size();
    for (size_t d = 0; d < tensor.dims.size(); ++d)
      steps[shift + d] = tensor.dims[d] == 1 ? 0 : strides[d];
  }
  int64_t at(DimsRef index) const {
    int64_t i = 0;
    for (size_t d = 0; d < steps.size(); ++d)
      i += steps[d] * index[d];
    return i;
  }

private:
  Dims steps;
};

static std::optional<double> unaryFloat(Op op, double x, const Node &node) {
  switch (op) {
  case Op::Neg:
    return -x;
  case Op::Abs:
    return std::fabs(x);
  case Op::Sign:
    return x > 0 ? 1 : x < 0 ? -1 : x;
  case Op::Floor:
    return std::floor(x);
  case Op::Ceil:
    return std::ceil(x);
  case Op::Round:
    return std::nearbyint(x);
  case Op::Sqrt:
    return std::sqrt(x);
  case Op::Reciprocal:
    return 1 / x;
  case Op::Exp:
    return std::exp(x);
  case Op::Log:
    return std::log(x);
  case Op::Sin:
    return std::sin(x);
  case Op::Cos:
    return std::cos(x);
  case Op::Tanh:
    return std::tanh(x);
  case Op::Erf:
    return std::erf(x);
  case Op::Sigmoid:
    return 1 / (1 + std::exp(-x));
  case Op::Relu:
    return x < 0 ? 0 : x;
  default:
    return std::nullopt;
  }
}

static std::optional<int64_t> unaryInt(Op op, int64_t x) {
  switch (op) {
  case Op::Neg:
    return static_cast<int64_t>(-static_cast<uint64_t>(x));
  case Op::Abs:
    return x < 0 ? static_cast<int64_t>(-static_cast<uint64_t>(x)) : x;
  case Op::Sign:
    return (x > 0) - (x < 0);
  case Op::Relu:
    return x < 0 ? 0 : x;
  case Op::Not:
    return !x;
  default:
    return std::nullopt;
  }
}

static std::optional<double> binaryFloat(const Node &node, double a, double b) {
  switch (node.op) {
  case Op::Add:
    return a + b;
  case Op::Sub:
    return a - b;
  case Op::Mul:
    return a * b;
  case Op::Div:
    return a / b;
  case Op::Pow:
    return std::pow(a, b);
  case Op::Min:
    return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b);
  case Op::Max:
    return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b);
  case Op::Mod:
    return std::fmod(a, b);
  default:
    return std::nullopt;
  }
}

static std::optional<int64_t> power(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return std::nullopt;
  uint64_t result = 1, square = base;
  for (; exponent; exponent >>= 1, square *= square)
    if (exponent & 1)
      result *= square;
  return static_cast<int64_t>(result);
}

static std::optional<int64_t> binaryInt(const Node &node, int64_t a,
                                        int64_t b) {
  uint64_t ua = a, ub = b; // wraps without undefined behaviour
  bool overflows = b == -1 && a == std::numeric_limits<int64_t>::min();
  bool isBool = !node.operands.empty() && node.operands[0]->type == DType::Bool;
  switch (node.op) {
  case Op::Add:
    return static_cast<int64_t>(ua + ub);
  case Op::Sub:
    return static_cast<int64_t>(ua - ub);
  case Op::Mul:
    return static_cast<int64_t>(ua * ub);
  case Op::Div:
    if (b == 0)
      return std::nullopt;
    return overflows ? a : a / b;
  case Op::Mod: {
    if (b == 0)
      return std::nullopt;
    int64_t rest = overflows ? 0 : a % b;
    return !node.intAttr("fmod") && rest && (rest < 0) != (b < 0) ? rest + b
                                                                  : rest;
  }
  case Op::Pow:
    return power(a, b);
  case Op::Min:
    return std::min(a, b);
  case Op::Max:
    return std::max(a, b);
  // On bits of integers, or truth values.
  case Op::And:
    return isBool ? a && b : a & b;
  case Op::Or:
    return isBool ? a || b : a | b;
  case Op::Xor:
    return isBool ? !a != !b : a ^ b;
  default:
    return std::nullopt;
  }
}

template <typename T> static bool compare(Op op, T a, T b) {
  switch (op) {
  case Op::Equal:
    return a == b;
  case Op::Less:
    return a < b;
  case Op::LessOrEqual:
    return a <= b;
  case Op::Greater:
    return a > b;
  default:
    return a >= b;
  }
}

/// Float to integer truncates; out of range saturates and NaN gives 0 (ONNX
/// leaves both open).
static int64_t toInt(DType type, double x) {
  if (type == DType::Bool)
    return x != 0;
  if (std::isnan(x))
    return 0;
  unsigned bits = 8 * byteWidth(type);
  bool isSigned = type == DType::I8 || type == DType::I16 ||
                  type == DType::I32 || type == DType::I64;
  double low = isSigned ? -std::ldexp(1.0, bits - 1) : 0;
  double high = std::ldexp(1.0, isSigned ? bits - 1 : bits);
  x = std::trunc(x);
  if (x <= low)
    return isSigned && bits == 64 ? std::numeric_limits<int64_t>::min()
                                  : static_cast<int64_t>(low);
  if (x >= high)
    return bits == 64 ? std::numeric_limits<int64_t>::max()
                      : static_cast<int64_t>(high - 1);
  return static_cast<int64_t>(x);
}

static bool evaluateUnary(const Node &node, const Tensor &x, Tensor &r) {
  for (int64_t i = 0; i < r.size(); ++i) {
    if (node.op == Op::IsNaN) {
      r.ints[i] = std::isnan(x.floats[i]);
    } else if (node.op == Op::Cast) {
      if (isFloat(r.type))
        r.setFloat(i, x.number(i));
      else
        r.setInt(i, isFloat(x.type) ? toInt(r.type, x.floats[i]) : x.ints[i]);
    } else if (isFloat(x.type)) {
      std::optional<double> value = unaryFloat(node.op, x.floats[i], node);
      if (!value)
        return false;
      r.setFloat(i, *value);
    } else {
      std::optional<int64_t> value = unaryInt(node.op, x.ints[i]);
      if (!value)
        return false;
      r.setInt(i, *value);
    }
  }
  return true;
}

static bool evaluateBinary(const Node &node, const Tensor &a, const Tensor &b,
                           Tensor &r) {
  // Python's and C's remainder of floats differ in sign; ONNX allows only C's.
  if (node.op == Op::Mod && isFloat(a.type) && !node.intAttr("fmod"))
    return false;
  bool comparing = opKind(node.op) == Kind::Compare;
  BroadcastReader ra(a, r.dims), rb(b, r.dims);
  Dims index(r.dims.size(), 0);
  for (int64_t i = 0; i < r.size(); ++i, nextIndex(index, r.dims)) {
    int64_t ia = ra.at(index), ib = rb.at(index);
    if (isFloat(a.type)) {
      double va = a.floats[ia], vb = b.floats[ib];
      if (comparing) {
        r.ints[i] = compare(node.op, va, vb);
        continue;
      }
      std::optional<double> value = binaryFloat(node, va, vb);
      if (!value)
        return false;
      r.setFloat(i, *value);
    } else {
      int64_t va = a.ints[ia], vb = b.ints[ib];
      if (comparing) {
        r.ints[i] = compare(node.op, va, vb);
        continue;
      }
      std::optional<int64_t> value = binaryInt(node, va, vb);
      if (!value)
        return false;
      r.setInt(i, *value);
    }
  }
  return true;
}

static bool evaluateWhere(llvm::ArrayRef<const Tensor *> in, Tensor &r) {
  BroadcastReader rc(*in[0], r.dims), ra(*in[1], r.dims), rb(*in[2], r.dims);
  Dims index(r.dims.size(), 0);
  for (int64_t i = 0; i < r.size(); ++i, nextIndex(index, r.dims)) {
    if (in[0]->ints[rc.at(index)])
      r.copyElement(i, *in[1], ra.at(index));
    else
      r.copyElement(i, *in[2], rb.at(index));
  }
  return true;
}

static bool evaluateReduce(const Node &node, const Tensor &x, Tensor &r) {
  std::vector<bool> reduced(x.dims.size());
  int64_t count = 1;
  for (int64_t axis : node.dimsAttr("axes")) {
    reduced[axis] = true;
    count *= x.dims[axis];
  }
  Dims kept;
  for (size_t d = 0; d < x.dims.size(); ++d)
    kept.push_back(reduced[d] ? 1 : x.dims[d]);
  Tensor first(DType::Bool, kept); // whether the result has a value yet
  Tensor target = r;
  target.dims = kept;
  BroadcastReader reader(target, x.dims);
  Dims index(x.dims.size(), 0);
  for (int64_t i = 0; i < x.size(); ++i, nextIndex(index, x.dims)) {
    int64_t to = reader.at(index);
    if (!first.ints[to]) {
      first.ints[to] = 1;
      r.copyElement(to, x, i);
      continue;
    }
    Node step;
    step.op = node.op == Op::ReduceMax    ? Op::Max
              : node.op == Op::ReduceMin  ? Op::Min
              : node.op == Op::ReduceProd ? Op::Mul
                                          : Op::Add;
    if (isFloat(x.type))
      r.floats[to] = *binaryFloat(step, r.floats[to], x.floats[i]);
    else
      r.ints[to] = *binaryInt(step, r.ints[to], x.ints[i]);
  }
  for (int64_t i = 0; i < r.size(); ++i) {
    if (isFloat(r.type))
      r.setFloat(i,
                 node.op == Op::ReduceMean ? r.floats[i] / count : r.floats[i]);
    else
      r.setInt(i, node.op == Op::ReduceMean ? r.ints[i] / count : r.ints[i]);
  }
  return true;
}

static bool evaluateMatMul(const Tensor &a, const Tensor &b, Tensor &r) {
  int64_t m = a.dims[a.dims.size() - 2], k = a.dims.back(), n = b.dims.back();
  if (m * n * k > (1 << 26) || r.size() * k > (1 << 26))
    return false;
  Dims batch(DimsRef(r.dims).drop_back(2));
  auto shape = [&](const Tensor &t) {
    Tensor outer;
    outer.dims = Dims(DimsRef(t.dims).drop_back(2));
    return outer;
  };
  BroadcastReader ra(shape(a), batch), rb(shape(b), batch);
  Dims index(batch.size(), 0);
  int64_t matrices = m * n ? r.size() / (m * n) : 0;
  for (int64_t g = 0; g < matrices; ++g, nextIndex(index, batch)) {
    int64_t fromA = ra.at(index) * m * k, fromB = rb.at(index) * k * n;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t t = 0; t < k; ++t)
          sum += a.floats[fromA + i * k + t] * b.floats[fromB + t * n + j];
        r.setFloat((g * m + i) * n + j, sum);
      }
  }
  return true;
}

static bool evaluateCumSum(const Node &node, const Tensor &x, Tensor &r) {
  int64_t axis = node.intAttr("axis"), length = x.dims[axis];
  bool exclusive = node.intAttr("exclusive"), reverse = node.intAttr("reverse");
  int64_t stride = stridesOf(x.dims)[axis];
  for (int64_t i = 0; i < x.size(); ++i) {
    if (i / stride % length)
      continue; // not the start of a row
    double sum = 0;
    uint64_t count = 0;
    for (int64_t j = 0; j < length; ++j) {
      int64_t at = i + (reverse ? length - 1 - j : j) * stride;
      if (isFloat(x.type)) {
        r.setFloat(at, exclusive ? sum : sum + x.floats[at]);
        sum += x.floats[at];
      } else {
        r.setInt(at, exclusive ? count : count + x.ints[at]);
        count += x.ints[at];
      }
    }
  }
  return true;
}

static bool evaluateScatterND(const Node &node,
                              llvm::ArrayRef<const Tensor *> in, Tensor &r) {
  if (*node.attr<std::string>("reduction") != "none")
    return false;
  const Tensor &x = *in[0], &tuples = *in[1], &updates = *in[2];
  for (int64_t i = 0; i < x.size(); ++i)
    r.copyElement(i, x, i);
  int64_t width = tuples.dims.back();
  Dims strides = stridesOf(x.dims);
  int64_t block = width ? strides[width - 1] : x.size();
  int64_t count = width ? tuples.size() / width : 1;
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = 0;
    for (int64_t d = 0; d < width; ++d) {
      int64_t index = tuples.ints[i * width + d];
      if (index < -x.dims[d] || index >= x.dims[d])
        return false;
      at += strides[d] * (index < 0 ? index + x.dims[d] : index);
    }
    for (int64_t j = 0; j < block; ++j)
      r.copyElement(at + j, updates, i * block + j);
  }
  return true;
}

static bool evaluateMovement(const Node &node,
                             llvm::ArrayRef<const Tensor *> in, Tensor &r) {
  const Tensor &x = *in[0];
  Dims index(r.dims.size(), 0), strides = stridesOf(x.dims);
  switch (node.op) {
  case Op::Reshape:
    r.ints = x.ints;
    r.floats = x.floats;
    return true;
  case Op::Expand: {
    BroadcastReader reader(x, r.dims);
    for (int64_t i = 0; i < r.size(); ++i, nextIndex(index, r.dims))
      r.copyElement(i, x, reader.at(index));
    return true;
  }
  case Op::Transpose: {
    DimsRef perm = node.dimsAttr("perm");
    for (int64_t i = 0; i < r.size(); ++i, nextIndex(index, r.dims)) {
      int64_t from = 0;
      for (size_t d = 0; d < perm.size(); ++d)
        from += strides[perm[d]] * index[d];
      r.copyElement(i, x, from);
    }
    return true;
  }
  case Op::Slice: {
    DimsRef starts = node.dimsAttr("starts"), steps = node.dimsAttr("steps");
    for (int64_t i = 0; i < r.size(); ++i, nextIndex(index, r.dims)) {
      int64_t from = 0;
      for (size_t d = 0; d < starts.size(); ++d)
        from += strides[d] * (starts[d] + steps[d] * index[d]);
      r.copyElement(i, x, from);
    }
    return true;
  }
  case Op::Concat: {
    int64_t axis = node.intAttr("axis");
    std::vector<Dims> each;
    for (const Tensor *t : in)
      each.push_back(stridesOf(t->dims));
    for (int64_t i = 0; i < r.size(); ++i, nextIndex(index, r.dims)) {
      size_t part = 0;
      int64_t at = index[axis];
      while (at >= in[part]->dims[axis])
        at -= in[part++]->dims[axis];
      int64_t from = 0;
      for (size_t d = 0; d < index.size(); ++d)
        from +=
            each[part][d] * (static_cast<int64_t>(d) == axis ? at : index[d]);
      r.copyElement(i, *in[part], from);
    }
    return true;
  }
  case Op::Pad: {
    DimsRef pads = node.dimsAttr("pads");
    for (int64_t i = 0; i < r.size(); ++i, nextIndex(index, r.dims)) {
      int64_t from = 0;
      bool inside = true;
      for (size_t d = 0; d < index.size(); ++d) {
        int64_t at = index[d] - pads[d];
        inside &= at >= 0 && at < x.dims[d];
        from += strides[d] * at;
      }
      r.copyElement(i, inside ? x : *in[1], inside ? from : 0);
    }
    return true;
  }
  case Op::Gather: {
    const Tensor &rows = *in[1];
    int64_t axis = node.intAttr("axis"), inner = strides[axis];
    int64_t length = x.dims[axis], count = rows.size();
    for (int64_t i = 0; i < r.size(); ++i) {
      int64_t low = i % inner, row = i / inner % count,
              high = i / inner / count;
      int64_t at =
          rows.ints[row] < 0 ? rows.ints[row] + length : rows.ints[row];
      r.copyElement(i, x, (high * length + at) * inner + low);
    }
    return true;
  }
  case Op::GatherElements: {
    int64_t axis = node.intAttr("axis");
    for (int64_t i = 0; i < r.size(); ++i, nextIndex(index, r.dims)) {
      int64_t from = 0;
      for (size_t d = 0; d < index.size(); ++d) {
        int64_t at =
            static_cast<int64_t>(d) == axis ? in[1]->ints[i] : index[d];
        if (at < -x.dims[d] || at >= x.dims[d])
          return false;
        from += strides[d] * (at < 0 ? at + x.dims[d] : at);
      }
      r.copyElement(i, x, from);
    }
    return true;
  }
  default:
    return false;
  }
}

bool evaluate(const Node &node, llvm::ArrayRef<const Tensor *> in,
              llvm::MutableArrayRef<Tensor> results) {
  LPU_CHECK(results.size() == 1, "only ops with one result are folded");
  Tensor &r = results[0];
  switch (opKind(node.op)) {
  case Kind::Unary:
    return evaluateUnary(node, *in[0], r);
  case Kind::Binary:
  case Kind::Compare:
    return evaluateBinary(node, *in[0], *in[1], r);
  case Kind::Ternary:
    return evaluateWhere(in, r);
  case Kind::Reduce:
    return evaluateReduce(node, *in[0], r);
  default:
    break;
  }
  switch (node.op) {
  case Op::MatMul:
    return evaluateMatMul(*in[0], *in[1], r);
  case Op::CumSum:
    return evaluateCumSum(node, *in[0], r);
  case Op::ScatterND:
    return evaluateScatterND(node, in, r);
  default:
    return evaluateMovement(node, in, r);
  }
}

} // namespace lpu::importer
