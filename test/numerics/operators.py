# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One operator, one chip: small models compiled, verified, run and compared.

    operators.py FOLDER --family move --target lpu1 [--only NAME] [--list]

Data movement and integers must agree with ONNX Runtime in every bit (a NaN with
any NaN), other results within test/tolerances.toml. A model may be refused, with
a message that does not call it a bug; refusals are listed. A wrong value, a fault,
other cycles than promised or a crash fails.

Sizes are odd, slices start inside lanes, indices are negative, integers are
large: nothing fits a tile, and no value is where it would be by chance.
"""
import argparse
import pathlib
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run_model  # noqa: E402  (also makes scripts/ importable)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import compare  # noqa: E402

FAMILIES = {}
EXACT, VECTOR, PRODUCT = "exact", "fp32", "fp16"
rng = np.random.default_rng(7)


def floats(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def integers(*shape, low=-2 ** 31, high=2 ** 31, dtype=np.int64):
    return rng.integers(low, high, shape).astype(dtype)


def ints(*values):
    return np.array(values, np.int64)


def node(op, operands, results="y", **attributes):
    return helper.make_node(op, operands.split(), results.split(), **attributes)


def case(family, name, gate, nodes, inputs, opset=17, **constants):
    """`inputs` are fed, `constants` are initializers; both are arrays."""
    nodes = nodes if isinstance(nodes, list) else [nodes]
    FAMILIES.setdefault(family, {})[name] = (gate, nodes, inputs, constants, opset)


def slices(low, high, axis, step=1):
    return {"low": ints(low), "high": ints(high), "axis": ints(axis), "step": ints(step)}


SLICE = "p low high axis step"

# --- Data movement ------------------------------------------------------------
SPECIAL = np.array([[-0.0, np.inf, np.nan, 1e-42, 3e38, -np.inf, 65505, 1e-9]], np.float32)
for kind, x in {"f32": floats(5, 37, scale=1e20), "i32": integers(5, 37, dtype=np.int32),
                "i64": integers(5, 37)}.items():
    case("move", f"transpose_{kind}", EXACT, node("Transpose", "x"), {"x": x})
    case("move", f"slice_lanes_{kind}", EXACT, node("Slice", "x low high axis step"), {"x": x}, **slices(7, 30, 1, 2))
    case("move", f"concat_lanes_{kind}", EXACT, node("Concat", "x z", axis=-1), {"x": x, "z": x[:, :6].copy()})
    case("move", f"split_rows_{kind}", EXACT, node("Reshape", "x s"), {"x": x[:, :36].copy()}, s=ints(5, 4, 9))
    case("move", f"expand_{kind}", EXACT, node("Expand", "x s"), {"x": x[:, :1].copy()}, s=ints(5, 41))
    case("move", f"expand_row_{kind}", EXACT, node("Expand", "x s"), {"x": x[:1]}, s=ints(3, 37))
    case("move", f"cat_rows_{kind}", EXACT, node("Concat", "x z", axis=0), {"x": x, "z": x[:2].copy()})
    case("move", f"where_{kind}", EXACT, node("Where", "c x z"),
         {"c": np.array([[True], [False], [True], [False], [True]]), "x": x, "z": x[:1, ::-1].copy()})
case("move", "transpose4", EXACT, node("Transpose", "x", perm=[3, 2, 0, 1]), {"x": floats(2, 3, 4, 5)})
case("move", "transpose_heads", EXACT, node("Transpose", "x", perm=[0, 2, 1, 3]), {"x": floats(2, 7, 3, 11)})
case("move", "expand_wide", EXACT, node("Expand", "x s"), {"x": floats(5, 1)}, s=ints(5, 700))
case("move", "expand_wide_computed", EXACT, [node("Neg", "x", "p"), node("Expand", "p s"), node("Abs", "p", "z")],
     {"x": floats(5, 1)}, s=ints(5, 700))
case("move", "special_expand", EXACT, node("Expand", "x s"), {"x": SPECIAL.T.copy()}, s=ints(8, 5))
case("move", "special_transpose", EXACT, node("Transpose", "x"), {"x": SPECIAL})
case("move", "slice_back", EXACT, node("Slice", "x low high axis step"), {"x": floats(6, 9)}, **slices(-1, -100, 0, -2))
case("move", "split", EXACT, node("Split", "x", "y z", axis=-1), {"x": floats(5, 26)})
for _name, _shape, _pads in [("end", (2, 17), (0, 0, 0, 2)), ("one", (1,), (0, 2)), ("both", (3, 8, 8), (0, 1, 1, 0, 1, 1)),
                             ("below", (4, 17), (2, 0, 0, 2)), ("long", (2, 330), (0, 0, 0, 320))]:
    case("move", f"pad_{_name}", EXACT, node("Pad", "x p v"), {"x": floats(*_shape)}, p=ints(*_pads), v=np.float32(3))
case("move", "twice", EXACT, [node("Min", "x x"), node("Min", "x x", "u")], {"x": floats(3, 4)})
case("move", "unread", EXACT, node("Relu", "x"), {"x": floats(3, 4), "z": integers(3, 4)})
case("move", "pad", EXACT, node("Pad", "x p v"), {"x": floats(4, 5)}, p=ints(1, 2, 0, 3), v=np.float32(2.5))
case("move", "tile", EXACT, node("Tile", "x r"), {"x": floats(3, 4)}, r=ints(2, 1))
case("move", "flatten", EXACT, node("Flatten", "x", axis=2), {"x": floats(2, 3, 4)})
case("move", "squeeze", EXACT, node("Squeeze", "x a"), {"x": floats(3, 1, 5)}, a=ints(1))
case("move", "trilu", EXACT, node("Trilu", "x", upper=0), {"x": floats(9, 9)})
case("move", "slice_computed", EXACT, [node("Neg", "x", "p"), node("Slice", SLICE)], {"x": floats(5, 40)}, **slices(9, 31, 1))

# --- Gathers ------------------------------------------------------------------
INDEX = ints(4, -1, 0, -7, 2, 2)
BIG = floats(7, 9, scale=1e6)
case("gather", "weights", EXACT, node("Gather", "w x"), {"x": INDEX}, w=BIG)
case("gather", "weights_small", EXACT, node("Gather", "w x"), {"x": INDEX}, w=floats(7, 9))
case("gather", "weights_f16", EXACT, node("Gather", "w x"), {"x": INDEX}, w=floats(7, 9).astype(np.float16))
case("gather", "numbers", EXACT, node("Gather", "w x"), {"x": INDEX.reshape(2, 3)},
     w=np.array([1e6, 2, 3, 1e9, 70001, 0.1, -1], np.float32))
case("gather", "integers", EXACT, node("Gather", "w x"), {"x": INDEX}, w=integers(7, 5))
case("gather", "input", EXACT, node("Gather", "w x"), {"w": BIG, "x": INDEX})
case("gather", "input_integers", EXACT, node("Gather", "w x"), {"w": integers(7, 9), "x": INDEX})
case("gather", "computed", EXACT, [node("Neg", "w", "p"), node("Gather", "p x")], {"w": BIG, "x": INDEX})
case("gather", "computed_indices", EXACT, [node("Mul", "x x", "i"), node("Gather", "w i")], {"x": ints(0, -1, 2, -2)}, w=BIG)
case("gather", "axis1", EXACT, node("Gather", "w x", axis=1), {"w": floats(3, 7, 5), "x": INDEX})
case("gather", "vectors", PRODUCT, [node("Gather", "w x", "p"), node("Add", "p p")], {"x": INDEX}, w=floats(7, 9))
case("gather", "then_product", PRODUCT, [node("Gather", "w x", "p"), node("MatMul", "p v")],
     {"w": floats(7, 9), "x": INDEX}, v=floats(9, 5))
case("gather", "of_product", PRODUCT, [node("MatMul", "a v", "p"), node("Gather", "p x")],
     {"a": floats(7, 9), "x": INDEX}, v=floats(9, 5))
case("gather", "and_product", PRODUCT, [node("Relu", "a", "r"), node("MatMul", "r v", "z"), node("Gather", "r x")],
     {"a": floats(7, 9), "x": INDEX}, v=floats(9, 5))
for axis, shape in ((0, (4, 3)), (1, (6, 5))):
    case("gather", f"elements{axis}", EXACT, node("GatherElements", "x i", axis=axis),
         {"x": floats(6, 3, scale=1e6), "i": integers(*shape, low=-3, high=3)[:, :3].copy()})
case("gather", "nd", EXACT, node("GatherND", "x i"),
     {"x": floats(3, 6, scale=1e6), "i": np.array([[0, -1], [-1, 0], [1, 2], [-3, -6]])})
case("gather", "one_hot", EXACT, node("OneHot", "x d v"), {"x": ints(-1, -6, 3, 0)}, d=np.int64(6), v=np.array([0, 1], np.float32))
case("gather", "one_hot_integers", EXACT, node("OneHot", "x d v"), {"x": ints(-1, 2)}, d=np.int64(5), v=ints(-7, 2 ** 30))
case("gather", "scatter_elements", EXACT, node("ScatterElements", "x i u", axis=1),
     {"x": floats(3, 6), "u": floats(3, 2)}, i=np.array([[0, 1], [2, 3], [-1, 0]]))
case("gather", "scatter_nd", EXACT, node("ScatterND", "x i u"), {"x": floats(5, 6), "u": floats(2, 6)}, i=ints(0, 3)[:, None])

# --- Integers -----------------------------------------------------------------
COLUMN = ints(-3, 5, -2 ** 31, 2139095041, 0)[:, None]
for op in ("Add", "Sub", "Mul", "Min", "Max", "Less", "LessOrEqual", "Greater", "Equal"):
    x = COLUMN % 30000 - 9000 if op == "Mul" else COLUMN // 2 if op in ("Add", "Sub") else COLUMN
    case("integer", op.lower(), EXACT, node(op, "x z"), {"x": x, "z": ints(0, -1, 7, 2139095041 // 40000)[None]})
case("integer", "outer", EXACT, [node("Unsqueeze", "x a", "u"), node("Unsqueeze", "x b", "v"), node("Sub", "u v")],
     {"x": ints(3, -1, 4, -1, 5, -9)}, a=ints(1), b=ints(0))
case("integer", "scalar", EXACT, node("Add", "x z"), {"x": np.array(-3, np.int64), "z": integers(3, 5, low=-9, high=9)})
for axis in (0, 1):
    for op in ("ReduceMax", "ReduceMin"):
        case("integer", f"{op.lower()}{axis}", EXACT, node(op, "x", axes=[axis]), {"x": integers(5, 41)})
    case("integer", f"sum{axis}", EXACT, node("ReduceSum", "x a"), {"x": integers(7, 43, low=-2 ** 25, high=2 ** 25)}, a=ints(axis))
    case("integer", f"sum_large{axis}", EXACT, node("ReduceSum", "x a"), {"x": integers(3, 4, 350, low=-2 ** 22, high=2 ** 22)}, a=ints(axis + 1))
    case("integer", f"cumsum_reverse{axis}", EXACT, node("CumSum", "x a", reverse=1), {"x": integers(5, 30, low=-2 ** 25, high=2 ** 25)}, a=np.int64(axis))
    case("integer", f"cumsum{axis}", EXACT, node("CumSum", "x a"), {"x": integers(5, 30, low=-2 ** 25, high=2 ** 25)}, a=np.int64(axis))
    case("integer", f"argmax{axis}", EXACT, node("ArgMax", "x", axis=axis), {"x": floats(9, 41)})
    case("integer", f"sum_of_negated{axis}", EXACT, [node("Neg", "x", "p"), node("ReduceSum", "p a")],
         {"x": integers(9, 20, low=-2 ** 26, high=2 ** 26)}, a=ints(axis))
for op in ("Prod", "Sum", "Max", "Min"):
    case("integer", f"constant_{op.lower()}", EXACT, [node(f"Reduce{op}", "w" if op != "Sum" else "w a", "s", keepdims=0), node("Add", "x s")],
         {"x": integers(3, 5, low=-9, high=9)}, w=ints(3, -4, 5), **({"a": ints(0)} if op == "Sum" else {}))
case("integer", "argmax_joined", EXACT, [node("ArgMax", "x", "m", axis=1, keepdims=0), node("ScatterND", "m i u")],
     {"x": integers(3, 2, dtype=np.int32)}, i=ints(1).reshape(1, 1), u=ints(5))
case("integer", "running_then_gather", EXACT,
     [node("Cast", "x", "p", to=6), node("ReduceSum", "p a", "s", keepdims=0), node("Gather", "w s")],
     {"x": rng.integers(0, 2, (4, 5)).astype(bool)}, a=ints(0), w=floats(5, 6))
case("integer", "truth_sum", EXACT, [node("Cast", "x", "p", to=7), node("ReduceSum", "p a")], {"x": rng.integers(0, 2, (3, 50)).astype(bool)}, a=ints(1))
case("integer", "topk", EXACT, node("TopK", "x k", "v i"), {"x": floats(3, 9)}, k=ints(4))
case("integer", "to_float", EXACT, node("Cast", "x", to=1), {"x": np.array([2 ** 24 + 1, 2 ** 31 - 1, -2 ** 31, -2 ** 24 - 3], np.int32)})
case("integer", "from_float", EXACT, node("Cast", "x", to=6), {"x": np.array([[0, 1.5, -1.5, 2.5, -2.9, 1e9, -0.0]], np.float32)})
case("integer", "logic", EXACT, [node("And", "x z", "a"), node("Xor", "a x", "b"), node("Or", "b z", "c"), node("Not", "c")],
     {"x": rng.integers(0, 2, (3, 5)).astype(bool), "z": rng.integers(0, 2, (5,)).astype(bool)})
for _op in "Add", "Sub", "Mul":  # bytes wrap
    case("integer", f"{_op.lower()}8", EXACT, node(_op, "x z"),
         {"x": integers(3, 50, low=-128, high=128, dtype=np.int8), "z": integers(3, 50, low=-128, high=128, dtype=np.int8)})
case("integer", "matmul", EXACT, node("MatMulInteger", "x w"), {"x": integers(3, 50, low=-128, high=128, dtype=np.int8)},
     w=integers(50, 7, low=-128, high=128, dtype=np.int8))
case("integer", "matmul_column", EXACT, [node("MatMulInteger", "x w", "p"), node("Add", "p z")],
     {"x": integers(3, 50, low=-128, high=128, dtype=np.int8), "z": integers(3, 9, low=-9, high=9, dtype=np.int32)},
     w=integers(50, 1, low=-128, high=128, dtype=np.int8))

# --- Products -----------------------------------------------------------------
for low, high in ((0, 4), (1, 5), (27, 31), (16, 33)):
    case("product", f"slice_{low}", PRODUCT, [node("MatMul", "x z", "p"), node("Slice", SLICE)],
         {"x": floats(33, 9), "z": floats(9, 33)}, **slices(low, high, 1))
    case("product", f"batch_slice_{low}", PRODUCT, [node("MatMul", "x z", "p"), node("Slice", SLICE)],
         {"x": floats(3, 33, 9), "z": floats(3, 9, 33)}, **slices(low, high, 2))
for _name, _size, _low, _high, _step in [("strided", 40, 0, 40, 2), ("window", 400, 5, 400, 1), ("backwards", 24, 23, -100, -1)]:
    case("product", f"slice_{_name}", PRODUCT,
         [node("Slice", "x low high axis step", "q"), node("MatMul", "q w")], {"x": floats(7, _size)},
         w=floats(len(range(_size)[slice(_low, None if _high < 0 else _high, _step)]), 9), **slices(_low, _high, 1, _step))
case("product", "const_batch_slice", PRODUCT, [node("MatMul", "x w", "p"), node("Slice", SLICE)], {"x": floats(3, 33, 9)},
     w=floats(3, 9, 33), **slices(7, 11, 2))
case("product", "const_batch", PRODUCT, node("MatMul", "x w"), {"x": floats(3, 5, 9)}, w=floats(3, 9, 33))
case("product", "split", PRODUCT, [node("MatMul", "x z", "p"), node("Split", "p", "y u", axis=-1)],
     {"x": floats(3, 33, 9), "z": floats(3, 9, 34)})
case("product", "computed_slice", PRODUCT,
     [node("Relu", "x", "a"), node("Neg", "z", "b"), node("MatMul", "a b", "p"), node("Slice", SLICE)],
     {"x": floats(13, 9), "z": floats(9, 33)}, **slices(7, 20, 1))
for shape, rows, columns in (((5, 33), 11, 3), ((5, 32), 2, 16), ((2, 13, 64), 4, 16), ((1, 64), 4, 16)):
    case("product", f"cut_{'x'.join(map(str, shape))}", PRODUCT, [node("Reshape", "x s", "q"), node("MatMul", "q w")],
         {"x": floats(*shape)}, s=ints(*shape[:-1], rows, columns), w=floats(columns, 8))
case("product", "cut_computed", PRODUCT, [node("MatMul", "x v", "p"), node("Reshape", "p s", "q"), node("MatMul", "q w")],
     {"x": floats(5, 20)}, v=floats(20, 32, scale=.25), s=ints(5, 2, 16), w=floats(16, 7))
case("product", "gram_of_slice", PRODUCT,
     [node("Slice", "x low high axis step", "p"), node("Transpose", "p", "t"), node("MatMul", "p t")], {"x": floats(9, 20)}, **slices(3, 5, 0))
case("product", "scores", PRODUCT, [node("Transpose", "z", "t", perm=[0, 1, 3, 2]), node("MatMul", "x t")],
     {"x": floats(2, 3, 7, 11), "z": floats(2, 3, 5, 11)})
# Heads of what moves are inputs, or cast or scaled ones; those of the other operand stand side by side in computed rows.
for _name, _first, _type in ("input", node("Identity", "x", "q"), np.float32), ("cast", node("Cast", "x", "q", to=1), np.float16), \
        ("scaled", node("Mul", "x half", "q"), np.float32):
    case("product", f"heads_{_name}", PRODUCT,
         [_first, node("MatMul", "z w", "v"), node("Reshape", "v s", "r"), node("Transpose", "r", "t", perm=[0, 2, 1, 3]),
          node("MatMul", "q t")],
         {"x": floats(1, 3, 8, 8).astype(_type), "z": floats(1, 8, 24)}, w=floats(24, 24, scale=.2), s=ints(1, 8, 3, 8),
         **({"half": np.float32(.5)} if _name == "scaled" else {}))
case("product", "vector", PRODUCT, node("MatMul", "x w"), {"x": floats(40)}, w=floats(40, 33))
# (A row of one number that cancels has no digits: these do not cancel.)
case("product", "column", PRODUCT, [node("MatMul", "x w", "p"), node("Add", "p z")],
     {"x": np.abs(floats(9, 40)), "z": floats(9, 7)}, w=np.abs(floats(40, 1)))
case("product", "gemm", PRODUCT, node("Gemm", "x w c", transB=1, alpha=.5), {"x": floats(6, 9)}, w=floats(11, 9), c=floats(11))
case("product", "gemm_without_c", PRODUCT, node("Gemm", "x w c", beta=0.), {"x": floats(6, 9)}, w=floats(9, 11), c=np.full(11, np.inf, np.float32))
case("product", "large_weights", PRODUCT, node("MatMul", "x w"), {"x": floats(3, 20)}, w=floats(20, 5, scale=1e5))
case("product", "huge_weights", PRODUCT, node("MatMul", "x w"), {"x": floats(3, 20)}, w=floats(20, 5, scale=1e30))
case("product", "tiny_weights", PRODUCT, node("MatMul", "x w"), {"x": floats(3, 20)}, w=floats(20, 5, scale=1e-6))
case("product", "large_weights_left", PRODUCT, node("MatMul", "w x"), {"x": floats(20, 3)}, w=floats(7, 20, scale=1e6))
case("product", "large_weights_column", PRODUCT, [node("MatMul", "x w", "p"), node("Add", "p z")],
     {"x": np.abs(floats(9, 40)), "z": floats(9, 7)}, w=np.abs(floats(40, 1, scale=1e6)))

# --- Arithmetic ---------------------------------------------------------------
for op in ("Add", "Sub", "Mul", "Div"):
    for name, left, right in (("row", (5, 37), (37,)), ("column", (5, 37), (5, 1)), ("both", (5, 1), (1, 37)), ("batch", (2, 1, 3, 9), (4, 1, 9))):
        case("arithmetic", f"{op.lower()}_{name}", VECTOR, node(op, "x z"), {"x": floats(*left), "z": np.abs(floats(*right)) + np.float32(.5)})
for op in ("Abs", "Ceil", "Floor", "Neg", "Round"):
    case("arithmetic", op.lower(), EXACT, node(op, "x"), {"x": floats(5, 37, scale=10)})
for op in ("Erf", "Exp", "Sigmoid", "Softplus", "Softsign", "Tanh", "Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "Relu"):
    case("arithmetic", op.lower(), VECTOR, node(op, "x"), {"x": floats(5, 37)})
for op in ("Log", "Reciprocal", "Sqrt"):
    case("arithmetic", op.lower(), VECTOR, node(op, "x"), {"x": np.abs(floats(5, 37)) + np.float32(.1)})
for axis in (0, 1, 2):
    for op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare", "ReduceProd"):
        case("arithmetic", f"{op.lower()}{axis}", VECTOR, node(op, "x", axes=[axis]), {"x": np.abs(floats(3, 7, 41)) + np.float32(.5)})
    case("arithmetic", f"softmax{axis}", VECTOR, node("Softmax", "x", axis=axis), {"x": floats(3, 7, 41)})
    case("arithmetic", f"cumsum{axis}", VECTOR, node("CumSum", "x a"), {"x": np.abs(floats(3, 7, 21, scale=1e5))}, a=np.int64(axis))
case("arithmetic", "cumsum_back", VECTOR, node("CumSum", "x a", exclusive=1, reverse=1), {"x": np.abs(floats(3, 9))}, a=np.int64(1))
case("arithmetic", "layer_norm", VECTOR, node("LayerNormalization", "x s b"), {"x": floats(3, 7, 41)}, s=floats(41), b=floats(41))
case("arithmetic", "cut_norm", VECTOR, [node("Reshape", "x r", "q"), node("LayerNormalization", "q s")], {"x": floats(5, 32)},
     r=ints(5, 2, 16), s=floats(16))
case("arithmetic", "factors", VECTOR, [node("Mul", "x a", "p"), node("Mul", "p b")], {"x": floats(3, 9, scale=1e-30)},
     a=np.float32(1e25), b=np.float32(1e25))
case("arithmetic", "pow", VECTOR, node("Pow", "x e"), {"x": floats(3, 9)}, e=np.float32(3))
case("arithmetic", "clip", EXACT, node("Clip", "x a b"), {"x": floats(3, 9)}, a=np.float32(-.5), b=np.float32(.5))
case("arithmetic", "max3", EXACT, node("Max", "x z x"), {"x": floats(3, 5), "z": floats(5)})
case("arithmetic", "isnan", EXACT, node("IsNaN", "x"), {"x": SPECIAL})
case("arithmetic", "isinf", EXACT, node("IsInf", "x"), {"x": SPECIAL})
case("arithmetic", "quantise", VECTOR, [node("QuantizeLinear", "x s z", "a"), node("DequantizeLinear", "a s z")], {"x": floats(3, 20)},
     s=np.float32(.03), z=np.uint8(128))

# --- ONNX Runtime's fused operators, quantised products -----------------------
def fused(op, operands, results="y", **attributes):
    return node(op, operands, results, domain="com.microsoft", **attributes)


def numbers(*values):
    return np.array(values, np.int32)


_HEADS = dict(w=floats(24, 72, scale=.2), b=floats(72, scale=.2))
_SEEN = (rng.random((2, 9)) < .7).astype(np.int32)
for _name, _mask in [("keys", _SEEN), ("ends", numbers(9, 4)), ("windows", numbers(9, 6, 0, 2)),
                     ("pairs", (rng.random((2, 9, 9)) < .7).astype(np.int32))]:
    case("fused", f"attention_{_name}", PRODUCT, fused("Attention", "x w b m", num_heads=3),
         {"x": floats(2, 9, 24), "m": _mask}, **_HEADS)
case("fused", "attention_causal", PRODUCT, fused("Attention", "x w b m", num_heads=3, unidirectional=1),
     {"x": floats(2, 9, 24), "m": numbers(9, 4)}, **_HEADS)
_TABLES = dict(word=floats(31, 24), place=floats(12, 24), part=floats(2, 24), g=floats(24), c=floats(24))
_TOKENS = {"x": integers(2, 9, low=0, high=31, dtype=np.int32), "s": integers(2, 9, low=0, high=2, dtype=np.int32)}
case("fused", "embed", PRODUCT, fused("EmbedLayerNormalization", "x s word place part g c", "y n"), _TOKENS, **_TABLES)
case("fused", "embed_mask", PRODUCT, fused("EmbedLayerNormalization", "x s word place part g c m", "y n"),
     _TOKENS | {"m": _SEEN}, **_TABLES)
case("fused", "embed_attention", PRODUCT,
     [fused("EmbedLayerNormalization", "x s word place part g c m", "e n"), fused("Attention", "e w b n", num_heads=3)],
     _TOKENS | {"m": (np.arange(9) < [[9], [5]]).astype(np.int32)}, **_TABLES, **_HEADS)
# Integer products of unsigned activations that are found when it runs: their range
# is over rows and lanes, zero points of weights per column.
for _sign in (np.int8, np.uint8):
    _low = np.iinfo(_sign).min
    case("fused", f"integer_{np.dtype(_sign).name}", EXACT, node("MatMulInteger", "x w za zb"),
         {"x": integers(2, 5, 330, low=0, high=256, dtype=np.uint8), "za": np.array(117, np.uint8)},
         w=integers(330, 37, low=_low, high=_low + 256, dtype=_sign), zb=integers(37, low=_low, high=_low + 256, dtype=_sign))
case("fused", "dynamic_range", VECTOR,
     [node("DynamicQuantizeLinear", "x", "q s z"), node("Cast", "q", "y", to=6), node("Cast", "z", "w", to=6)], {"x": np.arange(-700, 1385, 3, np.float32).reshape(5, 139) / 8})

# --- What random_models.py found, on the machine that it found it on ------------
case("found", "reshape_copy", EXACT, node("Reshape", "x s"), {"x": floats(4, 40)}, s=ints(80, 2))
case("found", "sum_shared", VECTOR, node("ReduceSum", "x a", keepdims=0), {"x": floats(2, 100)}, a=ints(0))
case("found", "gather_crowded", EXACT, [node("Relu", "x", "y"), node("Slice", "x low high axis step", "z")], {"x": floats(40, 40)},
     low=ints(0, 30), high=ints(1, -41), axis=ints(0, 1), step=ints(1, -1))
# Correct, and once refused by the modular run: on any machine.
case("found", "halves_across_lanes", PRODUCT, [node("ScatterElements", "x at u", "s", axis=0), node("MatMul", "s s")], {"x": floats(16)},
     at=ints(14), u=floats(1))
case("found", "constant_sum", VECTOR, node("Sum", "a b x"), {"x": floats(1, 1, 1)}, a=floats(2, 1, 1), b=floats(1))
case("found", "slope_behind_scale", VECTOR, [node("DequantizeLinear", "x s z", "a"), node("PRelu", "a p")],
     {"x": integers(3, 5, low=-128, high=128, dtype=np.int8)}, s=np.float32(0.031), z=np.int8(3), p=floats(1))
case("found", "rows_handed_on", VECTOR, [node("Gather", "w x", "g"), node("Reshape", "g s", "y"), node("Mul", "g g", "z")],
     {"x": integers(2, 3, low=0, high=17)}, w=floats(17, 5), s=ints(6, 5))
case("found", "rows_and_themselves", VECTOR, [node("Gather", "w x", "g"), node("Max", "g g")], {"x": integers(2, 3, low=0, high=17)}, w=floats(17, 5))
case("found", "remainders", EXACT, [node("Mod", "a b", "m"), node("Gather", "x m")], {"x": floats(9, 4)}, a=ints(-7, 7, 10, -1), b=ints(5, -5, 3, 4))


def model(name):
    """The ONNX model of (family, name); outputs are what no node reads."""
    gate, nodes, inputs, constants, opset = FAMILIES[name[0]][name[1]]
    read = {operand for n in nodes for operand in n.input}
    made = [result for n in nodes for result in n.output]

    def info(key, array):
        return helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

    graph = helper.make_graph(
        nodes, name[1], [info(k, v) for k, v in inputs.items()],
        [helper.make_empty_tensor_value_info(m) for m in made if m not in read],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items() if k in read])
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)],
                               ir_version=8)
    return onnx.shape_inference.infer_shapes(result, data_prop=True), gate, inputs


def same_bits(got, want):
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"is {got.dtype}{list(got.shape)}, wanted {want.dtype}{list(want.shape)}"
    equal = got == want
    if want.dtype.kind == "f":
        equal = (equal & (np.signbit(got) == np.signbit(want))) | (np.isnan(got) & np.isnan(want))
    bad = np.argwhere(~np.atleast_1d(equal))
    if len(bad) == 0:
        return ""
    at = tuple(bad[0])
    return (f"{len(bad)} of {want.size} elements differ; at {list(map(int, at))} "
            f"{np.atleast_1d(got)[at]}, wanted {np.atleast_1d(want)[at]}")


def run(family, name, target, folder):
    """("ok" | "refused" | "FAILED", why)"""
    proto, gate, inputs = model((family, name))
    path, package = folder / f"{name}.onnx", folder / f"{name}.lpu"
    onnx.save(proto, path)
    try:
        report = run_model.tool("lpu-compile", path, "--target", target, "-o", package)
    except run_model.Failed as failure:
        text = str(failure)
        clear = text.startswith("exit code 1 ") and "error: " in text and "bug of the compiler" not in text
        return "refused" if clear else "FAILED", text.partition("\n")[2].strip()[:200].replace("\n", " ")
    feeds, results = folder / f"{name}.in.npz", folder / f"{name}.out.npz"
    np.savez(feeds, **inputs)
    try:
        run_model.judge(package, path)
        measured = run_model.tool("lpu-run", package, "--inputs", feeds, "--outputs", results)
    except run_model.Failed as failure:
        return "FAILED", str(failure)
    cycles = run_model.printed("cycles", report, "lpu-compile"), run_model.printed("cycles", measured, "lpu-run")
    if cycles[0] != cycles[1]:
        return "FAILED", f"{cycles[0]} cycles promised, {cycles[1]} measured"
    want = compare.reference(path, inputs)
    with np.load(results) as arrays:
        got = dict(arrays)
    problems = []
    for output, array in want.items():
        if output not in got:
            problems.append(f"{output}: missing")
        elif gate == EXACT or array.dtype.kind != "f":
            problem = same_bits(got[output], array)
            problems += [f"{output}: {problem}"] if problem else []
        else:
            result = compare.compare(output, got[output], array, gate)
            problems += [] if result.passed else [str(result)]
    return ("FAILED", "; ".join(problems)) if problems else ("ok", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--family", choices=FAMILIES, required=True)
    parser.add_argument("--target", default="lpu1")
    parser.add_argument("--only", help="one model")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    names = [options.only] if options.only else list(FAMILIES[options.family])
    counts = {"ok": 0, "refused": 0, "FAILED": 0}
    for name in names:
        outcome, why = run(options.family, name, options.target, options.folder)
        counts[outcome] += 1
        if outcome != "ok":
            print(f"{outcome}: {name}: {why}")
    print(f"{options.family} on {pathlib.Path(options.target).stem}: "
          f"{counts['ok']} agree, {counts['refused']} refused, {counts['FAILED']} failed")
    return 1 if counts["FAILED"] or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
