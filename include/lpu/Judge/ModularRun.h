//===- ModularRun.h - package against model ---------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The modular run: the same random inputs go into the package, which the event
// engine executes modulo a prime, and into the ONNX file, which an evaluator
// of its own interprets modulo the same prime. All outputs must be equal.
// docs/verification.md says what that proves.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_JUDGE_MODULARRUN_H
#define LPU_JUDGE_MODULARRUN_H

#include "lpu/Binary/Package.h"

namespace lpu {

struct ModularOptions {
  uint64_t seed = 1;
  /// Runs of the same comparison with other inputs, primes and functions.
  unsigned rounds = 1;
  unsigned threads = 1;
};

struct ModularResult {
  bool isEqual = false;
  uint64_t elements = 0; // compared, of all rounds
  std::vector<uint32_t> primes;
  /// What differs, one line for each output, or how the program went wrong.
  std::vector<std::string> differences;
};

/// Errors: what makes the comparison impossible, such as a node that the
/// evaluator does not know.
llvm::Expected<ModularResult> runModular(const Package &package,
                                         llvm::StringRef modelPath,
                                         const ModularOptions &options);

} // namespace lpu

#endif // LPU_JUDGE_MODULARRUN_H
