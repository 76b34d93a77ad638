//===- Ranges.cpp - what integers and constants can be --------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reductions and broadcasts of lanes are sums and maxima of fp32. Small
// integers go through one of them exactly, others through several. Interval
// arithmetic over the graph tells which.
//
//===----------------------------------------------------------------------===//

#include "Graph.h"

#include "mlir/IR/Diagnostics.h"
#include <cmath>

using namespace lpu;
using namespace lpu::linalg_to_stream;

//===----------------------------------------------------------------------===//
// Intervals
//===----------------------------------------------------------------------===//

static IntegerRange rangeOfType(llvm::StringRef element) {
  if (element == "i1")
    return {0, 1};
  if (element == "i8")
    return {-128, 127};
  if (element == "u8" || element == "ui8")
    return {0, 255};
  return {};
}

static IntegerRange hull(IntegerRange a, IntegerRange b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

/// The range of a step; what wraps at 32 bits may be anything.
static IntegerRange rangeOfStep(Opcode op, IntegerRange a, IntegerRange b,
                                IntegerRange c, bool &alwaysWraps) {
  using O = Opcode;
  auto wrapped = [&](IntegerRange r) {
    alwaysWraps |= r.low > INT32_MAX || r.high < INT32_MIN;
    return r.low < INT32_MIN || r.high > INT32_MAX ? IntegerRange() : r;
  };
  bool positive = a.low >= 0 && b.low >= 0;
  switch (op) {
  case O::alu_cmpeq:
  case O::alu_cmplt:
  case O::alu_cmple:
  case O::alu_cmpuno:
  case O::alu_icmpeq:
  case O::alu_icmplt:
  case O::alu_icmple:
    return {0, 1};
  case O::alu_mov:
    return a;
  case O::alu_iadd:
    return wrapped({a.low + b.low, a.high + b.high});
  case O::alu_isub:
    return wrapped({a.low - b.high, a.high - b.low});
  case O::alu_imul: {
    int64_t products[] = {a.low * b.low, a.low * b.high, a.high * b.low,
                          a.high * b.high};
    return wrapped({*std::min_element(products, products + 4),
                    *std::max_element(products, products + 4)});
  }
  case O::alu_imin:
    return {std::min(a.low, b.low), std::min(a.high, b.high)};
  case O::alu_imax:
    return {std::max(a.low, b.low), std::max(a.high, b.high)};
  case O::alu_select:
    return hull(b, c);
  case O::alu_and:
    if (positive)
      return {0, std::min(a.high, b.high)};
    if (a.low >= 0 || b.low >= 0)
      return {0, a.low >= 0 ? a.high : b.high};
    return {};
  case O::alu_or:
  case O::alu_xor: {
    if (!positive)
      return {};
    int64_t bits = 1;
    while (bits <= std::max(a.high, b.high))
      bits *= 2;
    return {0, bits - 1};
  }
  case O::alu_sar:
    if (b.low == b.high && b.low >= 0 && b.low < 32)
      return {a.low >> b.low, a.high >> b.low};
    return {};
  case O::alu_shr:
    if (b.low == b.high && b.low > 0 && b.low < 32)
      return a.low >= 0 ? IntegerRange{a.low >> b.low, a.high >> b.low}
                        : IntegerRange{0, (int64_t(1) << (32 - b.low)) - 1};
    return {};
  default:
    return {};
  }
}

static IntegerRange rangeOfMap(const Tensor &t) {
  SmallVector<IntegerRange, 4> steps;
  auto of = [&](ScalarOperand o) -> IntegerRange {
    switch (o.kind) {
    case ScalarOperand::None:
      break;
    case ScalarOperand::Step:
      return steps[o.value];
    case ScalarOperand::Input:
      return t.operands[o.value].source->range;
    case ScalarOperand::Immediate:
      return {int32_t(o.value), int32_t(o.value)};
    }
    return {};
  };
  bool alwaysWraps = false;
  for (const ScalarStep &step : t.body)
    steps.push_back(
        rangeOfStep(step.op, of(step.a), of(step.b), of(step.c), alwaysWraps));
  if (alwaysWraps)
    mlir::emitWarning(t.location)
        << "integers of \"" << t.name
        << "\" always leave 32 bits; on the chip they wrap";
  return of(t.result);
}

mlir::LogicalResult linalg_to_stream::findRanges(Graph &graph) {
  bool failed = false;
  for (Tensor *each : graph.order) {
    Tensor &t = *each;
    IntegerRange type = rangeOfType(t.element), found = type;
    if (t.isFloat()) {
      t.range = type;
      continue;
    }
    switch (t.kind) {
    case Tensor::Map:
      found = rangeOfMap(t);
      break;
    case Tensor::Constant:
      if (std::optional<ConstantSpan> span = spanOf(t.constant)) {
        // Ends of the 64-bit range mean "no limit" and stay ends.
        constexpr double end = 4611686018427387904.0; // 2^62
        bool leaves = (span->high > INT32_MAX && span->high < end) ||
                      (span->low < INT32_MIN && span->low > -end);
        if (leaves) {
          auto error = mlir::emitError(t.location);
          error << "constant";
          if (!t.name.empty())
            error << " \"" << t.name << "\"";
          error << " holds "
                << int64_t(span->high > INT32_MAX ? span->high : span->low)
                << "; the chip's integers have 32 bits, " << INT32_MIN << " to "
                << INT32_MAX;
          failed = true;
        }
        auto clamped = [](double v) {
          return int64_t(
              std::max<double>(INT32_MIN, std::min<double>(INT32_MAX, v)));
        };
        found = {clamped(span->low), clamped(span->high)};
      }
      break;
    case Tensor::Reduce:
      found = t.operands[0].source->range;
      if (t.reduceKind == ReduceKind::Sum) {
        found.low *= reducedCount(t);
        found.high *= reducedCount(t);
      }
      break;
    case Tensor::Gather:
    case Tensor::Move:
    case Tensor::Exchange:
      found = t.operands[0].source->range;
      break;
    case Tensor::Join:
      found = t.operands[0].source->range;
      for (const View &v : t.operands)
        found = hull(found, v.source->range);
      break;
    case Tensor::Input:
    case Tensor::Contract:
      break;
    }
    // What wraps may be anything.
    bool fits = found.low >= type.low && found.high <= type.high;
    t.range = fits ? found : type;
  }
  return mlir::failure(failed);
}

int64_t linalg_to_stream::reducedCount(const Tensor &t) {
  int64_t count = 1;
  for (unsigned d = 0; d < t.operands[0].rank(); ++d)
    if (t.reduced[d])
      count *= t.operands[0].sizes[d];
  return count;
}

bool linalg_to_stream::isExactInFloat(const Tensor &t) {
  const IntegerRange &range = t.operands[0].source->range;
  int64_t count = t.reduceKind == ReduceKind::Sum ? reducedCount(t) : 1;
  int64_t most = std::max(-range.low, range.high);
  return most * count <= int64_t(1) << 24;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// Every element of the result is an element of an operand.
static bool isMovement(const Tensor &t) {
  if (t.kind == Tensor::Map)
    return llvm::all_of(t.body, [](const ScalarStep &step) {
      return step.op == Opcode::alu_select || step.op == Opcode::alu_mov;
    });
  return t.kind == Tensor::Join || t.kind == Tensor::Gather ||
         t.kind == Tensor::Exchange;
}

void linalg_to_stream::findHalfTables(Graph &graph) {
  std::vector<bool> isHandedOn(graph.order.size(), false);
  // What another chip gets is computed with there, as it is where one chip does
  // all.
  for (const Output &output : graph.outputs)
    if (!output.isPort)
      isHandedOn[output.view.source->id] = true;
  for (Tensor *t : llvm::reverse(graph.order))
    if (isHandedOn[t->id] && isMovement(*t))
      for (const View &v : t->operands)
        isHandedOn[v.source->id] = true;
  for (Tensor *t : graph.order) {
    if (t->kind != Tensor::Gather || !t->isFloat())
      continue;
    const Tensor &table = *t->operands[0].source;
    if (table.kind != Tensor::Constant)
      continue;
    if (table.element == "f16") {
      t->isHalfTable = true;
      continue;
    }
    // A table of single numbers is looked up, not trained as vectors are.
    if (isHandedOn[t->id] || t->operands[0].sizes[1] == 1)
      continue;
    // The largest element is far from both ends of the range of fp16.
    if (std::optional<ConstantSpan> span = spanOf(table.constant)) {
      double most = std::max(-span->low, span->high);
      t->isHalfTable = most <= 65504 && most >= 1.0 / 256;
    }
  }
}
