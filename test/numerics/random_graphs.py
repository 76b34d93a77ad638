# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model under construction out of recorded decisions.

Two ideas keep the generators of random_operators.py and random_structures.py short:

Decisions are a list. All that is drawn comes from a Choices, which writes down each
number. The same list gives the same model, and any other list gives some valid model,
smaller numbers a simpler one (options stand with the simplest first). So a failing
model shrinks without knowledge of ONNX: shrink.py leaves numbers out, lowers others,
and looks whether the failure is still there.

Every node is evaluated when it is added, by ONNX Runtime, alone. So no shape is
worked out here, a combination of attributes that is not legal is found at once and
left out, and values that no fp32 comparison could judge (infinite, huge) never arise.
"""
import contextlib
import dataclasses
import functools
import random
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

onnxruntime.set_default_logger_severity(4)

# How closely an output must agree with ONNX Runtime. Moved: the same bits. Equal: the
# same values, but for the sign of zero. Vector, product: the tables fp32 and fp16 of
# test/tolerances.toml. A node is never tighter than what it reads.
MOVED, EQUAL, VECTOR, PRODUCT = range(4)

LARGEST = 1e4        # float values; fp16 operands end at 65,504
LARGEST_INTEGER = 2 ** 30
MOST_ELEMENTS = 20000


class Rejected(Exception):
    """This node cannot be added here: the generator goes on without it."""


class Choices:
    """Decisions, drawn from a seed or replayed from a list; after its end all are 0."""

    def __init__(self, seed=None, replay=None):
        self.random = random.Random(seed) if replay is None else None
        self.replay, self.taken, self.spans = replay, [], []

    def below(self, count: int) -> int:
        at = len(self.taken)
        if self.random:
            value = self.random.randrange(count)
        else:
            value = min(self.replay[at], count - 1) if at < len(self.replay) else 0
        self.taken.append(value)
        return value

    def pick(self, options):
        options = list(options)
        if not options:
            raise Rejected("nothing to choose from")
        return options[self.below(len(options))]

    def chance(self, percent: int) -> bool:
        return self.below(100) >= 100 - percent

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def order(self, items) -> list:
        """A permutation; all zeros is the one given."""
        items, out = list(items), []
        while items:
            out.append(items.pop(self.below(len(items))))
        return out

    @contextlib.contextmanager
    def span(self):
        """Decisions that make one thing, which shrinking may leave out as a whole."""
        begin = len(self.taken)
        try:
            yield
        finally:
            self.spans.append((begin, len(self.taken)))


@dataclasses.dataclass
class Value:
    name: str
    array: np.ndarray
    gate: int
    constant: bool = False

    @property
    def shape(self):
        return self.array.shape

    @property
    def rank(self):
        return self.array.ndim

    @property
    def kind(self):
        """f, i (signed, also 64 bits), u, b."""
        return self.array.dtype.kind


@functools.lru_cache(maxsize=None)
def session_options():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def evaluate(model: onnx.ModelProto, feeds: dict) -> dict:
    """Outputs by ONNX Runtime, one thread, no optimisation."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), session_options(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    wanted = {value.name for value in session.get_inputs()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(zip(names, session.run(names, {k: v for k, v in feeds.items() if k in wanted})))


def info(name: str, array: np.ndarray):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def make_model(nodes, inputs: dict, outputs: list, constants: dict, opset: int, name: str) -> onnx.ModelProto:
    """Inputs and constants are arrays by name, outputs are ValueInfos."""
    graph = helper.make_graph(nodes, name, [info(k, v) for k, v in inputs.items()], outputs,
                              [numpy_helper.from_array(v, k) for k, v in constants.items()])
    domains = [helper.make_opsetid("", opset)]
    if any(node.domain == "com.microsoft" for node in nodes):
        domains.append(helper.make_opsetid("com.microsoft", 1))
    return helper.make_model(graph, opset_imports=domains, ir_version=10 if opset >= 21 else 8)


class Graph:
    """Nodes, inputs and constants so far, all with their values."""

    def __init__(self, choices: Choices, seed: int, opset: int):
        self.choices, self.seed, self.opset = choices, seed, opset
        self.nodes, self.inputs, self.constants, self.values = [], {}, {}, {}

    # --- Data: by their number from the seed, so that no decision moves the others' -----
    def rng(self):
        return np.random.default_rng([self.seed, len(self.inputs), len(self.constants)])

    def floats(self, *shape, scale=1.0):
        return (self.rng().standard_normal(shape) * scale).astype(np.float32)

    def integers(self, low: int, high: int, shape=(), dtype=np.int64):
        return self.rng().integers(low, high, shape).astype(dtype)

    def input(self, array, gate=MOVED) -> Value:
        name = f"x{len(self.inputs)}"
        self.inputs[name] = np.asarray(array)
        self.values[name] = Value(name, self.inputs[name], gate)
        return self.values[name]

    def const(self, array, dtype=None) -> Value:
        array = np.asarray(array, dtype)
        for name, known in self.constants.items():
            if known.size == 1 and array.size == 1 and known.dtype == array.dtype and known.shape == array.shape and known == array:
                return Value(name, known, MOVED, constant=True)
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        return Value(name, array, MOVED, constant=True)

    def weight(self, *shape, scale=None) -> Value:
        return self.const(self.floats(*shape, scale=scale or (shape[0] if shape else 1) ** -0.5))

    def ints(self, *values) -> Value:
        return self.const(np.array(values, np.int64))

    # --- Nodes ---------------------------------------------------------------------------
    def add(self, op: str, *operands, results=1, gate=MOVED, domain="", **attributes):
        """A node; its Value, or a list of them. None as an operand leaves an optional one out."""
        operands = list(operands)
        while operands and operands[-1] is None:
            operands.pop()
        number = len(self.nodes)
        names = [f"{op.lower()}_{number}" + (f"_{i}" if results > 1 else "") for i in range(results)]
        node = helper.make_node(op, [v.name if v else "" for v in operands], names, name=f"/{op}_{number}", domain=domain,
                                **{k: v for k, v in attributes.items() if v is not None})
        read = {v.name: v.array for v in operands if v}
        outputs = [helper.make_empty_tensor_value_info(name) for name in names]
        try:
            arrays = evaluate(make_model([node], read, outputs, {}, self.opset, "one"), read)
        except Exception as why:
            if type(why).__module__.startswith("onnxruntime") or isinstance(why, RuntimeError):
                raise Rejected(str(why))
            raise
        for array in arrays.values():
            if not 0 < array.size <= MOST_ELEMENTS or array.ndim > 6:
                raise Rejected("size")
            if array.dtype.kind == "f" and not (np.isfinite(array).all() and np.abs(array).max() <= LARGEST):
                raise Rejected("not finite, or large")
            if array.dtype.kind in "iu" and not -LARGEST_INTEGER <= int(array.min()) <= int(array.max()) <= LARGEST_INTEGER:
                raise Rejected("large integer")
        self.nodes.append(node)
        gate = max([gate] + [v.gate for v in operands if v])
        made = [Value(name, arrays[name], gate) for name in names]
        # What only constants make is a constant too: of this a model may have much.
        for value in made:
            value.constant = all(v.constant for v in operands if v)
            self.values[value.name] = value
        return made[0] if results == 1 else made

    def value(self, kinds="f", rank=0, exact=False, where=lambda v: True) -> Value:
        """One of the last values that fit, the newest as the simplest choice."""
        fitting = [v for v in reversed(list(self.values.values()))
                   if v.kind in kinds and v.rank >= rank and (not exact or v.gate <= EQUAL) and where(v)]
        return self.choices.pick(fitting[:6])

    def axis(self, rank: int) -> int:
        """An axis, counted from either end."""
        return self.choices.pick([*range(rank), *range(-rank, 0)])

    def finish(self):
        """(model, feeds, gate of each value): what nobody reads is an output, and sometimes more."""
        read = {name for node in self.nodes for name in node.input}
        made = [self.values[name] for node in self.nodes for name in node.output]
        also = self.choices.below(100)  # one draw: 90 and more names a value that is read as well
        outputs = [v for i, v in enumerate(made) if not v.constant and (v.name not in read or also >= 90 and i % 10 == also - 90)]
        if not outputs:
            raise Rejected("no output depends on an input")
        wanted, kept = {v.name for v in outputs}, []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                kept.insert(0, node)
                wanted |= set(node.input)
        inputs = {k: v for k, v in self.inputs.items() if k in wanted}
        constants = {k: v for k, v in self.constants.items() if k in wanted}
        model = make_model(kept, inputs, [info(v.name, v.array) for v in outputs], constants, self.opset, f"seed_{self.seed}")
        return model, inputs, {name: self.values[name].gate for node in kept for name in node.output}
