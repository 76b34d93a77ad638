# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where a tool may write: never over one of its inputs, by whatever link; never in place of
a device, a FIFO or a directory; and what fails leaves no older output that looks fresh.

REQUIRES: lpu-compile, lpu-run, lpu-objdump, lpu-translate, onnxruntime
RUN: rm -rf %t && mkdir %t && %python %S/Inputs/linear.py 2 8 8 %t/m.onnx && %python %s %t
"""
import os
import pathlib
import stat
import subprocess
import sys

import numpy as np

work = pathlib.Path(sys.argv[1])
os.chdir(work)
model = pathlib.Path("m.onnx").read_bytes()


def run(tool, *arguments, fails=None):
    """Runs a tool; `fails` is text of its one error."""
    done = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    if fails is None:
        assert done.returncode == 0, (arguments, done.stderr)
    else:
        assert done.returncode in (1, 2) and fails in done.stderr, (arguments, done.returncode, done.stderr)
    assert pathlib.Path("m.onnx").read_bytes() == model, f"{arguments}: the model was overwritten"
    assert not [p for p in os.listdir() if ".tmp-" in p], f"{arguments}: a temporary file is left"
    return done


def compile(*arguments, **more):
    return run("lpu-compile", "m.onnx", "--target", "nano", "--dim", "batch=2", *arguments, **more)


# The input under four names.
os.link("m.onnx", "hard.onnx")
os.symlink("m.onnx", "soft.onnx")
for name in ["m.onnx", "./m.onnx", "hard.onnx", "soft.onnx"]:
    for flag in ["-o", "--report", "--trace"]:
        files = [flag, name] if flag == "-o" else ["-o", "p.lpu", flag, name]
        compile(*files, fails=f"error: {flag} '{name}' cannot be written: it is the model, which would be lost")
assert not os.path.exists("p.lpu")

# Two outputs in one file; no folder; things that are not files.
compile("-o", "p.lpu", "--report", "./p.lpu", fails="--report './p.lpu' cannot be written: it is also the file of -o")
for flag in ["--report", "--trace"]:
    compile("-o", "p.lpu", flag, "none/r.json", fails=f"{flag} 'none/r.json' cannot be written: the folder 'none' does not exist")
os.mkfifo("fifo")
os.mkdir("folder")
os.symlink("gone", "dangling")
for name, why in [("/dev/null", "is not a regular file"), ("fifo", "is not a regular file"),
                  ("folder", "is a directory"), ("dangling", "is a symbolic link to nothing")]:
    compile("-o", name, fails=f"-o '{name}' cannot be written: {why}")
assert stat.S_ISCHR(os.stat("/dev/null").st_mode) and stat.S_ISFIFO(os.stat("fifo").st_mode)
assert not os.path.exists("p.lpu")

# A link to a file is written through, and stays a link.
compile("-o", "real.lpu", "--report", "r.json", "--trace", "t.json")
os.symlink("real.lpu", "link.lpu")
package = pathlib.Path("real.lpu").read_bytes()
pathlib.Path("real.lpu").write_bytes(b"older")
compile("-o", "link.lpu")
assert os.path.islink("link.lpu") and pathlib.Path("real.lpu").read_bytes() == package

# A compilation that fails takes away what an earlier one left.
done = compile("-o", "real.lpu", "--report", "r.json", "--trace", "t.json", "--dim", "none=3", fails="--dim none")
assert "note: the older 'real.lpu' was removed" in done.stderr, done.stderr
assert not any(map(os.path.exists, ["real.lpu", "r.json", "t.json"]))
compile("--dim", "batch=3", "-o", "p.lpu", fails="error: --dim batch is given twice")

# The other tools.
compile("-o", "p.lpu")
package = pathlib.Path("p.lpu").read_bytes()
np.savez("in.npz", x=np.zeros((2, 8), np.float32))
inputs = pathlib.Path("in.npz").read_bytes()
run("lpu-run", "p.lpu", "--inputs", "in.npz", "--outputs", "p.lpu", fails="--outputs 'p.lpu' cannot be written: it is the package")
run("lpu-run", "p.lpu", "--inputs", "in.npz", "--outputs", "in.npz", fails="it is the file of --inputs, which would be lost")
run("lpu-run", "p.lpu", "--inputs", "in.npz", "--outputs", "/dev/null", fails="is not a regular file")
run("lpu-run", "p.lpu", "--inputs", "in.npz", "--outputs", "none/o.npz", fails="the folder 'none' does not exist")
run("lpu-run", "p.lpu", "--inputs", "in.npz", "--outputs", "out.npz", "--dump-sram", "p.lpu", fails="--dump-sram 'p.lpu' cannot be written: it is the package")
run("lpu-run", "p.lpu", "--inputs", "in.npz", "--outputs", "out.npz")
np.savez("wrong.npz", y=np.zeros(1))
done = run("lpu-run", "p.lpu", "--inputs", "wrong.npz", "--outputs", "out.npz", fails="the inputs do not fit")
assert "note: the older 'out.npz' was removed" in done.stderr and not os.path.exists("out.npz")
for what in ["--html", "--trace"]:
    run("lpu-objdump", "p.lpu", what, "-o", "p.lpu", fails="-o 'p.lpu' cannot be written: it is the package")
    run("lpu-objdump", "p.lpu", what, "-o", "/dev/null", fails="is not a regular file")
run("lpu-translate", "--binary-to-isa", "p.lpu", "-o", "./p.lpu", fails="-o './p.lpu' cannot be written: it is the input")
run("lpu-translate", "--binary-to-isa", "-o=p.lpu", "p.lpu", fails="it is the input")
assert pathlib.Path("p.lpu").read_bytes() == package and pathlib.Path("in.npz").read_bytes() == inputs
assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
print("done")
