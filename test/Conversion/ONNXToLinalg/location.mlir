// RUN: lpu-opt %s --convert-onnx-to-linalg --mlir-print-debuginfo | FileCheck %s

// Every op that comes out of a node carries the node's name, so does its body.
// CHECK: #[[NODE:.*]] = loc("/encoder/Relu")
// CHECK: tensor.empty() : tensor<4xf32> loc(#[[NODE]])
// CHECK: arith.constant 0.000000e+00 : f32 loc(#[[NODE]])
// CHECK: arith.maximumf {{.*}} loc(#[[NODE]])
// CHECK: } -> tensor<4xf32> loc(#[[NODE]])
func.func @location(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = onnx.Relu %x : (tensor<4xf32>) -> tensor<4xf32> loc("/encoder/Relu")
  return %0 : tensor<4xf32>
}
