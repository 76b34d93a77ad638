//===- Scalars.h - bodies of linalg operations ------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_INTERPRETER_SCALARS_H
#define LPU_LIB_PARTITION_INTERPRETER_SCALARS_H

#include "lpu/Partition/Interpreter.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace lpu::fabric {

union Scalar {
  float f;
  int64_t i;
};

/// A body as a list of steps over numbered slots; slots 0, 1, ... are its
/// arguments.
class ScalarBody {
public:
  struct Step {
    enum Code : uint8_t {
      Copy,
      AddF,
      SubF,
      MulF,
      DivF,
      MaximumF,
      MinimumF,
      MaxNumF,
      MinNumF,
      NegF,
      RemF,
      AddI,
      SubI,
      MulI,
      DivSI,
      DivUI,
      RemSI,
      RemUI,
      AndI,
      OrI,
      XOrI,
      ShlI,
      ShrSI,
      ShrUI,
      MaxSI,
      MinSI,
      MaxUI,
      MinUI,
      CmpF,
      CmpI,
      Select,
      SIToFP,
      UIToFP,
      FPToSI,
      FPToUI,
      TruncF,
      ExtSI,
      ExtUI,
      TruncI,
      Exp,
      Exp2,
      Log,
      Log2,
      Log1p,
      Sqrt,
      Rsqrt,
      Tanh,
      Erf,
      AbsF,
      AbsI,
      Floor,
      Ceil,
      RoundEven,
      Round,
      Trunc,
      Sin,
      Cos,
      PowF,
      LoopIndex,
      Extract,
    } code;
    unsigned a = 0, b = 0, c = 0, to = 0;
    unsigned bits = 32, fromBits = 32; // of integer results and operands
    unsigned predicate = 0;            // of comparisons; loop of LoopIndex
    bool isHalf = false;               // round the result to half precision
    bool isFloat = false;              // Select, Extract
    std::vector<unsigned> indices;     // Extract
    const HostTensor *table = nullptr;
  };
  std::vector<Step> steps;
  std::vector<Scalar> slots; // constants are filled in
  unsigned result = 0;

  /// `table` finds tensors that the body reads by index. Reports a scalar
  /// operation that it does not know.
  static std::optional<ScalarBody>
  read(mlir::Block &block,
       llvm::function_ref<const HostTensor *(mlir::Value)> table);
  /// Runs over `slots`; false: an index outside of its table.
  bool run(const int64_t *loops);
};

/// Round to nearest even in half precision.
float toHalf(float value);

} // namespace lpu::fabric

#endif // LPU_LIB_PARTITION_INTERPRETER_SCALARS_H
