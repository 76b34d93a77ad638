//===- Legal.cpp - which instructions a machine can execute ---------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rules that need nothing but one instruction, its queue and the machine: the
// static part of `illegal-encoding`. Rows, columns and accumulator rows out of
// range, and anything that depends on time, are faults of their own
// (docs/isa.md, section 12).
//
//===----------------------------------------------------------------------===//

#include "lpu/ISA/Text.h"
#include "llvm/Support/MathExtras.h"

using namespace lpu;
using namespace lpu::isa;

namespace {

class Checker {
public:
  Checker(const Instruction &inst, const Machine &m, Unit unit, unsigned index)
      : inst(inst), info(inst.info()), m(m), unit(unit), index(index) {}

  std::string run() {
    sequencer();
    if (error.empty())
      widths();
    if (error.empty())
      operands();
    return error;
  }

private:
  const Instruction &inst;
  const InstructionInfo &info;
  const Machine &m;
  Unit unit;
  unsigned index;
  std::string error;

  void fail(const llvm::Twine &what) {
    if (error.empty())
      error = (llvm::Twine(info.name) + ": " + what).str();
  }
  int64_t get(unsigned field) const { return inst.get(field); }

  void sequencer();
  void widths();
  void operands();
  void streams(const char *field, uint64_t first, unsigned count,
               unsigned alignment);
  void low(const char *field, int64_t value, int64_t least);
  void window(const char *what, uint64_t base, uint64_t count, uint64_t limit,
              const char *limitName);
  void address(unsigned inner, unsigned stride2);
  void alu();
  void install();
  void pass();
};

void Checker::sequencer() {
  if (info.unit && *info.unit != unit)
    return fail(llvm::Twine("belongs into a queue of unit ") +
                unitName(*info.unit) + ", not " + unitName(unit));
  if (index >= m.numUnits(unit))
    return fail(llvm::Twine("unit ") + unitName(unit) + " " +
                llvm::Twine(index) + " does not exist; the machine has " +
                llvm::Twine(m.numUnits(unit)));
  if (inst.count == 0 || inst.interval == 0)
    return fail("count and interval must be at least 1");
  if (inst.count == 1 && inst.interval != 1)
    return fail("interval of a single issue must be 1");
  if (!info.repeat && inst.count != 1)
    return fail("this instruction does not repeat");
}

void Checker::widths() {
  for (unsigned i = 0; i < info.fields.size(); ++i) {
    const FieldInfo &field = info.fields[i];
    int64_t value = get(i);
    if (field.width == 64)
      continue;
    bool fits = field.kind == FieldKind::Signed
                    ? llvm::isIntN(field.width, value)
                    : llvm::isUIntN(field.width, uint64_t(value));
    if (!fits)
      return fail(llvm::Twine(field.name) + " = " + llvm::Twine(value) +
                  " does not fit " + llvm::Twine(unsigned(field.width)) +
                  (field.kind == FieldKind::Signed ? " signed bits" : " bits"));
    if (field.kind == FieldKind::Operand && !Operand::decode(uint16_t(value)))
      return fail(llvm::Twine(field.name) + " is no operand");
    if (field.kind == FieldKind::Dest && !Dest::decode(uint16_t(value)))
      return fail(llvm::Twine(field.name) + " is no destination");
  }
}

/// Streams first .. first + count - 1 exist; first is aligned.
void Checker::streams(const char *field, uint64_t first, unsigned count,
                      unsigned alignment) {
  if (first % alignment != 0)
    fail(llvm::Twine(field) + " = " + llvm::Twine(first) +
         " must be a multiple of " + llvm::Twine(alignment));
  if (first + count > m.streams)
    fail(llvm::Twine(field) + " = " + llvm::Twine(first) + " with " +
         llvm::Twine(count) + " streams passes the last of " +
         llvm::Twine(m.streams) + " streams");
}

void Checker::low(const char *field, int64_t value, int64_t least) {
  if (value < least)
    fail(llvm::Twine(field) + " = " + llvm::Twine(value) +
         " must be at least " + llvm::Twine(least));
}

void Checker::window(const char *what, uint64_t base, uint64_t count,
                     uint64_t limit, const char *limitName) {
  if (base + count > limit)
    fail(llvm::Twine(what) + " " + llvm::Twine(base) + " + " +
         llvm::Twine(count) + " passes " + llvm::Twine(limit) + " (" +
         limitName + ")");
}

void Checker::address(unsigned inner, unsigned stride2) {
  if (get(inner) == 0 && get(stride2) != 0)
    fail("stride2 without inner has no meaning and must be 0");
}

void Checker::alu() {
  if (info.delay == DelayKind::Transcendental && index >= m.transcendentalAlus)
    fail("ALU " + llvm::Twine(index) +
         " executes no transcendental instruction; ALUs 0 .. " +
         llvm::Twine(int(m.transcendentalAlus) - 1) + " do");
  if (info.delay == DelayKind::Reduce &&
      (index < m.transcendentalAlus ||
       index >= m.transcendentalAlus + m.reduceAlus))
    fail("ALU " + llvm::Twine(index) + " executes no lane reduction; ALUs " +
         llvm::Twine(m.transcendentalAlus) + " .. " +
         llvm::Twine(int(m.transcendentalAlus + m.reduceAlus) - 1) + " do");
  bool hasImmediate = false, usesImmediate = false;
  int64_t immediate = 0;
  for (unsigned i = 0; i < info.fields.size(); ++i) {
    const FieldInfo &field = info.fields[i];
    if (field.kind == FieldKind::Imm) {
      hasImmediate = true;
      immediate = get(i);
    } else if (field.kind == FieldKind::Dest) {
      Dest dest = inst.dest(i);
      if (dest.present)
        streams(field.name, dest.stream, byteWidth(dest.type),
                byteWidth(dest.type));
    } else if (field.kind == FieldKind::Operand) {
      Operand operand = inst.operand(i);
      switch (operand.kind) {
      case Operand::Absent:
        fail(llvm::Twine("operand ") + field.name + " is absent");
        break;
      case Operand::Stream:
        streams(field.name, operand.stream.stream,
                byteWidth(operand.stream.type), byteWidth(operand.stream.type));
        break;
      case Operand::History:
        if (operand.alu >= m.alus)
          fail(llvm::Twine(field.name) + " names ALU " +
               llvm::Twine(unsigned(operand.alu)) + " of " +
               llvm::Twine(m.alus));
        if (operand.age >= m.history)
          fail(llvm::Twine(field.name) + " has age " +
               llvm::Twine(unsigned(operand.age)) + "; results stay readable " +
               llvm::Twine(m.history) + " cycles (history)");
        break;
      case Operand::Immediate:
        usesImmediate = true;
        break;
      case Operand::Lane:
      case Operand::Constant:
        break;
      }
    } else if (fieldStyle(field) == FieldStyle::Group) {
      if (get(i) != 15 && (16ull << get(i)) > m.lanes)
        fail("group of " + llvm::Twine(16ull << get(i)) +
             " lanes on a machine of " + llvm::Twine(m.lanes) + " (use all)");
    }
  }
  if (usesImmediate && !hasImmediate)
    fail("this instruction has no immediate; use a lane constant");
  if (!usesImmediate && immediate != 0)
    fail("imm must be 0 because no operand uses it");
}

void Checker::install() {
  namespace f = field::weights_install;
  bool fp16 = get(f::fp16);
  unsigned n = unsigned(get(f::n)), width = fp16 ? 2 : 1;
  unsigned planeRows = fp16 ? m.planeRows / 2 : m.planeRows;
  const char *rowsName = fp16 ? "plane_rows / 2" : "plane_rows";
  low("n", n, 1);
  window("n", 0, n, m.installRows, "install_rows");
  if (fp16 && n % 2 != 0)
    fail("n = " + llvm::Twine(n) + " must be even with fp16");
  streams("stream", get(f::stream), n, width);
  window("lanes", get(f::lane_base), get(f::lane_count), m.lanes, "lanes");
  if (get(f::columns))
    return window("lane_count", 0, get(f::lane_count), planeRows, rowsName);
  if (get(f::row) != 0)
    fail("row has a meaning only with columns and must be 0");
}

void Checker::pass() {
  namespace f = field::pass_run;
  bool fp16 = get(f::fp16);
  unsigned width = fp16 ? 2 : 1;
  streams("stream", get(f::stream), width, width);
  window("lanes", get(f::lane_base), get(f::lane_count), m.lanes, "lanes");
  window("lane_count", 0, get(f::lane_count),
         fp16 ? m.planeRows / 2 : m.planeRows,
         fp16 ? "plane_rows / 2" : "plane_rows");
}

void Checker::operands() {
  switch (inst.opcode) {
  case Opcode::nop:
  case Opcode::halt:
  case Opcode::endloop:
  case Opcode::weights_swap:
  case Opcode::control_resync:
    return;
  case Opcode::loop:
    return low("iterations", get(field::loop::iterations), 1);
  case Opcode::fetch:
    low("rows", get(field::fetch::rows), 1);
    return window("text rows", get(field::fetch::row), get(field::fetch::rows),
                  65536, "rows of a text");
  case Opcode::mem_read:
    streams("stream", get(field::mem_read::stream), 1, 1);
    return address(field::mem_read::inner, field::mem_read::stride2);
  case Opcode::mem_write:
    streams("stream", get(field::mem_write::stream), 1, 1);
    return address(field::mem_write::inner, field::mem_write::stride2);
  case Opcode::mem_gather:
    streams("astream", get(field::mem_gather::astream), 2, 2);
    return streams("stream", get(field::mem_gather::stream), 1, 1);
  case Opcode::mem_scatter:
    streams("astream", get(field::mem_scatter::astream), 2, 2);
    return streams("stream", get(field::mem_scatter::stream), 1, 1);
  case Opcode::mem_setreg:
    return low("reg", get(field::mem_setreg::reg), 1);
  case Opcode::mem_addreg:
    return low("reg", get(field::mem_addreg::reg), 1);
  case Opcode::mem_loadreg:
    low("reg", get(field::mem_loadreg::reg), 1);
    return streams("stream", get(field::mem_loadreg::stream), 2, 2);
  case Opcode::weights_install:
    return install();
  case Opcode::pass_run:
    return pass();
  case Opcode::drain_row:
    return streams("stream", get(field::drain_row::stream), 4, 4);
  case Opcode::shuffle_loadmap:
    return streams("stream", get(field::shuffle_loadmap::stream), 2, 2);
  case Opcode::shuffle_shift:
  case Opcode::shuffle_rotate:
  case Opcode::shuffle_distribute:
  case Opcode::shuffle_permute:
    // These four begin with the same fields.
    streams("stream", get(field::shuffle_shift::stream), 1, 1);
    return streams("ostream", get(field::shuffle_shift::ostream), 1, 1);
  case Opcode::transpose_t16:
    streams("stream", get(field::transpose_t16::stream), 16, 16);
    return streams("ostream", get(field::transpose_t16::ostream), 16, 16);
  case Opcode::link_send_send:
    return streams("stream", get(field::link_send_send::stream), 1, 1);
  case Opcode::link_recv_recv:
    return streams("stream", get(field::link_recv_recv::stream), 1, 1);
  default:
    return alu();
  }
}

} // namespace

std::string isa::checkLegal(const Instruction &instruction,
                            const Machine &machine, Unit unit, unsigned index) {
  return Checker(instruction, machine, unit, index).run();
}
