# REQUIRES: onnx
# RUN: %python %s %t
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Scores S[8, 16] = Q[8, 8] K[16, 8]^T in fp16: keys stay in row layout, the column install transposes them."""
import pathlib
import sys

import numpy

sys.path.append(str(pathlib.Path(__file__).parent / "Inputs"))
import harness
from isa_program import EAST, WEST, Program, f32, from_planes, planes_of

random = numpy.random.default_rng(4)
Q, K = (random.normal(0, 1, shape).astype(numpy.float16) for shape in ((8, 8), (16, 8)))
rows, keys, dims = len(Q), len(K), Q.shape[1]

p = Program("qk_column_install", cycles=58)
chip, m = p.chips[0], p.machine
EAST_PLANE = 1
plane = m.plane(EAST_PLANE)
per_install = m.install_rows // 2  # keys per issue: two byte streams each
for b in range(2):
    for j in range(keys):  # byte b of key j: slice 4 + 2 (j % 2) + b
        chip.image(4 + per_install * (j % per_install) + b, 0, j // per_install, planes_of(K[j], "<f2")[b])
    chip.image(b, 0, 0, planes_of(Q, "<f2")[b])

T, installs = 20, keys // per_install
for j in range(m.install_rows):
    chip.read(4 + j, 0, j, EAST, T, plane, repeat=installs, stride=1)
weights = chip.q("weights", EAST_PLANE)
weights.at(T, "weights.install", repeat=installs, fp16=True, columns=True, stream=0, n=m.install_rows, at=0,
           step=per_install, row=0, lane_base=0, lane_count=dims, last=True)
swap = T + installs
weights.at(swap, "weights.swap")
first = swap + m.delay_swap
for b in range(2):
    chip.read(b, 0, 4 + b, EAST, first, plane, repeat=rows, every=m.fp16_interval, stride=1)
chip.q("pass", EAST_PLANE).at(first, "pass.run", repeat=rows, every=m.fp16_interval, fp16=True, stream=4, last=True,
                              lane_base=0, lane_count=dims, weight_row=0, acc=0, acc_stride=1)
out = first + m.matrix_delay(True)
chip.q("drain", EAST_PLANE).at(out, "drain.row", repeat=rows, every=m.fp16_interval, acc=0, acc_stride=1, stream=0)
for b in range(4):
    chip.write(4 + b, 32, b, WEST, out + m.delay_drain, plane, repeat=rows, every=m.fp16_interval, stride=1)

wanted = [(0, 4 + b, 0, 32, rows) for b in range(4)]
got = harness.run(p, wanted, sys.argv[1])
S = numpy.zeros((rows, keys), numpy.float32)
for k in range(dims):  # docs/isa.md, section 10: increasing k, from +0, every step rounded
    S = S + Q[:, k:k + 1].astype(numpy.float32) * K[:, k].astype(numpy.float32)
harness.expect("scores", from_planes([got[w] for w in wanted], "<f4"), S)
