//===- Layout.cpp - which slices, banks and rows hold a tile --------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Layout.h"
#include "lpu/Support/Check.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>

using namespace lpu;
using namespace lpu::schedule;
using stream::Tile;

/// Rows of B that one install takes: as many as the install width and the
/// plane's K allow, but no more slices than half of a half has, and no more
/// than it takes to install in `cycles`.
static unsigned weightStripes(const Tile &tile, const Machine &machine,
                              unsigned slices, int64_t cycles = 0) {
  unsigned width = isa::byteWidth(tile.type);
  unsigned most = std::min(machine.weightStripes(width), slices / width);
  unsigned kRows = machine.planeRows / width;
  unsigned stripes = 1;
  while (stripes * 2 <= most &&
         (cycles == 0 || int64_t(kRows / stripes) > cycles))
    stripes *= 2;
  return stripes;
}

Layout::Layout(const stream::Program &program, const Machine &machine,
               const std::vector<int64_t> &stripeLimits,
               const std::vector<int64_t> &installCycles,
               const std::set<unsigned> &tables,
               const std::map<unsigned, int64_t> &blockRows,
               const std::vector<Zone> &zones, ConstantPlaces &constantPlaces,
               bool keepTextSlices)
    : zones(zones), constantPlaces(constantPlaces), program(program),
      machine(machine), banks(machine.numSlices() * 2),
      unlearned(machine.numSlices() * 2), blockStart(machine.numSlices() * 2),
      load(machine.numSlices()), textSlice(machine.numSlices()), halfSlices(2) {
  for (unsigned s : machine.textSlices)
    textSlice[s] = true;
  for (Bank &bank : banks)
    bank.top = machine.rows;
  for (unsigned i = 0; i < machine.slicesPerHalf; ++i) {
    unsigned west = machine.slicesPerHalf - 1 - i,
             east = machine.slicesPerHalf + i;
    if (!textSlice[west])
      halfSlices[0].push_back(west);
    if (!textSlice[east])
      halfSlices[1].push_back(east);
  }
  // Where slices are few, one bank of the text slices serves for data; fetches
  // use the other.
  const size_t enoughSlices = keepTextSlices ? 0 : slicesBesideText;
  for (unsigned i = 0; i < machine.slicesPerHalf; ++i) {
    unsigned west = machine.slicesPerHalf - 1 - i,
             east = machine.slicesPerHalf + i;
    if (textSlice[west] && halfSlices[0].size() < enoughSlices)
      halfSlices[0].push_back(west);
    if (textSlice[east] && halfSlices[1].size() < enoughSlices)
      halfSlices[1].push_back(east);
  }
  unsigned slices = std::min(halfSlices[0].size(), halfSlices[1].size());
  // A loop of tiles reads its weights without a gap for anything else.
  if (llvm::any_of(installCycles, [](int64_t cycles) { return cycles > 0; }))
    zoneCost = int64_t(1) << 40;
  // The rows that accumulate together bound the natural run length.
  int64_t block = int64_t(machine.accumulatorRows) *
                  std::min(machine.fp16Interval, machine.planesPerHalf);
  int64_t panel = block * std::max<int64_t>(1, (64 + block - 1) / block);
  panel = std::min<int64_t>(panel, machine.rows / 4);
  for (size_t t = 0; t < program.tiles.size(); ++t) {
    const Tile &tile = program.tiles[t];
    Shape shape;
    shape.panelRows = std::min(panel, tile.rows);
    // An activation that is installed (keys, values) is striped like weights,
    // if that leaves enough slices for what is written beside it.
    if (tile.kind == Tile::Temporary && stripeLimits[t] > 1 &&
        !tables.count(t)) {
      int64_t most = std::min<int64_t>(
          stripeLimits[t], weightStripes(tile, machine, slices / 5));
      while (shape.stripes * 2 <= most &&
             stripeLimits[t] % (shape.stripes * 2) == 0 &&
             shape.panelRows % (shape.stripes * 2) == 0)
        shape.stripes *= 2;
    }
    if (tile.weights) {
      // Where weights nearly fill a chip, few slices have room at once.
      shape.stripes = weightStripes(tile, machine,
                                    constantPlaces.isFull ? slices / 2 : slices,
                                    installCycles[t]);
      int64_t padded =
          (tile.rows + shape.stripes - 1) / shape.stripes * shape.stripes;
      shape.panelRows =
          std::min<int64_t>(padded, int64_t(machine.rows) / 4 * shape.stripes);
      // Loops of tiles stay in a panel.
      if (constantPlaces.spread && machine.instructionsPerRow() >= longRow) {
        unsigned kRows = machine.planeRows / isa::byteWidth(tile.type);
        shape.panelRows = std::min<int64_t>(
            shape.panelRows, kRows * std::max(1u, machine.lanes / kRows));
      }
    } else if (tile.kind != Tile::Temporary || tables.count(t)) {
      // A binding describes one run of rows; constants need no finer panels.
      // What is computed leaves a bank some rows.
      int64_t most = tile.kind == Tile::Constant && tables.count(t)
                         ? int64_t(machine.rows)
                         : int64_t(machine.rows) * 7 / 8;
      shape.panelRows = std::min<int64_t>(tile.rows, most);
    }
    if (auto block = blockRows.find(t); block != blockRows.end())
      shape.panelRows = std::min(shape.panelRows, block->second);
    shapes.push_back(shape);
  }
}

const std::vector<PlacedColumn> *Layout::find(unsigned tile, unsigned panel,
                                              unsigned chunk,
                                              unsigned copy) const {
  auto it = placed.find({tile, panel, chunk, copy});
  return it == placed.end() ? nullptr : &it->second;
}

std::set<unsigned> Layout::slicesOf(unsigned tile, unsigned chunk,
                                    int64_t panel) const {
  std::set<unsigned> result;
  for (auto it = placed.lower_bound({tile, 0, 0, 0});
       it != placed.end() && it->first.tile == tile; ++it) {
    if (it->first.chunk != chunk ||
        (panel >= 0 && std::abs(int64_t(it->first.panel) - panel) > 1))
      continue;
    for (const PlacedColumn &c : it->second)
      result.insert(c.slice);
  }
  return result;
}

int64_t Layout::freshRoom(unsigned index) const {
  // Constants of a segment repeat once per iteration.
  const Bank &bank = banks[index];
  return (constantPlaces.learning ? int64_t(machine.rows) : bank.top) -
         blockStart[index] - (bank.bottom - blockStart[index]) * iterations;
}

int64_t Layout::temporaryRoom(unsigned index) const {
  const Bank &bank = banks[index];
  if (constantPlaces.learning)
    return INT32_MAX;
  if (constantPlaces.rows.empty())
    return freshRoom(index);
  return bank.top - constantPlaces.rows[index] - unlearned[index];
}

int64_t Layout::constantRoom(unsigned index) const {
  return std::min(freshRoom(index), temporaryRoom(index));
}

void Layout::freeColumns(unsigned tile, unsigned panel,
                         const std::vector<PlacedColumn> &columns) {
  const Shape &shape = shapes[tile];
  int64_t tileRows =
      std::min(shape.panelRows,
               program.tiles[tile].rows - int64_t(panel) * shape.panelRows);
  int64_t rows = (tileRows + shape.stripes - 1) / shape.stripes;
  for (const PlacedColumn &column : columns) {
    auto &free = banks[column.slice * 2 + column.bank].free;
    FreeRows block{column.row, rows, column.ready, column.lastRead};
    auto at = std::lower_bound(
        free.begin(), free.end(), block,
        [](const FreeRows &a, const FreeRows &b) { return a.row < b.row; });
    size_t index = free.insert(at, block) - free.begin();
    auto join = [&](size_t low) {
      if (low + 1 >= free.size() ||
          free[low].row + free[low].rows != free[low + 1].row)
        return;
      free[low].rows += free[low + 1].rows;
      free[low].ready = std::max(free[low].ready, free[low + 1].ready);
      free[low].lastRead = std::max(free[low].lastRead, free[low + 1].lastRead);
      free.erase(free.begin() + low + 1);
    };
    join(index);
    if (index)
      join(index - 1);
  }
}

void Layout::release(unsigned tile) {
  auto it = placed.lower_bound({tile, 0, 0, 0});
  while (it != placed.end() && it->first.tile == tile) {
    freeColumns(tile, it->first.panel, it->second);
    it = placed.erase(it);
  }
}

void Layout::dropReplicas(unsigned tile, unsigned panel, unsigned chunk) {
  auto it = placed.lower_bound({tile, panel, chunk, 2});
  while (it != placed.end() && it->first.tile == tile &&
         it->first.panel == panel && it->first.chunk == chunk) {
    freeColumns(tile, panel, it->second);
    it = placed.erase(it);
  }
}

/// Picks `count` different slices with room for `rows` rows: weights from the
/// outer slices (near the planes), the others from the inner ones, the least
/// loaded first.
bool Layout::choose(const Tile &tile, int64_t rows, int half,
                    const std::set<unsigned> &avoid, unsigned group,
                    unsigned count, Zone zone,
                    std::vector<std::pair<unsigned, unsigned>> &out) {
  struct Candidate {
    int64_t cost;
    unsigned slice, bank;
  };
  std::vector<Candidate> candidates;
  bool constant = tile.kind == Tile::Constant;
  for (int h = 0; h < 2; ++h) {
    if (h != half)
      continue;
    const auto &slices = halfSlices[h];
    for (unsigned i = 0; i < slices.size(); ++i) {
      unsigned slice = slices[i];
      // The outer third, at other positions than the rest; of a full chip no
      // more than it takes.
      size_t outer = constantPlaces.isFull
                         ? std::max<size_t>(4, slices.size() / 8)
                         : slices.size() / 3;
      size_t cut = slices.size() - std::min(slices.size() - 1, outer);
      bool isOuter = i >= cut && machine.slicePosition(slice) !=
                                     machine.slicePosition(slices[cut - 1]);
      if (avoid.count(slice) || (zone == Zone::Inner && isOuter) ||
          (zone == Zone::Outer && !isOuter))
        continue;
      // The bank with more room; where constants are spread, they fill one bank
      // before the other, so that the other one has room in one piece.
      int best = -1;
      int64_t bestRoom = -1, sliceRoom = 0;
      for (unsigned b = 0; b < (textSlice[slice] ? 1u : 2u); ++b) {
        // What constants have learned is kept for them.
        unsigned index = slice * 2 + b;
        int64_t room = constant ? constantRoom(index) - rows * iterations
                                : temporaryRoom(index) - rows;
        if (!constant && room < 0)
          for (const FreeRows &block : banks[slice * 2 + b].free)
            if (block.rows >= rows)
              room = std::max<int64_t>(room, 0);
        sliceRoom += std::max<int64_t>(room, 0);
        bool isBetter = constant && constantPlaces.spread && bestRoom >= 0
                            ? room >= 0 && room < bestRoom
                            : room > bestRoom;
        if (isBetter) {
          bestRoom = room;
          best = int(b);
        }
      }
      if (best < 0 || bestRoom < 0)
        continue;
      unsigned fromOuter = unsigned(slices.size()) - 1 - i;
      int64_t cost;
      if (tile.weights && constantPlaces.spread) {
        cost = -sliceRoom * 64 + fromOuter;
      } else if (tile.weights) {
        unsigned zone = fromOuter / std::max(1u, machine.installRows);
        cost = int64_t(zone == group ? 0 : 1 + zone) * (1 << 20) + fromOuter;
      } else {
        bool inZone = fromOuter < machine.installRows;
        cost = load[slice] * 8 + i + (inZone ? zoneCost : 0);
      }
      candidates.push_back({cost, slice, unsigned(best)});
    }
  }
  if (candidates.size() < count)
    return false;
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const Candidate &a, const Candidate &b) { return a.cost < b.cost; });
  for (unsigned i = 0; i < count; ++i)
    out.push_back({candidates[i].slice, candidates[i].bank});
  return true;
}

llvm::MutableArrayRef<PlacedColumn>
Layout::columns(unsigned tileIndex, unsigned panel, unsigned chunk,
                unsigned copy, int half, const std::set<unsigned> &avoid,
                unsigned group) {
  auto found = placed.find({tileIndex, panel, chunk, copy});
  if (found != placed.end())
    return found->second;

  const Tile &tile = program.tiles[tileIndex];
  const Shape &shape = shapes[tileIndex];
  unsigned bytes = isa::byteWidth(tile.type);
  unsigned count = shape.stripes * bytes;
  int64_t tileRows =
      std::min(shape.panelRows, tile.rows - int64_t(panel) * shape.panelRows);
  int64_t rows = (tileRows + shape.stripes - 1) / shape.stripes;
  std::vector<std::pair<unsigned, unsigned>> slots;
  // All panels of a chunk stay in the slices of the first while they have
  // room: what was disjoint stays disjoint. Spread weights stay in those of the
  // panel before, so that addresses have one step.
  unsigned sets = rotated.count(tileIndex) ? rotatedSets : 1;
  bool isSpread = tile.weights && constantPlaces.spread;
  if (panel >= sets && (!tile.weights || isSpread)) {
    if (const auto *first =
            find(tileIndex, isSpread ? panel - 1 : panel % sets, chunk, copy)) {
      std::vector<std::pair<unsigned, unsigned>> same;
      for (const PlacedColumn &c : *first)
        for (unsigned b : {c.bank, 1 - c.bank}) {
          if (avoid.count(c.slice))
            break;
          if (b == 1 && textSlice[c.slice])
            continue;
          bool isConstant = tile.kind == Tile::Constant;
          unsigned index = c.slice * 2 + b;
          bool fits = isConstant ? constantRoom(index) >= rows * iterations
                                 : temporaryRoom(index) >= rows;
          for (const FreeRows &block : banks[c.slice * 2 + b].free)
            fits |= !isConstant && block.rows >= rows;
          if (fits) {
            same.push_back({c.slice, b});
            break;
          }
        }
      if (same.size() == count)
        slots = same;
    }
  }
  // All bytes of a chunk stand in one half, so that they travel in one
  // direction: the wanted half, else the emptier one first.
  auto tryHalves = [&](const std::set<unsigned> &avoid) {
    int first = half;
    if (half < 0) {
      int64_t sum[2] = {0, 0};
      for (int h = 0; h < 2; ++h)
        for (unsigned slice : halfSlices[h])
          sum[h] += load[slice];
      first = sum[1] < sum[0];
    }
    // Later panels stay in the half of the first: a run over two panels travels
    // in one direction.
    const auto *panel0 = panel > 0 ? find(tileIndex, 0, chunk, copy) : nullptr;
    if (panel0)
      first = panel0->front().slice >= machine.slicesPerHalf;
    for (int h : {first, 1 - first}) {
      if (h != first &&
          ((panel0 && panelsKeepHalf()) || zones[tileIndex] != Zone::Any))
        continue;
      slots.clear();
      if (choose(tile, rows, h, avoid, group, count, zones[tileIndex], slots))
        return true;
    }
    return false;
  };
  const std::array<unsigned, 4> place{tileIndex, panel, chunk, copy};
  if (auto learned = constantPlaces.places.find(place);
      learned != constantPlaces.places.end())
    slots = learned->second;
  bool isLearned = !slots.empty() && constantPlaces.places.count(place);
  // Copies of an input stand in different slices, so that one vector from a
  // link, on its way past them, can be written to all.
  std::set<unsigned> apart = avoid;
  if (sets > 1 && panel > 0)
    for (unsigned slice : slicesOf(tileIndex, chunk))
      apart.insert(slice);
  for (unsigned other = 0;
       tile.kind == Tile::Input && other < program.tiles.size(); ++other)
    if (program.tiles[other].kind == Tile::Input &&
        program.tiles[other].binding.name == tile.binding.name)
      for (unsigned c = 0; c < copies(other); ++c)
        if (const auto *columns = find(other, panel, chunk, c))
          for (const PlacedColumn &column : *columns)
            apart.insert(column.slice);
  if (slots.empty() && !(apart.size() > avoid.size() && tryHalves(apart)) &&
      !tryHalves(avoid)) {
    message = llvm::formatv(
        "no room for '{0}': {1} rows in {2} different slices are needed, "
        "and {3} of {4} slices are taken by what is read or written with it or "
        "are full; use a machine with more slices or rows",
        tile.name, rows, count, avoid.size(), machine.numSlices());
    return {};
  }

  bool constant = tile.kind == Tile::Constant;
  if (constant && constantPlaces.learning)
    constantPlaces.places[place] = slots;
  int64_t panels = (tile.rows + shape.panelRows - 1) / shape.panelRows;
  auto use = usage.find({tileIndex, chunk});
  int64_t cycles =
      use == usage.end() ? 0 : use->second / shape.stripes / panels;
  std::vector<PlacedColumn> result;
  for (unsigned i = 0; i < count; ++i) {
    auto [slice, bankIndex] = slots[i];
    Bank &bank = banks[slice * 2 + bankIndex];
    load[slice] += cycles;
    PlacedColumn column;
    column.slice = slice;
    column.bank = bankIndex;
    if (constant) {
      column.row = bank.bottom;
      // Every constant of a repeated segment stands in the block, so that one
      // register steps them all.
      column.stepped = iterations > 1;
      constantColumns.push_back({tileIndex, panel, chunk, i / bytes, i % bytes,
                                 slice, bankIndex, bank.bottom, rows, 0,
                                 unsigned(iterations)});
      bank.bottom += rows;
      if (!isLearned)
        unlearned[slice * 2 + bankIndex] += rows * iterations;
    } else if (temporaryRoom(slice * 2 + bankIndex) >= rows) {
      bank.top -= rows;
      column.row = bank.top;
    } else {
      // Rows of a dead tile: the first that fit, free the earliest.
      auto best = bank.free.end();
      for (auto it = bank.free.begin(); it != bank.free.end(); ++it)
        if (it->rows >= rows &&
            (best == bank.free.end() || it->lastRead < best->lastRead))
          best = it;
      LPU_CHECK(best != bank.free.end(), "a chosen bank has no room");
      column.row = best->row;
      column.ready = best->ready;
      column.lastRead = best->lastRead;
      best->row += rows;
      best->rows -= rows;
      if (best->rows == 0)
        bank.free.erase(best);
    }
    result.push_back(column);
  }
  return placed[{tileIndex, panel, chunk, copy}] = std::move(result);
}

void Layout::loadPlaced() {
  for (const auto &[key, columns] : placed) {
    const Shape &shape = shapes[key.tile];
    int64_t rows = program.tiles[key.tile].rows;
    int64_t panels = (rows + shape.panelRows - 1) / shape.panelRows;
    if (auto use = usage.find({key.tile, key.chunk}); use != usage.end())
      for (const PlacedColumn &column : columns)
        load[column.slice] += use->second / shape.stripes / panels;
  }
}

void Layout::beginSegment(int64_t count) {
  iterations = count;
  std::fill(load.begin(), load.end(), 0);
  for (unsigned i = 0; i < banks.size(); ++i)
    blockStart[i] = banks[i].bottom;
  for (auto &entry : placed)
    for (PlacedColumn &column : entry.second) {
      column.ready = 0;
      column.lastRead = -1;
    }
  for (Bank &bank : banks)
    for (FreeRows &block : bank.free)
      block.ready = 0, block.lastRead = -1;
  segmentFirstConstant = constantColumns.size();
}

void Layout::endSegment() {
  for (size_t i = segmentFirstConstant; i < constantColumns.size(); ++i) {
    ConstantColumn &c = constantColumns[i];
    c.instanceStride = blockRows(c.slice, c.bank);
  }
  if (iterations > 1)
    for (unsigned i = 0; i < banks.size(); ++i)
      banks[i].bottom =
          blockStart[i] + (banks[i].bottom - blockStart[i]) * iterations;
  if (constantPlaces.learning) {
    constantPlaces.rows.resize(banks.size());
    for (unsigned i = 0; i < banks.size(); ++i)
      constantPlaces.rows[i] = banks[i].bottom;
  }
  // In later segments a constant of this one is that of its first iteration.
  for (auto &entry : placed)
    for (PlacedColumn &column : entry.second)
      column.stepped = false;
  iterations = 1;
}
