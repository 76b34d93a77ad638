// Features that fill several vectors: the vectors stand below one another, so that an exchange is as long a text as
// that of one vector's width, and its blocks need not end where rows do.
// RUN: lpu-opt %s --fabric-decompose="target=cell32" --verify-fabric | FileCheck %s

fabric.system {text = "kind: nodes\nchips: 4\n"}
fabric.groups [array<i64: 0, 1, 2, 3>]
fabric.instances @wide on [0, 1, 2, 3] peers [0, 0, 0, 0] sources []
func.func @wide(%x: tensor<1x50x96xf32> {onnx.name = "x", onnx.type = "float32"})
    -> (tensor<1x50x96xf32> {onnx.name = "y", onnx.type = "float32"}) {
  %0 = fabric.all_reduce add %x : tensor<1x50x96xf32>
  return %0 : tensor<1x50x96xf32>
}
// CHECK-LABEL: func.func @wide
// CHECK: %[[VECTORS:.*]] = tensor.expand_shape {{.*}} output_shape [50, 3, 32]
// CHECK: linalg.transpose ins(%[[VECTORS]] : tensor<50x3x32xf32>) outs({{.*}} : tensor<3x50x32xf32>) permutation = [1, 0, 2]
// CHECK: fabric.all_to_all %{{.*}} members 4 : tensor<152x32xf32>
// CHECK: fabric.all_gather %{{.*}} dim 0 offsets [0, 38, 76, 114, 152]
// CHECK: %[[BACK:.*]] = linalg.transpose ins({{.*}} : tensor<3x50x32xf32>) outs({{.*}} : tensor<50x3x32xf32>) permutation = [1, 0, 2]
