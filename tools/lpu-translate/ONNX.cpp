// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --import-onnx         an ONNX file to the `onnx` dialect
// --analyze-onnx        what a file holds and all that is wrong with it
// --print-onnx-support  docs/onnx-support.md (reads nothing; give it /dev/null)

#include "Translations.h"

#include "dialects/ONNX/ONNX.h"
#include "lpu/Import/Import.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;

static cl::OptionCategory
    onnxOptions("Options of --import-onnx and --analyze-onnx");
static cl::list<std::string> dims("dim",
                                  cl::desc("Size of a free dim of the model"),
                                  cl::value_desc("name=size"),
                                  cl::cat(onnxOptions));
static cl::opt<bool> json("json", cl::desc("--analyze-onnx writes JSON"),
                          cl::cat(onnxOptions));
static cl::opt<uint64_t>
    foldLimit("fold-limit", cl::desc("Bytes of one tensor that may be folded"),
              cl::init(lpu::ImportLimits().foldBytes), cl::cat(onnxOptions));
static cl::opt<uint64_t>
    nodeLimit("node-limit", cl::desc("Nodes after inlining local functions"),
              cl::init(lpu::ImportLimits().nodes), cl::cat(onnxOptions));

static bool readOptions(lpu::ImportOptions &options) {
  options.limits.foldBytes = foldLimit;
  options.limits.nodes = nodeLimit;
  for (StringRef text : dims) {
    auto [name, size] = text.rsplit('=');
    int64_t value;
    if (name.empty() || size.getAsInteger(10, value)) {
      errs() << "error: --dim " << text << ": write it as name=size\n";
      return false;
    }
    options.dims[name.str()] = value;
  }
  return true;
}

/// The importer maps the file itself, so it takes the name and not the buffer.
static std::string pathOf(const SourceMgr &source) {
  return source.getMemoryBuffer(source.getMainFileID())
      ->getBufferIdentifier()
      .str();
}

static mlir::OwningOpRef<mlir::Operation *> import(SourceMgr &source,
                                                   mlir::MLIRContext *context) {
  lpu::ImportOptions options;
  if (!readOptions(options))
    return nullptr;
  lpu::ImportReport report;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      lpu::importONNX(*context, pathOf(source), options, report);
  report.printProblems(errs());
  return mlir::OwningOpRef<mlir::Operation *>(module.release());
}

static mlir::LogicalResult analyze(SourceMgr &source, raw_ostream &os) {
  lpu::ImportOptions options;
  if (!readOptions(options))
    return mlir::failure();
  lpu::ImportReport report = lpu::analyzeONNX(pathOf(source), options);
  if (json)
    report.printJSON(os);
  else
    report.printText(os);
  return mlir::success();
}

void lpu::registerONNXTranslation() {
  static mlir::TranslateToMLIRRegistration importing(
      "import-onnx", "import an ONNX file as the onnx dialect", import,
      [](mlir::DialectRegistry &registry) {
        registry.insert<onnx::ONNXDialect, mlir::func::FuncDialect>();
      });
  static mlir::TranslateRegistration analyzing(
      "analyze-onnx",
      "report what an ONNX file holds and all that is wrong with it",
      [](const std::shared_ptr<SourceMgr> &source, raw_ostream &os,
         mlir::MLIRContext *) { return analyze(*source, os); });
  static mlir::TranslateRegistration printing(
      "print-onnx-support", "print the table of supported ONNX operators",
      [](const std::shared_ptr<SourceMgr> &, raw_ostream &os,
         mlir::MLIRContext *) {
        lpu::printONNXSupport(os);
        return mlir::success();
      });
}
