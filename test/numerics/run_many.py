# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Many models through run_model.py; goes on after a failure and names them all.

    run_many.py zoo FOLDER PREFIX --target lpu1     every PREFIX_*.onnx of a folder
    run_many.py random FOLDER --machine 3 --seeds 9 10 11
                                 encoders of random_encoder.py on one random machine
"""
import argparse
import pathlib
import sys
import tempfile

import run_model  # puts scripts/ on the path too

import onnx


def dim_sizes(path: pathlib.Path, batch: int, seq: int) -> dict:
    """Binds the symbolic dims of a file, whatever its exporter called them.

    Dim 0 of every input here is the batch, dim 1 the sequence."""
    model = onnx.load(path, load_external_data=False)
    sizes = {}
    for value in model.graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, (batch, seq)):
            if dim.dim_param and not dim.dim_param.isdigit():
                sizes[dim.dim_param] = size
    return sizes


def case(model: pathlib.Path, dims: dict, target, folder: pathlib.Path, seed: int = 0) -> bool:
    options = argparse.Namespace(model=model, target=target, chips=1, compile_flag=[], run_flag=[],
                                 texts=None, seed=seed, runs=1, precision="fp16", reference=None, equal=0)
    try:
        return run_model.run_case(options, dims, folder)
    except run_model.Failed as failure:
        print(f"FAILED: {model.stem} {dims}: {failure}", flush=True)
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    zoo = commands.add_parser("zoo")
    zoo.add_argument("folder", type=pathlib.Path)
    zoo.add_argument("prefix")
    zoo.add_argument("--target", default="lpu1")
    zoo.add_argument("--batch", type=int, default=2)
    zoo.add_argument("--seq", type=int, default=16)
    zoo.add_argument("--count", type=int, help="fail unless there are exactly so many files")
    rand = commands.add_parser("random")
    rand.add_argument("folder", type=pathlib.Path, help="where encoder-<seed>.onnx are")
    rand.add_argument("--machine", type=int, required=True, help="seed of the machine")
    rand.add_argument("--megabytes", type=float, default=40, help="SRAM of the machine")
    rand.add_argument("--seeds", type=int, nargs="+", required=True, help="seeds of the encoders")
    options = parser.parse_args()
    failed, count = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        if options.what == "zoo":
            for model in sorted(options.folder.glob(f"{options.prefix}_*.onnx")):
                count += 1
                if not case(model, dim_sizes(model, options.batch, options.seq), options.target, folder):
                    failed.append(model.stem)
            if options.count not in (None, count):
                failed.append(f"({count} files, wanted {options.count})")
        else:
            import random_machine
            machine = folder / f"random-{options.machine}.yaml"
            print(f"machine {options.machine}: {random_machine.write(options.machine, options.megabytes, machine, roomy=True)}")
            for seed in options.seeds:
                count += 1
                model = options.folder / f"encoder-{seed}.onnx"
                if not case(model, {}, machine, folder, seed):
                    failed.append(model.stem)
    print(f"{count - len(failed)} of {count} passed" + (f"; failed: {' '.join(failed)}" if failed else ""))
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
