//===- Streams.h - the stream registers of a chip ---------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// At every position stand, for each direction, `streams` registers of one byte
// per lane. Each cycle every register hands its contents to its neighbour
// downstream. This file does exactly that.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_STREAMS_H
#define LPU_RUNTIME_EMULATOR_TICK_STREAMS_H

#include "Issue.h"
#include <list>
#include <map>

namespace lpu::emulator::tick {

/// A byte stream at a position.
struct StreamPlace {
  unsigned position = 0;
  bool west = false;
  unsigned stream = 0;
};

class Streams {
public:
  Streams(const Machine &machine, FaultLog &log);

  /// Reads the register at \p place in this cycle; zeros if it is not live.
  const Bytes &read(StreamPlace place, bool last, const IssuePtr &reader);
  /// Puts \p bytes into the register at \p place in cycle \p cycle (not before
  /// this one).
  void put(uint64_t cycle, StreamPlace place, Bytes bytes,
           const IssuePtr &writer);
  /// A bit flips; false if nothing is live there.
  bool flip(StreamPlace place, unsigned bit);
  /// The end of cycle \p now, behind all reads: values die, new values are
  /// written, live ones at the edge are lost, everything moves one position.
  void finishCycle(uint64_t now);

  /// True if nothing is live and nothing will be written.
  bool quiet() const { return liveRegisters == 0 && writes.empty(); }
  uint64_t byteHops = 0;

private:
  struct Register {
    std::shared_ptr<const Bytes> bytes;
    bool live = false;
    uint64_t writtenAt = 0;
    IssuePtr writer, lastReader;
    /// The bytes with their check bits, once a bit has flipped.
    std::shared_ptr<ecc::CodedVector> upset = nullptr;
  };
  struct Write {
    StreamPlace place;
    Bytes bytes;
    IssuePtr writer;
  };
  Register &at(StreamPlace p) {
    return registers[p.west][p.position][p.stream];
  }

  const Machine &machine;
  FaultLog &log;
  Bytes zeros;
  uint64_t liveRegisters = 0;
  /// [direction][position][stream]
  std::vector<std::vector<Register>> registers[2];
  std::vector<std::pair<StreamPlace, IssuePtr>> dying;
  std::list<Bytes> corrected; // what reads of this cycle corrected
  std::map<uint64_t, std::vector<Write>> writes;
};

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_STREAMS_H
