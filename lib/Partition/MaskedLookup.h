//===- MaskedLookup.h - a lookup in a part of a table -----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A table may be spread over chips (Gather.cpp) or over operations
// (SplitTables.cpp). Either way each part gives its own rows, and elsewhere the
// neutral element of the sum that follows, which for floats is -0: x + -0 is x
// for every x, so spreading a table changes no bit. The first and the last row
// of a part are data, never literals: parts of one size are one class.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_PARTITION_MASKEDLOOKUP_H
#define LPU_LIB_PARTITION_MASKEDLOOKUP_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace lpu::partition {

/// On a constant of first and last row, and on the slice of a table between
/// them: they differ from part to part, so they are parameters of a body.
constexpr const char *rowsAttr = "fabric.rows";

/// result[i.., f..] = table[row(index[i..]), f..], with the row a cast of an
/// integer that the body computes.
struct Lookup {
  mlir::linalg::GenericOp op;
  mlir::tensor::ExtractOp extract;
  mlir::Operation *rowCast = nullptr;
};

/// The parts of a lookup; nullopt if the op is none.
std::optional<Lookup> lookupOf(mlir::linalg::GenericOp op);

/// What changes nothing when it is added.
mlir::TypedAttr zeroOf(mlir::Type element, mlir::Builder &builder);

/// The lookup for rows [rows[0], rows[1]) of the whole table, of which `table`
/// has these rows; `neutral` elsewhere. `outside` maps what the body of the
/// lookup reads from outside, `init` is where the result starts from.
mlir::Value maskedLookup(mlir::OpBuilder &builder, const Lookup &lookup,
                         mlir::Value index, mlir::Value table, mlir::Value rows,
                         mlir::Value init, mlir::TypedAttr neutral,
                         const mlir::IRMapping &outside);

} // namespace lpu::partition

#endif // LPU_LIB_PARTITION_MASKEDLOOKUP_H
