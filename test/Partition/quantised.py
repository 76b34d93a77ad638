# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A MiniLM that ONNX Runtime has quantised to int8 gives equal bits however it is divided:
# integer sums are exact in any order, and no axis is divided that a float sum runs along.
# REQUIRES: lpu-compile, lpu-opt, lpu-fabric-test, onnx, onnxruntime, model-minilm_ts_eager
# RUN: %python %s %models/minilm_ts_eager.onnx %t.onnx 2>/dev/null
# RUN: %python %S/partitions.py --exact %t.onnx --dim batch=1 --dim seq=16 --plan "chips=2 tp=2 pp=1" --plan "chips=8 tp=8 pp=1" --plan "chips=8 tp=2 pp=4" --plan "chips=8 pp=8 tp=1"
# RUN: %python %S/partitions.py --exact %t.onnx --dim batch=1 --dim seq=16 --target %S/Inputs/small32.yaml --plan "chips=64" --plan "chips=48"
import sys

from onnxruntime.quantization import QuantType, quantize_dynamic

quantize_dynamic(sys.argv[1], sys.argv[2], weight_type=QuantType.QInt8)
