# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small transformer on several chips: accepted by lpu-verify, cycles as predicted,
within tolerance of ONNX Runtime, and the bits of one thread for two; a small model of
integers with the bits of one chip, however it is divided.

    pipelines.py FOLDER --target lpu1 [--plans 1x2 2x1 2x2]

A plan is the chips of a stage x stages.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import small_models
from onnx import TensorProto, helper, numpy_helper

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


def integers():
    """Two quantised layers, whose sums are exact in any order."""
    rng = np.random.default_rng(3)
    constants, nodes, x = [], [], "x"

    def constant(name, value):
        constants.append(numpy_helper.from_array(value, name))
        return name

    zero = constant("zero", np.int8(0))
    for i, (rows, columns) in enumerate([(60, 140), (140, 52)]):
        scale = constant(f"scale{i}", np.float32(0.02 * (1 + 40 * i)))
        weight = constant(f"weight{i}", rng.integers(-127, 128, (rows, columns)).astype(np.int8))
        nodes += [helper.make_node("QuantizeLinear", [x, scale, zero], [f"q{i}"]),
                  helper.make_node("MatMulInteger", [f"q{i}", weight], [f"p{i}"]),
                  helper.make_node("Cast", [f"p{i}"], [f"c{i}"], to=TensorProto.FLOAT),
                  helper.make_node("Relu", [f"c{i}"], [f"r{i}"])]
        x = f"r{i}"
    graph = helper.make_graph(nodes, "integers", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [17, 60])],
                              [helper.make_tensor_value_info(x, TensorProto.FLOAT, [17, 52])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def same_integers(folder: pathlib.Path, target: str, plans) -> bool:
    """Every plan gives the bits of one chip."""
    model = folder / "integers.onnx"
    onnx.save(integers(), model)
    np.savez(folder / "x.npz", x=np.random.default_rng(4).uniform(-3, 3, (17, 60)).astype(np.float32))
    wanted, passed = None, True
    for width, stages in [(1, 1), *plans]:
        package, output = folder / "integers.lpu", folder / "integers.npz"
        flags = [f"--chips={width * stages}"] + ([f"--tp={width}", f"--pp={stages}"] if width * stages > 1 else [])
        subprocess.run(["lpu-compile", model, "--target", target, *flags, "-o", package, "--quiet"], check=True)
        subprocess.run(["lpu-run", package, "--inputs", folder / "x.npz", "--outputs", output], check=True,
                       stdout=subprocess.DEVNULL)
        with np.load(output) as file:
            bits = {name: file[name].tobytes() for name in file}
        wanted = wanted or bits
        print(f"  integers {width}x{stages}: {'the bits of one chip' if bits == wanted else 'FAILED: other bits'}")
        passed &= bits == wanted
    return passed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--target", default="lpu1")
    parser.add_argument("--plans", nargs="+", default=["1x2", "1x3", "1x4", "2x1", "3x1", "2x2"])
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    model = options.folder / "layers.onnx"
    onnx.save(layers(3), model)
    passed = True
    plans = [tuple(map(int, plan.split("x"))) for plan in options.plans]
    for width, stages in plans:
        chips = width * stages
        keep = options.folder / f"tp{width}pp{stages}"
        report = keep / "report.json"
        keep.mkdir(exist_ok=True)
        run = subprocess.run(
            [sys.executable, ROOT / "run_model.py", model, "--target", options.target, "--chips", str(chips),
             f"--compile-flag=--tp={width}", f"--compile-flag=--pp={stages}", f"--compile-flag=--report={report}", "--keep", keep])
        passed &= run.returncode == 0
        if run.returncode:
            continue
        figures = json.loads(report.read_text())
        parts = figures["stages"]
        if figures["chips"] != chips or len(parts) != chips:
            sys.exit(f"the report names {figures['chips']} chips and {len(parts)} parts, wanted {chips}")
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
        plan = f"{width}x{stages}"
        print(f"  {plan}: 1 and 2 threads {'give equal bits' if same else 'FAILED: bits differ'}")
        passed &= same
        if width == 1:
            # The same products, sums and conversions in the same order as on one chip.
            one = keep / "one.lpu"
            subprocess.run(["lpu-compile", model, "--target", options.target, "-o", one, "--quiet"], check=True)
            subprocess.run(["lpu-run", one, "--inputs", keep / "in.npz", "--outputs", keep / "one.npz"], check=True,
                           stdout=subprocess.DEVNULL)
            with np.load(keep / "one.npz") as file:
                same = all(file[n].tobytes() == outputs[0][n].tobytes() for n in outputs[0])
            print(f"  {plan}: {'the bits of one chip' if same else 'FAILED: other bits than one chip'}")
            passed &= same
        # Clocks that are off within the bound change no bit and no cycle.
        text = subprocess.run(["lpu-run", keep / "m.lpu", "--inputs", keep / "in.npz", "--outputs",
                               keep / "drift.npz", "--drift-random=7:40"], check=True, capture_output=True,
                              text=True).stdout
        same = f"cycles: {figures['cycles']}\n" in text
        with np.load(keep / "drift.npz") as file:
            same &= all(file[n].tobytes() == outputs[0][n].tobytes() for n in outputs[0])
        print(f"  {plan}: clocks 40 ppm off: {'ok' if same else 'FAILED: ' + text}")
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
        print(f"  {plan}: filled, one input every {interval} cycles: {'ok' if same else 'FAILED: ' + text}")
        passed &= same
    passed &= same_integers(options.folder, options.target, plans)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
