//===- Chips.h - a model on several chips -----------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pipeline: the planner cuts the model into stages of one chip
// (lib/Partition), each stage is scheduled as if it were a model of its own,
// and transfers over links join the schedules (lpu/Schedule/Transfer.h).
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PIPELINES_CHIPS_H
#define LPU_LIB_PIPELINES_CHIPS_H

#include "Search.h"
#include "lpu/Partition/Plan.h"
#include "lpu/Partition/Program.h"
#include "lpu/Pipelines/Compile.h"

namespace lpu::pipelines {

/// A module of the fabric layer, or none if one chip is best.
struct ChipsPlan {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string text;                   // plan, runner-up and why it lost
  std::vector<partition::Need> needs; // by stage
  bool hasNoRoom = false;             // stages have no schedule
};

/// The chips that a model may be compiled for, and their wiring.
llvm::Expected<Topology> systemOf(const Machine &machine,
                                  const CompileOptions &options);

/// Copies the program to further chips of the system that are wired alike
/// (lib/Pipelines/Replicas.cpp). Text is placed, but not yet part of images.
llvm::Error replicate(ScheduledProgram &program, const Topology &topology,
                      unsigned replicas, CompileResult &result);

/// Chooses stages for at most `options.chips` chips, `options.stages` if that
/// is not 0, none of which needs as much as one of `refused`. Diagnostics go to
/// the context's handler, everything else is in the error. `wouldDo` as in
/// PartitionOptions.
llvm::Expected<ChipsPlan>
planChips(mlir::ModuleOp linalg, const Machine &machine,
          const CompileOptions &options, bool &quiet,
          llvm::ArrayRef<partition::Need> refused = {},
          std::function<bool(unsigned)> wouldDo = nullptr);

/// Schedules all chips of a plan and joins them; text is placed. Fills
/// programs, kernels, rows and stages of `result`; `misfits` are the stages
/// that have no schedule. `enter` tells what is done by class, and what by
/// chip.
llvm::Expected<ScheduledProgram>
scheduleChips(mlir::ModuleOp plan, const Machine &machine,
              const CompileOptions &options, CompileResult &result,
              std::vector<unsigned> &misfits, Enter enter);

/// Schedules a plan, and others as long as some stage has no schedule: the
/// planner then avoids stages that need as much (lib/Pipelines/Replan.cpp).
/// `plan` becomes the one that is scheduled.
llvm::Expected<ScheduledProgram>
scheduleOrReplan(mlir::ModuleOp linalg, const Machine &machine,
                 const CompileOptions &options, bool &quiet, ChipsPlan &plan,
                 CompileResult &result, Enter enter);

/// Whether some plan of at most so many chips, in nodes as the machine file
/// says, has a schedule.
bool canSchedule(mlir::ModuleOp linalg, const Machine &machine,
                 CompileOptions options, bool &quiet, unsigned chips);

/// What to do where no plan has a schedule: how many chips have one.
std::string whatHasSchedule(mlir::ModuleOp linalg, const Machine &machine,
                            const CompileOptions &options, bool &quiet);

/// The smallest initiation interval (docs/isa.md, section 9): every chip ends
/// its run, moves outputs and inputs, and loads its first text.
uint64_t initiationInterval(const Package &package,
                            const std::vector<ClassProgram> &classes);

} // namespace lpu::pipelines

#endif // LPU_LIB_PIPELINES_CHIPS_H
