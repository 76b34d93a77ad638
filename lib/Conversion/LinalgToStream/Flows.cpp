//===- Flows.cpp - cuts a region into flows -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Flows.h"
#include "lpu/Stream/AluShape.h"
#include "lpu/Support/Check.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace lpu;
using namespace lpu::linalg_to_stream;
using llvm::Twine;

/// A spilled value costs a write and a read: as much as so many more operations
/// in a flow are worth.
static constexpr double kSpillCost = 2.5;

unsigned FlowMaker::spillTileOf(unsigned vnode) {
  auto [it, isNew] = spillTiles.try_emplace(vnode, 0);
  if (isNew)
    it->second = context.spillTile(name, dag.rows,
                                   dag.nodes[vnode].single ? 1 : dag.features);
  return it->second;
}

/// `set` and what it needs that is neither computed nor tied to the product.
SmallVector<unsigned> FlowMaker::closure(llvm::ArrayRef<unsigned> set) const {
  std::set<unsigned> all(set.begin(), set.end());
  SmallVector<unsigned> work(set.begin(), set.end());
  while (!work.empty()) {
    unsigned number = work.pop_back_val();
    for (VectorOperand ref : instances[number].refs)
      if (ref.kind == VectorOperand::Node) {
        const Instance &operand = instances[ref.value];
        if (operand.node.kind == stream::Node::Alu && !operand.done &&
            all.insert(ref.value).second)
          work.push_back(ref.value);
      }
  }
  SmallVector<unsigned> sorted;
  for (unsigned number : order)
    if (all.count(number))
      sorted.push_back(number);
  return sorted;
}

std::optional<stream::Flow> FlowMaker::build(llvm::ArrayRef<unsigned> set,
                                             int64_t first, int64_t count,
                                             bool isEpilogue,
                                             unsigned productChunk) {
  bool demandOnly = count == 0;
  stream::Flow flow;
  flow.name = name;
  flow.iterations = demandOnly ? 1 : count;
  std::map<unsigned, unsigned> local; // instance -> node
  auto identity = [&](unsigned tile, unsigned chunk, int64_t period) {
    stream::Access access;
    access.tile = tile;
    access.chunk = chunk;
    access.row = first / period;
    return access;
  };
  std::set<unsigned> members(set.begin(), set.end());
  bool possible = true;
  if (isEpilogue) {
    stream::Node product;
    product.kind = stream::Node::Product;
    flow.nodes.push_back(product);
  }
  auto value = [&](VectorOperand ref) -> stream::Value {
    switch (ref.kind) {
    case VectorOperand::None:
      return {};
    case VectorOperand::Immediate:
      return stream::Value::imm();
    case VectorOperand::Lane:
      return stream::Value::lane();
    case VectorOperand::Node:
      break;
    }
    auto found = local.find(ref.value);
    if (found != local.end())
      return stream::Value::of(found->second);
    const Instance &source = instances[ref.value];
    stream::Node node;
    if (source.kind == VectorNode::Product && isEpilogue) {
      LPU_CHECK(source.chunk == productChunk, "a product of another chunk");
      local[ref.value] = 0;
      return stream::Value::of(0);
    }
    node.kind = stream::Node::Read;
    if (source.node.kind == stream::Node::Read) {
      const TileRead &read = dag.reads[dag.nodes[source.vnode].read];
      std::optional<stream::Access> access;
      if (demandOnly)
        access = stream::Access();
      else
        access = read.rows.access(first, count);
      if (!access) {
        possible = false;
        access = stream::Access();
      }
      access->tile = read.tile;
      access->chunk = read.chunk + source.chunk;
      node.access = *access;
    } else {
      LPU_CHECK(source.done, "a value that no flow has computed");
      node.access =
          identity(spillTileOf(source.vnode),
                   dag.nodes[source.vnode].single ? 0 : source.chunk, 1);
    }
    flow.nodes.push_back(node);
    local[ref.value] = flow.nodes.size() - 1;
    return stream::Value::of(flow.nodes.size() - 1);
  };

  for (unsigned number : set) {
    const Instance &instance = instances[number];
    stream::Node node = instance.node;
    node.a = value(instance.refs[0]);
    node.b = value(instance.refs[1]);
    node.c = value(instance.refs[2]);
    bool isTernary = stream::aluShape(node.op) == stream::AluShape::Ternary;
    for (VectorOperand ref : instance.refs)
      if (ref.kind == VectorOperand::Immediate) {
        (isTernary ? node.constant : node.imm) = ref.value;
        node.hasConstant = isTernary;
      }
    flow.nodes.push_back(node);
    unsigned index = flow.nodes.size() - 1;
    local[number] = index;
    bool leaves = llvm::any_of(instance.users, [&](unsigned user) {
      return !members.count(user) && !instances[user].done;
    });
    // What does not depend on the product is computed again where needed.
    if (isEpilogue && instance.product == -1)
      continue;
    unsigned chunk = dag.nodes[instance.vnode].single ? 0 : instance.chunk;
    if (leaves)
      flow.writes.push_back(
          {index, identity(spillTileOf(instance.vnode), chunk, 1)});
    if (instance.output >= 0) {
      const RegionOutput &output = outputs[instance.output];
      if (first % output.period != 0 || flow.iterations % output.period != 0)
        possible &= demandOnly;
      for (unsigned tile : output.tiles) {
        stream::Access access =
            identity(tile, chunk + output.chunk, output.period);
        if (output.rows && !demandOnly) {
          std::optional<stream::Access> part =
              output.rows->access(first, count);
          possible &= part.has_value();
          if (part) {
            part->tile = access.tile;
            part->chunk = access.chunk;
            access = *part;
          }
        }
        flow.writes.push_back({index, access});
      }
    }
  }
  if (!possible)
    return std::nullopt;
  return flow;
}

/// A running reduction writes once per period, everything else in every
/// iteration: not both in one flow.
static bool writesAgree(const stream::Flow &flow) {
  auto isRunning = [&](unsigned node) {
    const stream::Node &n = flow.nodes[node];
    return n.kind == stream::Node::Alu &&
           stream::aluShape(n.op) == stream::AluShape::Acc;
  };
  unsigned running = 0;
  for (const stream::Write &write : flow.writes)
    running += isRunning(write.node);
  return running == 0 || running == flow.writes.size();
}

unsigned FlowMaker::spills(llvm::ArrayRef<unsigned> set, bool ofProduct) {
  std::set<unsigned> members(set.begin(), set.end());
  unsigned count = 0;
  for (unsigned number : set)
    count += (!ofProduct || instances[number].product != -1) &&
             llvm::any_of(instances[number].users, [&](unsigned user) {
               return !members.count(user) && !instances[user].done;
             });
  return count;
}

bool FlowMaker::fits(const stream::Flow &flow, const FlowLimits &limits) const {
  stream::FlowDemand demand = stream::flowDemand(flow, context.program);
  return demand.alus <= limits.alus &&
         demand.transcendental <= limits.transcendental &&
         demand.reduce <= limits.reduce && demand.streamsIn <= limits.streams &&
         demand.streamsOut <= limits.streams;
}

std::string FlowMaker::tooLarge(const stream::Flow &flow,
                                const FlowLimits &limits) const {
  stream::FlowDemand d = stream::flowDemand(flow, context.program);
  return ("a single step of \"" + name + "\" needs " + Twine(d.alus) +
          " ALUs, " + Twine(d.transcendental) + " transcendental, " +
          Twine(d.reduce) + " reducing, " + Twine(d.streamsIn) +
          " streams in and " + Twine(d.streamsOut) + " out; the limits are " +
          Twine(limits.alus) + ", " + Twine(limits.transcendental) + ", " +
          Twine(limits.reduce) + ", " + Twine(limits.streams) +
          "; take a larger machine")
      .str();
}

/// Numbers of rows after which a source of the set begins a new run.
SmallVector<int64_t> FlowMaker::blockSizes(llvm::ArrayRef<unsigned> set) const {
  std::set<int64_t, std::greater<int64_t>> sizes{dag.rows, 1};
  auto addAxes = [&](const RowMap &rows) {
    int64_t size = 1;
    for (const stream::Axis &axis : llvm::reverse(rows.axes)) {
      size *= axis.size;
      if (dag.rows % size == 0)
        sizes.insert(size);
    }
  };
  for (const RegionOutput &output : outputs)
    if (output.rows)
      addAxes(*output.rows);
  for (unsigned number : set)
    for (VectorOperand ref : instances[number].refs) {
      if (ref.kind != VectorOperand::Node ||
          instances[ref.value].node.kind != stream::Node::Read)
        continue;
      addAxes(dag.reads[dag.nodes[instances[ref.value].vnode].read].rows);
    }
  return SmallVector<int64_t>(sizes.begin(), sizes.end());
}

/// Adds later operations that are ready, if they fit and nothing more has to be
/// spilled for them (often less: a value that only they needed).
void FlowMaker::extend(SmallVector<unsigned> &set,
                       llvm::ArrayRef<unsigned> later,
                       const FlowLimits &limits) {
  for (unsigned number : later) {
    bool isReady = llvm::all_of(instances[number].refs, [&](VectorOperand ref) {
      return ref.kind != VectorOperand::Node || instances[ref.value].done ||
             instances[ref.value].node.kind != stream::Node::Alu ||
             llvm::is_contained(set, ref.value);
    });
    if (!isReady)
      continue;
    unsigned before = spills(set);
    set.push_back(number);
    std::optional<stream::Flow> flow = build(set, 0, 0, false, 0);
    if (!fits(*flow, limits) || !writesAgree(*flow) || spills(set) > before)
      set.pop_back();
  }
}

std::string FlowMaker::emit(const FlowLimits &limits,
                            std::vector<stream::Kernel> &kernels) {
  while (true) {
    // What is left and still needed, in order.
    SmallVector<unsigned> wanted;
    for (unsigned number : order) {
      const Instance &i = instances[number];
      if (!i.done && i.output >= 0)
        wanted.push_back(number);
    }
    SmallVector<unsigned> todo = closure(wanted);
    if (todo.empty())
      return "";
    size_t best = 0;
    double bestScore = -1e9;
    for (size_t end = 1; end <= todo.size(); ++end) {
      llvm::ArrayRef<unsigned> set(todo.data(), end);
      std::optional<stream::Flow> flow = build(set, 0, 0, false, 0);
      if (!fits(*flow, limits)) {
        if (best == 0)
          return tooLarge(*flow, limits);
        break;
      }
      double score = end == todo.size() ? 1e9 : end - kSpillCost * spills(set);
      if (score >= bestScore && writesAgree(*flow)) {
        bestScore = score;
        best = end;
      }
    }
    SmallVector<unsigned> chosen(todo.begin(), todo.begin() + best);
    extend(chosen, llvm::ArrayRef<unsigned>(todo).drop_front(best), limits);
    llvm::ArrayRef<unsigned> set(chosen);
    bool isEmitted = false;
    for (int64_t block : blockSizes(set)) {
      std::vector<stream::Kernel> flows;
      for (int64_t first = 0; first < dag.rows; first += block) {
        std::optional<stream::Flow> flow = build(set, first, block, false, 0);
        if (!flow)
          break;
        flows.push_back(*flow);
      }
      if (int64_t(flows.size()) * block != dag.rows)
        continue;
      for (stream::Kernel &flow : flows)
        kernels.push_back(std::move(flow));
      isEmitted = true;
      break;
    }
    if (!isEmitted)
      return "the rows of \"" + name + "\" cannot be walked with two strides";
    for (unsigned number : set)
      instances[number].done = true;
  }
}

//===----------------------------------------------------------------------===//
// Epilogues
//===----------------------------------------------------------------------===//

std::string FlowMaker::planEpilogues(const FlowLimits &limits) {
  epilogues.assign(dag.chunks, {});
  for (unsigned chunk = 0; chunk < dag.chunks; ++chunk) {
    // A reduction over several chunks depends on all of them: product == -2. A
    // running reduction must see all its rows, but jobs may be cut by rows.
    SmallVector<unsigned> candidates;
    for (unsigned number : order)
      if (instances[number].product == int(chunk) &&
          instances[number].kind != VectorNode::RowReduce)
        candidates.push_back(number);
    double bestScore = -1e9;
    SmallVector<unsigned> best;
    std::optional<stream::Flow> failed;
    for (size_t end = 1; end <= candidates.size(); ++end) {
      SmallVector<unsigned> set =
          closure(llvm::ArrayRef<unsigned>(candidates.data(), end));
      std::optional<stream::Flow> flow = build(set, 0, 0, true, chunk);
      // The product itself must not be needed later: it is not kept.
      bool isClosed = true;
      std::set<unsigned> members(set.begin(), set.end());
      for (const Instance &i : instances)
        if (i.kind == VectorNode::Product && i.chunk == chunk)
          for (unsigned user : i.users)
            isClosed &= members.count(user) || instances[user].done;
      if (!fits(*flow, limits)) {
        failed = flow;
        break;
      }
      double score = end == candidates.size() && spills(set, true) == 0
                         ? 1e9
                         : end - kSpillCost * spills(set, true);
      if (isClosed && score >= bestScore) {
        bestScore = score;
        best = set;
      }
    }
    if (best.empty()) {
      // Keep the product as it is and go on from there.
      for (unsigned number = 0; number < instances.size(); ++number) {
        if (instances[number].kind != VectorNode::Product ||
            instances[number].chunk != chunk)
          continue;
        Instance mov;
        mov.node.kind = stream::Node::Alu;
        mov.node.op = Opcode::alu_mov;
        mov.refs[0] = VectorOperand::node(number);
        mov.vnode = instances[number].vnode;
        mov.chunk = chunk;
        mov.tail = Tail::Zero;
        SmallVector<unsigned, 4> users = instances[number].users;
        unsigned copy = add(mov);
        instances[number].users.assign(1, copy);
        instances[copy].users = users;
        for (unsigned user : users)
          for (VectorOperand &ref : instances[user].refs)
            if (ref.kind == VectorOperand::Node && ref.value == number)
              ref.value = copy;
        order.insert(order.begin(), copy);
        best.push_back(copy);
        std::optional<stream::Flow> flow = build(best, 0, 0, true, chunk);
        if (!fits(*flow, limits))
          return tooLarge(*flow, limits);
        break;
      }
    }
    epilogues[chunk] = best;
  }
  return "";
}

std::optional<stream::Flow> FlowMaker::epilogue(unsigned chunk, int64_t first,
                                                int64_t count) {
  return build(epilogues[chunk], first, count, true, chunk);
}

void FlowMaker::finishEpilogues() {
  for (const SmallVector<unsigned> &set : epilogues)
    for (unsigned number : set)
      if (instances[number].product != -1)
        instances[number].done = true;
}
