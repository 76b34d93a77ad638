//===- Instances.h - one program for many chips -----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The chips of a class differ in the arrays that their parameters name. So what
// was lowered for one of them serves all: the sources of its constants are
// replaced. Where lowering has looked into an array (integers, weights that
// halves cannot hold), another chip's array can need another program; that chip
// is lowered by itself, and what comes of it must have the same kernels.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PIPELINES_INSTANCES_H
#define LPU_LIB_PIPELINES_INSTANCES_H

#include "Search.h"
#include "lpu/Partition/Program.h"

namespace lpu::pipelines {

class Instances {
public:
  Instances(const fabric::Program &program, const Machine &machine)
      : program(program), machine(machine) {}

  /// What was lowered for one instance of a class.
  struct Lowered {
    unsigned chipClass = 0;
    const fabric::Instance *instance = nullptr;
    mlir::ModuleOp module; // linalg
    LinalgToStreamOptions options;
    const stream::Program *program = nullptr;
  };

  /// The tiles of another instance's program (no kernels). The error says what
  /// differs, or is empty if a diagnostic was given.
  llvm::Expected<stream::Program> tilesOf(const Lowered &of,
                                          const fabric::Instance &instance);

private:
  bool mayReplace(const stream::Tile &tile,
                  const stream::ConstantSource &source,
                  const fabric::Array &array);

  const fabric::Program &program;
  const Machine &machine;
  WeightScales scales;
};

} // namespace lpu::pipelines

#endif // LPU_LIB_PIPELINES_INSTANCES_H
