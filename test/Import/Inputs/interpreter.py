# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a module of the `onnx` dialect, as lpu-translate --import-onnx prints it,
with NumPy: one line of Python per op. It shares no code with the importer, so it
can judge what folding and rewriting have done."""
import math
import re

import numpy as np

DTYPES = {"f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32,
          "i8": np.int8, "ui8": np.uint8, "i1": np.bool_}
ERF = np.vectorize(math.erf, otypes=[np.float64])


def tensor_type(text):
    """'tensor<1x2xf32>' -> ((1, 2), float32)"""
    *dims, element = text[len("tensor<"):-1].split("x")
    return tuple(int(d) for d in dims), np.dtype(DTYPES[element])


def parse_attributes(text):
    values = {}
    for name, value in re.findall(r'(\w+) = (dense<.*?> : tensor<[^>]*>|array<i64[^>]*>|"[^"]*"|[^,}]+)', text):
        if value.startswith("dense<"):
            body, kind = value[len("dense<"):].rsplit("> : ", 1)
            values[name] = parse_dense(body, *tensor_type(kind))
        elif value.startswith("array<i64"):
            values[name] = [int(v) for v in value[len("array<i64"):-1].lstrip(":").split(",") if v.strip()]
        elif value.startswith('"'):
            values[name] = value[1:-1]
        else:
            number = value.split(" : ")[0].strip()
            values[name] = float(number) if "." in number or "E" in number else int(number)
    return values


def parse_dense(body, shape, dtype):
    if body.startswith('"0x'):
        data = bytes.fromhex(body[3:-1])
        if dtype == np.bool_:
            bits = np.frombuffer(data, np.uint8)
            if bits.size != np.prod(shape):
                bits = np.unpackbits(bits, bitorder="little")[:int(np.prod(shape))]
            return (bits != 0).reshape(shape)
        return np.frombuffer(data, dtype).reshape(shape)
    numbers = []
    for word in re.findall(r"[^\[\],\s]+", body):
        if word in ("true", "false"):
            numbers.append(word == "true")
        elif word.startswith("0x"):
            numbers.append(np.frombuffer(bytes.fromhex(word[2:])[::-1], dtype)[0])
        else:
            numbers.append(dtype.type(float(word)) if dtype.kind == "f" else int(word))
    array = np.array(numbers, dtype)
    return np.full(shape, array[0]) if array.size == 1 else array.reshape(shape)


COMBINE = {"none": lambda old, new: new, "add": lambda old, new: old + new, "mul": lambda old, new: old * new,
           "min": np.minimum, "max": np.maximum}


def scatter_nd(x, indices, updates, how):
    y = x.copy()
    for position in np.ndindex(indices.shape[:-1]):
        at = tuple(indices[position])
        y[at] = COMBINE[how](y[at], updates[position])
    return y


def scatter_elements(x, indices, updates, axis, how):
    y = x.copy()
    for position in np.ndindex(indices.shape):
        at = position[:axis] + (indices[position],) + position[axis + 1:]
        y[at] = COMBINE[how](y[at], updates[position])
    return y


def normalise(x, axis, epsilon, centre):
    axes = tuple(range(axis, x.ndim))
    x = x.astype(np.float64)
    if centre:
        x = x - x.mean(axis=axes, keepdims=True)
    return x / np.sqrt((x * x).mean(axis=axes, keepdims=True) + epsilon)


def softmax(x, axis):
    with np.errstate(invalid="ignore"):
        e = np.exp((x - x.max(axis=axis, keepdims=True)).astype(np.float64))
        return e / e.sum(axis=axis, keepdims=True)


def shaped(vector, x, axis):
    """A scale or zero point, ready to broadcast along its axis."""
    return vector.reshape([-1 if d == axis else 1 for d in range(x.ndim)]) if vector.ndim else vector


def reduce(fn):
    return lambda o, x: fn(x, axis=tuple(o["axes"]), keepdims=bool(o["keepdims"]))


def divide(o, a, b):
    return a / b if a.dtype.kind == "f" else (np.sign(a) * np.sign(b) * (abs(a) // abs(b)))


OPS = {
    "Add": lambda o, a, b: a + b, "Sub": lambda o, a, b: a - b, "Mul": lambda o, a, b: a * b,
    "Div": divide, "Pow": lambda o, a, b: np.power(a, b),
    "Mod": lambda o, a, b: np.fmod(a, b) if o["fmod"] else np.mod(a, b),
    "Min": lambda o, a, b: np.minimum(a, b), "Max": lambda o, a, b: np.maximum(a, b),
    "And": lambda o, a, b: a & b, "Or": lambda o, a, b: a | b, "Xor": lambda o, a, b: a ^ b,
    "Equal": lambda o, a, b: a == b, "Less": lambda o, a, b: a < b,
    "LessOrEqual": lambda o, a, b: a <= b, "Greater": lambda o, a, b: a > b,
    "GreaterOrEqual": lambda o, a, b: a >= b, "Where": lambda o, c, a, b: np.where(c, a, b),
    "Not": lambda o, x: ~x, "Neg": lambda o, x: -x, "Abs": lambda o, x: abs(x),
    "Sign": lambda o, x: np.sign(x), "Floor": lambda o, x: np.floor(x), "Ceil": lambda o, x: np.ceil(x),
    "Round": lambda o, x: np.round(x), "Sqrt": lambda o, x: np.sqrt(x),
    "Reciprocal": lambda o, x: 1 / x, "Exp": lambda o, x: np.exp(x), "Log": lambda o, x: np.log(x),
    "Sin": lambda o, x: np.sin(x), "Cos": lambda o, x: np.cos(x), "Tanh": lambda o, x: np.tanh(x),
    "Erf": lambda o, x: ERF(x), "Sigmoid": lambda o, x: 1 / (1 + np.exp(-x.astype(np.float64))),
    "Relu": lambda o, x: np.maximum(x, 0), "IsNaN": lambda o, x: np.isnan(x), "Cast": lambda o, x: x,
    "Gelu": lambda o, x: x * 0.5 * (1 + (ERF(x / math.sqrt(2)) if o["approximate"] == "none" else
                                         np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))),
    "MatMul": lambda o, a, b: a.astype(np.float64) @ b.astype(np.float64),
    "MatMulInteger": lambda o, a, b, za, zb: (a.astype(np.int32) - (0 if za is None else za.astype(np.int32))) @
                                             (b.astype(np.int32) - (0 if zb is None else zb.astype(np.int32))),
    "ReduceSum": reduce(np.sum), "ReduceMean": reduce(np.mean), "ReduceMax": reduce(np.max),
    "ReduceMin": reduce(np.min), "ReduceProd": reduce(np.prod),
    "ArgMax": lambda o, x: (np.argmax(x, o["axis"], keepdims=bool(o["keepdims"])) if not o["select_last_index"] else
                            x.shape[o["axis"]] - 1 - np.argmax(np.flip(x, o["axis"]), o["axis"],
                                                               keepdims=bool(o["keepdims"]))),
    "CumSum": lambda o, x: cumsum(x, **{k: o[k] for k in ("axis", "exclusive", "reverse")}),
    "Softmax": lambda o, x: softmax(x, o["axis"]),
    "LayerNormalization": lambda o, x, s, b: normalise(x, o["axis"], o["epsilon"], True) * s + (0 if b is None else b),
    "RMSNormalization": lambda o, x, s: normalise(x, o["axis"], o["epsilon"], False) * s,
    "Transpose": lambda o, x: x.transpose(o["perm"]),
    "Concat": lambda o, *xs: np.concatenate(xs, o["axis"]),
    "Gather": lambda o, x, i: np.take(x, i, o["axis"]),
    "GatherElements": lambda o, x, i: gather_elements(x, i, o["axis"]),
    "GatherND": lambda o, x, i: gather_nd(x, i, o["batch_dims"]),
    "ScatterND": lambda o, x, i, u: scatter_nd(x, i, u, o["reduction"]),
    "ScatterElements": lambda o, x, i, u: scatter_elements(x, i, u, o["axis"], o["reduction"]),
    "Pad": lambda o, x, v: np.pad(x, list(zip(o["pads"][:x.ndim], o["pads"][x.ndim:])), constant_values=v),
    "QuantizeLinear": lambda o, x, s, z: np.clip(np.rint(x / shaped(s, x, o["axis"])) +
                                                 (0 if z is None else shaped(z, x, o["axis"]).astype(np.float32)),
                                                 *((-128, 127) if o["type"] == np.int8 else (0, 255))),
    "DequantizeLinear": lambda o, x, s, z: (x.astype(np.float32) - (0 if z is None else
                                            shaped(z, x, o["axis"]).astype(np.float32))) * shaped(s, x, o["axis"]),
}


def cumsum(x, axis, exclusive, reverse):
    if reverse:
        x = np.flip(x, axis)
    y = np.cumsum(x, axis, dtype=x.dtype)
    if exclusive:
        y = y - x
    return np.flip(y, axis) if reverse else y


def gather_elements(x, indices, axis):
    grid = list(np.indices(indices.shape, sparse=True))
    grid[axis] = indices
    return x[tuple(grid)]


def gather_nd(x, indices, batch):
    if batch:
        return np.stack([gather_nd(row, tuples, batch - 1) for row, tuples in zip(x, indices)])
    return x[tuple(np.moveaxis(indices, -1, 0))]


def run(text, feeds):
    """The results of @main by name, for inputs by name."""
    values, results = {}, {}
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("func.func @main"):
            head, tail = re.match(r"func\.func @main\((.*?)\) -> (.*) \{$", line).groups()
            for name, kind, onnx in re.findall(r'(%\w+): (tensor<[^>]*>) \{onnx.name = "([^"]*)"[^}]*\}', head):
                shape, dtype = tensor_type(kind)
                assert feeds[onnx].shape == shape and feeds[onnx].dtype == dtype, onnx
                values[name] = feeds[onnx]
            names = re.findall(r'onnx.name = "([^"]*)"', tail)
        elif line.startswith("return"):
            for onnx, value in zip(names, re.findall(r"%\w+", line.split(" : ")[0])):
                results[onnx] = values[value]
        elif " = onnx." in line:
            left, op, operands, attributes, kinds = re.match(
                r"(%\w+(?:, %\w+)*) = onnx\.(\w+) ?((?:%\w+(?:, )?)*) *(\{.*\})? : \(.*\) -> (.*)$", line).groups()
            attributes = parse_attributes(attributes[1:-1]) if attributes else {}
            inputs = [values[v] for v in re.findall(r"%\w+", operands)]
            if op == "NoValue":
                values[left] = None
                continue
            shape, dtype = tensor_type(re.findall(r"tensor<[^>]*>", kinds)[0])
            attributes["type"] = dtype
            if op == "Constant":
                y = attributes["value"]
            elif op == "Initializer":
                y = np.fromfile(attributes["file"], dtype, int(np.prod(shape)), offset=attributes["offset"]).reshape(shape)
            elif op == "Reshape":
                y = inputs[0].reshape(shape)
            elif op == "Expand":
                y = np.broadcast_to(inputs[0], shape)
            elif op == "Slice":
                y = inputs[0]
                for axis, (start, step) in enumerate(zip(attributes["starts"], attributes["steps"])):
                    y = np.take(y, start + step * np.arange(shape[axis]), axis)
            elif op == "TopK":
                x = inputs[0] if not attributes["largest"] else -inputs[0]
                order = np.argsort(x, attributes["axis"], kind="stable")
                order = np.take(order, range(shape[attributes["axis"]]), attributes["axis"])
                values[left.split(", ")[0]] = np.take_along_axis(inputs[0], order, attributes["axis"])
                values[left.split(", ")[1]] = order.astype(np.int64)
                continue
            else:
                with np.errstate(all="ignore"):
                    y = OPS[op](attributes, *inputs)
            y = np.asarray(y)
            assert y.shape == shape, f"{line}: computes {y.shape}"
            values[left] = y.astype(dtype)
    return results
