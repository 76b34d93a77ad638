# REQUIRES: onnx
# RUN: %python %s %t
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""int8 GEMM tile with two K tiles: Y[8, 16] = A[8, 32] W[32, 16].

The second tile installs into the shadow buffer while the first one computes; its passes add to the same
accumulator rows. The drain follows the last passes without a gap.
"""
import pathlib
import sys

import numpy

sys.path.append(str(pathlib.Path(__file__).parent / "Inputs"))
import harness
from isa_program import EAST, WEST, Program, f32, from_planes, planes_of

random = numpy.random.default_rng(1)
A = random.integers(-128, 128, (8, 32), dtype=numpy.int8)
W = random.integers(-128, 128, (32, 16), dtype=numpy.int8)

p = Program("gemm_two_k_tiles", cycles=53)
chip, m = p.chips[0], p.machine
EAST_PLANE = 1
plane = m.plane(EAST_PLANE)
tiles, depth, rows = 2, m.plane_rows, len(A)

# Weight row k: slice 4 + k % 4, row k // 4; A[:, tile t]: slice 0, rows 8 t ...
for k in range(32):
    chip.image(4 + k % 4, 0, k // 4, W[k].view(numpy.uint8))
for t in range(tiles):
    chip.image(0, 0, rows * t, A[:, depth * t:depth * (t + 1)].view(numpy.uint8))

installs = depth // m.install_rows
install = [20, 25]  # first issue per tile
swap = [24, 32]
first_pass = [s + m.delay_swap for s in swap]
weights, passes, drain = chip.q("weights", EAST_PLANE), chip.q("pass", EAST_PLANE), chip.q("drain", EAST_PLANE)
for t in range(tiles):
    for j in range(m.install_rows):
        chip.read(4 + j, installs * t, j, EAST, install[t], plane, repeat=installs, stride=1)
    weights.at(install[t], "weights.install", repeat=installs, stream=0, n=m.install_rows, at=0,
               step=m.install_rows, lane_base=0, lane_count=16, last=True)
    weights.at(swap[t], "weights.swap")
    chip.read(0, rows * t, 4, EAST, first_pass[t], plane, repeat=rows, stride=1)
    passes.at(first_pass[t], "pass.run", repeat=rows, stream=4, last=True, lane_base=0, lane_count=depth,
              weight_row=0, acc=0, acc_stride=1, add=t > 0)
out = first_pass[1] + m.matrix_delay(False)
drain.at(out, "drain.row", repeat=rows, acc=0, acc_stride=1, stream=0)
for b in range(4):
    chip.write(4 + b, 32, b, WEST, out + m.delay_drain, plane, repeat=rows, stride=1)

wanted = [(0, 4 + b, 0, 32, rows) for b in range(4)]
got = harness.run(p, wanted, sys.argv[1])
Y = from_planes([got[w] for w in wanted], "<i4")
harness.expect("Y", Y, A.astype(numpy.int32) @ W.astype(numpy.int32))
