//===- lpu-translate.cpp - between textual forms and files ----------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Translations.h"
#include "dialects/ISA/Translate.h"
#include "lpu/Support/OutputFile.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

/// The driver opens the file of -o before it is done with its input.
static bool outputIsInput(llvm::ArrayRef<const char *> arguments) {
  lpu::FileRoles files;
  for (size_t i = 0; i < arguments.size(); ++i) {
    llvm::StringRef argument = arguments[i];
    llvm::StringRef name = argument.ltrim('-');
    if (argument == "-o" || argument == "--o") {
      if (++i < arguments.size())
        files.addOutput("-o", arguments[i]);
    } else if (argument.starts_with("-") && name.consume_front("o=")) {
      files.addOutput("-o", name);
    } else if (!argument.starts_with("-")) {
      files.addInput("the input", argument);
    }
  }
  if (llvm::Error error = files.checkInputs()) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << "\n";
    return true;
  }
  return false;
}

int main(int argc, char **argv) {
  if (outputIsInput(llvm::ArrayRef<const char *>(argv + 1, size_t(argc - 1))))
    return 1;
  lpu::isa::registerIsaTranslations();
  lpu::registerONNXTranslation();
  return mlir::failed(
      mlir::mlirTranslateMain(argc, argv, "lpu-mlir translation driver\n"));
}
