# What a group has gathered is an operand of products on planes of both halves: it is copied to the other half,
# also when it is exchanged again. The input of an exchange may stand in both halves too.
# REQUIRES: lpu-stream, lpu-verify, lpu-run
# RUN: rm -rf %t && mkdir %t
# RUN: %python %s %root %t
import pathlib
import subprocess
import sys

import numpy as np

root, folder = map(pathlib.Path, sys.argv[1:3])


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")


def program(lanes, k, members, rows, jobs):
    part, whole = f"<{rows}x{lanes}xf16, chunk {lanes}>", f"<{rows * members}x{lanes}xf16, chunk {lanes}>"
    weights = f"<{lanes}x{lanes}xf16, chunk {lanes}>"
    source = f'[#stream.source<f32 from "{folder / "w.bin"}"[0, {4 * lanes * lanes}] rows [{lanes} step {lanes}] features [{lanes} step 1]>]'
    lines = [f"stream.program @operand groups [{members}] {{",
             f'%x = stream.input "x" host "float16" shape [{rows}, {lanes}] rows [1, 0] features [0, 1] both_halves : {part}',
             f'%y = stream.temporary "y" both_halves : {whole}']
    lines += [f'%w{j} = stream.constant "w{j}" weights {source} : {weights}' for j in range(jobs)]
    lines += [f'%z{j} = stream.output "z{j}" host "float16" shape [{rows * members}, {lanes}] rows [1, 0] features [0, 1] : {whole}'
              for j in range(jobs)]
    lines += ["stream.segment {"]
    for turn in range(2):
        block = rows // members if turn else rows
        send = [0] * members if not turn else [j * block for j in range(members)]
        lines += [f'stream.exchange "/Gather{turn}" group 0 rows {block} from %x{send} to %y{[j * rows for j in range(members)]} : {part}, {whole}',
                  f'stream.matmul "/MatMul{turn}" fp16 {{']
        for job in range(jobs):
            lines += [f"stream.job rows {rows * members} {{"]
            lines += [f"stream.k_tile %y[i] lanes {at} + {k} by rows %w{job}[{at}] to columns 0 + {lanes} : {whole}, {weights}"
                      for at in range(0, lanes, k)]
            lines += ["} epilogue(%p: !stream.vector<f32>) {", "%0 = stream.mov %p : <f32>", f"stream.write %0, %z{job}[i] : {whole}", "}"]
        lines += ["}"]
    return "\n".join([*lines, "}", "}"])


for target, lanes, k, members, rows in (root / "test/Inputs/mini.yaml", 16, 8, 3, 9), ("lpu1", 320, 160, 4, 24):
    random = np.random.default_rng(4)
    random.normal(size=(lanes, lanes)).astype(np.float32).tofile(folder / "w.bin")
    text, package, inputs, host, chip = (folder / n for n in ("p.mlir", "p.lpu", "in.npz", "host.npz", "chip.npz"))
    text.write_text(program(lanes, k, members, rows, 4))
    np.savez(inputs, x=random.normal(size=(rows, lanes)).astype(np.float16))
    run("lpu-stream", text, "--target", target, "--inputs", inputs, "--outputs", host, "-o", package)
    run("lpu-verify", package)
    run("lpu-run", package, "--inputs", inputs, "--outputs", chip)
    with np.load(host) as a, np.load(chip) as b:
        if len(a.files) != 4 or sorted(a) != sorted(b) or any(a[n].tobytes() != b[n].tobytes() or not np.any(a[n]) for n in a):
            sys.exit(f"{target}: bits differ")
