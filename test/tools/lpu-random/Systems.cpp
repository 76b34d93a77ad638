//===- Systems.cpp - seeded legal programs of many chips ------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A class is generated as if it were one chip. What classes send one another
// goes over channels: all their wires carry the same vectors in the same cycles
// of their classes, so a receive must suit the wire whose sender starts last,
// and the receive buffers the one whose sender starts first.
//
//===----------------------------------------------------------------------===//

#include "Generator.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>

using namespace lpu;
using namespace lpu::test;

/// A random vector, or up to three, from all senders of a channel to all its
/// receivers.
void Generator::exchange(Channel &channel) {
  Plan plan;
  pendingAccumulate.clear();
  Repeat repeat{pick(1, 3), m.linkInterval + pick(0, 2)};
  int64_t at = 60;
  int64_t received = at + m.linkLatency + m.linkMargin +
                     std::max<int64_t>(channel.most, 0) + pick(0, 12);
  for (Channel::End end : channel.senders) {
    bool west = !m.isEast(Unit::LinkSend, end.link);
    unsigned s = stream(1);
    supply(plan, end.chipClass, west, s, 1,
           m.unitPosition(Unit::LinkSend, end.link), at, repeat);
    issue(plan, end.chipClass, Unit::LinkSend, end.link, at,
          makeInstruction("link_send.send", {{"stream", s}, {"last", 1}}),
          repeat);
    hold(plan, end.chipClass, Unit::LinkSend, end.link,
         at + int64_t(repeat.count) * repeat.interval);
    useLinks(plan, end.chipClass, at, repeat);
  }
  for (Channel::End end : channel.receivers) {
    bool west = m.isEast(Unit::LinkRecv, end.link);
    unsigned s = stream(1);
    issue(plan, end.chipClass, Unit::LinkRecv, end.link, received,
          makeInstruction("link_recv.recv", {{"stream", s}}), repeat);
    useLinks(plan, end.chipClass, received, repeat,
             received - (at + m.linkLatency - m.linkMargin + channel.least));
    consume(plan, end.chipClass, west, s, 1,
            m.unitPosition(Unit::LinkRecv, end.link), received + 1, repeat);
  }
  if (!plan.ok)
    return;
  // Vector k is gone when vector k + buffer arrives.
  auto fits = [&](int64_t start) {
    std::vector<int64_t> sends = channel.sends, receives = channel.receives;
    for (int64_t offset : repeat.offsets()) {
      sends.push_back(start + at + offset);
      receives.push_back(start + received + offset);
    }
    int64_t arrives =
        int64_t(m.linkLatency) - int64_t(m.linkMargin) + channel.least;
    for (size_t k = 0; k + m.linkBuffer < sends.size(); ++k)
      if (receives[k] >= sends[k + m.linkBuffer] + arrives)
        return false;
    return true;
  };
  if (!place(plan, fits))
    return;
  for (int64_t offset : repeat.offsets()) {
    channel.sends.push_back(timeline.start() + at + offset);
    channel.receives.push_back(timeline.start() + received + offset);
  }
}

namespace {

class System {
public:
  System(uint64_t seed, unsigned most)
      : machine(makeRandomMachine(seed)), seed(seed), random(seed * 5 + 1),
        most(most) {}

  Package make();

private:
  unsigned pick(unsigned low, unsigned high) {
    return low + unsigned(random() % (high - low + 1));
  }
  unsigned add(unsigned chipClass, uint64_t start) {
    Chip &chip = package.chips.emplace_back();
    chip.chipClass = chipClass;
    chip.start = start;
    return unsigned(package.chips.size()) - 1;
  }
  /// A link number of the class that nothing uses yet in this direction.
  unsigned freeLink(unsigned chipClass, bool out);
  void wire(unsigned from, unsigned fromLink, unsigned to, unsigned toLink) {
    package.wires.push_back({from, fromLink, to, toLink});
  }
  void mesh();
  void chain();
  void stages();
  void loopback();
  void finishChannels();
  uint64_t interval(const Timeline &time);

  Machine machine;
  uint64_t seed;
  std::mt19937_64 random;
  unsigned most;
  Package package; // wires by link number until the ports are chosen
  unsigned classes = 0;
  std::vector<Channel> channels;
  std::set<std::tuple<unsigned, bool, unsigned>> taken;
};

unsigned System::freeLink(unsigned chipClass, bool out) {
  while (true) { // the callers use no more than two
    unsigned link = pick(0, machine.links - 1);
    if (taken.insert({chipClass, out, link}).second)
      return link;
  }
}

/// A ring, or a torus of two dimensions, of one class.
void System::mesh() {
  classes = 1;
  unsigned columns = pick(2, std::max(2u, most / 4));
  unsigned rows = pick(0, 2) ? pick(2, std::max(2u, most / columns)) : 1;
  for (unsigned i = 0; i < rows * columns; ++i)
    add(0, pick(0, 9));
  for (unsigned dimension = 0; dimension < (rows > 1 ? 2 : 1); ++dimension) {
    unsigned out = freeLink(0, true), in = freeLink(0, false);
    Channel channel;
    channel.senders = {{0, out}};
    channel.receivers = {{0, in}};
    channels.push_back(channel);
    for (unsigned r = 0; r < rows; ++r)
      for (unsigned c = 0; c < columns; ++c)
        wire(r * columns + c, out,
             dimension ? (r + 1) % rows * columns + c
                       : r * columns + (c + 1) % columns,
             in);
  }
}

/// The first chip, many of one class behind one another, the last.
void System::chain() {
  classes = 3;
  unsigned length = pick(4, most), hop = pick(30, 60);
  for (unsigned i = 0; i < length; ++i)
    add(i == 0 ? 0 : i + 1 < length ? 1 : 2, i * hop + pick(0, 2));
  unsigned out[3] = {freeLink(0, true), freeLink(1, true), 0};
  unsigned in[3] = {0, freeLink(1, false), freeLink(2, false)};
  Channel channel;
  channel.senders = {{0, out[0]}, {1, out[1]}};
  channel.receivers = {{1, in[1]}, {2, in[2]}};
  channels.push_back(channel);
  for (unsigned i = 0; i + 1 < length; ++i)
    wire(i, out[package.chips[i].chipClass], i + 1,
         in[package.chips[i + 1].chipClass]);
}

/// Classes one behind the other, wired by a random permutation of their chips;
/// sometimes in a circle.
void System::stages() {
  classes = pick(2, 4);
  unsigned width = pick(1, std::max(1u, most / classes)), hop = pick(0, 60);
  for (unsigned c = 0; c < classes; ++c)
    for (unsigned i = 0; i < width; ++i)
      add(c, c * hop + pick(0, 5));
  unsigned edges = hop < 10 && pick(0, 1) ? classes : classes - 1;
  for (unsigned c = 0; c < edges; ++c) {
    unsigned next = (c + 1) % classes;
    unsigned out = freeLink(c, true), in = freeLink(next, false);
    Channel channel;
    channel.senders = {{c, out}};
    channel.receivers = {{next, in}};
    channels.push_back(channel);
    std::vector<unsigned> to(width);
    std::iota(to.begin(), to.end(), 0);
    std::shuffle(to.begin(), to.end(), random);
    for (unsigned i = 0; i < width; ++i)
      wire(c * width + i, out, next * width + to[i], in);
  }
}

/// Often, a port of all chips of a class that is wired to itself.
void System::loopback() {
  std::mt19937_64 own(seed); // so that the others draw what they always drew
  unsigned chipClass = own() % classes, link = own() % machine.links;
  if (own() % 2 || taken.count({chipClass, true, link}) ||
      taken.count({chipClass, false, link}))
    return;
  Channel channel;
  channel.senders = channel.receivers = {{chipClass, link}};
  channels.push_back(channel);
  for (unsigned i = 0; i < package.chips.size(); ++i)
    if (package.chips[i].chipClass == chipClass)
      wire(i, link, i, link);
}

/// Distances of starts; random ports of the same parity.
void System::finishChannels() {
  for (Channel &channel : channels) {
    channel.most = INT64_MIN;
    channel.least = INT64_MAX;
    for (const LinkWire &w : package.wires) {
      const Chip &from = package.chips[w.fromChip];
      if (llvm::none_of(channel.senders, [&](Channel::End end) {
            return end.chipClass == from.chipClass && end.link == w.fromLink;
          }))
        continue;
      int64_t later =
          int64_t(from.start) - int64_t(package.chips[w.toChip].start);
      channel.most = std::max(channel.most, later);
      channel.least = std::min(channel.least, later);
    }
  }
  for (Chip &chip : package.chips) {
    if (pick(0, 1))
      continue;
    std::vector<unsigned> half[2];
    for (unsigned link = 0; link < machine.links; ++link)
      half[link % 2].push_back(link);
    for (auto &ports : half)
      std::shuffle(ports.begin(), ports.end(), random);
    for (unsigned link = 0; link < machine.links; ++link)
      chip.links.push_back(half[link % 2][link / 2]);
  }
  for (LinkWire &w : package.wires) {
    w.fromLink = package.chips[w.fromChip].port(w.fromLink);
    w.toLink = package.chips[w.toChip].port(w.toLink);
  }
}

/// The shortest initiation interval that suits texts and channels.
uint64_t System::interval(const Timeline &time) {
  int64_t least = 1;
  for (unsigned c = 0; c < classes; ++c)
    least = std::max(least, time.over(c) + int64_t(restartCycles(package, c)));
  int64_t arrives = int64_t(machine.linkLatency) - int64_t(machine.linkMargin);
  auto suits = [&](int64_t interval) {
    return llvm::all_of(channels, [&](const Channel &channel) {
      size_t n = channel.sends.size();
      if (n == 0)
        return true;
      for (size_t k = 0; k < n; ++k) {
        size_t meets = k + machine.linkBuffer;
        if (channel.receives[k] >= channel.sends[meets % n] +
                                       int64_t(meets / n) * interval + arrives +
                                       channel.least)
          return false;
      }
      return channel.sends.front() + interval - channel.sends.back() >=
             int64_t(machine.linkInterval);
    });
  };
  while (!suits(least))
    ++least;
  return uint64_t(least);
}

Package System::make() {
  switch (pick(0, 3)) {
  case 0:
  case 1:
    mesh();
    break;
  case 2:
    chain();
    break;
  default:
    stages();
    break;
  }
  loopback();
  finishChannels();
  Generator generator(machine, classes, seed * 3 + 11,
                      /*messages=*/false);
  for (unsigned i = 0; i < 10 * classes; ++i) {
    if (!pick(0, 4))
      generator.align();
    if (pick(0, 2))
      generator.step();
    else
      generator.exchange(channels[random() % channels.size()]);
  }
  package.programName = "system" + std::to_string(seed);
  package = generator.finish(std::move(package));
  if (pick(0, 2))
    package.interval = interval(generator.time());
  return std::move(package);
}

} // namespace

Package lpu::test::makeRandomSystem(uint64_t seed, unsigned chips) {
  return System(seed, std::max(chips, 4u)).make();
}

Package lpu::test::mutateRelocation(const Package &original, uint64_t seed,
                                    std::string &what) {
  Package package = original;
  std::mt19937_64 random(seed * 11 + 5);
  unsigned number = unsigned(random() % package.chips.size());
  Chip &chip = package.chips[number];
  std::string name = "chip " + std::to_string(number) + ": ";
  switch (random() % 5) {
  case 4: // a row that some access may not find
    if (!chip.registers.empty()) {
      BaseRegister &base = chip.registers[random() % chip.registers.size()];
      base.value = random() % 2 ? package.machine.rows - 1 : 70;
      what = name + "register 7 of slice " + std::to_string(base.slice) +
             " is " + std::to_string(base.value);
      break;
    }
    [[fallthrough]];
  case 0: {
    uint64_t before = chip.start;
    chip.start = before > 0 && random() % 2 ? before - 1 : before + 1;
    what = name + "start " + std::to_string(before) + " -> " +
           std::to_string(chip.start);
    break;
  }
  case 1: {
    if (chip.links.empty())
      for (unsigned link = 0; link < package.machine.links; ++link)
        chip.links.push_back(link);
    unsigned a = unsigned(random() % chip.links.size()),
             b = unsigned((a + 2) % chip.links.size());
    std::swap(chip.links[a], chip.links[b]);
    what = name + "ports of links " + std::to_string(a) + " and " +
           std::to_string(b) + " swapped";
    break;
  }
  case 2:
    if (package.interval > 1) {
      --package.interval;
      what = "interval - 1";
      break;
    }
    [[fallthrough]];
  default:
    if (!package.wires.empty()) {
      size_t wire = random() % package.wires.size();
      package.wires.erase(package.wires.begin() + ptrdiff_t(wire));
      what = "wire " + std::to_string(wire) + " removed";
    }
    break;
  }
  return package;
}
