//===- NamedValues.cpp - where tensors of the model stand, and when -------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile has its columns as long as it lives, and its last write is placed when
// it dies or its segment ends: then its tensors are noted, in cycles of the
// segment, which become those of the program with the segment's own.
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"

using namespace lpu;
using namespace lpu::schedule;

void SchedulerImpl::release(unsigned tile, unsigned segment) {
  for (size_t v = 0; v < program.values.size(); ++v)
    if (program.values[v].tile == tile && program.values[v].segment == segment)
      recordValue(v);
  layout->release(tile);
}

/// Notes where a tensor stands, now that all writes of its tile are placed.
void SchedulerImpl::recordValue(size_t number) {
  const stream::NamedValue &value = program.values[number];
  const stream::Tile &tile = program.tiles[value.tile];
  TensorPlace place;
  place.name = value.name;
  place.type = tile.type;
  place.shape = value.shape;
  place.cut = value.cut;
  place.cutSize = value.cutSize;
  place.row = value.row;
  place.feature = value.feature;
  place.rowStride = value.rowStride;
  place.featureStride = value.featureStride;
  place.rows = tile.rows;
  place.panelRows = layout->panelRows(value.tile);
  place.stripes = layout->stripes(value.tile);
  place.chunkFeatures = tile.chunkFeatures();
  place.chunks = tile.chunks();
  int64_t complete = 0, until = 0;
  for (unsigned panel = 0; panel * place.panelRows < tile.rows; ++panel)
    for (unsigned chunk = 0; chunk < tile.chunks(); ++chunk) {
      const auto *columns = layout->find(value.tile, panel, chunk, 0);
      if (!columns) // no row of it is ever touched
        return;
      for (const PlacedColumn &column : *columns) {
        place.columns.push_back(
            {column.slice, column.bank, unsigned(column.row)});
        complete = std::max(complete, column.ready);
        until = std::max(until, column.lastRead);
      }
    }
  place.complete = uint64_t(complete);
  place.until = uint64_t(std::max(complete, until));
  placedValues[number] = std::move(place);
}

/// The current segment starts in cycle `start`, its iterations follow one
/// another by `period`.
void SchedulerImpl::finishValues(int64_t start, int64_t period) {
  for (auto &[number, place] : placedValues) {
    int64_t base = start + program.values[number].iteration * period;
    place.complete += uint64_t(base);
    place.until += uint64_t(base);
    tensors.push_back(std::move(place));
  }
  placedValues.clear();
}
