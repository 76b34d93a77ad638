# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Repeated runs with an input each: the outputs come in order, in both engines and with any
# number of threads, although three runs are on the chips at the same time. The latency is that
# of a single run, and results follow one another at the initiation interval.
# REQUIRES: lpu-run
# RUN: %python %s %S/../runtime/emulator/chips/runs.mlir %t
import pathlib
import re
import subprocess
import sys

import numpy

chain, folder = pathlib.Path(sys.argv[1]).read_text(), pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
text, package, source, target = (folder / name for name in ("chain.mlir", "chain.lpu", "in.npz", "out.npz"))


def binding(kind, name, chip, row):
    return (f'  isa.{kind} "{name}" host "uint8" chip u8 shape [16] {{\n'
            f"    isa.placement rows 1 stride [0] features stride [1] group 16 per_chunk 1 chunks 1 stripes 1 "
            f"columns ({chip} 0 0 {row})\n  }}\n")


chain = "\n".join(line for line in chain.splitlines() if not line.startswith("//"))
chain = chain.rstrip().removesuffix("}") + binding("input", "x", 0, 0) + binding("output", "y", 2, 1) + "}\n"
# The row is the input's: no image holds it.
chain = re.sub(r"    isa.image .*\n", "", chain)
text.write_text(chain)
subprocess.run(["lpu-translate", "--isa-to-binary", text, "-o", package], check=True)
subprocess.run(["lpu-verify", package], check=True)


def run(*options, fails=False):
    target.unlink(missing_ok=True)
    done = subprocess.run(["lpu-run", package, "--inputs", source, "--outputs", target, *options],
                          capture_output=True, text=True)
    assert (done.returncode != 0) == fails, done
    assert target.exists() != fails
    return done.stderr if fails else done.stdout


x = numpy.random.default_rng(3).integers(0, 256, (7, 16)).astype(numpy.uint8)
for options in ["--engine", "tick"], [], ["--threads", "2"], ["--threads", "8"]:
    numpy.savez(source, x=x)
    shown = run("--runs", "7", *options)
    assert numpy.array_equal(numpy.load(target)["y"], x), options
    for line in ("cycles: 77", "runs: 7", "initiation interval: 27 cycles, 0.270 us", "cycles of all runs: 239"):
        assert line in shown.splitlines(), shown
    numpy.savez(source, x=x[2])
    shown = run(*options)
    assert numpy.array_equal(numpy.load(target)["y"], x[2]), options
    assert "cycles: 77" in shown.splitlines(), shown

numpy.savez(source, x=x)
refused = run("--runs", "6", fails=True)
assert "input 'x' is uint8[7,16]: --runs 6 needs a leading dimension of 6" in refused, refused
numpy.savez(source, x=x[:, :15])
refused = run("--runs", "7", fails=True)
assert "run 0: the inputs do not fit the program:" in refused and "input 'x' is uint8[15]: need uint8[16]" in refused

# Where host port and restart take all of the interval, no run fits.
text.write_text(chain.replace("interval 27", "interval 7"))
done = subprocess.run(["lpu-translate", "--isa-to-binary", text, "-o", package], capture_output=True, text=True)
assert done.returncode and "chip 0: its inputs and outputs take 2 cycles of the host port, its restart 6; " \
    "the initiation interval is 7" in done.stderr, done.stderr
print("checked")
