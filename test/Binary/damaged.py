"""A damaged package gives one clear error and no crash: cut at every length, every byte
of its header changed, and many bytes at random places. The checksum finds every change;
with a checksum made to fit (lpu-test-seal), the checks behind it must hold on their own.

RUN: lpu-translate --isa-to-binary %S/package.mlir -o %t.lpu
RUN: %python %s %t.lpu %t.damaged
"""
import pathlib
import random
import subprocess
import sys

package = pathlib.Path(sys.argv[1]).read_bytes()
target = pathlib.Path(sys.argv[2])
assert int.from_bytes(package[0x28:0x30], "little") == 64  # the section table
tables = int.from_bytes(package[0x3c:0x3e], "little") * 64


def check(what, data, must_fail, seal=False):
    target.write_bytes(data)
    if seal:
        subprocess.run(["lpu-test-seal", target], check=True)
    run = subprocess.run(["lpu-objdump", "-d", "--manifest", "--sections", "--sram", target],
                         capture_output=True, timeout=60)
    errors = run.stderr.decode(errors="replace")
    assert run.returncode in (0, 1), f"{what}: exit code {run.returncode}\n{errors[:2000]}"
    assert errors.count("error: ") == run.returncode, f"{what}: {errors[:2000]}"
    assert run.returncode == 1 or not must_fail, f"{what}: accepted"


check("as it is", package, False)
for length in list(range(0, 64, 3)) + list(range(64, len(package), 197)) + [len(package) - 1]:
    check(f"cut to {length} bytes", package[:length], True)
# Every byte of the header means something, whatever the checksum says.
for offset in list(range(64)):
    changed = bytearray(package)
    changed[offset] ^= 0xff
    check(f"header byte {offset}", changed, True, seal=True)
rng = random.Random(1)
for trial in range(150):
    changed = bytearray(package)
    place = rng.choice([range(64, 64 + tables), range(64 + tables, 64 + tables + 1200), range(len(package))])
    for _ in range(rng.choice([1, 1, 2, 8])):
        changed[rng.choice(place)] = rng.choice([0, 0x7f, 0xff, rng.randrange(256)])
    check(f"trial {trial}", changed, changed != package)
    check(f"trial {trial}, sealed", changed, False, seal=True)
print("checked")
