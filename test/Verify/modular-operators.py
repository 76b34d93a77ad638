# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators of lib/Verify/Model that are written as a few others: a package is equal to its model, and not to one that differs
in a single number, attribute or operand.

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
random = np.random.default_rng(3)
file, other, package = folder / "m.onnx", folder / "other.onnx", folder / "m.lpu"


def model(operator, shapes, opset=18, outputs=1, **attributes):
    """Operands are shapes of inputs, or arrays."""
    inputs, weights = [], []
    for i, operand in enumerate(shapes):
        if isinstance(operand, tuple):
            inputs.append(helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, operand))
        else:
            weights.append(numpy_helper.from_array(operand, f"x{i}"))
    node = helper.make_node(operator, [f"x{i}" for i in range(len(shapes))], [f"y{i}" for i in range(outputs)], **attributes)
    graph = helper.make_graph([node], operator, inputs,
                              [helper.make_tensor_value_info(f"y{i}", TensorProto.UNDEFINED, None) for i in range(outputs)], weights)
    for output in graph.output:
        output.ClearField("type")
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(result)


def floats(*shape):
    return random.standard_normal(shape).astype(np.float32)


def changed(array):
    array = array.copy()
    array.flat[array.size // 2] += 1
    return array


w2, w1, group, table = floats(6, 4, 3, 3), floats(5, 3, 4), floats(6, 2, 3, 1), floats(7, 40)
bias, scales, zeros = floats(6), np.float32([0.1, 0.5, 0.03, 2, 1]), np.int8([3, -5, 0, 7, 100])
ones, positions = np.array([1]), np.array([[2, 0], [1, 3]])
# What is compiled, and what it is not equal to.
CASES = [
    (("Softplus", [(3, 5)]), ("Softsign", [(3, 5)])),
    (("Mish", [(3, 5)]), ("Softplus", [(3, 5)])),
    (("Elu", [(3, 5)], dict(alpha=0.5)), ("Elu", [(3, 5)], dict(alpha=0.75))),
    (("Celu", [(3, 5)], dict(alpha=0.3)), ("Celu", [(3, 5)], dict(alpha=0.6))),
    (("Selu", [(3, 5)]), ("Selu", [(3, 5)], dict(gamma=1.5))),
    (("ThresholdedRelu", [(3, 5)], dict(alpha=0.5)), ("Relu", [(3, 5)])),
    (("Shrink", [(3, 5)], dict(bias=0.5, lambd=0.7)), ("Shrink", [(3, 5)], dict(bias=0.25, lambd=0.7))),
    (("LogSoftmax", [(3, 5)]), ("LogSoftmax", [(3, 5)], dict(axis=0))),
    (("GlobalAveragePool", [(2, 3, 4, 5)]), ("GlobalMaxPool", [(2, 3, 4, 5)])),
    (("GlobalMaxPool", [(2, 3, 4, 5)]), ("GlobalAveragePool", [(2, 3, 4, 5)])),
    (("Sum", [(3, 5), (3, 5), (5,)]), ("Mean", [(3, 5), (3, 5), (5,)])),
    (("Mean", [(3, 5), (3, 5), (5,)]), ("Sum", [(3, 5), (3, 5), (5,)])),
    (("Conv", [(2, 4, 7, 6), w2, bias], dict(pads=[1, 0, 1, 2], strides=[2, 1])),
     ("Conv", [(2, 4, 7, 6), w2, bias], dict(pads=[0, 1, 2, 1], strides=[2, 1]))),
    (("Conv", [(2, 4, 7, 6), w2]), ("Conv", [(2, 4, 7, 6), changed(w2)])),
    (("Conv", [(2, 4, 7, 6), w2, bias]), ("Conv", [(2, 4, 7, 6), w2, changed(bias)])),
    (("Conv", [(1, 3, 9), w1], dict(auto_pad="SAME_UPPER")),
     ("Conv", [(1, 3, 9), w1], dict(auto_pad="SAME_LOWER"))),
    (("Conv", [(1, 3, 9), w1], dict(dilations=[2])), ("Conv", [(1, 3, 9), changed(w1)], dict(dilations=[2]))),
    (("Conv", [(1, 3, 8), w1], dict(strides=[4])), ("Conv", [(1, 3, 8), changed(w1)], dict(strides=[4]))),
    (("Conv", [(1, 4, 6, 5), group], dict(group=2)), ("Conv", [(1, 4, 6, 5), group[::-1].copy()], dict(group=2))),
    (("Einsum", [(3, 40), table], dict(equation="ij,kj->ik")), ("Einsum", [(3, 40), changed(table)], dict(equation="ij,kj->ik"))),
    (("Einsum", [(2, 3, 4, 5), (2, 3, 6, 5)], dict(equation="bhqd,bhkd->bhqk")),
     ("Einsum", [(2, 3, 6, 5), (2, 3, 4, 5)], dict(equation="bhqd,bhkd->bhkq"))),
    (("Einsum", [(3, 5), (3, 5)], dict(equation="ij,ij->i")), ("Einsum", [(3, 5), (3, 5)], dict(equation="ij,ik->i"))),
    (("Einsum", [(3, 5)], dict(equation="ij->j")), ("ReduceMax", [(3, 5)], dict(axes=[0], keepdims=0, opset=17))),
    (("Einsum", [(3,), (5,)], dict(equation="i,j->ij")), None),
    (("ScatterElements", [(3, 5), positions, floats(2, 2)], dict(axis=1)), None),
    (("ScatterElements", [(3, 5), positions, (2, 2)], dict(axis=1)), ("ScatterElements", [(3, 5), positions[::-1].copy(), (2, 2)], dict(axis=1))),
    (("ScatterND", [(4, 5), positions[:, :1], (2, 5)]), ("ScatterND", [(4, 5), positions[::-1, :1].copy(), (2, 5)])),
    (("TopK", [(3, 9), np.array([4])], dict(outputs=2)), ("TopK", [(3, 9), np.array([4])], dict(outputs=2, largest=0))),
    (("ReduceL1", [(3, 5)]), ("ReduceL2", [(3, 5)])),
    (("ReduceProd", [(3, 5), ones]), ("ReduceSum", [(3, 5), ones])),
    (("ReduceLogSum", [(3, 5), ones]), ("ReduceLogSumExp", [(3, 5), ones])),
    (("ReduceLogSumExp", [(3, 5), ones]), ("ReduceLogSum", [(3, 5), ones])),
    (("Pad", [(3, 5), np.array([1, 2, 0, 1])], dict(mode="reflect")), ("Pad", [(3, 5), np.array([1, 2, 0, 1])], dict(mode="edge"))),
    (("Pad", [(3, 5), np.array([1, 2, 0, 1])], dict(mode="edge")), ("Pad", [(3, 5), np.array([1, 2, 0, 1])], dict(mode="reflect"))),
    (("Pad", [(3, 5), np.array([1, 2]), np.array(0, np.float32), np.array([1])]),
     ("Pad", [(3, 5), np.array([2, 1]), np.array(0, np.float32), np.array([1])])),
    (("Pow", [(3, 5), np.float32(1.7)]), ("Pow", [(3, 5), np.float32(1.8)])),
    (("Round", [(3, 5)]), ("Floor", [(3, 5)])),
    (("Ceil", [(3, 5)]), ("Floor", [(3, 5)])),
    (("Cast", [(3, 5)], dict(to=TensorProto.INT32)), ("Cast", [(3, 5)], dict(to=TensorProto.BOOL))),
    (("QuantizeLinear", [(3, 5), np.float32(0.3), np.uint8(130)]), ("QuantizeLinear", [(3, 5), np.float32(0.3), np.uint8(131)])),
    (("QuantizeLinear", [(3, 5), np.float32(0.3), np.int8(-3)]), ("QuantizeLinear", [(3, 5), np.float32(0.31), np.int8(-3)])),
    (("QuantizeLinear", [(3, 5), scales, zeros]), ("QuantizeLinear", [(3, 5), changed(scales), zeros])),
    (("QuantizeLinear", [(3, 5), scales, zeros]), ("QuantizeLinear", [(3, 5), scales, changed(zeros)])),
    (("DynamicQuantizeLinear", [(3, 5)], dict(outputs=3)), None),
    (("GatherND", [(3, 5), np.array([[2], [0], [4]])], dict(batch_dims=1)), ("GatherND", [(3, 5), np.array([[2], [1], [4]])], dict(batch_dims=1))),
    (("GroupNormalization", [(2, 4, 5), floats(2), floats(2)], dict(num_groups=2)),
     ("GroupNormalization", [(2, 4, 5), floats(2), floats(2)], dict(num_groups=2))),
    (("GroupNormalization", [(2, 4, 5), bias[:4], bias[2:]], dict(num_groups=2, opset=21)),
     ("GroupNormalization", [(2, 4, 5), bias[:4], bias[2:]], dict(num_groups=4, opset=21))),
    (("InstanceNormalization", [(2, 4, 5), bias[:4], bias[2:]]), ("InstanceNormalization", [(2, 4, 5), bias[:4], bias[2:]], dict(epsilon=1e-3))),
    (("BatchNormalization", [(2, 4, 5), bias[:4], bias[1:5], bias[2:], floats(4) ** 2]),
     ("BatchNormalization", [(2, 4, 5), bias[:4], bias[1:5], bias[2:], floats(4) ** 2])),
    (("MeanVarianceNormalization", [(2, 4, 3, 5)]), ("MeanVarianceNormalization", [(2, 4, 3, 5)], dict(axes=[1, 2]))),
    (("LpNormalization", [(3, 5)], dict(p=1)), ("LpNormalization", [(3, 5)], dict(p=2))),
    (("LpNormalization", [(3, 5)]), ("LpNormalization", [(3, 5)], dict(axis=0))),
    (("Hardmax", [(3, 5)]), ("Hardmax", [(3, 5)], dict(axis=0))),
    (("Sign", [(3, 5)]), ("Relu", [(3, 5)])),
    (("ReduceSum", [(3, 5)], dict(noop_with_empty_axes=1)), ("Neg", [(3, 5)])),
]


def made(case):
    operator, shapes, *more = case
    return model(operator, shapes, **(more[0] if more else {}))


def judge(against):
    return subprocess.run(["lpu-verify", package, "--against", against, "--rounds", "2"], capture_output=True, text=True)


wrong = []
for case, unlike in CASES:
    onnx.save(made(case), file)
    done = subprocess.run(["lpu-compile", file, "--target", "lpu1", "--quiet", "-o", package], capture_output=True, text=True)
    if done.returncode:
        wrong.append(f"{case[0]}: {done.stderr}")
        continue
    done = judge(file)
    if done.returncode:
        wrong.append(f"{case[0]} {case[2:]}: {done.stdout}{done.stderr}")
    if unlike:
        reference = made(unlike)
        for mine, its in zip(onnx.load(file).graph.input, reference.graph.input):
            its.name = mine.name
        onnx.save(reference, other)
        done = judge(other)
        if done.returncode != 1:
            wrong.append(f"{case[0]} {case[2:]}: is equal to {unlike[0]} {unlike[2:]}: {done.stdout}{done.stderr}")
print("\n".join(wrong))
sys.exit(bool(wrong))
