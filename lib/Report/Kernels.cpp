//===- Kernels.cpp - kernels in program cycles ----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scheduler reports the cycles of kernels inside their segment. Segments
// follow one another without overlap, so where each begins shows in the queue
// trees: a segment of several iterations is an outermost loop, any other begins
// with its first issue.
//
//===----------------------------------------------------------------------===//

#include "lpu/Report/Report.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;

namespace {
struct Start {
  int64_t cycle = 0, period = 0;
};
} // namespace

/// Earliest issue of an instruction with a unit, at or behind `from`, in the
/// first iteration of what loops there are; INT64_MAX if there is none.
static int64_t firstIssue(const std::vector<QueueItem> &items, int64_t base,
                          int64_t from) {
  for (const QueueItem &item : items) {
    int64_t at = base + int64_t(item.at);
    if (item.isLoop()) {
      int64_t inside =
          at >= from ? firstIssue(item.body, at + 1, from) : INT64_MAX;
      if (inside != INT64_MAX)
        return inside;
    } else if (at >= from && item.inst.info().unit) {
      return at;
    }
  }
  return INT64_MAX;
}

/// Where a segment begins that does not begin before cycle `from`; nullopt if
/// the trees do not show it.
static std::optional<Start> findSegment(const ClassProgram &program,
                                        int64_t from, int64_t iterations,
                                        int64_t first, int64_t last) {
  Start start{INT64_MAX, 0};
  for (const QueueProgram &queue : program.queues) {
    if (iterations == 1) {
      int64_t issue = firstIssue(queue.items, 0, from);
      if (issue != INT64_MAX)
        start.cycle = std::min(start.cycle, issue - first);
      continue;
    }
    for (const QueueItem &item : queue.items)
      if (item.iterations == iterations && int64_t(item.at) >= from &&
          int64_t(item.period) > last)
        start = std::min(
            start, Start{int64_t(item.at) + 1, int64_t(item.period)},
            [](const Start &a, const Start &b) { return a.cycle < b.cycle; });
  }
  if (start.cycle == INT64_MAX)
    return std::nullopt;
  return start;
}

/// The kernels of a kind in the text of a class in which its program begins in
/// cycle `end`.
static void addSpans(const KindReport &kind, const ClassProgram &program,
                     unsigned number, int64_t end,
                     std::vector<KernelSpan> &spans) {
  const std::vector<schedule::KernelReport> &kernels = kind.kernels;
  for (size_t begin = 0; begin < kernels.size();) {
    // The kernels of one segment.
    size_t behind = begin;
    int64_t first = INT64_MAX, last = 0;
    for (; behind < kernels.size() &&
           kernels[behind].segment == kernels[begin].segment;
         ++behind) {
      first = std::min(first, kernels[behind].first);
      last = std::max(last, kernels[behind].last);
    }
    int64_t iterations = kernels[begin].iterations;
    std::optional<Start> start =
        findSegment(program, end, iterations, first, last);
    if (!start)
      return;
    for (; begin < behind; ++begin) {
      const schedule::KernelReport &kernel = kernels[begin];
      KernelSpan span;
      span.name = kernel.name;
      span.kind = kernel.kind;
      span.chipClass = number;
      span.first = start->cycle + kernel.first;
      span.last = start->cycle + kernel.last;
      span.iterations = iterations;
      span.period = start->period;
      spans.push_back(std::move(span));
    }
    end = start->cycle + last + (iterations - 1) * start->period + 1;
  }
}

std::vector<KernelSpan> lpu::kernelSpans(const CompileResult &result) {
  std::vector<KernelSpan> spans;
  std::vector<bool> isDone(result.classes.size());
  for (auto [c, chip] : llvm::enumerate(result.package.chips)) {
    unsigned number = chip.chipClass;
    if (isDone[number])
      continue;
    isDone[number] = true;
    const ClassProgram &program = result.classes[number];
    const KindReport &kind =
        result.kinds[result.stages.empty() ? 0 : result.stages[c].kind];
    // Transfers stand in front of the program of the kind.
    int64_t begin = firstCompute(program);
    if (begin == INT64_MAX || begin < kind.firstCompute)
      begin = 0;
    else
      begin -= kind.firstCompute;
    addSpans(kind, program, number, begin, spans);
  }
  return spans;
}
