//===- ISA.cpp - fuzzes isa text ------------------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/ISA/Translate.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

static std::unique_ptr<mlir::MLIRContext> makeContext() {
  auto context = std::make_unique<mlir::MLIRContext>(
      mlir::MLIRContext::Threading::DISABLED);
  context->loadDialect<lpu::isa::ISADialect>();
  return context;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // Attributes live as long as their context.
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned uses = 0;
  if (uses++ % 1000 == 0)
    context = makeContext();
  mlir::ScopedDiagnosticHandler quiet(context.get(), [](mlir::Diagnostic &) {});
  // The parser wants a zero behind the text, as a mapped file has it.
  std::string text(reinterpret_cast<const char *>(data), size);
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(text.c_str(), context.get());
  if (!module)
    return 0;
  for (auto program : module->getOps<lpu::isa::ProgramOp>())
    (void)lpu::isa::readIsaProgram(program);
  return 0;
}
