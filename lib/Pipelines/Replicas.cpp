//===- Replicas.cpp - copies of a program on further chips ----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A replica is the program on other chips: the same classes, starts and images.
// Only ports differ, which are relocations. So a replica can stand wherever the
// system has, for every wire of the first one, a link between the corresponding
// chips whose ports lie at the same ends (even ports at one, odd ones at the
// other). Corresponding chips have numbers that differ by one offset; the
// smallest offsets at which all wires are found are taken.
//
//===----------------------------------------------------------------------===//

#include "Chips.h"
#include "lpu/Partition/Topology.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>
#include <set>

using namespace lpu;
using namespace lpu::pipelines;

namespace {
/// Finds the chips of replicas.
class Places {
public:
  Places(const Package &package, const Topology &topology,
         std::vector<unsigned> numbers)
      : package(package), topology(topology), numbers(std::move(numbers)),
        free(package.machine.links) {
    for (unsigned chip : topology.usable())
      usable.insert(chip);
    for (unsigned chip : this->numbers)
      usable.erase(chip);
  }

  /// Ports of a replica's chips, by chip and port of the first; nullopt if
  /// there is no further place.
  using Ports = std::vector<std::map<unsigned, unsigned>>;
  std::optional<Ports> next() {
    for (; offset < topology.chips; ++offset)
      if (auto ports = at(offset)) {
        for (unsigned number : numbers)
          usable.erase(number + offset);
        return ports;
      }
    return std::nullopt;
  }

private:
  std::optional<Ports> at(unsigned offset) const;
  bool join(Ports &ports, const LinkWire &wire, unsigned offset) const;

  const Package &package;
  const Topology &topology;
  std::vector<unsigned> numbers; // of the first replica's chips in the system
  std::set<unsigned> usable;
  unsigned free, offset = 1;
};
} // namespace

/// True if port `to` can stand for port `from`: it lies at the same end and
/// stands for no other.
static bool fits(const std::map<unsigned, unsigned> &ports, unsigned from,
                 unsigned to) {
  auto known = ports.find(from);
  if (known != ports.end())
    return known->second == to;
  return from % 2 == to % 2 && llvm::none_of(ports, [&](const auto &other) {
           return other.second == to;
         });
}

/// Takes the first link between the chips that can stand for the wire's.
bool Places::join(Ports &ports, const LinkWire &wire, unsigned offset) const {
  for (unsigned port : topology.portsTo(numbers[wire.fromChip] + offset,
                                        numbers[wire.toChip] + offset)) {
    auto end = topology.peer(numbers[wire.fromChip] + offset, port);
    if (!end || !fits(ports[wire.fromChip], wire.fromLink, port) ||
        !fits(ports[wire.toChip], wire.toLink, end->port))
      continue;
    ports[wire.fromChip][wire.fromLink] = port;
    ports[wire.toChip][wire.toLink] = end->port;
    return true;
  }
  return false;
}

std::optional<Places::Ports> Places::at(unsigned offset) const {
  for (unsigned number : numbers)
    if (!usable.count(number + offset))
      return std::nullopt;
  Ports ports(numbers.size());
  for (const LinkWire &wire : package.wires)
    if (wire.fromChip != wire.toChip && !join(ports, wire, offset))
      return std::nullopt;
  // A port that is looped back may be any that is left.
  for (const LinkWire &wire : package.wires) {
    if (wire.fromChip != wire.toChip)
      continue;
    unsigned port = 0;
    while (port < free && !fits(ports[wire.fromChip], wire.fromLink, port))
      ++port;
    if (port == free || wire.fromLink != wire.toLink)
      return std::nullopt;
    ports[wire.fromChip][wire.fromLink] = port;
  }
  return ports;
}

/// The link numbers of a chip whose ports become others; those that no wire
/// uses get what is left. Empty: the port of the same number.
static std::vector<unsigned> linksOf(const Chip &chip, unsigned count,
                                     const std::map<unsigned, unsigned> &to) {
  std::set<unsigned> left;
  for (unsigned port = 0; port < count; ++port)
    left.insert(port);
  for (auto [from, port] : to)
    left.erase(port);
  std::vector<unsigned> links;
  bool isSame = true;
  for (unsigned link = 0; link < count; ++link) {
    auto known = to.find(chip.port(link));
    unsigned port = known != to.end()
                        ? known->second
                        : *llvm::find_if(left, [&](unsigned other) {
                            return other % 2 == link % 2;
                          });
    left.erase(port);
    links.push_back(port);
    isSame &= port == link;
  }
  return isSame ? std::vector<unsigned>() : links;
}

/// The report's chips, if one chip has none.
static void addStage(const ScheduledProgram &program, CompileResult &result) {
  StageReport stage;
  stage.cycles = stage.programCycles = program.package.cycles;
  for (const schedule::KernelReport &kernel : result.kinds.front().kernels) {
    stage.gridBound += uint64_t(kernel.gridBound * kernel.iterations);
    stage.macs += uint64_t(kernel.macs * kernel.iterations);
  }
  stage.constantRows = result.constantRows;
  result.stages.push_back(stage);
}

llvm::Error pipelines::replicate(ScheduledProgram &program,
                                 const Topology &topology, unsigned replicas,
                                 CompileResult &result) {
  if (result.stages.empty())
    addStage(program, result);
  Package &package = program.package;
  unsigned each = unsigned(package.chips.size()),
           stages = result.stages.back().stage + 1;
  std::vector<unsigned> numbers;
  for (const StageReport &stage : result.stages)
    numbers.push_back(stage.number);

  // Equal bytes are in the file once.
  uint32_t share = 0;
  for (const Chip &chip : package.chips)
    for (const ImageSegment &segment : chip.image)
      share = std::max(share, segment.share);
  for (Chip &chip : package.chips)
    for (ImageSegment &segment : chip.image)
      if (!segment.isZero() && segment.share == 0)
        segment.share = ++share;

  Places places(package, topology, numbers);
  std::vector<Places::Ports> found;
  while (found.size() + 1 < replicas) {
    auto ports = places.next();
    if (!ports)
      return llvm::createStringError(
          llvm::inconvertibleErrorCode(),
          llvm::formatv(
              "--replicas {0}: the system of {1} chips has room for {2} of {3} "
              "chip{4} each that are wired alike; use --replicas {2}",
              replicas, topology.chips, found.size() + 1, each,
              each == 1 ? "" : "s"));
    found.push_back(std::move(*ports));
  }

  const std::vector<Chip> chips = package.chips;
  const std::vector<LinkWire> wires = package.wires;
  const std::vector<StageReport> reports = result.stages;
  for (auto [r, ports] : llvm::enumerate(found)) {
    unsigned first = unsigned(r + 1) * each;
    for (unsigned c = 0; c < each; ++c) {
      Chip chip = chips[c];
      if (!wires.empty())
        chip.links = linksOf(chip, package.machine.links, ports[c]);
      package.chips.push_back(std::move(chip));
      StageReport report = reports[c];
      report.stage += unsigned(r + 1) * stages;
      report.replica = unsigned(r + 1);
      result.stages.push_back(report);
    }
    for (const LinkWire &wire : wires)
      package.wires.push_back(
          {first + wire.fromChip, ports[wire.fromChip].at(wire.fromLink),
           first + wire.toChip, ports[wire.toChip].at(wire.toLink)});
  }
  for (auto *list : {&package.inputs, &package.outputs})
    for (TensorBinding &binding : *list) {
      const std::vector<Placement> own = binding.placements;
      for (unsigned r = 1; r < replicas; ++r)
        for (Placement placement : own) {
          for (Column &column : placement.columns)
            column.chip += r * each;
          binding.placements.push_back(std::move(placement));
        }
    }
  package.replicas = replicas;
  result.constantRows *= replicas;
  result.temporaryRows *= replicas;
  return llvm::Error::success();
}
