//===- Activity.cpp - what a scheduled program does -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Report/Report.h"
#include <map>

using namespace lpu;
using isa::Opcode;

namespace {
/// Counts one queue. A write to a stream starts a life that its last read
/// ends; both ends know their position, and the sum of (last read position - write position) over all
/// values needs no matching: every value is written once and read for the last time
/// once, so the hops are the difference of two sums.
struct Counter {
  const Machine &machine;
  Activity &activity;

  void stream(bool west, unsigned position, uint64_t values, bool write) {
    // Distance from the edge the stream comes from.
    int64_t along = west ? int64_t(machine.lastPosition()) - position : position;
    int64_t hops = along * int64_t(values) * int64_t(machine.lanes);
    activity.streamByteHops += uint64_t(write ? -hops : hops);
  }

  void issue(Unit unit, unsigned index, const isa::Instruction &inst,
             uint64_t times) {
    uint64_t n = times * inst.count, lanes = machine.lanes;
    const isa::InstructionInfo &info = inst.info();
    if (inst.opcode == Opcode::fetch) {
      activity.fetchBytes += times * inst.get(isa::field::fetch::rows) * lanes;
      return;
    }
    if (!info.unit)
      return;
    activity.issues += n;
    activity.busy[unsigned(unit)] += n;
    unsigned position = machine.unitPosition(unit, index);
    bool outwardWest = !machine.isEast(unit, index);
    auto field = [&](const char *name) -> int64_t {
      for (unsigned i = 0; i < info.fields.size(); ++i)
        if (llvm::StringRef(info.fields[i].name) == name)
          return inst.get(i);
      return -1;
    };
    switch (inst.opcode) {
    case Opcode::mem_read:
      activity.sramBytesRead += n * lanes;
      stream(field("dir"), position, n, true);
      return;
    case Opcode::mem_gather:
      activity.sramBytesRead += n * lanes;
      if (field("alast"))
        stream(field("adir"), position, 2 * n, false);
      stream(field("dir"), position, n, true);
      return;
    case Opcode::mem_write:
    case Opcode::mem_scatter:
      activity.sramBytesWritten += n * lanes;
      if (field("last"))
        stream(field("dir"), position, n, false);
      if (inst.opcode == Opcode::mem_scatter && field("alast"))
        stream(field("adir"), position, 2 * n, false);
      return;
    case Opcode::mem_loadreg:
      if (field("last"))
        stream(field("dir"), position, 2 * n, false);
      return;
    case Opcode::weights_install:
      if (field("last"))
        stream(outwardWest, position, n * field("n"), false);
      return;
    case Opcode::pass_run: {
      bool fp16 = field("fp16");
      (fp16 ? activity.macsFp16 : activity.macsInt8) +=
          n * uint64_t(field("lane_count")) * lanes;
      if (field("last"))
        stream(outwardWest, position, n * (fp16 ? 2 : 1), false);
      return;
    }
    case Opcode::drain_row:
      stream(!outwardWest, position, 4 * n, true);
      return;
    default:
      break;
    }
    if (unit == Unit::Alu) {
      activity.aluOps += n * lanes;
      // Two operands of one instruction may be the same stream.
      std::map<std::pair<bool, unsigned>, unsigned> read;
      for (unsigned i = 0; i < info.fields.size(); ++i) {
        if (info.fields[i].kind == isa::FieldKind::Operand) {
          isa::Operand operand = inst.operand(i);
          if (operand.kind == isa::Operand::Stream && operand.stream.last)
            read[{operand.stream.west, operand.stream.stream}] =
                isa::byteWidth(operand.stream.type);
        } else if (info.fields[i].kind == isa::FieldKind::Dest) {
          isa::Dest dest = inst.dest(i);
          if (!dest.present)
            continue;
          uint64_t written = n;
          int64_t period = field("period");
          if (period > 0)
            written = n / uint64_t(period);
          else if (period == 0)
            written = times;
          stream(dest.west, position, written * isa::byteWidth(dest.type), true);
        }
      }
      for (const auto &entry : read)
        stream(entry.first.first, position, n * entry.second, false);
      return;
    }
    if (unit == Unit::LinkSend)
      activity.linkVectors += n;
  }

  void walk(const QueueProgram &queue, const std::vector<QueueItem> &items,
            uint64_t times) {
    for (const QueueItem &item : items)
      if (item.isLoop())
        walk(queue, item.body, times * item.iterations);
      else
        issue(queue.unit, queue.index, item.inst, times);
  }
};
} // namespace

Activity lpu::countActivity(const std::vector<ClassProgram> &classes,
                            const Machine &machine) {
  Activity activity;
  Counter counter{machine, activity};
  for (const ClassProgram &program : classes)
    for (const QueueProgram &queue : program.queues)
      counter.walk(queue, queue.items, 1);
  return activity;
}

double lpu::joules(const Activity &a, const Machine &m, int64_t cycles) {
  const EnergyConstants &e = m.energy;
  double pico = e.sramByte * double(a.sramBytesRead + a.sramBytesWritten) +
                e.hopByte * double(a.streamByteHops) +
                e.macInt8 * double(a.macsInt8) + e.macFp16 * double(a.macsFp16) +
                e.aluOp * double(a.aluOps) + e.fetchByte * double(a.fetchBytes) +
                e.linkByte * double(a.linkVectors) * m.lanes;
  return pico * 1e-12 + e.idleWatts * double(cycles) / (m.clockMHz * 1e6);
}

int64_t lpu::hostCycles(const std::vector<TensorBinding> &bindings,
                        const Machine &machine) {
  int64_t vectors = 0;
  for (const TensorBinding &binding : bindings)
    for (const Placement &p : binding.placements)
      vectors += int64_t(p.tensorRows) * p.chunks * isa::byteWidth(binding.chipType);
  return vectors * machine.hostInterval;
}

Bounds lpu::bounds(const CompileResult &result, const Machine &m) {
  Bounds bounds;
  for (const schedule::KernelReport &k : result.kernels)
    bounds.grid += k.gridBound * k.iterations;
  // docs/bounds.md: multiply-adds and constant weight bytes, each once.
  double fp16 = 0, int8 = 0, bytes = 0;
  for (const stream::Segment &segment : result.program.segments)
    for (const stream::Kernel &kernel : segment.kernels)
      if (const auto *matmul = std::get_if<stream::Matmul>(&kernel))
        for (const stream::Job &job : matmul->jobs)
          for (const stream::KTile &k : job.kTiles) {
            double cells = double(k.laneCount) * k.columnCount;
            (matmul->fp16 ? fp16 : int8) +=
                cells * double(job.rows) * double(segment.iterations);
            if (result.program.tiles[k.b].kind == stream::Tile::Constant)
              bytes += cells * (matmul->fp16 ? 2 : 1) *
                       double(segment.iterations);
          }
  double cell = double(m.numPlanes()) * m.lanes;
  double macCycles = fp16 * m.fp16Interval / (cell * (m.planeRows / 2)) +
                     int8 / (cell * m.planeRows);
  double installCycles = bytes / (cell * m.installRows);
  bounds.necessary = int64_t(std::max(macCycles, installCycles));
  return bounds;
}
