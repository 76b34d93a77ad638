//===- Text.h - the textual form of instructions ----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How the fields of an instruction are written, in the isa dialect and in
// disassembly alike: `bank = 0, offset = 12, dir = west, stream = 3, last`. A
// field that is zero is left out, except those that say where data goes.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_ISA_TEXT_H
#define LPU_ISA_TEXT_H

#include "lpu/ISA/ISA.h"
#include "llvm/Support/raw_ostream.h"

namespace lpu::isa {

enum class FieldStyle : uint8_t {
  Number,    // offset = 12
  Hex,       // imm = 0x3f800000
  Flag,      // last
  Direction, // dir = east
  Group,     // group = 64, group = all
  Operand,   // a = <east 4 f16 last>, <alu 3 age 2>, <imm>, <lane>, <const>
  Dest       // dst = <west 0 f32>
};

FieldStyle fieldStyle(const FieldInfo &field);

/// True if the field is written even when it is zero.
bool alwaysWritten(const FieldInfo &field);

/// "i8" ... "f32".
const char *elementTypeName(ElementType type);
std::optional<ElementType> elementTypeFromName(llvm::StringRef name);

/// All fields, separated by commas.
void printFields(const Instruction &instruction, llvm::raw_ostream &os);

} // namespace lpu::isa

#endif // LPU_ISA_TEXT_H
