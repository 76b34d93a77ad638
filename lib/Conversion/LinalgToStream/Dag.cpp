//===- Dag.cpp - operations of a vector region ----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Vector.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <limits>

using namespace lpu;
using namespace lpu::linalg_to_stream;

//===----------------------------------------------------------------------===//
// Row maps
//===----------------------------------------------------------------------===//

void RowMap::append(int64_t size, int64_t stride) {
  if (size == 1)
    return;
  if (!axes.empty() && axes.back().stride == size * stride) {
    axes.back().size *= size;
    axes.back().stride = stride;
    return;
  }
  axes.push_back({size, stride});
}

std::optional<stream::Access> RowMap::access(int64_t first,
                                             int64_t count) const {
  stream::Access result;
  result.row = base;
  result.stride = 0;
  if (axes.empty()) // the same row always
    return result;
  SmallVector<stream::Axis, 4> walked; // innermost first
  int64_t left = count;
  for (const stream::Axis &axis : llvm::reverse(axes)) {
    int64_t digit = first % axis.size;
    first /= axis.size;
    result.row += digit * axis.stride;
    if (left == 1)
      continue;
    if (left <= axis.size - digit) { // ends inside this axis
      walked.push_back({left, axis.stride});
      left = 1;
    } else {
      if (digit != 0 || left % axis.size != 0)
        return std::nullopt;
      walked.push_back(axis);
      left /= axis.size;
    }
  }
  if (left != 1 || walked.size() > 2)
    return std::nullopt;
  if (!walked.empty())
    result.stride = walked[0].stride;
  if (walked.size() == 2) {
    result.inner = walked[0].size;
    result.stride2 = walked[1].stride;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

static float asFloat(VectorOperand v) { return llvm::bit_cast<float>(v.value); }
static VectorOperand floatImm(float value) {
  return VectorOperand::imm(llvm::bit_cast<uint32_t>(value));
}
static bool isImm(VectorOperand v) {
  return v.kind == VectorOperand::Immediate;
}
static bool isImm(VectorOperand v, float value) {
  return isImm(v) && v.value == llvm::bit_cast<uint32_t>(value);
}

VectorOperand Dag::intern(const VectorNode &n) {
  auto key = [](VectorOperand v) { return uint64_t(v.kind) << 32 | v.value; };
  std::array<uint64_t, 8> code{uint64_t(n.kind), uint64_t(n.op),    key(n.a),
                               key(n.b),         key(n.c),          n.read,
                               n.allLanes,       uint64_t(n.period)};
  auto [it, isNew] = known.try_emplace(code, nodes.size());
  if (isNew)
    nodes.push_back(n);
  return VectorOperand::node(it->second);
}

/// The value of an operation on constants, for those that masks are made with.
static std::optional<VectorOperand> folded(Opcode op, VectorOperand a,
                                           VectorOperand b) {
  float x = asFloat(a), y = asFloat(b);
  int32_t i = int32_t(a.value), j = int32_t(b.value);
  auto truth = [](bool value) { return VectorOperand::imm(value); };
  switch (op) {
  case Opcode::alu_mov:
    return a;
  case Opcode::alu_neg:
    return floatImm(-x);
  case Opcode::alu_i2f:
    return floatImm(float(i));
  case Opcode::alu_add:
    return floatImm(x + y);
  case Opcode::alu_sub:
    return floatImm(x - y);
  case Opcode::alu_mul:
    return floatImm(x * y);
  case Opcode::alu_cmpeq:
    return truth(x == y);
  case Opcode::alu_cmplt:
    return truth(x < y);
  case Opcode::alu_cmple:
    return truth(x <= y);
  case Opcode::alu_iadd:
    return VectorOperand::imm(a.value + b.value);
  case Opcode::alu_isub:
    return VectorOperand::imm(a.value - b.value);
  case Opcode::alu_imul:
    return VectorOperand::imm(a.value * b.value);
  case Opcode::alu_icmpeq:
    return truth(i == j);
  case Opcode::alu_icmplt:
    return truth(i < j);
  case Opcode::alu_icmple:
    return truth(i <= j);
  case Opcode::alu_and:
    return VectorOperand::imm(a.value & b.value);
  case Opcode::alu_or:
    return VectorOperand::imm(a.value | b.value);
  case Opcode::alu_xor:
    return VectorOperand::imm(a.value ^ b.value);
  default:
    return std::nullopt;
  }
}

VectorOperand Dag::alu(Opcode op, VectorOperand a, VectorOperand b,
                       VectorOperand c) {
  auto nodeOf = [&](VectorOperand v) -> const VectorNode * {
    return v.kind == VectorOperand::Node &&
                   nodes[v.value].kind == VectorNode::Alu
               ? &nodes[v.value]
               : nullptr;
  };
  bool constant = isImm(a) && (b.kind == VectorOperand::None || isImm(b)) &&
                  c.kind == VectorOperand::None;
  if (constant)
    if (std::optional<VectorOperand> value = folded(op, a, b))
      if (!std::isnan(asFloat(*value)) || op == Opcode::alu_mov)
        return *value;
  switch (op) {
  case Opcode::alu_mul:
    if (isImm(a))
      std::swap(a, b);
    if (isImm(b, 1.0f))
      return a;
    if (isImm(b))
      if (const VectorNode *inner = nodeOf(a)) {
        if (inner->op == Opcode::alu_neg)
          return alu(op, inner->a, floatImm(-asFloat(b)));
        if (inner->op == Opcode::alu_mul && isImm(inner->b)) {
          // Two factors may be in range where their product is not.
          float both = asFloat(inner->b) * asFloat(b);
          if (std::isnormal(both))
            return alu(op, inner->a, floatImm(both));
        }
      }
    break;
  case Opcode::alu_add:
    if (isImm(a))
      std::swap(a, b);
    if (const VectorNode *inner = nodeOf(b))
      if (inner->op == Opcode::alu_neg)
        return alu(Opcode::alu_sub, a, inner->a);
    break;
  case Opcode::alu_sub:
    if (isImm(b))
      return alu(Opcode::alu_add, a, floatImm(-asFloat(b)));
    break;
  case Opcode::alu_isub:
    if (isImm(b, 0.0f))
      return a;
    break;
  case Opcode::alu_iadd:
  case Opcode::alu_or:
  case Opcode::alu_xor:
    if (isImm(a))
      std::swap(a, b);
    if (isImm(b) && b.value == 0)
      return a;
    if (op == Opcode::alu_xor && isImm(b))
      if (const VectorNode *inner = nodeOf(a))
        if (inner->op == op && inner->b == b) // twice not
          return inner->a;
    break;
  case Opcode::alu_imul:
    if (isImm(a))
      std::swap(a, b);
    if (isImm(b) && b.value == 1)
      return a;
    break;
  case Opcode::alu_and:
    if (isImm(a))
      std::swap(a, b);
    if (a == b)
      return a;
    break;
  case Opcode::alu_select:
    if (isImm(a))
      return a.value ? b : c;
    if (b == c)
      return b;
    if (const VectorNode *inner = nodeOf(a))
      if (inner->op == Opcode::alu_xor && isImm(inner->b) &&
          inner->b.value == 1)
        return alu(op, inner->a, c, b);
    // One constant fits into the instruction's lane constant.
    if (isImm(b) && isImm(c)) {
      VectorNode constantNode;
      constantNode.op = Opcode::alu_mov;
      constantNode.a = c;
      constantNode.single = true;
      c = intern(constantNode);
    }
    break;
  default:
    break;
  }
  // One immediate per instruction.
  if (isImm(a) && isImm(b) && !(a == b)) {
    VectorNode constantNode;
    constantNode.op = Opcode::alu_mov;
    constantNode.a = b;
    constantNode.single = true;
    b = intern(constantNode);
  }
  VectorNode node;
  node.op = op;
  node.a = a;
  node.b = b;
  node.c = c;
  node.single = true;
  for (VectorOperand v : {a, b, c})
    if (v.kind == VectorOperand::Node)
      node.single &= nodes[v.value].single;
  return intern(node);
}

VectorOperand Dag::read(const TileRead &read, bool single) {
  auto same = [&](const TileRead &other) {
    if (other.tile != read.tile || other.chunk != read.chunk ||
        other.rows.base != read.rows.base ||
        other.rows.axes.size() != read.rows.axes.size())
      return false;
    for (size_t i = 0; i < read.rows.axes.size(); ++i)
      if (other.rows.axes[i].size != read.rows.axes[i].size ||
          other.rows.axes[i].stride != read.rows.axes[i].stride)
        return false;
    return true;
  };
  auto found = llvm::find_if(reads, same);
  if (found == reads.end())
    found = reads.insert(reads.end(), read);
  VectorNode node;
  node.kind = VectorNode::Read;
  node.read = found - reads.begin();
  node.single = single;
  return intern(node);
}

VectorOperand Dag::product() {
  VectorNode node;
  node.kind = VectorNode::Product;
  node.single = false;
  return intern(node);
}

static Opcode reduceOp(ReduceKind kind) {
  return kind == ReduceKind::Sum   ? Opcode::alu_reduce_sum
         : kind == ReduceKind::Max ? Opcode::alu_reduce_max
                                   : Opcode::alu_reduce_min;
}

/// Reductions take what an operation has left in an ALU.
VectorOperand Dag::materialized(VectorOperand a) {
  if (a.kind == VectorOperand::Node)
    return a;
  VectorNode node;
  node.op = Opcode::alu_mov;
  node.a = a;
  return intern(node);
}

VectorOperand Dag::laneReduce(ReduceKind kind, VectorOperand a, bool allLanes) {
  a = materialized(a);
  VectorNode node;
  node.kind = VectorNode::LaneReduce;
  node.op = reduceOp(kind);
  node.a = a;
  node.allLanes = allLanes;
  node.single = true;
  return intern(node);
}

VectorOperand Dag::rowReduce(ReduceKind kind, VectorOperand a, int64_t period) {
  VectorNode node;
  node.kind = VectorNode::RowReduce;
  node.op = kind == ReduceKind::Sum   ? Opcode::alu_acc_sum
            : kind == ReduceKind::Max ? Opcode::alu_acc_max
                                      : Opcode::alu_acc_min;
  node.a = materialized(a);
  node.period = period;
  node.single = nodes[node.a.value].single;
  return intern(node);
}

VectorOperand Dag::laneBroadcast(VectorOperand a, unsigned lane,
                                 LaneValue value, bool othersZero) {
  auto masked = [&](uint32_t others) {
    VectorNode mask;
    mask.op = Opcode::alu_icmpeq;
    mask.a = {VectorOperand::Lane, 0};
    mask.b = VectorOperand::imm(lane);
    mask.single = true; // the same in every chunk, though not in every lane
    return alu(Opcode::alu_select, intern(mask), a, VectorOperand::imm(others));
  };
  auto sum = [&](VectorOperand v) {
    return laneReduce(ReduceKind::Sum, v, /*allLanes=*/true);
  };
  // A sum with zeros would make +0 of -0.
  if (value == LaneValue::Float)
    return laneReduce(
        ReduceKind::Max,
        masked(floatImm(-std::numeric_limits<float>::infinity()).value), true);
  if (!othersZero)
    a = masked(0);
  if (value != LaneValue::Integer)
    return sum(a);
  // As fp32, bits 0 to 29 are never a NaN, an infinity or -0, and neither are
  // the other two in the lowest places: adding zeros keeps them.
  VectorOperand low =
      sum(alu(Opcode::alu_and, a, VectorOperand::imm(0x3fffffff)));
  VectorOperand high = sum(alu(Opcode::alu_shr, a, VectorOperand::imm(30)));
  return alu(Opcode::alu_or, low,
             alu(Opcode::alu_shl, high, VectorOperand::imm(30)));
}

/// Integers up to 2^24 are, as bits of fp32, multiples of the smallest number:
/// their sums are exact. So a sum goes by parts of few enough bits.
VectorOperand Dag::integerSum(VectorOperand a, int64_t count) {
  unsigned bits = 24;
  for (int64_t n = 1; n < count && bits > 1; n *= 2)
    --bits;
  VectorOperand total;
  for (unsigned shift = 0; shift < 32; shift += bits) {
    VectorOperand part = a;
    if (shift)
      part = alu(Opcode::alu_shr, part, VectorOperand::imm(shift));
    if (shift + bits < 32)
      part = alu(Opcode::alu_and, part, VectorOperand::imm((1u << bits) - 1));
    part = laneReduce(ReduceKind::Sum, part);
    if (shift)
      part = alu(Opcode::alu_shl, part, VectorOperand::imm(shift));
    total = shift ? alu(Opcode::alu_iadd, total, part) : part;
  }
  return total;
}

/// First the upper 24 bits, then the lower 8 of those that have the best upper
/// ones.
VectorOperand Dag::integerExtreme(ReduceKind kind, VectorOperand a) {
  VectorOperand eight = VectorOperand::imm(8), mask = VectorOperand::imm(255);
  VectorOperand upper = alu(Opcode::alu_i2f, alu(Opcode::alu_sar, a, eight));
  VectorOperand best = laneReduce(kind, upper);
  VectorOperand lower =
      alu(Opcode::alu_select, alu(Opcode::alu_cmpeq, upper, best),
          alu(Opcode::alu_and, a, mask),
          kind == ReduceKind::Max ? VectorOperand::imm(0) : mask);
  return alu(Opcode::alu_or,
             alu(Opcode::alu_shl, alu(Opcode::alu_f2i, best), eight),
             laneReduce(kind, lower));
}

void Dag::fuse(llvm::MutableArrayRef<VectorOperand> roots) {
  std::vector<unsigned> users(nodes.size(), 0);
  std::vector<bool> seen(nodes.size(), false);
  SmallVector<unsigned> work;
  auto use = [&](VectorOperand v) {
    if (v.kind != VectorOperand::Node)
      return;
    ++users[v.value];
    if (!seen[v.value]) {
      seen[v.value] = true;
      work.push_back(v.value);
    }
  };
  for (VectorOperand root : roots)
    use(root);
  while (!work.empty()) {
    VectorNode n = nodes[work.pop_back_val()];
    use(n.a);
    use(n.b);
    use(n.c);
  }
  // a * b + c, and c - a * constant.
  for (unsigned i = 0; i < nodes.size(); ++i) {
    VectorNode &n = nodes[i];
    if (!seen[i] || n.kind != VectorNode::Alu)
      continue;
    auto factor = [&](VectorOperand v) -> const VectorNode * {
      if (v.kind != VectorOperand::Node)
        return nullptr;
      const VectorNode &f = nodes[v.value];
      // A value for all features is cheaper multiplied once.
      bool once = users[v.value] == 1 || (f.single && isImm(f.b));
      return f.kind == VectorNode::Alu && f.op == Opcode::alu_mul && once
                 ? &f
                 : nullptr;
    };
    VectorNode fused = n;
    fused.op = Opcode::alu_muladd;
    if (n.op == Opcode::alu_add) {
      for (bool swapped : {false, true}) {
        VectorOperand sum = swapped ? n.a : n.b;
        const VectorNode *f = factor(swapped ? n.b : n.a);
        if (!f || (isImm(sum) && isImm(f->b)) ||
            (f->single && !n.single && users[(swapped ? n.b : n.a).value] > 1))
          continue;
        fused.a = f->a;
        fused.b = f->b;
        fused.c = sum;
        n = fused;
        break;
      }
    } else if (n.op == Opcode::alu_mul) {
      // a * (b + 1), as in GELU and SiLU.
      for (bool swapped : {false, true}) {
        VectorOperand other = swapped ? n.b : n.a, sum = swapped ? n.a : n.b;
        if (sum.kind != VectorOperand::Node ||
            other.kind != VectorOperand::Node || users[sum.value] != 1)
          continue;
        const VectorNode &f = nodes[sum.value];
        if (f.kind != VectorNode::Alu || f.op != Opcode::alu_add ||
            !isImm(f.b, 1.0f))
          continue;
        fused.a = other;
        fused.b = f.a;
        fused.c = other;
        n = fused;
        break;
      }
    } else if (n.op == Opcode::alu_sub) {
      const VectorNode *f = factor(n.b);
      if (f && isImm(f->b) && !isImm(n.a)) {
        fused.a = f->a;
        fused.b = floatImm(-asFloat(f->b));
        fused.c = n.a;
        n = fused;
      }
    }
  }
}
