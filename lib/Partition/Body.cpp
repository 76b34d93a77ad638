//===- Body.cpp - the function of one member of a stage -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyBuilder.h"
#include "MaskedLookup.h"

#include "dialects/Fabric/Fabric.h"
#include "lpu/Support/Check.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

std::pair<int64_t, int64_t> BodyBuilder::part(int axis) const {
  return share(model.axes[axis].units, stage.width, member);
}

int64_t BodyBuilder::partSize(int64_t size, int axis) const {
  auto [low, high] = part(axis);
  return size / model.axes[axis].units * (high - low);
}

RankedTensorType BodyBuilder::cutType(Type type, Cut cut) const {
  auto tensor = cast<RankedTensorType>(type);
  if (!cut)
    return tensor;
  SmallVector<int64_t> shape(tensor.getShape());
  shape[cut.dim] = partSize(shape[cut.dim], cut.axis);
  return RankedTensorType::get(shape, tensor.getElementType());
}

tensor::ExtractSliceOp BodyBuilder::slice(Location loc, mlir::Value v,
                                          RankedTensorType type, Cut cut,
                                          int64_t at) {
  unsigned rank = shapeOf(v).size();
  SmallVector<OpFoldResult> offsets(rank, builder.getIndexAttr(0)),
      strides(rank, builder.getIndexAttr(1)), sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(builder.getIndexAttr(size));
  if (cut)
    offsets[cut.dim] = builder.getIndexAttr(at);
  return tensor::ExtractSliceOp::create(builder, loc, type, v, offsets, sizes,
                                        strides);
}

/// A part of a value at the place of this member: literal, so the body is its
/// own.
mlir::Value BodyBuilder::literalSlice(Location loc, mlir::Value v, Cut cut) {
  body.isUnique = true;
  int64_t perUnit = shapeOf(v)[cut.dim] / model.axes[cut.axis].units;
  return slice(loc, v, cutType(v.getType(), cut), cut,
               part(cut.axis).first * perUnit);
}

/// The parameter's array as canonical constant, and the part of it: of a table
/// in parts, `rows` are those of the part, and the cut is one of them.
mlir::Value BodyBuilder::parameter(Operation *source, Cut cut,
                                   tensor::ExtractSliceOp rows) {
  Operation *op = builder.clone(*source);
  ParameterRule rule;
  rule.op = op;
  rule.source = source;
  if (op->getName().getStringRef() == "onnx.Initializer") {
    op->setAttr("name", builder.getStringAttr(""));
    op->setAttr("file", builder.getStringAttr(""));
    op->setAttr("offset", builder.getI64IntegerAttr(0));
  } else {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    op->setAttr("value", DenseElementsAttr::get(
                             type, builder.getZeroAttr(type.getElementType())));
  }
  op->setAttr(fabric::parameterAttr,
              builder.getI64IntegerAttr(body.parameters.size()));
  mlir::Value result = op->getResult(0);
  if (cut || rows) {
    ArrayRef<int64_t> shape = shapeOf(result);
    auto whole =
        rows ? rows.getType() : cast<RankedTensorType>(result.getType());
    int64_t elements = 1; // of the dimensions inside
    for (unsigned d = shape.size(); d-- > 0; elements *= shape[d]) {
      if (rows)
        rule.base += rows.getStaticOffsets()[d] * elements;
      if (!cut || d != cut.dim)
        continue;
      rule.axis = cut.axis;
      rule.perUnit = whole.getDimSize(d) / model.axes[cut.axis].units;
      rule.stride = elements;
    }
    auto part = slice(op->getLoc(), result, cutType(whole, cut), {}, 0);
    part->setAttr(fabric::partAttr, builder.getUnitAttr());
    rule.slice = part;
    result = part;
  }
  body.parameters.push_back(rule);
  return result;
}

mlir::Value BodyBuilder::freeValue(mlir::Value v, Cut cut) {
  auto [it, isNew] =
      made.try_emplace({v.getAsOpaquePointer(), cut.axis, cut ? cut.dim : 0u});
  if (!isNew && it->second)
    return it->second;
  mlir::Value result = makeFree(v, cut);
  made[{v.getAsOpaquePointer(), cut.axis, cut ? cut.dim : 0u}] = result;
  return result;
}

mlir::Value BodyBuilder::makeFree(mlir::Value v, Cut cut) {
  Operation *op = v.getDefiningOp();
  Location loc = op->getLoc();
  if (!isa<RankedTensorType>(v.getType())) // a scalar
    return builder.clone(*op)->getResult(0);
  if (op->getName().getStringRef() == "onnx.Initializer")
    return parameter(op, cut);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto value = cast<DenseElementsAttr>(constant.getValue());
    if (value.isSplat()) {
      auto type = cutType(v.getType(), cut);
      return arith::ConstantOp::create(
          builder, loc, type,
          DenseElementsAttr::get(type, value.getSplatValue<Attribute>()));
    }
    if (cut || op->hasAttr(rowsAttr))
      return parameter(op, cut);
    return builder.clone(*op)->getResult(0);
  }
  if (auto rows = dyn_cast<tensor::ExtractSliceOp>(op);
      rows && op->hasAttr(rowsAttr))
    return parameter(rows.getSource().getDefiningOp(), cut, rows);
  if (isa<tensor::EmptyOp>(op)) {
    auto type = cutType(v.getType(), cut);
    return tensor::EmptyOp::create(builder, loc, type.getShape(),
                                   type.getElementType());
  }
  if (auto fill = dyn_cast<linalg::FillOp>(op)) {
    mlir::Value scalar = freeValue(fill.getInputs()[0], {}),
                init = freeValue(fill.getOutputs()[0], cut);
    return linalg::FillOp::create(builder, loc, scalar, init).getResult(0);
  }
  const Node &node = *model.nodeOf(v);
  int loop = cut ? node.resultDims[cut.dim] : none;
  int64_t units = cut ? model.axes[cut.axis].units : 1;
  bool canPush = !cut || loop != none;
  for (auto [read, dims] : llvm::zip(node.reads, node.readDims))
    for (auto [d, walked] : llvm::enumerate(dims))
      if (cut && walked == loop)
        canPush &= shapeOf(read)[d] % units == 0;
  if (!canPush)
    return literalSlice(loc, freeValue(v, {}), cut);
  SmallVector<mlir::Value, 3> reads;
  for (size_t i = 0; i < node.reads.size(); ++i)
    reads.push_back(
        freeValue(node.reads[i], cutOf(node.readDims[i], loop, cut.axis)));
  return cloneNode(node, reads, loop, cut.axis);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// A copy of the op on parts: `loop` walks the member's part of `axis`.
mlir::Value BodyBuilder::cloneNode(const Node &node,
                                   ArrayRef<mlir::Value> reads, int loop,
                                   int axis) {
  Operation *op = node.op;
  Location loc = op->getLoc();
  Cut cut = cutOf(node.resultDims, loop, axis);
  RankedTensorType type = cutType(node.result().getType(), cut);
  IRMapping mapping;
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return tensor::ExpandShapeOp::create(builder, loc, type, reads[0],
                                         expand.getReassociationIndices());
  if (auto old = dyn_cast<tensor::ExtractSliceOp>(op)) {
    SmallVector<OpFoldResult> sizes;
    for (int64_t size : type.getShape())
      sizes.push_back(builder.getIndexAttr(size));
    return tensor::ExtractSliceOp::create(builder, loc, type, reads[0],
                                          old.getMixedOffsets(), sizes,
                                          old.getMixedStrides());
  }
  for (auto [from, to] : llvm::zip(node.reads, reads))
    mapping.map(from, to);
  if (auto dps = dyn_cast<DestinationStyleOpInterface>(op)) {
    mlir::Value init = dps.getDpsInits()[0];
    LPU_CHECK(model.isFree(init), "an output that starts from data");
    // One value may be read and be the start of the result: operands are set
    // one by one.
    for (Region &region : op->getRegions())
      captureInto(region, mapping);
    mlir::Value start = freeValue(init, cut);
    Operation *copy = builder.clone(*op, mapping);
    for (auto [i, read] : llvm::enumerate(dps.getDpsInputs())) {
      (void)read;
      copy->setOperand(i, reads[i]);
    }
    copy->setOperand(op->getNumOperands() - 1, start);
    copy->getResult(0).setType(type);
    return copy->getResult(0);
  }
  for (Region &region : op->getRegions())
    captureInto(region, mapping);
  Operation *copy = builder.clone(*op, mapping);
  copy->getResult(0).setType(type);
  return copy->getResult(0);
}

/// Scalar constants that a region reads from outside.
void BodyBuilder::captureInto(Region &region, IRMapping &mapping) {
  region.walk([&](Operation *inner) {
    for (mlir::Value v : inner->getOperands())
      if (!isa<RankedTensorType>(v.getType()) &&
          !region.isAncestor(v.getParentRegion()) && !mapping.contains(v))
        mapping.map(v, freeValue(v, {}));
  });
}

mlir::Value BodyBuilder::lightValue(mlir::Value v) {
  auto key = std::make_tuple(v.getAsOpaquePointer(), none, 0u);
  auto it = made.find(key);
  if (it != made.end())
    return it->second;
  mlir::Value result;
  if (auto argument = dyn_cast<BlockArgument>(v)) {
    result = block->addArgument(v.getType(), argument.getLoc());
    arguments.push_back(argument.getArgNumber());
  } else {
    const Node &node = *model.nodeOf(v);
    SmallVector<mlir::Value, 3> reads;
    for (mlir::Value read : node.reads)
      reads.push_back(model.isFree(read) ? freeValue(read, {})
                                         : lightValue(read));
    result = cloneNode(node, reads, none, none);
  }
  return made[key] = result;
}

/// The value in the wanted form. All members come here in the same order, also
/// those whose part is empty: a gather needs all of them. Null: an empty part.
mlir::Value BodyBuilder::heavyValue(mlir::Value v, Cut cut) {
  auto key =
      std::make_tuple(v.getAsOpaquePointer(), cut.axis, cut ? cut.dim : 0u);
  auto it = made.find(key);
  if (it != made.end())
    return it->second;
  Location loc = v.getLoc();
  auto whole = made.find({v.getAsOpaquePointer(), none, 0u});
  if (cut && whole != made.end()) {
    if (partSize(shapeOf(v)[cut.dim], cut.axis) == 0)
      return made[key] = {};
    return made[key] = literalSlice(loc, whole->second, cut);
  }
  // It stands in parts along another axis, or is wanted whole.
  auto standing = standsCut.find(v);
  LPU_CHECK(standing != standsCut.end(), "a value that is not made yet");
  Cut old = standing->second;
  mlir::Value local = made[{v.getAsOpaquePointer(), old.axis, old.dim}];
  if (!local) {
    auto type = cutType(v.getType(), old);
    local = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                    type.getElementType());
  }
  SmallVector<int64_t> offsets;
  int64_t units = model.axes[old.axis].units,
          perUnit = shapeOf(v)[old.dim] / units;
  for (unsigned m = 0; m < stage.width; ++m)
    offsets.push_back(share(units, stage.width, m).first * perUnit);
  offsets.push_back(units * perUnit);
  body.ports.push_back({PortRule::Group, number, 0});
  local = converted(loc, local, linkType(v.getType(), local.getType()));
  mlir::Value all = fabric::AllGatherOp::create(
      builder, loc, linkType(v.getType(), v.getType()), local, old.dim,
      offsets);
  all = converted(loc, all, cast<RankedTensorType>(v.getType()));
  made[{v.getAsOpaquePointer(), none, 0u}] = all;
  return cut ? heavyValue(v, cut) : all;
}

mlir::Value BodyBuilder::value(mlir::Value v, Cut cut) {
  if (model.isFree(v))
    return freeValue(v, cut);
  if (model.isHeavy(v))
    return heavyValue(v, cut);
  mlir::Value whole = lightValue(v);
  if (!cut)
    return whole;
  if (partSize(shapeOf(v)[cut.dim], cut.axis) == 0)
    return {};
  return literalSlice(v.getLoc(), whole, cut);
}

void BodyBuilder::emit(const Node &node) {
  int axis = cutAxis(node, stage);
  int loop = axis == none ? none : node.loopOf(axis);
  bool isEmpty = axis != none && part(axis).first == part(axis).second;
  LoopKind kind = loop == none ? LoopKind::Parallel : node.loops[loop];
  // Computed operands come first, and for all members alike.
  SmallVector<mlir::Value, 3> reads(node.reads.size());
  for (size_t i = 0; i < node.reads.size(); ++i)
    if (!model.isFree(node.reads[i]) &&
        (model.isHeavy(node.reads[i]) || !isEmpty))
      reads[i] = value(node.reads[i], cutOf(node.readDims[i], loop, axis));
  if (!isEmpty)
    for (size_t i = 0; i < node.reads.size(); ++i)
      if (model.isFree(node.reads[i]))
        reads[i] = value(node.reads[i], cutOf(node.readDims[i], loop, axis));

  mlir::Value v = node.result(), local;
  Cut stands =
      kind == LoopKind::Parallel ? cutOf(node.resultDims, loop, axis) : Cut();
  if (kind == LoopKind::Rows)
    local = isEmpty ? neutral(node) : maskedGather(node, reads, axis);
  else if (!isEmpty)
    local = cloneNode(node, reads, loop, axis);
  else if (kind != LoopKind::Parallel)
    local = neutral(node);
  if (kind != LoopKind::Parallel) {
    fabric::Combine combine = kind == LoopKind::Max   ? fabric::Combine::Max
                              : kind == LoopKind::Min ? fabric::Combine::Min
                                                      : fabric::Combine::Add;
    body.ports.push_back({PortRule::Group, number, 0});
    Location loc = node.op->getLoc();
    RankedTensorType type = linkType(v.getType(), v.getType());
    local = fabric::AllReduceOp::create(builder, loc, type, combine,
                                        converted(loc, local, type));
    local = converted(loc, local, cast<RankedTensorType>(v.getType()));
  }
  made[{v.getAsOpaquePointer(), stands.axis, stands ? stands.dim : 0u}] = local;
  if (stands)
    standsCut[v] = stands;
}

//===----------------------------------------------------------------------===//
// Between stages
//===----------------------------------------------------------------------===//

RankedTensorType BodyBuilder::linkType(Type whole, Type part) const {
  auto type = cast<RankedTensorType>(part);
  if (!plan.halfLinks || !crossesInHalf(whole))
    return type;
  return RankedTensorType::get(type.getShape(),
                               Float16Type::get(type.getContext()));
}

mlir::Value BodyBuilder::converted(Location loc, mlir::Value v,
                                   RankedTensorType type) {
  if (v.getType() == type)
    return v;
  bool narrows = type.getElementType().isF16();
  mlir::Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                             type.getElementType());
  AffineMap map =
      AffineMap::getMultiDimIdentityMap(type.getRank(), builder.getContext());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto convert = [&](OpBuilder &b, Location l, ValueRange args) {
    mlir::Value to;
    if (narrows)
      to = arith::TruncFOp::create(b, l, type.getElementType(), args[0]);
    else
      to = arith::ExtFOp::create(b, l, type.getElementType(), args[0]);
    linalg::YieldOp::create(b, l, to);
  };
  return linalg::GenericOp::create(builder, loc, type, v, init,
                                   ArrayRef<AffineMap>{map, map}, loops,
                                   convert)
      .getResult(0);
}

void BodyBuilder::receive(const Crossing &c) {
  const Node &node = model.nodes[c.node];
  mlir::Value v = node.result();
  Cut cut;
  if (c.axis != none)
    cut = cutOf(node.resultDims, node.loopOf(c.axis), c.axis);
  mlir::Value local;
  if (!cut || part(c.axis).first != part(c.axis).second) {
    RankedTensorType type = cutType(v.getType(), cut);
    local = fabric::RecvOp::create(builder, v.getLoc(),
                                   linkType(v.getType(), type));
    arrived[{c.node, c.axis}] = local;
    if (!cut)
      local.getDefiningOp()->setAttr(fabric::wholeAttr, builder.getUnitAttr());
    local = converted(v.getLoc(), local, type);
    body.ports.push_back(
        {cut ? PortRule::RecvSame : PortRule::RecvWhole, c.from, 0});
  }
  made[{v.getAsOpaquePointer(), cut.axis, cut ? cut.dim : 0u}] = local;
  if (cut)
    standsCut[v] = cut;
}

void BodyBuilder::send(const Crossing &c) {
  const Node &node = model.nodes[c.node];
  mlir::Value v = node.result();
  Cut cut;
  if (c.axis != none)
    cut = cutOf(node.resultDims, node.loopOf(c.axis), c.axis);
  // What arrived in the same form is sent as it is.
  mlir::Value local = arrived.lookup({c.node, c.axis});
  if (!local)
    local = heavyValue(v, cut);
  if (!local)
    return;
  unsigned times = 1;
  if (!cut) {
    unsigned to = plan.stages[c.to].width;
    times = to / stage.width + (member < to % stage.width);
  }
  if (times)
    local =
        converted(v.getLoc(), local, linkType(v.getType(), local.getType()));
  for (unsigned turn = 0; turn < times; ++turn) {
    auto op = fabric::SendOp::create(builder, v.getLoc(), local);
    if (!cut)
      op->setAttr(fabric::wholeAttr, builder.getUnitAttr());
    body.ports.push_back(
        {cut ? PortRule::SendSame : PortRule::SendWhole, c.to, turn});
  }
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

Body BodyBuilder::run() {
  func::FuncOp model_ = model.function;
  func::FuncOp function = func::FuncOp::create(model_.getLoc(), "chip",
                                               builder.getFunctionType({}, {}));
  body.function = function;
  block = &function.getBody().emplaceBlock();
  builder.setInsertionPointToStart(block);
  for (const Crossing &c : crossings.into[number])
    receive(c);
  // Crossings are in the order of their values. What is only handed on does not
  // wait for the work of this stage.
  llvm::ArrayRef<Crossing> sent = crossings.outOf[number];
  for (; !sent.empty() && sent.front().node < model.heavy[stage.begin];
       sent = sent.drop_front())
    send(sent.front());
  for (unsigned i = stage.begin; i < stage.end; ++i) {
    unsigned n = model.heavy[i];
    emit(model.nodes[n]);
    for (; !sent.empty() && sent.front().node == n; sent = sent.drop_front())
      send(sent.front());
  }
  // Outputs of this stage; those that no product leads to, of the last one.
  Operation *end = model_.getBody().front().getTerminator();
  SmallVector<mlir::Value> results;
  SmallVector<unsigned> outputs;
  for (auto [i, v] : llvm::enumerate(end->getOperands())) {
    bool isMine = number + 1 == plan.stages.size();
    if (model.isHeavy(v)) {
      unsigned n = model.numberOf.lookup(v.getDefiningOp());
      isMine = n >= model.heavy[stage.begin] && n <= model.heavy[stage.end - 1];
    }
    if (!isMine)
      continue;
    results.push_back(value(v, {}));
    outputs.push_back(i);
  }
  func::ReturnOp::create(builder, end->getLoc(), results);
  SmallVector<Type> resultTypes;
  for (mlir::Value v : results)
    resultTypes.push_back(v.getType());
  nameValues();
  function.setType(
      builder.getFunctionType(block->getArgumentTypes(), resultTypes));
  for (auto [i, argument] : llvm::enumerate(arguments))
    function.setArgAttrs(i, model_.getArgAttrDict(argument));
  for (auto [i, output] : llvm::enumerate(outputs))
    function.setResultAttrs(i, model_.getResultAttrDict(output));
  return std::move(body);
}

Body partition::buildBody(const Model &model, const Plan &plan,
                          const Crossings &crossings, unsigned stage,
                          unsigned member) {
  return BodyBuilder(model, plan, crossings, stage, member).run();
}
