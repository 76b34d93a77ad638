//===- Scalars.h - arith and math bodies as ALU steps -----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_LINALGTOSTREAM_SCALARS_H
#define LPU_LIB_CONVERSION_LINALGTOSTREAM_SCALARS_H

#include "Graph.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

namespace lpu::linalg_to_stream {

/// Appends ALU steps for scalar operations. Inside a flow every value has 32
/// bits: floats are fp32, integers int32 (i8 sign-extended; i1 is 0 or 1).
class ScalarBuilder {
public:
  explicit ScalarBuilder(llvm::SmallVectorImpl<ScalarStep> &steps)
      : steps(steps) {}

  void bind(mlir::Value value, ScalarOperand operand) {
    values[value] = operand;
  }
  /// None for a value from outside that is no constant.
  ScalarOperand lookup(mlir::Value value);
  /// Empty on success, else the reason.
  std::string translate(mlir::Operation &op);

private:
  ScalarOperand step(Opcode op, ScalarOperand a, ScalarOperand b = {},
                     ScalarOperand c = {});
  static ScalarOperand imm(uint32_t bits) {
    return {ScalarOperand::Immediate, bits};
  }
  static ScalarOperand number(float value);
  ScalarOperand logicalNot(ScalarOperand a);
  ScalarOperand divide(ScalarOperand a, ScalarOperand b);
  /// A float step that leaves whole numbers (or what is none).
  bool isWhole(ScalarOperand a) const;
  /// A float that is clamped to numbers between these (or NaN).
  bool isBetween(ScalarOperand a, float low, float high) const;
  std::optional<ScalarOperand> compare(mlir::Operation &op);
  std::optional<ScalarOperand> convert(mlir::Operation &op, ScalarOperand a);

  llvm::SmallVectorImpl<ScalarStep> &steps;
  llvm::DenseMap<mlir::Value, ScalarOperand> values;
};

} // namespace lpu::linalg_to_stream

#endif // LPU_LIB_CONVERSION_LINALGTOSTREAM_SCALARS_H
