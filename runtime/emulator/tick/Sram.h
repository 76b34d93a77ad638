//===- Sram.h - the SRAM slices of a chip -----------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_TICK_SRAM_H
#define LPU_RUNTIME_EMULATOR_TICK_SRAM_H

#include "Issue.h"
#include <map>
#include <set>
#include <tuple>

namespace lpu::emulator::tick {

/// Slice, bank, row.
struct RowAddress {
  unsigned slice = 0, bank = 0, row = 0;
  bool operator<(const RowAddress &o) const {
    return std::tie(slice, bank, row) < std::tie(o.slice, o.bank, o.row);
  }
};

class Sram {
public:
  explicit Sram(const Machine &machine) : machine(machine) {}

  // Host side.
  void load(RowAddress address, llvm::ArrayRef<uint8_t> bytes);
  /// nullptr if the row was never written nor loaded.
  const Bytes *peek(RowAddress address) const;
  /// Rows of program text; instructions must not write them.
  void protect(RowAddress address) { text.insert(address); }

  /// A bit flips; false if the row was never written nor loaded.
  bool flip(RowAddress address, unsigned bit);
  /// What a reader finds; of an uncorrectable row the bytes as they stand.
  std::pair<Bytes, ecc::Finding> inspect(RowAddress address) const;

  // Program side.
  /// Forgets writes in flight of an earlier run.
  void startRun();
  void startCycle(uint64_t now, FaultLog &log);
  /// Takes the bank's port for this cycle, then reads; zeros after a fault.
  Bytes read(RowAddress address, const IssuePtr &issue);
  /// Takes the bank's port for this cycle; visible from now + delay.
  void write(RowAddress address, const Bytes &bytes, const IssuePtr &issue);

private:
  struct Row {
    Bytes bytes;
    uint64_t visible = 0;
    IssuePtr writer; // of the write in flight, if any
    /// The bytes with their check bits, once a bit has flipped.
    std::shared_ptr<ecc::CodedVector> upset = nullptr;
  };
  void usePort(RowAddress address, const IssuePtr &issue);
  bool inFlight(const Row &row) const {
    return row.writer && now < row.visible;
  }

  const Machine &machine;
  FaultLog *log = nullptr;
  uint64_t now = 0;
  std::map<RowAddress, Row> rows;
  std::set<RowAddress> text;
  /// The users of this cycle, by slice and bank.
  std::map<std::pair<unsigned, unsigned>, IssuePtr> ports;
};

} // namespace lpu::emulator::tick

#endif // LPU_RUNTIME_EMULATOR_TICK_SRAM_H
