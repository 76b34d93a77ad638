//===- Pass.cpp - linalg to stream as a pass ------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/Pass.h"
#include "dialects/Stream/Translate.h"
#include "lpu/Conversion/LinalgToStream.h"
#include "lpu/Target/PassTarget.h"
#include "mlir/IR/BuiltinOps.h"

using namespace lpu;

namespace {

class ConvertLinalgToStreamPass
    : public mlir::PassWrapper<ConvertLinalgToStreamPass,
                               mlir::OperationPass<mlir::ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertLinalgToStreamPass)

  ConvertLinalgToStreamPass() = default;
  ConvertLinalgToStreamPass(const Machine &machine,
                            const LinalgToStreamOptions &options)
      : machine(machine), scales(options.scales) {
    epilogueAlus = options.epilogueAlus;
    flowAlus = options.flowAlus;
    flowStreams = options.flowStreams;
    outlineRepeats = options.outlineRepeats;
    loopPhase = options.loopPhase;
    memoryShare = options.memoryShare;
  }
  ConvertLinalgToStreamPass(const ConvertLinalgToStreamPass &other)
      : PassWrapper(other), machine(other.machine), scales(other.scales) {}

  llvm::StringRef getArgument() const override {
    return "convert-linalg-to-stream";
  }
  llvm::StringRef getDescription() const override {
    return "Lower linalg on tensors to the kernels of one chip";
  }
  void getDependentDialects(mlir::DialectRegistry &registry) const override {
    registry.insert<stream::StreamDialect>();
  }

  mlir::LogicalResult initialize(mlir::MLIRContext *context) override {
    return loadPassTarget(machine, target, mlir::UnknownLoc::get(context));
  }

  void runOnOperation() override {
    LinalgToStreamOptions options;
    options.epilogueAlus = epilogueAlus;
    options.flowAlus = flowAlus;
    options.flowStreams = flowStreams;
    options.outlineRepeats = outlineRepeats;
    options.loopPhase = loopPhase;
    options.memoryShare = memoryShare;
    options.scales = scales;
    mlir::ModuleOp module = getOperation();
    mlir::FailureOr<stream::Program> program =
        convertLinalgToStream(module, *machine, options);
    if (mlir::failed(program))
      return signalPassFailure();
    module.getBody()->clear();
    module.getBody()->push_back(
        stream::toIR(*program, &getContext()).release());
  }

private:
  std::optional<Machine> machine;
  std::shared_ptr<WeightScales> scales;
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("Machine: a name or a YAML file"),
                             llvm::cl::init("lpu1")};
  Option<unsigned> epilogueAlus{
      *this, "epilogue-alus",
      llvm::cl::desc("Most ALUs of an epilogue (0: 7/8 of the machine's)"),
      llvm::cl::init(0)};
  Option<unsigned> flowAlus{*this, "flow-alus",
                            llvm::cl::desc("Most ALUs of a flow (0: all)"),
                            llvm::cl::init(0)};
  Option<unsigned> flowStreams{
      *this, "flow-streams",
      llvm::cl::desc("Most streams of a flow (0: half of the machine's)"),
      llvm::cl::init(0)};
  Option<bool> outlineRepeats{
      *this, "outline-repeats",
      llvm::cl::desc("Make equal layers one segment with iterations"),
      llvm::cl::init(true)};
  Option<unsigned> memoryShare{
      *this, "memory-share",
      llvm::cl::desc("Eighths of the SRAM for tiles before they are cut"),
      llvm::cl::init(6)};
  Option<unsigned> loopPhase{
      *this, "loop-phase",
      llvm::cl::desc("Kernel with which an iteration begins"),
      llvm::cl::init(0)};
};

} // namespace

std::unique_ptr<mlir::Pass>
lpu::createConvertLinalgToStreamPass(const Machine &machine,
                                     const LinalgToStreamOptions &options) {
  return std::make_unique<ConvertLinalgToStreamPass>(machine, options);
}

void lpu::registerLinalgToStreamPass() {
  mlir::PassRegistration<ConvertLinalgToStreamPass>();
}
