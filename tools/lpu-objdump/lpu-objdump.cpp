//===- lpu-objdump.cpp - print packages and machines ----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Report/Pictures.h"
#include "lpu/Schedule/QueueProgram.h"
#include "lpu/Support/OutputFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace llvm;

static cl::OptionCategory category("lpu-objdump options");
static cl::opt<std::string> input(cl::Positional, cl::desc("[package]"),
                                  cl::cat(category));
static cl::opt<std::string>
    machineName("machine",
                cl::desc("Check a machine (name or file) and print "
                         "its derived sizes; no package is read"),
                cl::value_desc("name|file"), cl::cat(category));
static cl::opt<bool> showManifest("manifest", cl::desc("Print the manifest"),
                                  cl::cat(category));
static cl::opt<bool>
    showMachine("embedded-machine",
                cl::desc("Print the text of the machine file in the package"),
                cl::cat(category));
static cl::opt<bool> showSections("sections",
                                  cl::desc("Print sizes of text and images"),
                                  cl::cat(category));
static cl::opt<bool> showSram("sram",
                              cl::desc("Print the SRAM of every chip at "
                                       "cycle 0, rows that are not zero"),
                              cl::cat(category));
static cl::opt<bool>
    hashSram("sram-hash",
             cl::desc("Print a SHA-256 per bank of the SRAM at cycle 0"),
             cl::cat(category));
static cl::opt<bool> disassembleText(
    "d", cl::desc("Disassemble (the default if nothing else is asked for)"),
    cl::cat(category));
static cl::opt<bool>
    html("html", cl::desc("Write a page with the schedule, for a browser"),
         cl::cat(category));
static cl::opt<bool> trace("trace",
                           cl::desc("Write a trace that Perfetto opens"),
                           cl::cat(category));
static cl::opt<std::string> output("o",
                                   cl::desc("Output of --html and --trace "
                                            "(standard output without it)"),
                                   cl::value_desc("file"), cl::init("-"),
                                   cl::cat(category));

static int fail(Error error) {
  WithColor::error(errs(), "lpu-objdump") << toString(std::move(error)) << '\n';
  return 1;
}

static void printMachine(const lpu::Machine &m, raw_ostream &os) {
  os << formatv("machine {0}\n", m.name);
  os << formatv("positions: 0 .. {0}, vector unit at {1}\n", m.lastPosition(),
                m.vectorPosition());
  os << formatv("slices: {0}, SRAM bytes: {1}\n", m.numSlices(), m.sramBytes());
  os << formatv("queues: {0}\n", m.numQueues());
  for (unsigned kind = 0; kind < lpu::numUnitKinds; ++kind) {
    auto unit = lpu::Unit(kind);
    unsigned count = m.numUnits(unit);
    if (!count)
      continue;
    os << formatv("  {0}: {1} from queue {2}, positions {3} .. {4}\n",
                  lpu::unitName(unit), count, m.queueNumber(unit, 0),
                  m.unitPosition(unit, 0), m.unitPosition(unit, count - 1));
  }
  os << formatv("cycles of a matrix row: int8 {0}, fp16 {1}\n",
                m.matrixDelay(false), m.matrixDelay(true));
  os << formatv("cycles of a reduction over all lanes: {0}\n",
                m.reduceDelay(15));
  os << formatv("instructions per text row: {0}\n", m.instructionsPerRow());
}

//===----------------------------------------------------------------------===//
// Disassembly
//===----------------------------------------------------------------------===//

/// Absolute cycles of the first iteration; loops say how they go on.
static void printItems(const std::vector<lpu::QueueItem> &items, uint64_t base,
                       unsigned depth, raw_ostream &os) {
  for (const lpu::QueueItem &item : items) {
    os << formatv("{0,10}  ", base + item.at);
    os.indent(2 * depth);
    if (!item.isLoop()) {
      os << lpu::isa::toString(item.inst) << '\n';
      continue;
    }
    os << "loop iterations " << item.iterations << " period " << item.period
       << '\n';
    printItems(item.body, base + item.at + 1, depth + 1, os);
    os << formatv("{0,10}  ", base + item.at + item.iterations * item.period);
    os.indent(2 * depth) << "endloop (last)\n";
  }
}

static void printText(const lpu::ScheduledProgram &program, raw_ostream &os) {
  for (size_t c = 0; c < program.classes.size(); ++c)
    for (const lpu::QueueProgram &queue : program.classes[c].queues) {
      os << formatv("class {0}, {1} {2} (text: slice {3} bank {4} row {5})\n",
                    c, lpu::unitName(queue.unit), queue.index,
                    queue.text->slice, queue.text->bank, queue.text->row);
      printItems(queue.items, 0, 0, os);
    }
}

//===----------------------------------------------------------------------===//
// Manifest, sections, SRAM
//===----------------------------------------------------------------------===//

static void printTensors(ArrayRef<lpu::TensorBinding> tensors, const char *kind,
                         raw_ostream &os) {
  static const char *const types[] = {"i8", "u8", "i16", "f16", "i32", "f32"};
  for (const lpu::TensorBinding &tensor : tensors) {
    os << formatv("{0} '{1}': host {2}, chip {3}, shape [", kind, tensor.name,
                  tensor.hostType, types[unsigned(tensor.chipType)]);
    interleaveComma(tensor.shape, os);
    os << "]";
    if (tensor.range)
      os << formatv(", values {0} to {1} (rows of '{2}')",
                    tensor.range->minimum, tensor.range->maximum,
                    tensor.range->table);
    os << (tensor.placements.empty() ? ", not read\n" : "\n");
    for (const lpu::Placement &p : tensor.placements)
      os << formatv("  placement: {0} rows, {1} x {2} features a chunk, {3} "
                    "chunks, {4} stripes, {5} columns\n",
                    p.tensorRows, p.groupsPerChunk, p.groupSize, p.chunks,
                    p.stripes, p.columns.size());
  }
}

static void printManifest(const lpu::Package &package, raw_ostream &os) {
  os << formatv("format version: {0}\n", package.formatVersion);
  os << formatv("compiler: {0}\n", package.compilerVersion);
  os << formatv("program: {0}\n", package.programName);
  os << formatv("machine: {0}\n", package.machine.name);
  os << formatv("predicted cycles: {0}\n", package.cycles);
  os << formatv("host nodes: {0}\n", package.hostNodes);
  os << formatv("classes: {0}\n", package.classes.size());
  if (package.interval != 0)
    os << formatv("initiation interval: {0}\n", package.interval);
  if (package.replicas != 1)
    os << formatv("replicas: {0}\n", package.replicas);
  for (size_t c = 0; c < package.chips.size(); ++c) {
    const lpu::Chip &chip = package.chips[c];
    os << formatv("chip {0}: class {1}, {2} image segments", c, chip.chipClass,
                  chip.image.size());
    if (chip.start != 0)
      os << formatv(", start {0}", chip.start);
    if (!chip.links.empty()) {
      os << ", links ";
      interleaveComma(chip.links, os);
    }
    os << "\n";
  }
  for (const lpu::LinkWire &wire : package.wires)
    os << formatv("wire: chip {0} link {1} to chip {2} link {3}\n",
                  wire.fromChip, wire.fromLink, wire.toChip, wire.toLink);
  printTensors(package.inputs, "input", os);
  printTensors(package.outputs, "output", os);
  for (const auto &[name, contents] : package.debug)
    os << formatv("debug section '{0}': {1} bytes\n", name, contents.size());
}

static void printSections(const lpu::Package &package, raw_ostream &os) {
  const lpu::Machine &m = package.machine;
  for (size_t c = 0; c < package.classes.size(); ++c) {
    uint64_t rows = 0;
    for (const lpu::TextSegment &text : package.classes[c].text) {
      auto [unit, index] = m.queueUnit(text.queue);
      os << formatv("class {0} text of {1} {2}: slice {3} bank {4} rows {5} .. "
                    "{6}\n",
                    c, lpu::unitName(unit), index, text.slice, text.bank,
                    text.row, text.row + text.rows - 1);
      rows += text.rows;
    }
    os << formatv("class {0} text: {1} rows, {2} bytes\n", c, rows,
                  rows * m.lanes);
  }
  for (size_t c = 0; c < package.chips.size(); ++c) {
    uint64_t rows = 0, zero = 0;
    for (const lpu::ImageSegment &segment : package.chips[c].image) {
      rows += segment.rows;
      zero += segment.isZero() ? segment.rows : 0;
    }
    os << formatv("chip {0} image: {1} rows ({2} bytes), {3} of them zero and "
                  "not in the file\n",
                  c, rows, rows * m.lanes, zero);
  }
}

/// Visits all image rows of a chip in the order of slice, bank and row.
template <typename Visit>
static void forEachRow(const lpu::Package &package, size_t chip, Visit visit) {
  std::map<std::tuple<unsigned, unsigned, unsigned>, const lpu::ImageSegment *>
      sorted;
  for (const lpu::ImageSegment &segment : package.chips[chip].image)
    sorted[{segment.slice, segment.bank, segment.row}] = &segment;
  for (auto &[place, segment] : sorted)
    for (unsigned row = 0; row < segment->rows; ++row)
      visit(segment->slice, segment->bank, segment->row + row,
            segment->bytes.slice(size_t(row) * package.machine.lanes,
                                 package.machine.lanes));
}

static void printSram(const lpu::Package &package, raw_ostream &os) {
  for (size_t c = 0; c < package.chips.size(); ++c)
    forEachRow(package, c,
               [&](unsigned slice, unsigned bank, unsigned row,
                   ArrayRef<uint8_t> bytes) {
                 if (all_of(bytes, [](uint8_t byte) { return byte == 0; }))
                   return;
                 os << formatv("chip {0} slice {1} bank {2} row {3}: {4}\n", c,
                               slice, bank, row,
                               toHex(bytes, /*LowerCase=*/true));
               });
}

/// The hash covers row numbers and bytes of all rows in the image.
static void printSramHashes(const lpu::Package &package, raw_ostream &os) {
  for (size_t c = 0; c < package.chips.size(); ++c) {
    std::map<std::pair<unsigned, unsigned>, SHA256> hashes;
    forEachRow(package, c,
               [&](unsigned slice, unsigned bank, unsigned row,
                   ArrayRef<uint8_t> bytes) {
                 uint8_t number[2] = {uint8_t(row), uint8_t(row >> 8)};
                 SHA256 &hash = hashes[{slice, bank}];
                 hash.update(number);
                 hash.update(bytes);
               });
    for (auto &[place, hash] : hashes)
      os << formatv("chip {0} slice {1} bank {2}: {3}\n", c, place.first,
                    place.second, toHex(hash.final(), /*LowerCase=*/true));
  }
}

/// Writes the page or the trace; on an error no file is left.
static int writePicture(const lpu::Package &package) {
  lpu::FileRoles files;
  files.addInput("the package", input);
  files.addOutput("-o", output);
  Error error = files.check();
  if (!error)
    error = lpu::writeOutputFile(output, [&](raw_ostream &os) {
      return html ? lpu::writePage(package, os) : lpu::printTrace(package, os);
    });
  return error ? fail(std::move(error)) : 0;
}

int main(int argc, char **argv) {
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "prints lpu packages and machines\n");
  if (!machineName.empty()) {
    Expected<lpu::Machine> machine = lpu::loadMachine(machineName);
    if (!machine)
      return fail(machine.takeError());
    printMachine(*machine, outs());
    return 0;
  }
  if (input.empty())
    return fail(createStringError("give a package, or --machine"));
  Expected<lpu::Package> package = lpu::readPackage(input);
  if (!package)
    return fail(package.takeError());
  bool printsText = disassembleText || showManifest || showMachine ||
                    showSections || showSram || hashSram;
  if (html + trace + printsText > 1)
    return fail(createStringError(
        "--html and --trace are asked for alone: each writes one file"));
  if (html || trace)
    return writePicture(*package);
  if (output != "-")
    return fail(createStringError("-o goes with --html or --trace"));
  if (showManifest)
    printManifest(*package, outs());
  if (showMachine)
    outs() << package->machine.text;
  if (showSections)
    printSections(*package, outs());
  if (showSram)
    printSram(*package, outs());
  if (hashSram)
    printSramHashes(*package, outs());
  if (!disassembleText &&
      (showManifest || showMachine || showSections || showSram || hashSram))
    return 0;
  Expected<lpu::ScheduledProgram> program =
      lpu::disassemble(std::move(*package));
  if (!program)
    return fail(program.takeError());
  printText(*program, outs());
  return 0;
}
