//===- Contract.cpp - matrix products -------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One job per chunk of the result, batch index and run of rows that the moving
// operand can be read in. The sum over k is cut where a chunk of an operand
// ends and where the plane is full. Batch indices that stand side by side in a
// result row (heads) are K tiles of one job with different column windows: the
// columns outside a window meet zero weights, so adding concatenates.
//
//===----------------------------------------------------------------------===//

#include "Emit.h"

#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace lpu;
using namespace lpu::linalg_to_stream;

Emitter::Located Emitter::constantSide(const View &view,
                                       llvm::ArrayRef<unsigned> rowDims,
                                       llvm::ArrayRef<unsigned> featureDims,
                                       bool isWeights, isa::ElementType type,
                                       bool isForMatrix) {
  Layout layout = layoutOf(view.sizes, rowDims, featureDims);
  // Products in half precision take weights that are in its range.
  bool isScaled = isForMatrix && type == isa::ElementType::f16 &&
                  weightScale(*view.source) != 0;
  stream::ConstantSource constant =
      isScaled ? scaledWeights[view.source] : view.source->constant;
  constant.offset += view.offset;
  for (unsigned d : rowDims)
    constant.rowAxes.push_back({view.sizes[d], view.strides[d]});
  for (unsigned d : featureDims)
    constant.featureAxes.push_back({view.sizes[d], view.strides[d]});
  Place place;
  place.rowStride = layout.row;
  place.featureStride = layout.feature;
  unsigned tile = constantTile(view.source->name, type, constant, isWeights);
  return Located{tile, place, false, layout.features};
}

int Emitter::weightScale(const Tensor &constant) {
  auto [it, isNew] = weightScales.try_emplace(&constant, 0);
  if (!isNew)
    return it->second;
  int scale = options.scales ? options.scales->of(constant.constant)
                             : scaleOf(constant.constant);
  if (scale)
    if (auto scaled = scaledBy(constant.constant, scale)) {
      scaledWeights[&constant] = std::move(*scaled);
      weightScales[&constant] = scale;
    }
  return weightScales[&constant];
}

VectorOperand Emitter::productValue(const Tensor &t, Dag &dag) {
  VectorOperand product = dag.product();
  if (t.isInteger)
    return product;
  for (const View &v : t.operands)
    if (v.source->kind == Tensor::Constant)
      if (int scale = weightScale(*v.source))
        for (int step; scale != 0; scale -= step) {
          step = std::max(-100, std::min(100, scale));
          float factor = std::ldexp(1.0f, step);
          product =
              dag.alu(Opcode::alu_mul, product,
                      VectorOperand::imm(llvm::bit_cast<uint32_t>(factor)));
        }
  return product;
}

std::optional<Emitter::Located> Emitter::matrixSide(Tensor &t, bool moving) {
  const ContractPlan &plan = t.plan;
  const View &view = t.operands[moving ? plan.moving : 1 - plan.moving];
  Tensor &from = *view.source;
  isa::ElementType type =
      t.isInteger ? isa::ElementType::i8 : isa::ElementType::f16;
  if (!from.isLight) {
    std::optional<Place> place = placeOf(view, from.layout);
    LPU_CHECK(place, "a plan for an operand without a place");
    return Located{tileOf(from), *place, false, from.layout.features};
  }
  SmallVector<unsigned, 6> rows(plan.batchRows.begin(), plan.batchRows.end());
  SmallVector<unsigned, 6> features;
  // Batch indices that are side by side in the result are rows of what moves.
  if (moving)
    rows.append(plan.batchFeatures.begin(), plan.batchFeatures.end());
  rows.append(moving ? plan.m.begin() : plan.k.begin(),
              moving ? plan.m.end() : plan.k.end());
  features.append(moving ? plan.k.begin() : plan.n.begin(),
                  moving ? plan.k.end() : plan.n.end());
  if (from.kind == Tensor::Constant)
    return constantSide(view, rows, features, !moving, type,
                        /*isForMatrix=*/true);
  // A light operand is made in the layout that the plane wants.
  View wanted = view;
  for (unsigned d = 0; d < wanted.rank(); ++d)
    if (!llvm::is_contained(rows, d) && !llvm::is_contained(features, d))
      wanted.sizes[d] = 1;
  Layout domain = layoutOf(wanted.sizes, rows, features);
  return makeLight(wanted, domain, type, t, moving);
}

namespace {
/// Calls `visit` with the multi-index of every point of a box, last fastest.
template <typename Visit>
void forEach(llvm::ArrayRef<unsigned> dims, llvm::ArrayRef<int64_t> sizes,
             Visit visit) {
  Sizes index(dims.size(), 0);
  while (true) {
    visit(llvm::ArrayRef<int64_t>(index));
    int64_t i = int64_t(dims.size()) - 1;
    while (i >= 0 && ++index[i] == sizes[dims[i]])
      index[i--] = 0;
    if (i < 0)
      return;
  }
}

int64_t dot(llvm::ArrayRef<unsigned> dims, llvm::ArrayRef<int64_t> index,
            const Sizes &strides) {
  int64_t sum = 0;
  for (unsigned i = 0; i < dims.size(); ++i)
    sum += index[i] * strides[dims[i]];
  return sum;
}

/// Consecutive positions in both of two places.
struct Run {
  int64_t a = 0, b = 0, count = 0;
};

/// Splits pairs of positions into runs: both go up by one, neither leaves its
/// chunk (0: has none), at most `most` of them.
std::vector<Run> runsOf(llvm::ArrayRef<std::pair<int64_t, int64_t>> pairs,
                        int64_t chunkA, int64_t chunkB, int64_t most) {
  std::vector<Run> runs;
  for (auto [a, b] : pairs) {
    bool extends = !runs.empty() && runs.back().count < most &&
                   a == runs.back().a + runs.back().count &&
                   b == runs.back().b + runs.back().count &&
                   !(chunkA && a % chunkA == 0) && !(chunkB && b % chunkB == 0);
    if (extends)
      ++runs.back().count;
    else
      runs.push_back({a, b, 1});
  }
  return runs;
}
} // namespace

void Emitter::emitContract(Tensor &t, FlowMaker &flows) {
  const ContractPlan &plan = t.plan;
  std::optional<Located> a = matrixSide(t, true), b = matrixSide(t, false);
  if (!a || !b || failed)
    return;
  // The layouts promise this; a wrong lane would be a wrong result.
  auto stand = [](llvm::ArrayRef<unsigned> dims, const Sizes &strides) {
    return llvm::all_of(dims, [&](unsigned d) { return strides[d] == 0; });
  };
  const Sizes &kStrides =
      plan.byColumns ? b->place.rowStride : b->place.featureStride;
  const Sizes &nStrides =
      plan.byColumns ? b->place.featureStride : b->place.rowStride;
  LPU_CHECK(stand(plan.m, a->place.featureStride) &&
                stand(plan.k, a->place.rowStride) && stand(plan.k, kStrides) &&
                stand(plan.n, nStrides) &&
                (plan.byColumns || b->place.feature % machine.lanes == 0),
            "an operand of a product that does not stand as planned");
  const int64_t lanes = machine.lanes;
  const int64_t most = t.isInteger ? machine.planeRows : machine.planeRows / 2;
  const Layout &layout = t.layout;
  int64_t chunks = (layout.features + lanes - 1) / lanes;
  int64_t m = 1, n = 1;
  for (unsigned d : plan.m)
    m *= t.domain[d];
  for (unsigned d : plan.n)
    n *= t.domain[d];

  // Installs begin at whole stripes: constant weights whose batch indices are
  // no whole number of them are a tile per batch index.
  const unsigned stripes = machine.weightStripes(t.isInteger ? 1 : 2);
  const View &stationary = t.operands[1 - plan.moving];
  int64_t kRows = 1;
  for (unsigned d : plan.k)
    kRows *= t.domain[d];
  bool isTilePerBatch = stationary.source->kind == Tensor::Constant &&
                        !plan.batchRows.empty() && kRows % stripes != 0;
  auto tileOfBatch = [&](llvm::ArrayRef<int64_t> batch) {
    View part = stationary;
    part.offset += dot(plan.batchRows, batch, part.strides);
    for (unsigned d : plan.batchRows)
      part.sizes[d] = 1;
    return constantSide(part, plan.k, plan.n, /*isWeights=*/true,
                        program.tiles[b->tile].type, /*isForMatrix=*/true);
  };

  stream::Matmul matmul;
  matmul.name = t.name;
  matmul.fp16 = !t.isInteger;
  std::set<int64_t, std::greater<int64_t>> blocks{1};
  int64_t suffix = 1;
  for (unsigned d : llvm::reverse(plan.m))
    blocks.insert(suffix *= t.domain[d]);

  auto jobsOf = [&](int64_t block) {
    int64_t batchNumber = 0;
    bool isPossible = true;
    forEach(plan.batchRows, t.domain, [&](llvm::ArrayRef<int64_t> batch) {
      int64_t firstRow = batchNumber++ * m;
      if (isTilePerBatch)
        b = tileOfBatch(batch);
      int64_t aRow =
          a->place.row + dot(plan.batchRows, batch, a->place.rowStride);
      int64_t aFeature =
          a->place.feature + dot(plan.batchRows, batch, a->place.featureStride);
      int64_t bRow =
          b->place.row + dot(plan.batchRows, batch, b->place.rowStride);
      int64_t bFeature =
          b->place.feature + dot(plan.batchRows, batch, b->place.featureStride);
      for (int64_t first = 0; first < m && isPossible; first += block)
        for (int64_t c = 0; c < chunks && isPossible; ++c) {
          stream::Job job;
          job.rows = block;
          std::optional<stream::Flow> epilogue =
              flows.epilogue(c, firstRow + first, block);
          if (!epilogue) {
            isPossible = false;
            break;
          }
          job.epilogue = *epilogue;
          int64_t side = 0; // number of the batch index within a row
          forEach(plan.batchFeatures, t.domain, [&](llvm::ArrayRef<int64_t> f) {
            // The columns of this batch index that stand in chunk c.
            int64_t column = dot(plan.batchFeatures, f, b->place.featureStride);
            ++side;
            int64_t low = std::max(column, c * lanes);
            int64_t high = std::min(column + n, (c + 1) * lanes);
            if (low >= high)
              return;
            RowMap rows;
            rows.base = aRow + dot(plan.batchFeatures, f, a->place.rowStride);
            for (unsigned d : plan.m)
              rows.append(t.domain[d], a->place.rowStride[d]);
            std::optional<stream::Access> access = rows.access(first, block);
            if (!access) {
              isPossible = false;
              return;
            }
            int64_t aBase =
                aFeature + dot(plan.batchFeatures, f, a->place.featureStride);
            int64_t bBase =
                bRow + dot(plan.batchFeatures, f, b->place.rowStride);
            std::vector<std::pair<int64_t, int64_t>> pairs;
            forEach(plan.k, t.domain, [&](llvm::ArrayRef<int64_t> k) {
              int64_t position =
                  plan.byColumns
                      ? bFeature + dot(plan.k, k, b->place.featureStride)
                      : bBase + dot(plan.k, k, b->place.rowStride);
              pairs.push_back(
                  {aBase + dot(plan.k, k, a->place.featureStride), position});
            });
            std::vector<Run> kRuns =
                runsOf(pairs, lanes, plan.byColumns ? lanes : 0, most);
            // By columns, each column is a row of the operand.
            std::vector<Run> columnRuns{{low, 0, high - low}};
            if (plan.byColumns) {
              std::vector<std::pair<int64_t, int64_t>> columns;
              int64_t number = 0;
              forEach(plan.n, t.domain, [&](llvm::ArrayRef<int64_t> index) {
                int64_t at = column + number++;
                if (at >= low && at < high)
                  columns.push_back(
                      {at, bBase + dot(plan.n, index, b->place.rowStride)});
              });
              columnRuns = runsOf(columns, 0, 0, lanes);
            }
            for (const Run &columns : columnRuns)
              for (const Run &run : kRuns) {
                stream::KTile k;
                k.a = *access;
                k.a.tile = a->tile;
                k.a.chunk = run.a / lanes;
                k.laneBase = run.a % lanes;
                k.laneCount = run.count;
                k.byColumns = plan.byColumns;
                k.b = b->tile;
                if (plan.byColumns) {
                  k.bChunk = run.b / lanes;
                  k.bLaneBase = run.b % lanes;
                  k.bRow = columns.b;
                } else {
                  k.bChunk = bFeature / lanes + c;
                  k.bRow = run.b;
                }
                k.columnBase = columns.a % lanes;
                k.columnCount = columns.count;
                job.kTiles.push_back(k);
              }
          });
          matmul.jobs.push_back(std::move(job));
        }
    });
    return isPossible;
  };
  for (int64_t block : blocks) {
    matmul.jobs.clear();
    if (jobsOf(block)) {
      kernels.push_back(std::move(matmul));
      return;
    }
  }
  report(t, "the rows of a product's operands cannot be walked");
}

void Emitter::emitPlainContract(Tensor &t) {
  const Tensor *first = t.operands[0].source, *second = t.operands[1].source;
  bool inOrder = first->stage <= second->stage;
  require(*t.operands[inOrder ? 0 : 1].source);
  require(*t.operands[inOrder ? 1 : 0].source);
  Dag dag(t.layout, machine.lanes);
  RegionOutput output;
  output.value = productValue(t, dag);
  output.tiles = tilesToWrite(t);
  FlowMaker flows(dag, {output}, t.name, context(t.name));
  std::string error = flows.planEpilogues(epilogueLimits);
  if (!error.empty())
    return report(t, error);
  emitContract(t, flows);
  flows.finishEpilogues();
  runFlows(flows, t);
}
