# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small transformer as a pipeline of 2 to 4 chips: accepted by lpu-verify, cycles as
predicted, within tolerance of ONNX Runtime, and the bits of one thread for two.

    pipelines.py FOLDER --target lpu1 [--stages 2 3 4]
"""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import small_models
from onnx import TensorProto

ROOT = pathlib.Path(__file__).resolve().parent


def layers(count: int):
    """Transformer layers, norm after, behind a table; sizes fit no tile."""
    g = small_models.Graph("layers", [("input_ids", TensorProto.INT64, [17])])
    x = g.add("Gather", g.weight(91, 60, scale=1.0), "input_ids")
    for _ in range(count):
        x = g.norm(g.add("Add", x, g.attention(x, 17, 3, 20)), 60)
        hidden = g.add("Relu", g.linear(x, 60, 140))
        x = g.norm(g.add("Add", x, g.linear(hidden, 140, 60)), 60)
    return g.model(x)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--target", default="lpu1")
    parser.add_argument("--stages", type=int, nargs="+", default=[2, 3, 4])
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    model = options.folder / "layers.onnx"
    onnx.save(layers(3), model)
    passed = True
    for stages in options.stages:
        keep = options.folder / f"pp{stages}"
        report = keep / "report.json"
        keep.mkdir(exist_ok=True)
        run = subprocess.run(
            [sys.executable, ROOT / "run_model.py", model, "--target", options.target, "--chips", str(stages),
             f"--compile-flag=--pp={stages}", f"--compile-flag=--report={report}", "--keep", keep])
        passed &= run.returncode == 0
        if run.returncode:
            continue
        figures = json.loads(report.read_text())
        parts = figures["stages"]
        if figures["chips"] != stages or len(parts) != stages:
            sys.exit(f"the report names {figures['chips']} chips and {len(parts)} stages, wanted {stages}")
        if sum(part["vectorsIn"] for part in parts) < stages - 1:
            sys.exit(f"too few vectors crossed links: {parts}")
        outputs = []
        for threads in 1, 2:
            path = keep / f"threads{threads}.npz"
            subprocess.run(["lpu-run", keep / "m.lpu", "--inputs", keep / "in.npz", "--outputs", path,
                            "--threads", str(threads)], check=True, stdout=subprocess.DEVNULL)
            with np.load(path) as file:
                outputs.append({name: file[name] for name in file})
        same = all(outputs[0][n].tobytes() == outputs[1][n].tobytes() for n in outputs[0])
        print(f"  {stages} stages: 1 and 2 threads {'give equal bits' if same else 'FAILED: bits differ'}")
        passed &= same
        # The same products, sums and conversions in the same order as on one chip.
        one = keep / "one.lpu"
        subprocess.run(["lpu-compile", model, "--target", options.target, "-o", one, "--quiet"], check=True)
        subprocess.run(["lpu-run", one, "--inputs", keep / "in.npz", "--outputs", keep / "one.npz"], check=True,
                       stdout=subprocess.DEVNULL)
        with np.load(keep / "one.npz") as file:
            same = all(file[n].tobytes() == outputs[0][n].tobytes() for n in outputs[0])
        print(f"  {stages} stages: {'the bits of one chip' if same else 'FAILED: other bits than one chip'}")
        passed &= same
        # Clocks that are off within the bound change no bit and no cycle.
        text = subprocess.run(["lpu-run", keep / "m.lpu", "--inputs", keep / "in.npz", "--outputs",
                               keep / "drift.npz", "--drift-random=7:40"], check=True, capture_output=True,
                              text=True).stdout
        same = f"cycles: {figures['cycles']}\n" in text
        with np.load(keep / "drift.npz") as file:
            same &= all(file[n].tobytes() == outputs[0][n].tobytes() for n in outputs[0])
        print(f"  {stages} stages: clocks 40 ppm off: {'ok' if same else 'FAILED: ' + text}")
        passed &= same
        # Filled: three inputs under way at once, one every interval.
        runs = 3
        with np.load(keep / "in.npz") as file:
            np.savez(keep / "many.npz", **{name: np.stack([file[name]] * runs) for name in file})
        text = subprocess.run(["lpu-run", keep / "m.lpu", "--inputs", keep / "many.npz", "--outputs",
                               keep / "filled.npz", "--runs", str(runs)], check=True, capture_output=True,
                              text=True).stdout
        interval = figures["interval"]
        same = f"cycles of all runs: {figures['cycles'] + (runs - 1) * interval}\n" in text and interval > 0
        with np.load(keep / "filled.npz") as file:
            same &= all(run.tobytes() == outputs[0][n].tobytes() for n in outputs[0] for run in file[n])
        print(f"  {stages} stages: filled, one input every {interval} cycles: {'ok' if same else 'FAILED: ' + text}")
        passed &= same
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
