//===- Transfer.h - programs of single chips, joined by links ---*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The chips of a stage are scheduled alone: what they give is an output and
// what they get is an input of their programs, each standing in columns of
// SRAM. This step moves the columns over links. Behind the last effect of the
// sender's program a chip reads them row by row onto an outward stream, which
// its links send; in front of the receiver's program a link puts them onto an
// inward stream, and every slice that holds a copy writes what passes.
//
//   sender    mem.read --+-- outward stream --> link_send
//                                                  |  latency + margin
//   receiver                                    link_recv -- inward -->
//   mem.write
//
// A receiver receives in lockstep with the sends, latency + margin later, which
// is the earliest cycle in which a vector is there whatever the clocks do. So
// one number, the cycle of its first send, places all issues of a column, and
// they take the earliest cycles in which their queues are free.
//
// A value that all chips of a stage need goes to them along a **tree**: where
// no link joins sender and receiver, or few do, chips hand on what they
// receive: the links at the far end of the chip take it from the inward stream,
// those at the near end get it back by way of the shuffle unit. A chip that has
// begun does so behind its own program, one that has not in front of it. Inward
// streams are numbered like the port that they come from, outward ones like a
// port that sends.
//
// The receivers' cycle 0 is that of their first receive, and their programs are
// shifted behind the last write.
//
// Every chip has a timetable of resyncs, one every resync_cycles, and columns
// pause where a chip on their way rests behind one (docs/isa.md, section 8). A
// receiver takes the timetable of the first chip that sends to it, later by the
// time of flight, so both rest at once. Of the timetable only those
// `control.resync` are issued that a send or receive behind them needs.
//
// Nothing is done per chip that can be done per kind: chips with the same
// program that receive and send in the same cycles of their own have one text
// (a class), whatever their place in the system. Ports are relocations
// (lpu::Chip::links): chips of a stage use equal link numbers, whichever cables
// they stand for.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SCHEDULE_TRANSFER_H
#define LPU_SCHEDULE_TRANSFER_H

#include "lpu/Schedule/QueueProgram.h"
#include <memory>

namespace lpu::schedule {

/// One link on the way of a value. Ports are link numbers of the chips' text.
struct LinkHop {
  unsigned from, fromPort, to, toPort;
};

/// A value that chips of one part have and chips of another need; chips are
/// numbered over all parts.
struct Transfer {
  struct End {
    unsigned chip;
    std::string binding; // of its program
  };
  std::string name;         // for messages
  std::vector<End> sources; // all have the same value
  std::vector<End> targets; // of one part
  /// Ways from one source to all targets: a hop leaves that source, or a chip
  /// that an earlier hop reaches.
  std::vector<std::vector<LinkHop>> trees;
  // Set by joinChips: rows of columns that were sent (a row may be sent twice),
  // and program cycles from the first read to the last write.
  uint64_t vectors = 0, first = 0, end = 0;
};

/// Chips that run in step: a stage.
struct Part {
  /// Programs of its chips by kind, before text is fetched. Parts of equal
  /// stages have the same.
  std::shared_ptr<const std::vector<ClassProgram>> kinds;
  /// Chips with their images (`chipClass` is the kind; `links` may be set),
  /// bindings, wires between its chips (by link numbers of the text), cycles.
  Package package;
  /// Tensors of the model, in cycles of the programs.
  std::vector<TensorPlace> tensors;
};

/// Joins the parts. Chips of the result are those of the parts, one part after
/// the other. The bindings of transfers are gone, inputs of one name are one
/// binding with the placements of all chips, and an output of several chips is
/// read from the first. Text is not placed yet. Errors: a transfer without a
/// way, in a circle, or between layouts that differ.
llvm::Expected<ScheduledProgram> joinChips(std::vector<Part> parts,
                                           std::vector<Transfer> &transfers);

} // namespace lpu::schedule

#endif // LPU_SCHEDULE_TRANSFER_H
