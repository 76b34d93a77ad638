//===- Model.h - a graph modulo a prime -------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The other side of the modular run: an interpreter of ONNX files over the
// field of lpu/Modular/Field.h. It reads the file itself, node by node, with
// the shapes that the values have; it shares no code with the importer and the
// compiler. What it cannot evaluate it refuses by name.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_VERIFY_MODEL_H
#define LPU_VERIFY_MODEL_H

#include "lpu/Modular/Field.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace lpu::verify {

/// An input or an output of a model: integers (truth values are 0 and 1), or
/// floats as elements of the field.
struct ModelArray {
  std::string name;
  std::vector<int64_t> shape;
  bool isFloat = false;
  std::vector<int64_t> integers;
  std::vector<modular::Element> floats;
};

struct ModelOutputs {
  std::vector<ModelArray> arrays; // in the order of the model
  /// Some of what was computed has been rounded to one of a few whole numbers:
  /// two that differ get the same one more often than residues would.
  bool hasRounded = false;
};

/// The outputs of the model in \p path. Errors name what cannot be judged:
/// "cannot judge node 'x' (Op): reason".
llvm::Expected<ModelOutputs> evaluateModel(llvm::StringRef path,
                                           modular::Field &field,
                                           llvm::ArrayRef<ModelArray> inputs);

} // namespace lpu::verify

#endif // LPU_VERIFY_MODEL_H
