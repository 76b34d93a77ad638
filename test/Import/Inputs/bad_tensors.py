# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models whose tensors are damaged or hostile."""
import os

from models import *


def with_weight(change, array=np.ones((2, 3), np.float32)):
    m = model([node("Add", ["x", "w"], ["y"])], [value("x", [2, 3])], [value("y", [2, 3])], [tensor("w", array)])
    change(m.graph.initializer[0])
    return m


def external(location, **entries):
    def change(w):
        w.ClearField("raw_data")
        w.data_location = TensorProto.EXTERNAL
        for key, text in dict(location=location, **entries).items():
            entry = w.external_data.add()
            entry.key, entry.value = key, text
    return with_weight(change)


def short(w):
    w.raw_data = w.raw_data[:-1]


def negative(w):
    w.dims[0] = -2


def huge(w):
    w.dims[:] = [2 ** 40, 2 ** 40]


def both(w):
    w.float_data.extend([1.0] * 6)


def few(w):
    w.ClearField("raw_data")
    w.int32_data.extend([1, 2, 3])


def few_floats(w):
    w.ClearField("raw_data")
    w.float_data.extend([1.0, 2.0, 3.0])


def kind(number):
    def change(w):
        w.data_type = number
    return change


def files(folder):
    """What the external locations name."""
    (folder / "data").write_bytes(np.ones(8, np.float32).tobytes())
    (folder / "sub").mkdir(exist_ok=True)
    (folder / "sub" / "data").write_bytes(np.ones(6, np.float32).tobytes())
    for name in ("link", "linked", "pipe", "hard"):
        if os.path.lexists(folder / name):
            os.unlink(folder / name)
    os.symlink("data", folder / "link")
    os.symlink("sub", folder / "linked")
    (folder / "hard0").write_bytes(b"\0" * 24)
    os.link(folder / "hard0", folder / "hard")
    os.mkfifo(folder / "pipe")
    return external("data")


if __name__ == "__main__":
    write_all({
        "good": files,
        "good-sub": lambda: external("sub/data", offset="0", length="24"),
        "short": lambda: with_weight(short), "negative": lambda: with_weight(negative),
        "huge": lambda: with_weight(huge), "both": lambda: with_weight(both),
        "few": lambda: with_weight(few, np.ones((2, 3), np.int32)), "few-floats": lambda: with_weight(few_floats),
        "bf16": lambda: with_weight(kind(TensorProto.BFLOAT16)), "type-99": lambda: with_weight(kind(99)),
        "parent": lambda: external("../data"), "inner-parent": lambda: external("sub/../data"),
        "absolute": lambda: external("/etc/passwd"), "drive": lambda: external("C:\\data"),
        "empty": lambda: external(""), "nul": lambda: external("da\0ta"), "directory": lambda: external("sub"),
        "link": lambda: external("link"), "linked": lambda: external("linked/data"),
        "hard": lambda: external("hard"), "pipe": lambda: external("pipe"), "nowhere": lambda: external("nowhere"),
        "key": lambda: external("data", mode="rw"), "offset": lambda: external("data", offset="-4"),
        "offset-text": lambda: external("data", offset="4x"), "far": lambda: external("data", offset="100"),
        "overflow": lambda: external("data", offset="16", length="9223372036854775807"),
        "long": lambda: external("data", length="28"), "checksum": lambda: external("data", checksum="0" * 40),
    })
