//===- Workers.cpp - a few threads that share a loop ----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Workers.h"
#include <chrono>
#include <emmintrin.h>

using namespace lpu::emulator::event;

WorkerPool::WorkerPool(unsigned threads) : parts(threads) {
  for (unsigned i = 1; i < threads; ++i)
    workers.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  stop = true;
  for (std::thread &worker : workers)
    worker.join();
}

/// Does a part of the current task that nobody has claimed; false if there is
/// none. A claimed part keeps its task alive: run() waits for it.
bool WorkerPool::claim() {
  uint64_t seen = state.load(std::memory_order_acquire);
  unsigned part = unsigned(seen & 0xffff);
  if (part >= parts)
    return false;
  if (!state.compare_exchange_strong(seen, seen + 1, std::memory_order_acq_rel))
    return true; // somebody else was faster; look again
  (*task.load(std::memory_order_acquire))(part);
  finished.fetch_add(1, std::memory_order_release);
  return true;
}

void WorkerPool::run(llvm::function_ref<void(unsigned)> part) {
  task.store(&part, std::memory_order_relaxed);
  finished.store(0, std::memory_order_relaxed);
  uint64_t number = (state.load(std::memory_order_relaxed) >> 16) + 1;
  state.store(number << 16, std::memory_order_release);
  while (claim()) {
  }
  for (unsigned spin = 0; finished.load(std::memory_order_acquire) != parts;
       ++spin) {
    if (spin < 1000)
      _mm_pause();
    else
      std::this_thread::yield();
  }
}

/// Tasks follow each other within microseconds: spin a little, then sleep.
void WorkerPool::work() {
  unsigned idle = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    if (claim()) {
      idle = 0;
    } else if (++idle < 4000) {
      _mm_pause();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
}
