//===- lpu-bench-emulator.cpp - speed of the event engine -----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   lpu-bench-emulator [package.lpu [inputs.npz]]
//
// Issues per second without data, all checks on, on one core, and the ratio to
// the 50 M that are required; wall time with data. Without a package: a
// synthetic program on lpu1 in which every slice, ALU and plane works in nearly
// every cycle. Inputs that are not given are zeros.
//
//===----------------------------------------------------------------------===//

#include "lpu/Session/Session.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <ctime>
#include <map>

using namespace lpu;

static isa::Instruction
make(llvm::StringRef name,
     llvm::ArrayRef<std::pair<unsigned, int64_t>> fields) {
  isa::Instruction inst;
  inst.opcode = isa::lookup(name)->opcode;
  for (unsigned i = 0; i < inst.info().fields.size(); ++i)
    if (inst.info().fields[i].kind == isa::FieldKind::Operand)
      inst.fields[i] = isa::Operand().encode();
  for (auto [field, value] : fields)
    inst.fields[field] = value;
  return inst;
}

namespace {

/// Texts of queues whose only loop runs `iterations` times over one repeated
/// instruction of `count` issues, one per `interval` cycles.
class Synthetic {
public:
  explicit Synthetic(Machine machine) { package.machine = std::move(machine); }

  void queue(Unit unit, unsigned index, int64_t start, isa::Instruction inst,
             unsigned interval = 1) {
    const Machine &m = package.machine;
    inst.count = uint16_t(period / interval);
    inst.interval = uint8_t(interval);
    std::vector<isa::Instruction> text;
    isa::Instruction loop =
        make("loop", {{isa::field::loop::iterations, iterations}});
    loop.wait = uint16_t(start - 1);
    text.push_back(loop);
    text.push_back(inst);
    isa::Instruction end = make("endloop", {{isa::field::endloop::body, 1}});
    end.wait = uint16_t(interval - 1); // so that all queues keep step
    text.push_back(end);
    text.push_back(make("halt", {}));
    auto bytes = std::make_shared<std::vector<uint8_t>>(m.lanes);
    for (size_t i = 0; i < text.size(); ++i) {
      isa::Word word = isa::encode(text[i]);
      llvm::copy(word, bytes->begin() + ptrdiff_t(16 * i));
    }
    unsigned slice = m.textSlices[textRow % m.textSlices.size()];
    unsigned row = m.rows - 1 - textRow / unsigned(m.textSlices.size());
    ++textRow;
    chipClass.text.push_back({m.queueNumber(unit, index), slice, 1, row, 1});
    chip.image.push_back({slice, 1, row, 1, *bytes, nullptr});
    package.storage.push_back(bytes);
  }

  Package build();

  static constexpr unsigned period = 64, iterations = 200;

private:
  Package package;
  ChipClass chipClass;
  Chip chip;
  unsigned textRow = 0;
};

} // namespace

/// Slices near the planes write what the slices near the vector unit read, over
/// all streams of both directions; planes pass rows that half of them carry on;
/// ALUs add lane numbers.
Package Synthetic::build() {
  namespace f = isa::field;
  const Machine &m = package.machine;
  int64_t at = 100;
  unsigned half = m.slicesPerHalf, pairs = half / 2;
  for (unsigned west = 0; west < 2; ++west)
    for (unsigned i = 0; i < std::min(pairs, m.streams); ++i) {
      unsigned from = west ? half - 1 - i : half + i;
      unsigned to = west ? i : 2 * half - 1 - i;
      bool plane = i < 4; // two planes a half, two byte streams each
      // Every second cycle for fp16 passes.
      unsigned interval = plane ? 2 : 1;
      int64_t x = m.slicePosition(from), edge = west ? 0 : m.lastPosition();
      int64_t y = plane ? edge : m.slicePosition(to);
      int64_t issue = at - m.delaySramRead - std::abs(x - y);
      queue(Unit::Mem, from, issue,
            make("mem.read", {{f::mem_read::stride, 1},
                              {f::mem_read::dir, west},
                              {f::mem_read::stream, i}}),
            interval);
      if (!plane)
        queue(Unit::Mem, to, at,
              make("mem.write", {{f::mem_write::stride, 1},
                                 {f::mem_write::offset, 256},
                                 {f::mem_write::dir, west},
                                 {f::mem_write::stream, i},
                                 {f::mem_write::last, 1}}));
      std::vector<uint8_t> rows(size_t(period) * m.lanes, 0x3c);
      auto bytes = std::make_shared<std::vector<uint8_t>>(std::move(rows));
      chip.image.push_back({from, 0, 0, period, *bytes, nullptr});
      package.storage.push_back(bytes);
    }
  for (unsigned plane = 0; plane < std::min(m.numPlanes(), 4u); ++plane) {
    unsigned inHalf = plane % m.planesPerHalf;
    queue(Unit::Pass, plane, at,
          make("pass.run", {{f::pass_run::fp16, 1},
                            {f::pass_run::stream, 2 * inHalf},
                            {f::pass_run::last, 1},
                            {f::pass_run::lane_count, m.planeRows / 2},
                            {f::pass_run::acc_stride, 1}}),
          2);
  }
  isa::Operand lane;
  lane.kind = isa::Operand::Lane;
  for (unsigned alu = 0; alu < m.alus; ++alu)
    queue(Unit::Alu, alu, at,
          make("alu.iadd", {{f::alu_iadd::a, lane.encode()},
                            {f::alu_iadd::b, lane.encode()}}));
  package.classes.push_back(std::move(chipClass));
  package.chips.push_back(std::move(chip));
  return std::move(package);
}

namespace {
struct Seconds {
  double wall = 1e30, processor = 1e30; // of all threads
};
} // namespace

/// The best of a few runs. On a busy host the processor time says more.
static Seconds measure(Session &session, const emulator::RunOptions &options,
                       emulator::RunResult &result) {
  Seconds best;
  for (unsigned i = 0; i < 5; ++i) {
    auto start = std::chrono::steady_clock::now();
    std::clock_t processorStart = std::clock();
    result = session.run(options);
    best.processor = std::min(
        best.processor, double(std::clock() - processorStart) / CLOCKS_PER_SEC);
    best.wall = std::min(
        best.wall,
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count());
    if (result.fault)
      break;
  }
  return best;
}

int main(int argc, char **argv) {
  llvm::Expected<std::unique_ptr<Session>> session = [&] {
    if (argc > 1)
      return Session::open(argv[1], EngineKind::Event);
    llvm::Expected<Machine> machine = loadMachine("lpu1");
    if (!machine)
      return llvm::Expected<std::unique_ptr<Session>>(machine.takeError());
    return Session::create(Synthetic(std::move(*machine)).build(),
                           EngineKind::Event);
  }();
  if (!session) {
    llvm::errs() << llvm::toString(session.takeError()) << "\n";
    return 1;
  }
  const Package &package = (*session)->package();

  std::vector<NpyArray> arrays;
  if (argc > 2) {
    auto read = readNpz(argv[2]);
    if (!read) {
      llvm::errs() << llvm::toString(read.takeError()) << "\n";
      return 1;
    }
    arrays = std::move(*read);
  }
  for (const TensorBinding &input : package.inputs) {
    if (llvm::any_of(arrays,
                     [&](const NpyArray &a) { return a.name == input.name; }))
      continue;
    NpyArray &zeros = arrays.emplace_back();
    zeros.name = input.name;
    zeros.type = *parseNpyTypeName(input.hostType);
    zeros.shape = input.shape;
    size_t bytes = npyTypeBytes(zeros.type);
    for (int64_t dim : input.shape)
      bytes *= size_t(dim);
    zeros.bytes.resize(bytes);
  }
  if (llvm::Error error = (*session)->feed(arrays)) {
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
    return 1;
  }

  auto report = [&](const char *what, const emulator::RunResult &result,
                    Seconds seconds) {
    if (result.fault) {
      llvm::errs() << result.fault->str(package.machine);
      return false;
    }
    double issues = double(result.counters.issues);
    llvm::outs() << llvm::format(
        "%-28s wall %7.3f s, processor %7.3f s: %6.1f M issues per "
        "processor second (%.1f M issues, %llu cycles)\n",
        what, seconds.wall, seconds.processor, issues / seconds.processor / 1e6,
        issues / 1e6, static_cast<unsigned long long>(result.cycles));
    llvm::outs().flush();
    return true;
  };
  emulator::RunResult result;
  emulator::RunOptions options;
  options.dataFree = true;
  Seconds seconds = measure(**session, options, result);
  if (!report("without data, one core", result, seconds))
    return 1;
  double rate = double(result.counters.issues) / seconds.processor / 1e6;
  llvm::outs() << llvm::format("  ratio to the required 50 M issues/s: %.2f\n",
                               rate / 50);
  options.dataFree = false;
  for (auto [simd, name] : {std::pair(emulator::Simd::Base, "base"),
                            std::pair(emulator::Simd::Avx2, "avx2"),
                            std::pair(emulator::Simd::Avx512, "avx512")})
    for (unsigned threads : {1u, 2u}) {
      if (!emulator::isSupported(simd))
        continue;
      options.simd = simd;
      options.threads = threads;
      seconds = measure(**session, options, result);
      std::string what = std::string("with data, ") + name + ", " +
                         std::to_string(threads) +
                         (threads == 1 ? " thread" : " threads");
      if (!report(what.c_str(), result, seconds))
        return 1;
    }
  return 0;
}
