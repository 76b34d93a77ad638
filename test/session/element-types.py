# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A copy on the chip gives back what the element conversions of host and chip
# make of the values, for every pair of types that a conversion joins, and in both
# engines.
# REQUIRES: lpu-session-test, lpu-run
# RUN: %python %s %t
import pathlib
import subprocess
import sys

import numpy

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
package, source, target = folder / "copy.lpu", folder / "in.npz", folder / "out.npz"

INTEGERS = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64"]
CHIP = {"i8": "int8", "u8": "uint8", "i16": "int16", "i32": "int32", "f16": "float16", "f32": "float32"}
random = numpy.random.default_rng(7)


def values(host, chip):
    if host == "bool":
        return random.integers(0, 2, (3, 20)).astype(bool)
    if host in INTEGERS:
        low = int(numpy.iinfo(host).min)
        high = int(numpy.iinfo(host).max)
        if CHIP[chip] in INTEGERS:
            low = max(low, int(numpy.iinfo(CHIP[chip]).min))
            high = min(high, int(numpy.iinfo(CHIP[chip]).max))
        else:
            low, high = max(low, -2000), min(high, 2000)
        result = random.integers(low, high, (3, 20), endpoint=True).astype(host)
        result.flat[0], result.flat[1] = low, high
        return result
    result = (random.standard_normal((3, 20)) * 100).astype(host)
    result.flat[:8] = [0.0, -0.0, 6e-8, -1e-7, 65504.0, numpy.inf, -numpy.inf, 1 / 3]
    return result


def run(host, chip, x, engine):
    subprocess.run(["lpu-session-test", host, chip, "61", package], check=True)
    numpy.savez(source, x=x)
    target.unlink(missing_ok=True)
    subprocess.run(["lpu-run", package, "--inputs", source, "--outputs", target, "--engine", engine],
                   check=True, stdout=subprocess.DEVNULL)
    return numpy.load(target)["y"]


pairs = 0
for host in INTEGERS + FLOATS:
    for chip, name in CHIP.items():
        if host in FLOATS and name in INTEGERS:
            assert subprocess.run(["lpu-session-test", host, chip, "61", package]).returncode == 0
            refused = subprocess.run(["lpu-run", package], capture_output=True, text=True)
            assert refused.returncode == 1 and "not joined by a conversion" in refused.stderr, refused
            continue
        if host in INTEGERS and name in FLOATS:
            continue  # cannot come back: an output of floats is not an integer
        x = values(host, chip)
        with numpy.errstate(over="ignore"):
            expected = x.astype(name).astype(host)
        for engine in ["event", "tick"]:
            y = run(host, chip, x, engine)
            assert y.dtype == expected.dtype and y.shape == x.shape
            assert y.tobytes() == expected.tobytes(), (host, chip, engine, x, y, expected)
        pairs += 1
print(pairs, "pairs of types")
assert pairs == 42, pairs
