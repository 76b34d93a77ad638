//===- Emit.h - kernels from a graph ----------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels are made on demand, starting from the outputs: what a kernel reads is
// made first. **Heavy** tensors descend from a product or a gather and are made
// once, in the layout that Layouts.cpp chose. **Light** ones come from inputs
// and constants only (masks, positions); they are made in whatever layout a
// reader wants, once per layout, because computing them again costs less than
// moving lanes to rows.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_LINALGTOSTREAM_EMIT_H
#define LPU_LIB_CONVERSION_LINALGTOSTREAM_EMIT_H

#include "Flows.h"
#include "Selection.h"

namespace lpu::linalg_to_stream {

/// Heavy vector tensors that are computed in one pass.
struct Region {
  std::vector<Tensor *> members; // in order
  Tensor *product = nullptr;     // whose epilogues begin the region
  enum { Waiting, Running, Done } state = Waiting;
};

class Emitter {
public:
  Emitter(Graph &graph, const Machine &machine,
          const LinalgToStreamOptions &options);
  mlir::FailureOr<stream::Program> run();

private:
  void report(const Tensor &tensor, const llvm::Twine &reason);

  //===--- Regions (Emit.cpp)
  //----------------------------------------------===//
  void formRegions();
  bool makes(const Tensor &tensor) const; // its value goes to a tile
  void require(Tensor &tensor);
  void emitRegion(Region &region);
  void emitOutput(Output &output);
  void addOutputTile(Output &output, Tensor &tensor);
  void nameValues();
  FlowContext context(const std::string &name);
  void runFlows(FlowMaker &flows, const Tensor &at);
  VectorOperand memberValue(Tensor &tensor, const Region &region, Dag &dag,
                            llvm::DenseMap<Tensor *, VectorOperand> &values);
  VectorOperand body(const Tensor &tensor, Dag &dag,
                     llvm::ArrayRef<VectorOperand> inputs);
  VectorOperand reduced(const Tensor &tensor, Dag &dag, VectorOperand value,
                        bool onLanes, int64_t period);

  //===--- Sources (Sources.cpp)
  //-------------------------------------------===//
  /// A view in a tile.
  struct Located {
    unsigned tile = 0;
    Place place;
    bool isSplat = false;
    int64_t features = 1; // of the whole tile
  };
  /// Elements of a tensor in a tile: where a view of it is, or its layout.
  struct Elements {
    unsigned tile = 0;
    std::optional<Place> place;
    const Layout *layout = nullptr;
    bool isSplat = false;
  };
  /// The elements of `view` where `domain` computes.
  VectorOperand source(const View &view, const Layout &domain, Dag &dag,
                       const Tensor &user);
  LaneValue laneValue(unsigned tile, const View &view) const;
  VectorOperand readLocated(const Located &at, const View &view,
                            const Layout &domain, Dag &dag, const Tensor &user);
  VectorOperand readConstant(const View &view, const Layout &domain, Dag &dag);
  std::optional<Located> readInput(const View &view, const Layout &domain,
                                   std::optional<isa::ElementType> type,
                                   const Tensor &user);
  using Memo = std::map<std::string, VectorOperand>;
  VectorOperand inlined(const View &view, const Layout &domain, Dag &dag,
                        const Tensor &user, Memo &memo);
  /// A light view, made in the rows and features of `domain`.
  std::optional<Located> makeLight(const View &view, const Layout &domain,
                                   std::optional<isa::ElementType> type,
                                   const Tensor &user, bool isMoving = false);
  /// A light map in its own shape, and then a view of it.
  std::optional<Located> makeWhole(const View &view, const Layout &domain,
                                   const Tensor &user);
  /// A running reduction of integers, which are floats.
  unsigned asIntegers(unsigned tile, const Layout &layout,
                      const Tensor &tensor);
  std::optional<Located> makeLightReduce(const View &view, const Layout &domain,
                                         const Tensor &user);

  //===--- Any move (Selection.cpp)
  //----------------------------------------------===//
  void emitSelection(const Selection &selection,
                     llvm::ArrayRef<unsigned> sources,
                     llvm::ArrayRef<unsigned> targets, const Tensor &user);
  /// A matrix that brings lanes of first .. first+count-1 to others.
  unsigned selectionMatrix(llvm::ArrayRef<std::pair<unsigned, unsigned>> lanes,
                           unsigned first, unsigned count);
  /// The view in the rows and features of `domain`, by a selection. A value
  /// for all features fills all lanes, if it may.
  std::optional<Located> relocated(const Elements &from, const View &view,
                                   const Layout &domain,
                                   std::optional<isa::ElementType> type,
                                   bool maySplat, const Tensor &user);

  //===--- Products, gathers, joins (Contract.cpp, Moves.cpp)
  //---------------===//
  std::optional<Located> matrixSide(Tensor &tensor, bool moving);
  Located constantSide(const View &view, llvm::ArrayRef<unsigned> rowDims,
                       llvm::ArrayRef<unsigned> featureDims, bool isWeights,
                       isa::ElementType type, bool isForMatrix = false);
  /// The exponent of the power of two that weights are divided by.
  int weightScale(const Tensor &constant);
  /// What a product's accumulators hold, times the scales of its weights.
  VectorOperand productValue(const Tensor &contract, Dag &dag);
  void emitContract(Tensor &tensor, FlowMaker &flows);
  void emitPlainContract(Tensor &tensor);
  void emitGather(Tensor &tensor);
  void emitJoin(Tensor &tensor);
  /// Pieces that do not start in lane 0.
  void joinLanes(Tensor &tensor,
                 llvm::ArrayRef<std::pair<int64_t, int64_t>> positions);
  void emitMove(Tensor &tensor);
  void emitExchange(Tensor &tensor);
  int64_t transposeCost(llvm::ArrayRef<int64_t> sizes, const Place &source,
                        const Layout &target, unsigned bytes) const;
  /// Rows to lanes and back; false if that takes another order of rows.
  bool transpose(const std::string &name, llvm::ArrayRef<int64_t> sizes,
                 unsigned from, const Place &source, unsigned to,
                 const Layout &target);

  //===--- Tiles
  //-----------------------------------------------------------===//
  /// An integer that a running reduction has left as a float.
  static bool holdsFloat(const Tensor &tensor);
  isa::ElementType storedType(const Tensor &tensor) const;
  static isa::ElementType boundType(llvm::StringRef hostType);
  unsigned newTile(stream::Tile tile);
  unsigned temporary(const std::string &name, isa::ElementType type,
                     int64_t rows, int64_t features);
  unsigned constantTile(const std::string &name, isa::ElementType type,
                        stream::ConstantSource source, bool isWeights);
  unsigned maskTile(unsigned count);
  /// The tile that other kernels read a heavy tensor from.
  unsigned tileOf(Tensor &tensor);
  /// What the planes take is stored in half precision. If the vector unit reads
  /// the same tensor later (a residual), it reads a copy in single precision:
  /// rounding every layer's sum to half precision is most of the error of the
  /// whole model otherwise.
  bool hasVectorTile(const Tensor &tensor) const;
  unsigned vectorTileOf(Tensor &tensor);
  llvm::SmallVector<unsigned, 2> tilesToWrite(Tensor &tensor);

  Graph &graph;
  const Machine &machine;
  LinalgToStreamOptions options;
  FlowLimits flowLimits, epilogueLimits;
  stream::Program program;
  std::vector<stream::Kernel> kernels;
  std::deque<Region> regions;
  llvm::DenseMap<Tensor *, Region *> regionOf;
  llvm::DenseMap<Tensor *, bool> emitted;
  llvm::DenseMap<Tensor *, unsigned> tiles;
  llvm::DenseMap<Tensor *, llvm::SmallVector<unsigned, 1>> outputTiles;
  llvm::DenseMap<Tensor *, unsigned> vectorTiles;
  llvm::StringMap<unsigned> constants; // by contents
  llvm::StringMap<Located> lightTiles;
  std::map<unsigned, Tail> tails;
  llvm::DenseMap<const Tensor *, int> weightScales;
  llvm::DenseMap<const Tensor *, stream::ConstantSource> scaledWeights;
  llvm::DenseMap<Tensor *, bool> reported;
  bool failed = false;
};

} // namespace lpu::linalg_to_stream

#endif // LPU_LIB_CONVERSION_LINALGTOSTREAM_EMIT_H
