# Links work while the planes do: an all-to-all beside a product takes less than four fifths of what the
# two take one after the other, and no less than the longer of them.
# REQUIRES: lpu-stream, lpu-verify, lpu-run
# RUN: rm -rf %t && mkdir %t
# RUN: %python %s %t
import pathlib
import re
import subprocess
import sys

import numpy as np

folder = pathlib.Path(sys.argv[1])
ROWS, MEMBERS, JOBS = 256, 4, 16


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


whole = f"<{ROWS}x320xf16, chunk 320>"
binding = f'host "float16" shape [{ROWS}, 320] rows [1, 0] features [0, 1]'
blocks = [j * ROWS // MEMBERS for j in range(MEMBERS)]
exchange = f'stream.exchange "/AllToAll" group 0 rows {ROWS // MEMBERS} from %x{blocks} to %y{blocks} : {whole}, {whole}'
source = '[#stream.source<f32 from dense<0.5> : tensor<1xf32> splat rows [320 step 0] features [320 step 0]>]'
weights = "<320x320xf16, chunk 320>"
jobs = []
for job in range(JOBS):
    jobs += [f"stream.job rows {ROWS} {{"]
    jobs += [f"  stream.k_tile %a[i] lanes {k} + 160 by rows %w{job}[{k}] to columns 0 + 320 : {whole}, {weights}" for k in (0, 160)]
    jobs += ["} epilogue(%p: !stream.vector<f32>) {", "  %0 = stream.mov %p : <f32>",
             f"  stream.write %0, %z{job % 2}[i] : {whole}", "}"]
product = "\n".join(['stream.matmul "/MatMul" fp16 {', *jobs, "}"])


def cycles(name, kernels, tiles):
    text, package = folder / f"{name}.mlir", folder / f"{name}.lpu"
    text.write_text("\n".join([f"stream.program @{name} groups [{MEMBERS}] {{", *tiles, "stream.segment {", *kernels, "}", "}"]))
    np.savez(folder / "in.npz", **{n: np.random.default_rng(2).normal(size=(ROWS, 320)).astype(np.float16)
                                   for n in ("x", "a") if f'"{n}"' in text.read_text()})
    host, chip = folder / "host.npz", folder / "chip.npz"
    run("lpu-stream", text, "--inputs", folder / "in.npz", "--outputs", host, "-o", package)
    run("lpu-verify", package)
    report = run("lpu-run", package, "--inputs", folder / "in.npz", "--outputs", chip)
    with np.load(host) as a, np.load(chip) as b:
        if sorted(a) != sorted(b) or any(a[n].tobytes() != b[n].tobytes() for n in a):
            sys.exit(f"{name}: bits differ")
    return int(re.search(r"cycles: (\d+)", report)[1])


moved = [f'%x = stream.input "x" {binding} : {whole}', f'%y = stream.output "y" {binding} : {whole}']
computed = [f'%a = stream.input "a" {binding} both_halves : {whole}',
            *(f'%w{j} = stream.constant "w{j}" weights {source} : {weights}' for j in range(JOBS)),
            *(f'%z{j} = stream.output "z{j}" {binding} : {whole}' for j in range(2))]
links = cycles("links", [exchange], moved)
planes = cycles("planes", [product], computed)
both = cycles("both", [exchange, product], moved + computed)
print(f"exchange {links}, product {planes}, both {both} cycles")
if not max(links, planes) <= both < 0.8 * (links + planes):
    sys.exit("no overlap")
