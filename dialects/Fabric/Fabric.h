// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `fabric` dialect; see FabricOps.td for its ops, docs/fabric.md for the
// contract.

#ifndef LPU_DIALECTS_FABRIC_H
#define LPU_DIALECTS_FABRIC_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"

#include "dialects/Fabric/FabricDialect.h.inc"
#include "dialects/Fabric/FabricEnums.h.inc"

#define GET_OP_CLASSES
#include "dialects/Fabric/FabricOps.h.inc"

namespace lpu::fabric {
/// On an `onnx.Initializer` or `arith.constant` of a body: its parameter.
constexpr const char *parameterAttr = "fabric.parameter";
/// On the `tensor.extract_slice` of a parameter that begins where the tables
/// say.
constexpr const char *partAttr = "fabric.part";
/// On arguments and results of a function for one chip: its port.
constexpr const char *portAttr = "fabric.port";
/// On a send or receive: the value is the same on all chips of its stage.
constexpr const char *wholeAttr = "fabric.whole";

/// Of a transfer, or of an argument of a body: the value stands in rows of its
/// last dimension, in its own type, however its readers or its maker would have
/// it. Where several chips have a value they then have it alike.
constexpr const char *naturalAttr = "fabric.natural";

/// True for ops that transfer (ports of a body).
bool isTransfer(mlir::Operation *op);
/// True for transfers of a group.
bool isCollective(mlir::Operation *op);
} // namespace lpu::fabric

#endif
