//===- StreamOps.h - the stream dialect -------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_DIALECTS_STREAM_STREAMOPS_H
#define LPU_DIALECTS_STREAM_STREAMOPS_H

#include "lpu/ISA/ISA.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lpu::stream {

/// Access of include/lpu/Stream/Program.h without the tile, which is an
/// operand.
struct RowPattern {
  int64_t chunk = 0, row = 0, stride = 1, inner = 0, stride2 = 0;

  bool operator==(const RowPattern &other) const {
    return chunk == other.chunk && row == other.row && stride == other.stride &&
           inner == other.inner && stride2 == other.stride2;
  }
};

// The attribute form of the property (generic syntax only): an array of its
// numbers.
mlir::Attribute convertToAttribute(mlir::MLIRContext *context,
                                   const RowPattern &rows);
llvm::LogicalResult
convertFromAttribute(RowPattern &rows, mlir::Attribute attribute,
                     llvm::function_ref<mlir::InFlightDiagnostic()> emitError);
llvm::hash_code hashRows(const RowPattern &rows);

/// The SSA name of a tile, from the name of its ONNX value or node.
std::string tileName(llvm::StringRef label);

} // namespace lpu::stream

#include "dialects/Stream/StreamDialect.h.inc"
#include "dialects/Stream/StreamInterfaces.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Stream/StreamTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Stream/StreamAttributes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Stream/StreamOps.h.inc"

#endif // LPU_DIALECTS_STREAM_STREAMOPS_H
