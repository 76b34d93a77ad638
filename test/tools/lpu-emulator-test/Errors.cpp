//===- Errors.cpp - how far the sequences are from the functions ----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expected.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace lpu::test;

namespace {

struct Function {
  const char *name;
  double (*reference)(double);
  double limit;          // of the relative error, docs/isa.md section 11
  double subnormalLimit; // of the error of subnormal results, in ulp
};

} // namespace

/// Runs the sequences of docs/isa.md, section 11 (as written in Expected.cpp;
/// the engines give the same bits) over every step-th fp32 number and compares
/// with the double-precision functions of the host. Returns the number of
/// functions whose error exceeds the stated one, or that miss a special value.
unsigned runErrorSweep(uint32_t step) {
  const Function functions[] = {
      {"exp2", [](double x) { return std::exp2(x); }, 9.1e-8, 0.80},
      {"log2", [](double x) { return std::log2(x); }, 1.6e-7, 0},
      {"tanh", [](double x) { return std::tanh(x); }, 1.8e-7, 0},
      {"erf", [](double x) { return std::erf(x); }, 1.0e-7, 0.51}};
  unsigned failures = 0;
  for (const Function &f : functions) {
    double worst = 0, worstSubnormal = 0;
    uint32_t at = 0, special = 0;
    for (uint64_t bits = 0; bits <= 0xffffffff; bits += step) {
      const float x = toFloat(uint32_t(bits));
      const uint32_t result = expected(f.name, uint32_t(bits), 0, 0);
      const double exact = f.reference(x);
      const float rounded = float(exact);
      if (exact != exact) { // NaN operands too
        special += result != 0x7fc00000;
      } else if (std::isinf(rounded) || exact == 0) {
        special += result != toBits(rounded);
      } else if (std::fabs(exact) < 0x1p-126) {
        const double error = std::fabs(toFloat(result) - exact) / 0x1p-149;
        worstSubnormal = std::max(worstSubnormal, error);
      } else {
        const double error = std::fabs(toFloat(result) / exact - 1);
        if (!(error <= worst)) {
          worst = error;
          at = uint32_t(bits);
        }
      }
    }
    const bool good =
        worst <= f.limit && worstSubnormal <= f.subnormalLimit && !special;
    failures += !good;
    llvm::outs() << f.name << ": largest relative error "
                 << llvm::format("%.3g", worst) << " at "
                 << llvm::format_hex(at, 10) << ", subnormal results "
                 << llvm::format("%.3f", worstSubnormal) << " ulp, " << special
                 << " special values wrong" << (good ? "" : ": TOO LARGE")
                 << "\n";
  }
  return failures;
}
