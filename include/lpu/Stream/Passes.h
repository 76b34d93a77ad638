//===- Passes.h - passes over the stream dialect ----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_STREAM_PASSES_H
#define LPU_STREAM_PASSES_H

#include "lpu/Target/Machine.h"
#include <memory>

namespace mlir {
class Pass;
} // namespace mlir

namespace lpu {

/// --verify-stream: closes the layer. Accepts a module of stream programs that
/// are legal on the machine, and reports everything else, each with its ONNX
/// node.
std::unique_ptr<mlir::Pass> createVerifyStreamPass(const Machine &machine);

void registerStreamPasses();

} // namespace lpu

#endif // LPU_STREAM_PASSES_H
