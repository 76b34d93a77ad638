# REQUIRES: onnx
# RUN: %python %s %t
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The largest of 128 logits: running maximum over 8 vectors, then over the lanes. Ties go to the smallest number."""
import pathlib
import sys

import numpy

sys.path.append(str(pathlib.Path(__file__).parent / "Inputs"))
import harness
from isa_program import EAST, WEST, Program, f32, from_planes, planes_of

logits = numpy.random.default_rng(8).normal(0, 3, 128).astype(numpy.float32)
logits[[37, 90, 101]] = 12.5  # a tie
vectors = 8

p = Program("argmax_vocabulary", cycles=51)
chip, m = p.chips[0], p.machine
for b in range(4):
    chip.image(b, 0, 0, planes_of(logits.reshape(vectors, 16), "<f4")[b])
T = 20
for b in range(4):
    chip.read(b, 0, b, EAST, T, m.vector, repeat=vectors, stride=1)
REDUCE, MAX, ARGMAX, NUMBER, FLOAT, SELECT = 2, 3, 4, 5, 6, 7
alu = m.delay_alu


def op(unit, cycle, name, **fields):
    chip.q("alu", unit).at(cycle, f"alu.{name}", **fields)


op(SELECT, 0, "setconst", a="<imm>", imm=f32(numpy.inf))
op(MAX, T, "acc_max", repeat=vectors, a="<east 0 f32>", init=True)
op(ARGMAX, T, "acc_argmax", repeat=vectors, a="<east 0 f32 last>", init=True)
done = T + vectors - 1 + alu  # per lane: value in MAX, number of its vector in ARGMAX
op(REDUCE, done, "reduce_max", a=f"<alu {MAX} age 0>", group="all")
# The number of the logit, as fp32 (exact): 16 * vector + lane.
op(NUMBER, done, "shl", a=f"<alu {ARGMAX} age 0>", b="<imm>", imm="0x00000004")
op(NUMBER, done + alu, "iadd", a=f"<alu {NUMBER} age 0>", b="<lane>")
op(FLOAT, done + 2 * alu, "i2f", a=f"<alu {NUMBER} age 0>")
t_equal = done + m.reduce_delay()
op(MAX, t_equal, "cmpeq", a=f"<alu {MAX} age {t_equal - done}>", b=f"<alu {REDUCE} age 0>")
t_select = t_equal + alu
op(SELECT, t_select, "select", a=f"<alu {MAX} age 0>", b=f"<alu {FLOAT} age {t_select - done - 3 * alu}>", c="<const>")
t_min = t_select + alu
op(REDUCE, t_min, "reduce_min", a=f"<alu {SELECT} age 0>", group="all")
t_out = t_min + m.reduce_delay()
op(FLOAT, t_out, "f2i", a=f"<alu {REDUCE} age 0>", dst="<east 4 i32>")
for b in range(4):
    chip.write(4 + b, 0, 4 + b, EAST, t_out + alu, m.vector)

wanted = [(0, 4 + b, 0, 0, 1) for b in range(4)]
got = harness.run(p, wanted, sys.argv[1])
harness.expect("argmax", from_planes([got[w] for w in wanted], "<i4"), numpy.full((1, 16), numpy.argmax(logits)))
