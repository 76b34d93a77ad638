//===- Plan.cpp - which chips a model is compiled for ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The partitioner knows what a plan costs, not in which form a stage keeps its
// values. So each class of a plan is lowered here, and where a cut goes through
// a value that its two sides keep in different forms, the cut moves; cuts
// between equal stages move alike, so that the stages stay equal.
//
//===----------------------------------------------------------------------===//

#include "Chips.h"
#include "dialects/Fabric/Fabric.h"
#include "dialects/Stream/Translate.h"
#include "lpu/Partition/Partition.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SaveAndRestore.h"
#include <map>
#include <set>

using namespace lpu;
using namespace lpu::pipelines;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

namespace {
/// The form in which a chip sends or receives at a port.
using Form = std::vector<int64_t>;

/// Of a class: the forms of its ports that are no collectives, by number (what
/// is sent has one, what is received one for each reader), and of its inputs
/// from the host, by name. None if the class cannot be lowered.
struct ClassForms {
  std::vector<std::vector<Form>> ports;
  std::map<std::string, std::vector<Form>> inputs;
};
using Forms = std::optional<ClassForms>;

struct Planned {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  PartitionReport report;
};
} // namespace

static Form formOf(const stream::Tile &tile) {
  const Placement &at = tile.binding.placements[0];
  Form form = {int64_t(tile.type), tile.rows, tile.features, tile.groupSize,
               tile.groupsPerChunk};
  llvm::append_range(form, at.rowStride);
  llvm::append_range(form, at.featureStride);
  return form;
}

static Forms formsOf(const fabric::Program &program, unsigned number,
                     const Machine &machine) {
  mlir::OwningOpRef<mlir::ModuleOp> module =
      fabric::portModule(program, number);
  if (mlir::failed(lowerToStream(*module, machine, {})))
    return std::nullopt;
  auto lowered =
      stream::fromIR(*module->getBody()->getOps<stream::ProgramOp>().begin());
  if (mlir::failed(lowered))
    return std::nullopt;
  ClassForms forms;
  forms.ports.resize(program.classes[number].ports.size());
  std::map<std::string, std::vector<Form> *> byName;
  for (size_t p = 0; p < forms.ports.size(); ++p)
    byName[fabric::portName(p)] = &forms.ports[p];
  for (const stream::Tile &tile : lowered->tiles) {
    if (tile.kind != stream::Tile::Input && tile.kind != stream::Tile::Output)
      continue;
    if (auto port = byName.find(tile.binding.name); port != byName.end())
      port->second->push_back(formOf(tile));
    else if (tile.kind == stream::Tile::Input)
      forms.inputs[tile.binding.name].push_back(formOf(tile));
  }
  return forms;
}

namespace {
/// What runs on each chip of a plan, and in which stage.
struct Stages {
  std::map<unsigned, std::pair<unsigned, const fabric::Instance *>> work;
  std::map<unsigned, unsigned> stageOf;
  std::vector<std::vector<unsigned>> kinds; // by stage: classes of its members

  Stages(const fabric::Program &program, const partition::Plan &plan) {
    for (unsigned c = 0; c < program.classes.size(); ++c)
      for (const fabric::Instance &instance : program.classes[c].instances)
        work[instance.chip] = {c, &instance};
    // Chips rise from stage to stage.
    auto chip = work.begin();
    for (const partition::Stage &stage : plan.stages) {
      kinds.emplace_back();
      for (unsigned m = 0; m < stage.width; ++m, ++chip) {
        stageOf[chip->first] = kinds.size() - 1;
        kinds.back().push_back(chip->second.first);
      }
    }
  }
};
} // namespace

namespace {
/// The forms of all values that a plan moves, and where they disagree.
class Agreement {
public:
  Agreement(const fabric::Program &program, const partition::Plan &plan,
            const Machine &machine)
      : program(program), machine(machine), stages(program, plan) {
    for (unsigned c = 0; c < program.classes.size(); ++c)
      forms.push_back(formsOf(program, c, machine));
  }

  /// Values whose forms disagree take their natural one on all chips.
  void settle() {
    // Every round marks values that had no mark.
    while (true) {
      std::set<unsigned> changed;
      auto mark = [&](unsigned c, mlir::Operation *port) {
        if (port->hasAttr(fabric::naturalAttr))
          return;
        port->setAttr(fabric::naturalAttr,
                      mlir::UnitAttr::get(port->getContext()));
        changed.insert(c);
      };
      misfits([&](const Ends &ends) {
        if (!ends.areLowered)
          return;
        mark(ends.sender, ends.send);
        mark(ends.receiver, ends.recv);
      });
      settleInputs(changed);
      if (changed.empty())
        return;
      for (unsigned c : changed)
        forms[c] = formsOf(program, c, machine);
    }
  }

  /// Cuts, by number, that no value can cross: those at which the first stage
  /// begins whose chips read a value in another form than that in which it is
  /// sent, or that cannot be lowered, and all between stages of the same
  /// classes.
  std::vector<unsigned> firstMisfit() const {
    unsigned first = stages.kinds.size();
    misfits([&](const Ends &ends) {
      first = std::min(first, std::max(1u, ends.stage));
    });
    std::vector<unsigned> cuts;
    for (unsigned s = first; s < stages.kinds.size(); ++s)
      if (stages.kinds[s] == stages.kinds[first] &&
          stages.kinds[s - 1] == stages.kinds[first - 1])
        cuts.push_back(s - 1);
    return cuts;
  }

private:
  /// A value that is sent in one form and read in another, or a class that
  /// cannot be lowered (no ends).
  struct Ends {
    unsigned stage = 0;
    bool areLowered = false;
    unsigned sender = 0, receiver = 0; // classes
    mlir::Operation *send = nullptr, *recv = nullptr;
  };

  void misfits(llvm::function_ref<void(const Ends &)> found) const {
    const auto &work = stages.work;
    // The k-th send of chip a to chip b meets the k-th receive of b from a.
    std::map<std::pair<unsigned, unsigned>, std::vector<unsigned>> sends;
    auto isSend = [&](mlir::Operation *port) {
      return !fabric::isCollective(port) && port->getNumOperands() > 0;
    };
    for (const auto &[from, job] : work)
      for (auto [p, port] : llvm::enumerate(program.classes[job.first].ports))
        if (isSend(port))
          sends[{from, unsigned(job.second->peers[p])}].push_back(p);
    for (const auto &[to, job] : work) {
      Ends ends;
      ends.stage = stages.stageOf.at(to);
      ends.receiver = job.first;
      if (!forms[job.first]) {
        found(ends);
        continue;
      }
      std::map<unsigned, unsigned> next; // by peer
      for (auto [p, port] : llvm::enumerate(program.classes[job.first].ports)) {
        if (fabric::isCollective(port) || isSend(port))
          continue;
        unsigned from = job.second->peers[p];
        unsigned k = next[from]++;
        const std::vector<unsigned> &theirs = sends[{from, to}];
        if (k >= theirs.size())
          continue; // verifyProgram refuses it
        ends.sender = work.at(from).first;
        ends.send = program.classes[ends.sender].ports[theirs[k]];
        ends.recv = port;
        ends.areLowered = forms[ends.sender].has_value();
        const std::vector<Form> &read = forms[job.first]->ports[p];
        if (!ends.areLowered || forms[ends.sender]->ports[theirs[k]].empty() ||
            llvm::any_of(read, [&](const Form &form) {
              return form != forms[ends.sender]->ports[theirs[k]].front();
            }))
          found(ends);
      }
    }
  }

  /// An input of the host stands in one type on all chips.
  void settleInputs(std::set<unsigned> &changed) {
    std::map<std::string, std::set<int64_t>> types;
    for (const Forms &own : forms)
      if (own)
        for (const auto &[name, each] : own->inputs)
          for (const Form &form : each)
            types[name].insert(form.front());
    for (unsigned c = 0; c < forms.size(); ++c) {
      mlir::func::FuncOp body = program.classes[c].body;
      for (unsigned i = 0; i < body.getNumArguments(); ++i) {
        auto name = body.getArgAttrOfType<mlir::StringAttr>(i, "onnx.name");
        if (!name || types[name.str()].size() < 2 ||
            body.getArgAttr(i, fabric::naturalAttr))
          continue;
        body.setArgAttr(i, fabric::naturalAttr,
                        mlir::UnitAttr::get(body.getContext()));
        changed.insert(c);
      }
    }
  }

  const fabric::Program &program;
  const Machine &machine;
  Stages stages;
  std::vector<Forms> forms; // by class
};
} // namespace

/// A plan as a module whose collectives are those of a schedule.
static mlir::FailureOr<Planned> partitioned(mlir::ModuleOp linalg,
                                            const Machine &machine,
                                            const Topology &topology,
                                            const PartitionOptions &choice) {
  Planned planned;
  auto module =
      partitionModel(linalg, machine, topology, choice, planned.report);
  if (mlir::failed(module) ||
      mlir::failed(fabric::decomposeCollectives(**module, machine)))
    return mlir::failure();
  planned.module = std::move(*module);
  return planned;
}

/// Values cross links in the form in which both chips have them in SRAM. Where
/// they would have a value in different forms, it crosses in its natural one
/// and is copied; where that cannot be, the cut moves to the nearest operation
/// where it can.
static llvm::Error moveCuts(mlir::ModuleOp linalg, const Machine &machine,
                            const Topology &topology, PartitionOptions choice,
                            bool &quiet, Planned &planned) {
  const std::vector<partition::Stage> stages = planned.report.plan.stages;
  std::vector<unsigned> wanted;
  for (size_t s = 1; s < stages.size(); ++s)
    wanted.push_back(stages[s].begin);
  unsigned heavy = stages.back().end;
  std::vector<unsigned> cuts = wanted, tries(cuts.size());
  choice.stages = choice.tensorWidth = 0;
  for (const partition::Stage &stage : stages)
    choice.widths.push_back(stage.width);
  constexpr unsigned mostTries = 24; // of each cut
  bool isMoved = false;
  while (true) {
    auto program = fabric::readProgram(*planned.module, machine);
    if (mlir::failed(program))
      return failure("");
    std::vector<unsigned> moving;
    {
      llvm::SaveAndRestore silent(quiet, true);
      Agreement agreement(*program, planned.report.plan, machine);
      agreement.settle();
      moving = agreement.firstMisfit();
    }
    if (moving.empty())
      break;
    // One operation later, one earlier, two later, ...
    bool isPlaced = false;
    while (!isPlaced && tries[moving[0]] < mostTries) {
      unsigned step = ++tries[moving[0]];
      std::vector<unsigned> next = cuts;
      for (unsigned cut : moving) {
        tries[cut] = step;
        next[cut] = unsigned(int64_t(wanted[cut]) +
                             (step % 2 ? 1 : -1) * int64_t((step + 1) / 2));
      }
      bool isRising = next.front() > 0 && next.back() < heavy;
      for (size_t c = 1; c < next.size(); ++c)
        isRising &= next[c - 1] < next[c];
      if (!isRising)
        continue;
      choice.cuts = next;
      llvm::SaveAndRestore silent(quiet, true);
      auto other = partitioned(linalg, machine, topology, choice);
      if (mlir::failed(other))
        continue; // does not fit
      isPlaced = isMoved = true;
      cuts = std::move(next);
      planned = std::move(*other);
    }
    if (!isPlaced)
      break; // refused when the chips are joined
  }
  if (isMoved)
    planned.report.text += "cuts were moved to where values can cross links\n";
  return llvm::Error::success();
}

llvm::Expected<Topology> pipelines::systemOf(const Machine &machine,
                                             const CompileOptions &options) {
  if (!options.topology.empty())
    return loadTopology(options.topology, machine);
  uint64_t most = mostDefaultChips(machine);
  if (options.chips > most)
    return defaultTopology(machine, options.chips); // which says so
  // Chips that stay unused because no stage straddles a node are no part of
  // --chips where the pins ask for them.
  unsigned perNode = std::max(1u, machine.nodeChips), system = options.chips;
  if (unsigned width = options.tensorWidth; width > 1 && width <= perNode) {
    unsigned stages = options.stages ? options.stages : options.chips / width,
             each = perNode / width;
    system = std::max(system, stages / each * perNode + stages % each * width);
  }
  if (options.replicas > 1) {
    // Replicas begin at even chips of a node, so that ports lie at the same end
    // of a chip.
    unsigned each = (options.chips / options.replicas + 1) / 2 * 2,
             inNode = perNode / each;
    system = std::max(
        system,
        inNode ? (options.replicas + inNode - 1) / inNode * perNode
               : (each + perNode - 1) / perNode * perNode * options.replicas);
  }
  return defaultTopology(machine, unsigned(std::min<uint64_t>(system, most)));
}

llvm::Expected<ChipsPlan>
pipelines::planChips(mlir::ModuleOp linalg, const Machine &machine,
                     const CompileOptions &options, bool &quiet,
                     llvm::ArrayRef<partition::Need> refused,
                     std::function<bool(unsigned)> wouldDo) {
  linalg.getContext()->loadDialect<fabric::FabricDialect>();
  auto topology = systemOf(machine, options);
  if (!topology)
    return topology.takeError();
  PartitionOptions choice;
  choice.chips = options.chips / options.replicas;
  if (options.throughput) {
    choice.objective = Objective::Throughput;
    choice.replicas = 1; // others are copies
  }
  choice.stages = options.stages;
  choice.tensorWidth = options.tensorWidth;
  choice.balance = options.balance;
  choice.halfLinks = options.halfLinks;
  choice.refused = refused.vec();
  // The members of a group are joined directly, and each by a loop to itself.
  bool isNodes = topology->hasNodes();
  choice.mostWidth =
      isNodes ? std::min(topology->chipsPerNode, machine.links) : machine.links;
  choice.directGroups = choice.relays = choice.repeats = true;

  // A table that no stage has room for is looked up in parts. How large they
  // best are is tried; each part has text of its own, so finer ones have to be
  // worth it.
  unsigned widest = choice.mostWidth;
  if (options.tensorWidth)
    widest = options.tensorWidth;
  else if (options.stages)
    widest = std::min(widest, std::max(1u, choice.chips / options.stages));
  double room = double(machine.sramBytes()) * widest;
  mlir::OwningOpRef<mlir::ModuleOp> parted = linalg.clone();
  bool hasLarge = splitTables(*parted, uint64_t(0.8 * room)) > 0;
  auto plan = [&](mlir::ModuleOp model, bool isSilent) {
    llvm::SaveAndRestore silent(quiet, quiet || isSilent);
    // What nobody reads need not be confirmed.
    choice.wouldDo = quiet ? [](unsigned) { return true; } : wouldDo;
    moveToReaders(model);
    return partitioned(model, machine, *topology, choice);
  };
  auto planned = plan(*parted, hasLarge);
  if (hasLarge) {
    for (double share : {0.7, 0.65, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1}) {
      mlir::OwningOpRef<mlir::ModuleOp> finer = linalg.clone();
      splitTables(*finer, uint64_t(share * room));
      auto other = plan(*finer, true);
      if (mlir::succeeded(other) &&
          (mlir::failed(planned) || other->report.plan.latency() <
                                        0.9 * planned->report.plan.latency())) {
        planned = std::move(other);
        parted = std::move(finer);
      }
    }
    if (mlir::failed(planned)) {
      // Says why; of the finest parts, since these need the fewest chips.
      mlir::OwningOpRef<mlir::ModuleOp> finest = linalg.clone();
      splitTables(*finest, uint64_t(0.1 * room));
      (void)plan(*finest, false);
    }
  }
  if (mlir::failed(planned))
    return failure("");
  ChipsPlan result;
  if (planned->report.plan.chipsPerReplica() > 1) {
    if (llvm::Error error =
            moveCuts(*parted, machine, *topology, choice, quiet, *planned))
      return std::move(error);
    auto program = fabric::readProgram(*planned->module, machine);
    if (mlir::failed(program))
      return failure("");
    Stages stages(*program, planned->report.plan);
    llvm::sort(stages.kinds);
    size_t kinds = std::unique(stages.kinds.begin(), stages.kinds.end()) -
                   stages.kinds.begin();
    planned->report.text +=
        llvm::formatv("classes       {0} of chips, in {1} kinds of stages\n",
                      program->classes.size(), kinds);
    result.module = std::move(planned->module);
  }
  result.text = std::move(planned->report.text);
  for (const partition::Stage &stage : planned->report.plan.stages)
    result.needs.push_back(stage.need);
  return result;
}
