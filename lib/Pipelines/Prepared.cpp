//===- Prepared.cpp - the chips of a plan before they are scheduled -------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Prepared.h"
#include "dialects/Fabric/Fabric.h"
#include "lpu/Support/NodeName.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>

using namespace lpu;
using namespace lpu::pipelines;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

/// Names bindings by port and class, as chips of one stage with unlike shares
/// have unlike ports. A value that is sent several times is one result.
static PreparedClass prepareClass(const fabric::Program &program,
                                  unsigned number) {
  const fabric::ChipClass &chipClass = program.classes[number];
  PreparedClass result;
  result.module = fabric::portModule(program, number);
  auto function = *result.module->getOps<mlir::func::FuncOp>().begin();
  fabric::setInstance(program, function, chipClass.instances.front());
  for (auto [p, op] : llvm::enumerate(chipClass.ports)) {
    Port &port = result.ports.emplace_back();
    if (fabric::isCollective(op))
      continue; // stays in the body
    port.kind = op->getNumOperands() > 0 ? Port::Send : Port::Receive;
    port.binding =
        llvm::formatv("{0} (class {1})", fabric::portName(unsigned(p)), number);
    port.value = nodeName(op->getLoc());
    port.isWhole = op->hasAttr(fabric::wholeAttr);
  }
  mlir::Builder builder(function.getContext());
  auto nameOf = [&](mlir::IntegerAttr port) {
    return builder.getStringAttr(result.ports[port.getInt()].binding);
  };
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto port =
            function.getArgAttrOfType<mlir::IntegerAttr>(i, fabric::portAttr))
      function.setArgAttr(i, "onnx.name", nameOf(port));
  mlir::Operation *end = function.getBody().front().getTerminator();
  llvm::SmallDenseMap<mlir::Value, unsigned> sent; // to its first port
  for (unsigned i = 0; i < function.getNumResults();) {
    auto attr =
        function.getResultAttrOfType<mlir::IntegerAttr>(i, fabric::portAttr);
    if (!attr) {
      ++i;
      continue;
    }
    Port &port = result.ports[attr.getInt()];
    auto [first, isNew] =
        sent.try_emplace(end->getOperand(i), unsigned(attr.getInt()));
    if (isNew) {
      function.setResultAttr(i++, "onnx.name", nameOf(attr));
      continue;
    }
    port.binding = result.ports[first->second].binding;
    (void)function.eraseResult(i);
    end->eraseOperand(i);
  }
  return result;
}

/// Text names the members of a group by one link number each.
static llvm::Error findLinks(const Prepared &prepared, Crew &crew) {
  const Topology &topology = prepared.program->topology;
  std::vector<unsigned> numbers;
  for (unsigned chip : crew.chips)
    numbers.push_back(prepared.chips[chip].number);
  auto ports = topology.groupPorts(numbers);
  if (!ports)
    return failure(llvm::formatv(
        "{0} chips that share a stage must be joined directly, each by the "
        "same port of all others, with a port to spare; chips {1} to {2} are "
        "not: lower --tp to at most the chips of a node, {3}",
        numbers.size(), numbers.front(), numbers.back(),
        topology.chipsPerNode));
  crew.links.assign(ports->begin(), ports->end());
  return llvm::Error::success();
}

/// A member's own link number stands for a port at the same end of the chip
/// that is missed least: one without a cable, else one whose cable leads out of
/// the plan, else the one whose cable leads farthest along the pipeline.
static void chooseLoop(Prepared &prepared, unsigned number,
                       const llvm::DenseMap<unsigned, unsigned> &numbers) {
  PreparedChip &chip = prepared.chips[number];
  const Crew &crew = prepared.crews[chip.crew];
  if (crew.chips.size() == 1)
    return;
  const Topology &topology = prepared.program->topology;
  unsigned own =
      crew.links[llvm::find(crew.chips, number) - crew.chips.begin()];
  unsigned farthest = 0;
  for (unsigned port = own % 2; port < topology.linksPerChip; port += 2) {
    if (port != own && llvm::is_contained(crew.links, port))
      continue;
    unsigned distance = UINT_MAX;
    if (auto end = topology.peer(chip.number, port)) {
      distance = UINT_MAX - 1;
      if (auto there = numbers.find(end->chip); there != numbers.end()) {
        unsigned other = prepared.chips[there->second].crew;
        distance = std::max(other, chip.crew) - std::min(other, chip.crew);
      }
    }
    if (!chip.loop || distance > farthest) {
      chip.loop = port;
      farthest = distance;
    }
  }
}

llvm::Expected<Prepared> pipelines::prepare(const fabric::Program &program) {
  Prepared result;
  result.program = &program;
  // Chips of the package are those of the plan, in the order of the system.
  for (unsigned c = 0; c < program.classes.size(); ++c) {
    result.classes.push_back(prepareClass(program, c));
    for (const fabric::Instance &instance : program.classes[c].instances) {
      PreparedChip &chip = result.chips.emplace_back();
      chip.number = instance.chip;
      chip.chipClass = c;
      chip.instance = &instance;
    }
  }
  llvm::sort(result.chips, [](const PreparedChip &a, const PreparedChip &b) {
    return a.number < b.number;
  });
  llvm::DenseMap<unsigned, unsigned> numbers; // from the system's
  for (auto [i, chip] : llvm::enumerate(result.chips))
    numbers[chip.number] = unsigned(i);
  for (PreparedChip &chip : result.chips) {
    const std::vector<Port> &ports = result.classes[chip.chipClass].ports;
    for (size_t p = 0; p < ports.size(); ++p) {
      chip.peers.push_back(0);
      if (ports[p].kind == Port::Collective)
        continue;
      auto peer = numbers.find(unsigned(chip.instance->peers[p]));
      if (peer == numbers.end())
        return failure(llvm::formatv("port {0} names chip {1}, which is not of "
                                     "the plan",
                                     p, chip.instance->peers[p]));
      chip.peers.back() = peer->second;
    }
  }

  std::vector<bool> isPlaced(result.chips.size());
  auto place = [&](llvm::ArrayRef<int64_t> group) -> llvm::Error {
    Crew crew;
    for (int64_t chip : group) {
      unsigned number = numbers.lookup(unsigned(chip));
      if (isPlaced[number])
        return failure(llvm::formatv("chip {0} is in two groups", chip));
      isPlaced[number] = true;
      crew.chips.push_back(number);
    }
    if (group.size() > 1)
      if (llvm::Error error = findLinks(result, crew))
        return error;
    result.crews.push_back(std::move(crew));
    return llvm::Error::success();
  };
  for (llvm::ArrayRef<int64_t> group : program.groups)
    if (llvm::Error error = place(group))
      return std::move(error);
  for (auto [i, chip] : llvm::enumerate(result.chips))
    if (!isPlaced[i])
      if (llvm::Error error = place(int64_t(chip.number)))
        return std::move(error);
  llvm::sort(result.crews, [](const Crew &a, const Crew &b) {
    return a.chips.front() < b.chips.front();
  });
  // Stages are joined one after the other.
  unsigned next = 0;
  for (auto [i, crew] : llvm::enumerate(result.crews))
    for (unsigned chip : crew.chips) {
      if (chip != next++)
        return failure(llvm::formatv(
            "chip {0} of the plan stands between the chips of another stage; "
            "choose other --tp or --pp",
            chip));
      result.chips[chip].crew = unsigned(i);
    }
  for (unsigned c = 0; c < result.chips.size(); ++c)
    chooseLoop(result, c, numbers);
  return result;
}

std::vector<schedule::Transfer>
pipelines::valuesBetween(const Prepared &prepared) {
  // By sender and receiver: the sends between them, in order.
  std::map<std::pair<unsigned, unsigned>, std::vector<unsigned>> sends;
  for (auto [c, chip] : llvm::enumerate(prepared.chips)) {
    const std::vector<Port> &ports = prepared.classes[chip.chipClass].ports;
    for (size_t p = 0; p < ports.size(); ++p)
      if (ports[p].kind == Port::Send)
        sends[{unsigned(c), chip.peers[p]}].push_back(unsigned(p));
  }
  std::vector<schedule::Transfer> values;
  // By crew of the sender, name, and how often it was met, for whole values of
  // one receiving crew.
  using Key = std::tuple<unsigned, std::string, unsigned>;
  for (const Crew &crew : prepared.crews) {
    std::map<Key, unsigned> known;
    for (unsigned c : crew.chips) {
      const PreparedChip &chip = prepared.chips[c];
      const std::vector<Port> &ports = prepared.classes[chip.chipClass].ports;
      std::map<unsigned, unsigned> taken; // by peer: sends that were met
      std::map<Key, unsigned> times;
      for (size_t p = 0; p < ports.size(); ++p) {
        if (ports[p].kind != Port::Receive)
          continue;
        unsigned peer = chip.peers[p];
        auto from = sends.find({peer, c});
        unsigned turn = taken[peer]++;
        if (from == sends.end() || turn >= from->second.size())
          continue; // verifyProgram has refused it
        const Port &sent = prepared.classes[prepared.chips[peer].chipClass]
                               .ports[from->second[turn]];
        Key key{prepared.chips[peer].crew, sent.value, 0};
        std::get<2>(key) = times[key]++;
        auto [value, isNew] = known.try_emplace(key, unsigned(values.size()));
        if (isNew || !sent.isWhole) {
          values.emplace_back();
          values.back().name = sent.value;
        }
        schedule::Transfer &transfer =
            sent.isWhole ? values[value->second] : values.back();
        if (llvm::none_of(transfer.sources,
                          [&](const auto &end) { return end.chip == peer; }))
          transfer.sources.push_back({peer, sent.binding});
        transfer.targets.push_back({c, ports[p].binding});
      }
    }
  }
  return values;
}
