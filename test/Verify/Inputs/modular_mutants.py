# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Structural bugs in compiled programs, for the modular run to find.

    modular_mutants.py FOLDER NAME

compiles a small model, makes one bug of MUTANTS in the stream program or in the instructions, schedules and
encodes the result, and prints what the judges say: the schedule must be accepted, since nothing is wrong with it,
and the modular run must refuse. `none` is the same way without a bug.
"""
import pathlib
import re
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).parents[2] / "numerics"))
import small_models

MINI = str(pathlib.Path(__file__).parents[2] / "Inputs" / "mini.yaml")


def once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{text.count(old)} times: {old}"
    return text.replace(old, new)


def kernel(text: str, name: str):
    """The text of a kernel, and what replaces it."""
    begin = text.index(f'stream.matmul "{name}"')
    end = text.index("\n      }\n", begin) + len("\n      }\n")
    return text[begin:end], lambda new: text[:begin] + new + text[end:]


def jobs(text: str) -> list:
    """Of a kernel: what stands before its jobs, the jobs, what stands behind."""
    return re.split(r"(?=^ {8}stream\.job|^ {6}\})", text, flags=re.MULTILINE)


def part(job: str, first: int, count: int) -> str:
    """The job of these rows of 17."""
    at = f"{first} + i" if count > 1 else f"{first}"
    return once(job, "rows 17", f"rows {count}").replace("[i]", f"[{at}]" if first else "[i]")


def lost_key_row(text):
    """Head 1, query 16: key 5 is not installed, its score is 0."""
    scores, put = kernel(text, "/matmul_13")
    head, *all, tail = jobs(scores)
    job = once(all[1], "rows 17", "rows 16")
    last = once(once(all[1], "rows 17", "rows 1"), "[17 + i]", "[33]")
    last = once(last, "add_1[i]", "add_1[16]")
    tile = re.search(r".*stream\.k_tile.*\n", last)[0]
    parts = once(tile, "0 + 17", "0 + 5") + once(once(tile, "0 + 17", "6 + 11"), "add_5[0]", "add_5[6]")
    return put("".join([head, all[0], job, once(last, tile, parts), *all[2:], tail]))


def head_misses_last_key(text):
    scores, put = kernel(text, "/matmul_13")
    head, first, second, *rest = jobs(scores)
    return put("".join([head, first, once(second, "columns 0 + 17", "columns 0 + 16"), *rest]))


def layer_misses_last_key(text):
    """Of three layers, the second: probabilities of the last key are not multiplied with its value."""
    for number, head in enumerate(re.findall(r"%softmax_\w*\[.*lanes 0 \+ 17 ", text)[3:6]):
        text = once(text, head, head.replace("0 + 17", "0 + 16"))
    return text


def bias_lost_in_tail(text):
    """Of the values: the last 12 of 60 features, behind three whole tiles of 16."""
    product, put = kernel(text, "/matmul_8")
    head, *all, last, tail = jobs(product)
    last = re.sub(r".*stream\.read.*\n", "", last)
    return put("".join([head, *all, re.sub(r"stream\.add .*", "stream.mov %product : <f32>", last), tail]))


def tail_tile_lost(text):
    """The last 4 of 60 terms, in one of four tiles of columns."""
    product, put = kernel(text, "/matmul_4")
    head, first, *rest = jobs(product)
    tiles = re.findall(r".*stream\.k_tile.*\n", first)
    return put("".join([head, once(first, tiles[-1], ""), *rest]))


def stale_row(text):
    """Row 8 of the second residual is still what stood there before attention."""
    product, put = kernel(text, "/matmul_26")
    head, job, tail = jobs(product)
    old, new = (re.search(r"stream\.read (%\w+)\[i\] : <17x60xf32", kernel(text, name)[0])[1]
                for name in ["/matmul_19", "/matmul_26"])
    stale = once(part(job, 8, 1), f"{new}[8]", f"{old}[8]")
    return put("".join([head, part(job, 0, 8), stale, part(job, 9, 8), tail]))


def swapped_byte_planes(text):
    """Probabilities of head 1: each of the two slices that hold their bytes takes the other's stream."""
    writes = [line for line in text.splitlines() if "mem.write" in line and text.count(line) == 1]
    pairs = [(a, b) for a in writes for b in writes
             if "stream = 0, last" in a and b == a.replace("stream = 0, last", "stream = 1, last")]
    a, b = pairs[len(pairs) // 2]
    return text.replace(a, "$").replace(b, a).replace("$", b)


def quantised_tile_lost(text):
    """The last 12 of 140 terms of bytes, in one of four tiles of columns."""
    product, put = kernel(text, "/matmulinteger_8")
    head, first, *rest = jobs(product)
    return put("".join([head, once(first, re.findall(r".*stream\.k_tile.*\n", first)[-1], ""), *rest]))


def zero_point_lost_in_tail(text):
    """Of the last 12 of 60 columns: what the zero point of the activations makes of the weights stays in the sum."""
    product, put = kernel(text, "/matmulinteger_8")
    head, *all, last, tail = jobs(product)
    last = re.sub(r".*stream\.read .*chunk 3 .*\n", "", last)
    return put("".join([head, *all, re.sub(r"stream\.isub %product, .*", "stream.mov %product : <i32>", last), tail]))


def quantised_bias_lost_in_tail(text):
    """Of the last 12 of 60 features."""
    changed, count = re.subn(r" *(%\w+) = stream\.read %w7\[0\] chunk 3 .*\n(.*)stream\.muladd (%\w+, %\w+), \1\n", r"\2stream.mul \3\n", text)
    assert count == 1
    return changed


def range_of_one_row(text):
    """The range by which the second layer quantises is that of its first row."""
    begin = text.rindex("stream.flow", 0, text.index("stream.acc_max", text.index('stream.flow "/steps_7"')))
    end = text.index("}\n", begin)
    return text[:begin] + text[begin:end].replace("iterations 17", "iterations 1").replace("period 17", "period 1") + text[end:]


def quantised_row_read_twice(text):
    """Row 8 is multiplied with the bytes of row 7."""
    product, put = kernel(text, "/matmulinteger_8")
    head, job, tail = jobs(product)
    return put("".join([head, part(job, 0, 8), re.sub(r"(k_tile %\w+)\[8\]", r"\1[7]", part(job, 8, 1)), part(job, 9, 8), tail]))


def steps_truncated(text):
    """The second layer's steps are cut off where the first's are rounded."""
    begin = text.rindex('stream.flow "/matmulinteger_8" iterations 17')
    return text[:begin] + once(text[begin:], "stream.rint", "stream.trunc")


# Name: (model, machine, is the bug in instructions?, bug)
MUTANTS = {
    "none": ("block", "lpu1", False, lambda text: text),
    "none-of-instructions": ("block", "lpu1", True, lambda text: text),
    "lost-key-row": ("block", "lpu1", False, lost_key_row),
    "head-misses-last-key": ("block", "lpu1", False, head_misses_last_key),
    "layer-misses-last-key": ("layers", "lpu1", False, layer_misses_last_key),
    "bias-lost-in-tail-tile": ("block", MINI, False, bias_lost_in_tail),
    "tail-tile-lost-once": ("block", MINI, False, tail_tile_lost),
    "swapped-byte-planes": ("block", "lpu1", True, swapped_byte_planes),
    "stale-row": ("block", "lpu1", False, stale_row),
    "none-quantised": ("quantised", "lpu1", False, lambda text: text),
    "quantised-tile-lost-once": ("quantised", MINI, False, quantised_tile_lost),
    "zero-point-lost-in-tail": ("quantised", MINI, False, zero_point_lost_in_tail),
    "quantised-bias-lost-in-tail": ("quantised", MINI, False, quantised_bias_lost_in_tail),
    "range-of-one-row": ("quantised", "lpu1", False, range_of_one_row),
    "quantised-row-read-twice": ("quantised", "lpu1", False, quantised_row_read_twice),
    "steps-truncated": ("quantised", "lpu1", False, steps_truncated),
}


def main() -> int:
    folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    model, target, isInstructions, bug = MUTANTS[name]
    folder.mkdir(parents=True, exist_ok=True)
    onnx, program, package = (folder / f"{name}.{kind}" for kind in ["onnx", "mlir", "lpu"])
    small_models.onnx.save(small_models.MODELS[model](), onnx)

    def run(*command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    if isInstructions:
        run("lpu-compile", onnx, "--target", target, "--quiet", "-o", package)
        text = run("lpu-translate", "--binary-to-isa", package)
    else:
        text = run("lpu-stream", "--no-outline-repeats", onnx, "--target", target, "--print")
    changed = bug(text)
    assert name.startswith("none") == (changed == text)
    program.write_text(changed)
    if isInstructions:
        run("lpu-translate", "--isa-to-binary", program, "-o", package)
    else:
        run("lpu-stream", program, "--target", target, "-o", package)
    verdict = subprocess.run(["lpu-verify", package, "--against", onnx, "--rounds", "2"], capture_output=True, text=True)
    print(verdict.stdout, verdict.stderr, sep="")
    print("exit code:", verdict.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
