# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""count_results.py results.json lit_exit_code: prints "N passed, N failed[, N skipped]"."""
import collections
import json
import pathlib
import sys

PASSED = {"PASS", "XFAIL", "FLAKYPASS"}
SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}


def main() -> int:
    path, lit_code = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    tests = json.loads(path.read_text())["tests"] if path.exists() else []
    codes = collections.Counter(test["code"] for test in tests)
    passed = sum(codes[code] for code in PASSED)
    # A test that --filter leaves out was not asked for.
    skipped = sum(codes[code] for code in SKIPPED - {"EXCLUDED"})
    # Every other code (FAIL, XPASS, UNRESOLVED, TIMEOUT, ...) is a failure.
    failed = sum(codes.values()) - passed - skipped - codes["EXCLUDED"]
    if failed == 0 and (lit_code != 0 or passed == 0):
        print(f"test: lit ended with {lit_code} and {passed} passed tests; that is a failure")
        failed = 1
    line = f"{passed} passed, {failed} failed"
    print(line + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
