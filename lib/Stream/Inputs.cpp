//===- Inputs.cpp - one type per input ------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Stream/Inputs.h"
#include <map>

using namespace lpu;
using namespace lpu::stream;

/// The input tile of type `type` with the layout of tile number `i`, or one
/// past the last tile.
static size_t findInput(const Program &program, size_t i, ElementType type) {
  const Tile &like = program.tiles[i];
  for (size_t t = 0; t < program.tiles.size(); ++t) {
    const Tile &tile = program.tiles[t];
    if (tile.kind != Tile::Input || tile.type != type ||
        tile.binding.name != like.binding.name || tile.rows != like.rows ||
        tile.features != like.features || tile.groupSize != like.groupSize ||
        tile.groupsPerChunk != like.groupsPerChunk)
      continue;
    const Placement &a = tile.binding.placements.front(),
                    &b = like.binding.placements.front();
    if (a.rowStride == b.rowStride && a.featureStride == b.featureStride)
      return t;
  }
  return program.tiles.size();
}

void stream::unifyInputTypes(Program &program) {
  std::map<std::string, ElementType> widest;
  for (const Tile &tile : program.tiles)
    if (tile.kind == Tile::Input) {
      auto [it, fresh] = widest.insert({tile.binding.name, tile.type});
      if (!fresh && isa::byteWidth(tile.type) > isa::byteWidth(it->second))
        it->second = tile.type;
    }
  std::vector<Kernel> copies;
  size_t count = program.tiles.size();
  for (size_t i = 0; i < count; ++i) {
    if (program.tiles[i].kind != Tile::Input ||
        program.tiles[i].type == widest[program.tiles[i].binding.name])
      continue;
    // The host writes every input tile: one that is there already serves.
    Tile wide = program.tiles[i];
    wide.type = wide.binding.chipType = widest[wide.binding.name];
    wide.bothHalves = false;
    size_t source = findInput(program, i, wide.type);
    if (source == program.tiles.size())
      program.tiles.push_back(wide);
    Tile &narrow = program.tiles[i];
    narrow.kind = Tile::Temporary;
    narrow.binding = TensorBinding();
    for (unsigned chunk = 0; chunk < narrow.chunks(); ++chunk) {
      Flow flow;
      flow.name = narrow.name;
      flow.iterations = narrow.rows;
      unsigned row = flow.addRead({unsigned(source), chunk, 0, 1});
      unsigned copy = flow.addAlu(isa::Opcode::alu_mov, Value::of(row));
      flow.writes = {{copy, {unsigned(i), chunk, 0, 1}}};
      copies.push_back(flow);
    }
  }
  if (copies.empty())
    return;
  // In front of everything, once.
  if (program.segments.empty() || program.segments.front().iterations != 1)
    program.segments.insert(program.segments.begin(), Segment());
  auto &kernels = program.segments.front().kernels;
  kernels.insert(kernels.begin(), copies.begin(), copies.end());
}
