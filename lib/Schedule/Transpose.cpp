//===- Transpose.cpp - rows to lanes through a plane ----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A column install is a transpose: source rows become weight columns, and
// passing the rows of an identity matrix reads the weight rows out. In int8
// format this moves any bits: every byte plane goes through by itself (as a
// number in -128 .. 127), is shifted to its place and or-ed with the others.
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::schedule;
using isa::Opcode;
using stream::Flow;
using stream::Node;
using stream::Tile;
using stream::TransposeTile;
using stream::Value;

SchedulerImpl::TransposePlan
SchedulerImpl::planTranspose(const TransposeTile &move) {
  TransposePlan plan;
  if (!identityTile) {
    Tile tile;
    tile.name = "identity";
    tile.kind = Tile::Constant;
    tile.type = isa::ElementType::i8;
    unsigned size = std::min(machine.lanes, machine.planeRows);
    tile.rows = tile.features = size;
    tile.groupSize = machine.lanes;
    stream::ConstantSource source;
    source.data = std::make_shared<std::vector<uint8_t>>(size_t(size) * size);
    for (unsigned i = 0; i < size; ++i)
      (*source.data)[size_t(i) * size + i] = 1;
    source.elementType = "i8";
    source.rowAxes = {{size, size}};
    source.featureAxes = {{size, 1}};
    tile.sources = {source};
    identityTile = internalTile(tile);
  }
  plan.identity = *identityTile;
  isa::ElementType type = program.tiles[move.src].type;
  unsigned width = isa::byteWidth(type);
  stream::Access target{move.dst, move.dstChunk, move.dstRow, 1};
  plan.combine.name = move.name;
  plan.combine.iterations = move.lanes;
  unsigned sum = 0;
  for (unsigned byte = 0; byte < width; ++byte) {
    Flow flow;
    flow.name = move.name;
    flow.iterations = move.lanes;
    flow.nodes.emplace_back();
    flow.nodes[0].kind = Node::Product;
    if (width == 1) {
      unsigned value =
          type == isa::ElementType::u8
              ? flow.addAlu(Opcode::alu_and, Value::of(0), Value::imm(), 0xff)
              : flow.addAlu(Opcode::alu_mov, Value::of(0));
      flow.writes.push_back({value, target});
      plan.perByte.push_back(flow);
      return plan;
    }
    unsigned low =
        flow.addAlu(Opcode::alu_and, Value::of(0), Value::imm(), 0xff);
    unsigned placed =
        flow.addAlu(Opcode::alu_shl, Value::of(low), Value::imm(), 8 * byte);
    Tile part;
    part.name = move.name + " (byte)";
    part.type = isa::ElementType::i32;
    part.rows = move.lanes;
    part.features = part.groupSize = machine.lanes;
    unsigned tile = internalTile(part);
    flow.writes.push_back({placed, {tile, 0, 0, 1}});
    plan.perByte.push_back(flow);
    unsigned node = plan.combine.addRead({tile, 0, 0, 1});
    sum = byte ? plan.combine.addAlu(Opcode::alu_or, Value::of(sum),
                                     Value::of(node))
               : node;
  }
  if (width == 2) {
    // As a signed number that the 16-bit conversion keeps.
    sum =
        plan.combine.addAlu(Opcode::alu_shl, Value::of(sum), Value::imm(), 16);
    sum =
        plan.combine.addAlu(Opcode::alu_sar, Value::of(sum), Value::imm(), 16);
  }
  plan.combine.writes.push_back({sum, target});
  return plan;
}

bool SchedulerImpl::scheduleTranspose(const TransposeTile &move) {
  const TransposePlan &plan = transposes[&move];
  if (move.lanes > machine.planeRows)
    return fail(llvm::formatv(
        "'{0}': {1} lanes are moved at once, a plane has {2} rows", move.name,
        move.lanes, machine.planeRows));
  useFormat(false);
  auto &list = gangs[false];
  for (Gang &gang : list)
    gang.activeKey.clear();
  int64_t block = machine.accumulatorRows, delay = machine.matrixDelay(false);
  for (unsigned byte = 0; byte < plan.perByte.size(); ++byte) {
    Gang &gang = list[byte % list.size()];
    stream::KTile k;
    k.a = {plan.identity, 0, 0, 1};
    k.laneCount = move.lanes;
    k.byColumns = true;
    k.b = move.src;
    k.bChunk = move.srcChunk;
    k.bRow = move.srcRow;
    k.bLaneBase = move.srcLane;
    k.columnBase = move.dstLane;
    k.columnCount = move.rows;
    for (int64_t row = 0; row < move.lanes; row += block) {
      int64_t end = std::min<int64_t>(move.lanes, row + block);
      if (row == 0 &&
          !placeInstall(gang, k, false, end - row, move.name, int(byte)))
        return false;
      auto pass =
          placePasses({PassWork{&gang, &k}}, false, row, end, false, move.name);
      if (!pass)
        return false;
      ProductSource product;
      product.gang = &gang;
      FlowRequest epilogue(plan.perByte[byte], row, end);
      epilogue.product = &product;
      epilogue.drainReady = *pass + delay;
      auto drained = placeFlow(epilogue);
      if (!drained)
        return false;
      gang.drainBound = drained->drainAt + 1 - delay +
                        (end - row - 1) * (drained->interval - 1);
    }
  }
  if (plan.combine.writes.empty())
    return true;
  FlowRequest combine(plan.combine, 0, plan.combine.iterations);
  combine.rawBits = true;
  return placeFlow(combine).has_value();
}
