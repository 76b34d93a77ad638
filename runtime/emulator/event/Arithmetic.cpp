//===- Arithmetic.cpp - the bits of docs/isa.md ---------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arithmetic.h"
#include "Workers.h"
#include <cstring>

using namespace lpu;
using namespace lpu::emulator::event;
using isa::ElementType;

IsaArithmetic::IsaArithmetic(const RunContext &context, ChipMemory &memory)
    : ValueControl(context.machine, context.pool, memory), k(context.kernels),
      workers(context.workers) {
  laneNumbers = lanesOf32();
  for (unsigned i = 0; i < lanes; ++i)
    laneNumbers[i] = i;
  for (uint32_t *&scratch : operandScratch)
    scratch = lanesOf32();
  byteScratch = reinterpret_cast<uint8_t *>(lanesOf32());
  elementScratch = reinterpret_cast<uint8_t *>(lanesOf32());

  planes.resize(machine.numPlanes());
  unsigned ring = ringSize(longest + 1);
  for (Plane &plane : planes) {
    plane.passes.resize(ring);
    auto block = [&](size_t bytes) {
      bytes = (bytes + 63) / 64 * 64;
      auto *data = static_cast<uint8_t *>(std::aligned_alloc(64, bytes));
      allocations.push_back(data);
      return data;
    };
    plane.results =
        reinterpret_cast<uint32_t *>(block(size_t(ring) * lanes * 4));
    plane.accumulators = reinterpret_cast<uint32_t *>(
        block(size_t(machine.accumulatorRows) * lanes * 4));
    for (Weights &weights : plane.weights) {
      weights.data = block(size_t((machine.planeRows + 1) / 2) * lanes * 4);
      weights.defined.assign(machine.planeRows, 0);
    }
  }
  alus.resize(machine.alus);
  unsigned historyRing = ringSize(machine.history + longest + 1);
  historyMask = historyRing - 1;
  for (Alu &alu : alus) {
    alu.history.resize(historyRing);
    alu.constant = lanesOf32();
    alu.value = lanesOf32();
    alu.index = lanesOf32();
  }
  shuffles.assign(2, PermutationMaps(lanes, longest + 1));
}

IsaArithmetic::~IsaArithmetic() {
  for (uint8_t *data : allocations)
    std::free(data);
}

uint32_t *IsaArithmetic::lanesOf32() {
  size_t bytes = (size_t(lanes) * 4 + 63) / 64 * 64;
  auto *data = static_cast<uint8_t *>(std::aligned_alloc(64, bytes));
  memset(data, 0, bytes);
  allocations.push_back(data);
  return reinterpret_cast<uint32_t *>(data);
}

//===----------------------------------------------------------------------===//
// Handles to bytes
//===----------------------------------------------------------------------===//

/// The bytes of one stream, one after the other.
const uint8_t *IsaArithmetic::plane(Value value, uint8_t *scratch) const {
  unsigned log = valueWidthLog(value);
  if (log == 0)
    return valueData(value);
  k.extract(valueData(value), 1u << log, valueByte(value), scratch, lanes);
  return scratch;
}

/// Elements of `width` bytes from as many byte streams.
const uint8_t *IsaArithmetic::elements(const Value *bytes, unsigned width,
                                       uint8_t *scratch) const {
  if (width == 1)
    return plane(bytes[0], scratch);
  unsigned log = width == 2 ? 1 : 2;
  bool whole = valueWidthLog(bytes[0]) == log && valueByte(bytes[0]) == 0;
  for (unsigned i = 1; i < width; ++i)
    whole &= bytes[i] == bytes[0] + i * valueByteStep;
  if (whole)
    return valueData(bytes[0]);
  const uint8_t *parts[4];
  for (unsigned i = 0; i < width; ++i)
    parts[i] = plane(bytes[i], byteScratch + i * lanes);
  if (width == 2)
    k.interleave2(parts[0], parts[1], reinterpret_cast<uint16_t *>(scratch),
                  lanes);
  else
    k.interleave4(parts, reinterpret_cast<uint32_t *>(scratch), lanes);
  return scratch;
}

/// The 32-bit lanes of a stream operand.
const uint32_t *IsaArithmetic::words(const Value *bytes, ElementType type,
                                     unsigned operand) {
  uint32_t *out = operandScratch[operand];
  unsigned width = isa::byteWidth(type);
  if (width == 4)
    return reinterpret_cast<const uint32_t *>(
        elements(bytes, 4, reinterpret_cast<uint8_t *>(out)));
  const uint8_t *in = elements(bytes, width, elementScratch);
  switch (type) {
  case ElementType::i8:
    k.widenI8(in, out, lanes);
    break;
  case ElementType::u8:
    k.widenU8(in, out, lanes);
    break;
  case ElementType::i16:
    k.widenI16(reinterpret_cast<const uint16_t *>(in), out, lanes);
    break;
  default:
    k.widenF16(reinterpret_cast<const uint16_t *>(in), out, lanes);
    break;
  }
  return out;
}

unsigned IsaArithmetic::address(const Value *bytes) const {
  unsigned result = 0;
  for (unsigned i = 0; i < 2; ++i)
    result |= unsigned(valueData(bytes[i])[valueByte(bytes[i])]) << (8 * i);
  return result;
}

void IsaArithmetic::leave(Value value, uint8_t *bytes) {
  const uint8_t *data = plane(value, byteScratch);
  std::copy_n(data, lanes, bytes);
}

Value IsaArithmetic::arrive(const uint8_t *bytes) {
  uint8_t *data = fresh(0);
  std::copy_n(bytes, lanes, data);
  return freshValue(data, 0);
}

//===----------------------------------------------------------------------===//
// Vector unit
//===----------------------------------------------------------------------===//

void IsaArithmetic::accumulate(const AluOp &op, Alu &alu, const uint32_t *a,
                               uint32_t *out, bool start) {
  auto kind = ReduceKernel(op.kernel);
  size_t bytes = size_t(lanes) * 4;
  static const AluKernel combine[] = {AluKernel::add, AluKernel::max,
                                      AluKernel::min};
  if (start) {
    alu.count = 0;
    memset(alu.index, 0, bytes);
    if (kind == ReduceKernel::argmax)
      memcpy(alu.value, a, bytes);
    else // Arithmetic makes a NaN canonical: max(a, a) does nothing else.
      k.alu[unsigned(AluKernel::max)](a, a, a, alu.value, lanes);
  } else {
    ++alu.count;
    if (kind == ReduceKernel::argmax) {
      k.argmaxStep(a, alu.value, alu.index, alu.count, lanes);
    } else {
      k.alu[unsigned(combine[op.kernel])](alu.value, a, a, out, lanes);
      memcpy(alu.value, out, bytes);
      return;
    }
  }
  memcpy(out, kind == ReduceKernel::argmax ? alu.index : alu.value, bytes);
}

Value IsaArithmetic::alu(const Op &op, unsigned number,
                         const Value (*inputs)[maxInput],
                         const int64_t *historyCycles, int64_t completion,
                         bool start, bool output) {
  Alu &alu = alus[number];
  const uint32_t *sources[3];
  for (unsigned i = 0; i < 3; ++i) {
    const Source &source = op.alu.source[i];
    switch (source.kind) {
    case Source::Stream:
      sources[i] = words(inputs[source.input], source.type, i);
      break;
    case Source::History:
      sources[i] = alus[source.alu].history[historyCycles[i] & historyMask];
      break;
    case Source::Immediate: {
      uint32_t *out = operandScratch[i];
      for (unsigned lane = 0; lane < lanes; ++lane)
        out[lane] = op.alu.immediate;
      sources[i] = out;
      break;
    }
    case Source::Lane:
      sources[i] = laneNumbers;
      break;
    case Source::Constant:
      sources[i] = alu.constant;
      break;
    case Source::Absent:
      sources[i] = sources[0];
      break;
    }
  }
  auto *result = reinterpret_cast<uint32_t *>(fresh(2));
  switch (op.alu.kind) {
  case AluClass::Lanes:
  case AluClass::SetConstant:
    k.alu[op.alu.kernel](sources[0], sources[1], sources[2], result, lanes);
    break;
  case AluClass::Reduce:
    k.reduce(ReduceKernel(op.alu.kernel), sources[0], result, lanes,
             op.alu.group);
    break;
  case AluClass::Accumulate:
    accumulate(op.alu, alu, sources[0], result, start);
    break;
  }
  alu.history[completion & historyMask] = result;
  if (!output)
    return 0;
  unsigned width = isa::byteWidth(op.alu.type);
  if (width == 4)
    return freshValue(reinterpret_cast<uint8_t *>(result), 2);
  unsigned log = width == 2 ? 1 : 0;
  uint8_t *narrow = fresh(log);
  switch (op.alu.type) {
  case ElementType::i8:
    k.narrowI8(result, narrow, lanes);
    break;
  case ElementType::u8:
    k.narrowU8(result, narrow, lanes);
    break;
  case ElementType::i16:
    k.narrowI16(result, reinterpret_cast<uint16_t *>(narrow), lanes);
    break;
  default:
    k.narrowF16(result, reinterpret_cast<uint16_t *>(narrow), lanes);
    break;
  }
  return freshValue(narrow, log);
}

void IsaArithmetic::setConstant(unsigned number, int64_t cycle) {
  Alu &alu = alus[number];
  memcpy(alu.constant, alu.history[cycle & historyMask], size_t(lanes) * 4);
}

//===----------------------------------------------------------------------===//
// Matrix planes
//===----------------------------------------------------------------------===//

/// Rows that no install has defined are zero; written only when needed.
void IsaArithmetic::define(Weights &weights, unsigned first, unsigned count) {
  for (unsigned row = first; row < first + count; ++row) {
    if (weights.defined[row])
      continue;
    weights.defined[row] = 1;
    if (weights.fp16) {
      memset(weights.data + size_t(row) * lanes * 4, 0, size_t(lanes) * 4);
    } else {
      auto *pair = reinterpret_cast<int16_t *>(weights.data) +
                   size_t(row / 2) * lanes * 2 + row % 2;
      for (unsigned lane = 0; lane < lanes; ++lane)
        pair[2 * lane] = 0;
    }
  }
}

void IsaArithmetic::install(const Op &op, unsigned number, const Value *streams,
                            unsigned at) {
  Plane &plane = planes[number];
  Weights &weights = plane.weights[1 - plane.active];
  const MatrixOp &m = op.matrix;
  weights.fp16 = m.fp16;
  unsigned width = m.fp16 ? 2 : 1;
  if (m.columns)
    define(weights, m.row, m.laneCount);
  for (unsigned j = 0; j < m.n / width; ++j) {
    const uint8_t *in = elements(streams + j * width, width, elementScratch);
    unsigned base = m.laneBase, count = m.laneCount, index = at + j;
    if (m.fp16) {
      auto *data = reinterpret_cast<uint32_t *>(weights.data);
      auto *half = reinterpret_cast<const uint16_t *>(in);
      if (!m.columns) {
        uint32_t *row = data + size_t(index) * lanes;
        k.widenF16(half, row, lanes);
        memset(row, 0, size_t(base) * 4);
        memset(row + base + count, 0, size_t(lanes - base - count) * 4);
        weights.defined[index] = 1;
      } else {
        uint32_t *values = operandScratch[0];
        k.widenF16(half, values, lanes);
        uint32_t *column = data + size_t(m.row) * lanes + index;
        for (unsigned i = 0; i < count; ++i)
          column[size_t(i) * lanes] = values[base + i];
      }
      continue;
    }
    auto *data = reinterpret_cast<int16_t *>(weights.data);
    if (!m.columns) {
      int16_t *row = data + size_t(index / 2) * lanes * 2 + index % 2;
      for (unsigned lane = 0; lane < lanes; ++lane)
        row[2 * lane] = 0;
      for (unsigned lane = base; lane < base + count; ++lane)
        row[2 * lane] = int8_t(in[lane]);
      weights.defined[index] = 1;
    } else {
      for (unsigned i = 0; i < count; ++i) {
        unsigned row = m.row + i;
        data[(size_t(row / 2) * lanes + index) * 2 + row % 2] =
            int8_t(in[base + i]);
      }
    }
  }
}

void IsaArithmetic::swap(unsigned number) {
  Plane &plane = planes[number];
  computePasses(plane); // they use the weights that were active at issue
  plane.active = 1 - plane.active;
  Weights &shadow = plane.weights[1 - plane.active];
  std::fill(shadow.defined.begin(), shadow.defined.end(), 0);
}

void IsaArithmetic::computePasses(Plane &plane) {
  plane.compute(
      [&](llvm::ArrayRef<unsigned> batch) { multiply(plane, batch); });
}

void IsaArithmetic::multiply(Plane &plane, llvm::ArrayRef<unsigned> batch) {
  const Pass &first = plane.passes[batch[0]];
  Weights &weights = plane.weights[plane.active];
  bool none = std::find(weights.defined.begin(), weights.defined.end(), 1) ==
              weights.defined.end();
  if (none) // weights without any install have no format
    weights.fp16 = first.fp16;
  define(weights, first.weightRow, first.laneCount);
  unsigned depth = first.laneCount;
  llvm::SmallVector<uint32_t *, 64> out;
  for (unsigned slot : batch)
    out.push_back(plane.results + size_t(slot) * lanes);
  if (first.fp16) {
    while (fp16Operands.size() < batch.size())
      fp16Operands.push_back(reinterpret_cast<float *>(lanesOf32()));
    llvm::SmallVector<const float *, 64> a;
    for (unsigned i = 0; i < batch.size(); ++i) {
      const Pass &pass = plane.passes[batch[i]];
      const uint8_t *in = elements(pass.in, 2, elementScratch);
      k.widenF16(reinterpret_cast<const uint16_t *>(in),
                 reinterpret_cast<uint32_t *>(fp16Operands[i]), lanes);
      a.push_back(fp16Operands[i] + pass.laneBase);
    }
    const float *w = reinterpret_cast<const float *>(weights.data) +
                     size_t(first.weightRow) * lanes;
    parallelFor(workers, lanes, size_t(batch.size()) * depth * lanes,
                [&](unsigned begin, unsigned end) {
                  llvm::SmallVector<float *, 64> part;
                  for (uint32_t *row : out)
                    part.push_back(reinterpret_cast<float *>(row) + begin);
                  k.passF16(a.data(), unsigned(a.size()), depth, w + begin,
                            lanes, end - begin, part.data());
                });
    return;
  }
  // Pairs of rows start at an even weight row; what the window gates is zero.
  unsigned odd = first.weightRow % 2, pairs = (depth + odd + 1) / 2;
  if (odd)
    define(weights, first.weightRow - 1u, 1);
  if ((depth + odd) % 2 && first.weightRow + depth < machine.planeRows)
    define(weights, first.weightRow + depth, 1);
  while (int8Operands.size() < batch.size())
    int8Operands.push_back(reinterpret_cast<int16_t *>(lanesOf32()));
  llvm::SmallVector<const int16_t *, 64> a;
  for (unsigned i = 0; i < batch.size(); ++i) {
    const Pass &pass = plane.passes[batch[i]];
    const uint8_t *in = this->plane(pass.in[0], elementScratch);
    int16_t *operand = int8Operands[i];
    operand[0] = 0;
    for (unsigned lane = 0; lane < depth; ++lane)
      operand[odd + lane] = int8_t(in[pass.laneBase + lane]);
    operand[odd + depth] = 0;
    a.push_back(operand);
  }
  const int16_t *w = reinterpret_cast<const int16_t *>(weights.data) +
                     size_t(first.weightRow / 2) * lanes * 2;
  parallelFor(workers, lanes, size_t(batch.size()) * depth * lanes / 2,
              [&](unsigned begin, unsigned end) {
                llvm::SmallVector<int32_t *, 64> part;
                for (uint32_t *row : out)
                  part.push_back(reinterpret_cast<int32_t *>(row) + begin);
                k.passI8(a.data(), unsigned(a.size()), pairs, w + 2 * begin,
                         lanes * 2, end - begin, part.data());
              });
}

void IsaArithmetic::completePass(unsigned number, unsigned slot) {
  Plane &plane = planes[number];
  const Pass &pass = plane.passes[slot];
  if (!pass.computed)
    computePasses(plane);
  uint32_t *result = plane.results + size_t(slot) * lanes;
  uint32_t *row = plane.accumulators + size_t(pass.accumulator) * lanes;
  if (!pass.add) {
    memcpy(row, result, size_t(lanes) * 4);
    return;
  }
  AluKernel add = pass.fp16 ? AluKernel::add : AluKernel::iadd;
  k.alu[unsigned(add)](row, result, result, operandScratch[0], lanes);
  memcpy(row, operandScratch[0], size_t(lanes) * 4);
}

Value IsaArithmetic::drain(unsigned number, unsigned accumulator) {
  uint8_t *data = fresh(2);
  memcpy(data, planes[number].accumulators + size_t(accumulator) * lanes,
         size_t(lanes) * 4);
  return freshValue(data, 2);
}

//===----------------------------------------------------------------------===//
// Shuffle units
//===----------------------------------------------------------------------===//

Value IsaArithmetic::shuffle(const Op &op, unsigned unit, Value value) {
  const uint8_t *in = plane(value, byteScratch);
  uint8_t *out = fresh(0);
  const ShuffleOp &s = op.shuffle;
  int n = int(lanes);
  switch (s.kind) {
  case ShuffleKind::Shift: {
    int amount = std::clamp(int(s.amount), -n, n);
    memset(out, 0, lanes);
    if (amount >= 0)
      memcpy(out + amount, in, size_t(n - amount));
    else
      memcpy(out, in - amount, size_t(n + amount));
    break;
  }
  case ShuffleKind::Rotate:
    for (int g = 0; g < n; g += 16)
      for (int i = 0; i < 16; ++i)
        out[g + ((i + s.amount) & 15)] = in[g + i];
    break;
  case ShuffleKind::Distribute:
    for (int g = 0; g < n; g += 16)
      for (int i = 0; i < 16; ++i)
        out[g + i] = in[g + int(s.map >> (4 * i) & 15)];
    break;
  case ShuffleKind::Permute: {
    const std::vector<uint16_t> &map = shuffles[unit].map;
    for (int i = 0; i < n; ++i)
      out[i] = map[size_t(i)] < lanes ? in[map[size_t(i)]] : 0;
    break;
  }
  }
  return freshValue(out, 0);
}

void IsaArithmetic::loadMap(unsigned number, const Value *bytes) {
  auto *map =
      reinterpret_cast<const uint16_t *>(elements(bytes, 2, elementScratch));
  shuffles[number].sampled().assign(map, map + lanes);
}

void IsaArithmetic::transpose(const Value *in, Value *out) {
  const uint8_t *rows[16];
  std::vector<uint8_t> scratch(size_t(16) * lanes);
  for (unsigned j = 0; j < 16; ++j)
    rows[j] = plane(in[j], scratch.data() + size_t(j) * lanes);
  for (unsigned i = 0; i < 16; ++i) {
    uint8_t *data = fresh(0);
    for (unsigned g = 0; g < lanes; g += 16)
      for (unsigned j = 0; j < 16; ++j)
        data[g + j] = rows[j][g + i];
    out[i] = freshValue(data, 0);
  }
}
