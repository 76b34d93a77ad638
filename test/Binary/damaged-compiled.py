# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A compiled package that is damaged is refused by every tool, in the same words; none computes
other values from it. With a checksum made to fit, the tools still do not crash.

REQUIRES: lpu-compile, lpu-run, lpu-verify, lpu-objdump, lpu-test-seal, onnxruntime
RUN: rm -rf %t && mkdir %t && %python %S/../tools/lpu-compile/Inputs/linear.py 2 40 24 %t/m.onnx && %python %s %t
"""
import os
import pathlib
import random
import subprocess
import sys

import numpy as np

os.chdir(sys.argv[1])
subprocess.run("lpu-compile m.onnx --target nano --dim batch=2 -o m.lpu --quiet", shell=True, check=True)
np.savez("in.npz", x=np.random.default_rng(0).standard_normal((2, 40)).astype(np.float32))
package = pathlib.Path("m.lpu").read_bytes()
table = int.from_bytes(package[0x3c:0x3e], "little") * 64
TOOLS = [["lpu-run", "d.lpu", "--inputs", "in.npz", "--outputs", "out.npz"], ["lpu-verify", "d.lpu"],
         ["lpu-objdump", "--manifest", "--sections", "d.lpu"], ["lpu-translate", "--binary-to-isa", "d.lpu"]]


def check(what, data, seal):
    pathlib.Path("d.lpu").write_bytes(data)
    if seal:
        subprocess.run(["lpu-test-seal", "d.lpu"], check=True)
    for tool in TOOLS:
        done = subprocess.run(tool, capture_output=True, text=True, errors="replace", timeout=60)
        assert done.returncode in (0, 1, 2), f"{what}: {tool[0]}: exit code {done.returncode}\n{done.stderr[:2000]}"
        assert "Stack dump" not in done.stderr, f"{what}: {tool[0]}: {done.stderr[:2000]}"
        if not seal:
            assert done.returncode > 0 and ("damaged package" in done.stderr or "not a package" in done.stderr), \
                f"{what}: {tool[0]} accepted it, or said: {done.stderr[:500]}"
            assert not os.path.exists("out.npz"), what
    if os.path.exists("out.npz"):
        os.remove("out.npz")


rng = random.Random(3)
places = [range(64), range(64, 64 + table), range(64 + table, len(package)), range(len(package) - 16, len(package))]
for trial in range(90):
    changed = bytearray(package)
    at = rng.choice(rng.choice(places))
    changed[at] ^= 1 << rng.randrange(8)
    check(f"trial {trial}: a bit of byte {at}", changed, False)
    if trial % 3 == 0:
        check(f"trial {trial}: a bit of byte {at}, sealed", changed, True)
for length in [0, 15, 63, 64, len(package) // 2, len(package) - 16, len(package) - 1]:
    check(f"cut to {length} bytes", package[:length], False)
check("longer by a byte", package + b"\0", False)
print("checked")
