//===- Replan.cpp - plans until one has a schedule ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whether a stage fits its chips is known when it is scheduled; the planner
// estimates. A stage without a schedule is told to the planner by what it needs
// in those estimates, and nothing that needs as much is planned again: so other
// cuts, widths and parts of tables come in the order of their cost, and every
// failure excludes more than the stage that failed.
//
//===----------------------------------------------------------------------===//

#include "Chips.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace lpu;
using namespace lpu::pipelines;

/// Plans that are tried, and how much more is excluded if that makes no
/// difference.
static constexpr unsigned mostTries = 8;
static constexpr double closer = 0.95;

/// Adds what the stages of a plan need that have no schedule. Where all have
/// one, but not with what they send and receive, the one with the longest text
/// is taken for the cause.
static void refuse(const ChipsPlan &plan, llvm::ArrayRef<unsigned> misfits,
                   std::vector<partition::Need> &refused) {
  for (unsigned stage : misfits)
    refused.push_back(plan.needs[stage]);
  if (misfits.empty())
    refused.push_back(*llvm::max_element(
        plan.needs, [](const partition::Need &a, const partition::Need &b) {
          return a.text < b.text;
        }));
}

llvm::Expected<ScheduledProgram>
pipelines::scheduleOrReplan(mlir::ModuleOp linalg, const Machine &machine,
                            const CompileOptions &options, bool &quiet,
                            ChipsPlan &plan, CompileResult &result,
                            Enter enter) {
  std::vector<unsigned> misfits;
  auto joined =
      scheduleChips(*plan.module, machine, options, result, misfits, enter);
  if (joined)
    return joined;
  // Empty where diagnostics have said what is wrong: no other plan helps.
  std::string why = llvm::toString(joined.takeError());
  llvm::SaveAndRestore silent(quiet, true);
  std::vector<partition::Need> refused;
  refuse(plan, misfits, refused);
  plan.hasNoRoom = !misfits.empty();
  std::string last = plan.text;
  for (unsigned tries = 1; !why.empty() && tries < mostTries; ++tries) {
    enter("partition");
    auto next = planChips(linalg, machine, options, quiet, refused);
    if (!next) {
      llvm::consumeError(next.takeError());
      break;
    }
    if (!next->module)
      break;
    // Cuts that have to move may give the same plan again.
    if (next->text == last) {
      for (partition::Need &need : refused)
        need.data *= closer, need.text *= closer;
      continue;
    }
    last = next->text;
    CompileResult scheduled;
    misfits.clear();
    auto again = scheduleChips(*next->module, machine, options, scheduled,
                               misfits, enter);
    if (!again) {
      llvm::consumeError(again.takeError());
      refuse(*next, misfits, refused);
      continue;
    }
    plan = std::move(*next);
    plan.text += llvm::formatv("replanned     {0} time{1}: of other plans some "
                               "stage had no room for its data or text\n",
                               tries, tries == 1 ? "" : "s");
    result.stages = std::move(scheduled.stages);
    result.kinds = std::move(scheduled.kinds);
    result.constantRows = scheduled.constantRows;
    result.temporaryRows = scheduled.temporaryRows;
    return again;
  }
  return llvm::createStringError(llvm::inconvertibleErrorCode(), why);
}

bool pipelines::canSchedule(mlir::ModuleOp linalg, const Machine &machine,
                            CompileOptions options, bool &quiet,
                            unsigned chips) {
  options.chips = chips;
  options.stages = options.tensorWidth = 0;
  options.replicas = 1;
  options.balance = 0;
  options.topology.clear();
  options.withoutWeights = true;
  llvm::SaveAndRestore silent(quiet, true);
  auto plan = planChips(linalg, machine, options, quiet);
  if (!plan) {
    llvm::consumeError(plan.takeError());
    return false;
  }
  auto ignore = [](const char *) {};
  if (!plan->module) { // one chip
    schedule::ScheduleOptions single;
    single.withoutWeights = true;
    auto best = searchSchedule(linalg, machine, single, ignore);
    if (best)
      return true;
    llvm::consumeError(best.takeError());
    return false;
  }
  CompileResult result;
  auto joined =
      scheduleOrReplan(linalg, machine, options, quiet, *plan, result, ignore);
  if (joined)
    return true;
  llvm::consumeError(joined.takeError());
  return false;
}

std::string pipelines::whatHasSchedule(mlir::ModuleOp linalg,
                                       const Machine &machine,
                                       const CompileOptions &options,
                                       bool &quiet) {
  bool isPinned = options.stages || options.tensorWidth;
  std::vector<unsigned> numbers = {options.chips + (options.chips + 7) / 8,
                                   options.chips + (options.chips + 3) / 4};
  if (isPinned)
    numbers.insert(numbers.begin(), options.chips);
  for (unsigned chips : numbers)
    if (canSchedule(linalg, machine, options, quiet, chips))
      return llvm::formatv("{0} chips would do{1}", chips,
                           isPinned ? " without --tp and --pp" : "");
  return llvm::formatv("no number of chips up to {0} is known to do",
                       numbers.back());
}
