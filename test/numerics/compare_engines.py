# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model on both engines: tick (R0) and event (R1) must agree in bits and cycles.

    compare_engines.py model.onnx --dim batch=1 --dim seq=33 --target lpu1 --texts 5

Compiles and verifies, runs both engines on the same inputs, and asserts that these are
equal: the cycles (and those that lpu-compile printed), every counter and maximum of
--stats, every initialised SRAM row at cycle 0 and after the last cycle, and the outputs;
and that the outputs agree with ONNX Runtime within test/tolerances.toml. The tick engine
computes every cycle of every stream register: about a second per 500 cycles of lpu1.
"""
import argparse
import pathlib
import re
import sys
import tempfile
import time

import numpy as np

import run_model  # puts scripts/ on the path too
from run_model import Failed, printed, tool

import compare  # noqa: E402


def same_bytes(what: str, one: pathlib.Path, other: pathlib.Path) -> None:
    a, b = one.read_bytes(), other.read_bytes()
    if not a or a != b:
        at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        raise Failed(f"{what}: {len(a)} bytes on tick, {len(b)} on event; they differ from byte {at} on")


def statistics(text: str) -> dict:
    """Every number that lpu-run prints, but those of the host's clock."""
    found = dict(re.findall(r"^([^:\n]+): (.*)$", text, re.MULTILINE))
    return {what: value for what, value in found.items() if what not in ("host seconds", "issues per second")}


def run_case(options, dims: dict, folder: pathlib.Path) -> None:
    package, inputs = folder / "m.lpu", folder / "in.npz"
    flags = [flag for name, size in dims.items() for flag in ("--dim", f"{name}={size}")]
    report = tool("lpu-compile", options.model, "--target", options.target, *flags, "-o", package)
    tool("lpu-verify", package)
    (label, arrays), = run_model.feeds(options, dims)
    np.savez(inputs, **arrays)
    said = {}
    for engine in "tick", "event":
        begin = time.monotonic()
        said[engine] = tool("lpu-run", package, "--inputs", inputs, "--engine", engine, "--stats",
                            "--outputs", folder / f"{engine}.npz", "--dump-sram", folder / f"{engine}.after",
                            "--dump-sram-before", folder / f"{engine}.before")
        print(f"{engine}: {printed('cycles', said[engine], 'lpu-run')} cycles, "
              f"{time.monotonic() - begin:.1f} s", flush=True)
    tick, event = statistics(said["tick"]), statistics(said["event"])
    if tick != event:
        raise Failed("; ".join(f"{what}: tick says {tick.get(what)}, event {event.get(what)}"
                               for what in sorted({*tick, *event}) if tick.get(what) != event.get(what)))
    promised = printed("cycles", report, "lpu-compile")
    if promised != int(tick["cycles"]):
        raise Failed(f"lpu-compile printed {promised} cycles, both engines measure {tick['cycles']}")
    same_bytes("SRAM at cycle 0", folder / "tick.before", folder / "event.before")
    same_bytes("SRAM after the run", folder / "tick.after", folder / "event.after")
    if (folder / "tick.before").read_bytes() == (folder / "tick.after").read_bytes():
        raise Failed("the run changed nothing in SRAM")
    with np.load(folder / "tick.npz") as a, np.load(folder / "event.npz") as b:
        outputs = dict(a)
        if sorted(a) != sorted(b) or any(a[n].tobytes() != b[n].tobytes() for n in a):
            raise Failed("the outputs differ")
    results = compare.compare_all(outputs, compare.reference(options.model, arrays),
                                  compare.kept_rows(arrays), options.precision)
    wrong = [str(r) for r in results if not r.passed]
    if wrong or not results:
        raise Failed("against ONNX Runtime: " + "; ".join(wrong))
    case = " ".join([options.model.stem, *(f"{n}={s}" for n, s in dims.items()), pathlib.Path(options.target).stem])
    rows = (folder / "tick.after").stat().st_size
    print(f"{case}, {label}: tick and event agree: {promised} cycles, {tick['issues']} issues, "
          f"{rows} bytes of SRAM dump, {len(outputs)} outputs")
    for what in tick:
        if what.startswith("most "):
            print(f"  {what}: {tick[what]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--dim", metavar="NAME=N", action="append", default=[])
    parser.add_argument("--target", default="lpu1", help="machine name or file")
    parser.add_argument("--texts", type=int, metavar="FIRST", help="a real text instead of random inputs")
    parser.add_argument("--seed", type=int, default=0, help="seed of random inputs")
    parser.add_argument("--precision", default="fp16", choices=compare.precisions(), help="table of test/tolerances.toml")
    parser.set_defaults(runs=1)
    options = parser.parse_args()
    dims = {name: int(size) for name, size in (d.split("=") for d in options.dim)}
    try:
        with tempfile.TemporaryDirectory() as folder:
            run_case(options, dims, pathlib.Path(folder))
    except Failed as failure:
        print(f"FAILED: {options.model.stem} {dims}: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
