//===- Shape.cpp - operators that move data -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constant indices often say a plain thing in a roundabout way: exporters build
// masks by gathering with tensors of row and column numbers. When every index
// is a start plus a step times one coordinate, the gather is a slice that is
// repeated, and costs no indirect read.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::onnx_to_linalg;

/// Up to so many pieces, a gather with constant indices is cut into slices.
static constexpr size_t kMostSlices = 8;

static SmallVector<int64_t> valuesOf(DenseElementsAttr dense) {
  SmallVector<int64_t> numbers;
  numbers.reserve(dense.getNumElements());
  for (APInt value : dense.getValues<APInt>())
    numbers.push_back(value.getSExtValue());
  return numbers;
}

static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

static SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = static_cast<int64_t>(shape.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

namespace {
/// start + step * coordinate `dim`; dim is -1 for a plain constant.
struct Progression {
  int64_t start = 0, step = 1, dim = -1, size = 1;
};
} // namespace

/// `numbers` (row-major over `shape`) as a rising progression.
static std::optional<Progression> asProgression(ArrayRef<int64_t> numbers,
                                                ArrayRef<int64_t> shape) {
  Progression found;
  found.start = numbers.front();
  SmallVector<int64_t> strides = stridesOf(shape);
  for (auto [dim, size] : llvm::enumerate(shape)) {
    int64_t step = size > 1 ? numbers[strides[dim]] - found.start : 0;
    if (step == 0)
      continue;
    if (step < 0 || found.dim >= 0)
      return std::nullopt;
    found.dim = dim;
    found.step = step;
    found.size = size;
  }
  for (auto [position, number] : llvm::enumerate(numbers)) {
    int64_t coordinate =
        found.dim < 0 ? 0 : position / strides[found.dim] % found.size;
    if (number != found.start + found.step * coordinate)
      return std::nullopt;
  }
  return found;
}

/// The given positions of one dimension, in order.
static Value take(Lowering &l, Value x, int64_t axis,
                  ArrayRef<int64_t> positions) {
  int64_t count = positions.size();
  if (std::optional<Progression> all = asProgression(positions, count))
    if (all->size == count)
      return l.sliceDim(x, axis, all->start, count, all->step);
  if (positions.size() <= kMostSlices) {
    SmallVector<Value> parts;
    for (int64_t position : positions)
      parts.push_back(l.sliceDim(x, axis, position, 1));
    return l.concat(parts, axis);
  }
  SmallVector<int64_t> toFront{axis}, back;
  for (int64_t i = 0, rank = rankOf(x); i < rank; ++i) {
    if (i != axis)
      toFront.push_back(i);
    back.push_back(i < axis ? i + 1 : i == axis ? 0 : i);
  }
  Value indices = l.integers(positions, count, l.indexElement());
  Value rows = l.gatherRows(l.transpose(x, toFront), indices, false);
  return l.transpose(rows, back);
}

//===----------------------------------------------------------------------===//
// Slice, Pad, Concat
//===----------------------------------------------------------------------===//

static void lowerSlice(Lowering &l) {
  auto op = cast<onnx::SliceOp>(l.node);
  Value x = l.operand(0);
  ArrayRef<int64_t> sizes = l.resultShape();
  SmallVector<int64_t> offsets(op.getStarts()), strides(op.getSteps());
  SmallVector<int64_t> backwards;
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    if (size == 1)
      strides[dim] = 1;
    if (strides[dim] >= 0)
      continue;
    // Take the same elements forwards, then turn them round.
    offsets[dim] += (size - 1) * strides[dim];
    strides[dim] = -strides[dim];
    backwards.push_back(dim);
  }
  x = l.slice(x, offsets, sizes, strides);
  for (int64_t dim : backwards) {
    SmallVector<int64_t> positions;
    for (int64_t i = sizes[dim]; i > 0; --i)
      positions.push_back(i - 1);
    x = take(l, x, dim, positions);
  }
  l.set(x);
}

static void lowerPad(Lowering &l) {
  ArrayRef<int64_t> pads = cast<onnx::PadOp>(l.node).getPads();
  if (!l.splat(1))
    return l.unsupported("the value to pad with is not a constant");
  Value x = l.operand(0);
  int64_t rank = rankOf(x);
  // A negative pad crops.
  SmallVector<int64_t> offsets, sizes, low, high, ones(rank, 1);
  for (int64_t i = 0; i < rank; ++i) {
    int64_t before = pads[i], after = pads[rank + i];
    offsets.push_back(std::max<int64_t>(-before, 0));
    low.push_back(std::max<int64_t>(before, 0));
    high.push_back(std::max<int64_t>(after, 0));
    sizes.push_back(shapeOf(x)[i] + std::min<int64_t>(before, 0) +
                    std::min<int64_t>(after, 0));
  }
  if (llvm::any_of(sizes, [](int64_t size) { return size <= 0; }))
    return l.unsupported("negative pads remove a whole dimension");
  auto value = l.operand(1).getDefiningOp<arith::ConstantOp>();
  auto dense = cast<DenseElementsAttr>(value.getValue());
  l.set(l.pad(l.slice(x, offsets, sizes, ones), low, high,
              cast<TypedAttr>(dense.getSplatValue<Attribute>())));
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

static void lowerGather(Lowering &l) {
  Value x = l.operand(0);
  int64_t axis = cast<onnx::GatherOp>(l.node).getAxis(), rank = rankOf(x);
  ArrayRef<int64_t> indexShape = shapeOf(l.node->getOperand(1));
  int64_t indexRank = indexShape.size();
  if (DenseElementsAttr dense = l.constant(1)) {
    SmallVector<int64_t> positions = valuesOf(dense);
    for (int64_t &position : positions)
      position += position < 0 ? shapeOf(x)[axis] : 0;
    std::optional<Progression> all = asProgression(positions, indexShape);
    if (all && all->size != static_cast<int64_t>(positions.size())) {
      Value rows = l.sliceDim(x, axis, all->start, all->size, all->step);
      SmallVector<int64_t> dims;
      for (int64_t i = 0; i < rank; ++i)
        dims.push_back(i < axis    ? i
                       : i == axis ? (all->dim < 0 ? -1 : axis + all->dim)
                                   : i + indexRank - 1);
      return l.set(l.broadcastInDims(rows, dims, l.resultShape()));
    }
    if (all || positions.size() <= kMostSlices)
      return l.set(l.reshape(take(l, x, axis, positions), l.resultShape()));
  }

  // Rows first, then the dims before `axis` return to the front.
  SmallVector<int64_t> toFront{axis}, back;
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis)
      toFront.push_back(i);
  for (int64_t i = 0; i < axis; ++i)
    back.push_back(indexRank + i);
  for (int64_t i = 0; i < indexRank; ++i)
    back.push_back(i);
  for (int64_t i = axis + 1; i < rank; ++i)
    back.push_back(indexRank + i - 1);
  Value rows =
      l.gatherRows(l.transpose(x, toFront), l.operand(1), !l.constant(1));
  l.set(l.transpose(rows, back));
}

/// Adds `coordinate of dim * stride` and, if it may be negative, brings an
/// index into range: the terms of a row-major address.
static Value inRange(Lowering &l, Value index, int64_t size) {
  return l.elementwise(index, [size](Scalars &s, ValueRange v) {
    Type type = v[0].getType();
    Value isNegative = s.less(v[0], s.constant(type, 0));
    return s.select(isNegative, s.add(v[0], s.constant(type, size)), v[0]);
  });
}

static Value scaled(Lowering &l, Value index, int64_t stride) {
  if (stride == 1)
    return index;
  return l.elementwise(index, [stride](Scalars &s, ValueRange v) {
    return s.mul(v[0], s.constant(v[0].getType(), stride));
  });
}

/// address + coordinate `dim` of `shape` times `stride`.
static Value addCoordinate(Lowering &l, Value address, int64_t dim,
                           int64_t stride) {
  ArrayRef<int64_t> shape = shapeOf(address);
  if (shape[dim] == 1)
    return address;
  SmallVector<int64_t> numbers, along(shape.size(), 1);
  for (int64_t i = 0; i < shape[dim]; ++i)
    numbers.push_back(i * stride);
  along[dim] = shape[dim];
  Value offsets =
      l.reshape(l.integers(numbers, shape[dim], elementOf(address)), along);
  return l.elementwise({address, offsets}, [](Scalars &s, ValueRange v) {
    return s.add(v[0], v[1]);
  });
}

static void lowerGatherElements(Lowering &l) {
  int64_t axis = cast<onnx::GatherElementsOp>(l.node).getAxis();
  Value x = l.operand(0);
  SmallVector<int64_t> strides = stridesOf(shapeOf(x));
  Value address =
      scaled(l, inRange(l, l.operand(1), shapeOf(x)[axis]), strides[axis]);
  for (int64_t dim = 0; dim < rankOf(x); ++dim)
    if (dim != axis)
      address = addCoordinate(l, address, dim, strides[dim]);
  Value flat = l.reshape(x, product(shapeOf(x)));
  l.set(l.gatherRows(flat, address, false));
}

static void lowerGatherND(Lowering &l) {
  int64_t batch = cast<onnx::GatherNDOp>(l.node).getBatchDims();
  Value x = l.operand(0);
  ArrayRef<int64_t> indexShape = shapeOf(l.node->getOperand(1));
  ArrayRef<int64_t> tuples = indexShape.drop_back();
  int64_t arity = indexShape.back(), rank = rankOf(x);
  int64_t tupleRank = tuples.size(), rest = batch + arity;

  if (DenseElementsAttr dense = l.constant(1)) {
    SmallVector<int64_t> numbers = valuesOf(dense);
    SmallVector<int64_t> dims;
    Value box = x;
    for (int64_t i = 0; i < batch; ++i)
      dims.push_back(i);
    bool isBox = true;
    int64_t last = batch - 1;
    for (int64_t component = 0; component < arity && isBox; ++component) {
      int64_t size = shapeOf(x)[batch + component];
      SmallVector<int64_t> positions;
      for (size_t i = component; i < numbers.size(); i += arity)
        positions.push_back(numbers[i] + (numbers[i] < 0 ? size : 0));
      std::optional<Progression> all = asProgression(positions, tuples);
      isBox = all && (all->dim < 0 || all->dim > last);
      if (!isBox)
        break;
      last = all->dim < 0 ? last : all->dim;
      dims.push_back(all->dim);
      box =
          l.sliceDim(box, batch + component, all->start, all->size, all->step);
    }
    for (int64_t i = rest; i < rank; ++i)
      dims.push_back(tupleRank + i - rest);
    if (isBox) {
      bool isWhole = product(shapeOf(box)) == product(l.resultShape());
      return l.set(isWhole ? l.reshape(box, l.resultShape())
                           : l.broadcastInDims(box, dims, l.resultShape()));
    }
  }

  SmallVector<int64_t> strides = stridesOf(shapeOf(x).take_front(rest));
  Value indices = l.operand(1), address;
  for (int64_t component = 0; component < arity; ++component) {
    Value index =
        l.reshape(l.sliceDim(indices, tupleRank, component, 1), tuples);
    int64_t dim = batch + component;
    Value term = scaled(l, inRange(l, index, shapeOf(x)[dim]), strides[dim]);
    address =
        !address ? term
                 : l.elementwise({address, term}, [](Scalars &s, ValueRange v) {
                     return s.add(v[0], v[1]);
                   });
  }
  for (int64_t dim = 0; dim < batch; ++dim)
    address = addCoordinate(l, address, dim, strides[dim]);
  SmallVector<int64_t> table{product(shapeOf(x).take_front(rest))};
  llvm::append_range(table, shapeOf(x).drop_front(rest));
  l.set(l.gatherRows(l.reshape(x, table), address, false));
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

/// Rows of `x` replaced by rows of `updates` at constant `positions`: the two
/// are joined to one table, from which every row of the result is read.
static Value replaceRows(Lowering &l, Value x, Value updates,
                         ArrayRef<int64_t> positions) {
  SmallVector<int64_t> sources;
  for (int64_t i = 0, rows = shapeOf(x)[0]; i < rows; ++i)
    sources.push_back(i);
  for (auto [i, position] : llvm::enumerate(positions))
    sources[position] = shapeOf(x)[0] + i;
  return take(l, l.concat({x, updates}, 0), 0, sources);
}

/// What every scatter needs; reports it otherwise.
static bool isSupportedScatter(Lowering &l, StringRef reduction) {
  if (reduction != "none")
    l.unsupported("a scatter that adds, multiplies or compares");
  else if (!l.constant(1))
    l.unsupported("a scatter to positions that depend on data");
  else
    return true;
  return false;
}

static bool hasRepeats(ArrayRef<int64_t> positions) {
  SmallVector<int64_t> sorted(positions);
  llvm::sort(sorted);
  return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

/// Constant positions that fill a box, as exporters write slice assignments:
/// the box and what lies around it are joined dim by dim. Null if there is
/// none.
static Value replaceBox(Lowering &l, ArrayRef<int64_t> numbers,
                        ArrayRef<int64_t> tuples, int64_t arity) {
  Value x = l.operand(0);
  ArrayRef<int64_t> shape = shapeOf(x);
  int64_t rank = rankOf(x), last = -1, count = 1;
  SmallVector<int64_t> offsets(rank, 0), sizes(shape), ones(rank, 1);
  for (int64_t dim = 0; dim < arity; ++dim) {
    SmallVector<int64_t> positions;
    for (size_t i = dim; i < numbers.size(); i += arity)
      positions.push_back(numbers[i]);
    std::optional<Progression> all = asProgression(positions, tuples);
    if (!all || all->step != 1 || (all->dim >= 0 && all->dim <= last))
      return {};
    last = all->dim < 0 ? last : all->dim;
    offsets[dim] = all->start;
    sizes[dim] = all->size;
    count *= all->size;
  }
  if (count != product(tuples))
    return {};
  Value box = l.reshape(l.operand(2), sizes);
  for (int64_t dim = rank - 1; dim >= 0; --dim) {
    auto around = [&](int64_t offset, int64_t size) {
      SmallVector<int64_t> from(offsets), extent(sizes);
      from[dim] = offset;
      extent[dim] = size;
      return l.slice(x, from, extent, ones);
    };
    int64_t end = offsets[dim] + sizes[dim];
    SmallVector<Value> parts;
    if (offsets[dim] > 0)
      parts.push_back(around(0, offsets[dim]));
    parts.push_back(box);
    if (end < shape[dim])
      parts.push_back(around(end, shape[dim] - end));
    box = l.concat(parts, dim);
    offsets[dim] = 0;
    sizes[dim] = shape[dim];
  }
  return box;
}

static void lowerScatterND(Lowering &l) {
  if (!isSupportedScatter(l, cast<onnx::ScatterNDOp>(l.node).getReduction()))
    return;
  Value x = l.operand(0);
  ArrayRef<int64_t> indexShape = shapeOf(l.node->getOperand(1));
  ArrayRef<int64_t> tuples = indexShape.drop_back();
  int64_t arity = indexShape.back();
  SmallVector<int64_t> numbers = valuesOf(l.constant(1));
  ArrayRef<int64_t> outer = shapeOf(x).take_front(arity);
  SmallVector<int64_t> strides = stridesOf(outer), rows(product(tuples), 0);
  for (auto [i, number] : llvm::enumerate(numbers)) {
    number += number < 0 ? outer[i % arity] : 0;
    rows[i / arity] += number * strides[i % arity];
  }
  if (hasRepeats(rows))
    return l.unsupported("it writes one position several times");
  if (Value box = replaceBox(l, numbers, tuples, arity))
    return l.set(box);
  SmallVector<int64_t> table{product(outer)}, updates{product(tuples)};
  for (SmallVector<int64_t> *shape : {&table, &updates})
    llvm::append_range(*shape, shapeOf(x).drop_front(arity));
  Value replaced = replaceRows(l, l.reshape(x, table),
                               l.reshape(l.operand(2), updates), rows);
  l.set(l.reshape(replaced, l.resultShape()));
}

static void lowerScatterElements(Lowering &l) {
  auto op = cast<onnx::ScatterElementsOp>(l.node);
  if (!isSupportedScatter(l, op.getReduction()))
    return;
  Value x = l.operand(0);
  ArrayRef<int64_t> shape = shapeOf(x);
  ArrayRef<int64_t> indexShape = shapeOf(l.node->getOperand(1));
  int64_t axis = op.getAxis();
  SmallVector<int64_t> strides = stridesOf(shape), own = stridesOf(indexShape);
  SmallVector<int64_t> places;
  for (auto [i, number] : llvm::enumerate(valuesOf(l.constant(1)))) {
    int64_t place = 0;
    for (auto [dim, size] : llvm::enumerate(indexShape)) {
      int64_t coordinate = static_cast<int64_t>(i) / own[dim] % size;
      if (static_cast<int64_t>(dim) == axis)
        coordinate = number + (number < 0 ? shape[axis] : 0);
      place += coordinate * strides[dim];
    }
    places.push_back(place);
  }
  if (hasRepeats(places))
    return l.unsupported("it writes one position several times");
  int64_t count = places.size();
  Value replaced = replaceRows(l, l.reshape(x, product(shape)),
                               l.reshape(l.operand(2), count), places);
  l.set(l.reshape(replaced, l.resultShape()));
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

ArrayRef<NamedRule> onnx_to_linalg::shapeRules() {
  static const NamedRule rules[] = {
      rule<onnx::ReshapeOp>(
          [](Lowering &l) { l.set(l.reshape(l.operand(0), l.resultShape())); }),
      rule<onnx::TransposeOp>([](Lowering &l) {
        l.set(l.transpose(l.operand(0),
                          cast<onnx::TransposeOp>(l.node).getPerm()));
      }),
      rule<onnx::ExpandOp>([](Lowering &l) {
        l.set(l.broadcast(l.operand(0), l.resultShape()));
      }),
      rule<onnx::ConcatOp>([](Lowering &l) {
        l.set(l.concat(l.operands(), cast<onnx::ConcatOp>(l.node).getAxis()));
      }),
      rule<onnx::SliceOp>(lowerSlice),
      rule<onnx::PadOp>(lowerPad),
      rule<onnx::GatherOp>(lowerGather),
      rule<onnx::GatherElementsOp>(lowerGatherElements),
      rule<onnx::GatherNDOp>(lowerGatherND),
      rule<onnx::ScatterNDOp>(lowerScatterND),
      rule<onnx::ScatterElementsOp>(lowerScatterElements),
  };
  return rules;
}
