// Of many rows each chip combines a block, in the order of the group, and hands it to
// the others. All members do the same, so they stay one class; its ports are two now.
// RUN: lpu-opt %s --fabric-decompose --verify-fabric | FileCheck %s

fabric.system {text = "kind: nodes\nchips: 3\n"}
fabric.groups [array<i64: 0, 1, 2>]
fabric.instances @many on [0, 1, 2] peers [0, 0, 0] sources []
func.func @many(%x: tensor<2x100x512xf32> {onnx.name = "x", onnx.type = "float32"})
    -> (tensor<2x100x512xf32> {onnx.name = "y", onnx.type = "float32"}) {
  %0 = fabric.all_reduce add %x : tensor<2x100x512xf32>
  return %0 : tensor<2x100x512xf32>
}
// CHECK: fabric.instances @many on [0, 1, 2] peers [0, 0, 0, 0, 0, 0]
// CHECK-LABEL: func.func @many
// CHECK: %[[ALL:.*]] = fabric.all_to_all %{{.*}} members 3 : tensor<201x512xf32>
// CHECK: %[[A:.*]] = tensor.extract_slice %[[ALL]][0, 0] [67, 512]
// CHECK: %[[B:.*]] = tensor.extract_slice %[[ALL]][67, 0] [67, 512]
// CHECK: %[[AB:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[B]]
// CHECK: %[[C:.*]] = tensor.extract_slice %[[ALL]][134, 0] [67, 512]
// CHECK: %[[ABC:.*]] = linalg.generic {{.*}} ins(%[[AB]], %[[C]]
// CHECK: %[[SUMS:.*]] = fabric.all_gather %[[ABC]] dim 0 offsets [0, 67, 134, 201]
// CHECK: tensor.extract_slice %[[SUMS]][0, 0] [200, 512]
