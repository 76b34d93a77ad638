//===- lpu-translate.cpp - between textual forms and files ----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Translations.h"
#include "dialects/ISA/Translate.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

int main(int argc, char **argv) {
  lpu::isa::registerIsaTranslations();
  lpu::registerONNXTranslation();
  return mlir::failed(
      mlir::mlirTranslateMain(argc, argv, "lpu-mlir translation driver\n"));
}
