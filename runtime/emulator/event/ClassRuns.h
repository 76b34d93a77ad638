//===- ClassRuns.h - runs without values, class by class --------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Without values, what a chip does depends on its text and on which rows are
// initialised, and on nothing that a relocation changes; other chips matter
// only for whether its receives find their vectors. So one chip of each group
// of equal chips runs alone, with the cycles of its sends and receives noted,
// and then wires are matched: once for each pair of groups, links and distance
// of starts. If anything is wrong, run() says so and the chips run one by one,
// which finds the fault.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_CLASSRUNS_H
#define LPU_RUNTIME_EMULATOR_EVENT_CLASSRUNS_H

#include "ChipRun.h"

namespace lpu::emulator::event {

class ClassRuns {
public:
  /// \p memory of a chip; `written`: the host, or a run, has changed it;
  /// \p texts of its class.
  ClassRuns(const Package &package, const RunOptions &options,
            const RunContext &context,
            std::function<ChipMemory &(unsigned)> memory,
            std::function<bool(unsigned)> written,
            std::function<const std::vector<QueueText> &(unsigned)> texts)
      : package(package), options(options), context(context),
        memory(std::move(memory)), written(std::move(written)),
        texts(std::move(texts)) {}

  /// False: some chip faults, or runs on behind RunOptions::maxCycles.
  bool run();

  /// Chips of one class with the same base registers and rows initialised.
  struct Group {
    std::vector<unsigned> chips;
    ChipState state; // of one run of one of them
    ChipLinks::Record record;
    int64_t end = 0, over = 0; // as ChipRun's
  };
  std::vector<Group> groups;
  std::vector<uint64_t> ends; // by run

private:
  void group();
  bool runGroup(Group &group);
  bool inTime();
  bool wiresMatch();

  const Package &package;
  const RunOptions &options;
  const RunContext &context;
  std::function<ChipMemory &(unsigned)> memory;
  std::function<bool(unsigned)> written;
  std::function<const std::vector<QueueText> &(unsigned)> texts;
  std::vector<unsigned> groupOf; // by chip
};

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_CLASSRUNS_H
