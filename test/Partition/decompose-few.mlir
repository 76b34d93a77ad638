// Few rows go to everybody at once, and everybody combines them: a second exchange would
// take longer than the bytes that it saves.
// RUN: lpu-opt %s --fabric-decompose --verify-fabric | FileCheck %s

fabric.system {text = "kind: nodes\nchips: 2\n"}
fabric.groups [array<i64: 0, 1>]
fabric.instances @few on [0, 1] peers [0, 0, 0, 0] sources []
func.func @few(%x: tensor<5x8xf32> {onnx.name = "x", onnx.type = "float32"},
               %p: tensor<4x6xf32> {onnx.name = "p", onnx.type = "float32"})
    -> (tensor<5x8xf32> {onnx.name = "y", onnx.type = "float32"},
        tensor<4x12xf32> {onnx.name = "q", onnx.type = "float32"}) {
  %0 = fabric.all_reduce max %x : tensor<5x8xf32>
  %1 = fabric.all_gather %p dim 1 offsets [0, 6, 12] : (tensor<4x6xf32>) -> tensor<4x12xf32>
  return %0, %1 : tensor<5x8xf32>, tensor<4x12xf32>
}
// CHECK-LABEL: func.func @few
// CHECK: %[[ALL:.*]] = fabric.all_gather %{{.*}} dim 0 offsets [0, 5, 10]
// CHECK: arith.maximumf
// Parts that stand side by side are gathered one below the other, and joined.
// CHECK: %[[PARTS:.*]] = fabric.all_gather %{{.*}} dim 0 offsets [0, 4, 8]
// CHECK: %[[L:.*]] = tensor.extract_slice %[[PARTS]][0, 0] [4, 6]
// CHECK: %[[R:.*]] = tensor.extract_slice %[[PARTS]][4, 0] [4, 6]
// CHECK: tensor.concat dim(1) %[[L]], %[[R]]
