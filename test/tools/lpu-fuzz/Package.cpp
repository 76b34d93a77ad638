//===- Package.cpp - fuzzes package files ---------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The checksum is made to fit, or every input would end there. What the reader
// accepts the verifier judges.
//
//===----------------------------------------------------------------------===//

#include "lib/Binary/Checksum.h"
#include "lpu/Verify/Verify.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace lpu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  constexpr size_t tail = sizeof(binary::Checksum::Value);
  if (size < tail)
    return 0;
  auto buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(size, "fuzz");
  std::copy(data, data + size, buffer->getBufferStart());
  binary::Checksum checksum;
  checksum.add(llvm::ArrayRef<uint8_t>(data, size - tail));
  binary::Checksum::Value value = checksum.final();
  std::copy(value.begin(), value.end(), buffer->getBufferEnd() - tail);

  llvm::Expected<Package> package = readPackage(std::move(buffer));
  if (!package) {
    llvm::consumeError(package.takeError());
    return 0;
  }
  // A large machine with many chips is legal and takes its memory.
  if (package->chips.size() > 4 ||
      package->machine.sramBytes() > (uint64_t(64) << 20))
    return 0;
  verify::Options bounds;
  bounds.maxRuns = 20000;
  verify::verify(*package, bounds);
  return 0;
}
