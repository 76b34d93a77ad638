//===- VectorUnit.cpp - the ALUs of a chip --------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorUnit.h"
#include "Numerics.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::tick;
using isa::ElementType;
using isa::Opcode;

VectorUnit::VectorUnit(const Machine &machine, Streams &streams, FaultLog &log)
    : machine(machine), streams(streams), log(log), alus(machine.alus) {}

void VectorUnit::startCycle(uint64_t cycle) {
  now = cycle;
  for (Alu &alu : alus) {
    while (!alu.results.empty() &&
           alu.results.front().completion + machine.history <= now)
      alu.results.pop_front();
    const Result *completed = nullptr;
    for (const Result &result : alu.results) {
      if (result.completion != now)
        continue;
      if (completed)
        log.reportPair(FaultClass::UnitConflict, result.issue, completed->issue,
                       "two results of one ALU complete in the same cycle");
      completed = &result;
      if (result.issue->instruction.opcode == Opcode::alu_setconst)
        alu.constant = result.values;
    }
  }
}

//===----------------------------------------------------------------------===//
// Operands and destinations
//===----------------------------------------------------------------------===//

Words VectorUnit::fromStream(const isa::StreamOperand &operand,
                             const IssuePtr &issue) {
  Words values(machine.lanes);
  for (unsigned byte = 0; byte < byteWidth(operand.type); ++byte) {
    const Bytes &bytes = streams.read(
        {machine.vectorPosition(), operand.west, operand.stream + byte},
        operand.last, issue);
    for (unsigned lane = 0; lane < machine.lanes; ++lane)
      values[lane] |= uint32_t(bytes[lane]) << (8 * byte);
  }
  for (uint32_t &value : values)
    switch (operand.type) {
    case ElementType::i8:
      value = uint32_t(llvm::SignExtend32<8>(value));
      break;
    case ElementType::i16:
      value = uint32_t(llvm::SignExtend32<16>(value));
      break;
    case ElementType::f16:
      value = fromHalf(uint16_t(value));
      break;
    case ElementType::u8:
    case ElementType::i32:
    case ElementType::f32:
      break;
    }
  return values;
}

/// The operand as 32 bits per lane. Zeros after a fault.
Words VectorUnit::fetch(unsigned alu, const isa::Operand &operand,
                        uint32_t immediate, const IssuePtr &issue) {
  Words values(machine.lanes);
  switch (operand.kind) {
  case isa::Operand::Stream:
    return fromStream(operand.stream, issue);
  case isa::Operand::History:
    for (const Result &result : alus[operand.alu].results)
      if (result.completion + operand.age == now)
        return result.values;
    log.report(FaultClass::UninitialisedRead, issue, nullptr,
               llvm::formatv("no result of ALU {0} completed {1} cycles ago",
                             unsigned(operand.alu), unsigned(operand.age)));
    return values;
  case isa::Operand::Immediate:
    values.assign(machine.lanes, immediate);
    return values;
  case isa::Operand::Lane:
    for (unsigned lane = 0; lane < machine.lanes; ++lane)
      values[lane] = lane;
    return values;
  case isa::Operand::Constant:
    if (!alus[alu].constant.empty())
      return alus[alu].constant;
    log.report(FaultClass::UninitialisedRead, issue, nullptr,
               "the lane constants of this ALU are not set");
    return values;
  case isa::Operand::Absent:
    break; // checkLegal refuses it
  }
  return values;
}

static uint32_t saturate(uint32_t value, int32_t low, int32_t high) {
  return uint32_t(std::clamp(int32_t(value), low, high));
}

void VectorUnit::toStream(const isa::Dest &dest, const Words &values,
                          const IssuePtr &issue) {
  const unsigned width = byteWidth(dest.type);
  std::vector<Bytes> bytes(width, Bytes(machine.lanes));
  for (unsigned lane = 0; lane < machine.lanes; ++lane) {
    uint32_t value = values[lane];
    switch (dest.type) {
    case ElementType::i8:
      value = saturate(value, -128, 127);
      break;
    case ElementType::u8:
      value = saturate(value, 0, 255);
      break;
    case ElementType::i16:
      value = saturate(value, -32768, 32767);
      break;
    case ElementType::f16:
      value = toHalf(value);
      break;
    case ElementType::i32:
    case ElementType::f32:
      break;
    }
    for (unsigned byte = 0; byte < width; ++byte)
      bytes[byte][lane] = uint8_t(value >> (8 * byte));
  }
  const uint64_t cycle = now + isa::streamDelay(issue->instruction, machine);
  for (unsigned byte = 0; byte < width; ++byte)
    streams.put(cycle,
                {machine.vectorPosition(), dest.west, dest.stream + byte},
                std::move(bytes[byte]), issue);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// Operations of one lane with up to three operands.
static uint32_t lanewise(Opcode opcode, uint32_t a, uint32_t b, uint32_t c) {
  const int32_t ia = int32_t(a), ib = int32_t(b);
  switch (opcode) {
  case Opcode::alu_mov:
  case Opcode::alu_setconst:
    return a;
  case Opcode::alu_abs:
    return absolute(a);
  case Opcode::alu_neg:
    return negate(a);
  case Opcode::alu_f2i:
    return uint32_t(toInt(a));
  case Opcode::alu_i2f:
    return fromInt(ia);
  case Opcode::alu_floor:
    return roundToInteger(a, Rounding::Down);
  case Opcode::alu_trunc:
    return roundToInteger(a, Rounding::TowardsZero);
  case Opcode::alu_rint:
    return roundToInteger(a, Rounding::NearestEven);
  case Opcode::alu_exp2:
    return tick::exp2(a);
  case Opcode::alu_log2:
    return tick::log2(a);
  case Opcode::alu_tanh:
    return tick::tanh(a);
  case Opcode::alu_erf:
    return tick::erf(a);
  case Opcode::alu_rsqrt:
    return recip(squareRoot(a));
  case Opcode::alu_sqrt:
    return squareRoot(a);
  case Opcode::alu_recip:
    return recip(a);
  case Opcode::alu_add:
    return add(a, b);
  case Opcode::alu_sub:
    return sub(a, b);
  case Opcode::alu_mul:
    return mul(a, b);
  case Opcode::alu_min:
    return minimum(a, b);
  case Opcode::alu_max:
    return maximum(a, b);
  case Opcode::alu_cmpeq:
    return equal(a, b);
  case Opcode::alu_cmplt:
    return less(a, b);
  case Opcode::alu_cmple:
    return lessOrEqual(a, b);
  case Opcode::alu_cmpuno:
    return isNaN(a) || isNaN(b);
  case Opcode::alu_iadd:
    return a + b;
  case Opcode::alu_isub:
    return a - b;
  case Opcode::alu_imul:
    return a * b;
  case Opcode::alu_imin:
    return uint32_t(std::min(ia, ib));
  case Opcode::alu_imax:
    return uint32_t(std::max(ia, ib));
  case Opcode::alu_icmpeq:
    return ia == ib;
  case Opcode::alu_icmplt:
    return ia < ib;
  case Opcode::alu_icmple:
    return ia <= ib;
  case Opcode::alu_and:
    return a & b;
  case Opcode::alu_or:
    return a | b;
  case Opcode::alu_xor:
    return a ^ b;
  case Opcode::alu_shl:
    return a << (b & 31);
  case Opcode::alu_shr:
    return a >> (b & 31);
  case Opcode::alu_sar:
    return uint32_t(ia >> (b & 31));
  case Opcode::alu_muladd:
    return add(mul(a, b), c);
  case Opcode::alu_select:
    return a != 0 ? b : c;
  default:
    llvm_unreachable("a lanewise operation");
  }
}

/// True if a pair with value \p right replaces one with value \p left.
static bool wins(uint32_t left, uint32_t right) {
  return less(left, right) || (isNaN(right) && !isNaN(left));
}

Words VectorUnit::reduce(const Words &operand,
                         const isa::Instruction &instruction) {
  namespace f = isa::field::alu_reduce_sum; // all reductions: same fields
  const unsigned groupLanes =
      machine.reduceLanes(unsigned(instruction.get(f::group)));
  const Opcode opcode = instruction.opcode;
  const uint32_t minusInfinity = 0xff800000, plusInfinity = 0x7f800000;
  const uint32_t identity = opcode == Opcode::alu_reduce_sum   ? 0
                            : opcode == Opcode::alu_reduce_min ? plusInfinity
                                                               : minusInfinity;
  Words result(machine.lanes);
  for (unsigned first = 0; first < machine.lanes; first += groupLanes) {
    const unsigned size = std::min(groupLanes, machine.lanes - first);
    size_t n = llvm::PowerOf2Ceil(size);
    Words value(n, identity), number(n);
    for (unsigned i = 0; i < n; ++i) {
      number[i] = i;
      if (i < size)
        value[i] = operand[first + i];
    }
    for (n /= 2; n > 0; n /= 2)
      for (size_t i = 0; i < n; ++i)
        switch (opcode) {
        case Opcode::alu_reduce_sum:
          value[i] = add(value[i], value[i + n]);
          break;
        case Opcode::alu_reduce_max:
          value[i] = maximum(value[i], value[i + n]);
          break;
        case Opcode::alu_reduce_min:
          value[i] = minimum(value[i], value[i + n]);
          break;
        default: { // argmax
          // The tree folds halves, so a lower lane may stand on the right.
          bool right =
              wins(value[i], value[i + n]) ||
              (!wins(value[i + n], value[i]) && number[i + n] < number[i]);
          if (right) {
            value[i] = value[i + n];
            number[i] = number[i + n];
          }
        }
        }
    for (unsigned i = 0; i < size; ++i)
      result[first + i] =
          opcode == Opcode::alu_reduce_argmax ? number[0] : value[0];
  }
  return result;
}

Words VectorUnit::accumulate(Alu &alu, const Words &operand,
                             const IssuePtr &issue) {
  namespace f = isa::field::alu_acc_sum; // all running reductions: same fields
  const isa::Instruction &instruction = issue->instruction;
  const uint64_t period = uint64_t(instruction.get(f::period));
  Accumulator &acc = alu.accumulator;

  bool start = issue->repeat == 0 ? instruction.get(f::init) != 0
                                  : period > 0 && issue->repeat % period == 0;
  if (!start && !acc.last) {
    log.report(FaultClass::UninitialisedRead, issue, nullptr,
               "this ALU's accumulator holds nothing to continue from");
    start = true;
  } else if (!start && acc.last->instruction.opcode != instruction.opcode) {
    log.report(FaultClass::UnspecifiedBehaviour, issue, acc.last,
               "continues what another operation started");
  }

  if (start) {
    acc.count = 0;
    acc.numbers.assign(machine.lanes, 0);
    acc.values = operand;
    if (instruction.opcode != Opcode::alu_acc_argmax)
      for (uint32_t &value : acc.values)
        value = isNaN(value) ? canonicalNaN : value;
  } else {
    ++acc.count;
    for (unsigned lane = 0; lane < machine.lanes; ++lane) {
      uint32_t &value = acc.values[lane];
      switch (instruction.opcode) {
      case Opcode::alu_acc_sum:
        value = add(value, operand[lane]);
        break;
      case Opcode::alu_acc_max:
        value = maximum(value, operand[lane]);
        break;
      case Opcode::alu_acc_min:
        value = minimum(value, operand[lane]);
        break;
      default: // argmax
        if (wins(value, operand[lane])) {
          value = operand[lane];
          acc.numbers[lane] = acc.count;
        }
      }
    }
  }
  acc.last = issue;
  return instruction.opcode == Opcode::alu_acc_argmax ? acc.numbers
                                                      : acc.values;
}

/// Samples the operands and computes.
Words VectorUnit::compute(unsigned alu, const IssuePtr &issue) {
  const isa::Instruction &instruction = issue->instruction;
  const auto &info = instruction.info();
  uint32_t immediate = 0;
  for (unsigned i = 0; i < info.fields.size(); ++i)
    if (info.fields[i].kind == isa::FieldKind::Imm)
      immediate = uint32_t(instruction.get(i));
  std::vector<Words> operands;
  for (unsigned i = 0; i < info.fields.size(); ++i)
    if (info.fields[i].kind == isa::FieldKind::Operand)
      operands.push_back(fetch(alu, instruction.operand(i), immediate, issue));

  switch (instruction.opcode) {
  case Opcode::alu_reduce_sum:
  case Opcode::alu_reduce_max:
  case Opcode::alu_reduce_min:
  case Opcode::alu_reduce_argmax:
    return reduce(operands[0], instruction);
  case Opcode::alu_acc_sum:
  case Opcode::alu_acc_max:
  case Opcode::alu_acc_min:
  case Opcode::alu_acc_argmax:
    return accumulate(alus[alu], operands[0], issue);
  default: {
    operands.resize(3, Words(machine.lanes));
    Words result(machine.lanes);
    for (unsigned lane = 0; lane < machine.lanes; ++lane)
      result[lane] = lanewise(instruction.opcode, operands[0][lane],
                              operands[1][lane], operands[2][lane]);
    return result;
  }
  }
}

/// Running reductions write their destination at the end of a period only.
static bool writesDestination(const Issue &issue) {
  namespace f = isa::field::alu_acc_sum;
  switch (issue.instruction.opcode) {
  case Opcode::alu_acc_sum:
  case Opcode::alu_acc_max:
  case Opcode::alu_acc_min:
  case Opcode::alu_acc_argmax: {
    const uint64_t period = uint64_t(issue.instruction.get(f::period));
    return period == 0 ? issue.repeat + 1 == issue.instruction.count
                       : issue.repeat % period == period - 1;
  }
  default:
    return true;
  }
}

void VectorUnit::execute(unsigned alu, const IssuePtr &issue) {
  const isa::Instruction &instruction = issue->instruction;
  Words values = compute(alu, issue);
  const auto &info = instruction.info();
  for (unsigned i = 0; i < info.fields.size(); ++i)
    if (info.fields[i].kind == isa::FieldKind::Dest)
      if (isa::Dest dest = instruction.dest(i);
          dest.present && writesDestination(*issue))
        toStream(dest, values, issue);
  alus[alu].results.push_back(
      {now + isa::delay(instruction, machine), std::move(values), issue});
}
