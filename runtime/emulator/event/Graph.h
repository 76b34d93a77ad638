//===- Graph.h - the chips of a package as a message graph ------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A chip runs until it waits for a vector (Wires.h), until its run ends, or up
// to the limit; then a thread takes the next chip that can go on, the one
// furthest behind first. There are no barriers. A fault lowers the limit: all
// chips still run through the fault's cycle, so that the first fault of the
// whole system is known whatever the order was.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_GRAPH_H
#define LPU_RUNTIME_EMULATOR_EVENT_GRAPH_H

#include "ChipRun.h"
#include <condition_variable>
#include <thread>

namespace lpu::emulator::event {

/// Which chip runs next, and on which thread.
class Schedule : public Progress {
public:
  Schedule(unsigned chips, std::function<void(unsigned)> outWires)
      : outWires(std::move(outWires)), nodes(chips) {}

  void publish(unsigned chip, int64_t cycle) override {
    nodes[chip].progress.store(cycle, std::memory_order_release);
    outWires(chip);
  }
  int64_t published(unsigned chip) const override {
    return nodes[chip].progress.load(std::memory_order_acquire);
  }
  void wake(unsigned chip) override {
    std::lock_guard<std::mutex> guard(mutex);
    Node &node = nodes[chip];
    if (node.running)
      node.again = true;
    else
      push(chip);
  }

  /// Runs step(chip) for all chips on \p threads threads, again and again until
  /// no chip is left that can go on; step says whether its chip can.
  void run(unsigned threads, llvm::function_ref<bool(unsigned)> step) {
    for (unsigned chip = 0; chip < nodes.size(); ++chip)
      push(chip);
    std::vector<std::thread> others;
    for (unsigned i = 1; i < threads; ++i)
      others.emplace_back([&] { work(step); });
    work(step);
    for (std::thread &thread : others)
      thread.join();
  }

private:
  struct Node {
    std::atomic<int64_t> progress{0};
    bool running = false, queued = false;
    bool again = false; // woken while running
  };

  void push(unsigned chip) { // under the mutex
    if (nodes[chip].queued)
      return;
    nodes[chip].queued = true;
    ready.push({published(chip), chip});
    changed.notify_one();
  }

  void work(llvm::function_ref<bool(unsigned)> step) {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return !ready.empty() || active == 0; });
      if (ready.empty()) {
        changed.notify_all();
        return;
      }
      unsigned chip = ready.top().second;
      ready.pop();
      Node &node = nodes[chip];
      node.queued = node.again = false;
      node.running = true;
      ++active;
      lock.unlock();
      bool more = step(chip);
      lock.lock();
      --active;
      node.running = false;
      if (more || node.again)
        push(chip);
    }
  }

  std::function<void(unsigned)> outWires;
  std::vector<Node> nodes;
  std::mutex mutex;
  std::condition_variable changed;
  std::priority_queue<std::pair<int64_t, unsigned>,
                      std::vector<std::pair<int64_t, unsigned>>, std::greater<>>
      ready;
  unsigned active = 0;
};

/// What a chip of the graph is made of.
struct ChipSetup {
  int64_t start = 0;
  int64_t allowed = INT64_MAX; // cycles of a run within the interval
  ChipMemory *memory = nullptr;
  Pool *pool = nullptr;
  const std::vector<QueueText> *texts = nullptr;
};

/// All chips of a package, each with its own wires.
template <class Arithmetic> class Graph {
public:
  /// \p setup is asked for a chip when it first runs, on any thread.
  Graph(const Package &package, const RunOptions &options,
        const RunContext &context,
        std::function<ChipSetup(unsigned chip)> setup);

  void run();

  std::vector<ChipState> states;            // by chip
  std::vector<std::unique_ptr<Wire>> wires; // as in the package
  std::vector<uint64_t> ends;               // by run
  bool ranOut = false;
  /// Faults of chips and of wires, in no order.
  std::vector<FaultRecord> faults;

private:
  bool step(unsigned chip);
  bool finishRun(unsigned chip);
  void lower(int64_t faultCycle);
  void judgeWires();

  struct Node {
    std::unique_ptr<ChipRun<Arithmetic>> run;
    ChipSetup setup;
    unsigned number = 0; // of the run under way, or of the next
    bool known = false, finished = false, stopped = false;
    std::vector<int64_t> ends; // 1 + last effect, by run
  };

  const Package &package;
  const RunOptions &options;
  const RunContext &context;
  std::function<ChipSetup(unsigned)> setup;
  Schedule schedule;
  std::vector<ChipLinks> links;
  std::vector<std::vector<Wire *>> outgoing; // by chip
  std::vector<Node> nodes;
  std::atomic<int64_t> limit;
};

template <class A>
Graph<A>::Graph(const Package &package, const RunOptions &options,
                const RunContext &context,
                std::function<ChipSetup(unsigned)> setup)
    : states(package.chips.size()), ends(options.runs), package(package),
      options(options), context(context), setup(std::move(setup)),
      schedule(unsigned(package.chips.size()),
               [this](unsigned chip) {
                 for (Wire *wire : outgoing[chip])
                   wire->senderProgressed();
               }),
      links(package.chips.size()), outgoing(package.chips.size()),
      nodes(package.chips.size()), limit(int64_t(options.maxCycles) + 1) {
  const Machine &m = package.machine;
  std::vector<std::vector<unsigned>> linkOf(package.chips.size());
  for (unsigned chip = 0; chip < package.chips.size(); ++chip) {
    links[chip].out.resize(m.links);
    links[chip].in.resize(m.links);
    linkOf[chip].resize(m.links);
    for (unsigned link = 0; link < m.links; ++link)
      linkOf[chip][package.chips[chip].port(link)] = link;
  }
  for (const LinkWire &w : package.wires) {
    wires.push_back(std::make_unique<Wire>(m, schedule, w.fromChip, w.toChip));
    Wire *wire = wires.back().get();
    links[w.fromChip].out[linkOf[w.fromChip][w.fromLink]] = wire;
    links[w.toChip].in[linkOf[w.toChip][w.toLink]] = wire;
    outgoing[w.fromChip].push_back(wire);
  }
}

template <class A> void Graph<A>::lower(int64_t faultCycle) {
  int64_t now = limit.load();
  while (faultCycle + 1 < now &&
         !limit.compare_exchange_weak(now, faultCycle + 1))
    ;
}

/// Runs a chip as far as it gets now; true if it can go on at once.
template <class A> bool Graph<A>::step(unsigned chip) {
  Node &node = nodes[chip];
  if (node.finished || node.stopped)
    return false;
  if (!node.known) {
    node.setup = setup(chip);
    node.known = true;
    schedule.publish(chip, node.setup.start);
  }
  int64_t base =
      node.setup.start + int64_t(node.number) * int64_t(package.interval);
  if (!node.run) {
    if (base >= limit.load())
      return false;
    if (options.beforeRun)
      options.beforeRun(chip, node.number);
    RunContext own{context.machine, *node.setup.pool, context.kernels,
                   context.workers, context.modular};
    node.run = std::make_unique<ChipRun<A>>(
        own, options, chip, base, *node.setup.memory, *node.setup.texts,
        package.chips[chip].registers, links[chip], &schedule, states[chip]);
  }
  switch (node.run->resume(limit)) {
  case Pause::Waiting:
    return false;
  case Pause::Limit: // which never rises again
    node.stopped = true;
    if (node.run->halted() && !finishRun(chip))
      lower(states[chip].faults.back().cycle);
    schedule.publish(chip, limit.load());
    return false;
  case Pause::Faulted:
    if (node.run->halted())
      finishRun(chip);
    node.stopped = true;
    for (const FaultRecord &fault : states[chip].faults)
      lower(fault.cycle);
    schedule.publish(chip, limit.load());
    return false;
  case Pause::Finished:
    if (!finishRun(chip)) {
      node.stopped = true;
      lower(states[chip].faults.back().cycle);
      schedule.publish(chip, limit.load());
      return false;
    }
    if (options.afterRun)
      options.afterRun(chip, node.number);
    node.run.reset();
    ++node.number;
    node.finished = node.number == options.runs;
    schedule.publish(chip, node.finished ? INT64_MAX
                                         : base + int64_t(package.interval));
    return !node.finished;
  }
  llvm_unreachable("all pauses handled");
}

/// All queues have halted: did they in time?
template <class A> bool Graph<A>::finishRun(unsigned chip) {
  Node &node = nodes[chip];
  int64_t base =
      node.setup.start + int64_t(node.number) * int64_t(package.interval);
  node.ends.push_back(node.run->end() == 0 ? 0 : base + node.run->end());
  if (node.run->over() <= node.setup.allowed)
    return true;
  states[chip].faults.push_back(
      {FaultClass::RunOverlap, base + node.run->over(), chip, chip, chip,
       Issue{base, *node.run->halt()}, std::nullopt,
       "the run takes " + std::to_string(node.run->over()) +
           " cycles, the interval leaves " + std::to_string(node.setup.allowed),
       nullptr});
  return false;
}

template <class A> void Graph<A>::run() {
  unsigned threads =
      options.trace || package.chips.size() == 1 ? 1 : options.threads;
  // Where a chip may be before it is set up.
  for (unsigned chip = 0; chip < nodes.size(); ++chip)
    schedule.publish(chip, int64_t(package.chips[chip].start));
  schedule.run(threads, [&](unsigned chip) { return step(chip); });
  for (const ChipState &state : states)
    faults.insert(faults.end(), state.faults.begin(), state.faults.end());
  judgeWires();
  for (Node &node : nodes) {
    ranOut |= !node.finished;
    for (size_t i = 0; i < node.ends.size() && i < ends.size(); ++i)
      ends[i] = std::max(ends[i], uint64_t(node.ends[i]));
  }
  ranOut &= faults.empty();
}

template <class A> void Graph<A>::judgeWires() {
  int64_t end = limit.load();
  bool finished = llvm::all_of(nodes, [](const Node &n) { return n.finished; });
  for (auto &wire : wires)
    if (auto overrun = wire->overrun(end))
      faults.push_back(
          {FaultClass::LinkOverrun, overrun->cycle, wire->fromChip,
           wire->fromChip, wire->fromChip, overrun->send, overrun->oldest,
           "more than " + std::to_string(package.machine.linkBuffer) +
               " vectors wait at chip " + std::to_string(wire->toChip),
           nullptr});
  if (!finished || !faults.empty())
    return;
  for (auto &wire : wires)
    for (const Message &message : wire->unreceived())
      faults.push_back({FaultClass::LiveValueLost,
                        message.sender.cycle() +
                            int64_t(package.machine.linkLatency) +
                            int64_t(package.machine.linkMargin),
                        wire->fromChip, wire->fromChip, wire->fromChip,
                        message.sender, std::nullopt,
                        "chip " + std::to_string(wire->toChip) +
                            " never receives this vector",
                        nullptr});
}

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_GRAPH_H
