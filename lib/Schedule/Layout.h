//===- Layout.h - which slices, banks and rows hold a tile ------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is cut into **columns**: one byte of one chunk, in one slice and bank,
// row after row. Tiles that feed installs are striped: consecutive tile rows
// stand in different slices, so that one cycle reads many. Long tiles are cut
// into **panels** of rows, each with columns of its own. Columns are chosen
// when the schedule first touches them, because what is read or written
// together must stand in different slices (a slice has one queue).
//
// Constants grow from row 0 of a bank upwards, everything else from the top
// downwards. In a segment of n iterations the constants of all kernels form a
// block per bank; iteration k reads at k blocks further, through base register
// 1 (bank 0) or 2 (bank 1) of the slice's queue.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_SCHEDULE_LAYOUT_H
#define LPU_LIB_SCHEDULE_LAYOUT_H

#include "lpu/Schedule/Schedule.h"
#include "llvm/ADT/SmallVector.h"
#include <array>
#include <map>
#include <set>

namespace lpu::schedule {

/// Instructions of a row of text that is long: one fetch brings many.
constexpr unsigned longRow = 8;

/// One column of one panel, with the cycles of the segment in which its
/// contents become readable and are last read.
struct PlacedColumn {
  unsigned slice = 0, bank = 0;
  int64_t row = 0;      // SRAM row of the panel's first row (of this stripe)
  bool stepped = false; // address moves with the segment's iteration
  int64_t ready = 0, lastRead = -1;
};

/// Rows that a dead tile has left, and until when they are in use.
struct FreeRows {
  int64_t row, rows, ready, lastRead;
};

/// Rows of one bank: constants below `bottom`, the rest from `top` upwards.
struct Bank {
  int64_t bottom = 0, top = 0;
  std::vector<FreeRows> free; // by row, inside [top, rows)
};

/// Where constants stand: learned by a schedule in which temporaries take no
/// room, so that another one can keep their rows free from the start.
struct ConstantPlaces {
  bool learning = false;
  /// (tile, panel, chunk, copy) -> slices and banks.
  std::map<std::array<unsigned, 4>, std::vector<std::pair<unsigned, unsigned>>>
      places;
  std::vector<int64_t> rows; // by bank
  /// Weights go to the slices with most room rather than to the outer ones
  /// first: where they nearly fill a chip, the inner slices that would be left
  /// are too few for an install.
  bool spread = false;
  bool isFull = false; // constants take more than half of the SRAM
};

/// Where in a half a tile may stand: what is outer sends inwards past what is
/// inner.
enum class Zone : uint8_t { Any, Inner, Outer };

class Layout {
public:
  /// A half with fewer slices puts data into text slices too, unless
  /// `keepTextSlices`.
  static constexpr unsigned slicesBesideText = 20;

  /// \p stripes: how many stripes a tile that is installed may have at most, as
  /// its uses start and end on whole stripes (0: not installed, or any).
  /// \p installCycles: cycles that an install of a weight tile may take without
  /// holding up the passes (0: the fewer the better).
  /// \p tables: tiles that gathers address, or that are exchanged, which stand
  /// in one panel.
  /// \p blockRows: rows of the panels of tiles in which blocks stand apart.
  Layout(const stream::Program &program, const Machine &machine,
         const std::vector<int64_t> &stripes,
         const std::vector<int64_t> &installCycles,
         const std::set<unsigned> &tables,
         const std::map<unsigned, int64_t> &blockRows,
         const std::vector<Zone> &zones, ConstantPlaces &constantPlaces,
         bool keepTextSlices);

  /// Rows of a panel and stripes of a tile; fixed per tile.
  int64_t panelRows(unsigned tile) const { return shapes[tile].panelRows; }
  unsigned stripes(unsigned tile) const { return shapes[tile].stripes; }
  unsigned copies(unsigned tile) const {
    return program.tiles[tile].bothHalves ? 2 : 1;
  }

  /// The columns of a chunk: [stripe * bytes + byte]. Chooses slices on the
  /// first call for the chunk: in half `half` (0 west, 1 east, -1 any), outside
  /// `avoid`; `group` is the preferred install group of weights. Returns null
  /// and sets `error` if the chip has no room.
  llvm::MutableArrayRef<PlacedColumn>
  columns(unsigned tile, unsigned panel, unsigned chunk, unsigned copy,
          int half, const std::set<unsigned> &avoid, unsigned group = 0);

  /// All panels of a chunk stand in one half, so that runs may span them. Not
  /// on machines of few slices, where any room is taken and runs end at panels.
  bool panelsKeepHalf() const { return machine.numSlices() >= 64; }

  /// The tile is dead: later tiles may take its rows, once its last readers are
  /// done.
  void release(unsigned tile);

  /// Gives up the copies of a panel that were made for reading (number 2 and
  /// up).
  void dropReplicas(unsigned tile, unsigned panel, unsigned chunk);

  /// Slices that hold a chunk of a tile (empty if not placed yet): all panels,
  /// or those next to `panel` if it is not negative.
  std::set<unsigned> slicesOf(unsigned tile, unsigned chunk,
                              int64_t panel = -1) const;

  /// Starts a segment: times restart, constants form a new block.
  void beginSegment(int64_t iterations);
  /// Ends it: fixes the block size of every bank.
  void endSegment();
  /// Rows between the constants of consecutive iterations, by slice and bank.
  int64_t blockRows(unsigned slice, unsigned bank) const {
    return banks[slice * 2 + bank].bottom - blockStart[slice * 2 + bank];
  }
  const std::vector<ConstantColumn> &constants() const {
    return constantColumns;
  }
  /// Free rows of a bank, [first, last).
  std::pair<int64_t, int64_t> freeRows(unsigned slice, unsigned bank) const {
    return {banks[slice * 2 + bank].bottom, banks[slice * 2 + bank].top};
  }
  /// Cycles that the segment will spend on a chunk of a tile: its slices are
  /// loaded with them when they are chosen, so that busy columns spread out.
  void setUsage(std::map<std::pair<unsigned, unsigned>, int64_t> cycles) {
    usage = std::move(cycles);
  }
  /// Loads the slices of what stands already with its cycles of this segment.
  void loadPlaced();
  /// Panels of the tile stand in turn in several sets of slices, so that one is
  /// read while another is written.
  void rotate(unsigned tile) { rotated.insert(tile); }
  const std::string &error() const { return message; }

  /// Columns per panel and chunk, for bindings: every placed column.
  const std::vector<PlacedColumn> *find(unsigned tile, unsigned panel,
                                        unsigned chunk, unsigned copy) const;

private:
  struct Shape {
    int64_t panelRows = 1;
    unsigned stripes = 1;
  };
  std::vector<Zone> zones;
  ConstantPlaces &constantPlaces;
  /// What it costs to put anything but weights into the outer slices.
  int64_t zoneCost = 65536;
  struct Key {
    unsigned tile, panel, chunk, copy;
    bool operator<(const Key &o) const {
      return std::tie(tile, panel, chunk, copy) <
             std::tie(o.tile, o.panel, o.chunk, o.copy);
    }
  };
  void freeColumns(unsigned tile, unsigned panel,
                   const std::vector<PlacedColumn> &columns);
  /// Rows still to be had below `top`, without the constants of the segment.
  int64_t freshRoom(unsigned bank) const;
  /// The same for temporaries, and for constants.
  int64_t temporaryRoom(unsigned bank) const;
  int64_t constantRoom(unsigned bank) const;
  bool choose(const stream::Tile &tile, int64_t rows, int half,
              const std::set<unsigned> &avoid, unsigned group, unsigned count,
              Zone zone, std::vector<std::pair<unsigned, unsigned>> &out);

  const stream::Program &program;
  const Machine &machine;
  std::vector<Shape> shapes;
  std::vector<Bank> banks; // slice * 2 + bank
  /// By bank: rows of constants that were not learned, all instances.
  std::vector<int64_t> unlearned;
  std::vector<int64_t> blockStart;
  std::vector<int64_t> load; // by slice
  std::map<std::pair<unsigned, unsigned>, int64_t> usage;
  static constexpr unsigned rotatedSets = 4;
  std::set<unsigned> rotated;
  std::vector<bool> textSlice;
  std::vector<std::vector<unsigned>> halfSlices; // inner to outer
  std::map<Key, std::vector<PlacedColumn>> placed;
  std::vector<ConstantColumn> constantColumns;
  int64_t iterations = 1;
  size_t segmentFirstConstant = 0;
  std::string message;
};

} // namespace lpu::schedule

#endif // LPU_LIB_SCHEDULE_LAYOUT_H
