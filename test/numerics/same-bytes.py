# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The same input gives the same bytes: of a package (whatever the processors that the host offers, the addresses that
the system gives, the folder and the environment), and of outputs (any number of threads, every set of host
instructions), twice each.

RUN: rm -rf %t && mkdir %t && %python %s %t one --chips=1
RUN: %python %s %t stages --chips=2 --pp=2 --tp=1
REQUIRES: lpu-compile, lpu-run, onnxruntime
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import numpy as np
import onnx
import pipelines

folder = pathlib.Path(sys.argv[1]) / sys.argv[2]
flags = sys.argv[3:]
(folder / "elsewhere").mkdir(parents=True)
model = folder / "m.onnx"
onnx.save(pipelines.layers(2), model)
shutil.copy(model, folder / "elsewhere" / "m.onnx")
np.savez(folder / "in.npz", input_ids=np.random.default_rng(0).integers(0, 91, 17))


def digest(path):
    value = hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    return value


def compiled(wrapper=(), place=folder, extra=None):
    package = place / "m.lpu"
    subprocess.run([*wrapper, "lpu-compile", place / "m.onnx", "--target", "lpu1", *flags, "--quiet", "-o", package],
                   check=True, env={**os.environ, **(extra or {})})
    return digest(package)


one = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
still = ["setarch", "--addr-no-randomize"]
if subprocess.run([*still, "true"], capture_output=True).returncode:
    still = []  # a container may forbid it
packages = {"first": compiled(), "second": compiled(), "one processor": compiled(one), "fixed addresses": compiled(still),
            "another folder": compiled(place=folder / "elsewhere"), "a long environment": compiled(extra={"FILLER": "x" * 5000})}
assert len(set(packages.values())) == 1, packages

subprocess.run(["lpu-compile", model, "--target", "lpu1", *flags, "--quiet", "-o", folder / "m.lpu"], check=True)


def outputs(*options):
    target = folder / "out.npz"
    done = subprocess.run(["lpu-run", folder / "m.lpu", "--inputs", folder / "in.npz", "--outputs", target, *options],
                          check=True, capture_output=True, text=True)
    arrays = dict(np.load(target))
    target.unlink()
    cycles = [line for line in done.stdout.splitlines() if line.startswith(("cycles", "issues"))]
    return hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest(), cycles


wanted = outputs()
for options in (["--threads", "1"], ["--threads", "2"], ["--threads", "2"], ["--threads", "3"], ["--threads", "8"], ["--threads", "8"],
                ["--simd", "base"], ["--simd", "base", "--threads", "8"]):
    got = outputs(*options)
    assert got == wanted, f"{options}: {got}, not {wanted}"
print(f"{sys.argv[2]}: {len(packages)} packages and 9 runs agree")
