// RUN: lpu-opt %s --convert-onnx-to-linalg --verify-linalg | FileCheck %s

// A weight is shared by the batch: its map lacks the batch dim.
// CHECK-DAG: #[[LHS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[RHS:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d2)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-LABEL: func.func @projection
// CHECK: linalg.generic {indexing_maps = [#[[LHS]], #[[RHS]], #[[OUT]]]
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK: %[[P:.*]] = arith.mulf
// CHECK: arith.addf %{{.*}}, %[[P]]
func.func @projection(%x: tensor<2x3x8xf32>) -> tensor<2x3x4xf32> {
  %w = onnx.Initializer {name = "w", file = "m.onnx", offset = 0 : i64, length = 128 : i64} : () -> tensor<8x4xf32>
  %0 = onnx.MatMul %x, %w : (tensor<2x3x8xf32>, tensor<8x4xf32>) -> tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// Half-precision products are summed in f32.
// CHECK-LABEL: func.func @half
// CHECK: arith.extf {{.*}} f16 to f32
// CHECK: arith.truncf {{.*}} f32 to f16
func.func @half(%a: tensor<3x8xf16>, %b: tensor<8x4xf16>) -> tensor<3x4xf16> {
  %0 = onnx.MatMul %a, %b : (tensor<3x8xf16>, tensor<8x4xf16>) -> tensor<3x4xf16>
  return %0 : tensor<3x4xf16>
}

// Softmax: maximum, difference, exponential, sum, quotient; one step each.
// CHECK-LABEL: func.func @softmax
// CHECK: arith.maximumf
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: arith.divf
func.func @softmax(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = onnx.Softmax %x {axis = 1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// Layer normalisation subtracts the mean before it squares: two passes.
// CHECK-LABEL: func.func @norm
// CHECK: arith.addf
// CHECK: arith.subf
// CHECK: %[[S:.*]] = arith.mulf %in, %in
// CHECK: arith.addf
// CHECK: math.rsqrt
// CHECK: arith.mulf
// CHECK: arith.mulf
// CHECK: arith.addf
func.func @norm(%x: tensor<4x8xf32>, %g: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %0 = onnx.LayerNormalization %x, %g, %b {axis = 1 : i64, epsilon = 1.0e-5 : f32} : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
