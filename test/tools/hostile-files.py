# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that ask for too much are refused in one to a few lines, in less than 10 seconds of the processor and 1 GB of memory:
chains of 100,000 nodes, cycles, shapes whose product overflows, operators that enlarge. What is
large but legal compiles in the same bounds.

REQUIRES: lpu-compile, lpu-translate, lpu-verify, lpu-objdump, onnx
RUN: rm -rf %t && mkdir %t && %python %s %t %S/../Import/Inputs
"""
import os
import pathlib
import subprocess
import sys

sys.path.append(sys.argv[2])
os.chdir(sys.argv[1])
from models import *

SECONDS, MEGABYTES = 10, 1024


def run(what, command, code, says=""):
    with open("out", "w") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out)
        _, status, used = os.wait4(child.pid, 0)
    text = pathlib.Path("out").read_text(errors="replace")
    got = os.waitstatus_to_exitcode(status)
    seconds, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    assert got == code and says in text, f"{what}: exit code {got}\n{text[:2000]}"
    assert seconds < SECONDS and megabytes < MEGABYTES, f"{what}: {seconds:.1f} s, {megabytes:.0f} MB"
    assert text.count("\n") <= 60, f"{what}: {text.count(chr(10))} lines"
    print(f"{what}: {seconds:.1f} s, {megabytes:.0f} MB")


def compiles(what, made, code=1, says="error: "):
    pathlib.Path("m.onnx").write_bytes(made.SerializeToString())
    run(what, ["lpu-compile", "m.onnx", "--target", "lpu1", "-o", "m.lpu", "--quiet"], code, says)
    assert os.path.exists("m.lpu") == (code == 0), what
    if code == 0:
        run(what + ", verified", ["lpu-verify", "m.lpu"], 0, "accepted")
        os.remove("m.lpu")


def chain(count, order=1, closed=False):
    nodes = [node(["Relu", "Neg", "Tanh"][i % 3], [f"v{i}"], [f"v{i + 1}"]) for i in range(count)]
    if closed:
        nodes[0] = node("Add", ["v0", f"v{count}"], ["v1"])
    return model(nodes[::order], [value("v0", [3, 4])], [value(f"v{count}", [3, 4])])


compiles("a chain of 5,000", chain(5000), 0, "")
compiles("a chain of 100,000", chain(100000), says="more than 16384 nodes")
compiles("a chain of 100,000, backwards", chain(100000, order=-1), says="more than 16384 nodes")
compiles("a cycle of 30,000", chain(30000, closed=True), says="the graph has a cycle")


small, many = value("x", [3, 4]), np.array([1 << 31, 1 << 31, 1 << 31])


def one(op, *constants, dims=(3, 4), **attributes):
    weights = [tensor(f"c{i}", np.array(c)) for i, c in enumerate(constants)]
    return model([node(op, ["x"] + [w.name for w in weights], ["y"], **attributes)], [value("x", dims)], [value("y", None)], weights)


compiles("an input of 2^93 elements", one("Relu", dims=(1 << 31, 1 << 31, 1 << 31)))
compiles("an input of 2^63 elements", one("Relu", dims=(1 << 21, 1 << 21, 1 << 21)))
compiles("Expand", one("Expand", np.array([1 << 31, 1 << 31, 3, 4])))
compiles("Tile", one("Tile", np.array([1 << 31, 1 << 31])))
compiles("Pad", one("Pad", np.array([0, 0, 1 << 40, 1 << 40])))
compiles("Reshape", one("Reshape", many))
compiles("Resize", model([node("Resize", ["x", "", "", "s"], ["y"])], [value("x", [1, 1, 3, 4])], [value("y", None)],
                         [tensor("s", np.array([1, 1, 1 << 31, 1 << 31]))]))
compiles("ConstantOfShape", model([node("ConstantOfShape", ["s"], ["f"]), node("Add", ["x", "f"], ["y"])], [small],
                                  [value("y", None)], [tensor("s", many)]))
compiles("Range", model([node("Range", ["a", "b", "a1"], ["r"]), node("Cast", ["r"], ["f"], to=F32), node("ReduceSum", ["f"], ["s"]),
                         node("Add", ["x", "s"], ["y"])], [small], [value("y", None)],
                        [tensor("a", np.int64(0)), tensor("b", np.int64(1 << 60)), tensor("a1", np.int64(1))]))
compiles("OneHot", model([node("OneHot", ["i", "d", "v"], ["y"])], [value("i", [4], I64)], [value("y", None)],
                         [tensor("d", np.int64(1 << 60)), tensor("v", np.array([0, 1], np.float32))]))
for kind, start in ("data", "x"), ("a constant", "k"):
    doubling = [node("Concat", [start] * 2, ["d0"], axis=0)] + [
        node("Concat", [f"d{i}", f"d{i}"], [f"d{i + 1}"], axis=0) for i in range(50)]
    compiles(f"51 Concats of {kind}", model(doubling + [node("ReduceMax", ["d50"], ["m"]), node("Add", ["x", "m"], ["y"])], [small],
                                            [value("y", None)], [tensor("k", np.ones(4, np.float32))]))
long = one("Relu")
long.graph.node[0].name = "n" * (8 << 20)
compiles("a name of 8 MB", long, 0, "")

# Other files.
pathlib.Path("m.mlir").write_text('isa.program @p machine "nano" cycles 1 {\n  isa.chip_class 0 {\n    isa.queue mem 0 text [0, 1, 1000] {\n' +
                                  "isa.loop 2 {\n" * 3000 + "}\n" * 3000 + "  }\n  }\n}\n")
run("isa text with 3,000 nested loops", ["lpu-translate", "--isa-to-binary", "m.mlir", "-o", "m.lpu"], 1, "error: ")
pathlib.Path("m.lpu").write_bytes(b"\0" * (64 << 20))
run("64 MB of zeros as a package", ["lpu-verify", "m.lpu"], 2)
