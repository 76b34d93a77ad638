//===- Chip.cpp - one chip ------------------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chip.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormatVariadic.h"

namespace lpu::emulator::tick {

using isa::Opcode;
namespace field = isa::field;

Chip::Chip(const Package &package, unsigned number, uint64_t start, Sram &sram,
           Links &links, const RunOptions &options, FaultLog &log)
    : machine(package.machine), options(options), sram(sram), links(links),
      log(log), streams(machine, log), vectorUnit(machine, streams, log),
      registers(machine.numSlices()) {
  for (const BaseRegister &base : package.chips[number].registers)
    registers[base.slice][base.reg] = uint16_t(base.value);
  for (unsigned plane = 0; plane < machine.numPlanes(); ++plane)
    planes.emplace_back(machine, plane, streams, log);
  for (unsigned half = 0; half < 2; ++half)
    shuffles.emplace_back(machine, half, streams, log);
  std::vector<TextSegment> texts =
      package.classes[package.chips[number].chipClass].text;
  llvm::sort(texts, [](const TextSegment &a, const TextSegment &b) {
    return a.queue < b.queue;
  });
  for (const TextSegment &text : texts)
    sequencers.emplace_back(machine, number, text, start, sram, log);
}

bool Chip::halted() const {
  return llvm::all_of(sequencers,
                      [](const Sequencer &s) { return s.isHalted(); });
}

bool Chip::quiet() const {
  return streams.quiet() && llvm::none_of(sequencers, [](const Sequencer &s) {
           return s.fetching();
         });
}

bool Chip::over(uint64_t cycle) const {
  return halted() && cycle >= end &&
         llvm::all_of(sequencers, [&](const Sequencer &s) {
           return cycle >= s.fetchEnd() &&
                  (!s.halt() || cycle > s.halt()->cycle);
         });
}

IssuePtr Chip::lastHalt() const {
  IssuePtr last;
  for (const Sequencer &sequencer : sequencers)
    if (IssuePtr halt = sequencer.halt())
      if (!last || issuedLater(halt, last))
        last = halt;
  return last;
}

/// One cycle: what is due completes; then every queue issues, reading streams,
/// rows, histories and accumulators; then streams are written and move.
void Chip::tick(uint64_t cycleNumber) {
  now = cycleNumber;
  cycle = {};
  sram.startCycle(now, log);
  vectorUnit.startCycle(now);
  for (Plane &plane : planes)
    plane.startCycle(now);
  for (Shuffle &shuffle : shuffles)
    shuffle.startCycle(now);
  for (Sequencer &sequencer : sequencers)
    sequencer.startCycle(now);

  for (Sequencer &sequencer : sequencers)
    if (IssuePtr issue = sequencer.step()) {
      if (options.trace)
        options.trace(
            {issue->chip, issue->queue, now, issue->textIndex, issue->repeat});
      if (issue->instruction.info().unit)
        execute(issue);
    }
  checkFetches();
  streams.finishCycle(now);

  maxima.macs = std::max(maxima.macs, cycle.macs);
  maxima.sramBytes = std::max(maxima.sramBytes, cycle.sramBytes);
  maxima.fetchBytes = std::max(maxima.fetchBytes, cycle.fetchBytes);
}

/// 16 bytes per active fetch and cycle, limited for the whole chip.
void Chip::checkFetches() {
  std::vector<IssuePtr> active;
  for (const Sequencer &sequencer : sequencers)
    if (IssuePtr fetch = sequencer.fetching())
      active.push_back(fetch);
  llvm::sort(active, issuedLater);
  cycle.fetchBytes = 16 * active.size();
  counters.fetchBytes += cycle.fetchBytes;
  if (cycle.fetchBytes > machine.fetchBytesPerCycle)
    log.report(FaultClass::FetchOverload, active[0],
               active.size() > 1 ? active[1] : nullptr,
               llvm::formatv("{0} bytes of text in one cycle, at most {1}",
                             cycle.fetchBytes, machine.fetchBytesPerCycle));
}

void Chip::count(const IssuePtr &issue, Unit unit) {
  const isa::Instruction &inst = issue->instruction;
  ++counters.issues;
  end = std::max(end, now + isa::streamDelay(inst, machine) + 1);
  switch (inst.opcode) {
  case Opcode::mem_read:
  case Opcode::mem_gather:
    counters.sramBytesRead += machine.lanes;
    cycle.sramBytes += machine.lanes;
    break;
  case Opcode::mem_write:
  case Opcode::mem_scatter:
    counters.sramBytesWritten += machine.lanes;
    cycle.sramBytes += machine.lanes;
    break;
  case Opcode::pass_run: {
    const uint64_t macs =
        uint64_t(inst.get(field::pass_run::lane_count)) * machine.lanes;
    (inst.get(field::pass_run::fp16) ? counters.macsFp16 : counters.macsInt8) +=
        macs;
    cycle.macs += macs;
    break;
  }
  case Opcode::link_send_send:
    ++counters.linkVectors;
    break;
  default:
    if (unit == Unit::Alu)
      counters.aluOps += machine.lanes;
  }
}

void Chip::execute(const IssuePtr &issue) {
  const isa::Instruction &inst = issue->instruction;
  auto [unit, index] = machine.queueUnit(issue->queue);
  count(issue, unit);
  const unsigned position = machine.unitPosition(unit, index);
  switch (unit) {
  case Unit::Mem:
    return executeMem(index, issue);
  case Unit::Alu:
    return vectorUnit.execute(index, issue);
  case Unit::Weights:
    return inst.opcode == Opcode::weights_swap ? planes[index].swap(issue)
                                               : planes[index].install(issue);
  case Unit::Pass:
    return planes[index].pass(issue);
  case Unit::Drain:
    return planes[index].drain(issue);
  case Unit::Shuffle:
    return shuffles[index].shuffle(issue);
  case Unit::Transpose:
    return shuffles[index].transpose(issue);
  case Unit::LinkSend: {
    namespace f = field::link_send_send;
    const bool outwardIsWest = !machine.isEast(unit, index);
    return links.send(
        index,
        streams.read({position, outwardIsWest, unsigned(inst.get(f::stream))},
                     inst.get(f::last), issue),
        issue);
  }
  case Unit::LinkRecv: {
    namespace f = field::link_recv_recv;
    const bool inwardIsWest = machine.isEast(unit, index);
    return streams.put(now + 1,
                       {position, inwardIsWest, unsigned(inst.get(f::stream))},
                       links.receive(index, issue), issue);
  }
  case Unit::Control:
    return links.resync(issue);
  }
  llvm_unreachable("all units handled");
}

//===----------------------------------------------------------------------===//
// SRAM slices
//===----------------------------------------------------------------------===//

/// The unsigned 16-bit number in lane 0 of two streams.
uint16_t Chip::addressFrom(unsigned slice, bool west, unsigned stream,
                           bool last, const IssuePtr &issue) {
  const unsigned position = machine.slicePosition(slice);
  const uint8_t low = streams.read({position, west, stream}, last, issue)[0];
  const uint8_t high =
      streams.read({position, west, stream + 1}, last, issue)[0];
  return uint16_t(low | high << 8);
}

/// The row that an issue addresses; nothing after a fault.
std::optional<unsigned> Chip::row(unsigned slice, const IssuePtr &issue) {
  const isa::Instruction &inst = issue->instruction;
  int64_t address = 0;
  switch (inst.opcode) {
  case Opcode::mem_read:
  case Opcode::mem_write: {
    namespace f = field::mem_read; // mem.write begins with the same fields
    const int64_t i = issue->repeat, inner = inst.get(f::inner);
    address = registers[slice][size_t(inst.get(f::reg))] + inst.get(f::offset);
    address += inner > 0 ? i % inner * inst.get(f::stride) +
                               i / inner * inst.get(f::stride2)
                         : i * inst.get(f::stride);
    break;
  }
  case Opcode::mem_gather:
  case Opcode::mem_scatter: {
    namespace f = field::mem_gather; // mem.scatter begins with the same fields
    address = registers[slice][size_t(inst.get(f::reg))] + inst.get(f::offset) +
              addressFrom(slice, inst.get(f::adir) != 0,
                          unsigned(inst.get(f::astream)),
                          inst.get(f::alast) != 0, issue);
    break;
  }
  default:
    llvm_unreachable("an instruction with an address");
  }
  if (address >= 0 && address < int64_t(machine.rows))
    return unsigned(address);
  log.report(
      FaultClass::AddressOutOfRange, issue, nullptr,
      llvm::formatv("row {0}, outside 0 .. {1}", address, machine.rows - 1));
  return std::nullopt;
}

void Chip::executeMem(unsigned slice, const IssuePtr &issue) {
  const isa::Instruction &inst = issue->instruction;
  const unsigned position = machine.slicePosition(slice);
  auto put = [&](bool west, int64_t stream, Bytes bytes) {
    streams.put(now + machine.delaySramRead, {position, west, unsigned(stream)},
                std::move(bytes), issue);
  };
  auto sample = [&](bool west, int64_t stream, bool last) -> const Bytes & {
    return streams.read({position, west, unsigned(stream)}, last, issue);
  };
  Registers &regs = registers[slice];
  switch (inst.opcode) {
  case Opcode::mem_read: {
    namespace f = field::mem_read;
    if (auto r = row(slice, issue))
      put(inst.get(f::dir), inst.get(f::stream),
          sram.read({slice, unsigned(inst.get(f::bank)), *r}, issue));
    return;
  }
  case Opcode::mem_gather: {
    namespace f = field::mem_gather;
    if (auto r = row(slice, issue))
      put(inst.get(f::dir), inst.get(f::stream),
          sram.read({slice, unsigned(inst.get(f::bank)), *r}, issue));
    return;
  }
  case Opcode::mem_write: {
    namespace f = field::mem_write;
    const Bytes &bytes =
        sample(inst.get(f::dir), inst.get(f::stream), inst.get(f::last));
    if (auto r = row(slice, issue))
      sram.write({slice, unsigned(inst.get(f::bank)), *r}, bytes, issue);
    return;
  }
  case Opcode::mem_scatter: {
    namespace f = field::mem_scatter;
    const Bytes &bytes =
        sample(inst.get(f::dir), inst.get(f::stream), inst.get(f::last));
    if (auto r = row(slice, issue))
      sram.write({slice, unsigned(inst.get(f::bank)), *r}, bytes, issue);
    return;
  }
  case Opcode::mem_setreg: {
    namespace f = field::mem_setreg;
    regs[size_t(inst.get(f::reg))] = uint16_t(inst.get(f::value));
    return;
  }
  case Opcode::mem_addreg: {
    namespace f = field::mem_addreg;
    regs[size_t(inst.get(f::reg))] += uint16_t(inst.get(f::value));
    return;
  }
  case Opcode::mem_loadreg: {
    namespace f = field::mem_loadreg;
    regs[size_t(inst.get(f::reg))] =
        addressFrom(slice, inst.get(f::dir) != 0, unsigned(inst.get(f::stream)),
                    inst.get(f::last) != 0, issue);
    return;
  }
  default:
    llvm_unreachable("a mem instruction");
  }
}

} // namespace lpu::emulator::tick
