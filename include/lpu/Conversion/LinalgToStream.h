//===- LinalgToStream.h - linalg on tensors to a stream program -*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The step from structured operations on static tensors (docs/lowering.md) to
// the kernels of one chip: layouts, matrix jobs, vector flows, gathers.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_CONVERSION_LINALGTOSTREAM_H
#define LPU_CONVERSION_LINALGTOSTREAM_H

#include "lpu/Stream/Program.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"

#include <map>
#include <memory>

namespace mlir {
class ModuleOp;
class Pass;
} // namespace mlir

namespace lpu {

/// The powers of two by which float weights are scaled before they become
/// halves: 0 where their range and their small elements need none. An array is
/// read once, in however many ways its model is lowered.
class WeightScales {
public:
  int of(const stream::ConstantSource &source);

private:
  std::map<std::pair<std::string, uint64_t>, int> known; // by place in files
};

struct LinalgToStreamOptions {
  /// Most ALUs that the epilogue of a matrix job may take (0: seven eighths of
  /// the machine's). Several jobs run at once and share the vector unit.
  unsigned epilogueAlus = 0;
  /// Most ALUs of a flow (0: all).
  unsigned flowAlus = 0;
  /// Most streams into or out of a flow, in bytes per lane (0: half of the
  /// machine's, both directions together, and fewer where slices are few).
  unsigned flowStreams = 0;
  /// Find equal layers and make them one segment with iterations.
  bool outlineRepeats = true;
  /// Where an iteration begins, counted in kernels from the earliest place. Any
  /// phase below the number of kernels in the body computes the same bits; the
  /// cycles differ, since kernels overlap within an iteration only.
  unsigned loopPhase = 0;
  /// Eighths of the SRAM that tiles may take at the same time before large ones
  /// are computed block by block (lpu/Stream/Interleave.h).
  unsigned memoryShare = 6;
  /// Scales that are known from other conversions of the model.
  std::shared_ptr<WeightScales> scales;
};

/// The kernels of the module's one function, one behind the other. On failure
/// all offending operations have been reported, each with its ONNX node.
mlir::FailureOr<stream::Program>
convertToKernels(mlir::ModuleOp module, const Machine &machine,
                 const LinalgToStreamOptions &options = {});

/// By kernel: a number that kernels have in common which differ in nothing but
/// their tiles. It takes as long as the model is deep, so whoever arranges the
/// same kernels several times asks once.
using KernelForms = std::vector<unsigned>;
KernelForms kernelForms(const stream::Program &program);

/// What is left to do then: equal layers become iterations, large tiles are
/// computed block by block. `outlineRepeats`, `loopPhase` and `memoryShare` are
/// the options that count here, and not before.
void arrangeKernels(stream::Program &program, const Machine &machine,
                    const LinalgToStreamOptions &options,
                    const KernelForms &forms);

/// Both.
mlir::FailureOr<stream::Program>
convertLinalgToStream(mlir::ModuleOp module, const Machine &machine,
                      const LinalgToStreamOptions &options = {});

/// --convert-linalg-to-stream: replaces the module's function by a
/// stream.program.
std::unique_ptr<mlir::Pass>
createConvertLinalgToStreamPass(const Machine &machine,
                                const LinalgToStreamOptions &options = {});

void registerLinalgToStreamPass();

} // namespace lpu

#endif // LPU_CONVERSION_LINALGTOSTREAM_H
