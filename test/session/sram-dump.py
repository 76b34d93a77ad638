# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# SRAM at cycle 0 is the bytes of the package (as lpu-objdump shows them) and the
# inputs, and nothing else, in both engines: nothing is computed before the run.
# REQUIRES: lpu-session-test, lpu-run
# RUN: %python %s %t
import pathlib
import struct
import subprocess
import sys

import numpy

LANES = 16
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
package = folder / "copy.lpu"
subprocess.run(["lpu-session-test", "int8", "i8", "61", package], check=True)
x = numpy.arange(60, dtype="int8").reshape(3, 20) + 1
numpy.savez(folder / "in.npz", x=x)
dumps = []
for engine in ["tick", "event"]:
    dump = folder / f"{engine}.bin"
    subprocess.run(["lpu-run", package, "--inputs", folder / "in.npz", "--engine", engine,
                    "--dump-sram-before", dump], check=True, stdout=subprocess.DEVNULL)
    dumps.append(dump.read_bytes())
assert dumps[0] == dumps[1]

rows = {}
for at in range(0, len(dumps[0]), 16 + LANES):
    place = struct.unpack_from("<4I", dumps[0], at)
    assert place not in rows
    rows[place] = dumps[0][at + 16:at + 16 + LANES]

# The input: columns of chunk and stripe at rows 0, 8, 16, 24 of slice 0.
padded = numpy.zeros((4, 32), "int8")
padded[:3, :20] = x
for chunk in range(2):
    for stripe in range(2):
        for row in range(2 - stripe):
            place = (0, 0, 0, 8 * (2 * chunk + stripe) + row)
            part = padded[2 * row + stripe, 16 * chunk:16 * chunk + 16]
            assert rows.pop(place) == part.tobytes(), place

# The rest is the image: every row's bytes stand in the file, and all are text.
file = package.read_bytes()
assert rows
for (chip, slice_, bank, row), data in rows.items():
    assert (chip, slice_, bank) == (0, 0, 1) and data in file
