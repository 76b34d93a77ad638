# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One operator or a few at a time, compiled, verified, run, compared with ONNX Runtime.

    moves.py FOLDER --table moves --target lpu1 [--only NAME]

Tables: `moves` and `integers` must agree in every bit, `operators` within
test/tolerances.toml. A line of a table is one model; sizes are odd on purpose.
"""
import argparse
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import run_model
from run_model import compare

TYPES = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL, "c": TensorProto.INT8,
         "u": TensorProto.UINT8}
rng = np.random.default_rng(0)


class Case:
    """`inputs` maps names to a letter of TYPES and a shape, or to an array to feed."""

    def __init__(self, name, nodes, inputs, outputs=("y",), opset=17, **weights):
        self.name, self.feeds = name, {}
        values = []
        for key, given in inputs.items():
            array = given if isinstance(given, np.ndarray) else random(*given)
            self.feeds[key] = array
            values.append(helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(array.dtype),
                                                        array.shape))
        graph = helper.make_graph(
            nodes, name, values, [helper.make_empty_tensor_value_info(o) for o in outputs],
            [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                  ir_version=10 if opset > 20 else 8)
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
        known = all(o.type.tensor_type.elem_type for o in inferred.graph.output)
        self.model = inferred if known else model
        if not known:  # the checker knows no rule for this operator: float results
            for output in self.model.graph.output:
                output.type.tensor_type.elem_type = TensorProto.FLOAT


def random(letter, *shape):
    dtype = helper.tensor_dtype_to_np_dtype(TYPES[letter])
    if letter == "f":
        return rng.standard_normal(shape).astype(dtype)
    low, high = {"i": (-50, 50), "b": (0, 2), "c": (-128, 128), "u": (0, 256)}[letter]
    return rng.integers(low, high, shape).astype(dtype)


def node(op, inputs, outputs="y", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def ints(*values):
    return np.array(values, np.int64)


def weight(*shape):
    return random("f", *shape)


SPECIAL = np.array([[0., -0., np.inf, -np.inf, np.nan, 1e-40, 3e38, -1e-45]] * 2, np.float32)


def moves():
    reshape, x = [node("Reshape", "x s")], lambda *shape: {"x": ("f", *shape)}
    sliced = [node("Slice", "x start end axis step")]
    yield Case("reshape", reshape, x(4, 6), s=ints(3, 8))
    yield Case("reshape_chunks", reshape, x(6, 500), s=ints(4, 750))
    yield Case("reshape_computed", [node("Relu", "x", "h"), node("Reshape", "h s")], x(4, 6), s=ints(3, 8))
    yield Case("reshape_i64", reshape, {"x": ("i", 4, 6)}, s=ints(3, 8))
    yield Case("reshape_bool", reshape, {"x": ("b", 4, 6)}, s=ints(3, 8))
    yield Case("reshape_i8", reshape, {"x": ("c", 4, 6)}, s=ints(3, 8))
    yield Case("reshape_bits", reshape, {"x": SPECIAL}, s=ints(4, 4))
    yield Case("flatten", reshape, x(7, 50), s=ints(-1))
    yield Case("unflatten", reshape, x(350), s=ints(7, 50))
    yield Case("transpose", [node("Transpose", "x", perm=[2, 0, 1])], x(3, 5, 7))
    yield Case("transpose_flat", [node("Transpose", "x", "t"), node("Reshape", "t s")], x(7, 50), s=ints(5, 70))
    yield Case("heads", [node("Reshape", "x s", "h"), node("Transpose", "h", "t", perm=[0, 2, 1, 3]),
                         node("Reshape", "t s2")], x(2, 9, 20), s=ints(2, 9, 4, 5), s2=ints(2, 180))
    yield Case("interleave", [node("Reshape", "x s", "h"), node("Transpose", "h", "t", perm=[0, 2, 1]),
                              node("Reshape", "t s2")], x(6, 40), s=ints(6, 2, 20), s2=ints(6, 40))
    yield Case("slice_lanes", sliced, x(6, 30), start=ints(3), end=ints(28), axis=ints(1), step=ints(5))
    yield Case("slice_back", sliced, x(6, 9), start=ints(-1, 8), end=ints(-100, 0), axis=ints(0, 1), step=ints(-2, -3))
    yield Case("flip_rows", sliced, x(6, 9), start=ints(-1), end=ints(-100), axis=ints(0), step=ints(-1))
    yield Case("split", [node("Split", "x s", "a b c", axis=1)], x(4, 10), ("a", "b", "c"), s=ints(1, 7, 2))
    yield Case("concat", [node("Concat", "x z x", axis=-1)], {"x": ("f", 3, 5), "z": ("f", 3, 2)})
    yield Case("concat_chunks", [node("Concat", "x z", axis=-1)], {"x": ("f", 3, 333), "z": ("f", 3, 400)})
    yield Case("roll", [node("Split", "x s", "a b", axis=1), node("Concat", "b a", axis=1)], x(5, 20), s=ints(13, 7))
    yield Case("tile", [node("Tile", "x s")], x(2, 3), s=ints(2, 3))
    yield Case("tile_chunks", [node("Tile", "x s")], x(2, 3, 50), s=ints(1, 2, 7))
    yield Case("pad", [node("Pad", "x p v")], x(4, 5), p=ints(1, 2, 0, 3), v=np.float32(2.5))
    yield Case("pad_cut", [node("Pad", "x p")], x(4, 5), p=ints(-1, 2, 0, -2))
    yield Case("pad_reflect", [node("Pad", "x p", mode="reflect")], x(4, 5), p=ints(1, 2, 0, 3))
    yield Case("pad_edge", [node("Pad", "x p", mode="edge")], x(4, 5), p=ints(1, 2, 0, 3))
    yield Case("gather_input", [node("Gather", "x k", axis=1)], {"x": ("f", 7, 6), "k": ints(5, 0, -1)})
    yield Case("gather_computed", [node("Relu", "x", "h"), node("Gather", "h k")],
               {"x": ("f", 26, 60), "k": ints(12, 25, -26)})
    yield Case("gather_last", [node("ReduceSum", "m axis", "n", keepdims=0), node("Sub", "n one", "k"),
                               node("Relu", "x", "h"), node("Gather", "h k")],
               {"x": ("f", 13, 60), "m": np.tril(np.ones((4, 13), np.int64))}, axis=ints(1), one=np.int64(1))
    yield Case("scatter", [node("ScatterElements", "x k u", axis=1)], {"x": ("f", 3, 6), "u": ("f", 3, 2)},
               k=np.array([[0, 1], [2, 3], [-1, 0]]))


def integers():
    big = rng.integers(-2**30, 2**30, (40, 5))
    for axis in (0, 1):
        yield Case(f"max{axis}", [node("ReduceMax", "x", axes=[axis])], {"x": big})
        yield Case(f"min{axis}", [node("ReduceMin", "x", axes=[axis])], {"x": big})
        yield Case(f"sum{axis}", [node("ReduceSum", "x a")], {"x": big // 64}, a=ints(axis))
        yield Case(f"argmax{axis}", [node("ArgMax", "x", axis=axis)], {"x": 2**28 + big % 9})
    for name, shape in {"row": (3, 50), "rows": (13, 60), "batch": (2, 13, 60)}.items():
        yield Case(f"argmax_{name}", [node("ArgMax", "x", axis=-1)], {"x": ("f", *shape)})
        yield Case(f"argmin_{name}", [node("Relu", "x", "h"), node("ArgMin", "h", axis=-1)], {"x": ("f", *shape)})
    yield Case("argmax_product", [node("MatMul", "x w", "h"), node("ArgMax", "h", axis=1, keepdims=0)],
               {"x": ("f", 4, 40)}, w=weight(40, 3))
    yield Case("topk", [node("TopK", "x k", "v n")], {"x": ("f", 3, 9)}, ("v", "n"), k=ints(4))
    yield Case("topk_rows", [node("TopK", "x k", "v n", largest=0, axis=0)], {"x": ("f", 9, 3)}, ("v", "n"), k=ints(2))
    yield Case("hardmax", [node("Hardmax", "x", axis=1)], {"x": ("f", 3, 5, 7)})
    yield Case("matmul", [node("MatMul", "x w")], {"x": ("i", 5, 9), "w": ("i", 9, 4)})
    yield Case("matmul_u8", [node("MatMulInteger", "x w z v")], {"x": ("u", 3, 20)}, w=random("u", 20, 5),
               z=np.uint8(7), v=np.uint8(9))
    for op in ("And", "Or", "Xor"):
        yield Case(f"bitwise_{op.lower()}", [node(f"Bitwise{op}", "x z")], {"x": ("i", 3, 5), "z": ("i", 3, 5)}, opset=18)
    yield Case("bitwise_not", [node("BitwiseNot", "x")], {"x": ("i", 3, 5)}, opset=18)


def einsum(equation, *shapes):
    names = [f"i{n}" for n in range(len(shapes))]
    return Case("einsum " + equation, [node("Einsum", " ".join(names), equation=equation)],
                {name: ("f", *shape) for name, shape in zip(names, shapes)})


def conv(name, x, w, **attributes):
    return Case(name, [node("Conv", "x w b", **attributes)], {"x": ("f", *x)}, w=weight(*w), b=weight(w[0]))


def operators():
    x = lambda *shape: {"x": ("f", *shape)}
    yield Case("prelu", [node("PRelu", "x s")], x(4, 40), s=weight(40))
    for op, attributes in {"Selu": {}, "Celu": {"alpha": 2.}, "ThresholdedRelu": {"alpha": .3},
                           "Shrink": {"lambd": .3, "bias": .1}, "LpNormalization": {}}.items():
        yield Case(op.lower(), [node(op, "x", **attributes)], x(4, 40))
    yield Case("batch_norm", [node("BatchNormalization", "x s b m v")], x(2, 5, 20),
               s=weight(5), b=weight(5), m=weight(5), v=np.abs(weight(5)))
    yield Case("instance_norm", [node("InstanceNormalization", "x s b")], x(2, 3, 4, 8), s=weight(3), b=weight(3))
    yield Case("group_norm", [node("GroupNormalization", "x s b", num_groups=2)], x(2, 6, 8), opset=21,
               s=weight(6), b=weight(6))
    yield Case("layer_norm_statistics", [node("LayerNormalization", "x s", "y m i")], x(3, 7), ("y", "m", "i"), s=weight(7))
    yield Case("mean_variance", [node("MeanVarianceNormalization", "x", axes=[1])], x(2, 3, 8))
    yield Case("global_average", [node("GlobalAveragePool", "x")], x(2, 3, 8, 5))
    yield conv("conv_1x1", (2, 20, 9), (30, 20, 1))
    yield conv("conv_1d", (2, 20, 9), (30, 20, 3), pads=[1, 1])
    yield conv("conv_strided", (1, 4, 19), (6, 4, 3), strides=[2], dilations=[2])
    yield conv("conv_2d", (1, 3, 8, 8), (8, 3, 3, 3), auto_pad="SAME_UPPER")
    yield conv("conv_depthwise", (1, 4, 9), (4, 1, 3), group=4, pads=[1, 1])
    yield conv("conv_patches", (1, 3, 8, 8), (24, 3, 4, 4), strides=[4, 4])
    yield einsum("bsd,btd->bst", (2, 5, 20), (2, 6, 20))
    yield einsum("bshd,bthd->bhst", (2, 5, 3, 8), (2, 6, 3, 8))
    yield einsum("bhst,bthd->bshd", (2, 3, 5, 6), (2, 6, 3, 8))
    yield einsum("ij,jk,kl->il", (3, 4), (4, 5), (5, 6))
    yield einsum("i,j->ij", (4,), (5,))
    yield einsum("bij->bj", (2, 3, 4))
    yield einsum("ij,jk", (3, 4), (4, 5))
    yield Case("mean_two_axes", [node("MatMul", "x w", "h"), node("Mul", "h k", "m"), node("ReduceMean", "m", axes=[1, 2])],
               {**x(2, 13, 20), "k": ("f", 2, 13, 1)}, w=weight(20, 60))
    yield Case("product_of_splat", [node("MatMul", "x w")], x(3, 20), w=np.full((20, 5), .5, np.float32))
    yield Case("product_of_repeats", [node("Relu", "x", "h"), node("Expand", "h s", "e"), node("MatMul", "e w")],
               x(2, 3, 1), s=ints(2, 3, 20), w=weight(2, 20, 5))
    yield Case("pow", [node("Pow", "x e")], {"x": np.abs(weight(3, 9)), "e": ("f", 3, 9)})
    yield Case("pow_signs", [node("Pow", "x e")], {"x": np.array([-2, -2, 0, -1.5, 0, 3, -2], np.float32),
                                                   "e": np.array([3, 2, 0, 5, 2, 0, -1], np.float32)})


TABLES = {"moves": moves, "integers": integers, "operators": operators}


def check(case, target, folder, exact):
    """What is wrong; an empty text if nothing is. And the cycles."""
    model, package, inputs, outputs = (folder / f"{target.stem}-{case.name.split()[0]}{end}"
                                       for end in (".onnx", ".lpu", "-in.npz", "-out.npz"))
    onnx.save(case.model, model)
    report = run_model.tool("lpu-compile", model, "--target", target, "-o", package)
    cycles = run_model.printed("cycles", report, "lpu-compile")
    run_model.judge(package, model)
    np.savez(inputs, **case.feeds)
    measured = run_model.tool("lpu-run", package, "--inputs", inputs, "--outputs", outputs)
    if run_model.printed("cycles", measured, "lpu-run") != cycles:
        return f"lpu-compile printed {cycles} cycles, lpu-run another number", cycles
    want = compare.reference(model, case.feeds)
    with np.load(outputs) as file:
        got = dict(file)
    if exact:
        for name, array in want.items():
            same = array.dtype == got[name].dtype and np.array_equal(array, got[name], equal_nan=array.dtype.kind == "f")
            if not same or (array.dtype.kind == "f" and (np.signbit(array) != np.signbit(got[name]))[~np.isnan(array)].any()):
                return f"{name} differs: want {array.ravel()[:6]}, got {got[name].ravel()[:6]}", cycles
        return "", cycles
    results = compare.compare_all(got, want, compare.kept_rows(case.feeds), "fp16")
    return "; ".join(str(r) for r in results if not r.passed) or ("" if results else "no output"), cycles


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--table", choices=list(TABLES), required=True)
    parser.add_argument("--target", type=pathlib.Path, default="lpu1")
    parser.add_argument("--only")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    failures = 0
    for case in TABLES[options.table]():
        if options.only not in (None, case.name):
            continue
        try:
            problem, cycles = check(case, options.target, options.folder, options.table != "operators")
        except run_model.Failed as failure:
            problem, cycles = str(failure), "no"
        print(f"{case.name}: {cycles} cycles  {'FAILED: ' + problem if problem else 'ok'}", flush=True)
        failures += bool(problem)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
