# REQUIRES: onnx
# RUN: %python %s %t
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Softmax of 8 rows of 16 lanes, fp32: a row per cycle, no detour through SRAM."""
import pathlib
import sys

import numpy

sys.path.append(str(pathlib.Path(__file__).parent / "Inputs"))
import harness
from isa_program import EAST, WEST, Program, f32, from_planes, planes_of

X = numpy.random.default_rng(2).normal(0, 4, (8, 16)).astype(numpy.float32)
X[3, 5:] = -numpy.inf  # masked
rows = len(X)

p = Program("softmax", cycles=57)
chip, m = p.chips[0], p.machine
for b, plane in enumerate(planes_of(X, "<f4")):
    chip.image(b, 0, 0, plane)

T = 20  # X[0] is at the vector unit
alu, transcendental = m.delay_alu, m.delay_transcendental
for b in range(4):
    chip.read(b, 0, b, EAST, T, m.vector, repeat=rows, stride=1)
EXP, RECIP, REDUCE, KEEP, SUB, SCALE, OUT = 0, 1, 2, 3, 4, 5, 6
chip.q("alu", REDUCE).at(T, "alu.reduce_max", repeat=rows, a="<east 0 f32>", group="all")
chip.q("alu", KEEP).at(T, "alu.mov", repeat=rows, a="<east 0 f32 last>")
t_max = T + m.reduce_delay()
chip.q("alu", SUB).at(t_max, "alu.sub", repeat=rows, a=f"<alu {KEEP} age {t_max - T - alu}>", b=f"<alu {REDUCE} age 0>")
t_scale = t_max + alu
chip.q("alu", SCALE).at(t_scale, "alu.mul", repeat=rows, a=f"<alu {SUB} age 0>", b="<imm>", imm=f32(numpy.log2(numpy.e)))
t_exp = t_scale + alu
chip.q("alu", EXP).at(t_exp, "alu.exp2", repeat=rows, a=f"<alu {SCALE} age 0>")
t_sum = t_exp + transcendental
assert t_sum >= T + rows, "one reduction unit does both"
chip.q("alu", REDUCE).at(t_sum, "alu.reduce_sum", repeat=rows, a=f"<alu {EXP} age 0>", group="all")
t_recip = t_sum + m.reduce_delay()
chip.q("alu", RECIP).at(t_recip, "alu.recip", repeat=rows, a=f"<alu {REDUCE} age 0>")
t_out = t_recip + transcendental
chip.q("alu", OUT).at(t_out, "alu.mul", repeat=rows, a=f"<alu {EXP} age {t_out - t_sum}>", b=f"<alu {RECIP} age 0>",
                      dst="<east 4 f32>")
for b in range(4):
    chip.write(4 + b, 0, 4 + b, EAST, t_out + alu, m.vector, repeat=rows, stride=1)

wanted = [(0, 4 + b, 0, 0, rows) for b in range(4)]
got = harness.run(p, wanted, sys.argv[1])
Y = from_planes([got[w] for w in wanted], "<f4")
E = numpy.exp(X.astype(float) - X.max(axis=1, keepdims=True))
harness.expect("softmax", Y, E / E.sum(axis=1, keepdims=True), tolerance=3e-6)
