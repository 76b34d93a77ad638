//===- QueueProgram.h - a scheduled program as plain structs ----*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The form between the scheduler and the words of a binary: for every queue a
// tree of instructions with issue cycles. It needs no MLIR; the isa dialect is
// its textual form (dialects/ISA), the package its encoded form.
//
// Time. Every item has `at`, the issue cycle inside its block. The outermost
// block of a queue starts at cycle 0 of the program. A loop issues its `loop`
// instruction at `at`; cycle 0 of its body is the cycle after that; `endloop`
// issues at body cycle period - 1; so iteration k starts at at + 1 + k * period
// and the first free cycle behind the loop is at + 1 + iterations * period.
// A repeated instruction issues at at + i * interval, i < count.
//
// Waits are never stored here: encoding computes them from `at`. Where a wait
// would exceed its 16 bits, encoding puts a bridging nop (wait 0, cycles >=
// 65,535, followed by an instruction with wait 0) in front, and decoding drops
// it again. Instruction::wait is ignored in items.
//
// A queue without items has no text. Otherwise encoding adds `halt` behind the
// last item unless that is one already.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SCHEDULE_QUEUEPROGRAM_H
#define LPU_SCHEDULE_QUEUEPROGRAM_H

#include "lpu/Binary/Tensors.h"
#include "lpu/ISA/ISA.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace lpu {

/// An instruction or a loop.
struct QueueItem {
  /// Not `loop` or `endloop`. Ignored in a loop.
  isa::Instruction inst;
  uint64_t at = 0;
  /// 0: an instruction. Otherwise a loop of 1 to 65,535 iterations.
  uint32_t iterations = 0;
  uint64_t period = 0;         // loops: cycles of one iteration, >= 1
  std::vector<QueueItem> body; // loops

  bool isLoop() const { return iterations != 0; }
  /// First cycle of the block in which the next item can issue.
  uint64_t nextFree() const {
    if (isLoop())
      return at + 1 + iterations * period;
    return at + uint64_t(inst.count - 1) * inst.interval + 1;
  }
  static QueueItem instruction(uint64_t at, const isa::Instruction &inst) {
    QueueItem item;
    item.at = at;
    item.inst = inst;
    return item;
  }
  static QueueItem loop(uint64_t at, uint32_t iterations, uint64_t period,
                        std::vector<QueueItem> body = {}) {
    QueueItem item;
    item.at = at;
    item.iterations = iterations;
    item.period = period;
    item.body = std::move(body);
    return item;
  }
};

/// Where the text of a queue begins; rows follow from its length.
struct TextPlace {
  unsigned slice = 0, bank = 0, row = 0;
};

/// One queue of a chip class.
struct QueueProgram {
  Unit unit = Unit::Mem;
  unsigned index = 0;
  std::vector<QueueItem> items; // in issue order
  /// Set by the placement of text (insertFetches) or by hand.
  std::optional<TextPlace> text;
};

/// All queues of one chip class. A queue is listed at most once; queues that
/// are not listed have no text.
struct ClassProgram {
  std::vector<QueueProgram> queues;
};

/// A whole scheduled program. `package` holds everything but program text:
/// machine, chips with their data images, wires, bindings, predicted cycles;
/// its `classes` are ignored (assemble fills them).
struct ScheduledProgram {
  Package package;
  std::vector<ClassProgram> classes;
  /// For debugging: where tensors of the model stand.
  std::vector<TensorPlace> tensors;
};

/// The rules of a queue tree: order (each item at or behind the first free
/// cycle), loops (period long enough for the body, iterations, nesting depth),
/// and legality of every instruction. \p report gets the item (null: the queue
/// itself) and the violation.
void checkQueue(
    const QueueProgram &queue, const Machine &machine,
    llvm::function_ref<void(const QueueItem *, const std::string &)> report);

/// The same; returns the violations, at most \p limit, each with its queue.
std::vector<std::string> checkQueue(const QueueProgram &queue,
                                    const Machine &machine,
                                    unsigned limit = 20);

/// The instructions of a queue in text order with waits, loops and bridging
/// nops, ending in halt. The queue must satisfy checkQueue.
std::vector<isa::Instruction> flatten(const QueueProgram &queue);

/// Inverse of flatten. Errors: unbalanced loops, wrong body counts, halt
/// missing or inside a loop, a period that does not fit.
llvm::Expected<std::vector<QueueItem>>
unflatten(llvm::ArrayRef<isa::Instruction> text);

/// Text rows needed for a number of instructions.
inline unsigned textRows(size_t instructions, const Machine &machine) {
  unsigned perRow = machine.instructionsPerRow();
  return unsigned((instructions + perRow - 1) / perRow);
}

/// Encodes all text and puts it into the images of the chips. The package
/// keeps the encoded bytes alive in `storage`. Errors: those of checkQueue,
/// a queue without place, text that overlaps an image segment or other text.
llvm::Expected<Package> assemble(ScheduledProgram program);

/// Inverse of assemble: decodes all text and takes it out of the images.
llvm::Expected<ScheduledProgram> disassemble(Package package);

} // namespace lpu

#endif // LPU_SCHEDULE_QUEUEPROGRAM_H
