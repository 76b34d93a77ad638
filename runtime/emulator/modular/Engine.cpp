//===- Engine.cpp - the event engine modulo a prime -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../event/ChipControl.h"
#include "../event/Graph.h"
#include "Arithmetic.h"
#include "lpu/Support/Check.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::event;

template class lpu::emulator::event::ChipRun<ModularArithmetic>;

ModularEngine::~ModularEngine() = default;

namespace {

struct ChipStore {
  explicit ChipStore(const Machine &machine)
      : pool(2 * machine.lanes), memory(machine) {}
  Pool pool;
  ChipMemory memory;
};

class Modulo final : public ModularEngine {
public:
  Modulo(const Package &package, ModularContext &context)
      : package(package), m(package.machine), context(context), zeros(m.lanes),
        stores(package.chips.size()), texts(package.classes.size()) {}

  void writeRow(unsigned chip, unsigned slice, unsigned bank, unsigned row,
                llvm::ArrayRef<ModularByte> bytes) override;
  bool readRow(unsigned chip, unsigned slice, unsigned bank, unsigned row,
               llvm::MutableArrayRef<ModularByte> bytes) override;
  RunResult run(const RunOptions &options) override;

private:
  ChipStore &store(unsigned chip);
  Value &rowOf(unsigned chip, unsigned slice, unsigned bank, unsigned row) {
    LPU_CHECK(chip < stores.size() && slice < m.numSlices() && bank < 2 &&
                  row < m.rows,
              "an SRAM row of the machine");
    ChipMemory &memory = store(chip).memory;
    return memory.row[memory.index(2 * slice + bank, row)];
  }

  const Package &package;
  const Machine &m;
  ModularContext &context;
  std::vector<uint8_t> zeros; // a row of an image without bytes
  std::vector<std::unique_ptr<ChipStore>> stores;
  std::vector<std::vector<QueueText>> texts; // by class
};

} // namespace

ChipStore &Modulo::store(unsigned chip) {
  std::unique_ptr<ChipStore> &made = stores[chip];
  if (made)
    return *made;
  made = std::make_unique<ChipStore>(m);
  const Chip &own = package.chips[chip];
  made->memory.mark(own, package.classes[own.chipClass]);
  made->memory.load(own, zeros);
  return *made;
}

void Modulo::writeRow(unsigned chip, unsigned slice, unsigned bank,
                      unsigned row, llvm::ArrayRef<ModularByte> bytes) {
  LPU_CHECK(bytes.size() == m.lanes, "a row has `lanes` bytes");
  Value &value = rowOf(chip, slice, bank, row);
  ChipStore &own = store(chip);
  if (value & valueOwned)
    own.pool.release(const_cast<uint8_t *>(valueData(value)));
  uint8_t *data = own.pool.allocate(modularWidthLog);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<ModularByte *>(data));
  value = event::makeValue(data, 0, ValueKind::Bytes);
  ChipMemory::set(own.memory.initialised,
                  own.memory.index(2 * slice + bank, row));
}

bool Modulo::readRow(unsigned chip, unsigned slice, unsigned bank, unsigned row,
                     llvm::MutableArrayRef<ModularByte> bytes) {
  LPU_CHECK(bytes.size() == m.lanes, "a row has `lanes` bytes");
  Value value = rowOf(chip, slice, bank, row);
  for (unsigned lane = 0; lane < m.lanes; ++lane)
    bytes[lane] = value ? modularByte(value, lane) : ModularByte::data(0);
  return value != 0;
}

RunResult Modulo::run(const RunOptions &options) {
  // The text of a class is the same in all its chips.
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    unsigned number = package.chips[chip].chipClass;
    if (!texts[number].empty())
      continue;
    for (const TextSegment &segment : package.classes[number].text) {
      std::vector<uint8_t> bytes;
      for (unsigned i = 0; i < segment.rows; ++i) {
        llvm::ArrayRef<uint8_t> row = package.imageRow(
            chip, segment.slice, segment.bank, segment.row + i);
        bytes.insert(bytes.end(), row.begin(), row.end());
      }
      texts[number].push_back(decodeQueue(m, segment, bytes));
    }
  }
  Pool pool(m.lanes);
  RunContext shared{m, pool, baseKernels(), nullptr, &context};
  Graph<ModularArithmetic> graph(package, options, shared, [&](unsigned chip) {
    ChipSetup setup;
    setup.start = int64_t(package.chips[chip].start);
    ChipStore &own = store(chip);
    setup.memory = &own.memory;
    setup.pool = &own.pool;
    setup.texts = &texts[package.chips[chip].chipClass];
    return setup;
  });
  graph.run();
  RunResult result;
  result.ranOut = graph.ranOut;
  result.ends = graph.ends;
  result.cycles = graph.ends.back();
  const FaultRecord *first = nullptr;
  for (const FaultRecord &fault : graph.faults)
    if (!first || fault.cycle < first->cycle)
      first = &fault;
  if (first) {
    result.fault.emplace();
    result.fault->kind = first->kind;
    result.fault->cycle = uint64_t(first->cycle);
    result.fault->chip = first->chip;
    result.fault->detail = first->detail;
  }
  return result;
}

std::unique_ptr<ModularEngine>
emulator::createModularEngine(const Package &package, ModularContext &context) {
  return std::make_unique<Modulo>(package, context);
}
