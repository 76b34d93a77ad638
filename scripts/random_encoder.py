#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A transformer encoder drawn from a seed, exported to ONNX with static shapes.

    scripts/random_encoder.py --seed 7 -o encoder.onnx
    scripts/random_encoder.py --seed 1 --set layers=24 heads=12 head_size=32 ffn=1536 seq=128 -o large.onnx
    scripts/random_encoder.py --count 30 --folder build/models/random --if-changed

Sizes are drawn so that nothing fits by luck: hidden 48 to 512 in heads of 5 to 80
features (few divide a machine's lanes), sequence 1 to 200, 1 to 3 layers, any
feed-forward width; ReLU, GELU (erf or tanh) or SiLU; norm before or after; token
ids or float input; with or without a mask; attention written out or as SDPA;
exporter and opset. The same seed gives the same model; --set replaces what was drawn.
"""
import argparse
import ast
import dataclasses
import math
import pathlib
import random

import exporting
import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass
class Config:
    layers: int
    heads: int
    head_size: int
    ffn: int
    seq: int
    batch: int
    activation: str
    norm_first: bool
    token_ids: bool
    mask: bool
    sdpa: bool
    bias: bool
    dynamo: bool
    opset: int

    @property
    def hidden(self) -> int:
        return self.heads * self.head_size


def draw(seed: int) -> Config:
    rng = random.Random(seed)
    while True:
        heads, head_size = rng.randint(1, 12), rng.randint(5, 80)
        if 48 <= heads * head_size <= 512:
            break
    hidden = heads * head_size
    dynamo = rng.random() < 0.4
    # Lengths 1 and 200 are sure to come up in a few tens of seeds.
    seq = rng.choice([1, 200, rng.randint(2, 16), rng.randint(17, 199), rng.randint(17, 199)])
    return Config(
        layers=rng.randint(1, 3), heads=heads, head_size=head_size,
        ffn=rng.randint(hidden // 2, hidden * 3), seq=seq, batch=rng.choice([1, 1, 1, 2, 3]),
        activation=rng.choice(["relu", "gelu", "gelu_tanh", "silu"]),
        norm_first=rng.random() < 0.5, token_ids=rng.random() < 0.5, mask=rng.random() < 0.6,
        sdpa=rng.random() < 0.5, bias=rng.random() < 0.8, dynamo=dynamo,
        opset=rng.choice([18, 20, 23]) if dynamo else rng.choice([14, 17, 18, 20]))


ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
}


class Layer(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        self.query, self.key, self.value, self.out = (
            nn.Linear(c.hidden, c.hidden, bias=c.bias) for _ in range(4))
        self.up, self.down = nn.Linear(c.hidden, c.ffn, bias=c.bias), nn.Linear(c.ffn, c.hidden, bias=c.bias)
        self.norm1, self.norm2 = nn.LayerNorm(c.hidden), nn.LayerNorm(c.hidden)

    def attention(self, x, mask):
        def split(t):
            return t.view(self.c.batch, self.c.seq, self.c.heads, self.c.head_size).transpose(1, 2)
        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        if self.c.sdpa:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            scores = q @ k.transpose(2, 3) / math.sqrt(self.c.head_size)
            y = (scores if mask is None else scores + mask).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(self.c.batch, self.c.seq, self.c.hidden))

    def ffn(self, x):
        return self.down(ACTIVATIONS[self.c.activation](self.up(x)))

    def forward(self, x, mask):
        if self.c.norm_first:
            x = x + self.attention(self.norm1(x), mask)
            return x + self.ffn(self.norm2(x))
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.ffn(x))


class Encoder(nn.Module):
    def __init__(self, c: Config, vocabulary: int = 97):
        super().__init__()
        self.c = c
        if c.token_ids:
            self.words = nn.Embedding(vocabulary, c.hidden)
            self.positions = nn.Embedding(c.seq, c.hidden)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.norm = nn.LayerNorm(c.hidden)
        for name, parameter in self.named_parameters():
            # Norms with scale and shift that are not 1 and 0, biases that matter.
            if "norm" in name and name.endswith("weight"):
                nn.init.uniform_(parameter, 0.7, 1.3)
            elif parameter.dim() == 1:
                nn.init.normal_(parameter, std=0.1)
            elif "words" not in name and "positions" not in name:
                nn.init.normal_(parameter, std=0.9 / math.sqrt(parameter.shape[1]))

    def forward(self, x, attention_mask=None):
        if self.c.token_ids:
            x = self.words(x) + self.positions(torch.arange(self.c.seq))
        mask = None
        if attention_mask is not None:
            mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -1e4
            if self.c.sdpa:
                # ONNX Runtime's Attention does not broadcast the mask over queries.
                mask = mask.expand(self.c.batch, 1, self.c.seq, self.c.seq)
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)


def replaced(c: Config, settings: list[str]) -> Config:
    """`name=value` for fields of the configuration; values as Python writes them."""
    values = {name: ast.literal_eval(value) if value[:1].isdigit() or value in ("True", "False") else value
              for name, _, value in (setting.partition("=") for setting in settings)}
    return dataclasses.replace(c, **values)


def write(seed: int, path: pathlib.Path, settings: list[str] = []) -> Config:
    c = replaced(draw(seed), settings)
    torch.manual_seed(seed)
    model = Encoder(c)
    shape = (c.batch, c.seq)
    args = {"input_ids": torch.randint(0, 97, shape)} if c.token_ids else {
        "hidden_in": torch.randn(*shape, c.hidden)}
    if c.mask:
        args["attention_mask"] = torch.ones(shape, dtype=torch.int64)
    exporting.export(model, args, path, dynamo=c.dynamo, opset=c.opset, outputs={"hidden_out": []}, dynamic={})
    return c


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="one encoder, to the file of -o")
    parser.add_argument("-o", "--out", type=pathlib.Path)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="with --seed: fields to replace")
    parser.add_argument("--count", type=int, help="seeds from 0 on, to encoder-<seed>.onnx in --folder")
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--if-changed", action="store_true",
                        help="with --count: do nothing if the files are there and made by this script")
    options = parser.parse_args()
    one, many = (options.seed, options.out), (options.count, options.folder)
    if (None in one) == (None in many) or (None in one and one != (None, None)):
        parser.error("wanted --seed with -o, or --count with --folder")
    if options.out:
        exporting.quiet()
        print(f"seed {options.seed}: {write(options.seed, options.out, options.set)}")
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    stamp = exporting.Stamp(options.folder, __file__)
    files = [options.folder / f"encoder-{seed}.onnx" for seed in range(options.count)]
    if options.if_changed and stamp.fresh() and all(file.exists() for file in files):
        return
    exporting.quiet()
    for seed, file in enumerate(files):
        print(f"wrote {file}: {write(seed, file)}", flush=True)
    stamp.write()


if __name__ == "__main__":
    main()
