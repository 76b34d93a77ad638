// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Ranges.h"

#include <algorithm>
#include <cmath>

namespace lpu::importer {

static bool isInteger(DType type) {
  return type == DType::I64 || type == DType::I32;
}

std::string tableName(const Value *table) {
  while (table->node->op != Op::Initializer && !table->node->operands.empty() &&
         table->node->operands[0])
    table = table->node->operands[0];
  if (table->node->op == Op::Initializer)
    return table->node->weight.name;
  return table->node->origin ? table->node->origin->name : "";
}

/// True for x and Where(x < 0, x + length, x): what exporters write for indices
/// that may count from the end. Sets `x`.
static bool countsFromEnd(Value *value, Value *&x, double &length) {
  const Node &where = *value->node;
  if (where.op != Op::Where)
    return false;
  const Node &less = *where.operands[0]->node, &add = *where.operands[1]->node;
  x = where.operands[2];
  if (less.op != Op::Less || add.op != Op::Add || less.operands[0] != x ||
      (add.operands[0] != x && add.operands[1] != x))
    return false;
  const Node *zero = less.operands[1]->node;
  const Node *offset = add.operands[add.operands[0] == x]->node;
  if (zero->op != Op::Constant || offset->op != Op::Constant ||
      zero->data->size() != 1 || offset->data->size() != 1 ||
      zero->data->number(0) != 0)
    return false;
  length = offset->data->number(0);
  return true;
}

static bool onlyMoves(Op op) {
  return op == Op::Reshape || op == Op::Transpose || op == Op::Expand;
}

const Ranges::Interval *Ranges::of(Value *value) {
  auto [entry, isNew] = known.try_emplace(value);
  if (isNew)
    entry->second = compute(value);
  return entry->second ? &*entry->second : nullptr;
}

Ranges::Known Ranges::compute(Value *value) {
  const Node &node = *value->node;
  auto operand = [&](size_t i) { return of(node.operands[i]); };
  Known whatever;
  if (value->type == DType::Bool)
    whatever = Interval{0, 1};
  if (node.op == Op::Constant) {
    if (node.data->size() == 0)
      return std::nullopt;
    Interval range{node.data->number(0), node.data->number(0)};
    for (int64_t i = 1; i < node.data->size(); ++i) {
      range.low = std::min(range.low, node.data->number(i));
      range.high = std::max(range.high, node.data->number(i));
    }
    if (!std::isfinite(range.low) || !std::isfinite(range.high))
      return std::nullopt;
    return range;
  }
  if (onlyMoves(node.op) || node.op == Op::Slice || node.op == Op::ReduceMax ||
      node.op == Op::ReduceMin) {
    const Interval *a = operand(0);
    return a ? Known(*a) : whatever;
  }
  switch (node.op) {
  case Op::Cast: {
    const Interval *a = operand(0);
    return a && value->type != DType::Bool ? Known(*a) : whatever;
  }
  case Op::Neg: {
    const Interval *a = operand(0);
    return a ? Known(Interval{-a->high, -a->low}) : std::nullopt;
  }
  case Op::CumSum:
  case Op::ReduceSum: {
    const Interval *a = operand(0);
    if (!a)
      return std::nullopt;
    // At most all elements of the operand.
    double count = 1;
    DimsRef dims(node.operands[0]->dims);
    if (node.op == Op::CumSum) {
      count = double(dims[size_t(node.intAttr("axis"))]);
    } else {
      double results = 1;
      for (int64_t dim : dims)
        count *= double(dim);
      for (int64_t dim : value->dims)
        results *= double(dim);
      count /= std::max(results, 1.0);
    }
    return Interval{std::min(a->low, a->low * count),
                    std::max(a->high, a->high * count)};
  }
  case Op::Less:
  case Op::GreaterOrEqual: {
    const Interval *a = operand(0), *b = operand(1);
    if (!a || !b)
      return whatever;
    bool less = node.op == Op::Less;
    if (a->high < b->low)
      return Interval{double(less), double(less)};
    if (a->low >= b->high)
      return Interval{double(!less), double(!less)};
    return whatever;
  }
  case Op::Where: {
    const Interval *condition = operand(0), *a = operand(1), *b = operand(2);
    if (condition && condition->low == 1)
      return a ? Known(*a) : std::nullopt;
    if (condition && condition->high == 0)
      return b ? Known(*b) : std::nullopt;
    if (!a || !b)
      return std::nullopt;
    Value *x;
    double length;
    if (countsFromEnd(value, x, length)) // low < 0 here
      return Interval{std::min(b->low + length, 0.0),
                      std::max(b->high, length - 1)};
    return Interval{std::min(a->low, b->low), std::max(a->high, b->high)};
  }
  case Op::Add:
  case Op::Sub:
  case Op::Mul:
  case Op::Min:
  case Op::Max: {
    const Interval *a = operand(0), *b = operand(1);
    if (!a || !b)
      return std::nullopt;
    if (node.op == Op::Add)
      return Interval{a->low + b->low, a->high + b->high};
    if (node.op == Op::Sub)
      return Interval{a->low - b->high, a->high - b->low};
    if (node.op == Op::Min)
      return Interval{std::min(a->low, b->low), std::min(a->high, b->high)};
    if (node.op == Op::Max)
      return Interval{std::max(a->low, b->low), std::max(a->high, b->high)};
    auto [low, high] = std::minmax({a->low * b->low, a->low * b->high,
                                    a->high * b->low, a->high * b->high});
    return Interval{low, high};
  }
  default:
    return whatever;
  }
}

std::optional<Ranges::Limit> Ranges::limit(Value *index, double length) {
  Limit result{nullptr, -length, length - 1};
  for (;;) {
    Value *x;
    double fromEnd;
    const Node &node = *index->node;
    if (node.op == Op::Input) {
      result.input = index;
      return result;
    }
    if (onlyMoves(node.op) || (node.op == Op::Cast && isInteger(index->type) &&
                               isInteger(node.operands[0]->type))) {
      index = node.operands[0];
    } else if (countsFromEnd(index, x, fromEnd) && fromEnd == length &&
               result.minimum == -length && result.maximum == length - 1) {
      index = x;
    } else if (node.op == Op::Add || node.op == Op::Sub) {
      const Interval *a = of(node.operands[0]), *b = of(node.operands[1]);
      if (node.op == Op::Add && a && !b)
        std::swap(a, b), index = node.operands[1];
      else
        index = node.operands[0];
      if (!b || a)
        return std::nullopt;
      double sign = node.op == Op::Add ? 1 : -1;
      auto [low, high] = std::minmax(sign * b->low, sign * b->high);
      result.minimum -= low;
      result.maximum -= high;
    } else {
      return std::nullopt;
    }
  }
}

} // namespace lpu::importer
