//===- ClassRuns.cpp - runs without values, class by class ----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ClassRuns.h"
#include "llvm/ADT/STLExtras.h"
#include <map>
#include <set>

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::event;

/// The rows of a chip's image, in order, neighbouring segments joined.
static std::vector<uint32_t> imageRows(const Chip &chip) {
  std::vector<std::array<uint32_t, 3>> runs; // bank number, row, rows
  for (const ImageSegment &s : chip.image)
    runs.push_back({2 * s.slice + s.bank, s.row, s.rows});
  llvm::sort(runs);
  std::vector<uint32_t> joined;
  for (auto [bank, row, rows] : runs) {
    size_t n = joined.size();
    if (n != 0 && joined[n - 3] == bank && joined[n - 2] + joined[n - 1] == row)
      joined[n - 1] += rows;
    else
      joined.insert(joined.end(), {bank, row, rows});
  }
  return joined;
}

/// Chips with the same key behave alike: the class, base registers, and either
/// the image's rows or, if something was written since, the initialised rows.
void ClassRuns::group() {
  using Key =
      std::tuple<unsigned, bool, std::vector<uint32_t>, std::vector<uint64_t>>;
  std::map<Key, unsigned> known;
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    const Chip &c = package.chips[chip];
    Key key{c.chipClass, written(chip), {}, {}};
    // Chips of a class name the same registers.
    for (const BaseRegister &base : c.registers)
      std::get<2>(key).push_back(base.value);
    if (std::get<1>(key))
      std::get<3>(key) = memory(chip).initialised;
    else
      llvm::append_range(std::get<2>(key), imageRows(c));
    auto [place, fresh] = known.insert({std::move(key), groups.size()});
    if (fresh)
      groups.emplace_back();
    groups[place->second].chips.push_back(chip);
    groupOf.push_back(place->second);
  }
}

bool ClassRuns::runGroup(Group &group) {
  unsigned chip = group.chips.front();
  ChipLinks links;
  links.out.resize(package.machine.links);
  links.in.resize(package.machine.links);
  group.record.sends.resize(package.machine.links);
  group.record.receives.resize(package.machine.links);
  links.recorded = &group.record;
  ChipRun<NoData> run(context, options, chip, 0, memory(chip), texts(chip),
                      package.chips[chip].registers, links, nullptr,
                      group.state);
  // No chip of the group may pass the limit.
  int64_t latest = 0;
  for (unsigned each : group.chips)
    latest = std::max(latest, int64_t(package.chips[each].start));
  latest += int64_t(options.runs - 1) * int64_t(package.interval);
  std::atomic<int64_t> limit{int64_t(options.maxCycles) + 1 - latest};
  if (run.resume(limit) != Pause::Finished)
    return false;
  group.end = run.end();
  group.over = run.over();
  return true;
}

/// Runs are over before the next; the ends of all runs.
bool ClassRuns::inTime() {
  ends.assign(options.runs, 0);
  std::vector<HostPortCycles> ports = hostPortCycles(package);
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    const Group &group = groups[groupOf[chip]];
    const Chip &c = package.chips[chip];
    if (package.interval != 0 && uint64_t(group.over) + ports[chip].inputs +
                                         ports[chip].outputs +
                                         restartCycles(package, c.chipClass) >
                                     package.interval)
      return false;
    if (group.end != 0)
      for (unsigned run = 0; run < options.runs; ++run)
        ends[run] = std::max(ends[run], c.start + run * package.interval +
                                            uint64_t(group.end));
  }
  return true;
}

bool ClassRuns::wiresMatch() {
  const Machine &m = package.machine;
  int64_t earliest = int64_t(m.linkLatency) - int64_t(m.linkMargin);
  int64_t latest = int64_t(m.linkLatency) + int64_t(m.linkMargin);
  int64_t interval = int64_t(package.interval), runs = options.runs;
  std::vector<std::vector<unsigned>> linkOf(package.chips.size());
  std::vector<std::vector<char>> wired(package.chips.size()); // 1: out, 2: in
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    linkOf[chip].resize(m.links);
    wired[chip].resize(m.links);
    for (unsigned link = 0; link < m.links; ++link)
      linkOf[chip][package.chips[chip].port(link)] = link;
  }
  std::set<std::array<int64_t, 5>> done;
  for (const LinkWire &wire : package.wires) {
    unsigned out = linkOf[wire.fromChip][wire.fromLink],
             in = linkOf[wire.toChip][wire.toLink];
    wired[wire.fromChip][out] |= 1;
    wired[wire.toChip][in] |= 2;
    int64_t distance = int64_t(package.chips[wire.toChip].start) -
                       int64_t(package.chips[wire.fromChip].start);
    unsigned from = groupOf[wire.fromChip], to = groupOf[wire.toChip];
    if (!done.insert({from, out, to, in, distance}).second)
      continue;
    const std::vector<int64_t> &sends = groups[from].record.sends[out];
    const std::vector<ChipLinks::Receive> &receives =
        groups[to].record.receives[in];
    if (sends.size() != receives.size())
      return false;
    size_t n = sends.size();
    for (size_t k = 0; k < n; ++k) {
      int64_t received = receives[k].cycle + distance;
      if (received < sends[k] + latest)
        return false;
      if (receives[k].rest &&
          sends[k] + earliest <= *receives[k].rest + distance)
        return false;
      // The send that may find vector k still waiting, perhaps of a later run.
      size_t meets = k + m.linkBuffer;
      if (int64_t(meets / n) < runs &&
          received >=
              sends[meets % n] + int64_t(meets / n) * interval + earliest)
        return false;
    }
    if (n != 0 && runs > 1 &&
        sends.front() + interval - sends.back() < int64_t(m.linkInterval))
      return false;
  }
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    const Group &group = groups[groupOf[chip]];
    for (unsigned link = 0; link < m.links; ++link)
      if ((!group.record.sends[link].empty() && !(wired[chip][link] & 1)) ||
          (!group.record.receives[link].empty() && !(wired[chip][link] & 2)))
        return false;
  }
  return true;
}

bool ClassRuns::run() {
  group();
  return llvm::all_of(groups, [&](Group &g) { return runGroup(g); }) &&
         inTime() && wiresMatch();
}
