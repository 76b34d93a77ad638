//===- lpu-compile.cpp - ONNX model to package ----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Pipelines/Compile.h"
#include "lpu/Report/Report.h"
#include "lpu/Support/OutputFile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"

using namespace llvm;

static cl::OptionCategory category("lpu-compile options");
static cl::opt<std::string> input(cl::Positional, cl::desc("<model.onnx>"),
                                  cl::Required, cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("Package to write"),
                                   cl::value_desc("file"), cl::cat(category));
static cl::opt<std::string>
    target("target", cl::desc("Machine: a built-in name or a YAML file"),
           cl::init("lpu1"), cl::cat(category));
static cl::opt<unsigned> chips("chips", cl::desc("Chips that may be used"),
                               cl::init(1), cl::cat(category));
static cl::opt<unsigned>
    pp("pp", cl::desc("Stages of the pipeline (default: the planner chooses)"),
       cl::init(0), cl::cat(category));
static cl::opt<unsigned>
    tp("tp",
       cl::desc("Chips that share each stage's tensors (default: the planner "
                "chooses)"),
       cl::init(0), cl::cat(category));
static cl::opt<unsigned>
    replicas("replicas",
             cl::desc("Copies of the plan, which take inputs in turn, each on "
                      "its part of --chips"),
             cl::init(1), cl::cat(category));
static cl::opt<double>
    balance("balance",
            cl::desc("With --pp: no chip has more than so many times the mean "
                     "of multiply-adds, whatever that costs (default: 1.3 "
                     "where it costs little)"),
            cl::value_desc("factor"), cl::cat(category));
static cl::opt<std::string> objective(
    "objective",
    cl::desc("latency (of one input, default), or throughput: as many replicas "
             "as give most inputs per second"),
    cl::init("latency"), cl::cat(category));
static cl::opt<std::string>
    topology("topology",
             cl::desc("How the chips are wired (default: nodes as the machine "
                      "file says)"),
             cl::value_desc("file"), cl::cat(category));
static cl::opt<bool> halfLinks(
    "half-links",
    cl::desc("Floats cross links in half precision: half the vectors, and one "
             "more rounding"),
    cl::cat(category));
static cl::list<std::string> dims("dim", cl::desc("Size of a free dim"),
                                  cl::value_desc("name=size"),
                                  cl::cat(category));
static cl::opt<bool>
    analyze("analyze",
            cl::desc("List the operators of the model and all that keeps it "
                     "from compiling; write nothing"),
            cl::cat(category));
static cl::opt<bool> analyzeJSON("analyze-json", cl::desc("The same as JSON"),
                                 cl::cat(category));
static cl::opt<std::string>
    weights("weights", cl::desc("file (default), or none: leave them out"),
            cl::init("file"), cl::cat(category));
static cl::opt<std::string> reportFile("report",
                                       cl::desc("Write the report as JSON"),
                                       cl::value_desc("file"),
                                       cl::cat(category));
static cl::opt<std::string>
    traceFile("trace", cl::desc("Write a trace that Perfetto opens"),
              cl::value_desc("file"), cl::cat(category));
static cl::opt<std::string>
    emit("emit",
         cl::desc("Print the IR behind a stage and stop: onnx, linalg, stream"),
         cl::cat(category));
static cl::opt<bool>
    allowLinks("allow-links",
               cl::desc("Follow links to external data: for a folder that you "
                        "trust, such as a cache of models"),
               cl::cat(category));
static cl::opt<bool> noVerify("no-verify", cl::desc("Skip the verifier"),
                              cl::cat(category));
static cl::opt<bool> quiet("quiet", cl::desc("Print nothing but errors"),
                           cl::cat(category));

/// Exit codes: 1 the model or its fit, 2 the command line, 3 --analyze found
/// problems.
static int fail(const Twine &message, int code) {
  errs() << "error: " << message << "\n";
  return code;
}

/// The end of a compilation that failed: an older package must not look like
/// its result.
static int giveUp(const lpu::FileRoles &files) {
  for (const std::string &path : files.removeOutputs())
    errs() << "note: the older '" << path << "' was removed\n";
  return 1;
}

/// The importer's report; what only later stages refuse is added to it.
static int analyzeModel(mlir::MLIRContext &context, const lpu::Machine &machine,
                        lpu::CompileOptions options) {
  lpu::ImportReport report = lpu::analyzeONNX(input, options.import);
  if (report.ok()) {
    std::string text;
    raw_string_ostream errors(text);
    options.emit.clear();
    if (!lpu::compileModel(context, machine, options, errors)) {
      SmallVector<StringRef> lines;
      StringRef(text).split(lines, '\n', -1, /*KeepEmpty=*/false);
      for (StringRef line : lines) {
        if (line.consume_front("warning: ")) {
          report.remarks.push_back(line.str());
          continue;
        }
        if (!line.consume_front("error: ") && !report.ok()) {
          report.problems.back().reason += ("; " + line).str();
          continue;
        }
        report.problems.emplace_back();
        report.problems.back().reason = line.str();
      }
    }
  }
  if (analyzeJSON)
    report.printJSON(outs());
  else
    report.printText(outs());
  return report.ok() ? 0 : 3;
}

/// Package, report and trace: all or none.
static Error writeAll(const lpu::CompileResult &result,
                      const lpu::Machine &machine) {
  if (Error error = lpu::writePackage(result.package, output))
    return error;
  if (!reportFile.empty())
    if (Error error = lpu::writeOutputFile(reportFile, [&](raw_ostream &os) {
          lpu::printReportJSON(result, machine, os);
          return Error::success();
        }))
      return error;
  if (!traceFile.empty())
    return lpu::writeOutputFile(traceFile, [&](raw_ostream &os) {
      return lpu::printTrace(result.package, os);
    });
  return Error::success();
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  setBugReportMsg("lpu-compile failed unexpectedly; please report it with the "
                  "model and the command line.\n");
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "lpu-mlir compiler\n");

  lpu::CompileOptions options;
  options.input = input;
  for (StringRef text : dims) {
    auto [name, size] = text.rsplit('=');
    int64_t value;
    if (name.empty() || size.getAsInteger(10, value) || value <= 0)
      return fail("--dim " + text +
                      ": write it as name=size with a size of at "
                      "least 1",
                  2);
    if (!options.import.dims.emplace(name.str(), value).second)
      return fail("--dim " + name + " is given twice", 2);
  }
  if (weights != "file" && weights != "none")
    return fail("--weights " + weights + ": file or none", 2);
  if (!emit.empty() && emit != "onnx" && emit != "linalg" && emit != "stream")
    return fail("--emit " + emit + ": onnx, linalg or stream", 2);
  if (chips == 0)
    return fail("--chips 0: give at least 1", 2);
  for (const cl::opt<unsigned> *width : {&pp, &tp}) {
    if (width->getNumOccurrences() && *width == 0)
      return fail(
          formatv("--{0} 0: give at least 1, or leave it out", width->ArgStr),
          2);
    if (*width > chips)
      return fail(formatv("--{0} {1} needs {1} chips, --chips gives {2}; raise "
                          "--chips or lower --{0}",
                          width->ArgStr, width->getValue(), chips.getValue()),
                  2);
  }
  if (uint64_t(pp) * tp > chips)
    return fail(formatv("--tp {0} --pp {1} need {2} chips, --chips gives {3}; "
                        "raise --chips or lower one of them",
                        tp.getValue(), pp.getValue(), uint64_t(pp) * tp,
                        chips.getValue()),
                2);
  if (objective != "latency" && objective != "throughput")
    return fail("--objective " + objective + ": latency or throughput", 2);
  if (objective == "throughput" && chips == 1)
    return fail("--objective throughput shares inputs among chips; give "
                "--chips",
                2);
  if (objective == "throughput" && !emit.empty())
    return fail("--emit prints one plan; leave out --objective", 2);
  if (replicas == 0)
    return fail("--replicas 0: give at least 1", 2);
  uint64_t perReplica = std::max<uint64_t>(1, pp) * std::max<uint64_t>(1, tp);
  if (perReplica * replicas > chips)
    return fail(formatv("--replicas {0} need {1} chips, {2} each; --chips "
                        "gives {3}; raise --chips or lower --replicas",
                        replicas.getValue(), perReplica * replicas, perReplica,
                        chips.getValue()),
                2);
  if (replicas > 1 && tp && pp && perReplica * replicas != chips)
    return fail(formatv("contradictory pins: --tp {0} --pp {1} --replicas {2} "
                        "use {3} chips, not the {4} of --chips; leave one of "
                        "the pins out",
                        tp.getValue(), pp.getValue(), replicas.getValue(),
                        perReplica * replicas, chips.getValue()),
                2);
  if (chips % replicas != 0)
    return fail(formatv("--chips {0} cannot be divided among --replicas {1}; "
                        "use --chips {2}",
                        chips.getValue(), replicas.getValue(),
                        chips / replicas * replicas),
                2);
  if (balance.getNumOccurrences() && !(balance >= 1))
    return fail(formatv("--balance {0}: no plan is below 1, which is the mean "
                        "on every chip",
                        balance.getValue()),
                2);
  if (balance.getNumOccurrences() && !pp)
    return fail("--balance is about the stages of --pp; give --pp", 2);
  if (chips == 1 && !topology.empty())
    return fail("--topology says how several chips are wired; give --chips", 2);
  if (chips != 1 && emit == "stream")
    return fail("--emit stream prints the program of one chip; leave out "
                "--chips",
                2);
  options.chips = chips;
  options.stages = pp;
  options.tensorWidth = tp;
  options.replicas = replicas;
  options.topology = topology;
  options.balance = balance;
  options.halfLinks = halfLinks;
  options.import.allowLinks = allowLinks;
  bool analyzes = analyze || analyzeJSON;
  if (output.empty() && emit.empty() && !analyzes)
    return fail("no output: give -o file.lpu", 2);

  lpu::FileRoles files;
  files.addInput("the model", input);
  files.addInput("the machine file", target);
  files.addInput("the topology", topology);
  if (emit.empty() && !analyzes) {
    files.addOutput("-o", output);
    files.addOutput("--report", reportFile);
    files.addOutput("--trace", traceFile);
  }
  if (Error error = files.check())
    return fail(toString(std::move(error)), 2);

  auto machine = lpu::loadMachine(target);
  if (!machine) {
    fail(toString(machine.takeError()), 1);
    return giveUp(files);
  }
  options.withoutWeights = weights == "none";
  options.verify = !noVerify;
  options.emit = emit;
  options.dump = &outs();
  if (!quiet && emit.empty() && errs().is_displayed())
    options.progress = [](StringRef stage) {
      errs() << "\r" << stage << " ...          \r";
    };

  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  if (analyzes)
    return analyzeModel(context, *machine, options);
  uint64_t said = errs().tell();
  options.throughput = objective == "throughput";
  bool choosesReplicas =
      options.throughput && replicas.getNumOccurrences() == 0;
  auto result =
      choosesReplicas
          ? lpu::compileForThroughput(context, *machine, options, errs())
          : lpu::compileModel(context, *machine, options, errs());
  if (!result) {
    if (errs().tell() == said)
      fail("the model cannot be compiled, and no reason was found: this is a "
           "bug of the compiler",
           1);
    return giveUp(files);
  }
  if (!result->complete)
    return 0;
  for (const std::string &remark : result->remarks)
    errs() << "remark: " << remark << "\n";
  // External data is known only now.
  for (const std::string &file : result->files)
    files.addInput("a file of the model", file);
  if (Error error = files.checkInputs())
    return fail(toString(std::move(error)), 2);
  result->package.debug.emplace_back(
      lpu::kernelSectionName, lpu::writeKernelSection(kernelSpans(*result)));
  if (!result->tensors.empty())
    result->package.debug.emplace_back(
        lpu::tensorSectionName, lpu::writeTensorSection(result->tensors));
  if (Error error = writeAll(*result, *machine)) {
    fail(toString(std::move(error)), 1);
    return giveUp(files);
  }
  if (!quiet)
    lpu::printReport(*result, *machine, outs());
  return 0;
}
