//===- KernelSection.cpp - kernels in a debug section ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Binary/DebugList.h"
#include "lpu/Report/Pictures.h"
#include "llvm/Support/JSON.h"

using namespace lpu;

std::string lpu::writeKernelSection(llvm::ArrayRef<KernelSpan> kernels) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os);
  json.array([&] {
    for (const KernelSpan &kernel : kernels)
      json.object([&] {
        json.attribute("class", int64_t(kernel.chipClass));
        json.attribute("name", kernel.name);
        json.attribute("kind", kernel.kind);
        json.attribute("first", kernel.first);
        json.attribute("last", kernel.last);
        json.attribute("iterations", kernel.iterations);
        json.attribute("period", kernel.period);
      });
  });
  return text + "\n";
}

llvm::Expected<std::vector<KernelSpan>>
lpu::readKernelSection(const Package &package) {
  std::vector<KernelSpan> kernels;
  auto read = [&](llvm::json::ObjectMapper &map, std::string &wrong) {
    KernelSpan &span = kernels.emplace_back();
    int64_t chipClass = -1;
    // Cycles stay far below what JavaScript holds exactly, and iterations
    // below what a page can list.
    constexpr int64_t mostCycles = int64_t(1) << 48;
    constexpr int64_t mostIterations = 1 << 20;
    if (!map.map("class", chipClass) || !map.map("name", span.name) ||
        !map.map("kind", span.kind) || !map.map("first", span.first) ||
        !map.map("last", span.last) ||
        !map.map("iterations", span.iterations) ||
        !map.map("period", span.period))
      return false;
    if (chipClass < 0 || uint64_t(chipClass) >= package.classes.size() ||
        span.first < 0 || span.last < span.first || span.last > mostCycles ||
        span.iterations < 1 || span.iterations > mostIterations ||
        span.period < 0 || span.period > mostCycles)
      wrong = "kernel '" + span.name + "' is out of range";
    else
      span.chipClass = unsigned(chipClass);
    return true;
  };
  if (llvm::Error error = readDebugList(package, kernelSectionName, read))
    return std::move(error);
  return kernels;
}
