//===- Passes.cpp - the fabric layer on the command line ------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Fabric/Fabric.h"
#include "lpu/Partition/Partition.h"
#include "lpu/Partition/Program.h"
#include "lpu/Target/PassTarget.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

using namespace mlir;
using namespace lpu;

namespace {
/// Loads the machine that a pass names; reports if there is none.
struct MachinePass : OperationPass<ModuleOp> {
  explicit MachinePass(TypeID id) : OperationPass<ModuleOp>(id) {}
  MachinePass(const MachinePass &other) : OperationPass<ModuleOp>(other) {}
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<fabric::FabricDialect, func::FuncDialect, linalg::LinalgDialect,
                tensor::TensorDialect, arith::ArithDialect>();
  }
  Option<std::string> target{*this, "target", llvm::cl::desc("Machine"),
                             llvm::cl::init("lpu1")};
  std::optional<Machine> machine() {
    std::optional<Machine> loaded;
    if (failed(loadPassTarget(loaded, target, getOperation().getLoc())))
      signalPassFailure();
    return loaded;
  }
};

struct PartitionPass : MachinePass {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PartitionPass)
  PartitionPass() : MachinePass(TypeID::get<PartitionPass>()) {}
  PartitionPass(const PartitionPass &other) : MachinePass(other) {}
  std::unique_ptr<Pass> clonePass() const override {
    return std::make_unique<PartitionPass>(*this);
  }
  StringRef getName() const override { return "FabricPartition"; }
  StringRef getArgument() const final { return "fabric-partition"; }
  StringRef getDescription() const final {
    return "Spread the module's function over chips";
  }
  Option<unsigned> chips{*this, "chips",
                         llvm::cl::desc("Chips (0: all of the topology)"),
                         llvm::cl::init(0)};
  Option<unsigned> tp{*this, "tp", llvm::cl::desc("Tensor-parallel width"),
                      llvm::cl::init(0)};
  Option<unsigned> pp{*this, "pp", llvm::cl::desc("Pipeline stages"),
                      llvm::cl::init(0)};
  Option<unsigned> replicas{*this, "replicas",
                            llvm::cl::desc("Copies of the model"),
                            llvm::cl::init(0)};
  Option<double> balance{*this, "balance",
                         llvm::cl::desc("Most of the mean of multiply-adds"),
                         llvm::cl::init(0)};
  Option<unsigned> mostWidth{*this, "most-width",
                             llvm::cl::desc("Widest group without a pin"),
                             llvm::cl::init(64)};
  Option<bool> halfLinks{*this, "half-links",
                         llvm::cl::desc("Floats cross links as f16"),
                         llvm::cl::init(false)};
  Option<bool> directGroups{
      *this, "direct-groups",
      llvm::cl::desc("Chips of a stage are joined directly"),
      llvm::cl::init(false)};
  Option<bool> relays{*this, "relays",
                      llvm::cl::desc("Values travel from stage to stage"),
                      llvm::cl::init(false)};
  Option<bool> repeats{*this, "repeats",
                       llvm::cl::desc("Equal layers are cut alike"),
                       llvm::cl::init(false)};
  Option<uint64_t> reserve{*this, "reserve",
                           llvm::cl::desc("Bytes of SRAM to leave free"),
                           llvm::cl::init(0)};
  Option<std::string> topologyFile{*this, "topology",
                                   llvm::cl::desc("Topology file")};
  Option<std::string> objective{*this, "objective",
                                llvm::cl::desc("latency, throughput or fit"),
                                llvm::cl::init("latency")};
  ListOption<unsigned> cuts{*this, "cuts",
                            llvm::cl::desc("Operations at which stages begin")};
  ListOption<unsigned> widths{*this, "widths",
                              llvm::cl::desc("Chips of each stage")};
  Option<uint64_t> mostTable{
      *this, "most-table",
      llvm::cl::desc("Bytes of a table before its rows are looked up in parts "
                     "(0: never)"),
      llvm::cl::init(0)};
  Option<bool> report{*this, "report",
                      llvm::cl::desc("Print the plan to stderr"),
                      llvm::cl::init(false)};

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::optional<Machine> m = machine();
    if (!m)
      return;
    PartitionOptions options;
    if (objective == "throughput")
      options.objective = Objective::Throughput;
    else if (objective == "fit")
      options.objective = Objective::Fit;
    else if (objective != "latency") {
      emitError(module.getLoc(), "objective \"")
          << std::string(objective) << "\" is none of latency, throughput, fit";
      return signalPassFailure();
    }
    auto topology = topologyFile.empty()
                        ? defaultTopology(*m, std::max(1u, unsigned(chips)))
                        : loadTopology(topologyFile, *m);
    if (!topology) {
      emitError(module.getLoc(), llvm::toString(topology.takeError()));
      return signalPassFailure();
    }
    options.chips = chips;
    options.tensorWidth = tp;
    options.stages = pp;
    options.replicas = replicas;
    options.reserveBytes = reserve;
    options.balance = balance;
    options.mostWidth = mostWidth;
    options.halfLinks = halfLinks;
    options.directGroups = directGroups;
    options.relays = relays;
    options.repeats = repeats;
    options.cuts.assign(cuts.begin(), cuts.end());
    options.widths.assign(widths.begin(), widths.end());
    PartitionReport result;
    if (mostTable)
      splitTables(module, mostTable);
    moveToReaders(module);
    auto parts = partitionModel(module, *m, *topology, options, result);
    if (failed(parts))
      return signalPassFailure();
    if (report)
      llvm::errs() << result.text;
    module.getBodyRegion().takeBody((*parts)->getBodyRegion());
  }
};

struct DecomposePass : MachinePass {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DecomposePass)
  DecomposePass() : MachinePass(TypeID::get<DecomposePass>()) {}
  DecomposePass(const DecomposePass &other) : MachinePass(other) {}
  std::unique_ptr<Pass> clonePass() const override {
    return std::make_unique<DecomposePass>(*this);
  }
  StringRef getName() const override { return "FabricDecompose"; }
  StringRef getArgument() const final { return "fabric-decompose"; }
  StringRef getDescription() const final {
    return "Rewrite collectives as those that a schedule has";
  }
  void runOnOperation() override {
    std::optional<Machine> m = machine();
    if (m && failed(fabric::decomposeCollectives(getOperation(), *m)))
      signalPassFailure();
  }
};

struct PortsPass : MachinePass {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PortsPass)
  PortsPass() : MachinePass(TypeID::get<PortsPass>()) {}
  PortsPass(const PortsPass &other) : MachinePass(other) {}
  std::unique_ptr<Pass> clonePass() const override {
    return std::make_unique<PortsPass>(*this);
  }
  StringRef getName() const override { return "FabricPorts"; }
  StringRef getArgument() const final { return "fabric-ports"; }
  StringRef getDescription() const final {
    return "Keep one chip class, its transfers as arguments and results";
  }
  Option<unsigned> chipClass{*this, "class", llvm::cl::desc("Chip class"),
                             llvm::cl::init(0)};
  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::optional<Machine> m = machine();
    if (!m)
      return;
    auto program = fabric::readProgram(module, *m);
    if (failed(program))
      return signalPassFailure();
    if (chipClass >= program->classes.size()) {
      emitError(module.getLoc(), "there is no class ")
          << unsigned(chipClass) << " of " << program->classes.size();
      return signalPassFailure();
    }
    OwningOpRef<ModuleOp> one = fabric::portModule(*program, chipClass);
    module.getBodyRegion().takeBody(one->getBodyRegion());
  }
};

struct VerifyPass : MachinePass {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VerifyPass)
  VerifyPass() : MachinePass(TypeID::get<VerifyPass>()) {}
  VerifyPass(const VerifyPass &other) : MachinePass(other) {}
  std::unique_ptr<Pass> clonePass() const override {
    return std::make_unique<VerifyPass>(*this);
  }
  StringRef getName() const override { return "VerifyFabric"; }
  StringRef getArgument() const final { return "verify-fabric"; }
  StringRef getDescription() const final {
    return "Check that every tensor has a home and every transfer a route";
  }
  void runOnOperation() override {
    std::optional<Machine> m = machine();
    if (!m)
      return;
    auto program = fabric::readProgram(getOperation(), *m);
    if (failed(program) || failed(fabric::verifyProgram(*program)))
      signalPassFailure();
  }
};
} // namespace

void lpu::registerPartitionPasses() {
  registerPass([] { return std::make_unique<PartitionPass>(); });
  registerPass([] { return std::make_unique<DecomposePass>(); });
  registerPass([] { return std::make_unique<PortsPass>(); });
  registerPass([] { return std::make_unique<VerifyPass>(); });
}
