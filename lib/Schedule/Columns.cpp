//===- Columns.cpp - where a flow finds and leaves its rows ---------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All that one template touches must stand in different slices. Columns are
// therefore chosen away from their partners; where that is impossible a
// constant gets another replica, and an activation a copy made by a flow of its
// own.
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::schedule;
using stream::Flow;
using stream::Tile;

/// Slices used by what is read or written together with a panel of (tile,
/// chunk). Tiles of equal rows go through a flow in step, so that only
/// neighbouring panels of them meet.
std::set<unsigned> SchedulerImpl::conflicts(unsigned tile, unsigned panel,
                                            unsigned chunk) const {
  std::set<unsigned> result;
  if (program.tiles[tile].weights)
    result = besideInstall;
  auto it = partners.find({tile, chunk});
  if (it == partners.end())
    return result;
  for (auto [t, c] : it->second) {
    bool inStep = program.tiles[t].rows == program.tiles[tile].rows &&
                  layout->panelRows(t) == layout->panelRows(tile);
    for (unsigned slice : layout->slicesOf(t, c, inStep ? panel : -1))
      result.insert(slice);
  }
  return result;
}

bool SchedulerImpl::serves(llvm::ArrayRef<PlacedColumn> columns,
                           const std::set<unsigned> &used, int side) const {
  for (const PlacedColumn &c : columns)
    if (used.count(c.slice) ||
        (side >= 0 && side != int(c.slice >= machine.slicesPerHalf)))
      return false;
  return true;
}

llvm::MutableArrayRef<PlacedColumn>
SchedulerImpl::readColumns(unsigned tile, unsigned panel, unsigned chunk,
                           int half, std::set<unsigned> &used, unsigned group,
                           int side) {
  const Tile &info = program.tiles[tile];
  auto take = [&](llvm::MutableArrayRef<PlacedColumn> columns) {
    for (const PlacedColumn &c : columns)
      used.insert(c.slice);
    return columns;
  };
  // A copy's panels keep to the half of its first.
  auto freeCopy = [&](int wanted) {
    for (unsigned copy = maxReplicas;; ++copy) {
      const auto *panel0 = layout->find(tile, 0, chunk, copy);
      if (!layout->find(tile, panel, chunk, copy) &&
          (!panel0 || wanted < 0 ||
           wanted == int(panel0->front().slice >= machine.slicesPerHalf)))
        return copy;
    }
  };
  // The copies that exist already, the one of the wanted half first.
  unsigned first = info.bothHalves && half == 1 ? 1 : 0;
  for (unsigned i = 0; i < maxReplicas; ++i) {
    unsigned copy = info.bothHalves && i < 2 ? (first + i) % 2 : i;
    bool replica = copy >= (info.bothHalves ? 2u : 1u);
    bool exists = layout->find(tile, panel, chunk, copy);
    if (replica && info.kind != Tile::Constant)
      break;
    // A copy in the other half that has not been written yet is none.
    if (!exists && i > 0 && info.kind == Tile::Temporary)
      continue;
    if (!exists) {
      // First use of a constant or an input, or a further copy of a constant.
      std::set<unsigned> avoid = conflicts(tile, panel, chunk);
      avoid.insert(used.begin(), used.end());
      int wanted = info.bothHalves && !replica ? int(copy)
                   : wantedHalf[tile] >= 0     ? wantedHalf[tile]
                                               : half;
      auto columns =
          layout->columns(tile, panel, chunk, copy, wanted, avoid, group);
      if (columns.empty())
        columns =
            layout->columns(tile, panel, chunk, copy, wanted, used, group);
      if (columns.empty()) {
        // Shared with what stands there.
        columns = layout->columns(tile, panel, chunk, copy, wanted, {}, group);
        if (columns.empty() && i > 0)
          break; // a copy that exists must do
        if (columns.empty())
          fail(layout->error());
        return take(columns);
      }
      if (serves(columns, used, side))
        return take(columns);
      continue;
    }
    auto columns = layout->columns(tile, panel, chunk, copy, -1, {});
    if (serves(columns, used, side))
      return take(columns);
  }
  // An activation that stands where something else of this loop does: a copy of
  // the panel elsewhere.
  if (info.kind == Tile::Temporary || info.kind == Tile::Output ||
      info.kind == Tile::Input) {
    int wanted = side >= 0 ? side : half;
    unsigned copy = freeCopy(wanted);
    if (copyPanel(tile, panel, chunk, copy, wanted, used)) {
      auto columns = layout->columns(tile, panel, chunk, copy, -1, {});
      if (serves(columns, used, side))
        return take(columns);
    }
    if (!errorText.empty())
      return {};
  }
  // No room: a copy that shares slices with others of this loop.
  for (unsigned i = 0; i < maxReplicas; ++i) {
    unsigned copy = info.bothHalves && i < 2 ? (first + i) % 2 : i;
    if (!layout->find(tile, panel, chunk, copy))
      continue;
    auto columns = layout->columns(tile, panel, chunk, copy, -1, {});
    if (serves(columns, {}, side))
      return take(columns);
  }
  // On the other side than its other rows: moved first, anywhere there.
  if (info.kind != Tile::Constant && side >= 0) {
    unsigned copy = freeCopy(side);
    if (copyPanel(tile, panel, chunk, copy, side, {})) {
      auto columns = layout->columns(tile, panel, chunk, copy, -1, {});
      if (serves(columns, {}, side))
        return take(columns);
    }
    if (!errorText.empty())
      return {};
  }
  isScattered(info.name, info.name);
  return {};
}

void SchedulerImpl::markWritten(unsigned tile, unsigned chunk, int64_t row) {
  llvm::BitVector &rows = writtenRows[{tile, chunk}];
  if (rows.empty())
    rows.resize(unsigned(program.tiles[tile].rows));
  rows.set(unsigned(row));
}

/// False if there is no room, or an error was reported.
bool SchedulerImpl::copyPanel(unsigned tile, unsigned panel, unsigned chunk,
                              unsigned copy, int half,
                              const std::set<unsigned> &used) {
  const Tile &info = program.tiles[tile];
  std::set<unsigned> avoid = used;
  for (unsigned slice : layout->slicesOf(tile, chunk))
    avoid.insert(slice);
  int wanted = wantedHalf[tile] >= 0 ? wantedHalf[tile] : half;
  auto columns = layout->columns(tile, panel, chunk, copy, wanted, avoid);
  // What may stand anywhere may also share slices with the tile's other rows.
  if (columns.empty() && used.empty())
    columns = layout->columns(tile, panel, chunk, copy, wanted, {});
  if (columns.empty())
    return false;
  int64_t rows = layout->panelRows(tile), first = int64_t(panel) * rows;
  Flow flow;
  flow.name = info.name + " (copy)";
  flow.iterations = std::min(rows, info.rows - first);
  unsigned row = flow.addRead({tile, chunk, first, 1});
  unsigned move = flow.addAlu(isa::Opcode::alu_mov, stream::Value::of(row));
  flow.writes = {{move, {tile, chunk, first, 1}}};
  // Rows that nothing has been written to cannot be read, and nobody does.
  auto known = writtenRows.find({tile, chunk});
  auto isWritten = [&](int64_t i) {
    return known == writtenRows.end() || known->second[unsigned(first + i)];
  };
  int saved = writeCopy;
  writeCopy = int(copy);
  bool placed = true;
  for (int64_t begin = 0, end; begin < flow.iterations && placed; begin = end) {
    end = begin + 1;
    while (end < flow.iterations && isWritten(end) == isWritten(begin))
      ++end;
    if (isWritten(begin))
      placed = placeFlow(FlowRequest(flow, begin, end)).has_value();
  }
  writeCopy = saved;
  return placed;
}

llvm::MutableArrayRef<PlacedColumn>
SchedulerImpl::writeColumns(unsigned tile, unsigned panel, unsigned chunk,
                            unsigned copy, std::set<unsigned> &used) {
  // What a copy held is out of date.
  layout->dropReplicas(tile, panel, chunk);
  std::set<unsigned> avoid = conflicts(tile, panel, chunk);
  avoid.insert(used.begin(), used.end());
  int half = program.tiles[tile].bothHalves ? int(copy) : wantedHalf[tile];
  auto columns = layout->columns(tile, panel, chunk, copy, half, avoid);
  // Where partners have taken everything, only this loop counts.
  if (columns.empty())
    columns = layout->columns(tile, panel, chunk, copy, half, used);
  if (columns.empty())
    columns = layout->columns(tile, panel, chunk, copy, half, {});
  if (columns.empty())
    fail(layout->error());
  for (const PlacedColumn &c : columns)
    used.insert(c.slice);
  return columns;
}

/// Slices that the results of a flow already have: its sources must stand
/// elsewhere.
std::set<unsigned> SchedulerImpl::writtenSlices(const Flow &flow,
                                                int64_t rowBegin, int64_t n) {
  std::set<unsigned> result;
  for (const stream::Write &write : flow.writes) {
    int64_t rows = layout->panelRows(write.access.tile);
    std::set<int64_t> panels;
    for (int64_t i = rowBegin; i < rowBegin + n; ++i)
      panels.insert(write.access.rowOf(i) / rows);
    for (int64_t panel : panels)
      for (unsigned copy : writeCopy >= 0
                               ? std::vector<unsigned>{unsigned(writeCopy)}
                               : std::vector<unsigned>{0, 1})
        if (const auto *columns = layout->find(
                write.access.tile, unsigned(panel), write.access.chunk, copy))
          for (const PlacedColumn &c : *columns)
            result.insert(c.slice);
  }
  return result;
}
