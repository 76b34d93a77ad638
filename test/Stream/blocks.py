# Attention whose scores exceed the SRAM of a chip is computed block by block: the
# interpreter gives the bits of the whole.
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper

root, folder = map(pathlib.Path, sys.argv[1:3])
batch, seq, keys, size = 4, 90, 90, 16


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def same(a, b):
    with np.load(a) as x, np.load(b) as y:
        return sorted(x) == sorted(y) and len(x.files) > 0 and all(x[n].tobytes() == y[n].tobytes() for n in x)


def flows_of(summary):
    return sum(map(int, re.findall(r"(\d+) flows", summary)))


nodes = [helper.make_node("MatMul", ["q", "k"], ["s"]), helper.make_node("Softmax", ["s"], ["p"], axis=-1),
         helper.make_node("MatMul", ["p", "v"], ["o"])]
shape = {"q": (batch, seq, size), "k": (batch, size, keys), "v": (batch, keys, size)}
graph = helper.make_graph(nodes, "attention", [helper.make_tensor_value_info(n, T.FLOAT, s) for n, s in shape.items()],
                          [helper.make_tensor_value_info("o", T.FLOAT, (batch, seq, size))])
model = folder / "attention.onnx"
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
random = np.random.default_rng(7)
arrays = {n: random.normal(size=s).astype(np.float32) for n, s in shape.items()}
np.savez(folder / "in.npz", **arrays)

mini = (root / "test/Inputs/mini.yaml").read_text()
flows, outputs = {}, {}
for rows in map(int, sys.argv[3:5]):
    target, outputs[rows] = folder / f"mini{rows}.yaml", folder / f"host{rows}.npz"
    target.write_text(mini.replace("rows: 1024 ", f"rows: {rows} "))
    summary = run("lpu-stream", model, "--target", target, "--summary", "--inputs", folder / "in.npz", "--outputs", outputs[rows])
    flows[rows] = flows_of(summary)
large, small = sorted(flows, reverse=True)
print(f"{flows[large]} flows with {large} rows, {flows[small]} with {small}")
if not same(outputs[large], outputs[small]):
    sys.exit("blocks change bits")
if flows[small] <= flows[large]:
    sys.exit("the small chip has no blocks")
s = arrays["q"].astype(np.float64) @ arrays["k"]
p = np.exp(s - s.max(-1, keepdims=True))
want = p / p.sum(-1, keepdims=True) @ arrays["v"]
with np.load(outputs[small]) as got:
    error = np.linalg.norm(got["o"] - want) / np.linalg.norm(want)
print(f"relative error {error:.1e}")
sys.exit(not error < 2e-3)
