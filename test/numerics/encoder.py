# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A random encoder of MiniLM's shape (hidden 384, 12 heads, 1,536), on embedded tokens.

    encoder.py LAYERS TOKENS FILE
"""
import sys

import onnx
import small_models
from onnx import TensorProto


def encoder(layers: int, tokens: int):
    g = small_models.Graph("encoder", [("x", TensorProto.FLOAT, [tokens, 384])])
    x = "x"
    for _ in range(layers):
        x = g.norm(g.add("Add", x, g.attention(x, tokens, 12, 32)), 384)
        hidden = g.add("Relu", g.linear(x, 384, 1536))
        x = g.norm(g.add("Add", x, g.linear(hidden, 1536, 384)), 384)
    return g.model(x)


if __name__ == "__main__":
    onnx.save(encoder(int(sys.argv[1]), int(sys.argv[2])), sys.argv[3])
