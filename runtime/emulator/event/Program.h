//===- Program.h - decoded text of a queue ----------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text is constant while a program runs, so every queue's text is decoded once
// into Ops: what an issue needs, with delays and stream masks worked out.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_PROGRAM_H
#define LPU_RUNTIME_EMULATOR_EVENT_PROGRAM_H

#include "Kernels.h"
#include "lpu/Binary/Package.h"
#include <vector>

namespace lpu::emulator::event {

enum class Kind : uint8_t {
  Illegal,
  Nop,
  Loop,
  EndLoop,
  Fetch,
  Halt,
  Read,
  Write,
  Gather,
  Scatter,
  SetRegister,
  AddRegister,
  LoadRegister,
  Alu,
  Install,
  Swap,
  Pass,
  Drain,
  Shuffle,
  LoadMap,
  Transpose,
  Send,
  Receive,
  Resync
};

/// Neighbouring byte streams of one direction.
struct StreamRef {
  uint8_t west = 0, stream = 0, width = 0, last = 0;
  uint64_t mask() const { return ((UINT64_C(1) << width) - 1) << stream; }
};

enum class AluClass : uint8_t { Lanes, SetConstant, Reduce, Accumulate };

enum class ShuffleKind : uint8_t { Shift, Rotate, Distribute, Permute };

/// Where an ALU operand comes from.
struct Source {
  enum Kind : uint8_t { Stream, History, Immediate, Lane, Constant, Absent };
  Kind kind = Absent;
  isa::ElementType type = isa::ElementType::f32; // Stream
  uint8_t input = 0;                             // Stream: which of Op::in
  uint8_t alu = 0, age = 0;                      // History
};

struct MemOp {
  uint8_t bank, reg;
  uint16_t offset, inner;
  int16_t stride, stride2;
  int32_t value; // setreg, addreg
};
struct AluOp {
  Source source[3];
  uint32_t immediate;
  uint16_t group, period; // lanes of a reduction group; acc
  AluClass kind;
  uint8_t kernel;        // AluKernel or ReduceKernel
  uint8_t init;          // acc
  isa::ElementType type; // of the destination
};
struct MatrixOp { // install, pass, drain
  uint16_t laneBase, laneCount, at, row, acc;
  int16_t step;
  uint8_t fp16, columns, n, add;
};
struct ShuffleOp {
  ShuffleKind kind;
  int16_t amount;
  uint64_t map;
};
struct ControlOp {
  uint32_t cycles;
  uint16_t row, rows;
};

/// One cache line.
struct alignas(64) Op {
  Kind kind = Kind::Illegal;
  uint8_t inputs = 0;
  bool hasOutput = false;
  uint8_t interval = 1;
  uint16_t wait = 0, count = 1;
  /// From issue: to the stream; to completion (history, accumulator, map);
  /// to the last effect, which counts in the program's cycles.
  uint16_t streamDelay = 0, doneDelay = 0;
  uint32_t effectDelay = 0;
  StreamRef in[3], out;
  union {
    MemOp mem;
    AluOp alu;
    MatrixOp matrix;
    ShuffleOp shuffle;
    ControlOp control;
  };
  Op() : control{} {}
};

static_assert(sizeof(Op) == 64, "an issue touches one line of its text");

/// The text of one queue. Words that do not decode, or are not legal on the
/// machine, become Kind::Illegal with the reason in `reasons`.
struct QueueText {
  TextSegment segment;
  std::vector<Op> ops;
  std::vector<std::pair<uint32_t, std::string>> reasons;
};

/// \p bytes: segment.rows x lanes bytes.
QueueText decodeQueue(const Machine &machine, const TextSegment &segment,
                      llvm::ArrayRef<uint8_t> bytes);

/// The longest delay of any instruction of the machine, in cycles.
unsigned longestDelay(const Machine &machine);

/// Assembly of a word, or its bytes if it does not decode.
std::string printWord(const uint8_t *word);

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_PROGRAM_H
