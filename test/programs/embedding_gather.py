# REQUIRES: onnx
# RUN: %python %s %t
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Embedding rows by data-supplied addresses: the low and high bytes of a table of 200 fp16 rows."""
import pathlib
import sys

import numpy

sys.path.append(str(pathlib.Path(__file__).parent / "Inputs"))
import harness
from isa_program import EAST, WEST, Program, f32, from_planes, planes_of

random = numpy.random.default_rng(5)
table = random.normal(0, 1, (200, 16)).astype(numpy.float16)
ids = numpy.array([3, 199, 0, 77, 77, 128, 1, 42], numpy.uint16)
first_row = 16  # of the table in its banks

p = Program("embedding_gather", cycles=34)
chip, m = p.chips[0], p.machine
for b in range(2):
    chip.image(b, 0, 0, planes_of(ids.reshape(-1, 1), "<u2")[b])  # one address per row, in lane 0
    chip.image(4 + b, 1, first_row, planes_of(table, "<f2")[b])

T = 20
low, high = m.slice(4), m.slice(5)
for b in range(2):
    chip.read(b, 0, b, EAST, T, low, repeat=len(ids), stride=1)
for b, at in enumerate((T, T + high - low)):  # the same addresses pass slice 4, then slice 5, which ends them
    chip.q("mem", 4 + b).at(at, "mem.gather", repeat=len(ids), bank=1, offset=first_row, adir=EAST, astream=0,
                            alast=b == 1, dir=EAST, stream=2 + b)
    chip.write(6 + b, 0, 2 + b, EAST, at + m.delay_sram_read, m.slice(4 + b), repeat=len(ids), stride=1)

wanted = [(0, 6 + b, 0, 0, len(ids)) for b in range(2)]
got = harness.run(p, wanted, sys.argv[1])
harness.expect("rows", from_planes([got[w] for w in wanted], "<f2"), table[ids])
