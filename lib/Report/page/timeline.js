// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedule of a chip on a time axis: rows, drawing, zoom and pan. Only what
// is in view is drawn; where many runs fall on one pixel column, its opacity is
// the share of its cycles in which the unit is busy.

const LABELS = 176, RULER = 26, ROW = 17, STREAM_ROW = 10, HEAD = 24, AREA = 44, BAND = 17;
const FONT = "12px system-ui, sans-serif";

/** Resolves the colours of page.css for the canvas. */
class Palette {
  constructor() {
    this.probe = document.getElementById("probe");
    this.known = new Map();
  }
  get(name) {
    if (!this.known.has(name)) {
      this.probe.style.color = `var(--${name})`;
      this.known.set(name, getComputedStyle(this.probe).color);
    }
    return this.known.get(name);
  }
  reset() { this.known.clear(); }
}

const formatCycles = (n) => Math.round(n).toLocaleString("en-US");

class Timeline {
  /** `page` gives program, chip, peers and is told what is under the mouse and what is selected. */
  constructor(page) {
    this.page = page;
    this.scroll = document.getElementById("scroll");
    this.spacer = document.getElementById("spacer");
    this.canvas = document.getElementById("canvas");
    this.map = document.getElementById("map");
    this.palette = page.palette;
    this.open = new Set(GROUPS.filter((g) => g.open).map((g) => g.name));
    this.selected = null; // {row, run}
    this.hover = null;
    this.controls = new TimelineControls(this);
    new ResizeObserver(() => this.draw()).observe(this.scroll);
    this.scroll.addEventListener("scroll", () => this.draw());
  }

  show(schedule) {
    const same = this.schedule && this.schedule.cycles === schedule.cycles;
    this.schedule = schedule;
    this.total = Math.max(1, schedule.cycles);
    if (!same) this.view = { from: 0, to: this.total };
    this.selected = this.hover = null;
    this.live = new Map();
    this.mapImage = null;
    this.layout();
  }

  /** Rows from top to bottom: {kind, label, y, h, ...}. */
  layout() {
    const rows = [];
    let y = 0;
    const add = (h, row) => { rows.push({ y, h, ...row }); y += h; };
    const { schedule } = this;
    this.packKernels();
    if (schedule.kernels.length) add(this.kernelLanes * BAND + 8, { kind: "kernels", label: "Kernels" });
    add(BAND + 6, { kind: "causes", label: "Cause of latency" });
    for (const group of GROUPS) {
      const queues = schedule.queues.filter((q) => group.units.includes(q.unit));
      if (!queues.length) continue;
      const units = group.units.reduce((n, unit) =>
        n + schedule.data.machine.units.find((u) => u.name === unit).positions.length, 0);
      const open = this.open.has(group.name);
      add(open ? HEAD : AREA, { kind: "group", label: group.name, open, queues, units,
        note: `${queues.length} of ${units} queues` });
      if (open)
        for (const queue of queues)
          add(ROW, { kind: "queue", label: `${UNIT_NAMES[queue.unit]} ${queue.index}`, queue });
      if (open) y += 5;
    }
    const { streams } = schedule.data.machine;
    ["Streams east", "Streams west"].forEach((label, west) => {
      const buckets = Array.from({ length: streams }, (_, i) => west * streams + i);
      const open = this.open.has(label);
      add(AREA, { kind: "streams", label, open, buckets, note: `${streams} streams` });
      if (open)
        for (const bucket of buckets)
          if (schedule.streamUses[bucket].length)
            add(STREAM_ROW, { kind: "stream", label: `${west ? "W" : "E"}${bucket % streams}`, bucket });
    });
    this.rows = rows;
    this.height = y + 8;
    this.draw();
  }

  /** Kernels overlap (weights are prefetched): each goes to the first lane that is free. */
  packKernels() {
    const ends = [];
    for (const span of [...this.schedule.kernels].sort((a, b) => a.first - b.first)) {
      let lane = ends.findIndex((end) => end < span.first);
      if (lane < 0) lane = ends.length;
      ends[lane] = span.last;
      span.lane = lane;
    }
    this.kernelLanes = ends.length;
  }

  toggle(name, open = !this.open.has(name)) {
    if (open) this.open.add(name);
    else this.open.delete(name);
    this.layout();
    this.page.showGroups(this.open);
  }

  // --- Coordinates -----------------------------------------------------------
  get width() { return Math.max(50, this.canvas.clientWidth - LABELS); }
  get scale() { return this.width / (this.view.to - this.view.from); }
  x(cycle) { return LABELS + (cycle - this.view.from) * this.scale; }
  cycle(x) { return this.view.from + (x - LABELS) / this.scale; }
  rowAt(y) {
    const at = y - RULER + this.scroll.scrollTop;
    return y < RULER ? null : this.rows.find((row) => at >= row.y && at < row.y + row.h) || null;
  }

  setView(from, to) {
    const length = Math.min(this.total, Math.max(8, to - from));
    from = Math.min(Math.max(0, from), this.total - length);
    this.view = { from, to: from + length };
    this.draw();
  }
  zoom(factor, cycle = (this.view.from + this.view.to) / 2) {
    const length = Math.min(this.total, Math.max(8, (this.view.to - this.view.from) * factor));
    const share = (cycle - this.view.from) / (this.view.to - this.view.from);
    this.setView(cycle - share * length, cycle + (1 - share) * length);
  }
  pan(share) {
    const step = share * (this.view.to - this.view.from);
    this.setView(this.view.from + step, this.view.to + step);
  }

  // --- Drawing ---------------------------------------------------------------
  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      if (this.schedule && this.scroll.clientWidth) this.paint();
    });
  }

  prepare(canvas, height) {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = FONT;
    g.textBaseline = "middle";
    return g;
  }

  paint() {
    const height = Math.min(this.scroll.clientHeight, this.height + RULER);
    this.canvas.style.height = `${height}px`;
    this.spacer.style.height = `${this.height + RULER - height}px`; // the canvas stays, this scrolls
    const g = this.prepare(this.canvas, height);
    const p = this.palette, top = this.scroll.scrollTop;
    this.paintGrid(g, height);
    for (const row of this.rows) {
      const y = row.y + RULER - top;
      if (y + row.h < RULER || y > height) continue;
      this.paintRow(g, row, y);
    }
    this.paintRuler(g);
    if (this.hoverCycle !== undefined) {
      g.fillStyle = p.get("cursor");
      g.fillRect(this.x(Math.floor(this.hoverCycle)), RULER, Math.max(1, Math.min(this.scale, 3)), height);
    }
    this.paintMap();
    this.page.showView(this.view);
  }

  /** Distance of the lines of the grid: 1, 2 or 5 times a power of ten. */
  gridStep() {
    const wanted = 110 / this.scale;
    const power = 10 ** Math.floor(Math.log10(wanted));
    return Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= wanted));
  }

  paintGrid(g, height) {
    const step = this.gridStep();
    g.fillStyle = this.palette.get("grid");
    for (let t = Math.ceil(this.view.from / step) * step; t <= this.view.to; t += step)
      g.fillRect(Math.round(this.x(t)), RULER, 1, height);
  }

  paintRuler(g) {
    const p = this.palette, step = this.gridStep(), end = LABELS + this.width;
    g.fillStyle = p.get("panel");
    g.fillRect(0, 0, end, RULER);
    g.fillStyle = p.get("line");
    g.fillRect(0, RULER - 1, end, 1);
    g.fillStyle = p.get("muted");
    g.textAlign = "left";
    g.fillText("cycle (microseconds)", 10, RULER / 2);
    const digits = Math.max(0, 1 - Math.floor(Math.log10(this.page.program.microseconds(step))));
    for (let t = Math.ceil(this.view.from / step) * step; t <= this.view.to; t += step) {
      const text = `${formatCycles(t)} (${this.page.program.microseconds(t).toFixed(digits)})`;
      const x = this.x(t);
      if (x + g.measureText(text).width + 4 < end) g.fillText(text, x + 4, RULER / 2);
      g.fillRect(Math.round(x), RULER - 7, 1, 6);
    }
  }

  label(g, row, y, text, indent, color, weight = "") {
    g.fillStyle = this.palette.get(color);
    g.textAlign = "left";
    g.font = `${weight} 12px system-ui, sans-serif`;
    g.fillText(text, indent, y + Math.min(row.h, HEAD) / 2 + 1, LABELS - indent - 4);
    g.font = FONT;
  }

  paintRow(g, row, y) {
    const selected = this.selected && this.selected.row === row;
    if (row.kind === "queue" && selected) {
      g.fillStyle = this.palette.get("selection");
      g.fillRect(0, y, LABELS + this.width, row.h);
    }
    g.save();
    g.beginPath();
    g.rect(LABELS, Math.max(RULER, y), this.width, row.h);
    g.clip();
    this[`paint_${row.kind}`](g, row, y);
    g.restore();
    if (row.kind === "group" || row.kind === "streams") {
      g.fillStyle = this.palette.get("line");
      g.fillRect(0, y, LABELS + this.width, 1);
      this.label(g, row, y, `${row.open ? "▾" : "▸"} ${row.label}`, 10, "text", "600");
      g.fillStyle = this.palette.get("muted");
      g.font = "11px system-ui, sans-serif";
      if (row.h >= AREA) g.fillText(row.note, 24, y + 31);
      g.font = FONT;
    } else if (row.kind === "stream") {
      g.font = "9px system-ui, sans-serif";
      g.fillStyle = this.palette.get("muted");
      g.fillText(row.label, 24, y + row.h / 2 + 1);
      g.font = FONT;
    } else {
      this.label(g, row, y, row.label, row.kind === "queue" ? 24 : 10, "text", row.kind === "queue" ? "" : "600");
    }
  }

  paint_kernels(g, row, y) {
    for (const span of this.schedule.kernels) {
      const x = this.x(span.first), end = this.x(span.last + 1);
      if (end < LABELS || x > LABELS + this.width) continue;
      const width = Math.max(1, end - x), top = y + 4 + span.lane * BAND;
      const color = span.kind.startsWith("matmul") ? "pass" : span.kind === "vector" ? "alu" : "gather";
      g.fillStyle = this.palette.get(color);
      g.globalAlpha = this.page.kernel === span.number ? 1 : 0.75;
      g.fillRect(x, top, width - Math.min(1, width / 4), BAND - 2);
      g.globalAlpha = 1;
      this.paintText(g, shortName(span.name), x, end, top + BAND / 2 - 1);
    }
  }

  /** Black text inside a bar, as much of it as there is room for. */
  paintText(g, text, x, end, y) {
    x = Math.max(x, LABELS) + 4;
    const room = Math.min(end, LABELS + this.width) - x - 2;
    if (room < 26) return;
    g.fillStyle = "#111";
    g.textAlign = "left";
    let width = g.measureText(text).width;
    if (width > room) {
      text = text.slice(0, Math.floor((text.length * room) / width) - 1);
      if (text.length < 3) return;
      text += "…";
    }
    g.fillText(text, x, y + 0.5);
  }

  paint_causes(g, row, y) {
    const causes = this.schedule.causes;
    this.paintCauses(g, causes, LABELS, this.width, this.view, y + 3, BAND);
  }

  /** Per pixel column the causes of its cycles, one above the other. */
  paintCauses(g, causes, left, width, view, y, h) {
    const counts = new Uint32Array(CAUSES.length);
    const scale = (view.to - view.from) / width;
    for (let px = 0; px < width; ++px) {
      const from = Math.floor(view.from + px * scale);
      const to = Math.min(causes.length, Math.max(from + 1, Math.floor(view.from + (px + 1) * scale)));
      counts.fill(0);
      for (let t = from; t < to; ++t) ++counts[causes[t]];
      let bottom = y + h;
      for (let c = 0; c < CAUSES.length; ++c) {
        if (!counts[c]) continue;
        const part = (h * counts[c]) / (to - from);
        g.fillStyle = this.palette.get(CAUSES[c].color);
        g.fillRect(left + px, bottom - part, 1, part);
        bottom -= part;
      }
    }
  }

  /** Share of busy cycles per pixel column, of several queues together. */
  coverage(queues, units) {
    const cover = new Float64Array(Math.ceil(this.width) + 2), { from, to } = this.view, scale = this.scale;
    for (const queue of queues)
      for (let run = Math.max(0, queue.runAfter(from) - 1); run < queue.start.length && queue.start[run] < to; ++run) {
        const op = queue.ops[run];
        if (queue.isControl(op)) continue;
        const length = queue.length(op);
        const weight = (queue.raw.count[op] * queue.hold(op)) / length;
        const a = Math.max(0, (queue.start[run] - from) * scale);
        const b = Math.min(this.width, (queue.start[run] + length - from) * scale);
        for (let px = Math.floor(a); px < b; ++px)
          cover[px] += weight * (Math.min(b, px + 1) - Math.max(a, px));
      }
    for (let px = 0; px < cover.length; ++px) cover[px] = Math.min(1, cover[px] / units);
    return cover;
  }

  paintArea(g, values, y, h, color) {
    g.fillStyle = this.palette.get(color);
    for (let px = 0; px < this.width; ++px) g.fillRect(LABELS + px, y + h - h * values[px], 1, h * values[px]);
    g.fillStyle = this.palette.get("line");
    g.fillRect(LABELS, y + h, this.width, 1);
  }

  paint_group(g, row, y) {
    if (row.open) return;
    const color = { "Memory slices": "read", Planes: "pass", "Vector unit": "alu", Links: "send" }[row.label] || "shuffle";
    this.paintArea(g, this.coverage(row.queues, row.units), y + 4, row.h - 8, color);
  }

  paint_queue(g, row, y) {
    const { queue } = row, { from, to } = this.view, scale = this.scale;
    const top = y + 1, h = row.h - 3, width = Math.ceil(this.width) + 2;
    const cover = new Float64Array(width), colors = new Array(width);
    let first = Math.max(0, queue.runAfter(from) - 1);
    for (let run = first; run < queue.start.length && queue.start[run] < to; ++run) {
      const op = queue.ops[run], length = queue.length(op);
      const x = this.x(queue.start[run]), pixels = length * scale;
      const color = this.palette.get(queue.categories[op]);
      if (pixels < 2) {
        const px = Math.max(0, Math.floor(x - LABELS));
        cover[px] += pixels;
        colors[px] = color;
        continue;
      }
      g.fillStyle = color;
      const { count, interval } = queue.raw, hold = queue.hold(op);
      let room = pixels; // for the text
      if (scale * interval[op] >= 5 && !queue.isControl(op)) {
        // Single issues, on a thin bar that shows what belongs together.
        g.fillRect(x, top + h - 2, pixels, 2);
        const low = Math.max(0, Math.floor((from - queue.start[run]) / interval[op]));
        const high = Math.min(count[op], Math.ceil((to - queue.start[run]) / interval[op]) + 1);
        for (let i = low; i < high; ++i)
          g.fillRect(x + i * interval[op] * scale, top, Math.max(1, hold * scale - 1), h);
        if (interval[op] > hold) room = hold * scale;
      } else {
        g.globalAlpha = 0.6 + (0.4 * count[op] * hold) / length;
        g.fillRect(x, top, pixels - Math.min(1, pixels / 4), h);
        g.globalAlpha = 1;
      }
      if (room > 40)
        this.paintText(g, room > 320 ? queue.text(op) : queue.mnemonics[op], x, x + room, y + row.h / 2);
      if (this.selected && this.selected.row.queue === queue && this.selected.run === run) {
        g.strokeStyle = this.palette.get("text");
        g.lineWidth = 2;
        g.strokeRect(x - 1, top, pixels + 1, h);
      }
    }
    for (let px = 0; px < width; ++px) {
      if (!colors[px]) continue;
      g.fillStyle = colors[px];
      g.globalAlpha = Math.min(1, 0.3 + 0.7 * cover[px]);
      g.fillRect(LABELS + px, top, 1, h);
    }
    g.globalAlpha = 1;
  }

  /** Live values of some streams per cycle; kept, as long as they do not fill the memory. */
  liveOf(key, buckets) {
    if (!this.live.has(key)) {
      if ((this.live.size + 1) * this.total > 64e6) this.live.clear();
      this.live.set(key, this.schedule.liveValues(buckets));
    }
    return this.live.get(key);
  }

  /** Mean of live values over slots per pixel column. */
  density(live, slots) {
    const values = new Float64Array(Math.ceil(this.width) + 1), step = 1 / this.scale;
    for (let px = 0; px < this.width; ++px) {
      const from = Math.floor(this.view.from + px * step);
      const to = Math.min(live.length, Math.max(from + 1, Math.floor(this.view.from + (px + 1) * step)));
      let sum = 0;
      for (let t = from; t < to; ++t) sum += live[t];
      values[px] = Math.min(1, sum / Math.max(1, to - from) / slots);
    }
    return values;
  }

  paint_streams(g, row, y) {
    const slots = row.buckets.length * (this.schedule.data.machine.lastPosition + 1);
    this.paintArea(g, this.density(this.liveOf(row.label, row.buckets), slots), y + 4, row.h - 8, "stream");
  }

  paint_stream(g, row, y) {
    const values = this.density(this.liveOf(row.bucket, [row.bucket]), this.schedule.data.machine.lastPosition + 1);
    g.fillStyle = this.palette.get("stream");
    for (let px = 0; px < this.width; ++px)
      if (values[px] > 0) {
        g.globalAlpha = 0.25 + 0.75 * values[px];
        g.fillRect(LABELS + px, y + 1, 1, row.h - 2);
      }
    g.globalAlpha = 1;
  }

  /** The whole program with its causes, and the window. */
  paintMap() {
    const h = this.map.clientHeight, width = this.map.clientWidth;
    if (!width) return;
    const g = this.prepare(this.map, h);
    this.paintCauses(g, this.schedule.causes, 0, width, { from: 0, to: this.total }, 0, h);
    const x = (this.view.from / this.total) * width, end = (this.view.to / this.total) * width;
    g.fillStyle = this.palette.get("shade");
    g.fillRect(0, 0, x, h);
    g.fillRect(end, 0, width - end, h);
    g.strokeStyle = this.palette.get("text");
    g.lineWidth = 2;
    g.strokeRect(x + 1, 1, Math.max(2, end - x - 2), h - 2);
  }
}

/** The end of an ONNX node name, from its layer number on if it has one: enough to tell kernels apart. */
function shortName(name) {
  const parts = name.split("/").filter(Boolean);
  const layer = parts.slice(0, -1).findLastIndex((part) => /\d$/.test(part));
  return parts.slice(layer >= 0 ? layer : -3).join("/");
}
