//===- Topology.h - which chips are wired to which --------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A topology is a formula, not a table: the link behind port p of chip c is
// computed, so that 10,440 chips cost no more memory than eight. Kinds:
//
// * `nodes`: chips of a node are fully connected; `uplinks` other ports of each
//   of its chips (all, if not said) join it to all other nodes, evenly, and
//   spread: no two chips are joined by more than one link.
// * `racks`: half of those ports join the nodes of a rack, the other half join
//   racks, evenly.
// * `ring`, `torus` (two or three dims): neighbours, `parallel` links each.
//   Chips are numbered along a line that turns round at the edges, so that each
//   is a neighbour of the next. With `chips_per_node` the neighbours are nodes,
//   whose chips are fully connected, and chip i of a node is joined to chip i
//   of the next one.
// * `links`: a list.
//
// Spare and broken chips and broken links are named in lists; what is broken
// has no links. Text form (YAML), for example:
//
//     kind: nodes
//     chips: 64
//     chips_per_node: 8
//     links_per_chip: 11
//     spare: [56, 57, 58, 59, 60, 61, 62, 63]
//
//===----------------------------------------------------------------------===//

#ifndef LPU_PARTITION_TOPOLOGY_H
#define LPU_PARTITION_TOPOLOGY_H

#include "lpu/Target/Machine.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <map>
#include <optional>
#include <set>

namespace lpu {

/// One end of a link.
struct LinkEnd {
  unsigned chip = 0, port = 0;
  bool operator<(const LinkEnd &o) const {
    return std::make_pair(chip, port) < std::make_pair(o.chip, o.port);
  }
  bool operator==(const LinkEnd &o) const {
    return chip == o.chip && port == o.port;
  }
};

/// Leaves `from` and enters `to`.
struct Hop {
  LinkEnd from, to;
};

class Topology {
public:
  enum Kind { Nodes, Racks, Ring, Torus, Links };

  Kind kind = Nodes;
  unsigned chips = 1, chipsPerNode = 1, nodesPerRack = 1, linksPerChip = 0,
           parallel = 1;
  std::optional<unsigned> uplinks;
  llvm::SmallVector<unsigned, 3> dims;      // torus
  std::map<LinkEnd, LinkEnd> list;          // links, both directions
  std::vector<unsigned> spare, brokenChips; // sorted
  std::set<LinkEnd> brokenLinks;            // both ends
  std::string text;                         // what it was parsed from

  /// The other end of port `port` of `chip`; nullopt if nothing is there.
  std::optional<LinkEnd> peer(unsigned chip, unsigned port) const;
  /// Ports of `a` whose link ends at `b`.
  llvm::SmallVector<unsigned, 2> portsTo(unsigned a, unsigned b) const;
  /// A shortest route; empty if a == b, nullopt if there is none.
  std::optional<llvm::SmallVector<Hop, 6>> route(unsigned a, unsigned b) const;
  /// For chips that are joined directly, each by the same port of all others:
  /// that port, by chip; nullopt for others. A chip's own one may lead
  /// anywhere.
  std::optional<llvm::SmallVector<unsigned, 8>>
  groupPorts(llvm::ArrayRef<unsigned> group) const;
  /// Chips that a program may use: neither spare nor broken, in order.
  std::vector<unsigned> usable() const;
  bool isBroken(unsigned chip) const;
  /// True if chips stand in nodes of `chipsPerNode`, each fully connected.
  bool hasNodes() const {
    return kind == Nodes || kind == Racks ||
           ((kind == Ring || kind == Torus) && chipsPerNode > 1);
  }

private:
  std::optional<LinkEnd> wired(unsigned chip, unsigned port) const;
};

/// The largest system that is wired so.
uint64_t mostDefaultChips(const Machine &machine);
/// `chips` chips wired as the machine file says (`node_chips`, `links`): one
/// node, or nodes that are fully connected; racks of nine nodes beyond that. An
/// error if its links do not reach all of them.
llvm::Expected<Topology> defaultTopology(const Machine &machine,
                                         unsigned chips);

/// Parses the text form. The error lists everything that is wrong with it: a
/// link that does not exist, a port used twice, a chip that cannot be reached,
/// more ports than the machine has links.
llvm::Expected<Topology> parseTopology(llvm::StringRef text,
                                       llvm::StringRef origin,
                                       const Machine &machine);

/// Reads a file.
llvm::Expected<Topology> loadTopology(llvm::StringRef path,
                                      const Machine &machine);

} // namespace lpu

#endif // LPU_PARTITION_TOPOLOGY_H
