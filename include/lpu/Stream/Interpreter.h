//===- Interpreter.h - runs a stream program on the host --------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Executes the kernels of a stream program in order with the numerics of
// docs/isa.md, sections 10 and 11: the bits that the chip must produce, without
// its cycles. It shares no code with the emulators.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_STREAM_INTERPRETER_H
#define LPU_STREAM_INTERPRETER_H

#include "lpu/Session/Npz.h"
#include "lpu/Stream/Program.h"

namespace lpu::stream {

/// Runs the program, which `verify` must accept. Inputs are found by name; the
/// error names one that is missing or has another shape or type. The outputs
/// have the model's names, types and shapes.
llvm::Expected<std::vector<NpyArray>>
interpret(const Program &program, const Machine &machine,
          llvm::ArrayRef<NpyArray> inputs);

/// Runs the programs of the chips of a group together, member by member; they
/// meet at exchanges. A program may stand for several members. Inputs go to all
/// members that have them; the outputs of every member are returned. Errors
/// also if the exchanges of the members do not correspond.
llvm::Expected<std::vector<std::vector<NpyArray>>>
interpretGroup(llvm::ArrayRef<const Program *> programs, const Machine &machine,
               llvm::ArrayRef<NpyArray> inputs);

} // namespace lpu::stream

#endif // LPU_STREAM_INTERPRETER_H
