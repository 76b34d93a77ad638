#!/usr/bin/env bash
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Sets up, builds, and runs every test. The last line is "N passed, N failed"
# (with ", N skipped" if some were); the exit code is 0 if none failed.
#
#   scripts/test.sh [lit arguments]     for example: scripts/test.sh --filter session
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${LPU_BUILD_DIR:-build}
results=$build/test/results.json

# A suite that does not get as far as its tests has failed, and says so last.
give_up() { echo "test: $1" >&2; echo "0 passed, 1 failed"; exit 1; }

# The commands of tests are lines of a shell that hold paths as they are.
special='[][[:space:]\\"'"'"'$`;&|<>()*?%#{}]'
[[ "$PWD/$build" =~ $special ]] && give_up "the tests cannot run in '$PWD' (build folder $build): \
choose a path without spaces and characters of the shell; setup and demo work here"

scripts/setup.sh --test || give_up "setup or build failed"
python=.venv/bin/python
echo "test: exporting models (once)"
"$python" scripts/export_minilm.py --out "$build/models" --if-changed || give_up "MiniLM export failed"
"$python" scripts/export_zoo.py --out "$build/models/zoo" --if-changed || give_up "export of small models failed"
"$python" scripts/random_encoder.py --count 30 --folder "$build/models/random" --if-changed || give_up "export of random models failed"

lit=
for candidate in "${LIT:-}" /usr/lib/llvm-22/bin/lit "$(command -v lit || true)" "$(command -v llvm-lit || true)"; do
  [ -n "$candidate" ] && [ -x "$candidate" ] && { lit=$candidate; break; }
done
[ -n "$lit" ] || give_up "no lit found (set LIT)"

# One test may take ten minutes (with psutil, which lit needs for that).
limit=()
/usr/bin/python3 -c 'import psutil' 2>/dev/null && limit=(--timeout 600)
echo "test: running lit on test/"
mkdir -p "$build/test"
rm -f "$results"
LPU_OPT_CHECK_IR_ROUNDTRIP=1 "$lit" -sv --no-progress-bar --time-tests "${limit[@]}" \
  --output "$results" "$@" "$build/test" </dev/null
lit_code=$?
"$python" scripts/count_results.py "$results" "$lit_code"
