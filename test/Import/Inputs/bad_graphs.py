# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models that are wrong as graphs."""
from models import *

X, Y = value("x", [2, 3]), value("y", [2, 3])


def relu(**changes):
    return model([node("Relu", ["x"], ["y"])], [X], [Y], **changes)


def cycle():
    return model([node("Add", ["x", "b"], ["a"], "first"), node("Relu", ["a"], ["b"], "second"),
                  node("Relu", ["b"], ["y"], "third")], [X], [Y])


def missing_input():
    return model([node("Add", ["x", "nowhere"], ["y"], "sum")], [X], [Y])


def missing_output():
    return model([node("Relu", ["x"], ["z"])], [X], [Y])


def twice():
    return model([node("Relu", ["x"], ["y"], "one"), node("Neg", ["x"], ["y"], "two")], [X], [Y])


def unsorted():
    return model([node("Relu", ["a"], ["y"], "last"), node("Neg", ["x"], ["a"], "first")], [X], [Y])


def no_opset():
    m = relu()
    del m.opset_import[:]
    return m


def function(name, body, inputs=("a",), outputs=("b",)):
    return helper.make_function("local", name, list(inputs), list(outputs), body, [helper.make_opsetid("", 17)])


def recursion():
    f = function("F", [helper.make_node("G", ["a"], ["b"], domain="local", name="in_f")])
    g = function("G", [helper.make_node("F", ["a"], ["b"], domain="local", name="in_g")])
    return model([helper.make_node("F", ["x"], ["y"], domain="local", name="call")], [X], [Y],
                 functions=[f, g], domains=["local"])


def explosion():
    # Each function calls the next twice: 2^25 nodes from 25 definitions.
    functions = []
    for i in range(25):
        op = dict(op_type="Relu") if i == 24 else dict(op_type=f"F{i + 1}", domain="local")
        functions.append(function(f"F{i}", [helper.make_node(inputs=["a"], outputs=["m"], **op),
                                            helper.make_node(inputs=["m"], outputs=["b"], **op)]))
    return model([helper.make_node("F0", ["x"], ["y"], domain="local")], [X], [Y], functions=functions,
                 domains=["local"])


def sparse():
    m = relu()
    values = tensor("w", np.ones(1, np.float32))
    m.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, tensor("w_indices", np.zeros(1, np.int64)), [4]))
    return m


def sequence_input():
    m = relu()
    m.graph.input.append(helper.make_tensor_sequence_value_info("s", F32, None))
    return m


def no_shape():
    return model([node("Relu", ["x"], ["y"])], [value("x", None)], [Y])


def wrong_output():
    return model([node("Transpose", ["x"], ["y"], perm=[1, 0])], [X], [Y])


def dropout():
    return model([node("Dropout", ["x", "ratio", "training"], ["y"], "/encoder/Dropout")], [X], [Y],
                 [tensor("ratio", np.float32(0.1)), tensor("training", np.array(True))])


def free_dims():
    return model([node("Add", ["x", "m"], ["y"])],
                 [value("x", ["batch", "seq"]), value("m", ["batch", None])], [value("y", ["batch", "seq"])])


def double_result():
    return model([node("Cast", ["x"], ["d"], to=TensorProto.DOUBLE), node("Exp", ["d"], ["e"]),
                  node("Cast", ["e"], ["y"], to=F32)], [X], [Y])


if __name__ == "__main__":
    write_all({
        "good": relu, "cycle": cycle, "missing-input": missing_input, "missing-output": missing_output,
        "twice": twice, "unsorted": unsorted, "no-opset": no_opset, "recursion": recursion,
        "explosion": explosion, "sparse": sparse, "sequence": sequence_input, "no-shape": no_shape,
        "wrong-output": wrong_output, "dropout": dropout, "free-dims": free_dims, "double": double_result,
        "opset-99": lambda: relu(opset=99), "opset-6": lambda: relu(opset=6), "ir-99": lambda: relu(ir_version=99),
    })
