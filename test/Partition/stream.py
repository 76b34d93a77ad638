# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every chip class of a partitioned model becomes a stream program of its own, with its
# collectives as exchanges: nothing is left in it that the conversion to one chip does
# not know. Both members of a stage are one class.
# REQUIRES: lpu-compile, lpu-opt, model-minilm_ts_eager
# RUN: lpu-compile %models/minilm_ts_eager.onnx --target lpu1 --dim batch=1 --dim seq=16 --emit=linalg > %t.mlir
# RUN: lpu-opt %t.mlir --fabric-partition="chips=8 tp=2 pp=4" --fabric-decompose -o %t.parts.mlir
# RUN: %python %s %t.parts.mlir | FileCheck %s
# CHECK: parts.mlir: {{[1-4]}} classes
import pathlib
import subprocess
import sys

for path in sys.argv[1:]:
    count = pathlib.Path(path).read_text().count("fabric.instances")
    for number in range(count):
        done = subprocess.run(["lpu-opt", path, f"--fabric-ports=class={number}", "--convert-linalg-to-stream",
                               "--verify-stream"], capture_output=True, text=True)
        if done.returncode or "stream.exchange" not in done.stdout:
            sys.exit(f"class {number} of {path}: {done.stderr[:2000]}")
    print(f"{path}: {count} classes")
