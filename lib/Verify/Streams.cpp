//===- Streams.cpp - liveness of stream slots -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A slot (direction, stream, key) travels past the units in the order of their
// positions, whatever the cycle (docs/isa.md, section 2). So what happens to it
// is the list of its accesses sorted by position downstream, reads before
// writes at one position, and that list must read: write, reads, last read,
// write, ... As one instruction touches the keys of an arithmetic progression,
// whole families of slots share one list: sweepCoincidences finds the families.
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "llvm/ADT/STLExtras.h"
#include <memory>

using namespace lpu;
using namespace lpu::verify;
using isa::Opcode;
namespace field = lpu::isa::field;

namespace {

/// How an instruction touches one stream. Key = issue + offset.
struct Touch {
  unsigned bucket; // direction x streams + stream
  int64_t offset;
  bool write, last;
  bool periodEnd; // only the repeats that end an acc_* period
};

struct Access : Progression {
  const QueueTrace *queue;
  uint32_t text;
  int32_t order;    // 2 x position downstream + (write ? 1 : 0)
  bool write, ends; // ends: a read with `last`
  int64_t offset;   // key - issue
};

/// Lists the stream operands of an instruction.
class Touches {
public:
  Touches(const isa::Instruction &instruction, const QueueTrace &queue,
          const Machine &machine);
  llvm::SmallVector<Touch, 8> list;

private:
  void add(bool west, unsigned stream, unsigned width, bool write, bool last,
           int64_t delay, bool periodEnd = false) {
    int64_t offset = delay + (west ? x : -x);
    for (unsigned i = 0; i < width; ++i)
      list.push_back(
          {(west ? streams : 0) + stream + i, offset, write, last, periodEnd});
  }
  void read(bool west, int64_t stream, unsigned width, bool last) {
    add(west, stream, width, false, last, 0);
  }
  void alu(const isa::Instruction &instruction, const Machine &machine);
  void shuffle(const isa::Instruction &in, unsigned width, int64_t delay);

  unsigned streams;
  int64_t x;
};

Touches::Touches(const isa::Instruction &in, const QueueTrace &queue,
                 const Machine &machine)
    : streams(machine.streams), x(queue.position) {
  // Outward and inward of a unit at an edge half.
  bool outwardWest = true;
  switch (queue.unit) {
  case Unit::Alu:
    alu(in, machine);
    return;
  case Unit::Mem:
  case Unit::Control:
    break;
  default:
    outwardWest = !machine.isEast(queue.unit, queue.index);
  }
  int64_t delay = isa::delay(in, machine);
  switch (in.opcode) {
  case Opcode::mem_read:
    add(in.get(field::mem_read::dir), in.get(field::mem_read::stream), 1, true,
        false, delay);
    break;
  case Opcode::mem_write:
    read(in.get(field::mem_write::dir), in.get(field::mem_write::stream), 1,
         in.get(field::mem_write::last));
    break;
  case Opcode::mem_gather:
    read(in.get(field::mem_gather::adir), in.get(field::mem_gather::astream), 2,
         in.get(field::mem_gather::alast));
    add(in.get(field::mem_gather::dir), in.get(field::mem_gather::stream), 1,
        true, false, delay);
    break;
  case Opcode::mem_scatter:
    read(in.get(field::mem_scatter::adir), in.get(field::mem_scatter::astream),
         2, in.get(field::mem_scatter::alast));
    read(in.get(field::mem_scatter::dir), in.get(field::mem_scatter::stream), 1,
         in.get(field::mem_scatter::last));
    break;
  case Opcode::mem_loadreg:
    read(in.get(field::mem_loadreg::dir), in.get(field::mem_loadreg::stream), 2,
         in.get(field::mem_loadreg::last));
    break;
  case Opcode::weights_install:
    read(outwardWest, in.get(field::weights_install::stream),
         in.get(field::weights_install::n),
         in.get(field::weights_install::last));
    break;
  case Opcode::pass_run:
    read(outwardWest, in.get(field::pass_run::stream),
         in.get(field::pass_run::fp16) ? 2 : 1, in.get(field::pass_run::last));
    break;
  case Opcode::drain_row:
    add(!outwardWest, in.get(field::drain_row::stream), 4, true, false, delay);
    break;
  case Opcode::shuffle_shift:
  case Opcode::shuffle_rotate:
  case Opcode::shuffle_distribute:
  case Opcode::shuffle_permute:
    shuffle(in, 1, delay);
    break;
  case Opcode::transpose_t16:
    shuffle(in, 16, delay);
    break;
  case Opcode::shuffle_loadmap:
    read(in.get(field::shuffle_loadmap::dir),
         in.get(field::shuffle_loadmap::stream), 2,
         in.get(field::shuffle_loadmap::last));
    break;
  case Opcode::link_send_send:
    read(outwardWest, in.get(field::link_send_send::stream), 1,
         in.get(field::link_send_send::last));
    break;
  case Opcode::link_recv_recv:
    add(!outwardWest, in.get(field::link_recv_recv::stream), 1, true, false,
        delay);
    break;
  default: // registers, swap, resync: no streams
    break;
  }
}

/// All shuffle and transpose instructions start with these fields.
void Touches::shuffle(const isa::Instruction &in, unsigned width,
                      int64_t delay) {
  static_assert(field::shuffle_shift::dir == field::transpose_t16::dir &&
                field::shuffle_shift::ostream ==
                    field::transpose_t16::ostream &&
                field::shuffle_rotate::odir == field::shuffle_shift::odir &&
                field::shuffle_distribute::odir == field::shuffle_shift::odir &&
                field::shuffle_permute::odir == field::shuffle_shift::odir);
  read(in.get(field::shuffle_shift::dir), in.get(field::shuffle_shift::stream),
       width, in.get(field::shuffle_shift::last));
  add(in.get(field::shuffle_shift::odir), in.get(field::shuffle_shift::ostream),
      width, true, false, delay);
}

void Touches::alu(const isa::Instruction &in, const Machine &machine) {
  bool running = llvm::StringRef(in.info().name).starts_with("alu.acc_");
  for (auto [number, f] : llvm::enumerate(in.info().fields)) {
    if (f.kind == isa::FieldKind::Operand) {
      isa::Operand operand = in.operand(number);
      if (operand.kind == isa::Operand::Stream)
        read(operand.stream.west, operand.stream.stream,
             byteWidth(operand.stream.type), operand.stream.last);
    } else if (f.kind == isa::FieldKind::Dest) {
      isa::Dest dest = in.dest(number);
      if (dest.present)
        add(dest.west, dest.stream, byteWidth(dest.type), true, false,
            isa::streamDelay(in, machine), running);
    }
  }
}

/// The repeats that write the destination of a running reduction.
Progression periodEnds(const Progression &issues, int64_t period) {
  if (period == 0)
    return {issues.last(), 1, 1};
  return {issues.at(period - 1), issues.interval * period,
          issues.count / period};
}

class Judge {
public:
  Judge(const ChipTrace &trace, Reporter &reporter)
      : trace(trace), reporter(reporter), machine(reporter.machine()),
        buckets(2 * machine.streams) {}

  void collect();
  void judge(Result &result);

private:
  void add(const QueueTrace &queue, uint32_t text, const Touch &touch,
           const Progression &issues) {
    Access access;
    static_cast<Progression &>(access) = issues;
    access.first += touch.offset;
    access.queue = &queue;
    access.text = text;
    bool west = touch.bucket >= machine.streams;
    int64_t x = queue.position;
    access.order =
        int32_t((west ? machine.lastPosition() - x : x) * 2 + touch.write);
    access.write = touch.write;
    access.ends = touch.last;
    access.offset = touch.offset;
    buckets[touch.bucket].push_back(access);
  }
  void judgeSlots(int64_t key, llvm::ArrayRef<const Access *> group);
  Issue issue(const Access &access) const {
    return {access.queue, access.text, key - access.offset};
  }
  std::string slot() const;
  /// The cycle in which the slot is at a downstream position.
  int64_t cycleAt(int64_t downstream) const {
    // Eastward t = key + x; westward t = key - x.
    return west ? key - (int64_t(machine.lastPosition()) - downstream)
                : key + downstream;
  }

  const ChipTrace &trace;
  Reporter &reporter;
  const Machine &machine;
  std::vector<std::vector<Access>> buckets;
  // Of the slot being judged.
  bool west = false;
  unsigned stream = 0;
  int64_t key = 0;
  llvm::SmallVector<const Access *, 32> sorted;
};

void Judge::collect() {
  for (const QueueTrace &queue : trace.queues) {
    std::vector<std::unique_ptr<Touches>> touches(queue.text.size());
    struct Joined {
      Joiner all, ends;
    };
    std::vector<Joined> joined(queue.text.size());
    auto flush = [&](uint32_t text, const Progression &issues, bool ends) {
      for (const Touch &touch : touches[text]->list)
        if (touch.periodEnd == ends)
          add(queue, text, touch, issues);
    };
    for (const Run &run : queue.runs) {
      const isa::Instruction &instruction = queue.text[run.text];
      std::unique_ptr<Touches> &touch = touches[run.text];
      if (!touch)
        touch = std::make_unique<Touches>(instruction, queue, machine);
      if (touch->list.empty())
        continue;
      Joined &join = joined[run.text];
      Progression issues = queue.issues(run);
      if (!join.all.join(issues)) {
        flush(run.text, join.all.get(), false);
        join.all.restart(issues);
      }
      if (!llvm::any_of(touch->list,
                        [](const Touch &t) { return t.periodEnd; }))
        continue;
      static_assert(field::alu_acc_sum::period == field::alu_acc_max::period &&
                    field::alu_acc_sum::period == field::alu_acc_min::period &&
                    field::alu_acc_sum::period ==
                        field::alu_acc_argmax::period);
      Progression ends =
          periodEnds(issues, instruction.get(field::alu_acc_sum::period));
      if (ends.count == 0)
        continue;
      if (!join.ends.join(ends)) {
        flush(run.text, join.ends.get(), true);
        join.ends.restart(ends);
      }
    }
    for (uint32_t text = 0; text < joined.size(); ++text) {
      if (!joined[text].all.empty())
        flush(text, joined[text].all.get(), false);
      if (!joined[text].ends.empty())
        flush(text, joined[text].ends.get(), true);
    }
  }
}

std::string Judge::slot() const {
  return (llvm::Twine(west ? "west" : "east") + " stream " +
          llvm::Twine(stream) + ", key " + llvm::Twine(key))
      .str();
}

void Judge::judgeSlots(int64_t at, llvm::ArrayRef<const Access *> group) {
  key = at;
  sorted.assign(group.begin(), group.end());
  // Groups are small (units on one diagonal): insertion sort.
  for (size_t i = 1; i < sorted.size(); ++i)
    for (size_t j = i; j > 0 && sorted[j]->order < sorted[j - 1]->order; --j)
      std::swap(sorted[j], sorted[j - 1]);

  const Access *writer = nullptr;     // of the live value
  const Access *lastReader = nullptr; // that ended the previous one
  for (size_t i = 0; i < sorted.size();) {
    int32_t order = sorted[i]->order;
    int64_t t = cycleAt(order / 2);
    const Access *ends = nullptr;
    for (; i < sorted.size() && sorted[i]->order == order; ++i) {
      const Access &access = *sorted[i];
      if (access.write) {
        if (writer) {
          Issue offender = issue(access), other = issue(*writer);
          // Two that write at once meet as equals: the later issued is named.
          if (writer->order == order &&
              std::make_pair(offender.cycle, offender.queue->queue) <
                  std::make_pair(other.cycle, other.queue->queue))
            std::swap(offender, other);
          reporter.add(Fault::StreamOverwrite, t, offender, other,
                       slot() + " is live");
        }
        writer = &access;
        lastReader = nullptr;
        continue;
      }
      if (!writer)
        reporter.add(Fault::EmptyRead, t, issue(access),
                     lastReader ? std::optional<Issue>(issue(*lastReader))
                                : std::nullopt,
                     slot() + " holds no value");
      if (access.ends)
        ends = &access;
    }
    if (ends) {
      writer = nullptr;
      lastReader = ends;
    }
  }
  if (writer)
    reporter.add(Fault::LiveValueLost, cycleAt(machine.lastPosition()),
                 issue(*writer), std::nullopt,
                 slot() + " is still live at the edge");
}

void Judge::judge(Result &result) {
  for (unsigned bucket = 0; bucket < buckets.size(); ++bucket) {
    west = bucket >= machine.streams;
    stream = bucket % machine.streams;
    result.progressions += buckets[bucket].size();
    sweepCoincidences(buckets[bucket],
                      [&](int64_t at, llvm::ArrayRef<const Access *> group) {
                        judgeSlots(at, group);
                      });
  }
}

} // namespace

void verify::checkStreams(const ChipTrace &trace, Reporter &reporter,
                          Result &result) {
  Judge judge(trace, reporter);
  judge.collect();
  judge.judge(result);
}
