//===- Activity.cpp - what a scheduled program does -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LastReads.h"
#include "lpu/Report/Report.h"
#include "lpu/Target/Energy.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

using namespace lpu;
using isa::Opcode;

namespace {
/// A run of repeats of one instruction of one unit.
struct Run {
  Unit unit;
  unsigned index;
  const isa::Instruction &inst;
  int64_t first; // issue cycle of repeat 0
};

/// Counts what runs do. A write to a stream starts a life that its last read
/// ends; both ends know their position, and the sum of (last read position -
/// write position) over all values needs no matching of the two: it is the
/// difference of two sums. Units at one position may make the same last read
/// (two planes that take the same weights), which ends one life: these reads
/// are collected and counted once.
struct Counter {
  const Machine &machine;
  Activity &activity;
  LastReads reads;

  explicit Counter(const Machine &machine, Activity &activity)
      : machine(machine), activity(activity) {}

  void write(bool west, unsigned position, uint64_t values) {
    activity.streamByteHops -=
        along(machine, west, position) * values * machine.lanes;
  }
  /// Last reads of `width` neighbouring streams by every repeat.
  void lastRead(const Run &run, bool west, int64_t stream, unsigned width) {
    reads.add({uint16_t(machine.unitPosition(run.unit, run.index)), west,
               uint8_t(stream), uint8_t(width)},
              {run.first, run.inst.count, run.inst.interval});
  }

  void issue(const Run &run) {
    const isa::Instruction &inst = run.inst;
    uint64_t n = inst.count, lanes = machine.lanes;
    const isa::InstructionInfo &info = inst.info();
    if (inst.opcode == Opcode::fetch) {
      activity.fetchBytes +=
          uint64_t(inst.get(isa::field::fetch::rows)) * lanes;
      return;
    }
    if (!info.unit)
      return;
    activity.issues += n;
    activity.busy[unsigned(run.unit)] += n;
    unsigned position = machine.unitPosition(run.unit, run.index);
    bool outwardWest = !machine.isEast(run.unit, run.index);
    auto field = [&](const char *name) -> int64_t {
      for (unsigned i = 0; i < info.fields.size(); ++i)
        if (llvm::StringRef(info.fields[i].name) == name)
          return inst.get(i);
      llvm_unreachable("no such field");
    };
    auto readIfLast = [&](const char *last, const char *direction,
                          const char *stream, unsigned width) {
      if (field(last))
        lastRead(run, field(direction), field(stream), width);
    };
    switch (run.unit) {
    case Unit::Mem:
      switch (inst.opcode) {
      case Opcode::mem_gather:
      case Opcode::mem_scatter:
        readIfLast("alast", "adir", "astream", 2);
        break;
      case Opcode::mem_loadreg:
        readIfLast("last", "dir", "stream", 2);
        break;
      default:
        break;
      }
      if (inst.opcode == Opcode::mem_read ||
          inst.opcode == Opcode::mem_gather) {
        activity.sramBytesRead += n * lanes;
        write(field("dir"), position, n);
      } else if (inst.opcode == Opcode::mem_write ||
                 inst.opcode == Opcode::mem_scatter) {
        activity.sramBytesWritten += n * lanes;
        readIfLast("last", "dir", "stream", 1);
      }
      return;
    case Unit::Alu:
      return vector(run, position);
    case Unit::Weights:
      if (inst.opcode == Opcode::weights_install && field("last"))
        lastRead(run, outwardWest, field("stream"), field("n"));
      return;
    case Unit::Pass: {
      bool fp16 = field("fp16");
      (fp16 ? activity.macsFp16 : activity.macsInt8) +=
          n * uint64_t(field("lane_count")) * lanes;
      if (field("last"))
        lastRead(run, outwardWest, field("stream"), fp16 ? 2 : 1);
      return;
    }
    case Unit::Drain:
      write(!outwardWest, position, 4 * n);
      return;
    case Unit::Shuffle:
      readIfLast("last", "dir", "stream",
                 inst.opcode == Opcode::shuffle_loadmap ? 2 : 1);
      if (inst.opcode != Opcode::shuffle_loadmap)
        write(field("odir"), position, n);
      return;
    case Unit::Transpose:
      readIfLast("last", "dir", "stream", 16);
      write(field("odir"), position, 16 * n);
      return;
    case Unit::LinkSend:
      activity.linkVectors += n;
      if (field("last"))
        lastRead(run, outwardWest, field("stream"), 1);
      return;
    case Unit::LinkRecv:
      write(!outwardWest, position, n);
      return;
    case Unit::Control:
      return;
    }
  }

  void vector(const Run &run, unsigned position) {
    const isa::Instruction &inst = run.inst;
    const isa::InstructionInfo &info = inst.info();
    activity.aluOps += uint64_t(inst.count) * machine.lanes;
    // A running reduction writes once per period.
    uint64_t written = inst.count;
    for (unsigned i = 0; i < info.fields.size(); ++i)
      if (llvm::StringRef(info.fields[i].name) == "period")
        written = inst.get(i) ? written / uint64_t(inst.get(i)) : 1;
    for (unsigned i = 0; i < info.fields.size(); ++i) {
      if (info.fields[i].kind == isa::FieldKind::Operand) {
        isa::Operand operand = inst.operand(i);
        if (operand.kind == isa::Operand::Stream && operand.stream.last)
          lastRead(run, operand.stream.west, operand.stream.stream,
                   isa::byteWidth(operand.stream.type));
      } else if (info.fields[i].kind == isa::FieldKind::Dest) {
        isa::Dest dest = inst.dest(i);
        if (dest.present)
          write(dest.west, position, written * isa::byteWidth(dest.type));
      }
    }
  }

  void walk(const QueueProgram &queue, const std::vector<QueueItem> &items,
            int64_t base) {
    for (const QueueItem &item : items) {
      int64_t at = base + int64_t(item.at);
      if (!item.isLoop()) {
        issue({queue.unit, queue.index, item.inst, at});
        continue;
      }
      for (uint32_t k = 0; k < item.iterations; ++k)
        walk(queue, item.body, at + 1 + int64_t(k) * int64_t(item.period));
    }
  }
};
} // namespace

/// Adds `one`, `times` times.
static void add(Activity &all, const Activity &one, uint64_t times) {
  auto each = [&](uint64_t &sum, uint64_t count) { sum += count * times; };
  each(all.issues, one.issues);
  each(all.macsInt8, one.macsInt8);
  each(all.macsFp16, one.macsFp16);
  each(all.aluOps, one.aluOps);
  each(all.sramBytesRead, one.sramBytesRead);
  each(all.sramBytesWritten, one.sramBytesWritten);
  each(all.fetchBytes, one.fetchBytes);
  each(all.streamByteHops, one.streamByteHops);
  each(all.linkVectors, one.linkVectors);
  for (unsigned unit = 0; unit < numUnitKinds; ++unit)
    each(all.busy[unit], one.busy[unit]);
}

Activity lpu::countActivity(const std::vector<ClassProgram> &classes,
                            const Machine &machine,
                            const std::vector<Chip> &chips) {
  std::vector<uint64_t> members(classes.size());
  for (const Chip &chip : chips)
    ++members[chip.chipClass];
  Activity all;
  for (auto [program, times] : llvm::zip(classes, members)) {
    Activity own;
    Counter counter(machine, own);
    for (const QueueProgram &queue : program.queues)
      counter.walk(queue, queue.items, 0);
    own.streamByteHops += counter.reads.hops(machine) * machine.lanes;
    add(all, own, times);
  }
  return all;
}

double lpu::joules(const Activity &a, const Machine &m, int64_t cycles,
                   unsigned chips) {
  EnergyEvents events;
  events.sramBytes = a.sramBytesRead + a.sramBytesWritten;
  events.hopBytes = a.streamByteHops;
  events.macsInt8 = a.macsInt8;
  events.macsFp16 = a.macsFp16;
  events.aluOps = a.aluOps;
  events.linkBytes = a.linkVectors * m.lanes;
  events.fetchBytes = a.fetchBytes;
  return joules(events, m, uint64_t(cycles), chips);
}
