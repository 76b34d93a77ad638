//===- Machine.cpp - fuzzes machine files ---------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Target/Machine.h"
#include "llvm/Support/Error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  llvm::Expected<lpu::Machine> machine = lpu::parseMachine(text, "fuzz");
  if (!machine) {
    llvm::consumeError(machine.takeError());
    return 0;
  }
  // What is accepted can be asked.
  for (unsigned queue = 0; queue < machine->numQueues(); ++queue) {
    auto [unit, index] = machine->queueUnit(queue);
    if (machine->queueNumber(unit, index) != queue ||
        machine->unitPosition(unit, index) > machine->lastPosition())
      __builtin_trap();
  }
  return 0;
}
