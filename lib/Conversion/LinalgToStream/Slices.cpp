//===- Slices.cpp - parts of tensors --------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One matrix may hold the weights of queries, keys and values. Cutting its
// product would move lanes; cutting the matrix moves nothing. So a slice is
// taken before the computation instead of after it, if the parts that are read
// are disjoint.
//
//===----------------------------------------------------------------------===//

#include "Graph.h"

#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::linalg_to_stream;

void linalg_to_stream::orderTensors(Graph &graph) {
  graph.order.clear();
  llvm::SmallVector<std::pair<Tensor *, unsigned>> stack;
  std::vector<bool> seen(graph.tensors.size(), false);
  // The position in `tensors`: ids may be of an older order.
  for (unsigned i = 0; i < graph.tensors.size(); ++i)
    graph.tensors[i].id = i;
  llvm::SmallVector<Tensor *> needed;
  for (Output &output : graph.outputs)
    needed.push_back(output.view.source);
  llvm::append_range(needed, graph.exchanges);
  for (Tensor *root : needed) {
    stack.push_back({root, 0});
    while (!stack.empty()) {
      auto &[tensor, next] = stack.back();
      if (next == 0) {
        if (seen[tensor->id]) {
          stack.pop_back();
          continue;
        }
        seen[tensor->id] = true;
      }
      if (next < tensor->operands.size()) {
        Tensor *operand = tensor->operands[next++].source;
        if (!seen[operand->id])
          stack.push_back({operand, 0});
        continue;
      }
      if (next == tensor->operands.size() && tensor->after) {
        Tensor *before = tensor->after;
        ++next;
        if (!seen[before->id])
          stack.push_back({before, 0});
        continue;
      }
      // A tensor without operands comes here in its first visit.
      graph.order.push_back(tensor);
      stack.pop_back();
    }
  }
  for (Tensor &t : graph.tensors)
    t.id = ~0u; // not needed
  for (unsigned i = 0; i < graph.order.size(); ++i)
    graph.order[i]->id = i;
}

namespace {
struct Box {
  Sizes low, size;
  bool operator==(const Box &other) const {
    return low == other.low && size == other.size;
  }
  bool overlaps(const Box &other) const {
    for (unsigned i = 0; i < low.size(); ++i)
      if (low[i] + size[i] <= other.low[i] ||
          other.low[i] + other.size[i] <= low[i])
        return false;
    return true;
  }
};
} // namespace

/// The box of the source that a view reads in full.
static std::optional<Box> boxOf(const View &view) {
  std::optional<View> fine = refined(view);
  if (!fine)
    return std::nullopt;
  llvm::ArrayRef<int64_t> shape = view.source->shape;
  Sizes steps = rowMajorStrides(shape);
  Box box;
  int64_t elements = 1, read = 1;
  for (unsigned i = 0; i < shape.size(); ++i) {
    int64_t low = view.offset / steps[i] % shape[i], high = low;
    for (unsigned d = 0; d < fine->rank(); ++d) {
      int64_t stride = fine->strides[d];
      if (stride >= steps[i] && stride < steps[i] * shape[i])
        high += (fine->sizes[d] - 1) * (stride / steps[i]);
    }
    if (high >= shape[i])
      return std::nullopt;
    box.low.push_back(low);
    box.size.push_back(high - low + 1);
    elements *= high - low + 1;
  }
  for (unsigned d = 0; d < fine->rank(); ++d)
    if (fine->strides[d] != 0)
      read *= fine->sizes[d];
  if (read != elements)
    return std::nullopt;
  return box;
}

/// The view as seen from the part of the source that it reads.
static std::optional<View> within(const View &view, const Box &box,
                                  Tensor *part) {
  Layout linear;
  linear.row = rowMajorStrides(box.size);
  linear.feature.assign(box.size.size(), 0);
  std::optional<Place> place = placeOf(view, linear);
  if (!place)
    return std::nullopt;
  return View{part, 0, view.sizes, place->rowStride};
}

static View sliced(const View &view, llvm::ArrayRef<unsigned> dims,
                   const Box &box) {
  View result = view;
  for (unsigned i = 0; i < dims.size(); ++i) {
    result.offset += box.low[i] * view.strides[dims[i]];
    result.sizes[dims[i]] = box.size[i];
    if (box.size[i] == 1)
      result.strides[dims[i]] = 0;
  }
  return result;
}

void linalg_to_stream::sinkSlices(Graph &graph) {
  orderTensors(graph);
  // Readers before what they read: a slice goes on to the operands.
  std::vector<Tensor *> work(graph.order.rbegin(), graph.order.rend());
  for (Tensor *t : work) {
    if (t->kind != Tensor::Map && t->kind != Tensor::Contract)
      continue;
    llvm::SmallVector<View *> readers;
    for (Tensor &user : graph.tensors)
      if (&user != t && user.id != ~0u)
        for (View &v : user.operands)
          if (v.source == t)
            readers.push_back(&v);
    for (Output &output : graph.outputs)
      if (output.view.source == t)
        readers.push_back(&output.view);
    llvm::SmallVector<Box> boxes, distinct;
    bool isPossible = !readers.empty();
    for (View *reader : readers) {
      std::optional<Box> box = boxOf(*reader);
      if (!box || box->size == t->shape) {
        isPossible = false;
        break;
      }
      boxes.push_back(*box);
      if (!llvm::is_contained(distinct, *box)) {
        for (const Box &other : distinct)
          isPossible &= !other.overlaps(*box);
        distinct.push_back(*box);
      }
    }
    for (unsigned i = 0; isPossible && i < readers.size(); ++i)
      isPossible = within(*readers[i], boxes[i], t).has_value();
    if (!isPossible)
      continue;
    for (const Box &box : distinct) {
      graph.tensors.push_back(*t);
      Tensor &part = graph.tensors.back();
      part.id = 0; // alive
      part.shape = box.size;
      llvm::SmallVector<unsigned, 6> dims(part.keptDims);
      if (part.kind == Tensor::Map)
        for (unsigned d = 0; d < part.shape.size(); ++d)
          dims.push_back(d);
      for (View &operand : part.operands)
        operand = sliced(operand, dims, box);
      if (part.kind == Tensor::Contract)
        for (unsigned i = 0; i < dims.size(); ++i)
          part.domain[dims[i]] = box.size[i];
      for (unsigned i = 0; i < readers.size(); ++i)
        if (boxes[i] == box)
          *readers[i] = *within(*readers[i], box, &part);
    }
    t->id = ~0u; // nobody reads it any more
    t->operands.clear();
  }
  orderTensors(graph);
}
