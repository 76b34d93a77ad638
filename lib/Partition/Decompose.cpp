//===- Decompose.cpp - collectives as sends and receives ------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All to all, as chips of a node are wired: of an all-reduce every member
// combines one part of the rows, in the order of the members, and sends the
// result to all others. Every link carries 1/width of the tensor twice. Since
// one chip computes each element, all members hold the same bits.
//
//===----------------------------------------------------------------------===//

#include "dialects/Fabric/Fabric.h"
#include "lpu/Partition/Plan.h"
#include "lpu/Partition/Program.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::fabric;

namespace {
/// A port of the new body: an old port, or a message to or from a member of the
/// group of an old port.
struct NewPort {
  unsigned old = 0;
  int member = -1;
};

class Decomposer {
public:
  Decomposer(OpBuilder &builder, const ChipClass &chipClass,
             const Program &program, const Instance &instance)
      : builder(builder), chipClass(chipClass), program(program),
        instance(instance) {}
  func::FuncOp run();
  std::vector<NewPort> ports;

private:
  void rewrite(unsigned port, Operation *op);
  mlir::Value slice(mlir::Value v, int64_t dim, int64_t low, int64_t high);
  mlir::Value combine(Combine how, mlir::Value a, mlir::Value b);
  mlir::Value scatter(unsigned port, Combine how, mlir::Value v, int64_t dim,
                      ArrayRef<int64_t> offsets);
  mlir::Value exchange(unsigned port, Combine how, mlir::Value v);
  mlir::Value gather(unsigned port, mlir::Value part, RankedTensorType type,
                     int64_t dim, ArrayRef<int64_t> offsets);
  void send(unsigned port, unsigned to, mlir::Value v) {
    SendOp::create(builder, loc, v);
    ports.push_back({port, int(to)});
  }
  mlir::Value receive(unsigned port, unsigned from, Type type) {
    ports.push_back({port, int(from)});
    return RecvOp::create(builder, loc, type);
  }

  OpBuilder &builder;
  const ChipClass &chipClass;
  const Program &program;
  const Instance &instance;
  IRMapping mapping;
  Location loc = builder.getUnknownLoc();
  unsigned width = 0, self = 0;
};
} // namespace

mlir::Value Decomposer::slice(mlir::Value v, int64_t dim, int64_t low,
                              int64_t high) {
  auto type = cast<RankedTensorType>(v.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[dim] = high - low;
  SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)),
      strides(shape.size(), builder.getIndexAttr(1)), sizes;
  offsets[dim] = builder.getIndexAttr(low);
  for (int64_t size : shape)
    sizes.push_back(builder.getIndexAttr(size));
  return tensor::ExtractSliceOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), v,
      offsets, sizes, strides);
}

mlir::Value Decomposer::combine(Combine how, mlir::Value a, mlir::Value b) {
  auto type = cast<RankedTensorType>(a.getType());
  bool isFloat = isa<FloatType>(type.getElementType());
  mlir::Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                             type.getElementType());
  SmallVector<AffineMap> maps(3, AffineMap::getMultiDimIdentityMap(
                                     type.getRank(), builder.getContext()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, type, ValueRange{a, b}, init, maps, loops,
             [&](OpBuilder &ob, Location l, ValueRange args) {
               mlir::Value r;
               auto both = [&](auto floatOp, auto intOp) {
                 if (isFloat)
                   r = decltype(floatOp)::create(ob, l, args[0], args[1]);
                 else
                   r = decltype(intOp)::create(ob, l, args[0], args[1]);
               };
               switch (how) {
               case Combine::Add:
                 both(arith::AddFOp(), arith::AddIOp());
                 break;
               case Combine::Max:
                 both(arith::MaximumFOp(), arith::MaxSIOp());
                 break;
               case Combine::Min:
                 both(arith::MinimumFOp(), arith::MinSIOp());
                 break;
               }
               linalg::YieldOp::create(ob, l, r);
             })
      .getResult(0);
}

/// This member's part of the combination; null if it is empty.
mlir::Value Decomposer::scatter(unsigned port, Combine how, mlir::Value v,
                                int64_t dim, ArrayRef<int64_t> offsets) {
  for (unsigned step = 1; step < width; ++step) {
    unsigned to = (self + step) % width;
    if (offsets[to] != offsets[to + 1])
      send(port, to, slice(v, dim, offsets[to], offsets[to + 1]));
  }
  if (offsets[self] == offsets[self + 1])
    return {};
  mlir::Value own = slice(v, dim, offsets[self], offsets[self + 1]), sum;
  std::vector<mlir::Value> parts(width);
  parts[self] = own;
  for (unsigned step = 1; step < width; ++step) {
    unsigned from = (self + width - step) % width;
    parts[from] = receive(port, from, own.getType());
  }
  for (mlir::Value part : parts)
    sum = sum ? combine(how, sum, part) : part;
  return sum;
}

/// Small tensors: everybody sends everything to everybody, in one step.
mlir::Value Decomposer::exchange(unsigned port, Combine how, mlir::Value v) {
  std::vector<mlir::Value> all(width);
  all[self] = v;
  for (unsigned step = 1; step < width; ++step)
    send(port, (self + step) % width, v);
  for (unsigned step = 1; step < width; ++step) {
    unsigned from = (self + width - step) % width;
    all[from] = receive(port, from, v.getType());
  }
  mlir::Value sum;
  for (mlir::Value each : all)
    sum = sum ? combine(how, sum, each) : each;
  return sum;
}

mlir::Value Decomposer::gather(unsigned port, mlir::Value part,
                               RankedTensorType type, int64_t dim,
                               ArrayRef<int64_t> offsets) {
  std::vector<mlir::Value> parts(width);
  bool hasPart = offsets[self] != offsets[self + 1];
  if (hasPart)
    parts[self] = part;
  for (unsigned step = 1; hasPart && step < width; ++step)
    send(port, (self + step) % width, part);
  for (unsigned step = 1; step < width; ++step) {
    unsigned from = (self + width - step) % width;
    if (offsets[from] == offsets[from + 1])
      continue;
    SmallVector<int64_t> shape(type.getShape());
    shape[dim] = offsets[from + 1] - offsets[from];
    parts[from] = receive(port, from,
                          RankedTensorType::get(shape, type.getElementType()));
  }
  SmallVector<mlir::Value> present;
  for (mlir::Value v : parts)
    if (v)
      present.push_back(v);
  if (present.size() == 1)
    return present[0];
  return tensor::ConcatOp::create(builder, loc, dim, present);
}

void Decomposer::rewrite(unsigned port, Operation *op) {
  loc = op->getLoc();
  ArrayRef<int64_t> group = program.groups[instance.peers[port]];
  width = group.size();
  self = llvm::find(group, int64_t(instance.chip)) - group.begin();
  mlir::Value input = mapping.lookup(op->getOperand(0)), result;
  if (auto reduce = dyn_cast<AllReduceOp>(op)) {
    auto type = cast<RankedTensorType>(input.getType());
    int64_t dim = 0;
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (type.getDimSize(dim) < int64_t(width) &&
          type.getDimSize(d) > type.getDimSize(dim))
        dim = d;
    SmallVector<int64_t> offsets;
    if (type.getRank() == 0 || type.getDimSize(dim) < int64_t(width)) {
      mapping.map(op->getResult(0), exchange(port, reduce.getCombine(), input));
      return;
    }
    for (unsigned m = 0; m < width; ++m)
      offsets.push_back(partition::share(type.getDimSize(dim), width, m).first);
    offsets.push_back(type.getDimSize(dim));
    mlir::Value part = scatter(port, reduce.getCombine(), input, dim, offsets);
    result = gather(port, part, type, dim, offsets);
  } else if (auto scatterOp = dyn_cast<ReduceScatterOp>(op)) {
    result = scatter(port, scatterOp.getCombine(), input, scatterOp.getDim(),
                     scatterOp.getOffsets());
  } else if (auto gatherOp = dyn_cast<AllGatherOp>(op)) {
    result = gather(port, input,
                    cast<RankedTensorType>(gatherOp.getResult().getType()),
                    gatherOp.getDim(), gatherOp.getOffsets());
  } else {
    auto broadcast = cast<BroadcastOp>(op);
    unsigned root = broadcast.getRoot();
    if (root == self) {
      for (unsigned step = 1; step < width; ++step)
        send(port, (self + step) % width, input);
      result = input;
    } else {
      result = receive(port, root, input.getType());
    }
  }
  mapping.map(op->getResult(0), result);
}

func::FuncOp Decomposer::run() {
  func::FuncOp old = chipClass.body;
  auto function =
      func::FuncOp::create(old.getLoc(), old.getName(), old.getFunctionType());
  Block *block = function.addEntryBlock();
  for (auto [a, b] :
       llvm::zip(old.getBody().front().getArguments(), block->getArguments())) {
    mapping.map(a, b);
    b.setLoc(a.getLoc());
  }
  function.setAllArgAttrs(old.getArgAttrsAttr());
  function.setAllResultAttrs(old.getResAttrsAttr());
  builder.setInsertionPointToStart(block);
  unsigned port = 0;
  for (Operation &op : old.getBody().front()) {
    if (isCollective(&op)) {
      rewrite(port++, &op);
      continue;
    }
    builder.clone(op, mapping);
    if (isTransfer(&op))
      ports.push_back({port++, -1});
  }
  return function;
}

LogicalResult fabric::decomposeCollectives(ModuleOp module,
                                           const Machine &machine) {
  FailureOr<Program> program = readProgram(module, machine);
  if (failed(program))
    return failure();
  OpBuilder builder(module.getContext());
  llvm::SmallVector<InstancesOp> old(module.getOps<InstancesOp>());
  unsigned number = 0;
  std::vector<func::FuncOp> functions;
  for (auto [c, chipClass] : llvm::enumerate(program->classes)) {
    // Members at the same places of groups of the same size do the same.
    std::map<std::vector<int64_t>, std::vector<const Instance *>> roles;
    for (const Instance &instance : chipClass.instances) {
      std::vector<int64_t> role;
      for (auto [p, port] : llvm::enumerate(chipClass.ports))
        if (isCollective(port)) {
          ArrayRef<int64_t> group = program->groups[instance.peers[p]];
          auto place = llvm::find(group, int64_t(instance.chip));
          if (place == group.end())
            return port->emitError("chip ")
                   << instance.chip << " is no member of group "
                   << instance.peers[p];
          role.push_back(group.size());
          role.push_back(place - group.begin());
        }
      roles[role].push_back(&instance);
    }
    for (auto &[role, instances] : roles) {
      Decomposer decomposer(builder, chipClass, *program, *instances.front());
      func::FuncOp body = decomposer.run();
      // Constants of the body are those of the first instance.
      std::string name = "chip" + std::to_string(number++);
      SmallVector<int64_t> chips, peers, sources;
      for (const Instance *instance : instances) {
        chips.push_back(instance->chip);
        for (const NewPort &port : decomposer.ports) {
          int64_t peer = instance->peers[port.old];
          peers.push_back(port.member < 0 ? peer
                                          : program->groups[peer][port.member]);
        }
        for (const Source &source : instance->sources) {
          sources.push_back(source.array);
          sources.push_back(source.element);
        }
      }
      setInstance(*program, body, *instances.front());
      builder.setInsertionPoint(old[c]);
      InstancesOp::create(builder, old[c].getLoc(), name, chips, peers,
                          sources);
      body.setName(name);
      functions.push_back(body);
    }
  }
  for (const ChipClass &chipClass : program->classes)
    func::FuncOp(chipClass.body).erase();
  for (InstancesOp op : old)
    op.erase();
  for (GroupsOp op : llvm::make_early_inc_range(module.getOps<GroupsOp>()))
    op.erase();
  for (func::FuncOp function : functions)
    module.push_back(function);
  return success();
}
