//===- Program.cpp - what flows ask of the machine ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Stream/Program.h"
#include "lpu/Stream/AluShape.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

using namespace lpu;
using namespace lpu::stream;

FlowDemand stream::flowDemand(const Flow &flow, const Program &program) {
  FlowDemand demand;
  size_t count = flow.nodes.size();
  std::vector<unsigned> users(count, 0); // nodes, not operands
  for (const Node &node : flow.nodes) {
    if (node.kind != Node::Alu)
      continue;
    llvm::SmallVector<unsigned, 3> seen;
    for (const Value &value : {node.a, node.b, node.c})
      if (value.kind == Value::Node && !llvm::is_contained(seen, value.node)) {
        seen.push_back(value.node);
        ++users[value.node];
      }
  }
  // Types in which a node has been written to the first half.
  std::vector<llvm::SmallVector<ElementType, 2>> written(count);
  for (const Write &write : flow.writes) {
    const Tile &tile = program.tiles[write.access.tile];
    bool isFirst = written[write.node].empty();
    if (!llvm::is_contained(written[write.node], tile.type)) {
      written[write.node].push_back(tile.type);
    }
    // An ALU result has one destination; every further write is a move.
    demand.streamsOut += byteWidth(tile.type);
    demand.alus += !isFirst;
    if (tile.bothHalves) {
      ++demand.alus;
      demand.streamsOut += byteWidth(tile.type);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    const Node &node = flow.nodes[i];
    if (node.kind == Node::Alu) {
      ++demand.alus;
      std::optional<AluShape> shape = aluShape(node.op);
      demand.transcendental += shape == AluShape::Transcendental;
      demand.reduce += shape == AluShape::Reduce;
      continue;
    }
    demand.streamsIn += node.kind == Node::Product
                            ? 4
                            : byteWidth(program.tiles[node.access.tile].type);
    // A value on a stream is in the vector unit for one cycle: several users,
    // or a write, need it in the history of an ALU.
    demand.alus += users[i] > 1 || !written[i].empty();
  }
  return demand;
}
