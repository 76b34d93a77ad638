//===- Translate.h - stream dialect and stream programs ---------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A stream program as plain structs (include/lpu/Stream/Program.h) and as IR
// say the same, and each gives the other exactly. Two things have one place
// only: the types of values, which toIR infers from the instructions, and
// whatever a struct holds that nothing reads (the immediate of a node without
// one), which is not kept.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_DIALECTS_STREAM_TRANSLATE_H
#define LPU_DIALECTS_STREAM_TRANSLATE_H

#include "dialects/Stream/StreamOps.h"
#include "lpu/Stream/Program.h"
#include "mlir/IR/OwningOpRef.h"

namespace lpu::stream {

/// The program as IR. Tiles and kernels have their ONNX names as locations.
mlir::OwningOpRef<ProgramOp> toIR(const Program &program,
                                  mlir::MLIRContext *context);

/// The ops that the parts of a program come from.
struct ProgramOps {
  std::vector<mlir::Operation *> tiles, segments;
  std::vector<std::vector<mlir::Operation *>> kernels; // by segment
};

/// The program of an op. What no struct can express is reported, all of it; the
/// rules of `check` are not applied here.
mlir::FailureOr<Program> fromIR(ProgramOp op, ProgramOps *ops = nullptr);

/// The program without names and without what its constants hold, as text:
/// programs with one text are scheduled alike.
std::string formOf(Program program, mlir::MLIRContext *context);

/// Applies `check` and reports every violation at its op.
mlir::LogicalResult verifyProgram(ProgramOp op, const Machine *machine);

} // namespace lpu::stream

#endif // LPU_DIALECTS_STREAM_TRANSLATE_H
