# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lit's shell tests with two additions.

Cases: a file with lines `CASE: name arguments` is one test per such line, called
file/name; %case in its RUN lines stands for the arguments. So one case that fails
hides no other, and cases run side by side.

Known failures: test/known-failures.txt lists, each with its reason, the tests that
are known to fail; they are not run and count as skipped. A name in the list that is
no test is an error. LPU_RUN_KNOWN_FAILURES=1 in the environment runs them too.
"""
import os
import pathlib
import re

import lit.formats
import lit.Test
import lit.TestRunner

CASE = re.compile(r"\bCASE: +(\S+) *(.*?) *$", re.MULTILINE)


def read_known_failures(path: pathlib.Path) -> dict:
    """Test name -> reason, from lines `name: reason`; # opens a comment."""
    known = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, reason = line.partition(": ")
        if not colon or not reason.strip() or name in known:
            raise ValueError(f"{path.name}:{number}: wanted 'test: reason', each test once")
        known[name] = reason.strip()
    return known


class Case(lit.Test.Test):
    """One CASE line of a file."""

    def __init__(self, suite, path_in_suite, config, arguments):
        super().__init__(suite, path_in_suite, config)
        self.arguments = arguments

    def getSourcePath(self):
        return self.suite.getSourcePath(self.path_in_suite[:-1])


class Format(lit.formats.ShTest):
    def __init__(self, source_root: str):
        super().__init__(execute_external=False)
        self.known = read_known_failures(pathlib.Path(source_root) / "known-failures.txt")
        self.run_known = os.environ.get("LPU_RUN_KNOWN_FAILURES", "0") not in ("", "0")
        for name in self.known:
            file, case = pathlib.Path(source_root, name), None
            if not file.exists():
                file, case = file.parent, file.name
            if not file.is_file() or case and case not in [c[0] for c in CASE.findall(file.read_text())]:
                raise ValueError(f"known-failures.txt: {name} is no test")

    def getTestsForPath(self, testSuite, path_in_suite, litConfig, localConfig):
        for test in super().getTestsForPath(testSuite, path_in_suite, litConfig, localConfig):
            cases = CASE.findall(pathlib.Path(test.getSourcePath()).read_text())
            if not cases:
                yield test
            for name, arguments in cases:
                yield Case(testSuite, (*path_in_suite, name), localConfig, arguments)

    def execute(self, test, litConfig):
        reason = self.known.get("/".join(test.path_in_suite))
        if reason and not self.run_known:
            return lit.Test.Result(lit.Test.UNSUPPORTED, f"known failure: {reason}")
        extra = [("%case", test.arguments)] if isinstance(test, Case) else []
        return lit.TestRunner.executeShTest(test, litConfig, self.execute_external, extra)
