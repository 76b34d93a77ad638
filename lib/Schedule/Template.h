//===- Template.h - a rigid pattern of issues -------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The unit of placement: runs of instructions whose issue cycles are fixed
// relative to one another (an install with its reads, a pass with its
// operand reads, a whole flow from SRAM through the vector unit to SRAM). A
// template is placed as a whole at an anchor cycle; queues, streams and ALUs
// are taken then. All times in it are relative to the anchor.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_SCHEDULE_TEMPLATE_H
#define LPU_LIB_SCHEDULE_TEMPLATE_H

#include "Layout.h"
#include "Reservations.h"
#include "lpu/Schedule/QueueProgram.h"
#include <set>
#include <string>
#include <vector>

namespace lpu::schedule {

/// A run of values on `width` neighbouring streams.
struct StreamGroup {
  bool west = false;
  unsigned width = 1, align = 1;
  StreamRun run;       // keys relative to the anchor
  unsigned start = 0;  // the stream to try first
  unsigned stream = 0; // chosen at placement
};

/// Sets field `name` of an instruction to the stream number of a group + byte
/// when the template is placed.
struct StreamField {
  unsigned field, group, byte;
};

/// A repeated instruction on a fixed queue, or a loop of such.
struct QueueRun {
  unsigned queue = 0;
  int64_t offset = 0;
  isa::Instruction inst;
  std::vector<StreamField> streamFields;
  /// Flows: the node that is read; -1, -2, .. for the writes.
  int origin = 0;
  /// A loop: its `loop` instruction issues at `offset`, and cycle 0 of the
  /// body, to which the offsets in `body` refer, is the next one.
  uint32_t iterations = 0;
  int64_t period = 0;
  std::vector<QueueRun> body;

  /// Cycles from the first issue to the last.
  int64_t span() const {
    return iterations ? 1 + int64_t(iterations) * period
                      : int64_t(inst.count - 1) * inst.interval + 1;
  }
};

/// Source of an ALU operand inside a template.
struct AluSource {
  enum Kind : uint8_t {
    None,
    Stream,
    Op,
    Immediate,
    Lane,
    Constant
  } kind = None;
  unsigned index = 0; // group or op
  isa::ElementType type = isa::ElementType::f32;
};

/// A repeated ALU instruction; the ALU is chosen at placement.
struct AluRun {
  isa::Opcode op = isa::Opcode::nop;
  AluSource a, b, c;
  uint32_t imm = 0;
  bool hasConstant = false;
  uint32_t constant = 0;
  unsigned reduceGroup = 15, period = 0;
  int64_t offset = 0, done = 0; // issue and completion of repeat 0
  int64_t count = 1, interval = 1;
  bool hasDest = false;
  unsigned destGroup = 0;
  isa::ElementType destType = isa::ElementType::f32;
  unsigned alu = 0;   // chosen, for the whole group
  unsigned users = 0; // operations of the template that read the result
};

/// A column that the template reads or writes.
struct Touch {
  PlacedColumn *column = nullptr;
  bool write = false;
  int64_t first = 0, last = 0; // issue cycles
};

struct Template {
  std::string name;
  std::vector<StreamGroup> groups;
  std::vector<QueueRun> runs;
  std::vector<AluRun> alus;
  /// Operations that share an ALU, as indices into `alus`: one each where
  /// there are enough; others take turns in a loop.
  std::vector<std::vector<unsigned>> aluGroups;
  /// They take turns one by one instead, where no loop can be.
  bool unrolledAlus = false;
  bool loopsAlus(llvm::ArrayRef<unsigned> group) const {
    return group.size() > 1 && alus[group[0]].count > 1 && !unrolledAlus;
  }
  bool unrollsAlus(llvm::ArrayRef<unsigned> group) const {
    return group.size() > 1 && alus[group[0]].count > 1 && unrolledAlus;
  }
  std::vector<Touch> touches;

  /// Adds a run of reads or writes of one column.
  void touch(PlacedColumn *column, bool write, int64_t first, int64_t last) {
    touches.push_back({column, write, first, last});
  }
};

/// The item of a run whose template stands at `anchor`, streams chosen.
QueueItem itemOf(const QueueRun &run, const Template &t, int64_t anchor);

/// The repeats of a run as runs of their own, `interval` cycles apart.
void unroll(const QueueRun &run, int64_t interval, std::vector<QueueRun> &out);

/// The queues in which runs of a template meet.
std::set<unsigned> crowdedQueues(const Template &t);

/// Operations that keep an accumulator from repeat to repeat.
inline bool isRunning(isa::Opcode op) {
  return op == isa::Opcode::alu_acc_sum || op == isa::Opcode::alu_acc_max ||
         op == isa::Opcode::alu_acc_min || op == isa::Opcode::alu_acc_argmax;
}

/// Sets a field by name; the name must exist.
void setField(isa::Instruction &inst, const char *name, int64_t value);
unsigned fieldIndex(isa::Opcode op, const char *name);

/// A part of an access that one instruction can do: repeats
/// first, first + step, .. (count of them) of the access, in one panel and
/// stripe.
struct AccessPiece {
  int64_t first = 0, step = 1, count = 1;
  unsigned panel = 0, stripe = 0;
  int64_t address = 0, stride = 0; // relative to the column's row
  int64_t inner = 0, stride2 = 0;
};
std::vector<AccessPiece> splitAccess(const stream::Access &access,
                                     int64_t iterations, int64_t panelRows,
                                     unsigned stripes);

} // namespace lpu::schedule

#endif // LPU_LIB_SCHEDULE_TEMPLATE_H
