//===- Routes.cpp - ways of values over links -----------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value takes the fewest links. It leaves from every chip that has it and is
// nearest to the chips that need it, and over every link that does not make the
// way longer, each time along another tree: its columns spread over the links
// between two stages. A tree leaves a chip at one end, since a row is read onto
// one stream. Chips that hand it on are of the two stages, or of the few
// before; where these do not reach, of the few behind, then of stages farther
// away: what a chip hands on is in its run, so the nearer its own work, the
// shorter the interval.
//
//===----------------------------------------------------------------------===//

#include "Prepared.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

using namespace lpu;
using namespace lpu::pipelines;
using schedule::LinkHop;
using schedule::Transfer;

namespace {
using Tree = std::vector<LinkHop>;

class Router {
public:
  explicit Router(Prepared &prepared)
      : prepared(prepared), topology(prepared.program->topology) {
    for (auto [i, chip] : llvm::enumerate(prepared.chips))
      numbers[chip.number] = unsigned(i);
  }

  void route(Transfer &value);
  void nameLinks(std::vector<Transfer> &values);

private:
  using Links = llvm::SmallDenseSet<std::pair<unsigned, unsigned>, 16>;
  std::optional<Tree> treeFrom(unsigned source, bool end, const Transfer &value,
                               unsigned apart, bool useLater,
                               const Links &without) const;

  Prepared &prepared;
  const Topology &topology;
  llvm::DenseMap<unsigned, unsigned> numbers; // from the system's
};
} // namespace

/// Shortest ways from one chip to all targets by way of stages that are at most
/// `apart` stages in front of the two (or behind, with `useLater`); its first
/// hops leave at one end, and no hop takes a link `without`.
std::optional<Tree> Router::treeFrom(unsigned source, bool end,
                                     const Transfer &value, unsigned apart,
                                     bool useLater,
                                     const Links &without) const {
  // Crews are numbered as stages are.
  unsigned crew = prepared.chips[value.targets.front().chip].crew,
           from = prepared.chips[source].crew;
  unsigned first = std::min(from, crew), last = std::max(from, crew);
  llvm::SmallDenseSet<unsigned, 8> targets;
  for (const Transfer::End &target : value.targets)
    targets.insert(target.chip);
  llvm::SmallDenseMap<unsigned, LinkHop, 16> reached; // by chip: the hop to it
  std::vector<unsigned> work = {source};
  unsigned left = targets.size();
  for (size_t next = 0; next < work.size() && left; ++next) {
    const PreparedChip &chip = prepared.chips[work[next]];
    for (unsigned port = 0; port < topology.linksPerChip && left; ++port) {
      if ((next == 0 && (port % 2 == 1) != end) ||
          without.contains({work[next], port}))
        continue;
      auto there = topology.peer(chip.number, port);
      if (!there || chip.loop == port)
        continue;
      auto known = numbers.find(there->chip);
      if (known == numbers.end() || known->second == source)
        continue;
      unsigned to = known->second;
      unsigned own = prepared.chips[to].crew;
      bool isAllowed =
          own + apart >= first && own <= (useLater ? last + apart : last);
      if (!isAllowed || prepared.chips[to].loop == there->port ||
          !reached.try_emplace(to, LinkHop{work[next], port, to, there->port})
               .second)
        continue;
      work.push_back(to);
      left -= targets.contains(to);
    }
  }
  if (left)
    return std::nullopt;
  // The hops that lead to a target, in the order in which they were found.
  llvm::SmallDenseSet<unsigned, 16> needed;
  for (unsigned target : targets)
    for (unsigned chip = target; chip != source && needed.insert(chip).second;)
      chip = reached[chip].from;
  Tree tree;
  for (unsigned chip : llvm::drop_begin(work))
    if (needed.contains(chip))
      tree.push_back(reached[chip]);
  return tree;
}

static unsigned depthOf(const Tree &tree) {
  llvm::SmallDenseMap<unsigned, unsigned, 16> depths;
  unsigned most = 0;
  for (const LinkHop &hop : tree) {
    unsigned depth = depths.lookup(hop.from) + 1;
    depths[hop.to] = depth;
    most = std::max(most, depth);
  }
  return most;
}

void Router::route(Transfer &value) {
  constexpr size_t mostTrees = 8;
  unsigned most = unsigned(prepared.crews.size());
  constexpr unsigned near = 4;
  bool useLater = false;
  for (unsigned apart = near;;) {
    unsigned best = UINT_MAX;
    for (const Transfer::End &source : value.sources)
      for (bool end : {false, true}) {
        Links taken;
        while (auto tree =
                   treeFrom(source.chip, end, value, apart, useLater, taken)) {
          unsigned depth = depthOf(*tree);
          if (depth > best)
            break;
          if (depth < best)
            value.trees.clear();
          best = depth;
          if (value.trees.size() == mostTrees)
            break;
          for (const LinkHop &hop : *tree)
            taken.insert({hop.from, hop.fromPort});
          value.trees.push_back(std::move(*tree));
        }
      }
    if (!value.trees.empty() || (useLater && apart >= most))
      return;
    if (useLater)
      apart *= 2;
    useLater = !useLater;
  }
}

/// A chip's links outside of its group get numbers in the order of their use;
/// even ones stay even, as they stand at the same end of the chip.
void Router::nameLinks(std::vector<Transfer> &values) {
  unsigned count = topology.linksPerChip;
  struct Names {
    std::vector<int> ofPort;
    std::vector<bool> isTaken;
  };
  std::vector<Names> names(prepared.chips.size());
  for (auto [c, chip] : llvm::enumerate(prepared.chips)) {
    names[c].ofPort.assign(count, -1);
    names[c].isTaken.assign(count, false);
    const Crew &crew = prepared.crews[chip.crew];
    for (auto [member, link] : llvm::zip(crew.chips, crew.links)) {
      names[c].ofPort[member == c ? *chip.loop : link] = int(link);
      names[c].isTaken[link] = true;
    }
  }
  auto nameOf = [&](unsigned chip, unsigned port) {
    Names &own = names[chip];
    if (own.ofPort[port] < 0) {
      unsigned link = port % 2;
      while (own.isTaken[link])
        link += 2;
      own.ofPort[port] = int(link);
      own.isTaken[link] = true;
    }
    return unsigned(own.ofPort[port]);
  };
  for (Transfer &value : values)
    for (Tree &tree : value.trees)
      for (LinkHop &hop : tree) {
        hop.fromPort = nameOf(hop.from, hop.fromPort);
        hop.toPort = nameOf(hop.to, hop.toPort);
      }
  for (auto [c, chip] : llvm::enumerate(prepared.chips)) {
    for (unsigned port = 0; port < count; ++port)
      nameOf(unsigned(c), port);
    chip.links.resize(count);
    bool isPlain = true;
    for (unsigned port = 0; port < count; ++port) {
      chip.links[names[c].ofPort[port]] = port;
      isPlain &= names[c].ofPort[port] == int(port);
    }
    if (isPlain)
      chip.links.clear();
  }
}

void pipelines::route(Prepared &prepared, std::vector<Transfer> &values) {
  Router router(prepared);
  for (Transfer &value : values)
    router.route(value);
  router.nameLinks(values);
}
