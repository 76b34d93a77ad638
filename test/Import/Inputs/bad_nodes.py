# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models with a node that is wrong or not supported."""
from models import *

X = value("x", [2, 3])


def one(op, inputs=("x",), initializers=(), opset=17, outputs=("y",), **attributes):
    made = helper.make_node(op, list(inputs), list(outputs), name="/layer/" + op, **attributes)
    return model([made], [X], [value("y", None)], initializers, opset)


def ints(name, *numbers):
    return tensor(name, np.array(numbers, np.int64))


def unsupported():
    nodes = [node("Relu", ["x"], ["a"], "fine"),
             node("Det", ["a"], ["b"], "/one/Det"),
             helper.make_node("Unknown", ["b"], ["c"], name="/two/Unknown", domain="vendor"),
             node("NonZero", ["a"], ["d"], "/three/NonZero"),
             node("Softmax", ["d"], ["e"], "/skipped/Softmax"),
             helper.make_node("Conv", ["x"], ["y"], name="/four/Conv", domain="com.microsoft.nchwc")]
    return model(nodes, [X], [value(name, None) for name in "cey"], domains=["vendor", "com.microsoft.nchwc"])


def loop():
    m = one("Relu")
    m.graph.node[0].op_type = "Loop"
    return m


def data_dependent():
    nodes = [node("ReduceMax", ["n"], ["k"], keepdims=1), node("Reshape", ["x", "k"], ["a"], "/dynamic/Reshape"),
             node("Range", ["zero", "k", "one"], ["b"], "/dynamic/Range"),
             node("Slice", ["x", "k", "k"], ["c"], "/dynamic/Slice"),
             node("Expand", ["x", "k"], ["d"], "/dynamic/Expand"),
             node("Relu", ["a"], ["y"])]
    return model(nodes, [X, value("n", [4], I64)], [value("y", None)],
                 [tensor("zero", np.int64(0)), tensor("one", np.int64(1))])


def twice_attribute():
    m = one("Softmax", axis=0)
    m.graph.node[0].attribute.append(helper.make_attribute("axis", 1))
    return m


if __name__ == "__main__":
    write_all({
        "unsupported": unsupported, "loop": loop, "data": data_dependent, "twice": twice_attribute,
        "broadcast": lambda: one("Add", ["x", "w"], [tensor("w", np.ones((2, 2), np.float32))]),
        "types": lambda: one("Mul", ["x", "w"], [ints("w", 1, 2, 3)]),
        "matmul": lambda: one("MatMul", ["x", "w"], [tensor("w", np.ones((2, 3), np.float32))]),
        "logic": lambda: one("And", ["x", "x"]),
        "axis": lambda: one("Softmax", axis=2), "perm": lambda: one("Transpose", perm=[0, 0]),
        "keepdims": lambda: one("ReduceSum", keepdims=7), "concat": lambda: one("Concat", ["x", "x"]),
        "reshape": lambda: one("Reshape", ["x", "s"], [ints("s", 4, 2)]),
        "reshape-two": lambda: one("Reshape", ["x", "s"], [ints("s", -1, -1)]),
        "gather": lambda: one("Gather", ["x", "i"], [ints("i", 0, 2)]),
        "squeeze": lambda: one("Squeeze", ["x", "a"], [ints("a", 0)]),
        "split": lambda: one("Split", ["x", "s"], [ints("s", 1, 4)], outputs=["y", "z"], axis=1),
        "step": lambda: one("Slice", ["x", "a", "b", "c", "d"],
                            [ints("a", 0), ints("b", 2), ints("c", 0), ints("d", 0)]),
        "kind": lambda: one("Softmax", axis="last"), "unknown": lambda: one("Relu", alpha=1.0),
        "few": lambda: one("Add"), "many": lambda: one("Relu", ["x", "x"]),
        "newer": lambda: one("Gelu", opset=17), "cast": lambda: one("Cast", to=TensorProto.BFLOAT16),
        "expand": lambda: one("Expand", ["x", "s"], [ints("s", 4, 3)]),
        "vast": lambda: one("Expand", ["x", "s"], [ints("s", 2 ** 40, 2 ** 40, 2, 3)]),
        "range": lambda: one("Range", ["a", "b", "c"], [tensor("a", np.int64(0)), tensor("b", np.int64(2 ** 60)),
                                                         tensor("c", np.int64(1))]),
        "pad": lambda: one("Pad", ["x", "p"], [ints("p", 0, -4, 0, 0)]),
        "if": lambda: one("If", ["x"]),
    })
