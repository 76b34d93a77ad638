//===- Tensors.cpp - tensors of the model in a debug section --------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Binary/Tensors.h"
#include "lpu/Binary/DebugList.h"
#include "lpu/ISA/Text.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/JSON.h"

using namespace lpu;

std::string lpu::writeTensorSection(llvm::ArrayRef<TensorPlace> places) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os);
  auto list = [&](const char *name, const std::vector<int64_t> &numbers) {
    json.attributeArray(name, [&] {
      for (int64_t number : numbers)
        json.value(number);
    });
  };
  json.array([&] {
    for (const TensorPlace &place : places) {
      os << '\n';
      json.object([&] {
        json.attribute("name", place.name);
        json.attribute("chip", int64_t(place.chip));
        json.attribute("type", isa::elementTypeName(place.type));
        json.attribute("complete", int64_t(place.complete));
        json.attribute("until", int64_t(place.until));
        list("shape", place.shape);
        json.attribute("cut", place.cut);
        json.attribute("cut_size", place.cutSize);
        json.attribute("row", place.row);
        json.attribute("feature", place.feature);
        list("row_stride", place.rowStride);
        list("feature_stride", place.featureStride);
        json.attribute("rows", place.rows);
        json.attribute("panel_rows", place.panelRows);
        json.attribute("stripes", place.stripes);
        json.attribute("chunk_features", place.chunkFeatures);
        json.attribute("chunks", place.chunks);
        json.attributeArray("columns", [&] {
          for (const auto &column : place.columns)
            for (unsigned number : column)
              json.value(int64_t(number));
        });
      });
    }
  });
  return text + "\n";
}

/// What keeps a place from being read, or "".
static std::string fault(const TensorPlace &place, const Package &package) {
  // Elements of a tensor, and rows of a tile, that a person waits for.
  constexpr int64_t most = int64_t(1) << 31;
  constexpr int64_t mostElements = int64_t(1) << 28; // 1 GiB of floats
  if (place.chip >= package.chips.size())
    return "no such chip";
  size_t rank = place.shape.size();
  if (place.rowStride.size() != rank || place.featureStride.size() != rank ||
      place.cut < -1 || place.cut >= int64_t(rank))
    return "its lists have different lengths";
  auto isSmall = [&](int64_t number) { return number >= 1 && number < most; };
  int64_t elements = 1, lowRow = place.row, highRow = place.row;
  int64_t low = place.feature, high = place.feature;
  auto isNear = [&](int64_t number) { return number > -most && number < most; };
  if (!isNear(place.row) || !isNear(place.feature))
    return "it begins far outside of its tile";
  for (size_t d = 0; d < rank; ++d) {
    if (!isSmall(place.shape[d]) || !isNear(place.rowStride[d]) ||
        !isNear(place.featureStride[d]))
      return "a dimension or stride out of range";
    elements *= place.shape[d];
    int64_t last = place.shape[d] - 1;
    (place.rowStride[d] < 0 ? lowRow : highRow) += last * place.rowStride[d];
    (place.featureStride[d] < 0 ? low : high) += last * place.featureStride[d];
    if (elements > mostElements || !isNear(lowRow) || !isNear(highRow) ||
        !isNear(low) || !isNear(high))
      return "too many elements";
  }
  for (int64_t number : {place.rows, place.panelRows, place.stripes,
                         place.chunkFeatures, place.chunks})
    if (!isSmall(number))
      return "a size out of range";
  const Machine &m = package.machine;
  if (place.chunkFeatures > int64_t(m.lanes) || low < 0 ||
      high >= place.chunks * place.chunkFeatures)
    return "features outside of its chunks";
  int64_t panels = (place.rows + place.panelRows - 1) / place.panelRows;
  auto expected = llvm::checkedMulUnsigned<uint64_t>(
      uint64_t(panels) * place.chunks,
      uint64_t(place.stripes) * isa::byteWidth(place.type));
  if (!expected || *expected != place.columns.size())
    return "the wrong number of columns";
  int64_t sramRows = 0; // of all columns
  size_t perPanel = place.columns.size() / size_t(panels);
  for (size_t i = 0; i < place.columns.size(); ++i) {
    // The last panel may be shorter.
    int64_t rows = std::min(
        place.panelRows, place.rows - int64_t(i / perPanel) * place.panelRows);
    auto [slice, bank, row] = place.columns[i];
    if (slice >= m.numSlices() || bank > 1 ||
        row + (rows + place.stripes - 1) / place.stripes > int64_t(m.rows))
      return "a column outside of the SRAM";
    sramRows += (rows + place.stripes - 1) / place.stripes;
  }
  if (sramRows > int64_t(m.numSlices()) * 2 * m.rows)
    return "more rows than the SRAM has";
  return "";
}

llvm::Expected<std::vector<TensorPlace>>
lpu::readTensorSection(const Package &package) {
  std::vector<TensorPlace> places;
  auto read = [&](llvm::json::ObjectMapper &map, std::string &wrong) {
    TensorPlace &place = places.emplace_back();
    int64_t chip = -1, complete = -1, until = -1;
    std::string type;
    std::vector<int64_t> columns;
    if (!map.map("name", place.name) || !map.map("chip", chip) ||
        !map.map("type", type) || !map.map("complete", complete) ||
        !map.map("until", until) || !map.map("shape", place.shape) ||
        !map.map("cut", place.cut) || !map.map("cut_size", place.cutSize) ||
        !map.map("row", place.row) || !map.map("feature", place.feature) ||
        !map.map("row_stride", place.rowStride) ||
        !map.map("feature_stride", place.featureStride) ||
        !map.map("rows", place.rows) ||
        !map.map("panel_rows", place.panelRows) ||
        !map.map("stripes", place.stripes) ||
        !map.map("chunk_features", place.chunkFeatures) ||
        !map.map("chunks", place.chunks) || !map.map("columns", columns))
      return false;
    auto element = isa::elementTypeFromName(type);
    constexpr int64_t mostCycles = int64_t(1) << 48;
    bool isGood = element && chip >= 0 && chip <= UINT32_MAX && complete >= 0 &&
                  until >= complete && until < mostCycles &&
                  columns.size() % 3 == 0;
    for (int64_t number : columns)
      isGood &= number >= 0 && number <= UINT32_MAX;
    if (!isGood) {
      wrong = "tensor '" + place.name + "' is out of range";
      return true;
    }
    place.type = *element;
    place.chip = unsigned(chip);
    place.complete = uint64_t(complete);
    place.until = uint64_t(until);
    for (size_t i = 0; i < columns.size(); i += 3)
      place.columns.push_back({unsigned(columns[i]), unsigned(columns[i + 1]),
                               unsigned(columns[i + 2])});
    if (std::string what = fault(place, package); !what.empty())
      wrong = "tensor '" + place.name + "': " + what;
    return true;
  };
  if (llvm::Error error = readDebugList(package, tensorSectionName, read))
    return std::move(error);
  return places;
}
