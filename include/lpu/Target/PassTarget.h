//===- PassTarget.h - the machine of a pass ---------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TARGET_PASSTARGET_H
#define LPU_TARGET_PASSTARGET_H

#include "lpu/Target/Machine.h"
#include "mlir/IR/Diagnostics.h"

namespace lpu {

/// The machine of a pass: one that its creator gave, or the one that its option
/// `target` names (a name or a file), which is loaded. Reports if there is
/// none.
inline mlir::LogicalResult loadPassTarget(std::optional<Machine> &machine,
                                          llvm::StringRef target,
                                          mlir::Location location) {
  if (machine)
    return mlir::success();
  llvm::Expected<Machine> loaded = loadMachine(target);
  if (!loaded)
    return mlir::emitError(location) << llvm::toString(loaded.takeError());
  machine = std::move(*loaded);
  return mlir::success();
}

} // namespace lpu

#endif // LPU_TARGET_PASSTARGET_H
