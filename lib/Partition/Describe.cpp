//===- Describe.cpp - a plan for people -----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Describe.h"
#include "lpu/Support/NodeName.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace lpu;
using namespace lpu::partition;

std::string partition::mebibytes(double bytes) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.2f MiB", bytes / 1048576);
  return text;
}

/// "4 stages of 2 chips", "stages of 32, 8, 8 chips", "one chip".
std::string partition::shape(const Plan &plan) {
  std::string text;
  llvm::raw_string_ostream os(text);
  bool isUniform = llvm::all_of(plan.stages, [&](const Stage &s) {
    return s.width == plan.stages[0].width;
  });
  auto chips = [](unsigned n) {
    return n == 1 ? std::string("one chip") : std::to_string(n) + " chips";
  };
  if (plan.stages.size() == 1) {
    os << chips(plan.stages[0].width);
    if (plan.stages[0].width > 1)
      os << " side by side";
  } else if (isUniform) {
    os << plan.stages.size() << " stages of " << chips(plan.stages[0].width);
  } else {
    os << plan.stages.size() << " stages of ";
    llvm::interleaveComma(plan.stages, os,
                          [&](const Stage &s) { os << s.width; });
    os << " chips";
  }
  if (plan.replicas > 1)
    os << ", " << plan.replicas << " replicas";
  return text;
}

namespace {
struct Totals {
  double compute = 0, collectives = 0, transfers = 0;
  explicit Totals(const Plan &plan) {
    for (const Stage &s : plan.stages) {
      compute += s.compute;
      collectives += s.collectives;
      transfers += s.transfers;
    }
  }
};
} // namespace

/// Why `other` lost against `plan`.
static std::string whyLost(const Plan &plan, const Plan &other,
                           Objective objective) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Totals a(plan), b(other);
  double saved = a.compute - b.compute;
  double links = b.collectives + b.transfers - a.collectives - a.transfers;
  os << "about " << int64_t(other.latency()) << " cycles";
  switch (objective) {
  case Objective::Latency:
    if (links > 0 && saved > 0)
      os << ": saves " << int64_t(saved) << " cycles of compute, costs "
         << int64_t(links) << " of links ("
         << int64_t(b.collectives - a.collectives) << " in collectives, "
         << int64_t(b.transfers - a.transfers) << " between stages)";
    else if (links > 0)
      os << ": saves no compute, costs " << int64_t(links)
         << " cycles of links";
    else
      os << ": takes " << int64_t(-saved) << " cycles more of compute";
    break;
  case Objective::Throughput:
    os << ", one input every " << int64_t(other.interval() / other.replicas)
       << " cycles instead of " << int64_t(plan.interval() / plan.replicas);
    break;
  case Objective::Fit:
    os << " on " << other.chipsPerReplica() * other.replicas << " chips";
    break;
  }
  return text;
}

void partition::describe(const Model &model, const Machine &machine,
                         const PartitionOptions &options,
                         PartitionReport &report) {
  llvm::raw_string_ostream os(report.text);
  const Plan &plan = report.plan;
  os << "plan          " << shape(plan) << ": about " << int64_t(plan.latency())
     << " cycles, one input every " << int64_t(plan.interval() / plan.replicas)
     << " (model)\n";
  constexpr size_t most = 40;
  for (auto [s, stage] : llvm::enumerate(plan.stages)) {
    if (s == most) {
      os << "  ... " << plan.stages.size() - most << " more stages\n";
      break;
    }
    std::string from =
        nodeName(model.nodes[model.heavy[stage.begin]].op->getLoc());
    os << "  stage " << s << ": " << stage.width
       << (stage.width == 1 ? " chip, " : " chips, ")
       << mebibytes(stage.weightBytes) << " weights a chip, about "
       << int64_t(stage.compute) << " cycles of compute, "
       << int64_t(stage.collectives) << " of collectives, "
       << int64_t(stage.transfers) << " to receive; from "
       << (from.empty() ? "operation " + std::to_string(stage.begin) : from)
       << "\n";
  }
  if (plan.repeats)
    os << "repeats       " << plan.repeats << " times the same "
       << (plan.stagesOfRepeat == 1
               ? std::string("stage")
               : std::to_string(plan.stagesOfRepeat) + " stages")
       << "\n";
  os << report.balance;
  if (report.hasRunnerUp)
    os << "runner-up     " << shape(report.runnerUp) << ", "
       << whyLost(plan, report.runnerUp, options.objective) << "\n";
  os << "compared      " << report.plansCompared
     << " stages, and with them all plans\n";
}
