//===- IsaPasses.cpp - scheduling passes over the isa dialect -------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/ISA/Translate.h"
#include "lpu/Schedule/InsertFetches.h"
#include "lpu/Schedule/Passes.h"
#include "lpu/Schedule/RollLoops.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

using namespace lpu;

namespace {

class InsertFetchesPass
    : public mlir::PassWrapper<InsertFetchesPass,
                               mlir::OperationPass<mlir::ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(InsertFetchesPass)

  llvm::StringRef getArgument() const override { return "isa-insert-fetches"; }
  llvm::StringRef getDescription() const override {
    return "Place program text in free banks and fetch it in idle cycles";
  }

  void runOnOperation() override {
    for (auto op : getOperation().getOps<isa::ProgramOp>()) {
      auto program = isa::readIsaProgram(op);
      if (failed(program))
        return signalPassFailure();
      if (llvm::Error error = insertFetches(*program)) {
        op.emitOpError() << toString(std::move(error));
        return signalPassFailure();
      }
      for (auto [chipClass, queues] :
           llvm::zip(op.getOps<isa::ChipClassOp>(), program->classes))
        isa::writeQueues(chipClass, queues.queues);
    }
  }
};

class RollLoopsPass
    : public mlir::PassWrapper<RollLoopsPass,
                               mlir::OperationPass<mlir::ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RollLoopsPass)

  RollLoopsPass() = default;
  RollLoopsPass(const RollLoopsPass &other) : PassWrapper(other) {}

  llvm::StringRef getArgument() const override { return "isa-roll-loops"; }
  llvm::StringRef getDescription() const override {
    return "Make loops of what a queue does again and again; nothing moves";
  }

  void runOnOperation() override {
    for (auto op : getOperation().getOps<isa::ProgramOp>()) {
      auto program = isa::readIsaProgram(op);
      if (failed(program))
        return signalPassFailure();
      for (auto [chipClass, queues] :
           llvm::zip(op.getOps<isa::ChipClassOp>(), program->classes)) {
        rollLoops(queues, program->package.machine, words, /*slices=*/true);
        isa::writeQueues(chipClass, queues.queues);
      }
    }
  }

private:
  Option<unsigned> words{*this, "words",
                         llvm::cl::desc("Most instructions of a body"),
                         llvm::cl::init(16)};
};

} // namespace

std::unique_ptr<mlir::Pass> lpu::createInsertFetchesPass() {
  return std::make_unique<InsertFetchesPass>();
}

void lpu::registerSchedulePasses() {
  mlir::PassRegistration<InsertFetchesPass>();
  mlir::PassRegistration<RollLoopsPass>();
}
