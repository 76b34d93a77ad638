# The examples in the documentation run: each block that opens with ```sh test, in
# a folder of its own, stopping at the first command that fails.
# REQUIRES: lpu-objdump
# RUN: rm -rf %t && mkdir %t
# RUN: %python %s %root %t
import pathlib
import re
import subprocess
import sys

root, folder = map(pathlib.Path, sys.argv[1:])
pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
failed, count = 0, 0
for page in pages:
    text = page.read_text()
    for block in re.finditer(r"^```sh test\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        count += 1
        line = text[:block.start()].count("\n") + 2
        work = folder / str(count)
        work.mkdir()
        run = subprocess.run(["bash", "-euo", "pipefail", "-c", block[1]], cwd=work,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if run.returncode:
            failed += 1
            print(f"{page.relative_to(root)}:{line}: exit code {run.returncode}\n{run.stdout}{run.stderr}")
print(f"{count - failed} of {count} examples ran")
sys.exit(bool(failed) or count == 0)
