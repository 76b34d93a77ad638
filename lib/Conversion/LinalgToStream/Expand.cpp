//===- Expand.cpp - one instance of an operation per chunk ----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Flows.h"
#include "lpu/Stream/AluShape.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <limits>

using namespace lpu;
using namespace lpu::linalg_to_stream;

FlowMaker::FlowMaker(Dag &dag, std::vector<RegionOutput> regionOutputs,
                     std::string regionName, FlowContext services)
    : dag(dag), outputs(std::move(regionOutputs)), name(std::move(regionName)),
      context(std::move(services)) {
  separateWide();
  // Only ALUs write: a source, a constant or a lane number goes through a mov.
  // So does one value for all features that fills several chunks.
  for (RegionOutput &output : outputs) {
    bool isNode = output.value.kind == VectorOperand::Node;
    bool isAlu = isNode &&
                 dag.nodes[output.value.value].kind != VectorNode::Read &&
                 dag.nodes[output.value.value].kind != VectorNode::Product;
    bool isSingle = !isNode || dag.nodes[output.value.value].single;
    bool isSpread = isSingle && isWide(output.tiles.front());
    if (!isAlu || isSpread) {
      VectorNode mov;
      mov.op = Opcode::alu_mov;
      mov.a = output.value;
      mov.single = isSingle && !isSpread;
      dag.nodes.push_back(mov);
      output.value = VectorOperand::node(dag.nodes.size() - 1);
    }
    // A reduction of a lane group reaches only its own lanes; a value that
    // stands for all features of other regions must be in all lanes.
    if (dag.nodes[output.value.value].single)
      allowGroups = false;
  }
  countUsers();
  for (size_t i = 0; i < outputs.size(); ++i) {
    unsigned vnode = outputs[i].value.value;
    for (unsigned c = 0; c < (dag.nodes[vnode].single ? 1 : dag.chunks); ++c)
      expand(vnode, c);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    unsigned vnode = outputs[i].value.value;
    unsigned count = dag.nodes[vnode].single ? 1 : dag.chunks;
    for (unsigned c = 0; c < count; ++c)
      instances[instanceOf[{vnode, c}]].output = i;
    Tail tail = dag.nodes[vnode].single
                    ? Tail::Finite
                    : instances[instanceOf[{vnode, count - 1}]].tail;
    for (unsigned tile : outputs[i].tiles)
      context.setTail(tile, tail);
  }
  schedule();
}

bool FlowMaker::isWide(unsigned tile) const {
  return dag.chunks > 1 && context.program.tiles[tile].features > 1;
}

/// Tiles of a value per row and tiles of rows that one value fills are
/// different outputs.
void FlowMaker::separateWide() {
  std::vector<RegionOutput> more;
  for (RegionOutput &output : outputs) {
    auto middle =
        std::stable_partition(output.tiles.begin(), output.tiles.end(),
                              [&](unsigned tile) { return isWide(tile); });
    if (middle == output.tiles.begin() || middle == output.tiles.end())
      continue;
    RegionOutput narrow = output;
    narrow.tiles.assign(middle, output.tiles.end());
    output.tiles.erase(middle, output.tiles.end());
    more.push_back(narrow);
  }
  outputs.insert(outputs.end(), more.begin(), more.end());
}

void FlowMaker::countUsers() {
  nodeUsers.assign(dag.nodes.size(), 0);
  std::vector<bool> seen(dag.nodes.size(), false);
  std::vector<unsigned> work;
  auto use = [&](VectorOperand v) {
    if (v.kind != VectorOperand::Node)
      return;
    ++nodeUsers[v.value];
    if (!seen[v.value])
      work.push_back(v.value);
    seen[v.value] = true;
  };
  for (const RegionOutput &output : outputs)
    use(output.value);
  while (!work.empty()) {
    VectorNode node = dag.nodes[work.back()];
    work.pop_back();
    use(node.a);
    use(node.b);
    use(node.c);
  }
}

unsigned FlowMaker::add(Instance instance) {
  instance.product = -1;
  auto needs = [&](int chunk) {
    if (chunk != -1)
      instance.product =
          instance.product == -1 || instance.product == chunk ? chunk : -2;
  };
  if (instance.kind == VectorNode::Product)
    needs(instance.chunk);
  unsigned number = instances.size();
  for (VectorOperand ref : instance.refs)
    if (ref.kind == VectorOperand::Node) {
      needs(instances[ref.value].product);
      if (!llvm::is_contained(instances[ref.value].users, number))
        instances[ref.value].users.push_back(number);
    }
  instances.push_back(std::move(instance));
  return number;
}

/// Lanes behind the last feature: see Tail.
Tail FlowMaker::tailOf(const Instance &instance) const {
  using O = Opcode;
  auto of = [&](VectorOperand v) {
    switch (v.kind) {
    case VectorOperand::Immediate: {
      float value = llvm::bit_cast<float>(v.value);
      if (v.value == 0)
        return Tail::Zero;
      if (value == -std::numeric_limits<float>::infinity())
        return Tail::NegInf;
      if (value == std::numeric_limits<float>::infinity())
        return Tail::PosInf;
      return Tail::Finite;
    }
    case VectorOperand::Node:
      return instances[v.value].tail;
    case VectorOperand::Lane:
    case VectorOperand::None:
      break;
    }
    return Tail::Finite;
  };
  Tail a = of(instance.refs[0]), b = of(instance.refs[1]),
       c = of(instance.refs[2]);
  auto tame = [](Tail t) { return t == Tail::Zero || t == Tail::Finite; };
  auto zeroOrTame = [&](bool isZero, bool isTame) {
    return isZero ? Tail::Zero : isTame ? Tail::Finite : Tail::Unknown;
  };
  bool zeroA = a == Tail::Zero, zeroB = b == Tail::Zero,
       zeroC = c == Tail::Zero;
  switch (instance.node.op) {
  case O::alu_mov:
    return a;
  case O::alu_add:
  case O::alu_sub:
    if (a == Tail::NegInf && tame(b))
      return a;
    return zeroOrTame(zeroA && zeroB, tame(a) && tame(b));
  case O::alu_mul:
    return zeroOrTame((zeroA && tame(b)) || (zeroB && tame(a)),
                      tame(a) && tame(b));
  case O::alu_muladd: {
    bool isTame = tame(a) && tame(b) && tame(c);
    return zeroOrTame(isTame && (zeroA || zeroB) && zeroC, isTame);
  }
  case O::alu_exp2:
    return a == Tail::NegInf ? Tail::Zero : Tail::Unknown;
  case O::alu_erf:
  case O::alu_tanh:
  case O::alu_abs:
  case O::alu_neg:
    return zeroOrTame(zeroA, tame(a));
  case O::alu_max:
  case O::alu_min:
    return zeroOrTame(zeroA && zeroB, tame(a) && tame(b));
  case O::alu_select:
    return b == c ? b : zeroOrTame(false, tame(b) && tame(c));
  default:
    return Tail::Unknown;
  }
}

/// The instance with `identity` in the lanes behind the last feature. Later
/// users take it in place of the original: it is equal where it counts.
unsigned FlowMaker::masked(unsigned number, unsigned vnode, unsigned chunk,
                           uint32_t identity, Tail tail) {
  unsigned valid = dag.features - int64_t(chunk) * dag.lanes;
  TileRead mask;
  mask.tile = context.maskTile(valid);
  unsigned read = dag.read(mask, true).value;
  Instance select;
  select.node.kind = stream::Node::Alu;
  select.node.op = Opcode::alu_select;
  select.refs[0] = VectorOperand::node(expand(read, 0));
  select.refs[1] = VectorOperand::node(number);
  select.refs[2] = VectorOperand::imm(identity);
  select.vnode = vnode;
  select.chunk = chunk;
  select.tail = tail;
  unsigned result = add(select);
  // Spilled values are found by node: the masked one is a node of its own.
  VectorNode node;
  node.op = Opcode::alu_select;
  node.a = VectorOperand::node(read);
  node.b = VectorOperand::node(vnode);
  node.c = VectorOperand::imm(identity);
  dag.nodes.push_back(node);
  instances[result].vnode = dag.nodes.size() - 1;
  instanceOf[{vnode, chunk}] = result;
  return result;
}

unsigned FlowMaker::expandReduce(unsigned vnode) {
  VectorNode n = dag.nodes[vnode];
  Instance reduce;
  reduce.kind = VectorNode::LaneReduce;
  reduce.node.kind = stream::Node::Alu;
  reduce.node.op = n.op;
  reduce.vnode = vnode;
  reduce.tail = Tail::Finite;
  bool isSum = n.op == Opcode::alu_reduce_sum;
  bool isMax = n.op == Opcode::alu_reduce_max;
  bool isNode = n.a.kind == VectorOperand::Node;
  unsigned chunks =
      n.allLanes || !isNode || dag.nodes[n.a.value].single ? 1 : dag.chunks;
  if (!isNode) {
    reduce.refs[0] = n.a;
    return add(reduce);
  }
  unsigned sum = expand(n.a.value, 0);
  int64_t tail = dag.features - int64_t(chunks - 1) * dag.lanes;
  unsigned groupCode = 15;
  if (!n.allLanes && chunks == 1 && tail < int64_t(dag.lanes)) {
    if (allowGroups)
      for (unsigned k = 0; k < 15 && (16u << k) < dag.lanes; ++k)
        if (int64_t(16u << k) == tail)
          groupCode = k;
  }
  // A sum of products takes one operation per further chunk.
  VectorNode term = dag.nodes[n.a.value];
  auto isVector = [&](VectorOperand v) {
    return v.kind == VectorOperand::Node && !dag.nodes[v.value].single;
  };
  bool isDot = isSum && term.kind == VectorNode::Alu &&
               term.op == Opcode::alu_mul && nodeUsers[n.a.value] == 1 &&
               isVector(term.a) && isVector(term.b);
  for (unsigned c = 0; c < chunks; ++c) {
    bool isPartial = c == chunks - 1 && tail < int64_t(dag.lanes) &&
                     groupCode == 15 && !n.allLanes;
    if (isDot && c > 0) {
      unsigned left = expand(term.a.value, c), right = expand(term.b.value, c);
      auto isZero = [&](unsigned i) { return instances[i].tail == Tail::Zero; };
      auto isTame = [&](unsigned i) {
        return isZero(i) || instances[i].tail == Tail::Finite;
      };
      bool isMasked = !isPartial || (isZero(left) && isTame(right)) ||
                      (isZero(right) && isTame(left));
      if (!isMasked && (left == right || isTame(right))) {
        bool isSquare = left == right;
        left = masked(left, term.a.value, c, 0, Tail::Zero);
        right = isSquare ? left : right;
        isMasked = true;
      }
      if (isMasked) {
        Instance fused;
        fused.node.kind = stream::Node::Alu;
        fused.node.op = Opcode::alu_muladd;
        fused.refs[0] = VectorOperand::node(left);
        fused.refs[1] = VectorOperand::node(right);
        fused.refs[2] = VectorOperand::node(sum);
        VectorNode partial;
        partial.op = Opcode::alu_muladd;
        dag.nodes.push_back(partial);
        fused.vnode = dag.nodes.size() - 1;
        fused.tail = Tail::Finite;
        sum = add(fused);
        continue;
      }
    }
    unsigned next = expand(n.a.value, c);
    if (isPartial) {
      Tail has = instances[next].tail;
      Tail wanted = isSum ? Tail::Zero : isMax ? Tail::NegInf : Tail::PosInf;
      float infinity = std::numeric_limits<float>::infinity();
      float identity = isSum ? 0.0f : isMax ? -infinity : infinity;
      if (has != wanted)
        next = masked(next, n.a.value, c, llvm::bit_cast<uint32_t>(identity),
                      wanted);
    }
    if (c == 0) {
      sum = next;
      continue;
    }
    Instance combine;
    combine.node.kind = stream::Node::Alu;
    combine.node.op = isSum   ? Opcode::alu_add
                      : isMax ? Opcode::alu_max
                              : Opcode::alu_min;
    combine.refs[0] = VectorOperand::node(sum);
    combine.refs[1] = VectorOperand::node(next);
    VectorNode partial; // a node of its own, in case it is spilled
    partial.op = combine.node.op;
    dag.nodes.push_back(partial);
    combine.vnode = dag.nodes.size() - 1;
    combine.tail = Tail::Finite;
    sum = add(combine);
  }
  reduce.refs[0] = VectorOperand::node(sum);
  reduce.node.group = groupCode;
  return add(reduce);
}

/// Operands before their users, without recursion: chains are as long as a
/// model makes them.
unsigned FlowMaker::expand(unsigned vnode, unsigned chunk) {
  using Place = std::pair<unsigned, unsigned>;
  auto place = [&](unsigned node, unsigned c) {
    return Place{node, dag.nodes[node].single ? 0 : c};
  };
  const Place root = place(vnode, chunk);
  std::vector<Place> stack{root};
  while (!stack.empty()) {
    auto [node, c] = stack.back();
    if (instanceOf.count({node, c})) {
      stack.pop_back();
      continue;
    }
    const VectorNode n = dag.nodes[node];
    std::optional<Place> missing;
    auto need = [&](VectorOperand v, bool single, unsigned at) {
      if (!missing && v.kind == VectorOperand::Node &&
          (!single || dag.nodes[v.value].single) &&
          !instanceOf.count(place(v.value, at)))
        missing = place(v.value, at);
    };
    if (n.kind == VectorNode::LaneReduce) {
      need(n.a, false, 0);
    } else if (n.kind == VectorNode::Alu || n.kind == VectorNode::RowReduce) {
      // Values for all features first: they may mask what the others use.
      for (bool single : {true, false})
        for (VectorOperand v : {n.a, n.b, n.c})
          need(v, single, c);
    }
    if (missing) {
      stack.push_back(*missing);
      continue;
    }
    expandHere(node, c);
    stack.pop_back();
  }
  return instanceOf.at(root);
}

/// The operands are expanded.
void FlowMaker::expandHere(unsigned vnode, unsigned chunk) {
  VectorNode n = dag.nodes[vnode];
  unsigned result;
  Instance instance;
  instance.kind = n.kind;
  instance.vnode = vnode;
  instance.chunk = chunk;
  switch (n.kind) {
  case VectorNode::LaneReduce:
    result = expandReduce(vnode);
    break;
  case VectorNode::Read:
    instance.node.kind = stream::Node::Read;
    instance.tail = n.single ? Tail::Finite : dag.reads[n.read].tail;
    result = add(instance);
    break;
  case VectorNode::Product:
    instance.node.kind = stream::Node::Product;
    // Columns that nothing was installed in are sums of zeros.
    instance.tail = Tail::Zero;
    result = add(instance);
    break;
  case VectorNode::Alu:
  case VectorNode::RowReduce: {
    instance.node.kind = stream::Node::Alu;
    instance.node.op = n.op;
    instance.node.period = n.period;
    VectorOperand operands[3] = {n.a, n.b, n.c};
    for (unsigned i = 0; i < 3; ++i) {
      instance.refs[i] = operands[i];
      if (operands[i].kind == VectorOperand::Node)
        instance.refs[i].value = expand(operands[i].value, chunk);
    }
    instance.tail = n.single                          ? Tail::Finite
                    : n.kind == VectorNode::RowReduce ? Tail::Unknown
                                                      : tailOf(instance);
    result = add(instance);
    break;
  }
  }
  instanceOf[{vnode, chunk}] = result;
}

/// Depth first from the outputs: operands come shortly before their users.
void FlowMaker::schedule() {
  std::vector<bool> seen(instances.size(), false);
  std::vector<std::pair<unsigned, unsigned>> stack; // instance, next operand
  auto visit = [&](unsigned root) {
    if (seen[root])
      return;
    seen[root] = true;
    stack.push_back({root, 0});
    while (!stack.empty()) {
      auto &[number, next] = stack.back();
      if (next < 3) {
        VectorOperand ref = instances[number].refs[next++];
        if (ref.kind == VectorOperand::Node && !seen[ref.value]) {
          seen[ref.value] = true;
          stack.push_back({ref.value, 0});
        }
        continue;
      }
      if (instances[number].node.kind == stream::Node::Alu)
        order.push_back(number);
      stack.pop_back();
    }
  };
  for (const RegionOutput &output : outputs) {
    unsigned vnode = output.value.value;
    for (unsigned c = 0; c < (dag.nodes[vnode].single ? 1 : dag.chunks); ++c)
      visit(instanceOf[{vnode, c}]);
  }
}
