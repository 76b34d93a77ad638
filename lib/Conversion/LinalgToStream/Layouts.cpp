//===- Layouts.cpp - layouts, matrix plans and stages ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layouts follow the data: a product has its columns where its stationary operand
// has them, an elementwise result stands where its largest operand stands. So
// [B, S, H*D] -> [B, H, S, D] and back never moves an element: heads are windows
// of lanes.
//
//===----------------------------------------------------------------------===//

#include "Graph.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lpu::linalg_to_stream;

Layout lpu::linalg_to_stream::domainLayout(const Tensor &tensor) {
  return tensor.kind == Tensor::Reduce ? tensor.domainRows : tensor.layout;
}

bool lpu::linalg_to_stream::isAligned(const View &view, const Layout &layout,
                                 const Layout &domain) {
  std::optional<Place> place = placeOf(view, layout);
  if (!place || place->row != 0 || place->feature != 0 ||
      layout.rows != domain.rows)
    return false;
  for (unsigned d = 0; d < view.rank(); ++d) {
    if (view.sizes[d] == 1)
      continue;
    if (place->rowStride[d] != domain.row[d])
      return false;
    bool oneForAll = layout.isSplat && place->featureStride[d] == 0;
    if (!oneForAll && place->featureStride[d] != domain.feature[d])
      return false;
  }
  return layout.isSplat || layout.features == domain.features;
}

namespace {
class Assigner {
public:
  Assigner(Graph &graph, const lpu::Machine &machine)
      : graph(graph), machine(machine) {}

  LogicalResult run() {
    for (Tensor &t : graph.tensors) {
      decideLight(t);
      if (t.isLight)
        continue;
      switch (t.kind) {
      case Tensor::Gather:
        gather(t);
        break;
      case Tensor::Contract:
        contract(t);
        break;
      case Tensor::Map:
        map(t);
        break;
      case Tensor::Reduce:
        reduce(t);
        break;
      case Tensor::Join:
        t.layout = naturalLayout(t.shape);
        break;
      case Tensor::Input:
      case Tensor::Constant:
        break;
      }
      decideStage(t);
    }
    return failure(failed);
  }

private:
  void report(Tensor &t, const Twine &reason) {
    failed = true;
    auto error = emitError(t.location);
    if (!t.name.empty())
      error << "ONNX node \"" << t.name << "\": ";
    error << reason << "; result " << t.element << "[";
    llvm::interleaveComma(t.shape, error);
    error << "]";
  }

  void decideLight(Tensor &t) {
    switch (t.kind) {
    case Tensor::Input:
    case Tensor::Constant:
      t.isLight = true;
      break;
    case Tensor::Map:
    case Tensor::Reduce:
      t.isLight = llvm::all_of(t.operands, [](const View &v) {
        return v.source->isLight;
      });
      break;
    default:
      break;
    }
    for (const View &v : t.operands)
      v.source->users.push_back(&t);
  }

  //===--- Elementwise and reductions --------------------------------------===//

  /// The layout of a space whose dimensions stand where `place` has them;
  /// nullopt if lanes would have to move.
  std::optional<Layout> spaceOf(ArrayRef<int64_t> sizes, const Place &place,
                                bool isSplat, ArrayRef<unsigned> innermost = {}) {
    Layout space;
    space.row.assign(sizes.size(), 0);
    space.feature.assign(sizes.size(), 0);
    SmallVector<unsigned, 6> rows, features, open;
    for (unsigned d = 0; d < sizes.size(); ++d) {
      if (sizes[d] == 1)
        continue;
      if (place.featureStride[d] != 0)
        features.push_back(d);
      else if (place.rowStride[d] != 0)
        rows.push_back(d);
      else
        open.push_back(d);
    }
    if (place.feature % machine.lanes != 0)
      return std::nullopt;
    llvm::sort(features, [&](unsigned a, unsigned b) {
      return place.featureStride[a] < place.featureStride[b];
    });
    for (unsigned d : features) {
      if (place.featureStride[d] != space.features)
        return std::nullopt;
      space.feature[d] = space.features;
      space.features *= sizes[d];
    }
    // Dimensions that the operand repeats: the innermost becomes the features if
    // there are none, the others are outer rows.
    if (features.empty() && isSplat && !open.empty()) {
      unsigned d = open.pop_back_val();
      space.feature[d] = 1;
      space.features = sizes[d];
    }
    space.isSplat = space.features == 1;
    llvm::stable_sort(rows, [&](unsigned a, unsigned b) {
      bool aIn = llvm::is_contained(innermost, a),
           bIn = llvm::is_contained(innermost, b);
      return aIn != bIn ? bIn : place.rowStride[a] > place.rowStride[b];
    });
    open.append(rows.begin(), rows.end());
    for (unsigned d : llvm::reverse(open)) {
      space.row[d] = space.rows;
      space.rows *= sizes[d];
    }
    return space;
  }

  void map(Tensor &t) {
    std::optional<Layout> best;
    int64_t most = -1;
    for (const View &v : t.operands) {
      if (v.source->isLight)
        continue;
      std::optional<Place> place = placeOf(v, v.source->layout);
      if (!place)
        continue;
      int64_t covered = 1;
      for (unsigned d = 0; d < v.rank(); ++d)
        covered *= v.strides[d] ? v.sizes[d] : 1;
      std::optional<Layout> space =
          spaceOf(t.shape, *place, v.source->layout.isSplat);
      if (space && covered > most) {
        most = covered;
        best = space;
      }
    }
    t.layout = best ? *best : naturalLayout(t.shape);
  }

  void reduce(Tensor &t) {
    const View &v = t.operands[0];
    std::optional<Place> place = placeOf(v, v.source->layout);
    SmallVector<unsigned, 4> reduced;
    for (unsigned d = 0; d < v.rank(); ++d)
      if (t.reduced[d] && v.sizes[d] > 1)
        reduced.push_back(d);
    std::optional<Layout> space;
    if (place)
      space = spaceOf(v.sizes, *place, v.source->layout.isSplat, reduced);
    if (!space)
      return report(t, "the reduced elements would have to change lanes first");
    bool onLanes = llvm::all_of(
        reduced, [&](unsigned d) { return space->feature[d] != 0; });
    bool onRows =
        llvm::all_of(reduced, [&](unsigned d) { return space->row[d] != 0; });
    if (!onLanes && !onRows)
      return report(t, "a reduction over rows and lanes at once");
    if (onLanes)
      for (unsigned d = 0; d < v.rank(); ++d)
        if (!t.reduced[d] && space->feature[d] != 0)
          return report(t, "a reduction over a part of the lanes");
    t.domainRows = *space;
    t.layout = Layout();
    t.layout.isSplat = onLanes || space->isSplat;
    t.layout.features = onLanes ? 1 : space->features;
    int64_t period = 1;
    if (!onLanes)
      for (unsigned d : reduced)
        period *= v.sizes[d];
    t.layout.rows = space->rows / period;
    for (unsigned d = 0; d < v.rank(); ++d)
      if (!t.reduced[d]) {
        t.layout.row.push_back(space->row[d] / period);
        t.layout.feature.push_back(space->feature[d]);
      }
  }

  //===--- Gathers and products --------------------------------------------===//

  void gather(Tensor &t) {
    unsigned indexRank = t.operands[1].rank();
    t.layout = Layout();
    t.layout.row.assign(t.shape.size(), 0);
    t.layout.feature.assign(t.shape.size(), 0);
    for (unsigned d = t.shape.size(); d-- > 0;) {
      if (t.shape[d] == 1)
        continue;
      if (d < indexRank) {
        t.layout.row[d] = t.layout.rows;
        t.layout.rows *= t.shape[d];
      } else {
        t.layout.feature[d] = t.layout.features;
        t.layout.features *= t.shape[d];
      }
    }
  }

  struct Side {
    std::optional<Place> place;
    bool isConstant, isFree; // free: its layout is ours to choose
  };

  Side sideOf(const View &v) {
    Side side{std::nullopt, v.source->kind == Tensor::Constant,
              v.source->isLight};
    if (!side.isFree)
      side.place = placeOf(v, v.source->layout);
    return side;
  }

  static bool onRows(const Place &place, ArrayRef<unsigned> dims) {
    return llvm::all_of(dims,
                        [&](unsigned d) { return place.featureStride[d] == 0; });
  }
  static bool onFeatures(const Place &place, ArrayRef<unsigned> dims) {
    return llvm::all_of(dims,
                        [&](unsigned d) { return place.rowStride[d] == 0; });
  }

  void contract(Tensor &t) {
    const View *views[2] = {&t.operands[0], &t.operands[1]};
    Side sides[2] = {sideOf(*views[0]), sideOf(*views[1])};
    SmallVector<unsigned, 4> batch, own[2], k;
    for (unsigned d = 0; d < t.domain.size(); ++d) {
      if (t.domain[d] == 1)
        continue;
      bool in[2] = {views[0]->strides[d] != 0, views[1]->strides[d] != 0};
      if (!llvm::is_contained(t.keptDims, d)) {
        if (!in[0] || !in[1])
          return report(t, "an operand of a product repeats along the sum");
        k.push_back(d);
      } else if (in[0] && in[1]) {
        batch.push_back(d);
      } else {
        own[in[1]].push_back(d);
      }
    }
    // First try the order of the model, then the transposed product; a constant
    // moves only if nothing else can.
    for (bool mayMoveConstant : {false, true})
      for (unsigned moving : {0u, 1u}) {
        const Side &a = sides[moving], &b = sides[1 - moving];
        if (a.isConstant && !mayMoveConstant)
          continue;
        bool canMove = a.isFree || (a.place && onFeatures(*a.place, k) &&
                                    onRows(*a.place, own[moving]));
        bool byRows = b.isFree || (b.place && onRows(*b.place, k) &&
                                   onFeatures(*b.place, own[1 - moving]));
        bool byColumns = !b.isFree && b.place && onFeatures(*b.place, k) &&
                         onRows(*b.place, own[1 - moving]);
        if (!canMove || (!byRows && !byColumns))
          continue;
        t.plan = ContractPlan();
        t.plan.moving = moving;
        t.plan.byColumns = !byRows;
        t.plan.m = own[moving];
        t.plan.n = own[1 - moving];
        t.plan.k = k;
        if (!finishContract(t, a, b, batch))
          continue;
        views[0]->source->feedsMatrix = views[1]->source->feedsMatrix = true;
        views[moving]->source->isMoving = true;
        return;
      }
    report(t, "the operands of a product would have to change lanes first");
  }

  bool finishContract(Tensor &t, const Side &a, const Side &b,
                      ArrayRef<unsigned> batch) {
    ContractPlan &plan = t.plan;
    // Per dimension of the domain.
    Sizes row(t.domain.size(), 0), feature(t.domain.size(), 0);
    Layout layout;
    auto addFeature = [&](unsigned d) {
      feature[d] = layout.features;
      layout.features *= t.domain[d];
    };
    for (unsigned d : batch) {
      bool side = !b.isFree && !plan.byColumns && b.place->featureStride[d] != 0;
      (side ? plan.batchFeatures : plan.batchRows).push_back(d);
    }
    if (b.isFree || plan.byColumns) {
      for (unsigned d : llvm::reverse(plan.n))
        addFeature(d);
    } else {
      // Columns stay in the lanes that they have in the operand.
      if (b.place->feature % machine.lanes != 0)
        return false;
      SmallVector<unsigned, 4> dims(plan.n);
      dims.append(plan.batchFeatures.begin(), plan.batchFeatures.end());
      llvm::sort(dims, [&](unsigned x, unsigned y) {
        return b.place->featureStride[x] < b.place->featureStride[y];
      });
      bool inBatch = false;
      for (unsigned d : dims) {
        // One batch index is one window of columns.
        bool isBatch = llvm::is_contained(plan.batchFeatures, d);
        if (b.place->featureStride[d] != layout.features ||
            (inBatch && !isBatch))
          return false;
        inBatch = isBatch;
        addFeature(d);
      }
    }
    if (!a.isFree) {
      auto byStride = [](const Sizes &strides) {
        return [&strides](unsigned x, unsigned y) {
          return strides[x] > strides[y];
        };
      };
      llvm::stable_sort(plan.m, byStride(a.place->rowStride));
      llvm::stable_sort(plan.k, byStride(a.place->featureStride));
    }
    SmallVector<unsigned, 4> rows(plan.batchRows);
    rows.append(plan.m.begin(), plan.m.end());
    for (unsigned d : llvm::reverse(rows)) {
      row[d] = layout.rows;
      layout.rows *= t.domain[d];
    }
    for (unsigned d : t.keptDims) {
      layout.row.push_back(row[d]);
      layout.feature.push_back(feature[d]);
    }
    t.layout = layout;
    return true;
  }

  //===--- Stages ----------------------------------------------------------===//

  void decideStage(Tensor &t) {
    for (const View &v : t.operands) {
      const Tensor &from = *v.source;
      if (from.isLight)
        continue;
      bool joins = t.isVector();
      if (joins && (from.isVector() || from.kind == Tensor::Contract)) {
        bool reducesRows =
            from.kind == Tensor::Reduce && from.layout.rows != from.domainRows.rows;
        joins = !reducesRows && isAligned(v, from.layout, domainLayout(t));
      }
      t.stage = std::max(t.stage, from.stage + !joins);
    }
    if (!t.isVector())
      ++t.stage;
  }

  Graph &graph;
  const lpu::Machine &machine;
  bool failed = false;
};
} // namespace

LogicalResult lpu::linalg_to_stream::assignLayouts(Graph &graph,
                                              const lpu::Machine &machine) {
  for (Output &output : graph.outputs)
    output.view.source->isOutput = true;
  return Assigner(graph, machine).run();
}
