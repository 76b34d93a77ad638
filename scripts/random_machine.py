#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A machine file drawn from a seed: possible, but like no other.

    scripts/random_machine.py --seed 3 --megabytes 40 -o machine.yaml

All parameters of lib/Target/machines/ are drawn, within the ranges of lpu1 and
nano and somewhat beyond; the SRAM has at least the given size. docs/isa.md says
what each means. The same seed gives the same machine.
"""
import argparse
import math
import pathlib
import random


def draw(seed: int, megabytes: float, roomy: bool = False) -> dict:
    """Parameters of a machine. A roomy one has what programs physically need beside the SRAM for
    weights: where a row of text holds less than four instructions, the text is as long as the rows
    that it moves, so there are four text slices per half, and twice the rows."""
    rng = random.Random(seed)
    lanes = 16 * rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20])
    streams = 4 * rng.randint(4, 16)
    planes = rng.randint(1, 3)
    slices = rng.randint(4, 48)
    # Rows for the wanted size; more slices where a bank would get too long.
    wanted = int(megabytes * 1e6)
    rows = max(512, math.ceil(wanted / (2 * slices * 2 * lanes)))
    while rows > 65536:
        slices += 4
        rows = math.ceil(wanted / (2 * slices * 2 * lanes))
    text = rng.randint(1, min(4, slices // 2))
    if roomy and lanes < 64:
        text = min(4, slices // 2)
        rows = min(2 * rows, 65536)
    machine = {
        "name": f"random-{seed}",
        "clock_mhz": rng.randint(50, 2000),
        "lanes": lanes,
        "streams": streams,
        "slices_per_half": slices,
        "slices_per_hop": rng.randint(1, 3),
        "rows": rows,
        "planes_per_half": planes,
        # A plane is as deep as the lanes, less, or more.
        "plane_rows": max(16, 2 * rng.choice([lanes // 2, lanes // 2, lanes // 4, lanes * 3 // 8])),
        "install_rows": rng.choice([n for n in (2, 4, 6, 8, 10, 16, 20) if n <= streams]),
        "accumulator_rows": rng.choice([8, 16, 24, 32, 64, 100]),
        "fp16_interval": rng.randint(1, 3),
    }
    alus = rng.randint(8, 20)
    reduce_alus = rng.randint(1, 2)
    machine |= {
        "alus": alus,
        "transcendental_alus": rng.randint(2, min(4, alus - reduce_alus)),
        "reduce_alus": reduce_alus,
        "history": rng.choice([24, 32, 48, 64]),
        "buffer_rows": rng.randint(8, 24),
        "loop_depth": rng.randint(3, 5),
        "fetch_bytes_per_cycle": 16 * rng.randint(4, 160),
        "links": rng.randint(0, 11),
        "link_interval": rng.randint(2, 30),
        "link_latency": rng.randint(10, 300),
        "link_margin": rng.randint(1, 10),
        "link_buffer": rng.randint(2, 20),
        "resync_cycles": rng.randint(1000, 200000),
        "node_chips": rng.randint(1, 8),
        "host_interval": rng.randint(1, 12),
    }
    # No vector arrives before it is sent.
    machine["link_margin"] = min(machine["link_margin"], machine["link_latency"] - 1)
    longest = {"sram_read": 6, "sram_write": 4, "alu": 6, "transcendental": 12, "convert": 4,
               "reduce_base": 4, "reduce_step": 3, "matrix_int8": 12, "matrix_fp16": 16, "swap": 3,
               "drain": 3, "shuffle": 6, "transpose": 24, "fetch": 16}
    machine |= {f"delay_{name}": rng.randint(1, most) for name, most in longest.items()}
    # The outermost slices hold the text, as on lpu1.
    machine["text_slices"] = [*range(text), *range(2 * slices - text, 2 * slices)]
    machine |= {"energy_sram_byte": 0.9, "energy_hop_byte": 0.03, "energy_mac_int8": 0.3,
                "energy_mac_fp16": 1.2, "energy_alu_op": 1.0, "energy_link_byte": 40,
                "energy_fetch_byte": 0.9, "idle_watts": 1}
    return machine


def write(seed: int, megabytes: float, path: pathlib.Path, roomy: bool = False) -> dict:
    machine = draw(seed, megabytes, roomy)
    path.write_text("".join(f"{key}: {value}\n" for key, value in machine.items()))
    return machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--megabytes", type=float, default=1)
    parser.add_argument("--roomy", action="store_true", help="more room for text where its rows are short")
    parser.add_argument("-o", "--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    machine = write(options.seed, options.megabytes, options.out, options.roomy)
    print(" ".join(f"{key}={value}" for key, value in machine.items()))


if __name__ == "__main__":
    main()
