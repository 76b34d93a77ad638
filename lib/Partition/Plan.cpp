//===- Plan.cpp - choose a plan and apply it ------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Apply.h"
#include "Body.h"
#include "Describe.h"
#include "Enumerate.h"
#include "lpu/Partition/Program.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

static double latencyOf(const Plan &plan) { return plan.latency(); }

/// A plan of equal stages is taken if it is not much worse: its stages share
/// text, schedule and proof.
static void preferRepeating(std::optional<Plan> &plan,
                            std::optional<Plan> repeating,
                            llvm::function_ref<double(const Plan &)> score) {
  constexpr double worth = 1.1;
  if (repeating && (!plan || score(*repeating) <= worth * score(*plan)))
    plan = std::move(repeating);
}

/// The best plan of another shape.
static void findRunnerUp(const Enumerator &all, unsigned chips,
                         PartitionReport &report) {
  const Plan &plan = report.plan;
  bool isTensor =
      llvm::any_of(plan.stages, [](const Stage &s) { return s.width > 1; });
  Enumerator::Family own = isTensor                  ? Enumerator::Tensor
                           : plan.stages.size() == 1 ? Enumerator::OneChip
                                                     : Enumerator::Pipeline;
  for (Enumerator::Family family :
       {Enumerator::OneChip, Enumerator::Pipeline, Enumerator::Tensor}) {
    if (family == own)
      continue;
    std::optional<Plan> other = all.fastest(chips, family);
    if (!other ||
        (report.hasRunnerUp && report.runnerUp.latency() <= other->latency()))
      continue;
    report.runnerUp = std::move(*other);
    report.hasRunnerUp = true;
  }
}

namespace {
class Planner {
public:
  Planner(const Model &model, const Machine &machine, const Topology &topology,
          const PartitionOptions &options, PartitionReport &report)
      : model(model), machine(machine), topology(topology), options(options),
        report(report), placement(topology, options.directGroups),
        cost(model, machine, topology, placement, options.halfLinks,
             options.relays) {}
  LogicalResult run();
  /// The chips of the plan, in order; empty if that has been reported.
  std::vector<unsigned> place();

private:
  InFlightDiagnostic error() {
    // The location alone: the whole function is no part of a message, and an
    // imported model is no node of one.
    Location location = const_cast<func::FuncOp &>(model.function).getLoc();
    if (isa<NameLoc>(location))
      location = UnknownLoc::get(location.getContext());
    return mlir::emitError(location);
  }
  LogicalResult checkPins();
  LogicalResult explicitPlan();
  /// The best plan; none if nothing fits.
  LogicalResult pinned();
  LogicalResult chosen();
  /// A plan of stages of a width with cuts between products, or at every
  /// operation, whose chips have at most so many multiply-adds each.
  using Search =
      llvm::function_ref<std::optional<Plan>(unsigned, bool, double)>;
  using Score = llvm::function_ref<double(const Plan &)>;
  void preferEven(Plan &best, bool allCuts, Search search, Score score);
  LogicalResult balance(Plan &best, bool allCuts, Search search, Score score);
  std::optional<Plan> whatWouldDo();
  LogicalResult tooFew(bool isPinned);
  LogicalResult checkWidth(const Plan &plan);
  std::string why(const Stage &stage) const;

  const Model &model;
  const Machine &machine;
  const Topology &topology;
  const PartitionOptions &options;
  PartitionReport &report;
  Placement placement;
  CostModel cost;
  unsigned chips = 0; // that may be used
  Room room;
};
} // namespace

LogicalResult Planner::checkPins() {
  unsigned usable = topology.usable().size();
  chips = options.chips ? options.chips : usable;
  if (chips > usable)
    return error() << "--chips " << chips << ": the system has " << usable
                   << " usable chips"
                   << (topology.spare.empty() && topology.brokenChips.empty()
                           ? ""
                           : " besides spare and broken ones");
  unsigned tp = options.tensorWidth, pp = options.stages,
           replicas = std::max(1u, options.replicas);
  if (!options.widths.empty() || !options.cuts.empty()) {
    if (tp || pp)
      return error() << "cuts and widths pin every stage; --tp and --pp "
                        "contradict them";
    if (options.widths.size() != options.cuts.size() + 1)
      return error() << options.cuts.size() << " cuts make "
                     << options.cuts.size() + 1 << " stages, but "
                     << options.widths.size() << " widths are given";
    unsigned last = 0, sum = 0;
    for (unsigned cut : options.cuts) {
      if (cut <= last || cut >= model.heavy.size())
        return error() << "cut " << cut << ": cuts rise, and lie between 1 and "
                       << model.heavy.size() - 1;
      last = cut;
    }
    for (unsigned width : options.widths)
      sum += width;
    if (llvm::is_contained(options.widths, 0u) || sum * replicas > chips)
      return error() << "the widths ask for " << sum * replicas << " chips of "
                     << chips;
    return success();
  }
  if (tp > 1 && tp <= chips)
    if (unsigned widest = placement.widest(tp); widest < tp)
      return error() << "--tp " << tp
                     << " is larger than can be used: chips that share a stage "
                        "are joined directly, each by the same port of all "
                        "others, and of this system at most "
                     << widest << (widest == 1 ? " is" : " are")
                     << "; use --tp " << widest
                     << (widest == 1 ? "" : " or less");
  uint64_t product = uint64_t(std::max(1u, tp)) * std::max(1u, pp) * replicas;
  std::string pins;
  llvm::raw_string_ostream os(pins);
  if (tp)
    os << " --tp " << tp;
  if (pp)
    os << " --pp " << pp;
  if (options.replicas)
    os << " --replicas " << options.replicas;
  if (product > chips)
    return error() << "contradictory pins:" << pins << " needs " << product
                   << " chips, but " << chips << " may be used; raise --chips, "
                   << "or lower one of them";
  if (tp && pp && options.chips && product != chips)
    return error() << "contradictory pins:" << pins << " uses " << product
                   << " chips, not the " << chips
                   << " of --chips; leave one of the pins out"
                   << (chips % product == 0
                           ? ", or add --replicas " +
                                 std::to_string(chips / product * replicas)
                           : std::string());
  return success();
}

/// A width is used if every member has a part of something.
LogicalResult Planner::checkWidth(const Plan &plan) {
  for (auto [s, stage] : llvm::enumerate(plan.stages)) {
    if (stage.width == 1)
      continue;
    int64_t most = 0;
    for (int axis : stage.axes)
      most = std::max(most, model.axes[axis].units);
    if (most >= int64_t(stage.width))
      continue;
    auto diagnostic = error();
    diagnostic << "--tp " << stage.width
               << " is larger than can be used: stage " << s;
    if (most == 0)
      diagnostic << " has nothing that chips could divide";
    else
      diagnostic << " divides into at most " << most << " parts; use --tp "
                 << most << " or less";
    return failure();
  }
  return success();
}

std::string Planner::why(const Stage &stage) const {
  return mebibytes(stage.weightBytes) + " of weights and " +
         mebibytes(stage.sramBytes - stage.weightBytes) +
         " of text and activations, but a chip of " + machine.name + " has " +
         mebibytes(double(machine.sramBytes()) - double(options.reserveBytes)) +
         (options.reserveBytes ? " that may be used" : "") + ", " +
         mebibytes(cost.dataBytes()) + " of it beside text";
}

/// Plans of few chips, first those that schedules are likely to fit, and of
/// more, until one is known to have a schedule.
std::optional<Plan> Planner::whatWouldDo() {
  constexpr unsigned mostTries = 2; // an eighth more each
  for (bool isTight : {false, true}) {
    room.isTight = isTight;
    Enumerator all(cost, room, options.mostWidth, 0, false);
    std::optional<Plan> plan = all.smallest(2048);
    for (unsigned tries = 0; plan && tries < mostTries; ++tries) {
      unsigned slots = placement.slotsOf(*plan);
      if (!options.wouldDo || options.wouldDo(slots))
        return plan;
      auto larger = all.fastest(slots + (slots + 7) / 8, Enumerator::Any);
      if (!larger || placement.slotsOf(*larger) <= slots)
        break;
      plan = std::move(larger);
    }
  }
  return std::nullopt;
}

/// How many chips would do, and what would fit on those that there are.
LogicalResult Planner::tooFew(bool isPinned) {
  std::optional<Plan> fits = whatWouldDo();
  Enumerator all(cost, room, 1, 1, false);
  Stage whole = all.explicitPlan({}, {1}).stages[0];
  unsigned tp = options.tensorWidth, pp = options.stages;
  auto diagnostic = error();
  if (unsigned slots = tp && pp ? placement.end(0, tp, pp) : 0;
      slots > placement.slots()) {
    diagnostic << "--tp " << tp << " --pp " << pp << " need " << slots
               << " chips, of which " << slots - tp * pp
               << " stay unused because no stage straddles a node of "
               << topology.chipsPerNode << "; the system has "
               << placement.slots();
    return failure();
  }
  room.isTight = true;
  if (!fits &&
      !Enumerator(cost, room, options.mostWidth, 0, false).smallest(2048)) {
    diagnostic
        << "the model does not fit any number of " << machine.name
        << " chips: one operation with the most chips that can divide it "
           "is still too large; all of it needs "
        << why(whole);
    return failure();
  }
  unsigned need = fits ? placement.slotsOf(*fits) : 0;
  std::string would = fits ? std::to_string(need) +
                                 (need == 1 ? " chip" : " chips") +
                                 " would do (" + shape(*fits) + ")"
                           : std::string("no number of chips is known to do");
  if (isPinned && (!fits || need <= chips)) {
    diagnostic
        << "the pinned plan does not fit: every way to make "
        << std::max(1u, options.stages) << " stages of "
        << std::max(1u, options.tensorWidth)
        << " chips has a chip with nothing to do, or one that needs more "
           "than the "
        << mebibytes(double(machine.sramBytes()) - double(options.reserveBytes))
        << " of " << machine.name << "; without pins " << would;
    return failure();
  }
  double held =
      chips * (double(machine.sramBytes()) - double(options.reserveBytes));
  diagnostic << "the model does not fit " << chips << " "
             << (chips == 1 ? "chip" : "chips") << " of " << machine.name
             << ": it needs " << why(whole) << "; " << would << "; " << chips
             << (chips == 1 ? " chip holds" : " chips hold") << " at most "
             << mebibytes(held)
             << " of weights, text and activations: a smaller model, fewer "
                "tokens, or fewer bits";
  return failure();
}

LogicalResult Planner::explicitPlan() {
  Enumerator all(cost, room, 1, 1, false);
  report.plan = all.explicitPlan(options.cuts, options.widths);
  report.plansCompared = report.plan.stages.size();
  return checkWidth(report.plan);
}

/// A stage of several equal layers runs them as a loop, which a cut inside of a
/// layer would split: what that costs is not in the model. So the most even
/// plan is taken if it is not much worse.
void Planner::preferEven(Plan &best, bool allCuts, Search search, Score score) {
  constexpr double worth = 1.1, exact = 1.0001;
  const unsigned stages = unsigned(best.stages.size()),
                 width = best.stages.front().width;
  Enumerator some(cost, room, width, width, allCuts);
  if (some.equalLayers() < 2 * stages)
    return;
  std::optional<double> least = some.leastMacs(stages, width);
  if (!least || best.mostMacs() <= exact * *least)
    return;
  std::optional<Plan> even = search(width, allCuts, exact * *least);
  if (even && score(*even) <= worth * score(best))
    best = std::move(*even);
}

/// Work is spread evenly where that costs little: a plan whose busiest chip has
/// at most `mostUneven` times the mean of multiply-adds replaces one that has
/// not, or else the most even one whose score is within `worth` of the best. A
/// pinned bound is kept at any cost.
LogicalResult Planner::balance(Plan &best, bool allCuts, Search search,
                               Score score) {
  const bool isPinned = options.balance > 0;
  const double mostUneven = isPinned ? options.balance : 1.3,
               worth =
                   isPinned ? std::numeric_limits<double>::infinity() : 1.25,
               step = 1.1;
  if (best.unevenness() <= mostUneven)
    return success();
  const unsigned stages = unsigned(best.stages.size()),
                 width = best.stages.front().width;
  const double mean = best.meanMacs(), had = best.unevenness(),
               most = worth * score(best);
  auto least = [&](bool finer) {
    Enumerator some(cost, room, width, width, finer);
    return some.leastMacs(stages, width).value_or(best.mostMacs()) / mean;
  };
  // Between products first; at every operation if that is not enough.
  double possible = least(allCuts);
  if (possible > mostUneven && !allCuts) {
    allCuts = true;
    possible = least(true);
  }
  if (isPinned && possible > mostUneven)
    return error() << "--balance "
                   << llvm::formatv("{0}", options.balance).str()
                   << ": no cuts of " << stages << " stages that fit have less "
                   << "than " << llvm::formatv("{0:f2}", possible).str()
                   << " of the mean of multiply-adds on the busiest chip";
  std::optional<Plan> costly;
  for (double bound = std::max(mostUneven, possible * 1.0001); bound < had;
       bound *= step) {
    std::optional<Plan> even = search(width, allCuts, bound * mean);
    if (even && score(*even) <= most) {
      best = std::move(*even);
      break;
    }
    if (even && !costly)
      costly = std::move(even);
  }
  llvm::raw_string_ostream os(report.balance);
  os << "balance       MACs of the busiest chip "
     << llvm::format("%.2f", best.unevenness()) << " of the mean";
  if (best.unevenness() > mostUneven) {
    if (possible > mostUneven)
      os << llvm::format("; no cuts of so many stages that fit go below %.2f",
                         possible);
    if (costly)
      os << llvm::format("; %.2f would", costly->unevenness()) << " take about "
         << int64_t(costly->latency()) << " cycles, one input every "
         << int64_t(costly->interval());
  } else {
    os << "; without a bound it would be " << llvm::format("%.2f", had);
  }
  os << "\n";
  return success();
}

LogicalResult Planner::pinned() {
  unsigned tp = options.tensorWidth, pp = options.stages,
           replicas = std::max(1u, options.replicas);
  unsigned perReplica = chips / replicas;
  std::optional<Plan> best;
  auto better = [&](const std::optional<Plan> &plan) {
    if (!plan)
      return false;
    if (!best)
      return true;
    if (options.objective == Objective::Throughput)
      return plan->interval() < best->interval();
    return plan->latency() < best->latency();
  };
  // Of plans of equal latency the balanced one; a pipeline that is asked for is
  // meant to be filled.
  auto weight = [&](unsigned stages) {
    return options.objective == Objective::Throughput ? 1e6 : 4.0 * stages;
  };
  if (tp && !pp) {
    Enumerator some(cost, room, tp, tp, false);
    report.plansCompared = some.compared();
    best = options.objective == Objective::Throughput
               ? some.busiest(perReplica)
               : some.fastest(perReplica, Enumerator::Any);
    if (options.repeats && options.objective == Objective::Latency)
      preferRepeating(best, some.repeating(perReplica, 0, 0), latencyOf);
  } else {
    // Between products only, unless that leaves too few places for a cut.
    bool allCuts = false;
    unsigned places = 0;
    for (bool finer : {false, true}) {
      Enumerator some(cost, room, 1, 1, finer);
      places = some.mostStages();
      allCuts = finer;
      if (pp <= places)
        break;
    }
    if (pp > places)
      return error() << "--pp " << pp
                     << " is larger than can be used: the model has " << places
                     << " operations to begin a stage at";
    unsigned most = tp ? tp : std::min(perReplica / pp, options.mostWidth);
    auto score = [&](const Plan &plan) {
      return plan.latency() + weight(pp) * plan.interval();
    };
    auto search = [&](unsigned width, bool finer, double mostMacs) {
      Enumerator some(cost, room, width, width, finer, mostMacs);
      report.plansCompared += some.compared();
      auto plan = some.pinned(pp, width, weight(pp));
      if (options.repeats)
        preferRepeating(plan, some.repeating(perReplica, pp, weight(pp)),
                        score);
      return plan;
    };
    for (unsigned width = tp ? tp : 1; width <= most; ++width)
      if (auto plan =
              search(width, allCuts, std::numeric_limits<double>::infinity());
          better(plan))
        best = std::move(plan);
    if (best && pp > 1 && options.repeats)
      preferEven(*best, allCuts, search, score);
    if (best && pp > 1 && failed(balance(*best, allCuts, search, score)))
      return failure();
  }
  if (tp) {
    // Also what does not fit tells whether the width is of any use.
    Enumerator one(cost, {}, tp, tp, false);
    Plan whole = one.explicitPlan({}, {tp});
    if (failed(checkWidth(whole)))
      return failure();
  }
  if (!best)
    return success(); // none fits
  best->replicas = replicas;
  report.plan = std::move(*best);
  return success();
}

LogicalResult Planner::chosen() {
  unsigned replicas = std::max(1u, options.replicas);
  Enumerator all(cost, room, std::min(chips / replicas, options.mostWidth), 0,
                 false);
  report.plansCompared = all.compared();
  std::optional<Plan> best;
  switch (options.objective) {
  case Objective::Latency:
    best = all.fastest(chips / replicas, Enumerator::Any);
    if (options.repeats && (!best || best->chipsPerReplica() > 1))
      preferRepeating(best, all.repeating(chips / replicas, 0, 0), latencyOf);
    break;
  case Objective::Throughput:
    best = all.busiest(chips);
    break;
  case Objective::Fit:
    best = all.smallest(chips / replicas);
    break;
  }
  if (!best || best->chipsPerReplica() * replicas > chips)
    return success(); // none fits
  if (options.replicas)
    best->replicas = replicas;
  report.plan = std::move(*best);
  findRunnerUp(all, chips / report.plan.replicas, report);
  return success();
}

LogicalResult Planner::run() {
  if (failed(checkPins()))
    return failure();
  bool isPinned = options.tensorWidth || options.stages;
  room.reserveBytes = options.reserveBytes;
  room.refused = options.refused;
  if (!options.widths.empty()) {
    if (failed(explicitPlan()))
      return failure();
  } else {
    // What schedules usually need is counted first.
    for (bool isTight : {false, true}) {
      room.isTight = isTight;
      if (failed(isPinned ? pinned() : chosen()))
        return failure();
      if (!report.plan.stages.empty())
        break;
    }
    if (report.plan.stages.empty())
      return tooFew(isPinned);
  }
  if (options.replicas)
    report.plan.replicas = options.replicas;
  report.plan.halfLinks = options.halfLinks;
  report.plan.relays = options.relays;
  describe(model, machine, options, report);
  return success();
}

std::vector<unsigned> Planner::place() {
  std::vector<unsigned> placed = placement.place(report.plan);
  if (placed.empty()) {
    auto diagnostic = error();
    diagnostic << shape(report.plan) << " have no place on "
               << placement.slots() << " chips";
    if (unsigned slots = placement.slotsOf(report.plan))
      diagnostic << ": no stage straddles a node of " << topology.chipsPerNode
                 << ", so they take " << slots;
    else
      diagnostic << ": the chips of a stage must be joined directly";
    return placed;
  }
  unsigned used = report.plan.chipsPerReplica() * report.plan.replicas;
  if (unsigned slots = placement.slotsOf(report.plan);
      placement.skips() && slots > used)
    llvm::raw_string_ostream(report.text)
        << "placed        on " << slots << " chips, of which " << slots - used
        << (slots - used == 1 ? " stays" : " stay")
        << " unused: no stage straddles a node of " << topology.chipsPerNode
        << "\n";
  return placed;
}

FailureOr<OwningOpRef<ModuleOp>>
lpu::partitionModel(ModuleOp module, const Machine &machine,
                    const Topology &topology, const PartitionOptions &options,
                    PartitionReport &report) {
  FailureOr<std::unique_ptr<Model>> model = Model::read(module);
  if (failed(model))
    return failure();
  if ((*model)->heavy.empty()) {
    mlir::emitError(
        (*model)->function.getLoc(),
        "has no product and no gather: nothing that chips could divide");
    return failure();
  }
  Planner planner(**model, machine, topology, options, report);
  if (failed(planner.run()))
    return failure();
  std::vector<unsigned> placed = planner.place();
  if (placed.empty())
    return failure();
  return applyPlan(**model, report.plan, topology, std::move(placed));
}
