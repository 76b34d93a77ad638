# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""External data of two weights may overlap in their file: each is read from its own range, by the compiler and by the judge. (A
compiler that tells weights apart by their file, or by where they begin, gives another sum.)

REQUIRES: lpu-compile, lpu-run, lpu-verify, onnxruntime
RUN: rm -rf %t && mkdir %t && %python %s %t %root
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

folder, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.append(str(root / "scripts"))
import compare

ROWS, COLUMNS = 40, 60  # large enough to stay in the file
numbers = np.random.default_rng(0).standard_normal(2 * ROWS * COLUMNS).astype(np.float32)
(folder / "data").write_bytes(numbers.tobytes())


def weight(name, offset):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[ROWS, COLUMNS], data_location=TensorProto.EXTERNAL)
    for key, value in [("location", "data"), ("offset", 4 * offset), ("length", 4 * ROWS * COLUMNS)]:
        tensor.external_data.add(key=key, value=str(value))
    return tensor


# Half, all but an element, and the same range under two names.
names = {"a": 0, "b": ROWS * COLUMNS // 2, "c": 1, "d": 0}
nodes = [helper.make_node("MatMul", ["x", name], [f"y{name}"]) for name in names]
graph = helper.make_graph(nodes, "overlap", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, ROWS])],
                          [helper.make_tensor_value_info(f"y{name}", TensorProto.FLOAT, [5, COLUMNS]) for name in names],
                          [weight(*item) for item in names.items()])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
inputs = {"x": np.random.default_rng(1).standard_normal((5, ROWS)).astype(np.float32)}
np.savez(folder / "in.npz", **inputs)
for command in (["lpu-compile", folder / "m.onnx", "--target", "lpu1", "--quiet", "-o", folder / "m.lpu"],
                ["lpu-verify", folder / "m.lpu", "--against", folder / "m.onnx"],
                ["lpu-run", folder / "m.lpu", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz"]):
    subprocess.run(command, check=True)
for result in compare.compare_all(dict(np.load(folder / "out.npz")), compare.reference(folder / "m.onnx", inputs)):
    assert result.passed, result
