//===- Memory.cpp - the banks of the slices -------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/isa.md, section 4. A slice has one queue, so its own accesses come in
// order and one per cycle: what was written before is known when a read is
// reached, and only text fetches of other queues can meet an access in a bank.
// Rows are addressed by nested progressions; each is split into lines (a start,
// a stride, a length), which a bit set of rows takes word by word.
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include <map>

using namespace lpu;
using namespace lpu::verify;
using isa::Opcode;
namespace field = lpu::isa::field;

namespace {

/// The rows of an access, relative to an unknown base if base < 0.
struct Rows {
  int64_t start = 0, stride = 0, inner = 0, stride2 = 0, count = 1;

  int64_t at(int64_t i) const {
    if (inner == 0)
      return start + i * stride;
    return start + i % inner * stride + i / inner * stride2;
  }
  std::pair<int64_t, int64_t> range() const {
    int64_t low = INT64_MAX, high = INT64_MIN;
    auto corner = [&](int64_t i) {
      if (i < 0 || i >= count)
        return;
      low = std::min(low, at(i));
      high = std::max(high, at(i));
    };
    corner(0);
    corner(count - 1);
    if (inner > 0) {
      int64_t full = count / inner; // complete outer steps
      corner(inner - 1);
      corner((full - 1) * inner);
      corner(full * inner - 1);
      corner(full * inner);
    }
    return {low, high};
  }
  /// Calls line(start, stride, length) for lines that together are the rows;
  /// stops when one returns false.
  template <typename Line> bool lines(Line line) const {
    if (inner == 0 || count <= inner)
      return line(start, stride, count);
    int64_t outer = (count + inner - 1) / inner;
    if (outer <= inner) {
      for (int64_t o = 0; o < outer; ++o)
        if (!line(start + o * stride2, stride,
                  std::min(inner, count - o * inner)))
          return false;
      return true;
    }
    for (int64_t i = 0; i < inner; ++i)
      if (!line(start + i * stride, stride2, (count - i + inner - 1) / inner))
        return false;
    return true;
  }
};

/// A set of rows of one bank.
class RowSet {
public:
  explicit RowSet(unsigned rows) : words((rows + 63) / 64) {}

  void insert(int64_t start, int64_t stride, int64_t length) {
    if (stride == 0)
      length = 1;
    if (stride == -1)
      start -= length - 1;
    if (stride == 1 || stride == -1) {
      forWords(start, length, [&](uint64_t &word, uint64_t mask) {
        word |= mask;
        return true;
      });
      return;
    }
    for (int64_t i = 0; i < length; ++i, start += stride)
      words[start / 64] |= UINT64_C(1) << start % 64;
  }
  bool covers(int64_t start, int64_t stride, int64_t length) {
    if (stride == 0)
      length = 1;
    if (stride == -1)
      start -= length - 1;
    if (stride == 1 || stride == -1)
      return forWords(start, length, [](uint64_t &word, uint64_t mask) {
        return (word & mask) == mask;
      });
    for (int64_t i = 0; i < length; ++i, start += stride)
      if (!(words[start / 64] >> start % 64 & 1))
        return false;
    return true;
  }

private:
  template <typename Do>
  bool forWords(int64_t start, int64_t length, Do doWord) {
    for (int64_t row = start, end = start + length; row < end;) {
      int64_t bit = row % 64, n = std::min<int64_t>(64 - bit, end - row);
      uint64_t mask = (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << bit;
      if (!doWord(words[row / 64], mask))
        return false;
      row += n;
    }
    return true;
  }
  std::vector<uint64_t> words;
};

/// What the checks need of a memory instruction.
struct Access {
  enum Kind : uint8_t { Other, Read, Write, Gather, Scatter } kind = Other;
  unsigned bank = 0;
  Rows rows; // start without the base register

  bool writes() const { return kind == Write || kind == Scatter; }
  bool reads() const { return kind == Read || kind == Gather; }
  bool indirect() const { return kind == Gather || kind == Scatter; }
};

Access describe(const isa::Instruction &in) {
  Access access;
  switch (in.opcode) {
  case Opcode::mem_read: {
    namespace f = field::mem_read;
    access.kind = Access::Read;
    access.bank = in.get(f::bank);
    access.rows = {in.get(f::offset), in.get(f::stride), in.get(f::inner),
                   in.get(f::stride2), in.count};
    break;
  }
  case Opcode::mem_write: {
    namespace f = field::mem_write;
    access.kind = Access::Write;
    access.bank = in.get(f::bank);
    access.rows = {in.get(f::offset), in.get(f::stride), in.get(f::inner),
                   in.get(f::stride2), in.count};
    break;
  }
  case Opcode::mem_gather:
    access.kind = Access::Gather;
    access.bank = in.get(field::mem_gather::bank);
    access.rows.start = in.get(field::mem_gather::offset);
    break;
  case Opcode::mem_scatter:
    access.kind = Access::Scatter;
    access.bank = in.get(field::mem_scatter::bank);
    access.rows.start = in.get(field::mem_scatter::offset);
    break;
  default:
    break;
  }
  return access;
}

/// Text rows of a bank: constant, read by fetches.
using TextRows = std::vector<std::pair<int64_t, int64_t>>; // [from, to)

class Slice {
public:
  Slice(const QueueTrace &queue, Reporter &reporter,
        std::vector<RowSet *> loaded, std::vector<const TextRows *> textRows,
        char *dataWritten, Result &result)
      : queue(queue), reporter(reporter), machine(reporter.machine()),
        loaded(std::move(loaded)), textRows(std::move(textRows)),
        dataWritten(dataWritten), result(result) {
    for (const isa::Instruction &instruction : queue.text)
      accesses.push_back(describe(instruction));
  }

  void check();

private:
  int64_t checkRange(const Run &run, const Access &access);
  void checkText(const Run &run, const Access &access, const Rows &rows);
  void checkPending(size_t index);
  bool pendingWithin(const Run &run, const Rows &rows);
  void checkInitialised(const Run &run, const Access &access, const Rows &rows);
  Issue issue(const Run &run, int64_t i) const {
    return {&queue, run.text, queue.issues(run).at(i)};
  }

  const QueueTrace &queue;
  Reporter &reporter;
  const Machine &machine;
  std::vector<RowSet *> loaded;           // by bank; grows with writes
  std::vector<const TextRows *> textRows; // by bank
  char *dataWritten; // by bank: rows that data chose were written
  Result &result;
  std::vector<Access> accesses; // by text index
};

/// The number of repeats before one leaves the bank. With an unknown base it is
/// a violation only if no value of it is right.
int64_t Slice::checkRange(const Run &run, const Access &access) {
  const int64_t rows = machine.rows;
  auto [low, high] = access.rows.range();
  bool unknown = run.base < 0 || access.indirect();
  int64_t base = run.base < 0 ? 0 : run.base;
  if (!unknown && low + base >= 0 && high + base < rows)
    return access.rows.count;
  if (unknown) {
    // Data adds 0 .. 65,535 to every address (twice, if register and stream
    // do).
    int64_t most = (run.base < 0 ? 65535 : 0) + (access.indirect() ? 65535 : 0);
    int64_t needed = std::max<int64_t>(0, -(low + base));
    if (needed <= most && high + base + needed < rows)
      return access.rows.count;
  }
  int64_t i = 0;
  if (!unknown)
    while (access.rows.at(i) + base >= 0 && access.rows.at(i) + base < rows)
      ++i;
  Issue here = issue(run, i);
  reporter.add(Fault::AddressOutOfRange, here.cycle, here, std::nullopt,
               (unknown ? "the address is at least row " : "row ") +
                   llvm::Twine(access.rows.at(i) + base) + ", a bank has " +
                   llvm::Twine(rows));
  return i;
}

/// Text is constant.
void Slice::checkText(const Run &run, const Access &access, const Rows &rows) {
  auto [low, high] = rows.range();
  for (auto [from, to] : *textRows[access.bank]) {
    if (high < from || low >= to)
      continue;
    for (int64_t i = 0; i < rows.count; ++i) {
      int64_t row = rows.at(i);
      if (row < from || row >= to)
        continue;
      Issue here = issue(run, i);
      reporter.add(Fault::UnspecifiedBehaviour, here.cycle, here, std::nullopt,
                   "writes row " + llvm::Twine(row) + ", which holds text");
      break;
    }
  }
}

/// A repeat that writes a row which an earlier repeat has not finished writing.
bool Slice::pendingWithin(const Run &run, const Rows &rows) {
  int64_t delay = machine.delaySramWrite;
  Progression issues = queue.issues(run);
  for (int64_t m = 1; m < issues.count && m * issues.interval < delay; ++m) {
    // row(i + m) - row(i) depends on i mod inner only, and is m x stride
    // unless an outer step lies between.
    std::optional<int64_t> first;
    if (rows.inner == 0) {
      if (rows.stride == 0)
        first = 0;
    } else {
      if (rows.stride == 0 && m < rows.inner)
        first = 0;
      for (int64_t i = std::max<int64_t>(0, rows.inner - m);
           !first && i < rows.inner && i + m < issues.count; ++i)
        if (rows.at(i + m) == rows.at(i))
          first = i;
    }
    if (!first || *first + m >= issues.count)
      continue;
    Issue here = issue(run, *first + m);
    reporter.add(Fault::UnspecifiedBehaviour, here.cycle, here,
                 issue(run, *first),
                 "writes row " + llvm::Twine(rows.at(*first)) +
                     ", which is still being written");
    return true;
  }
  return false;
}

/// Accesses to rows in the cycles between their write and its visibility.
void Slice::checkPending(size_t index) {
  const Run &run = queue.runs[index];
  const Access &access = accesses[run.text];
  int64_t delay = machine.delaySramWrite;
  Progression writes = queue.issues(run);
  pendingWithin(run, access.rows);
  for (size_t j = index + 1; j < queue.runs.size(); ++j) {
    const Run &later = queue.runs[j];
    if (later.first >= writes.last() + delay)
      return;
    const Access &other = accesses[later.text];
    if (other.kind == Access::Other || other.indirect() ||
        other.bank != access.bank)
      continue;
    // Rows are comparable if both bases are known or the same unknown value.
    if (later.base != run.base && (later.base < 0 || run.base < 0))
      continue;
    int64_t distance = int64_t(later.base) - run.base;
    Progression issues = queue.issues(later);
    for (int64_t i = writes.count - 1;
         i >= 0 && writes.at(i) + delay > later.first; --i)
      for (int64_t k = 0;
           k < issues.count && issues.at(k) < writes.at(i) + delay; ++k)
        if (other.rows.at(k) + distance == access.rows.at(i)) {
          Issue here = issue(later, k);
          reporter.add(Fault::UnspecifiedBehaviour, here.cycle, here,
                       issue(run, i),
                       "the row is still being written until cycle " +
                           llvm::Twine(writes.at(i) + delay));
          return;
        }
  }
}

void Slice::checkInitialised(const Run &run, const Access &access,
                             const Rows &rows) {
  RowSet &set = *loaded[access.bank];
  if (rows.lines([&](int64_t start, int64_t stride, int64_t length) {
        return set.covers(start, stride, length);
      }))
    return;
  if (dataWritten[access.bank]) {
    ++result.dataSupplied;
    return;
  }
  int64_t i = 0;
  while (set.covers(rows.at(i), 0, 1))
    ++i;
  Issue here = issue(run, i);
  reporter.add(Fault::UninitialisedRead, here.cycle, here, std::nullopt,
               "row " + llvm::Twine(rows.at(i)) + " of bank " +
                   llvm::Twine(access.bank) +
                   " was neither loaded nor written");
}

void Slice::check() {
  for (size_t index = 0; index < queue.runs.size(); ++index) {
    const Run &run = queue.runs[index];
    const Access &access = accesses[run.text];
    if (access.kind == Access::Other)
      continue;
    int64_t inside = checkRange(run, access);
    if (inside == 0)
      continue;
    if (access.kind == Access::Write && machine.delaySramWrite > 1)
      checkPending(index);
    if (access.indirect() || run.base < 0) {
      ++result.dataSupplied;
      dataWritten[access.bank] |= access.writes();
      continue;
    }
    Rows rows = access.rows;
    rows.start += run.base;
    rows.count = inside;
    if (access.kind == Access::Read) {
      checkInitialised(run, access, rows);
      continue;
    }
    if (!textRows[access.bank]->empty())
      checkText(run, access, rows);
    rows.lines([&](int64_t start, int64_t stride, int64_t length) {
      loaded[access.bank]->insert(start, stride, length);
      return true;
    });
  }
}

/// A use of one bank.
struct BankUse : Progression {
  const QueueTrace *queue;
  uint32_t text;
  int64_t issue; // of the fetch; -1: the point itself
};

class Memory {
public:
  Memory(const Package &package, unsigned chip, const ChipTrace &trace,
         Reporter &reporter, Result &result)
      : package(package), chip(chip), trace(trace), reporter(reporter),
        machine(package.machine), result(result),
        loaded(2 * machine.numSlices(), RowSet(machine.rows)),
        dataWritten(2 * machine.numSlices()), text(2 * machine.numSlices()) {}

  void check() {
    load();
    for (const QueueTrace &queue : trace.queues)
      if (queue.unit == Unit::Mem) {
        unsigned bank = 2 * queue.index;
        Slice(queue, reporter, {&loaded[bank], &loaded[bank + 1]},
              {&text[bank], &text[bank + 1]}, &dataWritten[bank], result)
            .check();
      }
    checkBanks();
    checkOutputs();
  }

private:
  void load();
  template <typename Body>
  void forEachColumn(const TensorBinding &tensor, Body body);
  void checkBanks();
  void checkOutputs();
  unsigned bankNumber(unsigned slice, unsigned bank) const {
    return 2 * slice + bank;
  }

  const Package &package;
  unsigned chip;
  const ChipTrace &trace;
  Reporter &reporter;
  const Machine &machine;
  Result &result;
  std::vector<RowSet> loaded;    // by slice and bank
  std::vector<char> dataWritten; // by slice and bank
  std::vector<TextRows> text;
};

/// The columns of a tensor on this chip: body(rows of the bank, column, number
/// of rows).
template <typename Body>
void Memory::forEachColumn(const TensorBinding &tensor, Body body) {
  unsigned bytes = isa::byteWidth(tensor.chipType);
  for (const Placement &placement : tensor.placements)
    for (size_t c = 0; c < placement.columns.size(); ++c) {
      const Column &column = placement.columns[c];
      if (column.chip != chip)
        continue;
      int64_t stripe = c / bytes % placement.stripes;
      int64_t rows =
          (int64_t(placement.tensorRows) - stripe + placement.stripes - 1) /
          placement.stripes;
      if (rows > 0)
        body(loaded[bankNumber(column.slice, column.bank)], column, rows);
    }
}

/// The host reads the outputs after the end.
void Memory::checkOutputs() {
  for (const TensorBinding &output : package.outputs)
    forEachColumn(output,
                  [&](RowSet &rows, const Column &column, int64_t count) {
                    if (rows.covers(column.row, 1, count) ||
                        dataWritten[bankNumber(column.slice, column.bank)])
                      return;
                    int64_t row = column.row;
                    while (rows.covers(row, 0, 1))
                      ++row;
                    reporter.add(Fault::UninitialisedRead, trace.lastEffect + 1,
                                 std::nullopt, std::nullopt,
                                 "the host reads output '" + output.name +
                                     "': row " + llvm::Twine(row) +
                                     " of slice " + llvm::Twine(column.slice) +
                                     " bank " + llvm::Twine(column.bank) +
                                     " was neither loaded nor written");
                  });
}

/// What stands in SRAM before cycle 0: the image and the inputs.
void Memory::load() {
  for (const ImageSegment &segment : package.chips[chip].image)
    loaded[bankNumber(segment.slice, segment.bank)].insert(segment.row, 1,
                                                           segment.rows);
  for (const TensorBinding &input : package.inputs)
    forEachColumn(input,
                  [&](RowSet &rows, const Column &column, int64_t count) {
                    rows.insert(column.row, 1, count);
                  });
  for (const QueueTrace &queue : trace.queues) {
    const TextSegment &segment = queue.segment;
    text[bankNumber(segment.slice, segment.bank)].push_back(
        {segment.row, int64_t(segment.row) + segment.rows});
  }
}

/// Fetches of other queues against the accesses of the slice, and one another.
void Memory::checkBanks() {
  std::map<unsigned, std::vector<BankUse>> uses;
  for (const QueueTrace &queue : trace.queues)
    for (const FetchRun &fetch : queue.fetches) {
      BankUse use;
      static_cast<Progression &>(use) = {fetch.first, machine.fetchRowCycles(),
                                         fetch.rows};
      use.queue = &queue;
      use.text = fetch.text;
      use.issue = fetch.first;
      uses[bankNumber(queue.segment.slice, queue.segment.bank)].push_back(use);
    }
  for (auto &[number, list] : uses) {
    if (const QueueTrace *queue =
            trace.find(machine.queueNumber(Unit::Mem, number / 2)))
      for (const Run &run : queue->runs) {
        Access access = describe(queue->text[run.text]);
        if (access.kind == Access::Other || access.bank != number % 2)
          continue;
        BankUse use;
        static_cast<Progression &>(use) = queue->issues(run);
        use.queue = queue;
        use.text = run.text;
        use.issue = -1;
        list.push_back(use);
      }
    sweepCoincidences(list, [&, number = number](
                                int64_t t,
                                llvm::ArrayRef<const BankUse *> group) {
      if (group.size() < 2)
        return;
      auto issue = [&](const BankUse *use) {
        return Issue{use->queue, use->text, use->issue < 0 ? t : use->issue};
      };
      Issue a = issue(group[0]), b = issue(group[1]);
      if (std::make_pair(a.cycle, a.queue->queue) <
          std::make_pair(b.cycle, b.queue->queue))
        std::swap(a, b);
      reporter.add(Fault::BankConflict, t, a, b,
                   "both use bank " + llvm::Twine(number % 2) + " of slice " +
                       llvm::Twine(number / 2));
    });
  }
}

} // namespace

void verify::checkMemory(const Package &package, unsigned chip,
                         const ChipTrace &trace, Reporter &reporter,
                         Result &result) {
  Memory(package, chip, trace, reporter, result).check();
}
