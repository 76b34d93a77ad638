//===- Engine.cpp - the event engine --------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chips are loaded when they first run, text is decoded once per class. A run
// without values goes class by class where that decides everything
// (ClassRuns.h), else chip by chip (Graph.h), as runs with values do.
//
//===----------------------------------------------------------------------===//

#include "ClassRuns.h"
#include "Graph.h"
#include "Workers.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::event;

bool lpu::emulator::isSupported(Simd simd) {
  __builtin_cpu_init();
  switch (simd) {
  case Simd::Auto:
  case Simd::Base:
    return true;
  case Simd::Avx2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
  case Simd::Avx512:
    return isSupported(Simd::Avx2) && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
  }
  llvm_unreachable("all sets handled");
}

static const Kernels &pickKernels(Simd simd) {
  if (simd == Simd::Auto)
    simd = isSupported(Simd::Avx512) ? Simd::Avx512
           : isSupported(Simd::Avx2) ? Simd::Avx2
                                     : Simd::Base;
  LPU_CHECK(isSupported(simd), "the host executes the forced instruction set");
  return simd == Simd::Avx512 ? avx512Kernels()
         : simd == Simd::Avx2 ? avx2Kernels()
                              : baseKernels();
}

namespace {

/// A chip's SRAM, with the pool that its own rows come from.
struct ChipStore {
  explicit ChipStore(const Machine &machine)
      : pool(machine.lanes), memory(machine) {}
  Pool pool;
  ChipMemory memory;
  bool written = false; // by the host, or by a run
};

class EventEngine final : public Engine {
public:
  explicit EventEngine(const Package &package)
      : package(package), m(package.machine), zeros(package.machine.lanes),
        stores(package.chips.size()), classTexts(package.classes.size()),
        ownTexts(package.chips.size()) {}

  void writeRow(unsigned chip, unsigned slice, unsigned bank, unsigned row,
                llvm::ArrayRef<uint8_t> bytes) override;
  bool readRow(unsigned chip, unsigned slice, unsigned bank, unsigned row,
               llvm::MutableArrayRef<uint8_t> bytes) override;
  bool spoiled(unsigned chip, unsigned slice, unsigned bank,
               unsigned row) override;
  RunResult run(const RunOptions &options) override;

private:
  template <class Arithmetic>
  RunResult runWith(const RunOptions &options, const RunContext &context);
  std::optional<RunResult> runClasses(const RunOptions &options,
                                      const RunContext &context);
  void checkRow(unsigned chip, unsigned slice, unsigned bank,
                unsigned row) const {
    LPU_CHECK(chip < stores.size() && slice < m.numSlices() && bank < 2 &&
                  row < m.rows,
              "an SRAM row of the machine");
  }
  ChipStore &store(unsigned chip);
  ChipMemory &memoryWithValues(unsigned chip);
  void decodeTexts();
  const std::vector<QueueText> &textsOf(unsigned chip) const {
    return ownTexts[chip] ? *ownTexts[chip]
                          : classTexts[package.chips[chip].chipClass];
  }
  std::vector<uint8_t> textBytes(unsigned chip, const TextSegment &segment);
  std::vector<QueueText> decodeChip(unsigned chip);
  Fault describe(const FaultRecord &record);
  Party party(unsigned chip, Issue issue);
  void completeUnderrun(FaultRecord &record);

  const Package &package;
  const Machine &m;
  std::vector<uint8_t> zeros; // a row of an image without bytes
  std::vector<std::unique_ptr<ChipStore>> stores;
  std::vector<std::vector<QueueText>> classTexts;
  /// Of chips whose text rows the host has written.
  std::vector<std::unique_ptr<std::vector<QueueText>>> ownTexts;
  bool decoded = false;
};

} // namespace

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

ChipStore &EventEngine::store(unsigned chip) {
  std::unique_ptr<ChipStore> &made = stores[chip];
  if (made)
    return *made;
  made = std::make_unique<ChipStore>(m);
  const Chip &own = package.chips[chip];
  made->memory.mark(own, package.classes[own.chipClass]);
  return *made;
}

/// Rows of the image are handles into the mapped file.
ChipMemory &EventEngine::memoryWithValues(unsigned chip) {
  ChipMemory &memory = store(chip).memory;
  if (memory.row)
    return memory;
  memory.load(package.chips[chip], zeros);
  return memory;
}

void EventEngine::writeRow(unsigned chip, unsigned slice, unsigned bank,
                           unsigned row, llvm::ArrayRef<uint8_t> bytes) {
  LPU_CHECK(bytes.size() == m.lanes, "a row has `lanes` bytes");
  checkRow(chip, slice, bank, row);
  ChipMemory &sram = memoryWithValues(chip);
  ChipStore &own = store(chip);
  own.written = true;
  size_t index = sram.index(2 * slice + bank, row);
  // No run of this chip is under way, so nothing else refers to an old buffer.
  if (sram.row[index] & valueOwned)
    own.pool.release(const_cast<uint8_t *>(valueData(sram.row[index])));
  uint8_t *data = own.pool.allocate(0);
  std::copy(bytes.begin(), bytes.end(), data);
  sram.row[index] = makeValue(data, 0, true);
  ChipMemory::set(sram.initialised, index);
  sram.flips.erase(index);
  if (LLVM_UNLIKELY(ChipMemory::test(sram.text, index)))
    ownTexts[chip] = std::make_unique<std::vector<QueueText>>(decodeChip(chip));
}

bool EventEngine::readRow(unsigned chip, unsigned slice, unsigned bank,
                          unsigned row, llvm::MutableArrayRef<uint8_t> bytes) {
  LPU_CHECK(bytes.size() == m.lanes, "a row has `lanes` bytes");
  checkRow(chip, slice, bank, row);
  ChipMemory &sram = memoryWithValues(chip);
  Value value = sram.row[sram.index(2 * slice + bank, row)];
  if (value == 0) {
    std::fill(bytes.begin(), bytes.end(), 0);
    return false;
  }
  unsigned step = 1u << valueWidthLog(value);
  const uint8_t *data = valueData(value) + valueByte(value);
  for (unsigned lane = 0; lane < m.lanes; ++lane)
    bytes[lane] = data[size_t(lane) * step];
  if (LLVM_UNLIKELY(spoiled(chip, slice, bank, row)))
    sram.flips.find(sram.index(2 * slice + bank, row))->second.apply(bytes);
  return true;
}

bool EventEngine::spoiled(unsigned chip, unsigned slice, unsigned bank,
                          unsigned row) {
  checkRow(chip, slice, bank, row);
  const ChipMemory &sram = store(chip).memory;
  auto found = sram.flips.find(sram.index(2 * slice + bank, row));
  return found != sram.flips.end() && found->second.judge().uncorrectable;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::vector<uint8_t> EventEngine::textBytes(unsigned chip,
                                            const TextSegment &segment) {
  std::vector<uint8_t> bytes(size_t(segment.rows) * m.lanes);
  if (!ownTexts[chip] && !stores[chip]) { // as the package has it
    for (unsigned i = 0; i < segment.rows; ++i)
      llvm::copy(
          package.imageRow(chip, segment.slice, segment.bank, segment.row + i),
          bytes.begin() + ptrdiff_t(size_t(i) * m.lanes));
    return bytes;
  }
  for (unsigned i = 0; i < segment.rows; ++i)
    readRow(chip, segment.slice, segment.bank, segment.row + i,
            llvm::MutableArrayRef<uint8_t>(bytes).slice(size_t(i) * m.lanes,
                                                        m.lanes));
  return bytes;
}

std::vector<QueueText> EventEngine::decodeChip(unsigned chip) {
  std::vector<QueueText> queues;
  for (const TextSegment &segment :
       package.classes[package.chips[chip].chipClass].text)
    queues.push_back(decodeQueue(m, segment, textBytes(chip, segment)));
  return queues;
}

void EventEngine::decodeTexts() {
  if (decoded)
    return;
  decoded = true;
  std::vector<bool> done(package.classes.size());
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    unsigned number = package.chips[chip].chipClass;
    if (done[number] || ownTexts[chip])
      continue;
    done[number] = true;
    classTexts[number] = decodeChip(chip);
  }
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

static void add(Counters &sum, const Counters &c, uint64_t times = 1) {
  sum.issues += times * c.issues;
  sum.macsInt8 += times * c.macsInt8;
  sum.macsFp16 += times * c.macsFp16;
  sum.aluOps += times * c.aluOps;
  sum.sramBytesRead += times * c.sramBytesRead;
  sum.sramBytesWritten += times * c.sramBytesWritten;
  sum.fetchBytes += times * c.fetchBytes;
  sum.linkVectors += times * c.linkVectors;
}

static void add(RunResult &result, const ChipState &state, unsigned lanes,
                uint64_t times = 1) {
  add(result.counters, state.counters, times);
  result.counters.streamByteHops += times * state.streamHops * lanes;
  result.upsets.met += state.upsets.met;
  result.upsets.corrected += state.upsets.corrected;
  CycleMaxima &most = result.maxima;
  most.macs = std::max(most.macs, state.maxima.macs);
  most.sramBytes = std::max(most.sramBytes, state.maxima.sramBytes);
  most.fetchBytes = std::max(most.fetchBytes, state.maxima.fetchBytes);
}

RunResult EventEngine::run(const RunOptions &options) {
  LPU_CHECK(options.runs == 1 || package.interval != 0,
            "several runs need an initiation interval");
  LPU_CHECK(checkUpsets(options.upsets, package).empty(), "upsets in range");
  LPU_CHECK(options.probes.empty() || (options.runs == 1 && !options.dataFree),
            "probes of one run with values");
  decodeTexts();
  Pool pool(m.lanes); // of runs without values, which take nothing from it
  std::optional<WorkerPool> workers;
  if (options.threads > 1 && !options.dataFree && stores.size() == 1)
    workers.emplace(options.threads);
  RunContext context{m, pool, pickKernels(options.simd),
                     workers ? &*workers : nullptr};
  bool upsets = !options.upsets.empty() || !options.probes.empty() ||
                llvm::any_of(stores, [](const auto &store) {
                  return store && !store->memory.flips.empty();
                });
  if (upsets)
    return options.dataFree
               ? runWith<WithUpsets<NoData>>(options, context)
               : runWith<WithUpsets<IsaArithmetic>>(options, context);
  if (!options.dataFree)
    return runWith<IsaArithmetic>(options, context);
  if (std::optional<RunResult> result = runClasses(options, context))
    return *result;
  return runWith<NoData>(options, context);
}

/// Once per class, if no fault is found that way and nobody looks at chips.
std::optional<RunResult> EventEngine::runClasses(const RunOptions &options,
                                                 const RunContext &context) {
  if (stores.size() == 1 || options.trace || options.beforeRun ||
      options.afterRun ||
      llvm::any_of(options.driftPpm, [](int64_t ppm) { return ppm != 0; }) ||
      llvm::any_of(ownTexts, [](const auto &text) { return text != nullptr; }))
    return std::nullopt;
  ClassRuns classes(
      package, options, context,
      [&](unsigned chip) -> ChipMemory & { return store(chip).memory; },
      [&](unsigned chip) { return stores[chip] && stores[chip]->written; },
      [&](unsigned chip) -> const std::vector<QueueText> & {
        return textsOf(chip);
      });
  if (!classes.run())
    return std::nullopt;
  RunResult result;
  for (const ClassRuns::Group &group : classes.groups)
    add(result, group.state, m.lanes,
        uint64_t(group.chips.size()) * options.runs);
  result.ends = classes.ends;
  result.cycles = result.ends.back();
  checkLimits(result.maxima, m);
  return result;
}

template <class Arithmetic>
RunResult EventEngine::runWith(const RunOptions &options,
                               const RunContext &context) {
  std::vector<HostPortCycles> ports = hostPortCycles(package);
  Graph<Arithmetic> graph(package, options, context, [&](unsigned chip) {
    ChipSetup setup;
    const Chip &c = package.chips[chip];
    setup.start = int64_t(c.start);
    if (package.interval != 0)
      setup.allowed =
          int64_t(package.interval - ports[chip].inputs - ports[chip].outputs -
                  restartCycles(package, c.chipClass));
    ChipStore &own = store(chip);
    setup.memory = Arithmetic::hasData ? &memoryWithValues(chip) : &own.memory;
    own.written |= Arithmetic::hasData;
    setup.pool = &own.pool;
    setup.texts = &textsOf(chip);
    return setup;
  });
  graph.run();

  RunResult result;
  result.ranOut = graph.ranOut;
  result.ends = graph.ends;
  result.cycles = graph.ends.back();
  for (const ChipState &state : graph.states)
    add(result, state, m.lanes);
  if (!graph.faults.empty()) {
    auto key = [](const FaultRecord &f) {
      return std::make_tuple(f.cycle, f.chip, f.kind, queueOf(f.offender.who));
    };
    FaultRecord &first =
        *std::min_element(graph.faults.begin(), graph.faults.end(),
                          [&](const FaultRecord &a, const FaultRecord &b) {
                            return key(a) < key(b);
                          });
    completeUnderrun(first);
    result.fault = describe(first);
    result.cycles = result.fault->cycle;
    result.ends.clear();
  } else {
    checkLimits(result.maxima, m);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

/// The vector that is under way when a receiver finds none.
void EventEngine::completeUnderrun(FaultRecord &record) {
  const Message *message =
      record.underrun ? record.underrun->oldest() : nullptr;
  // In one cycle the chips issue in the order of their numbers.
  if (!message ||
      std::make_pair(message->sender.cycle(), record.underrun->fromChip) >
          std::make_pair(record.cycle, record.chip))
    return;
  record.other = message->sender;
  record.otherChip = record.underrun->fromChip;
  record.detail =
      "the oldest vector is receivable from cycle " +
      std::to_string(message->sender.cycle() + int64_t(m.linkLatency) +
                     int64_t(m.linkMargin));
}

Party EventEngine::party(unsigned chip, Issue issue) {
  Party party;
  party.chip = chip;
  party.queue = queueOf(issue.who);
  party.cycle = uint64_t(issue.cycle());
  for (const QueueText &text : textsOf(chip)) {
    if (text.segment.queue != party.queue)
      continue;
    party.textIndex = findIssue(text, cycleOf(issue.who));
    std::vector<uint8_t> bytes = textBytes(chip, text.segment);
    party.instruction =
        party.textIndex < text.ops.size()
            ? printWord(bytes.data() + size_t(party.textIndex) * 16)
            : "(behind the text)";
  }
  return party;
}

Fault EventEngine::describe(const FaultRecord &record) {
  Fault fault;
  fault.kind = record.kind;
  fault.cycle = uint64_t(record.cycle);
  fault.chip = record.chip;
  fault.offender = party(record.offenderChip, record.offender);
  if (record.other)
    fault.other = party(record.otherChip, *record.other);
  fault.detail = record.detail;
  return fault;
}

llvm::Expected<std::unique_ptr<Engine>>
lpu::emulator::createEventEngine(const Package &package) {
  if (auto errors = checkPackage(package); !errors.empty())
    return llvm::createStringError("the package is not consistent:\n  " +
                                   llvm::join(errors, "\n  "));
  for (const lpu::Chip &chip : package.chips)
    for (const ImageSegment &segment : chip.image)
      if (segment.source)
        return llvm::createStringError(
            "the package still has image sources; write it to a file first");
  return std::make_unique<EventEngine>(package);
}
