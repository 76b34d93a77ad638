//===- lpu-fabric-test.cpp - a partitioned program means the model --------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   lpu-fabric-test whole.mlir parts.mlir... [--target lpu1] [--seed n]
//                   [--tolerance x]
//
// Evaluates a linalg function and fabric programs made from it on the same
// random inputs and compares the outputs: bit for bit, or with a relative L2
// tolerance where a partition sums floats in another order.
//
//===----------------------------------------------------------------------===//

#include "dialects/Fabric/Fabric.h"
#include "dialects/ONNX/ONNX.h"
#include "lpu/Conversion/ONNXToLinalg.h"
#include "lpu/Partition/Interpreter.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/SourceMgr.h"
#include <cmath>
#include <cstring>

using namespace lpu;
using namespace lpu::fabric;

static llvm::cl::opt<std::string> whole(llvm::cl::Positional,
                                        llvm::cl::Required,
                                        llvm::cl::desc("<whole.mlir>"));
static llvm::cl::list<std::string> parts(llvm::cl::Positional,
                                         llvm::cl::OneOrMore,
                                         llvm::cl::desc("<parts.mlir>..."));
static llvm::cl::opt<std::string> target("target", llvm::cl::init("lpu1"),
                                         llvm::cl::desc("Machine"));
static llvm::cl::opt<unsigned> seed("seed", llvm::cl::init(1),
                                    llvm::cl::desc("Of the random inputs"));
static llvm::cl::opt<double>
    tolerance("tolerance", llvm::cl::init(0),
              llvm::cl::desc("Relative L2 error; 0: equal bits"));

/// Relative L2 distance; 0 only for equal bits.
static double distance(const HostTensor &a, const HostTensor &b) {
  if (a.shape != b.shape || a.isFloat != b.isFloat || a.integers != b.integers)
    return 1;
  if (std::memcmp(a.floats.data(), b.floats.data(),
                  a.floats.size() * sizeof(float)) == 0)
    return 0;
  double difference = 0, sum = 0;
  for (size_t i = 0; i < a.floats.size(); ++i) {
    double d = double(a.floats[i]) - b.floats[i];
    difference += d * d;
    sum += double(a.floats[i]) * a.floats[i];
  }
  double relative = std::sqrt(difference / sum);
  return relative > 0 ? relative : relative == 0 ? 1e-30 : 1;
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv, "lpu-mlir fabric test\n");
  mlir::DialectRegistry registry;
  registry.insert<onnx::ONNXDialect, FabricDialect>();
  registerLinalgLayerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto machine = loadMachine(target);
  if (!machine) {
    llvm::errs() << "error: " << llvm::toString(machine.takeError()) << "\n";
    return 1;
  }
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(whole, &context);
  if (!module)
    return 1;
  mlir::func::FuncOp function = *module->getOps<mlir::func::FuncOp>().begin();
  HostValues inputs = randomInputs(function, seed);
  auto expected = evaluate(function, inputs);
  if (!expected)
    return 1;
  // Numbers that are not finite, or all the same, would agree with anything.
  for (auto &[name, value] : *expected) {
    bool isFinite = true, varies = value->size() <= 1 || !value->isFloat;
    for (float f : value->floats) {
      isFinite &= std::isfinite(f);
      varies |= f != value->floats[0];
    }
    if (!isFinite || !varies) {
      llvm::errs() << "error: output \"" << name << "\" "
                   << (isFinite ? "is constant" : "is not finite")
                   << ": these inputs say nothing\n";
      return 1;
    }
  }
  bool allAgree = true;
  for (const std::string &path : parts) {
    auto divided = mlir::parseSourceFile<mlir::ModuleOp>(path, &context);
    if (!divided)
      return 1;
    auto program = readProgram(*divided, *machine);
    if (mlir::failed(program) || mlir::failed(verifyProgram(*program)))
      return 1;
    auto found = evaluate(*program, inputs);
    if (!found)
      return 1;
    size_t chips = 0;
    for (const ChipClass &c : program->classes)
      chips += c.instances.size();
    bool agrees = found->size() == expected->size();
    double worst = 0;
    for (auto &[name, value] : *expected) {
      auto it = found->find(name);
      agrees &= it != found->end();
      if (it != found->end())
        worst = std::max(worst, distance(*value, *it->second));
    }
    agrees &= worst <= tolerance;
    llvm::outs() << chips << " chips, " << program->classes.size()
                 << " classes, " << expected->size() << " outputs: "
                 << (worst == 0 ? std::string("equal bits") : std::string())
                 << (worst == 0 ? "" : "relative L2 ");
    if (worst != 0)
      llvm::outs() << llvm::format("%.2e", worst);
    llvm::outs() << (agrees ? "" : ", DIFFERENT") << "\n";
    allAgree &= agrees;
  }
  return allAgree ? 0 : 1;
}
