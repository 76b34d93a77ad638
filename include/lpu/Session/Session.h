//===- Session.h - feed, run and fetch a package ----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A session puts named arrays where the package's bindings say, runs the
// emulator and reads the outputs back. It copies elements and converts their
// types; it knows no operator, so nothing that a model computes can happen
// here.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SESSION_SESSION_H
#define LPU_SESSION_SESSION_H

#include "lpu/Emulator/Emulator.h"
#include "lpu/Session/Npz.h"

namespace lpu {

enum class EngineKind { Tick, Event };

class Session {
public:
  /// Errors: a file that is not a consistent package; a binding of types that
  /// no element conversion joins (a float on the host, an integer on the chip).
  static llvm::Expected<std::unique_ptr<Session>> open(llvm::StringRef path,
                                                       EngineKind engine);
  static llvm::Expected<std::unique_ptr<Session>> create(Package package,
                                                         EngineKind engine);

  const Package &package() const { return *program; }
  emulator::Engine &engine() { return *machineState; }

  /// Places all inputs. The error lists everything that is wrong with the
  /// arrays at once (missing, unknown or repeated names, shapes, types,
  /// integers that the chip's type cannot hold); nothing is placed then.
  llvm::Error feed(llvm::ArrayRef<NpyArray> arrays);

  /// Zeros in all inputs: for runs without values, in which input rows must
  /// only be there.
  void feedZeros();

  emulator::RunResult run(const emulator::RunOptions &options) {
    return machineState->run(options);
  }

  /// All outputs, in the package's order. Errors: a row that the program never
  /// wrote, or that has an uncorrectable bit error.
  llvm::Expected<std::vector<NpyArray>> fetch();

  /// Repeated runs, one every Package::interval cycles (docs/isa.md, section
  /// 9): the host port writes the inputs of a run before it and reads the
  /// outputs behind it, chip by chip. Replicas run at the same time: as many
  /// runs of `inputs` are one run of the emulator.
  struct Runs {
    emulator::RunResult result;
    std::vector<std::vector<NpyArray>> outputs; // by run; none after a fault
  };
  /// One run for each element of \p inputs, of which there is one. Errors: no
  /// initiation interval, or as feed and fetch, with the number of the run.
  llvm::Expected<Runs> runMany(llvm::ArrayRef<std::vector<NpyArray>> inputs,
                               emulator::RunOptions options);

  /// Cycles of the host port for all inputs and all outputs: one vector every
  /// `host_interval` cycles and chip (docs/isa.md, section 9).
  uint64_t hostPortCycles() const;

private:
  Session() = default;

  /// An input's elements as bits of the chip's type.
  struct Feed {
    const TensorBinding *binding;
    std::vector<uint32_t> bits;
  };
  llvm::Expected<std::vector<Feed>>
  convert(llvm::ArrayRef<NpyArray> arrays) const;
  /// The bytes of an output's columns, as read from SRAM.
  struct Collected {
    std::vector<std::vector<uint8_t>> columns;
    std::vector<char> written; // by column
    std::vector<char> spoiled; // by column
  };
  Collected makeColumns(const TensorBinding &binding) const;
  void readColumn(const TensorBinding &binding, size_t column, unsigned replica,
                  Collected &collected);
  llvm::Expected<std::vector<NpyArray>>
  assemble(llvm::ArrayRef<Collected> outputs) const;

  std::unique_ptr<Package> program;
  std::unique_ptr<emulator::Engine> machineState;
};

} // namespace lpu

#endif // LPU_SESSION_SESSION_H
