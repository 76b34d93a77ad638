# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What keeps a package from its modular run is said by name, and is no acceptance: exit code 3.
# Another model than the package's is refused: one weight of it is enough.
# REQUIRES: lpu-compile, lpu-verify, onnx
# RUN: rm -rf %t && mkdir %t
# RUN: %python %s %t
# RUN: lpu-compile %t/power.onnx --target nano --quiet -o %t/power.lpu
# RUN: not lpu-verify %t/power.lpu --against %t/power.onnx 2>&1 | FileCheck %s --check-prefix=UNKNOWN
# UNKNOWN: accepted:
# UNKNOWN: no modular run: {{.*}}power.onnx: cannot judge node 'last' (Pow; [3,5], []): the exponent is a whole number above 64
# RUN: lpu-compile %t/linear.onnx --target nano --quiet -o %t/linear.lpu
# RUN: lpu-verify %t/linear.lpu --against %t/linear.onnx | FileCheck %s --check-prefix=EQUAL
# EQUAL: equal to
# RUN: not lpu-verify %t/linear.lpu --against %t/other.onnx | FileCheck %s --check-prefix=OTHER
# OTHER: output 'y': 3 of 21 elements differ, the first at [0, 2]
# OTHER: refused: the package does not compute what {{.*}}other.onnx says
# RUN: not lpu-verify %t/linear.lpu --against %t/power.onnx 2>&1 | FileCheck %s --check-prefix=INPUT
# INPUT: no modular run: {{.*}}power.onnx: the package has no input 'z'
# RUN: not lpu-verify %t/linear.lpu --against %t/linear.lpu 2>&1 | FileCheck %s --check-prefix=FILE
# FILE: no modular run: {{.*}}linear.lpu: it cannot be read as an ONNX model of less than 2 GB
# RUN: lpu-compile %t/linear.onnx --target nano --weights none --quiet -o %t/empty.lpu
# RUN: not lpu-verify %t/empty.lpu --against %t/linear.onnx 2>&1 | FileCheck %s --check-prefix=EMPTY
# EMPTY: no modular run: the package has no weights (it was compiled with --weights none, or has rows without bytes); compile it with them
# RUN: %python -c "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], capture_output=True).returncode != 3)" lpu-verify %t/empty.lpu --against %t/linear.onnx
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = pathlib.Path(sys.argv[1])


def save(name, node, shape, inputs, **weights):
    graph = helper.make_graph(
        [node], name, [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, [3, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(array, weight) for weight, array in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              folder / f"{name}.onnx")


save("power", helper.make_node("Pow", ["z", "e"], ["y"], name="last"), [3, 5], "z", e=np.float32(65))
w = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
save("linear", helper.make_node("MatMul", ["x", "w"], ["y"], name="product"), [3, 7], "x", w=w)
other = w.copy()
other[4, 2] *= 1.01
save("other", helper.make_node("MatMul", ["x", "w"], ["y"], name="product"), [3, 7], "x", w=other)
