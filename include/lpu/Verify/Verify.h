//===- Verify.h - the independent judge of a package ------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decides from a package alone whether any chip can fault (docs/isa.md),
// without running it. It works on the compressed form: an instruction with
// repeats is an arithmetic progression of issues, so a check compares
// progressions, not cycles. docs/verification.md describes the method and its
// limits. The library links neither the scheduler nor the emulator, and shares
// no code with them.
//
// Chips of one class are judged once: a relocation moves nothing against
// anything else of its chip. Between chips, wires are matched from the cycles
// of the classes' sends and receives and the starts of the chips, once for
// every pair of classes, links and distance of starts.
//
// What depends on data (an address that a stream supplies: mem.gather,
// mem.scatter, registers set by mem.loadreg) is not judged; it can fault only
// at run time.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_VERIFY_VERIFY_H
#define LPU_VERIFY_VERIFY_H

#include "lpu/Binary/Package.h"
#include <optional>
#include <string>
#include <vector>

namespace lpu::verify {

/// The fault classes of docs/isa.md, section 12, in its order.
enum class Fault : uint8_t {
  StreamOverwrite,
  EmptyRead,
  LiveValueLost,
  BankConflict,
  UnitConflict,
  AddressOutOfRange,
  LinkOverrun,
  LinkUnderrun,
  FetchStarvation,
  FetchOverload,
  IllegalEncoding,
  UninitialisedRead,
  UnspecifiedBehaviour,
  Drift,
  NotImplemented,
  RunOverlap
};

/// "stream-overwrite", ...
const char *faultName(Fault fault);

/// One issue of one instruction. Cycles are program cycles.
struct Party {
  unsigned chip = 0, queue = 0;
  uint32_t textIndex = 0;
  int64_t cycle = 0;       // of the issue (of the repeat concerned)
  std::string instruction; // assembly
};

struct Violation {
  Fault fault = Fault::NotImplemented;
  int64_t cycle = 0; // when the chip would fault
  unsigned chip = 0;
  std::optional<Party> offender, other;
  std::string detail;

  /// Several lines, the layout of the emulator's fault report.
  std::string str(const Machine &machine) const;
};

struct Options {
  /// Violations kept for printing; all are counted. One is kept for each pair
  /// of instructions and class.
  unsigned maxViolations = 100;
  /// More executed instructions (repeats not counted, loops unrolled) than this
  /// are refused as not-implemented: a bound on the verifier's own time.
  uint64_t maxRuns = 30000000;
  /// Judge every chip and every wire on its own, not once per class. The
  /// verdict is the same; it takes as many times as long as there are chips of
  /// a class.
  bool chipWise = false;
};

struct Result {
  /// Sorted by cycle, chip, class. Empty: accepted.
  std::vector<Violation> violations;
  uint64_t violationCount = 0;
  /// Cycles of the program as the text defines them (docs/isa.md, section 3).
  uint64_t cycles = 0;
  /// Set if the manifest states other cycles.
  bool cyclesDiffer = false;
  // The size of what was judged: texts once per class, and once per chip with
  // Options::chipWise.
  uint64_t instructions = 0; // words of text
  uint64_t runs = 0;         // executed instructions, loops unrolled
  uint64_t progressions = 0; // of stream accesses, after merging
  /// The longest that the two clocks of a vector have run since their last
  /// resynchronisations, added up, and so the largest relative error of any
  /// clock, in parts per million, that link_margin covers for certain. Nothing
  /// without links.
  uint64_t clockCycles = 0;
  std::optional<double> clockPpm;
  /// Accesses whose address data supplies; their rows are not judged.
  uint64_t dataSupplied = 0;

  bool accepted() const { return violations.empty() && !cyclesDiffer; }
};

/// Judges all chips of a package.
Result verify(const Package &package, const Options &options = Options());

} // namespace lpu::verify

#endif // LPU_VERIFY_VERIFY_H
