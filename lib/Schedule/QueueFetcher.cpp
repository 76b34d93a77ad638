//===- QueueFetcher.cpp - fetch the text of one queue ---------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QueueFetcher.h"
#include "lpu/Support/Check.h"
#include "llvm/ADT/STLExtras.h"
#include <map>
#include <set>

using namespace lpu;
using isa::Instruction;
using isa::Opcode;

namespace {

constexpr uint64_t maxWait = 65535;
// Cycles tried from the first possible one on, where port or path are taken.
constexpr uint64_t maxShift = 1024;
constexpr unsigned noRow = ~0u;
constexpr unsigned largeBuffer = 64; // rows

uint64_t ownIdle(const QueueItem &item) {
  return !item.isLoop() && item.inst.opcode == Opcode::nop
             ? uint64_t(item.inst.get(isa::field::nop::cycles))
             : 0;
}

class QueueFetcher {
public:
  QueueFetcher(const Machine &machine, FetchPorts &ports, unsigned bank,
               uint64_t maxSteps)
      : machine(machine), ports(ports), bank(bank),
        perRow(machine.instructionsPerRow()), buffer(machine.bufferRows),
        rowCycles(machine.fetchRowCycles()), maxSteps(maxSteps) {}

  /// Items end in halt. The result has the fetches; nullopt: see missing().
  std::optional<std::vector<QueueItem>>
  run(const std::vector<QueueItem> &items) {
    size_t words = blockWords(items, nullptr);
    if (rowOf(words - 1) < buffer)
      return items;
    maxSteps += 16 * words; // every threshold is tried at least once
    if (perRow > 1)
      return search(items);
    // Many rows collide less where a loop's end is moved; of few, each counts.
    if (buffer < largeBuffer)
      if (auto out = search(items))
        return out;
    manyFetches = true;
    steps = 0;
    return search(items);
  }

  const MissingText &missing() const { return best; }

private:
  /// All thresholds.
  std::optional<std::vector<QueueItem>>
  search(const std::vector<QueueItem> &items) {
    // A fetch of one row wins nothing where it fills a row itself.
    least = perRow == 1 ? 2 : 1;
    // Queues that start together and fill their whole buffers would keep the
    // ports from one another: short rows are fetched by halves first.
    llvm::SmallVector<std::pair<unsigned, unsigned>> limits; // least, most
    if (manyFetches && buffer >= largeBuffer)
      for (unsigned part : {8, 4, 2})
        if (buffer / part / 2 > least)
          limits.push_back({buffer / part / 2, buffer / part});
    for (unsigned rows = buffer / 2; rows > least; rows /= 2)
      limits.push_back({rows, buffer});
    limits.push_back({least, buffer});
    for (auto limit : limits) {
      std::tie(threshold, most) = limit;
      forced.clear();
      // An attempt that ends without a row is repaired by fetching in the last
      // gap before that was passed over because too few rows were free.
      do {
        size_t mark = ports.mark();
        start();
        std::vector<QueueItem> out;
        if (block(items, nullptr, 0, Scope(), out) && trim(out))
          return out;
        ports.rollback(mark);
        if (attempt.any && (!best.any || attempt.cycle > best.cycle))
          best = attempt;
      } while (attempt.any && attempt.declined && steps <= maxSteps &&
               forced.insert(attempt.declined).second);
    }
    return std::nullopt;
  }

  const Machine &machine;
  FetchPorts &ports;
  unsigned bank, perRow, buffer, rowCycles, threshold = 1, most = 1, least = 1;
  uint64_t maxSteps;
  /// Rows of one instruction: fetches are a good part of the text, so that only
  /// at the end of a loop's body it shows which rows collide.
  bool manyFetches = false;
  MissingText best, attempt; // of all attempts; of the current one
  uint64_t declined = 0;     // end of the last gap that was passed over
  std::set<uint64_t> forced;

  void start() {
    attempt = MissingText();
    declined = 0;
    state = State();
    state.slotRow.resize(buffer);
    for (unsigned row = 0; row < buffer; ++row)
      state.slotRow[row] = row;
    state.slotReady.assign(buffer, 0);
    state.next = buffer;
  }

  void miss(uint64_t cycle, size_t index, unsigned row) {
    if (!attempt.any || cycle > attempt.cycle)
      attempt = {true, cycle, index, row, declined};
  }

  /// The sequencer and its buffer while walking. Cycles are those of the first
  /// iteration of all loops around.
  struct State {
    size_t position = 0;    // text index of the next instruction
    unsigned next = 0;      // next text row to fetch, going forward
    uint64_t busyUntil = 0; // the last fetch reads until here
    std::vector<unsigned> slotRow;
    std::vector<uint64_t> slotReady;
    // Of the loops that are fetched in every iteration: when rows that an
    // iteration begins with are first taken, and one past the last such row.
    std::map<unsigned, uint64_t> firstTaken; // row -> cycle
    unsigned watched = 0;
    std::optional<uint64_t> firstFetch;
    size_t padding = 0; // nops still to be put in
  };
  State state;
  uint64_t steps = 0; // of the search

  /// What may be fetched in a block: rows up to that of the instruction `tail`
  /// places behind the block's end; then, at the end of an iteration, the first
  /// rows of the body again.
  struct Scope {
    llvm::SmallVector<Repetition, 4> loops;
    size_t tail = 0;
    unsigned bodyRow = 0, prefetched = 0; // prefetched 0: not a loop
  };

  unsigned rowOf(size_t position) const { return unsigned(position / perRow); }

  //===--------------------------------------------------------------------===//
  // Sizes
  //===--------------------------------------------------------------------===//

  static size_t bridge(uint64_t gap) { return gap > maxWait; }

  /// Words of an item that issues `gap` idle cycles behind the one before.
  static size_t itemWords(const QueueItem &item, uint64_t gap) {
    size_t words = 1 + bridge(gap);
    if (item.isLoop())
      words += blockWords(item.body, &item);
    return words;
  }

  /// Words of a block; of a loop body with endloop.
  static size_t blockWords(const std::vector<QueueItem> &items,
                           const QueueItem *loop) {
    size_t words = 0;
    uint64_t free = 0;
    for (const QueueItem &item : items) {
      words += itemWords(item, item.at - free - ownIdle(item));
      free = item.nextFree();
    }
    if (loop)
      words += 1 + bridge(loop->period - 1 - free);
    return words;
  }

  //===--------------------------------------------------------------------===//
  // Walking
  //===--------------------------------------------------------------------===//

  /// The sequencer takes the next instruction in a cycle.
  bool take(uint64_t cycle) {
    unsigned row = rowOf(state.position);
    unsigned slot = row % buffer;
    if (++steps > maxSteps)
      return false;
    if (state.slotRow[slot] != row || state.slotReady[slot] > cycle) {
      miss(cycle, state.position, row);
      return false;
    }
    if (row < state.watched)
      state.firstTaken.try_emplace(row, cycle);
    ++state.position;
    return true;
  }

  /// An instruction that issues at `at`; the queue is free from `free` on.
  bool takeIssuing(uint64_t free, uint64_t at, uint64_t idle) {
    if (!bridge(at - free - idle))
      return take(free);
    return take(free) && take(at - idle);
  }

  /// A block without fetches of its own, first iteration.
  bool walkResident(const std::vector<QueueItem> &items, const QueueItem *loop,
                    uint64_t base) {
    uint64_t free = 0;
    for (const QueueItem &item : items) {
      if (!takeIssuing(base + free, base + item.at, ownIdle(item)))
        return false;
      if (item.isLoop() && !walkResident(item.body, &item, base + item.at + 1))
        return false;
      free = item.nextFree();
    }
    return !loop || takeIssuing(base + free, base + loop->period - 1, 0);
  }

  bool block(const std::vector<QueueItem> &items, const QueueItem *loop,
             uint64_t base, const Scope &scope, std::vector<QueueItem> &out) {
    // Words behind item i to the end of the block.
    std::vector<size_t> behind(items.size() + 1);
    behind[items.size()] = 0;
    for (size_t i = items.size(); i-- > 0;) {
      uint64_t nextAt, idle = 0;
      if (i + 1 < items.size()) {
        nextAt = items[i + 1].at;
        idle = ownIdle(items[i + 1]);
      } else if (loop) {
        nextAt = loop->period - 1;
      } else {
        continue;
      }
      uint64_t gap = nextAt - items[i].nextFree() - idle;
      behind[i] =
          behind[i + 1] + (i + 1 < items.size() ? itemWords(items[i + 1], gap)
                                                : 1 + bridge(gap));
    }
    uint64_t free = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      const QueueItem &item = items[i];
      uint64_t idle = ownIdle(item);
      size_t inner = item.isLoop() ? blockWords(item.body, &item) : 0;
      bool last = behind[i] + scope.tail == 0;
      if (!fetchInGap(free, item.at - idle, base, 1 + inner + behind[i], scope,
                      out) ||
          !takeIssuing(base + free, base + item.at, idle))
        return false;
      if (!item.isLoop()) {
        out.push_back(item);
      } else {
        // Does the loop fit, with the row behind it (or nothing could be
        // executed there), and is it there when it starts? Otherwise its rows
        // are fetched inside.
        unsigned rows = rowOf(state.position + inner - (last ? 1 : 0)) -
                        rowOf(state.position) + 1;
        State before = state;
        if (rows <= buffer &&
            walkResident(item.body, &item, base + item.at + 1)) {
          out.push_back(item);
        } else {
          state = std::move(before);
          if (!longLoop(item, base, behind[i] + scope.tail, scope, out))
            return false;
        }
      }
      free = item.nextFree();
    }
    if (!loop)
      return true;
    return fetchInGap(free, loop->period - 1, base, 1, scope, out) &&
           takeIssuing(base + free, base + loop->period - 1, 0);
  }

  //===--------------------------------------------------------------------===//
  // Fetches
  //===--------------------------------------------------------------------===//

  /// Puts fetches into the idle cycles free .. end - 1; `free` moves behind
  /// them. `rest` words follow in the block.
  bool fetchInGap(uint64_t &free, uint64_t end, uint64_t base, size_t rest,
                  const Scope &scope, std::vector<QueueItem> &out) {
    while (true) {
      uint64_t t = std::max(base + free, state.busyUntil);
      if (t >= base + end)
        return pad(free, end, base, out);
      // Rows before that of the fetch itself are done with.
      unsigned here = rowOf(state.position);
      size_t words = rest + state.padding + bridge(base + end - t - 1);
      bool again = scope.prefetched > 0;
      // Rows that must come even if no further fetch is put in.
      unsigned needed =
          rowOf(state.position + words - 1 + std::min<size_t>(scope.tail, 1));
      unsigned first, count;
      if (state.next <= needed) {
        // This fetch is a word too, and so is the one that begins the next
        // iteration's rows.
        unsigned last = rowOf(state.position + words + scope.tail + again);
        first = state.next;
        unsigned wanted = last - first + 1;
        count = std::min({wanted, buffer - (state.next - here), most, 255u});
        if (declines(count, wanted, base + end))
          return pad(free, end, base, out);
      } else {
        // The first rows of the body that were replaced.
        unsigned bodyEnd = scope.bodyRow + scope.prefetched, missing = 0;
        first = bodyEnd;
        for (unsigned row = bodyEnd; row-- > scope.bodyRow;)
          if (state.slotRow[row % buffer] != row) {
            first = row;
            ++missing;
          }
        for (count = 0; first + count < bodyEnd && count < 255; ++count)
          if (state.slotRow[(first + count) % buffer] == first + count ||
              !reusable(first + count, here))
            break;
        if (declines(count, missing, base + end))
          return pad(free, end, base, out);
      }
      // Where other queues hold the port, fewer rows fit in between.
      uint64_t earliest = t, limit = std::min(base + end, t + maxShift);
      while (true) {
        for (t = earliest; t < limit; ++t)
          if (ports.claim(bank, t, count, scope.loops))
            break;
        if (t < limit || count / 2 < least)
          break;
        count /= 2;
      }
      if (t == limit)
        return true; // perhaps in the next gap
      if (!takeIssuing(base + free, t, 0))
        return false;
      for (unsigned i = 0; i < count; ++i) {
        unsigned slot = (first + i) % buffer;
        state.slotRow[slot] = first + i;
        state.slotReady[slot] =
            t + uint64_t(i + 1) * rowCycles + machine.delayFetch;
      }
      if (first == state.next)
        state.next += count;
      state.busyUntil = t + uint64_t(count) * rowCycles;
      if (!state.firstFetch)
        state.firstFetch = t;
      Instruction fetch;
      fetch.opcode = Opcode::fetch;
      fetch.fields[isa::field::fetch::row] = first;
      fetch.fields[isa::field::fetch::rows] = count;
      out.push_back(QueueItem::instruction(t - base, fetch));
      free = t - base + 1;
    }
  }

  bool declines(unsigned count, unsigned wanted, uint64_t gapEnd) {
    if (count >= threshold || (count > 0 && count == wanted))
      return false;
    if (count >= least && forced.count(gapEnd))
      return false;
    if (count >= least)
      declined = gapEnd;
    return true;
  }

  /// Nops in idle cycles, to move the end of a loop into another row.
  bool pad(uint64_t &free, uint64_t end, uint64_t base,
           std::vector<QueueItem> &out) {
    // Many nops in one place would only empty the buffer.
    if (manyFetches)
      end = std::min(end, free + 1);
    for (; state.padding > 0 && free < end; ++free, --state.padding) {
      if (!take(base + free))
        return false;
      Instruction nop;
      nop.opcode = Opcode::nop;
      out.push_back(QueueItem::instruction(free, nop));
    }
    return true;
  }

  /// The slot of a row of the next iteration holds nothing that is still
  /// needed in this one.
  bool reusable(unsigned row, unsigned here) const {
    unsigned held = state.slotRow[row % buffer];
    return held == noRow || held < here || held >= state.next;
  }

  /// A loop that does not fit into the buffer.
  bool longLoop(const QueueItem &loop, uint64_t outerBase, size_t wordsBehind,
                const Scope &outer, std::vector<QueueItem> &out) {
    const State entry = state;
    uint64_t base = outerBase + loop.at + 1;
    unsigned bodyRow = rowOf(state.position);
    // Rows that are there, or on their way, when the loop starts.
    unsigned present = 0;
    while (present < buffer &&
           entry.slotRow[(bodyRow + present) % buffer] == bodyRow + present)
      ++present;
    size_t mark = ports.mark();
    // The last row and the p first ones must not share a slot, because the
    // last is still executed when the others must be there: padding moves it.
    size_t inner = blockWords(loop.body, &loop), half = (perRow + 1) / 2;
    for (size_t leastPadding : {size_t(0), half, 2 * half, 4 * half, 6 * half})
      for (size_t tailRows : {1, 2, 4})
        for (unsigned p : prefetches(present)) {
          // Fetches lengthen the body by a row at most, or the search is lost;
          // of short rows, by many, and what collides shows at the end only.
          unsigned length =
              rowOf(entry.position + inner + leastPadding) - bodyRow;
          if (!manyFetches && length % buffer < p && (length + 1) % buffer < p)
            continue;
          constexpr unsigned mostTries = 3;
          size_t padding = leastPadding, more = 1;
          for (unsigned i = 0; i < mostTries && more > 0; ++i) {
            state = entry;
            for (unsigned slot = 0; slot < buffer; ++slot)
              if (state.slotRow[slot] < bodyRow ||
                  state.slotRow[slot] >= bodyRow + p)
                state.slotRow[slot] = noRow;
            state.next = bodyRow + p;
            state.firstTaken.clear();
            state.watched = std::max(entry.watched, bodyRow + p);
            state.firstFetch.reset();
            state.padding = padding;
            Scope scope;
            scope.loops = outer.loops;
            scope.loops.push_back({loop.iterations, loop.period});
            scope.tail = std::min(wordsBehind, (tailRows - 1) * perRow + 1);
            scope.bodyRow = bodyRow;
            scope.prefetched = p;
            std::vector<QueueItem> body;
            more = 0;
            if (block(loop.body, &loop, base, scope, body)) {
              if (repeats(loop, scope)) {
                QueueItem result = loop;
                result.body = std::move(body);
                out.push_back(std::move(result));
                leave(loop, entry);
                return true;
              }
              miss(base + loop.period, state.position, bodyRow);
              more = manyFetches ? morePadding(scope) : 0;
            }
            ports.rollback(mark);
            padding += more;
            if (steps > maxSteps)
              return false;
          }
        }
    return false;
  }

  /// At the end of an iteration that did not leave its first rows: the words
  /// that move its last ones out of their slots.
  size_t morePadding(const Scope &scope) const {
    // Rows that are still to come when the next iteration's are fetched.
    unsigned late = std::min(8u, buffer / 8);
    unsigned end = rowOf(state.position + scope.tail) + 1;
    unsigned start = rowOf(state.position) - std::min(late, buffer);
    if (end - start + scope.prefetched > buffer)
      return 0;
    for (unsigned rows = 0; rows < buffer; ++rows) {
      unsigned first = (start + rows - scope.bodyRow) % buffer;
      if (first >= scope.prefetched && first + (end - start) <= buffer)
        return size_t(rows) * perRow;
    }
    return 0;
  }

  /// Numbers of rows to have at the start of an iteration, most first.
  llvm::SmallVector<unsigned> prefetches(unsigned present) const {
    llvm::SmallVector<unsigned> result;
    unsigned most = std::min(present, buffer - 1);
    // As above: what every queue fetches at the end of an iteration.
    if (manyFetches && buffer >= largeBuffer)
      most = std::min(most, buffer / 4);
    for (unsigned p = most; p > 0; p -= std::min(p, std::max(1u, most / 8)))
      result.push_back(p);
    return result;
  }

  /// What the end of an iteration leaves is what the next one starts from.
  bool repeats(const QueueItem &loop, const Scope &scope) const {
    if (state.firstFetch && state.busyUntil > *state.firstFetch + loop.period)
      return false;
    for (unsigned i = 0; i < scope.prefetched; ++i) {
      unsigned row = scope.bodyRow + i, slot = row % buffer;
      auto taken = state.firstTaken.find(row);
      LPU_CHECK(taken != state.firstTaken.end(), "the body starts at its rows");
      if (state.slotRow[slot] != row ||
          state.slotReady[slot] > taken->second + loop.period)
        return false;
    }
    return true;
  }

  /// The state behind the last iteration.
  void leave(const QueueItem &loop, const State &entry) {
    uint64_t shift = uint64_t(loop.iterations - 1) * loop.period;
    state.busyUntil += shift;
    for (uint64_t &ready : state.slotReady)
      ready += shift;
    std::map<unsigned, uint64_t> taken = entry.firstTaken;
    taken.insert(state.firstTaken.begin(), state.firstTaken.end());
    taken.erase(taken.lower_bound(entry.watched), taken.end());
    state.firstTaken = std::move(taken);
    state.watched = entry.watched;
    state.padding = entry.padding;
    if (entry.firstFetch)
      state.firstFetch = entry.firstFetch;
  }

  /// A fetch that splits a long gap can save a bridging nop that was counted:
  /// the last fetch then reaches behind the text.
  bool trim(std::vector<QueueItem> &out) const {
    unsigned rows = rowOf(state.position - 1) + 1;
    return state.next <= rows || trimLast(out, rows);
  }

  bool trimLast(std::vector<QueueItem> &items, unsigned rows) const {
    for (QueueItem &item : llvm::reverse(items)) {
      if (item.isLoop()) {
        if (trimLast(item.body, rows))
          return true;
        continue;
      }
      if (item.inst.opcode != Opcode::fetch)
        continue;
      int64_t first = item.inst.get(isa::field::fetch::row);
      int64_t &count = item.inst.fields[isa::field::fetch::rows];
      if (first + count != int64_t(state.next))
        continue;
      if (first >= int64_t(rows))
        return false;
      count = rows - first;
      return true;
    }
    return false;
  }
};

} // namespace

std::optional<std::vector<QueueItem>>
lpu::fetchQueue(const std::vector<QueueItem> &items, const Machine &machine,
                FetchPorts &ports, unsigned bank, uint64_t maxSteps,
                MissingText &missing) {
  QueueFetcher fetcher(machine, ports, bank, maxSteps);
  auto result = fetcher.run(items);
  if (!result)
    missing = fetcher.missing();
  return result;
}
