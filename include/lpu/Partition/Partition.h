//===- Partition.h - from one function to many chips ------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The step from a linalg function (docs/lowering.md) to a program of the fabric
// layer (docs/fabric.md): enumerate plans, take the best one, apply it.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_PARTITION_PARTITION_H
#define LPU_PARTITION_PARTITION_H

#include "lpu/Partition/Plan.h"
#include "lpu/Partition/Topology.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/LLVM.h"
#include <functional>
#include <memory>

namespace mlir {
class ModuleOp;
class Pass;
} // namespace mlir

namespace lpu {

enum class Objective {
  Latency,    // one input, from end to end
  Throughput, // inputs per second, over all replicas
  Fit,        // fewest chips
};

struct PartitionOptions {
  Objective objective = Objective::Latency;
  /// Chips that may be used; 0: all of the topology.
  unsigned chips = 0;
  /// Pins; 0 leaves the choice to the planner.
  unsigned tensorWidth = 0, stages = 0, replicas = 0;
  /// With `stages`: multiply-adds of the busiest chip over the mean. 0: at most
  /// 1.3 where that costs little.
  double balance = 0;
  /// Pins cuts (numbers of heavy operations) and, per stage, widths.
  std::vector<unsigned> cuts, widths;
  /// Widest group that is tried without a pin: the text of its collectives
  /// grows with its width.
  unsigned mostWidth = 64;
  /// Floats cross links in half precision: half the bytes, one more rounding.
  bool halfLinks = false;
  /// The chips of a stage are joined directly, each by the same port of all
  /// others: no stage straddles a node, and chips may stay unused.
  bool directGroups = false;
  /// Transfers join consecutive stages only: a value that a later one needs is
  /// received and sent by all stages between.
  bool relays = false;
  /// Equal layers are cut alike where that costs little, so that equal stages
  /// share one text.
  bool repeats = false;
  /// SRAM of each chip that the plan leaves free, in bytes: for a caller whose
  /// scheduler has found that the estimate of text and activations was short.
  uint64_t reserveBytes = 0;
  /// Stages whose schedules did not fit: what needs as much is not planned.
  std::vector<partition::Need> refused;
  /// Asked before an error names a number of chips that would do.
  std::function<bool(unsigned chips)> wouldDo;
};

/// What was chosen, and what was not.
struct PartitionReport {
  partition::Plan plan, runnerUp;
  bool hasRunnerUp = false;
  std::string balance;        // what an even plan costs, if that was asked
  uint64_t plansCompared = 0; // stages x widths that the search covers
  std::string text; // for people: the plan, the runner-up, why it lost
};

/// Chooses a plan and applies it. Reports bad pins, too few chips (with how
/// many would do, and what would fit instead) and a width that cannot be used.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
partitionModel(mlir::ModuleOp module, const Machine &machine,
               const Topology &topology, const PartitionOptions &options,
               PartitionReport &report);

/// Lookups in constant float tables of more than `mostBytes` become sums of
/// lookups in parts of their rows. The program computes the same bits. Gives
/// how many lookups that were.
unsigned splitTables(mlir::ModuleOp module, uint64_t mostBytes);

/// Moves operations down to their first reader, where no value has to be kept
/// longer for that: cuts then have fewer values to send and more places.
void moveToReaders(mlir::ModuleOp module);

/// fabric-partition, fabric-decompose, fabric-ports, verify-fabric.
void registerPartitionPasses();

} // namespace lpu

#endif // LPU_PARTITION_PARTITION_H
