#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""All-reduce of a vector of f16 over the chips of a node of lpu1: link bound / cycles.

    benchmarks/all_reduce.py [--build build] [--chips 8] [--mebibytes 1] [--parts 4]

Every chip holds the vector in its SRAM, dense in rows of 320 lanes, and ends with the sum. The program is an
all-to-all, a local sum and an all-gather, cut into parts so that sums stand behind links. Package and cycles are
those of lpu-stream; lpu-verify accepts it and lpu-run measures the same cycles and the interpreter's bits.

Link bound: a chip must send (w - 1)/w of the vector for the sums of the others, and as much of what it has
summed, and receive as much. Over its w - 1 links, `lanes` bytes every `link_interval` cycles each, that takes
2 (w - 1)/w x bytes / (w - 1) / lanes x link_interval cycles.
"""
import argparse
import pathlib
import re
import subprocess
import tempfile

import numpy as np

LANES, INTERVAL = 320, 24  # lpu1


def program(chips, rows, parts):
    """The stream program of every member; `rows` divides by `chips`."""
    block = rows // chips
    whole = f"<{rows}x{LANES}xf16, chunk {LANES}>"
    binding = f'host "float16" shape [{rows}, {LANES}] rows [1, 0] features [0, 1] : {whole}'
    tiles = [f'%x = stream.input "x" {binding}', f'%y = stream.output "y" {binding}']
    scatter, gather = [], []
    for p in range(parts):
        first, end = p * block // parts, (p + 1) * block // parts
        n = end - first
        some, own = f"<{chips * n}x{LANES}xf16, chunk {LANES}>", f"<{n}x{LANES}xf16, chunk {LANES}>"
        tiles += [f'%b{p} = stream.temporary "blocks {p}" : {some}', f'%s{p} = stream.temporary "sum {p}" : {own}']
        rows_of = [j * block + first for j in range(chips)]
        scatter.append(f'stream.exchange "reduce-scatter {p}" group 0 rows {n} from %x{rows_of} to '
                       f"%b{p}{[j * n for j in range(chips)]} : {whole}, {some}")
        gather += [f'stream.flow "sum {p}" iterations {n} {{']
        gather += [f"  %r{j} = stream.read %b{p}[{j * n} + i] : {some}" for j in range(chips)]
        gather += [f"  %a{j} = stream.add %{'a' if j > 1 else 'r'}{j - 1}, %r{j}" for j in range(1, chips)]
        gather += [f"  stream.write %a{chips - 1}, %s{p}[i] : {own}", "}"]
        gather.append(f'stream.exchange "all-gather {p}" group 0 rows {n} from %s{p}{[0] * chips} to %y{rows_of} : {own}, {whole}')
    lines = [f"stream.program @all_reduce groups [{chips}] {{", *("  " + t for t in tiles), "  stream.segment {",
             *("    " + k for k in scatter + gather), "  }", "}"]
    return "\n".join(lines) + "\n"


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def measure(bin_, chips=8, mebibytes=1.0, parts=4):
    """(bytes, link bound, cycles) of the smallest such vector of at least that size."""
    rows = -(-int(mebibytes * 2**20) // (2 * LANES * chips)) * chips
    size = rows * LANES * 2
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        text, package, inputs, host, chip = (folder / n for n in ("p.mlir", "p.lpu", "in.npz", "host.npz", "chip.npz"))
        text.write_text(program(chips, rows, parts))
        np.savez(inputs, x=np.random.default_rng(1).normal(size=(rows, LANES)).astype(np.float16))
        run(bin_ / "lpu-stream", text, "--target", "lpu1", "--inputs", inputs, "--outputs", host, "-o", package)
        stated = int(re.search(r"(\d+) cycles", run(bin_ / "lpu-verify", package))[1])
        cycles = int(re.search(r"cycles: (\d+)", run(bin_ / "lpu-run", package, "--inputs", inputs, "--outputs", chip))[1])
        if stated != cycles:
            raise RuntimeError(f"{stated} cycles stated, {cycles} measured")
        with np.load(host) as a, np.load(chip) as b:
            if a["y"].tobytes() != b["y"].tobytes():
                raise RuntimeError("bits of the chips and of the interpreter differ")
    bound = 2 * (chips - 1) / chips * size / (chips - 1) / LANES * INTERVAL
    return size, bound, cycles


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent / "build")
    parser.add_argument("--chips", type=int, default=8)
    parser.add_argument("--mebibytes", type=float, default=1.0)
    parser.add_argument("--parts", type=int, default=4)
    options = parser.parse_args()
    size, bound, cycles = measure(options.build.resolve() / "bin", options.chips, options.mebibytes, options.parts)
    print(f"{size:,} bytes over {options.chips} chips: link bound {bound:,.0f}, {cycles:,} cycles, {bound / cycles:.3f}")
