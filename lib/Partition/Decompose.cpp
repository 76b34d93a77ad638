//===- Decompose.cpp - collectives as exchanges of equal blocks -----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A schedule has two collectives, in which every member does the same:
// `all_to_all`, and `all_gather` of equal parts along dim 0. The others are
// made of them on matrices of rows and features:
//
// * all_reduce: every member gets its block of the rows from all others, adds
//   the blocks up in the order of the members, and hands the sum to all others.
//   Every link carries 1/width of the tensor twice. As one chip computes each
//   element, all members hold the same bits. Where that is slower (few rows, or
//   two members), everybody gathers everything and adds up for itself.
// * all_gather, reduce_scatter: parts that differ in size are padded to the
//   largest.
// * broadcast: gathered, of which one part is kept.
//
//===----------------------------------------------------------------------===//

#include "dialects/Fabric/Fabric.h"
#include "lpu/Partition/Program.h"
#include "lpu/Support/NodeName.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::fabric;

namespace {
class Decomposer {
public:
  Decomposer(OpBuilder &builder, const Machine &machine, unsigned width)
      : builder(builder), machine(machine), width(width) {}

  /// Returns what replaces the op's result.
  mlir::Value rewrite(Operation *op);
  /// Collectives that it has made.
  unsigned made = 0;

private:
  using Shape = SmallVector<int64_t>;
  static RankedTensorType typeOf(mlir::Value v) {
    return cast<RankedTensorType>(v.getType());
  }
  mlir::Value slice(mlir::Value v, int64_t dim, int64_t low, int64_t high);
  mlir::Value padded(mlir::Value v, int64_t dim, int64_t size);
  mlir::Value zeros(RankedTensorType type);
  mlir::Value matrix(mlir::Value v);
  mlir::Value stacked(mlir::Value v);
  mlir::Value unstacked(mlir::Value rows, RankedTensorType type);
  mlir::Value transposed(mlir::Value v);
  mlir::Value reshaped(mlir::Value v, ArrayRef<int64_t> shape);
  mlir::Value combine(Combine how, mlir::Value a, mlir::Value b);
  mlir::Value combineBlocks(Combine how, mlir::Value blocks);
  mlir::Value gathered(mlir::Value rows);
  mlir::Value exchanged(mlir::Value rows);
  mlir::Value allReduce(Combine how, mlir::Value v);
  mlir::Value reduceScatter(ReduceScatterOp op);
  mlir::Value allGather(mlir::Value v, RankedTensorType whole, int64_t dim,
                        ArrayRef<int64_t> offsets);

  OpBuilder &builder;
  const Machine &machine;
  unsigned width;
  Location loc = builder.getUnknownLoc();
};
} // namespace

mlir::Value Decomposer::slice(mlir::Value v, int64_t dim, int64_t low,
                              int64_t high) {
  RankedTensorType type = typeOf(v);
  Shape shape(type.getShape());
  if (low == 0 && high == shape[dim])
    return v;
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

mlir::Value Decomposer::zeros(RankedTensorType type) {
  return arith::ConstantOp::create(
      builder, loc,
      DenseElementsAttr::get(type, builder.getZeroAttr(type.getElementType())));
}

mlir::Value Decomposer::padded(mlir::Value v, int64_t dim, int64_t size) {
  RankedTensorType type = typeOf(v);
  if (type.getDimSize(dim) == size)
    return v;
  Shape shape(type.getShape());
  shape[dim] = size;
  auto whole = RankedTensorType::get(shape, type.getElementType());
  if (type.getDimSize(dim) == 0)
    return zeros(whole);
  shape[dim] = size - type.getDimSize(dim);
  mlir::Value rest = zeros(RankedTensorType::get(shape, type.getElementType()));
  return tensor::ConcatOp::create(builder, loc, dim, ValueRange{v, rest});
}

/// The same elements in another shape, by way of one dimension.
mlir::Value Decomposer::reshaped(mlir::Value v, ArrayRef<int64_t> shape) {
  auto all = [](int64_t rank) {
    SmallVector<ReassociationIndices> result(1);
    for (int64_t d = 0; d < rank; ++d)
      result[0].push_back(d);
    return result;
  };
  RankedTensorType type = typeOf(v);
  if (type.getShape() == shape)
    return v;
  if (type.getRank() == 0)
    v = tensor::ExpandShapeOp::create(
        builder, loc, RankedTensorType::get({1}, type.getElementType()), v,
        ArrayRef<ReassociationIndices>{});
  else if (type.getRank() > 1)
    v = tensor::CollapseShapeOp::create(builder, loc, v, all(type.getRank()));
  if (shape.size() == 1)
    return v;
  auto wanted = RankedTensorType::get(shape, type.getElementType());
  if (shape.empty())
    return tensor::CollapseShapeOp::create(builder, loc, wanted, v,
                                           ArrayRef<ReassociationIndices>{});
  return tensor::ExpandShapeOp::create(builder, loc, wanted, v,
                                       all(shape.size()));
}

/// Rows x features.
mlir::Value Decomposer::matrix(mlir::Value v) {
  RankedTensorType type = typeOf(v);
  int64_t features = type.getRank() ? type.getShape().back() : 1;
  return reshaped(v, {type.getNumElements() / features, features});
}

/// Swaps the two outer dimensions of three.
mlir::Value Decomposer::transposed(mlir::Value v) {
  RankedTensorType type = typeOf(v);
  mlir::Value init = tensor::EmptyOp::create(
      builder, loc,
      {type.getDimSize(1), type.getDimSize(0), type.getDimSize(2)},
      type.getElementType());
  return linalg::TransposeOp::create(builder, loc, v, init,
                                     ArrayRef<int64_t>{1, 0, 2})
      ->getResult(0);
}

/// The vectors of a value below one another: those of the first features, then
/// those of the next, .. Where features do not fill vectors, rows x features.
mlir::Value Decomposer::stacked(mlir::Value v) {
  v = matrix(v);
  int64_t rows = typeOf(v).getDimSize(0), features = typeOf(v).getDimSize(1),
          lanes = machine.lanes;
  if (features % lanes != 0 || features == lanes)
    return v;
  v = transposed(reshaped(v, {rows, features / lanes, lanes}));
  return reshaped(v, {rows * features / lanes, lanes});
}

/// The value of `type` whose vectors are the first of `rows`.
mlir::Value Decomposer::unstacked(mlir::Value rows, RankedTensorType type) {
  int64_t lanes = typeOf(rows).getDimSize(1);
  rows = slice(rows, 0, 0, type.getNumElements() / lanes);
  int64_t features = type.getRank() ? type.getShape().back() : 1;
  if (features == lanes)
    return reshaped(rows, type.getShape());
  rows = reshaped(rows,
                  {features / lanes, type.getNumElements() / features, lanes});
  return reshaped(transposed(rows), type.getShape());
}

mlir::Value Decomposer::combine(Combine how, mlir::Value a, mlir::Value b) {
  RankedTensorType type = typeOf(a);
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

/// A block of every member, combined in the order of the members.
mlir::Value Decomposer::combineBlocks(Combine how, mlir::Value blocks) {
  int64_t rows = typeOf(blocks).getDimSize(0) / width;
  mlir::Value sum;
  for (unsigned m = 0; m < width; ++m) {
    mlir::Value block = slice(blocks, 0, m * rows, (m + 1) * rows);
    sum = sum ? combine(how, sum, block) : block;
  }
  return sum;
}

mlir::Value Decomposer::gathered(mlir::Value rows) {
  ++made;
  RankedTensorType type = typeOf(rows);
  Shape shape(type.getShape()), offsets;
  for (unsigned m = 0; m <= width; ++m)
    offsets.push_back(m * shape[0]);
  shape[0] *= width;
  return AllGatherOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), rows,
      0, offsets);
}

mlir::Value Decomposer::exchanged(mlir::Value rows) {
  ++made;
  return AllToAllOp::create(builder, loc, rows.getType(), rows, width);
}

mlir::Value Decomposer::allReduce(Combine how, mlir::Value v) {
  RankedTensorType type = typeOf(v);
  mlir::Value rows = stacked(v);
  int64_t count = typeOf(rows).getDimSize(0);
  int64_t block = (count + width - 1) / width;
  // Vectors that a link carries for a row, and what a second exchange costs
  // until its first vector is there.
  int64_t bits = type.getElementTypeBitWidth();
  int64_t vectors = (typeOf(rows).getDimSize(1) + machine.lanes - 1) /
                    machine.lanes * std::max<int64_t>(1, bits / 8);
  int64_t again = machine.linkLatency + machine.linkMargin +
                  2 * int64_t(machine.vectorPosition()) + machine.delayAlu;
  if (count * vectors * machine.linkInterval <=
      2 * block * vectors * machine.linkInterval + again)
    return unstacked(combineBlocks(how, gathered(rows)), type);
  rows = padded(rows, 0, block * width);
  mlir::Value whole = gathered(combineBlocks(how, exchanged(rows)));
  return unstacked(whole, type);
}

mlir::Value Decomposer::allGather(mlir::Value v, RankedTensorType whole,
                                  int64_t dim, ArrayRef<int64_t> offsets) {
  int64_t most = 0, outer = 1;
  for (unsigned m = 0; m < width; ++m)
    most = std::max(most, offsets[m + 1] - offsets[m]);
  for (int64_t d = 0; d < dim; ++d)
    outer *= whole.getDimSize(d);
  v = padded(v, dim, most);
  Shape shape(typeOf(v).getShape());
  mlir::Value all = gathered(matrix(v));
  if (outer == 1 && most * width == whole.getDimSize(dim))
    return reshaped(all, whole.getShape()); // parts follow one another
  SmallVector<mlir::Value> parts;
  int64_t rows = typeOf(all).getDimSize(0) / width;
  for (unsigned m = 0; m < width; ++m)
    if (int64_t size = offsets[m + 1] - offsets[m])
      parts.push_back(
          slice(reshaped(slice(all, 0, m * rows, (m + 1) * rows), shape), dim,
                0, size));
  if (parts.size() == 1)
    return parts[0];
  return tensor::ConcatOp::create(builder, loc, dim, parts);
}

mlir::Value Decomposer::reduceScatter(ReduceScatterOp op) {
  ArrayRef<int64_t> offsets = op.getOffsets();
  int64_t most = 0, dim = op.getDim();
  for (unsigned m = 0; m < width; ++m)
    most = std::max(most, offsets[m + 1] - offsets[m]);
  Shape shape(typeOf(op.getInput()).getShape());
  shape[dim] = most;
  SmallVector<mlir::Value> blocks;
  for (unsigned m = 0; m < width; ++m)
    blocks.push_back(matrix(padded(
        slice(op.getInput(), dim, offsets[m], offsets[m + 1]), dim, most)));
  mlir::Value sum = combineBlocks(
      op.getCombine(),
      exchanged(tensor::ConcatOp::create(builder, loc, 0, blocks)));
  int64_t own = typeOf(op.getResult()).getDimSize(dim);
  return slice(reshaped(sum, shape), dim, 0, own);
}

mlir::Value Decomposer::rewrite(Operation *op) {
  loc = withValueNames(op->getLoc(), {});
  if (auto reduce = dyn_cast<AllReduceOp>(op))
    return allReduce(reduce.getCombine(), reduce.getInput());
  if (auto scatter = dyn_cast<ReduceScatterOp>(op))
    return reduceScatter(scatter);
  if (auto gather = dyn_cast<AllGatherOp>(op))
    return allGather(gather.getInput(), typeOf(gather.getResult()),
                     gather.getDim(), gather.getOffsets());
  if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
    mlir::Value all = gathered(matrix(broadcast.getInput()));
    int64_t rows = typeOf(all).getDimSize(0) / width,
            first = rows * int64_t(broadcast.getRoot());
    return reshaped(slice(all, 0, first, first + rows),
                    typeOf(broadcast.getResult()).getShape());
  }
  ++made;
  return op->getResult(0); // an all_to_all stays
}

LogicalResult fabric::decomposeCollectives(ModuleOp module,
                                           const Machine &machine) {
  FailureOr<Program> program = readProgram(module, machine);
  if (failed(program))
    return failure();
  OpBuilder builder(module.getContext());
  SmallVector<InstancesOp> tables(module.getOps<InstancesOp>());
  for (auto [table, chipClass] : llvm::zip(tables, program->classes)) {
    // How many ports each port becomes.
    std::vector<unsigned> times;
    for (auto [p, port] : llvm::enumerate(chipClass.ports)) {
      if (!isCollective(port)) {
        times.push_back(1);
        continue;
      }
      size_t width = 0;
      for (const Instance &instance : chipClass.instances) {
        size_t own = program->groups[instance.peers[p]].size();
        if (width && own != width)
          return port->emitError("a class with members in groups of ")
                 << width << " and of " << own << " chips";
        width = own;
      }
      builder.setInsertionPoint(port);
      Decomposer decomposer(builder, machine, width);
      mlir::Value result = decomposer.rewrite(port);
      times.push_back(decomposer.made);
      if (result.getDefiningOp() == port)
        continue;
      if (std::string name = valueName(port->getLoc());
          !name.empty() && valueName(result.getLoc()).empty())
        result.getDefiningOp()->setLoc(
            withValueNames(result.getLoc(), {name}, valueCut(port->getLoc())));
      port->getResult(0).replaceAllUsesWith(result);
      port->erase();
    }
    SmallVector<int64_t> peers;
    for (const Instance &instance : chipClass.instances)
      for (auto [p, peer] : llvm::enumerate(instance.peers))
        peers.append(times[p], peer);
    table.setPeers(peers);
  }
  return success();
}
