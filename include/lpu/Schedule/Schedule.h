//===- Schedule.h - from a stream program to a package ----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SCHEDULE_SCHEDULE_H
#define LPU_SCHEDULE_SCHEDULE_H

#include "lpu/Schedule/QueueProgram.h"
#include "lpu/Stream/Program.h"

namespace lpu::schedule {

struct ScheduleOptions {
  /// Leave constant bytes out of the image (the program is the same).
  bool withoutWeights = false;
  /// Idle cycles to leave behind every run of a queue, at least, for fetches.
  int64_t fetchGap = 0;
};

/// One kernel of the report. Cycles are those of one iteration of its segment,
/// relative to the segment's start.
struct KernelReport {
  std::string name, kind;
  unsigned segment = 0;
  int64_t iterations = 1;
  int64_t first = 0, last = 0; // first issue, last completion
  int64_t gridBound = 0;       // docs/bounds.md; 0 where it has none
  int64_t macs = 0;
};

struct ScheduleResult {
  /// Text not yet placed (insertFetches and assemble do that).
  ScheduledProgram program;
  std::vector<KernelReport> kernels;
  /// Program cycles, from cycle 0 to the last effect (docs/isa.md, section 3).
  int64_t cycles = 0;
  /// SRAM rows by purpose.
  int64_t constantRows = 0, temporaryRows = 0;
};

/// Schedules a legal stream program for one chip. Errors name the kernel or
/// tile, what it needs and what the machine has.
llvm::Expected<ScheduleResult> schedule(const stream::Program &program,
                                        const Machine &machine,
                                        const ScheduleOptions &options);

/// Cycles of a class program by the rule of docs/isa.md, section 3 (Stop).
int64_t programCycles(const ClassProgram &program, const Machine &machine);

} // namespace lpu::schedule

#endif // LPU_SCHEDULE_SCHEDULE_H
