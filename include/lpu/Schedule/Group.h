//===- Group.h - the chips of a group in step -------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The chips of a group start together and exchange rows in the middle of their
// programs (stream::Exchange). Members with the same share of the work have the
// same text and are scheduled once; where shares are uneven, the schedules of
// the different texts are made to exchange their rows in the same cycles.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SCHEDULE_GROUP_H
#define LPU_SCHEDULE_GROUP_H

#include "lpu/Schedule/Schedule.h"

namespace lpu::schedule {

/// Schedules one program for each kind of member, so that their alignments are
/// equal: all are scheduled, then those that exchange rows before the others do
/// are scheduled again with the latest cycles as bounds, and so on. The error
/// names the program that cannot be scheduled, the exchange that has no
/// counterpart, or that no agreement was found.
llvm::Expected<std::vector<ScheduleResult>>
scheduleGroup(llvm::ArrayRef<const stream::Program *> kinds,
              const Machine &machine, const ScheduleOptions &options);

/// A chip of a group.
struct GroupMember {
  unsigned kind = 0; // index of its schedule
  /// The tiles of its kind's with the member's own constants; its kernels do
  /// not count.
  const stream::Program *program = nullptr;
};

/// Puts the members into one package: an image for each member in which equal
/// bytes are shared, its kind as its class, inputs and outputs on all chips
/// that have them (an output is read from the first); `wires` are the
/// package's.
llvm::Expected<Package> joinGroup(llvm::ArrayRef<const ScheduleResult *> kinds,
                                  llvm::ArrayRef<GroupMember> members,
                                  std::vector<LinkWire> wires,
                                  SourceFiles &files);

/// The wires of a group whose member j is chip j and is reached through link
/// links[j] of every member; its own link of that number is looped back.
std::vector<LinkWire> meshWires(llvm::ArrayRef<unsigned> links);

} // namespace lpu::schedule

#endif // LPU_SCHEDULE_GROUP_H
