//===- Generator.h - plans of random programs -------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_TEST_TOOLS_GENERATOR_H
#define LPU_TEST_TOOLS_GENERATOR_H

#include "RandomProgram.h"
#include "Timeline.h"

namespace lpu::test {

/// Repeats of an instruction.
struct Repeat {
  unsigned count = 1, interval = 1;
  std::vector<int64_t> offsets() const {
    std::vector<int64_t> result;
    for (unsigned i = 0; i < count; ++i)
      result.push_back(int64_t(i) * interval);
    return result;
  }
};

/// Link numbers of classes that send and receive together: every chip that
/// sends has a wire to a chip that receives. Cycles are those of the classes.
struct Channel {
  struct End {
    unsigned chipClass, link;
  };
  std::vector<End> senders, receivers;
  /// Over all wires, how much later the sender starts than the receiver.
  int64_t most = 0, least = 0;
  std::vector<int64_t> sends, receives;
};

class Generator {
public:
  /// \p chips: or classes, each with one chip that stands for all; these have
  /// no \p messages but those of exchange().
  Generator(const Machine &machine, unsigned chips, uint64_t seed,
            bool messages = true);

  /// Tries one plan of a random kind.
  void step();
  /// A resynchronisation, if there is room for its rest.
  void align();
  /// One vector, or some, over a channel.
  void exchange(Channel &channel);
  Package finish();
  /// The same with many chips: \p system has chips (with class, start, links),
  /// wires and name; the rest is filled in.
  Package finish(Package system);
  const Timeline &time() const { return timeline; }

private:
  /// When the instances of an instruction are, relative to the first: repeats,
  /// or the iterations of a loop.
  using Offsets = std::vector<int64_t>;

  unsigned pick(unsigned low, unsigned high) {
    return low + unsigned(random() % (high - low + 1));
  }
  bool chance(unsigned percent) { return random() % 100 < percent; }

  // Plans; `at` counts from the start of the plan.
  void copy(Plan &plan);
  void vectorChain(Plan &plan);
  void accumulate(Plan &plan);
  void constants(Plan &plan);
  void matrix(Plan &plan);
  void shuffle(Plan &plan);
  void transpose(Plan &plan);
  void gather(Plan &plan);
  void scatter(Plan &plan);
  void registers(Plan &plan);
  void loops(Plan &plan);
  void message(Plan &plan);
  void resync(Plan &plan);

  /// Places a plan whose links rest behind every resync, and are used no longer
  /// than `resync_cycles` behind one.
  bool place(Plan &plan,
             const std::function<bool(int64_t start)> &fits = nullptr);
  /// The sends or receives of an instruction; a receive's vector may arrive
  /// \p clearBefore it.
  void useLinks(Plan &plan, unsigned chip, int64_t at, Repeat repeat,
                int64_t clearBefore = 0);

  // Pieces of plans.
  void issue(Plan &plan, unsigned chip, Unit unit, unsigned index, int64_t at,
             isa::Instruction inst, Repeat repeat = Repeat());
  void value(Plan &plan, unsigned chip, bool west, unsigned stream,
             unsigned width, int64_t position, int64_t written,
             int64_t lastRead, const Offsets &offsets);
  /// Slices that can send towards (or read behind) a position, not yet used
  /// by the plan.
  std::vector<unsigned> slices(const Plan &plan, unsigned chip, bool west,
                               int64_t position, bool upstream) const;
  /// SRAM rows arrive at \p position in cycle \p at, read there for the last
  /// time in cycle \p lastRead (usually the same).
  void supply(Plan &plan, unsigned chip, bool west, unsigned stream,
              unsigned width, int64_t position, int64_t at, Repeat repeat,
              int64_t addressPair = -1);
  /// Values written at \p position in cycle \p at go to SRAM rows.
  void consume(Plan &plan, unsigned chip, bool west, unsigned stream,
               unsigned width, int64_t position, int64_t at, Repeat repeat);
  unsigned stream(unsigned width) {
    return pick(0, m.streams / width - 1) * width;
  }
  isa::Instruction
  vectorOperation(Plan &plan, unsigned alu, int64_t at, Repeat repeat,
                  llvm::ArrayRef<std::pair<unsigned, int64_t>> history);
  /// The text of a chip (or class), as the image that holds it.
  std::vector<ImageSegment> finishText(unsigned chip, ChipClass &chipClass,
                                       Package &package);
  /// The data rows of a chip.
  std::vector<ImageSegment> makeData(Package &package);
  /// A nop that keeps a queue busy up to a cycle.
  void hold(Plan &plan, unsigned chip, Unit unit, unsigned index, int64_t at);

  const Machine &m;
  const unsigned chips;
  /// Base register 7 of every slice is a relocation: 0 .. 9, chip by chip.
  const bool relocated;
  static constexpr unsigned relocatedValues = 10;
  std::mt19937_64 random;
  Timeline timeline;
  std::vector<LinkWire> wires;
  std::vector<std::vector<PlannedLinkUse>> linkUses; // [chip], placed
  std::vector<std::vector<int64_t>> resyncs;         // [chip], placed
  static constexpr unsigned loadedRows = 64;
  std::vector<unsigned> addresses;            // values of the address rows
  unsigned firstFreeRow;                      // behind the rows of the image
  std::vector<std::vector<bool>> accumulated; // [chip][alu]
  std::vector<unsigned> pendingAccumulate;    // of the plan: chip * alus + alu
};

/// An instruction by its name, with fields by name.
isa::Instruction
makeInstruction(llvm::StringRef name,
                llvm::ArrayRef<std::pair<const char *, int64_t>> fields);

} // namespace lpu::test

#endif // LPU_TEST_TOOLS_GENERATOR_H
