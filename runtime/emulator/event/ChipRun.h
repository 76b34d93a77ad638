//===- ChipRun.h - one chip, event by event ---------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Streams never move here. A value keeps its slot (direction, stream, key) for
// life (docs/isa.md, section 2), and keys are taken from a ring that is a
// little longer than the chip: a slot is an array element, its liveness one bit
// of a word per direction and key, and the value that reaches the edge in cycle
// t is the one with a known key. Everything else is events in calendars: rings
// of buckets, one per cycle. Control does not depend on data, so each queue has
// one pending issue at a time.
//
// Order within a cycle: completions (passes, swaps, constants, maps, rows that
// fetches read), issues in the order of queue numbers, deaths of slots that
// were read for the last time, writes to streams, the edge. A fault does not
// stop the cycle: all of them are collected and the engine picks the one to
// report.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_CHIPRUN_H
#define LPU_RUNTIME_EMULATOR_EVENT_CHIPRUN_H

#include "Arithmetic.h"
#include "Wires.h"
#include "lpu/Emulator/Emulator.h"
#include "llvm/ADT/SmallVector.h"
#include <atomic>
#include <queue>

namespace lpu::emulator::event {

/// Who acted within the last 65,536 cycles, in half the space: slots are many.
using RecentWho = uint32_t;
inline RecentWho shorten(Who who) { return uint32_t(who); }
inline Who lengthen(RecentWho who, int64_t now) {
  uint64_t age = (uint64_t(now) - (who >> 16)) & 0xffff;
  return makeWho(now - int64_t(age), who & 0xffff);
}
constexpr RecentWho nobody = UINT32_MAX;

struct FaultRecord {
  FaultClass kind;
  int64_t cycle; // of the program
  unsigned chip; // where
  unsigned offenderChip, otherChip;
  Issue offender;
  std::optional<Issue> other;
  std::string detail;
  const Wire *underrun = nullptr; // the wire of a link underrun
};

/// What one chip did so far, in all runs.
struct ChipState {
  std::vector<FaultRecord> faults; // of one cycle
  Counters counters;               // without streamByteHops
  uint64_t streamHops = 0; // of byte streams; exact once nothing is live
  CycleMaxima maxima;
  std::vector<std::optional<Issue>> lastSends; // by link number
  std::vector<uint64_t> sent; // vectors by link number, in runs with upsets
  UpsetCounts upsets;
};

/// The wires at a chip's links, by the link numbers of its class; nullptr: no
/// wire. `recorded` instead of wires: the chip runs alone, every receive is
/// taken for right, and the cycles of both are noted.
struct ChipLinks {
  std::vector<Wire *> out, in;
  struct Receive {
    int64_t cycle;
    std::optional<int64_t> rest; // end of the links' last rest
  };
  struct Record { // by link number
    std::vector<std::vector<int64_t>> sends;
    std::vector<std::vector<Receive>> receives;
  };
  Record *recorded = nullptr;
};

/// Why a chip does not go on.
enum class Pause {
  Finished, // all queues have halted and nothing moves
  Faulted,  // ChipState::faults
  Limit,    // the cycle limit
  Waiting   // for a vector: Progress::wake
};

/// One run of one chip: what does not survive it. It counts cycles from its own
/// start, `base`.
template <class Arithmetic> class ChipRun {
public:
  ChipRun(const RunContext &context, const RunOptions &options, unsigned chip,
          int64_t base, ChipMemory &memory, const std::vector<QueueText> &texts,
          llvm::ArrayRef<BaseRegister> registers, const ChipLinks &links,
          Progress *progress, ChipState &state);

  /// Runs the program cycles before \p limit, which others may lower.
  Pause resume(const std::atomic<int64_t> &limit);

  /// Of a chip without running queues, in cycles of the run: 1 + the last
  /// effect; when nothing is left to do (effects, halts, fetches).
  int64_t end() const { return lastEffect + 1; }
  bool halted() const { return running == 0; }
  int64_t over() const {
    return std::max(
        {lastEffect + 1, lastHalt ? cycleOf(*lastHalt) + 1 : 0, lastFetchEnd});
  }
  /// The last `halt`; none if the chip has no text.
  std::optional<Who> halt() const { return lastHalt; }

private:
  static constexpr bool hasData = Arithmetic::hasData;
  static constexpr bool hasUpsets = HasUpsets<Arithmetic>::value;
  static constexpr int64_t never = INT64_MAX;

  struct alignas(64) Queue {
    // What every issue touches fills one cache line.
    const Op *ops = nullptr;
    uint32_t pc = 0, size = 0, repeat = 0;
    int position = 0;
    uint16_t index = 0;  // of its kind
    bool faulty = false; // the instruction cannot be taken: takeFault
    uint16_t registers[8] = {};
    /// The first instruction of the row that was executable last.
    uint32_t rowBegin = UINT32_MAX;
    uint32_t fetchRows = 0, fetchApplied = 0; // of the newest fetch

    struct Level {
      uint32_t remaining, start;
    };
    std::vector<Level> loops;
    const QueueText *text = nullptr;
    // The instruction buffer.
    struct BufferSlot {
      int64_t row = -1, usable = 0;
      std::optional<Who> fetch;
    };
    std::vector<BufferSlot> buffer;
    Who fetch = 0; // the newest one
    int64_t fetchStart = -1, fetchEnd = -1;
    uint32_t fetchRow = 0;
    // To be reported in the cycle of taking.
    FaultClass takeFault = FaultClass::IllegalEncoding;
    std::optional<Who> takeOther;
    std::string takeDetail;
  };

  /// A write to streams, on its way.
  struct Landing {
    Who writer;
    uint16_t slot; // direction x ring + key
    uint8_t stream, width;
    Value value;
  };
  enum class EffectKind : uint8_t {
    Pass,
    Swap,
    Constant,
    Map,
    FetchRow,
    Clash
  };
  struct Effect {
    EffectKind kind;
    bool fp16, add;
    uint16_t unit, row;
    uint32_t number;
    Who who, other;
  };

  struct Bank {
    int64_t used = -1;
    Who user = 0;
  };
  struct PendingWrite {
    int64_t cycle = INT64_MIN; // none yet
    uint32_t row = 0;
  };
  enum class Format : uint8_t { None, Int8, Fp16 };
  struct Plane {
    Format active = Format::None, shadow = Format::None;
    Who activeInstall = 0, shadowInstall = 0;
    std::optional<Who> pendingSwap;
    int64_t lastPass = INT64_MIN / 2;
    bool lastFp16 = false;
    Who lastPassWho = 0;
    struct Row {
      Format format = Format::None;
      Who pass = 0;
    };
    std::vector<Row> rows;
    std::vector<std::pair<int64_t, Who>> completions; // a ring by cycle
  };
  struct Alu {
    std::vector<std::pair<int64_t, Who>> results; // a ring by completion
    bool constantSet = false, accumulating = false;
    uint8_t accumulateOp = 0;
    Who lastAccumulate = 0;
  };

  // The clock.
  void runCycle();
  void forgetKeys();
  void wakeFar();
  bool mustWait();
  void schedule(unsigned queue, int64_t when);
  void take(unsigned number, Queue &queue, int64_t when);
  bool inBuffer(Queue &queue, uint32_t row, int64_t when);
  void land();
  void edge();
  void applyEffect(const Effect &effect);
  void issue(unsigned number);
  bool control(Queue &queue, const Op &op, Who me);
  void addEffect(int64_t when, const Effect &effect) {
    effects[size_t(when & ringMask)].push_back(effect);
    quietAfter = std::max(quietAfter, when);
  }

  // Streams.
  void emptyRead(const Queue &queue, Who me, const StreamRef &ref,
                 unsigned slot);
  bool readStreams(const Queue &queue, Who me, const StreamRef &ref,
                   Value *into);
  void writeStreams(const Queue &queue, Who me, bool west, unsigned stream,
                    unsigned width, int64_t when, Value value);
  LLVM_ATTRIBUTE_ALWAYS_INLINE void write(const Queue &queue, const Op &op,
                                          Who me, Value value) {
    writeStreams(queue, me, op.out.west, op.out.stream, op.out.width,
                 now + op.streamDelay, value);
  }

  // Flipped bits; used if hasUpsets only.
  void flipDue();
  bool flip(const Upset &upset);
  void probeUpTo(uint64_t cycle);
  void check(const ecc::Flips &flips, Who reader, const std::string &place);
  void checkRow(unsigned bank, unsigned row, Who reader);
  void checkStreams(const StreamRef &ref, unsigned slot, Who reader);
  void loadFirstRows(unsigned number, Queue &queue, const TextSegment &segment);

  // Units.
  void memory(Queue &queue, const Op &op, Who me, const Value *in, bool ok);
  void alu(const Queue &queue, const Op &op, Who me,
           const Value (*in)[IsaArithmetic::maxInput], bool ok);
  void install(Queue &queue, const Op &op, Who me);
  void swap(const Queue &queue, Who me);
  void pass(Queue &queue, const Op &op, Who me);
  void drain(const Queue &queue, const Op &op, Who me);
  void shuffle(const Queue &queue, const Op &op, Who me);
  void send(const Queue &queue, const Op &op, Who me);
  void receive(const Queue &queue, const Op &op, Who me);
  void resyncCheck(Who me);
  bool inRest(int64_t cycle) const;
  int64_t drift() const;
  void useBank(unsigned bank, Who me);
  void bankConflict(unsigned bank, Who me);
  int64_t weightRows(bool fp16) const { return m.planeRows / (fp16 ? 2 : 1); }
  bool inRange(const char *what, int64_t first, int64_t count, int64_t limit,
               Who me);
  void fetch(Queue &queue, const Op &op, Who me);
  void readTextRow(Queue &queue, unsigned row, unsigned left, Who me);
  void fetchLoad();

  void fault(FaultClass kind, Who offender, std::optional<Who> other,
             std::string detail) {
    state.faults.push_back(
        {kind, base + now, chip, chip, chip, mine(offender),
         other ? std::optional<Issue>(mine(*other)) : std::nullopt,
         std::move(detail), nullptr});
  }
  /// The same away from the hot path; \p detail makes the text.
  template <class Detail>
  LLVM_ATTRIBUTE_NOINLINE LLVM_ATTRIBUTE_MINSIZE void
  coldFault(FaultClass kind, Who offender, std::optional<Who> other,
            Detail detail) {
    fault(kind, offender, other, detail());
  }
  LLVM_ATTRIBUTE_NOINLINE void clash(FaultClass kind, Who a, Who b,
                                     std::string detail) {
    fault(kind, std::max(a, b), std::min(a, b), std::move(detail));
  }
  std::string rowText(unsigned bank, int64_t row) const {
    return "row " + std::to_string(row) + " of slice " +
           std::to_string(bank / 2) + " bank " + std::to_string(bank % 2);
  }
  unsigned slotOf(bool west, int64_t key) const {
    return unsigned(west) * keyRing + unsigned(key & (keyRing - 1));
  }

  Issue mine(Who who) const { return {base, who}; }

  const Machine &m;
  const RunOptions &options;
  const unsigned chip;
  const int64_t base; // program cycle of cycle 0
  ChipMemory &sram;
  std::vector<uint64_t> initialisedCopy; // of a run without values
  std::vector<uint64_t> &initialised;
  const ChipLinks &links;
  Progress *const progress; // nullptr: recorded links
  ChipState &state;
  Arithmetic arithmetic;
  std::conditional_t<hasUpsets, ChipUpsets, NoUpsets> upsets;

  int64_t now = 0, lastEffect = -1, lastFetchEnd = 0;
  std::optional<Who> lastHalt;
  const int edgePosition;
  const unsigned lanes, perRow; // perRow: instructions of a text row
  std::vector<Queue> queues;
  unsigned running = 0; // queues that have not halted

  // Calendars.
  unsigned ring, ringMask;
  unsigned words;               // of a bucket of `starts`
  std::vector<uint64_t> starts; // bit per queue
  unsigned startCount = 0;
  std::priority_queue<std::pair<int64_t, unsigned>,
                      std::vector<std::pair<int64_t, unsigned>>, std::greater<>>
      far;
  // A bucket holds the number of a list; empty lists are used again at once, so
  // that they stay in the cache.
  struct LandingList {
    std::vector<Landing> items; // of which `count` are in use
    size_t count = 0;
    Landing &next() {
      if (LLVM_UNLIKELY(count == items.size()))
        items.resize(2 * count + 16);
      return items[count++];
    }
    void clear() { count = 0; }
    const Landing *begin() const { return items.data(); }
    const Landing *end() const { return items.data() + count; }
  };
  std::vector<LandingList> landingLists;
  std::vector<uint16_t> spareLists, landings; // landings: 0 is none
  std::vector<std::vector<Effect>> effects;
  int64_t quietAfter = -1; // no landing, effect or live slot behind it

  // Slots: [direction x ring + key], and there [stream].
  unsigned keyRing;
  std::vector<uint64_t> live;
  std::vector<RecentWho> writers, lastReaders;
  std::vector<Value> values;
  struct Death {
    unsigned slot;
    uint64_t mask;
    Who reader;
  };
  std::vector<Death> deaths; // of this cycle
  unsigned deathCount = 0;

  std::vector<Bank> banks;
  unsigned writeRing;
  std::vector<PendingWrite> pendingWrites; // [bank][cycle mod writeRing]
  std::vector<Plane> planes;
  std::vector<Alu> alus;
  std::vector<uint8_t> mapLoaded;
  struct ActiveFetch {
    int64_t end;
    Who who;
  };
  std::vector<ActiveFetch> activeFetches;
  bool fetchIssued = false;
  int64_t lastResync = 0;
  std::optional<Who> lastResyncWho;
  bool receives = false;  // over wires
  unsigned firstReceiver; // queue number

  // What this cycle did.
  uint64_t cycleMacs = 0, cycleSram = 0, cycleFetch = 0;
};

/// Assembly and number of the instruction that a queue issued (or would have
/// taken) in \p cycle.
uint32_t findIssue(const QueueText &text, int64_t cycle);

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_CHIPRUN_H
