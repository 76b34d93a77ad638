//===- Flows.h - instances of a dag, cut into flows -------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_LINALGTOSTREAM_FLOWS_H
#define LPU_LIB_CONVERSION_LINALGTOSTREAM_FLOWS_H

#include "Vector.h"
#include <functional>

namespace lpu::linalg_to_stream {

/// A value that a region leaves behind, in one or more tiles (chunk c of the
/// region in chunk c of the tile).
struct RegionOutput {
  VectorOperand value;
  SmallVector<unsigned, 2> tiles;
  int64_t period = 1; // region rows per tile row
  /// If the region fills a part of the tile.
  std::optional<RowMap> rows;
  int64_t chunk = 0;
};

struct FlowLimits {
  unsigned alus = 0, transcendental = 0, reduce = 0, streams = 0;
};

/// Services of the program under construction.
struct FlowContext {
  stream::Program &program;
  /// A tile of bytes 1 in the first `count` lanes.
  std::function<unsigned(unsigned count)> maskTile;
  std::function<unsigned(const std::string &name, int64_t rows,
                         int64_t features)>
      spillTile;
  std::function<void(unsigned tile, Tail tail)> setTail;
};

class FlowMaker {
public:
  FlowMaker(Dag &dag, std::vector<RegionOutput> outputs, std::string name,
            FlowContext context);

  /// Flows for all that has not been computed yet. Returns an error text.
  std::string emit(const FlowLimits &limits,
                   std::vector<stream::Kernel> &kernels);

  //===--- Epilogues
  //-------------------------------------------------------===//
  /// Chooses what the jobs of the product compute on the way.
  std::string planEpilogues(const FlowLimits &limits);
  /// Rows first .. first+count-1 of a chunk of the product; nullopt if a source
  /// cannot be walked in these rows.
  std::optional<stream::Flow> epilogue(unsigned chunk, int64_t first,
                                       int64_t count);
  /// The planned instances count as computed from now on.
  void finishEpilogues();

private:
  struct Instance {
    stream::Node node;     // operation, immediate, group, period
    VectorOperand refs[3]; // Node: number of an instance
    VectorNode::Kind kind = VectorNode::Alu;
    unsigned vnode = 0;
    unsigned chunk = 0;
    Tail tail = Tail::Unknown;
    int product = -1; // chunk of the product it needs; -2: several
    SmallVector<unsigned, 4> users;
    int output = -1; // number of the region output
    bool done = false, spilled = false;
  };

  /// One value for all features would fill several chunks of the tile.
  bool isWide(unsigned tile) const;
  void separateWide();
  void countUsers();
  unsigned expand(unsigned vnode, unsigned chunk);
  void expandHere(unsigned vnode, unsigned chunk);
  unsigned add(Instance instance);
  unsigned masked(unsigned instance, unsigned vnode, unsigned chunk,
                  uint32_t identity, Tail tail);
  unsigned expandReduce(unsigned vnode);
  Tail tailOf(const Instance &instance) const;
  void schedule();
  /// The flow that computes `set` (in order) for some rows; access errors give
  /// nullopt. With count 0: demand only, rows do not matter.
  std::optional<stream::Flow> build(llvm::ArrayRef<unsigned> set, int64_t first,
                                    int64_t count, bool isEpilogue,
                                    unsigned productChunk);
  /// Values of the set that others need (of an epilogue: only those that come
  /// from the product; the others are computed again).
  unsigned spills(llvm::ArrayRef<unsigned> set, bool ofProduct = false);
  void extend(llvm::SmallVector<unsigned> &set, llvm::ArrayRef<unsigned> later,
              const FlowLimits &limits);
  bool fits(const stream::Flow &flow, const FlowLimits &limits) const;
  std::string tooLarge(const stream::Flow &flow,
                       const FlowLimits &limits) const;
  unsigned spillTileOf(unsigned vnode);
  SmallVector<int64_t> blockSizes(llvm::ArrayRef<unsigned> set) const;
  llvm::SmallVector<unsigned> closure(llvm::ArrayRef<unsigned> set) const;

  Dag &dag;
  std::vector<RegionOutput> outputs;
  std::string name;
  FlowContext context;
  bool allowGroups = true;
  std::vector<unsigned> nodeUsers; // in the dag
  std::vector<Instance> instances;
  std::map<std::pair<unsigned, unsigned>, unsigned> instanceOf;
  std::map<unsigned, unsigned> spillTiles;      // by node
  std::vector<unsigned> order;                  // ALU instances
  std::vector<SmallVector<unsigned>> epilogues; // by chunk of the product
};

} // namespace lpu::linalg_to_stream

#endif // LPU_LIB_CONVERSION_LINALGTOSTREAM_FLOWS_H
