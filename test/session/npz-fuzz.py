# A damaged .npz gives an error with its name or, where the damage hit nothing
# that is read, the same arrays; never a crash. 1,000 seeded single damages.
# REQUIRES: onnx
# RUN: %python %s %tools/lpu-test-npz %t.dir
import pathlib
import random
import subprocess
import sys

import numpy as np

tool, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
arrays = dict(ids=np.arange(12).reshape(3, 4), mask=np.ones((2, 2), bool),
              x=np.linspace(-1, 1, 6, dtype=np.float16).reshape(2, 3))
good = []
for name, save in [("stored", np.savez), ("deflated", np.savez_compressed)]:
    path = folder / f"{name}.npz"
    save(path, **arrays)
    good.append(path)
expected = subprocess.run([tool, good[0]], capture_output=True, text=True, check=True).stdout
assert expected == subprocess.run([tool, good[1]], capture_output=True, text=True, check=True).stdout

refused = 0
for seed in range(1000):
    rng = random.Random(seed)
    data = bytearray(rng.choice(good).read_bytes())
    kind = rng.randrange(3)
    if kind == 0:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[rng.randrange(len(data)):]
    else:
        at = rng.randrange(len(data) - 8)
        data[at:at + rng.choice([1, 2, 4, 8])] = b"\xff" * 8
    bad = folder / "bad.npz"
    bad.write_bytes(data)
    run = subprocess.run([tool, bad], capture_output=True, text=True, errors="replace")
    assert run.returncode in (0, 1), f"seed {seed}: exit code {run.returncode}\n{run.stderr}"
    if run.returncode == 1:
        assert run.stderr.startswith(f"error: {bad}: "), f"seed {seed}: {run.stderr}"
        refused += 1
assert refused > 500, refused
