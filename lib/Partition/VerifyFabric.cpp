//===- VerifyFabric.cpp - closes the fabric layer -------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plays the transfers of all chips in the order of their ports: a receive waits
// for its message, a collective for all members of its group. Whoever still
// waits when nothing moves any more waits for ever. Every port is visited a
// constant number of times, so 10,440 chips take well under a second.
//
//===----------------------------------------------------------------------===//

#include "dialects/Fabric/Fabric.h"
#include "lpu/Partition/Program.h"
#include "lpu/Support/NodeName.h"

#include "llvm/ADT/STLExtras.h"
#include <deque>
#include <unordered_map>

using namespace mlir;
using namespace lpu;
using namespace lpu::fabric;

namespace {
struct Chip {
  const ChipClass *chipClass = nullptr;
  const Instance *instance = nullptr;
  size_t port = 0; // the next one
};

class Verifier {
public:
  explicit Verifier(const Program &program) : program(program) {}
  LogicalResult run();

private:
  InFlightDiagnostic report(Operation *op, unsigned chip) {
    failed = true;
    InFlightDiagnostic error = emitError(op->getLoc());
    error << "chip " << chip << ": ";
    if (std::string name = nodeName(op->getLoc()); !name.empty())
      error << "ONNX node \"" << name << "\": ";
    return error;
  }
  void placeChips();
  void checkSources();
  void checkGroups();
  void play();
  bool step(unsigned number, Chip &chip);
  void matchCollective(int64_t group);
  void reportWaiting();
  bool hasRoute(unsigned a, unsigned b) {
    auto [it, isNew] = routes.try_emplace(uint64_t(a) << 32 | b, false);
    if (isNew)
      it->second = program.topology.route(a, b).has_value();
    return it->second;
  }

  const Program &program;
  bool failed = false;
  std::vector<Chip> chips; // by number; those without a class are idle
  std::unordered_map<uint64_t, bool> routes;
  /// Messages on the way from a to b.
  std::map<uint64_t, std::deque<std::pair<Operation *, Type>>> messages;
  std::unordered_map<uint64_t, unsigned> waitingFor; // (from, to) -> receiver
  std::vector<std::vector<unsigned>> arrived; // chips at a group's collective
  std::vector<unsigned> work;
};
} // namespace

void Verifier::placeChips() {
  chips.resize(program.topology.chips);
  for (const ChipClass &chipClass : program.classes)
    for (const Instance &instance : chipClass.instances) {
      unsigned number = instance.chip;
      if (number >= chips.size()) {
        report(chipClass.body, number)
            << "is not in the system, which has " << chips.size() << " chips";
        continue;
      }
      if (program.topology.isBroken(number))
        report(chipClass.body, number) << "is listed as broken";
      if (chips[number].instance) {
        report(chipClass.body, number)
            << "runs a second body, @"
            << func::FuncOp(chips[number].chipClass->body).getName()
            << " being the first";
        continue;
      }
      chips[number] = {&chipClass, &instance, 0};
    }
}

/// Every weight lies inside of its array, with the extent that the body reads.
void Verifier::checkSources() {
  for (const ChipClass &chipClass : program.classes)
    for (auto [q, parameter] : llvm::enumerate(chipClass.parameters)) {
      auto type = cast<RankedTensorType>(parameter->getResult(0).getType());
      int64_t bits = type.getElementTypeBitWidth();
      int64_t bytes = bits == 1 ? 1 : bits / 8;
      for (const Instance &instance : chipClass.instances) {
        const Source &source = instance.sources[q];
        const Array &array = program.arrays[source.array];
        bool isLiteral = isa<DenseElementsAttr>(
            parameter->getAttr("value")
                ? parameter->getAttr("value")
                : Attribute(StringAttr::get(parameter->getContext())));
        if (isLiteral != bool(array.literal)) {
          report(parameter, instance.chip)
              << "parameter " << q << " is "
              << (isLiteral ? "a literal" : "a weight") << ", array "
              << source.array << " is not";
          continue;
        }
        if (array.literal
                ? array.literal.getType() != type
                : int64_t(array.length) != type.getNumElements() * bytes)
          report(parameter, instance.chip)
              << "parameter " << q << " is a part of " << type
              << ", but array \"" << array.name << "\" has another size";
        else if (source.element >= type.getNumElements())
          report(parameter, instance.chip)
              << "parameter " << q << " begins at element " << source.element
              << " of \"" << array.name << "\", which has "
              << type.getNumElements();
      }
    }
}

void Verifier::checkGroups() {
  Operation *at = program.module;
  for (auto groups : ModuleOp(program.module).getOps<GroupsOp>())
    at = groups;
  for (auto [g, members] : llvm::enumerate(program.groups)) {
    std::set<int64_t> seen;
    for (int64_t chip : members) {
      bool isThere = chip >= 0 && chip < int64_t(chips.size());
      if (!isThere || !chips[chip].instance)
        report(at, unsigned(chip))
            << "is in group " << g << " but runs nothing";
      if (!seen.insert(chip).second)
        report(at, unsigned(chip)) << "is twice in group " << g;
    }
    // Collectives travel between neighbours in the order of the group.
    for (size_t i = 0; i < members.size(); ++i) {
      unsigned a = members[i], b = members[(i + 1) % members.size()];
      if (a < chips.size() && b < chips.size() && a != b && !hasRoute(a, b))
        report(at, a) << "group " << g << " needs a way to chip " << b
                      << ", and no links lead there";
    }
  }
}

static uint64_t pairKey(uint64_t a, uint64_t b) { return a << 32 | b; }

/// All members of the group have come to a collective: is it the same one?
void Verifier::matchCollective(int64_t group) {
  ArrayRef<int64_t> members = program.groups[group];
  auto portOf = [&](int64_t chip) {
    return chips[chip].chipClass->ports[chips[chip].port];
  };
  Operation *first = portOf(members[0]);
  auto whole = [](Operation *op) {
    return isa<ReduceScatterOp>(op) ? op->getOperand(0).getType()
                                    : op->getResult(0).getType();
  };
  for (auto [m, chip] : llvm::enumerate(members)) {
    Operation *op = portOf(chip);
    if (op->getName() != first->getName() || whole(op) != whole(first) ||
        op->getAttrs() != first->getAttrs()) {
      report(op, chip) << op->getName() << " of " << whole(op) << " in group "
                       << group << " meets " << first->getName() << " of "
                       << whole(first) << " of chip " << members[0];
      continue;
    }
    ArrayRef<int64_t> offsets;
    int64_t dim = 0;
    mlir::Value part;
    if (auto gather = dyn_cast<AllGatherOp>(op)) {
      offsets = gather.getOffsets();
      dim = gather.getDim();
      part = gather.getInput();
    } else if (auto scatter = dyn_cast<ReduceScatterOp>(op)) {
      offsets = scatter.getOffsets();
      dim = scatter.getDim();
      part = scatter.getResult();
    } else if (auto exchange = dyn_cast<AllToAllOp>(op)) {
      if (exchange.getMembers() != members.size())
        report(op, chip) << "blocks for " << exchange.getMembers()
                         << " members in group " << group << " of "
                         << members.size();
      continue;
    } else if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
      if (broadcast.getRoot() >= members.size())
        report(op, chip) << "the root is member " << broadcast.getRoot()
                         << " of a group of " << members.size();
      continue;
    } else {
      continue;
    }
    if (offsets.size() != members.size() + 1) {
      report(op, chip) << "offsets for " << offsets.size() - 1
                       << " members in group " << group << " of "
                       << members.size();
      continue;
    }
    int64_t size = cast<RankedTensorType>(part.getType()).getDimSize(dim);
    if (size != offsets[m + 1] - offsets[m])
      report(op, chip) << "member " << m << " of group " << group << " has "
                       << size << " of dim " << dim << ", its offsets say "
                       << offsets[m + 1] - offsets[m];
  }
}

/// Performs the next port if that is possible now.
bool Verifier::step(unsigned number, Chip &chip) {
  if (chip.port == chip.chipClass->ports.size())
    return false;
  Operation *op = chip.chipClass->ports[chip.port];
  int64_t peer = chip.instance->peers[chip.port];
  if (isCollective(op)) {
    ArrayRef<int64_t> members = program.groups[peer];
    if (!llvm::is_contained(members, int64_t(number))) {
      report(op, number) << "is no member of group " << peer;
      ++chip.port;
      return true;
    }
    arrived[peer].push_back(number);
    if (arrived[peer].size() < members.size())
      return false;
    matchCollective(peer);
    for (unsigned other : arrived[peer]) {
      ++chips[other].port;
      if (other != number)
        work.push_back(other);
    }
    arrived[peer].clear();
    return true;
  }
  if (peer < 0 || peer >= int64_t(chips.size()) || peer == int64_t(number) ||
      !chips[peer].instance) {
    report(op, number) << op->getName() << " with chip " << peer
                       << ", which is not another chip that runs something";
    ++chip.port;
    return true;
  }
  if (isa<SendOp>(op)) {
    if (!hasRoute(number, peer))
      report(op, number) << "sends to chip " << peer
                         << ", but no links lead there";
    uint64_t key = pairKey(number, peer);
    messages[key].push_back({op, op->getOperand(0).getType()});
    if (auto it = waitingFor.find(key); it != waitingFor.end()) {
      work.push_back(it->second);
      waitingFor.erase(it);
    }
    ++chip.port;
    return true;
  }
  uint64_t key = pairKey(peer, number);
  auto &queue = messages[key];
  if (queue.empty()) {
    waitingFor[key] = number;
    return false;
  }
  auto [send, type] = queue.front();
  queue.pop_front();
  if (type != op->getResult(0).getType())
    report(op, number) << "receives " << op->getResult(0).getType()
                       << " where chip " << peer << " sends " << type;
  ++chip.port;
  return true;
}

void Verifier::play() {
  arrived.resize(program.groups.size());
  for (unsigned number = 0; number < chips.size(); ++number)
    if (chips[number].instance)
      work.push_back(number);
  while (!work.empty()) {
    unsigned number = work.back();
    work.pop_back();
    while (step(number, chips[number]))
      ;
  }
}

void Verifier::reportWaiting() {
  for (unsigned number = 0; number < chips.size(); ++number) {
    const Chip &chip = chips[number];
    if (!chip.instance || chip.port == chip.chipClass->ports.size())
      continue;
    Operation *op = chip.chipClass->ports[chip.port];
    int64_t peer = chip.instance->peers[chip.port];
    report(op, number) << op->getName() << " at port " << chip.port
                       << " waits for ever for "
                       << (isCollective(op) ? "group " : "chip ") << peer;
  }
  for (auto &[key, queue] : messages)
    for (auto &[send, type] : queue)
      report(send, unsigned(key >> 32))
          << "sends " << type << " to chip " << unsigned(key)
          << ", which never receives it";
}

LogicalResult Verifier::run() {
  placeChips();
  if (failed)
    return failure();
  checkSources();
  checkGroups();
  if (failed)
    return failure();
  play();
  reportWaiting();
  return failure(failed);
}

LogicalResult fabric::verifyProgram(const Program &program) {
  return Verifier(program).run();
}
