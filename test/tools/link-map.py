# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Who shares code with whom, from the linker's maps: the compiler contains nothing of the
# runtime, the judge nothing but what reads a package, the runtime nothing of the compiler.
# Their sources include no header of what they may not know.
# REQUIRES: lpu-compile, lpu-verify, lpu-run
# RUN: %python %s %root %tools/../maps | FileCheck %s
# CHECK: lpu-compile: {{.*}}lib/Schedule{{.*}}lib/Verify
# CHECK: lpu-verify: {{.*}}lib/Verify
# CHECK: lpu-run: {{.*}}runtime/emulator/event
# CHECK-NOT: WRONG
import pathlib
import re
import sys

root, maps = map(pathlib.Path, sys.argv[1:])

# What reads a package, and nothing more.
PACKAGE = ["lib/Binary", "lib/ISA", "lib/Support", "lib/Target"]
# The modular run: the emulator, and what reads a model without the importer.
MODULAR = ["lib/Modular", "lib/ONNXFormat", "runtime/emulator", "runtime/judge"]
# Tool: folders of this project whose objects it may contain (exactly, or below).
ALLOWED = {
    "lpu-compile": ["dialects", "lib", "tools/lpu-compile"],
    "lpu-verify": [*PACKAGE, *MODULAR, "lib/Verify", "tools/lpu-verify"],
    "lpu-run": [*PACKAGE, "runtime", "tools/lpu-run"],
}
# Folder: headers of this project that its sources may include.
HEADERS = {
    "lib/Modular": ["Modular"],
    "lib/Verify": ["Binary", "ISA", "Modular", "Support", "Target", "Verify"],
    "runtime/emulator": ["Binary", "Emulator", "ISA", "Modular", "Support", "Target"],
    "runtime/session": ["Binary", "Emulator", "ISA", "Session", "Support", "Target"],
}
problems = []


def inside(path, folders):
    return any(path == f or path.startswith(f + "/") for f in folders)


for tool, allowed in ALLOWED.items():
    text = (maps / f"{tool}.map").read_text()
    # Input sections: "lib/Verify/libLPUVerify.a(Streams.cpp.o):(.text...)"; the system's begin with /.
    folders = {str(pathlib.Path(name).parent).split("/CMakeFiles")[0]
               for name in re.findall(r"\s([^\s()]+\.(?:a|o))(?:\([^)]*\))?:\(", text)
               if not name.startswith("/")}
    print(f"{tool}: {' '.join(sorted(folders))}")
    if f"tools/{tool}" not in folders or not any(f.startswith("lib/") for f in folders):
        problems.append(f"{tool}: its map is not understood")
    problems += [f"{tool} contains objects of {f}" for f in sorted(folders) if not inside(f, allowed)]
    if not inside("runtime/emulator", allowed) and "lpu::emulator" in text:
        problems.append(f"{tool} contains symbols of the emulator")

for folder, allowed in HEADERS.items():
    sources = [p for p in (root / folder).rglob("*") if p.suffix in (".cpp", ".h", ".inc")]
    assert sources, folder
    for path in sources:
        for header in re.findall(r'#include "((?:lpu|lib|dialects|runtime)/[^"]*|mlir/[^"]*)"', path.read_text()):
            if not (header.startswith("lpu/") and header.split("/")[1] in allowed
                    or header.startswith("lpu-c/") or header.startswith(folder)):
                problems.append(f"{path.relative_to(root)} includes {header}")

for problem in problems:
    print(f"WRONG: {problem}")
sys.exit(bool(problems))
