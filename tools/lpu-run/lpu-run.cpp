//===- lpu-run.cpp - runs a package in the emulator -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Session/Tensors.h"
#include "lpu/Support/OutputFile.h"
#include "lpu/Target/Energy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <random>

using namespace lpu;

// llvm::cl is not used: libLLVM registers its own --threads and --stats.
static const char *const usage =
    R"(usage: lpu-run <package.lpu> [options]

Runs a package in the emulator.

  --inputs in.npz      inputs by name, as numpy.savez writes them
  --outputs out.npz    where to write the outputs
  --tensors out.npz    where to write the tensors of the model that stand in SRAM
                       while it runs, as CHIP:CYCLE:NAME (lpu-compare)
  --engine event|tick  per issue (default), or one cycle at a time (slow, small
                       machines); both give the same result
  --no-data            timing and faults only: no values, no inputs, no outputs
                       (event engine)
  --simd auto|base|avx2|avx512
                       host instructions of the event engine; equal bits
  --threads N          host threads of the event engine (default 1); equal bits
  --runs N             N runs, one every initiation interval of the package on
                       each of its replicas, in turn;
                       inputs and outputs have a leading dimension of N.
                       `cycles` is the latency of a run
  --drift C:PPM,..     let the clock of chip C drift by so many cycles per million
  --drift-random SEED:PPM
                       let all clocks drift, each by at most so much either way
  --flip PLACES        flip bits: sram:CHIP:CYCLE:SLICE:BANK:ROW:BIT,
                       stream:CHIP:CYCLE:east|west:STREAM:POSITION:BIT or
                       link:CHIP:LINK:NUMBER:BIT (docs/isa.md, section 13)
  --flip-random SEED:N[:BITS]
                       flip one bit of a word, or BITS = 2, at N random places
  --max-cycles N       stop behind this cycle
  --no-check-cycles    do not fail if the cycles differ from the package's
  --stats              print counters, joules, and the most that one chip did in
                       a cycle with the machine's limits
  --dump-sram FILE     write the initialised rows after the run: chip, slice,
                       bank, row as 32-bit little-endian numbers, then the bytes
  --dump-sram-before FILE
                       the same at cycle 0
  --help
)";

namespace {

struct Options {
  std::string package, inputs, outputs, tensors, dumpBefore, dumpAfter;
  EngineKind engine = EngineKind::Event;
  emulator::Simd simd = emulator::Simd::Auto;
  bool noData = false, checkCycles = true, stats = false, help = false;
  unsigned threads = 1;
  uint64_t maxCycles = UINT64_C(1) << 40;
  unsigned runs = 0;                               // 0: --runs is not given
  std::vector<std::pair<unsigned, int64_t>> drift; // chip, parts per million
  uint64_t driftSeed = 0;
  int64_t randomDrift = 0;
  std::vector<emulator::Upset> flips;
  uint64_t flipSeed = 0;
  unsigned randomFlips = 0, flipBits = 1;
};

} // namespace

/// "3:-80,5:120"
static bool parseDrift(llvm::StringRef text, Options &o) {
  llvm::SmallVector<llvm::StringRef> items;
  text.split(items, ',');
  for (llvm::StringRef item : items) {
    auto [chip, ppm] = item.split(':');
    std::pair<unsigned, int64_t> drift;
    if (chip.getAsInteger(10, drift.first) ||
        ppm.getAsInteger(10, drift.second) || std::abs(drift.second) > 1000000)
      return false;
    o.drift.push_back(drift);
  }
  return true;
}

/// Empty if all is well; else what is wrong. Takes `--name value` and
/// `--name=value`.
static std::string parse(llvm::ArrayRef<const char *> arguments, Options &o) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    llvm::StringRef argument = arguments[i];
    if (!argument.starts_with("-")) {
      if (!o.package.empty())
        return ("one package only: '" + argument + "' is a second").str();
      o.package = argument.str();
      continue;
    }
    auto [name, value] = argument.ltrim('-').split('=');
    bool attached = argument.contains('=');
    bool *flag = name == "no-data" ? &o.noData
                 : name == "stats" ? &o.stats
                 : name == "help"  ? &o.help
                                   : nullptr;
    if (name == "no-check-cycles")
      o.checkCycles = false;
    else if (flag)
      *flag = true;
    if (flag || name == "no-check-cycles") {
      if (attached)
        return ("--" + name + " takes no value").str();
      continue;
    }
    std::string *text = name == "inputs"             ? &o.inputs
                        : name == "outputs"          ? &o.outputs
                        : name == "tensors"          ? &o.tensors
                        : name == "dump-sram"        ? &o.dumpAfter
                        : name == "dump-sram-before" ? &o.dumpBefore
                                                     : nullptr;
    bool known = text || name == "engine" || name == "simd" ||
                 name == "threads" || name == "max-cycles" || name == "runs" ||
                 name == "drift" || name == "drift-random" || name == "flip" ||
                 name == "flip-random";
    if (!known)
      return ("unknown option '" + argument + "'; see --help").str();
    if (!attached) {
      if (i + 1 == arguments.size())
        return ("--" + name + " needs a value").str();
      value = arguments[++i];
    }
    if (text)
      *text = value.str();
    bool good = true;
    if (name == "engine") {
      good = value == "tick" || value == "event";
      o.engine = value == "tick" ? EngineKind::Tick : EngineKind::Event;
    } else if (name == "simd") {
      good = value == "auto" || value == "base" || value == "avx2" ||
             value == "avx512";
      o.simd = value == "base"     ? emulator::Simd::Base
               : value == "avx2"   ? emulator::Simd::Avx2
               : value == "avx512" ? emulator::Simd::Avx512
                                   : emulator::Simd::Auto;
    } else if (name == "threads") {
      good = !value.getAsInteger(10, o.threads) && o.threads >= 1 &&
             o.threads <= 256;
    } else if (name == "runs") {
      good =
          !value.getAsInteger(10, o.runs) && o.runs >= 1 && o.runs <= 1000000;
    } else if (name == "drift") {
      good = parseDrift(value, o);
    } else if (name == "drift-random") {
      auto [seed, ppm] = value.split(':');
      good = !seed.getAsInteger(10, o.driftSeed) &&
             !ppm.getAsInteger(10, o.randomDrift) && o.randomDrift >= 0 &&
             o.randomDrift <= 1000000;
    } else if (name == "flip") {
      auto flips = emulator::parseUpsets(value);
      if (!flips)
        return "--flip: " + llvm::toString(flips.takeError());
      o.flips = std::move(*flips);
    } else if (name == "flip-random") {
      llvm::SmallVector<llvm::StringRef> fields;
      value.split(fields, ':');
      good = (fields.size() == 2 || fields.size() == 3) &&
             !fields[0].getAsInteger(10, o.flipSeed) &&
             !fields[1].getAsInteger(10, o.randomFlips) &&
             o.randomFlips <= 1000000 &&
             (fields.size() == 2 || (!fields[2].getAsInteger(10, o.flipBits) &&
                                     o.flipBits >= 1 && o.flipBits <= 2));
    } else if (name == "max-cycles") {
      good = !value.getAsInteger(10, o.maxCycles) && o.maxCycles < UINT64_C(1)
                                                                       << 47;
    }
    if (!good)
      return ("--" + name + " cannot be '" + value + "'; see --help").str();
  }
  if (o.help)
    return "";
  if (o.package.empty())
    return "no package given; see --help";
  if (o.engine == EngineKind::Tick &&
      (o.noData || o.simd != emulator::Simd::Auto || o.threads != 1))
    return "--no-data, --simd and --threads belong to --engine event";
  if (!emulator::isSupported(o.simd))
    return "this host cannot execute the instructions of --simd; --simd auto "
           "picks what it can";
  if (o.noData &&
      (!o.inputs.empty() || !o.outputs.empty() || !o.tensors.empty()))
    return "--no-data takes no inputs and gives no outputs";
  if (o.runs != 0 && !o.tensors.empty())
    return "--tensors is of one run; leave out --runs";
  return "";
}

static int fail(const llvm::Twine &message) {
  llvm::errs() << "lpu-run: " << message << "\n";
  return 1;
}

static void writeSram(Session &session, llvm::raw_ostream &os) {
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
            os.write(word, 4);
          }
          os.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
        }
}

static llvm::Error dumpSram(Session &session, llvm::StringRef path) {
  return writeOutputFile(path, [&](llvm::raw_ostream &os) {
    writeSram(session, os);
    return llvm::Error::success();
  });
}

static double joules(const emulator::RunResult &result, const Package &p) {
  const emulator::Counters &c = result.counters;
  EnergyEvents events;
  events.sramBytes = c.sramBytesRead + c.sramBytesWritten;
  events.hopBytes = c.streamByteHops;
  events.macsInt8 = c.macsInt8;
  events.macsFp16 = c.macsFp16;
  events.aluOps = c.aluOps;
  events.linkBytes = c.linkVectors * p.machine.lanes;
  events.fetchBytes = c.fetchBytes;
  return joules(events, p.machine, result.cycles, unsigned(p.chips.size()));
}

static void printStats(const emulator::RunResult &result,
                       const Package &package, double seconds) {
  const Machine &m = package.machine;
  const emulator::Counters &c = result.counters;
  llvm::outs() << "multiply-adds int8: " << c.macsInt8
               << "\nmultiply-adds fp16: " << c.macsFp16
               << "\nALU lane operations: " << c.aluOps
               << "\nSRAM bytes read: " << c.sramBytesRead
               << "\nSRAM bytes written: " << c.sramBytesWritten
               << "\nstream byte hops: " << c.streamByteHops
               << "\nfetch bytes: " << c.fetchBytes
               << "\nlink vectors: " << c.linkVectors
               << "\njoules: " << llvm::format("%.9g", joules(result, package))
               << "\nmost multiply-adds in a cycle: " << result.maxima.macs
               << " (limit " << emulator::limits(m).macs
               << ")\nmost SRAM bytes in a cycle: " << result.maxima.sramBytes
               << " (limit " << emulator::limits(m).sramBytes
               << ")\nmost fetch bytes in a cycle: " << result.maxima.fetchBytes
               << " (limit " << emulator::limits(m).fetchBytes
               << ")\nhost seconds: " << llvm::format("%.3f", seconds)
               << "\nissues per second: "
               << llvm::format("%.1f M", double(c.issues) / seconds / 1e6)
               << "\n";
}

/// The inputs of one run: its part of every array.
static llvm::Expected<std::vector<std::vector<NpyArray>>>
splitRuns(llvm::ArrayRef<NpyArray> arrays, unsigned runs) {
  std::vector<std::vector<NpyArray>> result(runs);
  for (const NpyArray &array : arrays) {
    if (array.shape.empty() || array.shape.front() != int64_t(runs))
      return llvm::createStringError("input '" + array.name + "' is " +
                                     describeNpy(array.type, array.shape) +
                                     ": --runs " + llvm::Twine(runs) +
                                     " needs a leading dimension of " +
                                     llvm::Twine(runs));
    size_t bytes = array.bytes.size() / runs;
    for (unsigned run = 0; run < runs; ++run) {
      NpyArray &part = result[run].emplace_back();
      part.name = array.name;
      part.type = array.type;
      part.shape.assign(array.shape.begin() + 1, array.shape.end());
      part.bytes.assign(array.bytes.begin() + ptrdiff_t(run * bytes),
                        array.bytes.begin() + ptrdiff_t((run + 1) * bytes));
    }
  }
  return result;
}

/// The outputs of all runs behind each other.
static std::vector<NpyArray>
joinRuns(llvm::ArrayRef<std::vector<NpyArray>> runs) {
  std::vector<NpyArray> joined = runs.front();
  for (NpyArray &array : joined)
    array.shape.insert(array.shape.begin(), int64_t(runs.size()));
  for (const std::vector<NpyArray> &run : runs.drop_front())
    for (size_t i = 0; i < run.size(); ++i)
      joined[i].bytes.insert(joined[i].bytes.end(), run[i].bytes.begin(),
                             run[i].bytes.end());
  return joined;
}

static llvm::Expected<std::vector<int64_t>> driftOf(const Options &o,
                                                    size_t chips) {
  std::vector<int64_t> ppm(chips);
  if (o.randomDrift != 0) {
    std::mt19937_64 random(o.driftSeed);
    for (int64_t &chip : ppm)
      chip =
          int64_t(random() % uint64_t(2 * o.randomDrift + 1)) - o.randomDrift;
  }
  for (auto [chip, drift] : o.drift) {
    if (chip >= chips)
      return llvm::createStringError("--drift names chip " + llvm::Twine(chip) +
                                     "; the package has " + llvm::Twine(chips) +
                                     " chips");
    ppm[chip] = drift;
  }
  return ppm;
}

/// What repeated runs measured. The error: runs that do not follow one another
/// at the interval.
static llvm::Error printRuns(const emulator::RunResult &result,
                             const Package &package, unsigned runs) {
  size_t rounds = result.ends.size();
  llvm::outs() << "runs: " << runs << "\n";
  if (package.replicas != 1)
    llvm::outs() << "replicas: " << package.replicas << "\n";
  for (size_t run = 1; run < rounds; ++run)
    if (result.ends[run] - result.ends[run - 1] != package.interval)
      return llvm::createStringError(
          "run " + llvm::Twine(run) + " ends " +
          llvm::Twine(result.ends[run] - result.ends[run - 1]) +
          " cycles behind the one before; the interval is " +
          llvm::Twine(package.interval));
  llvm::outs() << "initiation interval: " << package.interval << " cycles, "
               << llvm::format("%.3f", double(package.interval) /
                                           package.machine.clockMHz)
               << " us\nruns per second: "
               << llvm::format("%.1f", package.machine.clockMHz * 1e6 *
                                           package.replicas /
                                           double(package.interval))
               << "\ncycles of all runs: " << result.cycles << "\n";
  return llvm::Error::success();
}

static int runPackage(const Options &o) {
  auto opened = Session::open(o.package, o.engine);
  if (!opened)
    return fail("'" + o.package + "': " + llvm::toString(opened.takeError()));
  Session &session = **opened;
  const Package &package = session.package();
  const Machine &m = package.machine;

  auto drift = driftOf(o, package.chips.size());
  if (!drift)
    return fail(llvm::toString(drift.takeError()));
  if (o.runs != 0 && package.interval == 0)
    return fail(
        "--runs: the package states no initiation interval; it was made "
        "for one run at a time");
  std::vector<emulator::Upset> flips =
      emulator::randomUpsets(package, o.flipSeed, o.randomFlips, o.flipBits);
  llvm::append_range(flips, o.flips);
  if (auto errors = emulator::checkUpsets(flips, package); !errors.empty())
    return fail(llvm::join(errors, "\nlpu-run: "));
  std::vector<std::vector<NpyArray>> inputs; // by run
  if (o.noData) {
    session.feedZeros();
  } else {
    std::vector<NpyArray> arrays;
    if (!o.inputs.empty()) {
      auto read = readNpz(o.inputs);
      if (!read)
        return fail(llvm::toString(read.takeError()));
      arrays = std::move(*read);
    }
    if (o.runs != 0) {
      auto split = splitRuns(arrays, o.runs);
      if (!split)
        return fail(llvm::toString(split.takeError()));
      inputs = std::move(*split);
    } else if (llvm::Error error = session.feed(arrays))
      return fail(
          llvm::toString(std::move(error)) +
          (o.inputs.empty() ? "\n  give them with --inputs in.npz" : ""));
  }
  if (!o.dumpBefore.empty())
    if (llvm::Error error = dumpSram(session, o.dumpBefore))
      return fail(llvm::toString(std::move(error)));

  emulator::RunOptions options;
  options.maxCycles = o.maxCycles;
  options.simd = o.simd;
  options.threads = o.threads;
  options.dataFree = o.noData;
  options.driftPpm = std::move(*drift);
  options.upsets = flips;
  options.runs =
      (std::max(o.runs, 1u) + package.replicas - 1) / package.replicas;
  std::unique_ptr<TensorReader> tensors;
  if (!o.tensors.empty()) {
    auto reader = TensorReader::create(session);
    if (!reader)
      return fail("--tensors: " + llvm::toString(reader.takeError()));
    tensors = std::move(*reader);
    tensors->attach(options);
  }
  std::vector<std::vector<NpyArray>> outputs;
  auto start = std::chrono::steady_clock::now();
  emulator::RunResult result;
  if (inputs.empty()) {
    result = session.run(options);
  } else {
    auto runs = session.runMany(inputs, options);
    if (!runs)
      return fail(llvm::toString(runs.takeError()));
    result = std::move(runs->result);
    outputs = std::move(runs->outputs);
  }
  double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();

  if (!o.dumpAfter.empty())
    if (llvm::Error error = dumpSram(session, o.dumpAfter))
      return fail(llvm::toString(std::move(error)));
  if (result.fault) {
    llvm::errs() << result.fault->str(m);
    return fail("the program faulted; no output is written");
  }
  if (result.ranOut)
    return fail("the program still runs behind cycle " +
                llvm::Twine(o.maxCycles) + " (--max-cycles)");

  uint64_t port = session.hostPortCycles(), latency = result.ends.front();
  auto microseconds = [&](uint64_t cycles) {
    return double(cycles) / m.clockMHz;
  };
  llvm::outs() << "cycles: " << latency << "\nmicroseconds: "
               << llvm::format("%.3f", microseconds(latency))
               << "\nissues: " << result.counters.issues
               << "\nhost nodes: " << package.hostNodes
               << "\nhost-port cycles: " << port
               << "\nmicroseconds with host port: "
               << llvm::format("%.3f", microseconds(latency + port)) << "\n";
  if (!flips.empty())
    llvm::outs() << "flipped bits: " << flips.size() << ", of which "
                 << result.upsets.met
                 << " met a value\nwords corrected: " << result.upsets.corrected
                 << "\n";
  if (o.runs != 0)
    if (llvm::Error error = printRuns(result, package, o.runs))
      return fail(llvm::toString(std::move(error)));
  if (o.stats)
    printStats(result, package, seconds);
  if (o.checkCycles && package.cycles != latency)
    return fail("the package states " + llvm::Twine(package.cycles) +
                " cycles, the run took " + llvm::Twine(latency) +
                "; no output is written");

  if (tensors) {
    std::vector<std::string> incomplete;
    std::vector<NpyArray> arrays = tensors->arrays(incomplete);
    for (const std::string &name : incomplete)
      llvm::errs() << "note: '" << name
                   << "' has elements that stand in no place\n";
    if (llvm::Error error = writeNpz(o.tensors, arrays))
      return fail(llvm::toString(std::move(error)));
  }
  if (!o.noData && !o.outputs.empty()) {
    if (inputs.empty()) {
      auto fetched = session.fetch();
      if (!fetched)
        return fail(llvm::toString(fetched.takeError()));
      outputs.push_back(std::move(*fetched));
    }
    if (llvm::Error error = writeNpz(
            o.outputs, inputs.empty() ? outputs.front() : joinRuns(outputs)))
      return fail(llvm::toString(std::move(error)));
  }
  return 0;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  Options o;
  if (std::string error =
          parse(llvm::ArrayRef<const char *>(argv + 1, size_t(argc - 1)), o);
      !error.empty())
    return fail(error);
  if (o.help) {
    llvm::outs() << usage;
    return 0;
  }
  FileRoles outputs, all;
  outputs.addOutput("--outputs", o.outputs);
  outputs.addOutput("--tensors", o.tensors);
  all = outputs;
  all.addInput("the package", o.package);
  all.addInput("the file of --inputs", o.inputs);
  all.addOutput("--dump-sram", o.dumpAfter);
  all.addOutput("--dump-sram-before", o.dumpBefore);
  if (llvm::Error error = all.check())
    return fail(llvm::toString(std::move(error)));
  int code = runPackage(o);
  // Older outputs must not look like those of a run that failed. The dumps
  // stay: they are for finding out why.
  if (code != 0)
    for (const std::string &path : outputs.removeOutputs())
      llvm::errs() << "note: the older '" << path << "' was removed\n";
  return code;
}
