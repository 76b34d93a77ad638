//===- InsertFetches.h - place program text and fetch it --------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Program text lives in SRAM and is executed from a small buffer per queue
// (docs/isa.md, section 3). Scheduling ignores that; this step puts `fetch`
// instructions into cycles in which a queue is idle, so that no other
// instruction moves, and chooses banks and rows for the text.
//
// A queue is walked once in the order of execution with a model of its buffer.
// In every gap between two instructions the next rows are fetched as soon as
// enough rows of the buffer are done with. Loops whose rows fit into the buffer
// are fetched before they start and hold no fetch. A longer loop is fetched
// again in every iteration: each iteration starts with the first p rows of the
// body in the buffer, fetches the others as it goes, and at its end the first p
// again. p, and how many rows are worth a fetch, are searched.
//
// Queues share the ports of the banks, and who is walked first takes what it
// likes. Queues that starve therefore come first in a next round, in which all
// fetches are placed anew. One that starves with all ports to itself ends the
// search.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SCHEDULE_INSERTFETCHES_H
#define LPU_SCHEDULE_INSERTFETCHES_H

#include "lpu/Schedule/QueueProgram.h"

namespace lpu {

/// Rows that may hold text. Nothing but fetches may use the bank while the
/// program runs, because fetches read it through its only port.
struct TextBank {
  unsigned slice = 0, bank = 0, row = 0, rows = 0;
};

/// The free rows of all banks of the machine's text slices that no instruction
/// of the class names (longest run of each bank without image and bindings).
std::vector<TextBank> freeTextBanks(const ScheduledProgram &program,
                                    unsigned chipClass);

/// Inserts fetches into the queues of one class and sets their text places.
/// Queues that have a place keep it. Errors name each queue without enough free
/// cycles, the text row and the cycle in which it would be missing.
llvm::Error insertFetches(ClassProgram &program, const Machine &machine,
                          std::vector<TextBank> banks);

/// All classes, with freeTextBanks.
llvm::Error insertFetches(ScheduledProgram &program);

} // namespace lpu

#endif // LPU_SCHEDULE_INSERTFETCHES_H
