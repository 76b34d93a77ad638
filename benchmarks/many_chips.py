#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What more chips and more layers cost the tools: times, memory, and what has to be scheduled.

    benchmarks/many_chips.py [--build build] [--subjects chain,stages,layers,encoder] [--repeat 3] [--structure] [--sizes 1,2,4]

Four subjects, each at 1, 2 and 4 times its size:

chain    256 equal blocks on as many chips of a ring: twice the chips and the layers
stages   256 equal blocks on 256 chips: twice the layers of every stage
layers   6 layers of a random encoder (hidden 384, 128 tokens) on one lpu1
encoder  6 layers of that encoder (16 tokens) on 256 chips of 32 lanes and 1 MiB: 24 layers on 1,024 chips at 4 times

A package is compiled, verified, run without values and with them. Seconds are processor time of a whole tool (they run
on one thread), those of stages of the compiler wall time; the smallest of `--repeat` runs. Peak memory is the largest
resident set.
`classes` are texts of chips, `kernels` what was placed on a time axis, `instructions` the words of all texts. They
decide how long a schedule takes, and are the same on every computer: --structure prints these alone.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
NUMERICS = ROOT / "test/numerics"


def run(*command):
    """Processor seconds, peak MiB and stdout of a tool."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen([str(c) for c in command], stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode:
            sys.exit(f"{' '.join(map(str, command))}\n{out.read()}{err.read()}")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read()


def subject(name, times, folder):
    """The model file, the shape of its input, and the compiler's flags."""
    model, ring = folder / f"{name}{times}.onnx", folder / f"{name}{times}.yaml"
    if name in ("chain", "stages"):
        chips = 256 * times if name == "chain" else 256
        chips = int(chips * SCALE)
        run(sys.executable, NUMERICS / "equal_blocks.py", int(256 * times * SCALE), model)
        ring.write_text(f"kind: ring\nchips: {chips}\n")
        flags = ["--target", ROOT / "test/Inputs/mini.yaml", "--topology", ring, "--chips", chips, "--tp", 1, "--pp", chips]
        return model, (17, 60), flags
    layers = 6 * times
    tokens = 128 if name == "layers" else 16
    run(sys.executable, NUMERICS / "encoder.py", layers, tokens, model)
    if name == "layers":
        return model, (tokens, 384), ["--target", "lpu1"]
    ring.write_text(f"kind: ring\nchips: {256 * times}\nchips_per_node: 8\n")
    flags = ["--target", "cell32", "--topology", ring, "--chips", 256 * times, "--tp", 8, "--pp", 32 * times]
    return model, (tokens, 384), flags


def structure(build, model, flags, folder):
    package, report = folder / "m.lpu", folder / "r.json"
    run(build / "lpu-compile", model, *flags, "--quiet", "--weights=none", "--report", report, "-o", package)
    text = run(build / "lpu-verify", "--sizes", package)[2]
    own = json.loads(report.read_text())
    return {
        "chips": own["chips"],
        "classes": int(re.search(r"classes: (\d+)", run(build / "lpu-objdump", "--manifest", package)[2])[1]),
        "kernels": len(own["kernels"]),
        "instructions": int(re.search(r"instructions: (\d+)", text)[1]),
    }


def measure(build, model, shape, flags, folder, repeat):
    import numpy as np

    package, report, inputs = folder / "m.lpu", folder / "r.json", folder / "in.npz"
    np.savez(inputs, x=np.random.default_rng(1).standard_normal(shape, dtype=np.float32))
    best = {}
    for _ in range(repeat):
        now = {}
        seconds, peak, _ = run(build / "lpu-compile", model, *flags, "--quiet", "--report", report, "-o", package)
        stages = json.loads(report.read_text())["compile"]
        now["compile, s"], now["compile, MiB"] = seconds, peak
        for stage in ("partition", "kernels", "schedule", "chips"):
            now[f"of it {stage}"] = stages.get(stage, 0.0)
        cycles = set()
        for what, tool, arguments in (("verify", "lpu-verify", []), ("run without values", "lpu-run", ["--no-data"]),
                                      ("run with values", "lpu-run", ["--inputs", inputs, "--outputs", folder / "out.npz"])):
            seconds, peak, text = run(build / tool, package, *arguments)
            now[f"{what}, s"], now[f"{what}, MiB"] = seconds, peak
            cycles.add(int(re.search(r"(?:cycles: |accepted: )(\d+)", text)[1]))
        if len(cycles) > 1:
            sys.exit(f"{model}: stated and measured cycles differ: {cycles}")
        for key, value in now.items():
            best[key] = min(value, best.get(key, value))
    best["package, MiB"] = package.stat().st_size / 2**20
    return best


def line(cells):
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--subjects", default="chain,stages,layers,encoder")
    parser.add_argument("--sizes", default="1,2,4", help="times the size of the subject")
    parser.add_argument("--scale", type=float, default=1.0, help="of the 256 of chain and stages")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--structure", action="store_true")
    options = parser.parse_args()
    build, SCALE = options.build.resolve() / "bin", options.scale
    sizes = [int(size) for size in options.sizes.split(",")]
    for name in options.subjects.split(","):
        columns = []
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for times in sizes:
                model, shape, flags = subject(name, times, folder)
                columns.append(structure(build, model, flags, folder))
                if not options.structure:
                    columns[-1] |= measure(build, model, shape, flags, folder, options.repeat)
        line([name, *(f"{times}x" for times in sizes), *(f"{b}x / {a}x" for a, b in zip(sizes, sizes[1:]))])
        line(["---"] * (2 * len(sizes)))
        for key in columns[0]:
            values = [column[key] for column in columns]
            ratios = [f"{b / a:.2f}" if a else "-" for a, b in zip(values, values[1:])]
            line([key, *(f"{v:,}" if isinstance(v, int) else f"{v:,.2f}" for v in values), *ratios])
        print(flush=True)
