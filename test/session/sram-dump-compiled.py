# SRAM at cycle 0 of a compiled model: with inputs of zeros, the rows that are not zero are
# those of the package, as lpu-objdump shows them, in place and in bytes, in both engines.
# REQUIRES: lpu-compile, lpu-run, lpu-objdump, onnxruntime
# RUN: rm -rf %t && mkdir %t && %python %S/../tools/lpu-compile/Inputs/linear.py 3 50 40 %t/m.onnx
# RUN: %python %s %t
import pathlib
import re
import struct
import subprocess
import sys

import numpy

LANES = 16
folder = pathlib.Path(sys.argv[1])
package = folder / "m.lpu"
subprocess.run(["lpu-compile", folder / "m.onnx", "--target", "nano", "--dim", "batch=3", "-o", package, "--quiet"], check=True)
numpy.savez(folder / "in.npz", x=numpy.zeros((3, 50), "float32"))
listing = subprocess.run(["lpu-objdump", "--sram", package], check=True, capture_output=True, text=True).stdout
wanted = {tuple(map(int, m[:4])): bytes.fromhex(m[4]) for m in
          re.findall(r"chip (\d+) slice (\d+) bank (\d+) row (\d+): ([0-9a-f]+)", listing)}
file = package.read_bytes()
assert len(wanted) > 40 and all(data in file for data in wanted.values())
for engine in ["tick", "event"]:
    dump = folder / f"{engine}.bin"
    subprocess.run(["lpu-run", package, "--inputs", folder / "in.npz", "--engine", engine,
                    "--dump-sram-before", dump], check=True, stdout=subprocess.DEVNULL)
    data = dump.read_bytes()
    found = {struct.unpack_from("<4I", data, at): data[at + 16:at + 16 + LANES] for at in range(0, len(data), 16 + LANES)}
    assert {place: row for place, row in found.items() if any(row)} == wanted, engine
