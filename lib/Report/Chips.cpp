//===- Chips.cpp - the report of many chips -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chips.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>
#include <numeric>
#include <set>

using namespace lpu;
using llvm::formatv;

/// More chips than these have a line for each class.
static constexpr size_t mostChips = 16;
/// Above this the report says what makes chips uneven.
static constexpr double mostUneven = 1.3;

static int64_t rowsOf(const stream::Tile &tile) {
  return tile.rows * tile.chunks() * int64_t(isa::byteWidth(tile.type));
}

/// Rows of the constants that are looked up in.
static int64_t tableRowsOf(const stream::Program &program) {
  std::set<unsigned> tables;
  for (const stream::Segment &segment : program.segments)
    for (const stream::Kernel &kernel : segment.kernels)
      if (const auto *gather = std::get_if<stream::Gather>(&kernel))
        if (program.tiles[gather->table].kind == stream::Tile::Constant)
          tables.insert(gather->table);
  int64_t rows = 0;
  for (unsigned table : tables)
    rows += rowsOf(program.tiles[table]);
  return rows;
}

std::vector<int64_t> lpu::linkBounds(const KindReport &kind,
                                     const Machine &machine) {
  // Exchanges are reported in their order.
  std::vector<int64_t> exchanges, bounds;
  for (const stream::Segment &segment : kind.program.segments)
    for (const stream::Kernel &kernel : segment.kernels)
      if (const auto *exchange = std::get_if<stream::Exchange>(&kernel)) {
        const stream::Tile &tile = kind.program.tiles[exchange->src];
        exchanges.push_back(exchange->rows * tile.chunks() *
                            int64_t(isa::byteWidth(tile.type)) *
                            int64_t(machine.linkInterval));
      }
  size_t next = 0;
  for (const schedule::KernelReport &kernel : kind.kernels)
    bounds.push_back(kernel.kind == "exchange" && next < exchanges.size()
                         ? exchanges[next++]
                         : 0);
  return bounds;
}

/// "3", "0 to 7, 9"; of many ranges the first ones, and how many chips it are.
static std::string numbers(std::vector<unsigned> list) {
  llvm::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
  constexpr unsigned most = 4;
  std::string text;
  unsigned ranges = 0;
  for (size_t i = 0; i < list.size(); ++ranges) {
    if (ranges == most)
      return text + " and others, " + std::to_string(list.size()) + " in all";
    size_t end = i + 1;
    while (end < list.size() && list[end] == list[end - 1] + 1)
      ++end;
    text += (text.empty() ? "" : ", ") + std::to_string(list[i]);
    if (end - i > 1)
      text += (end - i > 2 ? " to " : ", ") + std::to_string(list[end - 1]);
    i = end;
  }
  return text;
}

static double meanOf(const std::vector<double> &amounts) {
  return std::accumulate(amounts.begin(), amounts.end(), 0.0) /
         double(std::max<size_t>(1, amounts.size()));
}

ChipsReport::ChipsReport(const CompileResult &result, const Machine &machine,
                         const SystemActivity *activity)
    : result(result), machine(machine), activity(activity),
      wiresFrom(result.package.chips.size()) {
  for (const KindReport &kind : result.kinds)
    tableRows.push_back(tableRowsOf(kind.program));
  for (unsigned c = 0; c < result.stages.size(); ++c) {
    macs.push_back(double(result.stages[c].macs));
    weights.push_back(weightBytes(c));
    denseWeights.push_back(std::max(0.0, weightBytes(c) - tableBytes(c)));
  }
  if (!activity)
    return;
  for (auto [number, wire] : llvm::enumerate(result.package.wires))
    if (activity->vectors[number])
      wiresFrom[wire.fromChip].push_back(unsigned(number));
  if (!result.stages.empty())
    for (const Chip &chip : result.package.chips)
      matrixBusy.push_back(
          double(activity->classes[chip.chipClass].matrixBusy));
}

double ChipsReport::weightBytes(unsigned chip) const {
  return double(result.stages[chip].constantRows) * machine.lanes;
}
double ChipsReport::tableBytes(unsigned chip) const {
  return double(tableRows[result.stages[chip].kind]) * machine.lanes;
}

/// Share of the latency for which a link is taken.
double ChipsReport::busyOf(uint64_t vectors) const {
  return double(vectors) * machine.linkInterval /
         double(std::max<uint64_t>(1, result.package.cycles));
}

Balance ChipsReport::balanceOf(const std::vector<double> &amounts) const {
  Balance balance;
  double mean = meanOf(amounts);
  if (mean == 0)
    return balance;
  auto most = std::max_element(amounts.begin(), amounts.end());
  balance.chip = unsigned(most - amounts.begin());
  balance.largest = *most / mean;
  std::vector<double> stage;
  for (unsigned c = 0; c < amounts.size(); ++c)
    if (result.stages[c].stage == result.stages[balance.chip].stage)
      stage.push_back(amounts[c]);
  balance.stage = meanOf(stage) / mean;
  balance.share = *most / meanOf(stage);
  return balance;
}

/// What a chip sends, links with equal traffic together.
std::vector<ChipsReport::Traffic> ChipsReport::trafficOf(unsigned chip) const {
  std::map<uint64_t, Traffic> byVectors;
  for (unsigned number : wiresFrom[chip]) {
    uint64_t vectors = activity->vectors[number];
    Traffic &traffic = byVectors.try_emplace(vectors).first->second;
    traffic.vectors = vectors;
    traffic.to.push_back(result.package.wires[number].toChip);
  }
  std::vector<Traffic> list;
  for (auto &[vectors, traffic] : llvm::reverse(byVectors))
    list.push_back(std::move(traffic));
  return list;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

/// A line for a chip, or for one that stands for all `members` of its class,
/// and one for what it sends.
void ChipsReport::printChip(llvm::raw_ostream &os, unsigned chip,
                            size_t members) const {
  const StageReport &stage = result.stages[chip];
  unsigned number = result.package.chips[chip].chipClass;
  if (members) {
    os << formatv("class {0,-8}{1} chip{2}, first {3}: ", number, members,
                  members == 1 ? "" : "s", chip);
  } else {
    os << formatv("chip {0,-9}cycles {1} to {2}: ", chip, stage.start,
                  stage.start + stage.cycles);
  }
  os << formatv("{0} of its own (ratio to grid {1:f3}), {2:f2} MiB weights, "
                "{3:f1} M MACs",
                stage.programCycles,
                stage.programCycles
                    ? double(stage.gridBound) / double(stage.programCycles)
                    : 0,
                weightBytes(chip) / 1048576, macs[chip] / 1e6);
  if (activity) {
    const ClassActivity &own = activity->classes[number];
    os << formatv("; busy: matrix {0}, vector {1}", own.matrixBusy,
                  own.vectorBusy);
  }
  if (stage.vectorsIn)
    os << formatv("; receives {0} vectors over {1} link{2} in {3} cycles "
                  "(bound {4})",
                  stage.vectorsIn, stage.links, stage.links == 1 ? "" : "s",
                  stage.linkCycles,
                  (stage.vectorsIn + stage.links - 1) / stage.links *
                      machine.linkInterval);
  os << "\n";
  for (const Traffic &traffic : trafficOf(chip)) {
    os << formatv("  sends       {0} vectors ({1:f1} KiB, link busy {2:P1})",
                  traffic.vectors,
                  double(traffic.vectors) * machine.lanes / 1024,
                  busyOf(traffic.vectors));
    if (traffic.to.size() > 1)
      os << formatv(" over each of {0} links", traffic.to.size());
    std::set<unsigned> peers(traffic.to.begin(), traffic.to.end());
    if (members)
      os << formatv(" to {0} chip{1}\n", peers.size(),
                    peers.size() == 1 ? "" : "s");
    else
      os << formatv(" to chip{0} {1}\n", peers.size() == 1 ? "" : "s",
                    numbers(traffic.to));
  }
}

/// Smallest, mean and largest of all chips.
void ChipsReport::printSpread(llvm::raw_ostream &os) const {
  auto line = [&](const char *what, std::vector<double> amounts,
                  const char *unit) {
    auto [least, most] = std::minmax_element(amounts.begin(), amounts.end());
    os << formatv("  {0,-13} {1:f2} to {2:f2}{3}, mean {4:f2}\n", what, *least,
                  *most, unit, meanOf(amounts));
  };
  auto scaled = [](std::vector<double> amounts, double by) {
    for (double &amount : amounts)
      amount *= by;
    return amounts;
  };
  os << "of all chips\n";
  line("MACs", scaled(macs, 1e-6), " M");
  line("weights", scaled(weights, 1.0 / 1048576), " MiB");
  if (!activity)
    return;
  std::vector<double> matrix, vector, sent;
  for (unsigned c = 0; c < result.package.chips.size(); ++c) {
    const ClassActivity &own =
        activity->classes[result.package.chips[c].chipClass];
    matrix.push_back(double(own.matrixBusy));
    vector.push_back(double(own.vectorBusy));
    sent.push_back(0);
    for (unsigned number : wiresFrom[c])
      sent.back() += double(activity->vectors[number]) * machine.lanes / 1024;
  }
  line("matrix busy", matrix, " cycles");
  line("vector busy", vector, " cycles");
  line("sent", sent, " KiB");
}

void ChipsReport::printBalance(llvm::raw_ostream &os) const {
  struct Line {
    const char *what;
    Balance balance;
  } lines[] = {{"MACs", balanceOf(macs)},
               {"matrix cycles", balanceOf(matrixBusy)},
               {"weights", balanceOf(weights)},
               {"weights besides tables", balanceOf(denseWeights)}};
  os << "balance      ";
  const char *separator = " ";
  for (const Line &line : lines)
    if (line.balance.largest) {
      os << formatv("{0}{1} {2:f2} of the mean (chip {3})", separator,
                    line.what, line.balance.largest, line.balance.chip);
      separator = ", ";
    }
  os << "\n";
  for (const Line &line : lines) {
    const Balance &b = line.balance;
    if (b.largest <= mostUneven)
      continue;
    os << formatv("  uneven       {0}: {1:f2} = {2:f2} (chips of stage {3} "
                  "over all) x {4:f2} (chip {5} over its stage)",
                  line.what, b.largest, b.stage, result.stages[b.chip].stage,
                  b.share, b.chip);
    // Only what is known to be so.
    double tables = tableBytes(b.chip);
    size_t idle = llvm::count(macs, 0.0);
    bool isWeights = llvm::StringRef(line.what) == "weights";
    if (isWeights && tables > 0)
      os << formatv("; tables that are looked up in take {0:f1} MiB of its "
                    "{1:f1}",
                    tables / 1048576, weightBytes(b.chip) / 1048576);
    else if (!isWeights && idle)
      os << formatv(
          "; {0} chips multiply nothing (look-ups in tables, "
          "elementwise work): over the others it is {1:f2}",
          idle, b.largest * double(macs.size() - idle) / double(macs.size()));
    else if (b.share >= b.stage)
      os << "; the axis that the chips of a stage divide has no equal shares";
    else
      os << "; stages begin and end at operations whose values can cross links";
    os << "\n";
  }
}

void ChipsReport::printTime(llvm::raw_ostream &os) const {
  os << "time goes to ";
  for (unsigned cause = 0; cause < numCauses; ++cause)
    os << formatv("{0}{1} {2} ({3:P1})", cause ? ", " : " ",
                  causeName(Cause(cause)), activity->causes[cause],
                  double(activity->causes[cause]) /
                      double(std::max<uint64_t>(1, result.package.cycles)));
  os << "\n";
  // Flights are short; what a reader follows are the chips.
  std::vector<Leg> legs;
  for (const Leg &leg : activity->path)
    if (!leg.isFlight)
      legs.push_back(leg);
  os << "in turn      ";
  constexpr size_t most = 16;
  for (size_t i = 0; i < legs.size() && i < most; ++i)
    os << formatv("{0} chip {1} to {2}", i ? "," : "", legs[i].chip,
                  legs[i].to);
  if (legs.size() > most)
    os << formatv(", and {0} more (--report has all)", legs.size() - most);
  os << "\n";
}

void ChipsReport::printCollectives(llvm::raw_ostream &os) const {
  for (auto [number, kind] : llvm::enumerate(result.kinds)) {
    std::vector<int64_t> bounds = linkBounds(kind, machine);
    int64_t cycles = 0, bound = 0;
    size_t count = 0, slowest = 0;
    double worst = 2;
    for (auto [k, kernel] : llvm::enumerate(kind.kernels)) {
      if (bounds[k] == 0)
        continue;
      int64_t own = kernel.last - kernel.first + 1;
      ++count;
      cycles += own * kernel.iterations;
      bound += bounds[k] * kernel.iterations;
      if (double(bounds[k]) / double(own) < worst) {
        worst = double(bounds[k]) / double(own);
        slowest = k;
      }
    }
    if (count == 0)
      continue;
    std::vector<unsigned> chips;
    for (unsigned c = 0; c < result.stages.size(); ++c)
      if (result.stages[c].kind == number)
        chips.push_back(c);
    const schedule::KernelReport &last = kind.kernels[slowest];
    os << formatv(
        "exchanges     {0} of chip{1} {2}: {3} cycles, links need {4} "
        "({5:f3}); at least {6:f3}: {7}, {8} of {9}\n",
        count, chips.size() == 1 ? "" : "s", numbers(chips), cycles, bound,
        double(bound) / double(cycles), worst, last.name, bounds[slowest],
        last.last - last.first + 1);
  }
}

void ChipsReport::print(llvm::raw_ostream &os) const {
  const std::vector<Chip> &chips = result.package.chips;
  if (chips.size() <= mostChips) {
    for (unsigned c = 0; c < chips.size(); ++c)
      printChip(os, c, 0);
  } else {
    std::vector<size_t> members(result.package.classes.size());
    for (const Chip &chip : chips)
      ++members[chip.chipClass];
    constexpr size_t most = 32;
    size_t shown = 0, left = 0;
    for (unsigned c = 0; c < chips.size(); ++c) {
      size_t &count = members[chips[c].chipClass];
      if (count && shown++ < most)
        printChip(os, c, count);
      else if (count)
        ++left;
      count = 0;
    }
    if (left)
      os << formatv("  ... {0} more classes (--report has all)\n", left);
    printSpread(os);
  }
  printBalance(os);
  printCollectives(os);
  if (activity)
    printTime(os);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

void ChipsReport::printJSON(llvm::json::OStream &json) const {
  const std::vector<Chip> &chips = result.package.chips;
  auto integer = [&](const char *key, uint64_t value) {
    json.attribute(key, int64_t(value));
  };
  json.attributeArray("stages", [&] {
    for (unsigned c = 0; c < chips.size(); ++c)
      json.object([&] {
        const StageReport &stage = result.stages[c];
        integer("stage", stage.stage);
        integer("replica", stage.replica);
        integer("kind", stage.kind);
        integer("class", chips[c].chipClass);
        integer("start", stage.start);
        integer("cycles", stage.cycles);
        integer("programCycles", stage.programCycles);
        integer("gridBound", stage.gridBound);
        integer("macs", stage.macs);
        integer("constantRows", uint64_t(stage.constantRows));
        integer("weightBytes", uint64_t(weights[c]));
        integer("tableBytes", uint64_t(tableBytes(c)));
        integer("vectorsIn", stage.vectorsIn);
        integer("linkCycles", stage.linkCycles);
        integer("links", stage.links);
        if (activity) {
          const ClassActivity &own = activity->classes[chips[c].chipClass];
          integer("matrixBusy", own.matrixBusy);
          integer("vectorBusy", own.vectorBusy);
        }
      });
  });
  json.attributeObject("balance", [&] {
    for (auto [name, amounts] :
         {std::make_pair("macs", &macs),
          std::make_pair("matrixBusy", &matrixBusy),
          std::make_pair("weightBytes", &weights),
          std::make_pair("denseWeightBytes", &denseWeights)}) {
      Balance balance = balanceOf(*amounts);
      json.attributeObject(name, [&] {
        json.attribute("largestOverMean", balance.largest);
        integer("chip", balance.chip);
        json.attribute("stageOverMean", balance.stage);
        json.attribute("chipOverStage", balance.share);
      });
    }
  });
  if (!activity)
    return;
  auto causes = [&](const char *key, const CauseCycles &cycles) {
    json.attributeObject(key, [&] {
      for (unsigned cause = 0; cause < numCauses; ++cause)
        integer(causeName(Cause(cause)), cycles[cause]);
    });
  };
  causes("latencyByCause", activity->causes);
  json.attributeArray("criticalPath", [&] {
    for (const Leg &leg : activity->path)
      json.object([&] {
        integer("chip", leg.chip);
        json.attribute("what", leg.isFlight ? "flight" : "chip");
        integer("from", leg.from);
        integer("to", leg.to);
      });
  });
  json.attributeArray("classes", [&] {
    for (const ClassActivity &own : activity->classes)
      json.object([&] {
        integer("cycles", own.cycles);
        causes("causes", own.causes);
      });
  });
  json.attributeArray("wires", [&] {
    for (unsigned c = 0; c < chips.size(); ++c)
      for (unsigned number : wiresFrom[c]) {
        const LinkWire &wire = result.package.wires[number];
        uint64_t vectors = activity->vectors[number];
        json.object([&] {
          integer("fromChip", wire.fromChip);
          integer("fromLink", wire.fromLink);
          integer("toChip", wire.toChip);
          integer("toLink", wire.toLink);
          integer("vectors", vectors);
          integer("bytes", vectors * machine.lanes);
          json.attribute("occupancy", busyOf(vectors));
        });
      }
  });
}
