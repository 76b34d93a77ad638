# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Instructions that take the bits of floats for integers, or the other way round: legal, as no bit says what it means, and the
modular run refuses each that changes an output. One instruction of a compiled transformer layer is changed at a time.

REQUIRES: lpu-compile, lpu-run, lpu-translate, lpu-verify, onnx
RUN: rm -rf %t && mkdir %t && %python %s %t %root
"""
import pathlib
import subprocess
import sys

import numpy as np

folder, root = map(pathlib.Path, sys.argv[1:])
sys.path.append(str(root / "test/numerics"))
import small_models

file, package = folder / "m.onnx", folder / "m.lpu"
small_models.onnx.save(small_models.MODELS["block"](), file)


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


assert run("lpu-compile", file, "--target", "lpu1", "--quiet", "-o", package).returncode == 0
np.savez(folder / "in.npz", x=np.random.default_rng(0).standard_normal((17, 60)).astype(np.float32))


def outputs(package):
    done = run("lpu-run", package, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
    assert done.returncode == 0, done
    return np.load(folder / "out.npz")["y"].tobytes()


right = outputs(package)
text = run("lpu-translate", "--binary-to-isa", package).stdout
lines = text.splitlines()
# An instruction of `alu`, what of it changes, and into what.
CHANGES = [("mov", "alu.mov", "alu.i2f"), ("mov", "alu.mov", "alu.f2i"), ("add", "alu.add", "alu.iadd"),
           ("sub", "alu.sub", "alu.isub"), ("mul", "alu.mul", "alu.imul"), 
           ("mov", " f16>", " i16>"), ("muladd", " f16>", " i16>"), ("add", " f16>", " i16>")]
for opcode, old, new in CHANGES:
    places = [n for n, line in enumerate(lines) if f"isa.alu.{opcode} " in line and old in line]
    judged = 0
    for place in places[::max(1, len(places) // 3)]:
        changed = [*lines[:place], lines[place].replace(old, new, 1), *lines[place + 1:]]
        (folder / "m.mlir").write_text("\n".join(changed))
        made = run("lpu-translate", "--isa-to-binary", folder / "m.mlir", "-o", package)
        done = run("lpu-verify", package, "--against", file)
        if made.returncode or "accepted" not in done.stdout:
            continue  # legal it must be
        if outputs(package) == right:
            continue  # a copy that nobody reads
        judged += 1
        assert done.returncode == 1 and "elements differ" in done.stdout, (lines[place], new, done)
    assert judged, (opcode, old, new, len(places))
