// RUN: lpu-opt %s --convert-onnx-to-linalg=narrow-int64 --verify-linalg | FileCheck %s

// Graph inputs, results and constants take 32 bits; "no limit" stays no limit.
// CHECK-LABEL: func.func @ids(
// CHECK-SAME: %arg0: tensor<4xi32>) -> tensor<4xi32>
// CHECK: arith.constant 2147483647 : i32
// CHECK: arith.minsi
func.func @ids(%x: tensor<4xi64>) -> tensor<4xi64> {
  %c = onnx.Constant {value = dense<9223372036854775807> : tensor<i64>} : () -> tensor<i64>
  %0 = onnx.Min %x, %c : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>
  return %0 : tensor<4xi64>
}

// A weight keeps the type of its file and is converted, with saturation.
// CHECK-LABEL: func.func @weight
// CHECK: onnx.Initializer {{.*}} -> tensor<4xi64>
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: arith.trunci
func.func @weight(%x: tensor<4xi64>) -> tensor<4xi64> {
  %w = onnx.Initializer {name = "w", file = "m.onnx", offset = 0 : i64, length = 32 : i64} : () -> tensor<4xi64>
  %0 = onnx.Add %x, %w : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi64>
  return %0 : tensor<4xi64>
}

// Between i64 and i32 nothing is left to convert.
// CHECK-LABEL: func.func @cast
// CHECK-NEXT: return %arg0
func.func @cast(%x: tensor<4xi64>) -> tensor<4xi32> {
  %0 = onnx.Cast %x : (tensor<4xi64>) -> tensor<4xi32>
  return %0 : tensor<4xi32>
}
