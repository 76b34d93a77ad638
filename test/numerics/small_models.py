# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of a few operators, each one step on the way to a transformer.

    small_models.py FOLDER                      writes them all
    small_models.py FOLDER --run NAME --target lpu1   compiles, runs and compares one
    small_models.py FOLDER --run NAME --target FILE --set loop_depth=1    on a machine changed so

Sizes are odd on purpose: nothing fits a tile. Weights and inputs are seeded.
"""
import argparse
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Graph:
    """A graph under construction; `add` returns the name of the new value."""

    def __init__(self, name, inputs, seed=0):
        self.name, self.inputs, self.nodes, self.weights = name, inputs, [], []
        self.rng = np.random.default_rng(seed)

    def add(self, op, *operands, **attributes):
        out = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(operands), [out], name=f"/{out}", **attributes))
        return out

    def const(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape, scale=None):
        scale = scale or 1 / np.sqrt(shape[0])
        return self.const((self.rng.standard_normal(shape) * scale).astype(np.float32))

    def linear(self, x, k, n):
        return self.add("Add", self.add("MatMul", x, self.weight(k, n)), self.weight(n, scale=0.1))

    def norm(self, x, n):
        return self.add("LayerNormalization", x, self.const((1 + 0.2 * self.rng.standard_normal(n)).astype(np.float32)),
                        self.weight(n, scale=0.1), axis=-1, epsilon=1e-5)

    def heads(self, x, tokens, heads, size):
        x = self.add("Reshape", x, self.const(np.array([tokens, heads, size], np.int64)))
        return self.add("Transpose", x, perm=[1, 0, 2])

    def attention(self, x, tokens, heads, size):
        n = heads * size
        q, k, v = (self.heads(self.linear(x, n, n), tokens, heads, size) for _ in range(3))
        scores = self.add("MatMul", q, self.add("Transpose", k, perm=[0, 2, 1]))
        scores = self.add("Mul", scores, self.const(np.float32(size ** -0.5)))
        mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), v)
        mixed = self.add("Transpose", mixed, perm=[1, 0, 2])
        mixed = self.add("Reshape", mixed, self.const(np.array([tokens, n], np.int64)))
        return self.linear(mixed, n, n)

    def model(self, output):
        self.nodes.append(helper.make_node("Identity", [output], ["y"]))
        model = helper.make_model(
            helper.make_graph(self.nodes, self.name,
                              [helper.make_tensor_value_info(n, t, s) for n, t, s in self.inputs],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], self.weights),
            opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        model = onnx.shape_inference.infer_shapes(model)
        onnx.checker.check_model(model)
        return model


def floats(*shape):
    return [("x", TensorProto.FLOAT, list(shape))]


def add():
    g = Graph("add", floats(5, 37))
    return g.model(g.add("Add", "x", g.weight(37)))


def matmul():
    g = Graph("matmul", floats(11, 70))
    return g.model(g.add("MatMul", "x", g.weight(70, 45)))


def matmul_large():
    """Several tiles in every direction on lpu1."""
    g = Graph("matmul_large", floats(133, 410))
    return g.model(g.add("MatMul", "x", g.weight(410, 730)))


def linear_relu():
    g = Graph("linear_relu", floats(9, 50))
    return g.model(g.add("Relu", g.linear("x", 50, 33)))


def mlp():
    g = Graph("mlp", floats(9, 50))
    hidden = g.linear("x", 50, 130)
    # GELU as opsets below 20 have it.
    erf = g.add("Erf", g.add("Div", hidden, g.const(np.float32(np.sqrt(2)))))
    gelu = g.add("Mul", g.add("Mul", hidden, g.add("Add", erf, g.const(np.float32(1)))), g.const(np.float32(0.5)))
    return g.model(g.linear(gelu, 130, 50))


def layer_norm():
    g = Graph("layer_norm", floats(13, 75))
    return g.model(g.norm("x", 75))


def softmax():
    g = Graph("softmax", floats(13, 43))
    return g.model(g.add("Softmax", "x", axis=-1))


def embedding():
    g = Graph("embedding", [("input_ids", TensorProto.INT64, [1, 12])])
    return g.model(g.add("Gather", g.weight(91, 55), "input_ids"))


def attention():
    g = Graph("attention", floats(17, 60))
    return g.model(g.attention("x", 17, 3, 20))


def layer(g, x):
    x = g.norm(g.add("Add", x, g.attention(x, 17, 3, 20)), 60)
    hidden = g.add("Relu", g.linear(x, 60, 140))
    return g.norm(g.add("Add", x, g.linear(hidden, 140, 60)), 60)


def block():
    """A transformer layer, norm after."""
    g = Graph("block", floats(17, 60))
    return g.model(layer(g, "x"))


def layers():
    """Three of them, which run as one loop."""
    g = Graph("layers", floats(17, 60))
    return g.model(layer(g, layer(g, layer(g, "x"))))


def concat():
    """Rows of two inputs in turns of 60, more than a panel holds, then a product."""
    g = Graph("concat", floats(2, 60, 13))
    both = g.add("Concat", "x", g.add("Relu", "x"), axis=1)
    return g.model(g.linear(both, 13, 9))


def quantised_linear(g, x, k, n):
    """A product as quantize_dynamic writes it: bytes of x by its range, weights with a zero point."""
    steps, scale, zero = (f"{part}_{len(g.nodes)}" for part in ("steps", "scale", "zero"))
    g.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], [steps, scale, zero], name=f"/{steps}"))
    weight = g.const(g.rng.integers(0, 256, (k, n)).astype(np.uint8))
    product = g.add("Cast", g.add("MatMulInteger", steps, weight, zero, g.const(np.uint8(131))), to=TensorProto.FLOAT)
    return g.add("Add", g.add("Mul", product, g.add("Mul", scale, g.const(np.float32(0.003)))), g.weight(n, scale=0.1))


def quantised():
    """Two layers whose activations are quantised while the model runs."""
    g = Graph("quantised", floats(17, 60))
    return g.model(quantised_linear(g, g.add("Relu", quantised_linear(g, "x", 60, 140)), 140, 60))


MODELS = {f.__name__: f for f in (add, matmul, matmul_large, linear_relu, mlp, layer_norm, softmax,
                                  embedding, attention, block, layers, concat, quantised)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--run", choices=list(MODELS))
    parser.add_argument("--target", default="lpu1")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[],
                        help="with the file of a target: another value of a parameter")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.set:
        changes = dict(change.split("=", 1) for change in options.set)
        lines = pathlib.Path(options.target).read_text().splitlines()
        changed = [f"{key}: {changes.pop(key)}" if (key := line.split(":")[0]) in changes else line for line in lines]
        if changes:
            parser.error(f"{options.target} has no parameter {', '.join(changes)}")
        options.target = options.folder / "machine.yaml"
        options.target.write_text("\n".join(changed) + "\n")
    for name in [options.run] if options.run else MODELS:
        path = options.folder / f"{name}.onnx"
        onnx.save(MODELS[name](), path)
        if options.run:
            import run_many
            return 0 if run_many.case(path, {}, options.target, options.folder) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
