//===- Moves.cpp - gathers, joins and exchanges ---------------------------===//
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
    // Made or moved into the layout of a table: rows of all features.
    Layout layout = layoutOf(table.sizes, {0u}, {1u});
    Tensor &from = *table.source;
    std::optional<Located> at;
    if (from.isLight)
      at = makeLight(table, layout, storedType(t), t);
    else if (std::optional<Place> place = placeOf(table, from.layout))
      at = Located{vectorTileOf(from), *place, from.layout.isSplat,
                   from.layout.features};
    else
      at = relocated(
          Elements{vectorTileOf(from), std::nullopt, &from.layout, false},
          table, layout, storedType(t), /*maySplat=*/false, t);
    auto isTable = [&] {
      return at->place.row == 0 && at->place.feature == 0 &&
             at->place.rowStride[0] == layout.row[0] &&
             at->place.featureStride[1] == layout.feature[1] &&
             program.tiles[at->tile].features == layout.features &&
             program.tiles[at->tile].type == storedType(t);
    };
    if (at && !isTable())
      at = relocated(Elements{at->tile, at->place, nullptr, at->isSplat}, table,
                     layout, storedType(t), /*maySplat=*/false, t);
    if (!at)
      return;
    tableTile = at->tile;
  }

  // One index per row, in lane 0.
  SmallVector<unsigned, 6> dims;
  for (unsigned d = 0; d < index.rank(); ++d)
    dims.push_back(d);
  Layout domain = layoutOf(index.sizes, dims, {});
  std::optional<Located> at;
  if (!index.source->isLight) {
    Tensor &from = *index.source;
    unsigned tile = tileOf(from);
    if (holdsFloat(from))
      tile = asIntegers(tile, from.layout, from);
    if (std::optional<Place> place = placeOf(index, from.layout))
      at = Located{tile, *place, false, 1};
    else
      at = relocated(Elements{tile, std::nullopt, &from.layout, false}, index,
                     domain, isa::ElementType::i32, /*maySplat=*/false, t);
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
  if (!at)
    return;
  bool isLane0 = at->place.feature % machine.lanes == 0 &&
                 program.tiles[at->tile].type == isa::ElementType::i32;
  for (unsigned d : dims)
    isLane0 &= at->place.featureStride[d] == 0;
  if (!isLane0)
    at = relocated(Elements{at->tile, at->place, nullptr, at->isSplat}, index,
                   domain, isa::ElementType::i32, /*maySplat=*/false, t);
  if (!at)
    return;

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
    // Lanes that move are rows of a plane.
    auto xs =
        stretches(x, sizes, source.featureStride, source.feature, target.row,
                  rowTo, lanes, 0, std::min<int64_t>(lanes, machine.planeRows));
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

int64_t Emitter::transposeCost(llvm::ArrayRef<int64_t> sizes,
                               const Place &source, const Layout &target,
                               unsigned bytes) const {
  // Windows of lanes x rows, each installed, passed and put together.
  int64_t lanes = 1, rows = 1, outer = 1;
  int64_t laneRun = 1, rowRun = 1; // in even steps of one
  for (unsigned d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 1)
      continue;
    if (source.featureStride[d] != 0) {
      lanes *= sizes[d];
      if (source.featureStride[d] == laneRun && target.row[d] == laneRun)
        laneRun *= sizes[d];
    } else if (target.feature[d] != 0) {
      rows *= sizes[d];
      if (source.rowStride[d] == rowRun && target.feature[d] == rowRun)
        rowRun *= sizes[d];
    } else {
      outer *= sizes[d];
    }
  }
  laneRun = std::min<int64_t>(laneRun, machine.lanes);
  rowRun = std::min<int64_t>(rowRun, machine.lanes);
  int64_t windows = outer * (lanes / laneRun) * (rows / rowRun);
  return windows * (bytes * (laneRun + rowRun / 8 + 8) / 2 + laneRun + 16);
}

void Emitter::emitMove(Tensor &t) {
  const View &view = t.operands[0];
  const Tensor &source = *view.source;
  require(*view.source);
  if (failed)
    return;
  std::optional<Place> place = placeOf(view, source.layout);
  unsigned from = t.feedsMatrix ? tileOf(*view.source)
                                : vectorTileOf(*view.source),
           to = tileOf(t);
  unsigned bytes = isa::byteWidth(program.tiles[from].type);
  bool isSameType = program.tiles[from].type == program.tiles[to].type;
  Selection direct(t.layout.rows, t.layout.features);
  if (place)
    direct.add(0, view.sizes, *place, t.layout);
  else
    direct.add(0, view, source.layout, t.layout);
  if (!place || !isSameType)
    return emitSelection(direct, {from}, {to}, t);

  // Between rows and lanes by columns of a plane; lanes to lanes by a
  // selection; both in two steps: the lanes that stay lanes go over rows.
  SmallVector<unsigned, 6> rows, lanesToRows, lanesToLanes, rowsToLanes;
  for (unsigned d = 0; d < view.rank(); ++d) {
    if (view.sizes[d] == 1)
      continue;
    bool wasLane = place->featureStride[d] != 0, isLane = t.layout.feature[d];
    (wasLane  ? isLane ? lanesToLanes : lanesToRows
     : isLane ? rowsToLanes
              : rows)
        .push_back(d);
  }
  int64_t cost = costOf(direct.jobs(machine.lanes), bytes, machine);
  auto bySource = [&](unsigned a, unsigned b) {
    return place->featureStride[a] > place->featureStride[b];
  };
  if (lanesToLanes.empty()) {
    if (cost > transposeCost(view.sizes, *place, t.layout, bytes) &&
        transpose(t.name, view.sizes, from, *place, to, t.layout)) {
      tails[to] = Tail::Zero;
      return;
    }
    return emitSelection(direct, {from}, {to}, t);
  }
  SmallVector<unsigned, 6> betweenRows(rows);
  SmallVector<unsigned, 6> moved(lanesToLanes);
  moved.append(lanesToRows.begin(), lanesToRows.end());
  llvm::sort(moved, bySource);
  betweenRows.append(moved.begin(), moved.end());
  llvm::sort(rowsToLanes, [&](unsigned a, unsigned b) {
    return place->rowStride[a] > place->rowStride[b];
  });
  Layout between = layoutOf(view.sizes, betweenRows, rowsToLanes);
  Place at;
  at.rowStride = between.row;
  at.featureStride = between.feature;
  Selection second(t.layout.rows, t.layout.features);
  second.add(0, view.sizes, at, t.layout);
  int64_t twoSteps = transposeCost(view.sizes, *place, between, bytes) +
                     costOf(second.jobs(machine.lanes), bytes, machine);
  if (twoSteps < cost && between.rows < machine.rows / 2) {
    unsigned middle = temporary(t.name, program.tiles[to].type, between.rows,
                                between.features);
    if (transpose(t.name, view.sizes, from, *place, middle, between)) {
      tails[middle] = Tail::Zero;
      return emitSelection(second, {middle}, {to}, t);
    }
  }
  emitSelection(direct, {from}, {to}, t);
}

void Emitter::emitJoin(Tensor &t) {
  for (const View &v : t.operands)
    require(*v.source);
  if (failed)
    return;
  const Layout &whole = t.layout;
  SmallVector<std::pair<int64_t, int64_t>, 4> at; // row and feature of a piece
  bool isEven = true;
  for (unsigned i = 0; i < t.operands.size(); ++i) {
    at.push_back({0, 0});
    for (unsigned d = 0; d < t.operands[i].rank(); ++d) {
      at[i].first += t.pieces[i][d] * whole.row[d];
      at[i].second += t.pieces[i][d] * whole.feature[d];
    }
    isEven &= at[i].second % machine.lanes == 0;
  }
  if (!isEven)
    return joinLanes(t, at);
  for (unsigned i = 0; i < t.operands.size(); ++i) {
    const View &piece = t.operands[i];
    auto [row, feature] = at[i];
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

void Emitter::joinLanes(Tensor &t,
                        llvm::ArrayRef<std::pair<int64_t, int64_t>> positions) {
  Selection selection(t.layout.rows, t.layout.features);
  SmallVector<unsigned, 4> sources;
  auto numberOf = [&](unsigned tile) {
    auto found = llvm::find(sources, tile);
    if (found == sources.end())
      found = sources.insert(sources.end(), tile);
    return unsigned(found - sources.begin());
  };
  for (unsigned i = 0; i < t.operands.size(); ++i) {
    const View &piece = t.operands[i];
    auto [row, feature] = positions[i];
    const Layout &target = t.layout;
    Tensor &from = *piece.source;
    if (!from.isLight && !holdsFloat(from)) {
      selection.add(numberOf(vectorTileOf(from)), piece, from.layout, target,
                    row, feature);
      continue;
    }
    // Made where it is easiest: in the rows and lanes of the result.
    Layout domain = layoutOf(piece.sizes, rowDims(piece.sizes, target),
                             featureDims(piece.sizes, target));
    Dag dag(domain, machine.lanes);
    RegionOutput output;
    output.value = source(piece, domain, dag, t);
    if (failed)
      return;
    isa::ElementType type = t.isFloat() ? isa::ElementType::f32 : storedType(t);
    output.tiles.push_back(
        temporary(t.name, type, domain.rows, domain.features));
    FlowMaker flows(dag, {output}, t.name, context(t.name));
    runFlows(flows, t);
    Place place;
    place.rowStride = domain.row;
    place.featureStride = domain.feature;
    selection.add(numberOf(output.tiles[0]), piece.sizes, place, target, row,
                  feature);
  }
  emitSelection(selection, sources, tilesToWrite(t), t);
}

//===----------------------------------------------------------------------===//
// Exchanges
//===----------------------------------------------------------------------===//

void Emitter::emitExchange(Tensor &t) {
  // All members exchange in one order.
  if (t.after)
    require(*t.after);
  Tensor &from = *t.operands[0].source;
  require(from);
  if (failed)
    return;
  stream::Exchange exchange;
  exchange.name = t.name;
  // Groups of one size are one group: a chip is in one at most.
  auto group = llvm::find(program.groups, t.members);
  exchange.group = unsigned(group - program.groups.begin());
  if (group == program.groups.end())
    program.groups.push_back(t.members);
  exchange.src = t.element == "f16" ? tileOf(from) : vectorTileOf(from);
  exchange.dst = tilesToWrite(t).front();
  exchange.rows = t.shape[0] / t.members;
  if (!t.scatters)
    exchange.rows = from.layout.rows;
  for (unsigned m = 0; m < t.members; ++m) {
    exchange.send.push_back(t.scatters ? m * exchange.rows : 0);
    exchange.recv.push_back(m * exchange.rows);
  }
  kernels.push_back(std::move(exchange));
}
