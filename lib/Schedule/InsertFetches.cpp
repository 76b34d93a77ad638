//===- InsertFetches.cpp - place program text and fetch it ----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Schedule/InsertFetches.h"
#include "QueueFetcher.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallSet.h"
#include <map>
#include <set>

using namespace lpu;
using isa::Instruction;
using isa::Opcode;

namespace {

// Instructions walked in the search of one queue, all attempts together; and
// of each further one when the program is refused anyway.
constexpr uint64_t searchSteps = 600000, searchStepsRefused = 50000;

/// The queues of a class in one order of precedence.
class ClassFetcher {
public:
  ClassFetcher(const Machine &machine, std::vector<TextBank> banks)
      : machine(machine), banks(std::move(banks)), ports(machine) {}

  std::vector<std::string> violations;
  /// Of the queues that violate something, those that could be placed if other
  /// queues left the ports to them.
  std::set<const QueueProgram *> starved;
  /// Some queue starves whatever the others do.
  bool hopeless = false;

  void place(QueueProgram &queue, const std::vector<QueueItem> &items);

private:
  const Machine &machine;
  std::vector<TextBank> banks;
  FetchPorts ports;
};

} // namespace

void ClassFetcher::place(QueueProgram &queue,
                         const std::vector<QueueItem> &items) {
  std::string name =
      std::string(unitName(queue.unit)) + " " + std::to_string(queue.index);
  // The bank with most free rows, as text spreads over all of them; the ports
  // of others may be less busy.
  std::vector<unsigned> keys;
  llvm::SmallVector<TextBank *> choices;
  if (queue.text) {
    keys.push_back(queue.text->slice * 2 + queue.text->bank);
  } else {
    for (TextBank &candidate : banks)
      choices.push_back(&candidate);
    llvm::stable_sort(choices, [](const TextBank *a, const TextBank *b) {
      return a->rows > b->rows;
    });
    if (choices.empty()) {
      violations.push_back(name + ": no bank is free for program text");
      hopeless = true;
      return;
    }
    for (const TextBank *candidate : choices)
      keys.push_back(candidate->slice * 2 + candidate->bank);
    constexpr size_t mostBanks = 3;
    keys.resize(std::min(keys.size(), violations.empty() ? mostBanks : 1));
  }
  std::optional<std::vector<QueueItem>> fetched;
  MissingText missing;
  TextBank *bank = nullptr;
  bool alone = false;
  for (size_t i = 0; i < keys.size() && !fetched && !alone; ++i) {
    MissingText here;
    fetched =
        fetchQueue(items, machine, ports, keys[i],
                   violations.empty() ? searchSteps : searchStepsRefused, here);
    if (!missing.any)
      missing = here;
    if (!queue.text)
      bank = choices[i];
    alone = ports.mark() == 0; // other banks are no better
  }
  if (!fetched) {
    violations.push_back(
        name + ": not enough free cycles to fetch its text: row " +
        std::to_string(missing.row) + " (instruction " +
        std::to_string(missing.index) + ") would be missing in cycle " +
        std::to_string(missing.cycle) +
        "; one free cycle is needed for every fetch, at least " +
        std::to_string(machine.fetchRowCycles() + machine.delayFetch) +
        " cycles earlier (the buffer has " +
        std::to_string(machine.bufferRows) + " rows of " +
        std::to_string(machine.instructionsPerRow()) + " instructions)");
    hopeless |= alone;
    starved.insert(&queue);
    return;
  }
  queue.items = std::move(*fetched);
  if (queue.text)
    return;
  unsigned rows = textRows(flatten(queue).size(), machine);
  if (rows > bank->rows) {
    violations.push_back(name + ": its text takes " + std::to_string(rows) +
                         " rows; the emptiest text bank has " +
                         std::to_string(bank->rows) + " left");
    hopeless = true;
    return;
  }
  queue.text = TextPlace{bank->slice, bank->bank, bank->row};
  bank->row += rows;
  bank->rows -= rows;
}

llvm::Error lpu::insertFetches(ClassProgram &program, const Machine &machine,
                               std::vector<TextBank> banks) {
  auto refused = [](const std::vector<std::string> &violations) {
    std::string message = "program text cannot be placed:";
    for (const std::string &violation : violations)
      message += "\n  " + violation;
    return llvm::createStringError(message);
  };
  std::vector<std::string> violations;
  // Fixed order: the same program gets the same text.
  std::vector<unsigned> order;
  for (unsigned i = 0; i < program.queues.size(); ++i)
    if (!program.queues[i].items.empty())
      order.push_back(i);
  llvm::sort(order, [&](unsigned i, unsigned j) {
    const QueueProgram &a = program.queues[i], &b = program.queues[j];
    return machine.queueNumber(a.unit, a.index) <
           machine.queueNumber(b.unit, b.index);
  });
  ClassProgram given = program;
  for (unsigned i : order) {
    QueueProgram &queue = given.queues[i];
    std::vector<std::string> found = checkQueue(queue, machine);
    if (!found.empty()) {
      violations.insert(violations.end(), found.begin(), found.end());
    } else if (std::vector<QueueItem> &items = queue.items;
               items.back().isLoop() ||
               items.back().inst.opcode != Opcode::halt) {
      Instruction halt;
      halt.opcode = Opcode::halt;
      items.push_back(QueueItem::instruction(items.back().nextFree(), halt));
    }
  }
  if (!violations.empty())
    return refused(violations);
  // Queues that starve come before those that took the ports from them, until
  // nobody starves, or somebody does who came first, or an order comes again.
  constexpr unsigned mostRounds = 12;
  std::set<std::vector<unsigned>> tried;
  for (unsigned round = 0; round < mostRounds && tried.insert(order).second;
       ++round) {
    ClassProgram result = given;
    ClassFetcher fetcher(machine, banks);
    for (unsigned i : order)
      fetcher.place(result.queues[i], given.queues[i].items);
    if (fetcher.violations.empty()) {
      program = std::move(result);
      return llvm::Error::success();
    }
    if (round == 0 || fetcher.violations.size() < violations.size())
      violations = fetcher.violations;
    if (fetcher.hopeless)
      break;
    std::stable_partition(order.begin(), order.end(), [&](unsigned i) {
      return fetcher.starved.count(&result.queues[i]);
    });
  }
  return refused(violations);
}

static void collectBanks(const std::vector<QueueItem> &items, unsigned slice,
                         llvm::SmallSet<unsigned, 8> &used) {
  for (const QueueItem &item : items) {
    if (item.isLoop()) {
      collectBanks(item.body, slice, used);
      continue;
    }
    llvm::ArrayRef<isa::FieldInfo> fields = item.inst.info().fields;
    for (unsigned i = 0; i < fields.size(); ++i)
      if (llvm::StringRef(fields[i].name) == "bank")
        used.insert(slice * 2 + unsigned(item.inst.get(i)));
  }
}

std::vector<TextBank> lpu::freeTextBanks(const ScheduledProgram &program,
                                         unsigned chipClass) {
  const Machine &machine = program.package.machine;
  llvm::SmallSet<unsigned, 8> used;
  // Rows that hold something at cycle 0, as [first, end) by bank.
  std::map<unsigned, std::vector<std::pair<uint64_t, uint64_t>>> taken;
  auto occupy = [&](unsigned slice, unsigned bank, uint64_t row,
                    uint64_t rows) {
    taken[slice * 2 + bank].push_back({row, row + rows});
  };
  for (const QueueProgram &queue : program.classes[chipClass].queues) {
    if (queue.unit == Unit::Mem)
      collectBanks(queue.items, queue.index, used);
    if (queue.text && !queue.items.empty()) // fetches may make it longer
      occupy(queue.text->slice, queue.text->bank, queue.text->row,
             machine.rows - std::min(machine.rows, queue.text->row));
  }
  auto isOfClass = [&](unsigned chip) {
    return chip < program.package.chips.size() &&
           program.package.chips[chip].chipClass == chipClass;
  };
  for (unsigned c = 0; c < program.package.chips.size(); ++c)
    if (isOfClass(c))
      for (const ImageSegment &segment : program.package.chips[c].image)
        occupy(segment.slice, segment.bank, segment.row, segment.rows);
  for (const auto *bindings :
       {&program.package.inputs, &program.package.outputs})
    for (const TensorBinding &tensor : *bindings)
      for (const Placement &placement : tensor.placements)
        for (const Column &column : placement.columns)
          if (isOfClass(column.chip))
            occupy(column.slice, column.bank, column.row,
                   (uint64_t(placement.tensorRows) + placement.stripes - 1) /
                       std::max(1u, placement.stripes));
  std::vector<TextBank> banks;
  for (unsigned slice : machine.textSlices)
    for (unsigned bank = 0; bank < 2; ++bank) {
      if (used.count(slice * 2 + bank))
        continue;
      auto &ranges = taken[slice * 2 + bank];
      llvm::sort(ranges);
      ranges.push_back({machine.rows, machine.rows});
      TextBank longest{slice, bank, 0, 0};
      uint64_t free = 0;
      for (auto [first, end] : ranges) {
        if (first > free && first - free > longest.rows) {
          longest.row = unsigned(free);
          longest.rows = unsigned(first - free);
        }
        free = std::max(free, end);
      }
      if (longest.rows)
        banks.push_back(longest);
    }
  return banks;
}

llvm::Error lpu::insertFetches(ScheduledProgram &program) {
  for (unsigned c = 0; c < program.classes.size(); ++c)
    if (llvm::Error error =
            insertFetches(program.classes[c], program.package.machine,
                          freeTextBanks(program, c)))
      return error;
  return llvm::Error::success();
}
