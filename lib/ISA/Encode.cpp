//===- Encode.cpp - words, operands, delays -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/ISA/ISA.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace lpu;
using namespace lpu::isa;

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

namespace {

#include "lpu/ISA/Table.inc"

struct OpcodeIndex {
  std::array<const InstructionInfo *, 256> entries{};
  OpcodeIndex() {
    for (const InstructionInfo &info : table)
      entries[uint8_t(info.opcode)] = &info;
  }
};

} // namespace

llvm::ArrayRef<InstructionInfo> isa::instructions() { return table; }

const InstructionInfo *isa::lookup(uint8_t opcode) {
  static const OpcodeIndex index;
  return index.entries[opcode];
}

const InstructionInfo *isa::lookup(llvm::StringRef name) {
  static const auto *names = [] {
    auto *map = new llvm::StringMap<const InstructionInfo *>();
    for (const InstructionInfo &info : table)
      (*map)[info.name] = &info;
    return map;
  }();
  return names->lookup(name);
}

const InstructionInfo &Instruction::info() const {
  const InstructionInfo *info = lookup(uint8_t(opcode));
  LPU_CHECK(info, "an instruction has a known opcode");
  return *info;
}

//===----------------------------------------------------------------------===//
// Operands and destinations
//===----------------------------------------------------------------------===//

namespace {
enum OperandBits : unsigned {
  KindStream,
  KindHistory,
  KindSpecial,
  KindAbsent
};
}

uint16_t Operand::encode() const {
  switch (kind) {
  case Stream:
    return KindStream | stream.west << 2 | (stream.stream & 63) << 3 |
           unsigned(stream.type) << 9 | stream.last << 12;
  case History:
    return KindHistory | (alu & 31) << 2 | (age & 63) << 7;
  case Immediate:
    return KindSpecial;
  case Lane:
    return KindSpecial | 1 << 2;
  case Constant:
    return KindSpecial | 2 << 2;
  case Absent:
    return KindAbsent;
  }
  llvm_unreachable("all operand kinds handled");
}

std::optional<Operand> Operand::decode(uint16_t bits) {
  Operand operand;
  if (bits >> 13)
    return std::nullopt; // bit 13 is unused in every kind
  switch (bits & 3) {
  case KindStream: {
    unsigned type = bits >> 9 & 7;
    if (type > unsigned(ElementType::f32))
      return std::nullopt;
    operand.kind = Stream;
    operand.stream = {(bits >> 2 & 1) != 0, uint8_t(bits >> 3 & 63),
                      ElementType(type), (bits >> 12 & 1) != 0};
    return operand;
  }
  case KindHistory:
    operand.kind = History;
    operand.alu = bits >> 2 & 31;
    operand.age = bits >> 7 & 63;
    return operand;
  case KindSpecial:
    if (bits >> 2 > 2)
      return std::nullopt;
    operand.kind = Kind(Immediate + (bits >> 2));
    return operand;
  default:
    if (bits != KindAbsent)
      return std::nullopt;
    return operand;
  }
}

uint16_t Dest::encode() const {
  if (!present)
    return 0;
  return 1 | west << 1 | (stream & 63) << 2 | unsigned(type) << 8;
}

std::optional<Dest> Dest::decode(uint16_t bits) {
  Dest dest;
  if (bits == 0)
    return dest;
  unsigned type = bits >> 8 & 7;
  if (!(bits & 1) || bits >> 11 || type > unsigned(ElementType::f32))
    return std::nullopt;
  dest.present = true;
  dest.west = bits >> 1 & 1;
  dest.stream = bits >> 2 & 63;
  dest.type = ElementType(type);
  return dest;
}

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

namespace {

/// A word as two 64-bit halves, so that a field is a few shifts.
struct Bits {
  uint64_t low = 0, high = 0;

  static uint64_t mask(unsigned width) {
    return llvm::maskTrailingOnes<uint64_t>(width);
  }
  uint64_t get(unsigned bit, unsigned width) const {
    uint64_t value = bit >= 64  ? high >> (bit - 64)
                     : bit == 0 ? low
                                : low >> bit | high << (64 - bit);
    return value & mask(width);
  }
  void set(unsigned bit, unsigned width, uint64_t value) {
    value &= mask(width);
    if (bit >= 64) {
      high |= value << (bit - 64);
      return;
    }
    low |= value << bit;
    if (bit + width > 64)
      high |= value >> (64 - bit);
  }
};

} // namespace

Word isa::encode(const Instruction &instruction) {
  Bits bits;
  bits.set(0, 8, uint8_t(instruction.opcode));
  bits.set(8, 16, instruction.wait);
  bits.set(24, 16, instruction.count);
  bits.set(40, 8, instruction.interval);
  llvm::ArrayRef<FieldInfo> fields = instruction.info().fields;
  for (unsigned i = 0; i < fields.size(); ++i)
    bits.set(fields[i].bit, fields[i].width, uint64_t(instruction.fields[i]));
  Word word;
  llvm::support::endian::write64le(word.data(), bits.low);
  llvm::support::endian::write64le(word.data() + 8, bits.high);
  return word;
}

llvm::Expected<Instruction> isa::decode(const Word &word) {
  Bits bits{llvm::support::endian::read64le(word.data()),
            llvm::support::endian::read64le(word.data() + 8)};
  auto illegal = [](const llvm::Twine &what) {
    return llvm::createStringError("illegal-encoding: " + what);
  };
  const InstructionInfo *info = lookup(uint8_t(bits.low));
  if (!info)
    return illegal("unknown opcode 0x" +
                   llvm::Twine::utohexstr(uint8_t(bits.low)));
  auto illegalIn = [&](const llvm::Twine &what) {
    return illegal(llvm::Twine(info->name) + ": " + what);
  };
  Instruction result;
  result.opcode = info->opcode;
  result.wait = bits.get(8, 16);
  result.count = bits.get(24, 16);
  result.interval = bits.get(40, 8);
  if (result.count == 0)
    return illegalIn("count is 0");
  if (result.interval == 0)
    return illegalIn("interval is 0");
  if (result.count == 1 && result.interval != 1)
    return illegalIn("interval of a single issue is " +
                     llvm::Twine(unsigned(result.interval)) + "; it must be 1");
  if (!info->repeat && result.count != 1)
    return illegalIn("count is " + llvm::Twine(result.count) +
                     "; this instruction does not repeat");
  unsigned end = 48;
  for (unsigned i = 0; i < info->fields.size(); ++i) {
    const FieldInfo &field = info->fields[i];
    uint64_t value = bits.get(field.bit, field.width);
    end = field.bit + field.width;
    if (field.kind == FieldKind::Signed)
      result.fields[i] = llvm::SignExtend64(value, field.width);
    else
      result.fields[i] = int64_t(value);
    if ((field.kind == FieldKind::Operand && !Operand::decode(value)) ||
        (field.kind == FieldKind::Dest && !Dest::decode(value)))
      return illegalIn(llvm::Twine("field ") + field.name + " holds 0x" +
                       llvm::Twine::utohexstr(value) + ", which is no operand");
  }
  for (unsigned bit = end; bit < 128; bit += 32) {
    unsigned width = std::min(32u, 128 - bit);
    if (uint64_t rest = bits.get(bit, width))
      return illegalIn("unused bit " +
                       llvm::Twine(bit + llvm::countr_zero(rest)) +
                       " is not zero");
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Delays
//===----------------------------------------------------------------------===//

static bool isNarrow(ElementType type) { return byteWidth(type) < 4; }

unsigned isa::delay(const Instruction &instruction, const Machine &machine) {
  const InstructionInfo &info = instruction.info();
  unsigned convert = 0;
  for (unsigned i = 0; i < info.fields.size(); ++i) {
    if (info.fields[i].kind != FieldKind::Operand)
      continue;
    Operand operand = instruction.operand(i);
    if (operand.kind == Operand::Stream && isNarrow(operand.stream.type))
      convert = machine.delayConvert;
  }
  switch (info.delay) {
  case DelayKind::None:
    return 0;
  case DelayKind::SramRead:
    return machine.delaySramRead;
  case DelayKind::SramWrite:
    return machine.delaySramWrite;
  case DelayKind::Alu:
    return convert + machine.delayAlu;
  case DelayKind::Transcendental:
    return convert + machine.delayTranscendental;
  case DelayKind::Reduce:
    // All reductions have the same fields.
    return convert + machine.reduceDelay(unsigned(
                         instruction.get(field::alu_reduce_sum::group)));
  case DelayKind::One:
    return 1;
  case DelayKind::Swap:
    return machine.delaySwap;
  case DelayKind::Matrix:
    return machine.matrixDelay(instruction.get(field::pass_run::fp16));
  case DelayKind::Drain:
    return machine.delayDrain;
  case DelayKind::Shuffle:
    return machine.delayShuffle;
  case DelayKind::Transpose:
    return machine.delayTranspose;
  case DelayKind::Rest:
    return machine.resyncRest();
  }
  llvm_unreachable("all delay kinds handled");
}

unsigned isa::streamDelay(const Instruction &instruction,
                          const Machine &machine) {
  const InstructionInfo &info = instruction.info();
  unsigned result = delay(instruction, machine);
  for (unsigned i = 0; i < info.fields.size(); ++i) {
    if (info.fields[i].kind != FieldKind::Dest)
      continue;
    Dest dest = instruction.dest(i);
    if (dest.present && isNarrow(dest.type))
      result += machine.delayConvert;
  }
  return result;
}
