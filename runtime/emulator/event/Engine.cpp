//===- Engine.cpp - the event engine --------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chips meet only through their links, and a vector needs at least
// link_latency - link_margin cycles. So the chips run one after the other, each
// through a window of that many cycles; every vector that a window can see was
// sent in an earlier one.
//
//===----------------------------------------------------------------------===//

#include "ChipRun.h"
#include "Workers.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <map>

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

class EventEngine final : public Engine {
public:
  explicit EventEngine(const Package &package);

  void writeRow(unsigned chip, unsigned slice, unsigned bank, unsigned row,
                llvm::ArrayRef<uint8_t> bytes) override;
  bool readRow(unsigned chip, unsigned slice, unsigned bank, unsigned row,
               llvm::MutableArrayRef<uint8_t> bytes) override;
  RunResult run(const RunOptions &options) override;

private:
  template <class Arithmetic>
  RunResult runWith(const RunOptions &options, const RunContext &context);
  ChipMemory &memory(unsigned chip, unsigned slice, unsigned bank,
                     unsigned row) {
    LPU_CHECK(chip < memories.size() && slice < m.numSlices() && bank < 2 &&
                  row < m.rows,
              "an SRAM row of the machine");
    return memories[chip];
  }
  std::vector<uint8_t> textBytes(unsigned chip, const TextSegment &segment);
  Fault describe(const FaultRecord &record);
  Party party(unsigned chip, Who who);
  void completeUnderrun(FaultRecord &record);

  const Package &package;
  const Machine &m;
  Pool pool;
  std::vector<uint8_t> zeros; // a row of an image without bytes
  std::vector<ChipMemory> memories;
  std::vector<std::vector<QueueText>> texts; // by chip; of the newest run
};

} // namespace

EventEngine::EventEngine(const Package &package)
    : package(package), m(package.machine), pool(m.lanes) {
  zeros.assign(m.lanes, 0);
  for (const lpu::Chip &chip : package.chips) {
    ChipMemory &memory = memories.emplace_back(m);
    for (const ImageSegment &segment : chip.image)
      for (unsigned i = 0; i < segment.rows; ++i) {
        size_t index =
            memory.index(2 * segment.slice + segment.bank, segment.row + i);
        const uint8_t *row = segment.bytes.empty()
                                 ? zeros.data()
                                 : segment.bytes.data() + size_t(i) * m.lanes;
        memory.row[index] = makeValue(row, 0, false);
        ChipMemory::set(memory.initialised, index);
      }
    for (const TextSegment &segment : package.classes[chip.chipClass].text) {
      unsigned bank = 2 * segment.slice + segment.bank;
      memory.textBanks[bank] = true;
      for (unsigned i = 0; i < segment.rows; ++i)
        ChipMemory::set(memory.text, memory.index(bank, segment.row + i));
    }
  }
}

void EventEngine::writeRow(unsigned chip, unsigned slice, unsigned bank,
                           unsigned row, llvm::ArrayRef<uint8_t> bytes) {
  LPU_CHECK(bytes.size() == m.lanes, "a row has `lanes` bytes");
  ChipMemory &sram = memory(chip, slice, bank, row);
  size_t index = sram.index(2 * slice + bank, row);
  // No run is under way, so nothing else refers to an old buffer.
  if (sram.row[index] & valueOwned)
    pool.release(const_cast<uint8_t *>(valueData(sram.row[index])));
  uint8_t *data = pool.allocate(0);
  std::copy(bytes.begin(), bytes.end(), data);
  sram.row[index] = makeValue(data, 0, true);
  ChipMemory::set(sram.initialised, index);
}

bool EventEngine::readRow(unsigned chip, unsigned slice, unsigned bank,
                          unsigned row, llvm::MutableArrayRef<uint8_t> bytes) {
  LPU_CHECK(bytes.size() == m.lanes, "a row has `lanes` bytes");
  ChipMemory &sram = memory(chip, slice, bank, row);
  Value value = sram.row[sram.index(2 * slice + bank, row)];
  if (value == 0) {
    std::fill(bytes.begin(), bytes.end(), 0);
    return false;
  }
  unsigned step = 1u << valueWidthLog(value);
  const uint8_t *data = valueData(value) + valueByte(value);
  for (unsigned lane = 0; lane < m.lanes; ++lane)
    bytes[lane] = data[size_t(lane) * step];
  return true;
}

std::vector<uint8_t> EventEngine::textBytes(unsigned chip,
                                            const TextSegment &segment) {
  std::vector<uint8_t> bytes(size_t(segment.rows) * m.lanes);
  for (unsigned i = 0; i < segment.rows; ++i)
    readRow(chip, segment.slice, segment.bank, segment.row + i,
            llvm::MutableArrayRef<uint8_t>(bytes).slice(size_t(i) * m.lanes,
                                                        m.lanes));
  return bytes;
}

RunResult EventEngine::run(const RunOptions &options) {
  texts.clear();
  for (unsigned chip = 0; chip < memories.size(); ++chip) {
    std::vector<QueueText> &queues = texts.emplace_back();
    for (const TextSegment &segment :
         package.classes[package.chips[chip].chipClass].text)
      queues.push_back(decodeQueue(m, segment, textBytes(chip, segment)));
  }
  std::optional<WorkerPool> workers;
  if (options.threads > 1 && !options.dataFree)
    workers.emplace(options.threads);
  RunContext context{m, pool, pickKernels(options.simd),
                     workers ? &*workers : nullptr};
  return options.dataFree ? runWith<NoData>(options, context)
                          : runWith<IsaArithmetic>(options, context);
}

/// The vector that is under way when a receiver finds none.
void EventEngine::completeUnderrun(FaultRecord &record) {
  if (!record.underrun || record.underrun->messages.empty())
    return;
  const Message &message = record.underrun->messages.front();
  // In one cycle the chips issue in the order of their numbers.
  if (std::make_pair(message.sent, message.fromChip) >
      std::make_pair(record.cycle, record.chip))
    return;
  record.other = message.sender;
  record.otherChip = message.fromChip;
  record.detail = "the oldest vector is receivable from cycle " +
                  std::to_string(message.sent + int64_t(m.linkLatency) +
                                 int64_t(m.linkMargin));
}

static void add(Counters &sum, const Counters &c) {
  sum.issues += c.issues;
  sum.macsInt8 += c.macsInt8;
  sum.macsFp16 += c.macsFp16;
  sum.aluOps += c.aluOps;
  sum.sramBytesRead += c.sramBytesRead;
  sum.sramBytesWritten += c.sramBytesWritten;
  sum.fetchBytes += c.fetchBytes;
  sum.linkVectors += c.linkVectors;
}

template <class Arithmetic>
RunResult EventEngine::runWith(const RunOptions &options,
                               const RunContext &context) {
  unsigned count = unsigned(memories.size());
  std::vector<Wire> wires(package.wires.size());
  std::vector<ChipLinks> links(count);
  for (ChipLinks &link : links) {
    link.out.resize(m.links);
    link.in.resize(m.links);
  }
  for (size_t i = 0; i < wires.size(); ++i) {
    const LinkWire &wire = package.wires[i];
    wires[i].fromChip = wire.fromChip;
    wires[i].toChip = wire.toChip;
    links[wire.fromChip].out[wire.fromLink] = &wires[i];
    links[wire.toChip].in[wire.toLink] = &wires[i];
  }
  std::vector<ChipState> states(count);
  std::vector<std::unique_ptr<ChipRun<Arithmetic>>> chips;
  for (unsigned chip = 0; chip < count; ++chip)
    chips.push_back(std::make_unique<ChipRun<Arithmetic>>(
        context, options, chip, memories[chip], texts[chip], links[chip],
        states[chip]));

  RunResult result;
  std::vector<FaultRecord> faults;
  int64_t limit = int64_t(options.maxCycles) + 1;
  int64_t window = wires.empty()
                       ? limit
                       : std::max<int64_t>(1, int64_t(m.linkLatency) -
                                                  int64_t(m.linkMargin));
  // Vectors that are sent also arrive, where they may overrun a buffer.
  auto allDone = [&] {
    return llvm::all_of(states, [](const ChipState &s) { return s.done; }) &&
           llvm::all_of(wires, [](const Wire &w) {
             return w.arrived == w.messages.size();
           });
  };
  for (int64_t end = 0; !allDone() && faults.empty();) {
    if (end >= limit) {
      result.ranOut = true;
      break;
    }
    end = std::min(end + window, limit);
    for (auto &chip : chips)
      chip->runUntil(end);
    for (ChipState &state : states)
      faults.insert(faults.end(), state.faults.begin(), state.faults.end());
  }

  if (faults.empty() && !result.ranOut)
    for (Wire &wire : wires)
      for (const Message &message : wire.messages)
        faults.push_back(
            {FaultClass::LiveValueLost,
             message.sent + int64_t(m.linkLatency) + int64_t(m.linkMargin),
             message.fromChip, message.fromChip, message.fromChip,
             message.sender, std::nullopt,
             "chip " + std::to_string(wire.toChip) +
                 " never receives this vector",
             nullptr});

  for (const ChipState &state : states) {
    result.cycles = std::max(result.cycles, uint64_t(state.lastEffect + 1));
    add(result.counters, state.counters);
    result.counters.streamByteHops += state.streamHops * m.lanes;
    result.maxima.macs = std::max(result.maxima.macs, state.maxima.macs);
    result.maxima.sramBytes =
        std::max(result.maxima.sramBytes, state.maxima.sramBytes);
    result.maxima.fetchBytes =
        std::max(result.maxima.fetchBytes, state.maxima.fetchBytes);
  }
  if (!faults.empty()) {
    auto key = [](const FaultRecord &f) {
      return std::make_tuple(f.cycle, f.chip, f.kind, queueOf(f.offender));
    };
    FaultRecord &first =
        *std::min_element(faults.begin(), faults.end(),
                          [&](const FaultRecord &a, const FaultRecord &b) {
                            return key(a) < key(b);
                          });
    completeUnderrun(first);
    result.fault = describe(first);
    result.cycles = result.fault->cycle;
  } else {
    checkLimits(result.maxima, m);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

Party EventEngine::party(unsigned chip, Who who) {
  Party party;
  party.chip = chip;
  party.queue = queueOf(who);
  party.cycle = uint64_t(cycleOf(who));
  for (const QueueText &text : texts[chip]) {
    if (text.segment.queue != party.queue)
      continue;
    party.textIndex = findIssue(text, cycleOf(who));
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
