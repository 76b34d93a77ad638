# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs isa text on both engines; prints what FileCheck looks at.

    run_isa.py program.mlir tmp [--words] [--fault [--dynamic]] [--options "--runs 3"]

Without --fault: lpu-verify must accept, both engines must agree in cycles and in
every SRAM byte; prints the cycles and the rows that the program changed. --words
joins byte planes in slices 4 to 7 into 32-bit numbers.

With --fault: both engines must report the same fault (class, cycle, chip, both
parties; the sentence of detail is theirs), and so must the verifier, unless it
depends on data (--dynamic). The tick engine's is printed.

--options go to lpu-run. With --runs in them, the measured interval is printed, too.
"""
import argparse
import struct
import subprocess
import sys


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode < 0:
        sys.exit(f"{' '.join(words)}: crashed\n{done.stderr}")
    return done


def must(*words):
    done = run(*words)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def rows(path, lanes):
    data = open(path, "rb").read()
    size = 16 + lanes
    return {struct.unpack("<4I", data[i:i + 16]): data[i + 16:i + size] for i in range(0, len(data), size)}


def fault_text(done, what):
    lines = done.stderr.splitlines() + done.stdout.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("fault: ")]
    if done.returncode == 0 or not starts:
        sys.exit(f"{what}: no fault\n{done.stdout}{done.stderr}")
    end = starts[0] + 1
    while end < len(lines) and lines[end].startswith("  "):
        end += 1
    return "\n".join(lines[starts[0]:end])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("tmp")
    for flag in "words", "fault", "dynamic":
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--options", default="")
    parser.add_argument("--lanes", type=int, default=16)
    args = parser.parse_args()
    package = args.tmp + ".lpu"
    options = args.options.split()
    must("lpu-translate", "--isa-to-binary", args.program, "-o", package)

    if args.fault:
        faults = {engine: fault_text(run("lpu-run", package, "--engine", engine, *options), engine) for engine in ("tick", "event")}
        if not args.dynamic:
            faults["verifier"] = fault_text(run("lpu-verify", package), "lpu-verify")
        for judge, text in faults.items():
            if text.splitlines()[:-1] != faults["tick"].splitlines()[:-1]:
                sys.exit(f"tick says\n{faults['tick']}\n{judge} says\n{text}")
        print(faults["tick"])
        return

    must("lpu-verify", package)
    results = []
    for engine in "tick", "event":
        before, after = f"{args.tmp}.{engine}.before", f"{args.tmp}.{engine}.after"
        output = must("lpu-run", package, "--engine", engine, "--dump-sram-before", before, "--dump-sram", after,
                      *options)
        shown = "cycles", "runs", "initiation interval", "cycles of all runs"
        cycles = "\n".join(line for line in output.splitlines() if line.split(":")[0] in shown)
        results.append((cycles, rows(before, args.lanes), rows(after, args.lanes)))
    if results[0] != results[1]:
        sys.exit(f"the engines differ: {results[0][0]}, {results[1][0]}")
    cycles, before, after = results[0]
    print(cycles)
    changed = {place: data for place, data in after.items() if before.get(place) != data}
    if args.words:
        for chip, slice_, bank, row in sorted(p for p in changed if p[1] == 4):
            planes = [changed.pop((chip, 4 + b, bank, row)) for b in range(4)]
            words = " ".join(f"{sum(planes[b][i] << 8 * b for b in range(4)):08x}" for i in range(args.lanes))
            print(f"chip {chip} words row {row}: {words}")
    for (chip, slice_, bank, row), data in sorted(changed.items()):
        print(f"chip {chip} slice {slice_} bank {bank} row {row}: {data.hex()}")


main()
