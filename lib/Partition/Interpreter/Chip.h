//===- Chip.h - values of one function --------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_INTERPRETER_CHIP_H
#define LPU_LIB_PARTITION_INTERPRETER_CHIP_H

#include "lpu/Partition/Interpreter.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseMap.h"

namespace lpu::fabric {

/// Arrays of files, read once.
class WeightCache {
public:
  /// Null after a diagnostic at `op`.
  HostValue load(mlir::Operation *op, const std::string &file, uint64_t offset,
                 uint64_t length, mlir::RankedTensorType type);

private:
  std::map<std::string, HostValue> loaded;
};

/// Evaluates operations of one block, one after the other.
class Chip {
public:
  /// With a program and an instance, parameters are those of the instance.
  Chip(mlir::func::FuncOp function, WeightCache &weights,
       const Program *program = nullptr, const Instance *instance = nullptr);
  bool start(const HostValues &inputs);
  /// Any op but a transfer; false after a diagnostic.
  bool evaluate(mlir::Operation &op);
  HostValue get(mlir::Value v) const { return values.lookup(v); }
  void set(mlir::Value v, HostValue value) { values[v] = std::move(value); }
  /// Forgets operands that nobody reads any more.
  void release(mlir::Operation &op);
  HostValues outputs();

  mlir::func::FuncOp function;
  mlir::Block::iterator next; // for whoever walks over it

private:
  bool generic(mlir::linalg::GenericOp op);
  bool contraction(mlir::linalg::GenericOp op);
  bool constant(mlir::Operation &op);
  HostValue moved(const HostTensor &from, llvm::ArrayRef<int64_t> shape,
                  int64_t offset, llvm::ArrayRef<int64_t> strides);

  WeightCache &weights;
  const Program *program;
  const Instance *instance;
  llvm::DenseMap<mlir::Value, HostValue> values;
  llvm::DenseMap<mlir::Value, unsigned> readers;
};

/// Row-major strides of a shape.
llvm::SmallVector<int64_t> stridesOf(llvm::ArrayRef<int64_t> shape);
/// A tensor of a type, all zero.
std::shared_ptr<HostTensor> makeTensor(mlir::RankedTensorType type);

} // namespace lpu::fabric

#endif // LPU_LIB_PARTITION_INTERPRETER_CHIP_H
