//===- Scalars.cpp - bodies of linalg operations --------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace lpu;
using namespace lpu::fabric;

float fabric::toHalf(float value) { return float(_Float16(value)); }

/// The integer of `bits` bits, sign-extended; truth values are 0 and 1.
static int64_t wrap(int64_t value, unsigned bits) {
  if (bits >= 64)
    return value;
  if (bits == 1)
    return value & 1;
  return int64_t(uint64_t(value) << (64 - bits)) >> (64 - bits);
}
static uint64_t asUnsigned(int64_t value, unsigned bits) {
  return bits >= 64 ? uint64_t(value)
                    : uint64_t(value) & ((uint64_t(1) << bits) - 1);
}

using Step = ScalarBody::Step;

static std::optional<Step::Code> codeOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<Step::Code>>(op)
      .Case<arith::AddFOp>([](auto) { return Step::AddF; })
      .Case<arith::SubFOp>([](auto) { return Step::SubF; })
      .Case<arith::MulFOp>([](auto) { return Step::MulF; })
      .Case<arith::DivFOp>([](auto) { return Step::DivF; })
      .Case<arith::MaximumFOp>([](auto) { return Step::MaximumF; })
      .Case<arith::MinimumFOp>([](auto) { return Step::MinimumF; })
      .Case<arith::MaxNumFOp>([](auto) { return Step::MaxNumF; })
      .Case<arith::MinNumFOp>([](auto) { return Step::MinNumF; })
      .Case<arith::NegFOp>([](auto) { return Step::NegF; })
      .Case<arith::RemFOp>([](auto) { return Step::RemF; })
      .Case<arith::AddIOp>([](auto) { return Step::AddI; })
      .Case<arith::SubIOp>([](auto) { return Step::SubI; })
      .Case<arith::MulIOp>([](auto) { return Step::MulI; })
      .Case<arith::DivSIOp>([](auto) { return Step::DivSI; })
      .Case<arith::DivUIOp>([](auto) { return Step::DivUI; })
      .Case<arith::RemSIOp>([](auto) { return Step::RemSI; })
      .Case<arith::RemUIOp>([](auto) { return Step::RemUI; })
      .Case<arith::AndIOp>([](auto) { return Step::AndI; })
      .Case<arith::OrIOp>([](auto) { return Step::OrI; })
      .Case<arith::XOrIOp>([](auto) { return Step::XOrI; })
      .Case<arith::ShLIOp>([](auto) { return Step::ShlI; })
      .Case<arith::ShRSIOp>([](auto) { return Step::ShrSI; })
      .Case<arith::ShRUIOp>([](auto) { return Step::ShrUI; })
      .Case<arith::MaxSIOp>([](auto) { return Step::MaxSI; })
      .Case<arith::MinSIOp>([](auto) { return Step::MinSI; })
      .Case<arith::MaxUIOp>([](auto) { return Step::MaxUI; })
      .Case<arith::MinUIOp>([](auto) { return Step::MinUI; })
      .Case<arith::CmpFOp>([](auto) { return Step::CmpF; })
      .Case<arith::CmpIOp>([](auto) { return Step::CmpI; })
      .Case<arith::SelectOp>([](auto) { return Step::Select; })
      .Case<arith::SIToFPOp>([](auto) { return Step::SIToFP; })
      .Case<arith::UIToFPOp>([](auto) { return Step::UIToFP; })
      .Case<arith::FPToSIOp>([](auto) { return Step::FPToSI; })
      .Case<arith::FPToUIOp>([](auto) { return Step::FPToUI; })
      .Case<arith::ExtFOp>([](auto) { return Step::Copy; })
      .Case<arith::TruncFOp>([](auto) { return Step::TruncF; })
      .Case<arith::IndexCastOp, arith::ExtSIOp>(
          [](auto) { return Step::ExtSI; })
      .Case<arith::ExtUIOp>([](auto) { return Step::ExtUI; })
      .Case<arith::TruncIOp>([](auto) { return Step::TruncI; })
      .Case<math::ExpOp>([](auto) { return Step::Exp; })
      .Case<math::Exp2Op>([](auto) { return Step::Exp2; })
      .Case<math::LogOp>([](auto) { return Step::Log; })
      .Case<math::Log2Op>([](auto) { return Step::Log2; })
      .Case<math::Log1pOp>([](auto) { return Step::Log1p; })
      .Case<math::SqrtOp>([](auto) { return Step::Sqrt; })
      .Case<math::RsqrtOp>([](auto) { return Step::Rsqrt; })
      .Case<math::TanhOp>([](auto) { return Step::Tanh; })
      .Case<math::ErfOp>([](auto) { return Step::Erf; })
      .Case<math::AbsFOp>([](auto) { return Step::AbsF; })
      .Case<math::AbsIOp>([](auto) { return Step::AbsI; })
      .Case<math::FloorOp>([](auto) { return Step::Floor; })
      .Case<math::CeilOp>([](auto) { return Step::Ceil; })
      .Case<math::RoundEvenOp>([](auto) { return Step::RoundEven; })
      .Case<math::RoundOp>([](auto) { return Step::Round; })
      .Case<math::TruncOp>([](auto) { return Step::Trunc; })
      .Case<math::SinOp>([](auto) { return Step::Sin; })
      .Case<math::CosOp>([](auto) { return Step::Cos; })
      .Case<math::PowFOp>([](auto) { return Step::PowF; })
      .Case<linalg::IndexOp>([](auto) { return Step::LoopIndex; })
      .Case<tensor::ExtractOp>([](auto) { return Step::Extract; })
      .Default([](auto) { return std::nullopt; });
}

static unsigned bitsOf(Type type) {
  return type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 64;
}

std::optional<ScalarBody>
ScalarBody::read(Block &block,
                 llvm::function_ref<const HostTensor *(mlir::Value)> table) {
  ScalarBody body;
  llvm::DenseMap<mlir::Value, unsigned> slotOf;
  auto slot = [&](mlir::Value v) {
    auto [it, isNew] = slotOf.try_emplace(v, body.slots.size());
    if (isNew) {
      Scalar value;
      value.i = 0;
      if (auto constant = v.getDefiningOp<arith::ConstantOp>()) {
        if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
          value.f = float(number.getValueAsDouble());
        else if (auto integer = dyn_cast<IntegerAttr>(constant.getValue()))
          value.i = integer.getType().isInteger(1)
                        ? int64_t(integer.getValue().getZExtValue())
                        : integer.getInt();
      }
      body.slots.push_back(value);
    }
    return it->second;
  };
  for (BlockArgument argument : block.getArguments())
    slot(argument);
  for (Operation &op : block.without_terminator()) {
    if (isa<arith::ConstantOp>(op)) {
      slot(op.getResult(0));
      continue;
    }
    std::optional<Step::Code> code = codeOf(&op);
    if (!code) {
      op.emitError("the interpreter does not know '") << op.getName() << "'";
      return std::nullopt;
    }
    Step step;
    step.code = *code;
    Type type = op.getResult(0).getType();
    step.bits = bitsOf(type);
    step.isFloat = isa<FloatType>(type);
    step.isHalf = type.isF16();
    if (op.getNumOperands())
      step.fromBits = bitsOf(op.getOperand(0).getType());
    if (auto compare = dyn_cast<arith::CmpFOp>(op))
      step.predicate = unsigned(compare.getPredicate());
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      step.predicate = unsigned(compare.getPredicate());
    if (auto index = dyn_cast<linalg::IndexOp>(op))
      step.predicate = index.getDim();
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      step.table = table(extract.getTensor());
      for (mlir::Value v : extract.getIndices())
        step.indices.push_back(slot(v));
    } else {
      unsigned *operands[] = {&step.a, &step.b, &step.c};
      for (unsigned i = 0; i < op.getNumOperands() && i < 3; ++i)
        *operands[i] = slot(op.getOperand(i));
    }
    step.to = slot(op.getResult(0));
    body.steps.push_back(std::move(step));
  }
  body.result = slot(block.getTerminator()->getOperand(0));
  return body;
}

static bool compareFloats(unsigned predicate, float a, float b) {
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (arith::CmpFPredicate(predicate)) {
  case arith::CmpFPredicate::AlwaysFalse:
    return false;
  case arith::CmpFPredicate::OEQ:
    return !unordered && a == b;
  case arith::CmpFPredicate::OGT:
    return !unordered && a > b;
  case arith::CmpFPredicate::OGE:
    return !unordered && a >= b;
  case arith::CmpFPredicate::OLT:
    return !unordered && a < b;
  case arith::CmpFPredicate::OLE:
    return !unordered && a <= b;
  case arith::CmpFPredicate::ONE:
    return !unordered && a != b;
  case arith::CmpFPredicate::ORD:
    return !unordered;
  case arith::CmpFPredicate::UEQ:
    return unordered || a == b;
  case arith::CmpFPredicate::UGT:
    return unordered || a > b;
  case arith::CmpFPredicate::UGE:
    return unordered || a >= b;
  case arith::CmpFPredicate::ULT:
    return unordered || a < b;
  case arith::CmpFPredicate::ULE:
    return unordered || a <= b;
  case arith::CmpFPredicate::UNE:
    return unordered || a != b;
  case arith::CmpFPredicate::UNO:
    return unordered;
  case arith::CmpFPredicate::AlwaysTrue:
    return true;
  }
  return false;
}

static bool compareIntegers(unsigned predicate, int64_t a, int64_t b,
                            unsigned bits) {
  uint64_t x = asUnsigned(a, bits), y = asUnsigned(b, bits);
  switch (arith::CmpIPredicate(predicate)) {
  case arith::CmpIPredicate::eq:
    return a == b;
  case arith::CmpIPredicate::ne:
    return a != b;
  case arith::CmpIPredicate::slt:
    return a < b;
  case arith::CmpIPredicate::sle:
    return a <= b;
  case arith::CmpIPredicate::sgt:
    return a > b;
  case arith::CmpIPredicate::sge:
    return a >= b;
  case arith::CmpIPredicate::ult:
    return x < y;
  case arith::CmpIPredicate::ule:
    return x <= y;
  case arith::CmpIPredicate::ugt:
    return x > y;
  case arith::CmpIPredicate::uge:
    return x >= y;
  }
  return false;
}

static float maximum(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return std::nanf("");
  return a > b || (a == b && !std::signbit(a)) ? a : b;
}
static float minimum(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return std::nanf("");
  return a < b || (a == b && std::signbit(a)) ? a : b;
}

bool ScalarBody::run(const int64_t *loops) {
  for (const Step &s : steps) {
    Scalar &to = slots[s.to];
    float x = slots[s.a].f, y = slots[s.b].f;
    int64_t i = slots[s.a].i, j = slots[s.b].i;
    auto integer = [&](int64_t value) { to.i = wrap(value, s.bits); };
    auto real = [&](float value) { to.f = s.isHalf ? toHalf(value) : value; };
    switch (s.code) {
    case Step::Copy:
      to = slots[s.a];
      break;
    case Step::AddF:
      real(x + y);
      break;
    case Step::SubF:
      real(x - y);
      break;
    case Step::MulF:
      real(x * y);
      break;
    case Step::DivF:
      real(x / y);
      break;
    case Step::MaximumF:
      real(maximum(x, y));
      break;
    case Step::MinimumF:
      real(minimum(x, y));
      break;
    case Step::MaxNumF:
      real(std::fmax(x, y));
      break;
    case Step::MinNumF:
      real(std::fmin(x, y));
      break;
    case Step::NegF:
      real(-x);
      break;
    case Step::RemF:
      real(std::fmod(x, y));
      break;
    case Step::AddI:
      integer(int64_t(uint64_t(i) + uint64_t(j)));
      break;
    case Step::SubI:
      integer(int64_t(uint64_t(i) - uint64_t(j)));
      break;
    case Step::MulI:
      integer(int64_t(uint64_t(i) * uint64_t(j)));
      break;
    case Step::DivSI:
      integer(j ? i / j : 0);
      break;
    case Step::RemSI:
      integer(j ? i % j : 0);
      break;
    case Step::DivUI:
    case Step::RemUI: {
      uint64_t a = asUnsigned(i, s.bits), b = asUnsigned(j, s.bits);
      integer(b ? int64_t(s.code == Step::DivUI ? a / b : a % b) : 0);
      break;
    }
    case Step::AndI:
      integer(i & j);
      break;
    case Step::OrI:
      integer(i | j);
      break;
    case Step::XOrI:
      integer(i ^ j);
      break;
    case Step::ShlI:
      integer(int64_t(uint64_t(i) << (j & 63)));
      break;
    case Step::ShrSI:
      integer(i >> (j & 63));
      break;
    case Step::ShrUI:
      integer(int64_t(asUnsigned(i, s.bits) >> (j & 63)));
      break;
    case Step::MaxSI:
      to.i = std::max(i, j);
      break;
    case Step::MinSI:
      to.i = std::min(i, j);
      break;
    case Step::MaxUI:
      to.i = asUnsigned(i, s.bits) > asUnsigned(j, s.bits) ? i : j;
      break;
    case Step::MinUI:
      to.i = asUnsigned(i, s.bits) < asUnsigned(j, s.bits) ? i : j;
      break;
    case Step::CmpF:
      to.i = compareFloats(s.predicate, x, y);
      break;
    case Step::CmpI:
      to.i = compareIntegers(s.predicate, i, j, s.fromBits);
      break;
    case Step::Select:
      to = i ? slots[s.b] : slots[s.c];
      break;
    case Step::SIToFP:
      real(float(s.fromBits == 1 ? -(i & 1) : i));
      break;
    case Step::UIToFP:
      real(float(asUnsigned(i, s.fromBits)));
      break;
    case Step::FPToSI:
    case Step::FPToUI:
      integer(x >= -9.2e18f && x <= 9.2e18f ? int64_t(x) : 0);
      break;
    case Step::TruncF:
      real(x);
      break;
    case Step::ExtSI:
      integer(s.fromBits == 1 ? -(i & 1) : i);
      break;
    case Step::ExtUI:
      to.i = int64_t(asUnsigned(i, s.fromBits));
      break;
    case Step::TruncI:
      integer(i);
      break;
    case Step::Exp:
      real(std::exp(x));
      break;
    case Step::Exp2:
      real(std::exp2(x));
      break;
    case Step::Log:
      real(std::log(x));
      break;
    case Step::Log2:
      real(std::log2(x));
      break;
    case Step::Log1p:
      real(std::log1p(x));
      break;
    case Step::Sqrt:
      real(std::sqrt(x));
      break;
    case Step::Rsqrt:
      real(1.0f / std::sqrt(x));
      break;
    case Step::Tanh:
      real(std::tanh(x));
      break;
    case Step::Erf:
      real(std::erf(x));
      break;
    case Step::AbsF:
      real(std::fabs(x));
      break;
    case Step::AbsI:
      integer(i < 0 ? -i : i);
      break;
    case Step::Floor:
      real(std::floor(x));
      break;
    case Step::Ceil:
      real(std::ceil(x));
      break;
    case Step::RoundEven:
      real(std::nearbyint(x));
      break;
    case Step::Round:
      real(std::round(x));
      break;
    case Step::Trunc:
      real(std::trunc(x));
      break;
    case Step::Sin:
      real(std::sin(x));
      break;
    case Step::Cos:
      real(std::cos(x));
      break;
    case Step::PowF:
      real(std::pow(x, y));
      break;
    case Step::LoopIndex:
      to.i = loops[s.predicate];
      break;
    case Step::Extract: {
      int64_t at = 0;
      for (auto [d, index] : llvm::enumerate(s.indices)) {
        int64_t value = slots[index].i;
        if (value < 0 || value >= s.table->shape[d])
          return false;
        at = at * s.table->shape[d] + value;
      }
      if (s.isFloat)
        to.f = s.table->floats[at];
      else
        to.i = s.table->integers[at];
      break;
    }
    }
  }
  return true;
}
