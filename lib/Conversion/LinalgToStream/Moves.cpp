//===- Moves.cpp - gathers and joins --------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::linalg_to_stream;

void Emitter::emitGather(Tensor &t) {
  const View &table = t.operands[0], &index = t.operands[1];
  require(*table.source);
  require(*index.source);
  if (failed)
    return;
  unsigned tableTile;
  if (table.source->kind == Tensor::Constant) {
    Located at = constantSide(table, {0u}, {1u}, false, storedType(t));
    tableTile = at.tile;
  } else {
    // Made in the layout of a table: rows of all features.
    Layout layout = layoutOf(table.sizes, {0u}, {1u});
    std::optional<Located> at;
    if (table.source->isLight)
      at = makeLight(table, layout, storedType(t), t);
    else if (std::optional<Place> place = placeOf(table, table.source->layout))
      at = Located{vectorTileOf(*table.source), *place, false,
                   table.source->layout.features};
    bool isTable = at && at->place.row == 0 && at->place.feature == 0 &&
                   at->place.rowStride[0] == layout.row[0] &&
                   at->place.featureStride[1] == layout.feature[1] &&
                   at->features == layout.features &&
                   program.tiles[at->tile].type == storedType(t);
    if (!isTable)
      return report(t, "a gather from a table that would have to be moved");
    tableTile = at->tile;
  }

  // One index per row, in lane 0.
  SmallVector<unsigned, 6> dims;
  for (unsigned d = 0; d < index.rank(); ++d)
    dims.push_back(d);
  Layout domain = layoutOf(index.sizes, dims, {});
  std::optional<Located> at;
  if (!index.source->isLight) {
    if (std::optional<Place> place = placeOf(index, index.source->layout))
      at = Located{tileOf(*index.source), *place, false, 1};
  } else if (index.source->kind == Tensor::Constant) {
    stream::ConstantSource constant = index.source->constant;
    constant.offset += index.offset;
    for (unsigned d : dims)
      constant.rowAxes.push_back({index.sizes[d], index.strides[d]});
    Place place;
    place.rowStride = domain.row;
    place.featureStride = domain.feature;
    at = Located{constantTile(index.source->name, isa::ElementType::i32,
                              constant, false),
                 place, false, 1};
  } else {
    at = makeLight(index, domain, std::nullopt, t);
  }
  bool isLane0 = at && at->place.feature % machine.lanes == 0;
  for (unsigned d : dims)
    isLane0 = isLane0 && at->place.featureStride[d] == 0;
  if (!isLane0)
    return report(t,
                  "the indices of a gather would have to be moved from lanes "
                  "to rows");

  RowMap rows;
  rows.base = at->place.row;
  for (unsigned d : dims)
    rows.append(index.sizes[d], at->place.rowStride[d]);
  unsigned out = tilesToWrite(t).front();
  std::set<int64_t, std::greater<int64_t>> blocks{domain.rows, 1};
  int64_t suffix = 1;
  for (const stream::Axis &axis : llvm::reverse(rows.axes))
    blocks.insert(suffix *= axis.size);
  for (int64_t block : blocks) {
    std::vector<stream::Kernel> parts;
    for (int64_t first = 0; first < domain.rows; first += block) {
      std::optional<stream::Access> access = rows.access(first, block);
      if (!access)
        break;
      stream::Gather gather;
      gather.name = t.name;
      gather.table = tableTile;
      gather.index = *access;
      gather.index.tile = at->tile;
      gather.index.chunk = at->place.feature / machine.lanes;
      gather.out = out;
      gather.outRow = first;
      gather.iterations = block;
      parts.push_back(gather);
    }
    if (int64_t(parts.size()) * block != domain.rows)
      continue;
    for (stream::Kernel &part : parts)
      kernels.push_back(std::move(part));
    return;
  }
}

//===----------------------------------------------------------------------===//
// Moves between rows and lanes
//===----------------------------------------------------------------------===//

namespace {
struct Stretch {
  int64_t from, to, count;
};
} // namespace

/// Positions of all points of some dimensions in two places, in stretches that
/// go up by one in both and stay in a chunk of the place that has one.
static std::vector<Stretch>
stretches(llvm::ArrayRef<unsigned> dims, llvm::ArrayRef<int64_t> sizes,
          const Sizes &from, int64_t fromBase, const Sizes &to, int64_t toBase,
          int64_t chunkFrom, int64_t chunkTo, int64_t most) {
  std::vector<Stretch> result;
  int64_t count = 1;
  for (unsigned d : dims)
    count *= sizes[d];
  for (int64_t n = 0; n < count; ++n) {
    int64_t a = fromBase, b = toBase, rest = n;
    for (unsigned d : llvm::reverse(dims)) {
      a += rest % sizes[d] * from[d];
      b += rest % sizes[d] * to[d];
      rest /= sizes[d];
    }
    bool extends = !result.empty() && result.back().count < most &&
                   a == result.back().from + result.back().count &&
                   b == result.back().to + result.back().count &&
                   !(chunkFrom && a % chunkFrom == 0) &&
                   !(chunkTo && b % chunkTo == 0);
    if (extends)
      ++result.back().count;
    else
      result.push_back({a, b, 1});
  }
  return result;
}

bool Emitter::transpose(const std::string &name, llvm::ArrayRef<int64_t> sizes,
                        unsigned from, const Place &source, unsigned to,
                        const Layout &target) {
  // x: lanes to rows, y: rows to lanes, z: rows to rows.
  SmallVector<unsigned, 6> x, y, z;
  for (unsigned d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 1)
      continue;
    bool onLanes = source.featureStride[d] != 0;
    if (onLanes && target.feature[d] != 0)
      return false;
    (onLanes ? x : target.feature[d] != 0 ? y : z).push_back(d);
  }
  auto by = [](const Sizes &strides) {
    return
        [&strides](unsigned a, unsigned b) { return strides[a] > strides[b]; };
  };
  llvm::sort(x, by(source.featureStride));
  llvm::sort(y, by(target.feature));
  const int64_t lanes = machine.lanes;
  int64_t outer = 1;
  for (unsigned d : z)
    outer *= sizes[d];
  std::vector<stream::Kernel> parts;
  for (int64_t n = 0; n < outer; ++n) {
    int64_t rowFrom = source.row, rowTo = 0, rest = n;
    for (unsigned d : llvm::reverse(z)) {
      rowFrom += rest % sizes[d] * source.rowStride[d];
      rowTo += rest % sizes[d] * target.row[d];
      rest /= sizes[d];
    }
    auto xs = stretches(x, sizes, source.featureStride, source.feature,
                        target.row, rowTo, lanes, 0, lanes);
    auto ys = stretches(y, sizes, source.rowStride, rowFrom, target.feature, 0,
                        0, lanes, lanes);
    // Each move clears the other lanes of the rows that it writes.
    for (size_t i = 1; i < ys.size(); ++i)
      if (ys[i].to / lanes == ys[i - 1].to / lanes)
        return false;
    for (const Stretch &feature : xs)
      for (const Stretch &row : ys) {
        stream::TransposeTile move;
        move.name = name;
        move.src = from;
        move.srcChunk = feature.from / lanes;
        move.srcLane = feature.from % lanes;
        move.lanes = feature.count;
        move.srcRow = row.from;
        move.rows = row.count;
        move.dst = to;
        move.dstChunk = row.to / lanes;
        move.dstLane = row.to % lanes;
        move.dstRow = feature.to;
        parts.push_back(move);
      }
  }
  for (stream::Kernel &part : parts)
    kernels.push_back(std::move(part));
  return true;
}

void Emitter::emitMove(Tensor &t) {
  const View &view = t.operands[0];
  require(*view.source);
  if (failed)
    return;
  std::optional<Place> place = placeOf(view, view.source->layout);
  if (!place)
    return report(t, "an operand's elements do not stand in even steps");
  unsigned from = t.feedsMatrix ? tileOf(*view.source)
                                : vectorTileOf(*view.source),
           to = tileOf(t);
  if (program.tiles[from].type != program.tiles[to].type)
    return report(t, "a move of a " + view.source->element +
                         " tensor that is stored in another precision");
  tails[to] = Tail::Zero;
  if (transpose(t.name, view.sizes, from, *place, to, t.layout))
    return;
  // Lanes to lanes: all lanes to rows, then the wanted dimensions back.
  SmallVector<unsigned, 6> rows, features;
  for (unsigned d = 0; d < view.rank(); ++d)
    if (view.sizes[d] > 1)
      (place->featureStride[d] != 0 ? rows : features).push_back(d);
  auto by = [](const Sizes &strides) {
    return
        [&strides](unsigned a, unsigned b) { return strides[a] > strides[b]; };
  };
  llvm::sort(rows, by(place->featureStride));
  llvm::sort(features, by(place->rowStride));
  Layout between = layoutOf(view.sizes, rows, features);
  unsigned middle =
      temporary(t.name, program.tiles[to].type, between.rows, between.features);
  Place at;
  at.rowStride = between.row;
  at.featureStride = between.feature;
  if (!transpose(t.name, view.sizes, from, *place, middle, between) ||
      !transpose(t.name, view.sizes, middle, at, to, t.layout))
    report(t, "a move in an order of rows that takes a third step");
}

void Emitter::emitJoin(Tensor &t) {
  for (const View &v : t.operands)
    require(*v.source);
  if (failed)
    return;
  const Layout &whole = t.layout;
  for (unsigned i = 0; i < t.operands.size(); ++i) {
    const View &piece = t.operands[i];
    int64_t row = 0, feature = 0;
    for (unsigned d = 0; d < piece.rank(); ++d) {
      row += t.pieces[i][d] * whole.row[d];
      feature += t.pieces[i][d] * whole.feature[d];
    }
    if (feature % machine.lanes != 0)
      return report(t, "a piece would have to change lanes to be joined");
    Layout domain = layoutOf(piece.sizes, rowDims(t.shape, whole),
                             featureDims(t.shape, whole));
    Dag dag(domain, machine.lanes);
    RegionOutput output;
    output.value = source(piece, domain, dag, t);
    if (failed)
      return;
    output.tiles = tilesToWrite(t);
    output.chunk = feature / machine.lanes;
    output.rows = RowMap();
    output.rows->base = row;
    for (unsigned d : rowDims(piece.sizes, domain))
      output.rows->append(piece.sizes[d], whole.row[d]);
    FlowMaker flows(dag, {output}, t.name, context(t.name));
    runFlows(flows, t);
  }
  for (unsigned tile : tilesToWrite(t))
    tails[tile] = Tail::Unknown;
}
