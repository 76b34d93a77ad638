#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX's own node tests through import, lowering and the host.

    test/numerics/onnx_suite.py [--match softmax] [--refused]

Every case of the `onnx` package is imported (at an opset between 14 and 23, if its
operator is the same there) as it is or, if it takes a shape or an axis at run time,
with all inputs but the first as constants. It then counts as passed (equal to ONNX's
expected outputs), refused (by the importer or the lowering, with its reason), or wrong:
exit code 1. `--refused` lists the reasons. Takes minutes: not part of the test suite.
"""
import argparse
import collections
import concurrent.futures
import pathlib
import re
import sys
import tempfile
import warnings

import numpy as np
import onnx

import linalg_jit

BATCH = 100  # functions compiled together


def collect(match: str) -> list:
    """(name, model, inputs, outputs, rtol, atol) of the node tests."""
    warnings.filterwarnings("ignore")
    from onnx.backend.test.case.node import collect_testcases
    return [(case.name, renumber(case.model), *case.data_sets[0], case.rtol or 1e-3, case.atol or 1e-7)
            for case in collect_testcases(None)
            if case.model is not None and case.data_sets and re.search(match, case.name)]


def renumber(model):
    """The same model at an opset that exporters write, if none of its operators changed."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.ir_version = min(model.ir_version, 10)
    if len(model.opset_import) == 1 and model.opset_import[0].domain == "":
        opset = model.opset_import[0]
        def since(version):
            return [onnx.defs.get_schema(n.op_type, version, "").since_version for n in model.graph.node]
        for version in ([] if 14 <= opset.version <= 23 else range(14, 24)):
            try:
                same = since(version) == since(opset.version)
            except onnx.defs.SchemaError:
                continue
            if same:
                opset.version = version
                break
    return model


def with_constants(model, inputs: list):
    """The model with all inputs but the first as initializers."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    for value, array in zip(list(model.graph.input)[1:], inputs[1:]):
        if not isinstance(array, np.ndarray):
            return None
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
        model.graph.input.remove(value)
    return model


def attempt(model, path: pathlib.Path):
    """(onnx dialect text, None) or (None, (who, first message))."""
    path.write_bytes(model.SerializeToString())
    try:
        who = "importer"
        text = linalg_jit.run([linalg_jit.tool("lpu-translate"), "--import-onnx", str(path)])
        who = "lowering"
        linalg_jit.lower(text)
        return text, None
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if "error: " in line]
        return None, (who, (lines or str(error).splitlines())[0].split("error: ", 1)[-1])


def prepare(case, folder: pathlib.Path):
    """The case as (text, inputs), or its refusal."""
    name, model, inputs, *_ = case
    path = folder / f"{name}.onnx"
    text, refusal = attempt(model, path)
    if text is None and len(inputs) > 1:
        constant = with_constants(model, inputs)
        if constant is not None:
            second, other = attempt(constant, path)
            if second is not None:
                return second, inputs[:1], None
            # The lowering has the more precise reason.
            refusal = other if other[0] == "lowering" else refusal
    return text, inputs, refusal


def agree(got, want, rtol: float, atol: float) -> bool:
    want = np.asarray(want)
    if got.dtype != want.dtype:
        got = got.view(want.dtype) if got.itemsize == want.itemsize else got.astype(want.dtype)
    if got.shape != want.shape:
        return False
    if want.dtype.kind != "f":
        return np.array_equal(got, want)
    if want.dtype == np.float16:  # ONNX rounds at other places: four units in the last one
        rtol = max(rtol, 2.0 ** -8)
    return np.allclose(got.astype(np.float64), want.astype(np.float64), rtol, atol, equal_nan=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--match", default="", help="regular expression on case names")
    parser.add_argument("--refused", action="store_true", help="list refusals")
    options = parser.parse_args()
    cases = collect(options.match)
    cases = sorted(cases, key=lambda case: case[0])
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            prepared = list(pool.map(lambda case: prepare(case, folder), cases))
        ready = [(case, text, inputs) for case, (text, inputs, _) in zip(cases, prepared) if text]
        refused = [(case[0], refusal) for case, (_, _, refusal) in zip(cases, prepared) if refusal]
        wrong = []
        for start in range(0, len(ready), BATCH):
            part = ready[start:start + BATCH]
            text = ""
            for i, (_, one, _) in enumerate(part):
                body = one[one.index("func.func"):one.rindex("}")]
                # The attributes of arguments and results repeat their ONNX names.
                body = re.sub(r' \{onnx\.name = "[^"]*"\}', "", body)
                text += re.sub(r"func\.func @\w+", f"func.func @case{i}", body, count=1)
            program = linalg_jit.Program(text, folder)
            for i, (case, one, inputs) in enumerate(part):
                name, _, _, outputs, rtol, atol = case
                try:
                    results = program(f"case{i}", *inputs)
                    good = (len(results) == len(outputs)
                            and all(agree(g, w, rtol, atol) for g, w in zip(results, outputs)))
                except (ValueError, TypeError) as error:
                    good, results = False, [error]
                if not good:
                    wrong.append(name)
                    print(f"WRONG {name}\n{one}\ngot {results}\nwant {outputs}\n")
    if options.refused:
        groups = collections.defaultdict(list)
        for name, (who, reason) in refused:
            groups[who, re.sub(r'"[^"]*"|\S*/\S*\.onnx:? ?', "", reason)[:150]].append(name)
        for (who, reason), names in sorted(groups.items(), key=lambda item: -len(item[1])):
            print(f"{len(names):4} {who}: {reason} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})")
    count = collections.Counter(who for _, (who, _) in refused)
    print(f"{len(cases)} cases: {len(ready) - len(wrong)} passed, {count['importer']} refused by the importer, "
          f"{count['lowering']} by the lowering, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
