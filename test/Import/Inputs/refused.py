# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""refused.py folder case...: imports folder/<case>.onnx for every case and prints the
messages. Fails if one is accepted, crashes, or leaves an output file behind."""
import pathlib
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])
for case in sys.argv[2:]:
    output = folder / "refused.mlir"
    done = subprocess.run(["lpu-translate", "--import-onnx", f"{folder / case}.onnx", "-o", output],
                          capture_output=True, text=True, timeout=60)
    print(done.stderr, end="")
    if done.returncode != 1 or output.exists() or "Stack dump" in done.stderr:
        sys.exit(f"{case}: exit code {done.returncode}, output file: {output.exists()}")
