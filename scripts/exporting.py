# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the export scripts share: both PyTorch exporters, and when to skip."""
import contextlib
import hashlib
import importlib.metadata
import io
import logging
import os
import pathlib
import warnings

# No model hub is ever asked.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")


def quiet() -> None:
    """No progress bars, and no remarks about packages that are not needed."""
    import transformers
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)


@contextlib.contextmanager
def hushed():
    """Without an exporter's own progress lines and warnings (errors are raised)."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Stamp:
    """Remembers in a folder what its files were made from, to do it only once."""

    def __init__(self, folder: pathlib.Path, script: str):
        self.path = folder / f".{pathlib.Path(script).stem}.stamp"
        digest = hashlib.sha256()
        for source in (script, __file__):
            digest.update(pathlib.Path(source).read_bytes())
        for package in ("torch", "transformers", "onnxscript", "onnx"):
            digest.update(importlib.metadata.version(package).encode())
        self.wanted = digest.hexdigest()

    def fresh(self) -> bool:
        return self.path.exists() and self.path.read_text() == self.wanted

    def write(self) -> None:
        self.path.write_text(self.wanted)


def export(model, args: dict, path: pathlib.Path, *, dynamo: bool, opset: int, outputs: dict,
           dynamic: dict, optimize: bool = True) -> None:
    """Writes `path`, and `path`.data beside it where the exporter uses external data.

    `args` are example inputs by name; `dynamic` maps the names of dynamic dims of
    inputs to their largest size, for example {"batch": None, "seq": 512} for
    dims 0 and 1, empty for static; `outputs` maps output names to their dims,
    for example {"logits": ["batch", "seq"]}.
    """
    import torch
    # The module that is exported must itself be in eval mode, every time: the
    # TorchScript exporter restores the wrapper's own flag afterwards, and a
    # wrapper left in training mode writes Dropout with training_mode true.
    model.eval()
    common = dict(input_names=list(args), output_names=list(outputs), opset_version=opset)
    with hushed(), torch.no_grad():
        if dynamo:
            dims = {i: torch.export.Dim(name, max=size) for i, (name, size) in enumerate(dynamic.items())}
            torch.onnx.export(model, tuple(args.values()), str(path), dynamo=True, verbose=False,
                              dynamic_shapes={name: dims for name in args} if dims else None,
                              optimize=optimize, **common)
        else:
            axes = {name: dict(enumerate(dynamic)) for name in args}
            axes.update({name: dict(enumerate(dims)) for name, dims in outputs.items()})
            torch.onnx.export(model, tuple(args.values()), str(path), dynamo=False,
                              dynamic_axes=axes if dynamic else None, **common)
