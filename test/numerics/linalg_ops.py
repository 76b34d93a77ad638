# Every operator of the onnx dialect, lowered and compiled for the host, equals
# its definition in NumPy; broken down by operand type, rank and broadcast form.
# REQUIRES: lpu-opt, onnx
# RUN: %python %s | FileCheck %s
# RUN: %python %s --narrow-int64 | FileCheck %s
# CHECK: {{ 0 wrong}}
import math
import pathlib
import sys
import tempfile

import numpy as np

import linalg_jit

RNG = np.random.default_rng(11)
NAMES = {"float32": "f32", "float16": "f16", "int64": "i64", "int32": "i32", "int8": "i8",
         "uint8": "ui8", "bool": "i1"}
CASES = []


class Const:
    """An operand that the IR holds as onnx.Constant."""

    def __init__(self, value, element=np.int64):
        self.value = np.asarray(value, element)


def type_of(array):
    return "tensor<" + "".join(f"{d}x" for d in array.shape) + NAMES[array.dtype.name] + ">"


def literal(value):
    def number(x):
        if value.dtype.kind == "f":
            bits = value.dtype.itemsize * 8
            return f"0x{int(np.asarray(x, value.dtype).view(f'u{bits // 8}')):0{bits // 4}X}"
        return str(x.item()).lower()
    def nested(x):
        return number(x) if x.ndim == 0 else "[" + ", ".join(nested(y) for y in x) + "]"
    return nested(value)


def case(op, operands, expected, attributes="", limit=0.0):
    """`operands`: arrays (arguments), Const, or None for an absent one."""
    name, body, arguments, values, types = f"f{len(CASES)}_{op}", [], [], [], []
    expected = [np.asarray(e) for e in (expected if isinstance(expected, list) else [expected])]
    for i, operand in enumerate(operands):
        values.append(f"%v{i}")
        if operand is None:
            types.append("none")
            body.append(f"%v{i} = onnx.NoValue : () -> none")
        elif isinstance(operand, Const):
            types.append(type_of(operand.value))
            body.append(f"%v{i} = onnx.Constant {{value = dense<{literal(operand.value)}> : {types[-1]}}} "
                        f": () -> {types[-1]}")
        else:
            types.append(type_of(np.asarray(operand)))
            arguments.append((f"%v{i}: {types[-1]}", np.asarray(operand)))
    results = [type_of(e) for e in expected]
    out = ", ".join(f"%r#{i}" for i in range(len(results))) if len(results) > 1 else "%r"
    body.append(f"%r{f':{len(results)}' if len(results) > 1 else ''} = onnx.{op} {', '.join(values)} {{{attributes}}} "
                f": ({', '.join(types)}) -> ({', '.join(results)})")
    body.append(f"return {out} : {', '.join(results)}")
    text = (f"func.func @{name}({', '.join(a for a, _ in arguments)}) -> ({', '.join(results)}) {{\n  "
            + "\n  ".join(body) + "\n}\n")
    CASES.append((name, text, [a for _, a in arguments], expected, limit))


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def ints(low, high, *shape, element=np.int64):
    return RNG.integers(low, high, shape).astype(element)


def i64(values):
    return "array<i64: " + ", ".join(map(str, values)) + ">"


F, NAN = np.float32, np.float32(np.nan)
erf = np.vectorize(math.erf)
EPS = 2e-6  # fp32 sums and functions in another order

# Element-wise: floats with broadcast, integers that wrap and truncate.
a, b, row, column = floats(2, 3, 4), floats(2, 3, 4), floats(4), floats(3, 1)
for op, f in [("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply), ("Div", np.divide),
              ("Max", np.maximum), ("Min", np.minimum)]:
    case(op, [a, b], f(a, b))
    case(op, [column, a], f(column, a))
    case(op, [row, a], f(row, a))
    case(op, [a, Const(0.5, F)], f(a, F(0.5)))
    m, n = ints(-50, 50, 5, 1), ints(1, 9, 1, 6)
    case(op, [m, n], np.trunc(m / n).astype(np.int64) if op == "Div" else f(m, n))
    case(op, [m.astype(np.int32), n.astype(np.int32)],
         (np.trunc(m / n) if op == "Div" else f(m, n)).astype(np.int32))
special = np.array([1, NAN, -2, np.inf, -np.inf, 0], F)
for op, f in [("Max", np.maximum), ("Min", np.minimum)]:
    case(op, [special, Const(0, F)], f(special, F(0)))
m, n = ints(-9, 10, 6, 1), np.array([[-4, 3, 5, -1]])
case("Mod", [m, n], np.mod(m, n), "fmod = 0 : i64")
case("Mod", [m, n], np.fmod(m, n), "fmod = 1 : i64")
case("Mod", [a, Const(0.3, F)], np.fmod(a, F(0.3)), "fmod = 1 : i64", EPS)
for exponent in [2, 3, 0.5, 1, 0, -1, -0.5, -2, 5, 1.7, 0.25]:
    x = np.abs(floats(3, 4)) + F(0.1) if exponent != int(exponent) else floats(3, 4)
    case("Pow", [x, Const(exponent, F)], np.power(x, F(exponent)), "", 1e-5)
m = ints(-3, 4, 5)
case("Pow", [m, Const(3)], m ** 3)
y = floats(6)
case("Pow", [Const(10000.0, F), y], np.power(F(1e4), y), "", 1e-5)
for op, f in [("Equal", np.equal), ("Less", np.less), ("LessOrEqual", np.less_equal),
              ("Greater", np.greater), ("GreaterOrEqual", np.greater_equal)]:
    case(op, [special, Const(1, F)], f(special, F(1)))
    m, n = ints(0, 5, 4, 1), ints(0, 5, 1, 6)
    case(op, [m, n], f(m, n))
    m, n = ints(0, 256, 9, element=np.uint8), ints(0, 256, 9, element=np.uint8)
    case(op, [m, n], f(m, n))
p, q = ints(0, 2, 3, 1, element=np.bool_), ints(0, 2, 1, 5, element=np.bool_)
case("And", [p, q], p & q)
case("Or", [p, q], p | q)
case("Xor", [p, q], p ^ q)
case("Equal", [p, q], p == q)
case("Not", [p], ~p)
w = floats(2, 3, 5)
case("Where", [p, w, Const(-np.inf, F)], np.where(p, w, F(-np.inf)))
m = ints(0, 9, 3, 5)
case("Where", [p, Const(7), m], np.where(p, 7, m))
for op, f, limit in [("Neg", np.negative, 0), ("Abs", np.abs, 0), ("Sign", np.sign, 0), ("Floor", np.floor, 0),
                     ("Ceil", np.ceil, 0), ("Round", np.round, 0), ("Sin", np.sin, EPS), ("Cos", np.cos, EPS),
                     ("Tanh", np.tanh, EPS), ("Exp", np.exp, EPS), ("Relu", lambda v: np.maximum(v, 0), 0),
                     ("Sigmoid", lambda v: 1 / (1 + np.exp(-v)), EPS), ("Reciprocal", np.reciprocal, EPS),
                     ("Erf", lambda v: erf(v).astype(F), EPS), ("IsNaN", np.isnan, 0)]:
    x = np.concatenate([floats(5), [F(0.5), F(1.5), F(-2.5), F(3.0)], [NAN] if op in ("Sign", "IsNaN", "Relu") else []]).astype(F)
    case(op, [x], f(x), "", limit)
m = ints(-9, 9, 7)
for op, f in [("Neg", np.negative), ("Abs", np.abs), ("Sign", np.sign)]:
    case(op, [m], f(m))
x = np.abs(floats(3, 4))
case("Sqrt", [x], np.sqrt(x), "", EPS)
case("Log", [x], np.log(x), "", EPS)
x = floats(3, 5)
case("Gelu", [x], (0.5 * x * (1 + erf(x / np.sqrt(2)))).astype(F), 'approximate = "none"', EPS)
case("Gelu", [x], (0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))).astype(F),
     'approximate = "tanh"', EPS)

# Cast: every pair of element types, on values that both hold.
kinds = [np.float32, np.float16, np.int64, np.int32, np.int8, np.uint8, np.bool_]
for source in kinds:
    for target in kinds:
        base = [0, 1, 2, 3, 100] if np.uint8 in (source, target) else [-3, 0, 1, 2, 100]
        x = np.array(base).astype(source)
        if source in (np.float32, np.float16) and target not in (np.uint8,):
            x = x + source(0.75) * (x != 0)  # truncates towards zero
        case("Cast", [x], x.astype(target))
x = np.array([200, 255, 7], np.uint8)
case("Cast", [x], x.astype(F))
case("Cast", [x], x.astype(np.int32))
case("Cast", [np.array([NAN, 0, -0.0, 1e-30], F)], np.array([True, False, False, True]))

# Reductions: every choice of axes, with and without the reduced dims.
x, m = floats(2, 3, 4), ints(-9, 9, 2, 3, 4)
for op, f in [("ReduceSum", np.sum), ("ReduceMean", np.mean), ("ReduceMax", np.max), ("ReduceMin", np.min)]:
    for axes in [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)]:
        for keep in (0, 1):
            case(op, [x], f(x, axis=axes, keepdims=bool(keep)), f"axes = {i64(axes)}, keepdims = {keep} : i64", EPS)
    if op != "ReduceMean":
        case(op, [m], f(m, axis=(1,)), f"axes = {i64([1])}, keepdims = 0 : i64")
h = floats(4, 300).astype(np.float16)
case("ReduceSum", [h], h.astype(F).sum(1).astype(np.float16), f"axes = {i64([1])}, keepdims = 0 : i64", 1e-3)
x = ints(0, 4, 3, 7, 2).astype(F)
for axis in range(3):
    case("ArgMax", [x], x.argmax(axis), f"axis = {axis} : i64, keepdims = 0 : i64, select_last_index = 0 : i64")
    last = x.shape[axis] - 1 - np.flip(x, axis).argmax(axis)
    case("ArgMax", [x], np.expand_dims(last, axis),
         f"axis = {axis} : i64, keepdims = 1 : i64, select_last_index = 1 : i64")
for x in [floats(2, 5), ints(-4, 5, 2, 5), floats(1, 1), ints(0, 3, 6, 1), ints(-4, 5, 9)]:
    for axis in range(x.ndim):
        for exclusive in (0, 1):
            for reverse in (0, 1):
                y = np.flip(x, axis) if reverse else x
                s = np.cumsum(y, axis) - (y if exclusive else 0)
                case("CumSum", [x], (np.flip(s, axis) if reverse else s).astype(x.dtype),
                     f"axis = {axis} : i64, exclusive = {exclusive} : i64, reverse = {reverse} : i64", 1e-5)

x, m = floats(2, 3, 5), ints(-4, 5, 2, 3, 5)
for axes in [(0,), (1,), (2,), (0, 2)]:
    for keep in (0, 1):
        case("ReduceProd", [x], np.prod(x, axes, keepdims=bool(keep)), f"axes = {i64(axes)}, keepdims = {keep} : i64", EPS)
case("ReduceProd", [m], np.prod(m, 1), f"axes = {i64([1])}, keepdims = 0 : i64")
for x in [floats(3, 7), ints(0, 4, 3, 7), np.where(floats(3, 7) > 0, F(-np.inf), F(1)), ints(0, 256, 3, 7, element=np.uint8)]:
    for axis, k in [(1, 1), (1, 3), (1, 7), (0, 2)]:
        for largest in (0, 1):
            key = x.astype(np.float64)
            order = np.argsort(-key if largest else key, axis, kind="stable").take(range(k), axis)
            case("TopK", [x], [np.take_along_axis(x, order, axis), order],
                 f"axis = {axis} : i64, largest = {largest} : i64, sorted = 1 : i64")

# Products: weights, batches, batches that broadcast, half precision, integers.
for left, right in [((3, 5), (5, 4)), ((2, 3, 5), (5, 4)), ((2, 1, 3, 5), (4, 5, 6)), ((1, 3, 5), (2, 5, 4)),
                    ((3, 5), (2, 5, 4)), ((1, 5), (5, 1)), ((2, 2, 3, 5), (2, 2, 5, 3))]:
    x, y = floats(*left), floats(*right)
    case("MatMul", [x, y], x @ y, "", EPS)
x, y = floats(3, 5).astype(np.float16), floats(5, 4).astype(np.float16)
case("MatMul", [x, y], (x.astype(F) @ y.astype(F)).astype(np.float16), "", 1e-3)
for left in (np.int8, np.uint8):
    for right in (np.int8, np.uint8):
        x = ints(np.iinfo(left).min, np.iinfo(left).max + 1, 2, 3, 5, element=left)
        y = ints(np.iinfo(right).min, np.iinfo(right).max + 1, 5, 4, element=right)
        wide = lambda v: v.astype(np.int32)
        case("MatMulInteger", [x, y, None, None], wide(x) @ wide(y))
        zx, zy = left(17), ints(0, 100, 4, element=right)
        case("MatMulInteger", [x, y, np.array(zx), zy], (wide(x) - int(zx)) @ (wide(y) - wide(zy)))
        case("MatMulInteger", [x, y, Const(zx, left), None], (wide(x) - int(zx)) @ wide(y))
        case("MatMulInteger", [x, y, None, Const(3, right)], wide(x) @ (wide(y) - 3))

# Softmax and normalisations.
x = floats(2, 3, 6)
for axis in range(3):
    e = np.exp(x - x.max(axis, keepdims=True))
    case("Softmax", [x], e / e.sum(axis, keepdims=True), f"axis = {axis} : i64", EPS)
masked = np.array([[-np.inf, 1, 2], [-np.inf, -np.inf, -np.inf]], F)
e = np.exp(np.array([[-np.inf, -1, 0]], F))
case("Softmax", [masked], np.concatenate([e / e.sum(), np.full((1, 3), NAN)]).astype(F), "axis = 1 : i64", EPS)
x = floats(2, 3, 8) * 3 + 100  # a large mean: one pass over the squares would fail
for axis, shape in [(2, (8,)), (1, (3, 8))]:
    g, c, dims = floats(*shape), floats(*shape), tuple(range(axis, 3))
    y = x.astype(np.float64)
    z = y - y.mean(dims, keepdims=True)
    z = z / np.sqrt((z * z).mean(dims, keepdims=True) + 1e-5)
    attributes = f"axis = {axis} : i64, epsilon = 1.0e-5 : f32"
    case("LayerNormalization", [x, g, c], (z * g + c).astype(F), attributes, 3e-5)
    case("LayerNormalization", [x, g, None], (z * g).astype(F), attributes, 3e-5)
    case("RMSNormalization", [x, g], (y / np.sqrt((y * y).mean(dims, keepdims=True) + 1e-5) * g).astype(F),
         attributes, EPS)

# Data movement.
x = floats(2, 3, 4)
for shape in [(6, 4), (24,), (2, 12), (4, 6), (1, 2, 3, 4), (2, 1, 3, 1, 4), (3, 8), (2, 3, 2, 2), (8, 3, 1, 1)]:
    case("Reshape", [x], x.reshape(shape))
one = floats(1, 1)
case("Reshape", [one], one.reshape(()))
case("Reshape", [one.reshape(())], one.reshape(1, 1, 1))
for perm in [(0, 2, 1), (2, 1, 0), (1, 2, 0), (0, 1, 2)]:
    case("Transpose", [x], x.transpose(perm), f"perm = {i64(perm)}")
case("Transpose", [x[:1]], x[:1].transpose(1, 0, 2), f"perm = {i64((1, 0, 2))}")
for source, target in [((4,), (2, 3, 4)), ((3, 1), (2, 3, 4)), ((1, 3, 1), (2, 3, 5)), ((), (2, 2)), ((2, 3), (2, 3))]:
    y = floats(*source)
    case("Expand", [y], np.broadcast_to(y, target).copy())
y = floats(2, 1, 4)
case("Concat", [x, y], np.concatenate([x, y], 1), "axis = 1 : i64")
case("Concat", [x, np.zeros((2, 0, 4), F), y], np.concatenate([x, y], 1), "axis = 1 : i64")
case("Concat", [np.ones(2, np.int64), Const([5, 6])], np.array([1, 1, 5, 6]), "axis = 0 : i64")
x = floats(4, 12, 5)
for key in [np.s_[1:3, :, :], np.s_[:, 2:11:3, :], np.s_[:, ::-1, :], np.s_[3:0:-1, 8::-2, 4:], np.s_[:, :, ::-1]]:
    y = x[key].copy()
    starts = [s.indices(d)[0] for s, d in zip(key, x.shape)]
    steps = [s.indices(d)[2] for s, d in zip(key, x.shape)]
    case("Slice", [x], y, f"starts = {i64(starts)}, steps = {i64(steps)}")
x = floats(2, 3)
case("Pad", [x, Const(1.5, F)], np.pad(x, ((1, 0), (2, 3)), constant_values=F(1.5)), f"pads = {i64([1, 2, 0, 3])}")
case("Pad", [x, Const(0, F)], np.pad(x[:, 1:], ((0, 1), (0, 2))), f"pads = {i64([0, -1, 1, 2])}")
x = floats(7, 6, 5)
for axis in range(3):
    for indices in [ints(-5, 5, 4), ints(-5, 5, 2, 3), np.array(-2), np.arange(12).reshape(3, 4) % 5, np.array([2]),
                    np.arange(1, 4), np.array([0, 2, 4]), np.array([4, 1]), np.arange(9) % 5,
                    np.repeat(np.arange(4)[None], 3, 0), np.repeat(np.arange(4)[:, None], 3, 1), np.zeros(3, int)]:
        indices = indices.astype(np.int64)
        y = np.take(x, indices, axis)
        case("Gather", [x, indices], y, f"axis = {axis} : i64")
        case("Gather", [x, Const(indices)], y, f"axis = {axis} : i64")
    i = ints(-5, 5, 3, 4, 5)
    case("GatherElements", [x, i], np.take_along_axis(
        x[tuple(slice(s) if d != axis else slice(None) for d, s in enumerate(i.shape))], i, axis), f"axis = {axis} : i64")
    case("GatherElements", [x, Const(i)], np.take_along_axis(
        x[tuple(slice(s) if d != axis else slice(None) for d, s in enumerate(i.shape))], i, axis), f"axis = {axis} : i64")
i = ints(-5, 5, 4, 3, 2)
case("GatherND", [x, i], x[i[..., 0], i[..., 1]], "batch_dims = 0 : i64")
case("GatherND", [x, Const(i)], x[i[..., 0], i[..., 1]], "batch_dims = 0 : i64")
i = ints(0, 5, 7, 3, 1)
case("GatherND", [x, i], np.stack([x[b][i[b, :, 0]] for b in range(7)]), "batch_dims = 1 : i64")
case("GatherND", [x, Const(i)], np.stack([x[b][i[b, :, 0]] for b in range(7)]), "batch_dims = 1 : i64")
# The form in which exporters read an attention mask: rows and columns by number.
mask = ints(0, 2, 2, 6, element=np.bool_)
bb, hh, qq, kk = np.meshgrid(np.arange(2), np.arange(1), np.arange(6), np.arange(6), indexing="ij")
pairs = np.stack([bb, kk], -1)
case("GatherND", [mask, Const(pairs)], mask[bb, kk], "batch_dims = 0 : i64")
x = floats(4, 6, 3)
rows, columns = np.meshgrid(np.arange(1, 3), np.arange(2, 6), indexing="ij")
new, want = floats(2, 4, 3), x.copy()
want[1:3, 2:6] = new
case("ScatterND", [x, Const(np.stack([rows, columns], -1)), new], want, 'reduction = "none"')

for tuples in [np.array([[3, 0], [0, 5], [-1, -1]]), np.array([[[1]], [[-2]]]), np.array([[0, 1, 2], [3, 5, 0]])]:
    new, want = floats(*tuples.shape[:-1], *x.shape[tuples.shape[-1]:]), x.copy()
    want[tuple(np.moveaxis(tuples, -1, 0))] = new
    case("ScatterND", [x, Const(tuples), new], want, 'reduction = "none"')
for axis in range(3):
    shape = [3, 2, 2]
    shape[axis] = 2
    index = np.stack([RNG.permutation(x.shape[axis])[:2] for _ in range(int(np.prod(shape)) // 2)])
    index = np.moveaxis(index.reshape([s for d, s in enumerate(shape) if d != axis] + [2]), -1, axis)
    new, want = floats(*shape), x.copy()
    np.put_along_axis(want[tuple(slice(s) if d != axis else slice(None) for d, s in enumerate(shape))], index, new, axis)
    case("ScatterElements", [x, Const(index - x.shape[axis] * (index % 2)), new], want,
         f'axis = {axis} : i64, reduction = "none"')

# Quantisation: per tensor and per axis, both signs, ties to even, saturation.
for to in (np.int8, np.uint8):
    low, high = np.iinfo(to).min, np.iinfo(to).max
    x = np.array([[0, 0.5, 1.5, 2.5, -0.5], [1e6, -1e6, 63.3, -7.7, 130]], F)
    q = lambda v, s, z: np.clip(np.round(v / s) + z, low, high).astype(to)
    if to is np.int8:
        case("QuantizeLinear", [x, Const(1, F), None], q(x, F(1), 0), "axis = 1 : i64")
    case("QuantizeLinear", [x, np.array(0.7, F), np.array(5, to)], q(x, F(0.7), 5), "axis = 1 : i64")
    s, z = np.array([0.5, 2], F), np.array([3, 9], to)
    case("QuantizeLinear", [x, s, Const(z, to)], q(x, s[:, None], z[:, None].astype(int)), "axis = 0 : i64")
    y = ints(low, high + 1, 2, 5, element=to)
    case("DequantizeLinear", [y, np.array(0.7, F), Const(5, to)], (y.astype(np.int32) - 5).astype(F) * F(0.7), "axis = 1 : i64", EPS)
    case("DequantizeLinear", [y, s, z], (y.astype(np.int32) - z[:, None].astype(np.int32)).astype(F) * s[:, None],
         "axis = 0 : i64", EPS)


# Weights by reference: an embedding table and a projection, at their offsets.
table, weight, ids = floats(9, 4), floats(4, 3), ints(-9, 9, 2, 5)
FOLDER = tempfile.TemporaryDirectory()
(pathlib.Path(FOLDER.name) / "w.bin").write_bytes(b"?" * 64 + table.tobytes() + weight.tobytes())
CASES.append(("weights", """
func.func @weights(%ids: tensor<2x5xi64>) -> tensor<2x5x3xf32> {
  %t = onnx.Initializer {name = "t", file = "w.bin", offset = 64 : i64, length = 144 : i64} : () -> tensor<9x4xf32>
  %w = onnx.Initializer {name = "w", file = "w.bin", offset = 208 : i64, length = 48 : i64} : () -> tensor<4x3xf32>
  %e = onnx.Gather %t, %ids {axis = 0 : i64} : (tensor<9x4xf32>, tensor<2x5xi64>) -> tensor<2x5x4xf32>
  %r = onnx.MatMul %e, %w : (tensor<2x5x4xf32>, tensor<4x3xf32>) -> tensor<2x5x3xf32>
  return %r : tensor<2x5x3xf32>
}
""", [ids], [table[ids] @ weight], EPS))


def main():
    narrow = "--narrow-int64" in sys.argv
    program = linalg_jit.Program("".join(text for _, text, *_ in CASES), pathlib.Path(FOLDER.name), narrow)
    wrong = 0
    for name, text, inputs, expected, limit in CASES:
        for got, want in zip(program(name, *inputs), expected):
            if want.dtype == np.uint8:
                got = got.view(np.uint8)
            if want.dtype.kind == "f" and limit:
                scale = np.maximum(np.abs(want), 1)
                good = got.shape == want.shape and np.all((np.abs(got - want) <= limit * scale) | (np.isnan(got) & np.isnan(want)))
            else:
                good = np.array_equal(got, want, equal_nan=want.dtype.kind == "f")
            if not good:
                wrong += 1
                print(f"{text}got {got}\nwant {want}\n")
    print(f"{len(CASES)} cases, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main())
