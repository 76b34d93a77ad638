//===- lpu-emulator-test.cpp - every ALU operation on special values ------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   lpu-emulator-test tick|event [base|avx2|avx512]
//   lpu-emulator-test errors <step>
//
// The second form sweeps the transcendental sequences over every step-th fp32
// number (Errors.cpp). The first runs programs on the `nano` machine that put
// special values (NaN, infinities, subnormals, ties, limits of the integers)
// and seeded random ones through every ALU operation and every conversion, and
// compares with Expected.cpp; lane reductions on `lpu1` too, whose 320 lanes
// are no power of two. Then faults that isa text cannot express (Faults.cpp).
//
//===----------------------------------------------------------------------===//

#include "Expected.h"
#include "ProgramBuilder.h"
#include "lpu/Emulator/Emulator.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>
#include <random>

using namespace lpu;
using namespace lpu::test;
using isa::ElementType;

/// Errors.cpp, Faults.cpp; return the number of failures.
unsigned runErrorSweep(uint32_t step);
unsigned runFaultTests(const Machine &machine, bool event);

namespace {

using Vector = std::vector<uint32_t>; // one value per lane

/// One experiment: an operation on a list of operand vectors.
struct Experiment {
  explicit Experiment(std::string name, ElementType in = ElementType::f32,
                      ElementType out = ElementType::f32)
      : name(std::move(name)), in(in), out(out) {}
  std::string name; // "add"
  ElementType in, out;
  std::vector<std::array<Vector, 3>> operands;
  FieldValues fields; // further fields
};

class Harness {
public:
  Harness(const Machine &machine, bool event, emulator::Simd simd)
      : machine(machine), event(event) {
    options.simd = simd;
  }
  /// The result bits of each vector, as they stand on the destination streams.
  std::vector<Vector> run(const Experiment &experiment);
  /// Fails loudly on every lane that differs.
  void
  check(const Experiment &experiment,
        llvm::function_ref<Vector(const std::array<Vector, 3> &)> expected);
  unsigned failures = 0, lanesChecked = 0;
  const Machine &machine;

private:
  bool event;
  emulator::RunOptions options;
};

} // namespace

/// Rows of operand k: byte j in slice j (west half), bank 0, row 256 k +
/// vector. Each vector: the west slices send the operands one after the other,
/// ALUs 5, 6 and 7 take them into their histories, the ALU under test computes,
/// and the east slices write the bytes of the result. A loop runs over the
/// vectors.
std::vector<Vector> Harness::run(const Experiment &e) {
  const isa::InstructionInfo &info = *isa::lookup("alu." + e.name);
  ProgramBuilder b(machine);
  const unsigned vectors = unsigned(e.operands.size()),
                 inBytes = byteWidth(e.in), outBytes = byteWidth(e.out);
  LPU_CHECK(vectors <= 256 && machine.slicesPerHalf >= 4, "fits the harness");
  unsigned operandCount = 0;
  for (const isa::FieldInfo &field : info.fields)
    operandCount += field.kind == isa::FieldKind::Operand;
  for (unsigned v = 0; v < vectors; ++v)
    for (unsigned k = 0; k < operandCount; ++k)
      for (unsigned byte = 0; byte < inBytes; ++byte) {
        std::vector<uint8_t> row(machine.lanes);
        for (unsigned lane = 0; lane < machine.lanes; ++lane)
          row[lane] = uint8_t(e.operands[v][k][lane] >> (8 * byte));
        b.row(byte, 0, 256 * k + v, row);
      }

  // Cycles inside an iteration. Operand k reaches the vector unit at arrive +
  // k.
  const unsigned setup = 2, west = machine.slicesPerHalf;
  const unsigned arrive = 12 + machine.vectorPosition();
  const unsigned period = 100 + 2 * machine.vectorPosition();
  const unsigned tested =
      info.delay == isa::DelayKind::Reduce ? machine.transcendentalAlus : 0;
  auto distance = [&](unsigned slice) {
    unsigned x = machine.slicePosition(slice), v = machine.vectorPosition();
    return x < v ? v - x : x - v;
  };
  auto loop = [&](Unit unit, unsigned index,
                  std::vector<std::pair<unsigned, isa::Instruction>> body) {
    b.at(setup - 1, unit, index, make("loop", {{"iterations", vectors}}));
    for (auto &[cycle, inst] : body)
      b.at(setup + cycle, unit, index, inst);
    b.at(setup + period - 1, unit, index,
         make("endloop", {{"body", int64_t(body.size())}}));
  };
  for (unsigned byte = 0; byte < inBytes; ++byte) {
    std::vector<std::pair<unsigned, isa::Instruction>> body;
    for (unsigned k = 0; k < operandCount; ++k)
      body.push_back(
          {arrive + k - machine.delaySramRead - distance(byte),
           make("mem.read",
                {{"reg", 1}, {"offset", 256 * k}, {"stream", byte}})});
    body.push_back(
        {period - 2, make("mem.addreg", {{"reg", 1}, {"value", 1}})});
    loop(Unit::Mem, byte, body);
  }
  const bool narrow = inBytes < 4;
  const unsigned movDelay =
      machine.delayAlu + (narrow ? machine.delayConvert : 0);
  const unsigned issue = arrive + movDelay + operandCount; // all are complete
  FieldValues fields = e.fields;
  const char *names[] = {"a", "b", "c"};
  for (unsigned k = 0; k < operandCount; ++k) {
    loop(Unit::Alu, 5 + k,
         {{arrive + k, make("alu.mov", {{"a", stream(false, 0, e.in)}})}});
    fields.push_back(
        {names[k], history(5 + k, issue - (arrive + k + movDelay))});
  }
  fields.push_back({"dst", dest(false, 4, e.out)});
  isa::Instruction operation = make("alu." + e.name, fields);
  loop(Unit::Alu, tested, {{issue, operation}});
  const unsigned result = issue + isa::streamDelay(operation, machine);
  for (unsigned byte = 0; byte < outBytes; ++byte)
    loop(Unit::Mem, west + byte,
         {{result + distance(west + byte),
           make("mem.write", {{"reg", 1}, {"stream", 4 + byte}, {"last", 1}})},
          {period - 2, make("mem.addreg", {{"reg", 1}, {"value", 1}})}});

  Package package = b.build();
  auto engine = llvm::cantFail(event ? emulator::createEventEngine(package)
                                     : emulator::createTickEngine(package));
  emulator::RunResult outcome = engine->run(options);
  if (outcome.fault) {
    llvm::errs() << e.name << ": " << outcome.fault->str(machine);
    ++failures;
  }
  std::vector<Vector> results(vectors, Vector(machine.lanes));
  std::vector<uint8_t> row(machine.lanes);
  for (unsigned v = 0; v < vectors; ++v)
    for (unsigned byte = 0; byte < outBytes; ++byte) {
      engine->readRow(0, west + byte, 0, v, row);
      for (unsigned lane = 0; lane < machine.lanes; ++lane)
        results[v][lane] |= uint32_t(row[lane]) << (8 * byte);
    }
  return results;
}

void Harness::check(
    const Experiment &e,
    llvm::function_ref<Vector(const std::array<Vector, 3> &)> expected) {
  std::vector<Vector> results = run(e);
  unsigned shown = 0;
  for (size_t v = 0; v < results.size(); ++v) {
    Vector want = expected(e.operands[v]);
    for (unsigned lane = 0; lane < machine.lanes; ++lane) {
      ++lanesChecked;
      if (results[v][lane] == want[lane])
        continue;
      ++failures;
      if (++shown <= 5)
        llvm::errs() << e.name << ": operands "
                     << llvm::format_hex(e.operands[v][0][lane], 10) << " "
                     << llvm::format_hex(e.operands[v][1][lane], 10) << " "
                     << llvm::format_hex(e.operands[v][2][lane], 10) << " give "
                     << llvm::format_hex(results[v][lane], 10) << ", expected "
                     << llvm::format_hex(want[lane], 10) << "\n";
    }
  }
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static const uint32_t specials[] = {
    0x00000000, 0x80000000,
    0x00000001, 0x80000001, // zeros, least subnormals
    0x007fffff, 0x807fffff,
    0x00800000, 0x80800000, // around 2^-126
    0x7f7fffff, 0xff7fffff,
    0x7f800000, 0xff800000, // largest, infinities
    0x7fc00000, 0xffc00000,
    0x7f800001, 0xffbfffff, // quiet, signalling NaN
    0x3f800000, 0xbf800000,
    0x3f7fffff, 0x3f800001, // around 1
    0x3f000000, 0xbf000000,
    0x3fc00000, 0xbfc00000, // 0.5, 1.5: ties
    0x40200000, 0xc0200000,
    0x4b000001, 0x4affffff, // 2.5; 2^23 + 1, below 2^23
    0x4f000000, 0xcf000000,
    0x4effffff, 0xcf000001, // around 2^31
    0x477fe000, 0x477fefff,
    0x477ff000, 0x477ff001, // 65504 .. 65520: fp16 limit
    0x33800000, 0x33000000,
    0x33000001, 0x387fc000, // 2^-24, 2^-25: fp16 ties
    0x3f801000, 0x3f803000,
    0x38800000, 0xb8800000, // 1 + 2^-11, 1 + 3 2^-11
    0x42fe0000, 0x43000000,
    0xc2fc0000, 0xc3150000, // exp2: 127, 128, -126, -149
    0xc3160000, 0xc3160001,
    0xc3170000, 0x43008000, // -150, below, -151, 128.5
    0x3f200000, 0x3f1fffff,
    0x3f700000, 0x3f6fffff, // splits of tanh and erf
    0x41180000, 0x41200000,
    0x40800000, 0x3f3504f3, // clamps; sqrt 1/2
    0x7fffffff, 0x80000002,
    0x0000001f, 0x00000020, // integers; shift amounts
};

/// All pairs of special values, and random ones; c runs through both.
static std::vector<std::array<Vector, 3>> operandVectors(unsigned lanes,
                                                         bool pairs) {
  std::vector<std::array<uint32_t, 3>> all;
  std::mt19937 random(20240607);
  const size_t n = std::size(specials);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < (pairs ? n / 2 : 1); ++j)
      all.push_back({specials[i], specials[(i + 2 * j) % n],
                     specials[(7 * i + 3 * j) % n]});
  while (all.size() < 256 * lanes)
    all.push_back({uint32_t(random()), uint32_t(random()), uint32_t(random())});
  // The last half: values near each other, so that sums cancel and round.
  for (size_t i = all.size() / 2 + all.size() / 4; i < all.size(); ++i)
    for (uint32_t &value : all[i])
      value = (value & 0x807fffff) | (120 + (value >> 23) % 16) << 23;
  std::vector<std::array<Vector, 3>> vectors(256);
  for (unsigned v = 0; v < 256; ++v)
    for (unsigned k = 0; k < 3; ++k)
      for (unsigned lane = 0; lane < lanes; ++lane)
        vectors[v][k].push_back(all[v * lanes + lane][k]);
  return vectors;
}

//===----------------------------------------------------------------------===//
// Experiments
//===----------------------------------------------------------------------===//

static void testLanewise(Harness &h) {
  static const char *const names[] = {
      "mov",   "abs",      "neg",    "f2i",    "i2f",    "floor", "trunc",
      "rint",  "setconst", "exp2",   "log2",   "tanh",   "erf",   "rsqrt",
      "sqrt",  "recip",    "add",    "sub",    "mul",    "min",   "max",
      "cmpeq", "cmplt",    "cmple",  "cmpuno", "iadd",   "isub",  "imul",
      "imin",  "imax",     "icmpeq", "icmplt", "icmple", "and",   "or",
      "xor",   "shl",      "shr",    "sar",    "muladd", "select"};
  for (const char *name : names) {
    unsigned operands = 0;
    for (const isa::FieldInfo &f :
         isa::lookup("alu." + std::string(name))->fields)
      operands += f.kind == isa::FieldKind::Operand;
    Experiment e(name);
    e.operands = operandVectors(h.machine.lanes, operands > 1);
    h.check(e, [&](const std::array<Vector, 3> &v) {
      Vector want(h.machine.lanes);
      for (unsigned i = 0; i < want.size(); ++i)
        want[i] = expected(name, v[0][i], v[1][i], v[2][i]);
      return want;
    });
  }
}

static uint32_t saturate(uint32_t value, int64_t low, int64_t high) {
  return uint32_t(std::clamp(int64_t(int32_t(value)), low, high));
}

/// Every source type to f32 or i32, and both to every destination type.
static void testConversions(Harness &h) {
  const ElementType types[] = {ElementType::i8,  ElementType::u8,
                               ElementType::i16, ElementType::f16,
                               ElementType::i32, ElementType::f32};
  for (ElementType in : types)
    for (ElementType out : types) {
      Experiment e("mov", in, out);
      e.operands = operandVectors(h.machine.lanes, false);
      // Small integers and all bytes of halves occur in random values, too.
      for (unsigned v = 0; v < 128; ++v)
        for (unsigned i = 0; i < h.machine.lanes; ++i)
          if (v % 2)
            e.operands[v][0][i] = uint32_t(int32_t(v * 16 + i) * 37 - 32800);
      h.check(e, [&](const std::array<Vector, 3> &v) {
        Vector want = v[0];
        for (uint32_t &value : want) {
          switch (in) {
          case ElementType::i8:
            value = uint32_t(int32_t(int8_t(value)));
            break;
          case ElementType::u8:
            value &= 255;
            break;
          case ElementType::i16:
            value = uint32_t(int32_t(int16_t(value)));
            break;
          case ElementType::f16:
            value = halfToSingle(uint16_t(value));
            break;
          default:
            break;
          }
          switch (out) {
          case ElementType::i8:
            value = saturate(value, -128, 127) & 0xff;
            break;
          case ElementType::u8:
            value = saturate(value, 0, 255);
            break;
          case ElementType::i16:
            value = saturate(value, -32768, 32767) & 0xffff;
            break;
          case ElementType::f16:
            value = singleToHalf(value);
            break;
          default:
            break;
          }
        }
        return want;
      });
    }
}

/// Lane reductions over groups of 16 (code 0) and more lanes, and over all.
static void testReductions(Harness &h) {
  for (std::string name : {"sum", "max", "min", "argmax"})
    for (unsigned code = 0; code < 16; ++code) {
      if (code != 15 && 16u << code > h.machine.lanes)
        continue;
      Experiment e("reduce_" + name);
      e.operands = operandVectors(h.machine.lanes, false);
      e.fields = {{"group", code}};
      // Vectors without special values, with ties, and all equal.
      for (unsigned v = 100; v < 200; ++v)
        for (unsigned i = 0; i < h.machine.lanes; ++i)
          e.operands[v][0][i] = toBits(float((v * 7 + i * i * 5) % 11) - 5.25f);
      e.operands[200][0].assign(h.machine.lanes, 0x80000000);
      e.operands[201][0].assign(h.machine.lanes, 0xff800000);
      e.operands[202][0].assign(h.machine.lanes, 0x7f800001);
      h.check(e, [&](const std::array<Vector, 3> &v) {
        const unsigned group = code == 15 ? h.machine.lanes : 16u << code;
        Vector want;
        for (unsigned first = 0; first < h.machine.lanes; first += group) {
          unsigned size = std::min(group, h.machine.lanes - first), n = 1;
          while (n < size)
            n *= 2;
          // Recursion instead of halving in place; padding with the identity.
          std::function<uint32_t(unsigned, unsigned)> tree =
              [&](unsigned start, unsigned stride) -> uint32_t {
            if (stride == n)
              return start < size    ? v[0][first + start]
                     : name == "sum" ? 0u
                     : name == "min" ? 0x7f800000u
                                     : 0xff800000u;
            const char *op = name == "sum"   ? "add"
                             : name == "min" ? "min"
                                             : "max";
            return expected(op, tree(start, stride * 2),
                            tree(start + stride, stride * 2), 0);
          };
          uint32_t value = tree(0, 1);
          if (name == "argmax") {
            uint32_t best = 0;
            for (unsigned i = 1; i < size; ++i) {
              float x = toFloat(v[0][first + best]),
                    y = toFloat(v[0][first + i]);
              if (x == x && (y != y || y > x))
                best = i;
            }
            value = best;
          }
          want.insert(want.end(), size, value);
        }
        return want;
      });
    }
}

int main(int argc, char **argv) {
  const llvm::StringRef engine = argc > 1 ? argv[1] : "";
  const llvm::StringRef path = argc > 2 ? argv[2] : "auto";
  if (engine == "errors") {
    uint32_t step = 0;
    if (path.getAsInteger(10, step) || step == 0) {
      llvm::errs() << "errors: a step, 1 for all numbers\n";
      return 2;
    }
    return runErrorSweep(step) ? 1 : 0;
  }
  if (engine != "tick" && engine != "event") {
    llvm::errs() << "usage: lpu-emulator-test tick|event [base|avx2|avx512]\n"
                    "       lpu-emulator-test errors <step>\n";
    return 2;
  }
  emulator::Simd simd = path == "base"     ? emulator::Simd::Base
                        : path == "avx2"   ? emulator::Simd::Avx2
                        : path == "avx512" ? emulator::Simd::Avx512
                                           : emulator::Simd::Auto;
  const bool event = engine == "event";
  const Machine nano = llvm::cantFail(loadMachine("nano"));
  const Machine lpu1 = llvm::cantFail(loadMachine("lpu1"));
  Harness small(nano, event, simd), large(lpu1, event, simd);
  testLanewise(small);
  testConversions(small);
  testReductions(small);
  testReductions(large);
  const unsigned failures = small.failures + large.failures;
  llvm::outs() << small.lanesChecked + large.lanesChecked << " values checked, "
               << failures << " differ\n";
  return failures + runFaultTests(nano, event) ? 1 : 0;
}
