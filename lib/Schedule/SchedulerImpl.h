//===- SchedulerImpl.h - the state of one scheduling run --------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// List scheduling over rigid templates. Kernels are taken in program order;
// each of their templates (install, swap, pass, flow) goes to the earliest
// cycle at which its queues, streams and ALUs are free and its data is ready.
// As a later template may fill a gap before an earlier one, installs move ahead
// of the compute they belong to and kernels overlap without a special
// mechanism. A segment starts when the previous one has drained.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_SCHEDULE_SCHEDULERIMPL_H
#define LPU_LIB_SCHEDULE_SCHEDULERIMPL_H

#include "Feed.h"
#include "Layout.h"
#include "Reservations.h"
#include "Template.h"
#include "lpu/Schedule/Schedule.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace lpu::schedule {

/// An issue of the current segment.
struct IssueRecord {
  unsigned queue;
  QueueItem item;
};

/// The cycle in which the last effect of an item completes, -1 if it has none.
/// `base` is the start of its block.
int64_t lastEffect(const QueueItem &item, int64_t base, const Machine &machine);

/// Planes of one half that work in tandem: fp16 rows alternate between them.
struct Gang {
  bool east = false;
  std::vector<unsigned> planes;
  int64_t shadowFree = 0;  // installs may start
  int64_t active = 0;      // passes may use the active weights
  int64_t passEnd = 0;     // one past the last pass issue
  int64_t nextPass = 0;    // the pass units are free again
  int64_t drainBound = -1; // first replacing pass issue allowed
  /// Identity of the active weights (to skip an install), and the segment
  /// serial of the tile's contents.
  std::vector<int64_t> activeKey;
};

/// A row source that is gathered by addresses from other tiles (i16).
struct GatherSource {
  std::vector<stream::Access> address; // by byte, or one for all
};

/// A gather as flows: address arithmetic, then lookups, a few panels at a time.
struct GatherStep {
  stream::Flow flow;
  std::map<unsigned, GatherSource> sources; // by node
};

/// The identity of what an install leaves in a plane.
std::vector<int64_t> installKey(const stream::KTile &tile, bool fp16,
                                int byte = -1);

/// The rows [begin, end) of an access; an inner group is never cut.
stream::Access rowsOf(stream::Access access, int64_t begin, int64_t end);

/// Where the Product of an epilogue comes from.
struct ProductSource {
  const Gang *gang = nullptr;
  int64_t firstAcc = 0; // accumulator row of row 0 in every plane
};

/// Rows [rowBegin, rowEnd) of a flow, `interval` cycles apart or more. The
/// product's row 0 is drained at `drainReady` or later.
struct FlowRequest {
  const stream::Flow &flow;
  int64_t rowBegin, rowEnd, interval = 1;
  const ProductSource *product = nullptr;
  int64_t drainReady = 0;
  const std::map<unsigned, GatherSource> *gathers = nullptr;
  bool rawBits = false;

  FlowRequest(const stream::Flow &flow, int64_t rowBegin, int64_t rowEnd)
      : flow(flow), rowBegin(rowBegin), rowEnd(rowEnd) {}
};

/// How a flow is built whose accesses share slices (Sharing.cpp).
struct Sharing {
  std::map<unsigned, int64_t> stagger; // source node -> cycle it is sampled
  std::map<int, unsigned> delays;      // write number -> moves in front of it
  std::vector<llvm::MutableArrayRef<PlacedColumn>> columns; // as chosen first
  bool interleaves = false; // rows leave cycles to others on their streams
};

/// Copies of a panel from this number on were made because it stood in the way;
/// they die when the tile is written again.
constexpr unsigned maxReplicas = 6;

/// What the exchanges of a segment have done to its links (Exchange.cpp).
struct LinkState {
  std::vector<int64_t> sent, received; // last issue, by link
  int64_t interval = 1;                // between the last rows
  int64_t waiting = 0; // most cycles of them in a receive buffer
  int64_t end = 0;     // the last recv so far: nothing is under way behind it
  int64_t aligned = 0; // the last resync
};

/// Cycles of a template of an exchange, from its first send on.
struct ExchangePlaces {
  std::string name;
  unsigned group = 0;
  std::vector<unsigned> links;                // by member
  std::vector<int64_t> sends, recvs;          // of the first row, by member
  int64_t rows = 0, interval = 1, length = 0; // length: to the last row
  int64_t spread = 0, lastRecv = 0;
  int64_t bound = 0; // no first send before
};

class SchedulerImpl {
public:
  SchedulerImpl(const stream::Program &program, const Machine &machine,
                const ScheduleOptions &options, ConstantPlaces &constantPlaces);
  llvm::Expected<ScheduleResult> run();

private:
  // Flow.cpp
  bool scheduleFlow(const stream::Flow &flow);
  bool buildFlow(Template &t, int64_t &drainIssue, const FlowRequest &request,
                 int64_t interval, Sharing &sharing);

  // Sharing.cpp
  struct PlacedFlow {
    int64_t drainAt;  // issue of the first drain
    int64_t interval; // cycles between rows
  };
  std::optional<PlacedFlow> placeFlow(const FlowRequest &request);
  std::optional<PlacedFlow> placeWhole(const FlowRequest &request);
  std::optional<int64_t> cutOf(const FlowRequest &request) const;
  /// The rows that a loop reads or writes of a tile stand in both halves and
  /// would travel in two directions: fewer of them are tried.
  bool isScattered(const std::string &kernel, const std::string &tile) {
    scattered = "kernel '" + kernel + "': rows of '" + tile +
                "' that one pipelined loop touches stand in both halves, and "
                "there is no room to bring them together; use a machine with "
                "more slices or rows";
    return false;
  }
  bool groupAlus(Template &t, int64_t n, int64_t interval) const;
  /// The machine nests one loop more than the current segment takes.
  bool mayLoop() const { return machine.loopDepth > (segmentLoops ? 1u : 0u); }
  bool mayShare(const Template &t, unsigned i, llvm::ArrayRef<unsigned> group,
                int64_t n, int64_t interval) const;
  bool spreadSources(const FlowRequest &request, Template &t, int64_t &drain,
                     int64_t &interval, Sharing &sharing);
  std::string streamNeed(const Template &t) const;
  bool shareQueues(Template &t, const std::set<unsigned> &crowded, int64_t n,
                   int64_t interval);
  int64_t sharedInterval(const Template &t,
                         const std::set<unsigned> &crowded) const;

  // Gather.cpp
  std::vector<GatherStep> expandGather(const stream::Gather &gather);
  void fillPanel(const stream::Gather &gather, unsigned panel, int64_t first,
                 int64_t rows, std::vector<GatherStep> &steps);

  // Transpose.cpp
  struct TransposePlan {
    std::vector<stream::Flow> perByte; // epilogues
    stream::Flow combine;
    unsigned identity = 0;
  };
  TransposePlan planTranspose(const stream::TransposeTile &move);
  bool scheduleTranspose(const stream::TransposeTile &move);

  // Exchange.cpp
  /// Adds the tiles that stand in one panel, or in one for each block, whose
  /// rows it returns.
  std::map<unsigned, int64_t> exchangedTiles(std::set<unsigned> &tables) const;
  static bool hasExchange(const stream::Segment &segment);
  void beginExchanges(const stream::Segment &segment);
  bool scheduleExchange(const stream::Exchange &exchange);
  bool placeExchange(Template &t, const ExchangePlaces &places);
  bool finishHalves(const stream::Exchange &exchange);
  int64_t exchangePeriod() const;
  void endExchanges(const stream::Segment &segment, int64_t start,
                    int64_t period);
  const SegmentAlignment *alignmentBound() const;

  // Feed.cpp
  std::optional<std::vector<FeedStep>> feedSteps(const stream::Segment &segment,
                                                 size_t kernel);
  void rotateFed();
  bool scheduleFed(llvm::ArrayRef<FeedStep> steps, KernelReport &first,
                   KernelReport &second);

  // Matmul.cpp
  bool scheduleMatmul(const stream::Matmul &matmul);
  bool placeInstall(Gang &gang, const stream::KTile &tile, bool fp16,
                    int64_t rows, const std::string &name, int byte = -1);
  /// Reads of `count` rows of every stripe of B for installs from `cycle` on;
  /// returns the stream group. Of elements of `stored` bytes `width` are
  /// wanted: all, or number `byte`.
  unsigned addWeightReads(Template &t, const Gang &gang,
                          llvm::MutableArrayRef<PlacedColumn> columns,
                          unsigned width, int byte, unsigned stored,
                          int64_t row, int64_t count, int64_t interval,
                          int64_t cycle);
  /// Reads of n operand rows that reach the plane of group `index` from `at`
  /// on, from slices outside `avoid`.
  bool addOperandReads(Template &t, unsigned index,
                       const stream::Access &access, int64_t n,
                       int64_t interval, int64_t at, bool east,
                       const std::set<unsigned> &avoid);
  /// Streams for operand rows at cycles `at` .. `last` of the pass unit.
  StreamGroup operandStreams(const Gang &gang, bool fp16, int64_t at,
                             int64_t last) const;
  /// One repeat of the install of a K tile from its row `row` on.
  isa::Instruction installOf(const stream::KTile &k, bool fp16,
                             unsigned stripes, int64_t row);
  isa::Instruction passOf(const stream::KTile &k, bool fp16, int64_t rows,
                          int64_t interval, bool add);
  /// The passes of one K tile, for all gangs of a half that take the same rows.
  struct PassWork {
    Gang *gang;
    const stream::KTile *tile;
  };
  // TileLoop.cpp
  /// K tiles at a constant step, as a loop of `tiles` periods.
  struct TileLoop {
    size_t tiles = 0, window = 1;    // tiles until lane windows repeat
    int64_t installs = 1;            // install cycles of a tile
    int64_t spacing = 1, period = 1; // cycles between installs, and tiles
  };
  bool loopsTiles() const;
  /// K tiles from number `step` on that differ by a constant step.
  size_t tileRun(const stream::Job &job, size_t step) const;
  std::optional<TileLoop> planTileLoop(llvm::ArrayRef<stream::KTile> tiles,
                                       bool fp16, int64_t n, int64_t interval,
                                       unsigned planes) const;
  /// Returns the first pass of the last tile. Works name their first tile.
  std::optional<int64_t> placeTileLoop(llvm::ArrayRef<PassWork> works,
                                       const TileLoop &plan, bool fp16,
                                       int64_t rowBegin, int64_t rowEnd,
                                       bool add, const std::string &name);

  void useFormat(bool fp16);
  std::optional<int64_t> placePasses(llvm::ArrayRef<PassWork> works, bool fp16,
                                     int64_t rowBegin, int64_t rowEnd, bool add,
                                     const std::string &name);
  void makeGangs();
  /// Streams that a gang tries first: those of its installs, so that its passes
  /// use the gaps between them and leave the other gangs' alone.
  unsigned homeStream(const Gang &gang) const {
    unsigned number =
        gang.planes[0] % machine.planesPerHalf / gang.planes.size();
    return number * machine.installRows % machine.streams;
  }

  // Place.cpp
  /// Earliest anchor >= bound; takes the resources and records the issues.
  std::optional<int64_t> place(Template &t, int64_t bound);
  /// Chooses ALUs; 0 if all operations have one, else cycles after which to try
  /// again.
  int64_t tryAlus(Template &t, int64_t anchor);
  bool tryStreams(Template &t, int64_t anchor, bool alone = false);

  // Columns for reading: a copy that does not collide with `used`.
  llvm::MutableArrayRef<PlacedColumn>
  readColumns(unsigned tile, unsigned panel, unsigned chunk, int half,
              std::set<unsigned> &used, unsigned group = 0, int side = -1);
  bool serves(llvm::ArrayRef<PlacedColumn> columns,
              const std::set<unsigned> &used, int side) const;
  std::set<unsigned> writtenSlices(const stream::Flow &flow, int64_t rowBegin,
                                   int64_t n);
  void markWritten(unsigned tile, unsigned chunk, int64_t row);
  bool copyPanel(unsigned tile, unsigned panel, unsigned chunk, unsigned copy,
                 int half, const std::set<unsigned> &used);
  llvm::MutableArrayRef<PlacedColumn>
  writeColumns(unsigned tile, unsigned panel, unsigned chunk, unsigned copy,
               std::set<unsigned> &used);
  std::set<unsigned> conflicts(unsigned tile, unsigned panel,
                               unsigned chunk) const;

  // Scheduler.cpp
  bool scheduleSegment(const stream::Segment &segment, unsigned number);
  void collectPartners(const stream::Segment &segment);
  /// Calls `visit(tile, write)` for every access of a kernel, in order.
  void forEachAccess(const stream::Kernel &kernel,
                     llvm::function_ref<void(unsigned, bool)> visit);
  void findLastUses();
  bool placeInputs();
  bool checkCapacity();
  std::vector<int64_t> stripeLimits() const;
  std::vector<int64_t> installCycles() const;
  void emitSegment(const stream::Segment &segment);
  /// The tile is dead; its tensors of this segment are noted.
  void release(unsigned tile, unsigned segment);
  void recordValue(size_t number);
  void finishValues(int64_t start, int64_t period);
  bool fail(const std::string &message) {
    if (errorText.empty())
      errorText = message;
    return false;
  }
  unsigned internalTile(stream::Tile tile, int half = -1,
                        Zone zone = Zone::Any) {
    program.tiles.push_back(std::move(tile));
    wantedHalf.resize(program.tiles.size(), -1);
    wantedHalf.back() = half;
    zones.resize(program.tiles.size(), Zone::Any);
    zones.back() = zone;
    return program.tiles.size() - 1;
  }
  // Image.cpp
  void makePackage(Package &package);
  ImagePlan imagePlan() const;

  stream::Program program; // own copy: internal tiles are added
  size_t givenTiles;       // the others
  const Machine &machine;
  ScheduleOptions options;
  ConstantPlaces &constantPlaces;
  unsigned fullPanels = 0; // of tables on a full chip: in both halves in turn
  /// A row of text holds few instructions, so that text is scarce.
  bool shortRows = false;
  /// Idle cycles left behind every run of a queue. Where rows are short, text
  /// must be fetched between any two of them.
  int64_t fetchGap = 0;
  /// Installs may follow one another without end, so every swap leaves a cycle
  /// in which the queue can fetch.
  int64_t gapBehind(const QueueRun &run) const {
    if (run.iterations)
      return gapBehindLoop(run.body.size());
    bool swap = run.inst.opcode == isa::Opcode::weights_swap;
    return std::max<int64_t>(swap, fetchGap);
  }
  /// Nothing is fetched inside a loop, so that behind it the queue of a small
  /// buffer waits for as much text.
  int64_t gapBehindLoop(size_t body) const {
    int64_t rows = textRows(body + 2, machine);
    return 4 * rows > int64_t(machine.bufferRows)
               ? rows * int64_t(machine.fetchRowCycles()) + machine.delayFetch +
                     2
               : fetchGap;
  }
  /// Idle cycles between segments: every queue fetches its next text then,
  /// through the ports of a few text banks.
  int64_t segmentGap() const {
    return fetchGap ? 512 / machine.instructionsPerRow() +
                          int64_t(machine.delayFetch)
                    : 0;
  }
  Reservations res;
  std::optional<Layout> layout;
  std::map<const stream::Gather *, std::vector<GatherStep>> gathers;
  std::map<const stream::TransposeTile *, TransposePlan> transposes;
  std::optional<unsigned> identityTile;
  LinkState links;                 // of the current segment
  std::vector<ExchangeStep> steps; // of the current segment
  /// Program cycle of the last resync: the first one rests before the program
  /// begins (Joiner::finishPrologue).
  int64_t alignedAt = -int64_t(machine.resyncRest()) - 1;
  Alignment alignment;
  std::vector<int> wantedHalf; // by tile; -1 none
  std::map<unsigned, unsigned>
      partOf;              // internal tiles that are rows of a table
  std::vector<Zone> zones; // by tile
  std::vector<IssueRecord> issues;
  std::vector<Gang> gangs[2]; // int8, fp16
  bool gangFormatFp16 = true;
  int64_t horizon = 0; // completion of everything placed in this segment
  /// (tile, chunk) -> what is read or written with it in one flow.
  std::map<std::pair<unsigned, unsigned>,
           std::set<std::pair<unsigned, unsigned>>>
      partners;
  /// Slices that are busy while the weights of the next install are read.
  std::set<unsigned> besideInstall;
  std::vector<std::vector<QueueItem>> queueItems; // by queue number
  int64_t time = 0; // program cycle at which the next segment starts
  std::vector<KernelReport> kernels;
  /// Tiles that die behind a kernel, and behind a segment.
  std::map<const stream::Kernel *, std::vector<unsigned>> deadAfter;
  std::map<const stream::Segment *, std::vector<unsigned>> deadAfterSegment;
  /// (tile, chunk) -> rows that hold something: of what kernels write.
  std::map<std::pair<unsigned, unsigned>, llvm::BitVector> writtenRows;
  int writeCopy = -1;        // the copy that a copying flow writes
  bool segmentLoops = false; // the current segment is a loop
  bool looped = false;       // an earlier segment stepped the base registers
  /// Of the current segment by number, in its cycles; then of the program.
  std::map<size_t, TensorPlace> placedValues;
  std::vector<TensorPlace> tensors;
  std::string errorText;
  std::string scattered; // why the last loop was not built, if fewer rows may
  int64_t kernelFirst = 0, kernelLast = 0;
};

} // namespace lpu::schedule

#endif // LPU_LIB_SCHEDULE_SCHEDULERIMPL_H
