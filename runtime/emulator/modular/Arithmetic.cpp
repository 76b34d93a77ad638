//===- Arithmetic.cpp - values modulo a prime -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arithmetic.h"
#include <cstring>

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::event;
using isa::ElementType;
using modular::Element;
using modular::Function;

ModularArithmetic::ModularArithmetic(const RunContext &run, ChipMemory &memory)
    : ValueControl(run.machine, run.pool, memory), context(*run.modular),
      field(context.field) {
  for (std::vector<Element> &operand : operands)
    operand.resize(lanes);
  scratch.resize(lanes);
  residues.resize(lanes);
  for (unsigned lane = 0; lane < lanes; ++lane)
    laneNumbers.push_back(Element::known(lane));
  planes.resize(machine.numPlanes());
  unsigned ring = ringSize(longest + 1);
  for (Plane &plane : planes) {
    plane.passes.resize(ring);
    plane.results.resize(size_t(ring) * lanes);
    plane.accumulators.resize(size_t(machine.accumulatorRows) * lanes);
    for (Weights &weights : plane.weights)
      weights.defined.assign(machine.planeRows, 0);
  }
  alus.resize(machine.alus);
  unsigned historyRing = ringSize(machine.history + longest + 1);
  historyMask = historyRing - 1;
  for (Alu &alu : alus) {
    alu.history.resize(historyRing);
    alu.constant.resize(lanes);
    alu.value.resize(lanes);
    alu.index.resize(lanes);
  }
  shuffles.assign(2, PermutationMaps(lanes, longest + 1));
}

//===----------------------------------------------------------------------===//
// Bytes and elements
//===----------------------------------------------------------------------===//

static ModularByte byteOf(Element e, unsigned width, unsigned byte) {
  if (e.isKnown())
    return ModularByte::data(uint8_t(e.value >> (8 * byte)));
  if (e.isNumber())
    return {e.value, uint8_t(width), uint8_t(byte), {}};
  int from = int(byte) - e.shift; // which byte of the number's word
  if (from < 0 || from > 3 || !(e.bytes >> from & 1))
    return ModularByte::data(0);
  return {
      e.value, uint8_t(e.tag == Element::HalfPart ? 2 : 4), uint8_t(from), {}};
}

ModularByte event::modularByte(Value value, unsigned lane) {
  const uint8_t *data = valueData(value);
  switch (valueKind(value)) {
  case ValueKind::Raw:
    return ModularByte::data(data[lane]);
  case ValueKind::Elements:
    return byteOf(reinterpret_cast<const Element *>(data)[lane],
                  1u << valueWidthLog(value), valueByte(value));
  case ValueKind::Bytes:
    return reinterpret_cast<const ModularByte *>(data)[lane];
  }
  llvm_unreachable("all kinds handled");
}

/// The 32 bits that the vector unit makes of the bits of a narrower type.
static Element widen(uint32_t bits, ElementType type) {
  switch (type) {
  case ElementType::i8:
    return Element::known(uint32_t(int32_t(int8_t(bits))));
  case ElementType::u8:
    return Element::known(bits & 0xff);
  case ElementType::i16:
    return Element::known(uint32_t(int32_t(int16_t(bits))));
  case ElementType::f16:
    return Element::known(modular::fromHalf(uint16_t(bits)));
  default:
    return Element::known(bits);
  }
}

Element emulator::joinBytes(const modular::Field &field,
                            const ModularByte *bytes, ElementType type) {
  unsigned width = isa::byteWidth(type);
  bool isData = true, isWhole = true;
  uint32_t bits = 0;
  for (unsigned i = 0; i < width; ++i) {
    isData &= bytes[i].width == 0;
    isWhole &= bytes[i].width == width && bytes[i].byte == i &&
               bytes[i].value == bytes[0].value;
    bits |= bytes[i].value << (8 * i);
  }
  if (isData)
    return widen(bits, type);
  // Two bytes of a number are a half, not an integer of 16 bits.
  if (isWhole && type != ElementType::i16)
    return Element::number(bytes[0].value);
  // Some bytes of one number, all moved equally far, among zeros?
  unsigned mask = 0;
  const ModularByte *first = nullptr;
  int shift = 0;
  bool isPart = true;
  uint64_t noise = uint64_t(type);
  for (unsigned i = 0; i < width; ++i) {
    const ModularByte &b = bytes[i];
    noise = field.random(Function::Torn, noise << 32 | b.value) * 64 +
            b.width * 8 + b.byte;
    if (b == ModularByte::data(0))
      continue;
    if (!first) {
      first = &b;
      shift = int(i) - b.byte;
    }
    isPart &= (b.width == 4 || b.width == 2) && b.width == first->width &&
              b.value == first->value && int(i) - b.byte == shift;
    mask |= 1u << b.byte;
  }
  if (isPart)
    return Element::part(first->width == 4 ? Element::Part : Element::HalfPart,
                         first->value, mask, shift);
  return Element::number(field.random(Function::Torn, noise));
}

/// The elements of as many byte streams as the type has bytes, as the vector
/// unit has them: in 32 bits.
const Element *ModularArithmetic::elements(const Value *bytes, ElementType type,
                                           Element *scratch) const {
  unsigned width = isa::byteWidth(type);
  unsigned log = width == 4 ? 2 : width - 1;
  bool isWhole = valueKind(bytes[0]) == ValueKind::Elements &&
                 valueWidthLog(bytes[0]) == log && valueByte(bytes[0]) == 0;
  bool isRaw = true;
  for (unsigned i = 0; i < width; ++i) {
    isWhole &= bytes[i] == bytes[0] + i * valueByteStep;
    isRaw &= valueKind(bytes[i]) == ValueKind::Raw;
  }
  if (isWhole) {
    auto *whole = reinterpret_cast<const Element *>(valueData(bytes[0]));
    if (width == 4)
      return whole;
    for (unsigned lane = 0; lane < lanes; ++lane)
      scratch[lane] =
          whole[lane].isKnown() ? widen(whole[lane].value, type)
          : type == ElementType::i16
              ? Element::number(field.random(Function::Torn, whole[lane].value))
              : whole[lane];
    return scratch;
  }
  if (isRaw) {
    const uint8_t *rows[4];
    for (unsigned i = 0; i < width; ++i)
      rows[i] = valueData(bytes[i]);
    for (unsigned lane = 0; lane < lanes; ++lane) {
      uint32_t bits = 0;
      for (unsigned i = 0; i < width; ++i)
        bits |= uint32_t(rows[i][lane]) << (8 * i);
      scratch[lane] = widen(bits, type);
    }
    return scratch;
  }
  ModularByte parts[4];
  for (unsigned lane = 0; lane < lanes; ++lane) {
    for (unsigned i = 0; i < width; ++i)
      parts[i] = modularByte(bytes[i], lane);
    scratch[lane] = joinBytes(field, parts, type);
  }
  return scratch;
}

/// Residues of fp16 operands of products.
const uint32_t *ModularArithmetic::halves(const Value *bytes) {
  bool isRaw = valueKind(bytes[0]) == ValueKind::Raw &&
               valueKind(bytes[1]) == ValueKind::Raw;
  if (isRaw) {
    const uint8_t *low = valueData(bytes[0]), *high = valueData(bytes[1]);
    for (unsigned lane = 0; lane < lanes; ++lane)
      residues[lane] = field.ofHalf(uint16_t(low[lane] | high[lane] << 8));
    return residues.data();
  }
  const Element *in = elements(bytes, ElementType::f16, scratch.data());
  for (unsigned lane = 0; lane < lanes; ++lane)
    residues[lane] = field.residue(in[lane]);
  return residues.data();
}

unsigned ModularArithmetic::address(const Value *bytes) const {
  unsigned result = 0;
  for (unsigned i = 0; i < 2; ++i) {
    ModularByte byte = modularByte(bytes[i], 0);
    if (byte.width != 0)
      context.complain("an address is computed from numbers that the method "
                       "does not know");
    else
      result |= byte.value << (8 * i);
  }
  return result;
}

void ModularArithmetic::leave(Value value, uint8_t *bytes) const {
  for (unsigned lane = 0; lane < lanes; ++lane) {
    ModularByte byte = modularByte(value, lane);
    memcpy(bytes + size_t(lane) * sizeof(byte), &byte, sizeof(byte));
  }
}

Value ModularArithmetic::arrive(const uint8_t *bytes) {
  void *data = fresh();
  memcpy(data, bytes, size_t(lanes) * sizeof(ModularByte));
  return makeValue(data, 0, ValueKind::Bytes);
}

//===----------------------------------------------------------------------===//
// Matrix planes
//===----------------------------------------------------------------------===//

uint32_t ModularArithmetic::residueOfInteger(Element a) const {
  return a.isKnown() ? field.ofInteger(int32_t(a.value)) : field.residue(a);
}

/// Rows that no install has defined are zero.
void ModularArithmetic::define(Weights &weights, unsigned first,
                               unsigned count) const {
  size_t size = size_t(machine.planeRows) * lanes;
  if (weights.fp16)
    weights.residues.resize(size);
  else
    weights.elements.resize(size);
  for (unsigned row = first; row < first + count; ++row) {
    if (weights.defined[row])
      continue;
    weights.defined[row] = 1;
    ptrdiff_t at = ptrdiff_t(size_t(row) * lanes);
    if (weights.fp16)
      std::fill_n(weights.residues.begin() + at, lanes, 0);
    else
      std::fill_n(weights.elements.begin() + at, lanes, Element::known(0));
  }
}

void ModularArithmetic::install(const Op &op, unsigned number,
                                const Value *streams, unsigned at) {
  Plane &plane = planes[number];
  Weights &weights = plane.weights[1 - plane.active];
  const MatrixOp &m = op.matrix;
  weights.fp16 = m.fp16;
  unsigned width = m.fp16 ? 2 : 1, vectors = m.n / width;
  if (m.columns) {
    define(weights, m.row, m.laneCount);
    weights.columns = std::max(weights.columns, at + vectors);
  } else {
    define(weights, at, vectors);
    weights.columns =
        std::max<unsigned>(weights.columns, m.laneBase + m.laneCount);
  }
  auto put = [&](auto &to, const auto *in, unsigned j, auto zero) {
    if (m.columns) {
      size_t first = size_t(m.row) * lanes + at + j;
      for (unsigned i = 0; i < m.laneCount; ++i)
        to[first + size_t(i) * lanes] = in[m.laneBase + i];
      return;
    }
    auto row = to.begin() + ptrdiff_t(size_t(at + j) * lanes);
    std::fill_n(row, lanes, zero); // other columns of the row
    std::copy_n(in + m.laneBase, m.laneCount, row + m.laneBase);
  };
  for (unsigned j = 0; j < vectors; ++j)
    if (m.fp16)
      put(weights.residues, halves(streams + 2 * j), j, 0);
    else
      put(weights.elements,
          elements(streams + j, ElementType::i8, scratch.data()), j,
          Element::known(0));
}

void ModularArithmetic::swap(unsigned number) {
  Plane &plane = planes[number];
  computePasses(plane); // they use the weights that were active at issue
  plane.active = 1 - plane.active;
  Weights &shadow = plane.weights[1 - plane.active];
  std::fill(shadow.defined.begin(), shadow.defined.end(), 0);
  shadow.columns = 0;
}

void ModularArithmetic::computePasses(Plane &plane) {
  plane.compute(
      [&](llvm::ArrayRef<unsigned> batch) { multiply(plane, batch); });
}

/// sums[c] += sum over k < depth of a[k] * b[k * columns + c], modulo 2^32.
__attribute__((target_clones("avx512f", "avx2", "default"))) static void
sumIntegers(const uint32_t *a, const uint32_t *b, unsigned depth,
            unsigned columns, uint32_t *sums) {
  for (unsigned k = 0; k < depth; ++k)
    for (unsigned c = 0; c < columns; ++c)
      sums[c] += a[k] * b[size_t(k) * columns + c];
}

/// Integers are known, but for what the chip moves: there one factor of each
/// sum is 1 and the others are 0.
void ModularArithmetic::multiplyBytes(Plane &plane,
                                      llvm::ArrayRef<unsigned> batch) {
  const Pass &first = plane.passes[batch[0]];
  const Weights &weights = plane.weights[plane.active];
  unsigned depth = first.laneCount, columns = weights.columns;
  const Element *block =
      weights.elements.data() + size_t(first.weightRow) * lanes;
  factors.resize(size_t(depth) * columns);
  bool areKnown = true;
  for (unsigned k = 0; k < depth; ++k)
    for (unsigned c = 0; c < columns; ++c) {
      Element weight = block[size_t(k) * lanes + c];
      areKnown &= weight.isKnown();
      factors[size_t(k) * columns + c] = weight.value;
    }
  std::vector<uint32_t> left(depth), sums(columns);
  for (unsigned slot : batch) {
    const Pass &pass = plane.passes[slot];
    const Element *in =
        elements(pass.in, ElementType::i8, scratch.data()) + pass.laneBase;
    Element *out = &plane.results[size_t(slot) * lanes];
    bool isKnown = areKnown;
    for (unsigned k = 0; k < depth; ++k) {
      isKnown &= in[k].isKnown();
      left[k] = in[k].value;
    }
    if (isKnown) {
      std::fill(sums.begin(), sums.end(), 0);
      sumIntegers(left.data(), factors.data(), depth, columns, sums.data());
      for (unsigned c = 0; c < columns; ++c)
        out[c] = Element::known(sums[c]);
      continue;
    }
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned c = 0; c < columns; ++c) {
        Element weight = block[size_t(k) * lanes + c];
        if (!weight.isKnown(0))
          out[c] = integer(AluKernel::iadd, out[c],
                           integer(AluKernel::imul, in[k], weight));
      }
  }
}

void ModularArithmetic::multiply(Plane &plane, llvm::ArrayRef<unsigned> batch) {
  const Pass &first = plane.passes[batch[0]];
  Weights &weights = plane.weights[plane.active];
  if (weights.columns == 0) // weights without any install have no format
    weights.fp16 = first.fp16;
  define(weights, first.weightRow, first.laneCount);
  unsigned depth = first.laneCount, columns = weights.columns;
  size_t base = size_t(first.weightRow) * lanes;
  for (unsigned slot : batch) {
    // Columns that nothing was installed in are sums of zeros.
    std::fill_n(&plane.results[size_t(slot) * lanes], lanes, Element::known(0));
  }
  if (!first.fp16)
    return multiplyBytes(plane, batch);
  factors.resize(batch.size() * depth);
  products.resize(batch.size() * columns);
  llvm::SmallVector<const uint32_t *, 64> rows;
  for (unsigned i = 0; i < batch.size(); ++i) {
    const Pass &pass = plane.passes[batch[i]];
    std::copy_n(halves(pass.in) + pass.laneBase, depth,
                &factors[size_t(i) * depth]);
    rows.push_back(&factors[size_t(i) * depth]);
  }
  field.multiply(rows.data(), unsigned(rows.size()), depth,
                 weights.residues.data() + base, lanes, columns,
                 products.data(), columns);
  for (unsigned i = 0; i < batch.size(); ++i)
    for (unsigned c = 0; c < columns; ++c)
      plane.results[size_t(batch[i]) * lanes + c] =
          Element::number(products[size_t(i) * columns + c]);
}

void ModularArithmetic::completePass(unsigned number, unsigned slot) {
  Plane &plane = planes[number];
  const Pass &pass = plane.passes[slot];
  if (!pass.computed)
    computePasses(plane);
  const Element *result = &plane.results[size_t(slot) * lanes];
  Element *row = &plane.accumulators[size_t(pass.accumulator) * lanes];
  for (unsigned lane = 0; lane < lanes; ++lane)
    row[lane] = !pass.add   ? result[lane]
                : pass.fp16 ? field.add(row[lane], result[lane])
                            : integer(AluKernel::iadd, row[lane], result[lane]);
}

Value ModularArithmetic::drain(unsigned number, unsigned accumulator) {
  Element *data = freshElements();
  std::copy_n(&planes[number].accumulators[size_t(accumulator) * lanes], lanes,
              data);
  return makeValue(data, 2, ValueKind::Elements);
}

//===----------------------------------------------------------------------===//
// Shuffle units
//===----------------------------------------------------------------------===//

Value ModularArithmetic::shuffle(const Op &op, unsigned unit, Value value) {
  auto *out = static_cast<ModularByte *>(fresh());
  const ShuffleOp &s = op.shuffle;
  int n = int(lanes);
  auto from = [&](int lane) {
    return lane >= 0 && lane < n ? modularByte(value, unsigned(lane))
                                 : ModularByte::data(0);
  };
  for (int lane = 0; lane < n; ++lane) {
    int group = lane & ~15, place = lane & 15;
    switch (s.kind) {
    case ShuffleKind::Shift:
      out[lane] = from(lane - s.amount);
      break;
    case ShuffleKind::Rotate:
      out[lane] = from(group + ((place - s.amount) & 15));
      break;
    case ShuffleKind::Distribute:
      out[lane] = from(group + int(s.map >> (4 * place) & 15));
      break;
    case ShuffleKind::Permute:
      out[lane] = from(shuffles[unit].map[size_t(lane)]);
      break;
    }
  }
  return makeValue(out, 0, ValueKind::Bytes);
}

void ModularArithmetic::loadMap(unsigned number, const Value *bytes) {
  std::vector<uint16_t> &map = shuffles[number].sampled();
  map.assign(lanes, 0);
  for (unsigned lane = 0; lane < lanes; ++lane)
    for (unsigned i = 0; i < 2; ++i) {
      ModularByte byte = modularByte(bytes[i], lane);
      if (byte.width != 0)
        context.complain("a permutation map is computed from numbers that the "
                         "method does not know");
      else
        map[lane] |= uint16_t(byte.value << (8 * i));
    }
}

void ModularArithmetic::transpose(const Value *in, Value *out) {
  for (unsigned i = 0; i < 16; ++i) {
    auto *data = static_cast<ModularByte *>(fresh());
    for (unsigned g = 0; g < lanes; g += 16)
      for (unsigned j = 0; j < 16; ++j)
        data[g + j] = modularByte(in[j], g + i);
    out[i] = makeValue(data, 0, ValueKind::Bytes);
  }
}
