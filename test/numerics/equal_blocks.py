# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model of COUNT equal blocks, each two products and a norm: equal_blocks.py COUNT FILE."""
import sys

import onnx
import small_models
from onnx import TensorProto

g = small_models.Graph("blocks", [("x", TensorProto.FLOAT, [17, 60])])
x = "x"
for _ in range(int(sys.argv[1])):
    hidden = g.add("Relu", g.linear(x, 60, 140))
    x = g.norm(g.add("Add", x, g.linear(hidden, 140, 60)), 60)
onnx.save(g.model(x), sys.argv[2])
