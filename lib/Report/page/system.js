// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All chips together: which of them are in step, in which order they work, and
// what the latency of the whole is made of. All of it comes from the traffic
// and the start cycles, so it holds for any partition.

/** Strongly connected parts of a graph, the last in topological order first: the part of every node. */
function partsOf(next) {
  const count = next.length;
  // Tarjan's algorithm, with a stack of its own since chips may be many.
  const index = new Int32Array(count).fill(-1), low = new Int32Array(count), part = new Int32Array(count).fill(-1);
  const open = [];
  let counter = 0, parts = 0;
  for (let root = 0; root < count; ++root) {
    if (index[root] >= 0) continue;
    const work = [];
    const enter = (node) => {
      index[node] = low[node] = counter++;
      open.push(node);
      work.push({ node, rest: [...next[node]] });
    };
    enter(root);
    while (work.length) {
      const { node, rest } = work[work.length - 1];
      if (rest.length) {
        const to = rest.pop();
        if (index[to] < 0) enter(to);
        else if (part[to] < 0) low[node] = Math.min(low[node], index[to]);
        continue;
      }
      work.pop();
      if (work.length) {
        const above = work[work.length - 1].node;
        low[above] = Math.min(low[above], low[node]);
      }
      if (low[node] !== index[node]) continue;
      let member;
      do {
        member = open.pop();
        part[member] = parts;
      } while (member !== node);
      ++parts;
    }
  }
  return part;
}

class System {
  constructor(program) {
    this.program = program;
    const { starts } = program.data, count = program.chips.length;
    const used = program.wires.filter((w) => w.vectors && w.fromChip !== w.toChip);
    // Chips that start together and send to each other, directly or around a
    // ring, are in step; one direction is enough where other chips start at
    // other times, since then starts are those of stages. What is sent to a chip that has begun earlier is only
    // handed on by it, and by others like it, to one that begins later.
    const targets = Array.from({ length: count }, () => new Set());
    const together = Array.from({ length: count }, () => new Set()), onward = together.map(() => new Set());
    const isTimed = starts.some((start) => start !== starts[0]);
    for (const { fromChip, toChip } of used) {
      const isTogether = starts[fromChip] === starts[toChip];
      if (isTogether) together[fromChip].add(toChip);
      if (isTogether && isTimed) together[toChip].add(fromChip);
      if (isTogether || starts[fromChip] < starts[toChip]) onward[fromChip].add(toChip);
      if (isTogether && isTimed) onward[toChip].add(fromChip);
      targets[fromChip].add(toChip);
    }
    for (let from = 0; from < count; ++from) {
      const earlier = (chip) => starts[chip] < starts[from];
      const handing = new Set([...targets[from]].filter(earlier));
      for (const chip of handing) // grows on the way
        for (const to of targets[chip])
          if (earlier(to)) handing.add(to);
          else if (starts[to] > starts[from]) onward[from].add(to);
    }
    this.groups = partsOf(together);
    this.members = [];
    this.groups.forEach((group, chip) => (this.members[group] ||= []).push(chip));
    this.wiresTo = together.map(() => []);
    for (const wire of used) if (this.groups[wire.fromChip] !== this.groups[wire.toChip]) this.wiresTo[wire.toChip].push(wire);
    // The stage of a group: the longest way to it.
    const parts = partsOf(onward), level = new Int32Array(count);
    const order = Array.from(parts.keys()).sort((a, b) => parts[b] - parts[a]);
    for (const chip of order)
      for (const to of onward[chip])
        if (parts[to] !== parts[chip]) level[parts[to]] = Math.max(level[parts[to]], level[parts[chip]] + 1);
    this.stages = Array.from(parts, (p) => level[p]);
  }

  /** The last receive of a class over a link before a cycle of its own, or -1. */
  lastReceive(number, link, before) {
    const queue = this.program.schedule(number).queues.find((q) => q.unit === "link_recv" && q.index === link);
    if (!queue) return -1;
    let run = queue.runAfter(before - 1) - 1;
    while (run >= 0 && queue.isControl(queue.ops[run])) --run;
    if (run < 0) return -1;
    const op = queue.ops[run], interval = queue.raw.interval[op];
    return queue.start[run] + interval * Math.min(queue.raw.count[op] - 1, Math.floor((before - 1 - queue.start[run]) / interval));
  }

  /**
   * The latency belongs to one chip at a time, found backwards: to the chip that ends last, back to the last vector that
   * its group received from elsewhere; before that the vector was on its way, and before that it is the sender's.
   */
  get path() {
    if (this.pathCache) return this.pathCache;
    const { program } = this, { starts, machine } = program.data, path = [];
    const flight = machine.linkLatency + machine.linkMargin;
    const endOf = (c) => (program.schedule(program.chips[c]).cycles ? starts[c] + program.schedule(program.chips[c]).cycles : 0);
    let end = program.cycles, chip = program.chips.findIndex((_, c) => endOf(c) === end);
    while (chip >= 0) {
      let arrival = -1, sender = -1;
      for (const member of this.members[this.groups[chip]])
        for (const wire of this.wiresTo[member]) {
          if (end <= starts[member]) continue;
          const own = this.lastReceive(program.chips[member], program.link(member, wire.toLink), end - starts[member]);
          if (own < 0 || starts[member] + own < flight || starts[member] + own <= arrival) continue;
          arrival = starts[member] + own;
          sender = wire.fromChip;
        }
      if (end > Math.max(0, arrival)) path.push({ chip, flight: false, from: Math.max(0, arrival), to: end });
      if (arrival < 0) break;
      path.push({ chip, flight: true, from: arrival - flight, to: arrival });
      end = arrival - flight;
      chip = sender;
    }
    return (this.pathCache = path.reverse());
  }

  /** Cycles of the latency by cause. */
  get causes() {
    if (this.causeCache) return this.causeCache;
    const { program } = this, sums = CAUSES.map(() => 0);
    for (const { chip, flight, from, to } of this.path) {
      if (flight) {
        sums[LINKS] += to - from;
        continue;
      }
      const { causes } = program.schedule(program.chips[chip]), start = program.data.starts[chip];
      for (let t = from; t < to; ++t) sums[t < start ? WAITING : t - start < causes.length ? causes[t - start] : DEPENDENCE] += 1;
    }
    return (this.causeCache = sums);
  }
}
