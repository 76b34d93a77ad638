# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models that import: one idea each."""
from models import *

X, Y = value("x", [2, 3]), value("y", None)


def ints(name, *numbers):
    return tensor(name, np.array(numbers, np.int64))


def mask():
    """The mask of an encoder as exporters write it: a flat gather by computed indices."""
    nodes = [node("Shape", ["ids"], ["shape"]), node("Gather", ["shape", "0"], ["b"]),
             node("Gather", ["shape", "1"], ["s"]), node("Range", ["0", "b", "1"], ["rows"]),
             node("Range", ["0", "s", "1"], ["columns"]), node("Mul", ["rows", "s"], ["starts"]),
             node("Unsqueeze", ["starts", "axis1"], ["starts1"]), node("Add", ["starts1", "columns"], ["places"]),
             node("Unsqueeze", ["places", "axes12"], ["places4"]), node("Cast", ["ids"], ["keep"], to=BOOL),
             node("Flatten", ["keep"], ["flat2"], axis=0), node("Reshape", ["flat2", "-1"], ["flat"]),
             node("Gather", ["flat", "places4"], ["mask"]),
             node("Unsqueeze", ["s", "axis0"], ["s1"]), node("Unsqueeze", ["b", "axis0"], ["b1"]),
             node("Concat", ["b1", "one1", "s1", "s1"], ["full"], axis=0),
             node("ConstantOfShape", ["full"], ["ones"], value=tensor("t", np.array([True]))),
             node("And", ["ones", "mask"], ["both"]), node("Where", ["both", "zero", "low"], ["bias"]),
             node("Add", ["scores", "bias"], ["y"])]
    return model(nodes, [value("ids", ["b", "s"], I64), value("scores", ["b", 4, "s", "s"])], [Y],
                 [tensor("0", np.int64(0)), tensor("1", np.int64(1)), ints("-1", -1), ints("axis0", 0),
                  ints("axis1", 1), ints("axes12", 1, 2), ints("one1", 1), tensor("zero", np.float32(0)),
                  tensor("low", np.float32(-np.inf))])


def causal():
    """GPT-2's mask: a slice of a stored triangle."""
    triangle = np.tril(np.ones((1, 1, 16, 16), bool))
    nodes = [node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "3"], ["s"]),
             node("Slice", ["triangle", "two_zero", "ends", "axes"], ["mask"]),
             node("Unsqueeze", ["s", "0"], ["s1"]), node("Concat", ["s1", "s1"], ["ends"], axis=0),
             node("Where", ["mask", "x", "low"], ["y"])]
    return model(nodes, [value("x", [1, 2, "s", "s"])], [Y],
                 [tensor("triangle", triangle), tensor("3", np.int64(3)), ints("0", 0), ints("two_zero", 0, 0),
                  ints("axes", 2, 3), tensor("low", np.float32(-1e9))])


def weights():
    """A large weight, a vector, a scalar and a list of integers, all inline."""
    nodes = [node("MatMul", ["x", "large"], ["m"], "/layer/MatMul"), node("Add", ["m", "vector"], ["a"]),
             node("Mul", ["a", "number"], ["b"]), node("Reshape", ["b", "shape"], ["y"])]
    return model(nodes, [value("x", [2, 48])], [Y],
                 [tensor("large", np.ones((48, 48), np.float32)), tensor("vector", np.ones(48, np.float32)),
                  tensor("number", np.float32(0.5)), ints("shape", 4, 24)])


def float_data():
    """Weights in a typed field are in the file, too."""
    w = helper.make_tensor("w", F32, [48, 48], np.ones(48 * 48, np.float32).tolist())
    return model([node("MatMul", ["x", "w"], ["y"])], [value("x", [2, 48])], [Y], [w])


def functions():
    """A function with an attribute, called twice, that calls another."""
    inner = helper.make_function("local", "Inner", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])],
                                 [helper.make_opsetid("", 17)])
    scale = helper.make_node("LeakyRelu", ["t"], ["b"], name="leaky")
    scale.attribute.append(onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope"))
    outer = helper.make_function("local", "Outer", ["a"], ["b"],
                                 [helper.make_node("Inner", ["a"], ["t"], domain="local", name="inner"), scale],
                                 [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)], ["slope"])
    nodes = [helper.make_node("Outer", ["x"], ["m"], domain="local", name="first", slope=0.25),
             helper.make_node("Outer", ["m"], ["y"], domain="local", name="second", slope=0.5)]
    return model(nodes, [X], [Y], functions=[inner, outer], domains=["local"])


def branch():
    """An If with a known condition that captures a value from outside."""
    then = helper.make_graph([node("Neg", ["captured"], ["t"])], "then", [], [value("t", None)])
    other = helper.make_graph([node("Abs", ["captured"], ["e"])], "else", [], [value("e", None)])
    nodes = [node("Relu", ["x"], ["captured"]),
             node("If", ["condition"], ["y"], then_branch=then, else_branch=other)]
    return model(nodes, [X], [Y], [tensor("condition", np.array(False))])


def default_input():
    """An initializer that is also listed as an input, as files of IR 3 do."""
    return model([node("Add", ["x", "w"], ["y"])], [X, value("w", [2, 3])], [Y],
                 [tensor("w", np.full((2, 3), 2, np.float32))], ir_version=3)


def named_size():
    return model([node("Relu", ["x"], ["y"])], [value("x", ["2", "16"])], [Y])


def old_axes():
    """Axes as attributes (opset 11) give what axes as inputs do."""
    return model([node("Unsqueeze", ["x"], ["u"], axes=[0, -1]), node("ReduceSum", ["u"], ["r"], axes=[2], keepdims=0),
                  node("Squeeze", ["r"], ["y"], axes=[0])], [X], [Y], opset=11)


def runtime_norms():
    """What ONNX Runtime writes into the default domain, and its own domain."""
    scale, bias = tensor("s", np.ones(3, np.float32)), tensor("b", np.zeros(3, np.float32))
    nodes = [node("LayerNormalization", ["x", "s", "b"], ["l"], axis=-1, epsilon=1e-6),
             node("SimplifiedLayerNormalization", ["l", "s"], ["r"], axis=-1, stash_type=1),
             helper.make_node("BiasGelu", ["r", "b"], ["g"], domain="com.microsoft"),
             helper.make_node("SkipLayerNormalization", ["g", "x", "s", "b"], ["y"], domain="com.microsoft")]
    return model(nodes, [X], [Y], [scale, bias], opset=14, domains=["com.microsoft"])


def attention():
    """ONNX's Attention with grouped heads and a bool mask."""
    return model([node("Attention", ["q", "k", "v", "m"], ["y"])],
                 [value("q", [1, 4, 3, 8]), value("k", [1, 2, 5, 8]), value("v", [1, 2, 5, 8]),
                  value("m", [1, 1, 3, 5], BOOL)], [Y], opset=23)


def sequences():
    """A split as the unoptimised dynamo exporter writes it."""
    nodes = [node("SplitToSequence", ["x", "size"], ["parts"], axis=1), node("SequenceAt", ["parts", "last"], ["y"])]
    return model(nodes, [X], [Y], [tensor("size", np.int64(2)), tensor("last", np.int64(-1))])


def dynamic_int8():
    nodes = [node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
             node("MatMulInteger", ["q", "w", "z", "wz"], ["i"]), node("Cast", ["i"], ["f"], to=F32),
             node("Mul", ["s", "ws"], ["scale"]), node("Mul", ["f", "scale"], ["y"])]
    rng = np.random.default_rng(0)
    return model(nodes, [value("x", [4, 96])], [Y],
                 [tensor("w", rng.integers(-127, 128, (96, 48)).astype(np.int8)), tensor("wz", np.int8(0)),
                  tensor("ws", np.float32(0.01))])


if __name__ == "__main__":
    write_all({
        "mask": mask, "causal": causal, "weights": weights, "float-data": float_data, "functions": functions,
        "branch": branch, "default-input": default_input, "named-size": named_size, "old-axes": old_axes,
        "norms": runtime_norms, "attention": attention, "int8": dynamic_int8, "sequences": sequences,
    })
