//===- Machine.h - machine descriptions -------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A machine is one YAML file (lib/Target/machines/). The compiler reads it,
// embeds its text in the package, and the emulator and the verifier read it
// from there. Positions and queue numbers follow docs/isa.md, sections 1 and 3.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TARGET_MACHINE_H
#define LPU_TARGET_MACHINE_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lpu {

/// The kinds of queue, in the order of queue numbers.
enum class Unit : uint8_t {
  Mem,
  Alu,
  Weights,
  Pass,
  Drain,
  Shuffle,
  Transpose,
  LinkSend,
  LinkRecv,
  Control
};
constexpr unsigned numUnitKinds = 10;

/// Spelling used in text ("mem", "link_send", ...).
const char *unitName(Unit unit);

/// Energy per event in picojoules, and the idle power in watts.
struct EnergyConstants {
  double sramByte = 0, hopByte = 0, macInt8 = 0, macFp16 = 0, aluOp = 0,
         linkByte = 0, fetchByte = 0, idleWatts = 0;
};

/// Every field is a parameter of docs/isa.md. Delays are in cycles.
struct Machine {
  std::string name;
  double clockMHz = 0;
  unsigned lanes = 0;
  unsigned streams = 0;                                   // per direction
  unsigned slicesPerHalf = 0, slicesPerHop = 0, rows = 0; // two banks a slice
  unsigned planesPerHalf = 0, planeRows = 0, installRows = 0,
           accumulatorRows = 0, fp16Interval = 0;
  unsigned alus = 0, transcendentalAlus = 0, reduceAlus = 0, history = 0;
  unsigned bufferRows = 0, loopDepth = 0, fetchBytesPerCycle = 0;
  unsigned links = 0, linkInterval = 0, linkLatency = 0, linkMargin = 0,
           linkBuffer = 0, resyncCycles = 0, nodeChips = 0;
  /// Links of a chip that leave its node, where the file says so.
  std::optional<unsigned> uplinks;
  unsigned hostInterval = 0;
  unsigned delaySramRead = 0, delaySramWrite = 0, delayAlu = 0,
           delayTranscendental = 0, delayConvert = 0, delayReduceBase = 0,
           delayReduceStep = 0, delayMatrixInt8 = 0, delayMatrixFp16 = 0,
           delaySwap = 0, delayDrain = 0, delayShuffle = 0, delayTranspose = 0,
           delayFetch = 0;
  /// Slices whose banks may hold program text (the compiler's choice of rows;
  /// the hardware allows any slice).
  std::vector<unsigned> textSlices;
  EnergyConstants energy;

  /// The exact text this machine was parsed from; embedded in packages.
  std::string text;

  // Positions (docs/isa.md, section 1).
  unsigned halfHops() const {
    return (slicesPerHalf + slicesPerHop - 1) / slicesPerHop;
  }
  unsigned numSlices() const { return 2 * slicesPerHalf; }
  unsigned numPlanes() const { return 2 * planesPerHalf; }
  unsigned vectorPosition() const { return 2 + halfHops(); }
  unsigned lastPosition() const { return 4 + 2 * halfHops(); }
  unsigned slicePosition(unsigned slice) const;
  /// Position of queue `index` of kind `unit`; control stands at 0.
  unsigned unitPosition(Unit unit, unsigned index) const;
  /// True for units of the east half (planes, shuffle, transpose, links).
  bool isEast(Unit unit, unsigned index) const;

  // Queues (docs/isa.md, section 3).
  unsigned numUnits(Unit unit) const;
  unsigned numQueues() const;
  unsigned queueNumber(Unit unit, unsigned index) const;
  /// Inverse of queueNumber.
  std::pair<Unit, unsigned> queueUnit(unsigned queue) const;

  /// Cycles of one pass, from issue to the accumulator.
  unsigned matrixDelay(bool fp16) const {
    return (planeRows + 15) / 16 + (fp16 ? delayMatrixFp16 : delayMatrixInt8);
  }
  /// Cycles of a lane reduction; groupCode as encoded (15 = all lanes).
  unsigned reduceDelay(unsigned groupCode) const;
  /// Number of lanes of a reduction group.
  unsigned reduceLanes(unsigned groupCode) const {
    return groupCode == 15 ? lanes : 16u << groupCode;
  }
  /// Cycles behind a resynchronisation in which the links rest: the last vector
  /// leaves its port, and the clock moves by up to the margin, either way.
  unsigned resyncRest() const { return linkInterval + 2 * linkMargin; }
  /// What a node does not need leaves it, unless the file says how many.
  unsigned nodeUplinks() const {
    unsigned others = links + 1 > nodeChips ? links + 1 - nodeChips : 0;
    return uplinks ? *uplinks : others;
  }
  unsigned instructionsPerRow() const { return lanes / 16; }
  /// Stripes over which the rows of a weight tile of `width` bytes stand at
  /// most: a power of two that an install takes at once and that divides a
  /// plane's K. Tiles of a product begin at multiples of it.
  unsigned weightStripes(unsigned width) const {
    unsigned stripes = 1;
    while (stripes * 2 <= installRows / width &&
           planeRows / width % (stripes * 2) == 0)
      stripes *= 2;
    return stripes;
  }
  /// Cycles one text row occupies the fetch path.
  unsigned fetchRowCycles() const { return lanes / 16; }
  uint64_t sramBytes() const {
    return uint64_t(numSlices()) * 2 * rows * lanes;
  }
};

/// Parses and validates. The error lists every violated rule of an impossible
/// machine at once, each with the field, its value, the limit and the reason.
/// \p origin names the source in messages.
llvm::Expected<Machine> parseMachine(llvm::StringRef text,
                                     llvm::StringRef origin);

/// `lpu1`, `nano`, ... (built in), or the path of a YAML file.
llvm::Expected<Machine> loadMachine(llvm::StringRef nameOrPath);

/// Names of the built-in machines.
std::vector<llvm::StringRef> builtinMachines();

/// The rules of a possible machine; empty if it is one.
std::vector<std::string> validate(const Machine &machine);

} // namespace lpu

#endif // LPU_TARGET_MACHINE_H
