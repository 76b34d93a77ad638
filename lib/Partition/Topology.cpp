//===- Topology.cpp - which chips are wired to which ----------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lpu/Partition/Topology.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/YAMLParser.h"
#include "llvm/Support/raw_ostream.h"
#include <deque>

using namespace lpu;

//===----------------------------------------------------------------------===//
// Links
//===----------------------------------------------------------------------===//

/// `count` sets with `ports` ports each, every two joined by equally many
/// links: the set and port behind port `port` of set `self`. The ports of a set
/// take turns among its `members`; the second link between two sets leads from
/// each member to the neighbour of the one to which the first leads, and so on.
static std::optional<std::pair<unsigned, unsigned>>
evenly(unsigned self, unsigned port, unsigned count, unsigned ports,
       unsigned members) {
  if (count < 2)
    return std::nullopt;
  unsigned each = ports / (count - 1);
  if (each > members)
    each = std::min(each / members, members) * members;
  if (each == 0 || port >= each * (count - 1))
    return std::nullopt;
  unsigned other = port / each;
  other += other >= self;
  unsigned back = self < other ? self : self - 1;
  unsigned turn = port % each / members, member = port % each % members;
  if (turn > 0)
    member = (member + (self < other ? turn : members - turn)) % members;
  return std::make_pair(other, back * each + turn * members + member);
}

std::optional<LinkEnd> Topology::wired(unsigned chip, unsigned port) const {
  switch (kind) {
  case Links: {
    auto it = list.find({chip, port});
    if (it == list.end())
      return std::nullopt;
    return it->second;
  }
  case Ring:
  case Torus: {
    // Port b leads to chip b of the node; a chip's own number stays free.
    unsigned n = chipsPerNode, in = chip % n, node = chip / n, inNode = 0;
    if (n > 1) {
      if (port < n)
        return port == in ? std::nullopt
                          : std::make_optional(LinkEnd{node * n + port, in});
      inNode = n;
      port -= n;
    }
    unsigned direction = port / parallel, dim = direction / 2;
    if (dim >= dims.size())
      return std::nullopt;
    unsigned below = 1;
    for (unsigned d = dim + 1; d < dims.size(); ++d)
      below *= dims[d];
    unsigned size = dims[dim], at = node / below % size;
    if (size < 2)
      return std::nullopt;
    unsigned to = direction % 2 ? (at + size - 1) % size : (at + 1) % size;
    // Lines of odd number are numbered from their other end, so that each
    // begins beside the end of the one before.
    unsigned from = node / below, next = from - at + to;
    for (unsigned d = dim + 1; d < dims.size(); ++d) {
      below /= dims[d];
      unsigned place = node / below % dims[d];
      bool isTurned = (from ^ next) & 1;
      from = from * dims[d] + place;
      next = next * dims[d] + (isTurned ? dims[d] - 1 - place : place);
    }
    return LinkEnd{next * n + in,
                   inNode + (direction ^ 1) * parallel + port % parallel};
  }
  case Nodes:
  case Racks: {
    unsigned n = chipsPerNode, in = chip % n, node = chip / n;
    // Port b leads to chip b of the node, and a chip's own number is free to
    // leave the node. Where there are only ports for the others, they close up.
    bool ownLeaves = linksPerChip >= n;
    if (ownLeaves ? port < n && port != in : port + 1 < n) {
      if (ownLeaves)
        return LinkEnd{node * n + port, in};
      unsigned other = port < in ? port : port + 1;
      return LinkEnd{node * n + other, in < other ? in : in - 1};
    }
    // The ports of the node that leave it: its chips take turns.
    unsigned out = linksPerChip + 1 - n, turn = port < n ? 0 : port + 1 - n;
    out = std::min(out, uplinks.value_or(out));
    if (turn >= out)
      return std::nullopt;
    unsigned k = turn * n + in;
    unsigned nodes = (chips + n - 1) / n;
    auto end = [&](unsigned toNode, unsigned toPort) {
      unsigned to = toPort % n, number = toPort / n;
      return LinkEnd{toNode * n + to, number == 0 ? to : n - 1 + number};
    };
    if (kind == Nodes) {
      auto to = evenly(node, k, nodes, n * out, n);
      if (!to)
        return std::nullopt;
      return end(to->first, to->second);
    }
    unsigned rack = node / nodesPerRack, inRack = node % nodesPerRack;
    unsigned half = n * out / 2;
    if (k < half) {
      auto to = evenly(inRack, k, nodesPerRack, half, n);
      if (!to)
        return std::nullopt;
      return end(rack * nodesPerRack + to->first, to->second);
    }
    unsigned rest = n * out - half;
    unsigned racks = (nodes + nodesPerRack - 1) / nodesPerRack;
    auto to = evenly(rack, inRack * rest + (k - half), racks,
                     nodesPerRack * rest, nodesPerRack * rest);
    if (!to)
      return std::nullopt;
    return end(to->first * nodesPerRack + to->second / rest,
               half + to->second % rest);
  }
  }
  return std::nullopt;
}

bool Topology::isBroken(unsigned chip) const {
  return llvm::binary_search(brokenChips, chip);
}

std::optional<LinkEnd> Topology::peer(unsigned chip, unsigned port) const {
  if (chip >= chips || port >= linksPerChip || isBroken(chip) ||
      brokenLinks.count({chip, port}))
    return std::nullopt;
  std::optional<LinkEnd> to = wired(chip, port);
  if (!to || to->chip >= chips || to->chip == chip || isBroken(to->chip))
    return std::nullopt;
  return to;
}

llvm::SmallVector<unsigned, 2> Topology::portsTo(unsigned a, unsigned b) const {
  llvm::SmallVector<unsigned, 2> ports;
  for (unsigned p = 0; p < linksPerChip; ++p)
    if (auto to = peer(a, p); to && to->chip == b)
      ports.push_back(p);
  return ports;
}

std::optional<llvm::SmallVector<Hop, 6>> Topology::route(unsigned a,
                                                         unsigned b) const {
  llvm::SmallVector<Hop, 6> hops;
  if (a == b)
    return hops;
  if (a >= chips || b >= chips || isBroken(a) || isBroken(b))
    return std::nullopt;
  if (auto direct = portsTo(a, b); !direct.empty()) {
    hops.push_back({{a, direct[0]}, *peer(a, direct[0])});
    return hops;
  }
  // Breadth first from both ends; every link has two directions.
  std::map<unsigned, Hop> from, to; // how a chip was reached, from a and from b
  std::vector<unsigned> frontier[2] = {{a}, {b}};
  std::optional<unsigned> met;
  auto seen = [&](std::map<unsigned, Hop> &side, unsigned start,
                  unsigned chip) { return chip == start || side.count(chip); };
  while (!met && !frontier[0].empty() && !frontier[1].empty()) {
    unsigned s = frontier[0].size() <= frontier[1].size() ? 0 : 1;
    std::vector<unsigned> next;
    for (unsigned chip : frontier[s]) {
      for (unsigned p = 0; p < linksPerChip && !met; ++p) {
        auto end = peer(chip, p);
        if (!end || seen(s ? to : from, s ? b : a, end->chip))
          continue;
        LinkEnd here{chip, p};
        (s ? to : from)[end->chip] = s ? Hop{*end, here} : Hop{here, *end};
        next.push_back(end->chip);
        if (seen(s ? from : to, s ? a : b, end->chip))
          met = end->chip;
      }
    }
    frontier[s] = std::move(next);
  }
  if (!met)
    return std::nullopt;
  for (unsigned chip = *met; chip != a; chip = hops.back().from.chip)
    hops.push_back(from[chip]);
  std::reverse(hops.begin(), hops.end());
  for (unsigned chip = *met; chip != b; chip = hops.back().to.chip)
    hops.push_back(to[chip]);
  return hops;
}

std::optional<llvm::SmallVector<unsigned, 8>>
Topology::groupPorts(llvm::ArrayRef<unsigned> group) const {
  llvm::SmallVector<unsigned, 8> ports;
  for (unsigned to : group) {
    unsigned port = 0;
    while (port < linksPerChip &&
           !llvm::all_of(
               group,
               [&](unsigned from) {
                 auto end = from == to ? std::nullopt : peer(from, port);
                 return from == to || (end && end->chip == to);
               }))
      ++port;
    if (port == linksPerChip)
      return std::nullopt;
    ports.push_back(port);
  }
  return ports;
}

std::vector<unsigned> Topology::usable() const {
  std::vector<unsigned> result;
  for (unsigned c = 0; c < chips; ++c)
    if (!isBroken(c) && !llvm::binary_search(spare, c))
      result.push_back(c);
  return result;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// Nodes of a rack of the default topology.
static constexpr unsigned defaultRack = 9;

uint64_t lpu::mostDefaultChips(const Machine &machine) {
  // Every node has a link to every other; or to those of its rack, with half of
  // its uplinks, and every rack to every other.
  uint64_t perNode = std::max(1u, machine.nodeChips),
           out = perNode * machine.nodeUplinks(), nodes = out + 1;
  if (out / 2 >= defaultRack - 1)
    nodes = std::max(nodes, defaultRack * (defaultRack * (out - out / 2) + 1));
  return nodes * perNode;
}

llvm::Expected<Topology> lpu::defaultTopology(const Machine &machine,
                                              unsigned chips) {
  unsigned perNode = std::max(1u, machine.nodeChips);
  unsigned out = perNode * machine.nodeUplinks();
  if (uint64_t most = mostDefaultChips(machine); chips > most)
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        llvm::formatv("{0} chips were asked for; nodes of {1} {2} chips, with "
                      "{3} links out of each, make a system of {4} chips at "
                      "most; use --chips {4} or less, or wire a ring or torus "
                      "with --topology",
                      chips, perNode, machine.name, out, most));
  unsigned nodes = (chips + perNode - 1) / perNode;
  bool hasRacks = nodes > out + 1;
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "kind: " << (hasRacks ? "racks" : "nodes") << "\nchips: " << chips
     << "\nchips_per_node: " << perNode << "\nlinks_per_chip: " << machine.links
     << "\n";
  if (machine.nodeUplinks() != std::max(machine.links + 1, perNode) - perNode)
    os << "uplinks: " << machine.nodeUplinks() << "\n";
  if (hasRacks)
    os << "nodes_per_rack: " << defaultRack << "\n";
  return parseTopology(text, ("links of " + llvm::Twine(machine.name)).str(),
                       machine);
}

namespace {
class Parser {
public:
  Parser(llvm::StringRef text, llvm::StringRef origin, const Machine &machine)
      : stream(text, sources, /*ShowColors=*/false), origin(origin),
        machine(machine) {
    t.text = text.str();
    t.linksPerChip = machine.links;
    t.chipsPerNode = std::max(1u, machine.nodeChips);
    t.chips = 0;
    sources.setDiagHandler(
        [](const llvm::SMDiagnostic &d, void *self) {
          static_cast<Parser *>(self)->problem(
              "line " + llvm::Twine(d.getLineNo()) + ": " + d.getMessage());
        },
        this);
  }

  llvm::Expected<Topology> run();

private:
  void problem(const llvm::Twine &text) {
    problems += (problems.empty() ? "" : "\nerror: ") + origin.str() + ": " +
                text.str();
  }
  bool number(llvm::yaml::Node *node, llvm::StringRef field, unsigned &into);
  void numbers(llvm::yaml::Node *node, llvm::StringRef field,
               std::vector<std::vector<unsigned>> &into);
  void read();
  void check();
  void reach();

  Topology t;
  llvm::SourceMgr sources;
  llvm::yaml::Stream stream;
  llvm::StringRef origin;
  const Machine &machine;
  std::string problems;
  bool hasNodeSize = false; // chips_per_node was given
  std::vector<std::vector<unsigned>> links, brokenLinks;
};
} // namespace

bool Parser::number(llvm::yaml::Node *node, llvm::StringRef field,
                    unsigned &into) {
  auto *scalar = llvm::dyn_cast_or_null<llvm::yaml::ScalarNode>(node);
  llvm::SmallString<16> storage;
  if (scalar && !scalar->getValue(storage).getAsInteger(10, into))
    return true;
  problem(field + " is no natural number");
  return false;
}

/// A list of numbers, or of lists of numbers.
void Parser::numbers(llvm::yaml::Node *node, llvm::StringRef field,
                     std::vector<std::vector<unsigned>> &into) {
  auto *sequence = llvm::dyn_cast_or_null<llvm::yaml::SequenceNode>(node);
  if (!sequence)
    return problem(field + " is no list");
  for (llvm::yaml::Node &element : *sequence) {
    into.emplace_back();
    unsigned value;
    if (auto *inner = llvm::dyn_cast<llvm::yaml::SequenceNode>(&element)) {
      for (llvm::yaml::Node &each : *inner)
        if (number(&each, field, value))
          into.back().push_back(value);
    } else if (number(&element, field, value)) {
      into.back().push_back(value);
    }
  }
}

void Parser::read() {
  auto document = stream.begin();
  auto *map = document == stream.end()
                  ? nullptr
                  : llvm::dyn_cast_or_null<llvm::yaml::MappingNode>(
                        document->getRoot());
  if (!map) {
    if (problems.empty())
      problem("is no list of fields");
    return;
  }
  std::vector<std::vector<unsigned>> list;
  for (llvm::yaml::KeyValueNode &entry : *map) {
    auto *key = llvm::dyn_cast_or_null<llvm::yaml::ScalarNode>(entry.getKey());
    if (!key)
      return problem("has a field without a name");
    llvm::SmallString<16> storage, valueStorage;
    std::string field = key->getValue(storage).str();
    llvm::yaml::Node *value = entry.getValue();
    list.clear();
    if (field == "kind") {
      auto *scalar = llvm::dyn_cast_or_null<llvm::yaml::ScalarNode>(value);
      std::string name =
          scalar ? scalar->getValue(valueStorage).str() : std::string();
      auto kind = llvm::StringSwitch<std::optional<Topology::Kind>>(name)
                      .Case("nodes", Topology::Nodes)
                      .Case("racks", Topology::Racks)
                      .Case("ring", Topology::Ring)
                      .Case("torus", Topology::Torus)
                      .Case("links", Topology::Links)
                      .Default(std::nullopt);
      if (!kind)
        problem("kind \"" + name +
                "\" is none of nodes, racks, ring, torus, links");
      else
        t.kind = *kind;
    } else if (field == "chips") {
      number(value, field, t.chips);
    } else if (field == "chips_per_node") {
      number(value, field, t.chipsPerNode);
      hasNodeSize = true;
    } else if (field == "nodes_per_rack") {
      number(value, field, t.nodesPerRack);
    } else if (field == "links_per_chip") {
      number(value, field, t.linksPerChip);
    } else if (field == "uplinks") {
      number(value, field, t.uplinks.emplace());
    } else if (field == "parallel") {
      number(value, field, t.parallel);
    } else if (field == "dims") {
      numbers(value, field, list);
      for (auto &each : list)
        t.dims.append(each.begin(), each.end());
    } else if (field == "links") {
      numbers(value, field, links);
    } else if (field == "broken_links") {
      numbers(value, field, brokenLinks);
    } else if (field == "spare" || field == "broken_chips") {
      numbers(value, field, list);
      for (auto &each : list)
        for (unsigned chip : each)
          (field == "spare" ? t.spare : t.brokenChips).push_back(chip);
    } else {
      problem("unknown field \"" + field + "\"");
    }
  }
}

void Parser::check() {
  bool isTorus = t.kind == Topology::Ring || t.kind == Topology::Torus;
  if (isTorus && !hasNodeSize)
    t.chipsPerNode = 1;
  if (t.kind == Topology::Torus && t.chips == 0) {
    t.chips = t.dims.empty() ? 0 : std::max(1u, t.chipsPerNode);
    for (unsigned size : t.dims)
      t.chips *= size;
  }
  if (t.chips == 0 || t.chips > (1u << 20))
    return problem("chips is " + llvm::Twine(t.chips) +
                   "; a system has 1 to 1048576");
  if (t.linksPerChip > machine.links)
    problem("links_per_chip is " + llvm::Twine(t.linksPerChip) +
            ", but a chip of " + machine.name + " has " +
            llvm::Twine(machine.links) + " links");
  unsigned needs = 0;
  switch (t.kind) {
  case Topology::Ring:
    t.dims.assign(1, t.chips / std::max(1u, t.chipsPerNode));
    [[fallthrough]];
  case Topology::Torus: {
    if (t.chipsPerNode == 0)
      problem("chips_per_node is 0");
    uint64_t product = t.chipsPerNode;
    for (unsigned size : t.dims)
      product *= size;
    if (t.dims.empty() || product != t.chips)
      problem((t.chipsPerNode > 1 ? "dims and chips_per_node multiply to "
                                  : "dims multiply to ") +
              llvm::Twine(product) + ", not to " + llvm::Twine(t.chips) +
              " chips");
    if (t.parallel == 0)
      problem("parallel is 0: neighbours need a link");
    needs = 2 * t.dims.size() * t.parallel +
            (t.chipsPerNode > 1 ? t.chipsPerNode : 0);
    break;
  }
  case Topology::Racks:
    if (t.nodesPerRack == 0)
      problem("nodes_per_rack is 0");
    [[fallthrough]];
  case Topology::Nodes:
    if (t.chipsPerNode == 0)
      problem("chips_per_node is 0");
    needs = std::min(t.chips, t.chipsPerNode) - 1 + (t.chips > t.chipsPerNode);
    break;
  case Topology::Links:
    break;
  }
  if (needs > t.linksPerChip)
    problem("every chip needs " + llvm::Twine(needs) + " links, but has " +
            llvm::Twine(t.linksPerChip));
  if (!problems.empty())
    return;

  auto name = [](LinkEnd end) {
    return "chip " + std::to_string(end.chip) + " port " +
           std::to_string(end.port);
  };
  for (auto &link : links) {
    if (link.size() != 4) {
      problem("a link is [chip, port, chip, port]");
      continue;
    }
    LinkEnd a{link[0], link[1]}, b{link[2], link[3]};
    bool isPossible = true;
    for (LinkEnd end : {a, b}) {
      if (end.chip >= t.chips || end.port >= t.linksPerChip) {
        problem("link from " + name(a) + " to " + name(b) + ": there is no " +
                name(end) + "; chips 0 to " + llvm::Twine(t.chips - 1) +
                " have ports 0 to " + llvm::Twine(int(t.linksPerChip) - 1));
        isPossible = false;
      } else if (t.list.count(end)) {
        problem("two links end at " + name(end));
        isPossible = false;
      }
    }
    if (a.chip == b.chip) {
      problem("a link joins chip " + llvm::Twine(a.chip) + " to itself");
      isPossible = false;
    }
    if (isPossible) {
      t.list[a] = b;
      t.list[b] = a;
    }
  }
  for (std::vector<unsigned> *list : {&t.spare, &t.brokenChips}) {
    llvm::sort(*list);
    if (!list->empty() && list->back() >= t.chips)
      problem("chip " + llvm::Twine(list->back()) +
              " is spare or broken, but the last chip is " +
              llvm::Twine(t.chips - 1));
  }
  for (auto &link : brokenLinks) {
    std::optional<LinkEnd> other;
    if (link.size() == 2)
      other = t.peer(link[0], link[1]);
    if (!other) {
      problem(link.size() == 2
                  ? "the broken link at " + name({link[0], link[1]}) +
                        " does not exist"
                  : std::string("a broken link is [chip, port]"));
      continue;
    }
    t.brokenLinks.insert({link[0], link[1]});
    t.brokenLinks.insert(*other);
  }
}

/// Every usable chip reaches every other one.
void Parser::reach() {
  std::vector<unsigned> chips = t.usable();
  if (chips.empty())
    return problem("all chips are spare or broken");
  std::vector<bool> seen(t.chips, false);
  std::deque<unsigned> work{chips.front()};
  seen[chips.front()] = true;
  while (!work.empty()) {
    unsigned chip = work.front();
    work.pop_front();
    for (unsigned p = 0; p < t.linksPerChip; ++p)
      if (auto to = t.peer(chip, p); to && !seen[to->chip]) {
        seen[to->chip] = true;
        work.push_back(to->chip);
      }
  }
  std::vector<unsigned> lost;
  for (unsigned chip : chips)
    if (!seen[chip])
      lost.push_back(chip);
  if (lost.empty())
    return;
  std::string names;
  for (unsigned i = 0; i < lost.size() && i < 8; ++i)
    names += (i ? ", " : "") + std::to_string(lost[i]);
  problem("no links lead from chip " + llvm::Twine(chips.front()) + " to chip" +
          (lost.size() > 1 ? "s " : " ") + names +
          (lost.size() > 8 ? " and " + std::to_string(lost.size() - 8) + " more"
                           : std::string()) +
          "; wire " + (lost.size() > 1 ? "them" : "it") +
          ", or list as broken_chips");
}

llvm::Expected<Topology> Parser::run() {
  read();
  if (problems.empty())
    check();
  if (problems.empty())
    reach();
  if (!problems.empty())
    return llvm::createStringError(llvm::inconvertibleErrorCode(), problems);
  return std::move(t);
}

llvm::Expected<Topology> lpu::parseTopology(llvm::StringRef text,
                                            llvm::StringRef origin,
                                            const Machine &machine) {
  return Parser(text, origin, machine).run();
}

llvm::Expected<Topology> lpu::loadTopology(llvm::StringRef path,
                                           const Machine &machine) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return llvm::createStringError(buffer.getError(),
                                   "cannot read topology \"" + path +
                                       "\": " + buffer.getError().message());
  return parseTopology((*buffer)->getBuffer(), path, machine);
}
