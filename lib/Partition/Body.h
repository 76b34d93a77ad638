//===- Body.h - the function of one member of a stage -----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inside of a stage a computed value is whole (every member has all of it), or
// it is cut along one axis. An operation that walks a cut axis is done by every
// member on its part; where the axis is summed over, an all-reduce follows. An
// operation that walks none is done by all members. What a member reads in
// another form than it stands in is sliced (whole to cut) or gathered (cut to
// whole).
//
// A body is built in **canonical** form: weights without name and place, slices
// of weights at 0. So bodies of members that differ only in data print the same
// text, and one class stands for all of them.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_BODY_H
#define LPU_LIB_PARTITION_BODY_H

#include "Model.h"
#include "lpu/Partition/Plan.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OwningOpRef.h"
#include <map>

namespace lpu::partition {

/// A heavy value that a later stage reads.
struct Crossing {
  unsigned node = 0, from = 0, to = 0;
  int axis = none; // it crosses in parts: member m to member m
};

/// What passes between stages, by stage, in the order in which it is made.
struct Crossings {
  std::vector<std::vector<Crossing>> into, outOf;
};
Crossings findCrossings(const Model &model, const Plan &plan);

/// The axis of the stage that an operation walks, or none.
int cutAxis(const Node &node, const Stage &stage);
/// The axis along which its result stays cut in the stage, or none.
int resultAxis(const Node &node, const Stage &stage);

/// Whom a port talks to, as a rule that holds for every member.
struct PortRule {
  enum Kind : uint8_t { Group, SendSame, SendWhole, RecvSame, RecvWhole } kind;
  unsigned other = 0; // stage
  unsigned turn = 0;  // SendWhole: receiver member + turn * width
};

/// A constant whose bytes depend on the layer or the member.
struct ParameterRule {
  mlir::Operation *op = nullptr;     // in the body
  mlir::Operation *slice = nullptr;  // extract_slice of it, or null
  mlir::Operation *source = nullptr; // onnx.Initializer or arith.constant of
                                     // the model; null: first and last row
  mlir::Type type;                   // of first and last row
  int axis = none;
  int64_t perUnit = 0; // of the dimension
  int64_t stride = 1;  // elements of the array from one of it to the next
  int64_t base = 0;    // element of the array at which the whole begins
};

struct Body {
  mlir::OwningOpRef<mlir::func::FuncOp> function;
  std::vector<PortRule> ports;
  std::vector<ParameterRule> parameters;
  /// Something besides parameters depends on which part the member has.
  bool isUnique = false;
};

/// What distinguishes members of a stage besides data.
std::vector<int64_t> signature(const Model &model, const Plan &plan,
                               const Crossings &crossings, unsigned stage,
                               unsigned member);

Body buildBody(const Model &model, const Plan &plan, const Crossings &crossings,
               unsigned stage, unsigned member);

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_BODY_H
