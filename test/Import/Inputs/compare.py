# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""compare.py batch length model.onnx...: imports each model with free dims of axis 0
bound to `batch` and others to `length`, runs the result by interpreter.py and the
file by ONNX Runtime on the same random inputs, and fails if they differ. Inputs
called attention_mask hold ones and then zeros."""
import re
import subprocess
import sys

import interpreter
import numpy as np
import onnx
import onnxruntime

LIMIT = 2e-5  # both compute in f32, in another order


def free_dims(path, batch, length):
    dims = {}
    for value in onnx.load(path, load_external_data=False).graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_param and not dim.dim_param.isdigit():
                dims.setdefault(dim.dim_param, length if axis else batch)
    return dims


def random_inputs(text):
    random = np.random.default_rng(1)
    head = next(line for line in text.splitlines() if "func.func @main" in line)
    feeds = {}
    for kind, name in re.findall(r'(tensor<[^>]*>) \{onnx.name = "([^"]*)"[^}]*\}', head.split(" -> ")[0]):
        shape, dtype = interpreter.tensor_type(kind)
        if name == "attention_mask":
            lengths = 1 + np.arange(shape[0]) * (shape[1] - 1) // max(1, shape[0] - 1)
            feeds[name] = (np.arange(shape[1]) < lengths[::-1, None]).astype(dtype)
        elif name == "token_type_ids" or dtype == np.bool_:
            feeds[name] = random.integers(0, 2, shape).astype(dtype)
        elif dtype.kind == "f":
            feeds[name] = random.standard_normal(shape).astype(dtype)
        else:
            feeds[name] = random.integers(2, 90, shape).astype(dtype)
    return feeds


def relative_error(got, expected):
    """Over finite elements; infinite if anything else differs."""
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return np.inf
    if expected.dtype.kind != "f":
        return 0.0 if (got == expected).all() else np.inf
    finite = np.isfinite(expected)
    if (np.isfinite(got) != finite).any():
        return np.inf
    a, b = got[finite].astype(np.float64), expected[finite].astype(np.float64)
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30))


def compare(path, batch, length):
    flags = [f for name, size in free_dims(path, batch, length).items() for f in ("--dim", f"{name}={size}")]
    done = subprocess.run(["lpu-translate", "--import-onnx", path, *flags], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path} is refused:\n{done.stderr}")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = random_inputs(done.stdout)
    ours = interpreter.run(done.stdout, feeds)
    return max(relative_error(ours[output.name], expected)
               for output, expected in zip(session.get_outputs(), session.run(None, feeds)))


worst, paths = 0.0, sys.argv[3:]
for model in paths:
    error = compare(model, int(sys.argv[1]), int(sys.argv[2]))
    if not error <= LIMIT:
        sys.exit(f"{model} differs from ONNX Runtime: relative L2 error {error:.1e}, limit {LIMIT}")
    worst = max(worst, error)
print(f"{len(paths)} models agree with ONNX Runtime, largest relative L2 error {worst:.1e}")
