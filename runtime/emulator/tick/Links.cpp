//===- Links.cpp - the cables between chips, and their clocks -------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Links.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::tick;

Links::Links(const Package &package, const RunOptions &options, FaultLog &log)
    : package(package), machine(package.machine), options(options), log(log),
      clocks(package.chips.size()) {
  for (const LinkWire &wire : package.wires)
    wires[{wire.fromChip, wire.fromLink}] = {wire.toChip, wire.toLink};
  for (unsigned chip = 0; chip < clocks.size(); ++chip)
    if (chip < options.driftPpm.size())
      clocks[chip].ppm = options.driftPpm[chip];
}

void Links::startRun(unsigned chip, uint64_t cycle) {
  clocks[chip].lastResync = cycle;
  clocks[chip].resync = nullptr;
}

void Links::startCycle(uint64_t cycle) {
  now = cycle;
  for (auto &[port, queue] : vectors) {
    unsigned waiting = 0;
    const Vector *arriving = nullptr;
    for (const Vector &vector : queue) {
      waiting += vector.arrival <= now;
      if (vector.arrival == now)
        arriving = &vector;
    }
    if (arriving && waiting > machine.linkBuffer)
      log.report(FaultClass::LinkOverrun, arriving->send, queue.front().send,
                 llvm::formatv("{0} vectors wait at chip {1} port {2}, its "
                               "buffer holds {3}",
                               waiting, port.first, port.second,
                               machine.linkBuffer));
  }
}

void Links::checkResync(const IssuePtr &issue) {
  const Clock &clock = clocks[issue->chip];
  if (now - clock.lastResync > machine.resyncCycles)
    log.report(FaultClass::Drift, issue, clock.resync,
               llvm::formatv("{0} cycles after the last resync, at most {1} "
                             "are allowed",
                             now - clock.lastResync, machine.resyncCycles));
}

/// Is \p cycle no later than the rest behind the chip's last resync?
bool Links::inRest(const Clock &clock, uint64_t cycle) const {
  return clock.resync && cycle <= clock.lastResync + machine.resyncRest();
}

void Links::send(unsigned link, const Bytes &bytes, const IssuePtr &issue) {
  checkResync(issue);
  if (const Clock &clock = clocks[issue->chip]; inRest(clock, now))
    log.report(FaultClass::Drift, issue, clock.resync,
               llvm::formatv("{0} cycles after a resync, the links rest for "
                             "{1}",
                             now - clock.lastResync, machine.resyncRest()));
  const Port from = port(issue->chip, link);
  IssuePtr &previous = lastSend[from];
  if (previous && previous->cycle + machine.linkInterval > now)
    log.report(FaultClass::LinkOverrun, issue, previous,
               llvm::formatv("sends of one link are at least {0} cycles apart",
                             machine.linkInterval));
  previous = issue;
  auto wire = wires.find(from);
  if (wire == wires.end())
    return log.report(FaultClass::LinkOverrun, issue, nullptr,
                      llvm::formatv("no wire leaves port {0}", from.second));
  const uint64_t arrival = now + machine.linkLatency;
  Vector vector{bytes, issue, drift(clocks[issue->chip]),
                arrival - machine.linkMargin, arrival + machine.linkMargin};
  const uint64_t number = sent[from]++;
  for (const Upset &upset : options.upsets) {
    if (upset.place != Upset::Place::Link || upset.chip != issue->chip ||
        upset.link != link || upset.number != number)
      continue;
    if (!vector.upset)
      vector.upset = std::make_shared<ecc::CodedVector>(bytes);
    vector.upset->flip(upset.bit);
    ++log.upsets.met;
  }
  vectors[wire->second].push_back(std::move(vector));
}

Bytes Links::receive(unsigned link, const IssuePtr &issue) {
  checkResync(issue);
  std::deque<Vector> &queue = vectors[port(issue->chip, link)];
  if (queue.empty() || queue.front().receivable > now) {
    log.report(FaultClass::LinkUnderrun, issue,
               queue.empty() ? nullptr : queue.front().send,
               queue.empty()
                   ? std::string("no vector is under way")
                   : llvm::formatv("the oldest vector is receivable from "
                                   "cycle {0}",
                                   queue.front().receivable)
                         .str());
    return Bytes(machine.lanes);
  }
  Vector vector = std::move(queue.front());
  queue.pop_front();
  if (vector.upset) {
    log.check(vector.upset->correct(), issue, "the vector received");
    vector.bytes = vector.upset->bytes;
  }
  if (const Clock &clock = clocks[issue->chip]; inRest(clock, vector.arrival)) {
    log.report(FaultClass::Drift, issue, clock.resync,
               llvm::formatv("the vector may arrive in cycle {0}, the links "
                             "rest up to cycle {1}",
                             vector.arrival,
                             clock.lastResync + machine.resyncRest()));
    return vector.bytes;
  }
  const int64_t skew = vector.senderDrift - drift(clocks[issue->chip]);
  if (std::abs(skew) > int64_t(machine.linkMargin))
    log.report(FaultClass::Drift, issue, vector.send,
               llvm::formatv("the clocks have drifted apart by {0} cycles, the "
                             "margin is {1}",
                             skew, machine.linkMargin));
  return vector.bytes;
}

void Links::resync(const IssuePtr &issue) {
  Clock &clock = clocks[issue->chip];
  clock.lastResync = now;
  clock.resync = issue;
}

bool Links::arrived(uint64_t cycle) const {
  for (auto &[port, queue] : vectors)
    if (!queue.empty() && queue.back().arrival >= cycle)
      return false;
  return true;
}

std::optional<uint64_t> Links::reportUnreceived() {
  std::optional<uint64_t> first;
  for (auto &[port, queue] : vectors)
    for (const Vector &vector : queue)
      if (!first || vector.receivable < *first)
        first = vector.receivable;
  if (!first)
    return first;
  log.startCycle(*first);
  for (auto &[port, queue] : vectors)
    for (const Vector &vector : queue)
      if (vector.receivable == *first)
        log.report(FaultClass::LiveValueLost, vector.send, nullptr,
                   llvm::formatv("chip {0} port {1} never receives this vector",
                                 port.first, port.second));
  return first;
}
