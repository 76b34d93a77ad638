# REQUIRES: onnx
# RUN: %python %s %t
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A loop of 33 text rows in a buffer of 16: every row is fetched again in every iteration, while others execute.

Row r stands in slot r mod 16. Each fetch takes slots whose rows are done and is issued so early that its rows are
usable when the sequencer comes to them; nothing waits for anything.
"""
import pathlib
import sys

import numpy

sys.path.append(str(pathlib.Path(__file__).parent / "Inputs"))
import harness
from isa_program import EAST, WEST, Program, f32, from_planes, planes_of

p = Program("fetch_bound_loop", cycles=197)
chip, m = p.chips[0], p.machine
UNIT, iterations = 3, 3
assert m.buffer_rows == 16 and m.lanes == 16, "one instruction per row, 16 rows"
alu = m.delay_alu
random = numpy.random.default_rng(7)

# Text rows: 0 the start value, 1 the loop, 2 .. 31 its body, 32 endloop, 33 halt.
fetches = {9: (16, 8), 18: (24, 8), 25: (32, 2), 27: (2, 6), 31: (8, 8)}  # at row: (first row, rows)
queue = chip.q("alu", UNIT)
queue.at(0, "alu.mov", a="<lane>")
value = numpy.arange(16, dtype=numpy.uint32)
body_rows = range(2, 32)
cycle, plan = 0, []
for row in body_rows:
    if row in fetches:
        plan.append((cycle, row, None))
        cycle += 1
    else:
        plan.append((cycle, row, int(random.integers(1, 2**31)) | 1))
        cycle += alu
operations = [c for c, row, k in plan if k is not None]
period = cycle + 8  # endloop in its last cycle; row 8 .. 15 come back in time
age = period - operations[-1] + operations[0] - alu
start = age + alu - 1 - operations[0]  # of the loop instruction: the start value has the same age
with queue.loop(start, iterations, period) as body:
    previous = None
    for c, row, k in plan:
        if k is None:
            body.at(c, "fetch", row=fetches[row][0], rows=fetches[row][1])
            continue
        how_old = age if previous is None else c - previous - alu
        previous = c
        body.at(c, "alu.iadd" if row % 2 else "alu.imul", a=f"<alu {UNIT} age {how_old}>", b="<imm>", imm=f"0x{k:08x}",
                dst="<east 4 i32>" if c == operations[-1] else None)
result = start + 1 + operations[-1] + alu
for b in range(4):
    chip.write(4 + b, 0, 4 + b, EAST, result, m.vector, repeat=iterations, every=period, stride=1)

wanted = [(0, 4 + b, 0, 0, iterations) for b in range(4)]
got = harness.run(p, wanted, sys.argv[1])
want = []
for _ in range(iterations):
    for c, row, k in plan:
        if k is not None:
            value = (value + numpy.uint32(k) if row % 2 else value * numpy.uint32(k)).astype(numpy.uint32)
    want.append(value)
harness.expect("values", from_planes([got[w] for w in wanted], "<u4"), numpy.stack(want))
