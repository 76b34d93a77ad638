//===- lpu-opt.cpp - run passes on textual IR -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of every dialect and pass of the project. A new layer adds its two
// lines here.
//
//===----------------------------------------------------------------------===//

#include "dialects/Fabric/Fabric.h"
#include "dialects/ISA/ISAOps.h"
#include "dialects/ONNX/ONNX.h"
#include "dialects/Stream/StreamOps.h"
#include "lpu/Conversion/LinalgToStream.h"
#include "lpu/Conversion/ONNXToLinalg.h"
#include "lpu/Import/VerifyONNX.h"
#include "lpu/Partition/Partition.h"
#include "lpu/Schedule/Passes.h"
#include "lpu/Stream/Passes.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<lpu::fabric::FabricDialect>();
  registry.insert<lpu::isa::ISADialect, lpu::onnx::ONNXDialect,
                  lpu::stream::StreamDialect>();
  lpu::registerLinalgLayerDialects(registry);

  lpu::registerVerifyONNXPass();
  lpu::registerONNXToLinalgPasses();
  lpu::registerLinalgToStreamPass();
  lpu::registerStreamPasses();
  lpu::registerPartitionPasses();
  lpu::registerSchedulePasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();

  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "lpu-mlir optimizer driver\n", registry));
}
