//===- Alu.h - one ALU operation on all lanes -------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_STREAM_INTERPRETER_ALU_H
#define LPU_LIB_STREAM_INTERPRETER_ALU_H

#include "lpu/ISA/ISA.h"
#include <vector>

namespace lpu::stream {

/// Unary, binary, ternary and transcendental operations.
void runElementwise(isa::Opcode op, unsigned lanes, const uint32_t *a,
                    const uint32_t *b, const uint32_t *c, uint32_t *out);
/// Lane reductions of groups of `group` lanes.
void runReduce(isa::Opcode op, unsigned lanes, unsigned group,
               const uint32_t *a, uint32_t *out);
/// One step of a sum, maximum or minimum, over lanes or over time.
uint32_t combine(isa::Opcode op, uint32_t left, uint32_t right);
/// argmax: the right one wins.
bool takesRight(uint32_t left, uint32_t right);

} // namespace lpu::stream

#endif // LPU_LIB_STREAM_INTERPRETER_ALU_H
