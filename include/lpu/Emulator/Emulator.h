//===- Emulator.h - runs a package ------------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulator takes a package and nothing else, and runs it as docs/isa.md
// says: same bits, same cycles, every fault class. Two engines share this
// interface. The tick engine (R0) moves every stream register every cycle and
// is written to be read; the event engine (R1) visits only issues. On every
// legal program they agree in bits and cycles; on a faulting one in the fault's
// class, chip, cycle and parties.
//
// An Engine is one machine state: all chips of the package. There are no
// globals; any number of engines may live in one process.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_EMULATOR_EMULATOR_H
#define LPU_EMULATOR_EMULATOR_H

#include "lpu/Emulator/Upsets.h"
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lpu::emulator {

/// In the order of docs/isa.md, section 12.
enum class FaultClass : uint8_t {
  StreamOverwrite,
  EmptyRead,
  LiveValueLost,
  BankConflict,
  UnitConflict,
  AddressOutOfRange,
  LinkOverrun,
  LinkUnderrun,
  FetchStarvation,
  FetchOverload,
  IllegalEncoding,
  UninitialisedRead,
  UnspecifiedBehaviour,
  Drift,
  NotImplemented,
  RunOverlap,
  UncorrectableError
};

/// "stream-overwrite", "empty-read", ...
const char *faultName(FaultClass kind);

/// One issue of one instruction: who did something. All cycles are program
/// cycles: those of the chip plus the start of its run.
struct Party {
  unsigned chip = 0;
  unsigned queue = 0;
  uint64_t cycle = 0;      // of the issue (of this repeat)
  uint32_t textIndex = 0;  // instruction number in the queue's text
  std::string instruction; // its assembly
};

/// The fault of the smallest cycle; among those of one cycle the smallest by
/// (chip, class in the order above, offender's queue).
struct Fault {
  FaultClass kind = FaultClass::NotImplemented;
  uint64_t cycle = 0; // docs/isa.md section 12 says which cycle, per class
  unsigned chip = 0;
  Party offender;             // the instruction that faults
  std::optional<Party> other; // the other one involved, if there is one
  std::string detail;         // a sentence: slot, row, limit ...

  /// Several lines, for a person; FileCheck tests match it:
  ///   fault: bank-conflict at cycle 12 on chip 0
  ///     offender: mem 3 [7] at cycle 12: mem.read ...
  ///     other: mem 2 [1] at cycle 11: fetch ...
  ///     detail
  std::string str(const Machine &machine) const;
};

/// One issue, as seen by the trace hook.
struct IssueEvent {
  unsigned chip, queue;
  uint64_t cycle;
  uint32_t textIndex;
  uint32_t repeat;
};

/// Which host instructions the event engine's kernels use. All give equal bits.
enum class Simd { Auto, Base, Avx2, Avx512 };
/// Can this host execute them? Forcing one that it cannot is a failed check.
bool isSupported(Simd simd);

/// A look at the SRAM of a chip while a program runs.
struct Probe {
  unsigned chip = 0;
  uint64_t cycle = 0; // program cycle
};

struct RunOptions {
  /// The run stops with an error (RunResult::ranOut) behind this cycle.
  uint64_t maxCycles = UINT64_C(1) << 40;
  Simd simd = Simd::Auto; // event engine only
  /// Event engine only: the chips of a package of several share the threads;
  /// of a single chip, the columns of large products do. Equal bits.
  unsigned threads = 1;
  /// Event engine only: timing and faults without values. Data-supplied
  /// addresses read as zero.
  bool dataFree = false;
  /// Called for every issue of every instruction, in no order across queues,
  /// by one thread at a time.
  std::function<void(const IssueEvent &)> trace;
  /// Clock drift injected per chip in parts per million (missing: 0); at d
  /// cycles after a resync a chip has drifted by ppm * d / 1,000,000 cycles
  /// (truncated).
  std::vector<int64_t> driftPpm;
  /// Run k of a chip starts at its start + k x Package::interval; more than one
  /// run needs an interval (LPU_CHECK).
  unsigned runs = 1;
  /// Bits that flip. Must pass checkUpsets (LPU_CHECK).
  std::vector<Upset> upsets;
  /// `probe(i)` is called in front of everything else of its cycle, or at the
  /// end of a run that is over before it; readRow gives there what a read
  /// that is issued in this cycle finds, of this chip only. Runs with values,
  /// one run (LPU_CHECK). Event engine: on any thread, for several chips at the
  /// same time. A run without probes has not even a branch for them.
  std::vector<Probe> probes;
  std::function<void(size_t number)> probe;
  /// The host port: called before and after every run of a chip, to write the
  /// inputs and read the outputs that this chip holds, and no row of another
  /// chip. Event engine: on any thread, for several chips at the same time.
  std::function<void(unsigned chip, unsigned run)> beforeRun, afterRun;
};

/// Sums over all chips and runs.
struct Counters {
  uint64_t issues = 0; // instructions and repeats, without control instructions
  uint64_t macsInt8 = 0, macsFp16 = 0; // lane_count x lanes per pass
  uint64_t aluOps = 0;                 // lanes per ALU issue
  uint64_t sramBytesRead = 0, sramBytesWritten = 0; // without text
  uint64_t streamByteHops = 0; // lanes x positions passed while live
  uint64_t fetchBytes = 0;
  uint64_t linkVectors = 0; // sends
};

/// The most that one chip did in one cycle (the no-macro-instruction test).
struct CycleMaxima {
  uint64_t macs = 0, sramBytes = 0, fetchBytes = 0;
};

/// The most that the units of one chip can do in one cycle. Every run without a
/// fault, of either engine, is checked against it (LPU_CHECK): no instruction
/// does more work than its unit.
CycleMaxima limits(const Machine &machine);
void checkLimits(const CycleMaxima &maxima, const Machine &machine);

struct RunResult {
  /// Program cycles (docs/isa.md, section 3), of several runs until the end of
  /// the last. Of a faulted run: the fault's.
  uint64_t cycles = 0;
  /// The program cycle at which every run ended; its latency is that minus the
  /// number of the run x Package::interval.
  std::vector<uint64_t> ends;
  std::optional<Fault> fault;
  bool ranOut = false; // maxCycles reached
  Counters counters;
  CycleMaxima maxima;
  UpsetCounts upsets;
};

class Engine {
public:
  virtual ~Engine();

  /// Host access before and after a run; \p bytes has `lanes` bytes. Writing
  /// marks the row initialised. Coordinates must be in range (LPU_CHECK).
  virtual void writeRow(unsigned chip, unsigned slice, unsigned bank,
                        unsigned row, llvm::ArrayRef<uint8_t> bytes) = 0;
  /// False if the row was never written nor loaded; then \p bytes is zeroed.
  virtual bool readRow(unsigned chip, unsigned slice, unsigned bank,
                       unsigned row, llvm::MutableArrayRef<uint8_t> bytes) = 0;
  /// Does the row hold a word with more flipped bits than its code corrects?
  /// readRow gives it as it stands; nobody may take it for a result.
  virtual bool spoiled(unsigned chip, unsigned slice, unsigned bank,
                       unsigned row) = 0;

  /// Runs from cycle 0 to the end. SRAM keeps its contents between (and within)
  /// calls;
  /// everything else (streams, registers, planes, buffers) starts anew.
  virtual RunResult run(const RunOptions &options) = 0;
};

/// Loads images and text. Errors: a package that is not consistent (queues,
/// rows or wires that do not exist).
llvm::Expected<std::unique_ptr<Engine>>
createTickEngine(const Package &package);
llvm::Expected<std::unique_ptr<Engine>>
createEventEngine(const Package &package);

/// Names the queue in text: "mem 3".
std::string queueName(const Machine &machine, unsigned queue);

} // namespace lpu::emulator

#endif // LPU_EMULATOR_EMULATOR_H
