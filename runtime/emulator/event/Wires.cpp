//===- Wires.cpp - vectors between chips ----------------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Wires.h"

using namespace lpu::emulator::event;

Progress::~Progress() = default;

void Wire::send(Message message) {
  bool wake;
  {
    std::lock_guard<std::mutex> guard(mutex);
    sends.push_back(message.sender);
    messages.push_back(std::move(message));
    judgeBuffer();
    wake = waiting.has_value();
    waiting.reset();
  }
  if (wake)
    progress.wake(toChip);
}

bool Wire::known(int64_t cycle) {
  std::lock_guard<std::mutex> guard(mutex);
  if (!messages.empty() ||
      progress.published(fromChip) > cycle - latest()) // none can be in time
    return true;
  waiting = cycle;
  return false;
}

void Wire::senderProgressed() {
  {
    std::lock_guard<std::mutex> guard(mutex);
    if (!waiting || progress.published(fromChip) <= *waiting - latest())
      return;
    waiting.reset();
  }
  progress.wake(toChip);
}

std::optional<Message> Wire::receive(int64_t cycle) {
  std::lock_guard<std::mutex> guard(mutex);
  if (messages.empty() || messages.front().sender.cycle() + latest() > cycle)
    return std::nullopt;
  Message message = std::move(messages.front());
  messages.pop_front();
  receives.push_back(cycle);
  judgeBuffer();
  return message;
}

/// Vector k still waits when vector k + link_buffer arrives, if it is received
/// in that cycle or later.
void Wire::judgeBuffer() {
  while (!receives.empty() && sends.size() > machine.linkBuffer) {
    int64_t arrival = sends[machine.linkBuffer].cycle() + earliest();
    if (receives.front() >= arrival && !firstOverrun)
      firstOverrun = {arrival, sends[machine.linkBuffer], sends.front()};
    sends.pop_front();
    receives.pop_front();
  }
}

std::optional<Wire::Overrun> Wire::overrun(int64_t end) {
  if (!firstOverrun && sends.size() > machine.linkBuffer) // never received
    firstOverrun = {sends[machine.linkBuffer].cycle() + earliest(),
                    sends[machine.linkBuffer], sends.front()};
  if (firstOverrun && firstOverrun->cycle < end)
    return firstOverrun;
  return std::nullopt;
}
