# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""y = x W with seeded weights: linear.py ROWS K N OUT.onnx [PRODUCTS], several if K is N"""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rows, k, n = map(int, sys.argv[1:4])
rng = np.random.default_rng(0)
count = int(sys.argv[5]) if len(sys.argv) > 5 else 1
names = ["x", *(f"x{i}" for i in range(1, count)), "y"]
graph = helper.make_graph(
    [helper.make_node("MatMul", [names[i], f"w{i}"], [names[i + 1]], name="/product") for i in range(count)], "linear",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", k])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", n])],
    [numpy_helper.from_array(rng.standard_normal((k, n)).astype(np.float32), f"w{i}") for i in range(count)])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
          sys.argv[4])
