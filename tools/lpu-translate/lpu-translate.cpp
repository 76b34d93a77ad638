// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Translations.h"

#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

int main(int argc, char **argv) {
  lpu::registerONNXTranslation();
  return mlir::failed(mlir::mlirTranslateMain(argc, argv, "lpu translations\n"));
}
