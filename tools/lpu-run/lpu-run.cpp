//===- lpu-run.cpp - runs a package in the emulator -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Session/Session.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace lpu;
namespace cl = llvm::cl;

static cl::OptionCategory category("lpu-run");
static cl::opt<std::string> packagePath(cl::Positional, cl::Required,
                                        cl::desc("<package.lpu>"),
                                        cl::cat(category));
static cl::opt<std::string>
    inputsPath("inputs", cl::desc("Inputs by name, as numpy.savez writes them"),
               cl::value_desc("in.npz"), cl::cat(category));
static cl::opt<std::string> outputsPath("outputs",
                                        cl::desc("Where to write the outputs"),
                                        cl::value_desc("out.npz"),
                                        cl::cat(category));
static cl::opt<EngineKind> engineKind(
    "engine", cl::desc("The emulator's engine; both give the same result"),
    cl::values(clEnumValN(EngineKind::Tick, "tick",
                          "one cycle at a time (slow, small machines)"),
               clEnumValN(EngineKind::Event, "event", "per issue")),
    cl::init(EngineKind::Event), cl::cat(category));
static cl::opt<bool> noData("no-data",
                            cl::desc("Timing and faults only: no values, no "
                                     "inputs needed, no outputs (event engine)"),
                            cl::cat(category));
static cl::opt<emulator::Simd> simd(
    "simd", cl::desc("Host instructions of the event engine; equal bits"),
    cl::values(clEnumValN(emulator::Simd::Auto, "auto", "the best of the host"),
               clEnumValN(emulator::Simd::Base, "base", "x86-64"),
               clEnumValN(emulator::Simd::Avx2, "avx2", "AVX2, FMA, F16C"),
               clEnumValN(emulator::Simd::Avx512, "avx512", "AVX-512")),
    cl::init(emulator::Simd::Auto), cl::cat(category));
static cl::opt<unsigned>
    threads("host-threads", cl::desc("Host threads of the event engine"),
            cl::init(1), cl::cat(category));
static cl::opt<uint64_t> maxCycles("max-cycles",
                                   cl::desc("Stop behind this cycle"),
                                   cl::init(UINT64_C(1) << 40),
                                   cl::cat(category));
static cl::opt<bool> checkCycles(
    "check-cycles",
    cl::desc("Fail if the cycles differ from those the package states"),
    cl::init(true), cl::cat(category));
static cl::opt<bool> stats("counters",
                           cl::desc("Print counters, and the most that one "
                                    "chip did in a cycle with the limits"),
                           cl::cat(category));
static cl::opt<std::string> dumpBefore(
    "dump-sram-before",
    cl::desc("Write the initialised rows at cycle 0: chip, slice, bank, row as "
             "32-bit little-endian numbers, then the row's bytes"),
    cl::value_desc("file"), cl::cat(category));
static cl::opt<std::string>
    dumpAfter("dump-sram", cl::desc("The same after the run"),
              cl::value_desc("file"), cl::cat(category));

static int fail(const llvm::Twine &message) {
  llvm::errs() << "lpu-run: " << message << "\n";
  return 1;
}

static llvm::Error dumpSram(Session &session, llvm::StringRef path) {
  std::error_code ec;
  llvm::ToolOutputFile file(path, ec, llvm::sys::fs::OF_None);
  if (ec)
    return llvm::createStringError("cannot write '" + path +
                                   "': " + ec.message());
  const Machine &m = session.package().machine;
  std::vector<uint8_t> bytes(m.lanes);
  for (unsigned chip = 0; chip < session.package().chips.size(); ++chip)
    for (unsigned slice = 0; slice < m.numSlices(); ++slice)
      for (unsigned bank = 0; bank < 2; ++bank)
        for (unsigned row = 0; row < m.rows; ++row) {
          if (!session.engine().readRow(chip, slice, bank, row, bytes))
            continue;
          for (unsigned number : {chip, slice, bank, row}) {
            char word[4];
            llvm::support::endian::write32le(word, number);
            file.os().write(word, 4);
          }
          file.os().write(reinterpret_cast<const char *>(bytes.data()),
                          bytes.size());
        }
  file.keep();
  return llvm::Error::success();
}

/// The no-macro-instruction limits of a machine.
static void printStats(const emulator::RunResult &result, const Machine &m,
                       double seconds) {
  const emulator::Counters &c = result.counters;
  llvm::outs() << "multiply-adds int8: " << c.macsInt8
               << "\nmultiply-adds fp16: " << c.macsFp16
               << "\nALU lane operations: " << c.aluOps
               << "\nSRAM bytes read: " << c.sramBytesRead
               << "\nSRAM bytes written: " << c.sramBytesWritten
               << "\nstream byte hops: " << c.streamByteHops
               << "\nfetch bytes: " << c.fetchBytes
               << "\nlink vectors: " << c.linkVectors
               << "\nmost multiply-adds in a cycle: " << result.maxima.macs
               << " (limit "
               << uint64_t(m.numPlanes()) * m.planeRows * m.lanes
               << ")\nmost SRAM bytes in a cycle: " << result.maxima.sramBytes
               << " (limit " << uint64_t(2) * m.numSlices() * m.lanes
               << ")\nmost fetch bytes in a cycle: "
               << result.maxima.fetchBytes << " (limit "
               << m.fetchBytesPerCycle << ")\nhost seconds: "
               << llvm::format("%.3f", seconds) << "\nissues per second: "
               << llvm::format("%.1f M", double(c.issues) / seconds / 1e6)
               << "\n";
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "Runs a package in the emulator\n");

  if (engineKind == EngineKind::Tick &&
      (noData || simd != emulator::Simd::Auto || threads != 1))
    return fail("--no-data, --simd and --host-threads belong to --engine event");
  if (!emulator::isSupported(simd))
    return fail("this host cannot execute the instructions of --simd; "
                "--simd auto picks what it can");
  if (threads == 0 || threads > 256)
    return fail("--host-threads must be 1 .. 256");
  if (noData && (!inputsPath.empty() || !outputsPath.empty()))
    return fail("--no-data takes no inputs and gives no outputs");

  auto opened = Session::open(packagePath, engineKind);
  if (!opened)
    return fail("'" + packagePath +
                "': " + llvm::toString(opened.takeError()));
  Session &session = **opened;
  const Package &package = session.package();
  const Machine &m = package.machine;

  if (!noData) {
    std::vector<NpyArray> arrays;
    if (!inputsPath.empty()) {
      auto read = readNpz(inputsPath);
      if (!read)
        return fail(llvm::toString(read.takeError()));
      arrays = std::move(*read);
    }
    if (llvm::Error error = session.feed(arrays))
      return fail(llvm::toString(std::move(error)) +
                  (inputsPath.empty() ? "\n  give them with --inputs in.npz"
                                      : ""));
  }
  if (!dumpBefore.empty())
    if (llvm::Error error = dumpSram(session, dumpBefore))
      return fail(llvm::toString(std::move(error)));

  emulator::RunOptions options;
  options.maxCycles = maxCycles;
  options.simd = simd;
  options.threads = threads;
  options.dataFree = noData;
  auto start = std::chrono::steady_clock::now();
  emulator::RunResult result = session.run(options);
  double seconds = std::chrono::duration<double>(
                       std::chrono::steady_clock::now() - start)
                       .count();

  if (!dumpAfter.empty())
    if (llvm::Error error = dumpSram(session, dumpAfter))
      return fail(llvm::toString(std::move(error)));
  if (result.fault) {
    llvm::errs() << result.fault->str(m);
    return fail("the program faulted; no output is written");
  }
  if (result.ranOut)
    return fail("the program still runs behind cycle " +
                llvm::Twine(maxCycles.getValue()) + " (--max-cycles)");

  uint64_t port = session.hostPortCycles();
  auto microseconds = [&](uint64_t cycles) {
    return double(cycles) / m.clockMHz;
  };
  llvm::outs() << "cycles: " << result.cycles << "\nmicroseconds: "
               << llvm::format("%.3f", microseconds(result.cycles))
               << "\nissues: " << result.counters.issues
               << "\nhost nodes: " << package.hostNodes
               << "\nhost-port cycles: " << port << "\nmicroseconds with host port: "
               << llvm::format("%.3f", microseconds(result.cycles + port))
               << "\n";
  if (stats)
    printStats(result, m, seconds);
  if (checkCycles && package.cycles != 0 && package.cycles != result.cycles)
    return fail("the package states " + llvm::Twine(package.cycles) +
                " cycles, the run took " + llvm::Twine(result.cycles) +
                "; no output is written");

  if (!noData && !outputsPath.empty()) {
    auto outputs = session.fetch();
    if (!outputs)
      return fail(llvm::toString(outputs.takeError()));
    if (llvm::Error error = writeNpz(outputsPath, *outputs))
      return fail(llvm::toString(std::move(error)));
  }
  return 0;
}
