// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds the core graph. Every function checks its operands, infers the
// result's type and shape, and then *simplifies before it creates*: an op on
// known elements is computed at once, an op that does nothing returns its
// operand, an op equal to an earlier one returns that one. So shape arithmetic
// and mask construction are gone when the last ONNX node has been read, and no
// later pass is needed.
//
// Two ideas carry the simplification:
//
// - **An Expand is kept outermost.** Element-wise ops on expanded operands are
// done
//   on the small shapes and their result is expanded: a mask of shape [b,1,1,s]
//   that the exporter writes as [b,1,s,s] stays small, and the Expand
//   disappears where it meets an op that broadcasts anyway. A constant is
//   stored shrunk along dims where all slices are equal, under an Expand:
//   splats cost nothing.
// - **A Gather by constant indices is a view when the indices are affine** in
// the
//   coordinates of the result; see gather().
//
// A null operand means that an error has been reported; the result is null
// then.

#ifndef LPU_LIB_IMPORT_BUILDER_H
#define LPU_LIB_IMPORT_BUILDER_H

#include "Graph.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"

#include <functional>

namespace lpu::importer {

class Builder {
public:
  using Report = std::function<void(const Origin &, const std::string &reason)>;
  Builder(Graph &graph, uint64_t foldBytes, Report report)
      : graph(graph), foldBytes(foldBytes), report(std::move(report)) {}

  /// The ONNX node that is being imported; reports at most one error for it.
  void setOrigin(const Origin *origin) {
    current = origin;
    failed = false;
  }
  const Origin *origin() const { return current; }
  bool hasFailed() const { return failed; }
  Value *fail(const llvm::Twine &reason);

  // Leaves.
  Value *input(const std::string &name, DType type, DimsRef dims);
  /// A tensor in a file. If its elements are given too, ops on it can fold, but
  /// the tensor itself stays a reference, so that equal layers stay equal.
  Value *weight(WeightRef ref, DType type, DimsRef dims,
                std::shared_ptr<const Tensor> elements = nullptr);
  Value *constant(const Tensor &tensor);
  Value *ints(llvm::ArrayRef<int64_t> values);
  /// A sequence of tensors, for the operators that take one.
  Value *sequence(std::vector<Value *> elements);
  Value *scalar(DType type, double value) {
    return constant(Tensor::scalar(type, value));
  }
  /// The scalar in the element type of `like`.
  Value *scalarLike(Value *like, double value) {
    return like ? scalar(like->type, value) : nullptr;
  }

  /// The elements, if they are known and not more than the folding limit.
  std::shared_ptr<const Tensor> known(Value *value);
  /// The single known element.
  std::optional<double> knownScalar(Value *value);
  /// A shape or axes list.
  std::optional<std::vector<int64_t>> knownInts(Value *value);

  // Element-wise (Core.def). Operands of a binary op have one element type.
  Value *unary(Op op, Value *x, Attrs attrs = {});
  Value *binary(Op op, Value *a, Value *b, Attrs attrs = {});
  Value *where(Value *condition, Value *a, Value *b);
  Value *cast(Value *x, DType type);

  // Contractions and reductions.
  Value *matmul(Value *a, Value *b);
  Value *matmulInteger(Value *a, Value *b, Value *aZero, Value *bZero);
  Value *reduce(Op op, Value *x, llvm::ArrayRef<int64_t> axes, bool keepdims);
  Value *softmax(Value *x, int64_t axis);
  Value *argMax(Value *x, int64_t axis, bool keepdims, bool selectLast);
  std::pair<Value *, Value *> topK(Value *x, int64_t k, int64_t axis,
                                   bool largest, bool sorted);
  Value *cumSum(Value *x, int64_t axis, bool exclusive, bool reverse);
  Value *layerNorm(Value *x, Value *scale, Value *biasOrNull, int64_t axis,
                   float epsilon);
  Value *rmsNorm(Value *x, Value *scale, int64_t axis, float epsilon);

  // Data movement.
  Value *reshape(Value *x, DimsRef dims);
  Value *transpose(Value *x, DimsRef perm);
  Value *expand(Value *x, DimsRef dims);
  Value *concat(llvm::ArrayRef<Value *> values, int64_t axis);
  Value *slice(Value *x, DimsRef starts, DimsRef sizes, DimsRef steps);
  /// The part [start, start + size) of one axis.
  Value *slice1(Value *x, int64_t axis, int64_t start, int64_t size,
                int64_t step = 1);
  Value *pad(Value *x, Value *scalar, DimsRef pads);
  Value *gather(Value *x, Value *indices, int64_t axis);
  Value *gatherElements(Value *x, Value *indices, int64_t axis);
  Value *gatherND(Value *x, Value *indices, int64_t batchDims);
  Value *scatterND(Value *x, Value *indices, Value *updates,
                   const std::string &reduction);
  Value *scatterElements(Value *x, Value *indices, Value *updates, int64_t axis,
                         const std::string &reduction);

  // Quantisation; axis only matters for a vector of scales.
  Value *quantize(Value *x, Value *scale, Value *zeroOrNull, int64_t axis,
                  DType type);
  Value *dequantize(Value *x, Value *scale, Value *zeroOrNull, int64_t axis);

private:
  Value *make(Op op, std::vector<Value *> operands, Attrs attrs, DType type,
              DimsRef dims);
  Node *makeNode(Op op, std::vector<Value *> operands, Attrs attrs,
                 llvm::ArrayRef<std::pair<DType, Dims>> results);
  Value *elementwise(Op op, llvm::ArrayRef<Value *> operands, DType type,
                     Attrs attrs);
  Value *simplify(Op op, llvm::ArrayRef<Value *> operands, DimsRef dims);
  Value *affineGather(Value *x, const Tensor &indices, int64_t axis);
  bool fits(DType type, DimsRef dims);

  Graph &graph;
  uint64_t foldBytes;
  Report report;
  const Origin *current = nullptr;
  bool failed = false;
  llvm::StringMap<Node *> existing; // by structure
};

/// Computes a core op on known operands (Fold.cpp); false if it cannot.
bool evaluate(const Node &node, llvm::ArrayRef<const Tensor *> operands,
              llvm::MutableArrayRef<Tensor> results);

} // namespace lpu::importer

#endif
