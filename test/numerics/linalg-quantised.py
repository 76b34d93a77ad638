# Models that ONNX Runtime has quantised dynamically (DynamicQuantizeLinear and
# MatMulInteger; signed, unsigned, per column) come out of import and lowering
# equal to ONNX Runtime: the integer products are exact.
# REQUIRES: lpu-opt, lpu-translate, onnx, onnxruntime, model-bert_ts18_eager
# RUN: %python %s %models/zoo/bert_ts18_eager.onnx %t 2>/dev/null
# RUN: %python %S/linalg_jit.py %t.signed.onnx %t.unsigned.onnx %t.columns.onnx --dim batch=2 --dim seq=16
import sys

from onnxruntime.quantization import QuantType, quantize_dynamic

source, target = sys.argv[1:]
for name, kind, columns in [("signed", QuantType.QInt8, False), ("unsigned", QuantType.QUInt8, False),
                            ("columns", QuantType.QInt8, True)]:
    quantize_dynamic(source, f"{target}.{name}.onnx", weight_type=kind, per_channel=columns)
