//===- Machine.cpp - reading machine files, positions, queues -------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Target/Machine.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLTraits.h"

using namespace lpu;

template <> struct llvm::yaml::MappingTraits<Machine> {
  // All keys are required and no other key is known, so that a machine file
  // says everything about its machine.
  static void mapping(IO &io, Machine &m) {
    io.mapRequired("name", m.name);
    io.mapRequired("clock_mhz", m.clockMHz);
    io.mapRequired("lanes", m.lanes);
    io.mapRequired("streams", m.streams);
    io.mapRequired("slices_per_half", m.slicesPerHalf);
    io.mapRequired("slices_per_hop", m.slicesPerHop);
    io.mapRequired("rows", m.rows);
    io.mapRequired("planes_per_half", m.planesPerHalf);
    io.mapRequired("plane_rows", m.planeRows);
    io.mapRequired("install_rows", m.installRows);
    io.mapRequired("accumulator_rows", m.accumulatorRows);
    io.mapRequired("fp16_interval", m.fp16Interval);
    io.mapRequired("alus", m.alus);
    io.mapRequired("transcendental_alus", m.transcendentalAlus);
    io.mapRequired("reduce_alus", m.reduceAlus);
    io.mapRequired("history", m.history);
    io.mapRequired("buffer_rows", m.bufferRows);
    io.mapRequired("loop_depth", m.loopDepth);
    io.mapRequired("fetch_bytes_per_cycle", m.fetchBytesPerCycle);
    io.mapRequired("links", m.links);
    io.mapRequired("link_interval", m.linkInterval);
    io.mapRequired("link_latency", m.linkLatency);
    io.mapRequired("link_margin", m.linkMargin);
    io.mapRequired("link_buffer", m.linkBuffer);
    io.mapRequired("resync_cycles", m.resyncCycles);
    io.mapRequired("node_chips", m.nodeChips);
    io.mapOptional("uplinks", m.uplinks);
    io.mapRequired("host_interval", m.hostInterval);
    io.mapRequired("delay_sram_read", m.delaySramRead);
    io.mapRequired("delay_sram_write", m.delaySramWrite);
    io.mapRequired("delay_alu", m.delayAlu);
    io.mapRequired("delay_transcendental", m.delayTranscendental);
    io.mapRequired("delay_convert", m.delayConvert);
    io.mapRequired("delay_reduce_base", m.delayReduceBase);
    io.mapRequired("delay_reduce_step", m.delayReduceStep);
    io.mapRequired("delay_matrix_int8", m.delayMatrixInt8);
    io.mapRequired("delay_matrix_fp16", m.delayMatrixFp16);
    io.mapRequired("delay_swap", m.delaySwap);
    io.mapRequired("delay_drain", m.delayDrain);
    io.mapRequired("delay_shuffle", m.delayShuffle);
    io.mapRequired("delay_transpose", m.delayTranspose);
    io.mapRequired("delay_fetch", m.delayFetch);
    io.mapRequired("text_slices", m.textSlices);
    io.mapRequired("energy_sram_byte", m.energy.sramByte);
    io.mapRequired("energy_hop_byte", m.energy.hopByte);
    io.mapRequired("energy_mac_int8", m.energy.macInt8);
    io.mapRequired("energy_mac_fp16", m.energy.macFp16);
    io.mapRequired("energy_alu_op", m.energy.aluOp);
    io.mapRequired("energy_link_byte", m.energy.linkByte);
    io.mapRequired("energy_fetch_byte", m.energy.fetchByte);
    io.mapRequired("idle_watts", m.energy.idleWatts);
  }
};

namespace {

struct Builtin {
  const char *name;
  const char *text;
};
const Builtin builtins[] = {
#include "lpu/Target/BuiltinMachines.inc"
};

// Machine files are a few kilobytes; a larger one is not a machine file.
constexpr size_t maxMachineFileBytes = 1 << 20;
// The YAML parser recurses into nested collections without a bound of its own;
// a machine file has one list.
constexpr unsigned maxNestingTokens = 64;

/// Characters outside comments that can open a collection inside another one
/// on the same line, or over lines without indentation.
bool isDeeplyNested(llvm::StringRef text) {
  unsigned opening = 0;
  while (!text.empty()) {
    llvm::StringRef line;
    std::tie(line, text) = text.split('\n');
    line = line.take_until([](char c) { return c == '#'; });
    unsigned dashes = 0;
    for (char c : line) {
      opening += c == '[' || c == '{' || c == '?';
      dashes += c == '-';
    }
    if (opening > maxNestingTokens || dashes > maxNestingTokens)
      return true;
  }
  return false;
}

struct Diagnostics {
  std::string origin, text;

  static void collect(const llvm::SMDiagnostic &diag, void *context) {
    auto *self = static_cast<Diagnostics *>(context);
    if (!self->text.empty())
      self->text += '\n';
    self->text += self->origin + ":" + llvm::Twine(diag.getLineNo()).str() +
                  ":" + llvm::Twine(diag.getColumnNo() + 1).str() + ": " +
                  diag.getMessage().str();
  }
};

} // namespace

const char *lpu::unitName(Unit unit) {
  static const char *const names[numUnitKinds] = {
      "mem",     "alu",       "weights",   "pass",      "drain",
      "shuffle", "transpose", "link_send", "link_recv", "control"};
  return names[unsigned(unit)];
}

//===----------------------------------------------------------------------===//
// Positions and queues
//===----------------------------------------------------------------------===//

unsigned Machine::slicePosition(unsigned slice) const {
  LPU_CHECK(slice < numSlices(), "slice number");
  if (slice < slicesPerHalf)
    return 1 + halfHops() - (slicesPerHalf - 1 - slice) / slicesPerHop;
  return 3 + halfHops() + (slice - slicesPerHalf) / slicesPerHop;
}

bool Machine::isEast(Unit unit, unsigned index) const {
  switch (unit) {
  case Unit::Mem:
    return index >= slicesPerHalf;
  case Unit::Weights:
  case Unit::Pass:
  case Unit::Drain:
    return index >= planesPerHalf;
  case Unit::Shuffle:
  case Unit::Transpose:
    return index == 1;
  case Unit::LinkSend:
  case Unit::LinkRecv:
    return index % 2 == 1;
  case Unit::Alu:
  case Unit::Control:
    return false;
  }
  llvm_unreachable("all units handled");
}

unsigned Machine::unitPosition(Unit unit, unsigned index) const {
  LPU_CHECK(index < numUnits(unit), "unit index");
  switch (unit) {
  case Unit::Mem:
    return slicePosition(index);
  case Unit::Alu:
    return vectorPosition();
  case Unit::Shuffle:
  case Unit::Transpose:
    return isEast(unit, index) ? lastPosition() - 1 : 1;
  case Unit::Weights:
  case Unit::Pass:
  case Unit::Drain:
  case Unit::LinkSend:
  case Unit::LinkRecv:
    return isEast(unit, index) ? lastPosition() : 0;
  case Unit::Control:
    return 0;
  }
  llvm_unreachable("all units handled");
}

unsigned Machine::numUnits(Unit unit) const {
  switch (unit) {
  case Unit::Mem:
    return numSlices();
  case Unit::Alu:
    return alus;
  case Unit::Weights:
  case Unit::Pass:
  case Unit::Drain:
    return numPlanes();
  case Unit::Shuffle:
  case Unit::Transpose:
    return 2;
  case Unit::LinkSend:
  case Unit::LinkRecv:
    return links;
  case Unit::Control:
    return 1;
  }
  llvm_unreachable("all units handled");
}

unsigned Machine::numQueues() const {
  unsigned total = 0;
  for (unsigned kind = 0; kind < numUnitKinds; ++kind)
    total += numUnits(Unit(kind));
  return total;
}

unsigned Machine::queueNumber(Unit unit, unsigned index) const {
  LPU_CHECK(index < numUnits(unit), "unit index");
  unsigned number = index;
  for (unsigned kind = 0; kind < unsigned(unit); ++kind)
    number += numUnits(Unit(kind));
  return number;
}

std::pair<Unit, unsigned> Machine::queueUnit(unsigned queue) const {
  for (unsigned kind = 0; kind < numUnitKinds; ++kind) {
    unsigned count = numUnits(Unit(kind));
    if (queue < count)
      return {Unit(kind), queue};
    queue -= count;
  }
  llvm::report_fatal_error("internal error: queue number out of range");
}

unsigned Machine::reduceDelay(unsigned groupCode) const {
  return delayReduceBase +
         delayReduceStep * llvm::Log2_32_Ceil(reduceLanes(groupCode));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

llvm::Expected<Machine> lpu::parseMachine(llvm::StringRef text,
                                          llvm::StringRef origin) {
  if (text.size() > maxMachineFileBytes)
    return llvm::createStringError(
        origin + ": a machine file has at most 1,048,576 bytes; this has " +
        llvm::Twine(text.size()));
  if (isDeeplyNested(text))
    return llvm::createStringError(
        origin + ": not a machine file: lists or mappings inside each other");
  Diagnostics diagnostics{origin.str(), ""};
  llvm::yaml::Input input(text, nullptr, Diagnostics::collect, &diagnostics);
  Machine machine;
  input >> machine;
  if (std::error_code error = input.error()) {
    if (diagnostics.text.empty())
      diagnostics.text = origin.str() + ": not a machine file: expected a YAML "
                                        "mapping from parameters to values";
    return llvm::createStringError(error, diagnostics.text);
  }
  if (machine.name.empty())
    return llvm::createStringError(origin + ": not a machine file: empty");
  if (input.nextDocument())
    return llvm::createStringError(
        origin + ": a second YAML document ('---'); a file holds one machine");
  std::vector<std::string> violations = validate(machine);
  if (!violations.empty()) {
    std::string message =
        (origin + ": machine '" + machine.name + "' is impossible:").str();
    for (const std::string &violation : violations)
      message += "\n  " + violation;
    return llvm::createStringError(message);
  }
  machine.text = text.str();
  return machine;
}

llvm::Expected<Machine> lpu::loadMachine(llvm::StringRef nameOrPath) {
  for (const Builtin &builtin : builtins)
    if (nameOrPath == builtin.name)
      return parseMachine(builtin.text, nameOrPath);
  auto buffer = llvm::MemoryBuffer::getFile(nameOrPath, /*IsText=*/true);
  if (!buffer) {
    std::vector<llvm::StringRef> names = builtinMachines();
    return llvm::createStringError(
        "machine '" + nameOrPath + "' is neither built in (" +
        llvm::join(names, ", ") +
        ") nor a readable file: " + buffer.getError().message());
  }
  return parseMachine((*buffer)->getBuffer(), nameOrPath);
}

std::vector<llvm::StringRef> lpu::builtinMachines() {
  std::vector<llvm::StringRef> names;
  for (const Builtin &builtin : builtins)
    names.push_back(builtin.name);
  return names;
}
