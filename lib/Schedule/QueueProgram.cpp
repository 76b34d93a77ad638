//===- QueueProgram.cpp - trees of instructions and their words -----------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Schedule/QueueProgram.h"
#include "lpu/Support/Check.h"

using namespace lpu;
using isa::Instruction;
using isa::Opcode;

namespace {

constexpr uint64_t maxWait = 65535;
// A gap is bridged by one nop: 32 bits of cycles and the cycle it takes.
constexpr uint64_t maxGap = uint64_t(1) << 32;
// Beyond this no program is meant; keeps sums far from 64-bit overflow.
constexpr uint64_t maxCycle = uint64_t(1) << 56;

/// Cycles that an instruction idles by itself before it issues.
uint64_t ownIdle(const Instruction &inst) {
  return inst.opcode == Opcode::nop
             ? uint64_t(inst.get(isa::field::nop::cycles))
             : 0;
}

// Bridging nops and written ones are told apart by position. Call a nop with
// wait 0 and at least 65,535 idle cycles *long*. Decoding takes a long nop for
// a bridge if the next word has wait 0 and is not long itself; the rules below
// exclude exactly the written nops for which this would be wrong.
bool isLong(const Instruction &inst) { return ownIdle(inst) >= maxWait; }

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

class QueueChecker {
public:
  QueueChecker(
      const QueueProgram &queue, const Machine &machine,
      llvm::function_ref<void(const QueueItem *, const std::string &)> report)
      : queue(queue), machine(machine), report(report) {}

  void run() {
    if (queue.index >= machine.numUnits(queue.unit))
      return report(nullptr, ("unit " + llvm::Twine(queue.index) +
                              " does not exist; the machine has " +
                              llvm::Twine(machine.numUnits(queue.unit)) +
                              " of kind " + unitName(queue.unit))
                                 .str());
    block(queue.items, 0);
  }

private:
  const QueueProgram &queue;
  const Machine &machine;
  llvm::function_ref<void(const QueueItem *, const std::string &)> report;

  void fail(const QueueItem &item, const llvm::Twine &what) {
    report(&item, what.str());
  }

  /// Words of the block, its loops included.
  uint64_t block(const std::vector<QueueItem> &items, unsigned depth) {
    uint64_t free = 0, words = 0;
    const QueueItem *pendingNop = nullptr;
    for (const QueueItem &item : items) {
      uint64_t idle = item.isLoop() ? 0 : ownIdle(item.inst);
      if (item.at > maxCycle) {
        fail(item, "issue cycle is beyond 2^56");
        return words;
      }
      if (item.at < free + idle) {
        fail(item, "issues at " + llvm::Twine(item.at) +
                       ", but the queue is free only from cycle " +
                       llvm::Twine(free + idle) +
                       (idle ? " (idle cycles of the nop included)" : ""));
        return words;
      }
      uint64_t gap = item.at - free;
      bool isLongNop = !item.isLoop() && isLong(item.inst);
      if (gap - idle > maxGap)
        fail(item, "gap of " + llvm::Twine(gap - idle) +
                       " cycles; at most 2^32 are possible");
      if (isLongNop && gap - idle > maxWait)
        fail(item, "a nop with 65,535 or more idle cycles cannot issue behind "
                   "a gap of more than 65,535; write one or the other");
      if (gap - idle == 0 && !isLongNop)
        dropped(pendingNop);
      pendingNop = nullptr;
      words += 1 + (gap - idle > maxWait);
      if (item.isLoop()) {
        words += loop(item, depth);
      } else {
        single(item, depth, &item == &items.back());
        if (isLongNop && gap == idle)
          pendingNop = &item;
      }
      free = item.nextFree();
    }
    // The outermost block is followed by `halt` without wait, a loop body by
    // `endloop`, whose wait depends on the period.
    if (depth == 0)
      dropped(pendingNop);
    endNop = pendingNop;
    endFree = free;
    return words;
  }

  const QueueItem *endNop = nullptr;
  uint64_t endFree = 0;

  void dropped(const QueueItem *nop) {
    if (nop)
      fail(*nop, "this nop only bridges a gap of more than 65,535 cycles; that "
                 "is implied by the issue cycles: leave it out");
  }

  uint64_t loop(const QueueItem &item, unsigned depth) {
    if (item.iterations > 65535)
      fail(item, "a loop has at most 65535 iterations; this has " +
                     llvm::Twine(item.iterations));
    if (depth + 1 > machine.loopDepth)
      fail(item, "loops nest " + llvm::Twine(depth + 1) +
                     " deep; the machine allows " +
                     llvm::Twine(machine.loopDepth) + " (loop_depth)");
    if (item.period > maxCycle / 65536) {
      fail(item, "period is beyond 2^40 cycles");
      return 1;
    }
    uint64_t words = block(item.body, depth + 1);
    if (item.period < endFree + 1) {
      fail(item, "period " + llvm::Twine(item.period) +
                     " is too short: the body ends in cycle " +
                     llvm::Twine(endFree) + " and endloop needs one more, so " +
                     llvm::Twine(endFree + 1) + " at least");
      return words + 1;
    }
    uint64_t gap = item.period - 1 - endFree;
    if (gap > maxGap)
      fail(item, "gap of " + llvm::Twine(gap) +
                     " cycles before the end of the period; at most 2^32 are "
                     "possible");
    if (gap == 0)
      dropped(endNop);
    words += gap > maxWait;
    if (words > 65535)
      fail(item, "the body has " + llvm::Twine(words) +
                     " instructions; at most 65535 are possible");
    return words + 1;
  }

  void single(const QueueItem &item, unsigned depth, bool last) {
    const Instruction &inst = item.inst;
    if (inst.opcode == Opcode::loop || inst.opcode == Opcode::endloop)
      return fail(item, "loops are items with a body, not instructions");
    if (inst.opcode == Opcode::halt && (depth > 0 || !last))
      return fail(item, depth > 0 ? "halt inside a loop"
                                  : "halt is not the last instruction");
    std::string illegal =
        isa::checkLegal(inst, machine, queue.unit, queue.index);
    if (!illegal.empty())
      fail(item, illegal);
  }
};

//===----------------------------------------------------------------------===//
// Tree to words
//===----------------------------------------------------------------------===//

class Flattener {
public:
  std::vector<Instruction> text;

  void add(Instruction inst, uint64_t gap) {
    uint64_t idle = ownIdle(inst);
    LPU_CHECK(gap >= idle && gap - idle <= maxGap, "a checked queue");
    if (gap - idle > maxWait) {
      Instruction bridge;
      bridge.opcode = Opcode::nop;
      bridge.fields[isa::field::nop::cycles] = int64_t(gap - idle - 1);
      text.push_back(bridge);
      inst.wait = 0;
    } else {
      inst.wait = uint16_t(gap - idle);
    }
    text.push_back(inst);
  }

  uint64_t block(const std::vector<QueueItem> &items) {
    uint64_t free = 0;
    for (const QueueItem &item : items) {
      if (item.isLoop()) {
        Instruction loop;
        loop.opcode = Opcode::loop;
        loop.fields[isa::field::loop::iterations] = item.iterations;
        add(loop, item.at - free);
        size_t begin = text.size();
        uint64_t bodyFree = block(item.body);
        Instruction end;
        end.opcode = Opcode::endloop;
        add(end, item.period - 1 - bodyFree);
        text.back().fields[isa::field::endloop::body] =
            int64_t(text.size() - 1 - begin);
      } else {
        add(item.inst, item.at - free);
      }
      free = item.nextFree();
    }
    return free;
  }
};

} // namespace

void lpu::checkQueue(
    const QueueProgram &queue, const Machine &machine,
    llvm::function_ref<void(const QueueItem *, const std::string &)> report) {
  QueueChecker(queue, machine, report).run();
}

std::vector<std::string> lpu::checkQueue(const QueueProgram &queue,
                                         const Machine &machine,
                                         unsigned limit) {
  std::vector<std::string> violations;
  checkQueue(queue, machine,
             [&](const QueueItem *item, const std::string &what) {
               if (violations.size() >= limit)
                 return;
               std::string text = std::string(unitName(queue.unit)) + " " +
                                  std::to_string(queue.index) + ": ";
               if (item)
                 text += (item->isLoop() ? "loop" : item->inst.info().name) +
                         std::string(" at ") + std::to_string(item->at) + ": ";
               violations.push_back(text + what);
             });
  return violations;
}

std::vector<Instruction> lpu::flatten(const QueueProgram &queue) {
  Flattener flattener;
  if (queue.items.empty())
    return {};
  flattener.block(queue.items);
  if (queue.items.back().isLoop() ||
      queue.items.back().inst.opcode != Opcode::halt) {
    Instruction halt;
    halt.opcode = Opcode::halt;
    flattener.add(halt, 0);
  }
  return std::move(flattener.text);
}

//===----------------------------------------------------------------------===//
// Words to tree
//===----------------------------------------------------------------------===//

llvm::Expected<std::vector<QueueItem>>
lpu::unflatten(llvm::ArrayRef<Instruction> text) {
  struct Block {
    std::vector<QueueItem> items;
    uint64_t free = 0;
    size_t begin = 0; // text index of the first instruction of the body
    QueueItem loop;   // not for the outermost
  };
  std::vector<Block> stack(1);
  auto error = [&](size_t index, const llvm::Twine &what) {
    return llvm::createStringError("instruction " + llvm::Twine(index) + " (" +
                                   text[index].info().name + "): " + what);
  };
  for (size_t i = 0; i < text.size(); ++i) {
    Instruction inst = text[i];
    Block &block = stack.back();
    uint64_t at = block.free + inst.wait + ownIdle(inst);
    if (at > maxCycle)
      return error(i, "issues beyond cycle 2^56");
    bool isBridge = inst.wait == 0 && isLong(inst) && i + 1 < text.size() &&
                    text[i + 1].wait == 0 && !isLong(text[i + 1]);
    inst.wait = 0;
    if (isBridge) {
      block.free = at + 1;
      continue;
    }
    if (inst.opcode == Opcode::loop) {
      if (stack.size() > 64)
        return error(i, "loops nest more than 64 deep");
      Block inner;
      inner.begin = i + 1;
      int64_t iterations = inst.get(isa::field::loop::iterations);
      if (iterations < 1)
        return error(i, "a loop has at least one iteration");
      inner.loop = QueueItem::loop(at, uint32_t(iterations), 0);
      stack.push_back(std::move(inner));
      continue;
    }
    if (inst.opcode == Opcode::endloop) {
      if (stack.size() == 1)
        return error(i, "there is no loop to end");
      int64_t body = inst.get(isa::field::endloop::body);
      if (uint64_t(body) != i - block.begin)
        return error(i, "body is " + llvm::Twine(body) + ", but " +
                            llvm::Twine(i - block.begin) +
                            " instructions stand in the loop");
      if (at + 1 > maxCycle / 65536)
        return error(i, "the period is beyond 2^40 cycles");
      QueueItem loop = std::move(block.loop);
      loop.period = at + 1;
      loop.body = std::move(block.items);
      stack.pop_back();
      stack.back().free = loop.nextFree();
      stack.back().items.push_back(std::move(loop));
      continue;
    }
    if (inst.opcode == Opcode::halt) {
      if (stack.size() > 1)
        return error(i, "halt inside a loop");
      if (i + 1 != text.size())
        return error(i, "instructions stand behind halt");
    }
    block.items.push_back(QueueItem::instruction(at, inst));
    block.free = block.items.back().nextFree();
  }
  if (stack.size() > 1)
    return error(text.size() - 1, "a loop is not ended");
  if (!text.empty() && text.back().opcode != Opcode::halt)
    return error(text.size() - 1, "the text does not end in halt");
  return std::move(stack.front().items);
}
