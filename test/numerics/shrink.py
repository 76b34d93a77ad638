# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes a failing random model small.

First on the decisions that made it (random_graphs.Choices): parts are left out and
numbers lowered as long as the failure stays. Any list of decisions is a valid model,
so sizes, attributes and operators all get simpler here, with their operands in step.
Then on the nodes, for what one decision makes many of (an attention): an output alone,
a value in the middle as an input with the contents it has, or as the output.
"""
import numpy as np
import onnx
from onnx import helper, numpy_helper

import random_graphs


class Budget:
    def __init__(self, runs: int, still):
        self.left, self.still = runs, still

    def __call__(self, case) -> bool:
        if case is None or self.left <= 0:
            return False
        self.left -= 1
        return self.still(case)


def decisions(case, taken: list, build, fails: Budget):
    """The smallest (case, decisions) found."""
    best = random_graphs.Choices(replay=taken)
    build(best)

    def attempt(values) -> bool:
        nonlocal best, case
        choices = random_graphs.Choices(replay=values)
        smaller = build(choices)
        key = (len(choices.taken), choices.taken)
        if key >= (len(best.taken), best.taken) or not fails(smaller):
            return False
        best, case = choices, smaller
        return True

    progress = True
    while progress and fails.left > 0:
        progress = False
        # Whole parts, the longest first; then what is left of the list from its end.
        for begin, end in sorted(best.spans, key=lambda s: s[0] - s[1]):
            if end <= len(best.taken) and attempt(best.taken[:begin] + best.taken[end:]):
                progress = True
                break
        if progress:
            continue
        at = 0
        while at < len(best.taken) and fails.left > 0:
            value = best.taken[at]
            for lower in sorted({0, value // 2, value - 1} - {value, -1}):
                if attempt(best.taken[:at] + [lower] + best.taken[at + 1:]):
                    progress = True
                    break
            at += 1
    return case


def with_parts(case, nodes, inputs: dict, outputs: list, values: dict, make):
    """The case of these nodes only, with these inputs and outputs."""
    constants = {t.name: numpy_helper.to_array(t) for t in case.model.graph.initializer}
    read, kept = set(outputs), []
    for node in reversed(nodes):
        if read & set(node.output) and not set(node.output) <= set(inputs):
            kept.insert(0, node)
            read |= set(node.input)
    opset = next(o.version for o in case.model.opset_import if not o.domain)
    model = random_graphs.make_model(
        kept, {k: v for k, v in inputs.items() if k in read}, [random_graphs.info(name, values[name]) for name in outputs],
        {k: v for k, v in constants.items() if k in read}, opset, case.model.graph.name)
    return make(model, {k: v for k, v in inputs.items() if k in read}, {name: case.gates[name] for node in kept for name in node.output})


def all_values(case) -> dict:
    """Every value that nodes make or read, but for constants, as an array."""
    model = onnx.ModelProto.FromString(case.model.SerializeToString())
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for node in model.graph.node for name in node.output if name)
    return random_graphs.evaluate(model, case.feeds) | case.feeds


def nodes(case, fails: Budget, make):
    progress = True
    while progress and fails.left > 0:
        progress = False
        values, graph = all_values(case), case.model.graph
        made = [name for node in graph.node for name in node.output if name]
        outputs = [o.name for o in graph.output]
        # One output, or an earlier value as the only one; then values as inputs, the last ones first.
        ways = [(case.feeds, [name]) for name in outputs + made if [name] != outputs]
        ways += [(case.feeds | {name: values[name]}, outputs) for name in reversed(made) if name not in outputs]
        for inputs, wanted in ways:
            smaller = with_parts(case, list(graph.node), inputs, wanted, values, make)
            if len(smaller.model.graph.node) < len(graph.node) and smaller.feeds and fails(smaller):
                case, progress = smaller, True
                break
    return case


def case(failing, taken: list, build, still, runs: int, make):
    """`build` makes a case of Choices, `still` says whether it fails in the same way."""
    fails = Budget(runs, still)
    small = decisions(failing, taken, build, fails)
    fails.left = max(fails.left, runs // 4)
    return nodes(small, fails, make)
