//===- Sources.cpp - what a region reads ----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::linalg_to_stream;

LaneValue Emitter::laneValue(unsigned tile, const View &view) const {
  isa::ElementType type = program.tiles[tile].type;
  if (type == isa::ElementType::f32 || type == isa::ElementType::f16)
    return LaneValue::Float;
  const IntegerRange &range = view.source->range;
  bool isSmall = range.low >= 0 && range.high < int64_t(1) << 23;
  return isSmall ? LaneValue::Small : LaneValue::Integer;
}

VectorOperand Emitter::readLocated(const Located &at, const View &view,
                                   const Layout &domain, Dag &dag,
                                   const Tensor &user) {
  const Place &place = at.place;
  TileRead read;
  read.tile = at.tile;
  read.rows.base = place.row;
  bool onRows = true, agrees = true, varies = false;
  for (unsigned d : rowDims(view.sizes, domain)) {
    onRows &= place.featureStride[d] == 0;
    read.rows.append(view.sizes[d], place.rowStride[d]);
  }
  for (unsigned d : featureDims(view.sizes, domain)) {
    varies |= place.featureStride[d] != 0 || place.rowStride[d] != 0;
    agrees &= place.featureStride[d] == domain.feature[d];
  }
  read.chunk = place.feature / machine.lanes;
  unsigned lane = place.feature % machine.lanes;
  auto tail = tails.find(at.tile);
  Tail stored = tail == tails.end() ? Tail::Unknown : tail->second;
  if (!onRows || (varies && (!agrees || lane != 0))) {
    std::optional<Located> moved =
        relocated(Elements{at.tile, place, nullptr, at.isSplat}, view, domain,
                  std::nullopt, /*maySplat=*/true, user);
    return moved ? readLocated(*moved, view, domain, dag, user)
                 : VectorOperand();
  }
  if (!varies) {
    VectorOperand value = dag.read(read, /*single=*/true);
    if (!at.isSplat)
      value = dag.laneBroadcast(value, lane, laneValue(at.tile, view),
                                at.features == 1 && stored == Tail::Zero);
    return value;
  }
  // A slice has other features behind its last one.
  bool isToEnd = place.feature + domain.features == at.features;
  read.tail = isToEnd ? stored : Tail::Unknown;
  return dag.read(read, /*single=*/false);
}

VectorOperand Emitter::source(const View &view, const Layout &domain, Dag &dag,
                              const Tensor &user) {
  Tensor &from = *view.source;
  if (!from.isLight) {
    std::optional<Place> place = placeOf(view, from.layout);
    std::optional<Located> at;
    if (place)
      at = Located{vectorTileOf(from), *place, from.layout.isSplat,
                   from.layout.features};
    else
      at = relocated(Elements{vectorTileOf(from), std::nullopt, &from.layout,
                              from.layout.isSplat},
                     view, domain, std::nullopt, /*maySplat=*/true, user);
    if (!at)
      return {};
    VectorOperand value = readLocated(*at, view, domain, dag, user);
    bool isRaw = holdsFloat(from) && value.kind == VectorOperand::Node;
    return isRaw ? dag.alu(Opcode::alu_f2i, value) : value;
  }
  Memo memo;
  bool isLeaf = from.kind == Tensor::Input || from.kind == Tensor::Constant ||
                (from.kind == Tensor::Map && from.operands.empty());
  if (isLeaf)
    return inlined(view, domain, dag, user, memo);
  std::optional<Located> at = makeLight(view, domain, std::nullopt, user);
  return at ? readLocated(*at, view, domain, dag, user) : VectorOperand();
}

//===----------------------------------------------------------------------===//
// Constants and inputs
//===----------------------------------------------------------------------===//

VectorOperand Emitter::readConstant(const View &view, const Layout &domain,
                                    Dag &dag) {
  const Tensor &from = *view.source;
  stream::ConstantSource constant = from.constant;
  constant.offset += view.offset;
  TileRead read;
  int64_t rows = 1;
  Sizes strides(view.rank(), 0); // of the tile's rows
  for (unsigned d : llvm::reverse(rowDims(view.sizes, domain)))
    if (view.strides[d] != 0) {
      strides[d] = rows;
      rows *= view.sizes[d];
    }
  for (unsigned d : rowDims(view.sizes, domain)) {
    if (view.strides[d] != 0)
      constant.rowAxes.push_back({view.sizes[d], view.strides[d]});
    read.rows.append(view.sizes[d], strides[d]);
  }
  bool varies = false;
  for (unsigned d : featureDims(view.sizes, domain)) {
    varies |= view.strides[d] != 0;
    constant.featureAxes.push_back({view.sizes[d], view.strides[d]});
  }
  if (!varies) // one value in all lanes
    constant.featureAxes.assign(1, {int64_t(machine.lanes), 0});
  isa::ElementType type =
      from.isFloat() ? isa::ElementType::f32 : storedType(from);
  read.tile = constantTile(from.name, type, constant, false);
  read.tail = Tail::Zero;
  return dag.read(read, !varies);
}

std::optional<Emitter::Located>
Emitter::readInput(const View &view, const Layout &domain,
                   std::optional<isa::ElementType> wanted, const Tensor &user) {
  Tensor &input = *view.source;
  Layout layout = inputLayout(view, domain);
  std::optional<Place> place = placeOf(view, layout);
  if (!place) {
    Layout natural = naturalLayout(input.shape);
    std::optional<Located> at =
        readInput(wholeView(&input), natural, std::nullopt, user);
    return at ? relocated(Elements{at->tile, std::nullopt, &natural, false},
                          view, domain, wanted, /*maySplat=*/true, user)
              : std::nullopt;
  }
  isa::ElementType type = wanted            ? *wanted
                          : input.isFloat() ? boundType(input.hostType)
                                            : storedType(input);
  std::string key =
      "input " + std::to_string(input.id) + " " + std::to_string(int(type));
  for (unsigned i = 0; i < input.shape.size(); ++i)
    key += " " + std::to_string(layout.row[i]) + ":" +
           std::to_string(layout.feature[i]);
  auto [it, isNew] = lightTiles.try_emplace(key);
  if (isNew) {
    stream::Tile tile;
    tile.name = input.name;
    tile.kind = stream::Tile::Input;
    tile.type = type;
    tile.rows = layout.rows;
    tile.features = layout.features;
    tile.binding.name = input.name;
    tile.binding.hostType = input.hostType;
    tile.binding.chipType = type;
    tile.binding.shape.assign(input.shape.begin(), input.shape.end());
    Placement placement;
    placement.rowStride.assign(layout.row.begin(), layout.row.end());
    placement.featureStride.assign(layout.feature.begin(),
                                   layout.feature.end());
    placement.groupSize = machine.lanes;
    tile.binding.placements.push_back(placement);
    it->second.tile = newTile(tile);
    tails[it->second.tile] = input.isPort ? Tail::Unknown : Tail::Zero;
  }
  // What only the vector unit reads needs one copy, which the host writes in
  // half the time.
  if (wanted || !input.isFloat())
    program.tiles[it->second.tile].bothHalves |= input.isMoving;
  return Located{it->second.tile, *place, false, layout.features};
}

//===----------------------------------------------------------------------===//
// Light tensors
//===----------------------------------------------------------------------===//

VectorOperand Emitter::inlined(const View &view, const Layout &domain, Dag &dag,
                               const Tensor &user, Memo &memo) {
  Tensor &from = *view.source;
  auto known = memo.find(keyOf(view));
  if (known != memo.end())
    return known->second;
  VectorOperand value;
  switch (from.kind) {
  case Tensor::Constant:
    value = readConstant(view, domain, dag);
    break;
  case Tensor::Input:
    if (auto at = readInput(view, domain, std::nullopt, user))
      value = readLocated(*at, view, domain, dag, user);
    // The linalg layer has bytes with a sign only.
    if (value.kind != VectorOperand::None && from.element == "i8" &&
        from.hostType == "uint8") {
      value = dag.alu(Opcode::alu_shl, value, VectorOperand::imm(24));
      value = dag.alu(Opcode::alu_sar, value, VectorOperand::imm(24));
    }
    break;
  case Tensor::Map: {
    SmallVector<VectorOperand, 4> inputs;
    for (const View &operand : from.operands) {
      std::optional<View> through = composed(view, operand);
      if (!through) { // made in its own shape, and moved
        if (auto at = makeWhole(view, domain, user))
          value = readLocated(*at, view, domain, dag, user);
        memo[keyOf(view)] = value;
        return value;
      }
      inputs.push_back(inlined(*through, domain, dag, user, memo));
      if (inputs.back().kind == VectorOperand::None)
        return {};
    }
    value = body(from, dag, inputs);
    break;
  }
  default:
    if (auto at = makeLightReduce(view, domain, user))
      value = readLocated(*at, view, domain, dag, user);
    break;
  }
  memo[keyOf(view)] = value;
  return value;
}

std::optional<Emitter::Located>
Emitter::makeWhole(const View &view, const Layout &domain, const Tensor &user) {
  Tensor &from = *view.source;
  Layout natural = naturalLayout(from.shape);
  std::optional<Located> at =
      makeLight(wholeView(&from), natural, std::nullopt, user);
  if (!at)
    return std::nullopt;
  return relocated(Elements{at->tile, std::nullopt, &natural, at->isSplat},
                   view, domain, std::nullopt, /*maySplat=*/true, user);
}

std::optional<Emitter::Located>
Emitter::makeLight(const View &view, const Layout &domain,
                   std::optional<isa::ElementType> wanted, const Tensor &user,
                   bool isMoving) {
  Tensor &from = *view.source;
  if (from.kind == Tensor::Input)
    return readInput(view, domain, wanted, user);
  if (from.kind == Tensor::Reduce && !wanted)
    return makeLightReduce(view, domain, user);
  // Dimensions along which the view repeats need no rows, nor features if it
  // repeats along all of them.
  View active = view;
  SmallVector<unsigned, 6> rows, features = featureDims(view.sizes, domain);
  bool varies =
      llvm::any_of(features, [&](unsigned d) { return view.strides[d] != 0; });
  if (!varies)
    features.clear();
  for (unsigned d : rowDims(view.sizes, domain))
    if (view.strides[d] != 0)
      rows.push_back(d);
  for (unsigned d = 0; d < view.rank(); ++d)
    if (!llvm::is_contained(rows, d) && !llvm::is_contained(features, d))
      active.sizes[d] = 1;
  Layout layout = layoutOf(active.sizes, rows, features);
  isa::ElementType type = wanted           ? *wanted
                          : from.isFloat() ? isa::ElementType::f32
                                           : storedType(from);

  std::string key = "light " + keyOf(active) + " " + std::to_string(int(type)) +
                    (isMoving ? " moving" : "");
  for (unsigned d = 0; d < view.rank(); ++d)
    key += " " + std::to_string(layout.row[d]) + ":" +
           std::to_string(layout.feature[d]);
  Place place;
  place.rowStride = layout.row;
  place.featureStride = layout.feature;
  auto known = lightTiles.find(key);
  if (known != lightTiles.end()) {
    Located at = known->second;
    return at;
  }
  Dag own(layout, machine.lanes);
  Memo memo;
  RegionOutput output;
  output.value = inlined(active, layout, own, user, memo);
  if (failed || output.value.kind == VectorOperand::None)
    return std::nullopt;
  Located at{temporary(from.name, type, layout.rows, layout.features), place,
             layout.isSplat, layout.features};
  program.tiles[at.tile].bothHalves = isMoving;
  output.tiles.push_back(at.tile);
  own.fuse(output.value);
  FlowMaker flows(own, {output}, from.name, context(from.name));
  runFlows(flows, user);
  lightTiles[key] = at;
  return at;
}

unsigned Emitter::asIntegers(unsigned tile, const Layout &layout,
                             const Tensor &tensor) {
  Dag dag(layout, machine.lanes);
  TileRead read;
  read.tile = tile;
  read.rows.append(layout.rows, 1);
  RegionOutput output;
  output.value = dag.alu(Opcode::alu_f2i, dag.read(read, layout.isSplat));
  unsigned result = temporary(tensor.name, isa::ElementType::i32, layout.rows,
                              layout.features);
  output.tiles.push_back(result);
  FlowMaker flows(dag, {output}, tensor.name, context(tensor.name));
  runFlows(flows, tensor);
  return result;
}

std::optional<Emitter::Located> Emitter::makeLightReduce(const View &view,
                                                         const Layout &domain,
                                                         const Tensor &user) {
  Tensor &from = *view.source;
  const View &operand = from.operands[0];
  LightReduce plan = lightReduce(view, domain);
  const Layout &space = plan.space, &result = plan.result;
  bool onLanes = plan.onLanes;

  std::string key = "reduce " + std::to_string(from.id);
  for (int64_t stride : result.feature)
    key += stride ? "f" : "r";
  auto known = lightTiles.find(key);
  unsigned tile;
  if (known != lightTiles.end()) {
    tile = known->second.tile;
  } else {
    Dag own(space, machine.lanes);
    Memo memo;
    VectorOperand value = inlined(operand, space, own, user, memo);
    if (failed || value.kind == VectorOperand::None)
      return std::nullopt;
    RegionOutput output;
    output.period = space.rows / result.rows;
    output.value = reduced(from, own, value, onLanes, output.period);
    bool isRaw = !onLanes && !from.isFloat(); // see holdsFloat
    isa::ElementType type =
        from.isFloat() || isRaw ? isa::ElementType::f32 : storedType(from);
    tile = temporary(from.name, type, result.rows, result.features);
    output.tiles.push_back(tile);
    own.fuse(output.value);
    FlowMaker flows(own, {output}, from.name, context(from.name));
    runFlows(flows, user);
    if (isRaw)
      tile = asIntegers(tile, result, from);
    lightTiles[key].tile = tile;
  }
  std::optional<Place> place = placeOf(view, result);
  if (!place)
    return relocated(Elements{tile, std::nullopt, &result, result.isSplat},
                     view, domain, std::nullopt, /*maySplat=*/true, user);
  return Located{tile, *place, result.isSplat, result.features};
}
