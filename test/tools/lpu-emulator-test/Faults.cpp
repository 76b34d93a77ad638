//===- Faults.cpp - faults that isa text cannot express -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Words that the isa dialect refuses to write, and injected clock drift. Every
// case states class, cycle, offender and other party.
//
//===----------------------------------------------------------------------===//

#include "ProgramBuilder.h"
#include "lpu/Emulator/Emulator.h"
#include "llvm/Support/raw_ostream.h"

using namespace lpu;
using namespace lpu::test;
using emulator::FaultClass;
using isa::ElementType;

namespace {

struct Who {
  Unit unit;
  unsigned index;
  uint32_t textIndex;
  uint64_t cycle;
};

class FaultTests {
public:
  FaultTests(const Machine &machine, bool event)
      : machine(machine), event(event) {}
  void expect(const char *what, const Package &package, FaultClass kind,
              uint64_t cycle, Who offender, std::optional<Who> other = {},
              std::vector<int64_t> driftPpm = {});
  /// A queue of ALU 3 whose words are given as they are.
  Package words(const std::vector<isa::Word> &text) const;
  const Machine &machine;
  unsigned cases = 0, failures = 0;

private:
  bool is(const emulator::Party &party, const Who &who) const {
    return party.queue == machine.queueNumber(who.unit, who.index) &&
           party.textIndex == who.textIndex && party.cycle == who.cycle;
  }
  bool event;
};

} // namespace

void FaultTests::expect(const char *what, const Package &package,
                        FaultClass kind, uint64_t cycle, Who offender,
                        std::optional<Who> other,
                        std::vector<int64_t> driftPpm) {
  ++cases;
  auto engine = llvm::cantFail(event ? emulator::createEventEngine(package)
                                     : emulator::createTickEngine(package));
  emulator::RunOptions options;
  options.driftPpm = std::move(driftPpm);
  emulator::RunResult result = engine->run(options);
  const auto &fault = result.fault;
  if (fault && fault->kind == kind && fault->cycle == cycle &&
      fault->chip == fault->offender.chip && is(fault->offender, offender) &&
      fault->other.has_value() == other.has_value() &&
      (!other || is(*fault->other, *other)))
    return;
  ++failures;
  llvm::errs() << what << ": expected " << emulator::faultName(kind)
               << " at cycle " << cycle << ", got "
               << (fault ? fault->str(machine) : "no fault\n");
}

Package FaultTests::words(const std::vector<isa::Word> &text) const {
  ProgramBuilder builder(machine);
  builder.text(Unit::Alu, 3, text);
  return builder.build();
}

/// One bit of a word changed.
static isa::Word flip(isa::Word word, unsigned bit) {
  word[bit / 8] ^= uint8_t(1 << bit % 8);
  return word;
}

static void testEncodings(FaultTests &t) {
  const isa::Word halt = isa::encode(make("halt", {}));
  const isa::Word mov =
      isa::encode(make("alu.mov", {{"a", special(isa::Operand::Lane)}}));
  auto illegal = [&](const char *what, isa::Word word) {
    t.expect(what, t.words({mov, word, halt}), FaultClass::IllegalEncoding, 1,
             {Unit::Alu, 3, 1, 1});
  };
  auto instruction = [&](const char *name, const FieldValues &fields) {
    return isa::encode(make(name, fields));
  };
  illegal("no such opcode", isa::Word{});
  illegal("unused bit", flip(halt, 127));
  illegal("count 0", flip(mov, 24));
  illegal("interval of a single issue", flip(mov, 41));
  illegal("a repeat of an instruction that has none", flip(halt, 25));
  illegal("an absent operand", instruction("alu.mov", {}));
  illegal("bit 13 of an operand", flip(mov, 48 + 13));
  illegal("a mem instruction in an ALU queue",
          instruction("mem.setreg", {{"reg", 1}}));
  illegal("a transcendental on ALU 3",
          instruction("alu.exp2", {{"a", special(isa::Operand::Lane)}}));
  illegal("a reduction on ALU 3",
          instruction("alu.reduce_sum", {{"a", special(isa::Operand::Lane)}}));
  illegal("a stream that does not exist",
          instruction("alu.mov", {{"a", stream(false, 16, ElementType::i8)}}));
  illegal("a stream that is not aligned",
          instruction("alu.mov", {{"a", stream(false, 2, ElementType::f32)}}));
  illegal("an age beyond the history",
          instruction("alu.mov", {{"a", history(0, t.machine.history)}}));
  illegal(
      "an immediate that nobody uses",
      instruction("alu.mov", {{"a", special(isa::Operand::Lane)}, {"imm", 1}}));
  illegal("endloop without loop", instruction("endloop", {{"body", 0}}));
  illegal("a loop of no iterations", instruction("loop", {}));

  t.expect("a wrong loop body",
           t.words({instruction("loop", {{"iterations", 2}}), mov,
                    instruction("endloop", {{"body", 2}}), halt}),
           FaultClass::IllegalEncoding, 2, {Unit::Alu, 3, 2, 2});
  std::vector<isa::Word> deep(t.machine.loopDepth + 1,
                              instruction("loop", {{"iterations", 1}}));
  deep.push_back(halt);
  t.expect("loops too deep", t.words(deep), FaultClass::IllegalEncoding,
           t.machine.loopDepth,
           {Unit::Alu, 3, t.machine.loopDepth, t.machine.loopDepth});
  t.expect("a text without halt", t.words({mov, mov}),
           FaultClass::FetchStarvation, 2, {Unit::Alu, 3, 2, 2});
  t.expect("a fetch behind the text",
           t.words({instruction("fetch", {{"row", 1}, {"rows", 2}}), halt}),
           FaultClass::AddressOutOfRange, 0, {Unit::Alu, 3, 0, 0});
}

/// A vector from chip 0 to itself; its clock runs wrong by some ppm.
static void testDrift(FaultTests &t) {
  const Machine &m = t.machine;
  auto build = [&](uint64_t send) {
    ProgramBuilder b(m);
    b.row(0, 0, 0, std::vector<uint8_t>(m.lanes, 7));
    b.at(send - m.delaySramRead - m.slicePosition(0), Unit::Mem, 0,
         make("mem.read", {{"dir", 1}}));
    b.at(send, Unit::LinkSend, 0, make("link_send.send", {{"last", 1}}));
    const uint64_t recv = send + m.linkLatency + m.linkMargin;
    b.at(recv, Unit::LinkRecv, 0, make("link_recv.recv", {}));
    b.at(recv + 1 + m.slicePosition(1), Unit::Mem, 1,
         make("mem.write", {{"last", 1}}));
    Package package = b.build(2);
    package.wires = {{0, 0, 1, 0}, {1, 0, 0, 0}};
    return package;
  };
  // Sender and receiver are chips with different clocks; both run the program.
  // At cycle 5,000 a clock of 1,000 ppm has drifted by 5 cycles, more than 4.
  const uint64_t send = 5000, recv = send + m.linkLatency + m.linkMargin;
  t.expect("drift beyond the margin", build(send), FaultClass::Drift, recv,
           {Unit::LinkRecv, 0, 0, recv}, Who{Unit::LinkSend, 0, 0, send},
           {1000, 0});
  auto engineAgrees = [&](std::vector<int64_t> ppm) {
    Package package = build(send);
    auto engine = llvm::cantFail(emulator::createTickEngine(package));
    emulator::RunOptions options;
    options.driftPpm = std::move(ppm);
    return !engine->run(options).fault;
  };
  ++t.cases;
  if (!engineAgrees({700, 0}) || !engineAgrees({1000, 1000})) {
    ++t.failures;
    llvm::errs() << "drift within the margin, or equal drift, is legal\n";
  }
}

/// Returns the number of failures.
unsigned runFaultTests(const Machine &machine, bool event) {
  FaultTests tests(machine, event);
  testEncodings(tests);
  testDrift(tests);
  llvm::outs() << tests.cases << " fault cases, " << tests.failures
               << " wrong\n";
  return tests.failures;
}
