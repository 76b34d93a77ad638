//===- Schedule.h - from a stream program to a package ----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SCHEDULE_SCHEDULE_H
#define LPU_SCHEDULE_SCHEDULE_H

#include "lpu/Schedule/QueueProgram.h"
#include "lpu/Stream/Program.h"
#include "llvm/Support/MemoryBuffer.h"
#include <map>

namespace lpu::schedule {

/// Some rows of an exchange (stream::Exchange) that go over the links of a
/// group together. Cycles count from the start of the segment's iteration.
struct ExchangeStep {
  std::string name; // ONNX node: what meets must be the same value
  unsigned group = 0;
  int64_t rows = 0;
  int64_t first = 0;    // the first send
  int64_t spread = 0;   // from there to the last send of the same row
  int64_t interval = 1; // between rows
};

/// A segment with exchanges.
struct SegmentAlignment {
  int64_t iterations = 1;
  int64_t start = 0;  // program cycle 0 of its first iteration
  int64_t period = 0; // of its iterations, if there are several
  std::vector<ExchangeStep> steps;
};

/// When a program exchanges rows with the other members of its groups. The
/// schedules of unlike members fit together if their alignments are equal
/// (lpu/Schedule/Group.h).
struct Alignment {
  std::vector<SegmentAlignment> segments;
};

struct ScheduleOptions {
  /// Leave constant bytes out of the image (the program is the same).
  bool withoutWeights = false;
  /// Idle cycles to leave behind every run of a queue, at least, for fetches.
  int64_t fetchGap = 0;
  /// The link number that leads to each member of each group, on all of them.
  /// Groups that are not listed: member j behind link j.
  std::vector<std::vector<unsigned>> groupLinks;
  /// No cycle, spread or interval of the result's alignment may be smaller than
  /// here.
  Alignment notBefore;
  /// Put no data into text slices, even where other slices are few.
  bool keepTextSlices = false;
};

/// Whether keepTextSlices makes a difference on the machine.
bool usesTextSlices(const Machine &machine);

/// One kernel of the report. Cycles are those of one iteration of its segment,
/// relative to the segment's start.
struct KernelReport {
  std::string name, kind;
  unsigned segment = 0;
  int64_t iterations = 1;
  int64_t first = 0, last = 0; // first issue, last completion
  int64_t gridBound = 0;       // docs/bounds.md; 0 where it has none
  int64_t macs = 0;
};

/// Rows of a chip that hold the bytes of a constant column.
struct ConstantColumn {
  unsigned tile, panel, chunk, stripe, byte, slice, bank;
  int64_t row, rows, instanceStride;
  unsigned instances;
};

/// Where the constants of a program stand. Programs that differ in nothing but
/// the sources of their constants have the same plan.
struct ImagePlan {
  std::vector<ConstantColumn> columns;
  std::vector<int64_t> panelRows, stripes; // by tile
  std::vector<stream::Tile> added; // by the scheduler, behind the program's
  /// By added tile: the program's constant that its bytes are a part of (-1:
  /// none), and where in it, in elements, by source.
  struct Part {
    int64_t tile = -1;
    std::vector<int64_t> offsets;
  };
  std::vector<Part> parts;
  bool withoutBytes = false;
};

struct ConstantImage {
  std::vector<ImageSegment> segments;
  /// By segment: equal texts mean equal bytes, also between images; empty for
  /// one without bytes.
  std::vector<std::string> keys;
};

/// Mapped files of weights, by name: one mapping for the images of all chips.
using SourceFiles = std::map<std::string, std::shared_ptr<llvm::MemoryBuffer>>;

/// The image of the constants of `program`. Errors name the constant whose
/// bytes are not there.
llvm::Expected<ConstantImage> makeImage(const ImagePlan &plan,
                                        const stream::Program &program,
                                        const Machine &machine,
                                        SourceFiles &files);

struct ScheduleResult {
  /// Text not yet placed (insertFetches and assemble do that).
  ScheduledProgram program;
  std::vector<KernelReport> kernels;
  /// Program cycles, from cycle 0 to the last effect (docs/isa.md, section 3).
  int64_t cycles = 0;
  /// SRAM rows by purpose.
  int64_t constantRows = 0, temporaryRows = 0;
  Alignment alignment;
  ImagePlan image;
  /// Tensors of the model that stand in SRAM.
  std::vector<TensorPlace> tensors;
};

/// Schedules a legal stream program for one chip. Errors name the kernel or
/// tile, what it needs and what the machine has.
llvm::Expected<ScheduleResult> schedule(const stream::Program &program,
                                        const Machine &machine,
                                        const ScheduleOptions &options);

/// Cycles of a class program by the rule of docs/isa.md, section 3 (Stop).
int64_t programCycles(const ClassProgram &program, const Machine &machine);

} // namespace lpu::schedule

#endif // LPU_SCHEDULE_SCHEDULE_H
