//===- Interpreter.cpp - kernels on the host ------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is kept as 32-bit values, rounded to its type when they are written.
//
//===----------------------------------------------------------------------===//

#include "lpu/Stream/Interpreter.h"
#include "Alu.h"
#include "Numerics.h"
#include "lpu/Stream/AluShape.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>

using namespace lpu;
using namespace lpu::stream;
using namespace lpu::stream::numerics;

/// A 32-bit value as a tile of this type keeps it.
static uint32_t stored(uint32_t bits, ElementType type) {
  auto clamp = [&](int32_t low, int32_t high) {
    return uint32_t(std::clamp(int32_t(bits), low, high));
  };
  switch (type) {
  case ElementType::i8:
    return clamp(-128, 127);
  case ElementType::u8:
    return clamp(0, 255);
  case ElementType::i16:
    return clamp(-32768, 32767);
  case ElementType::f16:
    return fromHalf(toHalf(bits));
  case ElementType::i32:
  case ElementType::f32:
    return bits;
  }
  return bits;
}

static bool isFloatType(ElementType type) {
  return type == ElementType::f16 || type == ElementType::f32;
}

namespace {
/// Reads elements of an array and converts them for a tile.
struct Elements {
  const uint8_t *bytes;
  NpyType type;

  template <typename T> T at(int64_t index) const {
    T value;
    std::memcpy(&value, bytes + index * sizeof(T), sizeof(T));
    return value;
  }
  uint32_t convert(int64_t i, ElementType to) const {
    switch (type) {
    case NpyType::Float32:
      return fromFloat(at<float>(i), to);
    case NpyType::Float64:
      return fromFloat(float(at<double>(i)), to);
    case NpyType::Float16:
      return fromFloat(asFloat(fromHalf(at<uint16_t>(i))), to);
    case NpyType::Int64:
      return fromInt(at<int64_t>(i), to);
    case NpyType::UInt64:
      return fromInt(int64_t(at<uint64_t>(i)), to);
    case NpyType::Int32:
      return fromInt(at<int32_t>(i), to);
    case NpyType::UInt32:
      return fromInt(at<uint32_t>(i), to);
    case NpyType::Int16:
      return fromInt(at<int16_t>(i), to);
    case NpyType::UInt16:
      return fromInt(at<uint16_t>(i), to);
    case NpyType::Int8:
      return fromInt(at<int8_t>(i), to);
    case NpyType::UInt8:
    case NpyType::Bool:
      return fromInt(at<uint8_t>(i), to);
    }
    return 0;
  }
  static uint32_t fromFloat(float value, ElementType to) {
    if (isFloatType(to))
      return stored(asBits(value), to);
    return stored(uint32_t(floatToInt(asBits(value))), to);
  }
  static uint32_t fromInt(int64_t value, ElementType to) {
    if (isFloatType(to))
      return stored(asBits(float(value)), to);
    value = std::clamp<int64_t>(value, INT32_MIN, INT32_MAX);
    return stored(uint32_t(int32_t(value)), to);
  }
};

class Interpreter {
public:
  Interpreter(const Program &program, const Machine &machine)
      : program(program), lanes(machine.lanes), machine(machine) {}

  /// Takes the inputs; then `advance` runs to the next exchange, which it
  /// returns, or to the end, and `finish` gives the outputs.
  llvm::Error begin(llvm::ArrayRef<NpyArray> inputs);
  llvm::Expected<const Exchange *> advance();
  std::vector<NpyArray> finish();
  /// Member `self` of the group gets its rows of an exchange from member
  /// `from`.
  void receive(const Exchange &own, unsigned from, Interpreter &sender,
               const Exchange &sent, unsigned self);

private:
  using Row = uint32_t *;
  Row row(unsigned tile, unsigned chunk, int64_t index) {
    const Tile &t = program.tiles[tile];
    std::vector<uint32_t> &values = storage[tile];
    if (values.empty())
      values.assign(t.chunks() * t.rows * lanes, 0);
    return values.data() + (chunk * t.rows + index) * lanes;
  }
  Row row(const Access &a, int64_t i) {
    return row(a.tile, a.chunk, a.rowOf(i));
  }
  uint32_t &element(unsigned tile, int64_t r, int64_t f) {
    const Tile &t = program.tiles[tile];
    int64_t chunk = f / t.groupSize / t.groupsPerChunk;
    int64_t lane =
        f / t.groupSize % t.groupsPerChunk * t.groupSize + f % t.groupSize;
    return row(tile, chunk, r)[lane];
  }

  llvm::Error load(unsigned tile, int64_t iteration);
  llvm::Error feed(unsigned tile, llvm::ArrayRef<NpyArray> inputs);
  llvm::Error forEachElement(
      const Tile &tile,
      llvm::function_ref<void(int64_t index, int64_t row, int64_t feature)>
          visit);
  NpyArray fetch(unsigned tile);

  void run(const Flow &flow) { runFlow(flow, nullptr); }
  void run(const Matmul &matmul);
  void run(const Gather &gather);
  void run(const TransposeTile &transpose);
  void run(const Exchange &) {} // by interpretGroup
  llvm::Error loadConstants(const Kernel &kernel);
  /// `products`: one row of lanes per iteration.
  void runFlow(const Flow &flow, const uint32_t *products);
  void runKTile(const KTile &k, const Job &job, bool fp16,
                std::vector<uint32_t> &sums, bool isFirst);

  const Program &program;
  const unsigned lanes;
  const Machine &machine;
  std::vector<std::vector<uint32_t>> storage;
  std::vector<int64_t> loaded; // constants: instance, -1 none
  llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> files;
  // What comes next.
  size_t segment = 0, kernel = 0;
  int64_t iteration = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// Constants, inputs and outputs
//===----------------------------------------------------------------------===//

static std::optional<NpyType> sourceType(llvm::StringRef name) {
  if (name == "f32")
    return NpyType::Float32;
  if (name == "f16")
    return NpyType::Float16;
  if (name == "f64")
    return NpyType::Float64;
  if (name == "i64")
    return NpyType::Int64;
  if (name == "i32")
    return NpyType::Int32;
  if (name == "i8")
    return NpyType::Int8;
  if (name == "u8" || name == "i1" || name == "b8")
    return NpyType::UInt8;
  return std::nullopt;
}

llvm::Error Interpreter::load(unsigned tile, int64_t iteration) {
  const Tile &t = program.tiles[tile];
  int64_t instance = t.sources.size() == 1 ? 0 : iteration;
  if (loaded[tile] == instance)
    return llvm::Error::success();
  loaded[tile] = instance;
  const ConstantSource &source = t.sources[instance];
  auto fail = [&](const llvm::Twine &reason) {
    return llvm::createStringError("constant \"" + t.name + "\": " + reason);
  };
  std::optional<NpyType> type = sourceType(source.elementType);
  if (!type)
    return fail("unknown element type " + source.elementType);
  llvm::ArrayRef<uint8_t> bytes;
  if (source.file.empty()) {
    bytes = *source.data;
  } else {
    auto &buffer = files[source.file];
    if (!buffer) {
      auto opened = llvm::MemoryBuffer::getFile(source.file, false, false);
      if (!opened)
        return fail("cannot read " + source.file + ": " +
                    opened.getError().message());
      buffer = std::move(*opened);
    }
    uint64_t size = buffer->getBufferSize();
    if (source.fileOffset > size ||
        source.fileLength > size - source.fileOffset)
      return fail(source.file + " is too short");
    bytes = llvm::ArrayRef(
        reinterpret_cast<const uint8_t *>(buffer->getBufferStart()) +
            source.fileOffset,
        source.fileLength);
  }
  int64_t count = bytes.size() / npyTypeBytes(*type);
  Elements elements{bytes.data(), *type};
  auto offsets = [](const std::vector<Axis> &axes) {
    std::vector<int64_t> result{0};
    for (const Axis &axis : axes) {
      std::vector<int64_t> next;
      for (int64_t base : result)
        for (int64_t i = 0; i < axis.size; ++i)
          next.push_back(base + i * axis.stride);
      result = std::move(next);
    }
    return result;
  };
  std::vector<int64_t> rows = offsets(source.rowAxes),
                       features = offsets(source.featureAxes);
  storage[tile].assign(t.chunks() * t.rows * lanes, 0);
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t f = 0; f < features.size(); ++f) {
      int64_t index = source.splat ? 0 : source.offset + rows[r] + features[f];
      if (index < 0 || index >= count)
        return fail("an element outside its bytes");
      element(tile, r, f) =
          source.elementType == "b8"
              ? Elements::fromInt(int64_t(bytes[index]) - 128, t.type)
              : elements.convert(index, t.type);
    }
  return llvm::Error::success();
}

llvm::Error Interpreter::forEachElement(
    const Tile &tile,
    llvm::function_ref<void(int64_t, int64_t, int64_t)> visit) {
  const TensorBinding &binding = tile.binding;
  const Placement &p = binding.placements.front();
  std::vector<int64_t> index(binding.shape.size(), 0);
  int64_t count = 1;
  for (int64_t size : binding.shape)
    count *= size;
  for (int64_t n = 0; n < count; ++n) {
    int64_t r = 0, f = 0;
    for (size_t d = 0; d < index.size(); ++d) {
      r += index[d] * p.rowStride[d];
      f += index[d] * p.featureStride[d];
    }
    visit(n, r, f);
    for (size_t d = index.size(); d-- > 0;) {
      if (++index[d] < binding.shape[d])
        break;
      index[d] = 0;
    }
  }
  return llvm::Error::success();
}

llvm::Error Interpreter::feed(unsigned tile, llvm::ArrayRef<NpyArray> inputs) {
  const Tile &t = program.tiles[tile];
  const NpyArray *array = nullptr;
  for (const NpyArray &each : inputs)
    if (each.name == t.binding.name)
      array = &each;
  if (!array)
    return llvm::createStringError("no input \"" + t.binding.name + "\"");
  std::optional<NpyType> host = parseNpyTypeName(t.binding.hostType);
  if (array->shape != t.binding.shape || (host && array->type != *host))
    return llvm::createStringError(
        "input \"" + t.binding.name + "\" is " +
        describeNpy(array->type, array->shape) + ", the program takes " +
        (host ? describeNpy(*host, t.binding.shape) : t.binding.hostType));
  Elements elements{array->bytes.data(), array->type};
  return forEachElement(t, [&](int64_t n, int64_t r, int64_t f) {
    element(tile, r, f) = elements.convert(n, t.type);
  });
}

NpyArray Interpreter::fetch(unsigned tile) {
  const Tile &t = program.tiles[tile];
  NpyArray array;
  array.name = t.binding.name;
  array.type =
      parseNpyTypeName(t.binding.hostType)
          .value_or(isFloatType(t.type) ? NpyType::Float32 : NpyType::Int32);
  array.shape = t.binding.shape;
  unsigned width = npyTypeBytes(array.type);
  int64_t count = 1;
  for (int64_t size : array.shape)
    count *= size;
  array.bytes.resize(count * width);
  llvm::cantFail(forEachElement(t, [&](int64_t n, int64_t r, int64_t f) {
    uint32_t bits = element(tile, r, f);
    uint8_t *to = array.bytes.data() + n * width;
    int64_t integer = isFloatType(t.type) ? floatToInt(bits) : int32_t(bits);
    float number = isFloatType(t.type) ? asFloat(bits) : float(int32_t(bits));
    double wide = number;
    uint16_t half = toHalf(asBits(number));
    switch (array.type) {
    case NpyType::Float32:
      std::memcpy(to, &number, 4);
      break;
    case NpyType::Float64:
      std::memcpy(to, &wide, 8);
      break;
    case NpyType::Float16:
      std::memcpy(to, &half, 2);
      break;
    default:
      std::memcpy(to, &integer, width);
      break;
    }
  }));
  return array;
}

//===----------------------------------------------------------------------===//
// Flows
//===----------------------------------------------------------------------===//

void Interpreter::runFlow(const Flow &flow, const uint32_t *products) {
  size_t count = flow.nodes.size();
  std::vector<std::vector<uint32_t>> values(count), accumulators(count),
      numbers(count), constants(count);
  std::vector<unsigned> period(count, 1);
  std::vector<uint32_t> laneNumbers(lanes);
  for (unsigned l = 0; l < lanes; ++l)
    laneNumbers[l] = l;
  std::vector<const uint32_t *> value(count);
  for (size_t n = 0; n < count; ++n) {
    const Node &node = flow.nodes[n];
    if (node.kind != Node::Alu)
      continue;
    values[n].resize(lanes);
    constants[n].assign(lanes, node.hasConstant ? node.constant : node.imm);
    value[n] = values[n].data();
    if (aluShape(node.op) == AluShape::Acc) {
      accumulators[n].resize(lanes);
      numbers[n].resize(lanes);
      period[n] = node.period ? node.period : flow.iterations;
    }
    for (const Value &v : {node.a, node.b, node.c})
      if (v.kind == Value::Node)
        period[n] = std::max(period[n], period[v.node]);
  }
  for (int64_t i = 0; i < flow.iterations; ++i) {
    for (size_t n = 0; n < count; ++n) {
      const Node &node = flow.nodes[n];
      if (node.kind == Node::Read) {
        value[n] = row(node.access, i);
        continue;
      }
      if (node.kind == Node::Product) {
        value[n] = products + i * lanes;
        continue;
      }
      auto operand = [&](const Value &v) -> const uint32_t * {
        switch (v.kind) {
        case Value::Node:
          return value[v.node];
        case Value::Immediate:
          return constants[n].data();
        case Value::Lane:
          return laneNumbers.data();
        case Value::None:
          break;
        }
        return nullptr;
      };
      const uint32_t *a = operand(node.a);
      uint32_t *out = values[n].data();
      switch (*aluShape(node.op)) {
      case AluShape::Reduce:
        runReduce(node.op, lanes, machine.reduceLanes(node.group), a, out);
        break;
      case AluShape::Acc: {
        int64_t step = i % (node.period ? node.period : flow.iterations);
        for (unsigned l = 0; l < lanes; ++l) {
          uint32_t first = isNaN(a[l]) ? kNaN : a[l];
          if (node.op == isa::Opcode::alu_acc_argmax) {
            if (step == 0 || takesRight(accumulators[n][l], first)) {
              accumulators[n][l] = first;
              numbers[n][l] = step;
            }
            out[l] = numbers[n][l];
            continue;
          }
          accumulators[n][l] =
              step == 0 ? first : combine(node.op, accumulators[n][l], a[l]);
          out[l] = accumulators[n][l];
        }
        break;
      }
      default:
        runElementwise(node.op, lanes, a, operand(node.b), operand(node.c),
                       out);
        break;
      }
    }
    for (const Write &write : flow.writes) {
      unsigned p = period[write.node];
      if (i % p != p - 1)
        continue;
      ElementType type = program.tiles[write.access.tile].type;
      uint32_t *to = row(write.access, i / p);
      const uint32_t *from = value[write.node];
      for (unsigned l = 0; l < lanes; ++l)
        to[l] = stored(from[l], type);
    }
  }
}

//===----------------------------------------------------------------------===//
// Products and moves
//===----------------------------------------------------------------------===//

void Interpreter::runKTile(const KTile &k, const Job &job, bool fp16,
                           std::vector<uint32_t> &sums, bool isFirst) {
  // The plane's weights: k rows of all columns.
  std::vector<uint32_t> weights(size_t(k.laneCount) * lanes, 0);
  for (unsigned i = 0; i < k.laneCount; ++i)
    for (unsigned n = 0; n < k.columnCount; ++n)
      weights[i * lanes + k.columnBase + n] =
          k.byColumns ? row(k.b, k.bChunk, k.bRow + n)[k.bLaneBase + i]
                      : row(k.b, k.bChunk, k.bRow + i)[k.columnBase + n];
  std::vector<float> s(lanes);
  std::vector<float> w(weights.size());
  if (fp16)
    for (size_t i = 0; i < w.size(); ++i)
      w[i] = asFloat(weights[i]);
  for (int64_t m = 0; m < job.rows; ++m) {
    const uint32_t *a = row(k.a, m) + k.laneBase;
    uint32_t *sum = sums.data() + m * lanes;
    if (!fp16) {
      for (unsigned i = 0; i < k.laneCount; ++i)
        for (unsigned n = 0; n < lanes; ++n)
          sum[n] += a[i] * weights[i * lanes + n];
      continue;
    }
    std::fill(s.begin(), s.end(), 0.0f);
    for (unsigned i = 0; i < k.laneCount; ++i) {
      float x = asFloat(a[i]);
      const float *from = w.data() + size_t(i) * lanes;
      for (unsigned n = 0; n < lanes; ++n)
        s[n] += x * from[n];
    }
    for (unsigned n = 0; n < lanes; ++n)
      sum[n] = isFirst ? result(s[n])
                       : result(asFloat(sum[n]) + asFloat(result(s[n])));
  }
}

void Interpreter::run(const Matmul &matmul) {
  for (const Job &job : matmul.jobs) {
    std::vector<uint32_t> sums(job.rows * lanes, 0);
    bool isFirst = true;
    for (const KTile &k : job.kTiles) {
      runKTile(k, job, matmul.fp16, sums, isFirst);
      isFirst = false;
    }
    runFlow(job.epilogue, sums.data());
  }
}

void Interpreter::run(const Gather &g) {
  const Tile &table = program.tiles[g.table];
  for (int64_t i = 0; i < g.iterations; ++i) {
    int64_t index = int32_t(row(g.index, i)[0]);
    index = std::clamp<int64_t>(index < 0 ? index + table.rows : index, 0,
                                table.rows - 1);
    for (unsigned c = 0; c < table.chunks(); ++c)
      std::copy_n(row(g.table, c, index), lanes,
                  row(g.out, c, g.outRow + i * g.outStride));
  }
}

void Interpreter::run(const TransposeTile &t) {
  for (unsigned l = 0; l < t.lanes; ++l) {
    uint32_t *to = row(t.dst, t.dstChunk, t.dstRow + l);
    std::fill_n(to, lanes, 0);
    for (unsigned r = 0; r < t.rows; ++r)
      to[t.dstLane + r] = row(t.src, t.srcChunk, t.srcRow + r)[t.srcLane + l];
  }
}

llvm::Error Interpreter::begin(llvm::ArrayRef<NpyArray> inputs) {
  storage.resize(program.tiles.size());
  loaded.assign(program.tiles.size(), -1);
  for (unsigned i = 0; i < program.tiles.size(); ++i)
    if (program.tiles[i].kind == Tile::Input)
      if (llvm::Error error = feed(i, inputs))
        return error;
  return llvm::Error::success();
}

llvm::Error Interpreter::loadConstants(const Kernel &kernel) {
  llvm::Error error = llvm::Error::success();
  auto need = [&](unsigned tile) {
    if (!error && program.tiles[tile].kind == Tile::Constant)
      error = load(tile, iteration);
  };
  auto needFlow = [&](const Flow &flow) {
    for (const Node &node : flow.nodes)
      if (node.kind == Node::Read)
        need(node.access.tile);
  };
  if (auto *flow = std::get_if<Flow>(&kernel)) {
    needFlow(*flow);
  } else if (auto *matmul = std::get_if<Matmul>(&kernel)) {
    for (const Job &job : matmul->jobs) {
      needFlow(job.epilogue);
      for (const KTile &k : job.kTiles) {
        need(k.a.tile);
        need(k.b);
      }
    }
  } else if (auto *gather = std::get_if<Gather>(&kernel)) {
    need(gather->table);
    need(gather->index.tile);
  } else if (auto *transpose = std::get_if<TransposeTile>(&kernel)) {
    need(transpose->src);
  } else if (auto *exchange = std::get_if<Exchange>(&kernel)) {
    need(exchange->src);
  }
  return error;
}

llvm::Expected<const Exchange *> Interpreter::advance() {
  for (; segment < program.segments.size(); ++segment, iteration = 0)
    for (; iteration < program.segments[segment].iterations;
         ++iteration, kernel = 0)
      while (kernel < program.segments[segment].kernels.size()) {
        const Kernel &next = program.segments[segment].kernels[kernel++];
        if (llvm::Error error = loadConstants(next))
          return std::move(error);
        if (auto *exchange = std::get_if<Exchange>(&next))
          return exchange;
        std::visit([&](const auto &k) { run(k); }, next);
      }
  return nullptr;
}

std::vector<NpyArray> Interpreter::finish() {
  std::vector<NpyArray> outputs;
  for (unsigned i = 0; i < program.tiles.size(); ++i)
    if (program.tiles[i].kind == Tile::Output)
      outputs.push_back(fetch(i));
  return outputs;
}

void Interpreter::receive(const Exchange &own, unsigned from,
                          Interpreter &sender, const Exchange &sent,
                          unsigned self) {
  unsigned chunks = program.tiles[own.dst].chunks();
  for (unsigned c = 0; c < chunks; ++c)
    for (int64_t i = 0; i < own.rows; ++i)
      std::copy_n(sender.row(sent.src, c, sent.send[self] + i), lanes,
                  row(own.dst, c, own.recv[from] + i));
}

/// Empty if the exchanges, one of each member, are one.
static std::string difference(llvm::ArrayRef<const Program *> programs,
                              llvm::ArrayRef<const Exchange *> exchanges) {
  const Exchange *first = exchanges[0];
  for (size_t m = 1; m < exchanges.size(); ++m) {
    const Exchange *own = exchanges[m];
    if (!first != !own)
      return ("member " + llvm::Twine(first ? m : 0) +
              " has ended where member " + llvm::Twine(first ? 0 : m) +
              " executes exchange \"" + (first ? first : own)->name + "\"")
          .str();
    if (!own)
      continue;
    const Tile &tile = programs[m]->tiles[own->src],
               &other = programs[0]->tiles[first->src];
    if (own->group != first->group || own->rows != first->rows ||
        tile.type != other.type || tile.chunks() != other.chunks())
      return ("exchange \"" + llvm::Twine(first->name) +
              "\" of member 0 and \"" + own->name + "\" of member " +
              llvm::Twine(m) + " differ in group, rows, chunks or type")
          .str();
  }
  return "";
}

llvm::Expected<std::vector<std::vector<NpyArray>>>
stream::interpretGroup(llvm::ArrayRef<const Program *> programs,
                       const Machine &machine,
                       llvm::ArrayRef<NpyArray> inputs) {
  std::vector<std::unique_ptr<Interpreter>> members;
  for (const Program *program : programs) {
    for (unsigned size : program->groups)
      if (size != programs.size())
        return llvm::createStringError(
            "the program exchanges rows in a group of " + llvm::Twine(size) +
            "; " + llvm::Twine(programs.size()) + " chips run together");
    members.push_back(std::make_unique<Interpreter>(*program, machine));
    if (llvm::Error error = members.back()->begin(inputs))
      return std::move(error);
  }
  while (true) {
    std::vector<const Exchange *> exchanges;
    for (auto &member : members) {
      auto exchange = member->advance();
      if (!exchange)
        return exchange.takeError();
      exchanges.push_back(*exchange);
    }
    if (std::string what = difference(programs, exchanges); !what.empty())
      return llvm::createStringError(what);
    if (!exchanges[0])
      break;
    for (unsigned to = 0; to < members.size(); ++to)
      for (unsigned from = 0; from < members.size(); ++from)
        members[to]->receive(*exchanges[to], from, *members[from],
                             *exchanges[from], to);
  }
  std::vector<std::vector<NpyArray>> results;
  for (auto &member : members)
    results.push_back(member->finish());
  return results;
}

llvm::Expected<std::vector<NpyArray>>
stream::interpret(const Program &program, const Machine &machine,
                  llvm::ArrayRef<NpyArray> inputs) {
  auto results = interpretGroup({&program}, machine, inputs);
  if (!results)
    return results.takeError();
  return std::move((*results)[0]);
}
