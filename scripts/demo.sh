#!/usr/bin/env bash
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# From nothing to a trained sentence encoder on one lpu1 chip: set up and build,
# export MiniLM from PyTorch, compile, verify, run in the emulator, and compare
# with ONNX Runtime. Any step that fails ends it with that step's exit code.
#
#   scripts/demo.sh [--texts N]   N texts are compared at the end (default: all)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${LPU_BUILD_DIR:-build}
texts=
case "${1:-}" in
  "") ;;
  --texts) texts=${2:?"--texts needs a number"} ;;
  *) echo "demo: unknown option $1 (known: --texts N)" >&2; exit 2 ;;
esac

step=setup
trap 'code=$?; [ $code = 0 ] || echo "demo: FAILED in step: $step (exit code $code)" >&2' EXIT
run() { # prints the command as a user would type it, then runs it
  step="$*"
  printf '\n$ %s\n' "$*"
  "$@"
}

scripts/setup.sh --full
python=.venv/bin/python
work=$build/demo
mkdir -p "$work"
PATH=$(cd "$build/bin" && pwd):$PATH
model=$build/models/minilm_ts_eager.onnx

if [ ! -f "$model" ]; then
  run "$python" scripts/export_minilm.py --out "$build/models" --only ts_eager
fi
run "$python" scripts/texts.py --seq 128 -o "$work/in.npz"
run lpu-compile "$model" --target lpu1 --chips 1 --dim batch=1 --dim seq=128 -o "$work/minilm.lpu"
run lpu-verify "$work/minilm.lpu"
run lpu-run "$work/minilm.lpu" --inputs "$work/in.npz" --outputs "$work/out.npz"
run "$python" scripts/compare.py "$model" --inputs "$work/in.npz" --outputs "$work/out.npz"

count=$("$python" -c 'import sys; sys.path.insert(0, "scripts"); import texts; print(len(texts.TEXTS))')
run "$python" test/numerics/run_model.py "$model" --target lpu1 --dim batch=1 --dim seq=128 \
  --texts 0 --runs "${texts:-$count}" --keep "$work/texts"
printf '\ndemo: done; everything it wrote is in %s\n' "$work"
