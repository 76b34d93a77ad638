# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A damaged model is accepted or refused; it never crashes the importer, hangs it or
# makes it allocate without bound. Seeded cuts, changed bytes and swapped pieces.
#
# REQUIRES: lpu-translate, onnx
# RUN: %python %s %t %S/Inputs 250
import pathlib
import random
import resource
import subprocess
import sys

sys.path.insert(0, sys.argv[2])
from models import *  # noqa: E402


def small_model():
    """Most families of operators, constants in every form, and a local function."""
    body = [helper.make_node("Mul", ["a", "a"], ["s"]), helper.make_node("Sqrt", ["s"], ["b"])]
    function = helper.make_function("local", "Magnitude", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    nodes = [node("Shape", ["ids"], ["shape"]), node("Gather", ["shape", "one"], ["length"], axis=0),
             node("Range", ["zero", "length", "one"], ["positions"]),
             node("Gather", ["table", "ids"], ["words"], axis=0),
             node("Gather", ["table", "positions"], ["places"], axis=0, name="places"),
             node("Add", ["words", "places"], ["x"]),
             node("LayerNormalization", ["x", "scale", "bias"], ["n"], axis=-1),
             node("MatMul", ["n", "weight"], ["h"]), helper.make_node("Magnitude", ["h"], ["m"], domain="local"),
             node("Reshape", ["m", "heads"], ["r"]), node("Transpose", ["r"], ["t"], perm=[0, 2, 1, 3]),
             node("Softmax", ["t"], ["p"], axis=-1), node("ReduceSum", ["p", "axes"], ["q"], keepdims=0),
             node("SplitToSequence", ["q", "one"], ["parts"], axis=1), node("SequenceAt", ["parts", "zero"], ["part"]),
             node("Slice", ["part", "zero1", "two1", "zero1"], ["y"])]
    weights = [tensor("table", np.ones((11, 8), np.float32)), tensor("scale", np.ones(8, np.float32)),
               tensor("bias", np.zeros(8, np.float32)), tensor("weight", np.ones((8, 8), np.float32)),
               tensor("one", np.int64(1)), tensor("zero", np.int64(0)), tensor("heads", np.array([0, 0, 2, 4])),
               helper.make_tensor("axes", I64, [1], [-1]), helper.make_tensor("zero1", I64, [1], [0]),
               helper.make_tensor("two1", I64, [1], [2]), helper.make_tensor("one1", I64, [1], [1])]
    return model(nodes, [value("ids", ["batch", "seq"], I64)], [value("y", None)], weights,
                 functions=[function], domains=["local"])


def damage(data, choose):
    data = bytearray(data)
    kind = choose.randrange(4)
    if kind == 0:
        return bytes(data[:choose.randrange(len(data))])
    for _ in range(choose.choice([1, 1, 3, 20])):
        at = choose.randrange(len(data))
        if kind == 1:
            data[at] = choose.randrange(256)
        elif kind == 2:
            data[at] ^= 1 << choose.randrange(8)
        else:
            end = min(len(data), at + choose.randrange(1, 12))
            piece = data[at:end]
            del data[at:end]
            to = choose.randrange(len(data))
            data[to:to] = piece
    return bytes(data)


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
good = small_model().SerializeToString()
outcomes = {0: 0, 1: 0}
for seed in range(-1, int(sys.argv[3])):
    path = folder / "model.onnx"
    path.write_bytes(damage(good, random.Random(seed)) if seed >= 0 else good)
    done = subprocess.run(["lpu-translate", "--import-onnx", path, "--dim", "batch=2", "--dim", "seq=5", "-o", "/dev/null"],
                          capture_output=True, timeout=30, preexec_fn=limit)
    if done.returncode not in outcomes or (done.returncode == 1 and not done.stderr.strip()):
        path.rename(folder / f"seed-{seed}.onnx")
        sys.exit(f"seed {seed}: exit code {done.returncode}\n{done.stderr.decode(errors='replace')[-2000:]}")
    if seed < 0 and done.returncode:
        sys.exit("the undamaged model is refused:\n" + done.stderr.decode())
    outcomes[done.returncode] += 1
print(f"accepted {outcomes[0]}, refused {outcomes[1]}")
