//===- Vector.h - vector regions --------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A vector region computes tensors that stand in the same rows and features. It
// is built in three steps:
//
// 1. A **dag** of operations on whole rows of features. Equal operations are
// one
//    node. A node is `single` if one vector holds its value for all features (a
//    mean, a scale): all lanes equal.
// 2. The dag is **expanded** to one instance per chunk of lanes. A lane
// reduction
//    over several chunks combines them lane by lane, then reduces one vector.
//    Lanes behind the last feature are masked where they could do harm.
// 3. The instances, in an order with few live values, are **cut** into flows
// that
//    the vector unit can hold. Values that cross a cut go through fp32 tiles;
//    sources are read again.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_LINALGTOSTREAM_VECTOR_H
#define LPU_LIB_CONVERSION_LINALGTOSTREAM_VECTOR_H

#include "Graph.h"
#include "llvm/ADT/StringMap.h"
#include <map>
#include <set>

namespace lpu::linalg_to_stream {

/// The tile row that belongs to a row of an iteration space: mixed radix over
/// axes, outermost first.
struct RowMap {
  int64_t base = 0;
  SmallVector<stream::Axis, 4> axes;

  void append(int64_t size, int64_t stride);
  /// Iterations first .. first+count-1; nullopt if that takes more than two
  /// strides.
  std::optional<stream::Access> access(int64_t first, int64_t count) const;
};

/// What the lanes behind the last feature hold.
enum class Tail : uint8_t {
  Unknown,
  Zero,
  NegInf,
  PosInf,
  Finite // if the row's own values are finite
};

struct TileRead {
  unsigned tile = 0;
  int64_t chunk = 0; // of the region's chunk 0
  RowMap rows;
  Tail tail = Tail::Unknown;
};

struct VectorOperand {
  enum Kind : uint8_t { None, Node, Immediate, Lane } kind = None;
  uint32_t value = 0;
  static VectorOperand node(unsigned n) { return {Node, n}; }
  static VectorOperand imm(uint32_t bits) { return {Immediate, bits}; }
  bool operator==(const VectorOperand &o) const {
    return kind == o.kind && value == o.value;
  }
};

struct VectorNode {
  enum Kind : uint8_t { Read, Product, Alu, LaneReduce, RowReduce } kind = Alu;
  bool single = false;
  Opcode op = Opcode::alu_mov;
  VectorOperand a, b, c;
  unsigned read = 0;     // Read: number in Dag::reads
  bool allLanes = false; // LaneReduce: of one vector, all lanes count
  int64_t period = 0;    // RowReduce
};

/// What a lane holds that is copied to all lanes.
enum class LaneValue : uint8_t {
  Float,
  Sum,   // a float that is not -0
  Small, // an integer from 0 to 2^23
  Integer
};

class Dag {
public:
  explicit Dag(const Layout &layout, unsigned lanes)
      : rows(layout.rows), features(layout.features), lanes(lanes),
        chunks((layout.features + lanes - 1) / lanes) {}

  /// Adds a step, simplified.
  VectorOperand alu(Opcode op, VectorOperand a, VectorOperand b = {},
                    VectorOperand c = {});
  VectorOperand read(const TileRead &read, bool single);
  VectorOperand product();
  VectorOperand laneReduce(ReduceKind kind, VectorOperand a,
                           bool allLanes = false);
  VectorOperand rowReduce(ReduceKind kind, VectorOperand a, int64_t period);
  /// The value in `lane` of a single vector, in all lanes, every bit of it (but
  /// a NaN becomes the one NaN that the chip has).
  VectorOperand laneBroadcast(VectorOperand a, unsigned lane, LaneValue value,
                              bool othersZero);
  /// Reductions of integers over all lanes, by exact sums and maxima in fp32.
  VectorOperand integerSum(VectorOperand a, int64_t count);
  VectorOperand integerExtreme(ReduceKind kind, VectorOperand a);
  /// Fuses products with sums, once the users are known.
  void fuse(llvm::MutableArrayRef<VectorOperand> roots);

  int64_t rows, features;
  unsigned lanes, chunks;
  std::vector<VectorNode> nodes;
  std::vector<TileRead> reads;

private:
  VectorOperand materialized(VectorOperand a);
  VectorOperand intern(const VectorNode &node);
  std::map<std::array<uint64_t, 8>, unsigned> known;
};

} // namespace lpu::linalg_to_stream

#endif // LPU_LIB_CONVERSION_LINALGTOSTREAM_VECTOR_H
