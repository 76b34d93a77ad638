# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention on groups of chips that do not have the same to do: compiled, verified, run and
compared with ONNX Runtime by run_model.py, which takes the options behind the model.

    uneven.py FOLDER --tokens 5 --heads 4 --size 128 --topology "kind: ring, chips: 9" -- --target cell32 --chips 9
"""
import argparse
import pathlib
import subprocess
import sys

import onnx
import small_models
from onnx import TensorProto

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--tokens", type=int, default=5)
parser.add_argument("--heads", type=int, required=True)
parser.add_argument("--size", type=int, required=True, help="columns of a head")
parser.add_argument("--hidden", type=int, help="a whole layer, with so many columns between its last two products")
parser.add_argument("--topology", help="how the chips are wired, as a YAML mapping without its braces")
options, command = parser.parse_known_args()
command = [c for c in command if c != "--"]

options.folder.mkdir(parents=True, exist_ok=True)
columns = options.heads * options.size
graph = small_models.Graph("uneven", small_models.floats(options.tokens, columns), seed=1)
result = graph.attention("x", options.tokens, options.heads, options.size)
if options.hidden:
    result = graph.norm(graph.add("Add", "x", result), columns)
    inner = graph.add("Relu", graph.linear(result, columns, options.hidden))
    result = graph.norm(graph.add("Add", result, graph.linear(inner, options.hidden, columns)), columns)
model = options.folder / "uneven.onnx"
onnx.save(graph.model(result), model)
if options.topology:
    topology = options.folder / "topology.yaml"
    topology.write_text("{" + options.topology + "}\n")
    command.append(f"--compile-flag=--topology={topology}")
run = pathlib.Path(__file__).with_name("run_model.py")
sys.exit(subprocess.run([sys.executable, run, model, *command]).returncode)
