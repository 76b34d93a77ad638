// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `--import-onnx` of lpu-translate: an ONNX file to the `onnx` dialect.

#include "Translations.h"

#include "dialects/ONNX/ONNX.h"
#include "lpu/Import/Import.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

static llvm::cl::list<std::string>
    dims("dim", llvm::cl::desc("Size of a free dim of an ONNX model"),
         llvm::cl::value_desc("name=size"));
static llvm::cl::opt<bool>
    analyze("analyze", llvm::cl::desc("With --import-onnx: print what the model "
                                      "holds and all problems instead of IR"));
static llvm::cl::opt<bool> analyzeJSON("analyze-json",
                                       llvm::cl::desc("The same as JSON"));
static llvm::cl::opt<uint64_t>
    foldLimit("fold-limit", llvm::cl::desc("Bytes of one folded tensor"),
              llvm::cl::init(lpu::ImportLimits().foldBytes));
static llvm::cl::opt<uint64_t>
    nodeLimit("node-limit", llvm::cl::desc("Nodes after inlining functions"),
              llvm::cl::init(lpu::ImportLimits().nodes));

static bool readDims(lpu::ImportOptions &options) {
  for (llvm::StringRef text : dims) {
    auto [name, size] = text.rsplit('=');
    int64_t value;
    if (name.empty() || size.getAsInteger(10, value)) {
      llvm::errs() << "error: --dim " << text << ": write it as name=size\n";
      return false;
    }
    options.dims[name.str()] = value;
  }
  return true;
}

void lpu::registerONNXTranslation() {
  static mlir::TranslateToMLIRRegistration import(
      "import-onnx", "import an ONNX file as the onnx dialect",
      [](llvm::SourceMgr &source,
         mlir::MLIRContext *context) -> mlir::OwningOpRef<mlir::Operation *> {
        // The importer maps the file itself, by its name.
        std::string path(source.getMemoryBuffer(source.getMainFileID())
                             ->getBufferIdentifier());
        lpu::ImportOptions options;
        if (!readDims(options))
          return nullptr;
        options.limits.foldBytes = foldLimit;
        options.limits.nodes = nodeLimit;
        lpu::ImportReport report;
        if (analyze || analyzeJSON) {
          report = lpu::analyzeONNX(path, options);
          if (analyzeJSON)
            report.printJSON(llvm::outs());
          else
            report.printText(llvm::outs());
          return mlir::OwningOpRef<mlir::Operation *>(
              report.ok() ? mlir::ModuleOp::create(mlir::UnknownLoc::get(context))
                          : mlir::ModuleOp());
        }
        mlir::OwningOpRef<mlir::ModuleOp> module =
            lpu::importONNX(*context, path, options, report);
        report.printProblems(llvm::errs());
        return mlir::OwningOpRef<mlir::Operation *>(module.release());
      },
      [](mlir::DialectRegistry &registry) {
        registry.insert<lpu::onnx::ONNXDialect, mlir::func::FuncDialect>();
      });
}
