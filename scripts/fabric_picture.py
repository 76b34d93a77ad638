#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""docs/fabric.svg: plan, links, drift and classes of a pipeline, drawn from its schedule.

    scripts/fabric_picture.py [--build build] [-o docs/fabric.svg] [--keep FOLDER]

A model of equal blocks is compiled for as many chips of a small machine whose clocks are aligned often. Every bar is a
run of instructions of the package (lpu-objdump --trace), every number is the package's or the machine file's.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import tempfile
from xml.sax.saxutils import escape

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCKS, WIDTH = 6, 1180
COLOURS = ["#8ecae6", "#ffd166", "#a7d8a0", "#d4a5e5", "#f4a582", "#b8c0cc"]  # of classes
BANDS = [("link_recv", "#e75480", "receives"), ("pass", "#3f9142", "planes multiply"), ("alu", "#e08e1b", "vector unit"),
         ("link_send", "#b0235f", "sends")]


def model(path):
    rng, nodes, weights, x = np.random.default_rng(1), [], [], "x"

    def weight(name, *shape):
        weights.append(numpy_helper.from_array((0.1 * rng.standard_normal(shape)).astype(np.float32), name))
        return name

    for i in range(BLOCKS):
        nodes += [helper.make_node("MatMul", [x, weight(f"w{i}", 64, 128)], [f"h{i}"], name=f"up {i}"),
                  helper.make_node("Relu", [f"h{i}"], [f"r{i}"], name=f"relu {i}"),
                  helper.make_node("MatMul", [f"r{i}", weight(f"v{i}", 128, 64)], [f"d{i}"], name=f"down {i}"),
                  helper.make_node("Add", [x, f"d{i}"], [f"y{i}"], name=f"sum {i}")]
        x = f"y{i}"
    graph = helper.make_graph(nodes, "blocks", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16, 64])],
                              [helper.make_tensor_value_info(x, TensorProto.FLOAT, [16, 64])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Schedule:
    """What the picture shows of a package."""

    def __init__(self, folder, bin_):
        def run(*words):
            return subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout

        mini = (ROOT / "test/Inputs/mini.yaml").read_text()
        for key, value in {"resync_cycles": 500, "node_chips": BLOCKS, "links": BLOCKS}.items():
            mini = re.sub(rf"^{key}: .*", f"{key}: {value}", mini, flags=re.M)
        (folder / "machine.yaml").write_text(mini)
        self.machine = {name: int(value) for name, value in re.findall(r"^(\w+): (\d+)\b", mini, re.M)}
        model(folder / "blocks.onnx")
        run(bin_ / "lpu-compile", folder / "blocks.onnx", "--target", folder / "machine.yaml", "--chips", BLOCKS, "--tp", 1,
            "--pp", BLOCKS, "-o", folder / "m.lpu", "--report", folder / "m.json")
        run(bin_ / "lpu-verify", folder / "m.lpu")
        self.said = json.loads((folder / "m.json").read_text())
        trace = json.loads(run(bin_ / "lpu-objdump", "--trace", folder / "m.lpu"))
        assert trace["otherData"]["cycles"] == self.said["cycles"]
        self.cycles, self.stages = self.said["cycles"], self.said["stages"]
        self.resyncs, self.sends, self.receives = (collections.defaultdict(list) for _ in range(3))
        busy = collections.defaultdict(list)  # by chip and unit
        for event in trace["traceEvents"]:
            if event["ph"] != "X":
                continue
            unit = event["name"].split(".")[0]
            if event["name"] == "control.resync":
                self.resyncs[event["pid"]].append(event["ts"])
            busy[event["pid"], unit].append((event["ts"], event["ts"] + event["dur"]))
            if unit in ("link_send", "link_recv"):
                repeat = re.search(r"repeat (\d+) every (\d+)", event["args"]["instruction"])
                count, every = map(int, repeat.groups()) if repeat else (1, 1)
                (self.sends if unit == "link_send" else self.receives)[event["pid"]] += \
                    [event["ts"] + k * every for k in range(count)]
        self.busy = {place: self.merged(runs) for place, runs in busy.items()}
        for vectors in (*self.sends.values(), *self.receives.values()):
            vectors.sort()

    def merged(self, runs):
        """Runs with less than a pixel between them are one bar."""
        result, gap = [], self.cycles / WIDTH
        for first, end in sorted(runs):
            if result and first - result[-1][1] <= gap:
                result[-1][1] = max(end, result[-1][1])
            else:
                result.append([first, end])
        return result


class Picture:
    def __init__(self):
        self.parts = []

    def add(self, text):
        self.parts.append(text)

    def text(self, x, y, words, size=12, anchor="start", weight="normal", fill="#222"):
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
                 f'fill="{fill}">{escape(words)}</text>')

    def box(self, x, y, w, h, fill, stroke="none", more=""):
        self.add(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{fill}" stroke="{stroke}"{more}/>')

    def line(self, x1, y1, x2, y2, stroke="#555", width=1.0, more=""):
        self.add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"{more}/>')

    def svg(self, height):
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif">',
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
            '<path d="M0,0 L8,4 L0,8 z" fill="#444"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>', *self.parts, "</svg>"]) + "\n"


def plan(p, s, top):
    """Boxes of chips, joined by the wires that are used."""
    p.text(16, top + 16, f"Plan: {BLOCKS} stages of one chip. Chips of one colour are a class: one text, placed and scheduled once.",
           14, weight="bold")
    each, w, h, y = (WIDTH - 32) / len(s.stages), 128, 56, top + 32
    for chip, stage in enumerate(s.stages):
        x = 16 + chip * each
        p.box(x, y, w, h, COLOURS[stage["class"] % len(COLOURS)], "#555", ' rx="5"')
        p.text(x + 8, y + 19, f"chip {chip}", 13, weight="bold")
        names = [k["name"] for k in s.said["kernels"] if k["program"] == stage["kind"]]
        p.text(x + 8, y + 34, f"class {stage['class']}, start {stage['start']:,}", 11)
        p.text(x + 8, y + 48, f"{len(names)} kernels, {stage['weightBytes'] // 1024} KiB", 11)
    for wire in s.said["wires"]:
        x = 16 + wire["fromChip"] * each + w
        end = 16 + wire["toChip"] * each
        p.line(x, y + h / 2, end - 2, y + h / 2, "#444", 1.6, ' marker-end="url(#arrow)"')
        p.text((x + end) / 2, y + h / 2 - 8, f"{wire['vectors']}", 10, "middle")
        p.text((x + end) / 2, y + h / 2 + 15, f"{wire['fromLink']}\N{RIGHTWARDS ARROW}{wire['toLink']}", 10, "middle")
    p.text(16, y + h + 17, "On the arrows: vectors of one run; ports, which are relocations of a class, like start cycles and images.", 11,
           fill="#555")
    return y + h + 30


def chart(p, s, top, window):
    """Every chip in the cycles of the program."""
    p.text(16, top + 16, f"Schedule: {s.cycles:,} cycles. Nothing is decided at run time: every send, flight and receive has its cycle.",
           14, weight="bold")
    left, row, y0 = 120, 44, top + 48
    scale = (WIDTH - left - 16) / s.cycles
    for i, (unit, colour, name) in enumerate(BANDS):
        p.box(left + i * 150, top + 26, 12, 10, colour)
        p.text(left + 17 + i * 150, top + 35, name, 11)
    x = left + len(BANDS) * 150
    p.line(x, top + 25, x, top + 37, "#1d4ed8", 1.2)
    p.text(x + 6, top + 35, "clocks are aligned (control.resync)", 11)
    for chip, stage in enumerate(s.stages):
        y = y0 + chip * row
        p.box(16, y + 2, 92, row - 8, COLOURS[stage["class"] % len(COLOURS)], "#777", ' rx="4"')
        p.text(24, y + 23, f"chip {chip}", 12)
        p.box(left + stage["start"] * scale, y + 2, stage["cycles"] * scale, row - 8, "#f2f4f7")
        for band, (unit, colour, _) in enumerate(BANDS):
            for first, end in s.busy.get((chip, unit), []):
                p.box(left + first * scale, y + 4 + band * 8.2, max(0.7, (end - first) * scale), 7.2, colour)
        for cycle in s.resyncs[chip]:
            p.line(left + cycle * scale, y + 2, left + cycle * scale, y + row - 6, "#1d4ed8", 1.2)
    # The first and last vector of every wire.
    flight = s.machine["link_latency"] + s.machine["link_margin"]
    for wire in s.said["wires"]:
        for cycle in (s.sends[wire["fromChip"]][0], s.sends[wire["fromChip"]][-1]):
            p.line(left + cycle * scale, y0 + wire["fromChip"] * row + 36, left + (cycle + flight) * scale,
                   y0 + wire["toChip"] * row + 4, "#444", 1.1, ' marker-end="url(#arrow)"')
    bottom = y0 + len(s.stages) * row
    step = 10 ** (len(str(s.cycles)) - 1)
    step = step if s.cycles >= 5 * step else step // 5
    for cycle in range(0, s.cycles + 1, step):
        p.line(left + cycle * scale, bottom, left + cycle * scale, bottom + 5)
        p.text(left + cycle * scale, bottom + 17, f"{cycle:,}", 10, "middle")
    chip, begin, end = window
    p.box(left + begin * scale, y0 + chip * row - 1, (end - begin) * scale, 2 * row - 4, "none", "#111",
          ' stroke-dasharray="4 3" stroke-width="1.3"')
    return bottom + 26


def zoom(p, s, top, window):
    """Two chips around a resynchronisation in the middle of a transfer."""
    chip, begin, end = window
    m = s.machine
    rest, flight = m["link_interval"] + 2 * m["link_margin"], m["link_latency"] + m["link_margin"]
    p.text(16, top + 16, f"Links and drift: the dashed part, cycles {begin:,} to {end:,}.", 14, weight="bold")
    left, y, row = 120, top + 34, 92
    scale = (WIDTH - left - 16) / (end - begin)
    at = lambda cycle: left + (cycle - begin) * scale  # noqa: E731
    for k, name in enumerate((f"chip {chip} sends", f"chip {chip + 1} receives")):
        stage = s.stages[chip + k]
        p.box(16, y + k * row, 100, 24, COLOURS[stage["class"] % len(COLOURS)], "#777", ' rx="4"')
        p.text(22, y + k * row + 16, name, 10.5)
        p.box(left, y + k * row, WIDTH - left - 16, 24, "#f2f4f7")
        for cycle in s.resyncs[chip + k]:
            if begin <= cycle < end - rest:
                p.box(at(cycle), y + k * row, rest * scale, 24, "#bfd3ff")
                p.line(at(cycle), y + k * row - 3, at(cycle), y + k * row + 27, "#1d4ed8", 1.4)
                p.text(at(cycle) + 4, y + k * row + (-6 if k == 0 else 38), f"resync in {cycle:,}: the links rest for {rest} cycles", 10.5,
                       fill="#1d4ed8")
    labelled = False
    for sent, received in zip(s.sends[chip], s.receives[chip + 1]):
        if received - sent != flight:
            raise SystemExit(f"chip {chip} sends in {sent}, chip {chip + 1} receives in {received}: not {flight} later")
        if not begin <= sent or received >= end - 2:
            continue
        p.box(at(sent), y + 4, m["link_interval"] * scale - 1, 16, BANDS[3][1])
        p.box(at(received), y + row + 4, m["link_interval"] * scale - 1, 16, BANDS[0][1])
        early = sent + m["link_latency"] - m["link_margin"]
        p.add(f'<path d="M{at(sent):.1f},{y + 24} L{at(early):.1f},{y + row} L{at(received):.1f},{y + row} z" fill="#b0235f" '
              f'fill-opacity="0.10" stroke="none"/>')
        p.line(at(sent), y + 24, at(sent + m["link_latency"]), y + row, "#b0235f", 0.8)
        if not labelled:
            labelled = True
            p.line(at(sent), y + row + 34, at(received), y + row + 34, "#111", 1, ' marker-end="url(#arrow)"')
            p.text(at(sent), y + row + 48, f"link_latency {m['link_latency']} + link_margin {m['link_margin']}", 10.5)
    latency, margin = m["link_latency"], m["link_margin"]
    for i, words in enumerate((
            f"A link takes a vector every link_interval = {m['link_interval']} cycles. A vector needs link_latency = {latency} cycles (line), "
            f"told by two clocks up to link_margin = {margin} more or fewer (shade).",
            f"It is received {flight} cycles behind its send, by when it is there whatever the clocks do. Each clock may drift by half of the margin "
            f"from one alignment to the next:",
            f"at most resync_cycles = {m['resync_cycles']} later. Sender and receiver keep one timetable, apart by the time of flight, so one rest "
            f"costs both together {m['link_interval'] + 4 * margin} cycles.")):
        p.text(16, y + row + 66 + 16 * i, words, 11.5, fill="#333")
    return y + row + 112


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "docs/fabric.svg")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for model, machine and package (default: none is kept)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or pathlib.Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        s = Schedule(folder, options.build.resolve() / "bin")
    # A resynchronisation between two sends, on both sides of a wire.
    flight = s.machine["link_latency"] + s.machine["link_margin"]
    windows = [(chip, cycle - 60, cycle + 100) for chip in range(BLOCKS - 1) for cycle in s.resyncs[chip]
               if s.sends[chip] and s.sends[chip][0] + 40 < cycle < s.sends[chip][-1] - 40
               and any(abs(cycle + flight - other) < 2 * flight for other in s.resyncs[chip + 1])]
    if not windows:
        raise SystemExit("no resynchronisation falls between the sends of a chip")
    p = Picture()
    height = zoom(p, s, chart(p, s, plan(p, s, 4), windows[0]) + 8, windows[0])
    options.output.write_text(p.svg(height))
    print(f"{options.output}: {BLOCKS} chips, {s.cycles:,} cycles, resync in {windows[0][1] + 60:,} of chip {windows[0][0]}")


if __name__ == "__main__":
    main()
