// RUN: lpu-opt %s --convert-onnx-to-linalg --verify-linalg | FileCheck %s

// A broadcast operand is read through a map that drops its missing dims and is
// 0 in dims of size 1; nothing is repeated in memory.
// CHECK-DAG: #[[COLUMN:.*]] = affine_map<(d0, d1, d2) -> (d1, 0)>
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-LABEL: func.func @broadcast
// CHECK: linalg.generic {indexing_maps = [#[[ALL]], #[[COLUMN]], #[[ALL]]]
// CHECK: %[[R:.*]] = arith.subf
// CHECK-NEXT: linalg.yield %[[R]]
func.func @broadcast(%x: tensor<2x3x4xf32>, %c: tensor<3x1xf32>) -> tensor<2x3x4xf32> {
  %0 = onnx.Sub %x, %c : (tensor<2x3x4xf32>, tensor<3x1xf32>) -> tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// A constant whose elements are equal becomes a scalar of the body.
// CHECK-LABEL: func.func @splat
// CHECK-NOT: arith.constant dense
// CHECK: linalg.generic {{.*}} ins(%arg0 : tensor<4xf32>)
// CHECK: %[[C:.*]] = arith.constant 2.500000e-01 : f32
// CHECK: arith.mulf %{{.*}}, %[[C]]
func.func @splat(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = onnx.Constant {value = dense<0.25> : tensor<1xf32>} : () -> tensor<1xf32>
  %0 = onnx.Mul %x, %c : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Elementwise ops look through Expand and added ones: the mask stays 8 values.
// CHECK-LABEL: func.func @view
// CHECK-NOT: tensor.expand_shape
// CHECK: linalg.generic {{.*}} ins(%arg0, %arg1 : tensor<8xi1>, tensor<4x8xf32>)
// CHECK: arith.select
func.func @view(%m: tensor<8xi1>, %x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = onnx.Reshape %m : (tensor<8xi1>) -> tensor<1x8xi1>
  %1 = onnx.Expand %0 : (tensor<1x8xi1>) -> tensor<4x8xi1>
  %z = onnx.Constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %2 = onnx.Where %1, %x, %z : (tensor<4x8xi1>, tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// Constant exponents become products and square roots; 3 needs two products.
// CHECK-LABEL: func.func @pow
// CHECK: arith.mulf
// CHECK: arith.mulf
// CHECK-NOT: arith.mulf
// CHECK: math.sqrt
func.func @pow(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = onnx.Constant {value = dense<3.0> : tensor<f32>} : () -> tensor<f32>
  %half = onnx.Constant {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %0 = onnx.Pow %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = onnx.Pow %0, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// The sign of a ui8 is in the operation once the type has lost it.
// CHECK-LABEL: func.func @unsigned(
// CHECK-SAME: %arg0: tensor<4xi8>) -> tensor<4xi1>
// CHECK: arith.cmpi ult
func.func @unsigned(%x: tensor<4xui8>) -> tensor<4xi1> {
  %0 = onnx.Less %x, %x : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// A reduction is one combiner from its identity; the dims that stay as ones are
// put back by a reshape that elementwise readers look through.
// CHECK-LABEL: func.func @mean
// CHECK: linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<2xf32>)
// CHECK: iterator_types = ["parallel", "reduction"]
// CHECK: arith.addf
// CHECK: arith.constant 2.500000e-01 : f32
// CHECK-NOT: tensor.expand_shape
// CHECK: arith.subf
func.func @mean(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = onnx.ReduceMean %x {axes = array<i64: 1>, keepdims = 1 : i64} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %1 = onnx.Sub %x, %0 : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// A running count of truth values is a product of bytes with a triangle.
// CHECK-LABEL: func.func @positions
// CHECK: arith.constant dense<{{\[\[}}1, 1, 1], [0, 1, 1], [0, 0, 1]]> : tensor<3x3xi8>
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: arith.extsi {{.*}} : i8 to i32
func.func @positions(%m: tensor<1x3xi1>) -> tensor<1x3xi32> {
  %0 = onnx.Cast %m : (tensor<1x3xi1>) -> tensor<1x3xi32>
  %1 = onnx.CumSum %0 {axis = 1 : i64, exclusive = 0 : i64, reverse = 0 : i64} : (tensor<1x3xi32>) -> tensor<1x3xi32>
  return %1 : tensor<1x3xi32>
}
