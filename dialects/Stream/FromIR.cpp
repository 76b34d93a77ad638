//===- FromIR.cpp - stream dialect to stream program ----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Stream/Translate.h"
#include "lpu/ISA/Text.h"
#include "lpu/Stream/AluShape.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace lpu;
using namespace lpu::stream;

/// "i8", "u8", ... of element types and sources.
static std::string typeName(mlir::Type type) {
  std::string name;
  if (type.isUnsignedInteger(8))
    return "u8";
  llvm::raw_string_ostream(name) << type;
  return name;
}

namespace {
class Reader {
public:
  explicit Reader(ProgramOps *ops) : ops(ops) {}

  mlir::FailureOr<Program> run(ProgramOp op) {
    program.name = op.getSymName().str();
    if (auto groups = op.getGroups())
      for (int64_t size : *groups)
        program.groups.push_back(
            unsigned(std::clamp<int64_t>(size, 0, UINT32_MAX)));
    for (mlir::Operation &each : onlyOps(op, op.getBody()))
      llvm::TypeSwitch<mlir::Operation *>(&each)
          .Case<InputOp, OutputOp, TemporaryOp, ConstantOp>(
              [&](auto tile) { read(tile); })
          .Case([&](SegmentOp segment) { read(segment); })
          .Default([&](mlir::Operation *other) { foreign(other); });
    if (failed)
      return mlir::failure();
    return std::move(program);
  }

private:
  void foreign(mlir::Operation *op) {
    failed = true;
    op->emitOpError() << "is no part of a stream program";
  }
  /// The block of a region that takes no arguments.
  mlir::Block &onlyOps(mlir::Operation *op, mlir::Region &region) {
    if (region.front().getNumArguments()) {
      failed = true;
      op->emitOpError() << "has a region with arguments";
    }
    return region.front();
  }

  //===--- Tiles ----------------------------------------------------------===//

  template <typename OpT> Tile &addTile(OpT op, Tile::Kind kind) {
    TileType type = op.getTile().getType();
    tiles[op.getTile()] = program.tiles.size();
    if (ops)
      ops->tiles.push_back(op);
    Tile &tile = program.tiles.emplace_back();
    tile.name = op.getLabel().str();
    tile.kind = kind;
    tile.type = *isa::elementTypeFromName(typeName(type.getElementType()));
    tile.rows = type.getRows();
    tile.features = type.getFeatures();
    tile.groupSize = type.getGroupSize();
    tile.groupsPerChunk = type.getGroupsPerChunk();
    tile.bothHalves = op.getBothHalves();
    return tile;
  }
  void read(TemporaryOp op) { addTile(op, Tile::Temporary); }
  void read(InputOp op) { bind(op, addTile(op, Tile::Input)); }
  void read(OutputOp op) { bind(op, addTile(op, Tile::Output)); }

  template <typename OpT> void bind(OpT op, Tile &tile) {
    tile.binding.name = tile.name;
    tile.binding.hostType = op.getHostType().str();
    tile.binding.chipType = tile.type;
    tile.binding.shape = op.getShape().vec();
    Placement &placement = tile.binding.placements.emplace_back();
    placement.rowStride = op.getRowStride().vec();
    placement.featureStride = op.getFeatureStride().vec();
    placement.groupSize = tile.groupSize;
    placement.groupsPerChunk = tile.groupsPerChunk;
  }

  void read(ConstantOp op) {
    Tile &tile = addTile(op, Tile::Constant);
    tile.weights = op.getWeights();
    for (auto attr : op.getSources().getAsRange<SourceAttr>()) {
      ConstantSource &source = tile.sources.emplace_back();
      source.elementType =
          attr.getOffsetBinary() ? "b8" : typeName(attr.getElementType());
      if (attr.getFile())
        source.file = attr.getFile().getValue().str();
      else
        source.data = bytesOf(attr.getData());
      source.fileOffset = attr.getFileOffset();
      source.fileLength = attr.getFileLength();
      source.splat = attr.getSplat();
      source.offset = attr.getOffset();
      auto axes = [](llvm::ArrayRef<int64_t> numbers) {
        std::vector<Axis> result;
        for (size_t i = 0; i + 1 < numbers.size(); i += 2)
          result.push_back({numbers[i], numbers[i + 1]});
        return result;
      };
      source.rowAxes = axes(attr.getRowAxes());
      source.featureAxes = axes(attr.getFeatureAxes());
      source.parameter = attr.getParameter();
    }
  }

  /// Equal elements are held once.
  std::shared_ptr<std::vector<uint8_t>> bytesOf(mlir::DenseElementsAttr attr) {
    std::shared_ptr<std::vector<uint8_t>> &bytes = data[attr];
    if (bytes)
      return bytes;
    bytes = std::make_shared<std::vector<uint8_t>>();
    llvm::ArrayRef<char> raw = attr.getRawData();
    int64_t copies = attr.isSplat() ? attr.getNumElements() : 1;
    for (int64_t i = 0; i < copies; ++i)
      bytes->insert(bytes->end(), raw.begin(), raw.end());
    return bytes;
  }

  /// A tile can only be made by an op of the program, which is isolated and
  /// whose ops all have been read.
  unsigned tileOf(mlir::Operation *user, mlir::Value value) {
    auto found = tiles.find(value);
    if (found != tiles.end())
      return found->second;
    failed = true;
    user->emitOpError() << "takes a tile that no op of the program declares";
    return 0;
  }

  Access access(mlir::Operation *op, mlir::Value tile, const RowPattern &rows) {
    return {tileOf(op, tile), unsigned(rows.chunk), rows.row,
            rows.stride,      rows.inner,           rows.stride2};
  }

  //===--- Kernels --------------------------------------------------------===//

  void read(SegmentOp op) {
    Segment &segment = program.segments.emplace_back();
    segment.iterations = op.getIterations();
    std::vector<mlir::Operation *> kernels;
    for (mlir::Operation &each : onlyOps(op, op.getBody())) {
      bool isKernel =
          llvm::TypeSwitch<mlir::Operation *, bool>(&each)
              .Case<FlowOp, MatmulOp, GatherOp, TransposeTileOp, ExchangeOp>(
                  [&](auto k) {
                    segment.kernels.push_back(kernel(k));
                    return true;
                  })
              .Case([&](ValueOp value) {
                read(value);
                return false;
              })
              .Default([&](mlir::Operation *other) {
                foreign(other);
                return false;
              });
      if (isKernel)
        kernels.push_back(&each);
    }
    if (ops) {
      ops->segments.push_back(op);
      ops->kernels.push_back(std::move(kernels));
    }
  }

  void read(ValueOp op) {
    NamedValue &value = program.values.emplace_back();
    value.name = op.getLabel().str();
    value.tile = tileOf(op, op.getTile());
    value.segment = unsigned(program.segments.size() - 1);
    value.iteration = op.getIteration();
    value.row = op.getRow();
    value.feature = op.getFeature();
    value.shape = op.getShape().vec();
    value.rowStride = op.getRowStride().vec();
    value.featureStride = op.getFeatureStride().vec();
    value.cut = op.getCut();
    value.cutSize = op.getCutSize();
  }

  Flow kernel(FlowOp op) {
    Flow flow;
    flow.name = op.getLabel().str();
    flow.iterations = op.getIterations();
    values.clear();
    body(onlyOps(op, op.getBody()), flow);
    return flow;
  }

  Matmul kernel(MatmulOp op) {
    Matmul matmul;
    matmul.name = op.getLabel().str();
    matmul.fp16 = !op.getInt8();
    for (mlir::Operation &each : onlyOps(op, op.getBody())) {
      auto jobOp = llvm::dyn_cast<JobOp>(each);
      if (!jobOp) {
        foreign(&each);
        continue;
      }
      Job &job = matmul.jobs.emplace_back();
      job.rows = jobOp.getRows();
      for (KTileOp step : jobOp.getKTiles().getOps<KTileOp>())
        job.kTiles.push_back(kTile(step));
      job.epilogue.name = matmul.name;
      job.epilogue.iterations = job.rows;
      job.epilogue.nodes.emplace_back().kind = Node::Product;
      values.clear();
      mlir::Block &block = jobOp.getEpilogue().front();
      values[block.getArgument(0)] = {stream::Value::of(0), 0};
      body(block, job.epilogue);
    }
    return matmul;
  }

  KTile kTile(KTileOp op) {
    KTile k;
    k.a = access(op, op.getA(), op.getARows());
    k.laneBase = op.getALane();
    k.laneCount = op.getKCount();
    k.byColumns = op.getByColumns();
    k.b = tileOf(op, op.getB());
    k.bChunk = op.getBChunk();
    k.bRow = op.getBRow();
    k.bLaneBase = op.getBLane();
    k.columnBase = op.getColumn();
    k.columnCount = op.getColumnCount();
    return k;
  }

  Gather kernel(GatherOp op) {
    Gather gather;
    gather.name = op.getLabel().str();
    gather.iterations = op.getIterations();
    gather.table = tileOf(op, op.getTable());
    gather.index = access(op, op.getIndex(), op.getIndexRows());
    gather.out = tileOf(op, op.getOut());
    gather.outRow = op.getOutRows().row;
    gather.outStride = op.getOutRows().stride;
    return gather;
  }

  TransposeTile kernel(TransposeTileOp op) {
    TransposeTile t;
    t.name = op.getLabel().str();
    t.src = tileOf(op, op.getSrc());
    t.srcChunk = op.getSrcChunk();
    t.srcRow = op.getSrcRow();
    t.srcLane = op.getSrcLane();
    t.dst = tileOf(op, op.getDst());
    t.dstChunk = op.getDstChunk();
    t.dstRow = op.getDstRow();
    t.dstLane = op.getDstLane();
    t.rows = op.getRows();
    t.lanes = op.getLanes();
    return t;
  }

  Exchange kernel(ExchangeOp op) {
    Exchange exchange;
    exchange.name = op.getLabel().str();
    exchange.group =
        unsigned(std::clamp<int64_t>(op.getGroup(), 0, UINT32_MAX));
    exchange.src = tileOf(op, op.getSrc());
    exchange.dst = tileOf(op, op.getDst());
    exchange.rows = op.getRows();
    exchange.send = op.getSend().vec();
    exchange.recv = op.getRecv().vec();
    return exchange;
  }

  //===--- Bodies ---------------------------------------------------------===//

  void body(mlir::Block &block, Flow &flow) {
    for (mlir::Operation &each : block)
      llvm::TypeSwitch<mlir::Operation *>(&each)
          .Case([&](ReadOp op) {
            Access from = access(op, op.getTile(), op.getRows());
            values[op.getResult()] = {stream::Value::of(flow.addRead(from)), 0};
          })
          .Case([&](WriteOp op) {
            stream::Value value = values.lookup(op.getValue()).value;
            if (value.kind != stream::Value::Node) {
              failed = true;
              op.emitOpError() << "takes what no instruction has made; a "
                                  "stream.mov would";
            }
            flow.writes.push_back(
                {value.node, access(op, op.getTile(), op.getRows())});
          })
          .Case([&](SplatOp op) {
            uint32_t bits;
            if (auto number = llvm::dyn_cast<mlir::FloatAttr>(op.getValue()))
              bits = number.getValue().bitcastToAPInt().getZExtValue();
            else
              bits = llvm::cast<mlir::IntegerAttr>(op.getValue())
                         .getValue()
                         .getZExtValue();
            values[op.getResult()] = {stream::Value::imm(), bits};
          })
          .Case([&](LaneOp op) {
            values[op.getResult()] = {stream::Value::lane(), 0};
          })
          .Case([&](BitcastOp op) {
            values[op.getResult()] = values.lookup(op.getValue());
          })
          .Case([&](AluOpInterface op) { alu(op, flow); })
          .Default([&](mlir::Operation *other) {
            if (!llvm::isa<KTileOp>(other)) // reported by the job
              foreign(other);
          });
  }

  void alu(AluOpInterface op, Flow &flow) {
    Node node;
    node.kind = Node::Alu;
    node.op = op.getOpcode();
    AluShape shape = *aluShape(node.op);
    if (shape == AluShape::Reduce)
      node.group = op.getParameter();
    if (shape == AluShape::Acc)
      node.period = op.getParameter();
    bool isTernary = shape == AluShape::Ternary;
    uint32_t &immediate = isTernary ? node.constant : node.imm;
    stream::Value *operands[] = {&node.a, &node.b, &node.c};
    bool hasSplat = false;
    for (auto [operand, value] : llvm::zip(operands, op->getOperands())) {
      Local local = values.lookup(value);
      *operand = local.value;
      if (local.value.kind != stream::Value::Immediate)
        continue;
      if (hasSplat && immediate != local.bits) {
        failed = true;
        op->emitOpError() << "takes two numbers; an instruction holds one, "
                             "and a stream.mov makes a value of the other";
      }
      hasSplat = true;
      immediate = local.bits;
    }
    node.hasConstant = isTernary && hasSplat;
    flow.nodes.push_back(node);
    values[op->getResult(0)] = {stream::Value::of(flow.nodes.size() - 1), 0};
  }

  /// An SSA value of a body as an operand of nodes.
  struct Local {
    stream::Value value;
    uint32_t bits = 0; // of a splat
  };

  ProgramOps *ops;
  Program program;
  llvm::DenseMap<mlir::Value, unsigned> tiles;
  llvm::DenseMap<mlir::Value, Local> values;
  llvm::DenseMap<mlir::Attribute, std::shared_ptr<std::vector<uint8_t>>> data;
  bool failed = false;
};
} // namespace

mlir::FailureOr<Program> stream::fromIR(ProgramOp op, ProgramOps *ops) {
  return Reader(ops).run(op);
}
