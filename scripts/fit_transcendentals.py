#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fits the polynomials of docs/isa.md, section 11, and compares them with the tree.

    fit_transcendentals.py [--print]

Each polynomial has least largest relative error of the *function* (Lawson's
reweighted least squares on Chebyshev points, targets with 40 digits), and its
coefficients are rounded to fp32 one by one, with the rest refitted each time.
Exits with 1 if include/lpu/ISA/Transcendentals.def holds other bits. Needs numpy
and mpmath (which torch brings along). The errors of the whole sequences, rounding
included, are measured by `lpu-emulator-test errors 1`.
"""
import pathlib
import re
import sys

import mpmath
import numpy

mpmath.mp.dps = 40
ROOT = pathlib.Path(__file__).resolve().parents[1]


def lawson(matrix, target, iterations):
    """The coefficients of least largest |matrix c - target|, approximately."""
    weights = numpy.ones(len(target)) / len(target)
    scale = numpy.max(numpy.abs(matrix), axis=0)
    best = None
    for _ in range(iterations):
        root = numpy.sqrt(weights)
        c = numpy.linalg.lstsq(matrix / scale * root[:, None], target * root, rcond=None)[0] / scale
        error = numpy.abs(matrix @ c - target)
        if best is None or error.max() < best[0]:
            best = error.max(), c
        weights = weights * error
        weights /= weights.sum()
    return best[1]


def fit(basis, target, weight):
    """Rounds the coefficients in order; `weight` turns an error of the polynomial into one of the function."""
    matrix, rest = basis * weight[:, None], target * weight
    result = []
    for k in range(matrix.shape[1]):
        c = numpy.float32(lawson(matrix[:, k:], rest, 400 if k == 0 else 80)[0])
        result.append(c)
        rest = rest - matrix[:, k] * float(c)
    return result


def points(low, high, count=1500):
    k = numpy.arange(count)
    x = (low + high) / 2 + (high - low) / 2 * numpy.cos(numpy.pi * (2 * k + 1) / (2 * count))
    return x[numpy.abs(x) > 1e-4]


def exactly(function, x):
    return numpy.array([float(function(mpmath.mpf(float(v)))) for v in x])


def powers(x, first, last):
    return numpy.stack([x**k for k in range(first, last + 1)], axis=1)


def all_fits():
    x = points(-0.5005, 0.5005)
    t = exactly(lambda f: (mpmath.power(2, f) - 1) / f, x)
    yield "Exp2", fit(powers(x, 0, 5), t, numpy.abs(x) / 2**x)
    x = points(2**-0.5 - 1.0001, 2**0.5 - 0.9999)
    t = exactly(lambda f: mpmath.log(1 + f, 2) / f, x)
    yield "Log2", fit(powers(x, 0, 9), t, 1 / t)
    x = points(1e-3, 0.625 * 1.001)
    t = exactly(lambda a: (mpmath.tanh(a) / a - 1) / (a * a), x)
    yield "Tanh", fit(powers(x * x, 0, 5), t, x**3 / numpy.tanh(x))
    x = points(1e-3, 0.9375 * 1.001)
    t = exactly(lambda a: mpmath.erf(a) / a - 1, x)
    yield "ErfSmall", fit(powers(x * x, 0, 6), t, x / exactly(mpmath.erf, x))
    x = points(0.9375 * 0.999, 4.0)
    t = exactly(lambda a: mpmath.log(mpmath.erfc(a), 2), x)
    weight = exactly(lambda a: mpmath.erfc(a) / mpmath.erf(a) * mpmath.log(2), x)
    yield "ErfLarge", fit(powers(x, 1, 7), t, weight)


def main():
    text = (ROOT / "include/lpu/ISA/Transcendentals.def").read_text()
    tree = {(n, int(i)): int(b, 16) for n, i, b in re.findall(r"LPU_POLY\((\w+), (\d+), (0x[0-9a-f]+)\)", text)}
    differ = 0
    for name, coefficients in all_fits():
        for i, c in enumerate(coefficients):
            bits = int(c.view(numpy.uint32))
            if "--print" in sys.argv:
                print(f"LPU_POLY({name}, {i}, 0x{bits:08x}) // {c:.9g}")
            if tree.pop((name, i), None) != bits:
                differ += 1
                print(f"{name} {i}: the fit gives 0x{bits:08x}")
    print(f"{differ} coefficients differ, {len(tree)} are unknown")
    return 1 if differ or tree else 0


if __name__ == "__main__":
    sys.exit(main())
