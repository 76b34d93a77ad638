# What numpy writes is read, what is written numpy reads, and both are equal, for
# every element type, rank 0 to 4, empty arrays, Fortran order, stored and deflated.
# REQUIRES: onnx
# RUN: %python %s %tools/lpu-test-npz %t.dir | FileCheck %s
import pathlib
import subprocess
import sys

import numpy as np

tool, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(7)
types = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
         "float16", "float32", "float64"]
shapes = [(), (5,), (3, 4), (2, 3, 5), (2, 1, 3, 4), (0,), (3, 0)]
arrays = {f"{name}_{len(shape)}_{np.prod(shape, dtype=int)}": (rng.standard_normal(shape) * 50).astype(name)
          for name in types for shape in shapes}
arrays["fortran"] = np.asfortranarray(rng.standard_normal((3, 4, 5)).astype(np.float32))
arrays["large"] = rng.standard_normal((700, 800)).astype(np.float32)


def run(*arguments):
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True)


for save in [np.savez, np.savez_compressed]:
    source, copy, again = folder / "in.npz", folder / "out.npz", folder / "again.npz"
    save(source, **arrays)
    result = run("-copy", source, copy)
    assert result.returncode == 0, result.stderr
    with np.load(copy) as read:
        assert sorted(read.files) == sorted(arrays)
        for name, array in arrays.items():
            assert read[name].dtype == array.dtype and read[name].shape == array.shape, name
            assert read[name].tobytes() == array.tobytes("C"), name
    # The copy of a copy has the same bytes: nothing like a date gets in.
    assert run("-copy", copy, again).returncode == 0
    assert copy.read_bytes() == again.read_bytes()
np.savez(folder / "empty.npz")
assert run(folder / "empty.npz").returncode == 0

# Refused, each with the reason.
np.savez(folder / "bad.npz", x=np.array([1, "a"], object), allow_pickle=True)
print(run(folder / "bad.npz").stderr)
# CHECK: bad.npz: array 'x': type '|O' is not read; known are bool, int8,
np.savez(folder / "bad.npz", x=np.zeros(3, ">f4"))
print(run(folder / "bad.npz").stderr)
# CHECK: bad.npz: array 'x': type '>f4' is big-endian; save array.astype(
np.savez(folder / "bad.npz", x=np.zeros(3, [("a", "f4"), ("b", "i4")]))
print(run(folder / "bad.npz").stderr)
# CHECK: bad.npz: array 'x': structured types (records) are not read
(folder / "bad.npz").write_text("id,mask\n1,1\n" * 9)
print(run(folder / "bad.npz").stderr)
# CHECK: bad.npz: not an .npz file (no zip signature)
print(run(folder / "missing.npz").stderr)
# CHECK: missing.npz: cannot read: No such file or directory
(folder / "bad.npz").write_bytes((folder / "out.npz").read_bytes()[:-100])
print(run(folder / "bad.npz").stderr)
# CHECK: bad.npz: damaged or cut off: no end of the archive's directory
# An output that cannot be written leaves nothing behind.
print(run("-copy", folder / "out.npz", folder / "no" / "such" / "out.npz").stderr)
# CHECK: error: {{.*}}out.npz
