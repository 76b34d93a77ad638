# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Seeded inputs for any transformer ONNX file, made from what the file says.

Token ids below the size of the table they look up, masks that keep a prefix of
random length in each row, positions in order, other floats normal(0, 1).
"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto


def real_inputs(model: onnx.ModelProto) -> list:
    """Inputs that are not also initializers (old exporters list those too)."""
    stored = {i.name for i in model.graph.initializer}
    return [i for i in model.graph.input if i.name not in stored]


def dims_of(value: onnx.ValueInfoProto, dims: dict) -> list:
    """Sizes of an input, its symbolic dims bound by name; a name that is a number is one."""
    shape = []
    for dim in value.type.tensor_type.shape.dim:
        if dim.HasField("dim_value"):
            shape.append(dim.dim_value)
        elif dim.dim_param in dims:
            shape.append(dims[dim.dim_param])
        elif dim.dim_param.isdigit():
            shape.append(int(dim.dim_param))
        else:
            raise SystemExit(f"input {value.name}: dim '{dim.dim_param}' has no size; "
                             f"give --dim {dim.dim_param}=N")
    return shape


def table_rows(model: onnx.ModelProto, input_name: str):
    """Rows of the smallest table that an input indexes through Gather, if any.

    Follows the input through operators that keep values (casts, reshapes)."""
    sizes = {i.name: i.dims[0] for i in model.graph.initializer if len(i.dims) == 2}
    # TorchScript shares tables through Identity nodes.
    same, found = {input_name}, []
    for node in model.graph.node:
        if node.op_type == "Identity" and node.input[0] in sizes:
            sizes[node.output[0]] = sizes[node.input[0]]
        elif node.op_type in ("Cast", "Reshape", "Identity", "Unsqueeze", "Squeeze") and node.input[0] in same:
            same.add(node.output[0])
        elif node.op_type == "Gather" and node.input[0] in sizes and node.input[1] in same:
            found.append(sizes[node.input[0]])
    return min(found) if found else None


def make(path: pathlib.Path, dims: dict, seed: int) -> dict:
    """Arrays for every input of the model; `dims` binds symbolic dims by name."""
    model = onnx.load(path, load_external_data=False)
    rng = np.random.default_rng(seed)
    arrays = {}
    for value in real_inputs(model):
        shape = dims_of(value, dims)
        kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        if "mask" in value.name and len(shape) == 2:
            kept = rng.integers(1, shape[1] + 1, shape[0])
            array = np.arange(shape[1])[None, :] < kept[:, None]
        elif value.name == "position_ids":
            array = np.broadcast_to(np.arange(shape[-1]), shape)
        elif np.issubdtype(kind, np.integer):
            rows = table_rows(model, value.name)
            if rows is None:
                raise SystemExit(f"input {value.name}: integers that index no table; "
                                 "no values are known that make sense")
            array = rng.integers(0, rows, shape)
        elif kind == np.bool_:
            array = rng.integers(0, 2, shape)
        else:
            array = rng.standard_normal(shape)
        arrays[value.name] = np.ascontiguousarray(array).astype(kind)
    return arrays
