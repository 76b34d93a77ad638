//===- Report.h - what a person reads about a program -----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every figure comes from the scheduled text: what each unit issues, weighted
// with what an issue may do by docs/isa.md. The activity counts are therefore
// those that the emulator counts when it runs the program.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_REPORT_REPORT_H
#define LPU_REPORT_REPORT_H

#include "lpu/Pipelines/Compile.h"
#include "lpu/Report/Pictures.h"
#include "llvm/Support/raw_ostream.h"

namespace lpu {

/// What all chips do in one run of the program.
struct Activity {
  uint64_t issues = 0, macsInt8 = 0, macsFp16 = 0, aluOps = 0;
  uint64_t sramBytesRead = 0, sramBytesWritten = 0, fetchBytes = 0;
  uint64_t streamByteHops = 0, linkVectors = 0;
  /// Busy issue cycles by kind of unit, summed over the units.
  uint64_t busy[numUnitKinds] = {};
};
Activity countActivity(const std::vector<ClassProgram> &classes,
                       const Machine &machine, const std::vector<Chip> &chips);

/// Joules of one run: events times the machine's constants, plus idle power.
double joules(const Activity &activity, const Machine &machine, int64_t cycles,
              unsigned chips = 1);

/// Cycles; docs/bounds.md has definitions and proofs.
struct Bounds {
  /// Sum over kernels of whole-tile plane time: a yardstick, no bound of the
  /// program. Of stages: the sum of the largest chips'.
  int64_t grid = 0;
  /// All multiply-adds, every plane full in every cycle.
  int64_t multiplyAdds = 0;
  /// Every constant that is multiplied by enters the planes once.
  int64_t weights = 0;
  /// No program of this machine that does this work can be faster.
  int64_t necessary = 0;
};
int64_t multiplyAddBound(uint64_t fp16, uint64_t int8, const Machine &machine);
int64_t weightBound(uint64_t bytes, const Machine &machine);
/// Of one iteration of a kernel, from its multiply-adds.
int64_t necessaryBound(const schedule::KernelReport &kernel,
                       const Machine &machine);
Bounds bounds(const CompileResult &result, const Machine &machine);

/// The short table of lpu-compile.
void printReport(const CompileResult &result, const Machine &machine,
                 llvm::raw_ostream &os);
/// The same figures and more, as JSON.
void printReportJSON(const CompileResult &result, const Machine &machine,
                     llvm::raw_ostream &os);
/// The kernels with their cycles in the program, for the package's debug
/// section (Pictures.h). Kernels whose segment cannot be found in the schedule
/// are left out.
std::vector<KernelSpan> kernelSpans(const CompileResult &result);

} // namespace lpu

#endif // LPU_REPORT_REPORT_H
