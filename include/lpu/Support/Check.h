//===- Check.h - checks that stay on in every build -------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LPU_CHECK guards an invariant of our own code. Bad input is never reported
// this way: it is a diagnostic with the user's object in it.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SUPPORT_CHECK_H
#define LPU_SUPPORT_CHECK_H

#include "llvm/Support/ErrorHandling.h"

#define LPU_STRINGIFY_(x) #x
#define LPU_STRINGIFY(x) LPU_STRINGIFY_(x)
#define LPU_CHECK(cond, what)                                                  \
  do {                                                                         \
    if (!(cond))                                                               \
      llvm::report_fatal_error("internal error: " what " (" __FILE__           \
                               ":" LPU_STRINGIFY(__LINE__) ": " #cond ")");    \
  } while (false)

#endif // LPU_SUPPORT_CHECK_H
