//===- Tensors.cpp - tensors of the model inside a run --------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Session/Tensors.h"
#include "Convert.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include <map>

using namespace lpu;

static bool isFloat(isa::ElementType type) {
  return type == isa::ElementType::f16 || type == isa::ElementType::f32;
}

llvm::Expected<std::unique_ptr<TensorReader>>
TensorReader::create(Session &session) {
  auto places = readTensorSection(session.package());
  if (!places)
    return places.takeError();
  if (places->empty())
    return llvm::createStringError(
        "the package names no tensors of its model: it has no debug section "
        "'tensors', or none of them stands in SRAM as a whole");
  std::unique_ptr<TensorReader> reader(new TensorReader(session));
  reader->places = std::move(*places);
  std::map<std::tuple<std::string, unsigned, int64_t>, unsigned> known;
  for (const TensorPlace &place : reader->places) {
    auto [it, isNew] = known.try_emplace({place.name, place.chip, place.cut},
                                         unsigned(reader->parts.size()));
    if (isNew) {
      Part &part = reader->parts.emplace_back();
      part.first = &place;
      part.array.type = isFloat(place.type) ? NpyType::Float32 : NpyType::Int32;
      part.array.shape = place.shape;
      size_t elements = 1;
      for (int64_t size : place.shape)
        elements *= size_t(size);
      part.array.bytes.resize(elements * 4);
      part.known.resize(elements);
    }
    Part &part = reader->parts[it->second];
    if (part.first->shape != place.shape ||
        isFloat(part.first->type) != isFloat(place.type))
      return llvm::createStringError(
          "debug section 'tensors' is damaged: places of '" + place.name +
          "' have different shapes or types");
    part.complete = std::max(part.complete, place.complete);
    reader->partOf.push_back(it->second);
  }
  return reader;
}

void TensorReader::attach(emulator::RunOptions &options) {
  for (const TensorPlace &place : places)
    options.probes.push_back({place.chip, place.complete});
  options.probe = [this](size_t place) { read(place); };
}

void TensorReader::read(size_t number) {
  const TensorPlace &place = places[number];
  Part &part = parts[partOf[number]];
  emulator::Engine &engine = session.engine();
  size_t lanes = session.package().machine.lanes;
  int64_t width = isa::byteWidth(place.type);
  // Rows of each column, and whether a row is written.
  std::vector<std::vector<uint8_t>> bytes(place.columns.size());
  std::vector<std::vector<bool>> written(place.columns.size());
  for (size_t c = 0; c < place.columns.size(); ++c) {
    int64_t stripe = int64_t(c) / width % place.stripes;
    int64_t panel = int64_t(c) / (width * place.stripes * place.chunks);
    int64_t inPanel =
        std::min(place.panelRows, place.rows - panel * place.panelRows);
    int64_t rows = (inPanel - stripe + place.stripes - 1) / place.stripes;
    auto [slice, bank, first] = place.columns[c];
    bytes[c].resize(size_t(std::max<int64_t>(0, rows)) * lanes);
    for (int64_t row = 0; row < rows; ++row)
      written[c].push_back(
          engine.readRow(place.chip, slice, bank, first + unsigned(row),
                         llvm::MutableArrayRef<uint8_t>(bytes[c]).slice(
                             size_t(row) * lanes, lanes)));
  }
  std::vector<int64_t> index(place.shape.size());
  int64_t row = place.row, feature = place.feature;
  for (size_t element = 0; element < part.known.size(); ++element) {
    if (row >= 0 && row < place.rows) {
      int64_t chunk = feature / place.chunkFeatures;
      int64_t lane = feature % place.chunkFeatures;
      int64_t panel = row / place.panelRows, inPanel = row % place.panelRows;
      size_t column = size_t(((panel * place.chunks + chunk) * place.stripes +
                              inPanel % place.stripes) *
                             width);
      size_t at = size_t(inPanel / place.stripes);
      uint32_t bits = 0;
      bool isKnown = true;
      for (int64_t b = 0; b < width; ++b) {
        isKnown = isKnown && written[column + b][at];
        bits |= uint32_t(bytes[column + b][at * lanes + size_t(lane)])
                << (8 * b);
      }
      part.known[element] = isKnown;
      (void)session::toHost(bits, place.type, part.array.type,
                            part.array.bytes.data() + element * 4);
    }
    for (size_t d = index.size(); d-- > 0;) { // the next element
      row += place.rowStride[d];
      feature += place.featureStride[d];
      if (++index[d] < place.shape[d])
        break;
      row -= index[d] * place.rowStride[d];
      feature -= index[d] * place.featureStride[d];
      index[d] = 0;
    }
  }
}

/// One array of parts that differ in dimension `cut` only.
static NpyArray joined(llvm::ArrayRef<const NpyArray *> parts, int64_t cut) {
  NpyArray all = *parts.front();
  size_t outer = 1;
  for (int64_t d = 0; d < cut; ++d)
    outer *= size_t(all.shape[d]);
  all.shape[cut] = 0;
  all.bytes.clear();
  for (const NpyArray *part : parts)
    all.shape[cut] += part->shape[cut];
  for (size_t o = 0; o < outer; ++o)
    for (const NpyArray *part : parts) {
      size_t size = part->bytes.size() / outer;
      all.bytes.insert(all.bytes.end(), part->bytes.begin() + o * size,
                       part->bytes.begin() + (o + 1) * size);
    }
  return all;
}

std::vector<NpyArray>
TensorReader::arrays(std::vector<std::string> &incomplete) const {
  // Parts of a group together, by chip.
  std::map<std::tuple<std::string, int64_t, unsigned>,
           std::vector<const Part *>>
      groups;
  for (const Part &part : parts)
    groups[{part.first->name, part.first->cut,
            part.first->cut < 0 ? part.first->chip : 0}]
        .push_back(&part);
  std::vector<std::pair<std::pair<uint64_t, unsigned>, NpyArray>> result;
  for (auto &[key, members] : groups) {
    llvm::sort(members, [](const Part *a, const Part *b) {
      return a->first->chip < b->first->chip;
    });
    int64_t cut = std::get<1>(key);
    uint64_t complete = 0;
    bool isWhole = true;
    std::vector<const NpyArray *> arrays;
    auto without = [&](const Part *part) {
      std::vector<int64_t> shape = part->array.shape;
      shape[cut] = 0;
      return shape;
    };
    for (const Part *part : members) {
      complete = std::max(complete, part->complete);
      isWhole &= llvm::all_of(part->known, [](bool k) { return k; });
      isWhole &= cut < 0 || without(part) == without(members.front());
      arrays.push_back(&part->array);
    }
    unsigned chip = members.front()->first->chip;
    if (cut >= 0) { // chips that have it nowhere
      int64_t size = 0;
      for (const Part *part : members)
        size += part->array.shape[cut];
      isWhole &= size == members.front()->first->cutSize;
    }
    if (!isWhole) {
      incomplete.push_back(std::get<0>(key));
      continue;
    }
    NpyArray array = cut < 0 ? *arrays.front() : joined(arrays, cut);
    array.name = std::to_string(chip) + ":" + std::to_string(complete) + ":" +
                 std::get<0>(key);
    result.push_back({{complete, chip}, std::move(array)});
  }
  llvm::stable_sort(
      result, [](const auto &a, const auto &b) { return a.first < b.first; });
  std::vector<NpyArray> arrays;
  for (auto &entry : result)
    arrays.push_back(std::move(entry.second));
  return arrays;
}
