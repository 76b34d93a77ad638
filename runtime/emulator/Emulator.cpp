//===- Emulator.cpp - what both engines share -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Emulator/Emulator.h"
#include "lpu/Support/Check.h"
#include "llvm/Support/raw_ostream.h"

using namespace lpu;
using namespace lpu::emulator;

Engine::~Engine() = default;

const char *lpu::emulator::faultName(FaultClass kind) {
  static const char *const names[] = {
      "stream-overwrite",      "empty-read",
      "live-value-lost",       "bank-conflict",
      "unit-conflict",         "address-out-of-range",
      "link-overrun",          "link-underrun",
      "fetch-starvation",      "fetch-overload",
      "illegal-encoding",      "uninitialised-read",
      "unspecified-behaviour", "drift",
      "not-implemented",       "run-overlap",
      "uncorrectable-error"};
  return names[unsigned(kind)];
}

CycleMaxima lpu::emulator::limits(const Machine &m) {
  CycleMaxima most;
  most.macs = uint64_t(m.numPlanes()) * m.planeRows * m.lanes;
  most.sramBytes = uint64_t(2) * m.numSlices() * m.lanes;
  most.fetchBytes = m.fetchBytesPerCycle;
  return most;
}

void lpu::emulator::checkLimits(const CycleMaxima &maxima, const Machine &m) {
  CycleMaxima most = limits(m);
  LPU_CHECK(maxima.macs <= most.macs, "multiply-adds of a cycle");
  LPU_CHECK(maxima.sramBytes <= most.sramBytes, "SRAM bytes of a cycle");
  LPU_CHECK(maxima.fetchBytes <= most.fetchBytes, "fetched bytes of a cycle");
}

std::string lpu::emulator::queueName(const Machine &machine, unsigned queue) {
  auto [unit, index] = machine.queueUnit(queue);
  return std::string(unitName(unit)) + " " + std::to_string(index);
}

static void print(llvm::raw_ostream &os, const char *role, const Party &party,
                  const Machine &machine) {
  os << "  " << role << ": chip " << party.chip << " "
     << queueName(machine, party.queue) << " [" << party.textIndex
     << "] at cycle " << party.cycle << ": " << party.instruction << "\n";
}

std::string Fault::str(const Machine &machine) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "fault: " << faultName(kind) << " at cycle " << cycle << " on chip "
     << chip << "\n";
  print(os, "offender", offender, machine);
  if (other)
    print(os, "other", *other, machine);
  os << "  " << detail << "\n";
  return text;
}
