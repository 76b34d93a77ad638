//===- Sequencer.cpp - from text to runs ----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/isa.md, section 3: the sequencer state is the next free cycle T and the
// loop stack; the instruction buffer holds text rows by slot. Loops are
// unrolled here, one Run per executed instruction, whatever its repeats.
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "llvm/ADT/STLExtras.h"
#include <deque>

using namespace lpu;
using namespace lpu::verify;
using isa::Opcode;
namespace field = lpu::isa::field;

const QueueTrace *ChipTrace::find(unsigned queue) const {
  auto it = std::lower_bound(
      queues.begin(), queues.end(), queue,
      [](const QueueTrace &trace, unsigned q) { return trace.queue < q; });
  return it != queues.end() && it->queue == queue ? &*it : nullptr;
}

int64_t verify::effectDelay(const isa::Instruction &instruction,
                            const Machine &machine) {
  if (instruction.info().unit == Unit::Alu)
    return isa::streamDelay(instruction, machine);
  return isa::delay(instruction, machine);
}

int32_t BaseRegisters::apply(const isa::Instruction &instruction) {
  switch (instruction.opcode) {
  case Opcode::mem_read:
    return values[instruction.get(field::mem_read::reg)];
  case Opcode::mem_write:
    return values[instruction.get(field::mem_write::reg)];
  case Opcode::mem_gather:
    return values[instruction.get(field::mem_gather::reg)];
  case Opcode::mem_scatter:
    return values[instruction.get(field::mem_scatter::reg)];
  case Opcode::mem_setreg:
    values[instruction.get(field::mem_setreg::reg)] =
        int32_t(instruction.get(field::mem_setreg::value));
    return 0;
  case Opcode::mem_addreg: {
    int32_t &value = values[instruction.get(field::mem_addreg::reg)];
    value = value < 0
                ? --unknowns
                : (value + int32_t(instruction.get(field::mem_addreg::value))) &
                      0xffff;
    return 0;
  }
  case Opcode::mem_loadreg:
    values[instruction.get(field::mem_loadreg::reg)] = --unknowns;
    return 0;
  default:
    return 0;
  }
}

void verify::setBases(ChipTrace &trace, const Chip &chip) {
  for (QueueTrace &queue : trace.queues) {
    if (queue.unit != Unit::Mem)
      continue;
    BaseRegisters registers;
    for (const BaseRegister &base : chip.registers)
      if (base.slice == queue.index)
        registers.start(base.reg, base.value);
    for (Run &run : queue.runs)
      run.base = registers.apply(queue.text[run.text]);
  }
}

namespace {

/// The instruction buffer of a queue: per slot the row it holds and the
/// replacements that fetches have announced. Fetches of one queue do not
/// overlap (unit conflict), so replacements come in the order of time.
class TextBuffer {
public:
  TextBuffer(const Machine &machine, unsigned rows)
      : slotCount(machine.bufferRows), rowCycles(machine.fetchRowCycles()),
        delay(machine.delayFetch) {
    slots.resize(std::min(slotCount, rows));
    for (unsigned i = 0; i < slots.size(); ++i)
      slots[i].held = {INT64_MIN, i, INT64_MIN, -1};
  }

  /// \p number: of the fetch, for reports.
  void fetch(int64_t t, unsigned row, unsigned rows, int number) {
    for (unsigned i = 0; i < rows; ++i) {
      int64_t from = t + int64_t(i) * rowCycles;
      slots[(row + i) % slotCount].pending.push_back(
          {from, row + i, from + rowCycles + delay, number});
    }
  }

  struct Filling {
    int64_t from = 0;
    unsigned row = 0;
    int64_t usable = 0;
    int number = -1; // of the fetch; -1: loaded before cycle 0
  };
  /// What the slot of \p row holds in cycle \p t (cycles never fall).
  const Filling &at(int64_t t, unsigned row) {
    Slot &slot = slots[row % slotCount];
    while (!slot.pending.empty() && slot.pending.front().from <= t) {
      slot.held = slot.pending.front();
      slot.pending.pop_front();
    }
    return slot.held;
  }

private:
  struct Slot {
    Filling held;
    std::deque<Filling> pending;
  };
  unsigned slotCount;
  int64_t rowCycles, delay;
  std::vector<Slot> slots;
};

class Sequencer {
public:
  Sequencer(QueueTrace &queue, ChipTrace &chip, Reporter &reporter,
            uint64_t &budget, std::string undecodable)
      : queue(queue), chip(chip), reporter(reporter),
        machine(reporter.machine()), budget(budget),
        undecodable(std::move(undecodable)),
        buffer(machine, queue.segment.rows) {}

  /// Fills the queue's trace up to `halt` or a fault.
  void execute() {
    if (!run())
      chip.stopped = std::min(chip.stopped, now);
  }

private:
  struct Loop {
    uint32_t start; // index of the loop instruction
    uint64_t remaining;
  };

  bool illegal(int64_t t, const llvm::Twine &what) {
    reporter.add(Fault::IllegalEncoding, t, Issue{&queue, pc, t}, std::nullopt,
                 what);
    return false;
  }
  bool legal(int64_t t);
  bool resident(int64_t t);
  bool fetch(int64_t t, const isa::Instruction &instruction);
  bool run();
  void record(int64_t t, const isa::Instruction &instruction);

  QueueTrace &queue;
  ChipTrace &chip;
  Reporter &reporter;
  const Machine &machine;
  uint64_t &budget;
  std::string undecodable; // what is wrong behind the last instruction
  TextBuffer buffer;
  std::vector<Loop> loops;
  std::vector<int64_t> delays; // by text index; -1: not yet judged
  uint32_t pc = 0;
  int64_t now = 0; // of the newest fault or issue
};

bool Sequencer::resident(int64_t t) {
  unsigned row = pc / machine.instructionsPerRow();
  if (row >= queue.segment.rows) {
    reporter.add(Fault::FetchStarvation, t, Issue{&queue, pc, t}, std::nullopt,
                 "the text ends without halt");
    return false;
  }
  const TextBuffer::Filling &held = buffer.at(t, row);
  if (held.row == row && held.usable <= t)
    return true;
  std::optional<Issue> other;
  if (held.number >= 0)
    other = Issue{&queue, queue.fetches[held.number].text,
                  queue.fetches[held.number].first};
  reporter.add(Fault::FetchStarvation, t, Issue{&queue, pc, t}, other,
               held.row == row
                   ? "text row " + llvm::Twine(row) + " is usable from cycle " +
                         llvm::Twine(held.usable)
                   : "text row " + llvm::Twine(row) +
                         " is not in the buffer; its slot holds row " +
                         llvm::Twine(held.row));
  return false;
}

bool Sequencer::fetch(int64_t t, const isa::Instruction &instruction) {
  uint32_t row = uint32_t(instruction.get(field::fetch::row));
  uint32_t rows = uint32_t(instruction.get(field::fetch::rows));
  if (row + rows > queue.segment.rows) {
    reporter.add(Fault::AddressOutOfRange, t, Issue{&queue, pc, t},
                 std::nullopt,
                 "fetch of text rows " + llvm::Twine(row) + " to " +
                     llvm::Twine(row + rows - 1) + ", the queue has " +
                     llvm::Twine(queue.segment.rows));
    return false;
  }
  queue.fetches.push_back({t, pc, row, rows});
  chip.fetchEnd = std::max(
      chip.fetchEnd, t + int64_t(rows) * int64_t(machine.fetchRowCycles()));
  size_t number = queue.fetches.size() - 1;
  if (number > 0) {
    const FetchRun &previous = queue.fetches[number - 1];
    if (previous.first + int64_t(previous.rows) * machine.fetchRowCycles() >
        t) {
      reporter.add(Fault::UnitConflict, t, Issue{&queue, pc, t},
                   Issue{&queue, previous.text, previous.first},
                   "the previous fetch of this queue still reads");
      return false;
    }
  }
  buffer.fetch(t, row, rows, int(number));
  return true;
}

void Sequencer::record(int64_t t, const isa::Instruction &instruction) {
  queue.runs.push_back({t, pc, /*base=*/0});
  int64_t last = t + int64_t(instruction.count - 1) * instruction.interval;
  chip.lastEffect = std::max(chip.lastEffect, last + delays[pc]);
}

/// Judges the instruction at pc when it is taken for the first time.
bool Sequencer::legal(int64_t t) {
  if (pc >= queue.text.size())
    return illegal(t, undecodable);
  if (delays[pc] >= 0)
    return true;
  const isa::Instruction &instruction = queue.text[pc];
  std::string why =
      isa::checkLegal(instruction, machine, queue.unit, queue.index);
  if (!why.empty())
    return illegal(t, why);
  delays[pc] = effectDelay(instruction, machine);
  return true;
}

bool Sequencer::run() {
  delays.assign(queue.text.size(), -1);
  int64_t next = 0; // T
  while (true) {
    now = next;
    if (!resident(next) || !legal(next))
      return false;
    const isa::Instruction &instruction = queue.text[pc];
    int64_t t = next + instruction.wait;
    if (budget-- == 0) {
      budget = 0;
      reporter.add(Fault::NotImplemented, t, Issue{&queue, pc, t}, std::nullopt,
                   "the program executes more instructions than lpu-verify "
                   "unrolls; raise the limit to judge it");
      return false;
    }
    if (instruction.opcode == Opcode::nop)
      t += instruction.get(field::nop::cycles);
    now = t;
    next = t + 1;
    switch (instruction.opcode) {
    case Opcode::nop:
      break;
    case Opcode::halt:
      if (!chip.halt || chip.halt->cycle <= t) // queues come in order
        chip.halt = {size_t(&queue - chip.queues.data()), pc, t};
      return true;
    case Opcode::loop: {
      uint64_t iterations = instruction.get(field::loop::iterations);
      if (iterations == 0)
        return illegal(t, "a loop of no iterations");
      if (loops.size() == machine.loopDepth)
        return illegal(t, "loops nest deeper than loop_depth = " +
                              llvm::Twine(machine.loopDepth));
      loops.push_back({pc, iterations - 1});
      break;
    }
    case Opcode::endloop: {
      if (loops.empty())
        return illegal(t, "endloop without loop");
      Loop &loop = loops.back();
      if (pc - loop.start - 1 != instruction.get(field::endloop::body))
        return illegal(
            t, "endloop states a body of " +
                   llvm::Twine(instruction.get(field::endloop::body)) +
                   " instructions, it has " + llvm::Twine(pc - loop.start - 1));
      if (loop.remaining == 0) {
        loops.pop_back();
      } else {
        --loop.remaining;
        pc = loop.start; // ++ below
      }
      break;
    }
    case Opcode::fetch:
      if (!fetch(t, instruction))
        return false;
      break;
    default:
      record(t, instruction);
      next = t + int64_t(instruction.count - 1) * instruction.interval + 1;
      break;
    }
    ++pc;
  }
}

} // namespace

/// Decodes the text up to `halt`, the end, or a word that is no instruction;
/// what is wrong with that one is returned.
static std::string decode(const Package &package, unsigned chip,
                          QueueTrace &queue) {
  const TextSegment &segment = queue.segment;
  for (unsigned row = 0; row < segment.rows; ++row) {
    llvm::ArrayRef<uint8_t> bytes =
        package.imageRow(chip, segment.slice, segment.bank, segment.row + row);
    for (size_t at = 0; at < bytes.size(); at += sizeof(isa::Word)) {
      isa::Word word;
      std::copy_n(bytes.begin() + at, word.size(), word.begin());
      llvm::Expected<isa::Instruction> instruction = isa::decode(word);
      if (!instruction)
        return llvm::toString(instruction.takeError());
      queue.text.push_back(*instruction);
      if (instruction->opcode == Opcode::halt)
        return "";
    }
  }
  return "";
}

void verify::traceChip(const Package &package, unsigned chip, ChipTrace &trace,
                       Reporter &reporter, const Options &options,
                       Result &result) {
  const Machine &machine = package.machine;
  trace.chip = chip;
  const ChipClass &chipClass = package.classes[package.chips[chip].chipClass];
  for (const TextSegment &segment : chipClass.text) {
    QueueTrace queue;
    queue.queue = segment.queue;
    std::tie(queue.unit, queue.index) = machine.queueUnit(segment.queue);
    queue.position = machine.unitPosition(queue.unit, queue.index);
    queue.segment = segment;
    trace.queues.push_back(std::move(queue));
  }
  // Reports point into the vector: it must not grow any more.
  std::sort(trace.queues.begin(), trace.queues.end(),
            [](const QueueTrace &a, const QueueTrace &b) {
              return a.queue < b.queue;
            });
  uint64_t budget = options.maxRuns;
  for (QueueTrace &queue : trace.queues) {
    std::string undecodable = decode(package, chip, queue);
    result.instructions += queue.text.size();
    Sequencer(queue, trace, reporter, budget, std::move(undecodable)).execute();
    result.runs += queue.runs.size();
  }
  setBases(trace, package.chips[chip]);
}

void verify::checkFetchBandwidth(const ChipTrace &trace, Reporter &reporter) {
  const Machine &machine = reporter.machine();
  struct Active {
    Issue issue;
    int64_t end;
  };
  std::vector<Active> fetches;
  for (const QueueTrace &queue : trace.queues)
    for (const FetchRun &fetch : queue.fetches)
      fetches.push_back(
          {Issue{&queue, fetch.text, fetch.first},
           fetch.first + int64_t(fetch.rows) * machine.fetchRowCycles()});
  std::sort(fetches.begin(), fetches.end(),
            [](const Active &a, const Active &b) {
              return std::make_pair(a.issue.cycle, a.issue.queue->queue) <
                     std::make_pair(b.issue.cycle, b.issue.queue->queue);
            });
  // Sorted by issue, so the latest two stand at the end.
  std::vector<Active> active;
  for (size_t i = 0; i < fetches.size();) {
    int64_t t = fetches[i].issue.cycle;
    llvm::erase_if(active, [&](const Active &a) { return a.end <= t; });
    for (; i < fetches.size() && fetches[i].issue.cycle == t; ++i)
      active.push_back(fetches[i]);
    if (active.size() * 16 <= machine.fetchBytesPerCycle)
      continue;
    reporter.add(Fault::FetchOverload, t, active.back().issue,
                 active.size() > 1
                     ? std::optional<Issue>(active[active.size() - 2].issue)
                     : std::nullopt,
                 llvm::Twine(active.size() * 16) +
                     " bytes of text in this cycle, fetch_bytes_per_cycle = " +
                     llvm::Twine(machine.fetchBytesPerCycle));
  }
}
