# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models whose activations are quantised while they run are equal to their packages: a transformer layer as quantize_dynamic
writes it (signed, unsigned, per column), and two linear layers, on machines of 16 and 320 lanes and on groups of chips.

REQUIRES: lpu-compile, lpu-verify, onnx, onnxruntime
RUN: rm -rf %t && mkdir %t && %python %s %t %root
"""
import contextlib
import io
import pathlib
import subprocess
import sys

folder, root = map(pathlib.Path, sys.argv[1:])
sys.path.append(str(root / "test/numerics"))
import runtime_files
import small_models

MINI = root / "test/Inputs/mini.yaml"
CASES = [("signed", ["--target", "lpu1"]), ("unsigned", ["--target", "lpu1"]), ("columns", ["--target", "lpu1"]),
         ("columns", ["--target", "lpu1", "--chips", "2", "--tp", "2"]), ("signed", ["--target", "lpu1", "--chips", "2", "--pp", "2"]),
         ("quantised", ["--target", MINI]), ("quantised", ["--target", "lpu1", "--chips", "2", "--tp", "2"])]

block = folder / "block.onnx"
small_models.onnx.save(small_models.MODELS["block"](), block)
small_models.onnx.save(small_models.MODELS["quantised"](), folder / "quantised.onnx")
for kind in runtime_files.KINDS:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        runtime_files.write(kind, str(block), folder / f"{kind}.onnx")

for model, flags in CASES:
    file, package = folder / f"{model}.onnx", folder / "m.lpu"
    subprocess.run(["lpu-compile", file, *flags, "--quiet", "-o", package], check=True)
    done = subprocess.run(["lpu-verify", package, "--against", file], capture_output=True, text=True)
    # What is rounded is tried with three primes.
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0 and "3060 elements modulo" in last and len(last.split("modulo")[1].split()) == 3, (model, flags, done)
