// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the time goes: figures, causes, kernels, and the chip from west to east
// with the load of every unit.

const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;

class Overview {
  constructor(page) { this.page = page; }

  show(schedule) {
    this.schedule = schedule;
    this.figures();
    this.causeBar(document.getElementById("causes"), schedule.times[0]);
    this.table();
    this.floor();
  }

  figures() {
    const { program } = this.page, { data } = program, { schedule } = this;
    const us = (n) => program.microseconds(n).toFixed(2);
    const busiest = this.load("pass"), vector = this.load("alu");
    const cards = [
      ["latency", `${us(program.cycles)} µs`, `${formatCycles(program.cycles)} cycles at ${data.machine.clockMHz} MHz`],
      ["chips", formatCycles(program.chips.length),
        `${data.classes.length} ${data.classes.length === 1 ? "class" : "classes"} of ${data.machine.name}`],
      ...(data.interval ? [["initiation interval", `${us(data.interval)} µs`,
        `a run every ${formatCycles(data.interval)} cycles, ${formatCycles((1e6 * data.machine.clockMHz) / data.interval)} a second`]] : []),
      ["instructions", formatCycles(schedule.instructions),
        `of class ${schedule.number}; ${formatCycles(schedule.runs)} runs with loops unrolled`],
      ["planes busy", percent(busiest), "of all planes and cycles"],
      ["vector unit busy", percent(vector), "of all ALUs and cycles"],
    ];
    document.getElementById("figures").replaceChildren(...cards.map(([name, value, note]) =>
      element("div", { class: "card" }, element("span", { class: "name" }, name),
        element("strong", {}, value), element("span", { class: "note" }, note))));
  }

  /** Share of busy cycles over all units of a kind. */
  load(unit, row = this.schedule.times[0]) {
    const units = this.schedule.data.machine.units.find((u) => u.name === unit).positions.length;
    return units && row.cycles ? (row.busy[unit] || 0) / (units * row.cycles) : 0;
  }

  bar(row) {
    const bar = element("div", { class: "bar" });
    row.causes.forEach((cycles, cause) => {
      if (!cycles) return;
      const part = element("span", { title: `${CAUSES[cause].name}: ${formatCycles(cycles)} cycles, ${
        percent(cycles / row.cycles)}` });
      part.style.cssText = `flex: ${cycles} 0 0; background: var(--${CAUSES[cause].color})`;
      bar.append(part);
    });
    return bar;
  }

  /** The causes of `all.cycles` cycles, as a bar and in numbers. */
  causeBar(place, all) {
    const list = element("ul", { class: "legend" });
    CAUSES.forEach((cause, number) => {
      if (!all.causes[number]) return;
      const mark = element("i");
      mark.style.background = `var(--${cause.color})`;
      list.append(element("li", {}, mark, element("b", {}, cause.name),
        ` ${percent(all.cycles ? all.causes[number] / all.cycles : 0)} · ${
          this.page.program.microseconds(all.causes[number]).toFixed(2)} µs`,
        element("span", { class: "note" }, cause.text)));
    });
    place.replaceChildren(this.bar(all), list);
  }

  table() {
    const { machine } = this.schedule.data;
    const [all, ...rows] = this.schedule.times;
    const units = machine.units.filter((u) => u.positions.length && all.busy[u.name]);
    const head = element("tr");
    for (const name of ["kernel", "times", "cycles", "µs", "share", "causes", ...units.map((u) => u.name)])
      head.append(element("th", { scope: "col" }, name));
    const body = element("tbody");
    rows.sort((a, b) => b.cycles - a.cycles);
    for (const row of [...rows, all]) {
      const line = element("tr", row === all ? { class: "sum" } : {});
      const name = element("th", { scope: "row", title: row.name });
      if (row === all || !row.stretches.length) {
        name.append(row === all ? row.name : shortName(row.name));
      } else {
        const button = element("button", { type: "button", title: `${row.name}: show in the schedule` },
          shortName(row.name));
        button.addEventListener("click", () => this.page.goTo(...row.stretches[0]));
        name.append(button);
      }
      name.append(element("span", { class: "note" }, row.kind));
      const cause = element("td", { class: "causes" });
      cause.append(this.bar(row));
      line.append(name, ...[row === all ? "" : row.spans, formatCycles(row.cycles),
        this.page.program.microseconds(row.cycles).toFixed(2), percent(row.cycles / Math.max(1, all.cycles))]
        .map((text) => element("td", {}, String(text))), cause);
      for (const unit of units) {
        const load = this.load(unit.name, row);
        const cell = element("td", { class: "load" }, row.cycles ? percent(load) : "");
        cell.style.setProperty("--load", Math.min(1, load));
        line.append(cell);
      }
      body.append(line);
    }
    document.getElementById("times").replaceChildren(element("thead", {}, head), body);
    document.getElementById("no-kernels").hidden = rows.length > 0;
  }

  /** Units at their positions, darker the more they are busy. */
  floor() {
    const { machine } = this.schedule.data, { schedule } = this;
    const byPlace = new Map();
    machine.units.forEach((unit) => unit.positions.forEach((x, index) => {
      if (unit.name === "control") return;
      if (!byPlace.has(x)) byPlace.set(x, []);
      byPlace.get(x).push({ unit: unit.name, index });
    }));
    const busy = new Map(schedule.queues.map((q) => [q.name, q.busy]));
    const columns = element("div", { class: "floor", role: "img",
      "aria-label": "The chip from west to east; each cell a unit, darker the more cycles it is busy" });
    for (let x = 0; x <= machine.lastPosition; ++x) {
      const column = element("div", { class: "stop" });
      for (const { unit, index } of byPlace.get(x) || []) {
        const share = Math.min(1, (busy.get(`${unit} ${index}`) || 0) / Math.max(1, schedule.cycles));
        const cell = element("i", { title: `${unit} ${index}, position ${x}: ${percent(share)} of its cycles` });
        const color = CATEGORIES[unit] ? unit : { mem: "read", weights: "install", link_send: "send",
          link_recv: "recv", transpose: "shuffle" }[unit];
        cell.style.background = `color-mix(in oklab, var(--${color}) ${Math.round(8 + 92 * share)}%, var(--panel))`;
        column.append(cell);
      }
      columns.append(column);
    }
    document.getElementById("floor").replaceChildren(columns);
  }
}
