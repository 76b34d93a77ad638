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

std::vector<KernelSpan> lpu::kernelSpans(const CompileResult &result) {
  std::vector<KernelSpan> spans;
  if (result.classes.empty())
    return spans;
  int64_t end = 0;
  for (size_t begin = 0; begin < result.kernels.size();) {
    // The kernels of one segment.
    size_t behind = begin;
    int64_t first = INT64_MAX, last = 0;
    for (; behind < result.kernels.size() &&
           result.kernels[behind].segment == result.kernels[begin].segment;
         ++behind) {
      first = std::min(first, result.kernels[behind].first);
      last = std::max(last, result.kernels[behind].last);
    }
    int64_t iterations = result.kernels[begin].iterations;
    std::optional<Start> start =
        findSegment(result.classes[0], end, iterations, first, last);
    if (!start)
      return spans;
    for (; begin < behind; ++begin) {
      const schedule::KernelReport &kernel = result.kernels[begin];
      KernelSpan span;
      span.name = kernel.name;
      span.kind = kernel.kind;
      span.first = start->cycle + kernel.first;
      span.last = start->cycle + kernel.last;
      span.iterations = iterations;
      span.period = start->period;
      spans.push_back(std::move(span));
    }
    end = start->cycle + last + (iterations - 1) * start->period + 1;
  }
  return spans;
}
