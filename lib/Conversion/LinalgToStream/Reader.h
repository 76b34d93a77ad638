//===- Reader.h - linalg on tensors as a graph ------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A function is read in order. An operation that moves no element changes the
// view of its result only; every other one is a tensor of the graph.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_LINALGTOSTREAM_READER_H
#define LPU_LIB_CONVERSION_LINALGTOSTREAM_READER_H

#include "Graph.h"
#include "lpu/Support/NodeName.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/raw_ostream.h"

namespace lpu::linalg_to_stream {

inline std::string elementName(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

inline Sizes shapeOf(mlir::Value v) {
  return Sizes(llvm::cast<mlir::RankedTensorType>(v.getType()).getShape());
}
inline std::string elementOf(mlir::Value v) {
  return elementName(
      llvm::cast<mlir::RankedTensorType>(v.getType()).getElementType());
}

class Reader {
public:
  explicit Reader(Graph &graph) : graph(graph) {}
  mlir::LogicalResult run(mlir::func::FuncOp function);

private:
  void report(mlir::Operation &op, const llvm::Twine &reason);
  void read(mlir::Operation &op);
  void readGeneric(mlir::linalg::GenericOp op);
  void readMap(mlir::linalg::GenericOp op);
  void readReduction(mlir::linalg::GenericOp op);
  void readContraction(mlir::linalg::GenericOp op);
  /// A product one of whose operands repeats along the sum: the sum of the
  /// other one, times it.
  void readScaledSum(mlir::linalg::GenericOp op, llvm::ArrayRef<int64_t> sizes,
                     const View &factor, View terms);
  void readGather(mlir::linalg::GenericOp op, mlir::tensor::ExtractOp extract);
  void readConstant(mlir::Operation &op, mlir::DenseElementsAttr value);
  void readInitializer(mlir::Operation &op);
  void readReshape(mlir::Operation &op);
  void readJoin(mlir::Operation &op);
  void readPad(mlir::tensor::PadOp op);
  void readExchange(mlir::Operation &op, unsigned members, bool scatters);

  Tensor &add(Tensor::Kind kind, mlir::Operation &op) {
    Tensor &t = graph.add(kind, op.getLoc());
    t.name = nodeName(op.getLoc());
    return t;
  }
  View viewOf(mlir::Value v) {
    auto found = views.find(v);
    if (found != views.end())
      return found->second;
    // The operand could not be read: a stand-in, so that the rest is checked.
    failed = true;
    Tensor &t = graph.add(Tensor::Map, v.getLoc());
    t.shape = shapeOf(v);
    t.element = elementOf(v);
    return wholeView(&t);
  }
  /// The view of an operand over the iteration space of `op`.
  View operandView(mlir::linalg::GenericOp op, unsigned number,
                   llvm::ArrayRef<int64_t> sizes);
  /// A tensor of one element.
  View splat(mlir::Operation &op, llvm::ArrayRef<int64_t> shape,
             llvm::StringRef element, uint32_t bits);
  /// Copies a view into a tensor of its own.
  View copied(const View &view, mlir::Operation &op);
  void setView(mlir::Value v, const View &view) { views[v] = view; }

  Graph &graph;
  llvm::DenseMap<mlir::Value, View> views;
  bool failed = false;
};

} // namespace lpu::linalg_to_stream

#endif // LPU_LIB_CONVERSION_LINALGTOSTREAM_READER_H
