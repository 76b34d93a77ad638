# REQUIRES: onnx
# RUN: %python %s %t
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cache append: each of 6 users writes one row at its own position; users without a token write to a trash row.

The row number is computed on the chip: active ? position : trash. So the timing is the same for every user.
"""
import pathlib
import sys

import numpy

sys.path.append(str(pathlib.Path(__file__).parent / "Inputs"))
import harness
from isa_program import EAST, WEST, Program, f32, from_planes, planes_of

random = numpy.random.default_rng(6)
cache = random.integers(0, 256, (64, 16), dtype=numpy.uint8)
rows = random.integers(0, 256, (6, 16), dtype=numpy.uint8)
position = numpy.array([5, 17, 17, 40, 0, 63], numpy.int16)
active = numpy.array([1, 0, 1, 1, 1, 0], numpy.uint8)
base, trash = 100, 64  # first row of the cache; the trash row stands behind it
users = len(rows)

p = Program("cache_append", cycles=34)
chip, m = p.chips[0], p.machine
CACHE, SOURCE = 6, 4
chip.image(CACHE, 0, base, cache)
chip.image(SOURCE, 0, 0, rows)
for b in range(2):
    chip.image(b, 0, 0, planes_of(position.reshape(-1, 1), "<i2")[b])
chip.image(2, 0, 0, active.reshape(-1, 1))

T = 20
SELECT = 3
for b in range(2):
    chip.read(b, 0, b, EAST, T, m.vector, repeat=users, stride=1)
chip.read(2, 0, 2, EAST, T, m.vector, repeat=users, stride=1)
chip.q("alu", SELECT).at(0, "alu.setconst", a="<imm>", imm=f"0x{trash:08x}")
chip.q("alu", SELECT).at(T, "alu.select", repeat=users, a="<east 2 u8 last>", b="<east 0 i16 last>", c="<const>",
                         dst="<east 0 i16>")
address = T + m.delay_convert + m.delay_alu + m.delay_convert  # on the stream, at the vector unit
at = address + m.slice(CACHE) - m.vector
chip.read(SOURCE, 0, 2, EAST, at, m.slice(CACHE), repeat=users, stride=1)
chip.q("mem", CACHE).at(at, "mem.scatter", repeat=users, bank=0, offset=base, adir=EAST, astream=0, alast=True,
                        dir=EAST, stream=2, last=True)

wanted = [(0, CACHE, 0, base, 64)]
got = harness.run(p, wanted, sys.argv[1])
want = cache.copy()
for i in range(users):
    if active[i]:
        want[position[i]] = rows[i]
harness.expect("cache", got[wanted[0]], want)
