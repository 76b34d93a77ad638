//===- Graph.h - tensors, views and layouts ---------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The conversion works on a small graph of its own. A **tensor** is something
// that is computed or given. Everything that only renames elements (reshape,
// transpose, slice, broadcast) is a **view**: an offset and a stride per
// dimension, counted in elements of the tensor as if it were row-major.
//
// A **layout** says where a tensor's elements are in a tile: each dimension
// walks along tile rows or along features. A view and a layout together give
// the tile row and the feature of every element of the view; if that is linear
// in the view's indices, reading the view costs nothing. Layouts are dense:
// features fill chunks of `lanes`. Nothing needs an attention head to stay in
// one chunk, since the matrix unit works on windows of lanes.
//
// A tensor of a value per row (a mean, a maximum) has no features: all lanes of
// its tile row hold the value (`isSplat`).
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_CONVERSION_LINALGTOSTREAM_GRAPH_H
#define LPU_LIB_CONVERSION_LINALGTOSTREAM_GRAPH_H

#include "lpu/Conversion/LinalgToStream.h"
#include "lpu/Support/NodeName.h"
#include "mlir/IR/Location.h"
#include <cmath>
#include <deque>
#include <optional>

namespace lpu::linalg_to_stream {

using isa::ElementType;
using isa::Opcode;
using llvm::ArrayRef;
using llvm::SmallVector;
using Sizes = SmallVector<int64_t, 6>;

struct Tensor;

struct View {
  Tensor *source = nullptr;
  int64_t offset = 0;
  Sizes sizes, strides;

  unsigned rank() const { return sizes.size(); }
};

int64_t product(ArrayRef<int64_t> sizes);
Sizes rowMajorStrides(ArrayRef<int64_t> sizes);
/// The whole tensor in its own shape.
View wholeView(Tensor *tensor);
/// The same elements in another shape; nullopt if no strides express it.
std::optional<View> reshaped(const View &view, ArrayRef<int64_t> sizes);

/// A step of an elementwise body; `Input` is an operand of the map.
struct ScalarOperand {
  enum Kind : uint8_t { None, Step, Input, Immediate } kind = None;
  uint32_t value = 0; // number of the step or input; bits
};
struct ScalarStep {
  Opcode op = Opcode::alu_mov;
  ScalarOperand a, b, c;
};

/// Values that an integer can have.
struct IntegerRange {
  int64_t low = INT32_MIN, high = INT32_MAX;
};

enum class ReduceKind : uint8_t { Sum, Max, Min };

struct Layout {
  Sizes row, feature; // stride of each dimension of the tensor
  int64_t rows = 1, features = 1;
  bool isSplat = false;

  bool operator==(const Layout &other) const {
    return row == other.row && feature == other.feature && rows == other.rows &&
           features == other.features && isSplat == other.isSplat;
  }
};

/// How a contraction uses a matrix plane. The moving operand passes row by row,
/// its k dimensions on lanes. The stationary one is installed: by rows (k on
/// tile rows) or by columns (k on lanes).
struct ContractPlan {
  unsigned moving = 0; // operand number; the other one is stationary
  bool byColumns = false;
  /// Dimensions of the domain. Batch dimensions that stand on features of a
  /// stationary operand put their results side by side into one row.
  SmallVector<unsigned, 4> batchRows, batchFeatures, m, n, k;
};

struct Tensor {
  enum Kind : uint8_t {
    Input,
    Constant,
    Map,
    Reduce,
    Contract,
    Gather,
    Join,
    Move,    // the operand in another layout
    Exchange // rows of all members of a group
  };
  Kind kind = Map;
  unsigned id = 0; // topological
  mlir::Location location;
  std::string name;
  Sizes shape;
  std::string element; // "f32", "f16", "i64", "i32", "i8", "u8", "i1"

  // Input: the argument's name and the type of the host's array.
  std::string hostType;
  /// It comes from another chip, with whatever that has in unused lanes.
  bool isPort = false;
  /// Input: it stands in rows of its last dimension, in its own type, and is
  /// copied for readers that want it otherwise.
  bool isNatural = false;
  /// Constant.
  stream::ConstantSource constant;
  /// Map: `body` over `operands`, all of this tensor's shape. Reduce: one
  /// operand, of which `reduced` dimensions disappear. Contract: two operands
  /// over the dimensions of `domain`; `shape` are the dimensions that stay
  /// (`keptDims`), the others are summed over. Gather: the table (rows x
  /// features) and the indices. Join: pieces written at `pieces` into the
  /// result.
  SmallVector<View, 2> operands;
  SmallVector<ScalarStep, 2> body;
  ScalarOperand result;
  ReduceKind reduceKind = ReduceKind::Sum;
  SmallVector<bool, 6> reduced;
  Sizes domain;
  SmallVector<unsigned, 6> keptDims;
  bool isInteger = false;       // Contract: int8 operands, int32 sums
  SmallVector<Sizes, 2> pieces; // offset of each operand of a Join
  /// Exchange: a matrix of rows and features; of every member its rows, or, to
  /// each its own, the block that is this member's.
  unsigned members = 0;
  bool scatters = false;
  /// The exchange before it in the program. It is made first on every chip,
  /// also where this one, of constants, could be made at once.
  Tensor *after = nullptr;

  // Decisions.
  IntegerRange range;       // of the elements, if they are integers
  bool isHalfTable = false; // Gather: the table is stored in half precision
  ContractPlan plan;
  Layout domainRows;    // Reduce: layout of the operand's dimensions
  bool isLight = false; // computed from inputs and constants only
  unsigned stage = 0;
  Layout layout;
  SmallVector<Tensor *, 4> users;
  bool isOutput = false;
  bool feedsMatrix = false;
  bool isMoving = false; // passes through planes

  explicit Tensor(mlir::Location location) : location(location) {}
  bool isFloat() const { return element[0] == 'f'; }
  bool isVector() const { return kind == Map || kind == Reduce; }
};

struct Output {
  std::string name, hostType;
  View view;
  mlir::Location location;
  bool isPort = false;    // another chip reads it
  bool isNatural = false; // in rows of its last dimension
};

/// A tensor of the model, wherever a pass leaves its elements.
struct NamedView {
  std::string name;
  View view;
  ValueCut cut;
};

struct Graph {
  std::string name;
  std::deque<Tensor> tensors;
  std::vector<Tensor *> order; // those that are needed, operands first
  std::vector<Output> outputs;
  /// In the order of the program. Those that this chip does not read are needed
  /// too: other members of the group may read what it gives.
  std::vector<Tensor *> exchanges;
  std::vector<NamedView> values;

  Tensor &add(Tensor::Kind kind, mlir::Location location) {
    tensors.emplace_back(location);
    tensors.back().kind = kind;
    tensors.back().id = tensors.size() - 1;
    return tensors.back();
  }
};

/// Reads the module's function. Reports everything it cannot express.
mlir::FailureOr<std::unique_ptr<Graph>> buildGraph(mlir::ModuleOp module);

/// Integer tensors that depend on constants only become constants.
void foldConstants(Graph &graph);

/// Replaces a product or elementwise tensor of which only disjoint parts are
/// read (queries, keys and values of one matrix) by one tensor per part.
void sinkSlices(Graph &graph);

/// Finds the range of every integer tensor. Reports constants that leave 32
/// bits.
mlir::LogicalResult findRanges(Graph &graph);
/// Elements that a Reduce makes one of.
int64_t reducedCount(const Tensor &reduce);
/// A Reduce of integers whose every intermediate value is exact in fp32.
bool isExactInFloat(const Tensor &reduce);

/// Smallest and largest finite element of a whole constant; nullopt if its file
/// cannot be read.
struct ConstantSpan {
  double low = HUGE_VAL, high = -HUGE_VAL;
};
std::optional<ConstantSpan> spanOf(const stream::ConstantSource &source);
/// The exponent of the power of two that a float constant is divided by, so
/// that its largest element is well inside the range of fp16: 0 for nearly all.
int scaleOf(const stream::ConstantSource &source);
/// The whole constant divided by 2^exponent, in memory. nullopt if its file
/// cannot be read.
std::optional<stream::ConstantSource>
scaledBy(const stream::ConstantSource &source, int exponent);

/// Decides which gathers may read a table in half precision: those from trained
/// vectors that are computed with, not merely handed on.
void findHalfTables(Graph &graph);

/// Fills `order` and numbers the tensors by it.
void orderTensors(Graph &graph);

//===----------------------------------------------------------------------===//
// Where the elements of a view are
//===----------------------------------------------------------------------===//

struct Place {
  int64_t row = 0, feature = 0; // of the first element
  Sizes rowStride, featureStride;
};

/// nullopt if the view is not linear in this layout.
std::optional<Place> placeOf(const View &view, const Layout &layout);

/// The layout of a space whose dimensions stand where `place` has them, rows in
/// the order of the place but those of `innermost` last; nullopt if lanes would
/// have to move.
std::optional<Layout> spaceOf(llvm::ArrayRef<int64_t> sizes, const Place &place,
                              bool isSplat, unsigned lanes,
                              llvm::ArrayRef<unsigned> innermost = {});

/// The view with every dimension split so that it walks in one dimension of its
/// source; nullopt if that cannot be.
std::optional<View> refined(const View &view);

/// Dimensions of size > 1 that walk rows (features) of a layout, outermost
/// first.
SmallVector<unsigned, 6> rowDims(ArrayRef<int64_t> sizes, const Layout &layout);
SmallVector<unsigned, 6> featureDims(ArrayRef<int64_t> sizes,
                                     const Layout &layout);
/// The layout with these dimensions on rows and features, outermost first.
Layout layoutOf(ArrayRef<int64_t> sizes, ArrayRef<unsigned> rows,
                ArrayRef<unsigned> features);

/// All but the last dimension longer than 1 on rows.
Layout naturalLayout(ArrayRef<int64_t> shape);

//===----------------------------------------------------------------------===//
// Light tensors
//===----------------------------------------------------------------------===//

/// An operand of a map, seen through a view of the map.
std::optional<View> composed(const View &outer, const View &operand);
std::string keyOf(const View &view);
/// Where the host writes an input that is read through `view` in `domain`.
Layout inputLayout(const View &view, const Layout &domain);
/// How a light reduction is made for a reader.
struct LightReduce {
  Layout space, result;
  bool onLanes = false;
};
LightReduce lightReduce(const View &view, const Layout &domain);
/// A region in `domain` reads elements at this place without moving them.
bool isReadableAt(const Place &place, ArrayRef<int64_t> sizes,
                  const Layout &domain, unsigned lanes);
/// The emitter can make a view of a light tensor in this layout.
bool canMakeLight(const View &view, const Layout &domain, unsigned lanes);
/// The layout in which every light tensor can be made as a whole.
Layout ownLayout(const Tensor &light);

//===----------------------------------------------------------------------===//
// Decisions
//===----------------------------------------------------------------------===//

/// Layout of a vector tensor's iteration space (its operands' dimensions).
Layout domainLayout(const Tensor &tensor);
/// The operand's elements stand exactly where `domain` computes: same row, and
/// same feature or one value for all lanes.
bool isAligned(const View &view, const Layout &layout, const Layout &domain);

/// Decides light tensors, users, layouts, plans and stages: tensors of one
/// stage that are aligned are computed in one pass over their rows. Reports
/// operands for which there is no way.
mlir::LogicalResult assignLayouts(Graph &graph, const Machine &machine);

} // namespace lpu::linalg_to_stream

#endif // LPU_LIB_CONVERSION_LINALGTOSTREAM_GRAPH_H
