#!/usr/bin/env bash
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Every night: the judges against each other, in both directions, on ten times as much as the tests have time for.
# Nothing accepted faults, nothing that runs is refused, both engines agree, flipped bits never change a result; every
# bit of 20 instructions of a compiled encoder. Run scripts/test.sh once before. Each night has seeds of its own;
# a number repeats one:
#
#   benchmarks/judges.sh [night, default: today as days since 1970]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$PWD/${LPU_BUILD_DIR:-build}
PATH=$build/bin:$PATH
night=${1:-$(($(date +%s) / 86400))}
first=$((night * 100000))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
step() { echo "+ $*"; "$@" || failed=$((failed + 1)); }

echo "night $night"
step lpu-random compare $first 10000
step lpu-random faults $first 40000
step lpu-random systems $first 1000 16
step lpu-random upsets $first 3000
# The programs as they are, and 10 mutants of each.
step lpu-mutate --random 10000 --first-seed $first --seeds 10 --max-cycles 200000
step lpu-mutate --systems 500 --first-seed $first --seeds 60
.venv/bin/python - "$work" <<'PYTHON'
import sys
sys.path.insert(0, "test/numerics")
import numpy as np
import onnx
import pipelines
onnx.save(pipelines.layers(1), f"{sys.argv[1]}/m.onnx")
np.savez(f"{sys.argv[1]}/in.npz", input_ids=np.random.default_rng(0).integers(0, 91, 17))
PYTHON
step lpu-compile "$work/m.onnx" --target lpu1 --quiet -o "$work/m.lpu"
step .venv/bin/python benchmarks/every_bit.py "$work/m.lpu" "$work/m.onnx" "$work/in.npz" --seed $night
echo "$failed steps failed"
[ $failed = 0 ]
