//===- Program.cpp - decoded text of a queue ------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <cstring>

using namespace lpu;
using namespace lpu::emulator::event;
namespace f = lpu::isa::field;
using isa::Instruction;
using isa::Opcode;

namespace {

class Decoder {
public:
  Decoder(const Machine &m, unsigned queue) : m(m) {
    std::tie(unit, index) = m.queueUnit(queue);
    east = m.isEast(unit, index);
  }

  Op decode(const Instruction &inst);

private:
  const Machine &m;
  Unit unit;
  unsigned index;
  bool east;
  const Instruction *inst = nullptr;
  Op op;

  unsigned get(unsigned field) const { return unsigned(inst->get(field)); }
  int64_t getSigned(unsigned field) const { return inst->get(field); }

  static StreamRef streams(bool west, unsigned first, unsigned width,
                           bool last = false) {
    StreamRef ref;
    ref.west = west;
    ref.stream = uint8_t(first);
    ref.width = uint8_t(width);
    ref.last = last;
    return ref;
  }
  void input(StreamRef ref) { op.in[op.inputs++] = ref; }
  void output(StreamRef ref, unsigned delay) {
    op.out = ref;
    op.hasOutput = true;
    op.streamDelay = uint16_t(delay);
  }
  /// Outward of a plane or link: away from the vector unit.
  bool outwardIsWest() const { return !east; }

  void memory();
  void alu();
  void matrix();
  void shuffle();
};

void Decoder::memory() {
  MemOp mem{};
  switch (inst->opcode) {
  case Opcode::mem_read:
  case Opcode::mem_write: {
    bool write = inst->opcode == Opcode::mem_write;
    op.kind = write ? Kind::Write : Kind::Read;
    // The fields of both begin alike.
    mem.bank = uint8_t(get(f::mem_read::bank));
    mem.reg = uint8_t(get(f::mem_read::reg));
    mem.offset = uint16_t(get(f::mem_read::offset));
    mem.stride = int16_t(getSigned(f::mem_read::stride));
    mem.inner = uint16_t(get(f::mem_read::inner));
    mem.stride2 = int16_t(getSigned(f::mem_read::stride2));
    StreamRef ref = streams(get(f::mem_read::dir), get(f::mem_read::stream), 1,
                            write && get(f::mem_write::last));
    if (write)
      input(ref);
    else
      output(ref, m.delaySramRead);
    break;
  }
  case Opcode::mem_gather:
  case Opcode::mem_scatter: {
    bool scatter = inst->opcode == Opcode::mem_scatter;
    op.kind = scatter ? Kind::Scatter : Kind::Gather;
    mem.bank = uint8_t(get(f::mem_gather::bank));
    mem.reg = uint8_t(get(f::mem_gather::reg));
    mem.offset = uint16_t(get(f::mem_gather::offset));
    StreamRef address =
        streams(get(f::mem_gather::adir), get(f::mem_gather::astream), 2,
                get(f::mem_gather::alast));
    StreamRef ref = streams(get(f::mem_gather::dir), get(f::mem_gather::stream),
                            1, scatter && get(f::mem_scatter::last));
    if (scatter)
      input(ref);
    else
      output(ref, m.delaySramRead);
    input(address); // a scatter has its data first
    break;
  }
  case Opcode::mem_setreg:
    op.kind = Kind::SetRegister;
    mem.reg = uint8_t(get(f::mem_setreg::reg));
    mem.value = int32_t(get(f::mem_setreg::value));
    break;
  case Opcode::mem_addreg:
    op.kind = Kind::AddRegister;
    mem.reg = uint8_t(get(f::mem_addreg::reg));
    mem.value = int32_t(getSigned(f::mem_addreg::value));
    break;
  default:
    op.kind = Kind::LoadRegister;
    mem.reg = uint8_t(get(f::mem_loadreg::reg));
    input(streams(get(f::mem_loadreg::dir), get(f::mem_loadreg::stream), 2,
                  get(f::mem_loadreg::last)));
    break;
  }
  op.mem = mem;
}

std::pair<AluClass, unsigned> aluKernel(Opcode opcode) {
#define LANES(NAME, KERNEL)                                                    \
  case Opcode::alu_##NAME:                                                     \
    return {AluClass::Lanes, unsigned(AluKernel::KERNEL)};
#define OTHER(NAME, CLASS, KERNEL)                                             \
  case Opcode::alu_##NAME:                                                     \
    return {AluClass::CLASS, unsigned(ReduceKernel::KERNEL)};
  switch (opcode) {
    LANES(mov, mov)
    LANES(abs, abs)
    LANES(neg, neg)
    LANES(f2i, f2i)
    LANES(i2f, i2f)
    LANES(floor, floor)
    LANES(trunc, trunc)
    LANES(rint, rint)
    LANES(exp2, exp2)
    LANES(log2, log2)
    LANES(tanh, tanh)
    LANES(erf, erf)
    LANES(rsqrt, rsqrt)
    LANES(sqrt, sqrt)
    LANES(recip, recip)
    LANES(add, add)
    LANES(sub, sub)
    LANES(mul, mul)
    LANES(min, min)
    LANES(max, max)
    LANES(cmpeq, cmpeq)
    LANES(cmplt, cmplt)
    LANES(cmple, cmple)
    LANES(cmpuno, cmpuno)
    LANES(iadd, iadd)
    LANES(isub, isub)
    LANES(imul, imul)
    LANES(imin, imin)
    LANES(imax, imax)
    LANES(icmpeq, icmpeq)
    LANES(icmplt, icmplt)
    LANES(icmple, icmple)
    LANES(and, and_)
    LANES(or, or_)
    LANES(xor, xor_)
    LANES(shl, shl)
    LANES(shr, shr)
    LANES(sar, sar)
    LANES(muladd, muladd)
    LANES(select, select)
    OTHER(reduce_sum, Reduce, sum)
    OTHER(reduce_max, Reduce, max)
    OTHER(reduce_min, Reduce, min)
    OTHER(reduce_argmax, Reduce, argmax)
    OTHER(acc_sum, Accumulate, sum)
    OTHER(acc_max, Accumulate, max)
    OTHER(acc_min, Accumulate, min)
    OTHER(acc_argmax, Accumulate, argmax)
  case Opcode::alu_setconst:
    return {AluClass::SetConstant, unsigned(AluKernel::mov)};
  default:
    llvm_unreachable("an opcode of the vector unit");
  }
#undef LANES
#undef OTHER
}

void Decoder::alu() {
  op.kind = Kind::Alu;
  AluOp alu{};
  auto [kind, kernel] = aluKernel(inst->opcode);
  alu.kind = kind;
  alu.kernel = uint8_t(kernel);
  const isa::InstructionInfo &info = inst->info();
  unsigned operands = 0;
  for (unsigned i = 0; i < info.fields.size(); ++i) {
    switch (info.fields[i].kind) {
    case isa::FieldKind::Operand: {
      isa::Operand operand = inst->operand(i);
      Source &source = alu.source[operands++];
      source.kind = Source::Kind(operand.kind);
      if (operand.kind == isa::Operand::Stream) {
        source.type = operand.stream.type;
        source.input = op.inputs;
        input(streams(operand.stream.west, operand.stream.stream,
                      isa::byteWidth(operand.stream.type),
                      operand.stream.last));
      } else {
        source.alu = operand.alu;
        source.age = operand.age;
      }
      break;
    }
    case isa::FieldKind::Dest: {
      isa::Dest dest = inst->dest(i);
      if (dest.present) {
        alu.type = dest.type;
        output(streams(dest.west, dest.stream, isa::byteWidth(dest.type)),
               isa::streamDelay(*inst, m));
      }
      break;
    }
    case isa::FieldKind::Imm:
      alu.immediate = uint32_t(get(i));
      break;
    default:
      break;
    }
  }
  if (kind == AluClass::Reduce)
    alu.group = uint16_t(m.reduceLanes(get(f::alu_reduce_sum::group)));
  if (kind == AluClass::Accumulate) {
    alu.period = uint16_t(get(f::alu_acc_sum::period));
    alu.init = uint8_t(get(f::alu_acc_sum::init));
  }
  op.alu = alu;
}

void Decoder::matrix() {
  MatrixOp matrix{};
  switch (inst->opcode) {
  case Opcode::weights_install:
    op.kind = Kind::Install;
    matrix.fp16 = uint8_t(get(f::weights_install::fp16));
    matrix.columns = uint8_t(get(f::weights_install::columns));
    matrix.n = uint8_t(get(f::weights_install::n));
    matrix.at = uint16_t(get(f::weights_install::at));
    matrix.step = int16_t(get(f::weights_install::step));
    matrix.row = uint16_t(get(f::weights_install::row));
    matrix.laneBase = uint16_t(get(f::weights_install::lane_base));
    matrix.laneCount = uint16_t(get(f::weights_install::lane_count));
    input(streams(outwardIsWest(), get(f::weights_install::stream), matrix.n,
                  get(f::weights_install::last)));
    break;
  case Opcode::weights_swap:
    op.kind = Kind::Swap;
    break;
  case Opcode::pass_run:
    op.kind = Kind::Pass;
    matrix.fp16 = uint8_t(get(f::pass_run::fp16));
    matrix.laneBase = uint16_t(get(f::pass_run::lane_base));
    matrix.laneCount = uint16_t(get(f::pass_run::lane_count));
    matrix.row = uint16_t(get(f::pass_run::weight_row));
    matrix.acc = uint16_t(get(f::pass_run::acc));
    matrix.step = int16_t(getSigned(f::pass_run::acc_stride));
    matrix.add = uint8_t(get(f::pass_run::add));
    input(streams(outwardIsWest(), get(f::pass_run::stream),
                  matrix.fp16 ? 2 : 1, get(f::pass_run::last)));
    break;
  default:
    op.kind = Kind::Drain;
    matrix.acc = uint16_t(get(f::drain_row::acc));
    matrix.step = int16_t(getSigned(f::drain_row::acc_stride));
    output(streams(!outwardIsWest(), get(f::drain_row::stream), 4),
           m.delayDrain);
    break;
  }
  op.matrix = matrix;
}

void Decoder::shuffle() {
  ShuffleOp shuffle{};
  namespace s = f::shuffle_shift; // all begin with the same fields
  unsigned width = inst->opcode == Opcode::transpose_t16     ? 16
                   : inst->opcode == Opcode::shuffle_loadmap ? 2
                                                             : 1;
  input(streams(get(s::dir), get(s::stream), width, get(s::last)));
  if (inst->opcode == Opcode::shuffle_loadmap) {
    op.kind = Kind::LoadMap;
    op.shuffle = shuffle;
    return;
  }
  output(streams(get(s::odir), get(s::ostream), width), isa::delay(*inst, m));
  op.kind = Kind::Shuffle;
  switch (inst->opcode) {
  case Opcode::transpose_t16:
    op.kind = Kind::Transpose;
    break;
  case Opcode::shuffle_shift:
    shuffle.kind = ShuffleKind::Shift;
    shuffle.amount = int16_t(getSigned(s::amount));
    break;
  case Opcode::shuffle_rotate:
    shuffle.kind = ShuffleKind::Rotate;
    shuffle.amount = int16_t(getSigned(f::shuffle_rotate::amount));
    break;
  case Opcode::shuffle_distribute:
    shuffle.kind = ShuffleKind::Distribute;
    shuffle.map = uint64_t(inst->get(f::shuffle_distribute::map));
    break;
  default:
    shuffle.kind = ShuffleKind::Permute;
    break;
  }
  op.shuffle = shuffle;
}

Op Decoder::decode(const Instruction &instruction) {
  inst = &instruction;
  op = Op();
  op.wait = inst->wait;
  op.count = inst->count;
  op.interval = inst->interval;
  op.doneDelay = uint16_t(isa::delay(*inst, m));
  op.effectDelay = isa::streamDelay(*inst, m);
  switch (inst->opcode) {
  case Opcode::nop:
    op.kind = Kind::Nop;
    op.control.cycles = uint32_t(get(f::nop::cycles));
    break;
  case Opcode::loop:
    op.kind = Kind::Loop;
    op.control.cycles = get(f::loop::iterations);
    break;
  case Opcode::endloop:
    op.kind = Kind::EndLoop;
    op.control.cycles = get(f::endloop::body);
    break;
  case Opcode::fetch:
    op.kind = Kind::Fetch;
    op.control.row = uint16_t(get(f::fetch::row));
    op.control.rows = uint16_t(get(f::fetch::rows));
    break;
  case Opcode::halt:
    op.kind = Kind::Halt;
    break;
  case Opcode::mem_read:
  case Opcode::mem_write:
  case Opcode::mem_gather:
  case Opcode::mem_scatter:
  case Opcode::mem_setreg:
  case Opcode::mem_addreg:
  case Opcode::mem_loadreg:
    memory();
    break;
  case Opcode::weights_install:
  case Opcode::weights_swap:
  case Opcode::pass_run:
  case Opcode::drain_row:
    matrix();
    break;
  case Opcode::shuffle_shift:
  case Opcode::shuffle_rotate:
  case Opcode::shuffle_distribute:
  case Opcode::shuffle_permute:
  case Opcode::shuffle_loadmap:
  case Opcode::transpose_t16:
    shuffle();
    break;
  case Opcode::link_send_send:
    op.kind = Kind::Send;
    input(streams(outwardIsWest(), get(f::link_send_send::stream), 1,
                  get(f::link_send_send::last)));
    break;
  case Opcode::link_recv_recv:
    op.kind = Kind::Receive;
    output(streams(!outwardIsWest(), get(f::link_recv_recv::stream), 1),
           op.doneDelay);
    break;
  case Opcode::control_resync:
    op.kind = Kind::Resync;
    break;
  default:
    alu();
    break;
  }
  return op;
}

} // namespace

QueueText lpu::emulator::event::decodeQueue(const Machine &machine,
                                            const TextSegment &segment,
                                            llvm::ArrayRef<uint8_t> bytes) {
  QueueText text;
  text.segment = segment;
  auto [unit, index] = machine.queueUnit(segment.queue);
  Decoder decoder(machine, segment.queue);
  text.ops.reserve(bytes.size() / 16);
  for (size_t at = 0; at + 16 <= bytes.size(); at += 16) {
    isa::Word word;
    memcpy(word.data(), bytes.data() + at, 16);
    // Rows are often padded with zero words behind the halt.
    std::string reason;
    if (word == isa::Word{}) {
      reason = "the word is zero";
    } else if (llvm::Expected<Instruction> inst = isa::decode(word)) {
      reason = isa::checkLegal(*inst, machine, unit, index);
      if (reason.empty()) {
        text.ops.push_back(decoder.decode(*inst));
        continue;
      }
    } else {
      reason = llvm::toString(inst.takeError());
    }
    text.reasons.push_back({uint32_t(text.ops.size()), std::move(reason)});
    text.ops.push_back(Op());
  }
  return text;
}

unsigned lpu::emulator::event::longestDelay(const Machine &m) {
  unsigned alu =
      std::max({m.delayAlu, m.delayTranscendental, m.reduceDelay(15)}) +
      2 * m.delayConvert;
  return std::max({alu, m.delaySramRead, m.delaySramWrite, m.delaySwap,
                   m.matrixDelay(false), m.matrixDelay(true), m.delayDrain,
                   m.delayShuffle, m.delayTranspose, m.delayFetch, 1u});
}

std::string lpu::emulator::event::printWord(const uint8_t *bytes) {
  isa::Word word;
  memcpy(word.data(), bytes, 16);
  if (llvm::Expected<Instruction> inst = isa::decode(word))
    return isa::toString(*inst);
  else
    llvm::consumeError(inst.takeError());
  return "word 0x" + llvm::toHex(llvm::ArrayRef<uint8_t>(word), true);
}
