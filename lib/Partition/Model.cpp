//===- Model.cpp - a linalg function as the partitioner sees it -----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Model.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>

using namespace mlir;
using namespace lpu::partition;

bool lpu::partition::crossesInHalf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getElementType().isF32() && tensor.getNumElements() >= 256;
}

int64_t lpu::partition::elementBytes(mlir::Value v) {
  int64_t bits = cast<RankedTensorType>(v.getType()).getElementTypeBitWidth();
  return bits == 1 ? 1 : bits / 8;
}

int64_t lpu::partition::elementCount(mlir::Value v) {
  return cast<RankedTensorType>(v.getType()).getNumElements();
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

static LoopKind reductionKind(linalg::GenericOp op) {
  Operation *combine =
      op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  if (isa_and_nonnull<arith::AddFOp, arith::AddIOp>(combine))
    return LoopKind::Sum;
  if (isa_and_nonnull<arith::MaximumFOp, arith::MaxSIOp>(combine))
    return LoopKind::Max;
  if (isa_and_nonnull<arith::MinimumFOp, arith::MinSIOp>(combine))
    return LoopKind::Min;
  return LoopKind::Other;
}

static SmallVector<int, 4> mapDims(AffineMap map) {
  SmallVector<int, 4> dims;
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    dims.push_back(dim ? int(dim.getPosition()) : none);
  }
  return dims;
}

static void describeGeneric(Node &node, linalg::GenericOp op) {
  node.loopSizes = SmallVector<int64_t, 6>(op.getStaticLoopRanges());
  LoopKind reduction =
      op.getNumReductionLoops() ? reductionKind(op) : LoopKind::Parallel;
  for (utils::IteratorType iterator : op.getIteratorTypesArray())
    node.loops.push_back(iterator == utils::IteratorType::reduction
                             ? reduction
                             : LoopKind::Parallel);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (int64_t i = 0; i < op.getNumDpsInputs(); ++i) {
    node.reads.push_back(op.getDpsInputs()[i]);
    node.readDims.push_back(mapDims(maps[i]));
  }
  node.resultDims = mapDims(maps.back());
  node.isContraction =
      op.getNumReductionLoops() > 0 && op.getNumDpsInputs() == 2;
  for (Operation &scalar : *op.getBody()) {
    auto extract = dyn_cast<tensor::ExtractOp>(scalar);
    if (!extract)
      continue;
    // The row is chosen by data: a loop of its own, which reads nothing else.
    node.isGather = true;
    unsigned indexRank = node.readDims[0].size();
    node.reads.push_back(extract.getTensor());
    SmallVector<int, 4> dims{int(node.loops.size())};
    for (unsigned d = indexRank; d < node.loopSizes.size(); ++d)
      dims.push_back(d);
    node.readDims.push_back(dims);
    node.loops.push_back(LoopKind::Rows);
    node.loopSizes.push_back(shapeOf(extract.getTensor())[0]);
  }
}

/// Dimensions of a reshape that are cut alike: of each group, the outermost
/// ones longer than 1.
static void describeReshape(Node &node, ArrayRef<ReassociationIndices> groups,
                            bool expands) {
  ArrayRef<int64_t> from = shapeOf(node.reads[0]), to = shapeOf(node.result());
  node.readDims.push_back(SmallVector<int, 4>(from.size(), none));
  node.resultDims.assign(to.size(), none);
  ArrayRef<int64_t> fine = expands ? to : from;
  for (auto [g, group] : llvm::enumerate(groups)) {
    int outer = none;
    for (int64_t d : group)
      if (outer == none && fine[d] > 1)
        outer = d;
    if (outer == none)
      continue;
    int loop = node.loops.size();
    node.loops.push_back(LoopKind::Parallel);
    node.loopSizes.push_back(fine[outer]);
    node.readDims[0][expands ? int(g) : outer] = loop;
    node.resultDims[expands ? outer : int(g)] = loop;
  }
}

/// Movement that keeps some dimensions as they are.
static void describeKept(Node &node, llvm::function_ref<bool(unsigned)> kept) {
  unsigned rank = shapeOf(node.result()).size();
  for (size_t i = 0; i < node.reads.size(); ++i)
    node.readDims.push_back(SmallVector<int, 4>(rank, none));
  node.resultDims.assign(rank, none);
  for (unsigned d = 0; d < rank; ++d) {
    if (!kept(d))
      continue;
    int loop = node.loops.size();
    node.loops.push_back(LoopKind::Parallel);
    node.loopSizes.push_back(shapeOf(node.result())[d]);
    for (auto &dims : node.readDims)
      dims[d] = loop;
    node.resultDims[d] = loop;
  }
}

/// Fills loops and maps; false if the op is no form of docs/lowering.md.
bool Model::describe(Node &node) {
  Operation *op = node.op;
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    describeGeneric(node, generic);
    return true;
  }
  if (isa<arith::ConstantOp, tensor::EmptyOp, linalg::FillOp>(op) ||
      op->getName().getStringRef() == "onnx.Initializer")
    return true; // reads nothing
  node.isMovement = true;
  if (auto transpose = dyn_cast<linalg::TransposeOp>(op)) {
    node.reads.push_back(transpose.getInput());
    node.readDims.emplace_back(transpose.getPermutation().size(), none);
    for (auto [d, from] : llvm::enumerate(transpose.getPermutation())) {
      node.loops.push_back(LoopKind::Parallel);
      node.loopSizes.push_back(shapeOf(node.result())[d]);
      node.readDims[0][from] = d;
      node.resultDims.push_back(d);
    }
    return true;
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    node.reads.push_back(expand.getSrc());
    describeReshape(node, expand.getReassociationIndices(), true);
    return true;
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    node.reads.push_back(collapse.getSrc());
    describeReshape(node, collapse.getReassociationIndices(), false);
    return true;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    node.reads.push_back(slice.getSource());
    ArrayRef<int64_t> from = slice.getSourceType().getShape(),
                      to = slice.getType().getShape();
    if (from.size() != to.size())
      return false;
    describeKept(node, [&](unsigned d) { return from[d] == to[d]; });
    return true;
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    node.reads.append(concat.getInputs().begin(), concat.getInputs().end());
    describeKept(node, [&](unsigned d) { return d != concat.getDim(); });
    return true;
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    node.reads.push_back(pad.getSource());
    describeKept(node, [&](unsigned d) {
      return pad.getStaticLow()[d] == 0 && pad.getStaticHigh()[d] == 0;
    });
    return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

void Model::findAxes() {
  // Union-find over loops of nodes and dimensions of computed values. Constants
  // connect nothing: each reader takes its own part.
  std::vector<int> parent;
  std::vector<int64_t> units;
  auto add = [&](int64_t size) {
    parent.push_back(parent.size());
    units.push_back(size);
    return int(parent.size() - 1);
  };
  auto find = [&](int i) {
    while (parent[i] != i)
      i = parent[i] = parent[parent[i]];
    return i;
  };
  auto join = [&](int a, int b) {
    a = find(a), b = find(b);
    if (a == b)
      return;
    if (b < a)
      std::swap(a, b);
    parent[b] = a;
    units[a] = std::gcd(units[a], units[b]);
  };
  llvm::DenseMap<mlir::Value, int> firstDim; // entries of a value's dimensions
  auto dimsOf = [&](mlir::Value v) {
    auto [it, isNew] = firstDim.try_emplace(v, int(parent.size()));
    if (isNew)
      for (int64_t size : shapeOf(v))
        add(size);
    return it->second;
  };
  std::vector<int> firstLoop(nodes.size());
  for (auto [n, node] : llvm::enumerate(nodes)) {
    if (node.role == Node::Free) {
      // Loops of its own, so that parts can be asked for.
      firstLoop[n] = parent.size();
      for (int64_t size : node.loopSizes)
        add(size);
      continue;
    }
    firstLoop[n] = parent.size();
    for (int64_t size : node.loopSizes)
      add(size);
    auto tie = [&](mlir::Value v, ArrayRef<int> dims) {
      if (isFree(v))
        return;
      int first = dimsOf(v);
      for (auto [d, loop] : llvm::enumerate(dims))
        if (loop != none && shapeOf(v)[d] > 1)
          join(first + int(d), firstLoop[n] + loop);
    };
    for (auto [v, dims] : llvm::zip(node.reads, node.readDims))
      tie(v, dims);
    if (!node.loops.empty())
      tie(node.result(), node.resultDims);
  }
  llvm::DenseMap<int, int> number;
  for (auto [n, node] : llvm::enumerate(nodes)) {
    for (size_t l = 0; l < node.loops.size(); ++l) {
      int root = find(firstLoop[n] + int(l));
      auto [it, isNew] = number.try_emplace(root, int(axes.size()));
      if (isNew)
        axes.push_back({units[root], false});
      if (llvm::is_contained(node.loopAxis, it->second))
        axes[it->second].isBad = true;
      node.loopAxis.push_back(it->second);
      if (node.loops[l] == LoopKind::Other)
        axes[it->second].isBad = true;
    }
  }
}

bool Model::isWeight(mlir::Value v) const {
  const Node *node = nodeOf(v);
  if (!node || node->role != Node::Free)
    return false;
  return node->op->getName().getStringRef() == "onnx.Initializer" ||
         llvm::any_of(node->reads,
                      [&](mlir::Value read) { return isWeight(read); });
}

FailureOr<std::unique_ptr<Model>> Model::read(ModuleOp module) {
  auto model = std::make_unique<Model>();
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    if (model->function) {
      emitError(function.getLoc(), "a second function; a model is one");
      return failure();
    }
    model->function = function;
  }
  if (!model->function || !model->function.getBody().hasOneBlock()) {
    emitError(module.getLoc(), "has no function of one block");
    return failure();
  }
  bool failed = false;
  for (Operation &op : model->function.getBody().front().without_terminator()) {
    Node node;
    node.op = &op;
    if (!model->describe(node)) {
      emitError(op.getLoc(), "'")
          << op.getName() << "' is no form of docs/lowering.md";
      failed = true;
      continue;
    }
    bool hasHeavy = false, hasInput = false;
    for (mlir::Value v : node.reads) {
      hasHeavy |= model->isHeavy(v);
      hasInput |= isa<BlockArgument>(v) || (!hasHeavy && !model->isFree(v));
    }
    node.role = hasHeavy || ((node.isContraction || node.isGather) && hasInput)
                    ? Node::Heavy
                : hasInput ? Node::Light
                           : Node::Free;
    if (node.role == Node::Heavy) {
      model->heavy.push_back(model->nodes.size());
      bool sumsIntegers =
          node.isContraction &&
          isa<IntegerType>(cast<RankedTensorType>(op.getResult(0).getType())
                               .getElementType());
      if (sumsIntegers &&
          (model->isWeight(node.reads[0]) || model->isWeight(node.reads[1])))
        model->isInteger = true;
    }
    model->numberOf[&op] = model->nodes.size();
    model->nodes.push_back(std::move(node));
  }
  if (failed)
    return failure();
  model->findAxes();
  return model;
}
