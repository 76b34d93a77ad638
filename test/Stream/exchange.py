# Programs of groups of chips for the tests: every member multiplies the input by factors of
# its own, and the group exchanges what comes out. The package is verified and run, and its
# output is that of the interpreter, bit for bit. Prints the cycles.
#
#   exchange.py ROOT FOLDER TARGET KIND MEMBERS TYPE ROWS FEATURES [LAYERS]
#
# KIND: all-gather, all-to-all, all-reduce, uneven. With LAYERS, an all-reduce in a loop. Uneven: an
# all-reduce for which the last member has more to do than the others, and a text of its own.
import pathlib
import re
import subprocess
import sys

import numpy as np


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


LINKS = {1: [1], 2: [2, 0], 3: [3, 0, 1], 4: [3, 2, 1, 0]}  # of all-to-alls


class Program:
    """The text of one member's stream program."""

    def __init__(self, name, members, lanes, kind, features):
        self.name, self.members, self.lanes, self.kind = name, members, lanes, kind
        self.chunks = -(-features // lanes)
        self.tiles, self.body = [], []

    def type(self, rows, features, element=None):
        return f"<{rows}x{features}x{element or self.kind}, chunk {self.lanes}>"

    def add(self, op):
        self.tiles.append("  " + op)

    def kernel(self, *lines):
        self.body += ["    " + line for line in lines]

    def flow(self, name, iterations, reads, operations, writes):
        for chunk in range(self.chunks):
            at = f" chunk {chunk}" if chunk else ""
            self.kernel(f'stream.flow "{name}" iterations {iterations} {{')
            for value, place, kind in reads:
                self.kernel(f"  %{value} = stream.read {place}{at} : {kind}")
            for value, operation in operations:
                self.kernel(f"  %{value} = stream.{operation}")
            for value, place, kind in writes:
                self.kernel(f"  stream.write %{value}, {place}{at} : {kind}")
            self.kernel("}")

    def exchange(self, name, rows, source, send, source_rows, target, receive, target_rows, features):
        self.kernel(f'stream.exchange "{name}" group 0 rows {rows} from {source}{send} to {target}{receive} : '
                    f"{self.type(source_rows, features)}, {self.type(target_rows, features)}")

    def text(self, iterations):
        head = f"stream.program @{self.name} groups [{self.members}] {{"
        return "\n".join([head, *self.tiles, f"  stream.segment iterations {iterations} {{", *self.body, "  }", "}"]) + "\n"


def member(number, members, lanes, kind, what, rows, features, layers, weights):
    p = Program(f"m{number}", members, lanes, kind, features)
    integer = kind.startswith("i")
    multiply, add = ("imul", "iadd") if integer else ("mul", "add")
    host = {"f32": "float32", "f16": "float16", "i8": "int8"}[kind]
    block = rows // members
    whole, part = p.type(rows, features), p.type(block, features)
    shape = f'host "{host}" shape [{{0}}, {features}] rows [1, 0] features [0, 1]'
    p.add(f'%x = stream.input "x" {shape.format(rows)} : {whole}')
    source = {"f32": "f32", "f16": "f32", "i8": "i8"}[kind]
    size = rows * features * (1 if integer else 4)
    sources = ", ".join(f'#stream.source<{source} from "{weights}"[{(number * layers + l) * size}, {size}] '
                        f"rows [{rows} step {features}] features [{features} step 1]>" for l in range(layers))
    p.add(f'%c = stream.constant "c" [{sources}] : {whole}')
    product = [("a", "%x[i]", whole), ("b", "%c[i]", whole)], [("p", f"{multiply} %a, %b")]
    blocks = [j * block for j in range(members)]
    if what == "all-gather":
        out = p.type(rows * members, features)
        p.add(f'%part = stream.temporary "part" : {whole}')
        p.add(f'%y = stream.output "y" {shape.format(rows * members)} : {out}')
        p.flow("/Mul", rows, *product, [("p", "%part[i]", whole)])
        p.exchange("/AllGather", rows, "%part", [0] * members, rows, "%y", [j * rows for j in range(members)], rows * members, features)
        return p.text(1)
    if what == "all-to-all":
        p.add(f'%part = stream.temporary "part" : {whole}')
        p.add(f'%y = stream.output "y" {shape.format(rows)} : {whole}')
        p.flow("/Mul", rows, *product, [("p", "%part[i]", whole)])
        p.exchange("/AllToAll", block, "%part", blocks, rows, "%y", blocks, rows, features)
        return p.text(1)
    p.add(f'%h = stream.temporary "h" : {whole}')
    p.add(f'%part = stream.temporary "part" : {whole}')
    p.add(f'%blocks = stream.temporary "blocks" : {whole}')
    p.add(f'%sum = stream.temporary "sum" : {part}')
    p.add(f'%all = stream.temporary "all" : {whole}')
    p.add(f'%y = stream.output "y" {shape.format(rows)} : {whole}')
    p.flow("/Mul", rows, [("a", "%h[i]" if layers > 1 else "%x[i]", whole), ("b", "%c[i]", whole)], product[1],
           [("p", "%part[i]", whole)])
    if what == "uneven" and number == members - 1:
        for extra in range(3):
            p.add(f'%more{extra} = stream.temporary "more {extra}" : {whole}')
            p.flow("/More", rows, [("a", f"%{f'more{extra - 1}' if extra else 'part'}[i]", whole), ("b", "%c[i]", whole)], product[1],
                   [("p", f"%more{extra}[i]", whole)])
        p.flow("/Most", rows, [("a", "%more2[i]", whole), ("b", "%x[i]", whole)], product[1], [("p", "%part[i]", whole)])
    p.exchange("/ReduceScatter", block, "%part", blocks, rows, "%blocks", blocks, rows, features)
    sums, last = [], "r0"
    for j in range(1, members):
        sums.append((f"s{j}", f"{add} %{last}, %r{j}"))
        last = f"s{j}"
    if not sums:
        sums, last = [("s0", "mov %r0 : " + ("<i32>" if integer else "<f32>"))], "s0"
    p.flow("/Sum", block, [(f"r{j}", f"%blocks[{blocks[j]} + i]" if j else "%blocks[i]", whole) for j in range(members)], sums,
           [(last, "%sum[i]", part)])
    p.exchange("/AllGather", block, "%sum", [0] * members, block, "%all", blocks, rows, features)
    p.flow("/Next", rows, [("a", "%all[i]", whole), ("b", "%x[i]", whole)], [("n", f"{add} %a, %b")],
           [("n", "%h[i]", whole), ("n", "%y[i]", whole)])
    text = p.text(layers)
    if layers > 1:  # the state of the first layer
        first = Program("first", members, lanes, kind, features)
        first.flow("/First", rows, [("a", "%x[i]", whole)], [("n", "mov %a : " + ("<i32>" if integer else "<f32>"))],
                   [("n", "%h[i]", whole)])
        text = text.replace(f"  stream.segment iterations {layers} {{", "\n".join(["  stream.segment {", *first.body, "  }",
                                                                                f"  stream.segment iterations {layers} {{"]))
    return text


def main():
    root, folder = map(pathlib.Path, sys.argv[1:3])
    target, what, members, kind, rows, features = sys.argv[3], sys.argv[4], *map(str, sys.argv[5:9])
    members, rows, features = int(members), int(rows), int(features)
    layers = int(sys.argv[9]) if len(sys.argv) > 9 else 1
    machine = root / target if target.endswith(".yaml") else target
    lanes = {"lpu1": 320, "nano": 16}.get(target, 16)
    random = np.random.default_rng(members * 1000 + rows)
    count = members * layers * rows * features
    integer = kind == "i8"
    weights, inputs, chip, host, text, package = (folder / n for n in ("c.bin", "in.npz", "chip.npz", "host.npz", "p.mlir", "p.lpu"))
    (random.integers(-3, 4, count).astype(np.int8) if integer else random.normal(size=count).astype(np.float32)).tofile(weights)
    x = random.integers(-20, 20, (rows, features)).astype(np.int8) if integer else random.normal(size=(rows, features)).astype(
        {"f32": np.float32, "f16": np.float16}[kind])
    np.savez(inputs, x=x)
    text.write_text("".join(member(m, members, lanes, kind, what, rows, features, layers, weights) for m in range(members)))
    links = ["--links", ",".join(map(str, LINKS[members]))] if what == "all-to-all" else []
    names = ",".join(f"m{m}" for m in range(members))
    run("lpu-stream", text, "--target", machine, "--members", names, *links, "--inputs", inputs, "--outputs", host, "-o", package)
    verified = run("lpu-verify", package)
    # Cycle by cycle, in threads, and with clocks that run apart as far as the verifier allows.
    report = run("lpu-run", package, "--inputs", inputs, "--outputs", chip)
    most = int(re.search(r"off by (\d+)", verified)[1])
    others = [["--threads", "2"], ["--drift-random", f"7:{most}"]] + ([["--engine", "tick"]] if target == "nano" else [])
    for flags in others:
        bits = chip.read_bytes()
        if run("lpu-run", package, "--inputs", inputs, "--outputs", chip, *flags) != report or chip.read_bytes() != bits:
            sys.exit(f"{what} of {members} on {target}: differs with {' '.join(flags)}")
    with np.load(chip) as a, np.load(host) as b:
        if sorted(a) != ["y"] or sorted(b) != ["y"] or a["y"].tobytes() != b["y"].tobytes():
            sys.exit(f"{what} of {members} on {target}: bits differ")
        if not np.any(a["y"]):
            sys.exit("nothing but zeros")
    print(f"{what} x{members} {kind} {rows}x{features} on {pathlib.Path(target).stem}:", " ".join(report.split()))


if __name__ == "__main__":
    main()
