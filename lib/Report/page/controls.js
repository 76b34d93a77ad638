// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mouse and keys of the timeline, and the words that describe what is there.

class TimelineControls {
  constructor(timeline) {
    this.timeline = timeline;
    this.tip = document.getElementById("tip");
    this.details = document.getElementById("details");
    const { canvas, map } = timeline;
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("dblclick", (event) => this.doubleClick(event));
    map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); this.mapTo(event); });
    map.addEventListener("pointermove", (event) => { if (event.buttons) this.mapTo(event); });
  }

  wheel(event) {
    const { timeline } = this;
    if (event.offsetX < LABELS) return; // over the names the list scrolls
    event.preventDefault();
    const step = event.deltaMode === 1 ? 16 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
      timeline.pan(((event.deltaX || event.deltaY) * step) / timeline.width);
    else timeline.zoom(Math.exp(event.deltaY * step * 0.002), timeline.cycle(event.offsetX));
    this.hover(event);
  }

  down(event) {
    this.drag = { x: event.clientX, y: event.clientY, view: this.timeline.view, top: this.timeline.scroll.scrollTop,
      moved: false };
    this.timeline.canvas.setPointerCapture(event.pointerId);
    this.timeline.canvas.focus({ preventScroll: true });
  }

  move(event) {
    const { drag, timeline } = this;
    if (!drag) return this.hover(event);
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (Math.abs(dx) + Math.abs(dy) > 3) drag.moved = true;
    if (!drag.moved) return undefined;
    this.hideTip();
    timeline.canvas.style.cursor = "grabbing";
    timeline.scroll.scrollTop = drag.top - dy;
    const shift = -dx / timeline.scale;
    return timeline.setView(drag.view.from + shift, drag.view.to + shift);
  }

  up(event) {
    const { drag, timeline } = this;
    this.drag = null;
    timeline.canvas.style.cursor = "";
    if (!drag || drag.moved) return;
    const row = timeline.rowAt(event.offsetY);
    if (!row) return;
    if (row.kind === "group" || row.kind === "streams") {
      if (event.offsetX < LABELS || row.open) timeline.toggle(row.label);
    } else if (row.kind === "queue") {
      this.select(row, this.runNear(row.queue, event.offsetX));
    }
  }

  doubleClick(event) {
    const row = this.timeline.rowAt(event.offsetY);
    if (row && row.kind === "kernels") {
      const span = this.kernelAt(row, event);
      if (span) this.timeline.setView(span.first, span.last + 1);
    } else {
      this.zoomToSelected();
    }
  }

  leave() {
    this.hideTip();
    this.timeline.hoverCycle = undefined;
    this.timeline.draw();
  }

  mapTo(event) {
    const { timeline } = this;
    const middle = (event.offsetX / timeline.map.clientWidth) * timeline.total;
    const half = (timeline.view.to - timeline.view.from) / 2;
    timeline.setView(middle - half, middle + half);
  }

  key(event) {
    const { timeline } = this;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      "+": () => timeline.zoom(0.6, this.focusCycle()), "=": () => timeline.zoom(0.6, this.focusCycle()),
      "-": () => timeline.zoom(1 / 0.6, this.focusCycle()),
      ArrowLeft: () => timeline.pan(event.shiftKey ? -0.9 : -0.15),
      ArrowRight: () => timeline.pan(event.shiftKey ? 0.9 : 0.15),
      ArrowUp: () => this.stepRow(-1), ArrowDown: () => this.stepRow(1),
      n: () => this.stepRun(1), p: () => this.stepRun(-1),
      Home: () => timeline.setView(0, timeline.total), 0: () => timeline.setView(0, timeline.total),
      Enter: () => this.zoomToSelected(),
      Escape: () => { timeline.selected = null; this.details.replaceChildren(); timeline.draw(); },
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    this.hideTip();
    action();
  }

  focusCycle() {
    const { selected, view } = this.timeline;
    if (!selected || selected.run < 0) return undefined;
    const cycle = selected.row.queue.start[selected.run];
    return cycle >= view.from && cycle <= view.to ? cycle : undefined;
  }

  stepRow(by) {
    const rows = this.timeline.rows.filter((row) => row.kind === "queue");
    if (!rows.length) return;
    const { selected, view } = this.timeline;
    const at = selected ? rows.indexOf(selected.row) : by > 0 ? -1 : rows.length;
    const row = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    const middle = this.focusCycle() ?? (view.from + view.to) / 2;
    const after = row.queue.runAfter(middle);
    this.select(row, Math.min(Math.max(0, after - 1), row.queue.start.length - 1));
  }

  stepRun(by) {
    const { selected } = this.timeline;
    if (!selected) return this.stepRow(1);
    const last = selected.row.queue.start.length - 1;
    return this.select(selected.row, Math.min(last, Math.max(0, selected.run + by)));
  }

  /** Selects, brings into view, and says what it is in the panel below. */
  select(row, run) {
    const { timeline } = this;
    timeline.selected = run >= 0 ? { row, run } : null;
    if (run < 0) {
      this.details.replaceChildren();
      return timeline.draw();
    }
    const start = row.queue.start[run], { view, scroll } = timeline;
    if (start < view.from || start > view.to) {
      const half = (view.to - view.from) / 2;
      timeline.setView(start - half, start + half);
    }
    const space = scroll.clientHeight - RULER;
    if (row.y < scroll.scrollTop) scroll.scrollTop = row.y;
    else if (row.y + row.h > scroll.scrollTop + space) scroll.scrollTop = row.y + row.h - space;
    this.details.replaceChildren(this.describe(row.queue, run, start));
    return timeline.draw();
  }

  zoomToSelected() {
    const { selected } = this.timeline;
    if (!selected) return;
    const { queue } = selected.row, start = queue.start[selected.run];
    const length = queue.length(queue.ops[selected.run]);
    this.timeline.setView(start - length * 0.3 - 4, start + length * 1.3 + 4);
  }

  // --- What is under the mouse -------------------------------------------------
  /** The run at a pixel; where runs are narrower than pixels, one that touches it. */
  runNear(queue, x) {
    const { timeline } = this;
    const from = Math.floor(timeline.cycle(x)), to = timeline.cycle(x + 1);
    const exact = queue.runAt(from);
    if (exact >= 0) return exact;
    const next = queue.runAfter(from);
    return next < queue.start.length && queue.start[next] < to ? next : -1;
  }

  kernelAt(row, event) {
    const { timeline } = this;
    const lane = Math.floor((event.offsetY - RULER + timeline.scroll.scrollTop - row.y - 4) / BAND);
    const cycle = timeline.cycle(event.offsetX);
    return timeline.schedule.kernels.find((k) => k.lane === lane && k.first <= cycle && cycle < k.last + 1);
  }

  hover(event) {
    const { timeline } = this;
    const row = timeline.rowAt(event.offsetY);
    timeline.hoverCycle = event.offsetX > LABELS ? timeline.cycle(event.offsetX) : undefined;
    timeline.draw();
    const content = row && event.offsetX > LABELS && this.describeRow(row, event);
    timeline.canvas.classList.toggle("over", Boolean(content));
    if (!content) return this.hideTip();
    this.tip.replaceChildren(content);
    placeTip(this.tip, event);
    return undefined;
  }

  hideTip() { this.tip.hidden = true; }

  describeRow(row, event) {
    const { timeline } = this;
    const cycle = Math.floor(timeline.cycle(event.offsetX)), { schedule } = timeline;
    if (cycle < 0 || cycle >= timeline.total) return null;
    const at = `cycle ${formatCycles(cycle)}`;
    switch (row.kind) {
      case "queue": {
        const run = this.runNear(row.queue, event.offsetX);
        return run < 0 ? null : this.describe(row.queue, run, Math.max(cycle, row.queue.start[run]));
      }
      case "kernels": {
        const span = this.kernelAt(row, event);
        return span ? this.describeKernel(span) : null;
      }
      case "causes": {
        const cause = CAUSES[schedule.causes[cycle]];
        return facts(cause.name, [["", `${at}: ${cause.text}`]]);
      }
      case "group": {
        const busy = row.queues.filter((q) => q.runAt(cycle) >= 0).length;
        return row.open ? null : facts(row.label, [[at, `${busy} of ${row.units} queues in a run`]]);
      }
      case "streams": {
        const slots = row.buckets.length * (schedule.data.machine.lastPosition + 1);
        const live = timeline.liveOf(row.label, row.buckets)[cycle];
        return facts(row.label, [[at, `${formatCycles(live)} live values of ${formatCycles(slots)} places ` +
          `(${((100 * live) / slots).toFixed(1)} %)`]]);
      }
      case "stream": return this.describeStream(row, cycle);
      default: return null;
    }
  }

  describeKernel(span) {
    const us = (n) => this.timeline.page.program.microseconds(n).toFixed(2);
    return facts(span.name, [
      ["kind", span.kind + (span.iterations > 1 ? `, iteration ${span.iteration + 1} of ${span.iterations}` : "")],
      ["cycles", `${formatCycles(span.first)} to ${formatCycles(span.last)}`],
      ["advances the program by", `${formatCycles(span.to - span.from)} cycles (${us(span.to - span.from)} µs)`],
    ]);
  }

  describeStream(row, cycle) {
    const values = this.timeline.schedule.valuesAt(row.bucket, cycle);
    if (!values.length) return null;
    const west = row.bucket >= this.timeline.schedule.data.machine.streams;
    const stream = `stream ${west ? "west" : "east"} ${row.label.slice(1)}`;
    const list = values.slice(0, 6).map(({ x, writer, reader }) => [`position ${x}`,
      `from ${writer.queue.name} to ${reader ? reader.queue.name : "the edge"}: ${
        writer.queue.text(writer.queue.ops[writer.run])}`]);
    if (values.length > 6) list.push(["", `and ${values.length - 6} more`]);
    return facts(`${stream}, cycle ${formatCycles(cycle)}: ${values.length} live values`, list);
  }

  /** An instruction: its text as lpu-objdump prints it, place, cycles, kernel. */
  describe(queue, run, cycle) {
    const { page, schedule } = this.timeline;
    const op = queue.ops[run], start = queue.start[run];
    const count = queue.isControl(op) ? 1 : queue.raw.count[op], interval = queue.raw.interval[op];
    const end = start + (count - 1) * interval, us = page.program.microseconds(start);
    const list = [
      ["unit", `${queue.name}, position ${queue.position}${page.chipNote()}`],
      ["issues", count > 1 ? `cycles ${formatCycles(start)} to ${formatCycles(end)}, ${count} times, every ${interval}`
        : `cycle ${formatCycles(start)}`],
      ["time", `${us.toFixed(3)} µs`],
    ];
    if (queue.isControl(op))
      list.push(["reads text until", `cycle ${formatCycles(start + queue.length(op) - 1)}`]);
    else if (queue.raw.delay[op])
      list.push(["effect", `${queue.raw.delay[op]} cycles after each issue, the last in cycle ${
        formatCycles(end + queue.raw.delay[op])}`]);
    if (count > 1 && cycle >= start && cycle <= end)
      list.push(["here", `cycle ${formatCycles(cycle)}, repeat ${Math.floor((cycle - start) / interval) + 1} of ${count}`]);
    const peer = page.peer(queue);
    if (peer) list.push(["link", peer]);
    const kernels = queue.isControl(op) ? [] : schedule.kernelsAt(start, queue.unit);
    if (kernels.length === 1) list.push(["kernel", kernels[0].name]);
    else if (kernels.length)
      list.push(["kernels in progress", kernels.slice(0, 4).map((k) => shortName(k.name)).join("; ") +
        (kernels.length > 4 ? `; ${kernels.length - 4} more` : "")]);
    return facts(queue.text(op), list, queue.categories[op]);
  }
}

/** Shows what is under the mouse beside it, inside the window. */
function placeTip(tip, event) {
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const x = event.clientX + 16 + width > window.innerWidth ? event.clientX - width - 12 : event.clientX + 16;
  const y = event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 12 : event.clientY + 18;
  tip.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
}

/** A heading and a list of names and values. */
function facts(heading, list, color) {
  const box = element("div", { class: "facts" });
  const head = element("p", { class: "head" }, heading);
  if (color) head.style.setProperty("--mark", `var(--${color})`);
  const dl = element("dl");
  for (const [name, value] of list) {
    if (name) dl.append(element("dt", {}, name));
    dl.append(element("dd", name ? {} : { class: "wide" }, value));
  }
  box.append(head, dl);
  return box;
}

/** An element with attributes and text or children. */
function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
