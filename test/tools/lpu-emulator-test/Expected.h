//===- Expected.h - independent numerics ------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the vector unit must compute, written a second time: with the host's
// IEEE arithmetic (tests are built with -ffp-contract=off), in straight C.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TEST_TOOLS_EXPECTED_H
#define LPU_TEST_TOOLS_EXPECTED_H

#include <cstdint>
#include <string>
#include <vector>

namespace lpu::test {

/// The operation \p name ("add", "exp2" ...) on one lane.
uint32_t expected(const std::string &name, uint32_t a, uint32_t b, uint32_t c);

float toFloat(uint32_t bits);
uint32_t toBits(float value);
uint32_t halfToSingle(uint16_t half);
uint16_t singleToHalf(uint32_t bits);

} // namespace lpu::test

#endif // LPU_TEST_TOOLS_EXPECTED_H
