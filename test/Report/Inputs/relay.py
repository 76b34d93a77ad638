# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""relay.py CHIPS [RUNS]: isa text of a chain of chips that hand six vectors on, in three classes.

The first chip sends rows of its SRAM, the last one stores what it receives, and all others run one
text: a received vector rides a stream across the chip to the link at its other end. A chip starts
when the first vector can be received in cycle RECEIVE of its text. RUNS: register instructions that
every chip executes besides, in a loop.
"""
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "programs/Inputs"))
from isa_program import Machine

VECTORS, RECEIVE = 6, 10
m = Machine("nano")
chips, runs = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
flight = m.link_latency + m.link_margin
times = f"repeat {VECTORS} every {m.link_interval}"
send = 1 + m.last  # cycles behind the receive
first_send = 40
read = first_send - m.delay_sram_read - (m.last - m.slice(0))
write = RECEIVE + 1 + m.slice(0)
end = (VECTORS - 1) * m.link_interval


def queue(name, slice_, row, at, instruction, fields):
    return f"""    isa.queue {name} text [{slice_}, 1, {row}] {{
      isa.{instruction} at {at} {times} {fields}
      isa.halt at {at + end + 1}
    }}
"""


# Even links stand at position 0, odd ones at the last position.
receives = queue("link_recv 0", 7, 1000, RECEIVE, "link_recv.recv", "stream = 3")
classes = [
    queue("mem 0", 0, 1000, read, "mem.read", "bank = 0, offset = 0, stride = 1, dir = east, stream = 3")
    + queue("link_send 1", 7, 1000, first_send, "link_send.send", "stream = 3, last"),
    queue("link_send 1", 0, 1000, RECEIVE + send, "link_send.send", "stream = 3, last") + receives,
    queue("mem 0", 0, 1000, write, "mem.write", "bank = 0, offset = 0, stride = 1, dir = east, stream = 3, last")
    + receives,
]
besides = f"""    isa.queue mem 1 text [7, 1, 1008] {{
      isa.loop at 0 iterations {runs} period 2 {{
        isa.mem.setreg at 0 reg = 1, value = 4
      }}
      isa.halt at {2 * runs + 1}
    }}
""" if runs else ""
start = [0] + [first_send + flight - RECEIVE + i * (send + flight) for i in range(chips - 1)]
cycles = start[-1] + max(write + end + m.delay_sram_write + 1, 2 * runs)
print(f'isa.program @relay machine "nano" cycles {cycles} {{')
for number, text in enumerate(classes):
    print(f"  isa.chip_class {number} {{\n{text}{besides}  }}")
for chip in range(chips):
    number = 0 if chip == 0 else 2 if chip == chips - 1 else 1
    begin = f" start {start[chip]}" if chip else ""
    rows = "isa.image slice 0 bank 0 row 0 rows 6 random 1" if chip == 0 else ""
    print(f"  isa.chip {chip} class {number}{begin} {{ {rows} }}")
for chip in range(chips - 1):
    print(f"  isa.wire chip {chip} link 1 to chip {chip + 1} link 0")
print("}")
