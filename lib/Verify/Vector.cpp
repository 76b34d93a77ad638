//===- Vector.cpp - state of the ALUs and of the shuffle units ------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// History (docs/isa.md, section 5): for every ALU the axis is the cycle in
// which a result completes. An issue completes at t + delay; an operand (alu,
// age) looks at t - age. Each point may have one result, and needs one if an
// operand looks at it. Lane constants, running accumulators and permutation
// maps are registers: there the queue's own order decides.
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::verify;
using isa::Opcode;
namespace field = lpu::isa::field;

namespace {

/// A result of an ALU, or a look at one.
struct Event : Progression {
  const QueueTrace *queue;
  uint32_t text;
  int64_t offset; // point - issue
  bool result;
};

struct HistoryOperand {
  unsigned alu, age;
};

/// What the checks need to know of an ALU instruction.
struct AluText {
  bool known = false;
  llvm::SmallVector<HistoryOperand, 3> history;
  bool constant = false; // reads the lane constants
  int64_t delay = 0;
};

class VectorUnit {
public:
  VectorUnit(const ChipTrace &trace, Reporter &reporter)
      : trace(trace), reporter(reporter), machine(reporter.machine()),
        events(machine.alus) {}

  void collect();
  void judgeHistory();

private:
  void collect(const QueueTrace &queue);
  void add(const QueueTrace &queue, uint32_t text, const AluText &info,
           const Progression &issues);

  const ChipTrace &trace;
  Reporter &reporter;
  const Machine &machine;
  std::vector<std::vector<Event>> events; // by ALU
};

AluText describe(const isa::Instruction &instruction, const Machine &machine) {
  AluText info;
  info.known = true;
  info.delay = isa::delay(instruction, machine);
  for (auto [number, f] : llvm::enumerate(instruction.info().fields)) {
    if (f.kind != isa::FieldKind::Operand)
      continue;
    isa::Operand operand = instruction.operand(number);
    if (operand.kind == isa::Operand::History)
      info.history.push_back({operand.alu, operand.age});
    info.constant |= operand.kind == isa::Operand::Constant;
  }
  return info;
}

void VectorUnit::add(const QueueTrace &queue, uint32_t text,
                     const AluText &info, const Progression &issues) {
  auto event = [&](unsigned alu, int64_t offset, bool result) {
    Event e;
    static_cast<Progression &>(e) = issues;
    e.first += offset;
    e.queue = &queue;
    e.text = text;
    e.offset = offset;
    e.result = result;
    events[alu].push_back(e);
  };
  event(queue.index, info.delay, true);
  for (const HistoryOperand &operand : info.history)
    event(operand.alu, -int64_t(operand.age), false);
}

bool isRunning(Opcode opcode) {
  return opcode == Opcode::alu_acc_sum || opcode == Opcode::alu_acc_max ||
         opcode == Opcode::alu_acc_min || opcode == Opcode::alu_acc_argmax;
}

void VectorUnit::collect(const QueueTrace &queue) {
  std::vector<AluText> infos(queue.text.size());
  std::vector<Joiner> joined(queue.text.size());
  int64_t constantsFrom = INT64_MAX;
  std::optional<Issue> accumulator; // the run that wrote it last
  for (const Run &run : queue.runs) {
    const isa::Instruction &instruction = queue.text[run.text];
    AluText &info = infos[run.text];
    if (!info.known)
      info = describe(instruction, machine);
    Progression issues = queue.issues(run);
    if (!joined[run.text].join(issues)) {
      add(queue, run.text, info, joined[run.text].get());
      joined[run.text].restart(issues);
    }
    Issue here{&queue, run.text, run.first};
    if (info.constant && run.first < constantsFrom)
      reporter.add(Fault::UninitialisedRead, run.first, here, std::nullopt,
                   constantsFrom == INT64_MAX
                       ? "the lane constants were never set"
                       : "the lane constants are set from cycle " +
                             llvm::Twine(constantsFrom));
    if (instruction.opcode == Opcode::alu_setconst)
      constantsFrom = std::min(constantsFrom, run.first + info.delay);
    if (isRunning(instruction.opcode)) {
      if (!instruction.get(field::alu_acc_sum::init)) {
        if (!accumulator)
          reporter.add(Fault::UninitialisedRead, run.first, here, std::nullopt,
                       "the ALU has no accumulator to continue");
        else if (queue.text[accumulator->text].opcode != instruction.opcode)
          reporter.add(Fault::UnspecifiedBehaviour, run.first, here,
                       accumulator, "continues what another operation started");
      }
      accumulator = Issue{&queue, run.text, issues.last()};
    }
  }
  for (uint32_t text = 0; text < joined.size(); ++text)
    if (!joined[text].empty())
      add(queue, text, infos[text], joined[text].get());
}

void VectorUnit::collect() {
  for (const QueueTrace &queue : trace.queues)
    if (queue.unit == Unit::Alu)
      collect(queue);
}

void VectorUnit::judgeHistory() {
  for (unsigned alu = 0; alu < events.size(); ++alu)
    sweepCoincidences(events[alu], [&](int64_t point,
                                       llvm::ArrayRef<const Event *> group) {
      auto issue = [&](const Event &e) {
        return Issue{e.queue, e.text, point - e.offset};
      };
      const Event *result = nullptr;
      for (const Event *event : group) {
        if (!event->result)
          continue;
        if (result) {
          const Event *later = event, *earlier = result;
          if (later->offset > earlier->offset) // completes later after issue
            std::swap(later, earlier);
          reporter.add(Fault::UnitConflict, point, issue(*later),
                       issue(*earlier),
                       "two results of ALU " + llvm::Twine(alu) +
                           " complete in this cycle");
        }
        result = event;
      }
      if (result)
        return;
      for (const Event *event : group)
        reporter.add(Fault::UninitialisedRead, point - event->offset,
                     issue(*event), std::nullopt,
                     "no result of ALU " + llvm::Twine(alu) +
                         " completed in cycle " + llvm::Twine(point));
    });
}

/// shuffle.permute needs a map that a loadmap has completed.
void checkMaps(const QueueTrace &queue, Reporter &reporter) {
  int64_t from = INT64_MAX;
  for (const Run &run : queue.runs) {
    const isa::Instruction &instruction = queue.text[run.text];
    if (instruction.opcode == Opcode::shuffle_loadmap)
      from = std::min(from, run.first + int64_t(isa::delay(
                                            instruction, reporter.machine())));
    else if (instruction.opcode == Opcode::shuffle_permute && run.first < from)
      reporter.add(Fault::UninitialisedRead, run.first,
                   Issue{&queue, run.text, run.first}, std::nullopt,
                   from == INT64_MAX ? "no permutation map was loaded"
                                     : "the permutation map is complete from "
                                       "cycle " +
                                           llvm::Twine(from));
  }
}

} // namespace

void verify::checkVector(const ChipTrace &trace, Reporter &reporter) {
  VectorUnit unit(trace, reporter);
  unit.collect();
  unit.judgeHistory();
  for (const QueueTrace &queue : trace.queues)
    if (queue.unit == Unit::Shuffle)
      checkMaps(queue, reporter);
}
