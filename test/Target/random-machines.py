# Every machine that scripts/random_machine.py draws is possible and has the SRAM
# that was asked for: 100 seeds.
# REQUIRES: lpu-objdump
# RUN: %python %s %root/scripts %t.yaml
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, sys.argv[1])
import random_machine

path = pathlib.Path(sys.argv[2])
for seed in range(100):
    megabytes = [0.5, 12, 100][seed % 3]
    random_machine.write(seed, megabytes, path)
    run = subprocess.run(["lpu-objdump", "--machine", path], capture_output=True, text=True)
    assert run.returncode == 0, f"seed {seed}: {run.stderr}"
    size = int(re.search(r"SRAM bytes: (\d+)", run.stdout)[1])
    assert size >= megabytes * 1e6, f"seed {seed}: {size}"
