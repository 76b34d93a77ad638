# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Single operators for random models: legal, often in a form that no exporter writes.

Each function draws its operands among the values of the graph and its attributes from
the whole legal range: axes from either end, bounds beyond the end, defaults left out,
attributes that became inputs in a later opset. A form that ONNX Runtime refuses is left
out (Graph.add). What jumps (Floor, comparisons, indices from data) is only done to values
that are exact on the chip, otherwise a rounding error would look like a wrong result.
"""
import numpy as np
from onnx import TensorProto

from random_graphs import EQUAL, MOVED, PRODUCT, VECTOR, Rejected

OPERATORS = []


def operator(weight=1):
    def register(function):
        OPERATORS.extend([function] * weight)
        return function
    return register


def partner(g, c, v):
    """A shape that broadcasts with that of v, in one direction or both."""
    shape = [c.pick([d, 1]) for d in v.shape][c.below(v.rank + 1):]
    if len(shape) == v.rank and c.chance(15):
        shape = [c.pick([2, 1, 3])] + shape
    return [c.pick([1, 2, 5]) if d == 1 and c.chance(20) and (len(shape) <= v.rank and v.shape[i - len(shape)] == 1) else d
            for i, d in enumerate(shape)]


def constant_like(g, v, shape):
    if v.kind == "f":
        return g.const(g.floats(*shape), v.array.dtype)
    if v.kind == "b":
        return g.const(g.integers(0, 2, shape).astype(bool))
    return g.const(g.integers(-9 if v.kind == "i" else 0, 9, shape, v.array.dtype))


def other(g, c, v):
    """A second operand: another value of the type that broadcasts, or a constant."""
    if c.chance(45):
        def fits(w):
            try:
                return w.array.dtype == v.array.dtype and np.broadcast_shapes(v.shape, w.shape) is not None
            except ValueError:
                return False
        return g.value(v.kind, where=fits)
    return constant_like(g, v, partner(g, c, v))


def swapped(c, *pair):
    return pair[::-1] if c.chance(35) else pair


# --- Element by element -----------------------------------------------------------------
@operator(3)
def unary(g, c):
    op, attributes = c.pick([
        ("Relu", {}), ("Tanh", {}), ("Sigmoid", {}), ("Erf", {}), ("Softplus", {}), ("Softsign", {}), ("Exp", {}),
        ("LeakyRelu", {"alpha": c.pick([None, 0.3, -0.5])}), ("Elu", {"alpha": c.pick([None, 2.0])}),
        ("HardSigmoid", {"alpha": c.pick([None, 0.7]), "beta": c.pick([None, 0.1])}), ("HardSwish", {}), ("Selu", {}),
        ("Celu", {"alpha": c.pick([None, 0.5])}), ("Mish", {}), ("Gelu", {"approximate": c.pick([None, "tanh", "none"])}),
        ("Abs", {}), ("Neg", {}), ("Identity", {}), ("Dropout", {})])
    exact = op in ("Relu", "Abs", "Neg", "Identity", "Dropout")
    g.add(op, g.value(), gate=EQUAL if exact else VECTOR, **attributes)


@operator()
def positive(g, c):
    """Functions of positive numbers."""
    x = g.add("Add", g.add("Abs", g.value()), g.const(np.float32(0.3)), gate=VECTOR)
    op = c.pick(["Sqrt", "Log", "Reciprocal", "Pow", "Div"])
    if op == "Pow":
        g.add("Pow", x, g.const(c.pick([np.float32(2), np.float32(0.5), np.float32(-1), np.float32(1.7), np.int64(3), np.float32(0)])), gate=VECTOR)
    elif op == "Div":
        g.add("Div", other(g, c, x), x, gate=VECTOR)
    else:
        g.add(op, x, gate=VECTOR)


@operator()
def stepwise(g, c):
    v = g.value(exact=True)
    op = c.pick(["Floor", "Ceil", "Round", "Sign", "ThresholdedRelu", "Shrink", "Hardmax", "IsNaN", "IsInf"])
    attributes = {"Shrink": {"lambd": c.pick([None, 0.2]), "bias": c.pick([None, 0.3])},
                  "ThresholdedRelu": {"alpha": c.pick([None, -0.5])}, "Hardmax": {"axis": g.axis(v.rank) if v.rank else None},
                  "IsInf": {"detect_negative": c.below(2)}}.get(op, {})
    g.add(op, v, gate=VECTOR if op == "Shrink" else EQUAL, **attributes)


@operator()
def integer_unary(g, c):
    g.add(c.pick(["Neg", "Abs", "Sign", "BitwiseNot", "Identity"]), g.value("i"), gate=EQUAL)


@operator(4)
def binary(g, c):
    v = g.value("ffi")
    op = c.pick(["Add", "Mul", "Sub", "Max", "Min"])
    g.add(op, *swapped(c, v, other(g, c, v)), gate=EQUAL if v.kind == "i" or op in ("Max", "Min") else VECTOR)


@operator()
def variadic(g, c):
    v = g.value()
    g.add(c.pick(["Sum", "Mean", "Max", "Min"]), *c.order([v, *(other(g, c, v) for _ in range(c.between(0, 3)))]), gate=VECTOR)


@operator()
def bits(g, c):
    v = g.value("i")
    g.add(c.pick(["BitwiseAnd", "BitwiseOr", "BitwiseXor", "Mod", "Div"]), *swapped(c, v, other(g, c, v)), gate=EQUAL)


@operator(2)
def compare(g, c):
    v = g.value("fi", exact=True)
    w = g.const(np.zeros((), v.array.dtype)) if c.chance(40) else other(g, c, v)
    if w.gate > EQUAL:
        raise Rejected("comparison of inexact values")
    g.add(c.pick(["Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"]), *swapped(c, v, w), gate=EQUAL)


@operator()
def logic(g, c):
    v = g.value("b")
    op = c.pick(["And", "Or", "Xor", "Equal", "Not"])
    g.add(op, *([v] if op == "Not" else swapped(c, v, other(g, c, v))), gate=EQUAL)


@operator(2)
def where(g, c):
    v = g.value("ffi")
    if c.chance(50):
        condition = g.const(g.integers(0, 2, partner(g, c, v)).astype(bool))
    elif c.chance(50):
        condition = g.value("b")
    else:
        w = g.value("fi", exact=True)
        condition = g.add("Less", w, g.const(np.zeros((), w.array.dtype)), gate=EQUAL)
    g.add("Where", condition, *swapped(c, v, other(g, c, v)), gate=MOVED)


@operator()
def clip(g, c):
    v = g.value("fi")
    low, high = (g.const(np.array(n, v.array.dtype)) if c.chance(70) else None for n in (-1, 2))
    g.add("Clip", v, low, high, gate=EQUAL)


@operator()
def prelu(g, c):
    v = g.value(rank=1)
    slope = [c.pick([d, 1]) for d in v.shape][c.below(v.rank):]
    g.add("PRelu", v, g.weight(*slope, scale=1), gate=VECTOR)


@operator()
def cast(g, c):
    v = g.value("fib")
    wanted = c.pick([TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL])
    if v.kind == "f" and wanted != TensorProto.FLOAT and v.gate > EQUAL:
        raise Rejected("inexact integers")
    v = g.add("Cast", v, to=wanted, gate=EQUAL)
    if c.chance(40):
        v = g.add("Cast", v, to=c.pick([TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64]), gate=EQUAL)
        if c.chance(40):
            g.add("CastLike", v, g.value("fi"), gate=EQUAL)


# --- Products -----------------------------------------------------------------------------
@operator(3)
def product(g, c):
    v, n = g.value(rank=1), c.pick([1, 3, 8, 20, 41, 70])
    k = v.shape[-1]
    form = c.pick(["right", "right", "bias", "vector", "batched", "left", "values"])
    if form in ("right", "bias"):
        y = g.add("MatMul", v, g.weight(k, n), gate=PRODUCT)
        if form == "bias":
            g.add("Add", *swapped(c, y, g.weight(*c.pick([(n,), (1, n), (1,)]))))
    elif form == "vector":
        g.add("MatMul", v, g.weight(k), gate=PRODUCT)
    elif form == "batched":
        g.add("MatMul", v, g.weight(*c.pick([v.shape[:-2], (2, *v.shape[:-2])]), k, n, scale=k ** -0.5), gate=PRODUCT)
    elif form == "left":
        k = v.shape[-2] if v.rank > 1 else k
        g.add("MatMul", g.weight(n, k, scale=k ** -0.5), v, gate=PRODUCT)
    else:
        w = g.value(rank=1, where=lambda w: k in w.shape)
        if w.rank > 1 and w.shape[-2] != k:
            order = [*(i for i in range(w.rank) if i != w.shape.index(k))]
            order.insert(w.rank - 2 if w.rank > 1 else 0, w.shape.index(k))
            w = g.add("Transpose", w, perm=order)
        g.add("MatMul", v, w, gate=PRODUCT)


@operator()
def gemm(g, c):
    v, n = g.value(rank=2, where=lambda v: v.rank == 2), c.pick([1, 4, 19, 33])
    a, b = c.below(2), c.below(2)
    m, k = v.shape[::-1] if a else v.shape
    w = g.weight(*((n, k) if b else (k, n)), scale=k ** -0.5)
    bias = g.const(g.floats(*c.pick([(n,), (1, n), (m, 1), (m, n), ()]))) if c.chance(75) else None
    g.add("Gemm", v, w, bias, transA=a or None, transB=b or None, alpha=c.pick([None, 0.5, -1.0, 0.0]),
          beta=c.pick([None, 2.0, -0.5, 0.0]), gate=PRODUCT)


@operator()
def einsum(g, c):
    v = g.value(rank=2)
    letters = "abcdef"[:v.rank]
    first, last = letters[0], letters[-1]
    equation, shape = c.pick([
        (f"{letters},{last}z->{letters[:-1]}z", (v.shape[-1], 5)),
        (f"{letters},{last}yz->{letters[:-1]}zy", (v.shape[-1], 2, 3)),
        (f"{letters},{first}z->{letters[1:]}z", (v.shape[0], 7)),
        (f"{letters},{letters}->{letters[:-1]}", v.shape),
        (f"{letters},{last}->{letters}", (v.shape[-1],)),
        (f"{letters}->{letters[::-1]}", None), (f"{letters}->{last}", None)])
    operands = [v] if shape is None else [v, g.const(g.floats(*shape, scale=shape[0] ** -0.5))]
    g.add("Einsum", *operands, equation=equation, gate=PRODUCT)


@operator()
def convolution(g, c):
    v = g.value(rank=3, where=lambda v: v.rank in (3, 4))
    space = v.rank - 2
    groups = c.pick([1, v.shape[1]])
    kernel = [c.pick([1, 2, 3]) for _ in range(space)]
    weight = g.const(g.floats(groups * c.pick([1, 3]), v.shape[1] // groups, *kernel, scale=(v.shape[1] * np.prod(kernel)) ** -0.5))
    g.add("Conv", v, weight, g.const(g.floats(weight.shape[0])) if c.chance(60) else None, group=groups, kernel_shape=c.pick([None, kernel]),
          strides=c.pick([None, [2] * space]), dilations=c.pick([None, [2] * space]),
          **c.pick([{}, {"pads": [c.pick([0, 1]) for _ in range(2 * space)]}, {"auto_pad": "SAME_UPPER"}, {"auto_pad": "VALID"}]), gate=PRODUCT)


# --- Norms and reductions --------------------------------------------------------------------
@operator(2)
def normalise(g, c):
    v = g.value(rank=1)
    axis = g.axis(v.rank)
    rest = v.shape[axis:]
    if 1 in rest or v.rank > 2 and np.prod(v.shape[2:]) == 1:
        # x - mean is 0, times the inverse of almost 0: nothing but rounding, which differs.
        raise Rejected("nothing to normalise")
    op = c.pick(["LayerNormalization", "Softmax", "LogSoftmax", "LpNormalization", "RMSNormalization", "InstanceNormalization",
                 "GroupNormalization", "BatchNormalization", "MeanVarianceNormalization"])
    if op == "LayerNormalization":
        g.add(op, v, g.weight(*rest, scale=1), g.weight(*rest, scale=1) if c.chance(70) else None, axis=axis,
              epsilon=c.pick([None, 1e-3]), gate=VECTOR)
    elif op == "RMSNormalization":
        g.add(op, v, g.weight(*rest, scale=1), axis=axis, gate=VECTOR)
    elif op in ("Softmax", "LogSoftmax"):
        g.add(op, v, axis=c.pick([axis, None]), gate=VECTOR)
    elif op == "LpNormalization":
        g.add(op, v, axis=axis, p=c.pick([None, 1]), gate=VECTOR)
    elif op == "MeanVarianceNormalization":
        g.add(op, v, axes=sorted({axis % v.rank, g.axis(v.rank) % v.rank}), gate=VECTOR)
    else:
        channels = v.shape[1] if v.rank > 1 else 1
        scale, shift = g.const(g.floats(channels)), g.const(g.floats(channels))
        if op == "BatchNormalization":
            g.add(op, v, scale, shift, g.const(g.floats(channels)), g.const(np.abs(g.floats(channels)) + np.float32(0.3)), gate=VECTOR)
        elif op == "GroupNormalization":
            g.add(op, v, scale, shift, num_groups=c.pick([d for d in range(1, channels + 1) if channels % d == 0]), gate=VECTOR)
        else:
            g.add(op, v, scale, shift, gate=VECTOR)


def reduce(g, c, op, v, axes, keepdims, gate):
    """`axes` is an input from opset 18 on (of ReduceSum from 13), before an attribute; None is all of them."""
    keepdims = c.pick([None, 1]) if keepdims else 0
    if g.opset >= 18 or op == "ReduceSum":
        return g.add(op, v, g.ints(*axes) if axes is not None else None, keepdims=keepdims,
                     noop_with_empty_axes=c.pick([None, 1]) if axes is None else None, gate=gate)
    return g.add(op, v, axes=axes, keepdims=keepdims, gate=gate)


@operator(3)
def reduction(g, c):
    v = g.value("ffi", rank=1)
    exact = ["ReduceMax", "ReduceMin"]
    op = c.pick(["ReduceSum"] + exact + (["ReduceMean", "ReduceL2", "ReduceL1", "ReduceSumSquare", "ReduceLogSumExp"] if v.kind == "f" else ["ReduceProd"]))
    axes = sorted(c.order(range(v.rank))[:c.between(1, v.rank)])
    axes = c.order([a - c.pick([0, v.rank]) for a in axes]) if c.chance(90) else None
    reduce(g, c, op, v, axes, c.chance(50), EQUAL if v.kind == "i" or op in exact else VECTOR)


@operator()
def arg_extreme(g, c):
    v = g.value("fi", rank=1, exact=True)
    g.add(c.pick(["ArgMax", "ArgMin"]), v, axis=g.axis(v.rank), keepdims=c.below(2), select_last_index=c.pick([None, 1]), gate=EQUAL)


@operator()
def top(g, c):
    v = g.value(rank=1, exact=True, where=lambda v: len(np.unique(v.array)) == v.array.size)
    axis = g.axis(v.rank)
    g.add("TopK", v, g.ints(c.between(1, min(v.shape[axis], 6))), results=2, axis=axis, largest=c.pick([1, 0]), gate=EQUAL)


@operator()
def running_sum(g, c):
    v = g.value("fi", rank=1)
    g.add("CumSum", v, g.const(np.int64(g.axis(v.rank)), c.pick([np.int64, np.int32])), exclusive=c.pick([None, 1]),
          reverse=c.pick([None, 1]), gate=VECTOR if v.kind == "f" else EQUAL)


# --- Movement -----------------------------------------------------------------------------
@operator(3)
def transpose(g, c):
    v = g.value("ffib", rank=1)
    g.add("Transpose", v, perm=c.order(reversed(range(v.rank))) if c.chance(80) else None)


@operator(4)
def reshape(g, c):
    v = g.value("ffib")
    left, shape = v.array.size, []
    while left > 1 and len(shape) < 4:
        shape.append(c.pick([d for d in range(left, 0, -1) if left % d == 0]))
        left //= shape[-1]
    shape = c.order(shape + [left] if left > 1 or not shape or c.chance(20) else shape)
    zeros = True
    if c.chance(40):
        shape = [0 if i < v.rank and v.shape[i] == d and c.chance(60) else d for i, d in enumerate(shape)]
        zeros = 0 in shape
    if shape and c.chance(40):
        shape[c.below(len(shape))] = -1
    # allowzero only says what a 0 would mean: without one it changes nothing.
    g.add("Reshape", v, g.ints(*shape), allowzero=c.pick([None, 1]) if not zeros and g.opset >= 14 else None)


@operator()
def computed_shape(g, c):
    """A shape put together from those of other values, as exporters write `x.view(b, -1)`."""
    v, w = g.value("ffi", rank=1), g.value()
    axis = c.below(v.rank)
    if g.opset >= 15 and c.chance(50):
        size = g.add("Shape", v, start=axis, end=c.pick([axis + 1, axis + 1 - v.rank]) or None)
        size = g.add("Gather", size, g.ints(c.pick([0, -1])))
    else:
        size = g.add("Unsqueeze", g.add("Gather", g.add("Shape", v), g.const(np.int64(axis))), g.ints(c.pick([0, -1])))
    if c.chance(50):
        g.add("Reshape", v, g.add("Concat", *swapped(c, size, g.ints(-1)), axis=0))
    else:
        filled = g.add("ConstantOfShape", g.add("Concat", size, g.add("Shape", w), axis=c.pick([0, -1])))
        g.add("Add", w, filled, gate=VECTOR)


@operator()
def flatten(g, c):
    v = g.value("ffib")
    g.add("Flatten", v, axis=c.pick([None, *range(-v.rank, v.rank + 1)]))


@operator(2)
def squeeze(g, c):
    v = g.value("ffib")
    ones = [i for i, d in enumerate(v.shape) if d == 1]
    if ones and c.chance(60):
        axes = c.order(ones)[:c.between(1, len(ones))]
        g.add("Squeeze", v, g.ints(*(a - c.pick([0, v.rank]) for a in axes)) if c.chance(80) else None)
    elif v.rank < 5:
        rank = v.rank + 1 + (v.rank < 4 and c.chance(30))
        axes = c.order(range(rank))[:rank - v.rank]
        g.add("Unsqueeze", v, g.ints(*(a - c.pick([0, rank]) for a in axes)))


@operator(3)
def concat(g, c):
    v = g.value("ffib", rank=1)
    axis = g.axis(v.rank)
    def fits(w):
        return w.array.dtype == v.array.dtype and w.rank == v.rank and all(a == b or i == axis % v.rank for i, (a, b) in enumerate(zip(w.shape, v.shape)))
    parts = [v] + [g.value(v.kind, where=fits) for _ in range(c.between(0, 2))]
    if c.chance(40):
        shape = list(v.shape)
        shape[axis] = c.pick([1, 2, 7])
        parts.append(constant_like(g, v, shape))
    g.add("Concat", *c.order(parts), axis=axis)


@operator(2)
def split(g, c):
    v = g.value("ffib", rank=1)
    axis = g.axis(v.rank)
    size = v.shape[axis]
    form = c.pick(["sizes", "equal"])
    if form == "sizes":
        cut = sorted(c.between(1, size) for _ in range(c.between(1, 2)))
        parts = [b - a for a, b in zip([0, *cut], [*cut, size])]
        if 0 in parts:
            raise Rejected("an empty part")
        g.add("Split", v, g.ints(*parts), results=len(parts), axis=axis)
    else:
        count = c.between(1, 3)
        # From opset 18 on the last part may be smaller.
        g.add("Split", v, results=count, axis=axis, num_outputs=count if g.opset >= 18 else None)


@operator(4)
def slice_(g, c):
    v = g.value("ffib", rank=1)
    axes = sorted(c.order(range(v.rank))[:c.between(1, min(v.rank, 2))])
    every = axes == list(range(len(axes))) and c.chance(50)  # axes may be left out then
    low, high, steps = [], [], []
    for axis in axes:
        size, step = v.shape[axis], c.pick([1, 1, 2, -1, 3, -2])
        a, b = c.between(0, size - 1), c.between(1, size)
        a, b = min(a, b - 1), max(a + 1, b)
        if step > 0:
            low.append(c.pick([a, a - size] + ([-size - 7, -2 ** 62] if a == 0 else [])))
            high.append(c.pick([b, b - size if b < size else size + 9] + ([2 ** 63 - 1] if b == size else [])))
        else:
            low.append(c.pick([b - 1, b - 1 - size] + ([size + 5] if b == size else [])))
            high.append(c.pick([a - 1, a - 1 - size]) if a else c.pick([-size - 1, -2 ** 62]))
        steps.append(step)
    dtype = c.pick([np.int64, np.int32])
    if dtype == np.int32:
        low, high = (np.clip(bounds, -2 ** 31, 2 ** 31 - 1) for bounds in (low, high))
    named = [a - c.pick([0, v.rank]) for a in axes]
    plain = all(s == 1 for s in steps) and c.chance(50)
    g.add("Slice", v, g.const(low, dtype), g.const(high, dtype), None if every else g.const(named, dtype),
          None if plain else g.const(steps, dtype))


@operator(2)
def pad(g, c):
    v = g.value("ffi", rank=1)
    mode = c.pick(["constant", "constant", "edge", "reflect", "wrap"])
    pads = [c.pick([0, 1, 2, -1] if mode == "constant" else [0, 1, 2]) for _ in range(2 * v.rank)]
    value = g.const(np.array(c.pick([3, 0]), v.array.dtype)) if mode == "constant" and c.chance(60) else None
    if g.opset >= 18 and c.chance(40):
        axis = g.axis(v.rank)
        g.add("Pad", v, g.ints(*pads[:2]), value, g.ints(axis), mode=mode)
    else:
        g.add("Pad", v, g.ints(*pads), value, mode=mode if mode != "constant" else None)


@operator()
def tile(g, c):
    v = g.value("ffib", rank=1)
    g.add("Tile", v, g.ints(*(c.pick([1, 1, 2, 3]) for _ in v.shape)))


@operator(2)
def expand(g, c):
    v = g.value("ffib")
    shape = [c.pick([2, 3, 1]) if d == 1 else c.pick([1, d]) for d in v.shape][c.below(v.rank + 1) if c.chance(30) else 0:]
    if c.chance(30):
        shape = [c.pick([1, 2])] + shape if len(shape) == v.rank else shape
    g.add("Expand", v, g.const(shape, np.int64))


@operator()
def triangle(g, c):
    v = g.value("fi", rank=2)
    g.add("Trilu", v, g.const(np.int64(c.between(-2, 2))) if c.chance(60) else None, upper=c.pick([None, 0]))


# --- Indexing -------------------------------------------------------------------------------
@operator(3)
def gather(g, c):
    v = g.value("ffi", rank=1)
    axis = g.axis(v.rank)
    size, shape = v.shape[axis], c.pick([(), (1,), (3,), (2, 2)])
    if c.chance(60):
        index = g.const(g.integers(-size, size, shape), c.pick([np.int64, np.int32]))
    else:
        index = bounded(g, c, size)
    g.add("Gather", v, index, axis=c.pick([axis, None]) if axis == 0 else axis)


def bounded(g, c, size):
    """Integers from data that can index so many elements, from either end."""
    w = g.value("i", where=lambda w: w.array.size <= 40)
    return g.add("Clip", w, *(g.const(np.array(n, w.array.dtype)) for n in (c.pick([0, -size]), size - 1)), gate=EQUAL)


@operator()
def table(g, c):
    """An embedding: rows of a constant by integers from data."""
    rows, shape = c.pick([5, 40]), c.pick([(), (3,), (20,), (2, 3)])
    weights = g.const(g.floats(rows, *shape, scale=c.pick([1, 1000]))) if c.chance(75) else g.const(g.integers(-2 ** 29, 2 ** 29, (rows, *shape)))
    # Vectors that are computed with are stored in fp16, numbers and integers as they are.
    g.add("Gather", weights, bounded(g, c, rows), gate=PRODUCT if weights.kind == "f" and shape else MOVED)


@operator()
def gather_elements(g, c):
    v = g.value("ffi", rank=1)
    axis = g.axis(v.rank)
    shape = [c.pick([1, 2, 4]) if i == axis % v.rank else c.pick([d, max(1, d - 1)]) for i, d in enumerate(v.shape)]
    g.add("GatherElements", v, g.const(g.integers(-v.shape[axis], v.shape[axis], shape)), axis=axis)


@operator()
def gather_nd(g, c):
    v = g.value("ffi", rank=1)
    batch = c.between(0, min(1, v.rank - 1))
    depth = c.between(1, v.rank - batch)
    rng, count = g.rng(), c.pick([1, 3])
    index = np.stack([rng.integers(-v.shape[batch + i], v.shape[batch + i], (*v.shape[:batch], count)) for i in range(depth)], -1)
    g.add("GatherND", v, g.const(index), batch_dims=batch or None)


@operator()
def scatter(g, c):
    v = g.value("fi", rank=1)
    if c.chance(50):
        axis = g.axis(v.rank)
        most = c.between(1, v.shape[axis])
        index = np.take(np.argsort(g.rng().random(v.shape), axis=axis), range(most), axis=axis)
        g.add("ScatterElements", v, g.const(index), constant_like(g, v, index.shape), axis=axis)
    else:
        most = c.between(1, min(3, v.shape[0]))
        rows = g.rng().permutation(v.shape[0])[:most, None] - c.pick([0, v.shape[0]])
        g.add("ScatterND", v, g.const(rows), constant_like(g, v, (most, *v.shape[1:])))


@operator()
def one_hot(g, c):
    v, depth = g.value("i", rank=1), c.pick([3, 9])
    g.add("OneHot", v, g.const(np.array(depth, np.int64)), g.const(c.pick([np.array([0, 1], np.float32), np.array([-2, 5], np.int64)])),
          axis=c.between(-v.rank - 1, v.rank))


# --- Quantisation ---------------------------------------------------------------------------
@operator()
def quantise(g, c):
    v = g.value(exact=True)
    zero = g.const(np.array(c.pick([3, 0]), c.pick([np.int8, np.uint8])))
    q = g.add("QuantizeLinear", v, g.const(np.float32(c.pick([0.031, 0.5]))), zero, gate=EQUAL)
    g.add("DequantizeLinear", q, g.const(np.float32(0.031)), zero, gate=VECTOR)


@operator()
def quantised_weights(g, c):
    v = g.value(rank=1)
    k, n = v.shape[-1], c.pick([5, 18])
    w = g.const(g.integers(-128, 128, (k, n), np.int8))
    scale = g.const(np.abs(g.floats(n, scale=0.01)) + np.float32(1e-3)) if c.chance(50) else g.const(np.float32(0.01))
    zero = g.const(g.integers(-9, 9, scale.shape, np.int8)) if c.chance(50) else None
    w = g.add("DequantizeLinear", w, scale, zero, axis=c.pick([1, -1]) if scale.rank else None, gate=VECTOR)
    g.add("MatMul", v, w, gate=PRODUCT)
