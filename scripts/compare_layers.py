#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where does a model begin to differ? Compares tensors inside it with ONNX Runtime's, in the order of the graph.

    scripts/compare_layers.py model.onnx --inputs in.npz --target lpu1 --dim batch=1 [--ops MatMul,Softmax]

A package does not say where the tensors of the model stand, so the model is compiled again with them as outputs: the same
operators by the same rules, but not the same schedule, and values that would stay in half precision are written as floats.
The gates are those of outputs; rows inside can be short and uneven (a head's 32 features: 4.9e-3 in layer 4 of MiniLM, 16 tokens).
Prints relative L2 and worst row of each (scripts/compare.py) and names the first one beyond its
gate; exit code 1 if there is one. `build/bin` must be on PATH. --reference takes the wanted values from another file.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import compare

OPS = "MatMul,Gemm,Add,Mul,LayerNormalization,Softmax,Gather,Relu,Gelu,Erf,Tanh,Attention"


def with_outputs(path: pathlib.Path, names, target: pathlib.Path) -> None:
    """The model with these tensors as outputs besides its own."""
    model = onnx.load(path)
    own = {output.name for output in model.graph.output}
    for name in names:
        if name not in own:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    onnx.save(model, target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--inputs", type=pathlib.Path, required=True)
    parser.add_argument("--target", default="lpu1")
    parser.add_argument("--dim", action="append", default=[])
    parser.add_argument("--ops", default=OPS, help="whose results to compare (%(default)s)")
    parser.add_argument("--precision", default="fp16", help="table of test/tolerances.toml")
    parser.add_argument("--reference", type=pathlib.Path)
    options = parser.parse_args()
    inputs = dict(np.load(options.inputs))

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        graph = onnx.load(options.model, load_external_data=False).graph
        # What no input reaches is computed by the compiler and is no tensor of the program.
        reached = {value.name for value in graph.input} - {weight.name for weight in graph.initializer}
        names = []
        for node in graph.node:
            if reached & set(node.input):
                reached |= set(node.output)
                if node.op_type in options.ops.split(","):
                    names.append(node.output[0])
        # ONNX Runtime says which of them are floats with rows; it cannot make all of them outputs if it fuses.
        types = {v.name: v.type.tensor_type.elem_type for v in onnx.shape_inference.infer_shapes(
            onnx.load(options.model)).graph.value_info}
        names = [name for name in names if types.get(name) == onnx.TensorProto.FLOAT]
        with_outputs(options.reference or options.model, names, folder / "want.onnx")
        want = compare.reference(folder / "want.onnx", inputs, optimise=False)
        names = [name for name in names if want[name].ndim >= 2 and np.isfinite(want[name]).all()]
        with_outputs(options.model, names, folder / "m.onnx")
        for command in (["lpu-compile", folder / "m.onnx", "--target", options.target, "--quiet", "-o", folder / "m.lpu",
                         *(f"--dim={dim}" for dim in options.dim)],
                        ["lpu-run", folder / "m.lpu", "--inputs", options.inputs, "--outputs", folder / "out.npz"]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{command[0]}:\n{done.stderr}")
        got = dict(np.load(folder / "out.npz"))

    kept = compare.kept_rows(inputs)
    first = None
    for name in dict.fromkeys([*names, *(output.name for output in graph.output)]):
        for result in compare.compare_all({name: got[name]} if name in got else {}, {name: want[name]}, kept, options.precision):
            print(result)
            if first is None and not result.passed:
                first = result
    print(f"first beyond its gate: {first.name}" if first else f"all {len(names)} tensors are within their gates")
    return 1 if first else 0


if __name__ == "__main__":
    sys.exit(main())
