//===- Planes.cpp - state of the matrix planes ----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/isa.md, section 6. A plane has three queues; what they share is the
// weight buffers (a sequence of formats, each active between two swaps) and the
// accumulator rows, which passes write in the order of their completion.
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "llvm/ADT/STLExtras.h"

using namespace lpu;
using namespace lpu::verify;
using isa::Opcode;
namespace field = lpu::isa::field;

namespace {

/// What stands in the buffer that is active from a cycle on.
struct Active {
  int64_t from;
  std::optional<Issue> install; // first one; none: all zero, no format
  bool fp16 = false;
};

class Plane {
public:
  Plane(const QueueTrace *weights, const QueueTrace *passes,
        const QueueTrace *drains, Reporter &reporter)
      : weights(weights), passes(passes), drains(drains), reporter(reporter),
        machine(reporter.machine()), rows(machine.accumulatorRows) {}

  void check() {
    active.push_back({INT64_MIN, std::nullopt});
    if (weights)
      checkWeights();
    if (passes) {
      checkPasses();
      completePasses();
    }
    if (drains)
      checkDrains();
  }

private:
  struct Row {
    int64_t from = INT64_MAX;     // completion of its first replace
    std::optional<Issue> replace; // the newest
    bool fp16 = false;
  };
  /// Part of a pass run that is still to complete.
  struct Completing : Progression {
    const Run *run;
    int64_t index; // repeat number of `first`
  };

  void checkWeights();
  void checkPasses();
  void completePasses();
  void complete(const Completing &part, int64_t count);
  void checkDrains();
  int64_t checkRange(const QueueTrace &queue, const Run &run, int64_t at,
                     int64_t step, int64_t width, int64_t limit,
                     const char *what);

  const QueueTrace *weights, *passes, *drains;
  Reporter &reporter;
  const Machine &machine;
  std::vector<Active> active;
  std::vector<Row> rows;
  bool allRows = false;      // every row was written ...
  int64_t allRowsFrom = 0;   // ... by this completion
  bool mixedFormats = false; // passes of both formats
};

/// Rows at + i x step .. + width - 1 of all repeats lie in 0 .. limit - 1.
/// Reports the first repeat that does not; returns the number before it.
int64_t Plane::checkRange(const QueueTrace &queue, const Run &run, int64_t at,
                          int64_t step, int64_t width, int64_t limit,
                          const char *what) {
  Progression issues = queue.issues(run);
  int64_t end = at + (issues.count - 1) * step;
  if (std::min(at, end) >= 0 && std::max(at, end) + width <= limit)
    return issues.count;
  int64_t i = 0;
  if (at >= 0 && at + width <= limit)
    i = step > 0 ? (limit - width - at) / step + 1 : at / -step + 1;
  int64_t t = issues.at(i);
  reporter.add(
      Fault::AddressOutOfRange, t, Issue{&queue, run.text, t}, std::nullopt,
      llvm::Twine(what) + " " + llvm::Twine(at + i * step) + " to " +
          llvm::Twine(at + i * step + width - 1) + " of " + llvm::Twine(limit));
  return i;
}

void Plane::checkWeights() {
  std::optional<Issue> install; // of the shadow
  bool shadowFp16 = false;
  const Run *swap = nullptr;
  for (const Run &run : weights->runs) {
    const isa::Instruction &in = weights->text[run.text];
    Issue here{weights, run.text, run.first};
    if (swap && run.first < swap->first + machine.delaySwap)
      reporter.add(Fault::UnitConflict, run.first, here,
                   Issue{weights, swap->text, swap->first},
                   "the buffers are being swapped until cycle " +
                       llvm::Twine(swap->first + machine.delaySwap));
    if (in.opcode == Opcode::weights_swap) {
      active.push_back({run.first + machine.delaySwap, install, shadowFp16});
      install.reset();
      swap = &run;
      continue;
    }
    if (in.opcode != Opcode::weights_install)
      continue;
    bool fp16 = in.get(field::weights_install::fp16);
    int64_t n = in.get(field::weights_install::n);
    if (install && fp16 != shadowFp16)
      reporter.add(Fault::UnspecifiedBehaviour, run.first, here, install,
                   "the shadow buffer holds weights of the other format");
    if (!install) {
      install = here;
      shadowFp16 = fp16;
    }
    int64_t weightRows = fp16 ? machine.planeRows / 2 : machine.planeRows;
    int64_t vectors = fp16 ? n / 2 : n;
    bool columns = in.get(field::weights_install::columns);
    checkRange(*weights, run, in.get(field::weights_install::at),
               in.get(field::weights_install::step), vectors,
               columns ? machine.lanes : weightRows,
               columns ? "weight columns" : "weight rows");
    if (columns)
      checkRange(*weights, run, in.get(field::weights_install::row), 0,
                 in.get(field::weights_install::lane_count), weightRows,
                 "weight rows");
  }
}

void Plane::checkPasses() {
  const Run *previous = nullptr;
  size_t buffer = 0;
  bool anyInt8 = false, anyFp16 = false;
  for (const Run &run : passes->runs) {
    const isa::Instruction &in = passes->text[run.text];
    bool fp16 = in.get(field::pass_run::fp16);
    (fp16 ? anyFp16 : anyInt8) = true;
    Progression issues = passes->issues(run);
    Issue here{passes, run.text, run.first};
    if (previous && passes->text[previous->text].get(field::pass_run::fp16)) {
      int64_t last = passes->issues(*previous).last();
      if (run.first < last + machine.fp16Interval)
        reporter.add(Fault::UnitConflict, run.first, here,
                     Issue{passes, previous->text, last},
                     "an fp16 pass takes " + llvm::Twine(machine.fp16Interval) +
                         " cycles");
    }
    if (fp16 && issues.count > 1 && issues.interval < machine.fp16Interval)
      reporter.add(Fault::UnitConflict, issues.at(1),
                   Issue{passes, run.text, issues.at(1)}, here,
                   "an fp16 pass takes " + llvm::Twine(machine.fp16Interval) +
                       " cycles");
    previous = &run;

    // Every buffer that is active for one of the repeats.
    while (buffer + 1 < active.size() && active[buffer + 1].from <= run.first)
      ++buffer;
    for (size_t b = buffer;
         b < active.size() && active[b].from <= issues.last(); ++b) {
      int64_t i = issues.countBelow(active[b].from); // first repeat on b
      int64_t end = b + 1 < active.size()
                        ? issues.countBelow(active[b + 1].from)
                        : issues.count;
      if (i < end && active[b].install && active[b].fp16 != fp16)
        reporter.add(Fault::UnspecifiedBehaviour, issues.at(i),
                     Issue{passes, run.text, issues.at(i)}, active[b].install,
                     "the active weights have the other format");
    }

    int64_t weightRows = fp16 ? machine.planeRows / 2 : machine.planeRows;
    checkRange(*passes, run, in.get(field::pass_run::weight_row), 0,
               in.get(field::pass_run::lane_count), weightRows, "weight rows");
    checkRange(*passes, run, in.get(field::pass_run::acc),
               in.get(field::pass_run::acc_stride), 1, machine.accumulatorRows,
               "accumulator rows");
  }
  mixedFormats = anyInt8 && anyFp16;
}

/// Passes of one format complete in the order of issue. With both formats the
/// delays differ: runs are cut where another one's completions begin.
void Plane::completePasses() {
  std::vector<Completing> parts;
  for (const Run &run : passes->runs) {
    Completing part;
    static_cast<Progression &>(part) = passes->issues(run);
    part.first += isa::delay(passes->text[run.text], machine);
    part.run = &run;
    part.index = 0;
    parts.push_back(part);
  }
  if (!mixedFormats) {
    for (const Completing &part : parts)
      complete(part, part.count);
    return;
  }
  auto later = [](const Completing &a, const Completing &b) {
    return a.first > b.first;
  };
  std::make_heap(parts.begin(), parts.end(), later);
  while (!parts.empty()) {
    std::pop_heap(parts.begin(), parts.end(), later);
    Completing part = parts.back();
    parts.pop_back();
    int64_t count = part.count;
    if (!parts.empty()) {
      const Completing &next = parts.front();
      if (next.first == part.first) {
        Issue a{passes, part.run->text,
                passes->issues(*part.run).at(part.index)};
        Issue b{passes, next.run->text,
                passes->issues(*next.run).at(next.index)};
        if (a.cycle < b.cycle)
          std::swap(a, b);
        reporter.add(Fault::UnitConflict, part.first, a, b,
                     "two passes complete in this cycle");
        count = 1;
      } else {
        count = part.countBelow(next.first);
      }
    }
    complete(part, count);
    if (count < part.count) {
      part.first = part.at(count);
      part.index += count;
      part.count -= count;
      parts.push_back(part);
      std::push_heap(parts.begin(), parts.end(), later);
    }
  }
}

/// \p count repeats from part.first on complete.
void Plane::complete(const Completing &part, int64_t count) {
  const isa::Instruction &in = passes->text[part.run->text];
  int64_t acc = in.get(field::pass_run::acc);
  int64_t stride = in.get(field::pass_run::acc_stride);
  bool add = in.get(field::pass_run::add), fp16 = in.get(field::pass_run::fp16);
  // Once every row has a value, only the formats can still go wrong.
  if (!mixedFormats && allRows && part.first >= allRowsFrom)
    return;
  Progression issues = passes->issues(*part.run);
  // A run stays inside the accumulator rows, or repeats one of them.
  int64_t distinct = stride == 0 ? 1 : count;
  for (int64_t i = 0; i < distinct; ++i) {
    int64_t number = acc + (part.index + i) * stride, c = part.at(i);
    if (number < 0 || number >= int64_t(rows.size()))
      return; // reported by checkPasses
    Row &row = rows[number];
    Issue here{passes, part.run->text, issues.at(part.index + i)};
    if (!add) {
      row.from = std::min(row.from, c);
      row.fp16 = fp16;
      row.replace = here;
    } else if (row.from == INT64_MAX) {
      reporter.add(Fault::UninitialisedRead, c, here, std::nullopt,
                   "accumulator row " + llvm::Twine(number) +
                       " was never written");
    } else if (row.fp16 != fp16) {
      reporter.add(Fault::UnspecifiedBehaviour, c, here, row.replace,
                   "accumulator row " + llvm::Twine(number) +
                       " holds the other format");
    }
  }
  if (!add && !allRows) {
    allRows = true;
    for (const Row &row : rows) {
      allRows &= row.from != INT64_MAX;
      allRowsFrom = std::max(allRowsFrom, row.from);
    }
  }
}

void Plane::checkDrains() {
  for (const Run &run : drains->runs) {
    const isa::Instruction &in = drains->text[run.text];
    int64_t acc = in.get(field::drain_row::acc);
    int64_t stride = in.get(field::drain_row::acc_stride);
    int64_t inside = checkRange(*drains, run, acc, stride, 1,
                                machine.accumulatorRows, "accumulator rows");
    if (allRows && run.first >= allRowsFrom)
      continue;
    Progression issues = drains->issues(run);
    int64_t distinct = stride == 0 ? std::min<int64_t>(1, inside) : inside;
    for (int64_t i = 0; i < distinct; ++i) {
      const Row &row = rows[acc + i * stride];
      if (row.from > issues.at(i)) {
        reporter.add(Fault::UninitialisedRead, issues.at(i),
                     Issue{drains, run.text, issues.at(i)}, std::nullopt,
                     "accumulator row " + llvm::Twine(acc + i * stride) +
                         " is not written yet");
        break;
      }
    }
  }
}

} // namespace

void verify::checkPlanes(const ChipTrace &trace, Reporter &reporter) {
  const Machine &machine = reporter.machine();
  for (unsigned plane = 0; plane < machine.numPlanes(); ++plane) {
    auto queue = [&](Unit unit) {
      return trace.find(machine.queueNumber(unit, plane));
    };
    const QueueTrace *weights = queue(Unit::Weights),
                     *passes = queue(Unit::Pass), *drains = queue(Unit::Drain);
    if (weights || passes || drains)
      Plane(weights, passes, drains, reporter).check();
  }
}
