//===- Throughput.cpp - as many replicas as give most ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Few chips for each of many replicas, or many for each of few: which gives
// more inputs per second is known when both are scheduled, and that takes no
// weights.
//
//===----------------------------------------------------------------------===//

#include "lpu/Pipelines/Compile.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;

/// More numbers of replicas are not tried. More chips for a replica give it a
/// better rate, but seldom as much better as there are fewer of them: where
/// this many numbers in a row give less than the best, the others are not
/// tried.
static constexpr unsigned mostTries = 12, mostWorse = 2;

std::optional<CompileResult>
lpu::compileForThroughput(mlir::MLIRContext &context, const Machine &machine,
                          const CompileOptions &options,
                          llvm::raw_ostream &errors) {
  CompileOptions best = options;
  best.replicas = 1;
  best.throughput = true;
  double most = 0;
  std::string compared;
  unsigned pinned =
      std::max(1u, options.stages) * std::max(1u, options.tensorWidth);
  bool isWhole = options.stages && options.tensorWidth;
  unsigned tries = 0, worse = 0;
  for (unsigned replicas = options.chips;
       replicas > 0 && tries < mostTries && worse < mostWorse; --replicas) {
    unsigned each = options.chips / replicas;
    if (options.chips % replicas != 0 ||
        (isWhole ? each != pinned : each < pinned))
      continue;
    ++tries;
    // What the planner takes for the best interval need not have it. One chip
    // has one plan.
    double mine = 0, before = most;
    unsigned chips = 0;
    for (bool throughput : {false, true}) {
      if (throughput && each == 1)
        break;
      CompileOptions one = options;
      one.replicas = replicas;
      one.throughput = throughput;
      one.withoutWeights = true;
      one.verify = false;
      std::string ignored;
      llvm::raw_string_ostream os(ignored);
      auto result = compileModel(context, machine, one, os);
      if (!result || result->package.interval == 0)
        continue;
      double rate =
          machine.clockMHz * 1e6 * replicas / double(result->package.interval);
      if (rate > mine) {
        mine = rate;
        chips = unsigned(result->package.chips.size()) / replicas;
      }
      if (rate > most) {
        most = rate;
        best.replicas = replicas;
        best.throughput = throughput;
      }
    }
    worse = mine > before || before == 0 ? 0 : worse + 1;
    if (chips)
      compared += llvm::formatv("{0}{1} of {2} chip{3}: {4:f0}",
                                compared.empty() ? "" : ", ", replicas, chips,
                                chips == 1 ? "" : "s", mine);
  }
  auto result = compileModel(context, machine, best, errors);
  if (result && !compared.empty())
    result->plan +=
        "throughput    inputs per second by replicas: " + compared + "\n";
  return result;
}
