#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What verification costs: processor seconds of lpu-verify, without and with --against, over those of lpu-compile.

    verify_share.py [--models build/models] [--repeat 3]

MiniLM on one chip, in four groups of two chips, and (16 tokens) on 104 of 128 chips of 1 MiB. Exit code 1 if lpu-verify takes
more than a tenth of a compile, or the modular run of one chip more than 5 s. `build/bin` must be on PATH.
"""
import argparse
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLANS = {"1 chip": ["--dim", "seq=128", "--target", "lpu1"],
         "8 chips, groups of 2": ["--dim", "seq=128", "--target", "lpu1", "--chips", "8", "--tp", "2", "--pp", "4"],
         "chips of 1 MiB": ["--dim", "seq=16", "--target", "cell32", "--chips", "128"]}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--models", type=pathlib.Path, default=ROOT / "build/models")
parser.add_argument("--repeat", type=int, default=3)
parser.add_argument("--plan", action="append", choices=list(PLANS))
options = parser.parse_args()
model = options.models / "minilm_ts_eager.onnx"


def seconds(*command):
    """The least processor time of some runs, and the last run."""
    least = float("inf")
    for _ in range(options.repeat):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least, done


bad = False
with tempfile.TemporaryDirectory() as folder:
    package = pathlib.Path(folder) / "m.lpu"
    for name in options.plan or PLANS:
        compiling, _ = seconds("lpu-compile", model, "--dim", "batch=1", *PLANS[name],
                               "--no-verify", "--quiet", "-o", package)
        verifying, done = seconds("lpu-verify", package, "--sizes")
        runs = re.search(r"executed: (\d+)", done.stdout)[1]
        modular, _ = seconds("lpu-verify", package, "--against", model)
        share = verifying / compiling
        print(f"{name:22} compile {compiling:7.2f} s   lpu-verify {verifying:6.3f} s ({runs} runs), "
              f"{100 * share:4.1f} % of the compile   --against {modular - verifying:6.2f} s", flush=True)
        bad |= share > 0.1 or (name == "1 chip" and modular - verifying > 5)
sys.exit(bad)
