//===- Wires.h - vectors between chips --------------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chips meet only through their links, and every send and every receive has a
// cycle that the text fixes. So chips need no common clock on the host: each
// runs on its own until a receive finds nothing that could be its vector, and
// goes on when the sender has sent, or has come so far that it is certain that
// nothing will be there (a link underrun). As a vector takes at least one
// cycle, the chip that is furthest behind can always go on: there is no
// deadlock, and no order of running the chips changes a bit.
//
// Whether a receive buffer overflows depends on both sides, too; a wire judges
// it when both cycles concerned are known, whichever comes later.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_RUNTIME_EMULATOR_EVENT_WIRES_H
#define LPU_RUNTIME_EMULATOR_EVENT_WIRES_H

#include "lpu/Emulator/Ecc.h"
#include "lpu/Target/Machine.h"
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace lpu::emulator::event {

/// One issue: cycle x 65,536 + queue. Numbers compare as "issued later" does;
/// the text index is found again from the queue's text when a fault needs it.
/// Cycles are those of the run.
using Who = uint64_t;
inline Who makeWho(int64_t cycle, unsigned queue) {
  return uint64_t(cycle) << 16 | queue;
}
inline int64_t cycleOf(Who who) { return int64_t(who >> 16); }
inline unsigned queueOf(Who who) { return unsigned(who & 0xffff); }

/// An issue of some run: program cycle = base + cycle of the run.
struct Issue {
  int64_t base = 0;
  Who who = 0;
  int64_t cycle() const { return base + cycleOf(who); }
};

/// A vector under way. All cycles between chips are program cycles.
struct Message {
  Issue sender;
  int64_t drift = 0;                // of the sender's clock at the send
  std::unique_ptr<uint8_t[]> bytes; // none in a run without values
  ecc::Flips flips;
};

class Wire;

/// Who runs the chips: told how far they are.
class Progress {
public:
  virtual ~Progress();
  /// All sends of \p chip before \p cycle are on their wires.
  virtual void publish(unsigned chip, int64_t cycle) = 0;
  virtual int64_t published(unsigned chip) const = 0;
  /// What \p chip waits for has happened.
  virtual void wake(unsigned chip) = 0;
};

/// One direction of a cable. The sender appends, the receiver takes; each may
/// be on a thread of its own.
class Wire {
public:
  Wire(const Machine &machine, Progress &progress, unsigned fromChip,
       unsigned toChip)
      : fromChip(fromChip), toChip(toChip), machine(machine),
        progress(progress) {}

  const unsigned fromChip, toChip;

  void send(Message message);
  /// Is it known what a receive in \p cycle finds? If not, the receiver is
  /// woken when it is.
  bool known(int64_t cycle);
  /// The oldest vector, if it is receivable; else the receive is an underrun.
  std::optional<Message> receive(int64_t cycle);
  /// The sender has got somewhere.
  void senderProgressed();

  // When all chips stand still.
  /// The oldest vector that was not received.
  const Message *oldest() const {
    return messages.empty() ? nullptr : &messages.front();
  }
  const std::deque<Message> &unreceived() const { return messages; }
  struct Overrun {
    int64_t cycle; // of the arrival that finds the buffer full
    Issue send, oldest;
  };
  /// The first overrun of the receive buffer before cycle \p end.
  std::optional<Overrun> overrun(int64_t end);

private:
  int64_t earliest() const {
    return int64_t(machine.linkLatency) - int64_t(machine.linkMargin);
  }
  int64_t latest() const {
    return int64_t(machine.linkLatency) + int64_t(machine.linkMargin);
  }
  void judgeBuffer();

  const Machine &machine;
  Progress &progress;
  std::mutex mutex;
  std::deque<Message> messages;   // not yet received
  std::optional<int64_t> waiting; // the receive that the receiver stands at
  // Of vectors number `judged` and up: those that a later send may meet.
  std::deque<Issue> sends;
  std::deque<int64_t> receives;
  std::optional<Overrun> firstOverrun;
};

} // namespace lpu::emulator::event

#endif // LPU_RUNTIME_EMULATOR_EVENT_WIRES_H
