//===- Verify.cpp - judging a package -------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chips of one class have the same text; they share one trace and one judgement
// of everything but memory, which depends on the chip's image as well, and
// links.
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "llvm/ADT/STLExtras.h"
#include <memory>

using namespace lpu;
using namespace lpu::verify;

namespace {

class Verifier {
public:
  Verifier(const Package &package, const Options &options)
      : package(package), options(options), reporter(package, options, result) {
  }

  Result run();

private:
  void dropConsequences(llvm::ArrayRef<const ChipTrace *> traces);
  bool sameMemory(unsigned a, unsigned b) const;

  const Package &package;
  const Options &options;
  Result result;
  Reporter reporter;
};

/// Equal rows are loaded before cycle 0.
bool Verifier::sameMemory(unsigned a, unsigned b) const {
  const std::vector<ImageSegment> &x = package.chips[a].image;
  const std::vector<ImageSegment> &y = package.chips[b].image;
  if (x.size() != y.size())
    return false;
  for (size_t i = 0; i < x.size(); ++i)
    if (x[i].slice != y[i].slice || x[i].bank != y[i].bank ||
        x[i].row != y[i].row || x[i].rows != y[i].rows)
      return false;
  for (const auto *tensors : {&package.inputs, &package.outputs})
    for (const TensorBinding &tensor : *tensors)
      for (const Placement &placement : tensor.placements)
        for (const Column &column : placement.columns)
          if (column.chip == a || column.chip == b)
            return false;
  return true;
}

/// A queue that stops early leaves the others without partners: behind that
/// cycle their faults are consequences.
void Verifier::dropConsequences(llvm::ArrayRef<const ChipTrace *> traces) {
  int64_t stopped = INT64_MAX;
  for (const ChipTrace *trace : traces)
    stopped = std::min(stopped, trace->stopped);
  llvm::erase_if(result.violations, [&](const Violation &violation) {
    return violation.cycle > stopped;
  });
  if (stopped != INT64_MAX)
    result.violationCount = result.violations.size();
}

Result Verifier::run() {
  // Numbers in range, text present and equal in all chips of a class.
  for (const std::string &problem : checkPackage(package)) {
    Violation violation;
    violation.fault = Fault::IllegalEncoding;
    violation.detail = "the package is not consistent: " + problem;
    result.violations.push_back(std::move(violation));
    ++result.violationCount;
  }
  if (!result.violations.empty())
    return std::move(result);

  std::vector<std::unique_ptr<ChipTrace>> classes(package.classes.size());
  std::vector<const ChipTrace *> traces; // by chip
  int64_t lastEffect = -1;
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    reporter.setChip(chip);
    std::unique_ptr<ChipTrace> &trace = classes[package.chips[chip].chipClass];
    if (!trace) {
      trace = std::make_unique<ChipTrace>();
      traceChip(package, chip, *trace, reporter, options, result);
      checkFetchBandwidth(*trace, reporter);
      checkStreams(*trace, reporter, result);
      checkVector(*trace, reporter);
      checkPlanes(*trace, reporter);
      lastEffect = std::max(lastEffect, trace->lastEffect);
    }
    if (trace->chip == chip || !sameMemory(trace->chip, chip))
      checkMemory(package, chip, *trace, reporter, result);
    traces.push_back(trace.get());
  }
  checkLinks(package, traces, reporter);
  dropConsequences(traces);

  std::sort(result.violations.begin(), result.violations.end(),
            [](const Violation &a, const Violation &b) {
              auto key = [](const Violation &v) {
                return std::make_tuple(v.cycle, v.chip, v.fault,
                                       v.offender ? v.offender->queue : 0);
              };
              return key(a) < key(b);
            });
  result.cycles = uint64_t(lastEffect + 1);
  result.cyclesDiffer =
      result.violations.empty() && result.cycles != package.cycles;
  return std::move(result);
}

} // namespace

Result verify::verify(const Package &package, const Options &options) {
  return Verifier(package, options).run();
}
