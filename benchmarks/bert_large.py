#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An encoder of the BERT-large class as a pipeline of lpu1 chips: cycles against the grid bounds of its stages.

    benchmarks/bert_large.py [--build build] [--chips 4] [--layers 24] [--runs 8] [--data] [--keep folder]

The model: random weights, 24 layers, hidden 1,024, 16 heads, 4,096 inside, 128 tokens with a mask, computed in fp16;
its input is what the embedding gives. It is written as ONNX without a framework, compiled with `--chips C --pp C`,
verified by lpu-verify, and run data-free as a filled pipeline. Latency and initiation interval are those that the
emulator measures; if they are not the ones that lpu-compile states, this stops. --data runs the package with
data too and compares with ONNX Runtime.
"""
import argparse
import json
import pathlib
import re
import subprocess
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto as T, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUIRED, AIM = 1.35, 1.15


def encoder(path, layers=24, hidden=1024, heads=16, inner=4096, seq=128, seed=1):
    """Writes the ONNX file, its weights beside it."""
    rng = np.random.default_rng(seed)
    nodes, inits, offset = [], [], 0
    data = path.with_suffix(".onnx.data").open("wb")

    def weight(name, shape, scale, middle=0.0):
        nonlocal offset
        values = rng.standard_normal(shape, dtype=np.float32)
        values *= scale
        values += middle
        data.write(values.data)
        tensor = onnx.TensorProto(name=name, data_type=T.FLOAT, dims=shape, data_location=T.EXTERNAL)
        for key, value in ("location", pathlib.Path(data.name).name), ("offset", offset), ("length", values.nbytes):
            tensor.external_data.add(key=key, value=str(value))
        offset += values.nbytes
        inits.append(tensor)
        return name

    def literal(name, value):
        inits.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(op, *inputs, name, **attributes):
        nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def linear(x, name, k, n):
        y = node("MatMul", x, weight(f"{name}.w", (k, n), 0.9 / k**0.5), name=f"{name}.product")
        return node("Add", y, weight(f"{name}.b", (n,), 0.1), name=name)

    def norm(x, name):
        return node("LayerNormalization", x, weight(f"{name}.scale", (hidden,), 0.1, 1.0),
                    weight(f"{name}.shift", (hidden,), 0.1), name=name, axis=-1, epsilon=1e-12)

    size = hidden // heads
    split, joined = literal("split", np.int64([1, seq, heads, size])), literal("joined", np.int64([1, seq, hidden]))
    root, sqrt2 = literal("root", np.float32(size**-0.5)), literal("sqrt2", np.float32(2**0.5))
    half, one = literal("half", np.float32(0.5)), literal("one", np.float32(1))
    seen = node("Cast", node("Unsqueeze", "attention_mask", literal("axes", np.int64([1, 2])), name="rows"),
                name="seen", to=T.FLOAT)
    mask = node("Mul", node("Sub", one, seen, name="unseen"), literal("low", np.float32(-1e4)), name="mask")
    x = node("Cast", "hidden_in", name="hidden", to=T.FLOAT)
    for i in range(layers):
        p = f"layer{i}"

        def head(kind, perm):
            y = node("Reshape", linear(x, f"{p}.{kind}", hidden, hidden), split, name=f"{p}.{kind}.heads")
            return node("Transpose", y, name=f"{p}.{kind}.turned", perm=perm)

        q, k, v = head("query", [0, 2, 1, 3]), head("key", [0, 2, 3, 1]), head("value", [0, 2, 1, 3])
        scores = node("Mul", node("MatMul", q, k, name=f"{p}.scores"), root, name=f"{p}.scaled")
        chosen = node("Softmax", node("Add", scores, mask, name=f"{p}.masked"), name=f"{p}.softmax", axis=-1)
        mixed = node("MatMul", chosen, v, name=f"{p}.mixed")
        mixed = node("Reshape", node("Transpose", mixed, name=f"{p}.back", perm=[0, 2, 1, 3]), joined, name=f"{p}.joined")
        x = norm(node("Add", linear(mixed, f"{p}.out", hidden, hidden), x, name=f"{p}.sum1"), f"{p}.norm1")
        up = linear(x, f"{p}.up", hidden, inner)
        erf = node("Erf", node("Div", up, sqrt2, name=f"{p}.up.scaled"), name=f"{p}.erf")
        up = node("Mul", node("Mul", up, node("Add", erf, one, name=f"{p}.erf1"), name=f"{p}.up.erf"), half,
                  name=f"{p}.gelu")
        x = norm(node("Add", linear(up, f"{p}.down", inner, hidden), x, name=f"{p}.sum2"), f"{p}.norm2")
    node("Cast", x, name="hidden_out", to=T.FLOAT16)
    data.close()
    graph = helper.make_graph(nodes, "encoder",
                              [helper.make_tensor_value_info("hidden_in", T.FLOAT16, (1, seq, hidden)),
                               helper.make_tensor_value_info("attention_mask", T.INT64, (1, seq))],
                              [helper.make_tensor_value_info("hidden_out", T.FLOAT16, (1, seq, hidden))], inits)
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                       ir_version=8).SerializeToString())


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def number(pattern, text):
    return int(re.search(pattern, text, re.M)[1].replace(",", ""))


def grid_bound(layers, hidden=1024, heads=16, inner=4096, seq=128, plane_rows=160, lanes=320):
    """Plane cycles of whole tiles (docs/bounds.md) with a tile for every head: a plane takes 2 cycles a row, 4 work."""
    def tiles(k, n):
        return -(-k // plane_rows) * -(-n // lanes)
    size = hidden // heads
    per_row = 4 * tiles(hidden, hidden) + tiles(hidden, inner) + tiles(inner, hidden) + \
        heads * (tiles(size, seq) + tiles(seq, size))
    return layers * per_row * seq * 2 // 4


def measure(bin_, model, folder, layers, chips, wiring, runs):
    """Compiles without the weights' bytes (the program is the same), verifies, runs filled."""
    package, report = folder / "bert.lpu", folder / "bert.json"
    begin = time.perf_counter()
    run(bin_ / "lpu-compile", model, "--target", "lpu1", "--chips", chips, "--pp", chips, "--half-links", *wiring,
        "--weights", "none", "-o", package, "--report", report, "--quiet")
    wall = time.perf_counter() - begin
    said = json.loads(report.read_text())
    verified = number(r"([\d,]+) cycles", run(bin_ / "lpu-verify", package))
    text = run(bin_ / "lpu-run", package, "--no-data", *(["--runs", runs] if chips > 1 else []))
    cycles, interval = number(r"^cycles: (\d+)$", text), 0
    if chips > 1:
        interval = (number(r"^cycles of all runs: (\d+)$", text) - cycles) // (runs - 1)
    if not said["cycles"] == verified == cycles or (chips > 1 and interval != said['interval']):
        raise RuntimeError(f"stated {said['cycles']} and {said['interval']} cycles, verified {verified}, "
                           f"measured {cycles} and {interval}")
    total = grid_bound(layers)
    stages = said.get("stages") or [{"macs": 1, "programCycles": cycles}]
    macs = [stage["macs"] for stage in stages]
    return {"cycles": cycles, "interval": interval, "total": total, "largest": total * max(macs) // sum(macs),
            "work": max(stage["programCycles"] for stage in stages),
            "wall": wall, "memory": said["compile"]["peakMiB"]}


def compare(bin_, model, folder, chips, wiring):
    """Largest difference and relative error of a run with data against ONNX Runtime."""
    import onnxruntime
    package, inputs, outputs = folder / "data.lpu", folder / "in.npz", folder / "out.npz"
    run(bin_ / "lpu-compile", model, "--target", "lpu1", "--chips", chips, "--pp", chips, "--half-links", *wiring,
        "-o", package, "--quiet")
    mask = np.ones((1, 128), np.int64)
    mask[:, 100:] = 0
    feed = {"hidden_in": np.random.default_rng(2).standard_normal((1, 128, 1024)).astype(np.float16),
            "attention_mask": mask}
    np.savez(inputs, **feed)
    run(bin_ / "lpu-run", package, "--inputs", inputs, "--outputs", outputs, "--threads", 2)
    with np.load(outputs) as found:
        ours = found["hidden_out"].astype(np.float64)
    theirs = onnxruntime.InferenceSession(model).run(None, feed)[0].astype(np.float64)
    return np.abs(ours - theirs).max(), np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


def line(what, cycles, bound):
    met = "met" if cycles <= REQUIRED * bound else "**missed**"
    print(f"| {what} | {cycles / bound:.3f} ({cycles:,} / {bound:,}) | <= {REQUIRED} | {AIM} | {met} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--chips", type=int, default=4)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--runs", type=int, default=8, help="inputs in the pipeline, at least 2")
    parser.add_argument("--data", action="store_true", help="compare with ONNX Runtime")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the model and the packages (default: none is kept)")
    options = parser.parse_args()
    bin_ = options.build.resolve() / "bin"
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or pathlib.Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        model = folder / "bert_large.onnx"
        encoder(model, options.layers)
        # A pipeline needs links between neighbours, of which lpu1 has 11 a chip: five each way in a ring.
        ring = folder / "ring.yaml"
        ring.write_text(f"kind: ring\nchips: {options.chips}\nparallel: 5\n")
        wirings = {"one link (a node)": []}
        if options.chips > 2:
            wirings["five links (a ring)"] = ["--topology", ring]
        print("| what | measured | required | aim | |\n| --- | --- | --- | --- | --- |")
        for wires, flags in wirings.items():
            found = measure(bin_, model, folder, options.layers, options.chips, flags, options.runs)
            line(f"neighbours joined by {wires}: latency / sum of grid bounds", found["cycles"], found["total"])
            if found["interval"]:
                line("same: initiation interval / largest stage's grid bound", found["interval"], found["largest"])
            line("same: longest stage without transfers / its grid bound", found["work"], found["largest"])
            print(f"| same: compile, wall and peak memory | {found['wall']:.1f} s, {found['memory']:.0f} MiB | - | - | |")
        if options.data:
            largest, error = compare(bin_, model, folder, options.chips, flags)
            print(f"| same: with data, largest difference and relative error to ONNX Runtime | {largest:.4f}, {error:.6f} "
                  "| - | - | |")


if __name__ == "__main__":
    main()
