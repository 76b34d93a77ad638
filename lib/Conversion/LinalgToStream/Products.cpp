//===- Products.cpp - how operands of a product may stand -----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Products.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lpu::linalg_to_stream;

bool lpu::linalg_to_stream::onRows(const Place &place,
                                   ArrayRef<unsigned> dims) {
  return llvm::all_of(dims,
                      [&](unsigned d) { return place.featureStride[d] == 0; });
}
bool lpu::linalg_to_stream::onFeatures(const Place &place,
                                       ArrayRef<unsigned> dims) {
  return llvm::all_of(dims,
                      [&](unsigned d) { return place.rowStride[d] == 0; });
}

ProductSide::ProductSide(const View &view, unsigned width,
                         const lpu::Machine &machine)
    : isConstant(view.source->kind == Tensor::Constant),
      isFree(view.source->isLight), view(view), machine(machine), width(width) {
  if (!isFree)
    place = placeOf(view, view.source->layout);
}

/// A plane takes windows of neighbouring lanes, and the rows of constant
/// weights that it installs for one begin at whole stripes: whether those of
/// the windows that `k` makes do.
bool ProductSide::hasWholeWindows(const Place &at, ArrayRef<int64_t> sizes,
                                  ArrayRef<unsigned> k) const {
  SmallVector<unsigned, 4> dims(k);
  llvm::stable_sort(dims, [&](unsigned x, unsigned y) {
    return at.featureStride[x] > at.featureStride[y];
  });
  int64_t count = 1, last = 0;
  for (unsigned d : dims)
    count *= sizes[d];
  for (int64_t n = 0; n < count; ++n) {
    int64_t lane = at.feature, rest = n;
    for (unsigned d : llvm::reverse(dims)) {
      lane += rest % sizes[d] * at.featureStride[d];
      rest /= sizes[d];
    }
    bool begins = n == 0 || lane != last + 1 || lane % machine.lanes == 0;
    if (begins && n % machine.weightStripes(width) != 0)
      return false;
    last = lane;
  }
  return true;
}

/// A light operand can be made with these dimensions on rows and features, as
/// a plane takes it: the moving one from any lane on.
bool ProductSide::canMake(ArrayRef<unsigned> batch, ArrayRef<unsigned> own,
                          ArrayRef<unsigned> features, bool isMoving) const {
  const Tensor &from = *view.source;
  if (!from.isLight)
    return false;
  if (from.kind == Tensor::Constant)
    return true;
  SmallVector<unsigned, 6> rows(batch.begin(), batch.end());
  rows.append(own.begin(), own.end());
  View wanted = view;
  for (unsigned d = 0; d < wanted.rank(); ++d)
    if (!llvm::is_contained(rows, d) && !llvm::is_contained(features, d))
      wanted.sizes[d] = 1;
  Layout domain = layoutOf(wanted.sizes, rows, features);
  if (from.kind != Tensor::Input)
    return canMakeLight(wanted, domain, machine.lanes);
  std::optional<Place> place = placeOf(wanted, inputLayout(wanted, domain));
  if (!place || !onRows(*place, own) || !onFeatures(*place, features))
    return false;
  if (isMoving)
    return hasWholeWindows(*place, wanted.sizes, features);
  return onRows(*place, batch) && place->feature % machine.lanes == 0 &&
         llvm::all_of(features, [&](unsigned d) {
           return place->featureStride[d] == domain.feature[d];
         });
}

bool ProductSide::canMove(const ProductDims &dims, unsigned number,
                          const ProductSide &other) const {
  if (isFree)
    return canMake(dims.batch, dims.own[number], dims.k, true);
  return place && onFeatures(*place, dims.k) &&
         onRows(*place, dims.own[number]) &&
         (!other.isConstant || hasWholeWindows(*place, view.sizes, dims.k));
}

bool ProductSide::byRows(const ProductDims &dims, unsigned number) const {
  if (isFree)
    return canMake(dims.batch, dims.k, dims.own[number], false);
  return place && onRows(*place, dims.k) &&
         onFeatures(*place, dims.own[number]);
}

bool ProductSide::byColumns(const ProductDims &dims, unsigned number) const {
  return !isFree && place && onFeatures(*place, dims.k) &&
         onRows(*place, dims.own[number]);
}

static bool finishPlan(Tensor &t, const ProductSide &a, const ProductSide &b,
                       ArrayRef<unsigned> batch, unsigned lanes) {
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
    if (b.place->feature % lanes != 0)
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
      if (b.place->featureStride[d] != layout.features || (inBatch && !isBatch))
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

bool lpu::linalg_to_stream::planProduct(Tensor &t, const ProductDims &dims,
                                        const ProductSide sides[2],
                                        unsigned lanes) {
  // First try the order of the model, then the transposed product; a constant
  // moves only if nothing else can.
  for (bool mayMoveConstant : {false, true})
    for (unsigned moving : {0u, 1u}) {
      const ProductSide &a = sides[moving], &b = sides[1 - moving];
      if (a.isConstant && !mayMoveConstant)
        continue;
      bool byRows = b.byRows(dims, 1 - moving);
      if (!a.canMove(dims, moving, b) ||
          (!byRows && !b.byColumns(dims, 1 - moving)))
        continue;
      t.plan = ContractPlan();
      t.plan.moving = moving;
      t.plan.byColumns = !byRows;
      t.plan.m = dims.own[moving];
      t.plan.n = dims.own[1 - moving];
      t.plan.k = dims.k;
      if (finishPlan(t, a, b, dims.batch, lanes))
        return true;
    }
  return false;
}
