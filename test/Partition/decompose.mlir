// A collective becomes messages: each chip combines one part of the rows, in the order
// of the group, and sends it back.
// RUN: lpu-opt %s --fabric-decompose --verify-fabric | FileCheck %s

fabric.system {text = "kind: nodes\nchips: 2\n"}
fabric.groups [array<i64: 0, 1>]
fabric.instances @body on [0, 1] peers [0, 0] sources []
func.func @body(%x: tensor<5x8xf32> {onnx.name = "x", onnx.type = "float32"})
    -> (tensor<5x8xf32> {onnx.name = "y", onnx.type = "float32"}) {
  %0 = fabric.all_reduce add %x : tensor<5x8xf32>
  return %0 : tensor<5x8xf32>
}
// CHECK-NOT: fabric.groups
// CHECK: fabric.instances @chip0 on [0] peers [1, 1, 1, 1]
// CHECK: fabric.instances @chip1 on [1] peers [0, 0, 0, 0]
// CHECK-LABEL: func.func @chip0
// CHECK: %[[THEIRS:.*]] = tensor.extract_slice %{{.*}}[3, 0] [2, 8]
// CHECK: fabric.send %[[THEIRS]] : tensor<2x8xf32>
// CHECK: %[[OWN:.*]] = tensor.extract_slice %{{.*}}[0, 0] [3, 8]
// CHECK: %[[GOT:.*]] = fabric.recv : tensor<3x8xf32>
// CHECK: linalg.generic {{.*}} ins(%[[OWN]], %[[GOT]]
// CHECK: fabric.send %{{.*}} : tensor<3x8xf32>
// CHECK: fabric.recv : tensor<2x8xf32>
// CHECK: tensor.concat dim(0)
