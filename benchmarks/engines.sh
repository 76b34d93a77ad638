#!/usr/bin/env bash
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The whole trained MiniLM on lpu1 in both engines: tick (R0) and event (R1) agree in
# cycles, counters, outputs and every byte of SRAM. Minutes per length, because the
# tick engine computes every cycle; one layer is a test (test/runtime/emulator/
# minilm-layer.test). Run scripts/test.sh or scripts/demo.sh once before.
#
#   benchmarks/engines.sh [lengths, default: 16 128]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${LPU_BUILD_DIR:-build}
PATH=$PWD/$build/bin:$PATH
failed=0
[ $# -gt 0 ] || set -- 16 128
for seq in "$@"; do
  .venv/bin/python test/numerics/compare_engines.py "$build/models/minilm_ts_eager.onnx" \
    --target lpu1 --dim batch=1 --dim seq="$seq" --texts 10 || failed=$((failed + 1))
done
echo "$failed of $# lengths failed"
[ $failed = 0 ]
