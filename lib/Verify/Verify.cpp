//===- Verify.cpp - judging a package -------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chips of one class have the same text and relocations that change no cycle of
// it; they share one trace and one judgement of everything but memory, which
// depends on the rows of the chip's image as well, and links. The chip that
// stands for its class is the one that starts first, so that the first
// violation is the fault that an emulator would meet first.
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "llvm/ADT/STLExtras.h"
#include <memory>
#include <numeric>
#include <set>

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
  std::vector<std::vector<uint32_t>> memoryKeys() const;
  void checkRunFits(unsigned chip, const ChipTrace &trace,
                    const HostPortCycles &port);

  const Package &package;
  const Options &options;
  Result result;
  Reporter reporter;
};

/// By chip: its base registers, and the rows that are loaded before cycle 0 or
/// read behind the end.
/// What checkMemory says of a text depends on them and on nothing else.
std::vector<std::vector<uint32_t>> Verifier::memoryKeys() const {
  using Rows = std::array<uint32_t, 4>; // use, bank number, row, rows
  std::vector<std::vector<Rows>> rows(package.chips.size());
  for (size_t chip = 0; chip < rows.size(); ++chip)
    for (const ImageSegment &s : package.chips[chip].image)
      rows[chip].push_back({0, 2 * s.slice + s.bank, s.row, s.rows});
  uint32_t use = 1;
  for (const auto *tensors : {&package.inputs, &package.outputs})
    for (const TensorBinding &tensor : *tensors) {
      for (const Placement &p : tensor.placements)
        for (size_t c = 0; c < p.columns.size(); ++c) {
          const Column &column = p.columns[c];
          rows[column.chip].push_back({use, 2 * column.slice + column.bank,
                                       column.row, uint32_t(c % p.stripes)});
        }
      ++use; // an output of another name is reported by its name
    }
  std::vector<std::vector<uint32_t>> keys(rows.size());
  for (size_t chip = 0; chip < rows.size(); ++chip) {
    llvm::sort(rows[chip]);
    for (const BaseRegister &base : package.chips[chip].registers)
      keys[chip].push_back(base.value);
    for (const Rows &r : rows[chip])
      keys[chip].insert(keys[chip].end(), r.begin(), r.end());
  }
  return keys;
}

/// docs/isa.md, section 9: a run, the host port and the restart fit into the
/// initiation interval.
void Verifier::checkRunFits(unsigned chip, const ChipTrace &trace,
                            const HostPortCycles &port) {
  if (!trace.halt || trace.stopped != INT64_MAX)
    return;
  int64_t over =
      std::max({trace.lastEffect + 1, trace.halt->cycle + 1, trace.fetchEnd});
  int64_t left = int64_t(package.interval) - int64_t(port.inputs) -
                 int64_t(port.outputs) -
                 int64_t(restartCycles(package, package.chips[chip].chipClass));
  if (over <= left)
    return;
  reporter.setChip(chip);
  reporter.add(Fault::RunOverlap, over,
               Issue{&trace.queues[trace.halt->queue], trace.halt->text,
                     trace.halt->cycle},
               std::nullopt,
               "the run takes " + llvm::Twine(over) +
                   " cycles, the interval of " + llvm::Twine(package.interval) +
                   " leaves " + llvm::Twine(left));
}

/// A queue that stops early leaves the others without partners: behind that
/// cycle their faults are consequences.
void Verifier::dropConsequences(llvm::ArrayRef<const ChipTrace *> traces) {
  int64_t stopped = INT64_MAX;
  for (size_t chip = 0; chip < traces.size(); ++chip)
    if (traces[chip]->stopped != INT64_MAX)
      stopped = std::min(stopped, traces[chip]->stopped +
                                      int64_t(package.chips[chip].start));
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

  // In the order of starts: the first chip of a class stands for it.
  std::vector<unsigned> order(package.chips.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::make_pair(package.chips[a].start, a) <
           std::make_pair(package.chips[b].start, b);
  });
  std::vector<std::unique_ptr<ChipTrace>> judged(
      options.chipWise ? package.chips.size() : package.classes.size());
  std::vector<const ChipTrace *> traces(package.chips.size()); // by chip
  std::set<std::pair<const ChipTrace *, std::vector<uint32_t>>> memories;
  std::vector<std::vector<uint32_t>> keys = memoryKeys();
  std::vector<HostPortCycles> ports = hostPortCycles(package);
  for (unsigned chip : order) {
    const Chip &c = package.chips[chip];
    reporter.setChip(chip);
    std::unique_ptr<ChipTrace> &trace =
        judged[options.chipWise ? chip : c.chipClass];
    if (!trace) {
      trace = std::make_unique<ChipTrace>();
      traceChip(package, chip, *trace, reporter, options, result);
      checkFetchBandwidth(*trace, reporter);
      checkStreams(*trace, reporter, result);
      checkVector(*trace, reporter);
      checkPlanes(*trace, reporter);
    }
    if (memories.insert({trace.get(), std::move(keys[chip])}).second) {
      setBases(*trace, c);
      checkMemory(package, chip, *trace, reporter, result);
    }
    if (package.interval != 0)
      checkRunFits(chip, *trace, ports[chip]);
    if (trace->lastEffect >= 0)
      result.cycles =
          std::max(result.cycles, c.start + uint64_t(trace->lastEffect) + 1);
    traces[chip] = trace.get();
  }
  checkLinks(package, traces, options, reporter, result);
  dropConsequences(traces);

  std::sort(result.violations.begin(), result.violations.end(),
            [](const Violation &a, const Violation &b) {
              auto key = [](const Violation &v) {
                return std::make_tuple(v.cycle, v.chip, v.fault,
                                       v.offender ? v.offender->queue : 0);
              };
              return key(a) < key(b);
            });
  result.cyclesDiffer =
      result.violations.empty() && result.cycles != package.cycles;
  return std::move(result);
}

} // namespace

Result verify::verify(const Package &package, const Options &options) {
  return Verifier(package, options).run();
}
