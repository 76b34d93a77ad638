# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Partitions models and evaluates every partition against the whole (no RUN line here).

    partitions.py model.onnx... [--dim name=size] [--target m] [--exact] --plan "chips=8 tp=2 pp=4"...

Each plan is one option string of `fabric-partition`. Where chips divide a sum of floats,
its order changes and so do its last bits: up to 1e-5 is accepted. A plan that starts with
`exact:`, or --exact, asks for equal bits. Every program passes `verify-fabric`, also
with its collectives decomposed, which may change no bit.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile


def run(*command) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))[:300]}\n{done.stdout}{done.stderr[:2000]}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--plan", action="append", required=True)
    parser.add_argument("--dim", action="append", default=[])
    parser.add_argument("--target", default="lpu1")
    parser.add_argument("--exact", action="store_true")
    args = parser.parse_args()
    dims = [f"--dim={d}" for d in args.dim]
    for model in args.models:
        with tempfile.TemporaryDirectory() as folder:
            whole = pathlib.Path(folder) / "whole.mlir"
            if model.endswith(".mlir"):
                whole = pathlib.Path(model)
            else:
                whole.write_text(run("lpu-compile", model, "--target=lpu1", "--emit=linalg", *dims))
            for plan in args.plan:
                exact = args.exact or plan.startswith("exact:")
                options = plan.removeprefix("exact:")
                parts, flat = pathlib.Path(folder) / "parts.mlir", pathlib.Path(folder) / "flat.mlir"
                run("lpu-opt", whole, f"--fabric-partition=target={args.target} {options}",
                    f"--verify-fabric=target={args.target}", "-o", parts)
                run("lpu-opt", parts, f"--fabric-decompose=target={args.target}",
                    f"--verify-fabric=target={args.target}", "-o", flat)
                tolerance = "0" if exact else "1e-5"
                out = run("lpu-fabric-test", whole, parts, flat, "--target", args.target, "--tolerance", tolerance)
                lines = out.splitlines()
                distances = [line.split("outputs: ")[1] for line in lines]
                if distances[0] != distances[1]:
                    sys.exit(f"{model}: {plan}: decomposed collectives change bits: {lines}")
                print(f"{pathlib.Path(model).name}: {options}: {lines[0]}", flush=True)


main()
