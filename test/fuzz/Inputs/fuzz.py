# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs one of the lpu-fuzz-* programs on a corpus made from files of the tree.

    fuzz.py onnx|machine|isa|package|debug ROOT TMP SECONDS

First every truncation and every flipped byte of some seeds, then what the fuzzer finds in SECONDS.
Fails on a crash, on what the sanitizers find, and on memory beyond 1 GB. The input is kept in TMP;
`lpu-fuzz-X TMP/crash-...` repeats it.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zlib

kind, root, folder, seconds = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), int(sys.argv[4])
shutil.rmtree(folder, ignore_errors=True)
corpus, scratch = folder / "corpus", folder / "scratch"
corpus.mkdir(parents=True)
scratch.mkdir()
LARGEST = 16384


def add(name, data):
    if len(data) <= LARGEST:
        (corpus / name).write_bytes(data)


def isa_programs():
    for path in sorted((root / "test").rglob("*.mlir")):
        text = path.read_text()
        if "isa.program" in text:
            for part in text.split("// -----"):
                yield f"{path.stem}-{zlib.crc32(part.encode()):08x}", part


if kind == "machine":
    for path in [*(root / "lib/Target/machines").glob("*.yaml"), *(root / "test").rglob("*.yaml")]:
        add(path.name, path.read_bytes())
    for seed in range(20):
        subprocess.run([sys.executable, root / "scripts/random_machine.py", "--seed", str(seed), "-o", scratch / "m.yaml"],
                       check=True, capture_output=True)
        add(f"random-{seed}", (scratch / "m.yaml").read_bytes())
elif kind == "isa":
    for name, text in isa_programs():
        add(name, text.encode())
elif kind == "package":
    for name, text in isa_programs():
        (scratch / "p.mlir").write_text(text)
        done = subprocess.run(["lpu-translate", "--isa-to-binary", scratch / "p.mlir", "-o", scratch / "p.lpu"], capture_output=True)
        if done.returncode == 0:
            add(name, (scratch / "p.lpu").read_bytes())
    for seed in range(8):
        subprocess.run(["lpu-random", "write", str(seed), scratch / "p.lpu"], check=True)
        add(f"random-{seed}", (scratch / "p.lpu").read_bytes())
elif kind == "debug":
    # Sections of small models. A linear layer runs on the machine of the fuzzer.
    subprocess.run([sys.executable, root / "test/numerics/small_models.py", scratch], check=True, capture_output=True)
    for model in sorted(scratch.glob("*.onnx")):
        for target in "nano", "lpu1":
            done = subprocess.run(["lpu-compile", model, "--target", target, "--quiet", "-o", scratch / "p.lpu"], capture_output=True)
            if done.returncode == 0:
                text = subprocess.run(["lpu-translate", "--binary-to-isa", scratch / "p.lpu"], check=True, capture_output=True, text=True).stdout
                for name, section in re.findall(r'isa.debug "(tensors|kernels)" "((?:[^"\\]|\\.)*)"', text):
                    section = re.sub(r"\\([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), section)
                    add(f"{model.stem}-{target}-{name}", section.encode())
                    if name == "tensors":  # two chips with a part each
                        places = [dict(place, chip=chip, cut=0, cut_size=2 * place["shape"][0])
                                  for place in json.loads(section) if place["shape"] for chip in (0, 1)]
                        add(f"{model.stem}-{target}-parts", json.dumps(places).encode())
else:
    inputs = root / "test/Import/Inputs"
    for script in "good_graphs", "bad_files", "bad_graphs", "bad_nodes", "bad_tensors":
        subprocess.run([sys.executable, inputs / f"{script}.py", scratch / script], check=True, capture_output=True)
        for path in sorted((scratch / script).rglob("*.onnx")):
            add(f"{script}-{path.stem}", path.read_bytes())
shutil.rmtree(scratch)
seeds = len(list(corpus.iterdir()))
assert seeds >= 10, f"only {seeds} files in the corpus"

environment = dict(os.environ)
# libMLIR is not instrumented: containers that cross it look overfull, and what it keeps for good is no leak of ours.
environment["ASAN_OPTIONS"] = "detect_leaks=0:detect_container_overflow=0:allocator_may_return_null=1"
environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
environment["TMPDIR"] = str(folder)


def fuzz(*arguments):
    done = subprocess.run([f"lpu-fuzz-{kind}", *map(str, arguments), "-rss_limit_mb=1024", "-timeout=60", f"-max_len={LARGEST}",
                           "-print_final_stats=1", f"-artifact_prefix={folder}/"],
                          capture_output=True, text=True, errors="replace", env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    number = lambda name: int(re.search(rf"stat::{name}: +(\d+)", done.stderr)[1])
    return number("number_of_executed_units"), number("peak_rss_mb"), re.findall(r"cov: (\d+)", done.stderr)[-1]


# Seeds of middling size: with most of what a file of their kind can have. Importing takes longer than the rest.
largest, number = {"onnx": (900, 1), "package": (5000, 1)}.get(kind, (2500, 2))
middling = sorted((path for path in corpus.iterdir() if path.stat().st_size <= largest), key=lambda path: path.stat().st_size)[-number:]
damaged = folder / "damaged"
damaged.mkdir()
for path in middling:
    data = path.read_bytes()
    for at in range(len(data)):
        (damaged / f"{path.name}-cut-{at}").write_bytes(data[:at + 1])
        (damaged / f"{path.name}-flip-{at}").write_bytes(data[:at] + bytes([data[at] ^ 0xff]) + data[at + 1:])
        (damaged / f"{path.name}-bit-{at}").write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:])
every, _, _ = fuzz("-runs=0", damaged)
assert every >= 3 * sum(path.stat().st_size - 1 for path in middling) > 1000, f"only {every} damaged files"
shutil.rmtree(damaged)

runs, memory, covered = fuzz(corpus, f"-max_total_time={seconds}")
print(f"{kind}: {every} damaged files; {seeds} seeds, {runs} inputs, {covered} edges, {memory} MB")
assert runs > seeds
