//===- Transfer.h - programs of single chips, joined by links ---*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every chip of a pipeline is scheduled alone: what it gives is an output and
// what it gets is an input of its program, each standing in columns of SRAM.
// This step moves the columns over links. Behind the last effect of the sender
// it reads them row by row onto an outward stream, which the link sends; in
// front of the receiver's program the link puts them onto an inward stream,
// and every slice that holds a copy writes what passes.
//
//   sender    mem.read --+-- outward stream --> link_send
//                                                  |  latency + margin
//   receiver                                    link_recv -- inward -->
//   mem.write
//
// The receiver receives in lockstep with the sends, latency + margin later,
// which is the earliest cycle in which a vector is there whatever the clocks
// do. So one number, the cycle of its first send, places all issues of a
// column, and they take the earliest cycles in which their queues are free.
// Streams are numbered like link ports, so no two links meet on one.
//
// The receiver's cycle 0 is that of its first receive, and its program is
// shifted behind the last write.
//
// Where no link joins two chips, chips between hand the vectors on: from a link
// at one end of the chip on a stream to a link at the other end, or back by way
// of the shuffle unit. They do so behind their own programs.
//
// Every chip has a timetable of resyncs, one every resync_cycles, and columns
// pause where their sender or their receiver rests behind one (docs/isa.md,
// section 8). A receiver takes the timetable of the first chip that sends to
// it, later by the time of flight, so both rest at once. Of the timetable only
// those `control.resync` are issued that a send or receive behind them needs.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SCHEDULE_TRANSFER_H
#define LPU_SCHEDULE_TRANSFER_H

#include "lpu/Schedule/QueueProgram.h"

namespace lpu::schedule {

/// One link on the way of a value.
struct LinkHop {
  unsigned from, fromPort, to, toPort;
};

/// A value that chip `from` gives to chip `to`; chips are numbered over all
/// parts.
struct Transfer {
  unsigned from = 0, to = 0;
  std::string output, input; // bindings of the two programs
  std::string name;          // for messages
  /// Ways from the one to the other. Chips between must have smaller numbers
  /// than `to`: they hand vectors on when their own work is done.
  std::vector<std::vector<LinkHop>> routes;
  // Set by joinChips: vectors sent (a row may be sent twice), and program
  // cycles from the first read to the last write.
  uint64_t vectors = 0, first = 0, end = 0;
};

/// Joins programs whose chips run in step each. Chips of the result are those
/// of the parts, one part after the other; chips of a part with the same text
/// are one class. The bindings of transfers are gone, inputs of one name are
/// one binding with the placements of all chips, and an output of several chips
/// is read from the first. Text is not placed yet. Errors: a transfer without a
/// link, in a circle, or between layouts that differ.
llvm::Expected<ScheduledProgram> joinChips(std::vector<ScheduledProgram> parts,
                                           std::vector<Transfer> &transfers);

} // namespace lpu::schedule

#endif // LPU_SCHEDULE_TRANSFER_H
