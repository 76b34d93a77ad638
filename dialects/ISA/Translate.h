//===- Translate.h - isa dialect and scheduled programs ---------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_DIALECTS_ISA_TRANSLATE_H
#define LPU_DIALECTS_ISA_TRANSLATE_H

#include "dialects/ISA/ISAOps.h"
#include "lpu/Schedule/QueueProgram.h"

namespace lpu::isa {

struct BuildOptions {
  /// Larger image segments become references to `imageFile` (if it is set).
  uint64_t maxInlineBytes = 65536;
  /// The file that the package was read from.
  std::string imageFile;
};

/// The textual form. Locations are unknown; image sources are not called: a
/// segment with a source must have been written to a file first.
ProgramOp buildIsaProgram(mlir::OpBuilder &builder,
                          const ScheduledProgram &program,
                          const BuildOptions &options = BuildOptions());

/// The inverse; errors are emitted at the ops concerned. A machine given here
/// replaces that of the program.
mlir::FailureOr<ScheduledProgram>
readIsaProgram(ProgramOp program, const Machine *machine = nullptr);

/// The queue trees of a class, and the op of every item.
std::vector<QueueProgram> readQueues(
    ChipClassOp chipClass,
    llvm::DenseMap<const QueueItem *, mlir::Operation *> *operations = nullptr);

/// Replaces the queues of a class.
void writeQueues(ChipClassOp chipClass,
                 const std::vector<QueueProgram> &queues);

/// The machine of a program: built in, or embedded text.
llvm::Expected<Machine> programMachine(llvm::StringRef machine);

/// --isa-to-binary and --binary-to-isa.
void registerIsaTranslations();

} // namespace lpu::isa

#endif // LPU_DIALECTS_ISA_TRANSLATE_H
