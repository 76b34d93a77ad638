# The stream program, interpreted with the numerics of docs/isa.md, gives the bits of
# the emulator: the scheduler changes when things happen, never what. Small products here,
# whole encoders and MiniLM below.
# REQUIRES: lpu-compile, lpu-stream, lpu-run, onnx
# RUN: rm -rf %t && mkdir %t
# RUN: %python %s %root %t --products
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper, numpy_helper

root, folder = map(pathlib.Path, sys.argv[1:3])
sys.path.append(str(root / "scripts"))
import model_inputs  # noqa: E402

random = np.random.default_rng(3)
failed = []


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")


def check(model, target, arrays, dims={}):
    package, inputs, chip, host = (folder / name for name in ("m.lpu", "in.npz", "chip.npz", "host.npz"))
    flags = ["--target", target, *(f for n, s in dims.items() for f in ("--dim", f"{n}={s}"))]
    np.savez(inputs, **arrays)
    run("lpu-compile", model, *flags, "-o", package, "--quiet")
    run("lpu-run", package, "--inputs", inputs, "--outputs", chip)
    run("lpu-stream", model, *flags, "--inputs", inputs, "--outputs", host)
    with np.load(chip) as a, np.load(host) as b:
        same = sorted(a) == sorted(b) and len(a.files) > 0 and all(
            a[n].dtype == b[n].dtype and a[n].shape == b[n].shape and a[n].tobytes() == b[n].tobytes() for n in a)
    print(f"{model.stem} on {pathlib.Path(target).stem}: {'equal bits' if same else 'bits DIFFER'}", flush=True)
    if not same:
        failed.append(model.stem)


def products():
    for m, k, n, int8 in (9, 40, 24, True), (9, 40, 24, False), (70, 100, 50, False), (1, 200, 40, True):
        weights = random.integers(-128, 128, (k, n)).astype(np.int8) if int8 else random.normal(size=(k, n)).astype(np.float32)
        op, into, out = ("MatMulInteger", T.INT8, T.INT32) if int8 else ("MatMul", T.FLOAT, T.FLOAT)
        model = folder / f"product_{m}x{k}x{n}_{'int8' if int8 else 'fp16'}.onnx"
        graph = helper.make_graph([helper.make_node(op, ["a", "w"], ["c"])], "product",
                                  [helper.make_tensor_value_info("a", into, (m, k))],
                                  [helper.make_tensor_value_info("c", out, (m, n))], [numpy_helper.from_array(weights, "w")])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
        # Subnormals, infinity and NaN too: bits are bits.
        a = (random.integers(-128, 128, (m, k)).astype(np.int8) if int8
             else np.resize(np.append(random.normal(size=k + 3), [1e-7, 7e4, np.nan]), (m, k)).astype(np.float32))
        for target in root / "test/Inputs/mini.yaml", "lpu1":
            check(model, target, {"a": a})


if sys.argv[3] == "--products":
    products()
for argument in sys.argv[3:]:
    if not argument.startswith("--"):
        model, *sizes = argument.split(":")
        dims = {n: int(s) for n, s in (size.split("=") for size in sizes)}
        check(pathlib.Path(model), "lpu1", model_inputs.make(pathlib.Path(model), dims, 5), dims)
sys.exit(bool(failed))
