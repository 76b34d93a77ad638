//===- ONNX.cpp - fuzzes ONNX files ---------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/ONNX/ONNX.h"
#include "lpu/Import/Import.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <unistd.h>

static std::unique_ptr<mlir::MLIRContext> makeContext() {
  auto context = std::make_unique<mlir::MLIRContext>(
      mlir::MLIRContext::Threading::DISABLED);
  context->loadDialect<lpu::onnx::ONNXDialect, mlir::func::FuncDialect>();
  return context;
}

/// A folder of its own: what external data could name is not there.
static std::string modelPath() {
  llvm::SmallString<128> folder;
  if (llvm::sys::fs::createUniqueDirectory("lpu-fuzz", folder))
    abort();
  static std::string name;
  name = (folder + "/m.onnx").str();
  atexit([] {
    unlink(name.c_str());
    rmdir(llvm::StringRef(name).drop_back(7).str().c_str());
  });
  return name;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string path = modelPath();
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned uses = 0;
  if (uses++ % 200 == 0)
    context = makeContext();
  {
    std::error_code code;
    llvm::raw_fd_ostream file(path, code);
    if (code)
      abort();
    file.write(reinterpret_cast<const char *>(data), size);
  }
  lpu::ImportOptions options;
  options.dims = {{"batch", 2}, {"seq", 5}};
  options.limits.foldBytes = 1 << 20;
  options.limits.nodes = 1 << 16;
  lpu::ImportReport report;
  mlir::ScopedDiagnosticHandler quiet(context.get(), [](mlir::Diagnostic &) {});
  auto module = lpu::importONNX(*context, path, options, report);
  // A refusal says why; what is imported is whole.
  if (bool(module) != report.ok() ||
      (module && mlir::failed(mlir::verify(*module))))
    abort();
  return 0;
}
