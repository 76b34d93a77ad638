//===- Compile.h - ONNX file to package -------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_PIPELINES_COMPILE_H
#define LPU_PIPELINES_COMPILE_H

#include "lpu/Import/Import.h"
#include "lpu/Schedule/Schedule.h"
#include "lpu/Verify/Verify.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

namespace lpu {

struct CompileOptions {
  std::string input;
  ImportOptions import;
  /// Chips that may be used; stages, and chips of each (0: the planner
  /// chooses how many).
  unsigned chips = 1, stages = 0, tensorWidth = 0;
  /// With `stages`: most that a chip may have of the mean of multiply-adds (0:
  /// the planner weighs that against cycles).
  double balance = 0;
  /// Copies of the plan, each on its part of the chips.
  unsigned replicas = 1;
  /// Plans are chosen for inputs per second, not for the latency of one.
  bool throughput = false;
  /// A topology file; empty: nodes as the machine file says.
  std::string topology;
  /// Floats cross links in half precision.
  bool halfLinks = false;
  /// Leave the weights out of the image; the program is the same.
  bool withoutWeights = false;
  /// Run the verifier on the assembled package.
  bool verify = true;
  /// Stop behind a stage and print its IR to `dump`: "", "onnx", "linalg",
  /// "stream".
  std::string emit;
  llvm::raw_ostream *dump = nullptr;
  /// Called at the start of every stage.
  std::function<void(llvm::StringRef stage)> progress;
};

/// Wall seconds of one stage.
struct StageTime {
  std::string stage;
  double seconds;
};

/// One chip of a pipeline. Cycles of the program: `start` is that of its first
/// receive; `programCycles` are those of its work without transfers.
struct StageReport {
  /// The stage that it has a share of, and its program in CompileResult::kinds.
  unsigned stage = 0, kind = 0;
  unsigned number = 0; // of the first replica's chip in the system
  unsigned replica = 0;
  uint64_t start = 0, cycles = 0, programCycles = 0;
  /// What it receives: vectors, and cycles from the first read on the sending
  /// chip to the last write; links from there.
  uint64_t vectorsIn = 0, linkCycles = 0;
  unsigned links = 0;
  uint64_t gridBound = 0, macs = 0;
  int64_t constantRows = 0;
};

/// What is scheduled once, for one chip or for all that have an equal share.
struct KindReport {
  stream::Program program;
  std::vector<schedule::KernelReport> kernels;
  /// firstCompute of its queues: where the program begins in the text of a
  /// chip that receives before it.
  int64_t firstCompute = 0;
};

/// The first issue of a plane or ALU, which no transfer takes; INT64_MAX if
/// there is none.
int64_t firstCompute(const ClassProgram &program);

struct CompileResult {
  /// Queue trees with fetches and text places, for reports and traces.
  std::vector<ClassProgram> classes;
  std::vector<KindReport> kinds;
  int64_t constantRows = 0, temporaryRows = 0, textRows = 0;
  /// Tensors of the model that stand in SRAM, for debugging.
  std::vector<TensorPlace> tensors;
  /// Of more than one chip; and what the planner compared.
  std::vector<StageReport> stages;
  std::string plan;
  Package package;
  verify::Result verdict;
  std::vector<StageTime> times;
  /// The files that were read, the model first, and what was left out of it.
  std::vector<std::string> files, remarks;
  /// False if `emit` stopped the compilation early.
  bool complete = false;
};

/// Compiles for one chip or a pipeline of them. Everything that is wrong with
/// the model or with its fit to the machine goes to \p errors, one line each,
/// in the user's terms; then the result is nullopt.
std::optional<CompileResult> compileModel(mlir::MLIRContext &context,
                                          const Machine &machine,
                                          const CompileOptions &options,
                                          llvm::raw_ostream &errors);

/// The same with as many replicas as give most inputs per second: each number
/// that divides the chips is scheduled. The plan's text says what was compared.
std::optional<CompileResult> compileForThroughput(mlir::MLIRContext &context,
                                                  const Machine &machine,
                                                  const CompileOptions &options,
                                                  llvm::raw_ostream &errors);

} // namespace lpu

#endif // LPU_PIPELINES_COMPILE_H
