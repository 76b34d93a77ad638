#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How far honest fp16 matrix products are from fp32, for any ONNX model.

Rewrites the model so that ONNX Runtime computes what an fp16 matrix unit with
fp32 sums does: both operands of every product (PRODUCTS) are rounded to fp16 first,
nothing else changes. With --store the results of the named operators are rounded
to fp16 too, as a compiler does that keeps these activations in fp16. It shares no
code with compiler and emulator, so its numbers justify test/tolerances.toml.

    scripts/fp16_model.py build/models/minilm_ts_eager.onnx --dim batch=1 --dim seq=128 --texts
    scripts/fp16_model.py ... --store all
    scripts/fp16_model.py ... --store Softmax,LayerNormalization

Prints the smallest and largest relative L2 and worst row per output.
"""
import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper

import compare
import model_inputs

# Operator: how many of its operands go into products.
PRODUCTS = {"MatMul": 2, "Gemm": 2, "Conv": 2, "Einsum": 2, "FusedMatMul": 2, "Attention": 3}


def round_operands(model: onnx.ModelProto, store, products=PRODUCTS) -> onnx.ModelProto:
    graph = model.graph
    floats = {i.name for i in graph.initializer if i.data_type == TensorProto.FLOAT}
    inferred = onnx.shape_inference.infer_shapes(model)
    floats |= {v.name for v in [*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output]
               if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    nodes, rounded, renamed = [], {}, {}

    def fp16(name: str) -> str:
        if name not in rounded:
            rounded[name] = name + "__fp16"
            nodes.append(helper.make_node("Cast", [name], [name + "__half"], to=TensorProto.FLOAT16))
            nodes.append(helper.make_node("Cast", [name + "__half"], [rounded[name]], to=TensorProto.FLOAT))
        return rounded[name]

    outputs = {o.name for o in graph.output}
    for node in graph.node:
        for i, name in enumerate(node.input):
            operand = i < products.get(node.op_type, 0) and name in floats
            name = renamed.get(name, name)
            node.input[i] = fp16(name) if operand else name
        nodes.append(node)
        if node.op_type in store or "all" in store:
            for name in node.output:
                if name in floats and name not in outputs:
                    renamed[name] = fp16(name)
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def run(model: onnx.ModelProto, inputs: dict) -> dict:
    import onnxruntime
    options = onnxruntime.SessionOptions()
    # No optimisation: pairs of casts are the point here.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return [dict(zip(names, session.run(names, feed))) for feed in inputs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--dim", metavar="NAME=N", action="append", default=[])
    parser.add_argument("--texts", action="store_true",
                        help="real texts (needs dims batch and seq) instead of random inputs")
    parser.add_argument("--runs", type=int, default=10, help="number of random inputs")
    parser.add_argument("--store", default="", metavar="OP,...",
                        help="operators whose results are rounded too, or `all`")
    options = parser.parse_args()
    dims = {name: int(size) for name, size in (d.split("=") for d in options.dim)}
    if options.texts:
        import texts
        feeds = [texts.batch(i, dims["batch"], dims["seq"]) for i in range(len(texts.TEXTS))]
    else:
        feeds = [model_inputs.make(options.model, dims, seed) for seed in range(options.runs)]
    want = run(onnx.load(options.model), feeds)
    got = run(round_operands(onnx.load(options.model), options.store.split(",")), feeds)
    lines = {}
    for feed, g, w in zip(feeds, got, want):
        for result in compare.compare_all(g, w, compare.kept_rows(feed)):
            lines.setdefault(result.name, []).append((result.relative_l2, result.worst_row))
    for name, values in lines.items():
        (l2, row), (l2_max, row_max) = np.min(values, axis=0), np.max(values, axis=0)
        print(f"{name:32} {len(values)} inputs: relative L2 {l2:.2e} to {l2_max:.2e}, "
              f"worst row {row:.2e} to {row_max:.2e}")


if __name__ == "__main__":
    main()
