# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""compare_layers.py finds nothing in a transformer layer that is right, and in one whose second product has a wrong weight
the result of that product, not what follows from it.

REQUIRES: lpu-compile, lpu-run, onnxruntime
RUN: rm -rf %t && mkdir %t && %python %s %t %root
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import numpy_helper

folder, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.insert(0, str(root / "test/numerics"))
import pipelines

model = pipelines.layers(1)
onnx.save(model, folder / "m.onnx")
np.savez(folder / "in.npz", input_ids=np.random.default_rng(0).integers(0, 91, 17))
command = [sys.executable, root / "scripts/compare_layers.py", folder / "m.onnx", "--inputs", folder / "in.npz"]
done = subprocess.run(command, capture_output=True, text=True)
assert done.returncode == 0 and "tensors are within their gates" in done.stdout, done
assert done.stdout.count("relative L2") > 15, done.stdout

weights = {weight.name: weight for weight in model.graph.initializer}
products = [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in weights]
wrong = weights[products[1].input[1]]
array = numpy_helper.to_array(wrong).copy()
array[3, 5] += 1
wrong.CopyFrom(numpy_helper.from_array(array, wrong.name))
onnx.save(model, folder / "wrong.onnx")
done = subprocess.run([*command, "--reference", folder / "wrong.onnx"], capture_output=True, text=True)
assert done.returncode == 1 and done.stdout.splitlines()[-1] == f"first beyond its gate: {products[1].output[0]}", done
