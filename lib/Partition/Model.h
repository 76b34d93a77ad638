//===- Model.h - a linalg function as the partitioner sees it ---*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every operation is a nest of loops; indexing maps say which loop walks which
// dimension of its operands and result. Loops of different operations that walk
// the same dimension of a value belong to one **axis**: the rows of the hidden
// state, the heads of a layer, the columns of its feed-forward product. An axis
// is cut by fractions: its dimensions may have different sizes (12 heads are
// 384 columns), and a cut at unit u of `units` is a cut at size * u / units in
// each. Nothing is recognised by name or number: an axis is what the maps
// connect.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_MODEL_H
#define LPU_LIB_PARTITION_MODEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

namespace lpu::partition {

using llvm::ArrayRef;
using llvm::SmallVector;

constexpr int none = -1;

/// What a loop does with the values it walks over.
enum class LoopKind : uint8_t {
  Parallel,
  Sum,
  Max,
  Min,
  Rows,  // of a table that data chooses rows of
  Other, // a reduction that has no collective
};

struct Node {
  mlir::Operation *op = nullptr;
  /// Free: made of constants. Light: made of inputs and constants without a
  /// product or a gather; made again wherever it is read. Heavy: the rest.
  enum Role : uint8_t { Free, Light, Heavy } role = Heavy;
  bool isContraction = false, isGather = false, isMovement = false;
  /// What it reads: inputs of the op; of a gather, the indices and the table.
  SmallVector<mlir::Value, 3> reads;
  SmallVector<LoopKind, 6> loops;
  SmallVector<int64_t, 6> loopSizes;
  /// Loop of each dimension, or none.
  SmallVector<SmallVector<int, 4>, 3> readDims;
  SmallVector<int, 4> resultDims;
  SmallVector<int, 6> loopAxis; // axis of each loop

  mlir::Value result() const { return op->getResult(0); }
  /// The loop that belongs to an axis, or none.
  int loopOf(int axis) const {
    for (unsigned l = 0; l < loopAxis.size(); ++l)
      if (loopAxis[l] == axis)
        return int(l);
    return none;
  }
};

struct AxisInfo {
  int64_t units = 0;  // in how many equal parts it can be cut
  bool isBad = false; // some operation walks it with two loops
};

class Model {
public:
  /// Reads the function. Reports operations that are no form of
  /// docs/lowering.md.
  static mlir::FailureOr<std::unique_ptr<Model>> read(mlir::ModuleOp module);

  mlir::func::FuncOp function;
  std::vector<Node> nodes; // in the order of the block, without the terminator
  std::vector<unsigned> heavy; // numbers of heavy nodes: what stages divide
  std::vector<AxisInfo> axes;
  bool isInteger = false; // some product with a weight is of integers
  llvm::DenseMap<mlir::Operation *, unsigned> numberOf;

  const Node *nodeOf(mlir::Value v) const {
    auto it = numberOf.find(v.getDefiningOp());
    return it == numberOf.end() ? nullptr : &nodes[it->second];
  }
  bool isFree(mlir::Value v) const {
    const Node *n = nodeOf(v);
    return n && n->role == Node::Free;
  }
  /// Made of the model's weights, not of small constants alone.
  bool isWeight(mlir::Value v) const;
  bool isHeavy(mlir::Value v) const {
    const Node *n = nodeOf(v);
    return n && n->role == Node::Heavy;
  }

private:
  bool describe(Node &node);
  void findAxes();
};

inline ArrayRef<int64_t> shapeOf(mlir::Value v) {
  return llvm::cast<mlir::RankedTensorType>(v.getType()).getShape();
}
/// Tensors that cross links in half precision if a plan says so; small ones are
/// not worth a conversion.
bool crossesInHalf(mlir::Type type);
/// Bytes of an element in the types of the model.
int64_t elementBytes(mlir::Value v);
int64_t elementCount(mlir::Value v);

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_MODEL_H
