// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chips and the wires between them, in the order in which system.js finds them,
// and all chips in time.

const MOST_BOXES = 48; // more chips are drawn as a grid

/** When each chip works: its causes of latency, in cycles of the program. */
class ChipTimes {
  constructor(page) {
    this.page = page;
    this.canvas = document.getElementById("chip-times");
    this.tip = document.getElementById("tip");
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    this.canvas.addEventListener("click", (event) => {
      const chip = this.chipAt(event);
      if (chip !== null) this.page.setChip(chip);
    });
    new ResizeObserver(() => { if (this.page.tab === "chips") this.draw(); }).observe(this.canvas);
  }

  draw() {
    const { program, timeline, palette } = this.page, count = program.chips.length;
    this.row = Math.max(1, Math.min(20, Math.floor(520 / count)));
    this.left = this.row >= 12 ? 64 : 8;
    const height = count * this.row;
    if (this.canvas.style.height !== `${height}px`) this.canvas.style.height = `${height}px`;
    const g = timeline.prepare(this.canvas, height);
    this.scale = (this.canvas.clientWidth - this.left) / Math.max(1, program.cycles);
    const strips = new Map(); // by class: chips of a class look alike
    program.chips.forEach((number, chip) => {
      const { cycles, causes } = program.schedule(number), y = chip * this.row;
      if (!strips.has(number) && cycles) {
        const strip = new OffscreenCanvas(Math.max(1, Math.ceil(cycles * this.scale)), 16);
        timeline.paintCauses(strip.getContext("2d"), causes, 0, strip.width, { from: 0, to: cycles }, 0, 16);
        strips.set(number, strip);
      }
      if (chip === this.page.chip) {
        g.fillStyle = palette.get("selection");
        g.fillRect(0, y, this.canvas.clientWidth, this.row);
      }
      if (this.row >= 12) {
        g.fillStyle = palette.get("text");
        g.fillText(`chip ${chip}`, 4, y + this.row / 2);
      }
      if (cycles)
        g.drawImage(strips.get(number), this.left + program.data.starts[chip] * this.scale, y,
          Math.max(1, cycles * this.scale), this.row > 3 ? this.row - 1 : this.row);
    });
    if (count > 1) this.drawPath(g);
  }

  /** A line along the chips whose time the latency is. */
  drawPath(g) {
    g.strokeStyle = this.page.palette.get("text");
    g.lineWidth = Math.min(2, this.row / 2);
    g.beginPath();
    let isFirst = true;
    for (const { chip, flight, from, to } of this.page.system.path) {
      if (flight) continue;
      const y = (chip + 1) * this.row - g.lineWidth;
      for (const cycle of [from, to]) {
        g[isFirst ? "moveTo" : "lineTo"](this.left + cycle * this.scale, y);
        isFirst = false;
      }
    }
    g.stroke();
  }

  chipAt(event) {
    const chip = Math.floor(event.offsetY / this.row);
    return chip >= 0 && chip < this.page.program.chips.length ? chip : null;
  }

  hover(event) {
    const chip = this.chipAt(event), { program } = this.page;
    if (chip === null) return;
    const begin = program.data.starts[chip], { cycles, causes } = program.schedule(program.chips[chip]);
    const cycle = Math.floor((event.offsetX - this.left) / this.scale), own = cycle - begin;
    const list = [["class", String(program.chips[chip])],
      ["works in cycles", `${formatCycles(begin)} to ${formatCycles(begin + cycles - 1)} of the program`]];
    if (own >= 0 && own < cycles)
      list.push([`cycle ${formatCycles(cycle)}`, `its cycle ${formatCycles(own)}: ${CAUSES[causes[own]].text}`]);
    this.tip.replaceChildren(facts(`chip ${chip}`, list));
    placeTip(this.tip, event);
  }
}

class ChipsView {
  constructor(page) {
    this.page = page;
    this.plan = document.getElementById("plan");
    this.tip = document.getElementById("tip");
    document.getElementById("color-by").addEventListener("change", () => this.draw());
    this.times = new ChipTimes(page);
    this.stages = page.system.stages;
    this.stageCount = Math.max(0, ...this.stages) + 1;
    // Pairs of chips with all their wires.
    this.pairs = new Map();
    for (const wire of page.program.wires) {
      const key = `${wire.fromChip} ${wire.toChip}`;
      if (!this.pairs.has(key)) this.pairs.set(key, { from: wire.fromChip, to: wire.toChip, wires: 0, vectors: 0 });
      const pair = this.pairs.get(key);
      pair.wires += 1;
      pair.vectors += wire.vectors;
    }
  }

  schedule(chip) { return this.page.program.schedule(this.page.program.chips[chip]); }

  /** Busy share of the units of a kind on a chip. */
  load(chip, unit) {
    const schedule = this.schedule(chip);
    const units = schedule.data.machine.units.find((u) => u.name === unit).positions.length;
    const busy = schedule.queues.reduce((n, q) => n + (q.unit === unit ? q.busy : 0), 0);
    return units ? busy / (units * Math.max(1, this.page.program.cycles)) : 0;
  }

  draw() {
    const { chips } = this.page.program;
    document.getElementById("plan-note").textContent = chips.length === 1
      ? "One chip; it uses no links."
      : `${formatCycles(chips.length)} chips in ${formatCycles(this.stageCount)} ${
        this.stageCount === 1 ? "stage" : "stages"}, ${formatCycles(this.page.program.wires.length)} wires, ${
        formatCycles(this.page.program.wires.reduce((n, w) => n + w.vectors, 0))} vectors in a run. ` +
        (chips.length > MOST_BOXES ? "Wires of the chosen chip are drawn." : "Numbers on wires are vectors.");
    this.boxes = chips.length <= MOST_BOXES;
    this.place();
    const svg = element("svg:svg", { role: "img", "aria-label": "Chips and links", width: this.size[0],
      height: this.size[1], viewBox: `0 0 ${this.size[0]} ${this.size[1]}` });
    const wires = element("svg:g", { class: "wires" }), cells = element("svg:g");
    svg.append(element("svg:defs", {}, this.arrow()), ...(this.boxes ? [wires, cells] : [cells, wires]));
    for (const pair of this.pairs.values())
      if (this.boxes || pair.from === this.page.chip || pair.to === this.page.chip) this.wire(wires, pair);
    chips.forEach((_, chip) => cells.append(this.cell(chip)));
    this.plan.replaceChildren(svg);
    this.latency();
    this.times.draw();
    this.classTable();
    this.peerTable();
  }

  /** What the latency of all chips is made of, and whose it is. */
  latency() {
    const { program, system, overview } = this.page;
    document.getElementById("system").hidden = program.chips.length === 1;
    if (this.latencyDone || program.chips.length === 1) return;
    this.latencyDone = true;
    overview.causeBar(document.getElementById("system-causes"), { causes: system.causes, cycles: program.cycles });
    const legs = system.path.filter((leg) => !leg.flight), most = 24;
    const words = legs.slice(0, most).map((leg) => `chip ${leg.chip} to ${formatCycles(leg.to)}`);
    if (legs.length > most) words.push(`and ${formatCycles(legs.length - most)} more`);
    document.getElementById("system-path").textContent = `In turn: ${words.join(", ")}.`;
  }

  arrow() {
    const marker = element("svg:marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7,
      markerHeight: 7, orient: "auto-start-reverse", markerUnits: "userSpaceOnUse" });
    marker.append(element("svg:path", { d: "M0,0.5 L8,4 L0,7.5 z", class: "arrow" }));
    return marker;
  }

  /** Where each chip is drawn: stages from left to right, one group in a circle, many chips as a grid. */
  place() {
    const { chips } = this.page.program, [w, h] = this.boxes ? [136, 54] : [17, 17];
    const order = chips.map((_, chip) => chip).sort((a, b) => this.stages[a] - this.stages[b] || a - b);
    this.cellSize = [w, h];
    this.at = [];
    if (!this.boxes) {
      const room = Math.max(400, this.plan.clientWidth - 24), across = Math.floor(room / 20);
      order.forEach((chip, i) => { this.at[chip] = [4 + (i % across) * 20, 4 + Math.floor(i / across) * 20]; });
      this.size = [across * 20 + 8, Math.ceil(chips.length / across) * 20 + 8];
    } else if (this.stageCount === 1 && chips.length > 2) {
      const radius = Math.max(130, chips.length * 26), cx = radius * 1.25 + w / 2, cy = radius + h / 2;
      order.forEach((chip, i) => {
        const angle = (2 * Math.PI * i) / chips.length - Math.PI / 2;
        this.at[chip] = [cx + radius * 1.2 * Math.cos(angle) - w / 2 + 4, cy + radius * Math.sin(angle) - h / 2 + 4];
      });
      this.size = [2 * cx + 8, 2 * cy + 8];
    } else {
      const columns = Array.from({ length: this.stageCount }, () => []);
      for (const chip of order) columns[this.stages[chip]].push(chip);
      const tallest = Math.max(...columns.map((c) => c.length));
      columns.forEach((column, stage) => column.forEach((chip, i) => {
        this.at[chip] = [20 + stage * (w + 84), 20 + (i + (tallest - column.length) / 2) * (h + 40)];
      }));
      this.size = [40 + columns.length * (w + 84) - 84, 24 + tallest * (h + 40)];
    }
  }

  color(chip) {
    const by = document.getElementById("color-by").value, { program } = this.page;
    const hue = (n) => `hsl(${(n * 137.5 + 210) % 360} 52% 74%)`;
    if (by === "class") return hue(program.chips[chip]);
    if (by === "stage") return `hsl(${230 - (200 * this.stages[chip]) / Math.max(1, this.stageCount - 1)} 60% 74%)`;
    const share = this.load(chip, by);
    return `color-mix(in oklab, var(--${by === "link_send" ? "send" : by}) ${Math.round(10 + 90 * share)}%, #f4f4f4)`;
  }

  cell(chip) {
    const [x, y] = this.at[chip], [w, h] = this.cellSize, { program } = this.page;
    const near = this.pairs.has(`${chip} ${this.page.chip}`) || this.pairs.has(`${this.page.chip} ${chip}`);
    const cell = element("svg:g", { class: chip === this.page.chip ? "chip chosen" : near ? "chip near" : "chip",
      transform: `translate(${x} ${y})` });
    const box = element("svg:rect", { width: w, height: h, rx: this.boxes ? 6 : 3 });
    box.style.fill = this.color(chip);
    cell.append(box);
    if (this.boxes) {
      cell.setAttribute("tabindex", 0);
      cell.setAttribute("role", "button");
      cell.setAttribute("aria-label", `chip ${chip}, class ${program.chips[chip]}`);
      cell.append(element("svg:text", { x: 9, y: 21, class: "name" }, `chip ${chip}`),
        element("svg:text", { x: 9, y: 40 }, `class ${program.chips[chip]}, planes ${percent(this.load(chip, "pass"))}`));
    }
    cell.addEventListener("click", () => this.page.setChip(chip));
    cell.addEventListener("dblclick", () => this.page.showTab("schedule"));
    cell.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") this.page.setChip(chip); });
    cell.addEventListener("pointermove", (event) => this.hover(event, chip));
    cell.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    return cell;
  }

  hover(event, chip) {
    const { program } = this.page;
    const total = (key) => program.wires.reduce((n, w) => n + (w[key] === chip ? w.vectors : 0), 0);
    this.tip.replaceChildren(facts(`chip ${chip}`, [
      ["class", String(program.chips[chip])], ["starts at cycle", formatCycles(program.data.starts[chip])],
      ["stage", `${this.stages[chip]} of 0 to ${this.stageCount - 1}`],
      ["planes busy", percent(this.load(chip, "pass"))], ["vector unit busy", percent(this.load(chip, "alu"))],
      ["vectors sent", formatCycles(total("fromChip"))], ["vectors received", formatCycles(total("toChip"))]]));
    placeTip(this.tip, event);
  }

  /** An arrow from box to box, bent so that the two directions lie apart. */
  wire(group, pair) {
    if (pair.from === pair.to) return;
    const [w, h] = this.cellSize;
    const centre = (chip) => [this.at[chip][0] + w / 2, this.at[chip][1] + h / 2];
    const [ax, ay] = centre(pair.from), [bx, by] = centre(pair.to);
    const length = Math.hypot(bx - ax, by - ay), bend = this.boxes ? 14 : 4;
    const [nx, ny] = [-(by - ay) / length, (bx - ax) / length];
    // From border to border, shifted to one side.
    const edge = (dx, dy) => Math.min(w / 2 / Math.max(1e-9, Math.abs(dx)), h / 2 / Math.max(1e-9, Math.abs(dy)));
    const [ux, uy] = [(bx - ax) / length, (by - ay) / length], gap = edge(ux, uy);
    const shift = this.boxes ? 7 : 0;
    const x1 = ax + ux * gap + nx * shift, y1 = ay + uy * gap + ny * shift;
    const x2 = bx - ux * gap + nx * shift, y2 = by - uy * gap + ny * shift;
    const mx = (x1 + x2) / 2 + nx * bend, my = (y1 + y2) / 2 + ny * bend;
    const path = element("svg:path", { d: `M${x1},${y1} Q${mx},${my} ${x2},${y2}`, "marker-end": "url(#arrow)",
      "stroke-width": pair.vectors ? 1 + Math.log2(1 + pair.vectors) / 5 : 1, class: pair.vectors ? "wire" : "wire unused" });
    path.append(element("svg:title", {}, `chip ${pair.from} to chip ${pair.to}: ${formatCycles(pair.vectors)
    } vectors over ${pair.wires} ${pair.wires === 1 ? "wire" : "wires"}`));
    group.append(path);
    if (this.boxes && pair.vectors && this.pairs.size <= 80)
      group.append(element("svg:text", { x: (mx + (x1 + x2) / 2) / 2 + nx * 8, y: (my + (y1 + y2) / 2) / 2 + ny * 8 + 4 },
        formatCycles(pair.vectors)));
  }

  table(id, names, rows) {
    const head = element("tr");
    for (const name of names) head.append(element("th", { scope: "col" }, name));
    const body = element("tbody");
    for (const row of rows) {
      const line = element("tr");
      row.forEach((value) => line.append(value instanceof Node ? value : element("td", {}, String(value))));
      body.append(line);
    }
    document.getElementById(id).replaceChildren(element("thead", {}, head), body);
  }

  chipButton(chip) {
    const button = element("button", { type: "button" }, `chip ${chip}`);
    button.addEventListener("click", () => this.page.setChip(chip));
    return element("th", { scope: "row" }, button);
  }

  classTable() {
    const { program } = this.page, members = program.data.classes.map(() => []);
    program.chips.forEach((number, chip) => members[number].push(chip));
    this.table("classes", ["first chip", "class", "chips", "instructions", "last effect", "planes", "vector unit"],
      members.flatMap((chips, number) => chips.length ? [[this.chipButton(chips[0]), number, chips.length,
        formatCycles(program.schedule(number).instructions), formatCycles(program.schedule(number).cycles),
        percent(this.load(chips[0], "pass")), percent(this.load(chips[0], "alu"))]] : []));
  }

  peerTable() {
    const { program, chip } = this.page, interval = program.data.machine.linkInterval;
    const rows = program.wires.filter((w) => w.fromChip === chip || w.toChip === chip).map((w) => {
      const out = w.fromChip === chip, cycles = w.vectors * interval;
      return [this.chipButton(out ? w.toChip : w.fromChip), out ? "sends" : "receives",
        out ? `${w.fromLink} to ${w.toLink}` : `${w.toLink} from ${w.fromLink}`, formatCycles(w.vectors),
        percent(cycles / Math.max(1, program.cycles))];
    });
    document.getElementById("peers-of").textContent = `Links of chip ${chip}`;
    document.getElementById("no-links").hidden = rows.length > 0;
    this.table("peers", ["peer", `chip ${chip}`, "link", "vectors", "link busy"], rows);
  }
}
