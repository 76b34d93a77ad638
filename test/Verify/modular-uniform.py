# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights of one number, or of equal lines, may become factors of sums, operands of instructions or fp16 operands of products,
as it pleases the compiler. The modular run takes a weight and its half for one number, so it accepts all of them, and still
refuses a package of another number.

REQUIRES: lpu-compile, lpu-verify, onnx
RUN: rm -rf %t && mkdir %t && %python %s %t
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = pathlib.Path(sys.argv[1])
random = np.random.default_rng(1)


def weights(rows, columns, value):
    """Ways to write down w: name, nodes, initializers."""
    shape = ("shape", np.array([rows, columns]))
    array = np.full((rows, columns), value, np.float32)
    yield "initializer", [], [("w", array)]
    yield "constant", [helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(array))], []
    yield "of-shape", [helper.make_node("ConstantOfShape", ["shape"], ["w"],
                                        value=numpy_helper.from_array(array[0, :1]))], [shape]
    expand = [helper.make_node("Expand", ["one", "shape"], ["w"])]
    yield "expanded", expand, [("one", array[0, :1]), shape]
    row, column = (random.random(size).astype(np.float32) * 0.3 for size in [(1, columns), (rows, 1)])
    yield "equal-rows", expand, [("one", row), shape]
    yield "equal-columns", expand, [("one", column), shape]
    yield "rows", [], [("w", np.repeat(row, rows, 0))]
    yield "columns", [], [("w", np.repeat(column, columns, 1))]
    table = random.random((40, rows, columns)).astype(np.float32)
    table[0] = array
    yield "picked", [helper.make_node("Gather", ["table", "zero"], ["w"])], [("table", table), ("zero", np.array(0))]


def models():
    for m, k, n in [(4, 6, 1), (4, 6, 8), (1, 1, 1), (1, 6, 8), (5, 1, 7), (5, 40, 60)]:
        for product, x, w in [(helper.make_node("MatMul", ["x", "w"], ["y"]), (m, k), (k, n)),
                              (helper.make_node("MatMul", ["w", "x"], ["y"]), (k, n), (m, k)),
                              (helper.make_node("Gemm", ["x", "w"], ["y"], transB=1, alpha=0.7), (m, k), (n, k)),
                              (helper.make_node("Div", ["x", "w"], ["y"]), (m, k), (m, k))]:
            for way, nodes, initializers in weights(*w, 3e-4 if product.op_type == "Gemm" else 0.1):
                graph = helper.make_graph(
                    [*nodes, product], way, [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
                    [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                    [numpy_helper.from_array(array, name) for name, array in initializers])
                yield (f"{product.op_type} {m}x{k}x{n} {way}",
                       helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


def judge(package, model):
    return subprocess.run(["lpu-verify", package, "--against", model], capture_output=True, text=True)


file, other, package = folder / "m.onnx", folder / "other.onnx", folder / "m.lpu"
wrong, count = [], 0
for name, model in models():
    onnx.save(model, file)
    subprocess.run(["lpu-compile", file, "--target", "lpu1", "--quiet", "-o", package], check=True)
    done = judge(package, file)
    count += 1
    if done.returncode:
        wrong.append(f"{name}: {done.stdout}{done.stderr}")
    # One unit in the last place of the half, and of the float: another number.
    for step in np.float32(1 + 2 ** -10), np.float32(1 + 2 ** -20):
        for tensor in [*model.graph.initializer, *(a.t for node in model.graph.node for a in node.attribute if a.name == "value")]:
            if tensor.data_type == TensorProto.FLOAT:
                tensor.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(tensor) * step).astype(np.float32), tensor.name))
        if step > 1 + 2 ** -15:
            onnx.save(model, other)
            if judge(package, other).returncode != 1:
                wrong.append(f"{name}: accepted with another number")
print("\n".join(wrong))
sys.exit(bool(wrong) or count < 200)
