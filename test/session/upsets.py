# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A flipped bit of a row, of a stream, of a vector on a link or of a text row is corrected and
# counted; two of one word are a fault of the reader, in its cycle, in both engines; two in an output
# row behind its last write make the output unreadable. Never is another value written.
# REQUIRES: lpu-run, lpu-translate
# RUN: %python %s %S/../runtime/emulator/chips/chain.mlir %t
import pathlib
import subprocess
import sys

import numpy

chain, folder = pathlib.Path(sys.argv[1]).read_text(), pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
text, package, target = (folder / name for name in ("chain.mlir", "chain.lpu", "out.npz"))
output = ('  isa.output "y" host "uint8" chip u8 shape [16] {\n'
          "    isa.placement rows 1 stride [0] features stride [1] group 16 per_chunk 1 chunks 1 stripes 1 "
          "columns (3 0 0 1)\n  }\n")
chain = "\n".join(line for line in chain.splitlines() if not line.startswith("//"))
text.write_text(chain.rstrip().removesuffix("}") + output + "}\n")
subprocess.run(["lpu-translate", "--isa-to-binary", text, "-o", package], check=True)
wanted = numpy.frombuffer(bytes.fromhex("fee32279f2bc068266a752c0ba9551f2"), numpy.uint8)

DATA, CHECK = [5, 127], [128, 136]  # bits of the word
# Where, what reads it next, and how many reads there are until the place is written again.
PLACES = {
    "sram:0:3:0:0:0": ("uncorrectable-error at cycle 6 on chip 0", "chip 0 mem 0 [0] at cycle 6: mem.read", 1),
    "stream:0:10:west:0:0": ("uncorrectable-error at cycle 10 on chip 0", "chip 0 link_send 0 [0] at cycle 10: link_send.send", 1),
    "link:0:0:0": ("uncorrectable-error at cycle 34 on chip 1", "chip 1 link_recv 0 [0] at cycle 34: link_recv.recv", 1),
    # The row that chip 1 passes on, between its write and its read.
    "sram:1:40:0:0:1": ("uncorrectable-error at cycle 44 on chip 1", "chip 1 mem 0 [1] at cycle 44: mem.read", 1),
}


def run(engine, flips):
    target.unlink(missing_ok=True)
    done = subprocess.run(["lpu-run", package, "--outputs", target, "--engine", engine, "--flip", ",".join(flips)],
                          capture_output=True, text=True)
    assert (done.returncode == 0) == target.exists(), done
    if done.returncode == 0:
        assert numpy.array_equal(numpy.load(target)["y"], wanted), (engine, flips)
        assert "cycles: 115" in done.stdout.splitlines(), done.stdout
    return done


for engine in "tick", "event":
    for place, (fault, offender, reads) in PLACES.items():
        for bit in DATA + CHECK:
            done = run(engine, [f"{place}:{bit}"])
            lines = done.stdout.splitlines()
            assert "flipped bits: 1, of which 1 met a value" in lines and f"words corrected: {reads}" in lines, (place, done)
        for pair in (5, 6), (127, 128), (128, 136):
            done = run(engine, [f"{place}:{bit}" for bit in pair])
            assert f"fault: {fault}\n  offender: {offender}" in done.stderr, (engine, place, pair, done.stderr)
    # The same bit twice is as it was; a place that holds nothing is not met.
    assert "words corrected: 0" in run(engine, ["sram:0:3:0:0:0:5", "sram:0:4:0:0:0:5"]).stdout
    assert "of which 0 met a value" in run(engine, ["sram:0:3:0:0:9:5", "stream:0:3:west:0:0:5", "link:0:0:1:5"]).stdout
    # Behind the last write nobody but the host reads.
    assert "of which 1 met" in run(engine, ["sram:3:114:0:0:1:7"]).stdout
    refused = run(engine, ["sram:3:114:0:0:1:7", "sram:3:114:0:0:1:8"])
    assert "output 'y' has an uncorrectable bit error in chip 3 slice 0 bank 0" in refused.stderr, refused
    # Before its start and behind the end a chip is not running.
    assert "of which 0 met" in run(engine, ["sram:3:104:0:0:1:7", "sram:3:115:0:0:1:7"]).stdout
    for flips, message in {("sram:9:3:0:0:0:5",): "a flip names chip 9, outside 0 .. 3",
                           ("sram:0:3:0:0:0:137",): "a flip names bit 137, outside 0 .. 136",
                           ("ram:0:3",): "'ram:0:3' is none of sram:CHIP:CYCLE:SLICE:BANK:ROW:BIT",
                           tuple(f"link:0:0:0:{bit}" for bit in (1, 2, 3)): "three flips of one word of chip 0"}.items():
        assert message in run(engine, flips).stderr, (flips, run(engine, flips).stderr)
print("checked")
