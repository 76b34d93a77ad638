# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Nothing on a machine is free: see test/Target/resources.test.

    resources.py ROOT FOLDER

Prints, for every parameter, the program and its cycles from the richest machine to the scarcest.
"""
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper, numpy_helper

root, folder = map(pathlib.Path, sys.argv[1:])
folder.mkdir(parents=True, exist_ok=True)
sys.path.append(str(root / "test/programs/Inputs"))
import resource_programs  # noqa: E402

BASE = (root / "test/Inputs/mini.yaml").read_text()
random = np.random.default_rng(1)

# Cycles are not what these change; what they do change stands behind a colon.
OTHER = {"clock_mhz": "microseconds", "host_interval": "hostCyclesIn", "energy_sram_byte": "joules",
         "energy_hop_byte": "joules", "energy_mac_int8": "joules", "energy_mac_fp16": "joules",
         "energy_alu_op": "joules", "energy_fetch_byte": "joules", "energy_link_byte": "joules", "idle_watts": "joules"}

# (parameter, program, values from plenty to scarce, other changes of the machine). A function of
# resource_programs, or an ONNX graph for lpu-compile with flags.
CASES = [
    ("lanes", "gemm_wide", [64, 32, 16], {}),
    ("streams", "gemm_int8", [32, 8, 4], {}),
    ("slices_per_half", "fill", [24, 4, 2, 1], {"text_slices": "[0]"}),
    ("rows", "spread", [1024, 64, 32, 16], {}),
    ("slices_per_hop", "gemm_int8", [4, 2, 1], {}),
    ("planes_per_half", "gemm_int8", [4, 2, 1], {}),
    ("plane_rows", "gemm_int8", [16, 8], {}),
    ("install_rows", "gemv_int8", [16, 4, 2], {}),
    ("accumulator_rows", "gemm_int8", [64, 8, 2], {}),
    ("fp16_interval", "gemm_fp16", [1, 2, 4, 8], {}),
    ("alus", "fill", [16, 8, 4, 2], {"transcendental_alus": 1, "reduce_alus": 1}),
    ("transcendental_alus", "functions", [4, 2, 1], {}),
    ("reduce_alus", "reductions", [4, 2, 1], {}),
    ("history", "residual", [64, 5, 4, 2], {}),
    ("buffer_rows", "fetches", [64, 32, 16, 8, 4], {}),
    ("loop_depth", "nest", [3, 2, 1], {"buffer_rows": 16, "delay_fetch": 40}),
    ("fetch_bytes_per_cycle", "fetches", [1024, 48, 32, 16], {"buffer_rows": 16}),
    ("links", "links", [4, 2, 1], {}),
    ("link_interval", "links", [1, 4, 8, 20], {}),
    ("link_latency", "links", [10, 20, 40], {}),
    ("link_margin", "links", [0, 2, 4, 8], {}),
    ("link_buffer", "links", [4, 3, 2, 1], {}),
    ("resync_cycles", "resyncs", [10000, 100, 60, 40, 30, 21], {}),
    ("resync_cycles", "layers --chips 2 --pp 2", [10000, 1000, 200, 40], {}),
    ("link_margin", "resyncs", [0, 2, 4, 8], {"resync_cycles": 60}),
    ("link_interval", "resyncs", [1, 4, 8], {"resync_cycles": 60}),
    # Where no link joins two stages of a pipeline, a chip between hands the vectors on.
    ("node_chips", "layers --chips 6 --pp 6", [8, 6, 5, 4, 3, 2], {"links": 8}),
    ("uplinks", "layers --chips 6 --pp 6", [3, 2, 1], {"links": 8, "node_chips": 2}),
    ("delay_sram_read", "gemm_int8", [1, 4, 16], {}),
    ("delay_sram_write", "gemm_int8", [1, 4, 16], {}),
    ("delay_alu", "gemm_int8", [1, 4, 16], {}),
    ("delay_transcendental", "softmax", [1, 4, 16], {}),
    ("delay_convert", "fill", [1, 2, 4, 8], {}),
    ("delay_reduce_base", "softmax", [1, 4, 16], {}),
    ("delay_reduce_step", "softmax", [1, 4, 16], {}),
    ("delay_matrix_int8", "gemm_int8", [1, 4, 16], {}),
    ("delay_matrix_fp16", "gemm_fp16", [1, 4, 16], {}),
    ("delay_swap", "gemm_int8", [1, 4, 16], {}),
    ("delay_drain", "gemm_int8", [1, 4, 16], {}),
    ("delay_shuffle", "shuffle", [1, 2, 4], {}),
    ("delay_transpose", "transpose", [1, 4, 8], {}),
    ("delay_fetch", "fetches", [1, 4, 16, 60], {"buffer_rows": 16}),
    ("clock_mhz", "gemm_int8", [200, 100, 50], {}),
    ("host_interval", "gemm_int8", [1, 2, 5], {}),
    ("energy_sram_byte", "gemm_int8", [0.5, 1, 2], {}),
    ("energy_hop_byte", "gemm_int8", [0.01, 0.03, 0.1], {}),
    ("energy_mac_int8", "gemm_int8", [0.1, 0.3, 1], {}),
    ("energy_mac_fp16", "gemm_fp16", [0.5, 1, 2], {}),
    ("energy_alu_op", "gemm_int8", [0.5, 1, 2], {}),
    ("energy_link_byte", "links", [20, 40, 80], {}),
    ("energy_fetch_byte", "gemv_int8", [0.5, 1, 2], {"buffer_rows": 8}),
    ("idle_watts", "gemm_int8", [0, 1, 2], {}),
]


def save(name, nodes, inputs, outputs, weights):
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs],
        [helper.make_tensor_value_info(n, t, s) for n, t, s in outputs],
        [numpy_helper.from_array(w, n) for n, w in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              folder / f"{name}.onnx")


def product(name, m, k, n, int8):
    weights = random.integers(-128, 128, (k, n)).astype(np.int8 if int8 else np.float32)
    op, into, out = ("MatMulInteger", T.INT8, T.INT32) if int8 else ("MatMul", T.FLOAT, T.FLOAT)
    save(name, [helper.make_node(op, ["a", "w"], ["c"])], [("a", into, (m, k))], [("c", out, (m, n))], {"w": weights})


def vector(name, ops, rows=60, features=16):
    nodes = [helper.make_node(op, [f"v{i}"], [f"v{i + 1}"], **({"axis": -1} if op == "Softmax" else {}))
             for i, op in enumerate(ops)]
    shape = (rows, features)
    save(name, nodes, [("v0", T.FLOAT, shape)], [(f"v{len(ops)}", T.FLOAT, shape)], {})


def layers(name, m, k, count):
    """Products with a ReLU behind each: stages of a pipeline."""
    nodes, weights = [], {}
    for i in range(count):
        weights[f"w{i}"] = random.standard_normal((k, k)).astype(np.float32)
        nodes += [helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"h{i}"]),
                  helper.make_node("Relu", [f"h{i}"], [f"x{i + 1}"])]
    save(name, nodes, [("x0", T.FLOAT, (m, k))], [(f"x{count}", T.FLOAT, (m, k))], weights)


product("gemm_int8", 100, 40, 40, True)
product("gemm_fp16", 100, 40, 40, False)
product("gemm_wide", 100, 40, 200, False)  # more columns than 4 planes of 32 lanes have
product("gemv_int8", 1, 200, 200, True)
layers("layers", 60, 40, 6)
vector("softmax", ["Softmax"])
vector("functions", ["Tanh", "Erf", "Exp"])


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def measured(package):
    """What the emulator says."""
    text = run("lpu-run", package, "--no-data", "--stats")
    number = {name: re.search(rf"^{name}: (\S+)$", text, re.M)[1] for name in ("cycles", "joules")}
    return {"cycles": int(number["cycles"]), "joules": float(number["joules"])}


def with_values(changes):
    text = BASE
    for name, value in changes.items():
        text, found = re.subn(rf"^{name}: .*$", f"{name}: {value}", text, flags=re.M)
        assert found == 1, name
    return text


def measure(parameter, program, changes):
    """The program for the changed machine, verified and run."""
    machine, package = folder / "machine.yaml", folder / "program.lpu"
    machine.write_text(with_values(changes))
    if hasattr(resource_programs, program):
        p, text = getattr(resource_programs, program)(machine), folder / "program.mlir"
        text.write_text(p.text())
        run("lpu-translate", "--isa-to-binary", text, "-o", package)
        run("lpu-verify", package)
        said = {"cycles": p.cycles, "joules": measured(package)["joules"]}
    else:
        report = folder / "program.json"
        model, *flags = program.split()
        run("lpu-compile", folder / f"{model}.onnx", "--target", machine, "-o", package, "--report", report, "--quiet",
            *flags)
        said = json.loads(report.read_text())
    if measured(package)["cycles"] != said["cycles"]:
        raise RuntimeError(f"stated {said['cycles']} cycles, measured {measured(package)['cycles']}")
    return said[OTHER.get(parameter, "cycles")]


problems = []
for parameter, program, values, changes in CASES:
    try:
        results = [measure(parameter, program, {**changes, parameter: value}) for value in values]
    except RuntimeError as error:
        problems.append(f"{parameter}: {error}")
        continue
    shown = ", ".join(f"{v}: {r if isinstance(r, int) else format(r, '.4g')}" for v, r in zip(values, results))
    print(f"{parameter} ({program}), {OTHER.get(parameter, 'cycles')}: {shown}", flush=True)
    if any(b < a for a, b in zip(results, results[1:])):
        problems.append(f"{parameter}: {program} becomes cheaper on a scarcer machine")
    if results[0] >= results[-1]:
        problems.append(f"{parameter}: {program} does not depend on it")

# Every number of a machine file is here.
numbers = set(re.findall(r"^(\w+): *[\d.]", BASE, re.M))
shown = {case[0] for case in CASES}
if numbers != shown:
    problems.append(f"not covered: {sorted(numbers - shown)}; unknown: {sorted(shown - numbers)}")
print("\n".join(problems))
sys.exit(bool(problems))
