//===- Links.cpp - sends and receives across chips ------------------------===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/isa.md, section 8. The k-th receive of a link takes its k-th send. Both
// are sequences of progressions, so over a piece of k in which neither changes
// its interval their distance is linear in k: its ends decide.
//
// What chips of one class send and receive, and when, differs only by their
// starts. So a port is judged once per class, and a wire once for its two
// classes, its two links and the distance of the starts; only if that finds
// something does every such wire get its own report.
//
// With an initiation interval the sends of later runs follow those of the first
// at that distance: they may meet vectors of the first run in the buffer.
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include <map>
#include <set>

using namespace lpu;
using namespace lpu::verify;
using isa::Opcode;

namespace {

/// The issues of a link queue by number.
class Sequence {
public:
  Sequence() = default;
  /// \p times runs, one every \p interval cycles.
  explicit Sequence(const QueueTrace *queue, int64_t times = 1,
                    int64_t interval = 0)
      : queue(queue) {
    if (!queue)
      return;
    for (int64_t i = 0; i < times; ++i)
      for (const Run &run : queue->runs) {
        Progression issues = queue->issues(run);
        issues.first += i * interval;
        parts.push_back({issues, run.text, total});
        total += issues.count;
      }
  }
  int64_t size() const { return total; }

  struct Part {
    Progression issues;
    uint32_t text;
    int64_t number; // of its first issue
    int64_t end() const { return number + issues.count; }
    int64_t cycle(int64_t k) const { return issues.at(k - number); }
  };
  /// The part with issue k; \p hint is advanced to it.
  const Part &part(int64_t k, size_t &hint) const {
    while (parts[hint].end() <= k)
      ++hint;
    return parts[hint];
  }
  Issue issue(int64_t k) const {
    size_t hint = 0;
    const Part &p = part(k, hint);
    return {queue, p.text, p.cycle(k)};
  }
  const std::vector<Part> &list() const { return parts; }

private:
  const QueueTrace *queue = nullptr;
  std::vector<Part> parts;
  int64_t total = 0;
};

/// The smallest k in [0, n) with a[k + shift] - b[k] < least, or -1.
int64_t firstCloser(const Sequence &a, const Sequence &b, int64_t shift,
                    int64_t n, int64_t least) {
  size_t ha = 0, hb = 0;
  for (int64_t k = 0; k < n;) {
    const Sequence::Part &pa = a.part(k + shift, ha), &pb = b.part(k, hb);
    int64_t end = std::min({n, pa.end() - shift, pb.end()});
    auto distance = [&](int64_t i) {
      return pa.cycle(i + shift) - pb.cycle(i);
    };
    if (distance(k) < least)
      return k;
    if (distance(end - 1) < least) {
      int64_t fall = pb.issues.interval - pa.issues.interval; // > 0
      return k + (distance(k) - least) / fall + 1;
    }
    k = end;
  }
  return -1;
}

class Links {
public:
  Links(const Package &package, const std::vector<const ChipTrace *> &traces,
        const Options &options, Reporter &reporter, Result &result)
      : package(package), traces(traces), options(options), reporter(reporter),
        result(result), machine(package.machine) {}

  void check();

private:
  const QueueTrace *queue(unsigned chip, Unit unit, unsigned link) const {
    return traces[chip]->find(machine.queueNumber(unit, link));
  }
  const Sequence &sequence(unsigned chip, Unit unit, unsigned link);
  void checkWired(unsigned chip);
  void checkSpacing(unsigned chip, unsigned link);
  void checkWire(const LinkWire &wire);
  void checkReceived(const LinkWire &wire);
  std::vector<Issue> resyncs(unsigned chip) const;
  void checkDrift(unsigned chip);
  void checkRest(const LinkWire &wire);
  std::vector<int64_t> alignments(unsigned chip) const;
  void measureClocks(const LinkWire &wire);
  /// The link numbers at the ends of a wire.
  unsigned outLink(const LinkWire &wire) const {
    return linkOf[wire.fromChip][wire.fromLink];
  }
  unsigned inLink(const LinkWire &wire) const {
    return linkOf[wire.toChip][wire.toLink];
  }
  /// How much later the receiver's cycles are than the sender's.
  int64_t distance(const LinkWire &wire) const {
    return int64_t(package.chips[wire.toChip].start) -
           int64_t(package.chips[wire.fromChip].start);
  }
  template <typename Judge> void forEachKind(Judge judge);

  const Package &package;
  const std::vector<const ChipTrace *> &traces;
  const Options &options;
  Reporter &reporter;
  Result &result;
  const Machine &machine;
  std::vector<std::vector<unsigned>> linkOf;                 // [chip][port]
  std::set<std::pair<unsigned, unsigned>> wiredOut, wiredIn; // chip, link
  std::map<std::tuple<const ChipTrace *, Unit, unsigned>, Sequence> sequences;
};

const Sequence &Links::sequence(unsigned chip, Unit unit, unsigned link) {
  auto [place, fresh] = sequences.try_emplace({traces[chip], unit, link});
  if (fresh)
    place->second = Sequence(queue(chip, unit, link));
  return place->second;
}

void Links::checkWired(unsigned chip) {
  for (unsigned link = 0; link < machine.links; ++link) {
    const Sequence &sends = sequence(chip, Unit::LinkSend, link);
    const Sequence &recvs = sequence(chip, Unit::LinkRecv, link);
    if (sends.size() && !wiredOut.count({chip, link})) {
      Issue first = sends.issue(0);
      reporter.add(Fault::LinkOverrun, first.cycle, first, std::nullopt,
                   "no wire leaves this port");
    }
    if (recvs.size() && !wiredIn.count({chip, link})) {
      Issue first = recvs.issue(0);
      reporter.add(Fault::LinkUnderrun, first.cycle, first, std::nullopt,
                   "no wire arrives at this port");
    }
  }
}

void Links::checkSpacing(unsigned chip, unsigned link) {
  const Sequence &sends = sequence(chip, Unit::LinkSend, link);
  const QueueTrace *q = queue(chip, Unit::LinkSend, link);
  int64_t interval = machine.linkInterval, again = package.interval;
  auto report = [&](Issue here, Issue other) {
    reporter.add(Fault::LinkOverrun, here.cycle, here, other,
                 "sends are at least " + llvm::Twine(interval) +
                     " cycles apart");
  };
  const Sequence::Part *previous = nullptr;
  for (const Sequence::Part &part : sends.list()) {
    auto at = [&](const Sequence::Part &p, int64_t i) {
      return Issue{q, p.text, p.issues.at(i)};
    };
    if (previous && part.issues.first - previous->issues.last() < interval)
      report(at(part, 0), at(*previous, previous->issues.count - 1));
    if (part.issues.count > 1 && part.issues.interval < interval)
      report(at(part, 1), at(part, 0));
    previous = &part;
  }
  if (again == 0 || sends.size() == 0)
    return;
  Issue first = sends.issue(0), last = sends.issue(sends.size() - 1);
  first.cycle += again; // of the next run
  if (first.cycle - last.cycle < interval)
    report(first, last);
}

void Links::checkWire(const LinkWire &wire) {
  const Sequence &sends =
      sequence(wire.fromChip, Unit::LinkSend, outLink(wire));
  const Sequence &recvs = sequence(wire.toChip, Unit::LinkRecv, inLink(wire));
  int64_t latency = machine.linkLatency, margin = machine.linkMargin;
  int64_t both = std::min(sends.size(), recvs.size());
  int64_t later = distance(wire);

  int64_t early = firstCloser(recvs, sends, 0, both, latency + margin - later);
  if (early >= 0) {
    Issue recv = recvs.issue(early), send = sends.issue(early);
    // A vector that was not even sent is no party.
    bool underWay = send.cycle < recv.cycle + later;
    reporter.addAcross(
        Fault::LinkUnderrun, recv.cycle, wire.toChip, recv,
        underWay ? std::optional<Issue>(send) : std::nullopt, wire.fromChip,
        "the vector is receivable from cycle " +
            llvm::Twine(send.cycle +
                        int64_t(package.chips[wire.fromChip].start) + latency +
                        margin));
  }
  if (recvs.size() > sends.size()) {
    Issue recv = recvs.issue(sends.size());
    reporter.addAcross(Fault::LinkUnderrun, recv.cycle, wire.toChip, recv,
                       std::nullopt, wire.fromChip,
                       "receive " + llvm::Twine(sends.size() + 1) + " of " +
                           llvm::Twine(sends.size()) + " sends");
  }
  // Vector k still waits when vector k + buffer arrives, at the earliest:
  // send[k + buffer] + latency - margin <= recv[k]. One that is never received
  // waits for ever. With an interval, vector k + buffer may be of a later run.
  int64_t buffer = machine.linkBuffer;
  const Sequence *met = &sends;
  Sequence repeated;
  if (package.interval != 0 && sends.size() == recvs.size() && both > 0) {
    repeated = Sequence(queue(wire.fromChip, Unit::LinkSend, outLink(wire)),
                        buffer / both + 2, package.interval);
    met = &repeated;
  }
  int64_t behind = met->size() - buffer;
  int64_t full =
      firstCloser(*met, recvs, buffer, std::min(behind, recvs.size()),
                  margin - latency + 1 + later);
  if (full < 0 && met == &sends && behind > recvs.size())
    full = recvs.size();
  if (full >= 0) {
    Issue send = met->issue(full + buffer);
    reporter.addAcross(Fault::LinkOverrun, send.cycle + latency - margin,
                       wire.fromChip, send, met->issue(full), wire.fromChip,
                       "more than " + llvm::Twine(buffer) +
                           " vectors wait in the receive buffer");
  }
}

/// Judged at the end of the program, so only if nothing else goes wrong.
void Links::checkReceived(const LinkWire &wire) {
  const Sequence &sends =
      sequence(wire.fromChip, Unit::LinkSend, outLink(wire));
  const Sequence &recvs = sequence(wire.toChip, Unit::LinkRecv, inLink(wire));
  if (sends.size() <= recvs.size())
    return;
  Issue send = sends.issue(recvs.size());
  int64_t t = send.cycle + machine.linkLatency + machine.linkMargin;
  reporter.addAcross(Fault::LiveValueLost, t, wire.fromChip, send, std::nullopt,
                     wire.fromChip, "the vector is never received");
}

std::vector<Issue> Links::resyncs(unsigned chip) const {
  std::vector<Issue> result;
  if (const QueueTrace *control = queue(chip, Unit::Control, 0))
    for (const Run &run : control->runs)
      result.push_back({control, run.text, run.first});
  return result;
}

/// Time since the last resync at every send and receive, and the rest of the
/// sends behind it.
void Links::checkDrift(unsigned chip) {
  std::vector<Issue> resyncs = this->resyncs(chip);
  for (unsigned link = 0; link < machine.links; ++link)
    for (Unit unit : {Unit::LinkSend, Unit::LinkRecv}) {
      const QueueTrace *q = queue(chip, unit, link);
      if (!q)
        continue;
      for (const Run &run : q->runs) {
        Progression issues = q->issues(run);
        // A resync in the cycle of a send comes after it. Up to the next one,
        // no issue lies behind r + resync_cycles.
        auto it = std::lower_bound(
            resyncs.begin(), resyncs.end(), issues.first,
            [](const Issue &r, int64_t t) { return r.cycle < t; });
        for (size_t i = it - resyncs.begin();; ++i) {
          int64_t since = i ? resyncs[i - 1].cycle : 0;
          int64_t next = i < resyncs.size() ? resyncs[i].cycle : INT64_MAX;
          if (int64_t k = issues.countBelow(since + 1);
              unit == Unit::LinkSend && i && k < issues.count &&
              issues.at(k) <= std::min(since + machine.resyncRest(), next))
            reporter.add(Fault::Drift, issues.at(k),
                         Issue{q, run.text, issues.at(k)}, resyncs[i - 1],
                         llvm::Twine(issues.at(k) - since) +
                             " cycles after a resync, the links rest for " +
                             llvm::Twine(machine.resyncRest()));
          int64_t k = issues.countBelow(since + machine.resyncCycles + 1);
          if (k < issues.count && issues.at(k) <= next) {
            reporter.add(
                Fault::Drift, issues.at(k), Issue{q, run.text, issues.at(k)},
                i ? std::optional<Issue>(resyncs[i - 1]) : std::nullopt,
                llvm::Twine(issues.at(k) - since) +
                    " cycles after the last resync");
            break;
          }
          if (next >= issues.last())
            break;
        }
      }
    }
}

/// What is received behind a resync arrives behind its rest. Sends follow one
/// another, so the first vector that is received behind it decides.
void Links::checkRest(const LinkWire &wire) {
  const Sequence &sends =
      sequence(wire.fromChip, Unit::LinkSend, outLink(wire));
  const Sequence &recvs = sequence(wire.toChip, Unit::LinkRecv, inLink(wire));
  std::vector<Issue> resyncs = this->resyncs(wire.toChip);
  size_t hs = 0, part = 0;
  for (size_t i = 0; i < resyncs.size(); ++i) {
    int64_t resync = resyncs[i].cycle;
    int64_t rest = resync + machine.resyncRest();
    const std::vector<Sequence::Part> &parts = recvs.list();
    while (part < parts.size() && parts[part].issues.last() <= resync)
      ++part;
    if (part == parts.size())
      return;
    int64_t k = parts[part].number + parts[part].issues.countBelow(resync + 1);
    if (k >= sends.size())
      return;
    if (i + 1 < resyncs.size() && parts[part].cycle(k) > resyncs[i + 1].cycle)
      continue;
    int64_t arrives = sends.part(k, hs).cycle(k) - distance(wire) +
                      machine.linkLatency - machine.linkMargin;
    if (arrives > rest)
      continue;
    Issue recv = recvs.issue(k);
    int64_t start = int64_t(package.chips[wire.toChip].start);
    reporter.addAcross(
        Fault::Drift, recv.cycle, wire.toChip, recv, resyncs[i], wire.toChip,
        "the vector may arrive in cycle " + llvm::Twine(start + arrives) +
            ", the links rest up to cycle " + llvm::Twine(start + rest));
  }
}

/// The cycles in which a chip's clock agrees with its parent's.
std::vector<int64_t> Links::alignments(unsigned chip) const {
  std::vector<int64_t> cycles = {0};
  for (const Issue &resync : resyncs(chip))
    cycles.push_back(resync.cycle);
  return cycles;
}

/// How long the two clocks of a vector have run freely. Between two resyncs and
/// within a progression that is linear in the number of the vector, so the ends
/// of such pieces have the largest sum.
void Links::measureClocks(const LinkWire &wire) {
  const Sequence &sends =
      sequence(wire.fromChip, Unit::LinkSend, outLink(wire));
  const Sequence &recvs = sequence(wire.toChip, Unit::LinkRecv, inLink(wire));
  std::vector<int64_t> from = alignments(wire.fromChip),
                       to = alignments(wire.toChip);
  // A resync in the cycle of a send or receive comes after it.
  auto since = [](const std::vector<int64_t> &aligned, int64_t cycle) {
    auto next = std::lower_bound(aligned.begin() + 1, aligned.end(), cycle);
    return std::make_pair(cycle - *(next - 1),
                          next == aligned.end() ? INT64_MAX : *next);
  };
  size_t hs = 0, hr = 0;
  for (int64_t k = 0, n = std::min(sends.size(), recvs.size()); k < n;) {
    const Sequence::Part &ps = sends.part(k, hs), &pr = recvs.part(k, hr);
    int64_t last = std::min({n, ps.end(), pr.end()}) - 1;
    // The last vector before a resync of either side.
    for (auto [part, clock] : {std::make_pair(&ps, &from), {&pr, &to}})
      if (int64_t next = since(*clock, part->cycle(k)).second;
          next <= part->cycle(last))
        last = part->number + part->issues.countBelow(next + 1) - 1;
    for (int64_t i : {k, last})
      result.clockCycles =
          std::max(result.clockCycles, uint64_t(since(from, ps.cycle(i)).first +
                                                since(to, pr.cycle(i)).first));
    k = last + 1;
  }
  if (result.clockCycles > 0)
    result.clockPpm = 1e6 * machine.linkMargin / double(result.clockCycles);
}

/// Wires between the same classes and links with the same distance of starts
/// are alike: one that is right stands for all.
template <typename Judge> void Links::forEachKind(Judge judge) {
  using Kind = std::tuple<const ChipTrace *, unsigned, const ChipTrace *,
                          unsigned, int64_t>;
  std::set<Kind> right;
  for (const LinkWire &wire : package.wires) {
    Kind kind{traces[wire.fromChip], outLink(wire), traces[wire.toChip],
              inLink(wire), distance(wire)};
    if (!options.chipWise && right.count(kind))
      continue;
    uint64_t before = reporter.count();
    judge(wire);
    if (reporter.count() == before)
      right.insert(kind);
  }
}

void Links::check() {
  for (const Chip &chip : package.chips) {
    std::vector<unsigned> &links = linkOf.emplace_back(machine.links);
    for (unsigned link = 0; link < machine.links; ++link)
      links[chip.port(link)] = link;
  }
  for (const LinkWire &wire : package.wires) {
    wiredOut.insert({wire.fromChip, outLink(wire)});
    wiredIn.insert({wire.toChip, inLink(wire)});
  }
  for (unsigned chip = 0; chip < traces.size(); ++chip) {
    reporter.setChip(chip);
    checkWired(chip);
    if (traces[chip]->chip != chip)
      continue; // once for all that share the trace
    for (unsigned link = 0; link < machine.links; ++link)
      checkSpacing(chip, link);
    checkDrift(chip);
  }
  forEachKind([&](const LinkWire &wire) {
    checkWire(wire);
    checkRest(wire);
  });
  if (reporter.count() == 0)
    forEachKind([&](const LinkWire &wire) { checkReceived(wire); });
  forEachKind([&](const LinkWire &wire) { measureClocks(wire); });
}

} // namespace

void verify::checkLinks(const Package &package,
                        const std::vector<const ChipTrace *> &traces,
                        const Options &options, Reporter &reporter,
                        Result &result) {
  Links(package, traces, options, reporter, result).check();
}
