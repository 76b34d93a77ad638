//===- Pauses.h - when links rest behind resyncs ----------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every chip on the way of a column resynchronises once every resync_cycles,
// and behind that its links rest (docs/isa.md, section 8). All cycles here are
// those in which the column's vector is first sent: a chip that sends or
// receives it `later` has its pauses that much earlier.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_SCHEDULE_PAUSES_H
#define LPU_LIB_SCHEDULE_PAUSES_H

#include "llvm/ADT/SmallVector.h"
#include <algorithm>
#include <cstdint>

namespace lpu::schedule {

class Pauses {
public:
  explicit Pauses(uint64_t period) : period(period) {}

  /// A rest of `length` cycles behind every cycle `resync` + k x period.
  void add(uint64_t resync, uint64_t later, uint64_t length) {
    if (resync < later)
      resync += (later - resync + period - 1) / period * period;
    rests.push_back({resync - later, length});
  }

  /// The first cycle from \p send on in which nobody rests.
  uint64_t end(uint64_t send) const {
    for (bool moved = true; moved;) {
      moved = false;
      for (const Rest &rest : rests) {
        uint64_t into = send > rest.resync ? (send - rest.resync - 1) % period
                                           : rest.length;
        if (into >= rest.length)
          continue;
        send += rest.length - into;
        moved = true;
      }
    }
    return send;
  }

  /// The last cycle from \p send on before the next rest.
  uint64_t next(uint64_t send) const {
    uint64_t result = UINT64_MAX;
    for (const Rest &rest : rests) {
      uint64_t passed = send > rest.resync ? send - rest.resync : 0;
      result = std::min(result,
                        rest.resync + (passed + period - 1) / period * period);
    }
    return result;
  }

private:
  struct Rest {
    uint64_t resync, length;
  };
  uint64_t period;
  llvm::SmallVector<Rest, 6> rests;
};

} // namespace lpu::schedule

#endif // LPU_LIB_SCHEDULE_PAUSES_H
