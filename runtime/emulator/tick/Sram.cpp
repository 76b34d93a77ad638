//===- Sram.cpp - the SRAM slices of a chip -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sram.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lpu;
using namespace lpu::emulator;
using namespace lpu::emulator::tick;

static std::string describe(RowAddress a) {
  return llvm::formatv("row {0} of slice {1} bank {2}", a.row, a.slice, a.bank);
}

void Sram::load(RowAddress address, llvm::ArrayRef<uint8_t> bytes) {
  rows[address] = {Bytes(bytes.begin(), bytes.end()), 0, nullptr};
}

const Bytes *Sram::peek(RowAddress address) const {
  auto row = rows.find(address);
  return row == rows.end() ? nullptr : &row->second.bytes;
}

bool Sram::flip(RowAddress address, unsigned bit) {
  auto found = rows.find(address);
  if (found == rows.end())
    return false;
  Row &row = found->second;
  if (!row.upset)
    row.upset = std::make_shared<ecc::CodedVector>(row.bytes);
  row.upset->flip(bit);
  return true;
}

std::pair<Bytes, ecc::Finding> Sram::inspect(RowAddress address) const {
  const Row &row = rows.at(address);
  if (!row.upset)
    return {row.bytes, {}};
  ecc::CodedVector coded = *row.upset;
  ecc::Finding finding = coded.correct();
  return {finding.uncorrectable ? row.upset->bytes : coded.bytes, finding};
}

void Sram::startRun() {
  for (auto &[address, row] : rows)
    row.writer = nullptr;
}

void Sram::startCycle(uint64_t cycle, FaultLog &faults) {
  now = cycle;
  log = &faults;
  ports.clear();
}

void Sram::usePort(RowAddress address, const IssuePtr &issue) {
  IssuePtr &user = ports[{address.slice, address.bank}];
  if (user)
    log->reportPair(FaultClass::BankConflict, issue, user,
                    llvm::formatv("slice {0} bank {1} is used twice",
                                  address.slice, address.bank));
  user = issue;
}

Bytes Sram::read(RowAddress address, const IssuePtr &issue) {
  usePort(address, issue);
  auto found = rows.find(address);
  if (found == rows.end()) {
    log->report(FaultClass::UninitialisedRead, issue, nullptr,
                describe(address) + " was never written nor loaded");
    return Bytes(machine.lanes);
  }
  if (inFlight(found->second))
    log->report(FaultClass::UnspecifiedBehaviour, issue, found->second.writer,
                llvm::formatv("{0} is read before the write is visible, in "
                              "cycle {1}",
                              describe(address), found->second.visible));
  auto [bytes, finding] = inspect(address);
  log->check(finding, issue, describe(address));
  return bytes;
}

void Sram::write(RowAddress address, const Bytes &bytes,
                 const IssuePtr &issue) {
  usePort(address, issue);
  if (text.count(address))
    return log->report(FaultClass::UnspecifiedBehaviour, issue, nullptr,
                       describe(address) + " holds program text");
  Row &row = rows[address];
  if (inFlight(row))
    log->report(FaultClass::UnspecifiedBehaviour, issue, row.writer,
                llvm::formatv("{0} is written before the write is visible, in "
                              "cycle {1}",
                              describe(address), row.visible));
  row = {bytes, now + machine.delaySramWrite, issue};
}
