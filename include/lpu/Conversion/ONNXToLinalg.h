//===- ONNXToLinalg.h - onnx dialect to linalg on tensors -------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The step from an imported graph to structured operations on static tensors.
// docs/lowering.md lists the few forms that come out of it; `verify-linalg`
// closes the layer by checking that nothing else is left.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_CONVERSION_ONNXTOLINALG_H
#define LPU_CONVERSION_ONNXTOLINALG_H

#include <memory>

namespace mlir {
class DialectRegistry;
class Pass;
} // namespace mlir

namespace lpu {

struct ONNXToLinalgOptions {
  /// Chips of this class compute with 32-bit integers. When set, every i64
  /// tensor becomes i32, graph inputs and outputs included. Constants that use
  /// the ends of the 64-bit range as "no limit" become the ends of the 32-bit
  /// range; any other constant that does not fit is an error.
  bool narrowInt64 = false;
};

/// Lowers every onnx op except `onnx.Initializer` (weights stay references).
/// Reports all unsupported nodes of the module before it fails.
std::unique_ptr<mlir::Pass>
createConvertONNXToLinalgPass(const ONNXToLinalgOptions &options = {});

/// Accepts exactly the forms of docs/lowering.md and names all other ops.
std::unique_ptr<mlir::Pass> createVerifyLinalgPass();

/// Registers both passes for command-line pipelines.
void registerONNXToLinalgPasses();

/// Registers the upstream dialects that the lowering produces.
void registerLinalgLayerDialects(mlir::DialectRegistry &registry);

} // namespace lpu

#endif // LPU_CONVERSION_ONNXTOLINALG_H
