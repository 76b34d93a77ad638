# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Neither engine computes with the host's libm: no object of their libraries asks for
# anything that libm defines, so no bit depends on the host's version of it.
# RUN: %python %s %tools/../runtime/emulator | FileCheck %s
# CHECK: event/libLPUEmulatorR1.a: {{[1-9][0-9]+}} symbols from elsewhere, none of libm
# CHECK: tick/libLPUEmulatorR0.a: {{[1-9][0-9]+}} symbols from elsewhere, none of libm
import ctypes
import pathlib
import re
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])
ctypes.CDLL("libm.so.6")
libm = re.search(r"(/\S*libm[.-]\S*so\S*)", pathlib.Path("/proc/self/maps").read_text())[1]


def symbols(*arguments):
    text = subprocess.run(["llvm-nm", "-j", *arguments], capture_output=True, text=True, check=True).stdout
    return {line.split("@")[0] for line in text.splitlines() if line and not line.endswith(":")}


defined = symbols("-D", "--defined-only", libm)
# llvm-nm lists all of libm, or the test tests nothing.
assert {"expf", "erf", "fmaf", "rintf", "sqrt"} <= defined, libm
for library in "event/libLPUEmulatorR1.a", "tick/libLPUEmulatorR0.a":
    wanted = symbols("--undefined-only", folder / library)
    found = sorted(wanted & defined)
    print(f"{library}: {len(wanted)} symbols from elsewhere, {' '.join(found) or 'none'} of libm")
