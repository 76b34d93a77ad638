//===- lpu-test-seal.cpp - a damaged package with a checksum that fits ----===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lpu-test-seal PACKAGE...: replaces the last bytes of each file by the
// checksum of those before them, so that tests reach the checks behind the
// checksum.
//
//===----------------------------------------------------------------------===//

#include "lib/Binary/Checksum.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

int main(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    auto buffer = MemoryBuffer::getFile(argv[i], false, false, true);
    lpu::binary::Checksum::Value value;
    if (!buffer || (*buffer)->getBufferSize() < value.size()) {
      errs() << argv[i] << ": cannot be read, or too short\n";
      return 1;
    }
    StringRef all = (*buffer)->getBuffer().drop_back(value.size());
    lpu::binary::Checksum checksum;
    checksum.add(arrayRefFromStringRef(all));
    value = checksum.final();
    std::error_code code;
    raw_fd_ostream os(argv[i], code, sys::fs::CD_OpenExisting,
                      sys::fs::FA_Write, sys::fs::OF_None);
    os.seek(all.size());
    os.write(reinterpret_cast<const char *>(value.data()), value.size());
  }
  return 0;
}
