//===- Emit.cpp - regions and the order of kernels ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"
#include "Repeat.h"
#include "lpu/Stream/Balance.h"
#include "lpu/Stream/Inputs.h"
#include "lpu/Stream/Interleave.h"

#include "lpu/Support/Check.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/EquivalenceClasses.h"

using namespace lpu;
using namespace lpu::linalg_to_stream;

Emitter::Emitter(Graph &graph, const Machine &machine,
                 const LinalgToStreamOptions &options)
    : graph(graph), machine(machine), options(options) {
  auto orElse = [](unsigned value, unsigned otherwise) {
    return value ? value : otherwise;
  };
  flowLimits.alus = orElse(options.flowAlus, machine.alus);
  flowLimits.transcendental = machine.transcendentalAlus;
  flowLimits.reduce = machine.reduceAlus;
  flowLimits.streams = orElse(options.flowStreams, machine.streams);
  epilogueLimits = flowLimits;
  epilogueLimits.alus = orElse(options.epilogueAlus, machine.alus * 7 / 8);
}

void Emitter::report(const Tensor &tensor, const llvm::Twine &reason) {
  failed = true;
  if (!reported.try_emplace(const_cast<Tensor *>(&tensor), true).second)
    return;
  auto error = mlir::emitError(tensor.location);
  if (!tensor.name.empty())
    error << "ONNX node \"" << tensor.name << "\": ";
  error << reason << "; result " << tensor.element << "[";
  llvm::interleaveComma(tensor.shape, error);
  error << "]";
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

void Emitter::formRegions() {
  llvm::EquivalenceClasses<Tensor *> classes;
  llvm::DenseMap<Tensor *, int64_t> width; // features, by leader
  for (Tensor *each : graph.order) {
    Tensor &t = *each;
    if (t.isLight || !t.isVector())
      continue;
    classes.insert(&t);
    width[&t] = domainLayout(t).features;
    for (const View &v : t.operands) {
      Tensor &from = *v.source;
      if (from.isLight || !from.isVector() || from.stage != t.stage ||
          !isAligned(v, from.layout, domainLayout(t)))
        continue;
      // One value per row may link spaces of different width: not one region.
      int64_t &left = width[classes.getLeaderValue(&t)];
      int64_t right = width[classes.getLeaderValue(&from)];
      if (left > 1 && right > 1 && left != right)
        continue;
      int64_t both = std::max(left, right);
      classes.unionSets(&t, &from);
      width[classes.getLeaderValue(&t)] = both;
    }
  }
  llvm::DenseMap<Tensor *, Region *> byLeader;
  for (Tensor *each : graph.order) {
    Tensor &t = *each;
    if (t.isLight || !t.isVector())
      continue;
    Region *&region = byLeader[classes.getLeaderValue(&t)];
    if (!region) {
      regions.emplace_back();
      region = &regions.back();
    }
    region->members.push_back(&t);
    regionOf[&t] = region;
  }
  // A product that only one region reads, where it stands, ends in its
  // epilogue.
  for (Tensor *each : graph.order) {
    Tensor &t = *each;
    if (t.kind != Tensor::Contract || t.isOutput || t.users.empty())
      continue;
    Region *region = nullptr;
    bool isPossible = true;
    for (Tensor *user : t.users) {
      Region *other = regionOf.lookup(user);
      if (!other || (region && other != region) || user->stage != t.stage) {
        isPossible = false;
        break;
      }
      region = other;
      for (const View &v : user->operands)
        if (v.source == &t)
          isPossible &= isAligned(v, t.layout, domainLayout(*user));
    }
    if (isPossible && (!region->product || region->product->id < t.id))
      region->product = &t;
  }
  for (Region &region : regions)
    if (region.product)
      regionOf[region.product] = &region;
}

bool Emitter::makes(const Tensor &tensor) const {
  if (tensor.isOutput)
    return true;
  Region *own = regionOf.lookup(const_cast<Tensor *>(&tensor));
  return llvm::any_of(tensor.users, [&](Tensor *user) {
    return regionOf.lookup(user) != own || !user->isVector();
  });
}

void Emitter::require(Tensor &t) {
  if (t.isLight)
    return;
  if (Region *region = regionOf.lookup(&t))
    return emitRegion(*region);
  if (!emitted.try_emplace(&t, true).second)
    return;
  switch (t.kind) {
  case Tensor::Contract:
    return emitPlainContract(t);
  case Tensor::Gather:
    return emitGather(t);
  case Tensor::Join:
    return emitJoin(t);
  case Tensor::Move:
    return emitMove(t);
  case Tensor::Exchange:
    return emitExchange(t);
  default:
    LPU_CHECK(false, "a heavy tensor without a kernel");
  }
}

FlowContext Emitter::context(const std::string &name) {
  return FlowContext{
      program, [this](unsigned count) { return maskTile(count); },
      [this](const std::string &of, int64_t rows, int64_t features) {
        return temporary(of, isa::ElementType::f32, rows, features);
      },
      [this](unsigned tile, Tail tail) { tails[tile] = tail; }};
}

void Emitter::runFlows(FlowMaker &flows, const Tensor &at) {
  std::string error = flows.emit(flowLimits, kernels);
  if (!error.empty())
    report(at, error);
}

VectorOperand Emitter::body(const Tensor &t, Dag &dag,
                            llvm::ArrayRef<VectorOperand> inputs) {
  SmallVector<VectorOperand, 4> steps;
  auto operand = [&](ScalarOperand o) -> VectorOperand {
    switch (o.kind) {
    case ScalarOperand::None:
      break;
    case ScalarOperand::Step:
      return steps[o.value];
    case ScalarOperand::Input:
      return inputs[o.value];
    case ScalarOperand::Immediate:
      return VectorOperand::imm(o.value);
    }
    return {};
  };
  for (const ScalarStep &step : t.body)
    steps.push_back(
        dag.alu(step.op, operand(step.a), operand(step.b), operand(step.c)));
  return operand(t.result);
}

bool Emitter::holdsFloat(const Tensor &t) {
  if (t.kind == Tensor::Move)
    return holdsFloat(*t.operands[0].source);
  return t.kind == Tensor::Reduce && !t.isFloat() &&
         t.layout.rows != t.domainRows.rows;
}

/// Integers are reduced as floats where that is exact.
VectorOperand Emitter::reduced(const Tensor &t, Dag &dag, VectorOperand value,
                               bool onLanes, int64_t period) {
  if (!t.isFloat() && !isExactInFloat(t)) {
    LPU_CHECK(onLanes, "a running reduction of large integers");
    return t.reduceKind == ReduceKind::Sum
               ? dag.integerSum(value, reducedCount(t))
               : dag.integerExtreme(t.reduceKind, value);
  }
  if (!t.isFloat())
    value = dag.alu(Opcode::alu_i2f, value);
  value = onLanes ? dag.laneReduce(t.reduceKind, value)
                  : dag.rowReduce(t.reduceKind, value, period);
  // A running reduction is written as it is, and converted by its readers.
  return t.isFloat() || !onLanes ? value : dag.alu(Opcode::alu_f2i, value);
}

VectorOperand
Emitter::memberValue(Tensor &t, const Region &region, Dag &dag,
                     llvm::DenseMap<Tensor *, VectorOperand> &values) {
  auto known = values.find(&t);
  if (known != values.end())
    return known->second;
  const Layout domain = domainLayout(t);
  SmallVector<VectorOperand, 4> inputs;
  for (const View &v : t.operands) {
    Tensor &from = *v.source;
    bool isInside = !from.isLight && regionOf.lookup(&from) == &region &&
                    isAligned(v, from.layout, domain);
    if (isInside && from.isVector())
      inputs.push_back(memberValue(from, region, dag, values));
    else if (isInside && &from == region.product) {
      VectorOperand product = productValue(from, dag);
      if (from.layout.features == 1) // column 0 only
        product = dag.laneBroadcast(
            product, 0, from.isInteger ? LaneValue::Integer : LaneValue::Sum,
            /*othersZero=*/true);
      inputs.push_back(product);
    } else
      inputs.push_back(source(v, domain, dag, t));
  }
  VectorOperand value;
  if (t.kind == Tensor::Map) {
    value = body(t, dag, inputs);
  } else {
    int64_t period = t.domainRows.rows / t.layout.rows;
    bool onLanes = t.layout.isSplat && !t.domainRows.isSplat;
    value = reduced(t, dag, inputs[0], onLanes, period);
  }
  values[&t] = value;
  return value;
}

void Emitter::emitRegion(Region &region) {
  if (region.state == Region::Done)
    return;
  if (region.state == Region::Running)
    return report(*region.members.front(),
                  "rows of different width depend on each other");
  region.state = Region::Running;
  // First everything that the region reads, what is early in the model first:
  // then independent products stand side by side.
  SmallVector<Tensor *, 8> sources;
  for (Tensor *t : region.members)
    for (const View &v : t->operands)
      if (regionOf.lookup(v.source) != &region)
        sources.push_back(v.source);
  if (region.product)
    for (const View &v : region.product->operands)
      sources.push_back(v.source);
  llvm::stable_sort(sources, [](const Tensor *a, const Tensor *b) {
    return a->stage < b->stage;
  });
  for (Tensor *t : sources)
    require(*t);

  Layout domain = domainLayout(*region.members.front());
  for (Tensor *t : region.members)
    if (domainLayout(*t).features > domain.features)
      domain = domainLayout(*t);
  Dag dag(domain, machine.lanes);
  llvm::DenseMap<Tensor *, VectorOperand> values;
  std::vector<RegionOutput> outputs;
  for (Tensor *t : region.members) {
    if (!makes(*t))
      continue;
    RegionOutput output;
    output.value = memberValue(*t, region, dag, values);
    output.tiles = tilesToWrite(*t);
    if (t->kind == Tensor::Reduce)
      output.period = t->domainRows.rows / t->layout.rows;
    // Two tensors may have one value.
    auto same = llvm::find_if(outputs, [&](const RegionOutput &other) {
      return other.value == output.value && other.period == output.period;
    });
    if (same != outputs.end())
      same->tiles.append(output.tiles.begin(), output.tiles.end());
    else
      outputs.push_back(output);
  }
  region.state = Region::Done;
  if (outputs.empty() || failed)
    return;
  SmallVector<VectorOperand, 4> roots;
  for (RegionOutput &output : outputs)
    roots.push_back(output.value);
  dag.fuse(roots);
  Tensor &last = *region.members.back();
  std::string name = region.product ? region.product->name : last.name;
  FlowMaker flows(dag, outputs, name, context(name));
  if (region.product) {
    std::string error = flows.planEpilogues(epilogueLimits);
    if (!error.empty())
      return report(*region.product, error);
    emitContract(*region.product, flows);
    flows.finishEpilogues();
  }
  runFlows(flows, last);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

isa::ElementType Emitter::storedType(const Tensor &t) const {
  using E = isa::ElementType;
  if (t.kind == Tensor::Move) {
    const Tensor &from = *t.operands[0].source;
    return !t.feedsMatrix && hasVectorTile(from) ? E::f32 : storedType(from);
  }
  if (holdsFloat(t))
    return E::f32;
  if (t.kind == Tensor::Gather && t.isFloat())
    return t.isHalfTable ? E::f16 : E::f32;
  if (t.kind == Tensor::Exchange && t.isFloat())
    return t.element == "f16" ? E::f16 : E::f32;
  bool isUnsignedInput = t.kind == Tensor::Input && t.hostType == "uint8";
  if (t.element == "i1" || t.element == "u8" || isUnsignedInput)
    return E::u8;
  if (t.element == "i8")
    return E::i8;
  if (t.isFloat())
    return t.feedsMatrix ? E::f16 : E::f32;
  return E::i32;
}

/// A float that the host, or another chip, has in half precision stands so in
/// SRAM: it takes half the rows and crosses in half the vectors.
isa::ElementType Emitter::boundType(llvm::StringRef hostType) {
  return hostType == "float16" ? isa::ElementType::f16 : isa::ElementType::f32;
}

unsigned Emitter::newTile(stream::Tile tile) {
  if (tile.groupSize == 1 && tile.groupsPerChunk == 1)
    tile.groupSize = machine.lanes;
  program.tiles.push_back(std::move(tile));
  return program.tiles.size() - 1;
}

unsigned Emitter::temporary(const std::string &name, isa::ElementType type,
                            int64_t rows, int64_t features) {
  stream::Tile tile;
  tile.name = name;
  tile.type = type;
  tile.rows = rows;
  tile.features = features;
  return newTile(tile);
}

unsigned Emitter::tileOf(Tensor &t) {
  auto [it, isNew] = tiles.try_emplace(&t, 0);
  if (!isNew)
    return it->second;
  // A tensor that leaves the chip is read from there, unless the matrix unit
  // wants it in half precision, or it leaves in half precision.
  auto output = outputTiles.find(&t);
  bool isRead = !t.users.empty();
  if (output != outputTiles.end()) {
    unsigned front = output->second.front();
    bool isRounded = program.tiles[front].type == isa::ElementType::f16;
    if (!isRead || !t.isFloat() || !(t.feedsMatrix || isRounded))
      return it->second = front;
  }
  unsigned tile =
      temporary(t.name, storedType(t), t.layout.rows, t.layout.features);
  program.tiles[tile].bothHalves = t.isMoving;
  return tiles[&t] = tile;
}

bool Emitter::hasVectorTile(const Tensor &t) const {
  if (!t.feedsMatrix || !t.isFloat() || t.kind == Tensor::Move ||
      t.kind == Tensor::Gather || t.kind == Tensor::Exchange)
    return false;
  Region *own = regionOf.lookup(const_cast<Tensor *>(&t));
  return llvm::any_of(t.users, [&](Tensor *user) {
    if (user->isVector())
      return !own || regionOf.lookup(user) != own;
    return user->kind != Tensor::Contract &&
           !(user->kind == Tensor::Move && user->feedsMatrix);
  });
}

unsigned Emitter::vectorTileOf(Tensor &t) {
  if (!hasVectorTile(t))
    return tileOf(t);
  auto output = outputTiles.find(&t);
  if (output != outputTiles.end())
    return output->second.front();
  auto [it, isNew] = vectorTiles.try_emplace(&t, 0);
  if (isNew)
    it->second = temporary(t.name, isa::ElementType::f32, t.layout.rows,
                           t.layout.features);
  return it->second;
}

llvm::SmallVector<unsigned, 2> Emitter::tilesToWrite(Tensor &t) {
  llvm::SmallVector<unsigned, 2> result;
  auto output = outputTiles.find(&t);
  if (output != outputTiles.end())
    result.append(output->second.begin(), output->second.end());
  bool isRead = !t.users.empty() || result.empty();
  if (isRead && !llvm::is_contained(result, tileOf(t)))
    result.push_back(tileOf(t));
  if (hasVectorTile(t) && !llvm::is_contained(result, vectorTileOf(t)))
    result.push_back(vectorTileOf(t));
  return result;
}

unsigned Emitter::constantTile(const std::string &name, isa::ElementType type,
                               stream::ConstantSource source, bool isWeights) {
  stream::Tile tile;
  tile.name = name;
  tile.kind = stream::Tile::Constant;
  tile.type = type;
  tile.weights = isWeights;
  for (const stream::Axis &axis : source.rowAxes)
    tile.rows *= axis.size;
  for (const stream::Axis &axis : source.featureAxes)
    tile.features *= axis.size;
  std::string key;
  llvm::raw_string_ostream os(key);
  os << source.file << '@' << source.fileOffset << ' '
     << (const void *)source.data.get() << ' ' << source.offset << ' '
     << int(type) << isWeights;
  for (const auto *axes : {&source.rowAxes, &source.featureAxes}) {
    os << '|';
    for (const stream::Axis &axis : *axes)
      os << axis.size << ':' << axis.stride << ' ';
  }
  auto [it, isNew] = constants.try_emplace(key, 0);
  if (isNew) {
    tile.sources.push_back(std::move(source));
    it->second = newTile(tile);
    tails[it->second] = Tail::Zero;
  }
  return it->second;
}

unsigned Emitter::maskTile(unsigned count) {
  auto [it, isNew] = constants.try_emplace("mask " + std::to_string(count), 0);
  if (!isNew)
    return it->second;
  stream::ConstantSource source;
  source.data = std::make_shared<std::vector<uint8_t>>(1, 1);
  source.elementType = "u8";
  source.featureAxes.push_back({int64_t(count), 0});
  stream::Tile tile;
  tile.name = "first " + std::to_string(count) + " lanes";
  tile.kind = stream::Tile::Constant;
  tile.type = isa::ElementType::u8;
  tile.features = count;
  tile.sources.push_back(source);
  return it->second = newTile(tile);
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

void Emitter::addOutputTile(Output &output, Tensor &t) {
  std::optional<Place> place = placeOf(output.view, t.layout);
  LPU_CHECK(place && place->row == 0 && place->feature == 0,
            "an output that does not stand in its tensor's layout");
  stream::Tile tile;
  tile.name = output.name;
  tile.kind = stream::Tile::Output;
  tile.type = t.isFloat() ? boundType(output.hostType) : storedType(t);
  tile.rows = t.layout.rows;
  tile.features = t.layout.features;
  tile.binding.name = output.name;
  tile.binding.hostType = output.hostType;
  tile.binding.chipType = tile.type;
  tile.binding.shape.assign(output.view.sizes.begin(), output.view.sizes.end());
  Placement placement;
  placement.rowStride.assign(place->rowStride.begin(), place->rowStride.end());
  placement.featureStride.assign(place->featureStride.begin(),
                                 place->featureStride.end());
  placement.groupSize = machine.lanes;
  tile.binding.placements.push_back(placement);
  outputTiles[&t].push_back(newTile(tile));
}

/// Which tiles hold tensors of the model;
/// what vectors are computed from rather than what planes take.
void Emitter::nameValues() {
  for (const NamedView &named : graph.values) {
    Tensor *from = named.view.source;
    if (from->isLight || from->kind == Tensor::Input ||
        from->kind == Tensor::Constant)
      continue;
    std::optional<unsigned> tile;
    if (auto it = vectorTiles.find(from); it != vectorTiles.end())
      tile = it->second;
    else if (auto it = tiles.find(from); it != tiles.end())
      tile = it->second;
    else if (auto it = outputTiles.find(from); it != outputTiles.end())
      tile = it->second.front();
    if (!tile)
      continue;
    std::optional<Place> place = placeOf(named.view, from->layout);
    if (!place)
      continue;
    stream::NamedValue &value = program.values.emplace_back();
    value.name = named.name;
    value.cut = named.cut.dim;
    value.cutSize = named.cut.size;
    value.tile = *tile;
    value.row = place->row;
    value.feature = place->feature;
    value.shape.assign(named.view.sizes.begin(), named.view.sizes.end());
    value.rowStride.assign(place->rowStride.begin(), place->rowStride.end());
    value.featureStride.assign(place->featureStride.begin(),
                               place->featureStride.end());
  }
}

mlir::FailureOr<stream::Program> Emitter::run() {
  program.name = graph.name;
  for (Output &output : graph.outputs)
    addOutputTile(output, *output.view.source);
  formRegions();
  for (Output &output : graph.outputs)
    require(*output.view.source);
  for (Tensor *exchange : graph.exchanges)
    require(*exchange);
  if (failed)
    return mlir::failure();
  program.segments.push_back({1, std::move(kernels)});
  nameValues();
  return std::move(program);
}

mlir::FailureOr<stream::Program>
lpu::convertToKernels(mlir::ModuleOp module, const Machine &machine,
                      const LinalgToStreamOptions &options) {
  mlir::FailureOr<std::unique_ptr<Graph>> graph = buildGraph(module);
  if (mlir::failed(graph))
    return mlir::failure();
  foldConstants(**graph);
  sinkSlices(**graph);
  if (mlir::failed(findRanges(**graph)) ||
      mlir::failed(assignLayouts(**graph, machine)))
    return mlir::failure();
  LinalgToStreamOptions limits = options;
  if (!limits.flowStreams) {
    // All columns that a flow reads or writes stand in different slices, some
    // of them twice (tiles in both halves): flows are small where slices are
    // few.
    unsigned slices = machine.numSlices() - unsigned(machine.textSlices.size());
    unsigned share = slices >= 64 ? slices * 2 / 5 : slices / 4;
    limits.flowStreams = std::max(12u, std::min(machine.streams, share));
  }
  // Where results leave the history early, the scheduler adds moves.
  unsigned moves = machine.history >= 64 ? 0 : machine.history >= 48 ? 2 : 4;
  if (!limits.flowAlus && machine.alus > moves + 6)
    limits.flowAlus = machine.alus - moves;
  if (!limits.epilogueAlus && limits.flowAlus)
    limits.epilogueAlus = std::min(limits.flowAlus, machine.alus * 7 / 8);
  return Emitter(**graph, machine, limits).run();
}

void lpu::arrangeKernels(stream::Program &program, const Machine &machine,
                         const LinalgToStreamOptions &options,
                         const KernelForms &forms) {
  if (options.outlineRepeats)
    outlineRepeats(program, options.loopPhase, forms);
  stream::unifyInputTypes(program);
  stream::balanceShortJobs(program, machine);
  stream::interleaveBlocks(program, machine, options.memoryShare);
}

mlir::FailureOr<stream::Program>
lpu::convertLinalgToStream(mlir::ModuleOp module, const Machine &machine,
                           const LinalgToStreamOptions &options) {
  mlir::FailureOr<stream::Program> program =
      convertToKernels(module, machine, options);
  if (mlir::succeeded(program))
    arrangeKernels(*program, machine, options, kernelForms(*program));
  return program;
}
