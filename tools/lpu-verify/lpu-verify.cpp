//===- lpu-verify.cpp - judge a package -----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Judge/ModularRun.h"
#include "lpu/Verify/Verify.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <ctime>

using namespace llvm;

static cl::OptionCategory category("lpu-verify options");
static cl::opt<std::string> packagePath(cl::Positional, cl::Required,
                                        cl::desc("<package>"),
                                        cl::cat(category));
static cl::opt<unsigned>
    maxViolations("max-violations", cl::init(100), cl::cat(category),
                  cl::desc("Violations printed (default 100)"));
static cl::opt<bool> statistics("sizes", cl::cat(category),
                                cl::desc("Print the size of what was judged "
                                         "and the time it took"));
static cl::opt<bool>
    chipWise("chip-wise", cl::cat(category),
             cl::desc("Judge every chip and wire on its own, not once per "
                      "class: the same verdict, slower"));

static cl::opt<std::string>
    model("against", cl::value_desc("model.onnx"), cl::cat(category),
          cl::desc("Compare with the model that the package was compiled from: "
                   "the modular run (docs/verification.md)"));
static cl::opt<uint64_t> seed("seed", cl::init(1), cl::cat(category),
                              cl::desc("Of the modular run: draws the prime, "
                                       "the inputs and the random functions "
                                       "(default 1)"));
static cl::opt<unsigned>
    rounds("rounds", cl::init(1), cl::cat(category),
           cl::desc("Of the modular run: seeds, one after the other (default "
                    "1)"));
static cl::opt<unsigned> threads("chip-threads", cl::init(1), cl::cat(category),
                                 cl::desc("Of the modular run: chips at a "
                                          "time (default 1)"));

/// Package against model; the exit code.
static int compareWithModel(const lpu::Package &package) {
  std::clock_t start = std::clock();
  lpu::ModularOptions options;
  options.seed = seed;
  options.rounds = std::max(1u, unsigned(rounds));
  options.threads = std::max(1u, unsigned(threads));
  Expected<lpu::ModularResult> result =
      lpu::runModular(package, model, options);
  if (!result) {
    outs().flush(); // the verdict on the schedule comes first
    WithColor::error(errs(), "lpu-verify")
        << "no modular run: " << toString(result.takeError()) << '\n';
    return 3;
  }
  for (const std::string &difference : result->differences)
    outs() << difference << '\n';
  if (!result->isEqual) {
    outs() << "refused: the package does not compute what " << model
           << " says\n";
    return 1;
  }
  double seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
  outs() << "equal to " << model << ": " << result->elements
         << " elements modulo";
  for (uint32_t prime : result->primes)
    outs() << ' ' << prime;
  outs() << (statistics ? formatv(", {0:f2} processor seconds", seconds).str()
                        : "")
         << '\n';
  return 0;
}

int main(int argc, char **argv) {
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "decides whether a package can fault, without running it, "
      "and, with --against, whether it computes what the model says.\n\n"
      "Exit code 0: accepted; 1: refused; 2: not a package; 3: accepted, but "
      "no modular\nrun is possible.\n");
  Expected<lpu::Package> package = lpu::readPackage(packagePath);
  if (!package) {
    WithColor::error(errs(), "lpu-verify")
        << toString(package.takeError()) << '\n';
    return 2;
  }

  lpu::verify::Options options;
  options.maxViolations = std::max(1u, unsigned(maxViolations));
  options.chipWise = chipWise;
  auto start = std::chrono::steady_clock::now();
  lpu::verify::Result result = lpu::verify::verify(*package, options);
  double milliseconds = std::chrono::duration<double, std::milli>(
                            std::chrono::steady_clock::now() - start)
                            .count();

  for (const lpu::verify::Violation &violation : result.violations)
    outs() << violation.str(package->machine);
  if (result.violationCount > result.violations.size())
    outs() << "(" << result.violationCount << " in all; one is shown for each "
           << "class and pair of instructions)\n";
  if (result.cyclesDiffer)
    outs() << "refused: the manifest states " << package->cycles
           << " cycles, the text takes " << result.cycles << '\n';
  else if (!result.accepted())
    outs() << "refused: " << result.violationCount << " violations\n";
  else
    outs() << "accepted: " << result.cycles << " cycles, "
           << format("%.3f", result.cycles / package->machine.clockMHz)
           << " us at " << format("%g", package->machine.clockMHz) << " MHz\n";
  if (result.accepted() && result.clockPpm)
    outs() << "clocks may be off by " << format("%.1f", *result.clockPpm)
           << " ppm: two run for " << result.clockCycles
           << " cycles between resynchronisation and link\n";
  if (result.accepted() && result.dataSupplied)
    outs() << result.dataSupplied << " accesses take their address from data; "
           << "their rows are judged at run time\n";
  if (statistics)
    outs() << "instructions: " << result.instructions
           << ", executed: " << result.runs
           << ", stream progressions: " << result.progressions
           << ", milliseconds: " << format("%.2f", milliseconds) << '\n';
  if (!result.accepted())
    return 1;
  return model.empty() ? 0 : compareWithModel(*package);
}
