//===- Modular.h - runs a package modulo a prime ----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The event engine with numbers of a field instead of bits, see
// docs/verification.md. Time, control and faults are those of every run.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_EMULATOR_MODULAR_H
#define LPU_EMULATOR_MODULAR_H

#include "lpu/Emulator/Emulator.h"
#include "lpu/Modular/Field.h"
#include <mutex>
#include <set>

namespace lpu::emulator {

/// What stands in one byte of a row, a stream or a link: a byte of data, or
/// byte `byte` of a number that has `width` bytes.
struct ModularByte {
  uint32_t value = 0; // the byte, or the number's residue
  uint8_t width = 0;  // 0: data
  uint8_t byte = 0;
  uint8_t unused[2] = {};

  static ModularByte data(uint8_t byte) { return {byte, 0, 0, {}}; }
  bool operator==(const ModularByte &o) const {
    return value == o.value && width == o.width && byte == o.byte;
  }
};

/// The element of type \p type that \p bytes make (byteWidth of it); noise
/// drawn from \p field if they do not belong together.
modular::Element joinBytes(const modular::Field &field,
                           const ModularByte *bytes, isa::ElementType type);

/// What all chips of a run share.
struct ModularContext {
  const modular::Field &field;
  /// What no program may do: an address that is no known integer.
  std::set<std::string> complaints;
  std::mutex mutex;
  void complain(std::string text) {
    std::lock_guard<std::mutex> guard(mutex);
    complaints.insert(std::move(text));
  }
};

class ModularEngine {
public:
  virtual ~ModularEngine();
  /// As Engine::writeRow and readRow, with `lanes` bytes.
  virtual void writeRow(unsigned chip, unsigned slice, unsigned bank,
                        unsigned row, llvm::ArrayRef<ModularByte> bytes) = 0;
  virtual bool readRow(unsigned chip, unsigned slice, unsigned bank,
                       unsigned row,
                       llvm::MutableArrayRef<ModularByte> bytes) = 0;
  /// One run. Parties of a fault are not named: every other run does.
  virtual RunResult run(const RunOptions &options) = 0;
};

/// \p package and \p context must outlive the engine.
std::unique_ptr<ModularEngine> createModularEngine(const Package &package,
                                                   ModularContext &context);

} // namespace lpu::emulator

#endif // LPU_EMULATOR_MODULAR_H
