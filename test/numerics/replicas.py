# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Replicas of a plan: run k is that of replica k mod R, with the bits and cycles of one replica alone; the package is
accepted, shares classes and bytes, and states R times the inputs per second.

    replicas.py FOLDER --target lpu1 --plan 2x1 --replicas 3 [--topology file] [--chips N]
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
import pipelines

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--target", default="lpu1")
parser.add_argument("--topology")
parser.add_argument("--plan", default="1x2", help="chips of a stage x stages")
parser.add_argument("--replicas", type=int, default=2)
options = parser.parse_args()
options.folder.mkdir(parents=True, exist_ok=True)
width, stages = map(int, options.plan.split("x"))
each, count = width * stages, options.replicas
runs = 2 * count + 1  # the last round does not fill all replicas


def run(*words):
    return subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout


def number(text, name):
    return float(re.search(rf"^{name}: ([\d.]+)", text, re.M)[1])


model = options.folder / "layers.onnx"
onnx.save(pipelines.layers(1), model)
flags = ["--topology", options.topology] if options.topology else []
pins = ["--tp", width, "--pp", stages] if each > 1 else []
one, many, report = options.folder / "one.lpu", options.folder / "many.lpu", options.folder / "many.json"
run("lpu-compile", model, "--target", options.target, *(flags if each > 1 else []), "--chips", each, *pins, "-o", one, "--quiet")
text = run("lpu-compile", model, "--target", options.target, *flags, "--chips", each * count, "--replicas", count, *pins,
           "-o", many, "--report", report)
said = json.loads(report.read_text())
assert said["replicas"] == count and said["chips"] == each * count and len(said["stages"]) == each * count
run("lpu-verify", many)
assert f"replicas: {count}\n" in run("lpu-objdump", "--manifest", many)
assert many.stat().st_size < 1.5 * one.stat().st_size, "equal bytes are in the file once"

rng = np.random.default_rng(1)
ids = rng.integers(0, 91, (runs, 17))
wanted = []
for k in range(runs):
    np.savez(options.folder / "in.npz", input_ids=ids[k])
    alone = run("lpu-run", one, "--inputs", options.folder / "in.npz", "--outputs", options.folder / "out.npz")
    with np.load(options.folder / "out.npz") as file:
        wanted.append({name: file[name].tobytes() for name in file})
assert len({tuple(w.values()) for w in wanted}) == runs, "every input has a result of its own"
cycles = int(number(alone, "cycles"))
assert said["cycles"] == cycles

np.savez(options.folder / "many.npz", input_ids=ids)
for extra in [], ["--threads", 2], ["--drift-random=5:40"]:
    filled = run("lpu-run", many, "--inputs", options.folder / "many.npz", "--outputs", options.folder / "filled.npz",
                 "--runs", runs, *extra)
    with np.load(options.folder / "filled.npz") as file:
        for k in range(runs):
            assert {name: file[name][k].tobytes() for name in file} == wanted[k], f"run {k} has other bits"
    assert int(number(filled, "runs")) == runs and int(number(filled, "replicas")) == count
    assert int(number(filled, "cycles")) == cycles
    # Three rounds of all replicas.
    assert int(number(filled, "cycles of all runs")) == cycles + 2 * said["interval"]
    rate = number(filled, "runs per second")
    stated = float(re.search(r"inputs of each of (\d+) replicas, (\d+) inputs per second", text)[2])
    assert abs(rate / stated - 1) < 1e-3 and said["interval"] > 0, (rate, stated)
dry = run("lpu-run", many, "--no-data", "--runs", runs)
assert int(number(dry, "cycles of all runs")) == cycles + 2 * said["interval"]
# One run alone is the same on all replicas.
np.savez(options.folder / "in.npz", input_ids=ids[0])
single = run("lpu-run", many, "--inputs", options.folder / "in.npz", "--outputs", options.folder / "out.npz")
with np.load(options.folder / "out.npz") as file:
    assert {name: file[name].tobytes() for name in file} == wanted[0]
assert int(number(single, "cycles")) == cycles
print(f"{options.plan} x {count}: {cycles} cycles, one input every {said['interval']} cycles on each of {count} replicas")
