#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Flips every single bit of some instructions of a compiled package, with a checksum that fits, and asks the judges.

    every_bit.py m.lpu model.onnx in.npz [--instructions 20] [--seed 1]

Each mutant must be refused by lpu-verify, or run without a fault in the cycles that the package states. One that runs and
writes other outputs must be refused by lpu-verify --against model.onnx. The rest changes nothing that can be
seen. Exit code 1 if a mutant gets past its judge. `build/bin` must be on PATH.
"""
import argparse
import collections
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

import numpy as np

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("package", type=pathlib.Path)
parser.add_argument("model", type=pathlib.Path)
parser.add_argument("inputs", type=pathlib.Path)
parser.add_argument("--instructions", type=int, default=20)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
folder = pathlib.Path(tempfile.mkdtemp(prefix="every-bit-"))
mutant, outputs = folder / "m.lpu", folder / "out.npz"


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, errors="replace", **more)
    if done.returncode < 0 or "Stack dump" in done.stderr:
        sys.exit(f"{command}: crashed\n{done.stderr[-2000:]}")
    return done


def results():
    outputs.unlink(missing_ok=True)
    done = run("lpu-run", mutant, "--inputs", options.inputs, "--outputs", outputs, timeout=600)
    if done.returncode:
        return None, done.stderr
    file = np.load(outputs)
    return {name: file[name].tobytes() for name in file}, done.stdout


# Where the instructions stand: rows of text, found again in the file by their bytes.
data = options.package.read_bytes()
mutant.write_bytes(data)
listing = run("lpu-translate", "--binary-to-isa", options.package).stdout
segments = [(queue, *map(int, place)) for queue, *place in
            re.findall(r"isa\.queue (\w+ \d+) text \[(\d+), (\d+), (\d+)\]", listing)]
right, text = results()
assert right is not None, text
run("lpu-run", mutant, "--inputs", options.inputs, "--dump-sram-before", folder / "sram")
dump = (folder / "sram").read_bytes()
# Entries follow one another: the number of lanes with which all of them name the first chips' rows in order.
def entries(lanes):
    size = 16 + lanes
    places = [struct.unpack_from("<4I", dump, at) for at in range(0, len(dump), size)]
    return places if len(dump) % size == 0 and places == sorted(set(places)) and places[0][0] == 0 else None


lanes = next(lanes for lanes in range(16, 1024, 16) if entries(lanes))
rows = {struct.unpack_from("<4I", dump, at): dump[at + 16:at + 16 + lanes] for at in range(0, len(dump), 16 + lanes)}
ends = {(s, b, r) for _, s, b, r in segments}
words = []
for queue, slice_, bank, row in segments:
    first = row
    while (0, slice_, bank, row) in rows and (row == first or (slice_, bank, row) not in ends):
        content = rows[(0, slice_, bank, row)]
        places = [m.start() for m in re.finditer(re.escape(content), data)]
        for word in range(lanes // 16):
            if len(places) == 1 and any(content[16 * word:16 * word + 16]):
                words.append((f"{queue} [{(row - first) * (lanes // 16) + word}]", places[0] + 16 * word))
        row += 1
random.Random(options.seed).shuffle(words)
# Another queue each, as far as there are enough.
chosen, seen = [], collections.Counter()
for word in sorted(words, key=lambda w: seen.update([w[0].split(" [")[0]]) or seen[w[0].split(" [")[0]]):
    chosen.append(word)
chosen = chosen[:options.instructions]
assert len(chosen) == options.instructions, f"only {len(words)} instructions found"

tally, bad = collections.Counter(), []
for name, offset in chosen:
    for bit in range(128):
        changed = bytearray(data)
        changed[offset + bit // 8] ^= 1 << bit % 8
        mutant.write_bytes(changed)
        run("lpu-test-seal", mutant)
        verdict = run("lpu-verify", mutant)
        if verdict.returncode:
            tally["refused by lpu-verify"] += 1
            continue
        got, text = results()
        if got is None:
            bad.append(f"{name} bit {bit}: accepted, but {text.strip().splitlines()[0]}")
        elif got == right:
            tally["changes nothing"] += 1
        elif run("lpu-verify", mutant, "--against", options.model).returncode:
            tally["accepted as a schedule, refused by the modular run"] += 1
        else:
            bad.append(f"{name} bit {bit}: other outputs, but lpu-verify --against accepts it")
for what, count in sorted(tally.items()):
    print(f"{what}: {count}")
print(f"past the judges: {len(bad)} of {128 * len(chosen)}")
print("\n".join(bad))
sys.exit(bool(bad))
