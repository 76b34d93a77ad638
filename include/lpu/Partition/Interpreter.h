//===- Interpreter.h - values of linalg and fabric functions ----*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluates the forms of docs/lowering.md on the host, in the types of the
// model: floats in IEEE single (or half) precision, one rounding per scalar
// operation, sums in the order of the loops. A program of the fabric layer is
// evaluated chip by chip, with the transfers in between. It shares nothing with
// the partitioner, and so judges it: a partition that changes no order of
// summation must give equal bits.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_PARTITION_INTERPRETER_H
#define LPU_PARTITION_INTERPRETER_H

#include "lpu/Partition/Program.h"
#include <map>
#include <memory>

namespace lpu::fabric {

/// A dense tensor, row-major. Floats and integers are kept apart; an element of
/// a narrow type is held in the wide one.
struct HostTensor {
  llvm::SmallVector<int64_t, 4> shape;
  bool isFloat = true;
  std::vector<float> floats;
  std::vector<int64_t> integers;

  int64_t size() const {
    int64_t n = 1;
    for (int64_t d : shape)
      n *= d;
    return n;
  }
};
using HostValue = std::shared_ptr<const HostTensor>;
using HostValues = std::map<std::string, HostValue>; // by onnx.name

/// Inputs that make sense to a function: seeded random floats in [-1, 1),
/// integers that are valid rows of the tables that they index, else 0 or 1.
HostValues randomInputs(mlir::func::FuncOp function, unsigned seed);

/// Outputs of a function without transfers; nullopt after a diagnostic.
std::optional<HostValues> evaluate(mlir::func::FuncOp function,
                                   const HostValues &inputs);

/// Outputs of a program. An output that several chips have must be the same on
/// all of them, bit for bit; all replicas get the same inputs.
std::optional<HostValues> evaluate(const Program &program,
                                   const HostValues &inputs);

} // namespace lpu::fabric

#endif // LPU_PARTITION_INTERPRETER_H
