// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The page: tabs, the chosen chip, colours, and the start.

class Page {
  constructor(data) {
    this.program = new Program(data);
    this.system = new System(this.program);
    this.palette = new Palette();
    this.chip = 0;
    this.overview = new Overview(this);
    this.timeline = new Timeline(this);
    this.chips = new ChipsView(this);
    this.header();
    this.tabs();
    this.theme();
    this.tools();
    this.setChip(0);
  }

  get schedule() { return this.program.schedule(this.program.chips[this.chip]); }

  header() {
    const { data, cycles } = this.program;
    document.getElementById("program").textContent = data.program || "program";
    document.getElementById("stated").textContent =
      `${data.machine.name} · ${formatCycles(cycles)} cycles · ${this.program.microseconds(cycles).toFixed(2)} µs`;
    const wrong = document.getElementById("mismatch");
    wrong.hidden = cycles === data.cycles;
    wrong.textContent = `The package states ${formatCycles(data.cycles)} cycles; its text takes ${formatCycles(cycles)}.`;
  }

  tabs() {
    this.tabButtons = [...document.querySelectorAll("[role=tab]")];
    this.tabButtons.forEach((button, number) => {
      button.addEventListener("click", () => this.showTab(button.dataset.tab));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = this.tabButtons[(number + step + this.tabButtons.length) % this.tabButtons.length];
        this.showTab(next.dataset.tab);
        next.focus();
      });
    });
  }

  showTab(name) {
    for (const button of this.tabButtons) {
      const chosen = button.dataset.tab === name;
      button.setAttribute("aria-selected", chosen);
      button.tabIndex = chosen ? 0 : -1;
      document.getElementById(button.dataset.tab).hidden = !chosen;
    }
    document.getElementById("tip").hidden = true;
    if (name === "schedule") this.timeline.draw();
    if (name === "chips") this.chips.draw();
    this.tab = name;
  }

  theme() {
    const media = window.matchMedia("(prefers-color-scheme: dark)");
    const root = document.documentElement;
    const changed = () => {
      this.palette.reset();
      this.timeline.draw();
    };
    media.addEventListener("change", changed);
    document.getElementById("theme").addEventListener("click", () => {
      const dark = root.style.colorScheme ? root.style.colorScheme === "dark" : media.matches;
      root.style.colorScheme = dark ? "light" : "dark";
      changed();
    });
  }

  tools() {
    const { timeline } = this;
    const click = (id, action) => document.getElementById(id).addEventListener("click", action);
    click("zoom-in", () => timeline.zoom(0.5));
    click("zoom-out", () => timeline.zoom(2));
    click("zoom-all", () => timeline.setView(0, timeline.total));
    document.getElementById("go").addEventListener("change", (event) => {
      const cycle = Number(event.target.value), { from, to } = timeline.view;
      if (!Number.isFinite(cycle)) return;
      timeline.setView(cycle - (to - from) / 2, cycle + (to - from) / 2);
    });
    const chip = document.getElementById("chip");
    chip.max = this.program.chips.length - 1;
    document.getElementById("chip-choice").hidden = this.program.chips.length === 1;
    chip.addEventListener("change", () => {
      const number = Number(chip.value);
      if (Number.isInteger(number) && number >= 0 && number < this.program.chips.length) this.setChip(number);
      else chip.value = this.chip;
    });
    const groups = document.getElementById("groups");
    const used = new Set(this.program.data.classes.flatMap(({ queues }) =>
      queues.map(({ unit }) => this.program.data.machine.units[unit].name)));
    const names = GROUPS.filter((g) => g.units.some((unit) => used.has(unit))).map((g) => g.name);
    for (const name of [...names, "Streams east", "Streams west"]) {
      const box = element("input", { type: "checkbox", value: name });
      box.addEventListener("change", () => timeline.toggle(name, box.checked));
      groups.append(element("label", {}, box, name));
    }
    this.showGroups(timeline.open);
    const legend = document.getElementById("legend");
    for (const [color, name] of Object.entries(CATEGORIES)) {
      const mark = element("i");
      mark.style.background = `var(--${color})`;
      legend.append(element("li", { "data-category": color }, mark, name));
    }
  }

  showGroups(open) {
    for (const box of document.querySelectorAll("#groups input")) box.checked = open.has(box.value);
  }

  showView({ from, to }) {
    const us = this.program.microseconds(to - from);
    document.getElementById("range").textContent =
      `${formatCycles(from)} to ${formatCycles(to)} · ${us.toFixed(us < 10 ? 3 : 2)} µs`;
  }

  setChip(chip) {
    this.chip = chip;
    document.getElementById("chip").value = chip;
    const begin = this.program.data.starts[chip];
    document.getElementById("chip-class").textContent = `class ${this.program.chips[chip]}${
      begin ? `, its cycle 0 is program cycle ${formatCycles(begin)}` : ""}`;
    const { schedule } = this;
    const present = new Set(schedule.queues.flatMap((queue) => queue.categories));
    for (const item of document.querySelectorAll("#legend li")) item.hidden = !present.has(item.dataset.category);
    document.getElementById("details").replaceChildren();
    this.overview.show(schedule);
    this.timeline.show(schedule);
    if (this.tab === "chips") this.chips.draw();
  }

  /** Shows a stretch of the program in the schedule, with a little on both sides. */
  goTo(from, to) {
    this.showTab("schedule");
    const margin = Math.max(4, (to - from) * 0.05);
    this.timeline.setView(from - margin, to + margin);
    document.getElementById("canvas").focus();
  }

  chipNote() { return this.program.chips.length > 1 ? ` of chip ${this.chip}` : ""; }

  /** The other end of the wire at a link queue of the chosen chip. */
  peer(queue) {
    const { wires } = this.program, { chip } = this;
    const port = queue.unit.startsWith("link") ? this.program.port(chip, queue.index) : -1;
    if (queue.unit === "link_send") {
      const wire = wires.find((w) => w.fromChip === chip && w.fromLink === port);
      return wire ? `to chip ${wire.toChip}, link ${wire.toLink}` : "no wire";
    }
    if (queue.unit === "link_recv") {
      const wire = wires.find((w) => w.toChip === chip && w.toLink === port);
      return wire ? `from chip ${wire.fromChip}, link ${wire.fromLink}` : "no wire";
    }
    return null;
  }
}

loadData().then((data) => {
  const page = new Page(data);
  // For tests and for the curious: what the page shows, and where.
  window.lpu = {
    program: page.program,
    page,
    /** Where a cycle of a queue is drawn, in pixels of the window; brings its row into view. */
    locate(name, cycle) {
      const { timeline } = page;
      const row = timeline.rows.find((r) => r.kind === "queue" && r.queue.name === name);
      timeline.scroll.scrollTop = row.y;
      const box = timeline.canvas.getBoundingClientRect();
      return { x: box.x + timeline.x(cycle + 0.5), y: box.y + RULER + row.y - timeline.scroll.scrollTop + row.h / 2 };
    },
  };
  const wanted = new URLSearchParams(location.hash.slice(1)).get("tab");
  page.showTab(["overview", "schedule", "chips"].includes(wanted) ? wanted : "overview");
  document.getElementById("loading").remove();
  document.documentElement.dataset.ready = "yes";
}).catch((error) => {
  document.getElementById("loading").textContent = `This page needs a current browser: ${error.message}`;
  throw error;
});
