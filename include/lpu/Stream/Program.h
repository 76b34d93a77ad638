//===- Program.h - a stream program -----------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A stream program says what one chip computes, row by row, without cycles,
// stream numbers or addresses. Its words:
//
// * A **tile** is a two-dimensional array in SRAM: tensor rows x features. A
// row
//   is cut into chunks of at most `lanes` elements; chunk c of row r, byte b is
//   one SRAM row somewhere. Features are packed in groups (an attention head)
//   that never straddle a chunk.
// * A **flow** is a pipelined loop: in iteration i = 0 .. iterations-1 it reads
//   one row of each source, sends it through a chain of ALU operations in the
//   vector unit, and writes rows of its results. Every ALU operation of a flow
//   occupies one ALU for the whole flow, so a flow has at most `alus` of them.
// * A **matmul** is a list of jobs. A job computes up to `lanes` result columns
// of
//   a block of rows: it installs each of its K tiles in a plane, passes the
//   rows of A through it, adding up in accumulators, and hands each accumulated
//   row as the `Product` to its epilogue flow.
// * A **gather** copies table rows named by data.
// * An **exchange** hands rows to the other chips of a group and gets theirs.
// * A **segment** is a list of kernels executed `iterations` times; constants
// used in it may
//   have one instance per iteration (the weights of equal layers).
//
// Kernels execute as if in order; the scheduler overlaps them.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_STREAM_PROGRAM_H
#define LPU_STREAM_PROGRAM_H

#include "lpu/Binary/Package.h"
#include "lpu/ISA/ISA.h"
#include <string>
#include <variant>
#include <vector>

namespace lpu::stream {

using isa::ElementType;

/// One axis of a strided source array, outermost first in lists.
struct Axis {
  int64_t size = 1, stride = 0; // stride in source elements
};

/// Where the elements of a constant tile come from: a strided view of an array
/// in a mapped file, or of bytes held in memory. The source element of tile
/// row r and feature f is offset + (mixed-radix r over rowAxes) + (mixed-radix
/// f over featureAxes). Elements with f or r outside the axes are zero.
struct ConstantSource {
  std::string file;                        // empty: `data`
  uint64_t fileOffset = 0, fileLength = 0; // bytes
  std::shared_ptr<std::vector<uint8_t>> data;
  /// "f32", "f16", "f64", "i64", "i32", "i8", "u8", "i1"; "b8": u8 less 128.
  std::string elementType;
  int64_t offset = 0; // elements
  std::vector<Axis> rowAxes, featureAxes;
  bool splat = false; // the source is one element
  /// The parameter of a chip class whose array this is (docs/fabric.md), or was
  /// before its floats were scaled into `data`; -1 if it is none.
  int64_t parameter = -1;
};

struct Tile {
  enum Kind { Input, Output, Temporary, Constant };
  /// ONNX value or node, for reports and diagnostics; of an input or output
  /// that of the binding.
  std::string name;
  Kind kind = Temporary;
  ElementType type = ElementType::f16;
  int64_t rows = 1, features = 1;
  /// Feature packing; groupSize * groupsPerChunk <= lanes. Dense tiles have
  /// groupSize = lanes, groupsPerChunk = 1.
  int64_t groupSize = 1, groupsPerChunk = 1;
  /// Keep a copy in each half of the chip (operand A of a matmul whose jobs run
  /// on planes of both halves). Each write then takes one ALU more.
  bool bothHalves = false;
  /// Constants: one source per instance (1, or the segment's iterations).
  std::vector<ConstantSource> sources;
  /// Constant operand B of a matmul: rows are weight rows, striped over slices
  /// so that an install takes many per cycle. Rows are padded to whole stripes
  /// with zeros.
  bool weights = false;
  /// Inputs and outputs: the binding (name, types, shape, rowStride,
  /// featureStride); the scheduler adds the columns. An input read in two
  /// layouts is two tiles with the same binding name.
  TensorBinding binding;

  int64_t chunkFeatures() const { return groupSize * groupsPerChunk; }
  int64_t chunks() const {
    return (features + chunkFeatures() - 1) / chunkFeatures();
  }
};

/// The tile row of iteration i: row + (i mod inner) * stride + (i div inner) *
/// stride2 if inner > 0, else row + i * stride.
struct Access {
  unsigned tile = 0;
  unsigned chunk = 0;
  int64_t row = 0, stride = 1;
  int64_t inner = 0, stride2 = 0;

  int64_t rowOf(int64_t i) const {
    return inner ? row + (i % inner) * stride + (i / inner) * stride2
                 : row + i * stride;
  }
};

/// An operand of an ALU node.
struct Value {
  enum Kind : uint8_t { None, Node, Immediate, Lane } kind = None;
  unsigned node = 0; // index into Flow::nodes, smaller than the user's
  static Value of(unsigned n) { return {Node, n}; }
  static Value imm() { return {Immediate, 0}; }
  static Value lane() { return {Lane, 0}; }
};

/// A value of a flow: a source row or an ALU operation.
struct Node {
  enum Kind : uint8_t { Read, Product, Alu } kind = Read;
  Access access; // Read
  // Alu: one instruction of the vector unit (docs/isa.md, section 5).
  isa::Opcode op = isa::Opcode::nop;
  Value a, b, c;
  uint32_t imm = 0;         // bits of the immediate operand (one per node)
  bool hasConstant = false; // a splat lane constant, operand `const`,
  uint32_t constant =
      0; //   used for the operand that is Immediate in ternary ops
  unsigned group = 15; // reduce_*: group code (15: all lanes)
  unsigned period = 0; // acc_*: repeats per period (0: whole flow)
};

/// Writes the value of `node` converted to the tile's type. A flow with a
/// running reduction (acc_*) of period p writes its value once per period: row
/// access.rowOf(i / p).
struct Write {
  unsigned node = 0;
  Access access;
};

struct Flow {
  std::string name; // ONNX node
  int64_t iterations = 1;
  std::vector<Node> nodes; // topological order
  std::vector<Write> writes;

  /// Appends a source row; returns its node.
  unsigned addRead(const Access &access) {
    nodes.emplace_back();
    nodes.back().access = access;
    return unsigned(nodes.size() - 1);
  }
  /// Appends an ALU operation; returns its node.
  unsigned addAlu(isa::Opcode op, Value a, Value b = Value(),
                  uint32_t imm = 0) {
    nodes.emplace_back();
    Node &node = nodes.back();
    node.kind = Node::Alu;
    node.op = op;
    node.a = a;
    node.b = b;
    node.imm = imm;
    return unsigned(nodes.size() - 1);
  }
};

/// One K tile of a job. Element k of the tile is lane laneBase + k of the
/// operand row of A, k < laneCount.
struct KTile {
  /// Operand rows: iteration m reads a.rowOf(m) of chunk a.chunk.
  Access a;
  unsigned laneBase = 0, laneCount = 0;
  /// Stationary operand. Rows form: weight row k is row bRow + k of chunk
  /// bChunk of tile b, of which the columns (lanes) columnBase ..
  /// +columnCount-1 are taken, the others being zero. Columns form: weight
  /// column n is row bRow + n (n < columnCount) of chunk bChunk, of which lanes
  /// bLaneBase + k are taken.
  bool byColumns = false;
  unsigned b = 0, bChunk = 0;
  int64_t bRow = 0;
  unsigned bLaneBase = 0;
  unsigned columnBase = 0, columnCount = 0;
};

/// `rows` result rows; iteration m of the epilogue sees the sum over all K
/// tiles as node 0 (kind Product; fp32 for fp16 operands, int32 for int8).
struct Job {
  int64_t rows = 0;
  std::vector<KTile> kTiles;
  Flow epilogue; // iterations == rows
};

struct Matmul {
  std::string name;
  bool fp16 = true; // else int8
  std::vector<Job> jobs;
};

/// out row rowOf(i) := table row (index row i, lane 0, an i32 feature), all
/// chunks; indices are clamped to the table like ONNX requires them to be
/// (negative: from the end).
struct Gather {
  std::string name;
  unsigned table = 0;
  Access index; // tile of type i32; the index is in lane 0
  unsigned out = 0;
  int64_t outRow = 0, outStride = 1;
  int64_t iterations = 1;
};

/// dst row dstRow + l, lane dstLane + r := src row srcRow + r, lane srcLane + l
/// for r < rows, l < lanes (a move of bits; both tiles have the same type).
/// Other lanes of the written dst rows become zero.
struct TransposeTile {
  std::string name;
  unsigned src = 0, srcChunk = 0, dst = 0, dstChunk = 0;
  int64_t srcRow = 0, dstRow = 0;
  unsigned srcLane = 0, dstLane = 0, rows = 0, lanes = 0;
};

/// Rows that the chips of a group give to one another. The members of a group
/// run in step, and each executes its k-th exchange of a group in the same
/// cycles as the others. A program does not know which member it is on: it
/// sends `rows` rows of `src` from row send[j] on to every member j, itself
/// included, and writes what member j has sent to it from row recv[j] of `dst`
/// on. All chunks and all lanes move, as bits; both tiles have the same type
/// and layout. The source is no constant.
struct Exchange {
  std::string name;
  unsigned group = 0; // index into Program::groups
  unsigned src = 0, dst = 0;
  int64_t rows = 0;
  std::vector<int64_t> send, recv; // by member
};

using Kernel = std::variant<Flow, Matmul, Gather, TransposeTile, Exchange>;

struct Segment {
  int64_t iterations = 1;
  std::vector<Kernel> kernels;
};

/// A tensor of the model, for debugging: behind the last write of a tile in an
/// iteration of a segment, the tile holds it. Element (i0, i1, ..) is in row
/// row + sum rowStride[j] * ij, feature feature + sum featureStride[j] * ij.
/// Where several tiles hold parts of it, each has those elements whose row it
/// has.
struct NamedValue {
  std::string name;
  unsigned tile = 0;
  unsigned segment = 0;
  int64_t iteration = 0;
  int64_t row = 0, feature = 0;
  std::vector<int64_t> shape, rowStride, featureStride;
  /// The dimension along which the chips of a group have parts, in their order,
  /// and its size in the tensor; -1: this chip has all of it.
  int64_t cut = -1, cutSize = 0;
};

struct Program {
  std::string name;
  /// Groups of chips that the program's chip is a member of: their sizes.
  std::vector<unsigned> groups;
  std::vector<Tile> tiles;
  std::vector<Segment> segments;
  std::vector<NamedValue> values;
};

/// What a flow asks of the vector unit, counting the moves the scheduler adds:
/// one for a Read or Product with several users, one per write to a tile in
/// both halves, one for each further write of a node.
struct FlowDemand {
  unsigned alus = 0, transcendental = 0, reduce = 0;
  /// Bytes of stream into and out of the vector unit, per iteration.
  unsigned streamsIn = 0, streamsOut = 0;
};
FlowDemand flowDemand(const Flow &flow, const Program &program);

/// A rule that a program breaks, and where: at a tile, a segment, or a kernel
/// of one.
struct Violation {
  enum Where { InProgram, InTile, InSegment, InKernel } where = InProgram;
  unsigned index = 0;  // of the tile, or of the segment
  unsigned kernel = 0; // in the segment
  std::string text;
};

/// Checks the rules above, and with a machine also its limits. All violations
/// of a program whose tiles are legal, else those of the tiles; the first
/// hundred.
std::vector<Violation> check(const Program &program, const Machine *machine);

/// `check` as text; each string names the kernel or tile. Empty if legal.
std::vector<std::string> verify(const Program &program, const Machine &machine);

} // namespace lpu::stream

#endif // LPU_STREAM_PROGRAM_H
