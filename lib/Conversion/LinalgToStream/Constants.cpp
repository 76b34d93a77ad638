//===- Constants.cpp - constants that are computed here -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What integers depend on constants only is known now: sums over the columns of
// quantised weights, zero points. Nothing of it is left for the chip. Results
// are small; weights are read where they lie, block by block, and never copied.
// The one change of a whole weight that has a place in a source is that of an
// unsigned byte into a signed one (element type "b8").
//
// Floats are left to the chip: its functions are its own.
//
//===----------------------------------------------------------------------===//

#include "Graph.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <cstring>
#include <map>

using namespace lpu;
using namespace lpu::linalg_to_stream;

template <typename T>
static void scan(const uint8_t *bytes, uint64_t count, ConstantSpan &span) {
  for (uint64_t i = 0; i < count; ++i) {
    T raw;
    std::memcpy(&raw, bytes + i * sizeof(T), sizeof(T));
    double value = double(raw);
    if (!std::isfinite(value))
      continue;
    span.low = std::min(span.low, value);
    span.high = std::max(span.high, value);
  }
}

/// The bytes of a constant; false if its file cannot be read, which is said
/// where the bytes are packed.
static bool bytesOf(const stream::ConstantSource &source,
                    std::unique_ptr<llvm::MemoryBuffer> &buffer,
                    llvm::ArrayRef<uint8_t> &bytes) {
  if (source.file.empty()) {
    bytes = *source.data;
    return true;
  }
  auto opened = llvm::MemoryBuffer::getFileSlice(source.file, source.fileLength,
                                                 source.fileOffset);
  if (!opened)
    return false;
  buffer = std::move(*opened);
  bytes = llvm::ArrayRef(
      reinterpret_cast<const uint8_t *>(buffer->getBufferStart()),
      buffer->getBufferSize());
  return true;
}

std::optional<ConstantSpan>
linalg_to_stream::spanOf(const stream::ConstantSource &source) {
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  llvm::ArrayRef<uint8_t> all;
  if (!bytesOf(source, buffer, all))
    return std::nullopt;
  const uint8_t *bytes = all.data();
  uint64_t length = all.size();
  ConstantSpan span;
  llvm::StringRef type = source.elementType;
  if (source.elementType == "b8") {
    span.low = -128;
    span.high = 127;
  } else if (type == "f32")
    scan<float>(bytes, length / 4, span);
  else if (type == "f64")
    scan<double>(bytes, length / 8, span);
  else if (type == "i64")
    scan<int64_t>(bytes, length / 8, span);
  else if (type == "i32")
    scan<int32_t>(bytes, length / 4, span);
  else if (type == "i8")
    scan<int8_t>(bytes, length, span);
  else if (type == "u8" || type == "i1")
    scan<uint8_t>(bytes, length, span);
  else if (type == "f16") {
    // Halves are what the planes hold: never out of range.
    span.low = -65504;
    span.high = 65504;
  } else {
    return std::nullopt;
  }
  if (span.low > span.high) // nothing finite
    span.low = span.high = 0;
  return span;
}

/// The largest magnitude of finite floats. All weights of a model pass here, so
/// it compares bits: magnitudes are ordered as their bits are, a vector at a
/// time.
static double mostOf(llvm::ArrayRef<uint8_t> bytes) {
  constexpr int32_t infinity = 0x7f800000;
  const size_t count = bytes.size() / 4;
  int32_t most = 0;
  for (size_t i = 0; i < count; ++i) {
    int32_t bits;
    std::memcpy(&bits, bytes.data() + i * 4, 4);
    bits &= 0x7fffffff;
    bits = bits < infinity ? bits : 0;
    most = bits > most ? bits : most;
  }
  return llvm::bit_cast<float>(most);
}

int linalg_to_stream::scaleOf(const stream::ConstantSource &source) {
  double most = 0;
  if (source.elementType == "f32") {
    std::unique_ptr<llvm::MemoryBuffer> buffer;
    llvm::ArrayRef<uint8_t> bytes;
    if (!bytesOf(source, buffer, bytes))
      return 0;
    most = mostOf(bytes);
  } else if (source.elementType == "f64") {
    std::optional<ConstantSpan> span = spanOf(source);
    if (!span)
      return 0;
    most = std::max(-span->low, span->high);
  }
  // The step of subnormal fp16 numbers is 2^-24: below 2^-6 it begins to show.
  if (most == 0 || (most >= 1.0 / 64 && most <= 65504))
    return 0;
  return std::ilogb(most) - (most > 1 ? 14 : 0);
}

int WeightScales::of(const stream::ConstantSource &source) {
  if (source.file.empty())
    return scaleOf(source);
  auto [it, isNew] = known.try_emplace({source.file, source.fileOffset}, 0);
  if (isNew)
    it->second = scaleOf(source);
  return it->second;
}

std::optional<stream::ConstantSource>
linalg_to_stream::scaledBy(const stream::ConstantSource &source, int exponent) {
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  llvm::ArrayRef<uint8_t> bytes;
  if (!bytesOf(source, buffer, bytes))
    return std::nullopt;
  bool isDouble = source.elementType == "f64";
  unsigned width = isDouble ? 8 : 4;
  size_t count = bytes.size() / width;
  stream::ConstantSource scaled = source;
  scaled.file.clear();
  scaled.fileOffset = scaled.fileLength = 0;
  scaled.elementType = "f32";
  scaled.data = std::make_shared<std::vector<uint8_t>>(count * 4);
  for (size_t i = 0; i < count; ++i) {
    double value;
    float narrow;
    if (isDouble) {
      std::memcpy(&value, bytes.data() + i * 8, 8);
    } else {
      std::memcpy(&narrow, bytes.data() + i * 4, 4);
      value = narrow;
    }
    narrow = float(std::ldexp(value, -exponent));
    std::memcpy(scaled.data->data() + i * 4, &narrow, 4);
  }
  return scaled;
}

//===----------------------------------------------------------------------===//
// Folding
//===----------------------------------------------------------------------===//

namespace {
/// Elements of a result that is worth to be held in memory.
constexpr int64_t mostElements = 1 << 16;
/// Elements that are evaluated at a time.
constexpr size_t blockSize = 4096;

class Folder {
public:
  /// Makes a constant of `t` if that is what it is.
  void fold(Tensor &t) {
    bool isCandidate = (t.kind == Tensor::Map || t.kind == Tensor::Reduce) &&
                       isInteger(t) && isOfConstants(t);
    if (!isCandidate || isFlipped(t))
      return;
    int64_t count = product(t.shape);
    if (count > mostElements)
      return;
    std::vector<int32_t> values(count);
    bool isKnown = t.kind == Tensor::Reduce
                       ? reduce(t, values)
                       : evaluate(t, iota(0, count), values.data());
    buffers.clear();
    if (!isKnown)
      return;
    stream::ConstantSource source;
    source.elementType = "i32";
    source.data = std::make_shared<std::vector<uint8_t>>(count * 4);
    std::memcpy(source.data->data(), values.data(), count * 4);
    replace(t, std::move(source));
  }

private:
  static bool isInteger(const Tensor &t) {
    return llvm::StringSwitch<bool>(t.element)
        .Cases({"i1", "i8", "u8", "ui8", "i32"}, true)
        .Default(false);
  }

  /// Through elementwise steps that are themselves too large to be held.
  static bool isOfConstants(const Tensor &t, unsigned depth = 4) {
    return depth != 0 && !t.operands.empty() &&
           llvm::all_of(t.operands, [&](const View &v) {
             const Tensor &from = *v.source;
             return isInteger(from) && (from.kind == Tensor::Constant ||
                                        (from.kind == Tensor::Map &&
                                         (from.operands.empty() ||
                                          isOfConstants(from, depth - 1))));
           });
  }

  static void replace(Tensor &t, stream::ConstantSource source) {
    t.kind = Tensor::Constant;
    t.constant = std::move(source);
    t.operands.clear();
    t.body.clear();
    t.reduced.clear();
    t.result = {};
  }

  /// The bytes of a constant with their top bits flipped: the same bytes, read
  /// as offset binary.
  static bool isFlipped(Tensor &t) {
    if (t.kind != Tensor::Map || t.operands.size() != 1 || t.body.size() != 1 ||
        t.element != "i8")
      return false;
    const View &v = t.operands[0];
    const Tensor &from = *v.source;
    const ScalarStep &step = t.body[0];
    auto is = [](ScalarOperand o, ScalarOperand::Kind kind, uint32_t value) {
      return o.kind == kind && o.value == value;
    };
    bool flips = step.op == Opcode::alu_xor &&
                 is(step.a, ScalarOperand::Input, 0) &&
                 is(step.b, ScalarOperand::Immediate, uint32_t(-128)) &&
                 is(t.result, ScalarOperand::Step, 0);
    bool isWhole =
        v.offset == 0 && isPlain(v) && product(from.shape) == product(t.shape);
    if (!flips || !isWhole || from.kind != Tensor::Constant ||
        (from.constant.elementType != "i8" &&
         from.constant.elementType != "b8"))
      return false;
    if (!from.name.empty())
      t.name = from.name; // the weight that the user knows
    stream::ConstantSource source = from.constant;
    source.elementType = source.elementType == "i8" ? "b8" : "i8";
    replace(t, std::move(source));
    return true;
  }

  /// Its elements lie one behind the other.
  static bool isPlain(const View &v) {
    bool result = true;
    int64_t stride = 1;
    for (unsigned d = v.rank(); d-- > 0; stride *= v.sizes[d])
      result &= v.sizes[d] == 1 || v.strides[d] == stride;
    return result;
  }

  static std::vector<int64_t> iota(int64_t first, int64_t count) {
    std::vector<int64_t> result(count);
    for (int64_t i = 0; i < count; ++i)
      result[i] = first + i;
    return result;
  }

  /// The elements of the source that a view reads as its elements `indices`.
  static std::vector<int64_t> through(const View &v,
                                      ArrayRef<int64_t> indices) {
    std::vector<int64_t> result(indices.begin(), indices.end());
    bool isInOrder = isPlain(v);
    for (int64_t &index : result) {
      int64_t left = index;
      if (!isInOrder) {
        index = 0;
        for (unsigned d = v.rank(); d-- > 0; left /= v.sizes[d])
          index += left % v.sizes[d] * v.strides[d];
      }
      index += v.offset;
    }
    return result;
  }

  bool constant(const Tensor &t, ArrayRef<int64_t> indices, int32_t *out) {
    Bytes &held = buffers[&t];
    if (held.bytes.empty() && !bytesOf(t.constant, held.buffer, held.bytes))
      return false;
    const stream::ConstantSource &source = t.constant;
    unsigned width = source.elementType == "i32" ? 4 : 1;
    bool isSigned = source.elementType == "i8" || source.elementType == "b8";
    int flip = source.elementType == "b8" ? 0x80 : 0;
    for (auto [i, index] : llvm::enumerate(indices)) {
      uint64_t at = source.splat ? 0 : uint64_t(source.offset + index) * width;
      if (at + width > held.bytes.size())
        return false; // said where the bytes are packed
      const uint8_t *raw = held.bytes.data() + at;
      if (width == 4)
        std::memcpy(&out[i], raw, 4);
      else
        out[i] = isSigned ? int8_t(*raw ^ flip) : *raw;
    }
    return true;
  }

  /// Elements `indices` of a constant or of elementwise steps over constants;
  /// false if a step is not one of whole numbers, or its result wraps.
  bool evaluate(const Tensor &t, ArrayRef<int64_t> indices, int32_t *out) {
    if (t.kind == Tensor::Constant)
      return constant(t, indices, out);
    size_t count = indices.size();
    std::vector<std::vector<int32_t>> inputs, steps;
    for (const View &v : t.operands) {
      inputs.emplace_back(count);
      if (!evaluate(*v.source, through(v, indices), inputs.back().data()))
        return false;
    }
    auto of = [&](ScalarOperand o, size_t i) -> int32_t {
      switch (o.kind) {
      case ScalarOperand::Step:
        return steps[o.value][i];
      case ScalarOperand::Input:
        return inputs[o.value][i];
      default:
        return int32_t(o.value);
      }
    };
    for (const ScalarStep &step : t.body) {
      std::vector<int32_t> values(count);
      for (size_t i = 0; i < count; ++i) {
        std::optional<int32_t> value =
            apply(step.op, of(step.a, i), of(step.b, i), of(step.c, i));
        if (!value)
          return false;
        values[i] = *value;
      }
      steps.push_back(std::move(values));
    }
    int64_t low = t.element == "i32"  ? INT32_MIN
                  : t.element == "i8" ? -128
                                      : 0,
            high = t.element == "i32"  ? INT32_MAX
                   : t.element == "i8" ? 127
                   : t.element == "i1" ? 1
                                       : 255;
    for (size_t i = 0; i < count; ++i) {
      out[i] = of(t.result, i);
      if (out[i] < low || out[i] > high)
        return false;
    }
    return true;
  }

  static std::optional<int32_t> apply(Opcode op, int64_t a, int64_t b,
                                      int64_t c) {
    using O = Opcode;
    bool isShift = b >= 0 && b < 32;
    switch (op) {
    case O::alu_mov:
      return int32_t(a);
    case O::alu_iadd:
      return int32_t(uint32_t(a + b));
    case O::alu_isub:
      return int32_t(uint32_t(a - b));
    case O::alu_imul:
      return int32_t(uint32_t(a * b));
    case O::alu_imin:
      return int32_t(std::min(a, b));
    case O::alu_imax:
      return int32_t(std::max(a, b));
    case O::alu_and:
      return int32_t(a & b);
    case O::alu_or:
      return int32_t(a | b);
    case O::alu_xor:
      return int32_t(a ^ b);
    case O::alu_shl:
      return isShift ? std::optional(int32_t(uint32_t(a) << b)) : std::nullopt;
    case O::alu_sar:
      return isShift ? std::optional(int32_t(a >> b)) : std::nullopt;
    case O::alu_icmpeq:
      return a == b;
    case O::alu_icmplt:
      return a < b;
    case O::alu_icmple:
      return a <= b;
    case O::alu_select:
      return int32_t(a ? b : c);
    default:
      return std::nullopt;
    }
  }

  bool reduce(const Tensor &t, std::vector<int32_t> &values) {
    const View &v = t.operands[0];
    // Where an element of the view goes: strides of the kept dimensions.
    View target{nullptr, 0, v.sizes, Sizes(v.rank(), 0)};
    int64_t stride = 1;
    for (unsigned d = v.rank(); d-- > 0;)
      if (!t.reduced[d]) {
        target.strides[d] = stride;
        stride *= v.sizes[d];
      }
    std::vector<std::optional<int64_t>> sums(values.size());
    int64_t count = product(v.sizes);
    std::vector<int32_t> block(blockSize);
    for (int64_t first = 0; first < count; first += blockSize) {
      std::vector<int64_t> indices =
          iota(first, std::min<int64_t>(blockSize, count - first));
      if (!evaluate(*v.source, through(v, indices), block.data()))
        return false;
      for (auto [i, to] : llvm::enumerate(through(target, indices))) {
        std::optional<int64_t> &sum = sums[to];
        if (!sum)
          sum = block[i];
        else if (t.reduceKind == ReduceKind::Sum)
          *sum += block[i];
        else
          sum = t.reduceKind == ReduceKind::Max
                    ? std::max<int64_t>(*sum, block[i])
                    : std::min<int64_t>(*sum, block[i]);
      }
    }
    for (auto [i, sum] : llvm::enumerate(sums)) {
      if (!sum || *sum < INT32_MIN || *sum > INT32_MAX)
        return false;
      values[i] = int32_t(*sum);
    }
    return true;
  }

  struct Bytes {
    std::unique_ptr<llvm::MemoryBuffer> buffer;
    llvm::ArrayRef<uint8_t> bytes;
  };
  std::map<const Tensor *, Bytes> buffers;
};
} // namespace

void linalg_to_stream::foldConstants(Graph &graph) {
  orderTensors(graph);
  Folder folder;
  for (Tensor *t : graph.order)
    folder.fold(*t);
}
