# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a hand-written program: isa text -> package -> lpu-verify -> both engines.

    harness.run(program, rows) -> the wanted SRAM rows, as a dictionary

Both engines must give the same rows and cycles; lpu-verify must accept.
"""
import pathlib
import re
import subprocess
import sys

import numpy


def command(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def sram(path, lanes):
    """A dump of lpu-run: {(chip, slice, bank, row): bytes} of the initialised rows."""
    records = numpy.fromfile(path, numpy.uint8).reshape(-1, 16 + lanes)
    places = records[:, :16].copy().view("<u4")
    return {tuple(int(v) for v in place): record[16:] for place, record in zip(places, records)}


def run(program, wanted, folder):
    """`wanted`: (chip, slice, bank, first row, rows) tuples; returns {tuple: rows x lanes bytes}."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text, package = folder / f"{program.name}.mlir", folder / f"{program.name}.lpu"
    text.write_text(program.text())
    command("lpu-translate", "--isa-to-binary", text, "-o", package)
    command("lpu-verify", package)
    dumps, cycles = [], []
    for engine in "tick", "event":
        dump = folder / f"{program.name}.{engine}.sram"
        output = command("lpu-run", package, "--engine", engine, "--dump-sram", dump)
        cycles.append(re.search(r"^cycles: (\d+)$", output, re.M).group(1))
        dumps.append(dump.read_bytes())
    if cycles[0] != cycles[1]:
        sys.exit(f"tick takes {cycles[0]} cycles, event {cycles[1]}")
    if dumps[0] != dumps[1]:
        sys.exit("the engines leave different SRAM contents")
    rows = sram(folder / f"{program.name}.tick.sram", program.machine.lanes)
    print(f"{program.name}: {cycles[0]} cycles")
    return {w: numpy.stack([rows[(*w[:3], w[3] + i)] for i in range(w[4])]) for w in wanted}


def expect(what, got, want, tolerance=0.0):
    """Equal bits, or a largest relative error."""
    got, want = numpy.asarray(got), numpy.asarray(want)
    if tolerance == 0.0:
        good = got.shape == want.shape and got.tobytes() == want.astype(got.dtype).tobytes()
        error = "bits differ"
    else:
        error = numpy.max(numpy.abs(got.astype(float) - want) / numpy.maximum(numpy.abs(want), 1e-30))
        good = error <= tolerance
    if not good:
        sys.exit(f"{what}: {error}\ngot\n{got}\nwant\n{want}")
    print(f"{what}: ok")
