//===- Debug.cpp - fuzzes debug sections ----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The contents of the debug sections of a package of two chips whose programs
// do nothing: `tensors` (what it names is read in a run, as lpu-run --tensors
// and lpu-compare do), and `kernels`.
//
//===----------------------------------------------------------------------===//

#include "lpu/Report/Pictures.h"
#include "lpu/Session/Tensors.h"
#include "llvm/Support/Error.h"

using namespace lpu;

static Package makePackage(std::string contents) {
  static const Machine nano = llvm::cantFail(loadMachine("nano"));
  static const std::vector<uint8_t> rows(size_t(nano.rows) * nano.lanes, 0x3c);
  Package package;
  package.machine = nano;
  package.programName = "fuzz";
  package.classes.resize(1);
  package.chips.resize(2);
  for (Chip &chip : package.chips)
    for (unsigned slice = 0; slice < nano.numSlices(); ++slice)
      for (unsigned bank : {0, 1}) {
        ImageSegment &image = chip.image.emplace_back();
        image.slice = slice;
        image.bank = bank;
        image.rows = nano.rows;
        image.bytes = rows;
      }
  package.debug.push_back({tensorSectionName, contents});
  package.debug.push_back({kernelSectionName, std::move(contents)});
  return package;
}

/// Elements of all tensors that the section names.
static uint64_t elementsOf(llvm::ArrayRef<TensorPlace> places) {
  uint64_t all = 0;
  for (const TensorPlace &place : places) {
    uint64_t elements = 1;
    for (int64_t size : place.shape)
      elements *= uint64_t(size);
    all += elements;
  }
  return all;
}

static void readTensors(Session &session) {
  auto reader = TensorReader::create(session);
  if (!reader)
    return llvm::consumeError(reader.takeError());
  emulator::RunOptions options;
  (*reader)->attach(options);
  emulator::RunResult result = session.run(options);
  if (result.fault || result.cycles != session.package().cycles)
    __builtin_trap();
  std::vector<std::string> incomplete;
  std::vector<NpyArray> arrays = (*reader)->arrays(incomplete);
  // A tensor that it has is as large as it says.
  for (const NpyArray &array : arrays) {
    size_t elements = 1;
    for (int64_t size : array.shape)
      elements *= size_t(size);
    if (array.bytes.size() != elements * 4)
      __builtin_trap();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Package package =
      makePackage(std::string(reinterpret_cast<const char *>(data), size));
  if (auto kernels = readKernelSection(package); !kernels)
    llvm::consumeError(kernels.takeError());
  auto places = readTensorSection(package);
  if (!places) {
    llvm::consumeError(places.takeError());
    return 0;
  }
  // Large tensors are legal and take their memory.
  if (elementsOf(*places) > 1 << 22)
    return 0;
  auto session = Session::create(std::move(package), EngineKind::Event);
  if (!session)
    __builtin_trap();
  readTensors(**session);
  return 0;
}
