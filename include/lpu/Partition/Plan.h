//===- Plan.h - who computes what -------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plan divides a model over chips: **stages** are consecutive operations; the
// chips of one stage (its tensor-parallel **width**) divide its **axes** among
// them (lib/Partition/Model.h); **replicas** are whole copies. A stage may
// begin between any two operations, and stages may have different widths.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_PARTITION_PLAN_H
#define LPU_PARTITION_PLAN_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lpu::partition {

/// What a stage takes of its fullest chip, as the planner counts: bytes of
/// data, of tables among them, and of text.
struct Need {
  double data = 0, tables = 0, text = 0;
  /// Whether a stage that takes as much as this has no room where `other` had
  /// none.
  bool isAsLarge(const Need &other) const {
    constexpr double nearly = 0.98;
    return data >= nearly * other.data && tables >= nearly * other.tables &&
           text >= nearly * other.text;
  }
};

struct Stage {
  /// Heavy operations [begin, end), counted in the order of the function.
  unsigned begin = 0, end = 0;
  unsigned width = 1;
  /// Axes that the chips divide; no operation of the stage walks two of them.
  std::vector<int> axes;
  /// Model time, in cycles: of one input from end to end, and of the busiest
  /// resource (the stage's initiation interval). Bytes: the fullest chip.
  /// `dataBytes` are those of `sramBytes` that are no text, `tableBytes` those
  /// of the weights that are looked up in.
  double latency = 0, interval = 0, weightBytes = 0, sramBytes = 0,
         dataBytes = 0, tableBytes = 0;
  /// Multiply-adds of the busiest chip, and of all.
  double macs = 0, allMacs = 0;
  double compute = 0, collectives = 0, transfers = 0; // parts of `latency`
  Need need; // what schedules usually take
};

struct Plan {
  std::vector<Stage> stages;
  unsigned replicas = 1;
  bool halfLinks = false; // large f32 tensors cross links as f16
  bool relays = false;    // values travel from stage to stage
  /// Of a model of equal layers: how many are cut alike, and in how many
  /// stages.
  unsigned repeats = 0, stagesOfRepeat = 0;

  unsigned chipsPerReplica() const {
    unsigned chips = 0;
    for (const Stage &stage : stages)
      chips += stage.width;
    return chips;
  }
  double latency() const {
    double sum = 0;
    for (const Stage &stage : stages)
      sum += stage.latency;
    return sum;
  }
  /// Mean of the multiply-adds of a chip. Stages that only look up in tables do
  /// not count: tables are where they are for their bytes.
  double meanMacs() const {
    double all = 0, chips = 0;
    for (const Stage &stage : stages)
      if (stage.macs > 0 || stage.tableBytes == 0) {
        all += stage.allMacs;
        chips += stage.width;
      }
    return chips > 0 ? all / chips : 0;
  }
  double mostMacs() const {
    double most = 0;
    for (const Stage &stage : stages)
      most = stage.macs > most ? stage.macs : most;
    return most;
  }
  /// Multiply-adds of the busiest chip over the mean.
  double unevenness() const {
    double mean = meanMacs();
    return mean > 0 ? mostMacs() / mean : 1;
  }
  double interval() const {
    double most = 0;
    for (const Stage &stage : stages)
      most = stage.interval > most ? stage.interval : most;
    return most;
  }
};

/// The part [first, second) of `units` that member `member` of `width` has:
/// equal parts if they divide, else parts that differ by one unit, or by one
/// block of up to 32 units where there are many (whole rows of lanes cost less
/// than ragged ones).
std::pair<int64_t, int64_t> share(int64_t units, unsigned width,
                                  unsigned member);

} // namespace lpu::partition

#endif // LPU_PARTITION_PLAN_H
