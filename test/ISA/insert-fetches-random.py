"""Wherever fetches could be placed, the verifier finds no fault and the same cycles; most
straight-line programs and some with nested loops are placed.

RUN: %python %s %t
"""
import pathlib
import random
import subprocess
import sys

base = sys.argv[1]


def block(rng, length, largest_gap, loops, depth, indent):
    """Lines of a block and the first free cycle behind it."""
    lines, free = [], 0
    while length > 0:
        free += rng.choice([0, 0, rng.randint(0, largest_gap)])
        if depth < 3 and length > 3 and rng.random() < loops:
            inner = rng.randint(1, min(length, rng.choice([4, 60, 300])))
            body, end = block(rng, inner, largest_gap, loops, depth + 1, indent + "  ")
            period, iterations = end + 1 + rng.randint(0, 300), rng.randint(1, 4)
            lines.append(f"{indent}isa.loop at {free} iterations {iterations} period {period} {{")
            lines += body + [indent + "}"]
            free += 1 + iterations * period
            length -= inner + 2
        else:
            lines.append(f"{indent}isa.mem.setreg at {free} reg = 1, value = {rng.randrange(65536)}")
            free += 1
            length -= 1
    return lines, free


def trial(seed, machine, length, loops):
    rng = random.Random(seed)
    lines, free = block(rng, length, 30, loops, 0, "")
    lines += [f"isa.mem.setreg at {free} reg = 1, value = 0", f"isa.halt at {free + 1}"]
    text = f'isa.program @p machine "{machine}" cycles {free + 1} {{\nisa.chip_class 0 {{\nisa.queue mem 1 {{\n'
    pathlib.Path(base + ".mlir").write_text(text + "\n".join(lines) + "\n}\n}\nisa.chip 0 class 0 {\n}\n}\n")
    run = subprocess.run(["lpu-opt", "--isa-insert-fetches", base + ".mlir", "-o", base + ".out.mlir"],
                         capture_output=True, text=True)
    if run.returncode:
        assert "not enough free cycles to fetch its text" in run.stderr, run.stderr[:2000]
        return 0
    subprocess.run(["lpu-translate", "--isa-to-binary", base + ".out.mlir", "-o", base + ".lpu"], check=True)
    run = subprocess.run(["lpu-verify", base + ".lpu"], capture_output=True, text=True)
    assert run.returncode == 0, f"seed {seed} on {machine}: {run.stdout}{run.stderr}"
    return 1


straight = sum(trial(seed, "lpu1", 1500, 0) for seed in range(8))
small = sum(trial(seed, "nano", 200, 0) for seed in range(8))
loops = sum(trial(seed, "lpu1", 600, 0.02) for seed in range(16))
print("placed:", straight, small, loops)
assert straight == 8 and small >= 2 and loops >= 4
