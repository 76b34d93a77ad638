# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hand-written programs as isa text.

A Program collects instructions with absolute issue cycles, per chip and queue,
and prints them as text of the isa dialect. It knows where units stand
(docs/isa.md, section 1) and nothing about scheduling: every cycle is chosen by
the author. `arrive` turns "this row shall be readable at that position in that
cycle" into an issue cycle, which is the timing equation and no more.
"""
import contextlib
import math
import pathlib

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[3]
EAST, WEST = "east", "west"


class Machine:
    """The fields of a machine file by name, and the positions of units.

    `name`: of a built-in machine, or a path."""

    def __init__(self, name):
        path = pathlib.Path(name) if "/" in str(name) else ROOT / f"lib/Target/machines/{name}.yaml"
        file = path.read_text()
        for line in file.splitlines():
            key, _, value = line.split("#")[0].partition(":")
            if value.strip():
                text = value.strip()
                if text.startswith("["):
                    setattr(self, key, [int(v) for v in text[1:-1].split(",")])
                else:
                    setattr(self, key, text if key == "name" else float(text) if "." in text else int(text))
        # What isa.program takes: a name, or the text of a machine file.
        self.name = file.replace("\\", "\\5C").replace('"', "\\22").replace("\n", "\\0A") if "/" in str(name) else name
        self.hops = -(-self.slices_per_half // self.slices_per_hop)
        self.vector = 2 + self.hops
        self.last = 4 + 2 * self.hops

    def slice(self, s):
        half = self.slices_per_half
        if s < half:
            return 1 + self.hops - (half - 1 - s) // self.slices_per_hop
        return 3 + self.hops + (s - half) // self.slices_per_hop

    def plane(self, p):
        return 0 if p < self.planes_per_half else self.last

    def shuffle(self, half):
        return self.last - 1 if half else 1

    def link(self, number):
        return self.last if number % 2 else 0

    def matrix_delay(self, fp16):
        return -(-self.plane_rows // 16) + (self.delay_matrix_fp16 if fp16 else self.delay_matrix_int8)

    def reduce_delay(self, lanes=None):
        return self.delay_reduce_base + self.delay_reduce_step * math.ceil(math.log2(lanes or self.lanes))


def field_text(key, value):
    return key if value is True else f"{key} = {value}"


def f32(value):
    """The immediate of an fp32 number."""
    return f"0x{numpy.float32(value).view(numpy.uint32):08x}"


class Queue:
    """Items are (at, text) or (at, iterations, period, items)."""

    def __init__(self):
        self.items = []
        self.place = None

    def at(self, cycle, name, repeat=1, every=1, **fields):
        """Fields by name: numbers, True for flags, "east", "<imm>" and so on."""
        text = f"isa.{name} at {cycle}"
        if repeat > 1:
            text += f" repeat {repeat} every {every}"
        shown = [field_text(k, v) for k, v in fields.items() if v is not False and v is not None]
        if shown:
            text += " " + ", ".join(shown)
        self.items.append((cycle, text))

    @contextlib.contextmanager
    def loop(self, at, iterations, period):
        """Cycle 0 of the body is cycle at + 1; see the isa.loop op."""
        body = Queue()
        yield body
        self.items.append((at, iterations, period, body.items))

    @staticmethod
    def count(items):
        return sum(1 if len(i) == 2 else 2 + Queue.count(i[3]) for i in items)


def render(items, indent):
    lines = []
    for item in sorted(items, key=lambda i: i[0]):
        if len(item) == 2:
            lines.append(indent + item[1])
        else:
            at, iterations, period, body = item
            lines.append(f"{indent}isa.loop at {at} iterations {iterations} period {period} {{")
            lines += render(body, indent + "  ")
            lines.append(indent + "}")
    return lines


class Chip:
    def __init__(self, machine):
        self.machine = machine
        self.queues = {}
        self.images = {}

    def q(self, unit, index=0):
        return self.queues.setdefault((unit, index), Queue())

    def image(self, slice_, bank, row, data):
        """`data`: rows x lanes bytes; short rows are filled with zeros."""
        data = numpy.atleast_2d(numpy.asarray(data, dtype=numpy.uint8))
        for i, line in enumerate(data):
            padded = numpy.zeros(self.machine.lanes, numpy.uint8)
            padded[:len(line)] = line
            self.images[slice_, bank, row + i] = padded

    def read(self, slice_, row, stream, direction, at, position, repeat=1, every=1, bank=0, **fields):
        """A mem.read whose (first) row is readable at `position` in cycle `at`."""
        m = self.machine
        issue = at - m.delay_sram_read - abs(position - m.slice(slice_))
        self.q("mem", slice_).at(issue, "mem.read", repeat, every, bank=bank, offset=row,
                                 dir=direction, stream=stream, **fields)

    def write(self, slice_, row, stream, direction, at, position, repeat=1, every=1, bank=0, last=True, **fields):
        """A mem.write of a stream that was written at `position` in cycle `at`."""
        issue = at + abs(position - self.machine.slice(slice_))
        self.q("mem", slice_).at(issue, "mem.write", repeat, every, bank=bank, offset=row,
                                 dir=direction, stream=stream, last=last, **fields)
        return issue


class Program:
    def __init__(self, name, cycles, machine="nano", chips=1):
        """`cycles`: what the author says the program takes; verifier and emulator hold him to it."""
        self.name, self.cycles = name, cycles
        self.machine = Machine(machine)
        self.chips = [Chip(self.machine) for _ in range(chips)]
        self.wires = []

    UNITS = ["mem", "alu", "weights", "pass", "drain", "shuffle", "transpose", "link_send", "link_recv", "control"]

    def text(self):
        m = self.machine
        lines = [f'isa.program @{self.name} machine "{m.name}" cycles {self.cycles} {{']
        for number, chip in enumerate(self.chips):
            lines.append(f"  isa.chip_class {number} {{")
            # Text stands in bank 1 of the text slices, from the last row downwards.
            top = {s: m.rows for s in m.text_slices}
            order = sorted(chip.queues.items(), key=lambda q: (self.UNITS.index(q[0][0]), q[0][1]))
            for turn, ((unit, index), queue) in enumerate(order):
                slice_ = m.text_slices[turn % len(m.text_slices)]
                # With halt, and room for nops that bridge long waits.
                rows = -(-(Queue.count(queue.items) + 3) // (m.lanes // 16))
                top[slice_] -= rows
                items = sorted(queue.items, key=lambda i: i[0])
                last = items[-1]
                place = f"[{slice_}, 1, {top[slice_]}]"
                lines.append(f"    isa.queue {unit} {index} text {place} {{")
                lines += render(items, "      ")
                if len(last) == 4 or not last[1].startswith("isa.halt"):
                    lines.append(f"      isa.halt at {self.next_free(last)}")
                lines.append("    }")
            lines.append("  }")
        for number, chip in enumerate(self.chips):
            lines.append(f"  isa.chip {number} class {number} {{")
            for (slice_, bank, row), data in sorted(chip.images.items()):
                lines.append(f'    isa.image slice {slice_} bank {bank} row {row} rows 1 hex ["{data.tobytes().hex()}"]')
            lines.append("  }")
        for a, la, b, lb in self.wires:
            lines.append(f"  isa.wire chip {a} link {la} to chip {b} link {lb}")
        lines.append("}")
        return "\n".join(lines) + "\n"

    @staticmethod
    def next_free(item):
        if len(item) == 4:
            return item[0] + 1 + item[1] * item[2]
        words = item[1].split()
        if "repeat" in words:
            count, every = int(words[words.index("repeat") + 1]), int(words[words.index("every") + 1])
            return item[0] + (count - 1) * every + 1
        return item[0] + 1


def planes_of(values, dtype):
    """The byte planes of an array: planes_of(x, "<f4")[b] is byte b of each element."""
    values = numpy.ascontiguousarray(values, dtype=dtype)
    width = values.dtype.itemsize
    raw = values.view(numpy.uint8).reshape(values.shape + (width,))
    return [raw[..., b] for b in range(width)]


def from_planes(planes, dtype):
    """The inverse; planes[b] is a rows x lanes array."""
    return numpy.ascontiguousarray(numpy.stack(planes, axis=-1)).view(dtype)[..., 0]
