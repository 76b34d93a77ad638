// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef LPU_LIB_IMPORT_EMIT_H
#define LPU_LIB_IMPORT_EMIT_H

#include "Graph.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace lpu {
struct ImportReport;
}

namespace lpu::importer {

/// Writes what the outputs need of the graph as `func.func @main` in the `onnx`
/// dialect.
mlir::OwningOpRef<mlir::ModuleOp> emit(mlir::MLIRContext &context,
                                       const Graph &graph,
                                       const ImportReport &report);

} // namespace lpu::importer

#endif
