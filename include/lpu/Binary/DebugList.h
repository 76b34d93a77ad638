//===- DebugList.h - lists in debug sections --------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Some debug sections of a package are lists of JSON objects. Whoever reads one
// may have got it from anywhere, so every entry is judged before it is used.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_BINARY_DEBUGLIST_H
#define LPU_BINARY_DEBUGLIST_H

#include "lpu/Binary/Package.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace llvm::json {
class ObjectMapper;
} // namespace llvm::json

namespace lpu {

/// Reads the fields of one entry: false as soon as the mapper misses one. Sets
/// \p fault if a field has a value that cannot be meant.
using ReadDebugEntry =
    llvm::function_ref<bool(llvm::json::ObjectMapper &map, std::string &fault)>;

/// Calls \p read for all entries of the debug sections of that name, in order;
/// there may be none. Error: "debug section 'x' is damaged: ..." at the first
/// entry that is not what \p read wants.
llvm::Error readDebugList(const Package &package, llvm::StringRef section,
                          ReadDebugEntry read);

} // namespace lpu

#endif // LPU_BINARY_DEBUGLIST_H
