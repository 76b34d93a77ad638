# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole random models: transformers, MLPs, residual mixes, and free mixes of operators.

`draw(choices, seed)` makes one. Sizes are odd; each part is written in one of the ways
in which exporters of different opsets write it, or in one that none does.
"""
import numpy as np
from onnx import TensorProto

from random_graphs import EQUAL, PRODUCT, VECTOR, Graph, Rejected
from random_operators import OPERATORS, reduce, swapped


def linear(g, c, x, n):
    k = x.shape[-1]
    form = c.pick(["matmul", "none", "gemm", "left"])
    if form == "gemm" and x.rank == 2:
        return g.add("Gemm", x, g.weight(n, k, scale=k ** -0.5), g.weight(n, scale=0.1), transB=1, alpha=c.pick([None, 0.5]), gate=PRODUCT)
    y = g.add("MatMul", x, g.weight(k, n), gate=PRODUCT)
    return y if form == "none" else g.add("Add", *swapped(c, y, g.weight(n, scale=0.1)), gate=VECTOR)


def norm(g, c, x):
    n = x.shape[-1]
    scale, shift = g.const(1 + g.floats(n, scale=0.2)), g.weight(n, scale=0.1)
    form = c.pick(["pieces", "op", "rms"])
    if form == "op":
        return g.add("LayerNormalization", x, scale, shift, axis=c.pick([-1, x.rank - 1]), gate=VECTOR)
    if form == "rms":
        square = g.add("Mul", x, x, gate=VECTOR) if c.chance(50) else g.add("Pow", x, g.const(np.float32(2)), gate=VECTOR)
        mean = reduce(g, c, "ReduceMean", square, [-1], True, VECTOR)
        root = g.add("Sqrt", g.add("Add", mean, g.const(np.float32(1e-6))))
        return g.add("Mul", g.add("Div", x, root), scale)
    centred = g.add("Sub", x, reduce(g, c, "ReduceMean", x, [c.pick([-1, x.rank - 1])], True, VECTOR), gate=VECTOR)
    variance = reduce(g, c, "ReduceMean", g.add("Pow", centred, g.const(np.float32(2))), [-1], True, VECTOR)
    y = g.add("Div", centred, g.add("Sqrt", g.add("Add", variance, g.const(np.float32(1e-5)))))
    return g.add("Add", g.add("Mul", y, scale), shift)


def activation(g, c, x):
    form = c.pick(["Relu", "erf", "tanh", "silu", "Gelu", "Tanh", "HardSwish", "gate"])
    if form == "erf":
        y = g.add("Erf", g.add("Div", x, g.const(np.float32(2 ** 0.5))), gate=VECTOR)
        return g.add("Mul", g.add("Mul", x, g.add("Add", y, g.const(np.float32(1)))), g.const(np.float32(0.5)))
    if form == "tanh":
        cube = g.add("Mul", g.add("Pow", x, g.const(np.float32(3)), gate=VECTOR), g.const(np.float32(0.044715)))
        y = g.add("Tanh", g.add("Mul", g.add("Add", x, cube), g.const(np.float32(0.7978846))))
        return g.add("Mul", g.add("Mul", g.const(np.float32(0.5)), x), g.add("Add", y, g.const(np.float32(1))))
    if form == "silu":
        return g.add("Mul", x, g.add("Sigmoid", x, gate=VECTOR))
    if form == "gate" and x.shape[-1] > 1:
        half = x.shape[-1] // 2
        a, b = g.add("Split", g.add("Slice", x, g.ints(0), g.ints(2 * half), g.ints(-1)), g.ints(half, half), results=2, axis=-1)
        return g.add("Mul", a, g.add("Sigmoid", b, gate=VECTOR))
    op = form if form in ("Relu", "Tanh", "HardSwish") or form == "Gelu" and g.opset >= 20 else "Relu"
    return g.add(op, x, gate=VECTOR)


class Mask:
    """Which keys a query sees: padding from data, the past of a decoder, or both."""

    def __init__(self, g, c, batch, seq, causal):
        self.seen = None  # bool, broadcasts to [batch, heads, query, key]
        if causal:
            form = c.pick(["constant", "trilu", "compare"])
            if form == "constant":
                past = g.const(np.tril(np.ones((seq, seq), bool)))
            elif form == "trilu" and g.opset >= 14:
                ones = g.const(np.ones((seq, seq), np.float32))
                past = g.add("Cast", g.add("Trilu", ones, upper=0), to=TensorProto.BOOL)
            else:
                at = g.add("Range", *(g.const(np.int64(n)) for n in (0, seq, 1)))
                past = g.add("GreaterOrEqual", g.add("Unsqueeze", at, g.ints(1)), g.add("Unsqueeze", at, g.ints(0)))
            self.seen = past
        if c.chance(50):
            kept = np.arange(seq) < g.integers(1, seq + 1, (batch, 1))
            tokens = g.input(kept.astype(c.pick([np.int64, np.int32, np.float32, np.bool_])))
            if tokens.kind != "b":
                tokens = g.add("Cast", tokens, to=TensorProto.BOOL, gate=EQUAL)
            tokens = g.add("Unsqueeze", tokens, g.ints(1, 2)) if c.chance(50) else g.add("Reshape", tokens, g.ints(batch, 1, 1, seq))
            self.seen = tokens if self.seen is None else g.add("And", *swapped(c, tokens, self.seen))

    def apply(self, g, c, scores):
        if self.seen is None:
            return scores
        lowest = g.const(np.float32(c.pick([-1e4, -1e9, np.finfo(np.float32).min])))
        form = c.pick(["where", "not", "add"])
        if form == "where":
            return g.add("Where", self.seen, scores, lowest)
        if form == "not":
            return g.add("Where", g.add("Not", self.seen), lowest, scores)
        unseen = g.add("Sub", g.const(np.float32(1)), g.add("Cast", self.seen, to=TensorProto.FLOAT), gate=VECTOR)
        return g.add("Add", *swapped(c, scores, g.add("Mul", unseen, g.const(np.float32(-1e4)))))


def attention(g, c, x, heads, mask, causal):
    batch, seq, width = x.shape
    size = width // heads

    def split(y):
        y = g.add("Reshape", y, g.ints(*c.pick([(batch, seq, heads, size), (0, 0, heads, size), (0, -1, heads, size), (batch, seq, heads, -1)])))
        return g.add("Transpose", y, perm=[0, 2, 1, 3])

    if c.chance(30):  # one product for all three
        parts = g.add("Split", linear(g, c, x, 3 * width), *([g.ints(width, width, width)] if c.chance(50) or g.opset < 18 else []), results=3,
                      axis=c.pick([-1, 2]), num_outputs=3 if g.opset >= 18 and not g.nodes[-1].input[1:] else None)
    else:
        parts = [linear(g, c, x, width) for _ in range(3)]
    scale = np.float32(size ** -0.5)
    if g.opset >= 23 and c.chance(40) and not (mask.seen and mask.seen.kind != "b"):
        seen = mask.seen and g.add("Expand", mask.seen, g.ints(batch, heads, seq, seq))
        y = g.add("Attention", *parts, seen, q_num_heads=heads, kv_num_heads=heads, is_causal=None if seen else int(causal), gate=PRODUCT)
    else:
        q, k, v = (split(p) for p in parts)
        if c.chance(30):
            scores = g.add("Einsum", q, k, equation="bhqd,bhkd->bhqk", gate=PRODUCT)
        else:
            scores = g.add("MatMul", q, g.add("Transpose", k, perm=[0, 1, 3, 2]), gate=PRODUCT)
        scores = g.add("Mul", scores, g.const(scale)) if c.chance(50) else g.add("Div", scores, g.const(1 / scale))
        weights = g.add("Softmax", mask.apply(g, c, scores), axis=c.pick([-1, 3]), gate=VECTOR)
        y = g.add("Transpose", g.add("MatMul", weights, v, gate=PRODUCT), perm=[0, 2, 1, 3])
        y = g.add("Reshape", y, g.ints(*c.pick([(batch, seq, width), (0, 0, -1), (0, 0, width)])))
    return linear(g, c, y, width)


def transformer(g, c, causal):
    heads, size, seq, batch = c.between(1, 4), c.between(2, 21), c.between(1, 19), c.pick([1, 1, 2, 3])
    width, first = heads * size, c.chance(50)
    if c.chance(50):
        rows = c.pick([17, 97])
        ids = g.input(g.integers(0, rows, (batch, seq), c.pick([np.int64, np.int32])))
        x = g.add("Gather", g.weight(rows, width, scale=1), ids, gate=PRODUCT)
        x = g.add("Add", x, g.weight(*c.pick([(seq, width), (1, seq, width)]), scale=0.3), gate=VECTOR)
    else:
        x = g.input(g.floats(batch, seq, width))
    mask = Mask(g, c, batch, seq, causal)
    for _ in range(c.between(1, 2)):
        with c.span():
            y = attention(g, c, norm(g, c, x) if first else x, heads, mask, causal)
            x = g.add("Add", *swapped(c, x, y), gate=VECTOR)
            x = x if first else norm(g, c, x)
        with c.span():
            y = linear(g, c, activation(g, c, linear(g, c, norm(g, c, x) if first else x, c.between(1, 3 * width))), width)
            x = g.add("Add", *swapped(c, x, y), gate=VECTOR)
            x = x if first else norm(g, c, x)
    form = c.pick(["tokens", "mean", "first", "logits"])
    if form == "mean":
        x = reduce(g, c, "ReduceMean", x, [1], c.chance(30), VECTOR)
        if c.chance(50):
            g.add("Div", x, g.add("Clip", reduce(g, c, "ReduceL2", x, [-1], True, VECTOR), g.const(np.float32(1e-9))))
    elif form == "first":
        g.add("Tanh", linear(g, c, g.add("Gather", x, g.const(np.int64(c.pick([0, -1]))), axis=1), c.between(1, 30)), gate=VECTOR)
    elif form == "logits":
        linear(g, c, x, c.pick([5, 50]))


def heads(g, c):
    """Products over heads whose operands are given (caches, cross-attention), cast or scaled on the way, or computed."""
    batch, count, size, seq, keys = c.pick([1, 1, 2]), c.between(1, 4), c.between(1, 20), c.between(1, 17), c.between(1, 17)

    def operand(rows, columns):
        form = c.pick(["given", "cast", "scaled", "rows", "computed", "computed"])
        if form in ("rows", "computed"):
            x = g.input(g.floats(batch, rows, count * columns))
            x = linear(g, c, x, count * columns) if form == "computed" else x
            return g.add("Transpose", g.add("Reshape", x, g.ints(batch, rows, count, columns)), perm=[0, 2, 1, 3])
        x = g.floats(batch, count, rows, columns)
        if form == "cast":
            return g.add("Cast", g.input(x.astype(np.float16)), to=TensorProto.FLOAT, gate=EQUAL)
        x = g.input(x)
        return g.add("Mul", x, g.const(np.float32(0.5)), gate=VECTOR) if form == "scaled" else x

    with c.span():
        weights = operand(seq, keys)
        if c.chance(50):
            q, k = operand(seq, size), operand(keys, size)
            weights = g.add("MatMul", q, g.add("Transpose", k, perm=[0, 1, 3, 2]), gate=PRODUCT)
            weights = g.add("Softmax", weights, axis=-1, gate=VECTOR) if c.chance(70) else weights
    y = g.add("MatMul", weights, operand(keys, size), gate=PRODUCT)
    if c.chance(60):
        y = g.add("Reshape", g.add("Transpose", y, perm=[0, 2, 1, 3]), g.ints(batch, seq, count * size))
        if c.chance(50):
            linear(g, c, y, c.between(1, 40))


def mlp(g, c):
    x = g.input(g.floats(*(c.between(1, 9) for _ in range(c.between(0, 2))), c.between(1, 70)))
    for _ in range(c.between(1, 4)):
        with c.span():
            x = activation(g, c, linear(g, c, norm(g, c, x) if c.chance(30) else x, c.between(1, 90)))


def residual(g, c):
    """Branches that part and meet again, by sums, products and concatenations."""
    x = g.input(g.floats(c.between(1, 12), c.between(1, 50)))
    for _ in range(c.between(1, 4)):
        with c.span():
            y = linear(g, c, x, x.shape[-1])
            y = activation(g, c, y) if c.chance(60) else y
            if y.shape != x.shape:
                y = linear(g, c, y, x.shape[-1])
            form = c.pick(["add", "mul", "concat", "max", "row"])
            if form == "concat":
                both = g.add("Concat", *swapped(c, x, y), axis=c.pick([-1, 1]))
                x = linear(g, c, both, c.between(1, 50))
            elif form == "row":
                x = g.add("Add", x, reduce(g, c, "ReduceMean", y, [c.pick([0, 1])], True, VECTOR), gate=VECTOR)
            else:
                x = g.add({"add": "Add", "mul": "Mul", "max": "Max"}[form], x, y, gate=VECTOR)
            x = norm(g, c, x) if c.chance(30) else x
    mix(g, c, c.between(0, 3))


def inputs(g, c):
    dims = c.pick([[1, 2, 3, 5], [1, 2, 3, 5, 7, 9, 16, 33], [1, 4, 16, 17, 40], [2, 3, 60, 64, 100]])
    for number in range(c.between(1, 3)):
        shape = [c.pick(dims) for _ in range(c.pick([2, 3, 1, 2, 3, 4, 0]))]
        if np.prod(shape) > 6000:
            shape = shape[-2:]
        kind = c.pick(["float", "float", "int64", "int32", "bool"]) if number else "float"
        g.input(g.floats(*shape) if kind == "float" else g.integers(0, 2, shape).astype(bool) if kind == "bool"
                else g.integers(-9, 10, shape, kind))


def mix(g, c, count):
    for _ in range(count):
        with c.span():
            try:
                c.pick(OPERATORS)(g, c)
            except Rejected:
                pass


def free(g, c):
    inputs(g, c)
    mix(g, c, c.between(1, 12))


def draw(c, seed, kind=None):
    """A Graph; Rejected if nothing came of it."""
    opset = c.pick([17, *range(13, 17), *range(18, 24)])
    g = Graph(c, seed, opset)
    kind = kind or c.pick(["free"] * 6 + ["mlp", "residual", "encoder", "decoder"])
    try:
        if kind in ("encoder", "decoder"):
            transformer(g, c, causal=kind == "decoder")
        else:
            {"free": free, "heads": heads, "mlp": mlp, "residual": residual}[kind](g, c)
    except Rejected:
        pass  # what stands so far is a model as well
    return g
