//===- Passes.cpp - passes over the stream dialect ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Stream/Passes.h"
#include "dialects/Stream/Translate.h"
#include "lpu/Target/PassTarget.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

using namespace lpu;

namespace {

class VerifyStreamPass
    : public mlir::PassWrapper<VerifyStreamPass,
                               mlir::OperationPass<mlir::ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VerifyStreamPass)

  VerifyStreamPass() = default;
  explicit VerifyStreamPass(const Machine &machine) : machine(machine) {}
  VerifyStreamPass(const VerifyStreamPass &other)
      : PassWrapper(other), machine(other.machine) {}

  llvm::StringRef getArgument() const override { return "verify-stream"; }
  llvm::StringRef getDescription() const override {
    return "Check stream programs against the limits of a machine";
  }

  mlir::LogicalResult initialize(mlir::MLIRContext *context) override {
    return loadPassTarget(machine, target, mlir::UnknownLoc::get(context));
  }

  void runOnOperation() override {
    bool allGood = true;
    for (mlir::Operation &op : *getOperation().getBody()) {
      if (auto program = llvm::dyn_cast<stream::ProgramOp>(op)) {
        allGood &= succeeded(stream::verifyProgram(program, &*machine));
        continue;
      }
      op.emitOpError() << "is no stream program";
      allGood = false;
    }
    if (!allGood)
      signalPassFailure();
  }

private:
  std::optional<Machine> machine;
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("Machine: a name or a YAML file"),
                             llvm::cl::init("lpu1")};
};

} // namespace

std::unique_ptr<mlir::Pass>
lpu::createVerifyStreamPass(const Machine &machine) {
  return std::make_unique<VerifyStreamPass>(machine);
}

void lpu::registerStreamPasses() { mlir::PassRegistration<VerifyStreamPass>(); }
