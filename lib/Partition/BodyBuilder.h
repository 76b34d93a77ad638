//===- BodyBuilder.h - builds the function of one member --------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_BODYBUILDER_H
#define LPU_LIB_PARTITION_BODYBUILDER_H

#include "Body.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace lpu::partition {

/// A value is cut along one dimension by the member's part of an axis.
struct Cut {
  int axis = none;
  unsigned dim = 0;
  explicit operator bool() const { return axis != none; }
};

/// The dimension that a loop walks.
inline Cut cutOf(ArrayRef<int> dims, int loop, int axis) {
  if (loop != none)
    for (unsigned d = 0; d < dims.size(); ++d)
      if (dims[d] == loop)
        return {axis, d};
  return {};
}

class BodyBuilder {
public:
  BodyBuilder(const Model &model, const Plan &plan, const Crossings &crossings,
              unsigned number, unsigned member)
      : model(model), plan(plan), crossings(crossings),
        stage(plan.stages[number]), number(number), member(member),
        builder(const_cast<mlir::func::FuncOp &>(model.function).getContext()) {
  }
  Body run();

private:
  std::pair<int64_t, int64_t> part(int axis) const;
  int64_t partSize(int64_t size, int axis) const;
  mlir::RankedTensorType cutType(mlir::Type type, Cut cut) const;
  mlir::tensor::ExtractSliceOp slice(mlir::Location loc, mlir::Value v,
                                     mlir::RankedTensorType type, Cut cut,
                                     int64_t at);
  mlir::Value literalSlice(mlir::Location loc, mlir::Value v, Cut cut);
  mlir::Value parameter(mlir::Operation *source, Cut cut,
                        mlir::tensor::ExtractSliceOp part = {});
  mlir::Value freeValue(mlir::Value v, Cut cut);
  mlir::Value makeFree(mlir::Value v, Cut cut);
  mlir::Value lightValue(mlir::Value v);
  mlir::Value heavyValue(mlir::Value v, Cut cut);
  mlir::Value value(mlir::Value v, Cut cut);
  mlir::Value cloneNode(const Node &node, ArrayRef<mlir::Value> reads, int loop,
                        int axis);
  void captureInto(mlir::Region &region, mlir::IRMapping &mapping);
  void emit(const Node &node);
  /// The type in which a value crosses links, and conversions to it and back.
  mlir::RankedTensorType linkType(mlir::Type whole, mlir::Type part) const;
  mlir::Value converted(mlir::Location loc, mlir::Value v,
                        mlir::RankedTensorType type);
  void receive(const Crossing &c);
  void send(const Crossing &c);
  void nameValues();

  // Gather.cpp.
  /// What a member without a part adds to a collective.
  mlir::Value neutral(const Node &node);
  /// Rows that the member has; what changes nothing elsewhere.
  mlir::Value maskedGather(const Node &node, ArrayRef<mlir::Value> reads,
                           int axis);

  const Model &model;
  const Plan &plan;
  const Crossings &crossings;
  const Stage &stage;
  unsigned number, member;
  mlir::OpBuilder builder;
  mlir::Block *block = nullptr;
  Body body;
  llvm::SmallVector<unsigned> arguments; // of the model, in order of use
  /// Values of the model by form (axis and dimension); null: an empty part.
  std::map<std::tuple<void *, int, unsigned>, mlir::Value> made;
  llvm::DenseMap<mlir::Value, Cut> standsCut;
  /// What was received, by node and axis, as it crossed the link.
  llvm::DenseMap<std::pair<unsigned, int>, mlir::Value> arrived;
};

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_BODYBUILDER_H
