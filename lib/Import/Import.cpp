// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lpu/Import/Import.h"
#include "lpu/Import/VerifyONNX.h"

#include "Emit.h"
#include "Reader.h"

#include "lpu/Support/Check.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

namespace lpu {

using namespace importer;

std::string ImportProblem::text() const {
  if (op.empty())
    return node.empty() || reason.find("'" + node + "'") != std::string::npos
               ? reason
               : "'" + node + "': " + reason;
  std::string text = "node '" + node + "' (" +
                     (domain.empty() ? "" : domain + "::") + op + ", opset " +
                     std::to_string(opset);
  if (!inputs.empty())
    text += "; inputs " + inputs;
  return text + "): " + reason;
}

void ImportReport::printProblems(llvm::raw_ostream &os) const {
  for (const ImportProblem &problem : problems)
    os << "error: " << path << ": " << problem.text() << '\n';
}

static void printCounts(llvm::raw_ostream &os, llvm::StringRef title,
                        const std::map<std::string, uint64_t> &counts) {
  os << title << ':';
  for (const auto &[name, count] : counts)
    os << ' ' << name << ' ' << count;
  os << '\n';
}

void ImportReport::printText(llvm::raw_ostream &os) const {
  os << "model:    " << path << '\n';
  if (opset)
    os << "producer: " << producer << ", opset " << opset << ", " << nodes
       << " nodes\n";
  for (const std::string &input : inputs)
    os << "input:    " << input << '\n';
  for (const std::string &output : outputs)
    os << "output:   " << output << '\n';
  if (!fileOps.empty())
    printCounts(os, "operators in the file", fileOps);
  if (!coreOps.empty())
    printCounts(os, "operators after import", coreOps);
  for (const std::string &remark : remarks)
    os << "remark:   " << remark << '\n';
  for (const ImportProblem &problem : problems)
    os << "problem:  " << problem.text() << '\n';
  os << problems.size()
     << (problems.size() == 1 ? " problem\n" : " problems\n");
}

void ImportReport::printJSON(llvm::raw_ostream &os) const {
  auto counts = [](const std::map<std::string, uint64_t> &of) {
    llvm::json::Object object;
    for (const auto &[name, count] : of)
      object[name] = static_cast<int64_t>(count);
    return object;
  };
  // Names come from an untrusted file and need not be UTF-8.
  auto text = [](const std::string &s) { return llvm::json::fixUTF8(s); };
  llvm::json::Array list, ins, outs, left;
  for (const std::string &remark : remarks)
    left.push_back(text(remark));
  for (const ImportProblem &p : problems)
    list.push_back(llvm::json::Object{{"node", text(p.node)},
                                      {"op", text(p.op)},
                                      {"domain", text(p.domain)},
                                      {"opset", p.opset},
                                      {"inputs", text(p.inputs)},
                                      {"reason", text(p.reason)}});
  for (const std::string &input : inputs)
    ins.push_back(text(input));
  for (const std::string &output : outputs)
    outs.push_back(text(output));
  llvm::json::Object report{{"model", text(path)},
                            {"producer", text(producer)},
                            {"opset", opset},
                            {"nodes", static_cast<int64_t>(nodes)},
                            {"inputs", std::move(ins)},
                            {"outputs", std::move(outs)},
                            {"fileOps", counts(fileOps)},
                            {"coreOps", counts(coreOps)},
                            {"remarks", std::move(left)},
                            {"problems", std::move(list)}};
  os << llvm::formatv("{0:2}", llvm::json::Value(std::move(report))) << '\n';
}

static void countCoreOps(const Graph &graph, ImportReport &report) {
  for (const Node *node : liveNodes(graph))
    if (opKind(node->op) != Kind::Leaf)
      ++report.coreOps[opName(node->op)];
}

mlir::OwningOpRef<mlir::ModuleOp> importONNX(mlir::MLIRContext &context,
                                             llvm::StringRef path,
                                             const ImportOptions &options,
                                             ImportReport &report) {
  Reader reader(path.str(), options, report);
  reader.read();
  if (!report.ok())
    return nullptr;
  countCoreOps(reader.graph, report);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      emit(context, reader.graph, report);
  // The graph has been checked, so a fault here can only be our own.
  LPU_CHECK(mlir::succeeded(mlir::verify(*module)) && verifyONNX(*module),
            "the imported IR is valid");
  return module;
}

ImportReport analyzeONNX(llvm::StringRef path, const ImportOptions &options) {
  ImportReport report;
  Reader reader(path.str(), options, report);
  reader.read();
  if (report.ok())
    countCoreOps(reader.graph, report);
  return report;
}

void printONNXSupport(llvm::raw_ostream &os) {
  os << "# Supported ONNX operators\n\n"
        "Generated from the records of the importer (`lib/Import/Ops*.cpp`) "
        "by\n"
        "`lpu-translate --print-onnx-support`; a test compares. Opsets "
     << kMinOpset << " to " << kMaxOpset
     << "\nof ai.onnx. *Versions* are the opsets in which the operator "
        "changed, up to the\n"
        "newest known one. Shapes are static: dims are bound by `--dim`, and "
        "what\n"
        "does not depend on run-time data is computed while importing.\n"
        "\n"
        "The importer takes these operators in every form that the notes do "
        "not "
        "exclude.\nWhat the chip cannot do, or a machine cannot hold, is "
        "refused "
        "later, with the\nname of the node; `lpu-compile --analyze` goes "
        "through every stage and lists it.\nIntegers have 32 bits on the chip: "
        "64-bit inputs are checked when they are\ngiven, and arithmetic wraps "
        "at 32 bits.\n";
  for (const OpFamily &family : opFamilies()) {
    os << "\n## " << family.title;
    if (*family.domain)
      os << " (`" << family.domain << "`)";
    os << "\n\n| operator | versions | notes |\n| --- | --- | --- |\n";
    for (const OpRecord &record : family.records)
      os << "| " << record.name << " | " << record.since << " | " << record.note
         << " |\n";
  }
}

} // namespace lpu
