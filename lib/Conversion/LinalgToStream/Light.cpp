//===- Light.cpp - where light tensors can be made ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A light tensor is made wherever a reader wants it, but not in every layout:
// an input is written by the host, which places whole dimensions. A view that
// cuts the lanes of an input, or splits them into rows, needs a move, and so a
// tensor that stands somewhere. The layouts ask here before the emitter makes
// anything; both use the same rules.
//
//===----------------------------------------------------------------------===//

#include "Graph.h"
#include "llvm/ADT/STLExtras.h"
#include <map>

using namespace lpu;
using namespace lpu::linalg_to_stream;

std::optional<View> linalg_to_stream::composed(const View &outer,
                                               const View &operand) {
  Layout linear;
  linear.row = operand.strides;
  linear.feature.assign(operand.rank(), 0);
  std::optional<Place> place = placeOf(outer, linear);
  if (!place)
    return std::nullopt;
  return View{operand.source, operand.offset + place->row, outer.sizes,
              place->rowStride};
}

std::string linalg_to_stream::keyOf(const View &view) {
  std::string key = std::to_string(uintptr_t(view.source)) + "+" +
                    std::to_string(view.offset);
  for (unsigned d = 0; d < view.rank(); ++d)
    key += " " + std::to_string(view.sizes[d]) + ":" +
           std::to_string(view.strides[d]);
  return key;
}

/// Dimensions of the source that the features of the domain walk along.
static std::vector<bool> onFeatures(const View &view, const Layout &domain) {
  llvm::ArrayRef<int64_t> shape = view.source->shape;
  Sizes steps = rowMajorStrides(shape);
  std::vector<bool> result(shape.size(), false);
  for (unsigned d : featureDims(view.sizes, domain)) {
    if (view.strides[d] == 0)
      continue;
    int64_t reach = view.strides[d] * (view.sizes[d] - 1);
    for (unsigned i = 0; i < shape.size(); ++i)
      if (shape[i] > 1 && steps[i] <= reach &&
          steps[i] * shape[i] > view.strides[d])
        result[i] = true;
  }
  return result;
}

Layout linalg_to_stream::inputLayout(const View &view, const Layout &domain) {
  std::vector<bool> onLanes = onFeatures(view, domain);
  SmallVector<unsigned, 6> rows, features;
  for (unsigned i = 0; i < onLanes.size(); ++i)
    (onLanes[i] ? features : rows).push_back(i);
  Layout layout = layoutOf(view.source->shape, rows, features);
  layout.isSplat = false; // the host writes one lane
  return layout;
}

LightReduce linalg_to_stream::lightReduce(const View &view,
                                          const Layout &domain) {
  const Tensor &from = *view.source;
  const View &operand = from.operands[0];
  // Kept dimensions go where the reader has them, reduced ones on lanes if no
  // kept dimension is there.
  std::vector<bool> isFeature = onFeatures(view, domain);
  SmallVector<unsigned, 6> rows, features, reduced, keptRows, keptFeatures;
  unsigned kept = 0;
  for (unsigned d = 0; d < operand.rank(); ++d) {
    if (from.reduced[d]) {
      reduced.push_back(d);
      continue;
    }
    (isFeature[kept] ? features : rows).push_back(d);
    (isFeature[kept] ? keptFeatures : keptRows).push_back(kept);
    ++kept;
  }
  LightReduce result;
  result.onLanes = features.empty();
  result.result = layoutOf(from.shape, keptRows, keptFeatures);
  (result.onLanes ? features : rows).append(reduced.begin(), reduced.end());
  result.space = layoutOf(operand.sizes, rows, features);
  return result;
}

bool linalg_to_stream::isReadableAt(const Place &place,
                                    llvm::ArrayRef<int64_t> sizes,
                                    const Layout &domain, unsigned lanes) {
  for (unsigned d : rowDims(sizes, domain))
    if (place.featureStride[d] != 0)
      return false;
  bool varies = false, agrees = true;
  for (unsigned d : featureDims(sizes, domain)) {
    varies |= place.featureStride[d] != 0 || place.rowStride[d] != 0;
    agrees &= place.featureStride[d] == domain.feature[d];
  }
  return !varies || (agrees && place.feature % lanes == 0);
}

namespace {
class Maker {
public:
  explicit Maker(unsigned lanes) : lanes(lanes) {}

  bool canMake(const View &view, const Layout &domain) {
    std::string key = keyOf(view) + " in";
    for (unsigned d = 0; d < view.rank(); ++d)
      key += " " + std::to_string(domain.row[d]) + ":" +
             std::to_string(domain.feature[d]);
    auto known = memo.find(key);
    if (known != memo.end())
      return known->second;
    return memo[key] = decide(view, domain);
  }

private:
  bool decide(const View &view, const Layout &domain) {
    const Tensor &from = *view.source;
    switch (from.kind) {
    case Tensor::Constant:
      return true;
    case Tensor::Input: {
      std::optional<Place> place = placeOf(view, inputLayout(view, domain));
      return place && isReadableAt(*place, view.sizes, domain, lanes);
    }
    case Tensor::Map:
      return llvm::all_of(from.operands, [&](const View &operand) {
        std::optional<View> through = composed(view, operand);
        return through && canMake(*through, domain);
      });
    case Tensor::Reduce: {
      LightReduce plan = lightReduce(view, domain);
      if (!plan.onLanes && !from.isFloat())
        return false;
      std::optional<Place> place = placeOf(view, plan.result);
      return place && isReadableAt(*place, view.sizes, domain, lanes) &&
             canMake(from.operands[0], plan.space);
    }
    default:
      return false;
    }
  }

  unsigned lanes;
  std::map<std::string, bool> memo;
};
} // namespace

bool linalg_to_stream::canMakeLight(const View &view, const Layout &domain,
                                    unsigned lanes) {
  return Maker(lanes).canMake(view, domain);
}

Layout linalg_to_stream::ownLayout(const Tensor &t) {
  if (t.kind != Tensor::Reduce || t.isFloat())
    return naturalLayout(t.shape);
  // Integers are reduced over lanes only: one result per row.
  SmallVector<unsigned, 6> rows;
  for (unsigned d = 0; d < t.shape.size(); ++d)
    rows.push_back(d);
  return layoutOf(t.shape, rows, {});
}
