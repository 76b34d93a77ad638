//===- Program.h - a model spread over chips --------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tables of a module of the fabric layer as C++; docs/fabric.md is the
// contract. A chip class is a function; what tells its chips apart is data in
// `Instance`: who they talk to, and which parts of which weights they hold.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_PARTITION_PROGRAM_H
#define LPU_PARTITION_PROGRAM_H

#include "lpu/Partition/Topology.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace lpu::fabric {

/// Bytes in a file, or a small literal.
struct Array {
  std::string name, file;
  uint64_t offset = 0, length = 0; // bytes
  mlir::DenseElementsAttr literal; // if there is no file
};

/// Where a parameter of a chip begins.
struct Source {
  unsigned array = 0;  // Program::arrays
  int64_t element = 0; // counted in elements of the array
  bool operator==(const Source &o) const {
    return array == o.array && element == o.element;
  }
};

struct Instance {
  unsigned chip = 0;
  llvm::ArrayRef<int64_t> peers; // per port: a chip, or a group
  std::vector<Source> sources;   // per parameter
  /// Names of tensors of the model, in the same order on all chips of a class.
  std::vector<std::string> values;
};

struct ChipClass {
  mlir::func::FuncOp body;
  std::vector<mlir::Operation *> ports;      // ops that transfer, in order
  std::vector<mlir::Operation *> parameters; // constants, by their number
  std::vector<Instance> instances;
};

struct Program {
  mlir::ModuleOp module;
  Topology topology;
  unsigned replicas = 1;
  std::vector<Array> arrays;
  std::vector<llvm::ArrayRef<int64_t>> groups; // chips of each
  std::vector<ChipClass> classes;
};

/// Reads the tables. Reports whatever keeps them from being read: a class that
/// is no function, a table of the wrong size, an array or group that is not
/// there. `machine` says what a chip's links are.
mlir::FailureOr<Program> readProgram(mlir::ModuleOp module,
                                     const Machine &machine);

/// Every tensor has a home, every transfer a partner and a route, no chip waits
/// for ever. Reports all offenders, each with its ONNX node.
mlir::LogicalResult verifyProgram(const Program &program);

/// The `onnx.name` of what a port of `portModule` receives or sends: no name
/// of a model.
std::string portName(unsigned port);

/// One function of linalg forms and collectives for one chip class; see
/// docs/fabric.md, "For a compiler of one chip".
mlir::OwningOpRef<mlir::ModuleOp> portModule(const Program &program,
                                             unsigned chipClass);

/// Makes a body (of a class, or of `portModule`) that of one chip: names and
/// places of its arrays, first elements of its slices, values of its literals.
void setInstance(const Program &program, mlir::func::FuncOp body,
                 const Instance &instance);

/// Rewrites all collectives of a module as the two that a schedule has:
/// all_to_all, and all_gather of equal parts along dim 0. All members do the
/// same, so classes stay together. The tables change with the ports: read the
/// program again.
mlir::LogicalResult decomposeCollectives(mlir::ModuleOp module,
                                         const Machine &machine);

} // namespace lpu::fabric

#endif // LPU_PARTITION_PROGRAM_H
