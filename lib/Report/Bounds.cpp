//===- Bounds.cpp - what no program can beat ------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/bounds.md states and proves the bounds. Numbers are exact integers: a
// bound that is rounded up by mistake would be beaten.
//
//===----------------------------------------------------------------------===//

#include "lpu/Report/Report.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/STLExtras.h"
#include <map>
#include <set>
#include <tuple>

using namespace lpu;

static int64_t ceilDiv(uint64_t a, uint64_t b) {
  return int64_t(a / b + (a % b != 0));
}

int64_t lpu::multiplyAddBound(uint64_t fp16, uint64_t int8, const Machine &m) {
  // In multiply-adds of int8: an fp16 row takes the plane for `interval` cycles
  // and uses half of the rows.
  uint64_t perCycle = uint64_t(m.numPlanes()) * m.planeRows * m.lanes;
  return ceilDiv(2 * uint64_t(m.fp16Interval) * fp16 + int8, perCycle);
}

int64_t lpu::weightBound(uint64_t bytes, const Machine &m) {
  // Twice the streams per cycle, to keep halves; rounding up weakens the bound.
  uint64_t operand =
      std::max<uint64_t>(2, (4 + m.fp16Interval - 1) / m.fp16Interval);
  uint64_t twiceStreams = std::min<uint64_t>(
      4 * uint64_t(m.streams),
      uint64_t(m.numPlanes()) * (2 * uint64_t(m.installRows) + operand));
  return ceilDiv(2 * bytes, twiceStreams * m.lanes);
}

/// Offsets of the first `count` indices from `first` on in a strided view;
/// -1 where the view has no element.
static std::vector<int64_t> offsets(const std::vector<stream::Axis> &axes,
                                    int64_t first, int64_t count) {
  std::vector<int64_t> result;
  int64_t size = 1;
  for (const stream::Axis &axis : axes)
    size *= axis.size;
  for (int64_t index = first; index < first + count; ++index) {
    int64_t offset = index < size ? 0 : -1;
    int64_t rest = index;
    for (size_t i = axes.size(); i-- > 0 && offset >= 0; rest /= axes[i].size)
      offset += rest % axes[i].size * axes[i].stride;
    result.push_back(offset);
  }
  return result;
}

namespace {
/// The elements of constant arrays that products use, each counted once however
/// often and through however many tiles it is used.
class UsedWeights {
public:
  uint64_t bytes = 0;

  /// Tiles of another program have the same numbers.
  void nextProgram() { seen.clear(); }
  void add(const stream::Tile &tile, unsigned tileNumber,
           const stream::KTile &k, unsigned bytesPerElement) {
    int64_t first = k.byColumns ? k.columnCount : k.laneCount;
    int64_t lane = k.byColumns ? k.bLaneBase : k.columnBase;
    int64_t lanes = k.byColumns ? k.laneCount : k.columnCount;
    if (!seen.insert({tileNumber, k.bChunk, k.bRow, first, lane, lanes}).second)
      return;
    // A lane of a packed chunk is the feature of the same number in it.
    int64_t feature = int64_t(k.bChunk) * tile.chunkFeatures() + lane;
    lanes =
        std::min({lanes, tile.chunkFeatures() - lane, tile.features - feature});
    for (const stream::ConstantSource &source : tile.sources) {
      llvm::BitVector &used =
          elements[{source.file, source.fileOffset, source.data.get()}];
      std::vector<int64_t> rows = offsets(source.rowAxes, k.bRow, first);
      std::vector<int64_t> columns =
          offsets(source.featureAxes, feature, lanes);
      for (int64_t row : rows)
        for (int64_t column : columns) {
          if (row < 0 || column < 0)
            continue;
          uint64_t element =
              source.splat ? 0 : uint64_t(source.offset + row + column);
          if (element > most)
            continue; // not counted: the bound stays one
          if (element >= used.size())
            used.resize(unsigned(std::min(
                most + 1,
                std::max<uint64_t>(element + 1, 2 * uint64_t(used.size())))));
          bytes += used.test(element) ? 0 : bytesPerElement;
          used.set(element);
        }
    }
  }

private:
  /// A number that BitVector can hold; such a weight fits on no chip.
  static constexpr uint64_t most = (uint64_t(1) << 31) - 1;
  std::set<std::tuple<unsigned, unsigned, int64_t, int64_t, int64_t, int64_t>>
      seen;
  std::map<std::tuple<std::string, uint64_t, const void *>, llvm::BitVector>
      elements;
};
} // namespace

Bounds lpu::bounds(const CompileResult &result, const Machine &m) {
  Bounds bounds;
  // Chips that have each program, and the largest grid bound of each stage.
  std::vector<uint64_t> chips(result.kinds.size(), result.stages.empty());
  std::map<unsigned, int64_t> stages;
  // One input is the work of one replica.
  int64_t all = 0;
  for (const StageReport &chip : result.stages) {
    if (chip.replica != 0)
      continue;
    ++all;
    ++chips[chip.kind];
    int64_t &most = stages[chip.stage];
    most = std::max(most, int64_t(chip.gridBound));
  }
  if (result.stages.empty())
    for (const schedule::KernelReport &k : result.kinds.front().kernels)
      bounds.grid += k.gridBound * k.iterations;
  for (auto [stage, most] : stages)
    bounds.grid += most;
  uint64_t fp16 = 0, int8 = 0;
  UsedWeights weights;
  for (auto [kind, times] : llvm::zip(result.kinds, chips)) {
    const stream::Program &program = kind.program;
    weights.nextProgram();
    for (const stream::Segment &segment : program.segments)
      for (const stream::Kernel &kernel : segment.kernels)
        if (const auto *matmul = std::get_if<stream::Matmul>(&kernel))
          for (const stream::Job &job : matmul->jobs)
            for (const stream::KTile &k : job.kTiles) {
              (matmul->fp16 ? fp16 : int8) +=
                  uint64_t(k.laneCount) * k.columnCount * uint64_t(job.rows) *
                  uint64_t(segment.iterations) * times;
              const stream::Tile &tile = program.tiles[k.b];
              if (tile.kind == stream::Tile::Constant)
                weights.add(tile, k.b, k, matmul->fp16 ? 2 : 1);
            }
  }
  // All chips together do the work. Of equal stages the weights of one are
  // counted, which weakens the bound.
  all = std::max<int64_t>(1, all);
  bounds.multiplyAdds = (multiplyAddBound(fp16, int8, m) + all - 1) / all;
  bounds.weights = weightBound(weights.bytes, m) / all;
  bounds.necessary = std::max(bounds.multiplyAdds, bounds.weights);
  return bounds;
}

int64_t lpu::necessaryBound(const schedule::KernelReport &kernel,
                            const Machine &machine) {
  bool fp16 = kernel.kind == "matmul fp16";
  uint64_t macs = uint64_t(kernel.macs);
  return multiplyAddBound(fp16 ? macs : 0, fp16 ? 0 : macs, machine);
}
