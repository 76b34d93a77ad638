# The comparison with ONNX Runtime can fail: each kind of wrong result is seen, and
# honest rounding is not.
# REQUIRES: onnx
# RUN: %python %s %root
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(sys.argv[1]) / "scripts"))
import compare

rng = np.random.default_rng(0)
want = rng.standard_normal((2, 40, 384)).astype(np.float32)
kept = np.arange(40)[None, :] < np.array([[40], [25]])


def passes(got, name="last_hidden_state"):
    results = compare.compare_all({name: got}, {name: want}, kept)
    assert len(results) == 2 and results[1].name.endswith("(padding)")
    return all(r.passed for r in results)


def noise(size):
    return (want * (1 + size * rng.standard_normal(want.shape))).astype(np.float32)


assert passes(want)
assert passes(want.astype(np.float16).astype(np.float32)), "one rounding to fp16"
assert passes(noise(1e-3))
assert not passes(noise(3e-3)), "a small error everywhere"
assert not passes(want * np.float32(1.003)), "a scale"
row = want.copy()
row[1, 3] *= 1.01
assert not passes(row), "one row"
padding = want.copy()
padding[1, 30] *= 1.05
assert not passes(padding), "one row of padding"
# Padding of long sequences may be farther off, the rows that count may not.
long = np.concatenate([want] * 4, axis=1)
long_kept = np.concatenate([kept] + [kept & False] * 3, axis=1)
for position, wrong in ((30, True), (3, False)):
    bent = long.copy()
    bent[1, position] *= 1.05
    results = compare.compare_all({"y": bent}, {"y": long}, long_kept)
    assert all(r.passed for r in results) == wrong, results
bent[1, 3] = long[1, 3]
bent[1, 30] *= 2
assert not all(r.passed for r in compare.compare_all({"y": bent}, {"y": long}, long_kept))
swapped = want.copy()
swapped[0, [0, 1]] = swapped[0, [1, 0]]
assert not passes(swapped), "two rows swapped"
bad = want.copy()
bad[0, 0, 0] = np.nan
assert not passes(bad), "not a number"
assert not passes(np.zeros_like(want)), "nothing"
assert not compare.compare("x", want[:, :39], want).passed, "shape"
assert not compare.compare("x", want.astype(np.float64), want).passed, "type"
assert not compare.compare("x", np.array([1, 2]), np.array([1, 3])).passed, "integers"
assert compare.compare("x", np.array([1, 3]), np.array([1, 3])).passed
assert not compare.compare_all({}, {"x": want})[0].passed, "missing"
assert not compare.compare("x", bad, bad).passed, "a reference that is not finite shows nothing"
assert compare.compare("x", np.zeros(3), np.zeros(3)).passed, "zero rows"
assert not compare.compare("x", np.full(3, 1e-9), np.zeros(3)).passed, "zero rows"
# The sentence embedding has a limit of its own.
sentence = np.ones((1, 384), np.float32)
assert compare.compare("sentence_embedding", sentence * np.float32(1.0014), sentence).passed
assert not compare.compare("sentence_embedding", sentence * np.float32(1.0021), sentence).passed
