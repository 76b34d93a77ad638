//===- AluShape.h - operand shapes of ALU instructions ----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_STREAM_ALUSHAPE_H
#define LPU_STREAM_ALUSHAPE_H

#include "lpu/ISA/ISA.h"
#include <optional>

namespace lpu::stream {

/// The lists of dialects/ISA/instructions.toml that ALU nodes are taken from.
enum class AluShape : uint8_t {
  Unary,
  Transcendental,
  Binary,
  Ternary,
  Reduce,
  Acc
};

/// nullopt: not an instruction that a node of a flow may be.
inline std::optional<AluShape> aluShape(isa::Opcode op) {
  using O = isa::Opcode;
  // setconst is the scheduler's: it loads `Node::constant` before the loop.
  if (op >= O::alu_mov && op <= O::alu_rint)
    return AluShape::Unary;
  if (op >= O::alu_exp2 && op <= O::alu_recip)
    return AluShape::Transcendental;
  if (op >= O::alu_add && op <= O::alu_sar)
    return AluShape::Binary;
  if (op == O::alu_muladd || op == O::alu_select)
    return AluShape::Ternary;
  if (op >= O::alu_reduce_sum && op <= O::alu_reduce_argmax)
    return AluShape::Reduce;
  if (op >= O::alu_acc_sum && op <= O::alu_acc_argmax)
    return AluShape::Acc;
  return std::nullopt;
}

inline unsigned aluOperands(AluShape shape) {
  return shape == AluShape::Ternary ? 3 : shape == AluShape::Binary ? 2 : 1;
}

} // namespace lpu::stream

#endif // LPU_STREAM_ALUSHAPE_H
