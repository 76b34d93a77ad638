# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs written for whatever machine they are given, as fast as they can be on it.

Each function returns a Program whose issue cycles are computed from the machine's
parameters. lpu-verify and the emulator hold it to the cycles that it states, so a
parameter that a program uses cannot be cheaper than it says.
"""
import numpy

from isa_program import EAST, WEST, Program

START = 40  # no issue falls before cycle 0


def row(number, lanes):
    return numpy.full(lanes, number, numpy.uint8)


def links(machine, vectors=12, ports=2):
    """Chip 0 sends `vectors` rows over at most `ports` links; chip 1 stores them."""
    p = Program("links", 0, machine, chips=2)
    m, end = p.machine, 0
    ports = min(ports, m.links)
    p.wires = [(0, port, 1, port) for port in range(ports)]
    for port in range(ports):
        mine = list(range(port, vectors, ports))
        slice_ = port // 2 if port % 2 == 0 else m.slices_per_half + port // 2
        outward, inward = (WEST, EAST) if port % 2 == 0 else (EAST, WEST)
        send, receive = [], []
        for i, vector in enumerate(mine):
            p.chips[0].image(slice_, 0, i, row(vector + 1, m.lanes))
            at = START if i == 0 else send[-1] + m.link_interval
            if i >= m.link_buffer:  # the earliest arrival finds room
                at = max(at, receive[i - m.link_buffer] - m.link_latency + m.link_margin + 1)
            take = at + m.link_latency + m.link_margin
            send.append(at)
            receive.append(max(take, receive[-1] + 1) if receive else take)
            p.chips[0].read(slice_, i, port, outward, at, m.link(port))
            p.chips[0].q("link_send", port).at(at, "link_send.send", stream=port, last=True)
            p.chips[1].q("link_recv", port).at(receive[-1], "link_recv.recv", stream=port)
            end = max(end, p.chips[1].write(slice_, 100 + i, port, inward, receive[-1] + 1, m.link(port)))
    p.cycles = end + m.delay_sram_write + 1
    return p


def shuffle(machine):
    """A row through the west shuffle unit and back to SRAM."""
    p = Program("shuffle", 0, machine)
    chip, m = p.chips[0], p.machine
    chip.image(2, 0, 0, row(7, m.lanes))
    chip.read(2, 0, 0, WEST, START, m.shuffle(0))
    chip.q("shuffle", 0).at(START, "shuffle.rotate", dir=WEST, stream=0, last=True, odir=EAST, ostream=0, amount=3)
    end = chip.write(3, 1, 0, EAST, START + m.delay_shuffle, m.shuffle(0))
    p.cycles = end + m.delay_sram_write + 1
    return p


def transpose(machine):
    """16 rows through the west transposer and back."""
    p = Program("transpose", 0, machine)
    chip, m = p.chips[0], p.machine
    end = 0
    for i in range(16):
        chip.image(i, 0, 0, row(i, m.lanes))
        chip.read(i, 0, i, WEST, START, m.shuffle(0))
        end = max(end, chip.write(i, 1, i, EAST, START + m.delay_transpose, m.shuffle(0)))
    chip.q("transpose", 0).at(START, "transpose.t16", dir=WEST, stream=0, last=True, odir=EAST, ostream=0)
    p.cycles = end + m.delay_sram_write + 1
    return p


def residual(machine, rows=20):
    """((x + 1) + 1) + x on four ALUs. Where x is forgotten before the last addition, the ALU that took
    it repeats it, and a row then takes two cycles."""
    p = Program("residual", 0, machine)
    chip, m = p.chips[0], p.machine
    d = m.delay_alu
    every = 1 if 2 * d < m.history else 2
    for b in range(4):
        chip.image(b, 0, 0, numpy.stack([row(i + b, m.lanes) for i in range(rows)]))
        chip.read(b, 0, b, EAST, START, m.vector, repeat=rows, every=every, stride=1)
    done, age = START + d, 2 * d  # of x, at the last addition
    for i in range(rows):
        chip.q("alu", 0).at(START + i * every, "alu.mov", a="<east 0 i32 last>")
        if every == 2:
            # In the other cycles: issue and result then meet nothing of the next row.
            wait = (d + 1) % 2
            chip.q("alu", 0).at(done + i * every + wait, "alu.mov", a=f"<alu 0 age {wait}>")
            age = d - wait
    one = {"b": "<imm>", "imm": "0x00000001", "repeat": rows, "every": every}
    chip.q("alu", 1).at(done, "alu.iadd", a="<alu 0 age 0>", **one)
    chip.q("alu", 2).at(done + d, "alu.iadd", a="<alu 1 age 0>", **one)
    chip.q("alu", 3).at(done + 2 * d, "alu.iadd", repeat=rows, every=every, a="<alu 2 age 0>",
                        b=f"<alu 0 age {age}>", dst="<east 0 i32>")
    slice_ = m.slices_per_half
    end = 0
    for b in range(4):
        first = chip.write(slice_ + b, 0, b, EAST, done + 3 * d, m.vector, repeat=rows, every=every, stride=1)
        end = max(end, first + (rows - 1) * every)
    p.cycles = end + m.delay_sram_write + 1
    return p


class FetchPath:
    """Text that is read per cycle by all queues."""

    def __init__(self, m):
        self.most, self.used = m.fetch_bytes_per_cycle // 16, {}

    def take(self, at, cycles):
        while any(self.used.get(c, 0) >= self.most for c in range(at, at + cycles)):
            at += 1
        for c in range(at, at + cycles):
            self.used[c] = self.used.get(c, 0) + 1
        return at


def straight(queue, m, operations, path):
    """Text without loops, longer than the buffer: at the start of each half of the buffer one fetch takes
    the other half. Returns the last issue."""
    assert m.lanes == 16 and m.buffer_rows >= 4, "one instruction per row; a fetch and an operation in each half"
    half = m.buffer_rows // 2
    text, left = [], operations
    while left:
        fetch = len(text) >= half and len(text) % half == 0
        text.append("fetch" if fetch else "mov")
        left -= not fetch
    rows = len(text) + 1  # halt
    ready = {}
    issue = -1
    for index, what in enumerate(text):
        # The next row must be there when the sequencer comes to it.
        at = max(issue + 1, ready.get(index + 1, 0) - 1)
        first = index + half
        if what == "fetch" and first < rows:
            count = min(half, rows - first)
            at = path.take(issue + 1, count)
            queue.at(at, "fetch", row=first, rows=count)
            for i in range(count):
                ready[first + i] = at + i + 1 + m.delay_fetch
        elif what == "fetch":
            queue.at(at, "nop")
        else:
            queue.at(at, "alu.mov", a="<lane>")
        issue = at
    return issue


def fetches(machine, queues=3, operations=60):
    """Three ALUs execute text that does not fit their buffers."""
    p = Program("fetches", 0, machine)
    m = p.machine
    path = FetchPath(m)
    last = max(straight(p.chips[0].q("alu", i), m, operations, path) for i in range(queues))
    p.cycles = last + m.delay_alu + 1
    return p


def resyncs(machine, vectors=30):
    """Chip 0 sends rows to chip 1, one after the other. Before a clock is too old for the next send or receive, both
    chips align theirs between two vectors, and the links rest."""
    p = Program("resyncs", 0, machine, chips=2)
    m = p.machine
    p.wires = [(0, 0, 1, 0)]
    flight = m.link_latency + m.link_margin
    rest = m.link_interval + 2 * m.link_margin
    step = max(m.link_interval, -(-(2 * m.link_margin + 1) // m.link_buffer))
    aligned, runs, at = [0, 0], [], START  # runs: first send, rows
    for i in range(vectors):
        if at - aligned[0] > m.resync_cycles or at + flight - aligned[1] > m.resync_cycles:
            if i:  # behind the last vector; the next arrives behind the rest of chip 1
                aligned = [at - step, at - step + flight]
                at += rest + 2 * m.link_margin + 1 - step
            else:
                aligned = [at - rest - 1, at + flight - 2 * m.link_margin - rest - 1]
            for chip, cycle in enumerate(aligned):
                p.chips[chip].q("control").at(cycle, "control.resync")
            runs.append([at, 0])
        elif not runs:
            runs.append([at, 0])
        runs[-1][1] += 1
        at += step
    first, end = 0, 0
    for at, count in runs:
        run = {"repeat": count, "every": step}
        p.chips[0].image(0, 0, first, numpy.stack([row(first + i + 1, m.lanes) for i in range(count)]))
        p.chips[0].read(0, first, 0, WEST, at, m.link(0), stride=1, **run)
        p.chips[0].q("link_send").at(at, "link_send.send", stream=0, last=True, **run)
        p.chips[1].q("link_recv").at(at + flight, "link_recv.recv", stream=0, **run)
        end = p.chips[1].write(0, first, 0, EAST, at + flight + 1, m.link(0), stride=1, **run) + (count - 1) * step
        first += count
    p.cycles = end + m.delay_sram_write + 1
    return p


def nest(machine, outer=4, inner=4, body=5, behind=2):
    """outer x (inner x body operations, then `behind` more): loops where the machine nests them, else written
    out, and then the text has to be fetched."""
    p = Program("nest", 0, machine)
    m = p.machine
    queue = p.chips[0].q("alu", 0)
    if m.loop_depth >= 2:
        inside = 1 + inner * (body + 1)
        period = inside + behind + 1
        with queue.loop(0, outer, period) as out:
            with out.loop(0, inner, body + 1) as loop:
                for i in range(body):
                    loop.at(i, "alu.mov", a="<lane>")
            for i in range(behind):
                out.at(inside + i, "alu.mov", a="<lane>")
        last = outer * period - 1
    else:
        last = straight(queue, m, outer * (inner * body + behind), FetchPath(m))
    p.cycles = last + m.delay_alu + 1
    return p


def fill(machine, rows=96):
    """Lane numbers into `rows` rows of SRAM: as many ALUs, streams and slices at once as there are."""
    p = Program("fill", 0, machine)
    chip, m = p.chips[0], p.machine
    writers = min(m.alus // 2, m.slices_per_half, m.streams)  # in each direction
    done, end = START + m.delay_alu + m.delay_convert, 0
    for east in (0, 1):
        for i in range(writers):
            number = east * writers + i
            count = len(range(number, rows, 2 * writers))
            direction = EAST if east else WEST
            slice_ = m.slices_per_half + i if east else m.slices_per_half - 1 - i
            chip.q("alu", number).at(START, "alu.mov", repeat=count, a="<lane>", dst=f"<{direction} {i} i8>")
            first = chip.write(slice_, 0, i, direction, done, m.vector, repeat=count, stride=1)
            end = max(end, first + count - 1)
    p.cycles = end + m.delay_sram_write + 1
    return p


def spread(machine, rows=192):
    """One row per cycle into the banks nearest to the vector unit; what they cannot hold goes farther."""
    p = Program("spread", 0, machine)
    chip, m = p.chips[0], p.machine
    chip.q("alu", 0).at(START, "alu.mov", repeat=rows, a="<lane>", dst="<east 0 i8>")
    done, end = START + m.delay_alu + m.delay_convert, 0
    for first in range(0, rows, m.rows):
        bank = first // m.rows
        count = min(m.rows, rows - first)
        at = chip.write(m.slices_per_half + bank // 2, 0, 0, EAST, done + first, m.vector, bank=bank % 2,
                        repeat=count, stride=1)
        end = max(end, at + count - 1)
    p.cycles = end + m.delay_sram_write + 1
    return p


def reductions(machine, rows=24):
    """The lane sums of `rows` fp32 rows, on all ALUs that reduce."""
    p = Program("reductions", 0, machine)
    chip, m = p.chips[0], p.machine
    used, end = m.reduce_alus, 0
    for i in range(used):
        count = len(range(i, rows, used))
        for b in range(4):
            chip.image(4 * i + b, 0, 0, numpy.zeros((count, m.lanes), numpy.uint8))
            chip.read(4 * i + b, 0, 4 * i + b, EAST, START, m.vector, repeat=count, stride=1)
            first = chip.write(m.slices_per_half + 4 * i + b, 0, 4 * i + b, EAST, START + m.reduce_delay(), m.vector,
                               repeat=count, stride=1)
            end = max(end, first + count - 1)
        chip.q("alu", m.transcendental_alus + i).at(
            START, "alu.reduce_sum", repeat=count, a=f"<east {4 * i} f32 last>", dst=f"<east {4 * i} f32>", group="all")
    p.cycles = end + m.delay_sram_write + 1
    return p
