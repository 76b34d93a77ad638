//===- RollLoops.cpp - issues that repeat become loops --------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Schedule/RollLoops.h"
#include "lpu/ISA/ISA.h"
#include "llvm/ADT/STLExtras.h"
#include <map>

using namespace lpu;
using isa::Instruction;
using isa::Opcode;

namespace {

constexpr unsigned numRegisters = 8;

bool isAccess(const Instruction &inst) {
  return inst.opcode == Opcode::mem_read || inst.opcode == Opcode::mem_write;
}
/// Fields of an access; reads and writes have them in different places.
unsigned offsetField(const Instruction &inst) {
  return inst.opcode == Opcode::mem_read ? isa::field::mem_read::offset
                                         : isa::field::mem_write::offset;
}
unsigned regField(const Instruction &inst) {
  return inst.opcode == Opcode::mem_read ? isa::field::mem_read::reg
                                         : isa::field::mem_write::reg;
}

bool isEqual(const QueueItem &a, const QueueItem &b);

/// Equal but for the cycle in which they issue.
bool isEqual(llvm::ArrayRef<QueueItem> a, llvm::ArrayRef<QueueItem> b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           return std::get<0>(pair).at == std::get<1>(pair).at &&
                  isEqual(std::get<0>(pair), std::get<1>(pair));
         });
}
bool isEqual(const QueueItem &a, const QueueItem &b) {
  if (a.isLoop() || b.isLoop())
    return a.iterations == b.iterations && a.period == b.period &&
           isEqual(llvm::ArrayRef<QueueItem>(a.body),
                   llvm::ArrayRef<QueueItem>(b.body));
  return a.inst == b.inst;
}

/// Rows from an access to the same one later, 0 for equal items; nullopt if
/// they differ in anything else.
std::optional<int64_t> stepOf(const QueueItem &first, const QueueItem &later) {
  if (first.isLoop() || later.isLoop() || !isAccess(first.inst) ||
      first.inst.opcode != later.inst.opcode ||
      first.inst.get(regField(first.inst)) != 0)
    return isEqual(first, later) ? std::optional<int64_t>(0) : std::nullopt;
  unsigned offset = offsetField(first.inst);
  Instruction moved = later.inst;
  moved.fields[offset] = first.inst.get(offset);
  if (!(moved == first.inst))
    return std::nullopt;
  return later.inst.get(offset) - first.inst.get(offset);
}

unsigned depthOf(const QueueItem &item) {
  unsigned depth = 0;
  for (const QueueItem &inner : item.body)
    depth = std::max(depth, depthOf(inner));
  return depth + item.isLoop();
}

unsigned wordsOf(const QueueItem &item) {
  unsigned words = item.isLoop() ? 2 : 1;
  for (const QueueItem &inner : item.body)
    words += wordsOf(inner);
  return words;
}

/// A stretch of a block that can be a loop.
struct Stretch {
  size_t period = 0; // items
  uint64_t iterations = 0, cycles = 0;
  std::vector<int64_t> steps; // by item of the body
  unsigned registers = 0;     // that step
  int64_t saved = 0;          // words
};

class Roller {
public:
  Roller(const QueueProgram &queue, const Machine &machine, unsigned mostWords)
      : machine(machine), mostWords(mostWords) {
    if (queue.unit == Unit::Mem)
      for (const QueueItem &item : queue.items)
        collectRegisters(item, used);
  }

  /// Rolls a block inside of `depth` loops, its loops first. Its last item must
  /// be over in cycle `end`.
  void block(std::vector<QueueItem> &items, unsigned depth, uint64_t end);

private:
  using Registers = std::array<bool, numRegisters>;
  static void collectRegisters(const QueueItem &item, Registers &taken);
  /// What the queue used before anything was rolled, and what loops inside of a
  /// stretch step.
  Registers takenIn(const std::vector<QueueItem> &items, size_t begin,
                    size_t period) const {
    Registers taken = used;
    for (size_t k = 0; k < period; ++k)
      collectRegisters(items[begin + k], taken);
    return taken;
  }
  bool rollOnce(std::vector<QueueItem> &items, unsigned depth, uint64_t end);
  Stretch longest(const std::vector<QueueItem> &items, size_t begin,
                  size_t period, uint64_t free, uint64_t blockEnd,
                  unsigned depth) const;
  void emit(const std::vector<QueueItem> &items, size_t begin,
            const Stretch &stretch, std::vector<QueueItem> &out) const;

  const Machine &machine;
  unsigned mostWords;
  Registers used = {true}; // register 0 is always 0
};

} // namespace

void Roller::collectRegisters(const QueueItem &item, Registers &taken) {
  for (const QueueItem &inner : item.body)
    collectRegisters(inner, taken);
  if (item.isLoop())
    return;
  llvm::ArrayRef<isa::FieldInfo> fields = item.inst.info().fields;
  for (unsigned i = 0; i < fields.size(); ++i)
    if (llvm::StringRef(fields[i].name) == "reg")
      taken[item.inst.get(i) % numRegisters] = true;
}

/// The loop of most iterations whose body is the `period` items from `begin`
/// on, where the queue is free from cycle `free`.
Stretch Roller::longest(const std::vector<QueueItem> &items, size_t begin,
                        size_t period, uint64_t free, uint64_t blockEnd,
                        unsigned depth) const {
  Stretch result;
  uint64_t cycles = items[begin + period].at - items[begin].at;
  std::map<int64_t, bool> steps;
  unsigned words = 0;
  for (size_t k = 0; k < period; ++k) {
    auto step = stepOf(items[begin + k], items[begin + period + k]);
    if (!step || items[begin + period + k].at - items[begin + k].at != cycles)
      return {};
    result.steps.push_back(*step);
    if (*step)
      steps[*step] = true;
    words += wordsOf(items[begin + k]);
    if (depth + 1 + depthOf(items[begin + k]) > machine.loopDepth)
      return {};
  }
  result.registers = unsigned(steps.size());
  // In front `loop` and what sets the registers; behind what steps them, and
  // `endloop`.
  Registers taken = takenIn(items, begin, period);
  if (result.registers > llvm::count(taken, false) ||
      words + result.registers + 2 > mostWords ||
      items[begin].at < free + 1 + result.registers ||
      items[begin + period - 1].nextFree() - items[begin].at +
              result.registers + 1 >
          cycles)
    return {};
  size_t end = begin + 2 * period;
  for (; end < items.size(); ++end) {
    const QueueItem &before = items[end - period], &item = items[end];
    if (item.at - before.at != cycles ||
        stepOf(before, item) != result.steps[(end - begin) % period])
      break;
  }
  constexpr uint64_t mostIterations = 65535;
  result.iterations =
      std::min<uint64_t>((end - begin) / period, mostIterations);
  // The last iteration is as long as the others.
  for (; result.iterations > 1; --result.iterations) {
    size_t next = begin + result.iterations * period;
    uint64_t most = next < items.size() ? items[next].at : blockEnd;
    if (items[begin].at + result.iterations * cycles <= most)
      break;
  }
  for (int64_t step : result.steps)
    if (uint64_t(std::abs(step)) * (result.iterations - 1) > 65535)
      return {};
  result.period = period;
  result.cycles = cycles;
  result.saved = int64_t(words) * (int64_t(result.iterations) - 1) - 2 -
                 2 * int64_t(result.registers);
  return result;
}

void Roller::emit(const std::vector<QueueItem> &items, size_t begin,
                  const Stretch &stretch, std::vector<QueueItem> &out) const {
  uint64_t start = items[begin].at;
  QueueItem loop =
      QueueItem::loop(start - 1, uint32_t(stretch.iterations), stretch.cycles);
  struct Register {
    unsigned number;
    int64_t start;
  };
  std::map<int64_t, Register> registers; // by step
  Registers taken = takenIn(items, begin, stretch.period);
  unsigned next = 0;
  for (int64_t step : stretch.steps) {
    if (!step || registers.count(step))
      continue;
    while (taken[next])
      ++next;
    // Downwards from where the last iteration ends at 0.
    int64_t first = step < 0 ? -step * int64_t(stretch.iterations - 1) : 0;
    registers[step] = {next++, first};
  }
  for (size_t k = 0; k < stretch.period; ++k) {
    QueueItem item = items[begin + k];
    item.at -= start;
    if (int64_t step = stretch.steps[k]) {
      const Register &reg = registers.at(step);
      item.inst.fields[regField(item.inst)] = reg.number;
      item.inst.fields[offsetField(item.inst)] -= reg.start;
    }
    loop.body.push_back(std::move(item));
  }
  uint64_t before = start - 1 - registers.size();
  uint64_t behind = loop.body.back().nextFree();
  for (auto [step, reg] : registers) {
    Instruction set, add;
    set.opcode = Opcode::mem_setreg;
    set.fields[isa::field::mem_setreg::reg] = reg.number;
    set.fields[isa::field::mem_setreg::value] = reg.start;
    out.push_back(QueueItem::instruction(before++, set));
    add.opcode = Opcode::mem_addreg;
    add.fields[isa::field::mem_addreg::reg] = reg.number;
    add.fields[isa::field::mem_addreg::value] = step;
    loop.body.push_back(QueueItem::instruction(behind++, add));
  }
  out.push_back(std::move(loop));
}

bool Roller::rollOnce(std::vector<QueueItem> &items, unsigned depth,
                      uint64_t end) {
  std::vector<QueueItem> out;
  uint64_t free = 0;
  bool rolled = false;
  for (size_t i = 0; i < items.size();) {
    Stretch best;
    for (size_t period = 1;
         period <= mostWords && i + 2 * period <= items.size(); ++period) {
      if (!stepOf(items[i], items[i + period]))
        continue;
      Stretch stretch = longest(items, i, period, free, end, depth);
      if (stretch.saved > best.saved)
        best = stretch;
    }
    if (best.saved > 0) {
      emit(items, i, best, out);
      i += best.period * best.iterations;
      rolled = true;
    } else {
      out.push_back(std::move(items[i++]));
    }
    free = out.back().nextFree();
  }
  items = std::move(out);
  return rolled;
}

void Roller::block(std::vector<QueueItem> &items, unsigned depth,
                   uint64_t end) {
  for (QueueItem &item : items)
    if (item.isLoop())
      block(item.body, depth + 1, item.period - 1);
  // Loops that are alike make loops again.
  while (depth < machine.loopDepth && rollOnce(items, depth, end))
    ;
}

void lpu::rollLoops(ClassProgram &program, const Machine &machine,
                    unsigned mostWords, bool slices) {
  for (QueueProgram &queue : program.queues)
    if (slices || queue.unit != Unit::Mem)
      Roller(queue, machine, mostWords).block(queue.items, 0, UINT64_MAX);
}
