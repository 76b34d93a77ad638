"""Text that would exhaust a YAML parser is refused with one message.

RUN: %python %s %t
"""
import pathlib
import subprocess
import sys

target = pathlib.Path(sys.argv[1] + ".yaml")
for name, text in {"flow lists": "[" * 900000, "block lists": "- " * 400000, "mappings": "{a: " * 200000,
                   "keys": "? " * 400000, "depth": "".join(" " * i + "a:\n" for i in range(1400)),
                   "size": "a" * 2000000, "quote": '"' + "a" * 900000, "bytes": "\x00\x01" * 1000}.items():
    target.write_text(text)
    run = subprocess.run(["lpu-objdump", "--machine", target], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1, f"{name}: exit code {run.returncode}"
    assert run.stderr.count("error: ") == 1, f"{name}: {run.stderr[:500]}"
