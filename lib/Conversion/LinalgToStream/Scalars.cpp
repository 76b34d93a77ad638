//===- Scalars.cpp - arith and math bodies as ALU steps -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace mlir;
using namespace lpu::linalg_to_stream;

ScalarOperand ScalarBuilder::number(float value) {
  return imm(llvm::bit_cast<uint32_t>(value));
}

ScalarOperand ScalarBuilder::lookup(Value value) {
  // Equal constants of several bodies may have become one before them all.
  if (!values.count(value))
    if (auto constant = value.getDefiningOp<arith::ConstantOp>())
      translate(*constant);
  return values.lookup(value);
}

ScalarOperand ScalarBuilder::step(Opcode op, ScalarOperand a, ScalarOperand b,
                                  ScalarOperand c) {
  steps.push_back({op, a, b, c});
  return {ScalarOperand::Step, uint32_t(steps.size() - 1)};
}

ScalarOperand ScalarBuilder::logicalNot(ScalarOperand a) {
  return step(Opcode::alu_xor, a, imm(1));
}

ScalarOperand ScalarBuilder::divide(ScalarOperand a, ScalarOperand b) {
  if (b.kind == ScalarOperand::Immediate) {
    // A power of two has an exact inverse; other constants lose half an ulp,
    // as the run-time inverse does.
    float inverse = 1.0f / llvm::bit_cast<float>(b.value);
    return step(Opcode::alu_mul, a, number(inverse));
  }
  ScalarOperand inverse = step(Opcode::alu_recip, b);
  if (a.kind == ScalarOperand::Immediate &&
      a.value == llvm::bit_cast<uint32_t>(1.0f))
    return inverse;
  return step(Opcode::alu_mul, a, inverse);
}

std::optional<ScalarOperand> ScalarBuilder::compare(Operation &op) {
  ScalarOperand a = lookup(op.getOperand(0)), b = lookup(op.getOperand(1));
  using O = Opcode;
  if (auto cmp = dyn_cast<arith::CmpFOp>(op)) {
    using P = arith::CmpFPredicate;
    switch (cmp.getPredicate()) {
    case P::OEQ:
      return step(O::alu_cmpeq, a, b);
    case P::OLT:
      return step(O::alu_cmplt, a, b);
    case P::OLE:
      return step(O::alu_cmple, a, b);
    case P::OGT:
      return step(O::alu_cmplt, b, a);
    case P::OGE:
      return step(O::alu_cmple, b, a);
    case P::UNO:
      return step(O::alu_cmpuno, a, b);
    case P::ORD:
      return logicalNot(step(O::alu_cmpuno, a, b));
    case P::ONE:
      return step(O::alu_or, step(O::alu_cmplt, a, b),
                  step(O::alu_cmplt, b, a));
    // Unordered comparisons are the opposites of ordered ones.
    case P::UNE:
      return logicalNot(step(O::alu_cmpeq, a, b));
    case P::UGE:
      return logicalNot(step(O::alu_cmplt, a, b));
    case P::UGT:
      return logicalNot(step(O::alu_cmple, a, b));
    case P::ULE:
      return logicalNot(step(O::alu_cmplt, b, a));
    case P::ULT:
      return logicalNot(step(O::alu_cmple, b, a));
    case P::UEQ:
      return logicalNot(
          step(O::alu_or, step(O::alu_cmplt, a, b), step(O::alu_cmplt, b, a)));
    case P::AlwaysTrue:
      return imm(1);
    case P::AlwaysFalse:
      return imm(0);
    }
  }
  auto cmp = cast<arith::CmpIOp>(op);
  using P = arith::CmpIPredicate;
  P predicate = cmp.getPredicate();
  bool isUnsigned = predicate == P::ult || predicate == P::ule ||
                    predicate == P::ugt || predicate == P::uge;
  // Flipping the sign bit turns unsigned order into signed order, also of
  // sign-extended bytes. Truth values need nothing.
  if (isUnsigned && !cmp.getLhs().getType().isInteger(1)) {
    a = step(O::alu_xor, a, imm(0x80000000));
    b = step(O::alu_xor, b, imm(0x80000000));
  }
  switch (predicate) {
  case P::eq:
    return step(O::alu_icmpeq, a, b);
  case P::ne:
    return logicalNot(step(O::alu_icmpeq, a, b));
  case P::slt:
  case P::ult:
    return step(O::alu_icmplt, a, b);
  case P::sle:
  case P::ule:
    return step(O::alu_icmple, a, b);
  case P::sgt:
  case P::ugt:
    return step(O::alu_icmplt, b, a);
  case P::sge:
  case P::uge:
    return step(O::alu_icmple, b, a);
  }
  return std::nullopt;
}

bool ScalarBuilder::isWhole(ScalarOperand a) const {
  if (a.kind == ScalarOperand::Immediate) {
    float value = llvm::bit_cast<float>(a.value);
    return value == std::nearbyint(value);
  }
  if (a.kind != ScalarOperand::Step)
    return false;
  const ScalarStep &from = steps[a.value];
  switch (from.op) {
  case Opcode::alu_rint:
  case Opcode::alu_floor:
  case Opcode::alu_trunc:
  case Opcode::alu_i2f:
    return true;
  case Opcode::alu_add:
  case Opcode::alu_sub:
  case Opcode::alu_min:
  case Opcode::alu_max:
    return isWhole(from.a) && isWhole(from.b);
  default:
    return false;
  }
}

bool ScalarBuilder::isBetween(ScalarOperand a, float low, float high) const {
  auto limit = [&](Opcode op) -> std::optional<float> {
    if (a.kind != ScalarOperand::Step || steps[a.value].op != op ||
        steps[a.value].b.kind != ScalarOperand::Immediate)
      return std::nullopt;
    float value = llvm::bit_cast<float>(steps[a.value].b.value);
    a = steps[a.value].a;
    return value;
  };
  std::optional<float> most = limit(Opcode::alu_min),
                       least = limit(Opcode::alu_max);
  return most && least && low <= *least && *least <= *most && *most <= high;
}

/// Conversions between element types.
std::optional<ScalarOperand> ScalarBuilder::convert(Operation &op,
                                                    ScalarOperand a) {
  using O = Opcode;
  Type from = op.getOperand(0).getType(), to = op.getResult(0).getType();
  bool fromBool = from.isInteger(1), fromByte = from.isInteger(8);
  // Half precision is a storage format: inside a flow all floats are fp32.
  if (llvm::isa<arith::ExtFOp, arith::TruncFOp, arith::IndexCastOp>(op))
    return a;
  if (llvm::isa<arith::SIToFPOp>(op))
    return step(O::alu_i2f, fromBool ? step(O::alu_isub, imm(0), a) : a);
  if (llvm::isa<arith::UIToFPOp>(op)) {
    if (fromByte)
      a = step(O::alu_and, a, imm(0xff));
    else if (!fromBool)
      return std::nullopt;
    return step(O::alu_i2f, a);
  }
  if (llvm::isa<arith::FPToSIOp>(op) || llvm::isa<arith::FPToUIOp>(op)) {
    bool isByte = isBetween(a, -128, 127);
    ScalarOperand whole =
        step(O::alu_f2i, isWhole(a) ? a : step(O::alu_trunc, a));
    if (to.isInteger(8) && !isByte) // the bits of a byte, sign-extended
      whole = step(O::alu_sar, step(O::alu_shl, whole, imm(24)), imm(24));
    return whole;
  }
  if (llvm::isa<arith::ExtUIOp>(op))
    return fromByte ? step(O::alu_and, a, imm(0xff)) : a;
  if (llvm::isa<arith::ExtSIOp>(op))
    return fromBool ? step(O::alu_isub, imm(0), a) : a;
  if (llvm::isa<arith::TruncIOp>(op)) {
    if (to.isInteger(1))
      return step(O::alu_and, a, imm(1));
    if (to.isInteger(8))
      return step(O::alu_sar, step(O::alu_shl, a, imm(24)), imm(24));
    return a;
  }
  return std::nullopt;
}

std::string ScalarBuilder::translate(Operation &op) {
  using O = Opcode;
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto value = dyn_cast<FloatAttr>(constant.getValue()))
      bind(op.getResult(0), number(value.getValue().convertToFloat()));
    else if (auto integer = dyn_cast<IntegerAttr>(constant.getValue())) {
      bool isBool = integer.getType().isInteger(1);
      bind(op.getResult(0),
           imm(isBool ? integer.getValue().getZExtValue()
                      : uint32_t(integer.getValue().getSExtValue())));
    } else
      return "a constant that is no number";
    return "";
  }
  ScalarOperand a, b, c;
  if (op.getNumOperands() > 0)
    a = lookup(op.getOperand(0));
  if (op.getNumOperands() > 1)
    b = lookup(op.getOperand(1));
  if (op.getNumOperands() > 2)
    c = lookup(op.getOperand(2));
  for (Value operand : op.getOperands())
    if (lookup(operand).kind == ScalarOperand::None)
      return "its body reads a value from outside";

  // A byte that is stored saturates, its arithmetic wraps.
  auto wrapped = [&](O opcode, ScalarOperand x, ScalarOperand y) {
    ScalarOperand value = step(opcode, x, y);
    if (op.getResult(0).getType().isInteger(8))
      value = step(O::alu_sar, step(O::alu_shl, value, imm(24)), imm(24));
    return value;
  };
  std::optional<ScalarOperand> result =
      llvm::TypeSwitch<Operation *, std::optional<ScalarOperand>>(&op)
          .Case([&](arith::AddFOp) { return step(O::alu_add, a, b); })
          .Case([&](arith::SubFOp) { return step(O::alu_sub, a, b); })
          .Case([&](arith::MulFOp) { return step(O::alu_mul, a, b); })
          .Case([&](arith::DivFOp) { return divide(a, b); })
          .Case([&](arith::NegFOp) { return step(O::alu_neg, a); })
          .Case([&](arith::MaximumFOp) { return step(O::alu_max, a, b); })
          .Case([&](arith::MinimumFOp) { return step(O::alu_min, a, b); })
          .Case([&](arith::AddIOp) { return wrapped(O::alu_iadd, a, b); })
          .Case([&](arith::SubIOp) { return wrapped(O::alu_isub, a, b); })
          .Case([&](arith::MulIOp) { return wrapped(O::alu_imul, a, b); })
          .Case([&](arith::MaxSIOp) { return step(O::alu_imax, a, b); })
          .Case([&](arith::MinSIOp) { return step(O::alu_imin, a, b); })
          .Case([&](arith::AndIOp) { return step(O::alu_and, a, b); })
          .Case([&](arith::OrIOp) { return step(O::alu_or, a, b); })
          .Case([&](arith::XOrIOp) { return step(O::alu_xor, a, b); })
          .Case([&](arith::ShLIOp) { return step(O::alu_shl, a, b); })
          .Case([&](arith::ShRSIOp) { return step(O::alu_sar, a, b); })
          .Case([&](arith::ShRUIOp) { return step(O::alu_shr, a, b); })
          .Case([&](arith::SelectOp) { return step(O::alu_select, a, b, c); })
          .Case([&](math::ExpOp) {
            return step(O::alu_exp2,
                        step(O::alu_mul, a, number(1.4426950408889634f)));
          })
          .Case([&](math::Exp2Op) { return step(O::alu_exp2, a); })
          .Case([&](math::LogOp) {
            return step(O::alu_mul, step(O::alu_log2, a),
                        number(0.6931471805599453f));
          })
          .Case([&](math::Log2Op) { return step(O::alu_log2, a); })
          .Case([&](math::SqrtOp) { return step(O::alu_sqrt, a); })
          .Case([&](math::RsqrtOp) { return step(O::alu_rsqrt, a); })
          .Case([&](math::TanhOp) { return step(O::alu_tanh, a); })
          .Case([&](math::ErfOp) { return step(O::alu_erf, a); })
          .Case([&](math::AbsFOp) { return step(O::alu_abs, a); })
          .Case([&](math::AbsIOp) {
            return step(O::alu_imax, a, step(O::alu_isub, imm(0), a));
          })
          .Case([&](math::FloorOp) { return step(O::alu_floor, a); })
          .Case([&](math::CeilOp) {
            return step(O::alu_neg, step(O::alu_floor, step(O::alu_neg, a)));
          })
          .Case([&](math::TruncOp) { return step(O::alu_trunc, a); })
          .Case([&](math::RoundEvenOp) { return step(O::alu_rint, a); })
          .Case([&](math::IsNaNOp) { return step(O::alu_cmpuno, a, a); })
          .Case<arith::CmpFOp, arith::CmpIOp>([&](auto) { return compare(op); })
          .Default([&](Operation *) -> std::optional<ScalarOperand> {
            return op.getNumOperands() == 1 && op.getNumResults() == 1
                       ? convert(op, a)
                       : std::nullopt;
          });
  if (!result)
    return ("no instruction of the vector unit for " +
            op.getName().getStringRef())
        .str();
  bind(op.getResult(0), *result);
  return "";
}
