//===- Shuffle.cpp - the shuffle and transpose units ----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Shuffle.h"
#include "llvm/Support/ErrorHandling.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::tick;
using isa::Opcode;

Shuffle::Shuffle(const Machine &machine, unsigned half, Streams &streams,
                 FaultLog &log)
    : machine(machine), position(machine.unitPosition(Unit::Shuffle, half)),
      streams(streams), log(log) {}

void Shuffle::startCycle(uint64_t cycle) {
  now = cycle;
  while (!coming.empty() && coming.front().first <= now) {
    map = std::move(coming.front().second);
    coming.pop_front();
  }
}

Bytes Shuffle::shift(const Bytes &in, const isa::Instruction &inst) const {
  const int64_t amount = inst.get(isa::field::shuffle_shift::amount);
  const int64_t lanes = machine.lanes;
  Bytes out(machine.lanes);
  for (int64_t i = 0; i < lanes; ++i)
    if (int64_t from = i - amount; from >= 0 && from < lanes)
      out[size_t(i)] = in[size_t(from)];
  return out;
}

Bytes Shuffle::rotate(const Bytes &in, const isa::Instruction &inst) const {
  const unsigned amount =
      unsigned(inst.get(isa::field::shuffle_rotate::amount));
  Bytes out(machine.lanes);
  for (unsigned i = 0; i < machine.lanes; ++i)
    out[i / 16 * 16 + (i + amount) % 16] = in[i];
  return out;
}

Bytes Shuffle::distribute(const Bytes &in, const isa::Instruction &inst) const {
  const uint64_t nibbles =
      uint64_t(inst.get(isa::field::shuffle_distribute::map));
  Bytes out(machine.lanes);
  for (unsigned i = 0; i < machine.lanes; ++i)
    out[i] = in[i / 16 * 16 + (nibbles >> (4 * (i % 16)) & 15)];
  return out;
}

Bytes Shuffle::permute(const Bytes &in, const IssuePtr &issue) const {
  Bytes out(machine.lanes);
  if (map.empty()) {
    log.report(FaultClass::UninitialisedRead, issue, nullptr,
               "no permutation map was loaded");
    return out;
  }
  for (unsigned i = 0; i < machine.lanes; ++i)
    if (map[i] < machine.lanes)
      out[i] = in[map[i]];
  return out;
}

void Shuffle::loadMap(const IssuePtr &issue) {
  namespace f = isa::field::shuffle_loadmap;
  const isa::Instruction &inst = issue->instruction;
  Map loaded(machine.lanes);
  for (unsigned byte = 0; byte < 2; ++byte) {
    const Bytes &bytes = streams.read(
        {position, inst.get(f::dir) != 0, unsigned(inst.get(f::stream)) + byte},
        inst.get(f::last), issue);
    for (unsigned i = 0; i < machine.lanes; ++i)
      loaded[i] |= uint16_t(bytes[i] << (8 * byte));
  }
  coming.push_back({now + machine.delayShuffle, std::move(loaded)});
}

void Shuffle::shuffle(const IssuePtr &issue) {
  namespace f = isa::field::shuffle_shift; // all but loadmap begin like this
  const isa::Instruction &inst = issue->instruction;
  if (inst.opcode == Opcode::shuffle_loadmap)
    return loadMap(issue);
  const Bytes &in = streams.read(
      {position, inst.get(f::dir) != 0, unsigned(inst.get(f::stream))},
      inst.get(f::last), issue);
  Bytes out;
  switch (inst.opcode) {
  case Opcode::shuffle_shift:
    out = shift(in, inst);
    break;
  case Opcode::shuffle_rotate:
    out = rotate(in, inst);
    break;
  case Opcode::shuffle_distribute:
    out = distribute(in, inst);
    break;
  case Opcode::shuffle_permute:
    out = permute(in, issue);
    break;
  default:
    llvm_unreachable("a shuffle instruction");
  }
  streams.put(
      now + machine.delayShuffle,
      {position, inst.get(f::odir) != 0, unsigned(inst.get(f::ostream))},
      std::move(out), issue);
}

void Shuffle::transpose(const IssuePtr &issue) {
  namespace f = isa::field::transpose_t16;
  const isa::Instruction &inst = issue->instruction;
  std::vector<Bytes> out(16, Bytes(machine.lanes));
  for (unsigned j = 0; j < 16; ++j) {
    const Bytes &in = streams.read(
        {position, inst.get(f::dir) != 0, unsigned(inst.get(f::stream)) + j},
        inst.get(f::last), issue);
    for (unsigned lane = 0; lane < machine.lanes; ++lane)
      out[lane % 16][lane / 16 * 16 + j] = in[lane];
  }
  for (unsigned i = 0; i < 16; ++i)
    streams.put(
        now + machine.delayTranspose,
        {position, inst.get(f::odir) != 0, unsigned(inst.get(f::ostream)) + i},
        std::move(out[i]), issue);
}
