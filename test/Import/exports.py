# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Every exported model of the build (scripts/export_minilm.py, scripts/export_zoo.py)
# imports to a static graph that computes what ONNX Runtime does: batch 2, length 9.
#
# REQUIRES: lpu-translate, onnx, onnxruntime
# RUN: %python %s %models %S/Inputs
import pathlib
import subprocess
import sys

models = sorted(str(path) for path in pathlib.Path(sys.argv[1]).rglob("*.onnx"))
if not models:
    print("no exported models in", sys.argv[1], "- nothing to compare")
    sys.exit(0)
sys.exit(subprocess.run([sys.executable, f"{sys.argv[2]}/compare.py", "2", "9", *models]).returncode)
