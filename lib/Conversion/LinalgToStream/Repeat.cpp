//===- Repeat.cpp - equal layers become one segment -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels are compared without the names of their tiles. A run of kernels that
// repeats with period p is a loop if the tiles of its iterations correspond:
//
// * a tile that is the same in all iterations stays,
// * constants become one tile with an instance per iteration,
// * a tile made and used within an iteration is the same tile in each,
// * a tile that the next iteration reads (the hidden state) is written in place
//   of the one that this iteration has read, if that is no longer needed.
//
//
//===----------------------------------------------------------------------===//

#include "Repeat.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

using namespace lpu;
using namespace lpu::stream;

namespace {
/// Calls `visit(tile, isWritten)` for every tile reference, in a fixed order.
template <typename Visit> void visitFlow(Flow &flow, Visit visit) {
  for (Node &node : flow.nodes)
    if (node.kind == Node::Read)
      visit(node.access.tile, false);
  for (Write &write : flow.writes)
    visit(write.access.tile, true);
}

template <typename Visit> void visitTiles(Kernel &kernel, Visit visit) {
  if (auto *flow = std::get_if<Flow>(&kernel)) {
    visitFlow(*flow, visit);
  } else if (auto *matmul = std::get_if<Matmul>(&kernel)) {
    for (Job &job : matmul->jobs) {
      for (KTile &k : job.kTiles) {
        visit(k.a.tile, false);
        visit(k.b, false);
      }
      visitFlow(job.epilogue, visit);
    }
  } else if (auto *gather = std::get_if<Gather>(&kernel)) {
    visit(gather->table, false);
    visit(gather->index.tile, false);
    visit(gather->out, true);
  } else if (auto *transpose = std::get_if<TransposeTile>(&kernel)) {
    visit(transpose->src, false);
    visit(transpose->dst, true);
  } else if (auto *exchange = std::get_if<Exchange>(&kernel)) {
    visit(exchange->src, false);
    visit(exchange->dst, true);
  }
}

/// A kernel as numbers, its tiles replaced by their form.
class Form {
public:
  explicit Form(const std::vector<Tile> &tiles) : tiles(tiles) {}

  const std::string &of(const Kernel &kernel) {
    text.clear();
    put({int64_t(kernel.index())});
    if (auto *flow = std::get_if<Flow>(&kernel)) {
      print(*flow);
    } else if (auto *matmul = std::get_if<Matmul>(&kernel)) {
      put({matmul->fp16});
      for (const Job &job : matmul->jobs) {
        put({job.rows, int64_t(job.kTiles.size())});
        for (const KTile &k : job.kTiles) {
          print(k.a);
          print(k.b);
          put({int64_t(k.laneBase), int64_t(k.laneCount), int64_t(k.byColumns),
               int64_t(k.bChunk), k.bRow, int64_t(k.bLaneBase),
               int64_t(k.columnBase), int64_t(k.columnCount)});
        }
        print(job.epilogue);
      }
    } else if (auto *gather = std::get_if<Gather>(&kernel)) {
      print(gather->table);
      print(gather->index);
      print(gather->out);
      put({gather->outRow, gather->outStride, gather->iterations});
    } else if (auto *t = std::get_if<TransposeTile>(&kernel)) {
      print(t->src);
      print(t->dst);
      put({int64_t(t->srcChunk), int64_t(t->dstChunk), t->srcRow, t->dstRow,
           int64_t(t->srcLane), int64_t(t->dstLane), int64_t(t->rows),
           int64_t(t->lanes)});
    } else if (auto *exchange = std::get_if<Exchange>(&kernel)) {
      print(exchange->src);
      print(exchange->dst);
      put({exchange->group, exchange->rows});
      for (const auto *rows : {&exchange->send, &exchange->recv})
        for (int64_t row : *rows)
          put({row});
    }
    return text;
  }

private:
  void put(std::initializer_list<int64_t> numbers) {
    text.append(reinterpret_cast<const char *>(numbers.begin()),
                numbers.size() * sizeof(int64_t));
  }
  void print(unsigned tile) {
    const Tile &t = tiles[tile];
    put({t.kind, int64_t(t.type), t.rows, t.features, t.groupSize,
         t.groupsPerChunk, t.bothHalves, t.weights});
  }
  void print(const Access &a) {
    print(a.tile);
    put({a.chunk, a.row, a.stride, a.inner, a.stride2});
  }
  void print(const Flow &flow) {
    put({flow.iterations, int64_t(flow.nodes.size()),
         int64_t(flow.writes.size())});
    for (const Node &n : flow.nodes) {
      put({n.kind});
      if (n.kind == Node::Read)
        print(n.access);
      put({int64_t(n.op)});
      for (const Value &v : {n.a, n.b, n.c})
        put({v.kind, v.node});
      put({n.imm, n.hasConstant, n.constant, n.group, n.period});
    }
    for (const Write &w : flow.writes) {
      put({w.node});
      print(w.access);
    }
  }

  const std::vector<Tile> &tiles;
  std::string text;
};

struct Loop {
  size_t start = 0, period = 0, iterations = 0;
  size_t saved() const { return period * (iterations - 1); }
};

class Outliner {
public:
  Outliner(Program &program, unsigned phase) : program(program), phase(phase) {}

  void run(llvm::ArrayRef<unsigned> forms) {
    std::vector<Segment> old = std::move(program.segments);
    program.segments.clear();
    for (Segment &segment : old) {
      llvm::ArrayRef<unsigned> own = forms.take_front(segment.kernels.size());
      forms = forms.drop_front(own.size());
      if (segment.iterations == 1)
        outline(std::move(segment.kernels), own);
      else
        program.segments.push_back(std::move(segment));
    }
    nameTheRest();
    dropUnusedTiles();
  }

private:
  void outline(std::vector<Kernel> kernels, llvm::ArrayRef<unsigned> forms);
  std::vector<Loop> candidates(llvm::ArrayRef<unsigned> forms) const;
  /// \p segment is the number that the loop will have.
  bool apply(const Loop &loop, std::vector<Kernel> &kernels, unsigned segment);
  void dropUnusedTiles();
  void nameTheRest();

  Program &program;
  unsigned phase;           // of the largest loop
  std::set<size_t> isNamed; // values whose segment is known
};
} // namespace

std::vector<Loop> Outliner::candidates(llvm::ArrayRef<unsigned> forms) const {
  std::vector<Loop> found;
  size_t count = forms.size();
  for (size_t period = 1; period <= count / 2; ++period) {
    size_t run = 0;
    for (size_t i = 0; i + period <= count; ++i) {
      bool matches = i + period < count && forms[i] == forms[i + period];
      if (matches) {
        ++run;
        continue;
      }
      if (run >= period)
        for (size_t shift = 0; shift <= run % period; ++shift)
          found.push_back({i - run + shift, period, run / period + 1});
      run = 0;
    }
  }
  // The most kernels saved; of these the shortest body, then the earliest.
  llvm::stable_sort(found, [](const Loop &a, const Loop &b) {
    if (a.saved() != b.saved())
      return a.saved() > b.saved();
    if (a.period != b.period)
      return a.period < b.period;
    return a.start < b.start;
  });
  if (phase == 0 || found.empty())
    return found;
  Loop best = found.front();
  std::stable_partition(found.begin(), found.end(), [&](const Loop &loop) {
    return loop.saved() == best.saved() && loop.period == best.period &&
           loop.start == best.start + phase;
  });
  return found;
}

/// Checks that the tiles of the iterations correspond, and if so replaces the
/// iterations by the first one: kernels keeps what stands before the loop, the
/// body, and what stands behind it.
bool Outliner::apply(const Loop &loop, std::vector<Kernel> &kernels,
                     unsigned segment) {
  size_t end = loop.start + loop.period * loop.iterations;
  // Tiles of each iteration by the tile of the first one.
  std::vector<std::map<unsigned, unsigned>> images(loop.iterations);
  std::vector<unsigned> references;                // of iteration 0, in order
  std::map<unsigned, size_t> firstWrite, lastRead; // kernel of the body
  std::map<unsigned, bool> readFirst;
  for (size_t j = 0; j < loop.period; ++j)
    visitTiles(kernels[loop.start + j], [&](unsigned &tile, bool isWritten) {
      references.push_back(tile);
      readFirst.try_emplace(tile, !isWritten);
      if (isWritten)
        firstWrite.try_emplace(tile, j);
      else
        lastRead[tile] = j;
    });
  for (size_t t = 0; t < loop.iterations; ++t) {
    size_t next = 0;
    bool agrees = true;
    std::set<unsigned> used;
    for (size_t j = 0; j < loop.period; ++j)
      visitTiles(
          kernels[loop.start + t * loop.period + j], [&](unsigned &tile, bool) {
            auto [it, isNew] = images[t].try_emplace(references[next++], tile);
            agrees &= it->second == tile;
            if (isNew)
              agrees &= program.tiles[tile].kind == Tile::Constant ||
                        used.insert(tile).second;
          });
    if (!agrees)
      return false;
  }
  // Where each tile is used: iterations, and outside of the loop.
  std::map<unsigned, std::set<size_t>> usedIn;
  std::set<unsigned> usedBefore, usedAfter;
  for (size_t t = 0; t < loop.iterations; ++t)
    for (auto [from, to] : images[t])
      usedIn[to].insert(t);
  for (size_t i = 0; i < kernels.size(); ++i)
    if (i < loop.start || i >= end)
      visitTiles(kernels[i], [&](unsigned &tile, bool) {
        (i < loop.start ? usedBefore : usedAfter).insert(tile);
      });

  std::map<unsigned, unsigned> renamed; // in the body and behind the loop
  std::map<unsigned, unsigned> carried; // written tile -> tile read next time
  std::vector<unsigned> constants;
  for (auto [tile, self] : images[0]) {
    bool isSame = true;
    for (size_t t = 1; t < loop.iterations; ++t)
      isSame &= images[t][tile] == tile;
    bool isWritten = firstWrite.count(tile);
    if (!isSame && program.tiles[tile].kind == Tile::Output)
      return false; // each is read by the host
    if (isSame) {
      // Written again in every iteration: the last value counts.
      if (isWritten && readFirst[tile])
        return false;
      continue;
    }
    if (program.tiles[tile].kind == Tile::Constant) {
      if (program.tiles[tile].sources.size() != 1)
        return false;
      constants.push_back(tile);
      continue;
    }
    if (isWritten)
      continue; // local, or read by the next iteration: below
    // Read from the iteration before: which tile is it there?
    unsigned source = ~0u;
    for (auto [from, to] : images[0])
      if (to == images[1][tile] && firstWrite.count(from))
        source = from;
    if (source == ~0u)
      return false;
    for (size_t t = 1; t < loop.iterations; ++t)
      if (images[t][tile] != images[t - 1][source])
        return false;
    if (!carried.try_emplace(source, tile).second || readFirst[source] ||
        lastRead[tile] >= firstWrite[source] || usedAfter.count(tile))
      return false;
    const Tile &a = program.tiles[tile], &b = program.tiles[source];
    if (a.kind != Tile::Temporary || b.kind != Tile::Temporary ||
        a.type != b.type || a.bothHalves != b.bothHalves)
      return false;
  }
  for (auto [tile, first] : firstWrite) {
    if (readFirst[tile])
      return false;
    for (size_t t = 0; t < loop.iterations; ++t) {
      unsigned image = images[t][tile];
      bool isLast = t + 1 == loop.iterations;
      if (images[loop.iterations - 1][tile] == image && image == tile)
        continue; // the same in all
      for (size_t user : usedIn[image])
        if (user != t && !(user == t + 1 && carried.count(tile)))
          return false;
      if (usedBefore.count(image) || (usedAfter.count(image) && !isLast))
        return false;
    }
  }

  // It is a loop.
  for (unsigned tile : constants) {
    std::vector<ConstantSource> sources;
    for (size_t t = 0; t < loop.iterations; ++t)
      sources.push_back(program.tiles[images[t][tile]].sources.front());
    // Other users of the first instance keep their tile.
    Tile copy = program.tiles[tile];
    copy.sources = std::move(sources);
    program.tiles.push_back(std::move(copy));
    renamed[tile] = program.tiles.size() - 1;
  }
  // Values of the tiles that iterations write.
  std::map<unsigned, std::pair<unsigned, int64_t>> writtenIn;
  for (size_t t = loop.iterations; t-- > 0;) // of one in all, the last counts
    for (auto [tile, first] : firstWrite) {
      auto it = carried.find(tile);
      writtenIn.try_emplace(images[t][tile],
                            it == carried.end() ? tile : it->second, t);
    }
  for (size_t v = 0; v < program.values.size(); ++v) {
    NamedValue &value = program.values[v];
    auto it = writtenIn.find(value.tile);
    if (it == writtenIn.end() || isNamed.count(v))
      continue;
    isNamed.insert(v);
    std::tie(value.tile, value.iteration) = it->second;
    value.segment = segment;
  }
  std::map<unsigned, unsigned> after;
  for (auto [tile, first] : firstWrite) {
    auto it = carried.find(tile);
    unsigned name = it == carried.end() ? tile : it->second;
    renamed[tile] = name;
    after[images[loop.iterations - 1][tile]] = name;
  }
  for (size_t j = 0; j < loop.period; ++j)
    visitTiles(kernels[loop.start + j], [&](unsigned &tile, bool) {
      auto it = renamed.find(tile);
      if (it != renamed.end())
        tile = it->second;
    });
  for (size_t i = end; i < kernels.size(); ++i)
    visitTiles(kernels[i], [&](unsigned &tile, bool) {
      auto it = after.find(tile);
      if (it != after.end())
        tile = it->second;
    });
  kernels.erase(kernels.begin() + loop.start + loop.period,
                kernels.begin() + end);
  return true;
}

void Outliner::outline(std::vector<Kernel> kernels,
                       llvm::ArrayRef<unsigned> forms) {
  // Trying a candidate costs a walk over the kernels; the good ones come first.
  constexpr size_t most = 64;
  size_t tried = 0;
  for (const Loop &loop : candidates(forms)) {
    if (++tried > most)
      break;
    if (!apply(loop, kernels,
               unsigned(program.segments.size()) + (loop.start > 0)))
      continue;
    auto part = [&](size_t from, size_t to) {
      return std::vector<Kernel>(
          std::make_move_iterator(kernels.begin() + from),
          std::make_move_iterator(kernels.begin() + to));
    };
    phase = 0;
    size_t bodyEnd = loop.start + loop.period,
           end = loop.start + loop.period * loop.iterations;
    std::vector<Kernel> before = part(0, loop.start),
                        body = part(loop.start, bodyEnd),
                        rest = part(bodyEnd, kernels.size());
    if (!before.empty())
      program.segments.push_back({1, std::move(before)});
    program.segments.push_back({int64_t(loop.iterations), std::move(body)});
    if (!rest.empty())
      outline(std::move(rest), forms.take_back(forms.size() - end));
    return;
  }
  program.segments.push_back({1, std::move(kernels)});
}

/// The other tiles are written once, in the first segment that writes them.
void Outliner::nameTheRest() {
  std::map<unsigned, unsigned> firstWriter;
  for (size_t s = 0; s < program.segments.size(); ++s)
    for (Kernel &kernel : program.segments[s].kernels)
      visitTiles(kernel, [&](unsigned &tile, bool isWritten) {
        if (isWritten)
          firstWriter.try_emplace(tile, unsigned(s));
      });
  for (size_t v = 0; v < program.values.size(); ++v)
    if (auto it = firstWriter.find(program.values[v].tile);
        !isNamed.count(v) && it != firstWriter.end())
      program.values[v].segment = it->second;
}

void Outliner::dropUnusedTiles() {
  std::vector<bool> isUsed(program.tiles.size(), false);
  auto forAll = [&](auto visit) {
    for (Segment &segment : program.segments)
      for (Kernel &kernel : segment.kernels)
        visitTiles(kernel, visit);
  };
  forAll([&](unsigned &tile, bool) { isUsed[tile] = true; });
  std::vector<unsigned> number(program.tiles.size());
  std::vector<Tile> kept;
  for (size_t i = 0; i < program.tiles.size(); ++i) {
    bool isBinding = program.tiles[i].kind == Tile::Output;
    number[i] = kept.size();
    if (isUsed[i] || isBinding)
      kept.push_back(std::move(program.tiles[i]));
  }
  program.tiles = std::move(kept);
  llvm::erase_if(program.values,
                 [&](const NamedValue &value) { return !isUsed[value.tile]; });
  for (NamedValue &value : program.values)
    value.tile = number[value.tile];
  forAll([&](unsigned &tile, bool) { tile = number[tile]; });
}

lpu::KernelForms lpu::kernelForms(const Program &program) {
  Form form(program.tiles);
  llvm::StringMap<unsigned> numbers;
  KernelForms forms;
  for (const Segment &segment : program.segments)
    for (const Kernel &kernel : segment.kernels)
      forms.push_back(
          numbers.try_emplace(form.of(kernel), numbers.size()).first->second);
  return forms;
}

void linalg_to_stream::outlineRepeats(Program &program, unsigned phase,
                                      llvm::ArrayRef<unsigned> forms) {
  Outliner(program, phase).run(forms);
}
