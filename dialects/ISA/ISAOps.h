//===- ISAOps.h - the isa dialect -------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_DIALECTS_ISA_ISAOPS_H
#define LPU_DIALECTS_ISA_ISAOPS_H

#include "lpu/ISA/ISA.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

namespace lpu::isa {

// The property that holds a decoded instruction. Its attribute form (generic
// syntax only) is a dictionary of the table's field names.
mlir::Attribute convertToAttribute(mlir::MLIRContext *context,
                                   const Instruction &instruction);
llvm::LogicalResult
convertFromAttribute(Instruction &instruction, mlir::Attribute attribute,
                     llvm::function_ref<mlir::InFlightDiagnostic()> emitError);
llvm::hash_code hashInstruction(const Instruction &instruction);

// The custom syntax that all instruction ops share.
mlir::ParseResult parseInstruction(mlir::OpAsmParser &parser,
                                   mlir::OperationState &result, Opcode opcode,
                                   uint64_t &at, Instruction &instruction);
void printInstruction(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                      uint64_t at, const Instruction &instruction);

} // namespace lpu::isa

#include "dialects/ISA/ISADialect.h.inc"
#include "dialects/ISA/ISAInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/ISA/ISAOps.h.inc"

namespace lpu::isa {

/// Creates the op of an instruction other than loop and endloop.
mlir::Operation *createInstruction(mlir::OpBuilder &builder,
                                   mlir::Location location, uint64_t at,
                                   const Instruction &instruction);

} // namespace lpu::isa

#endif // LPU_DIALECTS_ISA_ISAOPS_H
