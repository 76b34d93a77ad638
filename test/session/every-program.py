# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The cycles that a package states are those that its run takes, for every program that any
# test runs: lpu-run compares them unless it is told not to, and only the test of that
# option tells it. What runs the engines without lpu-run compares them itself.
# RUN: %python %s %root | FileCheck %s
# CHECK: {{[1-9][0-9]+}} files run programs
# CHECK-NOT: WRONG
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
FLAG = "no-check-" + "cycles"
MAY_USE_FLAG = {"test/session/cycles.test"}
# Tools of tests that drive an engine or a session: the comparison that each of them makes.
# `None`: its programs have one instruction under test and no stated cycles; it compares values and faults.
COMPARES = {
    "test/tools/lpu-c-test/lpu-c-test.c": "result.cycles != result.statedCycles",
    "test/tools/lpu-emulator-test/Faults.cpp": None,
    "test/tools/lpu-emulator-test/lpu-emulator-test.cpp": None,
    "test/tools/lpu-fuzz/Debug.cpp": "result.cycles != session.package().cycles",
    "test/tools/lpu-mutate/lpu-mutate.cpp": "package.cycles != ran->ends.front()",
    "test/tools/lpu-random/lpu-random.cpp": "tick.result.cycles != package.cycles",
    "test/tools/lpu-schedule-test/lpu-schedule-test.cpp": "run.cycles != reread->cycles",
}
problems, runs, direct = [], 0, set()
for path in sorted(p for folder in ("test", "benchmarks", "scripts") for p in (root / folder).rglob("*")):
    if not path.is_file() or path.suffix in (".pyc", ".md", ".txt") or path == pathlib.Path(__file__).resolve():
        continue
    name, text = str(path.relative_to(root)), path.read_text()
    runs += "lpu-run" in text
    if FLAG in text and name not in MAY_USE_FLAG:
        problems.append(f"{name} uses --{FLAG}")
    if name.startswith("test/") and re.search(r"create(Tick|Event)Engine\(|lpuSessionRun\(|Session::(open|create)\(", text):
        direct.add(name)
        wanted = COMPARES.get(name, "an entry in COMPARES")
        if wanted is not None and wanted not in text:
            problems.append(f"{name} runs programs without comparing cycles ({wanted})")
problems += [f"{name} drives no engine" for name in COMPARES if name not in direct]
print(f"{runs} files run programs")
for problem in problems:
    print(f"WRONG: {problem}")
sys.exit(bool(problems))
