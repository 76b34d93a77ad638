//===- Program.cpp - demand and text of stream programs -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Stream/Program.h"
#include "lpu/Stream/AluShape.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace lpu;
using namespace lpu::stream;

//===----------------------------------------------------------------------===//
// Demand
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static const char *typeName(ElementType type) {
  switch (type) {
  case ElementType::i8:
    return "i8";
  case ElementType::u8:
    return "u8";
  case ElementType::i16:
    return "i16";
  case ElementType::f16:
    return "f16";
  case ElementType::i32:
    return "i32";
  case ElementType::f32:
    return "f32";
  }
  return "?";
}

/// Instruction name without its unit.
static llvm::StringRef opName(isa::Opcode op) {
  switch (op) {
#define LPU_OPCODE(NAME, CODE)                                                 \
  case isa::Opcode::NAME: {                                                    \
    llvm::StringRef name = #NAME;                                              \
    name.consume_front("alu_");                                                \
    return name;                                                               \
  }
#include "lpu/ISA/Opcodes.inc"
#undef LPU_OPCODE
  }
  return "?";
}

namespace {
class Printer {
public:
  Printer(const Program &program, llvm::raw_ostream &os)
      : program(program), os(os) {}

  void print() {
    os << "program \"" << program.name << "\"\n";
    for (size_t i = 0; i < program.tiles.size(); ++i)
      tile(i, program.tiles[i]);
    for (const Segment &segment : program.segments) {
      os << "segment x" << segment.iterations << " {\n";
      for (const Kernel &kernel : segment.kernels)
        std::visit([&](const auto &k) { this->kernel(k); }, kernel);
      os << "}\n";
    }
  }

private:
  void axes(const std::vector<Axis> &list) {
    os << '[';
    for (size_t i = 0; i < list.size(); ++i)
      os << (i ? " " : "") << list[i].size << ':' << list[i].stride;
    os << ']';
  }

  void tile(size_t number, const Tile &t) {
    static const char *kinds[] = {"input", "output", "temporary", "constant"};
    os << "tile %" << number << " " << kinds[t.kind] << ' ' << typeName(t.type)
       << '[' << t.rows << " x " << t.features << ']';
    os << " groups " << t.groupSize << 'x' << t.groupsPerChunk;
    if (t.bothHalves)
      os << " both_halves";
    if (t.weights)
      os << " weights";
    if (t.kind == Tile::Input || t.kind == Tile::Output) {
      os << " binding \"" << t.binding.name << "\" " << t.binding.hostType;
      for (const Placement &p : t.binding.placements) {
        os << " rows";
        for (int64_t stride : p.rowStride)
          os << ' ' << stride;
        os << " features";
        for (int64_t stride : p.featureStride)
          os << ' ' << stride;
      }
    }
    os << " \"" << t.name << "\"\n";
    for (const ConstantSource &s : t.sources) {
      os << "  source ";
      if (s.file.empty())
        os << "data";
      else
        os << '"' << s.file << "\" @" << s.fileOffset;
      os << ' ' << s.elementType << (s.splat ? " splat" : "") << " +"
         << s.offset << " rows ";
      axes(s.rowAxes);
      os << " features ";
      axes(s.featureAxes);
      os << '\n';
    }
  }

  void access(const Access &a) {
    os << '%' << a.tile << '.' << a.chunk << '[' << a.row;
    if (a.inner)
      os << " + i%" << a.inner << '*' << a.stride << " + i/" << a.inner << '*'
         << a.stride2;
    else
      os << " + i*" << a.stride;
    os << ']';
  }

  void value(const Value &v, const Node &user) {
    switch (v.kind) {
    case Value::None:
      break;
    case Value::Node:
      os << " n" << v.node;
      break;
    case Value::Lane:
      os << " lane";
      break;
    case Value::Immediate:
      bits(user.hasConstant ? user.constant : user.imm);
      break;
    }
  }

  void bits(uint32_t word) {
    os << llvm::format(" 0x%08x(%g)", word,
                       double(llvm::bit_cast<float>(word)));
  }

  void body(const Flow &flow, const char *indent) {
    for (size_t i = 0; i < flow.nodes.size(); ++i) {
      const Node &n = flow.nodes[i];
      os << indent << 'n' << i << " = ";
      if (n.kind == Node::Read) {
        os << "read ";
        access(n.access);
      } else if (n.kind == Node::Product) {
        os << "product";
      } else {
        os << opName(n.op);
        value(n.a, n);
        value(n.b, n);
        value(n.c, n);
        std::optional<AluShape> shape = aluShape(n.op);
        if (shape == AluShape::Reduce && n.group != 15)
          os << " group " << n.group;
        if (shape == AluShape::Acc)
          os << " period " << n.period;
      }
      os << '\n';
    }
    for (const Write &w : flow.writes) {
      os << indent << "write ";
      access(w.access);
      os << " n" << w.node << '\n';
    }
  }

  void kernel(const Flow &flow) {
    os << "  flow \"" << flow.name << "\" x" << flow.iterations << '\n';
    body(flow, "    ");
  }

  void kernel(const Matmul &matmul) {
    os << "  matmul \"" << matmul.name << "\" "
       << (matmul.fp16 ? "fp16" : "int8") << '\n';
    for (const Job &job : matmul.jobs) {
      os << "    job x" << job.rows << '\n';
      for (const KTile &k : job.kTiles) {
        os << "      a ";
        access(k.a);
        os << " lanes " << k.laneBase << '+' << k.laneCount
           << (k.byColumns ? " columns %" : " rows %") << k.b << '.' << k.bChunk
           << '[' << k.bRow << ']';
        if (k.byColumns)
          os << " lanes from " << k.bLaneBase;
        os << " to columns " << k.columnBase << '+' << k.columnCount << '\n';
      }
      body(job.epilogue, "      ");
    }
  }

  void kernel(const Gather &g) {
    os << "  gather \"" << g.name << "\" x" << g.iterations << " table %"
       << g.table << " index ";
    access(g.index);
    os << " to %" << g.out << '[' << g.outRow << " + i*" << g.outStride
       << "]\n";
  }

  void kernel(const TransposeTile &t) {
    os << "  transpose \"" << t.name << "\" %" << t.src << '.' << t.srcChunk
       << " row " << t.srcRow << '+' << t.rows << " lane " << t.srcLane << '+'
       << t.lanes << " to %" << t.dst << '.' << t.dstChunk << " row "
       << t.dstRow << " lane " << t.dstLane << '\n';
  }

  const Program &program;
  llvm::raw_ostream &os;
};
} // namespace

std::string stream::toString(const Program &program) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Printer(program, os).print();
  return text;
}
