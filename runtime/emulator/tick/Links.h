//===- Links.h - the cables between chips, and their clocks -----*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_LINKS_H
#define LPU_RUNTIME_EMULATOR_TICK_LINKS_H

#include "Issue.h"
#include <deque>
#include <map>

namespace lpu::emulator::tick {

class Links {
public:
  Links(const Package &package, const RunOptions &options, FaultLog &log);

  /// A run of a chip starts: its clock agrees with its parent's.
  void startRun(unsigned chip, uint64_t cycle);
  /// Vectors arrive in receive buffers.
  void startCycle(uint64_t now);
  void send(unsigned link, const Bytes &bytes, const IssuePtr &issue);
  /// The oldest vector; zeros after a fault.
  Bytes receive(unsigned link, const IssuePtr &issue);
  void resync(const IssuePtr &issue);
  /// True if no vector is still on its way in cycle \p cycle.
  bool arrived(uint64_t cycle) const;
  /// The end of the program: vectors that nobody received.
  /// Returns the cycle of the fault, if there is one.
  std::optional<uint64_t> reportUnreceived();

private:
  using Port = std::pair<unsigned, unsigned>; // chip, port
  struct Vector {
    Bytes bytes;
    IssuePtr send;
    int64_t senderDrift;
    uint64_t arrival, receivable;
    /// The bytes with their check bits, if bits of them flip.
    std::shared_ptr<ecc::CodedVector> upset = nullptr;
  };
  struct Clock {
    int64_t ppm = 0;
    uint64_t lastResync = 0;
    IssuePtr resync; // nullptr: the start of the run
  };
  int64_t drift(const Clock &clock) const {
    return clock.ppm * int64_t(now - clock.lastResync) / 1000000;
  }
  void checkResync(const IssuePtr &issue);
  bool inRest(const Clock &clock, uint64_t cycle) const;

  /// The port that a link number of a chip's text stands for.
  Port port(unsigned chip, unsigned link) const {
    return {chip, package.chips[chip].port(link)};
  }

  const Package &package;
  const Machine &machine;
  const RunOptions &options;
  FaultLog &log;
  uint64_t now = 0;
  std::vector<Clock> clocks;
  std::map<Port, Port> wires;
  std::map<Port, IssuePtr> lastSend;
  std::map<Port, uint64_t> sent; // vectors so far
  /// On the way to, or in the receive buffer of, a port.
  std::map<Port, std::deque<Vector>> vectors;
};

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_LINKS_H
