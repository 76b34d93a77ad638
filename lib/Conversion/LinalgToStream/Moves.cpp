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
      at = Located{tileOf(*table.source), *place, false,
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
    return report(t, "the indices of a gather would have to be moved from lanes "
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
