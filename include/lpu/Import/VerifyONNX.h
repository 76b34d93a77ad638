// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The judge of the `onnx` layer. The dialect's own verifiers check what one op
// says about itself; this pass checks the shape rule of every operator, written
// from the ONNX specification and not from the importer, and that nothing else
// is left. It names all offenders.

#ifndef LPU_IMPORT_VERIFYONNX_H
#define LPU_IMPORT_VERIFYONNX_H

#include <memory>

namespace mlir {
class ModuleOp;
class Pass;
} // namespace mlir

namespace lpu {

/// Emits an error for each op that may not stand in the layer or breaks its
/// shape rule; true if there is none.
bool verifyONNX(mlir::ModuleOp module);

/// `verify-onnx`, for command-line pipelines.
std::unique_ptr<mlir::Pass> createVerifyONNXPass();
void registerVerifyONNXPass();

} // namespace lpu

#endif
