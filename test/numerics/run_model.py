# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles, verifies and runs a model, and compares with ONNX Runtime.

    run_model.py model.onnx --dim batch=1 --dim seq=128 --target lpu1 --texts 3

Asserts, for every run: the cycles that lpu-compile printed are the cycles that
lpu-run measured; the host executed no ONNX node; every output is within
test/tolerances.toml. Prints one line per case and per run; exit code 1 if
anything failed, with the command that shows it.
"""
import argparse
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import compare  # noqa: E402
import model_inputs  # noqa: E402


class Failed(Exception):
    pass


def tool(*command) -> str:
    """Runs one of our tools (from PATH); its output, or Failed with its message."""
    command = [str(c) for c in command]
    try:
        run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not on PATH; build it, and run through lit or set PATH")
    if run.returncode != 0:
        raise Failed(f"exit code {run.returncode} of: {shlex.join(command)}\n{run.stdout}{run.stderr}")
    return run.stdout


def judge(package: pathlib.Path, model: pathlib.Path) -> str:
    """lpu-verify with the modular run. Returns why there is none, if the method does not know the model."""
    command = ["lpu-verify", str(package), "--against", str(model)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode == 3:
        return run.stderr.strip()
    if run.returncode != 0:
        raise Failed(f"exit code {run.returncode} of: {shlex.join(command)}\n{run.stdout}{run.stderr}")
    return ""


def printed(what: str, text: str, source: str) -> int:
    """The number in the one line `what: N`."""
    found = re.findall(rf"^{what}: (\d+)$", text, re.MULTILINE)
    if len(found) != 1:
        raise Failed(f"{source} printed {len(found)} lines '{what}: N', wanted one:\n{text}")
    return int(found[0])


def feeds(options, dims: dict):
    """(what it is, inputs) for each run."""
    if options.texts is not None:
        import texts
        for i in range(options.runs):
            first = options.texts + i * dims["batch"]
            yield f"text {first % len(texts.TEXTS)}", texts.batch(first, dims["batch"], dims["seq"])
    else:
        for i in range(options.runs):
            seed = options.seed + i
            yield f"seed {seed}", model_inputs.make(options.model, dims, seed)


def run_case(options, dims: dict, folder: pathlib.Path) -> bool:
    package, inputs, outputs = folder / "m.lpu", folder / "in.npz", folder / "out.npz"
    flags = [flag for name, size in dims.items() for flag in ("--dim", f"{name}={size}")]
    begin = time.monotonic()
    report = tool("lpu-compile", options.model, "--target", options.target, "--chips", options.chips,
                  *flags, *options.compile_flag, "-o", package)
    compile_seconds = time.monotonic() - begin
    promised = printed("cycles", report, "lpu-compile")
    host_nodes = printed("host nodes", report, "lpu-compile")
    unjudged = judge(package, options.model)
    case = " ".join([options.model.stem, *(f"{n}={s}" for n, s in dims.items()),
                     pathlib.Path(options.target).stem])
    print(f"{case}: {promised} cycles, compiled in {compile_seconds:.1f} s, verified"
          f"{f' ({unjudged})' if unjudged else ', equal to its model modulo a prime'}", flush=True)
    passed, equal = host_nodes == 0, 0
    if not passed:
        print(f"  FAILED: {host_nodes} ONNX nodes run on the host")
    for label, arrays in feeds(options, dims):
        np.savez(inputs, **arrays)
        begin = time.monotonic()
        command = ["lpu-run", package, "--inputs", inputs, "--outputs", outputs, *options.run_flag]
        measured = printed("cycles", tool(*command), "lpu-run")
        seconds = time.monotonic() - begin
        with np.load(outputs) as got:
            got = dict(got)
        want = compare.reference(options.reference or options.model, arrays, optimise=not options.reference)
        results = compare.compare_all(got, want, compare.kept_rows(arrays), options.precision)
        closely = [r for r in compare.compare_all(got, want, compare.kept_rows(arrays), "fp32")
                   if "(padding" not in r.name]
        equal += bool(closely) and all(r.passed for r in closely)
        ok = bool(results) and all(r.passed for r in results) and measured == promised
        passed &= ok
        worst = " ".join(f"{r.name} {r.relative_l2:.1e}/{r.worst_row:.1e}" for r in results)
        print(f"  {label}: {measured} cycles, {seconds:.1f} s, L2/worst row: {worst}"
              f"  {'ok' if ok else 'FAILED'}", flush=True)
        if measured != promised:
            print(f"    cycles: lpu-compile printed {promised}, lpu-run measured {measured}")
        for result in results:
            if not result.passed:
                print(f"    {result}")
    if equal < options.equal:
        print(f"  FAILED: {equal} runs are equal to the reference up to fp32 sums, wanted {options.equal}")
    return passed and equal >= options.equal


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--dim", metavar="NAME=N", action="append", default=[])
    parser.add_argument("--target", default="lpu1", help="machine name or file")
    parser.add_argument("--chips", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="first seed of random inputs")
    parser.add_argument("--texts", type=int, metavar="FIRST",
                        help="real texts from this one on, instead of random inputs")
    parser.add_argument("--runs", type=int, default=1, help="runs of the one compiled package")
    parser.add_argument("--reference", type=pathlib.Path, help="model for ONNX Runtime, if not the same")
    parser.add_argument("--equal", type=int, default=0, metavar="N",
                        help="so many runs must be within the fp32 tolerances, padding aside")
    parser.add_argument("--precision", default="fp16", choices=compare.precisions(), help="table of test/tolerances.toml")
    parser.add_argument("--compile-flag", action="append", default=[], help="passed on, like =--x")
    parser.add_argument("--run-flag", action="append", default=[], help="passed on, like =--engine=tick")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for m.lpu, in.npz, out.npz")
    options = parser.parse_args()
    dims = {name: int(size) for name, size in (d.split("=") for d in options.dim)}
    try:
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            return 0 if run_case(options, dims, options.keep) else 1
        with tempfile.TemporaryDirectory() as folder:
            return 0 if run_case(options, dims, pathlib.Path(folder)) else 1
    except Failed as failure:
        print(f"FAILED: {options.model.stem} {dims}: {failure}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
