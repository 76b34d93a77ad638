//===- Tensors.h - tensors of the model inside a run ------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the tensors that a package's debug section names (lpu/Binary/Tensors.h)
// out of SRAM in the cycle in which they are complete.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SESSION_TENSORS_H
#define LPU_SESSION_TENSORS_H

#include "lpu/Binary/Tensors.h"
#include "lpu/Session/Session.h"

namespace lpu {

class TensorReader {
public:
  /// Errors: a package without the section, or with a damaged one.
  static llvm::Expected<std::unique_ptr<TensorReader>> create(Session &session);

  /// Makes a run fill the reader. It must outlive the run.
  void attach(emulator::RunOptions &options);

  /// After the run: arrays named "CHIP:CYCLE:NAME", float32 or int32, by cycle.
  /// A tensor of which a group of chips has parts is one array with the number
  /// of the first chip; the cycle is that in which all of it is there.
  /// \p incomplete gets the names of those that have elements in no place.
  std::vector<NpyArray> arrays(std::vector<std::string> &incomplete) const;

private:
  explicit TensorReader(Session &session) : session(session) {}
  void read(size_t place);

  /// What a chip has of a tensor.
  struct Part {
    const TensorPlace *first; // of its places, which agree in shape
    uint64_t complete = 0;
    NpyArray array;
    std::vector<bool> known; // by element
  };

  Session &session;
  std::vector<TensorPlace> places;
  std::vector<unsigned> partOf; // by place
  std::vector<Part> parts;
};

} // namespace lpu

#endif // LPU_SESSION_TENSORS_H
