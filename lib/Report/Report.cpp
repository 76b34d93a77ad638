//===- Report.cpp - the table and the JSON of lpu-compile -----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Report/Report.h"
#include "Chips.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <sys/resource.h>

using namespace lpu;
using llvm::formatv;

static double peakMiB() {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

static double totalSeconds(const CompileResult &result) {
  double sum = 0;
  for (const StageTime &t : result.times)
    sum += t.seconds;
  return sum;
}

static double ratio(int64_t bound, int64_t cycles) {
  return cycles ? double(bound) / double(cycles) : 0;
}

/// Issue cycles of a kind of unit over what its units could issue.
static double occupancy(const Activity &activity, const Machine &machine,
                        Unit unit, int64_t cycles) { // of all chips
  double most = double(machine.numUnits(unit)) * double(cycles);
  return most ? double(activity.busy[unsigned(unit)]) / most : 0;
}

/// What each chip does when; none where that cannot be told cycle by cycle.
static std::optional<SystemActivity> systemOf(const CompileResult &result) {
  auto system = systemActivity(result.package);
  if (system)
    return std::move(*system);
  llvm::consumeError(system.takeError());
  return std::nullopt;
}

/// Where the time goes: the kernels that are scheduled first, those of other
/// chips by number only.
static void printKernels(const CompileResult &result, const Machine &m,
                         llvm::raw_ostream &os) {
  os << "\n  first      last     bound   times  kernel\n";
  constexpr size_t most = 40;
  size_t left = 0;
  for (const KindReport &kind : result.kinds) {
    if (&kind != &result.kinds.front()) {
      left += kind.kernels.size();
      continue;
    }
    std::vector<int64_t> links = linkBounds(kind, m);
    for (auto [i, k] : llvm::enumerate(kind.kernels)) {
      if (i >= most) {
        left += kind.kernels.size() - most;
        break;
      }
      os << formatv("  {0,8} {1,9} {2,9} {3,5}  {4} ({5})\n", k.first, k.last,
                    k.gridBound + links[i], k.iterations, k.name, k.kind);
    }
  }
  if (left)
    os << formatv("  ... {0} more{1} (--report has all)\n", left,
                  result.kinds.size() > 1 ? ", with those of other chips" : "");
}

void lpu::printReport(const CompileResult &result, const Machine &m,
                      llvm::raw_ostream &os) {
  int64_t cycles = int64_t(result.package.cycles);
  Activity activity = countActivity(result.classes, m, result.package.chips);
  Bounds b = bounds(result, m);
  double rowMiB = m.lanes / 1048576.0;
  int64_t chips = int64_t(result.package.chips.size());
  int64_t allRows = chips * int64_t(m.numSlices()) * 2 * m.rows;
  // Chips have a host port each.
  int64_t inCycles = 0, outCycles = 0;
  for (const HostPortCycles &port : hostPortCycles(result.package)) {
    inCycles = std::max(inCycles, int64_t(port.inputs));
    outCycles = std::max(outCycles, int64_t(port.outputs));
  }
  double energy = joules(activity, m, cycles, unsigned(chips));

  os << formatv("machine       {0}, {1} chip{2}\n", m.name, chips,
                chips == 1 ? "" : "s");
  os << formatv("cycles: {0}\n", cycles);
  os << formatv(
      "latency       {0:f2} us at {1} MHz, {2:f2} us with the host port "
      "({3} cycles in, {4} out)\n",
      cycles / m.clockMHz, m.clockMHz,
      (cycles + inCycles + outCycles) / m.clockMHz, inCycles, outCycles);
  os << formatv(
      "bounds        grid {0} (ratio {1:f3}), necessary {2} (ratio {3:f3})\n",
      b.grid, ratio(b.grid, cycles), b.necessary, ratio(b.necessary, cycles));
  os << formatv("SRAM          {0:f1} MiB weights, {1:f1} MiB activations and "
                "bindings, {2:f2} MiB text, of {3:f1} MiB\n",
                result.constantRows * rowMiB, result.temporaryRows * rowMiB,
                result.textRows * rowMiB, allRows * rowMiB);
  if (!result.stages.empty()) {
    auto system = systemOf(result);
    ChipsReport(result, m, system ? &*system : nullptr).print(os);
  }
  if (uint64_t interval = result.package.interval)
    os << formatv(
        "interval      {0} cycles between inputs{1}, {2:f0} inputs per "
        "second\n",
        interval,
        result.package.replicas == 1
            ? std::string()
            : formatv(" of each of {0} replicas", result.package.replicas)
                  .str(),
        m.clockMHz * 1e6 * result.package.replicas / double(interval));
  os << result.plan;
  os << formatv(
      "occupancy     planes {0:P0}, vector unit {1:P0}, slices {2:P0}, "
      "fetch {3:P1}\n",
      occupancy(activity, m, Unit::Pass, chips * cycles) *
          (activity.macsFp16 ? m.fp16Interval : 1),
      occupancy(activity, m, Unit::Alu, chips * cycles),
      occupancy(activity, m, Unit::Mem, chips * cycles),
      double(activity.fetchBytes) /
          (double(m.fetchBytesPerCycle) * double(chips * cycles)));
  os << formatv("energy        {0:f1} uJ per run, {1:f1} W\n", energy * 1e6,
                energy / (double(cycles) / (m.clockMHz * 1e6)));
  os << "host nodes: " << result.package.hostNodes << "\n";

  printKernels(result, m, os);
  os << formatv("\ncompiled in {0:f2} s", totalSeconds(result));
  os << " (";
  for (size_t i = 0; i < result.times.size(); ++i)
    os << (i ? ", " : "") << result.times[i].stage << " "
       << formatv("{0:f2}", result.times[i].seconds);
  os << formatv("), peak memory {0:f0} MiB\n", peakMiB());
  if (result.verdict.instructions)
    os << formatv("verified: {0} instructions, {1} runs\n",
                  result.verdict.instructions, result.verdict.runs);
}

void lpu::printReportJSON(const CompileResult &result, const Machine &m,
                          llvm::raw_ostream &os) {
  int64_t cycles = int64_t(result.package.cycles);
  Activity activity = countActivity(result.classes, m, result.package.chips);
  Bounds b = bounds(result, m);
  int64_t chips = int64_t(result.package.chips.size());
  int64_t hostIn = 0, hostOut = 0;
  for (const HostPortCycles &port : hostPortCycles(result.package)) {
    hostIn = std::max(hostIn, int64_t(port.inputs));
    hostOut = std::max(hostOut, int64_t(port.outputs));
  }
  llvm::json::OStream json(os, 2);
  auto number = [&](const char *key, double value) {
    json.attribute(key, value);
  };
  auto integer = [&](const char *key, int64_t value) {
    json.attribute(key, value);
  };
  json.object([&] {
    json.attribute("machine", m.name);
    integer("chips", chips);
    integer("cycles", cycles);
    number("microseconds", cycles / m.clockMHz);
    integer("hostCyclesIn", hostIn);
    integer("hostCyclesOut", hostOut);
    integer("hostNodes", result.package.hostNodes);
    integer("gridBound", b.grid);
    integer("necessaryBound", b.necessary);
    integer("multiplyAddBound", b.multiplyAdds);
    integer("weightBound", b.weights);
    number("gridRatio", ratio(b.grid, cycles));
    number("necessaryRatio", ratio(b.necessary, cycles));
    json.attributeObject("sramRows", [&] {
      integer("constants", result.constantRows);
      integer("activations", result.temporaryRows);
      integer("text", result.textRows);
      integer("capacity", chips * int64_t(m.numSlices()) * 2 * m.rows);
    });
    json.attributeObject("occupancy", [&] {
      for (unsigned u = 0; u < numUnitKinds; ++u)
        number(unitName(Unit(u)),
               occupancy(activity, m, Unit(u), chips * cycles));
      number("fetch",
             double(activity.fetchBytes) /
                 (double(m.fetchBytesPerCycle) * double(chips * cycles)));
      number("streams", double(activity.streamByteHops) /
                            (2.0 * m.streams * m.lanes * m.lastPosition() *
                             double(chips * cycles)));
    });
    json.attributeObject("activity", [&] {
      integer("issues", int64_t(activity.issues));
      integer("macsInt8", int64_t(activity.macsInt8));
      integer("macsFp16", int64_t(activity.macsFp16));
      integer("aluOps", int64_t(activity.aluOps));
      integer("sramBytesRead", int64_t(activity.sramBytesRead));
      integer("sramBytesWritten", int64_t(activity.sramBytesWritten));
      integer("streamByteHops", int64_t(activity.streamByteHops));
      integer("fetchBytes", int64_t(activity.fetchBytes));
      integer("linkVectors", int64_t(activity.linkVectors));
    });
    number("joules", joules(activity, m, cycles, unsigned(chips)));
    integer("interval", int64_t(result.package.interval));
    integer("replicas", int64_t(result.package.replicas));
    if (!result.stages.empty()) {
      auto system = systemOf(result);
      ChipsReport(result, m, system ? &*system : nullptr).printJSON(json);
    }
    json.attributeArray("kernels", [&] {
      for (size_t kind = 0; kind < result.kinds.size(); ++kind) {
        std::vector<int64_t> links = linkBounds(result.kinds[kind], m);
        for (size_t i = 0; i < links.size(); ++i)
          json.object([&] {
            const schedule::KernelReport &k = result.kinds[kind].kernels[i];
            json.attribute("name", k.name);
            json.attribute("kind", k.kind);
            integer("program", int64_t(kind));
            integer("segment", k.segment);
            integer("iterations", k.iterations);
            integer("first", k.first);
            integer("last", k.last);
            integer("gridBound", k.gridBound);
            integer("necessaryBound", necessaryBound(k, m));
            integer("linkBound", links[i]);
            integer("macs", k.macs);
          });
      }
    });
    json.attributeObject("compile", [&] {
      for (const StageTime &t : result.times)
        number(t.stage.c_str(), t.seconds);
      number("seconds", totalSeconds(result));
      number("peakMiB", peakMiB());
    });
  });
  os << "\n";
}
