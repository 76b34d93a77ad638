#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports small BERT, RoBERTa, DistilBERT and GPT-2 models with seeded random
weights, in the forms in which such models reach a compiler:

    ts<opset>      torch.onnx.export(dynamo=False), opsets 14 to 20
    dynamo<opset>  torch.onnx.export(dynamo=True), opsets 18 to 23
    raw<opset>     the same with optimize=False
    tf<opset>      transformers' own OnnxExporter

    <architecture>_<form>_<attention>[_static].onnx

Dims batch and seq are dynamic (transformers' exporter names them itself); in
_static files they are 2 and 16.
"""
import argparse
import pathlib
import sys

import exporting
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
STATIC = (2, 16)

# Small, but no size equal to another, so that a mixed-up dim shows.
BERT = dict(vocab_size=211, hidden_size=48, num_hidden_layers=2, num_attention_heads=3,
            intermediate_size=112, max_position_embeddings=80, initializer_range=0.15)


def bert(attention):
    config = transformers.BertConfig(**BERT, attn_implementation=attention)
    return transformers.BertModel(config, add_pooling_layer=True)


def roberta(attention):
    config = transformers.RobertaConfig(**BERT, type_vocab_size=1, pad_token_id=1,
                                        attn_implementation=attention)
    return transformers.RobertaModel(config, add_pooling_layer=False)


def distilbert(attention):
    config = transformers.DistilBertConfig(
        vocab_size=211, dim=48, n_layers=2, n_heads=3, hidden_dim=112, max_position_embeddings=80,
        initializer_range=0.15, attn_implementation=attention)
    return transformers.DistilBertModel(config)


def gpt2(attention):
    config = transformers.GPT2Config(vocab_size=211, n_embd=48, n_layer=2, n_head=3, n_positions=80,
                                     initializer_range=0.15, use_cache=False,
                                     attn_implementation=attention)
    return transformers.GPT2LMHeadModel(config)


ARCHITECTURES = {"bert": bert, "roberta": roberta, "distilbert": distilbert, "gpt2": gpt2}
OUTPUTS = {
    "bert": {"last_hidden_state": ["batch", "seq"], "pooler_output": ["batch"]},
    "roberta": {"last_hidden_state": ["batch", "seq"]},
    "distilbert": {"last_hidden_state": ["batch", "seq"]},
    "gpt2": {"logits": ["batch", "seq"]},
}
# Every architecture in every form that changes its operators (layer norm in
# pieces at 14, LayerNormalization from 17, Gelu from 20, Attention from 23) ...
FORMS = ["ts14_eager", "ts17_sdpa", "ts17_eager_static", "ts20_sdpa", "dynamo18_eager",
         "dynamo20_sdpa", "dynamo23_sdpa", "raw18_sdpa", "tf18_eager", "tf23_sdpa_static"]
# ... and one of them with every opset between.
MORE_FORMS = {"bert": ["ts15_sdpa", "ts16_eager", "ts18_eager", "ts19_sdpa",
                       "dynamo19_eager", "dynamo21_eager", "dynamo22_sdpa", "dynamo18_sdpa_static"]}


class OutputsOnly(torch.nn.Module):
    """The model as a function of ids and mask that returns a tuple of tensors."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, input_ids, attention_mask):
        out = self.model(input_ids=input_ids, attention_mask=attention_mask)
        return tuple(out[name] for name in self.names)


def export(name: str, path: pathlib.Path) -> None:
    architecture, form, attention, *static = name.split("_")
    exporter, opset = form.rstrip("0123456789"), int(form[-2:])
    torch.manual_seed(sum(map(ord, architecture)))
    model = ARCHITECTURES[architecture](attention)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(2, 211, STATIC, generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 11:] = 0
    args = {"input_ids": ids, "attention_mask": mask}
    if exporter == "tf":
        from transformers.exporters.exporter_onnx import OnnxConfig, OnnxExporter
        model.eval()
        with exporting.hushed():
            exported = OnnxExporter().export(
                model, args, config=OnnxConfig(dynamic=not static, opset_version=opset))
        OnnxExporter.save_program(exported.program, path)
        return
    outputs = OUTPUTS[architecture]
    exporting.export(OutputsOnly(model, list(outputs)), args, path, dynamo=exporter != "ts", opset=opset,
                     outputs=outputs, dynamic={} if static else {"batch": None, "seq": 80},
                     optimize=exporter != "raw")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "models" / "zoo",
                        help="folder to write to (default: build/models/zoo)")
    parser.add_argument("--only", metavar="NAME", action="append", help="only this file (repeatable)")
    parser.add_argument("--if-changed", action="store_true",
                        help="do nothing if the files are there and made by this script")
    options = parser.parse_args()
    names = [f"{a}_{f}" for a in ARCHITECTURES for f in FORMS + MORE_FORMS.get(a, [])]
    unknown = set(options.only or []) - set(names)
    if unknown:
        parser.error(f"unknown file {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    options.out.mkdir(parents=True, exist_ok=True)
    stamp = exporting.Stamp(options.out, __file__)
    files = {name: options.out / f"{name}.onnx" for name in options.only or names}
    if options.if_changed and stamp.fresh() and all(path.exists() for path in files.values()):
        return 0
    exporting.quiet()
    for name, path in files.items():
        export(name, path)
        print(f"wrote {path}", flush=True)
    if not options.only:
        stamp.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
