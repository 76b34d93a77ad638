//===- Chips.cpp - a model on several chips -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chips.h"
#include "dialects/Fabric/Fabric.h"
#include "lpu/Schedule/Group.h"
#include "lpu/Schedule/InsertFetches.h"
#include "lpu/Schedule/Transfer.h"
#include "lpu/Support/NodeName.h"
#include "llvm/Support/FormatVariadic.h"
#include <deque>
#include <map>

using namespace lpu;
using namespace lpu::pipelines;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

namespace {
/// A send or receive of a chip, by the number of its port in the body; what a
/// group does together is none of both.
struct Port {
  unsigned peer = 0; // chip of the plan
  std::string binding;
  std::string value; // the ONNX node that it comes from
  bool isSend = false, isReceive = false;
};
} // namespace

static llvm::Expected<std::vector<Port>>
portsOf(const fabric::ChipClass &chipClass, const fabric::Instance &instance,
        const std::map<unsigned, unsigned> &numbers) {
  std::vector<Port> ports(chipClass.ports.size());
  for (unsigned p = 0; p < ports.size(); ++p) {
    mlir::Operation *op = chipClass.ports[p];
    if (fabric::isCollective(op))
      continue; // stays in the body
    auto peer = numbers.find(unsigned(instance.peers[p]));
    if (peer == numbers.end())
      return failure(llvm::formatv("port {0} names chip {1}, which is not of "
                                   "the plan",
                                   p, instance.peers[p]));
    ports[p].peer = peer->second;
    ports[p].binding = fabric::portName(p);
    ports[p].isSend = op->getNumOperands() > 0;
    ports[p].isReceive = !ports[p].isSend;
    ports[p].value = nodeName(op->getLoc());
  }
  return ports;
}

/// The k-th send of chip a to chip b meets the k-th receive of b from a.
static std::vector<schedule::Transfer>
matchPorts(const std::vector<std::vector<Port>> &ports) {
  std::vector<schedule::Transfer> transfers;
  for (unsigned to = 0; to < ports.size(); ++to) {
    std::map<unsigned, size_t> next; // by peer: where its next send may stand
    for (const Port &recv : ports[to]) {
      if (!recv.isReceive)
        continue;
      size_t &at = next[recv.peer];
      const std::vector<Port> &theirs = ports[recv.peer];
      while (at < theirs.size() &&
             !(theirs[at].isSend && theirs[at].peer == to))
        ++at;
      if (at == theirs.size())
        continue; // verifyProgram has refused it
      schedule::Transfer transfer;
      transfer.from = recv.peer;
      transfer.to = to;
      transfer.output = theirs[at].binding;
      transfer.input = recv.binding;
      transfer.name = theirs[at].value;
      transfers.push_back(std::move(transfer));
      ++at;
    }
  }
  return transfers;
}

namespace {
/// The chips of a stage: one, or a group whose members run in step, in the
/// group's order.
struct Crew {
  std::vector<unsigned> chips;
  /// By member: a link number that reaches it from every other member, and
  /// leads back on itself.
  std::vector<unsigned> links;
};

/// The module of every chip, by its number in the package, with its ports.
struct Prepared {
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  std::vector<std::vector<Port>> ports;
  std::vector<unsigned> systemNumbers, classes;
  std::vector<Crew> crews;

  /// The port of a chip leads back on itself, and nowhere else: it is the
  /// chip's own link in a group.
  bool isLooped(unsigned chip, unsigned port) const {
    for (const Crew &crew : crews)
      for (auto [member, link] : llvm::zip(crew.chips, crew.links))
        if (member == chip && link == port)
          return true;
    return false;
  }
};
} // namespace

/// Text names the members of a group by one link number each.
static llvm::Error findLinks(const Prepared &prepared, const Topology &topology,
                             Crew &crew) {
  for (unsigned to : crew.chips) {
    unsigned target = prepared.systemNumbers[to];
    std::optional<unsigned> found;
    for (unsigned port = 0; port < topology.linksPerChip && !found; ++port)
      if (llvm::all_of(crew.chips, [&](unsigned from) {
            if (from == to)
              return true;
            auto end = topology.peer(prepared.systemNumbers[from], port);
            return end && end->chip == target;
          }))
        found = port;
    if (!found)
      return failure(llvm::formatv(
          "{0} chips that share a stage must be joined directly, each by the "
          "same port of all others, with a port to spare; chip {1} is not: "
          "lower --tp to at most the chips of a node, {2}",
          crew.chips.size(), target, topology.chipsPerNode));
    crew.links.push_back(*found);
  }
  return llvm::Error::success();
}

static llvm::Expected<Prepared> prepare(const fabric::Program &program) {
  // Chips of the package are those of the plan, in the order of the system.
  struct Work {
    unsigned chipClass;
    const fabric::Instance *instance;
  };
  std::map<unsigned, Work> work;
  for (unsigned c = 0; c < program.classes.size(); ++c)
    for (const fabric::Instance &instance : program.classes[c].instances)
      work[instance.chip] = {c, &instance};
  std::map<unsigned, unsigned> numbers;
  for (const auto &entry : work)
    numbers.emplace(entry.first, unsigned(numbers.size()));
  Prepared result;
  for (const auto &[chip, job] : work) {
    mlir::OwningOpRef<mlir::ModuleOp> one =
        fabric::portModule(program, job.chipClass);
    auto function = *one->getOps<mlir::func::FuncOp>().begin();
    fabric::setInstance(program, function, *job.instance);
    auto own = portsOf(program.classes[job.chipClass], *job.instance, numbers);
    if (!own)
      return own.takeError();
    result.ports.push_back(std::move(*own));
    result.modules.push_back(std::move(one));
    result.systemNumbers.push_back(chip);
    result.classes.push_back(job.chipClass);
  }
  std::vector<bool> isPlaced(numbers.size());
  auto place = [&](llvm::ArrayRef<int64_t> group) -> llvm::Error {
    Crew crew;
    for (int64_t chip : group) {
      unsigned number = numbers.at(unsigned(chip));
      if (isPlaced[number])
        return failure(llvm::formatv("chip {0} is in two groups", chip));
      isPlaced[number] = true;
      crew.chips.push_back(number);
    }
    if (group.size() > 1)
      if (llvm::Error error = findLinks(result, program.topology, crew))
        return error;
    result.crews.push_back(std::move(crew));
    return llvm::Error::success();
  };
  for (llvm::ArrayRef<int64_t> group : program.groups)
    if (llvm::Error error = place(group))
      return std::move(error);
  for (const auto &[chip, number] : numbers)
    if (!isPlaced[number])
      if (llvm::Error error = place(int64_t(chip)))
        return std::move(error);
  llvm::sort(result.crews, [](const Crew &a, const Crew &b) {
    return a.chips.front() < b.chips.front();
  });
  // Stages are joined one after the other.
  unsigned next = 0;
  for (const Crew &crew : result.crews)
    for (unsigned chip : crew.chips)
      if (chip != next++)
        return failure(llvm::formatv(
            "chip {0} of the plan stands between the chips of another stage; "
            "choose other --tp or --pp",
            chip));
  return result;
}

/// A shortest way from one chip of the plan to another by way of chips whose
/// work is done before the receiver's begins: those of earlier stages.
static std::optional<std::vector<schedule::LinkHop>>
routeAround(const Topology &topology, const Prepared &prepared, unsigned from,
            unsigned to) {
  unsigned before = to;
  for (const Crew &crew : prepared.crews)
    if (llvm::is_contained(crew.chips, to))
      before = crew.chips.front();
  std::map<unsigned, schedule::LinkHop> reached; // by chip: the hop to it
  std::vector<unsigned> work = {from};
  for (size_t next = 0; next < work.size() && !reached.count(to); ++next)
    for (unsigned chip = 0; chip <= to; ++chip) {
      if (chip == from || reached.count(chip) || (chip >= before && chip != to))
        continue;
      unsigned a = prepared.systemNumbers[work[next]];
      for (unsigned port : topology.portsTo(a, prepared.systemNumbers[chip])) {
        unsigned there = topology.peer(a, port)->port;
        if (prepared.isLooped(work[next], port) ||
            prepared.isLooped(chip, there))
          continue;
        reached[chip] = {work[next], port, chip, there};
        work.push_back(chip);
        break;
      }
    }
  if (!reached.count(to))
    return std::nullopt;
  std::vector<schedule::LinkHop> route;
  for (unsigned chip = to; chip != from; chip = route.front().from)
    route.insert(route.begin(), reached[chip]);
  return route;
}

static std::string nameOf(const Crew &crew) {
  std::string first = "chip " + std::to_string(crew.chips.front());
  return crew.chips.size() == 1
             ? first
             : first + " to " + std::to_string(crew.chips.back());
}

/// The chips of a stage as a program of their own, in the order of the package.
/// Fills their parts of `result`.
static llvm::Expected<ScheduledProgram>
scheduleCrew(const Prepared &prepared, const Crew &crew, const Machine &machine,
             const CompileOptions &options, bool &quiet,
             CompileResult &result) {
  // One schedule for each class among them.
  std::vector<unsigned> classes;
  std::vector<mlir::ModuleOp> modules;
  for (unsigned chip : crew.chips)
    if (!llvm::is_contained(classes, prepared.classes[chip])) {
      classes.push_back(prepared.classes[chip]);
      modules.push_back(*prepared.modules[chip]);
    }
  schedule::ScheduleOptions schedule;
  schedule.withoutWeights = options.withoutWeights;
  if (crew.chips.size() > 1)
    schedule.groupLinks.push_back(crew.links);
  auto best = searchSchedule(modules, machine, schedule, quiet);
  if (!best)
    return best.takeError();

  std::vector<schedule::GroupMember> members;
  std::deque<stream::Program> programs;
  std::vector<bool> isTaken(classes.size());
  for (unsigned chip : crew.chips) {
    unsigned kind =
        llvm::find(classes, prepared.classes[chip]) - classes.begin();
    ClassSchedule &own = best->classes[kind];
    if (isTaken[kind]) {
      // The same with other constants.
      auto program =
          streamProgram(*prepared.modules[chip], machine, best->toStream);
      if (!program)
        return program.takeError();
      programs.push_back(std::move(*program));
    } else {
      programs.push_back(own.program);
      isTaken[kind] = true;
    }
    members.push_back({kind, &programs.back()});
    StageReport &stage = result.stages[chip];
    stage.programCycles = uint64_t(own.scheduled.cycles);
    for (const schedule::KernelReport &kernel : own.scheduled.kernels) {
      stage.gridBound += uint64_t(kernel.gridBound * kernel.iterations);
      stage.macs += uint64_t(kernel.macs * kernel.iterations);
    }
    stage.constantRows = own.scheduled.constantRows;
    result.constantRows += own.scheduled.constantRows;
    result.temporaryRows += own.scheduled.temporaryRows;
  }
  std::vector<schedule::ScheduleResult> kinds;
  for (ClassSchedule &own : best->classes) {
    llvm::append_range(result.kernels, own.scheduled.kernels);
    own.scheduled.program.classes = std::move(own.withoutFetches);
    kinds.push_back(std::move(own.scheduled));
  }
  auto part = schedule::joinGroup(std::move(kinds), members,
                                  schedule::meshWires(crew.links));
  for (ClassSchedule &own : best->classes)
    result.programs.push_back(std::move(own.program));
  return part;
}

llvm::Expected<ScheduledProgram>
pipelines::scheduleChips(mlir::ModuleOp module, const Machine &machine,
                         const CompileOptions &options, bool &quiet,
                         CompileResult &result) {
  auto program = fabric::readProgram(module, machine);
  if (mlir::failed(program) || mlir::failed(fabric::verifyProgram(*program)))
    return failure("");

  auto prepared = prepare(*program);
  if (!prepared)
    return prepared.takeError();
  std::vector<std::vector<Port>> &ports = prepared->ports;
  std::vector<unsigned> &systemNumbers = prepared->systemNumbers;

  std::vector<ScheduledProgram> parts;
  result.stages.resize(prepared->modules.size());
  for (const Crew &crew : prepared->crews) {
    auto part = scheduleCrew(*prepared, crew, machine, options, quiet, result);
    if (!part) {
      std::string text = llvm::toString(part.takeError());
      return failure(text.empty() ? text : nameOf(crew) + ": " + text);
    }
    parts.push_back(std::move(*part));
  }

  std::vector<schedule::Transfer> transfers = matchPorts(ports);
  for (schedule::Transfer &transfer : transfers) {
    unsigned from = systemNumbers[transfer.from],
             to = systemNumbers[transfer.to];
    for (unsigned port : program->topology.portsTo(from, to)) {
      unsigned there = program->topology.peer(from, port)->port;
      if (!prepared->isLooped(transfer.from, port) &&
          !prepared->isLooped(transfer.to, there))
        transfer.routes.push_back({{transfer.from, port, transfer.to, there}});
    }
    if (transfer.routes.empty())
      if (auto route = routeAround(program->topology, *prepared, transfer.from,
                                   transfer.to))
        transfer.routes.push_back(std::move(*route));
  }
  auto joined = schedule::joinChips(std::move(parts), transfers);
  if (!joined)
    return joined.takeError();
  for (unsigned c = 0; c < result.stages.size(); ++c) {
    StageReport &stage = result.stages[c];
    const Chip &chip = joined->package.chips[c];
    stage.start = chip.start;
    stage.cycles = uint64_t(
        schedule::programCycles(joined->classes[chip.chipClass], machine));
    for (const schedule::Transfer &t : transfers)
      if (t.to == c) {
        stage.vectorsIn += t.vectors;
        stage.linkCycles += t.end - t.first;
        stage.links = unsigned(t.routes.size());
      }
  }
  if (llvm::Error error = insertFetches(*joined))
    return std::move(error);
  return joined;
}

/// One past the last issue, or the last cycle of a fetch.
static uint64_t endOf(const std::vector<QueueItem> &items, uint64_t base,
                      const Machine &machine) {
  uint64_t end = base;
  for (const QueueItem &item : items) {
    end = std::max(end, base + item.nextFree());
    if (item.isLoop())
      end = std::max(
          end, endOf(item.body,
                     base + item.at + 1 + (item.iterations - 1) * item.period,
                     machine));
    else if (item.inst.opcode == isa::Opcode::fetch)
      end = std::max(end, base + item.at +
                              uint64_t(item.inst.get(isa::field::fetch::rows)) *
                                  machine.fetchRowCycles());
  }
  return end;
}

uint64_t
pipelines::initiationInterval(const Package &package,
                              const std::vector<ClassProgram> &classes) {
  const Machine &machine = package.machine;
  std::vector<HostPortCycles> host = hostPortCycles(package);
  uint64_t interval = 0;
  for (unsigned c = 0; c < package.chips.size(); ++c) {
    unsigned number = package.chips[c].chipClass;
    uint64_t end = uint64_t(schedule::programCycles(classes[number], machine));
    for (const QueueProgram &queue : classes[number].queues)
      end = std::max(end, endOf(queue.items, 0, machine) + 1); // halt
    interval = std::max(interval, end + host[c].inputs + host[c].outputs +
                                      restartCycles(package, number));
  }
  return interval;
}
