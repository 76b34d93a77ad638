//===- Feed.cpp - a product that feeds another ----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include <algorithm>

using namespace lpu;
using namespace lpu::schedule;
using stream::Access;
using stream::Job;
using stream::Matmul;

/// First and last row of an access.
static std::pair<int64_t, int64_t> rowRange(const Access &access,
                                            int64_t iterations) {
  std::pair<int64_t, int64_t> range{access.rowOf(0), access.rowOf(0)};
  for (int64_t i = 1; i < iterations; ++i) {
    range.first = std::min(range.first, access.rowOf(i));
    range.second = std::max(range.second, access.rowOf(i));
  }
  return range;
}

static bool mayMeet(const Access &a, int64_t rowsA, const Access &b,
                    int64_t rowsB) {
  if (a.tile != b.tile || a.chunk != b.chunk)
    return false;
  auto x = rowRange(a, rowsA), y = rowRange(b, rowsB);
  return x.first <= y.second && y.first <= x.second;
}

/// Whether `reader` takes what `writer` gives as rows that pass.
static bool feeds(const Job &writer, const Job &reader) {
  for (const stream::Write &write : writer.epilogue.writes)
    for (const stream::KTile &k : reader.kTiles)
      if (mayMeet(write.access, writer.rows, k.a, reader.rows))
        return true;
  return false;
}

/// Adds the tiles that a product reads, and those that it writes.
static void tilesOf(const Matmul &matmul, std::set<unsigned> &read,
                    std::set<unsigned> &written, std::set<unsigned> &passed) {
  for (const Job &job : matmul.jobs) {
    for (const stream::KTile &k : job.kTiles) {
      passed.insert(k.a.tile);
      read.insert(k.b);
    }
    for (const stream::Node &node : job.epilogue.nodes)
      if (node.kind == stream::Node::Read)
        read.insert(node.access.tile);
    for (const stream::Write &write : job.epilogue.writes)
      written.insert(write.access.tile);
  }
}

static bool meet(const std::set<unsigned> &a, const std::set<unsigned> &b) {
  return std::any_of(a.begin(), a.end(),
                     [&](unsigned tile) { return b.count(tile) > 0; });
}

/// Rows of K tiles that pass.
static int64_t passedRows(const Matmul &matmul) {
  int64_t rows = 0;
  for (const Job &job : matmul.jobs)
    rows += job.rows * int64_t(job.kTiles.size());
  return rows;
}

std::optional<std::vector<FeedStep>>
SchedulerImpl::feedSteps(const stream::Segment &segment, size_t kernel) {
  // It takes slices to keep the two apart.
  if (kernel + 1 >= segment.kernels.size() || shortRows ||
      !layout->panelsKeepHalf())
    return std::nullopt;
  const auto *one = std::get_if<Matmul>(&segment.kernels[kernel]),
             *other = std::get_if<Matmul>(&segment.kernels[kernel + 1]);
  if (!one || !other)
    return std::nullopt;
  const Matmul &first = *one, &second = *other;
  const std::vector<Gang> &list = gangs[first.fp16];
  if (list.size() != 2 || first.fp16 != second.fp16 || first.jobs.size() < 4 ||
      second.jobs.size() < 2)
    return std::nullopt;
  unsigned planes = list[0].planes.size();
  int64_t rowCycles =
      first.fp16 ? (machine.fp16Interval + planes - 1) / planes : 1;
  // The vector unit takes one job of the first at a time, and needs longer than
  // both gangs; a gang alone keeps up with it, with either product.
  int64_t rows = 0;
  for (const Job &job : first.jobs) {
    rows += job.rows;
    stream::FlowDemand demand = stream::flowDemand(job.epilogue, program);
    if (2 * demand.reduce <= machine.reduceAlus &&
        2 * demand.transcendental <= machine.transcendentalAlus &&
        2 * demand.alus <= machine.alus)
      return std::nullopt;
  }
  if (4 * passedRows(first) * rowCycles > 5 * rows ||
      4 * passedRows(second) * rowCycles > 5 * rows)
    return std::nullopt;
  // The second reads from the first what passes, and nothing else; and it
  // writes nothing that the first still needs.
  std::set<unsigned> reads[2], writes[2], passes[2];
  tilesOf(first, reads[0], writes[0], passes[0]);
  tilesOf(second, reads[1], writes[1], passes[1]);
  if (!meet(writes[0], passes[1]) || meet(writes[0], reads[1]) ||
      meet(writes[1], reads[0]) || meet(writes[1], passes[0]) ||
      meet(writes[1], writes[0]) || meet(writes[0], passes[0]) ||
      meet(writes[0], reads[0]))
    return std::nullopt;

  std::vector<FeedStep> steps;
  std::vector<bool> done(first.jobs.size());
  auto add = [&](bool isSecond, const Job &job) {
    if (steps.empty() || steps.back().isSecond != isSecond) {
      const Matmul &whole = isSecond ? second : first;
      steps.push_back({isSecond, {whole.name, whole.fp16, {}}});
    }
    steps.back().part.jobs.push_back(job);
  };
  for (const Job &reader : second.jobs) {
    for (size_t j = 0; j < first.jobs.size(); ++j)
      if (!done[j] && feeds(first.jobs[j], reader)) {
        done[j] = true;
        add(false, first.jobs[j]);
      }
    add(true, reader);
  }
  for (size_t j = 0; j < first.jobs.size(); ++j)
    if (!done[j])
      add(false, first.jobs[j]);
  if (steps.size() < 4) // one waits for all of the other
    return std::nullopt;
  return steps;
}

/// Rows of the first product are written while those of an earlier job are
/// read: they stand in different slices, in the half of the second gang. What
/// the first installs (keys) stands in the other half: their queues would meet.
void SchedulerImpl::rotateFed() {
  // By tile: read by others than first, or second, products.
  std::set<unsigned> others[2];
  for (const stream::Segment &segment : program.segments) {
    bool isSecond = false;
    for (size_t n = 0; n < segment.kernels.size(); ++n) {
      bool isFirst = !isSecond && feedSteps(segment, n);
      forEachAccess(segment.kernels[n], [&](unsigned tile, bool write) {
        if (write)
          return;
        if (!isFirst)
          others[0].insert(tile);
        if (!isSecond)
          others[1].insert(tile);
      });
      isSecond = isFirst;
    }
  }
  auto keep = [&](unsigned tile, int second, int half) {
    if (program.tiles[tile].kind != stream::Tile::Temporary ||
        others[second].count(tile))
      return;
    program.tiles[tile].bothHalves = false;
    wantedHalf[tile] = half;
  };
  for (const stream::Segment &segment : program.segments)
    for (size_t n = 0; n < segment.kernels.size(); ++n) {
      if (!feedSteps(segment, n))
        continue;
      for (int second : {0, 1}) {
        const auto &matmul = std::get<Matmul>(segment.kernels[n + second]);
        int half = gangs[matmul.fp16][second].east;
        for (const Job &job : matmul.jobs) {
          for (const stream::KTile &k : job.kTiles) {
            if (second)
              keep(k.a.tile, second, half);
            else
              keep(k.b, second, half);
          }
          for (const stream::Write &write : job.epilogue.writes)
            if (!second)
              layout->rotate(write.access.tile);
        }
      }
    }
}

bool SchedulerImpl::scheduleFed(llvm::ArrayRef<FeedStep> steps,
                                KernelReport &first, KernelReport &second) {
  bool fp16 = steps[0].part.fp16;
  useFormat(fp16);
  first.first = second.first = INT64_MAX;
  for (const FeedStep &step : steps) {
    kernelFirst = INT64_MAX;
    kernelLast = 0;
    const std::vector<Gang> both = gangs[fp16];
    gangs[fp16] = {both[step.isSecond]};
    bool ok = scheduleMatmul(step.part);
    gangs[fp16].insert(step.isSecond ? gangs[fp16].begin() : gangs[fp16].end(),
                       both[!step.isSecond]);
    if (!ok || !errorText.empty())
      return false;
    KernelReport &report = step.isSecond ? second : first;
    report.first = std::min(report.first, kernelFirst);
    report.last = std::max(report.last, kernelLast);
  }
  return true;
}
