//===- Verify.cpp - the rules of stream programs --------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks shapes and ranges, that every row is written before it is read, and
// the limits of a machine if there is one. The second check runs each segment
// once: what the first iteration may read, later iterations may too. A program
// may be text from anywhere, so numbers are not trusted.
//
//===----------------------------------------------------------------------===//

#include "lpu/Stream/AluShape.h"
#include "lpu/Stream/Program.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace lpu;
using namespace lpu::stream;
using llvm::Twine;

namespace {
/// More rows or iterations than any program has: what follows would take the
/// checker too long.
constexpr int64_t mostRows = 1 << 26;
constexpr unsigned mostMembers = 1 << 16;

class Checker {
public:
  Checker(const Program &program, const Machine *machine)
      : program(program), machine(machine),
        lanes(machine ? machine->lanes : 1 << 16) {}

  std::vector<Violation> run() {
    for (unsigned size : program.groups)
      require(size >= 1 && size <= mostMembers,
              "has a group of " + Twine(size) + " chips (1 to " +
                  Twine(mostMembers) + ")");
    where = Violation::InTile;
    for (index = 0; index < program.tiles.size(); ++index)
      tile(program.tiles[index]);
    if (!errors.empty()) // accesses rely on the tiles
      return std::move(errors);
    for (index = 0; index < program.segments.size(); ++index) {
      const Segment &segment = program.segments[index];
      where = Violation::InSegment;
      iterations = segment.iterations;
      if (iterations < 1)
        error("needs at least one iteration");
      where = Violation::InKernel;
      for (kernelIndex = 0; kernelIndex < segment.kernels.size();
           ++kernelIndex) {
        part.clear();
        std::visit([&](const auto &k) { kernel(k); },
                   segment.kernels[kernelIndex]);
      }
    }
    part.clear();
    where = Violation::InTile;
    for (index = 0; index < program.tiles.size(); ++index)
      if (program.tiles[index].kind == Tile::Output &&
          llvm::is_contained(defined[index], false))
        error("is not written in full");
    return std::move(errors);
  }

private:
  void error(const Twine &text) {
    constexpr size_t most = 100;
    if (errors.size() < most)
      errors.push_back(
          {where, unsigned(index), unsigned(kernelIndex), (part + text).str()});
  }
  bool require(bool holds, const Twine &text) {
    if (!holds)
      error(text);
    return holds;
  }
  std::string name(unsigned tile) const {
    return "\"" + program.tiles[tile].name + "\"";
  }

  //===--- Tiles
  //-----------------------------------------------------------===//

  void tile(const Tile &t) {
    defined.emplace_back();
    if (!require(t.rows >= 1 && t.features >= 1, "has no elements") ||
        !require(t.rows <= mostRows && t.features <= mostRows / t.rows,
                 "has more elements than any chip") ||
        !require(t.groupSize >= 1 && t.groupsPerChunk >= 1 &&
                     t.chunkFeatures() <= lanes,
                 "groups of " + Twine(t.groupSize) + " x " +
                     Twine(t.groupsPerChunk) + " do not fit " + Twine(lanes) +
                     " lanes"))
      return;
    bool isConstant = t.kind == Tile::Constant;
    require(isConstant != t.sources.empty(),
            isConstant ? "is constant but has no source"
                       : "has a source but is not constant");
    require(isConstant || !t.weights, "only constants are weights");
    for (const ConstantSource &s : t.sources) {
      require(!s.file.empty() || s.data,
              "a source names neither file nor data");
      int64_t rows = 1, features = 1;
      auto extend = [](int64_t &count, const std::vector<Axis> &axes) {
        for (const Axis &axis : axes)
          count = axis.size < 1 || axis.size > mostRows
                      ? mostRows + 1
                      : std::min(count * axis.size, mostRows + 1);
      };
      extend(rows, s.rowAxes);
      extend(features, s.featureAxes);
      require(rows <= t.rows && features <= t.features,
              "a source has more elements than the tile");
    }
    if (t.kind == Tile::Input || t.kind == Tile::Output) {
      if (require(t.binding.placements.size() == 1, "needs one placement")) {
        const Placement &p = t.binding.placements.front();
        size_t rank = t.binding.shape.size();
        if (require(p.rowStride.size() == rank &&
                        p.featureStride.size() == rank,
                    "the binding's strides differ from its shape in number")) {
          int64_t row = 0, feature = 0;
          for (size_t i = 0; i < rank; ++i) {
            auto isSmall = [](int64_t n) { return 0 <= n && n <= mostRows; };
            if (!require(
                    t.binding.shape[i] >= 1 && isSmall(t.binding.shape[i]) &&
                        isSmall(p.rowStride[i]) && isSmall(p.featureStride[i]),
                    "the binding has a negative or huge size or stride"))
              break;
            row += (t.binding.shape[i] - 1) * p.rowStride[i];
            feature += (t.binding.shape[i] - 1) * p.featureStride[i];
          }
          require(row < t.rows && feature < t.features,
                  "the binding has elements outside the tile");
        }
      }
      require(t.binding.chipType == t.type,
              "the binding has another type than the tile");
    }
    bool isDefined = t.kind == Tile::Input || isConstant;
    defined.back().assign(t.rows * t.chunks(), isDefined);
  }

  std::vector<bool>::reference cell(unsigned tile, unsigned chunk,
                                    int64_t row) {
    return defined[tile][chunk * program.tiles[tile].rows + row];
  }

  /// Tile and chunk exist, and all rows of `count` iterations.
  bool inRange(const Access &a, int64_t count, const char *what) {
    if (!require(a.tile < program.tiles.size(), Twine(what) + ": no such tile"))
      return false;
    const Tile &t = program.tiles[a.tile];
    if (!require(a.chunk < t.chunks(), Twine(what) + ": " + name(a.tile) +
                                           " has no chunk " + Twine(a.chunk)))
      return false;
    auto isSmall = [](int64_t n) { return -mostRows <= n && n <= mostRows; };
    if (!require(a.inner >= 0 && isSmall(a.inner) && isSmall(a.row) &&
                     isSmall(a.stride) && isSmall(a.stride2),
                 Twine(what) + ": a negative inner count or a huge step"))
      return false;
    if (t.kind == Tile::Constant)
      require(t.sources.size() == 1 || int64_t(t.sources.size()) == iterations,
              Twine(what) + ": constant " + name(a.tile) + " has " +
                  Twine(t.sources.size()) + " instances for " +
                  Twine(iterations) + " iterations");
    for (int64_t i = 0; i < count; ++i) {
      int64_t row = a.rowOf(i);
      if (row < 0 || row >= t.rows)
        return require(false, Twine(what) + ": row " + Twine(row) + " of " +
                                  name(a.tile) + " (" + Twine(t.rows) +
                                  " rows)");
    }
    return true;
  }

  bool rowsDefined(unsigned tile, unsigned chunk, int64_t row,
                   const char *what) {
    return require(cell(tile, chunk, row), Twine(what) + ": row " + Twine(row) +
                                               " of " + name(tile) +
                                               ", chunk " + Twine(chunk) +
                                               " is read before it is written");
  }

  void read(const Access &a, int64_t count, const char *what) {
    if (!inRange(a, count, what))
      return;
    for (int64_t i = 0; i < count; ++i)
      if (!rowsDefined(a.tile, a.chunk, a.rowOf(i), what))
        return;
  }

  bool writable(unsigned tile, const char *what) {
    return require(program.tiles[tile].kind == Tile::Temporary ||
                       program.tiles[tile].kind == Tile::Output,
                   Twine(what) + ": " + name(tile) +
                       " is an input or a constant");
  }

  //===--- Flows
  //-----------------------------------------------------------===//

  void operand(const Value &v, size_t user, const Node &node, bool wanted) {
    require((v.kind != Value::None) == wanted,
            "node " + Twine(user) + ": wrong number of operands");
    if (v.kind == Value::Node)
      require(v.node < user, "node " + Twine(user) + " uses a later node");
    if (v.kind == Value::Immediate && aluShape(node.op) == AluShape::Ternary)
      require(node.hasConstant,
              "node " + Twine(user) + ": a ternary operation has no immediate");
  }

  void flow(const Flow &f, bool isEpilogue) {
    if (!require(f.iterations >= 1, "has no iterations") ||
        !require(f.iterations <= mostRows, "has too many iterations"))
      return;
    size_t errorsBefore = errors.size();
    std::vector<unsigned> period(f.nodes.size(), 1); // rows per result
    std::vector<bool> used(f.nodes.size(), false);
    for (size_t i = 0; i < f.nodes.size(); ++i) {
      const Node &n = f.nodes[i];
      if (n.kind == Node::Product) {
        require(isEpilogue && i == 0, "a product that is not node 0 of a job");
        continue;
      }
      if (n.kind == Node::Read) {
        read(n.access, f.iterations, "read");
        continue;
      }
      std::optional<AluShape> shape = aluShape(n.op);
      if (!require(shape.has_value(),
                   "node " + Twine(i) +
                       ": not an operation of the vector unit"))
        continue;
      unsigned arity = aluOperands(*shape);
      operand(n.a, i, n, true);
      operand(n.b, i, n, arity > 1);
      operand(n.c, i, n, arity > 2);
      for (const Value &v : {n.a, n.b, n.c})
        if (v.kind == Value::Node && v.node < i) {
          used[v.node] = true;
          period[i] = std::max(period[i], period[v.node]);
        }
      if (*shape == AluShape::Reduce)
        require(n.group == 15 || (n.group < 15 && 16u << n.group <= lanes),
                "node " + Twine(i) + ": no such lane group");
      if (*shape == AluShape::Acc) {
        require(period[i] == 1, "a running reduction of a running reduction");
        period[i] = n.period ? n.period : unsigned(f.iterations);
        require(f.iterations % period[i] == 0,
                "node " + Twine(i) + ": the period does not divide the rows");
        constexpr unsigned mostPeriod = 4095; // 12 bits of the instruction
        require(period[i] <= mostPeriod,
                "a reduction over " + Twine(period[i]) +
                    " rows; one can take " + Twine(mostPeriod));
      }
    }
    for (const Write &w : f.writes) {
      if (!require(w.node < f.nodes.size(), "write of no node"))
        continue;
      used[w.node] = true;
      int64_t rows = f.iterations / period[w.node];
      if (!inRange(w.access, rows, "write") ||
          !writable(w.access.tile, "write"))
        continue;
      for (int64_t i = 0; i < rows; ++i)
        cell(w.access.tile, w.access.chunk, w.access.rowOf(i)) = true;
    }
    for (size_t i = 0; i < f.nodes.size(); ++i)
      require(used[i], "node " + Twine(i) + " has no user");
    if (errors.size() != errorsBefore)
      return;
    if (!machine)
      return;
    FlowDemand d = flowDemand(f, program);
    require(d.alus <= machine->alus,
            "needs " + Twine(d.alus) + " ALUs of " + Twine(machine->alus));
    require(d.transcendental <= machine->transcendentalAlus,
            "needs " + Twine(d.transcendental) + " transcendental ALUs of " +
                Twine(machine->transcendentalAlus));
    require(d.reduce <= machine->reduceAlus, "needs " + Twine(d.reduce) +
                                                 " reduction ALUs of " +
                                                 Twine(machine->reduceAlus));
  }

  void kernel(const Flow &f) { flow(f, false); }

  //===--- Matrix products
  //-------------------------------------------------===//

  void kTile(const KTile &k, const Job &job, const Matmul &m) {
    read(k.a, job.rows, "operand A");
    unsigned planeRows = machine ? machine->planeRows : 1 << 16;
    unsigned most = m.fp16 ? planeRows / 2 : planeRows;
    require(k.laneCount >= 1 && k.laneCount <= most,
            "a K tile of " + Twine(k.laneCount) + " rows (1 to " + Twine(most) +
                ")");
    auto inLanes = [&](unsigned base, unsigned count) {
      return int64_t(base) + count <= lanes;
    };
    require(inLanes(k.laneBase, k.laneCount) &&
                inLanes(k.bLaneBase, k.byColumns ? k.laneCount : 0),
            "a lane window outside the lanes");
    require(k.columnCount >= 1 && inLanes(k.columnBase, k.columnCount),
            "a column window outside the lanes");
    ElementType type = m.fp16 ? ElementType::f16 : ElementType::i8;
    int64_t rows = k.byColumns ? k.columnCount : k.laneCount;
    if (!inRange(Access{k.b, k.bChunk, k.bRow, 1}, rows, "operand B") ||
        k.a.tile >= program.tiles.size())
      return;
    require(program.tiles[k.a.tile].type == type, "operand A has another type");
    require(program.tiles[k.b].type == type, "operand B has another type");
    require(!program.tiles[k.b].weights || !k.byColumns,
            "weights are installed by rows");
    for (int64_t i = 0; i < rows; ++i)
      if (!rowsDefined(k.b, k.bChunk, k.bRow + i, "operand B"))
        return;
  }

  void kernel(const Matmul &m) {
    require(!m.jobs.empty(), "has no jobs");
    for (const Job &job : m.jobs) {
      part = "job " + std::to_string(&job - m.jobs.data()) + ": ";
      if (!require(job.rows >= 1 && job.rows <= mostRows,
                   "needs rows, and not too many"))
        continue;
      require(!job.kTiles.empty(), "no K tiles");
      for (const KTile &k : job.kTiles)
        kTile(k, job, m);
      const Flow &f = job.epilogue;
      require(f.iterations == job.rows, "epilogue and job differ in rows");
      require(!f.nodes.empty() && f.nodes.front().kind == Node::Product,
              "an epilogue starts with the product");
      flow(f, true);
    }
  }

  //===--- Moves
  //-----------------------------------------------------------===//

  void kernel(const Gather &g) {
    if (!require(g.iterations >= 1 && g.iterations <= mostRows,
                 "needs iterations, and not too many"))
      return;
    read(g.index, g.iterations, "index");
    Access out{g.out, 0, g.outRow, g.outStride};
    if (!require(g.table < program.tiles.size(), "no such table") ||
        !inRange(out, g.iterations, "result") || !writable(g.out, "result"))
      return;
    const Tile &table = program.tiles[g.table], &result = program.tiles[g.out];
    require(program.tiles[g.index.tile].type == ElementType::i32,
            "the index is not i32");
    require(table.type == result.type && table.features == result.features &&
                table.groupSize == result.groupSize &&
                table.groupsPerChunk == result.groupsPerChunk,
            "table and result differ in type or layout");
    for (unsigned c = 0; c < result.chunks(); ++c)
      for (int64_t i = 0; i < g.iterations; ++i)
        cell(g.out, c, out.rowOf(i)) = true;
  }

  void kernel(const TransposeTile &t) {
    if (!require(t.rows >= 1 && t.lanes >= 1 &&
                     int64_t(t.srcLane) + t.lanes <= lanes &&
                     int64_t(t.dstLane) + t.rows <= lanes,
                 "a lane window outside the lanes"))
      return;
    Access dst{t.dst, t.dstChunk, t.dstRow, 1};
    read(Access{t.src, t.srcChunk, t.srcRow, 1}, t.rows, "source");
    if (!inRange(dst, t.lanes, "result") || !writable(t.dst, "result") ||
        t.src >= program.tiles.size())
      return;
    require(program.tiles[t.src].type == program.tiles[t.dst].type,
            "source and result differ in type");
    for (unsigned i = 0; i < t.lanes; ++i)
      cell(t.dst, t.dstChunk, t.dstRow + i) = true;
  }

  //===--- Exchanges
  //-----------------------------------------------------------===//

  void kernel(const Exchange &e) {
    if (!require(e.group < program.groups.size(),
                 "no group " + Twine(e.group)) ||
        !require(e.rows >= 1 && e.rows <= mostRows,
                 "needs rows, and not too many") ||
        !require(e.src < program.tiles.size() && e.dst < program.tiles.size(),
                 "no such tile"))
      return;
    unsigned members = program.groups[e.group];
    if (!require(e.send.size() == members && e.recv.size() == members,
                 "sends " + Twine(e.send.size()) + " blocks and gets " +
                     Twine(e.recv.size()) + "; group " + Twine(e.group) +
                     " has " + Twine(members) + " members"))
      return;
    const Tile &src = program.tiles[e.src], &dst = program.tiles[e.dst];
    require(e.src != e.dst, "source and result are one tile");
    require(src.kind != Tile::Constant,
            "source: " + name(e.src) + " is a constant");
    require(src.type == dst.type && src.features == dst.features &&
                src.groupSize == dst.groupSize &&
                src.groupsPerChunk == dst.groupsPerChunk,
            "source and result differ in type or layout");
    if (!writable(e.dst, "result"))
      return;
    size_t errorsBefore = errors.size();
    for (unsigned c = 0; c < src.chunks(); ++c)
      for (int64_t row : e.send)
        if (errors.size() == errorsBefore)
          read(Access{e.src, c, row, 1}, e.rows, "source");
    std::vector<int64_t> firsts = e.recv;
    llvm::sort(firsts);
    for (int64_t row : firsts)
      if (!inRange(Access{e.dst, 0, row, 1}, e.rows, "result"))
        return;
    for (size_t j = 0; j + 1 < firsts.size(); ++j)
      if (!require(firsts[j] + e.rows <= firsts[j + 1],
                   "two members write row " + Twine(firsts[j + 1])))
        return;
    for (unsigned c = 0; c < dst.chunks(); ++c)
      for (int64_t row : e.recv)
        for (int64_t i = 0; i < e.rows; ++i)
          cell(e.dst, c, row + i) = true;
  }

  const Program &program;
  const Machine *machine; // nullptr: limits are not checked
  int64_t lanes;
  // Where an error is.
  Violation::Where where = Violation::InProgram;
  size_t index = 0, kernelIndex = 0;
  std::string part; // "job 2: "

  int64_t iterations = 1;                 // of the segment
  std::vector<std::vector<bool>> defined; // tile; chunk * rows + row
  std::vector<Violation> errors;
};
} // namespace

std::vector<Violation> stream::check(const Program &program,
                                     const Machine *machine) {
  return Checker(program, machine).run();
}

static std::string placeOf(const Violation &violation, const Program &program) {
  static const char *kinds[] = {"flow", "matmul", "gather", "transpose_tile",
                                "exchange"};
  switch (violation.where) {
  case Violation::InProgram:
    break;
  case Violation::InTile:
    return "tile \"" + program.tiles[violation.index].name + "\"";
  case Violation::InSegment:
    return "segment " + std::to_string(violation.index);
  case Violation::InKernel: {
    const Kernel &kernel =
        program.segments[violation.index].kernels[violation.kernel];
    return std::visit(
        [&](const auto &k) {
          return std::string(kinds[kernel.index()]) + " \"" + k.name + "\"";
        },
        kernel);
  }
  }
  return "program";
}

std::vector<std::string> stream::verify(const Program &program,
                                        const Machine &machine) {
  std::vector<std::string> result;
  for (const Violation &violation : check(program, &machine))
    result.push_back(placeOf(violation, program) + ": " + violation.text);
  return result;
}
