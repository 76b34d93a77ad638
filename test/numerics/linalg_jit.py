#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the linalg layer on the host, to prove import and lowering by numbers.

    linalg_jit.py model.onnx --dim batch=1 --dim seq=16 [--narrow-int64]

imports and lowers the model, compiles the result with upstream passes and clang
to a shared object, runs it on random inputs and compares with ONNX Runtime. It
knows nothing of the chip: a model that agrees here and not there was broken by a
later layer. As a module: `Program(onnx_dialect_text)(function, arrays...) -> arrays`.
"""
import argparse
import ctypes
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

LLVM = pathlib.Path("/usr/lib/llvm-22/bin")
ELEMENTS = {"f32": np.float32, "f16": np.float16, "f64": np.float64, "i64": np.int64,
            "i32": np.int32, "i16": np.int16, "i8": np.int8, "i1": np.bool_}
# From tensors to LLVM, all upstream. Results become caller-allocated arguments.
PIPELINE = [
    "--one-shot-bufferize=bufferize-function-boundaries "
    "function-boundary-type-conversion=identity-layout-map",
    "--buffer-results-to-out-params=hoist-static-allocs modify-public-functions",
    "--buffer-deallocation-pipeline", "--convert-linalg-to-loops",
    "--expand-strided-metadata", "--lower-affine", "--convert-scf-to-cf",
    "--llvm-request-c-wrappers", "--arith-expand", "--convert-math-to-llvm",
    "--convert-math-to-libm", "--convert-to-llvm", "--reconcile-unrealized-casts",
]
TENSOR = re.compile(r"tensor<((?:\d+x)*)(\w+)>")


def tool(name: str) -> str:
    """lpu-* tools from PATH (lit puts the build there), LLVM's from its package."""
    found = shutil.which(name) or str(LLVM / name)
    if not pathlib.Path(found).exists():
        sys.exit(f"{name} not found: build it and put <build>/bin on PATH")
    return found


def run(command: list, text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{pathlib.Path(command[0]).name} failed:\n{done.stderr[-4000:]}")
    return done.stdout


def tensor_type(text: str):
    """(shape, NumPy element) of a printed tensor type."""
    dims, element = TENSOR.fullmatch(text.strip()).groups()
    return tuple(int(d) for d in dims.split("x")[:-1]), np.dtype(ELEMENTS[element])


def lower(text: str, narrow: bool = False) -> str:
    """onnx dialect text -> linalg text, checked by verify-linalg."""
    option = "=narrow-int64" if narrow else ""
    return run([tool("lpu-opt"), "-", f"--convert-onnx-to-linalg{option}", "--verify-linalg"], text)


FUNCTION = re.compile(r"\s*func\.func @(\w+)\((.*?)\)(?: -> (.*?))? (?:attributes .*)?\{$")


def weights_to_arguments(text: str, folder: pathlib.Path):
    """Replaces each onnx.Initializer by a trailing argument of its function.

    Returns the text and, per function, (inputs, outputs, weights): types, types, arrays.
    """
    functions, lines, head, name = {}, [], 0, None
    for line in text.splitlines():
        function = FUNCTION.match(line)
        if function:
            name, arguments, results = function.groups()
            functions[name] = tuple([tensor_type(m.group(0)) for m in TENSOR.finditer(part or "")]
                                    for part in (arguments, results)) + ([],)
            head = len(lines)
        match = re.match(r"\s*(%\w+) = onnx\.Initializer +\{(.*)\} : \(\) -> (tensor<.*?>)", line)
        if not match:
            lines.append(line)
            continue
        value, attributes, type_ = match.groups()
        fields = dict(re.findall(r'(\w+) = (".*?"|-?\d+)', attributes))
        file = pathlib.Path(fields["file"].strip('"'))
        shape, element = tensor_type(type_)
        count = int(np.prod(shape, dtype=np.int64))
        if int(fields["length"]) != count * element.itemsize:
            raise RuntimeError(f"{fields['name']}: {fields['length']} bytes for {type_}")
        functions[name][2].append(
            np.fromfile(file if file.is_absolute() else folder / file, dtype=element, count=count,
                        offset=int(fields["offset"])).reshape(shape))
        position = lines[head].index(")", lines[head].index("("))
        comma = "" if lines[head][position - 1] == "(" else ", "
        lines[head] = f"{lines[head][:position]}{comma}{value}: {type_}{lines[head][position:]}"
    return "\n".join(lines), functions


class Descriptor:
    """The memref descriptor of a C-contiguous array."""

    def __init__(self, array: np.ndarray):
        rank = array.ndim
        fields = [("base", ctypes.c_void_p), ("data", ctypes.c_void_p), ("offset", ctypes.c_int64)]
        if rank:
            fields += [("sizes", ctypes.c_int64 * rank), ("strides", ctypes.c_int64 * rank)]
        struct = type("MemRef", (ctypes.Structure,), {"_fields_": fields})
        pointer = array.ctypes.data
        self.value = struct(pointer, pointer, 0)
        if rank:
            self.value.sizes = (ctypes.c_int64 * rank)(*array.shape)
            self.value.strides = (ctypes.c_int64 * rank)(
                *(max(s, 1) // max(array.itemsize, 1) for s in array.strides))


class Program:
    """A module of the onnx dialect, compiled for the host."""

    def __init__(self, text: str, folder: pathlib.Path = pathlib.Path("."), narrow: bool = False,
                 optimise: str = "-O1"):
        self.linalg = lower(text, narrow)
        text, self.functions = weights_to_arguments(self.linalg, folder)
        with tempfile.TemporaryDirectory() as temporary:
            llvm = run([tool("mlir-opt"), "-", *PIPELINE], text)
            source, library = pathlib.Path(temporary) / "m.ll", pathlib.Path(temporary) / "m.so"
            source.write_text(run([tool("mlir-translate"), "--mlir-to-llvmir", "-"], llvm))
            runtime = pathlib.Path(tool("mlir-opt")).resolve().parent.parent / "lib"
            run([tool("clang"), optimise, "-march=native", "-shared", "-fPIC", "-Wno-override-module",
                 str(source), "-lm", f"-L{runtime}", f"-Wl,-rpath,{runtime}", "-lmlir_c_runner_utils",
                 "-o", str(library)])
            self.library = ctypes.CDLL(str(library))

    def __call__(self, name: str, *arrays):
        inputs, outputs, weights = self.functions[name]
        if len(arrays) != len(inputs):
            raise ValueError(f"{len(arrays)} arrays for {len(inputs)} inputs of {name}")
        given = []
        for array, (shape, element) in zip(arrays, inputs):
            array = np.asarray(array)
            if array.dtype == np.uint8:
                array = array.view(np.int8)
            if array.shape != shape:
                raise ValueError(f"an array of shape {array.shape} for {shape}")
            given.append(np.require(array.astype(element), requirements="C"))
        results = [np.empty(shape, element) for shape, element in outputs]
        # Kept alive until the call returns.
        descriptors = [Descriptor(a) for a in given + weights + results]
        getattr(self.library, f"_mlir_ciface_{name}")(*(ctypes.byref(d.value) for d in descriptors))
        return results


def check_model(model: pathlib.Path, dims: dict, narrow: bool, seed: int) -> bool:
    """Compares all outputs with ONNX Runtime, to test/tolerances.toml for fp32."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
    import compare
    import model_inputs
    flags = [f"--dim={name}={size}" for name, size in dims.items()]
    text = run([tool("lpu-translate"), "--import-onnx", str(model), *flags])
    program = Program(text, model.parent, narrow)
    feeds = model_inputs.make(model, dims, seed)
    want = compare.reference(model, feeds)
    (name, _), = program.functions.items()
    got = {}
    for output, array in zip(want, program(name, *feeds.values())):
        # i64 that was narrowed, ui8 that lost its sign.
        same = array.dtype.kind == "f" or array.itemsize != want[output].itemsize
        got[output] = array.astype(want[output].dtype) if same else array.view(want[output].dtype)
    results = compare.compare_all(got, want, compare.kept_rows(feeds), "fp32")
    for result in results:
        print(f"{model.stem}: {result}")
    return all(result.passed for result in results)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE")
    parser.add_argument("--narrow-int64", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dims = {name: int(size) for name, size in (pair.split("=") for pair in options.dim)}
    results = []
    for model in options.models:
        try:
            results.append(check_model(model, dims, options.narrow_int64, options.seed))
        except RuntimeError as error:
            print(f"{model.stem}: {error}")
            results.append(False)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
