# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model as ONNX Runtime's own tools write it: compiled, run, compared.

    runtime_files.py FOLDER signed model.onnx [what run_model.py takes]

    signed     quantize_dynamic, weights in signed bytes, one scale per tensor
    unsigned   the same, weights in unsigned bytes with a zero point
    columns    unsigned bytes, scale and zero point per column
    optimised  onnxruntime.transformers.optimizer for BERT, fused operators

Quantised files are compared with ONNX Runtime on the same file in which the operands
of the float products (attention) are rounded to fp16, as scripts/fp16_model.py does
it: the one thing that the chip does otherwise. Why, stands in test/tolerances.toml.
"""
import contextlib
import io
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run_model  # noqa: E402  (also makes scripts/ importable)

KINDS = {"signed": ("QInt8", False), "unsigned": ("QUInt8", False), "columns": ("QUInt8", True)}


def write(kind: str, source: str, target: pathlib.Path) -> None:
    if kind == "optimised":
        from onnxruntime.transformers import optimizer
        optimizer.optimize_model(source, model_type="bert", num_heads=0, hidden_size=0,
                                 opt_level=0).save_model_to_file(str(target))
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic
    element, per_channel = KINDS[kind]
    quantize_dynamic(source, str(target), weight_type=getattr(QuantType, element), per_channel=per_channel)


def main() -> int:
    folder, kind, source, *rest = sys.argv[1:]
    target = pathlib.Path(folder) / f"{pathlib.Path(source).stem}_{kind}.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        write(kind, source, target)
    if kind in KINDS:
        import fp16_model
        import onnx
        reference = target.with_suffix(".fp16.onnx")
        onnx.save(fp16_model.round_operands(onnx.load(target), set()), reference)
        rest += ["--reference", str(reference), "--precision", "int8"]
    sys.argv[1:] = [str(target), *rest]
    return run_model.main()


if __name__ == "__main__":
    sys.exit(main())
