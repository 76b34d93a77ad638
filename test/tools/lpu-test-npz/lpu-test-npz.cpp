//===- lpu-test-npz.cpp - the .npz reader and writer, for tests -----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   lpu-test-npz a.npz b.npz ...      prints each array, or the error
//   lpu-test-npz -copy in.npz out.npz reads and writes again
//
//===----------------------------------------------------------------------===//

#include "lpu/Session/Npz.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

int main(int argc, char **argv) {
  bool copy = argc == 4 && StringRef(argv[1]) == "-copy";
  bool failed = false;
  for (int i = copy ? 2 : 1; i < (copy ? 3 : argc); ++i) {
    Expected<std::vector<lpu::NpyArray>> arrays = lpu::readNpz(argv[i]);
    Error error = arrays.takeError();
    if (!error && copy)
      error = lpu::writeNpz(argv[3], *arrays);
    if (error) {
      errs() << "error: " << toString(std::move(error)) << "\n";
      failed = true;
      continue;
    }
    for (const lpu::NpyArray &array : *arrays)
      outs() << array.name << ": " << lpu::describeNpy(array.type, array.shape)
             << ", " << array.bytes.size() << " bytes\n";
  }
  return failed;
}
