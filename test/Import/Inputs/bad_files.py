# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that are not ONNX models, or damaged ones."""
from bad_graphs import relu
from models import *


def field(number, body):
    """A length-delimited protobuf field."""
    size, length = len(body), b""
    while size >= 0x80:
        length += bytes([size & 0x7f | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + body


def nested(depth):
    """graph { node { attribute { g { node { ... } } } } }: subgraphs in subgraphs."""
    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))
    return field(7, graph)


def truncated():
    return relu().SerializeToString()[:-9]


if __name__ == "__main__":
    write_all({
        "empty": lambda: b"", "text": lambda: b"This is not a model.\n" * 20, "zeros": lambda: bytes(64),
        "truncated": truncated, "nested": lambda: nested(3000),
        "long-length": lambda: b"\x3a" + b"\xff" * 9 + b"\x01", "group": lambda: b"\x3b\x3c",
        "endless-number": lambda: b"\x08" + b"\xff" * 12, "no-graph": lambda: b"\x08\x0a",
        "unknown-field": lambda: field(99 & 15, b"x"),
    })
