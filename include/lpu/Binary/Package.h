//===- Package.h - a program in memory --------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A package is one ELF64 file: a Protobuf manifest, one text section per chip
// class, image segments per chip. This is its form in memory, shared by the
// reader and writer (lib/Binary), the emulator, the verifier and the runtime.
// The file is mapped; image bytes are never copied.
//
// Chips of one class run the same text in the same cycles, counted from the
// chip's own start. What may differ from chip to chip are the relocations of
// struct Chip: start cycle, link ports, base registers, image. Nothing in them
// moves an issue against another issue of the chip, or to another unit, so what
// holds for one chip of a class between its own instructions holds for all
// (docs/isa.md, section 3, `Start`).
//
//===----------------------------------------------------------------------===//

#ifndef LPU_BINARY_PACKAGE_H
#define LPU_BINARY_PACKAGE_H

#include "lpu/ISA/ISA.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>
#include <memory>
#include <optional>

namespace lpu {

/// Where the text of one queue stands: rows [row, row + rows) of one bank.
struct TextSegment {
  unsigned queue = 0, slice = 0, bank = 0, row = 0, rows = 0;
};

/// Writes bytes [offset, offset + into.size()) of a segment to `into`.
using ImageSource = std::function<llvm::Error(
    uint64_t offset, llvm::MutableArrayRef<uint8_t> into)>;

/// A run of rows of one bank with its bytes at cycle 0 (rows x lanes bytes).
/// Text rows are image rows too. `bytes` is set in every package that was read
/// from a file. A package to be written may have a `source` instead (called
/// with one piece after the other, so that an image never has to be in
/// memory), or neither: then all bytes are zero and take no space in the file.
struct ImageSegment {
  unsigned slice = 0, bank = 0, row = 0, rows = 0;
  llvm::ArrayRef<uint8_t> bytes;
  ImageSource source = nullptr;
  /// Set by the reader: all bytes are zero and not in the file.
  bool zero = false;
  /// Segments with the same number other than 0 have equal bytes, on whatever
  /// chips: the file holds them once. The writer takes the bytes (or the
  /// source) of the first one.
  uint32_t share = 0;

  /// True if the writer leaves the bytes out.
  bool isZero() const { return zero || (bytes.empty() && !source); }
};

/// One column of a tensor on a chip: consecutive rows of one bank.
struct Column {
  unsigned chip = 0, slice = 0, bank = 0, row = 0;
};

/// Where the elements of an input, output or state live. Element (i0, i1, ..)
/// has tensor row r = sum rowStride[j] * ij and feature f = sum
/// featureStride[j] * ij. Features are packed in groups of `groupSize`, of
/// which `groupsPerChunk` share a row of lanes: chunk = (f / groupSize) /
/// groupsPerChunk, lane = (f / groupSize) % groupsPerChunk * groupSize +
/// f % groupSize. Byte b of the element is in column
/// [(chunk * stripes + r % stripes) * elementBytes + b], at row column.row +
/// r / stripes. Lanes and rows without an element hold zero in inputs.
struct Placement {
  std::vector<int64_t> rowStride, featureStride;
  uint32_t groupSize = 0, groupsPerChunk = 1, chunks = 1, stripes = 1;
  uint32_t tensorRows = 0;
  std::vector<Column> columns;
};

/// The integers that an input may hold: it chooses rows of a table. The chip
/// reads zeros beside a table, so whoever gives the input must check.
struct ValueRange {
  int64_t minimum = 0, maximum = 0;
  std::string table; // in the model, for messages
};

/// An input, output or state tensor of a program. An input may have several
/// placements; the host writes all of them.
struct TensorBinding {
  std::string name;
  std::string hostType; // numpy name of the model's type: "int64", "float32"...
  isa::ElementType chipType = isa::ElementType::f16;
  std::vector<int64_t> shape;
  std::vector<Placement> placements;
  std::optional<ValueRange> range; // of inputs
};

struct ChipClass {
  std::vector<TextSegment> text;
};

/// What a base register of a slice's queue holds in cycle 0 of every run.
struct BaseRegister {
  unsigned slice = 0, reg = 0, value = 0;
};

struct Chip {
  unsigned chipClass = 0;
  std::vector<ImageSegment> image;
  /// Program cycle of the chip's cycle 0; the chip idles before it.
  uint64_t start = 0;
  /// Port that link number i of the class's text stands for: a permutation of
  /// all links that keeps even links even. Empty: the port of the same number.
  std::vector<unsigned> links;
  /// Rows: initial values of base registers, others start at 0. All chips of a
  /// class name the same registers, in the same order.
  std::vector<BaseRegister> registers;

  unsigned port(unsigned link) const {
    return links.empty() ? link : links[link];
  }
};

/// A cable: sends of one port arrive at the other. Directed. Links are ports
/// here (Chip::links).
struct LinkWire {
  unsigned fromChip = 0, fromLink = 0, toChip = 0, toLink = 0;
};

struct Package {
  uint32_t formatVersion = 2;
  std::string compilerVersion;
  std::string programName;
  Machine machine;
  std::vector<ChipClass> classes;
  std::vector<Chip> chips;
  std::vector<LinkWire> wires;
  std::vector<TensorBinding> inputs, outputs;
  /// What the compiler predicts; the emulator measures. From program cycle 0 to
  /// the end of the last chip, for one run.
  uint64_t cycles = 0;
  /// Initiation interval: run k of chip c starts at chips[c].start + k x
  /// interval (docs/isa.md, section 9). 0: one run at a time.
  uint64_t interval = 0;
  /// Copies of the program: as many ranges of equally many chips, which have
  /// equal classes, starts and images and share no wire. Run k is that of
  /// replica k mod `replicas`; a binding has the placements of one replica
  /// behind those of the other (docs/isa.md, section 9).
  unsigned replicas = 1;
  /// ONNX nodes that the host executes. Always printed.
  uint32_t hostNodes = 0;
  /// Free-form debug text sections (name, contents), ignorable.
  std::vector<std::pair<std::string, std::string>> debug;
  /// Keeps mapped or generated bytes alive.
  std::vector<std::shared_ptr<void>> storage;
  /// The mapped file that a package was read from; images lie inside it.
  llvm::ArrayRef<uint8_t> file;

  unsigned replicaOf(unsigned chip) const {
    return unsigned(chip / (chips.size() / replicas));
  }
  /// The placement of an output that is read for the runs of a replica.
  const Placement &readPlacement(const TensorBinding &output,
                                 unsigned replica) const {
    return output.placements[output.placements.size() / replicas * replica];
  }

  /// One row of a chip's image at cycle 0 (`lanes` bytes); empty if no image
  /// segment has it. The package must have been read from a file.
  llvm::ArrayRef<uint8_t> imageRow(unsigned chip, unsigned slice, unsigned bank,
                                   unsigned row) const;

  /// The decoded text of a queue of a chip's class, read from its image, up to
  /// and including `halt` (behind it nothing is executed).
  /// Errors: illegal words (class `illegal-encoding`), rows outside the image,
  /// no `halt`.
  llvm::Expected<std::vector<isa::Instruction>>
  decodeText(unsigned chip, const TextSegment &segment) const;
};

/// Cycles of the host port of every chip, to write its inputs and to read its
/// outputs (docs/isa.md, section 9).
struct HostPortCycles {
  uint64_t inputs = 0, outputs = 0;
};
std::vector<HostPortCycles> hostPortCycles(const Package &package);

/// Cycles that the sequencers of a class take to load their first text rows
/// before another run (docs/isa.md, section 9).
uint64_t restartCycles(const Package &package, unsigned chipClass);

/// Everything a package must satisfy before anyone may use it: numbers in
/// range, sizes equal, no two image segments on one row, text present and equal
/// in all chips of a class. Returns the violations, at most \p limit.
std::vector<std::string> checkPackage(const Package &package,
                                      unsigned limit = 20);

/// Reads and checks a package file (sizes, offsets, ranges: nothing is
/// trusted).
llvm::Expected<Package> readPackage(llvm::StringRef path);
/// The same from memory; the package keeps the buffer.
llvm::Expected<Package> readPackage(std::unique_ptr<llvm::MemoryBuffer> buffer);

/// Writes a package; image bytes are streamed. On an error no file is left.
llvm::Error writePackage(const Package &package, llvm::StringRef path);
/// The same to a stream that stands at its beginning.
llvm::Error writePackage(const Package &package, llvm::raw_ostream &os);

} // namespace lpu

#endif // LPU_BINARY_PACKAGE_H
