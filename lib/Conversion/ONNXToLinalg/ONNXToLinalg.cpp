//===- ONNXToLinalg.cpp - the pass and its registration -------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace lpu;

void lpu::registerLinalgLayerDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                  math::MathDialect, tensor::TensorDialect>();
}

namespace {
struct ConvertONNXToLinalg
    : PassWrapper<ConvertONNXToLinalg, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertONNXToLinalg)
  ConvertONNXToLinalg() = default;
  ConvertONNXToLinalg(const ConvertONNXToLinalg &other) : PassWrapper(other) {}
  explicit ConvertONNXToLinalg(const ONNXToLinalgOptions &options) {
    narrowInt64 = options.narrowInt64;
  }

  StringRef getArgument() const final { return "convert-onnx-to-linalg"; }
  StringRef getDescription() const final {
    return "Lower onnx ops to structured ops on static tensors";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registerLinalgLayerDialects(registry);
  }

  void runOnOperation() final {
    ONNXToLinalgOptions options;
    options.narrowInt64 = narrowInt64;
    bool failed = false;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      onnx_to_linalg::Lowering lowering(&getContext(), options);
      failed |= mlir::failed(lowering.run(function));
    }
    if (failed)
      signalPassFailure();
  }

  Option<bool> narrowInt64{*this, "narrow-int64",
                           llvm::cl::desc("Turn i64 tensors into i32"),
                           llvm::cl::init(false)};
};
} // namespace

std::unique_ptr<Pass>
lpu::createConvertONNXToLinalgPass(const ONNXToLinalgOptions &options) {
  return std::make_unique<ConvertONNXToLinalg>(options);
}

void lpu::registerONNXToLinalgPasses() {
  PassRegistration<ConvertONNXToLinalg>();
  registerPass(createVerifyLinalgPass);
}
