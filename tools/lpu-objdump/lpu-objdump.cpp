//===- lpu-objdump.cpp - print packages and machines ----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Target/Machine.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

static cl::OptionCategory category("lpu-objdump options");
static cl::opt<std::string>
    machineName("machine", cl::desc("Check a machine (name or file) and print "
                                    "its derived sizes"),
                cl::value_desc("name|file"), cl::cat(category));

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

int main(int argc, char **argv) {
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "prints lpu packages and machines\n");
  if (!machineName.empty()) {
    Expected<lpu::Machine> machine = lpu::loadMachine(machineName);
    if (!machine)
      return fail(machine.takeError());
    printMachine(*machine, outs());
    return 0;
  }
  return fail(createStringError("nothing to print: give --machine"));
}
