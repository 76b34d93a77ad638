//===- Prepared.h - the chips of a plan before they are scheduled -*- C++ -*-=//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the tables of the fabric layer (docs/fabric.md) to what the scheduler
// takes: a module for each chip class, the crew of every stage, the values that
// stages give to one another, and the links that those take.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PIPELINES_PREPARED_H
#define LPU_LIB_PIPELINES_PREPARED_H

#include "lpu/Partition/Program.h"
#include "lpu/Schedule/Transfer.h"

namespace lpu::pipelines {

/// A send or receive of a class, by its number in the body; what a group does
/// together is none of both.
struct Port {
  enum Kind { Collective, Send, Receive } kind = Collective;
  std::string binding;
  std::string value;    // the ONNX node that it comes from
  bool isWhole = false; // the value is the same on all chips of a stage
};

/// A class as a module of linalg forms with the constants of its first chip.
struct PreparedClass {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<Port> ports;
};

/// A chip of the package.
struct PreparedChip {
  unsigned number = 0; // in the system
  unsigned chipClass = 0, crew = 0;
  const fabric::Instance *instance = nullptr;
  std::vector<unsigned> peers; // by port: chip of the package
  /// In a group: the port that leads back on the chip.
  std::optional<unsigned> loop;
  /// Port that each link number of its text stands for (lpu::Chip::links).
  std::vector<unsigned> links;
};

/// The chips of a stage: one, or a group whose members run in step, in the
/// group's order.
struct Crew {
  std::vector<unsigned> chips;
  /// By member: a link number that reaches it from every other member, and
  /// leads back on itself.
  std::vector<unsigned> links;
};

struct Prepared {
  const fabric::Program *program = nullptr;
  std::vector<PreparedClass> classes;
  std::vector<PreparedChip> chips;
  std::vector<Crew> crews; // in the order of their chips
};

/// `program` must outlive the result. Errors: chips of a stage that are not
/// joined directly, or not numbered one after the other.
llvm::Expected<Prepared> prepare(const fabric::Program &program);

/// The values that cross links, without their ways: the k-th send of chip a to
/// chip b meets the k-th receive of b from a, and what is the same on all chips
/// of a stage is one value.
std::vector<schedule::Transfer> valuesBetween(const Prepared &prepared);

/// Finds the ways of all values, and names links: chips that use other ports in
/// the same way have the same text.
void route(Prepared &prepared, std::vector<schedule::Transfer> &values);

} // namespace lpu::pipelines

#endif // LPU_LIB_PIPELINES_PREPARED_H
