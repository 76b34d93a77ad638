# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small transformer on several chips: accepted by lpu-verify, cycles as predicted,
within tolerance of ONNX Runtime, and the bits of one thread for two; a small model of
integers with the bits of one chip and the cycles stated, however it is divided. Clocks that
are off by as much as the machine allows change nothing; clocks that are off by far more are
a fault.

    pipelines.py FOLDER --target lpu1 [--plans 1x2 2x1 2x2]

A plan is the chips of a stage x stages.
"""
import argparse
import json
import pathlib
import re
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


def clock_bound(package) -> int:
    """Parts per million by which each clock may be off while this program runs, as lpu-verify states."""
    text = subprocess.run(["lpu-verify", package], check=True, capture_output=True, text=True).stdout
    return min(500000, int(float(re.search(r"^clocks may be off by ([\d.]+) ppm", text, re.M)[1])))


def with_clocks(package, inputs, outputs, ppm: int):
    """A run in which neighbours drift apart: chips of even numbers fast, of odd ones slow."""
    chips = len(re.findall(r"^chip \d+:", subprocess.run(["lpu-objdump", "--manifest", package], check=True, capture_output=True,
                                                         text=True).stdout, re.M))
    drift = ",".join(f"{chip}:{-ppm if chip % 2 else ppm}" for chip in range(chips))
    return subprocess.run(["lpu-run", package, "--inputs", inputs, "--outputs", outputs, f"--drift={drift}"],
                          capture_output=True, text=True)


def drift(package, inputs, wanted, cycles: int) -> bool:
    """Within the bound no bit and no cycle changes; beyond it there is a fault and no result."""
    outputs, bound = package.with_name("drift.npz"), clock_bound(package)
    run = with_clocks(package, inputs, outputs, bound)
    good = run.returncode == 0 and f"cycles: {cycles}\n" in run.stdout
    if good:
        with np.load(outputs) as file:
            good = {name: file[name].tobytes() for name in file} == wanted
    print(f"  {package.parent.name}: clocks {bound} ppm off: {'ok' if good else 'FAILED: ' + run.stdout + run.stderr}")
    far = min(1000000, 4 * bound)
    run = with_clocks(package, inputs, outputs, far)
    faults = run.returncode == 1 and "fault: drift at cycle" in run.stderr and not outputs.exists()
    print(f"  {package.parent.name}: clocks {far} ppm off: {'a fault' if faults else 'FAILED: ' + run.stdout + run.stderr}")
    return good and faults


def same_integers(folder: pathlib.Path, target: str, plans) -> bool:
    """Every plan gives the bits of one chip, in the cycles that compiler and verifier state, singly and filled."""
    model = folder / "integers.onnx"
    onnx.save(integers(), model)
    np.savez(folder / "x.npz", x=np.random.default_rng(4).uniform(-3, 3, (17, 60)).astype(np.float32))
    wanted, passed = None, True
    for width, stages in [(1, 1), *plans]:
        package, output = folder / "integers.lpu", folder / "integers.npz"
        flags = [f"--chips={width * stages}"] + ([f"--tp={width}", f"--pp={stages}"] if width * stages > 1 else [])
        report = folder / "integers.json"
        subprocess.run(["lpu-compile", model, "--target", target, *flags, "-o", package, "--report", report, "--quiet"], check=True)
        said = json.loads(report.read_text())
        run = subprocess.run(["lpu-run", package, "--inputs", folder / "x.npz", "--outputs", output], check=True,
                             capture_output=True, text=True).stdout
        with np.load(output) as file:
            bits = {name: file[name].tobytes() for name in file}
        wanted = wanted or bits
        verified = subprocess.run(["lpu-verify", package], check=True, capture_output=True, text=True).stdout
        cycles = f"cycles: {said['cycles']}\n" in run and f"{said['cycles']} cycles" in verified.replace(",", "")
        if width * stages > 1:
            with np.load(folder / "x.npz") as file:
                np.savez(folder / "many.npz", x=np.stack([file["x"]] * 3))
            run = subprocess.run(["lpu-run", package, "--inputs", folder / "many.npz", "--outputs", output, "--runs", "3"],
                                 check=True, capture_output=True, text=True).stdout
            cycles &= f"cycles of all runs: {said['cycles'] + 2 * said['interval']}\n" in run and said["interval"] > 0
            with np.load(output) as file:
                cycles &= all({name: file[name][k].tobytes() for name in file} == wanted for k in range(3))
        print(f"  integers {width}x{stages}: {'the bits of one chip' if bits == wanted else 'FAILED: other bits'}, "
              f"{said['cycles']} cycles {'as stated' if cycles else 'FAILED: ' + run + verified}")
        passed &= bits == wanted and cycles
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
        passed &= drift(keep / "m.lpu", keep / "in.npz", {n: outputs[0][n].tobytes() for n in outputs[0]}, figures["cycles"])
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
