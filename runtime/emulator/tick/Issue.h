//===- Issue.h - who did what, and what went wrong --------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_ISSUE_H
#define LPU_RUNTIME_EMULATOR_TICK_ISSUE_H

#include "lpu/Emulator/Ecc.h"
#include "lpu/Emulator/Emulator.h"

namespace lpu::emulator::tick {

/// One issue of one instruction. Everything that an instruction leaves behind
/// (stream values, rows, results) points to its issue, so that a fault can name
/// both parties.
struct Issue {
  unsigned chip = 0, queue = 0;
  uint64_t cycle = 0;
  uint32_t textIndex = 0, repeat = 0;
  isa::Instruction instruction;
  std::string word; // what stands there, if it is no instruction
};
using IssuePtr = std::shared_ptr<const Issue>;

/// One vector: a byte per lane.
using Bytes = std::vector<uint8_t>;
/// A 32-bit value per lane.
using Words = std::vector<uint32_t>;

/// The order of "issued later" in docs/isa.md, section 12.
inline bool issuedLater(const IssuePtr &a, const IssuePtr &b) {
  return a->cycle != b->cycle ? a->cycle > b->cycle : a->queue > b->queue;
}

/// Collects the faults of a cycle; the engine stops behind it.
class FaultLog {
public:
  void startCycle(uint64_t cycle) { now = cycle; }
  void report(FaultClass kind, const IssuePtr &offender, const IssuePtr &other,
              std::string detail);
  /// Both parties are equals: the later issued one is the offender.
  void reportPair(FaultClass kind, const IssuePtr &a, const IssuePtr &b,
                  std::string detail) {
    bool aLater = issuedLater(a, b);
    report(kind, aLater ? a : b, aLater ? b : a, std::move(detail));
  }
  /// A read of \p place with flipped bits: counts what could be corrected,
  /// reports what could not.
  void check(const ecc::Finding &finding, const IssuePtr &reader,
             const std::string &place);
  bool any() const { return !faults.empty(); }
  /// The one to report: smallest (chip, class, queue of the offender).
  Fault first() const;

  UpsetCounts upsets;

private:
  uint64_t now = 0;
  std::vector<Fault> faults;
};

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_ISSUE_H
