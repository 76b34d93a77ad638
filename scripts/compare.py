#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares outputs with ONNX Runtime's (fp32, CPU) on the same inputs.

    scripts/compare.py minilm.onnx --inputs in.npz --outputs out.npz

Prints a line per output and exits with 1 if one is outside test/tolerances.toml.

Two measures, both over rows (vectors along the last dimension), so that neither
one wrong row nor a small error everywhere can hide:
    relative L2   ||got - want|| / ||want|| over the whole output
    worst row     the largest such ratio of a single row
Rows of tokens that the attention mask drops are a line of their own, `(padding)`:
the graph defines them, but nobody reads them and their norms are uneven, more so in
long sequences (`(padding of long)`, limits of their own).
"""
import argparse
import dataclasses
import pathlib
import sys
import tomllib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCES = ROOT / "test" / "tolerances.toml"
LONG = 128  # tokens; padding of longer sequences has limits of its own


@dataclasses.dataclass
class Result:
    """How far one output is from the reference, and how far it may be."""
    name: str
    shape: tuple
    relative_l2: float
    worst_row: float
    limit_l2: float
    limit_row: float
    problem: str = ""  # wrong shape, not finite, wrong element: no tolerance helps

    @property
    def passed(self) -> bool:
        return (not self.problem and self.relative_l2 <= self.limit_l2
                and self.worst_row <= self.limit_row)

    def __str__(self) -> str:
        if self.problem:
            return f"{self.name:32} {self.problem}  FAILED"
        shape = "x".join(map(str, self.shape)) or "scalar"
        return (f"{self.name:32} {shape:>14}  relative L2 {self.relative_l2:.2e} (<= {self.limit_l2:.1e})"
                f"  worst row {self.worst_row:.2e} (<= {self.limit_row:.1e})"
                f"  {'ok' if self.passed else 'FAILED'}")


def precisions() -> list:
    """The tables that a result can be held against."""
    return sorted(tomllib.loads(TOLERANCES.read_text()))


def tolerances(precision: str, output: str) -> tuple:
    """(relative L2, worst row) allowed for an output, or for its padding."""
    table = tomllib.loads(TOLERANCES.read_text())[precision]
    name = {"(padding)": "padding", "(padding of long)": "long_padding"}.get(
        output.partition(" ")[2], output)
    row = table["default"] | table.get(name, {})
    return row["relative_l2"], row["worst_row"]


def kept_rows(inputs: dict):
    """The attention mask as bool [batch, seq], if the model has one."""
    mask = inputs.get("attention_mask")
    return None if mask is None or mask.ndim != 2 else mask.astype(bool)


def ratio(difference: np.ndarray, want: np.ndarray, axis=None) -> np.ndarray:
    """Norm of the difference by norm of what is wanted; 0/0 is 0, x/0 infinite."""
    top = np.sqrt((difference ** 2).sum(axis=axis))
    bottom = np.sqrt((want ** 2).sum(axis=axis))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(top == 0, 0.0, top / bottom)


def measure(got: np.ndarray, want: np.ndarray) -> tuple:
    """(relative L2, worst row), in double precision."""
    want64 = np.atleast_1d(want.astype(np.float64))
    difference = np.atleast_1d(got.astype(np.float64)) - want64
    if want64.size == 0:
        return 0.0, 0.0
    return float(ratio(difference, want64)), float(ratio(difference, want64, axis=-1).max())


def compare(name: str, got: np.ndarray, want: np.ndarray, precision: str = "fp16") -> Result:
    limit_l2, limit_row = tolerances(precision, name)
    result = Result(name, want.shape, float("inf"), float("inf"), limit_l2, limit_row)
    if got.shape != want.shape:
        result.problem = f"has shape {got.shape}, wanted {want.shape}"
    elif got.dtype != want.dtype:
        result.problem = f"has type {got.dtype}, wanted {want.dtype}"
    elif not np.issubdtype(want.dtype, np.floating):
        wrong = int((got != want).sum())
        if wrong:
            result.problem = f"{wrong} of {want.size} elements differ (must be equal)"
        result.relative_l2 = result.worst_row = 0.0
    elif not np.isfinite(want).all():
        result.problem = "the reference itself is not finite: choose other inputs"
    elif not np.isfinite(got).all():
        result.problem = f"{int((~np.isfinite(got)).sum())} of {got.size} elements are not finite"
    else:
        result.relative_l2, result.worst_row = measure(got, want)
    return result


def reference(model: pathlib.Path, inputs: dict, optimise: bool = True) -> dict:
    """The model's outputs by ONNX Runtime."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    wanted = {i.name for i in session.get_inputs()}
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, {n: a for n, a in inputs.items() if n in wanted})))


def compare_all(got: dict, want: dict, kept=None, precision: str = "fp16") -> list:
    """A Result per output; two where `kept` [batch, seq] splits its rows.

    An output that is missing gives a Result that failed."""
    results = []
    for name, array in want.items():
        if name not in got:
            results.append(Result(name, array.shape, np.inf, np.inf, 0, 0, "is missing"))
        elif (kept is None or array.shape[:-1] != kept.shape or kept.all()
              or got[name].shape != array.shape):
            results.append(compare(name, got[name], array, precision))
        else:
            results.append(compare(name, got[name][kept], array[kept], precision))
            padding = "padding of long" if kept.shape[1] > LONG else "padding"
            results.append(compare(f"{name} ({padding})", got[name][~kept], array[~kept], precision))
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--inputs", type=pathlib.Path, required=True)
    parser.add_argument("--outputs", type=pathlib.Path, required=True)
    parser.add_argument("--precision", default="fp16", choices=precisions(), help="table of test/tolerances.toml")
    options = parser.parse_args()
    with np.load(options.inputs) as inputs, np.load(options.outputs) as outputs:
        inputs = dict(inputs)
        results = compare_all(dict(outputs), reference(options.model, inputs),
                              kept_rows(inputs), options.precision)
    for result in results:
        print(result)
    return 0 if results and all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
