//===- Chips.h - the report of many chips -----------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the report says of chips, besides what it says of their programs: the
// work and the links of each (of each class, where chips are many), how even
// the work is, what the latency of all is made of, and the collectives beside
// their bounds.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_REPORT_CHIPS_H
#define LPU_LIB_REPORT_CHIPS_H

#include "lpu/Report/Report.h"
#include "lpu/Report/System.h"
#include "llvm/Support/JSON.h"

namespace lpu {

/// Cycles that the links of a member take for the vectors of an exchange, one
/// every link_interval; by kernel of the kind, 0 for others.
std::vector<int64_t> linkBounds(const KindReport &kind, const Machine &machine);

/// How uneven something is over the chips.
struct Balance {
  double largest = 0; // over the mean; 0 if no chip has any
  unsigned chip = 0;  // which has most
  /// The two factors of `largest`: its stage's mean over that of all chips, and
  /// the chip over its stage's mean.
  double stage = 1, share = 1;
};

class ChipsReport {
public:
  /// `activity` may be null: what needs it is left out.
  ChipsReport(const CompileResult &result, const Machine &machine,
              const SystemActivity *activity);
  void print(llvm::raw_ostream &os) const;
  /// Attributes of the object that is open.
  void printJSON(llvm::json::OStream &json) const;

private:
  struct Traffic {
    uint64_t vectors;         // over each link
    std::vector<unsigned> to; // chips, one for each link
  };
  Balance balanceOf(const std::vector<double> &amounts) const;
  std::vector<Traffic> trafficOf(unsigned chip) const;
  double busyOf(uint64_t vectors) const;
  double weightBytes(unsigned chip) const;
  double tableBytes(unsigned chip) const;
  void printChip(llvm::raw_ostream &os, unsigned chip, size_t members) const;
  void printSpread(llvm::raw_ostream &os) const;
  void printBalance(llvm::raw_ostream &os) const;
  void printTime(llvm::raw_ostream &os) const;
  void printCollectives(llvm::raw_ostream &os) const;

  const CompileResult &result;
  const Machine &machine;
  const SystemActivity *activity;
  std::vector<double> macs, matrixBusy, weights, denseWeights; // by chip
  std::vector<int64_t> tableRows;                              // by kind
  std::vector<std::vector<unsigned>> wiresFrom; // by chip: used ones
};

} // namespace lpu

#endif // LPU_LIB_REPORT_CHIPS_H
