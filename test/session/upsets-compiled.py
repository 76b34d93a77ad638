# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Flipped bits never change an output of a compiled program: single ones are corrected;
# two of a word are a fault, or refused in an output, or nothing read them.
# REQUIRES: lpu-compile, lpu-run, onnxruntime
# RUN: rm -rf %t && mkdir %t && %python %S/../tools/lpu-compile/Inputs/linear.py 2 40 24 %t/m.onnx && %python %s %t
import os
import subprocess
import sys

import numpy as np

os.chdir(sys.argv[1])
subprocess.run("lpu-compile m.onnx --target nano --dim batch=2 -o m.lpu --quiet", shell=True, check=True)
np.savez("in.npz", x=np.random.default_rng(0).standard_normal((2, 40)).astype(np.float32))
command = ["lpu-run", "m.lpu", "--inputs", "in.npz", "--outputs", "out.npz"]


def outputs(*options):
    done = subprocess.run(command + list(options), capture_output=True, text=True)
    assert os.path.exists("out.npz") == (done.returncode == 0), done
    if done.returncode:
        return None, done.stderr
    arrays = dict(np.load("out.npz"))
    os.remove("out.npz")
    return {name: array.tobytes() for name, array in arrays.items()}, done.stdout


right, _ = outputs()
corrected = stopped = unread = 0
for seed in range(12):
    got, text = outputs("--flip-random", f"{seed}:40")
    if got is None:  # two of them met in one word
        assert "uncorrectable" in text, text
    else:
        assert got == right, f"seed {seed}"
        corrected += int(text.split("words corrected: ")[1].split()[0])
for seed in range(40):
    for engine in (["event", "tick"] if seed < 4 else ["event"]):
        got, text = outputs("--flip-random", f"{seed}:6:2", "--engine", engine)
        assert got == right if got else "uncorrectable" in text, f"seed {seed}, {engine}: {text}"
        stopped += got is None
        unread += got is not None
print(f"{corrected} words corrected; of runs with double flips {stopped} stopped, {unread} read none")
assert corrected > 20 and stopped > 5 and unread > 2
