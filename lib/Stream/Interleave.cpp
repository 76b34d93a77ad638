//===- Interleave.cpp - large temporaries block by block ------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The work of a run of kernels is cut into units: a job, an iteration of a
// flow (or as many as a running reduction takes). Two units belong together if
// they touch the same row of a tile that the run writes. What does not belong
// together may run in any order, so the classes are dealt into blocks, and each
// block gets its part of every tile that lives inside the run as a tile of its
// own.
//
//===----------------------------------------------------------------------===//

#include "lpu/Stream/Interleave.h"
#include "lpu/Stream/AluShape.h"

#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/STLExtras.h"
#include <map>
#include <numeric>

using namespace lpu;
using namespace lpu::stream;

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

namespace {
/// Rows of a chunk of a tile: those that an access names in `count` iterations,
/// one for every `period`.
struct Touch {
  Access access;
  int64_t count = 0, period = 1;
  bool write = false;
};
} // namespace

/// Iterations per value of every node.
static std::vector<int64_t> periods(const Flow &flow) {
  std::vector<int64_t> result(flow.nodes.size(), 1);
  for (size_t i = 0; i < flow.nodes.size(); ++i) {
    const Node &node = flow.nodes[i];
    if (node.kind != Node::Alu)
      continue;
    for (const Value &v : {node.a, node.b, node.c})
      if (v.kind == Value::Node)
        result[i] = std::max(result[i], result[v.node]);
    if (aluShape(node.op) == AluShape::Acc)
      result[i] = node.period ? node.period : flow.iterations;
  }
  return result;
}

static void addTouches(const Flow &flow, std::vector<Touch> &out) {
  std::vector<int64_t> period = periods(flow);
  for (const Node &node : flow.nodes)
    if (node.kind == Node::Read)
      out.push_back({node.access, flow.iterations, 1, false});
  for (const Write &write : flow.writes)
    out.push_back({write.access, flow.iterations, period[write.node], true});
}

static void addTouches(const Job &job, std::vector<Touch> &out) {
  for (const KTile &k : job.kTiles) {
    out.push_back({k.a, job.rows, 1, false});
    out.push_back({Access{k.b, k.bChunk, k.bRow, 1},
                   int64_t(k.byColumns ? k.columnCount : k.laneCount), 1,
                   false});
  }
  addTouches(job.epilogue, out);
}

static std::vector<Touch> touches(const Kernel &kernel) {
  std::vector<Touch> result;
  if (const auto *flow = std::get_if<Flow>(&kernel)) {
    addTouches(*flow, result);
  } else if (const auto *matmul = std::get_if<Matmul>(&kernel)) {
    for (const Job &job : matmul->jobs)
      addTouches(job, result);
  } else if (const auto *gather = std::get_if<Gather>(&kernel)) {
    result.push_back({Access{gather->table}, 1, 1, false});
    result.push_back({gather->index, gather->iterations, 1, false});
    result.push_back({Access{gather->out, 0, gather->outRow, gather->outStride},
                      gather->iterations, 1, true});
  } else if (const auto *move = std::get_if<TransposeTile>(&kernel)) {
    result.push_back({Access{move->src, move->srcChunk, move->srcRow, 1},
                      move->rows, 1, false});
    result.push_back({Access{move->dst, move->dstChunk, move->dstRow, 1},
                      move->lanes, 1, true});
  } else {
    const auto &exchange = std::get<Exchange>(kernel);
    for (int64_t row : exchange.send)
      result.push_back(
          {Access{exchange.src, 0, row, 1}, exchange.rows, 1, false});
    for (int64_t row : exchange.recv)
      result.push_back(
          {Access{exchange.dst, 0, row, 1}, exchange.rows, 1, true});
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static int64_t sramRows(const Tile &tile) {
  return tile.rows * tile.chunks() * isa::byteWidth(tile.type) *
         (tile.bothHalves ? 2 : 1) *
         int64_t(std::max<size_t>(1, tile.sources.size()));
}

namespace {
/// Where a tile is used: from the first to the last kernel.
struct Use {
  size_t firstSegment = SIZE_MAX, firstKernel = 0, lastSegment = 0,
         lastKernel = 0;
  bool writtenFirst = false;

  bool isUsed() const { return firstSegment != SIZE_MAX; }
  bool inOneSegment() const { return firstSegment == lastSegment; }
};
} // namespace

static std::vector<Use> findUses(const Program &program) {
  std::vector<Use> uses(program.tiles.size());
  for (size_t s = 0; s < program.segments.size(); ++s)
    for (size_t k = 0; k < program.segments[s].kernels.size(); ++k)
      for (const Touch &touch : touches(program.segments[s].kernels[k])) {
        Use &use = uses[touch.access.tile];
        // A kernel that reads and writes a tile finds it written.
        if (!use.isUsed())
          use = {s, k, s, k, touch.write};
        use.lastSegment = s;
        use.lastKernel = k;
      }
  return uses;
}

Peak stream::peakRows(const Program &program, size_t segmentIndex) {
  const Segment &segment = program.segments[segmentIndex];
  std::vector<int64_t> change(segment.kernels.size() + 1);
  std::vector<Use> uses = findUses(program);
  for (size_t t = 0; t < uses.size(); ++t) {
    const Tile &tile = program.tiles[t];
    const Use &use = uses[t];
    bool always = tile.kind == Tile::Constant || tile.kind == Tile::Input;
    if (!use.isUsed() || (!always && (use.firstSegment > segmentIndex ||
                                      (tile.kind == Tile::Temporary &&
                                       use.lastSegment < segmentIndex))))
      continue;
    // What an iteration hands to the next lives through all of them.
    bool looped =
        segment.iterations > 1 && !(use.inOneSegment() && use.writtenFirst);
    size_t first = always || looped || use.firstSegment < segmentIndex
                       ? 0
                       : use.firstKernel;
    size_t last =
        tile.kind != Tile::Temporary || looped || use.lastSegment > segmentIndex
            ? segment.kernels.size()
            : use.lastKernel + 1;
    change[first] += sramRows(tile);
    change[last] -= sramRows(tile);
  }
  Peak peak;
  int64_t rows = 0;
  for (size_t k = 0; k < segment.kernels.size(); ++k) {
    rows += change[k];
    if (rows > peak.rows)
      peak = {rows, k};
  }
  return peak;
}

//===----------------------------------------------------------------------===//
// Cutting
//===----------------------------------------------------------------------===//

/// `access` as seen from iteration `start`, if it has that form for `count`
/// iterations.
static std::optional<Access> shifted(Access access, int64_t start,
                                     int64_t count) {
  int64_t row = access.rowOf(start);
  if (access.inner && start % access.inner != 0) {
    if (start % access.inner + count > access.inner)
      return std::nullopt;
    access.inner = access.stride2 = 0;
  }
  access.row = row;
  return access;
}

namespace {
/// Kernels begin .. end-1 of a segment.
class Run {
public:
  Run(const Program &program, size_t segment, size_t begin, size_t end,
      const std::vector<Use> &uses);

  /// Classes of units that may run in any order; 0 if the run cannot be cut.
  size_t classes() const { return order.size(); }

  /// The program with the run cut into `count` blocks.
  Program cut(size_t count) const;

private:
  struct Unit {
    size_t kernel;
    int64_t first, count; // job, or iterations
  };
  struct Part { // of a tile, for a block
    int64_t first = INT64_MAX, last = -1;
    unsigned tile = 0;
  };

  const Program &program;
  size_t segment, begin, end;
  std::vector<Unit> units;
  llvm::IntEqClasses sets;
  std::vector<unsigned> order; // of classes
  std::vector<int64_t> weight; // of a class: units
  std::vector<bool> own;       // tiles that live inside the run

  const Kernel &kernel(size_t k) const {
    return program.segments[segment].kernels[k];
  }
  std::vector<Touch> touchesOf(const Unit &unit) const;
  Flow cutFlow(const Flow &flow, int64_t first, int64_t count) const;
};
} // namespace

/// What a unit touches, iteration by iteration of its own.
std::vector<Touch> Run::touchesOf(const Unit &unit) const {
  std::vector<Touch> result;
  if (const auto *matmul = std::get_if<Matmul>(&kernel(unit.kernel))) {
    addTouches(matmul->jobs[unit.first], result);
    return result;
  }
  const auto &flow = std::get<Flow>(kernel(unit.kernel));
  addTouches(flow, result);
  return result;
}

/// Calls visit(row) for all rows that iterations first .. +count-1 touch.
template <typename Visit>
static void forEachRow(const Touch &touch, int64_t first, int64_t count,
                       Visit visit) {
  for (int64_t i = first / touch.period; i < (first + count) / touch.period;
       ++i)
    visit(touch.access.rowOf(i));
}

Run::Run(const Program &program, size_t segment, size_t begin, size_t end,
         const std::vector<Use> &uses)
    : program(program), segment(segment), begin(begin), end(end),
      own(program.tiles.size()) {
  std::vector<bool> written(program.tiles.size());
  std::vector<std::vector<Touch>> touched(end - begin); // of flows
  for (size_t k = begin; k < end; ++k) {
    if (const auto *flow = std::get_if<Flow>(&kernel(k))) {
      int64_t step = 1;
      for (int64_t period : periods(*flow))
        step = std::lcm(step, period);
      addTouches(*flow, touched[k - begin]);
      for (const Touch &t : touched[k - begin])
        for (int64_t i = 0; i < flow->iterations; i += step)
          if (!shifted(t.access, i / t.period, step / t.period))
            step = flow->iterations;
      for (int64_t i = 0; i < flow->iterations; i += step)
        units.push_back({k, i, step});
    } else if (const auto *matmul = std::get_if<Matmul>(&kernel(k))) {
      for (size_t j = 0; j < matmul->jobs.size(); ++j)
        units.push_back({k, int64_t(j), 1});
    } else {
      return; // moved rows are named by data, by lanes, or go to other chips
    }
    for (const Touch &touch : touches(kernel(k)))
      if (touch.write)
        written[touch.access.tile] = true;
  }
  for (size_t t = 0; t < own.size(); ++t) {
    const Use &use = uses[t];
    own[t] = program.tiles[t].kind == Tile::Temporary && use.isUsed() &&
             use.inOneSegment() && use.firstSegment == segment &&
             use.firstKernel >= begin && use.lastKernel < end &&
             use.writtenFirst;
  }
  sets.grow(units.size());
  // The unit that touched a cell; a cell of an own tile is a row with all its
  // chunks, since they stay together.
  std::vector<std::vector<int>> owner(program.tiles.size());
  for (size_t u = 0; u < units.size(); ++u) {
    bool isFlow = std::holds_alternative<Flow>(kernel(units[u].kernel));
    std::vector<Touch> ofJob;
    if (!isFlow)
      ofJob = touchesOf(units[u]);
    for (const Touch &touch :
         isFlow ? touched[units[u].kernel - begin] : ofJob) {
      unsigned t = touch.access.tile;
      if (!written[t])
        continue;
      const Tile &tile = program.tiles[t];
      if (owner[t].empty())
        owner[t].assign(tile.rows * (own[t] ? 1 : tile.chunks()), -1);
      int64_t base = own[t] ? 0 : touch.access.chunk * tile.rows;
      forEachRow(touch, isFlow ? units[u].first : 0,
                 isFlow ? units[u].count : touch.count, [&](int64_t row) {
                   int &cell = owner[t][base + row];
                   if (cell >= 0)
                     sets.join(unsigned(cell), unsigned(u));
                   cell = int(u);
                 });
    }
  }
  sets.compress();
  // Classes in the order of their rows in the largest tile, then the others.
  size_t largest = own.size();
  for (size_t t = 0; t < own.size(); ++t)
    if (own[t] &&
        (largest == own.size() ||
         sramRows(program.tiles[t]) > sramRows(program.tiles[largest])))
      largest = t;
  if (largest == own.size())
    return;
  weight.assign(sets.getNumClasses(), 0);
  std::vector<bool> listed(sets.getNumClasses());
  auto list = [&](unsigned set) {
    if (!listed[set])
      order.push_back(set);
    listed[set] = true;
  };
  for (int unit : owner[largest])
    if (unit >= 0) {
      list(sets[unit]);
      ++weight[sets[unit]];
    }
  for (size_t u = 0; u < units.size(); ++u)
    list(sets[u]);
}

/// Iterations first .. +count-1 of a flow, all of whose accesses have that
/// form.
Flow Run::cutFlow(const Flow &flow, int64_t first, int64_t count) const {
  if (first == 0 && count == flow.iterations)
    return flow;
  std::vector<int64_t> period = periods(flow);
  Flow part = flow;
  part.iterations = count;
  for (Node &node : part.nodes)
    if (node.kind == Node::Read)
      node.access = *shifted(node.access, first, count);
  for (Write &write : part.writes) {
    int64_t rows = period[write.node];
    write.access = *shifted(write.access, first / rows, count / rows);
  }
  return part;
}

Program Run::cut(size_t count) const {
  // Blocks of about the same number of rows.
  int64_t total = std::accumulate(weight.begin(), weight.end(), int64_t(0));
  std::vector<size_t> blockOf(order.size());
  int64_t before = 0;
  for (unsigned set : order) {
    blockOf[set] = std::min(count - 1, size_t(before * int64_t(count) / total));
    before += weight[set];
  }

  // The kernels of every block, with the tiles as they were.
  std::vector<std::vector<Kernel>> blocks(count);
  for (size_t u = 0; u < units.size();) {
    size_t block = blockOf[sets[u]], k = units[u].kernel;
    if (const auto *matmul = std::get_if<Matmul>(&kernel(k))) {
      std::vector<Matmul> parts(count);
      for (; u < units.size() && units[u].kernel == k; ++u)
        parts[blockOf[sets[u]]].jobs.push_back(matmul->jobs[units[u].first]);
      for (size_t b = 0; b < count; ++b) {
        parts[b].name = matmul->name;
        parts[b].fp16 = matmul->fp16;
        if (!parts[b].jobs.empty())
          blocks[b].push_back(std::move(parts[b]));
      }
      continue;
    }
    const auto &flow = std::get<Flow>(kernel(k));
    std::vector<Touch> all;
    addTouches(flow, all);
    int64_t first = units[u].first, length = 0;
    for (;
         u < units.size() && units[u].kernel == k && blockOf[sets[u]] == block;
         ++u) {
      int64_t longer = length + units[u].count;
      if (llvm::any_of(all, [&](const Touch &t) {
            return !shifted(t.access, first / t.period, longer / t.period);
          }))
        break;
      length = longer;
    }
    blocks[block].push_back(cutFlow(flow, first, length));
  }

  // What every block has of a tile. Only intervals become tiles.
  Program result = program;
  std::map<unsigned, std::vector<Part>> parts;
  for (size_t b = 0; b < count; ++b)
    for (const Kernel &piece : blocks[b])
      for (const Touch &touch : touches(piece)) {
        if (!own[touch.access.tile])
          continue;
        std::vector<Part> &ofTile = parts[touch.access.tile];
        ofTile.resize(count);
        forEachRow(touch, 0, touch.count, [&](int64_t row) {
          ofTile[b].first = std::min(ofTile[b].first, row);
          ofTile[b].last = std::max(ofTile[b].last, row);
        });
      }
  for (auto it = parts.begin(); it != parts.end();) {
    std::vector<std::pair<int64_t, int64_t>> ranges;
    for (const Part &part : it->second)
      if (part.last >= 0)
        ranges.push_back({part.first, part.last});
    llvm::sort(ranges);
    bool disjoint = true;
    for (size_t i = 0; i + 1 < ranges.size(); ++i)
      disjoint &= ranges[i].second < ranges[i + 1].first;
    if (!disjoint) {
      it = parts.erase(it);
      continue;
    }
    Tile whole = result.tiles[it->first];
    std::vector<NamedValue> values; // of the whole tile
    llvm::copy_if(result.values, std::back_inserter(values),
                  [&](const NamedValue &v) { return v.tile == it->first; });
    llvm::erase_if(result.values,
                   [&](const NamedValue &v) { return v.tile == it->first; });
    bool taken = false; // the tile itself serves the first block
    for (Part &part : it->second) {
      if (part.last < 0)
        continue;
      Tile tile = whole;
      tile.rows = part.last + 1 - part.first;
      part.tile = taken ? unsigned(result.tiles.size()) : it->first;
      if (taken)
        result.tiles.push_back(std::move(tile));
      else
        result.tiles[it->first] = std::move(tile);
      taken = true;
      for (NamedValue value : values) {
        value.tile = part.tile;
        value.row -= part.first;
        result.values.push_back(std::move(value));
      }
    }
    ++it;
  }

  auto &kernels = result.segments[segment].kernels;
  std::vector<Kernel> after(kernels.begin() + end, kernels.end());
  kernels.resize(begin);
  for (size_t b = 0; b < count; ++b) {
    auto move = [&](unsigned &tile, int64_t &row) {
      auto it = parts.find(tile);
      if (it == parts.end())
        return;
      row -= it->second[b].first;
      tile = it->second[b].tile;
    };
    auto moveFlow = [&](Flow &flow) {
      for (Node &node : flow.nodes)
        if (node.kind == Node::Read)
          move(node.access.tile, node.access.row);
      for (Write &write : flow.writes)
        move(write.access.tile, write.access.row);
    };
    for (Kernel &piece : blocks[b]) {
      if (auto *flow = std::get_if<Flow>(&piece))
        moveFlow(*flow);
      else
        for (Job &job : std::get<Matmul>(piece).jobs) {
          for (KTile &k : job.kTiles) {
            move(k.a.tile, k.a.row);
            move(k.b, k.bRow);
          }
          moveFlow(job.epilogue);
        }
      kernels.push_back(std::move(piece));
    }
  }
  for (Kernel &kernel : after)
    kernels.push_back(std::move(kernel));
  return result;
}

//===----------------------------------------------------------------------===//
// What to cut
//===----------------------------------------------------------------------===//

/// The fewest blocks of a run around the peak of a segment with which it fits
/// `room`, else the lowest peak; nothing if no run lowers it.
static std::optional<Program> lowerPeak(const Program &program, size_t segment,
                                        int64_t room) {
  constexpr size_t mostKernels = 8, mostBlocks = 64;
  std::vector<Use> uses = findUses(program);
  Peak peak = peakRows(program, segment);
  size_t kernels = program.segments[segment].kernels.size();
  std::optional<Program> best;
  std::pair<int64_t, size_t> bestCost{peak.rows, 0};
  for (size_t begin = peak.kernel + 1; begin-- > 0;) {
    if (peak.kernel - begin >= mostKernels)
      break;
    bool any = false;
    for (size_t end = peak.kernel + 1;
         end <= kernels && end - begin <= mostKernels; ++end) {
      Run run(program, segment, begin, end, uses);
      if (end == peak.kernel + 1)
        any = run.classes() != 1;
      // A longer run has fewer classes.
      if (run.classes() == 1)
        break;
      for (size_t count = 2; count <= std::min(run.classes(), mostBlocks);
           count += count < 8 ? 1 : count / 4) {
        Program cut = run.cut(count);
        int64_t rows = peakRows(cut, segment).rows;
        std::pair<int64_t, size_t> cost{std::max(rows, room),
                                        cut.segments[segment].kernels.size()};
        if (rows < peak.rows && cost < bestCost) {
          best = std::move(cut);
          bestCost = cost;
        }
        if (rows <= room)
          break;
      }
    }
    if (!any)
      break;
  }
  return best;
}

void stream::interleaveBlocks(Program &program, const Machine &machine,
                              unsigned share) {
  int64_t rows = int64_t(machine.numSlices()) * 2 * machine.rows;
  constexpr size_t enoughSlices = 40; // text slices hold text only
  if (machine.numSlices() - machine.textSlices.size() >= enoughSlices)
    rows -= int64_t(machine.textSlices.size()) * 2 * machine.rows;
  int64_t room = rows * share / 8;
  for (size_t s = 0; s < program.segments.size(); ++s)
    while (peakRows(program, s).rows > room) {
      std::optional<Program> lower = lowerPeak(program, s, room);
      if (!lower)
        break;
      program = std::move(*lower);
    }
}
