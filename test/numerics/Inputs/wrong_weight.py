# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Changes one weight of a node: wrong_weight.py MODEL NODE TARGET."""
import sys

import onnx
from onnx import numpy_helper

source, node, target = sys.argv[1:]
model = onnx.load(source)
name = next(n.input[1] for n in model.graph.node if n.name == node)
weight = next(w for w in model.graph.initializer if w.name == name)
array = numpy_helper.to_array(weight).copy()
array[3, 5] += 1
weight.CopyFrom(numpy_helper.from_array(array, name))
onnx.save(model, target)
