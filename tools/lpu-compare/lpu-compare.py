#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where does a package begin to differ from its model?

    lpu-compare m.lpu model.onnx --inputs in.npz

Runs the package as it is in the emulator, the model in ONNX Runtime, and compares every tensor of the model that stands in
SRAM while the program runs (lpu-run --tensors) and every output, in the order of the model's nodes. Prints chip, cycle, relative
L2 and worst row of each, and names the first one beyond its gate; exit code 1 if there is one, 2 if nothing can be compared.

Gates are those of test/tolerances.toml. Inside a model rows can be short and sums cancel: a tensor beyond the gate may be off by
four times what rounding the operands of its products to fp16 moves ONNX Runtime's own result (scripts/fp16_model.py).
Elements that no fp16 number reaches (scores of what a mask hides) must be as far on the same side; integers must be equal.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
try:
    import numpy as np
    import onnx
    import onnxruntime  # noqa: F401
except ModuleNotFoundError as missing:
    own = ROOT / ".venv/bin/python"  # of scripts/setup.sh --full
    if not own.exists() or sys.prefix == str(own.parents[1]):
        sys.exit(f"lpu-compare: error: no Python module '{missing.name}': run scripts/setup.sh --full, which makes {own.parents[1]}")
    os.execv(own, [str(own), *sys.argv])

sys.path.insert(0, str(ROOT / "scripts"))
import compare  # noqa: E402
import fp16_model  # noqa: E402

ROUNDING = 4
BEYOND = 6e4  # next to the largest fp16 number


def with_outputs(path: pathlib.Path, names, rounds: bool, folder: pathlib.Path) -> pathlib.Path:
    """The model with these tensors as outputs besides its own."""
    model = onnx.load(path)
    if rounds:
        model = fp16_model.round_operands(model, (), fp16_model.PRODUCTS | {"Gather": 1})
    own = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in own)
    target = folder / ("rounded.onnx" if rounds else "want.onnx")
    is_large = sum(tensor.ByteSize() for tensor in model.graph.initializer) > 1 << 30
    onnx.save(model, target, save_as_external_data=is_large, location=target.name + ".data")
    return target


def without_beyond(got: np.ndarray, want: np.ndarray):
    """Both without what fp16 cannot hold, and whether they agree about that."""
    if not np.issubdtype(want.dtype, np.floating):
        return got, want, True
    beyond = ~(np.abs(want) < BEYOND)
    with np.errstate(invalid="ignore"):
        agrees = bool(((np.sign(got[beyond]) == np.sign(want[beyond])) & (np.abs(got[beyond]) >= BEYOND)
                       | np.isnan(got[beyond]) & np.isnan(want[beyond])).all())
    return np.where(beyond, 0, got), np.where(beyond, 0, want), agrees


def results_of(name: str, got: np.ndarray, want: np.ndarray, kept, precision: str) -> list:
    if got.shape != want.shape:
        return [compare.compare(name, got, want, precision)]
    got, want, agrees = without_beyond(got.astype(want.dtype), want)
    results = compare.compare_all({name: got}, {name: want}, kept, precision)
    if not agrees:
        results[0].problem = "elements beyond fp16 are not beyond it on the chip"
    return results


class Unusable(Exception):
    """What the user gave cannot be compared; the text says which file and why."""


def reading(file, read):
    """What `read` makes of a file of the user."""
    try:
        return read(file)
    except Exception as error:  # each library has its own
        raise Unusable(f"{file}: {str(error).strip().splitlines()[0]}") from error


def emulator() -> str:
    """lpu-run: that of the same build, else the one on the PATH."""
    beside = pathlib.Path(sys.argv[0]).parent / "lpu-run"
    found = str(beside) if beside.exists() else shutil.which("lpu-run")
    if not found:
        raise Unusable("lpu-run is neither beside lpu-compare nor on the PATH: call build/bin/lpu-compare")
    return found


def run(options) -> int:
    inputs = reading(options.inputs, lambda file: dict(np.load(file)))

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        command = [emulator(), options.package, "--inputs", options.inputs, "--threads", options.chip_threads,
                   "--outputs", folder / "out.npz", "--tensors", folder / "tensors.npz"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode:
            print(done.stderr, end="", file=sys.stderr)
            return 2
        print(done.stderr, end="")
        places = {}  # of a tensor: (chip, cycle, array)
        tensors = np.load(folder / "tensors.npz")
        for key in tensors:
            chip, cycle, name = key.split(":", 2)
            places.setdefault(name, []).append((int(chip), int(cycle), tensors[key]))
        outputs = np.load(folder / "out.npz")
        for name in outputs:
            places[name] = [(None, None, outputs[name])]

        graph = reading(options.model, lambda file: onnx.load(file, load_external_data=False)).graph
        order = [name for node in graph.node for name in node.output if name in places]
        unknown = sorted(set(places) - set(order) - {output.name for output in graph.output})
        if unknown:
            print(f"lpu-compare: the package has tensors that {options.model} has not, as '{unknown[0]}'", file=sys.stderr)
            return 2
        want = reading(options.model, lambda file: compare.reference(with_outputs(file, order, False, folder), inputs, optimise=False))
        rounded = None
        kept, first, count = compare.kept_rows(inputs), None, 0
        for name in dict.fromkeys([*order, *(output.name for output in graph.output)]):
            for chip, cycle, got in places.get(name, []):
                for number, result in enumerate(results_of(name, got, want[name], kept, options.precision)):
                    note = ""
                    if not result.passed and not result.problem:
                        if rounded is None:
                            rounded = compare.reference(with_outputs(options.model, order, True, folder), inputs, optimise=False)
                        honest = results_of(name, rounded[name], want[name], kept, options.precision)[number]
                        limits = [ROUNDING * moved for moved in (honest.relative_l2, honest.worst_row)]
                        result.limit_l2, result.limit_row = (max(a, b) for a, b in zip(
                            (result.limit_l2, result.limit_row), limits))
                        note = f"  (rounding moves {honest.relative_l2:.1e}, {honest.worst_row:.1e})"
                    where = "output" if chip is None else f"chip {chip} cycle {cycle}"
                    print(f"{where:22} {result}{note}")
                    count += 1
                    if first is None and not result.passed:
                        first = result.name
    print(f"first beyond its gate: {first}" if first else f"all {count} tensors are within their gates")
    return 1 if first else 0



def main() -> int:
    parser = argparse.ArgumentParser(prog="lpu-compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--inputs", type=pathlib.Path, required=True)
    parser.add_argument("--precision", default="fp16", choices=compare.precisions(), help="table of test/tolerances.toml (default: %(default)s)")
    parser.add_argument("--chip-threads", default="1", help="threads of the emulator")
    options = parser.parse_args()
    try:
        return run(options)
    except Unusable as error:
        print(f"lpu-compare: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
