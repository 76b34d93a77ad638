//===- Chips.cpp - a model on several chips -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chips.h"
#include "dialects/Fabric/Fabric.h"
#include "dialects/Stream/Translate.h"
#include "lpu/Partition/Partition.h"
#include "lpu/Schedule/InsertFetches.h"
#include "lpu/Schedule/Transfer.h"
#include "lpu/Support/NodeName.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>

using namespace lpu;
using namespace lpu::pipelines;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

namespace {
/// A send or receive of a chip, by the number of its port in the body.
struct Port {
  unsigned peer = 0; // chip of the plan
  std::string binding;
  std::string value; // the ONNX node that it comes from
  bool isSend = false;
};
} // namespace

/// Names bindings of ports apart from those of the host, and lists the ports.
static llvm::Expected<std::vector<Port>>
portsOf(mlir::func::FuncOp function, const fabric::ChipClass &chipClass,
        const fabric::Instance &instance,
        const std::map<unsigned, unsigned> &numbers) {
  std::vector<Port> ports(chipClass.ports.size());
  mlir::Builder builder(function.getContext());
  for (unsigned p = 0; p < ports.size(); ++p) {
    mlir::Operation *op = chipClass.ports[p];
    if (fabric::isCollective(op))
      return failure("a stage of several chips cannot be scheduled yet");
    auto peer = numbers.find(unsigned(instance.peers[p]));
    if (peer == numbers.end())
      return failure(llvm::formatv("port {0} names chip {1}, which is not of "
                                   "the plan",
                                   p, instance.peers[p]));
    ports[p].peer = peer->second;
    ports[p].binding = llvm::formatv("port {0} of the chip", p);
    ports[p].isSend = op->getNumOperands() > 0;
    ports[p].value = nodeName(op->getLoc());
  }
  auto rename = [&](mlir::DictionaryAttr attrs, auto set) {
    if (auto port = attrs.getAs<mlir::IntegerAttr>(fabric::portAttr))
      set(builder.getStringAttr(ports[port.getInt()].binding));
  };
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    rename(function.getArgAttrDict(i), [&](mlir::StringAttr name) {
      function.setArgAttr(i, "onnx.name", name);
    });
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    rename(function.getResultAttrDict(i), [&](mlir::StringAttr name) {
      function.setResultAttr(i, "onnx.name", name);
    });
  return ports;
}

/// The k-th send of chip a to chip b meets the k-th receive of b from a.
static std::vector<schedule::Transfer>
matchPorts(const std::vector<std::vector<Port>> &ports) {
  std::vector<schedule::Transfer> transfers;
  for (unsigned to = 0; to < ports.size(); ++to) {
    std::map<unsigned, size_t> next; // by peer: where its next send may stand
    for (const Port &recv : ports[to]) {
      if (recv.isSend)
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
/// The module of every chip, by its number in the package, with its ports.
struct Prepared {
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  std::vector<std::vector<Port>> ports;
  std::vector<unsigned> systemNumbers;
};
} // namespace

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
    auto own = portsOf(function, program.classes[job.chipClass], *job.instance,
                       numbers);
    if (!own)
      return own.takeError();
    result.ports.push_back(std::move(*own));
    result.modules.push_back(std::move(one));
    result.systemNumbers.push_back(chip);
  }
  return result;
}

/// The tiles of a stream program that a binding has.
static std::vector<const stream::Tile *> tilesOf(const stream::Program &program,
                                                 const std::string &binding) {
  std::vector<const stream::Tile *> tiles;
  for (const stream::Tile &tile : program.tiles)
    if ((tile.kind == stream::Tile::Input ||
         tile.kind == stream::Tile::Output) &&
        tile.binding.name == binding)
      tiles.push_back(&tile);
  return tiles;
}

/// The first chip that would read a value in another form than that in which it
/// is sent, or that cannot be lowered; 0 if there is none.
static unsigned firstMisfit(Prepared &prepared, const Machine &machine) {
  std::vector<stream::Program> programs;
  for (mlir::OwningOpRef<mlir::ModuleOp> &module : prepared.modules) {
    mlir::OwningOpRef<mlir::ModuleOp> copy = module->clone();
    unsigned chip = unsigned(programs.size());
    if (mlir::failed(lowerToStream(*copy, machine, {})))
      return std::max(1u, chip);
    auto program =
        stream::fromIR(*copy->getBody()->getOps<stream::ProgramOp>().begin());
    if (mlir::failed(program))
      return std::max(1u, chip);
    programs.push_back(std::move(*program));
  }
  for (const schedule::Transfer &t : matchPorts(prepared.ports)) {
    auto sent = tilesOf(programs[t.from], t.output);
    for (const stream::Tile *read : tilesOf(programs[t.to], t.input)) {
      if (sent.empty())
        return t.to;
      const stream::Tile &a = *sent[0], &b = *read;
      const Placement &p = a.binding.placements[0],
                      &q = b.binding.placements[0];
      if (a.type != b.type || a.rows != b.rows || a.features != b.features ||
          a.groupSize != b.groupSize || a.groupsPerChunk != b.groupsPerChunk ||
          p.rowStride != q.rowStride || p.featureStride != q.featureStride)
        return t.to;
    }
  }
  return 0;
}

/// Values cross links in the form in which both chips have them in SRAM. Where
/// a cut goes through a value that they have in different forms, it moves to
/// the nearest operation where they agree.
static llvm::Error moveCuts(mlir::ModuleOp linalg, const Machine &machine,
                            const Topology &topology, PartitionOptions choice,
                            bool &quiet, PartitionReport &report,
                            mlir::OwningOpRef<mlir::ModuleOp> &module) {
  const std::vector<partition::Stage> &stages = report.plan.stages;
  std::vector<unsigned> wanted;
  for (size_t s = 1; s < stages.size(); ++s)
    wanted.push_back(stages[s].begin);
  unsigned heavy = stages.back().end;
  std::vector<unsigned> cuts = wanted, tries(cuts.size());
  choice.stages = choice.tensorWidth = 0;
  choice.widths.assign(stages.size(), 1);
  constexpr unsigned mostTries = 24; // of each cut
  while (true) {
    auto program = fabric::readProgram(*module, machine);
    if (mlir::failed(program))
      return failure("");
    auto prepared = prepare(*program);
    if (!prepared)
      return prepared.takeError();
    quiet = true;
    unsigned chip = firstMisfit(*prepared, machine);
    quiet = false;
    if (chip == 0)
      return llvm::Error::success();
    // One operation later, one earlier, two later, ...
    unsigned cut = chip - 1;
    bool isPlaced = false;
    while (!isPlaced && tries[cut] < mostTries) {
      unsigned step = ++tries[cut];
      int64_t at =
          int64_t(wanted[cut]) + (step % 2 ? 1 : -1) * int64_t((step + 1) / 2);
      int64_t low = cut == 0 ? 0 : cuts[cut - 1];
      int64_t high = cut + 1 == cuts.size() ? heavy : cuts[cut + 1];
      if (at <= low || at >= high)
        continue;
      cuts[cut] = unsigned(at);
      choice.cuts = cuts;
      PartitionReport moved;
      quiet = true;
      auto other = partitionModel(linalg, machine, topology, choice, moved);
      quiet = false;
      if (mlir::failed(other))
        continue; // does not fit
      isPlaced = true;
      report = std::move(moved);
      module = std::move(*other);
    }
    if (!isPlaced)
      return llvm::Error::success(); // refused when the chips are joined
  }
}

llvm::Expected<ChipsPlan> pipelines::planChips(mlir::ModuleOp linalg,
                                               const Machine &machine,
                                               const CompileOptions &options,
                                               bool &quiet) {
  linalg.getContext()->loadDialect<fabric::FabricDialect>();
  auto topology = defaultTopology(machine, options.chips);
  if (!topology)
    return topology.takeError();
  PartitionOptions choice;
  choice.chips = options.chips;
  choice.stages = options.stages;
  choice.tensorWidth = options.stages ? 1 : 0;
  choice.mostWidth = 1; // wider stages are not scheduled yet
  PartitionReport report;
  auto module = partitionModel(linalg, machine, *topology, choice, report);
  if (mlir::failed(module))
    return failure("");
  if (report.plan.chipsPerReplica() > 1) {
    std::string compared = report.text;
    if (llvm::Error error = moveCuts(linalg, machine, *topology, choice, quiet,
                                     report, *module))
      return std::move(error);
    if (report.text != compared)
      report.text += "cuts were moved to where values can cross links\n";
  }
  ChipsPlan plan;
  plan.text = std::move(report.text);
  if (report.plan.chipsPerReplica() > 1)
    plan.module = std::move(*module);
  return plan;
}

/// A shortest way from one chip of the plan to another by way of chips whose
/// work is done before the receiver's begins: those of smaller numbers.
static std::optional<std::vector<schedule::LinkHop>>
routeAround(const Topology &topology, llvm::ArrayRef<unsigned> systemNumbers,
            unsigned from, unsigned to) {
  std::map<unsigned, schedule::LinkHop> reached; // by chip: the hop to it
  std::vector<unsigned> work = {from};
  for (size_t next = 0; next < work.size() && !reached.count(to); ++next)
    for (unsigned chip = 0; chip <= to; ++chip) {
      if (chip == from || reached.count(chip))
        continue;
      unsigned a = systemNumbers[work[next]];
      auto ports = topology.portsTo(a, systemNumbers[chip]);
      if (ports.empty())
        continue;
      reached[chip] = {work[next], ports[0], chip,
                       topology.peer(a, ports[0])->port};
      work.push_back(chip);
    }
  if (!reached.count(to))
    return std::nullopt;
  std::vector<schedule::LinkHop> route;
  for (unsigned chip = to; chip != from; chip = route.front().from)
    route.insert(route.begin(), reached[chip]);
  return route;
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
  for (mlir::OwningOpRef<mlir::ModuleOp> &one : prepared->modules) {
    auto best = searchSchedule(*one, machine, options.withoutWeights, quiet);
    if (!best) {
      std::string text = llvm::toString(best.takeError());
      return failure(text.empty() ? text
                                  : "chip " + std::to_string(parts.size()) +
                                        ": " + text);
    }
    schedule::ScheduleResult &scheduled = best->scheduled;
    StageReport stage;
    stage.programCycles = uint64_t(scheduled.cycles);
    for (const schedule::KernelReport &kernel : scheduled.kernels) {
      stage.gridBound += uint64_t(kernel.gridBound * kernel.iterations);
      stage.macs += uint64_t(kernel.macs * kernel.iterations);
    }
    stage.constantRows = scheduled.constantRows;
    result.stages.push_back(stage);
    llvm::append_range(result.kernels, scheduled.kernels);
    result.constantRows += scheduled.constantRows;
    result.temporaryRows += scheduled.temporaryRows;
    scheduled.program.classes = std::move(best->withoutFetches);
    parts.push_back(std::move(scheduled.program));
    result.programs.push_back(std::move(best->program));
  }

  std::vector<schedule::Transfer> transfers = matchPorts(ports);
  for (schedule::Transfer &transfer : transfers) {
    unsigned from = systemNumbers[transfer.from],
             to = systemNumbers[transfer.to];
    for (unsigned port : program->topology.portsTo(from, to))
      transfer.routes.push_back({{transfer.from, port, transfer.to,
                                  program->topology.peer(from, port)->port}});
    if (transfer.routes.empty())
      if (auto route = routeAround(program->topology, systemNumbers,
                                   transfer.from, transfer.to))
        transfer.routes.push_back(std::move(*route));
  }
  auto joined = schedule::joinChips(std::move(parts), transfers);
  if (!joined)
    return joined.takeError();
  for (unsigned c = 0; c < result.stages.size(); ++c) {
    StageReport &stage = result.stages[c];
    stage.start = joined->package.chips[c].start;
    stage.cycles =
        uint64_t(schedule::programCycles(joined->classes[c], machine));
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
