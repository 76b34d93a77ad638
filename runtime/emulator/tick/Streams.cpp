//===- Streams.cpp - the stream registers of a chip -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Streams.h"
#include "lpu/Support/Check.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::tick;

static std::string describe(StreamPlace p) {
  return llvm::formatv("stream {0}{1} at position {2}",
                       p.west ? "west " : "east ", p.stream, p.position);
}

Streams::Streams(const Machine &machine, FaultLog &log)
    : machine(machine), log(log), zeros(machine.lanes) {
  for (auto &direction : registers)
    direction.assign(machine.lastPosition() + 1,
                     std::vector<Register>(machine.streams));
}

const Bytes &Streams::read(StreamPlace place, bool last,
                           const IssuePtr &reader) {
  const Register &slot = at(place);
  if (!slot.live) {
    log.report(FaultClass::EmptyRead, reader, slot.lastReader,
               describe(place) + " holds no live value");
    return zeros;
  }
  if (last)
    dying.push_back({place, reader});
  if (!slot.upset)
    return *slot.bytes;
  ecc::CodedVector coded = *slot.upset;
  const ecc::Finding finding = coded.correct();
  log.check(finding, reader, describe(place));
  if (finding.uncorrectable) // leads to no other fault, as by an address
    return *slot.bytes;
  return corrected.emplace_back(std::move(coded.bytes));
}

bool Streams::flip(StreamPlace place, unsigned bit) {
  Register &slot = at(place);
  if (!slot.live)
    return false;
  if (!slot.upset)
    slot.upset = std::make_shared<ecc::CodedVector>(*slot.bytes);
  slot.upset->flip(bit);
  return true;
}

void Streams::put(uint64_t cycle, StreamPlace place, Bytes bytes,
                  const IssuePtr &writer) {
  LPU_CHECK(bytes.size() == machine.lanes,
            "a stream value has one byte a lane");
  writes[cycle].push_back({place, std::move(bytes), writer});
}

void Streams::finishCycle(uint64_t now) {
  // Reads are over: what was read for the last time is free.
  for (auto &[place, reader] : dying) {
    Register &slot = at(place);
    if (slot.live)
      --liveRegisters;
    slot.live = false;
    slot.lastReader = reader;
  }
  dying.clear();
  corrected.clear();

  if (auto due = writes.find(now); due != writes.end()) {
    for (Write &write : due->second) {
      Register &slot = at(write.place);
      std::string detail = describe(write.place) + " is live";
      if (!slot.live)
        ++liveRegisters;
      else if (slot.writtenAt == now) // two writers meet
        log.reportPair(FaultClass::StreamOverwrite, write.writer, slot.writer,
                       detail);
      else
        log.report(FaultClass::StreamOverwrite, write.writer, slot.writer,
                   detail);
      slot = {std::make_shared<const Bytes>(std::move(write.bytes)), true, now,
              write.writer, nullptr};
    }
    writes.erase(due);
  }

  // The last position in the direction of travel; then one step for all.
  const unsigned edge = machine.lastPosition();
  for (bool west : {false, true}) {
    auto &positions = registers[west];
    auto &leaving = positions[west ? 0 : edge];
    for (unsigned stream = 0; stream < machine.streams; ++stream)
      if (leaving[stream].live) {
        --liveRegisters;
        log.report(FaultClass::LiveValueLost, leaving[stream].writer, nullptr,
                   describe({west ? 0 : edge, west, stream}) +
                       " was not read for the last time");
      }
    std::vector<Register> empty(machine.streams);
    if (west)
      for (unsigned x = 0; x < edge; ++x)
        positions[x] = std::move(positions[x + 1]);
    else
      for (unsigned x = edge; x > 0; --x)
        positions[x] = std::move(positions[x - 1]);
    positions[west ? edge : 0] = std::move(empty);
  }
  byteHops += liveRegisters * machine.lanes;
}
