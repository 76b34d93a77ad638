//===- NodeName.h - the ONNX node of a location -----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_SUPPORT_NODENAME_H
#define LPU_SUPPORT_NODENAME_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"

namespace lpu {

/// The name that the ONNX file gives to the node of a location, or "".
inline std::string nodeName(mlir::Location location) {
  std::string name;
  location->walk([&](mlir::Location part) {
    auto named = llvm::dyn_cast<mlir::NameLoc>(part);
    if (!named)
      return mlir::WalkResult::advance();
    name = named.getName().str();
    return mlir::WalkResult::interrupt();
  });
  return name;
}

} // namespace lpu

#endif // LPU_SUPPORT_NODENAME_H
