// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the data of the page to schedules. A queue is executed here as
// docs/isa.md, section 3, says; what comes out is a list of runs, a run being
// an instruction with its repeats. Nothing in this file draws.

/** The package as lib/Report/Page.cpp wrote it. */
async function loadData() {
  const packed = atob(document.getElementById("data").textContent);
  const bytes = Uint8Array.from(packed, (c) => c.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(plain).json();
}

/** Unit kinds in the groups in which they are shown; the order of the rows. */
const GROUPS = [
  { name: "Planes", units: ["weights", "pass", "drain"], open: true },
  { name: "Vector unit", units: ["alu"], open: true },
  { name: "Shuffle", units: ["shuffle", "transpose"], open: true },
  { name: "Links", units: ["link_send", "link_recv"], open: true },
  { name: "Memory slices", units: ["mem"], open: false },
  { name: "Control", units: ["control"], open: true },
];

const UNIT_NAMES = {
  mem: "slice", alu: "ALU", weights: "weights", pass: "pass", drain: "drain", shuffle: "shuffle",
  transpose: "transpose", link_send: "send", link_recv: "receive", control: "control",
};

/** What a colour of the schedule means. */
const CATEGORIES = {
  read: "SRAM read", write: "SRAM write", gather: "gather, scatter", alu: "vector operation",
  transcendental: "transcendental", reduce: "reduction", install: "weight install", swap: "weight swap",
  pass: "matrix pass", drain: "drain", shuffle: "shuffle, transpose", send: "link send", recv: "link receive",
  fetch: "text fetch", control: "registers, control",
};
const TRANSCENDENTAL = ["exp2", "log2", "tanh", "erf", "rsqrt", "sqrt", "recip"];

function categoryOf(mnemonic) {
  const [unit, op] = mnemonic.split(".");
  switch (unit) {
    case "mem":
      if (op === "read" || op === "write") return op;
      return op === "gather" || op === "scatter" ? "gather" : "control";
    case "alu":
      if (TRANSCENDENTAL.includes(op)) return "transcendental";
      return /^(reduce|acc)_/.test(op) ? "reduce" : "alu";
    case "weights": return op;
    case "transpose": return "shuffle";
    case "link_send": return "send";
    case "link_recv": return "recv";
    case "pass": case "drain": case "shuffle": case "fetch": return unit;
    default: return "control";
  }
}

/** Causes of latency; every cycle has the first that applies (docs/pictures.md). */
const CAUSES = [
  { name: "planes", text: "a plane multiplies", color: "pass" },
  { name: "vector unit", text: "an ALU issues, no plane multiplies", color: "alu" },
  { name: "weights", text: "weights are installed, nothing is computed", color: "install" },
  { name: "links", text: "vectors are on their way over a link, nothing is computed", color: "send" },
  { name: "moves", text: "slices, drains or shuffle units issue, nothing is computed", color: "read" },
  { name: "dependence", text: "nothing issues: results are on their way", color: "idle" },
  { name: "waiting", text: "the chip has not begun", color: "waiting" },
];
const LINKS = 3, DEPENDENCE = 5, WAITING = 6;
const CAUSE_OF_UNIT = { pass: 0, alu: 1, weights: 2, link_send: 3, link_recv: 3, mem: 4, drain: 4, shuffle: 4,
  transpose: 4 };

const USE = { read: 0, lastRead: 1, write: 2, writeAtPeriodEnd: 3 };

/** The instructions of one queue, as text and in time. */
class Queue {
  constructor(data, raw) {
    this.data = data;
    this.raw = raw;
    const unit = data.machine.units[raw.unit];
    this.unit = unit.name;
    this.index = raw.index;
    this.position = unit.positions[raw.index];
    this.name = `${unit.name} ${raw.index}`; // as lpu-objdump says it
    this.mnemonics = raw.line.map((t) => data.templates[t].split(" ", 1)[0]);
    this.categories = this.mnemonics.map(categoryOf);
    this.argBegin = [];
    let args = 0;
    for (const t of raw.line) {
      this.argBegin.push(args);
      args += data.argCounts[t];
    }
    this.readUses();
    this.execute();
  }

  /** The line of lpu-objdump. */
  text(op) {
    let arg = this.argBegin[op];
    return this.data.templates[this.raw.line[op]].replace(/#/g, () => this.raw.args[arg++]);
  }

  readUses() {
    const flat = this.raw.uses;
    this.uses = [];
    for (let at = 0, op = 0; op < this.raw.line.length; ++op) {
      const list = [];
      for (let left = flat[at++]; left > 0; --left) {
        const code = flat[at++];
        const use = { kind: code % 4, width: (code >> 2) % 32, stream: code >> 7, period: 0 };
        if (use.kind === USE.writeAtPeriodEnd) use.period = flat[at++];
        list.push(use);
      }
      this.uses.push(list);
    }
  }

  /** Fills start[] (cycle of the first issue), ops[] and the busy cycles of the unit. */
  execute() {
    const { wait, count, interval } = this.raw;
    const starts = [], ops = [], loops = [];
    let now = 0;
    for (let op = 0; op < this.mnemonics.length; ++op) {
      const mnemonic = this.mnemonics[op];
      if (mnemonic === "halt") break;
      if (mnemonic === "endloop") {
        now += wait[op] + 1;
        const loop = loops[loops.length - 1];
        if (--loop.left > 0) op = loop.start;
        else loops.pop();
      } else if (mnemonic === "loop") {
        now += wait[op] + 1;
        loops.push({ start: op, left: count[op] });
      } else if (mnemonic === "nop") {
        now += wait[op] + 1;
      } else {
        starts.push(now + wait[op]);
        ops.push(op);
        now += wait[op] + (mnemonic === "fetch" ? 0 : (count[op] - 1) * interval[op]) + 1;
      }
    }
    this.start = Float64Array.from(starts);
    this.ops = Uint32Array.from(ops);
    this.busy = 0;
    for (const op of ops) if (!this.isControl(op)) this.busy += count[op] * this.hold(op);
  }

  /** Instructions of the sequencer itself: no effect, no unit. */
  isControl(op) { return this.mnemonics[op] === "fetch"; }

  /** Cycles from the first issue to the end of the last one. */
  length(op) {
    if (this.mnemonics[op] === "fetch") return this.raw.count[op] * this.data.machine.fetchRowCycles;
    const { count, interval } = this.raw;
    return (count[op] - 1) * interval[op] + this.hold(op);
  }

  /** Cycles for which an issue occupies the unit. */
  hold(op) {
    if (this.unit !== "pass" || !this.data.templates[this.raw.line[op]].includes(" fp16,")) return 1;
    return this.data.machine.fp16Interval;
  }

  lastEffect(run) {
    const op = this.ops[run];
    if (this.isControl(op)) return -1;
    return this.start[run] + (this.raw.count[op] - 1) * this.raw.interval[op] + this.raw.delay[op];
  }

  /** Number of the first run that starts behind `cycle`. */
  runAfter(cycle) {
    let low = 0, high = this.start.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.start[middle] <= cycle) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The run that issues or is between two issues at `cycle`, or -1. */
  runAt(cycle) {
    const run = this.runAfter(cycle) - 1;
    return run >= 0 && cycle < this.start[run] + this.length(this.ops[run]) ? run : -1;
  }

  /** Issues of a run in cycles from <= t < to. */
  issuesBetween(run, from, to) {
    const op = this.ops[run], first = this.start[run];
    const interval = this.raw.interval[op], count = this.raw.count[op];
    const low = Math.max(0, Math.ceil((from - first) / interval));
    const high = Math.min(count, Math.ceil((to - first) / interval));
    return Math.max(0, high - low);
  }
}

/** All queues of a chip class, and what they tell. */
class Schedule {
  constructor(data, number) {
    this.data = data;
    this.number = number;
    const raw = data.classes[number];
    this.queues = raw.queues.map((queue) => new Queue(data, queue));
    this.cycles = 0;
    this.instructions = 0;
    this.runs = 0;
    for (const queue of this.queues) {
      this.instructions += queue.raw.line.length;
      this.runs += queue.start.length;
      for (let run = 0; run < queue.start.length; ++run)
        this.cycles = Math.max(this.cycles, queue.lastEffect(run) + 1);
    }
    this.kernels = this.expandKernels(raw.kernels);
  }

  /** Kernels with their iterations, in the order of their ends. */
  expandKernels(kernels) {
    const spans = [];
    kernels.forEach((kernel, number) => {
      for (let i = 0; i < kernel.iterations; ++i)
        spans.push({ ...kernel, number, iteration: i, first: kernel.first + i * kernel.period,
          last: kernel.last + i * kernel.period });
    });
    spans.sort((a, b) => a.last - b.last || a.first - b.first);
    // A kernel advances the program by what its end lies behind all earlier
    // ends; these stretches share no cycle and, with what is in front of all
    // kernels, are the whole program.
    let end = spans.reduce((least, span) => Math.min(least, span.first), this.cycles);
    for (const span of spans) {
      span.from = end;
      end = Math.max(end, Math.min(span.last + 1, this.cycles));
      span.to = end;
    }
    return spans;
  }

  /** Kernels that may have issued an instruction: those whose time includes the cycle and that use such a unit. */
  kernelsAt(cycle, unit) {
    const planes = ["weights", "pass", "drain"].includes(unit);
    return this.kernels.filter((k) => k.first <= cycle && cycle <= k.last && (!planes || k.kind.startsWith("matmul")));
  }

  /** Number of the cause of every cycle. */
  get causes() {
    if (this.causeCache) return this.causeCache;
    const begin = Math.min(this.cycles, ...this.queues.map((queue) => queue.start[0] ?? this.cycles));
    const causes = new Uint8Array(this.cycles).fill(WAITING, 0, begin).fill(DEPENDENCE, begin);
    const { linkLatency, linkMargin, linkInterval } = this.data.machine;
    const mark = (from, to, cause) => {
      for (let t = Math.max(0, from); t < Math.min(to, this.cycles); ++t)
        if (causes[t] > cause) causes[t] = cause;
    };
    for (const queue of this.queues) {
      const cause = CAUSE_OF_UNIT[queue.unit];
      if (cause === undefined) continue;
      for (let run = 0; run < queue.start.length; ++run) {
        const op = queue.ops[run];
        if (queue.isControl(op)) continue;
        // A received vector was under way for at least so long.
        const before = queue.unit === "link_recv" ? linkLatency + linkMargin : 0;
        // A send takes its link until the next can follow.
        const hold = queue.unit === "link_send" ? linkInterval : queue.hold(op);
        for (let i = 0; i < queue.raw.count[op]; ++i) {
          const t = queue.start[run] + i * queue.raw.interval[op];
          mark(t - before, t + hold, cause);
        }
      }
    }
    return (this.causeCache = causes);
  }

  /** Where the time goes: rows of {name, kind, cycles, causes[], busy{unit: issues}}, the whole program first. */
  get times() {
    if (this.timeCache) return this.timeCache;
    const rows = new Map();
    const row = (key, name, kind) => {
      if (!rows.has(key))
        rows.set(key, { name, kind, cycles: 0, spans: 0, causes: CAUSES.map(() => 0), busy: {}, stretches: [] });
      return rows.get(key);
    };
    const stretches = [{ row: row("all", "whole program", ""), from: 0, to: this.cycles }];
    for (const k of this.kernels)
      stretches.push({ row: row(k.number, k.name, k.kind), from: k.from, to: k.to });
    const begin = this.kernels.length ? this.kernels[0].from : 0;
    if (begin) stretches.push({ row: row("begin", "before the first kernel", ""), from: 0, to: begin });
    const covered = this.kernels.length ? this.kernels[this.kernels.length - 1].to : 0;
    if (this.kernels.length && covered < this.cycles)
      stretches.push({ row: row("end", "behind the last kernel", ""), from: covered, to: this.cycles });
    for (const { row, from, to } of stretches) {
      row.cycles += to - from;
      row.spans += 1;
      if (to > from) row.stretches.push([from, to]);
      for (let t = from; t < to; ++t) row.causes[this.causes[t]] += 1;
      for (const queue of this.queues) {
        let busy = 0;
        for (let run = Math.max(0, queue.runAfter(from) - 1); run < queue.start.length && queue.start[run] < to; ++run)
          if (!queue.isControl(queue.ops[run]))
            busy += queue.issuesBetween(run, from, to) * queue.hold(queue.ops[run]);
        row.busy[queue.unit] = (row.busy[queue.unit] || 0) + busy;
      }
    }
    return (this.timeCache = [...rows.values()]);
  }

  /** Uses of every stream, as progressions of keys (docs/isa.md, section 2). */
  get streamUses() {
    if (this.useCache) return this.useCache;
    const streams = this.data.machine.streams;
    const buckets = Array.from({ length: 2 * streams }, () => []);
    this.queues.forEach((queue, number) => {
      for (let run = 0; run < queue.start.length; ++run) {
        const op = queue.ops[run];
        for (const use of queue.uses[op]) {
          let first = queue.start[run], count = queue.raw.count[op], interval = queue.raw.interval[op];
          const write = use.kind >= USE.write;
          if (write) first += queue.raw.delay[op];
          if (use.kind === USE.writeAtPeriodEnd) {
            const period = use.period || count;
            first += (period - 1) * interval;
            count = Math.floor(count / period);
            interval *= period;
          }
          for (let i = 0; i < use.width; ++i) {
            const bucket = use.stream + i, west = bucket >= streams;
            buckets[bucket].push({ queue, run, x: queue.position, first, count, interval, write,
              ends: use.kind === USE.lastRead, key: first + (west ? queue.position : -queue.position) });
          }
        }
      }
    });
    return (this.useCache = buckets);
  }

  /** Live values of the given streams in every cycle. */
  liveValues(buckets) {
    const change = new Int32Array(this.cycles + 2);
    const add = (t, amount) => { change[Math.min(Math.max(t, 0), this.cycles + 1)] += amount; };
    for (const bucket of buckets) {
      const ends = new Map(); // position -> progressions of last reads
      for (const use of this.streamUses[bucket]) {
        if (use.write)
          for (let i = 0; i < use.count; ++i) add(use.first + i * use.interval, 1);
        else if (use.ends) {
          if (!ends.has(use.x)) ends.set(use.x, []);
          ends.get(use.x).push(use);
        }
      }
      // Units at one position may make the same last read, which ends one life.
      for (const list of ends.values()) {
        list.sort((a, b) => a.first - b.first);
        let seen = new Set(), until = -1;
        for (const use of list) {
          if (use.first > until) seen = new Set();
          until = Math.max(until, use.first + (use.count - 1) * use.interval);
          for (let i = 0; i < use.count; ++i) {
            const t = use.first + i * use.interval;
            if (!seen.has(t)) add(t + 1, -1);
            seen.add(t);
          }
        }
      }
    }
    for (let t = 1; t < change.length; ++t) change[t] += change[t - 1];
    return change.subarray(0, this.cycles);
  }

  /** The values on a stream in a cycle: position, writer and last reader of each. */
  valuesAt(bucket, cycle) {
    const west = bucket >= this.data.machine.streams, last = this.data.machine.lastPosition;
    const found = [];
    for (let x = 0; x <= last; ++x) {
      const key = west ? cycle + x : cycle - x;
      const hits = this.streamUses[bucket].filter((use) => {
        const steps = (key - use.key) / use.interval;
        return Number.isInteger(steps) && steps >= 0 && steps < use.count;
      });
      const down = (use) => (west ? last - use.x : use.x);
      hits.sort((a, b) => down(a) - down(b) || a.write - b.write);
      const here = west ? last - x : x;
      let writer = null, reader = null;
      for (const use of hits) {
        if (down(use) < here || (down(use) === here && use.write)) {
          if (use.write) writer = use;
          else if (use.ends) writer = null;
        } else if (use.ends && writer) {
          reader = use;
          break;
        }
      }
      if (writer) found.push({ x, writer, reader });
    }
    return found;
  }
}

/** All of the package: schedules are made when they are first looked at. */
class Program {
  constructor(data) {
    data.argCounts = data.templates.map((line) => line.split("#").length - 1);
    this.data = data;
    this.schedules = new Map();
    this.chips = data.chips;
    this.wires = [];
    for (let i = 0; i < data.wires.length; i += 4) {
      const [fromChip, fromLink, toChip, toLink] = data.wires.slice(i, i + 4);
      this.wires.push({ fromChip, fromLink, toChip, toLink,
        vectors: this.sent(data.chips[fromChip], this.link(fromChip, fromLink)) });
    }
  }

  /** The port of a link number of the chip's text, and the reverse. */
  port(chip, link) { return this.data.ports[chip].length ? this.data.ports[chip][link] : link; }
  link(chip, port) { return this.data.ports[chip].length ? this.data.ports[chip].indexOf(port) : port; }

  schedule(number) {
    if (!this.schedules.has(number)) this.schedules.set(number, new Schedule(this.data, number));
    return this.schedules.get(number);
  }

  /** Vectors that a chip of a class sends over a link of its text. */
  sent(chipClass, link) {
    this.sentCache ||= new Map();
    if (!this.sentCache.has(chipClass)) {
      const counts = {};
      const unit = this.data.machine.units.findIndex((u) => u.name === "link_send");
      for (const raw of this.data.classes[chipClass].queues)
        if (raw.unit === unit) counts[raw.index] = new Queue(this.data, raw).busy;
      this.sentCache.set(chipClass, counts);
    }
    return this.sentCache.get(chipClass)[link] || 0;
  }

  /** Cycles of the package by its text; the header holds them against those that it states. */
  get cycles() {
    if (this.cycleCache === undefined)
      this.cycleCache = this.chips.reduce((most, number, chip) => {
        const { cycles } = this.schedule(number);
        return cycles ? Math.max(most, this.data.starts[chip] + cycles) : most;
      }, 0);
    return this.cycleCache;
  }

  microseconds(cycles) { return cycles / this.data.machine.clockMHz; }
}
