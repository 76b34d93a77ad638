# REQUIRES: onnx
# RUN: %python %s %t
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Layer norm of 8 rows of 16 lanes, fp32, with scale and shift as lane constants."""
import pathlib
import sys

import numpy

sys.path.append(str(pathlib.Path(__file__).parent / "Inputs"))
import harness
from isa_program import EAST, WEST, Program, f32, from_planes, planes_of

random = numpy.random.default_rng(3)
X = random.normal(1, 3, (8, 16)).astype(numpy.float32)
scale, shift = random.normal(1, 0.2, 16).astype(numpy.float32), random.normal(0, 1, 16).astype(numpy.float32)
rows, epsilon = len(X), 1e-5

p = Program("layer_norm", cycles=63)
chip, m = p.chips[0], p.machine
for b in range(4):
    chip.image(b, 0, 0, planes_of(X, "<f4")[b])
    chip.image(b, 0, 100, planes_of(scale, "<f4")[b])
    chip.image(b, 0, 101, planes_of(shift, "<f4")[b])

RSQRT, SHIFT, REDUCE, KEEP, MEAN, CENTRE, PRODUCT, SCALE = range(8)
alu, transcendental = m.delay_alu, m.delay_transcendental
constants = 10  # the cycle in which the scale is at the vector unit; the shift follows
for i, name in enumerate((SCALE, SHIFT)):
    for b in range(4):
        chip.read(b, 100 + i, b, EAST, constants + i, m.vector)
    chip.q("alu", name).at(constants + i, "alu.setconst", a="<east 0 f32 last>")

T = 20
for b in range(4):
    chip.read(b, 0, b, EAST, T, m.vector, repeat=rows, stride=1)


def op(unit, cycle, name, **fields):
    chip.q("alu", unit).at(cycle, f"alu.{name}", repeat=rows, **fields)


op(REDUCE, T, "reduce_sum", a="<east 0 f32>", group="all")
op(KEEP, T, "mov", a="<east 0 f32 last>")
t_mean = T + m.reduce_delay()
op(MEAN, t_mean, "mul", a=f"<alu {REDUCE} age 0>", b="<imm>", imm=f32(1 / 16))
t_centre = t_mean + alu
op(CENTRE, t_centre, "sub", a=f"<alu {KEEP} age {t_centre - T - alu}>", b=f"<alu {MEAN} age 0>")
t_square = t_centre + alu
op(PRODUCT, t_square, "mul", a=f"<alu {CENTRE} age 0>", b=f"<alu {CENTRE} age 0>")
t_sum = t_square + alu
assert t_sum >= T + rows
op(REDUCE, t_sum, "reduce_sum", a=f"<alu {PRODUCT} age 0>", group="all")
t_variance = t_sum + m.reduce_delay()
op(MEAN, t_variance, "mul", a=f"<alu {REDUCE} age 0>", b="<imm>", imm=f32(1 / 16))
t_epsilon = t_variance + alu
op(KEEP, t_epsilon, "add", a=f"<alu {MEAN} age 0>", b="<imm>", imm=f32(epsilon))
t_rsqrt = t_epsilon + alu
op(RSQRT, t_rsqrt, "rsqrt", a=f"<alu {KEEP} age 0>")
t_norm = t_rsqrt + transcendental
op(PRODUCT, t_norm, "mul", a=f"<alu {CENTRE} age {t_norm - t_square}>", b=f"<alu {RSQRT} age 0>")
t_scale = t_norm + alu
op(SCALE, t_scale, "mul", a=f"<alu {PRODUCT} age 0>", b="<const>")
t_shift = t_scale + alu
op(SHIFT, t_shift, "add", a=f"<alu {SCALE} age 0>", b="<const>", dst="<east 4 f32>")
for b in range(4):
    chip.write(4 + b, 0, 4 + b, EAST, t_shift + alu, m.vector, repeat=rows, stride=1)

wanted = [(0, 4 + b, 0, 0, rows) for b in range(4)]
got = harness.run(p, wanted, sys.argv[1])
Y = from_planes([got[w] for w in wanted], "<f4")
D = X.astype(float) - X.astype(float).mean(axis=1, keepdims=True)
want = D / numpy.sqrt((D * D).mean(axis=1, keepdims=True) + epsilon) * scale + shift
if numpy.abs(Y - want).max() > 2e-6:
    sys.exit(f"layer norm differs by {numpy.abs(Y - want).max()}")
print("layer norm: ok")
