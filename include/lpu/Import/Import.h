// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX file -> `onnx` dialect, bounded and checked.
//
// A model is untrusted input. The importer walks the bytes within limits before
// protobuf sees them, opens external data only beneath the model's directory,
// checks that the elements of every tensor are as many as its shape says,
// inlines local functions, binds the free dims that the caller names, infers
// every shape, computes all that does not depend on run-time data, and rewrites
// each operator into the small core set of the dialect. Weights are never
// copied: the result refers to files by offset and length.
//
// Everything that is wrong with a model is collected and told at once; no error
// is an assertion. One problem names the ONNX node, its operator and opset, the
// shapes it has, and the reason.

#ifndef LPU_IMPORT_IMPORT_H
#define LPU_IMPORT_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lpu {

/// Bounds on what a file may ask of us. All can be raised.
struct ImportLimits {
  /// Protobuf messages inside each other (subgraphs, mostly).
  unsigned messageDepth = 48;
  /// Local functions or branches inside each other.
  unsigned callDepth = 32;
  /// Nodes after inlining.
  uint64_t nodes = 1 << 14;
  /// Bytes of one tensor that is computed while importing.
  uint64_t foldBytes = uint64_t(64) << 20;
  /// A float or 8-bit tensor of more bytes than this is a weight: the IR refers
  /// to its place in the file. Smaller ones, and integers, are constants in the
  /// IR.
  uint64_t constantBytes = 64;
  /// A weight of at most so many bytes takes part in folding (rotary
  /// frequencies).
  uint64_t knownBytes = 4096;
};

struct ImportOptions {
  /// Free dims by name ("batch"), or by input and axis ("input_ids.0") for a
  /// dim that has no name.
  std::map<std::string, int64_t> dims;
  /// Read external data through symbolic and hard links, too: for folders whose
  /// owner is trusted, such as a local cache of models.
  bool allowLinks = false;
  ImportLimits limits;
};

/// The legal values of an integer input that chooses rows of a table.
struct InputRange {
  int64_t minimum = 0, maximum = 0;
  std::string table; // its name in the file
};

/// One thing that is wrong, in the user's terms. Empty strings do not apply.
struct ImportProblem {
  std::string node, op, domain;
  int64_t opset = 0;
  std::string inputs; // "f32[1,128,384], i64[2]"
  std::string reason;
  std::string text() const;
};

struct ImportReport {
  std::string path, producer;
  int64_t opset = 0;
  uint64_t nodes = 0;
  /// "name: type[dims]" as the file declares them.
  std::vector<std::string> inputs, outputs;
  /// Operators in the file (domain::name for other domains), and ops that
  /// remain after import; the second is empty if there were problems.
  std::map<std::string, uint64_t> fileOps, coreOps;
  std::vector<ImportProblem> problems;
  /// What was left out, and why that is no problem.
  std::vector<std::string> remarks;
  /// By input, where gathers bound it.
  std::map<std::string, InputRange> ranges;
  /// The files that were read, the model first.
  std::vector<std::string> files;

  bool ok() const { return problems.empty(); }
  /// One line per problem: "error: file: node 'x' (Op, opset 17; inputs):
  /// reason".
  void printProblems(llvm::raw_ostream &os) const;
  /// For people; ends with the number of problems.
  void printText(llvm::raw_ostream &os) const;
  void printJSON(llvm::raw_ostream &os) const;
};

/// Imports the model. Returns null, with the problems in the report, if there
/// is anything wrong. The module holds `func.func @main`.
mlir::OwningOpRef<mlir::ModuleOp> importONNX(mlir::MLIRContext &context,
                                             llvm::StringRef path,
                                             const ImportOptions &options,
                                             ImportReport &report);

/// The same checks without making IR (lpu-compile --analyze).
ImportReport analyzeONNX(llvm::StringRef path, const ImportOptions &options);

/// The table of supported operators, as Markdown (docs/onnx-support.md).
void printONNXSupport(llvm::raw_ostream &os);

} // namespace lpu

#endif
