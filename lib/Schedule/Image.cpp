//===- Image.cpp - constant bytes and bindings ----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constants are never in memory as a whole: each image segment has a source
// that reads the mapped weight file, converts the elements a row asks for, and
// takes their byte.
//
//===----------------------------------------------------------------------===//

#include "SchedulerImpl.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"
#include <cstring>
#include <optional>

using namespace lpu;
using namespace lpu::schedule;
using stream::ConstantSource;
using stream::Tile;

namespace {
enum class SourceType { f32, f16, f64, i64, i32, i16, i8, u8, b8, unknown };

SourceType sourceType(llvm::StringRef name) {
  return llvm::StringSwitch<SourceType>(name)
      .Case("f32", SourceType::f32)
      .Case("f16", SourceType::f16)
      .Case("f64", SourceType::f64)
      .Case("i64", SourceType::i64)
      .Case("i32", SourceType::i32)
      .Case("i16", SourceType::i16)
      .Case("i8", SourceType::i8)
      .Case("b8", SourceType::b8)
      .Cases({"u8", "i1", "ui8"}, SourceType::u8)
      .Default(SourceType::unknown);
}

unsigned sourceBytes(SourceType type) {
  switch (type) {
  case SourceType::f64:
  case SourceType::i64:
    return 8;
  case SourceType::f32:
  case SourceType::i32:
    return 4;
  case SourceType::f16:
  case SourceType::i16:
    return 2;
  default:
    return 1;
  }
}

float halfToFloat(uint16_t bits) {
  return llvm::APFloat(llvm::APFloat::IEEEhalf(), llvm::APInt(16, bits))
      .convertToFloat();
}

/// Round to nearest even, overflow to infinity (docs/isa.md, section 10).
uint16_t floatToHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return 0x7e00;
  if (magnitude >= 0x477ff000)
    return uint16_t(sign | 0x7c00);
  if (magnitude < 0x33000001)
    return uint16_t(sign);
  int exponent = int(magnitude >> 23) - 127;
  uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
  // Bits that fall away: 13, more for subnormal results.
  int drop = exponent < -14 ? 13 + (-14 - exponent) : 13;
  uint32_t kept = mantissa >> drop, rest = mantissa & ((1u << drop) - 1),
           half = 1u << (drop - 1);
  if (rest > half || (rest == half && (kept & 1)))
    ++kept;
  uint32_t result =
      exponent < -14 ? kept : kept + (uint32_t(exponent + 14) << 10);
  return uint16_t(sign | result);
}

/// Reads elements of a source and gives them in a tile's element type.
/// Element offsets of the lanes of a chunk, the same in every row; -1: zero.
using Lanes = std::shared_ptr<const std::vector<int64_t>>;

/// All segments of a constant share it.
struct Reader {
  ConstantSource source;
  std::shared_ptr<void> keep;
  const uint8_t *bytes = nullptr;
  SourceType type = SourceType::unknown;
  isa::ElementType target = isa::ElementType::f16;
  std::string key; // what decides the bytes, but for the place in the tile
  std::shared_ptr<std::vector<Lanes>> lanes; // by chunk

  uint32_t element(int64_t index) const {
    unsigned size = sourceBytes(type);
    const uint8_t *at = bytes + (source.splat ? 0 : index) * size;
    double f = 0;
    int64_t i = 0;
    bool isFloat = false;
    switch (type) {
    case SourceType::f32: {
      float v;
      std::memcpy(&v, at, 4);
      if (target == isa::ElementType::f16)
        return floatToHalf(v);
      if (target == isa::ElementType::f32) {
        uint32_t raw;
        std::memcpy(&raw, at, 4);
        return raw;
      }
      f = v;
      isFloat = true;
      break;
    }
    case SourceType::f16: {
      uint16_t raw = llvm::support::endian::read16le(at);
      if (target == isa::ElementType::f16)
        return raw;
      f = halfToFloat(raw);
      isFloat = true;
      break;
    }
    case SourceType::f64:
      std::memcpy(&f, at, 8);
      isFloat = true;
      break;
    case SourceType::i64:
      i = int64_t(llvm::support::endian::read64le(at));
      break;
    case SourceType::i32:
      i = int32_t(llvm::support::endian::read32le(at));
      break;
    case SourceType::i16:
      i = int16_t(llvm::support::endian::read16le(at));
      break;
    case SourceType::i8:
      i = int8_t(*at);
      break;
    case SourceType::b8:
      i = int64_t(*at) - 128;
      break;
    default:
      i = *at;
    }
    switch (target) {
    case isa::ElementType::f16:
      return floatToHalf(isFloat ? float(f) : float(i));
    case isa::ElementType::f32: {
      float v = isFloat ? float(f) : float(i);
      uint32_t raw;
      std::memcpy(&raw, &v, 4);
      return raw;
    }
    default: {
      int64_t v = isFloat ? int64_t(f) : i;
      v = std::max<int64_t>(INT32_MIN, std::min<int64_t>(INT32_MAX, v));
      return uint32_t(v);
    }
    }
  }
};

/// The element offset of a mixed-radix number, or nothing outside the axes.
std::optional<int64_t> offsetOf(int64_t index,
                                const std::vector<stream::Axis> &axes) {
  int64_t offset = 0;
  for (size_t a = axes.size(); a-- > 0;) {
    offset += index % axes[a].size * axes[a].stride;
    index /= axes[a].size;
  }
  if (index)
    return std::nullopt;
  return offset;
}
} // namespace

/// What decides the bytes of a constant, as text.
static std::string keyOf(const ConstantSource &source, const Tile &tile) {
  std::string key;
  llvm::raw_string_ostream os(key);
  if (source.file.empty()) {
    llvm::XXH128_hash_t hash = llvm::xxh3_128bits(*source.data);
    os << source.data->size() << ':' << hash.high64 << hash.low64;
  } else {
    os << source.file << ':' << source.fileOffset;
  }
  os << ' ' << source.elementType << ' ' << source.offset << source.splat;
  for (const auto *axes : {&source.rowAxes, &source.featureAxes}) {
    os << ';';
    for (const stream::Axis &axis : *axes)
      os << axis.size << '*' << axis.stride << ',';
  }
  os << ' ' << int(tile.type) << ' ' << tile.features << ' '
     << tile.chunkFeatures() << ' ';
  return key;
}

/// A constant as the scheduler has placed it, with the bytes of `program`.
static Tile tileOf(const ImagePlan &plan, const stream::Program &program,
                   unsigned number) {
  if (number < program.tiles.size())
    return program.tiles[number];
  Tile tile = plan.added[number - program.tiles.size()];
  const ImagePlan::Part &part = plan.parts[number - program.tiles.size()];
  if (part.tile < 0)
    return tile;
  for (size_t k = 0; k < tile.sources.size(); ++k) {
    ConstantSource source = program.tiles[part.tile].sources[k];
    source.offset += part.offsets[k];
    source.rowAxes = tile.sources[k].rowAxes;
    source.featureAxes = tile.sources[k].featureAxes;
    tile.sources[k] = std::move(source);
  }
  return tile;
}

namespace {
/// The constants of an image, each opened once.
class Constants {
public:
  Constants(const ImagePlan &plan, const stream::Program &program,
            const Machine &machine, SourceFiles &files)
      : plan(plan), program(program), machine(machine), files(files),
        constants(plan.stripes.size()) {}

  llvm::Expected<std::shared_ptr<Reader>> reader(unsigned tile,
                                                 unsigned instance);
  const Lanes &lanes(const Reader &reader, unsigned tile, unsigned chunk);

private:
  struct Constant {
    std::optional<Tile> tile;
    std::vector<std::shared_ptr<Reader>> readers; // by source
  };
  Constant &constant(unsigned tile) {
    Constant &known = constants[tile];
    if (!known.tile) {
      known.tile = tileOf(plan, program, tile);
      known.readers.resize(known.tile->sources.size());
    }
    return known;
  }
  llvm::Error open(Reader &reader);

  const ImagePlan &plan;
  const stream::Program &program;
  const Machine &machine;
  SourceFiles &files;
  std::vector<Constant> constants; // by tile
};
} // namespace

/// Finds the bytes of a source.
llvm::Error Constants::open(Reader &reader) {
  auto failure = [](const llvm::Twine &what) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(), what);
  };
  if (reader.type == SourceType::unknown)
    return failure("element type '" + reader.source.elementType +
                   "' cannot be put into an image");
  if (reader.source.file.empty()) {
    reader.keep = reader.source.data;
    reader.bytes = reader.source.data->data();
    return llvm::Error::success();
  }
  auto &buffer = files[reader.source.file];
  if (!buffer) {
    auto opened =
        llvm::MemoryBuffer::getFile(reader.source.file, /*IsText=*/false,
                                    /*RequiresNullTerminator=*/false);
    if (!opened)
      return failure("cannot read '" + reader.source.file +
                     "': " + opened.getError().message());
    buffer = std::move(*opened);
  }
  if (reader.source.fileOffset + reader.source.fileLength >
      buffer->getBufferSize())
    return failure("file '" + reader.source.file +
                   "' is shorter than when it was imported");
  reader.keep = buffer;
  reader.bytes = reinterpret_cast<const uint8_t *>(buffer->getBufferStart()) +
                 reader.source.fileOffset;
  return llvm::Error::success();
}

llvm::Expected<std::shared_ptr<Reader>> Constants::reader(unsigned tile,
                                                          unsigned instance) {
  Constant &own = constant(tile);
  size_t k = std::min<size_t>(instance, own.readers.size() - 1);
  if (own.readers[k])
    return own.readers[k];
  auto made = std::make_shared<Reader>();
  made->source = own.tile->sources[k];
  made->type = sourceType(made->source.elementType);
  made->target = own.tile->type;
  if (llvm::Error error = open(*made))
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "constant '" + own.tile->name + "': " +
                                       llvm::toString(std::move(error)));
  made->key = keyOf(made->source, *own.tile);
  // Equal layers have their elements in the same lanes.
  auto same = [](const stream::Axis &a, const stream::Axis &b) {
    return a.size == b.size && a.stride == b.stride;
  };
  if (k > 0 && own.readers[0] &&
      llvm::equal(own.readers[0]->source.featureAxes, made->source.featureAxes,
                  same))
    made->lanes = own.readers[0]->lanes;
  else
    made->lanes = std::make_shared<std::vector<Lanes>>(own.tile->chunks());
  return own.readers[k] = std::move(made);
}

const Lanes &Constants::lanes(const Reader &reader, unsigned number,
                              unsigned chunk) {
  Lanes &known = (*reader.lanes)[chunk];
  if (known)
    return known;
  const Tile &tile = *constant(number).tile;
  auto lanes = std::make_shared<std::vector<int64_t>>(machine.lanes, -1);
  for (unsigned lane = 0; lane < machine.lanes; ++lane) {
    int64_t f = int64_t(chunk) * tile.chunkFeatures() + lane;
    if (lane >= tile.chunkFeatures() || f >= tile.features)
      continue;
    if (auto offset = offsetOf(f, reader.source.featureAxes))
      (*lanes)[lane] = *offset;
  }
  return known = std::move(lanes);
}

llvm::Expected<ConstantImage>
lpu::schedule::makeImage(const ImagePlan &plan, const stream::Program &program,
                         const Machine &machine, SourceFiles &files) {
  ConstantImage image;
  size_t count = 0;
  for (const ConstantColumn &c : plan.columns)
    count += c.instances;
  image.segments.reserve(count);
  image.keys.reserve(count);
  Constants constants(plan, program, machine, files);
  for (const ConstantColumn &c : plan.columns) {
    for (unsigned k = 0; k < c.instances; ++k) {
      ImageSegment segment;
      segment.slice = c.slice;
      segment.bank = c.bank;
      segment.row = unsigned(c.row + int64_t(k) * c.instanceStride);
      segment.rows = unsigned(c.rows);
      if (plan.withoutBytes) {
        image.segments.push_back(std::move(segment));
        image.keys.emplace_back();
        continue;
      }
      auto opened = constants.reader(c.tile, k);
      if (!opened)
        return opened.takeError();
      std::shared_ptr<Reader> reader = std::move(*opened);
      int64_t firstRow = int64_t(c.panel) * plan.panelRows[c.tile] + c.stripe;
      int64_t stripes = plan.stripes[c.tile];
      unsigned byte = c.byte, width = machine.lanes;
      std::string &key = image.keys.emplace_back(reader->key);
      for (int64_t number :
           {int64_t(c.chunk), firstRow, stripes, c.rows, int64_t(c.byte)})
        key.append(reinterpret_cast<const char *>(&number), sizeof(number));
      segment.source = [lanes = constants.lanes(*reader, c.tile, c.chunk),
                        reader, firstRow, stripes, byte, width](
                           uint64_t offset,
                           llvm::MutableArrayRef<uint8_t> into) -> llvm::Error {
        for (size_t done = 0; done < into.size();) {
          uint64_t at = offset + done, lane = at % width;
          size_t n = std::min<size_t>(into.size() - done, width - lane);
          int64_t row = firstRow + int64_t(at / width) * stripes;
          auto base = offsetOf(row, reader->source.rowAxes);
          for (size_t i = 0; i < n; ++i) {
            int64_t l = (*lanes)[lane + i];
            into[done + i] =
                !base || l < 0 ? 0
                               : uint8_t(reader->element(reader->source.offset +
                                                         *base + l) >>
                                         (8 * byte));
          }
          done += n;
        }
        return llvm::Error::success();
      };
      image.segments.push_back(std::move(segment));
    }
  }
  return image;
}

ImagePlan SchedulerImpl::imagePlan() const {
  ImagePlan plan;
  plan.columns = layout->constants();
  plan.withoutBytes = options.withoutWeights;
  for (unsigned tile = 0; tile < program.tiles.size(); ++tile) {
    plan.panelRows.push_back(layout->panelRows(tile));
    plan.stripes.push_back(layout->stripes(tile));
    if (tile < givenTiles)
      continue;
    plan.added.push_back(program.tiles[tile]);
    ImagePlan::Part &part = plan.parts.emplace_back();
    if (auto of = partOf.find(tile); of != partOf.end()) {
      part.tile = of->second;
      const auto &whole = program.tiles[of->second].sources;
      for (size_t k = 0; k < whole.size(); ++k)
        part.offsets.push_back(program.tiles[tile].sources[k].offset -
                               whole[k].offset);
    }
  }
  return plan;
}

void SchedulerImpl::makePackage(Package &package) {
  package.machine = machine;
  package.programName = program.name;
  package.chips.emplace_back();
  SourceFiles files;
  auto image = makeImage(imagePlan(), program, machine, files);
  if (!image) {
    fail(toString(image.takeError()));
    return;
  }
  package.chips.back().image = std::move(image->segments);

  // Inputs and outputs. Tiles of one name are one binding with several
  // placements.
  for (unsigned i = 0; i < program.tiles.size(); ++i) {
    const Tile &tile = program.tiles[i];
    if (tile.kind != Tile::Input && tile.kind != Tile::Output)
      continue;
    auto &list = tile.kind == Tile::Input ? package.inputs : package.outputs;
    TensorBinding *binding = nullptr;
    for (TensorBinding &b : list)
      if (b.name == tile.binding.name)
        binding = &b;
    if (!binding) {
      list.push_back(tile.binding);
      binding = &list.back();
      binding->placements.clear();
    }
    binding->chipType = tile.type;
    for (unsigned copy = 0; copy < layout->copies(i); ++copy) {
      if (tile.kind == Tile::Output && copy)
        continue;
      int64_t panelRows = layout->panelRows(i);
      int64_t panels = (tile.rows + panelRows - 1) / panelRows;
      Placement placement = tile.binding.placements.empty()
                                ? Placement()
                                : tile.binding.placements[0];
      placement.groupSize = uint32_t(tile.groupSize);
      placement.groupsPerChunk = uint32_t(tile.groupsPerChunk);
      placement.chunks = uint32_t(tile.chunks());
      placement.stripes = layout->stripes(i);
      placement.tensorRows = uint32_t(tile.rows);
      placement.columns.clear();
      bool complete = panels == 1;
      for (unsigned chunk = 0; chunk < tile.chunks() && complete; ++chunk) {
        const auto *columns = layout->find(i, 0, chunk, copy);
        if (!columns) {
          complete = false;
          break;
        }
        for (const PlacedColumn &column : *columns)
          placement.columns.push_back(
              {0, column.slice, column.bank, unsigned(column.row)});
      }
      if (panels > 1) {
        fail("the model does not fit: '" + tile.binding.name + "' takes " +
             std::to_string(tile.rows) + " rows of one bank, of whose " +
             std::to_string(machine.rows) + " rows " +
             std::to_string(panelRows) +
             " may be its; use smaller dimensions or a machine with more rows");
        return;
      }
      if (complete)
        binding->placements.push_back(std::move(placement));
      else if (tile.kind == Tile::Output) {
        fail("output '" + tile.binding.name + "' is not written");
        return;
      }
    }
  }
}
