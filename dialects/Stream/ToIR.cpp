//===- ToIR.cpp - stream program to stream dialect ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Stream/Translate.h"
#include "lpu/Stream/AluShape.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/bit.h"

using namespace lpu;
using namespace lpu::stream;

namespace {
/// How an instruction takes its operands and what it gives: 'f' fp32, 'i'
/// int32, 't' one of the two throughout.
struct Signature {
  const char *name = nullptr, *operands = "";
  char result = 0;
};

const Signature &signatureOf(isa::Opcode op) {
  static const auto table = [] {
    std::array<Signature, 256> result{};
#define LPU_STREAM_ALU_OP(OP, OPCODE, OPERANDS, RESULT)                        \
  result[uint8_t(isa::Opcode::OPCODE)] = {OP::getOperationName().data(),       \
                                          OPERANDS, RESULT};
#include "lpu/Stream/AluOps.inc"
#undef LPU_STREAM_ALU_OP
    return result;
  }();
  const Signature &signature = table[uint8_t(op)];
  LPU_CHECK(signature.name, "a node that is no operation of the vector unit");
  return signature;
}

class Writer {
public:
  Writer(const Program &program, mlir::MLIRContext *context)
      : program(program), builder(context),
        f32(VectorType::get(context, builder.getF32Type())),
        i32(VectorType::get(context, builder.getI32Type())) {}

  mlir::OwningOpRef<ProgramOp> run() {
    mlir::OwningOpRef<ProgramOp> op = ProgramOp::create(
        builder, builder.getUnknownLoc(), builder.getStringAttr(program.name),
        groupsOf(program));
    builder.setInsertionPointToStart(&op->getBody().emplaceBlock());
    for (const Tile &tile : program.tiles)
      tiles.push_back(write(tile));
    for (const Segment &segment : program.segments) {
      auto segmentOp = SegmentOp::create(builder, builder.getUnknownLoc(),
                                         segment.iterations);
      mlir::OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(&segmentOp.getBody().emplaceBlock());
      for (const Kernel &kernel : segment.kernels)
        std::visit([&](const auto &k) { write(k); }, kernel);
      for (const NamedValue &value : program.values)
        if (&program.segments[value.segment] == &segment)
          ValueOp::create(builder, builder.getUnknownLoc(), value.name,
                          value.iteration, tiles[value.tile], value.row,
                          value.feature, value.shape, value.rowStride,
                          value.featureStride, value.cut, value.cutSize);
    }
    return op;
  }

private:
  mlir::Location locationOf(llvm::StringRef name) {
    if (name.empty())
      return builder.getUnknownLoc();
    return mlir::NameLoc::get(builder.getStringAttr(name));
  }

  mlir::DenseI64ArrayAttr groupsOf(const Program &program) {
    if (program.groups.empty())
      return nullptr;
    return builder.getDenseI64ArrayAttr(llvm::SmallVector<int64_t>(
        program.groups.begin(), program.groups.end()));
  }

  //===--- Tiles ----------------------------------------------------------===//

  mlir::Type elementType(ElementType type) {
    switch (type) {
    case ElementType::i8:
      return builder.getI8Type();
    case ElementType::u8:
      return builder.getIntegerType(8, /*isSigned=*/false);
    case ElementType::i16:
      return builder.getI16Type();
    case ElementType::f16:
      return builder.getF16Type();
    case ElementType::i32:
      return builder.getI32Type();
    case ElementType::f32:
      return builder.getF32Type();
    }
    llvm_unreachable("all types handled");
  }

  mlir::Type sourceType(llvm::StringRef name) {
    if (name == "u8")
      return builder.getIntegerType(8, /*isSigned=*/false);
    if (name == "f16")
      return builder.getF16Type();
    if (name == "f32")
      return builder.getF32Type();
    if (name == "f64")
      return builder.getF64Type();
    unsigned bits;
    LPU_CHECK(name.consume_front("i") && !name.getAsInteger(10, bits),
              "a source of an unknown element type");
    return builder.getIntegerType(bits);
  }

  mlir::Attribute sourceOf(const ConstantSource &source) {
    bool offsetBinary = source.elementType == "b8";
    mlir::Type type = sourceType(offsetBinary ? "i8" : source.elementType);
    mlir::StringAttr file;
    mlir::DenseElementsAttr data;
    if (!source.file.empty()) {
      file = builder.getStringAttr(source.file);
    } else {
      LPU_CHECK(source.data, "a source that is nowhere");
      // Truth values are bytes.
      mlir::Type stored = type.isInteger(1) ? builder.getI8Type() : type;
      int64_t width = stored.getIntOrFloatBitWidth() / 8;
      auto shape = mlir::RankedTensorType::get(
          {int64_t(source.data->size()) / width}, stored);
      data = mlir::DenseElementsAttr::getFromRawBuffer(
          shape,
          llvm::ArrayRef(reinterpret_cast<const char *>(source.data->data()),
                         source.data->size()));
    }
    auto axes = [](const std::vector<Axis> &list) {
      llvm::SmallVector<int64_t> numbers;
      for (const Axis &axis : list)
        numbers.append({axis.size, axis.stride});
      return numbers;
    };
    return SourceAttr::get(builder.getContext(), type, file, source.fileOffset,
                           source.fileLength, data, source.splat, offsetBinary,
                           source.offset, axes(source.rowAxes),
                           axes(source.featureAxes), source.parameter);
  }

  mlir::Value write(const Tile &tile) {
    mlir::Location location = locationOf(tile.name);
    auto type = TileType::get(builder.getContext(), tile.rows, tile.features,
                              elementType(tile.type), tile.groupSize,
                              tile.groupsPerChunk);
    switch (tile.kind) {
    case Tile::Temporary:
      return TemporaryOp::create(builder, location, type, tile.name,
                                 tile.bothHalves);
    case Tile::Constant: {
      llvm::SmallVector<mlir::Attribute> sources;
      for (const ConstantSource &source : tile.sources)
        sources.push_back(sourceOf(source));
      return ConstantOp::create(builder, location, type, tile.name,
                                tile.bothHalves, tile.weights,
                                builder.getArrayAttr(sources));
    }
    case Tile::Input:
      return writeBound<InputOp>(tile, type, location);
    case Tile::Output:
      return writeBound<OutputOp>(tile, type, location);
    }
    llvm_unreachable("all kinds handled");
  }

  template <typename OpT>
  mlir::Value writeBound(const Tile &tile, TileType type,
                         mlir::Location location) {
    LPU_CHECK(tile.binding.placements.size() == 1,
              "a binding of one placement");
    const Placement &placement = tile.binding.placements.front();
    return OpT::create(builder, location, type, tile.binding.name,
                       tile.bothHalves, tile.binding.hostType,
                       tile.binding.shape, placement.rowStride,
                       placement.featureStride);
  }

  RowPattern rowsOf(const Access &access) {
    return {int64_t(access.chunk), access.row, access.stride, access.inner,
            access.inner ? access.stride2 : 0};
  }

  //===--- Kernels --------------------------------------------------------===//

  void write(const Flow &flow) {
    auto op = FlowOp::create(builder, locationOf(flow.name), flow.name,
                             flow.iterations);
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&op.getBody().emplaceBlock());
    body(flow, nullptr, op.getLoc());
  }

  void write(const Matmul &matmul) {
    mlir::Location location = locationOf(matmul.name);
    auto op = MatmulOp::create(builder, location, matmul.name, !matmul.fp16);
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&op.getBody().emplaceBlock());
    for (const Job &job : matmul.jobs) {
      auto jobOp = JobOp::create(builder, location, job.rows);
      mlir::OpBuilder::InsertionGuard jobGuard(builder);
      builder.setInsertionPointToStart(&jobOp.getKTiles().emplaceBlock());
      for (const KTile &k : job.kTiles)
        KTileOp::create(builder, location, tiles[k.a.tile], rowsOf(k.a),
                        k.laneBase, k.laneCount, k.byColumns, tiles[k.b],
                        k.bRow, k.bChunk, k.bLaneBase, k.columnBase,
                        k.columnCount);
      mlir::Block &epilogue = jobOp.getEpilogue().emplaceBlock();
      epilogue.addArgument(matmul.fp16 ? f32 : i32, location);
      builder.setInsertionPointToStart(&epilogue);
      body(job.epilogue, epilogue.getArgument(0), location);
    }
  }

  void write(const Gather &gather) {
    GatherOp::create(builder, locationOf(gather.name), gather.name,
                     gather.iterations, tiles[gather.table],
                     tiles[gather.index.tile], rowsOf(gather.index),
                     tiles[gather.out],
                     RowPattern{0, gather.outRow, gather.outStride, 0, 0});
  }

  void write(const TransposeTile &t) {
    TransposeTileOp::create(builder, locationOf(t.name), t.name, t.rows,
                            t.lanes, tiles[t.src], t.srcRow, t.srcChunk,
                            t.srcLane, tiles[t.dst], t.dstRow, t.dstChunk,
                            t.dstLane);
  }

  void write(const Exchange &e) {
    ExchangeOp::create(builder, locationOf(e.name), e.name, e.group, e.rows,
                       tiles[e.src], e.send, tiles[e.dst], e.recv);
  }

  //===--- Bodies ---------------------------------------------------------===//

  mlir::Value typed(mlir::Value value, VectorType type) {
    if (value.getType() == type)
      return value;
    return BitcastOp::create(builder, value.getLoc(), type, value);
  }

  mlir::Value splat(uint32_t bits, VectorType type, mlir::Location location) {
    mlir::TypedAttr value;
    if (type == f32)
      value = builder.getF32FloatAttr(llvm::bit_cast<float>(bits));
    else
      value = builder.getI32IntegerAttr(int32_t(bits));
    return SplatOp::create(builder, location, type, value);
  }

  /// What the users of a node take it for: decides the type of a number that a
  /// mov makes a value of.
  VectorType wantedType(const Flow &flow, unsigned node) {
    for (size_t user = node + 1; user < flow.nodes.size(); ++user) {
      const Node &n = flow.nodes[user];
      if (n.kind != Node::Alu)
        continue;
      const char *classes = signatureOf(n.op).operands;
      const stream::Value *operands[] = {&n.a, &n.b, &n.c};
      for (unsigned i = 0; classes[i]; ++i)
        if (operands[i]->kind == stream::Value::Node &&
            operands[i]->node == node && classes[i] != 't')
          return classes[i] == 'f' ? f32 : i32;
    }
    for (const Write &write : flow.writes)
      if (write.node == node)
        return llvm::cast<TileType>(tiles[write.access.tile].getType())
            .getVectorType();
    return f32;
  }

  void alu(const Flow &flow, unsigned number, mlir::Location location,
           std::vector<mlir::Value> &values) {
    const Node &node = flow.nodes[number];
    const Signature &signature = signatureOf(node.op);
    const stream::Value *operands[] = {&node.a, &node.b, &node.c};
    // The type of what may be either: that of the first operand that has one.
    VectorType either;
    for (unsigned i = 0; signature.operands[i]; ++i) {
      if (signature.operands[i] != 't' || either)
        continue;
      if (operands[i]->kind == stream::Value::Node)
        either = llvm::cast<VectorType>(values[operands[i]->node].getType());
      else if (operands[i]->kind == stream::Value::Lane)
        either = i32;
    }
    if (!either && llvm::StringRef(signature.operands).contains('t'))
      either = wantedType(flow, number);
    auto typeOf = [&](char c) {
      return c == 'f' ? f32 : c == 'i' ? i32 : either;
    };
    llvm::SmallVector<mlir::Value, 3> taken;
    for (unsigned i = 0; signature.operands[i]; ++i) {
      VectorType type = typeOf(signature.operands[i]);
      switch (operands[i]->kind) {
      case stream::Value::None:
        LPU_CHECK(false, "an operand is missing");
      case stream::Value::Node:
        taken.push_back(typed(values[operands[i]->node], type));
        break;
      case stream::Value::Lane:
        taken.push_back(typed(LaneOp::create(builder, location, i32), type));
        break;
      case stream::Value::Immediate:
        taken.push_back(
            splat(node.hasConstant ? node.constant : node.imm, type, location));
        break;
      }
    }
    mlir::OperationState state(location, signature.name, taken,
                               {mlir::Type(typeOf(signature.result))});
    mlir::Operation *op = builder.create(state);
    AluShape shape = *aluShape(node.op);
    if (shape == AluShape::Reduce)
      llvm::cast<AluOpInterface>(op).setParameter(node.group);
    if (shape == AluShape::Acc)
      llvm::cast<AluOpInterface>(op).setParameter(node.period);
    values.push_back(op->getResult(0));
  }

  void body(const Flow &flow, mlir::Value product, mlir::Location location) {
    std::vector<mlir::Value> values; // by node
    for (size_t i = 0; i < flow.nodes.size(); ++i) {
      const Node &node = flow.nodes[i];
      switch (node.kind) {
      case Node::Product:
        LPU_CHECK(product && i == 0, "the product is node 0 of an epilogue");
        values.push_back(product);
        break;
      case Node::Read: {
        mlir::Value tile = tiles[node.access.tile];
        values.push_back(
            ReadOp::create(builder, location,
                           llvm::cast<TileType>(tile.getType()).getVectorType(),
                           tile, rowsOf(node.access)));
        break;
      }
      case Node::Alu:
        alu(flow, i, location, values);
        break;
      }
    }
    for (const Write &write : flow.writes) {
      mlir::Value tile = tiles[write.access.tile];
      VectorType type = llvm::cast<TileType>(tile.getType()).getVectorType();
      WriteOp::create(builder, location, typed(values[write.node], type), tile,
                      rowsOf(write.access));
    }
  }

  const Program &program;
  mlir::OpBuilder builder;
  VectorType f32, i32;
  std::vector<mlir::Value> tiles;
};
} // namespace

mlir::OwningOpRef<ProgramOp> stream::toIR(const Program &program,
                                          mlir::MLIRContext *context) {
  return Writer(program, context).run();
}

std::string stream::formOf(Program program, mlir::MLIRContext *context) {
  program.name.clear();
  program.values.clear();
  for (Tile &tile : program.tiles) {
    if (tile.kind != Tile::Input && tile.kind != Tile::Output)
      tile.name.clear();
    // The number of instances counts.
    for (ConstantSource &source : tile.sources) {
      source = ConstantSource();
      source.elementType = "u8";
      source.data = std::make_shared<std::vector<uint8_t>>(1);
    }
  }
  for (Segment &segment : program.segments)
    for (Kernel &kernel : segment.kernels) {
      std::visit([](auto &k) { k.name.clear(); }, kernel);
      if (auto *matmul = std::get_if<Matmul>(&kernel))
        for (Job &job : matmul->jobs)
          job.epilogue.name.clear();
    }
  std::string text;
  llvm::raw_string_ostream(text) << **toIR(program, context);
  return text;
}
