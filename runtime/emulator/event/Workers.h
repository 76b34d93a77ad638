//===- Workers.h - a few threads that share a loop --------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Large matrix batches are split by columns. No result depends on how many
// threads there are: every column is computed by one of them, in one order.
// Parts are claimed, not assigned, so that a worker that the host does not run
// just now delays nobody: the caller does its part, too.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_WORKERS_H
#define LPU_RUNTIME_EMULATOR_EVENT_WORKERS_H

#include "llvm/ADT/STLExtras.h"
#include <atomic>
#include <thread>
#include <vector>

namespace lpu::emulator::event {

class WorkerPool {
public:
  explicit WorkerPool(unsigned threads);
  ~WorkerPool();

  unsigned threads() const { return parts; }
  /// Calls part(0) .. part(threads() - 1), on any threads.
  void run(llvm::function_ref<void(unsigned)> part);

private:
  void work();

  bool claim();

  /// Number of the task x 65,536 + next part to claim.
  std::atomic<uint64_t> state{0xffff};
  std::atomic<unsigned> finished{0};
  std::atomic<bool> stop{false};
  std::atomic<const llvm::function_ref<void(unsigned)> *> task{nullptr};
  const unsigned parts;
  std::vector<std::thread> workers; // last: they use the members above
};

/// Calls body(begin, end) over parts of 0 .. n, multiples of 64 lanes each;
/// in this thread alone if the work (in multiply-adds) is not worth it.
template <typename Body>
void parallelFor(WorkerPool *pool, unsigned n, size_t work, Body body) {
  if (!pool || work < 200000 || n < 128)
    return body(0u, n);
  unsigned parts = pool->threads();
  pool->run([&](unsigned part) {
    unsigned blocks = (n + 63) / 64;
    unsigned begin = std::min(n, blocks * part / parts * 64);
    unsigned end = std::min(n, blocks * (part + 1) / parts * 64);
    if (begin < end)
      body(begin, end);
  });
}

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_WORKERS_H
