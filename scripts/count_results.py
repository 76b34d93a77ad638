# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""count_results.py results.json lit_exit_code: prints "N passed, N failed[, N skipped]".

Above that line it says what was skipped, and why. Only known failures
(test/known-failures.txt) and what needs an OPTIONAL program may be skipped:
scripts/test.sh installs, builds and exports all else that a test can require, so one
that lacks something is a failure.
"""
import collections
import json
import pathlib
import sys

PASSED = {"PASS", "XFAIL", "FLAKYPASS"}
SKIPPED = {"UNSUPPORTED", "SKIPPED"}
# Features of test/lit.cfg.py that scripts/setup.sh does not install.
OPTIONAL = {"chromium"}


def main() -> int:
    path, lit_code = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    # A test that --filter leaves out was not asked for.
    tests = [test for test in (json.loads(path.read_text())["tests"] if path.exists() else [])
             if test["code"] != "EXCLUDED"]
    passed = sum(test["code"] in PASSED for test in tests)
    known, optional, lacking = [], [], collections.Counter()
    for test in tests:
        if test["code"] in SKIPPED:
            reason = " ".join(test.get("output", "").split()) or "no reason given"
            name = test.get("name", "").split(" :: ")[-1]
            features = set(reason.partition("unavailable features: ")[2].split(", "))
            if reason.startswith("known failure: "):
                known.append(f"{name}: {reason.removeprefix('known failure: ')}")
            elif features <= OPTIONAL:
                optional.append(f"{name}: {reason}")
            else:
                lacking[reason] += 1
    for line in sorted(known):
        print(f"test: skipped, known failure: {line}")
    for line in sorted(optional):
        print(f"test: skipped, optional: {line}")
    for reason, count in sorted(lacking.items()):
        print(f"test: {count} not run, which is a failure: {reason}")
    # Every other code (FAIL, XPASS, UNRESOLVED, TIMEOUT, ...) is a failure, too.
    skipped = len(known) + len(optional)
    failed = len(tests) - passed - skipped
    if failed == 0 and (lit_code != 0 or passed == 0):
        print(f"test: lit ended with {lit_code} and {passed} passed tests; that is a failure")
        failed = 1
    line = f"{passed} passed, {failed} failed"
    print(line + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
