# REQUIRES: onnx
# RUN: %python %s %t
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Two chips add their fp32 vectors: each sends its own and receives the other's, byte plane by byte plane.

A link takes a vector every `link_interval` cycles, so the four bytes of an fp32 value arrive at four times; they
meet again through SRAM.
"""
import pathlib
import sys

import numpy

sys.path.append(str(pathlib.Path(__file__).parent / "Inputs"))
import harness
from isa_program import EAST, WEST, Program, f32, from_planes, planes_of

random = numpy.random.default_rng(9)
X = random.normal(0, 1, (2, 16)).astype(numpy.float32)

p = Program("all_reduce_two_chips", cycles=107, chips=2)
m = p.machine
LINK = 0  # at position 0: outward is west
p.wires = [(0, LINK, 1, LINK), (1, LINK, 0, LINK)]
send = 20
receive = send + m.link_latency + m.link_margin
add = receive + 3 * m.link_interval + 40
KEEP, ADD = 3, 4
for number, chip in enumerate(p.chips):
    for b in range(4):
        chip.image(b, 0, 0, planes_of(X[number], "<f4")[b])
        at = send + b * m.link_interval
        chip.read(b, 0, b, WEST, at, m.link(LINK))
        chip.q("link_send", LINK).at(at, "link_send.send", stream=b, last=True)
        at = receive + b * m.link_interval
        chip.q("link_recv", LINK).at(at, "link_recv.recv", stream=b)
        chip.write(b, 1, b, EAST, at + 1, m.link(LINK))
        # A slice reads one row per cycle: the own vector first, the other's behind it.
        chip.read(b, 0, b, EAST, add, m.vector)
        chip.read(b, 1, b, EAST, add + 1, m.vector)
        chip.write(4 + b, 0, 4 + b, EAST, add + 1 + 2 * m.delay_alu, m.vector)
    chip.q("alu", KEEP).at(add, "alu.mov", a="<east 0 f32 last>")
    chip.q("alu", ADD).at(add + 1, "alu.mov", a="<east 0 f32 last>")
    chip.q("alu", ADD).at(add + 1 + m.delay_alu, "alu.add", a=f"<alu {KEEP} age 1>", b=f"<alu {ADD} age 0>",
                          dst="<east 4 f32>")

wanted = [(chip, 4 + b, 0, 0, 1) for chip in range(2) for b in range(4)]
got = harness.run(p, wanted, sys.argv[1])
for chip in range(2):
    harness.expect(f"sum on chip {chip}", from_planes([got[chip, 4 + b, 0, 0, 1] for b in range(4)], "<f4"),
                   (X[0] + X[1])[None])
