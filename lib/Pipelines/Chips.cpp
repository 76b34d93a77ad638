//===- Chips.cpp - a model on several chips -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chips.h"
#include "Instances.h"
#include "Prepared.h"
#include "lpu/Schedule/Group.h"
#include "lpu/Schedule/InsertFetches.h"
#include "llvm/ADT/StringMap.h"
#include <deque>
#include <map>

using namespace lpu;
using namespace lpu::pipelines;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

static std::string nameOf(const Crew &crew) {
  std::string first = "chip " + std::to_string(crew.chips.front());
  return crew.chips.size() == 1
             ? first
             : first + " to " + std::to_string(crew.chips.back());
}

namespace {
/// The schedules of a stage, which equal stages share.
struct CrewSchedule {
  std::vector<unsigned> classes; // of its kinds
  unsigned firstKind = 0;        // in CompileResult::kinds
  Candidate best;
  bool hasFailed = false;
  std::shared_ptr<std::vector<ClassProgram>> kinds; // before text is fetched
};

/// Schedules stages, equal ones once, and makes their chips.
class CrewScheduler {
public:
  CrewScheduler(const Prepared &prepared, const Machine &machine,
                const CompileOptions &options, CompileResult &result,
                Enter enter)
      : prepared(prepared), machine(machine), options(options), result(result),
        enter(enter), instances(*prepared.program, machine) {}

  /// The schedules of a stage; equal ones have the same.
  llvm::Expected<CrewSchedule *> scheduleOf(const Crew &crew);
  /// The chips of a stage, in the order of the package.
  llvm::Expected<schedule::Part> run(const Crew &crew);

private:
  const Prepared &prepared;
  const Machine &machine;
  const CompileOptions &options;
  CompileResult &result;
  Enter enter;
  Instances instances;
  schedule::SourceFiles files;
  /// By the classes and links of the members.
  std::map<std::pair<std::vector<unsigned>, std::vector<unsigned>>,
           CrewSchedule>
      schedules;
};
} // namespace

llvm::Expected<CrewSchedule *> CrewScheduler::scheduleOf(const Crew &crew) {
  std::vector<unsigned> members;
  for (unsigned chip : crew.chips)
    members.push_back(prepared.chips[chip].chipClass);
  auto [known, isNew] =
      schedules.try_emplace({members, crew.links}, CrewSchedule());
  CrewSchedule &own = known->second;
  if (own.hasFailed)
    return failure("an equal stage has no schedule");
  if (!isNew)
    return &own;
  std::vector<mlir::ModuleOp> modules;
  for (unsigned number : members)
    if (!llvm::is_contained(own.classes, number)) {
      own.classes.push_back(number);
      modules.push_back(*prepared.classes[number].module);
    }
  schedule::ScheduleOptions schedule;
  schedule.withoutWeights = options.withoutWeights;
  if (crew.chips.size() > 1)
    schedule.groupLinks.push_back(crew.links);
  auto best = searchSchedule(modules, machine, schedule, enter);
  if (!best) {
    own.hasFailed = true;
    return best.takeError();
  }
  own.best = std::move(*best);
  own.kinds = std::make_shared<std::vector<ClassProgram>>();
  own.firstKind = unsigned(result.kinds.size());
  for (auto [number, kind] : llvm::zip(own.classes, own.best.classes)) {
    own.kinds->push_back(std::move(kind.withoutFetches.front()));
    result.kinds.push_back({kind.program, kind.scheduled.kernels,
                            firstCompute(own.kinds->back())});
    // For people, what copies a value of a port is the value's node.
    for (schedule::KernelReport &kernel : result.kinds.back().kernels)
      for (const Port &port : prepared.classes[number].ports)
        if (kernel.name == port.binding && !port.value.empty())
          kernel.name = port.value;
  }
  return &own;
}

llvm::Expected<schedule::Part> CrewScheduler::run(const Crew &crew) {
  auto own = scheduleOf(crew);
  if (!own)
    return own.takeError();
  std::vector<const schedule::ScheduleResult *> kinds;
  for (const ClassSchedule &kind : (*own)->best.classes)
    kinds.push_back(&kind.scheduled);
  std::vector<schedule::GroupMember> members;
  std::deque<stream::Program> programs;
  for (unsigned number : crew.chips) {
    const PreparedChip &chip = prepared.chips[number];
    unsigned kind =
        llvm::find((*own)->classes, chip.chipClass) - (*own)->classes.begin();
    const ClassSchedule &schedule = (*own)->best.classes[kind];
    Instances::Lowered lowered;
    lowered.chipClass = chip.chipClass;
    lowered.instance =
        &prepared.program->classes[chip.chipClass].instances.front();
    lowered.module = *prepared.classes[chip.chipClass].module;
    lowered.options = (*own)->best.toStream;
    lowered.program = &schedule.program;
    auto tiles = instances.tilesOf(lowered, *chip.instance);
    if (!tiles)
      return tiles.takeError();
    programs.push_back(std::move(*tiles));
    members.push_back({kind, &programs.back()});
    StageReport &stage = result.stages[number];
    stage.stage = chip.crew;
    stage.number = chip.number;
    stage.kind = (*own)->firstKind + kind;
    stage.programCycles = uint64_t(schedule.scheduled.cycles);
    for (const schedule::KernelReport &kernel : schedule.scheduled.kernels) {
      stage.gridBound += uint64_t(kernel.gridBound * kernel.iterations);
      stage.macs += uint64_t(kernel.macs * kernel.iterations);
    }
    stage.constantRows = schedule.scheduled.constantRows;
    result.constantRows += schedule.scheduled.constantRows;
    result.temporaryRows += schedule.scheduled.temporaryRows;
  }
  auto package = schedule::joinGroup(kinds, members,
                                     schedule::meshWires(crew.links), files);
  if (!package)
    return package.takeError();
  for (auto [chip, number] : llvm::zip(package->chips, crew.chips))
    chip.links = prepared.chips[number].links;
  schedule::Part part{(*own)->kinds, std::move(*package), {}};
  for (auto [local, member] : llvm::enumerate(members)) {
    // The schedule has the names of the first chip of the class.
    const PreparedChip &chip = prepared.chips[crew.chips[local]];
    const std::vector<std::string>
        &first = prepared.program->classes[chip.chipClass].instances[0].values,
        &own = chip.instance->values;
    llvm::StringMap<std::string> names;
    for (auto [from, to] : llvm::zip(first, own))
      names[from] = to;
    for (TensorPlace place : kinds[member.kind]->tensors) {
      place.name = names.lookup(place.name);
      place.chip = unsigned(local);
      if (!place.name.empty())
        part.tensors.push_back(std::move(place));
    }
  }
  return part;
}

llvm::Expected<ScheduledProgram>
pipelines::scheduleChips(mlir::ModuleOp module, const Machine &machine,
                         const CompileOptions &options, CompileResult &result,
                         std::vector<unsigned> &misfits, Enter enter) {
  // Constants, starts, links: work that grows with the chips.
  enter("chips");
  auto program = fabric::readProgram(module, machine);
  if (mlir::failed(program) || mlir::failed(fabric::verifyProgram(*program)))
    return failure("");
  auto prepared = prepare(*program);
  if (!prepared)
    return prepared.takeError();
  CrewScheduler scheduler(*prepared, machine, options, result, enter);
  auto refuse = [](const Crew &crew, llvm::Error error) {
    std::string text = llvm::toString(std::move(error));
    return failure(text.empty() ? text : nameOf(crew) + ": " + text);
  };
  // And what grows with their classes.
  std::string error; // of the first one
  for (auto [s, crew] : llvm::enumerate(prepared->crews))
    if (auto known = scheduler.scheduleOf(crew); !known) {
      std::string own = llvm::toString(refuse(crew, known.takeError()));
      if (misfits.empty())
        error = std::move(own);
      misfits.push_back(unsigned(s));
    }
  if (!misfits.empty())
    return failure(error);

  enter("chips");
  std::vector<schedule::Transfer> values = valuesBetween(*prepared);
  route(*prepared, values);
  std::vector<schedule::Part> parts;
  result.stages.resize(prepared->chips.size());
  for (const Crew &crew : prepared->crews) {
    auto part = scheduler.run(crew);
    if (!part)
      return refuse(crew, part.takeError());
    parts.push_back(std::move(*part));
  }
  auto joined = schedule::joinChips(std::move(parts), values);
  if (!joined)
    return joined.takeError();
  std::vector<uint64_t> cycles; // by class
  for (const ClassProgram &each : joined->classes)
    cycles.push_back(uint64_t(schedule::programCycles(each, machine)));
  for (auto [stage, chip] : llvm::zip(result.stages, joined->package.chips)) {
    stage.start = chip.start;
    stage.cycles = cycles[chip.chipClass];
  }
  for (const schedule::Transfer &t : values)
    for (const schedule::Transfer::End &target : t.targets) {
      StageReport &stage = result.stages[target.chip];
      stage.vectorsIn += t.vectors;
      stage.linkCycles += t.end - t.first;
      stage.links = std::max(stage.links, unsigned(t.trees.size()));
    }
  if (llvm::Error error = insertFetches(*joined))
    return std::move(error);
  return joined;
}

static int64_t firstIssue(const std::vector<QueueItem> &items) {
  for (const QueueItem &item : items) {
    if (!item.isLoop()) {
      if (item.inst.info().unit)
        return int64_t(item.at);
    } else if (int64_t inside = firstIssue(item.body); inside != INT64_MAX) {
      return int64_t(item.at) + 1 + inside;
    }
  }
  return INT64_MAX;
}

int64_t lpu::firstCompute(const ClassProgram &program) {
  int64_t first = INT64_MAX;
  for (const QueueProgram &queue : program.queues)
    if (queue.unit == Unit::Alu || queue.unit == Unit::Pass)
      first = std::min(first, firstIssue(queue.items));
  return first;
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
  std::vector<uint64_t> ends;
  for (const ClassProgram &each : classes) {
    ends.push_back(uint64_t(schedule::programCycles(each, machine)));
    for (const QueueProgram &queue : each.queues)
      ends.back() =
          std::max(ends.back(), endOf(queue.items, 0, machine) + 1); // halt
  }
  uint64_t interval = 0;
  for (unsigned c = 0; c < package.chips.size(); ++c) {
    unsigned number = package.chips[c].chipClass;
    interval =
        std::max(interval, ends[number] + host[c].inputs + host[c].outputs +
                               restartCycles(package, number));
  }
  return interval;
}
