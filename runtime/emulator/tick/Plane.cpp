//===- Plane.cpp - one matrix plane ---------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Plane.h"
#include "Numerics.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::tick;

Plane::Plane(const Machine &machine, unsigned index, Streams &streams,
             FaultLog &log)
    : machine(machine), position(machine.unitPosition(Unit::Pass, index)),
      outwardIsWest(!machine.isEast(Unit::Pass, index)), streams(streams),
      log(log), active(emptyWeights()), shadow(emptyWeights()),
      accumulators(machine.accumulatorRows) {}

Plane::Weights Plane::emptyWeights() const {
  Weights weights;
  weights.rows.assign(machine.planeRows, Words(machine.lanes));
  return weights;
}

void Plane::startCycle(uint64_t cycle) {
  now = cycle;
  if (pendingSwap && pendingSwap->cycle + machine.delaySwap == now) {
    active = std::move(shadow);
    shadow = emptyWeights();
    pendingSwap = nullptr;
  }

  IssuePtr completed;
  std::vector<Result> waiting;
  for (Result &result : results) {
    if (result.completion != now) {
      waiting.push_back(std::move(result));
      continue;
    }
    if (completed)
      log.reportPair(FaultClass::UnitConflict, result.issue, completed,
                     "two passes of one plane complete in the same cycle");
    completed = result.issue;
    AccumulatorRow &row = accumulators[result.row];
    if (result.add && row.format == Format::None) {
      log.report(FaultClass::UninitialisedRead, result.issue, nullptr,
                 llvm::formatv("adds to accumulator row {0}, which was never "
                               "written",
                               result.row));
    } else if (result.add && row.format != result.format) {
      log.report(FaultClass::UnspecifiedBehaviour, result.issue, row.pass,
                 llvm::formatv("adds to accumulator row {0} of the other "
                               "format",
                               result.row));
    } else if (result.add) {
      for (unsigned lane = 0; lane < machine.lanes; ++lane)
        result.values[lane] = result.format == Format::Int8
                                  ? row.values[lane] + result.values[lane]
                                  : add(row.values[lane], result.values[lane]);
    }
    row = {result.format, result.issue, std::move(result.values)};
  }
  results = std::move(waiting);
}

const Bytes &Plane::read(unsigned stream, bool last, const IssuePtr &issue) {
  return streams.read({position, outwardIsWest, stream}, last, issue);
}

/// The 32-bit value of one element, from its low and (fp16) high byte.
static uint32_t widen(bool fp16, uint8_t low, uint8_t high) {
  return fp16 ? fromHalf(uint16_t(low | high << 8))
              : uint32_t(int32_t(int8_t(low)));
}

bool Plane::swapping(const IssuePtr &issue, const char *what) {
  if (pendingSwap)
    log.report(FaultClass::UnitConflict, issue, pendingSwap,
               llvm::formatv("{0} during a swap", what));
  return pendingSwap != nullptr;
}

bool Plane::inRange(const char *what, int64_t first, int64_t count,
                    int64_t limit, const IssuePtr &issue) {
  if (first >= 0 && first + count <= limit)
    return true;
  log.report(FaultClass::AddressOutOfRange, issue, nullptr,
             llvm::formatv("{0} {1} .. {2}, outside 0 .. {3}", what, first,
                           first + count - 1, limit - 1));
  return false;
}

void Plane::install(const IssuePtr &issue) {
  namespace f = isa::field::weights_install;
  const isa::Instruction &inst = issue->instruction;
  const bool fp16 = inst.get(f::fp16), last = inst.get(f::last);
  const bool columns = inst.get(f::columns);
  const unsigned stream = unsigned(inst.get(f::stream));
  const unsigned vectors = unsigned(inst.get(f::n)) / (fp16 ? 2 : 1);
  const unsigned laneBase = unsigned(inst.get(f::lane_base));
  const unsigned laneCount = unsigned(inst.get(f::lane_count));
  const unsigned row = unsigned(inst.get(f::row));
  const int64_t at = inst.get(f::at) + issue->repeat * inst.get(f::step);
  const unsigned weightRows = machine.planeRows / (fp16 ? 2 : 1);
  const Format format = fp16 ? Format::Fp16 : Format::Int8;

  swapping(issue, "an install");
  if (shadow.format != Format::None && shadow.format != format)
    log.report(FaultClass::UnspecifiedBehaviour, issue, shadow.install,
               "the shadow buffer holds weights of the other format");
  if (shadow.format == Format::None) {
    shadow.format = format;
    shadow.install = issue;
  }
  const bool legal =
      columns ? inRange("columns", at, vectors, machine.lanes, issue) &&
                    inRange("weight rows", row, laneCount, weightRows, issue)
              : inRange("weight rows", at, vectors, weightRows, issue);
  if (!legal)
    return;
  for (unsigned j = 0; j < vectors; ++j) {
    const unsigned first = stream + j * (fp16 ? 2 : 1);
    const Bytes low = read(first, last, issue);
    const Bytes high = fp16 ? read(first + 1, last, issue) : low;
    if (!columns)
      shadow.rows[at + j].assign(machine.lanes, 0);
    for (unsigned k = 0; k < laneCount; ++k) {
      const unsigned lane = laneBase + k;
      const uint32_t weight = widen(fp16, low[lane], high[lane]);
      if (columns)
        shadow.rows[row + k][at + j] = weight;
      else
        shadow.rows[at + j][lane] = weight;
    }
  }
}

void Plane::swap(const IssuePtr &issue) {
  if (!swapping(issue, "a swap"))
    pendingSwap = issue;
}

/// Section 10: one sum per column, in increasing k, from +0.
Words Plane::multiply(const Words &operand, unsigned weightRow,
                      Format format) const {
  Words sums(machine.lanes);
  for (unsigned column = 0; column < machine.lanes; ++column)
    for (unsigned k = 0; k < operand.size(); ++k) {
      const uint32_t weight = active.rows[weightRow + k][column];
      sums[column] = format == Format::Int8
                         ? sums[column] + operand[k] * weight
                         : add(sums[column], mul(operand[k], weight));
    }
  return sums;
}

void Plane::pass(const IssuePtr &issue) {
  namespace f = isa::field::pass_run;
  const isa::Instruction &inst = issue->instruction;
  const bool fp16 = inst.get(f::fp16), last = inst.get(f::last);
  const unsigned stream = unsigned(inst.get(f::stream));
  const unsigned laneBase = unsigned(inst.get(f::lane_base));
  const unsigned laneCount = unsigned(inst.get(f::lane_count));
  const Format format = fp16 ? Format::Fp16 : Format::Int8;

  if (lastPass && lastPass->instruction.get(f::fp16) &&
      lastPass->cycle + machine.fp16Interval > now)
    log.report(FaultClass::UnitConflict, issue, lastPass,
               llvm::formatv("an fp16 pass keeps the plane busy for {0} cycles",
                             machine.fp16Interval));
  lastPass = issue;
  if (active.format != Format::None && active.format != format)
    log.report(FaultClass::UnspecifiedBehaviour, issue, active.install,
               "the active weights are of the other format");

  const int64_t weightRow = inst.get(f::weight_row);
  const int64_t row =
      inst.get(f::acc) + issue->repeat * inst.get(f::acc_stride);
  if (!inRange("weight rows", weightRow, laneCount,
               machine.planeRows / (fp16 ? 2 : 1), issue) ||
      !inRange("accumulator rows", row, 1, machine.accumulatorRows, issue))
    return;
  const Bytes low = read(stream, last, issue);
  const Bytes high = fp16 ? read(stream + 1, last, issue) : low;
  Words operand;
  for (unsigned k = 0; k < laneCount; ++k)
    operand.push_back(widen(fp16, low[laneBase + k], high[laneBase + k]));
  results.push_back({now + isa::delay(inst, machine), unsigned(row),
                     inst.get(f::add) != 0, format,
                     multiply(operand, unsigned(weightRow), format), issue});
}

void Plane::drain(const IssuePtr &issue) {
  namespace f = isa::field::drain_row;
  const isa::Instruction &inst = issue->instruction;
  const int64_t number =
      inst.get(f::acc) + issue->repeat * inst.get(f::acc_stride);
  if (!inRange("accumulator rows", number, 1, machine.accumulatorRows, issue))
    return;
  const AccumulatorRow &row = accumulators[size_t(number)];
  Words values = row.values;
  if (row.format == Format::None) {
    log.report(FaultClass::UninitialisedRead, issue, nullptr,
               llvm::formatv("accumulator row {0} was never written", number));
    values.assign(machine.lanes, 0);
  }
  for (unsigned byte = 0; byte < 4; ++byte) {
    Bytes bytes(machine.lanes);
    for (unsigned lane = 0; lane < machine.lanes; ++lane)
      bytes[lane] = uint8_t(values[lane] >> (8 * byte));
    streams.put(
        now + machine.delayDrain,
        {position, !outwardIsWest, unsigned(inst.get(f::stream)) + byte},
        std::move(bytes), issue);
  }
}
