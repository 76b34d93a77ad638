# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random models on random machines, compiled, verified, run and compared.

    random_models.py FOLDER --seeds 0:300        what the tests do, in parts
    random_models.py FOLDER --seeds 4711:4712 --keep

A seed gives a model (random_structures.py) and a machine: lpu1, one of 16 or 32 lanes,
or one of scripts/random_machine.py. Each model ends in one of five ways:

    agrees    lpu-verify accepts the schedule (with --modular, also finds the package equal to its
              model modulo a prime, where it knows all operators); the cycles that lpu-run measures are those that lpu-compile printed, and every
              output agrees with ONNX Runtime: bit for bit what was only moved, equal what is
              exact, the rest within test/tolerances.toml
    refused   lpu-compile exits with 1 and one line per reason, none of which calls it a bug
    rounding  as `agrees`, but beyond the tolerance where honest rounding alone moves ONNX
              Runtime's own output as far: within four times that (sums that cancel, single elements)
    unjudged  beyond the tolerance where honest rounding alone overflows or divides by zero: shows nothing
    FAILED    anything else: a crash, a time-out, a fault, other cycles, a wrong value

A failure is made smaller (shrink.py) and written to FOLDER/failures with its command.
"""
import argparse
import collections
import dataclasses
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

import run_model  # puts scripts/ on the path too

import compare  # noqa: E402
import fp16_model  # noqa: E402
import operators  # noqa: E402
import random_graphs  # noqa: E402
import random_machine  # noqa: E402
import random_structures  # noqa: E402
import shrink  # noqa: E402

SECONDS = 60  # for one tool on one of these models, which need a tenth of a second
TABLES = {random_graphs.VECTOR: "fp32", random_graphs.PRODUCT: "fp16"}
# Tables of trained vectors are stored in fp16 as well (docs/numerics.md).
PRODUCTS = fp16_model.PRODUCTS | {"Gather": 1}
ROUNDING = 4  # how much further than honest rounding a result may be


@dataclasses.dataclass
class Case:
    model: onnx.ModelProto
    feeds: dict
    gates: dict  # of all values that nodes make


@dataclasses.dataclass
class Outcome:
    kind: str  # agrees, refused, rounding, or what failed
    why: str = ""
    proved: bool = False  # equal to its model modulo a prime (docs/verification.md)
    unknown: str = ""  # why there is no modular run

    @property
    def failed(self) -> bool:
        return self.kind not in ("agrees", "refused", "rounding", "unjudged")


def tool(*command):
    """(exit code or None for a time-out, what it printed, its errors)"""
    try:
        run = subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace",
                             stdin=subprocess.DEVNULL, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None, "", f"no end after {SECONDS} s"
    return run.returncode, run.stdout, run.stderr


def clear(code, errors: str) -> bool:
    """Is this a refusal in lines that a user reads? Indented ones say what an error is about. Two
    messages of the scheduler's own checks are none: they say that it made something illegal."""
    lines = [line for line in errors.splitlines() if line.strip()]
    return (code == 1 and any("error: " in line for line in lines) and "bug of the compiler" not in errors
            and "the queue is free only" not in errors and "only the running reduction" not in errors
            and all((re.search(r"\b(error|note|warning): ", line) or line.startswith("  ")) and len(line) < 1000 for line in lines))


def shaken(case: Case) -> dict:
    """The outputs with honest rounding: of operands of products to fp16, of what every inexact node
    reads by two units in the last place of fp32."""
    model = onnx.ModelProto.FromString(case.model.SerializeToString())
    rng = np.random.default_rng(1)
    arrays = shrink.all_values(case) | {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if max(case.gates[name] for name in node.output if name) >= random_graphs.VECTOR:
            for i, name in enumerate(node.input):
                if name and arrays[name].dtype == np.float32:
                    noise = (1 + rng.uniform(-2 ** -22, 2 ** -22, arrays[name].shape)).astype(np.float32)
                    made = f"{name}_noise_{len(nodes)}"
                    model.graph.initializer.append(numpy_helper.from_array(noise, f"{made}_factor"))
                    nodes.append(helper.make_node("Mul", [name, f"{made}_factor"], [made]))
                    node.input[i] = made
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return random_graphs.evaluate(fp16_model.round_operands(model, (), PRODUCTS), case.feeds)


def judge(case: Case, got: dict) -> Outcome:
    want = random_graphs.evaluate(case.model, case.feeds)
    problems, rounded, wide, lost = [], None, [], []
    for name, array in want.items():
        gate = case.gates[name]
        if name not in got:
            problems.append(f"{name} is missing")
        elif array.dtype.kind != "f" or gate == random_graphs.MOVED:
            problem = operators.same_bits(got[name], array)
            problems += [f"{name}: {problem}"] if problem else []
        elif gate == random_graphs.EQUAL:
            problem = operators.same_bits(got[name] + np.float32(0), array + np.float32(0))
            problems += [f"{name}: {problem}"] if problem else []
        else:
            result = compare.compare(name, got[name], array, TABLES[gate])
            if result.passed:
                continue
            rounded = rounded or shaken(case)
            if not np.isfinite(rounded[name]).all():
                lost.append(name)
                continue
            moved = compare.measure(rounded[name], array)
            if not result.problem and result.relative_l2 <= max(result.limit_l2, ROUNDING * moved[0]) \
                    and result.worst_row <= max(result.limit_row, ROUNDING * moved[1]):
                wide.append(f"{name}: {result.relative_l2:.1e}/{result.worst_row:.1e}, rounding {moved[0]:.1e}/{moved[1]:.1e}")
            else:
                problems.append(f"{result}; honest rounding {moved[0]:.1e}/{moved[1]:.1e}")
    if problems:
        return Outcome("wrong result", "; ".join(problems))
    if lost:
        return Outcome("unjudged", f"honest rounding alone overflows in {', '.join(lost)}")
    return Outcome("rounding", "; ".join(wide)) if wide else Outcome("agrees")


def run(case: Case, target, folder: pathlib.Path, modular: bool) -> Outcome:
    model, package, feeds, results = (folder / f"m.{end}" for end in ("onnx", "lpu", "in.npz", "out.npz"))
    for file in (package, results):
        file.unlink(missing_ok=True)
    onnx.save(case.model, model)
    code, report, errors = tool("lpu-compile", model, "--target", target, "-o", package)
    if code != 0:
        if not clear(code, errors):
            return Outcome("compiler time-out" if code is None else "compiler crash" if code not in (1, 2) else "unclear refusal",
                           f"exit code {code}: {errors.strip()[:600]}")
        if package.exists():
            return Outcome("output left by a refusal", errors.strip())
        return Outcome("refused", errors.strip())
    # 3: accepted, but the modular run does not know an operator of the model.
    code, found, errors = tool("lpu-verify", package, *(["--against", model] if modular else []))
    if code not in (0, 3):
        return Outcome("refused by the verifier", f"exit code {code}: {(found + errors).strip()[-600:]}")
    proved = modular and code == 0
    unknown = errors.partition("cannot judge ")[2].strip() or errors.strip() if code == 3 else ""
    np.savez(feeds, **case.feeds)
    code, measured, errors = tool("lpu-run", package, "--inputs", feeds, "--outputs", results)
    if code != 0:
        return Outcome("fault or crash of the run", f"exit code {code}: {errors.strip()[:600]}")
    try:
        promised, measured = run_model.printed("cycles", report, "lpu-compile"), run_model.printed("cycles", measured, "lpu-run")
        hosted = run_model.printed("host nodes", report, "lpu-compile")
    except run_model.Failed as why:
        return Outcome("report", str(why))
    if promised != measured or hosted:
        return Outcome("other cycles", f"{promised} promised, {measured} measured, {hosted} nodes on the host")
    with np.load(results) as arrays:
        outcome = judge(case, dict(arrays))
    outcome.proved, outcome.unknown = proved, unknown
    return outcome


def machine_of(seed: int, folder: pathlib.Path):
    """Half of the models run on lpu1, the others each on another machine."""
    inputs = pathlib.Path(__file__).resolve().parent / "Inputs"
    fixed = {1: inputs / "lanes32.yaml", 3: inputs / "lanes16.yaml"}
    if seed % 2 == 0 or seed % 10 in fixed:
        return fixed.get(seed % 10, "lpu1")
    file = folder / f"machine-{seed}.yaml"
    random_machine.write(seed, 1 + seed % 7, file, roomy=True)
    return file


def build(choices, seed: int, kind=None):
    """The Case of these decisions, or None if there is nothing to run."""
    try:
        return Case(*random_structures.draw(choices, seed, kind).finish())
    except random_graphs.Rejected:
        return None


def reason(text: str) -> str:
    """A message without its names and numbers."""
    first = next((line for line in text.splitlines() if "error: " in line), text)
    return re.sub(r"[\w./:]*\d[\w./:-]*", "N", re.sub(r"'[^']*'|\"[^\"]*\"", "_", first.split("error: ", 1)[-1]))[:150]


def report_failure(seed: int, case: Case, outcome: Outcome, choices, target, options) -> None:
    folder = options.folder
    print(f"FAILED: seed {seed} on {pathlib.Path(target).stem}: {outcome.kind}: {outcome.why}", flush=True)
    kept = folder / "failures"
    kept.mkdir(exist_ok=True)

    def still(smaller) -> bool:
        return smaller is not None and run(smaller, target, folder, options.modular).kind == outcome.kind

    small = shrink.case(case, choices, lambda c: build(c, seed, options.kind), still, options.shrink, Case)
    last = run(small, target, folder, options.modular)
    model, feeds = kept / f"{seed}.onnx", kept / f"{seed}.npz"
    onnx.save(small.model, model)
    np.savez(feeds, **small.feeds)
    if isinstance(target, pathlib.Path) and target.parent == folder:
        target = target.rename(kept / target.name)
    print(f"  smallest: {last.why}\n  {onnx.printer.to_text(small.model.graph)}\n"
          f"  lpu-compile {model} --target {target} -o m.lpu && lpu-verify m.lpu && "
          f"lpu-run m.lpu --inputs {feeds} --outputs out.npz && "
          f"scripts/compare.py {model} --inputs {feeds} --outputs out.npz", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seeds", metavar="A:B", required=True, help="from A to B - 1")
    parser.add_argument("--kind", help="one kind of model: heads (which no seed draws without it), mlp, residual, encoder, decoder, free")
    parser.add_argument("--target", help="one machine for all of them")
    parser.add_argument("--shrink", type=int, default=400, metavar="N", help="runs that may be spent on a smaller failure")
    parser.add_argument("--agree", type=int, default=0, metavar="PERCENT", help="fail if more models are refused than leave this part")
    parser.add_argument("--modular", action="store_true", help="judge by lpu-verify --against as well")
    parser.add_argument("--proved", type=int, default=0, metavar="PERCENT", help="with --modular: fail if fewer of those that run are equal")
    parser.add_argument("--refused", action="store_true", help="print every refusal")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    counts, reasons, failures = collections.Counter(), collections.defaultdict(list), []
    proved = 0
    first, last = map(int, options.seeds.split(":"))
    for seed in range(first, last):
        choices = random_graphs.Choices(seed=seed)
        case = build(choices, seed, options.kind)
        if case is None:
            counts["empty"] += 1
            continue
        target = options.target or machine_of(seed, options.folder)
        outcome = run(case, target, options.folder, options.modular)
        counts["FAILED" if outcome.failed else outcome.kind] += 1
        proved += outcome.proved
        if outcome.unknown:
            kind = re.search(r"\((?:[\w.]*::)?(\w+);", outcome.unknown)
            reasons[f"without a modular run: {kind[1] if kind else ''}{outcome.unknown.rpartition('):')[2]}"].append(seed)
        if outcome.failed:
            failures.append(seed)
            report_failure(seed, case, outcome, choices.taken, target, options)
        elif outcome.kind != "agrees":
            reasons[f"{outcome.kind}: {reason(outcome.why)}"].append(seed)
            if options.refused:
                print(f"seed {seed} on {pathlib.Path(target).stem}: {outcome.kind}: {outcome.why}", flush=True)
    for why, seeds in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"{len(seeds)} {why} (seed {seeds[0]})")
    print(", ".join(f"{count} {kind}" for kind, count in counts.most_common()) +
          (f"; {proved} also equal to their model modulo a prime" if options.modular else ""))
    judged = sum(counts.values()) - counts["empty"]
    if (counts["agrees"] + counts["rounding"]) * 100 < options.agree * judged:
        print(f"FAILED: wanted {options.agree} % of {judged} to run")
        return 1
    if options.modular and proved * 100 < options.proved * (counts["agrees"] + counts["rounding"]):
        print(f"FAILED: wanted {options.proved} % of those that run to be equal to their models")
        return 1
    return 1 if failures or not counts["agrees"] else 0


if __name__ == "__main__":
    sys.exit(main())
