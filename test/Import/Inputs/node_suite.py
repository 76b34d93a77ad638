# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""node_suite.py folder list [test...]: runs ONNX's own node tests through the importer.

Each test runs twice. *Live*: inputs that carry data are inputs of the graph, those
that are parameters (integers beside a float, shapes, axes) are constants; the
imported graph is run by interpreter.py. *Folded*: every input is a constant, so that
the importer computes the result itself. `list` holds one line per test that does not
pass both, "name: reason", and is strict: an unexpected pass fails, too."""
import pathlib
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor

import interpreter
import numpy as np
import onnx
from onnx import numpy_helper

warnings.simplefilter("ignore")
MAX_OPSET = 24


def collect():
    from onnx.backend.test.case.node import collect_testcases
    return {case.name: case for case in collect_testcases(None)}


def records():
    """Supported operators by domain, from the support table."""
    text = subprocess.run(["lpu-translate", "--print-onnx-support", "/dev/null"], check=True, capture_output=True,
                          text=True).stdout
    names, domain = set(), ""
    for line in text.splitlines():
        if line.startswith("## "):
            domain = line.split("`")[1] if "`" in line else ""
        elif line.startswith("| ") and not line.startswith(("| operator", "| ---")):
            names.add((domain, line.split(" | ")[0][2:]))
    return names


def is_parameter(case, index, array):
    """Axes, shapes and the like: what exporters write as constants."""
    op = case.model.graph.node[0].op_type
    if case.name.startswith("test_reduce"):
        return index > 0
    if op in ("Shape", "Size", "Gather", "GatherElements", "GatherND", "ScatterND", "ScatterElements", "Cast",
              "Equal", "And", "Or", "Xor", "Add", "Sub", "Mul", "Div", "Mod", "Pow", "Max", "Min", "Less", "Greater",
              "LessOrEqual", "GreaterOrEqual", "Attention", "Where", "RotaryEmbedding"):
        return False
    if op in ("Range", "ConstantOfShape", "NonZero") or "window" in case.name:
        return True
    return index > 0 and array.dtype.kind in "ib" and array.dtype != np.int8


def with_constants(case, arrays, constant):
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    keep = [value for value in model.graph.input if value.name not in constant]
    del model.graph.input[:]
    model.graph.input.extend(keep)
    for name in constant:
        model.graph.initializer.append(numpy_helper.from_array(arrays[name], name))
    del model.graph.value_info[:]
    return model


def check(case, arrays, outputs, constant, folder):
    """Nothing if the results agree, else what is wrong."""
    path = pathlib.Path(folder) / f"{case.name}.onnx"
    path.write_bytes(with_constants(case, arrays, constant).SerializeToString())
    done = subprocess.run(["lpu-translate", "--import-onnx", path], capture_output=True, text=True)
    if done.returncode == 1:
        return "refused: " + done.stderr.strip().splitlines()[0].split("): ")[-1].split(".onnx: ")[-1]
    if done.returncode:
        return f"crash {done.returncode}"
    if len(constant) == len(arrays) and any(
            f"onnx.{op} " in done.stdout for op in ("MatMul", "Gather", "Add", "Where", "Slice", "Concat", "ReduceSum")):
        return "not folded"
    try:
        results = interpreter.run(done.stdout, arrays)
    except Exception as error:  # an op the interpreter lacks is worth knowing, too
        return f"interpreter: {error!r}"[:100]
    for value, expected in zip(case.model.graph.output, outputs):
        expected = np.asarray(expected)
        got = results[value.name]
        if got.shape != expected.shape or got.dtype != expected.dtype:
            return f"{value.name} is {got.dtype}{list(got.shape)}, not {expected.dtype}{list(expected.shape)}"
        if expected.dtype.kind == "f":
            tolerance = 1e-2 if expected.dtype == np.float16 else max(case.rtol, 1e-4)
            if not np.allclose(got, expected, rtol=tolerance, atol=1e-5 if expected.dtype != np.float16 else 1e-3,
                               equal_nan=True):
                return f"{value.name} differs"
        elif not (got == expected).all():
            return f"{value.name} differs"
    return None


def run(case, folder):
    inputs, outputs = case.data_sets[0]
    names = [value.name for value in case.model.graph.input]
    if len(names) != len(inputs) or not all(isinstance(a, (np.ndarray, np.generic)) for a in inputs):
        return "inputs that are no tensors"
    arrays = {name: np.asarray(array) for name, array in zip(names, inputs)}
    parameters = [name for i, name in enumerate(names) if is_parameter(case, i, arrays[name])]
    live = check(case, arrays, outputs, parameters, folder)
    folded = check(case, arrays, outputs, names, folder)
    if live == folded:
        return live
    if folded == "not folded" and not live:
        return None  # not an op of shape arithmetic
    return "; ".join(f"{kind} {text}" for kind, text in (("live", live), ("folded", folded)) if text)


def main(folder, list_path, *only):
    supported = records()
    expected = {}
    if pathlib.Path(list_path).exists():
        for line in pathlib.Path(list_path).read_text().splitlines():
            if line and not line.startswith("#"):
                expected.update([line.split(": ", 1)])
    cases = {}
    for name, case in collect().items():
        opset = max((o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx")), default=99)
        if opset <= MAX_OPSET and not case.model.functions and all(
                (n.domain, n.op_type) in supported for n in case.model.graph.node):
            if not only or name in only:
                cases[name] = case
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch, ThreadPoolExecutor(2) as pool:
        found = dict(zip(cases, pool.map(lambda case: run(case, scratch), cases.values())))
    bad = 0
    for name, reason in sorted(found.items()):
        if reason and name not in expected:
            print(f"{name}: {reason}")
            bad += 1
        elif not reason and name in expected:
            print(f"{name}: passes, but is listed as: {expected[name]}")
            bad += 1
    passed = sum(1 for reason in found.values() if not reason)
    print(f"{passed} of {len(found)} node tests pass, {len(found) - passed - bad} are listed with a reason")
    sys.exit(1 if bad else 0)


main(*sys.argv[1:])
