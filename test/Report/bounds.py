# What lpu-compile reports about a program is what lpu-run measures: cycles, and every
# activity count. Nothing beats the necessary bound. The work that the bounds are computed
# from is the work of the model. Models are ONNX files after the two folders, or small graphs.
# REQUIRES: lpu-compile, lpu-run, onnx
# RUN: %python %s %t %root
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper, numpy_helper

folder, root = map(pathlib.Path, sys.argv[1:3])
folder.mkdir(parents=True, exist_ok=True)
MINI = root / "test/Inputs/mini.yaml"
random = np.random.default_rng(1)
problems = []

# Name in the report: the line of lpu-run --stats.
COUNTS = {
    "issues": "issues", "macsInt8": "multiply-adds int8", "macsFp16": "multiply-adds fp16",
    "aluOps": "ALU lane operations", "sramBytesRead": "SRAM bytes read",
    "sramBytesWritten": "SRAM bytes written", "streamByteHops": "stream byte hops",
    "fetchBytes": "fetch bytes", "linkVectors": "link vectors",
}


def save(name, nodes, inputs, outputs, weights):
    graph = helper.make_graph(nodes, name, inputs, outputs,
                              [numpy_helper.from_array(w, n) for n, w in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              folder / f"{name}.onnx")
    return folder / f"{name}.onnx"


def value(name, type_, *shape):
    return helper.make_tensor_value_info(name, type_, shape)


def gemm(m, k, n, int8):
    name = f"gemm_{m}x{k}x{n}_{'int8' if int8 else 'fp16'}"
    weights = random.integers(-128, 128, (k, n)).astype(np.int8 if int8 else np.float32)
    op, into, out = ("MatMulInteger", T.INT8, T.INT32) if int8 else ("MatMul", T.FLOAT, T.FLOAT)
    return save(name, [helper.make_node(op, ["a", "w"], ["c"], name="gemm")],
                [value("a", into, m, k)], [value("c", out, m, n)], {"w": weights})


def twice(m, k):
    """The same weights used by two products: they need to enter the planes once."""
    weights = random.normal(0, 0.1, (k, k)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["a", "w"], ["b"], name="first"),
             helper.make_node("Relu", ["b"], ["r"], name="relu"),
             helper.make_node("MatMul", ["r", "w"], ["c"], name="second")]
    return save("twice", nodes, [value("a", T.FLOAT, m, k)], [value("c", T.FLOAT, m, k)], {"w": weights})


def softmax(m, n):
    """No product at all."""
    return save("softmax", [helper.make_node("Softmax", ["a"], ["c"], name="softmax", axis=-1)],
                [value("a", T.FLOAT, m, n)], [value("c", T.FLOAT, m, n)], {})


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def check(model, target, macs=None, weights=None):
    """`macs`, `weights`: multiply-adds and bytes of constants that the model has."""
    case = f"{model.stem} on {pathlib.Path(target).stem}"
    package, report, trace = (folder / f"{model.stem}.{e}" for e in ("lpu", "json", "trace"))
    printed = run("lpu-compile", model, "--target", target, "-o", package, "--report", report,
                  "--trace", trace)
    said = json.loads(report.read_text())
    stats = run("lpu-run", package, "--no-data", "--stats")
    measured = dict(re.findall(r"^([^:\n]+): (\d+)", stats, re.M))

    def same(what, one, other):
        if one != other:
            problems.append(f"{case}: {what}: {one}, but {other}")

    same("cycles, report and lpu-run", said["cycles"], int(measured["cycles"]))
    same("cycles, report and table", f"cycles: {said['cycles']}\n" in printed, True)
    same("host nodes", [said["hostNodes"], measured["host nodes"]], [0, "0"])
    for name, line in COUNTS.items():
        same(f"{name}, report and lpu-run", said["activity"][name], int(measured[line]))
    joules = float(re.search(r"^joules: (\S+)$", stats, re.M)[1])
    if not joules > 0 or abs(said["joules"] / joules - 1) > 1e-6:
        problems.append(f"{case}: the report states {said['joules']} J, lpu-run measures {joules}")
    if said["necessaryBound"] > said["cycles"]:
        problems.append(f"{case}: {said['cycles']} cycles beat the bound {said['necessaryBound']}")
    same("necessary bound", said["necessaryBound"], max(said["multiplyAddBound"], said["weightBound"]))
    if macs is not None:
        same("multiply-adds of the model", sum(k["macs"] * k["iterations"] for k in said["kernels"]), macs)
    if weights is not None:
        m = dict(re.findall(r"^(\w+): *([\d.]+)", pathlib.Path(target).read_text(), re.M))
        lanes, planes = int(m["lanes"]), 2 * int(m["planes_per_half"])
        fp16 = said["activity"]["macsFp16"] > 0
        operand = max(1, 2 / int(m["fp16_interval"]))
        rate = min(2 * int(m["streams"]), planes * (int(m["install_rows"]) + operand)) * lanes
        same("weight bound", said["weightBound"], -int(-weights // rate))
        width = 2 * int(m["fp16_interval"]) if fp16 else 1
        same("multiply-add bound", said["multiplyAddBound"],
             -(-macs * width // (planes * int(m["plane_rows"]) * lanes)))
    check_trace(case, trace, said)
    print(f"{case}: {said['cycles']} cycles, grid bound {said['gridBound']}, necessary {said['necessaryBound']}")


def check_trace(case, path, said):
    """Chrome's trace format; every issue of the program is in it once."""
    events = json.loads(path.read_text())["traceEvents"]
    names = {e["tid"] for e in events if e["ph"] == "M" and e["name"] == "thread_name" and e["args"]["name"]}
    runs = [e for e in events if e["ph"] == "X"]
    good = bool(runs) and all(e["tid"] in names and e["ts"] >= 0 and e["dur"] >= 1 and e["name"]
                              and e["ts"] + e["dur"] <= said["cycles"] for e in runs if e["name"] != "halt")
    # One chip: nothing but names, runs and kernels.
    named = sum(e["ph"] == "b" for e in events)
    if not good or {e["ph"] for e in events} != {"M", "X", "b", "e"} or \
            named != sum(k["iterations"] for k in said["kernels"]):
        problems.append(f"{case}: the trace has events without track, name or time")
    issues = 0
    control = {"halt", "fetch", "nop", "loop", "endloop"}
    for e in runs:
        repeat = re.search(r"\brepeat (\d+)", e["args"]["instruction"])
        issues += 0 if e["name"] in control else int(repeat.group(1)) if repeat else 1
    if issues != said["activity"]["issues"]:
        problems.append(f"{case}: the trace shows {issues} issues of {said['activity']['issues']}")


def small_graphs():
    for int8 in True, False:
        width = 1 if int8 else 2
        for m, k, n in (9, 40, 24), (1, 48, 16), (33, 7, 5), (20, 100, 50):
            check(gemm(m, k, n, int8), MINI, macs=m * k * n, weights=k * n * width)
        check(gemm(33, 400, 350, int8), "lpu1", macs=33 * 400 * 350)
    check(twice(12, 32), MINI, macs=2 * 12 * 32 * 32, weights=32 * 32 * 2)
    check(softmax(5, 33), "lpu1", macs=0)


if len(sys.argv) == 3:
    small_graphs()
for model in sys.argv[3:]:
    check(pathlib.Path(model), "lpu1")
print("\n".join(problems))
sys.exit(bool(problems))
