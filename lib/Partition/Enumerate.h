//===- Enumerate.h - all plans of the model, and the best one ---*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The cost of a plan is a sum over stages, and that of a stage depends on its
// operations and its width only. So the best plan is a shortest path over cut
// points, and dynamic programming finds it without visiting every plan: the
// optimum of the model over these cut points and widths, not a guess.
//
// What a stage needs of a chip grows with its operations, so from each cut
// point only as many others are looked at as fit: time and memory grow with the
// model times the operations that a chip holds.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_ENUMERATE_H
#define LPU_LIB_PARTITION_ENUMERATE_H

#include "Cost.h"
#include "lpu/Partition/Partition.h"
#include <limits>

namespace lpu::partition {

/// How stages are fitted into chips.
struct Room {
  uint64_t reserveBytes = 0;
  /// Counts what the smallest schedules take, not what most do.
  bool isTight = false;
  std::vector<Need> refused;
};

class Enumerator {
public:
  /// With `allCuts`, a stage may begin at every operation; otherwise, between
  /// two products, where fewest bytes cross.
  /// No chip has more than `mostMacs` multiply-adds.
  Enumerator(const CostModel &cost, Room room, unsigned mostWidth,
             unsigned pinnedWidth, bool allCuts,
             double mostMacs = std::numeric_limits<double>::infinity());

  /// Least latency with at most `chips`; of equal ones the fewest chips.
  /// `family` limits the search: plans of one chip, of one-chip stages, of
  /// wider ones.
  enum Family { Any, OneChip, Pipeline, Tensor };
  std::optional<Plan> fastest(unsigned chips, Family family) const;
  /// Least latency plus `weight` initiation intervals, with exactly `stages`
  /// stages of `width` chips.
  std::optional<Plan> pinned(unsigned stages, unsigned width,
                             double weight) const;
  /// The least bound of multiply-adds that some such plan keeps.
  std::optional<double> leastMacs(unsigned stages, unsigned width) const;
  /// The first two (any number of stages of any width, if `stages` is 0) among
  /// plans that cut equal layers alike; none if no stretch of the model
  /// repeats.
  std::optional<Plan> repeating(unsigned chips, unsigned stages,
                                double weight) const;
  /// Most inputs per second with at most `chips`, replicas included.
  std::optional<Plan> busiest(unsigned chips) const;
  /// Fewest chips; of these the least latency.
  std::optional<Plan> smallest(unsigned limit) const;

  /// How often the longest stretch of equal operations repeats; 0 if none does.
  unsigned equalLayers() const;
  unsigned mostStages() const { return unsigned(positions.size() - 1); }
  uint64_t compared() const;
  /// A stage of its own: costs and axes filled in.
  Stage stage(unsigned first, unsigned last, unsigned option) const;
  /// The plan with these cuts (heavy operations) and widths.
  Plan explicitPlan(ArrayRef<unsigned> cuts, ArrayRef<unsigned> widths) const;

private:
  struct Option {
    unsigned width;
    std::vector<int> axes, cuts;
    std::vector<OpCost> sums; // by heavy operation
    /// Operations before each one that have a part for every member.
    std::vector<unsigned> divided;
    bool uses(unsigned begin, unsigned end) const {
      return width == 1 || divided[end] > divided[begin];
    }
  };
  struct Choice { // one way to run a range
    unsigned option, width;
    double latency, interval;
  };
  /// The choices for all ranges that begin at a position and fit a stage: none
  /// is worse than another in width and both times.
  struct Ranges {
    std::vector<Choice> choices;
    std::vector<unsigned> ends; // of the choices of each range, rising
  };
  /// Ways to run the operations between two positions, by width.
  llvm::ArrayRef<Choice> choices(unsigned first, unsigned last) const {
    const Ranges &own = ranges[first];
    unsigned number = last - first - 1;
    if (number >= own.ends.size())
      return {};
    unsigned begin = number ? own.ends[number - 1] : 0;
    return llvm::ArrayRef(own.choices).slice(begin, own.ends[number] - begin);
  }
  /// The last position at which a stage may end that begins at `first`.
  unsigned reach(unsigned first) const {
    return first + unsigned(ranges[first].ends.size());
  }
  Option makeOption(unsigned width, bool onlyFaster) const;
  Stage stageOf(unsigned begin, unsigned end, const Option &option,
                double received, double peak) const;
  /// Most bytes of activations in use at a product or a gather.
  double peakOf(unsigned begin, unsigned end, const Option &option) const;
  /// The same at one operation.
  double peakAt(unsigned i, const Option &option) const;
  void findReads();
  void findLive();
  void findPositions(bool allCuts);
  void findRanges();
  /// Bytes that come into a stage of operations [begin, end): what it reads,
  /// and what it hands on.
  double bytesInto(unsigned begin, unsigned end) const;
  /// The plan of fewest slots whose stages keep a bound of the interval; no
  /// stages if there is none.
  Plan fewest(double bound) const;
  void setAxes(Stage &stage, const Option &option) const;
  bool fits(const Stage &stage) const;

  const CostModel &cost;
  Room room;
  double mostMacs;
  std::vector<unsigned>
      positions; // heavy operations at which a stage may begin
  std::vector<Option> options;
  /// By heavy operation, for products and gathers: the values that they read,
  /// and those that are made before and read behind them.
  std::vector<llvm::SmallVector<unsigned, 4>> operands, live;
  /// By heavy operation: the heavy ones that it reads, and bytes made before
  /// it and read by it or later.
  std::vector<llvm::SmallVector<unsigned, 3>> reads;
  std::vector<double> alive;
  std::vector<Ranges> ranges; // by first position
};

/// Candidate bounds of the interval, rising: not all of many.
std::vector<double> intervalBounds(std::vector<double> intervals);

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_ENUMERATE_H
