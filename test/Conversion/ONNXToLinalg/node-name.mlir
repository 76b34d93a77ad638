// RUN: not lpu-opt %s --convert-onnx-to-linalg 2>&1 | FileCheck %s

// A diagnostic names the node as the ONNX file does.
// CHECK: error: {{.*}}ONNX node "/decoder/TopK" (TopK) cannot be lowered
// CHECK-SAME: result 'tensor<2x40xf32>'; result 'tensor<2x40xi64>'
func.func @named(%x: tensor<2x80xf32>) -> tensor<2x40xf32> {
  %v, %i = onnx.TopK %x {axis = 1 : i64, largest = 1 : i64, sorted = 1 : i64} : (tensor<2x80xf32>) -> (tensor<2x40xf32>, tensor<2x40xi64>) loc("/decoder/TopK")
  return %v : tensor<2x40xf32>
}
