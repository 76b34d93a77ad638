//===- lpu-session-test.cpp - a package with one move ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   lpu-session-test HOST-TYPE CHIP-TYPE CYCLES file.lpu
//
// Writes a package for `nano` whose program copies a tensor `x`, shape 3 x 20,
// to `y`, byte plane by byte plane, so that what comes out of lpu-run shows
// what the session does with bindings and element types. 20 features on 16
// lanes take two chunks, 3 rows on 2 stripes two rows in the first and one in
// the second.
//
//===----------------------------------------------------------------------===//

#include "../lpu-emulator-test/ProgramBuilder.h"
#include "llvm/Support/raw_ostream.h"

using namespace lpu;
using namespace lpu::test;

int main(int argc, char **argv) {
  static const char *const types[] = {"i8", "u8", "i16", "f16", "i32", "f32"};
  unsigned type = 0;
  while (type < 6 && (argc != 5 || llvm::StringRef(argv[2]) != types[type]))
    ++type;
  uint64_t cycles;
  if (type == 6 || llvm::StringRef(argv[3]).getAsInteger(10, cycles)) {
    llvm::errs() << "usage: lpu-session-test HOST-TYPE CHIP-TYPE CYCLES FILE\n";
    return 2;
  }
  llvm::Expected<Machine> machine = loadMachine("nano");
  if (!machine) {
    llvm::errs() << llvm::toString(machine.takeError()) << "\n";
    return 1;
  }
  ProgramBuilder builder(*machine);
  const Machine &m = builder.machine();

  TensorBinding x;
  x.name = "x";
  x.hostType = argv[1];
  x.chipType = isa::ElementType(type);
  x.shape = {3, 20};
  const unsigned width = byteWidth(x.chipType);
  Placement in;
  in.rowStride = {1, 0};
  in.featureStride = {0, 1};
  in.groupSize = 16;
  in.chunks = 2;
  in.stripes = 2;
  in.tensorRows = 3;
  Placement out = in;
  // West slices hold x, east slices y; a column has two rows of bank 0.
  unsigned column = 0;
  for (unsigned chunk = 0; chunk < 2; ++chunk)
    for (unsigned stripe = 0; stripe < 2; ++stripe)
      for (unsigned byte = 0; byte < width; ++byte, ++column) {
        in.columns.push_back({0, byte, 0, 8 * column});
        out.columns.push_back({0, 4 + byte, 0, 8 * column + 3});
        const unsigned rows = stripe == 0 ? 2 : 1;
        const unsigned start = 40 + 4 * (column / width);
        const unsigned from = m.slicePosition(byte),
                       to = m.slicePosition(4 + byte);
        builder.at(
            start, Unit::Mem, byte,
            make("mem.read",
                 {{"offset", 8 * column}, {"stride", 1}, {"stream", byte}},
                 rows));
        builder.at(start + m.delaySramRead + to - from, Unit::Mem, 4 + byte,
                   make("mem.write",
                        {{"offset", 8 * column + 3},
                         {"stride", 1},
                         {"stream", byte},
                         {"last", 1}},
                        rows));
      }
  Package package = builder.build();
  TensorBinding y = x;
  y.name = "y";
  x.placements = {in};
  y.placements = {out};
  package.inputs = {x};
  package.outputs = {y};
  package.cycles = cycles;
  package.programName = "copy";
  if (llvm::Error error = writePackage(package, argv[4])) {
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  return 0;
}
