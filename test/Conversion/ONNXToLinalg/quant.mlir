// RUN: lpu-opt %s --convert-onnx-to-linalg --verify-linalg | FileCheck %s

// Signed bytes without zero points: the product and nothing else.
// CHECK-LABEL: func.func @plain
// CHECK: arith.extsi {{.*}} i8 to i32
// CHECK: arith.extsi {{.*}} i8 to i32
// CHECK: arith.muli
// CHECK: arith.addi
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @plain(%a: tensor<3x8xi8>, %b: tensor<8x4xi8>) -> tensor<3x4xi32> {
  %n = onnx.NoValue : () -> none
  %0 = onnx.MatMulInteger %a, %b, %n, %n : (tensor<3x8xi8>, tensor<8x4xi8>, none, none) -> tensor<3x4xi32>
  return %0 : tensor<3x4xi32>
}

// Unsigned activations are fed as signed bytes (top bit flipped); their zero
// point, moved by 128 as well, leaves through the column sums of the weight.
// CHECK-LABEL: func.func @dynamic
// CHECK: arith.constant -128 : i8
// CHECK: arith.xori
// CHECK: arith.extui {{.*}} i8 to i32
// CHECK: arith.constant 128 : i32
// CHECK: arith.subi
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: arith.muli
// CHECK: iterator_types = ["reduction", "parallel"]
// CHECK: arith.muli
// CHECK: arith.subi
func.func @dynamic(%a: tensor<3x8xui8>, %za: tensor<ui8>, %b: tensor<8x4xi8>) -> tensor<3x4xi32> {
  %zb = onnx.Constant {value = dense<0> : tensor<i8>} : () -> tensor<i8>
  %0 = onnx.MatMulInteger %a, %b, %za, %zb : (tensor<3x8xui8>, tensor<8x4xi8>, tensor<ui8>, tensor<i8>) -> tensor<3x4xi32>
  return %0 : tensor<3x4xi32>
}

// Quantising divides, rounds half to even, moves by the zero point, saturates;
// unsigned results are signed ones, less by 128, whose top bit is flipped at the end.
// CHECK-LABEL: func.func @quantize
// CHECK: arith.constant 128 : i32
// CHECK: arith.subi
// CHECK: arith.divf
// CHECK: math.roundeven
// CHECK: arith.sitofp
// CHECK: arith.addf
// CHECK: arith.constant -1.280000e+02 : f32
// CHECK: arith.maximumf
// CHECK: arith.constant 1.270000e+02 : f32
// CHECK: arith.minimumf
// CHECK: arith.fptosi
// CHECK: arith.constant -128 : i8
// CHECK: arith.xori
func.func @quantize(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<ui8>) -> tensor<4xui8> {
  %0 = onnx.QuantizeLinear %x, %s, %z {axis = 0 : i64} : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  return %0 : tensor<4xui8>
}

// What is quantised only to be multiplied never becomes unsigned.
// CHECK-LABEL: func.func @both
// CHECK: arith.fptosi
// CHECK-NOT: arith.xori
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
func.func @both(%x: tensor<3x8xf32>, %s: tensor<f32>, %z: tensor<ui8>, %b: tensor<8x4xi8>) -> tensor<3x4xi32> {
  %zb = onnx.Constant {value = dense<0> : tensor<i8>} : () -> tensor<i8>
  %a = onnx.QuantizeLinear %x, %s, %z {axis = 0 : i64} : (tensor<3x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<3x8xui8>
  %0 = onnx.MatMulInteger %a, %b, %z, %zb : (tensor<3x8xui8>, tensor<8x4xi8>, tensor<ui8>, tensor<i8>) -> tensor<3x4xi32>
  return %0 : tensor<3x4xi32>
}
