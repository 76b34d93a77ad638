//===- Selection.cpp - any move of elements -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Selection.h"
#include "Emit.h"

#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::linalg_to_stream;

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

void Selection::add(unsigned source, const View &view, const Layout &from,
                    const Layout &to, int64_t row, int64_t feature) {
  llvm::ArrayRef<int64_t> shape = view.source->shape;
  Sizes steps = rowMajorStrides(shape), index(view.rank(), 0);
  while (true) {
    int64_t element = view.offset, atRow = row, atFeature = feature;
    for (unsigned d = 0; d < view.rank(); ++d) {
      element += index[d] * view.strides[d];
      atRow += index[d] * to.row[d];
      atFeature += index[d] * to.feature[d];
    }
    Cell &cell = cells[atRow * features + atFeature];
    cell = {int32_t(source), 0, 0};
    for (unsigned i = 0; i < shape.size(); ++i) {
      int64_t at = element / steps[i] % shape[i];
      cell.row += at * from.row[i];
      cell.feature += at * from.feature[i];
    }
    int64_t d = int64_t(view.rank()) - 1;
    while (d >= 0 && ++index[d] == view.sizes[d])
      index[d--] = 0;
    if (d < 0)
      return;
  }
}

void Selection::add(unsigned source, llvm::ArrayRef<int64_t> sizes,
                    const Place &from, const Layout &to, int64_t row,
                    int64_t feature) {
  Sizes index(sizes.size(), 0);
  while (true) {
    Cell at{int32_t(source), int32_t(from.row), int32_t(from.feature)};
    int64_t cell = row * features + feature;
    for (unsigned d = 0; d < sizes.size(); ++d) {
      at.row += index[d] * from.rowStride[d];
      at.feature += index[d] * from.featureStride[d];
      cell += index[d] * (to.row[d] * features + to.feature[d]);
    }
    cells[cell] = at;
    int64_t d = int64_t(sizes.size()) - 1;
    while (d >= 0 && ++index[d] == sizes[d])
      index[d--] = 0;
    if (d < 0)
      return;
  }
}

void Selection::repeatFirst() {
  for (int64_t row = 0; row < rows; ++row)
    std::fill_n(cells.begin() + row * features, features,
                cells[row * features]);
}

std::vector<Selection::Job> Selection::jobs(unsigned lanes) const {
  std::vector<Job> result;
  for (int64_t first = 0; first < features; first += lanes) {
    int64_t width = std::min<int64_t>(lanes, features - first);
    // Rows that take the same lanes, in the order in which they first appear.
    struct Row {
      int64_t row;
      std::vector<int64_t> from;
    };
    std::map<std::vector<int64_t>, size_t> known;
    std::vector<std::pair<std::vector<Part>, std::vector<Row>>> groups;
    for (int64_t row = 0; row < rows; ++row) {
      std::map<std::array<int64_t, 3>, Part> parts; // source, row, chunk
      for (int64_t f = 0; f < width; ++f) {
        const Cell &cell = cells[row * features + first + f];
        if (cell.source < 0)
          continue;
        Part &part =
            parts[{cell.source, cell.row, cell.feature / int64_t(lanes)}];
        part.source = cell.source;
        part.chunk = cell.feature / lanes;
        part.lanes.push_back({unsigned(cell.feature % lanes), unsigned(f)});
      }
      std::vector<int64_t> key;
      Row entry{row, {}};
      for (auto &[where, part] : parts) {
        key.insert(key.end(), {-1, int64_t(part.source), int64_t(part.chunk)});
        for (auto lane : part.lanes)
          key.push_back(int64_t(lane.first) << 32 | lane.second);
        entry.from.push_back(where[1]);
      }
      auto [it, isNew] = known.try_emplace(std::move(key), groups.size());
      if (isNew) {
        groups.emplace_back();
        for (auto &each : parts)
          groups.back().first.push_back(std::move(each.second));
      }
      groups[it->second].second.push_back(std::move(entry));
    }
    for (const auto &group : groups) {
      const std::vector<Part> &parts = group.first;
      const std::vector<Row> &entries = group.second;
      bool isCopy = parts.empty() || (parts.size() == 1 &&
                                      int64_t(parts[0].lanes.size()) == width &&
                                      llvm::all_of(parts[0].lanes, [](auto l) {
                                        return l.first == l.second;
                                      }));
      // Runs of rows in even steps.
      for (size_t i = 0; i < entries.size();) {
        Job job;
        job.chunk = first / lanes;
        job.row = entries[i].row;
        job.parts = parts;
        job.isCopy = isCopy;
        size_t end = i + 1;
        auto stepsTo = [&](size_t j) {
          std::vector<int64_t> steps{entries[j].row - entries[j - 1].row};
          for (size_t p = 0; p < parts.size(); ++p)
            steps.push_back(entries[j].from[p] - entries[j - 1].from[p]);
          return steps;
        };
        std::vector<int64_t> steps(parts.size() + 1, 0);
        if (end < entries.size()) {
          steps = stepsTo(end);
          if (llvm::any_of(steps, [](int64_t step) { return step < 0; }))
            steps.assign(parts.size() + 1, 0);
          else
            while (end < entries.size() && stepsTo(end) == steps)
              ++end;
        }
        job.rows = {int64_t(end - i), end - i > 1 ? steps[0] : 1};
        for (size_t p = 0; p < parts.size(); ++p)
          job.from.push_back({entries[i].from[p], steps[p + 1]});
        result.push_back(std::move(job));
        i = end;
      }
    }
  }
  return result;
}

int64_t linalg_to_stream::costOf(llvm::ArrayRef<Selection::Job> jobs,
                                 unsigned bytes, const Machine &machine) {
  int64_t planes = 2 * machine.planesPerHalf, cost = 0;
  for (const Selection::Job &job : jobs) {
    if (job.isCopy) {
      cost += job.rows.size + 8;
      continue;
    }
    int64_t passes = 0;
    for (const Selection::Part &part : job.parts)
      passes += std::max<int64_t>(job.rows.size, part.lanes.size() / 8) + 8;
    cost += passes * bytes / planes + 3 * job.rows.size + 16;
  }
  return cost;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

unsigned
Emitter::selectionMatrix(llvm::ArrayRef<std::pair<unsigned, unsigned>> lanes,
                         unsigned first, unsigned count) {
  unsigned columns = 0;
  for (auto [from, to] : lanes)
    columns = std::max(columns, to + 1);
  auto data = std::make_shared<std::vector<uint8_t>>(size_t(count) * columns);
  for (auto [from, to] : lanes)
    if (from >= first && from < first + count)
      (*data)[size_t(from - first) * columns + to] = 1;
  std::string key = "selection " + std::to_string(columns) + " " +
                    std::string(data->begin(), data->end());
  auto known = constants.find(key);
  if (known != constants.end())
    return known->second;
  stream::ConstantSource source;
  source.data = data;
  source.elementType = "i8";
  source.rowAxes = {{count, columns}};
  source.featureAxes = {{columns, 1}};
  unsigned tile = constantTile("selection", isa::ElementType::i8, source,
                               /*isWeights=*/true);
  constants[key] = tile;
  return tile;
}

void Emitter::emitSelection(const Selection &selection,
                            llvm::ArrayRef<unsigned> sources,
                            llvm::ArrayRef<unsigned> targets,
                            const Tensor &user) {
  using E = isa::ElementType;
  const int64_t lanes = machine.lanes;
  std::vector<Selection::Job> jobs = selection.jobs(lanes);
  bool isCopied = llvm::all_of(jobs, [](auto &job) { return job.isCopy; });
  auto setTails = [&] {
    bool isClean = llvm::none_of(jobs, [](auto &job) { return job.isCopy; });
    for (unsigned tile : targets)
      tails[tile] = isClean ? Tail::Zero : Tail::Unknown;
  };

  auto rowsOf = [](int64_t row, int64_t count, int64_t step) {
    RowMap rows;
    rows.base = row;
    rows.append(count, step);
    return rows;
  };
  auto layoutOfRows = [](int64_t rows, int64_t features) {
    Layout layout;
    layout.rows = rows;
    layout.features = features;
    return layout;
  };
  auto run = [&](Dag &dag, std::vector<RegionOutput> outputs) {
    FlowMaker flows(dag, std::move(outputs), user.name, context(user.name));
    runFlows(flows, user);
  };
  auto widthOf = [&](const Selection::Job &job) {
    return std::min(lanes, selection.features - job.chunk * lanes);
  };
  auto writeTo = [&](const Selection::Job &job, VectorOperand value) {
    RegionOutput output;
    output.value = value;
    output.tiles.assign(targets.begin(), targets.end());
    output.chunk = job.chunk;
    output.rows = rowsOf(job.row, job.rows.size, job.rows.stride);
    return output;
  };

  // Copies.
  for (const Selection::Job &job : jobs) {
    if (!job.isCopy)
      continue;
    Dag dag(layoutOfRows(job.rows.size, widthOf(job)), lanes);
    VectorOperand value = VectorOperand::imm(0);
    if (!job.parts.empty()) {
      TileRead read;
      read.tile = sources[job.parts[0].source];
      read.chunk = job.parts[0].chunk;
      read.rows = rowsOf(job.from[0].first, job.rows.size, job.from[0].second);
      value = dag.read(read, /*single=*/false);
    }
    run(dag, {writeTo(job, value)});
  }
  setTails();
  if (isCopied)
    return;

  // The bytes of what the products take, as signed numbers. The lowest byte of
  // half precision, seen in single precision, is zero.
  auto isByte = [&](unsigned tile) {
    return program.tiles[tile].type == E::i8 ||
           program.tiles[tile].type == E::u8;
  };
  bool isHalf = llvm::all_of(sources, [&](unsigned tile) {
    return program.tiles[tile].type == E::f16;
  });
  bool areBytes = llvm::all_of(sources, isByte);
  unsigned firstByte = isHalf ? 1 : 0, bytes = areBytes ? 1 : 4;
  struct Box {
    int64_t row = INT64_MAX, endRow = 0, chunk = INT64_MAX, endChunk = 0;
  };
  std::vector<Box> boxes(sources.size());
  for (const Selection::Job &job : jobs)
    for (unsigned p = 0; p < job.parts.size() && !job.isCopy; ++p) {
      Box &box = boxes[job.parts[p].source];
      auto [row, step] = job.from[p];
      box.row = std::min(box.row, row);
      box.endRow = std::max(box.endRow, row + (job.rows.size - 1) * step + 1);
      box.chunk = std::min<int64_t>(box.chunk, job.parts[p].chunk);
      box.endChunk = std::max<int64_t>(box.endChunk, job.parts[p].chunk + 1);
    }
  std::vector<std::array<unsigned, 4>> split(sources.size());
  for (unsigned s = 0; s < sources.size(); ++s) {
    const Box &box = boxes[s];
    if (box.endRow == 0)
      continue;
    int64_t rows = box.endRow - box.row;
    int64_t features =
        std::min(box.endChunk * lanes, program.tiles[sources[s]].features) -
        box.chunk * lanes;
    Dag dag(layoutOfRows(rows, features), lanes);
    TileRead read;
    read.tile = sources[s];
    read.chunk = box.chunk;
    read.rows = rowsOf(box.row, rows, 1);
    VectorOperand whole = dag.read(read, /*single=*/false);
    std::vector<RegionOutput> outputs;
    for (unsigned byte = firstByte; byte < bytes; ++byte) {
      VectorOperand value = whole;
      if (program.tiles[sources[s]].type != E::i8) {
        if (byte < 3)
          value = dag.alu(Opcode::alu_shl, value,
                          VectorOperand::imm(24 - 8 * byte));
        value = dag.alu(Opcode::alu_sar, value, VectorOperand::imm(24));
      }
      split[s][byte] = temporary(user.name + " (byte)", E::i8, rows, features);
      program.tiles[split[s][byte]].bothHalves = true;
      RegionOutput output;
      output.value = value;
      output.tiles.push_back(split[s][byte]);
      outputs.push_back(output);
    }
    run(dag, outputs);
  }

  // Products: each byte to its lanes.
  std::array<unsigned, 4> moved{};
  for (unsigned byte = firstByte; byte < bytes; ++byte)
    moved[byte] = temporary(user.name + " (byte)", E::u8, selection.rows,
                            selection.features);
  stream::Matmul matmul;
  matmul.name = user.name;
  matmul.fp16 = false;
  for (unsigned byte = firstByte; byte < bytes; ++byte)
    for (const Selection::Job &from : jobs) {
      if (from.isCopy)
        continue;
      stream::Job job;
      job.rows = from.rows.size;
      for (unsigned p = 0; p < from.parts.size(); ++p) {
        const Selection::Part &part = from.parts[p];
        const Box &box = boxes[part.source];
        unsigned low = UINT_MAX, high = 0;
        for (auto [lane, to] : part.lanes) {
          low = std::min(low, lane);
          high = std::max(high, lane + 1);
        }
        for (unsigned lane = low; lane < high; lane += machine.planeRows) {
          stream::KTile k;
          k.a.tile = split[part.source][byte];
          k.a.chunk = part.chunk - box.chunk;
          k.a.row = from.from[p].first - box.row;
          k.a.stride = from.from[p].second;
          k.laneBase = lane;
          k.laneCount = std::min(high - lane, machine.planeRows);
          unsigned end = lane + k.laneCount;
          bool isUsed = llvm::any_of(part.lanes, [lane, end](auto each) {
            return each.first >= lane && each.first < end;
          });
          if (!isUsed)
            continue;
          k.b = selectionMatrix(part.lanes, lane, k.laneCount);
          k.columnCount = program.tiles[k.b].features;
          job.kTiles.push_back(k);
        }
      }
      stream::Flow &flow = job.epilogue;
      flow.name = user.name;
      flow.iterations = job.rows;
      flow.nodes.emplace_back();
      flow.nodes[0].kind = stream::Node::Product;
      unsigned value = flow.addAlu(Opcode::alu_and, stream::Value::of(0),
                                   stream::Value::imm(), 0xff);
      stream::Access access;
      access.tile = moved[byte];
      access.chunk = from.chunk;
      access.row = from.row;
      access.stride = from.rows.stride;
      flow.writes.push_back({value, access});
      matmul.jobs.push_back(std::move(job));
    }
  kernels.push_back(std::move(matmul));

  // And together again. Rows of one chunk that several jobs make are one flow
  // if they stand in even steps.
  bool isSigned = llvm::any_of(sources, [&](unsigned tile) {
    return program.tiles[tile].type == E::i8;
  });
  for (int64_t chunk = 0; chunk * lanes < selection.features; ++chunk) {
    std::vector<int64_t> rows;
    for (const Selection::Job &job : jobs)
      if (!job.isCopy && int64_t(job.chunk) == chunk)
        for (int64_t i = 0; i < job.rows.size; ++i)
          rows.push_back(job.row + i * job.rows.stride);
    llvm::sort(rows);
    for (size_t i = 0; i < rows.size();) {
      size_t end = i + 1;
      while (end < rows.size() &&
             rows[end] - rows[end - 1] == rows[i + 1] - rows[i])
        ++end;
      Selection::Job job;
      job.chunk = chunk;
      job.row = rows[i];
      job.rows = {int64_t(end - i), end - i > 1 ? rows[i + 1] - rows[i] : 1};
      Dag dag(layoutOfRows(job.rows.size, widthOf(job)), lanes);
      VectorOperand sum;
      for (unsigned byte = firstByte; byte < bytes; ++byte) {
        TileRead read;
        read.tile = moved[byte];
        read.chunk = chunk;
        read.rows = rowsOf(job.row, job.rows.size, job.rows.stride);
        read.tail = Tail::Zero;
        VectorOperand value = dag.read(read, /*single=*/false);
        if (byte)
          value = dag.alu(Opcode::alu_shl, value, VectorOperand::imm(8 * byte));
        sum = sum.kind == VectorOperand::None
                  ? value
                  : dag.alu(Opcode::alu_or, sum, value);
      }
      if (areBytes && isSigned) {
        sum = dag.alu(Opcode::alu_shl, sum, VectorOperand::imm(24));
        sum = dag.alu(Opcode::alu_sar, sum, VectorOperand::imm(24));
      }
      run(dag, {writeTo(job, sum)});
      i = end;
    }
  }
  setTails();
}

std::optional<Emitter::Located>
Emitter::relocated(const Elements &from, const View &view, const Layout &domain,
                   std::optional<isa::ElementType> wanted, bool maySplat,
                   const Tensor &user) {
  // Dimensions along which the view repeats are not stored, unless they are
  // features beside others that vary.
  View active = view;
  SmallVector<unsigned, 6> rows, features = featureDims(view.sizes, domain);
  auto varies = [&](unsigned d) {
    return from.place ? from.place->rowStride[d] || from.place->featureStride[d]
                      : view.strides[d] != 0;
  };
  bool isSplat = maySplat && llvm::none_of(features, varies);
  if (isSplat)
    features.clear();
  for (unsigned d : rowDims(view.sizes, domain))
    if (varies(d) || !maySplat)
      rows.push_back(d);
  for (unsigned d = 0; d < view.rank(); ++d)
    if (!llvm::is_contained(rows, d) && !llvm::is_contained(features, d))
      active.sizes[d] = 1;
  Layout target = layoutOf(active.sizes, rows, features);
  target.isSplat = isSplat;
  isa::ElementType type = wanted ? *wanted : program.tiles[from.tile].type;

  std::string key = "moved " + std::to_string(from.tile) + " " +
                    std::to_string(int(type)) + (isSplat ? " splat " : " ");
  key += from.place ? std::to_string(from.place->row) + "+" +
                          std::to_string(from.place->feature)
                    : std::to_string(active.offset);
  for (unsigned d = 0; d < view.rank(); ++d)
    key += " " + std::to_string(active.sizes[d]) + ":" +
           (from.place ? std::to_string(from.place->rowStride[d]) + "/" +
                             std::to_string(from.place->featureStride[d])
                       : std::to_string(active.strides[d])) +
           ":" + std::to_string(target.row[d]) + ":" +
           std::to_string(target.feature[d]);
  Place place;
  place.rowStride = target.row;
  place.featureStride = target.feature;
  auto known = lightTiles.find(key);
  if (known != lightTiles.end())
    return Located{known->second.tile, place, isSplat, target.features};
  // A value that fills all lanes is copied with them.
  bool fills = isSplat && !from.isSplat;
  Selection selection(target.rows, fills ? machine.lanes : target.features);
  if (from.place)
    selection.add(0, active.sizes, *from.place, target);
  else
    selection.add(0, active, *from.layout, target);
  if (fills)
    selection.repeatFirst();
  unsigned to = temporary(user.name, type, target.rows, target.features);
  emitSelection(selection, {from.tile}, {to}, user);
  if (failed)
    return std::nullopt;
  lightTiles[key].tile = to;
  return Located{to, place, isSplat, target.features};
}
