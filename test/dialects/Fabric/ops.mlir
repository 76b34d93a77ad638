// Tables and transfers print and parse back to themselves.
// RUN: lpu-opt %s | lpu-opt | FileCheck %s

// CHECK: fabric.system {replicas = 2 : i64, text = "kind: nodes
fabric.system {replicas = 2 : i64, text = "kind: nodes\nchips: 4\nchips_per_node: 4\n"}
// CHECK: fabric.groups [array<i64: 0, 1>, array<i64: 2, 3>]
fabric.groups [array<i64: 0, 1>, array<i64: 2, 3>]
// CHECK: fabric.arrays
fabric.arrays [{file = "w.bin", length = 64 : i64, name = "w", offset = 8 : i64}, {literal = dense<[0, 4]> : tensor<2xi32>}]
// CHECK: fabric.instances @body on [0, 1] peers [0, 0, 0, 0, 1, 0] sources []
fabric.instances @body on [0, 1] peers [0, 0, 0, 0, 1, 0] sources []

func.func @body(%x: tensor<4x8xf32>, %p: tensor<2x8xf32>) {
  // CHECK: fabric.send %{{.*}} : tensor<4x8xf32>
  fabric.send %x : tensor<4x8xf32>
  // CHECK: fabric.recv : tensor<4x8xf32>
  %0 = fabric.recv : tensor<4x8xf32>
  // CHECK: fabric.all_reduce max %{{.*}} : tensor<4x8xf32>
  %1 = fabric.all_reduce max %0 : tensor<4x8xf32>
  // CHECK: fabric.reduce_scatter add %{{.*}} dim 0 offsets [0, 2, 4] : (tensor<4x8xf32>) -> tensor<2x8xf32>
  %2 = fabric.reduce_scatter add %1 dim 0 offsets [0, 2, 4] : (tensor<4x8xf32>) -> tensor<2x8xf32>
  // CHECK: fabric.all_gather %{{.*}} dim 0 offsets [0, 2, 4] : (tensor<2x8xf32>) -> tensor<4x8xf32>
  %3 = fabric.all_gather %2 dim 0 offsets [0, 2, 4] : (tensor<2x8xf32>) -> tensor<4x8xf32>
  // CHECK: fabric.broadcast %{{.*}} root 1 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = fabric.broadcast %3 root 1 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}
