# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A package of one chip states how soon the next input may follow: repeated runs give the bits
of single runs in both engines, the report and the measured distance are the package's interval,
and it is the run, the host port and a restart: no cycle is idle.

    repeated.py FOLDER --target mini.yaml
"""
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
import small_models

folder, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
folder.mkdir(parents=True, exist_ok=True)
model, package, source, target = (folder / name for name in ("block.onnx", "m.lpu", "in.npz", "out.npz"))
onnx.save(small_models.block(), model)


def tool(*words):
    return subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout


def number(pattern, text):
    return int(re.search(pattern, text, re.M)[1])


report = tool("lpu-compile", model, *command, "-o", package)
interval = number(r"^interval +(\d+) cycles between inputs, \d+ inputs per second", report)
assert number(r"^initiation interval: (\d+)$", tool("lpu-objdump", "--manifest", package)) == interval, report
tool("lpu-verify", package)

x = np.random.default_rng(7).standard_normal((3, 17, 60)).astype(np.float32)
wanted = []
for each in x:
    np.savez(source, x=each)
    shown = tool("lpu-run", package, "--inputs", source, "--outputs", target)
    wanted.append(np.load(target)["y"])
cycles, host = number(r"^cycles: (\d+)", shown), number(r"^host-port cycles: (\d+)", shown)
# A restart is a few hundred cycles; the rest is exact.
assert cycles + host < interval < cycles + host + 1000, (cycles, host, interval)

np.savez(source, x=x)
for options in ["--engine", "tick"], [], ["--threads", "2"]:
    shown = tool("lpu-run", package, "--inputs", source, "--outputs", target, "--runs", 3, *options)
    assert number(r"^initiation interval: (\d+) cycles", shown) == interval, shown
    assert number(r"^cycles: (\d+)", shown) == cycles, shown
    assert number(r"^cycles of all runs: (\d+)", shown) == cycles + 2 * interval, shown
    assert np.array_equal(np.load(target)["y"].view(np.uint32), np.array(wanted).view(np.uint32)), options
