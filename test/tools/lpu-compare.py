# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lpu-compare on packages that are right, on one chip, in stages and in groups, and on such that are wrong in one place: it
names the first tensor that is wrong, not what follows from it.

REQUIRES: lpu-compare, lpu-compile, lpu-run, lpu-stream, lpu-test-seal, onnxruntime
RUN: rm -rf %t && mkdir %t && %python %s %t %root %tools
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import numpy_helper

folder, root, tools = map(pathlib.Path, sys.argv[1:])
sys.path[:0] = [str(root / "test/numerics"), str(root / "test/Verify/Inputs")]
import modular_mutants
import small_models

MINI = root / "test/Inputs/mini.yaml"


def run(*command, **more):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, **more)


def compare(package, model):
    done = subprocess.run([sys.executable, tools / "lpu-compare", package, model, "--inputs", folder / "in.npz"],
                          capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def inputs_of(model):
    generator = np.random.default_rng(0)
    np.savez(folder / "in.npz", **{i.name: generator.standard_normal([d.dim_value for d in i.type.tensor_type.shape.dim])
                                   .astype(np.float32) for i in model.graph.input})


# Two layers, straight-line and as a loop, on two machines, two stages of equal text, groups with uneven and with even
# shares (three heads over two chips and over three), and both: everything that stands in SRAM is right.
model = small_models.MODELS["layers"]()
file = folder / "m.onnx"
onnx.save(model, file)
inputs_of(model)
for flags, least in [(["--target", "lpu1"], 25), (["--target", MINI], 20), (["--target", "lpu1", "--chips", 2, "--pp", 2], 25),
                     (["--target", "lpu1", "--chips", 2, "--tp", 2, "--pp", 1], 25),
                     (["--target", "lpu1", "--chips", 6, "--tp", 3, "--pp", 2], 25)]:
    run("lpu-compile", file, *flags, "--quiet", "-o", folder / "m.lpu")
    code, out, err = compare(folder / "m.lpu", file)
    assert code == 0 and "tensors are within their gates" in out, (flags, out, err)
    assert out.count("relative L2") > least, (flags, out)

# Both engines look at the same cycle: on a machine that the tick engine can bear.
block = small_models.MODELS["block"]()
onnx.save(block, folder / "b.onnx")
inputs_of(block)
run("lpu-compile", folder / "b.onnx", "--target", MINI, "--quiet", "-o", folder / "b.lpu")
for engine in "event", "tick":
    run("lpu-run", folder / "b.lpu", "--inputs", folder / "in.npz", "--engine", engine, "--tensors", folder / f"{engine}.npz")
assert (folder / "event.npz").read_bytes() == (folder / "tick.npz").read_bytes()

# A wrong weight: the first product that has it.
inputs_of(model)
run("lpu-compile", file, "--target", "lpu1", "--quiet", "-o", folder / "m.lpu")
weights = {weight.name: weight for weight in model.graph.initializer}
wrong = next(node for node in reversed(model.graph.node) if node.op_type == "MatMul" and node.input[1] in weights)
order = [name for node in model.graph.node for name in node.output]
array = numpy_helper.to_array(weights[wrong.input[1]]).copy()
array[3, 5] += 1
weights[wrong.input[1]].CopyFrom(numpy_helper.from_array(array, wrong.input[1]))
onnx.save(model, folder / "wrong.onnx")
code, out, err = compare(folder / "m.lpu", folder / "wrong.onnx")
first = out.splitlines()[-1].removeprefix("first beyond its gate: ")
survivors = [line.split()[4] if line.startswith("chip") else line.split()[1] for line in out.splitlines()[:-1]]
behind = [name for name in order if order.index(name) >= order.index(wrong.output[0]) and name in survivors]
assert code == 1 and first == behind[0] and first != survivors[0], (first, behind, out, err)

# Kernels with a bug each, of the programs that the modular run is tried on: what a wrong score, product or sum becomes first
# where it is written to SRAM.
FIRST = {"none": None, "lost-key-row": "softmax_15", "head-misses-last-key": "softmax_15", "layer-misses-last-key": "reshape_48",
         "bias-lost-in-tail-tile": "add_9", "stale-row": "layernormalization_29"}
for name, wanted in FIRST.items():
    kind, target, _, bug = modular_mutants.MUTANTS[name]
    model = small_models.MODELS[kind]()
    onnx.save(model, file)
    inputs_of(model)
    text = run("lpu-stream", "--no-outline-repeats", file, "--target", target, "--print").stdout
    (folder / "m.mlir").write_text(bug(text))
    run("lpu-stream", folder / "m.mlir", "--target", target, "-o", folder / "m.lpu")
    code, out, err = compare(folder / "m.lpu", file)
    last = out.splitlines()[-1]
    assert (code == 0) == (wanted is None) and (wanted is None or last == f"first beyond its gate: {wanted}"), (name, out, err)

# A model that has no such tensors, files that are none, a package without the section, and damaged sections are refused in one line.
onnx.save(small_models.MODELS["mlp"](), folder / "other.onnx")
code, out, err = compare(folder / "m.lpu", folder / "other.onnx")
assert code == 2 and "has tensors that" in err and len(err.splitlines()) == 1, err
for package, other, words in [(folder / "m.lpu", folder / "none.onnx", "none.onnx: "), (folder / "m.lpu", folder / "in.npz", "in.npz: "),
                              (folder / "none.lpu", file, "none.lpu")]:
    code, out, err = compare(package, other)
    assert code == 2 and words in err and len(err.splitlines()) == 1, err
data = (folder / "m.lpu").read_bytes()
for old, new, words in [(b'"tile_rows":', b'"tile_rowz":', "missing value"), (b'"bank', b'"bank', ""),
                        (b'"chip":0', b'"chip":7', "no such chip"), (b'"stripes":1', b'"stripes":3', "the wrong number of columns"),
                        (b'"chunks":1,', b'"chunks":9,', "the wrong number of columns"), (b'"name":"', b'"n[me":"', "missing value"),
                        (b'"row":0', b'"row":x', "")]:
    if old not in data:
        continue
    (folder / "bad.lpu").write_bytes(data.replace(old, new, 1))
    run("lpu-test-seal", folder / "bad.lpu")
    code, out, err = compare(folder / "bad.lpu", file)
    assert code == 2 and "debug section 'tensors' is damaged" in err and words in err, (new, out, err)
