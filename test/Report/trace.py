# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The trace of a package of many chips keeps the rules of the trace event format: a process per
# chip, events of a track that do not overlap, flights that end, arrows with two ends in runs. Compiled
# packages have the ONNX nodes of each chip besides.
# REQUIRES: lpu-compile, lpu-objdump, lpu-translate, lpu-verify, onnx, model-minilm_ts_eager
# RUN: mkdir -p %t
# RUN: %python %s %t %S %case
# CASE: pipeline %models/minilm_ts_eager.onnx 1 3
# CASE: groups %models/minilm_ts_eager.onnx 2 2
# CASE: chain 12
# CASE: chips-1024 1024
# CASE: too-many-events 1024 6000
# CASE: all-reduce all_reduce_two_chips
import collections
import json
import pathlib
import re
import subprocess
import sys

folder, here, kind = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
FLIGHT = 24  # link_latency + link_margin of nano
nodes = {}  # of compiled packages: names of kernels by chip


def command(*words):
    return subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout


if kind.isdigit():
    (folder / "chain.mlir").write_text(command(sys.executable, here / "Inputs/relay.py", *sys.argv[3:]))
    package = folder / "chain.lpu"
    command("lpu-translate", "--isa-to-binary", folder / "chain.mlir", "-o", package)
    command("lpu-verify", package)
    chips, shown, flights, arrows = int(kind), int(kind), int(kind) - 1, int(kind) - 1
    if len(sys.argv) > 4:  # more than 5,000,000 events: one chip per class; the third is the last of the chain
        shown, flights, arrows = 3, 2, 1
elif kind.endswith(".onnx"):
    package, report, (width, stages) = folder / "m.lpu", folder / "m.json", map(int, sys.argv[4:])
    chips = shown = width * stages
    command("lpu-compile", kind, "--target", "lpu1", "--dim", "batch=1", "--dim", "seq=16", "--chips", str(chips), "--tp",
            str(width), "--pp", str(stages), "--weights", "none", "-o", package, "--report", report)
    said = json.loads(report.read_text())
    for chip, stage in enumerate(said["stages"]):
        nodes[chip] = sorted(k["name"] for k in said["kernels"] for _ in range(k["iterations"])
                             if k["program"] == stage["kind"])
    flights = arrows = None  # one for each run of sends; told below
else:
    command(sys.executable, here.parent / "programs" / f"{kind}.py", folder)
    package = folder / f"{kind}.lpu"
    chips, shown, flights, arrows = 2, 2, 8, 8
command("lpu-objdump", "--trace", package, "-o", folder / "trace.json")
trace = json.loads((folder / "trace.json").read_text())
events = trace["traceEvents"]
cycles = int(re.search(r"predicted cycles: (\d+)", command("lpu-objdump", "--manifest", package))[1])
assert trace["otherData"]["cycles"] == cycles
assert (trace["otherData"]["chips"], trace["otherData"]["chipsShown"]) == (chips, shown)

names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
processes = [e for e in events if e["ph"] == "M" and e["name"] == "process_name"]
assert len(processes) == shown and len({e["pid"] for e in processes}) == shown
stands_for = sum(int(n[1]) if (n := re.search(r"stands for (\d+) chips", e["args"]["name"])) else 1 for e in processes)
assert stands_for == chips, processes

tracks = collections.defaultdict(list)
for event in events:
    assert {"ph", "pid", "tid", "name"} <= event.keys(), event
    if event["ph"] == "X":
        assert event["dur"] >= 1 and event["args"]["instruction"].startswith(event["name"])
        tracks[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
assert set(tracks) <= set(names)
for place, runs in tracks.items():
    runs.sort()
    assert all(a[1] <= b[0] for a, b in zip(runs, runs[1:])), (place, runs)
assert max(run[1] for runs in tracks.values() for run in runs) <= cycles

# Kernels: from the first issue to the last effect, within the chip's time.
spans, open_spans = collections.defaultdict(list), {}
for event in [e for e in events if e.get("cat") == "kernel"]:
    assert names[event["pid"], event["tid"]] == "kernels"
    if event["ph"] == "b":
        open_spans[event["id"]] = event
        spans[event["pid"]].append(event["name"])
    else:
        assert open_spans.pop(event["id"])["ts"] < event["ts"] <= cycles, event
assert not open_spans and {chip: sorted(list_) for chip, list_ in spans.items()} == nodes, (spans, nodes)
if nodes:
    flights = sum(name == "link_send.send" for runs in tracks.values() for _, _, name in runs)
    assert flights > 0

# Flights: one for each run of sends, from the send to the last arrival.
open_flights, closed = {}, 0
for event in events:
    if event.get("cat") == "kernel":
        continue
    if event["ph"] == "b":
        open_flights[event["cat"], event["id"]] = event
        assert names[event["pid"], event["tid"]].startswith("link_send")
    elif event["ph"] == "e":
        begin = open_flights.pop((event["cat"], event["id"]))
        assert event["ts"] >= begin["ts"] + FLIGHT and event["pid"] == begin["pid"], (begin, event)
        closed += 1
assert not open_flights and closed == flights, (open_flights, closed)

# Arrows: from a run of sends to a run of receives on another chip, no faster than the link.
ends = {ph: {e["id"]: e for e in events if e["ph"] == ph} for ph in "sf"}
assert ends["s"].keys() == ends["f"].keys() and len(ends["s"]) >= (arrows or flights), len(ends["s"])
assert arrows in (None, len(ends["s"]))
for number, start in ends["s"].items():
    finish = ends["f"][number]
    assert (start["pid"] != finish["pid"] or nodes) and finish["ts"] >= start["ts"] + FLIGHT, (start, finish)
    for end, name in (start, "link_send.send"), (finish, "link_recv.recv"):
        assert any(a <= end["ts"] < b and n == name for a, b, n in tracks[end["pid"], end["tid"]]), end
print(f"{chips} chips, {sum(map(len, tracks.values()))} runs, {flights} flights")
