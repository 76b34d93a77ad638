# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every chip class of a partitioned model becomes a stream program of its own, with
# collectives as ports or decomposed: nothing is left in it that the conversion to one
# chip does not know.
# REQUIRES: lpu-compile, lpu-opt, lpu-stream, model-minilm_ts_eager
# RUN: lpu-compile %models/minilm_ts_eager.onnx --target lpu1 --dim batch=1 --dim seq=16 --emit=linalg > %t.mlir
# RUN: lpu-opt %t.mlir --fabric-partition="chips=8 tp=2 pp=4" -o %t.parts.mlir
# RUN: lpu-opt %t.parts.mlir --fabric-decompose -o %t.flat.mlir
# RUN: %python %s %t.parts.mlir %t.flat.mlir | FileCheck %s
# CHECK: parts.mlir: {{[1-9][0-9]*}} classes
# CHECK: flat.mlir: 8 classes
import pathlib
import subprocess
import sys

for path in sys.argv[1:]:
    count = pathlib.Path(path).read_text().count("fabric.instances")
    for number in range(count):
        one = path + ".one.mlir"
        subprocess.run(["lpu-opt", path, f"--fabric-ports=class={number}", "--verify-linalg", "-o", one], check=True)
        done = subprocess.run(["lpu-stream", one, "--target", "lpu1", "--print"], capture_output=True, text=True)
        if done.returncode or not done.stdout:
            sys.exit(f"class {number} of {path}: {done.stderr[:2000]}")
    print(f"{path}: {count} classes")
