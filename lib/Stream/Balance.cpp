//===- Balance.cpp - short jobs over all planes ---------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Stream/Balance.h"
#include <algorithm>
#include <map>

using namespace lpu;
using namespace lpu::stream;

/// The flow that adds up partial products and continues as `epilogue` did.
static Flow sumFlow(const Flow &epilogue, llvm::ArrayRef<unsigned> partials,
                    bool fp16) {
  Flow flow;
  flow.name = epilogue.name;
  flow.iterations = epilogue.iterations;
  unsigned sum = 0;
  for (unsigned i = 0; i < partials.size(); ++i) {
    unsigned part = flow.addRead({partials[i], 0, 0, 1});
    sum = i == 0
              ? part
              : flow.addAlu(fp16 ? isa::Opcode::alu_add : isa::Opcode::alu_iadd,
                            Value::of(sum), Value::of(part));
  }
  // Node 0 of the epilogue was the product; the others move up.
  unsigned shift = flow.nodes.size() - 1;
  auto moved = [&](unsigned node) { return node == 0 ? sum : node + shift; };
  for (unsigned i = 1; i < epilogue.nodes.size(); ++i) {
    Node node = epilogue.nodes[i];
    for (Value *v : {&node.a, &node.b, &node.c})
      if (v->kind == Value::Node)
        v->node = moved(v->node);
    flow.nodes.push_back(node);
  }
  for (Write write : epilogue.writes) {
    write.node = moved(write.node);
    flow.writes.push_back(write);
  }
  return flow;
}

/// Gives a part of a job weights of its own, so that they can stand near its
/// plane: the rows that it uses, as a tile.
static void cutWeights(Job &part, Program &program) {
  std::map<unsigned, std::pair<int64_t, int64_t>> used; // tile -> rows
  for (const KTile &k : part.kTiles) {
    const Tile &tile = program.tiles[k.b];
    bool simple = tile.weights && !k.byColumns && k.bRow % 16 == 0;
    for (const ConstantSource &source : tile.sources)
      simple &= source.rowAxes.size() == 1 && !source.splat;
    if (!simple)
      return;
    auto it = used.insert({k.b, {k.bRow, k.bRow + k.laneCount}}).first;
    it->second.first = std::min(it->second.first, k.bRow);
    it->second.second = std::max(it->second.second, k.bRow + k.laneCount);
  }
  for (const auto &entry : used) {
    Tile tile = program.tiles[entry.first];
    int64_t first = entry.second.first;
    tile.rows = entry.second.second - first;
    for (ConstantSource &source : tile.sources) {
      source.offset += first * source.rowAxes[0].stride;
      source.rowAxes[0].size =
          std::min(tile.rows, source.rowAxes[0].size - first);
    }
    program.tiles.push_back(std::move(tile));
    for (KTile &k : part.kTiles)
      if (k.b == entry.first) {
        k.b = program.tiles.size() - 1;
        k.bRow -= first;
      }
  }
}

void stream::balanceShortJobs(Program &program, const Machine &machine) {
  for (Segment &segment : program.segments) {
    std::vector<Kernel> kernels;
    for (Kernel &kernel : segment.kernels) {
      auto *matmul = std::get_if<Matmul>(&kernel);
      if (!matmul) {
        kernels.push_back(std::move(kernel));
        continue;
      }
      unsigned tandem =
          matmul->fp16 ? std::min(machine.fp16Interval, machine.planesPerHalf)
                       : 1;
      size_t gangs = 2 * (machine.planesPerHalf / tandem);
      size_t left = matmul->jobs.size() % gangs;
      size_t whole = matmul->jobs.size() - left;
      int64_t install =
          (machine.planeRows + machine.installRows - 1) / machine.installRows;
      std::vector<Kernel> sums;
      std::vector<Job> jobs;
      for (size_t j = 0; j < matmul->jobs.size(); ++j) {
        Job &job = matmul->jobs[j];
        size_t parts = left ? std::min(gangs / left, job.kTiles.size()) : 1;
        if (j < whole || parts < 2 || job.rows * 2 > install ||
            job.epilogue.nodes.empty() ||
            job.epilogue.nodes[0].kind != Node::Product) {
          jobs.push_back(std::move(job));
          continue;
        }
        std::vector<unsigned> partials;
        for (size_t p = 0; p < parts; ++p) {
          Tile tile;
          tile.name = matmul->name + " (part)";
          tile.type = matmul->fp16 ? ElementType::f32 : ElementType::i32;
          tile.rows = job.rows;
          tile.features = tile.groupSize = machine.lanes;
          program.tiles.push_back(tile);
          partials.push_back(program.tiles.size() - 1);
          Job part;
          part.rows = job.rows;
          size_t first = p * job.kTiles.size() / parts,
                 end = (p + 1) * job.kTiles.size() / parts;
          part.kTiles.assign(job.kTiles.begin() + first,
                             job.kTiles.begin() + end);
          cutWeights(part, program);
          part.epilogue.name = matmul->name;
          part.epilogue.iterations = job.rows;
          Node product, move;
          product.kind = Node::Product;
          move.kind = Node::Alu;
          move.op = isa::Opcode::alu_mov;
          move.a = Value::of(0);
          part.epilogue.nodes = {product, move};
          part.epilogue.writes = {{1, {partials.back(), 0, 0, 1}}};
          jobs.push_back(std::move(part));
        }
        sums.push_back(sumFlow(job.epilogue, partials, matmul->fp16));
      }
      matmul->jobs = std::move(jobs);
      kernels.push_back(std::move(kernel));
      for (Kernel &sum : sums)
        kernels.push_back(std::move(sum));
    }
    segment.kernels = std::move(kernels);
  }
}
