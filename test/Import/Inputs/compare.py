# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""compare.py model.onnx name=size ...: imports the model with these dims, runs the
result by interpreter.py and the model by ONNX Runtime on the same random inputs, and
fails if they differ. Prints the largest relative L2 error. Inputs called
attention_mask hold ones and then zeros."""
import subprocess
import sys

import interpreter
import numpy as np
import onnxruntime

LIMIT = 2e-5  # both compute in f32, in another order


def main(path, *dims):
    flags = [flag for dim in dims for flag in ("--dim", dim)]
    text = subprocess.run(["lpu-translate", "--import-onnx", path, *flags], check=True,
                          capture_output=True, text=True).stdout
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    head = next(line for line in text.splitlines() if "func.func @main" in line)
    feeds = {}
    for kind, name in interpreter.re.findall(r'(tensor<[^>]*>) \{onnx.name = "([^"]*)"\}', head.split(" -> ")[0]):
        shape, dtype = interpreter.tensor_type(kind)
        if name == "attention_mask":
            lengths = 1 + np.arange(shape[0]) * (shape[1] - 1) // max(1, shape[0] - 1)
            feeds[name] = (np.arange(shape[1]) < lengths[::-1, None]).astype(dtype)
        elif name == "token_type_ids":
            feeds[name] = random.integers(0, 2, shape).astype(dtype)
        elif dtype.kind == "f":
            feeds[name] = random.standard_normal(shape).astype(dtype)
        elif dtype == np.bool_:
            feeds[name] = random.integers(0, 2, shape).astype(dtype)
        else:
            feeds[name] = random.integers(2, 90, shape).astype(dtype)
    ours = interpreter.run(text, feeds)
    worst = 0.0
    for output, expected in zip(session.get_outputs(), session.run(None, feeds)):
        got = ours[output.name]
        assert got.shape == expected.shape and got.dtype == expected.dtype, output.name
        if expected.dtype.kind != "f":
            assert (got == expected).all(), output.name
            continue
        assert (np.isfinite(got) == np.isfinite(expected)).all(), output.name
        keep = np.isfinite(expected)
        a, b = got[keep].astype(np.float64), expected[keep].astype(np.float64)
        worst = max(worst, np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30))
    print(f"equal: {path.rsplit('/', 1)[-1]}: largest relative L2 error {worst:.1e}" if worst <= LIMIT else
          f"DIFFERENT: {path}: relative L2 error {worst:.1e}, limit {LIMIT}")
    sys.exit(1 if worst > LIMIT else 0)


main(*sys.argv[1:])
