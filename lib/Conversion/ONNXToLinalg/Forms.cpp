//===- Forms.cpp - the only builders of structured ops --------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "lpu/Support/Check.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::onnx_to_linalg;

using Iterator = utils::IteratorType;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

static bool isFloat(Value v) { return isa<FloatType>(v.getType()); }

Value Scalars::add(Value l, Value r) {
  return isFloat(l) ? arith::AddFOp::create(b, l, r).getResult()
                    : arith::AddIOp::create(b, l, r).getResult();
}
Value Scalars::sub(Value l, Value r) {
  return isFloat(l) ? arith::SubFOp::create(b, l, r).getResult()
                    : arith::SubIOp::create(b, l, r).getResult();
}
Value Scalars::mul(Value l, Value r) {
  return isFloat(l) ? arith::MulFOp::create(b, l, r).getResult()
                    : arith::MulIOp::create(b, l, r).getResult();
}
Value Scalars::div(Value l, Value r) {
  if (isFloat(l))
    return arith::DivFOp::create(b, l, r);
  return isUnsigned ? arith::DivUIOp::create(b, l, r).getResult()
                    : arith::DivSIOp::create(b, l, r).getResult();
}
Value Scalars::max(Value l, Value r) {
  if (isFloat(l))
    return arith::MaximumFOp::create(b, l, r);
  return isUnsigned ? arith::MaxUIOp::create(b, l, r).getResult()
                    : arith::MaxSIOp::create(b, l, r).getResult();
}
Value Scalars::min(Value l, Value r) {
  if (isFloat(l))
    return arith::MinimumFOp::create(b, l, r);
  return isUnsigned ? arith::MinUIOp::create(b, l, r).getResult()
                    : arith::MinSIOp::create(b, l, r).getResult();
}
Value Scalars::neg(Value v) {
  if (isFloat(v))
    return arith::NegFOp::create(b, v);
  return arith::SubIOp::create(b, constant(v.getType(), 0), v);
}
Value Scalars::less(Value l, Value r) {
  if (isFloat(l))
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, l, r);
  return arith::CmpIOp::create(
      b, isUnsigned ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt, l,
      r);
}
Value Scalars::equal(Value l, Value r) {
  if (isFloat(l))
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, l, r);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, l, r);
}
Value Scalars::select(Value c, Value t, Value f) {
  return arith::SelectOp::create(b, c, t, f);
}
Value Scalars::constant(Type type, double value) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, b.getFloatAttr(type, value));
  return arith::ConstantOp::create(
      b, b.getIntegerAttr(type, static_cast<int64_t>(value)));
}
Value Scalars::rsqrt(Value v) { return math::RsqrtOp::create(b, v); }
Value Scalars::exp(Value v) { return math::ExpOp::create(b, v); }

//===----------------------------------------------------------------------===//
// (a) Element-wise and broadcast
//===----------------------------------------------------------------------===//

Lowering::View Lowering::viewOf(Value v) {
  auto found = views.find(v);
  if (found != views.end())
    return found->second;
  View whole{v, {}};
  for (int64_t i = 0; i < rankOf(v); ++i)
    whole.dims.push_back(i);
  return whole;
}

static DenseElementsAttr splatOf(Value v) {
  auto constant = v.getDefiningOp<arith::ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue())
                        : DenseElementsAttr();
  return dense && dense.isSplat() ? dense : DenseElementsAttr();
}

Value Lowering::elementwise(ValueRange ins, Type element, Body body,
                            bool isUnsigned) {
  int64_t rank = 0;
  for (Value in : ins)
    rank = std::max(rank, rankOf(in));
  SmallVector<int64_t> shape(rank, 1);
  for (Value in : ins)
    for (int64_t i = 0, n = rankOf(in); i < n; ++i) {
      int64_t &dim = shape[rank - n + i];
      int64_t size = shapeOf(in)[i];
      LPU_CHECK(dim == size || dim == 1 || size == 1,
                "element-wise operands do not broadcast");
      dim = dim == 1 ? size : dim;
    }

  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Value in : ins) {
    if (splatOf(in))
      continue; // becomes a scalar of the body
    View view = viewOf(in);
    SmallVector<AffineExpr> exprs;
    for (auto [i, dim] : llvm::enumerate(view.dims)) {
      int64_t out = dim < 0 ? -1 : rank - rankOf(in) + dim;
      bool repeats = out < 0 || shapeOf(view.source)[i] != shape[out];
      exprs.push_back(repeats ? b.getAffineConstantExpr(0)
                              : b.getAffineDimExpr(out));
    }
    inputs.push_back(view.source);
    maps.push_back(AffineMap::get(rank, 0, exprs, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(rank));
  Value init = empty(shape, element);
  SmallVector<Iterator> iterators(rank, Iterator::parallel);
  return linalg::GenericOp::create(
             b, init.getType(), inputs, init, maps, iterators,
             [&](OpBuilder &inner, Location loc, ValueRange arguments) {
               ImplicitLocOpBuilder at(loc, inner);
               SmallVector<Value> scalars;
               unsigned next = 0;
               for (Value in : ins) {
                 DenseElementsAttr splat = splatOf(in);
                 scalars.push_back(
                     splat ? arith::ConstantOp::create(
                                 at, cast<TypedAttr>(
                                         splat.getSplatValue<Attribute>()))
                           : arguments[next++]);
               }
               Scalars s(at, isUnsigned);
               linalg::YieldOp::create(at, body(s, scalars));
             })
      .getResult(0);
}

Value Lowering::elementwise(ValueRange ins, Body body) {
  return elementwise(ins, elementOf(ins.front()), body);
}

Value Lowering::broadcastInDims(Value v, ArrayRef<int64_t> dims,
                                ArrayRef<int64_t> shape) {
  View view = viewOf(v);
  SmallVector<AffineExpr> exprs;
  SmallVector<int64_t> walked;
  for (auto [i, dim] : llvm::enumerate(view.dims)) {
    int64_t out = dim < 0 ? -1 : dims[dim];
    if (out >= 0 && shapeOf(view.source)[i] != shape[out])
      out = -1;
    LPU_CHECK(out >= 0 || shapeOf(view.source)[i] == 1,
              "only a dimension of size 1 is repeated");
    walked.push_back(out);
    exprs.push_back(out < 0 ? b.getAffineConstantExpr(0)
                            : b.getAffineDimExpr(out));
  }
  int64_t rank = shape.size();
  Value init = empty(shape, elementOf(v));
  SmallVector<Iterator> iterators(rank, Iterator::parallel);
  Value result =
      linalg::GenericOp::create(
          b, init.getType(), view.source, init,
          ArrayRef<AffineMap>{AffineMap::get(rank, 0, exprs, b.getContext()),
                              b.getMultiDimIdentityMap(rank)},
          iterators,
          [](OpBuilder &inner, Location loc, ValueRange arguments) {
            linalg::YieldOp::create(inner, loc, arguments[0]);
          })
          .getResult(0);
  views[result] = View{view.source, walked};
  return result;
}

Value Lowering::broadcast(Value v, ArrayRef<int64_t> shape) {
  if (shapeOf(v) == shape)
    return v;
  SmallVector<int64_t> dims;
  for (int64_t i = 0, n = rankOf(v); i < n; ++i)
    dims.push_back(static_cast<int64_t>(shape.size()) - n + i);
  return broadcastInDims(v, dims, shape);
}

//===----------------------------------------------------------------------===//
// (b) Reductions
//===----------------------------------------------------------------------===//

TypedAttr onnx_to_linalg::identityOf(Reduction kind, Type element,
                                     bool isUnsigned) {
  Builder b(element.getContext());
  if (auto type = dyn_cast<FloatType>(element)) {
    const llvm::fltSemantics &format = type.getFloatSemantics();
    return b.getFloatAttr(type, kind == Reduction::Sum
                                    ? APFloat::getZero(format)
                                    : APFloat::getInf(format, /*Negative=*/
                                                      kind == Reduction::Max));
  }
  unsigned width = element.getIntOrFloatBitWidth();
  if (kind == Reduction::Sum)
    return b.getIntegerAttr(element, APInt::getZero(width));
  if (kind == Reduction::Max)
    return b.getIntegerAttr(element, isUnsigned
                                         ? APInt::getMinValue(width)
                                         : APInt::getSignedMinValue(width));
  return b.getIntegerAttr(element, isUnsigned
                                       ? APInt::getMaxValue(width)
                                       : APInt::getSignedMaxValue(width));
}

Value Lowering::reduce(Reduction kind, Value v, ArrayRef<int64_t> dims,
                       bool isUnsigned) {
  if (dims.empty())
    return v;
  int64_t rank = rankOf(v);
  Type element = elementOf(v);
  SmallVector<Iterator> iterators(rank, Iterator::parallel);
  for (int64_t dim : dims)
    iterators[dim] = Iterator::reduction;
  SmallVector<int64_t> kept;
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < rank; ++i)
    if (iterators[i] == Iterator::parallel) {
      kept.push_back(shapeOf(v)[i]);
      exprs.push_back(b.getAffineDimExpr(i));
    }
  Value identity =
      arith::ConstantOp::create(b, identityOf(kind, element, isUnsigned));
  Value init =
      linalg::FillOp::create(b, identity, empty(kept, element)).getResult(0);
  return linalg::GenericOp::create(
             b, init.getType(), v, init,
             ArrayRef<AffineMap>{
                 b.getMultiDimIdentityMap(rank),
                 AffineMap::get(rank, 0, exprs, b.getContext())},
             iterators,
             [&](OpBuilder &inner, Location loc, ValueRange arguments) {
               ImplicitLocOpBuilder at(loc, inner);
               Scalars s(at, isUnsigned);
               Value in = arguments[0], sum = arguments[1];
               linalg::YieldOp::create(
                   at, kind == Reduction::Sum   ? s.add(sum, in)
                       : kind == Reduction::Max ? s.max(sum, in)
                                                : s.min(sum, in));
             })
      .getResult(0);
}

Value Lowering::keepDims(Value reduced, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> shape(shapeOf(reduced));
  SmallVector<int64_t> sorted(dims);
  llvm::sort(sorted);
  for (int64_t dim : sorted)
    shape.insert(shape.begin() + dim, 1);
  return reshape(reduced, shape);
}

//===----------------------------------------------------------------------===//
// (c) Contractions
//===----------------------------------------------------------------------===//

static Value extend(OpBuilder &b, Location loc, Value v, Type to,
                    bool isUnsigned) {
  if (v.getType() == to)
    return v;
  if (isa<FloatType>(to))
    return arith::ExtFOp::create(b, loc, to, v);
  return isUnsigned ? arith::ExtUIOp::create(b, loc, to, v).getResult()
                    : arith::ExtSIOp::create(b, loc, to, v).getResult();
}

Value Lowering::contract(Value lhs, Value rhs, Type accumulator,
                         bool unsignedLhs, bool unsignedRhs) {
  int64_t lhsRank = rankOf(lhs), rhsRank = rankOf(rhs);
  int64_t batch = std::max(lhsRank, rhsRank) - 2;
  int64_t rank = batch + 3, m = batch, n = batch + 1, k = batch + 2;
  SmallVector<int64_t> shape(batch, 1);
  for (Value v : {lhs, rhs})
    for (int64_t i = 0, own = rankOf(v) - 2; i < own; ++i)
      shape[batch - own + i] = std::max(shape[batch - own + i], shapeOf(v)[i]);
  auto mapOf = [&](Value v, int64_t row, int64_t column) {
    SmallVector<AffineExpr> exprs;
    for (int64_t i = 0, own = rankOf(v) - 2; i < own; ++i) {
      int64_t out = batch - own + i;
      exprs.push_back(shapeOf(v)[i] != shape[out] ? b.getAffineConstantExpr(0)
                                                  : b.getAffineDimExpr(out));
    }
    exprs.push_back(b.getAffineDimExpr(row));
    exprs.push_back(b.getAffineDimExpr(column));
    return AffineMap::get(rank, 0, exprs, b.getContext());
  };
  SmallVector<AffineMap> maps{mapOf(lhs, m, k), mapOf(rhs, k, n)};
  shape.push_back(shapeOf(lhs)[lhsRank - 2]);
  shape.push_back(shapeOf(rhs)[rhsRank - 1]);
  Value zero = arith::ConstantOp::create(
      b, identityOf(Reduction::Sum, accumulator, false));
  Value init =
      linalg::FillOp::create(b, zero, empty(shape, accumulator)).getResult(0);
  maps.push_back(mapOf(init, m, n));
  SmallVector<Iterator> iterators(rank, Iterator::parallel);
  iterators[k] = Iterator::reduction;
  return linalg::GenericOp::create(
             b, init.getType(), ValueRange{lhs, rhs}, init, maps, iterators,
             [&](OpBuilder &inner, Location loc, ValueRange arguments) {
               ImplicitLocOpBuilder at(loc, inner);
               Scalars s(at);
               Value l =
                   extend(inner, loc, arguments[0], accumulator, unsignedLhs);
               Value r =
                   extend(inner, loc, arguments[1], accumulator, unsignedRhs);
               linalg::YieldOp::create(at, s.add(arguments[2], s.mul(l, r)));
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// (d) Gather
//===----------------------------------------------------------------------===//

Value Lowering::gatherRows(Value table, Value indices, bool mayBeNegative) {
  int64_t indexRank = rankOf(indices), features = rankOf(table) - 1;
  int64_t rank = indexRank + features, rows = shapeOf(table)[0];
  SmallVector<int64_t> shape(shapeOf(indices));
  llvm::append_range(shape, shapeOf(table).drop_front());
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < indexRank; ++i)
    exprs.push_back(b.getAffineDimExpr(i));
  Value init = empty(shape, elementOf(table));
  SmallVector<Iterator> iterators(rank, Iterator::parallel);
  return linalg::GenericOp::create(
             b, init.getType(), indices, init,
             ArrayRef<AffineMap>{AffineMap::get(rank, 0, exprs, b.getContext()),
                                 b.getMultiDimIdentityMap(rank)},
             iterators,
             [&](OpBuilder &inner, Location loc, ValueRange arguments) {
               ImplicitLocOpBuilder at(loc, inner);
               Scalars s(at);
               Value row = arguments[0];
               if (mayBeNegative) {
                 Value isNegative = s.less(row, s.constant(row.getType(), 0));
                 Value fromEnd = s.add(row, s.constant(row.getType(), rows));
                 row = s.select(isNegative, fromEnd, row);
               }
               SmallVector<Value> position{
                   arith::IndexCastOp::create(at, at.getIndexType(), row)};
               for (int64_t i = 0; i < features; ++i)
                 position.push_back(linalg::IndexOp::create(at, indexRank + i));
               linalg::YieldOp::create(
                   at,
                   tensor::ExtractOp::create(at, table, position).getResult());
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// (e) Data movement
//===----------------------------------------------------------------------===//

/// Splits both shapes into the same number of runs with equal products, as
/// many as possible: the finest common grouping of a reshape. Neither shape is
/// empty and no dimension is 0.
static void commonGroups(ArrayRef<int64_t> from, ArrayRef<int64_t> to,
                         SmallVector<ReassociationIndices> &fromGroups,
                         SmallVector<ReassociationIndices> &toGroups) {
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    int64_t left = from[i], right = to[j];
    ReassociationIndices &fromRun = fromGroups.emplace_back();
    ReassociationIndices &toRun = toGroups.emplace_back();
    fromRun.push_back(i++);
    toRun.push_back(j++);
    while (left != right) {
      if (left < right) {
        left *= from[i];
        fromRun.push_back(i++);
      } else {
        right *= to[j];
        toRun.push_back(j++);
      }
    }
  }
  // Trailing ones of either side join the last run.
  while (i < from.size())
    fromGroups.back().push_back(i++);
  while (j < to.size())
    toGroups.back().push_back(j++);
}

/// If the shapes differ only in ones: for every dim of `from` the dim of `to`
/// that walks it, -1 for a dropped one.
static std::optional<SmallVector<int64_t>> unitReshape(ArrayRef<int64_t> from,
                                                       ArrayRef<int64_t> to) {
  SmallVector<int64_t> dims;
  size_t j = 0;
  for (int64_t size : from) {
    if (size == 1) {
      // A one that has a partner stays that dim: the map needs no constant.
      bool stays = j < to.size() && to[j] == 1;
      dims.push_back(stays ? static_cast<int64_t>(j++) : -1);
      continue;
    }
    while (j < to.size() && to[j] == 1)
      ++j;
    if (j == to.size() || to[j] != size)
      return std::nullopt;
    dims.push_back(j++);
  }
  return dims;
}

Value Lowering::reshape(Value v, ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> from = shapeOf(v);
  if (from == shape)
    return v;
  Type element = elementOf(v);
  auto type = RankedTensorType::get(shape, element);
  Value result;
  if (from.empty() || shape.empty()) {
    result = from.empty() ? tensor::ExpandShapeOp::create(
                                b, type, v, ArrayRef<ReassociationIndices>{})
                                .getResult()
                          : tensor::CollapseShapeOp::create(
                                b, type, v, ArrayRef<ReassociationIndices>{})
                                .getResult();
  } else {
    SmallVector<ReassociationIndices> fromGroups, toGroups;
    commonGroups(from, shape, fromGroups, toGroups);
    SmallVector<int64_t> middle;
    for (const ReassociationIndices &group : fromGroups) {
      int64_t product = 1;
      for (int64_t i : group)
        product *= from[i];
      middle.push_back(product);
    }
    result = v;
    if (ArrayRef<int64_t>(middle) != from)
      result = tensor::CollapseShapeOp::create(
          b, RankedTensorType::get(middle, element), result, fromGroups);
    if (ArrayRef<int64_t>(middle) != shape)
      result = tensor::ExpandShapeOp::create(b, type, result, toGroups);
  }
  if (std::optional<SmallVector<int64_t>> dims = unitReshape(from, shape)) {
    View view = viewOf(v);
    for (int64_t &dim : view.dims)
      dim = dim < 0 ? -1 : (*dims)[dim];
    views[result] = view;
  }
  return result;
}

Value Lowering::transpose(Value v, ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> shape, moving;
  for (int64_t dim : permutation) {
    shape.push_back(shapeOf(v)[dim]);
    if (shape.back() != 1)
      moving.push_back(dim);
  }
  if (llvm::is_sorted(moving)) // only ones change place
    return reshape(v, shape);
  return linalg::TransposeOp::create(b, v, empty(shape, elementOf(v)),
                                     permutation)
      ->getResult(0);
}

Value Lowering::slice(Value v, ArrayRef<int64_t> offsets,
                      ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) {
  if (sizes == shapeOf(v))
    return v;
  auto fold = [&](ArrayRef<int64_t> numbers) {
    return getAsIndexOpFoldResult(b.getContext(), numbers);
  };
  return tensor::ExtractSliceOp::create(b, v, fold(offsets), fold(sizes),
                                        fold(strides));
}

Value Lowering::sliceDim(Value v, int64_t dim, int64_t offset, int64_t size,
                         int64_t stride) {
  SmallVector<int64_t> offsets(rankOf(v), 0), strides(rankOf(v), 1);
  SmallVector<int64_t> sizes(shapeOf(v));
  offsets[dim] = offset;
  sizes[dim] = size;
  strides[dim] = stride;
  return slice(v, offsets, sizes, strides);
}

Value Lowering::concat(ValueRange values, int64_t dim) {
  SmallVector<Value> parts;
  for (Value v : values)
    if (!llvm::is_contained(shapeOf(v), 0))
      parts.push_back(v);
  if (parts.empty())
    return values.front();
  if (parts.size() == 1)
    return parts.front();
  return tensor::ConcatOp::create(b, dim, parts);
}

Value Lowering::pad(Value v, ArrayRef<int64_t> low, ArrayRef<int64_t> high,
                    TypedAttr value) {
  SmallVector<int64_t> shape;
  for (auto [size, before, after] : llvm::zip(shapeOf(v), low, high))
    shape.push_back(size + before + after);
  if (ArrayRef<int64_t>(shape) == shapeOf(v))
    return v;
  auto padded =
      tensor::PadOp::create(b, RankedTensorType::get(shape, elementOf(v)), v,
                            low, high, ValueRange{}, ValueRange{});
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Type> indices(shape.size(), b.getIndexType());
  SmallVector<Location> locations(shape.size(), b.getLoc());
  b.createBlock(&padded.getRegion(), {}, indices, locations);
  tensor::YieldOp::create(b, arith::ConstantOp::create(b, value));
  return padded;
}
