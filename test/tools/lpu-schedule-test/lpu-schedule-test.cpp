//===- lpu-schedule-test.cpp - kernels without a compiler in front --------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds a matrix product as a stream program by hand, schedules it, asks the
// verifier, runs it on both engines, and compares values with plain integers
// (all operands are small integers, so that fp16 and fp32 are exact). Prints
// cycles and bounds.
//
//   lpu-schedule-test MACHINE M K N int8|fp16 [--no-run]
//
//===----------------------------------------------------------------------===//

#include "lpu/Emulator/Emulator.h"
#include "lpu/Schedule/InsertFetches.h"
#include "lpu/Schedule/Schedule.h"
#include "lpu/Stream/Balance.h"
#include "lpu/Verify/Verify.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstring>
#include <random>

using namespace lpu;
using namespace lpu::stream;

static double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int main(int argc, char **argv) {
  if (argc < 6) {
    llvm::errs() << "usage: lpu-schedule-test MACHINE M K N int8|fp16\n";
    return 2;
  }
  auto machineOr = loadMachine(argv[1]);
  if (!machineOr) {
    llvm::errs() << llvm::toString(machineOr.takeError()) << "\n";
    return 1;
  }
  const Machine &machine = *machineOr;
  int64_t M = atoi(argv[2]), K = atoi(argv[3]), N = atoi(argv[4]);
  bool fp16 = !strcmp(argv[5], "fp16");
  bool noRun = argc > 6 && !strcmp(argv[6], "--no-run");
  int64_t L = machine.lanes;
  std::mt19937 random(1);
  auto weights = std::make_shared<std::vector<uint8_t>>(K * N);
  for (auto &w : *weights)
    w = uint8_t(int(random() % 7) - 3);
  std::vector<int8_t> a(M * K);
  for (auto &x : a)
    x = int8_t(int(random() % 7) - 3);

  Program program;
  program.name = "gemm";
  auto dense = [&](Tile tile) {
    tile.groupSize = L;
    tile.groupsPerChunk = 1;
    program.tiles.push_back(tile);
    return unsigned(program.tiles.size() - 1);
  };
  Tile A;
  A.name = "a";
  A.kind = Tile::Input;
  A.type = fp16 ? ElementType::f16 : ElementType::i8;
  A.rows = M;
  A.features = K;
  A.bothHalves = true;
  A.binding.name = "a";
  A.binding.hostType = fp16 ? "float16" : "int8";
  A.binding.chipType = A.type;
  A.binding.shape = {M, K};
  A.binding.placements.resize(1);
  A.binding.placements[0].rowStride = {1, 0};
  A.binding.placements[0].featureStride = {0, 1};
  unsigned ta = dense(A);
  Tile B;
  B.name = "b";
  B.kind = Tile::Constant;
  B.weights = true;
  B.type = A.type;
  B.rows = K;
  B.features = N;
  ConstantSource source;
  source.data = weights;
  source.elementType = "i8";
  source.rowAxes = {{K, N}};
  source.featureAxes = {{N, 1}};
  B.sources = {source};
  unsigned tb = dense(B);
  Tile C = A;
  C.name = "c";
  C.kind = Tile::Output;
  C.type = fp16 ? ElementType::f32 : ElementType::i32;
  C.features = N;
  C.bothHalves = false;
  C.binding.name = "c";
  C.binding.hostType = fp16 ? "float32" : "int32";
  C.binding.chipType = C.type;
  C.binding.shape = {M, N};
  unsigned tc = dense(C);

  Matmul matmul;
  matmul.name = "gemm";
  matmul.fp16 = fp16;
  int64_t kMax = machine.planeRows / (fp16 ? 2 : 1);
  for (int64_t chunk = 0; chunk * L < N; ++chunk) {
    Job job;
    job.rows = M;
    for (int64_t k = 0; k < K;) {
      int64_t lane = k % L;
      int64_t count = std::min({K - k, L - lane, kMax});
      KTile tile;
      tile.a = {ta, unsigned(k / L), 0, 1};
      tile.laneBase = lane;
      tile.laneCount = count;
      tile.b = tb;
      tile.bChunk = chunk;
      tile.bRow = k;
      tile.columnCount = std::min(L, N - chunk * L);
      job.kTiles.push_back(tile);
      k += count;
    }
    job.epilogue.name = "gemm";
    job.epilogue.iterations = M;
    Node product;
    product.kind = Node::Product;
    job.epilogue.nodes.push_back(product);
    Node move;
    move.kind = Node::Alu;
    move.op = isa::Opcode::alu_mov;
    move.a = Value::of(0);
    job.epilogue.nodes.push_back(move);
    job.epilogue.writes.push_back({1, {tc, unsigned(chunk), 0, 1}});
    matmul.jobs.push_back(job);
  }
  Segment segment;
  segment.kernels.push_back(matmul);
  program.segments.push_back(segment);
  balanceShortJobs(program, machine);
  for (const std::string &e : stream::verify(program, machine))
    llvm::errs() << "stream: " << e << "\n";

  double t0 = now();
  auto result = schedule::schedule(program, machine, {});
  if (!result) {
    llvm::errs() << llvm::toString(result.takeError()) << "\n";
    return 1;
  }
  double t1 = now();
  llvm::outs() << "cycles " << result->cycles << " grid bound "
               << result->kernels[0].gridBound << " ratio "
               << double(result->kernels[0].gridBound) / result->cycles
               << " schedule " << (t1 - t0) << " s\n";
  if (getenv("LPU_TEST_ISSUES"))
    for (const QueueProgram &queue : result->program.classes[0].queues)
      for (const QueueItem &item : queue.items)
        llvm::outs() << unitName(queue.unit) << " " << queue.index << " at "
                     << item.at << " " << isa::toString(item.inst) << "\n";
  if (auto error = insertFetches(result->program)) {
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  auto package = assemble(std::move(result->program));
  if (!package) {
    llvm::errs() << llvm::toString(package.takeError()) << "\n";
    return 1;
  }
  std::string path = argc > 7 ? argv[7] : "/tmp/gemm.lpu";
  if (auto error = writePackage(*package, path))
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
  auto reread = readPackage(path);
  if (!reread) {
    llvm::errs() << llvm::toString(reread.takeError()) << "\n";
    return 1;
  }
  t0 = now();
  auto report = verify::verify(*reread);
  t1 = now();
  llvm::outs() << "verify " << (t1 - t0) << " s, cycles " << report.cycles
               << "\n";
  for (auto &v : report.violations)
    llvm::outs() << v.str(reread->machine) << "\n";
  if (noRun)
    return 0;
  for (bool tick : {false, true}) {
    if (tick && L > 64)
      continue;
    auto engine = tick ? emulator::createTickEngine(*reread)
                       : emulator::createEventEngine(*reread);
    if (!engine) {
      llvm::errs() << llvm::toString(engine.takeError()) << "\n";
      return 1;
    }
    const TensorBinding &in = reread->inputs[0];
    std::vector<uint8_t> row(L);
    unsigned width = fp16 ? 2 : 1;
    for (const Placement &p : in.placements)
      for (unsigned chunk = 0; chunk < p.chunks; ++chunk)
        for (unsigned byte = 0; byte < width; ++byte)
          for (int64_t r = 0; r < M; ++r) {
            for (int64_t l = 0; l < L; ++l) {
              int64_t k = chunk * L + l;
              int value = k < K ? a[r * K + k] : 0;
              uint16_t bits = uint8_t(value);
              if (fp16) {
                static const uint16_t small[] = {0xc200, 0xc000, 0xbc00, 0,
                                                 0x3c00, 0x4000, 0x4200};
                bits = small[value + 3];
              }
              row[l] = uint8_t(bits >> (8 * byte));
            }
            const auto &c = p.columns[chunk * width + byte];
            (*engine)->writeRow(0, c.slice, c.bank, c.row + r, row);
          }
    t0 = now();
    auto run = (*engine)->run({});
    t1 = now();
    llvm::outs() << (tick ? "tick" : "event") << " cycles " << run.cycles
                 << " issues " << run.counters.issues << " time " << (t1 - t0)
                 << " s\n";
    if (run.fault) {
      llvm::outs() << run.fault->str(reread->machine) << "\n";
      return 1;
    }
    const TensorBinding &outBinding = reread->outputs[0];
    const Placement &p = outBinding.placements[0];
    int64_t wrong = 0;
    for (int64_t r = 0; r < M; ++r) {
      for (unsigned chunk = 0; chunk < p.chunks; ++chunk) {
        std::vector<uint32_t> value(L);
        for (unsigned byte = 0; byte < 4; ++byte) {
          const auto &c = p.columns[chunk * 4 + byte];
          (*engine)->readRow(0, c.slice, c.bank, c.row + r, row);
          for (int64_t l = 0; l < L; ++l)
            value[l] |= uint32_t(row[l]) << (8 * byte);
        }
        for (int64_t l = 0; l < L && chunk * L + l < N; ++l) {
          int64_t expected = 0;
          for (int64_t k = 0; k < K; ++k)
            expected += int(a[r * K + k]) *
                        int(int8_t((*weights)[k * N + chunk * L + l]));
          double got;
          if (fp16) {
            float f;
            memcpy(&f, &value[l], 4);
            got = f;
          } else
            got = int32_t(value[l]);
          wrong += got != double(expected);
        }
      }
    }
    llvm::outs() << "wrong values: " << wrong << "\n";
    if (wrong || run.cycles != reread->cycles)
      return 1;
  }
  return report.violations.empty() ? 0 : 1;
}
