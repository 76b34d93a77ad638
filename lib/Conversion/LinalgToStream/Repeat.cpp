//===- Repeat.cpp - equal layers become one segment -----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Repeat.h"

using namespace lpu;
using namespace lpu::stream;

void linalg_to_stream::outlineRepeats(Program &program) {}
