//===- Search.h - the best schedule for one chip ----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What compilations for one chip and for many share: from a linalg module to
// the best schedule that is found for it.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PIPELINES_SEARCH_H
#define LPU_LIB_PIPELINES_SEARCH_H

#include "lpu/Conversion/LinalgToStream.h"
#include "lpu/Schedule/Schedule.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"

namespace lpu::pipelines {

/// "error: node 'x': what" for diagnostics of passes.
void printDiagnostic(mlir::Diagnostic &diagnostic, llvm::raw_ostream &os);

/// Lowers a linalg module to a stream program; what is wrong goes to the
/// context's handler.
mlir::LogicalResult lowerToStream(mlir::ModuleOp module, const Machine &machine,
                                  const LinalgToStreamOptions &options);
mlir::LogicalResult verifyStream(mlir::ModuleOp module, const Machine &machine);

/// The schedule of one chip class.
struct ClassSchedule {
  stream::Program program;
  schedule::ScheduleResult scheduled;
  /// The queues before text was fetched, to which more can be added.
  std::vector<ClassProgram> withoutFetches;
};

/// One way to schedule the classes whose chips run in step, ready to be
/// assembled.
struct Candidate {
  LinalgToStreamOptions toStream;
  std::vector<ClassSchedule> classes;

  int64_t cycles() const {
    int64_t most = 0;
    for (const ClassSchedule &each : classes)
      most = std::max(most, each.scheduled.cycles);
    return most;
  }
};

/// Takes the names of the compiler's stages as they begin.
using Enter = llvm::function_ref<void(const char *)>;

/// The shortest schedule of those that are tried, for one chip (one module) or
/// for the classes of a group (a module each). Its images have rows, but no
/// bytes. Diagnostics of the conversion go to the context's handler; everything
/// else is in the error, one line each (empty: all was reported). `enter` tells
/// the lowering to kernels, which grows with the operations, from the rest.
llvm::Expected<Candidate> searchSchedule(llvm::ArrayRef<mlir::ModuleOp> linalg,
                                         const Machine &machine,
                                         schedule::ScheduleOptions options,
                                         Enter enter);

/// Gives the image of a class that is one chip its bytes.
llvm::Error loadImage(ClassSchedule &only);

/// Lowers and checks a module; what is wrong is in the error, or has been
/// reported (empty).
llvm::Expected<stream::Program>
streamProgram(mlir::ModuleOp linalg, const Machine &machine,
              const LinalgToStreamOptions &options);

} // namespace lpu::pipelines

#endif // LPU_LIB_PIPELINES_SEARCH_H
