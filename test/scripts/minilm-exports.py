# The four MiniLM files: opset and weights as documented, no Dropout (exported in
# eval mode), and one function: ONNX Runtime computes the same from each. The fifth holds
# the first layer, and only that, with the same weights.
# REQUIRES: onnxruntime, transformers, model-minilm_ts_eager, model-minilm_dynamo_sdpa, model-minilm_ts_layer
# RUN: %python %s %root %models
import pathlib
import sys

import numpy as np
import onnx
import onnx.numpy_helper

root, models = map(pathlib.Path, sys.argv[1:])
sys.path.insert(0, str(root / "scripts"))
import compare
import texts

inputs = texts.batch(30, 2, 48)
assert not inputs["attention_mask"].all(), "the case needs padding"
outputs = {}
for name, opset in [("ts_eager", 17), ("ts_sdpa", 17), ("dynamo_eager", 18), ("dynamo_sdpa", 18)]:
    path = models / f"minilm_{name}.onnx"
    model = onnx.load(path, load_external_data=False)
    assert [o.version for o in model.opset_import if o.domain == ""] == [opset], name
    operators = {node.op_type for node in model.graph.node}
    assert "Dropout" not in operators, name
    assert ("IsNaN" in operators) == name.endswith("sdpa"), name
    assert {"Erf", "ReduceL2", "Clip", "Range", "GreaterOrEqual", "Expand"} <= operators, name
    assert path.with_suffix(".onnx.data").exists() == name.startswith("dynamo"), name
    for value in model.graph.input:
        assert [d.dim_param for d in value.type.tensor_type.shape.dim] == ["batch", "seq"], name
    outputs[name] = compare.reference(path, inputs)
for name, output in outputs.items():
    for key, want in outputs["ts_eager"].items():
        assert compare.measure(output[key], want)[0] < 1e-5, (name, key)
    assert np.allclose(np.linalg.norm(output["sentence_embedding"], axis=1), 1, atol=1e-5)


# Weights of products have names of their own in the graph, their values are those of the checkpoint.
def products(name):
    graph = onnx.load(models / f"minilm_{name}.onnx").graph
    weights = {i.name: i for i in graph.initializer}
    return [onnx.numpy_helper.to_array(weights[node.input[1]]) for node in graph.node
            if node.op_type == "MatMul" and node.input[1] in weights]


whole, layer = products("ts_eager"), products("ts_layer")
assert len(whole) == 36 and len(layer) == 6, (len(whole), len(layer))
assert all(np.array_equal(a, b) for a, b in zip(whole, layer))
