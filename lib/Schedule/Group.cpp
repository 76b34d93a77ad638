//===- Group.cpp - the chips of a group in step ---------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Schedule/Group.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::schedule;

static llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

//===----------------------------------------------------------------------===//
// Agreement
//===----------------------------------------------------------------------===//

/// Raises `latest` to what `own` needs; false if the two do not correspond.
static bool raise(Alignment &latest, const Alignment &own) {
  if (latest.segments.size() != own.segments.size())
    return false;
  for (size_t s = 0; s < own.segments.size(); ++s) {
    SegmentAlignment &all = latest.segments[s];
    const SegmentAlignment &mine = own.segments[s];
    if (all.iterations != mine.iterations ||
        all.steps.size() != mine.steps.size())
      return false;
    all.start = std::max(all.start, mine.start);
    all.period = std::max(all.period, mine.period);
    for (size_t i = 0; i < mine.steps.size(); ++i) {
      ExchangeStep &step = all.steps[i];
      const ExchangeStep &other = mine.steps[i];
      if (step.group != other.group || step.rows != other.rows ||
          step.name != other.name)
        return false;
      step.first = std::max(step.first, other.first);
      step.spread = std::max(step.spread, other.spread);
      step.interval = std::max(step.interval, other.interval);
    }
  }
  return true;
}

/// Two alignments that correspond.
static bool agree(const Alignment &a, const Alignment &b) {
  for (size_t s = 0; s < a.segments.size(); ++s) {
    const SegmentAlignment &x = a.segments[s], &y = b.segments[s];
    if (x.start != y.start || x.period != y.period)
      return false;
    for (size_t i = 0; i < x.steps.size(); ++i)
      if (x.steps[i].first != y.steps[i].first ||
          x.steps[i].spread != y.steps[i].spread ||
          x.steps[i].interval != y.steps[i].interval)
        return false;
  }
  return true;
}

static std::string sizeOf(const Alignment &alignment) {
  size_t steps = 0;
  for (const SegmentAlignment &segment : alignment.segments)
    steps += segment.steps.size();
  return llvm::formatv("{0} blocks in {1} segments", steps,
                       alignment.segments.size());
}

/// The first value that two programs do not both exchange, for people.
static std::string differenceOf(const Alignment &a, const Alignment &b) {
  auto steps = [](const Alignment &of) {
    std::vector<const ExchangeStep *> all;
    for (const SegmentAlignment &segment : of.segments)
      for (const ExchangeStep &step : segment.steps)
        all.push_back(&step);
    return all;
  };
  for (auto [x, y] : llvm::zip(steps(a), steps(b)))
    if (x->name != y->name || x->rows != y->rows)
      return llvm::formatv(": {0} rows of '{1}', and {2} of '{3}'", x->rows,
                           x->name, y->rows, y->name);
  return "";
}

llvm::Expected<std::vector<ScheduleResult>>
lpu::schedule::scheduleGroup(llvm::ArrayRef<const stream::Program *> kinds,
                             const Machine &machine,
                             const ScheduleOptions &options) {
  LPU_CHECK(!kinds.empty(), "a group without members");
  ScheduleOptions bounded = options;
  std::vector<ScheduleResult> results;
  for (const stream::Program *program : kinds) {
    auto result = schedule(*program, machine, bounded);
    if (!result)
      return result.takeError();
    results.push_back(std::move(*result));
  }
  // Bounds only rise, and what rises is what another program needs. Every round
  // settles one more exchange at least, most of them nearly all.
  unsigned mostRounds = 16;
  for (const SegmentAlignment &segment : results[0].alignment.segments)
    mostRounds += unsigned(segment.steps.size());
  for (unsigned round = 0; round < mostRounds; ++round) {
    Alignment latest = results[0].alignment;
    for (size_t k = 1; k < results.size(); ++k)
      if (!raise(latest, results[k].alignment))
        return failure(llvm::formatv(
            "the programs '{0}' and '{1}' of one group do not exchange the "
            "same values in the same order ({2}, and {3}){4}",
            kinds[0]->name, kinds[k]->name, sizeOf(results[0].alignment),
            sizeOf(results[k].alignment),
            differenceOf(results[0].alignment, results[k].alignment)));
    bool done = true;
    bounded.notBefore = latest;
    for (size_t k = 0; k < results.size(); ++k) {
      if (agree(results[k].alignment, latest))
        continue;
      done = false;
      auto result = schedule(*kinds[k], machine, bounded);
      if (!result)
        return result.takeError();
      results[k] = std::move(*result);
    }
    if (done)
      return results;
  }
  return failure(llvm::formatv(
      "the schedules of the {0} different programs of a group exchange rows in "
      "different cycles after {1} attempts; make the shares of the group equal",
      kinds.size(), mostRounds));
}

//===----------------------------------------------------------------------===//
// The package
//===----------------------------------------------------------------------===//

std::vector<LinkWire> lpu::schedule::meshWires(llvm::ArrayRef<unsigned> links) {
  std::vector<LinkWire> wires;
  for (unsigned from = 0; from < links.size(); ++from)
    for (unsigned to = 0; to < links.size(); ++to)
      wires.push_back({from, links[to], to, links[from]});
  return wires;
}

/// Adds what `chip` has of the bindings of its kind.
static llvm::Error bind(std::vector<TensorBinding> &all,
                        const std::vector<TensorBinding> &own, unsigned chip) {
  for (const TensorBinding &binding : own) {
    TensorBinding here = binding;
    for (Placement &placement : here.placements)
      for (Column &column : placement.columns)
        column.chip = chip;
    auto known = llvm::find_if(all, [&](const TensorBinding &other) {
      return other.name == here.name;
    });
    if (known == all.end()) {
      all.push_back(std::move(here));
      continue;
    }
    if (known->chipType != here.chipType || known->shape != here.shape)
      return failure("'" + here.name +
                     "' has different types on different chips of a group");
    for (Placement &placement : here.placements)
      known->placements.push_back(std::move(placement));
  }
  return llvm::Error::success();
}

llvm::Expected<Package>
lpu::schedule::joinGroup(llvm::ArrayRef<const ScheduleResult *> kinds,
                         llvm::ArrayRef<GroupMember> members,
                         std::vector<LinkWire> wires, SourceFiles &files) {
  LPU_CHECK(!kinds.empty() && !members.empty(), "a group without members");
  Package package;
  package.machine = kinds[0]->program.package.machine;
  package.programName = kinds[0]->program.package.programName;
  package.wires = std::move(wires);
  std::vector<ConstantImage> images;
  llvm::StringMap<unsigned> uses;
  for (const GroupMember &member : members) {
    const ScheduleResult &kind = *kinds[member.kind];
    auto image = makeImage(kind.image, *member.program, package.machine, files);
    if (!image)
      return image.takeError();
    for (const std::string &key : image->keys)
      if (!key.empty())
        ++uses[key];
    images.push_back(std::move(*image));
  }
  llvm::StringMap<uint32_t> shares;
  for (unsigned m = 0; m < members.size(); ++m) {
    const ScheduleResult &kind = *kinds[members[m].kind];
    Chip chip;
    chip.registers = kind.program.package.chips[0].registers;
    chip.chipClass = members[m].kind;
    chip.image = std::move(images[m].segments);
    for (size_t i = 0; i < chip.image.size(); ++i)
      if (const std::string &key = images[m].keys[i];
          !key.empty() && uses[key] > 1)
        chip.image[i].share =
            shares.try_emplace(key, uint32_t(shares.size() + 1)).first->second;
    package.chips.push_back(std::move(chip));
    package.cycles = std::max(package.cycles, kind.program.package.cycles);
    const Package &own = kind.program.package;
    if (llvm::Error error = bind(package.inputs, own.inputs, m))
      return std::move(error);
    if (llvm::Error error = bind(package.outputs, own.outputs, m))
      return std::move(error);
  }
  return package;
}
