//===- Workers.cpp - a few threads that share a loop ----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Workers.h"
#include <emmintrin.h>

using namespace lpu::emulator::event;

WorkerPool::WorkerPool(unsigned threads) {
  for (unsigned i = 1; i < threads; ++i)
    workers.emplace_back([this, i] { work(i); });
}

WorkerPool::~WorkerPool() {
  stop = true;
  ++generation;
  for (std::thread &worker : workers)
    worker.join();
}

void WorkerPool::run(llvm::function_ref<void(unsigned)> part) {
  task = &part;
  pending.store(unsigned(workers.size()), std::memory_order_relaxed);
  generation.fetch_add(1, std::memory_order_release);
  part(0);
  while (pending.load(std::memory_order_acquire) != 0)
    _mm_pause();
}

/// Tasks follow each other within microseconds: a short spin, then sleep slots.
void WorkerPool::work(unsigned number) {
  uint64_t seen = 0;
  unsigned idle = 0;
  while (true) {
    uint64_t current = generation.load(std::memory_order_acquire);
    if (current == seen) {
      if (++idle < 20000)
        _mm_pause();
      else
        std::this_thread::yield();
      continue;
    }
    idle = 0;
    seen = current;
    if (stop)
      return;
    (*task)(number);
    pending.fetch_sub(1, std::memory_order_release);
  }
}
