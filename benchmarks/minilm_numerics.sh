#!/usr/bin/env bash
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The whole grid behind test/numerics: MiniLM in all four exports, sequence lengths
# 1 to 512, batches 1 to 4, on lpu1 and on machines of 16 and 32 lanes. Too long for
# the tests; run scripts/test.sh or scripts/demo.sh once before. Writes one line per
# run to standard output, and ends with the number of cases that failed.
#
#   benchmarks/minilm_numerics.sh [texts per case, default 3] | tee grid.txt
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${LPU_BUILD_DIR:-build}
PATH=$PWD/$build/bin:$PATH
cases=0 failed=0
for export in ts_eager ts_sdpa dynamo_eager dynamo_sdpa; do
  for target in lpu1 test/numerics/Inputs/lanes16.yaml test/numerics/Inputs/lanes32.yaml; do
    for seq in 1 7 16 33 128 256 512; do
      for batch in 1 2 3 4; do
        cases=$((cases + 1))
        .venv/bin/python test/numerics/run_model.py "$build/models/minilm_$export.onnx" \
          --target "$target" --dim batch=$batch --dim seq=$seq --texts $((cases % 50)) --runs "${1:-3}" ||
          failed=$((failed + 1))
      done
    done
  done
done
echo "$failed of $cases cases failed"
[ $failed = 0 ]
