//===- ValueControl.h - what every arithmetic does with values --*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever an element is, bits or a number modulo a prime, values live and
// meet in the same way: buffers live as long as anything on a stream can be,
// rows count the buffers that they hold, passes that are in the pipeline
// together are multiplied together, and permutation maps are sampled in one
// cycle and used from another on. Arithmetics derive from this.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_VALUECONTROL_H
#define LPU_RUNTIME_EMULATOR_EVENT_VALUECONTROL_H

#include "Memory.h"
#include "Program.h"
#include "llvm/ADT/SmallVector.h"
#include <algorithm>

namespace lpu::emulator::event {

/// A power of two above `n`.
inline unsigned ringSize(unsigned n) {
  unsigned size = 1;
  while (size <= n)
    size *= 2;
  return size;
}

class ValueControl {
public:
  ValueControl(const Machine &machine, Pool &pool, ChipMemory &memory)
      : machine(machine), lanes(machine.lanes), pool(pool), memory(memory),
        longest(longestDelay(machine)),
        lifetime(2 * longest +
                 std::max(machine.lastPosition(), machine.history) + 8) {}
  ValueControl(const ValueControl &) = delete;
  ~ValueControl() {
    for (; retiredHead < retired.size(); ++retiredHead)
      pool.release(retired[retiredHead].data);
  }

  /// Before anything else of cycle \p cycle. Cycles may be skipped.
  void startCycle(int64_t cycle) {
    now = cycle;
    while (retiredHead < retired.size() && retired[retiredHead].when <= now)
      pool.release(retired[retiredHead++].data);
    if (retiredHead > 4096 && retiredHead * 2 > retired.size()) {
      retired.erase(retired.begin(), retired.begin() + ptrdiff_t(retiredHead));
      retiredHead = 0;
    }
  }

  Value loadRow(size_t index) const { return memory.row[index]; }
  void storeRow(size_t index, Value value) {
    if (value & valueOwned)
      Pool::retain(const_cast<uint8_t *>(valueData(value)));
    Value old = memory.row[index];
    if (old & valueOwned)
      retired.push_back(
          {now + lifetime, const_cast<uint8_t *>(valueData(old))});
    memory.row[index] = value;
  }

protected:
  /// A new buffer that lives as long as anything on a stream can.
  uint8_t *fresh(unsigned widthLog) {
    uint8_t *data = pool.allocate(widthLog);
    retired.push_back({now + lifetime, data});
    return data;
  }

  struct Pass {
    Value in[2];
    uint16_t laneBase, laneCount, weightRow, accumulator;
    bool fp16, add, computed;
  };
  /// The passes of a plane that are in its pipeline.
  struct PassRing {
    std::vector<Pass> passes;
    unsigned issued = 0, computed = 0;

    /// Returns the number under which the pass completes.
    unsigned issue(const MatrixOp &m, const Value *streams,
                   unsigned accumulator) {
      unsigned slot = issued++ & unsigned(passes.size() - 1);
      passes[slot] = {{streams[0], m.fp16 ? streams[1] : 0},
                      m.laneBase,
                      m.laneCount,
                      m.row,
                      uint16_t(accumulator),
                      m.fp16 != 0,
                      m.add != 0,
                      false};
      return slot;
    }
    /// multiply(slots) for all that wait; a batch shares its format and its
    /// window of weight rows.
    template <class Multiply> void compute(Multiply multiply) {
      unsigned mask = unsigned(passes.size() - 1);
      llvm::SmallVector<unsigned, 64> batch;
      while (computed != issued) {
        batch.clear();
        const Pass &first = passes[computed & mask];
        while (computed != issued) {
          const Pass &next = passes[computed & mask];
          if (next.fp16 != first.fp16 || next.weightRow != first.weightRow ||
              next.laneCount != first.laneCount)
            break;
          batch.push_back(computed++ & mask);
        }
        multiply(llvm::ArrayRef<unsigned>(batch));
        for (unsigned slot : batch)
          passes[slot].computed = true;
      }
    }
  };

  /// The map of a shuffle unit, and those that are on their way to it.
  struct PermutationMaps {
    std::vector<uint16_t> map;

    PermutationMaps(unsigned lanes, unsigned mostComing)
        : map(lanes), coming(mostComing) {}
    std::vector<uint16_t> &sampled() {
      return coming[(first + number++) % unsigned(coming.size())];
    }
    void set() {
      map.swap(coming[first]);
      first = (first + 1) % unsigned(coming.size());
      --number;
    }

  private:
    std::vector<std::vector<uint16_t>> coming;
    unsigned first = 0, number = 0; // the part of `coming` in flight
  };

  const Machine &machine;
  const unsigned lanes;
  Pool &pool;
  ChipMemory &memory;
  const unsigned longest; // delay of an instruction

private:
  struct Retired {
    int64_t when;
    uint8_t *data;
  };
  int64_t now = 0;
  const int64_t lifetime;       // cycles until a value can no longer be seen
  std::vector<Retired> retired; // a queue from retiredHead on
  size_t retiredHead = 0;
};

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_VALUECONTROL_H
