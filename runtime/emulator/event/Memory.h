//===- Memory.h - vectors and rows of the event engine ----------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Vectors are immutable once written, so a value never moves: a stream slot, an
// SRAM row and a message hold *handles* to the same bytes. A handle names one
// byte plane of a buffer whose elements have 1, 2 or 4 bytes; a 32-bit result
// is stored once, and the byte streams that carry it are four handles. A
// consumer that takes all bytes of an element back gets the buffer as it is.
//
// Rows of a package's image are handles into the mapped file; a write replaces
// the handle. Buffers are counted: one count is held by time (a value on a
// stream or in an ALU's history lives a bounded number of cycles), one by every
// row that holds it.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_MEMORY_H
#define LPU_RUNTIME_EMULATOR_EVENT_MEMORY_H

#include "Upsets.h"
#include "lpu/Binary/Package.h"
#include "lpu/Support/Check.h"
#include <cstdlib>
#include <vector>

namespace lpu::emulator::event {

/// A handle; 0 is none. Bits 0-47: address; 48-49: log2 of the bytes of an
/// element; 50-51: which byte; 52: the buffer belongs to a Pool.
using Value = uint64_t;

constexpr uint64_t valueByteStep = UINT64_C(1) << 50;
constexpr uint64_t valueOwned = UINT64_C(1) << 52;

inline const uint8_t *valueData(Value v) {
  return reinterpret_cast<const uint8_t *>(v & ((UINT64_C(1) << 48) - 1));
}
inline unsigned valueWidthLog(Value v) { return unsigned(v >> 48) & 3; }
inline unsigned valueByte(Value v) { return unsigned(v >> 50) & 3; }
inline Value makeValue(const uint8_t *data, unsigned widthLog, bool owned) {
  return uint64_t(reinterpret_cast<uintptr_t>(data)) |
         uint64_t(widthLog) << 48 | (owned ? valueOwned : 0);
}

/// Counted buffers of lanes x 1, 2 or 4 bytes, 64-byte aligned.
class Pool {
public:
  explicit Pool(unsigned lanes) : lanes(lanes) {}
  Pool(const Pool &) = delete;
  Pool &operator=(const Pool &) = delete;
  ~Pool() {
    for (void *block : blocks)
      std::free(block);
  }

  /// A buffer with one count.
  uint8_t *allocate(unsigned widthLog) {
    std::vector<uint8_t *> &list = spare[widthLog];
    if (list.empty())
      grow(widthLog);
    uint8_t *data = list.back();
    list.pop_back();
    header(data).count = 1;
    return data;
  }
  static void retain(uint8_t *data) { ++header(data).count; }
  void release(uint8_t *data) {
    Header &h = header(data);
    if (--h.count == 0)
      spare[h.widthLog].push_back(data);
  }

private:
  struct Header {
    uint32_t count;
    uint32_t widthLog;
  };
  static constexpr size_t headerBytes = 64;
  static Header &header(uint8_t *data) {
    return *reinterpret_cast<Header *>(data - headerBytes);
  }
  void grow(unsigned widthLog) {
    size_t bytes = headerBytes + ((size_t(lanes) << widthLog) + 63) / 64 * 64;
    constexpr unsigned count = 64;
    auto *block = static_cast<uint8_t *>(std::aligned_alloc(64, bytes * count));
    blocks.push_back(block);
    for (unsigned i = count; i-- > 0;) {
      uint8_t *data = block + i * bytes + headerBytes;
      header(data).widthLog = widthLog;
      spare[widthLog].push_back(data);
    }
  }

  unsigned lanes;
  std::vector<uint8_t *> spare[3];
  std::vector<void *> blocks;
};

/// What a chip keeps between runs: its SRAM. Bank b of slice s is number
/// 2 s + b; row r of it has index bank * rows + r.
struct ChipMemory {
  ChipMemory(const Machine &machine)
      : rowsPerBank(machine.rows),
        rows(size_t(machine.numSlices()) * 2 * machine.rows),
        initialised((rows + 63) / 64), textBanks(machine.numSlices() * 2),
        text((rows + 63) / 64) {}
  ChipMemory(const ChipMemory &) = delete;
  ChipMemory &operator=(const ChipMemory &) = delete;
  ~ChipMemory() { std::free(row); }

  size_t index(unsigned bank, unsigned r) const {
    return size_t(bank) * rowsPerBank + r;
  }
  static bool test(const std::vector<uint64_t> &bits, size_t i) {
    return bits[i / 64] >> (i % 64) & 1;
  }
  static void set(std::vector<uint64_t> &bits, size_t i) {
    bits[i / 64] |= UINT64_C(1) << (i % 64);
  }

  /// Which rows the image of a chip initialises, and which hold text.
  void mark(const lpu::Chip &chip, const ChipClass &chipClass) {
    for (const ImageSegment &segment : chip.image)
      for (unsigned i = 0; i < segment.rows; ++i)
        set(initialised,
            index(2 * segment.slice + segment.bank, segment.row + i));
    for (const TextSegment &segment : chipClass.text) {
      unsigned bank = 2 * segment.slice + segment.bank;
      textBanks[bank] = true;
      for (unsigned i = 0; i < segment.rows; ++i)
        set(text, index(bank, segment.row + i));
    }
  }
  /// Rows of the image become handles into the mapped file, those without bytes
  /// to `zeros`.
  void load(const lpu::Chip &chip, const std::vector<uint8_t> &zeros) {
    row = static_cast<Value *>(std::calloc(rows, sizeof(Value)));
    LPU_CHECK(row, "there is memory for the rows of a chip");
    for (const ImageSegment &segment : chip.image)
      for (unsigned i = 0; i < segment.rows; ++i)
        row[index(2 * segment.slice + segment.bank, segment.row + i)] =
            makeValue(segment.bytes.empty()
                          ? zeros.data()
                          : segment.bytes.data() + size_t(i) * zeros.size(),
                      0, false);
  }

  unsigned rowsPerBank;
  size_t rows;
  /// The values; absent as long as only runs without values need the chip.
  Value *row = nullptr;
  std::vector<uint64_t> initialised;
  std::vector<uint8_t> textBanks; // does the bank hold program text?
  std::vector<uint64_t> text;     // rows of program text
  FlippedRows flips;
};

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_MEMORY_H
