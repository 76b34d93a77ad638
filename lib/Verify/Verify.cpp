//===- Verify.cpp - judging a package -------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chips with the same text share one trace and one judgement of everything but
// memory, which depends on the chip's image as well, and links.
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
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
  bool consistent();
  bool inconsistent(const llvm::Twine &what) {
    reporter.add(Fault::IllegalEncoding, 0, std::nullopt, std::nullopt,
                 "the package is not consistent: " + what);
    return false;
  }
  bool rowsExist(unsigned slice, unsigned bank, uint64_t row, uint64_t rows) {
    const Machine &m = package.machine;
    return slice < m.numSlices() && bank < 2 && row + rows <= m.rows;
  }
  bool sameText(unsigned a, unsigned b) const;
  bool sameMemory(unsigned a, unsigned b) const;
  const uint8_t *imageRow(unsigned chip, const TextSegment &segment,
                          unsigned row) const;

  const Package &package;
  const Options &options;
  Result result;
  Reporter reporter;
};

/// Everything that later checks index with.
bool Verifier::consistent() {
  const Machine &m = package.machine;
  for (const ChipClass &chipClass : package.classes) {
    std::set<unsigned> queues;
    for (const TextSegment &segment : chipClass.text) {
      if (segment.queue >= m.numQueues() ||
          !queues.insert(segment.queue).second)
        return inconsistent("a text segment names queue " +
                            llvm::Twine(segment.queue) +
                            ", which does not exist or has one already");
      if (!rowsExist(segment.slice, segment.bank, segment.row, segment.rows) ||
          segment.rows == 0)
        return inconsistent("the text segment of queue " +
                            llvm::Twine(segment.queue) +
                            " lies outside the banks");
    }
  }
  for (const Chip &chip : package.chips) {
    if (chip.chipClass >= package.classes.size())
      return inconsistent("a chip has no class");
    for (const ImageSegment &segment : chip.image)
      if (!rowsExist(segment.slice, segment.bank, segment.row, segment.rows) ||
          segment.bytes.size() != uint64_t(segment.rows) * m.lanes)
        return inconsistent("an image segment lies outside the banks");
  }
  std::set<std::pair<unsigned, unsigned>> from, to;
  for (const LinkWire &wire : package.wires)
    if (wire.fromChip >= package.chips.size() ||
        wire.toChip >= package.chips.size() || wire.fromLink >= m.links ||
        wire.toLink >= m.links ||
        !from.insert({wire.fromChip, wire.fromLink}).second ||
        !to.insert({wire.toChip, wire.toLink}).second)
      return inconsistent("a wire names a chip or port that does not exist or "
                          "has a wire already");
  for (const TensorBinding &input : package.inputs)
    for (const Placement &placement : input.placements) {
      if (placement.stripes == 0)
        return inconsistent("input '" + input.name + "' has no stripes");
      uint64_t rows = (uint64_t(placement.tensorRows) + placement.stripes - 1) /
                      placement.stripes;
      for (const Column &column : placement.columns)
        if (column.chip >= package.chips.size() ||
            !rowsExist(column.slice, column.bank, column.row, rows))
          return inconsistent("input '" + input.name +
                              "' lies outside the banks");
    }
  return true;
}

const uint8_t *Verifier::imageRow(unsigned chip, const TextSegment &segment,
                                  unsigned row) const {
  for (const ImageSegment &image : package.chips[chip].image)
    if (image.slice == segment.slice && image.bank == segment.bank &&
        row >= image.row && row < image.row + image.rows)
      return image.bytes.data() +
             uint64_t(row - image.row) * package.machine.lanes;
  return nullptr;
}

bool Verifier::sameText(unsigned a, unsigned b) const {
  if (package.chips[a].chipClass != package.chips[b].chipClass)
    return false;
  for (const TextSegment &segment :
       package.classes[package.chips[a].chipClass].text)
    for (unsigned row = segment.row; row < segment.row + segment.rows; ++row) {
      const uint8_t *x = imageRow(a, segment, row);
      const uint8_t *y = imageRow(b, segment, row);
      if (!x || !y || (x != y && memcmp(x, y, package.machine.lanes) != 0))
        return false;
    }
  return true;
}

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
  for (const TensorBinding &input : package.inputs)
    for (const Placement &placement : input.placements)
      for (const Column &column : placement.columns)
        if (column.chip == a || column.chip == b)
          return false;
  return true;
}

Result Verifier::run() {
  if (!consistent())
    return std::move(result);

  std::vector<std::unique_ptr<ChipTrace>> traces; // of different texts
  std::vector<const ChipTrace *> traceOf(package.chips.size(), nullptr);
  std::vector<const ChipTrace *> complete(package.chips.size(), nullptr);
  int64_t lastEffect = -1;
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    reporter.setChip(chip);
    for (const std::unique_ptr<ChipTrace> &trace : traces)
      if (sameText(trace->chip, chip)) {
        traceOf[chip] = trace.get();
        complete[chip] = complete[trace->chip];
        break;
      }
    if (!traceOf[chip]) {
      traces.push_back(std::make_unique<ChipTrace>());
      ChipTrace &trace = *traces.back();
      traceOf[chip] = &trace;
      // A queue that stops early leaves the others without partners: what they
      // would do behind that point says nothing.
      if (!traceChip(package, chip, trace, reporter, options, result))
        continue;
      complete[chip] = &trace;
      checkFetchBandwidth(trace, reporter);
      checkStreams(trace, reporter, result);
      checkVector(trace, reporter);
      checkPlanes(trace, reporter);
      lastEffect = std::max(lastEffect, trace.lastEffect);
    }
    const ChipTrace &trace = *traceOf[chip];
    if (complete[chip] && (trace.chip == chip || !sameMemory(trace.chip, chip)))
      checkMemory(package, chip, trace, reporter, result);
  }
  checkLinks(package, complete, reporter);

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
