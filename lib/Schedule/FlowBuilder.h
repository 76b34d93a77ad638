//===- FlowBuilder.h - the ALU operations of a flow -------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times inside a flow are fixed by its data: an operation issues as soon as its
// operands are there, and a value that is needed later than the history keeps
// it passes through a move.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_SCHEDULE_FLOWBUILDER_H
#define LPU_LIB_SCHEDULE_FLOWBUILDER_H

#include "Template.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <optional>
#include <set>

namespace lpu::schedule {

/// Builds the ALU part of a flow.
struct FlowBuilder {
  const Machine &m;
  Template &t;
  int64_t count, interval;
  /// Cycles between two operands of an operation that nothing bridges.
  std::optional<int64_t> gap;

  bool narrow(isa::ElementType type) const { return isa::byteWidth(type) < 4; }
  int64_t duration(const AluRun &run) const {
    int64_t d = m.delayAlu;
    isa::DelayKind kind = isa::lookup(uint8_t(run.op))->delay;
    if (kind == isa::DelayKind::Transcendental)
      d = m.delayTranscendental;
    else if (kind == isa::DelayKind::Reduce)
      d = m.reduceDelay(run.reduceGroup);
    for (const AluSource *s : {&run.a, &run.b, &run.c})
      if (s->kind == AluSource::Stream && narrow(s->type))
        return d + m.delayConvert;
    return d;
  }

  /// True if operation `p` and what only it uses can issue `delta` cycles
  /// later.
  bool canDelay(unsigned p, int64_t delta) const {
    const AluRun &run = t.alus[p];
    for (const AluSource *s : {&run.a, &run.b, &run.c}) {
      if (s->kind != AluSource::Op)
        continue;
      const AluRun &from = t.alus[s->index];
      if (from.users == 1
              ? !canDelay(s->index, delta)
              : run.offset + delta - from.done >= int64_t(m.history))
        return false;
    }
    return true;
  }
  void delay(unsigned p, int64_t delta) {
    AluRun &run = t.alus[p];
    run.offset += delta;
    run.done += delta;
    unsigned last = ~0u;
    for (const AluSource *s : {&run.a, &run.b, &run.c})
      if (s->kind == AluSource::Op && s->index != last &&
          t.alus[s->index].users == 1) {
        last = s->index;
        delay(s->index, delta);
      }
  }

  /// Moves through which a result that completes in cycle `done` is readable in
  /// cycle `at`: each is done delay_alu later and may wait in the history of
  /// the one before. nullopt if none reach it.
  std::optional<int64_t> movesTo(int64_t done, int64_t at) const {
    int64_t wait = int64_t(m.history) - 1, delay = m.delayAlu;
    int64_t moves = (at - done - wait + delay + wait - 1) / (delay + wait);
    moves = std::max<int64_t>(0, moves);
    return done + moves * delay <= at ? std::optional(moves) : std::nullopt;
  }

  /// Appends an operation at its earliest time, with moves where an operand
  /// would leave the history before it is used.
  unsigned append(AluRun run) {
    run.count = count;
    run.interval = interval;
    int64_t at = 0;
    AluSource *sources[] = {&run.a, &run.b, &run.c};
    for (AluSource *s : sources)
      if (s->kind == AluSource::Op)
        at = std::max(at, t.alus[s->index].done);
    // What nobody has used yet need not wait in a history: it issues later.
    std::set<unsigned> operands;
    for (AluSource *s : sources)
      if (s->kind == AluSource::Op && operands.insert(s->index).second)
        if (int64_t delta = at - t.alus[s->index].done;
            delta > 0 && t.alus[s->index].users == 0 &&
            canDelay(s->index, delta))
          delay(s->index, delta);
    auto reach = [&] {
      return llvm::all_of(sources, [&](const AluSource *s) {
        return s->kind != AluSource::Op || movesTo(t.alus[s->index].done, at);
      });
    };
    // Waits in a history overlap after so many moves.
    for (int64_t earliest = at; !reach(); ++at)
      if (at - earliest > int64_t(m.delayAlu) * (m.delayAlu + 1)) {
        gap = 0;
        for (AluSource *s : sources)
          if (s->kind == AluSource::Op)
            gap = std::max(*gap, earliest - t.alus[s->index].done);
        at = earliest;
        break;
      }
    for (AluSource *s : sources) {
      if (s->kind != AluSource::Op || gap)
        continue;
      for (int64_t left = *movesTo(t.alus[s->index].done, at); left > 0;
           --left) {
        AluRun move;
        move.op = isa::Opcode::alu_mov;
        move.a = *s;
        move.count = count;
        move.interval = interval;
        move.offset = std::min(t.alus[s->index].done + int64_t(m.history) - 1,
                               at - left * int64_t(m.delayAlu));
        move.done = move.offset + m.delayAlu;
        ++t.alus[s->index].users;
        t.alus.push_back(move);
        AluSource moved;
        moved.kind = AluSource::Op;
        moved.index = t.alus.size() - 1;
        for (AluSource *other : sources)
          if (other != s && other->kind == AluSource::Op &&
              other->index == s->index)
            *other = moved;
        *s = moved;
      }
    }
    run.offset = at;
    run.done = at + duration(run);
    operands.clear();
    for (AluSource *s : sources)
      if (s->kind == AluSource::Op && operands.insert(s->index).second)
        ++t.alus[s->index].users;
    t.alus.push_back(run);
    return t.alus.size() - 1;
  }
};

} // namespace lpu::schedule

#endif // LPU_LIB_SCHEDULE_FLOWBUILDER_H
