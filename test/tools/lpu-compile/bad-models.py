# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models, sizes and inputs that must be refused, from lpu-compile to lpu-run: one clear line
each, a non-zero exit, no output. And what looks alike and is legal.

REQUIRES: lpu-compile, lpu-run, lpu-objdump, onnxruntime
RUN: rm -rf %t && mkdir %t && %python %s %t %S/../../Import/Inputs
"""
import os
import pathlib
import subprocess
import sys
import time

sys.path.append(sys.argv[2])
os.chdir(sys.argv[1])
import numpy as np
import onnx
from models import F32, I64, BOOL, model, node, tensor, value
from onnx import helper


def write(name, nodes, inputs, outputs, *weights, **more):
    pathlib.Path(f"{name}.onnx").write_bytes(model(nodes, inputs, outputs, weights, **more).SerializeToString())


def run(*arguments, code, says=(), out="stderr"):
    start = time.monotonic()
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    for text in [says] if isinstance(says, str) else says:
        assert text in getattr(done, out), (arguments, text, done.stdout, done.stderr)
    assert "see current operation" not in done.stderr, done.stderr
    assert time.monotonic() - start < 10, arguments
    return done


def compile(name, *flags, code=1, says=()):
    done = run("lpu-compile", f"{name}.onnx", *flags, "-o", f"{name}.lpu", code=code, says=says)
    assert os.path.exists(f"{name}.lpu") == (code == 0), name
    return done


x, y = value("x", [3, 5]), value("y", None)
# Tensors without elements.
write("empty", [node("Relu", ["x"], ["y"])], [value("x", [0, 5])], [y])
compile("empty", says="input 'x' has no elements: its shape is [0,5]")
write("split", [node("Split", ["x", "s"], ["y", "z"], "cut", axis=1)], [x], [y, value("z", None)], tensor("s", [0, 5]))
compile("split", says="output 'y' has no elements: node 'cut' (Split) computes the shape [3,0]")

# An operator that the chip lacks: one line with the node's name; --analyze says the same.
for op, needs in [("Sin", "math.sin"), ("Cos", "math.cos")]:
    write(op, [node(op, ["x"], ["y"], "/wave")], [x], [y])
    errors = compile(op, says=["/wave", needs]).stderr
    assert errors.count("\n") == 1, errors
    run("lpu-compile", f"{op}.onnx", "--analyze", code=3, says=["problem: ", "/wave", "1 problem\n"], out="stdout")
for op in ["Div", "Mod"]:
    write(op, [node(op, ["x", "x"], ["y"], "/whole")], [value("x", [3], I64)], [value("y", None, I64)])
    compile(op, says="/whole")
write("relu", [node("Relu", ["x"], ["y"])], [x], [y])
run("lpu-compile", "relu.onnx", "--analyze", code=0, says="0 problems\n", out="stdout")

# A Loop is told once, without its body's own names; an unused node of an unknown operator is left out.
body = helper.make_graph(
    [node("Add", ["s", "s"], ["t"]), node("Identity", ["go"], ["on"])], "body",
    [value("i", [], I64), value("go", [], BOOL), value("s", [3, 5])], [value("on", [], BOOL), value("t", [3, 5])])
write("loop", [node("Loop", ["n", "c", "x"], ["y"], body=body)], [x], [y], tensor("n", np.int64(3)), tensor("c", True))
assert "not computed" not in compile("loop", says="(Loop, opset 17").stderr
write("unused", [node("Relu", ["x"], ["y"]), helper.make_node("Foo", ["x"], ["z"], name="far", domain="vendor"),
                 node("Neg", ["z"], ["zz"])], [x], [y], domains=["vendor"])
compile("unused", code=0, says="remark: node 'far' (Foo) is left out: no output needs it")

# A table: constant positions beyond it, computed positions beyond it, ids beyond it.
rng = np.random.default_rng(0)
words, places = (tensor(n, rng.standard_normal(s).astype(np.float32)) for n, s in [("words", (30, 8)), ("places", (12, 8))])
ids = value("ids", ["batch", "seq"], I64)
write("embed", [
    node("Cast", ["ids"], ["ids32"], to=6), node("Gather", ["words", "ids32"], ["w"], "/words/Gather"),
    node("Equal", ["ids", "pad"], ["isPad"]), node("Not", ["isPad"], ["real"]), node("Cast", ["real"], ["ones"], to=7),
    node("CumSum", ["ones", "axis"], ["count"]), node("Mul", ["count", "ones"], ["kept"]), node("Add", ["kept", "pad"], ["at"]),
    node("Gather", ["places", "at"], ["p"], "/places/Gather"), node("Add", ["w", "p"], ["y"])],
    [ids], [y], words, places, tensor("pad", np.int64(1)), tensor("axis", np.int64(1)))
compile("embed", "--dim", "batch=2", "--dim", "seq=11",
        says=["'/places/Gather' (Gather", "can be 1 to 12; the table 'places' has 12 rows", "--dim seq"])
compile("embed", "--dim", "batch=2", "--dim", "seq=10", code=0)
run("lpu-objdump", "--manifest", "embed.lpu", code=0, says="values -30 to 29 (rows of 'words')", out="stdout")
for wrong in [30, 10000, -31, 1 << 30]:
    given = np.ones((2, 10), np.int64)
    given[1, 3] = wrong
    np.savez("in.npz", ids=given)
    run("lpu-run", "embed.lpu", "--inputs", "in.npz", "--outputs", "out.npz", code=1,
        says=f"input 'ids': element [1, 3] is {wrong}; the table 'words' has rows for -30 to 29")
    assert not os.path.exists("out.npz")
given[1, 3] = -30
np.savez("in.npz", ids=given)
run("lpu-run", "embed.lpu", "--inputs", "in.npz", "--outputs", "out.npz", code=0)
write("expand", [node("Expand", ["table", "s"], ["t"], "/positions"), node("Add", ["x", "t"], ["y"])],
      [value("x", [1, "seq"])], [y], tensor("table", np.ones((1, 80), np.float32)), tensor("s", [1, 80]))
compile("expand", "--dim", "seq=81", says=["(Add, opset", "81 is --dim seq"])

# Sizes: given twice, and so large that nothing may be counted row by row.
os.remove("embed.lpu")  # a wrong command line touches nothing
compile("embed", "--dim", "seq=8", "--dim", "seq=9", "--dim", "batch=1", code=2, says="--dim seq is given twice")
compile("embed", "--dim", "batch=10000000", "--dim", "seq=8",
        says=["the model does not fit: its outputs take at least", "--dim batch=10000000", "a chip of 'lpu1' has 220.0 MiB"])

# A machine file holds one machine.
machine = run("lpu-objdump", "--embedded-machine", "unused.lpu", code=0).stdout
pathlib.Path("two.yaml").write_text(machine + "\n---\n" + machine)
compile("relu", "--target", "two.yaml", says="two.yaml: a second YAML document")

# External data behind a link: only with leave. The data itself is never an output.
onnx.save(model([node("MatMul", ["x", "w"], ["y"])], [x], [y], [tensor("w", np.ones((5, 300), np.float32))]), "data.onnx",
          save_as_external_data=True, location="data.bin", size_threshold=0)
os.mkdir("blobs")
run("lpu-compile", "data.onnx", "-o", "data.bin", code=2, says="it is a file of the model, which would be lost")
os.rename("data.bin", "blobs/1234")
os.symlink("blobs/1234", "data.bin")
compile("data", says=["goes through a symbolic link", "--allow-links"])
compile("data", "--allow-links", code=0)
print("done")
