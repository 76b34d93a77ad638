//===- Views.cpp - where the elements of a view are -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Graph.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::linalg_to_stream;

int64_t linalg_to_stream::product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

Sizes linalg_to_stream::rowMajorStrides(ArrayRef<int64_t> sizes) {
  Sizes strides(sizes.size(), 1);
  for (int64_t i = int64_t(sizes.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * sizes[i + 1];
  return strides;
}

View linalg_to_stream::wholeView(Tensor *tensor) {
  View view{tensor, 0, tensor->shape, rowMajorStrides(tensor->shape)};
  for (unsigned i = 0; i < view.rank(); ++i)
    if (view.sizes[i] == 1)
      view.strides[i] = 0;
  return view;
}

std::optional<View> linalg_to_stream::reshaped(const View &view,
                                               ArrayRef<int64_t> sizes) {
  View result{view.source, view.offset, Sizes(sizes), Sizes(sizes.size(), 0)};
  Sizes oldSizes, oldStrides;
  for (unsigned i = 0; i < view.rank(); ++i)
    if (view.sizes[i] != 1) {
      oldSizes.push_back(view.sizes[i]);
      oldStrides.push_back(view.strides[i]);
    }
  // From the inside out, runs of both shapes with the same number of elements.
  int64_t i = int64_t(oldSizes.size()) - 1, j = int64_t(sizes.size()) - 1;
  while (i >= 0) {
    int64_t left = oldSizes[i], stride = oldStrides[i], right = 1;
    int64_t outer = i, first = j;
    while (j >= 0 && sizes[j] == 1)
      --j;
    if (j < 0)
      return std::nullopt;
    first = j;
    right = sizes[j];
    while (left != right) {
      if (left < right) {
        if (--outer < 0 || oldStrides[outer] != left * stride)
          return std::nullopt;
        left *= oldSizes[outer];
      } else {
        if (--j < 0)
          return std::nullopt;
        right *= sizes[j];
      }
    }
    for (int64_t k = first; k >= j; --k) {
      result.strides[k] = sizes[k] == 1 ? 0 : stride;
      stride *= sizes[k];
    }
    i = outer - 1;
    --j;
  }
  return result;
}

namespace {
/// Walks one dimension of a view through the dimensions of its source.
class Walker {
public:
  Walker(ArrayRef<int64_t> shape, const Layout &layout, int64_t offset)
      : shape(shape), layout(layout), strides(rowMajorStrides(shape)) {
    for (unsigned i = 0; i < shape.size(); ++i) {
      at.push_back(offset / strides[i] % shape[i]);
      place.row += at[i] * layout.row[i];
      place.feature += at[i] * layout.feature[i];
    }
    reach = at;
  }

  /// Row and feature step of `size` elements `stride` apart.
  std::optional<std::pair<int64_t, int64_t>> walk(int64_t size,
                                                  int64_t stride) {
    if (size == 1 || stride == 0)
      return std::make_pair(int64_t(0), int64_t(0));
    int64_t i = 0, rank = shape.size();
    while (i < rank && (strides[i] > stride || shape[i] == 1))
      ++i;
    if (i == rank || stride % strides[i] != 0)
      return std::nullopt;
    int64_t step = stride / strides[i];
    int64_t row = step * layout.row[i], feature = step * layout.feature[i];
    int64_t inside = (shape[i] - 1 - at[i]) / step + 1;
    if (size > inside) { // goes on in the next outer dimension
      if (at[i] >= step || shape[i] % step != 0 || size % inside != 0)
        return std::nullopt;
      auto outer = walk(size / inside, strides[i] * shape[i]);
      if (!outer || outer->first != inside * row ||
          outer->second != inside * feature)
        return std::nullopt;
      size = inside;
    }
    reach[i] += (size - 1) * step;
    return std::make_pair(row, feature);
  }

  /// No combination of indices carries into another dimension.
  bool staysInside() const {
    for (unsigned i = 0; i < shape.size(); ++i)
      if (reach[i] >= shape[i])
        return false;
    return true;
  }

  Place place;

private:
  ArrayRef<int64_t> shape;
  const Layout &layout;
  Sizes strides, at, reach;
};
} // namespace

std::optional<Place> linalg_to_stream::placeOf(const View &view,
                                               const Layout &layout) {
  Walker walker(view.source->shape, layout, view.offset);
  for (unsigned i = 0; i < view.rank(); ++i) {
    auto steps = walker.walk(view.sizes[i], view.strides[i]);
    if (!steps)
      return std::nullopt;
    walker.place.rowStride.push_back(steps->first);
    walker.place.featureStride.push_back(steps->second);
  }
  if (!walker.staysInside())
    return std::nullopt;
  return walker.place;
}

std::optional<View> linalg_to_stream::refined(const View &view) {
  Sizes steps = rowMajorStrides(view.source->shape), at;
  llvm::ArrayRef<int64_t> shape = view.source->shape;
  for (unsigned i = 0; i < shape.size(); ++i)
    at.push_back(view.offset / steps[i] % shape[i]);
  View result{view.source, view.offset, {}, {}};
  for (unsigned d = 0; d < view.rank(); ++d) {
    int64_t size = view.sizes[d], stride = view.strides[d];
    Sizes sizes, strides; // innermost first
    while (size > 1 && stride != 0) {
      unsigned i = 0;
      while (i < shape.size() && (steps[i] > stride || shape[i] == 1))
        ++i;
      if (i == shape.size() || stride % steps[i] != 0)
        return std::nullopt;
      int64_t step = stride / steps[i];
      int64_t inside = (shape[i] - 1 - at[i]) / step + 1;
      if (size > inside &&
          (at[i] >= step || shape[i] % step != 0 || size % inside != 0))
        return std::nullopt;
      inside = std::min(inside, size);
      if (inside > 1) {
        sizes.push_back(inside);
        strides.push_back(stride);
      }
      size /= inside;
      stride = steps[i] * shape[i];
    }
    if (size > 1) { // repeated
      sizes.push_back(size);
      strides.push_back(0);
    }
    result.sizes.append(sizes.rbegin(), sizes.rend());
    result.strides.append(strides.rbegin(), strides.rend());
  }
  return result;
}

Layout linalg_to_stream::naturalLayout(ArrayRef<int64_t> shape) {
  Layout layout;
  layout.row.assign(shape.size(), 0);
  layout.feature.assign(shape.size(), 0);
  int64_t last = int64_t(shape.size()) - 1;
  while (last >= 0 && shape[last] == 1)
    --last;
  if (last >= 0) {
    layout.feature[last] = 1;
    layout.features = shape[last];
  } else {
    layout.isSplat = true;
  }
  for (int64_t i = last - 1; i >= 0; --i)
    if (shape[i] != 1) {
      layout.row[i] = layout.rows;
      layout.rows *= shape[i];
    }
  return layout;
}

static SmallVector<unsigned, 6> dimsBy(llvm::ArrayRef<int64_t> sizes,
                                       const Sizes &strides) {
  SmallVector<unsigned, 6> dims;
  for (unsigned d = 0; d < sizes.size(); ++d)
    if (sizes[d] > 1 && strides[d] != 0)
      dims.push_back(d);
  llvm::sort(dims,
             [&](unsigned a, unsigned b) { return strides[a] > strides[b]; });
  return dims;
}

SmallVector<unsigned, 6>
linalg_to_stream::rowDims(llvm::ArrayRef<int64_t> sizes, const Layout &layout) {
  return dimsBy(sizes, layout.row);
}
SmallVector<unsigned, 6>
linalg_to_stream::featureDims(llvm::ArrayRef<int64_t> sizes,
                              const Layout &layout) {
  return dimsBy(sizes, layout.feature);
}

Layout linalg_to_stream::layoutOf(llvm::ArrayRef<int64_t> sizes,
                                  llvm::ArrayRef<unsigned> rows,
                                  llvm::ArrayRef<unsigned> features) {
  Layout layout;
  layout.row.assign(sizes.size(), 0);
  layout.feature.assign(sizes.size(), 0);
  for (unsigned d : llvm::reverse(rows))
    if (sizes[d] > 1) {
      layout.row[d] = layout.rows;
      layout.rows *= sizes[d];
    }
  for (unsigned d : llvm::reverse(features))
    if (sizes[d] > 1) {
      layout.feature[d] = layout.features;
      layout.features *= sizes[d];
    }
  layout.isSplat = layout.features == 1;
  return layout;
}

std::optional<Layout> linalg_to_stream::spaceOf(ArrayRef<int64_t> sizes,
                                                const Place &place,
                                                bool isSplat, unsigned lanes,
                                                ArrayRef<unsigned> innermost) {
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
  if (place.feature % lanes != 0)
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
  // Dimensions that the operand repeats: the innermost becomes the features
  // if there are none, the others are outer rows.
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
