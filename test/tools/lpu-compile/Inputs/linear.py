# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""y = x W with seeded weights: linear.py ROWS K N OUT.onnx"""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rows, k, n = map(int, sys.argv[1:4])
weights = np.random.default_rng(0).standard_normal((k, n)).astype(np.float32)
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"], name="/product")], "linear",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", k])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", n])],
    [numpy_helper.from_array(weights, "w")])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
          sys.argv[4])
