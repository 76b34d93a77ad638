# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the conformance tests of the ALU instructions: generate_conformance.py <folder>

The files stand in the tree; this program says where their numbers come from. It
computes the wanted results with numpy's fp32, integer by integer, independently
of the emulators. The other instructions have tests written by hand.
"""
import pathlib
import sys

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[4]
sys.path.append(str(ROOT / "test/programs/Inputs"))
from isa_program import EAST, Program, f32, planes_of

numpy.seterr(all="ignore")
F = numpy.float32
NAN = 0x7FC00000


def bits(x):
    return int(F(x).view(numpy.uint32))


def canon(x):
    x = F(x)
    return NAN if numpy.isnan(x) else bits(x)


def value(b):
    return numpy.uint32(b).view(F)


POLY = {}
for line in (ROOT / "include/lpu/ISA/Transcendentals.def").read_text().splitlines():
    if line.startswith("LPU_POLY(") and "0x" in line:
        name, index, word = line[len("LPU_POLY("):line.index(")")].split(", ")
        POLY.setdefault(name, []).append(value(int(word, 16)))


def poly(name, z):
    p = POLY[name][-1]
    for c in reversed(POLY[name][:-1]):
        p = F(F(p * z) + c)
    return p


def exp2(x):
    if numpy.isnan(x):
        return F(numpy.nan)
    y = F(min(max(x, F(-151)), F(129)))
    r = numpy.rint(y)
    f, n = F(y - r), int(r)
    p = F(F(1) + F(f * poly("Exp2", f)))
    return F(F(p * F(2.0 ** (n >> 1))) * F(2.0 ** (n - (n >> 1))))


def log2(x):
    if numpy.isnan(x) or x < 0:
        return F(numpy.nan)
    if x == 0 or numpy.isinf(x):
        return F(-numpy.inf) if x == 0 else x
    m, e = numpy.frexp(x)
    m = F(m)
    if m < value(0x3F3504F3):
        m, e = F(m * 2), e - 1
    f = F(m - F(1))
    return F(F(e) + F(f * poly("Log2", f)))


def tanh(x):
    a = abs(x)
    s = F(a * a)
    if a < F(0.625):
        r = F(a + F(a * F(s * poly("Tanh", s))))
    else:
        e = exp2(F(min(a, F(9.5)) * value(0x4038AA3B)))
        r = F(F(1) - F(F(2) * F(F(1) / F(e + F(1)))))
    return numpy.copysign(r, x)


def erf(x):
    a = abs(x)
    s = F(a * a)
    if a < F(0.9375):
        r = F(a + F(a * poly("ErfSmall", s)))
    else:
        c = F(min(a, F(4)))
        r = F(F(1) - exp2(F(c * poly("ErfLarge", c))))
    return numpy.copysign(r, x)


def signed(b):
    return b - 2**32 if b >= 2**31 else b


def f2i(x):
    return 0 if numpy.isnan(x) else max(-2**31, min(2**31 - 1, int(numpy.rint(x)) if numpy.isfinite(x) else (2**31 if x > 0 else -2**31)))


def extreme(a, b, least):
    x, y = value(a), value(b)
    if numpy.isnan(x) or numpy.isnan(y):
        return NAN
    if x == y:
        return a | b if least else a & b
    return a if (x < y) == least else b


def fp(function):
    return lambda *operands: canon(function(*(value(o) for o in operands)))


OPERATIONS = {
    "mov": lambda a: a, "setconst": lambda a: a,
    "abs": fp(numpy.abs), "neg": fp(lambda a: -a), "f2i": lambda a: f2i(value(a)), "i2f": lambda a: bits(F(signed(a))),
    "floor": fp(numpy.floor), "trunc": fp(numpy.trunc), "rint": fp(numpy.rint),
    "exp2": fp(exp2), "log2": fp(log2), "tanh": fp(tanh), "erf": fp(erf),
    "rsqrt": fp(lambda a: F(1) / numpy.sqrt(a)), "sqrt": fp(numpy.sqrt), "recip": fp(lambda a: F(1) / a),
    "add": fp(lambda a, b: a + b), "sub": fp(lambda a, b: a - b), "mul": fp(lambda a, b: a * b),
    "min": lambda a, b: extreme(a, b, True), "max": lambda a, b: extreme(a, b, False),
    "cmpeq": lambda a, b: int(value(a) == value(b)), "cmplt": lambda a, b: int(value(a) < value(b)),
    "cmple": lambda a, b: int(value(a) <= value(b)),
    "cmpuno": lambda a, b: int(bool(numpy.isnan(value(a)) or numpy.isnan(value(b)))),
    "iadd": lambda a, b: a + b, "isub": lambda a, b: a - b, "imul": lambda a, b: signed(a) * signed(b),
    "imin": lambda a, b: min(signed(a), signed(b)), "imax": lambda a, b: max(signed(a), signed(b)),
    "icmpeq": lambda a, b: int(a == b), "icmplt": lambda a, b: int(signed(a) < signed(b)),
    "icmple": lambda a, b: int(signed(a) <= signed(b)),
    "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
    "shl": lambda a, b: a << b % 32, "shr": lambda a, b: a >> b % 32, "sar": lambda a, b: signed(a) >> b % 32,
    "muladd": fp(lambda a, b, c: F(a * b) + c), "select": lambda a, b, c: b if a else c,
}
TRANSCENDENTAL = {"exp2", "log2", "tanh", "erf", "rsqrt", "sqrt", "recip"}
INTEGER = {"i2f", "iadd", "isub", "imul", "imin", "imax", "icmpeq", "icmplt", "icmple", "and", "or", "xor", "shl", "shr", "sar"}
inf = numpy.inf
FLOATS = [0.0, -0.0, 1.0, -1.5, 2.5, -2.5, 0.3, -100.25, 3e9, -3e9, 1e-40, 3e38, inf, -inf, numpy.nan, 12345.678]
FLOATS_B = [-0.0, 0.0, 2.0, -1.5, 0.5, 7.25, -0.3, 100.25, 1e-45, 3e9, -1e-40, 3e38, inf, 1.0, 1.0, -numpy.nan]
FLOATS_C = [1.0, -0.0, -2.0, -2.25, 1e-8, 1.0, 0.09, 1e4, 1.0, 2.0, 0.0, -inf, inf, 1.0, 5.0, 0.0]
RANGE = {"exp2": [0.0, -0.0, 1.0, -1.5, 2.5, 127.5, 128.0, -126.5, -140.3, -149.0, -150.0, -151.0, inf, -inf, numpy.nan, 0.3],
         "log2": [0.0, -0.0, 1.0, -1.5, 2.5, 0.75, 0.5, 1e-40, 1e-45, 3e38, 0.70710677, 1.4142135, inf, -inf, numpy.nan, 10.0],
         "tanh": [0.0, -0.0, 1.0, -1.5, 0.625, 0.624, -0.3, 9.0, 9.5, -20.0, 1e-40, 3e38, inf, -inf, numpy.nan, 0.01],
         "erf": [0.0, -0.0, 1.0, -1.5, 0.9375, 0.937, -0.3, 3.9, 4.0, -20.0, 1e-40, 3e38, inf, -inf, numpy.nan, 0.01]}
INTEGERS = [0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 5, 0xFFFFFFFB, 123456789, 0x12345678, 16777217, 0x80000001, 255, 31, 32, 33, 1000]
INTEGERS_B = [0, 2, 1, 1, 0xFFFFFFFF, 5, 3, 987654321, 4, 31, 33, 8, 31, 1, 0x80000000, 0xFFFFFC18]

RUN = "// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s\n"


def show(words):
    return " ".join(f"{w & 0xFFFFFFFF:08x}" for w in words)


def unit_of(name):
    return 2 if name.startswith("reduce") else 0


def emit(folder, name, sentence, operands, results, fields=None, repeat=1, out_rows=1, after=None):
    """operands: lists of 16 words; repeat > 1: operand a is a list of rows."""
    p = Program(name, cycles=0)
    chip, m = p.chips[0], p.machine
    T = 10
    arrivals = {1: [0], 2: [0, 2], 3: [0, 1, 3]}[len(operands)]
    for k, operand in enumerate(operands):
        data = numpy.array(operand, numpy.uint32).reshape(-1, 16)
        for b, plane in enumerate(planes_of(data, "<u4")):
            chip.image(b, 0, 10 * k, plane)
            extra = dict(stride=1) if repeat > 1 else {}
            chip.read(b, 10 * k, b, EAST, T + arrivals[k], m.vector, repeat=repeat, **extra)
    unit, issue = unit_of(name), T + arrivals[-1]
    letters = dict(zip("abc", ["<east 0 f32 last>"] * 3))
    values = {"abc"[len(operands) - 1]: "<east 0 f32 last>"}
    for k in range(len(operands) - 1):
        chip.q("alu", 5 + k).at(T + arrivals[k], "alu.mov", a="<east 0 f32 last>")
        values["abc"[k]] = f"<alu {5 + k} age {issue - T - arrivals[k] - m.delay_alu}>"
    values = dict(sorted(values.items()))
    chip.q("alu", unit).at(issue, f"alu.{name}", repeat=repeat, **values, dst="<east 4 i32>", **(fields or {}))
    delay = m.delay_transcendental if name in TRANSCENDENTAL else m.reduce_delay(16) if unit == 2 else m.delay_alu
    if after:
        issue, delay = after(chip, unit, issue, delay)
    done = issue + (repeat - 1 if out_rows == 1 else 0) + delay
    for b in range(4):
        last = chip.write(4 + b, 0, 4 + b, EAST, done, m.vector, repeat=out_rows, **(dict(stride=1) if out_rows > 1 else {}))
    p.cycles = last + out_rows - 1 + m.delay_sram_write + 1
    text = f"// {sentence}\n{RUN}"
    for k, operand in enumerate(operands):
        for line in numpy.array(operand, numpy.uint32).reshape(-1, 16):
            text += f"//   {'abc'[k]}: {show(int(w) for w in line)}\n"
    text += f"// CHECK: cycles: {p.cycles}\n"
    for i, line in enumerate(results):
        text += f"// CHECK-NEXT: chip 0 words row {i}: {show(line)}\n"
    text += "// CHECK-NOT: {{.}}\n"
    (folder / f"alu.{name}.mlir").write_text(text + p.text())


SENTENCES = {
    "mov": "mov moves all 32 bits, a signalling NaN too.",
    "abs": "abs clears the sign; NaN becomes the canonical one.",
    "f2i": "f2i rounds to nearest even and saturates; NaN gives 0.",
    "i2f": "i2f rounds to nearest even (16777217).",
    "exp2": "exp2 follows section 11: powers of two exact, subnormal results, overflow, infinities, NaN.",
    "log2": "log2 follows section 11: zeros, negatives, subnormals, both ends of the mantissa interval.",
    "tanh": "tanh follows section 11 on both sides of 0.625, and keeps the sign of zero.",
    "erf": "erf follows section 11 on both sides of 0.9375, and keeps the sign of zero.",
    "rsqrt": "rsqrt is recip(sqrt(a)): two roundings; -0 gives -infinity.",
    "min": "min: NaN if either is NaN; min(+0, -0) is -0.",
    "max": "max: NaN if either is NaN; max(+0, -0) is +0.",
    "muladd": "muladd rounds the product, then the sum.",
    "select": "select takes b where a is not 0, all bits of it.",
    "shl": "shl takes the amount modulo 32.", "shr": "shr shifts zeros in.", "sar": "sar shifts the sign in.",
}


def lanewise(folder):
    for name, operation in OPERATIONS.items():
        arity = operation.__code__.co_argcount or {"muladd": 3}.get(name, 2 if name in ("add", "sub", "mul") else 1)
        if name in INTEGER:
            operands = [INTEGERS, INTEGERS_B][:arity]
        else:
            operands = [[bits(v) for v in RANGE.get(name, FLOATS)], [bits(v) for v in FLOATS_B], [bits(v) for v in FLOATS_C]][:arity]
            if name in ("mov", "select"):
                operands[0 if name == "mov" else 1][14] = 0x7F800001
        results = [operation(*lane) & 0xFFFFFFFF for lane in zip(*operands)]
        kind = "On integers" if name in INTEGER else "On zeros, ties, subnormals, infinities and NaN"
        sentence = SENTENCES.get(name, f"{kind}, {name} gives the bits of docs/isa.md, section 10.")
        if name == "setconst":
            def use_constant(chip, unit, issue, delay):
                queue = chip.q("alu", unit)
                queue.items.clear()
                queue.at(issue, "alu.setconst", a="<east 0 f32 last>")
                queue.at(issue + delay, "alu.iadd", a="<const>", b="<imm>", imm="0x00000001", dst="<east 4 i32>")
                return issue + delay, delay
            emit(folder, name, "setconst sets the ALU's lane constants from the cycle of its completion on.", operands,
                 [[r + 1 for r in results]], after=use_constant)
            continue
        emit(folder, name, sentence, operands, [results])


def fold(values, function, identity):
    """Halves onto halves, as docs/isa.md section 5 says."""
    values = list(values)
    while len(values) > 1:
        half = len(values) // 2
        values = [function(values[i], values[i + half]) for i in range(half)]
    return values[0]


def reductions(folder):
    row = [bits(v) for v in [1.5, -2.25, 1e8, 3.0, -0.0, 7.125, 1e-8, -1e8, 0.1, 0.2, 0.3, 7.125, -9.0, 4.0, -0.5, 2.0]]
    wants = {"sum": fold(row, OPERATIONS["add"], 0), "max": bits(1e8), "min": bits(-1e8)}
    for kind, want in wants.items():
        emit(folder, f"reduce_{kind}", f"reduce_{kind} folds halves of the lane group onto each other and broadcasts the result.",
             [row], [[want] * 16], fields=dict(group="all"))
    ties = [bits(v) for v in [1.0, -2.0, 7.0, 3.0, 7.0, 7.0, 0.0, -0.0, 1.0, 7.0, 2.0, 2.0, 6.0, 7.0, -inf, 2.0]]
    emit(folder, "reduce_argmax", "reduce_argmax gives the lowest lane of the greatest value.", [ties], [[2] * 16], fields=dict(group="16"))


def running(folder):
    random = numpy.random.default_rng(5)
    rows = random.integers(-4, 5, (6, 16)).astype(F)
    rows[2, 3] = numpy.nan
    words = rows.view(numpy.uint32)
    for kind in "sum", "max", "min", "argmax":
        results = []
        for start in 0, 3:  # period 3: two results
            line = []
            for lane in range(16):
                column = [int(w) for w in words[start:start + 3, lane]]
                if kind == "argmax":
                    best = 0
                    for i in range(1, 3):
                        x, y = value(column[best]), value(column[i])
                        if x < y or (numpy.isnan(y) and not numpy.isnan(x)):
                            best = i
                    line.append(best)
                else:
                    acc = canon(value(column[0]))
                    for word in column[1:]:
                        acc = OPERATIONS["add" if kind == "sum" else kind](acc, word)
                    line.append(acc)
            results.append(line)
        # The destination is written at the end of each period: repeats 2 and 5.
        emit_running(folder, kind, words, results)


def emit_running(folder, kind, words, results):
    p = Program(f"acc_{kind}", cycles=0)
    chip, m = p.chips[0], p.machine
    T = 10
    for b, plane in enumerate(planes_of(words, "<u4")):
        chip.image(b, 0, 0, plane)
        chip.read(b, 0, b, EAST, T, m.vector, repeat=6, stride=1)
    chip.q("alu", 3).at(T, f"alu.acc_{kind}", repeat=6, a="<east 0 f32 last>", period=3, init=True, dst="<east 4 i32>")
    for b in range(4):
        last = chip.write(4 + b, 0, 4 + b, EAST, T + 2 + m.delay_alu, m.vector, repeat=2, every=3, stride=1)
    p.cycles = last + 3 + m.delay_sram_write + 1
    text = f"// acc_{kind} over periods of 3 repeats: each period starts anew and writes once, at its end.\n{RUN}"
    for line in words:
        text += f"//   a: {show(int(w) for w in line)}\n"
    text += f"// CHECK: cycles: {p.cycles}\n"
    for i, line in enumerate(results):
        text += f"// CHECK-NEXT: chip 0 words row {i}: {show(line)}\n"
    text += "// CHECK-NOT: {{.}}\n"
    (folder / f"alu.acc_{kind}.mlir").write_text(text + p.text())


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
lanewise(folder)
reductions(folder)
running(folder)
